/* SPDX-License-Identifier: MIT */
/*
 * Updates of GPU addresses that run later than they were asked for. An operation is checked and gets its nodes when
 * it is added, and decides nothing then: what a page of it means is looked up when it runs, and what an allocation's
 * page is, when an engine comes by.
 *
 *     SET   the range is what a node says, or as reserved    MAP, UNMAP; node NULL: as reserved
 *     COPY  the range is what another range is by then       source mappings are cloned before the target is cut,
 *                                                            so that the two may overlap
 *
 * Ranges lie in reservations, which are known by their number: a reservation that has been freed, though another may
 * stand in its place, takes its operations with it. A mapping still to be made hangs in its binding's list, so that
 * one whose allocation goes first leaves the range as reserved, as if it had gone after.
 *
 * Cost: O(log n) for a SET, a node for each mapping of the source for a COPY; never by the size of a range. Locks:
 * VASPACE around each operation. It does not know when an update may run.
 */
#include <stdlib.h>

#include "base/os.h"
#include "vidmm/process.h"

struct queued_op {
    bool copies, has_allocation;
    uint64_t base, size_bytes, source;
    struct vidmm_va_node *node;    /* SET: owned until it is in the tree; NULL: as reserved */
    struct vidmm_va_spares spares; /* for the cut */
};

struct vidmm_va_update {
    struct vidmm_process *process;
    uint64_t target, source;        /* numbers of the reservations that all ranges lie in; 0: not known yet */
    uint32_t count, capacity, next; /* next: all before it have run */
    struct queued_op ops[];
};

static struct vidmm_va_space *space_of(const struct vidmm_va_update *update)
{
    return &update->process->va;
}

/* ---- reservations ---- */

/* The reservation that the range lies in, if it is the one with that number or any will do. */
static struct vidmm_va_node *reservation_locked(struct vidmm_va_space *space, uint64_t base, uint64_t size_bytes,
                                                uint64_t number) UDXG_REQUIRES(VASPACE)
{
    if (!vidmm_va_is_client_range(space, base, size_bytes)) return NULL;
    struct vidmm_va_node *node = vidmm_va_node_of(udxg_range_tree_find(&space->spans, base));
    if (!node || node->kind != VIDMM_VA_RESERVED || base + size_bytes > vidmm_va_end_of(node)) return NULL;
    return number && node->offset_bytes != number ? NULL : node;
}

/* ---- adding ---- */

static udxg_status check_window(const struct vidmm_va_op *op)
{
    uint64_t window = op->window_bytes ? op->window_bytes : op->size_bytes, bytes = op->binding->alloc->size_bytes;
    if ((op->offset_bytes | window) % UDXG_PAGE_SIZE || window > op->size_bytes || op->size_bytes % window)
        return STATUS_INVALID_PARAMETER;
    return op->offset_bytes > bytes || window > bytes - op->offset_bytes ? STATUS_INVALID_PARAMETER : STATUS_SUCCESS;
}

static udxg_status check_op(const struct vidmm_va_update *update, const struct vidmm_va_op *op)
{
    if (!op->size_bytes || (op->base | op->size_bytes) % UDXG_PAGE_SIZE) return STATUS_INVALID_PARAMETER;
    switch (op->kind) {
    case VIDMM_VA_OP_MAP:
        if (!vidmm_va_protection_is_valid(op->protection, op->binding)) return STATUS_INVALID_PARAMETER;
        if (!op->binding) return STATUS_SUCCESS;
        if (op->binding->device->process != update->process) return STATUS_INVALID_PARAMETER;
        return check_window(op);
    case VIDMM_VA_OP_UNMAP:
        if (op->protection && !vidmm_va_protection_is_valid(op->protection, false)) return STATUS_INVALID_PARAMETER;
        return op->protection & ~(uint32_t)VIDMM_VA_NO_ALLOCATION ? STATUS_INVALID_PARAMETER : STATUS_SUCCESS;
    case VIDMM_VA_OP_COPY:
        return op->source % UDXG_PAGE_SIZE ? STATUS_INVALID_PARAMETER : STATUS_SUCCESS;
    }
    return STATUS_INVALID_PARAMETER;
}

static struct vidmm_va_node *make_node(struct vidmm_va_space *space, const struct vidmm_va_op *op)
{
    struct vidmm_va_node *node = udxg_slab_alloc(space->nodes);
    if (!node) return NULL;
    node->kind = VIDMM_VA_QUEUED;
    node->protection = (uint8_t)op->protection;
    if (!op->binding) return node;
    node->offset_bytes = op->offset_bytes;
    node->window_bytes = op->window_bytes == op->size_bytes ? 0 : op->window_bytes;
    return node;
}

/* One reservation for all targets, one for all sources: the first operation says which. */
static udxg_status find_reservations_locked(struct vidmm_va_update *update, const struct vidmm_va_op *op)
    UDXG_REQUIRES(VASPACE)
{
    struct vidmm_va_space *space = space_of(update);
    struct vidmm_va_node *target = reservation_locked(space, op->base, op->size_bytes, update->target), *source = NULL;
    if (!target) return STATUS_INVALID_PARAMETER;
    if (op->kind == VIDMM_VA_OP_COPY) {
        source = reservation_locked(space, op->source, op->size_bytes, update->source);
        if (!source) return STATUS_INVALID_PARAMETER;
        update->source = source->offset_bytes;
    }
    update->target = target->offset_bytes;
    return STATUS_SUCCESS;
}

static void free_op(struct vidmm_va_space *space, struct queued_op *op)
{
    if (op->node) {
        udxg_lock(VASPACE, &space->lock);
        vidmm_va_unlink_locked(op->node);
        udxg_unlock(VASPACE, &space->lock);
        udxg_slab_free(space->nodes, op->node);
    }
    vidmm_va_put_spares(space, &op->spares);
}

udxg_status vidmm_va_update_add(struct vidmm_va_update *update, const struct vidmm_va_op *op)
{
    struct vidmm_va_space *space = space_of(update);
    udxg_status status = update->count < update->capacity ? check_op(update, op) : STATUS_INVALID_PARAMETER;
    if (udxg_failed(status)) return status;
    struct queued_op queued = {
        .copies = op->kind == VIDMM_VA_OP_COPY,
        .has_allocation = op->kind == VIDMM_VA_OP_MAP && op->binding,
        .base = op->base,
        .size_bytes = op->size_bytes,
        .source = op->source,
    };
    bool needs_node = op->kind == VIDMM_VA_OP_MAP || (op->kind == VIDMM_VA_OP_UNMAP && op->protection);
    if (!vidmm_va_get_spares(space, 1, &queued.spares)) return STATUS_NO_MEMORY;
    if (needs_node) {
        queued.node = make_node(space, op);
        if (!queued.node) status = STATUS_NO_MEMORY;
    }
    udxg_lock(VASPACE, &space->lock);
    if (!vidmm_va_has_room_locked(space, 2)) status = STATUS_NO_MEMORY;
    if (!udxg_failed(status)) status = find_reservations_locked(update, op);
    if (!udxg_failed(status) && queued.has_allocation) vidmm_va_link_locked(queued.node, op->binding);
    udxg_unlock(VASPACE, &space->lock);
    if (udxg_failed(status))
        free_op(space, &queued);
    else
        update->ops[update->count++] = queued;
    return status;
}

udxg_status vidmm_va_update_create(struct vidmm_process *process, uint32_t capacity, struct vidmm_va_update **ret)
{
    struct vidmm_va_update *update = malloc(sizeof *update + capacity * sizeof update->ops[0]);
    if (!update) return STATUS_NO_MEMORY;
    *update = (struct vidmm_va_update){.process = process, .capacity = capacity};
    *ret = update;
    return STATUS_SUCCESS;
}

void vidmm_va_update_destroy(struct vidmm_va_update *update)
{
    if (!update) return;
    for (uint32_t i = update->next; i < update->count; i++) free_op(space_of(update), &update->ops[i]);
    free(update);
}

/* ---- running ---- */

static void set_locked(struct vidmm_va_space *space, struct queued_op *op, const struct vidmm_va_node *reservation)
    UDXG_REQUIRES(VASPACE)
{
    struct vidmm_va_node *node = op->node;
    vidmm_va_cut_locked(space, &space->overlay, op->base, op->base + op->size_bytes, &op->spares);
    if (!node || (op->has_allocation && !node->binding)) return; /* as reserved; or the allocation has gone */
    if (!node->binding && node->protection == reservation->protection) return; /* what is below says the same */
    node->kind = VIDMM_VA_MAPPED;
    vidmm_va_insert_locked(space, &space->overlay, node, op->base, op->size_bytes);
    op->node = NULL;
}

/* Clones of mappings, in no tree and no list, chained by next. */
struct clones {
    struct vidmm_va_node *first, **last;
    uint32_t count;
    uint64_t distance; /* from source to target; wraps around */
};

/* [start, end) of the source is what MODEL says. */
static bool add_clone_locked(struct vidmm_va_space *space, struct clones *clones, const struct vidmm_va_node *model,
                             uint64_t start, uint64_t end) UDXG_REQUIRES(VASPACE)
{
    if (!vidmm_va_has_room_locked(space, ++clones->count)) return false;
    struct vidmm_va_node *node = udxg_slab_alloc(space->nodes);
    if (!node) return false;
    node->kind = VIDMM_VA_MAPPED;
    node->protection = model->protection;
    node->binding = model->binding;
    if (model->binding) {
        node->offset_bytes = model->offset_bytes;
        node->window_bytes = model->window_bytes;
        node->phase_bytes = model->phase_bytes;
        vidmm_va_advance(node, start - model->range.start);
    }
    node->range.start = start + clones->distance;
    node->range.size = end - start;
    *clones->last = node;
    clones->last = &node->next;
    return true;
}

/* Of every mapping of the source; and of what lies between, unless that is as reserved in the target too. */
static bool clone_all_locked(struct vidmm_va_space *space, const struct queued_op *op,
                             const struct vidmm_va_node *source, bool gaps, struct clones *clones)
    UDXG_REQUIRES(VASPACE)
{
    uint64_t at = op->source, end = op->source + op->size_bytes;
    struct udxg_range_node *range = udxg_range_tree_lower_bound(&space->overlay, at);
    for (; range && range->start < end; range = udxg_range_tree_next(range)) {
        const struct vidmm_va_node *node = vidmm_va_node_of(range);
        uint64_t node_end = vidmm_va_end_of(node) < end ? vidmm_va_end_of(node) : end;
        if (range->start > at) {
            if (gaps && !add_clone_locked(space, clones, source, at, range->start)) return false;
            at = range->start;
        }
        if (!add_clone_locked(space, clones, node, at, node_end)) return false;
        at = node_end;
    }
    return at == end || !gaps || add_clone_locked(space, clones, source, at, end);
}

static void free_clones(struct vidmm_va_space *space, struct clones *clones)
{
    for (struct vidmm_va_node *node = clones->first, *next; node; node = next) {
        next = node->next;
        udxg_slab_free(space->nodes, node);
    }
}

static udxg_status copy_locked(struct vidmm_va_space *space, struct queued_op *op, const struct vidmm_va_node *target,
                               const struct vidmm_va_node *source) UDXG_REQUIRES(VASPACE)
{
    struct clones clones = {.distance = op->base - op->source};
    clones.last = &clones.first;
    if (!clone_all_locked(space, op, source, source->protection != target->protection, &clones)) {
        free_clones(space, &clones);
        return STATUS_NO_MEMORY;
    }
    vidmm_va_cut_locked(space, &space->overlay, op->base, op->base + op->size_bytes, &op->spares);
    for (struct vidmm_va_node *node = clones.first, *next; node; node = next) {
        next = node->next;
        vidmm_va_link_locked(node, node->binding);
        vidmm_va_insert_locked(space, &space->overlay, node, node->range.start, node->range.size);
    }
    return STATUS_SUCCESS;
}

static udxg_status run_locked(struct vidmm_va_update *update, struct queued_op *op) UDXG_REQUIRES(VASPACE)
{
    struct vidmm_va_space *space = space_of(update);
    const struct vidmm_va_node *target, *source;
    target = reservation_locked(space, op->base, op->size_bytes, update->target);
    if (!target) return STATUS_SUCCESS;
    if (!op->copies) {
        set_locked(space, op, target);
        return STATUS_SUCCESS;
    }
    source = reservation_locked(space, op->source, op->size_bytes, update->source);
    return source ? copy_locked(space, op, target, source) : STATUS_SUCCESS;
}

udxg_status vidmm_va_update_run(struct vidmm_va_update *update)
{
    struct vidmm_va_space *space = space_of(update);
    udxg_status status = STATUS_SUCCESS;
    while (update->next < update->count && !udxg_failed(status)) {
        struct queued_op *op = &update->ops[update->next++];
        udxg_lock(VASPACE, &space->lock);
        status = run_locked(update, op);
        udxg_unlock(VASPACE, &space->lock);
        free_op(space, op);
    }
    return status;
}
