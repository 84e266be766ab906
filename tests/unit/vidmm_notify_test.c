/* SPDX-License-Identifier: MIT */
/* Registrations: periodic trims, and how a registration ends while it is being called. */
#include <semaphore.h>
#include <stdatomic.h>

#include "base/os.h"
#include "vidmm_listener.h"

#define MS UINT64_C(10000) /* in units of 100 ns */
#define LONG_MS 60000u

static void nap_ms(unsigned ms)
{
    uint64_t until = udxg_os_now_ns() + ms * UINT64_C(1000000);
    while (udxg_os_now_ns() < until) udxg_os_nap_ns(100000);
}

/* A piece of work begins. */
static void run_once(struct world *world)
{
    assert_true(vidmm_device_begin_run(&world->device));
    vidmm_device_end_run(&world->device);
}

static void await(struct ear *ear, const unsigned *what, unsigned count)
{
    while (ear_count(ear, what) < count) udxg_os_nap_ns(100000);
    assert_int_equal(ear_count(ear, what), count);
}

static void open_world(struct world *world, uint64_t interval_100ns)
{
    struct udxg_adapter_caps caps = uma_caps();
    world_open(world, &caps);
    vidmm_adapter_set_trim_interval(world->adapter, interval_100ns);
}

static void an_idle_device_is_asked_once(void **state)
{
    (void)state;
    struct world world;
    struct ear ear, budget;
    open_world(&world, 5 * MS);
    ear_open(&budget, &world, VIDMM_NOTICE_BUDGET);
    ear_open(&ear, &world, TRIMS);
    await(&ear, &ear.periodics, 1);
    nap_ms(50);
    assert_int_equal(ear_count(&ear, &ear.periodics), 1);
    assert_int_equal(ear_count(&ear, &ear.restarts), 0);
    /* it wakes: the interval begins anew, and two requests drop what that run had left */
    for (unsigned i = 1; i <= 3; i++) {
        run_once(&world);
        await(&ear, &ear.restarts, i);
        await(&ear, &ear.periodics, 1 + 2 * i);
        nap_ms(30);
        assert_int_equal(ear_count(&ear, &ear.periodics), 1 + 2 * i);
        assert_int_equal(ear_count(&ear, &ear.restarts), i);
    }
    assert_int_equal(ear_count(&ear, &ear.trims), 0);
    assert_int_equal(ear_count(&budget, &budget.periodics) + ear_count(&budget, &budget.restarts), 0);
    assert_null(vidmm_adapter_check(world.adapter));
    ear_close(&ear);
    ear_close(&budget);
    world_close(&world);
}

static void a_busy_device_is_asked_at_the_interval(void **state)
{
    (void)state;
    struct world world;
    struct ear ear;
    open_world(&world, 20 * MS);
    ear_open(&ear, &world, TRIMS);
    uint64_t begin = udxg_os_now_ns(), last = begin, longest = 0;
    while (ear_count(&ear, &ear.periodics) < 5) {
        run_once(&world);
        uint64_t now = udxg_os_now_ns();
        if (now - last > longest) longest = now - last;
        last = now;
        udxg_os_nap_ns(1000000);
    }
    assert_true(last - begin >= UINT64_C(4) * 20 * 1000000);
    if (longest < UINT64_C(20) * 1000000) /* this thread was never away for so long that the device was idle */
        assert_int_equal(ear_count(&ear, &ear.restarts), 0);
    ear_close(&ear);
    world_close(&world);
}

static void setting_the_interval_begins_it_anew(void **state)
{
    (void)state;
    struct world world;
    struct ear ear;
    open_world(&world, 0);
    ear_open(&ear, &world, TRIMS);
    run_once(&world);
    nap_ms(30);
    ears_settle(&world);
    assert_int_equal(ear.periodics + ear.restarts, 0);
    vidmm_adapter_set_trim_interval(world.adapter, LONG_MS * MS);
    await(&ear, &ear.restarts, 1);
    vidmm_adapter_set_trim_interval(world.adapter, UINT64_MAX);
    await(&ear, &ear.restarts, 2);
    vidmm_adapter_set_trim_interval(world.adapter, 5 * MS);
    await(&ear, &ear.restarts, 3);
    await(&ear, &ear.periodics, 1);
    vidmm_adapter_set_trim_interval(world.adapter, 0);
    ears_settle(&world);
    unsigned restarts = ear_count(&ear, &ear.restarts);
    run_once(&world);
    nap_ms(30);
    assert_int_equal(ear_count(&ear, &ear.restarts), restarts);
    assert_int_equal(restarts, 3);
    ear_close(&ear);
    world_close(&world);
}

static void who_registers_over_budget_is_told(void **state)
{
    (void)state;
    struct world world;
    struct ear first, second, budget;
    struct thing thing;
    open_world(&world, 0);
    thing_make_plain(&world, &thing, MIB);
    make_resident(&world, &thing);
    ear_open(&first, &world, TRIMS);
    vidmm_process_set_budget(world.process, VIDMM_GROUP_LOCAL, MIB / 4);
    await(&first, &first.trims, 1);
    ear_open(&second, &world, TRIMS);
    ear_open(&budget, &world, VIDMM_NOTICE_BUDGET); /* knows what it could have asked for */
    await(&second, &second.trims, 1);
    assert_int_equal(second.trim_bytes, MIB - MIB / 4);
    ears_settle(&world);
    assert_int_equal(first.trims, 1);
    assert_int_equal(budget.budgets, 0);
    ear_close(&first);
    ear_close(&second);
    ear_close(&budget);
    thing_destroy(&thing);
    world_close(&world);
}

/* ---- the end of a registration ---- */

struct blocked {
    struct vidmm_registration registration;
    struct world *world;
    sem_t begun, go_on;
    _Atomic unsigned calls;
    atomic_bool ended;
    bool ends_itself;
};

static void blocks(const struct vidmm_listener *listener, const struct vidmm_notice *notice)
{
    struct blocked *blocked = listener->context;
    (void)notice;
    atomic_fetch_add(&blocked->calls, 1);
    if (blocked->ends_itself) vidmm_unregister(&blocked->registration, true);
    sem_post(&blocked->begun);
    sem_wait(&blocked->go_on);
    atomic_store(&blocked->ended, true);
}

static void blocked_open(struct blocked *blocked, struct world *world)
{
    struct vidmm_listener listener = {.notify = blocks, .context = blocked};
    *blocked = (struct blocked){.world = world};
    sem_init(&blocked->begun, 0, 0);
    sem_init(&blocked->go_on, 0, 0);
    assert_int_equal(vidmm_register(&blocked->registration, &world->device, VIDMM_NOTICE_BUDGET, &listener),
                     STATUS_SUCCESS);
}

static void blocked_close(struct blocked *blocked)
{
    sem_destroy(&blocked->begun);
    sem_destroy(&blocked->go_on);
}

static void *unregisters(void *argument)
{
    struct blocked *blocked = argument;
    vidmm_unregister(&blocked->registration, true);
    return atomic_load(&blocked->ended) ? blocked : NULL;
}

static void *silences(void *argument)
{
    struct blocked *blocked = argument;
    vidmm_device_silence(&blocked->world->device);
    return atomic_load(&blocked->ended) ? blocked : NULL;
}

static void the_end_waits_for_a_call(void **state)
{
    void *(*end)(void *) = *state ? silences : unregisters;
    struct world world;
    struct blocked blocked;
    pthread_t thread;
    void *waited;
    open_world(&world, 0);
    blocked_open(&blocked, &world);
    blocked.ends_itself = *state != NULL; /* whoever silences the device waits for that too */
    vidmm_process_set_budget(world.process, VIDMM_GROUP_LOCAL, MIB);
    sem_wait(&blocked.begun);
    vidmm_process_set_budget(world.process, VIDMM_GROUP_LOCAL, 2 * MIB); /* this one nobody is told of any more */
    assert_int_equal(pthread_create(&thread, NULL, end, &blocked), 0);
    nap_ms(20);
    assert_false(atomic_load(&blocked.ended));
    sem_post(&blocked.go_on);
    pthread_join(thread, &waited);
    assert_ptr_equal(waited, &blocked);
    vidmm_process_set_budget(world.process, VIDMM_GROUP_LOCAL, 3 * MIB);
    ears_settle(&world);
    assert_int_equal(atomic_load(&blocked.calls), 1);
    vidmm_unregister(&blocked.registration, true); /* once more is no harm */
    blocked_close(&blocked);
    world_close(&world);
}

static void what_happens_meanwhile_is_told_once(void **state)
{
    (void)state;
    struct world world;
    struct blocked blocked;
    struct ear ear;
    open_world(&world, 0);
    blocked_open(&blocked, &world);
    ear_open(&ear, &world, VIDMM_NOTICE_BUDGET);
    vidmm_process_set_budget(world.process, VIDMM_GROUP_LOCAL, MIB);
    sem_wait(&blocked.begun);
    for (uint64_t i = 2; i <= 100; i++) vidmm_process_set_budget(world.process, VIDMM_GROUP_LOCAL, i * MIB);
    sem_post(&blocked.go_on);
    sem_post(&blocked.go_on);
    ears_settle(&world);
    assert_int_equal(ear.budgets, 1);
    assert_int_equal(ear.budget_bytes, 100 * MIB);
    assert_int_equal(atomic_load(&blocked.calls), 2);
    vidmm_unregister(&blocked.registration, true);
    ear_close(&ear);
    blocked_close(&blocked);
    world_close(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_idle_device_is_asked_once),
        cmocka_unit_test(a_busy_device_is_asked_at_the_interval),
        cmocka_unit_test(setting_the_interval_begins_it_anew),
        cmocka_unit_test(who_registers_over_budget_is_told),
        {"the_end_waits_for_a_call, unregister", the_end_waits_for_a_call, NULL, NULL, NULL},
        {"the_end_waits_for_a_call, silence", the_end_waits_for_a_call, NULL, NULL, (void *)1},
        cmocka_unit_test(what_happens_meanwhile_is_told_once),
    };
    return cmocka_run_group_tests_name("vidmm notify", tests, NULL, NULL);
}
