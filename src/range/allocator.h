/* SPDX-License-Identifier: MIT */
/*
 * Allocates ranges of a linear space (a pool of system memory, a segment of video memory) without touching
 * the space itself. Best fit by segregated lists: one list for each size up to 4,095 granules, 64 lists a power
 * of two above; adjacent free ranges merge at once. Every operation is O(1), but for an allocation that is about
 * to fail, or that wants an alignment which hardly any range has: that looks at all ranges that are large
 * enough. Units are whatever the user says (bytes, pages); sizes and offsets are multiples of the granule.
 *
 * Locks: none; the user's.
 */
#ifndef UDXG_RANGE_ALLOCATOR_H
#define UDXG_RANGE_ALLOCATOR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

struct udxg_range; /* one range of the space, free or used; opaque but for its offset and size */
struct udxg_range_allocator;

enum udxg_range_end {
    UDXG_RANGE_FROM_START, /* the default: the start of the range that fits best, the lower of several small ones */
    UDXG_RANGE_FROM_END,   /* DXGK_SEGMENTPREFERENCE Direction 1: the end, and the higher */
};

/*
 * A space [0, size) whose ranges are multiples of GRANULE, a power of two. STATUS_INVALID_PARAMETER when SIZE is
 * no multiple of it, or 2^32 granules and more. Takes address space for all the nodes it could come to need, up
 * to 1 GiB, and memory for those it needs.
 */
udxg_status udxg_range_allocator_create(uint64_t size, uint64_t granule,
                                        struct udxg_range_allocator **ret) UDXG_MUST_CHECK;
/* Frees all ranges, used ones too. Takes NULL. */
void udxg_range_allocator_destroy(struct udxg_range_allocator *allocator);

/*
 * A used range of SIZE (rounded up to the granule) at a multiple of ALIGNMENT (a power of two; at least the
 * granule is used). STATUS_GRAPHICS_NO_VIDEO_MEMORY when no free range has room for it, STATUS_NO_MEMORY
 * when there are 2^25 ranges, STATUS_INVALID_PARAMETER when SIZE is 0 or ALIGNMENT no power of two; nothing has
 * changed then.
 */
udxg_status udxg_range_alloc(struct udxg_range_allocator *allocator, uint64_t size, uint64_t alignment,
                             enum udxg_range_end end, struct udxg_range **ret) UDXG_MUST_CHECK;
void udxg_range_free(struct udxg_range_allocator *allocator, struct udxg_range *range);

uint64_t udxg_range_offset(const struct udxg_range *range);
uint64_t udxg_range_size(const struct udxg_range *range);

uint64_t udxg_range_allocator_used(const struct udxg_range_allocator *allocator);
uint64_t udxg_range_allocator_largest_free(const struct udxg_range_allocator *allocator);

/* Recounts everything; returns NULL or what is wrong. */
const char *udxg_range_allocator_check(const struct udxg_range_allocator *allocator);

#endif
