/* SPDX-License-Identifier: MIT */
/*
 * Notifications: one thread per adapter that tells those who registered what happened to their budget.
 *
 * What is to be told are flags of a registration, not a queue of messages: what happens again before it was told is
 * told once, with the numbers of the moment at which it is told, and not at all when there is nothing to tell any
 * more (nothing to trim, the budget that it knows).
 *
 * Periodic trims. The requests of a registration follow each other at the interval while its device runs work; the
 * client drops what it has not used since the one before. After an interval without work there is one more, which
 * drops whatever is left, and then silence. The first work after the silence sends RESTART in place of a request,
 * because nothing was used in the silence, and the interval begins anew.
 *
 *            register                    interval over, device ran
 *               |                         .------------------.
 *               v                         v    PERIODIC      |
 *              AWAKE ------------------------------------->--'
 *             ^     |  interval over, device did not run: PERIODIC
 *     RESTART |     v
 *             '-- ASLEEP     device runs, or the interval is set: RESTART
 *
 * Locks: VIDMM for everything, none while a callback runs. It computes no budget and trims nothing.
 */
#ifndef UDXG_VIDMM_NOTIFY_H
#define UDXG_VIDMM_NOTIFY_H

#include "vidmm/vidmm.h"

/* Embeddable: in the adapter. */
struct vidmm_notifier {
    pthread_t thread UDXG_GUARDED_BY(VIDMM);
    bool started UDXG_GUARDED_BY(VIDMM);
    bool stop UDXG_GUARDED_BY(VIDMM);
    struct udxg_list all UDXG_GUARDED_BY(VIDMM); /* registrations */
    struct udxg_list due UDXG_GUARDED_BY(VIDMM); /* those with something to tell */
    uint64_t interval_ns UDXG_GUARDED_BY(VIDMM); /* of periodic trims; 0: none */
    /* Whose callback runs, for those who have to wait for its end. */
    const struct vidmm_registration *current UDXG_GUARDED_BY(VIDMM);
    const struct vidmm_device *current_device UDXG_GUARDED_BY(VIDMM);
    pthread_cond_t work; /* monotonic clock */
    pthread_cond_t done; /* a callback has returned */
};

void vidmm_notifier_init(struct vidmm_notifier *notifier);
/* Ends the thread if there is one. No registration may be left. */
void vidmm_notifier_fini(struct vidmm_adapter *adapter);

/* The process has to trim to its budget; a budget of it has changed. */
void vidmm_notify_trim_locked(struct vidmm_process *process) UDXG_REQUIRES(VIDMM);
void vidmm_notify_budget_locked(struct vidmm_process *process, enum vidmm_group group) UDXG_REQUIRES(VIDMM);
/* The device begins to run work. */
void vidmm_notify_run_locked(struct vidmm_device *device) UDXG_REQUIRES(VIDMM);

const char *vidmm_notifier_check_locked(struct vidmm_adapter *adapter) UDXG_REQUIRES(VIDMM);

#endif
