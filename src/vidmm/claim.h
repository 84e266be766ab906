/* SPDX-License-Identifier: MIT */
/*
 * Claims: what has to be where. A claim gives a listed allocation its target (target.h) and, where there is room, a
 * promise of it. The usage of the creating process is charged with or without a promise, the segment's demand with one.
 * The budget of the first choice's group decides whether the process may have it at all: being over budget is a failure
 * that the client answers by trimming. What others have listed never is; only what one device alone lists has to fit.
 * Nothing moves by a claim.
 *
 * Locks: VIDMM.
 */
#ifndef UDXG_VIDMM_CLAIM_H
#define UDXG_VIDMM_CLAIM_H

#include "vidmm/process.h"

struct vidmm_quest;

/* One MakeResident: the limits of the process looked at last, and what was found missing. */
struct vidmm_claims {
    bool cant_trim_further;
    bool open; /* not everything has been in place before */
    const struct vidmm_process *process;
    uint64_t limit_bytes[VIDMM_GROUP_COUNT];
    bool failed;
    uint64_t over_bytes[VIDMM_GROUP_COUNT]; /* over budget */
    uint64_t short_bytes;                   /* of room, within the budget */
};

/* The binding lists it first. */
void vidmm_claim_new_locked(struct vidmm_claims *claims, const struct vidmm_binding *binding) UDXG_REQUIRES(VIDMM);
/* Another device has listed it before: it is where it is, and has to fit. */
void vidmm_claim_shared_locked(struct vidmm_claims *claims, const struct vidmm_binding *binding) UDXG_REQUIRES(VIDMM);
/* How much less the process would have to list, after a failure. */
uint64_t vidmm_claims_trim_bytes(const struct vidmm_claims *claims);

/* The only writer of target and promise of what is listed. */
void vidmm_claim_set_locked(struct vidmm_alloc *alloc, uint32_t target_id, bool promised) UDXG_REQUIRES(VIDMM);
/*
 * The target of a listed allocation becomes system memory: the aperture when it is supported and has room,
 * plain system memory otherwise. False when no aperture is supported. There it stays until it is listed anew.
 */
bool vidmm_claim_retarget_locked(struct vidmm_alloc *alloc) UDXG_REQUIRES(VIDMM);
/* After a change of its lock count or priority: hangs a listed allocation where it belongs now. */
void vidmm_claim_rehang_locked(struct vidmm_alloc *alloc) UDXG_REQUIRES(VIDMM);
/* Which of their devices' lists the bindings that list it belong on, and, after a change, puts them there. */
enum vidmm_listing vidmm_claim_listing_locked(const struct vidmm_alloc *alloc) UDXG_REQUIRES(VIDMM);
void vidmm_claim_moved_locked(struct vidmm_alloc *alloc) UDXG_REQUIRES(VIDMM);

/* Promises room to a suspended allocation, which others have to give up if the quest finds them. False: not yet. */
bool vidmm_claim_promise_locked(struct vidmm_alloc *alloc, struct vidmm_quest *quest) UDXG_REQUIRES(VIDMM);
/* Takes one victim's room away: it goes to the aperture, or is suspended. False when nobody can give any. */
bool vidmm_claim_displace_locked(struct vidmm_segment *segment, struct vidmm_quest *quest) UDXG_REQUIRES(VIDMM);
/*
 * For one that found room in system memory alone, while its first choice holds what has less of a right to be there.
 * Nobody is moved unless it helps.
 */
void vidmm_claim_improve_locked(struct vidmm_device *device, struct vidmm_alloc *alloc) UDXG_REQUIRES(VIDMM);
/* Whether there is room in SEGMENT, and in the process's budget, for one that is demoted or suspended. */
bool vidmm_claim_may_return_locked(const struct vidmm_alloc *alloc, const struct vidmm_segment *segment)
    UDXG_REQUIRES(VIDMM);
/* Promises it the room; it may. */
void vidmm_claim_return_locked(struct vidmm_alloc *alloc, const struct vidmm_segment *segment) UDXG_REQUIRES(VIDMM);
/* Takes the promise away of one whose process is suspended. It begins to leave, and out of an aperture has left. */
void vidmm_claim_suspend_locked(struct vidmm_alloc *alloc) UDXG_REQUIRES(VIDMM);

/* An offer takes effect: the allocation has no target, and is where it is until somebody needs the room. */
void vidmm_claim_offered_locked(struct vidmm_alloc *alloc) UDXG_REQUIRES(VIDMM);
/*
 * An offer that was in effect is over. When the allocation is listed it gets a target again, over budget if need be,
 * with a promise or without. True when it is not there yet.
 */
bool vidmm_claim_reclaimed_locked(struct vidmm_alloc *alloc) UDXG_REQUIRES(VIDMM);

/*
 * For who changes what decides the target of a listed allocation that is not offered: give up the claim; then claim
 * anew, within the budget, for DEVICE, false when that cannot be; or claim what it had. *RET_FIRST_ID is where it
 * would rather be.
 */
struct vidmm_standing {
    uint8_t target_id;
    bool promised, stays;
};
struct vidmm_standing vidmm_claim_give_up_locked(struct vidmm_alloc *alloc) UDXG_REQUIRES(VIDMM);
bool vidmm_claim_anew_locked(struct vidmm_device *device, struct vidmm_alloc *alloc, uint32_t *ret_first_id)
    UDXG_REQUIRES(VIDMM);
void vidmm_claim_restore_locked(struct vidmm_alloc *alloc, const struct vidmm_standing *former) UDXG_REQUIRES(VIDMM);

#endif
