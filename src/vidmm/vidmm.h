/* SPDX-License-Identifier: MIT */
/*
 * The video memory manager as the core sees it. It knows no handle and no thunk: whole tests of it run
 * without either. Objects are embedded by the core where there are many of them (allocations, bindings),
 * created here where there are few.
 *
 *   vidmm_adapter   segments, budget groups, placement            one per adapter
 *   vidmm_process   home pools, commit, GPU address space, usage  one per process and adapter
 *   vidmm_device    the residency requirement list                one per device
 *   vidmm_queue     ordered paging operations and their fence     one per paging queue
 *   vidmm_alloc     the memory: size, home, placement             one per allocation of the adapter
 *   vidmm_binding   a device's opening of it: residency count,    one per device that has it open
 *                   GPU addresses
 *
 * Every allocation that is not the caller's own memory has a home in a pool of the creating process; being
 * resident in a segment of a discrete adapter means that the bytes were copied there. Statuses are those of
 * the calls: STATUS_NO_MEMORY is commit, tables and budget, STATUS_GRAPHICS_NO_VIDEO_MEMORY is an allocation
 * that fits no supported segment, or a full address space.
 */
#ifndef UDXG_VIDMM_VIDMM_H
#define UDXG_VIDMM_VIDMM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <udxg/miniport.h>

#include "base/list.h"
#include "base/lock.h"
#include "base/status.h"
#include "range/tree.h"
#include "vidmm/counters.h"
#include "vidmm/fault.h"

struct udxg_foreign;
struct udxg_range;
struct vidmm_adapter;
struct vidmm_binding;
struct vidmm_bucket;
struct vidmm_device_segment;
struct vidmm_extent;
struct vidmm_offer;
struct vidmm_pool;
struct vidmm_process;
struct vidmm_queue;
struct vidmm_site;
struct vidmm_va_node;
struct vidmm_windows;

/* ---- adapter ---- */

udxg_status vidmm_adapter_create(const struct udxg_adapter_caps *caps, struct vidmm_adapter **ret) UDXG_MUST_CHECK;
/*
 * Whom to tell of each copy between a memory segment and homes: IN the segment or out of it. Called without locks, from
 * several threads, and must not call back. Before the first process.
 */
typedef void vidmm_copied(bool in, uint64_t size_bytes);
void vidmm_adapter_set_copied(struct vidmm_adapter *adapter, vidmm_copied *copied);
/* Stops the paging thread. No process of the adapter may be left. */
void vidmm_adapter_destroy(struct vidmm_adapter *adapter);

/*
 * Video memory loses its contents, as a reset of the adapter has it: what is in a memory segment goes home without a
 * copy, and home is what it was when it was copied last. Copies under way end first.
 */
void vidmm_adapter_purge(struct vidmm_adapter *adapter);

/* By the formulas of "Calculating graphics memory" in the WDDM documentation. */
struct vidmm_sizes {
    uint64_t dedicated_video_bytes, dedicated_system_bytes, shared_system_bytes;
    uint64_t local_bytes, non_local_bytes, non_budget_bytes; /* by budget group of the segments */
};
void vidmm_adapter_sizes(const struct vidmm_adapter *adapter, struct vidmm_sizes *ret);

struct vidmm_segment_info {
    struct udxg_segment segment;
    uint64_t capacity_bytes; /* what can be resident in it: its size, or an aperture's commit limit */
    uint64_t resident_bytes, resident_allocations;
    uint64_t paged_in_bytes, paged_out_bytes; /* copied, since the adapter started */
    uint64_t discarded_bytes;                 /* left the segment without a copy, being clean */
};
/* Segment ids are 1-based. STATUS_INVALID_PARAMETER for one that is not there. */
udxg_status vidmm_adapter_segment(struct vidmm_adapter *adapter, uint32_t segment_id,
                                  struct vidmm_segment_info *ret) UDXG_MUST_CHECK;

enum { VIDMM_TRIM_INTERVAL_DEFAULT = 100 * 1000 * 1000 }; /* ten seconds */
/* How long after each other the requests for a periodic trim come, in units of 100 ns, beginning now. 0: none. */
void vidmm_adapter_set_trim_interval(struct vidmm_adapter *adapter, uint64_t interval_100ns);

enum vidmm_part_state { VIDMM_PART_LISTED, VIDMM_PART_KEPT, VIDMM_PART_LEAVING, VIDMM_PART_OFFERED };

/* A contiguous piece of an allocation in a memory segment. */
struct vidmm_part {
    uint64_t offset_bytes, size_bytes;
    uint32_t process, device; /* the creator's number; the name of a device that lists it, 0: none */
    enum vidmm_part_state state;
    uint32_t priority;
};
/*
 * Who is in a memory segment now, in no order; what is on the move is left out. At most *count are written, and *count
 * becomes how many there are. STATUS_INVALID_PARAMETER for an aperture and for one that is not there. Looks at all that
 * is in the segment.
 */
udxg_status vidmm_adapter_parts(struct vidmm_adapter *adapter, uint32_t segment_id, struct vidmm_part *parts,
                                uint32_t *count) UDXG_MUST_CHECK;

/* ---- process ---- */

/* MEMORY is the client's, NULL for one here; it is copied, so that work of the process may outlive who gave it. */
udxg_status vidmm_process_create(struct vidmm_adapter *adapter, const struct udxg_foreign *memory,
                                 struct vidmm_process **ret) UDXG_MUST_CHECK;
/* Everything of the process must have been destroyed before. */
void vidmm_process_destroy(struct vidmm_process *process);

enum vidmm_group { VIDMM_GROUP_LOCAL, VIDMM_GROUP_NON_LOCAL, VIDMM_GROUP_COUNT };

struct vidmm_budget {
    uint64_t budget_bytes, usage_bytes, reservation_bytes, available_for_reservation_bytes;
};
void vidmm_process_budget(struct vidmm_process *process, enum vidmm_group group, struct vidmm_budget *ret);
/* STATUS_INVALID_PARAMETER above what is available. */
udxg_status vidmm_process_reserve_budget(struct vidmm_process *process, enum vidmm_group group,
                                         uint64_t reservation_bytes) UDXG_MUST_CHECK;
#define VIDMM_NO_OVERRIDE UINT64_MAX
/* Makes BUDGET the current budget, less only where the maximum is less; it goes before the reservation. */
void vidmm_process_set_budget(struct vidmm_process *process, enum vidmm_group group, uint64_t budget_bytes);
/* The process's part of what several want: 1 to 64, 8 at first. */
udxg_status vidmm_process_set_weight(struct vidmm_process *process, uint32_t weight) UDXG_MUST_CHECK;

struct vidmm_usage {
    uint64_t allocations, commit_bytes, commit_limit_bytes, pool_mapped_bytes;
};
void vidmm_process_usage(struct vidmm_process *process, struct vidmm_usage *ret);

/* Makes its homes a window, as long as WINDOWS is there: it may go before the process does. */
udxg_status vidmm_process_show(const struct vidmm_process *process, struct vidmm_windows *windows) UDXG_MUST_CHECK;

/* Of a process that lives here: whether the range overlaps memory that is a home: it is not a caller's to give. */
bool vidmm_process_owns(const struct vidmm_process *process, const void *address, uint64_t size_bytes);

/* ---- allocations ---- */

struct vidmm_alloc_desc {
    uint64_t size_bytes, alignment_bytes;
    struct udxg_segment_preference preferred[5];
    uint32_t supported_segments;
    uint32_t flags; /* enum udxg_allocation_flags */
    uint32_t priority;
    const void *system_memory; /* the caller's own, EXISTING_SYS_MEM set, checked by the caller; or NULL */
    bool is_section;           /* of it: that is our mapping of a client's file, wherever the client is */
    /* An allocation, of any adapter, that never leaves its home and outlives this one: they have one home. Or NULL. */
    const struct vidmm_alloc *home_of;
    struct vidmm_site *site; /* where its home is to be, site.h; NULL: with the others of the process */
    bool read_only; /* engines may not write it */
    bool allow_not_zeroed;
    uint8_t stripe; /* of the creating device, base/stripe.h */
};

/*
 * Where the bytes are. vidmm_alloc_set_place() is the only writer.
 *
 *                 claimed for an aperture
 *          HOME <-------------------------> APERTURE
 *         |    ^                               ^
 *  begin_in    | done_out                      | done_out, claimed for an aperture meanwhile
 *         v    |                               |
 *   PAGING_IN  PAGING_OUT ---------------------+
 *         |    ^
 *  done_in     | begin_out
 *         v    |
 *          SEGMENT
 *
 * Whoever sets one of the PAGING places owns the allocation's bytes until it sets the next: it waits for the
 * engines inside to finish their chunk, and new ones wait for it.
 */
enum vidmm_place {
    VIDMM_PLACE_HOME,       /* in the home (or the caller's memory), in no segment */
    VIDMM_PLACE_APERTURE,   /* in the home, reachable by engines through the aperture */
    VIDMM_PLACE_PAGING_IN,  /* on the way to a segment; the home is good */
    VIDMM_PLACE_SEGMENT,    /* in a memory segment; the home is stale unless clean */
    VIDMM_PLACE_PAGING_OUT, /* on the way home; the segment is good */
};

/* What is true of a listed allocation: which of a device's lists its bindings are on. */
enum vidmm_listing {
    VIDMM_LISTED_SETTLED,   /* where its target says */
    VIDMM_LISTED_PROMISED,  /* not there, but room in its target is promised */
    VIDMM_LISTED_SUSPENDED, /* its target has no room for it: the device cannot run until it has */
    VIDMM_LISTED_OFFERED,   /* nowhere, and it holds nobody up: it is offered */
    VIDMM_LISTINGS,
};

enum { VIDMM_FROM_END = 0x80 }; /* in vidmm_alloc.preferred: DXGK_SEGMENTPREFERENCE.Direction */

/* Embeddable. Fields are vidmm's alone; the core reads size_bytes and flags. Keep it small: there are millions. */
struct vidmm_alloc {
    struct vidmm_process *process; /* the creator's; constant */
    uint64_t size_bytes;           /* rounded to pages; constant */
    void *home;                    /* address of the home or of the caller's memory; constant */
    struct udxg_range *home_range; /* in the process's pool or the site's; NULL: not its own; constant */
    struct vidmm_site *site;       /* referenced; NULL: none of its own; constant */
    const struct udxg_foreign *foreign; /* how a home that is a client's memory is reached; constant */
    uint32_t flags;                /* constant */
    uint32_t supported_segments UDXG_GUARDED_BY(VIDMM);
    uint8_t preferred[5] UDXG_GUARDED_BY(VIDMM); /* segment id, with VIDMM_FROM_END; 0 is none */
    uint8_t alignment_log2;                      /* constant */
    bool read_only;                              /* constant */
    bool borrowed;                               /* the home is one of ours, of another allocation; constant */
    bool sealed;                                 /* a client's file that cannot shrink: mapped for good; constant */
    uint8_t stripe;                              /* constant */
    /*
     * Whether a binding of it ever had a residency count or a GPU address. Who sets it refers to such a binding in its
     * call, so that the end of a binding sees what concerns it: most that nobody uses before end without a lock.
     */
    atomic_bool managed;
    bool decommitted UDXG_GUARDED_BY(VIDMM);   /* by an offer: no commit, no contents, for good */
    bool clean UDXG_GUARDED_BY(VIDMM);         /* in SEGMENT: the home holds the same bytes */
    bool keep UDXG_GUARDED_BY(VIDMM);          /* unlisted: stay in the segment until room is needed */
    uint8_t place UDXG_GUARDED_BY(VIDMM);      /* enum vidmm_place */
    uint8_t segment_id UDXG_GUARDED_BY(VIDMM); /* which it is in, or on the way to or from; 0 in HOME */
    uint8_t target_id UDXG_GUARDED_BY(VIDMM);  /* where it has to be; 0: not listed, or offered */
    bool promised UDXG_GUARDED_BY(VIDMM);      /* there is room for it in its target */
    bool stays UDXG_GUARDED_BY(VIDMM); /* in system memory until it is listed anew: it was locked, or did not fit */
    uint8_t listing UDXG_GUARDED_BY(VIDMM);       /* enum vidmm_listing, while it is listed */
    uint8_t leaves_for UDXG_GUARDED_BY(VIDMM);    /* enum vidmm_eviction: why it left its segment last, or does now */
    bool was_resident : 1 UDXG_GUARDED_BY(VIDMM); /* at any time */
    bool physical : 1 UDXG_GUARDED_BY(VIDMM);     /* ACCESSED_PHYSICALLY: in one piece in its segment */
    bool unmoveable : 1 UDXG_GUARDED_BY(VIDMM);   /* listed, it stays where its target is */
    bool unfit : 1 UDXG_GUARDED_BY(VIDMM);        /* its last target in a memory segment could not take it */
    /* While it is listed: its home was stale before, or another device may write it. NOT_WRITTEN_TO is no word on that.
     */
    bool written_before : 1 UDXG_GUARDED_BY(VIDMM);
    bool opened; /* by its creator's binding, before anybody else can see it */
    uint32_t priority UDXG_GUARDED_BY(VIDMM);
    uint32_t lock_count UDXG_GUARDED_BY(VIDMM);           /* Lock2 minus Unlock2 */
    uint32_t resident_count UDXG_GUARDED_BY(VIDMM);       /* bindings whose count is not 0 */
    uint32_t access_count UDXG_GUARDED_BY(VIDMM);         /* engines in the middle of an access */
    struct vidmm_extent *extents UDXG_GUARDED_BY(VIDMM);  /* of the segment; NULL in HOME and APERTURE */
    struct udxg_list link UDXG_GUARDED_BY(VIDMM);         /* in SEGMENT: one of the segment's lists */
    struct vidmm_binding *listers UDXG_GUARDED_BY(VIDMM); /* the bindings that list it */
    struct vidmm_bucket *bucket UDXG_GUARDED_BY(VIDMM);   /* of one of their devices; NULL: in none */
    struct udxg_list in_bucket UDXG_GUARDED_BY(VIDMM);
    struct vidmm_offer *offer UDXG_GUARDED_BY(VIDMM); /* owned; NULL: not offered */
};

/* Charges commit, finds a home, zeroes it. STATUS_NO_MEMORY, STATUS_GRAPHICS_NO_VIDEO_MEMORY: nothing kept. */
udxg_status vidmm_alloc_init(struct vidmm_alloc *alloc, struct vidmm_process *process,
                             const struct vidmm_alloc_desc *desc) UDXG_MUST_CHECK;
/* Whether the bytes are a client's own memory, or a client's file. */
static inline bool vidmm_alloc_is_foreign(const struct vidmm_alloc *alloc)
{
    return !alloc->home_range && !alloc->borrowed;
}
/* Frees now. No binding may be left; waits for a copy under way, so never call it on an engine's thread. */
void vidmm_alloc_fini(struct vidmm_alloc *alloc);

/*
 * Lock2: the address of the home, for the life of the allocation. Demotes it home for as long as it is locked;
 * a copy that this takes is made on the calling thread. STATUS_INVALID_PARAMETER when it is not CPU visible,
 * supports no aperture and is in a memory segment, and when it is offered or decommitted.
 * STATUS_GRAPHICS_TOO_MANY_REFERENCES on overflow.
 */
udxg_status vidmm_alloc_lock(struct vidmm_alloc *alloc, void **ret_address) UDXG_MUST_CHECK;
/*
 * STATUS_INVALID_PARAMETER without a lock. After the last one it may go back to a segment when it is listed anew; one
 * that was locked before it was listed goes there as others do that had to give way.
 */
udxg_status vidmm_alloc_unlock(struct vidmm_alloc *alloc) UDXG_MUST_CHECK;
/* The same for COUNT locks that are there. */
void vidmm_alloc_end_locks(struct vidmm_alloc *alloc, uint32_t count);

void vidmm_alloc_set_priority(struct vidmm_alloc *alloc, uint32_t priority);
uint32_t vidmm_alloc_priority(struct vidmm_alloc *alloc);

enum vidmm_residency { VIDMM_RESIDENT_GPU = 1, VIDMM_RESIDENT_SHARED = 2, VIDMM_NOT_RESIDENT = 3 };
enum vidmm_residency vidmm_alloc_residency(struct vidmm_alloc *alloc);

/* ---- devices, bindings, residency ---- */

/* Where a device stands that wanted to run and could not; see admission.h. */
enum vidmm_gate {
    VIDMM_GATE_NONE,     /* it does not wait */
    VIDMM_GATE_WAITING,  /* behind others, for room */
    VIDMM_GATE_ARRIVING, /* it has been promised all it needs */
    VIDMM_GATE_HELD,     /* its process is suspended */
};

/* Embeddable. */
struct vidmm_device {
    struct vidmm_process *process;
    uint32_t name; /* what tools know it by; the core's, constant once others see the device */
    struct udxg_list siblings UDXG_GUARDED_BY(VIDMM);               /* in the process's list */
    struct udxg_list listed[VIDMM_LISTINGS] UDXG_GUARDED_BY(VIDMM); /* bindings with a residency count */
    struct vidmm_device_segment *segments UDXG_GUARDED_BY(VIDMM);   /* by segment; NULL until something is listed */
    struct udxg_list queues UDXG_GUARDED_BY(VIDMM);
    _Atomic uint64_t evictions;                       /* how often vidmm_evict() was called; written with VIDMM */
    uint64_t runs UDXG_GUARDED_BY(VIDMM);             /* how often it began to run work */
    uint32_t sleepers UDXG_GUARDED_BY(VIDMM);         /* registrations that the next run wakes */
    struct udxg_list offering UDXG_GUARDED_BY(VIDMM); /* offers that wait for work of the device */
    uint64_t offers_begun UDXG_GUARDED_BY(VIDMM);     /* the number of the newest of them */
    uint32_t running UDXG_GUARDED_BY(VIDMM);          /* begin_run minus end_run */
    uint64_t last_run UDXG_GUARDED_BY(VIDMM);         /* the adapter's count of runs, then */
    uint64_t slice_end_ns UDXG_GUARDED_BY(VIDMM);     /* of its admission; nothing of it is taken until then */
    enum vidmm_gate gate UDXG_GUARDED_BY(VIDMM);
    struct udxg_list gate_link UDXG_GUARDED_BY(VIDMM); /* in the list of its gate */
    bool in_callback UDXG_GUARDED_BY(VIDMM);
    bool out_of_memory UDXG_GUARDED_BY(VIDMM);  /* something of it has no place to be; failed() is still to be called */
    void (*ready)(struct vidmm_device *device); /* called without locks: ask again */
    void (*failed)(struct vidmm_device *device, udxg_status why); /* without locks: the device is in error */
};

void vidmm_device_init(struct vidmm_device *device, struct vidmm_process *process, void (*ready)(struct vidmm_device *),
                       void (*failed)(struct vidmm_device *, udxg_status));
/*
 * No binding and no queue of the device may be left, and it does not run. Waits for ready() and failed() to return,
 * but for the one that it is called by.
 */
void vidmm_device_fini(struct vidmm_device *device);
/*
 * The scheduling gate. True: all that the device lists is in place, and nobody takes any of it away until
 * vidmm_device_end_run(). False: ready() will be called, once, when it is worth while to ask again. Several
 * engines may run one device.
 */
bool vidmm_device_begin_run(struct vidmm_device *device) UDXG_MUST_CHECK;
void vidmm_device_end_run(struct vidmm_device *device);

/*
 * What MakeResident looks at when all is in place. Of a binding, which has one of its own; its user may lend it
 * another, where a look-up passes anyway: among a million, each line of memory is a wait.
 */
struct vidmm_hold {
    struct vidmm_device *device;            /* constant */
    uint32_t count UDXG_GUARDED_BY(VIDMM);  /* MakeResident minus Evict */
    uint8_t listing UDXG_GUARDED_BY(VIDMM); /* its allocation's, while listed */
};

/* Embeddable. */
struct vidmm_binding {
    union {
        struct vidmm_hold own UDXG_GUARDED_BY(VIDMM); /* when none is lent */
        struct vidmm_device *device;                  /* own.device; constant */
    };
    struct vidmm_hold *hold UDXG_GUARDED_BY(VIDMM); /* own, or a lent one */
    struct vidmm_alloc *alloc;
    struct udxg_list required UDXG_GUARDED_BY(VIDMM); /* in one of the device's lists while count > 0 */
    bool read_only;                                   /* engines may not write through it; the opener's to set */
    uint32_t queued UDXG_GUARDED_BY(VIDMM);           /* how often paging operations name it */
    struct vidmm_binding *next_lister UDXG_GUARDED_BY(VIDMM); /* of the same allocation */
    uint64_t evicted UDXG_GUARDED_BY(VIDMM);                  /* which of the device's evictions took it last */
    struct vidmm_va_node *mappings UDXG_GUARDED_BY(VASPACE);  /* GPU addresses of this binding */
};

void vidmm_binding_init(struct vidmm_binding *binding, struct vidmm_alloc *alloc, struct vidmm_device *device);
/* Drops its residency and its GPU addresses. */
void vidmm_binding_fini(struct vidmm_binding *binding);
/* Lends it a hold before any call can name it, and takes that back when none can any more, counts and all. */
void vidmm_binding_lend(struct vidmm_binding *binding, struct vidmm_hold *hold);
void vidmm_binding_take_back(struct vidmm_binding *binding);
/* Whether it is on its device's residency list: MakeResident was called more often than Evict. */
bool vidmm_binding_is_listed(struct vidmm_binding *binding);

/* COMPLETED is called without locks, with increasing values, when operations up to that value are done. */
udxg_status vidmm_queue_create(struct vidmm_device *device, int priority,
                               void (*completed)(void *user, uint64_t fence_value), void *user,
                               struct vidmm_queue **ret) UDXG_MUST_CHECK;
/* Waits until all that is queued is done and no callback runs: never call it from one of them. Takes NULL. */
void vidmm_queue_destroy(struct vidmm_queue *queue);

enum { VIDMM_CANT_TRIM_FURTHER = 1, VIDMM_MUST_SUCCEED = 2 }; /* D3DDDI_MAKERESIDENT_FLAGS */
/*
 * Counts up every binding (one may occur twice) and brings what is new in place. All or nothing.
 * STATUS_SUCCESS with fence 0: in place now. STATUS_PENDING: when the queue's fence reaches *ret_fence; others may
 * have to make room for that first.
 * STATUS_NO_MEMORY: over budget by *ret_trim_bytes, or the device alone would list more than the segments hold
 * (0 when it is our own memory that is out, or the queue is full); nothing has changed; with MUST_SUCCEED the caller
 * then puts the device in error. A budget is that of the process which created an allocation. *ret_fence is written on
 * success only, *ret_trim_bytes always.
 */
udxg_status vidmm_make_resident(struct vidmm_queue *queue, uint32_t count, struct vidmm_binding *const *bindings,
                                uint32_t flags, uint64_t *ret_fence, uint64_t *ret_trim_bytes) UDXG_MUST_CHECK;

/*
 * The same for bindings of DEVICE which it lists and which are in place, all of them: then nothing else is to do, and
 * nothing else is looked at. False, and nothing has changed: it takes vidmm_make_resident().
 */
bool vidmm_make_resident_again(struct vidmm_device *device, uint32_t count,
                               struct vidmm_hold *const *holds) UDXG_MUST_CHECK;

enum { VIDMM_EVICT_ONLY_IF_NECESSARY = 1, VIDMM_NOT_WRITTEN_TO = 2 }; /* D3DDDI_EVICT_FLAGS */
/*
 * Work that was submitted before does not notice it, work that is submitted later faults: see struct vidmm_view. Only
 * the reach waits: the eviction counts at once, and the bytes may go home at any time, where engines find them.
 * STATUS_INVALID_PARAMETER, nothing changed, when a count would fall below zero.
 */
udxg_status vidmm_evict(struct vidmm_device *device, uint32_t count, struct vidmm_binding *const *bindings,
                        uint32_t flags, uint64_t *ret_trim_bytes) UDXG_MUST_CHECK;

/* ---- offers ---- */

enum vidmm_offer_rank { VIDMM_OFFER_LOW, VIDMM_OFFER_NORMAL, VIDMM_OFFER_HIGH, VIDMM_OFFER_RANKS };

struct vidmm_offer_terms {
    enum vidmm_offer_rank rank; /* LOW is discarded first */
    bool auto_rank;             /* by the allocation's priority instead */
    bool at_once;               /* do not wait for vidmm_offer_settle() */
    bool allow_decommit;
};
/*
 * Offers the contents of allocations of DEVICE's process. All or nothing: STATUS_INVALID_PARAMETER when one is
 * offered already (or named twice), locked, decommitted or the caller's memory, STATUS_NO_MEMORY. Until
 * vidmm_offer_settle() of *ret_number nothing else happens; from then on, or AT_ONCE, it has no place to be in,
 * engines fault on it, and its contents go when its room or its memory is needed.
 */
udxg_status vidmm_offer(struct vidmm_device *device, uint32_t count, struct vidmm_binding *const *bindings,
                        const struct vidmm_offer_terms *terms, uint64_t *ret_number) UDXG_MUST_CHECK;
/* The work that offers up to NUMBER waited for is done. */
void vidmm_offer_settle(struct vidmm_device *device, uint64_t number);

enum vidmm_reclaim_result { VIDMM_RECLAIM_OK, VIDMM_RECLAIM_DISCARDED, VIDMM_RECLAIM_NOT_COMMITTED };
/*
 * Ends offers. All or nothing: STATUS_INVALID_PARAMETER when one is not offered or is named twice,
 * STATUS_NO_MEMORY. What is listed gets a target again, whatever the budget says, and is brought there:
 * STATUS_PENDING when QUEUE's fence reaches *ret_fence, otherwise STATUS_SUCCESS and 0. QUEUE NULL: no fence is
 * told, and the device is not ready before. What was decommitted stays so.
 */
udxg_status vidmm_reclaim(struct vidmm_device *device, struct vidmm_queue *queue, uint32_t count,
                          struct vidmm_binding *const *bindings, enum vidmm_reclaim_result *ret_results,
                          uint64_t *ret_fence) UDXG_MUST_CHECK;
/* It cannot be locked: it is offered, or gone. */
bool vidmm_alloc_is_offered(struct vidmm_alloc *alloc);
/* Its offer was taken back and it had been decommitted: nothing is left to be used. */
bool vidmm_alloc_is_gone(struct vidmm_alloc *alloc);

/*
 * Discard and decommit on the calling thread, without locks of its own: at least BYTES if there are so many, least
 * important first. Both return how many bytes of allocations it were. ONLY_DISCARDED: whose contents are gone already.
 */
uint64_t vidmm_offer_discard(struct vidmm_process *process, uint64_t bytes);
uint64_t vidmm_offer_decommit(struct vidmm_process *process, uint64_t bytes, bool only_discarded);

struct vidmm_offer_info {
    uint64_t decommits;           /* allocations that lost their commit, ever */
    uint64_t decommittable_bytes; /* what vidmm_offer_decommit() could take now */
};
void vidmm_offer_query(struct vidmm_process *process, struct vidmm_offer_info *ret);

/* For tests of clients: ALWAYS discards what is offered as soon as it may, NEVER not even under pressure. */
enum vidmm_offer_policy { VIDMM_OFFER_ON_PRESSURE, VIDMM_OFFER_DISCARD_ALWAYS, VIDMM_OFFER_DISCARD_NEVER };
void vidmm_adapter_set_offer_policy(struct vidmm_adapter *adapter, enum vidmm_offer_policy policy);

struct vidmm_tally {
    uint64_t count, bytes;
};
struct vidmm_offer_counters {
    struct vidmm_tally offered, discarded, decommitted;
    struct vidmm_tally reclaimed[VIDMM_RECLAIM_NOT_COMMITTED + 1]; /* by result */
};
void vidmm_adapter_offer_counters(struct vidmm_adapter *adapter, struct vidmm_offer_counters *ret);

/* ---- properties ---- */

/* UpdateAllocationProperty: the fields whose `set` is true are to have the new value. */
struct vidmm_property {
    bool set_supported, set_preferred, set_physical, set_unmoveable;
    uint32_t supported_segments;
    uint8_t preferred[5]; /* as in struct vidmm_alloc */
    bool physical, unmoveable;
};
/* STATUS_INVALID_PARAMETER for what the allocation cannot be; otherwise whether it would be a change. */
udxg_status vidmm_alloc_check_property(struct vidmm_alloc *alloc, const struct vidmm_property *property,
                                       bool *ret_changes) UDXG_MUST_CHECK;
/*
 * Changes them. A listed allocation gets a new target by them, and goes there: STATUS_PENDING until the queue's fence
 * reaches *ret_fence, after which a device whose allocation could not be brought in is in error; STATUS_SUCCESS with
 * fence 0 when nothing has to move. STATUS_NO_MEMORY, nothing changed: the first choice is full or over budget.
 */
udxg_status vidmm_alloc_update_property(struct vidmm_queue *queue, struct vidmm_binding *binding,
                                        const struct vidmm_property *property, uint64_t *ret_fence) UDXG_MUST_CHECK;

/* ---- orders from outside: tests and tools ---- */

/*
 * Takes ALLOC home, now; for one that a device is using, when it has done so. What is listed keeps its promise of room
 * and is brought back before its devices run next.
 * STATUS_GRAPHICS_CANT_EVICT_PINNED_ALLOCATION for one that is unmoveable and listed.
 */
udxg_status vidmm_alloc_evict(struct vidmm_alloc *alloc, enum vidmm_eviction why) UDXG_MUST_CHECK;

/*
 * Takes home what the process's devices list, and nobody else's, and what of its own nobody lists; first it waits for
 * what runs. Nothing of it runs, nor comes back, until it is resumed, or with WAKES until one of its devices wants to
 * run. STATUS_INVALID_PARAMETER when it is in that state already.
 */
udxg_status vidmm_process_suspend(struct vidmm_process *process, bool wakes) UDXG_MUST_CHECK;
udxg_status vidmm_process_resume(struct vidmm_process *process) UDXG_MUST_CHECK;
/* How far it is over its budgets. */
uint64_t vidmm_process_excess(struct vidmm_process *process);

/* An operation that ends MILLISECONDS after its turn has come, at the latest when the queue is destroyed. */
udxg_status vidmm_queue_delay(struct vidmm_queue *queue, uint32_t milliseconds, uint64_t *ret_fence) UDXG_MUST_CHECK;
/* How long what leaves a segment unasked-for stays there before it is taken home; 0: not at all. */
void vidmm_adapter_set_eviction_delay(struct vidmm_adapter *adapter, uint64_t delay_ns);
/* Wakes the paging thread; with FLUSH, returns when it has nothing more to do. */
void vidmm_adapter_wake(struct vidmm_adapter *adapter, bool flush);

enum vidmm_defrag { VIDMM_DEFRAG_NOT, VIDMM_DEFRAG_TO_START, VIDMM_DEFRAG_TO_END };
struct vidmm_fragmentation {
    uint64_t used_bytes, free_bytes, gap_before_bytes, gap_after_bytes; /* gaps: the largest free range */
};
/*
 * Moves what is listed in a memory segment together, and takes the rest home. STATUS_INVALID_PARAMETER for an
 * aperture and for one that is not there, STATUS_GRAPHICS_TRY_AGAIN_LATER while another call does it.
 */
udxg_status vidmm_adapter_defrag(struct vidmm_adapter *adapter, uint32_t segment_id, enum vidmm_defrag how,
                                 struct vidmm_fragmentation *ret) UDXG_MUST_CHECK;

/* Faults that are provoked, enum vidmm_fault: all others end. */
void vidmm_adapter_set_faults(struct vidmm_adapter *adapter, uint32_t faults);
bool vidmm_adapter_has_fault(const struct vidmm_adapter *adapter, uint32_t fault);

/* ---- GPU addresses ---- */

enum vidmm_va_type { VIDMM_VA_NO_ACCESS, VIDMM_VA_ZERO }; /* D3DDDIGPUVIRTUALADDRESS_RESERVATION_TYPE */

/* ReserveGpuVirtualAddress: sizes and addresses are multiples of 64 KiB. base 0: anywhere in [minimum, maximum]. */
udxg_status vidmm_va_reserve(struct vidmm_process *process, uint64_t base, uint64_t minimum, uint64_t maximum,
                             uint64_t size_bytes, enum vidmm_va_type type, uint64_t *ret_va) UDXG_MUST_CHECK;

enum { VIDMM_VA_WRITE = 1, VIDMM_VA_EXECUTE = 2, VIDMM_VA_PROTECT_ZERO = 4, VIDMM_VA_PROTECT_NO_ACCESS = 8 };
struct vidmm_va_map {
    uint64_t base, minimum, maximum; /* of 4 KiB pages; maximum 0: the end of the space */
    struct vidmm_binding *binding;   /* NULL if and only if the protection is ZERO or NO_ACCESS */
    uint64_t offset_pages, size_pages;
    uint32_t protection;
};
/*
 * MapGpuVirtualAddress, complete on return. base 0: anywhere free in [minimum, maximum]. Otherwise the target
 * is entirely free, or lies entirely in reservations, or entirely in what Map made, which it then replaces
 * (but not with ZERO or NO_ACCESS); anything else is STATUS_INVALID_PARAMETER.
 */
udxg_status vidmm_va_map(struct vidmm_process *process, const struct vidmm_va_map *map,
                         uint64_t *ret_va) UDXG_MUST_CHECK;
/*
 * FreeGpuVirtualAddress. What Map made is free again; what lies inside a reservation is as reserved again, and
 * a reservation that lies in the range goes as a whole. STATUS_INVALID_PARAMETER when part of it is free.
 */
udxg_status vidmm_va_free(struct vidmm_process *process, uint64_t base, uint64_t size_bytes) UDXG_MUST_CHECK;

/* One operation of UpdateGpuVirtualAddress; ranges are whole pages. */
enum vidmm_va_op_kind { VIDMM_VA_OP_MAP, VIDMM_VA_OP_UNMAP, VIDMM_VA_OP_COPY };
struct vidmm_va_op {
    enum vidmm_va_op_kind kind;
    uint64_t base, size_bytes;
    uint64_t source;                     /* COPY */
    struct vidmm_binding *binding;       /* MAP: NULL if and only if the protection is ZERO or NO_ACCESS */
    uint64_t offset_bytes, window_bytes; /* MAP: this part of the allocation, again and again; 0: size_bytes */
    uint32_t protection;                 /* UNMAP: ZERO, NO_ACCESS, or 0 for what the reservation says */
};
/*
 * A list of operations that runs later: up to CAPACITY of them. All targets lie in one reservation, all sources of
 * copies in one. The process outlives the update, a binding need not: what it maps is as reserved then.
 */
struct vidmm_va_update;
udxg_status vidmm_va_update_create(struct vidmm_process *process, uint32_t capacity,
                                   struct vidmm_va_update **ret) UDXG_MUST_CHECK;
/* STATUS_INVALID_PARAMETER, STATUS_NO_MEMORY: it is not added. */
udxg_status vidmm_va_update_add(struct vidmm_va_update *update, const struct vidmm_va_op *op) UDXG_MUST_CHECK;
/* Once. An operation whose reservation was freed does nothing. STATUS_NO_MEMORY: a copy could not be, nor what follows.
 */
udxg_status vidmm_va_update_run(struct vidmm_va_update *update) UDXG_MUST_CHECK;
/* Takes NULL. What has not run never will. */
void vidmm_va_update_destroy(struct vidmm_va_update *update);

/*
 * Maps a page of ours (fence values) for engines at an address of our choice, above all that clients are
 * given. WRITTEN is called without locks after an engine wrote 1 to 8 bytes at OFFSET into it. The unmapping
 * waits for engines inside and for WRITTEN to return: never call it from there, nor with a lock that WRITTEN
 * takes. ADDRESS is a multiple of 8.
 */
udxg_status vidmm_va_map_system(struct vidmm_process *process, void *address, uint64_t size_bytes,
                                void (*written)(void *user, uint64_t offset), void *user,
                                uint64_t *ret_va) UDXG_MUST_CHECK;
void vidmm_va_unmap_system(struct vidmm_process *process, uint64_t va);

/* Embeddable: who looks at memory, and when that was submitted. */
struct vidmm_view {
    struct vidmm_device *device; /* its residency decides what faults */
    uint64_t evictions;          /* the device's by then: what a later one takes is still reached */
};

/* The process's memory as work of DEVICE sees it that is submitted now. Fills in both; MEMORY points to VIEW. */
void vidmm_gpu_memory(struct vidmm_device *device, struct vidmm_view *view, struct udxg_gpu_memory *memory);

/* ---- notifications ---- */

enum vidmm_notice_flags {
    VIDMM_NOTICE_PERIODIC = 1, /* the first three as in D3DDDI_TRIMRESIDENCYSET_FLAGS */
    VIDMM_NOTICE_RESTART = 2,  /* never with PERIODIC */
    VIDMM_NOTICE_TRIM = 4,
    VIDMM_NOTICE_BUDGET = 8,
};
struct vidmm_notice {
    uint32_t flags;
    uint64_t trim_bytes;   /* with TRIM: how far the process is over its budgets */
    uint64_t budget_bytes; /* with BUDGET */
};

/* Whom to tell. Copied before each call, so that it may go while the call is under way. */
struct vidmm_listener {
    void (*notify)(const struct vidmm_listener *listener, const struct vidmm_notice *notice);
    void (*callback)(void); /* these two are for the registrant */
    void *context;
    const void *user; /* the notifying function's own; it lives until the registration is silenced */
};

/* Embeddable. */
struct vidmm_registration {
    struct vidmm_listener listener;                   /* constant */
    struct vidmm_device *device;                      /* constant */
    uint32_t wanted;                                  /* enum vidmm_notice_flags; constant */
    struct udxg_list siblings UDXG_GUARDED_BY(VIDMM); /* in the process's list */
    struct udxg_list all_link UDXG_GUARDED_BY(VIDMM); /* in the notifier's list */
    struct udxg_list due_link UDXG_GUARDED_BY(VIDMM); /* in the notifier's list while pending is not 0 */
    uint32_t pending UDXG_GUARDED_BY(VIDMM);          /* what it has not been told yet */
    uint64_t told_bytes UDXG_GUARDED_BY(VIDMM);       /* the budget it knows */
    uint64_t deadline_ns UDXG_GUARDED_BY(VIDMM);      /* of the next periodic trim; 0: asleep, or not wanted */
    uint64_t seen_runs UDXG_GUARDED_BY(VIDMM);        /* device->runs at the last request */
    bool asleep UDXG_GUARDED_BY(VIDMM);               /* counted in device->sleepers */
};

/*
 * Registers LISTENER for PERIODIC | RESTART | TRIM or for BUDGET, which is the budget of the local group (of the
 * other one on an adapter without a local group). It is called on a thread of the adapter, with no lock and all
 * signals blocked, never twice at a time, and may call anything. A process that is over budget already is told so.
 * STATUS_NO_MEMORY when the thread cannot be started.
 */
udxg_status vidmm_register(struct vidmm_registration *registration, struct vidmm_device *device, uint32_t wanted,
                           const struct vidmm_listener *listener) UDXG_MUST_CHECK;
/*
 * No call begins after this. With WAIT none is under way either when it returns, unless it is called inside of a
 * call: there it waits for nobody, because others may be waiting for this call. It may have been silenced before.
 */
void vidmm_unregister(struct vidmm_registration *registration, bool wait);
/* The same, and waits, for all registrations of the device, which remain to be unregistered. */
void vidmm_device_silence(struct vidmm_device *device);

/* ---- statistics ---- */

/* Of what the process has created, and of all that the adapter's processes have, ended ones too. */
void vidmm_process_counters(struct vidmm_process *process, struct vidmm_counters *ret);
void vidmm_adapter_counters(struct vidmm_adapter *adapter, struct vidmm_counters *ret);

/* ---- checks ---- */

/* Recount everything; NULL or what is wrong. No other thread may be inside. */
const char *vidmm_adapter_check(struct vidmm_adapter *adapter);
const char *vidmm_process_check(struct vidmm_process *process);

#endif
