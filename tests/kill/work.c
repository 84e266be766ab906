/* SPDX-License-Identifier: MIT */
/*
 * A victim at work: three threads with a device each that make, use, share and destroy everything there is, two that
 * wait for ever, for a fence that nobody signals and for a keyed mutex that nobody releases, and the main one, which
 * has the witness's keyed mutex and does what it was started for:
 *
 *     work     nothing more
 *     exec     becomes another program
 *     close    closes all of its descriptors
 *     fork     has a child that outlives it
 *
 * Whatever a call says is good as long as it is one of the few statuses that are to be expected.
 */
#include "client.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "gpu.h"

#define BUFFERS 12u
#define FORKED_US 200000

struct worker {
    uint64_t random;
    struct gpu gpu;
    unsigned count;
    struct buffer buffers[BUFFERS];
};

static D3DKMT_HANDLE adapter;
static int lent[LENT_COUNT];
static D3DKMT_HANDLE lent_mutex; /* ours */
static atomic_uint ready;
static bool forks; /* what a thread has open would stay open in the child */

static unsigned below(struct worker *worker, unsigned limit)
{
    return (unsigned)(next_random(&worker->random) % limit);
}

/* What pressure may give. */
static bool went(NTSTATUS status, const char *what)
{
    if (status == STATUS_NO_MEMORY || status == STATUS_GRAPHICS_NO_VIDEO_MEMORY) return false;
    need(status, what);
    return true;
}
#define WENT(call) went(call, #call)

/* ---- memory ---- */

static void add(struct worker *worker)
{
    if (worker->count == BUFFERS) return;
    if (WENT(gpu_create(&worker->gpu, (1 + below(worker, 8)) * 65536u, below(worker, 4) == 0,
                        &worker->buffers[worker->count])))
        worker->count++;
}

static struct buffer *some(struct worker *worker)
{
    while (!worker->count) add(worker);
    return &worker->buffers[below(worker, worker->count)];
}

static void drop(struct worker *worker)
{
    struct buffer *buffer = some(worker);

    WENT(gpu_finish(&worker->gpu)); /* its address goes at once */
    WENT(gpu_destroy(&worker->gpu, buffer));
    *buffer = worker->buffers[--worker->count];
}

static void use(struct worker *worker)
{
    struct buffer *buffer = some(worker);
    uint64_t seed = below(worker, 1000);
    void *bytes;

    if (!WENT(gpu_finish(&worker->gpu)) || !WENT(gpu_lock(&worker->gpu, buffer, &bytes))) return;
    fill_contents(bytes, buffer->bytes, seed);
    if (!are_contents(bytes, buffer->bytes, seed)) need(STATUS_UNSUCCESSFUL, "what was written");
    WENT(gpu_unlock(&worker->gpu, buffer));
}

static void page(struct worker *worker)
{
    struct buffer *buffer = some(worker);

    if (below(worker, 3))
        WENT(gpu_list(&worker->gpu, buffer));
    else
        WENT(gpu_unlist(&worker->gpu, buffer));
}

static void run(struct worker *worker)
{
    struct buffer *buffer = some(worker);
    struct udxg_soft_fill command;

    if (!buffer->va && !WENT(gpu_map(&worker->gpu, buffer))) return;
    if (!buffer->listed && !WENT(gpu_list(&worker->gpu, buffer))) return;
    command = udxg_soft_fill_command(buffer->va, buffer->bytes, 7);
    WENT(gpu_submit(&worker->gpu, &command, sizeof command));
    if (below(worker, 2)) WENT(gpu_finish(&worker->gpu));
}

static void offer(struct worker *worker)
{
    struct buffer *buffer = some(worker);
    D3DDDI_RECLAIM_RESULT result;
    D3DKMT_OFFERALLOCATIONS offer = {.hDevice = worker->gpu.device,
                                     .NumAllocations = 1,
                                     .HandleList = &buffer->allocation,
                                     .Priority = (D3DKMT_OFFER_PRIORITY)(1 + below(worker, 4))};
    D3DKMT_RECLAIMALLOCATIONS2 reclaim = {.hPagingQueue = worker->gpu.queue,
                                          .NumAllocations = 1,
                                          .HandleList = &buffer->allocation,
                                          .pResults = &result};

    if (buffer->resource) return; /* what is shared is not offered */
    WENT(gpu_finish(&worker->gpu));
    WENT(D3DKMTOfferAllocations(&offer));
    if (below(worker, 2)) usleep(100);
    WENT(D3DKMTReclaimAllocations2(&reclaim));
    if (reclaim.PagingFenceValue) WENT(gpu_wait(worker->gpu.device, worker->gpu.queue_fence, reclaim.PagingFenceValue));
}

/* ---- sharing ---- */

static void borrow(struct worker *worker)
{
    bool reads = below(worker, 2);
    struct buffer buffer;
    void *bytes;

    if (!WENT(gpu_open_resource(&worker->gpu, lent[reads ? LENT_LIBRARY : LENT_BOARD], SHARED_BYTES, &buffer))) return;
    if (WENT(gpu_lock(&worker->gpu, &buffer, &bytes))) {
        if (!reads)
            fill_contents(bytes, buffer.bytes, worker->random);
        else if (!are_contents(bytes, buffer.bytes, LIBRARY_SEED))
            need(STATUS_UNSUCCESSFUL, "the contents of what was lent");
        WENT(gpu_unlock(&worker->gpu, &buffer));
    }
    if (below(worker, 2)) WENT(gpu_list(&worker->gpu, &buffer));
    WENT(gpu_destroy(&worker->gpu, &buffer));
}

static void pass_on(struct worker *worker)
{
    struct buffer *buffer = some(worker), opened;
    int fd;

    if (forks || !buffer->resource || !WENT(gpu_share(buffer->resource, 0x1, &fd))) return;
    if (WENT(gpu_open_resource(&worker->gpu, fd, buffer->bytes, &opened))) WENT(gpu_destroy(&worker->gpu, &opened));
    close(fd);
}

static void lock_out(struct worker *worker)
{
    D3DKMT_CREATEKEYEDMUTEX create = {0};
    D3DKMT_ACQUIREKEYEDMUTEX acquire = {0};
    D3DKMT_RELEASEKEYEDMUTEX release = {0};
    D3DKMT_DESTROYKEYEDMUTEX destroy = {0};

    if (!WENT(D3DKMTCreateKeyedMutex(&create))) return;
    acquire.hKeyedMutex = release.hKeyedMutex = destroy.hKeyedMutex = create.hKeyedMutex;
    WENT(D3DKMTAcquireKeyedMutex(&acquire));
    if (below(worker, 2)) WENT(D3DKMTReleaseKeyedMutex(&release));
    WENT(D3DKMTDestroyKeyedMutex(&destroy));
}

static void keep_time(struct worker *worker)
{
    const volatile UINT64 *value;
    D3DKMT_HANDLE fence, borrowed;

    if (!WENT(gpu_fence(worker->gpu.device, below(worker, 2), &fence, &value))) return;
    WENT(gpu_signal(worker->gpu.device, fence, 3));
    WENT(gpu_wait(worker->gpu.device, fence, 2));
    if (below(worker, 2) && WENT(gpu_open_fence(worker->gpu.device, lent[LENT_FENCE], &borrowed, &value)))
        WENT(gpu_close_fence(borrowed));
    WENT(gpu_close_fence(fence));
}

/* Work that waits for ever, until its context or its process ends. */
static void get_stuck(struct worker *worker)
{
    D3DKMT_CREATECONTEXTVIRTUAL context = {.hDevice = worker->gpu.device, .NodeOrdinal = 1};
    D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMGPU wait = {.ObjectCount = 1};
    uint64_t never = FENCE_NEVER;
    D3DKMT_HANDLE fence;
    const volatile UINT64 *value;

    if (!WENT(D3DKMTCreateContextVirtual(&context))) return;
    D3DKMT_DESTROYCONTEXT destroy = {context.hContext};
    if (WENT(gpu_fence(worker->gpu.device, false, &fence, &value))) {
        wait.hContext = context.hContext;
        wait.ObjectHandleArray = &fence;
        wait.MonitoredFenceValueArray = &never;
        WENT(D3DKMTWaitForSynchronizationObjectFromGpu(&wait));
        WENT(gpu_close_fence(fence));
    }
    if (below(worker, 3)) WENT(D3DKMTDestroyContext(&destroy));
}

/* ---- being told ---- */

static void ignore(D3DKMT_TRIMNOTIFICATION *notification)
{
    (void)notification;
}

static LUID luid_of_adapter(void)
{
    D3DKMT_ADAPTERINFO info[16];
    D3DKMT_ENUMADAPTERS2 args = {.NumAdapters = 16, .pAdapters = info};

    NEED(D3DKMTEnumAdapters2(&args));
    for (unsigned i = 0; i < args.NumAdapters; i++) {
        D3DKMT_CLOSEADAPTER close = {info[i].hAdapter};
        NEED(D3DKMTCloseAdapter(&close));
    }
    return info[SMALL_ADAPTER].AdapterLuid;
}

static void listen(struct worker *worker)
{
    D3DKMT_REGISTERTRIMNOTIFICATION args = {.AdapterLuid = luid_of_adapter(),
                                            .hDevice = worker->gpu.device,
                                            .Callback = ignore};
    D3DKMT_UNREGISTERTRIMNOTIFICATION end = {.Callback = ignore};

    if (!WENT(D3DKMTRegisterTrimNotification(&args))) return;
    end.Handle = args.Handle;
    if (below(worker, 2)) WENT(D3DKMTUnregisterTrimNotification(&end));
}

/* An event that is signalled some time, or never. */
static void await_event(struct worker *worker)
{
    uint64_t value = below(worker, 2) ? FENCE_NEVER : 0;
    int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMCPU args = {.hDevice = worker->gpu.device,
                                                       .ObjectCount = 1,
                                                       .ObjectHandleArray = &worker->gpu.fence,
                                                       .FenceValueArray = &value,
                                                       .hAsyncEvent = (HANDLE)(intptr_t)event};

    if (event < 0) return;
    WENT(D3DKMTWaitForSynchronizationObjectFromCpu(&args));
    close(event);
}

/* ---- threads ---- */

static void *work(void *argument)
{
    static void (*const acts[])(struct worker * worker) = {add,      add,       drop,      use,    use,        page,
                                                           page,     run,       run,       offer,  borrow,     pass_on,
                                                           lock_out, keep_time, get_stuck, listen, await_event};
    struct worker *worker = argument;

    NEED(gpu_open(&worker->gpu, adapter));
    atomic_fetch_add(&ready, 1);
    for (;;) acts[below(worker, sizeof acts / sizeof acts[0])](worker);
    return NULL;
}

static void *wait_for_fence(void *argument)
{
    struct worker *worker = argument;
    D3DKMT_HANDLE fence;
    const volatile UINT64 *value;

    NEED(gpu_open(&worker->gpu, adapter));
    NEED(gpu_fence(worker->gpu.device, false, &fence, &value));
    atomic_fetch_add(&ready, 1);
    NEED(gpu_wait(worker->gpu.device, fence, FENCE_NEVER));
    need(STATUS_UNSUCCESSFUL, "a wait that should not end");
    return NULL;
}

static void *wait_for_mutex(void *argument)
{
    D3DKMT_CREATEKEYEDMUTEX create = {0};
    D3DKMT_ACQUIREKEYEDMUTEX acquire = {0};

    (void)argument;
    NEED(D3DKMTCreateKeyedMutex(&create));
    acquire.hKeyedMutex = create.hKeyedMutex;
    NEED(D3DKMTAcquireKeyedMutex(&acquire));
    atomic_fetch_add(&ready, 1);
    NEED(D3DKMTAcquireKeyedMutex(&acquire)); /* our own, and it does not count */
    need(STATUS_UNSUCCESSFUL, "a wait that should not end");
    return NULL;
}

static void start_threads(uint64_t seed)
{
    static void *(*const mains[])(void *argument) = {work, work, work, wait_for_fence, wait_for_mutex};
    enum { THREADS = sizeof mains / sizeof mains[0] };
    static struct worker workers[THREADS];
    pthread_t thread;

    for (unsigned i = 0; i < THREADS; i++) {
        workers[i].random = seed * 31 + i;
        if (pthread_create(&thread, NULL, mains[i], &workers[i]) != 0) exit(EXIT_FAILURE);
    }
    while (atomic_load(&ready) < THREADS) usleep(200);
}

/* ---- the main thread ---- */

/* Shares a resource and a fence, and takes the witness's mutex and fence. */
static void join(struct gpu *gpu, struct talk *talk)
{
    D3DKMT_OPENKEYEDMUTEX open = {.hSharedHandle = talk->mutex};
    D3DKMT_ACQUIREKEYEDMUTEX acquire = {0};
    const volatile UINT64 *value;
    D3DKMT_HANDLE fence;
    struct buffer gift;
    void *bytes;

    memcpy(lent, talk->fds, sizeof lent);
    NEED(D3DKMTOpenKeyedMutex(&open));
    acquire.hKeyedMutex = lent_mutex = open.hKeyedMutex;
    NEED(D3DKMTAcquireKeyedMutex(&acquire));
    NEED(gpu_open_fence(gpu->device, lent[LENT_FENCE], &fence, &value));
    NEED(gpu_create(gpu, SHARED_BYTES, true, &gift));
    NEED(gpu_lock(gpu, &gift, &bytes));
    fill_contents(bytes, gift.bytes, GIFT_SEED);
    NEED(gpu_unlock(gpu, &gift));
    NEED(gpu_share(gift.resource, 0x1, &talk->fds[GIVEN_GIFT]));
    NEED(gpu_fence(gpu->device, true, &fence, &value));
    NEED(gpu_share(fence, D3DDDI_SYNC_OBJECT_ALL_ACCESS, &talk->fds[GIVEN_FENCE]));
    talk->count = GIVEN_COUNT;
    talk->kind = TALK_READY;
}

/* In the child: what the library has is not ours, and what we have goes. */
static void outlive(void)
{
    for (unsigned i = 0; i < LENT_COUNT; i++) close(lent[i]);
    usleep(FORKED_US);
    _exit(EXIT_SUCCESS);
}

static void transform(const char *what)
{

    if (!strcmp(what, "exec")) {
        execl("/proc/self/exe", "kill_client", "wait", (char *)NULL);
        _exit(EXIT_FAILURE);
    }
    if (!strcmp(what, "close")) {
        client_is_broken = true;
        close_range(TALK_FD, ~0u, 0);
    }
    if (!strcmp(what, "fork") && fork() == 0) outlive();
    await_death();
}

void work_main(uint64_t seed, const char *what)
{
    struct talk talk;
    struct gpu gpu;

    if (!talk_hear(TALK_FD, &talk) || talk.count != LENT_COUNT) exit(EXIT_FAILURE);
    NEED(gpu_find(SMALL_ADAPTER, &adapter));
    NEED(gpu_open(&gpu, adapter));
    join(&gpu, &talk);
    forks = !strcmp(what, "fork");
    start_threads(seed);
    if (!talk_ask(TALK_FD, &talk, TALK_GO)) exit(EXIT_FAILURE);
    transform(what);
}
