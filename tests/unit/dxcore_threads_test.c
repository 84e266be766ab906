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
#include <stdbool.h>
#include <stdlib.h>

#include "client/dxcore.h"

#define THREADS 4
#define ROUNDS 100

struct guid {
    uint32_t a;
    uint16_t b, c;
    uint8_t d[8];
};

static const struct guid iid_factory = {0x78ee5945, 0xc36e, 0x4b13, {0xa6, 0x69, 0x00, 0x5d, 0xd1, 0x1c, 0x0f, 0x06}};
static const struct guid iid_list = {0x526c7776, 0x40e9, 0x459b, {0xb7, 0x11, 0xf3, 0x2a, 0xd7, 0x6d, 0xfc, 0x28}};
static const struct guid iid_adapter = {0xf0db4c7f, 0xfe5a, 0x42a2, {0xbd, 0x62, 0xf2, 0xa6, 0xcf, 0x6f, 0xc8, 0x3e}};
static const struct guid core_compute = {0x248e2800, 0xa793, 0x4724, {0xab, 0xaa, 0x23, 0xa6, 0xde, 0x1b, 0xe0, 0x90}};

/* The methods that are called, by their places in the tables of dxcore_interface.h. */
typedef int32_t create_adapter_list(void *factory, uint32_t count, const void *attributes, const void *iid, void **ret);
typedef int32_t get_adapter(void *list, uint32_t index, const void *iid, void **ret);
typedef bool is_valid(void *adapter);
typedef uint32_t release(void *object);

static void (*method(void *object, unsigned place))(void)
{
    return (*(void (***)(void))object)[place];
}

/* The first adapter of a fresh list; NULL when anything is not as it should be. */
static void *first_adapter(void)
{
    void *factory, *list, *adapter = NULL;

    if (udxg_dxcore_create_factory(&iid_factory, &factory)) return NULL;
    if (((create_adapter_list *)method(factory, 3))(factory, 1, &core_compute, &iid_list, &list)) return NULL;
    if (((get_adapter *)method(list, 3))(list, 0, &iid_adapter, &adapter)) adapter = NULL;
    ((release *)method(list, 2))(list);
    return adapter && ((is_valid *)method(adapter, 3))(adapter) ? adapter : NULL;
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
