/* SPDX-License-Identifier: MIT */
/* What is reserved, mapped and resident, as the VIDMM escape shows it. */
#include "vidmm_fixture.h"

#include "vidmm/vad.h"

#define PAGE (4 * KIB)
#define GRAIN (64 * KIB)
#define BASE UINT64_C(0x10000000)

static void map_at(struct world *world, struct thing *thing, uint64_t base, uint64_t offset, uint64_t pages)
{
    struct vidmm_va_map map = {.base = base,
                               .binding = &thing->binding,
                               .offset_pages = offset,
                               .size_pages = pages,
                               .protection = VIDMM_VA_WRITE};
    uint64_t va;
    assert_int_equal(vidmm_va_map(world->process, &map, &va), STATUS_SUCCESS);
}

static void reserve_at(struct world *world, uint64_t base, uint64_t size_bytes, enum vidmm_va_type type)
{
    uint64_t va;
    assert_int_equal(vidmm_va_reserve(world->process, base, 0, 0, size_bytes, type, &va), STATUS_SUCCESS);
}

/* BASE: reserved, with mappings at pages 1 to 2, 4, and 30 into the next one; then another; then one that Map made. */
static void build(struct world *world, struct thing *thing)
{
    struct udxg_adapter_caps caps = discrete_caps(64 * MIB);
    world_open(world, &caps);
    thing_make_plain(world, thing, MIB);
    assert_int_equal(vidmm_va_free(world->process, thing->va, MIB), STATUS_SUCCESS);
    reserve_at(world, BASE, 2 * GRAIN, VIDMM_VA_ZERO);
    reserve_at(world, BASE + 2 * GRAIN, GRAIN, VIDMM_VA_NO_ACCESS);
    map_at(world, thing, BASE + PAGE, 7, 2);
    map_at(world, thing, BASE + 4 * PAGE, 0, 1);
    map_at(world, thing, BASE + 30 * PAGE, 10, 4);
    map_at(world, thing, BASE + 8 * GRAIN, 3, 5);
}

static void tear_down(struct world *world, struct thing *thing)
{
    thing_destroy(thing);
    world_close(world);
}

static void vads(void **state)
{
    (void)state;
    struct world world;
    struct thing thing;
    struct vidmm_vad vad, same;
    uint64_t page[PAGE / 8], system;
    build(&world, &thing);
    assert_int_equal(vidmm_va_map_system(world.process, page, PAGE, NULL, NULL, &system), STATUS_SUCCESS);
    const struct vidmm_vad expected[] = {
        {BASE, BASE + 2 * GRAIN, true, 3, VIDMM_VA_PROTECT_ZERO},
        {BASE + 2 * GRAIN, BASE + 3 * GRAIN, true, 1, VIDMM_VA_PROTECT_NO_ACCESS},
        {BASE + 8 * GRAIN, BASE + 8 * GRAIN + 5 * PAGE, false, 1, VIDMM_VA_WRITE},
    };
    assert_int_equal(vidmm_vad_count(world.process), 3);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(vidmm_vad_by_index(world.process, i, &vad), STATUS_SUCCESS);
        assert_int_equal(vad.start, expected[i].start);
        assert_int_equal(vad.end, expected[i].end);
        assert_int_equal(vad.reserved, expected[i].reserved);
        assert_int_equal(vad.range_count, expected[i].range_count);
        assert_int_equal(vad.protection, expected[i].protection);
        assert_int_equal(vidmm_vad_by_address(world.process, vad.end - 1, &same), STATUS_SUCCESS);
        assert_int_equal(same.start, vad.start);
    }
    assert_int_equal(vidmm_vad_by_index(world.process, 3, &vad), STATUS_INVALID_PARAMETER);
    assert_int_equal(vidmm_vad_by_index(world.process, UINT32_MAX, &vad), STATUS_INVALID_PARAMETER);
    assert_int_equal(vidmm_vad_by_address(world.process, BASE + 4 * GRAIN, &vad), STATUS_INVALID_PARAMETER);
    assert_int_equal(vidmm_vad_by_address(world.process, system, &vad), STATUS_INVALID_PARAMETER);
    vidmm_va_unmap_system(world.process, system);
    tear_down(&world, &thing);
}

static void ranges(void **state)
{
    (void)state;
    struct world world;
    struct thing thing;
    struct vidmm_vad_range range;
    build(&world, &thing);
    const struct {
        uint64_t vad;
        uint32_t index;
        uint64_t start, pages, offset;
    } expected[] = {
        {BASE, 0, BASE + PAGE, 2, 7},
        {BASE, 1, BASE + 4 * PAGE, 1, 0},
        {BASE, 2, BASE + 30 * PAGE, 2, 10}, /* what of it lies here */
        {BASE + 2 * GRAIN, 0, BASE + 2 * GRAIN, 2, 12},
        {BASE + 8 * GRAIN, 0, BASE + 8 * GRAIN, 5, 3},
    };
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(vidmm_vad_range(world.process, expected[i].vad, expected[i].index, &range), STATUS_SUCCESS);
        assert_int_equal(range.start, expected[i].start);
        assert_int_equal(range.end, expected[i].start + expected[i].pages * PAGE);
        assert_int_equal(range.offset_bytes, expected[i].offset * PAGE);
        assert_int_equal(range.window_bytes, 0);
        assert_true(range.owner);
        assert_int_equal(range.protection, VIDMM_VA_WRITE);
    }
    assert_int_equal(vidmm_vad_range(world.process, BASE, 3, &range), STATUS_INVALID_PARAMETER);
    assert_int_equal(vidmm_vad_range(world.process, BASE + 8 * GRAIN, 1, &range), STATUS_INVALID_PARAMETER);
    assert_int_equal(vidmm_vad_range(world.process, BASE + 4 * GRAIN, 0, &range), STATUS_INVALID_PARAMETER);
    tear_down(&world, &thing);
}

static struct vidmm_pte pte_at(struct world *world, uint64_t va)
{
    struct vidmm_pte pte;
    vidmm_va_pte(world->process, va, &pte);
    return pte;
}

static void entries(void **state)
{
    (void)state;
    struct world world;
    struct thing thing;
    build(&world, &thing);
    assert_false(pte_at(&world, BASE + 4 * GRAIN).valid);
    assert_int_equal(pte_at(&world, BASE + 4 * GRAIN).protection, 0);
    assert_true(pte_at(&world, BASE).zero);
    assert_false(pte_at(&world, BASE).valid);
    assert_int_equal(pte_at(&world, BASE + 2 * GRAIN + 8 * PAGE).protection, VIDMM_VA_PROTECT_NO_ACCESS);
    /* not resident: in no segment, at home */
    struct vidmm_pte pte = pte_at(&world, BASE + 2 * PAGE + 123);
    assert_false(pte.valid);
    assert_int_equal(pte.segment_id, 0);
    assert_int_equal(pte.address, (uintptr_t)thing.alloc.home + 8 * PAGE);
    make_resident(&world, &thing);
    pte = pte_at(&world, BASE + 2 * PAGE + 123);
    assert_true(pte.valid);
    assert_int_equal(pte.segment_id, LOCAL);
    assert_int_equal(pte.protection, VIDMM_VA_WRITE);
    assert_true(pte.address + PAGE <= 64 * MIB);
    assert_int_equal(pte_at(&world, BASE + 4 * PAGE).address + 8 * PAGE, pte.address); /* pages 0 and 8 of one piece */
    evict(&world, &thing, 0);
    assert_false(pte_at(&world, BASE + 2 * PAGE).valid);
    tear_down(&world, &thing);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vads),
        cmocka_unit_test(ranges),
        cmocka_unit_test(entries),
    };
    return cmocka_run_group_tests_name("vidmm vad", tests, NULL, NULL);
}
