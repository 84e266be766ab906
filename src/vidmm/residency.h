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

const char *vidmm_residency_check_locked(struct vidmm_adapter *adapter) UDXG_REQUIRES(VIDMM);

#endif
