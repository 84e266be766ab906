/* SPDX-License-Identifier: MIT */
/* Trim and budget-change notifications through the calls, with several processes on one kernel. */
#include "core_fixture.h"

#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "vidmm/vidmm.h"

#define SIZE 65536u

/* A client that is told, and what it does then. */
struct client {
    struct gpu gpu;
    LUID luid;
    void *trim, *budget; /* handles of its registrations */
    D3DKMT_HANDLE allocations[4];
    void (*answer)(struct client *client);
    sem_t told;
    _Atomic unsigned calls;
    D3DKMT_TRIMNOTIFICATION heard;
    D3DKMT_BUDGETCHANGENOTIFICATION heard_budget;
    udxg_status answered; /* of what it did */
};

static void trim_callback(D3DKMT_TRIMNOTIFICATION *notification)
{
    struct client *client = notification->Context;

    atomic_fetch_add(&client->calls, 1);
    client->heard = *notification;
    if (client->answer) client->answer(client);
    sem_post(&client->told);
}

static void budget_callback(D3DKMT_BUDGETCHANGENOTIFICATION *notification)
{
    struct client *client = notification->Context;

    atomic_fetch_add(&client->calls, 1);
    client->heard_budget = *notification;
    if (client->answer) client->answer(client);
    sem_post(&client->told);
}

static udxg_status register_trim(struct client *client)
{
    D3DKMT_REGISTERTRIMNOTIFICATION args = {.AdapterLuid = client->luid,
                                            .hDevice = client->gpu.device,
                                            .Callback = trim_callback,
                                            .Context = client};
    udxg_status status = CALL(client->gpu.process, RegisterTrimNotification, &args);

    if (!udxg_failed(status)) client->trim = args.Handle;
    return status;
}

static udxg_status unregister_trim(struct client *client)
{
    D3DKMT_UNREGISTERTRIMNOTIFICATION args = {.Handle = client->trim, .Callback = trim_callback};

    return CALL(client->gpu.process, UnregisterTrimNotification, &args);
}

static udxg_status register_budget(struct client *client)
{
    D3DKMT_REGISTERBUDGETCHANGENOTIFICATION args = {.hDevice = client->gpu.device,
                                                    .Callback = budget_callback,
                                                    .Context = client};
    udxg_status status = CALL(client->gpu.process, RegisterBudgetChangeNotification, &args);

    if (!udxg_failed(status)) client->budget = args.Handle;
    return status;
}

static udxg_status unregister_budget(struct client *client)
{
    D3DKMT_UNREGISTERBUDGETCHANGENOTIFICATION args = {.Handle = client->budget};

    return CALL(client->gpu.process, UnregisterBudgetChangeNotification, &args);
}

static struct vidmm_process *vidmm_of(const struct client *client)
{
    return atomic_load(&client->gpu.process->adapters[0])->vidmm;
}

static void set_budget(const struct client *client, uint64_t bytes)
{
    vidmm_process_set_budget(vidmm_of(client), VIDMM_GROUP_LOCAL, bytes);
}

static UINT64 budget_of(const struct client *client)
{
    D3DKMT_QUERYVIDEOMEMORYINFO args = {.hAdapter = client->gpu.adapter};

    DO(client->gpu.process, QueryVideoMemoryInfo, &args);
    return args.Budget;
}

static void client_open(struct client *client, struct udxg_kernel *kernel)
{
    memset(client, 0, sizeof *client);
    client->gpu = open_gpu(make_process(kernel));
    client->luid = kernel->adapters[0]->luid;
    vidmm_adapter_set_trim_interval(kernel->adapters[0]->vidmm, 0);
    sem_init(&client->told, 0, 0);
    for (unsigned i = 0; i < 4; i++) client->allocations[i] = make_buffer(&client->gpu, SIZE).allocation;
}

static void client_close(struct client *client)
{
    udxg_process_destroy(client->gpu.process);
    sem_destroy(&client->told);
}

static void await_told(struct client *client, unsigned calls)
{
    sem_wait(&client->told);
    assert_int_equal(atomic_load(&client->calls), calls);
}

/* Gives a callback that must not come the time to come. */
static void nothing_is_told(struct client *client, unsigned calls)
{
    usleep(20000);
    assert_int_equal(atomic_load(&client->calls), calls);
}

/* ---- what a callback does ---- */

static udxg_status make_resident_in(struct client *client, unsigned i)
{
    D3DDDI_MAKERESIDENT args = {.hPagingQueue = client->gpu.queue,
                                .NumAllocations = 1,
                                .AllocationList = &client->allocations[i]};
    udxg_status status = CALL(client->gpu.process, MakeResident, &args);

    if (status == STATUS_PENDING) wait_cpu(&client->gpu, client->gpu.queue_fence, args.PagingFenceValue);
    return status;
}

/* Evicts as much as it was asked to, creates, looks, and makes resident what the budget has no room for. */
static void trims(struct client *client)
{
    D3DKMT_QUERYVIDEOMEMORYINFO info = {.hAdapter = client->gpu.adapter};
    D3DKMT_HANDLE created;

    for (UINT64 left = client->heard.NumBytesToTrim, i = 0; left && i < 4; left -= SIZE, i++)
        if (udxg_failed(evict(&client->gpu, client->allocations[i]))) abort();
    if (udxg_failed(try_create(&client->gpu, SIZE, false, NULL, &created))) abort();
    if (udxg_failed(CALL(client->gpu.process, QueryVideoMemoryInfo, &info))) abort();
    if (info.CurrentUsage != info.Budget) abort();
    client->answered = make_resident_in(client, 0);
}

static void unregisters(struct client *client)
{
    client->answered = unregister_trim(client);
}

static void unregisters_another(struct client *client)
{
    client->answered = unregister_budget(client);
}

static void destroys_the_device(struct client *client)
{
    D3DKMT_DESTROYDEVICE args = {client->gpu.device};

    client->answered = CALL(client->gpu.process, DestroyDevice, &args);
}

/* ---- tests ---- */

static void trim_to_budget_says_how_much(void **state)
{
    struct udxg_kernel *kernel = make_kernel("soft-discrete");
    struct client client, other;
    (void)state;

    client_open(&client, kernel);
    client_open(&other, kernel);
    client.answer = trims;
    assert_int_equal(register_trim(&client), STATUS_SUCCESS);
    assert_int_equal(register_trim(&other), STATUS_SUCCESS);
    set_budget(&client, usage(&client.gpu) - 2 * SIZE);
    await_told(&client, 1);
    assert_ptr_equal(client.heard.Context, &client);
    assert_int_equal(client.heard.Flags.Value, 4); /* TrimToBudget alone */
    assert_int_equal(client.heard.NumBytesToTrim, 2 * SIZE);
    assert_int_equal(client.answered, STATUS_NO_MEMORY);
    assert_int_equal(usage(&client.gpu), budget_of(&client));
    nothing_is_told(&client, 1);
    nothing_is_told(&other, 0); /* another process's budget is not its business */
    assert_int_equal(unregister_trim(&client), STATUS_SUCCESS);
    set_budget(&client, 0);
    nothing_is_told(&client, 1);
    client_close(&client);
    client_close(&other);
    udxg_kernel_destroy(kernel);
}

static void a_reservation_changes_the_others_budget(void **state)
{
    struct udxg_kernel *kernel = make_kernel("soft-discrete");
    struct client client, other;
    (void)state;

    client_open(&client, kernel);
    client_open(&other, kernel);
    assert_int_equal(register_budget(&client), STATUS_SUCCESS);
    UINT64 before = budget_of(&client);
    D3DKMT_CHANGEVIDEOMEMORYRESERVATION reserve = {.hAdapter = other.gpu.adapter, .Reservation = before / 4};
    DO(other.gpu.process, ChangeVideoMemoryReservation, &reserve);
    await_told(&client, 1);
    assert_ptr_equal(client.heard_budget.Context, &client);
    assert_true(client.heard_budget.Budget < before);
    assert_int_equal(client.heard_budget.Budget, budget_of(&client));
    DO(other.gpu.process, ChangeVideoMemoryReservation, &reserve); /* the same again */
    nothing_is_told(&client, 1);
    reserve.Reservation = before; /* refused */
    assert_int_equal(CALL(other.gpu.process, ChangeVideoMemoryReservation, &reserve), STATUS_INVALID_PARAMETER);
    nothing_is_told(&client, 1);
    client_close(&other); /* and its reservation with it */
    await_told(&client, 2);
    assert_true(client.heard_budget.Budget > before / 2);
    assert_int_equal(client.heard_budget.Budget, budget_of(&client));
    assert_int_equal(unregister_budget(&client), STATUS_SUCCESS);
    client_close(&client);
    udxg_kernel_destroy(kernel);
}

static void a_callback_may_end_it(void **state)
{
    void (*const *answer)(struct client *) = *state;
    struct udxg_kernel *kernel = make_kernel("soft-discrete");
    struct client client;

    client_open(&client, kernel);
    client.answer = *answer;
    client.answered = STATUS_NOT_SUPPORTED;
    assert_int_equal(register_trim(&client), STATUS_SUCCESS);
    /* Its turn would be after the trim. */
    if (*answer == unregisters_another) assert_int_equal(register_budget(&client), STATUS_SUCCESS);
    set_budget(&client, SIZE);
    await_told(&client, 1);
    assert_int_equal(client.answered, STATUS_SUCCESS);
    client.answer = NULL;
    if (*answer == unregisters) assert_int_equal(unregister_trim(&client), STATUS_INVALID_PARAMETER);
    if (*answer == unregisters_another) assert_int_equal(unregister_budget(&client), STATUS_INVALID_PARAMETER);
    if (*answer != unregisters_another) {
        set_budget(&client, 0);
        nothing_is_told(&client, 1);
    }
    client_close(&client);
    udxg_kernel_destroy(kernel);
}

static void a_destroyed_device_hears_nothing(void **state)
{
    struct udxg_kernel *kernel = make_kernel("soft-discrete");
    struct client client;
    (void)state;

    client_open(&client, kernel);
    D3DKMT_CREATEDEVICE second = {.hAdapter = client.gpu.adapter};
    DO(client.gpu.process, CreateDevice, &second);
    D3DKMT_HANDLE first = client.gpu.device;
    client.gpu.device = second.hDevice;
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(register_trim(&client), STATUS_SUCCESS);
        assert_int_equal(register_budget(&client), STATUS_SUCCESS);
    }
    close_gpu(&client.gpu);
    client.gpu.device = first;
    set_budget(&client, SIZE);
    nothing_is_told(&client, 0);
    assert_int_equal(unregister_trim(&client), STATUS_INVALID_PARAMETER);
    assert_int_equal(unregister_budget(&client), STATUS_INVALID_PARAMETER);
    client_close(&client);
    udxg_kernel_destroy(kernel);
}

/* The process ends with registrations that were told, and with one that is being told. */
static void a_process_ends_with_registrations(void **state)
{
    struct udxg_kernel *kernel = make_kernel("soft-discrete");
    struct client client;
    (void)state;

    client_open(&client, kernel);
    assert_int_equal(register_trim(&client), STATUS_SUCCESS);
    assert_int_equal(register_budget(&client), STATUS_SUCCESS);
    for (unsigned i = 1; i <= 20; i++) set_budget(&client, SIZE * i % 3);
    client_close(&client);
    udxg_kernel_destroy(kernel);
}

/* Each device of a process is asked for what those before it have left. */
static void devices_share_one_excess(void **state)
{
    struct udxg_kernel *kernel = make_kernel("soft-discrete");
    struct client client, sibling;
    (void)state;

    client_open(&client, kernel);
    client.answer = trims;
    sibling = client;
    sem_init(&sibling.told, 0, 0);
    D3DKMT_CREATEDEVICE second = {.hAdapter = client.gpu.adapter};
    DO(client.gpu.process, CreateDevice, &second);
    sibling.gpu.device = second.hDevice;
    assert_int_equal(register_trim(&client), STATUS_SUCCESS);
    assert_int_equal(register_trim(&sibling), STATUS_SUCCESS);
    set_budget(&client, usage(&client.gpu) - SIZE);
    await_told(&client, 1);
    assert_int_equal(client.heard.NumBytesToTrim, SIZE);
    nothing_is_told(&sibling, 0);
    client_close(&client);
    sem_destroy(&sibling.told);
    udxg_kernel_destroy(kernel);
}

/* ---- two adapters ---- */

/* A registration on one of them, whose callback unregisters the other one's while that one's runs, too. */
struct end {
    struct udxg_process *process;
    void *handle;
    struct end *other;
    sem_t begun, ended;
    udxg_status status;
};

static void ends_the_other(D3DKMT_BUDGETCHANGENOTIFICATION *notification)
{
    struct end *end = notification->Context;
    D3DKMT_UNREGISTERBUDGETCHANGENOTIFICATION args = {.Handle = end->other->handle};

    sem_post(&end->begun);
    sem_wait(&end->other->begun);
    end->status = CALL(end->process, UnregisterBudgetChangeNotification, &args);
    sem_post(&end->ended);
}

static void end_open(struct end *end, struct udxg_process *process, D3DKMT_HANDLE adapter)
{
    D3DKMT_CREATEDEVICE device = {.hAdapter = adapter};
    D3DKMT_REGISTERBUDGETCHANGENOTIFICATION args = {.Callback = ends_the_other, .Context = end};

    DO(process, CreateDevice, &device);
    args.hDevice = device.hDevice;
    DO(process, RegisterBudgetChangeNotification, &args);
    end->process = process;
    end->handle = args.Handle;
    sem_init(&end->begun, 0, 0);
    sem_init(&end->ended, 0, 0);
}

static void callbacks_of_two_adapters_end_each_other(void **state)
{
    struct udxg_kernel *kernel = make_kernel("soft-discrete,soft-uma");
    struct udxg_process *process = make_process(kernel);
    D3DKMT_ADAPTERINFO infos[2];
    D3DKMT_ENUMADAPTERS2 enumerate = {.NumAdapters = 2, .pAdapters = infos};
    struct end ends[2] = {{.other = &ends[1]}, {.other = &ends[0]}};
    (void)state;

    DO(process, EnumAdapters2, &enumerate);
    for (unsigned i = 0; i < 2; i++) end_open(&ends[i], process, infos[i].hAdapter);
    for (unsigned i = 0; i < 2; i++)
        vidmm_process_set_budget(atomic_load(&process->adapters[i])->vidmm, VIDMM_GROUP_LOCAL, SIZE);
    for (unsigned i = 0; i < 2; i++) sem_wait(&ends[i].ended);
    udxg_process_destroy(process); /* waits for what is left of the callbacks */
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(ends[i].status, STATUS_SUCCESS);
        sem_destroy(&ends[i].begun);
        sem_destroy(&ends[i].ended);
    }
    udxg_kernel_destroy(kernel);
}

int main(void)
{
    static void (*answers[])(struct client *) = {unregisters, unregisters_another, destroys_the_device};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trim_to_budget_says_how_much),
        cmocka_unit_test(a_reservation_changes_the_others_budget),
        {"a_callback_may_end_it, its own", a_callback_may_end_it, NULL, NULL, &answers[0]},
        {"a_callback_may_end_it, another", a_callback_may_end_it, NULL, NULL, &answers[1]},
        {"a_callback_may_end_it, the device", a_callback_may_end_it, NULL, NULL, &answers[2]},
        cmocka_unit_test(a_destroyed_device_hears_nothing),
        cmocka_unit_test(a_process_ends_with_registrations),
        cmocka_unit_test(devices_share_one_excess),
        cmocka_unit_test(callbacks_of_two_adapters_end_each_other),
    };
    return cmocka_run_group_tests_name("core trim", tests, NULL, NULL);
}
