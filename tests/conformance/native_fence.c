/* SPDX-License-Identifier: MIT */
/* Native fences: creation, both words, opening by NT handle, and what is refused. */
#include "fixture.h"

static D3DKMT_CREATENATIVEFENCE wanted(D3DKMT_HANDLE device)
{
    D3DKMT_CREATENATIVEFENCE args;
    memset(&args, 0, sizeof(args));
    args.hDevice = device;
    args.Info.InitialFenceValue = 5;
    return args;
}

static NTSTATUS share(D3DKMT_HANDLE fence, DWORD access, HANDLE *ret_handle)
{
    OBJECT_ATTRIBUTES attributes;
    memset(&attributes, 0, sizeof(attributes));
    attributes.Length = sizeof(attributes);
    return D3DKMTShareObjects(1, &fence, &attributes, access, ret_handle);
}

static void creation(void)
{
    struct gpu gpu;
    gpu_open(&gpu);
    udxg_case("both words") {
        D3DKMT_CREATENATIVEFENCE args = wanted(gpu.device);
        require_success(D3DKMTCreateNativeFence(&args));
        check_local(args.hSyncObject);
        const volatile UINT64 *value = (const volatile UINT64 *)args.Info.NativeFenceMapping.CurrentValueCpuVa;
        require_true(value != NULL);
        check_u64(5, *value);
        check_true(!is_writable(value));
        check_true(args.Info.NativeFenceMapping.CurrentValueGpuVa != 0);
        check_true(args.Info.NativeFenceMapping.MonitoredValueGpuVa != 0);
    }
    udxg_case("CPU and GPU wait for it and signal it") {
        D3DKMT_CREATENATIVEFENCE args = wanted(gpu.device);
        require_success(D3DKMTCreateNativeFence(&args));
        check_status(STATUS_SUCCESS, signal_gpu(gpu.context, args.hSyncObject, 6));
        check_status(STATUS_SUCCESS, wait_cpu(gpu.device, args.hSyncObject, 6, -1));
        check_status(STATUS_SUCCESS, signal_cpu(gpu.device, args.hSyncObject, 7, 0));
        check_status(STATUS_INVALID_PARAMETER, signal_cpu(gpu.device, args.hSyncObject, 6, 0));
        check_status(STATUS_SUCCESS, wait_gpu(gpu.context, args.hSyncObject, 7));
        gpu_finish(&gpu);
    }
    udxg_case("the monitored value is the smallest that is waited for") {
        D3DKMT_CREATENATIVEFENCE args = wanted(gpu.device);
        struct gpu_buffer buffer = create_gpu_buffer(&gpu, PAGE_BYTES);
        require_success(D3DKMTCreateNativeFence(&args));
        const UINT64 want[] = {~0ull, 20, 10, 20, ~0ull};
        for (size_t i = 0; i < LENGTH_OF(want); i++) {
            if (i == 1) require_success(wait_cpu(gpu.device, args.hSyncObject, 20, create_event()));
            if (i == 2) require_success(wait_cpu(gpu.device, args.hSyncObject, 10, create_event()));
            if (i == 3) require_success(signal_cpu(gpu.device, args.hSyncObject, 10, 0));
            if (i == 4) require_success(signal_cpu(gpu.device, args.hSyncObject, 20, 0));
            struct udxg_soft_copy copy =
                udxg_soft_copy_command(buffer.va, args.Info.NativeFenceMapping.MonitoredValueGpuVa, 8);
            require_success(submit(&gpu, &copy, sizeof(copy)));
            gpu_finish(&gpu);
            check_u64(want[i], *(const uint64_t *)lock(gpu.device, buffer.allocation));
        }
    }
    udxg_case("INTRA_GPU: not for the CPU") {
        D3DKMT_CREATENATIVEFENCE args = wanted(gpu.device);
        args.Info.Type = D3DDDI_NATIVEFENCE_TYPE_INTRA_GPU;
        require_success(D3DKMTCreateNativeFence(&args));
        check_u64(0, args.Info.NativeFenceMapping.MonitoredValueGpuVa);
        check_status(STATUS_INVALID_PARAMETER, signal_cpu(gpu.device, args.hSyncObject, 6, 0));
        check_status(STATUS_INVALID_PARAMETER, wait_cpu(gpu.device, args.hSyncObject, 5, -1));
        check_status(STATUS_SUCCESS, signal_gpu(gpu.context, args.hSyncObject, 6));
        check_status(STATUS_SUCCESS, wait_gpu(gpu.context, args.hSyncObject, 6));
        gpu_finish(&gpu);
    }
    enum { SHARED = 1, NT_SECURITY = 2, NO_SIGNAL = 16, NO_WAIT = 32, NO_GPU_ACCESS = 128 };
    const UINT bad_flags[] = {SHARED, NT_SECURITY, NO_SIGNAL | NO_WAIT, NO_GPU_ACCESS, 256, 0x80000000u};
    for (size_t i = 0; i < LENGTH_OF(bad_flags); i++) {
        udxg_case("flags 0x%x", bad_flags[i]) {
            D3DKMT_CREATENATIVEFENCE args = wanted(gpu.device);
            args.Info.Flags.Value = bad_flags[i];
            check_status(STATUS_INVALID_PARAMETER, D3DKMTCreateNativeFence(&args));
            check_u64(0, args.hSyncObject);
        }
    }
    udxg_case("other wrong arguments") {
        D3DKMT_CREATENATIVEFENCE args = wanted(0);
        check_status(STATUS_INVALID_PARAMETER, D3DKMTCreateNativeFence(NULL));
        check_status(STATUS_INVALID_PARAMETER, D3DKMTCreateNativeFence(&args));
        args = wanted(gpu.device);
        args.Info.Type = (D3DDDI_NATIVEFENCE_TYPE)2;
        check_status(STATUS_INVALID_PARAMETER, D3DKMTCreateNativeFence(&args));
        args = wanted(gpu.device);
        args.Info.EngineAffinity = 2;
        check_status(STATUS_INVALID_PARAMETER, D3DKMTCreateNativeFence(&args));
        args = wanted(gpu.device);
        args.Flags.Value = 1;
        check_status(STATUS_INVALID_PARAMETER, D3DKMTCreateNativeFence(&args));
        args = wanted(gpu.device);
        args.PrivateDriverData[63] = 1;
        check_status(STATUS_GRAPHICS_DRIVER_MISMATCH, D3DKMTCreateNativeFence(&args));
    }
}

static void opening(void)
{
    D3DKMT_HANDLE adapter = open_adapter(), device = create_device(adapter), other = create_device(adapter);
    D3DKMT_CREATENATIVEFENCE native = wanted(device);
    D3DKMT_CREATESYNCHRONIZATIONOBJECT2 plain;
    HANDLE native_handle = NULL, plain_handle = NULL;
    memset(&plain, 0, sizeof(plain));
    plain.hDevice = device;
    plain.Info.Type = D3DDDI_MONITORED_FENCE;
    plain.Info.Flags.Value = native.Info.Flags.Value = 3;
    require_success(D3DKMTCreateNativeFence(&native));
    require_success(D3DKMTCreateSynchronizationObject2(&plain));
    require_success(share(native.hSyncObject, D3DDDI_SYNC_OBJECT_ALL_ACCESS, &native_handle));
    require_success(share(plain.hSyncObject, D3DDDI_SYNC_OBJECT_ALL_ACCESS, &plain_handle));
    D3DKMT_OPENNATIVEFENCEFROMNTHANDLE args;
    memset(&args, 0, sizeof(args));
    udxg_case("it is the same fence") {
        args.hNtHandle = native_handle;
        args.hDevice = other;
        require_success(D3DKMTOpenNativeFenceFromNtHandle(&args));
        check_true(args.hSyncObject != native.hSyncObject);
        require_success(signal_cpu(other, args.hSyncObject, 9, 0));
        check_u64(9, *(const volatile UINT64 *)native.Info.NativeFenceMapping.CurrentValueCpuVa);
        check_u64(9, *(const volatile UINT64 *)args.NativeFenceMapping.CurrentValueCpuVa);
    }
    udxg_case("each kind has its own call") {
        D3DKMT_OPENSYNCOBJECTFROMNTHANDLE2 open2;
        memset(&open2, 0, sizeof(open2));
        open2.hNtHandle = native_handle;
        open2.hDevice = other;
        check_status(STATUS_INVALID_PARAMETER, D3DKMTOpenSyncObjectFromNtHandle2(&open2));
        args.hNtHandle = plain_handle;
        args.hDevice = other;
        check_status(STATUS_INVALID_PARAMETER, D3DKMTOpenNativeFenceFromNtHandle(&args));
    }
    udxg_case("no handle, no device") {
        args.hNtHandle = NULL;
        args.hDevice = other;
        check_status(STATUS_INVALID_HANDLE, D3DKMTOpenNativeFenceFromNtHandle(&args));
        args.hNtHandle = native_handle;
        args.hDevice = 0;
        check_status(STATUS_INVALID_PARAMETER, D3DKMTOpenNativeFenceFromNtHandle(&args));
    }
}

int main(int argc, char **argv)
{
    static const struct udxg_test tests[] = {{"create", ON_EACH, creation}, {"open", ON_DISCRETE, opening}};
    return conformance_main(argc, argv, tests, LENGTH_OF(tests));
}
