/* SPDX-License-Identifier: MIT */
/*
 * Two-level segregated fit, as its paper has it: the anchor of the range allocator. Free ranges hang in lists by size,
 * 32 for each power of two; a request is rounded up to the next list's sizes and takes the first range of the first
 * list that has one, so it never searches. Sizes are multiples of 4 KiB.
 */
#ifndef BENCH_TLSF_H
#define BENCH_TLSF_H

#include <stdint.h>

#include "ring.h"

#define TLSF_SHIFT 5u /* log2 of the lists for one power of two */
#define TLSF_LISTS (1u << TLSF_SHIFT)
#define TLSF_LEVELS 64u

struct tlsf {
    struct ring ring;
    uint64_t levels; /* that have a range */
    uint32_t lists[TLSF_LEVELS];
    struct ring_node *first[TLSF_LEVELS][TLSF_LISTS];
};

void tlsf_init(struct tlsf *tlsf, uint64_t size, uint32_t node_count);
void tlsf_fini(struct tlsf *tlsf);
/* NULL when no list that is sure to do has a range. */
struct ring_node *tlsf_alloc(struct tlsf *tlsf, uint64_t size);
void tlsf_free(struct tlsf *tlsf, struct ring_node *node);

#endif
