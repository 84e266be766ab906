/* SPDX-License-Identifier: MIT */
/* What a leaf lock does when it is not free. */
#include "base/leaf_lock.h"

#include "base/os.h"

#define SPINS 60u /* of about 20 ns */

static bool try_spinning(struct udxg_leaf_lock *lock)
{
    for (unsigned i = 0; i < SPINS; i++) {
        uint32_t state = atomic_load_explicit(&lock->state, memory_order_relaxed);
        if (!state &&
            atomic_compare_exchange_weak_explicit(&lock->state, &state, 1, memory_order_acquire, memory_order_relaxed))
            return true;
        __builtin_ia32_pause();
    }
    return false;
}

/* From here on it is held with 2, even when nobody else sleeps: one wake too many is harmless. */
void udxg_leaf_lock_wait(struct udxg_leaf_lock *lock)
{
    if (try_spinning(lock)) return;
    while (atomic_exchange_explicit(&lock->state, 2, memory_order_acquire)) udxg_os_futex_wait(&lock->state, 2);
}

void udxg_leaf_lock_wake(struct udxg_leaf_lock *lock)
{
    udxg_os_futex_wake(&lock->state);
}
