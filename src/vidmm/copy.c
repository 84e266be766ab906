/* SPDX-License-Identifier: MIT */
/* Copies; the rules stand in the header. */
#include "vidmm/copy.h"

#include <string.h>

#include "vidmm/alloc.h"
#include "vidmm/offer.h"

void vidmm_copy_begin_in_locked(struct vidmm_alloc *alloc, struct vidmm_extent *extents, struct vidmm_copy *ret)
{
    alloc->extents = extents;
    vidmm_alloc_set_place_locked(alloc, VIDMM_PLACE_PAGING_IN, alloc->target_id);
    *ret = (struct vidmm_copy){.alloc = alloc, .in = true};
}

void vidmm_copy_begin_out_locked(struct vidmm_alloc *alloc, struct vidmm_copy *ret)
{
    bool lost = vidmm_offer_lose_locked(alloc);
    vidmm_alloc_set_place_locked(alloc, VIDMM_PLACE_PAGING_OUT, alloc->segment_id);
    *ret = (struct vidmm_copy){.alloc = alloc, .in = false, .lost = lost};
}

/* The extents of the allocation, once no engine is inside: they stay what they are until the copy is done. */
static const struct vidmm_extent *wait_for_engines(struct vidmm_copy *copy)
{
    struct vidmm_alloc *alloc = copy->alloc;
    struct vidmm_adapter *adapter = alloc->process->adapter;
    udxg_lock(VIDMM, &adapter->lock);
    while (alloc->access_count) vidmm_adapter_wait_locked(adapter);
    copy->discard = !copy->in && (alloc->clean || copy->lost);
    const struct vidmm_extent *extents = alloc->extents;
    udxg_unlock(VIDMM, &adapter->lock);
    return extents;
}

static void move_bytes(const struct vidmm_copy *copy, const struct vidmm_extent *extents)
{
    char *home = copy->alloc->home;
    uint64_t left = copy->alloc->size_bytes;
    for (const struct vidmm_extent *extent = extents; extent && left; extent = extent->next) {
        uint64_t size = extent->size_bytes < left ? extent->size_bytes : left; /* the last may be padded */
        if (copy->in)
            memcpy(extent->address, home, size);
        else
            memcpy(home, extent->address, size);
        home += size;
        left -= size;
    }
}

void vidmm_copy_run(struct vidmm_copy *copy)
{
    const struct vidmm_extent *extents = wait_for_engines(copy);
    if (!copy->discard) move_bytes(copy, extents);
    if (copy->lost) vidmm_pool_discard(copy->alloc->process->homes, copy->alloc->home_range);
}

static void done_in_locked(struct vidmm_alloc *alloc, struct vidmm_segment *segment) UDXG_REQUIRES(VIDMM)
{
    segment->paged_in_bytes += alloc->size_bytes;
    alloc->clean = true;
    vidmm_alloc_set_place_locked(alloc, VIDMM_PLACE_SEGMENT, segment->id);
    vidmm_alloc_retargeted_locked(alloc);
}

static void done_out_locked(struct vidmm_alloc *alloc, struct vidmm_segment *segment, bool discard) UDXG_REQUIRES(VIDMM)
{
    if (discard)
        segment->discarded_bytes += alloc->size_bytes;
    else
        segment->paged_out_bytes += alloc->size_bytes;
    vidmm_segment_give_locked(segment, alloc->extents);
    alloc->extents = NULL;
    alloc->clean = false;
    vidmm_alloc_settle_home_locked(alloc);
}

void vidmm_copy_done_locked(const struct vidmm_copy *copy)
{
    struct vidmm_alloc *alloc = copy->alloc;
    struct vidmm_adapter *adapter = alloc->process->adapter;
    struct vidmm_segment *segment = vidmm_adapter_segment_of(adapter, alloc->segment_id);
    if (copy->in)
        done_in_locked(alloc, segment);
    else
        done_out_locked(alloc, segment, copy->discard);
    vidmm_adapter_changed_locked(adapter);
}
