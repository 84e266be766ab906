/* SPDX-License-Identifier: MIT */
/*
 * Every range, free or used, is a node on one ring in the order of offsets; free ones are on a list too.
 *
 * Lists: sizes below 4,096 granules have a bin each; above that every power of two is divided into 64 bins, so
 * that the sizes in a bin differ by 1.6 % at most. A bin is one list, last in, first out. Of sizes below 64
 * granules there are many ranges, and it matters which is taken: small allocations all over the space would leave
 * no large hole. So such a bin has a list for each of 64 zones of the space, and gives from the zone that is
 * nearest to the wanted end. (Short lists are quick, too: who is next to a range is in the cache, or nobody is.)
 * A bitmap of two levels says which lists have something, in the order of bins and zones; there are as many lists as
 * the space needs.
 *
 * Finding: from the bin of the wanted size upwards, the first range that will do; so below 4,096 granules that
 * is a best fit without a search. In a bin of several sizes a few ranges are looked at for the smallest.
 * Alignment is found inside a range where it happens to be, rather than by asking for more than is needed;
 * after a few ranges where it does not happen to be, the next bin to look into is one where it must. Only when
 * all that found nothing are all ranges looked at that might do: an allocation fails only if it must.
 *
 * What costs here is memory that is in no cache, and branches that wait for it. So the list tells whether a range
 * fits exactly, and a bitmap of all nodes whether a neighbour is free, so that a range that merges with none is
 * freed without a look at its neighbours; a list ends in links that belong to no node, and a node points to what
 * points to it, so that taking it out asks nothing; and a bit is cleared not when its list becomes empty but when a
 * search finds it empty. Nodes have 16 bytes, a quarter of a cache line: they count in granules, and name each other
 * by index. The links of lists lie apart, because an exact fit needs no more of a node. All that lies behind the
 * allocator itself in one stretch of address space that is as long as it could ever have to be, and costs what is
 * touched of it. (Tried: nodes of 32 bytes with the links inside take 5 % longer. Links in a dense array of their
 * own, for the free ranges only, take 25 % longer. Large pages save 3 %, and cost 2 MiB at least.)
 *
 * Invariants:
 *     ring:  edge, ranges with ascending offsets that touch each other and fill the space, edge
 *     no two neighbours are free;  free <=> on the list of its size and zone;  used = sum of the used sizes
 *     a list that has a range has its bits set;  a node's bit in free_map is set <=> it is free
 */
#include "range/allocator.h"

#include <stdatomic.h>
#include <stddef.h>

#include "base/os.h"

#define EXACT_BITS 12u
#define EXACT_BINS (1u << EXACT_BITS) /* of one size each, in granules */
#define GROUP_BITS 6u                 /* 64 bins a power of two, from 2^12 granules on */
#define BINS (EXACT_BINS + ((32u - EXACT_BITS) << GROUP_BITS))
#define ZONED_BINS 64u
#define ZONES 64u /* the lists of a zoned bin are a word of the bitmap */
#define ZONED_LISTS (ZONED_BINS * ZONES)
#define LISTS (ZONED_LISTS + BINS - ZONED_BINS)
#define LIST_WORDS (LISTS / 64)
#define TOP_WORDS ((LIST_WORDS + 63) / 64)
#define NONE UINT32_MAX /* no list */

#define LOOKS_IN_LIST 4u               /* ranges of one list */
#define LOOKS 16u                      /* ranges before alignment is paid for */
#define CUTS 2u                        /* nodes that one allocation may need: before and behind */
#define NODE_LIMIT (UINT32_C(1) << 25) /* as many as there can be handles, and a free range behind each */
#define INDEX_BITS 26u
#define INDEX_MASK ((1u << INDEX_BITS) - 1)
#define LINE_BYTES 64u

/* All numbers are granules, all links are indices of nodes. */
struct udxg_range {
    uint32_t offset, size;
    uint32_t prev; /* on the ring */
    /*
     * The next one on the ring, and above INDEX_BITS the granule's log2. Whoever has a used range may ask for its
     * offset and size without a lock, while a neighbour changes: so the two are one atomic word.
     */
    _Atomic uint32_t next_and_shift;
};

/* What else there is for a node while it is free or spare. */
struct links {
    uint32_t next; /* free: on the list, which ends in NIL. spare: the next spare one, 0 at the end */
    uint32_t link; /* free: which of the allocator's words points to this node */
};

struct udxg_range_allocator {
    uint64_t bytes; /* of the whole stretch */
    struct udxg_range *nodes;
    uint64_t *free_map; /* which nodes are free ranges */
    uint32_t size, used;
    uint32_t granule_shift, zone_shift;
    uint32_t edge;            /* the node that is used for ever, so that neighbours need no special case */
    uint32_t fresh, node_end; /* nodes never used so far */
    uint32_t spare;           /* first of the nodes used before */
    uint32_t list_count;
    uint64_t top_map[TOP_WORDS];   /* which words of list_map are not 0 */
    uint64_t list_map[LIST_WORDS]; /* which lists may have a range */
    uint32_t words[];              /* the first node of each list; behind them the links of the nodes */
};

/*
 * Links and nodes are counted from where the lists begin, so that one index does for both, and the first node comes
 * behind the last list. So the links of NIL lie where the first lists of size 0 would be, of which nothing is read.
 */
#define NIL 0u
#define FIRST_LIST ZONES /* of size 1 */
_Static_assert(sizeof(struct udxg_range) == 16, "four nodes are a cache line");
_Static_assert(LISTS % 64 == 0, "whole words");

static struct udxg_range *node_at(const struct udxg_range_allocator *allocator, uint32_t index)
{
    return &allocator->nodes[index];
}

static struct links *links_of(struct udxg_range_allocator *allocator, uint32_t index)
{
    return (struct links *)allocator->words + index;
}

/* The same as a word, for who may not write. */
static uint32_t next_on_list(const struct udxg_range_allocator *allocator, uint32_t index)
{
    return allocator->words[index * 2];
}

static uint32_t index_of(const struct udxg_range_allocator *allocator, const struct udxg_range *node)
{
    return (uint32_t)(node - allocator->nodes);
}

static uint32_t load(const struct udxg_range *range)
{
    return atomic_load_explicit(&range->next_and_shift, memory_order_relaxed);
}

static uint32_t next_of(const struct udxg_range *range)
{
    return load(range) & INDEX_MASK;
}

static void set_next(struct udxg_range *range, uint32_t index)
{
    atomic_store_explicit(&range->next_and_shift, (load(range) & ~INDEX_MASK) | index, memory_order_relaxed);
}

uint64_t udxg_range_offset(const struct udxg_range *range)
{
    return (uint64_t)range->offset << (load(range) >> INDEX_BITS);
}

uint64_t udxg_range_size(const struct udxg_range *range)
{
    return (uint64_t)range->size << (load(range) >> INDEX_BITS);
}

uint64_t udxg_range_allocator_used(const struct udxg_range_allocator *allocator)
{
    return (uint64_t)allocator->used << allocator->granule_shift;
}

static bool is_free(const struct udxg_range_allocator *allocator, uint32_t index)
{
    return allocator->free_map[index / 64] >> index % 64 & 1;
}

/* ---- lists ---- */

static uint32_t bin_of(uint32_t size)
{
    if (size < EXACT_BINS) return size;
    uint32_t top = 31u - (uint32_t)__builtin_clz(size);
    uint32_t within = (size >> (top - GROUP_BITS)) % (1u << GROUP_BITS);
    return EXACT_BINS + ((top - EXACT_BITS) << GROUP_BITS) + within;
}

/* Without a branch, which would wait for the node of a range that is freed. */
static uint32_t list_of(uint32_t bin, uint32_t zone)
{
    uint32_t other = bin + ZONED_LISTS - ZONED_BINS, zoned = bin * ZONES + zone;
    return other + ((zoned - other) & (0u - (bin < ZONED_BINS)));
}

static uint32_t bin_of_list(uint32_t list)
{
    return list < ZONED_LISTS ? list / ZONES : list - ZONED_LISTS + ZONED_BINS;
}

static uint32_t zone_of(const struct udxg_range_allocator *allocator, uint32_t offset)
{
    return offset >> allocator->zone_shift;
}

/* The first list from LIST on whose bit is set, NONE when there is none. */
static uint32_t next_marked(const struct udxg_range_allocator *allocator, uint32_t list)
{
    if (list >= allocator->list_count) return NONE;
    uint32_t word = list / 64;
    uint64_t lists = allocator->list_map[word] & (~UINT64_C(0) << list % 64);
    if (!lists) {
        uint32_t top = ++word / 64;
        if (top == TOP_WORDS) return NONE;
        uint64_t words = allocator->top_map[top] & (~UINT64_C(0) << word % 64);
        while (!words && ++top < TOP_WORDS) words = allocator->top_map[top];
        if (!words) return NONE;
        word = top * 64 + (uint32_t)__builtin_ctzll(words);
        lists = allocator->list_map[word];
    }
    return word * 64 + (uint32_t)__builtin_ctzll(lists);
}

static void set_bit(struct udxg_range_allocator *allocator, uint32_t list)
{
    uint32_t word = list / 64;
    if (!allocator->list_map[word]) allocator->top_map[word / 64] |= UINT64_C(1) << word % 64;
    allocator->list_map[word] |= UINT64_C(1) << list % 64;
}

static void clear_bit(struct udxg_range_allocator *allocator, uint32_t list)
{
    uint32_t word = list / 64;
    allocator->list_map[word] &= ~(UINT64_C(1) << list % 64);
    if (!allocator->list_map[word]) allocator->top_map[word / 64] &= ~(UINT64_C(1) << word % 64);
}

/* Of the zones of a bin, which are some. */
static uint32_t nearest_zone(uint64_t zones, enum udxg_range_end end)
{
    return end == UDXG_RANGE_FROM_END ? 63u - (uint32_t)__builtin_clzll(zones) : (uint32_t)__builtin_ctzll(zones);
}

/* first_from, of the zoned bins. The top map tells which of them is next, and END which of its lists. */
static uint32_t first_zoned(struct udxg_range_allocator *allocator, uint32_t *list, enum udxg_range_end end)
{
    uint64_t from = ~UINT64_C(0) << *list / ZONES;
    for (uint64_t bins; (bins = allocator->top_map[0] & from);) {
        uint32_t bin = (uint32_t)__builtin_ctzll(bins);
        *list = bin * ZONES + nearest_zone(allocator->list_map[bin], end);
        uint32_t first = allocator->words[*list];
        if (first != NIL) return first;
        clear_bit(allocator, *list);
    }
    *list = ZONED_LISTS;
    return NIL;
}

/*
 * The first range of the first list that has any, from *LIST on, which is the first of its bin; *LIST becomes that
 * list. NIL when there is none. Clears the bits that promised too much.
 */
static uint32_t first_from(struct udxg_range_allocator *allocator, uint32_t *list, enum udxg_range_end end)
{
    uint32_t first = *list < ZONED_LISTS ? first_zoned(allocator, list, end) : NIL;
    while (first == NIL && (*list = next_marked(allocator, *list)) != NONE) {
        first = allocator->words[*list];
        if (first == NIL) clear_bit(allocator, *list);
    }
    return first;
}

/* Makes a node free. */
static void list_insert(struct udxg_range_allocator *allocator, uint32_t index, uint32_t offset, uint32_t size)
{
    uint32_t bin = bin_of(size), zone = zone_of(allocator, offset), list = list_of(bin, zone);
    uint32_t next = allocator->words[list];
    allocator->free_map[index / 64] |= UINT64_C(1) << index % 64;
    allocator->words[list] = index;
    *links_of(allocator, index) = (struct links){next, list};
    links_of(allocator, next)->link = index * 2;
    set_bit(allocator, list);
}

/* Makes a node used. */
static void list_remove(struct udxg_range_allocator *allocator, uint32_t index)
{
    uint32_t next = links_of(allocator, index)->next, link = links_of(allocator, index)->link;
    allocator->free_map[index / 64] &= ~(UINT64_C(1) << index % 64);
    allocator->words[link] = next;
    links_of(allocator, next)->link = link;
}

/* ---- nodes ---- */

static bool has_spare_nodes(const struct udxg_range_allocator *allocator)
{
    if (allocator->node_end - allocator->fresh >= CUTS) return true;
    return allocator->spare && next_on_list(allocator, allocator->spare);
}

static uint32_t take_spare(struct udxg_range_allocator *allocator)
{
    uint32_t index = allocator->spare;
    if (!index) return allocator->fresh++;
    allocator->spare = next_on_list(allocator, index);
    return index;
}

/* A free node between two used ones. */
static void insert_free(struct udxg_range_allocator *allocator, uint32_t prev, uint32_t next, uint32_t offset,
                        uint32_t size)
{
    uint32_t index = take_spare(allocator);
    *node_at(allocator, index) = (struct udxg_range){
        .offset = offset,
        .size = size,
        .prev = prev,
        .next_and_shift = next | allocator->granule_shift << INDEX_BITS,
    };
    set_next(node_at(allocator, prev), index);
    node_at(allocator, next)->prev = index;
    list_insert(allocator, index, offset, size);
}

/* Takes a node off the ring that one of its neighbours has swallowed. */
static void ring_remove(struct udxg_range_allocator *allocator, uint32_t index)
{
    const struct udxg_range *node = node_at(allocator, index);
    set_next(node_at(allocator, node->prev), next_of(node));
    node_at(allocator, next_of(node))->prev = node->prev;
    links_of(allocator, index)->next = allocator->spare;
    allocator->spare = index;
}

/* An allocator of which only the places in its memory are set. */
static udxg_status map_memory(uint32_t granules, uint32_t list_count, struct udxg_range_allocator **ret)
{
    uint64_t edge = list_count / 2 + 1, node_end = edge + 1 + (granules < NODE_LIMIT ? granules : NODE_LIMIT) + CUTS;
    uint64_t head_bytes = sizeof(struct udxg_range_allocator) + node_end * sizeof(struct links);
    uint64_t nodes_at = (head_bytes + LINE_BYTES - 1) / LINE_BYTES * LINE_BYTES;
    uint64_t map_at = nodes_at + node_end * sizeof(struct udxg_range);
    uint64_t bytes = map_at + (node_end / 64 + 1) * sizeof(uint64_t);
    void *memory;
    udxg_status status = udxg_os_map_anonymous(bytes, &memory);
    if (udxg_failed(status)) return status;

    struct udxg_range_allocator *allocator = memory;
    allocator->bytes = bytes;
    allocator->nodes = (struct udxg_range *)((char *)memory + nodes_at);
    allocator->free_map = (uint64_t *)((char *)memory + map_at);
    allocator->edge = (uint32_t)edge;
    allocator->fresh = (uint32_t)edge + 1;
    allocator->node_end = (uint32_t)node_end;
    *ret = allocator;
    return STATUS_SUCCESS;
}

udxg_status udxg_range_allocator_create(uint64_t size, uint64_t granule, struct udxg_range_allocator **ret)
{
    bool power_of_two = granule && !(granule & (granule - 1));
    if (!power_of_two || !size || size % granule || size / granule > UINT32_MAX) return STATUS_INVALID_PARAMETER;

    uint32_t granules = (uint32_t)(size / granule), list_count = list_of(bin_of(granules), ZONES - 1) + 1;
    struct udxg_range_allocator *allocator;
    udxg_status status = map_memory(granules, list_count, &allocator);
    if (udxg_failed(status)) return status;

    allocator->size = granules;
    allocator->list_count = list_count;
    allocator->granule_shift = (uint32_t)__builtin_ctzll(granule);
    while ((granules - 1) >> allocator->zone_shift >= ZONES) allocator->zone_shift++;
    insert_free(allocator, allocator->edge, allocator->edge, 0, granules);
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
    insert_free(allocator, range->prev, index_of(allocator, range), offset, front);
}

static void cut_back(struct udxg_range_allocator *allocator, struct udxg_range *range, uint32_t size)
{
    uint32_t back = range->size - size;
    range->size = size;
    insert_free(allocator, index_of(allocator, range), next_of(range), range->offset + size, back);
}

/*
 * A range of at least SIZE without alignment, below 4,096 granules: any range of the first list will do, and the
 * list says whether it fits exactly, so that nothing waits for the node itself.
 */
static struct udxg_range *take_best_fit(struct udxg_range_allocator *allocator, uint32_t size, enum udxg_range_end end)
{
    uint32_t list = list_of(size, 0), first = first_from(allocator, &list, end);
    if (first == NIL) return NULL;
    struct udxg_range *range = node_at(allocator, first);
    list_remove(allocator, first);
    if (bin_of_list(list) == size) return range;
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
    for (uint32_t index = first; index != NIL && looks < limit; index = next_on_list(allocator, index)) {
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
    uint32_t first, list = list_of(bin, 0);
    for (; limit && (first = first_from(allocator, &list, search->end)) != NIL;
         list = list_of(bin_of_list(list) + 1, 0)) {
        limit -= look_at(allocator, search, first, LOOKS_IN_LIST < limit ? LOOKS_IN_LIST : limit);
        if (search->best) return true;
    }
    return false;
}

/* All lists, until a bin is over that had something. */
static bool look_everywhere(const struct udxg_range_allocator *allocator, struct search *search, uint32_t bin)
{
    uint32_t list = list_of(bin, 0);
    while ((list = next_marked(allocator, list)) != NONE) {
        if (search->best && bin_of_list(list) != bin) break;
        bin = bin_of_list(list);
        look_at(allocator, search, allocator->words[list++], UINT32_MAX);
    }
    return search->best;
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

/* Apart, so that an allocation without a search does not save registers for one. */
static __attribute__((noinline)) struct udxg_range *take_searched(struct udxg_range_allocator *allocator, uint32_t size,
                                                                  uint32_t alignment_mask, enum udxg_range_end end)
{
    struct search search = {.size = size, .alignment_mask = alignment_mask, .end = end};
    if (!find(allocator, &search)) return NULL;
    struct udxg_range *range = search.best;
    uint32_t behind_front = range->offset + range->size - search.place;
    list_remove(allocator, index_of(allocator, range));
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
    uint32_t index = index_of(allocator, range), prev = range->prev, next = next_of(range);
    allocator->used -= range->size;
    if (is_free(allocator, next)) {
        range->size += node_at(allocator, next)->size;
        list_remove(allocator, next);
        ring_remove(allocator, next);
    }
    if (is_free(allocator, prev)) {
        node_at(allocator, prev)->size += range->size;
        list_remove(allocator, prev);
        ring_remove(allocator, index);
        index = prev;
        range = node_at(allocator, prev);
    }
    list_insert(allocator, index, range->offset, range->size);
}

static bool is_marked(const struct udxg_range_allocator *allocator, uint32_t list)
{
    return allocator->list_map[list / 64] >> list % 64 & 1;
}

uint64_t udxg_range_allocator_largest_free(const struct udxg_range_allocator *allocator)
{
    uint32_t largest = 0;
    for (uint32_t list = allocator->list_count; list-- > 0 && !largest;) {
        if (!is_marked(allocator, list)) continue;
        for (uint32_t index = allocator->words[list]; index != NIL; index = next_on_list(allocator, index)) {
            uint32_t size = node_at(allocator, index)->size;
            if (size > largest) largest = size;
        }
    }
    return (uint64_t)largest << allocator->granule_shift;
}

/* ---- checks ---- */

static const char *check_ring(const struct udxg_range_allocator *allocator, uint64_t *ret_free)
{
    uint64_t offset = 0, used = 0;
    *ret_free = 0;
    for (uint32_t index = next_of(node_at(allocator, allocator->edge)); index != allocator->edge;
         index = next_of(node_at(allocator, index))) {
        const struct udxg_range *range = node_at(allocator, index), *next = node_at(allocator, next_of(range));
        if (next->prev != index) return "the ring is torn";
        if (range->offset != offset) return "two neighbours do not touch";
        if (!range->size) return "a range is empty";
        if (load(range) >> INDEX_BITS != allocator->granule_shift) return "a range has another granule";
        if (is_free(allocator, index) && is_free(allocator, next_of(range))) return "two neighbours are free";
        *ret_free += is_free(allocator, index);
        used += is_free(allocator, index) ? 0 : range->size;
        offset += range->size;
    }
    if (offset != allocator->size) return "the ranges do not fill the space";
    if (used != allocator->used) return "the used size is wrong";
    return NULL;
}

static const char *check_list(const struct udxg_range_allocator *allocator, uint32_t list, uint64_t *free_ranges)
{
    uint32_t link = list;
    for (uint32_t index = allocator->words[list]; index != NIL; index = next_on_list(allocator, index)) {
        const struct udxg_range *range = node_at(allocator, index);
        uint32_t zone = zone_of(allocator, range->offset), word = list / 64;
        if (allocator->words[index * 2 + 1] != link) return "a list is torn";
        if (!is_free(allocator, index)) return "a range on a list is not marked free";
        if (list_of(bin_of(range->size), zone) != list) return "a range is on a wrong list";
        if (!is_marked(allocator, list)) return "a list's bit is not set";
        if (!(allocator->top_map[word / 64] >> word % 64 & 1)) return "a word's bit is not set";
        if (!(*free_ranges)--) return "the lists hold more ranges than are free";
        link = index * 2;
    }
    return NULL;
}

static const char *check_lists(const struct udxg_range_allocator *allocator, uint64_t free_ranges)
{
    for (uint32_t list = FIRST_LIST; list < allocator->list_count; list++) {
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
