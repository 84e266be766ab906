/* SPDX-License-Identifier: MIT */
/*
 * Where the calls of a process sleep, so that somebody else can end that: who ends the device that a call waits by, and
 * who ends the process while calls of it are under way. Waits that signal an event are among them: no thread sleeps,
 * but nobody wants them any more either.
 *
 * A call that finds that it has to sleep begins a stall, with no lock held, looks again, sleeps, and ends the stall
 * before anything that wake() uses may go.
 */
#ifndef UDXG_CORE_STALL_H
#define UDXG_CORE_STALL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/list.h"
#include "base/lock.h"
#include "base/status.h"
#include "base/stripe.h"

struct udxg_device;
struct udxg_stalls;

struct udxg_stall {
    struct udxg_list link UDXG_GUARDED_BY(STALL); /* in its stripe */
    struct udxg_list held;                        /* of who wakes it, which one alone does at a time */
    bool is_held UDXG_GUARDED_BY(STALL);
    struct udxg_stalls *stalls;       /* constant while it is under way, like what follows; NULL: never begun */
    const struct udxg_device *device; /* whose end ends it; only compared; NULL: nobody's */
    /*
     * Ends the sleep: WHY is STATUS_INVALID_PARAMETER for the end of the device, STATUS_DEVICE_REMOVED for that of the
     * process. With STALL held, or, where there is a hold(), without locks after that was true; then it ends the hold.
     */
    void (*wake)(struct udxg_stall *stall, udxg_status why);
    bool (*hold)(struct udxg_stall *stall); /* NULL, or with STALL: keeps what it is a part of; false: it is going */
};

struct udxg_stall_stripe {
    char before[UDXG_STRIPE_GAP];
    struct udxg_mutex_STALL lock;
    struct udxg_list list UDXG_GUARDED_BY(STALL);
    pthread_cond_t empty; /* with lock: the list */
    char behind[UDXG_STRIPE_GAP];
};

/* Embeddable: of a process. */
struct udxg_stalls {
    atomic_bool cancelled; /* nobody may sleep any more; for good */
    struct udxg_stall_stripe stripes[UDXG_STRIPES];
};

void udxg_stalls_init(struct udxg_stalls *stalls);
/* No call may be under way, and all must have been cancelled. Waits for events that are just being signalled. */
void udxg_stalls_fini(struct udxg_stalls *stalls);

/* False when the process is cancelled: the call must not sleep. */
bool udxg_stall_begin(struct udxg_stalls *stalls, struct udxg_stall *stall) UDXG_MUST_CHECK;
/* Also of one that was never begun, and zeroed. */
void udxg_stall_end(struct udxg_stall *stall);
/* What sleepers look at again. */
static inline bool udxg_stalls_are_cancelled(const struct udxg_stalls *stalls)
{
    return atomic_load(&stalls->cancelled);
}

/* Ends what waits by DEVICE, which no handle means any more. */
void udxg_stalls_end_device(struct udxg_stalls *stalls, const struct udxg_device *device);
/* Ends all, and those to come. */
void udxg_stalls_cancel(struct udxg_stalls *stalls);

#endif
