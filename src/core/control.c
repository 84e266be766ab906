/* SPDX-License-Identifier: MIT */
/*
 * The calls of libudxg (include/udxg/udxg.h), and what DXCore asks, which reach the kernel as rows of the table like
 * any other.
 */
#include <string.h>

#include "base/os.h"
#include "core/adapter.h"
#include "core/allocation.h"
#include "core/handlers.h"
#include "core/process.h"
#include "core/write_watch.h"

udxg_status thunk_StopAdapter(struct udxg_process *process, struct udxg_stop_adapter *args)
{
    struct udxg_adapter *adapter = udxg_kernel_find_adapter(process->kernel, args->AdapterLuid);

    if (!udxg_process_may_disturb(process)) return STATUS_ACCESS_DENIED;
    if (!adapter) return STATUS_INVALID_PARAMETER;
    udxg_adapter_stop(adapter);
    return STATUS_SUCCESS;
}

udxg_status thunk_StartAdapter(struct udxg_process *process, struct udxg_start_adapter *args)
{
    struct udxg_adapter *adapter = udxg_kernel_find_adapter(process->kernel, args->AdapterLuid);

    if (!udxg_process_may_disturb(process)) return STATUS_ACCESS_DENIED;
    return adapter ? udxg_adapter_start(adapter) : STATUS_INVALID_PARAMETER;
}

udxg_status thunk_GetWriteWatch(struct udxg_process *process, struct udxg_get_write_watch *args)
{
    struct udxg_device *device;
    struct udxg_allocation *allocation;
    udxg_status status = udxg_device_get(process, args->hDevice, &device);

    if (udxg_failed(status)) return status;
    allocation = udxg_allocation_get(device, args->hAllocation);
    status = STATUS_INVALID_PARAMETER;
    if (allocation && allocation->memory->watch) {
        args->PageBytes = UDXG_PAGE_SIZE;
        status = udxg_write_watch_read(allocation->memory->watch, args->Flags & 1, args->pPages, &args->Count);
    }
    if (allocation) udxg_allocation_put(allocation);
    udxg_device_put(device);
    return status;
}

static void describe(const struct udxg_adapter *adapter, struct udxg_describe_adapter *args)
{
    const struct udxg_adapter_caps *caps = &adapter->caps;
    struct vidmm_sizes sizes;

    _Static_assert(sizeof args->Description == sizeof caps->description, "a description fits");
    vidmm_adapter_sizes(adapter->vidmm, &sizes);
    args->AdapterLuid = adapter->luid;
    args->DriverVersion = caps->driver_version;
    args->WddmVersion = caps->wddm_version;
    args->VendorId = caps->vendor_id;
    args->DeviceId = caps->device_id;
    args->SubVendorId = caps->sub_vendor_id;
    args->SubSystemId = caps->sub_system_id;
    args->RevisionId = caps->revision_id;
    args->IsHardware = caps->is_hardware;
    args->IsStopped = udxg_adapter_is_stopped(adapter);
    args->DedicatedVideoBytes = sizes.dedicated_video_bytes;
    args->DedicatedSystemBytes = sizes.dedicated_system_bytes;
    args->SharedSystemBytes = sizes.shared_system_bytes;
    memcpy(args->Description, caps->description, sizeof args->Description);
}

udxg_status thunk_DescribeAdapter(struct udxg_process *process, struct udxg_describe_adapter *args)
{
    const struct udxg_kernel *kernel = process->kernel;

    if (args->Index >= kernel->adapter_count) return STATUS_INVALID_PARAMETER;
    args->AdapterCount = kernel->adapter_count;
    describe(kernel->adapters[args->Index], args);
    return STATUS_SUCCESS;
}
