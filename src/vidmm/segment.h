/* SPDX-License-Identifier: MIT */
/*
 * A segment: video memory, or an aperture. A memory segment is a pool that no client maps; an aperture has no
 * memory of its own, only a limit to what may be resident in it.
 *
 * What is listed may be more than fits; what is promised may not:
 *
 *     demand_bytes = sum of need(a) over allocations a with target_id == id and promised    <= capacity_bytes
 *
 * Ranges of a memory segment need not be contiguous unless the allocation is accessed physically, so whoever
 * was promised room gets it once everything else has left: what is held beyond the demand is on the lists
 * `offered`, `leaving` and `kept`, or on the move.
 *
 *     place SEGMENT, an offer in effect               -> offered, by rank, first offered first
 *     place SEGMENT, target_id == id, promised        -> settled
 *     place SEGMENT, no target, to be kept            -> kept, least recently used first
 *     place SEGMENT, anything else                    -> leaving, to be paged out as soon as may be
 *     PAGING_IN, PAGING_OUT                           -> no list, counted in moving_bytes
 *
 * Who has to give up a promise is victim.h's business: the shelves are where it looks.
 *
 * Locks: VIDMM, the caller's. It does not decide who goes where (residency.c) and copies nothing (paging.c).
 */
#ifndef UDXG_VIDMM_SEGMENT_H
#define UDXG_VIDMM_SEGMENT_H

#include "vidmm/pool.h"
#include "vidmm/vidmm.h"

/* A target_id that is no segment: plain system memory, where a locked allocation is without an aperture. */
#define VIDMM_SYSTEM_ID 0xffu

/* Part of an allocation inside a memory segment; they follow each other in the allocation's order. */
struct vidmm_extent {
    struct vidmm_extent *next;
    struct udxg_range *range;
    char *address;
    uint64_t size_bytes;
};

/* What victim.h knows a segment's listed allocations by. */
enum vidmm_shelf { VIDMM_SHELF_HELD, VIDMM_SHELF_DEMOTED, VIDMM_SHELF_SUSPENDED, VIDMM_SHELVES };
enum { VIDMM_CLASSES = 5 }; /* of priority: from D3DDDI_ALLOCATIONPRIORITY_MINIMUM to ..._MAXIMUM */

struct vidmm_segment {
    struct udxg_segment desc;               /* constant */
    uint32_t id;                            /* 1-based; constant */
    bool aperture;                          /* constant */
    enum vidmm_group group;                 /* VIDMM_GROUP_COUNT: no budget; constant */
    uint64_t capacity_bytes, granule_bytes; /* constant */
    struct vidmm_pool *pool;                /* NULL for an aperture; constant */
    struct udxg_slab *extents;              /* borrowed; constant */
    struct udxg_list settled UDXG_GUARDED_BY(VIDMM);
    struct udxg_list kept UDXG_GUARDED_BY(VIDMM);
    struct udxg_list leaving UDXG_GUARDED_BY(VIDMM);
    struct udxg_list offered[VIDMM_OFFER_RANKS] UDXG_GUARDED_BY(VIDMM);
    struct udxg_list shelves[VIDMM_SHELVES][VIDMM_CLASSES] UDXG_GUARDED_BY(VIDMM); /* of struct vidmm_bucket */
    uint64_t pressed_ns UDXG_GUARDED_BY(VIDMM); /* when room was last taken from somebody, or missing */
    uint64_t demand_bytes UDXG_GUARDED_BY(VIDMM);
    uint8_t packing UDXG_GUARDED_BY(VIDMM); /* enum vidmm_defrag: whoever comes in is put at that end */
    uint64_t moving_bytes UDXG_GUARDED_BY(VIDMM);
    uint64_t resident_bytes UDXG_GUARDED_BY(VIDMM); /* place SEGMENT or APERTURE, unrounded */
    uint64_t resident_allocations UDXG_GUARDED_BY(VIDMM);
    uint64_t paged_in_bytes UDXG_GUARDED_BY(VIDMM);
    uint64_t paged_out_bytes UDXG_GUARDED_BY(VIDMM);
    uint64_t discarded_bytes UDXG_GUARDED_BY(VIDMM);
};

/* EXTENTS is a slab of struct vidmm_extent, borrowed. */
udxg_status vidmm_segment_create(const struct udxg_segment *desc, uint32_t id, struct udxg_slab *extents,
                                 struct vidmm_segment **ret) UDXG_MUST_CHECK;
/* Takes NULL. */
void vidmm_segment_destroy(struct vidmm_segment *segment);

/* What SIZE takes of the segment. */
uint64_t vidmm_segment_need(const struct vidmm_segment *segment, uint64_t size_bytes);

/*
 * Room for ALLOC, all or nothing. STATUS_GRAPHICS_NO_VIDEO_MEMORY when there is not enough, or not in one
 * piece for one that is accessed physically; STATUS_NO_MEMORY when bookkeeping cannot be had.
 */
udxg_status vidmm_segment_take_locked(struct vidmm_segment *segment, const struct vidmm_alloc *alloc,
                                      struct vidmm_extent **ret) UDXG_MUST_CHECK UDXG_REQUIRES(VIDMM);
void vidmm_segment_give_locked(struct vidmm_segment *segment, struct vidmm_extent *extents) UDXG_REQUIRES(VIDMM);

/* Who goes first when room is needed, NULL when nobody can: what is offered, what has to leave, what is kept. */
struct vidmm_alloc *vidmm_segment_victim_locked(struct vidmm_segment *segment) UDXG_REQUIRES(VIDMM);
/* Who has to leave without anybody needing the room, NULL when nobody has. */
struct vidmm_alloc *vidmm_segment_leaver_locked(struct vidmm_segment *segment) UDXG_REQUIRES(VIDMM);

/* Puts an allocation on the list it belongs to by its place and target. */
void vidmm_segment_relink_locked(struct vidmm_segment *segment, struct vidmm_alloc *alloc) UDXG_REQUIRES(VIDMM);

const char *vidmm_segment_check_locked(struct vidmm_segment *segment) UDXG_REQUIRES(VIDMM);

#endif
