/* SPDX-License-Identifier: MIT */
/* Who is where in a memory segment, for tools. Lock: VIDMM, for as long as it takes to look at all that is there. */
#include "vidmm/adapter.h"
#include "vidmm/process.h"

/* What has been found, and where it goes. */
struct survey {
    struct vidmm_part *parts;
    uint32_t room, count;
};

static void add_part(struct survey *survey, const struct vidmm_part *part)
{
    if (survey->count < survey->room) survey->parts[survey->count] = *part;
    survey->count++;
}

static void add_alloc_locked(struct survey *survey, const struct vidmm_alloc *alloc, enum vidmm_part_state state)
    UDXG_REQUIRES(VIDMM)
{
    struct vidmm_part part = {
        .process = alloc->process->number,
        .device = alloc->listers ? alloc->listers->device->name : 0,
        .state = state,
        .priority = alloc->priority,
    };
    for (const struct vidmm_extent *extent = alloc->extents; extent; extent = extent->next) {
        part.offset_bytes = udxg_range_offset(extent->range);
        part.size_bytes = extent->size_bytes;
        add_part(survey, &part);
    }
}

static void add_list_locked(struct survey *survey, struct udxg_list *allocs, enum vidmm_part_state state)
    UDXG_REQUIRES(VIDMM)
{
    udxg_list_for_each(it, allocs) add_alloc_locked(survey, udxg_container_of(it, struct vidmm_alloc, link), state);
}

udxg_status vidmm_adapter_parts(struct vidmm_adapter *adapter, uint32_t segment_id, struct vidmm_part *parts,
                                uint32_t *count)
{
    struct vidmm_segment *segment = vidmm_adapter_segment_of(adapter, segment_id);
    struct survey survey = {.parts = parts, .room = *count};
    if (!segment || segment->aperture) return STATUS_INVALID_PARAMETER;
    udxg_lock(VIDMM, &adapter->lock);
    add_list_locked(&survey, &segment->settled, VIDMM_PART_LISTED);
    add_list_locked(&survey, &segment->kept, VIDMM_PART_KEPT);
    add_list_locked(&survey, &segment->leaving, VIDMM_PART_LEAVING);
    for (unsigned rank = 0; rank < VIDMM_OFFER_RANKS; rank++)
        add_list_locked(&survey, &segment->offered[rank], VIDMM_PART_OFFERED);
    udxg_unlock(VIDMM, &adapter->lock);
    *count = survey.count;
    return STATUS_SUCCESS;
}
