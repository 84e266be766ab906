/* SPDX-License-Identifier: MIT */
/*
 * Steps on residency: listing and taking off the list, in and over the budget, with hints that are true or not, and
 * reservations. A room lists about what its goal is, so that all together over-commit the adapter as was asked for.
 */
#include <string.h>

#include "property.h"

/* ---- listing ---- */

/* Whether there was room. Without CantTrimFurther the budget is the limit, with it what the adapter has. */
static bool list(struct room *room, uint32_t count, struct item *const *items, bool must_go)
{
    D3DKMT_HANDLE handles[MAX_CALL + 1];
    const struct paging *paging = &room->pagings[below(QUEUES)];
    D3DDDI_MAKERESIDENT args = {.hPagingQueue = paging->queue, .NumAllocations = count, .AllocationList = handles};
    for (uint32_t i = 0; i < count; i++) handles[i] = items[i]->handle;
    args.Flags.CantTrimFurther = must_go;
    udxg_status status = CALL(room, MakeResident, &args);
    if (status == STATUS_NO_MEMORY) {
        CHECK(args.NumBytesToTrim && !args.NumAllocations);
        worker->over_budget++;
        return false;
    }
    if (!IS(args.PagingFenceValue ? STATUS_PENDING : STATUS_SUCCESS, room, status)) return false;
    for (uint32_t i = 0; i < count; i++)
        if (!items[i]->residency++) atomic_fetch_add(&room->listed_bytes, items[i]->page_count * PAGE_BYTES);
    if (args.PagingFenceValue && one_in(2)) fence_wait(room, paging->fence, args.PagingFenceValue);
    return !atomic_load(&room->lost);
}

bool item_make_resident(struct room *room, struct item *item)
{
    return list(room, 1, &item, false) || (!atomic_load(&room->lost) && list(room, 1, &item, true));
}

static void make_some_resident(struct room *room)
{
    struct item *items[MAX_CALL + 1];
    uint32_t claimed = 0, count, wanted = 1 + (uint32_t)below(MAX_CALL);
    if (atomic_load(&room->listed_bytes) > room->goal_bytes) return;
    for (unsigned tries = 0; claimed < wanted && tries < MAX_CALL; tries++) {
        items[claimed] = one_in(16) ? room_claim_offered(room) : room_claim_item(room);
        if (items[claimed] && items[claimed]->offer == OFFER_GONE) {
            room_release_item(room, items[claimed]);
            items[claimed] = NULL;
        }
        if (items[claimed]) claimed++;
    }
    count = claimed;
    if (count && one_in(8)) items[count++] = items[0]; /* it counts twice */
    if (count && !list(room, count, items, false) && !atomic_load(&room->lost)) list(room, count, items, one_in(2));
    for (uint32_t i = 0; i < claimed; i++) room_release_item(room, items[i]);
}

/* Asks for more than can be had, and means it: the device is lost by that. Not where others are. */
static void insist(struct room *room)
{
    D3DKMT_GETDEVICESTATE state = {.hDevice = room->device, .StateType = D3DKMT_DEVICESTATE_EXECUTION};
    D3DKMT_HANDLE handles[MAX_ITEMS];
    D3DDDI_MAKERESIDENT args = {.hPagingQueue = room->pagings[0].queue, .AllocationList = handles};
    if (room->is_shared || !one_in(32)) return;
    for (unsigned i = 0; i < MAX_ITEMS; i++)
        if (room->items[i].handle && room->items[i].offer == OFFER_NONE)
            handles[args.NumAllocations++] = room->items[i].handle;
    if (!args.NumAllocations) return;
    args.Flags.CantTrimFurther = args.Flags.MustSucceed = 1;
    udxg_status status = CALL(room, MakeResident, &args);
    if (status == STATUS_NO_MEMORY) {
        CHECK(CALL(room, GetDeviceState, &state) == STATUS_SUCCESS);
        CHECK(state.ExecutionState == D3DKMT_DEVICEEXECUTION_ERROR_OUTOFMEMORY || atomic_load(&world.loss));
        atomic_store(&room->lost, true);
        return;
    }
    if (!IS(args.PagingFenceValue ? STATUS_PENDING : STATUS_SUCCESS, room, status)) return;
    for (unsigned i = 0; i < MAX_ITEMS; i++) {
        struct item *item = &room->items[i];
        if (!item->handle || item->offer != OFFER_NONE) continue;
        if (!item->residency++) atomic_fetch_add(&room->listed_bytes, item->page_count * PAGE_BYTES);
    }
}

/* ---- taking off the list ---- */

static bool is_dirty(const struct item *item)
{
    for (uint32_t i = 0; i < item->page_count; i++)
        if (item->dirty[i]) return true;
    return false;
}

/* It was said that nothing had been written: what had been may be lost. */
static void lose_dirty(struct item *item)
{
    for (uint32_t i = 0; i < item->page_count; i++)
        if (item->dirty[i]) item->stamps[i] = STAMP_UNKNOWN;
}

static bool settle_all(struct room *room, uint32_t count, struct item *const *items)
{
    for (uint32_t i = 0; i < count; i++)
        if (!item_settle(room, items[i])) return false;
    return true;
}

/* A lie is told when nothing is under way any more: what has been submitted might read what is lost by it. */
static void choose_hint(struct room *room, D3DKMT_EVICT *args, uint32_t count, struct item *const *items)
{
    bool lie = one_in(16), true_hint = true;
    for (uint32_t i = 0; i < count; i++) true_hint = true_hint && !is_dirty(items[i]);
    args->Flags.NotWrittenTo = true_hint ? one_in(2) : lie && settle_all(room, count, items);
    if (!args->Flags.NotWrittenTo || true_hint) return;
    for (uint32_t i = 0; i < count; i++) lose_dirty(items[i]);
    worker->lied++;
}

/* All or nothing: one that is not resident refuses the call. */
static void evict(struct room *room, uint32_t count, struct item *const *items)
{
    D3DKMT_HANDLE handles[MAX_CALL];
    D3DKMT_EVICT args = {.hDevice = room->device, .NumAllocations = count, .AllocationList = handles};
    bool legal = true;
    for (uint32_t i = 0; i < count; i++) {
        handles[i] = items[i]->handle;
        legal = legal && items[i]->residency;
    }
    args.Flags.EvictOnlyIfNecessary = one_in(2);
    choose_hint(room, &args, count, items);
    udxg_status status = CALL(room, Evict, &args);
    if (!IS(legal ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER, room, status) || !legal) return;
    for (uint32_t i = 0; i < count; i++)
        if (!--items[i]->residency) atomic_fetch_sub(&room->listed_bytes, items[i]->page_count * PAGE_BYTES);
}

void item_evict(struct room *room, struct item *item)
{
    evict(room, 1, &item);
}

static void evict_some(struct room *room)
{
    struct item *items[MAX_CALL];
    uint32_t count = 0, wanted = 1 + (uint32_t)below(MAX_CALL);
    bool wrong = one_in(16);
    for (unsigned tries = 0; count < wanted && tries < 2 * MAX_CALL; tries++) {
        struct item *item = one_in(8) ? room_claim_offered(room) : room_claim_item(room);
        if (!item) continue;
        if (item->residency || wrong)
            items[count++] = item;
        else
            room_release_item(room, item);
    }
    if (count) evict(room, count, items);
    for (uint32_t i = 0; i < count; i++) room_release_item(room, items[i]);
}

/* What a good client does when it is asked to trim. */
static void answer_trim(struct room *room)
{
    uint64_t wanted = atomic_exchange(&room->trim_bytes, 0), freed = 0;
    for (unsigned tries = 0; freed < wanted && tries < MAX_ITEMS; tries++) {
        struct item *item = room_claim_item(room);
        if (!item) continue;
        while (item->residency && !atomic_load(&room->lost)) {
            if (item->residency == 1) freed += item->page_count * PAGE_BYTES;
            evict(room, 1, &item);
        }
        room_release_item(room, item);
    }
}

/* ---- budgets ---- */

static void change_reservation(struct room *room)
{
    struct process *process = room->process;
    D3DKMT_QUERYVIDEOMEMORYINFO info = {.hAdapter = process->adapter,
                                        .MemorySegmentGroup = D3DKMT_MEMORY_SEGMENT_GROUP_LOCAL};
    D3DKMT_CHANGEVIDEOMEMORYRESERVATION args = {.hAdapter = process->adapter,
                                                .MemorySegmentGroup = D3DKMT_MEMORY_SEGMENT_GROUP_LOCAL};
    pthread_mutex_lock(&process->mutex);
    if (DID(room, CALL(room, QueryVideoMemoryInfo, &info))) {
        CHECK(info.CurrentReservation == process->reservation_bytes);
        CHECK(info.CurrentReservation <= info.Budget);
        args.Reservation = one_in(2) ? 0 : below(info.AvailableForReservation + 1) / 2;
        udxg_status status = CALL(room, ChangeVideoMemoryReservation, &args);
        /* Other processes may have been faster. */
        if (status != STATUS_INVALID_PARAMETER && DID(room, status)) process->reservation_bytes = args.Reservation;
        CHECK(status != STATUS_INVALID_PARAMETER || args.Reservation);
    }
    pthread_mutex_unlock(&process->mutex);
}

const struct step residency_steps[] = {
    {"make resident", make_some_resident, 18},
    {"insist on more than there is", insist, 1},
    {"evict", evict_some, 12},
    {"answer a trim", answer_trim, 4},
    {"change a reservation", change_reservation, 2},
    {0},
};
