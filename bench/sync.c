/* SPDX-License-Identifier: MIT */
/*
 * P22, P23: two threads on two CPUs wake each other in turns, by monitored fences against two futex words, and by a
 * keyed mutex that is handed over against a pthread mutex with a condition variable. The figure is the time for one
 * way.
 */
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "client.h"
#include "measure.h"
#include "row.h"

#define TURNS 100u /* there and back, a repetition */

/* A pair of threads: SIDE 0 begins each turn, and SIDE 1 answers. */
struct pair {
    void (*turn)(struct pair *pair, unsigned side, uint64_t number);
    struct client client;
    D3DKMT_HANDLE fences[2], mutexes[2];
    _Atomic uint32_t words[2];
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    uint64_t whose;
    uint64_t number; /* of the last turn; side 1 reads it before it starts */
};

static void need(NTSTATUS status, const char *what)
{
    if (status != STATUS_SUCCESS) measure_die("%s: 0x%08x", what, (unsigned)status);
}

static void fence_signal(const struct pair *pair, unsigned side, UINT64 value)
{
    D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMCPU args = {.hDevice = pair->client.device, .ObjectCount = 1};
    args.ObjectHandleArray = &pair->fences[side];
    args.FenceValueArray = &value;
    need(D3DKMTSignalSynchronizationObjectFromCpu(&args), "signal");
}

static void fence_wait(const struct pair *pair, unsigned side, UINT64 value)
{
    D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMCPU args = {.hDevice = pair->client.device, .ObjectCount = 1};
    args.ObjectHandleArray = &pair->fences[side];
    args.FenceValueArray = &value;
    need(D3DKMTWaitForSynchronizationObjectFromCpu(&args), "wait");
}

static void fence_turn(struct pair *pair, unsigned side, uint64_t number)
{
    if (side) fence_wait(pair, 0, number);
    fence_signal(pair, side, number);
    if (!side) fence_wait(pair, 1, number);
}

static void futex_signal(_Atomic uint32_t *word, uint32_t value)
{
    atomic_store(word, value);
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void futex_wait(_Atomic uint32_t *word, uint32_t value)
{
    uint32_t now;
    while ((now = atomic_load(word)) != value) syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, now, NULL, NULL, 0);
}

static void futex_turn(struct pair *pair, unsigned side, uint64_t number)
{
    if (side) futex_wait(&pair->words[0], (uint32_t)number);
    futex_signal(&pair->words[side], (uint32_t)number);
    if (!side) futex_wait(&pair->words[1], (uint32_t)number);
}

/* The key says whose turn it is. */
static void keyed_turn(struct pair *pair, unsigned side, uint64_t number)
{
    D3DKMT_ACQUIREKEYEDMUTEX acquire = {.hKeyedMutex = pair->mutexes[side], .Key = side};
    D3DKMT_RELEASEKEYEDMUTEX release = {.hKeyedMutex = pair->mutexes[side], .Key = !side};
    (void)number;
    need(D3DKMTAcquireKeyedMutex(&acquire), "acquire");
    need(D3DKMTReleaseKeyedMutex(&release), "release");
}

static void pthread_turn(struct pair *pair, unsigned side, uint64_t number)
{
    (void)number;
    pthread_mutex_lock(&pair->mutex);
    while (pair->whose != side) pthread_cond_wait(&pair->changed, &pair->mutex);
    pair->whose = !side;
    pthread_cond_signal(&pair->changed);
    pthread_mutex_unlock(&pair->mutex);
}

static void *answer(void *argument)
{
    struct pair *pair = argument;
    measure_pin(1);
    for (uint64_t i = 1; i <= TURNS; i++) pair->turn(pair, 1, pair->number + i);
    return NULL;
}

static double run(void *state)
{
    struct pair *pair = state;
    pthread_t thread;
    uint64_t start_ns;
    if (pthread_create(&thread, NULL, answer, pair)) measure_die("cannot start a thread");
    pair->turn(pair, 0, pair->number + 1); /* it has started then */
    start_ns = measure_now_ns();
    for (uint64_t i = 2; i <= TURNS; i++) pair->turn(pair, 0, pair->number + i);
    uint64_t end_ns = measure_now_ns();
    pthread_join(thread, NULL);
    pair->number += TURNS;
    return (double)(end_ns - start_ns) / (2 * (TURNS - 1));
}

static void compare(struct pair *ours, struct pair *anchor, unsigned repetitions, struct row_figures *ret)
{
    if (measure_cpus() < 2) {
        snprintf(ret->skipped, sizeof ret->skipped, "needs two CPUs");
        return;
    }
    measure_pin(0);
    struct measure_best best =
        measure_pair((struct measure_side){run, ours}, (struct measure_side){run, anchor}, repetitions);
    ret->ours = best.ours;
    ret->anchor = best.anchor;
}

void row_signal_to_wake(unsigned repetitions, struct row_figures *ret)
{
    struct pair ours = {.turn = fence_turn}, anchor = {.turn = futex_turn};
    client_open(&ours.client);
    for (unsigned i = 0; i < 2; i++) {
        D3DKMT_CREATESYNCHRONIZATIONOBJECT2 fence = {.hDevice = ours.client.device};
        fence.Info.Type = D3DDDI_MONITORED_FENCE;
        need(D3DKMTCreateSynchronizationObject2(&fence), "a fence");
        ours.fences[i] = fence.hSyncObject;
    }
    compare(&ours, &anchor, repetitions, ret);
}

void row_keyed_mutex(unsigned repetitions, struct row_figures *ret)
{
    struct pair ours = {.turn = keyed_turn}, anchor = {.turn = pthread_turn};
    D3DKMT_CREATEKEYEDMUTEX mutex = {0};
    need(D3DKMTCreateKeyedMutex(&mutex), "a keyed mutex");
    D3DKMT_OPENKEYEDMUTEX opened = {.hSharedHandle = mutex.hSharedHandle};
    need(D3DKMTOpenKeyedMutex(&opened), "its second handle");
    ours.mutexes[0] = mutex.hKeyedMutex;
    ours.mutexes[1] = opened.hKeyedMutex;
    pthread_mutex_init(&anchor.mutex, NULL);
    pthread_cond_init(&anchor.changed, NULL);
    compare(&ours, &anchor, repetitions, ret);
}
