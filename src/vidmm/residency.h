/* SPDX-License-Identifier: MIT */
/*
 * Residency: what devices list. MakeResident and Evict are in vidmm.h; here is what the rest of vidmm asks.
 */
#ifndef UDXG_VIDMM_RESIDENCY_H
#define UDXG_VIDMM_RESIDENCY_H

#include "vidmm/process.h"

/* The binding's count has fallen to 0: its device lists it no more. KEEP: it stays where it is until room is needed. */
void vidmm_residency_leave_locked(struct vidmm_binding *binding, bool keep, enum vidmm_eviction why)
    UDXG_REQUIRES(VIDMM);

/* Whether bringing it in place may take the paging threads; it is not in place just because nobody has looked. */
bool vidmm_residency_needs_paging_locked(const struct vidmm_alloc *alloc) UDXG_REQUIRES(VIDMM);

/* A device that lists it runs. */
bool vidmm_residency_is_in_use_locked(const struct vidmm_alloc *alloc) UDXG_REQUIRES(VIDMM);
/* Devices of PROCESS list it and nobody else does; or it is the process's own, and nobody lists it. */
bool vidmm_residency_is_of_process_locked(const struct vidmm_alloc *alloc, const struct vidmm_process *process)
    UDXG_REQUIRES(VIDMM);

#endif
