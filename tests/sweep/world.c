/* SPDX-License-Identifier: MIT */
/* See world.h. */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

#define BUFFER_BYTES 0x10000u

void world_need(NTSTATUS status, const char *what)
{
    if (status >= 0) return;
    printf("# the world lacks %s: status %#x\n", what, (unsigned)status);
    exit(1);
}

static unsigned char *pages(size_t bytes, int rights)
{
    unsigned char *start = mmap(NULL, bytes + 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (start == MAP_FAILED || mprotect(start + PAGE, bytes, rights) != 0) {
        printf("# no memory\n");
        exit(1);
    }
    return start + PAGE;
}

void *world_take(struct world *world, size_t size)
{
    void *taken = world->arena + world->arena_used;
    world->arena_used += (size + 15) & ~(size_t)15;
    if (world->arena_used > ARENA_BYTES) world_need(STATUS_NO_MEMORY, "room in its arena");
    return taken;
}

void world_describe_buffer(struct world *world, D3DDDI_ALLOCATIONINFO2 *info, uint64_t size)
{
    struct udxg_soft_allocation *soft = world_take(world, sizeof(*soft));
    *soft = (struct udxg_soft_allocation){.magic = UDXG_SOFT_ALLOCATION_MAGIC,
                                          .version = UDXG_SOFT_VERSION,
                                          .size_bytes = size,
                                          .flags = UDXG_SOFT_CPU_VISIBLE};
    *info = (D3DDDI_ALLOCATIONINFO2){.pPrivateDriverData = soft, .PrivateDriverDataSize = sizeof(*soft)};
}

static D3DKMT_HANDLE create(struct world *world, UINT create_resource, D3DKMT_HANDLE *ret_allocation)
{
    size_t used = world->arena_used;
    D3DDDI_ALLOCATIONINFO2 *info = world_take(world, sizeof(*info));
    world_describe_buffer(world, info, BUFFER_BYTES);
    D3DKMT_CREATEALLOCATION args = {.hDevice = world->device, .NumAllocations = 1, .pAllocationInfo2 = info};
    args.Flags.CreateResource = create_resource;
    world_need(D3DKMTCreateAllocation2(&args), "an allocation");
    *ret_allocation = info->hAllocation;
    memset(world->arena + used, 0, world->arena_used - used);
    world->arena_used = used;
    return args.hResource;
}

D3DKMT_HANDLE world_create_allocation(struct world *world)
{
    D3DKMT_HANDLE allocation;
    create(world, 0, &allocation);
    return allocation;
}

D3DKMT_HANDLE world_create_resource(struct world *world, D3DKMT_HANDLE *ret_allocation)
{
    return create(world, 1, ret_allocation);
}

D3DKMT_HANDLE world_create_device(struct world *world)
{
    D3DKMT_CREATEDEVICE args = {.hAdapter = world->adapter};
    world_need(D3DKMTCreateDevice(&args), "a device");
    return args.hDevice;
}

D3DKMT_HANDLE world_create_context(struct world *world)
{
    D3DKMT_CREATECONTEXTVIRTUAL args = {.hDevice = world->device};
    world_need(D3DKMTCreateContextVirtual(&args), "a context");
    return args.hContext;
}

D3DKMT_HANDLE world_create_hw_context(struct world *world)
{
    D3DKMT_CREATEHWCONTEXT args = {.hDevice = world->device};
    world_need(D3DKMTCreateHwContext(&args), "a context for hardware queues");
    return args.hHwContext;
}

D3DKMT_HANDLE world_create_hw_queue(struct world *world)
{
    D3DKMT_CREATEHWQUEUE args = {.hHwContext = world->hw_context};
    world_need(D3DKMTCreateHwQueue(&args), "a hardware queue");
    return args.hHwQueue;
}

D3DKMT_HANDLE world_create_queue(struct world *world, D3DKMT_HANDLE *ret_fence)
{
    D3DKMT_CREATEPAGINGQUEUE args = {.hDevice = world->device};
    world_need(D3DKMTCreatePagingQueue(&args), "a paging queue");
    *ret_fence = args.hSyncObject;
    return args.hPagingQueue;
}

D3DKMT_HANDLE world_create_fence(struct world *world)
{
    D3DKMT_CREATESYNCHRONIZATIONOBJECT2 args = {.hDevice = world->device, .Info.Type = D3DDDI_MONITORED_FENCE};
    world_need(D3DKMTCreateSynchronizationObject2(&args), "a fence");
    return args.hSyncObject;
}

D3DKMT_HANDLE world_create_mutex(D3DKMT_HANDLE *ret_global)
{
    D3DKMT_CREATEKEYEDMUTEX args = {0};
    world_need(D3DKMTCreateKeyedMutex(&args), "a keyed mutex");
    if (ret_global) *ret_global = args.hSharedHandle;
    return args.hKeyedMutex;
}

static HANDLE share(D3DKMT_HANDLE sync)
{
    OBJECT_ATTRIBUTES attributes = {.Length = sizeof(attributes)};
    HANDLE handle = NULL;
    world_need(D3DKMTShareObjects(1, &sync, &attributes, D3DDDI_SYNC_OBJECT_ALL_ACCESS, &handle), "an NT handle");
    return handle;
}

/* What can be opened. */
static void make_shared(struct world *world)
{
    D3DKMT_CREATESYNCHRONIZATIONOBJECT2 semaphore = {.hDevice = world->device, .Info.Type = D3DDDI_SEMAPHORE};
    D3DKMT_CREATESYNCHRONIZATIONOBJECT2 fence = {.hDevice = world->device, .Info.Type = D3DDDI_MONITORED_FENCE};
    D3DKMT_CREATENATIVEFENCE native = {.hDevice = world->device};
    D3DKMT_CREATESYNCFILE file = {.hDevice = world->device, .hMonitoredFence = world->fence};

    semaphore.Info.Flags.Shared = 1;
    world_need(D3DKMTCreateSynchronizationObject2(&semaphore), "a semaphore");
    world->global = semaphore.Info.SharedHandle;
    fence.Info.Flags.Shared = fence.Info.Flags.NtSecuritySharing = 1;
    world_need(D3DKMTCreateSynchronizationObject2(&fence), "a shared fence");
    world->nt_sync = share(fence.hSyncObject);
    native.Info.Flags.Shared = native.Info.Flags.NtSecuritySharing = 1;
    world_need(D3DKMTCreateNativeFence(&native), "a native fence");
    world->nt_native = share(native.hSyncObject);
    world_need(D3DKMTCreateSyncFile(&file), "a sync file");
    world->sync_file = (int)file.hSyncFile;
    world->mutex = world_create_mutex(&world->global_mutex);
}

D3DKMT_HANDLE world_open_adapter(struct world *world)
{
    D3DKMT_OPENADAPTERFROMLUID args = {.AdapterLuid = world->luid};
    world_need(D3DKMTOpenAdapterFromLuid(&args), "an adapter");
    return args.hAdapter;
}

void world_make_resident(struct world *world, D3DKMT_HANDLE allocation)
{
    D3DDDI_MAKERESIDENT args = {.hPagingQueue = world->queue, .NumAllocations = 1, .AllocationList = &allocation};
    world_need(D3DKMTMakeResident(&args), "residency");
}

static uint64_t map(struct world *world, D3DKMT_HANDLE allocation)
{
    D3DDDI_MAPGPUVIRTUALADDRESS args = {
        .hPagingQueue = world->queue, .hAllocation = allocation, .SizeInPages = BUFFER_BYTES / PAGE};
    args.Protection.Write = 1;
    world_need(D3DKMTMapGpuVirtualAddress(&args), "a GPU address");
    return args.VirtualAddress;
}

static void write_commands(struct world *world)
{
    D3DKMT_LOCK2 lock = {.hDevice = world->device, .hAllocation = world->allocation};
    world_need(D3DKMTLock2(&lock), "a lock");
    *(struct udxg_soft_command *)lock.pData = udxg_soft_header(UDXG_SOFT_OP_NOP, 64);
    D3DKMT_UNLOCK2 unlock = {.hDevice = world->device, .hAllocation = world->allocation};
    world_need(D3DKMTUnlock2(&unlock), "an unlock");
}

static void find_adapter(struct world *world)
{
    D3DKMT_ADAPTERINFO info[4];
    D3DKMT_ENUMADAPTERS2 args = {.NumAdapters = 4, .pAdapters = info};
    world_need(D3DKMTEnumAdapters2(&args), "adapters");
    if (!args.NumAdapters) world_need(STATUS_UNSUCCESSFUL, "an adapter");
    world->luid = info[0].AdapterLuid;
    world->adapter = info[0].hAdapter;
}

static D3DKMT_HANDLE make_dead_global(struct world *world)
{
    size_t used = world->arena_used;
    D3DDDI_ALLOCATIONINFO2 *info = world_take(world, sizeof(*info));
    world_describe_buffer(world, info, BUFFER_BYTES);
    D3DKMT_CREATEALLOCATION args = {.hDevice = world->device, .NumAllocations = 1, .pAllocationInfo2 = info};
    args.Flags.CreateResource = args.Flags.CreateShared = 1;
    world_need(D3DKMTCreateAllocation2(&args), "a shared resource");
    D3DKMT_DESTROYALLOCATION2 destroy = {.hDevice = world->device, .hResource = args.hResource};
    world_need(D3DKMTDestroyAllocation2(&destroy), "the end of a shared resource");
    memset(world->arena + used, 0, world->arena_used - used);
    world->arena_used = used;
    return args.hGlobalShare;
}

static void make_dead_handles(struct world *world)
{
    D3DKMT_HANDLE *dead = world->dead, fence;
    dead[UDXG_IS_ADAPTER] = world_open_adapter(world);
    dead[UDXG_IS_DEVICE] = world_create_device(world);
    dead[UDXG_IS_RESOURCE] = world_create_resource(world, &dead[UDXG_IS_ALLOCATION]);
    dead[UDXG_IS_CONTEXT] = world_create_context(world);
    dead[UDXG_IS_HW_QUEUE] = world_create_hw_queue(world);
    dead[UDXG_IS_PAGING_QUEUE] = world_create_queue(world, &fence);
    dead[UDXG_IS_SYNC] = world_create_fence(world);
    dead[UDXG_IS_KEYED_MUTEX] = world_create_mutex(NULL);
    dead[UDXG_IS_GLOBAL] = make_dead_global(world);
    dead[UDXG_IS_PAGING_QUEUE_OR_ADAPTER] = dead[UDXG_IS_ADAPTER];

    D3DKMT_CLOSEADAPTER adapter = {dead[UDXG_IS_ADAPTER]};
    D3DKMT_DESTROYDEVICE device = {dead[UDXG_IS_DEVICE]};
    D3DKMT_DESTROYALLOCATION2 resource = {.hDevice = world->device, .hResource = dead[UDXG_IS_RESOURCE]};
    D3DKMT_DESTROYCONTEXT context = {dead[UDXG_IS_CONTEXT]};
    D3DKMT_DESTROYHWQUEUE hw_queue = {dead[UDXG_IS_HW_QUEUE]};
    D3DDDI_DESTROYPAGINGQUEUE queue = {dead[UDXG_IS_PAGING_QUEUE]};
    D3DKMT_DESTROYSYNCHRONIZATIONOBJECT sync = {dead[UDXG_IS_SYNC]};
    D3DKMT_DESTROYKEYEDMUTEX mutex = {dead[UDXG_IS_KEYED_MUTEX]};
    world_need(D3DKMTDestroyKeyedMutex(&mutex), "the end of a keyed mutex");
    world_need(D3DKMTCloseAdapter(&adapter), "the closing of an adapter");
    world_need(D3DKMTDestroyDevice(&device), "the end of a device");
    world_need(D3DKMTDestroyAllocation2(&resource), "the end of a resource");
    world_need(D3DKMTDestroyContext(&context), "the end of a context");
    world_need(D3DKMTDestroyHwQueue(&hw_queue), "the end of a hardware queue");
    world_need(D3DKMTDestroyPagingQueue(&queue), "the end of a paging queue");
    world_need(D3DKMTDestroySynchronizationObject(&sync), "the end of a fence");
}

void world_make(struct world *world)
{
    memset(world, 0, sizeof(*world));
    world->arena = pages(ARENA_BYTES, PROT_READ | PROT_WRITE);
    world->room = pages(ROOM_BYTES, PROT_READ | PROT_WRITE);
    world->read_only = pages(PAGE, PROT_READ);
    world->no_rights = pages(PAGE, PROT_NONE);
    world->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (world->event <= 0) world_need(STATUS_UNSUCCESSFUL, "an event");

    find_adapter(world);
    world->device = world_create_device(world);
    world->other_device = world_create_device(world);
    world->queue = world_create_queue(world, &world->queue_fence);
    world->context = world_create_context(world);
    world->hw_context = world_create_hw_context(world);
    world->hw_queue = world_create_hw_queue(world);
    world->fence = world_create_fence(world);
    D3DKMT_HANDLE inner;
    world->resource = world_create_resource(world, &inner);
    world->allocation = world_create_allocation(world);
    write_commands(world);
    world->va = map(world, world->allocation);
    world_make_resident(world, world->allocation);
    make_dead_handles(world);
    make_shared(world);

    D3DKMT_HANDLE *alive = world->alive;
    alive[UDXG_IS_ADAPTER] = alive[UDXG_IS_PAGING_QUEUE_OR_ADAPTER] = world->adapter;
    alive[UDXG_IS_DEVICE] = world->device;
    alive[UDXG_IS_RESOURCE] = world->resource;
    alive[UDXG_IS_ALLOCATION] = world->allocation;
    alive[UDXG_IS_CONTEXT] = world->context;
    alive[UDXG_IS_HW_QUEUE] = world->hw_queue;
    alive[UDXG_IS_PAGING_QUEUE] = world->queue;
    alive[UDXG_IS_SYNC] = world->fence;
    alive[UDXG_IS_KEYED_MUTEX] = world->mutex;
}
