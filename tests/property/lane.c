/* SPDX-License-Identifier: MIT */
/*
 * Lanes: contexts and hardware queues, with memory for their commands. A lane signals a value after each submission;
 * the commands of one stay in its slot until SLOTS others came after it, and by then it has been waited for.
 */
#include <string.h>

#include <udxg/soft.h>

#include "property.h"

#define COMMAND_PAGES ((uint32_t)(SLOTS * SLOT_BYTES / PAGE_BYTES))
#define RESULT_PAGES 16u

/* ---- waiting ---- */

bool fence_wait(struct room *room, D3DKMT_HANDLE fence, uint64_t value)
{
    UINT64 wanted = value;
    D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMCPU wait = {.hDevice = room->device,
                                                       .ObjectCount = 1,
                                                       .ObjectHandleArray = &fence,
                                                       .FenceValueArray = &wanted};
    uint64_t begin = now_ns();
    udxg_status status = CALL(room, WaitForSynchronizationObjectFromCpu, &wait);
    uint64_t took = now_ns() - begin;
    if (took > worker->longest_ns) worker->longest_ns = took;
    return DID(room, status);
}

bool lane_wait(struct room *room, struct lane *lane, uint64_t value)
{
    return fence_wait(room, lane->fence, value);
}

bool lane_follow(struct room *room, struct lane *lane, D3DKMT_HANDLE fence, uint64_t value)
{
    UINT64 wanted = value;
    D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMGPU wait = {.hContext = lane->context, .ObjectCount = 1};
    D3DKMT_SUBMITWAITFORSYNCOBJECTSTOHWQUEUE queued = {.hHwQueue = lane->queue, .ObjectCount = 1};
    if (lane->is_queue) {
        queued.ObjectHandleArray = &fence;
        queued.FenceValueArray = &wanted;
        return DID(room, CALL(room, SubmitWaitForSyncObjectsToHwQueue, &queued));
    }
    wait.ObjectHandleArray = &fence;
    wait.MonitoredFenceValueArray = &wanted;
    return DID(room, CALL(room, WaitForSynchronizationObjectFromGpu, &wait));
}

/* ---- submitting ---- */

void *lane_slot(struct room *room, struct lane *lane)
{
    uint64_t next = lane->next + 1;
    if (next > SLOTS && !lane_wait(room, lane, next - SLOTS)) return NULL;
    return lane->commands.address + next % SLOTS * SLOT_BYTES;
}

static bool submit_to_queue(struct room *room, const struct lane *lane, D3DGPU_VIRTUAL_ADDRESS va, uint32_t size_bytes)
{
    D3DKMT_SUBMITCOMMANDTOHWQUEUE args = {.hHwQueue = lane->queue,
                                          .HwQueueProgressFenceId = lane->next,
                                          .CommandBuffer = va,
                                          .CommandLength = size_bytes};
    return DID(room, CALL(room, SubmitCommandToHwQueue, &args));
}

static bool submit_to_context(struct room *room, const struct lane *lane, D3DGPU_VIRTUAL_ADDRESS va,
                              uint32_t size_bytes)
{
    UINT64 value = lane->next;
    D3DKMT_SUBMITCOMMAND args = {.Commands = va, .CommandLength = size_bytes, .BroadcastContextCount = 1};
    D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMGPU signal = {.hContext = lane->context,
                                                        .ObjectCount = 1,
                                                        .ObjectHandleArray = &lane->fence,
                                                        .MonitoredFenceValueArray = &value};
    args.BroadcastContext[0] = lane->context;
    return DID(room, CALL(room, SubmitCommand, &args)) &&
           DID(room, CALL(room, SignalSynchronizationObjectFromGpu, &signal));
}

bool lane_submit(struct room *room, struct lane *lane, uint32_t size_bytes)
{
    D3DGPU_VIRTUAL_ADDRESS va = lane->commands.va + ++lane->next % SLOTS * SLOT_BYTES;
    CHECK(size_bytes <= SLOT_BYTES);
    worker->submitted++;
    return lane->is_queue ? submit_to_queue(room, lane, va, size_bytes) : submit_to_context(room, lane, va, size_bytes);
}

/* ---- opening ---- */

static bool create_fence(struct room *room, D3DKMT_HANDLE *ret_fence, const volatile UINT64 **ret_value)
{
    D3DKMT_CREATESYNCHRONIZATIONOBJECT2 fence = {.hDevice = room->device};
    fence.Info.Type = D3DDDI_MONITORED_FENCE;
    if (!DID(room, CALL(room, CreateSynchronizationObject2, &fence))) return false;
    *ret_fence = fence.hSyncObject;
    *ret_value = fence.Info.MonitoredFence.FenceValueCPUVirtualAddress;
    return true;
}

static bool create_queue(struct room *room, struct lane *lane)
{
    D3DKMT_CREATEHWQUEUE queue = {.hHwContext = lane->context};
    if (!DID(room, CALL(room, CreateHwQueue, &queue))) return false;
    lane->queue = queue.hHwQueue;
    lane->fence = queue.hHwQueueProgressFence;
    lane->fence_value = queue.HwQueueProgressFenceCPUVirtualAddress;
    return true;
}

/* In system memory for good, so that it is in nobody's way. */
static bool create_fixed(struct room *room, struct item *item, uint32_t page_count)
{
    struct udxg_soft_allocation soft = {
        .magic = UDXG_SOFT_ALLOCATION_MAGIC,
        .version = UDXG_SOFT_VERSION,
        .size_bytes = page_count * PAGE_BYTES,
        .flags = UDXG_SOFT_CPU_VISIBLE | UDXG_SOFT_PERMANENT_SYSTEM,
    };
    D3DDDI_ALLOCATIONINFO2 info = {.pPrivateDriverData = &soft, .PrivateDriverDataSize = sizeof soft};
    D3DKMT_CREATEALLOCATION create = {.hDevice = room->device, .NumAllocations = 1, .pAllocationInfo2 = &info};
    D3DDDI_MAKERESIDENT resident = {.hPagingQueue = room->pagings[0].queue, .NumAllocations = 1};
    D3DDDI_MAPGPUVIRTUALADDRESS map = {.hPagingQueue = room->pagings[0].queue, .SizeInPages = page_count};
    if (!DID(room, CALL(room, CreateAllocation2, &create))) return false;
    world_charge(page_count * PAGE_BYTES);
    *item = (struct item){.handle = info.hAllocation, .visible = true, .page_count = page_count, .residency = 1};
    resident.AllocationList = &item->handle;
    resident.Flags.CantTrimFurther = 1;
    map.hAllocation = item->handle;
    map.Protection.Write = 1;
    if (!item_lock(room, item)) return false;
    udxg_status status = CALL(room, MakeResident, &resident);
    if (!IS(resident.PagingFenceValue ? STATUS_PENDING : STATUS_SUCCESS, room, status)) return false;
    if (!DID(room, CALL(room, MapGpuVirtualAddress, &map))) return false;
    item->va = map.VirtualAddress;
    return true;
}

/* Updates belong to contexts. */
static bool create_tiles(struct room *room, struct lane *lane)
{
    const volatile UINT64 *value;
    D3DDDI_RESERVEGPUVIRTUALADDRESS reserve = {.hPagingQueue = room->pagings[0].queue,
                                               .Size = TILES * PAGE_BYTES,
                                               .ReservationType = D3DDDIGPUVIRTUALADDRESS_RESERVE_ZERO};
    if (!create_fence(room, &lane->updates, &value)) return false;
    if (!DID(room, CALL(room, ReserveGpuVirtualAddress, &reserve))) return false;
    lane->tiles = reserve.VirtualAddress;
    return true;
}

/* Two contexts, on different nodes where there are two, and a hardware queue. */
bool lane_open(struct room *room, struct lane *lane, unsigned index)
{
    D3DKMT_CREATECONTEXTVIRTUAL context = {.hDevice = room->device,
                                           .NodeOrdinal = index % world.adapter->caps.node_count};
    *lane = (struct lane){.is_queue = index == LANES - 1};
    context.Flags.HwQueueSupported = lane->is_queue;
    if (!DID(room, CALL(room, CreateContextVirtual, &context))) return false;
    lane->context = context.hContext;
    if (!create_fixed(room, &lane->commands, COMMAND_PAGES)) return false;
    if (!create_fixed(room, &lane->result, RESULT_PAGES)) return false;
    if (lane->is_queue) return create_queue(room, lane);
    return create_fence(room, &lane->fence, &lane->fence_value) && create_tiles(room, lane);
}
