/* SPDX-License-Identifier: MIT */
/* What vidmm's own files do with an allocation; its states stand with enum vidmm_place. */
#ifndef UDXG_VIDMM_ALLOC_H
#define UDXG_VIDMM_ALLOC_H

#include "vidmm/process.h"
#include "vidmm/site.h"

/*
 * The only writer of the place and the segment. Keeps the segment's statistics and lists; an illegal step is a
 * bug of ours and stops the program in debug builds.
 */
void vidmm_alloc_set_place_locked(struct vidmm_alloc *alloc, enum vidmm_place place, uint32_t segment_id)
    UDXG_REQUIRES(VIDMM);

/* What its home_range is a range of. */
static inline struct vidmm_pool *vidmm_alloc_pool(const struct vidmm_alloc *alloc)
{
    return alloc->site ? vidmm_site_pool(alloc->site) : alloc->process->homes;
}

/* From now on it, and its bindings, must not end behind the back of paging and engines. */
static inline void vidmm_alloc_manage(struct vidmm_alloc *alloc)
{
    if (!atomic_load_explicit(&alloc->managed, memory_order_relaxed))
        atomic_store_explicit(&alloc->managed, true, memory_order_relaxed);
}

/* Engines reach it in the home when they reach it at all: by target, not by where it is now. */
bool vidmm_alloc_targets_home_locked(const struct vidmm_alloc *alloc) UDXG_REQUIRES(VIDMM);
/* It is listed and where its target says, or not listed: nothing has to be copied. */
bool vidmm_alloc_is_settled_locked(const struct vidmm_alloc *alloc) UDXG_REQUIRES(VIDMM);
bool vidmm_alloc_is_moving_locked(const struct vidmm_alloc *alloc) UDXG_REQUIRES(VIDMM);
/* HOME or APERTURE, whichever its target asks for: the step between the two costs nothing. */
void vidmm_alloc_settle_home_locked(struct vidmm_alloc *alloc) UDXG_REQUIRES(VIDMM);
/* After a change of target or keep: the right list of its segment, and the pager if it has to leave. */
void vidmm_alloc_retargeted_locked(struct vidmm_alloc *alloc) UDXG_REQUIRES(VIDMM);

/* ---- counting that is on hot paths ---- */

static inline void vidmm_count_add(struct vidmm_count *count, const struct vidmm_alloc *alloc, int64_t sign)
{
    count->count += (uint64_t)sign;
    count->bytes += (uint64_t)sign * alloc->size_bytes;
}

/* One that prefers nothing it supports: a memory segment before an aperture, the first of them. */
uint32_t vidmm_alloc_any_choice_locked(const struct vidmm_alloc *alloc) UDXG_REQUIRES(VIDMM);

/* The segment that its commitment counts for: where it would be if there were room. */
static inline uint32_t vidmm_alloc_first_choice_locked(const struct vidmm_alloc *alloc) UDXG_REQUIRES(VIDMM)
{
    for (unsigned rank = 0; rank < VIDMM_PREFERENCES; rank++) {
        uint32_t id = alloc->preferred[rank] & ~VIDMM_FROM_END;
        if (id && alloc->supported_segments & 1u << (id - 1)) return id;
    }
    return vidmm_alloc_any_choice_locked(alloc);
}

#endif
