/* SPDX-License-Identifier: MIT */
/* Rooms: their devices, and who works on what in them. */
#include <string.h>
#include <sys/mman.h>

#include "property.h"

#define TRIES 4u

/* ---- the device ---- */

/* The kernel asks for a trim; the next steps in the room see to it. On a thread of the kernel. */
static void APIENTRY on_trim(D3DKMT_TRIMNOTIFICATION *notification)
{
    struct room *room = notification->Context;
    if (!notification->Flags.TrimToBudget) return;
    atomic_store(&room->trim_bytes, notification->NumBytesToTrim);
    atomic_fetch_add(&world.trims, 1);
}

static bool listen_for_trims(struct room *room)
{
    D3DKMT_REGISTERTRIMNOTIFICATION args = {.AdapterLuid = world.adapter->luid,
                                            .hDevice = room->device,
                                            .Callback = on_trim,
                                            .Context = room};
    return DID(room, CALL(room, RegisterTrimNotification, &args));
}

static bool create_pagings(struct room *room)
{
    for (unsigned i = 0; i < QUEUES; i++) {
        D3DKMT_CREATEPAGINGQUEUE queue = {
            .hDevice = room->device,
            .Priority = (D3DDDI_PAGINGQUEUE_PRIORITY)(D3DDDI_PAGINGQUEUE_PRIORITY_BELOW_NORMAL + (int)i),
        };
        if (!DID(room, CALL(room, CreatePagingQueue, &queue))) return false;
        room->pagings[i] = (struct paging){queue.hPagingQueue, queue.hSyncObject, queue.FenceValueCPUVirtualAddress};
    }
    return true;
}

static bool create_objects(struct room *room)
{
    D3DKMT_CREATEDEVICE device = {.hAdapter = room->process->adapter};
    if (!DID(room, CALL(room, CreateDevice, &device))) return false;
    room->device = device.hDevice;
    if (!create_pagings(room)) return false;
    for (unsigned i = 0; i < LANES; i++)
        if (!lane_open(room, &room->lanes[i], i)) return false;
    return listen_for_trims(room);
}

bool room_open(struct room *room)
{
    atomic_store(&room->lost, false);
    room->is_open = create_objects(room);
    if (!room->is_open) room_close(room);
    return room->is_open;
}

/* What of it is charged goes with the device. */
static uint64_t forget_item(struct item *item)
{
    uint64_t bytes = item->handle && !item->pages && item->offer != OFFER_GONE ? item->page_count * PAGE_BYTES : 0;
    if (item->pages) munmap(item->pages, item->page_count * PAGE_BYTES);
    *item = (struct item){0};
    return bytes;
}

/* An address of the process outlives the device. */
static void free_tiles(struct room *room, const struct lane *lane)
{
    D3DKMT_FREEGPUVIRTUALADDRESS args = {.hAdapter = room->process->adapter,
                                         .BaseAddress = lane->tiles,
                                         .Size = TILES * PAGE_BYTES};
    if (lane->tiles) DID(room, CALL(room, FreeGpuVirtualAddress, &args));
}

void room_close(struct room *room)
{
    D3DKMT_DESTROYDEVICE destroy = {.hDevice = room->device};
    uint64_t bytes = atomic_exchange(&room->dying_bytes, 0);
    if (room->device && CALL(room, DestroyDevice, &destroy) != STATUS_SUCCESS) fail("a device does not go");
    for (unsigned i = 0; i < LANES; i++) {
        free_tiles(room, &room->lanes[i]);
        bytes += forget_item(&room->lanes[i].commands) + forget_item(&room->lanes[i].result);
        room->lanes[i] = (struct lane){0};
    }
    for (unsigned i = 0; i < MAX_ITEMS; i++) bytes += forget_item(&room->items[i]);
    atomic_fetch_sub(&world.commit_bytes, bytes);
    atomic_store(&room->listed_bytes, 0);
    room->device = 0;
    room->is_open = false;
}

bool room_is_alive(struct room *room)
{
    D3DKMT_GETDEVICESTATE state = {.hDevice = room->device, .StateType = D3DKMT_DEVICESTATE_EXECUTION};
    udxg_status status = CALL(room, GetDeviceState, &state);
    if (status == STATUS_SUCCESS && state.ExecutionState == D3DKMT_DEVICEEXECUTION_ACTIVE) return true;
    if (!atomic_load(&world.loss)) fail("a device is in state %u, %s", state.ExecutionState, udxg_status_name(status));
    atomic_store(&room->lost, true);
    return false;
}

void world_charge(uint64_t bytes)
{
    uint64_t now = atomic_fetch_add(&world.commit_bytes, bytes) + bytes, peak = atomic_load(&world.peak_bytes);
    while (now > peak && !atomic_compare_exchange_weak(&world.peak_bytes, &peak, now)) continue;
}

/* ---- claims ---- */

enum wanted { WANTED_PLACE, WANTED_ITEM, WANTED_OFFERED };

static bool is_wanted(const struct item *item, enum wanted wanted)
{
    if (item->claimed) return false;
    if (wanted == WANTED_PLACE) return !item->handle;
    return item->handle && (item->offer != OFFER_NONE) == (wanted == WANTED_OFFERED);
}

static struct item *claim(struct room *room, enum wanted wanted)
{
    struct item *found = NULL;
    pthread_mutex_lock(&room->mutex);
    for (unsigned i = 0; i < TRIES && !found; i++) {
        struct item *item = &room->items[below(MAX_ITEMS)];
        if (is_wanted(item, wanted)) found = item;
    }
    if (found) found->claimed = true;
    pthread_mutex_unlock(&room->mutex);
    return found;
}

struct item *room_claim_item(struct room *room)
{
    return claim(room, WANTED_ITEM);
}

struct item *room_claim_offered(struct room *room)
{
    return claim(room, WANTED_OFFERED);
}

struct item *room_claim_place(struct room *room)
{
    return claim(room, WANTED_PLACE);
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
    if (new)
        *place = *new;
    else
        *place = (struct item){0};
    place->claimed = false;
    pthread_mutex_unlock(&room->mutex);
}

struct lane *room_claim_lane(struct room *room)
{
    struct lane *lane = &room->lanes[below(LANES)];
    pthread_mutex_lock(&room->mutex);
    if (lane->claimed)
        lane = NULL;
    else
        lane->claimed = true;
    pthread_mutex_unlock(&room->mutex);
    return lane;
}

void room_release_lane(struct room *room, struct lane *lane)
{
    pthread_mutex_lock(&room->mutex);
    lane->claimed = false;
    pthread_mutex_unlock(&room->mutex);
}
