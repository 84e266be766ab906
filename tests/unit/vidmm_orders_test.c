/* SPDX-License-Identifier: MIT */
/*
 * What is ordered from outside: eviction, suspension, defragmentation, other properties. Engines that are at work
 * meanwhile find every byte, and the numbers of a process outlive it.
 */
#include "vidmm_fixture.h"

#include <stdatomic.h>
#include <unistd.h>

#include "vidmm/alloc.h"

#define SMALL (64 * KIB)
#define THINGS 12u

static struct vidmm_property prefer(uint8_t first, uint8_t second)
{
    return (struct vidmm_property){.set_preferred = true, .preferred = {first, second}};
}

static udxg_status update(struct world *world, struct thing *thing, const struct vidmm_property *property)
{
    uint64_t fence = 0;
    udxg_status status = vidmm_alloc_update_property(world->queue, &thing->binding, property, &fence);
    if (status == STATUS_PENDING) world_wait(world, fence);
    return status;
}

static struct vidmm_counters counters_of(const struct world *world)
{
    struct vidmm_counters counters;
    vidmm_adapter_counters(world->adapter, &counters);
    return counters;
}

/* ---- counters ---- */

static void counters_outlive_their_process(void **state)
{
    (void)state;
    struct udxg_adapter_caps caps = discrete_caps(64 * MIB);
    struct world world, other;
    struct thing thing;
    world_open(&world, &caps);
    world_join(&other, world.adapter);
    thing_make_plain(&other, &thing, SMALL);
    make_resident(&other, &thing);
    struct vidmm_counters mine, before = counters_of(&world);
    vidmm_process_counters(world.process, &mine);
    assert_int_equal(mine.created.count, 0);
    assert_int_equal(before.created.count, 1);
    assert_int_equal(before.segments[0].resident[0].bytes, SMALL);
    thing_destroy(&thing);
    world_leave(&other);
    struct vidmm_counters after = counters_of(&world);
    assert_int_equal(after.created.count, 1);
    assert_int_equal(after.destroyed.bytes, SMALL);
    assert_int_equal(after.opened.count, 1);
    assert_int_equal(after.closed.count, 1);
    assert_int_equal(after.evicted[VIDMM_EVICTED_TO_CLOSE].bytes, SMALL);
    assert_int_equal(after.segments[0].resident[0].bytes, 0);
    assert_int_equal(after.segments[0].committed.count, 0);
    world_close(&world);
}

static void a_second_opening_is_counted(void **state)
{
    (void)state;
    struct udxg_adapter_caps caps = uma_caps();
    struct world world;
    struct thing thing;
    struct vidmm_binding second;
    world_open(&world, &caps);
    thing_make_plain(&world, &thing, SMALL);
    vidmm_binding_init(&second, &thing.alloc, &world.device);
    assert_int_equal(counters_of(&world).opened.count, 2);
    assert_int_equal(counters_of(&world).created.count, 1);
    vidmm_binding_fini(&second);
    assert_int_equal(counters_of(&world).closed.bytes, SMALL);
    thing_destroy(&thing);
    world_close(&world);
}

/* ---- properties ---- */

/* Nothing moves it at the time. */
static bool is_in_pieces(const struct thing *thing) UDXG_NO_TSA
{
    return thing->alloc.extents->next;
}

static void one_in_pieces_is_put_together(void **state)
{
    (void)state;
    struct udxg_adapter_caps caps = discrete_caps(MIB);
    struct world world;
    struct thing things[16], pieces;
    world_open(&world, &caps);
    for (unsigned i = 0; i < 16; i++) {
        thing_make_plain(&world, &things[i], SMALL);
        make_resident(&world, &things[i]);
    }
    for (unsigned i = 0; i < 16; i += 2) thing_destroy(&things[i]);
    thing_make_plain(&world, &pieces, 2 * SMALL);
    make_resident(&world, &pieces);
    assert_true(is_in_pieces(&pieces));
    for (unsigned i = 1; i < 16; i += 2) thing_destroy(&things[i]);
    struct vidmm_property property = {.set_physical = true, .physical = true};
    assert_int_equal(update(&world, &pieces, &property), STATUS_PENDING);
    assert_int_equal(vidmm_alloc_residency(&pieces.alloc), VIDMM_RESIDENT_GPU);
    assert_false(is_in_pieces(&pieces));
    assert_int_equal(update(&world, &pieces, &property), STATUS_SUCCESS);
    thing_destroy(&pieces);
    world_close(&world);
}

static void an_abandoned_migration_is_counted(void **state)
{
    (void)state;
    struct udxg_adapter_caps caps = discrete_caps(64 * MIB);
    struct world world;
    struct thing thing;
    world_open(&world, &caps);
    thing_make_plain(&world, &thing, SMALL);
    make_resident(&world, &thing);
    uint64_t delay, fence;
    struct vidmm_property property = prefer(APERTURE, LOCAL);
    assert_int_equal(vidmm_queue_delay(world.queue, 50, &delay), STATUS_SUCCESS);
    assert_int_equal(vidmm_alloc_update_property(world.queue, &thing.binding, &property, &fence), STATUS_PENDING);
    thing_destroy(&thing);
    world_wait(&world, fence);
    struct vidmm_counters counters = counters_of(&world);
    assert_int_equal(counters.migrations_abandoned.count, 1);
    assert_int_equal(counters.migrations_abandoned.bytes, SMALL);
    assert_int_equal(counters.migrated.count, 0);
    world_close(&world);
}

/* ---- what runs ---- */

/* Whether the device may run, within a while. */
static bool is_let_in(struct world *world)
{
    for (unsigned i = 0; i < 2000; i++) {
        if (vidmm_device_begin_run(&world->device)) return true;
        usleep(1000);
    }
    return false;
}

static void *evict_it(void *argument)
{
    struct thing *thing = argument;
    if (udxg_failed(vidmm_alloc_evict(&thing->alloc, VIDMM_EVICTED_TO_PURGE))) abort();
    return NULL;
}

static void an_order_waits_for_the_end_of_a_run(void **state)
{
    (void)state;
    struct udxg_adapter_caps caps = discrete_caps(MIB);
    struct world world;
    struct thing thing;
    pthread_t thread;
    world_open(&world, &caps);
    thing_make_plain(&world, &thing, SMALL);
    make_resident(&world, &thing);
    assert_true(vidmm_device_begin_run(&world.device));
    assert_int_equal(pthread_create(&thread, NULL, evict_it, &thing), 0);
    usleep(20000);
    assert_int_equal(vidmm_alloc_residency(&thing.alloc), VIDMM_RESIDENT_GPU);
    assert_false(vidmm_device_begin_run(&world.device)); /* so that it comes to an end */
    vidmm_device_end_run(&world.device);
    pthread_join(thread, NULL);
    assert_true(is_let_in(&world));
    assert_int_equal(vidmm_alloc_residency(&thing.alloc), VIDMM_RESIDENT_GPU);
    vidmm_device_end_run(&world.device);
    assert_int_equal(counters_of(&world).evicted[VIDMM_EVICTED_TO_PURGE].count, 1);
    thing_destroy(&thing);
    world_close(&world);
}

static void a_migration_waits_for_the_end_of_a_run(void **state)
{
    (void)state;
    struct udxg_adapter_caps caps = discrete_caps(MIB);
    struct world world;
    struct thing thing;
    world_open(&world, &caps);
    thing_make_plain(&world, &thing, SMALL);
    make_resident(&world, &thing);
    struct vidmm_property there = prefer(APERTURE, LOCAL), back = prefer(LOCAL, APERTURE);
    const struct vidmm_property *ways[] = {&there, &back};
    for (unsigned i = 0; i < 2; i++) {
        enum vidmm_residency before = vidmm_alloc_residency(&thing.alloc);
        uint64_t fence;
        assert_true(is_let_in(&world));
        assert_int_equal(vidmm_alloc_update_property(world.queue, &thing.binding, ways[i], &fence), STATUS_PENDING);
        usleep(20000);
        assert_int_equal(vidmm_alloc_residency(&thing.alloc), before);
        assert_null(vidmm_adapter_check(world.adapter));
        vidmm_device_end_run(&world.device);
        world_wait(&world, fence);
        assert_int_not_equal(vidmm_alloc_residency(&thing.alloc), before);
    }
    assert_int_equal(counters_of(&world).migrated.count, 2);
    thing_destroy(&thing);
    world_close(&world);
}

static void others_have_the_room_of_a_suspended_process(void **state)
{
    (void)state;
    struct udxg_adapter_caps caps = discrete_caps(MIB);
    struct world world, other;
    struct thing mine, theirs;
    world_open(&world, &caps);
    world_join(&other, world.adapter);
    thing_make_plain(&world, &mine, MIB);
    make_resident(&world, &mine);
    assert_int_equal(vidmm_process_suspend(world.process, false), STATUS_SUCCESS);
    assert_int_equal(vidmm_alloc_residency(&mine.alloc), VIDMM_NOT_RESIDENT);
    assert_false(vidmm_device_begin_run(&world.device));
    thing_make_plain(&other, &theirs, SMALL);
    make_resident(&other, &theirs);
    assert_int_equal(vidmm_alloc_residency(&theirs.alloc), VIDMM_RESIDENT_GPU);
    usleep(100000); /* longer than who comes back by himself waits */
    assert_int_equal(vidmm_alloc_residency(&mine.alloc), VIDMM_NOT_RESIDENT);
    assert_null(vidmm_adapter_check(world.adapter));
    thing_destroy(&theirs);
    assert_int_equal(vidmm_process_resume(world.process), STATUS_SUCCESS);
    assert_true(is_let_in(&world));
    assert_int_equal(vidmm_alloc_residency(&mine.alloc), VIDMM_RESIDENT_GPU);
    vidmm_device_end_run(&world.device);
    assert_true(world.ready > 0);
    world_leave(&other);
    thing_destroy(&mine);
    world_close(&world);
}

static void an_unmoveable_one_is_nobodys_victim(void **state)
{
    (void)state;
    struct udxg_adapter_caps caps = discrete_caps(MIB);
    struct vidmm_property property = {.set_unmoveable = true, .unmoveable = true};
    struct world world, other;
    struct thing pinned, late;
    uint64_t trim_bytes, fence = 0;
    world_open(&world, &caps);
    world_join(&other, world.adapter);
    thing_make_plain(&world, &pinned, MIB);
    make_resident(&world, &pinned);
    assert_int_equal(update(&world, &pinned, &property), STATUS_SUCCESS);
    struct vidmm_alloc_desc desc = thing_desc(&other, SMALL);
    desc.supported_segments = SET(LOCAL);
    desc.flags = 0;
    thing_make(&other, &late, &desc);
    struct vidmm_binding *binding = &late.binding;
    assert_int_equal(vidmm_make_resident(other.queue, 1, &binding, 0, &fence, &trim_bytes), STATUS_PENDING);
    usleep(50000);
    assert_int_equal(vidmm_alloc_residency(&late.alloc), VIDMM_NOT_RESIDENT);
    assert_int_equal(vidmm_alloc_residency(&pinned.alloc), VIDMM_RESIDENT_GPU);
    assert_null(vidmm_adapter_check(world.adapter));
    property.unmoveable = false;
    assert_int_equal(update(&world, &pinned, &property), STATUS_SUCCESS);
    vidmm_adapter_wake(world.adapter, false);
    world_wait(&other, fence);
    assert_int_equal(vidmm_alloc_residency(&late.alloc), VIDMM_RESIDENT_GPU);
    thing_destroy(&late);
    world_leave(&other);
    thing_destroy(&pinned);
    world_close(&world);
}

/* ---- all at once ---- */

struct unrest {
    struct world *world;
    struct thing *things;
    atomic_bool over;
};

/* As a lane does. Engines of the test pass no gate, so each round asks for it. */
static void run(struct vidmm_device *device)
{
    if (vidmm_device_begin_run(device)) vidmm_device_end_run(device);
}

static void *order_about(void *argument)
{
    struct unrest *unrest = argument;
    struct vidmm_fragmentation result;
    for (unsigned i = 0; !atomic_load(&unrest->over); i++) {
        struct thing *thing = &unrest->things[i % THINGS];
        struct vidmm_property property = prefer(i % 3 ? LOCAL : APERTURE, i % 3 ? APERTURE : LOCAL);
        uint64_t fence;
        if (udxg_failed(vidmm_alloc_evict(&thing->alloc, VIDMM_EVICTED_TO_PURGE))) abort();
        if (udxg_failed(vidmm_alloc_update_property(unrest->world->queue, &thing->binding, &property, &fence))) abort();
        if (i % 5 == 0 && udxg_failed(vidmm_process_suspend(unrest->world->process, i % 2))) abort();
        run(&unrest->world->device);
        if (i % 5 == 0) (void)(vidmm_process_resume(unrest->world->process) == STATUS_SUCCESS);
        run(&unrest->world->device);
        if (i % 7 == 0)
            if (udxg_failed(vidmm_adapter_defrag(unrest->world->adapter, LOCAL,
                                                 i % 2 ? VIDMM_DEFRAG_TO_START : VIDMM_DEFRAG_TO_END, &result)))
                abort();
    }
    return NULL;
}

static void engines_find_their_bytes(void **state)
{
    (void)state;
    struct udxg_adapter_caps caps = discrete_caps(4 * MIB);
    struct world world;
    struct thing things[THINGS];
    static uint64_t words[SMALL / 8];
    uint64_t fault;
    world_open(&world, &caps);
    for (unsigned i = 0; i < THINGS; i++) {
        thing_make_plain(&world, &things[i], SMALL);
        make_resident(&world, &things[i]);
    }
    struct unrest unrest = {.world = &world, .things = things};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, order_about, &unrest), 0);
    for (unsigned round = 1; round < 200; round++) {
        for (unsigned i = 0; i < THINGS; i++) {
            content_make(round * THINGS + i, words, SMALL / 8);
            assert_int_equal(world.memory.write(world.memory.context, things[i].va, words, SMALL, &fault), 0);
        }
        for (unsigned i = 0; i < THINGS; i++) {
            assert_int_equal(world.memory.read(world.memory.context, things[i].va, words, SMALL, &fault), 0);
            assert_true(content_is(round * THINGS + i, words, SMALL / 8));
        }
        assert_null(vidmm_adapter_check(world.adapter));
    }
    atomic_store(&unrest.over, true);
    pthread_join(thread, NULL);
    for (unsigned i = 0; i < THINGS; i++) thing_destroy(&things[i]);
    assert_int_equal(world.failed, STATUS_SUCCESS);
    world_close(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counters_outlive_their_process),
        cmocka_unit_test(a_second_opening_is_counted),
        cmocka_unit_test(one_in_pieces_is_put_together),
        cmocka_unit_test(an_abandoned_migration_is_counted),
        cmocka_unit_test(an_order_waits_for_the_end_of_a_run),
        cmocka_unit_test(a_migration_waits_for_the_end_of_a_run),
        cmocka_unit_test(others_have_the_room_of_a_suspended_process),
        cmocka_unit_test(an_unmoveable_one_is_nobodys_victim),
        cmocka_unit_test(engines_find_their_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
