/* SPDX-License-Identifier: MIT */
/*
 * The copy of one allocation between its home and its segment: begin under the lock, run without any, done
 * under the lock. Whoever began it owns the bytes until it is done: the place says PAGING_IN or PAGING_OUT, so
 * no engine enters, nobody begins another copy, and nobody frees the allocation.
 */
#ifndef UDXG_VIDMM_COPY_H
#define UDXG_VIDMM_COPY_H

#include "vidmm/vidmm.h"

struct vidmm_copy {
    struct vidmm_alloc *alloc;
    bool in;      /* to the segment */
    bool discard; /* nothing has to be copied: home is good, or lost; known once it has run */
    bool lost;    /* it was offered, and its contents go */
};

/* From HOME to the target, into EXTENTS of that segment. */
void vidmm_copy_begin_in_locked(struct vidmm_alloc *alloc, struct vidmm_extent *extents, struct vidmm_copy *ret)
    UDXG_REQUIRES(VIDMM);
/* From SEGMENT to the home, or to nowhere when it is offered: its contents are discarded then. */
void vidmm_copy_begin_out_locked(struct vidmm_alloc *alloc, struct vidmm_copy *ret) UDXG_REQUIRES(VIDMM);
/* Waits for the engines inside, then copies. */
void vidmm_copy_run(struct vidmm_copy *copy) UDXG_EXCLUDES(VIDMM);
void vidmm_copy_done_locked(const struct vidmm_copy *copy) UDXG_REQUIRES(VIDMM);

#endif
