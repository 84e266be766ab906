/* SPDX-License-Identifier: MIT */
/*
 * Waits. Invariants: a waiter is in its object's order exactly while it is HANGING, and then it has a reference to
 * the wait; of a wait in turn at most one waiter hangs, those before it have fired and those after it are IDLE.
 * Locks: SYNC of one object at a time, never while done() runs.
 *
 * Who cancels a wait in turn and who carries it on may be two threads: the first sets `cancelled` and then looks
 * for the hanging waiter, the second hangs one in and then looks at `cancelled`. One of them sees the other, and
 * the one that takes the waiter off gives back what was taken before it.
 */
#include "core/wait.h"

#include "core/sync.h"

static void waiter_init(struct udxg_waiter *waiter, struct udxg_wait *wait, struct udxg_sync *sync,
                        uint64_t value) UDXG_NO_TSA
{
    udxg_list_init(&waiter->link);
    udxg_sync_ref(sync);
    waiter->sync = sync;
    waiter->value = value;
    waiter->wait = wait;
    waiter->state = UDXG_WAITER_IDLE;
    waiter->broken = false;
}

/*
 * One order for all waits that take objects one after the other. What is not used up comes first: nobody is to hold a
 * mutex while he waits for a value that its next owner would signal.
 */
static bool comes_after(const struct udxg_sync *a, const struct udxg_sync *b)
{
    bool a_used_up = udxg_sync_is_used_up(a), b_used_up = udxg_sync_is_used_up(b);

    return a_used_up == b_used_up ? (uintptr_t)a > (uintptr_t)b : a_used_up;
}

/* Few elements, most of them in order: by insertion. */
static void sort_by_object(struct udxg_waiter *waiters, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        struct udxg_sync *sync = waiters[i].sync;
        uint64_t value = waiters[i].value;
        uint32_t k = i;
        for (; k && comes_after(waiters[k - 1].sync, sync); k--) {
            waiters[k].sync = waiters[k - 1].sync;
            waiters[k].value = waiters[k - 1].value;
        }
        waiters[k].sync = sync;
        waiters[k].value = value;
    }
}

void udxg_wait_init(struct udxg_wait *wait, uint32_t count, struct udxg_sync *const *syncs, const uint64_t *values,
                    bool any, struct udxg_device *owner, const struct udxg_wait_ops *ops)
{
    atomic_init(&wait->refs, 1);
    atomic_init(&wait->remaining, any ? 1 : (int)count);
    atomic_init(&wait->cancelled, false);
    atomic_init(&wait->broken, false);
    wait->any = any;
    wait->in_turn = false;
    wait->done = ops->done;
    wait->free = ops->free;
    wait->owner = owner;
    wait->count = count;
    for (uint32_t i = 0; i < count; i++) {
        waiter_init(&wait->waiters[i], wait, syncs[i], values ? values[i] : 0);
        wait->in_turn |= udxg_sync_is_used_up(syncs[i]);
    }
    if (wait->in_turn) sort_by_object(wait->waiters, count);
}

bool udxg_wait_try_ref(struct udxg_wait *wait)
{
    unsigned refs = atomic_load(&wait->refs);

    while (refs)
        if (atomic_compare_exchange_weak(&wait->refs, &refs, refs + 1)) return true;
    return false;
}

void udxg_wait_unref(struct udxg_wait *wait)
{
    if (atomic_fetch_sub(&wait->refs, 1) != 1) return;
    for (uint32_t i = 0; i < wait->count; i++) udxg_sync_unref(wait->waiters[i].sync);
    wait->free(wait);
}

/* ---- all at once ---- */

/* A waiter need not wait (any more). */
static void count_down(struct udxg_waiter *waiter)
{
    struct udxg_wait *wait = waiter->wait;

    if (waiter->broken) atomic_store(&wait->broken, true);
    if (atomic_fetch_sub(&wait->remaining, 1) == 1) (void)wait->done(wait);
}

/* Of any, one that is lost may have been counted down just when another one was reached, or before it was looked at. */
bool udxg_wait_is_satisfied(const struct udxg_wait *wait)
{
    if (!atomic_load(&wait->broken)) return true;
    for (uint32_t i = 0; i < wait->count && wait->any; i++)
        if (udxg_sync_value(wait->waiters[i].sync) >= wait->waiters[i].value) return true;
    return false;
}

/* ---- in turn ---- */

/* Whom that lets go is added to FIRED. */
static void give_back(struct udxg_wait *wait, uint32_t count, struct udxg_list *fired)
{
    for (uint32_t i = 0; i < count; i++) udxg_sync_give_back_collect(wait->waiters[i].sync, wait->owner, fired);
}

/* False when it was not hanging (any more). On true the waiter's reference is the caller's. */
static bool unhang(struct udxg_waiter *waiter)
{
    struct udxg_sync *sync = waiter->sync;
    bool hanging;

    udxg_lock(SYNC, &sync->lock);
    hanging = waiter->state == UDXG_WAITER_HANGING;
    if (hanging) udxg_sync_unhang_locked(sync, waiter);
    udxg_unlock(SYNC, &sync->lock);
    return hanging;
}

/*
 * Takes one object after the other, from the one at INDEX on, until one has to be waited for. Who is let go by what is
 * given back is added to FIRED.
 */
static void go_on(struct udxg_wait *wait, uint32_t index, struct udxg_list *fired)
{
    for (;; index++) {
        if (atomic_load(&wait->cancelled)) {
            give_back(wait, index, fired);
            return;
        }
        if (index == wait->count) {
            if (!wait->done(wait)) give_back(wait, index, fired);
            return;
        }
        atomic_fetch_add(&wait->refs, 1); /* before it hangs: it may be let go at once */
        if (!udxg_sync_hang(wait->waiters[index].sync, &wait->waiters[index])) break;
        if (wait->waiters[index].broken) atomic_store(&wait->broken, true);
        udxg_wait_unref(wait); /* never the last one: the caller has one */
    }
    /* From here on the wait may be another thread's, but for our caller's reference. */
    if (!atomic_load(&wait->cancelled) || !unhang(&wait->waiters[index])) return;
    give_back(wait, index, fired);
    udxg_wait_unref(wait);
}

/* ---- both ---- */

static void fire(struct udxg_waiter *waiter, struct udxg_list *fired)
{
    struct udxg_wait *wait = waiter->wait;

    if (!wait->in_turn) {
        count_down(waiter);
    } else {
        if (waiter->broken) atomic_store(&wait->broken, true);
        go_on(wait, (uint32_t)(waiter - wait->waiters) + 1, fired);
    }
    udxg_wait_unref(wait);
}

void udxg_waiters_fire(struct udxg_list *fired)
{
    struct udxg_list *link;

    while ((link = udxg_list_pop(fired))) fire(udxg_container_of(link, struct udxg_waiter, link), fired);
}

void udxg_wait_start(struct udxg_wait *wait)
{
    struct udxg_list fired;

    if (wait->in_turn) {
        udxg_list_init(&fired);
        go_on(wait, 0, &fired);
        udxg_waiters_fire(&fired);
        return;
    }
    for (uint32_t i = 0; i < wait->count; i++) {
        struct udxg_waiter *waiter = &wait->waiters[i];
        atomic_fetch_add(&wait->refs, 1);
        if (!udxg_sync_hang(waiter->sync, waiter)) continue;
        count_down(waiter);
        udxg_wait_unref(wait);
    }
    /* What was hung in after the first of any had fired, or after it was cancelled, would hang for ever. */
    if (atomic_load(&wait->remaining) <= 0 || atomic_load(&wait->cancelled)) udxg_wait_cancel(wait);
}

void udxg_wait_cancel(struct udxg_wait *wait)
{
    struct udxg_list fired;

    udxg_list_init(&fired);
    atomic_store(&wait->cancelled, true);
    for (uint32_t i = 0; i < wait->count; i++) {
        if (!unhang(&wait->waiters[i])) continue;
        if (wait->in_turn) give_back(wait, i, &fired);
        udxg_wait_unref(wait);
    }
    udxg_waiters_fire(&fired);
}
