/* SPDX-License-Identifier: MIT */
/* Buckets, and who is taken from them; the rules stand in the header. */
#include "vidmm/victim.h"

#include <stdlib.h>

#include "vidmm/alloc.h"
#include "vidmm/budget.h"
#include "vidmm/claim.h"
#include "vidmm/residency.h"

/* ---- buckets ---- */

unsigned vidmm_class_of(uint32_t priority)
{
    static const uint32_t from[] = {D3DDDI_ALLOCATIONPRIORITY_LOW, D3DDDI_ALLOCATIONPRIORITY_NORMAL,
                                    D3DDDI_ALLOCATIONPRIORITY_HIGH, D3DDDI_ALLOCATIONPRIORITY_MAXIMUM};
    unsigned class_index = 0;
    while (class_index < VIDMM_CLASSES - 1 && priority >= from[class_index]) class_index++;
    return class_index;
}

static void create_buckets_of(struct vidmm_device *device, struct vidmm_segment *segment,
                              struct vidmm_device_segment *ret) UDXG_NO_TSA
{
    for (unsigned shelf = 0; shelf < VIDMM_SHELVES; shelf++) {
        for (unsigned class_index = 0; class_index < VIDMM_CLASSES; class_index++) {
            struct vidmm_bucket *bucket = &ret->buckets[shelf][class_index];
            *bucket = (struct vidmm_bucket){.device = device, .segment = segment};
            bucket->shelf = (uint8_t)shelf;
            bucket->class_index = (uint8_t)class_index;
            udxg_list_init(&bucket->allocs);
            udxg_list_init(&bucket->on_shelf);
        }
    }
}

bool vidmm_buckets_create_locked(struct vidmm_device *device)
{
    const struct vidmm_adapter *adapter = device->process->adapter;
    if (device->segments) return true;
    device->segments = calloc(adapter->segment_count + 1, sizeof *device->segments); /* never of nothing */
    if (!device->segments) return false;
    for (uint32_t i = 0; i < adapter->segment_count; i++)
        create_buckets_of(device, adapter->segments[i], &device->segments[i]);
    return true;
}

void vidmm_buckets_destroy_locked(struct vidmm_device *device)
{
    free(device->segments);
    device->segments = NULL;
}

static void enter_locked(struct vidmm_bucket *bucket, struct vidmm_alloc *alloc) UDXG_REQUIRES(VIDMM)
{
    struct vidmm_segment *segment = bucket->segment;
    if (udxg_list_empty(&bucket->allocs))
        udxg_list_append(&segment->shelves[bucket->shelf][bucket->class_index], &bucket->on_shelf);
    udxg_list_append(&bucket->allocs, &alloc->in_bucket);
    bucket->bytes += vidmm_segment_need(segment, alloc->size_bytes);
    alloc->bucket = bucket;
    bucket->device->process->adapter->homesick += bucket->shelf != VIDMM_SHELF_HELD;
}

void vidmm_bucket_remove_locked(struct vidmm_alloc *alloc)
{
    struct vidmm_bucket *bucket = alloc->bucket;
    if (!bucket) return;
    udxg_list_remove(&alloc->in_bucket);
    bucket->bytes -= vidmm_segment_need(bucket->segment, alloc->size_bytes);
    if (udxg_list_empty(&bucket->allocs)) udxg_list_remove(&bucket->on_shelf);
    alloc->bucket = NULL;
    bucket->device->process->adapter->homesick -= bucket->shelf != VIDMM_SHELF_HELD;
}

void vidmm_bucket_put_locked(struct vidmm_alloc *alloc, enum vidmm_shelf shelf, struct vidmm_segment *segment)
{
    struct vidmm_device_segment *segments = alloc->listers->device->segments;
    vidmm_bucket_remove_locked(alloc);
    enter_locked(&segments[segment->id - 1].buckets[shelf][vidmm_class_of(alloc->priority)], alloc);
}

static struct vidmm_bucket *bucket_on(struct udxg_list *on_shelf)
{
    return udxg_container_of(on_shelf, struct vidmm_bucket, on_shelf);
}

static struct vidmm_alloc *first_of_locked(const struct vidmm_bucket *bucket) UDXG_REQUIRES(VIDMM)
{
    struct udxg_list *first = udxg_list_first(&bucket->allocs);
    return first ? udxg_container_of(first, struct vidmm_alloc, in_bucket) : NULL;
}

/* ---- victims ---- */

bool vidmm_device_is_spared_locked(const struct vidmm_device *device, uint64_t now_ns)
{
    return device->running || device->gate == VIDMM_GATE_ARRIVING || now_ns < device->slice_end_ns;
}

static bool is_over_budget_locked(const struct vidmm_process *process, enum vidmm_group group) UDXG_REQUIRES(VIDMM)
{
    struct vidmm_limits limits;
    if (group == VIDMM_GROUP_COUNT) return false;
    vidmm_budget_limits_locked(process, group, &limits);
    return process->usage_bytes[group] > limits.current_bytes;
}

/* Whether something may be taken out of the bucket; whose slice is in the way is noted. */
static bool may_take_locked(const struct vidmm_bucket *bucket, struct vidmm_quest *quest) UDXG_REQUIRES(VIDMM)
{
    const struct vidmm_device *device = bucket->device;
    if (device == quest->device) return false;
    if (vidmm_device_is_spared_locked(device, quest->now_ns)) {
        if (!device->running && quest->now_ns < device->slice_end_ns && device->slice_end_ns < quest->retry_ns)
            quest->retry_ns = device->slice_end_ns;
        return false;
    }
    if (!quest->polite || bucket->class_index < quest->class_index) return true;
    return bucket->class_index == quest->class_index && device->process != quest->device->process &&
           is_over_budget_locked(device->process, bucket->segment->group);
}

static struct vidmm_bucket *oldest_locked(struct udxg_list *shelf, struct vidmm_quest *quest, bool own_process)
    UDXG_REQUIRES(VIDMM)
{
    struct vidmm_bucket *oldest = NULL;
    udxg_list_for_each(it, shelf)
    {
        struct vidmm_bucket *bucket = bucket_on(it);
        bool own = bucket->device->process == quest->device->process;
        if (own != own_process || (oldest && oldest->device->last_run <= bucket->device->last_run)) continue;
        if (may_take_locked(bucket, quest)) oldest = bucket;
    }
    return oldest;
}

/* A device that lists ALLOC too and has more of a right to it than the bucket's; NULL: none. */
static struct vidmm_device *better_owner_locked(const struct vidmm_alloc *alloc, const struct vidmm_quest *quest)
    UDXG_REQUIRES(VIDMM)
{
    for (const struct vidmm_binding *lister = alloc->listers; lister; lister = lister->next_lister) {
        struct vidmm_device *device = lister->device;
        if (device == alloc->bucket->device) continue;
        if (device == quest->device || vidmm_device_is_spared_locked(device, quest->now_ns) ||
            device->last_run > alloc->bucket->device->last_run)
            return device;
    }
    return NULL;
}

/* The first that belongs to the bucket's device; others are moved where they belong. */
static struct vidmm_alloc *take_from_locked(struct vidmm_bucket *bucket, const struct vidmm_quest *quest)
    UDXG_REQUIRES(VIDMM)
{
    struct vidmm_alloc *alloc;
    while ((alloc = first_of_locked(bucket))) {
        struct vidmm_device *owner = better_owner_locked(alloc, quest);
        if (!owner) return alloc;
        vidmm_bucket_remove_locked(alloc);
        enter_locked(&owner->segments[bucket->segment->id - 1].buckets[bucket->shelf][bucket->class_index], alloc);
    }
    return NULL;
}

static struct vidmm_alloc *take_from_shelf_locked(struct udxg_list *shelf, struct vidmm_quest *quest, bool own_process)
    UDXG_REQUIRES(VIDMM)
{
    struct vidmm_bucket *bucket;
    while ((bucket = oldest_locked(shelf, quest, own_process))) {
        struct vidmm_alloc *alloc = take_from_locked(bucket, quest);
        if (alloc) return alloc;
    }
    return NULL;
}

struct vidmm_alloc *vidmm_victim_locked(struct vidmm_segment *segment, enum vidmm_shelf shelf,
                                        struct vidmm_quest *quest)
{
    static const struct {
        bool own_process;
        unsigned first, end;
    } passes[] = {
        {false, 0, VIDMM_CLASSES - 1},
        {true, 0, VIDMM_CLASSES - 1},
        {false, VIDMM_CLASSES - 1, VIDMM_CLASSES},
        {true, VIDMM_CLASSES - 1, VIDMM_CLASSES},
    };
    for (unsigned i = 0; i < sizeof passes / sizeof passes[0]; i++) {
        for (unsigned class_index = passes[i].first; class_index < passes[i].end; class_index++) {
            struct udxg_list *buckets = &segment->shelves[shelf][class_index];
            struct vidmm_alloc *alloc = take_from_shelf_locked(buckets, quest, passes[i].own_process);
            if (alloc) return alloc;
        }
    }
    return NULL;
}

uint64_t vidmm_victims_bytes_locked(struct vidmm_segment *segment, struct vidmm_quest *quest)
{
    uint64_t bytes = 0;
    for (unsigned class_index = 0; class_index < VIDMM_CLASSES; class_index++) {
        udxg_list_for_each(it, &segment->shelves[VIDMM_SHELF_HELD][class_index])
        {
            const struct vidmm_bucket *bucket = bucket_on(it);
            if (may_take_locked(bucket, quest)) bytes += bucket->bytes;
        }
    }
    return bytes;
}

/* ---- returners ---- */

#define RETURNER_LOOKS 16u /* into a bucket, at those that there is no room for */

/* The first of the bucket that can come back; those that cannot go to its end, and the next look begins behind them. */
static struct vidmm_alloc *returner_in_locked(struct vidmm_bucket *bucket, bool *ret_busy) UDXG_REQUIRES(VIDMM)
{
    const struct vidmm_alloc *first_seen = NULL;
    for (unsigned looks = 0; looks < RETURNER_LOOKS; looks++) {
        struct vidmm_alloc *alloc = first_of_locked(bucket);
        if (alloc == first_seen) return NULL;
        if (vidmm_residency_is_in_use_locked(alloc)) {
            *ret_busy = true;
            return NULL;
        }
        if (!vidmm_alloc_is_moving_locked(alloc) && vidmm_claim_may_return_locked(alloc, bucket->segment))
            return alloc;
        if (!first_seen) first_seen = alloc;
        udxg_list_remove(&alloc->in_bucket);
        udxg_list_append(&bucket->allocs, &alloc->in_bucket);
    }
    return NULL;
}

static struct vidmm_alloc *returner_of_locked(struct udxg_list *shelf, bool *ret_busy) UDXG_REQUIRES(VIDMM)
{
    udxg_list_for_each(it, shelf)
    {
        struct vidmm_bucket *bucket = bucket_on(it);
        if (bucket->device->process->suspended) continue;
        struct vidmm_alloc *alloc = returner_in_locked(bucket, ret_busy);
        if (alloc) return alloc;
    }
    return NULL;
}

struct vidmm_alloc *vidmm_returner_locked(struct vidmm_segment *segment, bool *ret_busy)
{
    *ret_busy = false;
    for (unsigned class_index = VIDMM_CLASSES; class_index-- > 0;) {
        struct vidmm_alloc *alloc = returner_of_locked(&segment->shelves[VIDMM_SHELF_SUSPENDED][class_index], ret_busy);
        if (!alloc) alloc = returner_of_locked(&segment->shelves[VIDMM_SHELF_DEMOTED][class_index], ret_busy);
        if (alloc) return alloc;
    }
    return NULL;
}

/* ---- check ---- */

static const char *check_bucket_locked(const struct vidmm_bucket *bucket, const struct udxg_list *shelf)
    UDXG_REQUIRES(VIDMM)
{
    uint64_t bytes = 0;
    if (&bucket->segment->shelves[bucket->shelf][bucket->class_index] != shelf) return "a bucket is on a wrong shelf";
    if (udxg_list_empty(&bucket->allocs)) return "an empty bucket is on a shelf";
    udxg_list_for_each(it, &bucket->allocs)
    {
        const struct vidmm_alloc *alloc = udxg_container_of(it, struct vidmm_alloc, in_bucket);
        if (alloc->bucket != bucket) return "an allocation is in another bucket than it says";
        if (vidmm_class_of(alloc->priority) != bucket->class_index)
            return "an allocation is in a bucket of another class";
        bytes += vidmm_segment_need(bucket->segment, alloc->size_bytes);
    }
    return bytes == bucket->bytes ? NULL : "a bucket's bytes are not those of its allocations";
}

const char *vidmm_victim_check_locked(struct vidmm_adapter *adapter)
{
    for (uint32_t i = 0; i < adapter->segment_count; i++) {
        for (unsigned j = 0; j < VIDMM_SHELVES * VIDMM_CLASSES; j++) {
            struct udxg_list *shelf = &adapter->segments[i]->shelves[j / VIDMM_CLASSES][j % VIDMM_CLASSES];
            udxg_list_for_each(it, shelf)
            {
                const char *wrong = check_bucket_locked(bucket_on(it), shelf);
                if (wrong) return wrong;
            }
        }
    }
    return NULL;
}
