/* SPDX-License-Identifier: MIT */
/*
 * Paging: a few threads per adapter that bring listed allocations in place, take leaving ones home, and bring back
 * what had to give way, when there is room again.
 *
 * An operation of a queue is a goal, not a copy: "these bindings' allocations are where their targets say". So
 * nothing has to be undone when an allocation is evicted, locked or destroyed before its turn; and each step
 * looks at the world afresh, under the lock, and at most one copy follows it, without. Copies of one operation and of
 * several overlap; operations of a queue end in order; queues of higher priority go first, equal ones take turns.
 * Leaving allocations go home when no operation waits, or when somebody needs their room.
 *
 * An operation that names what is suspended sends its device to the gate (admission.h) and ends when that has been
 * admitted.
 *
 * Locks: VIDMM around each step, none around a copy or a callback. Decides nothing about targets.
 */
#ifndef UDXG_VIDMM_PAGING_H
#define UDXG_VIDMM_PAGING_H

#include "vidmm/copy.h"
#include "vidmm/vidmm.h"

enum { VIDMM_QUEUE_PRIORITIES = 3 };
#define VIDMM_QUEUE_MAX_BINDINGS (UINT64_C(1) << 20) /* that the operations of one queue name */
#define VIDMM_QUEUES_MAX_BINDINGS (UINT64_C(1) << 22) /* and of all queues of a process */

struct vidmm_paging_op {
    struct udxg_list link; /* in its queue */
    uint64_t fence_value;
    uint32_t room; /* for so many bindings */
    uint32_t count;
    uint32_t begun;                   /* all before it are in place, or on their way */
    uint32_t next;                    /* all before it have been in place; at most begun */
    uint64_t delay_ns, due_ns;        /* not done before DELAY has passed since its turn; due_ns 0: not begun */
    uint64_t migrating_bytes;         /* a migration of its only binding; 0: none */
    struct vidmm_binding *bindings[]; /* NULL once gone */
};

struct vidmm_queue {
    struct vidmm_device *device;                         /* constant */
    unsigned rank;                                       /* 0 is served last; constant */
    void (*completed)(void *user, uint64_t fence_value); /* constant */
    void *user;                                          /* constant */
    struct udxg_list device_link UDXG_GUARDED_BY(VIDMM); /* in the device's list */
    struct udxg_list busy_link UDXG_GUARDED_BY(VIDMM);   /* in the pager's list while there are operations */
    struct udxg_list ops UDXG_GUARDED_BY(VIDMM);
    uint64_t queued UDXG_GUARDED_BY(VIDMM); /* the rooms of all operations */
    uint64_t last_fence_value UDXG_GUARDED_BY(VIDMM);
    bool in_callback UDXG_GUARDED_BY(VIDMM);
    bool closing UDXG_GUARDED_BY(VIDMM); /* nobody waits for room for it any more */
};

enum { VIDMM_PAGERS = 4 }; /* threads at most: more do not copy faster */

/* Embeddable: in the adapter. */
struct vidmm_pager {
    unsigned limit; /* of threads, by the number of processors; constant */
    unsigned started UDXG_GUARDED_BY(VIDMM);
    unsigned copying UDXG_GUARDED_BY(VIDMM);
    unsigned sleeping UDXG_GUARDED_BY(VIDMM);
    bool deciding UDXG_GUARDED_BY(VIDMM); /* one of them has the lock, and looks again when kicked */
    bool kicked UDXG_GUARDED_BY(VIDMM);
    bool stop UDXG_GUARDED_BY(VIDMM);
    pthread_t threads[VIDMM_PAGERS] UDXG_GUARDED_BY(VIDMM);
    struct udxg_list busy[VIDMM_QUEUE_PRIORITIES] UDXG_GUARDED_BY(VIDMM); /* queues with operations, by rank */
    uint64_t eviction_delay_ns UDXG_GUARDED_BY(VIDMM);
    uint64_t leave_ns UDXG_GUARDED_BY(VIDMM); /* when what leaves may do so at the earliest */
    pthread_cond_t work;
};

void vidmm_pager_init(struct vidmm_pager *pager);
/* Ends the threads if there are any. No queue may be left. */
void vidmm_pager_fini(struct vidmm_adapter *adapter);

/*
 * An operation of QUEUE over COUNT bindings; a thread is running when there is one. NULL when memory is out, or the
 * queue is full: whose device waits for room can go on naming what it has named before.
 */
struct vidmm_paging_op *vidmm_paging_op_create_locked(struct vidmm_queue *queue, uint32_t count) UDXG_REQUIRES(VIDMM);
void vidmm_paging_op_add_locked(struct vidmm_paging_op *op, struct vidmm_binding *binding) UDXG_REQUIRES(VIDMM);
/* Takes the operation and returns its fence value. */
uint64_t vidmm_paging_op_queue_locked(struct vidmm_queue *queue, struct vidmm_paging_op *op) UDXG_REQUIRES(VIDMM);
/* Takes a binding out of all operations of its device. */
void vidmm_paging_forget_locked(struct vidmm_binding *binding) UDXG_REQUIRES(VIDMM);
/* DEVICE goes. True when that is in its own ready() or failed(): nobody looks at it when they return. */
bool vidmm_pager_lets_go(struct vidmm_device *device);
/* There may be something to do: starts a thread when none runs and one can be started, and wakes one. */
void vidmm_pager_kick_locked(struct vidmm_adapter *adapter) UDXG_REQUIRES(VIDMM);
/* The same, because something has to leave its segment. */
void vidmm_pager_leaving_locked(struct vidmm_adapter *adapter) UDXG_REQUIRES(VIDMM);

const char *vidmm_pager_check_locked(struct vidmm_adapter *adapter) UDXG_REQUIRES(VIDMM);

#endif
