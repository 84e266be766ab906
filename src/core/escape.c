/* SPDX-License-Identifier: MIT */
/*
 * D3DKMTEscape: what goes to the miniport unread (DRIVERPRIVATE), and the memory manager's own questions
 * (VIDMM), of which the segment list is there.
 */
#include "core/context.h"
#include "core/handlers.h"

static D3DKMT_MEMORY_SEGMENT_GROUP group_of(const struct udxg_segment *segment)
{
    return segment->flags & UDXG_SEGMENT_LOCAL_BUDGET_GROUP ? D3DKMT_MEMORY_SEGMENT_GROUP_LOCAL
                                                            : D3DKMT_MEMORY_SEGMENT_GROUP_NON_LOCAL;
}

static udxg_status segment_caps(struct udxg_adapter *adapter, D3DKMT_GET_SEGMENT_CAPS *caps)
{
    if (caps->PhysicalAdapterIndex) return STATUS_INVALID_PARAMETER;
    caps->NumSegments = adapter->caps.segment_count;
    for (uint32_t i = 0; i < adapter->caps.segment_count; i++) {
        const struct udxg_segment *segment = &adapter->caps.segments[i];
        caps->SegmentCaps[i] = (D3DKMT_SEGMENT_CAPS){
            .Size = segment->size_bytes,
            .PageSize = segment->flags & UDXG_SEGMENT_USE_64KB_PAGES ? 65536 : 4096,
            .SegmentId = i + 1,
            .bAperture = (segment->flags & UDXG_SEGMENT_APERTURE) != 0,
            .BudgetGroup = group_of(segment),
        };
    }
    return STATUS_SUCCESS;
}

static udxg_status vidmm_escape(struct udxg_adapter *adapter, D3DKMT_VIDMM_ESCAPE *escape, uint32_t bytes)
{
    if (bytes < sizeof *escape || !escape) return STATUS_INVALID_PARAMETER;
    if (escape->Type != D3DKMT_VIDMMESCAPETYPE_GET_VAD_INFO) return STATUS_NOT_SUPPORTED;
    if (escape->GetVads.Command != D3DKMT_VAD_ESCAPE_GET_SEGMENT_CAPS) return STATUS_NOT_SUPPORTED;
    escape->GetVads.Status = segment_caps(adapter, &escape->GetVads.GetSegmentCaps);
    return escape->GetVads.Status;
}

/* Asks the miniport, in the name of DEVICE where there is one. */
static udxg_status driver_escape(struct udxg_adapter *adapter, struct udxg_device *device, const D3DKMT_ESCAPE *args)
{
    if (!adapter->miniport->escape) return STATUS_NOT_SUPPORTED;
    return adapter->miniport->escape(adapter->mp_adapter, device ? device->mp_device : NULL, args->pPrivateDriverData,
                                     args->PrivateDriverDataSize);
}

static udxg_status escape(struct udxg_adapter *adapter, struct udxg_device *device, const D3DKMT_ESCAPE *args)
{
    switch (args->Type) {
    case D3DKMT_ESCAPE_DRIVERPRIVATE:
        return driver_escape(adapter, device, args);
    case D3DKMT_ESCAPE_VIDMM:
        return vidmm_escape(adapter, args->pPrivateDriverData, args->PrivateDriverDataSize);
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
    if (!udxg_failed(status)) status = escape(adapter, device, args);
    if (device) udxg_device_put(device);
    return status;
}
