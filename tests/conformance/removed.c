/* SPDX-License-Identifier: MIT */
/*
 * An adapter that is gone: what says STATUS_DEVICE_REMOVED, before which other fault and after which, and that
 * everything can still be given back. udxg_stop_adapter() takes it away, so this file is for udxg alone.
 */
#include "gate.h"

#include "creation.h"

#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include <udxg/udxg.h>

/* An adapter with everything on it that calls can ask for, before it goes. */
struct world {
    struct gpu gpu;
    LUID luid;
    D3DKMT_HANDLE resource, member; /* one in the other */
    D3DKMT_HANDLE locked;           /* twice */
    struct gpu_buffer buffer;
    D3DKMT_HANDLE heap;
    void *memory;
};

static void build(struct world *world)
{
    struct creation creation;
    gpu_open(&world->gpu);
    world->luid = first_luid();
    world->resource = create_resource(world->gpu.device, 1, false, &world->member);
    world->locked = create_buffer(world->gpu.device, CREATION_BYTES);
    for (int i = 0; i < 2; i++) lock(world->gpu.device, world->locked);
    world->buffer = create_gpu_buffer(&world->gpu, CREATION_BYTES);
    world->memory = map_pages(1);
    creation_heap(&creation, 2, world->gpu.device, world->memory, PAGE_BYTES);
    require_success(creation_issue(&creation));
    world->heap = creation.info2[0].hAllocation;
}

static void build_and_stop(struct world *world)
{
    build(world);
    require_success(udxg_stop_adapter(world->luid));
}

/* ------------------------------------------------------------------------------------------------- stopping */

static void stopping(void)
{
    udxg_case("a LUID that is none") {
        LUID luid = first_luid();
        D3DKMT_HANDLE device = create_device(open_adapter());
        luid.HighPart ^= 0x40000000;
        check_status(STATUS_INVALID_PARAMETER, udxg_stop_adapter(luid));
        memset(&luid, 0, sizeof(luid));
        check_status(STATUS_INVALID_PARAMETER, udxg_stop_adapter(luid));
        check_true(is_alive(device, create_buffer(device, PAGE_BYTES)));
    }
    udxg_case("twice") {
        LUID luid = first_luid();
        check_status(STATUS_SUCCESS, udxg_stop_adapter(luid));
        check_status(STATUS_SUCCESS, udxg_stop_adapter(luid));
    }
}

/* The other adapter goes on. */
static void the_other(void)
{
    udxg_case("another adapter goes on") {
        D3DKMT_ADAPTERINFO infos[2];
        D3DKMT_ENUMADAPTERS2 args = {0};
        args.NumAdapters = 2;
        args.pAdapters = infos;
        require_success(D3DKMTEnumAdapters2(&args));
        require_u64(2, args.NumAdapters);
        D3DKMT_HANDLE devices[2] = {create_device(infos[0].hAdapter), create_device(infos[1].hAdapter)};
        check_status(STATUS_SUCCESS, udxg_stop_adapter(infos[0].AdapterLuid));
        struct creation creation;
        creation_buffers(&creation, 2, devices[0], 1);
        creation_fails(&creation, STATUS_DEVICE_REMOVED);
        creation_buffers(&creation, 2, devices[1], 1);
        creation_succeeds(&creation);
        check_true(is_alive(devices[1], creation.info2[0].hAllocation));
    }
}

/* ---------------------------------------------------------------------------------------------- who tells it */

static NTSTATUS query_adapter(struct world *world)
{
    struct udxg_soft_adapter_info info;
    D3DKMT_QUERYADAPTERINFO args = {0};
    args.hAdapter = world->gpu.adapter;
    args.Type = KMTQAITYPE_UMDRIVERPRIVATE;
    args.pPrivateDriverData = &info;
    args.PrivateDriverDataSize = sizeof(info);
    return D3DKMTQueryAdapterInfo(&args);
}

static NTSTATUS new_device(struct world *world)
{
    D3DKMT_CREATEDEVICE args = {0};
    args.hAdapter = world->gpu.adapter;
    NTSTATUS status = D3DKMTCreateDevice(&args);
    if (status != STATUS_SUCCESS) check_u64(0, args.hDevice);
    return status;
}

static NTSTATUS new_context(struct world *world)
{
    D3DKMT_CREATECONTEXTVIRTUAL args = {0};
    args.hDevice = world->gpu.device;
    args.ClientHint = D3DKMT_CLIENTHINT_VULKAN;
    NTSTATUS status = D3DKMTCreateContextVirtual(&args);
    if (status != STATUS_SUCCESS) check_u64(0, args.hContext);
    return status;
}

static NTSTATUS new_fence(struct world *world)
{
    D3DKMT_CREATESYNCHRONIZATIONOBJECT2 args = {0};
    args.hDevice = world->gpu.device;
    args.Info.Type = D3DDDI_MONITORED_FENCE;
    NTSTATUS status = D3DKMTCreateSynchronizationObject2(&args);
    if (status != STATUS_SUCCESS) check_u64(0, args.hSyncObject);
    return status;
}

static NTSTATUS new_allocation(struct world *world)
{
    struct creation creation;
    creation_buffers(&creation, 2, world->gpu.device, 1);
    return creation_issue(&creation);
}

static NTSTATUS new_allocation_1(struct world *world)
{
    struct creation creation;
    creation_buffers(&creation, 1, world->gpu.device, 1);
    return creation_issue(&creation);
}

static NTSTATUS new_heap(struct world *world)
{
    struct creation creation;
    creation_heap(&creation, 2, world->gpu.device, world->memory, PAGE_BYTES);
    return creation_issue(&creation);
}

static NTSTATUS lock_1(struct world *world)
{
    D3DKMT_LOCK args;
    memset(&args, 0, sizeof(args));
    args.hDevice = world->gpu.device;
    args.hAllocation = world->member;
    args.Flags.LockEntire = 1;
    NTSTATUS status = D3DKMTLock(&args);
    if (status != STATUS_SUCCESS) check_true(args.pData == NULL);
    return status;
}

static NTSTATUS lock_2(struct world *world)
{
    void *data = NULL;
    NTSTATUS status = try_lock(world->gpu.device, world->member, &data);
    if (status != STATUS_SUCCESS) check_true(data == NULL);
    return status;
}

static NTSTATUS device_state(struct world *world)
{
    D3DKMT_GETDEVICESTATE args = {0};
    args.hDevice = world->gpu.device;
    args.StateType = D3DKMT_DEVICESTATE_EXECUTION;
    return D3DKMTGetDeviceState(&args);
}

static NTSTATUS query_residency(struct world *world)
{
    D3DKMT_ALLOCATIONRESIDENCYSTATUS where = (D3DKMT_ALLOCATIONRESIDENCYSTATUS)0;
    D3DKMT_QUERYALLOCATIONRESIDENCY args = {0};
    args.hDevice = world->gpu.device;
    args.phAllocationList = &world->member;
    args.AllocationCount = 1;
    args.pResidencyStatus = &where;
    NTSTATUS status = D3DKMTQueryAllocationResidency(&args);
    if (status != STATUS_SUCCESS) check_u64(0, where);
    return status;
}

static NTSTATUS set_priority(struct world *world)
{
    UINT priority = D3DDDI_ALLOCATIONPRIORITY_LOW;
    D3DKMT_SETALLOCATIONPRIORITY args = {0};
    args.hDevice = world->gpu.device;
    args.phAllocationList = &world->member;
    args.AllocationCount = 1;
    args.pPriorities = &priority;
    return D3DKMTSetAllocationPriority(&args);
}

static NTSTATUS offer(struct world *world)
{
    D3DKMT_OFFERALLOCATIONS args = {0};
    args.hDevice = world->gpu.device;
    args.HandleList = &world->buffer.allocation;
    args.NumAllocations = 1;
    args.Priority = D3DKMT_OFFER_PRIORITY_NORMAL;
    return D3DKMTOfferAllocations(&args);
}

static NTSTATUS reclaim_1(struct world *world)
{
    D3DKMT_RECLAIMALLOCATIONS args = {0};
    args.hDevice = world->gpu.device;
    args.HandleList = &world->buffer.allocation;
    args.NumAllocations = 1;
    (void)offer(world);
    return D3DKMTReclaimAllocations(&args);
}

static NTSTATUS reclaim_2(struct world *world)
{
    D3DKMT_RECLAIMALLOCATIONS2 args = {0};
    args.hPagingQueue = world->gpu.queue.handle;
    args.HandleList = &world->buffer.allocation;
    args.NumAllocations = 1;
    (void)offer(world);
    return D3DKMTReclaimAllocations2(&args);
}

static NTSTATUS escape(struct world *world)
{
    UINT data[4] = {0};
    D3DKMT_ESCAPE args = {0};
    args.hAdapter = world->gpu.adapter;
    args.Type = D3DKMT_ESCAPE_DRIVERPRIVATE;
    args.pPrivateDriverData = data;
    args.PrivateDriverDataSize = sizeof(data);
    return D3DKMTEscape(&args);
}

static const struct {
    const char *name;
    NTSTATUS (*call)(struct world *world);
    NTSTATUS before; /* what it gives while the adapter is there */
} tellers[] = {
    {"QueryAdapterInfo", query_adapter, STATUS_SUCCESS},
    {"CreateDevice", new_device, STATUS_SUCCESS},
    {"CreateContextVirtual", new_context, STATUS_SUCCESS},
    {"CreateSynchronizationObject2", new_fence, STATUS_SUCCESS},
    {"CreateAllocation", new_allocation_1, STATUS_SUCCESS},
    {"CreateAllocation2", new_allocation, STATUS_SUCCESS},
    {"CreateAllocation2, of a heap", new_heap, STATUS_SUCCESS},
    {"Lock", lock_1, STATUS_SUCCESS},
    {"Lock2", lock_2, STATUS_SUCCESS},
    {"GetDeviceState", device_state, STATUS_SUCCESS},
    {"QueryAllocationResidency", query_residency, STATUS_SUCCESS},
    {"SetAllocationPriority", set_priority, STATUS_SUCCESS},
    {"ReclaimAllocations", reclaim_1, STATUS_SUCCESS},
    {"ReclaimAllocations2", reclaim_2, STATUS_SUCCESS},
    {"OfferAllocations", offer, STATUS_SUCCESS},
    {"Escape", escape, STATUS_NOT_SUPPORTED},
};

static void tells(void)
{
    struct world world;
    build_and_stop(&world);
    for (size_t i = 0; i < LENGTH_OF(tellers); i++) {
        udxg_case("%s", tellers[i].name) {
            check_status(STATUS_DEVICE_REMOVED, tellers[i].call(&world));
        }
    }
}

/* The same calls while the adapter is there, so that what they say later is about the adapter. */
static void before(void)
{
    struct world world;
    build(&world);
    for (size_t i = 0; i < LENGTH_OF(tellers); i++) {
        udxg_case("%s", tellers[i].name) {
            check_status(tellers[i].before, tellers[i].call(&world));
        }
    }
}

/* ------------------------------------------------------------------------------------------ two faults at once */

static void undefined_flag(struct creation *creation)
{
    creation_set_flags(creation, 1u << 31);
}

static void too_many(struct creation *creation)
{
    creation->args.NumAllocations = MAX_ALLOCATIONS + 1;
}

static void no_array(struct creation *creation)
{
    creation->args.pAllocationInfo2 = NULL;
}

static void existing_alone(struct creation *creation)
{
    creation_set_flags(creation, EXISTING_SYS_MEM);
}

static void not_at_a_page(struct creation *creation)
{
    creation_set_memory(creation, 0, (const uint8_t *)map_pages(17) + 64);
}

static void no_resource(struct creation *creation)
{
    creation->args.hResource = BAD_HANDLE;
}

static void mismatch(struct creation *creation)
{
    creation->soft[0].magic ^= 1;
}

static void memory_not_there(struct creation *creation)
{
    void *memory = map_pages(CREATION_BYTES / PAGE_BYTES);
    require_true(mprotect(memory, CREATION_BYTES, PROT_NONE) == 0);
    creation_set_memory(creation, 0, memory);
}

static void too_large(struct creation *creation)
{
    creation->soft[0].size_bytes = (uint64_t)1 << 50;
}

static const struct {
    const char *name;
    void (*make)(struct creation *creation);
    NTSTATUS want;
} faults[] = {
    {"undefined flag", undefined_flag, STATUS_INVALID_PARAMETER},
    {"NumAllocations", too_many, STATUS_INVALID_PARAMETER},
    {"no array", no_array, STATUS_INVALID_PARAMETER},
    {"flags that do not fit", existing_alone, STATUS_DEVICE_REMOVED},
    {"pSystemMem not at a page", not_at_a_page, STATUS_DEVICE_REMOVED},
    {"hResource", no_resource, STATUS_DEVICE_REMOVED},
    {"private data", mismatch, STATUS_DEVICE_REMOVED},
    {"memory that is not there", memory_not_there, STATUS_DEVICE_REMOVED},
    {"fits nowhere", too_large, STATUS_DEVICE_REMOVED},
};

static void order(void)
{
    struct world world;
    build_and_stop(&world);
    for (int version = 1; version <= 2; version++) {
        udxg_case("v%d/nothing else is wrong", version) {
            struct creation creation;
            creation_buffers(&creation, version, world.gpu.device, 1);
            creation_fails(&creation, STATUS_DEVICE_REMOVED);
        }
        for (size_t i = 0; i < LENGTH_OF(faults); i++) {
            udxg_case("v%d/%s", version, faults[i].name) {
                struct creation creation;
                creation_buffers(&creation, version, world.gpu.device, 1);
                faults[i].make(&creation);
                creation_fails(&creation, faults[i].want);
            }
        }
        udxg_case("v%d/hDevice is no handle", version) {
            struct creation creation;
            creation_buffers(&creation, version, BAD_HANDLE, 1);
            creation_fails(&creation, STATUS_INVALID_PARAMETER);
        }
    }
}

/* -------------------------------------------------------------------------------------------- giving it back */

static void giving_back(void)
{
    struct world world;
    build_and_stop(&world);
    udxg_case("Unlock2") {
        check_status(STATUS_SUCCESS, unlock(world.gpu.device, world.locked));
    }
    udxg_case("Unlock") {
        D3DKMT_UNLOCK args = {0};
        args.hDevice = world.gpu.device;
        args.phAllocations = &world.locked;
        args.NumAllocations = 1;
        check_status(STATUS_SUCCESS, D3DKMTUnlock(&args));
    }
    udxg_case("DestroyAllocation2 of a list, twice") {
        check_status(STATUS_SUCCESS, destroy_allocation(world.gpu.device, world.locked));
        check_status(STATUS_INVALID_PARAMETER, destroy_allocation(world.gpu.device, world.locked));
    }
    udxg_case("DestroyAllocation2 of a heap: its memory is the caller's") {
        check_status(STATUS_SUCCESS, destroy_allocation(world.gpu.device, world.heap));
        memset(world.memory, 1, PAGE_BYTES);
        check_true(filled_with(world.memory, PAGE_BYTES, 1));
    }
    udxg_case("DestroyAllocation of a resource, twice") {
        D3DKMT_DESTROYALLOCATION args = {0};
        args.hDevice = world.gpu.device;
        args.hResource = world.resource;
        check_status(STATUS_SUCCESS, D3DKMTDestroyAllocation(&args));
        check_status(STATUS_INVALID_PARAMETER, D3DKMTDestroyAllocation(&args));
    }
    udxg_case("SynchronousDestroy comes back") {
        D3DKMT_DESTROYALLOCATION2 args = {0};
        args.hDevice = world.gpu.device;
        args.phAllocationList = &world.buffer.allocation;
        args.AllocationCount = 1;
        args.Flags.SynchronousDestroy = 1;
        check_status(STATUS_SUCCESS, D3DKMTDestroyAllocation2(&args));
    }
    udxg_case("fence, context, paging queue, device, adapter") {
        D3DKMT_DESTROYSYNCHRONIZATIONOBJECT fence = {world.gpu.done.handle};
        D3DKMT_DESTROYCONTEXT context = {world.gpu.context};
        D3DDDI_DESTROYPAGINGQUEUE queue;
        D3DKMT_DESTROYDEVICE device = {world.gpu.device};
        D3DKMT_CLOSEADAPTER adapter = {world.gpu.adapter};
        memset(&queue, 0, sizeof(queue));
        queue.hPagingQueue = world.gpu.queue.handle;
        check_status(STATUS_SUCCESS, D3DKMTDestroySynchronizationObject(&fence));
        check_status(STATUS_SUCCESS, D3DKMTDestroyContext(&context));
        check_status(STATUS_SUCCESS, D3DKMTDestroyPagingQueue(&queue));
        check_status(STATUS_SUCCESS, D3DKMTDestroyDevice(&device));
        check_status(STATUS_INVALID_PARAMETER, D3DKMTDestroyDevice(&device));
        check_status(STATUS_SUCCESS, D3DKMTCloseAdapter(&adapter));
        check_status(STATUS_INVALID_PARAMETER, D3DKMTCloseAdapter(&adapter));
    }
}

/* --------------------------------------------------------------------------------------------- under way */

/* Work is queued behind a gate that nobody opens. */
static void under_way(void)
{
    udxg_case("a device with queued work can be destroyed") {
        struct world world;
        struct gate gate;
        build(&world);
        gate_busy(&gate, &world.gpu, &world.buffer, 1);
        require_success(udxg_stop_adapter(world.luid));
        D3DKMT_DESTROYDEVICE args = {world.gpu.device};
        check_status(STATUS_SUCCESS, D3DKMTDestroyDevice(&args));
    }
}

static void synchronous_under_way(void)
{
    udxg_case("SynchronousDestroy of what queued work uses comes back") {
        struct world world;
        struct gate gate;
        build(&world);
        gate_busy(&gate, &world.gpu, &world.buffer, 1);
        require_success(udxg_stop_adapter(world.luid));
        D3DKMT_DESTROYALLOCATION2 args = {0};
        args.hDevice = world.gpu.device;
        args.phAllocationList = &world.buffer.allocation;
        args.AllocationCount = 1;
        args.Flags.SynchronousDestroy = 1;
        check_status(STATUS_SUCCESS, D3DKMTDestroyAllocation2(&args));
    }
}

struct stopper {
    LUID luid;
    NTSTATUS status;
};

static void *stop_later(void *data)
{
    struct stopper *stopper = (struct stopper *)data;
    usleep(GATE_MS * 1000);
    stopper->status = udxg_stop_adapter(stopper->luid);
    return NULL;
}

static void stop_while_waiting(void)
{
    udxg_case("a Lock that waits for the GPU is told") {
        struct world world;
        struct gate gate;
        pthread_t thread;
        build(&world);
        struct stopper stopper = {world.luid, STATUS_PENDING};
        gate_busy(&gate, &world.gpu, &world.buffer, 1);
        require_true(pthread_create(&thread, NULL, stop_later, &stopper) == 0);
        double start = now_ms();
        check_status(STATUS_DEVICE_REMOVED, lock_1(&world));
        check_true(waited(start));
        pthread_join(thread, NULL);
        check_status(STATUS_SUCCESS, stopper.status);
    }
}

/* Creations in four threads while the adapter goes: each succeeds or is told, and all can be destroyed. */
struct creator {
    pthread_t thread;
    D3DKMT_HANDLE device;
    unsigned created, wrong;
    bool told;
};

static void *create_until_told(void *data)
{
    struct creator *creator = (struct creator *)data;
    while (!creator->told) {
        struct creation creation;
        creation_buffers(&creation, 2, creator->device, 2);
        NTSTATUS status = creation_issue(&creation);
        creator->told = status == STATUS_DEVICE_REMOVED;
        if (status == STATUS_SUCCESS) {
            creator->created++;
            for (UINT i = 0; i < 2; i++)
                creator->wrong += destroy_allocation(creator->device, creation.info2[i].hAllocation) != STATUS_SUCCESS;
        } else if (!creator->told) {
            creator->wrong++;
            break;
        }
    }
    return NULL;
}

static void while_creating(void)
{
    udxg_case("creations in four threads: each succeeds or is told") {
        struct creator creators[4];
        D3DKMT_HANDLE device = create_device(open_adapter());
        memset(creators, 0, sizeof(creators));
        for (int i = 0; i < 4; i++) {
            creators[i].device = device;
            require_true(pthread_create(&creators[i].thread, NULL, create_until_told, &creators[i]) == 0);
        }
        usleep(20000);
        check_status(STATUS_SUCCESS, udxg_stop_adapter(first_luid()));
        for (int i = 0; i < 4; i++) {
            pthread_join(creators[i].thread, NULL);
            check_true(creators[i].told);
            check_u64(0, creators[i].wrong);
        }
    }
}

int main(int argc, char **argv)
{
    static const struct udxg_test tests[] = {
        {"stop", ON_EACH, stopping},
        {"other", ON_BOTH, the_other},
        {"before", ON_EACH, before},
        {"tells", ON_EACH, tells},
        {"order", ON_DISCRETE, order},
        {"giving back", ON_EACH, giving_back},
        {"under way", ON_EACH, under_way},
        {"synchronous", ON_EACH, synchronous_under_way},
        {"waiting", ON_DISCRETE, stop_while_waiting},
        {"creating", ON_EACH, while_creating},
    };
    return conformance_main(argc, argv, tests, LENGTH_OF(tests));
}
