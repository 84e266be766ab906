/* SPDX-License-Identifier: MIT */
/*
 * Synchronisation objects: creation of each type, monitored fences, waits and signals of the CPU and of
 * contexts. The tables of creation and of the CPU's steps are what Windows was seen to do.
 */
#include "fixture.h"

#include <pthread.h>
#include <unistd.h>

/* ------------------------------------------------------------------------------------------------ creation */

static NTSTATUS destroy(D3DKMT_HANDLE handle)
{
    D3DKMT_DESTROYSYNCHRONIZATIONOBJECT args = {handle};
    return D3DKMTDestroySynchronizationObject(&args);
}

static void create_v1(void)
{
    D3DKMT_HANDLE device = create_device(open_adapter());
    udxg_case("NULL") {
        check_status(STATUS_INVALID_PARAMETER, D3DKMTCreateSynchronizationObject(NULL));
    }
    const struct {
        const char *name;
        D3DKMT_HANDLE device;
        int type;
        NTSTATUS want;
    } rows[] = {
        {"zeroed", 0, 0, STATUS_INVALID_PARAMETER},
        {"type 0", device, 0, STATUS_INVALID_PARAMETER},
        {"MUTEX, device 0", 0, D3DDDI_SYNCHRONIZATION_MUTEX, STATUS_INVALID_PARAMETER},
        {"MUTEX", device, D3DDDI_SYNCHRONIZATION_MUTEX, STATUS_SUCCESS},
        {"SEMAPHORE, counts 0", device, D3DDDI_SEMAPHORE, STATUS_SUCCESS},
        {"FENCE", device, D3DDDI_FENCE, STATUS_INVALID_PARAMETER},
        {"MONITORED_FENCE", device, D3DDDI_MONITORED_FENCE, STATUS_INVALID_PARAMETER},
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        udxg_case("%s", rows[i].name) {
            D3DKMT_CREATESYNCHRONIZATIONOBJECT args = {0};
            args.hDevice = rows[i].device;
            args.Info.Type = (D3DDDI_SYNCHRONIZATIONOBJECT_TYPE)rows[i].type;
            args.hSyncObject = SENTINEL;
            check_status(rows[i].want, D3DKMTCreateSynchronizationObject(&args));
            if (rows[i].want == STATUS_SUCCESS) {
                check_local(args.hSyncObject);
                check_status(STATUS_SUCCESS, destroy(args.hSyncObject));
                check_status(STATUS_INVALID_PARAMETER, destroy(args.hSyncObject));
            } else {
                check_u64(SENTINEL, args.hSyncObject);
            }
        }
    }
}

static void create_v2(void)
{
    enum { SHARED = 1, NT_SECURITY = 2, NO_SIGNAL = 16, NO_WAIT = 32, NO_GPU_ACCESS = 128, SIGNAL_BY_KMD = 256 };
    D3DKMT_HANDLE adapter = open_adapter();
    D3DKMT_HANDLE device = create_device(adapter);
    udxg_case("NULL") {
        check_status(STATUS_INVALID_PARAMETER, D3DKMTCreateSynchronizationObject2(NULL));
    }
    const struct {
        const char *name;
        D3DKMT_HANDLE device;
        int type;
        UINT flags;
        NTSTATUS want;
    } rows[] = {
        {"zeroed", 0, 0, 0, STATUS_INVALID_PARAMETER},
        {"type 0", device, 0, 0, STATUS_INVALID_PARAMETER},
        {"type 7", device, D3DDDI_SYNCHRONIZATION_TYPE_LIMIT, 0, STATUS_INVALID_PARAMETER},
        {"MUTEX, device 0", 0, D3DDDI_SYNCHRONIZATION_MUTEX, 0, STATUS_INVALID_PARAMETER},
        {"MUTEX", device, D3DDDI_SYNCHRONIZATION_MUTEX, 0, STATUS_SUCCESS},
        {"SEMAPHORE, counts 0", device, D3DDDI_SEMAPHORE, 0, STATUS_SUCCESS},
        {"FENCE", device, D3DDDI_FENCE, 0, STATUS_SUCCESS},
        {"MONITORED_FENCE", device, D3DDDI_MONITORED_FENCE, 0, STATUS_SUCCESS},
        {"MONITORED_FENCE, device 0", 0, D3DDDI_MONITORED_FENCE, 0, STATUS_INVALID_PARAMETER},
        {"MONITORED_FENCE, hDevice is no handle", BAD_HANDLE, D3DDDI_MONITORED_FENCE, 0, STATUS_INVALID_PARAMETER},
        {"MONITORED_FENCE, hDevice is an adapter", adapter, D3DDDI_MONITORED_FENCE, 0, STATUS_INVALID_PARAMETER},
        {"MONITORED_FENCE, NoSignal", device, D3DDDI_MONITORED_FENCE, NO_SIGNAL, STATUS_SUCCESS},
        {"MONITORED_FENCE, NoWait", device, D3DDDI_MONITORED_FENCE, NO_WAIT, STATUS_SUCCESS},
        {"MONITORED_FENCE, NoSignal and NoWait", device, D3DDDI_MONITORED_FENCE, NO_SIGNAL | NO_WAIT,
         STATUS_INVALID_PARAMETER},
        {"MONITORED_FENCE, NoGPUAccess", device, D3DDDI_MONITORED_FENCE, NO_GPU_ACCESS, STATUS_SUCCESS},
        {"MONITORED_FENCE, SignalByKmd", device, D3DDDI_MONITORED_FENCE, SIGNAL_BY_KMD, STATUS_INVALID_PARAMETER},
        {"MONITORED_FENCE, lowest reserved flag", device, D3DDDI_MONITORED_FENCE, 512, STATUS_INVALID_PARAMETER},
        {"MONITORED_FENCE, highest reserved flag", device, D3DDDI_MONITORED_FENCE, 0x80000000u,
         STATUS_INVALID_PARAMETER},
        {"MUTEX, NtSecuritySharing without Shared", device, D3DDDI_SYNCHRONIZATION_MUTEX, NT_SECURITY,
         STATUS_INVALID_PARAMETER},
        {"MONITORED_FENCE, NtSecuritySharing without Shared", device, D3DDDI_MONITORED_FENCE, NT_SECURITY,
         STATUS_INVALID_PARAMETER},
        {"CPU_NOTIFICATION without an event", device, D3DDDI_CPU_NOTIFICATION, 0, STATUS_INVALID_HANDLE},
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        udxg_case("%s", rows[i].name) {
            D3DKMT_CREATESYNCHRONIZATIONOBJECT2 args = {0};
            args.hDevice = rows[i].device;
            args.Info.Type = (D3DDDI_SYNCHRONIZATIONOBJECT_TYPE)rows[i].type;
            args.Info.Flags.Value = rows[i].flags;
            args.hSyncObject = SENTINEL;
            D3DKMT_HANDLE last = next_handle(device);
            check_status(rows[i].want, D3DKMTCreateSynchronizationObject2(&args));
            if (rows[i].want == STATUS_SUCCESS) {
                check_local(args.hSyncObject);
                check_status(STATUS_SUCCESS, destroy(args.hSyncObject));
                check_status(STATUS_INVALID_PARAMETER, destroy(args.hSyncObject));
            } else {
                check_u64(SENTINEL, args.hSyncObject);
                check_u64(0, (uintptr_t)args.Info.MonitoredFence.FenceValueCPUVirtualAddress);
                check_u64(last + 0x40, next_handle(device));
            }
        }
    }
    udxg_case("CPU_NOTIFICATION with an event") {
        D3DKMT_CREATESYNCHRONIZATIONOBJECT2 args = {0};
        args.hDevice = device;
        args.Info.Type = D3DDDI_CPU_NOTIFICATION;
        args.Info.CPUNotification.Event = fd_handle(create_event());
        check_status(STATUS_SUCCESS, D3DKMTCreateSynchronizationObject2(&args));
        check_local(args.hSyncObject);
    }
    udxg_case("destroy/NULL") {
        check_status(STATUS_INVALID_PARAMETER, D3DKMTDestroySynchronizationObject(NULL));
    }
    udxg_case("destroy/not a sync object") {
        check_status(STATUS_INVALID_PARAMETER, destroy(0));
        check_status(STATUS_INVALID_PARAMETER, destroy(BAD_HANDLE));
        check_status(STATUS_INVALID_PARAMETER, destroy(device));
    }
}

static void monitored_fence(void)
{
    struct gpu gpu;
    gpu_open(&gpu);
    udxg_case("starts with its initial value, at both addresses") {
        D3DKMT_CREATESYNCHRONIZATIONOBJECT2 args = {0};
        args.hDevice = gpu.device;
        args.Info.Type = D3DDDI_MONITORED_FENCE;
        args.Info.MonitoredFence.InitialFenceValue = 0x123456789a;
        args.Info.MonitoredFence.FenceValueCPUVirtualAddress = (VOID *)(uintptr_t)SENTINEL;
        args.Info.MonitoredFence.FenceValueGPUVirtualAddress = SENTINEL64;
        require_success(D3DKMTCreateSynchronizationObject2(&args));
        const volatile UINT64 *value = (const volatile UINT64 *)args.Info.MonitoredFence.FenceValueCPUVirtualAddress;
        require_true(value != NULL && (uintptr_t)value != SENTINEL);
        check_u64(0, (uintptr_t)value % sizeof(*value));
        check_u64(0x123456789a, *value);
        check_true(args.Info.MonitoredFence.FenceValueGPUVirtualAddress != 0);
        check_true(args.Info.MonitoredFence.FenceValueGPUVirtualAddress != SENTINEL64);
        check_u64(0, args.Info.MonitoredFence.FenceValueGPUVirtualAddress % sizeof(UINT64));
    }
    udxg_case("the CPU cannot write the value") {
        struct fence fence = create_fence(gpu.device, 1);
        check_true(!is_writable(fence.value));
    }
    udxg_case("the GPU reads and writes the value") {
        struct fence fence = create_fence(gpu.device, 0x77);
        struct gpu_buffer buffer = create_gpu_buffer(&gpu, PAGE_BYTES);
        struct {
            struct udxg_soft_copy copy;
            struct udxg_soft_write write;
            uint64_t data;
        } commands;
        commands.copy = udxg_soft_copy_command(buffer.va, fence.gpu_va, 8);
        memset(&commands.write, 0, sizeof(commands.write));
        commands.write.header = udxg_soft_header(UDXG_SOFT_OP_WRITE, sizeof(commands.write) + 8);
        commands.write.va = fence.gpu_va;
        commands.write.data_bytes = 8;
        commands.data = 0x99;
        require_success(submit(&gpu, &commands, sizeof(commands)));
        gpu_finish(&gpu);
        check_u64(0x77, *(const uint64_t *)lock(gpu.device, buffer.allocation));
        check_u64(0x99, *fence.value);
    }
    udxg_case("two fences have two values") {
        struct fence a = create_fence(gpu.device, 1), b = create_fence(gpu.device, 2);
        check_true(a.value != b.value && a.gpu_va != b.gpu_va);
        require_success(signal_cpu(gpu.device, a.handle, 10, 0));
        check_u64(10, *a.value);
        check_u64(2, *b.value);
    }
}

/* ---------------------------------------------------------------------------------------- CPU: the steps seen */

enum { ALLOW_REWIND = 4 };

static void cpu_observed(void)
{
    D3DKMT_HANDLE device = create_device(open_adapter());
    const struct {
        const char *name;
        int type;
    } legacy[] = {
        {"MUTEX", D3DDDI_SYNCHRONIZATION_MUTEX},
        {"SEMAPHORE", D3DDDI_SEMAPHORE},
        {"FENCE", D3DDDI_FENCE},
    };
    for (size_t i = 0; i < LENGTH_OF(legacy); i++) {
        udxg_case("%s can be neither waited for nor signalled", legacy[i].name) {
            D3DKMT_CREATESYNCHRONIZATIONOBJECT2 args = {0};
            int event = create_event();
            args.hDevice = device;
            args.Info.Type = (D3DDDI_SYNCHRONIZATIONOBJECT_TYPE)legacy[i].type;
            require_success(D3DKMTCreateSynchronizationObject2(&args));
            check_status(STATUS_INVALID_PARAMETER, wait_cpu(device, args.hSyncObject, 0, event));
            check_status(STATUS_INVALID_PARAMETER, signal_cpu(device, args.hSyncObject, 0, 0));
            check_true(!event_is_set(event, 0));
        }
    }
    udxg_case("MONITORED_FENCE, step by step") {
        struct fence fence = create_fence(device, 1);
        int event = create_event();
        check_status(STATUS_SUCCESS, wait_cpu(device, fence.handle, 0, event));
        check_true(event_is_set(event, 5000));
        event = create_event();
        check_status(STATUS_SUCCESS, wait_cpu(device, fence.handle, 1, event));
        check_true(event_is_set(event, 5000));
        event = create_event();
        check_status(STATUS_SUCCESS, wait_cpu(device, fence.handle, 2, event));
        check_true(!event_is_set(event, 100));
        check_status(STATUS_SUCCESS, signal_cpu(device, fence.handle, 2, 0));
        check_true(event_is_set(event, 5000));
        check_u64(2, *fence.value);
        check_status(STATUS_INVALID_PARAMETER, signal_cpu(device, fence.handle, 1, 0));
        check_u64(2, *fence.value);
        check_status(STATUS_SUCCESS, signal_cpu(device, fence.handle, 1, ALLOW_REWIND));
        check_u64(1, *fence.value);
        event = create_event();
        check_status(STATUS_SUCCESS, wait_cpu(device, fence.handle, 2, event));
        check_true(!event_is_set(event, 100));
        check_status(STATUS_SUCCESS, signal_cpu(device, fence.handle, 2, 0));
        check_true(event_is_set(event, 5000));
    }
    udxg_case("one signal ends all waits it satisfies and no other") {
        struct fence fence = create_fence(device, 0);
        int events[4];
        for (UINT64 i = 0; i < 4; i++) {
            events[i] = create_event();
            check_status(STATUS_SUCCESS, wait_cpu(device, fence.handle, i + 1, events[i]));
        }
        check_status(STATUS_SUCCESS, signal_cpu(device, fence.handle, 3, 0));
        for (int i = 0; i < 3; i++) check_true(event_is_set(events[i], 5000));
        check_true(!event_is_set(events[3], 50));
    }
}

/* ------------------------------------------------------------------------------------------ CPU: arguments */

static void cpu_arguments(void)
{
    D3DKMT_HANDLE adapter = open_adapter();
    D3DKMT_HANDLE device = create_device(adapter);
    struct fence fence = create_fence(device, 5);
    struct fence dead = create_fence(device, 5);
    require_success(destroy(dead.handle));

    udxg_case("wait/NULL") {
        check_status(STATUS_INVALID_PARAMETER, D3DKMTWaitForSynchronizationObjectFromCpu(NULL));
    }
    udxg_case("signal/NULL") {
        check_status(STATUS_INVALID_PARAMETER, D3DKMTSignalSynchronizationObjectFromCpu(NULL));
    }
    const struct {
        const char *name;
        D3DKMT_HANDLE device, second;
        UINT count;
        bool handles, values;
        UINT wait_flags, signal_flags;
    } rows[] = {
        {"zeroed", 0, 0, 0, false, false, 0, 0},
        {"hDevice 0", 0, 0, 1, true, true, 0, 0},
        {"hDevice is no handle", BAD_HANDLE, 0, 1, true, true, 0, 0},
        {"hDevice is an adapter", adapter, 0, 1, true, true, 0, 0},
        {"ObjectCount 0", device, 0, 0, true, true, 0, 0},
        {"ObjectCount 0xffffffff", device, 0, 0xffffffffu, true, true, 0, 0},
        {"ObjectHandleArray NULL", device, 0, 1, false, true, 0, 0},
        {"FenceValueArray NULL", device, 0, 1, true, false, 0, 0},
        {"an object is 0", device, 0, 2, true, true, 0, 0},
        {"an object is no handle", device, BAD_HANDLE, 2, true, true, 0, 0},
        {"an object is a device", device, device, 2, true, true, 0, 0},
        {"an object was destroyed", device, dead.handle, 2, true, true, 0, 0},
        {"highest reserved flag of a wait", device, 0, 1, true, true, 0x80000000u, 0x40000000u},
        {"lowest reserved flag", device, 0, 1, true, true, 2, 8},
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        D3DKMT_HANDLE handles[2] = {fence.handle, rows[i].second};
        UINT64 values[2] = {5, 5};
        udxg_case("wait/%s", rows[i].name) {
            int event = create_event();
            D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMCPU args = {0};
            args.hDevice = rows[i].device;
            args.ObjectCount = rows[i].count;
            args.ObjectHandleArray = rows[i].handles ? handles : NULL;
            args.FenceValueArray = rows[i].values ? values : NULL;
            args.hAsyncEvent = fd_handle(event);
            args.Flags.Value = rows[i].wait_flags;
            check_status(STATUS_INVALID_PARAMETER, D3DKMTWaitForSynchronizationObjectFromCpu(&args));
            check_true(!event_is_set(event, 0));
        }
        udxg_case("signal/%s", rows[i].name) {
            D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMCPU args = {0};
            values[0] = 6;
            args.hDevice = rows[i].device;
            args.ObjectCount = rows[i].count;
            args.ObjectHandleArray = rows[i].handles ? handles : NULL;
            args.FenceValueArray = rows[i].values ? values : NULL;
            args.Flags.Value = rows[i].signal_flags;
            check_status(STATUS_INVALID_PARAMETER, D3DKMTSignalSynchronizationObjectFromCpu(&args));
            /* Also the good first object was not signalled. */
            check_u64(5, *fence.value);
        }
    }
    udxg_case("signal/the second goes backwards: the first stays, too") {
        struct fence second = create_fence(device, 9);
        D3DKMT_HANDLE handles[2] = {fence.handle, second.handle};
        UINT64 values[2] = {6, 8};
        D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMCPU args = {0};
        args.hDevice = device;
        args.ObjectCount = 2;
        args.ObjectHandleArray = handles;
        args.FenceValueArray = values;
        check_status(STATUS_INVALID_PARAMETER, D3DKMTSignalSynchronizationObjectFromCpu(&args));
        check_u64(5, *fence.value);
        check_u64(9, *second.value);
    }
    udxg_case("wait/an event that is no event") {
        check_status(STATUS_INVALID_HANDLE, wait_cpu(device, fence.handle, 5, 1000000));
        check_status(STATUS_INVALID_HANDLE, wait_cpu(device, fence.handle, 6, 1000000));
    }
    udxg_case("NoSignal and NoWait are kept") {
        D3DKMT_CREATESYNCHRONIZATIONOBJECT2 args = {0};
        args.hDevice = device;
        args.Info.Type = D3DDDI_MONITORED_FENCE;
        args.Info.Flags.NoSignal = 1;
        require_success(D3DKMTCreateSynchronizationObject2(&args));
        check_status(STATUS_ACCESS_DENIED, signal_cpu(device, args.hSyncObject, 1, 0));
        check_status(STATUS_SUCCESS, wait_cpu(device, args.hSyncObject, 0, -1));
        args.Info.Flags.NoSignal = 0;
        args.Info.Flags.NoWait = 1;
        args.Info.MonitoredFence.InitialFenceValue = 0;
        require_success(D3DKMTCreateSynchronizationObject2(&args));
        check_status(STATUS_ACCESS_DENIED, wait_cpu(device, args.hSyncObject, 0, -1));
        check_status(STATUS_SUCCESS, signal_cpu(device, args.hSyncObject, 1, 0));
    }
}

static NTSTATUS wait_list(D3DKMT_HANDLE device, const struct fence *fences, const UINT64 *values, UINT count, UINT any,
                          int event)
{
    D3DKMT_HANDLE handles[8];
    D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMCPU args = {0};
    for (UINT i = 0; i < count; i++) handles[i] = fences[i].handle;
    args.hDevice = device;
    args.ObjectCount = count;
    args.ObjectHandleArray = handles;
    args.FenceValueArray = values;
    args.hAsyncEvent = event >= 0 ? fd_handle(event) : NULL;
    args.Flags.WaitAny = any;
    return D3DKMTWaitForSynchronizationObjectFromCpu(&args);
}

struct later {
    D3DKMT_HANDLE device;
    struct fence fence;
    UINT64 value;
    NTSTATUS status;
};

static void *signal_later(void *arg)
{
    struct later *later = (struct later *)arg;
    usleep(50000);
    later->status = signal_cpu(later->device, later->fence.handle, later->value, 0);
    return NULL;
}

static void cpu_waits(void)
{
    D3DKMT_HANDLE device = create_device(open_adapter());
    const UINT64 values[3] = {1, 1, 1};
    udxg_case("all of three, event") {
        struct fence fences[3];
        int event = create_event();
        for (int i = 0; i < 3; i++) fences[i] = create_fence(device, 0);
        require_success(wait_list(device, fences, values, 3, 0, event));
        for (int i = 0; i < 3; i++) {
            check_true(!event_is_set(event, 20));
            require_success(signal_cpu(device, fences[i].handle, 1, 0));
        }
        check_true(event_is_set(event, 5000));
    }
    udxg_case("any of three, event") {
        struct fence fences[3];
        int event = create_event();
        for (int i = 0; i < 3; i++) fences[i] = create_fence(device, 0);
        require_success(wait_list(device, fences, values, 3, 1, event));
        check_true(!event_is_set(event, 20));
        require_success(signal_cpu(device, fences[1].handle, 1, 0));
        check_true(event_is_set(event, 5000));
    }
    udxg_case("any of three, blocking, one is reached already") {
        struct fence fences[3] = {create_fence(device, 0), create_fence(device, 0), create_fence(device, 1)};
        check_status(STATUS_SUCCESS, wait_list(device, fences, values, 3, 1, -1));
    }
    udxg_case("blocking until another thread signals") {
        struct later later = {device, create_fence(device, 0), 3, STATUS_UNSUCCESSFUL};
        pthread_t thread;
        require_true(pthread_create(&thread, NULL, signal_later, &later) == 0);
        check_status(STATUS_SUCCESS, wait_cpu(device, later.fence.handle, 3, -1));
        check_u64(3, *later.fence.value);
        pthread_join(thread, NULL);
        check_status(STATUS_SUCCESS, later.status);
    }
    udxg_case("an eventfd counts up once per wait") {
        struct fence fence = create_fence(device, 0);
        int event = create_event();
        uint64_t count = 0;
        require_success(wait_cpu(device, fence.handle, 1, event));
        require_success(signal_cpu(device, fence.handle, 1, 0));
        require_true(event_is_set(event, 5000));
        require_true(read(event, &count, sizeof(count)) == (ssize_t)sizeof(count));
        check_u64(1, count);
        require_success(signal_cpu(device, fence.handle, 2, 0));
        check_true(!event_is_set(event, 50));
    }
    udxg_case("the caller may close its event while the wait is pending") {
        struct fence fence = create_fence(device, 0);
        int event = create_event();
        int kept = dup(event);
        require_success(wait_cpu(device, fence.handle, 1, event));
        close(event);
        require_success(signal_cpu(device, fence.handle, 1, 0));
        check_true(event_is_set(kept, 5000));
    }
    udxg_case("waits leave no fd behind") {
        struct fence fence = create_fence(device, 0);
        int event = create_event();
        require_success(wait_cpu(device, fence.handle, 1, event));
        require_success(signal_cpu(device, fence.handle, 1, 0));
        require_true(event_is_set(event, 5000));
        int before = open_fd_count();
        for (UINT64 i = 2; i < 100; i++) {
            require_success(wait_cpu(device, fence.handle, i, event));
            require_success(signal_cpu(device, fence.handle, i, 0));
        }
        check_u64(before, open_fd_count());
    }
    udxg_case("the largest value") {
        struct fence fence = create_fence(device, ~(UINT64)0 - 1);
        require_success(signal_cpu(device, fence.handle, ~(UINT64)0, 0));
        check_u64(~(UINT64)0, *fence.value);
        check_status(STATUS_SUCCESS, wait_cpu(device, fence.handle, ~(UINT64)0, -1));
    }
}

/* --------------------------------------------------------------------------------------------------- GPU */

static void gpu_arguments(void)
{
    struct gpu gpu;
    gpu_open(&gpu);
    struct fence fence = create_fence(gpu.device, 0);
    udxg_case("NULL") {
        check_status(STATUS_INVALID_PARAMETER, D3DKMTWaitForSynchronizationObjectFromGpu(NULL));
        check_status(STATUS_INVALID_PARAMETER, D3DKMTSignalSynchronizationObjectFromGpu(NULL));
        check_status(STATUS_INVALID_PARAMETER, D3DKMTSignalSynchronizationObjectFromGpu2(NULL));
    }
    const struct {
        const char *name;
        D3DKMT_HANDLE context, object;
        UINT count;
        bool handles, values;
    } rows[] = {
        {"zeroed", 0, 0, 0, false, false},
        {"context 0", 0, fence.handle, 1, true, true},
        {"context is no handle", BAD_HANDLE, fence.handle, 1, true, true},
        {"context is a device", gpu.device, fence.handle, 1, true, true},
        {"ObjectCount 0", gpu.context, fence.handle, 0, true, true},
        {"ObjectCount 33", gpu.context, fence.handle, 33, true, true},
        {"ObjectCount 0xffffffff", gpu.context, fence.handle, 0xffffffffu, true, true},
        {"ObjectHandleArray NULL", gpu.context, fence.handle, 1, false, true},
        {"MonitoredFenceValueArray NULL", gpu.context, fence.handle, 1, true, false},
        {"object 0", gpu.context, 0, 1, true, true},
        {"object is no handle", gpu.context, BAD_HANDLE, 1, true, true},
        {"object is a device", gpu.context, gpu.device, 1, true, true},
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        D3DKMT_HANDLE handles[40];
        UINT64 values[40];
        for (size_t k = 0; k < LENGTH_OF(handles); k++) {
            handles[k] = rows[i].object;
            values[k] = 1;
        }
        udxg_case("wait/%s", rows[i].name) {
            D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMGPU args = {0};
            args.hContext = rows[i].context;
            args.ObjectCount = rows[i].count;
            args.ObjectHandleArray = rows[i].handles ? handles : NULL;
            args.MonitoredFenceValueArray = rows[i].values ? values : NULL;
            check_status(STATUS_INVALID_PARAMETER, D3DKMTWaitForSynchronizationObjectFromGpu(&args));
            gpu_finish(&gpu);
        }
        udxg_case("signal/%s", rows[i].name) {
            D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMGPU args = {0};
            args.hContext = rows[i].context;
            args.ObjectCount = rows[i].count;
            args.ObjectHandleArray = rows[i].handles ? handles : NULL;
            args.MonitoredFenceValueArray = rows[i].values ? values : NULL;
            check_status(STATUS_INVALID_PARAMETER, D3DKMTSignalSynchronizationObjectFromGpu(&args));
            gpu_finish(&gpu);
            check_u64(0, *fence.value);
        }
        udxg_case("signal2/%s", rows[i].name) {
            D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMGPU2 args = {0};
           
            args.ObjectCount = rows[i].count;
            args.ObjectHandleArray = rows[i].handles ? handles : NULL;
            args.BroadcastContextCount = 1;
            args.BroadcastContextArray = &rows[i].context;
            args.MonitoredFenceValueArray = rows[i].values ? values : NULL;
            check_status(STATUS_INVALID_PARAMETER, D3DKMTSignalSynchronizationObjectFromGpu2(&args));
            gpu_finish(&gpu);
            check_u64(0, *fence.value);
        }
    }
    const ULONG counts[] = {0, 65, 0xffffffffu};
    for (size_t i = 0; i < LENGTH_OF(counts); i++) {
        udxg_case("signal2/BroadcastContextCount %u", (unsigned)counts[i]) {
            D3DKMT_HANDLE contexts[65];
            UINT64 value = 1;
            D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMGPU2 args = {0};
           
            for (size_t k = 0; k < LENGTH_OF(contexts); k++) contexts[k] = gpu.context;
            args.ObjectCount = 1;
            args.ObjectHandleArray = &fence.handle;
            args.BroadcastContextCount = counts[i];
            args.BroadcastContextArray = contexts;
            args.MonitoredFenceValueArray = &value;
            check_status(STATUS_INVALID_PARAMETER, D3DKMTSignalSynchronizationObjectFromGpu2(&args));
            check_u64(0, *fence.value);
        }
    }
}

static void gpu_order(void)
{
    struct gpu gpu;
    gpu_open(&gpu);
    D3DKMT_HANDLE second = create_context(gpu.device, 0);
    udxg_case("a signal comes after the work before it") {
        struct gpu_buffer a = create_gpu_buffer(&gpu, MIB(1));
        struct fence done = create_fence(gpu.device, 0);
        const uint8_t *data = (const uint8_t *)lock(gpu.device, a.allocation);
        for (uint32_t i = 1; i <= 50; i++) {
            struct udxg_soft_fill fill = udxg_soft_fill_command(a.va, MIB(1), i * 0x01010101u);
            require_success(submit(&gpu, &fill, sizeof(fill)));
            require_success(signal_gpu(gpu.context, done.handle, i));
            require_success(wait_cpu(gpu.device, done.handle, i, -1));
            require_u64(i, data[MIB(1) - 1]);
        }
    }
    udxg_case("a wait holds what comes after it, not what came before") {
        struct fence gate = create_fence(gpu.device, 0), before = create_fence(gpu.device, 0);
        struct fence after = create_fence(gpu.device, 0);
        require_success(signal_gpu(gpu.context, before.handle, 1));
        require_success(wait_gpu(gpu.context, gate.handle, 1));
        require_success(signal_gpu(gpu.context, after.handle, 1));
        check_status(STATUS_SUCCESS, wait_cpu(gpu.device, before.handle, 1, -1));
        usleep(50000);
        check_u64(0, *after.value);
        require_success(signal_cpu(gpu.device, gate.handle, 1, 0));
        check_status(STATUS_SUCCESS, wait_cpu(gpu.device, after.handle, 1, -1));
    }
    udxg_case("a waiting context does not hold another one of its node") {
        struct fence gate = create_fence(gpu.device, 0), done = create_fence(gpu.device, 0);
        require_success(wait_gpu(gpu.context, gate.handle, 1));
        struct gpu_buffer buffer = create_gpu_buffer(&gpu, PAGE_BYTES);
        struct udxg_soft_fill fill = udxg_soft_fill_command(buffer.va, PAGE_BYTES, 0x44444444);
        require_success(submit_to(&gpu, second, &fill, sizeof(fill)));
        require_success(signal_gpu(second, done.handle, 1));
        check_status(STATUS_SUCCESS, wait_cpu(gpu.device, done.handle, 1, -1));
        require_success(signal_cpu(gpu.device, gate.handle, 1, 0));
    }
    udxg_case("two contexts hand over to each other") {
        struct fence ping = create_fence(gpu.device, 0), pong = create_fence(gpu.device, 0);
        for (UINT64 i = 1; i <= 50; i++) {
            require_success(wait_gpu(gpu.context, pong.handle, i - 1));
            require_success(signal_gpu(gpu.context, ping.handle, i));
            require_success(wait_gpu(second, ping.handle, i));
            require_success(signal_gpu(second, pong.handle, i));
        }
        check_status(STATUS_SUCCESS, wait_cpu(gpu.device, pong.handle, 50, -1));
        check_u64(50, *ping.value);
        check_u64(50, *pong.value);
    }
    udxg_case("a wait for several objects waits for all") {
        struct fence gates[2] = {create_fence(gpu.device, 0), create_fence(gpu.device, 0)};
        struct fence done = create_fence(gpu.device, 0);
        D3DKMT_HANDLE handles[2] = {gates[0].handle, gates[1].handle};
        UINT64 values[2] = {1, 2};
        D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMGPU args = {0};
        args.hContext = gpu.context;
        args.ObjectCount = 2;
        args.ObjectHandleArray = handles;
        args.MonitoredFenceValueArray = values;
        require_success(D3DKMTWaitForSynchronizationObjectFromGpu(&args));
        require_success(signal_gpu(gpu.context, done.handle, 1));
        require_success(signal_cpu(gpu.device, gates[0].handle, 1, 0));
        require_success(signal_cpu(gpu.device, gates[1].handle, 1, 0));
        usleep(50000);
        check_u64(0, *done.value);
        require_success(signal_cpu(gpu.device, gates[1].handle, 2, 0));
        check_status(STATUS_SUCCESS, wait_cpu(gpu.device, done.handle, 1, -1));
    }
    udxg_case("signal2 in the named context, several objects at once") {
        struct fence a = create_fence(gpu.device, 0), b = create_fence(gpu.device, 0);
        D3DKMT_HANDLE handles[2] = {a.handle, b.handle};
        UINT64 values[2] = {3, 4};
        D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMGPU2 args = {0};
       
        args.ObjectCount = 2;
        args.ObjectHandleArray = handles;
        args.BroadcastContextCount = 1;
        args.BroadcastContextArray = &gpu.context;
        args.MonitoredFenceValueArray = values;
        require_success(D3DKMTSignalSynchronizationObjectFromGpu2(&args));
        gpu_finish(&gpu);
        check_u64(3, *a.value);
        check_u64(4, *b.value);
    }
    udxg_case("a signal of the GPU ends a blocking and an asynchronous wait of the CPU") {
        struct fence gate = create_fence(gpu.device, 0), done = create_fence(gpu.device, 0);
        int event = create_event();
        require_success(wait_cpu(gpu.device, done.handle, 7, event));
        require_success(wait_gpu(gpu.context, gate.handle, 1));
        require_success(signal_gpu(gpu.context, done.handle, 7));
        check_true(!event_is_set(event, 50));
        require_success(signal_cpu(gpu.device, gate.handle, 1, 0));
        check_true(event_is_set(event, 5000));
        check_status(STATUS_SUCCESS, wait_cpu(gpu.device, done.handle, 7, -1));
    }
    udxg_case("the fence of a paging queue can be waited for by a context, as Intel's runtime does") {
        check_status(STATUS_SUCCESS, wait_gpu(gpu.context, gpu.queue.fence, *gpu.queue.value));
        gpu_finish(&gpu);
    }
    udxg_case("destroying a fence that queued work uses leaves the queue running") {
        struct fence gate = create_fence(gpu.device, 0), victim = create_fence(gpu.device, 0);
        require_success(wait_gpu(gpu.context, gate.handle, 1));
        require_success(signal_gpu(gpu.context, victim.handle, 1));
        check_status(STATUS_SUCCESS, destroy(victim.handle));
        require_success(signal_cpu(gpu.device, gate.handle, 1, 0));
        gpu_finish(&gpu);
        check_u64(D3DKMT_DEVICEEXECUTION_ACTIVE, execution_state(gpu.device));
    }
}

int main(int argc, char **argv)
{
    static const struct udxg_test tests[] = {
        {"v1", ON_DISCRETE, create_v1},
        {"v2", ON_DISCRETE, create_v2},
        {"monitored fence", ON_EACH, monitored_fence},
        {"cpu/observed", ON_DISCRETE, cpu_observed},
        {"cpu/argument", ON_DISCRETE, cpu_arguments},
        {"cpu/wait", ON_DISCRETE, cpu_waits},
        {"gpu/argument", ON_DISCRETE, gpu_arguments},
        {"gpu/order", ON_EACH, gpu_order},
    };
    return conformance_main(argc, argv, tests, LENGTH_OF(tests));
}
