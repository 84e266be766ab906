/* SPDX-License-Identifier: MIT */
/*
 * Synchronisation objects as several processes see them, and what the public calls cannot bring about at will: who owns
 * a mutex, and waits by the hundred thousand.
 */
#include "core_fixture.h"

#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>

#include "core/sync.h"

/* ---- helpers ---- */

static D3DKMT_HANDLE create_mutex(const struct gpu *g, D3DKMT_HANDLE *ret_global)
{
    D3DKMT_CREATESYNCHRONIZATIONOBJECT2 args = {.hDevice = g->device};

    args.Info.Type = D3DDDI_SYNCHRONIZATION_MUTEX;
    args.Info.Flags.Shared = 1;
    DO(g->process, CreateSynchronizationObject2, &args);
    if (ret_global) *ret_global = args.Info.SharedHandle;
    return args.hSyncObject;
}

static void take(const struct gpu *g, D3DKMT_HANDLE object)
{
    D3DKMT_WAITFORSYNCHRONIZATIONOBJECT args = {.hContext = g->context,
                                                .ObjectCount = 1,
                                                .ObjectHandleArray = {object}};

    DO(g->process, WaitForSynchronizationObject, &args);
}

static void give(const struct gpu *g, D3DKMT_HANDLE object)
{
    D3DKMT_SIGNALSYNCHRONIZATIONOBJECT args = {.hContext = g->context, .ObjectCount = 1, .ObjectHandleArray = {object}};

    DO(g->process, SignalSynchronizationObject, &args);
}

/* ---- mutexes ---- */

/* Opened by a global handle it is of no device, and the one whose context took it has it all the same. */
static void a_mutex_by_a_global_handle_is_exclusive(void **state)
{
    struct udxg_kernel *kernel = make_kernel("soft-uma");
    struct udxg_process *one = make_process(kernel), *two = make_process(kernel);
    struct gpu maker = open_gpu(one), first = open_gpu(two), second = open_gpu(one);
    D3DKMT_HANDLE global, mine = create_mutex(&maker, &global), theirs = open_sync(two, global);

    (void)state;
    take(&first, theirs);
    assert_true(passes(&first, 5000));
    take(&second, mine);
    assert_false(passes(&second, 50));
    give(&first, theirs);
    assert_true(passes(&second, 5000));
    udxg_process_destroy(one);
    udxg_process_destroy(two);
    udxg_kernel_destroy(kernel);
}

static void a_mutex_by_another_devices_handle_is_exclusive(void **state)
{
    struct udxg_kernel *kernel = make_kernel("soft-uma");
    struct udxg_process *one = make_process(kernel);
    struct gpu maker = open_gpu(one), first = open_gpu(one), second = open_gpu(one);
    D3DKMT_HANDLE mutex = create_mutex(&maker, NULL);

    (void)state;
    take(&first, mutex);
    assert_true(passes(&first, 5000));
    take(&second, mutex);
    assert_false(passes(&second, 50));
    close_gpu(&first); /* the handle is not its own, and the mutex is free all the same */
    assert_true(passes(&second, 5000));
    take(&maker, mutex);
    assert_false(passes(&maker, 50));
    mark_as_error(&second);
    assert_true(passes(&maker, 5000));
    udxg_process_destroy(one);
    udxg_kernel_destroy(kernel);
}

/* With its process's last handle nobody can give it up any more. */
static void a_mutex_goes_with_its_owners_last_handle(void **state)
{
    struct udxg_kernel *kernel = make_kernel("soft-uma");
    struct udxg_process *one = make_process(kernel), *two = make_process(kernel);
    struct gpu maker = open_gpu(one), first = open_gpu(two);
    D3DKMT_HANDLE global, mine = create_mutex(&maker, &global), theirs = open_sync(two, global),
                          again = open_sync(two, global);

    (void)state;
    take(&first, theirs);
    assert_true(passes(&first, 5000));
    take(&maker, mine);
    close_sync(two, theirs);
    assert_false(passes(&maker, 50));
    close_sync(two, again);
    assert_true(passes(&maker, 5000));
    udxg_process_destroy(one);
    udxg_process_destroy(two);
    udxg_kernel_destroy(kernel);
}

/* ---- many waits ---- */

static bool somebody_wants_it(struct udxg_wait *wait)
{
    (void)wait;
    return true;
}

static bool nobody_wants_it(struct udxg_wait *wait)
{
    (void)wait;
    return false;
}

static void free_wait(struct udxg_wait *wait)
{
    free(wait);
}

/* A wait of DEVICE's for one object, which begins now and ends when it may. */
static void start_wait(struct udxg_device *device, struct udxg_sync *sync, bool (*done)(struct udxg_wait *wait))
{
    const struct udxg_wait_ops ops = {done, free_wait};
    struct udxg_wait *wait = malloc(udxg_wait_bytes(0, 1));

    assert_non_null(wait);
    udxg_wait_init(wait, 1, &sync, NULL, false, device, &ops);
    udxg_wait_start(wait);
    udxg_wait_unref(wait);
}

/* A wait that is let go just after its device has failed: nothing would ever give the mutex up. */
static void a_mutex_is_not_for_a_device_in_error(void **state)
{
    struct udxg_kernel *kernel = make_kernel("soft-uma");
    struct udxg_process *process = make_process(kernel);
    struct gpu broken = open_gpu(process), sound = open_gpu(process);
    D3DKMT_HANDLE handle = create_mutex(&broken, NULL);
    struct udxg_sync *mutex;
    struct udxg_device *device;

    (void)state;
    assert_int_equal(udxg_device_get(process, broken.device, &device), STATUS_SUCCESS);
    assert_int_equal(udxg_syncs_get(process, 1, &handle, UDXG_SYNC_ANY, &mutex), STATUS_SUCCESS);
    mark_as_error(&broken);
    start_wait(device, mutex, somebody_wants_it);
    take(&sound, handle);
    assert_true(passes(&sound, 5000));
    udxg_sync_unref(mutex);
    udxg_device_put(device);
    udxg_process_destroy(process);
    udxg_kernel_destroy(kernel);
}

/* Each gives the mutex back to the next one: no stack has room for a call in a call in a call ... */
static void a_mutex_goes_through_many_hands(void **state)
{
    enum { COUNT = 300000 };
    struct udxg_kernel *kernel = make_kernel("soft-uma");
    struct udxg_process *process = make_process(kernel);
    struct gpu g = open_gpu(process);
    D3DKMT_HANDLE handle = create_mutex(&g, NULL);
    struct udxg_sync *mutex;
    struct udxg_device *device;

    (void)state;
    assert_int_equal(udxg_device_get(process, g.device, &device), STATUS_SUCCESS);
    assert_int_equal(udxg_syncs_get(process, 1, &handle, UDXG_SYNC_ANY, &mutex), STATUS_SUCCESS);
    take(&g, handle);
    assert_true(passes(&g, 5000));
    for (int i = 0; i < COUNT; i++) start_wait(device, mutex, nobody_wants_it);
    give(&g, handle);
    assert_true(passes(&g, 60000));
    take(&g, handle);
    assert_true(passes(&g, 5000));
    udxg_sync_unref(mutex);
    udxg_device_put(device);
    udxg_process_destroy(process);
    udxg_kernel_destroy(kernel);
}

/* ---- limits ---- */

/* Waits for many objects take memory, though none of it is the client's data. */
static void a_lane_holds_so_many_bytes(void **state)
{
    struct udxg_kernel *kernel = make_kernel("soft-uma");
    struct udxg_process *process = make_process(kernel);
    struct gpu g = open_gpu(process);
    D3DKMT_HANDLE fences[32];
    UINT64 values[32];
    D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMGPU args = {.hContext = g.context,
                                                       .ObjectCount = 32,
                                                       .ObjectHandleArray = fences,
                                                       .MonitoredFenceValueArray = values};
    D3DKMT_HANDLE other;
    udxg_status status = STATUS_SUCCESS;
    unsigned queued = 0;

    (void)state;
    for (int i = 0; i < 32; i++) {
        fences[i] = g.fence;
        values[i] = 1;
    }
    while (!udxg_failed(status) && queued++ < 60000) status = CALL(process, WaitForSynchronizationObjectFromGpu, &args);
    assert_int_equal(status, STATUS_NO_MEMORY);
    assert_true(queued > 1000);
    other = create_context(&g, 0);
    assert_int_equal(signal_gpu(&g, other, g.fence, 1), STATUS_SUCCESS);
    g.context = other;
    assert_true(passes(&g, 5000));
    udxg_process_destroy(process);
    udxg_kernel_destroy(kernel);
}

/* Each event that is to be signalled later takes a descriptor of ours. */
static void a_process_has_so_many_events(void **state)
{
    const struct rlimit many = {UDXG_MAX_EVENTS + 200, UDXG_MAX_EVENTS + 200};
    struct udxg_kernel *kernel = make_kernel("soft-uma");
    struct udxg_process *process = make_process(kernel);
    struct gpu g = open_gpu(process);
    int event = eventfd(0, EFD_NONBLOCK);
    D3DKMT_SIGNALSYNCHRONIZATIONOBJECT2 enqueue = {.hContext = g.context, .CpuEventHandle = (HANDLE)(intptr_t)event};
    UINT64 value = 1, seen;
    D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMCPU wait = {.hDevice = g.device,
                                                       .ObjectCount = 1,
                                                       .ObjectHandleArray = &g.fence,
                                                       .FenceValueArray = &value,
                                                       .hAsyncEvent = (HANDLE)(intptr_t)event};

    (void)state;
    if (setrlimit(RLIMIT_NOFILE, &many)) skip();
    enqueue.Flags.EnqueueCpuEvent = 1;
    assert_int_equal(wait_gpu(&g, g.context, g.fence, 1), STATUS_SUCCESS);
    for (unsigned i = 0; i < UDXG_MAX_EVENTS / 2; i++) {
        DO(process, SignalSynchronizationObject2, &enqueue);
        DO(process, WaitForSynchronizationObjectFromCpu, &wait);
    }
    assert_int_equal(CALL(process, SignalSynchronizationObject2, &enqueue), STATUS_NO_MEMORY);
    assert_int_equal(CALL(process, WaitForSynchronizationObjectFromCpu, &wait), STATUS_NO_MEMORY);
    assert_int_equal(signal_cpu(&g, g.fence, 1), STATUS_SUCCESS);
    assert_true(passes(&g, 10000));
    assert_int_equal(read(event, &seen, sizeof seen), sizeof seen);
    assert_int_equal(seen, UDXG_MAX_EVENTS);
    DO(process, SignalSynchronizationObject2, &enqueue);
    close(event);
    udxg_process_destroy(process);
    udxg_kernel_destroy(kernel);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mutex_by_a_global_handle_is_exclusive),
        cmocka_unit_test(a_mutex_by_another_devices_handle_is_exclusive),
        cmocka_unit_test(a_mutex_goes_with_its_owners_last_handle),
        cmocka_unit_test(a_mutex_is_not_for_a_device_in_error),
        cmocka_unit_test(a_mutex_goes_through_many_hands),
        cmocka_unit_test(a_lane_holds_so_many_bytes),
        cmocka_unit_test(a_process_has_so_many_events),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
