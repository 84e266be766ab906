/* SPDX-License-Identifier: MIT */
/*
 * A wait is a counted struct with one waiter per object. What a wait does when it is over is its owner's business:
 * wake a thread, write an eventfd, let a lane go on.
 *
 *   all, any    of fences: every waiter hangs in its object at once; nothing is used up
 *   in turn     of mutexes and semaphores, fences among them: one object after the other, each taken when its turn
 *               comes. The turns are in one order for all waits, so that two that name the same objects never hold
 *               what the other one needs. What was taken goes back when the wait is cancelled.
 *
 * A waiter:  IDLE --> HANGING --object lets it go--> FIRED
 *                        '-------- cancelled ------> CANCELLED       IDLE --> FIRED when it need not wait
 */
#ifndef UDXG_CORE_WAIT_H
#define UDXG_CORE_WAIT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "base/lock.h"
#include "base/order.h"
#include "base/status.h"

struct udxg_device;
struct udxg_sync;
struct udxg_wait;

enum udxg_waiter_state { UDXG_WAITER_IDLE, UDXG_WAITER_HANGING, UDXG_WAITER_FIRED, UDXG_WAITER_CANCELLED };

struct udxg_waiter {
    struct udxg_order_node node UDXG_GUARDED_BY(SYNC); /* in the object's, while HANGING */
    struct udxg_list link;                             /* of those that fired together; whose list it is owns them */
    struct udxg_sync *sync;                            /* referenced; constant */
    uint64_t value;                                    /* of a fence: satisfied when it is at least this; constant */
    struct udxg_wait *wait;
    enum udxg_waiter_state state UDXG_GUARDED_BY(SYNC);
    bool broken; /* fired because the object is abandoned; of whom it fired for from then on */
};

struct udxg_wait {
    atomic_uint refs;      /* the owner, and every waiter that hangs */
    atomic_int remaining;  /* all, any: satisfied waiters that are still missing; done() runs at the step to 0 */
    atomic_bool cancelled; /* in turn: nobody wants what is still to be taken */
    atomic_bool broken;    /* before done(): it is over, but a value that it needed will never come */
    bool any;              /* constant, like what follows */
    bool in_turn;
    /* Without locks, once, on the thread that signals. False: nobody wanted it any more, what was taken goes back. */
    bool (*done)(struct udxg_wait *wait);
    void (*free)(struct udxg_wait *wait); /* with the last reference */
    struct udxg_device *owner;            /* whom a mutex will belong to; whose wait it is keeps it; NULL: no mutexes */
    uint32_t count;
    struct udxg_waiter waiters[];
};

/* SIZE_BYTES for the owner's struct that ends in a udxg_wait with COUNT waiters. */
static inline size_t udxg_wait_bytes(size_t prefix_bytes, uint32_t count)
{
    return prefix_bytes + sizeof(struct udxg_wait) + count * sizeof(struct udxg_waiter);
}

struct udxg_wait_ops {
    bool (*done)(struct udxg_wait *wait);
    void (*free)(struct udxg_wait *wait);
};

/*
 * Fills in a wait for all (or any) of COUNT objects; the caller owns one reference. It is one in turn when an object
 * of it is a mutex or a semaphore, which then will be OWNER's; never with ANY.
 */
void udxg_wait_init(struct udxg_wait *wait, uint32_t count, struct udxg_sync *const *syncs, const uint64_t *values,
                    bool any, struct udxg_device *owner, const struct udxg_wait_ops *ops);
/* Of one of fences that is over: whether what it waited for is there. That one of several fences is lost is no matter.
 */
bool udxg_wait_is_satisfied(const struct udxg_wait *wait);
/* Hangs the waiters in; done() may run before it returns, on this thread. */
void udxg_wait_start(struct udxg_wait *wait);
/* Takes waiters that have not fired off again; done() may still be running or have run. */
void udxg_wait_cancel(struct udxg_wait *wait);
/* For those who keep it from being freed otherwise than by a reference: false when it is going. */
bool udxg_wait_try_ref(struct udxg_wait *wait) UDXG_MUST_CHECK;
void udxg_wait_unref(struct udxg_wait *wait);

/*
 * Ends the waiters of a list, which their objects have let go; on a thread without locks. What they give back, and lets
 * others go, is added to the list: no stack has room for a call in a call for each of them.
 */
void udxg_waiters_fire(struct udxg_list *fired);

#endif
