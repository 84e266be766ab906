/* SPDX-License-Identifier: MIT */
/* D3DKMTEscape: what goes to the miniport unread (DRIVERPRIVATE), and the memory manager's own (VIDMM). */
#include "core/context.h"
#include "core/handlers.h"
#include "core/vidmm_escape.h"

/* Asks the miniport, in the name of DEVICE where there is one. */
static udxg_status driver_escape(struct udxg_adapter *adapter, struct udxg_device *device, const D3DKMT_ESCAPE *args)
{
    if (!adapter->miniport->escape) return STATUS_NOT_SUPPORTED;
    return adapter->miniport->escape(adapter->mp_adapter, device ? device->mp_device : NULL, args->pPrivateDriverData,
                                     args->PrivateDriverDataSize);
}

static udxg_status escape(struct udxg_process *process, struct udxg_adapter *adapter, struct udxg_device *device,
                          const D3DKMT_ESCAPE *args)
{
    switch (args->Type) {
    case D3DKMT_ESCAPE_DRIVERPRIVATE:
        return driver_escape(adapter, device, args);
    case D3DKMT_ESCAPE_VIDMM:
        return udxg_vidmm_escape(process, adapter, args->pPrivateDriverData, args->PrivateDriverDataSize);
    default:
        return STATUS_NOT_SUPPORTED;
    }
}

/* An optional handle of a context: one of the device's, or none. */
static udxg_status check_context(struct udxg_process *process, struct udxg_device *device, uint32_t handle)
{
    struct udxg_context *context;
    udxg_status status;

    if (!handle) return STATUS_SUCCESS;
    status = udxg_context_get(process, handle, &context);
    if (udxg_failed(status)) return status;
    if (context->lane.child.device != device) status = STATUS_INVALID_PARAMETER;
    udxg_context_put(context);
    return status;
}

udxg_status thunk_Escape(struct udxg_process *process, D3DKMT_ESCAPE *args)
{
    struct udxg_device *device = NULL;
    struct udxg_adapter *adapter;
    udxg_status status = udxg_adapter_get(process, args->hAdapter, &adapter);

    if (udxg_failed(status)) return status;
    if (args->hDevice) {
        device = udxg_device_find(process, args->hDevice);
        if (!device) return STATUS_INVALID_PARAMETER;
    }
    status = device && device->adapter != adapter ? STATUS_INVALID_PARAMETER
                                                  : check_context(process, device, args->hContext);
    if (!udxg_failed(status)) status = escape(process, adapter, device, args);
    if (device) udxg_device_put(device);
    return status;
}
