/* SPDX-License-Identifier: MIT */
/* Segments; what they are stands in the header. */
#include "vidmm/segment.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/os.h"
#include "base/slab.h"
#include "vidmm/offer.h"
#include "vidmm/residency.h"

#define LARGE_GRANULE_BYTES 0x10000u

static enum vidmm_group group_of(uint32_t flags)
{
    if (flags & UDXG_SEGMENT_LOCAL_BUDGET_GROUP) return VIDMM_GROUP_LOCAL;
    if (flags & UDXG_SEGMENT_NON_LOCAL_BUDGET_GROUP) return VIDMM_GROUP_NON_LOCAL;
    return VIDMM_GROUP_COUNT;
}

static uint64_t capacity_of(const struct udxg_segment *desc, uint64_t granule_bytes)
{
    uint64_t bytes = desc->size_bytes;
    if ((desc->flags & UDXG_SEGMENT_APERTURE) && desc->commit_limit_bytes && desc->commit_limit_bytes < bytes)
        bytes = desc->commit_limit_bytes;
    return bytes & ~(granule_bytes - 1);
}

static udxg_status create_pool(struct vidmm_segment *segment)
{
    char name[32];
    snprintf(name, sizeof name, "udxg-segment-%u", segment->id);
    struct vidmm_pool_desc desc = {
        .name = name,
        .size_bytes = segment->capacity_bytes,
        .keep_bytes = VIDMM_POOL_KEEP_ALL,
    };
    return vidmm_pool_create(&desc, &segment->pool);
}

udxg_status vidmm_segment_create(const struct udxg_segment *desc, uint32_t id, struct udxg_slab *extents,
                                 struct vidmm_segment **ret)
{
    struct vidmm_segment *segment = calloc(1, sizeof *segment);
    if (!segment) return STATUS_NO_MEMORY;
    segment->desc = *desc;
    segment->id = id;
    segment->extents = extents;
    segment->aperture = desc->flags & UDXG_SEGMENT_APERTURE;
    segment->group = group_of(desc->flags);
    segment->granule_bytes = desc->flags & UDXG_SEGMENT_USE_64KB_PAGES ? LARGE_GRANULE_BYTES : UDXG_PAGE_SIZE;
    segment->capacity_bytes = capacity_of(desc, segment->granule_bytes);
    udxg_list_init(&segment->settled);
    for (unsigned i = 0; i < VIDMM_SHELVES * VIDMM_CLASSES; i++)
        udxg_list_init(&segment->shelves[i / VIDMM_CLASSES][i % VIDMM_CLASSES]);
    udxg_list_init(&segment->kept);
    udxg_list_init(&segment->leaving);
    for (unsigned rank = 0; rank < VIDMM_OFFER_RANKS; rank++) udxg_list_init(&segment->offered[rank]);
    udxg_status status = segment->aperture ? STATUS_SUCCESS : create_pool(segment);
    if (udxg_failed(status)) {
        free(segment);
        return status;
    }
    *ret = segment;
    return STATUS_SUCCESS;
}

void vidmm_segment_destroy(struct vidmm_segment *segment)
{
    if (!segment) return;
    vidmm_pool_destroy(segment->pool);
    free(segment);
}

uint64_t vidmm_segment_need(const struct vidmm_segment *segment, uint64_t size_bytes)
{
    return udxg_align_up(size_bytes, segment->granule_bytes);
}

/* One range of exactly SIZE. */
static udxg_status take_one(struct vidmm_segment *segment, uint64_t size_bytes, uint64_t alignment_bytes,
                            enum udxg_range_end end, struct vidmm_extent **ret)
{
    struct vidmm_extent *extent = udxg_slab_alloc(segment->extents);
    if (!extent) return STATUS_NO_MEMORY;
    void *address;
    udxg_status status =
        vidmm_pool_alloc(segment->pool, size_bytes, alignment_bytes, end, false, &extent->range, &address);
    if (udxg_failed(status)) {
        udxg_slab_free(segment->extents, extent);
        return status;
    }
    extent->address = address;
    extent->size_bytes = size_bytes;
    *ret = extent;
    return STATUS_SUCCESS;
}

static void give_all(struct vidmm_segment *segment, struct vidmm_extent *extents)
{
    while (extents) {
        struct vidmm_extent *next = extents->next;
        vidmm_pool_free(segment->pool, extents->range);
        udxg_slab_free(segment->extents, extents);
        extents = next;
    }
}

/* As large a range as there is, at most LIMIT. The pool's search is bounded and may miss the very largest. */
static udxg_status take_largest(struct vidmm_segment *segment, uint64_t limit_bytes, enum udxg_range_end end,
                                struct vidmm_extent **ret)
{
    struct vidmm_pool_stats stats;
    vidmm_pool_stats(segment->pool, &stats);
    uint64_t size = stats.largest_free_bytes < limit_bytes ? stats.largest_free_bytes : limit_bytes;
    for (;;) {
        size &= ~(segment->granule_bytes - 1);
        if (!size) return STATUS_GRAPHICS_NO_VIDEO_MEMORY;
        udxg_status status = take_one(segment, size, segment->granule_bytes, end, ret);
        if (status != STATUS_GRAPHICS_NO_VIDEO_MEMORY) return status;
        size /= 2;
    }
}

static udxg_status take_pieces(struct vidmm_segment *segment, uint64_t need_bytes, enum udxg_range_end end,
                               struct vidmm_extent **ret)
{
    struct vidmm_pool_stats stats;
    vidmm_pool_stats(segment->pool, &stats);
    if (stats.mapped_bytes - stats.used_bytes < need_bytes) return STATUS_GRAPHICS_NO_VIDEO_MEMORY;
    struct vidmm_extent *first = NULL, **tail = &first;
    while (need_bytes) {
        udxg_status status = take_largest(segment, need_bytes, end, tail);
        if (udxg_failed(status)) {
            give_all(segment, first);
            return status;
        }
        need_bytes -= (*tail)->size_bytes;
        tail = &(*tail)->next;
    }
    *ret = first;
    return STATUS_SUCCESS;
}

static enum udxg_range_end end_for_locked(const struct vidmm_segment *segment, const struct vidmm_alloc *alloc)
    UDXG_REQUIRES(VIDMM)
{
    if (segment->packing) return segment->packing == VIDMM_DEFRAG_TO_END ? UDXG_RANGE_FROM_END : UDXG_RANGE_FROM_START;
    if (alloc->flags & UDXG_ALLOCATION_FROM_END_OF_SEGMENT) return UDXG_RANGE_FROM_END;
    for (unsigned i = 0; i < 5; i++)
        if ((alloc->preferred[i] & ~VIDMM_FROM_END) == segment->id && (alloc->preferred[i] & VIDMM_FROM_END))
            return UDXG_RANGE_FROM_END;
    return UDXG_RANGE_FROM_START;
}

udxg_status vidmm_segment_take_locked(struct vidmm_segment *segment, const struct vidmm_alloc *alloc,
                                      struct vidmm_extent **ret)
{
    uint64_t need = vidmm_segment_need(segment, alloc->size_bytes);
    uint64_t alignment = UINT64_C(1) << alloc->alignment_log2;
    if (alignment < segment->granule_bytes) alignment = segment->granule_bytes;
    enum udxg_range_end end = end_for_locked(segment, alloc);
    udxg_status status = take_one(segment, need, alignment, end, ret);
    if (status != STATUS_GRAPHICS_NO_VIDEO_MEMORY || alloc->physical) return status;
    return take_pieces(segment, need, end, ret);
}

void vidmm_segment_give_locked(struct vidmm_segment *segment, struct vidmm_extent *extents)
{
    give_all(segment, extents);
}

static struct vidmm_alloc *first_of(struct udxg_list *list)
{
    struct udxg_list *first = udxg_list_first(list);
    return first ? udxg_container_of(first, struct vidmm_alloc, link) : NULL;
}

/* What an engine may be using leaves when the run is over. */
struct vidmm_alloc *vidmm_segment_leaver_locked(struct vidmm_segment *segment)
{
    udxg_list_for_each(it, &segment->leaving)
    {
        struct vidmm_alloc *alloc = udxg_container_of(it, struct vidmm_alloc, link);
        if (!vidmm_residency_is_in_use_locked(alloc)) return alloc;
        alloc->process->adapter->run_awaited = true;
    }
    return NULL;
}

struct vidmm_alloc *vidmm_segment_victim_locked(struct vidmm_segment *segment)
{
    for (unsigned rank = 0; rank < VIDMM_OFFER_RANKS; rank++)
        if (!udxg_list_empty(&segment->offered[rank])) return first_of(&segment->offered[rank]);
    struct vidmm_alloc *leaving = vidmm_segment_leaver_locked(segment);
    return leaving ? leaving : first_of(&segment->kept);
}

static struct udxg_list *list_for(struct vidmm_segment *segment, const struct vidmm_alloc *alloc) UDXG_REQUIRES(VIDMM)
{
    if (vidmm_offer_in_effect_locked(alloc)) return &segment->offered[vidmm_offer_rank_locked(alloc)];
    if (alloc->promised && alloc->target_id == segment->id) return &segment->settled;
    if (!alloc->target_id && alloc->keep) return &segment->kept;
    return &segment->leaving;
}

void vidmm_segment_relink_locked(struct vidmm_segment *segment, struct vidmm_alloc *alloc)
{
    udxg_list_remove(&alloc->link);
    if (alloc->place == VIDMM_PLACE_SEGMENT) udxg_list_append(list_for(segment, alloc), &alloc->link);
}

/* ---- check ---- */

static const char *check_alloc_locked(struct vidmm_segment *segment, struct udxg_list *list,
                                      const struct vidmm_alloc *alloc, uint64_t *held_bytes) UDXG_REQUIRES(VIDMM)
{
    if (alloc->place != VIDMM_PLACE_SEGMENT) return "an allocation on a segment's list is not in a segment";
    if (alloc->segment_id != segment->id) return "an allocation is on the list of another segment";
    if (list_for(segment, alloc) != list) return "an allocation is on the wrong list of its segment";
    uint64_t bytes = 0;
    for (const struct vidmm_extent *extent = alloc->extents; extent; extent = extent->next) bytes += extent->size_bytes;
    if (bytes != vidmm_segment_need(segment, alloc->size_bytes)) return "extents do not make up an allocation";
    *held_bytes += bytes;
    return NULL;
}

static const char *check_list_locked(struct vidmm_segment *segment, struct udxg_list *list, uint64_t *held_bytes)
    UDXG_REQUIRES(VIDMM)
{
    udxg_list_for_each(it, list)
    {
        const char *wrong =
            check_alloc_locked(segment, list, udxg_container_of(it, struct vidmm_alloc, link), held_bytes);
        if (wrong) return wrong;
    }
    return NULL;
}

const char *vidmm_segment_check_locked(struct vidmm_segment *segment)
{
    if (segment->demand_bytes > segment->capacity_bytes) return "a segment has promised more than it has";
    if (segment->aperture) return NULL;
    uint64_t held = segment->moving_bytes;
    const char *wrong = check_list_locked(segment, &segment->settled, &held);
    if (!wrong) wrong = check_list_locked(segment, &segment->kept, &held);
    if (!wrong) wrong = check_list_locked(segment, &segment->leaving, &held);
    for (unsigned rank = 0; rank < VIDMM_OFFER_RANKS && !wrong; rank++)
        wrong = check_list_locked(segment, &segment->offered[rank], &held);
    if (wrong) return wrong;
    struct vidmm_pool_stats stats;
    vidmm_pool_stats(segment->pool, &stats);
    if (stats.used_bytes != held) return "a segment's pool does not hold what is in the segment";
    return vidmm_pool_check(segment->pool);
}
