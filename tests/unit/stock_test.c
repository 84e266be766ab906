/* SPDX-License-Identifier: MIT */
/*
 * Stocks of commit and homes: what lies in one is nowhere missing. Limits are reached to the byte and the pool to
 * the last range, from any stripe and by any process of the adapter, also while others are at work.
 */
#include "vidmm_fixture.h"

#include "random.h"
#include "vidmm/process.h"

#define PAGE (4 * KIB)

static struct vidmm_alloc_desc stripe_desc(const struct world *world, unsigned stripe, uint64_t size_bytes)
{
    struct vidmm_alloc_desc desc = thing_desc(world, size_bytes);
    desc.stripe = (uint8_t)stripe;
    return desc;
}

static udxg_status try_alloc(const struct world *world, unsigned stripe, uint64_t size_bytes, struct vidmm_alloc *alloc)
{
    struct vidmm_alloc_desc desc = stripe_desc(world, stripe, size_bytes);
    return vidmm_alloc_init(alloc, world->process, &desc);
}

static void make_alloc(const struct world *world, unsigned stripe, uint64_t size_bytes, struct vidmm_alloc *alloc)
{
    assert_int_equal(try_alloc(world, stripe, size_bytes, alloc), STATUS_SUCCESS);
}

static struct vidmm_stocked stocked(const struct world *world)
{
    struct vidmm_stocked stocked;
    vidmm_stocks_sum(world->process, &stocked);
    return stocked;
}

static struct vidmm_usage usage(const struct world *world)
{
    struct vidmm_usage usage;
    vidmm_process_usage(world->process, &usage);
    return usage;
}

static void check(const struct world *world)
{
    assert_null(vidmm_process_check(world->process));
    assert_null(vidmm_adapter_check(world->adapter));
}

static struct udxg_adapter_caps caps_with_commit(uint64_t limit_bytes)
{
    struct udxg_adapter_caps caps = uma_caps();
    caps.system_commit_limit_bytes = limit_bytes;
    return caps;
}

static void a_stock_is_not_usage(void **state)
{
    (void)state;
    struct udxg_adapter_caps caps = uma_caps();
    struct world world;
    struct vidmm_alloc alloc;
    world_open(&world, &caps);
    make_alloc(&world, 3, 64 * KIB, &alloc);
    assert_int_equal(usage(&world).commit_bytes, 64 * KIB);
    assert_int_equal(usage(&world).allocations, 1);
    assert_true(stocked(&world).commit_bytes > 0);
    vidmm_alloc_fini(&alloc);
    assert_int_equal(usage(&world).commit_bytes, 0);
    assert_int_equal(usage(&world).allocations, 0);
    assert_int_equal(stocked(&world).home_bytes, 64 * KIB);
    check(&world);
    world_close(&world);
}

/* Every stripe has a little of a limit that one then takes to the last page. */
static void the_limit_is_reached_exactly(void **state)
{
    enum { LIMIT_PAGES = 1024 };
    (void)state;
    struct udxg_adapter_caps caps = caps_with_commit(LIMIT_PAGES * PAGE);
    static struct vidmm_alloc allocs[LIMIT_PAGES], extra;
    struct world world;
    world_open(&world, &caps);
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < LIMIT_PAGES; i++)
            make_alloc(&world, round == 1 ? 5 : i % UDXG_STRIPES, PAGE, &allocs[i]);
        assert_int_equal(usage(&world).commit_bytes, LIMIT_PAGES * PAGE);
        for (unsigned stripe = 0; stripe < UDXG_STRIPES; stripe++)
            assert_int_equal(try_alloc(&world, stripe, PAGE, &extra), STATUS_NO_MEMORY);
        assert_int_equal(usage(&world).allocations, LIMIT_PAGES);
        vidmm_alloc_fini(&allocs[7]);
        make_alloc(&world, (allocs[7].stripe + 1) % UDXG_STRIPES, PAGE, &allocs[7]);
        assert_int_equal(try_alloc(&world, 0, PAGE, &extra), STATUS_NO_MEMORY);
        check(&world);
        for (unsigned i = 0; i < LIMIT_PAGES; i++) vidmm_alloc_fini(&allocs[i]);
        check(&world);
    }
    make_alloc(&world, 2, LIMIT_PAGES * PAGE, &extra); /* in one piece: no stock keeps any of it */
    vidmm_alloc_fini(&extra);
    assert_int_equal(try_alloc(&world, 2, LIMIT_PAGES * PAGE + 1, &extra), STATUS_NO_MEMORY);
    world_close(&world);
}

/* The adapter's limit is everybody's: what one process keeps in stock another may use up. */
static void stocks_of_other_processes_are_called_back(void **state)
{
    (void)state;
    struct udxg_adapter_caps caps = caps_with_commit(4 * MIB);
    struct world first, second;
    struct vidmm_alloc small, large;
    world_open(&first, &caps);
    world_join(&second, first.adapter);
    for (unsigned stripe = 0; stripe < UDXG_STRIPES; stripe++) {
        make_alloc(&first, stripe, 64 * KIB, &small);
        vidmm_alloc_fini(&small);
    }
    assert_true(stocked(&first).commit_bytes >= MIB);
    make_alloc(&second, 0, 4 * MIB, &large);
    assert_int_equal(stocked(&first).commit_bytes, 0);
    assert_int_equal(try_alloc(&first, 0, PAGE, &small), STATUS_NO_MEMORY);
    vidmm_alloc_fini(&large);
    make_alloc(&first, 0, 4 * MIB, &large);
    vidmm_alloc_fini(&large);
    check(&first);
    world_leave(&second);
    world_close(&first);
}

static void a_process_that_ends_gives_its_stock_back(void **state)
{
    (void)state;
    struct udxg_adapter_caps caps = caps_with_commit(4 * MIB);
    struct world first, second;
    struct vidmm_alloc alloc;
    world_open(&first, &caps);
    world_join(&second, first.adapter);
    make_alloc(&second, 1, 64 * KIB, &alloc);
    vidmm_alloc_fini(&alloc);
    assert_true(stocked(&second).commit_bytes > 0);
    world_leave(&second);
    assert_null(vidmm_adapter_check(first.adapter));
    make_alloc(&first, 0, 4 * MIB, &alloc);
    vidmm_alloc_fini(&alloc);
    world_close(&first);
}

/* The same place again, for the same size and an alignment that it has; and zero for whoever asks. */
static void a_home_comes_back_zeroed(void **state)
{
    (void)state;
    struct udxg_adapter_caps caps = uma_caps();
    struct world world;
    struct vidmm_alloc alloc, other;
    world_open(&world, &caps);
    make_alloc(&world, 0, 64 * KIB, &alloc);
    void *home = alloc.home;
    memset(home, 0xa5, 64 * KIB);
    vidmm_alloc_fini(&alloc);

    make_alloc(&world, 0, 60 * KIB, &other);
    assert_ptr_not_equal(other.home, home);
    make_alloc(&world, 0, 64 * KIB, &alloc);
    assert_ptr_equal(alloc.home, home);
    const char *bytes = alloc.home;
    for (unsigned i = 0; i < 64 * KIB; i++) assert_int_equal(bytes[i], 0);
    vidmm_alloc_fini(&other);
    vidmm_alloc_fini(&alloc);

    struct vidmm_alloc_desc desc = stripe_desc(&world, 0, 64 * KIB);
    desc.alignment_bytes = 2 * MIB;
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(vidmm_alloc_init(&alloc, world.process, &desc), STATUS_SUCCESS);
        assert_int_equal((uintptr_t)alloc.home % (2 * MIB), 0);
        vidmm_alloc_fini(&alloc);
    }
    check(&world);
    world_close(&world);
}

/* Any order of sizes, more homes than a stock has places for: none is lost, none is in two hands. */
static void any_order_of_sizes(void **state)
{
    enum { LIVE = 64, STEPS = 20000 };
    (void)state;
    struct udxg_adapter_caps caps = uma_caps();
    struct random random = random_seed(__func__, 0);
    static struct vidmm_alloc allocs[LIVE];
    static uint64_t marks[LIVE];
    uint64_t next_mark = 0;
    struct world world;
    world_open(&world, &caps);
    for (unsigned step = 0; step < STEPS; step++) {
        unsigned i = (unsigned)random_below(&random, LIVE), stripe = (unsigned)random_below(&random, UDXG_STRIPES);
        if (marks[i]) {
            const uint64_t *words = allocs[i].home;
            assert_int_equal(words[0], marks[i]);
            assert_int_equal(words[allocs[i].size_bytes / 8 - 1], marks[i]);
            vidmm_alloc_fini(&allocs[i]);
            marks[i] = 0;
            continue;
        }
        make_alloc(&world, stripe, PAGE << random_below(&random, 8), &allocs[i]);
        uint64_t *words = allocs[i].home;
        assert_int_equal(words[0] | words[allocs[i].size_bytes / 8 - 1], 0);
        words[0] = words[allocs[i].size_bytes / 8 - 1] = marks[i] = ++next_mark;
        if (step % 1024 == 0) check(&world);
    }
    for (unsigned i = 0; i < LIVE; i++)
        if (marks[i]) vidmm_alloc_fini(&allocs[i]);
    assert_true(stocked(&world).home_bytes <= UDXG_STRIPES * MIB);
    world_close(&world);
}

/* Commit is what runs out first, so the pool is asked for more than there are addresses: by alignment. */
static void the_pool_is_used_to_the_last_range(void **state)
{
    (void)state;
    struct udxg_adapter_caps caps = caps_with_commit(4 * MIB);
    struct world world;
    struct vidmm_alloc alloc;
    world_open(&world, &caps);
    uint64_t pool_bytes = usage(&world).pool_mapped_bytes;
    struct vidmm_alloc_desc desc = stripe_desc(&world, 0, PAGE);
    desc.alignment_bytes = pool_bytes / 2; /* two places, if both were free */
    make_alloc(&world, 4, PAGE, &alloc);
    vidmm_alloc_fini(&alloc); /* lies at the start, in the stock of stripe 4 */
    static struct vidmm_alloc two[2];
    assert_int_equal(vidmm_alloc_init(&two[0], world.process, &desc), STATUS_SUCCESS);
    assert_int_equal(vidmm_alloc_init(&two[1], world.process, &desc), STATUS_SUCCESS);
    assert_int_equal(stocked(&world).home_bytes, 0);
    assert_int_equal(vidmm_alloc_init(&alloc, world.process, &desc), STATUS_GRAPHICS_NO_VIDEO_MEMORY);
    assert_int_equal(usage(&world).commit_bytes, 2 * PAGE);
    assert_int_equal(usage(&world).allocations, 2);
    check(&world);
    for (unsigned i = 0; i < 2; i++) vidmm_alloc_fini(&two[i]);
    world_close(&world);
}

/* ---- threads ---- */

#define THREADS 4u
#define HELD 1u
#define STEPS 20000u

struct worker {
    struct world *world;
    unsigned number;
};

/*
 * Together they hold at most the limit, so that none may ever be refused. What one frees into the first stripe while
 * another has just looked there, and then takes from the last before the other comes there, is what could be missed.
 */
static void *worker(void *argument)
{
    const struct worker *worker = argument;
    struct vidmm_alloc allocs[HELD];
    for (unsigned step = 0; step < STEPS; step++) {
        unsigned i = step % HELD;
        if (step >= HELD) vidmm_alloc_fini(&allocs[i]);
        if (try_alloc(worker->world, step % 2 ? UDXG_STRIPES - 1 : 0, 64 * KIB, &allocs[i]) != STATUS_SUCCESS) abort();
        uint64_t *word = allocs[i].home;
        if (*word) abort();
        *word = worker->number + 1;
    }
    for (unsigned i = 0; i < HELD; i++) vidmm_alloc_fini(&allocs[i]);
    return NULL;
}

static void nobody_is_refused_what_is_there(void **state)
{
    (void)state;
    struct udxg_adapter_caps caps = caps_with_commit(THREADS * HELD * 64 * KIB);
    struct worker workers[THREADS];
    pthread_t threads[THREADS];
    struct world world;
    world_open(&world, &caps);
    for (unsigned i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){.world = &world, .number = i};
        assert_int_equal(pthread_create(&threads[i], NULL, worker, &workers[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    check(&world);
    world_close(&world);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stock_is_not_usage),
        cmocka_unit_test(the_limit_is_reached_exactly),
        cmocka_unit_test(stocks_of_other_processes_are_called_back),
        cmocka_unit_test(a_process_that_ends_gives_its_stock_back),
        cmocka_unit_test(a_home_comes_back_zeroed),
        cmocka_unit_test(any_order_of_sizes),
        cmocka_unit_test(the_pool_is_used_to_the_last_range),
        cmocka_unit_test(nobody_is_refused_what_is_there),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
