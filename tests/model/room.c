/* SPDX-License-Identifier: MIT */
/* Rooms: their devices, and who works on what in them. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <udxg/soft.h>

#include "model.h"

#define TRIES 4u

/* ---- the device ---- */

static void create_objects(struct room *room)
{
    D3DKMT_CREATEDEVICE device = {.hAdapter = model.adapter};
    CHECK_STATUS(STATUS_SUCCESS, CALL(CreateDevice, &device));
    room->device = device.hDevice;
    D3DKMT_CREATEPAGINGQUEUE queue = {.hDevice = room->device, .Priority = D3DDDI_PAGINGQUEUE_PRIORITY_NORMAL};
    CHECK_STATUS(STATUS_SUCCESS, CALL(CreatePagingQueue, &queue));
    room->queue = queue.hPagingQueue;
    room->queue_value = queue.FenceValueCPUVirtualAddress;
    D3DKMT_CREATECONTEXTVIRTUAL context = {.hDevice = room->device};
    CHECK_STATUS(STATUS_SUCCESS, CALL(CreateContextVirtual, &context));
    room->context = context.hContext;
    D3DKMT_CREATESYNCHRONIZATIONOBJECT2 fence = {.hDevice = room->device};
    fence.Info.Type = D3DDDI_MONITORED_FENCE;
    CHECK_STATUS(STATUS_SUCCESS, CALL(CreateSynchronizationObject2, &fence));
    room->fence = fence.hSyncObject;
    room->fence_value = 0;
}

/* Locked and in system memory for good, so that it is in nobody's way. */
static void create_commands(struct room *room)
{
    struct item *commands = &room->commands;
    struct udxg_soft_allocation soft = {
        .magic = UDXG_SOFT_ALLOCATION_MAGIC,
        .version = UDXG_SOFT_VERSION,
        .size_bytes = PAGE_BYTES,
        .flags = UDXG_SOFT_CPU_VISIBLE | UDXG_SOFT_PERMANENT_SYSTEM,
    };
    D3DDDI_ALLOCATIONINFO2 info = {.pPrivateDriverData = &soft, .PrivateDriverDataSize = sizeof soft};
    D3DKMT_CREATEALLOCATION create = {.hDevice = room->device, .NumAllocations = 1, .pAllocationInfo2 = &info};
    CHECK_STATUS(STATUS_SUCCESS, CALL(CreateAllocation2, &create));
    *commands = (struct item){.handle = info.hAllocation, .size_bytes = PAGE_BYTES, .residency = 1};
    model_charge(PAGE_BYTES);
    item_lock(room, commands);
    D3DDDI_MAKERESIDENT resident = {.hPagingQueue = room->queue,
                                    .NumAllocations = 1,
                                    .AllocationList = &commands->handle};
    CHECK_STATUS(STATUS_SUCCESS, CALL(MakeResident, &resident));
    D3DDDI_MAPGPUVIRTUALADDRESS map = {.hPagingQueue = room->queue, .hAllocation = commands->handle, .SizeInPages = 1};
    CHECK_STATUS(STATUS_SUCCESS, CALL(MapGpuVirtualAddress, &map));
    commands->va = map.VirtualAddress;
}

void room_open(struct room *room)
{
    create_objects(room);
    create_commands(room);
}

void room_close(struct room *room)
{
    D3DKMT_DESTROYDEVICE destroy = {.hDevice = room->device};
    uint64_t bytes = room->commands.size_bytes;
    room_settle(room);
    CHECK_STATUS(STATUS_SUCCESS, CALL(DestroyDevice, &destroy));
    for (uint32_t i = 0; i < MAX_ITEMS; i++) {
        struct item *item = &room->items[i];
        if (!item->handle) continue;
        if (item->pages)
            munmap(item->pages, item->size_bytes);
        else
            bytes += item->size_bytes;
    }
    atomic_fetch_sub(&model.commit_bytes, bytes);
    memset(room->items, 0, sizeof room->items);
    memset(room->groups, 0, sizeof room->groups);
}

void model_charge(uint64_t bytes)
{
    uint64_t now = atomic_fetch_add(&model.commit_bytes, bytes) + bytes, peak = atomic_load(&model.peak_bytes);
    while (now > peak && !atomic_compare_exchange_weak(&model.peak_bytes, &peak, now)) continue;
}

void room_settle(struct room *room)
{
    uint64_t dying_bytes = atomic_exchange(&room->dying_bytes, 0);
    UINT64 value = ++room->fence_value;
    D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMGPU signal = {
        .hContext = room->context,
        .ObjectCount = 1,
        .ObjectHandleArray = &room->fence,
        .MonitoredFenceValueArray = &value,
    };
    CHECK_STATUS(STATUS_SUCCESS, CALL(SignalSynchronizationObjectFromGpu, &signal));
    D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMCPU wait = {.hDevice = room->device,
                                                       .ObjectCount = 1,
                                                       .ObjectHandleArray = &room->fence,
                                                       .FenceValueArray = &value};
    CHECK_STATUS(STATUS_SUCCESS, CALL(WaitForSynchronizationObjectFromCpu, &wait));
    atomic_fetch_sub(&model.commit_bytes, dying_bytes);
}

/* ---- claims ---- */

static bool is_free_item(const struct item *item)
{
    return !item->claimed && !(item->group && item->group->claimed);
}

static bool has_claimed_member(const struct room *room, const struct group *group)
{
    for (uint32_t i = 0; i < MAX_ITEMS; i++)
        if (room->items[i].group == group && room->items[i].claimed) return true;
    return false;
}

static struct item *claim_item(struct room *room, bool existing)
{
    struct item *found = NULL;
    pthread_mutex_lock(&room->mutex);
    for (unsigned i = 0; i < TRIES && !found; i++) {
        struct item *item = &room->items[random_below(&worker->random, MAX_ITEMS)];
        if (is_free_item(item) && !item->handle == !existing) found = item;
    }
    if (found) found->claimed = true;
    pthread_mutex_unlock(&room->mutex);
    return found;
}

static struct group *claim_group(struct room *room, bool existing)
{
    struct group *found = NULL;
    pthread_mutex_lock(&room->mutex);
    for (unsigned i = 0; i < TRIES && !found; i++) {
        struct group *group = &room->groups[random_below(&worker->random, MAX_GROUPS)];
        if (!group->claimed && !group->handle == !existing && !has_claimed_member(room, group)) found = group;
    }
    if (found) found->claimed = true;
    pthread_mutex_unlock(&room->mutex);
    return found;
}

struct item *room_claim_item(struct room *room)
{
    return claim_item(room, true);
}

struct item *room_claim_item_place(struct room *room)
{
    return claim_item(room, false);
}

struct group *room_claim_group(struct room *room)
{
    return claim_group(room, true);
}

struct group *room_claim_group_place(struct room *room)
{
    return claim_group(room, false);
}

uint32_t room_claim_members(struct room *room, struct group *group, struct item **items)
{
    uint32_t count = 0;
    pthread_mutex_lock(&room->mutex);
    for (uint32_t i = 0; i < MAX_ITEMS; i++) {
        if (!room->items[i].handle || room->items[i].group != group) continue;
        room->items[i].claimed = true;
        items[count++] = &room->items[i];
    }
    pthread_mutex_unlock(&room->mutex);
    return count;
}

void room_release_item(struct room *room, struct item *item)
{
    pthread_mutex_lock(&room->mutex);
    item->claimed = false;
    pthread_mutex_unlock(&room->mutex);
}

void room_store_item(struct room *room, struct item *place, const struct item *new)
{
    pthread_mutex_lock(&room->mutex);
    *place = new ? *new : (struct item){0};
    place->claimed = false;
    pthread_mutex_unlock(&room->mutex);
}

void room_release_group(struct room *room, struct group *group)
{
    pthread_mutex_lock(&room->mutex);
    group->claimed = false;
    pthread_mutex_unlock(&room->mutex);
}

bool room_claim_engine(struct room *room)
{
    bool claimed;
    pthread_mutex_lock(&room->mutex);
    claimed = !room->engine_claimed;
    room->engine_claimed = true;
    pthread_mutex_unlock(&room->mutex);
    return claimed;
}

void room_release_engine(struct room *room)
{
    pthread_mutex_lock(&room->mutex);
    room->engine_claimed = false;
    pthread_mutex_unlock(&room->mutex);
}
