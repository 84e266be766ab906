/* SPDX-License-Identifier: MIT */
/*
 * A call over a link: descriptors first, in one packet, then the message; then, with the reply, the packets that
 * belong to it. The daemon is trusted, but it may die at any time: then the link is over, and whatever was on the way
 * is STATUS_DEVICE_REMOVED.
 */
#include "client/link.h"

#include <stdlib.h>

#include "base/os.h"
#include "base/socket.h"
#include "core/sight.h"
#include "wire/packet.h"

/* Descriptors of one call. */
struct cargo {
    struct udxg_link *link;
    unsigned given_count;
    int given[UDXG_SOCKET_DESCRIPTORS];
    unsigned made_count;
    int made[4];
    bool lost; /* one that should have been among them */
};

static bool is_over(void *user)
{
    const struct udxg_link *link = user;

    return udxg_socket_is_over(link->socket_fd);
}

udxg_status udxg_link_create(struct udxg_view *view, int ring_fd, uint32_t room_bytes, int socket_fd,
                             struct udxg_link **ret_link)
{
    struct udxg_link *link = calloc(1, sizeof *link);
    udxg_status status = link ? wire_ring_map(ring_fd, room_bytes, &link->ring) : STATUS_NO_MEMORY;

    udxg_os_close(ring_fd);
    if (udxg_failed(status)) {
        udxg_os_close(socket_fd);
        free(link);
        return status;
    }
    link->view = view;
    link->socket_fd = socket_fd;
    *ret_link = link;
    return STATUS_SUCCESS;
}

void udxg_link_destroy(struct udxg_link *link)
{
    struct wire_request request = {.call = WIRE_CALL_LEAVE};

    wire_ring_ask(&link->ring, &request);
    wire_ring_unmap(&link->ring);
    udxg_os_close(link->socket_fd);
    free(link);
}

/* ---- what a call carries ---- */

/* What is no descriptor travels as a number that is none there either. */
static udxg_status give(struct cargo *cargo, uint64_t *value)
{
    if (*value > INT32_MAX || !udxg_os_is_descriptor((int)*value)) {
        *value = UINT64_MAX;
        return STATUS_SUCCESS;
    }
    if (cargo->given_count == UDXG_SOCKET_DESCRIPTORS) return STATUS_NO_MEMORY;
    cargo->given[cargo->given_count] = (int)*value;
    *value = ++cargo->given_count;
    return STATUS_SUCCESS;
}

/* All ones are the caller itself, here as there. */
static udxg_status name_process(uint64_t *value)
{
    uint32_t pid;

    if (*value == UINT64_MAX) return STATUS_SUCCESS;
    if (!udxg_os_pidfd_pid((intptr_t)*value, &pid)) return STATUS_INVALID_HANDLE;
    *value = UDXG_PROCESS_BY_NUMBER | pid;
    return STATUS_SUCCESS;
}

static udxg_status take_made(struct cargo *cargo, uint64_t *value)
{
    if (cargo->lost) {
        *value = 0;
        return STATUS_NO_MEMORY;
    }
    if (*value > cargo->made_count) return STATUS_DEVICE_REMOVED;
    *value = (uint64_t)cargo->made[*value - 1];
    return STATUS_SUCCESS;
}

static udxg_status take_mapped(struct cargo *cargo, uint64_t *value)
{
    uint64_t offset = *value & ((UINT64_C(1) << WIRE_OFFSET_BITS) - 1);

    if (*value & UDXG_OWN_ADDRESS) {
        *value &= ~UDXG_OWN_ADDRESS;
        return STATUS_SUCCESS;
    }
    *value = (uintptr_t)udxg_view_address(cargo->link->view, (uint32_t)(*value >> WIRE_OFFSET_BITS), offset, is_over,
                                          cargo->link);
    if (*value) return STATUS_SUCCESS;
    return is_over(cargo->link) ? STATUS_DEVICE_REMOVED : STATUS_INVALID_PARAMETER; /* another thread destroys it */
}

static udxg_status carry(void *user, enum udxg_cargo what, uint64_t *value)
{
    switch (what) {
    case UDXG_CARGO_GIVEN:
        return give(user, value);
    case UDXG_CARGO_MADE:
        return take_made(user, value);
    case UDXG_CARGO_MAPPED:
        return take_mapped(user, value);
    case UDXG_CARGO_PROCESS:
        return name_process(value);
    case UDXG_CARGO_COUNT:
        break;
    }
    return STATUS_INVALID_PARAMETER;
}

static udxg_status carry_all(const struct udxg_frame *frame, enum udxg_thunk_id id, enum udxg_cargo what,
                             struct cargo *cargo)
{
    return udxg_thunk_carries(id, what) ? udxg_thunk_carry(frame, what, carry, cargo) : STATUS_SUCCESS;
}

static udxg_status send_given(struct udxg_link *link, const struct cargo *cargo)
{
    struct wire_given given = {.kind = WIRE_GIVEN, .count = cargo->given_count};

    if (!cargo->given_count) return STATUS_SUCCESS;
    return udxg_socket_send(link->socket_fd, &given, sizeof given, cargo->given, cargo->given_count, true);
}

/* ---- what comes with a reply ---- */

static udxg_status take_gift(struct cargo *cargo, const struct wire_gift *gift, int fd, struct wire_ring *ret_ring)
{
    udxg_status status = STATUS_SUCCESS;

    switch ((enum wire_gift_kind)gift->what) {
    case WIRE_GIFT_INHERITABLE:
        udxg_os_make_inheritable(fd);
        /* fall through */
    case WIRE_GIFT_DESCRIPTOR:
        cargo->made[cargo->made_count++] = fd;
        return STATUS_SUCCESS;
    case WIRE_GIFT_WINDOW:
        status = udxg_view_add(cargo->link->view, gift->id, fd, gift->size_bytes, gift->writable);
        break;
    case WIRE_GIFT_RING:
        status = wire_ring_map(fd, (uint32_t)gift->size_bytes, ret_ring);
        break;
    }
    udxg_os_close(fd);
    return status;
}

static bool is_handle(const struct wire_gift *gift)
{
    return gift->what == WIRE_GIFT_DESCRIPTOR || gift->what == WIRE_GIFT_INHERITABLE;
}

/* A window that cannot be mapped ends the session: without it nothing that the daemon says of it has a meaning. */
static udxg_status take_gifts(struct cargo *cargo, const struct wire_reply *reply, struct wire_ring *ret_ring)
{
    udxg_status status = STATUS_SUCCESS;

    for (uint32_t i = 0; i < reply->answer.gifts && !udxg_failed(status); i++) {
        struct wire_gift gift = {0};
        struct udxg_packet packet;
        status = udxg_socket_receive(cargo->link->socket_fd, &gift, sizeof gift, 0, &packet);
        if (status == STATUS_NO_MEMORY && is_handle(&gift)) {
            cargo->lost = true; /* we have no descriptor left for it, and its last copy is closed with that */
            status = STATUS_SUCCESS;
            continue;
        }
        if (udxg_failed(status)) break;
        if (packet.count != 1 || packet.size_bytes != sizeof gift || gift.kind != WIRE_GIFT) {
            udxg_packet_close(&packet);
            status = STATUS_DEVICE_REMOVED;
        } else {
            status = take_gift(cargo, &gift, packet.descriptors[0], ret_ring);
        }
    }
    for (uint32_t i = 0; i < reply->answer.gone_count && i < WIRE_GONE; i++)
        udxg_view_remove(cargo->link->view, reply->gone[i]);
    if (udxg_failed(status)) udxg_socket_shut(cargo->link->socket_fd);
    return udxg_failed(status) ? STATUS_DEVICE_REMOVED : STATUS_SUCCESS;
}

/* ---- calls ---- */

static udxg_status ask(struct cargo *cargo, const struct wire_request *request, struct wire_reply *ret_reply,
                       struct wire_ring *ret_ring)
{
    struct udxg_link *link = cargo->link;

    wire_ring_ask(&link->ring, request);
    if (!wire_ring_await_reply(&link->ring, is_over, link, ret_reply)) return STATUS_DEVICE_REMOVED;
    if (!ret_reply->answer.gifts && !ret_reply->answer.gone_count) return STATUS_SUCCESS;
    return take_gifts(cargo, ret_reply, ret_ring);
}

static udxg_status grow(struct cargo *cargo, uint32_t room_bytes)
{
    struct wire_request request = {.call = WIRE_CALL_GROW, .size_bytes = room_bytes};
    struct udxg_link *link = cargo->link;
    struct wire_ring larger = {0};
    struct wire_reply reply;
    udxg_status status = ask(cargo, &request, &reply, &larger);

    if (!udxg_failed(status)) status = reply.answer.status;
    if (udxg_failed(status)) return status;
    wire_ring_unmap(&link->ring);
    link->ring = larger;
    return STATUS_SUCCESS;
}

static void close_made(struct cargo *cargo)
{
    for (unsigned i = 0; i < cargo->made_count; i++) udxg_os_close(cargo->made[i]);
}

udxg_status udxg_link_call(struct udxg_link *link, enum udxg_thunk_id id, struct udxg_frame *frame)
{
    struct wire_request request = {.call = (uint32_t)id, .size_bytes = udxg_thunk_message_bytes(frame)};
    struct cargo cargo;
    struct wire_reply reply;
    udxg_status status;

    cargo.link = link;
    cargo.given_count = cargo.made_count = 0;
    cargo.lost = false;
    status = carry_all(frame, id, UDXG_CARGO_PROCESS, &cargo);
    if (!udxg_failed(status)) status = carry_all(frame, id, UDXG_CARGO_GIVEN, &cargo);
    if (!udxg_failed(status) && request.size_bytes > link->ring.room_bytes) status = grow(&cargo, request.size_bytes);
    if (udxg_failed(status)) return status;
    request.descriptors = cargo.given_count;
    udxg_thunk_put_message(frame, link->ring.message);
    status = send_given(link, &cargo);
    if (udxg_failed(status)) return status;
    status = ask(&cargo, &request, &reply, NULL);
    if (udxg_failed(status)) return status;
    udxg_thunk_take_message(frame, link->ring.message);
    if (udxg_failed(reply.answer.status)) return reply.answer.status;
    status = carry_all(frame, id, UDXG_CARGO_MADE, &cargo);
    if (!udxg_failed(status)) status = carry_all(frame, id, UDXG_CARGO_MAPPED, &cargo);
    if (!udxg_failed(status)) return reply.answer.status;
    close_made(&cargo);
    return status;
}
