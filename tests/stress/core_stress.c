/* SPDX-License-Identifier: MIT */
/*
 * A stress test through the public ABI alone: several threads on every adapter of UDXG_ADAPTERS. Rounds alternate
 * between two games.
 *
 *   private   each thread has a device of its own and knows what every page of its memory must hold. It creates,
 *             writes, makes resident, maps, fills, copies, evicts, destroys in every way, and checks the bytes.
 *   chaos     all threads share devices and everything on them, without locks: handles die under each other's
 *             hands. Nothing is known but that every call gives one of a few statuses, and that everything ends.
 *
 * After each round nothing may be left: no byte of usage, no descriptor. A watchdog ends the test when a thread
 * does not come back from a call, and says who waits for what. The seed is printed; with the same seed each thread
 * makes the same choices, though not at the same times.
 *
 *   core_stress [--seed N] [--threads N] [--rounds N] [--steps N]
 *
 * The games do not mix, because numbers of handles come again after three lives of a slot: a stale handle from the
 * chaos might then hit a device that a thread believes to be its own.
 */
#include <dxg/d3dkmthk.h>
#include <udxg/soft.h>

#include <dirent.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096u
#define MAX_THREADS 16u
#define MAX_ADAPTERS 4u
#define MAX_PAGES 64u   /* of one buffer */
#define MAX_BUFFERS 24u /* of one private device */
#define SLOTS 6u        /* devices in the chaos */
#define SLOT_PARTS 4u   /* of each kind of object on one of them */
#define COMMAND_BYTES 65536u
#define STUCK_SECONDS 120u
#define GONE_SECONDS 60u /* for what is freed when the GPU is done with it */

/* ---- the world ---- */

/* What all threads know. */
static struct {
    uint64_t seed;
    unsigned threads, rounds, steps;
    unsigned adapter_count;
    D3DKMT_HANDLE adapters[MAX_ADAPTERS];
} world = {.threads = 4, .rounds = 4, .steps = 150};

/* What a thread is doing, for the watchdog. */
struct worker {
    unsigned id;
    pthread_t thread;
    uint64_t random;
    unsigned round;
    _Atomic(const char *) doing; /* NULL: nothing that could get stuck */
    _Atomic(uint64_t) since_ns;
    _Atomic(uint64_t) calls;
    _Atomic(uint32_t) device; /* that it works on */
};

static struct worker workers[MAX_THREADS];
static atomic_bool over;

static void fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
static void fail(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fprintf(stderr, "core_stress: seed %llu: ", (unsigned long long)world.seed);
    vfprintf(stderr, format, args);
    fprintf(stderr, "\n");
    va_end(args);
    abort();
}

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void nap(unsigned milliseconds)
{
    usleep(milliseconds * 1000);
}

/* splitmix64 */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static unsigned below(struct worker *w, unsigned limit)
{
    return (unsigned)(next_random(&w->random) % limit);
}

static bool chance(struct worker *w, unsigned percent)
{
    return below(w, 100) < percent;
}

static void begin(struct worker *w, const char *what)
{
    atomic_store(&w->since_ns, now_ns());
    atomic_store(&w->doing, what);
}

static NTSTATUS end(struct worker *w, NTSTATUS status)
{
    atomic_store(&w->doing, NULL);
    atomic_fetch_add_explicit(&w->calls, 1, memory_order_relaxed);
    return status;
}

#define CALL(w, name, args) (begin(w, #name), end(w, D3DKMT##name(args)))

/* A call that has to succeed. */
#define DO(w, name, args)                                                                                              \
    do {                                                                                                               \
        NTSTATUS status_ = CALL(w, name, args);                                                                        \
        if (status_ != STATUS_SUCCESS)                                                                                 \
            fail("thread %u: " #name " -> 0x%08x, line %d", (w)->id, (unsigned)status_, __LINE__);                     \
    } while (0)

static void *watch(void *unused)
{
    bool stuck = false;

    (void)unused;
    while (!atomic_load(&over) && !stuck) {
        nap(200);
        for (unsigned i = 0; i < world.threads; i++) {
            uint64_t since_ns = atomic_load(&workers[i].since_ns); /* before now: a call may begin in between */
            if (!atomic_load(&workers[i].doing)) continue;
            stuck |= now_ns() - since_ns > STUCK_SECONDS * 1000000000ull;
        }
    }
    if (!stuck) return NULL;
    for (unsigned i = 0; i < world.threads; i++) {
        const char *doing = atomic_load(&workers[i].doing);
        fprintf(stderr, "core_stress: thread %u, round %u, device 0x%08x: %s for %.1f s, %llu calls before\n", i,
                workers[i].round, atomic_load(&workers[i].device), doing ? doing : "no call",
                (double)(now_ns() - atomic_load(&workers[i].since_ns)) / 1e9,
                (unsigned long long)atomic_load(&workers[i].calls));
    }
    fail("a thread is stuck");
}

/* ---- a device of one's own ---- */

struct buffer {
    D3DKMT_HANDLE allocation, resource;
    unsigned pages;
    uint32_t content[MAX_PAGES]; /* the word that fills each page */
    uint64_t va;                 /* 0: not mapped */
    unsigned residency;          /* MakeResident minus Evict */
    void *system;                /* the caller's own memory, NULL */
    bool shared;                 /* of a resource that is */
};

struct gpu {
    D3DKMT_HANDLE adapter, device, queue, queue_fence, context, fence;
    const volatile UINT64 *queue_value, *value;
    uint64_t last;
    struct buffer commands;
    char *command_bytes;
    unsigned command_used;
    bool busy; /* there may be work in flight */
    unsigned count;
    struct buffer buffers[MAX_BUFFERS];
};

static void wait_cpu(struct worker *w, const struct gpu *g, D3DKMT_HANDLE fence, UINT64 value)
{
    D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMCPU args = {0};

    args.hDevice = g->device;
    args.ObjectCount = 1;
    args.ObjectHandleArray = &fence;
    args.FenceValueArray = &value;
    DO(w, WaitForSynchronizationObjectFromCpu, &args);
}

static void finish(struct worker *w, struct gpu *g)
{
    D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMGPU args = {0};
    UINT64 value = g->last + 1;

    if (!g->busy) return;
    args.hContext = g->context;
    args.ObjectCount = 1;
    args.ObjectHandleArray = &g->fence;
    args.MonitoredFenceValueArray = &value;
    DO(w, SignalSynchronizationObjectFromGpu, &args);
    g->last = value;
    wait_cpu(w, g, g->fence, value);
    if (*g->value < value)
        fail("thread %u: a wait ended at %llu of %llu", w->id, (unsigned long long)*g->value,
             (unsigned long long)value);
    g->busy = false;
}

static void *lock(struct worker *w, const struct gpu *g, const struct buffer *b)
{
    D3DKMT_LOCK2 args = {0};

    args.hDevice = g->device;
    args.hAllocation = b->allocation;
    DO(w, Lock2, &args);
    if (b->system && args.pData != b->system) fail("Lock2 of the caller's memory gives another address");
    return args.pData;
}

static void unlock(struct worker *w, const struct gpu *g, const struct buffer *b)
{
    D3DKMT_UNLOCK2 args = {0};

    args.hDevice = g->device;
    args.hAllocation = b->allocation;
    DO(w, Unlock2, &args);
}

static void verify(const struct worker *w, const struct buffer *b, const uint32_t *words)
{
    for (unsigned page = 0; page < b->pages; page++)
        for (unsigned i = 0; i < PAGE / 4; i++) {
            uint32_t got = words[page * (PAGE / 4) + i];
            if (got == b->content[page]) continue;
            fail("thread %u: allocation 0x%08x, page %u, word %u: 0x%08x instead of 0x%08x", w->id, b->allocation, page,
                 i, got, b->content[page]);
        }
}

static void soft_data(struct worker *w, unsigned pages, struct udxg_soft_allocation *soft)
{
    memset(soft, 0, sizeof *soft);
    soft->magic = UDXG_SOFT_ALLOCATION_MAGIC;
    soft->version = UDXG_SOFT_VERSION;
    soft->size_bytes = (uint64_t)pages * PAGE;
    soft->flags = UDXG_SOFT_CPU_VISIBLE;
    if (w && chance(w, 20)) soft->preferred[0] = UDXG_SOFT_SEGMENT_SYSTEM;
    if (w && chance(w, 10)) soft->flags |= UDXG_SOFT_ACCESSED_PHYSICALLY;
    if (w && chance(w, 10)) soft->flags |= UDXG_SOFT_FROM_END;
}

static void *map_pages(unsigned pages)
{
    void *memory = mmap(NULL, (size_t)pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED) fail("no memory for the test itself");
    return memory;
}

/* One to eight allocations in one call. False when the system's memory is out. */
static void create_buffers(struct worker *w, struct gpu *g, unsigned count, bool in_resource)
{
    struct udxg_soft_allocation soft[8];
    D3DDDI_ALLOCATIONINFO2 infos[8];
    D3DKMT_CREATEALLOCATION args = {0};
    struct buffer *first = &g->buffers[g->count];
    bool of_caller = chance(w, 20), shared = in_resource && chance(w, 30);
    char runtime_data[40] = "what the runtime knows of the resource";

    memset(infos, 0, sizeof infos);
    for (unsigned i = 0; i < count; i++) {
        struct buffer *b = &first[i];
        memset(b, 0, sizeof *b);
        b->pages = 1 + below(w, chance(w, 20) ? MAX_PAGES : 4);
        b->system = of_caller ? map_pages(b->pages) : NULL;
        soft_data(w, b->pages, &soft[i]);
        infos[i].pSystemMem = b->system;
        infos[i].pPrivateDriverData = &soft[i];
        infos[i].PrivateDriverDataSize = sizeof soft[i];
    }
    args.hDevice = g->device;
    args.NumAllocations = count;
    args.pAllocationInfo2 = infos;
    args.Flags.CreateResource = in_resource;
    args.Flags.CreateShared = args.Flags.NtSecuritySharing = shared;
    args.pPrivateRuntimeData = in_resource ? runtime_data : NULL;
    args.PrivateRuntimeDataSize = in_resource ? sizeof runtime_data : 0;
    DO(w, CreateAllocation2, &args);
    for (unsigned i = 0; i < count; i++) {
        first[i].allocation = infos[i].hAllocation;
        first[i].resource = args.hResource;
        first[i].shared = shared;
        if (soft[i].size_bytes != (uint64_t)first[i].pages * PAGE) fail("a size did not come back");
    }
    g->count += count;
    if (!shared) return;

    HANDLE nt;
    begin(w, "ShareObjects");
    if (end(w, D3DKMTShareObjects(1, &args.hResource, NULL, 0x1, &nt)) != STATUS_SUCCESS) fail("ShareObjects failed");
    close((int)(intptr_t)nt);
}

static void make_resident(struct worker *w, struct gpu *g, struct buffer *b)
{
    D3DKMT_HANDLE list[2] = {b->allocation, b->allocation};
    D3DDDI_MAKERESIDENT args = {0};
    NTSTATUS status;

    args.hPagingQueue = g->queue;
    args.NumAllocations = 1 + chance(w, 20);
    args.AllocationList = list;
    status = CALL(w, MakeResident, &args);
    if (status == STATUS_NO_MEMORY) return; /* over budget: it is small on purpose */
    if (status != STATUS_SUCCESS && status != STATUS_PENDING) fail("MakeResident -> 0x%08x", (unsigned)status);
    b->residency += args.NumAllocations;
    if (status == STATUS_PENDING && !args.PagingFenceValue) fail("MakeResident is pending without a fence");
    if (status == STATUS_PENDING) wait_cpu(w, g, g->queue_fence, args.PagingFenceValue);
}

static void evict(struct worker *w, struct gpu *g, struct buffer *b)
{
    D3DKMT_EVICT args = {0};

    args.hDevice = g->device;
    args.NumAllocations = 1;
    args.AllocationList = &b->allocation;
    args.Flags.EvictOnlyIfNecessary = chance(w, 30);
    if (!b->residency) {
        if (CALL(w, Evict, &args) != STATUS_INVALID_PARAMETER) fail("Evict below zero");
        return;
    }
    DO(w, Evict, &args);
    b->residency--;
}

/* Also of what is in use: the work that was submitted before must not notice. Its contents stay or are zero. */
static void offer_and_reclaim(struct worker *w, struct gpu *g, struct buffer *b)
{
    D3DKMT_OFFERALLOCATIONS offer = {0};
    D3DKMT_RECLAIMALLOCATIONS2 reclaim = {0};
    D3DDDI_RECLAIM_RESULT result;

    offer.hDevice = g->device;
    offer.NumAllocations = reclaim.NumAllocations = 1;
    offer.HandleList = reclaim.HandleList = &b->allocation;
    offer.Priority = (D3DKMT_OFFER_PRIORITY)(1 + below(w, 4));
    if (b->system || b->shared) {
        if (CALL(w, OfferAllocations, &offer) != STATUS_INVALID_PARAMETER) fail("an offer of what others have, too");
        return;
    }
    DO(w, OfferAllocations, &offer);
    if (chance(w, 30)) finish(w, g);
    reclaim.hPagingQueue = g->queue;
    reclaim.pResults = &result;
    DO(w, ReclaimAllocations2, &reclaim);
    if (reclaim.PagingFenceValue) wait_cpu(w, g, g->queue_fence, reclaim.PagingFenceValue);
    if (result == D3DDDI_RECLAIM_RESULT_DISCARDED)
        memset(b->content, 0, sizeof b->content);
    else if (result != D3DDDI_RECLAIM_RESULT_OK)
        fail("a decommit that nobody allowed");
}

static void map(struct worker *w, struct gpu *g, struct buffer *b)
{
    D3DDDI_MAPGPUVIRTUALADDRESS args = {0};

    args.hPagingQueue = g->queue;
    args.hAllocation = b->allocation;
    args.SizeInPages = b->pages;
    args.Protection.Write = 1;
    DO(w, MapGpuVirtualAddress, &args);
    b->va = args.VirtualAddress;
}

static void unmap(struct worker *w, struct gpu *g, struct buffer *b)
{
    D3DKMT_FREEGPUVIRTUALADDRESS args = {0};

    args.hAdapter = g->adapter;
    args.BaseAddress = b->va;
    args.Size = (uint64_t)b->pages * PAGE;
    DO(w, FreeGpuVirtualAddress, &args);
    b->va = 0;
}

static void submit(struct worker *w, struct gpu *g, const void *command, unsigned bytes)
{
    D3DKMT_SUBMITCOMMAND args = {0};

    if (g->command_used + bytes > COMMAND_BYTES) {
        finish(w, g);
        g->command_used = 0;
    }
    memcpy(g->command_bytes + g->command_used, command, bytes);
    args.Commands = g->commands.va + g->command_used;
    args.CommandLength = bytes;
    args.BroadcastContextCount = 1;
    args.BroadcastContext[0] = g->context;
    DO(w, SubmitCommand, &args);
    g->command_used += bytes;
    g->busy = true;
}

static D3DKMT_HANDLE create_device(struct worker *w, D3DKMT_HANDLE adapter)
{
    D3DKMT_CREATEDEVICE args = {0};

    args.hAdapter = adapter;
    DO(w, CreateDevice, &args);
    atomic_store(&w->device, args.hDevice);
    return args.hDevice;
}

static void create_context(struct worker *w, struct gpu *g)
{
    D3DKMT_CREATECONTEXTVIRTUAL args = {0};

    args.hDevice = g->device;
    args.NodeOrdinal = below(w, 2);
    DO(w, CreateContextVirtual, &args);
    g->context = args.hContext;
}

static void open_gpu(struct worker *w, struct gpu *g)
{
    D3DKMT_CREATEPAGINGQUEUE queue = {0};
    D3DKMT_CREATESYNCHRONIZATIONOBJECT2 sync = {0};

    memset(g, 0, sizeof *g);
    g->adapter = world.adapters[below(w, world.adapter_count)];
    g->device = create_device(w, g->adapter);
    queue.hDevice = sync.hDevice = g->device;
    DO(w, CreatePagingQueue, &queue);
    g->queue = queue.hPagingQueue;
    g->queue_fence = queue.hSyncObject;
    g->queue_value = queue.FenceValueCPUVirtualAddress;
    create_context(w, g);
    sync.Info.Type = D3DDDI_MONITORED_FENCE;
    DO(w, CreateSynchronizationObject2, &sync);
    g->fence = sync.hSyncObject;
    g->value = sync.Info.MonitoredFence.FenceValueCPUVirtualAddress;

    /* The commands stay locked, and so in system memory. */
    create_buffers(w, g, 1, false);
    while (g->buffers[0].pages * PAGE < COMMAND_BYTES || g->buffers[0].system) {
        D3DKMT_DESTROYALLOCATION2 destroy = {0};
        destroy.hDevice = g->device;
        destroy.AllocationCount = 1;
        destroy.phAllocationList = &g->buffers[0].allocation;
        DO(w, DestroyAllocation2, &destroy);
        if (g->buffers[0].system) munmap(g->buffers[0].system, (size_t)g->buffers[0].pages * PAGE);
        g->count = 0;
        create_buffers(w, g, 1, false);
    }
    g->commands = g->buffers[0];
    g->count = 0;
    g->command_bytes = lock(w, g, &g->commands);
    map(w, g, &g->commands);
    while (!g->commands.residency) make_resident(w, g, &g->commands);
}

static void close_gpu(struct worker *w, struct gpu *g)
{
    D3DKMT_DESTROYDEVICE args = {g->device};

    DO(w, DestroyDevice, &args);
    for (unsigned i = 0; i < g->count; i++)
        if (g->buffers[i].system) munmap(g->buffers[i].system, (size_t)g->buffers[i].pages * PAGE);
    g->count = 0;
}

/* ---- the private game ---- */

static void check_pages(struct worker *w, struct gpu *g, struct buffer *b)
{
    uint32_t *words;

    finish(w, g);
    words = lock(w, g, b);
    verify(w, b, words);
    for (unsigned n = below(w, 3); n > 0; n--) {
        unsigned page = below(w, b->pages);
        b->content[page] = (uint32_t)next_random(&w->random);
        for (unsigned i = 0; i < PAGE / 4; i++) words[page * (PAGE / 4) + i] = b->content[page];
    }
    unlock(w, g, b);
}

static void prepare(struct worker *w, struct gpu *g, struct buffer *b)
{
    if (!b->va) map(w, g, b);
    if (!b->residency) make_resident(w, g, b);
}

static void fill(struct worker *w, struct gpu *g, struct buffer *b)
{
    unsigned first = below(w, b->pages), count = 1 + below(w, b->pages - first);
    uint32_t pattern = (uint32_t)next_random(&w->random);
    struct udxg_soft_fill command = udxg_soft_fill_command(b->va + first * PAGE, (uint64_t)count * PAGE, pattern);

    submit(w, g, &command, sizeof command);
    for (unsigned i = 0; i < count; i++) b->content[first + i] = pattern;
}

static void copy(struct worker *w, struct gpu *g, struct buffer *to, const struct buffer *from)
{
    unsigned most = to->pages < from->pages ? to->pages : from->pages, count = 1 + below(w, most);
    unsigned at = below(w, to->pages - count + 1), source = below(w, from->pages - count + 1);
    struct udxg_soft_copy command =
        udxg_soft_copy_command(to->va + at * PAGE, from->va + source * PAGE, (uint64_t)count * PAGE);

    submit(w, g, &command, sizeof command);
    memcpy(&to->content[at], &from->content[source], count * sizeof to->content[0]);
}

static void work(struct worker *w, struct gpu *g)
{
    struct buffer *a = &g->buffers[below(w, g->count)], *b = &g->buffers[below(w, g->count)];

    prepare(w, g, a);
    prepare(w, g, b);
    if (!a->residency || !b->residency) return;
    if (a == b || chance(w, 40))
        fill(w, g, a);
    else
        copy(w, g, a, b);
}

/* Takes buffers[index] and everything of its resource out of the game; returns the handles. */
static unsigned take_buffers(struct gpu *g, unsigned index, D3DKMT_HANDLE *ret_handles, struct buffer *ret_taken)
{
    D3DKMT_HANDLE resource = g->buffers[index].resource;
    unsigned taken = 0;

    for (unsigned i = g->count; i-- > 0;) {
        if (resource ? g->buffers[i].resource != resource : i != index) continue;
        ret_handles[taken] = g->buffers[i].allocation;
        ret_taken[taken++] = g->buffers[i];
        g->buffers[i] = g->buffers[--g->count];
    }
    return taken;
}

static void destroy_some(struct worker *w, struct gpu *g)
{
    struct buffer taken[MAX_BUFFERS];
    D3DKMT_HANDLE handles[MAX_BUFFERS];
    D3DKMT_DESTROYALLOCATION2 args = {0};
    unsigned count = take_buffers(g, below(w, g->count), handles, taken);
    NTSTATUS status;

    args.hDevice = g->device;
    args.Flags.SynchronousDestroy = chance(w, 30);
    if (chance(w, 30)) {
        finish(w, g);
        args.Flags.AssumeNotInUse = 1;
    }
    if (taken[0].resource && chance(w, 60)) {
        args.hResource = taken[0].resource;
        DO(w, DestroyAllocation2, &args);
    } else {
        args.AllocationCount = count;
        args.phAllocationList = handles;
        status = CALL(w, DestroyAllocation2, &args);
        if (status == STATUS_INVALID_PARAMETER && taken[0].resource) { /* shared ones go as a whole */
            args.hResource = taken[0].resource;
            DO(w, DestroyAllocation2, &args);
        } else if (status != STATUS_SUCCESS) {
            fail("DestroyAllocation2 -> 0x%08x", (unsigned)status);
        } else if (taken[0].resource) {
            args.hResource = taken[0].resource;
            DO(w, DestroyAllocation2, &args);
        }
    }
    if (args.Flags.SynchronousDestroy && taken[0].system) {
        /* Nobody may reach it any more. */
        for (unsigned i = 0; i < count; i++) munmap(taken[i].system, (size_t)taken[i].pages * PAGE);
        return;
    }
    if (taken[0].system) finish(w, g);
    for (unsigned i = 0; i < count; i++)
        if (taken[i].system) munmap(taken[i].system, (size_t)taken[i].pages * PAGE);
}

/* What is queued runs on when its context is destroyed; WaitForIdle waits for it. */
static void replace_context(struct worker *w, struct gpu *g)
{
    D3DKMT_DESTROYCONTEXT destroy = {g->context};
    D3DKMT_WAITFORIDLE idle = {0};

    DO(w, DestroyContext, &destroy);
    idle.hDevice = g->device;
    DO(w, WaitForIdle, &idle);
    g->busy = false;
    create_context(w, g);
}

/* A command that never ends by itself goes with its device, and with it all that waits. */
static void die_busy(struct worker *w, struct gpu *g)
{
    struct udxg_soft_wait spin = {.header = udxg_soft_header(UDXG_SOFT_OP_WAIT, sizeof spin), .operand_bytes = 4};
    uint32_t *words;

    prepare(w, g, &g->buffers[0]);
    if (g->buffers[0].residency) {
        finish(w, g);
        words = lock(w, g, &g->buffers[0]);
        spin.va = g->buffers[0].va;
        spin.value = words[0] + 1u;
        spin.compare = UDXG_SOFT_COMPARE_EQUAL;
        submit(w, g, &spin, sizeof spin);
        if (chance(w, 50)) nap(1);
    }
    close_gpu(w, g);
    open_gpu(w, g);
}

/* A faulting command: the device says so, takes no work, and lets nobody wait for ever. */
static void die_faulting(struct worker *w, struct gpu *g)
{
    struct udxg_soft_fault fault = {.header = udxg_soft_header(UDXG_SOFT_OP_FAULT, sizeof fault), .va = 0x1234000};
    D3DKMT_GETDEVICESTATE state = {0};
    D3DKMT_SUBMITCOMMAND nothing = {0};

    submit(w, g, &fault, sizeof fault);
    state.hDevice = g->device;
    state.StateType = D3DKMT_DEVICESTATE_EXECUTION;
    do {
        DO(w, GetDeviceState, &state);
    } while (state.ExecutionState == D3DKMT_DEVICEEXECUTION_ACTIVE);
    nothing.BroadcastContextCount = 1;
    nothing.BroadcastContext[0] = g->context;
    if (CALL(w, SubmitCommand, &nothing) != STATUS_GRAPHICS_GPU_EXCEPTION_ON_DEVICE)
        fail("a device in error takes work");
    wait_cpu(w, g, g->fence, UINT64_MAX);
    close_gpu(w, g);
    open_gpu(w, g);
}

static void private_step(struct worker *w, struct gpu *g)
{
    unsigned what = below(w, 100);

    if (!g->count || (what < 12 && g->count + 8 <= MAX_BUFFERS)) {
        create_buffers(w, g, 1 + below(w, 8), chance(w, 50));
        return;
    }
    struct buffer *b = &g->buffers[below(w, g->count)];
    if (what < 30) {
        check_pages(w, g, b);
    } else if (what < 40) {
        if (b->residency < 5) make_resident(w, g, b);
    } else if (what < 50) {
        evict(w, g, b); /* also of what is in use: the work that was submitted before must not notice */
    } else if (what < 53) {
        offer_and_reclaim(w, g, b);
    } else if (what < 57) {
        if (b->va) {
            finish(w, g);
            unmap(w, g, b);
        }
    } else if (what < 88) {
        work(w, g);
    } else if (what < 95) {
        destroy_some(w, g);
    } else if (what < 97) {
        replace_context(w, g);
    } else if (what < 98) {
        die_busy(w, g);
    } else if (what < 99) {
        die_faulting(w, g);
    } else {
        close_gpu(w, g);
        open_gpu(w, g);
    }
}

static void play_private(struct worker *w)
{
    struct gpu *g = malloc(sizeof *g);

    if (!g) fail("no memory for the test itself");
    open_gpu(w, g);
    for (unsigned step = 0; step < world.steps; step++) private_step(w, g);
    for (unsigned i = 0; i < g->count; i++) check_pages(w, g, &g->buffers[i]);
    close_gpu(w, g);
    free(g);
}

/* ---- the chaos ---- */

/* What is known of one shared device. Handles may be stale as soon as they have been read. */
struct slot {
    _Atomic(uint32_t) adapter, device;
    _Atomic(uint32_t) queues[SLOT_PARTS], contexts[SLOT_PARTS], fences[SLOT_PARTS], allocations[SLOT_PARTS],
        resources[SLOT_PARTS];
    _Atomic(uint64_t) vas[SLOT_PARTS]; /* of some allocations */
};

static struct slot slots[SLOTS];
static atomic_uint_least64_t pulse; /* what the fences are signalled with */

/* Statuses that a call may give whose handles die at the time. */
static NTSTATUS tolerate(struct worker *w, const char *what, NTSTATUS status)
{
    switch ((uint32_t)status) {
    case (uint32_t)STATUS_SUCCESS:
    case (uint32_t)STATUS_PENDING:
    case (uint32_t)STATUS_INVALID_PARAMETER:
    case (uint32_t)STATUS_INVALID_HANDLE:
    case (uint32_t)STATUS_NO_MEMORY:
    case (uint32_t)STATUS_GRAPHICS_GPU_EXCEPTION_ON_DEVICE:
        return status;
    default:
        fail("thread %u: %s -> 0x%08x", w->id, what, (unsigned)status);
    }
}

#define TRY(w, name, args) tolerate(w, #name, CALL(w, name, args))

static uint32_t any_of(struct worker *w, _Atomic(uint32_t) *handles)
{
    return atomic_load(&handles[below(w, SLOT_PARTS)]);
}

static void destroy_device(struct worker *w, uint32_t device)
{
    D3DKMT_DESTROYDEVICE args = {device};

    if (device) DO(w, DestroyDevice, &args); /* only who took the handle out of its slot destroys it */
}

static void forget_parts(_Atomic(uint32_t) *handles)
{
    for (unsigned i = 0; i < SLOT_PARTS; i++) atomic_store(&handles[i], 0);
}

static void replace_device(struct worker *w, struct slot *s, bool with_new)
{
    uint32_t adapter = world.adapters[below(w, world.adapter_count)];
    uint32_t fresh = with_new ? create_device(w, adapter) : 0;
    uint32_t former = atomic_exchange(&s->device, fresh);

    atomic_store(&s->adapter, adapter);
    forget_parts(s->queues);
    forget_parts(s->contexts);
    forget_parts(s->fences);
    forget_parts(s->allocations);
    forget_parts(s->resources);
    destroy_device(w, former);
}

static void replace_queue(struct worker *w, struct slot *s)
{
    D3DKMT_CREATEPAGINGQUEUE create = {0};
    D3DDDI_DESTROYPAGINGQUEUE destroy = {0};

    create.hDevice = atomic_load(&s->device);
    create.Priority = (D3DDDI_PAGINGQUEUE_PRIORITY)((int)below(w, 3) - 1);
    if (TRY(w, CreatePagingQueue, &create) != STATUS_SUCCESS) return;
    destroy.hPagingQueue = atomic_exchange(&s->queues[below(w, SLOT_PARTS)], create.hPagingQueue);
    if (destroy.hPagingQueue && chance(w, 70)) TRY(w, DestroyPagingQueue, &destroy);
}

static void replace_context_of(struct worker *w, struct slot *s)
{
    D3DKMT_CREATECONTEXTVIRTUAL create = {0};
    D3DKMT_DESTROYCONTEXT destroy = {0};

    create.hDevice = atomic_load(&s->device);
    create.NodeOrdinal = below(w, 2);
    if (TRY(w, CreateContextVirtual, &create) != STATUS_SUCCESS) return;
    destroy.hContext = atomic_exchange(&s->contexts[below(w, SLOT_PARTS)], create.hContext);
    if (destroy.hContext && chance(w, 70)) TRY(w, DestroyContext, &destroy);
}

static void replace_fence(struct worker *w, struct slot *s)
{
    D3DKMT_CREATESYNCHRONIZATIONOBJECT2 create = {0};
    D3DKMT_DESTROYSYNCHRONIZATIONOBJECT destroy = {0};

    create.hDevice = atomic_load(&s->device);
    create.Info.Type = D3DDDI_MONITORED_FENCE;
    create.Info.MonitoredFence.InitialFenceValue = atomic_load(&pulse);
    if (TRY(w, CreateSynchronizationObject2, &create) != STATUS_SUCCESS) return;
    destroy.hSyncObject = atomic_exchange(&s->fences[below(w, SLOT_PARTS)], create.hSyncObject);
    if (destroy.hSyncObject) TRY(w, DestroySynchronizationObject, &destroy); /* nobody would signal it any more */
}

/* Locks an allocation and makes the GPU see it. Its bytes stay zero, which is no command. */
static void equip(struct worker *w, struct slot *s, uint32_t device, unsigned part, uint32_t allocation)
{
    D3DDDI_MAPGPUVIRTUALADDRESS map_args = {0};
    D3DDDI_MAKERESIDENT resident = {0};
    D3DKMT_LOCK2 lock_args = {0};

    /* Nothing is written: the memory may be somebody else's by then. */
    lock_args.hDevice = device;
    lock_args.hAllocation = allocation;
    if (TRY(w, Lock2, &lock_args) != STATUS_SUCCESS) return;
    map_args.hPagingQueue = resident.hPagingQueue = any_of(w, s->queues);
    map_args.hAllocation = allocation;
    map_args.SizeInPages = 1;
    map_args.Protection.Write = 1;
    if (TRY(w, MapGpuVirtualAddress, &map_args) == STATUS_SUCCESS) atomic_store(&s->vas[part], map_args.VirtualAddress);
    resident.NumAllocations = 1;
    resident.AllocationList = &allocation;
    TRY(w, MakeResident, &resident);
}

static void create_in(struct worker *w, struct slot *s)
{
    struct udxg_soft_allocation soft[8];
    D3DDDI_ALLOCATIONINFO2 infos[8];
    D3DKMT_CREATEALLOCATION args = {0};
    unsigned part = below(w, SLOT_PARTS);

    memset(infos, 0, sizeof infos);
    args.NumAllocations = 1 + below(w, 8);
    for (unsigned i = 0; i < args.NumAllocations; i++) {
        soft_data(w, 1 + below(w, 16), &soft[i]);
        infos[i].pPrivateDriverData = &soft[i];
        infos[i].PrivateDriverDataSize = sizeof soft[i];
    }
    args.hDevice = atomic_load(&s->device);
    args.pAllocationInfo2 = infos;
    if (chance(w, 30)) args.hResource = any_of(w, s->resources);
    if (!args.hResource && chance(w, 50)) {
        args.Flags.CreateResource = 1;
        args.Flags.CreateShared = args.Flags.NtSecuritySharing = chance(w, 30);
    }
    if (TRY(w, CreateAllocation2, &args) != STATUS_SUCCESS) return;
    if (args.Flags.CreateResource) atomic_store(&s->resources[part], args.hResource);
    atomic_store(&s->allocations[part], infos[below(w, args.NumAllocations)].hAllocation);
    equip(w, s, args.hDevice, part, infos[0].hAllocation);
}

static void destroy_in(struct worker *w, struct slot *s)
{
    D3DKMT_DESTROYALLOCATION2 args = {0};
    uint32_t handles[2] = {any_of(w, s->allocations), any_of(w, s->allocations)};

    args.hDevice = atomic_load(&s->device);
    args.Flags.AssumeNotInUse = chance(w, 20);
    args.Flags.SynchronousDestroy = chance(w, 20);
    if (chance(w, 40)) {
        args.hResource = any_of(w, s->resources);
        if (!args.hResource) return;
    } else {
        args.phAllocationList = handles;
        args.AllocationCount = 1 + chance(w, 20);
    }
    TRY(w, DestroyAllocation2, &args);
}

static void move_in(struct worker *w, struct slot *s)
{
    uint32_t allocation = any_of(w, s->allocations);
    D3DDDI_MAKERESIDENT resident = {0};
    D3DKMT_EVICT evict_args = {0};

    if (chance(w, 50)) {
        resident.hPagingQueue = any_of(w, s->queues);
        resident.NumAllocations = 1;
        resident.AllocationList = &allocation;
        TRY(w, MakeResident, &resident);
    } else {
        evict_args.hDevice = atomic_load(&s->device);
        evict_args.NumAllocations = 1;
        evict_args.AllocationList = &allocation;
        TRY(w, Evict, &evict_args);
    }
}

static void offer_in(struct worker *w, struct slot *s)
{
    uint32_t allocation = any_of(w, s->allocations), resource = any_of(w, s->resources);
    bool by_resource = chance(w, 30);
    D3DKMT_OFFERALLOCATIONS offer = {0};
    D3DKMT_RECLAIMALLOCATIONS2 reclaim = {0};
    D3DKMT_TRIMPROCESSCOMMITMENT trim = {0};
    D3DDDI_RECLAIM_RESULT result;

    if (chance(w, 10)) {
        trim.cbSize = sizeof trim;
        trim.DecommitRequested = PAGE;
        TRY(w, TrimProcessCommitment, &trim);
    }
    offer.hDevice = atomic_load(&s->device);
    reclaim.hPagingQueue = any_of(w, s->queues);
    offer.NumAllocations = reclaim.NumAllocations = 1;
    offer.HandleList = reclaim.HandleList = by_resource ? NULL : &allocation;
    offer.pResources = reclaim.pResources = by_resource ? &resource : NULL;
    offer.Priority = (D3DKMT_OFFER_PRIORITY)(1 + below(w, 4));
    offer.Flags.Value = below(w, 4);
    reclaim.pResults = &result;
    if (chance(w, 50))
        TRY(w, OfferAllocations, &offer);
    else
        TRY(w, ReclaimAllocations2, &reclaim);
}

static void submit_in(struct worker *w, struct slot *s)
{
    D3DKMT_SUBMITCOMMAND args = {0};

    args.Commands = atomic_load(&s->vas[below(w, SLOT_PARTS)]);
    args.CommandLength = chance(w, 90) ? 0 : 64;
    args.Flags.NullRendering = chance(w, 80);
    args.BroadcastContextCount = 1 + chance(w, 20);
    args.BroadcastContext[0] = any_of(w, s->contexts);
    args.BroadcastContext[1] = any_of(w, s->contexts);
    TRY(w, SubmitCommand, &args);
}

static void sync_gpu(struct worker *w, struct slot *s)
{
    D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMGPU signal = {0};
    D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMGPU wait = {0};
    uint32_t fences[2] = {any_of(w, s->fences), any_of(w, slots[below(w, SLOTS)].fences)};
    UINT64 values[2] = {atomic_load(&pulse) + below(w, 3), atomic_load(&pulse) + below(w, 3)};
    NTSTATUS status;

    if (chance(w, 50)) {
        wait.hContext = any_of(w, s->contexts);
        wait.ObjectCount = 1 + chance(w, 30);
        wait.ObjectHandleArray = fences;
        wait.MonitoredFenceValueArray = values;
        TRY(w, WaitForSynchronizationObjectFromGpu, &wait);
    } else {
        signal.hContext = any_of(w, s->contexts);
        signal.ObjectCount = 1 + chance(w, 30);
        signal.ObjectHandleArray = fences;
        signal.MonitoredFenceValueArray = values;
        status = CALL(w, SignalSynchronizationObjectFromGpu, &signal);
        if (status != STATUS_ACCESS_DENIED) tolerate(w, "SignalSynchronizationObjectFromGpu", status);
    }
}

static void sync_cpu(struct worker *w, struct slot *s)
{
    D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMCPU args = {0};
    uint32_t fences[3] = {any_of(w, s->fences), any_of(w, s->fences), any_of(w, slots[below(w, SLOTS)].fences)};
    UINT64 values[3] = {atomic_load(&pulse) + below(w, 3), atomic_load(&pulse), atomic_load(&pulse) + below(w, 3)};
    int event = chance(w, 30) ? eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) : -1;

    args.hDevice = atomic_load(&s->device);
    args.ObjectCount = 1 + below(w, 3);
    args.ObjectHandleArray = fences;
    args.FenceValueArray = values;
    args.hAsyncEvent = event > 0 ? (HANDLE)(intptr_t)event : NULL;
    args.Flags.WaitAny = chance(w, 50);
    TRY(w, WaitForSynchronizationObjectFromCpu, &args);
    if (event >= 0) close(event);
}

static void look(struct worker *w, struct slot *s)
{
    D3DKMT_ALLOCATIONRESIDENCYSTATUS residency[2];
    D3DKMT_QUERYALLOCATIONRESIDENCY query = {0};
    D3DKMT_GETDEVICESTATE state = {0};
    D3DKMT_WAITFORIDLE idle = {0};
    uint32_t allocation = any_of(w, s->allocations);

    state.hDevice = query.hDevice = idle.hDevice = atomic_load(&s->device);
    state.StateType = D3DKMT_DEVICESTATE_EXECUTION;
    if (TRY(w, GetDeviceState, &state) == STATUS_SUCCESS && state.ExecutionState != D3DKMT_DEVICEEXECUTION_ACTIVE &&
        chance(w, 30))
        replace_device(w, s, true);
    query.pResidencyStatus = residency;
    if (chance(w, 50)) {
        query.hResource = any_of(w, s->resources);
    } else {
        query.AllocationCount = 1;
        query.phAllocationList = &allocation;
    }
    TRY(w, QueryAllocationResidency, &query);
    if (chance(w, 20)) TRY(w, WaitForIdle, &idle);
}

static void share_in(struct worker *w, struct slot *s)
{
    D3DKMT_HANDLE resource = any_of(w, s->resources);
    HANDLE nt;

    begin(w, "ShareObjects");
    if (tolerate(w, "ShareObjects", end(w, D3DKMTShareObjects(1, &resource, NULL, 0x1, &nt))) != STATUS_SUCCESS) return;
    if (chance(w, 50)) nap(1);
    close((int)(intptr_t)nt);
}

static void chaos_step(struct worker *w)
{
    struct slot *s = &slots[below(w, SLOTS)];
    unsigned what = below(w, 100);

    atomic_store(&w->device, atomic_load(&s->device));
    if (!atomic_load(&s->device) || what < 3) {
        replace_device(w, s, true);
        replace_queue(w, s);
    } else if (what < 9) {
        replace_queue(w, s);
    } else if (what < 17) {
        replace_context_of(w, s);
    } else if (what < 25) {
        replace_fence(w, s);
    } else if (what < 43) {
        create_in(w, s);
    } else if (what < 55) {
        destroy_in(w, s);
    } else if (what < 62) {
        move_in(w, s);
    } else if (what < 66) {
        offer_in(w, s);
    } else if (what < 77) {
        submit_in(w, s);
    } else if (what < 87) {
        sync_gpu(w, s);
    } else if (what < 91) {
        sync_cpu(w, s);
    } else if (what < 97) {
        look(w, s);
    } else {
        share_in(w, s);
    }
}

static void play_chaos(struct worker *w)
{
    for (unsigned step = 0; step < world.steps; step++) chaos_step(w);
}

/*
 * Ends every wait of the chaos: signals the fences, and now and then takes a whole device away, for fences that
 * nobody knows any more.
 */
static void *beat(void *stop)
{
    struct worker self = {.random = world.seed};

    for (unsigned n = 0; !atomic_load((atomic_bool *)stop); n++) {
        UINT64 value = atomic_fetch_add(&pulse, 1) + 4;
        for (unsigned i = 0; i < SLOTS * SLOT_PARTS; i++) {
            D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMCPU args = {0};
            D3DKMT_HANDLE fence = atomic_load(&slots[i / SLOT_PARTS].fences[i % SLOT_PARTS]);
            args.hDevice = atomic_load(&slots[i / SLOT_PARTS].device);
            args.ObjectCount = 1;
            args.ObjectHandleArray = &fence;
            args.FenceValueArray = &value;
            (void)D3DKMTSignalSynchronizationObjectFromCpu(&args); /* it may be stale */
        }
        if (n % 16 == 15) replace_device(&self, &slots[n / 16 % SLOTS], false);
        nap(5);
    }
    return NULL;
}

/* ---- rounds ---- */

static int fd_count(void)
{
    DIR *dir = opendir("/proc/self/fd");
    int count = 0;

    if (!dir) fail("no /proc");
    while (readdir(dir)) count++;
    closedir(dir);
    return count;
}

static uint64_t usage(void)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < 2 * world.adapter_count; i++) {
        D3DKMT_QUERYVIDEOMEMORYINFO args = {0};
        args.hAdapter = world.adapters[i / 2];
        args.MemorySegmentGroup = i % 2 ? D3DKMT_MEMORY_SEGMENT_GROUP_NON_LOCAL : D3DKMT_MEMORY_SEGMENT_GROUP_LOCAL;
        if (D3DKMTQueryVideoMemoryInfo(&args) != STATUS_SUCCESS) fail("QueryVideoMemoryInfo failed");
        sum += args.CurrentUsage;
    }
    return sum;
}

/* What work in flight still holds goes with it; then there is nothing. */
static void check_nothing_left(int fds_before)
{
    uint64_t deadline = now_ns() + GONE_SECONDS * 1000000000ull;

    while ((usage() || fd_count() > fds_before) && now_ns() < deadline) nap(5);
    if (usage()) fail("%llu bytes are still in use", (unsigned long long)usage());
    if (fd_count() != fds_before) fail("%d descriptors instead of %d", fd_count(), fds_before);
}

static void *play(void *argument)
{
    struct worker *w = argument;

    if (w->round % 2)
        play_chaos(w);
    else
        play_private(w);
    return NULL;
}

static void play_round(unsigned round)
{
    atomic_bool stop = false;
    pthread_t heart;

    if (pthread_create(&heart, NULL, beat, &stop)) fail("no thread");
    for (unsigned i = 0; i < world.threads; i++) {
        struct worker *w = &workers[i];
        w->id = i;
        w->round = round;
        w->random = world.seed + (uint64_t)round * 1000003u + i;
        if (pthread_create(&w->thread, NULL, play, w)) fail("no thread");
    }
    for (unsigned i = 0; i < world.threads; i++) pthread_join(workers[i].thread, NULL);
    for (unsigned i = 0; i < SLOTS; i++) replace_device(&workers[0], &slots[i], false);
    atomic_store(&stop, true);
    pthread_join(heart, NULL);
}

static void open_adapters(void)
{
    D3DKMT_ADAPTERINFO infos[16];
    D3DKMT_ENUMADAPTERS2 args = {0};

    args.NumAdapters = 16;
    args.pAdapters = infos;
    if (D3DKMTEnumAdapters2(&args) != STATUS_SUCCESS || !args.NumAdapters) fail("no adapter");
    for (unsigned i = 0; i < args.NumAdapters && i < MAX_ADAPTERS; i++)
        world.adapters[world.adapter_count++] = infos[i].hAdapter;
}

static void read_arguments(int argc, char **argv)
{
    world.seed = now_ns() ^ (uint64_t)getpid() << 32;
    for (int i = 1; i + 1 < argc; i += 2) {
        uint64_t value = strtoull(argv[i + 1], NULL, 0);
        if (!strcmp(argv[i], "--seed"))
            world.seed = value;
        else if (!strcmp(argv[i], "--threads"))
            world.threads = value < MAX_THREADS ? (unsigned)value : MAX_THREADS;
        else if (!strcmp(argv[i], "--rounds"))
            world.rounds = (unsigned)value;
        else if (!strcmp(argv[i], "--steps"))
            world.steps = (unsigned)value;
        else
            fail("unknown option %s", argv[i]);
    }
}

int main(int argc, char **argv)
{
    pthread_t dog;
    uint64_t calls = 0;

    read_arguments(argc, argv);
    setenv("UDXG_ADAPTERS", "soft-discrete,soft-uma", 0);
    printf("seed %llu, %u threads, %u rounds of %u steps\n", (unsigned long long)world.seed, world.threads,
           world.rounds, world.steps);
    fflush(stdout);
    open_adapters();
    if (pthread_create(&dog, NULL, watch, NULL)) fail("no thread");
    /* The first round brings threads and pools that stay. */
    play_round(0);
    play_round(1);
    int fds = fd_count();
    for (unsigned round = 0; round < world.rounds; round++) {
        play_round(round);
        check_nothing_left(fds);
    }
    atomic_store(&over, true);
    pthread_join(dog, NULL);
    for (unsigned i = 0; i < world.threads; i++) calls += atomic_load(&workers[i].calls);
    printf("%llu calls, nothing left\n", (unsigned long long)calls);
    return 0;
}
