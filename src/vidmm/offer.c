/* SPDX-License-Identifier: MIT */
/* Offers; the rules stand in the header. */
#include "vidmm/offer.h"

#include <stdlib.h>

#include "vidmm/admission.h"
#include "vidmm/alloc.h"
#include "vidmm/budget.h"
#include "vidmm/claim.h"

static struct vidmm_offer *offer_of(struct udxg_list *link)
{
    return udxg_container_of(link, struct vidmm_offer, link);
}

static struct vidmm_offer *first_of(struct udxg_list *list)
{
    struct udxg_list *first = udxg_list_first(list);
    return first ? offer_of(first) : NULL;
}

static void count_locked(struct vidmm_tally *tally, const struct vidmm_alloc *alloc) UDXG_REQUIRES(VIDMM)
{
    tally->count++;
    tally->bytes += alloc->size_bytes;
}

/* ---- what others ask ---- */

bool vidmm_offer_in_effect_locked(const struct vidmm_alloc *alloc)
{
    return alloc->decommitted || (alloc->offer && alloc->offer->state != VIDMM_OFFER_WAITING);
}

enum vidmm_offer_rank vidmm_offer_rank_locked(const struct vidmm_alloc *alloc)
{
    return (enum vidmm_offer_rank)alloc->offer->rank;
}

bool vidmm_offer_is_gone_locked(const struct vidmm_alloc *alloc)
{
    return alloc->decommitted && !alloc->offer;
}

bool vidmm_offer_is_busy_locked(const struct vidmm_alloc *alloc)
{
    return alloc->offer && alloc->offer->busy;
}

bool vidmm_alloc_is_offered(struct vidmm_alloc *alloc)
{
    udxg_lock(VIDMM, &alloc->process->adapter->lock);
    bool offered = alloc->offer || alloc->decommitted;
    udxg_unlock(VIDMM, &alloc->process->adapter->lock);
    return offered;
}

bool vidmm_alloc_is_gone(struct vidmm_alloc *alloc)
{
    udxg_lock(VIDMM, &alloc->process->adapter->lock);
    bool gone = vidmm_offer_is_gone_locked(alloc);
    udxg_unlock(VIDMM, &alloc->process->adapter->lock);
    return gone;
}

/* ---- the lists of a process ---- */

void vidmm_offers_init_locked(struct vidmm_offers *offers)
{
    for (unsigned kind = 0; kind < VIDMM_OFFER_KINDS; kind++)
        for (unsigned rank = 0; rank < VIDMM_OFFER_RANKS; rank++) udxg_list_init(&offers->lists[kind][rank]);
}

/* VIDMM_OFFER_KINDS when there is nothing to take. */
static enum vidmm_offer_kind kind_locked(const struct vidmm_offer *offer) UDXG_REQUIRES(VIDMM)
{
    if (offer->state == VIDMM_OFFER_OPEN) return offer->allow_decommit ? VIDMM_OFFER_WHOLE : VIDMM_OFFER_PLAIN;
    if (offer->state == VIDMM_OFFER_DISCARDED && offer->allow_decommit) return VIDMM_OFFER_HUSK;
    return VIDMM_OFFER_KINDS;
}

static bool is_decommittable_locked(const struct vidmm_offer *offer) UDXG_REQUIRES(VIDMM)
{
    enum vidmm_offer_kind kind = kind_locked(offer);
    return kind == VIDMM_OFFER_WHOLE || kind == VIDMM_OFFER_HUSK;
}

/* The only writer of the state of an offer in effect, and of what the process counts of it. */
static void set_state_locked(struct vidmm_offer *offer, enum vidmm_offer_state state) UDXG_REQUIRES(VIDMM)
{
    struct vidmm_offers *offers = &offer->alloc->process->offers;
    if (is_decommittable_locked(offer)) offers->decommittable_bytes -= offer->alloc->size_bytes;
    udxg_list_remove(&offer->link);
    offer->state = (uint8_t)state;
    enum vidmm_offer_kind kind = kind_locked(offer);
    if (kind < VIDMM_OFFER_KINDS) udxg_list_append(&offers->lists[kind][offer->rank], &offer->link);
    if (is_decommittable_locked(offer)) offers->decommittable_bytes += offer->alloc->size_bytes;
}

/* The allocation has no offer any more. */
static void drop_locked(struct vidmm_offer *offer) UDXG_REQUIRES(VIDMM)
{
    struct vidmm_alloc *alloc = offer->alloc;
    if (is_decommittable_locked(offer)) alloc->process->offers.decommittable_bytes -= alloc->size_bytes;
    udxg_list_remove(&offer->link);
    alloc->offer = NULL;
    udxg_slab_free(&alloc->process->adapter->offers, offer);
}

void vidmm_offer_forget_locked(struct vidmm_alloc *alloc)
{
    if (alloc->offer) drop_locked(alloc->offer);
    if (alloc->decommitted) alloc->process->offers.decommitted_bytes -= alloc->size_bytes;
}

/* ---- taking ---- */

bool vidmm_offer_lose_locked(struct vidmm_alloc *alloc)
{
    struct vidmm_adapter *adapter = alloc->process->adapter;
    if (!alloc->offer || alloc->offer->state != VIDMM_OFFER_OPEN) return false;
    if (adapter->offer_policy == VIDMM_OFFER_DISCARD_NEVER) return false;
    set_state_locked(alloc->offer, VIDMM_OFFER_DISCARDED);
    count_locked(&adapter->offer_counters.discarded, alloc);
    return true;
}

/* The contents, and perhaps the commit, of one offer on their way out. */
struct taking {
    struct vidmm_offer *offer;
    bool from_segment; /* by the copy, which copies nothing */
    struct vidmm_copy copy;
};

static void decommit_locked(struct vidmm_offer *offer) UDXG_REQUIRES(VIDMM)
{
    struct vidmm_alloc *alloc = offer->alloc;
    struct vidmm_offers *offers = &alloc->process->offers;
    set_state_locked(offer, VIDMM_OFFER_DECOMMITTED);
    alloc->decommitted = true;
    offers->decommitted_bytes += alloc->size_bytes;
    offers->decommits++;
    vidmm_stock_decommit_locked(alloc->process, alloc->size_bytes);
    count_locked(&alloc->process->adapter->offer_counters.decommitted, alloc);
}

/* OFFER is neither busy nor moving. */
static void begin_taking_locked(struct vidmm_offer *offer, bool decommit, struct taking *ret) UDXG_REQUIRES(VIDMM)
{
    struct vidmm_alloc *alloc = offer->alloc;
    *ret = (struct taking){.offer = offer, .from_segment = alloc->place == VIDMM_PLACE_SEGMENT};
    offer->busy = true;
    if (ret->from_segment) {
        alloc->leaves_for = VIDMM_EVICTED_FOR_ROOM;
        vidmm_copy_begin_out_locked(alloc, &ret->copy);
    } else {
        (void)vidmm_offer_lose_locked(alloc); /* false for a husk */
    }
    if (decommit) decommit_locked(offer);
}

static void run_taking(struct taking *taking)
{
    struct vidmm_alloc *alloc = taking->offer->alloc;
    struct vidmm_adapter *adapter = alloc->process->adapter;
    if (taking->from_segment) {
        vidmm_copy_run(&taking->copy);
    } else {
        udxg_lock(VIDMM, &adapter->lock);
        while (alloc->access_count) vidmm_adapter_wait_locked(adapter);
        udxg_unlock(VIDMM, &adapter->lock);
        vidmm_pool_discard(vidmm_alloc_pool(alloc), alloc->home_range);
    }
    udxg_lock(VIDMM, &adapter->lock);
    if (taking->from_segment) vidmm_copy_done_locked(&taking->copy);
    taking->offer->busy = false;
    vidmm_adapter_changed_locked(adapter);
    udxg_unlock(VIDMM, &adapter->lock);
}

/* ---- who is taken ---- */

static struct vidmm_offer *older_of(struct vidmm_offer *a, struct vidmm_offer *b) UDXG_REQUIRES(VIDMM)
{
    if (!a || !b) return a ? a : b;
    return a->order < b->order ? a : b;
}

/* Whose contents go next; NULL when no contents are left. */
static struct vidmm_offer *next_to_discard_locked(struct vidmm_process *process) UDXG_REQUIRES(VIDMM)
{
    for (unsigned rank = 0; rank < VIDMM_OFFER_RANKS; rank++) {
        struct vidmm_offer *plain = first_of(&process->offers.lists[VIDMM_OFFER_PLAIN][rank]);
        struct vidmm_offer *offer = older_of(plain, first_of(&process->offers.lists[VIDMM_OFFER_WHOLE][rank]));
        if (offer) return offer;
    }
    return NULL;
}

/* Whose commit goes next among those of RANK: those first that have nothing else to lose. */
static struct vidmm_offer *next_of_rank_locked(struct vidmm_process *process, unsigned rank, bool only_discarded)
    UDXG_REQUIRES(VIDMM)
{
    struct vidmm_offer *husk = first_of(&process->offers.lists[VIDMM_OFFER_HUSK][rank]);
    if (husk || only_discarded) return husk;
    return first_of(&process->offers.lists[VIDMM_OFFER_WHOLE][rank]);
}

static struct vidmm_offer *next_to_decommit_locked(struct vidmm_process *process, bool only_discarded)
    UDXG_REQUIRES(VIDMM)
{
    struct vidmm_offer *offer = NULL;
    for (unsigned rank = 0; rank < VIDMM_OFFER_RANKS && !offer; rank++)
        offer = next_of_rank_locked(process, rank, only_discarded);
    return offer;
}

/* The same over all processes of the adapter. */
static struct vidmm_offer *next_of_all_locked(struct vidmm_adapter *adapter) UDXG_REQUIRES(VIDMM)
{
    struct vidmm_offer *offer = NULL;
    for (unsigned rank = 0; rank < VIDMM_OFFER_RANKS && !offer; rank++) udxg_list_for_each(it, &adapter->processes)
        {
            struct vidmm_process *process = udxg_container_of(it, struct vidmm_process, siblings);
            offer = older_of(offer, next_of_rank_locked(process, rank, false));
        }
    return offer;
}

/*
 * A victim is on a list, so it is not decommitted; but it may be a husk whose memory somebody is taking just now, or
 * be on the move. Then the caller waits, and looks again.
 */
static bool is_at_rest_locked(const struct vidmm_offer *offer) UDXG_REQUIRES(VIDMM)
{
    return !offer->busy && !vidmm_alloc_is_moving_locked(offer->alloc);
}

/* Begins to take OFFER, or waits because it cannot be taken now. With NULL it does nothing. */
static bool begin_or_wait_locked(struct vidmm_offer *offer, bool decommit, struct taking *ret) UDXG_REQUIRES(VIDMM)
{
    if (!offer) return false;
    if (is_at_rest_locked(offer)) {
        begin_taking_locked(offer, decommit, ret);
        return true;
    }
    vidmm_adapter_wait_locked(offer->alloc->process->adapter);
    return false;
}

/* Takes until it was BYTES, or all that there is. */
static uint64_t take(struct vidmm_process *process, uint64_t bytes, bool decommit, bool only_discarded)
{
    struct vidmm_adapter *adapter = process->adapter;
    uint64_t taken = 0;
    for (bool more = true; more && taken < bytes;) {
        struct vidmm_offer *offer = NULL;
        struct taking taking;
        udxg_lock(VIDMM, &adapter->lock);
        if (adapter->offer_policy != VIDMM_OFFER_DISCARD_NEVER)
            offer = decommit ? next_to_decommit_locked(process, only_discarded) : next_to_discard_locked(process);
        more = offer != NULL;
        bool began = begin_or_wait_locked(offer, decommit, &taking);
        if (began) taken += offer->alloc->size_bytes;
        udxg_unlock(VIDMM, &adapter->lock);
        if (began) run_taking(&taking);
    }
    return taken;
}

uint64_t vidmm_offer_discard(struct vidmm_process *process, uint64_t bytes)
{
    return take(process, bytes, false, false);
}

uint64_t vidmm_offer_decommit(struct vidmm_process *process, uint64_t bytes, bool only_discarded)
{
    return take(process, bytes, true, only_discarded);
}

/* ---- commit for a creation ---- */

static uint64_t shortage(uint64_t limit_bytes, uint64_t commit_bytes, uint64_t size_bytes)
{
    uint64_t room = limit_bytes - commit_bytes;
    return size_bytes > room ? size_bytes - room : 0;
}

/* What is missing below the limit of the process, and of the adapter. */
struct shortages {
    uint64_t process_bytes, adapter_bytes;
};

static struct shortages shortages_locked(const struct vidmm_process *process, uint64_t size_bytes) UDXG_REQUIRES(VIDMM)
{
    const struct vidmm_adapter *adapter = process->adapter;
    return (struct shortages){
        .process_bytes = shortage(process->commit_limit_bytes, process->commit_bytes, size_bytes),
        .adapter_bytes = shortage(adapter->commit_limit_bytes, adapter->commit_bytes, size_bytes),
    };
}

/* Whether taking all would end the shortages. */
static bool can_end_locked(const struct vidmm_process *process, const struct shortages *short_of) UDXG_REQUIRES(VIDMM)
{
    uint64_t all = 0;
    if (process->adapter->offer_policy == VIDMM_OFFER_DISCARD_NEVER) return false;
    udxg_list_for_each(it, &process->adapter->processes) all +=
        udxg_container_of(it, struct vidmm_process, siblings)->offers.decommittable_bytes;
    return process->offers.decommittable_bytes >= short_of->process_bytes && all >= short_of->adapter_bytes;
}

bool vidmm_offer_make_commit(struct vidmm_process *process, uint64_t size_bytes)
{
    struct vidmm_adapter *adapter = process->adapter;
    for (;;) {
        struct taking taking;
        bool began = false;
        udxg_lock(VIDMM, &adapter->lock);
        struct shortages short_of = shortages_locked(process, size_bytes);
        bool enough = !short_of.process_bytes && !short_of.adapter_bytes;
        bool possible = enough || can_end_locked(process, &short_of);
        if (possible && !enough) {
            struct vidmm_offer *offer =
                short_of.process_bytes ? next_to_decommit_locked(process, false) : next_of_all_locked(adapter);
            began = begin_or_wait_locked(offer, true, &taking);
        }
        udxg_unlock(VIDMM, &adapter->lock);
        if (enough || !possible) return enough;
        if (began) run_taking(&taking);
    }
}

/* ---- offering ---- */

/* Numerically, because any priority may occur. */
static enum vidmm_offer_rank rank_of_priority(uint32_t priority)
{
    if (priority < D3DDDI_ALLOCATIONPRIORITY_NORMAL) return VIDMM_OFFER_LOW;
    return priority < D3DDDI_ALLOCATIONPRIORITY_HIGH ? VIDMM_OFFER_NORMAL : VIDMM_OFFER_HIGH;
}

static bool is_offerable_locked(const struct vidmm_alloc *alloc) UDXG_REQUIRES(VIDMM)
{
    return !alloc->offer && !alloc->decommitted && !alloc->lock_count && alloc->home_range;
}

static void open_locked(struct vidmm_offer *offer) UDXG_REQUIRES(VIDMM)
{
    struct vidmm_alloc *alloc = offer->alloc;
    offer->order = ++alloc->process->adapter->offer_order;
    set_state_locked(offer, VIDMM_OFFER_OPEN);
    vidmm_claim_offered_locked(alloc);
}

/* All or none; PREPARED are as many structs as there are bindings. */
static udxg_status attach_all_locked(struct vidmm_device *device, uint32_t count, struct vidmm_binding *const *bindings,
                                     const struct vidmm_offer_terms *terms, struct udxg_list *prepared)
    UDXG_REQUIRES(VIDMM)
{
    for (uint32_t i = 0; i < count; i++) {
        struct vidmm_alloc *alloc = bindings[i]->alloc;
        if (!is_offerable_locked(alloc)) { /* a second naming is not, either */
            while (i-- > 0) {
                udxg_list_append(prepared, &bindings[i]->alloc->offer->link);
                bindings[i]->alloc->offer = NULL;
            }
            return STATUS_INVALID_PARAMETER;
        }
        struct vidmm_offer *offer = offer_of(udxg_list_pop(prepared));
        offer->alloc = alloc;
        offer->order = device->offers_begun;
        offer->rank = (uint8_t)(terms->auto_rank ? rank_of_priority(alloc->priority) : terms->rank);
        offer->allow_decommit = terms->allow_decommit;
        alloc->offer = offer;
        vidmm_alloc_manage(alloc);
    }
    return STATUS_SUCCESS;
}

static void offer_all_locked(struct vidmm_device *device, uint32_t count, struct vidmm_binding *const *bindings,
                             bool at_once) UDXG_REQUIRES(VIDMM)
{
    struct vidmm_adapter *adapter = device->process->adapter;
    for (uint32_t i = 0; i < count; i++) {
        struct vidmm_offer *offer = bindings[i]->alloc->offer;
        count_locked(&adapter->offer_counters.offered, offer->alloc);
        if (at_once)
            open_locked(offer);
        else
            udxg_list_append(&device->offering, &offer->link);
    }
}

static void free_all(struct vidmm_adapter *adapter, struct udxg_list *offers)
{
    for (struct udxg_list *link; (link = udxg_list_pop(offers));) udxg_slab_free(&adapter->offers, offer_of(link));
}

/* COUNT structs on *RET, which is no list yet. */
static udxg_status prepare(struct vidmm_adapter *adapter, uint32_t count, struct udxg_list *ret)
{
    udxg_list_init(ret);
    for (uint32_t i = 0; i < count; i++) {
        struct vidmm_offer *offer = udxg_slab_alloc(&adapter->offers);
        if (!offer) {
            free_all(adapter, ret);
            return STATUS_NO_MEMORY;
        }
        udxg_list_init(&offer->link);
        udxg_list_append(ret, &offer->link);
    }
    return STATUS_SUCCESS;
}

/* Where a test wishes that nothing offered stays. */
static void discard_if_always(struct vidmm_process *process)
{
    udxg_lock(VIDMM, &process->adapter->lock);
    bool always = process->adapter->offer_policy == VIDMM_OFFER_DISCARD_ALWAYS;
    udxg_unlock(VIDMM, &process->adapter->lock);
    if (always) (void)vidmm_offer_discard(process, UINT64_MAX);
}

udxg_status vidmm_offer(struct vidmm_device *device, uint32_t count, struct vidmm_binding *const *bindings,
                        const struct vidmm_offer_terms *terms, uint64_t *ret_number)
{
    struct vidmm_adapter *adapter = device->process->adapter;
    struct udxg_list prepared;
    udxg_status status = prepare(adapter, count, &prepared);
    if (udxg_failed(status)) return status;
    udxg_lock(VIDMM, &adapter->lock);
    *ret_number = ++device->offers_begun;
    status = attach_all_locked(device, count, bindings, terms, &prepared);
    if (!udxg_failed(status)) offer_all_locked(device, count, bindings, terms->at_once);
    vidmm_budget_settle_locked(adapter);
    udxg_unlock(VIDMM, &adapter->lock);
    free_all(adapter, &prepared);
    if (!udxg_failed(status) && terms->at_once) discard_if_always(device->process);
    return status;
}

void vidmm_offer_settle(struct vidmm_device *device, uint64_t number)
{
    struct vidmm_adapter *adapter = device->process->adapter;
    udxg_lock(VIDMM, &adapter->lock);
    udxg_list_for_each(it, &device->offering)
    {
        if (offer_of(it)->order > number) break; /* they hang in the order of their numbers */
        open_locked(offer_of(it));
    }
    vidmm_budget_settle_locked(adapter);
    udxg_unlock(VIDMM, &adapter->lock);
    discard_if_always(device->process);
}

/* ---- reclaiming ---- */

/* Marks them all; a second naming finds its mark. False, nothing marked: one is not offered. */
static bool name_all_locked(uint32_t count, struct vidmm_binding *const *bindings) UDXG_REQUIRES(VIDMM)
{
    for (uint32_t i = 0; i < count; i++) {
        struct vidmm_offer *offer = bindings[i]->alloc->offer;
        if (offer && !offer->named) {
            offer->named = true;
            continue;
        }
        while (i-- > 0) bindings[i]->alloc->offer->named = false;
        return false;
    }
    return true;
}

static bool is_any_busy_locked(uint32_t count, struct vidmm_binding *const *bindings) UDXG_REQUIRES(VIDMM)
{
    for (uint32_t i = 0; i < count; i++)
        if (vidmm_offer_is_busy_locked(bindings[i]->alloc)) return true;
    return false;
}

/* Waits until nobody is taking anything from them, and names them. */
static udxg_status get_hold_locked(struct vidmm_adapter *adapter, uint32_t count, struct vidmm_binding *const *bindings)
    UDXG_REQUIRES(VIDMM)
{
    while (is_any_busy_locked(count, bindings)) vidmm_adapter_wait_locked(adapter);
    return name_all_locked(count, bindings) ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}

/* Whether bringing it back may take the paging thread: it is listed and can be in a memory segment. */
static bool may_page_locked(const struct vidmm_alloc *alloc) UDXG_REQUIRES(VIDMM)
{
    return alloc->resident_count && !alloc->decommitted && alloc->offer->state != VIDMM_OFFER_WAITING &&
           (alloc->supported_segments & ~alloc->process->adapter->aperture_set);
}

/* An operation with room for all that may page, *RET NULL when that is none. */
static udxg_status prepare_paging_locked(struct vidmm_queue *queue, uint32_t count,
                                         struct vidmm_binding *const *bindings, struct vidmm_paging_op **ret)
    UDXG_REQUIRES(VIDMM)
{
    uint32_t paging = 0;
    *ret = NULL;
    for (uint32_t i = 0; i < count && queue; i++) paging += may_page_locked(bindings[i]->alloc);
    if (!paging) return STATUS_SUCCESS;
    *ret = vidmm_paging_op_create_locked(queue, paging);
    return *ret ? STATUS_SUCCESS : STATUS_NO_MEMORY;
}

static enum vidmm_reclaim_result result_locked(const struct vidmm_offer *offer) UDXG_REQUIRES(VIDMM)
{
    if (offer->state == VIDMM_OFFER_DECOMMITTED) return VIDMM_RECLAIM_NOT_COMMITTED;
    return offer->state == VIDMM_OFFER_DISCARDED ? VIDMM_RECLAIM_DISCARDED : VIDMM_RECLAIM_OK;
}

static enum vidmm_reclaim_result reclaim_one_locked(struct vidmm_binding *binding, struct vidmm_paging_op *op)
    UDXG_REQUIRES(VIDMM)
{
    struct vidmm_alloc *alloc = binding->alloc;
    enum vidmm_reclaim_result result = result_locked(alloc->offer);
    bool was_in_effect = vidmm_offer_in_effect_locked(alloc);
    count_locked(&alloc->process->adapter->offer_counters.reclaimed[result], alloc);
    drop_locked(alloc->offer);
    if (was_in_effect && !alloc->decommitted && vidmm_claim_reclaimed_locked(alloc)) {
        if (op)
            vidmm_paging_op_add_locked(op, binding);
        else if (alloc->promised)
            vidmm_gate_enter_locked(alloc->listers->device); /* nobody else would bring it before that one runs */
    }
    return result;
}

/* STATUS_PENDING with the fence value of what has to be paged in. */
static udxg_status reclaim_all_locked(struct vidmm_queue *queue, uint32_t count, struct vidmm_binding *const *bindings,
                                      enum vidmm_reclaim_result *ret_results, uint64_t *ret_fence) UDXG_REQUIRES(VIDMM)
{
    struct vidmm_paging_op *op;
    udxg_status status = prepare_paging_locked(queue, count, bindings, &op);
    if (udxg_failed(status)) {
        for (uint32_t i = 0; i < count; i++) bindings[i]->alloc->offer->named = false;
        return status;
    }
    for (uint32_t i = 0; i < count; i++) ret_results[i] = reclaim_one_locked(bindings[i], op);
    *ret_fence = 0;
    if (op && op->count) {
        *ret_fence = vidmm_paging_op_queue_locked(queue, op);
        return STATUS_PENDING;
    }
    free(op);
    return STATUS_SUCCESS;
}

udxg_status vidmm_reclaim(struct vidmm_device *device, struct vidmm_queue *queue, uint32_t count,
                          struct vidmm_binding *const *bindings, enum vidmm_reclaim_result *ret_results,
                          uint64_t *ret_fence)
{
    struct vidmm_adapter *adapter = device->process->adapter;
    udxg_lock(VIDMM, &adapter->lock);
    udxg_status status = get_hold_locked(adapter, count, bindings);
    if (!udxg_failed(status)) status = reclaim_all_locked(queue, count, bindings, ret_results, ret_fence);
    vidmm_budget_settle_locked(adapter);
    udxg_unlock(VIDMM, &adapter->lock);
    return status;
}

/* ---- queries ---- */

void vidmm_offer_query(struct vidmm_process *process, struct vidmm_offer_info *ret)
{
    udxg_lock(VIDMM, &process->adapter->lock);
    *ret = (struct vidmm_offer_info){
        .decommits = process->offers.decommits,
        .decommittable_bytes = process->offers.decommittable_bytes,
    };
    udxg_unlock(VIDMM, &process->adapter->lock);
}

void vidmm_adapter_set_offer_policy(struct vidmm_adapter *adapter, enum vidmm_offer_policy policy)
{
    udxg_lock(VIDMM, &adapter->lock);
    adapter->offer_policy = policy;
    udxg_unlock(VIDMM, &adapter->lock);
}

void vidmm_adapter_offer_counters(struct vidmm_adapter *adapter, struct vidmm_offer_counters *ret)
{
    udxg_lock(VIDMM, &adapter->lock);
    *ret = adapter->offer_counters;
    udxg_unlock(VIDMM, &adapter->lock);
}

/* ---- check ---- */

static const char *check_offer_locked(const struct vidmm_offer *offer) UDXG_REQUIRES(VIDMM)
{
    const struct vidmm_alloc *alloc = offer->alloc;
    if (alloc->offer != offer) return "an offer is not that of its allocation";
    if (offer->named) return "an offer was left named";
    if (alloc->lock_count) return "an offered allocation is locked";
    if (alloc->decommitted) return "a decommitted allocation has something to give";
    if (offer->state != VIDMM_OFFER_WAITING && alloc->target_id) return "an offered allocation has a target";
    return NULL;
}

static const char *check_list_locked(struct vidmm_process *process, unsigned kind, unsigned rank,
                                     uint64_t *decommittable_bytes) UDXG_REQUIRES(VIDMM)
{
    udxg_list_for_each(it, &process->offers.lists[kind][rank])
    {
        const struct vidmm_offer *offer = offer_of(it);
        const char *wrong = check_offer_locked(offer);
        if (wrong) return wrong;
        if (offer->alloc->process != process) return "an offer is on the list of another process";
        if (kind_locked(offer) != kind || offer->rank != rank) return "an offer is on the wrong list";
        if (kind != VIDMM_OFFER_PLAIN) *decommittable_bytes += offer->alloc->size_bytes;
    }
    return NULL;
}

static const char *check_waiting_locked(struct vidmm_process *process) UDXG_REQUIRES(VIDMM)
{
    udxg_list_for_each(d, &process->devices)
    {
        struct vidmm_device *device = udxg_container_of(d, struct vidmm_device, siblings);
        uint64_t before = 0;
        udxg_list_for_each(it, &device->offering)
        {
            const struct vidmm_offer *offer = offer_of(it);
            const char *wrong = check_offer_locked(offer);
            if (wrong) return wrong;
            if (offer->state != VIDMM_OFFER_WAITING) return "an offer in effect waits for work";
            if (offer->order < before) return "the offers of a device are not in order";
            before = offer->order;
        }
    }
    return NULL;
}

static const char *check_process_locked(struct vidmm_process *process) UDXG_REQUIRES(VIDMM)
{
    uint64_t bytes = 0;
    const char *wrong = check_waiting_locked(process);
    for (unsigned kind = 0; kind < VIDMM_OFFER_KINDS && !wrong; kind++)
        for (unsigned rank = 0; rank < VIDMM_OFFER_RANKS && !wrong; rank++)
            wrong = check_list_locked(process, kind, rank, &bytes);
    if (!wrong && bytes != process->offers.decommittable_bytes) wrong = "the decommittable bytes are not those offered";
    return wrong;
}

const char *vidmm_offer_check_locked(struct vidmm_adapter *adapter)
{
    udxg_list_for_each(it, &adapter->processes)
    {
        const char *wrong = check_process_locked(udxg_container_of(it, struct vidmm_process, siblings));
        if (wrong) return wrong;
    }
    return NULL;
}
