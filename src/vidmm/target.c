/* SPDX-License-Identifier: MIT */
/* Targets that an allocation could have; the rules stand in the header. Nothing is changed here. */
#include "vidmm/target.h"

#include "vidmm/alloc.h"
#include "vidmm/victim.h"

static bool must_be_home_locked(const struct vidmm_alloc *alloc) UDXG_REQUIRES(VIDMM)
{
    return alloc->lock_count || !alloc->home_range;
}

bool vidmm_target_has_room_locked(const struct vidmm_adapter *adapter, const struct vidmm_segment *segment,
                                  uint64_t need_bytes)
{
    if (segment->capacity_bytes - segment->demand_bytes < need_bytes) return false;
    return !segment->aperture || adapter->sizes.shared_system_bytes - adapter->aperture_bytes >= need_bytes;
}

bool vidmm_target_fits_device_locked(const struct vidmm_device *device, const struct vidmm_segment *segment,
                                     uint64_t need_bytes)
{
    const struct vidmm_adapter *adapter = device->process->adapter;
    uint64_t limit = segment->capacity_bytes;
    if (segment->aperture && adapter->sizes.shared_system_bytes < limit) limit = adapter->sizes.shared_system_bytes;
    return device->segments[segment->id - 1].listed_bytes + need_bytes <= limit;
}

bool vidmm_target_fits_listers_locked(const struct vidmm_alloc *alloc, const struct vidmm_segment *segment)
{
    uint64_t more = alloc->target_id == segment->id ? 0 : vidmm_segment_need(segment, alloc->size_bytes);
    for (const struct vidmm_binding *lister = alloc->listers; lister; lister = lister->next_lister)
        if (!vidmm_target_fits_device_locked(lister->device, segment, more)) return false;
    return true;
}

static void add_candidate(struct vidmm_candidates *candidates, struct vidmm_segment *segment, uint64_t size_bytes)
{
    if (vidmm_segment_need(segment, size_bytes) <= segment->capacity_bytes)
        candidates->segments[candidates->count++] = segment;
}

void vidmm_target_candidates_locked(const struct vidmm_alloc *alloc, struct vidmm_candidates *ret)
{
    const struct vidmm_adapter *adapter = alloc->process->adapter;
    uint32_t left = alloc->supported_segments;
    if (must_be_home_locked(alloc)) left &= adapter->aperture_set;
    ret->count = 0;
    for (unsigned i = 0; i < 5; i++) {
        struct vidmm_segment *segment = vidmm_adapter_segment_of(adapter, alloc->preferred[i] & ~VIDMM_FROM_END);
        if (!segment || !(left & (1u << (segment->id - 1)))) continue;
        left &= ~(1u << (segment->id - 1));
        add_candidate(ret, segment, alloc->size_bytes);
    }
    for (unsigned aperture = 0; aperture < 2; aperture++)
        for (uint32_t i = 0; i < adapter->segment_count; i++)
            if ((left & (1u << i)) && adapter->segments[i]->aperture == aperture)
                add_candidate(ret, adapter->segments[i], alloc->size_bytes);
}

struct vidmm_segment *vidmm_target_wish_locked(const struct vidmm_alloc *alloc)
{
    struct vidmm_candidates candidates;
    if (alloc->stays || !(alloc->supported_segments & ~alloc->process->adapter->aperture_set)) return NULL;
    vidmm_target_candidates_locked(alloc, &candidates);
    return candidates.count && !candidates.segments[0]->aperture ? candidates.segments[0] : NULL;
}

struct vidmm_segment *vidmm_target_aperture_locked(const struct vidmm_alloc *alloc)
{
    const struct vidmm_adapter *adapter = alloc->process->adapter;
    for (uint32_t i = 0; i < adapter->segment_count; i++) {
        struct vidmm_segment *segment = adapter->segments[i];
        if (!(alloc->supported_segments & adapter->aperture_set & (1u << i))) continue;
        if (vidmm_target_has_room_locked(adapter, segment, vidmm_segment_need(segment, alloc->size_bytes)) &&
            vidmm_target_fits_listers_locked(alloc, segment))
            return segment;
    }
    return NULL;
}
