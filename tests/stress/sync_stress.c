/* SPDX-License-Identifier: MIT */
/*
 * Threads over many devices signal, wait, acquire, share and destroy at once, and a model checks what must be so:
 *
 *   a fence never falls, and a wait that succeeds has seen its value
 *   one thread at a time owns a keyed mutex: a plain counter under it loses nothing
 *   every waiter comes back: a watchdog says who waits for what when one does not
 *
 * --threads N --seconds N --seed N. Each thread has its own random numbers from the seed.
 */
#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <dxg/d3dkmthk.h>

enum { DEVICES = 16, FENCES = 16, MUTEXES = 8, MOST_THREADS = 256, WATCHDOG_SECONDS = 20 };

static struct {
    D3DKMT_HANDLE adapter, devices[DEVICES], contexts[DEVICES];
    D3DKMT_HANDLE fences[FENCES];
    HANDLE nt_fences[FENCES];
    const volatile UINT64 *values[FENCES];
    _Atomic uint64_t next[FENCES]; /* values that somebody will signal, or has */
    D3DKMT_HANDLE mutexes[MUTEXES], global_mutexes[MUTEXES];
    uint64_t counters[MUTEXES]; /* each under its mutex */
    _Atomic uint64_t counted[MUTEXES];
    atomic_bool stop;
} world;

static struct thread {
    pthread_t thread;
    uint64_t random;
    _Atomic(const char *) doing; /* what may block; NULL: nothing does */
    _Atomic uint64_t object, value, since;
    uint64_t steps;
} threads[MOST_THREADS];

static void fail(const char *what, NTSTATUS status)
{
    fprintf(stderr, "%s: 0x%08x\n", what, (unsigned)status);
    abort();
}

static void need(const char *what, NTSTATUS status)
{
    if (status != STATUS_SUCCESS) fail(what, status);
}

static uint64_t below(struct thread *thread, uint64_t limit)
{
    thread->random ^= thread->random << 13;
    thread->random ^= thread->random >> 7;
    thread->random ^= thread->random << 17;
    return thread->random % limit;
}

static uint64_t now_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec;
}

static void begin(struct thread *thread, const char *what, uint64_t object, uint64_t value)
{
    atomic_store(&thread->object, object);
    atomic_store(&thread->value, value);
    atomic_store(&thread->since, now_seconds());
    atomic_store(&thread->doing, what);
}

static void end(struct thread *thread)
{
    atomic_store(&thread->doing, NULL);
}

/* ---- fences: only the thread that takes a number signals it, so that every number comes ---- */

static NTSTATUS signal_fence(D3DKMT_HANDLE device, D3DKMT_HANDLE fence, UINT64 value)
{
    D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMCPU args = {.hDevice = device, .ObjectCount = 1, .ObjectHandleArray = &fence};
    args.FenceValueArray = &value;
    return D3DKMTSignalSynchronizationObjectFromCpu(&args);
}

static NTSTATUS wait_fence(D3DKMT_HANDLE device, D3DKMT_HANDLE fence, UINT64 value)
{
    D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMCPU args = {.hDevice = device,
                                                       .ObjectCount = 1,
                                                       .ObjectHandleArray = &fence};
    args.FenceValueArray = &value;
    return D3DKMTWaitForSynchronizationObjectFromCpu(&args);
}

static void signal_next(struct thread *thread)
{
    uint64_t i = below(thread, FENCES), value = atomic_fetch_add(&world.next[i], 1) + 1;
    /* Backwards: one with a higher number was faster. */
    NTSTATUS status = signal_fence(world.devices[below(thread, DEVICES)], world.fences[i], value);
    if (status != STATUS_SUCCESS && status != STATUS_INVALID_PARAMETER) fail("signal", status);
    if (*world.values[i] < value) fail("a fence fell", 0);
}

static void wait_next(struct thread *thread)
{
    uint64_t i = below(thread, FENCES), value = atomic_load(&world.next[i]);
    begin(thread, "a fence", i, value);
    need("wait", wait_fence(world.devices[below(thread, DEVICES)], world.fences[i], value));
    end(thread);
    if (*world.values[i] < value) fail("a wait came back too early", 0);
}

/* Through an opening of another device, which goes again. */
static void open_and_wait(struct thread *thread)
{
    uint64_t i = below(thread, FENCES), value = atomic_load(&world.next[i]);
    D3DKMT_OPENSYNCOBJECTFROMNTHANDLE2 open = {.hNtHandle = world.nt_fences[i]};
    open.hDevice = world.devices[below(thread, DEVICES)];
    need("open", D3DKMTOpenSyncObjectFromNtHandle2(&open));
    begin(thread, "an opened fence", i, value);
    need("wait", wait_fence(open.hDevice, open.hSyncObject, value));
    end(thread);
    D3DKMT_DESTROYSYNCHRONIZATIONOBJECT destroy = {open.hSyncObject};
    need("destroy", D3DKMTDestroySynchronizationObject(&destroy));
}

/* A fence of its own, that the GPU signals, or that goes while somebody waits for it. */
static void short_life(struct thread *thread)
{
    uint64_t d = below(thread, DEVICES);
    D3DKMT_CREATESYNCHRONIZATIONOBJECT2 fence = {.hDevice = world.devices[d], .Info.Type = D3DDDI_MONITORED_FENCE};
    UINT64 value = 1;
    need("create", D3DKMTCreateSynchronizationObject2(&fence));
    D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMGPU signal = {.hContext = world.contexts[d], .ObjectCount = 1};
    signal.ObjectHandleArray = &fence.hSyncObject;
    signal.MonitoredFenceValueArray = &value;
    need("signal of the GPU", D3DKMTSignalSynchronizationObjectFromGpu(&signal));
    if (below(thread, 2)) {
        begin(thread, "the GPU", d, 1);
        need("wait", wait_fence(world.devices[d], fence.hSyncObject, 1));
        end(thread);
    }
    D3DKMT_DESTROYSYNCHRONIZATIONOBJECT destroy = {fence.hSyncObject};
    need("destroy", D3DKMTDestroySynchronizationObject(&destroy));
}

/* ---- keyed mutexes ---- */

static void count_under_mutex(struct thread *thread)
{
    uint64_t i = below(thread, MUTEXES);
    D3DKMT_OPENKEYEDMUTEX open = {.hSharedHandle = world.global_mutexes[i]};
    LARGE_INTEGER time = {.QuadPart = -(long long)below(thread, 1000000)};
    need("open a mutex", D3DKMTOpenKeyedMutex(&open));
    D3DKMT_ACQUIREKEYEDMUTEX acquire = {.hKeyedMutex = open.hKeyedMutex};
    if (below(thread, 4) == 0) acquire.pTimeout = &time;
    begin(thread, "a keyed mutex", i, 0);
    NTSTATUS status = D3DKMTAcquireKeyedMutex(&acquire);
    end(thread);
    if (status == STATUS_SUCCESS) {
        world.counters[i]++;
        atomic_fetch_add(&world.counted[i], 1);
        D3DKMT_RELEASEKEYEDMUTEX release = {.hKeyedMutex = open.hKeyedMutex};
        need("release", D3DKMTReleaseKeyedMutex(&release));
    } else if (status != STATUS_TIMEOUT || !acquire.pTimeout) {
        fail("acquire", status);
    }
    D3DKMT_DESTROYKEYEDMUTEX destroy = {open.hKeyedMutex};
    need("destroy a mutex", D3DKMTDestroyKeyedMutex(&destroy));
}

/* ---- threads ---- */

static void *run(void *arg)
{
    static void (*const steps[])(struct thread *) = {
        signal_next, signal_next, wait_next, open_and_wait, short_life, count_under_mutex,
    };
    struct thread *thread = arg;

    for (; !atomic_load(&world.stop); thread->steps++) steps[below(thread, 6)](thread);
    return NULL;
}

static void check_watchdog(int count)
{
    bool stuck = false;
    for (int i = 0; i < count; i++) {
        const char *doing = atomic_load(&threads[i].doing);
        if (!doing || now_seconds() - atomic_load(&threads[i].since) < WATCHDOG_SECONDS) continue;
        uint64_t object = atomic_load(&threads[i].object), value = atomic_load(&threads[i].value);
        fprintf(stderr, "thread %d waits for %s %llu to be %llu\n", i, doing, (unsigned long long)object,
                (unsigned long long)value);
        stuck = true;
    }
    if (stuck) abort();
}

static void make_fence(int i)
{
    D3DKMT_CREATESYNCHRONIZATIONOBJECT2 args = {.hDevice = world.devices[i % DEVICES]};
    OBJECT_ATTRIBUTES attributes = {.Length = sizeof attributes};
    args.Info.Type = D3DDDI_MONITORED_FENCE;
    args.Info.Flags.Shared = args.Info.Flags.NtSecuritySharing = 1;
    need("create", D3DKMTCreateSynchronizationObject2(&args));
    world.fences[i] = args.hSyncObject;
    world.values[i] = args.Info.MonitoredFence.FenceValueCPUVirtualAddress;
    need("share", D3DKMTShareObjects(1, &args.hSyncObject, &attributes, GENERIC_ALL, &world.nt_fences[i]));
}

static void make_world(void)
{
    D3DKMT_ADAPTERINFO infos[8];
    D3DKMT_ENUMADAPTERS2 adapters = {.NumAdapters = 8, .pAdapters = infos};
    need("adapters", D3DKMTEnumAdapters2(&adapters));
    world.adapter = infos[0].hAdapter;
    for (int i = 0; i < DEVICES; i++) {
        D3DKMT_CREATEDEVICE device = {.hAdapter = world.adapter};
        need("device", D3DKMTCreateDevice(&device));
        world.devices[i] = device.hDevice;
        D3DKMT_CREATECONTEXTVIRTUAL context = {.hDevice = device.hDevice};
        need("context", D3DKMTCreateContextVirtual(&context));
        world.contexts[i] = context.hContext;
    }
    for (int i = 0; i < FENCES; i++) make_fence(i);
    for (int i = 0; i < MUTEXES; i++) {
        D3DKMT_CREATEKEYEDMUTEX mutex = {0};
        need("keyed mutex", D3DKMTCreateKeyedMutex(&mutex));
        world.mutexes[i] = mutex.hKeyedMutex;
        world.global_mutexes[i] = mutex.hSharedHandle;
    }
}

int main(int argc, char **argv)
{
    uint64_t seed = 20261123, steps = 0;
    int count = 64, seconds = 3;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (!strcmp(argv[i], "--threads")) count = atoi(argv[i + 1]);
        if (!strcmp(argv[i], "--seconds")) seconds = atoi(argv[i + 1]);
        if (!strcmp(argv[i], "--seed")) seed = strtoull(argv[i + 1], NULL, 0);
    }
    if (count < 1 || count > MOST_THREADS) return 2;
    make_world();
    for (int i = 0; i < count; i++) {
        threads[i].random = seed * 2654435761u + (uint64_t)i * 0x9e3779b97f4a7c15u + 1;
        if (pthread_create(&threads[i].thread, NULL, run, &threads[i])) fail("thread", i);
    }
    for (int i = 0; i < seconds; i++) {
        sleep(1);
        check_watchdog(count);
    }
    atomic_store(&world.stop, true);
    for (int i = 0; i < WATCHDOG_SECONDS; i++) { /* the last waits end by numbers that somebody has taken */
        bool busy = false;
        for (int k = 0; k < count; k++) busy |= atomic_load(&threads[k].doing) != NULL;
        if (!busy) break;
        sleep(1);
        check_watchdog(count);
    }
    for (int i = 0; i < count; i++) {
        pthread_join(threads[i].thread, NULL);
        steps += threads[i].steps;
    }
    for (int i = 0; i < MUTEXES; i++)
        if (world.counters[i] != atomic_load(&world.counted[i])) fail("a keyed mutex had two owners", i);
    for (int i = 0; i < DEVICES; i++) {
        D3DKMT_DESTROYDEVICE destroy = {world.devices[i]};
        need("destroy a device", D3DKMTDestroyDevice(&destroy));
    }
    printf("%llu steps of %d threads, seed %llu\n", (unsigned long long)steps, count, (unsigned long long)seed);
    return 0;
}
