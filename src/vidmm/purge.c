/* SPDX-License-Identifier: MIT */
/*
 * The loss of video memory. Every allocation that is in a memory segment leaves it as one that is clean does, without
 * a copy, one after the other as demotions do; what is on the way home or in when we come takes its copy to the end.
 * Residency lists, targets and budgets stay: those of devices that are removed go with them. Lock: VIDMM, never while
 * we wait for engines.
 */
#include "vidmm/adapter.h"
#include "vidmm/copy.h"

/* Begins to take something out of the segment; false when nothing is in it. */
static bool begin_locked(struct vidmm_segment *segment, struct vidmm_copy *ret_copy) UDXG_REQUIRES(VIDMM)
{
    struct udxg_list *first = udxg_list_first(&segment->settled);
    if (!first) first = udxg_list_first(&segment->leaving); /* also what is in use: it is lost */
    struct vidmm_alloc *alloc =
        first ? udxg_container_of(first, struct vidmm_alloc, link) : vidmm_segment_victim_locked(segment);

    if (!alloc) return false;
    alloc->clean = true;
    alloc->leaves_for = VIDMM_EVICTED_TO_PURGE;
    vidmm_copy_begin_out_locked(alloc, ret_copy);
    return true;
}

static void purge(struct vidmm_adapter *adapter, struct vidmm_segment *segment)
{
    for (;;) {
        struct vidmm_copy copy;
        bool begun;

        udxg_lock(VIDMM, &adapter->lock);
        begun = begin_locked(segment, &copy);
        udxg_unlock(VIDMM, &adapter->lock);
        if (!begun) return;
        vidmm_copy_run(&copy);
        udxg_lock(VIDMM, &adapter->lock);
        vidmm_copy_done_locked(&copy);
        udxg_unlock(VIDMM, &adapter->lock);
    }
}

void vidmm_adapter_purge(struct vidmm_adapter *adapter)
{
    for (uint32_t i = 0; i < adapter->segment_count; i++)
        if (!adapter->segments[i]->aperture) purge(adapter, adapter->segments[i]);
}
