/* SPDX-License-Identifier: MIT */
/*
 * D3DKMTQueryStatistics: what the memory manager knows of processes, segments and segment groups. Adapter-wide
 * counters of faults and transfers, nodes and video present sources are not there.
 */
#include "core/adapter.h"
#include "core/handlers.h"
#include "core/process.h"

/* What a process has committed on all adapters. */
static udxg_status query_process(struct udxg_process *process, struct udxg_adapter *adapter,
                                 D3DKMT_QUERYSTATISTICS *args)
{
    D3DKMT_QUERYSTATISTICS_PROCESS_INFORMATION *information = &args->QueryResult.ProcessInformation;

    (void)adapter;
    for (uint32_t i = 0; i < UDXG_KERNEL_ADAPTERS; i++) {
        struct udxg_process_adapter *pa = atomic_load(&process->adapters[i]);
        struct vidmm_usage usage;

        if (!pa) continue;
        vidmm_process_usage(pa->vidmm, &usage);
        information->NodeCount += pa->adapter->caps.node_count;
        information->SystemMemory.BytesAllocated += usage.commit_bytes;
        information->SystemMemory.BytesReserved += usage.commit_limit_bytes;
    }
    return STATUS_SUCCESS;
}

static udxg_status query_segment(struct udxg_process *process, struct udxg_adapter *adapter,
                                 D3DKMT_QUERYSTATISTICS *args)
{
    D3DKMT_QUERYSTATISTICS_SEGMENT_INFORMATION *information = &args->QueryResult.SegmentInformation;
    struct vidmm_segment_info segment;
    /* Statistics number segments from 0, as the result of the ADAPTER query counts them. */
    udxg_status status = vidmm_adapter_segment(adapter->vidmm, args->QuerySegment.SegmentId + 1, &segment);

    (void)process;
    if (udxg_failed(status)) return status;
    information->CommitLimit = segment.capacity_bytes;
    information->BytesCommitted = segment.resident_bytes;
    information->BytesResident = segment.resident_bytes;
    information->Memory.AllocsCommitted = (ULONG)segment.resident_allocations;
    information->Memory.AllocsResident = (ULONG)segment.resident_allocations;
    information->Memory.TotalBytesEvicted = segment.paged_out_bytes + segment.discarded_bytes;
    information->Aperture = (segment.segment.flags & UDXG_SEGMENT_APERTURE) != 0;
    return STATUS_SUCCESS;
}

static udxg_status query_group(struct udxg_process *process, struct udxg_adapter *adapter, D3DKMT_QUERYSTATISTICS *args)
{
    D3DKMT_QUERYSTATISTICS_PROCESS_SEGMENT_GROUP_INFORMATION *information =
        &args->QueryResult.ProcessSegmentGroupInformation;
    struct udxg_process_adapter *pa;
    struct vidmm_budget budget;
    udxg_status status;

    if ((uint32_t)args->QueryProcessSegmentGroup >= VIDMM_GROUP_COUNT) return STATUS_INVALID_PARAMETER;
    status = udxg_process_adapter_get(process, adapter, &pa);
    if (udxg_failed(status)) return status;
    vidmm_process_budget(pa->vidmm, (enum vidmm_group)args->QueryProcessSegmentGroup, &budget);
    information->Budget = budget.budget_bytes;
    information->Requested = budget.usage_bytes;
    information->Usage = budget.usage_bytes;
    return STATUS_SUCCESS;
}

static udxg_status query_process_adapter(struct udxg_process *process, struct udxg_adapter *adapter,
                                         D3DKMT_QUERYSTATISTICS *args)
{
    D3DKMT_QUERYSTATISTICS_PROCESS_ADAPTER_INFORMATION *information = &args->QueryResult.ProcessAdapterInformation;
    struct udxg_process_adapter *pa;
    struct vidmm_usage usage;
    udxg_status status = udxg_process_adapter_get(process, adapter, &pa);

    if (udxg_failed(status)) return status;
    vidmm_process_usage(pa->vidmm, &usage);
    information->NbSegments = adapter->caps.segment_count;
    information->NodeCount = adapter->caps.node_count;
    information->CommitmentData.BytesBySegmentPreference[0] = usage.commit_bytes;
    return STATUS_SUCCESS;
}

typedef udxg_status query(struct udxg_process *process, struct udxg_adapter *adapter, D3DKMT_QUERYSTATISTICS *args);

static query *const queries[] = {
    [D3DKMT_QUERYSTATISTICS_PROCESS] = query_process, [D3DKMT_QUERYSTATISTICS_PROCESS_ADAPTER] = query_process_adapter,
    [D3DKMT_QUERYSTATISTICS_SEGMENT] = query_segment, [D3DKMT_QUERYSTATISTICS_PROCESS_SEGMENT_GROUP] = query_group,
    [D3DKMT_QUERYSTATISTICS_PHYSICAL_ADAPTER] = NULL,
};

udxg_status thunk_QueryStatistics(struct udxg_process *process, D3DKMT_QUERYSTATISTICS *args)
{
    struct udxg_adapter *adapter = udxg_kernel_find_adapter(process->kernel, args->AdapterLuid);
    udxg_status status = udxg_check_process_handle(args->hProcess);

    if (udxg_failed(status)) return status;
    if (!adapter || (uint32_t)args->Type >= sizeof queries / sizeof *queries) return STATUS_INVALID_PARAMETER;
    if (udxg_adapter_is_stopped(adapter)) return STATUS_DEVICE_REMOVED;
    return queries[args->Type] ? queries[args->Type](process, adapter, args) : STATUS_NOT_SUPPORTED;
}
