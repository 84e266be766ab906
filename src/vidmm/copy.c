/* SPDX-License-Identifier: MIT */
/* Copies; the rules stand in the header. */
#include "vidmm/copy.h"

#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "vidmm/alloc.h"
#include "vidmm/offer.h"

/* Measured (udxg-bench, P14): from here on, past the caches is faster than through them, by 1.6 to 1.8. */
#define STREAM_LEAST_BYTES (UINT64_C(1) << 20)
#define AHEAD_BYTES 1024

void vidmm_copy_begin_in_locked(struct vidmm_alloc *alloc, struct vidmm_extent *extents, struct vidmm_copy *ret)
{
    alloc->extents = extents;
    vidmm_alloc_set_place_locked(alloc, VIDMM_PLACE_PAGING_IN, alloc->target_id);
    *ret = (struct vidmm_copy){.alloc = alloc, .in = true};
}

void vidmm_copy_begin_out_locked(struct vidmm_alloc *alloc, struct vidmm_copy *ret)
{
    bool lost = vidmm_offer_lose_locked(alloc);
    vidmm_alloc_set_place_locked(alloc, VIDMM_PLACE_PAGING_OUT, alloc->segment_id);
    *ret = (struct vidmm_copy){.alloc = alloc, .in = false, .lost = lost};
}

/* The extents of the allocation, once no engine is inside: they stay what they are until the copy is done. */
static const struct vidmm_extent *wait_for_engines(struct vidmm_copy *copy)
{
    struct vidmm_alloc *alloc = copy->alloc;
    struct vidmm_adapter *adapter = alloc->process->adapter;
    udxg_lock(VIDMM, &adapter->lock);
    while (alloc->access_count) vidmm_adapter_wait_locked(adapter);
    copy->discard = !copy->in && (alloc->clean || copy->lost);
    const struct vidmm_extent *extents = alloc->extents;
    udxg_unlock(VIDMM, &adapter->lock);
    return extents;
}

/*
 * Whole pages, past the caches: nobody is about to read what was just copied, and memory need not be read in order to
 * be overwritten whole. memcpy does so only from sizes on that only a few allocations have.
 */
static void stream(char *to, const char *from, uint64_t size_bytes)
{
#ifdef __SSE2__
    for (uint64_t at = 0; at < size_bytes; at += 64) {
        const __m128i *source = (const __m128i *)(const void *)(from + at);
        __m128i *target = (__m128i *)(void *)(to + at);
        _mm_prefetch(from + at + AHEAD_BYTES, _MM_HINT_NTA);
        __m128i first = _mm_load_si128(source), second = _mm_load_si128(source + 1); /* a loop is not unrolled */
        __m128i third = _mm_load_si128(source + 2), fourth = _mm_load_si128(source + 3);
        _mm_stream_si128(target, first);
        _mm_stream_si128(target + 1, second);
        _mm_stream_si128(target + 2, third);
        _mm_stream_si128(target + 3, fourth);
    }
    _mm_sfence();
#else
    memcpy(to, from, size_bytes);
#endif
}

static void move_bytes(const struct vidmm_copy *copy, const struct vidmm_extent *extents)
{
    char *home = copy->alloc->home;
    uint64_t left = copy->alloc->size_bytes;
    for (const struct vidmm_extent *extent = extents; extent && left; extent = extent->next) {
        uint64_t size = extent->size_bytes < left ? extent->size_bytes : left; /* the last may be padded */
        char *to = copy->in ? extent->address : home;
        const char *from = copy->in ? home : extent->address;
        if (copy->alloc->size_bytes >= STREAM_LEAST_BYTES)
            stream(to, from, size);
        else
            memcpy(to, from, size);
        home += size;
        left -= size;
    }
}

void vidmm_copy_run(struct vidmm_copy *copy)
{
    const struct vidmm_extent *extents = wait_for_engines(copy);
    vidmm_copied *copied = copy->alloc->process->adapter->copied;
    if (!copy->discard) move_bytes(copy, extents);
    if (!copy->discard && copied) copied(copy->in, copy->alloc->size_bytes);
    if (copy->lost) vidmm_pool_discard(vidmm_alloc_pool(copy->alloc), copy->alloc->home_range);
}

static void done_in_locked(struct vidmm_alloc *alloc, struct vidmm_segment *segment) UDXG_REQUIRES(VIDMM)
{
    segment->paged_in_bytes += alloc->size_bytes;
    alloc->process->counters.paged_in_bytes += alloc->size_bytes;
    alloc->clean = true;
    vidmm_alloc_set_place_locked(alloc, VIDMM_PLACE_SEGMENT, segment->id);
    vidmm_alloc_retargeted_locked(alloc);
}

static void done_out_locked(struct vidmm_alloc *alloc, struct vidmm_segment *segment, bool discard) UDXG_REQUIRES(VIDMM)
{
    struct vidmm_counters *counters = &alloc->process->counters;
    *(discard ? &segment->discarded_bytes : &segment->paged_out_bytes) += alloc->size_bytes;
    *(discard ? &counters->discarded_bytes : &counters->paged_out_bytes) += alloc->size_bytes;
    vidmm_segment_give_locked(segment, alloc->extents);
    alloc->extents = NULL;
    alloc->clean = false;
    vidmm_alloc_settle_home_locked(alloc);
}

void vidmm_copy_done_locked(const struct vidmm_copy *copy)
{
    struct vidmm_alloc *alloc = copy->alloc;
    struct vidmm_adapter *adapter = alloc->process->adapter;
    struct vidmm_segment *segment = vidmm_adapter_segment_of(adapter, alloc->segment_id);
    if (copy->in)
        done_in_locked(alloc, segment);
    else
        done_out_locked(alloc, segment, copy->discard);
    vidmm_adapter_changed_locked(adapter);
    vidmm_pager_kick_locked(adapter);
}
