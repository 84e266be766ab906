/* SPDX-License-Identifier: MIT */
/*
 * A process's GPU addresses as the VIDMM escape shows them. A VAD is what a client reserved, or mapped outside of any
 * reservation; its ranges are what is mapped in it. Our own mappings (fences) are not shown.
 *
 * For people and tests: finding by index or counting walks the tree, O(n) of VADs or of one VAD's ranges, under
 * VASPACE; finding by address and looking a page up is O(log n). Indices hold until somebody maps or frees.
 */
#include "vidmm/vad.h"

#include "base/os.h"
#include "vidmm/alloc.h"
#include "vidmm/segment.h"

/* ---- VADs ---- */

/* Spans from RANGE on that clients made; they all lie below ours. */
static struct vidmm_va_node *client_span_locked(const struct vidmm_va_space *space, struct udxg_range_node *range)
    UDXG_REQUIRES(VASPACE)
{
    return range && range->start < space->client_end ? vidmm_va_node_of(range) : NULL;
}

uint32_t vidmm_vad_count(struct vidmm_process *process)
{
    struct vidmm_va_space *space = &process->va;
    uint32_t count = 0;
    udxg_lock(VASPACE, &space->lock);
    struct udxg_range_node *range = udxg_range_tree_first(&space->spans);
    for (; client_span_locked(space, range); range = udxg_range_tree_next(range)) count++;
    udxg_unlock(VASPACE, &space->lock);
    return count;
}

/* The first mapping that lies in a reservation, in part at least, or NULL. */
static struct udxg_range_node *first_mapped_locked(struct vidmm_va_space *space, const struct vidmm_va_node *vad)
    UDXG_REQUIRES(VASPACE)
{
    struct udxg_range_node *range = udxg_range_tree_lower_bound(&space->overlay, vad->range.start);
    return range && range->start < vidmm_va_end_of(vad) ? range : NULL;
}

static struct udxg_range_node *next_mapped(const struct vidmm_va_node *vad, const struct udxg_range_node *range)
{
    struct udxg_range_node *next = udxg_range_tree_next(range);
    return next && next->start < vidmm_va_end_of(vad) ? next : NULL;
}

static void describe_locked(struct vidmm_va_space *space, const struct vidmm_va_node *node, struct vidmm_vad *ret)
    UDXG_REQUIRES(VASPACE)
{
    *ret = (struct vidmm_vad){
        .start = node->range.start,
        .end = vidmm_va_end_of(node),
        .reserved = node->kind == VIDMM_VA_RESERVED,
        .protection = node->protection,
        .range_count = 1,
    };
    if (!ret->reserved) return;
    ret->range_count = 0;
    struct udxg_range_node *range = first_mapped_locked(space, node);
    for (; range; range = next_mapped(node, range)) ret->range_count++;
}

udxg_status vidmm_vad_by_index(struct vidmm_process *process, uint32_t index, struct vidmm_vad *ret)
{
    struct vidmm_va_space *space = &process->va;
    udxg_lock(VASPACE, &space->lock);
    struct udxg_range_node *range = udxg_range_tree_first(&space->spans);
    for (; index && client_span_locked(space, range); index--) range = udxg_range_tree_next(range);
    struct vidmm_va_node *vad = client_span_locked(space, range);
    if (vad) describe_locked(space, vad, ret);
    udxg_unlock(VASPACE, &space->lock);
    return vad ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}

udxg_status vidmm_vad_by_address(struct vidmm_process *process, uint64_t va, struct vidmm_vad *ret)
{
    struct vidmm_va_space *space = &process->va;
    udxg_lock(VASPACE, &space->lock);
    struct vidmm_va_node *vad = client_span_locked(space, udxg_range_tree_find(&space->spans, va));
    if (vad) describe_locked(space, vad, ret);
    udxg_unlock(VASPACE, &space->lock);
    return vad ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}

/* ---- ranges of one ---- */

static const struct vidmm_va_node *range_locked(struct vidmm_va_space *space, struct vidmm_va_node *vad, uint32_t index)
    UDXG_REQUIRES(VASPACE)
{
    if (vad->kind != VIDMM_VA_RESERVED) return index ? NULL : vad;
    struct udxg_range_node *range = first_mapped_locked(space, vad);
    for (; index && range; index--) range = next_mapped(vad, range);
    return vidmm_va_node_of(range);
}

/* What of NODE lies in VAD: a mapping may go on into the next reservation. */
static void describe_range_locked(const struct vidmm_va_node *vad, const struct vidmm_va_node *node,
                                  struct vidmm_vad_range *ret) UDXG_REQUIRES(VASPACE)
{
    uint64_t start = node->range.start > vad->range.start ? node->range.start : vad->range.start;
    uint64_t end = vidmm_va_end_of(node) < vidmm_va_end_of(vad) ? vidmm_va_end_of(node) : vidmm_va_end_of(vad);
    *ret = (struct vidmm_vad_range){.start = start, .end = end, .protection = node->protection};
    if (!node->binding) return;
    ret->owner = (uintptr_t)node->binding->alloc;
    ret->offset_bytes = vidmm_va_offset(node, start);
    ret->window_bytes = node->window_bytes;
}

udxg_status vidmm_vad_range(struct vidmm_process *process, uint64_t va, uint32_t index, struct vidmm_vad_range *ret)
{
    struct vidmm_va_space *space = &process->va;
    const struct vidmm_va_node *node = NULL;
    udxg_lock(VASPACE, &space->lock);
    struct vidmm_va_node *vad = client_span_locked(space, udxg_range_tree_find(&space->spans, va));
    if (vad) node = range_locked(space, vad, index);
    if (node) describe_range_locked(vad, node, ret);
    udxg_unlock(VASPACE, &space->lock);
    return node ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}

/* ---- page table entries ---- */

static void aim_at_segment_locked(const struct vidmm_alloc *alloc, uint64_t offset, struct vidmm_pte *ret)
    UDXG_REQUIRES(VIDMM)
{
    const struct vidmm_segment *segment = vidmm_adapter_segment_of(alloc->process->adapter, alloc->segment_id);
    const struct vidmm_extent *extent = alloc->extents;
    for (; offset >= extent->size_bytes; extent = extent->next) offset -= extent->size_bytes;
    ret->address = (uint64_t)(extent->address + offset - (char *)vidmm_pool_base(segment->pool));
}

static void look_up_locked(const struct vidmm_va_node *node, uint64_t va, struct vidmm_pte *ret) UDXG_REQUIRES(VIDMM)
    UDXG_REQUIRES(VASPACE)
{
    if (!node) return;
    ret->protection = node->protection;
    ret->zero = node->protection & VIDMM_VA_PROTECT_ZERO;
    if (!node->binding) return;
    const struct vidmm_alloc *alloc = node->binding->alloc;
    uint64_t offset = vidmm_va_offset(node, va);
    ret->segment_id = alloc->segment_id;
    ret->valid = alloc->resident_count && (alloc->place == VIDMM_PLACE_SEGMENT || alloc->place == VIDMM_PLACE_APERTURE);
    if (alloc->place == VIDMM_PLACE_SEGMENT)
        aim_at_segment_locked(alloc, offset, ret);
    else
        ret->address = (uintptr_t)alloc->home + offset;
}

void vidmm_va_pte(struct vidmm_process *process, uint64_t va, struct vidmm_pte *ret)
{
    uint64_t length;
    *ret = (struct vidmm_pte){0};
    va -= va % UDXG_PAGE_SIZE;
    udxg_lock(VIDMM, &process->adapter->lock);
    udxg_lock(VASPACE, &process->va.lock);
    const struct vidmm_va_node *node = vidmm_va_find_locked(&process->va, va, &length);
    if (node && node->kind != VIDMM_VA_SYSTEM) look_up_locked(node, va, ret);
    udxg_unlock(VASPACE, &process->va.lock);
    udxg_unlock(VIDMM, &process->adapter->lock);
}
