/* SPDX-License-Identifier: MIT */
/* Devices: CreateDevice, DestroyDevice with all that may hang on a device, GetDeviceState. */
#include "fixture.h"

static void create(void)
{
    D3DKMT_HANDLE adapter = open_adapter();
    udxg_case("NULL") {
        check_status(STATUS_INVALID_PARAMETER, D3DKMTCreateDevice(NULL));
    }
    udxg_case("zeroed") {
        D3DKMT_CREATEDEVICE args = {0};
        check_status(STATUS_INVALID_PARAMETER, D3DKMTCreateDevice(&args));
    }

    const struct {
        const char *name;
        UINT legacy, vsync, no_timeout;
    } good[] = {
        {"no flags", 0, 0, 0},
        {"LegacyMode", 1, 0, 0},
        {"RequestVSync", 0, 1, 0},
        {"DisableGpuTimeout", 0, 0, 1},
    };
    for (size_t i = 0; i < LENGTH_OF(good); i++) {
        udxg_case("%s", good[i].name) {
            D3DKMT_CREATEDEVICE args = {0};
            args.hAdapter = adapter;
            args.Flags.LegacyMode = good[i].legacy;
            args.Flags.RequestVSync = good[i].vsync;
            args.Flags.DisableGpuTimeout = good[i].no_timeout;
            args.hDevice = SENTINEL;
            args.pCommandBuffer = (VOID *)(uintptr_t)SENTINEL;
            args.pAllocationList = (D3DDDI_ALLOCATIONLIST *)(uintptr_t)SENTINEL;
            args.pPatchLocationList = (D3DDDI_PATCHLOCATIONLIST *)(uintptr_t)SENTINEL;
            args.CommandBufferSize = args.AllocationListSize = args.PatchLocationListSize = SENTINEL;
            require_success(D3DKMTCreateDevice(&args));
            check_local(args.hDevice);
            check_u64(adapter, args.hAdapter);
            check_true(args.pCommandBuffer == NULL);
            check_true(args.pAllocationList == NULL);
            check_true(args.pPatchLocationList == NULL);
            check_u64(0, args.CommandBufferSize);
            check_u64(0, args.AllocationListSize);
            check_u64(0, args.PatchLocationListSize);
        }
    }

    const struct {
        const char *name;
        D3DKMT_HANDLE adapter;
        UINT reserved;
    } bad[] = {
        {"hAdapter is no handle", BAD_HANDLE, 0},
        {"hAdapter is a device", create_device(adapter), 0},
        {"lowest reserved flag", adapter, 1},
        {"highest reserved flag", adapter, 1u << 28},
    };
    for (size_t i = 0; i < LENGTH_OF(bad); i++) {
        udxg_case("%s", bad[i].name) {
            D3DKMT_CREATEDEVICE args = {0};
            args.hAdapter = bad[i].adapter;
            args.Flags.Reserved = bad[i].reserved;
            args.hDevice = SENTINEL;
            args.CommandBufferSize = SENTINEL;
            check_status(STATUS_INVALID_PARAMETER, D3DKMTCreateDevice(&args));
            check_u64(SENTINEL, args.hDevice);
            check_u64(SENTINEL, args.CommandBufferSize);
        }
    }
    udxg_case("hAdapter was closed") {
        D3DKMT_CLOSEADAPTER close = {open_adapter()};
        D3DKMT_CREATEDEVICE args = {0};
        require_success(D3DKMTCloseAdapter(&close));
        args.hAdapter = close.hAdapter;
        check_status(STATUS_INVALID_PARAMETER, D3DKMTCreateDevice(&args));
    }
}

static void destroy(void)
{
    D3DKMT_HANDLE adapter = open_adapter();
    udxg_case("NULL") {
        check_status(STATUS_INVALID_PARAMETER, D3DKMTDestroyDevice(NULL));
    }
    udxg_case("zeroed") {
        D3DKMT_DESTROYDEVICE args = {0};
        check_status(STATUS_INVALID_PARAMETER, D3DKMTDestroyDevice(&args));
    }
    udxg_case("hDevice is an adapter") {
        D3DKMT_DESTROYDEVICE args = {adapter};
        check_status(STATUS_INVALID_PARAMETER, D3DKMTDestroyDevice(&args));
    }
    udxg_case("twice") {
        D3DKMT_DESTROYDEVICE args = {create_device(adapter)};
        check_status(STATUS_SUCCESS, D3DKMTDestroyDevice(&args));
        check_status(STATUS_INVALID_PARAMETER, D3DKMTDestroyDevice(&args));
    }
    udxg_case("with live objects: their handles die with it") {
        struct gpu gpu;
        gpu_open_on(&gpu, adapter);
        struct gpu_buffer buffer = create_gpu_buffer(&gpu, KIB(64));
        D3DKMT_HANDLE member;
        D3DKMT_HANDLE resource = create_resource(gpu.device, 1, false, &member);
        lock(gpu.device, member);
        D3DKMT_HANDLE other = create_device(adapter);

        D3DKMT_DESTROYDEVICE args = {gpu.device};
        require_success(D3DKMTDestroyDevice(&args));

        void *data = NULL;
        D3DKMT_DESTROYCONTEXT context = {gpu.context};
        D3DKMT_DESTROYSYNCHRONIZATIONOBJECT sync = {gpu.done.handle};
        D3DDDI_DESTROYPAGINGQUEUE queue = {gpu.queue.handle};
        check_status(STATUS_INVALID_PARAMETER, try_lock(other, buffer.allocation, &data));
        check_status(STATUS_INVALID_PARAMETER, try_lock(gpu.device, buffer.allocation, &data));
        check_status(STATUS_INVALID_PARAMETER, destroy_allocation(other, member));
        check_status(STATUS_INVALID_PARAMETER, destroy_resource(other, resource));
        check_status(STATUS_INVALID_PARAMETER, D3DKMTDestroyContext(&context));
        check_status(STATUS_INVALID_PARAMETER, D3DKMTDestroySynchronizationObject(&sync));
        check_status(STATUS_INVALID_PARAMETER, D3DKMTDestroyPagingQueue(&queue));
        check_u64(D3DKMT_DEVICEEXECUTION_ACTIVE, execution_state(other));
    }
    udxg_case("with live objects: GPU addresses and usage come back") {
        D3DKMT_QUERYVIDEOMEMORYINFO before[2], after[2];
        for (int group = 0; group < 2; group++)
            before[group] = memory_info(adapter, (D3DKMT_MEMORY_SEGMENT_GROUP)group);
        struct gpu gpu;
        gpu_open_on(&gpu, adapter);
        struct gpu_buffer buffer = create_gpu_buffer(&gpu, MIB(1));
        D3DKMT_DESTROYDEVICE args = {gpu.device};
        require_success(D3DKMTDestroyDevice(&args));
        for (int group = 0; group < 2; group++) {
            after[group] = memory_info(adapter, (D3DKMT_MEMORY_SEGMENT_GROUP)group);
            check_u64(before[group].CurrentUsage, after[group].CurrentUsage);
        }
        D3DDDI_RESERVEGPUVIRTUALADDRESS reserve = {0};
        reserve.hAdapter = adapter;
        reserve.BaseAddress = buffer.va / KIB(64) * KIB(64);
        reserve.Size = MIB(1);
        check_status(STATUS_SUCCESS, D3DKMTReserveGpuVirtualAddress(&reserve));
    }
    udxg_case("with work that waits for a fence nobody signals") {
        struct gpu gpu;
        gpu_open_on(&gpu, adapter);
        struct gpu_buffer buffer = create_gpu_buffer(&gpu, KIB(64));
        struct fence gate = create_fence(gpu.device, 0);
        require_success(wait_gpu(gpu.context, gate.handle, 1));
        struct udxg_soft_fill fill = udxg_soft_fill_command(buffer.va, buffer.size_bytes, 1);
        require_success(submit(&gpu, &fill, sizeof(fill)));
        D3DKMT_DESTROYDEVICE args = {gpu.device};
        check_status(STATUS_SUCCESS, D3DKMTDestroyDevice(&args));
        check_status(STATUS_INVALID_PARAMETER, D3DKMTDestroyDevice(&args));
    }
    udxg_case("while a command waits for a value nobody writes") {
        struct gpu gpu;
        gpu_open_on(&gpu, adapter);
        struct gpu_buffer buffer = create_gpu_buffer(&gpu, KIB(64));
        struct udxg_soft_wait wait;
        memset(&wait, 0, sizeof(wait));
        wait.header = udxg_soft_header(UDXG_SOFT_OP_WAIT, sizeof(wait));
        wait.va = buffer.va;
        wait.value = 1;
        wait.operand_bytes = 4;
        require_success(submit(&gpu, &wait, sizeof(wait)));
        D3DKMT_DESTROYDEVICE args = {gpu.device};
        check_status(STATUS_SUCCESS, D3DKMTDestroyDevice(&args));
        /* The engine is free again for others. */
        struct gpu next;
        gpu_open_on(&next, adapter);
        gpu_finish(&next);
    }
    udxg_case("leaves the other devices of the adapter alone") {
        struct gpu gpu;
        gpu_open_on(&gpu, adapter);
        struct gpu_buffer buffer = create_gpu_buffer(&gpu, KIB(64));
        D3DKMT_DESTROYDEVICE args = {create_device(adapter)};
        require_success(D3DKMTDestroyDevice(&args));
        struct udxg_soft_fill fill = udxg_soft_fill_command(buffer.va, buffer.size_bytes, 0x5a5a5a5a);
        require_success(submit(&gpu, &fill, sizeof(fill)));
        gpu_finish(&gpu);
        check_true(filled_with(lock(gpu.device, buffer.allocation), KIB(64), 0x5a));
    }
    udxg_case("gives back every fd") {
        struct gpu gpu;
        /* The first device may bring threads and pools that stay. */
        gpu_open_on(&gpu, adapter);
        create_gpu_buffer(&gpu, KIB(64));
        D3DKMT_DESTROYDEVICE args = {gpu.device};
        require_success(D3DKMTDestroyDevice(&args));
        int before = open_fd_count();
        for (int i = 0; i < 16; i++) {
            gpu_open_on(&gpu, adapter);
            create_gpu_buffer(&gpu, KIB(64));
            args.hDevice = gpu.device;
            require_success(D3DKMTDestroyDevice(&args));
        }
        check_u64(before, open_fd_count());
    }
}

static void state(void)
{
    D3DKMT_HANDLE device = create_device(open_adapter());
    udxg_case("NULL") {
        check_status(STATUS_INVALID_PARAMETER, D3DKMTGetDeviceState(NULL));
    }
    udxg_case("zeroed") {
        D3DKMT_GETDEVICESTATE args = {0};
        check_status(STATUS_INVALID_PARAMETER, D3DKMTGetDeviceState(&args));
    }
    udxg_case("EXECUTION of a fresh device") {
        D3DKMT_GETDEVICESTATE args = {0};
        args.hDevice = device;
        args.StateType = D3DKMT_DEVICESTATE_EXECUTION;
        args.ExecutionState = (D3DKMT_DEVICEEXECUTION_STATE)SENTINEL;
        require_success(D3DKMTGetDeviceState(&args));
        check_u64(D3DKMT_DEVICEEXECUTION_ACTIVE, args.ExecutionState);
    }
    udxg_case("RESET of a fresh device") {
        D3DKMT_GETDEVICESTATE args = {0};
        args.hDevice = device;
        args.StateType = D3DKMT_DEVICESTATE_RESET;
        args.ResetState.Value = SENTINEL;
        require_success(D3DKMTGetDeviceState(&args));
        check_u64(0, args.ResetState.Value);
    }
    udxg_case("PRESENT of a device that never presented") {
        D3DKMT_GETDEVICESTATE args = {0};
        args.hDevice = device;
        args.StateType = D3DKMT_DEVICESTATE_PRESENT;
        args.PresentState.PresentStats.PresentCount = SENTINEL;
        require_success(D3DKMTGetDeviceState(&args));
        check_u64(0, args.PresentState.PresentStats.PresentCount);
    }

    const struct {
        const char *name;
        D3DKMT_HANDLE device;
        int type;
    } bad[] = {
        {"hDevice 0", 0, D3DKMT_DEVICESTATE_EXECUTION},
        {"hDevice is no handle", BAD_HANDLE, D3DKMT_DEVICESTATE_EXECUTION},
        {"hDevice is an adapter", open_adapter(), D3DKMT_DEVICESTATE_EXECUTION},
        {"hDevice is an allocation", create_buffer(device, KIB(64)), D3DKMT_DEVICESTATE_EXECUTION},
        {"StateType 0", device, 0},
        {"StateType 7", device, 7},
    };
    for (size_t i = 0; i < LENGTH_OF(bad); i++) {
        udxg_case("%s", bad[i].name) {
            D3DKMT_GETDEVICESTATE args = {0};
            args.hDevice = bad[i].device;
            args.StateType = (D3DKMT_DEVICESTATE_TYPE)bad[i].type;
            args.ExecutionState = (D3DKMT_DEVICEEXECUTION_STATE)SENTINEL;
            check_status(STATUS_INVALID_PARAMETER, D3DKMTGetDeviceState(&args));
            check_u64(SENTINEL, args.ExecutionState);
        }
    }
}

int main(int argc, char **argv)
{
    static const struct udxg_test tests[] = {
        {"create", ON_DISCRETE, create},
        {"destroy", ON_EACH, destroy},
        {"state", ON_DISCRETE, state},
    };
    return conformance_main(argc, argv, tests, LENGTH_OF(tests));
}
