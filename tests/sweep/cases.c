/* SPDX-License-Identifier: MIT */
/* See cases.h. The functions are in the order of the table. */
#include "cases.h"


#include <string.h>
#include <unistd.h>

#include "abi/control.h"

#define WITH(type) type *args = arguments

static D3DKMT_HANDLE *one_handle(struct world *world, D3DKMT_HANDLE handle)
{
    D3DKMT_HANDLE *list = world_take(world, sizeof(*list));
    *list = handle;
    return list;
}

static uint64_t *one_number(struct world *world, uint64_t value)
{
    uint64_t *list = world_take(world, sizeof(*list));
    *list = value;
    return list;
}

/* ---- adapters ---- */

static void open_adapter(struct world *world, void *arguments)
{
    WITH(D3DKMT_OPENADAPTERFROMLUID);
    args->AdapterLuid = world->luid;
}

static void nothing(struct world *world, void *arguments)
{
    (void)world;
    (void)arguments;
}

static void enum_adapters2(struct world *world, void *arguments)
{
    WITH(D3DKMT_ENUMADAPTERS2);
    args->NumAdapters = 4;
    args->pAdapters = world_take(world, 4 * sizeof(*args->pAdapters));
}

static void enum_adapters3(struct world *world, void *arguments)
{
    WITH(D3DKMT_ENUMADAPTERS3);
    args->NumAdapters = 4;
    args->pAdapters = world_take(world, 4 * sizeof(*args->pAdapters));
}

static void close_adapter(struct world *world, void *arguments)
{
    WITH(D3DKMT_CLOSEADAPTER);
    args->hAdapter = world_open_adapter(world);
}

static void query_adapter_info(struct world *world, void *arguments)
{
    WITH(D3DKMT_QUERYADAPTERINFO);
    args->hAdapter = world->adapter;
    args->Type = KMTQAITYPE_ADAPTERTYPE;
    args->PrivateDriverDataSize = sizeof(D3DKMT_ADAPTERTYPE);
    args->pPrivateDriverData = world_take(world, args->PrivateDriverDataSize);
}

static void query_video_memory_info(struct world *world, void *arguments)
{
    WITH(D3DKMT_QUERYVIDEOMEMORYINFO);
    args->hAdapter = world->adapter;
}

static void change_video_memory_reservation(struct world *world, void *arguments)
{
    WITH(D3DKMT_CHANGEVIDEOMEMORYRESERVATION);
    args->hAdapter = world->adapter;
}

static void priority_class(struct world *world, void *arguments)
{
    WITH(struct udxg_process_class);
    (void)world;
    args->Class = D3DKMT_SCHEDULINGPRIORITYCLASS_NORMAL;
}

static void escape_segments(struct world *world, void *arguments)
{
    WITH(D3DKMT_ESCAPE);
    D3DKMT_VIDMM_ESCAPE *data = world_take(world, sizeof(*data));
    data->Type = D3DKMT_VIDMMESCAPETYPE_GET_VAD_INFO;
    data->GetVads.Command = D3DKMT_VAD_ESCAPE_GET_SEGMENT_CAPS;
    args->hAdapter = world->adapter;
    args->Type = D3DKMT_ESCAPE_VIDMM;
    args->pPrivateDriverData = data;
    args->PrivateDriverDataSize = sizeof(*data);
}

static void adapter_alone(struct world *world, void *arguments)
{
    *(D3DKMT_HANDLE *)arguments = world->adapter;
}

/* ---- devices ---- */

static void destroy_device(struct world *world, void *arguments)
{
    WITH(D3DKMT_DESTROYDEVICE);
    args->hDevice = world_create_device(world);
}

static void device_state(struct world *world, void *arguments, D3DKMT_DEVICESTATE_TYPE type)
{
    WITH(D3DKMT_GETDEVICESTATE);
    args->hDevice = world->device;
    args->StateType = type;
}

static void execution_state(struct world *world, void *arguments)
{
    device_state(world, arguments, D3DKMT_DEVICESTATE_EXECUTION);
}

static void present_state(struct world *world, void *arguments)
{
    device_state(world, arguments, D3DKMT_DEVICESTATE_PRESENT);
}

static void page_fault_state(struct world *world, void *arguments)
{
    device_state(world, arguments, D3DKMT_DEVICESTATE_PAGE_FAULT);
}

static void reset_state(struct world *world, void *arguments)
{
    device_state(world, arguments, D3DKMT_DEVICESTATE_RESET);
}

static void mark_device_as_error(struct world *world, void *arguments)
{
    WITH(D3DKMT_MARKDEVICEASERROR);
    args->hDevice = world->device;
    args->Reason = D3DKMT_DEVICE_ERROR_REASON_GENERIC;
}

static void device_alone(struct world *world, void *arguments)
{
    *(D3DKMT_HANDLE *)arguments = world->device;
}

/* ---- allocations ---- */

static void *some_bytes(struct world *world, size_t size)
{
    return memset(world_take(world, size), 0x5a, size);
}

static void create_allocation2(struct world *world, void *arguments)
{
    WITH(D3DKMT_CREATEALLOCATION);
    args->hDevice = world->device;
    args->PrivateRuntimeDataSize = 9;
    args->pPrivateRuntimeData = some_bytes(world, 9);
    args->NumAllocations = 2;
    args->pAllocationInfo2 = world_take(world, 2 * sizeof(*args->pAllocationInfo2));
    world_describe_buffer(world, &args->pAllocationInfo2[0], 0x10000);
    world_describe_buffer(world, &args->pAllocationInfo2[1], 0x1000);
}

static void create_resource2(struct world *world, void *arguments)
{
    WITH(D3DKMT_CREATEALLOCATION);
    create_allocation2(world, args);
    struct udxg_soft_resource *resource = world_take(world, sizeof(*resource));
    *resource = (struct udxg_soft_resource){.magic = UDXG_SOFT_RESOURCE_MAGIC, .version = UDXG_SOFT_VERSION};
    args->pPrivateDriverData = resource;
    args->PrivateDriverDataSize = sizeof(*resource);
    args->Flags.CreateResource = 1;
}

static void add_to_resource2(struct world *world, void *arguments)
{
    WITH(D3DKMT_CREATEALLOCATION);
    create_allocation2(world, args);
    args->hResource = world->resource;
}

static void create_standard2(struct world *world, void *arguments)
{
    WITH(D3DKMT_CREATEALLOCATION);
    args->hDevice = world->device;
    args->Flags.StandardAllocation = 1;
    args->Flags.ExistingSysMem = 1;
    args->pStandardAllocation = world_take(world, sizeof(*args->pStandardAllocation));
    args->pStandardAllocation->Type = D3DKMT_STANDARDALLOCATIONTYPE_EXISTINGHEAP;
    args->pStandardAllocation->ExistingHeapData.Size = 4 * PAGE;
    args->NumAllocations = 1;
    args->pAllocationInfo2 = world_take(world, sizeof(*args->pAllocationInfo2));
    args->pAllocationInfo2->pSystemMem = world->room;
}

/* The same calls in the layout of version one. */
static void to_version_one(struct world *world, D3DKMT_CREATEALLOCATION *args)
{
    const D3DDDI_ALLOCATIONINFO2 *from = args->pAllocationInfo2;
    D3DDDI_ALLOCATIONINFO *to = world_take(world, args->NumAllocations * sizeof(*to));
    for (UINT i = 0; i < args->NumAllocations; i++) {
        to[i].pSystemMem = from[i].pSystemMem;
        to[i].pPrivateDriverData = from[i].pPrivateDriverData;
        to[i].PrivateDriverDataSize = from[i].PrivateDriverDataSize;
    }
    args->pAllocationInfo = to;
}

static void create_allocation(struct world *world, void *arguments)
{
    create_allocation2(world, arguments);
    to_version_one(world, arguments);
}

static void create_standard(struct world *world, void *arguments)
{
    create_standard2(world, arguments);
    to_version_one(world, arguments);
}

static void destroy_allocation(struct world *world, void *arguments)
{
    WITH(D3DKMT_DESTROYALLOCATION);
    args->hDevice = world->device;
    args->AllocationCount = 1;
    args->phAllocationList = one_handle(world, world_create_allocation(world));
}

static void destroy_allocation2(struct world *world, void *arguments)
{
    WITH(D3DKMT_DESTROYALLOCATION2);
    args->hDevice = world->device;
    args->AllocationCount = 1;
    args->phAllocationList = one_handle(world, world_create_allocation(world));
}

static void destroy_resource(struct world *world, void *arguments)
{
    WITH(D3DKMT_DESTROYALLOCATION2);
    D3DKMT_HANDLE inner;
    args->hDevice = world->device;
    args->hResource = world_create_resource(world, &inner);
}

static void lock2(struct world *world, void *arguments)
{
    WITH(D3DKMT_LOCK2);
    args->hDevice = world->device;
    args->hAllocation = world->allocation;
}

static void unlock2(struct world *world, void *arguments)
{
    D3DKMT_LOCK2 lock = {.hDevice = world->device, .hAllocation = world->allocation};
    WITH(D3DKMT_UNLOCK2);
    world_need(D3DKMTLock2(&lock), "a lock");
    args->hDevice = world->device;
    args->hAllocation = world->allocation;
}

static void lock1(struct world *world, void *arguments)
{
    WITH(D3DKMT_LOCK);
    args->hDevice = world->device;
    args->hAllocation = world->allocation;
    args->Flags.LockEntire = 1;
}

static void lock_pages(struct world *world, void *arguments)
{
    WITH(D3DKMT_LOCK);
    UINT *pages = world_take(world, 2 * sizeof(*pages));
    pages[1] = 1;
    args->hDevice = world->device;
    args->hAllocation = world->allocation;
    args->NumPages = 2;
    args->pPages = pages;
}

static void unlock1(struct world *world, void *arguments)
{
    D3DKMT_LOCK2 lock = {.hDevice = world->device, .hAllocation = world->allocation};
    WITH(D3DKMT_UNLOCK);
    world_need(D3DKMTLock2(&lock), "a lock");
    args->hDevice = world->device;
    args->NumAllocations = 1;
    args->phAllocations = one_handle(world, world->allocation);
}

static void update_property(struct world *world, void *arguments)
{
    WITH(D3DDDI_UPDATEALLOCPROPERTY);
    args->hPagingQueue = world->queue;
    args->hAllocation = world->allocation;
}

static void query_statistics(struct world *world, void *arguments)
{
    WITH(D3DKMT_QUERYSTATISTICS);
    args->Type = D3DKMT_QUERYSTATISTICS_PROCESS_ADAPTER;
    args->AdapterLuid = world->luid;
}

static void enum_processes(struct world *world, void *arguments)
{
    WITH(D3DKMT_ENUMPROCESSES);
    args->AdapterLuid = world->luid;
    args->Buffer = world_take(world, 2 * sizeof(ULONG));
    args->BufferCount = 2;
}

static void invalidate_cache(struct world *world, void *arguments)
{
    WITH(D3DKMT_INVALIDATECACHE);
    args->hDevice = world->device;
    args->hAllocation = world->allocation;
    args->Length = PAGE;
}

static void query_residency(struct world *world, void *arguments)
{
    WITH(D3DKMT_QUERYALLOCATIONRESIDENCY);
    args->hDevice = world->device;
    args->AllocationCount = 1;
    args->phAllocationList = one_handle(world, world->allocation);
    args->pResidencyStatus = world_take(world, sizeof(*args->pResidencyStatus));
}

static void query_resource_residency(struct world *world, void *arguments)
{
    WITH(D3DKMT_QUERYALLOCATIONRESIDENCY);
    args->hDevice = world->device;
    args->hResource = world->resource;
    args->pResidencyStatus = world_take(world, sizeof(*args->pResidencyStatus));
}

static void set_priority(struct world *world, void *arguments)
{
    WITH(D3DKMT_SETALLOCATIONPRIORITY);
    UINT *priority = world_take(world, sizeof(*priority));
    *priority = D3DDDI_ALLOCATIONPRIORITY_HIGH;
    args->hDevice = world->device;
    args->AllocationCount = 1;
    args->phAllocationList = one_handle(world, world->allocation);
    args->pPriorities = priority;
}

static void set_resource_priority(struct world *world, void *arguments)
{
    WITH(D3DKMT_SETALLOCATIONPRIORITY);
    set_priority(world, args);
    args->AllocationCount = 0;
    args->phAllocationList = NULL;
    args->hResource = world->resource;
}

static void get_priority(struct world *world, void *arguments)
{
    WITH(D3DKMT_GETALLOCATIONPRIORITY);
    args->hDevice = world->device;
    args->AllocationCount = 1;
    args->phAllocationList = one_handle(world, world->allocation);
    args->pPriorities = world_take(world, sizeof(*args->pPriorities));
}

static void get_resource_priority(struct world *world, void *arguments)
{
    WITH(D3DKMT_GETALLOCATIONPRIORITY);
    args->hDevice = world->device;
    args->hResource = world->resource;
    args->pPriorities = world_take(world, sizeof(*args->pPriorities));
}

/* ---- residency ---- */

static D3DKMT_HANDLE offered_allocation(struct world *world)
{
    D3DKMT_OFFERALLOCATIONS offer = {.hDevice = world->device, .NumAllocations = 1};
    D3DKMT_HANDLE allocation = world_create_allocation(world);
    offer.HandleList = &allocation;
    offer.Priority = D3DKMT_OFFER_PRIORITY_NORMAL;
    world_need(D3DKMTOfferAllocations(&offer), "an offer");
    return allocation;
}

static D3DKMT_HANDLE offered_resource(struct world *world)
{
    D3DKMT_HANDLE allocation, resource = world_create_resource(world, &allocation);
    D3DKMT_OFFERALLOCATIONS offer = {.hDevice = world->device, .NumAllocations = 1};
    offer.pResources = &resource;
    offer.Priority = D3DKMT_OFFER_PRIORITY_NORMAL;
    world_need(D3DKMTOfferAllocations(&offer), "an offer");
    return resource;
}

static void offer(struct world *world, void *arguments)
{
    WITH(D3DKMT_OFFERALLOCATIONS);
    args->hDevice = world->device;
    args->NumAllocations = 1;
    args->HandleList = one_handle(world, world_create_allocation(world));
    args->Priority = D3DKMT_OFFER_PRIORITY_NORMAL;
}

static void offer_resource(struct world *world, void *arguments)
{
    WITH(D3DKMT_OFFERALLOCATIONS);
    D3DKMT_HANDLE allocation;
    args->hDevice = world->device;
    args->NumAllocations = 1;
    args->pResources = one_handle(world, world_create_resource(world, &allocation));
    args->Priority = D3DKMT_OFFER_PRIORITY_AUTO;
}

static void reclaim(struct world *world, void *arguments)
{
    WITH(D3DKMT_RECLAIMALLOCATIONS);
    args->hDevice = world->device;
    args->NumAllocations = 1;
    args->HandleList = one_handle(world, offered_allocation(world));
    args->pDiscarded = world_take(world, sizeof(*args->pDiscarded));
}

static void reclaim_resource(struct world *world, void *arguments)
{
    WITH(D3DKMT_RECLAIMALLOCATIONS);
    args->hDevice = world->device;
    args->NumAllocations = 1;
    args->pResources = one_handle(world, offered_resource(world));
    args->pDiscarded = world_take(world, sizeof(*args->pDiscarded));
}

static void reclaim2(struct world *world, void *arguments)
{
    WITH(D3DKMT_RECLAIMALLOCATIONS2);
    args->hPagingQueue = world->queue;
    args->NumAllocations = 1;
    args->HandleList = one_handle(world, offered_allocation(world));
    args->pResults = world_take(world, sizeof(*args->pResults));
}

static void reclaim2_resource(struct world *world, void *arguments)
{
    WITH(D3DKMT_RECLAIMALLOCATIONS2);
    args->hPagingQueue = world->queue;
    args->NumAllocations = 1;
    args->pResources = one_handle(world, offered_resource(world));
    args->pResults = world_take(world, sizeof(*args->pResults));
}

static void trim_commitment(struct world *world, void *arguments)
{
    WITH(D3DKMT_TRIMPROCESSCOMMITMENT);
    (void)world;
    args->cbSize = sizeof(*args);
    args->DecommitRequested = PAGE;
}

static void query_offers(struct world *world, void *arguments)
{
    WITH(D3DKMT_QUERYPROCESSOFFERINFO);
    (void)world;
    args->cbSize = sizeof(*args);
}

static void destroy_queue(struct world *world, void *arguments)
{
    WITH(D3DDDI_DESTROYPAGINGQUEUE);
    D3DKMT_HANDLE fence;
    args->hPagingQueue = world_create_queue(world, &fence);
}

static void make_resident(struct world *world, void *arguments)
{
    WITH(D3DDDI_MAKERESIDENT);
    args->hPagingQueue = world->queue;
    args->NumAllocations = 1;
    args->AllocationList = one_handle(world, world->allocation);
}

static void evict(struct world *world, void *arguments)
{
    WITH(D3DKMT_EVICT);
    args->hDevice = world->device;
    args->NumAllocations = 1;
    args->AllocationList = one_handle(world, world->allocation);
    world_make_resident(world, world->allocation);
}

/* ---- GPU virtual addresses ---- */

static void reserve_by_adapter(struct world *world, void *arguments)
{
    WITH(D3DDDI_RESERVEGPUVIRTUALADDRESS);
    args->hAdapter = world->adapter;
    args->Size = 0x100000;
}

static void reserve_by_queue(struct world *world, void *arguments)
{
    WITH(D3DDDI_RESERVEGPUVIRTUALADDRESS);
    args->hPagingQueue = world->queue;
    args->Size = 0x100000;
}

static void map_allocation(struct world *world, void *arguments)
{
    WITH(D3DDDI_MAPGPUVIRTUALADDRESS);
    args->hPagingQueue = world->queue;
    args->hAllocation = world->allocation;
    args->SizeInPages = 1;
    args->Protection.Write = 1;
}

/* The fence stands at the value already, so that nothing is waited for. */
static void update_address(struct world *world, void *arguments, D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION operation)
{
    WITH(D3DKMT_UPDATEGPUVIRTUALADDRESS);
    D3DDDI_RESERVEGPUVIRTUALADDRESS reserve = {.hAdapter = world->adapter, .Size = 0x100000};
    D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION *list = world_take(world, sizeof(*list));
    world_need(D3DKMTReserveGpuVirtualAddress(&reserve), "a reservation");
    *list = operation;
    if (operation.OperationType == D3DDDI_UPDATEGPUVIRTUALADDRESS_COPY) {
        list->Copy.SourceAddress = reserve.VirtualAddress;
        list->Copy.DestAddress = reserve.VirtualAddress + 0x10000;
    } else {
        list->Map.BaseAddress = reserve.VirtualAddress;
    }
    args->hDevice = world->device;
    args->hContext = world->context;
    args->hFenceObject = world->fence;
    args->NumOperations = 1;
    args->Operations = list;
}

static void update_map(struct world *world, void *arguments)
{
    D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION operation = {.OperationType = D3DDDI_UPDATEGPUVIRTUALADDRESS_MAP};
    operation.Map.SizeInBytes = 0x1000;
    operation.Map.hAllocation = world->allocation;
    update_address(world, arguments, operation);
}

static void update_map_protect(struct world *world, void *arguments)
{
    D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION operation = {.OperationType = D3DDDI_UPDATEGPUVIRTUALADDRESS_MAP_PROTECT};
    operation.MapProtect.SizeInBytes = 0x1000;
    operation.MapProtect.hAllocation = world->allocation;
    operation.MapProtect.Protection.Write = 1;
    update_address(world, arguments, operation);
}

static void update_unmap(struct world *world, void *arguments)
{
    D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION operation = {.OperationType = D3DDDI_UPDATEGPUVIRTUALADDRESS_UNMAP};
    operation.Unmap.SizeInBytes = 0x1000;
    operation.Unmap.Protection.NoAccess = 1;
    update_address(world, arguments, operation);
}

static void update_copy(struct world *world, void *arguments)
{
    D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION operation = {.OperationType = D3DDDI_UPDATEGPUVIRTUALADDRESS_COPY};
    operation.Copy.SizeInBytes = 0x1000;
    update_address(world, arguments, operation);
}

static void free_address(struct world *world, void *arguments)
{
    WITH(D3DKMT_FREEGPUVIRTUALADDRESS);
    D3DDDI_RESERVEGPUVIRTUALADDRESS reserve = {.hAdapter = world->adapter, .Size = 0x100000};
    world_need(D3DKMTReserveGpuVirtualAddress(&reserve), "a reservation");
    args->hAdapter = world->adapter;
    args->BaseAddress = reserve.VirtualAddress;
    args->Size = reserve.Size;
}

/* ---- contexts ---- */

static void destroy_context(struct world *world, void *arguments)
{
    WITH(D3DKMT_DESTROYCONTEXT);
    args->hContext = world_create_context(world);
}

static void submit_command(struct world *world, void *arguments)
{
    WITH(D3DKMT_SUBMITCOMMAND);
    args->Commands = world->va;
    args->CommandLength = 64;
    args->BroadcastContextCount = 1;
    args->BroadcastContext[0] = world->context;
}

static void submit_with_primary(struct world *world, void *arguments)
{
    WITH(D3DKMT_SUBMITCOMMAND);
    submit_command(world, args);
    args->NumPrimaries = 1;
    args->WrittenPrimaries[0] = world->allocation;
}

static void context_alone(struct world *world, void *arguments)
{
    *(D3DKMT_HANDLE *)arguments = world->context;
}

/* ---- hardware queues ---- */

static void destroy_hw_context(struct world *world, void *arguments)
{
    WITH(D3DKMT_DESTROYHWCONTEXT);
    args->hHwContext = world_create_hw_context(world);
}

static void create_hw_queue(struct world *world, void *arguments)
{
    WITH(D3DKMT_CREATEHWQUEUE);
    args->hHwContext = world->hw_context;
}

static void destroy_hw_queue(struct world *world, void *arguments)
{
    WITH(D3DKMT_DESTROYHWQUEUE);
    args->hHwQueue = world_create_hw_queue(world);
}

static void submit_to_hw_queue(struct world *world, void *arguments)
{
    WITH(D3DKMT_SUBMITCOMMANDTOHWQUEUE);
    args->hHwQueue = world->hw_queue;
    args->HwQueueProgressFenceId = 1;
    args->CommandBuffer = world->va;
    args->CommandLength = 64;
    args->NumPrimaries = 1;
    args->WrittenPrimaries = one_handle(world, world->allocation);
}

static void signal_to_hw_queue(struct world *world, void *arguments)
{
    WITH(D3DKMT_SUBMITSIGNALSYNCOBJECTSTOHWQUEUE);
    args->BroadcastHwQueueCount = 1;
    args->BroadcastHwQueueArray = one_handle(world, world->hw_queue);
    args->ObjectCount = 1;
    args->ObjectHandleArray = one_handle(world, world->fence);
    args->FenceValueArray = one_number(world, 7);
}

static void wait_to_hw_queue(struct world *world, void *arguments)
{
    WITH(D3DKMT_SUBMITWAITFORSYNCOBJECTSTOHWQUEUE);
    args->hHwQueue = world->hw_queue;
    args->ObjectCount = 1;
    args->ObjectHandleArray = one_handle(world, world->fence);
    args->FenceValueArray = one_number(world, 0);
}

/* ---- synchronisation ---- */

static D3DKMT_HANDLE new_semaphore(struct world *world)
{
    D3DKMT_CREATESYNCHRONIZATIONOBJECT2 args = {.hDevice = world->device, .Info.Type = D3DDDI_SEMAPHORE};
    args.Info.Semaphore.MaxCount = args.Info.Semaphore.InitialCount = 1000;
    world_need(D3DKMTCreateSynchronizationObject2(&args), "a semaphore");
    return args.hSyncObject;
}

static void create_native(struct world *world, void *arguments)
{
    WITH(D3DKMT_CREATENATIVEFENCE);
    args->hDevice = world->device;
}

static void open_native(struct world *world, void *arguments)
{
    WITH(D3DKMT_OPENNATIVEFENCEFROMNTHANDLE);
    args->hDevice = world->device;
    args->hNtHandle = world->nt_native;
}

static void create_sync_file(struct world *world, void *arguments)
{
    WITH(D3DKMT_CREATESYNCFILE);
    args->hDevice = world->device;
    args->hMonitoredFence = world->fence;
}

static void wait_sync_file(struct world *world, void *arguments)
{
    WITH(D3DKMT_WAITSYNCFILE);
    args->hSyncFile = (UINT64)world->sync_file;
    args->hContext = world->context;
}

static void open_sync_file(struct world *world, void *arguments)
{
    WITH(D3DKMT_OPENSYNCOBJECTFROMSYNCFILE);
    args->hSyncFile = (UINT64)world->sync_file;
    args->hDevice = world->device;
}

/* ---- keyed mutexes ---- */

static void create_mutex_with_data(struct world *world, void *arguments)
{
    WITH(D3DKMT_CREATEKEYEDMUTEX2);
    args->PrivateRuntimeDataSize = 8;
    args->pPrivateRuntimeData = one_number(world, 1);
}

static void open_mutex(struct world *world, void *arguments)
{
    WITH(D3DKMT_OPENKEYEDMUTEX);
    args->hSharedHandle = world->global_mutex;
}

static void open_mutex2(struct world *world, void *arguments)
{
    WITH(D3DKMT_OPENKEYEDMUTEX2);
    args->hSharedHandle = world->global_mutex;
}

static void open_mutex_nt(struct world *world, void *arguments)
{
    WITH(D3DKMT_OPENKEYEDMUTEXFROMNTHANDLE);
    args->hNtHandle = world->nt_sync;
}

static void destroy_mutex(struct world *world, void *arguments)
{
    WITH(D3DKMT_DESTROYKEYEDMUTEX);
    (void)world;
    args->hKeyedMutex = world_create_mutex(NULL);
}

static D3DKMT_HANDLE mutex_with_data(struct world *world, bool owned)
{
    D3DKMT_CREATEKEYEDMUTEX2 create = {.PrivateRuntimeDataSize = 8, .pPrivateRuntimeData = one_number(world, 1)};
    world_need(D3DKMTCreateKeyedMutex2(&create), "a keyed mutex with data");
    D3DKMT_ACQUIREKEYEDMUTEX acquire = {.hKeyedMutex = create.hKeyedMutex};
    if (owned) world_need(D3DKMTAcquireKeyedMutex(&acquire), "its ownership");
    return create.hKeyedMutex;
}

static LARGE_INTEGER *no_time(struct world *world)
{
    return world_take(world, sizeof(LARGE_INTEGER));
}

static void acquire_mutex(struct world *world, void *arguments)
{
    WITH(D3DKMT_ACQUIREKEYEDMUTEX);
    args->hKeyedMutex = mutex_with_data(world, false);
    args->pTimeout = no_time(world);
}

static void acquire_mutex2(struct world *world, void *arguments)
{
    WITH(D3DKMT_ACQUIREKEYEDMUTEX2);
    args->hKeyedMutex = mutex_with_data(world, false);
    args->pTimeout = no_time(world);
    args->PrivateRuntimeDataSize = 8;
    args->pPrivateRuntimeData = one_number(world, 1);
}

static void release_mutex(struct world *world, void *arguments)
{
    WITH(D3DKMT_RELEASEKEYEDMUTEX);
    args->hKeyedMutex = mutex_with_data(world, true);
}

static void release_mutex2(struct world *world, void *arguments)
{
    WITH(D3DKMT_RELEASEKEYEDMUTEX2);
    args->hKeyedMutex = mutex_with_data(world, true);
    args->PrivateRuntimeDataSize = 8;
    args->pPrivateRuntimeData = one_number(world, 2);
}

/* ---- synchronisation, the rest ---- */

static void open_sync(struct world *world, void *arguments)
{
    WITH(D3DKMT_OPENSYNCHRONIZATIONOBJECT);
    args->hSharedHandle = world->global;
}

static void open_sync_nt(struct world *world, void *arguments)
{
    WITH(D3DKMT_OPENSYNCOBJECTFROMNTHANDLE);
    args->hNtHandle = world->nt_sync;
}

static void open_sync_nt2(struct world *world, void *arguments)
{
    WITH(D3DKMT_OPENSYNCOBJECTFROMNTHANDLE2);
    args->hDevice = world->device;
    args->hNtHandle = world->nt_sync;
}

static void wait_legacy(struct world *world, void *arguments)
{
    WITH(D3DKMT_WAITFORSYNCHRONIZATIONOBJECT);
    args->hContext = world->context;
    args->ObjectCount = 1;
    args->ObjectHandleArray[0] = new_semaphore(world);
}

static void wait_legacy2(struct world *world, void *arguments)
{
    WITH(D3DKMT_WAITFORSYNCHRONIZATIONOBJECT2);
    args->hContext = world->context;
    args->ObjectCount = 1;
    args->ObjectHandleArray[0] = new_semaphore(world);
}

static void signal_legacy(struct world *world, void *arguments)
{
    WITH(D3DKMT_SIGNALSYNCHRONIZATIONOBJECT);
    args->hContext = world->context;
    args->ObjectCount = 1;
    args->ObjectHandleArray[0] = new_semaphore(world);
}

static void signal_legacy2(struct world *world, void *arguments)
{
    WITH(D3DKMT_SIGNALSYNCHRONIZATIONOBJECT2);
    args->hContext = world->context;
    args->ObjectCount = 1;
    args->ObjectHandleArray[0] = new_semaphore(world);
    args->BroadcastContextCount = 1;
    args->BroadcastContext[0] = world->context;
}

static void signal_event2(struct world *world, void *arguments)
{
    WITH(D3DKMT_SIGNALSYNCHRONIZATIONOBJECT2);
    args->hContext = world->context;
    args->Flags.EnqueueCpuEvent = 1;
    args->CpuEventHandle = (HANDLE)(intptr_t)world->event;
}

static void signal_from_gpu2(struct world *world, void *arguments)
{
    WITH(D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMGPU2);
    args->BroadcastContextCount = 1;
    args->BroadcastContextArray = one_handle(world, world->context);
    args->ObjectCount = 1;
    args->ObjectHandleArray = one_handle(world, world->fence);
    args->MonitoredFenceValueArray = one_number(world, 7);
}

static void signal_event_from_gpu2(struct world *world, void *arguments)
{
    WITH(D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMGPU2);
    args->BroadcastContextCount = 1;
    args->BroadcastContextArray = one_handle(world, world->context);
    args->Flags.EnqueueCpuEvent = 1;
    args->CpuEventHandle = (HANDLE)(intptr_t)world->event;
}

static void create_mutex(struct world *world, void *arguments)
{
    WITH(D3DKMT_CREATESYNCHRONIZATIONOBJECT);
    args->hDevice = world->device;
    args->Info.Type = D3DDDI_SYNCHRONIZATION_MUTEX;
}

static void create_semaphore(struct world *world, void *arguments)
{
    WITH(D3DKMT_CREATESYNCHRONIZATIONOBJECT);
    args->hDevice = world->device;
    args->Info.Type = D3DDDI_SEMAPHORE;
    args->Info.Semaphore.MaxCount = 2;
}

static void create_sync2(struct world *world, void *arguments, D3DDDI_SYNCHRONIZATIONOBJECT_TYPE type)
{
    WITH(D3DKMT_CREATESYNCHRONIZATIONOBJECT2);
    args->hDevice = world->device;
    args->Info.Type = type;
}

static void create_mutex2(struct world *world, void *arguments)
{
    create_sync2(world, arguments, D3DDDI_SYNCHRONIZATION_MUTEX);
}

static void create_fence2(struct world *world, void *arguments)
{
    create_sync2(world, arguments, D3DDDI_FENCE);
}

static void create_notification2(struct world *world, void *arguments)
{
    WITH(D3DKMT_CREATESYNCHRONIZATIONOBJECT2);
    create_sync2(world, args, D3DDDI_CPU_NOTIFICATION);
    args->Info.CPUNotification.Event = (HANDLE)(intptr_t)world->event;
}

static void create_monitored2(struct world *world, void *arguments)
{
    create_sync2(world, arguments, D3DDDI_MONITORED_FENCE);
}

static void destroy_sync(struct world *world, void *arguments)
{
    WITH(D3DKMT_DESTROYSYNCHRONIZATIONOBJECT);
    args->hSyncObject = world_create_fence(world);
}

static void signal_from_cpu(struct world *world, void *arguments)
{
    WITH(D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMCPU);
    args->hDevice = world->device;
    args->ObjectCount = 1;
    args->ObjectHandleArray = one_handle(world, world->fence);
    args->FenceValueArray = one_number(world, 7);
}

static void wait_from_cpu(struct world *world, void *arguments)
{
    WITH(D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMCPU);
    args->hDevice = world->device;
    args->ObjectCount = 1;
    args->ObjectHandleArray = one_handle(world, world->fence);
    args->FenceValueArray = one_number(world, 0);
    args->hAsyncEvent = (HANDLE)(intptr_t)world->event;
}

static void signal_from_gpu(struct world *world, void *arguments)
{
    WITH(D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMGPU);
    args->hContext = world->context;
    args->ObjectCount = 1;
    args->ObjectHandleArray = one_handle(world, world->fence);
    args->MonitoredFenceValueArray = one_number(world, 7);
}

static void wait_from_gpu(struct world *world, void *arguments)
{
    WITH(D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMGPU);
    args->hContext = world->context;
    args->ObjectCount = 1;
    args->ObjectHandleArray = one_handle(world, world->fence);
    args->MonitoredFenceValueArray = one_number(world, 0);
}

/* ---- sharing ---- */

static void share_objects(struct world *world, void *arguments)
{
    WITH(D3DKMT_SHAREOBJECTS);
    D3DKMT_CREATEALLOCATION create = {0};
    create_resource2(world, &create);
    create.Flags.CreateShared = create.Flags.NtSecuritySharing = 1;
    world_need(D3DKMTCreateAllocation2(&create), "a shared resource");
    args->ObjectCount = 1;
    args->ObjectHandleArray = one_handle(world, create.hResource);
    args->DesiredAccess = 0x10000000; /* GENERIC_ALL */
    args->pSharedNtHandle = world_take(world, sizeof(*args->pSharedNtHandle));
}

#define NAME_UNITS 21u
static OBJECT_ATTRIBUTES *attributes_of(struct world *world, char last)
{
    static const char text[NAME_UNITS + 1] = "\\BaseNamedObjects\\sw";
    OBJECT_ATTRIBUTES *attributes = world_take(world, sizeof(*attributes));
    UNICODE_STRING *string = world_take(world, sizeof(*string));
    string->Length = NAME_UNITS * sizeof(USHORT);
    string->Buffer = world_take(world, string->Length);
    for (unsigned i = 0; i < NAME_UNITS; i++) string->Buffer[i] = (USHORT)text[i];
    string->Buffer[NAME_UNITS - 1] = (USHORT)last;
    attributes->Length = sizeof(*attributes);
    attributes->ObjectName = string;
    return attributes;
}

static void share_by_name(struct world *world, void *arguments)
{
    WITH(D3DKMT_SHAREOBJECTS);
    share_objects(world, args);
    args->pObjectAttributes = attributes_of(world, 's');
}

static void open_name(struct world *world, void *arguments)
{
    WITH(D3DKMT_OPENNTHANDLEFROMNAME);
    D3DKMT_SHAREOBJECTS share = {0};
    share_objects(world, &share);
    args->dwDesiredAccess = share.DesiredAccess;
    args->pObjAttrib = attributes_of(world, 'o');
    world_need(D3DKMTShareObjects(1, share.ObjectHandleArray, args->pObjAttrib, 1, share.pSharedNtHandle), "a name");
}

/* No sync object has a name. */
static void open_sync_name(struct world *world, void *arguments)
{
    WITH(D3DKMT_OPENSYNCOBJECTNTHANDLEFROMNAME);
    args->dwDesiredAccess = 0x10000000;
    args->pObjAttrib = attributes_of(world, 'n');
}

static D3DKMT_CREATEALLOCATION *shared_resource(struct world *world, UINT nt)
{
    D3DKMT_CREATEALLOCATION *create = world_take(world, sizeof(*create));
    create_resource2(world, create);
    create->pPrivateRuntimeData = world_take(world, 4);
    create->PrivateRuntimeDataSize = 4;
    create->NumAllocations = 1;
    create->Flags.CreateShared = 1;
    create->Flags.NtSecuritySharing = nt;
    create->Flags.RestrictSharedAccess = 1;
    world_need(D3DKMTCreateAllocation2(create), "a shared resource");
    return create;
}

static HANDLE shared_descriptor(struct world *world)
{
    HANDLE handle;
    D3DKMT_CREATEALLOCATION *create = shared_resource(world, 1);
    world_need(D3DKMTShareObjects(1, &create->hResource, NULL, 1, &handle), "an NT handle");
    return handle;
}

static void query_resource(struct world *world, void *arguments)
{
    WITH(D3DKMT_QUERYRESOURCEINFO);
    args->hDevice = world->device;
    args->hGlobalShare = shared_resource(world, 0)->hGlobalShare;
}

static void query_resource_nt(struct world *world, void *arguments)
{
    WITH(D3DKMT_QUERYRESOURCEINFOFROMNTHANDLE);
    args->hDevice = world->device;
    args->hNtHandle = shared_descriptor(world);
}

static void open_resource(struct world *world, void *arguments)
{
    WITH(D3DKMT_OPENRESOURCE);
    args->hDevice = world->device;
    args->hGlobalShare = shared_resource(world, 0)->hGlobalShare;
    args->NumAllocations = 1;
    args->pOpenAllocationInfo2 = world_take(world, sizeof(*args->pOpenAllocationInfo2));
    args->PrivateRuntimeDataSize = 4;
    args->pPrivateRuntimeData = world_take(world, 4);
    args->ResourcePrivateDriverDataSize = sizeof(struct udxg_soft_resource);
    args->pResourcePrivateDriverData = world_take(world, args->ResourcePrivateDriverDataSize);
    args->TotalPrivateDriverDataBufferSize = sizeof(struct udxg_soft_allocation);
    args->pTotalPrivateDriverDataBuffer = world_take(world, args->TotalPrivateDriverDataBufferSize);
}

static void open_resource_nt(struct world *world, void *arguments)
{
    WITH(D3DKMT_OPENRESOURCEFROMNTHANDLE);
    D3DKMT_OPENRESOURCE open = {0};
    open_resource(world, &open);
    args->hDevice = open.hDevice;
    args->hNtHandle = shared_descriptor(world);
    args->NumAllocations = 1;
    args->pOpenAllocationInfo2 = open.pOpenAllocationInfo2;
    args->PrivateRuntimeDataSize = open.PrivateRuntimeDataSize;
    args->pPrivateRuntimeData = open.pPrivateRuntimeData;
    args->ResourcePrivateDriverDataSize = open.ResourcePrivateDriverDataSize;
    args->pResourcePrivateDriverData = open.pResourcePrivateDriverData;
    args->TotalPrivateDriverDataBufferSize = open.TotalPrivateDriverDataBufferSize;
    args->pTotalPrivateDriverDataBuffer = open.pTotalPrivateDriverDataBuffer;
    args->KeyedMutexPrivateRuntimeDataSize = 20;
    args->pKeyedMutexPrivateRuntimeData = world_take(world, 20);
}

static void luid_of_global(struct world *world, void *arguments)
{
    WITH(D3DKMT_GETSHAREDRESOURCEADAPTERLUID);
    args->hGlobalShare = shared_resource(world, 0)->hGlobalShare;
}

static void luid_of_descriptor(struct world *world, void *arguments)
{
    WITH(D3DKMT_GETSHAREDRESOURCEADAPTERLUID);
    args->hNtHandle = shared_descriptor(world);
}

static void configure_resource(struct world *world, void *arguments)
{
    WITH(D3DKMT_CONFIGURESHAREDRESOURCE);
    args->hDevice = world->device;
    args->hResource = shared_resource(world, 1)->hResource;
    args->AllowAccess = 1;
}

static void check_resource(struct world *world, void *arguments)
{
    WITH(D3DKMT_CHECKSHAREDRESOURCEACCESS);
    args->hResource = shared_resource(world, 1)->hResource;
    args->ClientPid = (UINT)getpid();
}

static void ignore_trim(D3DKMT_TRIMNOTIFICATION *notification)
{
    (void)notification;
}

static void register_trim(struct world *world, void *arguments)
{
    WITH(D3DKMT_REGISTERTRIMNOTIFICATION);
    args->AdapterLuid = world->luid;
    args->hDevice = world->device;
    args->Callback = ignore_trim;
}

static void unregister_trim(struct world *world, void *arguments)
{
    WITH(D3DKMT_UNREGISTERTRIMNOTIFICATION);
    D3DKMT_REGISTERTRIMNOTIFICATION registration = {0};
    register_trim(world, &registration);
    world_need(D3DKMTRegisterTrimNotification(&registration), "a trim registration");
    args->Handle = registration.Handle;
    args->Callback = ignore_trim;
}

static void ignore_budget(D3DKMT_BUDGETCHANGENOTIFICATION *notification)
{
    (void)notification;
}

static void register_budget(struct world *world, void *arguments)
{
    WITH(D3DKMT_REGISTERBUDGETCHANGENOTIFICATION);
    args->hDevice = world->device;
    args->Callback = ignore_budget;
}

static void unregister_budget(struct world *world, void *arguments)
{
    WITH(D3DKMT_UNREGISTERBUDGETCHANGENOTIFICATION);
    D3DKMT_REGISTERBUDGETCHANGENOTIFICATION registration = {0};
    register_budget(world, &registration);
    world_need(D3DKMTRegisterBudgetChangeNotification(&registration), "a budget registration");
    args->Handle = registration.Handle;
}

#define CASE(id, name, set_up) {UDXG_THUNK_##id, name, set_up, STATUS_SUCCESS}

const struct sweep_case sweep_cases[] = {
    CASE(OpenAdapterFromLuid, "", open_adapter),
    CASE(EnumAdapters, "", nothing),
    CASE(EnumAdapters2, "", enum_adapters2),
    CASE(EnumAdapters2, "asking", nothing),
    CASE(EnumAdapters3, "", enum_adapters3),
    CASE(EnumAdapters3, "asking", nothing),
    CASE(CloseAdapter, "", close_adapter),
    CASE(QueryAdapterInfo, "", query_adapter_info),
    CASE(QueryVideoMemoryInfo, "", query_video_memory_info),
    CASE(ChangeVideoMemoryReservation, "", change_video_memory_reservation),
    CASE(GetProcessSchedulingPriorityClass, "", priority_class),
    CASE(SetProcessSchedulingPriorityClass, "", priority_class),
    CASE(Escape, "segments", escape_segments),
    CASE(FlushHeapTransitions, "", adapter_alone),
    CASE(QueryClockCalibration, "", adapter_alone),
    CASE(CreateDevice, "", adapter_alone),
    CASE(DestroyDevice, "", destroy_device),
    CASE(GetDeviceState, "execution", execution_state),
    CASE(GetDeviceState, "present", present_state),
    CASE(GetDeviceState, "reset", reset_state),
    CASE(GetDeviceState, "page fault", page_fault_state),
    CASE(MarkDeviceAsError, "", mark_device_as_error),
    CASE(WaitForIdle, "", device_alone),
    CASE(CreateAllocation, "", create_allocation),
    CASE(CreateAllocation, "standard", create_standard),
    CASE(CreateAllocation2, "", create_allocation2),
    CASE(CreateAllocation2, "resource", create_resource2),
    CASE(CreateAllocation2, "added", add_to_resource2),
    CASE(CreateAllocation2, "standard", create_standard2),
    CASE(DestroyAllocation, "", destroy_allocation),
    CASE(DestroyAllocation2, "", destroy_allocation2),
    CASE(DestroyAllocation2, "resource", destroy_resource),
    CASE(Lock2, "", lock2),
    CASE(Unlock2, "", unlock2),
    CASE(Lock, "", lock1),
    CASE(Lock, "pages", lock_pages),
    CASE(Unlock, "", unlock1),
    CASE(InvalidateCache, "", invalidate_cache),
    CASE(QueryAllocationResidency, "", query_residency),
    CASE(QueryAllocationResidency, "resource", query_resource_residency),
    CASE(SetAllocationPriority, "", set_priority),
    CASE(SetAllocationPriority, "resource", set_resource_priority),
    CASE(GetAllocationPriority, "", get_priority),
    CASE(GetAllocationPriority, "resource", get_resource_priority),
    CASE(UpdateAllocationProperty, "", update_property),
    CASE(CreatePagingQueue, "", device_alone),
    CASE(DestroyPagingQueue, "", destroy_queue),
    CASE(MakeResident, "", make_resident),
    CASE(Evict, "", evict),
    CASE(RegisterTrimNotification, "", register_trim),
    CASE(UnregisterTrimNotification, "", unregister_trim),
    CASE(RegisterBudgetChangeNotification, "", register_budget),
    CASE(UnregisterBudgetChangeNotification, "", unregister_budget),
    CASE(OfferAllocations, "", offer),
    CASE(OfferAllocations, "resource", offer_resource),
    CASE(ReclaimAllocations, "", reclaim),
    CASE(ReclaimAllocations, "resource", reclaim_resource),
    CASE(ReclaimAllocations2, "", reclaim2),
    CASE(ReclaimAllocations2, "resource", reclaim2_resource),
    CASE(TrimProcessCommitment, "", trim_commitment),
    CASE(QueryProcessOfferInfo, "", query_offers),
    CASE(ReserveGpuVirtualAddress, "adapter", reserve_by_adapter),
    CASE(ReserveGpuVirtualAddress, "paging queue", reserve_by_queue),
    CASE(MapGpuVirtualAddress, "", map_allocation),
    CASE(UpdateGpuVirtualAddress, "map", update_map),
    CASE(UpdateGpuVirtualAddress, "map protected", update_map_protect),
    CASE(UpdateGpuVirtualAddress, "unmap", update_unmap),
    CASE(UpdateGpuVirtualAddress, "copy", update_copy),
    CASE(FreeGpuVirtualAddress, "", free_address),
    CASE(CreateContextVirtual, "", device_alone),
    CASE(DestroyContext, "", destroy_context),
    CASE(SubmitCommand, "", submit_command),
    CASE(SubmitCommand, "with a primary", submit_with_primary),
    CASE(SetContextSchedulingPriority, "", context_alone),
    CASE(GetContextSchedulingPriority, "", context_alone),
    CASE(SetContextInProcessSchedulingPriority, "", context_alone),
    CASE(GetContextInProcessSchedulingPriority, "", context_alone),
    CASE(CreateHwContext, "", device_alone),
    CASE(DestroyHwContext, "", destroy_hw_context),
    CASE(CreateHwQueue, "", create_hw_queue),
    CASE(DestroyHwQueue, "", destroy_hw_queue),
    CASE(SubmitCommandToHwQueue, "", submit_to_hw_queue),
    CASE(SubmitSignalSyncObjectsToHwQueue, "", signal_to_hw_queue),
    CASE(SubmitWaitForSyncObjectsToHwQueue, "", wait_to_hw_queue),
    CASE(CreateSynchronizationObject, "mutex", create_mutex),
    CASE(CreateSynchronizationObject, "semaphore", create_semaphore),
    CASE(CreateSynchronizationObject2, "mutex", create_mutex2),
    CASE(CreateSynchronizationObject2, "fence", create_fence2),
    CASE(CreateSynchronizationObject2, "notification", create_notification2),
    CASE(CreateSynchronizationObject2, "monitored fence", create_monitored2),
    CASE(DestroySynchronizationObject, "", destroy_sync),
    CASE(OpenSynchronizationObject, "", open_sync),
    CASE(OpenSyncObjectFromNtHandle, "", open_sync_nt),
    CASE(OpenSyncObjectFromNtHandle2, "", open_sync_nt2),
    CASE(SignalSynchronizationObjectFromCpu, "", signal_from_cpu),
    CASE(WaitForSynchronizationObjectFromCpu, "", wait_from_cpu),
    CASE(SignalSynchronizationObject, "", signal_legacy),
    CASE(SignalSynchronizationObject2, "", signal_legacy2),
    CASE(SignalSynchronizationObject2, "event", signal_event2),
    CASE(SignalSynchronizationObjectFromGpu, "", signal_from_gpu),
    CASE(SignalSynchronizationObjectFromGpu2, "", signal_from_gpu2),
    CASE(SignalSynchronizationObjectFromGpu2, "event", signal_event_from_gpu2),
    CASE(WaitForSynchronizationObject, "", wait_legacy),
    CASE(WaitForSynchronizationObject2, "", wait_legacy2),
    CASE(WaitForSynchronizationObjectFromGpu, "", wait_from_gpu),
    CASE(CreateNativeFence, "", create_native),
    CASE(OpenNativeFenceFromNtHandle, "", open_native),
    CASE(CreateSyncFile, "", create_sync_file),
    CASE(WaitSyncFile, "", wait_sync_file),
    CASE(OpenSyncObjectFromSyncFile, "", open_sync_file),
    CASE(CreateKeyedMutex, "", nothing),
    CASE(CreateKeyedMutex2, "", create_mutex_with_data),
    CASE(OpenKeyedMutex, "", open_mutex),
    CASE(OpenKeyedMutex2, "", open_mutex2),
    {UDXG_THUNK_OpenKeyedMutexFromNtHandle, "", open_mutex_nt, STATUS_OBJECT_TYPE_MISMATCH},
    CASE(DestroyKeyedMutex, "", destroy_mutex),
    CASE(AcquireKeyedMutex, "", acquire_mutex),
    CASE(AcquireKeyedMutex2, "", acquire_mutex2),
    CASE(ReleaseKeyedMutex, "", release_mutex),
    CASE(ReleaseKeyedMutex2, "", release_mutex2),
    CASE(ShareObjects, "", share_objects),
    CASE(ShareObjects, "by name", share_by_name),
    CASE(OpenNtHandleFromName, "", open_name),
    {UDXG_THUNK_OpenSyncObjectNtHandleFromName, "", open_sync_name, STATUS_OBJECT_NAME_NOT_FOUND},
    CASE(QueryResourceInfo, "", query_resource),
    CASE(QueryResourceInfoFromNtHandle, "", query_resource_nt),
    CASE(OpenResource, "", open_resource),
    CASE(OpenResource2, "", open_resource),
    CASE(OpenResourceFromNtHandle, "", open_resource_nt),
    CASE(GetSharedResourceAdapterLuid, "global", luid_of_global),
    CASE(GetSharedResourceAdapterLuid, "descriptor", luid_of_descriptor),
    CASE(ConfigureSharedResource, "", configure_resource),
    CASE(CheckSharedResourceAccess, "", check_resource),
    CASE(QueryStatistics, "", query_statistics),
    CASE(EnumProcesses, "", enum_processes),
};
const size_t sweep_case_count = sizeof(sweep_cases) / sizeof(sweep_cases[0]);

const struct sweep_exception sweep_exceptions[] = {
    /* So does Windows, for this field alone. */
    {UDXG_THUNK_CreateAllocation, "hResource", NULL, STATUS_INVALID_HANDLE},
    {UDXG_THUNK_CreateAllocation2, "hResource", NULL, STATUS_INVALID_HANDLE},
    {UDXG_THUNK_CreateAllocation2, "hDevice", "another one", STATUS_INVALID_HANDLE}, /* hResource is not its own */
};
const size_t sweep_exception_count = sizeof(sweep_exceptions) / sizeof(sweep_exceptions[0]);
