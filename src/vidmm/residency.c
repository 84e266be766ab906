/* SPDX-License-Identifier: MIT */
/*
 * Devices, bindings, MakeResident and Evict: which allocations are listed, and the target of each.
 *
 * A target is, by preference, a memory segment with room; then one in which those have room to give who have less of
 * a right to it; then the aperture; then the first choice without a promise: the device has to wait until others have
 * made room (admission.h). The budget of the first choice's group decides whether the process may have it at all: being
 * over budget is a failure that the client answers by trimming. What others have listed never is; only what one device
 * alone lists has to fit.
 *
 * Locks: VIDMM. Nothing waits and nothing is copied here.
 */
#include "vidmm/residency.h"

#include <stdlib.h>

#include "base/os.h"
#include "vidmm/admission.h"
#include "vidmm/alloc.h"
#include "vidmm/budget.h"
#include "vidmm/notify.h"
#include "vidmm/offer.h"
#include "vidmm/victim.h"

/* ---- targets ---- */

static bool must_be_home_locked(const struct vidmm_alloc *alloc) UDXG_REQUIRES(VIDMM)
{
    return alloc->lock_count || !alloc->home_range;
}

static bool has_room_locked(const struct vidmm_adapter *adapter, const struct vidmm_segment *segment,
                            uint64_t need_bytes) UDXG_REQUIRES(VIDMM)
{
    if (segment->capacity_bytes - segment->demand_bytes < need_bytes) return false;
    return !segment->aperture || adapter->sizes.shared_system_bytes - adapter->aperture_bytes >= need_bytes;
}

/* Whether everything that the device lists could be in the segment at once, and so much more. */
static bool fits_device_locked(const struct vidmm_device *device, const struct vidmm_segment *segment,
                               uint64_t need_bytes) UDXG_REQUIRES(VIDMM)
{
    const struct vidmm_adapter *adapter = device->process->adapter;
    uint64_t limit = segment->capacity_bytes;
    if (segment->aperture && adapter->sizes.shared_system_bytes < limit) limit = adapter->sizes.shared_system_bytes;
    return device->segments[segment->id - 1].listed_bytes + need_bytes <= limit;
}

/* Whether each device that lists the allocation could still have its whole list in place with this one there. */
static bool fits_listers_locked(const struct vidmm_alloc *alloc, const struct vidmm_segment *segment)
    UDXG_REQUIRES(VIDMM)
{
    uint64_t more = alloc->target_id == segment->id ? 0 : vidmm_segment_need(segment, alloc->size_bytes);
    for (const struct vidmm_binding *lister = alloc->listers; lister; lister = lister->next_lister)
        if (!fits_device_locked(lister->device, segment, more)) return false;
    return true;
}

struct candidates {
    uint32_t count;
    struct vidmm_segment *segments[UDXG_MAX_SEGMENTS];
};

static void add_candidate(struct candidates *candidates, struct vidmm_segment *segment, uint64_t size_bytes)
{
    if (vidmm_segment_need(segment, size_bytes) <= segment->capacity_bytes)
        candidates->segments[candidates->count++] = segment;
}

/* The segments that could ever hold the allocation, best first. */
static void find_candidates_locked(const struct vidmm_alloc *alloc, struct candidates *ret) UDXG_REQUIRES(VIDMM)
{
    const struct vidmm_adapter *adapter = alloc->process->adapter;
    uint32_t left = alloc->supported_segments;
    if (must_be_home_locked(alloc)) left &= adapter->aperture_set;
    ret->count = 0;
    for (unsigned i = 0; i < 5; i++) {
        struct vidmm_segment *segment = vidmm_adapter_segment_of(adapter, alloc->preferred[i] & ~VIDMM_FROM_END);
        if (!segment || !(left & (1u << (segment->id - 1)))) continue;
        left &= ~(1u << (segment->id - 1));
        add_candidate(ret, segment, alloc->size_bytes);
    }
    for (unsigned aperture = 0; aperture < 2; aperture++)
        for (uint32_t i = 0; i < adapter->segment_count; i++)
            if ((left & (1u << i)) && adapter->segments[i]->aperture == aperture)
                add_candidate(ret, adapter->segments[i], alloc->size_bytes);
}

/* The memory segment that one in system memory would rather be in; NULL when it is where it belongs. */
static struct vidmm_segment *wish_of_locked(const struct vidmm_alloc *alloc) UDXG_REQUIRES(VIDMM)
{
    struct candidates candidates;
    if (alloc->stays || !(alloc->supported_segments & ~alloc->process->adapter->aperture_set)) return NULL;
    find_candidates_locked(alloc, &candidates);
    return candidates.count && !candidates.segments[0]->aperture ? candidates.segments[0] : NULL;
}

/* ---- claims: who is promised what ---- */

/* Adds the allocation to what its target counts, or takes it away. */
static void charge_locked(const struct vidmm_alloc *alloc, int64_t sign) UDXG_REQUIRES(VIDMM)
{
    struct vidmm_adapter *adapter = alloc->process->adapter;
    struct vidmm_segment *segment = vidmm_adapter_segment_of(adapter, alloc->target_id);
    if (!segment) return;
    uint64_t bytes = (uint64_t)sign * vidmm_segment_need(segment, alloc->size_bytes);
    if (alloc->promised) {
        segment->demand_bytes += bytes;
        if (segment->aperture) adapter->aperture_bytes += bytes;
    }
    if (segment->group < VIDMM_GROUP_COUNT) {
        alloc->process->usage_bytes[segment->group] += bytes;
        vidmm_budget_usage_changed_locked(alloc->process, segment->group);
    }
    for (const struct vidmm_binding *lister = alloc->listers; lister; lister = lister->next_lister)
        lister->device->segments[segment->id - 1].listed_bytes += bytes;
}

void vidmm_residency_rehang_locked(struct vidmm_alloc *alloc)
{
    struct vidmm_segment *segment = vidmm_adapter_segment_of(alloc->process->adapter, alloc->target_id);
    struct vidmm_segment *wish = NULL;
    if (!alloc->listers || vidmm_offer_in_effect_locked(alloc)) {
        vidmm_bucket_remove_locked(alloc);
        return;
    }
    if (alloc->promised && (!segment || segment->aperture)) wish = wish_of_locked(alloc);
    if (alloc->unmoveable && alloc->promised)
        vidmm_bucket_remove_locked(alloc); /* nobody's victim, and at home where it is */
    else if (wish)
        vidmm_bucket_put_locked(alloc, VIDMM_SHELF_DEMOTED, wish);
    else if (segment)
        vidmm_bucket_put_locked(alloc, alloc->promised ? VIDMM_SHELF_HELD : VIDMM_SHELF_SUSPENDED, segment);
    else
        vidmm_bucket_remove_locked(alloc);
}

static enum vidmm_listing listing_of_locked(const struct vidmm_alloc *alloc) UDXG_REQUIRES(VIDMM)
{
    if (!alloc->target_id) return VIDMM_LISTED_OFFERED;
    if (!alloc->promised) return VIDMM_LISTED_SUSPENDED;
    return vidmm_alloc_is_settled_locked(alloc) ? VIDMM_LISTED_SETTLED : VIDMM_LISTED_PROMISED;
}

void vidmm_residency_moved_locked(struct vidmm_alloc *alloc)
{
    enum vidmm_listing listing = listing_of_locked(alloc);
    if (!alloc->listers || listing == alloc->listing) return;
    alloc->listing = (uint8_t)listing;
    for (struct vidmm_binding *lister = alloc->listers; lister; lister = lister->next_lister) {
        udxg_list_remove(&lister->required);
        udxg_list_append(&lister->device->listed[listing], &lister->required);
        lister->hold->listing = (uint8_t)listing;
        vidmm_gate_moved_locked(lister->device);
    }
}

/* It is in some segment, and is to be in another one's memory: that is no eviction. */
static bool changes_segment_locked(const struct vidmm_alloc *alloc) UDXG_REQUIRES(VIDMM)
{
    const struct vidmm_segment *segment = vidmm_adapter_segment_of(alloc->process->adapter, alloc->target_id);
    return segment && !segment->aperture && alloc->segment_id && alloc->segment_id != segment->id;
}

/* The only writer of target and promise of what is listed. */
static void claim_locked(struct vidmm_alloc *alloc, uint32_t target_id, bool promised) UDXG_REQUIRES(VIDMM)
{
    bool gives_back = alloc->promised;
    vidmm_count_demoted_locked(alloc, -1);
    charge_locked(alloc, -1);
    alloc->target_id = (uint8_t)target_id;
    alloc->promised = promised;
    charge_locked(alloc, 1);
    vidmm_count_demoted_locked(alloc, 1);
    if (promised && changes_segment_locked(alloc)) alloc->leaves_for = VIDMM_MIGRATED;
    if (target_id && !promised) alloc->leaves_for = VIDMM_EVICTED_FOR_ROOM;
    vidmm_residency_rehang_locked(alloc);
    vidmm_residency_moved_locked(alloc);
    if (gives_back) vidmm_room_freed_locked(alloc->process->adapter);
}

/*
 * An aperture with room for the allocation; NULL: none. It may be room that the rest of a lister's list needs, which
 * can be nowhere else: then that device would never run again.
 */
static struct vidmm_segment *aperture_for_locked(const struct vidmm_alloc *alloc) UDXG_REQUIRES(VIDMM)
{
    const struct vidmm_adapter *adapter = alloc->process->adapter;
    for (uint32_t i = 0; i < adapter->segment_count; i++) {
        struct vidmm_segment *segment = adapter->segments[i];
        if (!(alloc->supported_segments & adapter->aperture_set & (1u << i))) continue;
        if (has_room_locked(adapter, segment, vidmm_segment_need(segment, alloc->size_bytes)) &&
            fits_listers_locked(alloc, segment))
            return segment;
    }
    return NULL;
}

bool vidmm_residency_retarget_locked(struct vidmm_alloc *alloc)
{
    alloc->stays = true;
    claim_locked(alloc, VIDMM_SYSTEM_ID, true);
    const struct vidmm_segment *aperture = aperture_for_locked(alloc);
    if (aperture) claim_locked(alloc, aperture->id, true);
    return alloc->supported_segments & alloc->process->adapter->aperture_set;
}

/* ---- others give way ---- */

static void give_way_locked(struct vidmm_alloc *victim) UDXG_REQUIRES(VIDMM)
{
    const struct vidmm_segment *segment = vidmm_adapter_segment_of(victim->process->adapter, victim->target_id);
    const struct vidmm_segment *aperture = segment && segment->aperture ? NULL : aperture_for_locked(victim);
    if (vidmm_adapter_has_fault(victim->process->adapter, VIDMM_FAULT_NO_DEMOTION)) aperture = NULL;
    victim->leaves_for = VIDMM_EVICTED_FOR_ROOM;
    if (aperture)
        claim_locked(victim, aperture->id, true);
    else if (segment)
        claim_locked(victim, victim->target_id, false);
    else
        claim_locked(victim, wish_of_locked(victim)->id, false);
    vidmm_alloc_retargeted_locked(victim);
}

/* Out of an aperture also those may go who would rather be elsewhere. */
static struct vidmm_alloc *victim_for_locked(struct vidmm_segment *segment, struct vidmm_quest *quest)
    UDXG_REQUIRES(VIDMM)
{
    const struct vidmm_adapter *adapter = quest->device->process->adapter;
    struct vidmm_alloc *victim = vidmm_victim_locked(segment, VIDMM_SHELF_HELD, quest);
    for (uint32_t i = 0; i < adapter->segment_count && !victim && segment->aperture; i++)
        victim = vidmm_victim_locked(adapter->segments[i], VIDMM_SHELF_DEMOTED, quest);
    return victim;
}

bool vidmm_residency_displace_locked(struct vidmm_segment *segment, struct vidmm_quest *quest)
{
    struct vidmm_alloc *victim = victim_for_locked(segment, quest);
    if (!victim) return false;
    segment->pressed_ns = quest->now_ns;
    give_way_locked(victim);
    return true;
}

bool vidmm_residency_promise_locked(struct vidmm_alloc *alloc, struct vidmm_quest *quest)
{
    const struct vidmm_adapter *adapter = alloc->process->adapter;
    struct candidates candidates;
    find_candidates_locked(alloc, &candidates);
    struct vidmm_segment *segment = NULL;
    for (uint32_t i = 0; i < candidates.count && !segment; i++)
        if (has_room_locked(adapter, candidates.segments[i],
                            vidmm_segment_need(candidates.segments[i], alloc->size_bytes)) &&
            fits_listers_locked(alloc, candidates.segments[i]))
            segment = candidates.segments[i];
    if (!segment) {
        segment = vidmm_adapter_segment_of(adapter, alloc->target_id);
        segment->pressed_ns = quest->now_ns;
        while (!has_room_locked(adapter, segment, vidmm_segment_need(segment, alloc->size_bytes)))
            if (!vidmm_residency_displace_locked(segment, quest)) return false;
    }
    claim_locked(alloc, segment->id, true);
    vidmm_alloc_retargeted_locked(alloc);
    return true;
}

/*
 * One that found room in system memory alone, while its first choice holds what has less of a right to be there.
 * Nobody is moved unless it helps.
 */
static void improve_locked(struct vidmm_device *device, struct vidmm_alloc *alloc) UDXG_REQUIRES(VIDMM)
{
    if (!alloc->bucket || alloc->bucket->shelf != VIDMM_SHELF_DEMOTED || device->process->suspended) return;
    const struct vidmm_adapter *adapter = alloc->process->adapter;
    struct vidmm_segment *segment = alloc->bucket->segment;
    uint64_t need = vidmm_segment_need(segment, alloc->size_bytes);
    struct vidmm_quest quest = {.device = device, .now_ns = udxg_os_now_ns(), .polite = true};
    quest.class_index = vidmm_class_of(alloc->priority);
    uint64_t free_bytes = segment->capacity_bytes - segment->demand_bytes;
    if (!udxg_list_empty(&adapter->waiting) || free_bytes + vidmm_victims_bytes_locked(segment, &quest) < need) return;
    while (!has_room_locked(adapter, segment, need))
        if (!vidmm_residency_displace_locked(segment, &quest)) return;
    claim_locked(alloc, segment->id, true);
}

/* ---- MakeResident: claims ---- */

/* One MakeResident: the limits of the process looked at last, and what was found missing. */
struct claims {
    bool cant_trim_further;
    bool open; /* not everything has been in place before */
    const struct vidmm_process *process;
    uint64_t limit_bytes[VIDMM_GROUP_COUNT];
    bool failed;
    uint64_t over_bytes[VIDMM_GROUP_COUNT]; /* over budget */
    uint64_t short_bytes;                   /* of room, within the budget */
};

static uint64_t max_of(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint64_t rest_of(uint64_t total, uint64_t taken)
{
    return total > taken ? total - taken : 0;
}

static void look_at_process_locked(struct claims *claims, const struct vidmm_process *process) UDXG_REQUIRES(VIDMM)
{
    if (claims->process == process) return;
    claims->process = process;
    for (unsigned group = 0; group < VIDMM_GROUP_COUNT; group++) {
        struct vidmm_limits limits;
        vidmm_budget_limits_locked(process, (enum vidmm_group)group, &limits);
        claims->limit_bytes[group] = claims->cant_trim_further ? limits.maximum_bytes : limits.current_bytes;
    }
}

static bool is_within_budget_locked(const struct claims *claims, const struct vidmm_process *process,
                                    const struct vidmm_segment *segment, uint64_t need_bytes) UDXG_REQUIRES(VIDMM)
{
    if (segment->group == VIDMM_GROUP_COUNT) return true;
    return process->usage_bytes[segment->group] + need_bytes <= claims->limit_bytes[segment->group];
}

bool vidmm_residency_may_return_locked(const struct vidmm_alloc *alloc, const struct vidmm_segment *segment)
{
    struct claims claims = {0};
    uint64_t need = vidmm_segment_need(segment, alloc->size_bytes);
    if (!has_room_locked(alloc->process->adapter, segment, need)) return false;
    if (!alloc->promised) return true; /* it is counted there already */
    look_at_process_locked(&claims, alloc->process);
    return is_within_budget_locked(&claims, alloc->process, segment, need) && fits_listers_locked(alloc, segment);
}

void vidmm_residency_return_locked(struct vidmm_alloc *alloc, const struct vidmm_segment *segment)
{
    claim_locked(alloc, segment->id, true);
    vidmm_alloc_retargeted_locked(alloc);
}

struct choice {
    struct vidmm_segment *segment; /* NULL: the claim fails */
    bool promised;
};

/* Who comes while others wait for room does not get it before them; nobody comes while its process is suspended. */
static struct choice choose_locked(const struct claims *claims, const struct vidmm_device *device,
                                   const struct vidmm_alloc *alloc, const struct candidates *candidates)
    UDXG_REQUIRES(VIDMM)
{
    const struct vidmm_adapter *adapter = alloc->process->adapter;
    struct choice choice = {0};
    for (uint32_t i = 0; i < candidates->count; i++) {
        struct vidmm_segment *segment = candidates->segments[i];
        uint64_t need = vidmm_segment_need(segment, alloc->size_bytes);
        bool within = is_within_budget_locked(claims, alloc->process, segment, need);
        if (!within && i == 0) return choice;
        if (i && vidmm_adapter_has_fault(adapter, VIDMM_FAULT_NO_DEMOTION)) return choice;
        if (!within || !fits_device_locked(device, segment, need)) continue;
        if (!device->process->suspended && has_room_locked(adapter, segment, need) &&
            (segment->aperture || udxg_list_empty(&adapter->waiting)))
            return (struct choice){segment, true};
        if (!choice.segment) choice.segment = segment;
    }
    return choice;
}

/* The claim has failed; goes on as if it had not, so that what is missing is known for all of them. */
static void note_missing_locked(struct claims *claims, const struct vidmm_device *device,
                                const struct vidmm_alloc *alloc) UDXG_REQUIRES(VIDMM)
{
    const struct vidmm_segment *segment = vidmm_adapter_segment_of(alloc->process->adapter, alloc->target_id);
    claims->failed = true;
    if (segment->group < VIDMM_GROUP_COUNT) {
        uint64_t over = rest_of(alloc->process->usage_bytes[segment->group], claims->limit_bytes[segment->group]);
        claims->over_bytes[segment->group] = max_of(claims->over_bytes[segment->group], over);
    }
    uint64_t listed = device->segments[segment->id - 1].listed_bytes;
    claims->short_bytes = max_of(claims->short_bytes, rest_of(listed, segment->capacity_bytes));
}

/* The binding lists it first. */
static void claim_new_locked(struct claims *claims, const struct vidmm_binding *binding) UDXG_REQUIRES(VIDMM)
{
    struct vidmm_alloc *alloc = binding->alloc;
    struct candidates candidates;
    alloc->stays = false;
    alloc->unfit = false;
    find_candidates_locked(alloc, &candidates);
    if (!candidates.count) {
        claim_locked(alloc, VIDMM_SYSTEM_ID, true); /* locked, or the caller's memory, and no aperture */
        return;
    }
    look_at_process_locked(claims, alloc->process);
    struct choice choice = choose_locked(claims, binding->device, alloc, &candidates);
    claim_locked(alloc, choice.segment ? choice.segment->id : candidates.segments[0]->id, choice.promised);
    if (!choice.segment) note_missing_locked(claims, binding->device, alloc);
}

/* Another device has listed it before: it is where it is, and has to fit. */
static void claim_shared_locked(struct claims *claims, const struct vidmm_binding *binding) UDXG_REQUIRES(VIDMM)
{
    const struct vidmm_alloc *alloc = binding->alloc;
    const struct vidmm_segment *segment = vidmm_adapter_segment_of(alloc->process->adapter, alloc->target_id);
    if (!segment || fits_device_locked(binding->device, segment, 0)) return;
    look_at_process_locked(claims, alloc->process);
    note_missing_locked(claims, binding->device, alloc);
}

static uint64_t trim_bytes(const struct claims *claims)
{
    uint64_t over = 0;
    for (unsigned group = 0; group < VIDMM_GROUP_COUNT; group++) over += claims->over_bytes[group];
    return over ? over : claims->short_bytes;
}

/* ---- others who change what decides a target ---- */

struct vidmm_standing vidmm_residency_unclaim_locked(struct vidmm_alloc *alloc)
{
    struct vidmm_standing former = {.target_id = alloc->target_id, .promised = alloc->promised, .stays = alloc->stays};
    claim_locked(alloc, 0, true);
    return former;
}

bool vidmm_residency_claim_locked(struct vidmm_device *device, struct vidmm_alloc *alloc, uint32_t *ret_first_id)
{
    struct candidates candidates;
    struct claims claims = {0};
    find_candidates_locked(alloc, &candidates);
    *ret_first_id = candidates.count ? candidates.segments[0]->id : VIDMM_SYSTEM_ID;
    for (const struct vidmm_binding *lister = alloc->listers; lister; lister = lister->next_lister) {
        if (lister == alloc->listers)
            claim_new_locked(&claims, lister);
        else
            claim_shared_locked(&claims, lister);
    }
    if (claims.failed) return false;
    improve_locked(device, alloc);
    return true;
}

void vidmm_residency_reclaim_locked(struct vidmm_alloc *alloc, const struct vidmm_standing *former)
{
    alloc->stays = former->stays;
    claim_locked(alloc, former->target_id, former->promised);
}

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

void vidmm_residency_suspend_locked(struct vidmm_alloc *alloc)
{
    if (!alloc->promised || !vidmm_adapter_segment_of(alloc->process->adapter, alloc->target_id)) return;
    claim_locked(alloc, alloc->target_id, false);
    alloc->leaves_for = VIDMM_EVICTED_TO_SUSPEND;
    vidmm_alloc_retargeted_locked(alloc);
}

/* ---- MakeResident ---- */

static void list_locked(struct claims *claims, struct vidmm_binding *binding) UDXG_REQUIRES(VIDMM)
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
        claim_locked(alloc, 0, true); /* it takes nothing and holds nobody up until it is reclaimed */
    else if (first)
        claim_new_locked(claims, binding);
    else
        claim_shared_locked(claims, binding);
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
        vidmm_residency_rehang_locked(alloc);
    else
        claim_locked(alloc, 0, false);
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

static udxg_status count_all_up_locked(struct claims *claims, uint32_t count, struct vidmm_binding *const *bindings)
    UDXG_REQUIRES(VIDMM)
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
        improve_locked(queue->device, alloc);
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
                                        struct vidmm_binding *const *bindings, struct claims *claims,
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
    struct claims claims = {.cant_trim_further = flags & VIDMM_CANT_TRIM_FURTHER};
    *ret_trim_bytes = 0;
    if ((flags & VIDMM_MUST_SUCCEED) && !claims.cant_trim_further) return STATUS_INVALID_PARAMETER;
    udxg_lock(VIDMM, &adapter->lock);
    udxg_status status = make_resident_locked(queue, count, bindings, &claims, ret_fence);
    vidmm_budget_settle_locked(adapter);
    udxg_unlock(VIDMM, &adapter->lock);
    if (status == STATUS_NO_MEMORY) *ret_trim_bytes = trim_bytes(&claims);
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

/* ---- offers ---- */

void vidmm_residency_offered_locked(struct vidmm_alloc *alloc)
{
    alloc->leaves_for = VIDMM_EVICTED_ON_REQUEST;
    claim_locked(alloc, 0, alloc->resident_count != 0);
    vidmm_alloc_retargeted_locked(alloc);
}

bool vidmm_residency_reclaimed_locked(struct vidmm_alloc *alloc)
{
    struct claims claims = {.process = alloc->process, .limit_bytes = {UINT64_MAX, UINT64_MAX}};
    if (alloc->listers) claim_new_locked(&claims, alloc->listers);
    if (claims.failed) vidmm_residency_retarget_locked(alloc);
    vidmm_alloc_retargeted_locked(alloc);
    return !vidmm_alloc_is_settled_locked(alloc);
}

/* ---- Evict ---- */

static void leave_list_locked(struct vidmm_binding *binding, bool keep, enum vidmm_eviction why) UDXG_REQUIRES(VIDMM)
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
        leave_list_locked(binding, flags & VIDMM_EVICT_ONLY_IF_NECESSARY, VIDMM_EVICTED_ON_REQUEST);
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

/* ---- bindings, devices ---- */

void vidmm_binding_init(struct vidmm_binding *binding, struct vidmm_alloc *alloc, struct vidmm_device *device)
{
    *binding = (struct vidmm_binding){.own.device = device, .hold = &binding->own, .alloc = alloc};
    udxg_list_init(&binding->required);
    if (!alloc->opened) { /* counted with the creation */
        alloc->opened = true;
        return;
    }
    vidmm_stock_opened(alloc->process, alloc->stripe, alloc->size_bytes);
}

/* Kept in its segment: the allocation is probably about to go too, and need not be copied home first. */
void vidmm_binding_fini(struct vidmm_binding *binding)
{
    struct vidmm_process *process = binding->device->process;
    vidmm_stock_closed(binding->alloc->process, binding->alloc->stripe, binding->alloc->size_bytes);
    if (!atomic_load_explicit(&binding->alloc->managed, memory_order_relaxed)) return;
    udxg_lock(VIDMM, &process->adapter->lock);
    vidmm_paging_forget_locked(binding);
    if (binding->hold->count) {
        binding->hold->count = 0;
        leave_list_locked(binding, true, VIDMM_EVICTED_TO_CLOSE);
        vidmm_budget_settle_locked(process->adapter);
    }
    udxg_unlock(VIDMM, &process->adapter->lock);
    vidmm_va_release(process, binding);
}

void vidmm_binding_lend(struct vidmm_binding *binding, struct vidmm_hold *hold) UDXG_NO_TSA /* nobody knows it yet */
{
    *hold = (struct vidmm_hold){.device = binding->device};
    binding->hold = hold;
}

static void take_back_locked(struct vidmm_binding *binding) UDXG_REQUIRES(VIDMM)
{
    binding->own.count = binding->hold->count;
    binding->own.listing = binding->hold->listing;
    binding->hold = &binding->own;
}

static void take_back_unmanaged(struct vidmm_binding *binding) UDXG_NO_TSA /* nobody looks at it */
{
    binding->hold = &binding->own; /* neither has ever been written */
}

void vidmm_binding_take_back(struct vidmm_binding *binding)
{
    struct vidmm_adapter *adapter = binding->device->process->adapter;
    if (!atomic_load_explicit(&binding->alloc->managed, memory_order_relaxed)) {
        take_back_unmanaged(binding);
        return;
    }
    udxg_lock(VIDMM, &adapter->lock);
    take_back_locked(binding);
    udxg_unlock(VIDMM, &adapter->lock);
}

bool vidmm_binding_is_listed(struct vidmm_binding *binding)
{
    struct vidmm_adapter *adapter = binding->device->process->adapter;
    udxg_lock(VIDMM, &adapter->lock);
    bool listed = binding->hold->count != 0;
    udxg_unlock(VIDMM, &adapter->lock);
    return listed;
}

void vidmm_device_init(struct vidmm_device *device, struct vidmm_process *process, void (*ready)(struct vidmm_device *),
                       void (*failed)(struct vidmm_device *, udxg_status))
{
    *device = (struct vidmm_device){.process = process, .ready = ready, .failed = failed};
    for (unsigned listing = 0; listing < VIDMM_LISTINGS; listing++) udxg_list_init(&device->listed[listing]);
    udxg_list_init(&device->queues);
    udxg_list_init(&device->offering);
    udxg_list_init(&device->gate_link);
    udxg_lock(VIDMM, &process->adapter->lock);
    udxg_list_append(&process->devices, &device->siblings);
    udxg_unlock(VIDMM, &process->adapter->lock);
}

void vidmm_device_fini(struct vidmm_device *device)
{
    struct vidmm_adapter *adapter = device->process->adapter;
    bool wait = !vidmm_pager_lets_go(device);
    udxg_lock(VIDMM, &adapter->lock);
    vidmm_gate_leave_locked(device);
    while (wait && device->in_callback) vidmm_adapter_wait_locked(adapter);
    udxg_list_remove(&device->siblings);
    vidmm_buckets_destroy_locked(device);
    udxg_unlock(VIDMM, &adapter->lock);
}

/* ---- check ---- */

/* All listed allocations, each once with the number of bindings that list it. */
struct census {
    size_t count;
    const struct vidmm_alloc **listed; /* sorted, with repetitions */
};

static int compare_pointers(const void *a, const void *b)
{
    uintptr_t left = (uintptr_t) * (const void *const *)a, right = (uintptr_t) * (const void *const *)b;
    return left < right ? -1 : left > right;
}

static bool is_lister_locked(const struct vidmm_binding *binding) UDXG_REQUIRES(VIDMM)
{
    const struct vidmm_binding *lister = binding->alloc->listers;
    while (lister && lister != binding) lister = lister->next_lister;
    return lister;
}

static const char *check_binding_locked(const struct vidmm_binding *binding, const struct vidmm_device *device,
                                        enum vidmm_listing listing) UDXG_REQUIRES(VIDMM)
{
    const struct vidmm_alloc *alloc = binding->alloc;
    if (binding->device != device) return "a binding is on the list of another device";
    if (!binding->hold->count) return "a binding without a count is listed";
    if (!is_lister_locked(binding)) return "a listed binding is not known to its allocation";
    if (alloc->listing != listing || binding->hold->listing != listing || listing_of_locked(alloc) != listing)
        return "a binding is on the wrong list of its device";
    if (vidmm_offer_in_effect_locked(alloc)) return alloc->bucket ? "an offered allocation is in a bucket" : NULL;
    if (alloc->unmoveable && alloc->promised) return alloc->bucket ? "an unmoveable allocation is in a bucket" : NULL;
    if (!alloc->bucket && alloc->target_id != VIDMM_SYSTEM_ID) return "a listed allocation is in no bucket";
    return NULL;
}

/* Adds up what the device lists, segment by segment: few devices list much, and this is a check. */
static const char *check_load_locked(const struct vidmm_device *device) UDXG_REQUIRES(VIDMM)
{
    uint64_t bytes[UDXG_MAX_SEGMENTS] = {0};
    const struct vidmm_adapter *adapter = device->process->adapter;
    for (unsigned listing = 0; listing < VIDMM_LISTINGS; listing++) {
        udxg_list_for_each(it, &device->listed[listing])
        {
            const struct vidmm_alloc *alloc = udxg_container_of(it, struct vidmm_binding, required)->alloc;
            const struct vidmm_segment *segment = vidmm_adapter_segment_of(adapter, alloc->target_id);
            if (segment) bytes[segment->id - 1] += vidmm_segment_need(segment, alloc->size_bytes);
        }
    }
    for (uint32_t i = 0; i < adapter->segment_count && device->segments; i++)
        if (device->segments[i].listed_bytes != bytes[i]) return "a device's load is not what it lists";
    return NULL;
}

static const char *census_device_locked(struct census *census, struct vidmm_device *device, size_t room)
    UDXG_REQUIRES(VIDMM)
{
    for (unsigned listing = 0; listing < VIDMM_LISTINGS; listing++) {
        udxg_list_for_each(it, &device->listed[listing])
        {
            const struct vidmm_binding *binding = udxg_container_of(it, struct vidmm_binding, required);
            const char *wrong = check_binding_locked(binding, device, (enum vidmm_listing)listing);
            if (wrong) return wrong;
            if (census->count < room) census->listed[census->count] = binding->alloc;
            census->count++;
        }
    }
    return check_load_locked(device);
}

static const char *census_locked(struct vidmm_adapter *adapter, struct census *census, size_t room) UDXG_REQUIRES(VIDMM)
{
    census->count = 0;
    udxg_list_for_each(p, &adapter->processes)
    {
        struct vidmm_process *process = udxg_container_of(p, struct vidmm_process, siblings);
        udxg_list_for_each(d, &process->devices)
        {
            const char *wrong = census_device_locked(census, udxg_container_of(d, struct vidmm_device, siblings), room);
            if (wrong) return wrong;
        }
    }
    return NULL;
}

/* What is listed, by segment: promised or not, and promised. */
struct sums {
    uint64_t listed_bytes[UDXG_MAX_SEGMENTS], demand_bytes[UDXG_MAX_SEGMENTS];
};

static const char *check_listed_locked(const struct census *census, struct sums *sums) UDXG_REQUIRES(VIDMM)
{
    size_t repeated;
    for (size_t i = 0; i < census->count; i += repeated) {
        const struct vidmm_alloc *alloc = census->listed[i];
        for (repeated = 1; i + repeated < census->count && census->listed[i + repeated] == alloc;) repeated++;
        if (alloc->resident_count != repeated) return "an allocation is not listed as often as it says";
        if (!alloc->target_id == !vidmm_offer_in_effect_locked(alloc))
            return "a listed allocation has no target, or an offered one has";
        struct vidmm_segment *segment = vidmm_adapter_segment_of(alloc->process->adapter, alloc->target_id);
        if (!segment && !alloc->promised) return "a listed allocation is suspended without a segment";
        if (!segment) continue;
        sums->listed_bytes[segment->id - 1] += vidmm_segment_need(segment, alloc->size_bytes);
        if (alloc->promised) sums->demand_bytes[segment->id - 1] += vidmm_segment_need(segment, alloc->size_bytes);
    }
    return NULL;
}

static const char *check_demand_locked(struct vidmm_adapter *adapter, const struct census *census) UDXG_REQUIRES(VIDMM)
{
    uint64_t grouped[VIDMM_GROUP_COUNT] = {0}, apertures = 0;
    struct sums sums = {0};
    const char *wrong = check_listed_locked(census, &sums);
    if (wrong) return wrong;
    for (uint32_t i = 0; i < adapter->segment_count; i++) {
        const struct vidmm_segment *segment = adapter->segments[i];
        if (segment->demand_bytes != sums.demand_bytes[i])
            return "a segment's demand is not that of the listed allocations";
        if (segment->aperture) apertures += sums.demand_bytes[i];
        if (segment->group < VIDMM_GROUP_COUNT) grouped[segment->group] += sums.listed_bytes[i];
    }
    if (apertures != adapter->aperture_bytes) return "the apertures' demand is not the sum of theirs";
    if (apertures > adapter->sizes.shared_system_bytes) return "the apertures hold more than the adapter allows";
    udxg_list_for_each(it, &adapter->processes)
    {
        const struct vidmm_process *process = udxg_container_of(it, struct vidmm_process, siblings);
        for (unsigned group = 0; group < VIDMM_GROUP_COUNT; group++) grouped[group] -= process->usage_bytes[group];
    }
    for (unsigned group = 0; group < VIDMM_GROUP_COUNT; group++)
        if (grouped[group]) return "the usage of the processes is not what is listed";
    return NULL;
}

const char *vidmm_residency_check_locked(struct vidmm_adapter *adapter)
{
    struct census census = {0};
    const char *wrong = census_locked(adapter, &census, 0);
    if (wrong) return wrong;
    size_t room = census.count;
    census.listed = malloc((room + 1) * sizeof *census.listed);
    if (!census.listed) return "no memory for the check";
    wrong = census_locked(adapter, &census, room);
    if (!wrong) qsort(census.listed, census.count, sizeof *census.listed, compare_pointers);
    if (!wrong) wrong = check_demand_locked(adapter, &census);
    free(census.listed);
    return wrong;
}
