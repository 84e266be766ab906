/* SPDX-License-Identifier: MIT */
/*
 * Who keeps what alive, and for how long: processes, devices, contexts, fences and memory that end while others
 * still use them. Races are played often enough that a sanitizer, or the count at the end, sees the loser.
 */
#include "core_fixture.h"

#include "core/lane.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "abi/control.h"
#include "core/adapter.h"
#include "core/sync.h"

#define ENOUGH_SECONDS 20
#define ROUNDS 300

/* Ends the test when the thread does not end. */
static void join_soon(pthread_t thread)
{
    struct timespec deadline;

    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += ENOUGH_SECONDS;
    if (pthread_timedjoin_np(thread, NULL, &deadline)) {
        print_error("a call does not return\n");
        abort(); /* the thread uses what the test would free */
    }
}

static void count_object(uint32_t handle, void *object, void *user)
{
    (void)handle;
    (void)object;
    ++*(unsigned *)user;
}

static unsigned live_handles(struct udxg_process *process, enum udxg_handle_type type)
{
    unsigned count = 0;

    udxg_handle_for_each(&process->handles, type, count_object, &count);
    return count;
}

/* ---- processes ---- */

static void process_ends_while_a_packet_runs(void **state)
{
    struct udxg_kernel *kernel = make_kernel("soft-uma");
    struct udxg_process *process = make_process(kernel);
    struct gpu g = open_gpu(process);
    const UINT64 bytes = UINT64_C(128) << 20;
    struct buffer from = make_buffer(&g, bytes), to = make_buffer(&g, bytes);
    struct udxg_soft_copy copy = udxg_soft_copy_command(to.va, from.va, bytes);

    (void)state;
    submit(&g, &copy, sizeof copy);
    assert_int_equal(signal_gpu(&g, g.context, g.fence, 1), STATUS_SUCCESS);
    usleep(5000); /* it runs now */
    udxg_process_destroy(process);
    udxg_kernel_destroy(kernel);
}

static void shared_memory_outlives_its_process(void **state)
{
    struct udxg_kernel *kernel = make_kernel("soft-uma");
    struct udxg_process *process = make_process(kernel);
    struct gpu g = open_gpu(process);
    D3DKMT_HANDLE resource = 0, allocation;
    HANDLE nt = NULL;
    D3DKMT_SHAREOBJECTS args = {.ObjectCount = 1, .ObjectHandleArray = &resource, .pSharedNtHandle = &nt};

    (void)state;
    assert_int_equal(try_create(&g, 65536, true, &resource, &allocation), STATUS_SUCCESS);
    args.DesiredAccess = 1;
    DO(process, ShareObjects, &args);
    udxg_process_destroy(process);
    close((int)(intptr_t)nt);
    udxg_kernel_destroy(kernel);
}

/* ---- devices ---- */

static struct udxg_device *device_of(const struct gpu *g)
{
    struct udxg_device *device = udxg_device_find(g->process, g->device);

    assert_non_null(device);
    udxg_device_put(device); /* the test keeps it open */
    return device;
}

static void replace_buffers(const struct gpu *g, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        D3DKMT_HANDLE allocation;
        D3DKMT_DESTROYALLOCATION2 destroy = {.hDevice = g->device, .phAllocationList = &allocation};
        destroy.AllocationCount = 1;
        assert_int_equal(try_create(g, 65536, false, NULL, &allocation), STATUS_SUCCESS);
        DO(g->process, DestroyAllocation2, &destroy);
    }
}

/* A device that works alone stays in stripe 0; two that take turns are in different ones soon, and stay there. */
static void devices_that_take_turns_part(void **state)
{
    enum { TURNS = 200 };
    struct udxg_kernel *kernel = make_kernel("soft-uma");
    struct udxg_process *process = make_process(kernel);
    struct gpu g = open_gpu(process), other;
    unsigned stripes[2];

    (void)state;
    replace_buffers(&g, TURNS);
    assert_int_equal(device_of(&g)->stripe, 0);
    other = open_gpu(process);
    replace_buffers(&other, TURNS);
    replace_buffers(&g, TURNS);
    assert_int_equal(device_of(&g)->stripe + device_of(&other)->stripe, 0);
    for (unsigned i = 0; i < TURNS; i++) {
        replace_buffers(&g, 1);
        replace_buffers(&other, 1);
    }
    stripes[0] = device_of(&g)->stripe;
    stripes[1] = device_of(&other)->stripe;
    assert_int_not_equal(stripes[0], stripes[1]);
    assert_true(stripes[0] < UDXG_STRIPES && stripes[1] < UDXG_STRIPES);
    for (unsigned i = 0; i < TURNS; i++) {
        replace_buffers(&g, 1);
        replace_buffers(&other, 1);
    }
    assert_int_equal(device_of(&g)->stripe, stripes[0]);
    assert_int_equal(device_of(&other)->stripe, stripes[1]);
    udxg_process_destroy(process);
    udxg_kernel_destroy(kernel);
}

/*
 * A context whose handle is closed is still one of its device while a packet runs. By the time the device goes, the
 * number may mean another context, of another device.
 */
static void a_dead_childs_number_is_left_alone(void **state)
{
    struct udxg_kernel *kernel = make_kernel("soft-uma");
    struct udxg_process *process = make_process(kernel);
    struct gpu g = open_gpu(process), other = open_gpu(process);
    struct buffer b = make_buffer(&g, 65536);
    D3DKMT_DESTROYCONTEXT destroy = {g.context};
    D3DKMT_GETCONTEXTSCHEDULINGPRIORITY look = {0};

    (void)state;
    submit_spin(&g, b.va);
    usleep(20000);
    DO(process, DestroyContext, &destroy);
    do {
        look.hContext = create_context(&other, 1);
        destroy.hContext = look.hContext;
        if (look.hContext != g.context) DO(process, DestroyContext, &destroy);
    } while (look.hContext != g.context);
    close_gpu(&g);
    DO(process, GetContextSchedulingPriority, &look);
    udxg_process_destroy(process);
    udxg_kernel_destroy(kernel);
}

/* The engine picks a context while its device goes: there is a moment in which nobody else knows the context. */
static unsigned index_of(D3DKMT_HANDLE handle)
{
    return handle >> 6 & (UDXG_HANDLE_INDEX_LIMIT - 1);
}

/*
 * An allocation that is destroyed while work may use it stays on its device's list until that has retired. By then its
 * number means another one, which has a residency count of its own.
 */
static void a_dead_allocations_count_is_its_own(void **state)
{
    struct udxg_kernel *kernel = make_kernel("soft-uma");
    struct udxg_process *process = make_process(kernel);
    struct gpu g = open_gpu(process);
    struct buffer b = make_buffer(&g, 65536), dead, heir;
    D3DKMT_DESTROYALLOCATION2 destroy = {.hDevice = g.device, .phAllocationList = &heir.allocation};
    UINT64 before;

    (void)state;
    destroy.AllocationCount = 1;
    submit_spin(&g, b.va);
    before = usage(&g);
    dead = heir = make_buffer(&g, 65536);
    do {
        DO(process, DestroyAllocation2, &destroy);
        heir = make_buffer(&g, 65536);
    } while (index_of(heir.allocation) != index_of(dead.allocation));
    assert_true(usage(&g) > before + 65536);
    atomic_store((_Atomic uint32_t *)lock(&g, b.allocation), 1);
    wait_idle(&g);
    assert_int_equal(usage(&g), before + 65536);
    assert_null(vidmm_adapter_check(kernel->adapters[0]->vidmm));
    assert_int_equal(evict(&g, heir.allocation), STATUS_SUCCESS);
    assert_int_equal(evict(&g, heir.allocation), STATUS_INVALID_PARAMETER);
    udxg_process_destroy(process);
    udxg_kernel_destroy(kernel);
}

static void a_device_goes_while_its_context_is_picked(void **state)
{
    struct udxg_kernel *kernel = make_kernel("soft-uma");
    struct udxg_process *process = make_process(kernel);

    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        struct gpu g = open_gpu(process);
        D3DKMT_SUBMITCOMMAND args = {.BroadcastContextCount = 1, .BroadcastContext = {g.context}};
        args.Flags.NullRendering = 1;
        DO(process, SubmitCommand, &args);
        close_gpu(&g);
    }
    udxg_process_destroy(process);
    udxg_kernel_destroy(kernel);
}

static void a_device_in_error_lets_nobody_wait(void **state)
{
    struct udxg_kernel *kernel = make_kernel("soft-uma");
    struct udxg_process *process = make_process(kernel);
    struct gpu g = open_gpu(process);
    struct udxg_soft_fault fault = {.header = udxg_soft_header(UDXG_SOFT_OP_FAULT, sizeof fault), .va = 4096};
    const volatile UINT64 *kept;
    D3DKMT_HANDLE keeping =
        create_fence(&g, (D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS){.NoSignalMaxValueOnTdr = 1}, &kept, NULL);

    (void)state;
    submit(&g, &fault, sizeof fault);
    wait_idle(&g);
    assert_int_equal(execution_state(&g), D3DKMT_DEVICEEXECUTION_ERROR_DMAPAGEFAULT);
    wait_cpu(&g, g.fence, 1); /* of work that could not be submitted any more */
    assert_true(*g.value == UINT64_MAX);
    assert_true(*kept == 0);
    assert_true(*g.queue_value == 0); /* paging goes on */
    assert_int_equal(signal_cpu(&g, keeping, 1), STATUS_SUCCESS);
    udxg_process_destroy(process);
    udxg_kernel_destroy(kernel);
}

/* ---- SynchronousDestroy ---- */

struct destroyer {
    const struct gpu *g;
    D3DKMT_HANDLE allocation;
    udxg_status status;
};

static void *destroy_synchronously(void *argument)
{
    struct destroyer *d = argument;
    D3DKMT_DESTROYALLOCATION2 args = {.hDevice = d->g->device, .AllocationCount = 1};

    args.phAllocationList = &d->allocation;
    args.Flags.SynchronousDestroy = 1;
    d->status = CALL(d->g->process, DestroyAllocation2, &args);
    return NULL;
}

static void synchronous_destroy_ends_with_the_device(void **state)
{
    struct udxg_kernel *kernel = make_kernel("soft-uma");
    struct udxg_process *process = make_process(kernel);
    struct gpu g = open_gpu(process);
    struct destroyer d = {.g = &g};
    pthread_t thread;

    (void)state;
    assert_int_equal(try_create(&g, 65536, false, NULL, &d.allocation), STATUS_SUCCESS);
    assert_int_equal(wait_gpu(&g, g.context, g.fence, 1), STATUS_SUCCESS); /* nobody signals it */
    assert_int_equal(pthread_create(&thread, NULL, destroy_synchronously, &d), 0);
    usleep(50000);
    close_gpu(&g);
    join_soon(thread);
    assert_int_equal(d.status, STATUS_SUCCESS);
    udxg_process_destroy(process);
    udxg_kernel_destroy(kernel);
}

static void synchronous_destroy_waits_for_earlier_work_only(void **state)
{
    struct udxg_kernel *kernel = make_kernel("soft-uma");
    struct udxg_process *process = make_process(kernel);
    struct gpu g = open_gpu(process);
    struct destroyer d = {.g = &g};
    D3DKMT_HANDLE second = create_context(&g, 1), gate;
    pthread_t thread;

    (void)state;
    gate = create_fence(&g, (D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS){.Value = 0}, NULL, NULL);
    assert_int_equal(try_create(&g, 65536, false, NULL, &d.allocation), STATUS_SUCCESS);
    assert_int_equal(wait_gpu(&g, g.context, gate, 1), STATUS_SUCCESS);
    assert_int_equal(pthread_create(&thread, NULL, destroy_synchronously, &d), 0);
    usleep(50000);
    assert_int_equal(wait_gpu(&g, second, g.fence, 1), STATUS_SUCCESS); /* comes later, and never ends */
    assert_int_equal(signal_cpu(&g, gate, 1), STATUS_SUCCESS);
    join_soon(thread);
    assert_int_equal(d.status, STATUS_SUCCESS);
    udxg_process_destroy(process);
    udxg_kernel_destroy(kernel);
}

/* The packet has retired before the memory behind it is gone; SynchronousDestroy promises the latter. */
static void synchronous_destroy_returns_when_the_memory_is_gone(void **state)
{
    struct udxg_kernel *kernel = make_kernel("soft-uma");
    struct udxg_process *process = make_process(kernel);
    struct gpu g = open_gpu(process);

    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        struct buffer b = make_buffer(&g, 65536);
        D3DKMT_SUBMITCOMMAND args = {.BroadcastContextCount = 1, .BroadcastContext = {g.context}};
        struct destroyer d = {.g = &g, .allocation = b.allocation};
        args.Flags.NullRendering = 1;
        DO(process, SubmitCommand, &args);
        destroy_synchronously(&d);
        assert_int_equal(d.status, STATUS_SUCCESS);
        assert_int_equal(usage(&g), 0);
    }
    udxg_process_destroy(process);
    udxg_kernel_destroy(kernel);
}

/* Whoever has waited for the one finds the other. */
static void the_last_signal_and_idleness_are_one(void **state)
{
    struct udxg_kernel *kernel = make_kernel("soft-uma");
    struct udxg_process *process = make_process(kernel);
    struct gpu g = open_gpu(process);
    struct buffer b = make_buffer(&g, 65536);

    (void)state;
    for (UINT64 value = 1; value <= ROUNDS; value += 2) {
        D3DKMT_LOCK lock = {.hDevice = g.device, .hAllocation = b.allocation};
        assert_int_equal(signal_gpu(&g, g.context, g.fence, value), STATUS_SUCCESS);
        wait_idle(&g);
        assert_int_equal(*g.value, value);
        assert_int_equal(signal_gpu(&g, g.context, g.fence, value + 1), STATUS_SUCCESS);
        while (*g.value != value + 1) continue;
        lock.Flags.LockEntire = lock.Flags.DonotWait = 1;
        DO(process, Lock, &lock);
    }
    udxg_process_destroy(process);
    udxg_kernel_destroy(kernel);
}

/* ---- resources ---- */

struct adder {
    const struct gpu *g;
    D3DKMT_HANDLE resource;
};

static void *add_to_resource(void *argument)
{
    const struct adder *a = argument;
    D3DKMT_HANDLE resource = a->resource, allocation;

    while (!udxg_failed(try_create(a->g, 4096, false, &resource, &allocation))) continue;
    return NULL;
}

/* Whatever is added while a resource goes, goes with it. */
static void nothing_is_left_of_a_resource_that_grows(void **state)
{
    struct udxg_kernel *kernel = make_kernel("soft-uma");
    struct udxg_process *process = make_process(kernel);
    struct gpu g = open_gpu(process);

    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        D3DKMT_HANDLE allocation;
        D3DKMT_DESTROYALLOCATION2 destroy = {.hDevice = g.device};
        struct adder a = {.g = &g};
        pthread_t threads[2];
        assert_int_equal(try_create(&g, 4096, false, &a.resource, &allocation), STATUS_SUCCESS);
        for (int t = 0; t < 2; t++) assert_int_equal(pthread_create(&threads[t], NULL, add_to_resource, &a), 0);
        usleep((unsigned)i % 50);
        destroy.hResource = a.resource;
        DO(process, DestroyAllocation2, &destroy);
        for (int t = 0; t < 2; t++) join_soon(threads[t]);
        assert_int_equal(live_handles(process, UDXG_HANDLE_ALLOCATION), 0);
    }
    udxg_process_destroy(process);
    udxg_kernel_destroy(kernel);
}

/* ---- fences and waits ---- */

static void flags_bind_the_gpu_too(void **state)
{
    struct udxg_kernel *kernel = make_kernel("soft-uma");
    struct udxg_process *process = make_process(kernel);
    struct gpu g = open_gpu(process);
    D3DKMT_HANDLE mute = create_fence(&g, (D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS){.NoSignal = 1}, NULL, NULL);
    D3DKMT_HANDLE deaf = create_fence(&g, (D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS){.NoWait = 1}, NULL, NULL);

    (void)state;
    assert_int_equal(signal_gpu(&g, g.context, mute, 1), STATUS_ACCESS_DENIED);
    assert_int_equal(wait_gpu(&g, g.context, mute, 0), STATUS_SUCCESS);
    assert_int_equal(wait_gpu(&g, g.context, deaf, 0), STATUS_ACCESS_DENIED);
    assert_int_equal(signal_gpu(&g, g.context, deaf, 1), STATUS_SUCCESS);
    /* Who could signal the fence of a paging queue could say that memory is in place which is not. */
    assert_int_equal(signal_gpu(&g, g.context, g.queue_fence, 100), STATUS_ACCESS_DENIED);
    udxg_process_destroy(process);
    udxg_kernel_destroy(kernel);
}

static void signalling_a_fence_twice_is_all_or_nothing(void **state)
{
    struct udxg_kernel *kernel = make_kernel("soft-uma");
    struct udxg_process *process = make_process(kernel);
    struct gpu g = open_gpu(process);
    D3DKMT_HANDLE twice[2] = {g.fence, g.fence};
    UINT64 down[2] = {2, 1}, up[2] = {1, 2};
    D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMCPU args = {.hDevice = g.device,
                                                      .ObjectCount = 2,
                                                      .ObjectHandleArray = twice};

    (void)state;
    args.FenceValueArray = down;
    assert_int_equal(CALL(process, SignalSynchronizationObjectFromCpu, &args), STATUS_INVALID_PARAMETER);
    assert_true(*g.value == 0);
    args.FenceValueArray = up;
    DO(process, SignalSynchronizationObjectFromCpu, &args);
    assert_true(*g.value == 2);
    udxg_process_destroy(process);
    udxg_kernel_destroy(kernel);
}

struct waiter {
    const struct gpu *g;
    D3DKMT_HANDLE fence;
    UINT64 value;
    D3DKMT_HANDLE allocation; /* whose residency is looked at after the wait */
    D3DKMT_ALLOCATIONRESIDENCYSTATUS residency;
    udxg_status status;
};

static void *wait_blocking(void *argument)
{
    struct waiter *w = argument;
    D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMCPU args = {.hDevice = w->g->device,
                                                       .ObjectCount = 1,
                                                       .ObjectHandleArray = &w->fence,
                                                       .FenceValueArray = &w->value};
    D3DKMT_QUERYALLOCATIONRESIDENCY query = {.hDevice = w->g->device,
                                             .AllocationCount = 1,
                                             .phAllocationList = &w->allocation};

    query.pResidencyStatus = &w->residency;
    w->status = CALL(w->g->process, WaitForSynchronizationObjectFromCpu, &args);
    if (w->allocation) DO(w->g->process, QueryAllocationResidency, &query);
    return NULL;
}

/* The wait ends, because nobody can signal any more; but it does not say that the value was reached. */
static void a_wait_whose_fence_goes_fails(void **state)
{
    struct udxg_kernel *kernel = make_kernel("soft-uma");
    struct udxg_process *process = make_process(kernel);

    (void)state;
    for (int with_device = 0; with_device < 2; with_device++) {
        struct gpu g = open_gpu(process);
        D3DKMT_DESTROYSYNCHRONIZATIONOBJECT destroy = {g.fence};
        struct waiter w = {.g = &g, .fence = g.fence, .value = 1};
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, wait_blocking, &w), 0);
        usleep(50000);
        if (with_device)
            close_gpu(&g);
        else
            DO(process, DestroySynchronizationObject, &destroy);
        join_soon(thread);
        assert_int_equal(w.status, STATUS_INVALID_PARAMETER);
    }
    udxg_process_destroy(process);
    udxg_kernel_destroy(kernel);
}

/* Who would signal it is told STATUS_DEVICE_REMOVED from now on. */
static void a_stopped_adapter_lets_nobody_wait(void **state)
{
    struct udxg_kernel *kernel = make_kernel("soft-uma");
    struct udxg_process *process = make_process(kernel);
    struct gpu g = open_gpu(process);
    struct waiter w = {.g = &g, .fence = g.fence, .value = 1};
    struct udxg_stop_adapter stop = {.AdapterLuid = kernel->adapters[0]->luid};
    pthread_t thread;

    (void)state;
    assert_int_equal(wait_gpu(&g, g.context, g.fence, 1), STATUS_SUCCESS);
    assert_int_equal(pthread_create(&thread, NULL, wait_blocking, &w), 0);
    usleep(50000);
    DO(process, StopAdapter, &stop);
    join_soon(thread);
    assert_int_equal(signal_cpu(&g, g.fence, 1), STATUS_DEVICE_REMOVED);
    assert_int_equal(CALL(process, WaitForIdle, &(D3DKMT_WAITFORIDLE){g.device}), STATUS_SUCCESS);
    udxg_process_destroy(process);
    udxg_kernel_destroy(kernel);
}

/* DestroyPagingQueue does what is queued before it takes the fence away. */
static void a_paging_queue_ends_with_its_work_done(void **state)
{
    struct udxg_kernel *kernel = make_kernel("soft-discrete");
    struct udxg_process *process = make_process(kernel);
    struct gpu g = open_gpu(process);
    struct waiter w = {.g = &g, .fence = g.queue_fence};
    D3DDDI_MAKERESIDENT resident = {.hPagingQueue = g.queue, .NumAllocations = 1, .AllocationList = &w.allocation};
    D3DDDI_DESTROYPAGINGQUEUE destroy = {g.queue};
    pthread_t thread;

    (void)state;
    assert_int_equal(try_create(&g, UINT64_C(64) << 20, false, NULL, &w.allocation), STATUS_SUCCESS);
    assert_int_equal(CALL(process, MakeResident, &resident), STATUS_PENDING);
    w.value = resident.PagingFenceValue;
    assert_int_equal(pthread_create(&thread, NULL, wait_blocking, &w), 0);
    usleep(1000);
    DO(process, DestroyPagingQueue, &destroy);
    join_soon(thread);
    assert_int_equal(w.status, STATUS_SUCCESS);
    assert_int_equal(w.residency, D3DKMT_ALLOCATIONRESIDENCYSTATUS_RESIDENTINGPUMEMORY);
    udxg_process_destroy(process);
    udxg_kernel_destroy(kernel);
}

static bool has_waiters(struct udxg_process *process, D3DKMT_HANDLE fence)
{
    struct udxg_sync_opening *opening = udxg_handle_get(&process->handles, fence, UDXG_HANDLE_SYNC);
    bool any;

    assert_non_null(opening);
    udxg_lock(SYNC, &opening->sync->lock);
    any = udxg_order_first(&opening->sync->waiters) != NULL;
    udxg_unlock(SYNC, &opening->sync->lock);
    udxg_handle_put(&process->handles, fence);
    return any;
}

/* A context goes while the engine starts its wait: the wait must not stay in its fence. */
static void no_wait_stays_behind_its_context(void **state)
{
    struct udxg_kernel *kernel = make_kernel("soft-uma");
    struct udxg_process *process = make_process(kernel);
    struct gpu g = open_gpu(process);

    (void)state;
    for (int i = 0; i < 10 * ROUNDS; i++) {
        D3DKMT_DESTROYCONTEXT destroy = {create_context(&g, 0)};
        assert_int_equal(wait_gpu(&g, destroy.hContext, g.fence, 1), STATUS_SUCCESS);
        usleep((unsigned)i % 8 * 10);
        DO(process, DestroyContext, &destroy);
    }
    wait_idle(&g);
    for (int i = 0; i < 1000 && has_waiters(process, g.fence); i++) usleep(1000);
    assert_false(has_waiters(process, g.fence));
    udxg_process_destroy(process);
    udxg_kernel_destroy(kernel);
}

static void *write_fences(void *argument)
{
    const struct gpu *g = argument;
    struct buffer commands = make_buffer(g, 4096);
    D3DKMT_SUBMITCOMMAND args = {.Commands = commands.va, .BroadcastContextCount = 1, .BroadcastContext = {g->context}};
    struct {
        struct udxg_soft_write write;
        UINT64 value;
    } *command = lock(g, commands.allocation);

    for (int n = 0; n < 32; n++) {
        command[n].write = (struct udxg_soft_write){.header = udxg_soft_header(UDXG_SOFT_OP_WRITE, sizeof *command),
                                                    .va = g->fence_va + 8,
                                                    .data_bytes = 8};
        command[n].value = 1;
    }
    args.CommandLength = 32 * sizeof *command;
    for (int i = 0; i < 4 * ROUNDS; i++) {
        DO(g->process, SubmitCommand, &args);
        if (i % 16 == 15) wait_idle(g);
    }
    return NULL;
}

/* Engines write to where a fence is just being destroyed: the last reference stays the last one. */
static void a_fence_goes_while_an_engine_writes_it(void **state)
{
    struct udxg_kernel *kernel = make_kernel("soft-uma");
    struct udxg_process *process = make_process(kernel);
    struct gpu g = open_gpu(process);
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, write_fences, &g), 0);
    for (int i = 0; i < 40 * ROUNDS; i++) {
        /* Mostly in the slot that is written, the first that is free. */
        D3DKMT_DESTROYSYNCHRONIZATIONOBJECT destroy = {
            create_fence(&g, (D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS){.Value = 0}, NULL, NULL)};
        DO(process, DestroySynchronizationObject, &destroy);
    }
    pthread_join(thread, NULL);
    udxg_process_destroy(process);
    udxg_kernel_destroy(kernel);
}

/* ---- Evict ---- */

static void evict_leaves_earlier_work_alone(void **state)
{
    static const char *const adapters[] = {"soft-uma", "soft-discrete"};

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct udxg_kernel *kernel = make_kernel(adapters[i]);
        struct udxg_process *process = make_process(kernel);
        struct gpu g = open_gpu(process);
        struct buffer b = make_buffer(&g, 65536), c = make_buffer(&g, 65536);
        struct udxg_soft_fill fill = udxg_soft_fill_command(b.va, 65536, 0x77777777);
        struct udxg_soft_copy copy = udxg_soft_copy_command(c.va, b.va, 65536);
        UINT64 before;

        assert_int_equal(wait_gpu(&g, g.context, g.fence, 1), STATUS_SUCCESS);
        submit(&g, &fill, sizeof fill);
        submit(&g, &copy, sizeof copy);
        before = usage(&g);
        assert_int_equal(evict(&g, b.allocation), STATUS_SUCCESS);
        assert_int_equal(evict(&g, b.allocation), STATUS_INVALID_PARAMETER);
        assert_int_equal(usage(&g), before - 65536); /* it counts at once */
        usleep(20000);                               /* the bytes go home */
        assert_int_equal(signal_cpu(&g, g.fence, 1), STATUS_SUCCESS);
        wait_idle(&g);
        assert_int_equal(execution_state(&g), D3DKMT_DEVICEEXECUTION_ACTIVE);
        assert_int_equal(*(uint32_t *)lock(&g, c.allocation), 0x77777777);
        assert_int_equal(*(uint32_t *)lock(&g, b.allocation), 0x77777777);

        submit(&g, &fill, sizeof fill); /* later work is not in the grace */
        wait_idle(&g);
        assert_int_equal(execution_state(&g), D3DKMT_DEVICEEXECUTION_ERROR_DMAPAGEFAULT);
        udxg_process_destroy(process);
        udxg_kernel_destroy(kernel);
    }
}

static size_t timeline_length(const struct gpu *g)
{
    struct udxg_device *device = udxg_device_find(g->process, g->device);
    size_t length = 0;

    udxg_lock(DEVICE, &device->lock);
    udxg_list_for_each(link, &device->timeline) length++;
    udxg_unlock(DEVICE, &device->lock);
    udxg_device_put(device);
    return length;
}

static void offer(const struct gpu *g, D3DKMT_HANDLE allocation)
{
    D3DKMT_OFFERALLOCATIONS args = {.hDevice = g->device,
                                    .HandleList = &allocation,
                                    .NumAllocations = 1,
                                    .Priority = D3DKMT_OFFER_PRIORITY_NORMAL};

    args.Flags.AllowDecommit = 1;
    DO(g->process, OfferAllocations, &args);
}

static UINT64 decommittable_bytes(const struct gpu *g)
{
    D3DKMT_QUERYPROCESSOFFERINFO args = {.cbSize = sizeof args};

    DO(g->process, QueryProcessOfferInfo, &args);
    return args.DecommittableBytes;
}

/* Behind a wait that may be endless they leave nothing, and the last one takes effect when it ends. */
static void offers_and_reclaims_leave_nothing_behind(void **state)
{
    struct udxg_kernel *kernel = make_kernel("soft-uma");
    struct udxg_process *process = make_process(kernel);
    struct gpu g = open_gpu(process);
    D3DKMT_HANDLE allocation;
    D3DKMT_RECLAIMALLOCATIONS2 reclaim = {.hPagingQueue = g.queue, .NumAllocations = 1, .HandleList = &allocation};

    (void)state;
    assert_int_equal(try_create(&g, 65536, false, NULL, &allocation), STATUS_SUCCESS);
    assert_int_equal(wait_gpu(&g, g.context, g.fence, 1), STATUS_SUCCESS);
    for (int i = 0; i < 1000; i++) {
        offer(&g, allocation);
        DO(process, ReclaimAllocations2, &reclaim);
    }
    assert_true(timeline_length(&g) <= 2); /* the wait, and one for all offers */
    offer(&g, allocation);
    assert_int_equal(decommittable_bytes(&g), 0);
    assert_int_equal(signal_cpu(&g, g.fence, 1), STATUS_SUCCESS);
    wait_idle(&g);
    assert_int_equal(decommittable_bytes(&g), 65536);
    udxg_process_destroy(process);
    udxg_kernel_destroy(kernel);
}

/* ---- what a process may have queued ---- */

#define OBJECTS 32u /* of one wait */
#define LANES 8u    /* together they could hold more than the process may */

/* Waits that never end, until the process may have no more; how many. */
static unsigned fill(const struct gpu *g, D3DKMT_HANDLE context)
{
    D3DKMT_HANDLE fences[OBJECTS];
    UINT64 values[OBJECTS];
    D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMGPU args = {.hContext = context,
                                                       .ObjectCount = OBJECTS,
                                                       .ObjectHandleArray = fences,
                                                       .MonitoredFenceValueArray = values};
    udxg_status status = STATUS_SUCCESS;
    unsigned count = 0;

    for (unsigned i = 0; i < OBJECTS; i++) fences[i] = g->fence, values[i] = 1;
    while (status == STATUS_SUCCESS && count < UDXG_LANE_MAX_PACKETS) {
        status = CALL(g->process, WaitForSynchronizationObjectFromGpu, &args);
        count += status == STATUS_SUCCESS;
    }
    if (count < UDXG_LANE_MAX_PACKETS) assert_int_equal(status, STATUS_NO_MEMORY);
    return count;
}

/* Not each lane as much as a lane may; and what is given up is given back, however it goes. */
static void a_process_queues_no_more_than_it_may(void **state)
{
    struct udxg_kernel *kernel = make_kernel("soft-uma");
    struct udxg_process *process = make_process(kernel), *other = make_process(kernel);
    struct gpu g = open_gpu(process), innocent = open_gpu(other);
    struct udxg_process_adapter *pa = atomic_load(&process->adapters[0]);
    D3DKMT_HANDLE contexts[LANES];
    D3DKMT_DESTROYCONTEXT destroy = {0};
    unsigned first, all = 0;

    (void)state;
    for (unsigned i = 0; i < LANES; i++) contexts[i] = create_context(&g, 0);
    first = fill(&g, contexts[0]);
    for (unsigned i = 1; i < LANES; i++) all += fill(&g, contexts[i]);
    all += first;
    assert_true(all < LANES * UDXG_LANE_MAX_PACKETS);
    assert_true(atomic_load(&pa->granted_bytes) <= UDXG_LANES_MAX_BYTES);
    assert_true(fill(&g, g.context) <= UDXG_LANE_FREE_PACKETS + 1); /* each has some; one is out of the queue */
    assert_int_equal(wait_gpu(&innocent, innocent.context, innocent.fence, 1), STATUS_SUCCESS);
    destroy.hContext = contexts[0];
    DO(process, DestroyContext, &destroy);
    assert_true(fill(&g, contexts[LANES - 1]) + UDXG_LANE_FREE_PACKETS > first / 2);
    assert_int_equal(signal_cpu(&g, g.fence, 1), STATUS_SUCCESS);
    wait_idle(&g);
    assert_int_equal(atomic_load(&pa->granted_packets), 0);
    assert_int_equal(atomic_load(&pa->granted_bytes), 0);
    udxg_process_destroy(process);
    udxg_process_destroy(other);
    udxg_kernel_destroy(kernel);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(process_ends_while_a_packet_runs),
        cmocka_unit_test(shared_memory_outlives_its_process),
        cmocka_unit_test(devices_that_take_turns_part),
        cmocka_unit_test(a_dead_childs_number_is_left_alone),
        cmocka_unit_test(a_dead_allocations_count_is_its_own),
        cmocka_unit_test(a_device_goes_while_its_context_is_picked),
        cmocka_unit_test(a_device_in_error_lets_nobody_wait),
        cmocka_unit_test(offers_and_reclaims_leave_nothing_behind),
        cmocka_unit_test(a_process_queues_no_more_than_it_may),
        cmocka_unit_test(synchronous_destroy_ends_with_the_device),
        cmocka_unit_test(synchronous_destroy_waits_for_earlier_work_only),
        cmocka_unit_test(synchronous_destroy_returns_when_the_memory_is_gone),
        cmocka_unit_test(the_last_signal_and_idleness_are_one),
        cmocka_unit_test(nothing_is_left_of_a_resource_that_grows),
        cmocka_unit_test(flags_bind_the_gpu_too),
        cmocka_unit_test(signalling_a_fence_twice_is_all_or_nothing),
        cmocka_unit_test(a_wait_whose_fence_goes_fails),
        cmocka_unit_test(a_stopped_adapter_lets_nobody_wait),
        cmocka_unit_test(a_paging_queue_ends_with_its_work_done),
        cmocka_unit_test(no_wait_stays_behind_its_context),
        cmocka_unit_test(a_fence_goes_while_an_engine_writes_it),
        cmocka_unit_test(evict_leaves_earlier_work_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
