/* SPDX-License-Identifier: MIT */
/*
 * Synchronisation objects that are shared: global handles, NT handles, rights, flags, and how long an object lives.
 * What the types themselves do is in sync.c and sync_wait.c.
 */
#include "gate.h"

#include <pthread.h>
#include <unistd.h>

enum {
    SHARED = 1,
    NT_SECURITY = 2,
    CROSS_ADAPTER = 4,
    NO_SIGNAL = 16,
    NO_WAIT = 32,
    NO_GPU_ACCESS = 128,
    BY_KMD = 256
};

static const struct {
    const char *name;
    D3DDDI_SYNCHRONIZATIONOBJECT_TYPE type;
} types[] = {
    {"MUTEX", D3DDDI_SYNCHRONIZATION_MUTEX},
    {"SEMAPHORE", D3DDDI_SEMAPHORE},
    {"FENCE", D3DDDI_FENCE},
    {"CPU_NOTIFICATION", D3DDDI_CPU_NOTIFICATION},
    {"MONITORED_FENCE", D3DDDI_MONITORED_FENCE},
};

static D3DKMT_CREATESYNCHRONIZATIONOBJECT2 wanted(D3DKMT_HANDLE device, D3DDDI_SYNCHRONIZATIONOBJECT_TYPE type,
                                                  UINT flags)
{
    D3DKMT_CREATESYNCHRONIZATIONOBJECT2 args = {0};
    args.hDevice = device;
    args.Info.Type = type;
    args.Info.Flags.Value = flags;
    args.Info.SharedHandle = SENTINEL;
    if (type == D3DDDI_CPU_NOTIFICATION) args.Info.CPUNotification.Event = fd_handle(create_event());
    return args;
}

static D3DKMT_HANDLE create(D3DKMT_HANDLE device, D3DDDI_SYNCHRONIZATIONOBJECT_TYPE type, UINT flags)
{
    D3DKMT_CREATESYNCHRONIZATIONOBJECT2 args = wanted(device, type, flags);
    require_success(D3DKMTCreateSynchronizationObject2(&args));
    return args.hSyncObject;
}

static NTSTATUS destroy(D3DKMT_HANDLE handle)
{
    D3DKMT_DESTROYSYNCHRONIZATIONOBJECT args = {handle};
    return D3DKMTDestroySynchronizationObject(&args);
}

static void destroy_device(D3DKMT_HANDLE device)
{
    D3DKMT_DESTROYDEVICE args = {device};
    require_success(D3DKMTDestroyDevice(&args));
}

static NTSTATUS open_global(D3DKMT_HANDLE global, D3DKMT_HANDLE *ret_handle)
{
    D3DKMT_OPENSYNCHRONIZATIONOBJECT args = {0};
    args.hSharedHandle = global;
    NTSTATUS status = D3DKMTOpenSynchronizationObject(&args);
    if (ret_handle) *ret_handle = args.hSyncObject;
    return status;
}

static NTSTATUS share(D3DKMT_HANDLE handle, DWORD access, HANDLE *ret_handle)
{
    OBJECT_ATTRIBUTES attributes = {0};
    attributes.Length = sizeof(attributes);
    return D3DKMTShareObjects(1, &handle, &attributes, access, ret_handle);
}

static HANDLE shared(D3DKMT_HANDLE handle, DWORD access)
{
    HANDLE nt = NULL;
    require_success(share(handle, access, &nt));
    return nt;
}

static D3DKMT_OPENSYNCOBJECTFROMNTHANDLE2 opened(HANDLE nt, D3DKMT_HANDLE device, UINT flags)
{
    D3DKMT_OPENSYNCOBJECTFROMNTHANDLE2 args = {0};
    args.hNtHandle = nt;
    args.hDevice = device;
    args.Flags.Value = flags;
    require_success(D3DKMTOpenSyncObjectFromNtHandle2(&args));
    check_local(args.hSyncObject);
    check_u64(flags, args.Flags.Value);
    return args;
}

static void global_handles(void)
{
    D3DKMT_HANDLE device = create_device(open_adapter());
    for (size_t i = 0; i < LENGTH_OF(types); i++) {
        udxg_case("%s: SharedHandle", types[i].name) {
            D3DKMT_CREATESYNCHRONIZATIONOBJECT2 args = wanted(device, types[i].type, 0);
            require_success(D3DKMTCreateSynchronizationObject2(&args));
            check_u64(0, args.Info.SharedHandle);
            args = wanted(device, types[i].type, SHARED);
            require_success(D3DKMTCreateSynchronizationObject2(&args));
            check_global(args.Info.SharedHandle);
            args = wanted(device, types[i].type, SHARED | NT_SECURITY);
            require_success(D3DKMTCreateSynchronizationObject2(&args));
            check_u64(0, args.Info.SharedHandle);
            args = wanted(device, types[i].type, NT_SECURITY);
            check_status(STATUS_INVALID_PARAMETER, D3DKMTCreateSynchronizationObject2(&args));
            check_u64(SENTINEL, args.Info.SharedHandle);
        }
    }
    udxg_case("open, destroy, open") {
        D3DKMT_CREATESYNCHRONIZATIONOBJECT2 args = wanted(device, D3DDDI_MONITORED_FENCE, SHARED);
        D3DKMT_HANDLE a, b;
        require_success(D3DKMTCreateSynchronizationObject2(&args));
        D3DKMT_HANDLE global = args.Info.SharedHandle;
        check_status(STATUS_INVALID_PARAMETER, open_global(0, NULL));
        check_status(STATUS_INVALID_PARAMETER, open_global(args.hSyncObject, NULL));
        check_status(STATUS_INVALID_PARAMETER, open_global(BAD_HANDLE, NULL));
        check_status(STATUS_INVALID_PARAMETER, destroy(global));
        check_status(STATUS_SUCCESS, open_global(global, &a));
        check_local(a);
        check_true(a != args.hSyncObject);
        check_status(STATUS_SUCCESS, signal_cpu(device, a, 4, 0));
        check_u64(4, *(const volatile UINT64 *)args.Info.MonitoredFence.FenceValueCPUVirtualAddress);
        check_status(STATUS_SUCCESS, destroy(a));
        check_status(STATUS_INVALID_PARAMETER, destroy(a));
        check_status(STATUS_SUCCESS, open_global(global, &b));
        check_status(STATUS_SUCCESS, destroy(args.hSyncObject));
        check_status(STATUS_SUCCESS, wait_cpu(device, b, 4, -1));
        check_status(STATUS_SUCCESS, destroy(b));
        check_status(STATUS_INVALID_PARAMETER, open_global(global, NULL));
    }
    udxg_case("a failed open takes no handle, and one of a keyed mutex opens no sync object") {
        D3DKMT_CREATEKEYEDMUTEX mutex = {0};
        require_success(D3DKMTCreateKeyedMutex(&mutex));
        D3DKMT_HANDLE last = next_handle(device);
        check_status(STATUS_INVALID_PARAMETER, open_global(mutex.hSharedHandle, NULL));
        check_u64(last + 0x40, next_handle(device));
    }
    udxg_case("it outlives the device that made it") {
        D3DKMT_HANDLE other = create_device(open_adapter()), handle;
        D3DKMT_CREATESYNCHRONIZATIONOBJECT2 args = wanted(other, D3DDDI_MONITORED_FENCE, SHARED);
        require_success(D3DKMTCreateSynchronizationObject2(&args));
        require_success(open_global(args.Info.SharedHandle, &handle));
        destroy_device(other);
        check_status(STATUS_INVALID_PARAMETER, destroy(args.hSyncObject));
        check_status(STATUS_SUCCESS, signal_cpu(device, handle, 9, 0));
        check_status(STATUS_SUCCESS, wait_cpu(device, handle, 9, -1));
    }
}

static void nt_handles(void)
{
    D3DKMT_HANDLE adapter = open_adapter(), device = create_device(adapter), other = create_device(adapter);
    udxg_case("only NtSecuritySharing can be shared") {
        HANDLE nt = NULL;
        for (UINT flags = 0; flags < 2; flags++)
            check_status(STATUS_INVALID_PARAMETER,
                         share(create(device, D3DDDI_MONITORED_FENCE, flags), GENERIC_ALL, &nt));
    }
    udxg_case("zeroed, no device, no handle, a closed handle") {
        D3DKMT_OPENSYNCOBJECTFROMNTHANDLE one = {0};
        D3DKMT_OPENSYNCOBJECTFROMNTHANDLE2 two = {0};
        HANDLE nt = shared(create(device, D3DDDI_MONITORED_FENCE, 3), GENERIC_ALL);
        check_status(STATUS_INVALID_HANDLE, D3DKMTOpenSyncObjectFromNtHandle(&one));
        check_status(STATUS_INVALID_PARAMETER, D3DKMTOpenSyncObjectFromNtHandle2(&two));
        two.hNtHandle = nt;
        check_status(STATUS_INVALID_PARAMETER, D3DKMTOpenSyncObjectFromNtHandle2(&two));
        close((int)(intptr_t)nt);
        two.hDevice = device;
        check_status(STATUS_INVALID_HANDLE, D3DKMTOpenSyncObjectFromNtHandle2(&two));
        two.hNtHandle = fd_handle(create_event());
        check_status(STATUS_INVALID_HANDLE, D3DKMTOpenSyncObjectFromNtHandle2(&two));
        check_u64(0, two.hSyncObject);
    }
    udxg_case("all openings see one word") {
        D3DKMT_HANDLE fence = create(device, D3DDDI_MONITORED_FENCE, 3);
        HANDLE nt = shared(fence, D3DDDI_SYNC_OBJECT_ALL_ACCESS);
        D3DKMT_OPENSYNCOBJECTFROMNTHANDLE2 a = opened(nt, other, 0), b = opened(nt, other, 0);
        check_true(a.hSyncObject != b.hSyncObject);
        check_true(a.MonitoredFence.FenceValueGPUVirtualAddress != 0);
        require_success(signal_cpu(device, fence, 3, 0));
        check_u64(3, *(const volatile UINT64 *)a.MonitoredFence.FenceValueCPUVirtualAddress);
        check_status(STATUS_SUCCESS, wait_cpu(other, b.hSyncObject, 3, -1));
        check_true(!is_writable((const volatile UINT64 *)b.MonitoredFence.FenceValueCPUVirtualAddress));
    }
    udxg_case("an NT handle keeps the object, also a copy of it, and version 1 opens it for no device") {
        D3DKMT_HANDLE fence = create(device, D3DDDI_MONITORED_FENCE, 3);
        HANDLE nt = shared(fence, D3DDDI_SYNC_OBJECT_ALL_ACCESS);
        D3DKMT_OPENSYNCOBJECTFROMNTHANDLE args = {0};
        args.hNtHandle = fd_handle(dup((int)(intptr_t)nt));
        require_success(signal_cpu(device, fence, 8, 0));
        require_success(destroy(fence));
        close((int)(intptr_t)nt);
        require_success(D3DKMTOpenSyncObjectFromNtHandle(&args));
        check_status(STATUS_SUCCESS, wait_cpu(device, args.hSyncObject, 8, -1));
    }
    const struct {
        const char *name;
        DWORD access;
        NTSTATUS wait, signal;
    } rights[] = {
        {"WAIT", D3DDDI_SYNC_OBJECT_WAIT, STATUS_SUCCESS, STATUS_ACCESS_DENIED},
        {"SIGNAL", D3DDDI_SYNC_OBJECT_SIGNAL, STATUS_ACCESS_DENIED, STATUS_SUCCESS},
        {"ALL_ACCESS", D3DDDI_SYNC_OBJECT_ALL_ACCESS, STATUS_SUCCESS, STATUS_SUCCESS},
        {"GENERIC_ALL", GENERIC_ALL, STATUS_SUCCESS, STATUS_SUCCESS},
        {"STANDARD_RIGHTS_READ", 0x20000, STATUS_ACCESS_DENIED, STATUS_ACCESS_DENIED},
    };
    for (size_t i = 0; i < LENGTH_OF(rights); i++) {
        udxg_case("right %s", rights[i].name) {
            HANDLE nt = shared(create(device, D3DDDI_MONITORED_FENCE, 3), rights[i].access);
            D3DKMT_HANDLE fence = opened(nt, other, 0).hSyncObject;
            check_status(rights[i].wait, wait_cpu(other, fence, 0, -1));
            check_status(rights[i].signal, signal_cpu(other, fence, 1, 0));
        }
    }
    udxg_case("flags of an opening are its own") {
        D3DKMT_HANDLE fence = create(device, D3DDDI_MONITORED_FENCE, 3);
        HANDLE nt = shared(fence, GENERIC_ALL);
        D3DKMT_OPENSYNCOBJECTFROMNTHANDLE2 quiet = opened(nt, other, NO_SIGNAL), deaf = opened(nt, other, NO_WAIT);
        check_status(STATUS_ACCESS_DENIED, signal_cpu(other, quiet.hSyncObject, 1, 0));
        check_status(STATUS_ACCESS_DENIED, wait_cpu(other, deaf.hSyncObject, 0, -1));
        check_status(STATUS_SUCCESS, signal_cpu(other, deaf.hSyncObject, 1, 0));
        check_status(STATUS_SUCCESS, wait_cpu(other, quiet.hSyncObject, 1, -1));
        check_status(STATUS_SUCCESS, signal_cpu(device, fence, 2, 0));
        check_u64(0, opened(nt, other, NO_GPU_ACCESS).MonitoredFence.FenceValueGPUVirtualAddress);
    }
    const UINT bad[] = {NO_SIGNAL | NO_WAIT, BY_KMD, 512, 0x80000000u};
    for (size_t i = 0; i < LENGTH_OF(bad); i++) {
        udxg_case("open with flags 0x%x", bad[i]) {
            D3DKMT_OPENSYNCOBJECTFROMNTHANDLE2 args = {0};
            args.hNtHandle = shared(create(device, D3DDDI_MONITORED_FENCE, 3), GENERIC_ALL);
            args.hDevice = other;
            args.Flags.Value = bad[i];
            check_status(STATUS_INVALID_PARAMETER, D3DKMTOpenSyncObjectFromNtHandle2(&args));
            check_u64(0, args.hSyncObject);
        }
    }
    udxg_case("what was opened with few rights hands on no more") {
        HANDLE nt = shared(create(device, D3DDDI_MONITORED_FENCE, 3), D3DDDI_SYNC_OBJECT_WAIT);
        D3DKMT_HANDLE weak = opened(nt, other, 0).hSyncObject;
        D3DKMT_HANDLE again = opened(shared(weak, GENERIC_ALL), other, 0).hSyncObject;
        check_status(STATUS_ACCESS_DENIED, signal_cpu(other, again, 1, 0));
        check_status(STATUS_SUCCESS, wait_cpu(other, again, 0, -1));
    }
}

/* A resource, a keyed mutex and FENCE, all of which may be shared by NT handle, in one. */
static NTSTATUS share_beside(D3DKMT_HANDLE device, D3DKMT_HANDLE fence, HANDLE *ret_handle)
{
    OBJECT_ATTRIBUTES attributes = {0};
    D3DKMT_CREATEKEYEDMUTEX2 mutex = {0};
    mutex.Flags.NtSecuritySharing = 1;
    require_success(D3DKMTCreateKeyedMutex2(&mutex));
    D3DKMT_HANDLE objects[3] = {create_resource(device, 1, true, NULL), mutex.hKeyedMutex, fence};
    attributes.Length = sizeof(attributes);
    return D3DKMTShareObjects(3, objects, &attributes, D3DDDI_SYNC_OBJECT_ALL_ACCESS, ret_handle);
}

static void beside_a_resource(void)
{
    D3DKMT_HANDLE device = create_device(open_adapter());
    D3DKMT_HANDLE fence = create(device, D3DDDI_MONITORED_FENCE, 3);
    const DWORD few[] = {D3DDDI_SYNC_OBJECT_WAIT, D3DDDI_SYNC_OBJECT_SIGNAL};
    udxg_case("with all rights") {
        HANDLE nt = NULL;
        check_status(STATUS_SUCCESS, share_beside(device, fence, &nt));
        D3DKMT_HANDLE strong = opened(shared(fence, D3DDDI_SYNC_OBJECT_ALL_ACCESS), device, 3).hSyncObject;
        check_status(STATUS_SUCCESS, share_beside(device, strong, &nt));
    }
    for (size_t i = 0; i < LENGTH_OF(few); i++) {
        udxg_case("with right %u alone: it would be opened with all", (unsigned)few[i]) {
            HANDLE nt = NULL;
            D3DKMT_HANDLE weak = opened(shared(fence, few[i]), device, 3).hSyncObject;
            check_status(STATUS_INVALID_PARAMETER, share_beside(device, weak, &nt));
            check_u64(0, (uintptr_t)nt);
        }
    }
}

static void flags(void)
{
    struct gpu gpu;
    gpu_open(&gpu);
    udxg_case("NoGPUAccess: no GPU address") {
        D3DKMT_CREATESYNCHRONIZATIONOBJECT2 args = wanted(gpu.device, D3DDDI_MONITORED_FENCE, NO_GPU_ACCESS);
        require_success(D3DKMTCreateSynchronizationObject2(&args));
        check_u64(0, args.Info.MonitoredFence.FenceValueGPUVirtualAddress);
        check_true(args.Info.MonitoredFence.FenceValueCPUVirtualAddress != NULL);
    }
    udxg_case("SignalByKmd: created, and no client signals it") {
        D3DKMT_HANDLE handle = create(gpu.device, D3DDDI_CPU_NOTIFICATION, BY_KMD);
        D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMGPU args = {0};
        args.hContext = gpu.context;
        args.ObjectCount = 1;
        args.ObjectHandleArray = &handle;
        check_status(STATUS_ACCESS_DENIED, D3DKMTSignalSynchronizationObjectFromGpu(&args));
    }
    udxg_case("CPU_NOTIFICATION: what is no eventfd") {
        D3DKMT_CREATESYNCHRONIZATIONOBJECT2 args = wanted(gpu.device, D3DDDI_CPU_NOTIFICATION, 0);
        args.Info.CPUNotification.Event = fd_handle(dup(1));
        check_status(STATUS_INVALID_HANDLE, D3DKMTCreateSynchronizationObject2(&args));
    }
    udxg_case("SEMAPHORE: more than its maximum at first") {
        D3DKMT_CREATESYNCHRONIZATIONOBJECT2 args = wanted(gpu.device, D3DDDI_SEMAPHORE, 0);
        args.Info.Semaphore.MaxCount = 2;
        args.Info.Semaphore.InitialCount = 3;
        check_status(STATUS_INVALID_PARAMETER, D3DKMTCreateSynchronizationObject2(&args));
    }
    udxg_case("PERIODIC_MONITORED_FENCE: there is no target that it could follow") {
        D3DKMT_CREATESYNCHRONIZATIONOBJECT2 args = wanted(gpu.device, D3DDDI_PERIODIC_MONITORED_FENCE, 0);
        args.Info.PeriodicMonitoredFence.hAdapter = gpu.adapter;
        check_status(STATUS_INVALID_PARAMETER, D3DKMTCreateSynchronizationObject2(&args));
        check_u64(0, args.hSyncObject);
    }
    udxg_case("a device in error: what it made goes to the largest value, NoSignalMaxValueOnTdr does not") {
        D3DKMT_HANDLE device = create_device(gpu.adapter), other = create_device(gpu.adapter);
        D3DKMT_CREATESYNCHRONIZATIONOBJECT2 lost = wanted(device, D3DDDI_MONITORED_FENCE, 3);
        D3DKMT_CREATESYNCHRONIZATIONOBJECT2 kept = wanted(device, D3DDDI_MONITORED_FENCE, 64);
        D3DKMT_MARKDEVICEASERROR mark = {0};
        require_success(D3DKMTCreateSynchronizationObject2(&lost));
        require_success(D3DKMTCreateSynchronizationObject2(&kept));
        D3DKMT_HANDLE seen = opened(shared(lost.hSyncObject, GENERIC_ALL), other, 0).hSyncObject;
        int event = create_event();
        require_success(wait_cpu(other, seen, 12345, event));
        mark.hDevice = device;
        require_success(D3DKMTMarkDeviceAsError(&mark));
        check_true(event_is_set(event, 5000));
        check_u64(~0ull, *(const volatile UINT64 *)lost.Info.MonitoredFence.FenceValueCPUVirtualAddress);
        check_u64(0, *(const volatile UINT64 *)kept.Info.MonitoredFence.FenceValueCPUVirtualAddress);
    }
    udxg_case("the last handle goes while somebody waits: it is told") {
        struct fence fence = create_fence(gpu.device, 0);
        int event = create_event();
        require_success(wait_cpu(gpu.device, fence.handle, 1, event));
        check_status(STATUS_SUCCESS, destroy(fence.handle));
        check_true(event_is_set(event, 5000));
    }
    udxg_case("not the last: it goes on waiting") {
        D3DKMT_CREATESYNCHRONIZATIONOBJECT2 args = wanted(gpu.device, D3DDDI_MONITORED_FENCE, SHARED);
        D3DKMT_HANDLE handle;
        int event = create_event();
        require_success(D3DKMTCreateSynchronizationObject2(&args));
        require_success(open_global(args.Info.SharedHandle, &handle));
        require_success(wait_cpu(gpu.device, args.hSyncObject, 1, event));
        require_success(destroy(args.hSyncObject));
        check_true(!event_is_set(event, 50));
        require_success(signal_cpu(gpu.device, handle, 1, 0));
        check_true(event_is_set(event, 5000));
    }
}

static void two_adapters(void)
{
    D3DKMT_ADAPTERINFO infos[4];
    D3DKMT_ENUMADAPTERS2 adapters = {0};
    adapters.NumAdapters = 4;
    adapters.pAdapters = infos;
    require_success(D3DKMTEnumAdapters2(&adapters));
    require_u64(2, adapters.NumAdapters);
    struct gpu one, two;
    gpu_open_on(&one, infos[0].hAdapter);
    gpu_open_on(&two, infos[1].hAdapter);
    udxg_case("without CrossAdapter it is not for another adapter") {
        D3DKMT_OPENSYNCOBJECTFROMNTHANDLE2 args = {0};
        args.hNtHandle = shared(create(one.device, D3DDDI_MONITORED_FENCE, 3), GENERIC_ALL);
        args.hDevice = two.device;
        check_status(STATUS_INVALID_PARAMETER, D3DKMTOpenSyncObjectFromNtHandle2(&args));
    }
    udxg_case("with it, engines of both write the same word") {
        D3DKMT_CREATESYNCHRONIZATIONOBJECT2 args = wanted(one.device, D3DDDI_MONITORED_FENCE, 3 | CROSS_ADAPTER);
        require_success(D3DKMTCreateSynchronizationObject2(&args));
        D3DKMT_OPENSYNCOBJECTFROMNTHANDLE2 there = opened(shared(args.hSyncObject, GENERIC_ALL), two.device, 0);
        require_success(signal_gpu(two.context, there.hSyncObject, 5));
        check_status(STATUS_SUCCESS, wait_cpu(one.device, args.hSyncObject, 5, -1));
        struct {
            struct udxg_soft_write write;
            uint64_t data;
        } commands;
        memset(&commands, 0, sizeof(commands));
        commands.write.header = udxg_soft_header(UDXG_SOFT_OP_WRITE, sizeof(commands.write) + 8);
        commands.write.va = there.MonitoredFence.FenceValueGPUVirtualAddress;
        commands.write.data_bytes = 8;
        commands.data = 9;
        require_success(submit(&two, &commands, sizeof(commands)));
        check_status(STATUS_SUCCESS, wait_cpu(one.device, args.hSyncObject, 9, -1));
        check_status(STATUS_SUCCESS, destroy(there.hSyncObject));
        check_status(STATUS_SUCCESS, destroy(args.hSyncObject));
    }
}

int main(int argc, char **argv)
{
    static const struct udxg_test tests[] = {
        {"global", ON_DISCRETE, global_handles},
        {"NT", ON_DISCRETE, nt_handles},
        {"beside a resource", ON_DISCRETE, beside_a_resource},
        {"flags", ON_EACH, flags},
        {"two adapters", ON_BOTH, two_adapters},
    };
    return conformance_main(argc, argv, tests, LENGTH_OF(tests));
}
