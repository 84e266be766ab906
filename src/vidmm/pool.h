/* SPDX-License-Identifier: MIT */
/*
 * A pool: one large sparse memory file of constant size, mapped once, and the ranges of it that are in use. The homes
 * of a process lie in a pool, and so does a segment of video memory. There is no descriptor and no mapping per
 * allocation.
 *
 * Every function may be called from any thread. Sizes, offsets and alignments are bytes; ranges are whole
 * pages.
 */
#ifndef UDXG_VIDMM_POOL_H
#define UDXG_VIDMM_POOL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "range/allocator.h"

struct vidmm_pool;

#define VIDMM_POOL_KEEP_ALL UINT64_MAX             /* never give a page back before the pool goes */
#define VIDMM_POOL_KEEP_DEFAULT (UINT64_C(256) << 20)

struct vidmm_pool_desc {
    const char *name;       /* of the memory file, as in /proc/self/maps */
    uint64_t size_bytes;    /* what is wished for; rounded up to pages */
    uint64_t minimum_bytes; /* what will do when the system refuses that; 0: size_bytes and nothing less */
    uint64_t keep_bytes;    /* of freed ranges whose pages stay for the next owner; VIDMM_POOL_KEEP_... */
};

/* STATUS_NO_MEMORY when not even the minimum can be mapped. */
udxg_status vidmm_pool_create(const struct vidmm_pool_desc *desc, struct vidmm_pool **ret) UDXG_MUST_CHECK;
/* Unmaps; ranges still in use go with it. Takes NULL. */
void vidmm_pool_destroy(struct vidmm_pool *pool);

/*
 * A range of SIZE at a multiple of ALIGNMENT (a power of two); its address is one too, up to 2 MiB (up to
 * 64 KiB in a pool smaller than 2 MiB). With ZEROED it reads as zero, otherwise it may hold what an earlier
 * owner of the same pool left. STATUS_GRAPHICS_NO_VIDEO_MEMORY when no free range is large enough (ranges that
 * another thread is just giving back to the system do not count), STATUS_NO_MEMORY when a node cannot be had.
 * RET_ADDRESS may be NULL.
 */
udxg_status vidmm_pool_alloc(struct vidmm_pool *pool, uint64_t size_bytes, uint64_t alignment_bytes,
                             enum udxg_range_end end, bool zeroed, struct udxg_range **ret_range,
                             void **ret_address) UDXG_MUST_CHECK;
/* Takes the range, which nobody may be using any more. */
void vidmm_pool_free(struct vidmm_pool *pool, struct udxg_range *range);

/*
 * Gives the pages of a range in use back to the system; the range stays its owner's and reads as zero. They count
 * as dirty as before, so whoever has the range next finds it zeroed also when its owner goes on writing. What the
 * system does not take back is zeroed.
 */
void vidmm_pool_discard(struct vidmm_pool *pool, const struct udxg_range *range);

/* Where the range is in this process. Its offset in the memory file is udxg_range_offset(). */
void *vidmm_pool_address(const struct vidmm_pool *pool, const struct udxg_range *range);
/* Where the whole pool is mapped, and how large it is. */
void *vidmm_pool_base(const struct vidmm_pool *pool);
uint64_t vidmm_pool_bytes(const struct vidmm_pool *pool);
/* Borrows the memory file, for those who may map it too. */
int vidmm_pool_fd(const struct vidmm_pool *pool);

struct vidmm_pool_stats {
    uint64_t mapped_bytes;       /* the size of the pool */
    uint64_t used_bytes;         /* ranges in use */
    uint64_t kept_bytes;         /* free, but holding pages of an earlier owner */
    uint64_t largest_free_bytes; /* no single range can be larger */
};
void vidmm_pool_stats(struct vidmm_pool *pool, struct vidmm_pool_stats *ret);

/* Recounts everything; NULL or what is wrong. No other thread may be inside. */
const char *vidmm_pool_check(struct vidmm_pool *pool);

#endif
