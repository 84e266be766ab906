/* SPDX-License-Identifier: MIT */
/*
 * Steps by engines: fills, copies from item to item, copies to where the CPU can look, through an item's own addresses
 * or through tiles that updates of the address space put there. Nothing is waited for unless it must be: the next one
 * who needs an item waits, on the CPU or in his lane.
 */
#include <string.h>

#include <udxg/soft.h>

#include "property.h"

#define RESULT_PAGES 16u

/* ---- items for a lane ---- */

static bool map_if_not(struct room *room, struct item *item)
{
    D3DDDI_MAPGPUVIRTUALADDRESS map = {.hPagingQueue = room->pagings[below(QUEUES)].queue,
                                       .hAllocation = item->handle,
                                       .SizeInPages = item->page_count};
    if (item->va) return true;
    map.Protection.Write = 1;
    if (!DID(room, CALL(room, MapGpuVirtualAddress, &map))) return false;
    item->va = map.VirtualAddress;
    return true;
}

/* What other lanes still do with it comes before. */
static bool come_after_others(struct room *room, struct lane *lane, struct item *item)
{
    struct lane *other = &room->lanes[item->lane];
    if (!item->busy_until || other == lane) return true;
    return one_in(2) ? lane_wait(room, other, item->busy_until)
                     : lane_follow(room, lane, other->fence, item->busy_until);
}

static bool prepare(struct room *room, struct lane *lane, struct item *item)
{
    if (!item->residency && !item_make_resident(room, item)) return false;
    return map_if_not(room, item) && come_after_others(room, lane, item);
}

static void note_busy(struct room *room, const struct lane *lane, struct item *item)
{
    item->lane = (uint32_t)(lane - room->lanes);
    item->busy_until = lane->next;
}

/* After the submission that writes them. */
static void note_written(struct item *item, uint32_t first, uint32_t count, const uint64_t *stamps)
{
    memmove(&item->stamps[first], stamps, count * sizeof *stamps);
    memset(&item->dirty[first], 1, count * sizeof *item->dirty);
}

/* ---- fills and copies ---- */

static void fill(struct room *room, struct lane *lane, struct item *item)
{
    uint32_t first = (uint32_t)below(item->page_count), count = 1 + (uint32_t)below(item->page_count - first);
    uint32_t pattern = (uint32_t)random_next(&worker->random);
    uint64_t stamps[MAX_PAGES];
    if (!prepare(room, lane, item)) return;
    void *slot = lane_slot(room, lane);
    if (!slot) return;
    struct udxg_soft_fill command = udxg_soft_fill_command(item->va + first * PAGE_BYTES, count * PAGE_BYTES, pattern);
    memcpy(slot, &command, sizeof command);
    if (!lane_submit(room, lane, sizeof command)) return;
    for (uint32_t i = 0; i < count; i++) stamps[i] = stamp_of_fill(pattern);
    note_written(item, first, count, stamps);
    note_busy(room, lane, item);
}

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static void copy(struct room *room, struct lane *lane, struct item *from, struct item *to)
{
    uint32_t count = 1 + (uint32_t)below(least(from->page_count, to->page_count));
    uint32_t source = (uint32_t)below(from->page_count - count + 1);
    uint32_t target = (uint32_t)below(to->page_count - count + 1);
    if (!prepare(room, lane, from) || !prepare(room, lane, to)) return;
    void *slot = lane_slot(room, lane);
    if (!slot) return;
    struct udxg_soft_copy command =
        udxg_soft_copy_command(to->va + target * PAGE_BYTES, from->va + source * PAGE_BYTES, count * PAGE_BYTES);
    memcpy(slot, &command, sizeof command);
    if (!lane_submit(room, lane, sizeof command)) return;
    note_written(to, target, count, &from->stamps[source]);
    note_busy(room, lane, from);
    note_busy(room, lane, to);
}

/* The result of the lane's last submission is looked at. */
static void look_at_result(struct room *room, struct lane *lane, const struct item *item, const uint64_t *stamps,
                           uint32_t count)
{
    if (!lane_wait(room, lane, lane->next)) return;
    stamps_verify(room, item, stamps, lane->result.address, count);
}

/* It is prepared. */
static void look_at_pages(struct room *room, struct lane *lane, struct item *item, uint32_t first, uint32_t count)
{
    void *slot = lane_slot(room, lane);
    if (!slot) return;
    struct udxg_soft_copy command =
        udxg_soft_copy_command(lane->result.va, item->va + first * PAGE_BYTES, count * PAGE_BYTES);
    memcpy(slot, &command, sizeof command);
    if (!lane_submit(room, lane, sizeof command)) return;
    note_busy(room, lane, item);
    look_at_result(room, lane, item, &item->stamps[first], count);
}

static void look(struct room *room, struct lane *lane, struct item *item)
{
    uint32_t count = 1 + (uint32_t)below(least(item->page_count, RESULT_PAGES));
    uint32_t first = (uint32_t)below(item->page_count - count + 1);
    if (prepare(room, lane, item)) look_at_pages(room, lane, item, first, count);
}

void item_look_by_engine(struct room *room, struct item *item)
{
    struct lane *lane = &room->lanes[0];
    bool was_listed = item->residency;
    if (!prepare(room, lane, item)) return; /* over the budget */
    for (uint32_t first = 0; first < item->page_count; first += RESULT_PAGES)
        look_at_pages(room, lane, item, first, least(item->page_count - first, RESULT_PAGES));
    if (!was_listed) item_evict(room, item);
}

/* ---- tiles ---- */

static D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION map_tiles(const struct lane *lane, const struct item *item,
                                                          uint32_t tile, uint32_t first, uint32_t count)
{
    D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION op = {.OperationType = D3DDDI_UPDATEGPUVIRTUALADDRESS_MAP};
    op.Map.BaseAddress = lane->tiles + tile * PAGE_BYTES;
    op.Map.SizeInBytes = count * PAGE_BYTES;
    op.Map.hAllocation = item->handle;
    op.Map.AllocationOffsetInBytes = first * PAGE_BYTES;
    return op;
}

static D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION unmap_tiles(const struct lane *lane, uint32_t tile, uint32_t count)
{
    D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION op = {.OperationType = D3DDDI_UPDATEGPUVIRTUALADDRESS_UNMAP};
    op.Unmap.BaseAddress = lane->tiles + tile * PAGE_BYTES;
    op.Unmap.SizeInBytes = count * PAGE_BYTES;
    return op;
}

static D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION copy_tiles(const struct lane *lane, uint32_t to, uint32_t from,
                                                           uint32_t count)
{
    D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION op = {.OperationType = D3DDDI_UPDATEGPUVIRTUALADDRESS_COPY};
    op.Copy.SourceAddress = lane->tiles + from * PAGE_BYTES;
    op.Copy.DestAddress = lane->tiles + to * PAGE_BYTES;
    op.Copy.SizeInBytes = count * PAGE_BYTES;
    return op;
}

/* Behind what the lane has done so far, and before what it does from now on. */
static bool update(struct room *room, struct lane *lane, UINT count, D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION *ops)
{
    UINT64 value = ++lane->updated;
    D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMGPU signal = {.hContext = lane->context, .ObjectCount = 1};
    D3DKMT_UPDATEGPUVIRTUALADDRESS args = {.hDevice = room->device,
                                           .hContext = lane->context,
                                           .hFenceObject = lane->updates,
                                           .NumOperations = count,
                                           .Operations = ops,
                                           .FenceValue = value};
    signal.ObjectHandleArray = &lane->updates;
    signal.MonitoredFenceValueArray = &value;
    lane->updated++;
    return DID(room, CALL(room, SignalSynchronizationObjectFromGpu, &signal)) &&
           DID(room, CALL(room, UpdateGpuVirtualAddress, &args)) &&
           lane_follow(room, lane, lane->updates, lane->updated);
}

/* What an engine finds in the first half of the tiles: the item, its copy in another place, and zero in between. */
static void look_at_tiles(struct room *room, struct lane *lane, struct item *item)
{
    uint32_t count = 1 + (uint32_t)below(least(item->page_count, RESULT_PAGES / 2 - 1));
    uint32_t first = (uint32_t)below(item->page_count - count + 1);
    D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION ops[3] = {
        unmap_tiles(lane, 0, TILES),
        map_tiles(lane, item, 0, first, count),
        copy_tiles(lane, RESULT_PAGES / 2, 0, count),
    };
    uint64_t stamps[RESULT_PAGES];
    for (uint32_t i = 0; i < RESULT_PAGES; i++) stamps[i] = STAMP_ZERO;
    memcpy(stamps, &item->stamps[first], count * sizeof *stamps);
    memcpy(stamps + RESULT_PAGES / 2, &item->stamps[first], count * sizeof *stamps);
    if (!prepare(room, lane, item) || !update(room, lane, 3, ops)) return;
    void *slot = lane_slot(room, lane);
    if (!slot) return;
    struct udxg_soft_copy command = udxg_soft_copy_command(lane->result.va, lane->tiles, RESULT_PAGES * PAGE_BYTES);
    memcpy(slot, &command, sizeof command);
    if (!lane_submit(room, lane, sizeof command)) return;
    note_busy(room, lane, item);
    look_at_result(room, lane, item, stamps, RESULT_PAGES);
}

/* Fills what a tile shows. */
static void fill_tile(struct room *room, struct lane *lane, struct item *item)
{
    uint32_t first = (uint32_t)below(item->page_count), pattern = (uint32_t)random_next(&worker->random);
    uint32_t tile = RESULT_PAGES + (uint32_t)below(TILES - RESULT_PAGES);
    D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION op = map_tiles(lane, item, tile, first, 1);
    uint64_t stamp = stamp_of_fill(pattern);
    if (!prepare(room, lane, item) || !update(room, lane, 1, &op)) return;
    void *slot = lane_slot(room, lane);
    if (!slot) return;
    struct udxg_soft_fill command = udxg_soft_fill_command(lane->tiles + tile * PAGE_BYTES, PAGE_BYTES, pattern);
    memcpy(slot, &command, sizeof command);
    if (!lane_submit(room, lane, sizeof command)) return;
    note_written(item, first, 1, &stamp);
    note_busy(room, lane, item);
}

/* ---- the steps ---- */

static void with_one(struct room *room, void (*run)(struct room *, struct lane *, struct item *), bool updates)
{
    struct lane *lane = room_claim_lane(room);
    if (!lane) return;
    struct item *item = updates && lane->is_queue ? NULL : room_claim_item(room);
    if (item) {
        run(room, lane, item);
        room_release_item(room, item);
    }
    room_release_lane(room, lane);
}

static void fill_one(struct room *room)
{
    with_one(room, fill, false);
}

static void look_at_one(struct room *room)
{
    with_one(room, look, false);
}

static void use_tiles(struct room *room)
{
    with_one(room, one_in(2) ? look_at_tiles : fill_tile, true);
}

static void copy_one(struct room *room)
{
    struct lane *lane = room_claim_lane(room);
    if (!lane) return;
    struct item *from = room_claim_item(room), *to = room_claim_item(room);
    if (from && to) copy(room, lane, from, to);
    if (from) room_release_item(room, from);
    if (to) room_release_item(room, to);
    room_release_lane(room, lane);
}

/* It gets another address with the next work. */
static void free_address(struct room *room)
{
    struct item *item = room_claim_item(room);
    if (!item) return;
    D3DKMT_FREEGPUVIRTUALADDRESS args = {.hAdapter = room->process->adapter,
                                         .BaseAddress = item->va,
                                         .Size = item->page_count * PAGE_BYTES};
    if (item->va && item_settle(room, item) && DID(room, CALL(room, FreeGpuVirtualAddress, &args))) item->va = 0;
    room_release_item(room, item);
}

/* Nothing of the device is under way for a moment; in a shared room others go on. */
static void wait_for_idle(struct room *room)
{
    D3DKMT_WAITFORIDLE args = {.hDevice = room->device};
    if (!room->is_shared) DID(room, CALL(room, WaitForIdle, &args));
}

const struct step engine_steps[] = {
    {"fill", fill_one, 16},
    {"copy", copy_one, 16},
    {"look by an engine", look_at_one, 12},
    {"use tiles", use_tiles, 8},
    {"free an address", free_address, 3},
    {"wait for idle", wait_for_idle, 1},
    {0},
};
