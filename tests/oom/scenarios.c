/* SPDX-License-Identifier: MIT */
/*
 * The scenarios. Each builds what it needs without faults, and makes the calls it is about guarded. Handles and
 * fences are new in each round, so that every point is one of a process's first: slabs, tables and pools are empty.
 */
#include "scenarios.h"

#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <udxg/soft.h>

#include "base/os.h"
#include "client/client.h"
#include "faults.h"
#include "guard.h"
#include "miniport/miniports.h"

#define MANY 20u   /* more than create.c keeps on its stack */
#define LONG 1000u /* more handles than a call's frame holds */
#define SIZE UINT64_C(65536)
#define BLOB 4096u /* more private data than a call's frame holds */
#define PAGES 300u /* more than are asked about one by one */

/* ---- the objects ---- */

static void open_with_device(void)
{
    D3DKMT_CREATEDEVICE device = {0};
    world_open("soft-discrete");
    device.hAdapter = world.adapter;
    PLAIN(CreateDevice, &device);
    world.device = device.hDevice;
}

static void create_queue(void)
{
    D3DKMT_CREATEPAGINGQUEUE queue = {.hDevice = world.device, .Priority = D3DDDI_PAGINGQUEUE_PRIORITY_NORMAL};
    GUARDED(CreatePagingQueue, &queue);
    world.queue = queue.hPagingQueue;
    world.queue_value = queue.FenceValueCPUVirtualAddress;
}

static void create_context(void)
{
    D3DKMT_CREATECONTEXTVIRTUAL context = {.hDevice = world.device};
    GUARDED(CreateContextVirtual, &context);
    world.context = context.hContext;
}

static D3DKMT_HANDLE create_fence(void)
{
    D3DKMT_CREATESYNCHRONIZATIONOBJECT2 fence = {.hDevice = world.device};
    fence.Info.Type = D3DDDI_MONITORED_FENCE;
    GUARDED(CreateSynchronizationObject2, &fence);
    return fence.hSyncObject;
}

/* Elements and their private data for one call. */
struct batch {
    D3DDDI_ALLOCATIONINFO2 infos[LONG];
    union {
        struct udxg_soft_allocation soft;
        char bytes[BLOB];
    } data[MANY];
};

static struct batch batch;

static void fill_batch(uint32_t count, uint32_t data_bytes)
{
    memset(&batch, 0, sizeof batch);
    for (uint32_t i = 0; i < MANY; i++) {
        batch.data[i].soft = (struct udxg_soft_allocation){
            .magic = UDXG_SOFT_ALLOCATION_MAGIC,
            .version = UDXG_SOFT_VERSION,
            .size_bytes = SIZE,
            .flags = UDXG_SOFT_CPU_VISIBLE,
        };
    }
    for (uint32_t i = 0; i < count; i++) {
        batch.infos[i].pPrivateDriverData = &batch.data[i % MANY];
        batch.infos[i].PrivateDriverDataSize = data_bytes;
    }
}

static D3DKMT_CREATEALLOCATION call_for_batch(uint32_t count)
{
    return (D3DKMT_CREATEALLOCATION){.hDevice = world.device, .NumAllocations = count, .pAllocationInfo2 = batch.infos};
}

static void create_guarded(D3DKMT_CREATEALLOCATION *args)
{
    GUARDED(CreateAllocation2, args, {&batch, sizeof batch});
}

static void create_plain(uint32_t count, D3DKMT_HANDLE *ret_handles)
{
    fill_batch(count, sizeof(struct udxg_soft_allocation));
    D3DKMT_CREATEALLOCATION args = call_for_batch(count);
    PLAIN(CreateAllocation2, &args);
    for (uint32_t i = 0; i < count && ret_handles; i++) ret_handles[i] = batch.infos[i].hAllocation;
}

/* ---- from nothing ---- */

static void first_use(void)
{
    struct faults_live before = faults_live(), after;
    D3DKMT_ENUMADAPTERS2 args = {0}, copy = args;
    faults_on();
    udxg_status status = udxg_call(UDXG_THUNK_EnumAdapters2, &args);
    faults_off();
    if (!udxg_failed(status)) return;
    guard_disarm();
    guard_judge(status);
    after = faults_live();
    if (!faults_live_equal(&before, &after)) {
        faults_print_surplus(&before);
        guard_fail("a first call that failed left something behind");
    }
    NEED(!memcmp(&args, &copy, sizeof args));
    NEED(udxg_call(UDXG_THUNK_EnumAdapters2, &args) == STATUS_SUCCESS);
}

static udxg_status try_kernel(void)
{
    char error[512];
    return udxg_kernel_create(NULL, udxg_miniports, error, sizeof error, &world.kernel);
}

static udxg_status try_process(void)
{
    return udxg_process_create(world.kernel, NULL, &world.process);
}

/* The same rules as for a call, for what is none. */
static void make_guarded(udxg_status (*make)(void))
{
    struct faults_live before = faults_live(), after;
    if (guard_is_armed()) faults_on();
    udxg_status status = make();
    faults_off();
    if (!udxg_failed(status)) return;
    guard_disarm();
    guard_judge(status);
    after = faults_live();
    if (!faults_live_equal(&before, &after)) {
        faults_print_surplus(&before);
        guard_fail("a creation that failed left something behind");
    }
    NEED(make() == STATUS_SUCCESS);
}

static void kernel_and_process(void)
{
    make_guarded(try_kernel);
    make_guarded(try_process);
    world_close();
}

static void create_device(void)
{
    world_open("soft-discrete,soft-uma");
    D3DKMT_OPENADAPTERFROMLUID open = {.AdapterLuid = world.kernel->adapters[0]->luid};
    GUARDED(OpenAdapterFromLuid, &open);
    D3DKMT_CREATEDEVICE device = {.hAdapter = open.hAdapter};
    GUARDED(CreateDevice, &device);
    open.AdapterLuid = world.kernel->adapters[1]->luid;
    GUARDED(OpenAdapterFromLuid, &open);
    device = (D3DKMT_CREATEDEVICE){.hAdapter = open.hAdapter};
    GUARDED(CreateDevice, &device);
    world_close();
}

/* ---- allocations ---- */

static void create_one(void)
{
    open_with_device();
    fill_batch(1, sizeof(struct udxg_soft_allocation));
    D3DKMT_CREATEALLOCATION args = call_for_batch(1);
    create_guarded(&args);
    world_close();
}

static void create_many(void)
{
    open_with_device();
    fill_batch(MANY, BLOB);
    D3DKMT_CREATEALLOCATION args = call_for_batch(MANY);
    create_guarded(&args);
    world_close();
}

/* Every slab and every table has to grow somewhere in the middle of a call, with half of its allocations made. */
static void create_thousands(void)
{
    open_with_device();
    for (int i = 0; i < 6; i++) {
        fill_batch(LONG, sizeof(struct udxg_soft_allocation));
        D3DKMT_CREATEALLOCATION args = call_for_batch(LONG);
        create_guarded(&args);
    }
    world_close();
}

/* All memory is there, and the handles are what is missing. The table is kept from growing by its own faults. */
static void create_many_then_handles_end(void)
{
    struct udxg_handle_table *table;
    uint32_t spent[UDXG_HANDLE_CHUNK], count;
    open_with_device();
    table = &world.process->handles;
    udxg_lock(HANDLE, &table->stripes[0].lock);
    count = table->stripes[0].free_count - MANY / 2;
    udxg_unlock(HANDLE, &table->stripes[0].lock);
    NEED(count < UDXG_HANDLE_CHUNK);
    faults_block(true);
    NEED(udxg_handle_reserve(table, count, spent) == STATUS_SUCCESS);
    faults_block(false);
    fill_batch(MANY, BLOB);
    D3DKMT_CREATEALLOCATION args = call_for_batch(MANY);
    create_guarded(&args);
    udxg_handle_cancel(table, count, spent);
    world_close();
}

static char runtime_data[2][BLOB];

static D3DKMT_CREATEALLOCATION call_for_resource(uint32_t count)
{
    static struct udxg_soft_resource resource = {.magic = UDXG_SOFT_RESOURCE_MAGIC,
                                                 .version = UDXG_SOFT_VERSION,
                                                 .tag = 1};
    D3DKMT_CREATEALLOCATION args = call_for_batch(count);
    args.Flags.CreateResource = 1;
    args.pPrivateRuntimeData = runtime_data[0];
    args.PrivateRuntimeDataSize = BLOB;
    args.pPrivateDriverData = &resource;
    args.PrivateDriverDataSize = sizeof resource;
    return args;
}

static void create_resource(void)
{
    open_with_device();
    fill_batch(MANY, BLOB);
    D3DKMT_CREATEALLOCATION args = call_for_resource(MANY);
    create_guarded(&args);
    world_close();
}

static void add_to_resource(void)
{
    open_with_device();
    fill_batch(2, sizeof(struct udxg_soft_allocation));
    D3DKMT_CREATEALLOCATION args = call_for_resource(2);
    PLAIN(CreateAllocation2, &args);
    D3DKMT_HANDLE resource = args.hResource;
    for (uint32_t i = 1; i < 3; i++) {
        fill_batch(i == 1 ? 1 : MANY, BLOB);
        args = call_for_batch(i == 1 ? 1 : MANY);
        args.hResource = resource;
        args.pPrivateRuntimeData = runtime_data[1];
        args.PrivateRuntimeDataSize = BLOB;
        create_guarded(&args);
    }
    world_close();
}

static void callers_memory(void)
{
    D3DKMT_CREATESTANDARDALLOCATION standard = {.Type = D3DKMT_STANDARDALLOCATIONTYPE_EXISTINGHEAP};
    void *pages = mmap(NULL, PAGES * UDXG_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    NEED(pages != MAP_FAILED);
    open_with_device();
    memset(&batch, 0, sizeof batch);
    standard.ExistingHeapData.Size = PAGES * UDXG_PAGE_SIZE;
    batch.infos[0].pSystemMem = pages;
    D3DKMT_CREATEALLOCATION args = call_for_batch(1);
    args.Flags.StandardAllocation = args.Flags.ExistingSysMem = args.Flags.CreateResource = 1;
    args.pStandardAllocation = &standard;
    create_guarded(&args);
    world_close();
    munmap(pages, PAGES * UDXG_PAGE_SIZE);
}

/* The pages are those of a file that is ours to close. */
static void section(void)
{
    D3DKMT_CREATESTANDARDALLOCATION standard = {.Type = D3DKMT_STANDARDALLOCATIONTYPE_EXISTINGHEAP};
    int fd = memfd_create("oom-section", MFD_CLOEXEC);
    NEED(fd > 0 && ftruncate(fd, SIZE) == 0);
    open_with_device();
    memset(&batch, 0, sizeof batch);
    standard.ExistingHeapData.Size = SIZE;
    batch.infos[0].hSection = (HANDLE)(intptr_t)fd;
    D3DKMT_CREATEALLOCATION args = call_for_batch(1);
    args.Flags.StandardAllocation = args.Flags.ExistingSection = 1;
    args.pStandardAllocation = &standard;
    create_guarded(&args);
    world_close();
    close(fd);
}

/* Write watch may keep descriptors for the life of the process. */
static void write_watch(void)
{
    open_with_device();
    fill_batch(2, sizeof(struct udxg_soft_allocation));
    D3DKMT_CREATEALLOCATION args = call_for_batch(2);
    args.Flags.WriteWatch = 1;
    create_guarded(&args);
    world_close();
}

/* Version 1, with its shorter elements. */
static void create_version_1(void)
{
    D3DDDI_ALLOCATIONINFO infos[MANY] = {0};
    open_with_device();
    fill_batch(0, 0);
    for (uint32_t i = 0; i < MANY; i++) {
        infos[i].pPrivateDriverData = &batch.data[i];
        infos[i].PrivateDriverDataSize = sizeof batch.data[i];
    }
    D3DKMT_CREATEALLOCATION args = {.hDevice = world.device, .NumAllocations = MANY, .pAllocationInfo = infos};
    GUARDED(CreateAllocation, &args, {infos, sizeof infos}, {&batch, sizeof batch});
    world_close();
}

/* ---- the GPU ---- */

static void fill_commands(D3DKMT_HANDLE allocation)
{
    struct udxg_soft_command nop = udxg_soft_header(UDXG_SOFT_OP_NOP, sizeof nop);
    D3DKMT_LOCK2 lock = {.hDevice = world.device, .hAllocation = allocation};
    D3DKMT_UNLOCK2 unlock = {.hDevice = world.device, .hAllocation = allocation};
    GUARDED(Lock2, &lock);
    memcpy(lock.pData, &nop, sizeof nop);
    PLAIN(Unlock2, &unlock);
}

static D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMCPU call_for_wait(const D3DKMT_HANDLE *fence, const UINT64 *value)
{
    return (D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMCPU){
        .hDevice = world.device, .ObjectCount = 1, .ObjectHandleArray = fence, .FenceValueArray = value};
}

static void wait_for(D3DKMT_HANDLE fence, UINT64 value)
{
    D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMCPU wait = call_for_wait(&fence, &value);
    GUARDED(WaitForSynchronizationObjectFromCpu, &wait);
}

/* The same while something of ours is still at work: what it gives back meanwhile is no trace of a failed call. */
static void wait_for_others(D3DKMT_HANDLE fence, UINT64 value)
{
    D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMCPU wait = call_for_wait(&fence, &value);
    PLAIN(WaitForSynchronizationObjectFromCpu, &wait);
}

static void signal_from_gpu(D3DKMT_HANDLE fence, UINT64 value)
{
    D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMGPU signal = {.hContext = world.context,
                                                        .ObjectCount = 1,
                                                        .ObjectHandleArray = &fence,
                                                        .MonitoredFenceValueArray = &value};
    GUARDED(SignalSynchronizationObjectFromGpu, &signal);
}

static void signal_from_cpu(D3DKMT_HANDLE fence, UINT64 value)
{
    D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMCPU signal = {.hDevice = world.device,
                                                        .ObjectCount = 1,
                                                        .ObjectHandleArray = &fence,
                                                        .FenceValueArray = &value};
    GUARDED(SignalSynchronizationObjectFromCpu, &signal);
}

static D3DGPU_VIRTUAL_ADDRESS map(D3DKMT_HANDLE allocation)
{
    D3DDDI_RESERVEGPUVIRTUALADDRESS reserve = {.hPagingQueue = world.queue, .Size = SIZE};
    D3DDDI_MAPGPUVIRTUALADDRESS mapping = {.hPagingQueue = world.queue, .hAllocation = allocation};
    GUARDED(ReserveGpuVirtualAddress, &reserve);
    mapping.BaseAddress = reserve.VirtualAddress;
    mapping.SizeInPages = SIZE / UDXG_PAGE_SIZE;
    mapping.Protection.Write = 1;
    GUARDED(MapGpuVirtualAddress, &mapping);
    return mapping.VirtualAddress;
}

static void submit(D3DGPU_VIRTUAL_ADDRESS va)
{
    D3DKMT_SUBMITCOMMAND submission = {.Commands = va, .CommandLength = 8, .BroadcastContextCount = 2};
    submission.BroadcastContext[0] = submission.BroadcastContext[1] = world.context;
    GUARDED(SubmitCommand, &submission);
}

/* With a reservation for what is mapped, an access by the engine, and a lock that takes a copy home. */
static void make_resident_map_submit(void)
{
    D3DKMT_HANDLE handles[MANY], fence;
    open_with_device();
    create_queue();
    create_context();
    fence = create_fence();
    create_plain(MANY, handles);
    D3DDDI_MAKERESIDENT resident = {.hPagingQueue = world.queue, .NumAllocations = MANY, .AllocationList = handles};
    fill_commands(handles[0]);
    GUARDED(MakeResident, &resident, {handles, sizeof handles});
    submit(map(handles[0]));
    signal_from_gpu(fence, 1);
    wait_for(fence, 1);
    fill_commands(handles[0]); /* from video memory back home */
    D3DKMT_EVICT evict = {.hDevice = world.device, .NumAllocations = MANY, .AllocationList = handles};
    GUARDED(Evict, &evict, {handles, sizeof handles});
    world_close();
}

/* An update that waits for a fence, and its companion. What a copy needs when it runs, nobody can be told. */
static void update_addresses(void)
{
    D3DKMT_HANDLE allocation, fence;
    D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION list[3];
    open_with_device();
    create_context();
    fence = create_fence();
    create_plain(1, &allocation);
    D3DDDI_RESERVEGPUVIRTUALADDRESS reserve = {.hAdapter = world.adapter, .Size = 4 * SIZE};
    GUARDED(ReserveGpuVirtualAddress, &reserve);
    memset(list, 0, sizeof list);
    for (unsigned i = 0; i < 3; i++) {
        list[i].OperationType = i < 2 ? D3DDDI_UPDATEGPUVIRTUALADDRESS_MAP : D3DDDI_UPDATEGPUVIRTUALADDRESS_UNMAP;
        list[i].Map.BaseAddress = reserve.VirtualAddress + i % 2 * UDXG_PAGE_SIZE;
        list[i].Map.SizeInBytes = SIZE;
        if (i == 2) continue;
        list[i].Map.hAllocation = allocation;
        list[i].Map.AllocationSizeInBytes = UDXG_PAGE_SIZE;
    }
    D3DKMT_UPDATEGPUVIRTUALADDRESS update = {.hDevice = world.device,
                                             .hContext = world.context,
                                             .hFenceObject = fence,
                                             .NumOperations = 3,
                                             .Operations = list,
                                             .FenceValue = 1};
    GUARDED(UpdateGpuVirtualAddress, &update, {list, sizeof list});
    signal_from_cpu(fence, 1);
    wait_for_others(fence, 2);
    world_close();
}

/* With a signal that stands in two queues: all or nothing. */
static void hardware_queue(void)
{
    D3DKMT_HANDLE memory, fence, queues[2], progress[2];
    UINT64 value = 5;
    open_with_device();
    create_queue();
    fence = create_fence();
    D3DKMT_CREATEHWCONTEXT context = {.hDevice = world.device};
    GUARDED(CreateHwContext, &context);
    for (int i = 0; i < 2; i++) {
        D3DKMT_CREATEHWQUEUE queue = {.hHwContext = context.hHwContext};
        GUARDED(CreateHwQueue, &queue);
        queues[i] = queue.hHwQueue;
        progress[i] = queue.hHwQueueProgressFence;
    }
    create_plain(1, &memory);
    D3DDDI_MAKERESIDENT resident = {.hPagingQueue = world.queue, .NumAllocations = 1, .AllocationList = &memory};
    fill_commands(memory);
    GUARDED(MakeResident, &resident);
    D3DKMT_SUBMITCOMMANDTOHWQUEUE submission = {.hHwQueue = queues[0], .HwQueueProgressFenceId = 1};
    submission.CommandBuffer = map(memory);
    submission.CommandLength = 8;
    GUARDED(SubmitCommandToHwQueue, &submission);
    D3DKMT_SUBMITSIGNALSYNCOBJECTSTOHWQUEUE signal = {.BroadcastHwQueueCount = 2, .BroadcastHwQueueArray = queues};
    signal.ObjectCount = 1;
    signal.ObjectHandleArray = &fence;
    signal.FenceValueArray = &value;
    GUARDED(SubmitSignalSyncObjectsToHwQueue, &signal);
    D3DKMT_SUBMITWAITFORSYNCOBJECTSTOHWQUEUE wait = {.hHwQueue = queues[0], .ObjectCount = 1};
    wait.ObjectHandleArray = &fence;
    wait.FenceValueArray = &value;
    GUARDED(SubmitWaitForSyncObjectsToHwQueue, &wait);
    wait_for(fence, 5); /* the second queue may be first */
    wait_for(progress[0], 1);
    world_close();
}

static void sync_and_waits(void)
{
    D3DKMT_HANDLE first, second;
    UINT64 value = 2;
    int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    NEED(event > 0);
    open_with_device();
    first = create_fence();
    second = create_fence();
    create_context();
    D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMCPU wait = {.hDevice = world.device,
                                                       .ObjectCount = 1,
                                                       .ObjectHandleArray = &second,
                                                       .FenceValueArray = &value};
    wait.hAsyncEvent = (HANDLE)(intptr_t)event;
    GUARDED(WaitForSynchronizationObjectFromCpu, &wait);
    D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMGPU wait_gpu = {.hContext = world.context,
                                                           .ObjectCount = 1,
                                                           .ObjectHandleArray = &first,
                                                           .MonitoredFenceValueArray = &value};
    GUARDED(WaitForSynchronizationObjectFromGpu, &wait_gpu);
    signal_from_gpu(second, 2);
    signal_from_cpu(first, 2); /* the context goes on, and signals the second */
    wait_for(second, 2);
    uint64_t signalled = 0;
    for (int i = 0; i < 10000 && read(event, &signalled, sizeof signalled) < 0; i++) usleep(100);
    NEED(signalled == 1);
    world_close();
    close(event);
}

/*
 * Orders to the memory manager. What a defragmentation brings back needs memory, and can do without: it stays at home.
 * Nothing is submitted: what engines have brought back would ask for memory at any time.
 */
static void give_order(D3DKMT_VIDMM_ESCAPE *order)
{
    D3DKMT_ESCAPE args = {
        .hAdapter = world.adapter,
        .Type = D3DKMT_ESCAPE_VIDMM,
        .pPrivateDriverData = order,
        .PrivateDriverDataSize = sizeof *order,
    };
    GUARDED(Escape, &args, {order, sizeof *order});
}

static void orders(void)
{
    D3DKMT_HANDLE handles[4];
    open_with_device();
    create_queue();
    create_plain(4, handles);
    D3DDDI_MAKERESIDENT resident = {.hPagingQueue = world.queue, .NumAllocations = 4, .AllocationList = handles};
    GUARDED(MakeResident, &resident, {handles, sizeof handles});
    D3DKMT_VIDMM_ESCAPE evict = {.Type = D3DKMT_VIDMMESCAPETYPE_EVICT, .Evict.AllocationHandle = handles[1]};
    give_order(&evict);
    D3DDDI_UPDATEALLOCPROPERTY update = {.hPagingQueue = world.queue, .hAllocation = handles[2]};
    update.SetPreferredSegment = 1;
    update.PreferredSegment.SegmentId0 = 2;
    GUARDED(UpdateAllocationProperty, &update);
    while (*world.queue_value < update.PagingFenceValue) usleep(10); /* extents come and go on another thread */
    D3DKMT_VIDMM_ESCAPE delay = {.Type = D3DKMT_VIDMMESCAPETYPE_DELAYEXECUTION};
    delay.DelayExecution.hPagingQueue = world.queue;
    give_order(&delay);
    D3DKMT_VIDMM_ESCAPE defrag = {.Type = D3DKMT_VIDMMESCAPETYPE_DEFRAG};
    defrag.Defrag.Operation = D3DKMT_DEFRAG_ESCAPE_DEFRAG_PASS;
    defrag.Defrag.SegmentId = 1;
    give_order(&defrag);
    world_close();
}

/* Every type, its openings, a sync file, and a keyed mutex with data. */
static void shared_sync(void)
{
    static const D3DDDI_SYNCHRONIZATIONOBJECT_TYPE types[] = {D3DDDI_SYNCHRONIZATION_MUTEX, D3DDDI_SEMAPHORE,
                                                              D3DDDI_FENCE, D3DDDI_MONITORED_FENCE};
    D3DKMT_CREATESYNCHRONIZATIONOBJECT2 create = {0};
    HANDLE nt = NULL;
    open_with_device();
    create_context();
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        create = (D3DKMT_CREATESYNCHRONIZATIONOBJECT2){.hDevice = world.device, .Info.Type = types[i]};
        create.Info.Flags.Shared = 1;
        GUARDED(CreateSynchronizationObject2, &create);
        D3DKMT_OPENSYNCHRONIZATIONOBJECT open = {.hSharedHandle = create.Info.SharedHandle};
        GUARDED(OpenSynchronizationObject, &open);
    }
    create.Info.Flags.NtSecuritySharing = 1;
    GUARDED(CreateSynchronizationObject2, &create);
    D3DKMT_SHAREOBJECTS share = {.ObjectCount = 1, .ObjectHandleArray = &create.hSyncObject, .pSharedNtHandle = &nt};
    share.DesiredAccess = D3DDDI_SYNC_OBJECT_ALL_ACCESS;
    GUARDED(ShareObjects, &share, {&nt, sizeof nt});
    D3DKMT_OPENSYNCOBJECTFROMNTHANDLE2 open = {.hNtHandle = nt, .hDevice = world.device};
    GUARDED(OpenSyncObjectFromNtHandle2, &open);
    D3DKMT_CREATENATIVEFENCE native = {.hDevice = world.device};
    GUARDED(CreateNativeFence, &native);
    D3DKMT_CREATESYNCFILE file = {.hDevice = world.device, .hMonitoredFence = open.hSyncObject, .FenceValue = 1};
    GUARDED(CreateSyncFile, &file);
    D3DKMT_WAITSYNCFILE wait = {.hSyncFile = file.hSyncFile, .hContext = world.context};
    GUARDED(WaitSyncFile, &wait);
    signal_from_cpu(open.hSyncObject, 1);
    world_close();
    close((int)file.hSyncFile);
    close((int)(intptr_t)nt);
}

static void keyed_mutexes(void)
{
    char data[100] = {1};
    D3DKMT_CREATEKEYEDMUTEX2 create = {.pPrivateRuntimeData = data, .PrivateRuntimeDataSize = sizeof data};
    open_with_device();
    GUARDED(CreateKeyedMutex2, &create);
    D3DKMT_OPENKEYEDMUTEX open = {.hSharedHandle = create.hSharedHandle};
    GUARDED(OpenKeyedMutex, &open);
    D3DKMT_ACQUIREKEYEDMUTEX2 acquire = {.hKeyedMutex = open.hKeyedMutex, .PrivateRuntimeDataSize = sizeof data};
    acquire.pPrivateRuntimeData = data;
    GUARDED(AcquireKeyedMutex2, &acquire);
    D3DKMT_RELEASEKEYEDMUTEX release = {.hKeyedMutex = open.hKeyedMutex};
    GUARDED(ReleaseKeyedMutex, &release);
    world_close();
}

/* ---- what goes beyond ---- */

static void share(void)
{
    HANDLE handles[2] = {0};
    open_with_device();
    fill_batch(2, sizeof(struct udxg_soft_allocation));
    D3DKMT_CREATEALLOCATION args = call_for_resource(2);
    args.Flags.CreateShared = args.Flags.NtSecuritySharing = 1;
    create_guarded(&args);
    for (int i = 0; i < 2; i++) {
        D3DKMT_SHAREOBJECTS call = {.ObjectCount = 1,
                                    .ObjectHandleArray = &args.hResource,
                                    .pSharedNtHandle = &handles[i]};
        GUARDED(ShareObjects, &call, {handles, sizeof handles});
    }
    close((int)(intptr_t)handles[0]);
    world_close();
    close((int)(intptr_t)handles[1]); /* it outlived what it was for */
}

/* Where openings write. */
static struct {
    D3DDDI_OPENALLOCATIONINFO2 infos[MANY];
    char runtime[BLOB], total[MANY * BLOB];
    struct udxg_soft_resource resource;
} opened;

static void open_number(void)
{
    open_with_device();
    fill_batch(MANY, BLOB);
    D3DKMT_CREATEALLOCATION args = call_for_resource(MANY);
    args.Flags.CreateShared = args.Flags.RestrictSharedAccess = 1;
    create_guarded(&args);
    D3DKMT_OPENRESOURCE call = {.hDevice = world.device,
                                .hGlobalShare = args.hGlobalShare,
                                .NumAllocations = MANY,
                                .pOpenAllocationInfo2 = opened.infos,
                                .pPrivateRuntimeData = opened.runtime,
                                .PrivateRuntimeDataSize = BLOB,
                                .pResourcePrivateDriverData = &opened.resource,
                                .ResourcePrivateDriverDataSize = sizeof opened.resource,
                                .pTotalPrivateDriverDataBuffer = opened.total,
                                .TotalPrivateDriverDataBufferSize = sizeof opened.total};
    GUARDED(OpenResource2, &call, {&opened, sizeof opened});
    D3DKMT_CONFIGURESHAREDRESOURCE forbid = {.hDevice = world.device, .hResource = args.hResource};
    D3DKMT_CONFIGURESHAREDRESOURCE allow = {.hDevice = world.device, .hResource = args.hResource, .AllowAccess = 1};
    GUARDED(ConfigureSharedResource, &forbid);
    GUARDED(ConfigureSharedResource, &allow);
    world_close();
}

/* By a name, on the second adapter: everything there is to be made. */
static void open_across(void)
{
    USHORT text[] = {'\\', 'B', 'a', 's', 'e', 'N', 'a', 'm', 'e', 'd', 'O', 'b', 'j', 'e', 'c', 't', 's', '\\', 'x'};
    UNICODE_STRING string = {.Length = sizeof text, .Buffer = text};
    OBJECT_ATTRIBUTES attributes = {.Length = sizeof attributes, .ObjectName = &string};
    HANDLE first = NULL;
    world_open("soft-discrete,soft-uma");
    D3DKMT_CREATEDEVICE device = {.hAdapter = world.adapter};
    PLAIN(CreateDevice, &device);
    world.device = device.hDevice;
    fill_batch(1, sizeof(struct udxg_soft_allocation));
    batch.data[0].soft.flags |= UDXG_SOFT_ONLY_PREFERRED;
    batch.data[0].soft.preferred[0] = UDXG_SOFT_SEGMENT_SYSTEM;
    D3DKMT_CREATEALLOCATION args = call_for_batch(1);
    args.Flags.CreateResource = args.Flags.CreateShared = args.Flags.NtSecuritySharing = args.Flags.CrossAdapter = 1;
    create_guarded(&args);
    D3DKMT_SHAREOBJECTS share = {.ObjectCount = 1,
                                 .ObjectHandleArray = &args.hResource,
                                 .pObjectAttributes = &attributes,
                                 .pSharedNtHandle = &first};
    GUARDED(ShareObjects, &share, {&first, sizeof first});
    D3DKMT_OPENNTHANDLEFROMNAME by_name = {.dwDesiredAccess = 1, .pObjAttrib = &attributes};
    GUARDED(OpenNtHandleFromName, &by_name);

    D3DKMT_OPENADAPTERFROMLUID other = {.AdapterLuid = world.kernel->adapters[1]->luid};
    PLAIN(OpenAdapterFromLuid, &other);
    device.hAdapter = other.hAdapter;
    PLAIN(CreateDevice, &device);
    D3DKMT_QUERYRESOURCEINFOFROMNTHANDLE query = {.hDevice = device.hDevice, .hNtHandle = by_name.hNtHandle};
    GUARDED(QueryResourceInfoFromNtHandle, &query);
    D3DKMT_OPENRESOURCEFROMNTHANDLE call = {.hDevice = device.hDevice,
                                            .hNtHandle = by_name.hNtHandle,
                                            .NumAllocations = 1,
                                            .pOpenAllocationInfo2 = opened.infos,
                                            .pTotalPrivateDriverDataBuffer = opened.total,
                                            .TotalPrivateDriverDataBufferSize = sizeof opened.total};
    GUARDED(OpenResourceFromNtHandle, &call, {&opened, sizeof opened});
    close((int)(intptr_t)first);
    world_close();
    close((int)(intptr_t)by_name.hNtHandle);
}

static void hear_trim(D3DKMT_TRIMNOTIFICATION *notification)
{
    (void)notification;
}

static void hear_budget(D3DKMT_BUDGETCHANGENOTIFICATION *notification)
{
    (void)notification;
}

/* The first registration starts the thread. Ending one needs nothing; some end with the device. */
static void notifications(void)
{
    open_with_device();
    D3DKMT_REGISTERTRIMNOTIFICATION trim = {.AdapterLuid = world.kernel->adapters[0]->luid,
                                            .hDevice = world.device,
                                            .Callback = hear_trim};
    D3DKMT_REGISTERBUDGETCHANGENOTIFICATION budget = {.hDevice = world.device, .Callback = hear_budget};
    for (int i = 0; i < 2; i++) {
        GUARDED(RegisterTrimNotification, &trim);
        GUARDED(RegisterBudgetChangeNotification, &budget);
    }
    D3DKMT_UNREGISTERTRIMNOTIFICATION no_trim = {.Handle = trim.Handle, .Callback = hear_trim};
    D3DKMT_UNREGISTERBUDGETCHANGENOTIFICATION no_budget = {.Handle = budget.Handle};
    faults_block(true);
    PLAIN(UnregisterTrimNotification, &no_trim);
    PLAIN(UnregisterBudgetChangeNotification, &no_budget);
    faults_block(false);
    world_close();
}

/* Lists, resources, and something that is listed. */
static void offer_and_reclaim(void)
{
    static D3DKMT_HANDLE list[MANY];
    static D3DDDI_RECLAIM_RESULT results[MANY];
    open_with_device();
    create_queue();
    fill_batch(MANY, BLOB);
    D3DKMT_CREATEALLOCATION resource = call_for_resource(MANY);
    PLAIN(CreateAllocation2, &resource);
    create_plain(MANY, list);
    D3DDDI_MAKERESIDENT resident = {.hPagingQueue = world.queue, .NumAllocations = MANY, .AllocationList = list};
    PLAIN(MakeResident, &resident);

    D3DKMT_OFFERALLOCATIONS offer = {.hDevice = world.device, .NumAllocations = MANY};
    offer.HandleList = list;
    offer.Priority = D3DKMT_OFFER_PRIORITY_LOW;
    GUARDED(OfferAllocations, &offer, {list, sizeof list});
    D3DKMT_OFFERALLOCATIONS whole = {.hDevice = world.device, .NumAllocations = 1};
    whole.pResources = &resource.hResource;
    whole.Priority = D3DKMT_OFFER_PRIORITY_AUTO;
    whole.Flags.OfferImmediately = whole.Flags.AllowDecommit = 1;
    GUARDED(OfferAllocations, &whole);
    D3DKMT_TRIMPROCESSCOMMITMENT trim = {.cbSize = sizeof trim, .DecommitRequested = 1};
    GUARDED(TrimProcessCommitment, &trim);
    D3DKMT_RECLAIMALLOCATIONS2 reclaim = {.hPagingQueue = world.queue, .NumAllocations = MANY};
    reclaim.HandleList = list;
    reclaim.pResults = results;
    GUARDED(ReclaimAllocations2, &reclaim, {list, sizeof list}, {results, sizeof results});
    D3DKMT_RECLAIMALLOCATIONS first = {.hDevice = world.device, .NumAllocations = 1};
    BOOL discarded = 0;
    first.pResources = &resource.hResource;
    first.pDiscarded = &discarded;
    GUARDED(ReclaimAllocations, &first, {&discarded, sizeof discarded});
    NEED(discarded == 1);
    GUARDED(OfferAllocations, &offer, {list, sizeof list}); /* for the end of the process */
    world_close();
}

/* Destroying needs no memory but for the copy of a long list, and the end of a process needs none at all. */
static void destroy_everything(void)
{
    static D3DKMT_HANDLE list[LONG];
    D3DKMT_HANDLE resource, fence;
    open_with_device();
    bool was_armed = guard_is_armed();
    guard_disarm();
    create_queue();
    create_context();
    fence = create_fence();
    fill_batch(MANY, BLOB);
    D3DKMT_CREATEALLOCATION args = call_for_resource(MANY);
    PLAIN(CreateAllocation2, &args);
    resource = args.hResource;
    create_plain(LONG, list);
    map(list[0]);
    D3DDDI_MAKERESIDENT resident = {.hPagingQueue = world.queue, .NumAllocations = 8, .AllocationList = list};
    GUARDED(MakeResident, &resident);
    if (was_armed) guard_arm();

    D3DKMT_DESTROYALLOCATION2 destroy = {.hDevice = world.device, .AllocationCount = LONG, .phAllocationList = list};
    GUARDED(DestroyAllocation2, &destroy, {list, sizeof list});
    destroy = (D3DKMT_DESTROYALLOCATION2){.hDevice = world.device, .hResource = resource};
    destroy.Flags.SynchronousDestroy = 1;
    GUARDED(DestroyAllocation2, &destroy);
    D3DKMT_DESTROYSYNCHRONIZATIONOBJECT destroy_fence = {fence};
    GUARDED(DestroySynchronizationObject, &destroy_fence);
    D3DKMT_DESTROYCONTEXT destroy_context = {world.context};
    GUARDED(DestroyContext, &destroy_context);
    create_plain(MANY, NULL); /* something is left for the end of the process */
    D3DDDI_DESTROYPAGINGQUEUE destroy_queue = {.hPagingQueue = world.queue};
    GUARDED(DestroyPagingQueue, &destroy_queue);
    faults_block(true);
    world_close();
    faults_block(false);
}

const struct scenario scenarios[] = {
    {"first use of the library", first_use, true},
    {"a kernel and a process", kernel_and_process, false},
    {"create a device", create_device, false},
    {"create an allocation", create_one, false},
    {"create 20 allocations", create_many, false},
    {"create 1000 allocations, six times", create_thousands, false},
    {"create 20 allocations, handles end", create_many_then_handles_end, false},
    {"create a resource with its data", create_resource, false},
    {"add to a resource", add_to_resource, false},
    {"create 20 allocations by the first version", create_version_1, false},
    {"the caller's memory", callers_memory, false},
    {"a section", section, false},
    {"write watch", write_watch, true},
    {"make resident, map, submit", make_resident_map_submit, false},
    {"update addresses", update_addresses, false},
    {"hardware queue", hardware_queue, false},
    {"sync objects and waits", sync_and_waits, false},
    {"orders to the memory manager", orders, false},
    {"shared sync objects", shared_sync, false},
    {"keyed mutexes", keyed_mutexes, false},
    {"share", share, false},
    {"open by number", open_number, false},
    {"open by name, on another adapter", open_across, false},
    {"notifications", notifications, false},
    {"offer and reclaim", offer_and_reclaim, false},
    {"destroy everything", destroy_everything, false},
};
const unsigned scenario_count = sizeof scenarios / sizeof *scenarios;
