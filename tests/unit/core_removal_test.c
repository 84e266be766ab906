/* SPDX-License-Identifier: MIT */
/*
 * The end of an adapter seen from several processes, and the end of a kernel while an engine is out of order: what the
 * public calls of one process cannot show.
 */
#include "core_fixture.h"

#include <pthread.h>
#include <time.h>

static const struct udxg_soft_command nop = {UDXG_SOFT_OP_NOP, sizeof(struct udxg_soft_command)};

static void inject(struct udxg_process *process, const char *rules)
{
    struct udxg_inject_text args = {.pText = rules, .TextBytes = (UINT)strlen(rules) + 1};

    DO(process, Inject, &args);
}

static udxg_status device_state(const struct gpu *g)
{
    D3DKMT_GETDEVICESTATE args = {.hDevice = g->device, .StateType = D3DKMT_DEVICESTATE_EXECUTION};

    return CALL(g->process, GetDeviceState, &args);
}

static void become_removed(const struct gpu *g)
{
    for (int i = 0; i < 10000 && device_state(g) == STATUS_SUCCESS; i++) usleep(1000);
    assert_int_equal(device_state(g), STATUS_DEVICE_REMOVED);
}

static void *wait_for_fence(void *argument)
{
    wait_cpu(argument, ((struct gpu *)argument)->fence, 1);
    return NULL;
}

/* The process that stops it is not the one that has the device, and another adapter goes on. */
static void a_stop_reaches_every_process(void **state)
{
    struct udxg_kernel *kernel = make_kernel("soft-uma,soft-discrete");
    struct udxg_process *one = make_process(kernel), *two = make_process(kernel);
    struct gpu mine = open_gpu(one), theirs = open_gpu(two);
    struct udxg_stop_adapter stop = {.AdapterLuid = kernel->adapters[0]->luid};
    struct udxg_start_adapter start = {.AdapterLuid = kernel->adapters[0]->luid};
    struct gpu fresh;
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, wait_for_fence, &theirs), 0);
    usleep(20000);
    DO(one, StopAdapter, &stop);
    pthread_join(thread, NULL);
    assert_int_equal(device_state(&mine), STATUS_DEVICE_REMOVED);
    assert_int_equal(device_state(&theirs), STATUS_DEVICE_REMOVED);
    assert_true(*theirs.value == UINT64_MAX);
    assert_false(udxg_adapter_is_stopped(kernel->adapters[1]));
    DO(one, StartAdapter, &start);
    fresh = open_gpu(two);
    submit(&fresh, &nop, sizeof nop);
    wait_idle(&fresh);
    assert_int_equal(device_state(&theirs), STATUS_DEVICE_REMOVED);
    udxg_process_destroy(one);
    udxg_process_destroy(two);
    udxg_kernel_destroy(kernel);
}

/* The guilty process is gone by the time that its thread comes back. */
static void a_process_ends_before_its_packet(void **state)
{
    struct udxg_kernel *kernel = make_kernel(HASTY);
    struct udxg_process *guilty = make_process(kernel), *innocent = make_process(kernel);
    struct gpu hung = open_gpu(guilty), next = open_gpu(innocent);

    (void)state;
    inject(innocent, "engine:stuck:when=1");
    submit(&hung, &nop, sizeof nop);
    usleep(20000);
    udxg_process_destroy(guilty);
    become_removed(&next);
    inject(innocent, "");
    usleep(20000);
    udxg_process_destroy(innocent);
    udxg_kernel_destroy(kernel);
}

/* The rules go with the kernel, and what hangs by them comes back to be waited for. */
static void a_kernel_ends_with_an_engine_out_of_order(void **state)
{
    struct udxg_kernel *kernel = make_kernel(HASTY);
    struct udxg_process *process = make_process(kernel);
    struct gpu g = open_gpu(process);

    (void)state;
    inject(process, "engine:stuck:when=1");
    submit(&g, &nop, sizeof nop);
    become_removed(&g);
    udxg_process_destroy(process);
    udxg_kernel_destroy(kernel);
}

#define FEW 2000u
#define MANY 16000u

static uint64_t own_time_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* What it costs to stop an adapter with COUNT devices. */
static uint64_t stop_with(uint32_t count)
{
    struct udxg_kernel *kernel = make_kernel("soft-uma");
    struct udxg_process *process = make_process(kernel);
    D3DKMT_CREATEDEVICE create = {.hAdapter = open_adapter(process)};
    D3DKMT_GETDEVICESTATE last = {.StateType = D3DKMT_DEVICESTATE_EXECUTION};
    struct udxg_stop_adapter stop = {.AdapterLuid = kernel->adapters[0]->luid};
    uint64_t begin_ns, took_ns;

    for (uint32_t i = 0; i < count; i++) DO(process, CreateDevice, &create);
    begin_ns = own_time_ns();
    DO(process, StopAdapter, &stop);
    took_ns = own_time_ns() - begin_ns;
    last.hDevice = create.hDevice;
    assert_int_equal(CALL(process, GetDeviceState, &last), STATUS_DEVICE_REMOVED);
    udxg_process_destroy(process);
    udxg_kernel_destroy(kernel);
    return took_ns;
}

/* Eight times as many take eight times as long, not sixty-four times; the best of three each. */
static void a_stop_costs_what_it_stops(void **state)
{
    uint64_t few_ns = UINT64_MAX, many_ns = UINT64_MAX;

    (void)state;
    for (int i = 0; i < 3; i++) {
        uint64_t few = stop_with(FEW), many = stop_with(MANY);
        if (few < few_ns) few_ns = few;
        if (many < many_ns) many_ns = many;
    }
    print_message("stopped %u devices in %llu us, %u in %llu us\n", FEW, (unsigned long long)few_ns / 1000, MANY,
                  (unsigned long long)many_ns / 1000);
    assert_true(many_ns < 4 * MANY / FEW * few_ns);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stop_reaches_every_process),
        cmocka_unit_test(a_process_ends_before_its_packet),
        cmocka_unit_test(a_kernel_ends_with_an_engine_out_of_order),
        cmocka_unit_test(a_stop_costs_what_it_stops),
    };
    return cmocka_run_group_tests_name("core_removal", tests, NULL, NULL);
}
