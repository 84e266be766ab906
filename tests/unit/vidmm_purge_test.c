/* SPDX-License-Identifier: MIT */
/* The loss of video memory: what is lost, what stays, and that the books are right after it. */
#include "vidmm_fixture.h"

#define SIZE (64 * KIB)

/* Everything in it is BYTE. */
static bool home_is(const struct thing *thing, uint8_t byte)
{
    const uint8_t *home = thing->alloc.home;
    for (uint64_t i = 0; i < SIZE; i++)
        if (home[i] != byte) return false;
    return true;
}

static void write_by_engine(struct world *world, const struct thing *thing, uint32_t pattern)
{
    uint64_t fault;
    assert_int_equal(world->memory.fill(world->memory.context, thing->va, pattern, SIZE, &fault), STATUS_SUCCESS);
}

static uint64_t resident_bytes(struct world *world)
{
    struct vidmm_segment_info info;
    assert_int_equal(vidmm_adapter_segment(world->adapter, LOCAL, &info), STATUS_SUCCESS);
    return info.resident_bytes;
}

static void contents_go_and_homes_stay(void **state)
{
    struct udxg_adapter_caps caps = discrete_caps(MIB);
    struct thing listed, kept, outside;
    struct world world;
    uint64_t trim;

    (void)state;
    world_open(&world, &caps);
    struct thing *const things[] = {&listed, &kept, &outside};
    for (int i = 0; i < 3; i++) {
        thing_make_plain(&world, things[i], SIZE);
        memset(things[i]->alloc.home, 0x11, SIZE);
    }
    make_resident(&world, &listed);
    make_resident(&world, &kept);
    write_by_engine(&world, &listed, 0x22222222);
    write_by_engine(&world, &kept, 0x22222222);
    struct vidmm_binding *binding = &kept.binding;
    assert_int_equal(vidmm_evict(&world.device, 1, &binding, VIDMM_EVICT_ONLY_IF_NECESSARY, &trim), STATUS_SUCCESS);
    assert_int_equal(resident_bytes(&world), 2 * SIZE);

    vidmm_adapter_purge(world.adapter);
    assert_null(vidmm_adapter_check(world.adapter));
    assert_int_equal(resident_bytes(&world), 0);
    for (int i = 0; i < 3; i++) {
        assert_true(home_is(things[i], 0x11));
        assert_int_equal(vidmm_alloc_residency(&things[i]->alloc), VIDMM_NOT_RESIDENT);
        thing_destroy(things[i]);
    }
    world_close(&world);
}

/* What somebody pages in after it comes from home. */
static void what_comes_after_is_as_ever(void **state)
{
    struct udxg_adapter_caps caps = discrete_caps(MIB);
    struct world before, after;
    struct thing old, young;

    (void)state;
    world_open(&before, &caps);
    world_join(&after, before.adapter);
    thing_make_plain(&before, &old, SIZE);
    thing_make_plain(&after, &young, SIZE);
    memset(young.alloc.home, 0x33, SIZE);
    make_resident(&before, &old);
    vidmm_adapter_purge(before.adapter);
    vidmm_adapter_purge(before.adapter); /* nothing is there */
    make_resident(&after, &young);
    write_by_engine(&after, &young, 0x44444444);
    struct vidmm_binding *binding = &young.binding;
    uint64_t trim;
    assert_int_equal(vidmm_evict(&after.device, 1, &binding, 0, &trim), STATUS_SUCCESS);
    void *address;
    assert_int_equal(vidmm_alloc_lock(&young.alloc, &address), STATUS_SUCCESS);
    assert_true(home_is(&young, 0x44));
    assert_int_equal(vidmm_alloc_unlock(&young.alloc), STATUS_SUCCESS);
    thing_destroy(&old);
    thing_destroy(&young);
    world_leave(&after);
    world_close(&before);
}

static void an_adapter_without_video_memory_loses_nothing(void **state)
{
    struct udxg_adapter_caps caps = uma_caps();
    struct world world;
    struct thing thing;

    (void)state;
    world_open(&world, &caps);
    thing_make_plain(&world, &thing, SIZE);
    make_resident(&world, &thing);
    write_by_engine(&world, &thing, 0x55555555);
    vidmm_adapter_purge(world.adapter);
    assert_true(home_is(&thing, 0x55));
    assert_int_equal(vidmm_alloc_residency(&thing.alloc), VIDMM_RESIDENT_SHARED);
    thing_destroy(&thing);
    world_close(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(contents_go_and_homes_stay),
        cmocka_unit_test(what_comes_after_is_as_ever),
        cmocka_unit_test(an_adapter_without_video_memory_loses_nothing),
    };
    return cmocka_run_group_tests_name("vidmm_purge", tests, NULL, NULL);
}
