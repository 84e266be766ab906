/* SPDX-License-Identifier: MIT */
/*
 * The lock of the innermost classes: four bytes, and one atomic instruction inline for each of lock and unlock, where
 * pthread's take fifty instructions. Who finds it held spins for about a microsecond, since nobody holds one for longer
 * than a few instructions or one map of a chunk, and then sleeps on a futex.
 *
 *     0 free    1 held    2 held, and somebody may be asleep
 *
 * It is not fair, not recursive, and no condition variable goes with it.
 */
#ifndef UDXG_BASE_LEAF_LOCK_H
#define UDXG_BASE_LEAF_LOCK_H

#include <stdatomic.h>
#include <stdint.h>

struct udxg_leaf_lock {
    _Atomic uint32_t state;
};

void udxg_leaf_lock_wait(struct udxg_leaf_lock *lock);
void udxg_leaf_lock_wake(struct udxg_leaf_lock *lock);

static inline void udxg_leaf_lock_init(struct udxg_leaf_lock *lock)
{
    atomic_init(&lock->state, 0);
}

static inline void udxg_leaf_lock_take(struct udxg_leaf_lock *lock)
{
    uint32_t state = 0;
    if (!atomic_compare_exchange_strong_explicit(&lock->state, &state, 1, memory_order_acquire, memory_order_relaxed))
        udxg_leaf_lock_wait(lock);
}

static inline void udxg_leaf_lock_give(struct udxg_leaf_lock *lock)
{
    if (atomic_exchange_explicit(&lock->state, 0, memory_order_release) == 2) udxg_leaf_lock_wake(lock);
}

#endif
