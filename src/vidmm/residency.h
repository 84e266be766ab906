/* SPDX-License-Identifier: MIT */
/*
 * Residency: what has to be where. A claim gives a listed allocation its target, and charges the segment's
 * demand and the usage of the creating process; nothing moves by it.
 */
#ifndef UDXG_VIDMM_RESIDENCY_H
#define UDXG_VIDMM_RESIDENCY_H

#include "vidmm/process.h"

/*
 * The target of a listed allocation becomes system memory: the aperture when it is supported and has room,
 * plain system memory otherwise. False when no aperture is supported.
 */
bool vidmm_residency_retarget_locked(struct vidmm_alloc *alloc) UDXG_REQUIRES(VIDMM);

/* An offer takes effect: the allocation has no target, and is where it is until somebody needs the room. */
void vidmm_residency_offered_locked(struct vidmm_alloc *alloc) UDXG_REQUIRES(VIDMM);
/*
 * An offer that was in effect is over. When the allocation is listed it gets a target again: the best segment that
 * has room, over budget if need be, or system memory. True when bringing it there takes the paging thread; without
 * one (CAN_PAGE false) it is system memory that it gets then.
 */
bool vidmm_residency_reclaimed_locked(struct vidmm_alloc *alloc, bool can_page) UDXG_REQUIRES(VIDMM);

const char *vidmm_residency_check_locked(struct vidmm_adapter *adapter) UDXG_REQUIRES(VIDMM);

#endif
