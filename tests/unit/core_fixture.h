/* SPDX-License-Identifier: MIT */
/*
 * A kernel of a test's own and processes on it, called through the dispatch like a client's. Every function ends
 * the running test when it fails.
 */
#ifndef UDXG_TEST_CORE_FIXTURE_H
#define UDXG_TEST_CORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <unistd.h>

#include <udxg/soft.h>

#include "core/dispatch.h"
#include "core/kernel.h"
#include "core/process.h"
#include "miniport/miniports.h"

#define CALL(process, name, args) udxg_dispatch(process, UDXG_THUNK_##name, args)
#define DO(process, name, args) assert_int_equal(CALL(process, name, args), STATUS_SUCCESS)

static inline struct udxg_kernel *make_kernel(const char *adapters)
{
    struct udxg_kernel *kernel;
    char error[256];
    udxg_status status = udxg_kernel_create(adapters, udxg_miniports, error, sizeof error, &kernel);

    if (udxg_failed(status)) fail_msg("%s", error);
    return kernel;
}

static inline struct udxg_process *make_process(struct udxg_kernel *kernel)
{
    struct udxg_process *process;

    assert_int_equal(udxg_process_create(kernel, NULL, &process), STATUS_SUCCESS);
    return process;
}

/* What one device has, on the first adapter. */
struct gpu {
    struct udxg_process *process;
    D3DKMT_HANDLE adapter, device, queue, queue_fence, context, fence;
    const volatile UINT64 *queue_value, *value;
    UINT64 fence_va;
};

static inline D3DKMT_HANDLE open_adapter(struct udxg_process *process)
{
    D3DKMT_ADAPTERINFO infos[16];
    D3DKMT_ENUMADAPTERS2 args = {.NumAdapters = 16, .pAdapters = infos};

    DO(process, EnumAdapters2, &args);
    return infos[0].hAdapter;
}

static inline D3DKMT_HANDLE create_context(const struct gpu *g, UINT node)
{
    D3DKMT_CREATECONTEXTVIRTUAL args = {.hDevice = g->device, .NodeOrdinal = node};

    DO(g->process, CreateContextVirtual, &args);
    return args.hContext;
}

static inline D3DKMT_HANDLE create_fence(const struct gpu *g, D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS flags,
                                         const volatile UINT64 **ret_value, UINT64 *ret_va)
{
    D3DKMT_CREATESYNCHRONIZATIONOBJECT2 args = {.hDevice = g->device};

    args.Info.Type = D3DDDI_MONITORED_FENCE;
    args.Info.Flags = flags;
    DO(g->process, CreateSynchronizationObject2, &args);
    if (ret_value) *ret_value = args.Info.MonitoredFence.FenceValueCPUVirtualAddress;
    if (ret_va) *ret_va = args.Info.MonitoredFence.FenceValueGPUVirtualAddress;
    return args.hSyncObject;
}

static inline struct gpu open_gpu(struct udxg_process *process)
{
    struct gpu g = {.process = process, .adapter = open_adapter(process)};
    D3DKMT_CREATEDEVICE device = {.hAdapter = g.adapter};
    D3DKMT_CREATEPAGINGQUEUE queue = {0};

    DO(process, CreateDevice, &device);
    queue.hDevice = g.device = device.hDevice;
    DO(process, CreatePagingQueue, &queue);
    g.queue = queue.hPagingQueue;
    g.queue_fence = queue.hSyncObject;
    g.queue_value = queue.FenceValueCPUVirtualAddress;
    g.context = create_context(&g, 0);
    g.fence = create_fence(&g, (D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS){.Value = 0}, &g.value, &g.fence_va);
    return g;
}

static inline void close_gpu(const struct gpu *g)
{
    D3DKMT_DESTROYDEVICE args = {g->device};

    DO(g->process, DestroyDevice, &args);
}

/* ---- memory ---- */

struct buffer {
    D3DKMT_HANDLE allocation, resource;
    UINT64 va;
};

static inline struct udxg_soft_allocation soft_data(UINT64 size_bytes)
{
    return (struct udxg_soft_allocation){
        .magic = UDXG_SOFT_ALLOCATION_MAGIC,
        .version = UDXG_SOFT_VERSION,
        .size_bytes = size_bytes,
        .flags = UDXG_SOFT_CPU_VISIBLE,
    };
}

/* One allocation, of its own or added to *RESOURCE, which 0 makes a new one; NULL: none. */
static inline udxg_status try_create(const struct gpu *g, UINT64 size_bytes, bool shared, D3DKMT_HANDLE *resource,
                                     D3DKMT_HANDLE *ret_allocation)
{
    struct udxg_soft_allocation soft = soft_data(size_bytes);
    D3DDDI_ALLOCATIONINFO2 info = {.pPrivateDriverData = &soft, .PrivateDriverDataSize = sizeof soft};
    D3DKMT_CREATEALLOCATION args = {.hDevice = g->device, .NumAllocations = 1, .pAllocationInfo2 = &info};
    udxg_status status;

    if (resource) args.hResource = *resource;
    args.Flags.CreateResource = resource && !*resource;
    args.Flags.CreateShared = args.Flags.NtSecuritySharing = shared;
    status = CALL(g->process, CreateAllocation2, &args);
    if (udxg_failed(status)) return status;
    if (resource) *resource = args.hResource;
    *ret_allocation = info.hAllocation;
    return status;
}

static inline void wait_cpu(const struct gpu *g, D3DKMT_HANDLE fence, UINT64 value)
{
    D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMCPU args = {.hDevice = g->device,
                                                       .ObjectCount = 1,
                                                       .ObjectHandleArray = &fence,
                                                       .FenceValueArray = &value};

    DO(g->process, WaitForSynchronizationObjectFromCpu, &args);
}

/* Makes it resident and maps it. */
static inline struct buffer map_buffer(const struct gpu *g, D3DKMT_HANDLE allocation, UINT64 size_bytes)
{
    struct buffer b = {.allocation = allocation};
    D3DDDI_MAKERESIDENT resident = {.hPagingQueue = g->queue, .NumAllocations = 1, .AllocationList = &b.allocation};
    D3DDDI_MAPGPUVIRTUALADDRESS map = {
        .hPagingQueue = g->queue, .SizeInPages = size_bytes / 4096, .hAllocation = allocation};
    udxg_status status;

    map.Protection.Write = 1;
    DO(g->process, MapGpuVirtualAddress, &map);
    b.va = map.VirtualAddress;
    status = CALL(g->process, MakeResident, &resident);
    assert_false(udxg_failed(status));
    if (status == STATUS_PENDING) wait_cpu(g, g->queue_fence, resident.PagingFenceValue);
    return b;
}

/* A new one, resident and mapped. */
static inline struct buffer make_buffer(const struct gpu *g, UINT64 size_bytes)
{
    D3DKMT_HANDLE allocation = 0;

    assert_int_equal(try_create(g, size_bytes, false, NULL, &allocation), STATUS_SUCCESS);
    return map_buffer(g, allocation, size_bytes);
}

static inline void *lock(const struct gpu *g, D3DKMT_HANDLE allocation)
{
    D3DKMT_LOCK2 args = {.hDevice = g->device, .hAllocation = allocation};

    DO(g->process, Lock2, &args);
    return args.pData;
}

static inline udxg_status evict(const struct gpu *g, D3DKMT_HANDLE allocation)
{
    D3DKMT_EVICT args = {.hDevice = g->device, .NumAllocations = 1, .AllocationList = &allocation};

    return CALL(g->process, Evict, &args);
}

static inline UINT64 usage(const struct gpu *g)
{
    D3DKMT_QUERYVIDEOMEMORYINFO args = {.hAdapter = g->adapter};

    DO(g->process, QueryVideoMemoryInfo, &args);
    return args.CurrentUsage;
}

/* ---- work ---- */

/* Puts a command into memory of its own and submits it. */
static inline void submit_to(const struct gpu *g, D3DKMT_HANDLE context, const void *command, UINT bytes)
{
    struct buffer commands = make_buffer(g, 4096);
    D3DKMT_SUBMITCOMMAND args = {.Commands = commands.va, .CommandLength = bytes, .BroadcastContextCount = 1};

    memcpy(lock(g, commands.allocation), command, bytes);
    args.BroadcastContext[0] = context;
    DO(g->process, SubmitCommand, &args);
}

static inline void submit(const struct gpu *g, const void *command, UINT bytes)
{
    submit_to(g, g->context, command, bytes);
}

/* A command that runs until the word at VA is not 0 any more. */
static inline void submit_spin(const struct gpu *g, UINT64 va)
{
    struct udxg_soft_wait wait = {
        .header = udxg_soft_header(UDXG_SOFT_OP_WAIT, sizeof wait),
        .va = va,
        .operand_bytes = 4,
        .compare = UDXG_SOFT_COMPARE_NOT_EQUAL,
    };

    submit(g, &wait, sizeof wait);
}

static inline udxg_status signal_cpu(const struct gpu *g, D3DKMT_HANDLE fence, UINT64 value)
{
    D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMCPU args = {.hDevice = g->device,
                                                      .ObjectCount = 1,
                                                      .ObjectHandleArray = &fence,
                                                      .FenceValueArray = &value};

    return CALL(g->process, SignalSynchronizationObjectFromCpu, &args);
}

static inline udxg_status signal_gpu(const struct gpu *g, D3DKMT_HANDLE context, D3DKMT_HANDLE fence, UINT64 value)
{
    D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMGPU args = {.hContext = context,
                                                      .ObjectCount = 1,
                                                      .ObjectHandleArray = &fence,
                                                      .MonitoredFenceValueArray = &value};

    return CALL(g->process, SignalSynchronizationObjectFromGpu, &args);
}

static inline udxg_status wait_gpu(const struct gpu *g, D3DKMT_HANDLE context, D3DKMT_HANDLE fence, UINT64 value)
{
    D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMGPU args = {.hContext = context,
                                                       .ObjectCount = 1,
                                                       .ObjectHandleArray = &fence,
                                                       .MonitoredFenceValueArray = &value};

    return CALL(g->process, WaitForSynchronizationObjectFromGpu, &args);
}

static inline void wait_idle(const struct gpu *g)
{
    D3DKMT_WAITFORIDLE args = {g->device};

    DO(g->process, WaitForIdle, &args);
}

static inline D3DKMT_DEVICEEXECUTION_STATE execution_state(const struct gpu *g)
{
    D3DKMT_GETDEVICESTATE args = {.hDevice = g->device, .StateType = D3DKMT_DEVICESTATE_EXECUTION};

    DO(g->process, GetDeviceState, &args);
    return args.ExecutionState;
}

/* ---- shared objects, errors ---- */

static inline D3DKMT_HANDLE open_sync(struct udxg_process *process, D3DKMT_HANDLE global)
{
    D3DKMT_OPENSYNCHRONIZATIONOBJECT args = {.hSharedHandle = global};

    DO(process, OpenSynchronizationObject, &args);
    return args.hSyncObject;
}

static inline void close_sync(struct udxg_process *process, D3DKMT_HANDLE handle)
{
    D3DKMT_DESTROYSYNCHRONIZATIONOBJECT args = {handle};

    DO(process, DestroySynchronizationObject, &args);
}

static inline void mark_as_error(const struct gpu *g)
{
    D3DKMT_MARKDEVICEASERROR args = {.hDevice = g->device};

    DO(g->process, MarkDeviceAsError, &args);
}

/* Whether the context gets past all that was queued in it. */
static inline bool passes(const struct gpu *g, int timeout_ms)
{
    const volatile UINT64 *value;
    D3DKMT_HANDLE fence = create_fence(g, (D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS){.Value = 0}, &value, NULL);

    assert_int_equal(signal_gpu(g, g->context, fence, 1), STATUS_SUCCESS);
    for (int i = 0; i < timeout_ms && !*value; i++) usleep(1000);
    return *value != 0;
}

#endif
