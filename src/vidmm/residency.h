/* SPDX-License-Identifier: MIT */
/*
 * Residency: what has to be where. A claim gives a listed allocation its target and, where there is room, a promise
 * of it. The usage of the creating process is charged with or without a promise, the segment's demand with one. Nothing
 * moves by a claim.
 */
#ifndef UDXG_VIDMM_RESIDENCY_H
#define UDXG_VIDMM_RESIDENCY_H

#include "vidmm/process.h"

struct vidmm_quest;

/*
 * The target of a listed allocation becomes system memory: the aperture when it is supported and has room,
 * plain system memory otherwise. False when no aperture is supported. There it stays until it is listed anew.
 */
bool vidmm_residency_retarget_locked(struct vidmm_alloc *alloc) UDXG_REQUIRES(VIDMM);
/* After a change of its lock count or priority: hangs a listed allocation where it belongs now. */
void vidmm_residency_rehang_locked(struct vidmm_alloc *alloc) UDXG_REQUIRES(VIDMM);
/* After a change of place, target or promise: puts the bindings that list it on the right lists of their devices. */
void vidmm_residency_moved_locked(struct vidmm_alloc *alloc) UDXG_REQUIRES(VIDMM);

/* Promises room to a suspended allocation, which others have to give up if the quest finds them. False: not yet. */
bool vidmm_residency_promise_locked(struct vidmm_alloc *alloc, struct vidmm_quest *quest) UDXG_REQUIRES(VIDMM);
/* Takes one victim's room away: it goes to the aperture, or is suspended. False when nobody can give any. */
bool vidmm_residency_displace_locked(struct vidmm_segment *segment, struct vidmm_quest *quest) UDXG_REQUIRES(VIDMM);
/* Whether there is room in SEGMENT, and in the process's budget, for one that is demoted or suspended. */
bool vidmm_residency_may_return_locked(const struct vidmm_alloc *alloc, const struct vidmm_segment *segment)
    UDXG_REQUIRES(VIDMM);
/* Promises it the room; it may. */
void vidmm_residency_return_locked(struct vidmm_alloc *alloc, const struct vidmm_segment *segment) UDXG_REQUIRES(VIDMM);

/* An offer takes effect: the allocation has no target, and is where it is until somebody needs the room. */
void vidmm_residency_offered_locked(struct vidmm_alloc *alloc) UDXG_REQUIRES(VIDMM);
/*
 * An offer that was in effect is over. When the allocation is listed it gets a target again, over budget if need be,
 * with a promise or without. True when it is not there yet.
 */
bool vidmm_residency_reclaimed_locked(struct vidmm_alloc *alloc) UDXG_REQUIRES(VIDMM);

/* Whether bringing it in place may take the paging threads; it is not in place just because nobody has looked. */
bool vidmm_residency_needs_paging_locked(const struct vidmm_alloc *alloc) UDXG_REQUIRES(VIDMM);

/*
 * For who changes what decides the target of a listed allocation that is not offered: give up the claim; then claim
 * anew, within the budget, for DEVICE, false when that cannot be; or claim what it had. *RET_FIRST_ID is where it
 * would rather be.
 */
struct vidmm_standing {
    uint8_t target_id;
    bool promised, stays;
};
struct vidmm_standing vidmm_residency_unclaim_locked(struct vidmm_alloc *alloc) UDXG_REQUIRES(VIDMM);
bool vidmm_residency_claim_locked(struct vidmm_device *device, struct vidmm_alloc *alloc, uint32_t *ret_first_id)
    UDXG_REQUIRES(VIDMM);
void vidmm_residency_reclaim_locked(struct vidmm_alloc *alloc, const struct vidmm_standing *former)
    UDXG_REQUIRES(VIDMM);

/* A device that lists it runs. */
bool vidmm_residency_is_in_use_locked(const struct vidmm_alloc *alloc) UDXG_REQUIRES(VIDMM);
/* Devices of PROCESS list it and nobody else does; or it is the process's own, and nobody lists it. */
bool vidmm_residency_is_of_process_locked(const struct vidmm_alloc *alloc, const struct vidmm_process *process)
    UDXG_REQUIRES(VIDMM);
/* Takes the promise away of one whose process is suspended. It begins to leave, and out of an aperture has left. */
void vidmm_residency_suspend_locked(struct vidmm_alloc *alloc) UDXG_REQUIRES(VIDMM);

const char *vidmm_residency_check_locked(struct vidmm_adapter *adapter) UDXG_REQUIRES(VIDMM);

#endif
