/* SPDX-License-Identifier: MIT */
/* An adapter's manager: its segments, its sizes, its beginning and its end. */
#include "vidmm/adapter.h"

#include <stdlib.h>

#include "base/os.h"
#include "vidmm/admission.h"
#include "vidmm/budget.h"
#include "vidmm/census.h"
#include "vidmm/offer.h"
#include "vidmm/vaspace.h"
#include "vidmm/victim.h"

#define LEAST_SYSTEM_BYTES (UINT64_C(64) << 20)

static uint64_t min_of(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t max_of(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* ---- sizes ---- */

static void add_segment(const struct vidmm_segment *segment, struct vidmm_sizes *sizes, uint64_t *aperture_bytes)
{
    if (segment->aperture)
        *aperture_bytes += segment->capacity_bytes;
    else if (segment->desc.flags & UDXG_SEGMENT_POPULATED_FROM_SYSTEM_MEMORY)
        sizes->dedicated_system_bytes += segment->capacity_bytes;
    else
        sizes->dedicated_video_bytes += segment->capacity_bytes;
    if (segment->group == VIDMM_GROUP_LOCAL)
        sizes->local_bytes += segment->capacity_bytes;
    else if (segment->group == VIDMM_GROUP_NON_LOCAL)
        sizes->non_local_bytes += segment->capacity_bytes;
    else
        sizes->non_budget_bytes += segment->capacity_bytes;
}

/*
 * TotalSystemForGraphics = max(RAM / 2, 64 MiB)
 * Shared = min(sum of the apertures' limits, the adapter's limit, TotalSystemForGraphics - DedicatedSystem)
 */
static void compute_sizes(struct vidmm_adapter *adapter, const struct udxg_adapter_caps *caps)
{
    struct vidmm_sizes *sizes = &adapter->sizes;
    uint64_t system = max_of(udxg_os_ram_bytes() / 2, LEAST_SYSTEM_BYTES), apertures = 0;
    for (uint32_t i = 0; i < adapter->segment_count; i++) add_segment(adapter->segments[i], sizes, &apertures);
    sizes->dedicated_system_bytes = min_of(sizes->dedicated_system_bytes, system);
    if (caps->aperture_commit_limit_bytes) apertures = min_of(apertures, caps->aperture_commit_limit_bytes);
    sizes->shared_system_bytes = min_of(apertures, system - sizes->dedicated_system_bytes);
}

/* What a group's budgets share: its segments for applications, or all where none is marked. */
static uint64_t sum_group(const struct vidmm_adapter *adapter, enum vidmm_group group, uint32_t flags)
{
    uint64_t memory = 0, apertures = 0;
    for (uint32_t i = 0; i < adapter->segment_count; i++) {
        const struct vidmm_segment *segment = adapter->segments[i];
        if (segment->group != group || (segment->desc.flags & flags) != flags) continue;
        *(segment->aperture ? &apertures : &memory) += segment->capacity_bytes;
    }
    return memory + min_of(apertures, adapter->sizes.shared_system_bytes);
}

static void compute_groups(struct vidmm_adapter *adapter)
{
    for (unsigned i = 0; i < VIDMM_GROUP_COUNT; i++) {
        enum vidmm_group group = (enum vidmm_group)i;
        adapter->group_bytes[i] = sum_group(adapter, group, UDXG_SEGMENT_APPLICATION_TARGET);
        if (!adapter->group_bytes[i]) adapter->group_bytes[i] = sum_group(adapter, group, 0);
    }
}

/* ---- life ---- */

static udxg_status create_segments(struct vidmm_adapter *adapter, const struct udxg_adapter_caps *caps)
{
    for (uint32_t i = 0; i < caps->segment_count; i++) {
        udxg_status status = vidmm_segment_create(&caps->segments[i], i + 1, &adapter->extents, &adapter->segments[i]);
        if (udxg_failed(status)) return status;
        adapter->segment_count++;
        if (adapter->segments[i]->aperture) adapter->aperture_set |= 1u << i;
    }
    return STATUS_SUCCESS;
}

udxg_status vidmm_adapter_create(const struct udxg_adapter_caps *caps, struct vidmm_adapter **ret)
{
    if (caps->segment_count > UDXG_MAX_SEGMENTS || !vidmm_va_bits_are_valid(caps->gpu_va_bits))
        return STATUS_INVALID_PARAMETER;
    struct vidmm_adapter *adapter = calloc(1, sizeof *adapter);
    if (!adapter) return STATUS_NO_MEMORY;
    udxg_slab_init(&adapter->extents, sizeof(struct vidmm_extent));
    udxg_slab_init(&adapter->va_nodes, sizeof(struct vidmm_va_node));
    udxg_slab_init(&adapter->offers, sizeof(struct vidmm_offer));
    udxg_mutex_init_VIDMM(&adapter->lock);
    pthread_cond_init(&adapter->changed, NULL);
    udxg_list_init(&adapter->processes);
    udxg_list_init(&adapter->waiting);
    udxg_list_init(&adapter->arriving);
    vidmm_pager_init(&adapter->pager);
    vidmm_notifier_init(&adapter->notifier);
    adapter->gpu_va_bits = caps->gpu_va_bits;
    adapter->commit_limit_bytes =
        caps->system_commit_limit_bytes ? caps->system_commit_limit_bytes : udxg_os_ram_bytes() / 2;
    udxg_status status = create_segments(adapter, caps);
    if (udxg_failed(status)) {
        vidmm_adapter_destroy(adapter);
        return status;
    }
    compute_sizes(adapter, caps);
    compute_groups(adapter);
    *ret = adapter;
    return STATUS_SUCCESS;
}

void vidmm_adapter_destroy(struct vidmm_adapter *adapter) UDXG_NO_TSA /* nobody else has it any more */
{
    if (!adapter) return;
    vidmm_notifier_fini(adapter);
    vidmm_pager_fini(adapter);
    for (uint32_t i = 0; i < adapter->segment_count; i++) vidmm_segment_destroy(adapter->segments[i]);
    udxg_slab_fini(&adapter->extents);
    udxg_slab_fini(&adapter->va_nodes);
    vidmm_fair_fini(&adapter->fair);
    udxg_slab_fini(&adapter->offers);
    pthread_cond_destroy(&adapter->changed);
    udxg_mutex_fini_VIDMM(&adapter->lock);
    free(adapter);
}

void vidmm_adapter_set_copied(struct vidmm_adapter *adapter, vidmm_copied *copied)
{
    adapter->copied = copied;
}

/* ---- what the others ask ---- */

struct vidmm_segment *vidmm_adapter_segment_of(const struct vidmm_adapter *adapter, uint32_t id)
{
    return id && id <= adapter->segment_count ? adapter->segments[id - 1] : NULL;
}

void vidmm_adapter_wait_locked(struct vidmm_adapter *adapter)
{
    adapter->waiters++;
    pthread_cond_wait(&adapter->changed, &adapter->lock.mutex);
    adapter->waiters--;
}

void vidmm_adapter_changed_locked(struct vidmm_adapter *adapter)
{
    if (adapter->waiters) pthread_cond_broadcast(&adapter->changed);
}

void vidmm_adapter_sizes(const struct vidmm_adapter *adapter, struct vidmm_sizes *ret)
{
    *ret = adapter->sizes;
}

udxg_status vidmm_adapter_segment(struct vidmm_adapter *adapter, uint32_t segment_id, struct vidmm_segment_info *ret)
{
    struct vidmm_segment *segment = vidmm_adapter_segment_of(adapter, segment_id);
    if (!segment) return STATUS_INVALID_PARAMETER;
    udxg_lock(VIDMM, &adapter->lock);
    *ret = (struct vidmm_segment_info){
        .segment = segment->desc,
        .capacity_bytes = segment->capacity_bytes,
        .resident_bytes = segment->resident_bytes,
        .resident_allocations = segment->resident_allocations,
        .paged_in_bytes = segment->paged_in_bytes,
        .paged_out_bytes = segment->paged_out_bytes,
        .discarded_bytes = segment->discarded_bytes,
    };
    udxg_unlock(VIDMM, &adapter->lock);
    return STATUS_SUCCESS;
}

static const char *check_locked(struct vidmm_adapter *adapter) UDXG_REQUIRES(VIDMM)
{
    uint64_t commit = 0;
    for (uint32_t i = 0; i < adapter->segment_count; i++) {
        const char *wrong = vidmm_segment_check_locked(adapter->segments[i]);
        if (wrong) return wrong;
    }
    udxg_list_for_each(it, &adapter->processes) commit +=
        udxg_container_of(it, struct vidmm_process, siblings)->commit_bytes;
    if (commit != adapter->commit_bytes) return "the adapter's commit is not that of its processes";
    if (commit > adapter->commit_limit_bytes) return "the adapter's commit is over its limit";
    const char *wrong = vidmm_census_check_locked(adapter);
    if (!wrong) wrong = vidmm_budget_check_locked(adapter);
    if (!wrong) wrong = vidmm_notifier_check_locked(adapter);
    if (!wrong) wrong = vidmm_offer_check_locked(adapter);
    if (!wrong) wrong = vidmm_victim_check_locked(adapter);
    if (!wrong) wrong = vidmm_admission_check_locked(adapter);
    if (!wrong) wrong = vidmm_counters_check_locked(adapter);
    return wrong ? wrong : vidmm_pager_check_locked(adapter);
}

const char *vidmm_adapter_check(struct vidmm_adapter *adapter)
{
    udxg_lock(VIDMM, &adapter->lock);
    const char *wrong = check_locked(adapter);
    udxg_unlock(VIDMM, &adapter->lock);
    return wrong;
}
