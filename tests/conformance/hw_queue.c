/* SPDX-License-Identifier: MIT */
/* Hardware contexts and queues: making and ending them, what they take, and what their progress fences tell. */
#include "queue.h"

static const struct udxg_soft_command nop = {UDXG_SOFT_OP_NOP, sizeof(struct udxg_soft_command)};

static D3DKMT_HANDLE create_supporting_context(D3DKMT_HANDLE device)
{
    D3DKMT_CREATECONTEXTVIRTUAL args = {0};
    args.hDevice = device;
    args.Flags.HwQueueSupported = 1;
    require_success(D3DKMTCreateContextVirtual(&args));
    return args.hContext;
}

/* ---------------------------------------------------------------------------------------------- contexts */

static void contexts(void)
{
    D3DKMT_HANDLE adapter = open_adapter(), device = create_device(adapter);
    static uint8_t data[16];
    const struct {
        const char *name;
        D3DKMT_HANDLE device;
        UINT node, affinity, flags, data_bytes;
        NTSTATUS want;
    } rows[] = {
        {"as it should be", device, 0, 0, 0, 0, STATUS_SUCCESS},
        {"engine affinity 1", device, 1, 1, 0, 0, STATUS_SUCCESS},
        {"no device", 0, 0, 0, 0, 0, STATUS_INVALID_PARAMETER},
        {"device is an adapter", adapter, 0, 0, 0, 0, STATUS_INVALID_PARAMETER},
        {"node behind the last", device, 2, 0, 0, 0, STATUS_INVALID_PARAMETER},
        {"engine affinity 2", device, 0, 2, 0, 0, STATUS_INVALID_PARAMETER},
        {"a flag", device, 0, 0, 1, 0, STATUS_INVALID_PARAMETER},
        {"private data", device, 0, 0, 0, sizeof(data), STATUS_GRAPHICS_DRIVER_MISMATCH},
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        udxg_case("%s", rows[i].name) {
            D3DKMT_CREATEHWCONTEXT args = {0};
            args.hDevice = rows[i].device;
            args.NodeOrdinal = rows[i].node;
            args.EngineAffinity = rows[i].affinity;
            args.Flags.Value = rows[i].flags;
            args.pPrivateDriverData = rows[i].data_bytes ? data : NULL;
            args.PrivateDriverDataSize = rows[i].data_bytes;
            args.hHwContext = SENTINEL;
            check_status(rows[i].want, D3DKMTCreateHwContext(&args));
            if (rows[i].want == STATUS_SUCCESS)
                check_local(args.hHwContext);
            else
                check_u64(SENTINEL, args.hHwContext);
        }
    }
    udxg_case("destroyed twice") {
        D3DKMT_DESTROYHWCONTEXT args = {create_hw_context(device, 0)};
        check_status(STATUS_SUCCESS, D3DKMTDestroyHwContext(&args));
        check_status(STATUS_INVALID_PARAMETER, D3DKMTDestroyHwContext(&args));
    }
    udxg_case("one that supports queues is destroyed by either call") {
        D3DKMT_DESTROYHWCONTEXT hw = {create_supporting_context(device)};
        D3DKMT_DESTROYCONTEXT plain = {create_hw_context(device, 0)};
        check_status(STATUS_SUCCESS, D3DKMTDestroyHwContext(&hw));
        check_status(STATUS_SUCCESS, D3DKMTDestroyContext(&plain));
    }
    udxg_case("DestroyHwContext of an ordinary context") {
        D3DKMT_DESTROYHWCONTEXT hw = {create_context(device, 0)};
        D3DKMT_DESTROYCONTEXT plain = {hw.hHwContext};
        check_status(STATUS_INVALID_PARAMETER, D3DKMTDestroyHwContext(&hw));
        check_status(STATUS_SUCCESS, D3DKMTDestroyContext(&plain));
    }
}

/* It is its queues that take work. */
static void contexts_take_nothing(void)
{
    struct gpu gpu;
    gpu_open(&gpu);
    const D3DKMT_HANDLE made[] = {create_hw_context(gpu.device, 0), create_supporting_context(gpu.device)};
    for (size_t i = 0; i < LENGTH_OF(made); i++) {
        udxg_case("%s", i ? "HwQueueSupported" : "CreateHwContext") {
            check_status(STATUS_INVALID_PARAMETER, submit_to(&gpu, made[i], &nop, sizeof(nop)));
            check_status(STATUS_INVALID_PARAMETER, signal_gpu(made[i], gpu.done.handle, 1));
            check_status(STATUS_INVALID_PARAMETER, wait_gpu(made[i], gpu.done.handle, 0));
            check_u64(0, *gpu.done.value);
            check_status(STATUS_SUCCESS, set_priority(made[i], 1, false));
        }
    }
}

/* ------------------------------------------------------------------------------------------------ queues */

static void queues(void)
{
    struct gpu gpu;
    gpu_open(&gpu);
    D3DKMT_HANDLE context = create_hw_context(gpu.device, 0);
    static uint8_t data[16];
    const struct {
        const char *name;
        D3DKMT_HANDLE context;
        UINT flags, data_bytes;
        NTSTATUS want;
    } rows[] = {
        {"as it should be", context, 0, 0, STATUS_SUCCESS},
        {"all flags", context, 0xf, 0, STATUS_SUCCESS},
        {"no context", 0, 0, 0, STATUS_INVALID_PARAMETER},
        {"an ordinary context", gpu.context, 0, 0, STATUS_INVALID_PARAMETER},
        {"context is a device", gpu.device, 0, 0, STATUS_INVALID_PARAMETER},
        {"lowest reserved flag", context, 0x10, 0, STATUS_INVALID_PARAMETER},
        {"private data", context, 0, sizeof(data), STATUS_GRAPHICS_DRIVER_MISMATCH},
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        udxg_case("%s", rows[i].name) {
            D3DKMT_CREATEHWQUEUE args = {0};
            args.hHwContext = rows[i].context;
            args.Flags.Value = rows[i].flags;
            args.pPrivateDriverData = rows[i].data_bytes ? data : NULL;
            args.PrivateDriverDataSize = rows[i].data_bytes;
            args.hHwQueue = args.hHwQueueProgressFence = SENTINEL;
            args.HwQueueProgressFenceGPUVirtualAddress = SENTINEL64;
            check_status(rows[i].want, D3DKMTCreateHwQueue(&args));
            if (rows[i].want == STATUS_SUCCESS) {
                check_local(args.hHwQueue);
                check_local(args.hHwQueueProgressFence);
                check_u64(0, *(const volatile UINT64 *)args.HwQueueProgressFenceCPUVirtualAddress);
                check_true(!is_writable((const volatile void *)args.HwQueueProgressFenceCPUVirtualAddress));
                check_true(args.HwQueueProgressFenceGPUVirtualAddress != 0);
            } else {
                check_u64(SENTINEL, args.hHwQueue);
                check_u64(SENTINEL, args.hHwQueueProgressFence);
                check_u64(SENTINEL64, args.HwQueueProgressFenceGPUVirtualAddress);
            }
        }
    }
    udxg_case("destroyed twice, and its fence with it") {
        struct hw_queue queue = create_hw_queue(context, 0);
        D3DKMT_DESTROYHWQUEUE args = {queue.handle};
        check_status(STATUS_SUCCESS, D3DKMTDestroyHwQueue(&args));
        check_status(STATUS_INVALID_PARAMETER, D3DKMTDestroyHwQueue(&args));
        check_status(STATUS_INVALID_PARAMETER, wait_cpu(gpu.device, queue.progress.handle, 0, -1));
    }
    udxg_case("a context is no queue") {
        D3DKMT_DESTROYHWQUEUE args = {context};
        check_status(STATUS_INVALID_PARAMETER, D3DKMTDestroyHwQueue(&args));
    }
    udxg_case("clients cannot signal its fence") {
        struct hw_queue queue = create_hw_queue(context, 0);
        check_status(STATUS_ACCESS_DENIED, signal_cpu(gpu.device, queue.progress.handle, 5, 0));
        check_status(STATUS_ACCESS_DENIED, signal_gpu(gpu.context, queue.progress.handle, 5));
        check_status(STATUS_ACCESS_DENIED, queue_signal(1, &queue.handle, queue.progress.handle, 5));
        gpu_finish(&gpu);
        check_u64(0, *queue.progress.value);
    }
}

/* ----------------------------------------------------------------------------------------------- progress */

static void progress(void)
{
    struct gpu gpu;
    gpu_open(&gpu);
    D3DKMT_HANDLE context = create_hw_context(gpu.device, 0);
    udxg_case("the fence follows the packets, with gaps where the client leaves some") {
        struct hw_queue queue = create_hw_queue(context, 0);
        struct gpu_buffer buffer = create_gpu_buffer(&gpu, PAGE_BYTES);
        const UINT64 values[] = {1, 2, 10, UINT64_MAX - 1};
        for (size_t i = 0; i < LENGTH_OF(values); i++) {
            struct udxg_soft_fill fill = udxg_soft_fill_command(buffer.va + 4 * i, 4, (uint32_t)i + 7);
            require_success(submit_to_queue(&gpu, queue.handle, values[i], &fill, sizeof(fill)));
            finish_queue(&gpu, &queue, values[i]);
            check_u64(values[i], *queue.progress.value);
        }
        const uint32_t *data = (const uint32_t *)lock(gpu.device, buffer.allocation);
        for (uint32_t i = 0; i < LENGTH_OF(values); i++) check_u64(i + 7, data[i]);
    }
    udxg_case("values that do not rise") {
        struct hw_queue queue = create_hw_queue(context, 0);
        check_status(STATUS_INVALID_PARAMETER, submit_to_queue(&gpu, queue.handle, 0, &nop, sizeof(nop)));
        require_success(submit_to_queue(&gpu, queue.handle, 5, &nop, sizeof(nop)));
        check_status(STATUS_INVALID_PARAMETER, submit_to_queue(&gpu, queue.handle, 5, &nop, sizeof(nop)));
        check_status(STATUS_INVALID_PARAMETER, submit_to_queue(&gpu, queue.handle, 4, &nop, sizeof(nop)));
        require_success(submit_to_queue(&gpu, queue.handle, 6, &nop, sizeof(nop)));
        finish_queue(&gpu, &queue, 6);
        check_u64(6, *queue.progress.value);
    }
    udxg_case("another context waits for it") {
        struct hw_queue queue = create_hw_queue(context, 0);
        struct fence gate = create_fence(gpu.device, 0);
        require_success(queue_wait(queue.handle, gate.handle, 1));
        require_success(submit_to_queue(&gpu, queue.handle, 1, &nop, sizeof(nop)));
        require_success(wait_gpu(gpu.context, queue.progress.handle, 1));
        require_success(signal_gpu(gpu.context, gpu.done.handle, ++gpu.last));
        check_u64(0, *queue.progress.value);
        require_success(signal_cpu(gpu.device, gate.handle, 1, 0));
        require_success(wait_cpu(gpu.device, gpu.done.handle, gpu.last, -1));
        check_u64(1, *queue.progress.value);
    }
    udxg_case("queues of one context do not wait for each other") {
        struct hw_queue blocked = create_hw_queue(context, 0), free_one = create_hw_queue(context, 0);
        struct fence gate = create_fence(gpu.device, 0);
        require_success(queue_wait(blocked.handle, gate.handle, 1));
        require_success(submit_to_queue(&gpu, blocked.handle, 1, &nop, sizeof(nop)));
        require_success(submit_to_queue(&gpu, free_one.handle, 1, &nop, sizeof(nop)));
        finish_queue(&gpu, &free_one, 1);
        check_u64(0, *blocked.progress.value);
        require_success(signal_cpu(gpu.device, gate.handle, 1, 0));
        finish_queue(&gpu, &blocked, 1);
    }
}

/* --------------------------------------------------------------------------------------------- submission */

static void arguments(void)
{
    struct gpu gpu;
    gpu_open(&gpu);
    D3DKMT_HANDLE context = create_hw_context(gpu.device, 0);
    struct hw_queue queue = create_hw_queue(context, 0);
    struct gpu_buffer resident = create_gpu_buffer(&gpu, PAGE_BYTES), evicted = create_gpu_buffer(&gpu, PAGE_BYTES);
    D3DKMT_HANDLE other = create_buffer(create_device(gpu.adapter), PAGE_BYTES);
    UINT64 va = put_commands(&gpu, &nop, sizeof(nop)).va;
    static uint8_t data[16];
    require_success(evict(gpu.device, evicted.allocation));
    const struct {
        const char *name;
        D3DKMT_HANDLE queue, primary;
        UINT data_bytes, bytes;
        NTSTATUS want;
    } rows[] = {
        {"as it should be", queue.handle, 0, 0, sizeof(nop), STATUS_SUCCESS},
        {"a resident primary", queue.handle, resident.allocation, 0, sizeof(nop), STATUS_SUCCESS},
        {"a primary that was evicted", queue.handle, evicted.allocation, 0, sizeof(nop), STATUS_INVALID_PARAMETER},
        {"a primary of another device", queue.handle, other, 0, sizeof(nop), STATUS_INVALID_PARAMETER},
        {"no queue", 0, 0, 0, sizeof(nop), STATUS_INVALID_PARAMETER},
        {"queue is its context", context, 0, 0, sizeof(nop), STATUS_INVALID_PARAMETER},
        {"no commands", queue.handle, 0, 0, 0, STATUS_INVALID_PARAMETER},
        {"private data", queue.handle, 0, sizeof(data), sizeof(nop), STATUS_INVALID_PARAMETER},
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        udxg_case("%s", rows[i].name) {
            D3DKMT_SUBMITCOMMANDTOHWQUEUE args = {0};
            args.hHwQueue = rows[i].queue;
            UINT64 before = *queue.progress.value;
            args.HwQueueProgressFenceId = before + 1;
            args.CommandBuffer = va;
            args.CommandLength = rows[i].bytes;
            args.pPrivateDriverData = rows[i].data_bytes ? data : NULL;
            args.PrivateDriverDataSize = rows[i].data_bytes;
            args.NumPrimaries = rows[i].primary ? 1 : 0;
            args.WrittenPrimaries = &rows[i].primary;
            check_status(rows[i].want, D3DKMTSubmitCommandToHwQueue(&args));
            if (rows[i].want == STATUS_SUCCESS) finish_queue(&gpu, &queue, before + 1);
            check_u64(before + (rows[i].want == STATUS_SUCCESS ? 1 : 0), *queue.progress.value);
            check_u64(D3DKMT_DEVICEEXECUTION_ACTIVE, execution_state(gpu.device));
        }
    }
    udxg_case("SubmitCommand: a primary that was evicted") {
        D3DKMT_SUBMITCOMMAND args = {0};
        args.Commands = va;
        args.CommandLength = sizeof(nop);
        args.BroadcastContextCount = 1;
        args.BroadcastContext[0] = gpu.context;
        args.NumPrimaries = 2;
        args.WrittenPrimaries[0] = args.WrittenPrimaries[1] = resident.allocation;
        check_status(STATUS_SUCCESS, D3DKMTSubmitCommand(&args));
        args.WrittenPrimaries[1] = evicted.allocation;
        check_status(STATUS_INVALID_PARAMETER, D3DKMTSubmitCommand(&args));
    }
}

static void signals(void)
{
    struct gpu gpu;
    gpu_open(&gpu);
    D3DKMT_HANDLE context = create_hw_context(gpu.device, 0);
    udxg_case("a signal stands in its queue") {
        struct hw_queue queue = create_hw_queue(context, 0);
        struct fence gate = create_fence(gpu.device, 0), told = create_fence(gpu.device, 0);
        require_success(queue_wait(queue.handle, gate.handle, 3));
        require_success(queue_signal(1, &queue.handle, told.handle, 9));
        require_success(signal_cpu(gpu.device, gate.handle, 2, 0));
        check_u64(0, *told.value);
        require_success(signal_cpu(gpu.device, gate.handle, 3, 0));
        require_success(wait_cpu(gpu.device, told.handle, 9, -1));
        check_u64(9, *told.value);
    }
    udxg_case("a broadcast stands in each") {
        struct hw_queue free_one = create_hw_queue(context, 0), blocked = create_hw_queue(context, 0);
        struct fence gate = create_fence(gpu.device, 0), told = create_fence(gpu.device, 0);
        const D3DKMT_HANDLE both[] = {free_one.handle, blocked.handle};
        require_success(queue_wait(blocked.handle, gate.handle, 1));
        require_success(queue_signal(2, both, told.handle, 4));
        require_success(wait_cpu(gpu.device, told.handle, 4, -1));
        require_success(signal_cpu(gpu.device, told.handle, 2, 4)); /* back, with AllowFenceRewind */
        require_success(signal_cpu(gpu.device, gate.handle, 1, 0));
        require_success(wait_cpu(gpu.device, told.handle, 4, -1));
    }
    struct fence fence = create_fence(gpu.device, 0);
    struct hw_queue alone = create_hw_queue(context, 2), with = create_hw_queue(context, 0);
    D3DKMT_HANDLE far_away = create_hw_queue(create_hw_context(create_device(gpu.adapter), 0), 0).handle;
    const struct {
        const char *name;
        UINT count;
        D3DKMT_HANDLE first, second;
        NTSTATUS want;
    } rows[] = {
        {"NoBroadcastSignal, one queue", 1, alone.handle, 0, STATUS_SUCCESS},
        {"NoBroadcastSignal, two queues", 2, with.handle, alone.handle, STATUS_INVALID_PARAMETER},
        {"a queue of another device", 2, with.handle, far_away, STATUS_INVALID_PARAMETER},
        {"a queue that is none", 2, with.handle, BAD_HANDLE, STATUS_INVALID_PARAMETER},
        {"no queue at all", 0, with.handle, 0, STATUS_INVALID_PARAMETER},
        {"65 queues", 65, with.handle, 0, STATUS_INVALID_PARAMETER},
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        udxg_case("%s", rows[i].name) {
            D3DKMT_HANDLE handles[65] = {rows[i].first, rows[i].second};
            UINT64 before = *fence.value;
            check_status(rows[i].want, queue_signal(rows[i].count, handles, fence.handle, before + 1));
            if (rows[i].want == STATUS_SUCCESS) require_success(wait_cpu(gpu.device, fence.handle, before + 1, -1));
            gpu_finish(&gpu);
            check_u64(before + (rows[i].want == STATUS_SUCCESS ? 1 : 0), *fence.value);
        }
    }
}

/* ------------------------------------------------------------------------------------------------- endings */

static D3DKMT_HANDLE open_with_queue(struct gpu *gpu, struct hw_queue *ret_queue)
{
    gpu_open(gpu);
    D3DKMT_HANDLE context = create_hw_context(gpu->device, 0);
    *ret_queue = create_hw_queue(context, 0);
    return context;
}

static void endings(void)
{
    struct gpu gpu;
    struct hw_queue queue;
    D3DKMT_HANDLE context;
    udxg_case("the context goes first: the queue takes nothing more and can be destroyed") {
        context = open_with_queue(&gpu, &queue);
        D3DKMT_DESTROYHWCONTEXT destroy = {context};
        D3DKMT_DESTROYHWQUEUE destroy_queue = {queue.handle};
        require_success(submit_to_queue(&gpu, queue.handle, 1, &nop, sizeof(nop)));
        check_status(STATUS_SUCCESS, D3DKMTDestroyHwContext(&destroy));
        finish_queue(&gpu, &queue, 1);
        check_status(STATUS_INVALID_PARAMETER, submit_to_queue(&gpu, queue.handle, 2, &nop, sizeof(nop)));
        check_status(STATUS_INVALID_PARAMETER, queue_wait(queue.handle, gpu.done.handle, 0));
        check_status(STATUS_INVALID_PARAMETER, queue_signal(1, &queue.handle, gpu.done.handle, 1));
        check_status(STATUS_SUCCESS, D3DKMTDestroyHwQueue(&destroy_queue));
    }
    udxg_case("a queue ends with its work behind a fence nobody signals") {
        open_with_queue(&gpu, &queue);
        struct fence gate = create_fence(gpu.device, 0);
        D3DKMT_DESTROYHWQUEUE destroy_queue = {queue.handle};
        D3DKMT_WAITFORIDLE idle = {gpu.device};
        require_success(queue_wait(queue.handle, gate.handle, 1));
        require_success(submit_to_queue(&gpu, queue.handle, 1, &nop, sizeof(nop)));
        check_status(STATUS_SUCCESS, D3DKMTDestroyHwQueue(&destroy_queue));
        check_status(STATUS_SUCCESS, D3DKMTWaitForIdle(&idle));
    }
    udxg_case("a fault ends the device: its fence says so, its queues take nothing, all can be destroyed") {
        context = open_with_queue(&gpu, &queue);
        struct udxg_soft_fault fault = {udxg_soft_header(UDXG_SOFT_OP_FAULT, sizeof(fault)), 0x5000, 1, 0};
        D3DKMT_DESTROYHWQUEUE destroy_queue = {queue.handle};
        D3DKMT_DESTROYHWCONTEXT destroy = {context};
        require_success(submit_to_queue(&gpu, queue.handle, 1, &fault, sizeof(fault)));
        check_u64(D3DKMT_DEVICEEXECUTION_ERROR_DMAPAGEFAULT, wait_for_error(gpu.device));
        require_success(wait_cpu(gpu.device, queue.progress.handle, UINT64_MAX, -1));
        check_u64(UINT64_MAX, *queue.progress.value);
        check_status(STATUS_GRAPHICS_GPU_EXCEPTION_ON_DEVICE,
                     submit_to_queue(&gpu, queue.handle, 2, &nop, sizeof(nop)));
        check_status(STATUS_GRAPHICS_GPU_EXCEPTION_ON_DEVICE, queue_wait(queue.handle, gpu.done.handle, 0));
        check_status(STATUS_GRAPHICS_GPU_EXCEPTION_ON_DEVICE, queue_signal(1, &queue.handle, gpu.done.handle, 1));
        check_status(STATUS_SUCCESS, D3DKMTDestroyHwQueue(&destroy_queue));
        check_status(STATUS_SUCCESS, D3DKMTDestroyHwContext(&destroy));
    }
    udxg_case("a device ends with its queues") {
        open_with_queue(&gpu, &queue);
        D3DKMT_DESTROYDEVICE destroy = {gpu.device};
        D3DKMT_DESTROYHWQUEUE destroy_queue = {queue.handle};
        check_status(STATUS_SUCCESS, D3DKMTDestroyDevice(&destroy));
        check_status(STATUS_INVALID_PARAMETER, D3DKMTDestroyHwQueue(&destroy_queue));
    }
}

int main(int argc, char **argv)
{
    static const struct udxg_test tests[] = {
        {"contexts", ON_DISCRETE, contexts},   {"contexts take nothing", ON_DISCRETE, contexts_take_nothing},
        {"queues", ON_DISCRETE, queues},       {"progress", ON_EACH, progress},
        {"arguments", ON_DISCRETE, arguments}, {"signals", ON_DISCRETE, signals},
        {"endings", ON_EACH, endings},
    };
    return conformance_main(argc, argv, tests, LENGTH_OF(tests));
}
