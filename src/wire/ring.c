/* SPDX-License-Identifier: MIT */
/*
 * A ring. The order that makes sleeping safe: a sleeper says so and looks at STATE once more before it sleeps; a writer
 * changes STATE and looks for a sleeper after that. Both are sequentially consistent, so one of them sees the other.
 *
 * Spinning is for two who are at work at the same time on two processors. Who spun a little too short a time does not
 * spin the next 16, 32, ... times; who shares a processor with the other side never does.
 */
#include "wire/ring.h"

#include <string.h>

#include "base/os.h"

#define SPIN_NS 20000u
#define LOOK_NS 100000000u /* a sleeper looks whether the other side is still there: ten times a second */
#define SPINS 64u
#define LOOK_CALLS 64u
#define AWAY_NS 500000u
#define LOOK_SERVER_MS 1000
#define REST_AT_FIRST 16u
#define FAILURES_AT_MOST 8u

_Static_assert(sizeof(struct wire_header) <= WIRE_HEADER_BYTES, "the header has its place");

static uint64_t file_bytes(uint32_t room_bytes)
{
    return udxg_align_up((uint64_t)WIRE_HEADER_BYTES + room_bytes, UDXG_PAGE_SIZE);
}

uint32_t wire_ring_room(uint32_t room_bytes)
{
    return (uint32_t)(file_bytes(room_bytes) - WIRE_HEADER_BYTES);
}

static udxg_status set_up(int fd, uint32_t room_bytes, struct wire_ring *ret_ring)
{
    uint64_t bytes = file_bytes(room_bytes);
    void *address;
    udxg_status status = udxg_os_map(fd, 0, bytes, true, &address);

    if (udxg_failed(status)) return status;
    *ret_ring = (struct wire_ring){
        .header = address,
        .message = (unsigned char *)address + WIRE_HEADER_BYTES,
        .mapped_bytes = bytes,
        .room_bytes = wire_ring_room(room_bytes),
    };
    return STATUS_SUCCESS;
}

udxg_status wire_ring_create(uint32_t room_bytes, struct wire_ring *ret_ring, int *ret_fd)
{
    uint64_t bytes = file_bytes(room_bytes);
    udxg_status status;
    int fd;

    status = udxg_os_memfd("udxg-ring", bytes, &fd);
    if (udxg_failed(status)) return status;
    status = udxg_os_seal_size(fd); /* or the client could take the memory away under our feet */
    if (!udxg_failed(status)) status = set_up(fd, room_bytes, ret_ring);
    if (udxg_failed(status)) {
        udxg_os_close(fd);
        return status;
    }
    *ret_fd = fd;
    return STATUS_SUCCESS;
}

udxg_status wire_ring_map(int fd, uint32_t room_bytes, struct wire_ring *ret_ring)
{
    return set_up(fd, room_bytes, ret_ring);
}

void wire_ring_unmap(struct wire_ring *ring)
{
    if (ring->header) udxg_os_unmap(ring->header, ring->mapped_bytes);
    ring->header = NULL;
}

/* ---- waiting ---- */

/* Whoever has moved finds out after some calls: asking costs as much as a part of a turn. */
static uint32_t own_cpu(struct wire_ring *ring)
{
    if (ring->looked++ % LOOK_CALLS == 0) ring->own_cpu = udxg_os_cpu();
    return ring->own_cpu;
}

static bool is_worth_spinning(struct wire_ring *ring)
{
    return !ring->rest && ring->other_cpu != own_cpu(ring);
}

static bool spin_some(struct wire_ring *ring, uint32_t value)
{
    for (unsigned i = 0; i < SPINS; i++) {
        if (atomic_load_explicit(&ring->header->state, memory_order_acquire) != value) return true;
        __builtin_ia32_pause();
    }
    return false;
}

/* Waits a little while STATE is VALUE; false when that was not enough. The clock is looked at when it takes long. */
static bool spin(struct wire_ring *ring, uint32_t value)
{
    bool changed = spin_some(ring, value);

    for (uint64_t start = changed ? 0 : udxg_os_now_ns(); !changed && udxg_os_now_ns() < start + SPIN_NS;)
        changed = spin_some(ring, value);
    if (changed) ring->failures = 0;
    return changed;
}

static void take_rest(struct wire_ring *ring)
{
    ring->rest = REST_AT_FIRST << ring->failures;
    if (ring->failures < FAILURES_AT_MOST) ring->failures++;
}

static void sleep_while(struct wire_ring *ring, _Atomic uint32_t *sleeps, uint32_t value, int timeout_ms)
{
    atomic_store(sleeps, 1);
    if (atomic_load(&ring->header->state) == value) udxg_os_shared_futex_wait(&ring->header->state, value, timeout_ms);
    atomic_store_explicit(sleeps, 0, memory_order_relaxed);
    ring->looked = 0;
}

static void set_state(struct wire_ring *ring, enum wire_state state, _Atomic uint32_t *sleeps)
{
    atomic_store(&ring->header->state, state);
    if (atomic_load(sleeps)) udxg_os_shared_futex_wake(&ring->header->state);
}

/* ---- the client's side ---- */

void wire_ring_ask(struct wire_ring *ring, const struct wire_request *request)
{
    ring->header->request = *request;
    ring->header->request.cpu = own_cpu(ring);
    /* Somebody has to wake up first: that takes longer than we would spin. */
    if (atomic_load_explicit(&ring->header->server_sleeps, memory_order_relaxed) && !ring->rest) ring->rest = 1;
    set_state(ring, WIRE_REQUEST, &ring->header->server_sleeps);
}

bool wire_ring_await_reply(struct wire_ring *ring, bool (*is_over)(void *user), void *user,
                           struct wire_reply *ret_reply)
{
    bool tried = is_worth_spinning(ring), spun = tried && spin(ring, WIRE_REQUEST);

    if (ring->rest) ring->rest--;
    if (tried && !spun) take_rest(ring); /* a long call: the next may be long as well */
    while (!spun && atomic_load_explicit(&ring->header->state, memory_order_acquire) == WIRE_REQUEST) {
        sleep_while(ring, &ring->header->client_sleeps, WIRE_REQUEST, LOOK_NS / 1000000u);
        if (atomic_load(&ring->header->state) == WIRE_REQUEST && is_over(user)) return false;
    }
    if (atomic_load_explicit(&ring->header->state, memory_order_acquire) != WIRE_REPLY) return false;
    ret_reply->answer = ring->header->answer;
    if (ret_reply->answer.gone_count) memcpy(ret_reply->gone, ring->header->gone, sizeof ret_reply->gone);
    ring->other_cpu = ret_reply->answer.cpu;
    return true;
}

/* ---- the daemon's side ---- */

/* When it was given up, in *RET_GIVEN_UP_NS; 0: it was enough, or there was no turn. */
static void spin_among(struct wire_ring *ring, struct wire_spinners *spinners, uint32_t value,
                       uint64_t *ret_given_up_ns)
{
    *ret_given_up_ns = 0;
    if (atomic_fetch_add_explicit(&spinners->count, 1, memory_order_relaxed) < spinners->most && !spin(ring, value))
        *ret_given_up_ns = udxg_os_now_ns();
    atomic_fetch_sub_explicit(&spinners->count, 1, memory_order_relaxed);
}

bool wire_ring_await_request(struct wire_ring *ring, struct wire_spinners *spinners, const atomic_bool *is_over,
                             struct wire_request *ret_request)
{
    uint32_t state = atomic_load_explicit(&ring->header->state, memory_order_acquire);
    uint64_t given_up_ns = 0;

    if (state != WIRE_REQUEST && is_worth_spinning(ring)) spin_among(ring, spinners, state, &given_up_ns);
    if (ring->rest) ring->rest--;
    while ((state = atomic_load_explicit(&ring->header->state, memory_order_acquire)) != WIRE_REQUEST) {
        if (state == WIRE_CLOSED || atomic_load(is_over)) return false;
        /* With an end: the client can have the system move us to a word of its own (FUTEX_REQUEUE). */
        sleep_while(ring, &ring->header->server_sleeps, state, LOOK_SERVER_MS);
    }
    if (atomic_load(is_over)) return false;
    /* A client that was away for long is another matter: it may be at work again now. */
    if (given_up_ns && udxg_os_now_ns() < given_up_ns + AWAY_NS) take_rest(ring);
    *ret_request = *(volatile struct wire_request *)&ring->header->request;
    ring->other_cpu = ret_request->cpu;
    return true;
}

void wire_ring_answer(struct wire_ring *ring, const struct wire_reply *reply)
{
    ring->header->answer = reply->answer;
    ring->header->answer.cpu = own_cpu(ring);
    memcpy(ring->header->gone, reply->gone, reply->answer.gone_count * sizeof *reply->gone);
    set_state(ring, WIRE_REPLY, &ring->header->client_sleeps);
}

void wire_ring_close(struct wire_ring *ring)
{
    atomic_store(&ring->header->state, WIRE_CLOSED);
    udxg_os_shared_futex_wake(&ring->header->state);
    udxg_os_shared_futex_wake(&ring->header->state); /* the client's thread may sleep on it as well */
}
