/* SPDX-License-Identifier: MIT */
/*
 * MakeResident and Evict: which allocations a device lists, and how often. What a list asks for is claimed, all of a
 * call's or none (claim.h); then what is not in place is queued for the pager. Evict gives the claim up with the last
 * count.
 *
 * Locks: VIDMM. Nothing waits and nothing is copied here.
 */
#include "vidmm/residency.h"

#include <stdlib.h>

#include "vidmm/admission.h"
#include "vidmm/alloc.h"
#include "vidmm/budget.h"
#include "vidmm/claim.h"
#include "vidmm/offer.h"
#include "vidmm/victim.h"

/* ---- MakeResident ---- */

static void list_locked(struct vidmm_claims *claims, struct vidmm_binding *binding) UDXG_REQUIRES(VIDMM)
{
    struct vidmm_alloc *alloc = binding->alloc;
    const struct vidmm_segment *segment = vidmm_adapter_segment_of(alloc->process->adapter, alloc->target_id);
    bool first = alloc->resident_count++ == 0;
    vidmm_alloc_manage(alloc);
    if (first) alloc->listing = VIDMM_LISTED_SUSPENDED;
    alloc->written_before = !first || (alloc->place == VIDMM_PLACE_SEGMENT && !alloc->clean);
    binding->next_lister = alloc->listers;
    alloc->listers = binding;
    binding->hold->listing = alloc->listing;
    claims->open = true;
    udxg_list_append(&binding->device->listed[alloc->listing], &binding->required);
    if (segment)
        binding->device->segments[segment->id - 1].listed_bytes += vidmm_segment_need(segment, alloc->size_bytes);
    if (vidmm_offer_in_effect_locked(alloc))
        vidmm_claim_set_locked(alloc, 0, true); /* it takes nothing and holds nobody up until it is reclaimed */
    else if (first)
        vidmm_claim_new_locked(claims, binding);
    else
        vidmm_claim_shared_locked(claims, binding);
    vidmm_gate_moved_locked(binding->device);
}

/* The binding's reference to its allocation's residency goes. */
static void unlist_locked(struct vidmm_binding *binding) UDXG_REQUIRES(VIDMM)
{
    struct vidmm_alloc *alloc = binding->alloc;
    const struct vidmm_segment *segment = vidmm_adapter_segment_of(alloc->process->adapter, alloc->target_id);
    struct vidmm_binding **link = &alloc->listers;
    while (*link != binding) link = &(*link)->next_lister;
    *link = binding->next_lister;
    udxg_list_remove(&binding->required);
    vidmm_gate_moved_locked(binding->device);
    if (segment)
        binding->device->segments[segment->id - 1].listed_bytes -= vidmm_segment_need(segment, alloc->size_bytes);
    if (--alloc->resident_count)
        vidmm_claim_rehang_locked(alloc);
    else
        vidmm_claim_set_locked(alloc, 0, false);
}

/* Undoes the first COUNT; nothing has moved since. */
static void count_back_locked(uint32_t count, struct vidmm_binding *const *bindings) UDXG_REQUIRES(VIDMM)
{
    while (count-- > 0)
        if (--bindings[count]->hold->count == 0) unlist_locked(bindings[count]);
}

/* Listed, in place and not offered: whoever counts it up need not look at the allocation. */
static bool is_listed_and_settled_locked(const struct vidmm_hold *hold) UDXG_REQUIRES(VIDMM)
{
    return hold->count && hold->listing == VIDMM_LISTED_SETTLED;
}

static udxg_status count_all_up_locked(struct vidmm_claims *claims, uint32_t count,
                                       struct vidmm_binding *const *bindings) UDXG_REQUIRES(VIDMM)
{
    for (uint32_t done = 0; done < count; done++) {
        struct vidmm_binding *binding = bindings[done];
        bool settled = is_listed_and_settled_locked(binding->hold);
        if (binding->hold->count == UINT32_MAX || (!settled && vidmm_offer_is_gone_locked(binding->alloc))) {
            count_back_locked(done, bindings);
            return STATUS_INVALID_PARAMETER;
        }
        if (binding->hold->count++ == 0)
            list_locked(claims, binding);
        else if (!settled)
            claims->open = true;
    }
    if (!claims->failed) return STATUS_SUCCESS;
    count_back_locked(count, bindings);
    return STATUS_NO_MEMORY;
}

bool vidmm_residency_needs_paging_locked(const struct vidmm_alloc *alloc)
{
    bool home = alloc->place == VIDMM_PLACE_HOME || alloc->place == VIDMM_PLACE_APERTURE;
    if (alloc->bucket && alloc->bucket->shelf == VIDMM_SHELF_DEMOTED) return true;
    return !vidmm_alloc_is_settled_locked(alloc) && !(home && vidmm_alloc_targets_home_locked(alloc));
}

static uint32_t count_paging_locked(uint32_t count, struct vidmm_binding *const *bindings) UDXG_REQUIRES(VIDMM)
{
    uint32_t paging = 0;
    for (uint32_t i = 0; i < count; i++) paging += vidmm_residency_needs_paging_locked(bindings[i]->alloc);
    return paging;
}

/* The claims stand: from now on things move. */
static void commit_locked(struct vidmm_queue *queue, uint32_t count, struct vidmm_binding *const *bindings)
    UDXG_REQUIRES(VIDMM)
{
    for (uint32_t i = 0; i < count; i++) {
        struct vidmm_alloc *alloc = bindings[i]->alloc;
        if (vidmm_alloc_is_settled_locked(alloc) && !vidmm_residency_needs_paging_locked(alloc) &&
            alloc->place != VIDMM_PLACE_SEGMENT)
            continue;
        vidmm_claim_improve_locked(queue->device, alloc);
        vidmm_alloc_retargeted_locked(alloc);
    }
}

static udxg_status queue_paging_locked(struct vidmm_queue *queue, uint32_t count, struct vidmm_binding *const *bindings,
                                       struct vidmm_paging_op *op, uint64_t *ret_fence) UDXG_REQUIRES(VIDMM)
{
    for (uint32_t i = 0; i < count && op; i++)
        if (!vidmm_alloc_is_settled_locked(bindings[i]->alloc)) vidmm_paging_op_add_locked(op, bindings[i]);
    if (!op || !op->count) {
        free(op);
        *ret_fence = 0;
        return STATUS_SUCCESS;
    }
    *ret_fence = vidmm_paging_op_queue_locked(queue, op);
    return STATUS_PENDING;
}

static udxg_status make_resident_locked(struct vidmm_queue *queue, uint32_t count,
                                        struct vidmm_binding *const *bindings, struct vidmm_claims *claims,
                                        uint64_t *ret_fence) UDXG_REQUIRES(VIDMM)
{
    if (!vidmm_buckets_create_locked(queue->device)) return STATUS_NO_MEMORY;
    udxg_status status = count_all_up_locked(claims, count, bindings);
    if (udxg_failed(status)) return status;
    if (!claims->open) {
        *ret_fence = 0;
        return STATUS_SUCCESS;
    }
    uint32_t paging = count_paging_locked(count, bindings);
    struct vidmm_paging_op *op = NULL;
    if (paging) {
        op = vidmm_paging_op_create_locked(queue, paging);
        if (!op) {
            count_back_locked(count, bindings);
            return STATUS_NO_MEMORY;
        }
    }
    commit_locked(queue, count, bindings);
    return queue_paging_locked(queue, count, bindings, op, ret_fence);
}

udxg_status vidmm_make_resident(struct vidmm_queue *queue, uint32_t count, struct vidmm_binding *const *bindings,
                                uint32_t flags, uint64_t *ret_fence, uint64_t *ret_trim_bytes)
{
    struct vidmm_adapter *adapter = queue->device->process->adapter;
    struct vidmm_claims claims = {.cant_trim_further = flags & VIDMM_CANT_TRIM_FURTHER};
    *ret_trim_bytes = 0;
    if ((flags & VIDMM_MUST_SUCCEED) && !claims.cant_trim_further) return STATUS_INVALID_PARAMETER;
    udxg_lock(VIDMM, &adapter->lock);
    udxg_status status = make_resident_locked(queue, count, bindings, &claims, ret_fence);
    vidmm_budget_settle_locked(adapter);
    udxg_unlock(VIDMM, &adapter->lock);
    if (status == STATUS_NO_MEMORY) *ret_trim_bytes = vidmm_claims_trim_bytes(&claims);
    return status;
}

static bool are_listed_and_settled_locked(uint32_t count, struct vidmm_hold *const *holds) UDXG_REQUIRES(VIDMM)
{
    for (uint32_t i = 0; i < count; i++)
        if (!is_listed_and_settled_locked(holds[i]) || holds[i]->count > UINT32_MAX - count) return false;
    return true;
}

bool vidmm_make_resident_again(struct vidmm_device *device, uint32_t count, struct vidmm_hold *const *holds)
{
    struct vidmm_adapter *adapter = device->process->adapter;
    udxg_lock(VIDMM, &adapter->lock);
    bool again = are_listed_and_settled_locked(count, holds);
    for (uint32_t i = 0; i < count && again; i++) holds[i]->count++;
    udxg_unlock(VIDMM, &adapter->lock);
    return again;
}

/* ---- Evict ---- */

void vidmm_residency_leave_locked(struct vidmm_binding *binding, bool keep, enum vidmm_eviction why)
{
    struct vidmm_alloc *alloc = binding->alloc;
    unlist_locked(binding);
    if (alloc->resident_count) return;
    alloc->keep = keep;
    alloc->leaves_for = (uint8_t)why;
    vidmm_alloc_retargeted_locked(alloc);
}

static udxg_status count_all_down_locked(uint32_t count, struct vidmm_binding *const *bindings) UDXG_REQUIRES(VIDMM)
{
    for (uint32_t i = 0; i < count; i++) {
        if (bindings[i]->hold->count) {
            bindings[i]->hold->count--;
            continue;
        }
        while (i-- > 0) bindings[i]->hold->count++;
        return STATUS_INVALID_PARAMETER;
    }
    return STATUS_SUCCESS;
}

static udxg_status evict_locked(struct vidmm_device *device, uint32_t count, struct vidmm_binding *const *bindings,
                                uint32_t flags) UDXG_REQUIRES(VIDMM)
{
    udxg_status status = count_all_down_locked(count, bindings);
    if (udxg_failed(status)) return status;
    uint64_t number = atomic_fetch_add_explicit(&device->evictions, 1, memory_order_relaxed) + 1;
    for (uint32_t i = 0; i < count; i++) {
        struct vidmm_binding *binding = bindings[i];
        if ((flags & VIDMM_NOT_WRITTEN_TO) && binding->alloc->place == VIDMM_PLACE_SEGMENT &&
            !binding->alloc->written_before)
            binding->alloc->clean = true;
        if (binding->hold->count || udxg_list_empty(&binding->required)) continue;
        binding->evicted = number;
        vidmm_residency_leave_locked(binding, flags & VIDMM_EVICT_ONLY_IF_NECESSARY, VIDMM_EVICTED_ON_REQUEST);
    }
    return STATUS_SUCCESS;
}

udxg_status vidmm_evict(struct vidmm_device *device, uint32_t count, struct vidmm_binding *const *bindings,
                        uint32_t flags, uint64_t *ret_trim_bytes)
{
    struct vidmm_adapter *adapter = device->process->adapter;
    udxg_lock(VIDMM, &adapter->lock);
    udxg_status status = evict_locked(device, count, bindings, flags);
    vidmm_budget_settle_locked(adapter);
    if (!udxg_failed(status)) *ret_trim_bytes = vidmm_budget_excess_locked(device->process);
    udxg_unlock(VIDMM, &adapter->lock);
    return status;
}

/* ---- who lists it ---- */

bool vidmm_residency_is_in_use_locked(const struct vidmm_alloc *alloc)
{
    const struct vidmm_binding *lister = alloc->listers;
    while (lister && !lister->device->running) lister = lister->next_lister;
    return lister;
}

bool vidmm_residency_is_of_process_locked(const struct vidmm_alloc *alloc, const struct vidmm_process *process)
{
    const struct vidmm_binding *lister = alloc->listers;
    if (!lister) return alloc->process == process;
    while (lister && lister->device->process == process) lister = lister->next_lister;
    return !lister;
}
