/* SPDX-License-Identifier: MIT */
/*
 * Paging: one thread per adapter that brings listed allocations in place and takes leaving ones home.
 *
 * An operation of a queue is a goal, not a copy: "these bindings' allocations are where their targets say". So
 * nothing has to be undone when an allocation is evicted, locked or destroyed before its turn; and each step
 * looks at the world afresh, under the lock, and at most one copy follows it, without. Operations of a queue
 * end in order; queues of higher priority go first, equal ones take turns; leaving allocations go home when no
 * operation waits, or when somebody needs their room.
 *
 * Locks: VIDMM around each step, none around a copy or a callback. Decides nothing about targets.
 */
#ifndef UDXG_VIDMM_PAGING_H
#define UDXG_VIDMM_PAGING_H

#include "vidmm/copy.h"
#include "vidmm/vidmm.h"

enum { VIDMM_QUEUE_PRIORITIES = 3 };

struct vidmm_paging_op {
    struct udxg_list link; /* in its queue */
    uint64_t fence_value;
    uint32_t count, next;             /* next: all before it are in place */
    bool failed;                      /* one of them could not be brought in */
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
    uint64_t last_fence_value UDXG_GUARDED_BY(VIDMM);
    bool in_callback UDXG_GUARDED_BY(VIDMM);
};

/* Embeddable: in the adapter. */
struct vidmm_pager {
    pthread_t thread UDXG_GUARDED_BY(VIDMM);
    bool started UDXG_GUARDED_BY(VIDMM);
    bool stop UDXG_GUARDED_BY(VIDMM);
    struct udxg_list busy[VIDMM_QUEUE_PRIORITIES] UDXG_GUARDED_BY(VIDMM); /* queues with operations, by rank */
    pthread_cond_t work;
};

void vidmm_pager_init(struct vidmm_pager *pager);
/* Ends the thread if there is one. No queue may be left. */
void vidmm_pager_fini(struct vidmm_adapter *adapter);

/* An operation over COUNT bindings; the thread is running when there is one. NULL when memory is out. */
struct vidmm_paging_op *vidmm_paging_op_create_locked(struct vidmm_adapter *adapter, uint32_t count)
    UDXG_REQUIRES(VIDMM);
void vidmm_paging_op_add_locked(struct vidmm_paging_op *op, struct vidmm_binding *binding) UDXG_REQUIRES(VIDMM);
/* Takes the operation and returns its fence value. */
uint64_t vidmm_paging_op_queue_locked(struct vidmm_queue *queue, struct vidmm_paging_op *op) UDXG_REQUIRES(VIDMM);
/* Takes a binding out of all operations of its device. */
void vidmm_paging_forget_locked(struct vidmm_binding *binding) UDXG_REQUIRES(VIDMM);
/* Something has to leave: starts the thread when it can be started, and wakes it. */
void vidmm_pager_kick_locked(struct vidmm_adapter *adapter) UDXG_REQUIRES(VIDMM);

const char *vidmm_pager_check_locked(struct vidmm_adapter *adapter) UDXG_REQUIRES(VIDMM);

#endif
