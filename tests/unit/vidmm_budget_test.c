/* SPDX-License-Identifier: MIT */
/* Budgets of several processes, and what each change of them tells whom. */
#include "vidmm_listener.h"

#define TOTAL (8 * MIB) /* what the budgets of wide_caps() share */
#define STEP (TOTAL / 64)
#define SMALL (64 * KIB)

/* A segment more than the budgets know of: usage can be over budget without anybody being in the way. */
static struct udxg_adapter_caps wide_caps(void)
{
    struct udxg_adapter_caps caps = discrete_caps(TOTAL);
    caps.segments[1] = caps.segments[0];
    caps.segments[1].flags = UDXG_SEGMENT_LOCAL_BUDGET_GROUP;
    return caps;
}

struct two {
    struct world a, b;
    struct ear trims, budgets; /* of a's */
};

static void two_open(struct two *two)
{
    struct udxg_adapter_caps caps = wide_caps();
    world_open(&two->a, &caps);
    world_join(&two->b, two->a.adapter);
    vidmm_adapter_set_trim_interval(two->a.adapter, 0);
    ear_open(&two->trims, &two->a, TRIMS);
    ear_open(&two->budgets, &two->a, VIDMM_NOTICE_BUDGET);
}

static void two_close(struct two *two)
{
    ears_settle(&two->a);
    assert_null(vidmm_adapter_check(two->a.adapter));
    ear_close(&two->trims);
    ear_close(&two->budgets);
    world_leave(&two->b);
    world_close(&two->a);
}

static struct vidmm_budget budget_of(const struct world *world)
{
    struct vidmm_budget budget;
    vidmm_process_budget(world->process, VIDMM_GROUP_LOCAL, &budget);
    assert_true(budget.budget_bytes >= budget.available_for_reservation_bytes);
    return budget;
}

/* Whatever the current budget. */
static void insist(struct world *world, struct thing *thing)
{
    struct vidmm_binding *binding = &thing->binding;
    uint64_t fence = 0, trim;
    udxg_status status = vidmm_make_resident(world->queue, 1, &binding, VIDMM_CANT_TRIM_FURTHER, &fence, &trim);
    assert_false(udxg_failed(status));
    world_wait(world, fence);
}

static void commit(struct world *world, struct thing *thing, uint64_t size_bytes)
{
    thing_make_plain(world, thing, size_bytes);
    insist(world, thing);
}

#define assert_heard(two, trim_count, budget_count)                                                                    \
    do {                                                                                                               \
        ears_settle(&(two)->a);                                                                                        \
        assert_int_equal(ear_count(&(two)->trims, &(two)->trims.trims), trim_count);                                   \
        assert_int_equal(ear_count(&(two)->budgets, &(two)->budgets.budgets), budget_count);                           \
    } while (0)

static void a_budget_falls_when_another_process_commits(void **state)
{
    (void)state;
    struct two two;
    struct thing mine[2], others;
    two_open(&two);
    commit(&two.a, &mine[0], 4 * MIB);
    commit(&two.a, &mine[1], 2 * MIB);
    assert_int_equal(budget_of(&two.a).budget_bytes, TOTAL);
    assert_int_equal(budget_of(&two.b).budget_bytes, TOTAL / 2);
    assert_heard(&two, 0, 0);
    commit(&two.b, &others, 4 * MIB);
    assert_int_equal(budget_of(&two.a).budget_bytes, 4 * MIB);
    assert_heard(&two, 1, 1);
    assert_int_equal(two.trims.trim_bytes, 2 * MIB);
    assert_int_equal(two.budgets.budget_bytes, 4 * MIB);
    /* exactly that is enough */
    uint64_t left = 99;
    struct vidmm_binding *binding = &mine[1].binding;
    assert_int_equal(vidmm_evict(&two.a.device, 1, &binding, 0, &left), STATUS_SUCCESS);
    assert_int_equal(left, 0);
    assert_int_equal(budget_of(&two.a).usage_bytes, budget_of(&two.a).budget_bytes);
    assert_heard(&two, 1, 1);
    /* what the other gives back is ours again, and nobody needs to trim for that */
    evict(&two.b, &others, 0);
    assert_int_equal(budget_of(&two.a).budget_bytes, TOTAL);
    assert_heard(&two, 1, 2);
    assert_int_equal(two.budgets.budget_bytes, TOTAL);
    thing_destroy(&mine[0]);
    thing_destroy(&mine[1]);
    thing_destroy(&others);
    two_close(&two);
}

static void usage_within_a_step_tells_nobody(void **state)
{
    (void)state;
    struct two two;
    struct thing mine, others, little;
    two_open(&two);
    commit(&two.a, &mine, 5 * MIB);
    commit(&two.b, &others, 3 * MIB + MIB / 2);
    assert_heard(&two, 1, 1);
    commit(&two.b, &little, STEP / 2);
    for (unsigned i = 0; i < 200; i++) {
        evict(&two.b, &little, 0);
        make_resident(&two.b, &little);
    }
    assert_heard(&two, 1, 1);
    assert_int_equal(budget_of(&two.a).budget_bytes, 4 * MIB + MIB / 2);
    thing_destroy(&mine);
    thing_destroy(&others);
    thing_destroy(&little);
    two_close(&two);
}

/* Many that stay below a step each do not stay unseen together. */
static void little_usages_add_up(void **state)
{
    (void)state;
    struct two two;
    struct world others[4];
    struct thing things[4], mine;
    two_open(&two);
    for (unsigned i = 0; i < 4; i++) world_join(&others[i], two.a.adapter);
    for (unsigned i = 0; i < 4; i++) {
        commit(&others[i], &things[i], STEP / 4);
        assert_int_equal(budget_of(&two.a).budget_bytes, i < 3 ? TOTAL : TOTAL - STEP);
    }
    assert_heard(&two, 0, 1);
    commit(&two.b, &mine, STEP / 4);
    assert_int_equal(budget_of(&two.a).budget_bytes, TOTAL - STEP);
    /* an event of any other kind counts what is there */
    assert_int_equal(vidmm_process_set_weight(two.b.process, 16), STATUS_SUCCESS);
    assert_int_equal(budget_of(&two.a).budget_bytes, TOTAL - STEP - STEP / 4);
    thing_destroy(&mine);
    for (unsigned i = 0; i < 4; i++) {
        thing_destroy(&things[i]);
        world_leave(&others[i]);
    }
    two_close(&two);
}

/* A process that does not trim is not asked again and again, however much others go up and down. */
static void an_unanswered_request_is_not_repeated(void **state)
{
    (void)state;
    struct two two;
    struct thing mine, others, swinging;
    two_open(&two);
    commit(&two.a, &mine, 6 * MIB);
    commit(&two.b, &others, 2 * MIB); /* together all there is: not over yet */
    assert_heard(&two, 0, 1);
    commit(&two.b, &swinging, MIB);
    assert_heard(&two, 1, 2);
    assert_int_equal(two.trims.trim_bytes, MIB);
    for (unsigned i = 0; i < 50; i++) {
        evict(&two.b, &swinging, 0);
        ears_settle(&two.a);
        make_resident(&two.b, &swinging);
        ears_settle(&two.a);
    }
    assert_heard(&two, 1, 102); /* its budget did change each time */
    /* a step further is another matter */
    struct thing more;
    commit(&two.b, &more, STEP);
    assert_heard(&two, 2, 103);
    assert_int_equal(two.trims.trim_bytes, MIB + STEP);
    /* and so is the same again, after it had been below for more than a step */
    evict(&two.a, &mine, 0);
    assert_heard(&two, 2, 103);
    insist(&two.a, &mine);
    evict(&two.b, &swinging, 0);
    assert_heard(&two, 2, 104);
    make_resident(&two.b, &swinging);
    assert_heard(&two, 3, 105);
    thing_destroy(&mine);
    thing_destroy(&others);
    thing_destroy(&swinging);
    thing_destroy(&more);
    two_close(&two);
}

static void reservations_are_honoured(void **state)
{
    (void)state;
    struct two two;
    struct thing mine, more;
    uint64_t fence, trim;
    two_open(&two);
    commit(&two.a, &mine, 6 * MIB);
    assert_int_equal(budget_of(&two.b).available_for_reservation_bytes, TOTAL / 2);
    assert_int_equal(vidmm_process_reserve_budget(two.b.process, VIDMM_GROUP_LOCAL, TOTAL / 2 + 1),
                     STATUS_INVALID_PARAMETER);
    assert_heard(&two, 0, 0);
    assert_int_equal(vidmm_process_reserve_budget(two.b.process, VIDMM_GROUP_LOCAL, TOTAL / 2), STATUS_SUCCESS);
    assert_int_equal(budget_of(&two.b).reservation_bytes, TOTAL / 2);
    assert_int_equal(budget_of(&two.b).budget_bytes, TOTAL / 2);
    assert_int_equal(budget_of(&two.a).budget_bytes, TOTAL / 2);
    assert_int_equal(budget_of(&two.a).available_for_reservation_bytes, 0);
    assert_heard(&two, 1, 1);
    assert_int_equal(two.trims.trim_bytes, 2 * MIB);
    /* not even those who cannot trim further get at what is reserved */
    thing_make_plain(&two.a, &more, MIB);
    struct vidmm_binding *binding = &more.binding;
    assert_int_equal(vidmm_make_resident(two.a.queue, 1, &binding, VIDMM_CANT_TRIM_FURTHER, &fence, &trim),
                     STATUS_NO_MEMORY);
    assert_int_equal(trim, 3 * MIB);
    /* more than one reserves: only the half of all that there is */
    assert_int_equal(vidmm_process_reserve_budget(two.b.process, VIDMM_GROUP_LOCAL, 3 * MIB), STATUS_SUCCESS);
    assert_int_equal(budget_of(&two.a).budget_bytes, 5 * MIB);
    assert_int_equal(budget_of(&two.a).available_for_reservation_bytes, MIB);
    assert_int_equal(vidmm_process_reserve_budget(two.a.process, VIDMM_GROUP_LOCAL, MIB), STATUS_SUCCESS);
    assert_int_equal(budget_of(&two.b).available_for_reservation_bytes, 3 * MIB);
    assert_int_equal(budget_of(&two.b).budget_bytes, 4 * MIB);
    assert_heard(&two, 1, 2);
    /* a process's reservation goes with it */
    world_leave(&two.b);
    assert_int_equal(budget_of(&two.a).budget_bytes, TOTAL);
    world_join(&two.b, two.a.adapter);
    thing_destroy(&mine);
    thing_destroy(&more);
    two_close(&two);
}

static void an_override_goes_before_everything(void **state)
{
    (void)state;
    struct two two;
    struct thing mine, more;
    uint64_t fence = 0, trim;
    two_open(&two);
    commit(&two.a, &mine, 2 * MIB);
    assert_int_equal(vidmm_process_reserve_budget(two.a.process, VIDMM_GROUP_LOCAL, 3 * MIB), STATUS_SUCCESS);
    vidmm_process_set_budget(two.a.process, VIDMM_GROUP_LOCAL, MIB);
    assert_int_equal(budget_of(&two.a).budget_bytes, MIB);
    assert_int_equal(budget_of(&two.a).available_for_reservation_bytes, MIB);
    assert_heard(&two, 1, 1);
    assert_int_equal(two.trims.trim_bytes, MIB);
    thing_make_plain(&two.a, &more, SMALL);
    assert_int_equal(try_resident(&two.a, &more, &trim), STATUS_NO_MEMORY);
    assert_int_equal(trim, MIB + SMALL);
    struct vidmm_binding *binding = &more.binding;
    assert_false(udxg_failed(vidmm_make_resident(two.a.queue, 1, &binding, VIDMM_CANT_TRIM_FURTHER, &fence, &trim)));
    world_wait(&two.a, fence);
    vidmm_process_set_budget(two.a.process, VIDMM_GROUP_LOCAL, 0);
    assert_int_equal(budget_of(&two.a).budget_bytes, 0);
    assert_heard(&two, 2, 2);
    assert_int_equal(two.trims.trim_bytes, 2 * MIB + SMALL);
    /* no more than there can be, whatever was wished for */
    assert_int_equal(vidmm_process_reserve_budget(two.b.process, VIDMM_GROUP_LOCAL, MIB), STATUS_SUCCESS);
    vidmm_process_set_budget(two.a.process, VIDMM_GROUP_LOCAL, 100 * MIB);
    assert_int_equal(budget_of(&two.a).budget_bytes, TOTAL - MIB);
    /* the other group has its own */
    struct vidmm_budget other;
    vidmm_process_budget(two.a.process, VIDMM_GROUP_NON_LOCAL, &other);
    assert_int_equal(other.budget_bytes, 0);
    vidmm_process_set_budget(two.a.process, VIDMM_GROUP_LOCAL, VIDMM_NO_OVERRIDE);
    assert_int_equal(budget_of(&two.a).budget_bytes, TOTAL - MIB);
    assert_heard(&two, 2, 3);
    thing_destroy(&mine);
    thing_destroy(&more);
    two_close(&two);
}

static void weights_count_where_there_is_not_enough(void **state)
{
    (void)state;
    struct two two;
    struct thing mine, others;
    two_open(&two);
    assert_int_equal(vidmm_process_set_weight(two.a.process, 0), STATUS_INVALID_PARAMETER);
    assert_int_equal(vidmm_process_set_weight(two.a.process, 65), STATUS_INVALID_PARAMETER);
    assert_int_equal(vidmm_process_set_weight(two.a.process, 24), STATUS_SUCCESS);
    assert_int_equal(budget_of(&two.a).budget_bytes, TOTAL);
    assert_int_equal(budget_of(&two.b).budget_bytes, TOTAL);
    commit(&two.a, &mine, 8 * MIB);
    assert_int_equal(budget_of(&two.b).budget_bytes, 2 * MIB);
    commit(&two.b, &others, 8 * MIB);
    assert_int_equal(budget_of(&two.a).budget_bytes, 6 * MIB);
    assert_int_equal(budget_of(&two.b).budget_bytes, 2 * MIB);
    assert_int_equal(vidmm_process_set_weight(two.a.process, 8), STATUS_SUCCESS);
    assert_int_equal(budget_of(&two.a).budget_bytes, 4 * MIB);
    assert_heard(&two, 2, 2);
    assert_int_equal(two.trims.trim_bytes, 4 * MIB);
    thing_destroy(&mine);
    thing_destroy(&others);
    two_close(&two);
}

/* A failed MakeResident claims and gives back: nobody may hear of it. */
static void a_failure_tells_nobody(void **state)
{
    (void)state;
    struct two two;
    struct thing mine, others, too_much;
    uint64_t trim;
    two_open(&two);
    commit(&two.a, &mine, 6 * MIB);
    commit(&two.b, &others, MIB);
    assert_heard(&two, 0, 1);
    thing_make_plain(&two.b, &too_much, 4 * MIB);
    for (unsigned i = 0; i < 10; i++) assert_int_equal(try_resident(&two.b, &too_much, &trim), STATUS_NO_MEMORY);
    assert_int_equal(trim, MIB);
    assert_heard(&two, 0, 1);
    thing_destroy(&mine);
    thing_destroy(&others);
    thing_destroy(&too_much);
    two_close(&two);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_budget_falls_when_another_process_commits),
        cmocka_unit_test(usage_within_a_step_tells_nobody),
        cmocka_unit_test(little_usages_add_up),
        cmocka_unit_test(an_unanswered_request_is_not_repeated),
        cmocka_unit_test(reservations_are_honoured),
        cmocka_unit_test(an_override_goes_before_everything),
        cmocka_unit_test(weights_count_where_there_is_not_enough),
        cmocka_unit_test(a_failure_tells_nobody),
    };
    return cmocka_run_group_tests_name("vidmm budget", tests, NULL, NULL);
}
