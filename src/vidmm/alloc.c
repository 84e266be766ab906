/* SPDX-License-Identifier: MIT */
/* Allocations: from creation to their end, their places, and locks. Who goes where is residency.c's business. */
#include "vidmm/alloc.h"

#include <assert.h>

#include "base/os.h"
#include "vidmm/admission.h"
#include "vidmm/budget.h"
#include "vidmm/claim.h"
#include "vidmm/offer.h"

/* ---- places ---- */

#define TO(place) (1u << VIDMM_PLACE_##place)

static const uint8_t legal_steps[] = {
    [VIDMM_PLACE_HOME] = TO(APERTURE) | TO(PAGING_IN),
    [VIDMM_PLACE_APERTURE] = TO(HOME) | TO(APERTURE),
    [VIDMM_PLACE_PAGING_IN] = TO(SEGMENT),
    [VIDMM_PLACE_SEGMENT] = TO(PAGING_OUT),
    [VIDMM_PLACE_PAGING_OUT] = TO(HOME),
};

/* Adds the allocation to what its present place counts, or takes it away. */
static void count_place_locked(const struct vidmm_alloc *alloc, int64_t sign) UDXG_REQUIRES(VIDMM)
{
    struct vidmm_segment *segment = vidmm_adapter_segment_of(alloc->process->adapter, alloc->segment_id);
    if (!segment) return;
    if (vidmm_alloc_is_moving_locked(alloc)) {
        segment->moving_bytes += (uint64_t)sign * vidmm_segment_need(segment, alloc->size_bytes);
    } else {
        segment->resident_bytes += (uint64_t)sign * alloc->size_bytes;
        segment->resident_allocations += (uint64_t)sign;
        vidmm_count_resident_locked(alloc, (int)sign);
    }
}

/* It was at PLACE, in SEGMENT_ID. Plain system memory is no segment: nothing is mapped, nothing faults. */
static void count_step_locked(struct vidmm_alloc *alloc, enum vidmm_place place, uint32_t segment_id)
    UDXG_REQUIRES(VIDMM)
{
    struct vidmm_counters *counters = &alloc->process->counters;
    bool was_mapped = place == VIDMM_PLACE_APERTURE && segment_id != VIDMM_SYSTEM_ID;
    bool is_mapped = alloc->place == VIDMM_PLACE_APERTURE && alloc->segment_id != VIDMM_SYSTEM_ID;
    bool mapped = is_mapped && !was_mapped, unmapped = was_mapped && !is_mapped;
    if (mapped) counters->mapped_bytes += alloc->size_bytes;
    if (unmapped) counters->unmapped_bytes += alloc->size_bytes;
    if (unmapped || place == VIDMM_PLACE_PAGING_OUT) vidmm_count_left_locked(alloc, segment_id, alloc->leaves_for);
    if (mapped || alloc->place == VIDMM_PLACE_SEGMENT) vidmm_count_fault_locked(alloc);
}

void vidmm_alloc_set_place_locked(struct vidmm_alloc *alloc, enum vidmm_place place, uint32_t segment_id)
{
    bool legal = legal_steps[alloc->place] & (1u << place);
    assert(legal);
    (void)legal;
    enum vidmm_place from = alloc->place;
    uint32_t from_id = alloc->segment_id;
    count_place_locked(alloc, -1);
    alloc->place = (uint8_t)place;
    alloc->segment_id = (uint8_t)segment_id;
    count_place_locked(alloc, 1);
    count_step_locked(alloc, from, from_id);
    struct vidmm_segment *segment = vidmm_adapter_segment_of(alloc->process->adapter, segment_id);
    if (segment) vidmm_segment_relink_locked(segment, alloc);
    vidmm_claim_moved_locked(alloc);
}

uint32_t vidmm_alloc_any_choice_locked(const struct vidmm_alloc *alloc)
{
    uint32_t supported = alloc->supported_segments, memory = supported & ~alloc->process->adapter->aperture_set;
    return (uint32_t)__builtin_ctz(memory ? memory : supported) + 1;
}

bool vidmm_alloc_is_moving_locked(const struct vidmm_alloc *alloc)
{
    return alloc->place == VIDMM_PLACE_PAGING_IN || alloc->place == VIDMM_PLACE_PAGING_OUT;
}

bool vidmm_alloc_targets_home_locked(const struct vidmm_alloc *alloc)
{
    if (!alloc->promised) return false;
    if (alloc->target_id == VIDMM_SYSTEM_ID) return true;
    struct vidmm_segment *segment = vidmm_adapter_segment_of(alloc->process->adapter, alloc->target_id);
    return segment && segment->aperture;
}

bool vidmm_alloc_is_settled_locked(const struct vidmm_alloc *alloc)
{
    if (!alloc->target_id) return true;
    if (alloc->place == VIDMM_PLACE_SEGMENT && alloc->physical && alloc->extents->next) return false;
    return alloc->promised && alloc->segment_id == alloc->target_id &&
           (alloc->place == VIDMM_PLACE_SEGMENT || alloc->place == VIDMM_PLACE_APERTURE);
}

void vidmm_alloc_settle_home_locked(struct vidmm_alloc *alloc)
{
    if (vidmm_alloc_targets_home_locked(alloc)) {
        if (alloc->place == VIDMM_PLACE_PAGING_OUT) vidmm_alloc_set_place_locked(alloc, VIDMM_PLACE_HOME, 0);
        vidmm_alloc_set_place_locked(alloc, VIDMM_PLACE_APERTURE, alloc->target_id);
    } else if (alloc->place != VIDMM_PLACE_HOME) {
        vidmm_alloc_set_place_locked(alloc, VIDMM_PLACE_HOME, 0);
    }
}

void vidmm_alloc_retargeted_locked(struct vidmm_alloc *alloc)
{
    struct vidmm_adapter *adapter = alloc->process->adapter;
    if (alloc->place == VIDMM_PLACE_HOME || alloc->place == VIDMM_PLACE_APERTURE) {
        vidmm_alloc_settle_home_locked(alloc);
    } else if (alloc->place == VIDMM_PLACE_SEGMENT) {
        struct vidmm_segment *segment = vidmm_adapter_segment_of(adapter, alloc->segment_id);
        vidmm_segment_relink_locked(segment, alloc);
        if (!udxg_list_empty(&segment->leaving)) vidmm_pager_leaving_locked(adapter);
    }
}

/* ---- life ---- */

static uint8_t log2_of(uint64_t power_of_two)
{
    return power_of_two ? (uint8_t)__builtin_ctzll(power_of_two) : 0;
}

/* Sections of such a process are sealed: its own could shrink while it is here, which hurts only itself. */
static bool is_elsewhere(const struct vidmm_process *process)
{
    return process->memory.mem_fd != -1;
}

/* Of memory that is in no pool: whose it is. What an allocation has the home of outlives it, and so does its client. */
static const struct udxg_foreign *reach_of(const struct vidmm_process *process, const struct vidmm_alloc_desc *desc)
{
    static const struct udxg_foreign here = UDXG_FOREIGN_HERE;

    if (desc->home_of) return desc->home_of->foreign;
    return desc->is_section ? &here : &process->memory;
}

/* Whether some supported segment could ever hold SIZE: STATUS_GRAPHICS_NO_VIDEO_MEMORY when none could. */
static udxg_status check_fit(const struct vidmm_adapter *adapter, const struct vidmm_alloc_desc *desc,
                             uint64_t size_bytes)
{
    udxg_status status = STATUS_INVALID_PARAMETER;
    for (uint32_t i = 0; i < adapter->segment_count; i++) {
        const struct vidmm_segment *segment = adapter->segments[i];
        if (!(desc->supported_segments & (1u << i))) continue;
        /* The size first: what the segment needs for it may wrap around. */
        if (size_bytes <= segment->capacity_bytes && vidmm_segment_need(segment, size_bytes) <= segment->capacity_bytes)
            return STATUS_SUCCESS;
        status = STATUS_GRAPHICS_NO_VIDEO_MEMORY;
    }
    return status;
}

/* Nobody else has the allocation: not yet, or not any more. */
static struct vidmm_birth birth_of(const struct vidmm_alloc *alloc) UDXG_NO_TSA
{
    return (struct vidmm_birth){
        .size_bytes = alloc->size_bytes,
        .first_choice = vidmm_alloc_first_choice_locked(alloc),
        .opened = alloc->opened,
    };
}

/* What is there already, the caller's memory or another's home, costs no commit and needs none. */
static udxg_status find_home(struct vidmm_alloc *alloc, const struct vidmm_alloc_desc *desc)
{
    struct vidmm_birth birth = birth_of(alloc);
    struct vidmm_home home;
    if (desc->system_memory || desc->home_of) {
        vidmm_stock_count(alloc->process, alloc->stripe, &birth);
        return STATUS_SUCCESS;
    }
    udxg_status status = desc->site ? vidmm_stock_take_apart(alloc->process, alloc->stripe, &birth,
                                                             desc->alignment_bytes, vidmm_site_pool(desc->site), &home)
                                    : vidmm_stock_take(alloc->process, alloc->stripe, &birth, desc->alignment_bytes,
                                                       !desc->allow_not_zeroed, &home);
    if (udxg_failed(status)) return status;
    alloc->site = desc->site;
    if (alloc->site) vidmm_site_ref(alloc->site);
    alloc->home_range = home.range;
    alloc->home = home.address;
    return STATUS_SUCCESS;
}

static uint8_t preferred(const struct vidmm_alloc_desc *desc, unsigned rank)
{
    return desc->preferred[rank].segment_id | (desc->preferred[rank].from_end ? VIDMM_FROM_END : 0);
}

udxg_status vidmm_alloc_init(struct vidmm_alloc *alloc, struct vidmm_process *process,
                             const struct vidmm_alloc_desc *desc)
{
    uint64_t size_bytes = udxg_align_up(desc->size_bytes, UDXG_PAGE_SIZE);
    if (!desc->size_bytes) return STATUS_INVALID_PARAMETER;
    if (size_bytes < desc->size_bytes) return STATUS_GRAPHICS_NO_VIDEO_MEMORY;
    udxg_status status = check_fit(process->adapter, desc, size_bytes);
    if (udxg_failed(status)) return status;
    *alloc = (struct vidmm_alloc){
        .process = process,
        .size_bytes = size_bytes,
        .home = (void *)(uintptr_t)desc->system_memory,
        .foreign = reach_of(process, desc),
        .sealed = desc->is_section && is_elsewhere(process),
        .flags = desc->flags,
        .supported_segments = desc->supported_segments,
        .preferred = {preferred(desc, 0), preferred(desc, 1), preferred(desc, 2), preferred(desc, 3),
                      preferred(desc, 4)},
        .alignment_log2 = log2_of(desc->alignment_bytes),
        .read_only = desc->read_only,
        .stripe = desc->stripe,
        .physical = desc->flags & UDXG_ALLOCATION_ACCESSED_PHYSICALLY,
        .priority = desc->priority,
    };
    if (desc->home_of) {
        alloc->home = desc->home_of->home;
        alloc->borrowed = desc->home_of->home_range || desc->home_of->borrowed;
        alloc->sealed = desc->home_of->sealed;
    }
    udxg_list_init(&alloc->link);
    udxg_list_init(&alloc->in_bucket);
    return find_home(alloc, desc);
}

/* True when the home has no commit any more. */
static bool leave_manager(struct vidmm_alloc *alloc)
{
    struct vidmm_adapter *adapter = alloc->process->adapter;
    udxg_lock(VIDMM, &adapter->lock);
    while (vidmm_alloc_is_moving_locked(alloc) || alloc->access_count || vidmm_offer_is_busy_locked(alloc))
        vidmm_adapter_wait_locked(adapter);
    if (alloc->place == VIDMM_PLACE_SEGMENT) {
        vidmm_segment_give_locked(vidmm_adapter_segment_of(adapter, alloc->segment_id), alloc->extents);
        alloc->extents = NULL;
        count_place_locked(alloc, -1);
        vidmm_count_left_locked(alloc, alloc->segment_id, alloc->keep ? VIDMM_EVICTED_TO_CLOSE : alloc->leaves_for);
        udxg_list_remove(&alloc->link);
    }
    bool husk = alloc->decommitted;
    vidmm_offer_forget_locked(alloc);
    udxg_unlock(VIDMM, &adapter->lock);
    return husk;
}

void vidmm_alloc_fini(struct vidmm_alloc *alloc)
{
    struct vidmm_home home = {.range = alloc->home_range, .address = alloc->home, .size_bytes = alloc->size_bytes};
    struct vidmm_birth birth = birth_of(alloc);
    bool husk = atomic_load_explicit(&alloc->managed, memory_order_relaxed) && leave_manager(alloc);
    if (alloc->site) {
        vidmm_stock_give_apart(alloc->process, alloc->stripe, &birth, vidmm_site_pool(alloc->site), &home, husk);
        vidmm_site_unref(alloc->site);
    } else if (husk)
        vidmm_stock_give_husk(alloc->process, alloc->stripe, &birth, &home);
    else
        vidmm_stock_give(alloc->process, alloc->stripe, &birth, &home);
}

/* ---- locks ---- */

/*
 * Windows can map a CPU-visible segment or demote; we always demote, and a CPU-visible allocation may always be.
 * One that is not needs an aperture to go to, or has to be out of video memory already.
 */
static bool is_lockable_locked(const struct vidmm_alloc *alloc) UDXG_REQUIRES(VIDMM)
{
    if (alloc->flags & UDXG_ALLOCATION_CPU_VISIBLE) return true;
    if (alloc->supported_segments & alloc->process->adapter->aperture_set) return true;
    return alloc->place == VIDMM_PLACE_HOME || alloc->place == VIDMM_PLACE_APERTURE;
}

static bool is_home_locked(const struct vidmm_alloc *alloc) UDXG_REQUIRES(VIDMM)
{
    return alloc->place == VIDMM_PLACE_HOME || alloc->place == VIDMM_PLACE_APERTURE;
}

/* Begins the copy home, or waits for whoever has begun one. True when the caller has to run it. */
static bool begin_demotion_locked(struct vidmm_alloc *alloc, struct vidmm_copy *copy) UDXG_REQUIRES(VIDMM)
{
    if (alloc->place == VIDMM_PLACE_SEGMENT) {
        alloc->leaves_for = VIDMM_EVICTED_TO_LOCK;
        vidmm_copy_begin_out_locked(alloc, copy);
        return true;
    }
    vidmm_adapter_wait_locked(alloc->process->adapter);
    return false;
}

/* LOCK has been counted, so nothing brings it back meanwhile. */
static void demote(struct vidmm_alloc *alloc)
{
    struct vidmm_adapter *adapter = alloc->process->adapter;
    for (bool home = false; !home;) {
        struct vidmm_copy copy;
        udxg_lock(VIDMM, &adapter->lock);
        home = is_home_locked(alloc);
        bool mine = !home && begin_demotion_locked(alloc, &copy);
        udxg_unlock(VIDMM, &adapter->lock);
        if (!mine) continue;
        vidmm_copy_run(&copy);
        udxg_lock(VIDMM, &adapter->lock);
        vidmm_copy_done_locked(&copy);
        udxg_unlock(VIDMM, &adapter->lock);
    }
}

static udxg_status count_lock_locked(struct vidmm_alloc *alloc) UDXG_REQUIRES(VIDMM)
{
    if (alloc->offer || alloc->decommitted) return STATUS_INVALID_PARAMETER;
    if (!is_lockable_locked(alloc)) return STATUS_INVALID_PARAMETER;
    if (alloc->unmoveable && alloc->target_id && !vidmm_alloc_targets_home_locked(alloc))
        return STATUS_GRAPHICS_CANT_EVICT_PINNED_ALLOCATION;
    if (vidmm_adapter_has_fault(alloc->process->adapter, VIDMM_FAULT_USER_MODE_MAPPING)) return STATUS_NO_MEMORY;
    if (alloc->lock_count == UINT32_MAX) return STATUS_GRAPHICS_TOO_MANY_REFERENCES;
    alloc->lock_count++;
    alloc->process->counters.locks++;
    if (alloc->target_id && !vidmm_alloc_targets_home_locked(alloc)) {
        alloc->leaves_for = VIDMM_EVICTED_TO_LOCK;
        vidmm_claim_retarget_locked(alloc);
        vidmm_alloc_retargeted_locked(alloc);
    } else {
        vidmm_claim_rehang_locked(alloc);
    }
    return STATUS_SUCCESS;
}

udxg_status vidmm_alloc_lock(struct vidmm_alloc *alloc, void **ret_address)
{
    struct vidmm_adapter *adapter = alloc->process->adapter;
    udxg_lock(VIDMM, &adapter->lock);
    udxg_status status = count_lock_locked(alloc);
    vidmm_budget_settle_locked(adapter);
    bool home = is_home_locked(alloc);
    udxg_unlock(VIDMM, &adapter->lock);
    if (udxg_failed(status)) return status;
    if (!home) demote(alloc);
    *ret_address = alloc->home;
    return STATUS_SUCCESS;
}

static void end_locks_locked(struct vidmm_alloc *alloc, uint32_t count) UDXG_REQUIRES(VIDMM)
{
    alloc->lock_count -= count;
    if (alloc->lock_count) return;
    vidmm_claim_rehang_locked(alloc);
    vidmm_room_freed_locked(alloc->process->adapter); /* there may always have been room for it */
}

udxg_status vidmm_alloc_unlock(struct vidmm_alloc *alloc)
{
    struct vidmm_adapter *adapter = alloc->process->adapter;
    udxg_status status = STATUS_INVALID_PARAMETER;
    udxg_lock(VIDMM, &adapter->lock);
    if (alloc->lock_count) {
        end_locks_locked(alloc, 1);
        status = STATUS_SUCCESS;
    }
    udxg_unlock(VIDMM, &adapter->lock);
    return status;
}

void vidmm_alloc_end_locks(struct vidmm_alloc *alloc, uint32_t count)
{
    struct vidmm_adapter *adapter = alloc->process->adapter;
    udxg_lock(VIDMM, &adapter->lock);
    end_locks_locked(alloc, count);
    udxg_unlock(VIDMM, &adapter->lock);
}

enum vidmm_residency vidmm_alloc_residency(struct vidmm_alloc *alloc)
{
    struct vidmm_adapter *adapter = alloc->process->adapter;
    enum vidmm_residency residency = VIDMM_NOT_RESIDENT;
    udxg_lock(VIDMM, &adapter->lock);
    /* Until the last byte is home it is there: who is told otherwise may stop the adapter, or count. */
    if (alloc->place == VIDMM_PLACE_SEGMENT || alloc->place == VIDMM_PLACE_PAGING_OUT) residency = VIDMM_RESIDENT_GPU;
    if (alloc->place == VIDMM_PLACE_APERTURE) residency = VIDMM_RESIDENT_SHARED;
    udxg_unlock(VIDMM, &adapter->lock);
    return residency;
}

void vidmm_alloc_set_priority(struct vidmm_alloc *alloc, uint32_t priority)
{
    udxg_lock(VIDMM, &alloc->process->adapter->lock);
    vidmm_count_demoted_locked(alloc, -1);
    alloc->priority = priority;
    vidmm_count_demoted_locked(alloc, 1);
    vidmm_claim_rehang_locked(alloc);
    udxg_unlock(VIDMM, &alloc->process->adapter->lock);
}

uint32_t vidmm_alloc_priority(struct vidmm_alloc *alloc)
{
    uint32_t priority;
    udxg_lock(VIDMM, &alloc->process->adapter->lock);
    priority = alloc->priority;
    udxg_unlock(VIDMM, &alloc->process->adapter->lock);
    return priority;
}
