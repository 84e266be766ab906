/* SPDX-License-Identifier: MIT */
/*
 * Putting a segment in order: everything that may leaves it, and what is listed comes back one after the other, at
 * one end. That takes two copies of each allocation and no room but the homes', which every allocation has; what is
 * unmoveable stays where it is, and a gap may remain before it. The gate is closed meanwhile, and nobody runs.
 *
 * Locks: VIDMM, never around a copy. Others may still list and evict; the numbers are exact when nobody does.
 */
#include "vidmm/admission.h"
#include "vidmm/copy.h"
#include "vidmm/displace.h"

static void measure_locked(struct vidmm_segment *segment, uint64_t *ret_gap_bytes, struct vidmm_fragmentation *ret)
    UDXG_REQUIRES(VIDMM)
{
    struct vidmm_pool_stats stats;
    vidmm_pool_stats(segment->pool, &stats);
    ret->used_bytes = stats.used_bytes;
    ret->free_bytes = segment->capacity_bytes - stats.used_bytes;
    *ret_gap_bytes = stats.largest_free_bytes;
}

static bool is_any(const struct vidmm_alloc *alloc, const void *user)
{
    (void)alloc, (void)user;
    return true;
}

static struct vidmm_device *device_of(struct udxg_list *siblings)
{
    return udxg_container_of(siblings, struct vidmm_device, siblings);
}

static bool is_anybody_running_locked(struct vidmm_adapter *adapter) UDXG_REQUIRES(VIDMM)
{
    udxg_list_for_each(p, &adapter->processes)
    {
        udxg_list_for_each(d, &udxg_container_of(p, struct vidmm_process, siblings)->devices)
        {
            if (device_of(d)->running) return true;
        }
    }
    return false;
}

/* What DEVICE lists, has been promised room in SEGMENT, is at home and fits: begins to bring it in. */
static bool begin_of_device_locked(struct vidmm_device *device, struct vidmm_segment *segment, struct vidmm_copy *copy)
    UDXG_REQUIRES(VIDMM)
{
    udxg_list_for_each(it, &device->listed[VIDMM_LISTED_PROMISED])
    {
        struct vidmm_alloc *alloc = udxg_container_of(it, struct vidmm_binding, required)->alloc;
        struct vidmm_extent *extents;
        if (alloc->target_id != segment->id || alloc->place != VIDMM_PLACE_HOME) continue;
        if (udxg_failed(vidmm_segment_take_locked(segment, alloc, &extents))) continue;
        vidmm_copy_begin_in_locked(alloc, extents, copy);
        return true;
    }
    return false;
}

static bool begin_one_locked(struct vidmm_adapter *adapter, struct vidmm_segment *segment, struct vidmm_copy *copy)
    UDXG_REQUIRES(VIDMM)
{
    udxg_list_for_each(p, &adapter->processes)
    {
        udxg_list_for_each(d, &udxg_container_of(p, struct vidmm_process, siblings)->devices)
        {
            if (begin_of_device_locked(device_of(d), segment, copy)) return true;
        }
    }
    return false;
}

/* What finds no memory, or no piece that is large enough, comes when its device wants to run. */
static void bring_all_back(struct vidmm_adapter *adapter, struct vidmm_segment *segment)
{
    for (bool copies = true; copies;) {
        struct vidmm_copy copy;
        udxg_lock(VIDMM, &adapter->lock);
        copies = begin_one_locked(adapter, segment, &copy);
        udxg_unlock(VIDMM, &adapter->lock);
        if (copies) vidmm_displace_copy(adapter, &copy);
    }
}

static void pack(struct vidmm_adapter *adapter, struct vidmm_segment *segment)
{
    udxg_lock(VIDMM, &adapter->lock);
    vidmm_gate_close_locked(adapter);
    while (is_anybody_running_locked(adapter)) vidmm_adapter_wait_locked(adapter);
    udxg_unlock(VIDMM, &adapter->lock);
    vidmm_displace_list(adapter, &segment->kept, is_any, NULL, VIDMM_EVICTED_TO_PURGE);
    vidmm_displace_list(adapter, &segment->settled, is_any, NULL, VIDMM_MIGRATED);
    bring_all_back(adapter, segment);
    udxg_lock(VIDMM, &adapter->lock);
    segment->packing = VIDMM_DEFRAG_NOT;
    vidmm_gate_open_locked(adapter);
    udxg_unlock(VIDMM, &adapter->lock);
}

udxg_status vidmm_adapter_defrag(struct vidmm_adapter *adapter, uint32_t segment_id, enum vidmm_defrag how,
                                 struct vidmm_fragmentation *ret)
{
    struct vidmm_segment *segment = vidmm_adapter_segment_of(adapter, segment_id);
    if (!segment || segment->aperture) return STATUS_INVALID_PARAMETER;
    udxg_lock(VIDMM, &adapter->lock);
    bool busy = how && segment->packing;
    if (!busy) {
        if (how) segment->packing = (uint8_t)how;
        measure_locked(segment, &ret->gap_before_bytes, ret);
    }
    udxg_unlock(VIDMM, &adapter->lock);
    if (busy) return STATUS_GRAPHICS_TRY_AGAIN_LATER;
    if (how) pack(adapter, segment);
    udxg_lock(VIDMM, &adapter->lock);
    measure_locked(segment, &ret->gap_after_bytes, ret);
    udxg_unlock(VIDMM, &adapter->lock);
    return STATUS_SUCCESS;
}
