/* SPDX-License-Identifier: MIT */
/*
 * Every range, free or used, is a node on one ring in the order of offsets; free ones are on a list too.
 *
 * Lists: sizes below 4,096 granules have a bin each; above that every power of two is divided into 64 bins, so
 * that the sizes in a bin differ by 1.6 % at most. A bin is one list, last in, first out. Of sizes below 64
 * granules there are many ranges, and it matters which is taken: small allocations all over the space would leave
 * no large hole. So such a bin has a list for each of 64 zones of the space, and gives from the zone that is
 * nearest to the wanted end. (Short lists are quick, too: who is next to a range is in the cache, or nobody is.)
 * Bitmaps say which bins and which zones have something; there are as many bins as the space needs.
 *
 * Finding: from the bin of the wanted size upwards, the first range that will do; so below 4,096 granules that
 * is a best fit without a search. In a bin of several sizes a few ranges are looked at for the smallest.
 * Alignment is found inside a range where it happens to be, rather than by asking for more than is needed;
 * after a few ranges where it does not happen to be, the next bin to look into is one where it must. Only when
 * all that found nothing are all ranges looked at that might do: an allocation fails only if it must.
 *
 * What costs here is memory that is in no cache, and branches that wait for it. So the bin tells whether a range
 * fits exactly; a list ends in a node of the allocator, and a node points to what points to it, so that taking
 * it out asks nothing; and a bit is cleared not when its list becomes empty but when a search finds it empty.
 * Nodes have 32 bytes, half a cache line: they count in granules, and their links are indices. All nodes lie
 * behind the allocator itself in one stretch of address space that is as long as it could ever have to be, and
 * costs what is touched of it. (Tried: nodes of 48 bytes take 10 % longer, of 64 bytes 20 %. Keeping in each node
 * whether its neighbours are free saves two reads and costs four writes.)
 *
 * Invariants:
 *     ring:  edge, ranges with ascending offsets that touch each other and fill the space, edge
 *     no two neighbours are free;  free <=> on the list of its size and zone;  used = sum of the used sizes
 *     a list that has a range has its bits set
 */
#include "range/allocator.h"

#include <stddef.h>

#include "base/os.h"

#define EXACT_BITS 12u
#define EXACT_BINS (1u << EXACT_BITS) /* of one size each, in granules */
#define GROUP_BITS 6u                 /* 64 bins a power of two, from 2^12 granules on */
#define BINS (EXACT_BINS + ((32u - EXACT_BITS) << GROUP_BITS))
#define ZONED_BINS 64u
#define ZONES 64u
#define WORD_BINS 64u
#define NONE UINT32_MAX /* no bin */

#define LOOKS_IN_LIST 4u               /* ranges of one list */
#define LOOKS 16u                      /* ranges before alignment is paid for */
#define CUTS 2u                        /* nodes that one allocation may need: before and behind */
#define NODE_LIMIT (UINT32_C(1) << 25) /* as many as there can be handles, and a free range behind each */

/* All numbers are granules, all links are indices of nodes, counted from the allocator's address. */
struct udxg_range {
    uint32_t offset, size;
    uint32_t prev, next; /* on the ring */
    uint32_t list_next;  /* free: on the list, which ends in nil. spare: among the spare ones, 0 at the end */
    uint32_t list_link;  /* free: the word that points to this node, counted from the allocator. used: 0 */
    uint32_t granule_shift;
    uint32_t unused;
};

#define NODE_BYTES 32u
#define NODE_WORDS (NODE_BYTES / sizeof(uint32_t))
_Static_assert(sizeof(struct udxg_range) == NODE_BYTES, "two nodes are a cache line");

struct udxg_range_allocator {
    struct udxg_range edge; /* node 0; used for ever, so that neighbours need no special case */
    struct udxg_range nil;  /* node 1; the end of every list; what is written into it is never read */
    uint64_t bytes;         /* of the whole stretch */
    uint32_t size, used;
    uint32_t granule_shift, zone_shift;
    uint32_t fresh, node_end; /* nodes never used so far */
    uint32_t spare;           /* first of the nodes used before */
    uint32_t bin_count;
    uint64_t word_map[2];               /* which words of bin_map are not 0 */
    uint64_t bin_map[BINS / WORD_BINS]; /* which bins may have a range */
    uint64_t zone_map[ZONED_BINS];      /* which zones of a bin may */
    uint32_t lists[];
};

#define EDGE 0u
#define NIL 1u
_Static_assert(offsetof(struct udxg_range_allocator, edge) == EDGE * NODE_BYTES, "the edge has an index");
_Static_assert(offsetof(struct udxg_range_allocator, nil) == NIL * NODE_BYTES, "nil has an index");
_Static_assert(BINS / WORD_BINS <= 128, "word_map has two words");

static struct udxg_range *node_at(const struct udxg_range_allocator *allocator, uint32_t index)
{
    return (struct udxg_range *)(uintptr_t)allocator + index;
}

static uint32_t index_of(const struct udxg_range_allocator *allocator, const struct udxg_range *node)
{
    return (uint32_t)(node - node_at(allocator, 0));
}

/* The word that a list_link names. */
static uint32_t *word_at(struct udxg_range_allocator *allocator, uint32_t link)
{
    return (uint32_t *)allocator + link;
}

uint64_t udxg_range_offset(const struct udxg_range *range)
{
    return (uint64_t)range->offset << range->granule_shift;
}

uint64_t udxg_range_size(const struct udxg_range *range)
{
    return (uint64_t)range->size << range->granule_shift;
}

uint64_t udxg_range_allocator_used(const struct udxg_range_allocator *allocator)
{
    return (uint64_t)allocator->used << allocator->granule_shift;
}

static bool is_free(const struct udxg_range *range)
{
    return range->list_link != 0;
}

/* ---- lists ---- */

static uint32_t bin_of(uint32_t size)
{
    if (size < EXACT_BINS) return size;
    uint32_t top = 31u - (uint32_t)__builtin_clz(size);
    uint32_t within = (size >> (top - GROUP_BITS)) % (1u << GROUP_BITS);
    return EXACT_BINS + ((top - EXACT_BITS) << GROUP_BITS) + within;
}

static uint32_t list_of(uint32_t bin, uint32_t zone)
{
    return bin < ZONED_BINS ? bin * ZONES + zone : ZONED_BINS * (ZONES - 1) + bin;
}

static uint32_t zone_of(const struct udxg_range_allocator *allocator, uint32_t offset)
{
    return offset >> allocator->zone_shift;
}

/* The first bin from BIN on whose bit is set, NONE when there is none. */
static uint32_t next_marked(const struct udxg_range_allocator *allocator, uint32_t bin)
{
    if (bin >= allocator->bin_count) return NONE;
    uint32_t word = bin / WORD_BINS;
    uint64_t bins = allocator->bin_map[word] & (~UINT64_C(0) << bin % WORD_BINS);
    if (!bins) {
        uint32_t half = ++word / 64;
        uint64_t words = allocator->word_map[half] & (~UINT64_C(0) << word % 64);
        if (!words && half == 0) words = allocator->word_map[half = 1];
        if (!words) return NONE;
        word = half * 64 + (uint32_t)__builtin_ctzll(words);
        bins = allocator->bin_map[word];
    }
    return word * WORD_BINS + (uint32_t)__builtin_ctzll(bins);
}

static void clear_bin(struct udxg_range_allocator *allocator, uint32_t bin)
{
    uint32_t word = bin / WORD_BINS;
    allocator->bin_map[word] &= ~(UINT64_C(1) << bin % WORD_BINS);
    if (!allocator->bin_map[word]) allocator->word_map[word / 64] &= ~(UINT64_C(1) << word % 64);
}

/* The first range of the zone nearest to END; NIL when the bin is empty. Clears the bits that promised too much. */
static uint32_t first_zoned(struct udxg_range_allocator *allocator, uint32_t bin, enum udxg_range_end end)
{
    uint64_t *zones = &allocator->zone_map[bin];
    while (*zones) {
        uint32_t low = (uint32_t)__builtin_ctzll(*zones), high = 63u - (uint32_t)__builtin_clzll(*zones);
        uint32_t zone = end == UDXG_RANGE_FROM_END ? high : low;
        uint32_t first = allocator->lists[list_of(bin, zone)];
        if (first != NIL) return first;
        *zones &= ~(UINT64_C(1) << zone);
    }
    return NIL;
}

/* The first range of the first bin from *BIN on that has any; *BIN becomes that bin. NIL when there is none. */
static uint32_t first_from(struct udxg_range_allocator *allocator, uint32_t *bin, enum udxg_range_end end)
{
    while ((*bin = next_marked(allocator, *bin)) != NONE) {
        uint32_t first = *bin < ZONED_BINS ? first_zoned(allocator, *bin, end) : allocator->lists[list_of(*bin, 0)];
        if (first != NIL) return first;
        clear_bin(allocator, *bin);
    }
    return NIL;
}

static void list_insert(struct udxg_range_allocator *allocator, struct udxg_range *range)
{
    uint32_t bin = bin_of(range->size), zone = zone_of(allocator, range->offset), word = bin / WORD_BINS;
    uint32_t *first = &allocator->lists[list_of(bin, zone)], index = index_of(allocator, range);
    range->list_next = *first;
    range->list_link = (uint32_t)(first - word_at(allocator, 0));
    node_at(allocator, *first)->list_link = (uint32_t)(&range->list_next - word_at(allocator, 0));
    *first = index;
    allocator->bin_map[word] |= UINT64_C(1) << bin % WORD_BINS;
    allocator->word_map[word / 64] |= UINT64_C(1) << word % 64;
    if (bin < ZONED_BINS) allocator->zone_map[bin] |= UINT64_C(1) << zone;
}

static void list_remove(struct udxg_range_allocator *allocator, struct udxg_range *range)
{
    *word_at(allocator, range->list_link) = range->list_next;
    node_at(allocator, range->list_next)->list_link = range->list_link;
    range->list_link = 0;
}

/* ---- nodes ---- */

static bool has_spare_nodes(const struct udxg_range_allocator *allocator)
{
    bool two_spare = allocator->spare && node_at(allocator, allocator->spare)->list_next;
    return allocator->node_end - allocator->fresh >= CUTS || two_spare;
}

static struct udxg_range *take_spare(struct udxg_range_allocator *allocator)
{
    if (!allocator->spare) return node_at(allocator, allocator->fresh++);
    struct udxg_range *node = node_at(allocator, allocator->spare);
    allocator->spare = node->list_next;
    return node;
}

static void give_spare(struct udxg_range_allocator *allocator, struct udxg_range *node)
{
    node->list_next = allocator->spare;
    allocator->spare = index_of(allocator, node);
}

/* A free node between two used ones. */
static void insert_free(struct udxg_range_allocator *allocator, struct udxg_range *prev, struct udxg_range *next,
                        uint32_t offset, uint32_t size)
{
    struct udxg_range *node = take_spare(allocator);
    node->granule_shift = allocator->granule_shift;
    node->offset = offset;
    node->size = size;
    node->prev = index_of(allocator, prev);
    node->next = index_of(allocator, next);
    prev->next = next->prev = index_of(allocator, node);
    list_insert(allocator, node);
}

/* Lets NODE swallow its successor, which is on no list. */
static void join_next(struct udxg_range_allocator *allocator, struct udxg_range *node, struct udxg_range *next)
{
    node->size += next->size;
    node->next = next->next;
    node_at(allocator, next->next)->prev = index_of(allocator, node);
    give_spare(allocator, next);
}

udxg_status udxg_range_allocator_create(uint64_t size, uint64_t granule, struct udxg_range_allocator **ret)
{
    bool power_of_two = granule && !(granule & (granule - 1));
    if (!power_of_two || !size || size % granule || size / granule > UINT32_MAX) return STATUS_INVALID_PARAMETER;

    uint32_t granules = (uint32_t)(size / granule), bin_count = bin_of(granules) + 1;
    uint32_t list_count = list_of(bin_count - 1, ZONES - 1) + 1;
    uint64_t head_bytes = sizeof(struct udxg_range_allocator) + list_count * sizeof(uint32_t);
    uint64_t fresh = (head_bytes + NODE_BYTES - 1) / NODE_BYTES;
    uint64_t node_end = fresh + (granules < NODE_LIMIT ? granules : NODE_LIMIT) + CUTS;
    void *memory;
    udxg_status status = udxg_os_map_anonymous(node_end * NODE_BYTES, &memory);
    if (udxg_failed(status)) return status;

    struct udxg_range_allocator *allocator = memory;
    allocator->bytes = node_end * NODE_BYTES;
    allocator->size = granules;
    allocator->bin_count = bin_count;
    allocator->fresh = (uint32_t)fresh;
    allocator->node_end = (uint32_t)node_end;
    allocator->granule_shift = (uint32_t)__builtin_ctzll(granule);
    while ((granules - 1) >> allocator->zone_shift >= ZONES) allocator->zone_shift++;
    allocator->edge.prev = allocator->edge.next = EDGE;
    for (uint32_t list = 0; list < list_count; list++) allocator->lists[list] = NIL;
    insert_free(allocator, &allocator->edge, &allocator->edge, 0, granules);
    *ret = allocator;
    return STATUS_SUCCESS;
}

void udxg_range_allocator_destroy(struct udxg_range_allocator *allocator)
{
    if (allocator) udxg_os_unmap(allocator, allocator->bytes);
}

/* ---- taking a free range ---- */

/* Leaves SIZE to a used range and makes the rest before it free. Takes a spare node. */
static void cut_front(struct udxg_range_allocator *allocator, struct udxg_range *range, uint32_t size)
{
    uint32_t front = range->size - size, offset = range->offset;
    range->offset += front;
    range->size = size;
    insert_free(allocator, node_at(allocator, range->prev), range, offset, front);
}

static void cut_back(struct udxg_range_allocator *allocator, struct udxg_range *range, uint32_t size)
{
    uint32_t back = range->size - size;
    range->size = size;
    insert_free(allocator, range, node_at(allocator, range->next), range->offset + size, back);
}

/*
 * A range of at least SIZE without alignment, below 4,096 granules: any range of the first bin will do, and the
 * bin says whether it fits exactly, so that nothing waits for the node itself.
 */
static struct udxg_range *take_best_fit(struct udxg_range_allocator *allocator, uint32_t size, enum udxg_range_end end)
{
    uint32_t own = bin_of(size), bin = own, first = first_from(allocator, &bin, end);
    if (first == NIL) return NULL;
    struct udxg_range *range = node_at(allocator, first);
    list_remove(allocator, range);
    if (bin == own) return range;
    if (end == UDXG_RANGE_FROM_END) {
        cut_front(allocator, range, size);
    } else {
        cut_back(allocator, range, size);
    }
    return range;
}

struct search {
    uint32_t size, alignment_mask;
    enum udxg_range_end end;
    struct udxg_range *best;
    uint32_t place; /* in best */
};

/* Where in a free range the wanted one would go; false when it does not fit. */
static bool place_in(const struct search *search, const struct udxg_range *range, uint32_t *ret_place)
{
    uint64_t mask = search->alignment_mask, start = range->offset, end = start + range->size;
    if (range->size < search->size) return false;
    uint64_t place = search->end == UDXG_RANGE_FROM_END ? (end - search->size) & ~mask : (start + mask) & ~mask;
    if (place < start || place + search->size > end) return false;
    *ret_place = (uint32_t)place;
    return true;
}

static bool is_better(const struct search *search, const struct udxg_range *range)
{
    if (!search->best) return true;
    if (range->size != search->best->size) return range->size < search->best->size;
    return (range->offset < search->best->offset) == (search->end == UDXG_RANGE_FROM_START);
}

/* At most LIMIT ranges of a list; returns at how many. */
static uint32_t look_at(const struct udxg_range_allocator *allocator, struct search *search, uint32_t first,
                        uint32_t limit)
{
    uint32_t place, looks = 0;
    for (uint32_t index = first; index != NIL && looks < limit; index = node_at(allocator, index)->list_next) {
        struct udxg_range *range = node_at(allocator, index);
        looks++;
        if (!place_in(search, range, &place) || !is_better(search, range)) continue;
        search->best = range;
        search->place = place;
    }
    return looks;
}

/* From BIN upwards, until something is found or LIMIT ranges were looked at. */
static bool look_from(struct udxg_range_allocator *allocator, struct search *search, uint32_t bin, uint32_t limit)
{
    uint32_t first;
    for (; limit && (first = first_from(allocator, &bin, search->end)) != NIL; bin++) {
        limit -= look_at(allocator, search, first, LOOKS_IN_LIST < limit ? LOOKS_IN_LIST : limit);
        if (search->best) return true;
    }
    return false;
}

static bool look_everywhere(const struct udxg_range_allocator *allocator, struct search *search, uint32_t bin)
{
    for (bin = next_marked(allocator, bin); bin != NONE; bin = next_marked(allocator, bin + 1)) {
        for (uint32_t list = list_of(bin, 0); list <= list_of(bin, ZONES - 1); list++) {
            look_at(allocator, search, allocator->lists[list], UINT32_MAX);
        }
        if (search->best) return true;
    }
    return false;
}

static bool find(struct udxg_range_allocator *allocator, struct search *search)
{
    uint32_t own = bin_of(search->size);
    if (look_from(allocator, search, own, LOOKS)) return true;

    /* What is larger than this has an aligned place. */
    uint64_t not_certain = (uint64_t)search->size + search->alignment_mask - 1;
    bool exists = not_certain < allocator->size;
    if (exists && look_from(allocator, search, bin_of((uint32_t)not_certain) + 1, 1)) return true;
    return look_everywhere(allocator, search, own);
}

static struct udxg_range *take_searched(struct udxg_range_allocator *allocator, uint32_t size, uint32_t alignment_mask,
                                        enum udxg_range_end end)
{
    struct search search = {.size = size, .alignment_mask = alignment_mask, .end = end};
    if (!find(allocator, &search)) return NULL;
    struct udxg_range *range = search.best;
    uint32_t behind_front = range->offset + range->size - search.place;
    list_remove(allocator, range);
    if (range->size > behind_front) cut_front(allocator, range, behind_front);
    if (range->size > size) cut_back(allocator, range, size);
    return range;
}

/* ---- alloc and free ---- */

/* An alignment in granules, less one. Above the space there is only offset 0, whatever the alignment is. */
static uint32_t alignment_mask(const struct udxg_range_allocator *allocator, uint64_t alignment)
{
    uint64_t granules = alignment >> allocator->granule_shift;
    if (granules > UINT32_MAX) return UINT32_MAX;
    return granules ? (uint32_t)granules - 1 : 0;
}

udxg_status udxg_range_alloc(struct udxg_range_allocator *allocator, uint64_t size, uint64_t alignment,
                             enum udxg_range_end end, struct udxg_range **ret)
{
    uint64_t granule = UINT64_C(1) << allocator->granule_shift;
    if (!size || !alignment || (alignment & (alignment - 1))) return STATUS_INVALID_PARAMETER;
    if (size > (uint64_t)allocator->size << allocator->granule_shift) return STATUS_GRAPHICS_NO_VIDEO_MEMORY;
    if (!has_spare_nodes(allocator)) return STATUS_NO_MEMORY;

    uint32_t granules = (uint32_t)((size + granule - 1) >> allocator->granule_shift);
    uint32_t mask = alignment_mask(allocator, alignment);
    bool simple = !mask && granules < EXACT_BINS;
    struct udxg_range *range =
        simple ? take_best_fit(allocator, granules, end) : take_searched(allocator, granules, mask, end);
    if (!range) return STATUS_GRAPHICS_NO_VIDEO_MEMORY;
    allocator->used += granules;
    *ret = range;
    return STATUS_SUCCESS;
}

void udxg_range_free(struct udxg_range_allocator *allocator, struct udxg_range *range)
{
    struct udxg_range *prev = node_at(allocator, range->prev), *next = node_at(allocator, range->next);
    allocator->used -= range->size;
    if (is_free(next)) {
        list_remove(allocator, next);
        join_next(allocator, range, next);
    }
    if (is_free(prev)) {
        list_remove(allocator, prev);
        join_next(allocator, prev, range);
        range = prev;
    }
    list_insert(allocator, range);
}

/* 0 for an empty bin. */
static uint32_t largest_of_bin(const struct udxg_range_allocator *allocator, uint32_t bin)
{
    uint32_t largest = 0;
    for (uint32_t list = list_of(bin, 0); list <= list_of(bin, ZONES - 1); list++) {
        for (uint32_t index = allocator->lists[list]; index != NIL; index = node_at(allocator, index)->list_next) {
            uint32_t size = node_at(allocator, index)->size;
            if (size > largest) largest = size;
        }
    }
    return largest;
}

uint64_t udxg_range_allocator_largest_free(const struct udxg_range_allocator *allocator)
{
    uint32_t largest = 0;
    for (uint32_t bin = allocator->bin_count; bin-- > 0 && !largest;) {
        bool marked = allocator->bin_map[bin / WORD_BINS] >> bin % WORD_BINS & 1;
        if (marked) largest = largest_of_bin(allocator, bin);
    }
    return (uint64_t)largest << allocator->granule_shift;
}

/* ---- checks ---- */

static const char *check_ring(const struct udxg_range_allocator *allocator, uint64_t *ret_free)
{
    uint64_t offset = 0, used = 0;
    *ret_free = 0;
    for (uint32_t index = allocator->edge.next; index != EDGE; index = node_at(allocator, index)->next) {
        const struct udxg_range *range = node_at(allocator, index), *next = node_at(allocator, range->next);
        if (next->prev != index) return "the ring is torn";
        if (range->offset != offset) return "two neighbours do not touch";
        if (!range->size) return "a range is empty";
        if (range->granule_shift != allocator->granule_shift) return "a range has another granule";
        if (is_free(range) && is_free(next)) return "two neighbours are free";
        *ret_free += is_free(range);
        used += is_free(range) ? 0 : range->size;
        offset += range->size;
    }
    if (offset != allocator->size) return "the ranges do not fill the space";
    if (used != allocator->used) return "the used size is wrong";
    return NULL;
}

static const char *check_list(const struct udxg_range_allocator *allocator, uint32_t list, uint64_t *free_ranges)
{
    uint32_t link = (uint32_t)(offsetof(struct udxg_range_allocator, lists) / sizeof(uint32_t)) + list;
    for (uint32_t index = allocator->lists[list]; index != NIL; index = node_at(allocator, index)->list_next) {
        const struct udxg_range *range = node_at(allocator, index);
        uint32_t bin = bin_of(range->size), zone = zone_of(allocator, range->offset), word = bin / WORD_BINS;
        if (range->list_link != link) return "a list is torn";
        if (list_of(bin, zone) != list) return "a range is on a wrong list";
        if (!(allocator->bin_map[word] >> bin % WORD_BINS & 1)) return "a bin's bit is not set";
        if (!(allocator->word_map[word / 64] >> word % 64 & 1)) return "a word's bit is not set";
        if (bin < ZONED_BINS && !(allocator->zone_map[bin] >> zone & 1)) return "a zone's bit is not set";
        if (!(*free_ranges)--) return "the lists hold more ranges than are free";
        link = (uint32_t)(index * NODE_WORDS + offsetof(struct udxg_range, list_next) / sizeof(uint32_t));
    }
    return NULL;
}

static const char *check_lists(const struct udxg_range_allocator *allocator, uint64_t free_ranges)
{
    for (uint32_t list = 0; list <= list_of(allocator->bin_count - 1, ZONES - 1); list++) {
        const char *wrong = check_list(allocator, list, &free_ranges);
        if (wrong) return wrong;
    }
    return free_ranges ? "a free range is on no list" : NULL;
}

const char *udxg_range_allocator_check(const struct udxg_range_allocator *allocator)
{
    uint64_t free_ranges;
    const char *wrong = check_ring(allocator, &free_ranges);
    return wrong ? wrong : check_lists(allocator, free_ranges);
}
