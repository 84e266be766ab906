/* SPDX-License-Identifier: MIT */
/* Pools: whose bytes one sees, when pages go back to the system, and what happens at the ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../sanitizer.h"
#include "base/os.h"
#include "random.h"
#include "vidmm/pool.h"

#define PAGE UINT64_C(4096)
#define KIB(n) (UINT64_C(n) << 10)
#define MIB(n) (UINT64_C(n) << 20)
#define GIB(n) (UINT64_C(n) << 30)

static struct vidmm_pool *pool_open(uint64_t size, uint64_t keep)
{
    struct vidmm_pool_desc desc = {.name = "udxg-test", .size_bytes = size, .keep_bytes = keep};
    struct vidmm_pool *pool = NULL;
    assert_int_equal(vidmm_pool_create(&desc, &pool), STATUS_SUCCESS);
    return pool;
}

static void pool_check(struct vidmm_pool *pool)
{
    const char *wrong = vidmm_pool_check(pool);
    if (wrong) fail_msg("%s", wrong);
}

static uint64_t resident_bytes(const struct vidmm_pool *pool)
{
    struct stat info;
    assert_int_equal(fstat(vidmm_pool_fd(pool), &info), 0);
    return (uint64_t)info.st_blocks * 512;
}

static struct udxg_range *take(struct vidmm_pool *pool, uint64_t size, bool zeroed, char **ret_address)
{
    struct udxg_range *range = NULL;
    void *address = NULL;
    assert_int_equal(vidmm_pool_alloc(pool, size, PAGE, UDXG_RANGE_FROM_START, zeroed, &range, &address),
                     STATUS_SUCCESS);
    assert_ptr_equal(address, vidmm_pool_address(pool, range));
    if (ret_address) *ret_address = address;
    return range;
}

/* The first byte that is not VALUE, SIZE when all are. */
static uint64_t first_other(const char *bytes, uint64_t size, char value)
{
    uint64_t i = 0;
    while (i < size && bytes[i] == value) i++;
    return i;
}

static void nobody_sees_old_bytes(void **state)
{
    struct vidmm_pool *pool = pool_open(MIB(64), VIDMM_POOL_KEEP_ALL);
    char *old, *new;
    (void)state;
    for (unsigned round = 0; round < 3; round++) {
        struct udxg_range *range = take(pool, MIB(1) + PAGE, true, &old);
        assert_int_equal(first_other(old, MIB(1) + PAGE, 0), MIB(1) + PAGE);
        memset(old, 0x5a, MIB(1) + PAGE);
        vidmm_pool_free(pool, range);
    }
    struct udxg_range *dirty = take(pool, MIB(1), false, &new);
    assert_ptr_equal(old, new);
    assert_int_equal(first_other(new, MIB(1), 0x5a), MIB(1)); /* what not asking for zeroes means */
    pool_check(pool);
    vidmm_pool_free(pool, dirty);

    /* Dirty pages followed by clean ones, in one range. */
    struct udxg_range *range = take(pool, MIB(8), true, &new);
    assert_int_equal(resident_bytes(pool), MIB(1) + PAGE); /* clean pages were not touched */
    assert_int_equal(first_other(new, MIB(8), 0), MIB(8));
    vidmm_pool_free(pool, range);
    pool_check(pool);
    vidmm_pool_destroy(pool);
}

static void zeroing_stays_inside(void **state)
{
    struct vidmm_pool *pool = pool_open(MIB(16), VIDMM_POOL_KEEP_ALL);
    struct udxg_range *ranges[150];
    char *address[150];
    (void)state;
    for (unsigned i = 0; i < 150; i++) {
        ranges[i] = take(pool, (1 + i % 5) * PAGE, true, &address[i]);
        memset(address[i], (int)i + 1, udxg_range_size(ranges[i]));
    }
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = round; i < 150; i += 2) {
            uint64_t size = udxg_range_size(ranges[i]);
            vidmm_pool_free(pool, ranges[i]);
            ranges[i] = take(pool, size, true, &address[i]);
            assert_int_equal(first_other(address[i], size, 0), size);
            memset(address[i], (int)i + 1, size);
        }
    }
    for (unsigned i = 0; i < 150; i++) {
        uint64_t size = udxg_range_size(ranges[i]);
        assert_int_equal(first_other(address[i], size, (char)(i + 1)), size);
    }
    pool_check(pool);
    vidmm_pool_destroy(pool);
}

static void pages_go_back_beyond_the_limit(void **state)
{
    struct vidmm_pool *pool = pool_open(GIB(1), MIB(32));
    struct udxg_range *ranges[96];
    struct vidmm_pool_stats stats;
    char *address;
    (void)state;
    for (unsigned i = 0; i < 96; i++) {
        ranges[i] = take(pool, MIB(1), true, &address);
        memset(address, 1, MIB(1));
    }
    assert_int_equal(resident_bytes(pool), MIB(96));
    for (unsigned i = 0; i < 96; i++) vidmm_pool_free(pool, ranges[i]);
    vidmm_pool_stats(pool, &stats);
    assert_int_equal(stats.used_bytes, 0);
    assert_int_equal(stats.kept_bytes, MIB(32));
    assert_in_range(resident_bytes(pool), MIB(32), MIB(48)); /* kept, and waiting */
    pool_check(pool);

    /* What was kept is used up before it is exceeded again. */
    struct udxg_range *range = take(pool, MIB(32), true, &address);
    assert_int_equal(first_other(address, MIB(32), 0), MIB(32));
    vidmm_pool_free(pool, range);
    pool_check(pool);
    vidmm_pool_destroy(pool);
}

static void one_large_range_goes_back_at_once(void **state)
{
    struct vidmm_pool *pool = pool_open(GIB(1), MIB(1));
    char *address;
    (void)state;
    struct udxg_range *range = take(pool, MIB(20), true, &address);
    memset(address, 1, MIB(20));
    vidmm_pool_free(pool, range);
    assert_int_equal(resident_bytes(pool), 0);
    pool_check(pool);
    vidmm_pool_destroy(pool);
}

static void small_scattered_ranges_go_back_too(void **state)
{
    enum { COUNT = 4096 };
    struct vidmm_pool *pool = pool_open(GIB(1), 0);
    static struct udxg_range *ranges[COUNT];
    char *address;
    (void)state;
    for (unsigned i = 0; i < COUNT; i++) {
        ranges[i] = take(pool, PAGE, true, &address);
        *address = 1;
    }
    for (unsigned i = 0; i < COUNT; i += 2) vidmm_pool_free(pool, ranges[i]);
    assert_int_equal(resident_bytes(pool), COUNT / 2 * PAGE);
    for (unsigned i = 1; i < COUNT; i += 2) vidmm_pool_free(pool, ranges[i]);
    assert_int_equal(resident_bytes(pool), 0);
    pool_check(pool);
    vidmm_pool_destroy(pool);
}

/* What waits to be punched is free for an allocation that needs it. */
static void a_full_pool_uses_what_waits(void **state)
{
    struct vidmm_pool *pool = pool_open(MIB(8), 0);
    struct vidmm_pool_stats stats;
    struct udxg_range *none = NULL;
    char *address;
    (void)state;
    for (unsigned round = 0; round < 3; round++) {
        struct udxg_range *range = take(pool, MIB(8), true, &address);
        assert_int_equal(first_other(address, MIB(8), 0), MIB(8));
        memset(address, 1, MIB(8));
        assert_int_equal(vidmm_pool_alloc(pool, PAGE, PAGE, UDXG_RANGE_FROM_START, true, &none, NULL),
                         STATUS_GRAPHICS_NO_VIDEO_MEMORY);
        assert_null(none);
        vidmm_pool_stats(pool, &stats);
        assert_int_equal(stats.used_bytes, MIB(8));
        assert_int_equal(stats.largest_free_bytes, 0);
        vidmm_pool_free(pool, range);
        vidmm_pool_stats(pool, &stats);
        assert_int_equal(stats.used_bytes, 0);
        pool_check(pool);
    }
    assert_int_equal(vidmm_pool_alloc(pool, MIB(8) + 1, PAGE, UDXG_RANGE_FROM_START, true, &none, NULL),
                     STATUS_GRAPHICS_NO_VIDEO_MEMORY);
    vidmm_pool_destroy(pool);
}

static void addresses_are_aligned(void **state)
{
    struct vidmm_pool *pool = pool_open(GIB(1), VIDMM_POOL_KEEP_ALL);
    (void)state;
    take(pool, PAGE, true, NULL);
    for (unsigned shift = 12; shift <= 21; shift++) {
        struct udxg_range *range = NULL;
        void *address = NULL;
        assert_int_equal(vidmm_pool_alloc(pool, 3 * PAGE, UINT64_C(1) << shift, shift % 2, true, &range, &address),
                         STATUS_SUCCESS);
        assert_int_equal((uintptr_t)address % (UINT64_C(1) << shift), 0);
        assert_int_equal(udxg_range_offset(range) % (UINT64_C(1) << shift), 0);
    }
    vidmm_pool_destroy(pool);
}

static void bad_sizes(void **state)
{
    static const struct {
        uint64_t size, minimum;
        udxg_status status;
    } cases[] = {
        {0, 0, STATUS_INVALID_PARAMETER},
        {PAGE, 2 * PAGE, STATUS_INVALID_PARAMETER},
        {UINT64_C(1) << 60, 0, STATUS_NO_MEMORY},
        {UINT64_C(1) << 60, UINT64_C(1) << 58, STATUS_NO_MEMORY},
    };
    struct vidmm_pool *pool = NULL;
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct vidmm_pool_desc desc = {.name = "udxg-test",
                                       .size_bytes = cases[i].size,
                                       .minimum_bytes = cases[i].minimum};
        assert_int_equal(vidmm_pool_create(&desc, &pool), cases[i].status);
        assert_null(pool);
    }
    vidmm_pool_destroy(NULL);
}

#if !WITH_SANITIZER /* they need terabytes of addresses */
/* In a child: with 4 GiB of address space left, a pool of 1 TiB becomes one that fits. */
static int create_within_limit(void)
{
    const struct rlimit limit = {GIB(4), GIB(4)};
    struct vidmm_pool_desc desc = {.name = "udxg-test", .size_bytes = GIB(1024), .minimum_bytes = MIB(64)};
    struct vidmm_pool *pool = NULL;
    struct vidmm_pool_stats stats;
    if (setrlimit(RLIMIT_AS, &limit) != 0) return 1;
    if (udxg_failed(vidmm_pool_create(&desc, &pool))) return 2;
    vidmm_pool_stats(pool, &stats);
    if (stats.mapped_bytes != GIB(2) || stats.largest_free_bytes != GIB(2)) return 3;
    if (vidmm_pool_check(pool)) return 4;
    vidmm_pool_destroy(pool);
    desc.minimum_bytes = GIB(4);
    return vidmm_pool_create(&desc, &pool) == STATUS_NO_MEMORY ? 0 : 5;
}

static void smaller_where_the_system_refuses(void **state)
{
    int status = -1;
    (void)state;
    pid_t child = fork();
    if (child == 0) _exit(create_within_limit());
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}
#endif

static void nothing_is_left_behind(void **state)
{
    (void)state;
    int free_descriptor = dup(0);
    close(free_descriptor);
    for (unsigned i = 0; i < 200; i++) {
        struct vidmm_pool *pool = pool_open(GIB(64), VIDMM_POOL_KEEP_DEFAULT);
        char *address;
        take(pool, MIB(1), true, &address);
        *address = 1;
        vidmm_pool_destroy(pool);
        assert_int_equal(udxg_os_probe(address, PAGE, false), STATUS_INVALID_PARAMETER);
    }
    assert_int_equal(dup(0), free_descriptor);
    close(free_descriptor);
}

/* ---- threads ---- */

#define THREADS 3u
#define HELD 64u

struct worker {
    struct vidmm_pool *pool;
    struct random random;
    unsigned char mark;
};

/* Every page of a range carries its owner's mark until it is freed. */
static void set_marks(char *address, uint64_t size, char mark)
{
    for (uint64_t i = 0; i < size; i += PAGE) address[i] = address[i + PAGE - 1] = mark;
}

static void check_marks(const char *address, uint64_t size, char mark)
{
    for (uint64_t i = 0; i < size; i += PAGE) {
        if (address[i] != mark || address[i + PAGE - 1] != mark) abort();
    }
}

static void *work(void *argument)
{
    struct worker *worker = argument;
    struct udxg_range *held[HELD] = {NULL};
    for (unsigned step = 0; step < 5000; step++) {
        struct udxg_range **place = &held[random_below(&worker->random, HELD)];
        if (*place) {
            check_marks(vidmm_pool_address(worker->pool, *place), udxg_range_size(*place), (char)worker->mark);
            vidmm_pool_free(worker->pool, *place);
            *place = NULL;
            continue;
        }
        uint64_t size = random_log_uniform(&worker->random, 12, 19);
        bool zeroed = random_below(&worker->random, 4);
        void *address = NULL;
        udxg_status status = vidmm_pool_alloc(worker->pool, size, PAGE << random_below(&worker->random, 3),
                                              random_below(&worker->random, 2), zeroed, place, &address);
        if (status == STATUS_GRAPHICS_NO_VIDEO_MEMORY) continue;
        if (status != STATUS_SUCCESS) abort();
        if (zeroed) check_marks(address, udxg_range_size(*place), 0);
        set_marks(address, udxg_range_size(*place), (char)worker->mark);
    }
    for (unsigned i = 0; i < HELD; i++) vidmm_pool_free(worker->pool, held[i]);
    return NULL;
}

static void many_threads(void **state)
{
    static const struct {
        uint64_t size, keep;
    } cases[] = {{MIB(64), MIB(1)}, {MIB(8), 0}, {MIB(64), VIDMM_POOL_KEEP_ALL}};
    (void)state;
    for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
        struct worker workers[THREADS];
        pthread_t threads[THREADS];
        struct vidmm_pool *pool = pool_open(cases[c].size, cases[c].keep);
        struct vidmm_pool_stats stats;
        for (unsigned i = 0; i < THREADS; i++) {
            workers[i] = (struct worker){pool, random_seed(__func__, c * THREADS + i), (unsigned char)(i + 1)};
        }
        for (unsigned i = 0; i < THREADS; i++) {
            assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
        }
        for (unsigned i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
        pool_check(pool);
        vidmm_pool_stats(pool, &stats);
        assert_int_equal(stats.used_bytes, 0);
        assert_true(stats.kept_bytes <= cases[c].keep);
        vidmm_pool_destroy(pool);
    }
}

/* The range stays whose it was; it reads as zero, and so does it for the next owner, whatever was written since. */
static void discarded_ranges_stay(void **state)
{
    struct vidmm_pool *pool = pool_open(MIB(8), VIDMM_POOL_KEEP_ALL);
    struct vidmm_pool_stats stats;
    struct udxg_range *ranges[3];
    void *addresses[3];
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(vidmm_pool_alloc(pool, 3 * PAGE, PAGE, UDXG_RANGE_FROM_START, true, &ranges[i], &addresses[i]),
                         STATUS_SUCCESS);
        memset(addresses[i], 0x11 + (int)i, 3 * PAGE);
    }
    vidmm_pool_discard(pool, ranges[1]);
    pool_check(pool);
    vidmm_pool_stats(pool, &stats);
    assert_int_equal(stats.used_bytes, 9 * PAGE);
    for (unsigned i = 0; i < 3; i++) {
        const char *bytes = addresses[i];
        for (unsigned at = 0; at < 3 * PAGE; at++) assert_int_equal(bytes[at], i == 1 ? 0 : 0x11 + i);
    }
    memset(addresses[1], 0x77, 3 * PAGE);
    vidmm_pool_free(pool, ranges[1]);
    assert_int_equal(vidmm_pool_alloc(pool, 3 * PAGE, PAGE, UDXG_RANGE_FROM_START, true, &ranges[1], &addresses[1]),
                     STATUS_SUCCESS);
    for (unsigned at = 0; at < 3 * PAGE; at++) assert_int_equal(((const char *)addresses[1])[at], 0);
    for (unsigned i = 0; i < 3; i++) vidmm_pool_free(pool, ranges[i]);
    pool_check(pool);
    vidmm_pool_destroy(pool);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(discarded_ranges_stay),
        cmocka_unit_test(nobody_sees_old_bytes),
        cmocka_unit_test(zeroing_stays_inside),
        cmocka_unit_test(pages_go_back_beyond_the_limit),
        cmocka_unit_test(one_large_range_goes_back_at_once),
        cmocka_unit_test(small_scattered_ranges_go_back_too),
        cmocka_unit_test(a_full_pool_uses_what_waits),
        cmocka_unit_test(addresses_are_aligned),
        cmocka_unit_test(bad_sizes),
#if !WITH_SANITIZER
        cmocka_unit_test(smaller_where_the_system_refuses),
#endif
        cmocka_unit_test(nothing_is_left_behind),
        cmocka_unit_test(many_threads),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
