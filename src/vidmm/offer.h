/* SPDX-License-Identifier: MIT */
/*
 * Offers: allocations whose contents their owner can do without.
 *
 *             offer                settle              lose             decommit
 *     (none) -------> WAITING ----------------> OPEN --------> DISCARDED --------> DECOMMITTED
 *        ^               |    engines still      |                 |    \              ^  |
 *        |    reclaim    |    work on it         |                 |     -- (OPEN too) |  | reclaim: gone for good
 *        +---------------+-----------------------+-----------------+                   |  v
 *             OK                OK                    DISCARDED                     NOT_COMMITTED
 *
 * WAITING changes nothing but that the allocation cannot be locked: work that was queued before may need it. An offer
 * in effect (all later states) takes the allocation's target, so that it charges no segment and no budget, holds up
 * no device and is out of engines' reach, though it stays listed; the bytes stay where they are until somebody needs
 * their room, their memory or their commit. Whoever marks an offer DISCARDED owns the bytes until they are gone: by
 * the place PAGING_OUT, or by the offer being busy.
 *
 * An offer is made of a struct that only an offered allocation has. A process's offers that still have something to
 * give hang in its lists, first offered first:
 *
 *     PLAIN    OPEN                            contents
 *     WHOLE    OPEN, with AllowDecommit        contents and commit
 *     HUSK     DISCARDED, with AllowDecommit   commit
 *
 *     decommittable_bytes = bytes of WHOLE + HUSK
 *     bytes of the homes  = commit of the process + decommitted_bytes
 *
 * Locks: VIDMM. Pages are given back without it, on the thread of whoever needs them. It decides nothing about work
 * of devices (core does) and nothing about places (residency.c).
 */
#ifndef UDXG_VIDMM_OFFER_H
#define UDXG_VIDMM_OFFER_H

#include "vidmm/vidmm.h"

enum vidmm_offer_state {
    VIDMM_OFFER_WAITING,
    VIDMM_OFFER_OPEN,
    VIDMM_OFFER_DISCARDED,
    VIDMM_OFFER_DECOMMITTED,
};

struct vidmm_offer {
    struct udxg_list link UDXG_GUARDED_BY(VIDMM); /* WAITING: the device's; else one of the process's lists, or none */
    struct vidmm_alloc *alloc;                    /* whose offer it is; constant */
    uint64_t order UDXG_GUARDED_BY(VIDMM);        /* WAITING: the device's number; else rises over the adapter */
    uint8_t state UDXG_GUARDED_BY(VIDMM);         /* enum vidmm_offer_state */
    uint8_t rank;                                 /* enum vidmm_offer_rank; constant */
    bool allow_decommit;                          /* constant */
    bool busy UDXG_GUARDED_BY(VIDMM);             /* its memory is being taken: neither reclaim nor free it */
    bool named UDXG_GUARDED_BY(VIDMM);            /* by the reclaim that holds the lock */
};

enum vidmm_offer_kind { VIDMM_OFFER_PLAIN, VIDMM_OFFER_WHOLE, VIDMM_OFFER_HUSK, VIDMM_OFFER_KINDS };

/* What a process has on offer. Embeddable: in the process. */
struct vidmm_offers {
    struct udxg_list lists[VIDMM_OFFER_KINDS][VIDMM_OFFER_RANKS] UDXG_GUARDED_BY(VIDMM);
    uint64_t decommittable_bytes UDXG_GUARDED_BY(VIDMM);
    uint64_t decommitted_bytes UDXG_GUARDED_BY(VIDMM); /* of allocations that are not destroyed yet */
    uint64_t decommits UDXG_GUARDED_BY(VIDMM);         /* ever */
};

void vidmm_offers_init_locked(struct vidmm_offers *offers) UDXG_REQUIRES(VIDMM);

/* The allocation has no target and no engine may use it: its offer is not WAITING, or it is decommitted. */
bool vidmm_offer_in_effect_locked(const struct vidmm_alloc *alloc) UDXG_REQUIRES(VIDMM);
/* Only with an offer. */
enum vidmm_offer_rank vidmm_offer_rank_locked(const struct vidmm_alloc *alloc) UDXG_REQUIRES(VIDMM);
bool vidmm_offer_is_gone_locked(const struct vidmm_alloc *alloc) UDXG_REQUIRES(VIDMM);
bool vidmm_offer_is_busy_locked(const struct vidmm_alloc *alloc) UDXG_REQUIRES(VIDMM);

/* The bytes are about to go: true, and noted, when its offer allows that. The caller then owns them. */
bool vidmm_offer_lose_locked(struct vidmm_alloc *alloc) UDXG_REQUIRES(VIDMM);
/* The allocation ends, and with it its offer. */
void vidmm_offer_forget_locked(struct vidmm_alloc *alloc) UDXG_REQUIRES(VIDMM);

/*
 * Decommits, least important first, until PROCESS can be charged SIZE. False, and nothing is taken, when all that may
 * be taken would not be enough.
 */
bool vidmm_offer_make_commit(struct vidmm_process *process, uint64_t size_bytes) UDXG_EXCLUDES(VIDMM);

const char *vidmm_offer_check_locked(struct vidmm_adapter *adapter) UDXG_REQUIRES(VIDMM);

#endif
