/* SPDX-License-Identifier: MIT */
/*
 * Threads that list the adapters through DXCore at once: all get the same objects, complete from the first. A
 * thread sanitizer sees whether anybody still writes one that others use.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>

#include "dxcore_fixture.h"

#define THREADS 4
#define ROUNDS 100

/* The first adapter of a fresh list; NULL when anything is not as it should be. */
static void *first_adapter(void)
{
    void *list, *adapter;

    if (!dxcore_factory() || dxcore_create_list(&list)) return NULL;
    adapter = dxcore_list_at(list, 0);
    dxcore_release(list);
    return adapter && dxcore_is_valid(adapter) ? adapter : NULL;
}

static void *list_adapters(void *argument)
{
    (void)argument;
    void *first = first_adapter();
    for (int i = 0; i < ROUNDS; i++)
        if (first_adapter() != first) return NULL;
    return first;
}

static void all_threads_get_the_same(void **state)
{
    pthread_t threads[THREADS];
    void *adapters[THREADS];

    (void)state;
    for (int i = 0; i < THREADS; i++) assert_int_equal(pthread_create(&threads[i], NULL, list_adapters, NULL), 0);
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], &adapters[i]);
    for (int i = 0; i < THREADS; i++) {
        assert_non_null(adapters[i]);
        assert_ptr_equal(adapters[i], adapters[0]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(all_threads_get_the_same)};
    setenv("UDXG_ADAPTERS", "soft-uma", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
