/* SPDX-License-Identifier: MIT */
/* The handle table: the numbers, the two ends of an object's life, its limit, and many threads at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "../sanitizer.h"
#include "object/handle.h"
#include "random.h"

#define TYPE UDXG_HANDLE_ALLOCATION
#define OTHER_TYPE UDXG_HANDLE_DEVICE

static void count_release(void *object)
{
    atomic_fetch_add((_Atomic uint32_t *)object, 1);
}

static void table_open(struct udxg_handle_table *table)
{
    assert_int_equal(udxg_handle_table_init(table), STATUS_SUCCESS);
    for (unsigned i = 1; i < UDXG_HANDLE_TYPE_COUNT; i++) table->release[i] = count_release;
}

static void table_check(struct udxg_handle_table *table)
{
    const char *wrong = udxg_handle_table_check(table);
    if (wrong) fail_msg("%s", wrong);
}

static uint32_t add(struct udxg_handle_table *table, void *object)
{
    uint32_t handle = 0;
    assert_int_equal(udxg_handle_reserve(table, 1, &handle), STATUS_SUCCESS);
    udxg_handle_publish(table, handle, TYPE, object);
    return handle;
}

static uint32_t index_of(uint32_t handle)
{
    return handle >> 6 & 0xffffff;
}

static void numbers(void **state)
{
    struct udxg_handle_table table;
    _Atomic uint32_t released = 0;
    uint32_t handles[300];
    (void)state;
    table_open(&table);
    assert_int_equal(udxg_handle_reserve(&table, 300, handles), STATUS_SUCCESS);
    for (unsigned i = 0; i < 300; i++) {
        assert_int_equal(handles[i] & 0x3f, 0);
        assert_int_not_equal(handles[i] >> 30, 0);
        if (i) assert_int_equal(handles[i], handles[i - 1] + 0x40);
        udxg_handle_publish(&table, handles[i], TYPE, (void *)&released);
    }
    table_check(&table);
    udxg_handle_table_fini(&table);
    assert_int_equal(released, 300);
}

static void reserved_numbers_mean_nothing(void **state)
{
    struct udxg_handle_table table;
    uint32_t handle = 0;
    (void)state;
    table_open(&table);
    assert_int_equal(udxg_handle_reserve(&table, 1, &handle), STATUS_SUCCESS);
    for (unsigned type = 0; type < UDXG_HANDLE_TYPE_COUNT; type++) {
        assert_null(udxg_handle_get(&table, handle, type));
        assert_false(udxg_handle_close(&table, handle, type));
    }
    udxg_handle_cancel(&table, 1, &handle);
    table_check(&table);
    udxg_handle_table_fini(&table);
}

static void a_failed_call_consumes_none(void **state)
{
    struct udxg_handle_table table;
    uint32_t first[50], again[50], next = 0;
    (void)state;
    table_open(&table);
    assert_int_equal(udxg_handle_reserve(&table, 50, first), STATUS_SUCCESS);
    udxg_handle_cancel(&table, 50, first);
    table_check(&table);
    assert_int_equal(udxg_handle_reserve(&table, 50, again), STATUS_SUCCESS);
    assert_memory_equal(first, again, sizeof(first));
    udxg_handle_cancel(&table, 20, again + 30); /* a part of them, too */
    assert_int_equal(udxg_handle_reserve(&table, 1, &next), STATUS_SUCCESS);
    assert_int_equal(next, first[30]);
    table_check(&table);
    udxg_handle_table_fini(&table);
}

static void wrong_values_find_nothing(void **state)
{
    struct udxg_handle_table table;
    _Atomic uint32_t released = 0;
    (void)state;
    table_open(&table);
    uint32_t handle = add(&table, (void *)&released);
    const uint32_t wrong[] = {
        0,
        handle | 2,
        handle + 1,
        handle ^ 0x40000000,
        handle ^ 0x80000000,
        0xffffffffu,
        handle & 0x3fffffff,
        handle + 0x40 * 5000,
        0x3fffffc0,
        0xffffffc0u,
        handle + 0x40,
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_null(udxg_handle_get(&table, wrong[i], TYPE));
        assert_false(udxg_handle_close(&table, wrong[i], TYPE));
    }
    assert_null(udxg_handle_get(&table, handle, OTHER_TYPE));
    assert_null(udxg_handle_get(&table, handle, UDXG_HANDLE_NONE));
    assert_false(udxg_handle_close(&table, handle, OTHER_TYPE));

    assert_ptr_equal(udxg_handle_get(&table, handle, TYPE), &released);
    udxg_handle_put(&table, handle);
    assert_true(udxg_handle_close(&table, handle, TYPE));
    assert_int_equal(released, 1);
    assert_false(udxg_handle_close(&table, handle, TYPE));
    assert_null(udxg_handle_get(&table, handle, TYPE));
    assert_int_equal(released, 1);
    table_check(&table);
    udxg_handle_table_fini(&table);
    assert_int_equal(released, 1);
}

static void pins_keep_the_object(void **state)
{
    struct udxg_handle_table table;
    _Atomic uint32_t released = 0;
    (void)state;
    table_open(&table);
    uint32_t handle = add(&table, (void *)&released);
    assert_non_null(udxg_handle_get(&table, handle, TYPE));
    assert_non_null(udxg_handle_get(&table, handle, TYPE));
    assert_true(udxg_handle_close(&table, handle, TYPE));
    assert_false(udxg_handle_close(&table, handle, TYPE));
    assert_null(udxg_handle_get(&table, handle, TYPE));
    table_check(&table);
    udxg_handle_put(&table, handle);
    assert_int_equal(released, 0);
    udxg_handle_put(&table, handle);
    assert_int_equal(released, 1);
    table_check(&table);
    udxg_handle_table_fini(&table);
    assert_int_equal(released, 1);
}

struct note {
    struct udxg_handle_table *table;
    uint64_t words[2];
};

_Static_assert(sizeof(((struct note *)0)->words) == UDXG_HANDLE_NOTE_BYTES, "a whole note");

/* Takes all numbers that there are, and more: whoever gets this one writes its note. */
static void expect_note(void *object)
{
    static uint32_t others[2 * UDXG_HANDLE_CHUNK];
    struct note *expected = object;
    uint32_t count = sizeof(others) / sizeof(*others);
    uint64_t scribble[2] = {UINT64_MAX, UINT64_MAX};
    assert_int_equal(udxg_handle_reserve(expected->table, count, others), STATUS_SUCCESS);
    for (uint32_t i = 0; i < count; i++)
        memcpy(udxg_handle_note(expected->table, others[i]), scribble, sizeof(scribble));
    udxg_handle_cancel(expected->table, count, others);
    expected->table = NULL;
}

/* A note stays what it is until the object has been released, whoever gets other numbers by then. */
static void a_note_is_its_objects(void **state)
{
    struct udxg_handle_table table;
    struct note note = {&table, {3, 4}};
    uint32_t handle = 0;
    void *found = NULL;
    (void)state;
    table_open(&table);
    table.release[TYPE] = expect_note;
    assert_int_equal(udxg_handle_reserve(&table, 1, &handle), STATUS_SUCCESS);
    memcpy(udxg_handle_note(&table, handle), note.words, sizeof(note.words));
    udxg_handle_publish(&table, handle, TYPE, &note);
    assert_null(udxg_handle_get_noted(&table, handle, OTHER_TYPE, &found));
    assert_ptr_equal(udxg_handle_get_noted(&table, handle, TYPE, &found), &note);
    assert_memory_equal(found, note.words, sizeof(note.words));
    assert_true(udxg_handle_close(&table, handle, TYPE));
    udxg_handle_put(&table, handle);
    assert_null(note.table);
    assert_memory_equal(found, note.words, sizeof(note.words)); /* nobody else has been given the number */
    table_check(&table);
    udxg_handle_table_fini(&table);
}

/* Frees one slot again and again: it must come back late, and with 1, 2, 3, 1 as generation. */
static void values_return_late(void **state)
{
    struct udxg_handle_table table;
    _Atomic uint32_t released = 0;
    uint32_t first = 0, seen = 0, since = 0, held[1000];
    (void)state;
    table_open(&table);
    assert_int_equal(udxg_handle_reserve(&table, 1000, held), STATUS_SUCCESS); /* few are left without growth */
    for (uint32_t i = 0; seen < 7; i++, since++) {
        uint32_t handle = add(&table, (void *)&released);
        if (!i) first = handle;
        if (index_of(handle) == index_of(first)) {
            assert_int_equal(handle >> 30, seen % 3 + 1);
            if (seen) assert_true(since >= UDXG_HANDLE_SPARE);
            seen++;
            since = 0;
        }
        assert_true(udxg_handle_close(&table, handle, TYPE));
    }
    udxg_handle_cancel(&table, 1000, held);
    table_check(&table);
    udxg_handle_table_fini(&table);
}

static uint32_t add_in(struct udxg_handle_table *table, unsigned stripe, void *object)
{
    uint32_t handle = 0;
    assert_int_equal(udxg_handle_reserve_in(table, stripe, 1, &handle), STATUS_SUCCESS);
    udxg_handle_publish(table, handle, TYPE, object);
    return handle;
}

/* Each stripe's numbers rise, return late, and are no other stripe's. */
static void stripes_have_numbers_of_their_own(void **state)
{
    enum { ROUNDS = 5 * UDXG_HANDLE_CHUNK };
    struct udxg_handle_table table;
    _Atomic uint32_t released = 0;
    static uint32_t last_use[2 * UDXG_HANDLE_CHUNK];
    static unsigned owner[2 * UDXG_HANDLE_CHUNK];
    (void)state;
    table_open(&table);
    for (uint32_t i = 0; i < ROUNDS; i++) {
        for (unsigned stripe = 1; stripe < 3; stripe++) {
            uint32_t handle = add_in(&table, stripe, (void *)&released), index = index_of(handle);
            assert_true(index < 2 * UDXG_HANDLE_CHUNK);
            assert_true(!owner[index] || owner[index] == stripe);
            assert_true(!last_use[index] || i + 1 - last_use[index] >= UDXG_HANDLE_SPARE);
            owner[index] = stripe;
            last_use[index] = i + 1;
            assert_true(udxg_handle_close(&table, handle, TYPE));
        }
    }
    table_check(&table);
    udxg_handle_table_fini(&table);
}

struct visits {
    struct udxg_handle_table *table;
    uint32_t count, last;
    bool close;
};

static void visit(uint32_t handle, void *object, void *user)
{
    struct visits *visits = user;
    assert_non_null(object);
    if (visits->count) assert_true(index_of(handle) > visits->last);
    visits->last = index_of(handle);
    visits->count++;
    if (visits->close) assert_true(udxg_handle_close(visits->table, handle, TYPE));
}

static void visits_of_all(void **state)
{
    struct udxg_handle_table table;
    _Atomic uint32_t released = 0;
    uint32_t handles[3000];
    (void)state;
    table_open(&table);
    assert_int_equal(udxg_handle_reserve(&table, 3000, handles), STATUS_SUCCESS);
    for (unsigned i = 0; i < 3000; i++) {
        if (i % 3 < 2) udxg_handle_publish(&table, handles[i], i % 3 ? TYPE : OTHER_TYPE, (void *)&released);
    }
    struct visits all = {.table = &table}, some = {.table = &table}, closing = {.table = &table, .close = true};
    udxg_handle_for_each(&table, UDXG_HANDLE_NONE, visit, &all);
    assert_int_equal(all.count, 2000);
    udxg_handle_for_each(&table, OTHER_TYPE, visit, &some);
    assert_int_equal(some.count, 1000);
    udxg_handle_for_each(&table, TYPE, visit, &closing);
    assert_int_equal(closing.count, 1000);
    assert_int_equal(released, 1000);
    for (unsigned i = 2; i < 3000; i += 3) udxg_handle_cancel(&table, 1, &handles[i]);
    table_check(&table);
    udxg_handle_table_fini(&table);
    assert_int_equal(released, 2000);
}

#if !WITH_TSAN
static void limit_is_reached_and_drained(void **state)
{
    enum { BATCH = 1 << 16 };
    struct udxg_handle_table table;
    _Atomic uint32_t released = 0;
    uint32_t *handles = malloc(sizeof(uint32_t) * UDXG_HANDLE_INDEX_LIMIT), extra = 0;
    unsigned char *seen = calloc(1, UDXG_HANDLE_INDEX_LIMIT);
    (void)state;
    table_open(&table);
    assert_int_equal(udxg_handle_reserve(&table, UDXG_HANDLE_INDEX_LIMIT + 1, handles), STATUS_NO_MEMORY);
    assert_int_equal(udxg_handle_reserve(&table, UINT32_MAX, handles), STATUS_NO_MEMORY);
    for (uint32_t i = 0; i < UDXG_HANDLE_INDEX_LIMIT; i += BATCH) {
        assert_int_equal(udxg_handle_reserve_in(&table, i / BATCH % UDXG_STRIPES, BATCH, handles + i), STATUS_SUCCESS);
    }
    for (unsigned stripe = 0; stripe < UDXG_STRIPES; stripe++)
        assert_int_equal(udxg_handle_reserve_in(&table, stripe, 1, &extra), STATUS_NO_MEMORY);
    assert_int_equal(extra, 0);
    for (uint32_t i = 0; i < UDXG_HANDLE_INDEX_LIMIT; i++) {
        if (seen[index_of(handles[i])]++) fail_msg("0x%08x was handed out twice", handles[i]);
        udxg_handle_publish(&table, handles[i], TYPE, (void *)&released);
    }
    table_check(&table);

    /* One goes, one comes, none more. */
    assert_true(udxg_handle_close(&table, handles[12345], TYPE));
    uint32_t again = add(&table, (void *)&released);
    assert_int_equal(index_of(again), index_of(handles[12345]));
    assert_int_not_equal(again, handles[12345]);
    handles[12345] = again;
    assert_int_equal(udxg_handle_reserve(&table, 1, &extra), STATUS_NO_MEMORY);

    for (uint32_t i = 0; i < UDXG_HANDLE_INDEX_LIMIT; i++) {
        if (!udxg_handle_close(&table, handles[i], TYPE)) fail_msg("0x%08x cannot be closed", handles[i]);
    }
    assert_int_equal(released, UDXG_HANDLE_INDEX_LIMIT + 1);
    table_check(&table);
    for (uint32_t i = 0; i < UDXG_HANDLE_INDEX_LIMIT; i += BATCH) {
        assert_int_equal(udxg_handle_reserve_in(&table, 3, BATCH, handles + i), STATUS_SUCCESS);
    }
    assert_int_equal(udxg_handle_reserve(&table, 1, &extra), STATUS_NO_MEMORY);
    udxg_handle_cancel(&table, UDXG_HANDLE_INDEX_LIMIT, handles);
    table_check(&table);
    udxg_handle_table_fini(&table);
    free(seen);
    free(handles);
}
#endif

/* ---- threads ---- */

#define THREADS 4u
#define SHARED 64u
#define STEPS 30000u

struct object {
    _Atomic uint32_t alive; /* 1 from publish to release */
    uint32_t stamp;         /* written before publish and by release, read under a pin: TSan sees a mistake */
};

static struct udxg_handle_table shared_table;
static _Atomic uint32_t shared_handles[SHARED];
static _Atomic uint32_t created, destroyed;

static void release_object(void *memory)
{
    struct object *object = memory;
    if (atomic_exchange(&object->alive, 0) != 1) abort();
    object->stamp = 0;
    atomic_fetch_add(&destroyed, 1);
    free(object);
}

static void look_at(uint32_t handle)
{
    struct object *object = udxg_handle_get(&shared_table, handle, TYPE);
    if (!object) return;
    if (atomic_load(&object->alive) != 1 || object->stamp != index_of(handle)) abort();
    udxg_handle_put(&shared_table, handle);
}

static void replace(struct random *random, unsigned slot)
{
    uint32_t handles[3], kept = (uint32_t)random_below(random, 3);
    struct object *object = calloc(1, sizeof(*object));
    if (udxg_failed(udxg_handle_reserve_in(&shared_table, slot % UDXG_STRIPES, 3, handles))) abort();
    object->alive = 1;
    object->stamp = index_of(handles[kept]);
    udxg_handle_publish(&shared_table, handles[kept], TYPE, object);
    atomic_fetch_add(&created, 1);
    for (uint32_t i = 0; i < 3; i++) {
        if (i != kept) udxg_handle_cancel(&shared_table, 1, &handles[i]);
    }
    udxg_handle_close(&shared_table, atomic_exchange(&shared_handles[slot], handles[kept]), TYPE);
}

static void *worker(void *argument)
{
    struct random random = *(struct random *)argument;
    for (unsigned step = 0; step < STEPS; step++) {
        unsigned slot = (unsigned)random_below(&random, SHARED);
        uint32_t handle = atomic_load(&shared_handles[slot]);
        switch (random_below(&random, 8)) {
        case 0:
            replace(&random, slot);
            break;
        case 1:
            udxg_handle_close(&shared_table, handle, TYPE); /* several threads may try */
            break;
        case 2:
            look_at((uint32_t)random_next(&random) & ~0x3fu);
            break;
        default:
            look_at(handle);
        }
    }
    return NULL;
}

static void many_threads(void **state)
{
    pthread_t threads[THREADS];
    struct random random[THREADS];
    struct visits left = {.table = &shared_table};
    (void)state;
    table_open(&shared_table);
    shared_table.release[TYPE] = release_object;
    for (unsigned i = 0; i < THREADS; i++) random[i] = random_seed(__func__, i);
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, worker, &random[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    table_check(&shared_table);
    udxg_handle_for_each(&shared_table, TYPE, visit, &left);
    assert_int_equal(left.count, created - destroyed);
    udxg_handle_table_fini(&shared_table);
    assert_int_equal(created, destroyed);
    assert_true(created > THREADS * STEPS / 16);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers),
        cmocka_unit_test(reserved_numbers_mean_nothing),
        cmocka_unit_test(a_failed_call_consumes_none),
        cmocka_unit_test(wrong_values_find_nothing),
        cmocka_unit_test(pins_keep_the_object),
        cmocka_unit_test(a_note_is_its_objects),
        cmocka_unit_test(values_return_late),
        cmocka_unit_test(stripes_have_numbers_of_their_own),
        cmocka_unit_test(visits_of_all),
#if !WITH_TSAN /* one thread and 16 million handles: nothing for ThreadSanitizer to see */
        cmocka_unit_test(limit_is_reached_and_drained),
#endif
        cmocka_unit_test(many_threads),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
