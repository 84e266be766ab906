/* SPDX-License-Identifier: MIT */
/*
 * Fair shares of something that several want. Somebody's share is what weighted max-min fairness gives him if he
 * wants everything, while the others want what they say:
 *
 *     c(q, L) = min(max(L * weight(q), reserved(q)), max(wanted(q), reserved(q)))     what q takes at level L
 *     share(p) = max(L * weight(p), reserved(p))    with L such that    share(p) + sum over q != p of c(q, L) = total
 *
 * So one who is alone has it all, what some do not want goes to the others, nobody gets less than his reservation,
 * and the shares of those who want more than theirs add up to what there is.
 *
 * Time: O(count * log count). No lock: the caller's business. It does not know what is shared.
 */
#ifndef UDXG_VIDMM_FAIR_H
#define UDXG_VIDMM_FAIR_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

enum { VIDMM_FAIR_WEIGHT_USUAL = 8, VIDMM_FAIR_WEIGHT_MAX = 64 };

struct vidmm_claim {
    uint64_t reserved_bytes; /* of all claims together: at most the total */
    uint64_t wanted_bytes;
    uint32_t weight;      /* 1 to VIDMM_FAIR_WEIGHT_MAX */
    uint64_t share_bytes; /* the answer */
};

struct vidmm_fair_point;

/* Embeddable, zeroed at first: room for claims, which the caller fills in, and to work in. */
struct vidmm_fair {
    size_t room;
    struct vidmm_claim *claims;
    struct vidmm_fair_point *points;
};

/* Room for ROOM claims at least; what the claims held is lost. STATUS_NO_MEMORY: as it was. */
udxg_status vidmm_fair_reserve(struct vidmm_fair *fair, size_t room) UDXG_MUST_CHECK;
void vidmm_fair_fini(struct vidmm_fair *fair);

/* Fills in the shares of the first COUNT claims. TOTAL and every claim are below 2^55. */
void vidmm_fair_solve(struct vidmm_fair *fair, uint64_t total_bytes, size_t count);

#endif
