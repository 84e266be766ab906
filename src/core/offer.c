/* SPDX-License-Identifier: MIT */
/*
 * Offers and reclaims, and what a process may ask about them. vidmm knows what becomes of an offered allocation; here
 * is who may offer what, and when the work that was queued before is done: a marker on the device's timeline says it.
 *
 * A resource stands for the allocations that are in it at the time of the call. Shared ones are refused: another
 * opener would lose what it never offered.
 *
 * Locks: none while vidmm is called.
 */
#include "core/offer.h"

#include <stdlib.h>

#include "abi/thunk.h"
#include "core/allocation.h"
#include "core/handlers.h"
#include "core/resource.h"

/* ---- what a call names ---- */

/* The allocations behind a call's list, pinned. */
struct members {
    struct udxg_pinned pinned; /* by resource: allocations and bindings alone, in one block; none where all are empty */
    uint32_t *ends; /* by resource: its allocations end before this one; owned, NULL: one allocation for each */
};

static void members_unpin(struct members *members)
{
    const struct udxg_pinned *pinned = &members->pinned;

    if (!members->ends) {
        udxg_unpin(&members->pinned);
        return;
    }
    for (uint32_t i = 0; i < pinned->count; i++) udxg_allocation_put(pinned->allocations[i]);
    free(pinned->allocations);
    free(members->ends);
}

/* Allocations of resources, while they are found. */
struct collection {
    struct udxg_device *device;
    struct udxg_allocation **allocations; /* owned */
    uint32_t count, room;
    bool failed;
};

static bool make_room(struct collection *collection)
{
    uint32_t room = collection->room ? 2 * collection->room : 64;
    struct udxg_allocation **more;

    if (collection->count < collection->room) return true;
    more = realloc(collection->allocations, room * sizeof *more);
    if (!more) return false;
    collection->allocations = more;
    collection->room = room;
    return true;
}

/* Under the device's lock. One whose handle is closed is as good as gone. */
static void collect(struct udxg_allocation *allocation, uint32_t index, void *user)
{
    struct collection *collection = user;
    struct udxg_allocation *pinned;

    (void)index;
    if (collection->failed) return;
    collection->failed = !make_room(collection);
    if (collection->failed) return;
    pinned = udxg_allocation_get(collection->device, allocation->child.handle);
    if (pinned) collection->allocations[collection->count++] = pinned;
}

static udxg_status collect_all(struct collection *collection, const struct udxg_named *named, uint32_t *ret_ends)
{
    for (uint32_t i = 0; i < named->count; i++) {
        struct udxg_resource *resource = udxg_resource_get(collection->device, named->resources[i]);
        if (!resource) return STATUS_INVALID_PARAMETER;
        udxg_resource_for_each(resource, collect, collection);
        udxg_resource_put(resource);
        if (collection->failed) return STATUS_NO_MEMORY;
        ret_ends[i] = collection->count;
    }
    return STATUS_SUCCESS;
}

/* Makes what members_unpin() ends of the collection: both arrays in one block. On failure nothing is taken. */
static udxg_status pin_collection(struct collection *collection, struct members *members)
{
    struct udxg_pinned *pinned = &members->pinned;
    struct udxg_allocation **allocations;

    if (!collection->count) return STATUS_SUCCESS;
    allocations =
        realloc(collection->allocations, collection->count * (sizeof *pinned->allocations + sizeof *pinned->bindings));
    if (!allocations) return STATUS_NO_MEMORY;
    pinned->count = collection->count;
    pinned->allocations = allocations;
    pinned->bindings = (struct vidmm_binding **)(allocations + collection->count);
    for (uint32_t i = 0; i < pinned->count; i++) pinned->bindings[i] = &allocations[i]->vidmm;
    *collection = (struct collection){0};
    return STATUS_SUCCESS;
}

static udxg_status pin_resources(struct udxg_device *device, const struct udxg_named *named, struct members *members)
{
    struct collection collection = {.device = device};
    udxg_status status;

    members->ends = malloc(named->count * sizeof *members->ends);
    if (!members->ends) return STATUS_NO_MEMORY;
    status = collect_all(&collection, named, members->ends);
    if (!udxg_failed(status)) status = pin_collection(&collection, members);
    for (uint32_t i = 0; i < collection.count; i++) udxg_allocation_put(collection.allocations[i]);
    free(collection.allocations);
    if (udxg_failed(status)) free(members->ends);
    return status;
}

/* All or nothing. End it with members_unpin(). */
static udxg_status pin_members(struct udxg_device *device, const struct udxg_named *named, struct members *ret_members)
{
    ret_members->pinned.count = 0;
    ret_members->pinned.allocations = NULL;
    ret_members->ends = NULL;
    if (!named->resources == !named->allocations) return STATUS_INVALID_PARAMETER;
    if (named->resources) return pin_resources(device, named, ret_members);
    return udxg_pin(device, named->count, named->allocations, &ret_members->pinned);
}

/* ---- offer ---- */

/* A marker on the timeline behind the work that may still use what is offered. */
struct settlement {
    struct udxg_timeline_entry entry;
    struct udxg_device *device; /* referenced */
    uint64_t number;            /* vidmm's; with the device's lock while it is on the timeline */
};

static void settle(struct udxg_timeline_entry *entry)
{
    struct settlement *settlement = udxg_container_of(entry, struct settlement, entry);

    vidmm_offer_settle(&settlement->device->vidmm, settlement->number);
    udxg_device_unref(settlement->device);
    free(settlement);
}

/*
 * Whether the last on the timeline is a settlement, which then stands for this number too: behind work that never ends
 * offers and reclaims may follow each other for ever.
 */
static bool join_last_locked(struct udxg_device *device, uint64_t number) UDXG_REQUIRES(DEVICE)
{
    struct udxg_timeline_entry *last = udxg_container_of(device->timeline.prev, struct udxg_timeline_entry, link);
    struct settlement *settlement = udxg_container_of(last, struct settlement, entry);

    if (udxg_list_empty(&device->timeline) || last->fire != settle) return false;
    if (number > settlement->number) settlement->number = number;
    return true;
}

/* Takes SETTLEMENT. */
static void settle_behind_work(struct udxg_device *device, struct settlement *settlement)
{
    bool joined, later = false;

    udxg_lock(DEVICE, &device->lock);
    joined = join_last_locked(device, settlement->number);
    if (!joined) {
        atomic_fetch_add(&device->refs, 1);
        settlement->device = device;
        settlement->entry.fire = settle;
        later = udxg_device_queue_marker_locked(device, &settlement->entry);
    }
    udxg_unlock(DEVICE, &device->lock);
    if (joined)
        free(settlement);
    else if (!later)
        settle(&settlement->entry);
}

static bool is_any_shared(const struct udxg_pinned *pinned)
{
    for (uint32_t i = 0; i < pinned->count; i++) {
        const struct udxg_resource *resource = pinned->allocations[i]->resource;
        if (resource && resource->shared) return true;
    }
    return false;
}

static udxg_status offer_at_once(struct udxg_device *device, const struct udxg_pinned *pinned,
                                 const struct vidmm_offer_terms *terms)
{
    uint64_t number;

    return vidmm_offer(&device->vidmm, pinned->count, pinned->bindings, terms, &number);
}

static udxg_status offer_behind_work(struct udxg_device *device, const struct udxg_pinned *pinned,
                                     const struct vidmm_offer_terms *terms)
{
    struct settlement *settlement = malloc(sizeof *settlement);
    udxg_status status;

    if (!settlement) return STATUS_NO_MEMORY;
    status = vidmm_offer(&device->vidmm, pinned->count, pinned->bindings, terms, &settlement->number);
    if (udxg_failed(status)) {
        free(settlement);
        return status;
    }
    settle_behind_work(device, settlement);
    return STATUS_SUCCESS;
}

static udxg_status offer_pinned(struct udxg_device *device, const struct udxg_pinned *pinned,
                                const D3DKMT_OFFERALLOCATIONS *args)
{
    struct vidmm_offer_terms terms = {
        .rank = (enum vidmm_offer_rank)(args->Priority - D3DKMT_OFFER_PRIORITY_LOW),
        .auto_rank = args->Priority == D3DKMT_OFFER_PRIORITY_AUTO,
        .at_once = args->Flags.OfferImmediately,
        .allow_decommit = args->Flags.AllowDecommit,
    };

    if (is_any_shared(pinned)) return STATUS_INVALID_PARAMETER;
    return terms.at_once ? offer_at_once(device, pinned, &terms) : offer_behind_work(device, pinned, &terms);
}

udxg_status thunk_OfferAllocations(struct udxg_process *process, D3DKMT_OFFERALLOCATIONS *args)
{
    struct udxg_named named = {args->pResources, args->HandleList, args->NumAllocations};
    struct udxg_device *device;
    struct members members;
    udxg_status status = udxg_device_get(process, args->hDevice, &device);

    if (udxg_failed(status)) return status;
    status = args->Priority < D3DKMT_OFFER_PRIORITY_LOW || args->Priority > D3DKMT_OFFER_PRIORITY_AUTO
                 ? STATUS_INVALID_PARAMETER
                 : pin_members(device, &named, &members);
    if (!udxg_failed(status)) {
        if (members.pinned.count) status = offer_pinned(device, &members.pinned, args);
        members_unpin(&members);
    }
    udxg_device_put(device);
    return status;
}

/* ---- reclaim ---- */

/* From one result for each allocation to one for each that was named: the worst, in the order of the enumeration. */
static void sum_up(const struct members *members, uint32_t count, const enum vidmm_reclaim_result *each,
                   D3DDDI_RECLAIM_RESULT *results)
{
    for (uint32_t i = 0, at = 0; i < count; i++) {
        uint32_t end = members->ends ? members->ends[i] : i + 1;
        enum vidmm_reclaim_result worst = VIDMM_RECLAIM_OK;
        for (; at < end; at++)
            if (each[at] > worst) worst = each[at];
        results[i] = (D3DDDI_RECLAIM_RESULT)worst;
    }
}

static udxg_status take_back_pinned(struct udxg_device *device, struct vidmm_queue *queue, uint32_t count,
                                    struct members *members, D3DDDI_RECLAIM_RESULT *results, uint64_t *ret_fence)
{
    uint32_t total = members->pinned.count;
    enum vidmm_reclaim_result *each = malloc((total + 1) * sizeof *each);
    udxg_status status = STATUS_SUCCESS;

    if (!each) return STATUS_NO_MEMORY;
    *ret_fence = 0;
    if (total) status = vidmm_reclaim(&device->vidmm, queue, total, members->pinned.bindings, each, ret_fence);
    if (!udxg_failed(status) && results) sum_up(members, count, each, results);
    free(each);
    return udxg_failed(status) ? status : STATUS_SUCCESS; /* the fence tells that it is pending */
}

udxg_status udxg_offer_take_back(struct udxg_device *device, struct vidmm_queue *queue, const struct udxg_named *named,
                                 D3DDDI_RECLAIM_RESULT *results, uint64_t *ret_fence)
{
    struct members members;
    udxg_status status = pin_members(device, named, &members);

    if (udxg_failed(status)) return status;
    status = take_back_pinned(device, queue, named->count, &members, results, ret_fence);
    members_unpin(&members);
    return status;
}

_Static_assert(sizeof(D3DDDI_RECLAIM_RESULT) == sizeof(BOOL), "version 1 gets its answers in place");

udxg_status thunk_ReclaimAllocations(struct udxg_process *process, D3DKMT_RECLAIMALLOCATIONS *args)
{
    struct udxg_named named = {args->pResources, args->HandleList, args->NumAllocations};
    struct udxg_device *device;
    uint64_t fence;
    udxg_status status = udxg_device_get(process, args->hDevice, &device);

    if (udxg_failed(status)) return status;
    status = udxg_offer_take_back(device, NULL, &named, (D3DDDI_RECLAIM_RESULT *)args->pDiscarded, &fence);
    for (uint32_t i = 0; i < named.count && args->pDiscarded && !udxg_failed(status); i++)
        args->pDiscarded[i] = args->pDiscarded[i] != 0;
    udxg_device_put(device);
    return status;
}

/* ---- of a process ---- */

/* The caller's managers, one after the other; NULL where it has not used an adapter. */
static struct vidmm_process *manager_of(struct udxg_process *process, uint32_t index)
{
    struct udxg_process_adapter *pa = atomic_load_explicit(&process->adapters[index], memory_order_acquire);

    return pa ? pa->vidmm : NULL;
}

udxg_status thunk_TrimProcessCommitment(struct udxg_process *process, D3DKMT_TRIMPROCESSCOMMITMENT *args)
{
    udxg_status status;

    if (args->cbSize != sizeof *args) return STATUS_INVALID_PARAMETER;
    status = udxg_check_process_handle(args->hProcess);
    if (udxg_failed(status)) return status;
    /* Lazy changes nothing: taking back is one system call, and no later moment is a better one. */
    for (uint32_t i = 0; i < UDXG_KERNEL_ADAPTERS; i++) {
        struct vidmm_process *vidmm = manager_of(process, i);
        uint64_t done = args->NumBytesDecommitted, wanted = args->DecommitRequested;
        if (vidmm && done < wanted)
            args->NumBytesDecommitted += vidmm_offer_decommit(vidmm, wanted - done, args->Flags.OnlyRepurposed);
    }
    return STATUS_SUCCESS;
}

udxg_status thunk_QueryProcessOfferInfo(struct udxg_process *process, D3DKMT_QUERYPROCESSOFFERINFO *args)
{
    udxg_status status;

    if (args->cbSize != sizeof *args) return STATUS_INVALID_PARAMETER;
    status = udxg_check_process_handle(args->hProcess);
    if (udxg_failed(status)) return status;
    for (uint32_t i = 0; i < UDXG_KERNEL_ADAPTERS; i++) {
        struct vidmm_process *vidmm = manager_of(process, i);
        struct vidmm_offer_info info;
        if (!vidmm) continue;
        vidmm_offer_query(vidmm, &info);
        args->DecommitUniqueness += info.decommits;
        args->DecommittableBytes += info.decommittable_bytes;
    }
    return STATUS_SUCCESS;
}
