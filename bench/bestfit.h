/* SPDX-License-Identifier: MIT */
/*
 * Best fit: the smallest free range that is large enough. It is the anchor for how full a space can be made; its speed
 * is not measured. Sizes are multiples of 4 KiB.
 */
#ifndef BENCH_BESTFIT_H
#define BENCH_BESTFIT_H

#include <stdint.h>

#include "ring.h"

#define BESTFIT_EXACT 8192u /* pages: shorter ranges have a list for each size, longer ones share the first */

struct bestfit {
    struct ring ring;
    struct ring_node *first[BESTFIT_EXACT];
};

void bestfit_init(struct bestfit *bestfit, uint64_t size, uint32_t node_count);
void bestfit_fini(struct bestfit *bestfit);
/* NULL when nothing is large enough. */
struct ring_node *bestfit_alloc(struct bestfit *bestfit, uint64_t size);
void bestfit_free(struct bestfit *bestfit, struct ring_node *node);

#endif
