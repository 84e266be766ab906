/* SPDX-License-Identifier: MIT */
/*
 * Every range, free or used, is a node on one ring in the order of offsets; free ones are in a bin too.
 *
 * Bins: sizes below 4,096 granules have a bin each; above that every power of two is divided into 64, so that
 * the sizes in a bin differ by 1.6 % at most. There are as many bins as the space needs. A bitmap says which
 * bins have something, and a second one which words of the first one do.
 *
 * Finding: from the bin of the wanted size upwards, the first range that will do; so below 4,096 granules that
 * is a best fit without a search. In a bin of several sizes a few ranges are looked at for the smallest. At
 * equal size the one nearest to the wanted end is taken, of the few that are looked at. Alignment is found inside a
 * range where it happens to be, rather than by asking for more than is needed; after a few ranges where it
 * does not happen to be, the next bin to look into is the one where it must. Only when all that found nothing
 * are all ranges looked at that might do: an allocation fails only if it must.
 *
 * Invariants:
 *     ring:  edge, ranges with ascending offsets that touch each other and fill the space, edge
 *     no two neighbours are free;  free <=> in the bin of its size;  used_bytes = sum of the used sizes
 *
 * A node is carved off for the used part, and the free part keeps its node: so the rest of a large free range
 * mostly stays where it is in its bin. Nodes that become spare are kept, up to a limit, to spare the slab's
 * lock.
 */
#include "range/allocator.h"

#include <stdlib.h>

#define EXACT_BITS 12u
#define EXACT_BINS (1u << EXACT_BITS) /* of one size each, in granules */
#define GROUP_BITS 6u                 /* 64 bins a power of two, from 2^12 granules on: one word of the bitmap */
#define WORD_BINS 64u
#define NO_BIN UINT32_MAX

#define LOOKS_IN_BIN 2u /* ranges of one bin */
#define LOOKS 16u       /* ranges before alignment is paid for */
#define SPARE_LIMIT 64u

struct udxg_range {
    uint64_t offset, size;
    struct udxg_range *prev, *next;         /* on the ring */
    struct udxg_range *bin_prev, *bin_next; /* free: in the bin, NULL-terminated. spare: bin_next only */
    uint32_t bin;                           /* NO_BIN: used */
};

struct udxg_range_allocator {
    struct udxg_slab *slab;
    uint64_t size, used;
    unsigned granule_shift;
    unsigned spare_count;
    struct udxg_range *spare;
    struct udxg_range edge; /* used for ever, so that neighbours need no special case */
    uint32_t bin_count;
    uint64_t word_map[2]; /* which words of bin_map are not 0 */
    uint64_t *bin_map;
    struct udxg_range *bins[];
};

size_t udxg_range_node_bytes(void)
{
    return sizeof(struct udxg_range);
}

uint64_t udxg_range_offset(const struct udxg_range *range)
{
    return range->offset;
}

uint64_t udxg_range_size(const struct udxg_range *range)
{
    return range->size;
}

uint64_t udxg_range_allocator_used(const struct udxg_range_allocator *allocator)
{
    return allocator->used;
}

static bool is_free(const struct udxg_range *range)
{
    return range->bin != NO_BIN;
}

/* ---- bins ---- */

static uint32_t bin_of_granules(uint64_t granules)
{
    if (granules < EXACT_BINS) return (uint32_t)granules;
    uint32_t top = 63u - (uint32_t)__builtin_clzll(granules);
    uint32_t within = (uint32_t)(granules >> (top - GROUP_BITS)) % (1u << GROUP_BITS);
    return EXACT_BINS + ((top - EXACT_BITS) << GROUP_BITS) + within;
}

static uint32_t bin_of(const struct udxg_range_allocator *allocator, uint64_t size)
{
    return bin_of_granules(size >> allocator->granule_shift);
}

/* The first bin from BIN on that has a range, NO_BIN when there is none. */
static uint32_t next_bin(const struct udxg_range_allocator *allocator, uint32_t bin)
{
    if (bin >= allocator->bin_count) return NO_BIN;
    uint32_t word = bin / WORD_BINS;
    uint64_t bins = allocator->bin_map[word] & (~UINT64_C(0) << bin % WORD_BINS);
    if (!bins) {
        uint32_t half = ++word / 64;
        uint64_t words = allocator->word_map[half] & (~UINT64_C(0) << word % 64);
        if (!words && half == 0) words = allocator->word_map[half = 1];
        if (!words) return NO_BIN;
        word = half * 64 + (uint32_t)__builtin_ctzll(words);
        bins = allocator->bin_map[word];
    }
    return word * WORD_BINS + (uint32_t)__builtin_ctzll(bins);
}

static void bin_insert(struct udxg_range_allocator *allocator, struct udxg_range *range)
{
    uint32_t bin = bin_of(allocator, range->size), word = bin / WORD_BINS;
    struct udxg_range *first = allocator->bins[bin];
    range->bin = bin;
    range->bin_prev = NULL;
    range->bin_next = first;
    allocator->bins[bin] = range;
    if (first) {
        first->bin_prev = range;
    } else {
        allocator->bin_map[word] |= UINT64_C(1) << bin % WORD_BINS;
        allocator->word_map[word / 64] |= UINT64_C(1) << word % 64;
    }
}

static void bin_remove(struct udxg_range_allocator *allocator, struct udxg_range *range)
{
    uint32_t bin = range->bin, word = bin / WORD_BINS;
    range->bin = NO_BIN;
    if (range->bin_next) range->bin_next->bin_prev = range->bin_prev;
    if (range->bin_prev) {
        range->bin_prev->bin_next = range->bin_next;
        return;
    }
    allocator->bins[bin] = range->bin_next;
    if (range->bin_next) return;
    allocator->bin_map[word] &= ~(UINT64_C(1) << bin % WORD_BINS);
    if (!allocator->bin_map[word]) allocator->word_map[word / 64] &= ~(UINT64_C(1) << word % 64);
}

/* Gives a free range another extent, and another bin only if that must be. */
static void resize_free(struct udxg_range_allocator *allocator, struct udxg_range *range, uint64_t offset, uint64_t size)
{
    bool moves = bin_of(allocator, size) != range->bin;
    if (moves) bin_remove(allocator, range);
    range->offset = offset;
    range->size = size;
    if (moves) bin_insert(allocator, range);
}

/* ---- nodes ---- */

static bool have_spares(struct udxg_range_allocator *allocator, unsigned count)
{
    while (allocator->spare_count < count) {
        struct udxg_range *node = udxg_slab_alloc(allocator->slab);
        if (!node) return false;
        node->bin_next = allocator->spare;
        allocator->spare = node;
        allocator->spare_count++;
    }
    return true;
}

static struct udxg_range *take_spare(struct udxg_range_allocator *allocator)
{
    struct udxg_range *node = allocator->spare;
    allocator->spare = node->bin_next;
    allocator->spare_count--;
    return node;
}

static void give_spare(struct udxg_range_allocator *allocator, struct udxg_range *node)
{
    if (allocator->spare_count == SPARE_LIMIT) {
        udxg_slab_free(allocator->slab, node);
        return;
    }
    node->bin_next = allocator->spare;
    allocator->spare = node;
    allocator->spare_count++;
}

/* A used node between BEFORE and its successor. */
static struct udxg_range *ring_insert(struct udxg_range_allocator *allocator, struct udxg_range *before,
                                      uint64_t offset, uint64_t size)
{
    struct udxg_range *node = take_spare(allocator);
    node->offset = offset;
    node->size = size;
    node->bin = NO_BIN;
    node->prev = before;
    node->next = before->next;
    before->next->prev = node;
    before->next = node;
    return node;
}

static void ring_remove(struct udxg_range_allocator *allocator, struct udxg_range *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    give_spare(allocator, node);
}

udxg_status udxg_range_allocator_create(uint64_t size, uint64_t granule, struct udxg_slab *slab,
                                        struct udxg_range_allocator **ret)
{
    bool power_of_two = granule && !(granule & (granule - 1));
    if (!power_of_two || !size || size % granule) return STATUS_INVALID_PARAMETER;

    uint32_t bin_count = bin_of_granules(size / granule) + 1, words = bin_count / WORD_BINS + 1;
    struct udxg_range_allocator *allocator =
        calloc(1, sizeof(*allocator) + bin_count * sizeof(struct udxg_range *) + words * sizeof(uint64_t));
    if (!allocator) return STATUS_NO_MEMORY;
    allocator->slab = slab;
    allocator->size = size;
    allocator->bin_count = bin_count;
    allocator->bin_map = (uint64_t *)(allocator->bins + bin_count);
    allocator->granule_shift = (unsigned)__builtin_ctzll(granule);
    allocator->edge.bin = NO_BIN;
    allocator->edge.prev = allocator->edge.next = &allocator->edge;
    if (!have_spares(allocator, 1)) {
        free(allocator);
        return STATUS_NO_MEMORY;
    }
    bin_insert(allocator, ring_insert(allocator, &allocator->edge, 0, size));
    *ret = allocator;
    return STATUS_SUCCESS;
}

void udxg_range_allocator_destroy(struct udxg_range_allocator *allocator)
{
    if (!allocator) return;
    while (allocator->edge.next != &allocator->edge) ring_remove(allocator, allocator->edge.next);
    while (allocator->spare) udxg_slab_free(allocator->slab, take_spare(allocator));
    free(allocator);
}

/* ---- finding ---- */

struct search {
    uint64_t size, alignment;
    enum udxg_range_end end;
    struct udxg_range *best;
    uint64_t place; /* in best */
};

/* Where in a free range the wanted one would go; false when it does not fit. */
static bool place_in(const struct search *search, const struct udxg_range *range, uint64_t *ret_place)
{
    uint64_t mask = search->alignment - 1, end = range->offset + range->size;
    if (range->size < search->size) return false;
    uint64_t place = search->end == UDXG_RANGE_FROM_END ? (end - search->size) & ~mask : (range->offset + mask) & ~mask;
    if (place < range->offset || place > end - search->size) return false;
    *ret_place = place;
    return true;
}

static bool is_better(const struct search *search, const struct udxg_range *range)
{
    if (!search->best) return true;
    if (range->size != search->best->size) return range->size < search->best->size;
    return (range->offset < search->best->offset) == (search->end == UDXG_RANGE_FROM_START);
}

/* At most LIMIT ranges of a bin; returns at how many. */
static uint64_t look_at_bin(struct search *search, struct udxg_range *first, uint64_t limit)
{
    uint64_t place, looks = 0;
    for (struct udxg_range *range = first; range && looks < limit; range = range->bin_next, looks++) {
        if (!place_in(search, range, &place) || !is_better(search, range)) continue;
        search->best = range;
        search->place = place;
    }
    return looks;
}

/* From BIN upwards, until something is found or LIMIT ranges were looked at. */
static bool look_from(const struct udxg_range_allocator *allocator, struct search *search, uint32_t bin,
                      uint64_t limit_in_bin, uint64_t limit)
{
    for (bin = next_bin(allocator, bin); bin != NO_BIN && limit; bin = next_bin(allocator, bin + 1)) {
        uint64_t looks = look_at_bin(search, allocator->bins[bin], limit_in_bin < limit ? limit_in_bin : limit);
        if (search->best) return true;
        limit -= looks;
    }
    return false;
}

static bool find(const struct udxg_range_allocator *allocator, struct search *search)
{
    uint64_t granule = UINT64_C(1) << allocator->granule_shift;
    uint64_t nearly_certain = search->size + (search->alignment - granule) - granule;
    uint32_t own = bin_of(allocator, search->size);
    if (look_from(allocator, search, own, LOOKS_IN_BIN, LOOKS)) return true;
    bool exists = nearly_certain >= search->size;
    if (exists && look_from(allocator, search, bin_of(allocator, nearly_certain) + 1, 1, 1)) return true;
    return look_from(allocator, search, own, UINT64_MAX, UINT64_MAX);
}

/* ---- alloc and free ---- */

/* Makes [place, place + size) of a free range used. Needs two spare nodes. */
static struct udxg_range *carve(struct udxg_range_allocator *allocator, struct udxg_range *range, uint64_t place,
                                uint64_t size)
{
    uint64_t front = place - range->offset, back = range->size - size - front;
    if (!front && !back) {
        bin_remove(allocator, range);
        return range;
    }
    if (!front) {
        struct udxg_range *used = ring_insert(allocator, range->prev, place, size);
        resize_free(allocator, range, place + size, back);
        return used;
    }
    struct udxg_range *used = ring_insert(allocator, range, place, size);
    if (back) bin_insert(allocator, ring_insert(allocator, used, place + size, back));
    resize_free(allocator, range, range->offset, front);
    return used;
}

udxg_status udxg_range_alloc(struct udxg_range_allocator *allocator, uint64_t size, uint64_t alignment,
                             enum udxg_range_end end, struct udxg_range **ret)
{
    uint64_t granule = UINT64_C(1) << allocator->granule_shift;
    if (!size || !alignment || (alignment & (alignment - 1))) return STATUS_INVALID_PARAMETER;
    if (size > allocator->size) return STATUS_GRAPHICS_NO_VIDEO_MEMORY;

    struct search search = {.alignment = alignment < granule ? granule : alignment, .end = end};
    search.size = (size + granule - 1) & ~(granule - 1);
    if (!find(allocator, &search)) return STATUS_GRAPHICS_NO_VIDEO_MEMORY;
    if (!have_spares(allocator, 2)) return STATUS_NO_MEMORY;
    *ret = carve(allocator, search.best, search.place, search.size);
    allocator->used += search.size;
    return STATUS_SUCCESS;
}

void udxg_range_free(struct udxg_range_allocator *allocator, struct udxg_range *range)
{
    struct udxg_range *prev = range->prev, *next = range->next;
    allocator->used -= range->size;
    if (is_free(prev)) {
        uint64_t size = prev->size + range->size;
        ring_remove(allocator, range);
        if (is_free(next)) {
            size += next->size;
            bin_remove(allocator, next);
            ring_remove(allocator, next);
        }
        resize_free(allocator, prev, prev->offset, size);
    } else if (is_free(next)) {
        uint64_t offset = range->offset, size = range->size + next->size;
        ring_remove(allocator, range);
        resize_free(allocator, next, offset, size);
    } else {
        bin_insert(allocator, range);
    }
}

uint64_t udxg_range_allocator_largest_free(const struct udxg_range_allocator *allocator)
{
    uint64_t largest = 0;
    uint32_t half = allocator->word_map[1] != 0;
    if (!allocator->word_map[half]) return 0;
    uint32_t word = half * 64 + 63u - (uint32_t)__builtin_clzll(allocator->word_map[half]);
    uint32_t bin = word * WORD_BINS + 63u - (uint32_t)__builtin_clzll(allocator->bin_map[word]);
    for (const struct udxg_range *range = allocator->bins[bin]; range; range = range->bin_next) {
        if (range->size > largest) largest = range->size;
    }
    return largest;
}

/* ---- checks ---- */

static const char *check_ring(const struct udxg_range_allocator *allocator, uint64_t *ret_free)
{
    const struct udxg_range *edge = &allocator->edge;
    uint64_t offset = 0, used = 0;
    *ret_free = 0;
    for (const struct udxg_range *range = edge->next; range != edge; range = range->next) {
        if (range->next->prev != range) return "the ring is torn";
        if (range->offset != offset) return "two neighbours do not touch";
        if (!range->size || (range->size | range->offset) & ((UINT64_C(1) << allocator->granule_shift) - 1)) {
            return "a range is not made of granules";
        }
        if (is_free(range) && is_free(range->next)) return "two neighbours are free";
        if (is_free(range) && range->bin != bin_of(allocator, range->size)) return "a range says a wrong bin";
        *ret_free += is_free(range);
        used += is_free(range) ? 0 : range->size;
        offset += range->size;
    }
    if (offset != allocator->size) return "the ranges do not fill the space";
    if (used != allocator->used) return "the used size is wrong";
    return NULL;
}

static const char *check_bins(const struct udxg_range_allocator *allocator, uint64_t free_ranges)
{
    uint64_t word_map[2] = {0, 0};
    for (uint32_t bin = 0; bin < allocator->bin_count; bin++) {
        const struct udxg_range *before = NULL;
        uint32_t word = bin / WORD_BINS;
        bool marked = allocator->bin_map[word] >> bin % WORD_BINS & 1;
        if (marked != (allocator->bins[bin] != NULL)) return "a bin's bit is wrong";
        if (marked) word_map[word / 64] |= UINT64_C(1) << word % 64;
        for (const struct udxg_range *range = allocator->bins[bin]; range; range = range->bin_next) {
            if (range->bin != bin || range->bin_prev != before) return "a bin's list is torn";
            if (!free_ranges--) return "the bins hold more ranges than are free";
            before = range;
        }
    }
    if (word_map[0] != allocator->word_map[0] || word_map[1] != allocator->word_map[1]) return "a word's bit is wrong";
    return free_ranges ? "a free range is in no bin" : NULL;
}

const char *udxg_range_allocator_check(const struct udxg_range_allocator *allocator)
{
    uint64_t free_ranges;
    const char *wrong = check_ring(allocator, &free_ranges);
    return wrong ? wrong : check_bins(allocator, free_ranges);
}
