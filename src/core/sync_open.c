/* SPDX-License-Identifier: MIT */
/*
 * How a synchronisation object that somebody else made gets a local handle: by its global handle, for no device, and by
 * an NT handle, for a device or for none. Handles are published last. No lock of its own.
 */
#include "core/handlers.h"
#include "core/sync.h"

udxg_status udxg_sync_open_shared(struct udxg_process *process, struct udxg_sync *sync,
                                  const struct udxg_sync_open *how, struct udxg_sync_opening **ret_opening,
                                  uint32_t *ret_handle)
{
    udxg_status status = udxg_handle_reserve(&process->handles, 1, ret_handle);

    if (!udxg_failed(status)) {
        status = udxg_sync_opening_create(process, sync, how, ret_opening);
        if (udxg_failed(status)) udxg_handle_cancel(&process->handles, 1, ret_handle);
    }
    if (udxg_failed(status) && !how->watches) udxg_shared_close(&sync->shared);
    return status;
}

udxg_status thunk_OpenSynchronizationObject(struct udxg_process *process, D3DKMT_OPENSYNCHRONIZATIONOBJECT *args)
{
    const struct udxg_sync_open how = {.access = D3DDDI_SYNC_OBJECT_ALL_ACCESS};
    struct udxg_shared *shared =
        udxg_global_find(&process->kernel->globals, process->owner, args->hSharedHandle, UDXG_SHARED_SYNC);
    struct udxg_sync_opening *opening;
    uint32_t handle;
    udxg_status status;

    if (!shared) return STATUS_INVALID_PARAMETER;
    status = udxg_sync_open_shared(process, udxg_sync_of(shared), &how, &opening, &handle);
    if (udxg_failed(status)) return status;
    args->hSyncObject = handle;
    udxg_sync_opening_publish(opening, handle);
    return STATUS_SUCCESS;
}

udxg_status udxg_sync_open_nt(struct udxg_process *process, HANDLE nt_handle, bool native, struct udxg_sync_open *how,
                              struct udxg_sync_opening **ret_opening, uint32_t *ret_handle)
{
    struct udxg_nt_found found;
    struct udxg_sync *sync;
    udxg_status status = udxg_nt_find(&process->kernel->nt_handles, (intptr_t)nt_handle, UDXG_SHARED_SYNC, &found);

    if (udxg_failed(status)) return status;
    sync = udxg_sync_of(found.objects[0]);
    how->access = found.access;
    if (sync->native == native) {
        udxg_shared_open(&sync->shared);
        status = udxg_sync_open_shared(process, sync, how, ret_opening, ret_handle);
    } else {
        status = STATUS_INVALID_PARAMETER;
    }
    udxg_nt_forget(&found);
    return status;
}

udxg_status thunk_OpenSyncObjectFromNtHandle(struct udxg_process *process, D3DKMT_OPENSYNCOBJECTFROMNTHANDLE *args)
{
    struct udxg_sync_open how = {0};
    struct udxg_sync_opening *opening;
    uint32_t handle;
    udxg_status status = args->hNtHandle ? udxg_sync_open_nt(process, args->hNtHandle, false, &how, &opening, &handle)
                                         : STATUS_INVALID_HANDLE;

    if (udxg_failed(status)) return status;
    args->hSyncObject = handle;
    udxg_sync_opening_publish(opening, handle);
    return STATUS_SUCCESS;
}

udxg_status thunk_OpenSyncObjectFromNtHandle2(struct udxg_process *process, D3DKMT_OPENSYNCOBJECTFROMNTHANDLE2 *args)
{
    struct udxg_sync_open how = {.flags = args->Flags};
    struct udxg_sync_opening *opening;
    uint32_t handle;
    udxg_status status = udxg_device_get(process, args->hDevice, &how.device);

    if (udxg_failed(status)) return status;
    if ((args->Flags.NoSignal && args->Flags.NoWait) || args->MonitoredFence.EngineAffinity > 1)
        status = STATUS_INVALID_PARAMETER;
    else if (!args->hNtHandle)
        status = STATUS_INVALID_HANDLE;
    else
        status = udxg_sync_open_nt(process, args->hNtHandle, false, &how, &opening, &handle);
    if (!udxg_failed(status)) {
        args->MonitoredFence.FenceValueCPUVirtualAddress = (void *)opening->cpu;
        args->MonitoredFence.FenceValueGPUVirtualAddress = opening->gpu_va;
        args->hSyncObject = handle;
        udxg_sync_opening_publish(opening, handle);
    }
    udxg_device_put(how.device);
    return status;
}
