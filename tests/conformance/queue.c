/* SPDX-License-Identifier: MIT */
/* See queue.h. */
#include "queue.h"

D3DKMT_HANDLE create_hw_context(D3DKMT_HANDLE device, UINT node)
{
    D3DKMT_CREATEHWCONTEXT args = {0};
    args.hDevice = device;
    args.NodeOrdinal = node;
    require_success(D3DKMTCreateHwContext(&args));
    return args.hHwContext;
}

struct hw_queue create_hw_queue(D3DKMT_HANDLE context, UINT flags)
{
    D3DKMT_CREATEHWQUEUE args = {0};
    struct hw_queue queue;
    args.hHwContext = context;
    args.Flags.Value = flags;
    require_success(D3DKMTCreateHwQueue(&args));
    queue.handle = args.hHwQueue;
    queue.progress.handle = args.hHwQueueProgressFence;
    queue.progress.value = (const volatile UINT64 *)args.HwQueueProgressFenceCPUVirtualAddress;
    queue.progress.gpu_va = args.HwQueueProgressFenceGPUVirtualAddress;
    return queue;
}

struct gpu_buffer put_commands(const struct gpu *gpu, const void *data, UINT size_bytes)
{
    struct gpu_buffer commands = create_gpu_buffer(gpu, (size_bytes + PAGE_BYTES) / PAGE_BYTES * PAGE_BYTES);
    memcpy(lock(gpu->device, commands.allocation), data, size_bytes);
    require_success(unlock(gpu->device, commands.allocation));
    return commands;
}

NTSTATUS submit_to_queue(const struct gpu *gpu, D3DKMT_HANDLE queue, UINT64 progress, const void *data, UINT size_bytes)
{
    D3DKMT_SUBMITCOMMANDTOHWQUEUE args = {0};
    args.hHwQueue = queue;
    args.HwQueueProgressFenceId = progress;
    args.CommandBuffer = put_commands(gpu, data, size_bytes).va;
    args.CommandLength = size_bytes;
    return D3DKMTSubmitCommandToHwQueue(&args);
}

NTSTATUS queue_wait(D3DKMT_HANDLE queue, D3DKMT_HANDLE fence, UINT64 value)
{
    D3DKMT_SUBMITWAITFORSYNCOBJECTSTOHWQUEUE args = {0};
    args.hHwQueue = queue;
    args.ObjectCount = 1;
    args.ObjectHandleArray = &fence;
    args.FenceValueArray = &value;
    return D3DKMTSubmitWaitForSyncObjectsToHwQueue(&args);
}

NTSTATUS queue_signal(UINT count, const D3DKMT_HANDLE *queues, D3DKMT_HANDLE fence, UINT64 value)
{
    D3DKMT_SUBMITSIGNALSYNCOBJECTSTOHWQUEUE args = {0};
    args.BroadcastHwQueueCount = count;
    args.BroadcastHwQueueArray = queues;
    args.ObjectCount = 1;
    args.ObjectHandleArray = &fence;
    args.FenceValueArray = &value;
    return D3DKMTSubmitSignalSyncObjectsToHwQueue(&args);
}

void finish_queue(const struct gpu *gpu, const struct hw_queue *queue, UINT64 progress)
{
    require_success(wait_cpu(gpu->device, queue->progress.handle, progress, -1));
    require_true(*queue->progress.value >= progress);
}

struct udxg_soft_atomic_add ticket(UINT64 counter, UINT64 old)
{
    struct udxg_soft_atomic_add add;
    memset(&add, 0, sizeof(add));
    add.header = udxg_soft_header(UDXG_SOFT_OP_ATOMIC_ADD, sizeof(add));
    add.va = counter;
    add.value = 1;
    add.old_va = old;
    add.operand_bytes = 8;
    return add;
}

struct udxg_soft_wait hold(UINT64 va)
{
    struct udxg_soft_wait wait;
    memset(&wait, 0, sizeof(wait));
    wait.header = udxg_soft_header(UDXG_SOFT_OP_WAIT, sizeof(wait));
    wait.va = va;
    wait.operand_bytes = 8;
    wait.compare = UDXG_SOFT_COMPARE_NOT_EQUAL;
    return wait;
}

NTSTATUS set_priority(D3DKMT_HANDLE context, INT priority, bool in_process)
{
    if (in_process) {
        D3DKMT_SETCONTEXTINPROCESSSCHEDULINGPRIORITY args = {0};
        args.hContext = context;
        args.Priority = priority;
        return D3DKMTSetContextInProcessSchedulingPriority(&args);
    }
    D3DKMT_SETCONTEXTSCHEDULINGPRIORITY args = {0};
    args.hContext = context;
    args.Priority = priority;
    return D3DKMTSetContextSchedulingPriority(&args);
}
