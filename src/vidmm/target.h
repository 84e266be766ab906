/* SPDX-License-Identifier: MIT */
/*
 * Where an allocation could be: the segments that it supports, best first, and whether there is room.
 *
 * A target is, by preference, a memory segment with room; then one in which those have room to give who have less of
 * a right to it; then the aperture; then the first choice without a promise: the device has to wait until others have
 * made room (admission.h).
 *
 * Locks: VIDMM.
 */
#ifndef UDXG_VIDMM_TARGET_H
#define UDXG_VIDMM_TARGET_H

#include "vidmm/process.h"

struct vidmm_candidates {
    uint32_t count;
    struct vidmm_segment *segments[UDXG_MAX_SEGMENTS];
};

/* The segments that could ever hold the allocation, best first. */
void vidmm_target_candidates_locked(const struct vidmm_alloc *alloc, struct vidmm_candidates *ret) UDXG_REQUIRES(VIDMM);
/* The memory segment that one in system memory would rather be in; NULL when it is where it belongs. */
struct vidmm_segment *vidmm_target_wish_locked(const struct vidmm_alloc *alloc) UDXG_REQUIRES(VIDMM);
/*
 * An aperture with room for the allocation; NULL: none. It may be room that the rest of a lister's list needs, which
 * can be nowhere else: then that device would never run again, and it is none.
 */
struct vidmm_segment *vidmm_target_aperture_locked(const struct vidmm_alloc *alloc) UDXG_REQUIRES(VIDMM);

bool vidmm_target_has_room_locked(const struct vidmm_adapter *adapter, const struct vidmm_segment *segment,
                                  uint64_t need_bytes) UDXG_REQUIRES(VIDMM);
/* Whether everything that the device lists could be in the segment at once, and so much more. */
bool vidmm_target_fits_device_locked(const struct vidmm_device *device, const struct vidmm_segment *segment,
                                     uint64_t need_bytes) UDXG_REQUIRES(VIDMM);
/* Whether each device that lists the allocation could still have its whole list in place with this one there. */
bool vidmm_target_fits_listers_locked(const struct vidmm_alloc *alloc, const struct vidmm_segment *segment)
    UDXG_REQUIRES(VIDMM);

#endif
