/* SPDX-License-Identifier: MIT */
/*
 * The watchdog of an adapter: timeout detection and recovery, as WDDM calls it, and whatever else happens to an
 * adapter after a time. It is one thread, made with the first context, and asleep: for good while no engine
 * executes anything, until the earliest limit while one does. Nothing wakes it when a packet ends, and nothing
 * is asked of a packet that ends in time.
 *
 * A packet that has run for the adapter's tdr_delay_ms is told to stop, and its device is HUNG: an engine reset. One
 * that has not come back another tdr_reset_delay_ms later costs the adapter: the packet is taken from its thread,
 * every device of the adapter is removed and its video memory purged (udxg_adapter_reset()).
 */
#ifndef UDXG_CORE_WATCHDOG_H
#define UDXG_CORE_WATCHDOG_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/lock.h"
#include "base/status.h"

struct udxg_adapter;

/* Resets within a minute that an adapter survives; one more and it stays stopped. */
#define UDXG_WATCHDOG_RESETS 5u

/* Embeddable: in the adapter. */
struct udxg_watchdog {
    struct udxg_adapter *adapter; /* constant */
    struct udxg_mutex_WATCHDOG lock;
    pthread_cond_t wake; /* with lock: armed, or stop, or an earlier removal */
    atomic_bool armed;   /* it looks before it sleeps for good; written with lock */
    bool started UDXG_GUARDED_BY(WATCHDOG), stop UDXG_GUARDED_BY(WATCHDOG);
    pthread_t thread UDXG_GUARDED_BY(WATCHDOG);
    uint64_t remove_ns UDXG_GUARDED_BY(WATCHDOG); /* when the adapter is to be taken away; 0: never */
    uint64_t resets_ns[UDXG_WATCHDOG_RESETS];     /* of the last resets; the thread's own */
    uint32_t reset_count;                         /* the same */
    atomic_uint timeouts;                         /* packets that ran out of time, ever */
};

void udxg_watchdog_init(struct udxg_watchdog *watchdog, struct udxg_adapter *adapter);
/* Ends the thread. */
void udxg_watchdog_fini(struct udxg_watchdog *watchdog);

/* Makes the thread unless it is there; packets are submitted after that. STATUS_NO_MEMORY. */
udxg_status udxg_watchdog_start(struct udxg_watchdog *watchdog) UDXG_MUST_CHECK;
/* Something has begun that has a limit. Costs one load while the watchdog is about anyway. */
void udxg_watchdog_wake(struct udxg_watchdog *watchdog);
static inline void udxg_watchdog_arm(struct udxg_watchdog *watchdog)
{
    if (!atomic_load(&watchdog->armed)) udxg_watchdog_wake(watchdog);
}
/* The adapter is stopped at that time, as by udxg_stop_adapter(); 0 takes it back. STATUS_NO_MEMORY. */
udxg_status udxg_watchdog_remove_at(struct udxg_watchdog *watchdog, uint64_t at_ns) UDXG_MUST_CHECK;

#endif
