/* SPDX-License-Identifier: MIT */
/*
 * Stalls. Invariant: a stall is on its stripe's list from its beginning to its end. Lock: STALL of one stripe,
 * outermost: wake() may take what it needs.
 */
#include "core/stall.h"

#include <stdint.h>

void udxg_stalls_init(struct udxg_stalls *stalls) UDXG_NO_TSA
{
    atomic_init(&stalls->cancelled, false);
    for (unsigned i = 0; i < UDXG_STRIPES; i++) {
        udxg_mutex_init_STALL(&stalls->stripes[i].lock);
        udxg_list_init(&stalls->stripes[i].list);
        pthread_cond_init(&stalls->stripes[i].empty, NULL);
    }
}

void udxg_stalls_fini(struct udxg_stalls *stalls)
{
    for (unsigned i = 0; i < UDXG_STRIPES; i++) {
        struct udxg_stall_stripe *stripe = &stalls->stripes[i];
        udxg_lock(STALL, &stripe->lock);
        while (!udxg_list_empty(&stripe->list)) pthread_cond_wait(&stripe->empty, &stripe->lock.mutex);
        udxg_unlock(STALL, &stripe->lock);
        pthread_cond_destroy(&stripe->empty);
        udxg_mutex_fini_STALL(&stripe->lock);
    }
}

/* Stacks of threads, and blocks of the heap, lie pages apart: what is in one page may meet. */
static struct udxg_stall_stripe *stripe_of(const struct udxg_stall *stall)
{
    uint64_t address = (uint64_t)(uintptr_t)stall;

    return &stall->stalls->stripes[(address >> 12 ^ address >> 20 ^ address >> 23) % UDXG_STRIPES];
}

bool udxg_stall_begin(struct udxg_stalls *stalls, struct udxg_stall *stall)
{
    struct udxg_stall_stripe *stripe;
    bool begun;

    stall->stalls = stalls;
    stripe = stripe_of(stall);
    udxg_lock(STALL, &stripe->lock);
    begun = !udxg_stalls_are_cancelled(stalls);
    if (begun) udxg_list_append(&stripe->list, &stall->link);
    udxg_unlock(STALL, &stripe->lock);
    if (!begun) stall->stalls = NULL;
    return begun;
}

void udxg_stall_end(struct udxg_stall *stall)
{
    struct udxg_stall_stripe *stripe;

    if (!stall->stalls) return;
    stripe = stripe_of(stall);
    udxg_lock(STALL, &stripe->lock);
    udxg_list_remove(&stall->link);
    if (udxg_list_empty(&stripe->list)) pthread_cond_broadcast(&stripe->empty);
    udxg_unlock(STALL, &stripe->lock);
    stall->stalls = NULL;
}

/* All in one stripe that wait by DEVICE, NULL: all. */
static void wake_stripe(struct udxg_stall_stripe *stripe, const struct udxg_device *device, udxg_status why)
{
    struct udxg_list held, *link;

    udxg_list_init(&held);
    udxg_lock(STALL, &stripe->lock);
    udxg_list_for_each(it, &stripe->list)
    {
        struct udxg_stall *stall = udxg_container_of(it, struct udxg_stall, link);
        if (device && stall->device != device) continue;
        if (!stall->hold) {
            stall->wake(stall, why);
        } else if (!stall->is_held && stall->hold(stall)) {
            stall->is_held = true;
            udxg_list_append(&held, &stall->held);
        }
    }
    udxg_unlock(STALL, &stripe->lock);
    while ((link = udxg_list_pop(&held))) {
        struct udxg_stall *stall = udxg_container_of(link, struct udxg_stall, held);
        stall->wake(stall, why);
    }
}

void udxg_stalls_end_device(struct udxg_stalls *stalls, const struct udxg_device *device)
{
    for (unsigned i = 0; i < UDXG_STRIPES; i++) wake_stripe(&stalls->stripes[i], device, STATUS_INVALID_PARAMETER);
}

/* Who begins one now has seen it, or is on a list that is not looked at yet. */
void udxg_stalls_cancel(struct udxg_stalls *stalls)
{
    atomic_store(&stalls->cancelled, true);
    for (unsigned i = 0; i < UDXG_STRIPES; i++) wake_stripe(&stalls->stripes[i], NULL, STATUS_DEVICE_REMOVED);
}
