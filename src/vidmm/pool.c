/* SPDX-License-Identifier: MIT */
/*
 * The pool's memory file is sparse: a page costs nothing until somebody writes it, and then it stays. What is
 * known about each page is one bit, DIRTY: it may hold bytes of an earlier or a present owner. A page that is
 * not dirty reads as zero.
 *
 *     clean, free --alloc--> dirty, used --free--> dirty, free (kept) --alloc--> zeroed if asked for, used
 *                                            \--> punched: clean, free
 *
 * The bits of a range are written by its sole owner: who has allocated it, or who is freeing it. Words of the
 * bitmap are shared with neighbours, hence the atomics. Zeroing happens outside the lock: the range belongs to
 * the caller by then.
 *
 * Giving pages back. A fresh page costs twenty times what clearing a resident one does, so freed pages are
 * kept, up to KEEP_BYTES. Beyond that, ranges being freed wait on a list, still used as far as the
 * allocator knows; when the list has PENDING_BYTES or PENDING_RANGES, one thread takes it, joins neighbours,
 * punches them outside the lock, and only then frees them. So a small destroy does not pay for a system call
 * of its own, and at most PENDING_BYTES are out of reach; an allocation that finds nothing punches the list
 * first and tries again. Which pages are kept is decided by who is freed first, not by age: an exact order
 * would need a list through all free ranges, and what it would save is bounded by KEEP_BYTES.
 *
 * Invariants: dirty pages = used pages + kept pages (those that are waiting to be punched are used).
 * Locks: POOL, for the allocator and the waiting list; never held while memory is written or punched.
 * A pool charges nothing against anybody's limits, and knows nothing of who uses it.
 */
#include "vidmm/pool.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/lock.h"
#include "base/os.h"

#define PENDING_RANGES 256u
#define PENDING_BYTES (UINT64_C(16) << 20)
#define WORD_PAGES 64u

/* A range with its numbers, which may be asked for under the lock alone: its neighbours share a word with them. */
struct stretch {
    struct udxg_range *range;
    uint64_t offset, size;
};

struct waiting {
    uint32_t count;
    uint64_t bytes;
    struct stretch ranges[PENDING_RANGES];
};

struct vidmm_pool {
    int fd;
    char *base;
    uint64_t size_bytes, keep_bytes;
    _Atomic uint64_t *dirty;     /* a bit a page */
    _Atomic uint64_t kept_bytes; /* grows before a range becomes free, falls after it was taken */
    struct udxg_mutex_POOL lock;
    struct udxg_range_allocator *ranges UDXG_GUARDED_BY(POOL);
    struct waiting waiting UDXG_GUARDED_BY(POOL); /* to be punched */
    uint64_t reached_bytes UDXG_GUARDED_BY(POOL); /* no range has ever ended beyond: what is there was never dirty */
};

static uint64_t bitmap_bytes(uint64_t size_bytes)
{
    return udxg_align_up(size_bytes / UDXG_PAGE_SIZE, WORD_PAGES) / 8;
}

/* ---- create and destroy ---- */

static udxg_status map_file(struct vidmm_pool *pool, const char *name, uint64_t size_bytes)
{
    UDXG_AUTO_CLOSE int fd = -1;
    void *base;
    udxg_status status = udxg_os_memfd(name, size_bytes, &fd);
    if (udxg_failed(status)) return status;
    /* Others may have it, too: nobody who has it mapped is to die because another cut it. */
    status = udxg_os_seal_size(fd);
    if (udxg_failed(status)) return status;
    status = udxg_os_map(fd, 0, size_bytes, true, &base);
    if (udxg_failed(status)) return status;
    pool->fd = udxg_steal_fd(&fd);
    pool->base = base;
    pool->size_bytes = size_bytes;
    return STATUS_SUCCESS;
}

/* The system may refuse address space (RLIMIT_AS) or file size; half of it may still do. */
static udxg_status map_largest(struct vidmm_pool *pool, const struct vidmm_pool_desc *desc)
{
    uint64_t size = udxg_align_up(desc->size_bytes, UDXG_PAGE_SIZE);
    uint64_t minimum = desc->minimum_bytes ? udxg_align_up(desc->minimum_bytes, UDXG_PAGE_SIZE) : size;
    if (!size || minimum > size) return STATUS_INVALID_PARAMETER;
    for (;;) {
        udxg_status status = map_file(pool, desc->name, size);
        if (!udxg_failed(status) || size == minimum) return status;
        size = udxg_align_up(size / 2, UDXG_PAGE_SIZE);
        if (size < minimum) size = minimum;
    }
}

static udxg_status create_ranges(struct vidmm_pool *pool)
{
    struct udxg_range_allocator *ranges;
    udxg_status status = udxg_range_allocator_create(pool->size_bytes, UDXG_PAGE_SIZE, &ranges);
    if (udxg_failed(status)) return status;
    udxg_lock(POOL, &pool->lock);
    pool->ranges = ranges;
    udxg_unlock(POOL, &pool->lock);
    return STATUS_SUCCESS;
}

static udxg_status init(struct vidmm_pool *pool, const struct vidmm_pool_desc *desc)
{
    void *bitmap;
    pool->fd = -1;
    pool->keep_bytes = desc->keep_bytes;
    udxg_mutex_init_POOL(&pool->lock);
    udxg_status status = map_largest(pool, desc);
    if (udxg_failed(status)) return status;
    status = udxg_os_map_anonymous(bitmap_bytes(pool->size_bytes), &bitmap);
    if (udxg_failed(status)) return status;
    pool->dirty = bitmap;
    return create_ranges(pool);
}

udxg_status vidmm_pool_create(const struct vidmm_pool_desc *desc, struct vidmm_pool **ret)
{
    struct vidmm_pool *pool = calloc(1, sizeof(*pool));
    if (!pool) return STATUS_NO_MEMORY;
    udxg_status status = init(pool, desc);
    if (udxg_failed(status)) {
        vidmm_pool_destroy(pool);
        return status;
    }
    *ret = pool;
    return STATUS_SUCCESS;
}

void vidmm_pool_destroy(struct vidmm_pool *pool)
{
    if (!pool) return;
    udxg_lock(POOL, &pool->lock);
    udxg_range_allocator_destroy(pool->ranges);
    udxg_unlock(POOL, &pool->lock);
    udxg_mutex_fini_POOL(&pool->lock);
    if (pool->dirty) udxg_os_unmap((void *)pool->dirty, bitmap_bytes(pool->size_bytes));
    if (pool->base) udxg_os_unmap(pool->base, pool->size_bytes);
    if (pool->fd != -1) close(pool->fd);
    free(pool);
}

/* ---- dirty pages ---- */

/* The bits of pages [first, end) that are in the word of page FIRST. */
static uint64_t word_mask(uint64_t first, uint64_t end)
{
    uint64_t word_end = (first / WORD_PAGES + 1) * WORD_PAGES;
    uint64_t mask = ~UINT64_C(0) << first % WORD_PAGES;
    if (end < word_end) mask &= ~UINT64_C(0) >> (word_end - end);
    return mask;
}

/* Sets or clears the bits of MASK; returns the word as it was. A full word is ours alone. */
static uint64_t change_word(_Atomic uint64_t *word, uint64_t mask, bool dirty)
{
    if (mask == ~UINT64_C(0)) {
        uint64_t before = atomic_load_explicit(word, memory_order_relaxed);
        atomic_store_explicit(word, dirty ? mask : 0, memory_order_relaxed);
        return before;
    }
    if (dirty) return atomic_fetch_or_explicit(word, mask, memory_order_relaxed);
    return atomic_fetch_and_explicit(word, ~mask, memory_order_relaxed);
}

static void zero_pages(struct vidmm_pool *pool, uint64_t first, uint64_t end)
{
    memset(pool->base + first * UDXG_PAGE_SIZE, 0, (end - first) * UDXG_PAGE_SIZE);
}

/* Zeroes the pages that BITS names, relative to page BASE; runs of pages at once. */
static void zero_word(struct vidmm_pool *pool, uint64_t base, uint64_t bits)
{
    while (bits) {
        unsigned first = (unsigned)__builtin_ctzll(bits);
        uint64_t rest = ~(bits >> first);
        unsigned length = rest ? (unsigned)__builtin_ctzll(rest) : WORD_PAGES;
        zero_pages(pool, base + first, base + first + length);
        if (first + length == WORD_PAGES) return;
        bits &= ~UINT64_C(0) << (first + length);
    }
}

/* Marks the pages of a range that has just been allocated; what an earlier owner left is zeroed if wished. */
static void take_pages(struct vidmm_pool *pool, uint64_t offset, uint64_t size, bool zeroed)
{
    uint64_t first = offset / UDXG_PAGE_SIZE, end = first + size / UDXG_PAGE_SIZE, were_dirty = 0;
    while (first < end) {
        uint64_t mask = word_mask(first, end);
        uint64_t bits = change_word(&pool->dirty[first / WORD_PAGES], mask, true) & mask;
        uint64_t base = first / WORD_PAGES * WORD_PAGES;
        if (zeroed) zero_word(pool, base, bits);
        were_dirty += (uint64_t)__builtin_popcountll(bits);
        first = base + WORD_PAGES;
    }
    if (were_dirty) {
        atomic_fetch_sub_explicit(&pool->kept_bytes, were_dirty * UDXG_PAGE_SIZE, memory_order_relaxed);
    }
}

/* ---- giving pages back ---- */

/* A run of ranges that are about to become free. If the system does not take the pages, they are kept. */
static void punch_run(struct vidmm_pool *pool, uint64_t offset, uint64_t size)
{
    uint64_t first = offset / UDXG_PAGE_SIZE, end = first + size / UDXG_PAGE_SIZE;
    if (udxg_failed(udxg_os_punch(pool->fd, offset, size))) {
        atomic_fetch_add_explicit(&pool->kept_bytes, size, memory_order_relaxed);
        return;
    }
    for (; first < end; first = (first / WORD_PAGES + 1) * WORD_PAGES) {
        change_word(&pool->dirty[first / WORD_PAGES], word_mask(first, end), false);
    }
}

static int by_offset(const void *a, const void *b)
{
    uint64_t offset_a = ((const struct stretch *)a)->offset, offset_b = ((const struct stretch *)b)->offset;
    return (offset_a > offset_b) - (offset_a < offset_b);
}

/* LIST is the caller's alone. */
static void punch(struct vidmm_pool *pool, struct waiting *list)
{
    qsort(list->ranges, list->count, sizeof(list->ranges[0]), by_offset);
    uint64_t start = 0, size = 0;
    for (uint32_t i = 0; i < list->count; i++) {
        uint64_t offset = list->ranges[i].offset;
        if (start + size != offset) {
            if (size) punch_run(pool, start, size);
            start = offset;
            size = 0;
        }
        size += list->ranges[i].size;
    }
    if (size) punch_run(pool, start, size);
}

/* Moves the waiting list to *RET. */
static void take_waiting_locked(struct vidmm_pool *pool, struct waiting *ret) UDXG_REQUIRES(POOL)
{
    ret->count = pool->waiting.count;
    ret->bytes = pool->waiting.bytes;
    memcpy(ret->ranges, pool->waiting.ranges, ret->count * sizeof(ret->ranges[0]));
    pool->waiting.count = 0;
    pool->waiting.bytes = 0;
}

static void free_list_locked(struct vidmm_pool *pool, const struct waiting *list) UDXG_REQUIRES(POOL)
{
    for (uint32_t i = 0; i < list->count; i++) udxg_range_free(pool->ranges, list->ranges[i].range);
}

/* ---- alloc and free ---- */

static udxg_status alloc_locked(struct vidmm_pool *pool, uint64_t size_bytes, uint64_t alignment_bytes,
                                enum udxg_range_end end, struct stretch *ret) UDXG_REQUIRES(POOL)
{
    udxg_status status = udxg_range_alloc(pool->ranges, size_bytes, alignment_bytes, end, &ret->range);
    if (udxg_failed(status)) return status;
    ret->offset = udxg_range_offset(ret->range);
    ret->size = udxg_range_size(ret->range);
    if (ret->offset + ret->size > pool->reached_bytes) pool->reached_bytes = ret->offset + ret->size;
    return STATUS_SUCCESS;
}

/* The last resort of an allocation: what waits may be what it needs. */
static udxg_status alloc_again(struct vidmm_pool *pool, uint64_t size_bytes, uint64_t alignment_bytes,
                               enum udxg_range_end end, struct stretch *ret)
{
    struct waiting list;
    udxg_lock(POOL, &pool->lock);
    take_waiting_locked(pool, &list);
    udxg_unlock(POOL, &pool->lock);
    punch(pool, &list);

    udxg_lock(POOL, &pool->lock);
    free_list_locked(pool, &list);
    udxg_status status = alloc_locked(pool, size_bytes, alignment_bytes, end, ret);
    udxg_unlock(POOL, &pool->lock);
    return status;
}

udxg_status vidmm_pool_alloc(struct vidmm_pool *pool, uint64_t size_bytes, uint64_t alignment_bytes,
                             enum udxg_range_end end, bool zeroed, struct udxg_range **ret_range, void **ret_address)
{
    struct stretch stretch;
    udxg_lock(POOL, &pool->lock);
    udxg_status status = alloc_locked(pool, size_bytes, alignment_bytes, end, &stretch);
    bool something_waits = pool->waiting.count != 0;
    udxg_unlock(POOL, &pool->lock);
    if (status == STATUS_GRAPHICS_NO_VIDEO_MEMORY && something_waits) {
        status = alloc_again(pool, size_bytes, alignment_bytes, end, &stretch);
    }
    if (udxg_failed(status)) return status;

    take_pages(pool, stretch.offset, stretch.size, zeroed);
    *ret_range = stretch.range;
    if (ret_address) *ret_address = pool->base + stretch.offset;
    return STATUS_SUCCESS;
}

/* True when the list has grown long enough and is in *RET_LIST now. */
static bool free_locked(struct vidmm_pool *pool, struct udxg_range *range, struct waiting *ret_list) UDXG_REQUIRES(POOL)
{
    struct waiting *waiting = &pool->waiting;
    uint64_t size = udxg_range_size(range);
    uint64_t kept = atomic_load_explicit(&pool->kept_bytes, memory_order_relaxed);
    if (size <= pool->keep_bytes && kept <= pool->keep_bytes - size) {
        atomic_fetch_add_explicit(&pool->kept_bytes, size, memory_order_relaxed);
        udxg_range_free(pool->ranges, range);
        return false;
    }
    waiting->ranges[waiting->count++] = (struct stretch){range, udxg_range_offset(range), size};
    waiting->bytes += size;
    if (waiting->count < PENDING_RANGES && waiting->bytes < PENDING_BYTES) return false;
    take_waiting_locked(pool, ret_list);
    return true;
}

void vidmm_pool_free(struct vidmm_pool *pool, struct udxg_range *range)
{
    struct waiting list;
    if (!range) return;
    udxg_lock(POOL, &pool->lock);
    bool full = free_locked(pool, range, &list);
    udxg_unlock(POOL, &pool->lock);
    if (!full) return;

    punch(pool, &list);
    udxg_lock(POOL, &pool->lock);
    free_list_locked(pool, &list);
    udxg_unlock(POOL, &pool->lock);
}

void vidmm_pool_discard(struct vidmm_pool *pool, const struct udxg_range *range)
{
    uint64_t size = udxg_range_size(range);
    if (udxg_failed(udxg_os_punch(pool->fd, udxg_range_offset(range), size)))
        memset(vidmm_pool_address(pool, range), 0, size);
}

void *vidmm_pool_address(const struct vidmm_pool *pool, const struct udxg_range *range)
{
    return pool->base + udxg_range_offset(range);
}

void *vidmm_pool_base(const struct vidmm_pool *pool)
{
    return pool->base;
}

uint64_t vidmm_pool_bytes(const struct vidmm_pool *pool)
{
    return pool->size_bytes;
}

int vidmm_pool_fd(const struct vidmm_pool *pool)
{
    return pool->fd;
}

/* ---- statistics and checks ---- */

void vidmm_pool_stats(struct vidmm_pool *pool, struct vidmm_pool_stats *ret)
{
    udxg_lock(POOL, &pool->lock);
    ret->mapped_bytes = pool->size_bytes;
    ret->used_bytes = udxg_range_allocator_used(pool->ranges) - pool->waiting.bytes;
    ret->kept_bytes = atomic_load_explicit(&pool->kept_bytes, memory_order_relaxed);
    ret->largest_free_bytes = udxg_range_allocator_largest_free(pool->ranges);
    udxg_unlock(POOL, &pool->lock);
}

static const char *check_locked(struct vidmm_pool *pool) UDXG_REQUIRES(POOL)
{
    uint64_t dirty = 0, kept = atomic_load_explicit(&pool->kept_bytes, memory_order_relaxed), waiting = 0;
    const char *wrong = udxg_range_allocator_check(pool->ranges);
    if (wrong) return wrong;
    for (uint64_t i = 0; i < bitmap_bytes(pool->reached_bytes) / sizeof(uint64_t); i++) {
        dirty += (uint64_t)__builtin_popcountll(atomic_load_explicit(&pool->dirty[i], memory_order_relaxed));
    }
    if (dirty * UDXG_PAGE_SIZE != udxg_range_allocator_used(pool->ranges) + kept) {
        return "dirty pages are not those used and those kept";
    }
    for (uint32_t i = 0; i < pool->waiting.count; i++) waiting += pool->waiting.ranges[i].size;
    if (waiting != pool->waiting.bytes) return "the waiting list has another size than it says";
    return NULL;
}

const char *vidmm_pool_check(struct vidmm_pool *pool)
{
    udxg_lock(POOL, &pool->lock);
    const char *wrong = check_locked(pool);
    udxg_unlock(POOL, &pool->lock);
    return wrong;
}
