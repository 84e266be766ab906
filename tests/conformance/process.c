/* SPDX-License-Identifier: MIT */
/*
 * The process around the calls: many threads at once, and processes that end with everything still open, as
 * clients do.
 */
#include "fixture.h"

#include <pthread.h>
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

int main(int argc, char **argv)
{
    static const struct udxg_test tests[] = {
        {"thread", ON_EACH, threads},
        {"ends", ON_EACH, ends},
    };
    return conformance_main(argc, argv, tests, LENGTH_OF(tests));
}
