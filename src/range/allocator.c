/* SPDX-License-Identifier: MIT */
/*
 * Every range, free or used, is a node on one ring in the order of offsets; free ones are on a list too.
 *
 * Lists: sizes below 4,096 granules have a bin each; above that every power of two is divided into 64 bins, so
 * that the sizes in a bin differ by 1.6 % at most. A bin is one list, last in, first out. Of sizes below 64
 * granules there are many ranges, and it matters which is taken: small allocations all over the space would leave
 * no large hole. So such a bin has a list for each of 64 zones of the space, and gives from the zone that is
 * nearest to the wanted end. (Short lists are quick, too: their neighbours are in the cache or do not exist.) Bitmaps say which bins and which zones have something; there are as many bins as
 * the space needs.
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
 * Keeping in each node whether its neighbours are free was tried: it saves two reads and costs four writes.
 *
 * Invariants:
 *     ring:  edge, ranges with ascending offsets that touch each other and fill the space, edge
 *     no two neighbours are free;  free <=> on the list of its size and zone;  used = sum of the used sizes
 *     a list that has a range has its bits set
 */
#include "range/allocator.h"

#include <stdlib.h>

#define EXACT_BITS 12u
#define EXACT_BINS (1u << EXACT_BITS) /* of one size each, in granules */
#define GROUP_BITS 6u                 /* 64 bins a power of two, from 2^12 granules on */
#define ZONED_BINS 64u
#define ZONES 64u
#define WORD_BINS 64u
#define NONE UINT32_MAX /* no bin */

#define LOOKS_IN_LIST 4u /* ranges of one list */
#define LOOKS 16u        /* ranges before alignment is paid for */
#define SPARE_LIMIT 64u  /* nodes kept, to spare the slab's lock */

struct udxg_range {
    uint64_t offset, size;
    struct udxg_range *prev, *next; /* on the ring */
    struct udxg_range *list_next;   /* free: on the list, which ends in nil. spare: among the spare ones */
    struct udxg_range **list_link;  /* free: what points to this node. used: NULL */
};

struct udxg_range_allocator {
    struct udxg_slab *slab;
    uint64_t size, used;
    unsigned granule_shift, zone_shift;
    unsigned spare_count;
    struct udxg_range *spare;
    struct udxg_range edge; /* used for ever, so that neighbours need no special case */
    struct udxg_range nil;  /* the end of every list; what is written into it is never read */
    uint32_t bin_count;
    uint64_t word_map[2]; /* which words of bin_map are not 0 */
    uint64_t *bin_map;    /* which bins may have a range */
    uint64_t zone_map[ZONED_BINS]; /* which zones of a bin may */
    struct udxg_range *lists[];
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
    return range->list_link != NULL;
}

/* ---- lists ---- */

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

static uint32_t list_of(uint32_t bin, uint32_t zone)
{
    return bin < ZONED_BINS ? bin * ZONES + zone : ZONED_BINS * (ZONES - 1) + bin;
}

static uint32_t zone_of(const struct udxg_range_allocator *allocator, uint64_t offset)
{
    return (uint32_t)(offset >> allocator->zone_shift);
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

/* The first range of the zone nearest to END; nil when the bin is empty. Clears the bits that promised too much. */
static struct udxg_range *first_zoned(struct udxg_range_allocator *allocator, uint32_t bin, enum udxg_range_end end)
{
    uint64_t *zones = &allocator->zone_map[bin];
    while (*zones) {
        uint32_t low = (uint32_t)__builtin_ctzll(*zones), high = 63u - (uint32_t)__builtin_clzll(*zones);
        uint32_t zone = end == UDXG_RANGE_FROM_END ? high : low;
        struct udxg_range *first = allocator->lists[list_of(bin, zone)];
        if (first != &allocator->nil) return first;
        *zones &= ~(UINT64_C(1) << zone);
    }
    return &allocator->nil;
}

/* The first range of the first bin from *BIN on that has any; *BIN becomes that bin. NULL when there is none. */
static struct udxg_range *first_from(struct udxg_range_allocator *allocator, uint32_t *bin, enum udxg_range_end end)
{
    while ((*bin = next_marked(allocator, *bin)) != NONE) {
        struct udxg_range *first =
            *bin < ZONED_BINS ? first_zoned(allocator, *bin, end) : allocator->lists[list_of(*bin, 0)];
        if (first != &allocator->nil) return first;
        clear_bin(allocator, *bin);
    }
    return NULL;
}

static void list_insert(struct udxg_range_allocator *allocator, struct udxg_range *range)
{
    uint32_t bin = bin_of(allocator, range->size), zone = zone_of(allocator, range->offset), word = bin / WORD_BINS;
    struct udxg_range **link = &allocator->lists[list_of(bin, zone)];
    range->list_next = *link;
    range->list_link = link;
    range->list_next->list_link = &range->list_next;
    *link = range;
    allocator->bin_map[word] |= UINT64_C(1) << bin % WORD_BINS;
    allocator->word_map[word / 64] |= UINT64_C(1) << word % 64;
    if (bin < ZONED_BINS) allocator->zone_map[bin] |= UINT64_C(1) << zone;
}

static void list_remove(struct udxg_range *range)
{
    *range->list_link = range->list_next;
    range->list_next->list_link = range->list_link;
    range->list_link = NULL;
}

/* ---- nodes ---- */

static bool have_spares(struct udxg_range_allocator *allocator, unsigned count)
{
    while (allocator->spare_count < count) {
        struct udxg_range *node = udxg_slab_alloc(allocator->slab);
        if (!node) return false;
        node->list_next = allocator->spare;
        allocator->spare = node;
        allocator->spare_count++;
    }
    return true;
}

static struct udxg_range *take_spare(struct udxg_range_allocator *allocator)
{
    struct udxg_range *node = allocator->spare;
    allocator->spare = node->list_next;
    allocator->spare_count--;
    return node;
}

static void give_spare(struct udxg_range_allocator *allocator, struct udxg_range *node)
{
    if (allocator->spare_count == SPARE_LIMIT) {
        udxg_slab_free(allocator->slab, node);
        return;
    }
    node->list_next = allocator->spare;
    allocator->spare = node;
    allocator->spare_count++;
}

/* A free node between two used ones. */
static void insert_free(struct udxg_range_allocator *allocator, struct udxg_range *prev, struct udxg_range *next,
                        uint64_t offset, uint64_t size)
{
    struct udxg_range *node = take_spare(allocator);
    node->offset = offset;
    node->size = size;
    node->prev = prev;
    node->next = next;
    prev->next = next->prev = node;
    list_insert(allocator, node);
}

/* Lets NODE swallow its successor, which is on no list. */
static void join_next(struct udxg_range_allocator *allocator, struct udxg_range *node)
{
    struct udxg_range *next = node->next;
    node->size += next->size;
    node->next = next->next;
    next->next->prev = node;
    give_spare(allocator, next);
}

udxg_status udxg_range_allocator_create(uint64_t size, uint64_t granule, struct udxg_slab *slab,
                                        struct udxg_range_allocator **ret)
{
    bool power_of_two = granule && !(granule & (granule - 1));
    if (!power_of_two || !size || size % granule) return STATUS_INVALID_PARAMETER;

    uint32_t bin_count = bin_of_granules(size / granule) + 1, words = bin_count / WORD_BINS + 1;
    uint32_t list_count = list_of(bin_count - 1, ZONES - 1) + 1;
    struct udxg_range_allocator *allocator =
        calloc(1, sizeof(*allocator) + list_count * sizeof(struct udxg_range *) + words * sizeof(uint64_t));
    if (!allocator) return STATUS_NO_MEMORY;
    allocator->slab = slab;
    allocator->size = size;
    allocator->bin_count = bin_count;
    allocator->bin_map = (uint64_t *)(allocator->lists + list_count);
    allocator->granule_shift = (unsigned)__builtin_ctzll(granule);
    while ((size - 1) >> allocator->zone_shift >= ZONES) allocator->zone_shift++;
    allocator->edge.prev = allocator->edge.next = &allocator->edge;
    for (uint32_t list = 0; list < list_count; list++) allocator->lists[list] = &allocator->nil;
    if (!have_spares(allocator, 1)) {
        free(allocator);
        return STATUS_NO_MEMORY;
    }
    insert_free(allocator, &allocator->edge, &allocator->edge, 0, size);
    *ret = allocator;
    return STATUS_SUCCESS;
}

void udxg_range_allocator_destroy(struct udxg_range_allocator *allocator)
{
    if (!allocator) return;
    while (allocator->edge.next != &allocator->edge) join_next(allocator, &allocator->edge);
    while (allocator->spare) udxg_slab_free(allocator->slab, take_spare(allocator));
    free(allocator);
}

/* ---- taking a free range ---- */

/* Leaves SIZE to a used range and makes the rest before it free. Takes a spare node. */
static void cut_front(struct udxg_range_allocator *allocator, struct udxg_range *range, uint64_t size)
{
    uint64_t front = range->size - size, offset = range->offset;
    range->offset += front;
    range->size = size;
    insert_free(allocator, range->prev, range, offset, front);
}

static void cut_back(struct udxg_range_allocator *allocator, struct udxg_range *range, uint64_t size)
{
    uint64_t back = range->size - size;
    range->size = size;
    insert_free(allocator, range, range->next, range->offset + size, back);
}

/*
 * A range of at least SIZE without alignment, below 4,096 granules: any range of the first bin will do, and the
 * bin says whether it fits exactly, so that nothing waits for the node itself.
 */
static struct udxg_range *take_best_fit(struct udxg_range_allocator *allocator, uint64_t size, enum udxg_range_end end)
{
    uint32_t own = bin_of(allocator, size), bin = own;
    struct udxg_range *range = first_from(allocator, &bin, end);
    if (!range) return NULL;
    list_remove(range);
    if (bin == own) return range;
    if (end == UDXG_RANGE_FROM_END) {
        cut_front(allocator, range, size);
    } else {
        cut_back(allocator, range, size);
    }
    return range;
}

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

/* At most LIMIT ranges of a list; returns at how many. */
static uint64_t look_at(const struct udxg_range_allocator *allocator, struct search *search, struct udxg_range *first,
                        uint64_t limit)
{
    uint64_t place, looks = 0;
    for (struct udxg_range *range = first; range != &allocator->nil && looks < limit; range = range->list_next) {
        looks++;
        if (!place_in(search, range, &place) || !is_better(search, range)) continue;
        search->best = range;
        search->place = place;
    }
    return looks;
}

/* From BIN upwards, until something is found or LIMIT ranges were looked at. */
static bool look_from(struct udxg_range_allocator *allocator, struct search *search, uint32_t bin, uint64_t limit)
{
    struct udxg_range *first;
    for (; limit && (first = first_from(allocator, &bin, search->end)); bin++) {
        limit -= look_at(allocator, search, first, LOOKS_IN_LIST < limit ? LOOKS_IN_LIST : limit);
        if (search->best) return true;
    }
    return false;
}

static bool look_everywhere(const struct udxg_range_allocator *allocator, struct search *search, uint32_t bin)
{
    for (bin = next_marked(allocator, bin); bin != NONE; bin = next_marked(allocator, bin + 1)) {
        for (uint32_t list = list_of(bin, 0); list <= list_of(bin, ZONES - 1); list++) {
            look_at(allocator, search, allocator->lists[list], UINT64_MAX);
        }
        if (search->best) return true;
    }
    return false;
}

static bool find(struct udxg_range_allocator *allocator, struct search *search)
{
    uint64_t granule = UINT64_C(1) << allocator->granule_shift;
    uint32_t own = bin_of(allocator, search->size);
    if (look_from(allocator, search, own, LOOKS)) return true;

    /* What is larger than this has an aligned place. */
    uint64_t not_certain = search->size + (search->alignment - granule) - granule;
    bool exists = not_certain >= search->size;
    if (exists && look_from(allocator, search, bin_of(allocator, not_certain) + 1, 1)) return true;
    return look_everywhere(allocator, search, own);
}

static struct udxg_range *take_searched(struct udxg_range_allocator *allocator, uint64_t size, uint64_t alignment,
                                        enum udxg_range_end end)
{
    struct search search = {.size = size, .alignment = alignment, .end = end};
    if (!find(allocator, &search)) return NULL;
    struct udxg_range *range = search.best;
    uint64_t wanted = range->offset + range->size - search.place;
    list_remove(range);
    if (range->size > wanted) cut_front(allocator, range, wanted);
    if (range->size > size) cut_back(allocator, range, size);
    return range;
}

/* ---- alloc and free ---- */

udxg_status udxg_range_alloc(struct udxg_range_allocator *allocator, uint64_t size, uint64_t alignment,
                             enum udxg_range_end end, struct udxg_range **ret)
{
    uint64_t granule = UINT64_C(1) << allocator->granule_shift;
    if (!size || !alignment || (alignment & (alignment - 1))) return STATUS_INVALID_PARAMETER;
    if (size > allocator->size) return STATUS_GRAPHICS_NO_VIDEO_MEMORY;
    if (!have_spares(allocator, 2)) return STATUS_NO_MEMORY;

    size = (size + granule - 1) & ~(granule - 1);
    bool simple = alignment <= granule && size >> allocator->granule_shift < EXACT_BINS;
    struct udxg_range *range = simple ? take_best_fit(allocator, size, end)
                                      : take_searched(allocator, size, alignment < granule ? granule : alignment, end);
    if (!range) return STATUS_GRAPHICS_NO_VIDEO_MEMORY;
    allocator->used += size;
    *ret = range;
    return STATUS_SUCCESS;
}

void udxg_range_free(struct udxg_range_allocator *allocator, struct udxg_range *range)
{
    struct udxg_range *prev = range->prev, *next = range->next;
    allocator->used -= range->size;
    if (is_free(next)) {
        list_remove(next);
        join_next(allocator, range);
    }
    if (is_free(prev)) {
        list_remove(prev);
        join_next(allocator, prev);
        range = prev;
    }
    list_insert(allocator, range);
}

/* 0 for an empty bin. */
static uint64_t largest_of_bin(const struct udxg_range_allocator *allocator, uint32_t bin)
{
    uint64_t largest = 0;
    for (uint32_t list = list_of(bin, 0); list <= list_of(bin, ZONES - 1); list++) {
        for (const struct udxg_range *range = allocator->lists[list]; range != &allocator->nil;
             range = range->list_next) {
            if (range->size > largest) largest = range->size;
        }
    }
    return largest;
}

uint64_t udxg_range_allocator_largest_free(const struct udxg_range_allocator *allocator)
{
    uint64_t largest = 0;
    for (uint32_t bin = allocator->bin_count; bin-- > 0 && !largest;) {
        bool marked = allocator->bin_map[bin / WORD_BINS] >> bin % WORD_BINS & 1;
        if (marked) largest = largest_of_bin(allocator, bin);
    }
    return largest;
}

/* ---- checks ---- */

static const char *check_range(const struct udxg_range_allocator *allocator, const struct udxg_range *range)
{
    uint64_t granule = UINT64_C(1) << allocator->granule_shift;
    if (range->next->prev != range) return "the ring is torn";
    if (!range->size || (range->size | range->offset) % granule) return "a range is not made of granules";
    return is_free(range) && is_free(range->next) ? "two neighbours are free" : NULL;
}

static const char *check_ring(const struct udxg_range_allocator *allocator, uint64_t *ret_free)
{
    const struct udxg_range *edge = &allocator->edge;
    uint64_t offset = 0, used = 0;
    *ret_free = 0;
    for (const struct udxg_range *range = edge->next; range != edge; range = range->next) {
        const char *wrong = check_range(allocator, range);
        if (wrong) return wrong;
        if (range->offset != offset) return "two neighbours do not touch";
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
    struct udxg_range *const *link = &allocator->lists[list];
    for (const struct udxg_range *range = *link; range != &allocator->nil; range = *link) {
        uint32_t bin = bin_of(allocator, range->size), zone = zone_of(allocator, range->offset), word = bin / WORD_BINS;
        if (range->list_link != link) return "a list is torn";
        if (list_of(bin, zone) != list) return "a range is on a wrong list";
        if (!(allocator->bin_map[word] >> bin % WORD_BINS & 1)) return "a bin's bit is not set";
        if (!(allocator->word_map[word / 64] >> word % 64 & 1)) return "a word's bit is not set";
        if (bin < ZONED_BINS && !(allocator->zone_map[bin] >> zone & 1)) return "a zone's bit is not set";
        if (!(*free_ranges)--) return "the lists hold more ranges than are free";
        link = &range->list_next;
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
