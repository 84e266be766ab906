/* SPDX-License-Identifier: MIT */
/* The leaf lock under contention: nobody enters together, nobody sleeps for ever. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdbool.h>

#include "base/leaf_lock.h"
#include "base/os.h"

#define THREADS 4u
#define TURNS 20000u
#define LONG_TURN 500u /* every so many turns one holds it for longer than anybody spins */
#define LONG_NS 20000u

struct shared {
    struct udxg_leaf_lock lock;
    uint64_t turns;  /* guarded by lock; plain, so that an overlap loses counts */
    unsigned inside; /* the same */
    bool overlapped;
};

static void take_turn(struct shared *shared, bool for_long)
{
    udxg_leaf_lock_take(&shared->lock);
    if (shared->inside++) shared->overlapped = true;
    shared->turns++;
    if (for_long) udxg_os_nap_ns(LONG_NS);
    shared->inside--;
    udxg_leaf_lock_give(&shared->lock);
}

static void *run(void *argument)
{
    for (unsigned i = 0; i < TURNS; i++) take_turn(argument, i % LONG_TURN == 0);
    return NULL;
}

static void contended(void **state)
{
    struct shared shared = {.turns = 0};
    pthread_t threads[THREADS];
    (void)state;
    udxg_leaf_lock_init(&shared.lock);
    for (unsigned i = 0; i < THREADS; i++) assert_int_equal(pthread_create(&threads[i], NULL, run, &shared), 0);
    for (unsigned i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    assert_false(shared.overlapped);
    assert_int_equal(shared.turns, THREADS * TURNS);
    assert_int_equal(atomic_load(&shared.lock.state), 0);
}

/* One that is asleep is woken by the one give that follows, with nobody else to do it. */
static void *wait_once(void *argument)
{
    take_turn(argument, false);
    return NULL;
}

static void the_only_sleeper_wakes(void **state)
{
    struct shared shared = {.turns = 0};
    pthread_t thread;
    (void)state;
    udxg_leaf_lock_init(&shared.lock);
    udxg_leaf_lock_take(&shared.lock);
    assert_int_equal(pthread_create(&thread, NULL, wait_once, &shared), 0);
    while (atomic_load(&shared.lock.state) != 2) udxg_os_nap_ns(LONG_NS);
    udxg_os_nap_ns(50 * LONG_NS); /* it sleeps by now */
    assert_int_equal(shared.turns, 0);
    udxg_leaf_lock_give(&shared.lock);
    pthread_join(thread, NULL);
    assert_int_equal(shared.turns, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(contended),
        cmocka_unit_test(the_only_sleeper_wakes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
