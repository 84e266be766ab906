/* SPDX-License-Identifier: MIT */
/* Claims; the rules stand in the header. Nothing waits and nothing is copied here. */
#include "vidmm/claim.h"

#include "base/os.h"
#include "vidmm/admission.h"
#include "vidmm/alloc.h"
#include "vidmm/budget.h"
#include "vidmm/offer.h"
#include "vidmm/target.h"
#include "vidmm/victim.h"

/* ---- what a claim changes ---- */

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

void vidmm_claim_rehang_locked(struct vidmm_alloc *alloc)
{
    struct vidmm_segment *segment = vidmm_adapter_segment_of(alloc->process->adapter, alloc->target_id);
    struct vidmm_segment *wish = NULL;
    if (!alloc->listers || vidmm_offer_in_effect_locked(alloc)) {
        vidmm_bucket_remove_locked(alloc);
        return;
    }
    if (alloc->promised && (!segment || segment->aperture)) wish = vidmm_target_wish_locked(alloc);
    if (alloc->unmoveable && alloc->promised)
        vidmm_bucket_remove_locked(alloc); /* nobody's victim, and at home where it is */
    else if (wish)
        vidmm_bucket_put_locked(alloc, VIDMM_SHELF_DEMOTED, wish);
    else if (segment)
        vidmm_bucket_put_locked(alloc, alloc->promised ? VIDMM_SHELF_HELD : VIDMM_SHELF_SUSPENDED, segment);
    else
        vidmm_bucket_remove_locked(alloc);
}

enum vidmm_listing vidmm_claim_listing_locked(const struct vidmm_alloc *alloc)
{
    if (!alloc->target_id) return VIDMM_LISTED_OFFERED;
    if (!alloc->promised) return VIDMM_LISTED_SUSPENDED;
    return vidmm_alloc_is_settled_locked(alloc) ? VIDMM_LISTED_SETTLED : VIDMM_LISTED_PROMISED;
}

void vidmm_claim_moved_locked(struct vidmm_alloc *alloc)
{
    enum vidmm_listing listing = vidmm_claim_listing_locked(alloc);
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

void vidmm_claim_set_locked(struct vidmm_alloc *alloc, uint32_t target_id, bool promised)
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
    vidmm_claim_rehang_locked(alloc);
    vidmm_claim_moved_locked(alloc);
    if (gives_back) vidmm_room_freed_locked(alloc->process->adapter);
}

bool vidmm_claim_retarget_locked(struct vidmm_alloc *alloc)
{
    alloc->stays = true;
    vidmm_claim_set_locked(alloc, VIDMM_SYSTEM_ID, true);
    const struct vidmm_segment *aperture = vidmm_target_aperture_locked(alloc);
    if (aperture) vidmm_claim_set_locked(alloc, aperture->id, true);
    return alloc->supported_segments & alloc->process->adapter->aperture_set;
}

/* ---- others give way ---- */

static void give_way_locked(struct vidmm_alloc *victim) UDXG_REQUIRES(VIDMM)
{
    const struct vidmm_segment *segment = vidmm_adapter_segment_of(victim->process->adapter, victim->target_id);
    const struct vidmm_segment *aperture = segment && segment->aperture ? NULL : vidmm_target_aperture_locked(victim);
    if (vidmm_adapter_has_fault(victim->process->adapter, VIDMM_FAULT_NO_DEMOTION)) aperture = NULL;
    victim->leaves_for = VIDMM_EVICTED_FOR_ROOM;
    if (aperture)
        vidmm_claim_set_locked(victim, aperture->id, true);
    else if (segment)
        vidmm_claim_set_locked(victim, victim->target_id, false);
    else
        vidmm_claim_set_locked(victim, vidmm_target_wish_locked(victim)->id, false);
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

bool vidmm_claim_displace_locked(struct vidmm_segment *segment, struct vidmm_quest *quest)
{
    struct vidmm_alloc *victim = victim_for_locked(segment, quest);
    if (!victim) return false;
    segment->pressed_ns = quest->now_ns;
    give_way_locked(victim);
    return true;
}

bool vidmm_claim_promise_locked(struct vidmm_alloc *alloc, struct vidmm_quest *quest)
{
    const struct vidmm_adapter *adapter = alloc->process->adapter;
    struct vidmm_candidates candidates;
    vidmm_target_candidates_locked(alloc, &candidates);
    struct vidmm_segment *segment = NULL;
    for (uint32_t i = 0; i < candidates.count && !segment; i++)
        if (vidmm_target_has_room_locked(adapter, candidates.segments[i],
                                         vidmm_segment_need(candidates.segments[i], alloc->size_bytes)) &&
            vidmm_target_fits_listers_locked(alloc, candidates.segments[i]))
            segment = candidates.segments[i];
    if (!segment) {
        segment = vidmm_adapter_segment_of(adapter, alloc->target_id);
        segment->pressed_ns = quest->now_ns;
        while (!vidmm_target_has_room_locked(adapter, segment, vidmm_segment_need(segment, alloc->size_bytes)))
            if (!vidmm_claim_displace_locked(segment, quest)) return false;
    }
    vidmm_claim_set_locked(alloc, segment->id, true);
    vidmm_alloc_retargeted_locked(alloc);
    return true;
}

void vidmm_claim_improve_locked(struct vidmm_device *device, struct vidmm_alloc *alloc)
{
    if (!alloc->bucket || alloc->bucket->shelf != VIDMM_SHELF_DEMOTED || device->process->suspended) return;
    const struct vidmm_adapter *adapter = alloc->process->adapter;
    struct vidmm_segment *segment = alloc->bucket->segment;
    uint64_t need = vidmm_segment_need(segment, alloc->size_bytes);
    struct vidmm_quest quest = {.device = device, .now_ns = udxg_os_now_ns(), .polite = true};
    quest.class_index = vidmm_class_of(alloc->priority);
    uint64_t free_bytes = segment->capacity_bytes - segment->demand_bytes;
    if (!udxg_list_empty(&adapter->waiting) || free_bytes + vidmm_victims_bytes_locked(segment, &quest) < need) return;
    while (!vidmm_target_has_room_locked(adapter, segment, need))
        if (!vidmm_claim_displace_locked(segment, &quest)) return;
    vidmm_claim_set_locked(alloc, segment->id, true);
}

/* ---- first claims: within the budget ---- */

static uint64_t max_of(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint64_t rest_of(uint64_t total, uint64_t taken)
{
    return total > taken ? total - taken : 0;
}

static void look_at_process_locked(struct vidmm_claims *claims, const struct vidmm_process *process)
    UDXG_REQUIRES(VIDMM)
{
    if (claims->process == process) return;
    claims->process = process;
    for (unsigned group = 0; group < VIDMM_GROUP_COUNT; group++) {
        struct vidmm_limits limits;
        vidmm_budget_limits_locked(process, (enum vidmm_group)group, &limits);
        claims->limit_bytes[group] = claims->cant_trim_further ? limits.maximum_bytes : limits.current_bytes;
    }
}

static bool is_within_budget_locked(const struct vidmm_claims *claims, const struct vidmm_process *process,
                                    const struct vidmm_segment *segment, uint64_t need_bytes) UDXG_REQUIRES(VIDMM)
{
    if (segment->group == VIDMM_GROUP_COUNT) return true;
    return process->usage_bytes[segment->group] + need_bytes <= claims->limit_bytes[segment->group];
}

bool vidmm_claim_may_return_locked(const struct vidmm_alloc *alloc, const struct vidmm_segment *segment)
{
    struct vidmm_claims claims = {0};
    uint64_t need = vidmm_segment_need(segment, alloc->size_bytes);
    if (!vidmm_target_has_room_locked(alloc->process->adapter, segment, need)) return false;
    if (!alloc->promised) return true; /* it is counted there already */
    look_at_process_locked(&claims, alloc->process);
    return is_within_budget_locked(&claims, alloc->process, segment, need) &&
           vidmm_target_fits_listers_locked(alloc, segment);
}

void vidmm_claim_return_locked(struct vidmm_alloc *alloc, const struct vidmm_segment *segment)
{
    vidmm_claim_set_locked(alloc, segment->id, true);
    vidmm_alloc_retargeted_locked(alloc);
}

struct choice {
    struct vidmm_segment *segment; /* NULL: the claim fails */
    bool promised;
};

/* Who comes while others wait for room does not get it before them; nobody comes while its process is suspended. */
static struct choice choose_locked(const struct vidmm_claims *claims, const struct vidmm_device *device,
                                   const struct vidmm_alloc *alloc, const struct vidmm_candidates *candidates)
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
        if (!within || !vidmm_target_fits_device_locked(device, segment, need)) continue;
        if (!device->process->suspended && vidmm_target_has_room_locked(adapter, segment, need) &&
            (segment->aperture || udxg_list_empty(&adapter->waiting)))
            return (struct choice){segment, true};
        if (!choice.segment) choice.segment = segment;
    }
    return choice;
}

/* The claim has failed; goes on as if it had not, so that what is missing is known for all of them. */
static void note_missing_locked(struct vidmm_claims *claims, const struct vidmm_device *device,
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

void vidmm_claim_new_locked(struct vidmm_claims *claims, const struct vidmm_binding *binding)
{
    struct vidmm_alloc *alloc = binding->alloc;
    struct vidmm_candidates candidates;
    alloc->stays = false;
    alloc->unfit = false;
    vidmm_target_candidates_locked(alloc, &candidates);
    if (!candidates.count) {
        vidmm_claim_set_locked(alloc, VIDMM_SYSTEM_ID, true); /* locked, or the caller's memory, and no aperture */
        return;
    }
    look_at_process_locked(claims, alloc->process);
    struct choice choice = choose_locked(claims, binding->device, alloc, &candidates);
    vidmm_claim_set_locked(alloc, choice.segment ? choice.segment->id : candidates.segments[0]->id, choice.promised);
    if (!choice.segment) note_missing_locked(claims, binding->device, alloc);
}

void vidmm_claim_shared_locked(struct vidmm_claims *claims, const struct vidmm_binding *binding)
{
    const struct vidmm_alloc *alloc = binding->alloc;
    const struct vidmm_segment *segment = vidmm_adapter_segment_of(alloc->process->adapter, alloc->target_id);
    if (!segment || vidmm_target_fits_device_locked(binding->device, segment, 0)) return;
    look_at_process_locked(claims, alloc->process);
    note_missing_locked(claims, binding->device, alloc);
}

uint64_t vidmm_claims_trim_bytes(const struct vidmm_claims *claims)
{
    uint64_t over = 0;
    for (unsigned group = 0; group < VIDMM_GROUP_COUNT; group++) over += claims->over_bytes[group];
    return over ? over : claims->short_bytes;
}

/* ---- others who change what decides a target ---- */

struct vidmm_standing vidmm_claim_give_up_locked(struct vidmm_alloc *alloc)
{
    struct vidmm_standing former = {.target_id = alloc->target_id, .promised = alloc->promised, .stays = alloc->stays};
    vidmm_claim_set_locked(alloc, 0, true);
    return former;
}

bool vidmm_claim_anew_locked(struct vidmm_device *device, struct vidmm_alloc *alloc, uint32_t *ret_first_id)
{
    struct vidmm_candidates candidates;
    struct vidmm_claims claims = {0};
    vidmm_target_candidates_locked(alloc, &candidates);
    *ret_first_id = candidates.count ? candidates.segments[0]->id : VIDMM_SYSTEM_ID;
    for (const struct vidmm_binding *lister = alloc->listers; lister; lister = lister->next_lister) {
        if (lister == alloc->listers)
            vidmm_claim_new_locked(&claims, lister);
        else
            vidmm_claim_shared_locked(&claims, lister);
    }
    if (claims.failed) return false;
    vidmm_claim_improve_locked(device, alloc);
    return true;
}

void vidmm_claim_restore_locked(struct vidmm_alloc *alloc, const struct vidmm_standing *former)
{
    alloc->stays = former->stays;
    vidmm_claim_set_locked(alloc, former->target_id, former->promised);
}

void vidmm_claim_suspend_locked(struct vidmm_alloc *alloc)
{
    if (!alloc->promised || !vidmm_adapter_segment_of(alloc->process->adapter, alloc->target_id)) return;
    vidmm_claim_set_locked(alloc, alloc->target_id, false);
    alloc->leaves_for = VIDMM_EVICTED_TO_SUSPEND;
    vidmm_alloc_retargeted_locked(alloc);
}

/* ---- offers ---- */

void vidmm_claim_offered_locked(struct vidmm_alloc *alloc)
{
    alloc->leaves_for = VIDMM_EVICTED_ON_REQUEST;
    vidmm_claim_set_locked(alloc, 0, alloc->resident_count != 0);
    vidmm_alloc_retargeted_locked(alloc);
}

bool vidmm_claim_reclaimed_locked(struct vidmm_alloc *alloc)
{
    struct vidmm_claims claims = {.process = alloc->process, .limit_bytes = {UINT64_MAX, UINT64_MAX}};
    if (alloc->listers) vidmm_claim_new_locked(&claims, alloc->listers);
    if (claims.failed) vidmm_claim_retarget_locked(alloc);
    vidmm_alloc_retargeted_locked(alloc);
    return !vidmm_alloc_is_settled_locked(alloc);
}
