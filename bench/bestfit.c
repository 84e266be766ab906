/* SPDX-License-Identifier: MIT */
/* Best fit. Of equally small ranges the lowest is taken. No two neighbours are free. */
#include "bestfit.h"

#define PAGE_SHIFT 12u

static struct ring_node **list_of(struct bestfit *bestfit, uint64_t size)
{
    uint64_t pages = size >> PAGE_SHIFT;
    return &bestfit->first[pages < BESTFIT_EXACT ? pages : 0];
}

static void insert(struct bestfit *bestfit, struct ring_node *node)
{
    struct ring_node **first = list_of(bestfit, node->size);
    node->free = true;
    node->free_prev = NULL;
    node->free_next = *first;
    if (*first) (*first)->free_prev = node;
    *first = node;
}

static void take(struct bestfit *bestfit, struct ring_node *node)
{
    node->free = false;
    if (node->free_next) node->free_next->free_prev = node->free_prev;
    if (node->free_prev)
        node->free_prev->free_next = node->free_next;
    else
        *list_of(bestfit, node->size) = node->free_next;
}

static bool is_better(const struct ring_node *node, const struct ring_node *best)
{
    if (!best || node->size != best->size) return !best || node->size < best->size;
    return node->offset < best->offset;
}

static struct ring_node *best_of(struct ring_node *first, uint64_t size)
{
    struct ring_node *best = NULL;
    for (struct ring_node *node = first; node; node = node->free_next)
        if (node->size >= size && is_better(node, best)) best = node;
    return best;
}

static struct ring_node *find(struct bestfit *bestfit, uint64_t size)
{
    for (uint64_t pages = size >> PAGE_SHIFT; pages < BESTFIT_EXACT; pages++)
        if (bestfit->first[pages]) return best_of(bestfit->first[pages], size);
    return best_of(bestfit->first[0], size);
}

void bestfit_init(struct bestfit *bestfit, uint64_t size, uint32_t node_count)
{
    memset(bestfit, 0, sizeof *bestfit);
    insert(bestfit, ring_init(&bestfit->ring, size, node_count));
}

void bestfit_fini(struct bestfit *bestfit)
{
    ring_fini(&bestfit->ring);
}

struct ring_node *bestfit_alloc(struct bestfit *bestfit, uint64_t size)
{
    struct ring_node *node = find(bestfit, size);
    if (!node) return NULL;
    take(bestfit, node);
    if (node->size == size) return node;
    insert(bestfit, ring_insert(&bestfit->ring, node, node->offset + size, node->size - size));
    node->size = size;
    return node;
}

void bestfit_free(struct bestfit *bestfit, struct ring_node *node)
{
    struct ring_node *prev = node->prev, *next = node->next;
    if (prev->free) {
        take(bestfit, prev);
        prev->size += node->size;
        ring_remove(&bestfit->ring, node);
        node = prev;
    }
    if (next->free) {
        take(bestfit, next);
        node->size += next->size;
        ring_remove(&bestfit->ring, next);
    }
    insert(bestfit, node);
}
