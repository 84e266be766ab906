/* SPDX-License-Identifier: MIT */
/*
 * UpdateAllocationProperty: what an allocation may be, what it would rather be, and its migration when that makes it
 * belong elsewhere. A listed allocation's claim is given up and made anew; when that fails the old one stands, which
 * it can, because nobody else has had the lock meanwhile.
 *
 * Locks: VIDMM. It copies nothing: a migration is an operation of the paging queue like any other.
 */
#include <stdlib.h>
#include <string.h>

#include "vidmm/alloc.h"
#include "vidmm/budget.h"
#include "vidmm/claim.h"
#include "vidmm/residency.h"

static struct vidmm_property current_locked(const struct vidmm_alloc *alloc) UDXG_REQUIRES(VIDMM)
{
    struct vidmm_property property = {
        .supported_segments = alloc->supported_segments,
        .physical = alloc->physical,
        .unmoveable = alloc->unmoveable,
    };
    memcpy(property.preferred, alloc->preferred, sizeof property.preferred);
    return property;
}

static struct vidmm_property wanted_locked(const struct vidmm_alloc *alloc, const struct vidmm_property *change)
    UDXG_REQUIRES(VIDMM)
{
    struct vidmm_property wanted = current_locked(alloc);
    if (change->set_supported) wanted.supported_segments = change->supported_segments;
    if (change->set_preferred) memcpy(wanted.preferred, change->preferred, sizeof wanted.preferred);
    if (change->set_physical) wanted.physical = change->physical;
    if (change->set_unmoveable) wanted.unmoveable = change->unmoveable;
    return wanted;
}

static bool is_where_the_same(const struct vidmm_property *a, const struct vidmm_property *b)
{
    return a->supported_segments == b->supported_segments && a->physical == b->physical &&
           !memcmp(a->preferred, b->preferred, sizeof a->preferred);
}

/* ---- rules ---- */

/* The segments there are, those the CPU sees, those large enough. */
struct sets {
    uint32_t all, visible, fitting;
};

static struct sets sets_for(const struct vidmm_alloc *alloc)
{
    const struct vidmm_adapter *adapter = alloc->process->adapter;
    struct sets sets = {0};
    for (uint32_t i = 0; i < adapter->segment_count; i++) {
        const struct vidmm_segment *segment = adapter->segments[i];
        uint32_t bit = 1u << i;
        sets.all |= bit;
        if (segment->desc.flags & UDXG_SEGMENT_CPU_VISIBLE) sets.visible |= bit;
        if (vidmm_segment_need(segment, alloc->size_bytes) <= segment->capacity_bytes) sets.fitting |= bit;
    }
    return sets;
}

static bool prefers_supported(const struct vidmm_property *wanted)
{
    for (unsigned rank = 0; rank < VIDMM_PREFERENCES; rank++) {
        uint32_t id = wanted->preferred[rank] & ~VIDMM_FROM_END;
        if (id && !(id <= 32 && wanted->supported_segments & 1u << (id - 1))) return false;
    }
    return true;
}

/* What CreateAllocation asks of a miniport, as far as it concerns segments. */
static udxg_status check_locked(const struct vidmm_alloc *alloc, const struct vidmm_property *change,
                                const struct vidmm_property *wanted) UDXG_REQUIRES(VIDMM)
{
    const uint32_t in_system = UDXG_ALLOCATION_EXISTING_SYS_MEM | UDXG_ALLOCATION_PERMANENT_SYS_MEM;
    uint32_t supported = wanted->supported_segments, apertures = alloc->process->adapter->aperture_set;
    struct sets sets = sets_for(alloc);
    if (!supported || supported & ~sets.all) return STATUS_INVALID_PARAMETER;
    if (change->set_preferred && !prefers_supported(wanted)) return STATUS_INVALID_PARAMETER;
    if (alloc->flags & in_system && supported & ~apertures) return STATUS_INVALID_PARAMETER;
    if (alloc->flags & UDXG_ALLOCATION_CPU_VISIBLE && supported & ~sets.visible && !(supported & apertures))
        return STATUS_INVALID_PARAMETER;
    struct vidmm_property now = current_locked(alloc);
    bool stays = alloc->unmoveable && wanted->unmoveable && alloc->target_id;
    if (stays && !is_where_the_same(wanted, &now)) return STATUS_INVALID_PARAMETER;
    return supported & sets.fitting ? STATUS_SUCCESS : STATUS_NO_MEMORY;
}

udxg_status vidmm_alloc_check_property(struct vidmm_alloc *alloc, const struct vidmm_property *change,
                                       bool *ret_changes)
{
    udxg_lock(VIDMM, &alloc->process->adapter->lock);
    struct vidmm_property now = current_locked(alloc), wanted = wanted_locked(alloc, change);
    udxg_status status = check_locked(alloc, change, &wanted);
    udxg_unlock(VIDMM, &alloc->process->adapter->lock);
    if (!udxg_failed(status)) *ret_changes = !is_where_the_same(&now, &wanted) || now.unmoveable != wanted.unmoveable;
    return status;
}

/* ---- change ---- */

/* The allocation has no claim. What counts by preference is counted anew. */
static void apply_locked(struct vidmm_alloc *alloc, const struct vidmm_property *property) UDXG_REQUIRES(VIDMM)
{
    bool resident =
        !vidmm_alloc_is_moving_locked(alloc) && vidmm_adapter_segment_of(alloc->process->adapter, alloc->segment_id);
    struct vidmm_birth birth = {
        .size_bytes = alloc->size_bytes,
        .first_choice = vidmm_alloc_first_choice_locked(alloc),
    };
    if (resident) vidmm_count_resident_locked(alloc, -1);
    alloc->supported_segments = property->supported_segments;
    memcpy(alloc->preferred, property->preferred, sizeof alloc->preferred);
    alloc->physical = property->physical;
    alloc->unmoveable = property->unmoveable;
    if (resident) vidmm_count_resident_locked(alloc, 1);
    vidmm_stock_recount(alloc->process, alloc->stripe, &birth, vidmm_alloc_first_choice_locked(alloc));
}

/* One that is not listed, or offered, may have to leave the segment it was kept in. */
static void apply_unlisted_locked(struct vidmm_alloc *alloc, const struct vidmm_property *wanted) UDXG_REQUIRES(VIDMM)
{
    apply_locked(alloc, wanted);
    if (alloc->place != VIDMM_PLACE_SEGMENT) return;
    bool supported = wanted->supported_segments & 1u << (alloc->segment_id - 1);
    if (alloc->keep && (!supported || (alloc->physical && alloc->extents->next))) {
        alloc->keep = false;
        alloc->leaves_for = VIDMM_MIGRATED;
    }
    vidmm_alloc_retargeted_locked(alloc);
}

/*
 * The new target. To be sent to another place than the first choice is a success for who comes anew; here it is one
 * only when the first choice has not changed, because going there is what the client has asked for.
 */
static bool claim_anew_locked(struct vidmm_device *device, struct vidmm_alloc *alloc,
                              const struct vidmm_property *before, const struct vidmm_property *wanted)
    UDXG_REQUIRES(VIDMM)
{
    uint32_t former_choice = vidmm_alloc_first_choice_locked(alloc), first_id;
    struct vidmm_standing former = vidmm_claim_give_up_locked(alloc);
    apply_locked(alloc, wanted);
    bool changed = vidmm_alloc_first_choice_locked(alloc) != former_choice;
    if (vidmm_claim_anew_locked(device, alloc, &first_id) && (alloc->promised || !former.promised) &&
        (!changed || alloc->target_id == first_id))
        return true;
    (void)vidmm_claim_give_up_locked(alloc);
    apply_locked(alloc, before);
    vidmm_claim_restore_locked(alloc, &former);
    return false;
}

static void count_migrated_locked(const struct vidmm_alloc *alloc) UDXG_REQUIRES(VIDMM)
{
    alloc->process->counters.migrated.count++;
    alloc->process->counters.migrated.bytes += alloc->size_bytes;
}

/*
 * Sends it to its new target, by OP where that takes a copy. OP is taken. What is in use stays where it is until the
 * run is over; the paging threads see to that.
 */
static uint64_t send_locked(struct vidmm_queue *queue, struct vidmm_binding *binding, uint32_t former,
                            struct vidmm_paging_op *op) UDXG_REQUIRES(VIDMM)
{
    struct vidmm_alloc *alloc = binding->alloc;
    bool settled = vidmm_alloc_is_settled_locked(alloc), waits = vidmm_residency_is_in_use_locked(alloc);
    if (!settled) alloc->leaves_for = VIDMM_MIGRATED;
    if (settled || (!waits && !vidmm_residency_needs_paging_locked(alloc))) {
        if (alloc->target_id != former) count_migrated_locked(alloc);
        vidmm_alloc_retargeted_locked(alloc);
        free(op);
        return 0;
    }
    if (!waits || alloc->place == VIDMM_PLACE_SEGMENT) vidmm_alloc_retargeted_locked(alloc);
    vidmm_paging_op_add_locked(op, binding);
    op->migrating_bytes = alloc->size_bytes;
    return vidmm_paging_op_queue_locked(queue, op);
}

static udxg_status update_locked(struct vidmm_queue *queue, struct vidmm_binding *binding,
                                 const struct vidmm_property *change, uint64_t *ret_fence) UDXG_REQUIRES(VIDMM)
{
    struct vidmm_alloc *alloc = binding->alloc;
    struct vidmm_property before = current_locked(alloc), wanted = wanted_locked(alloc, change);
    uint32_t former = alloc->target_id;
    udxg_status status = check_locked(alloc, change, &wanted);
    if (udxg_failed(status)) return status;
    *ret_fence = 0;
    if (!alloc->target_id) {
        apply_unlisted_locked(alloc, &wanted);
        return STATUS_SUCCESS;
    }
    if (is_where_the_same(&before, &wanted)) {
        alloc->unmoveable = wanted.unmoveable;
        vidmm_claim_rehang_locked(alloc);
        return STATUS_SUCCESS;
    }
    struct vidmm_paging_op *op = vidmm_paging_op_create_locked(queue, 1);
    if (!op) return STATUS_NO_MEMORY;
    if (!claim_anew_locked(queue->device, alloc, &before, &wanted)) {
        free(op);
        return STATUS_NO_MEMORY;
    }
    *ret_fence = send_locked(queue, binding, former, op);
    return *ret_fence ? STATUS_PENDING : STATUS_SUCCESS;
}

udxg_status vidmm_alloc_update_property(struct vidmm_queue *queue, struct vidmm_binding *binding,
                                        const struct vidmm_property *change, uint64_t *ret_fence)
{
    struct vidmm_adapter *adapter = queue->device->process->adapter;
    udxg_lock(VIDMM, &adapter->lock);
    udxg_status status = update_locked(queue, binding, change, ret_fence);
    vidmm_budget_settle_locked(adapter);
    udxg_unlock(VIDMM, &adapter->lock);
    return status;
}
