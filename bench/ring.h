/* SPDX-License-Identifier: MIT */
/*
 * What the plain allocators of this folder share: all ranges of a space, free and used, on a ring in the order of
 * their offsets. Nodes come from an array that was written once, so that neither pays for the system's memory. No
 * locks; a ring that runs out of nodes ends the process.
 */
#ifndef BENCH_RING_H
#define BENCH_RING_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "measure.h"

struct ring_node {
    uint64_t offset, size;
    struct ring_node *prev, *next;           /* neighbours */
    struct ring_node *free_prev, *free_next; /* of a free range, or spare: free_next only */
    bool free;
};

struct ring {
    struct ring_node *nodes, *spare;
    struct ring_node edge; /* used for ever: before the first range and behind the last */
};

static inline struct ring_node *ring_insert(struct ring *ring, struct ring_node *before, uint64_t offset, uint64_t size)
{
    struct ring_node *node = ring->spare;
    if (!node) measure_die("a plain allocator is out of nodes");
    ring->spare = node->free_next;
    node->offset = offset;
    node->size = size;
    node->free = false;
    node->prev = before;
    node->next = before->next;
    before->next->prev = node;
    before->next = node;
    return node;
}

static inline void ring_remove(struct ring *ring, struct ring_node *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    node->free_next = ring->spare;
    ring->spare = node;
}

/* One range of SIZE, used. */
static inline struct ring_node *ring_init(struct ring *ring, uint64_t size, uint32_t node_count)
{
    memset(ring, 0, sizeof *ring);
    ring->nodes = malloc(node_count * sizeof *ring->nodes);
    if (!ring->nodes) measure_die("out of memory");
    for (uint32_t i = node_count; i-- > 0;) {
        ring->nodes[i].free_next = ring->spare;
        ring->spare = &ring->nodes[i];
    }
    ring->edge.prev = ring->edge.next = &ring->edge;
    return ring_insert(ring, &ring->edge, 0, size);
}

static inline void ring_fini(struct ring *ring)
{
    free(ring->nodes);
}

#endif
