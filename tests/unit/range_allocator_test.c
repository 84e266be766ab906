/* SPDX-License-Identifier: MIT */
/* The range allocator against a map of single granules: what it hands out, and that it fails only if it must. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "random.h"
#include "range/allocator.h"

#define GRANULE UINT64_C(4096)
#define GRANULES 2048u
#define LIVE_LIMIT 512u

struct live {
    struct udxg_range *range;
    uint64_t offset, size;
};

struct space {
    struct udxg_range_allocator *allocator;
    uint64_t size, used;
    uint32_t live_count;
    struct live live[LIVE_LIMIT];
    bool taken[GRANULES]; /* of the first GRANULES granules */
};

static void space_open(struct space *space, uint64_t size, uint64_t granule)
{
    memset(space, 0, sizeof(*space));
    assert_int_equal(udxg_range_allocator_create(size, granule, &space->allocator), STATUS_SUCCESS);
    space->size = size;
}

static void space_close(struct space *space)
{
    udxg_range_allocator_destroy(space->allocator);
}

static void space_check(const struct space *space)
{
    const char *wrong = udxg_range_allocator_check(space->allocator);
    if (wrong) fail_msg("%s", wrong);
    assert_int_equal(udxg_range_allocator_used(space->allocator), space->used);
}

static uint64_t largest_hole(const struct space *space)
{
    uint64_t largest = 0, run = 0;
    for (uint32_t i = 0; i < GRANULES; i++) {
        run = space->taken[i] ? 0 : run + 1;
        if (run > largest) largest = run;
    }
    return largest * GRANULE;
}

static bool would_fit(const struct space *space, uint64_t granules, uint64_t alignment)
{
    for (uint64_t at = 0; at + granules <= GRANULES; at += alignment) {
        uint64_t length = 0;
        while (length < granules && !space->taken[at + length]) length++;
        if (length == granules) return true;
    }
    return false;
}

static void mark(struct space *space, const struct live *live, bool taken)
{
    for (uint64_t i = live->offset / GRANULE; i < (live->offset + live->size) / GRANULE; i++) {
        assert_int_not_equal(space->taken[i], taken);
        space->taken[i] = taken;
    }
}

/* Allocates, and holds the result against the map. */
static bool space_alloc(struct space *space, uint64_t size, uint64_t alignment, enum udxg_range_end end)
{
    uint64_t granules = (size + GRANULE - 1) / GRANULE;
    uint64_t step = alignment > GRANULE ? alignment / GRANULE : 1;
    bool fits = would_fit(space, granules, step);
    struct live *live = &space->live[space->live_count];
    live->range = NULL;

    udxg_status status = udxg_range_alloc(space->allocator, size, alignment, end, &live->range);
    assert_int_equal(status, fits ? STATUS_SUCCESS : STATUS_GRAPHICS_NO_VIDEO_MEMORY);
    if (!fits) {
        assert_null(live->range);
        return false;
    }
    live->offset = udxg_range_offset(live->range);
    live->size = udxg_range_size(live->range);
    assert_int_equal(live->size, granules * GRANULE);
    assert_int_equal(live->offset % (step * GRANULE), 0);
    assert_true(live->offset + live->size <= space->size);
    mark(space, live, true);
    space->used += live->size;
    space->live_count++;
    return true;
}

static void space_free(struct space *space, uint32_t index)
{
    struct live *live = &space->live[index];
    assert_int_equal(udxg_range_offset(live->range), live->offset);
    assert_int_equal(udxg_range_size(live->range), live->size);
    udxg_range_free(space->allocator, live->range);
    mark(space, live, false);
    space->used -= live->size;
    *live = space->live[--space->live_count];
}

static int by_offset(const void *a, const void *b)
{
    const struct live *left = a, *right = b;
    return (left->offset > right->offset) - (left->offset < right->offset);
}

static enum udxg_range_end some_end(struct random *random)
{
    return random_below(random, 3) ? UDXG_RANGE_FROM_START : UDXG_RANGE_FROM_END;
}

static void smoke_against_map(void **state)
{
    struct random random = random_seed(__func__, 0);
    struct space *space = malloc(sizeof(*space));
    unsigned failures = 0;
    (void)state;
    space_open(space, GRANULES * GRANULE, GRANULE);
    for (unsigned step = 0; step < 60000; step++) {
        bool growing = step / 512 % 2 == 0;
        bool allocate = random_below(&random, 8) < (growing ? 6 : 2);
        if (space->live_count == LIVE_LIMIT || (!allocate && space->live_count)) {
            space_free(space, (uint32_t)random_below(&random, space->live_count));
        } else if (allocate) {
            uint64_t size = random_log_uniform(&random, 10, 19);
            uint64_t alignment = UINT64_C(1) << (random_below(&random, 4) ? 0 : random_below(&random, 21));
            failures += !space_alloc(space, size, alignment, some_end(&random));
        }
        space_check(space);
        if (step % 16 == 0) {
            assert_int_equal(udxg_range_allocator_largest_free(space->allocator), largest_hole(space));
        }
    }
    assert_true(failures > 100); /* the space was full often enough for that half of the rules */
    while (space->live_count) space_free(space, space->live_count - 1);
    space_check(space);
    assert_int_equal(udxg_range_allocator_largest_free(space->allocator), space->size);
    space_close(space);
    free(space);
}

static void pessimistic_checkerboard(void **state)
{
    struct space *space = malloc(sizeof(*space));
    (void)state;
    space_open(space, 2 * LIVE_LIMIT * GRANULE, GRANULE);
    memset(space->taken + 2 * LIVE_LIMIT, 1, GRANULES - 2 * LIVE_LIMIT);
    for (uint32_t i = 0; i < LIVE_LIMIT; i++) assert_true(space_alloc(space, 2 * GRANULE, 1, UDXG_RANGE_FROM_START));
    assert_int_equal(udxg_range_allocator_largest_free(space->allocator), 0);
    assert_false(space_alloc(space, 1, 1, UDXG_RANGE_FROM_START));

    for (uint32_t i = 0; i < LIVE_LIMIT; i += 2) udxg_range_free(space->allocator, space->live[i].range);
    struct udxg_range *range = NULL;
    assert_int_equal(udxg_range_alloc(space->allocator, 3 * GRANULE, 1, UDXG_RANGE_FROM_START, &range),
                     STATUS_GRAPHICS_NO_VIDEO_MEMORY);
    assert_int_equal(udxg_range_allocator_largest_free(space->allocator), 2 * GRANULE);
    for (uint32_t i = 1; i < LIVE_LIMIT; i += 2) udxg_range_free(space->allocator, space->live[i].range);
    assert_int_equal(udxg_range_allocator_largest_free(space->allocator), space->size);
    assert_int_equal(udxg_range_allocator_used(space->allocator), 0);
    assert_null(udxg_range_allocator_check(space->allocator));
    space_close(space);
    free(space);
}

/* 4,096 holes that are all in the bin of the wanted size, and only the first one freed is large enough. */
static void pathological_bin(void **state)
{
    enum { COUNT = 4096, BIG = 2047, SMALL = 2046 };
    static struct udxg_range *holes[COUNT], *walls[COUNT];
    struct space *space = malloc(sizeof(*space));
    struct udxg_range *range = NULL;
    (void)state;
    space_open(space, (uint64_t)COUNT * (BIG + 1), 1);
    for (uint64_t i = 0; i < COUNT; i++) {
        uint64_t size = i ? SMALL : BIG;
        assert_int_equal(udxg_range_alloc(space->allocator, size, 1, UDXG_RANGE_FROM_START, &holes[i]), STATUS_SUCCESS);
        size = BIG + 1 - size;
        assert_int_equal(udxg_range_alloc(space->allocator, size, 1, UDXG_RANGE_FROM_START, &walls[i]), STATUS_SUCCESS);
    }
    assert_int_equal(udxg_range_allocator_largest_free(space->allocator), 0);
    for (unsigned i = 0; i < COUNT; i++) udxg_range_free(space->allocator, holes[i]);
    assert_int_equal(udxg_range_alloc(space->allocator, BIG, 1, UDXG_RANGE_FROM_START, &range), STATUS_SUCCESS);
    assert_int_equal(udxg_range_offset(range), 0);
    assert_int_equal(udxg_range_alloc(space->allocator, BIG, 1, UDXG_RANGE_FROM_START, &range),
                     STATUS_GRAPHICS_NO_VIDEO_MEMORY);
    assert_null(udxg_range_allocator_check(space->allocator));
    space_close(space);
    free(space);
}

static void ends_are_respected(void **state)
{
    struct space *space = malloc(sizeof(*space));
    (void)state;
    space_open(space, GRANULES * GRANULE, GRANULE);
    assert_true(space_alloc(space, 3 * GRANULE, 1, UDXG_RANGE_FROM_START));
    assert_int_equal(space->live[0].offset, 0);
    assert_true(space_alloc(space, 3 * GRANULE, 1, UDXG_RANGE_FROM_END));
    assert_int_equal(space->live[1].offset, (GRANULES - 3) * GRANULE);
    assert_true(space_alloc(space, GRANULE, 16 * GRANULE, UDXG_RANGE_FROM_END));
    assert_int_equal(space->live[2].offset, (GRANULES - 16) * GRANULE);
    assert_true(space_alloc(space, GRANULE, 16 * GRANULE, UDXG_RANGE_FROM_START));
    assert_int_equal(space->live[3].offset, 16 * GRANULE);
    /* The hole that alignment left is not wasted. */
    assert_true(space_alloc(space, 13 * GRANULE, 1, UDXG_RANGE_FROM_START));
    assert_int_equal(space->live[4].offset, 3 * GRANULE);
    space_check(space);
    space_close(space);
    free(space);
}

static void equal_holes_by_offset(void **state)
{
    struct space *space = malloc(sizeof(*space));
    uint64_t low, high;
    (void)state;
    space_open(space, GRANULES * GRANULE, GRANULE);
    for (unsigned i = 0; i < GRANULES / 8; i++) assert_true(space_alloc(space, 8 * GRANULE, 1, UDXG_RANGE_FROM_START));
    for (unsigned order = 0; order < 2; order++) {
        low = space->live[20].offset;
        high = space->live[200].offset;
        assert_true(low + space->size / 8 < high);
        space_free(space, order ? 20 : 200); /* what was freed last does not matter */
        space_free(space, order ? 200 : 20);
        assert_true(space_alloc(space, 3 * GRANULE, 1, UDXG_RANGE_FROM_END));
        assert_int_equal(space->live[space->live_count - 1].offset, high + 5 * GRANULE);
        assert_true(space_alloc(space, 8 * GRANULE, 1, UDXG_RANGE_FROM_END));
        assert_int_equal(space->live[space->live_count - 1].offset, low);
        space_free(space, space->live_count - 1);
        space_free(space, space->live_count - 1);
        assert_true(space_alloc(space, 8 * GRANULE, 1, UDXG_RANGE_FROM_START));
        assert_int_equal(space->live[space->live_count - 1].offset, low);
        assert_true(space_alloc(space, 8 * GRANULE, 1, UDXG_RANGE_FROM_START));
        assert_int_equal(space->live[space->live_count - 1].offset, high);
        space_check(space);
        qsort(space->live, space->live_count, sizeof(space->live[0]), by_offset);
    }
    space_close(space);
    free(space);
}

static void bad_arguments(void **state)
{
    struct space *space = malloc(sizeof(*space));
    struct udxg_range_allocator *allocator = NULL;
    struct udxg_range *range = NULL;
    (void)state;
    space_open(space, 64 * GRANULE, GRANULE);
    assert_int_equal(udxg_range_allocator_create(0, GRANULE, &allocator), STATUS_INVALID_PARAMETER);
    assert_int_equal(udxg_range_allocator_create(64, 0, &allocator), STATUS_INVALID_PARAMETER);
    assert_int_equal(udxg_range_allocator_create(96, 48, &allocator), STATUS_INVALID_PARAMETER);
    assert_int_equal(udxg_range_allocator_create(100, 64, &allocator), STATUS_INVALID_PARAMETER);
    assert_int_equal(udxg_range_allocator_create(UINT64_C(1) << 32, 1, &allocator), STATUS_INVALID_PARAMETER);
    assert_null(allocator);

    static const struct {
        uint64_t size, alignment;
        udxg_status status;
    } cases[] = {
        {0, 1, STATUS_INVALID_PARAMETER},
        {1, 0, STATUS_INVALID_PARAMETER},
        {1, 3, STATUS_INVALID_PARAMETER},
        {64 * GRANULE + 1, 1, STATUS_GRAPHICS_NO_VIDEO_MEMORY},
        {UINT64_MAX, 1, STATUS_GRAPHICS_NO_VIDEO_MEMORY},
        {UINT64_MAX, UINT64_C(1) << 63, STATUS_GRAPHICS_NO_VIDEO_MEMORY},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(udxg_range_alloc(space->allocator, cases[i].size, cases[i].alignment, UDXG_RANGE_FROM_START,
                                          &range),
                         cases[i].status);
    }
    assert_null(range);
    assert_int_equal(udxg_range_alloc(space->allocator, 1, UINT64_C(1) << 63, UDXG_RANGE_FROM_END, &range),
                     STATUS_SUCCESS);
    assert_int_equal(udxg_range_offset(range), 0);
    space->used = GRANULE;
    space_check(space);
    udxg_range_allocator_destroy(NULL);
    space_close(space);
    free(space);
}

static void largest_and_smallest_spaces(void **state)
{
    static const struct {
        uint64_t granules, granule;
    } cases[] = {{1, 1},    {1, UINT64_C(1) << 63}, {2, 4096},
                 {3, 4096}, {UINT32_MAX, 1},        {UINT32_MAX, UINT64_C(1) << 32}};
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct space *space = malloc(sizeof(*space));
        uint64_t size = cases[i].granules * cases[i].granule;
        struct udxg_range *all = NULL, *more = NULL;
        space_open(space, size, cases[i].granule);
        assert_int_equal(udxg_range_alloc(space->allocator, 1, 1, UDXG_RANGE_FROM_END, &more), STATUS_SUCCESS);
        assert_int_equal(udxg_range_offset(more), size - cases[i].granule);
        assert_int_equal(udxg_range_size(more), cases[i].granule);
        udxg_range_free(space->allocator, more);
        assert_int_equal(udxg_range_alloc(space->allocator, size, 1, UDXG_RANGE_FROM_START, &all), STATUS_SUCCESS);
        assert_int_equal(udxg_range_offset(all), 0);
        assert_int_equal(udxg_range_size(all), size);
        assert_int_equal(udxg_range_alloc(space->allocator, 1, 1, UDXG_RANGE_FROM_START, &more),
                         STATUS_GRAPHICS_NO_VIDEO_MEMORY);
        assert_null(udxg_range_allocator_check(space->allocator));
        udxg_range_free(space->allocator, all);
        assert_int_equal(udxg_range_allocator_largest_free(space->allocator), size);
        space_close(space);
        free(space);
    }
}

static void every_granule_alone(void **state)
{
    struct space *space = malloc(sizeof(*space));
    struct udxg_range *ranges[LIVE_LIMIT], *more = NULL;
    (void)state;
    space_open(space, LIVE_LIMIT, 1);
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < LIVE_LIMIT; i++) {
            assert_int_equal(udxg_range_alloc(space->allocator, 1, 1, round % 2, &ranges[i]), STATUS_SUCCESS);
            assert_int_equal(udxg_range_offset(ranges[i]), round % 2 ? LIVE_LIMIT - 1 - i : i);
        }
        assert_int_equal(udxg_range_alloc(space->allocator, 1, 1, 0, &more), STATUS_GRAPHICS_NO_VIDEO_MEMORY);
        assert_null(udxg_range_allocator_check(space->allocator));
        for (unsigned i = 0; i < LIVE_LIMIT; i += 2) udxg_range_free(space->allocator, ranges[i]);
        assert_null(udxg_range_allocator_check(space->allocator));
        for (unsigned i = 1; i < LIVE_LIMIT; i += 2) udxg_range_free(space->allocator, ranges[i]);
    }
    space_close(space);
    free(space);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(smoke_against_map),
        cmocka_unit_test(pessimistic_checkerboard),
        cmocka_unit_test(pathological_bin),
        cmocka_unit_test(ends_are_respected),
        cmocka_unit_test(equal_holes_by_offset),
        cmocka_unit_test(bad_arguments),
        cmocka_unit_test(largest_and_smallest_spaces),
        cmocka_unit_test(every_granule_alone),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
