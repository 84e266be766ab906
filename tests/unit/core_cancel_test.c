/* SPDX-License-Identifier: MIT */
/* The end of a process whose threads sleep in calls: each kind of sleep ends at once, and no other begins. */
#include "core_fixture.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>

#include "base/os.h"

/* A process with a device whose first context waits for a fence that nobody signals. */
struct world {
    struct udxg_kernel *kernel;
    struct udxg_process *process;
    struct gpu g;
    D3DKMT_HANDLE spare, locked; /* allocations */
    D3DKMT_HANDLE fence, mutex;  /* nobody signals it; a keyed one */
    D3DKMT_HANDLE updates;       /* a context for them */
    UINT64 range;                /* addresses for them */
};

static D3DKMT_HANDLE create_keyed_mutex(struct udxg_process *process)
{
    D3DKMT_CREATEKEYEDMUTEX args = {.InitialValue = 1};

    DO(process, CreateKeyedMutex, &args);
    return args.hKeyedMutex;
}

static void begin(struct world *world, const char *adapters)
{
    *world = (struct world){.kernel = make_kernel(adapters)};
    world->process = make_process(world->kernel);
    world->g = open_gpu(world->process);
    assert_int_equal(try_create(&world->g, 4096, false, NULL, &world->spare), STATUS_SUCCESS);
    assert_int_equal(try_create(&world->g, 4096, false, NULL, &world->locked), STATUS_SUCCESS);
    world->fence = create_fence(&world->g, (D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS){.Value = 0}, NULL, NULL);
    world->updates = create_context(&world->g, 0);
    D3DDDI_RESERVEGPUVIRTUALADDRESS range = {.Size = 65536, .hAdapter = world->g.adapter};
    DO(world->process, ReserveGpuVirtualAddress, &range);
    world->range = range.VirtualAddress;
    world->mutex = create_keyed_mutex(world->process);
    assert_int_equal(wait_gpu(&world->g, world->g.context, world->g.fence, 1), STATUS_SUCCESS);
}

/* ---- each kind of sleep ---- */

static udxg_status sleep_for_fence(const struct world *world)
{
    D3DKMT_HANDLE fence = world->fence;
    UINT64 value = 1;
    D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMCPU args = {.hDevice = world->g.device,
                                                       .ObjectCount = 1,
                                                       .ObjectHandleArray = &fence,
                                                       .FenceValueArray = &value};

    return CALL(world->process, WaitForSynchronizationObjectFromCpu, &args);
}

static udxg_status sleep_until_idle(const struct world *world)
{
    D3DKMT_WAITFORIDLE args = {world->g.device};

    return CALL(world->process, WaitForIdle, &args);
}

static udxg_status sleep_for_key(const struct world *world)
{
    D3DKMT_ACQUIREKEYEDMUTEX args = {.hKeyedMutex = world->mutex, .Key = 2};

    return CALL(world->process, AcquireKeyedMutex, &args);
}

static udxg_status sleep_for_key_for_an_hour(const struct world *world)
{
    LARGE_INTEGER hour = {.QuadPart = -INT64_C(36000000000)};
    D3DKMT_ACQUIREKEYEDMUTEX2 args = {.hKeyedMutex = world->mutex, .Key = 3, .pTimeout = &hour};

    return CALL(world->process, AcquireKeyedMutex2, &args);
}

static udxg_status sleep_for_destruction(const struct world *world)
{
    D3DKMT_HANDLE spare = world->spare;
    D3DKMT_DESTROYALLOCATION2 args = {.hDevice = world->g.device,
                                      .phAllocationList = &spare,
                                      .AllocationCount = 1,
                                      .Flags.SynchronousDestroy = 1};

    return CALL(world->process, DestroyAllocation2, &args);
}

static udxg_status sleep_for_lock(const struct world *world)
{
    D3DKMT_LOCK args = {.hDevice = world->g.device, .hAllocation = world->locked};

    args.Flags.LockEntire = 1;
    return CALL(world->process, Lock, &args);
}

/* More updates than a context may have queued, each behind a fence that nobody signals. */
static udxg_status sleep_for_turn(const struct world *world)
{
    enum { OPERATIONS = 100 };
    D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION operations[OPERATIONS] = {0};
    D3DKMT_UPDATEGPUVIRTUALADDRESS args = {
        .hDevice = world->g.device,
        .hContext = world->updates,
        .hFenceObject = world->fence,
        .FenceValue = 1,
        .NumOperations = OPERATIONS,
        .Operations = operations,
    };
    udxg_status status = STATUS_SUCCESS;

    for (int i = 0; i < OPERATIONS; i++) {
        operations[i].OperationType = D3DDDI_UPDATEGPUVIRTUALADDRESS_UNMAP;
        operations[i].Unmap.BaseAddress = world->range;
        operations[i].Unmap.SizeInBytes = 4096;
    }
    for (int i = 0; i < 3 && !udxg_failed(status); i++) status = CALL(world->process, UpdateGpuVirtualAddress, &args);
    return status;
}

static const struct {
    const char *name;
    udxg_status (*sleep)(const struct world *world);
    bool may_succeed; /* the work that it waits for is given up, and then it has what it wanted */
} kinds[] = {
    {"WaitForSynchronizationObjectFromCpu", sleep_for_fence, false},
    {"WaitForIdle", sleep_until_idle, false},
    {"AcquireKeyedMutex", sleep_for_key, false},
    {"AcquireKeyedMutex2", sleep_for_key_for_an_hour, false},
    {"DestroyAllocation2", sleep_for_destruction, true},
    {"Lock", sleep_for_lock, true},
    {"UpdateGpuVirtualAddress", sleep_for_turn, false},
};
#define KINDS (sizeof kinds / sizeof *kinds)

/* ---- threads ---- */

struct sleeper {
    const struct world *world;
    udxg_status (*sleep)(const struct world *world);
    udxg_status status;
    atomic_bool over;
    pthread_t thread;
};

static void *sleep_in_call(void *argument)
{
    struct sleeper *sleeper = argument;

    sleeper->status = sleeper->sleep(sleeper->world);
    atomic_store(&sleeper->over, true);
    return NULL;
}

static unsigned count_stalls(struct udxg_stalls *stalls)
{
    unsigned count = 0;

    for (unsigned i = 0; i < UDXG_STRIPES; i++) {
        udxg_lock(STALL, &stalls->stripes[i].lock);
        udxg_list_for_each(it, &stalls->stripes[i].list) count++;
        udxg_unlock(STALL, &stalls->stripes[i].lock);
    }
    return count;
}

/* All are asleep when it returns. */
static void start(struct sleeper *sleepers, const struct world *world)
{
    for (size_t i = 0; i < KINDS; i++) {
        sleepers[i] = (struct sleeper){.world = world, .sleep = kinds[i].sleep};
        assert_int_equal(pthread_create(&sleepers[i].thread, NULL, sleep_in_call, &sleepers[i]), 0);
    }
    for (int i = 0; i < 20000 && count_stalls(&world->process->stalls) < KINDS; i++) usleep(1000);
    for (size_t i = 0; i < KINDS; i++)
        if (atomic_load(&sleepers[i].over)) fail_msg("%s does not sleep: %x", kinds[i].name, sleepers[i].status);
}

/* The limit is for a machine that has other things to do. */
static void check_over(struct sleeper *sleepers, uint64_t since_ns)
{
    for (size_t i = 0; i < KINDS; i++) {
        while (!atomic_load(&sleepers[i].over)) {
            if (udxg_os_now_ns() - since_ns > UINT64_C(1000000000)) fail_msg("%s still sleeps", kinds[i].name);
            usleep(100);
        }
        pthread_join(sleepers[i].thread, NULL);
        if (sleepers[i].status != STATUS_DEVICE_REMOVED && !(kinds[i].may_succeed && !sleepers[i].status))
            fail_msg("%s: %x", kinds[i].name, sleepers[i].status);
    }
}

static void every_sleep_ends(void **state)
{
    struct world world;
    struct sleeper sleepers[KINDS];
    struct udxg_process *other;
    struct gpu g;
    uint64_t began_ns;

    (void)state;
    begin(&world, "soft-uma");
    other = make_process(world.kernel);
    g = open_gpu(other);
    start(sleepers, &world);
    began_ns = udxg_os_now_ns();
    udxg_process_cancel(world.process);
    check_over(sleepers, began_ns);
    /* What would sleep comes back, what need not works. */
    assert_int_equal(sleep_for_key(&world), STATUS_DEVICE_REMOVED);
    assert_int_equal(sleep_for_fence(&world), STATUS_SUCCESS); /* it has ended with its device */
    world.fence = create_fence(&world.g, (D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS){.Value = 0}, NULL, NULL);
    assert_int_equal(sleep_for_fence(&world), STATUS_DEVICE_REMOVED);
    wait_idle(&world.g);
    udxg_process_destroy(world.process);
    assert_true(passes(&g, 5000));
    udxg_process_destroy(other);
    udxg_kernel_destroy(world.kernel);
}

/* A packet that does not come back when it is told to: nobody waits for it but the watchdog. */
static void a_stuck_engine_holds_nobody_up(void **state)
{
    static const struct udxg_soft_command nop = {UDXG_SOFT_OP_NOP, sizeof(struct udxg_soft_command)};
    struct world world;
    struct sleeper sleepers[KINDS];
    struct udxg_process *other;
    struct udxg_inject_text inject = {.pText = "engine:stuck:when=1", .TextBytes = sizeof "engine:stuck:when=1"};
    uint64_t began_ns;

    (void)state;
    begin(&world, "soft-uma");
    other = make_process(world.kernel);
    DO(other, Inject, &inject);
    world.g.context = create_context(&world.g, 0);
    submit(&world.g, &nop, sizeof nop);
    start(sleepers, &world);
    began_ns = udxg_os_now_ns();
    udxg_process_cancel(world.process);
    check_over(sleepers, began_ns);
    udxg_process_destroy(world.process);
    udxg_process_destroy(other);
    udxg_kernel_destroy(world.kernel);
}

/* Threads fall asleep while the process is being cancelled: none stays. */
static void nobody_falls_asleep_too_late(void **state)
{
    enum { ROUNDS = 60 };

    (void)state;
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct world world;
        struct sleeper sleepers[KINDS];
        begin(&world, "soft-uma");
        for (size_t i = 0; i < KINDS; i++) {
            sleepers[i] = (struct sleeper){.world = &world, .sleep = kinds[i % 4].sleep};
            assert_int_equal(pthread_create(&sleepers[i].thread, NULL, sleep_in_call, &sleepers[i]), 0);
        }
        usleep(round * 10);
        udxg_process_cancel(world.process);
        for (size_t i = 0; i < KINDS; i++) pthread_join(sleepers[i].thread, NULL);
        udxg_process_destroy(world.process);
        udxg_kernel_destroy(world.kernel);
    }
}

/* ---- waits that end with their device ---- */

static void *sleep_by_another_device(void *argument)
{
    struct sleeper *sleeper = argument;
    const struct world *world = sleeper->world;
    UINT64 value = 1;
    D3DKMT_HANDLE fence = world->g.fence;
    D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMCPU args = {.hDevice = world->spare,
                                                       .ObjectCount = 1,
                                                       .ObjectHandleArray = &fence,
                                                       .FenceValueArray = &value};

    sleeper->status = CALL(world->process, WaitForSynchronizationObjectFromCpu, &args);
    atomic_store(&sleeper->over, true);
    return NULL;
}

/* The fence stays; who waits for it by the device that goes does not. */
static void a_wait_ends_with_its_device(void **state)
{
    struct world world;
    struct gpu going;
    int event = eventfd(0, EFD_NONBLOCK);
    UINT64 value = 1, count;
    D3DKMT_HANDLE fence;
    D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMCPU args = {.ObjectCount = 1,
                                                       .ObjectHandleArray = &fence,
                                                       .FenceValueArray = &value,
                                                       .hAsyncEvent = (HANDLE)(intptr_t)event};

    (void)state;
    begin(&world, "soft-uma");
    going = open_gpu(world.process);
    fence = world.g.fence;
    args.hDevice = going.device;
    DO(world.process, WaitForSynchronizationObjectFromCpu, &args);
    world.spare = going.device;
    struct sleeper sleeper = {.world = &world};
    assert_int_equal(pthread_create(&sleeper.thread, NULL, sleep_by_another_device, &sleeper), 0);
    usleep(20000);
    assert_false(atomic_load(&sleeper.over));
    close_gpu(&going);
    for (int i = 0; i < 2000 && !atomic_load(&sleeper.over); i++) usleep(1000);
    assert_true(atomic_load(&sleeper.over));
    pthread_join(sleeper.thread, NULL);
    assert_int_equal(sleeper.status, STATUS_INVALID_PARAMETER);
    assert_int_equal(read(event, &count, sizeof count), sizeof count);
    assert_int_equal(count, 1);
    assert_int_equal(signal_cpu(&world.g, fence, 1), STATUS_SUCCESS);
    close(event);
    udxg_process_destroy(world.process);
    udxg_kernel_destroy(world.kernel);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_sleep_ends),
        cmocka_unit_test(a_stuck_engine_holds_nobody_up),
        cmocka_unit_test(nobody_falls_asleep_too_late),
        cmocka_unit_test(a_wait_ends_with_its_device),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
