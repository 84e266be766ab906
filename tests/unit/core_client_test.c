/* SPDX-License-Identifier: MIT */
/*
 * What a kernel keeps apart, and within limits, when its processes live elsewhere: they have endpoints here that reach
 * nobody.
 */
#include "core_fixture.h"

#include <sys/eventfd.h>
#include <sys/mman.h>

#include "abi/carry.h"
#include "abi/control.h"
#include "vidmm/process.h"
#include "vidmm/segment.h"

static void drop(const struct udxg_endpoint *endpoint, const struct udxg_notification *notification)
{
    (void)endpoint;
    (void)notification;
}

static struct udxg_endpoint endpoint_of(uint32_t uid)
{
    static uint32_t last_pid = 1000;

    return (struct udxg_endpoint){.memory = UDXG_FOREIGN_NONE, .pid = ++last_pid, .uid = uid, .notify = drop};
}

static struct udxg_process *make_client(struct udxg_kernel *kernel, const struct udxg_endpoint *endpoint)
{
    struct udxg_process *process;

    assert_int_equal(udxg_process_create(kernel, endpoint, &process), STATUS_SUCCESS);
    udxg_process_introduce(process, endpoint->uid, "client");
    return process;
}

/* ---- users ---- */

static D3DKMT_HANDLE share_fence(const struct gpu *g, bool nt, D3DKMT_HANDLE *ret_global)
{
    D3DKMT_CREATESYNCHRONIZATIONOBJECT2 args = {.hDevice = g->device};

    args.Info.Type = D3DDDI_MONITORED_FENCE;
    args.Info.Flags.Shared = 1;
    args.Info.Flags.NtSecuritySharing = nt;
    if (!nt) args.Info.Type = D3DDDI_FENCE;
    DO(g->process, CreateSynchronizationObject2, &args);
    *ret_global = args.Info.SharedHandle;
    return args.hSyncObject;
}

static udxg_status share_named(const struct gpu *g, D3DKMT_HANDLE object, int *ret_fd)
{
    static const uint16_t text[] = u"\\BaseNamedObjects\\one of two";
    UNICODE_STRING name = {sizeof text - 2, sizeof text, (uint16_t *)text};
    OBJECT_ATTRIBUTES attributes = {.Length = sizeof attributes, .ObjectName = &name};
    HANDLE handle;
    D3DKMT_SHAREOBJECTS args = {.ObjectCount = 1,
                                .ObjectHandleArray = &object,
                                .pObjectAttributes = &attributes,
                                .DesiredAccess = GENERIC_ALL,
                                .pSharedNtHandle = &handle};
    udxg_status status = CALL(g->process, ShareObjects, &args);

    if (!udxg_failed(status)) *ret_fd = (int)(intptr_t)handle;
    return status;
}

static udxg_status open_named(struct udxg_process *process, int *ret_fd)
{
    static const uint16_t text[] = u"\\BaseNamedObjects\\ONE of two";
    UNICODE_STRING name = {sizeof text - 2, sizeof text, (uint16_t *)text};
    OBJECT_ATTRIBUTES attributes = {.Length = sizeof attributes, .ObjectName = &name};
    D3DKMT_OPENSYNCOBJECTNTHANDLEFROMNAME args = {.dwDesiredAccess = GENERIC_ALL, .pObjAttrib = &attributes};
    udxg_status status = CALL(process, OpenSyncObjectNtHandleFromName, &args);

    if (!udxg_failed(status)) *ret_fd = (int)(intptr_t)args.hNtHandle;
    return status;
}

/* One user's processes share a namespace, in which nobody else's are. */
static void names_belong_to_a_user(void **state)
{
    const struct udxg_endpoint at[] = {endpoint_of(1), endpoint_of(2), endpoint_of(1)};
    struct udxg_kernel *kernel = make_kernel("soft-discrete");
    struct udxg_process *mine = make_client(kernel, &at[0]), *theirs = make_client(kernel, &at[1]),
                        *too = make_client(kernel, &at[2]), *here = make_process(kernel);
    struct gpu g = open_gpu(mine), h = open_gpu(theirs);
    D3DKMT_HANDLE global;
    int fd, other, again;

    (void)state;
    assert_int_equal(share_named(&g, share_fence(&g, true, &global), &fd), STATUS_SUCCESS);
    assert_int_equal(open_named(theirs, &other), STATUS_OBJECT_NAME_NOT_FOUND);
    assert_int_equal(open_named(here, &other), STATUS_OBJECT_NAME_NOT_FOUND);
    assert_int_equal(open_named(too, &other), STATUS_SUCCESS);
    close(other);
    assert_int_equal(share_named(&h, share_fence(&h, true, &global), &other), STATUS_SUCCESS); /* no collision */
    assert_int_equal(share_named(&g, share_fence(&g, true, &global), &again), STATUS_OBJECT_NAME_COLLISION);
    close(fd);
    assert_int_equal(open_named(too, &again), STATUS_OBJECT_NAME_NOT_FOUND);
    assert_int_equal(open_named(theirs, &again), STATUS_SUCCESS);
    close(again);
    close(other);
    udxg_process_destroy(mine);
    udxg_process_destroy(theirs);
    udxg_process_destroy(too);
    udxg_process_destroy(here);
    udxg_kernel_destroy(kernel);
}

static void global_handles_belong_to_a_user(void **state)
{
    const struct udxg_endpoint at[] = {endpoint_of(1), endpoint_of(2), endpoint_of(1)};
    struct udxg_kernel *kernel = make_kernel("soft-discrete");
    struct udxg_process *mine = make_client(kernel, &at[0]), *theirs = make_client(kernel, &at[1]),
                        *too = make_client(kernel, &at[2]);
    struct gpu g = open_gpu(mine);
    D3DKMT_OPENSYNCHRONIZATIONOBJECT open = {0};

    (void)state;
    (void)share_fence(&g, false, &open.hSharedHandle);
    assert_int_not_equal(open.hSharedHandle, 0);
    assert_int_equal(CALL(theirs, OpenSynchronizationObject, &open), STATUS_INVALID_PARAMETER);
    assert_int_equal(CALL(too, OpenSynchronizationObject, &open), STATUS_SUCCESS);
    udxg_process_destroy(mine);
    udxg_process_destroy(theirs);
    udxg_process_destroy(too);
    udxg_kernel_destroy(kernel);
}

/* A descriptor is a right by itself, whoever has it. */
static void descriptors_cross(void **state)
{
    const struct udxg_endpoint at[] = {endpoint_of(1), endpoint_of(2)};
    struct udxg_kernel *kernel = make_kernel("soft-discrete");
    struct udxg_process *mine = make_client(kernel, &at[0]), *theirs = make_client(kernel, &at[1]);
    struct gpu g = open_gpu(mine), h = open_gpu(theirs);
    D3DKMT_OPENSYNCOBJECTFROMNTHANDLE2 open = {.hDevice = h.device};
    D3DKMT_HANDLE global;
    int fd;

    (void)state;
    assert_int_equal(share_named(&g, share_fence(&g, true, &global), &fd), STATUS_SUCCESS);
    open.hNtHandle = (HANDLE)(intptr_t)fd;
    DO(theirs, OpenSyncObjectFromNtHandle2, &open);
    close(fd);
    udxg_process_destroy(mine);
    udxg_process_destroy(theirs);
    udxg_kernel_destroy(kernel);
}

/* ---- priority classes ---- */

static uint32_t weight_of(struct udxg_process *process)
{
    struct vidmm_process *vidmm = atomic_load(&process->adapters[0])->vidmm;
    uint32_t weight;

    udxg_lock(VIDMM, &vidmm->adapter->lock);
    weight = vidmm->weight;
    udxg_unlock(VIDMM, &vidmm->adapter->lock);
    return weight;
}

static udxg_status set_class(struct udxg_process *process, const struct udxg_endpoint *of, unsigned class)
{
    struct udxg_process_class args = {.Class = (D3DKMT_SCHEDULINGPRIORITYCLASS) class};

    if (of) args.Process = (HANDLE)(uintptr_t)(UDXG_PROCESS_BY_NUMBER | of->pid);
    return CALL(process, SetProcessSchedulingPriorityClass, &args);
}

static unsigned class_of(struct udxg_process *process, const struct udxg_endpoint *of)
{
    struct udxg_process_class args = {0};

    if (of) args.Process = (HANDLE)(uintptr_t)(UDXG_PROCESS_BY_NUMBER | of->pid);
    DO(process, GetProcessSchedulingPriorityClass, &args);
    return (unsigned)args.Class;
}

/* What has been made, and what is made later, on an adapter; of oneself, and of others of the same user. */
static void a_class_is_a_weight(void **state)
{
    const struct udxg_endpoint at[] = {endpoint_of(1), endpoint_of(2), endpoint_of(1)};
    struct udxg_kernel *kernel = make_kernel("soft-discrete");
    struct udxg_process *mine = make_client(kernel, &at[0]), *theirs = make_client(kernel, &at[1]),
                        *too = make_client(kernel, &at[2]);

    (void)state;
    (void)open_gpu(mine);
    assert_int_equal(class_of(mine, NULL), D3DKMT_SCHEDULINGPRIORITYCLASS_NORMAL);
    assert_int_equal(weight_of(mine), 8);
    assert_int_equal(set_class(mine, NULL, D3DKMT_SCHEDULINGPRIORITYCLASS_HIGH), STATUS_SUCCESS);
    assert_int_equal(weight_of(mine), 32);
    assert_int_equal(set_class(mine, &at[2], D3DKMT_SCHEDULINGPRIORITYCLASS_IDLE), STATUS_SUCCESS);
    (void)open_gpu(too);
    assert_int_equal(weight_of(too), 2);
    assert_int_equal(class_of(mine, &at[2]), D3DKMT_SCHEDULINGPRIORITYCLASS_IDLE);
    assert_int_equal(class_of(too, &at[0]), D3DKMT_SCHEDULINGPRIORITYCLASS_HIGH);

    assert_int_equal(set_class(theirs, &at[0], D3DKMT_SCHEDULINGPRIORITYCLASS_IDLE), STATUS_INVALID_PARAMETER);
    assert_int_equal(set_class(mine, NULL, D3DKMT_SCHEDULINGPRIORITYCLASS_REALTIME), STATUS_ACCESS_DENIED);
    assert_int_equal(set_class(mine, NULL, 6), STATUS_INVALID_PARAMETER);
    assert_int_equal(set_class(mine, NULL, UINT32_MAX), STATUS_INVALID_PARAMETER);
    assert_int_equal(weight_of(mine), 32);
    udxg_process_destroy(mine);
    assert_int_equal(set_class(too, &at[0], D3DKMT_SCHEDULINGPRIORITYCLASS_IDLE), STATUS_INVALID_PARAMETER);
    udxg_process_destroy(theirs);
    udxg_process_destroy(too);
    udxg_kernel_destroy(kernel);
}

/* ---- fences of two ---- */

static void open_and_end(struct udxg_kernel *kernel, const struct udxg_endpoint *endpoint, const struct gpu *of,
                         D3DKMT_HANDLE fence, DWORD access)
{
    struct udxg_process *process = make_client(kernel, endpoint);
    struct gpu g = open_gpu(process);
    D3DKMT_OPENSYNCOBJECTFROMNTHANDLE2 open = {.hDevice = g.device};
    HANDLE handle;
    D3DKMT_SHAREOBJECTS share = {.ObjectCount = 1,
                                 .ObjectHandleArray = &fence,
                                 .DesiredAccess = access,
                                 .pSharedNtHandle = &handle};

    DO(of->process, ShareObjects, &share);
    open.hNtHandle = handle;
    open.Flags.NoSignal = access == D3DDDI_SYNC_OBJECT_WAIT;
    DO(process, OpenSyncObjectFromNtHandle2, &open);
    close((int)(intptr_t)handle);
    udxg_process_destroy(process);
}

/*
 * What ends with its process ends as a device in error: a fence that it may signal is at its end, also for those who
 * could signal it too, unless it was made to stay; one that it may only wait for is not.
 */
static void a_process_ends_the_fences_that_it_may_signal(void **state)
{
    const struct udxg_endpoint at[] = {endpoint_of(1), endpoint_of(1), endpoint_of(1), endpoint_of(1)};
    struct udxg_kernel *kernel = make_kernel("soft-discrete");
    struct udxg_process *living = make_client(kernel, &at[0]);
    struct gpu g = open_gpu(living);
    const volatile UINT64 *value, *staying_value;
    D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS flags = {.Shared = 1, .NtSecuritySharing = 1};
    D3DKMT_HANDLE fence = create_fence(&g, flags, &value, NULL), staying;

    (void)state;
    flags.NoSignalMaxValueOnTdr = 1;
    staying = create_fence(&g, flags, &staying_value, NULL);
    open_and_end(kernel, &at[1], &g, fence, D3DDDI_SYNC_OBJECT_WAIT);
    assert_int_equal(*value, 0);
    assert_int_equal(signal_cpu(&g, fence, 5), STATUS_SUCCESS);
    assert_int_equal(*value, 5);
    open_and_end(kernel, &at[2], &g, staying, GENERIC_ALL);
    assert_int_equal(*staying_value, 0);
    assert_int_equal(signal_cpu(&g, staying, 6), STATUS_SUCCESS);
    assert_int_equal(*staying_value, 6);
    open_and_end(kernel, &at[3], &g, fence, GENERIC_ALL);
    assert_true(*value == UINT64_MAX);
    udxg_process_destroy(living);
    udxg_kernel_destroy(kernel);
}

/* ---- what the others would feel ---- */

#define ORDER(type) .Type = D3DKMT_VIDMMESCAPETYPE_##type
#define DEFRAG_ORDER(operation) ORDER(DEFRAG), .Defrag = {.Operation = D3DKMT_DEFRAG_ESCAPE_##operation, .SegmentId = 1}

/* Each that needs the right to disturb. With it each succeeds. The last leaves the process suspended. */
static const D3DKMT_VIDMM_ESCAPE disturbing[] = {
    {ORDER(SETFAULT), .SetFault.NoDemotion = 1},
    {ORDER(SETFAULT), .SetFault.NeverDiscardOfferedAllocation = 1},
    {ORDER(EVICT)},
    {ORDER(EVICT_BY_CRITERIA), .EvictByCriteria.MaximumSize = UINT64_MAX},
    {ORDER(SET_BUDGET), .SetBudget = {.LocalMemoryBudget = 1, .SystemMemoryBudget = 2}},
    {ORDER(SET_TRIM_INTERVALS), .SetTrimIntervals = {.MaxTrimInterval = 1, .IdleTrimInterval = 36000}},
    {ORDER(SET_EVICTION_CONFIG), .DelayedEvictionConfig.TimerValue = 36000},
    {ORDER(WAKE)},
    {ORDER(WAKE), .Wake.bFlush = 1},
    {DEFRAG_ORDER(DEFRAG_UPWARD)},
    {DEFRAG_ORDER(DEFRAG_DOWNWARD)},
    {DEFRAG_ORDER(DEFRAG_PASS)},
    {ORDER(SUSPEND_PROCESS)},
};

/* Each that anybody may give, and that changes nothing here. */
static const D3DKMT_VIDMM_ESCAPE harmless[] = {
    {ORDER(GET_VAD_INFO), .GetVads.Command = D3DKMT_VAD_ESCAPE_GET_SEGMENT_CAPS},
    {ORDER(GET_BUDGET)},
    {ORDER(VALIDATE_INTEGRITY)},
    {ORDER(DELAYEXECUTION)},
    {DEFRAG_ORDER(GET_FRAGMENTATION_STATS)},
};
#define COUNT(orders) (sizeof orders / sizeof *orders)

/* What an order can have changed; all of one size, to be compared at once. */
struct traces {
    uint64_t faults, offer_policy, trim_ns, eviction_delay_ns, leave_ns, packing, evicted_bytes, suspended;
    uint64_t budgets[VIDMM_GROUP_COUNT];
};

static struct traces traces_of(const struct gpu *g)
{
    struct vidmm_process *process = atomic_load(&g->process->adapters[0])->vidmm;
    struct vidmm_adapter *adapter = process->adapter;
    struct traces traces = {.faults = atomic_load(&adapter->faults)};

    udxg_lock(VIDMM, &adapter->lock);
    traces.offer_policy = adapter->offer_policy;
    traces.trim_ns = adapter->notifier.interval_ns;
    traces.eviction_delay_ns = adapter->pager.eviction_delay_ns;
    traces.leave_ns = adapter->pager.leave_ns;
    traces.suspended = process->suspended;
    for (uint32_t i = 0; i < adapter->segment_count; i++) traces.packing += adapter->segments[i]->packing;
    for (unsigned i = 0; i < VIDMM_EVICTIONS; i++) traces.evicted_bytes += process->counters.evicted[i].bytes;
    for (unsigned i = 0; i < VIDMM_GROUP_COUNT; i++) traces.budgets[i] = process->override_bytes[i];
    udxg_unlock(VIDMM, &adapter->lock);
    return traces;
}

static udxg_status give_order(const struct gpu *g, D3DKMT_VIDMM_ESCAPE *order)
{
    D3DKMT_ESCAPE args = {.hAdapter = g->adapter,
                          .Type = D3DKMT_ESCAPE_VIDMM,
                          .pPrivateDriverData = order,
                          .PrivateDriverDataSize = sizeof *order};

    return CALL(g->process, Escape, &args);
}

/* Puts in what is not known before. */
static D3DKMT_VIDMM_ESCAPE order_of(const D3DKMT_VIDMM_ESCAPE *pattern, const struct gpu *g, D3DKMT_HANDLE allocation)
{
    D3DKMT_VIDMM_ESCAPE order = *pattern;

    if (order.Type == D3DKMT_VIDMMESCAPETYPE_EVICT) order.Evict.AllocationHandle = allocation;
    if (order.Type == D3DKMT_VIDMMESCAPETYPE_DELAYEXECUTION) order.DelayExecution.hPagingQueue = g->queue;
    return order;
}

static void check_refused(const struct gpu *g, D3DKMT_HANDLE allocation)
{
    const struct traces before = traces_of(g);

    for (size_t i = 0; i < COUNT(disturbing); i++) {
        D3DKMT_VIDMM_ESCAPE order = order_of(&disturbing[i], g, allocation), sent = order;
        struct traces after;
        assert_int_equal(give_order(g, &order), STATUS_ACCESS_DENIED);
        assert_memory_equal(&order, &sent, sizeof order);
        after = traces_of(g);
        assert_memory_equal(&after, &before, sizeof after);
    }
}

static void check_taken(const struct gpu *g, D3DKMT_HANDLE allocation, const D3DKMT_VIDMM_ESCAPE *orders, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        D3DKMT_VIDMM_ESCAPE order = order_of(&orders[i], g, allocation);
        assert_int_equal(give_order(g, &order), STATUS_SUCCESS);
    }
}

/* Something leaves an hour from now, unless somebody has the pager woken. */
static void let_leave_later(const struct gpu *here, const struct gpu *g)
{
    D3DKMT_VIDMM_ESCAPE order = {ORDER(SET_EVICTION_CONFIG), .DelayedEvictionConfig.TimerValue = 36000000000};

    assert_int_equal(give_order(here, &order), STATUS_SUCCESS);
    assert_int_equal(evict(g, make_buffer(g, 65536).allocation), STATUS_SUCCESS);
    assert_int_not_equal(traces_of(g).leave_ns, 0);
}

/* Who is not elsewhere has the right; who is has it when the kernel says so. */
static void orders_that_others_feel_need_a_right(void **state)
{
    const struct udxg_endpoint at = endpoint_of(1);
    struct udxg_kernel *kernel = make_kernel("soft-discrete");
    struct udxg_process *client = make_client(kernel, &at), *in_kernel = make_process(kernel);
    struct gpu g = open_gpu(client), here = open_gpu(in_kernel);
    D3DKMT_HANDLE allocation = make_buffer(&g, 65536).allocation;
    D3DKMT_VIDMM_ESCAPE resume = {ORDER(RESUME_PROCESS)};
    struct traces before, after;

    (void)state;
    let_leave_later(&here, &g);
    check_refused(&g, allocation);
    check_taken(&g, allocation, harmless, COUNT(harmless));
    before = traces_of(&g);
    kernel->clients_disturb = true;
    check_taken(&g, allocation, disturbing, COUNT(disturbing));
    kernel->clients_disturb = false;
    after = traces_of(&g);
    assert_int_not_equal(after.offer_policy, before.offer_policy);
    assert_int_not_equal(after.evicted_bytes, before.evicted_bytes);
    assert_true(after.suspended);
    assert_int_equal(give_order(&g, &resume), STATUS_SUCCESS);
    assert_false(traces_of(&g).suspended);
    udxg_process_destroy(client);
    udxg_process_destroy(in_kernel);
    udxg_kernel_destroy(kernel);
}

/* ---- limits ---- */

/* A client that may have N of everything, with a device; the last of each is tried below. */
struct narrow {
    struct udxg_kernel *kernel;
    struct udxg_endpoint endpoint;
    struct udxg_limits limits;
    struct udxg_process *process;
    struct gpu g;
};

static void narrow_open(struct narrow *narrow)
{
    *narrow = (struct narrow){.kernel = make_kernel("soft-discrete"), .endpoint = endpoint_of(1)};
    narrow->limits = udxg_client_limits;
    narrow->endpoint.limits = &narrow->limits;
    narrow->process = make_client(narrow->kernel, &narrow->endpoint);
    narrow->g = open_gpu(narrow->process);
}

/* All that was charged came back with what it was for. */
static void narrow_close(struct narrow *narrow)
{
    struct udxg_account *account = udxg_account_ref(narrow->process->account);

    udxg_process_destroy(narrow->process);
    udxg_kernel_destroy(narrow->kernel);
    for (unsigned i = 0; i < UDXG_CHARGE_COUNT; i++) assert_int_equal(atomic_load(&account->used[i]), 0);
    assert_int_equal(atomic_load(&account->refs), 1);
    udxg_account_unref(account);
}

/* From here on MORE of that kind, beside those that are there. */
static void allow(struct narrow *narrow, enum udxg_charge what, uint64_t more)
{
    narrow->limits.most[what] = atomic_load(&narrow->process->account->used[what]) + more;
}

/* One of both. */
static void destroy_memory(const struct gpu *g, D3DKMT_HANDLE resource, D3DKMT_HANDLE allocation)
{
    D3DKMT_DESTROYALLOCATION2 args = {.hDevice = g->device, .hResource = resource};

    if (allocation) args.phAllocationList = &allocation;
    args.AllocationCount = allocation != 0;
    DO(g->process, DestroyAllocation2, &args);
}

static void devices_have_a_limit(void **state)
{
    struct narrow narrow;
    D3DKMT_CREATEDEVICE args = {0};
    D3DKMT_DESTROYDEVICE destroy = {0};
    uint32_t handles;

    (void)state;
    narrow_open(&narrow);
    args.hAdapter = narrow.g.adapter;
    allow(&narrow, UDXG_CHARGE_DEVICES, 1);
    DO(narrow.process, CreateDevice, &args);
    destroy.hDevice = args.hDevice;
    handles = udxg_handle_count(&narrow.process->handles);
    assert_int_equal(CALL(narrow.process, CreateDevice, &args), STATUS_NO_MEMORY);
    assert_int_equal(udxg_handle_count(&narrow.process->handles), handles);
    DO(narrow.process, DestroyDevice, &destroy);
    DO(narrow.process, CreateDevice, &args);
    narrow_close(&narrow);
}

static void contexts_and_queues_have_a_limit(void **state)
{
    struct narrow narrow;
    D3DKMT_CREATECONTEXTVIRTUAL args = {.Flags.HwQueueSupported = 1};
    D3DKMT_CREATEHWQUEUE queue = {0};
    D3DKMT_DESTROYCONTEXT destroy = {0};

    (void)state;
    narrow_open(&narrow);
    args.hDevice = narrow.g.device;
    allow(&narrow, UDXG_CHARGE_CONTEXTS, 2);
    DO(narrow.process, CreateContextVirtual, &args);
    destroy.hContext = queue.hHwContext = args.hContext;
    DO(narrow.process, CreateHwQueue, &queue);
    assert_int_equal(CALL(narrow.process, CreateHwQueue, &queue), STATUS_NO_MEMORY);
    assert_int_equal(CALL(narrow.process, CreateContextVirtual, &args), STATUS_NO_MEMORY);
    DO(narrow.process, DestroyHwQueue, &(D3DKMT_DESTROYHWQUEUE){queue.hHwQueue});
    DO(narrow.process, CreateContextVirtual, &args);
    DO(narrow.process, DestroyContext, &destroy);
    DO(narrow.process, CreateContextVirtual, &args);
    narrow_close(&narrow);
}

static void paging_queues_have_a_limit(void **state)
{
    struct narrow narrow;
    D3DKMT_CREATEPAGINGQUEUE args = {0};

    (void)state;
    narrow_open(&narrow);
    args.hDevice = narrow.g.device;
    allow(&narrow, UDXG_CHARGE_PAGING_QUEUES, 1);
    DO(narrow.process, CreatePagingQueue, &args);
    assert_int_equal(CALL(narrow.process, CreatePagingQueue, &args), STATUS_NO_MEMORY);
    DO(narrow.process, DestroyPagingQueue, &(D3DDDI_DESTROYPAGINGQUEUE){.hPagingQueue = args.hPagingQueue});
    DO(narrow.process, CreatePagingQueue, &args);
    narrow_close(&narrow);
}

/* What is closed counts no more at once, whether or not anybody has seen it. */
static void descriptors_have_a_limit(void **state)
{
    struct narrow narrow;
    D3DKMT_HANDLE global, fence;
    int fd, other;

    (void)state;
    narrow_open(&narrow);
    fence = share_fence(&narrow.g, true, &global);
    allow(&narrow, UDXG_CHARGE_DESCRIPTORS, 1);
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(share_named(&narrow.g, fence, &fd), STATUS_SUCCESS);
        assert_int_equal(open_named(narrow.process, &other), STATUS_NO_MEMORY);
        close(fd);
    }
    narrow_close(&narrow);
}

static void names_have_a_limit(void **state)
{
    struct narrow narrow;
    D3DKMT_HANDLE global, fence;
    int fd, other;

    (void)state;
    narrow_open(&narrow);
    fence = share_fence(&narrow.g, true, &global);
    allow(&narrow, UDXG_CHARGE_NAMES, 0);
    assert_int_equal(share_named(&narrow.g, fence, &fd), STATUS_NO_MEMORY);
    allow(&narrow, UDXG_CHARGE_NAMES, 1);
    assert_int_equal(share_named(&narrow.g, fence, &fd), STATUS_SUCCESS);
    assert_int_equal(open_named(narrow.process, &other), STATUS_SUCCESS); /* the same name */
    close(other);
    close(fd);
    narrow_close(&narrow);
}

static udxg_status wait_with_event(const struct gpu *g, int event_fd)
{
    UINT64 value = 1;
    D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMCPU args = {.hDevice = g->device,
                                                       .ObjectCount = 1,
                                                       .ObjectHandleArray = &g->fence,
                                                       .FenceValueArray = &value,
                                                       .hAsyncEvent = (HANDLE)(intptr_t)event_fd};

    return CALL(g->process, WaitForSynchronizationObjectFromCpu, &args);
}

static void events_count_as_descriptors(void **state)
{
    struct narrow narrow;
    int event_fd = eventfd(0, EFD_CLOEXEC);
    uint64_t count;

    (void)state;
    narrow_open(&narrow);
    allow(&narrow, UDXG_CHARGE_DESCRIPTORS, 1);
    assert_int_equal(wait_with_event(&narrow.g, event_fd), STATUS_SUCCESS);
    assert_int_equal(wait_with_event(&narrow.g, event_fd), STATUS_NO_MEMORY);
    assert_int_equal(signal_cpu(&narrow.g, narrow.g.fence, 1), STATUS_SUCCESS);
    assert_int_equal(read(event_fd, &count, sizeof count), sizeof count);
    assert_int_equal(count, 1);
    close(event_fd);
    narrow_close(&narrow);
}

static udxg_status create_with_section(const struct gpu *g, int fd, D3DKMT_HANDLE *ret_allocation)
{
    D3DKMT_CREATESTANDARDALLOCATION standard = {.Type = D3DKMT_STANDARDALLOCATIONTYPE_EXISTINGHEAP,
                                                .ExistingHeapData = {.Size = 65536}};
    D3DDDI_ALLOCATIONINFO2 info = {.hSection = (HANDLE)(intptr_t)fd};
    D3DKMT_CREATEALLOCATION args = {.hDevice = g->device,
                                    .NumAllocations = 1,
                                    .pAllocationInfo2 = &info,
                                    .pStandardAllocation = &standard};
    udxg_status status;

    args.Flags.ExistingSection = args.Flags.StandardAllocation = args.Flags.CreateResource = 1;
    status = CALL(g->process, CreateAllocation2, &args);
    if (!udxg_failed(status)) *ret_allocation = args.hResource;
    return status;
}

static void sections_have_a_limit(void **state)
{
    struct narrow narrow;
    D3DKMT_HANDLE resource = 0;
    int fd = memfd_create("section", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    (void)state;
    assert_int_equal(ftruncate(fd, 65536), 0);
    narrow_open(&narrow);
    allow(&narrow, UDXG_CHARGE_SECTIONS, 1);
    assert_int_equal(create_with_section(&narrow.g, fd, &resource), STATUS_SUCCESS);
    assert_int_equal(create_with_section(&narrow.g, fd, &resource), STATUS_NO_MEMORY);
    destroy_memory(&narrow.g, resource, 0);
    assert_int_equal(create_with_section(&narrow.g, fd, &resource), STATUS_SUCCESS);
    close(fd);
    narrow_close(&narrow);
}

static void registrations_have_a_limit(void **state)
{
    struct narrow narrow;
    D3DKMT_REGISTERBUDGETCHANGENOTIFICATION args = {.Callback = (PFND3DKMT_BUDGETCHANGENOTIFICATIONCALLBACK)1};

    (void)state;
    narrow_open(&narrow);
    args.hDevice = narrow.g.device;
    allow(&narrow, UDXG_CHARGE_REGISTRATIONS, 1);
    DO(narrow.process, RegisterBudgetChangeNotification, &args);
    assert_int_equal(CALL(narrow.process, RegisterBudgetChangeNotification, &args), STATUS_NO_MEMORY);
    DO(narrow.process, UnregisterBudgetChangeNotification,
       &(D3DKMT_UNREGISTERBUDGETCHANGENOTIFICATION){.Handle = args.Handle});
    DO(narrow.process, RegisterBudgetChangeNotification, &args);
    narrow_close(&narrow);
}

static udxg_status create_with_data(const struct gpu *g, void *data, UINT bytes, D3DKMT_HANDLE *ret_resource)
{
    D3DKMT_CREATEALLOCATION args = {.hDevice = g->device, .PrivateRuntimeDataSize = bytes, .pPrivateRuntimeData = data};
    udxg_status status;

    args.Flags.CreateResource = 1;
    status = CALL(g->process, CreateAllocation2, &args);
    if (!udxg_failed(status)) *ret_resource = args.hResource;
    return status;
}

static void data_have_a_limit(void **state)
{
    struct narrow narrow;
    D3DKMT_HANDLE resource = 0;
    char data[4096] = {0};
    uint32_t handles;

    (void)state;
    narrow_open(&narrow);
    allow(&narrow, UDXG_CHARGE_DATA, 6000);
    assert_int_equal(create_with_data(&narrow.g, data, sizeof data, &resource), STATUS_SUCCESS);
    handles = udxg_handle_count(&narrow.process->handles);
    assert_int_equal(create_with_data(&narrow.g, data, sizeof data, &resource), STATUS_NO_MEMORY);
    assert_int_equal(udxg_handle_count(&narrow.process->handles), handles);
    assert_int_equal(create_with_data(&narrow.g, data, 1904, &resource), STATUS_SUCCESS);
    assert_int_equal(create_with_data(&narrow.g, data, 1, &resource), STATUS_NO_MEMORY);
    destroy_memory(&narrow.g, resource, 0);
    assert_int_equal(create_with_data(&narrow.g, data, 1904, &resource), STATUS_SUCCESS);
    narrow_close(&narrow);
}

static void handles_have_a_limit(void **state)
{
    struct udxg_limits limits = udxg_client_limits;
    struct udxg_endpoint endpoint = endpoint_of(1);
    struct udxg_kernel *kernel = make_kernel("soft-discrete");
    struct udxg_process *process;
    D3DKMT_HANDLE handle, last = 0;
    struct gpu g;
    unsigned count = 0;

    (void)state;
    limits.handles = 1;
    endpoint.limits = &limits;
    process = make_client(kernel, &endpoint);
    g = open_gpu(process);
    while (try_create(&g, 4096, false, NULL, &handle) == STATUS_SUCCESS) {
        last = handle;
        assert_true(++count <= UDXG_HANDLE_CHUNK);
    }
    assert_true(count > UDXG_HANDLE_CHUNK / 2);
    assert_int_equal(try_create(&g, 4096, false, NULL, &handle), STATUS_NO_MEMORY);
    destroy_memory(&g, 0, last);
    assert_int_equal(try_create(&g, 4096, false, NULL, &handle), STATUS_SUCCESS);
    assert_null(udxg_handle_table_check(&process->handles));
    udxg_process_destroy(process);
    udxg_kernel_destroy(kernel);
}

/* A handle that another process keeps is the dead one's to the end. */
static void what_outlives_a_process_is_charged_to_it(void **state)
{
    struct narrow narrow;
    struct udxg_account *account;
    D3DKMT_HANDLE global;
    int fd;

    (void)state;
    narrow_open(&narrow);
    assert_int_equal(share_named(&narrow.g, share_fence(&narrow.g, true, &global), &fd), STATUS_SUCCESS);
    account = udxg_account_ref(narrow.process->account);
    udxg_process_destroy(narrow.process);
    assert_int_equal(atomic_load(&account->used[UDXG_CHARGE_DESCRIPTORS]), 1);
    assert_int_equal(atomic_load(&account->used[UDXG_CHARGE_NAMES]), 1);
    close(fd);
    udxg_kernel_destroy(narrow.kernel);
    for (unsigned i = 0; i < UDXG_CHARGE_COUNT; i++) assert_int_equal(atomic_load(&account->used[i]), 0);
    assert_int_equal(atomic_load(&account->refs), 1);
    udxg_account_unref(account);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_belong_to_a_user),
        cmocka_unit_test(global_handles_belong_to_a_user),
        cmocka_unit_test(descriptors_cross),
        cmocka_unit_test(a_class_is_a_weight),
        cmocka_unit_test(a_process_ends_the_fences_that_it_may_signal),
        cmocka_unit_test(orders_that_others_feel_need_a_right),
        cmocka_unit_test(devices_have_a_limit),
        cmocka_unit_test(contexts_and_queues_have_a_limit),
        cmocka_unit_test(paging_queues_have_a_limit),
        cmocka_unit_test(descriptors_have_a_limit),
        cmocka_unit_test(names_have_a_limit),
        cmocka_unit_test(events_count_as_descriptors),
        cmocka_unit_test(sections_have_a_limit),
        cmocka_unit_test(registrations_have_a_limit),
        cmocka_unit_test(data_have_a_limit),
        cmocka_unit_test(handles_have_a_limit),
        cmocka_unit_test(what_outlives_a_process_is_charged_to_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
