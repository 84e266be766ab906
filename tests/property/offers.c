/* SPDX-License-Identifier: MIT */
/*
 * Steps on offers. An offered item stays so for many steps, in which others may take what it has. Whoever takes it back
 * is told what is left: all of it, nothing but zeros, or no memory at all.
 */

#include "property.h"

/* ---- offering ---- */

/* At once only what no engine works on: it would fault. */
static bool prepare(struct room *room, struct item *item, bool at_once)
{
    return !at_once || item_settle(room, item);
}

static void offer(struct room *room, struct item *item)
{
    D3DKMT_OFFERALLOCATIONS args = {.hDevice = room->device, .NumAllocations = 1};
    bool legal = !item->locks && !item->pages;
    args.HandleList = &item->handle;
    args.Priority = (D3DKMT_OFFER_PRIORITY)(D3DKMT_OFFER_PRIORITY_LOW + (int)below(4));
    args.Flags.OfferImmediately = one_in(2);
    args.Flags.AllowDecommit = one_in(3);
    if (!prepare(room, item, args.Flags.OfferImmediately)) return;
    udxg_status status = CALL(room, OfferAllocations, &args);
    if (!IS(legal ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER, room, status) || !legal) return;
    item->offer = args.Flags.AllowDecommit ? OFFER_DECOMMIT : OFFER_PLAIN;
}

static void offer_one(struct room *room)
{
    struct item *item = room_claim_item(room);
    if (!item) return;
    offer(room, item);
    room_release_item(room, item);
}

/* ---- taking back ---- */

static bool reclaim_new(struct room *room, struct item *item, D3DDDI_RECLAIM_RESULT *ret_result)
{
    const struct paging *paging = &room->pagings[below(QUEUES)];
    D3DKMT_RECLAIMALLOCATIONS2 args = {.hPagingQueue = paging->queue, .NumAllocations = 1};
    args.HandleList = &item->handle;
    args.pResults = ret_result;
    if (!DID(room, CALL(room, ReclaimAllocations2, &args))) return false;
    return !one_in(2) || fence_wait(room, paging->fence, args.PagingFenceValue);
}

/* The old call does not tell what has no memory from what lost its contents. */
static bool reclaim_old(struct room *room, struct item *item, BOOL *ret_discarded)
{
    D3DKMT_RECLAIMALLOCATIONS args = {.hDevice = room->device, .NumAllocations = 1};
    args.HandleList = &item->handle;
    args.pDiscarded = ret_discarded;
    return DID(room, CALL(room, ReclaimAllocations, &args));
}

static void note_decommitted(struct item *item)
{
    item->offer = OFFER_GONE;
    worker->decommitted++;
    atomic_fetch_sub(&world.commit_bytes, item->page_count * PAGE_BYTES);
}

static void note_discarded(struct item *item)
{
    item_forget(item, STAMP_ZERO);
    worker->discarded++;
}

static void take_back(struct room *room, struct item *item)
{
    D3DDDI_RECLAIM_RESULT result = D3DDDI_RECLAIM_RESULT_OK;
    BOOL discarded = 0;
    bool was_decommittable = item->offer == OFFER_DECOMMIT;
    bool done = was_decommittable || one_in(2) ? reclaim_new(room, item, &result) : reclaim_old(room, item, &discarded);
    if (!done) return;
    if (discarded) result = D3DDDI_RECLAIM_RESULT_DISCARDED;
    CHECK(result != D3DDDI_RECLAIM_RESULT_NOT_COMMITTED || was_decommittable);
    item->offer = OFFER_NONE;
    if (result == D3DDDI_RECLAIM_RESULT_NOT_COMMITTED) note_decommitted(item);
    if (result == D3DDDI_RECLAIM_RESULT_DISCARDED) note_discarded(item);
    if (item->offer == OFFER_NONE && item->visible && one_in(2)) item_look(room, item, one_in(2));
}

/* What is offered, or gone, cannot be locked. */
static void reclaim_one(struct room *room)
{
    struct item *item = room_claim_offered(room);
    if (!item) return;
    D3DKMT_LOCK2 lock = {.hDevice = room->device, .hAllocation = item->handle};
    if (one_in(4)) IS(STATUS_INVALID_PARAMETER, room, CALL(room, Lock2, &lock));
    if (item->offer != OFFER_GONE && !atomic_load(&room->lost)) take_back(room, item);
    room_release_item(room, item);
}

/* ---- commit ---- */

static void trim_commit(struct room *room)
{
    D3DKMT_TRIMPROCESSCOMMITMENT args = {.cbSize = sizeof args, .DecommitRequested = below(1 << 20)};
    args.Flags.OnlyRepurposed = one_in(2);
    args.Flags.Lazy = one_in(2);
    if (!DID(room, CALL(room, TrimProcessCommitment, &args))) return;
    CHECK(args.NumBytesDecommitted < args.DecommitRequested + MAX_PAGES * PAGE_BYTES);
}

const struct step offer_steps[] = {
    {"offer", offer_one, 8},
    {"reclaim", reclaim_one, 12},
    {"trim the commit", trim_commit, 1},
    {0},
};
