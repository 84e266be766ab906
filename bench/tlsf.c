/* SPDX-License-Identifier: MIT */
/* Two-level segregated fit. Invariants: a list's bit is set while it has a range; no two neighbours are free. */
#include "tlsf.h"

struct place {
    unsigned level, list;
};

static struct place place_of(uint64_t size)
{
    unsigned level = 63u - (unsigned)__builtin_clzll(size);
    return (struct place){level, (unsigned)(size >> (level - TLSF_SHIFT)) & (TLSF_LISTS - 1)};
}

static void insert(struct tlsf *tlsf, struct ring_node *node)
{
    struct place place = place_of(node->size);
    struct ring_node **first = &tlsf->first[place.level][place.list];
    node->free = true;
    node->free_prev = NULL;
    node->free_next = *first;
    if (*first) (*first)->free_prev = node;
    *first = node;
    tlsf->lists[place.level] |= 1u << place.list;
    tlsf->levels |= UINT64_C(1) << place.level;
}

static void take(struct tlsf *tlsf, struct ring_node *node)
{
    struct place place = place_of(node->size);
    node->free = false;
    if (node->free_next) node->free_next->free_prev = node->free_prev;
    if (node->free_prev) {
        node->free_prev->free_next = node->free_next;
        return;
    }
    tlsf->first[place.level][place.list] = node->free_next;
    if (node->free_next) return;
    tlsf->lists[place.level] &= ~(1u << place.list);
    if (!tlsf->lists[place.level]) tlsf->levels &= ~(UINT64_C(1) << place.level);
}

/* The first range of the first list from PLACE on that has one. */
static struct ring_node *find(const struct tlsf *tlsf, struct place place)
{
    uint32_t lists = tlsf->lists[place.level] & (~UINT32_C(0) << place.list);
    if (!lists) {
        uint64_t levels = place.level == 63 ? 0 : tlsf->levels & (~UINT64_C(0) << (place.level + 1));
        if (!levels) return NULL;
        place.level = (unsigned)__builtin_ctzll(levels);
        lists = tlsf->lists[place.level];
    }
    return tlsf->first[place.level][__builtin_ctz(lists)];
}

void tlsf_init(struct tlsf *tlsf, uint64_t size, uint32_t node_count)
{
    memset(tlsf, 0, sizeof *tlsf);
    insert(tlsf, ring_init(&tlsf->ring, size, node_count));
}

void tlsf_fini(struct tlsf *tlsf)
{
    ring_fini(&tlsf->ring);
}

struct ring_node *tlsf_alloc(struct tlsf *tlsf, uint64_t size)
{
    unsigned level = 63u - (unsigned)__builtin_clzll(size);
    uint64_t rounded = size + (UINT64_C(1) << (level - TLSF_SHIFT)) - 1;
    struct ring_node *node = find(tlsf, place_of(rounded));
    if (!node) return NULL;
    take(tlsf, node);
    if (node->size == size) return node;
    insert(tlsf, ring_insert(&tlsf->ring, node, node->offset + size, node->size - size));
    node->size = size;
    return node;
}

void tlsf_free(struct tlsf *tlsf, struct ring_node *node)
{
    struct ring_node *prev = node->prev, *next = node->next;
    if (prev->free) {
        take(tlsf, prev);
        prev->size += node->size;
        ring_remove(&tlsf->ring, node);
        node = prev;
    }
    if (next->free) {
        take(tlsf, next);
        node->size += next->size;
        ring_remove(&tlsf->ring, next);
    }
    insert(tlsf, node);
}
