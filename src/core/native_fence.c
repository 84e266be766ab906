/* SPDX-License-Identifier: MIT */
/*
 * Native fences: monitored fences with a second word that engines read, the smallest value that anybody waits for. All
 * else is as with monitored fences (core/sync.h). Our miniports want to know nothing about one, so that its private
 * data must be zero. No lock of its own.
 */
#include <string.h>

#include "core/handlers.h"
#include "core/sync.h"

static bool is_zero(const BYTE *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (bytes[i]) return false;
    return true;
}

static udxg_status check(UINT engine_affinity, D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS flags, const BYTE *private_data)
{
    if (engine_affinity > 1 || flags.SignalByKmd || flags.NoGPUAccess) return STATUS_INVALID_PARAMETER;
    if (flags.NtSecuritySharing && !flags.Shared) return STATUS_INVALID_PARAMETER;
    if (flags.NoSignal && flags.NoWait) return STATUS_INVALID_PARAMETER;
    return is_zero(private_data, D3DDDI_NATIVE_FENCE_PDD_SIZE) ? STATUS_SUCCESS : STATUS_GRAPHICS_DRIVER_MISMATCH;
}

/* The second word of one that is not alone may lie in another block, which another adapter's engines do not see. */
static void report(const struct udxg_sync_opening *opening, D3DDDI_NATIVEFENCEMAPPING *mapping)
{
    const struct udxg_sync *sync = opening->sync;

    memset(mapping, 0, sizeof *mapping);
    mapping->CurrentValueCpuVa = (void *)opening->cpu;
    mapping->CurrentValueGpuVa = opening->gpu_va;
    if (!opening->own_mapping)
        mapping->MonitoredValueGpuVa = sync->monitored.gpu_va;
    else if (udxg_fence_slot_is_alone(&sync->monitored))
        mapping->MonitoredValueGpuVa = opening->own_mapping + sync->monitored.index * sizeof(uint64_t);
}

udxg_status thunk_CreateNativeFence(struct udxg_process *process, D3DKMT_CREATENATIVEFENCE *args)
{
    const D3DDDI_NATIVEFENCEINFO *info = &args->Info;
    const struct udxg_sync_desc desc = {
        .type = D3DDDI_MONITORED_FENCE,
        .flags = info->Flags,
        .value = info->InitialFenceValue,
        .native = true,
        .intra_gpu = info->Type == D3DDDI_NATIVEFENCE_TYPE_INTRA_GPU,
        .event_fd = -1,
    };
    struct udxg_device *device;
    struct udxg_sync *sync;
    uint32_t handle;
    udxg_status status = udxg_device_get(process, args->hDevice, &device);

    if (udxg_failed(status)) return status;
    status = check(info->EngineAffinity, info->Flags, args->PrivateDriverData);
    if (!desc.intra_gpu && info->Type != D3DDDI_NATIVEFENCE_TYPE_DEFAULT) status = STATUS_INVALID_PARAMETER;
    /* There is nowhere to put a global handle. */
    if (info->Flags.Shared && !info->Flags.NtSecuritySharing) status = STATUS_INVALID_PARAMETER;
    if (!udxg_failed(status)) status = udxg_sync_make(device, &desc, &sync, &handle);
    if (!udxg_failed(status)) {
        report(&sync->first, &args->Info.NativeFenceMapping);
        args->hSyncObject = handle;
        udxg_sync_publish(sync, handle);
    }
    udxg_device_put(device);
    return status;
}

udxg_status thunk_OpenNativeFenceFromNtHandle(struct udxg_process *process, D3DKMT_OPENNATIVEFENCEFROMNTHANDLE *args)
{
    struct udxg_sync_open how = {.flags = args->Flags};
    struct udxg_sync_opening *opening;
    uint32_t handle;
    udxg_status status = udxg_device_get(process, args->hDevice, &how.device);

    if (udxg_failed(status)) return status;
    status = check(args->EngineAffinity, (D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS){.Value = args->Flags.Value & 0x30},
                   args->PrivateDriverData);
    if (!udxg_failed(status))
        status = args->hNtHandle ? udxg_sync_open_nt(process, args->hNtHandle, true, &how, &opening, &handle)
                                 : STATUS_INVALID_HANDLE;
    if (!udxg_failed(status)) {
        report(opening, &args->NativeFenceMapping);
        args->hSyncObject = handle;
        udxg_sync_opening_publish(opening, handle);
    }
    udxg_device_put(how.device);
    return status;
}
