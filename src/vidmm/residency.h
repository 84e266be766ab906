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

const char *vidmm_residency_check_locked(struct vidmm_adapter *adapter) UDXG_REQUIRES(VIDMM);

#endif
