/* SPDX-License-Identifier: MIT */
/*
 * Sharing between two processes of one kernel, which the public calls of one program cannot play: who keeps memory,
 * what a process takes along when it ends, who may open; bundles, with stand-ins for the objects beside a resource;
 * and that nothing is left, by the memory manager's own count.
 */
#include "core_fixture.h"

#include <pthread.h>
#include <stdlib.h>

#include "core/adapter.h"
#include "core/keyed_mutex.h"
#include "core/nt_handle.h"

static D3DKMT_HANDLE global; /* of what was created last */

static D3DKMT_HANDLE create(const struct gpu *g, UINT64 size_bytes, UINT flags, D3DKMT_HANDLE *ret_allocation)
{
    struct udxg_soft_allocation soft = soft_data(size_bytes);
    D3DDDI_ALLOCATIONINFO2 info = {.pPrivateDriverData = &soft, .PrivateDriverDataSize = sizeof soft};
    D3DKMT_CREATEALLOCATION args = {.hDevice = g->device, .NumAllocations = 1, .pAllocationInfo2 = &info};

    memcpy(&args.Flags, &flags, sizeof flags);
    DO(g->process, CreateAllocation2, &args);
    global = args.hGlobalShare;
    *ret_allocation = info.hAllocation;
    return args.hResource;
}

enum { BY_NUMBER = 0x3, BY_HANDLE = 0x43, RESTRICTED = 0x10 };

static udxg_status open_number(const struct gpu *g, D3DKMT_HANDLE number, D3DKMT_HANDLE *ret_resource,
                               D3DKMT_HANDLE *ret_allocation)
{
    struct udxg_soft_allocation total;
    D3DDDI_OPENALLOCATIONINFO2 info;
    D3DKMT_OPENRESOURCE args = {.hDevice = g->device,
                                .hGlobalShare = number,
                                .NumAllocations = 1,
                                .pOpenAllocationInfo2 = &info,
                                .pTotalPrivateDriverDataBuffer = &total,
                                .TotalPrivateDriverDataBufferSize = sizeof total};
    udxg_status status = CALL(g->process, OpenResource2, &args);

    if (udxg_failed(status)) return status;
    *ret_resource = args.hResource;
    *ret_allocation = info.hAllocation;
    return status;
}

static udxg_status open_fd(const struct gpu *g, int fd, D3DKMT_OPENRESOURCEFROMNTHANDLE *ret_args,
                           D3DKMT_HANDLE *ret_allocation)
{
    struct udxg_soft_allocation total;
    D3DDDI_OPENALLOCATIONINFO2 info;
    uint8_t runtime[20] = {0};
    udxg_status status;

    *ret_args = (D3DKMT_OPENRESOURCEFROMNTHANDLE){.hDevice = g->device,
                                                  .hNtHandle = (HANDLE)(intptr_t)fd,
                                                  .NumAllocations = 1,
                                                  .pOpenAllocationInfo2 = &info,
                                                  .pTotalPrivateDriverDataBuffer = &total,
                                                  .TotalPrivateDriverDataBufferSize = sizeof total,
                                                  .pKeyedMutexPrivateRuntimeData = runtime,
                                                  .KeyedMutexPrivateRuntimeDataSize = sizeof runtime};
    status = CALL(g->process, OpenResourceFromNtHandle, ret_args);
    if (!udxg_failed(status)) *ret_allocation = info.hAllocation;
    return status;
}

static int share_fd(const struct gpu *g, D3DKMT_HANDLE resource)
{
    HANDLE nt = NULL;
    D3DKMT_SHAREOBJECTS args = {.ObjectCount = 1,
                                .ObjectHandleArray = &resource,
                                .DesiredAccess = 1,
                                .pSharedNtHandle = &nt};

    DO(g->process, ShareObjects, &args);
    return (int)(intptr_t)nt;
}

static uint64_t count_of(const struct udxg_process *process)
{
    struct vidmm_usage usage;

    vidmm_process_usage(process->adapters[0]->vidmm, &usage);
    return usage.allocations;
}

static uint64_t allocations_of(const struct udxg_process *process)
{
    assert_null(vidmm_process_check(process->adapters[0]->vidmm));
    return count_of(process);
}

/* Memory that the last descriptor kept goes on another thread; in the middle of that the sums need not agree. */
static void wait_empty(const struct udxg_process *process)
{
    for (unsigned i = 0; i < 5000 && (count_of(process) || vidmm_process_check(process->adapters[0]->vidmm)); i++)
        usleep(1000);
    assert_int_equal(allocations_of(process), 0);
}

static void destroy(const struct gpu *g, D3DKMT_HANDLE resource)
{
    D3DKMT_DESTROYALLOCATION2 args = {.hDevice = g->device, .hResource = resource};

    DO(g->process, DestroyAllocation2, &args);
}

/* ---- processes ---- */

static void memory_outlives_its_creators_process(void **state)
{
    struct udxg_kernel *kernel = make_kernel("soft-discrete");
    struct udxg_process *one = make_process(kernel), *two = make_process(kernel);
    struct gpu creator = open_gpu(one), opener = open_gpu(two);
    D3DKMT_HANDLE resource, mine, theirs;

    (void)state;
    create(&creator, 65536, BY_NUMBER, &mine);
    *(uint32_t *)lock(&creator, mine) = 4711;
    assert_int_equal(open_number(&opener, global, &resource, &theirs), STATUS_SUCCESS);
    udxg_process_destroy(one);
    assert_int_equal(*(uint32_t *)lock(&opener, theirs), 4711);
    assert_int_equal(open_number(&opener, global, &resource, &theirs), STATUS_SUCCESS);
    udxg_process_destroy(two);
    udxg_kernel_destroy(kernel);
}

static void a_process_takes_its_openings_along(void **state)
{
    struct udxg_kernel *kernel = make_kernel("soft-discrete");
    struct udxg_process *one = make_process(kernel), *two = make_process(kernel);
    struct gpu creator = open_gpu(one), opener = open_gpu(two);
    D3DKMT_HANDLE resource, opened, mine, theirs;

    (void)state;
    resource = create(&creator, 65536, BY_NUMBER, &mine);
    assert_int_equal(open_number(&opener, global, &opened, &theirs), STATUS_SUCCESS);
    destroy(&creator, resource);
    assert_int_equal(open_number(&creator, global, &resource, &mine), STATUS_SUCCESS);
    destroy(&creator, resource);
    assert_int_equal(allocations_of(one), 1);
    udxg_process_destroy(two);
    assert_int_equal(allocations_of(one), 0);
    assert_int_equal(open_number(&creator, global, &resource, &mine), STATUS_INVALID_PARAMETER);
    udxg_process_destroy(one);
    udxg_kernel_destroy(kernel);
}

static void a_stranger_is_let_in(void **state)
{
    struct udxg_kernel *kernel = make_kernel("soft-uma");
    struct udxg_process *one = make_process(kernel), *two = make_process(kernel);
    struct gpu creator, opener;
    D3DKMT_HANDLE resource, opened, mine, theirs;
    D3DKMT_CHECKSHAREDRESOURCEACCESS check;

    (void)state;
    two->pid = one->pid + 1; /* nobody knows it yet */
    creator = open_gpu(one);
    opener = open_gpu(two);
    resource = create(&creator, 65536, BY_NUMBER | RESTRICTED, &mine);
    check = (D3DKMT_CHECKSHAREDRESOURCEACCESS){resource, two->pid};
    assert_int_equal(open_number(&opener, global, &opened, &theirs), STATUS_ACCESS_DENIED);
    assert_int_equal(CALL(one, CheckSharedResourceAccess, &check), STATUS_ACCESS_DENIED);
    assert_int_equal(open_number(&creator, global, &opened, &theirs), STATUS_SUCCESS);
    check.ClientPid = one->pid;
    assert_int_equal(CALL(one, CheckSharedResourceAccess, &check), STATUS_SUCCESS);
    check.ClientPid = one->pid + 2; /* nobody's */
    assert_int_equal(CALL(one, CheckSharedResourceAccess, &check), STATUS_ACCESS_DENIED);
    udxg_process_destroy(two);
    udxg_process_destroy(one);
    udxg_kernel_destroy(kernel);
}

/* Numbers of processes come back, and with them comes nobody's right. */
static void a_pid_is_not_a_process(void **state)
{
    struct udxg_kernel *kernel = make_kernel("soft-uma");
    struct udxg_process *one = make_process(kernel), *two = make_process(kernel), *three = make_process(kernel);
    struct gpu creator = open_gpu(one), keeper = open_gpu(two), stranger = open_gpu(three);
    D3DKMT_HANDLE mine, opened, theirs, resource = create(&creator, 65536, BY_HANDLE | RESTRICTED, &mine);
    D3DKMT_OPENRESOURCEFROMNTHANDLE args;
    int fd = share_fd(&creator, resource);

    (void)state;
    (void)keeper;
    assert_int_equal(open_fd(&creator, fd, &args, &opened), STATUS_SUCCESS);
    two->pid = one->pid + 1;
    three->pid = one->pid;
    udxg_process_destroy(one);
    assert_int_equal(open_fd(&stranger, fd, &args, &theirs), STATUS_ACCESS_DENIED);
    close(fd);
    udxg_process_destroy(three);
    udxg_process_destroy(two);
    udxg_kernel_destroy(kernel);
}

/* ---- fences ---- */

/* A monitored fence of CREATOR's, opened by OPENER. */
struct fence_of_two {
    D3DKMT_HANDLE mine, theirs;
    const volatile UINT64 *my_value, *their_value;
    UINT64 my_va, their_va;
    int fd;
};

static struct fence_of_two open_fence_of(const struct gpu *creator, const struct gpu *opener)
{
    D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS flags = {.Shared = 1, .NtSecuritySharing = 1};
    struct fence_of_two fence = {0};
    HANDLE nt = NULL;
    D3DKMT_SHAREOBJECTS share = {.ObjectCount = 1,
                                 .ObjectHandleArray = &fence.mine,
                                 .DesiredAccess = D3DDDI_SYNC_OBJECT_ALL_ACCESS,
                                 .pSharedNtHandle = &nt};
    D3DKMT_OPENSYNCOBJECTFROMNTHANDLE2 open = {.hDevice = opener->device};

    fence.mine = create_fence(creator, flags, &fence.my_value, &fence.my_va);
    DO(creator->process, ShareObjects, &share);
    fence.fd = (int)(intptr_t)nt;
    open.hNtHandle = nt;
    DO(opener->process, OpenSyncObjectFromNtHandle2, &open);
    fence.theirs = open.hSyncObject;
    fence.their_value = open.MonitoredFence.FenceValueCPUVirtualAddress;
    fence.their_va = open.MonitoredFence.FenceValueGPUVirtualAddress;
    return fence;
}

static D3DKMT_DEVICEEXECUTION_STATE state_after(const struct gpu *g, UINT64 va)
{
    struct udxg_soft_fill fill = udxg_soft_fill_command(va, 8, 7);

    submit(g, &fill, sizeof fill);
    wait_idle(g);
    return execution_state(g);
}

/* The opener's engines find it at an address of their own, and nothing else of the creator's beside it. */
static void a_fence_has_an_address_in_each_process(void **state)
{
    struct udxg_kernel *kernel = make_kernel("soft-uma");
    struct udxg_process *one = make_process(kernel), *two = make_process(kernel);
    struct gpu creator = open_gpu(one), opener = open_gpu(two);
    struct fence_of_two first, fence;

    (void)state;
    first = open_fence_of(&creator, &creator); /* so that addresses differ */
    fence = open_fence_of(&creator, &opener);
    assert_int_not_equal(fence.my_va, fence.their_va);
    assert_int_equal(state_after(&opener, fence.their_va), D3DKMT_DEVICEEXECUTION_ACTIVE);
    assert_int_equal(*fence.my_value, UINT64_C(0x700000007));
    assert_int_equal(*fence.their_value, UINT64_C(0x700000007));
    assert_int_equal(*first.my_value, 0);
    assert_int_equal(signal_cpu(&creator, fence.mine, UINT64_C(0x800000000)), STATUS_SUCCESS);
    assert_int_equal(*fence.their_value, UINT64_C(0x800000000));
    assert_int_equal(state_after(&opener, (fence.their_va | 0xfff) + 1), D3DKMT_DEVICEEXECUTION_ERROR_DMAPAGEFAULT);
    assert_int_equal(state_after(&creator, fence.my_va), D3DKMT_DEVICEEXECUTION_ACTIVE);
    close(first.fd);
    close(fence.fd);
    udxg_process_destroy(one);
    udxg_process_destroy(two);
    udxg_kernel_destroy(kernel);
}

/* What was not made for sharing has neighbours: whoever gets it by a sync file is shown nothing. */
static void a_sync_file_shows_no_neighbours(void **state)
{
    struct udxg_kernel *kernel = make_kernel("soft-uma");
    struct udxg_process *one = make_process(kernel), *two = make_process(kernel);
    struct gpu creator = open_gpu(one), opener = open_gpu(two);
    D3DKMT_CREATESYNCFILE file = {.hDevice = creator.device, .hMonitoredFence = creator.fence, .FenceValue = 1};
    D3DKMT_OPENSYNCOBJECTFROMSYNCFILE open = {.hDevice = opener.device};

    (void)state;
    DO(one, CreateSyncFile, &file);
    open.hSyncFile = file.hSyncFile;
    DO(two, OpenSyncObjectFromSyncFile, &open);
    assert_null(open.FenceValueCPUVirtualAddress);
    assert_int_equal(open.FenceValueGPUVirtualAddress, 0);
    assert_int_equal(open.FenceValue, 1);
    assert_int_equal(signal_cpu(&creator, creator.fence, 1), STATUS_SUCCESS);
    wait_cpu(&opener, open.hSyncObject, 1);
    close((int)file.hSyncFile);
    udxg_process_destroy(one);
    udxg_process_destroy(two);
    udxg_kernel_destroy(kernel);
}

/* A page that no other process has seen serves the next fence. */
static void a_page_of_a_fence_is_used_again(void **state)
{
    struct udxg_kernel *kernel = make_kernel("soft-uma");
    struct udxg_process *one = make_process(kernel), *two = make_process(kernel);
    struct gpu creator = open_gpu(one), opener = open_gpu(two);
    D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS flags = {.Shared = 1, .NtSecuritySharing = 1};
    const volatile UINT64 *value, *first = NULL;

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        D3DKMT_DESTROYSYNCHRONIZATIONOBJECT destroy = {create_fence(&creator, flags, &value, NULL)};
        assert_int_equal(*value, 0);
        if (first) assert_ptr_equal(first, value);
        first = value;
        assert_int_equal(signal_cpu(&creator, destroy.hSyncObject, 5), STATUS_SUCCESS);
        DO(one, DestroySynchronizationObject, &destroy);
    }
    for (unsigned i = 0; i < 3; i++) {
        struct fence_of_two fence = open_fence_of(&creator, &opener);
        D3DKMT_DESTROYSYNCHRONIZATIONOBJECT mine = {fence.mine}, theirs = {fence.theirs};
        assert_int_equal(*fence.their_value, 0);
        assert_int_equal(signal_cpu(&opener, fence.theirs, 5), STATUS_SUCCESS);
        DO(one, DestroySynchronizationObject, &mine);
        DO(two, DestroySynchronizationObject, &theirs);
        close(fence.fd);
    }
    udxg_process_destroy(two);
    udxg_process_destroy(one);
    udxg_kernel_destroy(kernel);
}

/* ---- bundles ---- */

static atomic_uint destroyed, published, discarded;
static bool refuse; /* the sync object cannot be opened */
static uint32_t opened_bytes, published_handles[2];

static void stand_in_destroy(struct udxg_shared *shared)
{
    atomic_fetch_add(&destroyed, 1);
    free(shared);
}

static udxg_status stand_in_open(struct udxg_shared *shared, const struct udxg_shared_opener *opener,
                                 void **ret_opening)
{
    bool mutex = shared->class->kind == UDXG_SHARED_KEYED_MUTEX;

    if (mutex) opened_bytes = opener->runtime_data_bytes;
    if (!mutex && refuse) return STATUS_NO_MEMORY;
    udxg_shared_open(shared);
    *ret_opening = shared;
    return STATUS_SUCCESS;
}

static void stand_in_publish(void *opening, uint32_t handle)
{
    published_handles[atomic_fetch_add(&published, 1) % 2] = handle;
    udxg_shared_close(opening); /* nobody will ask for that handle */
}

static void stand_in_discard(void *opening)
{
    atomic_fetch_add(&discarded, 1);
    udxg_shared_close(opening);
}

static const struct udxg_shared_class mutexes = {UDXG_SHARED_KEYED_MUTEX, stand_in_destroy, stand_in_open,
                                                 stand_in_publish, stand_in_discard};
static const struct udxg_shared_class syncs = {UDXG_SHARED_SYNC, stand_in_destroy, stand_in_open, stand_in_publish,
                                               stand_in_discard};

static struct udxg_shared *stand_in(const struct udxg_shared_class *class)
{
    struct udxg_shared *shared = calloc(1, sizeof *shared);

    assert_non_null(shared);
    udxg_shared_init(shared, class, true);
    return shared;
}

/* A descriptor of the resource behind FD, with a mutex and a sync object beside it. */
static int bundle(struct udxg_kernel *kernel, int fd)
{
    const struct udxg_nt_request request = {.access = 1};
    const struct udxg_name no_name = {0};
    struct udxg_shared *objects[3] = {NULL, stand_in(&mutexes), stand_in(&syncs)};
    struct udxg_nt_found found;
    int both = -1;

    assert_int_equal(udxg_nt_find(&kernel->nt_handles, fd, UDXG_SHARED_RESOURCE, &found), STATUS_SUCCESS);
    objects[0] = found.objects[0];
    assert_int_equal(udxg_nt_share(&kernel->nt_handles, 3, objects, &no_name, &request, &both), STATUS_SUCCESS);
    udxg_nt_forget(&found);
    udxg_shared_close(objects[1]);
    udxg_shared_close(objects[2]);
    return both;
}

static void what_stands_beside_is_opened_too(void **state)
{
    struct udxg_kernel *kernel = make_kernel("soft-uma");
    struct udxg_process *process = make_process(kernel);
    struct gpu g = open_gpu(process);
    D3DKMT_OPENRESOURCEFROMNTHANDLE args;
    struct udxg_nt_found found;
    D3DKMT_HANDLE mine, theirs, resource = create(&g, 65536, BY_HANDLE, &mine);
    int fd = share_fd(&g, resource), both = bundle(kernel, fd);

    (void)state;
    destroy(&g, resource);
    close(fd);
    refuse = false;
    assert_int_equal(open_fd(&g, both, &args, &theirs), STATUS_SUCCESS);
    assert_int_equal(atomic_load(&published), 2);
    assert_int_equal(args.hKeyedMutex, published_handles[0]);
    assert_int_equal(args.hSyncObject, published_handles[1]);
    assert_int_equal(args.KeyedMutexPrivateRuntimeDataSize, 20);
    assert_int_equal(opened_bytes, 20);
    assert_int_equal(udxg_nt_find(&kernel->nt_handles, both, UDXG_SHARED_SYNC, &found), STATUS_OBJECT_TYPE_MISMATCH);
    destroy(&g, args.hResource);

    /* One that cannot be opened takes the others along. */
    refuse = true;
    assert_int_equal(open_fd(&g, both, &args, &theirs), STATUS_NO_MEMORY);
    assert_int_equal(atomic_load(&discarded), 1);
    assert_int_equal(atomic_load(&published), 2);
    assert_int_equal(atomic_load(&destroyed), 0);
    close(both);
    wait_empty(process);
    for (unsigned i = 0; i < 1000 && atomic_load(&destroyed) < 2; i++) usleep(1000);
    assert_int_equal(atomic_load(&destroyed), 2);
    udxg_process_destroy(process);
    udxg_kernel_destroy(kernel);
}

/* The mutex is a real one: what the call brought for it stays the call's when it fails. */
static void a_failed_open_leaves_no_data(void **state)
{
    struct udxg_kernel *kernel = make_kernel("soft-uma");
    struct udxg_process *process = make_process(kernel);
    struct gpu g = open_gpu(process);
    const struct udxg_nt_request request = {.access = 1};
    const struct udxg_name no_name = {0};
    D3DKMT_CREATEKEYEDMUTEX2 mutex = {.Flags.NtSecuritySharing = 1};
    uint8_t data[20];
    D3DKMT_ACQUIREKEYEDMUTEX2 acquire = {.pPrivateRuntimeData = data, .PrivateRuntimeDataSize = sizeof data};
    D3DKMT_OPENRESOURCEFROMNTHANDLE args;
    D3DKMT_HANDLE mine, theirs, resource = create(&g, 65536, BY_HANDLE, &mine);
    struct udxg_shared *objects[3];
    struct udxg_nt_found found;
    int fd = share_fd(&g, resource), both = -1;

    (void)state;
    DO(process, CreateKeyedMutex2, &mutex);
    acquire.hKeyedMutex = mutex.hKeyedMutex;
    assert_int_equal(udxg_nt_find(&kernel->nt_handles, fd, UDXG_SHARED_RESOURCE, &found), STATUS_SUCCESS);
    objects[0] = found.objects[0];
    objects[1] = udxg_keyed_mutex_get_shareable(process, mutex.hKeyedMutex);
    objects[2] = stand_in(&syncs);
    assert_int_equal(udxg_nt_share(&kernel->nt_handles, 3, objects, &no_name, &request, &both), STATUS_SUCCESS);
    udxg_nt_forget(&found);
    udxg_shared_unref(objects[1]);
    udxg_shared_close(objects[2]);

    refuse = true;
    assert_int_equal(open_fd(&g, both, &args, &theirs), STATUS_NO_MEMORY);
    assert_int_equal(CALL(process, AcquireKeyedMutex2, &acquire), STATUS_INVALID_PARAMETER);
    refuse = false;
    assert_int_equal(open_fd(&g, both, &args, &theirs), STATUS_SUCCESS);
    assert_int_equal(CALL(process, AcquireKeyedMutex2, &acquire), STATUS_SUCCESS);
    close(both);
    close(fd);
    udxg_process_destroy(process);
    udxg_kernel_destroy(kernel);
}

/* ---- a miniport's own resource ---- */

static struct {
    struct udxg_miniport miniport;
    const struct udxg_miniport *soft;
    bool spoil; /* what it says breaks a rule */
    unsigned made, destroyed;
} keeper;

/* It makes a resource when something is added to one. */
static NTSTATUS keeper_create(void *adapter, struct udxg_create_allocation *args)
{
    NTSTATUS status = keeper.soft->create_allocation(adapter, args);

    if (status != STATUS_SUCCESS || args->create_resource) return status;
    if (!args->resource) keeper.made++;
    args->resource = &keeper;
    if (keeper.spoil) args->infos[0].size_bytes = 0;
    return status;
}

static void keeper_destroy(void *adapter, uint32_t count, void *const *allocations, void *resource)
{
    keeper.soft->destroy_allocation(adapter, count, allocations, NULL);
    if (resource) keeper.destroyed++;
}

static void a_failed_add_leaves_no_resource(void **state)
{
    static const struct udxg_miniport *miniports[] = {&keeper.miniport, NULL};
    struct udxg_soft_allocation soft = soft_data(4096);
    D3DDDI_ALLOCATIONINFO2 info = {.pPrivateDriverData = &soft, .PrivateDriverDataSize = sizeof soft};
    D3DKMT_CREATEALLOCATION args = {.NumAllocations = 1, .pAllocationInfo2 = &info};
    struct udxg_kernel *kernel;
    struct gpu g;
    D3DKMT_HANDLE mine;
    char error[256];

    (void)state;
    for (const struct udxg_miniport *const *it = udxg_miniports; *it; it++)
        if (!strcmp((*it)->name, "soft")) keeper.soft = *it;
    keeper.miniport = *keeper.soft;
    keeper.miniport.create_allocation = keeper_create;
    keeper.miniport.destroy_allocation = keeper_destroy;
    assert_int_equal(udxg_kernel_create("soft-uma", miniports, error, sizeof error, &kernel), STATUS_SUCCESS);
    g = open_gpu(make_process(kernel));
    args.hDevice = g.device;
    args.hResource = create(&g, 4096, 0x1, &mine);
    keeper.spoil = true;
    assert_int_equal(CALL(g.process, CreateAllocation2, &args), STATUS_INVALID_PARAMETER);
    assert_int_equal(keeper.made, 1);
    assert_int_equal(keeper.destroyed, 1);
    keeper.spoil = false;
    DO(g.process, CreateAllocation2, &args);
    keeper.spoil = true;
    assert_int_equal(CALL(g.process, CreateAllocation2, &args), STATUS_INVALID_PARAMETER);
    assert_int_equal(keeper.made, 2);
    assert_int_equal(keeper.destroyed, 1); /* it is the client's */
    destroy(&g, args.hResource);
    assert_int_equal(keeper.destroyed, 2);
    close_gpu(&g);
    udxg_process_destroy(g.process);
    udxg_kernel_destroy(kernel);
}

/* ---- threads ---- */

#define THREADS 6
#define ROUNDS 400

struct market {
    struct udxg_process *process;
    _Atomic uint32_t number; /* of some resource, maybe gone */
    _Atomic int fd;          /* of some resource, maybe closed */
};

/* Creates, shares, opens what others share, and ends it all. */
static void *trade(void *argument)
{
    struct market *market = argument;
    struct gpu g = {.process = market->process};
    D3DKMT_CREATEDEVICE device = {.hAdapter = open_adapter(market->process)};
    D3DKMT_OPENRESOURCEFROMNTHANDLE args;

    DO(market->process, CreateDevice, &device);
    g.device = device.hDevice;
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct udxg_soft_allocation soft = soft_data(4096);
        D3DDDI_ALLOCATIONINFO2 info = {.pPrivateDriverData = &soft, .PrivateDriverDataSize = sizeof soft};
        D3DKMT_CREATEALLOCATION call = {.hDevice = g.device, .NumAllocations = 1, .pAllocationInfo2 = &info};
        D3DKMT_HANDLE opened, allocation;
        int fd;

        call.Flags.CreateResource = call.Flags.CreateShared = 1;
        call.Flags.NtSecuritySharing = i % 2;
        DO(market->process, CreateAllocation2, &call);
        if (call.hGlobalShare) atomic_store(&market->number, call.hGlobalShare);
        if (open_number(&g, atomic_load(&market->number), &opened, &allocation) == STATUS_SUCCESS) destroy(&g, opened);
        fd = i % 2 ? atomic_exchange(&market->fd, share_fd(&g, call.hResource)) : -1;
        destroy(&g, call.hResource);
        if (fd < 0) continue;
        assert_int_equal(open_fd(&g, fd, &args, &allocation), STATUS_SUCCESS);
        close(fd);
        destroy(&g, args.hResource);
    }
    close_gpu(&g);
    return NULL;
}

static void a_market(void **state)
{
    struct udxg_kernel *kernel = make_kernel("soft-discrete");
    struct udxg_process *process = make_process(kernel);
    struct market market = {.process = process, .fd = -1};
    pthread_t threads[THREADS];

    (void)state;
    for (unsigned i = 0; i < THREADS; i++) pthread_create(&threads[i], NULL, trade, &market);
    for (unsigned i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    close(atomic_load(&market.fd));
    wait_empty(process);
    assert_null(vidmm_adapter_check(kernel->adapters[0]->vidmm));
    assert_null(udxg_handle_table_check(&process->handles));
    udxg_process_destroy(process);
    udxg_kernel_destroy(kernel);
}

/* What is freed when the packet is over was opened by a process that is gone by then. */
static void process_ends_while_an_opening_is_used(void **state)
{
    struct udxg_kernel *kernel = make_kernel("soft-uma");
    struct udxg_process *process = make_process(kernel);
    struct gpu g = open_gpu(process);
    const UINT64 bytes = UINT64_C(128) << 20;
    struct buffer from = make_buffer(&g, bytes), to = make_buffer(&g, bytes);
    struct udxg_soft_copy copy = udxg_soft_copy_command(to.va, from.va, bytes);
    D3DKMT_OPENRESOURCEFROMNTHANDLE args;
    D3DKMT_HANDLE mine, opened, resource = create(&g, 65536, BY_HANDLE, &mine);
    int fd = share_fd(&g, resource);

    (void)state;
    assert_int_equal(open_fd(&g, fd, &args, &opened), STATUS_SUCCESS);
    submit(&g, &copy, sizeof copy);
    usleep(5000); /* it runs now */
    udxg_process_destroy(process);
    close(fd);
    udxg_kernel_destroy(kernel);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(process_ends_while_an_opening_is_used),
        cmocka_unit_test(memory_outlives_its_creators_process),
        cmocka_unit_test(a_process_takes_its_openings_along),
        cmocka_unit_test(a_stranger_is_let_in),
        cmocka_unit_test(a_pid_is_not_a_process),
        cmocka_unit_test(a_fence_has_an_address_in_each_process),
        cmocka_unit_test(a_sync_file_shows_no_neighbours),
        cmocka_unit_test(a_page_of_a_fence_is_used_again),
        cmocka_unit_test(what_stands_beside_is_opened_too),
        cmocka_unit_test(a_failed_open_leaves_no_data),
        cmocka_unit_test(a_failed_add_leaves_no_resource),
        cmocka_unit_test(a_market),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
