/* SPDX-License-Identifier: MIT */
/*
 * What becomes of those who wait for a fence that nobody will signal: its device, its process or its adapter is gone,
 * or a signal that was queued is lost.
 */
#include "core_fixture.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "base/os.h"
#include "core/sync.h"

static const D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS plain = {.Value = 0}, shared = {.Shared = 1};

static void pair(struct udxg_kernel **ret_kernel, struct udxg_process **ret_one, struct udxg_process **ret_two)
{
    *ret_kernel = make_kernel("soft-uma");
    *ret_one = make_process(*ret_kernel);
    *ret_two = make_process(*ret_kernel);
}

static D3DKMT_HANDLE create_shared_fence(const struct gpu *g, D3DKMT_HANDLE *ret_global)
{
    D3DKMT_CREATESYNCHRONIZATIONOBJECT2 args = {.hDevice = g->device};

    args.Info.Type = D3DDDI_MONITORED_FENCE;
    args.Info.Flags = shared;
    DO(g->process, CreateSynchronizationObject2, &args);
    *ret_global = args.Info.SharedHandle;
    return args.hSyncObject;
}

static int create_file(const struct gpu *g, D3DKMT_HANDLE fence, UINT64 value)
{
    D3DKMT_CREATESYNCFILE args = {.hDevice = g->device, .hMonitoredFence = fence, .FenceValue = value};

    DO(g->process, CreateSyncFile, &args);
    return (int)args.hSyncFile;
}

static bool is_ready(int fd, int timeout_ms)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

    return poll(&poll_fd, 1, timeout_ms) == 1 && poll_fd.revents & POLLIN;
}

/* ---- a thread that waits ---- */

struct sleeper {
    const struct gpu *g;
    D3DKMT_HANDLE fence;
    UINT64 value;
    udxg_status status;
    atomic_bool over;
    pthread_t thread;
};

static void *sleep_for_fence(void *argument)
{
    struct sleeper *sleeper = argument;
    D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMCPU args = {.hDevice = sleeper->g->device,
                                                       .ObjectCount = 1,
                                                       .ObjectHandleArray = &sleeper->fence,
                                                       .FenceValueArray = &sleeper->value};

    sleeper->status = CALL(sleeper->g->process, WaitForSynchronizationObjectFromCpu, &args);
    atomic_store(&sleeper->over, true);
    return NULL;
}

static void fall_asleep(struct sleeper *sleeper)
{
    assert_int_equal(pthread_create(&sleeper->thread, NULL, sleep_for_fence, sleeper), 0);
    usleep(20000);
    assert_false(atomic_load(&sleeper->over));
}

/* A thread that does not wake up stays behind, and the test fails. */
static void check_woken(struct sleeper *sleeper, udxg_status status)
{
    for (int i = 0; i < 2000 && !atomic_load(&sleeper->over); i++) usleep(1000);
    assert_true(atomic_load(&sleeper->over));
    pthread_join(sleeper->thread, NULL);
    assert_int_equal(sleeper->status, status);
}

/* ---- the end of who would signal ---- */

static void a_process_ends_and_another_waits(void **state)
{
    struct udxg_kernel *kernel;
    struct udxg_process *one, *two;
    struct gpu dying, waiting;
    D3DKMT_HANDLE global, mine;

    (void)state;
    pair(&kernel, &one, &two);
    dying = open_gpu(one);
    waiting = open_gpu(two);
    create_shared_fence(&dying, &global);
    mine = open_sync(two, global);
    assert_int_equal(wait_gpu(&waiting, waiting.context, mine, 7), STATUS_SUCCESS);
    assert_false(passes(&waiting, 50));
    udxg_process_destroy(one);
    assert_true(passes(&waiting, 5000));
    udxg_process_destroy(two);
    udxg_kernel_destroy(kernel);
}

/* The other one's fence, which only the dying process's context would have signalled. */
static void a_queued_signal_is_lost(void **state)
{
    struct udxg_kernel *kernel;
    struct udxg_process *one, *two;
    struct gpu dying, waiting;
    D3DKMT_HANDLE global, mine, theirs;

    (void)state;
    pair(&kernel, &one, &two);
    dying = open_gpu(one);
    waiting = open_gpu(two);
    mine = create_shared_fence(&waiting, &global);
    theirs = open_sync(one, global);
    assert_int_equal(wait_gpu(&dying, dying.context, dying.fence, 1), STATUS_SUCCESS);
    assert_int_equal(signal_gpu(&dying, dying.context, theirs, 7), STATUS_SUCCESS);
    close_sync(one, theirs);
    assert_int_equal(wait_gpu(&waiting, waiting.context, mine, 7), STATUS_SUCCESS);
    assert_false(passes(&waiting, 50));
    mark_as_error(&dying);
    assert_true(passes(&waiting, 5000));
    udxg_process_destroy(one);
    udxg_process_destroy(two);
    udxg_kernel_destroy(kernel);
}

/* What is queued counts for as long as it is there; a device that is destroyed is not in error. */
static void a_sync_file_hears_of_its_devices_end(void **state)
{
    struct udxg_kernel *kernel = make_kernel("soft-uma");
    struct udxg_process *process = make_process(kernel);
    struct gpu dying = open_gpu(process), other = open_gpu(process);
    D3DKMT_OPENSYNCOBJECTFROMSYNCFILE open = {.hDevice = other.device};
    D3DKMT_HANDLE gate = create_fence(&other, plain, NULL, NULL);
    struct sleeper sleeper = {.g = &other, .value = 1};
    int file = create_file(&dying, dying.fence, 1);

    (void)state;
    open.hSyncFile = (UINT64)file;
    DO(process, OpenSyncObjectFromSyncFile, &open);
    sleeper.fence = open.hSyncObject;
    assert_int_equal(wait_gpu(&dying, dying.context, gate, 1), STATUS_SUCCESS);
    assert_int_equal(signal_gpu(&dying, dying.context, dying.fence, 1), STATUS_SUCCESS);
    close_sync(process, dying.fence);
    fall_asleep(&sleeper);
    assert_false(is_ready(file, 20));
    close_gpu(&dying);
    assert_true(is_ready(file, 2000));
    check_woken(&sleeper, STATUS_INVALID_PARAMETER);
    assert_true(is_ready(create_file(&other, open.hSyncObject, 5), 2000));
    close(file);
    udxg_process_destroy(process);
    udxg_kernel_destroy(kernel);
}

/* Nobody has a handle of a progress fence for signals, and the queue signals it. */
static void a_queue_signals_its_fence_without_a_handle(void **state)
{
    struct udxg_kernel *kernel = make_kernel("soft-uma");
    struct udxg_process *process = make_process(kernel);
    struct gpu g = open_gpu(process);
    D3DKMT_CREATECONTEXTVIRTUAL context = {.hDevice = g.device, .Flags.HwQueueSupported = 1};
    D3DKMT_CREATEHWQUEUE queue = {0};
    D3DKMT_DESTROYHWQUEUE end = {0};
    UINT64 value = 1;
    D3DKMT_SUBMITWAITFORSYNCOBJECTSTOHWQUEUE wait = {.ObjectCount = 1,
                                                     .ObjectHandleArray = &g.fence,
                                                     .FenceValueArray = &value};
    int file;

    (void)state;
    DO(process, CreateContextVirtual, &context);
    queue.hHwContext = context.hContext;
    DO(process, CreateHwQueue, &queue);
    file = create_file(&g, queue.hHwQueueProgressFence, 1);
    close_sync(process, queue.hHwQueueProgressFence);
    assert_false(is_ready(file, 20));
    wait.hHwQueue = end.hHwQueue = queue.hHwQueue;
    DO(process, SubmitWaitForSyncObjectsToHwQueue, &wait);
    assert_false(is_ready(file, 20));
    DO(process, DestroyHwQueue, &end);
    assert_true(is_ready(file, 2000));
    close(file);
    udxg_process_destroy(process);
    udxg_kernel_destroy(kernel);
}

/* ---- what stays ---- */

static void nobody_sets_an_ended_fence(void **state)
{
    struct udxg_kernel *kernel = make_kernel("soft-uma");
    struct udxg_process *one = make_process(kernel);
    struct gpu broken = open_gpu(one), sound = open_gpu(one);
    UINT64 value = 3;
    D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMCPU rewind = {.ObjectCount = 1, .FenceValueArray = &value};
    struct {
        struct udxg_soft_write write;
        UINT64 data;
    } command = {.write = {.header = udxg_soft_header(UDXG_SOFT_OP_WRITE, sizeof command), .data_bytes = 8}, .data = 5};

    (void)state;
    mark_as_error(&broken);
    assert_true(*broken.value == UINT64_MAX);
    rewind.hDevice = sound.device;
    rewind.ObjectHandleArray = &broken.fence;
    rewind.Flags.AllowFenceRewind = 1;
    assert_int_equal(CALL(one, SignalSynchronizationObjectFromCpu, &rewind), STATUS_INVALID_PARAMETER);
    assert_int_equal(signal_gpu(&sound, sound.context, broken.fence, 4), STATUS_SUCCESS);
    wait_idle(&sound);
    assert_true(*broken.value == UINT64_MAX);
    command.write.va = broken.fence_va;
    submit(&sound, &command, sizeof command);
    wait_idle(&sound);
    assert_int_equal(execution_state(&sound), D3DKMT_DEVICEEXECUTION_ACTIVE);
    assert_true(*broken.value == UINT64_MAX);
    wait_cpu(&sound, broken.fence, UINT64_MAX);
    udxg_process_destroy(one);
    udxg_kernel_destroy(kernel);
}

/* A device that was in error before its adapter goes may have made fences since. */
static void a_later_failure_counts_too(void **state)
{
    struct udxg_kernel *kernel = make_kernel("soft-uma");
    struct udxg_process *process = make_process(kernel);
    struct gpu g = open_gpu(process);
    struct udxg_stop_adapter stop = {.AdapterLuid = kernel->adapters[0]->luid};
    struct sleeper sleeper = {.g = &g, .value = 1};

    (void)state;
    mark_as_error(&g);
    sleeper.fence = create_fence(&g, plain, NULL, NULL);
    fall_asleep(&sleeper);
    DO(process, StopAdapter, &stop);
    check_woken(&sleeper, STATUS_SUCCESS);
    udxg_process_destroy(process);
    udxg_kernel_destroy(kernel);
}

/* ---- a signal and one that takes it back ---- */

#define MOST_NS UINT64_C(3000000000) /* for one race: a machine that is busy gets less far */

static atomic_bool enough;

static void *take_back(void *argument)
{
    while (!atomic_load(&enough))
        if (udxg_failed(udxg_sync_signal(argument, 0, true))) abort();
    return NULL;
}

static atomic_int woken;

static bool count(struct udxg_wait *wait)
{
    (void)wait;
    atomic_fetch_add(&woken, 1);
    return true;
}

static void free_wait(struct udxg_wait *wait)
{
    free(wait);
}

/* The fence had the value, if only for a moment: who waited for that has to go on. */
static void a_signal_is_not_lost_to_a_rewind(void **state)
{
    enum { ROUNDS = 200000 };
    const uint64_t until_ns = udxg_os_now_ns() + MOST_NS;
    static const struct udxg_wait_ops ops = {count, free_wait};
    struct udxg_kernel *kernel = make_kernel("soft-uma");
    struct udxg_process *process = make_process(kernel);
    struct gpu g = open_gpu(process);
    const uint64_t wanted = 3;
    struct udxg_sync *fence;
    pthread_t thread;
    int rounds = 0;

    (void)state;
    assert_int_equal(udxg_syncs_get(process, 1, &g.fence, UDXG_SYNC_ANY, &fence), STATUS_SUCCESS);
    assert_int_equal(pthread_create(&thread, NULL, take_back, fence), 0);
    for (; rounds < ROUNDS && udxg_os_now_ns() < until_ns; rounds++) {
        struct udxg_wait *wait = malloc(udxg_wait_bytes(0, 1));
        assert_non_null(wait);
        udxg_wait_init(wait, 1, &fence, &wanted, false, NULL, &ops);
        udxg_wait_start(wait);
        assert_int_equal(udxg_sync_signal(fence, 5, false), STATUS_SUCCESS);
        udxg_wait_cancel(wait);
        udxg_wait_unref(wait);
    }
    atomic_store(&enough, true);
    pthread_join(thread, NULL);
    assert_int_equal(atomic_load(&woken), rounds);
    udxg_sync_unref(fence);
    udxg_process_destroy(process);
    udxg_kernel_destroy(kernel);
}

/* ---- one of several ---- */

/* One will never come and the other one is there: whoever wants any of them has what he wants. */
static void any_is_enough(void **state)
{
    struct udxg_kernel *kernel = make_kernel("soft-uma");
    struct udxg_process *process = make_process(kernel);
    struct gpu g = open_gpu(process);
    D3DKMT_OPENSYNCOBJECTFROMSYNCFILE open = {.hDevice = g.device};
    D3DKMT_HANDLE lost = create_fence(&g, plain, NULL, NULL);
    const UINT64 values[2] = {5, 1};
    D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMCPU args = {.hDevice = g.device,
                                                       .ObjectCount = 2,
                                                       .FenceValueArray = values,
                                                       .Flags.WaitAny = 1};
    int file = create_file(&g, lost, 5);

    (void)state;
    open.hSyncFile = (UINT64)file;
    DO(process, OpenSyncObjectFromSyncFile, &open);
    close_sync(process, lost);
    const D3DKMT_HANDLE fences[2] = {open.hSyncObject, g.fence};
    args.ObjectHandleArray = fences;
    assert_int_equal(CALL(process, WaitForSynchronizationObjectFromCpu, &args), STATUS_INVALID_PARAMETER);
    assert_int_equal(signal_cpu(&g, g.fence, 1), STATUS_SUCCESS);
    assert_int_equal(CALL(process, WaitForSynchronizationObjectFromCpu, &args), STATUS_SUCCESS);
    close(file);
    udxg_process_destroy(process);
    udxg_kernel_destroy(kernel);
}

/* ---- what a native fence tells engines ---- */

#define NATIVE_ROUNDS 100000

static struct udxg_sync *native;
static _Atomic uint64_t asked, written;

/* Both threads are to be there at the same moment: no sleep, as long as there is a processor for each. */
static void spin_until(_Atomic uint64_t *word, uint64_t value)
{
    for (unsigned i = 0; atomic_load(word) < value; i++)
        if (i > 200) sched_yield();
}

/* As an engine does: it writes the value, and tells only if somebody seems to want to know. */
static void *write_as_an_engine(void *argument)
{
    for (uint64_t value = 1;; value++) {
        spin_until(&asked, value);
        if (atomic_load(&enough)) return argument;
        atomic_store(native->slot.value, value);
        if (atomic_load(native->monitored.value) <= value) udxg_sync_store(native, value);
        atomic_store(&written, value);
    }
}

static void a_native_fence_is_monitored_in_time(void **state)
{
    static const struct udxg_wait_ops ops = {count, free_wait};
    struct udxg_kernel *kernel = make_kernel("soft-uma");
    struct udxg_process *process = make_process(kernel);
    struct gpu g = open_gpu(process);
    D3DKMT_CREATENATIVEFENCE create = {.hDevice = g.device, .Info.Type = D3DDDI_NATIVEFENCE_TYPE_DEFAULT};
    const uint64_t until_ns = udxg_os_now_ns() + MOST_NS;
    uint64_t value = 1;
    pthread_t thread;

    (void)state;
    DO(process, CreateNativeFence, &create);
    atomic_store(&enough, false);
    assert_int_equal(udxg_syncs_get(process, 1, &create.hSyncObject, UDXG_SYNC_ANY, &native), STATUS_SUCCESS);
    atomic_store(&woken, 0);
    assert_int_equal(pthread_create(&thread, NULL, write_as_an_engine, NULL), 0);
    for (; value <= NATIVE_ROUNDS && udxg_os_now_ns() < until_ns; value++) {
        struct udxg_wait *wait = malloc(udxg_wait_bytes(0, 1));
        assert_non_null(wait);
        udxg_wait_init(wait, 1, &native, &value, false, NULL, &ops);
        atomic_store(&asked, value);
        udxg_wait_start(wait);
        spin_until(&written, value);
        udxg_wait_cancel(wait);
        udxg_wait_unref(wait);
    }
    atomic_store(&enough, true);
    atomic_store(&asked, value);
    pthread_join(thread, NULL);
    assert_int_equal(atomic_load(&woken), value - 1);
    udxg_sync_unref(native);
    udxg_process_destroy(process);
    udxg_kernel_destroy(kernel);
}

/* ---- the end of the kernel ---- */

enum { ENDING_FILES = 100 };

static struct udxg_sync *ending[ENDING_FILES];
static atomic_bool go;

static void *signal_all(void *argument)
{
    while (!atomic_load(&go)) continue;
    for (int i = 0; i < ENDING_FILES; i++) udxg_sync_store(ending[i], 1);
    return argument;
}

/*
 * The first that a kernel ends is its NT handles, and an engine may still be on its way back from a packet: nobody
 * touches them after that.
 */
static void a_sync_file_ends_with_its_kernel(void **state)
{
    enum { ROUNDS = 100 };
    struct udxg_kernel *kernel = make_kernel("soft-uma");
    struct udxg_process *process = make_process(kernel);

    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        struct gpu g = open_gpu(process);
        int files[ENDING_FILES];
        pthread_t thread;
        for (int i = 0; i < ENDING_FILES; i++) {
            D3DKMT_HANDLE fence = create_fence(&g, plain, NULL, NULL);
            files[i] = create_file(&g, fence, 1);
            assert_int_equal(udxg_syncs_get(process, 1, &fence, UDXG_SYNC_ANY, &ending[i]), STATUS_SUCCESS);
        }
        assert_int_equal(pthread_create(&thread, NULL, signal_all, NULL), 0);
        atomic_store(&go, true);
        udxg_nt_handles_fini(&kernel->nt_handles);
        memset(&kernel->nt_handles, 0x5a, sizeof kernel->nt_handles);
        pthread_join(thread, NULL);
        atomic_store(&go, false);
        udxg_nt_handles_init(&kernel->nt_handles);
        udxg_syncs_put(ENDING_FILES, ending);
        for (int i = 0; i < ENDING_FILES; i++) close(files[i]);
        close_gpu(&g);
    }
    udxg_process_destroy(process);
    udxg_kernel_destroy(kernel);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_process_ends_and_another_waits),
        cmocka_unit_test(a_queued_signal_is_lost),
        cmocka_unit_test(a_sync_file_hears_of_its_devices_end),
        cmocka_unit_test(a_queue_signals_its_fence_without_a_handle),
        cmocka_unit_test(nobody_sets_an_ended_fence),
        cmocka_unit_test(a_later_failure_counts_too),
        cmocka_unit_test(a_signal_is_not_lost_to_a_rewind),
        cmocka_unit_test(any_is_enough),
        cmocka_unit_test(a_native_fence_is_monitored_in_time),
        cmocka_unit_test(a_sync_file_ends_with_its_kernel),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
