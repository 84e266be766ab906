/* SPDX-License-Identifier: MIT */
/*
 * Registering, unregistering and destroying devices on several threads, while budgets change all the time and
 * callbacks call back. What a callback uses is ordinary memory that is given back as soon as it is said to be safe:
 * a callback that comes too late is a use after free, and a race.
 */
#include "core_fixture.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "random.h"
#include "vidmm/adapter.h"

#define WORKERS 3u
#define ROUNDS 300u
#define SIZE 65536u

enum way { /* to end a registration */
           UNREGISTER,
           UNREGISTER_TWICE, /* on two threads at a time: one of them has to succeed */
           DESTROY_DEVICE,   /* with the registrations there */
           UNREGISTER_IN_CALLBACK,
           DESTROY_IN_CALLBACK,
           WAYS,
};

struct visit {
    struct visit *next; /* of those that nobody can say are safe to free */
    struct udxg_process *process;
    D3DKMT_HANDLE adapter, device;
    LUID luid;
    enum way way;
    _Atomic(void *) trim, budget; /* handles */
    unsigned calls;
    bool alive;
};

static struct udxg_kernel *kernel;
static struct udxg_process *processes[2];
static atomic_bool stop;
static _Atomic uint64_t all_calls;

/* cmocka's assertions are for its own thread. */
static void need(bool condition)
{
    if (!condition) abort();
}

static udxg_status unregister_trim(const struct visit *visit, void *handle)
{
    D3DKMT_UNREGISTERTRIMNOTIFICATION args = {.Handle = handle};

    return CALL(visit->process, UnregisterTrimNotification, &args);
}

static udxg_status unregister_budget(const struct visit *visit, void *handle)
{
    D3DKMT_UNREGISTERBUDGETCHANGENOTIFICATION args = {.Handle = handle};

    return CALL(visit->process, UnregisterBudgetChangeNotification, &args);
}

/* ---- the callbacks ---- */

static void never(D3DKMT_TRIMNOTIFICATION *notification)
{
    (void)notification;
    abort();
}

/* Registers and unregisters in one: what is unregistered in a callback is not called any more. */
static void register_and_forget(const struct visit *visit)
{
    D3DKMT_REGISTERTRIMNOTIFICATION args = {.AdapterLuid = visit->luid, .hDevice = visit->device, .Callback = never};

    if (udxg_failed(CALL(visit->process, RegisterTrimNotification, &args))) return; /* the device is going */
    (void)unregister_trim(visit, args.Handle);                                      /* or has gone meanwhile */
}

static void call_back(struct visit *visit)
{
    struct gpu gpu = {.process = visit->process, .device = visit->device};
    D3DKMT_QUERYVIDEOMEMORYINFO info = {.hAdapter = visit->adapter};
    D3DKMT_DESTROYDEVICE destroy = {visit->device};
    D3DKMT_HANDLE allocation;

    need(visit->alive);
    visit->calls++;
    atomic_fetch_add(&all_calls, 1);
    need(CALL(visit->process, QueryVideoMemoryInfo, &info) == STATUS_SUCCESS);
    if (!udxg_failed(try_create(&gpu, SIZE, false, NULL, &allocation))) (void)evict(&gpu, allocation);
    register_and_forget(visit);
    if (visit->way == UNREGISTER_IN_CALLBACK) (void)unregister_trim(visit, atomic_load(&visit->trim));
    if (visit->way == DESTROY_IN_CALLBACK) {
        udxg_status status = CALL(visit->process, DestroyDevice, &destroy); /* by the first callback */
        need(status == STATUS_SUCCESS || status == STATUS_INVALID_PARAMETER);
    }
    need(visit->alive);
}

static void trim_callback(D3DKMT_TRIMNOTIFICATION *notification)
{
    call_back(notification->Context);
}

static void budget_callback(D3DKMT_BUDGETCHANGENOTIFICATION *notification)
{
    call_back(notification->Context);
}

/* ---- the workers ---- */

static void begin(struct visit *visit)
{
    D3DKMT_CREATEDEVICE device = {.hAdapter = visit->adapter};
    D3DKMT_REGISTERTRIMNOTIFICATION trim = {.AdapterLuid = visit->luid, .Callback = trim_callback, .Context = visit};
    D3DKMT_REGISTERBUDGETCHANGENOTIFICATION budget = {.Callback = budget_callback, .Context = visit};

    need(CALL(visit->process, CreateDevice, &device) == STATUS_SUCCESS);
    visit->device = trim.hDevice = budget.hDevice = device.hDevice;
    need(CALL(visit->process, RegisterTrimNotification, &trim) == STATUS_SUCCESS);
    atomic_store(&visit->trim, trim.Handle);
    udxg_status status = CALL(visit->process, RegisterBudgetChangeNotification, &budget);
    need(status == STATUS_SUCCESS || visit->way == DESTROY_IN_CALLBACK);
    atomic_store(&visit->budget, budget.Handle);
}

static void *unregister_too(void *argument)
{
    struct visit *visit = argument;

    return unregister_trim(visit, atomic_load(&visit->trim)) == STATUS_SUCCESS ? visit : NULL;
}

static void unregister_twice(struct visit *visit)
{
    pthread_t thread;
    void *other;

    need(pthread_create(&thread, NULL, unregister_too, visit) == 0);
    udxg_status status = unregister_trim(visit, atomic_load(&visit->trim));
    pthread_join(thread, &other);
    need((status == STATUS_SUCCESS) != (other != NULL));
    need(unregister_budget(visit, atomic_load(&visit->budget)) == STATUS_SUCCESS);
}

/* Ends the visit; false when a callback may still be under way. */
static bool end(struct visit *visit)
{
    D3DKMT_DESTROYDEVICE destroy = {visit->device};

    if (visit->way == UNREGISTER) {
        need(unregister_trim(visit, atomic_load(&visit->trim)) == STATUS_SUCCESS);
        need(unregister_budget(visit, atomic_load(&visit->budget)) == STATUS_SUCCESS);
    }
    if (visit->way == UNREGISTER_TWICE) unregister_twice(visit);
    if (visit->way == UNREGISTER || visit->way == UNREGISTER_TWICE) visit->alive = false;
    udxg_status status = CALL(visit->process, DestroyDevice, &destroy);
    need(status == STATUS_SUCCESS || visit->way == DESTROY_IN_CALLBACK);
    return visit->way != DESTROY_IN_CALLBACK;
}

static void *work(void *argument)
{
    uintptr_t stream = (uintptr_t)argument;
    struct random random = random_seed("trim stress", stream);
    struct visit *unsure = NULL;
    D3DKMT_HANDLE adapter = open_adapter(processes[stream % 2]);

    for (unsigned round = 0; round < ROUNDS; round++) {
        struct visit *visit = calloc(1, sizeof *visit);
        need(visit != NULL);
        visit->process = processes[stream % 2];
        visit->adapter = adapter;
        visit->luid = kernel->adapters[0]->luid;
        visit->way = (enum way)random_below(&random, WAYS);
        visit->alive = true;
        begin(visit);
        usleep((useconds_t)random_below(&random, 300));
        if (end(visit)) {
            free(visit);
        } else {
            visit->next = unsure;
            unsure = visit;
        }
    }
    return unsure;
}

/* Budgets and intervals that never rest. */
static void *disturb(void *argument)
{
    struct random random = random_seed("trim stress", WORKERS);
    struct vidmm_adapter *adapter = kernel->adapters[0]->vidmm;

    (void)argument;
    while (!atomic_load(&stop)) {
        struct vidmm_process *vidmm = atomic_load(&processes[random_below(&random, 2)]->adapters[0])->vidmm;
        vidmm_process_set_budget(vidmm, VIDMM_GROUP_LOCAL, random_below(&random, 2 * SIZE));
        if (random_below(&random, 8) == 0) vidmm_adapter_set_trim_interval(adapter, 1 + random_below(&random, 2000));
        usleep((useconds_t)random_below(&random, 50));
    }
    return NULL;
}

static void give_back(struct visit *unsure)
{
    while (unsure) {
        struct visit *next = unsure->next;
        free(unsure);
        unsure = next;
    }
}

static void no_callback_comes_late(void **state)
{
    pthread_t threads[WORKERS], disturber;
    void *unsure[WORKERS];
    struct gpu gpus[2];
    (void)state;

    kernel = make_kernel("soft-discrete");
    for (unsigned i = 0; i < 2; i++) {
        gpus[i] = open_gpu(processes[i] = make_process(kernel));
        make_buffer(&gpus[i], SIZE); /* so that a small budget is too small */
    }
    assert_int_equal(pthread_create(&disturber, NULL, disturb, NULL), 0);
    for (uintptr_t i = 0; i < WORKERS; i++) assert_int_equal(pthread_create(&threads[i], NULL, work, (void *)i), 0);
    for (unsigned i = 0; i < WORKERS; i++) pthread_join(threads[i], &unsure[i]);
    atomic_store(&stop, true);
    pthread_join(disturber, NULL);
    print_message("# %llu callbacks\n", (unsigned long long)atomic_load(&all_calls));
    assert_true(atomic_load(&all_calls) > 0);
    assert_true(udxg_list_empty(&processes[0]->registrations.list));
    assert_true(udxg_list_empty(&processes[1]->registrations.list));
    assert_true(udxg_list_empty(&kernel->adapters[0]->vidmm->notifier.all));
    for (unsigned i = 0; i < 2; i++) udxg_process_destroy(processes[i]);
    udxg_kernel_destroy(kernel);
    for (unsigned i = 0; i < WORKERS; i++) give_back(unsure[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_callback_comes_late),
    };
    return cmocka_run_group_tests_name("trim stress", tests, NULL, NULL);
}
