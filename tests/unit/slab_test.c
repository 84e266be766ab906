/* SPDX-License-Identifier: MIT */
/* Slabs and the names of statuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/slab.h"
#include "base/status.h"

#define OBJECTS 20000u /* several chunks of each size */

static int by_address(const void *a, const void *b)
{
    uintptr_t left = *(const uintptr_t *)a, right = *(const uintptr_t *)b;
    return (left > right) - (left < right);
}

static bool all_bytes_are(const unsigned char *bytes, size_t count, unsigned char value)
{
    for (size_t i = 0; i < count; i++) {
        if (bytes[i] != value) return false;
    }
    return true;
}

static void fill(struct udxg_slab *slab, size_t bytes, uintptr_t *objects)
{
    for (unsigned i = 0; i < OBJECTS; i++) {
        void *object = udxg_slab_alloc(slab);
        assert_non_null(object);
        assert_true(all_bytes_are(object, bytes, 0));
        assert_int_equal((uintptr_t)object % (bytes % 64 ? 16 : 64), 0);
        memset(object, 0xff, bytes);
        objects[i] = (uintptr_t)object;
    }
    qsort(objects, OBJECTS, sizeof(objects[0]), by_address);
    for (unsigned i = 1; i < OBJECTS; i++) assert_true(objects[i] - objects[i - 1] >= bytes);
}

static void objects_are_apart_and_zero(void **state)
{
    static const size_t sizes[] = {1, 8, 40, 64, 192};
    static uintptr_t objects[OBJECTS], again[OBJECTS];
    (void)state;
    for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
        struct udxg_slab slab;
        udxg_slab_init(&slab, sizes[s]);
        fill(&slab, sizes[s], objects);
        for (unsigned i = 0; i < OBJECTS; i++) udxg_slab_free(&slab, (void *)objects[i]);
        fill(&slab, sizes[s], again);
        assert_memory_equal(objects, again, sizeof(objects)); /* type-stable: the same places */
        udxg_slab_fini(&slab);
    }
}

static void freeing_nothing(void **state)
{
    struct udxg_slab slab;
    (void)state;
    udxg_slab_init(&slab, 64);
    udxg_slab_free(&slab, NULL);
    void *object = udxg_slab_alloc(&slab);
    assert_non_null(object);
    udxg_slab_free(&slab, object);
    assert_ptr_equal(udxg_slab_alloc(&slab), object);
    udxg_slab_fini(&slab);
}

/* What one stripe frees another finds, but for what the first one keeps; and all of it is counted. */
static void stripes_pass_objects_on(void **state)
{
    enum { COUNT = 1000, KEPT = 64 };
    static uintptr_t given[COUNT], again[COUNT];
    struct udxg_slab slab;
    unsigned found = 0;
    (void)state;
    udxg_slab_init(&slab, 48);
    for (unsigned i = 0; i < COUNT; i++) given[i] = (uintptr_t)udxg_slab_alloc_in(&slab, i % 3);
    assert_int_equal(udxg_slab_in_use(&slab), COUNT);
    for (unsigned i = 0; i < COUNT; i++) {
        udxg_slab_free_in(&slab, 5, (void *)given[i]);
        assert_int_equal(udxg_slab_in_use(&slab), COUNT - 1 - i);
    }
    for (unsigned i = 0; i < COUNT; i++) {
        again[i] = (uintptr_t)udxg_slab_alloc_in(&slab, 6);
        assert_non_null((void *)again[i]);
    }
    assert_int_equal(udxg_slab_in_use(&slab), COUNT);
    qsort(given, COUNT, sizeof(given[0]), by_address);
    for (unsigned i = 0; i < COUNT; i++)
        found += bsearch(&again[i], given, COUNT, sizeof(given[0]), by_address) != NULL;
    assert_true(found >= COUNT - KEPT);
    udxg_slab_fini(&slab);
}

static struct udxg_slab shared_slab;

static void *worker(void *argument)
{
    enum { HELD = 64 };
    uintptr_t mark = (uintptr_t)argument, *held[HELD] = {NULL};
    for (unsigned step = 0; step < 50000; step++) {
        uintptr_t **place = &held[step * 7 % HELD];
        if (*place && (*place)[1] != mark) abort(); /* somebody else was given it */
        udxg_slab_free_in(&shared_slab, (step + mark) % UDXG_STRIPES, *place);
        *place = udxg_slab_alloc_in(&shared_slab, step / 64 % UDXG_STRIPES);
        if (!*place || (*place)[1]) abort();
        (*place)[1] = mark;
    }
    for (unsigned i = 0; i < HELD; i++) udxg_slab_free(&shared_slab, held[i]);
    return NULL;
}

static void many_threads(void **state)
{
    pthread_t threads[4];
    (void)state;
    udxg_slab_init(&shared_slab, 48);
    for (uintptr_t i = 0; i < 4; i++) assert_int_equal(pthread_create(&threads[i], NULL, worker, (void *)(i + 1)), 0);
    for (unsigned i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    assert_int_equal(udxg_slab_in_use(&shared_slab), 0);
    udxg_slab_fini(&shared_slab);
}

static void status_names(void **state)
{
    (void)state;
    assert_string_equal(udxg_status_name(STATUS_SUCCESS), "STATUS_SUCCESS");
    assert_string_equal(udxg_status_name((udxg_status)0xC000000D), "STATUS_INVALID_PARAMETER");
    assert_string_equal(udxg_status_name((udxg_status)0xC01E0100), "STATUS_GRAPHICS_NO_VIDEO_MEMORY");
    assert_null(udxg_status_name((udxg_status)0xC0DEC0DE));
    assert_false(udxg_failed(STATUS_PENDING));
    assert_true(udxg_failed(STATUS_NO_MEMORY));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects_are_apart_and_zero),
        cmocka_unit_test(freeing_nothing),
        cmocka_unit_test(stripes_pass_objects_on),
        cmocka_unit_test(many_threads),
        cmocka_unit_test(status_names),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
