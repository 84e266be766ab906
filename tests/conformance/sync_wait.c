/* SPDX-License-Identifier: MIT */
/*
 * Waits and signals that stand in contexts, of all types and in all versions: which types a call is for, who owns a
 * mutex, what a semaphore counts, broadcasts, events, and what is given back when a wait ends early.
 */
#include "gate.h"

#include <unistd.h>

static D3DKMT_HANDLE create(D3DKMT_HANDLE device, D3DDDI_SYNCHRONIZATIONOBJECT_TYPE type, UINT a, UINT b)
{
    D3DKMT_CREATESYNCHRONIZATIONOBJECT2 args = {0};
    args.hDevice = device;
    args.Info.Type = type;
    args.Info.Flags.Shared = 1;
    if (type == D3DDDI_SYNCHRONIZATION_MUTEX) args.Info.SynchronizationMutex.InitialState = (BOOL)a;
    if (type == D3DDDI_SEMAPHORE) {
        args.Info.Semaphore.MaxCount = a;
        args.Info.Semaphore.InitialCount = b;
    }
    if (type == D3DDDI_FENCE) args.Info.Fence.FenceValue = a;
    if (type == D3DDDI_CPU_NOTIFICATION) args.Info.CPUNotification.Event = fd_handle((int)a);
    require_success(D3DKMTCreateSynchronizationObject2(&args));
    return args.hSyncObject;
}

static D3DKMT_HANDLE mutex(D3DKMT_HANDLE device, bool owned)
{
    return create(device, D3DDDI_SYNCHRONIZATION_MUTEX, owned, 0);
}

static D3DKMT_HANDLE semaphore(D3DKMT_HANDLE device, UINT most, UINT count)
{
    return create(device, D3DDDI_SEMAPHORE, most, count);
}

static NTSTATUS destroy(D3DKMT_HANDLE handle)
{
    D3DKMT_DESTROYSYNCHRONIZATIONOBJECT args = {handle};
    return D3DKMTDestroySynchronizationObject(&args);
}

static NTSTATUS wait1(D3DKMT_HANDLE context, UINT count, const D3DKMT_HANDLE *objects)
{
    D3DKMT_WAITFORSYNCHRONIZATIONOBJECT args = {0};
    args.hContext = context;
    args.ObjectCount = count;
    for (UINT i = 0; i < count && i < 32; i++) args.ObjectHandleArray[i] = objects[i];
    return D3DKMTWaitForSynchronizationObject(&args);
}

static NTSTATUS wait2(D3DKMT_HANDLE context, UINT count, const D3DKMT_HANDLE *objects, UINT64 value)
{
    D3DKMT_WAITFORSYNCHRONIZATIONOBJECT2 args = {0};
    args.hContext = context;
    args.ObjectCount = count;
    for (UINT i = 0; i < count && i < 32; i++) args.ObjectHandleArray[i] = objects[i];
    args.Fence.FenceValue = value;
    return D3DKMTWaitForSynchronizationObject2(&args);
}

static NTSTATUS wait_gpu_value(D3DKMT_HANDLE context, D3DKMT_HANDLE object, UINT64 value)
{
    D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMGPU args = {0};
    args.hContext = context;
    args.ObjectCount = 1;
    args.ObjectHandleArray = &object;
    args.FenceValue = value;
    return D3DKMTWaitForSynchronizationObjectFromGpu(&args);
}

static NTSTATUS signal1(D3DKMT_HANDLE context, UINT count, const D3DKMT_HANDLE *objects)
{
    D3DKMT_SIGNALSYNCHRONIZATIONOBJECT args = {0};
    args.hContext = context;
    args.ObjectCount = count;
    for (UINT i = 0; i < count && i < 32; i++) args.ObjectHandleArray[i] = objects[i];
    return D3DKMTSignalSynchronizationObject(&args);
}

static NTSTATUS signal2(D3DKMT_HANDLE context, UINT count, const D3DKMT_HANDLE *objects, UINT64 value, UINT flags)
{
    D3DKMT_SIGNALSYNCHRONIZATIONOBJECT2 args = {0};
    args.hContext = context;
    args.ObjectCount = count;
    for (UINT i = 0; i < count && i < 32; i++) args.ObjectHandleArray[i] = objects[i];
    args.Fence.FenceValue = value;
    args.Flags.Value = flags;
    return D3DKMTSignalSynchronizationObject2(&args);
}

/* Whether CONTEXT gets past what it waits for. */
static bool passes(const struct gpu *gpu, D3DKMT_HANDLE context, int timeout_ms)
{
    struct fence after = create_fence(gpu->device, 0);
    require_success(signal_gpu(context, after.handle, 1));
    int event = create_event();
    require_success(wait_cpu(gpu->device, after.handle, 1, event));
    return event_is_set(event, timeout_ms);
}

static void which_types(void)
{
    struct gpu gpu;
    gpu_open(&gpu);
    struct fence monitored = create_fence(gpu.device, 5);
    const struct {
        const char *name;
        D3DKMT_HANDLE handle;
        NTSTATUS wait1, wait2, signal1, signal2;
    } rows[] = {
        {"MUTEX", mutex(gpu.device, false), 0, 0, 0, 0},
        {"SEMAPHORE", semaphore(gpu.device, 9, 9), 0, 0, 0, 0},
        {"FENCE", create(gpu.device, D3DDDI_FENCE, 5, 0), STATUS_INVALID_PARAMETER, 0, STATUS_INVALID_PARAMETER, 0},
        {"CPU_NOTIFICATION", create(gpu.device, D3DDDI_CPU_NOTIFICATION, (UINT)create_event(), 0),
         STATUS_INVALID_PARAMETER, STATUS_INVALID_PARAMETER, STATUS_INVALID_PARAMETER, 0},
        {"MONITORED_FENCE", monitored.handle, STATUS_INVALID_PARAMETER, STATUS_INVALID_PARAMETER,
         STATUS_INVALID_PARAMETER, STATUS_INVALID_PARAMETER},
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        udxg_case("%s", rows[i].name) {
            D3DKMT_HANDLE context = create_context(gpu.device, 0);
            check_status(rows[i].wait1, wait1(context, 1, &rows[i].handle));
            check_status(rows[i].signal1, signal1(context, 1, &rows[i].handle));
            check_status(rows[i].wait2, wait2(context, 1, &rows[i].handle, 5));
            check_status(rows[i].signal2, signal2(context, 1, &rows[i].handle, 5, 0));
            check_true(passes(&gpu, context, 5000));
        }
    }
    udxg_case("counts: none, 33") {
        D3DKMT_HANDLE objects[32];
        for (size_t i = 0; i < 32; i++) objects[i] = semaphore(gpu.device, 1, 1);
        check_status(STATUS_INVALID_PARAMETER, wait1(gpu.context, 0, objects));
        check_status(STATUS_INVALID_PARAMETER, wait2(gpu.context, 0, objects, 0));
        check_status(STATUS_INVALID_PARAMETER, signal1(gpu.context, 0, objects));
        check_status(STATUS_INVALID_PARAMETER, signal2(gpu.context, 0, objects, 0, 0));
        check_status(STATUS_INVALID_PARAMETER, wait1(gpu.context, 33, objects));
        check_status(STATUS_INVALID_PARAMETER, signal2(gpu.context, 33, objects, 0, 0));
        check_status(STATUS_SUCCESS, wait1(gpu.context, 32, objects));
        check_status(STATUS_SUCCESS, signal1(gpu.context, 32, objects));
        gpu_finish(&gpu);
    }
    udxg_case("monitored and other objects do not mix, nor one twice, nor an old fence with others") {
        D3DKMT_HANDLE fence = create(gpu.device, D3DDDI_FENCE, 0, 0), m = mutex(gpu.device, false);
        const D3DKMT_HANDLE mixed[2] = {monitored.handle, m}, twice[2] = {m, m}, two[2] = {fence, m};
        const UINT64 values[2] = {5, 5};
        D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMGPU wait = {0};
        wait.hContext = gpu.context;
        wait.ObjectCount = 2;
        wait.ObjectHandleArray = mixed;
        wait.MonitoredFenceValueArray = values;
        check_status(STATUS_INVALID_PARAMETER, D3DKMTWaitForSynchronizationObjectFromGpu(&wait));
        check_status(STATUS_INVALID_PARAMETER, wait1(gpu.context, 2, twice));
        check_status(STATUS_INVALID_PARAMETER, signal2(gpu.context, 2, two, 1, 0));
        check_status(STATUS_SUCCESS, wait2(gpu.context, 2, two, 0));
        check_status(STATUS_SUCCESS, signal1(gpu.context, 1, &m));
        gpu_finish(&gpu);
    }
    udxg_case("an old fence's value stands where the array's address would") {
        D3DKMT_HANDLE fence = create(gpu.device, D3DDDI_FENCE, 0, 0), context = create_context(gpu.device, 0);
        D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMGPU2 args = {0};
        check_status(STATUS_SUCCESS, wait_gpu_value(context, fence, 0x10));
        check_true(!passes(&gpu, context, 50));
        args.ObjectCount = 1;
        args.ObjectHandleArray = &fence;
        args.BroadcastContextCount = 1;
        args.BroadcastContextArray = &gpu.context;
        args.FenceValue = 0xf;
        check_status(STATUS_SUCCESS, D3DKMTSignalSynchronizationObjectFromGpu2(&args));
        check_true(!passes(&gpu, context, 50));
        args.FenceValue = 0x10;
        check_status(STATUS_SUCCESS, D3DKMTSignalSynchronizationObjectFromGpu2(&args));
        check_true(passes(&gpu, context, 5000));
    }
}

static void mutexes(void)
{
    struct gpu gpu, other;
    gpu_open(&gpu);
    gpu_open_on(&other, gpu.adapter);
    udxg_case("one at a time, in the order of the waits") {
        D3DKMT_HANDLE m = mutex(gpu.device, false), a = create_context(gpu.device, 0),
                      b = create_context(gpu.device, 0);
        require_success(wait1(a, 1, &m));
        check_true(passes(&gpu, a, 5000));
        require_success(wait1(b, 1, &m));
        check_true(!passes(&gpu, b, 50));
        require_success(signal1(a, 1, &m));
        check_true(passes(&gpu, b, 5000));
        require_success(signal1(b, 1, &m));
    }
    udxg_case("owned at first by the device that makes it, which gives it up") {
        D3DKMT_HANDLE m = mutex(gpu.device, true), a = create_context(gpu.device, 0);
        require_success(wait1(a, 1, &m));
        check_true(!passes(&gpu, a, 50));
        require_success(signal1(gpu.context, 1, &m));
        check_true(passes(&gpu, a, 5000));
    }
    udxg_case("a signal of another device changes nothing") {
        D3DKMT_HANDLE m = mutex(gpu.device, true), a = create_context(gpu.device, 0);
        require_success(wait1(a, 1, &m));
        require_success(signal1(other.context, 1, &m));
        gpu_finish(&other);
        check_true(!passes(&gpu, a, 50));
    }
    udxg_case("its owner's device goes: the next one has it") {
        D3DKMT_CREATESYNCHRONIZATIONOBJECT2 args = {0};
        D3DKMT_OPENSYNCHRONIZATIONOBJECT open = {0};
        D3DKMT_HANDLE owner = create_device(gpu.adapter), a = create_context(gpu.device, 0);
        args.hDevice = owner;
        args.Info.Type = D3DDDI_SYNCHRONIZATION_MUTEX;
        args.Info.Flags.Shared = 1;
        args.Info.SynchronizationMutex.InitialState = TRUE;
        require_success(D3DKMTCreateSynchronizationObject2(&args));
        open.hSharedHandle = args.Info.SharedHandle;
        require_success(D3DKMTOpenSynchronizationObject(&open));
        require_success(wait1(a, 1, &open.hSyncObject));
        check_true(!passes(&gpu, a, 50));
        D3DKMT_DESTROYDEVICE end = {owner};
        require_success(D3DKMTDestroyDevice(&end));
        check_true(passes(&gpu, a, 5000));
    }
    udxg_case("two waits that name two mutexes in opposite orders") {
        D3DKMT_HANDLE m[2] = {mutex(gpu.device, false), mutex(gpu.device, false)}, back[2] = {m[1], m[0]};
        D3DKMT_HANDLE a = create_context(gpu.device, 0), b = create_context(gpu.device, 0);
        for (int i = 0; i < 200; i++) {
            require_success(wait1(a, 2, m));
            require_success(signal1(a, 2, m));
            require_success(wait1(b, 2, back));
            require_success(signal1(b, 2, back));
        }
        check_true(passes(&gpu, a, 10000));
        check_true(passes(&gpu, b, 10000));
    }
    udxg_case("what a wait had taken goes back with its context") {
        D3DKMT_HANDLE m[2] = {mutex(gpu.device, false), mutex(gpu.device, true)};
        D3DKMT_HANDLE a = create_context(gpu.device, 0), b = create_context(gpu.device, 0);
        D3DKMT_DESTROYCONTEXT end = {a};
        require_success(wait1(a, 2, m));
        usleep(20000);
        require_success(D3DKMTDestroyContext(&end));
        require_success(wait1(b, 1, &m[0]));
        check_true(passes(&gpu, b, 5000));
    }
    udxg_case("not held while its wait still hangs in a fence") {
        D3DKMT_HANDLE pairs[8][2];
        for (int i = 0; i < 8; i++) {
            pairs[i][i % 2] = mutex(gpu.device, false);
            pairs[i][1 - i % 2] = create(gpu.device, D3DDDI_FENCE, 0, 0);
        }
        for (int i = 0; i < 8; i++) {
            D3DKMT_HANDLE m = pairs[i][i % 2], fence = pairs[i][1 - i % 2];
            D3DKMT_HANDLE a = create_context(gpu.device, 0), b = create_context(gpu.device, 0);
            require_success(wait2(a, 2, pairs[i], 1));
            require_true(!passes(&gpu, a, 20));
            require_success(wait1(b, 1, &m));
            require_success(signal2(b, 1, &fence, 1, 0));
            require_success(signal1(b, 1, &m));
            check_true(passes(&gpu, b, 5000));
            check_true(passes(&gpu, a, 5000));
        }
    }
    udxg_case("destroyed while somebody waits: it goes on") {
        D3DKMT_HANDLE m = mutex(gpu.device, true), a = create_context(gpu.device, 0);
        require_success(wait1(a, 1, &m));
        check_status(STATUS_SUCCESS, destroy(m));
        check_true(passes(&gpu, a, 5000));
    }
}

static void semaphores(void)
{
    struct gpu gpu;
    gpu_open(&gpu);
    udxg_case("as many waits as there are") {
        D3DKMT_HANDLE s = semaphore(gpu.device, 3, 2), contexts[4];
        for (int i = 0; i < 4; i++) {
            contexts[i] = create_context(gpu.device, 0);
            require_success(wait1(contexts[i], 1, &s));
            check_true(passes(&gpu, contexts[i], i < 2 ? 5000 : 50) == (i < 2));
        }
        require_success(signal1(gpu.context, 1, &s));
        check_true(passes(&gpu, contexts[2], 5000));
        check_true(!passes(&gpu, contexts[3], 50));
        require_success(signal1(gpu.context, 1, &s));
        check_true(passes(&gpu, contexts[3], 5000));
    }
    udxg_case("what is over the maximum is lost") {
        D3DKMT_HANDLE s = semaphore(gpu.device, 1, 0), a = create_context(gpu.device, 0),
                      b = create_context(gpu.device, 0);
        for (int i = 0; i < 5; i++) require_success(signal1(gpu.context, 1, &s));
        gpu_finish(&gpu);
        require_success(wait1(a, 1, &s));
        require_success(wait1(b, 1, &s));
        check_true(passes(&gpu, a, 5000));
        check_true(!passes(&gpu, b, 50));
        require_success(signal1(gpu.context, 1, &s));
        check_true(passes(&gpu, b, 5000));
    }
    udxg_case("a broadcast is made by each context that reaches it") {
        D3DKMT_HANDLE s = semaphore(gpu.device, 9, 0), a = create_context(gpu.device, 0);
        D3DKMT_SIGNALSYNCHRONIZATIONOBJECT2 args = {0};
        args.hContext = gpu.context;
        args.ObjectCount = 1;
        args.ObjectHandleArray[0] = s;
        args.BroadcastContextCount = 64;
        for (int i = 0; i < 64; i++) args.BroadcastContext[i] = gpu.context;
        args.BroadcastContext[0] = create_context(gpu.device, 0);
        check_status(STATUS_SUCCESS, D3DKMTSignalSynchronizationObject2(&args));
        gpu_finish(&gpu);
        for (int i = 0; i < 2; i++) require_success(wait1(a, 1, &s));
        check_true(passes(&gpu, a, 5000));
        args.BroadcastContextCount = 65;
        check_status(STATUS_INVALID_PARAMETER, D3DKMTSignalSynchronizationObject2(&args));
    }
}

static void events(void)
{
    enum { AT_SUBMISSION = 1, CPU_EVENT = 2, REWIND = 4 };
    struct gpu gpu;
    gpu_open(&gpu);
    udxg_case("a CPU notification is signalled when the context comes to it") {
        struct fence gate = create_fence(gpu.device, 0);
        int event = create_event();
        D3DKMT_HANDLE object = create(gpu.device, D3DDDI_CPU_NOTIFICATION, (UINT)event, 0);
        require_success(wait_gpu(gpu.context, gate.handle, 1));
        check_status(STATUS_SUCCESS, signal2(gpu.context, 1, &object, 0, 0));
        check_true(!event_is_set(event, 50));
        require_success(signal_cpu(gpu.device, gate.handle, 1, 0));
        check_true(event_is_set(event, 5000));
    }
    udxg_case("EnqueueCpuEvent, version 2") {
        D3DKMT_SIGNALSYNCHRONIZATIONOBJECT2 args = {0};
        int event = create_event();
        args.hContext = gpu.context;
        args.Flags.Value = CPU_EVENT;
        check_status(STATUS_INVALID_HANDLE, D3DKMTSignalSynchronizationObject2(&args));
        args.CpuEventHandle = (HANDLE)(intptr_t)1000000;
        check_status(STATUS_INVALID_HANDLE, D3DKMTSignalSynchronizationObject2(&args));
        args.CpuEventHandle = fd_handle(event);
        check_status(STATUS_SUCCESS, D3DKMTSignalSynchronizationObject2(&args));
        check_true(event_is_set(event, 5000));
        args.ObjectCount = 1;
        args.ObjectHandleArray[0] = semaphore(gpu.device, 1, 0);
        check_status(STATUS_INVALID_PARAMETER, D3DKMTSignalSynchronizationObject2(&args));
    }
    udxg_case("EnqueueCpuEvent, FromGpu2, behind what is queued") {
        struct fence gate = create_fence(gpu.device, 0);
        D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMGPU2 args = {0};
        int event = create_event();
        require_success(wait_gpu(gpu.context, gate.handle, 1));
        args.Flags.Value = CPU_EVENT;
        args.BroadcastContextCount = 1;
        args.BroadcastContextArray = &gpu.context;
        args.CpuEventHandle = fd_handle(event);
        check_status(STATUS_SUCCESS, D3DKMTSignalSynchronizationObjectFromGpu2(&args));
        close(dup(event));
        check_true(!event_is_set(event, 50));
        require_success(signal_cpu(gpu.device, gate.handle, 1, 0));
        check_true(event_is_set(event, 5000));
        args.CpuEventHandle = NULL;
        check_status(STATUS_INVALID_HANDLE, D3DKMTSignalSynchronizationObjectFromGpu2(&args));
    }
    udxg_case("SignalAtSubmission does not wait for what is queued") {
        struct fence gate = create_fence(gpu.device, 0), now = create_fence(gpu.device, 0);
        D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMGPU2 args = {0};
        UINT64 value = 3;
        require_success(wait_gpu(gpu.context, gate.handle, 1));
        args.Flags.Value = AT_SUBMISSION;
        args.ObjectCount = 1;
        args.ObjectHandleArray = &now.handle;
        args.BroadcastContextCount = 1;
        args.BroadcastContextArray = &gpu.context;
        args.MonitoredFenceValueArray = &value;
        check_status(STATUS_SUCCESS, D3DKMTSignalSynchronizationObjectFromGpu2(&args));
        check_u64(3, *now.value);
        require_success(signal_cpu(gpu.device, gate.handle, 1, 0));
        gpu_finish(&gpu);
    }
    udxg_case("a full eventfd holds nobody up") {
        struct fence fence = create_fence(gpu.device, 0);
        int event = create_event();
        uint64_t full = ~0ull - 1;
        require_true(write(event, &full, sizeof(full)) == sizeof(full));
        require_success(wait_cpu(gpu.device, fence.handle, 1, event));
        check_status(STATUS_SUCCESS, signal_cpu(gpu.device, fence.handle, 1, 0));
        check_status(STATUS_SUCCESS, wait_cpu(gpu.device, fence.handle, 1, -1));
    }
}

/* One signal of many; each of the others must be left alone. */
static void many_waiters(void)
{
    enum { COUNT = 400 }; /* each pending wait has a descriptor */
    D3DKMT_HANDLE device = create_device(open_adapter());
    udxg_case("%d waits on one fence, let go one after the other, then all at once", COUNT) {
        struct fence fence = create_fence(device, 0);
        int event = create_event();
        uint64_t seen = 0, total = 0;
        for (UINT64 i = 1; i <= COUNT; i++) {
            D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMCPU args = {0};
            UINT64 value = i * 7919 % (COUNT + 1); /* a permutation of 1 to COUNT */
            args.hDevice = device;
            args.ObjectCount = 1;
            args.ObjectHandleArray = &fence.handle;
            args.FenceValueArray = &value;
            args.hAsyncEvent = fd_handle(event);
            require_success(D3DKMTWaitForSynchronizationObjectFromCpu(&args));
        }
        for (UINT64 v = 1; v <= COUNT; v += 10) {
            require_success(signal_cpu(device, fence.handle, v, 0));
            if (read(event, &seen, sizeof(seen)) == sizeof(seen)) total += seen;
        }
        require_success(signal_cpu(device, fence.handle, COUNT, 0));
        if (read(event, &seen, sizeof(seen)) == sizeof(seen)) total += seen;
        check_u64(COUNT, total);
    }
}

int main(int argc, char **argv)
{
    static const struct udxg_test tests[] = {
        {"types", ON_DISCRETE, which_types},    {"mutex", ON_DISCRETE, mutexes},
        {"semaphore", ON_DISCRETE, semaphores}, {"event", ON_DISCRETE, events},
        {"many", ON_DISCRETE, many_waiters},
    };
    return conformance_main(argc, argv, tests, LENGTH_OF(tests));
}
