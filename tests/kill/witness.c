/* SPDX-License-Identifier: MIT */
/*
 * The witness. It keeps memory with known contents, of its own and lent to victims, waits for what victims hold, and
 * makes calls all the time whose duration it measures. None of these calls changes what the daemon keeps.
 *
 * Threads: the main one answers the test; the prober; in each round up to three that wait.
 */
#include "client.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "gpu.h"

#define OWN_COUNT 4u
#define OWN_BYTES (256u * 1024u)
#define TOLD_SECONDS 30 /* a waiter that has not come back by then never will */

struct waiter {
    pthread_t thread;
    bool started;
    D3DKMT_HANDLE object;
    NTSTATUS status;
    uint64_t told_ns;
};

static struct gpu gpu;
static struct buffer own[OWN_COUNT], library, board;
static struct buffer gift;
static D3DKMT_HANDLE common, gift_fence, mutex; /* of a round */
static const volatile UINT64 *common_value, *gift_value;
static struct waiter common_waiter, gift_waiter, mutex_waiter;
static char wrong[200];

static atomic_uint_fast64_t slowest_ns, probes;

static void complain(const char *what, unsigned number)
{
    if (!wrong[0]) snprintf(wrong, sizeof wrong, "%s (0x%x)", what, number);
}

static void expect(NTSTATUS status, const char *what)
{
    if (status != STATUS_SUCCESS) complain(what, (unsigned)status);
}
#define EXPECT(call) expect(call, #call)

/* ---- the prober ---- */

static void probe(D3DKMT_HANDLE device, D3DKMT_HANDLE fence, uint64_t value)
{
    D3DKMT_QUERYVIDEOMEMORYINFO info = {.hAdapter = gpu.adapter};
    uint64_t since_ns = now_ns(), spent_ns;
    void *bytes;

    NEED(gpu_signal(device, fence, value));
    NEED(gpu_wait(device, fence, value));
    NEED(D3DKMTQueryVideoMemoryInfo(&info));
    NEED(gpu_lock(&gpu, &board, &bytes));
    NEED(gpu_unlock(&gpu, &board));
    spent_ns = now_ns() - since_ns;
    if (spent_ns > atomic_load(&slowest_ns)) atomic_store(&slowest_ns, spent_ns);
    atomic_fetch_add(&probes, 1);
}

static void *probe_main(void *argument)
{
    const volatile UINT64 *at;
    D3DKMT_HANDLE fence;

    (void)argument;
    NEED(gpu_fence(gpu.device, false, &fence, &at));
    for (uint64_t value = 1;; value++) {
        probe(gpu.device, fence, value);
        if (*at < value) complain("a fence fell", (unsigned)*at);
        usleep(1000);
    }
    return NULL;
}

/* ---- waiting ---- */

static void *wait_for_fence(void *argument)
{
    struct waiter *waiter = argument;

    waiter->status = gpu_wait(gpu.device, waiter->object, FENCE_NEVER);
    waiter->told_ns = now_ns();
    return NULL;
}

static void *wait_for_mutex(void *argument)
{
    struct waiter *waiter = argument;
    D3DKMT_ACQUIREKEYEDMUTEX args = {.hKeyedMutex = waiter->object, .Key = 0};

    waiter->status = D3DKMTAcquireKeyedMutex(&args);
    waiter->told_ns = now_ns();
    return NULL;
}

static void start(struct waiter *waiter, D3DKMT_HANDLE object, void *(*main)(void *))
{
    *waiter = (struct waiter){.object = object};
    waiter->started = pthread_create(&waiter->thread, NULL, main, waiter) == 0;
    if (!waiter->started) complain("no thread", 0);
}

static void finish(struct waiter *waiter, NTSTATUS status, const char *what, struct talk *talk)
{
    struct timespec deadline;

    if (!waiter->started) return;
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += TOLD_SECONDS;
    waiter->started = false;
    if (pthread_timedjoin_np(waiter->thread, NULL, &deadline) == ETIMEDOUT) {
        complain(what, 0xffffffff);
        return;
    }
    if (waiter->status != status) complain(what, (unsigned)waiter->status);
    if (waiter->told_ns > talk->killed_ns + talk->told_ns) talk->told_ns = waiter->told_ns - talk->killed_ns;
}

/* ---- a round ---- */

static void lend(struct talk *talk)
{
    D3DKMT_CREATEKEYEDMUTEX args = {0};

    EXPECT(D3DKMTCreateKeyedMutex(&args));
    mutex = args.hKeyedMutex;
    EXPECT(gpu_fence(gpu.device, true, &common, &common_value));
    EXPECT(gpu_share(library.resource, 0x20000, &talk->fds[LENT_LIBRARY]));
    EXPECT(gpu_share(board.resource, 0x1, &talk->fds[LENT_BOARD]));
    EXPECT(gpu_share(common, D3DDDI_SYNC_OBJECT_ALL_ACCESS, &talk->fds[LENT_FENCE]));
    talk->mutex = args.hSharedHandle;
    talk->count = LENT_COUNT;
    talk->kind = TALK_SHARED;
}

static void meet(struct talk *talk)
{
    start(&common_waiter, common, wait_for_fence);
    start(&mutex_waiter, mutex, wait_for_mutex);
    EXPECT(gpu_open_resource(&gpu, talk->fds[GIVEN_GIFT], SHARED_BYTES, &gift));
    EXPECT(gpu_open_fence(gpu.device, talk->fds[GIVEN_FENCE], &gift_fence, &gift_value));
    start(&gift_waiter, gift_fence, wait_for_fence);
    for (unsigned i = 0; i < talk->count; i++) close(talk->fds[i]);
    talk->count = 0;
    talk->kind = TALK_MET;
}

static void look(const struct buffer *buffer, uint64_t seed, const char *what)
{
    void *bytes;

    EXPECT(gpu_lock(&gpu, buffer, &bytes));
    if (!wrong[0] && !are_contents(bytes, buffer->bytes, seed)) complain(what, buffer->allocation);
    EXPECT(gpu_unlock(&gpu, buffer));
}

/* What victims had in common with us is ours alone now. */
static void end_round(struct talk *talk)
{
    D3DKMT_DESTROYKEYEDMUTEX args = {mutex};

    finish(&mutex_waiter, STATUS_ABANDONED, "who waits for a dead one's mutex is told something else", talk);
    finish(&common_waiter, STATUS_SUCCESS, "who waits for what a dead one may signal is told something else", talk);
    finish(&gift_waiter, STATUS_SUCCESS, "who waits for a dead one's fence is told something else", talk);
    if (common_value && *common_value != UINT64_MAX && gift.resource) complain("a lost fence", (unsigned)*common_value);
    if (gift_value && *gift_value != UINT64_MAX) complain("a dead one's fence", (unsigned)*gift_value);
    if (gift.resource) look(&gift, GIFT_SEED, "the contents of what a dead one has shared");
    if (gift.resource) EXPECT(gpu_destroy(&gpu, &gift));
    if (gift_fence) EXPECT(gpu_close_fence(gift_fence));
    if (common) EXPECT(gpu_close_fence(common));
    if (mutex) EXPECT(D3DKMTDestroyKeyedMutex(&args));
    gift = (struct buffer){0};
    common = gift_fence = mutex = 0;
    common_value = gift_value = NULL;
}

static void check(struct talk *talk)
{
    talk->told_ns = 0;
    end_round(talk);
    for (unsigned i = 0; i < OWN_COUNT; i++) look(&own[i], i, "the contents of our own memory");
    look(&library, LIBRARY_SEED, "the contents of what we have lent");
    talk->slowest_ns = atomic_exchange(&slowest_ns, 0);
    talk->probes = atomic_exchange(&probes, 0);
    memcpy(talk->text, wrong, sizeof wrong);
    talk->kind = TALK_CHECKED;
}

/* ---- its life ---- */

static void fill(const struct buffer *buffer, uint64_t seed)
{
    void *bytes;

    NEED(gpu_lock(&gpu, buffer, &bytes));
    fill_contents(bytes, buffer->bytes, seed);
    NEED(gpu_unlock(&gpu, buffer));
}

static void set_up(void)
{
    D3DKMT_HANDLE adapter;
    pthread_t prober;

    NEED(gpu_find(SMALL_ADAPTER, &adapter));
    NEED(gpu_open(&gpu, adapter));
    for (unsigned i = 0; i < OWN_COUNT; i++) {
        NEED(gpu_create(&gpu, OWN_BYTES, false, &own[i]));
        fill(&own[i], i);
        NEED(gpu_list(&gpu, &own[i]));
    }
    NEED(gpu_create(&gpu, SHARED_BYTES, true, &library));
    NEED(gpu_create(&gpu, SHARED_BYTES, true, &board));
    fill(&library, LIBRARY_SEED);
    NEED(gpu_list(&gpu, &library));
    if (pthread_create(&prober, NULL, probe_main, NULL) != 0) exit(EXIT_FAILURE);
}

void witness_main(void)
{
    struct talk talk;

    set_up();
    while (talk_hear(TALK_FD, &talk)) {
        if (talk.kind == TALK_ROUND)
            lend(&talk);
        else if (talk.kind == TALK_MEET)
            meet(&talk);
        else
            check(&talk);
        if (!talk_say(TALK_FD, &talk)) break;
    }
    _exit(EXIT_SUCCESS);
}
