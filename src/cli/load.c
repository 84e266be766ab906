/* SPDX-License-Identifier: MIT */
/*
 * The load behind `udxg info --map --load`. It speaks the public calls only. Sizes are log-uniform between 1/512
 * and 1/16 of local memory, from a fixed seed: the same picture each time.
 */
#include "cli/load.h"

#include <stdlib.h>

#include <udxg/soft.h>

#include "base/status.h"

#define DEVICES 4u
#define ROOM 512u /* allocations of one device */
#define LARGEST_SHIFT 4u
#define SMALLEST_SHIFT 9u

struct client {
    D3DKMT_HANDLE device, queue, fence;
    uint32_t count;
    D3DKMT_HANDLE allocations[ROOM];
};

struct load {
    uint64_t local_bytes;
    uint32_t random;
    struct client clients[DEVICES];
};

static uint32_t next_random(struct load *load)
{
    load->random = load->random * 1664525u + 1013904223u;
    return load->random >> 8;
}

static uint64_t next_size(struct load *load)
{
    uint64_t base = load->local_bytes >> (LARGEST_SHIFT + 1 + next_random(load) % (SMALLEST_SHIFT - LARGEST_SHIFT));
    return base + next_random(load) % 64 * (base / 64);
}

static NTSTATUS open_client(D3DKMT_HANDLE adapter, struct client *client)
{
    D3DKMT_CREATEDEVICE device = {.hAdapter = adapter};
    NTSTATUS status = D3DKMTCreateDevice(&device);
    if (udxg_failed(status)) return status;
    client->device = device.hDevice;
    D3DKMT_CREATEPAGINGQUEUE queue = {.hDevice = client->device, .Priority = D3DDDI_PAGINGQUEUE_PRIORITY_NORMAL};
    status = D3DKMTCreatePagingQueue(&queue);
    client->queue = queue.hPagingQueue;
    client->fence = queue.hSyncObject;
    return status;
}

static NTSTATUS create_one(struct client *client, uint64_t size_bytes)
{
    struct udxg_soft_allocation data = {UDXG_SOFT_ALLOCATION_MAGIC, UDXG_SOFT_VERSION, .size_bytes = size_bytes};
    data.preferred[0] = UDXG_SOFT_SEGMENT_LOCAL;
    D3DDDI_ALLOCATIONINFO2 info = {.pPrivateDriverData = &data, .PrivateDriverDataSize = sizeof(data)};
    D3DKMT_CREATEALLOCATION create = {.hDevice = client->device, .NumAllocations = 1, .pAllocationInfo2 = &info};
    NTSTATUS status = D3DKMTCreateAllocation2(&create);
    if (!udxg_failed(status)) client->allocations[client->count++] = info.hAllocation;
    return status;
}

static NTSTATUS create_all(struct load *load, struct client *client, uint64_t total_bytes)
{
    while (total_bytes && client->count < ROOM) {
        uint64_t size_bytes = next_size(load);
        if (size_bytes > total_bytes) size_bytes = total_bytes;
        NTSTATUS status = create_one(client, size_bytes);
        if (udxg_failed(status)) return status;
        total_bytes -= size_bytes;
    }
    return STATUS_SUCCESS;
}

static NTSTATUS make_resident(const struct client *client)
{
    D3DDDI_MAKERESIDENT resident = {.hPagingQueue = client->queue, .NumAllocations = client->count};
    resident.AllocationList = client->allocations;
    resident.Flags.CantTrimFurther = 1;
    NTSTATUS status = D3DKMTMakeResident(&resident);
    if (status != STATUS_PENDING) return status;
    D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMCPU wait = {.hDevice = client->device, .ObjectCount = 1};
    wait.ObjectHandleArray = &client->fence;
    wait.FenceValueArray = &resident.PagingFenceValue;
    return D3DKMTWaitForSynchronizationObjectFromCpu(&wait);
}

static NTSTATUS evict(const struct client *client)
{
    D3DKMT_EVICT evict = {.hDevice = client->device, .NumAllocations = client->count};
    evict.AllocationList = client->allocations;
    evict.Flags.EvictOnlyIfNecessary = 1;
    return D3DKMTEvict(&evict);
}

static NTSTATUS take_turns(struct load *load, uint32_t percent)
{
    for (uint32_t i = 0; i < DEVICES; i++) {
        NTSTATUS status = i && percent > 100 ? evict(&load->clients[i - 1]) : STATUS_SUCCESS;
        if (!udxg_failed(status)) status = make_resident(&load->clients[i]);
        if (udxg_failed(status)) return status;
    }
    return STATUS_SUCCESS;
}

static NTSTATUS run(struct load *load, D3DKMT_HANDLE adapter, uint32_t percent)
{
    for (uint32_t i = 0; i < DEVICES; i++) {
        NTSTATUS status = open_client(adapter, &load->clients[i]);
        if (!udxg_failed(status))
            status = create_all(load, &load->clients[i], load->local_bytes / 100 * percent / DEVICES);
        if (udxg_failed(status)) return status;
    }
    return take_turns(load, percent);
}

NTSTATUS udxg_load(const struct udxg_query_adapter *adapter, uint32_t percent)
{
    D3DKMT_OPENADAPTERFROMLUID open = {.AdapterLuid = adapter->luid};
    NTSTATUS status = D3DKMTOpenAdapterFromLuid(&open);
    if (udxg_failed(status)) return status;
    struct load *load = calloc(1, sizeof(*load));
    if (!load) return STATUS_NO_MEMORY;
    load->local_bytes = adapter->group_sizes.LocalMemory;
    load->random = 1;
    status = run(load, open.hAdapter, percent);
    free(load);
    return status;
}
