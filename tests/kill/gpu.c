/* SPDX-License-Identifier: MIT */
/* See gpu.h. */
#include "gpu.h"

#include <string.h>
#include <time.h>

#define COMMAND_BYTES 65536u

/* Hands a failure on. */
#define TRY(call)                                                                                                      \
    do {                                                                                                               \
        NTSTATUS status_ = (call);                                                                                     \
        if (status_ != STATUS_SUCCESS) return status_;                                                                 \
    } while (0)

uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* splitmix64 */
uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

void fill_contents(void *to, uint64_t bytes, uint64_t seed)
{
    uint64_t *words = to;

    for (uint64_t i = 0; i < bytes / 8; i++) words[i] = next_random(&seed);
}

bool are_contents(const void *bytes, uint64_t count, uint64_t seed)
{
    const uint64_t *words = bytes;

    for (uint64_t i = 0; i < count / 8; i++)
        if (words[i] != next_random(&seed)) return false;
    return true;
}

/* ---- a device and what it needs ---- */

NTSTATUS gpu_find(unsigned index, D3DKMT_HANDLE *ret_adapter)
{
    D3DKMT_ADAPTERINFO info[16];
    D3DKMT_ENUMADAPTERS2 args = {.NumAdapters = 16, .pAdapters = info};

    TRY(D3DKMTEnumAdapters2(&args));
    if (index >= args.NumAdapters) return STATUS_INVALID_PARAMETER;
    for (unsigned i = 0; i < args.NumAdapters; i++) {
        D3DKMT_CLOSEADAPTER close = {info[i].hAdapter};
        if (i != index) TRY(D3DKMTCloseAdapter(&close));
    }
    *ret_adapter = info[index].hAdapter;
    return STATUS_SUCCESS;
}

NTSTATUS gpu_open(struct gpu *gpu, D3DKMT_HANDLE adapter)
{
    D3DKMT_CREATEDEVICE device = {.hAdapter = adapter};
    D3DKMT_CREATEPAGINGQUEUE queue = {0};
    D3DKMT_CREATECONTEXTVIRTUAL context = {0};
    void *bytes;

    memset(gpu, 0, sizeof *gpu);
    gpu->adapter = adapter;
    TRY(D3DKMTCreateDevice(&device));
    gpu->device = queue.hDevice = context.hDevice = device.hDevice;
    TRY(D3DKMTCreatePagingQueue(&queue));
    gpu->queue = queue.hPagingQueue;
    gpu->queue_fence = queue.hSyncObject;
    TRY(D3DKMTCreateContextVirtual(&context));
    gpu->context = context.hContext;
    TRY(gpu_fence(gpu->device, false, &gpu->fence, &gpu->value));
    TRY(gpu_create(gpu, COMMAND_BYTES, false, &gpu->commands));
    TRY(gpu_lock(gpu, &gpu->commands, &bytes));
    gpu->command_bytes = bytes;
    TRY(gpu_map(gpu, &gpu->commands));
    return gpu_list(gpu, &gpu->commands);
}

NTSTATUS gpu_close(struct gpu *gpu)
{
    D3DKMT_DESTROYDEVICE args = {gpu->device};

    return D3DKMTDestroyDevice(&args);
}

/* ---- memory ---- */

NTSTATUS gpu_create(struct gpu *gpu, uint64_t bytes, bool shared, struct buffer *ret_buffer)
{
    struct udxg_soft_allocation soft = {.magic = UDXG_SOFT_ALLOCATION_MAGIC,
                                        .version = UDXG_SOFT_VERSION,
                                        .size_bytes = bytes,
                                        .flags = UDXG_SOFT_CPU_VISIBLE};
    D3DDDI_ALLOCATIONINFO2 info = {.pPrivateDriverData = &soft, .PrivateDriverDataSize = sizeof soft};
    D3DKMT_CREATEALLOCATION args = {.hDevice = gpu->device, .NumAllocations = 1, .pAllocationInfo2 = &info};

    args.Flags.CreateResource = args.Flags.CreateShared = args.Flags.NtSecuritySharing = shared;
    TRY(D3DKMTCreateAllocation2(&args));
    *ret_buffer = (struct buffer){.resource = args.hResource, .allocation = info.hAllocation, .bytes = bytes};
    return STATUS_SUCCESS;
}

NTSTATUS gpu_destroy(struct gpu *gpu, struct buffer *buffer)
{
    D3DKMT_DESTROYALLOCATION2 args = {.hDevice = gpu->device, .hResource = buffer->resource};
    D3DKMT_FREEGPUVIRTUALADDRESS va = {.hAdapter = gpu->adapter, .BaseAddress = buffer->va, .Size = buffer->bytes};

    if (buffer->va) TRY(D3DKMTFreeGpuVirtualAddress(&va));
    if (!buffer->resource) {
        args.AllocationCount = 1;
        args.phAllocationList = &buffer->allocation;
    }
    return D3DKMTDestroyAllocation2(&args);
}

NTSTATUS gpu_lock(const struct gpu *gpu, const struct buffer *buffer, void **ret_bytes)
{
    D3DKMT_LOCK2 args = {.hDevice = gpu->device, .hAllocation = buffer->allocation};

    TRY(D3DKMTLock2(&args));
    *ret_bytes = args.pData;
    return STATUS_SUCCESS;
}

NTSTATUS gpu_unlock(const struct gpu *gpu, const struct buffer *buffer)
{
    D3DKMT_UNLOCK2 args = {.hDevice = gpu->device, .hAllocation = buffer->allocation};

    return D3DKMTUnlock2(&args);
}

NTSTATUS gpu_list(struct gpu *gpu, struct buffer *buffer)
{
    D3DDDI_MAKERESIDENT args = {.hPagingQueue = gpu->queue, .NumAllocations = 1, .AllocationList = &buffer->allocation};
    NTSTATUS status;

    args.Flags.CantTrimFurther = 1;
    status = D3DKMTMakeResident(&args);
    if (status != STATUS_SUCCESS && status != STATUS_PENDING) return status;
    buffer->listed++;
    return status == STATUS_PENDING ? gpu_wait(gpu->device, gpu->queue_fence, args.PagingFenceValue) : STATUS_SUCCESS;
}

NTSTATUS gpu_unlist(struct gpu *gpu, struct buffer *buffer)
{
    D3DKMT_EVICT args = {.hDevice = gpu->device, .NumAllocations = 1, .AllocationList = &buffer->allocation};

    if (buffer->listed == 0) return STATUS_SUCCESS;
    buffer->listed--;
    return D3DKMTEvict(&args);
}

NTSTATUS gpu_map(struct gpu *gpu, struct buffer *buffer)
{
    D3DDDI_MAPGPUVIRTUALADDRESS args = {.hPagingQueue = gpu->queue,
                                        .hAllocation = buffer->allocation,
                                        .SizeInPages = buffer->bytes / PAGE_BYTES};
    NTSTATUS status;

    args.Protection.Write = 1;
    status = D3DKMTMapGpuVirtualAddress(&args);
    if (status != STATUS_SUCCESS && status != STATUS_PENDING) return status;
    buffer->va = args.VirtualAddress;
    return status == STATUS_PENDING ? gpu_wait(gpu->device, gpu->queue_fence, args.PagingFenceValue) : STATUS_SUCCESS;
}

/* ---- work ---- */

NTSTATUS gpu_submit(struct gpu *gpu, const void *command, uint32_t bytes)
{
    D3DKMT_SUBMITCOMMAND args = {.CommandLength = bytes, .BroadcastContextCount = 1};

    if (gpu->command_used + bytes > COMMAND_BYTES) TRY(gpu_finish(gpu));
    memcpy(gpu->command_bytes + gpu->command_used, command, bytes);
    args.Commands = gpu->commands.va + gpu->command_used;
    args.BroadcastContext[0] = gpu->context;
    gpu->command_used += (bytes + 7) & ~7u;
    return D3DKMTSubmitCommand(&args);
}

NTSTATUS gpu_finish(struct gpu *gpu)
{
    uint64_t value = ++gpu->last;
    D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMGPU args = {.hContext = gpu->context,
                                                      .ObjectCount = 1,
                                                      .ObjectHandleArray = &gpu->fence,
                                                      .MonitoredFenceValueArray = &value};

    gpu->command_used = 0;
    TRY(D3DKMTSignalSynchronizationObjectFromGpu(&args));
    return gpu_wait(gpu->device, gpu->fence, value);
}

/* ---- fences ---- */

NTSTATUS gpu_fence(D3DKMT_HANDLE device, bool shared, D3DKMT_HANDLE *ret_fence, const volatile UINT64 **ret_value)
{
    D3DKMT_CREATESYNCHRONIZATIONOBJECT2 args = {.hDevice = device, .Info.Type = D3DDDI_MONITORED_FENCE};

    args.Info.Flags.Shared = args.Info.Flags.NtSecuritySharing = shared;
    TRY(D3DKMTCreateSynchronizationObject2(&args));
    *ret_fence = args.hSyncObject;
    *ret_value = args.Info.MonitoredFence.FenceValueCPUVirtualAddress;
    return STATUS_SUCCESS;
}

NTSTATUS gpu_close_fence(D3DKMT_HANDLE fence)
{
    D3DKMT_DESTROYSYNCHRONIZATIONOBJECT args = {fence};

    return D3DKMTDestroySynchronizationObject(&args);
}

NTSTATUS gpu_wait(D3DKMT_HANDLE device, D3DKMT_HANDLE fence, uint64_t value)
{
    D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMCPU args = {.hDevice = device,
                                                       .ObjectCount = 1,
                                                       .ObjectHandleArray = &fence,
                                                       .FenceValueArray = &value};

    return D3DKMTWaitForSynchronizationObjectFromCpu(&args);
}

NTSTATUS gpu_signal(D3DKMT_HANDLE device, D3DKMT_HANDLE fence, uint64_t value)
{
    D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMCPU args = {.hDevice = device,
                                                      .ObjectCount = 1,
                                                      .ObjectHandleArray = &fence,
                                                      .FenceValueArray = &value};

    return D3DKMTSignalSynchronizationObjectFromCpu(&args);
}

/* ---- sharing ---- */

NTSTATUS gpu_share(D3DKMT_HANDLE object, uint32_t access, int *ret_fd)
{
    OBJECT_ATTRIBUTES attributes = {.Length = sizeof attributes};
    HANDLE handle = NULL;

    TRY(D3DKMTShareObjects(1, &object, &attributes, access, &handle));
    *ret_fd = (int)(intptr_t)handle;
    return STATUS_SUCCESS;
}

NTSTATUS gpu_open_resource(const struct gpu *gpu, int nt_fd, uint64_t bytes, struct buffer *ret_buffer)
{
    struct udxg_soft_resource resource_data;
    unsigned char total[256], runtime[64];
    D3DDDI_OPENALLOCATIONINFO2 info = {0};
    D3DKMT_QUERYRESOURCEINFOFROMNTHANDLE query = {.hDevice = gpu->device, .hNtHandle = (HANDLE)(intptr_t)nt_fd};
    D3DKMT_OPENRESOURCEFROMNTHANDLE args = {.hDevice = gpu->device,
                                            .hNtHandle = (HANDLE)(intptr_t)nt_fd,
                                            .NumAllocations = 1,
                                            .pOpenAllocationInfo2 = &info,
                                            .TotalPrivateDriverDataBufferSize = sizeof total,
                                            .pTotalPrivateDriverDataBuffer = total,
                                            .pResourcePrivateDriverData = &resource_data,
                                            .pPrivateRuntimeData = runtime};

    TRY(D3DKMTQueryResourceInfoFromNtHandle(&query));
    args.ResourcePrivateDriverDataSize = query.ResourcePrivateDriverDataSize;
    args.PrivateRuntimeDataSize = query.PrivateRuntimeDataSize;
    TRY(D3DKMTOpenResourceFromNtHandle(&args));
    *ret_buffer = (struct buffer){.resource = args.hResource, .allocation = info.hAllocation, .bytes = bytes};
    return STATUS_SUCCESS;
}

NTSTATUS gpu_open_fence(D3DKMT_HANDLE device, int nt_fd, D3DKMT_HANDLE *ret_fence, const volatile UINT64 **ret_value)
{
    D3DKMT_OPENSYNCOBJECTFROMNTHANDLE2 args = {.hNtHandle = (HANDLE)(intptr_t)nt_fd, .hDevice = device};

    TRY(D3DKMTOpenSyncObjectFromNtHandle2(&args));
    *ret_fence = args.hSyncObject;
    *ret_value = args.MonitoredFence.FenceValueCPUVirtualAddress;
    return STATUS_SUCCESS;
}
