/* SPDX-License-Identifier: MIT */
/*
 * UpdateGpuVirtualAddress: changes of GPU addresses that wait for a fence. Those of one context run in order on its
 * companion, which is made with the first of them; they are not ordered with the context's own packets but by fences.
 *
 *   IDLE ----submit----> RUNNABLE --updater picks--> RUNNING --more--> RUNNABLE
 *     ^                     ^                         |  |
 *     |                     '------ satisfied ---- WAITING
 *     '------------------ none left, cancel ----------'
 *
 * One thread of the adapter, the updater, runs them: it starts with the first companion, never waits for a fence, and
 * holds no lock but the address space's while an operation runs.
 */
#ifndef UDXG_CORE_UPDATE_H
#define UDXG_CORE_UPDATE_H

#include <pthread.h>
#include <stdbool.h>

#include "base/list.h"
#include "base/lock.h"
#include "base/status.h"

struct udxg_companion;
struct udxg_device;

/* Embeddable: in the adapter. */
struct udxg_updater {
    struct udxg_mutex_UPDATE lock;
    pthread_cond_t work; /* with lock: a companion became runnable, or stop */
    pthread_t thread UDXG_GUARDED_BY(UPDATE);
    bool started UDXG_GUARDED_BY(UPDATE), stop UDXG_GUARDED_BY(UPDATE);
    struct udxg_list run UDXG_GUARDED_BY(UPDATE); /* runnable companions */
};

void udxg_updater_init(struct udxg_updater *updater);
/* Ends the thread when nothing is runnable any more. Every context must have been destroyed. */
void udxg_updater_fini(struct udxg_updater *updater);

/* All take NULL. */

/* The context has no handle any more: what can run still does; at the first wait for a fence all is given up. */
void udxg_companion_close(struct udxg_companion *companion);
/* The context is going: ends its reference. */
void udxg_companion_unref(struct udxg_companion *companion);

/* The device is in error or going: what its contexts have queued and not begun is given up, for good. */
void udxg_updates_cancel(struct udxg_device *device);

#endif
