/* SPDX-License-Identifier: MIT */
/*
 * The process around the calls: many threads at once, and processes that end with everything still open, as
 * clients do.
 */
#include "../sanitizer.h"
#include "fixture.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define THREADS 4
#define ROUNDS 300

/* ------------------------------------------------------------------------------------------------- threads */

struct worker {
    struct gpu *gpu; /* shared by all */
    unsigned number;
    unsigned wrong; /* calls that did not do as they should; checks are for the main thread */
    unsigned rounds;
};

static bool one_life(struct worker *worker, unsigned round)
{
    struct gpu *gpu = worker->gpu;
    struct udxg_soft_allocation soft = soft_buffer(KIB(4) << (round % 6));
    D3DDDI_ALLOCATIONINFO2 info = {0};
    D3DKMT_CREATEALLOCATION args = {0};
    void *data = NULL;
    UINT64 va = 0;
    info.pPrivateDriverData = &soft;
    info.PrivateDriverDataSize = sizeof(soft);
    args.hDevice = gpu->device;
    args.NumAllocations = 1;
    args.pAllocationInfo2 = &info;
    args.Flags.CreateResource = round & 1;
    if (D3DKMTCreateAllocation2(&args) != STATUS_SUCCESS) return false;
    bool good = try_lock(gpu->device, info.hAllocation, &data) == STATUS_SUCCESS;
    good = good && filled_with(data, soft.size_bytes, 0);
    if (good) memset(data, (int)(worker->number + 1), soft.size_bytes);
    good = good && try_make_resident(&gpu->queue, info.hAllocation) == STATUS_SUCCESS;
    good = good && try_map(&gpu->queue, info.hAllocation, 0, soft.size_bytes / PAGE_BYTES, &va) == STATUS_SUCCESS;
    good = good && evict(gpu->device, info.hAllocation) == STATUS_SUCCESS;
    good = good && filled_with(data, soft.size_bytes, (uint8_t)(worker->number + 1));
    if (args.hResource != 0) return destroy_resource(gpu->device, args.hResource) == STATUS_SUCCESS && good;
    return destroy_allocation(gpu->device, info.hAllocation) == STATUS_SUCCESS && good;
}

static void *allocate_and_free(void *arg)
{
    struct worker *worker = (struct worker *)arg;
    for (worker->rounds = 0; worker->rounds < ROUNDS; worker->rounds++)
        worker->wrong += !one_life(worker, worker->rounds);
    return NULL;
}

/* Each thread hands to the next through fences: nobody may be lost. */
static void *pass_on(void *arg)
{
    struct worker *worker = (struct worker *)arg;
    struct gpu *gpu = worker->gpu;
    for (UINT64 round = 0; round < ROUNDS; round++) {
        UINT64 turn = round * THREADS + worker->number;
        worker->wrong += wait_cpu(gpu->device, gpu->done.handle, turn, -1) != STATUS_SUCCESS;
        worker->wrong += signal_cpu(gpu->device, gpu->done.handle, turn + 1, 0) != STATUS_SUCCESS;
    }
    return NULL;
}

/* All threads try to destroy the same allocation: one of them does. */
struct rivals {
    D3DKMT_HANDLE device, allocation;
    pthread_barrier_t barrier;
    unsigned succeeded;
};

static void *destroy_too(void *arg)
{
    struct rivals *rivals = (struct rivals *)arg;
    pthread_barrier_wait(&rivals->barrier);
    if (destroy_allocation(rivals->device, rivals->allocation) == STATUS_SUCCESS)
        __atomic_fetch_add(&rivals->succeeded, 1, __ATOMIC_RELAXED);
    return NULL;
}

static unsigned run_workers(struct gpu *gpu, void *(*work)(void *))
{
    struct worker workers[THREADS];
    pthread_t threads[THREADS];
    unsigned wrong_calls = 0;
    for (unsigned i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){gpu, i, 0, 0};
        require_true(pthread_create(&threads[i], NULL, work, &workers[i]) == 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        wrong_calls += workers[i].wrong;
    }
    return wrong_calls;
}

static void threads(void)
{
    struct gpu gpu;
    gpu_open(&gpu);
    udxg_case("create, lock, make resident, map, evict, destroy on one device") {
        check_u64(0, run_workers(&gpu, allocate_and_free));
        check_u64(0, memory_info(gpu.adapter, D3DKMT_MEMORY_SEGMENT_GROUP_LOCAL).CurrentUsage);
    }
    udxg_case("the same while the GPU works") {
        struct gpu_buffer buffer = create_gpu_buffer(&gpu, MIB(1));
        for (uint32_t i = 0; i < 200; i++) {
            struct udxg_soft_fill fill = udxg_soft_fill_command(buffer.va, MIB(1), i);
            require_success(submit(&gpu, &fill, sizeof(fill)));
        }
        check_u64(0, run_workers(&gpu, allocate_and_free));
        gpu_finish(&gpu);
        check_u64(D3DKMT_DEVICEEXECUTION_ACTIVE, execution_state(gpu.device));
        check_true(*(const uint32_t *)lock(gpu.device, buffer.allocation) == 199);
    }
    udxg_case("waits and signals in turn") {
        struct gpu own;
        gpu_open_on(&own, gpu.adapter);
        check_u64(0, run_workers(&own, pass_on));
        check_u64(THREADS * ROUNDS, *own.done.value);
    }
    udxg_case("four destroy the same allocation, one succeeds") {
        for (int round = 0; round < 50; round++) {
            struct rivals rivals = {.device = gpu.device, .allocation = create_buffer(gpu.device, KIB(64))};
            pthread_t rival[THREADS];
            pthread_barrier_init(&rivals.barrier, NULL, THREADS);
            for (int i = 0; i < THREADS; i++) require_true(pthread_create(&rival[i], NULL, destroy_too, &rivals) == 0);
            for (int i = 0; i < THREADS; i++) pthread_join(rival[i], NULL);
            pthread_barrier_destroy(&rivals.barrier);
            require_u64(1, rivals.succeeded);
        }
    }
}

/* ------------------------------------------------------------------------------------------------ ending */

static struct gpu at_exit;

static void destroy_at_exit(void)
{
    D3DKMT_DESTROYCONTEXT context = {at_exit.context};
    D3DKMT_DESTROYDEVICE device = {at_exit.device};
    D3DKMT_CLOSEADAPTER adapter = {at_exit.adapter};
    if (D3DKMTDestroyContext(&context) != STATUS_SUCCESS || D3DKMTDestroyDevice(&device) != STATUS_SUCCESS ||
        D3DKMTCloseAdapter(&adapter) != STATUS_SUCCESS)
        _exit(42);
}

static void leak_everything(void)
{
    struct gpu gpu;
    gpu_open(&gpu);
    create_resource(gpu.device, 3, false, NULL);
    lock(gpu.device, create_gpu_buffer(&gpu, MIB(1)).allocation);
}

static void leave_work_waiting(void)
{
    struct gpu gpu;
    gpu_open(&gpu);
    struct fence gate = create_fence(gpu.device, 0);
    struct gpu_buffer buffer = create_gpu_buffer(&gpu, KIB(64));
    struct udxg_soft_fill fill = udxg_soft_fill_command(buffer.va, KIB(64), 1);
    require_success(wait_cpu(gpu.device, gate.handle, 2, create_event()));
    require_success(wait_gpu(gpu.context, gate.handle, 1));
    require_success(submit(&gpu, &fill, sizeof(fill)));
}

static void leave_engine_busy(void)
{
    struct gpu gpu;
    struct udxg_soft_wait wait;
    gpu_open(&gpu);
    memset(&wait, 0, sizeof(wait));
    wait.header = udxg_soft_header(UDXG_SOFT_OP_WAIT, sizeof(wait));
    wait.va = create_gpu_buffer(&gpu, KIB(64)).va;
    wait.value = 1;
    wait.operand_bytes = 8;
    require_success(submit(&gpu, &wait, sizeof(wait)));
}

static void destroy_from_exit_handler(void)
{
    require_true(atexit(destroy_at_exit) == 0);
    gpu_open(&at_exit);
    create_gpu_buffer(&at_exit, KIB(64));
}

static void ends(void)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } rows[] = {
        {"with everything open and locked", leak_everything},
        {"with work that waits", leave_work_waiting},
        {"with an engine in the middle of a command", leave_engine_busy},
        {"and destroys in an exit handler", destroy_from_exit_handler},
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        udxg_case("%s", rows[i].name) {
            int status = 0;
            pid_t pid = fork();
            if (pid == 0) {
                alarm(10);
                rows[i].run();
                exit(EXIT_SUCCESS);
            }
            require_true(pid > 0 && waitpid(pid, &status, 0) == pid);
            check_true(WIFEXITED(status));
            check_u64(EXIT_SUCCESS, WEXITSTATUS(status));
        }
    }
}

/* ---------------------------------------------------------------------------------------- fork and exec */

/* How a child ends that runs BODY: true when it exits with success in time. */
static bool child_does_well(bool (*body)(void *), void *user)
{
    int status = 0;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        alarm(20);
        _exit(body(user) ? EXIT_SUCCESS : 42);
    }
    return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS;
}

/* Whatever the parent had a handle of is not there, whichever way it is named. */
static bool knows_no_handle(const struct gpu *gpu)
{
    D3DKMT_DESTROYDEVICE device = {gpu->device};
    D3DKMT_CLOSEADAPTER adapter = {gpu->adapter};
    D3DKMT_DESTROYCONTEXT context = {gpu->context};
    D3DKMT_DESTROYSYNCHRONIZATIONOBJECT fence = {gpu->done.handle};
    return D3DKMTDestroyContext(&context) == STATUS_INVALID_PARAMETER &&
           D3DKMTDestroySynchronizationObject(&fence) == STATUS_INVALID_PARAMETER &&
           D3DKMTDestroyDevice(&device) == STATUS_INVALID_PARAMETER &&
           D3DKMTCloseAdapter(&adapter) == STATUS_INVALID_PARAMETER;
}

static bool has_a_life(void)
{
    struct gpu own;
    struct worker worker = {.gpu = &own};
    gpu_open(&own);
    return one_life(&worker, 1) && one_life(&worker, 2);
}

static bool begins_anew(void *gpu)
{
    return knows_no_handle((const struct gpu *)gpu) && has_a_life();
}

static bool begins_anew_twice(void *gpu)
{
    return begins_anew(gpu) && child_does_well(begins_anew, gpu) && has_a_life();
}

static bool does_nothing(void *unused)
{
    (void)unused;
    return true;
}

static bool lives(void *unused)
{
    (void)unused;
    return has_a_life();
}

struct busy {
    struct gpu gpu;
    bool stop;
    unsigned wrong;
};

static void *be_busy(void *arg)
{
    struct busy *busy = (struct busy *)arg;
    struct worker worker = {.gpu = &busy->gpu};
    for (unsigned round = 0; !__atomic_load_n(&busy->stop, __ATOMIC_ACQUIRE); round++)
        if (!one_life(&worker, round)) __atomic_fetch_add(&busy->wrong, 1, __ATOMIC_RELAXED);
    return NULL;
}

static void forks(void)
{
    struct busy busy = {0};
    struct gpu *gpu = &busy.gpu;
    gpu_open(gpu);
    struct gpu_buffer buffer = create_gpu_buffer(gpu, KIB(64));
    memset(lock(gpu->device, buffer.allocation), 0x5a, KIB(64));
    udxg_case("a child knows nothing of its parent's, and has a process of its own") {
        check_true(child_does_well(begins_anew, gpu));
        check_true(child_does_well(begins_anew_twice, gpu));
    }
    udxg_case("the parent goes on as before") {
        check_true(filled_with(lock(gpu->device, buffer.allocation), KIB(64), 0x5a));
        check_true(child_does_well(does_nothing, NULL));
        check_true(filled_with(lock(gpu->device, buffer.allocation), KIB(64), 0x5a));
        struct udxg_soft_fill fill = udxg_soft_fill_command(buffer.va, KIB(64), 7);
        check_status(STATUS_SUCCESS, submit(gpu, &fill, sizeof(fill)));
        gpu_finish(gpu);
        check_true(*(const uint32_t *)lock(gpu->device, buffer.allocation) == 7);
    }
    if (WITH_SANITIZER) {
        note("no forks while other threads allocate: the sanitizers' own locks stay taken in the child");
        return;
    }
    udxg_case("one thread forks while others are in calls") {
        pthread_t workers[THREADS];
        for (int i = 0; i < THREADS; i++) require_true(pthread_create(&workers[i], NULL, be_busy, &busy) == 0);
        for (int i = 0; i < 20; i++) check_true(child_does_well(i & 1 ? lives : does_nothing, NULL));
        __atomic_store_n(&busy.stop, true, __ATOMIC_RELEASE);
        for (int i = 0; i < THREADS; i++) pthread_join(workers[i], NULL);
        check_u64(0, busy.wrong);
    }
}

/* Threads that make their first calls while the first one forks: some child is made in the middle of a greeting. */
static void *first_call(void *arg)
{
    (void)arg;
    return open_adapter() ? NULL : arg;
}

static bool greets_and_forks(void *arg)
{
    pthread_t thread;
    void *failed = NULL;
    if (pthread_create(&thread, NULL, first_call, arg) != 0) return false;
    bool good = true;
    for (int i = 0; i < 4; i++) good = child_does_well(lives, NULL) && good;
    pthread_join(thread, &failed);
    return good && !failed;
}

static void forks_early(void)
{
    udxg_case("a fork in the middle of the first call") {
        for (int i = 0; i < 10; i++) check_true(child_does_well(greets_and_forks, &i));
    }
}

/* A process that opens a GPU, and then is CAT, which lives until its standard input ends. */
static pid_t start(void (*become)(int input), int *ret_input)
{
    int input[2], ready[2];
    char byte = 0;
    require_true(pipe2(input, O_CLOEXEC) == 0 && pipe2(ready, O_CLOEXEC) == 0);
    fflush(stdout);
    pid_t pid = fork();
    require_true(pid >= 0);
    if (pid == 0) {
        struct gpu gpu;
        alarm(30);
        close(input[1]);
        gpu_open(&gpu);
        create_gpu_buffer(&gpu, KIB(64));
        if (write(ready[1], "r", 1) != 1) _exit(42);
        become(input[0]);
        _exit(42);
    }
    close(ready[1]);
    close(input[0]);
    require_true(read(ready[0], &byte, 1) == 1);
    close(ready[0]);
    *ret_input = input[1];
    return pid;
}

static void exec_cat(int input)
{
    dup2(input, STDIN_FILENO);
    execlp("cat", "cat", (char *)NULL);
}

/* Its children inherit what it has, use none of it, and live on when it is gone. */
static void leave_children(int input)
{
    char *const arguments[] = {"cat", NULL};
    posix_spawn_file_actions_t actions;
    pid_t spawned;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
    if (posix_spawnp(&spawned, "cat", &actions, NULL, arguments, environ) != 0) _exit(42);
    if (fork() == 0) {
        char byte;
        alarm(30);
        while (read(input, &byte, 1) > 0) continue;
        _exit(EXIT_SUCCESS);
    }
    kill(getpid(), SIGKILL);
}

static bool is_listed(pid_t wanted)
{
    ULONG list[64];
    D3DKMT_ENUMPROCESSES args = {.AdapterLuid = first_luid(), .Buffer = list, .BufferCount = LENGTH_OF(list)};
    require_success(D3DKMTEnumProcesses(&args));
    for (uint64_t i = 0; i < args.BufferCount; i++)
        if (list[i] == (ULONG)wanted) return true;
    return false;
}

static bool vanishes(pid_t pid)
{
    for (int i = 0; i < 10000; i++) {
        if (!is_listed(pid)) return true;
        usleep(1000);
    }
    return false;
}

/* In-process there is nobody else to see it. */
static void execs(void)
{
    int input, status = 0;
    udxg_case("exec drops all") {
        pid_t pid = start(exec_cat, &input);
        check_true(vanishes(pid));
        check_u64(0, (uint64_t)waitpid(pid, &status, WNOHANG));
        close(input);
        require_true(waitpid(pid, &status, 0) == pid);
        check_true(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS);
    }
    udxg_case("a process ends though its children live, spawned or forked") {
        pid_t pid = start(leave_children, &input);
        check_true(vanishes(pid));
        close(input);
        require_true(waitpid(pid, &status, 0) == pid);
        check_true(WIFSIGNALED(status));
    }
}

int main(int argc, char **argv)
{
    static const struct udxg_test tests[] = {
        {"thread", ON_EACH, threads},         {"ends", ON_EACH, ends},  {"forks", ON_EACH, forks},
        {"forks_early", ON_UMA, forks_early}, {"execs", ON_UMA, execs},
    };
    return conformance_main(argc, argv, tests, LENGTH_OF(tests));
}
