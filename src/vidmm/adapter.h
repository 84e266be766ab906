/* SPDX-License-Identifier: MIT */
/*
 * The manager of one adapter, as its own files see it: who else is there, and the one lock and the one
 * condition that all of it shares. There is no lock and no condition per allocation: there are millions.
 */
#ifndef UDXG_VIDMM_ADAPTER_H
#define UDXG_VIDMM_ADAPTER_H

#include "base/slab.h"
#include "vidmm/fair.h"
#include "vidmm/notify.h"
#include "vidmm/paging.h"
#include "vidmm/segment.h"
#include "vidmm/vidmm.h"

struct vidmm_adapter {
    uint32_t segment_count;                            /* constant */
    struct vidmm_segment *segments[UDXG_MAX_SEGMENTS]; /* constant */
    uint32_t aperture_set;                             /* bit 0 is segment 1; constant */
    uint64_t commit_limit_bytes;                       /* constant */
    unsigned gpu_va_bits;                              /* constant */
    vidmm_copied *copied;                              /* NULL: nobody counts; constant with the first process */
    struct vidmm_sizes sizes;                          /* constant */
    uint64_t group_bytes[VIDMM_GROUP_COUNT];           /* what the budgets of a group share; constant */
    struct udxg_slab extents;                          /* struct vidmm_extent */
    struct udxg_slab va_nodes;                         /* struct vidmm_va_node */
    struct udxg_slab offers;                           /* struct vidmm_offer */
    struct udxg_mutex_VIDMM lock;
    pthread_cond_t changed; /* some allocation's place or access count, with waiters > 0; some queue got empty */
    uint32_t waiters UDXG_GUARDED_BY(VIDMM);
    uint64_t commit_bytes UDXG_GUARDED_BY(VIDMM);
    uint64_t aperture_bytes UDXG_GUARDED_BY(VIDMM); /* demand of all apertures; <= sizes.shared_system_bytes */
    bool foreign_atomic UDXG_GUARDED_BY(VIDMM);     /* an engine's atomic on caller's memory is under way */
    struct udxg_list processes UDXG_GUARDED_BY(VIDMM);
    size_t process_count UDXG_GUARDED_BY(VIDMM);
    uint32_t processes_made UDXG_GUARDED_BY(VIDMM); /* ever */
    uint64_t reserved_bytes[VIDMM_GROUP_COUNT] UDXG_GUARDED_BY(VIDMM); /* reservations of all processes */
    struct vidmm_fair fair UDXG_GUARDED_BY(VIDMM);                     /* room for process_count claims */
    uint64_t drift_bytes[VIDMM_GROUP_COUNT] UDXG_GUARDED_BY(VIDMM);    /* of all processes' usage: budget.h */
    enum vidmm_offer_policy offer_policy UDXG_GUARDED_BY(VIDMM);
    uint64_t offer_order UDXG_GUARDED_BY(VIDMM); /* of the newest offer in effect */
    struct vidmm_offer_counters offer_counters UDXG_GUARDED_BY(VIDMM);
    struct udxg_list waiting UDXG_GUARDED_BY(VIDMM);    /* devices at the gate, first come first served: admission.h */
    struct udxg_list arriving UDXG_GUARDED_BY(VIDMM);   /* those of them that have been promised all they need */
    uint64_t runs UDXG_GUARDED_BY(VIDMM);               /* ends of runs so far, the clock of "least recently used" */
    uint64_t homesick UDXG_GUARDED_BY(VIDMM);           /* allocations that are demoted or suspended */
    uint32_t orders UDXG_GUARDED_BY(VIDMM);             /* from outside; nobody begins to run until they are done */
    bool run_awaited UDXG_GUARDED_BY(VIDMM);            /* the pager has something to do when somebody's run ends */
    struct vidmm_counters ended UDXG_GUARDED_BY(VIDMM); /* of processes that are gone */
    struct vidmm_pager pager;
    struct vidmm_notifier notifier;
    atomic_uint faults; /* enum vidmm_fault; written by who tests */
};

/* The segment with an id, NULL for 0, VIDMM_SYSTEM_ID and one that is not there. */
struct vidmm_segment *vidmm_adapter_segment_of(const struct vidmm_adapter *adapter, uint32_t id);

/* Sleeps until something changed; the caller looks again. */
void vidmm_adapter_wait_locked(struct vidmm_adapter *adapter) UDXG_REQUIRES(VIDMM);
void vidmm_adapter_changed_locked(struct vidmm_adapter *adapter) UDXG_REQUIRES(VIDMM);

#endif
