/* SPDX-License-Identifier: MIT */
/* Counters; what they are stands in the header. */
#include "vidmm/counters.h"

#include "vidmm/alloc.h"
#include "vidmm/victim.h"

_Static_assert((int)VIDMM_PRIORITY_CLASSES == (int)VIDMM_CLASSES, "evictions are counted by the classes of victims");

static void add_count(struct vidmm_count *to, const struct vidmm_count *from)
{
    to->count += from->count;
    to->bytes += from->bytes;
}

void vidmm_counters_add(struct vidmm_counters *to, const struct vidmm_counters *from)
{
    uint64_t *sums = (uint64_t *)to;
    const uint64_t *terms = (const uint64_t *)from;
    for (size_t i = 0; i < sizeof *to / sizeof *sums; i++) sums[i] += terms[i];
}

void vidmm_counters_add_births(struct vidmm_counters *to, const struct vidmm_births *from)
{
    add_count(&to->destroyed, &from->destroyed);
    add_count(&to->opened, &from->opened_again);
    to->zeroed_bytes += from->zeroed_bytes;
    for (unsigned i = 0; i < UDXG_MAX_SEGMENTS; i++) add_count(&to->segments[i].committed, &from->committed[i]);
}

void vidmm_counters_fill(struct vidmm_counters *counters)
{
    struct vidmm_count created = counters->destroyed;
    for (unsigned i = 0; i < UDXG_MAX_SEGMENTS; i++) add_count(&created, &counters->segments[i].committed);
    counters->created = created;
    add_count(&counters->opened, &created);
}

static struct vidmm_counters *counters_of(const struct vidmm_alloc *alloc) UDXG_REQUIRES(VIDMM)
{
    return &alloc->process->counters;
}

static struct vidmm_segment_counters *counters_in(const struct vidmm_alloc *alloc, uint32_t segment_id)
    UDXG_REQUIRES(VIDMM)
{
    return &counters_of(alloc)->segments[segment_id - 1];
}

/* ---- events ---- */

void vidmm_count_resident_locked(const struct vidmm_alloc *alloc, int sign)
{
    unsigned rank = 0;
    while (rank < VIDMM_PREFERENCES && (alloc->preferred[rank] & ~VIDMM_FROM_END) != alloc->segment_id) rank++;
    vidmm_count_add(&counters_in(alloc, alloc->segment_id)->resident[rank], alloc, sign);
}

void vidmm_count_demoted_locked(const struct vidmm_alloc *alloc, int sign)
{
    uint32_t first = vidmm_alloc_first_choice_locked(alloc);
    if (!alloc->target_id || alloc->target_id == first) return;
    counters_in(alloc, first)->demoted_bytes[vidmm_class_of(alloc->priority)] +=
        (uint64_t)(int64_t)sign * alloc->size_bytes;
}

void vidmm_count_fault_locked(struct vidmm_alloc *alloc)
{
    struct vidmm_counters *counters = counters_of(alloc);
    vidmm_count_add(&counters->faults, alloc, 1);
    if (!alloc->was_resident)
        vidmm_count_add(&counters->faults_first, alloc, 1);
    else if (alloc->leaves_for == VIDMM_MIGRATED)
        vidmm_count_add(&counters->faults_migrated, alloc, 1);
    else
        vidmm_count_add(&counters->faults_evicted, alloc, 1);
    alloc->was_resident = true;
}

void vidmm_count_left_locked(const struct vidmm_alloc *alloc, uint32_t segment_id, enum vidmm_eviction why)
{
    struct vidmm_segment_counters *segment = counters_in(alloc, segment_id);
    if (why == VIDMM_MIGRATED) return;
    vidmm_count_add(&counters_of(alloc)->evicted[why], alloc, 1);
    segment->evicted_bytes[vidmm_class_of(alloc->priority)] += alloc->size_bytes;
    if (why == VIDMM_EVICTED_FOR_ROOM) vidmm_count_add(&segment->evicted_for_room, alloc, 1);
    if (alloc->resident_count) segment->evicted_listed++;
}

/* ---- queries ---- */

static void add_process_locked(struct vidmm_process *process, struct vidmm_counters *ret) UDXG_REQUIRES(VIDMM)
{
    struct vidmm_counters counters = process->counters;
    vidmm_stocks_add_counters(process, &counters);
    vidmm_counters_fill(&counters);
    vidmm_counters_add(ret, &counters);
}

void vidmm_process_counters(struct vidmm_process *process, struct vidmm_counters *ret)
{
    *ret = (struct vidmm_counters){0};
    udxg_lock(VIDMM, &process->adapter->lock);
    add_process_locked(process, ret);
    udxg_unlock(VIDMM, &process->adapter->lock);
}

static void sum_locked(struct vidmm_adapter *adapter, struct vidmm_counters *ret) UDXG_REQUIRES(VIDMM)
{
    *ret = adapter->ended;
    udxg_list_for_each(it, &adapter->processes)
        add_process_locked(udxg_container_of(it, struct vidmm_process, siblings), ret);
}

void vidmm_adapter_counters(struct vidmm_adapter *adapter, struct vidmm_counters *ret)
{
    udxg_lock(VIDMM, &adapter->lock);
    sum_locked(adapter, ret);
    udxg_unlock(VIDMM, &adapter->lock);
}

/* ---- check ---- */

static void total(const struct vidmm_count *counts, unsigned count, struct vidmm_count *ret)
{
    *ret = (struct vidmm_count){0};
    for (unsigned i = 0; i < count; i++) {
        ret->count += counts[i].count;
        ret->bytes += counts[i].bytes;
    }
}

static void recount_list_locked(struct udxg_list *list, struct vidmm_count *resident) UDXG_REQUIRES(VIDMM)
{
    udxg_list_for_each(it, list)
    {
        const struct vidmm_alloc *alloc = udxg_container_of(it, struct vidmm_alloc, link);
        unsigned rank = 0;
        while (rank < VIDMM_PREFERENCES && (alloc->preferred[rank] & ~VIDMM_FROM_END) != alloc->segment_id) rank++;
        vidmm_count_add(&resident[rank], alloc, 1);
    }
}

static const char *check_ranks_locked(struct vidmm_segment *segment, const struct vidmm_segment_counters *counters)
    UDXG_REQUIRES(VIDMM)
{
    struct vidmm_count resident[VIDMM_PREFERENCES + 1] = {0};
    recount_list_locked(&segment->settled, resident);
    recount_list_locked(&segment->kept, resident);
    recount_list_locked(&segment->leaving, resident);
    for (unsigned rank = 0; rank < VIDMM_OFFER_RANKS; rank++) recount_list_locked(&segment->offered[rank], resident);
    for (unsigned rank = 0; rank <= VIDMM_PREFERENCES; rank++)
        if (resident[rank].count != counters->resident[rank].count ||
            resident[rank].bytes != counters->resident[rank].bytes)
            return "what is resident by preference is not what the segment's lists hold";
    return NULL;
}

static const char *check_segment_locked(struct vidmm_segment *segment, const struct vidmm_counters *sum)
    UDXG_REQUIRES(VIDMM)
{
    const struct vidmm_segment_counters *counters = &sum->segments[segment->id - 1];
    struct vidmm_count resident;
    total(counters->resident, VIDMM_PREFERENCES + 1, &resident);
    if (resident.bytes != segment->resident_bytes || resident.count != segment->resident_allocations)
        return "what the processes have resident is not what their segment has";
    return segment->aperture ? NULL : check_ranks_locked(segment, counters);
}

static const char *check_process_locked(struct vidmm_process *process) UDXG_REQUIRES(VIDMM)
{
    struct vidmm_counters counters = {0};
    add_process_locked(process, &counters);
    return counters.closed.count > counters.opened.count ? "more was closed than opened" : NULL;
}

static const char *check_evictions(const struct vidmm_counters *sum)
{
    struct vidmm_count by_reason;
    uint64_t by_priority = 0;
    total(sum->evicted, VIDMM_EVICTIONS, &by_reason);
    for (unsigned i = 0; i < UDXG_MAX_SEGMENTS; i++)
        for (unsigned class = 0; class < VIDMM_PRIORITY_CLASSES; class ++)
            by_priority += sum->segments[i].evicted_bytes[class];
    return by_reason.bytes == by_priority ? NULL : "evictions by reason are not evictions by priority";
}

const char *vidmm_counters_check_locked(struct vidmm_adapter *adapter)
{
    struct vidmm_counters sum;
    sum_locked(adapter, &sum);
    const char *wrong = check_evictions(&sum);
    for (uint32_t i = 0; i < adapter->segment_count && !wrong; i++)
        wrong = check_segment_locked(adapter->segments[i], &sum);
    udxg_list_for_each(it, &adapter->processes) if (!wrong) wrong =
        check_process_locked(udxg_container_of(it, struct vidmm_process, siblings));
    return wrong;
}
