/* SPDX-License-Identifier: MIT */
/* GPU address spaces; the picture stands in the header. */
#include "vidmm/vaspace.h"

#include <stdlib.h>

#include "base/os.h"
#include "vidmm/alloc.h"

#define RESERVATION_GRANULE 0x10000u
#define FIRST_CHOSEN_VA 0x10000u /* never 0, whose use is a bug of the client's */
#define SYSTEM_BYTES (UINT64_C(4) << 30)

/* ---- the space ---- */

bool vidmm_va_bits_are_valid(unsigned gpu_va_bits)
{
    return gpu_va_bits >= 32 && gpu_va_bits <= 57;
}

void vidmm_va_space_init(struct vidmm_va_space *space, unsigned gpu_va_bits, struct udxg_slab *nodes)
{
    uint64_t end = UINT64_C(1) << gpu_va_bits;
    uint64_t system = end / 16 < SYSTEM_BYTES ? end / 16 : SYSTEM_BYTES;
    *space = (struct vidmm_va_space){.client_end = end - system,
                                     .end = end,
                                     .nodes = nodes,
                                     .most_nodes = VIDMM_VA_MOST_NODES};
    udxg_mutex_init_VASPACE(&space->lock);
}

static void free_tree(struct vidmm_va_space *space, struct udxg_range_tree *tree)
{
    for (struct udxg_range_node *range; (range = udxg_range_tree_first(tree));) {
        udxg_range_tree_remove(tree, range);
        udxg_slab_free(space->nodes, vidmm_va_node_of(range));
    }
}

void vidmm_va_space_fini(struct vidmm_va_space *space)
{
    udxg_lock(VASPACE, &space->lock);
    free_tree(space, &space->overlay);
    free_tree(space, &space->spans);
    udxg_unlock(VASPACE, &space->lock);
    udxg_mutex_fini_VASPACE(&space->lock);
}

/* ---- nodes and bindings ---- */

void vidmm_va_link_locked(struct vidmm_va_node *node, struct vidmm_binding *binding)
{
    node->binding = binding;
    if (!binding) return;
    vidmm_alloc_manage(binding->alloc);
    node->next = binding->mappings;
    node->pprev = &binding->mappings;
    if (node->next) node->next->pprev = &node->next;
    binding->mappings = node;
}

void vidmm_va_unlink_locked(struct vidmm_va_node *node)
{
    if (!node->binding) return;
    *node->pprev = node->next;
    if (node->next) node->next->pprev = node->pprev;
    node->binding = NULL;
}

bool vidmm_va_get_spares(struct vidmm_va_space *space, unsigned count, struct vidmm_va_spares *spares)
{
    *spares = (struct vidmm_va_spares){0};
    for (unsigned i = 0; i < count; i++) {
        spares->node[i] = udxg_slab_alloc(space->nodes);
        if (spares->node[i]) continue;
        if (i) udxg_slab_free(space->nodes, spares->node[0]);
        return false;
    }
    return true;
}

struct vidmm_va_node *vidmm_va_take_spare(struct vidmm_va_spares *spares)
{
    unsigned i = spares->node[0] ? 0 : 1;
    struct vidmm_va_node *node = spares->node[i];
    spares->node[i] = NULL;
    return node;
}

void vidmm_va_put_spares(struct vidmm_va_space *space, struct vidmm_va_spares *spares)
{
    for (unsigned i = 0; i < 2; i++)
        if (spares->node[i]) udxg_slab_free(space->nodes, spares->node[i]);
}

/* ---- cutting ---- */

/*
 *        start         end
 *     ----[-------------)----
 *   [ a ]                        stays
 *       [ a ]                    keeps its left part
 *             [ a ]              goes
 *                    [ a ]       keeps its right part
 *     [        a         ]       keeps both: the right part takes a spare
 */
static void cut_node_locked(struct vidmm_va_space *space, struct udxg_range_tree *tree, struct vidmm_va_node *node,
                            uint64_t start, uint64_t end, struct vidmm_va_spares *spares) UDXG_REQUIRES(VASPACE)
{
    uint64_t node_start = node->range.start, node_end = vidmm_va_end_of(node);
    struct vidmm_va_node *right = node_end > end ? node : NULL;
    udxg_range_tree_remove(tree, &node->range);
    if (node_start < start) {
        if (right) {
            right = vidmm_va_take_spare(spares);
            right->kind = node->kind;
            right->protection = node->protection;
            right->offset_bytes = node->offset_bytes;
            right->window_bytes = node->window_bytes;
            right->phase_bytes = node->phase_bytes;
            vidmm_va_link_locked(right, node->binding);
            space->node_count++;
        }
        node->range.size = start - node_start;
        udxg_range_tree_insert(tree, &node->range);
    }
    if (right) {
        right->range.start = end;
        right->range.size = node_end - end;
        vidmm_va_advance(right, end - node_start);
        udxg_range_tree_insert(tree, &right->range);
    } else if (node_start >= start) {
        vidmm_va_unlink_locked(node);
        udxg_slab_free(space->nodes, node);
        space->node_count--;
    }
}

void vidmm_va_cut_locked(struct vidmm_va_space *space, struct udxg_range_tree *tree, uint64_t start, uint64_t end,
                         struct vidmm_va_spares *spares)
{
    struct udxg_range_node *range = udxg_range_tree_lower_bound(tree, start);
    while (range && range->start < end) {
        struct vidmm_va_node *node = vidmm_va_node_of(range);
        struct udxg_range_node *next = udxg_range_tree_next(range);
        if (node->kind == VIDMM_VA_MAPPED || (range->start >= start && vidmm_va_end_of(node) <= end))
            cut_node_locked(space, tree, node, start, end, spares);
        range = next;
    }
}

/* ---- what a range consists of ---- */

enum {
    HAS_FREE = 1u << 7, /* beside 1 << enum vidmm_va_kind */
    HAS_RESERVED = 1u << VIDMM_VA_RESERVED,
    HAS_MAPPED = 1u << VIDMM_VA_MAPPED, /* outside reservations */
};

static unsigned contents_locked(struct vidmm_va_space *space, uint64_t start, uint64_t end) UDXG_REQUIRES(VASPACE)
{
    unsigned contents = 0;
    uint64_t at = start;
    struct udxg_range_node *range = udxg_range_tree_lower_bound(&space->spans, start);
    for (; range && range->start < end; range = udxg_range_tree_next(range)) {
        if (range->start > at) contents |= HAS_FREE;
        contents |= 1u << vidmm_va_node_of(range)->kind;
        at = vidmm_va_end_of(vidmm_va_node_of(range));
    }
    return at < end ? contents | HAS_FREE : contents;
}

/* ---- choosing an address ---- */

/* A maximum is the last address or the first beyond: clients write 0x7fffffffffff and 0x800000000000 alike. */
static uint64_t limit_of(const struct vidmm_va_space *space, uint64_t maximum)
{
    if (!maximum || maximum >= space->client_end) return space->client_end;
    return udxg_align_up(maximum, UDXG_PAGE_SIZE);
}

static udxg_status choose_locked(struct vidmm_va_space *space, uint64_t minimum, uint64_t maximum, uint64_t size_bytes,
                                 uint64_t alignment, uint64_t *ret_va) UDXG_REQUIRES(VASPACE)
{
    uint64_t limit = limit_of(space, maximum);
    if (maximum && minimum > maximum) return STATUS_INVALID_PARAMETER;
    if (minimum < FIRST_CHOSEN_VA) minimum = FIRST_CHOSEN_VA;
    if (minimum >= limit || size_bytes > limit - minimum) return STATUS_GRAPHICS_NO_VIDEO_MEMORY;
    if (!udxg_range_tree_find_gap(&space->spans, size_bytes, alignment, minimum, limit, ret_va))
        return STATUS_GRAPHICS_NO_VIDEO_MEMORY;
    return STATUS_SUCCESS;
}

bool vidmm_va_is_client_range(const struct vidmm_va_space *space, uint64_t base, uint64_t size_bytes)
{
    return size_bytes && base < space->client_end && size_bytes <= space->client_end - base;
}

bool vidmm_va_has_room_locked(const struct vidmm_va_space *space, uint32_t count)
{
    return space->node_count < space->most_nodes && count <= space->most_nodes - space->node_count;
}

void vidmm_va_insert_locked(struct vidmm_va_space *space, struct udxg_range_tree *tree, struct vidmm_va_node *node,
                            uint64_t start, uint64_t size_bytes)
{
    space->node_count++;
    node->range.start = start;
    node->range.size = size_bytes;
    udxg_range_tree_insert(tree, &node->range);
}

/* ---- Reserve ---- */

static udxg_status find_reservation_locked(struct vidmm_va_space *space, uint64_t base, uint64_t minimum,
                                           uint64_t maximum, uint64_t size_bytes, uint64_t *ret_va)
    UDXG_REQUIRES(VASPACE)
{
    if (!base) return choose_locked(space, minimum, maximum, size_bytes, RESERVATION_GRANULE, ret_va);
    if (!vidmm_va_is_client_range(space, base, size_bytes)) return STATUS_INVALID_PARAMETER;
    if (contents_locked(space, base, base + size_bytes) != HAS_FREE) return STATUS_INVALID_PARAMETER;
    *ret_va = base;
    return STATUS_SUCCESS;
}

udxg_status vidmm_va_reserve(struct vidmm_process *process, uint64_t base, uint64_t minimum, uint64_t maximum,
                             uint64_t size_bytes, enum vidmm_va_type type, uint64_t *ret_va)
{
    struct vidmm_va_space *space = &process->va;
    if (!size_bytes || (base | size_bytes) % RESERVATION_GRANULE) return STATUS_INVALID_PARAMETER;
    if (!base && minimum % RESERVATION_GRANULE) return STATUS_INVALID_PARAMETER;
    struct vidmm_va_spares spares;
    if (!vidmm_va_get_spares(space, 1, &spares)) return STATUS_NO_MEMORY;
    uint64_t va = 0;
    udxg_lock(VASPACE, &space->lock);
    udxg_status status = vidmm_va_has_room_locked(space, 1)
                             ? find_reservation_locked(space, base, minimum, maximum, size_bytes, &va)
                             : STATUS_NO_MEMORY;
    if (!udxg_failed(status)) {
        struct vidmm_va_node *node = vidmm_va_take_spare(&spares);
        node->kind = VIDMM_VA_RESERVED;
        node->protection = type == VIDMM_VA_ZERO ? VIDMM_VA_PROTECT_ZERO : VIDMM_VA_PROTECT_NO_ACCESS;
        node->offset_bytes = ++space->reservations;
        vidmm_va_insert_locked(space, &space->spans, node, va, size_bytes);
    }
    udxg_unlock(VASPACE, &space->lock);
    vidmm_va_put_spares(space, &spares);
    if (!udxg_failed(status)) *ret_va = va;
    return status;
}

/* ---- Map ---- */

bool vidmm_va_protection_is_valid(uint32_t protection, bool has_allocation)
{
    const uint32_t known = VIDMM_VA_WRITE | VIDMM_VA_EXECUTE | VIDMM_VA_NO_ALLOCATION;
    uint32_t without = protection & VIDMM_VA_NO_ALLOCATION;
    return !(protection & ~known) && without != VIDMM_VA_NO_ALLOCATION && !without == has_allocation;
}

static udxg_status check_map(const struct vidmm_process *process, const struct vidmm_va_map *map)
{
    if (!vidmm_va_protection_is_valid(map->protection, map->binding)) return STATUS_INVALID_PARAMETER;
    if (!map->size_pages || map->base % UDXG_PAGE_SIZE) return STATUS_INVALID_PARAMETER;
    if (map->size_pages > UINT64_MAX / UDXG_PAGE_SIZE) return STATUS_INVALID_PARAMETER;
    if (!map->binding) return STATUS_SUCCESS;
    if (map->binding->device->process != process) return STATUS_INVALID_PARAMETER;
    uint64_t pages = map->binding->alloc->size_bytes / UDXG_PAGE_SIZE;
    if (map->offset_pages > pages || map->size_pages > pages - map->offset_pages) return STATUS_INVALID_PARAMETER;
    return STATUS_SUCCESS;
}

/* The address, and the tree that the new node goes to. */
static udxg_status find_target_locked(struct vidmm_va_space *space, const struct vidmm_va_map *map, uint64_t size_bytes,
                                      uint64_t *ret_va, struct udxg_range_tree **ret_tree) UDXG_REQUIRES(VASPACE)
{
    *ret_tree = &space->spans;
    if (!map->base) {
        uint64_t alignment = size_bytes < RESERVATION_GRANULE ? UDXG_PAGE_SIZE : RESERVATION_GRANULE;
        return choose_locked(space, map->minimum, map->maximum, size_bytes, alignment, ret_va);
    }
    if (!vidmm_va_is_client_range(space, map->base, size_bytes)) return STATUS_INVALID_PARAMETER;
    *ret_va = map->base;
    switch (contents_locked(space, map->base, map->base + size_bytes)) {
    case HAS_FREE:
        return STATUS_SUCCESS;
    case HAS_MAPPED:
        return map->binding ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
    case HAS_RESERVED:
        *ret_tree = &space->overlay;
        return STATUS_SUCCESS;
    default:
        return STATUS_INVALID_PARAMETER;
    }
}

static void put_mapping_locked(struct vidmm_va_space *space, struct udxg_range_tree *tree,
                               const struct vidmm_va_map *map, uint64_t va, uint64_t size_bytes,
                               struct vidmm_va_spares *spares) UDXG_REQUIRES(VASPACE)
{
    struct vidmm_va_node *node = vidmm_va_take_spare(spares);
    if (map->base) vidmm_va_cut_locked(space, tree, va, va + size_bytes, spares); /* a chosen range is free */
    node->kind = VIDMM_VA_MAPPED;
    node->protection = (uint8_t)map->protection;
    node->offset_bytes = map->offset_pages * UDXG_PAGE_SIZE;
    vidmm_va_link_locked(node, map->binding);
    vidmm_va_insert_locked(space, tree, node, va, size_bytes);
}

udxg_status vidmm_va_map(struct vidmm_process *process, const struct vidmm_va_map *map, uint64_t *ret_va)
{
    struct vidmm_va_space *space = &process->va;
    udxg_status status = check_map(process, map);
    if (udxg_failed(status)) return status;
    struct vidmm_va_spares spares;
    if (!vidmm_va_get_spares(space, map->base ? 2 : 1, &spares)) return STATUS_NO_MEMORY;
    uint64_t size_bytes = map->size_pages * UDXG_PAGE_SIZE, va = 0;
    struct udxg_range_tree *tree;
    udxg_lock(VASPACE, &space->lock);
    status =
        vidmm_va_has_room_locked(space, 2) ? find_target_locked(space, map, size_bytes, &va, &tree) : STATUS_NO_MEMORY;
    if (!udxg_failed(status)) put_mapping_locked(space, tree, map, va, size_bytes, &spares);
    udxg_unlock(VASPACE, &space->lock);
    vidmm_va_put_spares(space, &spares);
    if (!udxg_failed(status)) *ret_va = va;
    return status;
}

/* ---- Free ---- */

udxg_status vidmm_va_free(struct vidmm_process *process, uint64_t base, uint64_t size_bytes)
{
    struct vidmm_va_space *space = &process->va;
    if ((base | size_bytes) % UDXG_PAGE_SIZE || !vidmm_va_is_client_range(space, base, size_bytes))
        return STATUS_INVALID_PARAMETER;
    struct vidmm_va_spares spares;
    if (!vidmm_va_get_spares(space, 1, &spares)) return STATUS_NO_MEMORY;
    udxg_status status = STATUS_INVALID_PARAMETER;
    udxg_lock(VASPACE, &space->lock);
    if (!(contents_locked(space, base, base + size_bytes) & HAS_FREE)) {
        vidmm_va_cut_locked(space, &space->overlay, base, base + size_bytes, &spares);
        vidmm_va_cut_locked(space, &space->spans, base, base + size_bytes, &spares);
        status = STATUS_SUCCESS;
    }
    udxg_unlock(VASPACE, &space->lock);
    vidmm_va_put_spares(space, &spares);
    return status;
}

/* The tree a mapping is in: it lies in reservations along its whole length, or in none. */
static struct udxg_range_tree *tree_of_locked(struct vidmm_va_space *space, struct vidmm_va_node *node)
    UDXG_REQUIRES(VASPACE)
{
    return udxg_range_tree_find(&space->spans, node->range.start) == &node->range ? &space->spans : &space->overlay;
}

void vidmm_va_release(struct vidmm_process *process, struct vidmm_binding *binding)
{
    struct vidmm_va_space *space = &process->va;
    udxg_lock(VASPACE, &space->lock);
    while (binding->mappings) {
        struct vidmm_va_node *node = binding->mappings;
        bool queued = node->kind == VIDMM_VA_QUEUED; /* its update will find that the allocation has gone */
        if (!queued) udxg_range_tree_remove(tree_of_locked(space, node), &node->range);
        vidmm_va_unlink_locked(node);
        if (queued) continue;
        udxg_slab_free(space->nodes, node);
        space->node_count--;
    }
    udxg_unlock(VASPACE, &space->lock);
}

/* ---- system mappings ---- */

udxg_status vidmm_va_map_system(struct vidmm_process *process, void *address, uint64_t size_bytes,
                                void (*written)(void *user, uint64_t offset), void *user, uint64_t *ret_va)
{
    struct vidmm_va_space *space = &process->va;
    struct vidmm_va_system *mapping = calloc(1, sizeof *mapping);
    if (!mapping) return STATUS_NO_MEMORY;
    mapping->node.kind = VIDMM_VA_SYSTEM;
    mapping->address = address;
    mapping->written = written;
    mapping->user = user;
    uint64_t va;
    udxg_lock(VASPACE, &space->lock);
    bool found = udxg_range_tree_find_gap(&space->spans, udxg_align_up(size_bytes, UDXG_PAGE_SIZE), UDXG_PAGE_SIZE,
                                          space->client_end, space->end, &va);
    if (found) vidmm_va_insert_locked(space, &space->spans, &mapping->node, va, size_bytes);
    udxg_unlock(VASPACE, &space->lock);
    if (!found) {
        free(mapping);
        return STATUS_GRAPHICS_NO_VIDEO_MEMORY;
    }
    *ret_va = va;
    return STATUS_SUCCESS;
}

static struct vidmm_va_system *take_system(struct vidmm_va_space *space, uint64_t va)
{
    udxg_lock(VASPACE, &space->lock);
    struct udxg_range_node *range = udxg_range_tree_find(&space->spans, va);
    bool is_system = range && vidmm_va_node_of(range)->kind == VIDMM_VA_SYSTEM;
    if (is_system) udxg_range_tree_remove(&space->spans, range);
    space->node_count -= is_system;
    udxg_unlock(VASPACE, &space->lock);
    return is_system ? udxg_container_of(vidmm_va_node_of(range), struct vidmm_va_system, node) : NULL;
}

void vidmm_va_unmap_system(struct vidmm_process *process, uint64_t va)
{
    struct vidmm_adapter *adapter = process->adapter;
    struct vidmm_va_system *mapping = take_system(&process->va, va);
    if (!mapping) return;
    udxg_lock(VIDMM, &adapter->lock);
    while (mapping->access_count) vidmm_adapter_wait_locked(adapter);
    udxg_unlock(VIDMM, &adapter->lock);
    free(mapping);
}

/* ---- resolution ---- */

uint64_t vidmm_va_offset(const struct vidmm_va_node *node, uint64_t va)
{
    uint64_t distance = va - node->range.start;
    if (!node->window_bytes) return node->offset_bytes + distance;
    return node->offset_bytes + (node->phase_bytes + distance) % node->window_bytes;
}

/* How far from VA on the mapping is one piece of its allocation. */
static uint64_t piece_of(const struct vidmm_va_node *node, uint64_t va)
{
    uint64_t length = vidmm_va_end_of(node) - va;
    if (!node->window_bytes) return length;
    uint64_t piece = node->window_bytes - (vidmm_va_offset(node, va) - node->offset_bytes);
    return piece < length ? piece : length;
}

struct vidmm_va_node *vidmm_va_find_locked(struct vidmm_va_space *space, uint64_t va, uint64_t *ret_length)
{
    struct udxg_range_node *span = udxg_range_tree_find(&space->spans, va);
    if (!span) return NULL;
    uint64_t end = vidmm_va_end_of(vidmm_va_node_of(span));
    if (vidmm_va_node_of(span)->kind == VIDMM_VA_RESERVED) {
        struct udxg_range_node *over = udxg_range_tree_lower_bound(&space->overlay, va);
        if (over && over->start <= va) {
            *ret_length = piece_of(vidmm_va_node_of(over), va);
            return vidmm_va_node_of(over);
        }
        if (over && over->start < end) end = over->start;
    }
    *ret_length = end - va;
    return vidmm_va_node_of(span);
}

/* ---- check ---- */

static const char *check_node_locked(struct vidmm_va_space *space, struct vidmm_va_node *node) UDXG_REQUIRES(VASPACE)
{
    if (node->kind == VIDMM_VA_SYSTEM)
        return node->range.start >= space->client_end ? NULL : "a system mapping lies among the clients'";
    if (vidmm_va_end_of(node) > space->client_end) return "a client's range lies among the system mappings";
    if (!node->binding) return node->protection & VIDMM_VA_NO_ALLOCATION ? NULL : "a range means nothing";
    if (*node->pprev != node) return "a mapping is not in its binding's list";
    if (node->window_bytes && node->phase_bytes >= node->window_bytes) return "a phase is not in its window";
    uint64_t piece = node->window_bytes ? node->window_bytes : node->range.size;
    if (node->offset_bytes + piece > node->binding->alloc->size_bytes) return "a mapping goes beyond its allocation";
    return NULL;
}

static const char *check_tree_locked(struct vidmm_va_space *space, struct udxg_range_tree *tree, uint32_t *count)
    UDXG_REQUIRES(VASPACE)
{
    const char *wrong = udxg_range_tree_check(tree);
    for (struct udxg_range_node *range = udxg_range_tree_first(tree); range && !wrong;
         range = udxg_range_tree_next(range)) {
        wrong = check_node_locked(space, vidmm_va_node_of(range));
        ++*count;
    }
    return wrong;
}

static const char *check_overlay_locked(struct vidmm_va_space *space) UDXG_REQUIRES(VASPACE)
{
    for (struct udxg_range_node *range = udxg_range_tree_first(&space->overlay); range;
         range = udxg_range_tree_next(range)) {
        if (vidmm_va_node_of(range)->kind != VIDMM_VA_MAPPED)
            return "something lies over a reservation that is no mapping";
        if (contents_locked(space, range->start, range->start + range->size) != HAS_RESERVED)
            return "a mapping lies over something that is no reservation";
    }
    return NULL;
}

const char *vidmm_va_space_check(struct vidmm_va_space *space)
{
    uint32_t count = 0;
    udxg_lock(VASPACE, &space->lock);
    const char *wrong = check_tree_locked(space, &space->spans, &count);
    if (!wrong) wrong = check_tree_locked(space, &space->overlay, &count);
    if (!wrong && count != space->node_count) wrong = "an address space has more or fewer nodes than it says";
    if (!wrong) wrong = check_overlay_locked(space);
    udxg_unlock(VASPACE, &space->lock);
    return wrong;
}
