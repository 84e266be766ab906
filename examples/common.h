/* SPDX-License-Identifier: MIT */
/*
 * What the examples share: a GPU from adapter to context, memory brought where the GPU reaches it, and commands
 * run to their end. Every call is checked; one that fails ends the program.
 */
#ifndef EXAMPLES_COMMON_H
#define EXAMPLES_COMMON_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <wsl/winadapter.h>
#include <dxg/d3dkmthk.h>

#define CHECK(call) check((call), #call)

struct gpu {
    D3DKMT_HANDLE adapter, device, paging_queue, paging_fence, context, fence;
    uint64_t fence_value;
};

static inline void check(NTSTATUS status, const char *call)
{
    if (status == STATUS_SUCCESS) return;
    fprintf(stderr, "error: %s -> 0x%08X\n", call, (unsigned)status);
    exit(EXIT_FAILURE);
}

/* "1.5 MiB", in one of two buffers, so that one line can show two sizes. */
static inline const char *size_text(uint64_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    static char texts[2][32];
    static int turn;
    double size = (double)bytes;
    int unit = 0;
    for (; size >= 1024 && unit < 4; unit++) size /= 1024;
    turn = !turn;
    snprintf(texts[turn], sizeof(texts[turn]), "%.*f %s", size == (double)(uint64_t)size ? 0 : 1, size, units[unit]);
    return texts[turn];
}

static inline void describe_adapter(D3DKMT_HANDLE adapter, char *text, size_t text_bytes)
{
    static D3DKMT_DRIVER_DESCRIPTION description;
    D3DKMT_QUERYADAPTERINFO query = {.hAdapter = adapter, .Type = KMTQAITYPE_DRIVER_DESCRIPTION};
    query.pPrivateDriverData = &description;
    query.PrivateDriverDataSize = sizeof(description);
    CHECK(D3DKMTQueryAdapterInfo(&query));
    size_t i = 0;
    for (; i + 1 < text_bytes && description.DriverDescription[i]; i++) {
        WCHAR letter = description.DriverDescription[i];
        text[i] = letter < 0x80 ? (char)letter : '?';
    }
    text[i] = 0;
}

/* The first adapter with WANTED in its description; the others are closed. */
static inline D3DKMT_HANDLE open_adapter(const char *wanted)
{
    D3DKMT_ADAPTERINFO infos[64];
    D3DKMT_ENUMADAPTERS2 adapters = {.NumAdapters = 64, .pAdapters = infos};
    D3DKMT_HANDLE found = 0;
    CHECK(D3DKMTEnumAdapters2(&adapters));
    for (ULONG i = 0; i < adapters.NumAdapters; i++) {
        char text[128];
        describe_adapter(infos[i].hAdapter, text, sizeof(text));
        if (!found && strstr(text, wanted)) {
            found = infos[i].hAdapter;
            printf("adapter        %s, LUID %d:%u\n", text, (int)infos[i].AdapterLuid.HighPart,
                   (unsigned)infos[i].AdapterLuid.LowPart);
            continue;
        }
        D3DKMT_CLOSEADAPTER close = {.hAdapter = infos[i].hAdapter};
        CHECK(D3DKMTCloseAdapter(&close));
    }
    if (found) return found;
    fprintf(stderr, "error: no adapter has \"%s\" in its description\n", wanted);
    exit(EXIT_FAILURE);
}

static inline struct gpu open_gpu(const char *wanted)
{
    struct gpu gpu = {.adapter = open_adapter(wanted)};
    D3DKMT_CREATEDEVICE device = {.hAdapter = gpu.adapter};
    CHECK(D3DKMTCreateDevice(&device));
    gpu.device = device.hDevice;

    D3DKMT_CREATEPAGINGQUEUE queue = {.hDevice = gpu.device, .Priority = D3DDDI_PAGINGQUEUE_PRIORITY_NORMAL};
    CHECK(D3DKMTCreatePagingQueue(&queue));
    gpu.paging_queue = queue.hPagingQueue;
    gpu.paging_fence = queue.hSyncObject;

    D3DKMT_CREATECONTEXTVIRTUAL context = {.hDevice = gpu.device, .NodeOrdinal = 0};
    CHECK(D3DKMTCreateContextVirtual(&context));
    gpu.context = context.hContext;

    D3DKMT_CREATESYNCHRONIZATIONOBJECT2 fence = {.hDevice = gpu.device};
    fence.Info.Type = D3DDDI_MONITORED_FENCE;
    CHECK(D3DKMTCreateSynchronizationObject2(&fence));
    gpu.fence = fence.hSyncObject;
    return gpu;
}

static inline void close_gpu(const struct gpu *gpu)
{
    D3DKMT_DESTROYSYNCHRONIZATIONOBJECT fence = {.hSyncObject = gpu->fence};
    D3DKMT_DESTROYCONTEXT context = {.hContext = gpu->context};
    D3DDDI_DESTROYPAGINGQUEUE queue = {.hPagingQueue = gpu->paging_queue};
    D3DKMT_DESTROYDEVICE device = {.hDevice = gpu->device};
    D3DKMT_CLOSEADAPTER adapter = {.hAdapter = gpu->adapter};
    CHECK(D3DKMTDestroySynchronizationObject(&fence));
    CHECK(D3DKMTDestroyContext(&context));
    CHECK(D3DKMTDestroyPagingQueue(&queue));
    CHECK(D3DKMTDestroyDevice(&device));
    CHECK(D3DKMTCloseAdapter(&adapter));
}

static inline void wait_for_fence(const struct gpu *gpu, D3DKMT_HANDLE fence, uint64_t value)
{
    D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMCPU wait = {.hDevice = gpu->device, .ObjectCount = 1};
    wait.ObjectHandleArray = &fence;
    wait.FenceValueArray = &value;
    CHECK(D3DKMTWaitForSynchronizationObjectFromCpu(&wait));
}

/* Makes an allocation resident and gives it a GPU address. Both may be queued: their paging fence tells. */
static inline D3DGPU_VIRTUAL_ADDRESS give_to_gpu(const struct gpu *gpu, D3DKMT_HANDLE allocation, uint64_t size_bytes)
{
    D3DDDI_MAKERESIDENT resident = {.hPagingQueue = gpu->paging_queue, .NumAllocations = 1};
    resident.AllocationList = &allocation;
    NTSTATUS status = D3DKMTMakeResident(&resident);
    if (status == STATUS_PENDING)
        wait_for_fence(gpu, gpu->paging_fence, resident.PagingFenceValue);
    else
        check(status, "D3DKMTMakeResident");

    D3DDDI_MAPGPUVIRTUALADDRESS map = {.hPagingQueue = gpu->paging_queue, .hAllocation = allocation};
    map.SizeInPages = (size_bytes + 4095) / 4096;
    map.Protection.Write = 1;
    status = D3DKMTMapGpuVirtualAddress(&map);
    if (status == STATUS_PENDING)
        wait_for_fence(gpu, gpu->paging_fence, map.PagingFenceValue);
    else
        check(status, "D3DKMTMapGpuVirtualAddress");
    return map.VirtualAddress;
}

/* Runs the commands at a GPU address and waits for their end. */
static inline void run_commands(struct gpu *gpu, D3DGPU_VIRTUAL_ADDRESS commands, UINT commands_bytes)
{
    D3DKMT_SUBMITCOMMAND submit = {.Commands = commands, .CommandLength = commands_bytes, .BroadcastContextCount = 1};
    submit.BroadcastContext[0] = gpu->context;
    CHECK(D3DKMTSubmitCommand(&submit));

    uint64_t value = ++gpu->fence_value;
    D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMGPU signal = {.hContext = gpu->context, .ObjectCount = 1};
    signal.ObjectHandleArray = &gpu->fence;
    signal.MonitoredFenceValueArray = &value;
    CHECK(D3DKMTSignalSynchronizationObjectFromGpu(&signal));
    wait_for_fence(gpu, gpu->fence, value);

    D3DKMT_GETDEVICESTATE state = {.hDevice = gpu->device, .StateType = D3DKMT_DEVICESTATE_EXECUTION};
    CHECK(D3DKMTGetDeviceState(&state));
    if (state.ExecutionState == D3DKMT_DEVICEEXECUTION_ACTIVE) return;
    fprintf(stderr, "error: the device is in error, execution state %d\n", (int)state.ExecutionState);
    exit(EXIT_FAILURE);
}

static inline void *lock(const struct gpu *gpu, D3DKMT_HANDLE allocation)
{
    D3DKMT_LOCK2 lock = {.hDevice = gpu->device, .hAllocation = allocation};
    CHECK(D3DKMTLock2(&lock));
    return lock.pData;
}

static inline void unlock(const struct gpu *gpu, D3DKMT_HANDLE allocation)
{
    D3DKMT_UNLOCK2 unlock = {.hDevice = gpu->device, .hAllocation = allocation};
    CHECK(D3DKMTUnlock2(&unlock));
}

static inline void print_residency(const struct gpu *gpu, D3DKMT_HANDLE allocation)
{
    static const char *const places[] = {"?", "in the GPU's memory", "in shared system memory", "not resident"};
    D3DKMT_ALLOCATIONRESIDENCYSTATUS place = D3DKMT_ALLOCATIONRESIDENCYSTATUS_NOTRESIDENT;
    D3DKMT_QUERYALLOCATIONRESIDENCY query = {.hDevice = gpu->device, .AllocationCount = 1};
    query.phAllocationList = &allocation;
    query.pResidencyStatus = &place;
    CHECK(D3DKMTQueryAllocationResidency(&query));
    printf("residency      %s\n", places[place <= D3DKMT_ALLOCATIONRESIDENCYSTATUS_NOTRESIDENT ? place : 0]);
}

static inline void print_budget(const struct gpu *gpu, const char *name, D3DKMT_MEMORY_SEGMENT_GROUP group)
{
    D3DKMT_QUERYVIDEOMEMORYINFO query = {.hAdapter = gpu->adapter, .MemorySegmentGroup = group};
    CHECK(D3DKMTQueryVideoMemoryInfo(&query));
    printf("%-15s%s used of a budget of %s\n", name, size_text(query.CurrentUsage), size_text(query.Budget));
}

#endif
