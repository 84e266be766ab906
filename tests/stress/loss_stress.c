/* SPDX-License-Identifier: MIT */
/*
 * Losing engines and adapters under way: some threads open, submit in every way, wait and destroy, on an adapter with
 * next to no patience, while another makes packets fault, hang and get stuck and takes the adapter away and back.
 *
 * Nothing is known but that every call gives one of a few statuses and that everybody comes back: a wait that nobody
 * ends makes the test run into its time limit. At the end the rules are taken away, and a new device must work.
 *
 *   loss_stress [--seed N] [--seconds N]
 */
#include <dxg/d3dkmthk.h>
#include <udxg/soft.h>
#include <udxg/udxg.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define THREADS 3
#define PAGE 4096u

static atomic_bool over;
static LUID luid;
static atomic_ulong rounds, removed, failed;

static uint64_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 33;
}

/* What calls on an adapter that may go at any moment may say. */
static bool holds(NTSTATUS status, const char *what)
{
    switch (status) {
    case STATUS_SUCCESS:
    case STATUS_PENDING:
        return true;
    case STATUS_DEVICE_REMOVED:
        atomic_fetch_add(&removed, 1);
        return false;
    case STATUS_GRAPHICS_GPU_EXCEPTION_ON_DEVICE:
        atomic_fetch_add(&failed, 1);
        return false;
    default:
        fprintf(stderr, "loss_stress: %s gives 0x%08x\n", what, (unsigned)status);
        abort();
    }
}

#define HOLDS(call) holds(call, #call)

/* ---- one device's life ---- */

struct life {
    D3DKMT_HANDLE adapter, device, queue, context, hw_queue, fence, progress, allocation;
    UINT64 va;
    UINT64 next, next_progress;
    bool hw;
};

static bool open_device(struct life *life)
{
    D3DKMT_OPENADAPTERFROMLUID open = {.AdapterLuid = luid};
    D3DKMT_CREATEDEVICE device = {0};
    D3DKMT_CREATEPAGINGQUEUE queue = {0};
    D3DKMT_CREATESYNCHRONIZATIONOBJECT2 fence = {0};

    if (!HOLDS(D3DKMTOpenAdapterFromLuid(&open))) return false;
    life->adapter = device.hAdapter = open.hAdapter;
    if (!HOLDS(D3DKMTCreateDevice(&device))) return false;
    life->device = queue.hDevice = fence.hDevice = device.hDevice;
    if (!HOLDS(D3DKMTCreatePagingQueue(&queue))) return false;
    life->queue = queue.hPagingQueue;
    fence.Info.Type = D3DDDI_MONITORED_FENCE;
    if (!HOLDS(D3DKMTCreateSynchronizationObject2(&fence))) return false;
    life->fence = fence.hSyncObject;
    return true;
}

static bool open_lane(struct life *life, UINT node)
{
    D3DKMT_CREATECONTEXTVIRTUAL context = {.hDevice = life->device, .NodeOrdinal = node};
    D3DKMT_CREATEHWQUEUE queue = {0};

    context.Flags.HwQueueSupported = life->hw;
    if (!HOLDS(D3DKMTCreateContextVirtual(&context))) return false;
    life->context = queue.hHwContext = context.hContext;
    if (!life->hw) return true;
    if (!HOLDS(D3DKMTCreateHwQueue(&queue))) return false;
    life->hw_queue = queue.hHwQueue;
    life->progress = queue.hHwQueueProgressFence;
    return true;
}

/* A page with a command that takes no time. */
static bool make_commands(struct life *life)
{
    struct udxg_soft_allocation soft = {.magic = UDXG_SOFT_ALLOCATION_MAGIC, .version = UDXG_SOFT_VERSION};
    D3DDDI_ALLOCATIONINFO2 info = {.pPrivateDriverData = &soft, .PrivateDriverDataSize = sizeof soft};
    D3DKMT_CREATEALLOCATION create = {.hDevice = life->device, .NumAllocations = 1, .pAllocationInfo2 = &info};
    D3DDDI_MAPGPUVIRTUALADDRESS map = {.hPagingQueue = life->queue, .SizeInPages = 1};
    D3DDDI_MAKERESIDENT resident = {.hPagingQueue = life->queue, .NumAllocations = 1};
    D3DKMT_LOCK2 lock = {.hDevice = life->device};
    D3DKMT_UNLOCK2 unlock = {.hDevice = life->device};
    struct udxg_soft_command nop = udxg_soft_header(UDXG_SOFT_OP_NOP, sizeof nop);

    soft.size_bytes = PAGE;
    soft.flags = UDXG_SOFT_CPU_VISIBLE;
    if (!HOLDS(D3DKMTCreateAllocation2(&create))) return false;
    life->allocation = lock.hAllocation = unlock.hAllocation = map.hAllocation = info.hAllocation;
    if (!HOLDS(D3DKMTLock2(&lock))) return false;
    memcpy(lock.pData, &nop, sizeof nop);
    if (!HOLDS(D3DKMTUnlock2(&unlock)) || !HOLDS(D3DKMTMapGpuVirtualAddress(&map))) return false;
    life->va = map.VirtualAddress;
    resident.AllocationList = &life->allocation;
    return HOLDS(D3DKMTMakeResident(&resident));
}

static bool submit(struct life *life)
{
    D3DKMT_SUBMITCOMMAND command = {.Commands = life->va, .CommandLength = 8, .BroadcastContextCount = 1};
    D3DKMT_SUBMITCOMMANDTOHWQUEUE to_queue = {.hHwQueue = life->hw_queue, .CommandBuffer = life->va};
    D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMGPU signal = {.hContext = life->context, .ObjectCount = 1};

    if (life->hw) {
        to_queue.CommandLength = 8;
        to_queue.HwQueueProgressFenceId = ++life->next_progress;
        return HOLDS(D3DKMTSubmitCommandToHwQueue(&to_queue));
    }
    command.BroadcastContext[0] = life->context;
    if (!HOLDS(D3DKMTSubmitCommand(&command))) return false;
    life->next++;
    signal.ObjectHandleArray = &life->fence;
    signal.MonitoredFenceValueArray = &life->next;
    return HOLDS(D3DKMTSignalSynchronizationObjectFromGpu(&signal));
}

static bool wait_for_all(struct life *life)
{
    D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMCPU wait = {.hDevice = life->device, .ObjectCount = 1};

    wait.ObjectHandleArray = life->hw ? &life->progress : &life->fence;
    wait.FenceValueArray = life->hw ? &life->next_progress : &life->next;
    return HOLDS(D3DKMTWaitForSynchronizationObjectFromCpu(&wait));
}

static void live(struct life *life, uint64_t *random)
{
    D3DKMT_WAITFORIDLE idle;

    life->hw = next_random(random) % 2;
    if (!open_device(life) || !open_lane(life, (UINT)(next_random(random) % 2)) || !make_commands(life)) return;
    for (uint64_t i = next_random(random) % 20; i > 0; i--)
        if (!submit(life)) break;
    switch (next_random(random) % 3) {
    case 0:
        (void)wait_for_all(life);
        break;
    case 1:
        idle.hDevice = life->device;
        (void)HOLDS(D3DKMTWaitForIdle(&idle));
        break;
    default: /* destroyed with work under way */
        break;
    }
}

static void *worker(void *argument)
{
    uint64_t random = (uintptr_t)argument;

    while (!atomic_load(&over)) {
        struct life life = {0};
        D3DKMT_DESTROYDEVICE destroy;
        D3DKMT_CLOSEADAPTER close;
        live(&life, &random);
        destroy.hDevice = life.device;
        close.hAdapter = life.adapter;
        if (life.device && D3DKMTDestroyDevice(&destroy) != STATUS_SUCCESS) abort();
        if (life.adapter && D3DKMTCloseAdapter(&close) != STATUS_SUCCESS) abort();
        if (life.device)
            atomic_fetch_add(&rounds, 1);
        else
            usleep(500); /* it will be back */
    }
    return NULL;
}

/* ---- what goes wrong ---- */

static void *spoiler(void *argument)
{
    static const char *const rules[] = {
        "engine:fault:when=3+5",
        "engine:hang:when=7",
        "engine:stuck:when=5",
        "adapter:remove:after=1",
        "",
        "engine:hang:when=2+9,engine:stuck:when=11",
    };
    uint64_t random = (uintptr_t)argument;

    while (!atomic_load(&over)) {
        if (udxg_inject(rules[next_random(&random) % (sizeof rules / sizeof *rules)]) != STATUS_SUCCESS) abort();
        usleep((useconds_t)(next_random(&random) % 60000));
        if (next_random(&random) % 4 == 0 && udxg_stop_adapter(luid) != STATUS_SUCCESS) abort();
        if (next_random(&random) % 8 && udxg_start_adapter(luid) != STATUS_SUCCESS) abort();
    }
    return NULL;
}

static void find_adapter(void)
{
    D3DKMT_ADAPTERINFO infos[16];
    D3DKMT_ENUMADAPTERS2 args = {.NumAdapters = 16, .pAdapters = infos};

    if (D3DKMTEnumAdapters2(&args) != STATUS_SUCCESS || !args.NumAdapters) abort();
    luid = infos[0].AdapterLuid;
}

/* All is well again. */
static void check_recovery(void)
{
    struct life life = {0};

    if (udxg_inject(NULL) != STATUS_SUCCESS) abort();
    usleep(100000); /* a packet that was told to stop may still cost the adapter */
    if (udxg_start_adapter(luid) != STATUS_SUCCESS) abort();
    if (!open_device(&life) || !open_lane(&life, 0) || !make_commands(&life)) abort();
    if (!submit(&life) || !wait_for_all(&life)) abort();
}

int main(int argc, char **argv)
{
    unsigned long seed = (unsigned long)time(NULL), seconds = 3;
    pthread_t threads[THREADS + 1];

    for (int i = 1; i + 1 < argc; i += 2) {
        if (!strcmp(argv[i], "--seed")) seed = strtoul(argv[i + 1], NULL, 0);
        if (!strcmp(argv[i], "--seconds")) seconds = strtoul(argv[i + 1], NULL, 0);
    }
    printf("seed %lu\n", seed);
    fflush(stdout);
    find_adapter();
    for (uintptr_t i = 0; i <= THREADS; i++)
        if (pthread_create(&threads[i], NULL, i < THREADS ? worker : spoiler, (void *)(seed * 31 + i))) abort();
    sleep((unsigned)seconds);
    atomic_store(&over, true);
    /* Nobody is left behind an engine that hangs by a rule. */
    pthread_join(threads[THREADS], NULL);
    if (udxg_inject(NULL) != STATUS_SUCCESS) abort();
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    check_recovery();
    printf("%lu devices; removed %lu times, in error %lu times\n", atomic_load(&rounds), atomic_load(&removed),
           atomic_load(&failed));
    return 0;
}
