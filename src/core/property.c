/* SPDX-License-Identifier: MIT */
/*
 * D3DKMTUpdateAllocationProperty: where an allocation may be and would rather be, and with that, where it is. The
 * memory manager has the rules and the migration; the miniport is asked about what it did not say itself.
 */
#include <string.h>

#include "core/allocation.h"
#include "core/handlers.h"
#include "core/paging_queue.h"

static uint8_t preference(D3DDDI_SEGMENTPREFERENCE preference, uint32_t rank)
{
    uint32_t field = preference.Value >> 6 * rank; /* five times SegmentId:5, Direction:1 */
    return (uint8_t)((field & 0x1f) | (field & 0x20 ? VIDMM_FROM_END : 0));
}

static struct vidmm_property change_of(const D3DDDI_UPDATEALLOCPROPERTY *args)
{
    struct vidmm_property change = {
        .set_supported = args->SetSupportedSegmentSet,
        .set_preferred = args->SetPreferredSegment,
        .set_physical = args->SetAccessedPhysically,
        .set_unmoveable = args->SetUnmoveable,
        .supported_segments = args->SupportedSegmentSet,
        .physical = args->Flags.AccessedPhysically,
        .unmoveable = args->Flags.Unmoveable,
    };

    for (uint32_t rank = 0; rank < 5; rank++) change.preferred[rank] = preference(args->PreferredSegment, rank);
    return change;
}

static udxg_status ask_miniport(const struct udxg_memory *memory, const struct vidmm_property *change)
{
    const struct udxg_adapter *adapter = memory->pa->adapter;
    struct udxg_update_property call = {
        .allocation = memory->mp_allocation,
        .set_supported_segments = change->set_supported,
        .set_preferred = change->set_preferred,
        .set_accessed_physically = change->set_physical,
        .set_unmoveable = change->set_unmoveable,
        .supported_segments = change->supported_segments,
        .accessed_physically = change->physical,
        .unmoveable = change->unmoveable,
    };

    if (!adapter->miniport->validate_update_property || !memory->told_miniport) return STATUS_SUCCESS;
    for (uint32_t rank = 0; rank < 5; rank++) {
        call.preferred[rank].segment_id = change->preferred[rank] & ~VIDMM_FROM_END & 0xff;
        call.preferred[rank].from_end = change->preferred[rank] & VIDMM_FROM_END;
    }
    return adapter->miniport->validate_update_property(adapter->mp_adapter, &call);
}

static udxg_status update(struct udxg_paging_queue *queue, struct udxg_allocation *allocation,
                          D3DDDI_UPDATEALLOCPROPERTY *args)
{
    struct vidmm_property change = change_of(args);
    bool changes = false;
    udxg_status status = STATUS_SUCCESS;

    if (args->SetPreferredSegment && args->PreferredSegment.Reserved) return STATUS_INVALID_PARAMETER;
    status = vidmm_alloc_check_property(&allocation->memory->vidmm, &change, &changes);
    if (udxg_failed(status)) return status;
    args->PagingFenceValue = 0;
    if (!changes) return STATUS_SUCCESS;
    status = ask_miniport(allocation->memory, &change);
    if (udxg_failed(status)) return status;
    return vidmm_alloc_update_property(queue->vidmm, &allocation->vidmm, &change, &args->PagingFenceValue);
}

udxg_status thunk_UpdateAllocationProperty(struct udxg_process *process, D3DDDI_UPDATEALLOCPROPERTY *args)
{
    struct udxg_allocation *allocation;
    struct udxg_paging_queue *queue;
    udxg_status status = udxg_paging_queue_get(process, args->hPagingQueue, &queue);

    if (udxg_failed(status)) return status;
    allocation = udxg_allocation_get(queue->child.device, args->hAllocation);
    status = allocation ? update(queue, allocation, args) : STATUS_INVALID_PARAMETER;
    if (allocation) udxg_allocation_put(allocation);
    udxg_paging_queue_put(queue);
    return status;
}
