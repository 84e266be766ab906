/* SPDX-License-Identifier: MIT */
/*
 * D3DKMTQueryStatistics. Fields that stay 0 are of things that do not exist here: patch lists and renamed
 * allocations of WDDM 1, swizzling ranges, displays, a system process with packets of its own, memory that is filled
 * by the GPU (homes are zeroed by the CPU), write-combined memory. Reset memory (MEM_RESET) is what is on offer.
 */
#include "core/adapter.h"
#include "core/engine.h"
#include "core/handlers.h"
#include "core/process.h"
#include "ddi/wide.h"

typedef D3DKMT_QUERYSTATISTICS_COUNTER counter;

static counter report(struct vidmm_count count)
{
    return (counter){.Count = (ULONG)count.count, .Bytes = count.bytes};
}

/* Whom a query of a process is about. */
struct subject {
    struct udxg_process *caller;
    bool is_caller;
    struct udxg_present other; /* unless it is the caller */
};

/* What it has on the adapter; NULL: it is another process, which does not use the adapter, so there is nothing. */
static udxg_status find_part(const struct subject *subject, struct udxg_adapter *adapter,
                             struct udxg_process_adapter **ret_pa)
{
    if (subject->is_caller) return udxg_process_adapter_get(subject->caller, adapter, ret_pa);
    *ret_pa = subject->other.adapters[adapter->index];
    return STATUS_SUCCESS;
}

/* ---- adapter ---- */

static void report_faults(const struct vidmm_counters *from, D3DKMT_QUERYSTATSTICS_PAGING_FAULT *to)
{
    struct vidmm_count all = {0};

    for (unsigned i = 0; i < VIDMM_EVICTIONS; i++) {
        all.count += from->evicted[i].count;
        all.bytes += from->evicted[i].bytes;
    }
    to->Faults = report(from->faults);
    to->FaultsFirstTimeAccess = report(from->faults_first);
    to->FaultsMigration = report(from->faults_migrated);
    to->FaultsEvicted = report(from->faults_evicted);
    to->Evictions = report(all);
    to->EvictionsDueToPreparation = report(from->evicted[VIDMM_EVICTED_FOR_ROOM]);
    to->EvictionsDueToLock = report(from->evicted[VIDMM_EVICTED_TO_LOCK]);
    to->EvictionsDueToClose = report(from->evicted[VIDMM_EVICTED_TO_CLOSE]);
    to->EvictionsDueToPurge = report(from->evicted[VIDMM_EVICTED_TO_PURGE]);
    to->EvictionsDueToSuspendCPUAccess = report(from->evicted[VIDMM_EVICTED_TO_SUSPEND]);
}

static counter report_tally(struct vidmm_tally tally)
{
    return (counter){.Count = (ULONG)tally.count, .Bytes = tally.bytes};
}

static void report_offers(struct vidmm_adapter *adapter, D3DKMT_QUERYSTATSTICS_PAGING_FAULT *to)
{
    struct vidmm_offer_counters offers;
    struct vidmm_tally lost;

    vidmm_adapter_offer_counters(adapter, &offers);
    lost = offers.reclaimed[VIDMM_RECLAIM_DISCARDED];
    lost.count += offers.reclaimed[VIDMM_RECLAIM_NOT_COMMITTED].count;
    lost.bytes += offers.reclaimed[VIDMM_RECLAIM_NOT_COMMITTED].bytes;
    to->AllocationsMEM_RESET = report_tally(offers.offered);
    to->AllocationsUnresetSuccess = report_tally(offers.reclaimed[VIDMM_RECLAIM_OK]);
    to->AllocationsUnresetFail = report_tally(lost);
    to->FaultsReclaimed = report_tally(offers.reclaimed[VIDMM_RECLAIM_OK]);
    to->FaultsLostContent = report_tally(lost);
}

static void report_transfers(const struct vidmm_counters *from, D3DKMT_QUERYSTATSTICS_PAGING_TRANSFER *to)
{
    to->BytesDiscarded = from->discarded_bytes;
    to->BytesMappedIntoAperture = from->mapped_bytes;
    to->BytesUnmappedFromAperture = from->unmapped_bytes;
    to->BytesTransferredFromMdlToMemory = from->paged_in_bytes; /* a home is system memory: what an MDL names */
    to->BytesTransferredFromMemoryToMdl = from->paged_out_bytes;
}

static void report_allocations(const struct vidmm_counters *from, D3DKMT_QUERYSTATSTICS_ALLOCATIONS *to)
{
    to->Created = report(from->created);
    to->Destroyed = report(from->destroyed);
    to->Opened = report(from->opened);
    to->Closed = report(from->closed);
    to->MigratedSuccess = report(from->migrated);
    to->MigratedFail = report(from->migrations_failed);
    to->MigratedAbandoned = report(from->migrations_abandoned);
}

static unsigned memory_groups(const struct udxg_adapter *adapter)
{
    struct vidmm_sizes sizes;

    vidmm_adapter_sizes(adapter->vidmm, &sizes);
    return (sizes.local_bytes != 0) + (sizes.non_local_bytes != 0);
}

static udxg_status query_adapter(const struct subject *subject, struct udxg_adapter *adapter,
                                 D3DKMT_QUERYSTATISTICS *args)
{
    D3DKMT_QUERYSTATISTICS_ADAPTER_INFORMATION *information = &args->QueryResult.AdapterInformation;
    struct vidmm_counters counters;

    (void)subject;
    vidmm_adapter_counters(adapter->vidmm, &counters);
    information->NbSegments = adapter->caps.segment_count;
    information->NodeCount = adapter->caps.node_count;
    report_faults(&counters, &information->PagingFault);
    report_offers(adapter->vidmm, &information->PagingFault);
    report_transfers(&counters, &information->PagingTransfer);
    report_allocations(&counters, &information->Allocations);
    information->TdrDetectedCount = atomic_load(&adapter->watchdog.timeouts);
    information->Locks.NbLocks = (ULONG)counters.locks;
    information->Flags.NumberOfMemoryGroups = memory_groups(adapter) & 3u;
    information->Flags.SupportsDemotion = 1;
    return STATUS_SUCCESS;
}

/* There are no sensors; the names are all that is known of the GPU. */
static udxg_status query_physical_adapter(const struct subject *subject, struct udxg_adapter *adapter,
                                          D3DKMT_QUERYSTATISTICS *args)
{
    D3DKMT_QUERYSTATISTICS_PHYSICAL_ADAPTER_INFORMATION *information = &args->QueryResult.PhysAdapterInformation;

    (void)subject;
    if (args->QueryPhysAdapter.PhysicalAdapterIndex) return STATUS_INVALID_PARAMETER;
    udxg_wide(information->GpuVersion.GpuArchitecture, DXGK_MAX_GPUVERSION_NAME_LENGTH, adapter->caps.name);
    return STATUS_SUCCESS;
}

/* ---- segments ---- */

static void report_evicted(const uint64_t *evicted, ULONGLONG *ret_by_priority, ULONGLONG *ret_all)
{
    *ret_all = 0;
    for (unsigned class = 0; class < VIDMM_PRIORITY_CLASSES; class ++) {
        if (ret_by_priority) ret_by_priority[class] = evicted[class];
        *ret_all += evicted[class];
    }
}

static udxg_status query_segment(const struct subject *subject, struct udxg_adapter *adapter,
                                 D3DKMT_QUERYSTATISTICS *args)
{
    D3DKMT_QUERYSTATISTICS_SEGMENT_INFORMATION *information = &args->QueryResult.SegmentInformation;
    uint32_t index = args->QuerySegment.SegmentId; /* from 0, as the result of the ADAPTER query counts them */
    const struct vidmm_segment_counters *segment;
    struct vidmm_segment_info info;
    struct vidmm_counters counters;
    udxg_status status = vidmm_adapter_segment(adapter->vidmm, index + 1, &info);

    (void)subject;
    if (udxg_failed(status)) return status;
    vidmm_adapter_counters(adapter->vidmm, &counters);
    segment = &counters.segments[index];
    information->CommitLimit = info.capacity_bytes;
    information->BytesCommitted = segment->committed.bytes;
    information->BytesResident = info.resident_bytes;
    information->Memory.AllocsCommitted = (ULONG)segment->committed.count;
    information->Memory.AllocsResident = (ULONG)info.resident_allocations;
    report_evicted(segment->evicted_bytes, information->TotalBytesEvictedByPriority,
                   &information->Memory.TotalBytesEvicted);
    information->Aperture = (info.segment.flags & UDXG_SEGMENT_APERTURE) != 0;
    information->SegmentProperties.SystemMemory =
        (info.segment.flags & (UDXG_SEGMENT_APERTURE | UDXG_SEGMENT_POPULATED_FROM_SYSTEM_MEMORY)) != 0;
    return STATUS_SUCCESS;
}

/* Working sets are what the budget of the segment's group lets the process have there, and what it has reserved. */
static void report_working_set(struct vidmm_process *process, const struct vidmm_segment_info *info,
                               D3DKMT_QUERYSTATISTICS_PROCESS_SEGMENT_INFORMATION *to)
{
    uint32_t flags = info->segment.flags;
    struct vidmm_budget budget;

    to->MaximumWorkingSet = info->capacity_bytes;
    if (!(flags & (UDXG_SEGMENT_LOCAL_BUDGET_GROUP | UDXG_SEGMENT_NON_LOCAL_BUDGET_GROUP))) return;
    vidmm_process_budget(process, flags & UDXG_SEGMENT_LOCAL_BUDGET_GROUP ? VIDMM_GROUP_LOCAL : VIDMM_GROUP_NON_LOCAL,
                         &budget);
    if (budget.budget_bytes < info->capacity_bytes) to->MaximumWorkingSet = budget.budget_bytes;
    to->MinimumWorkingSet =
        budget.reservation_bytes < info->capacity_bytes ? budget.reservation_bytes : info->capacity_bytes;
}

static udxg_status query_process_segment(const struct subject *subject, struct udxg_adapter *adapter,
                                         D3DKMT_QUERYSTATISTICS *args)
{
    D3DKMT_QUERYSTATISTICS_PROCESS_SEGMENT_INFORMATION *information = &args->QueryResult.ProcessSegmentInformation;
    uint32_t index = args->QueryProcessSegment.SegmentId;
    const struct vidmm_segment_counters *segment;
    struct udxg_process_adapter *pa;
    struct vidmm_segment_info info;
    struct vidmm_counters counters;
    udxg_status status = vidmm_adapter_segment(adapter->vidmm, index + 1, &info);

    if (!udxg_failed(status)) status = find_part(subject, adapter, &pa);
    if (udxg_failed(status) || !pa) return status;
    vidmm_process_counters(pa->vidmm, &counters);
    segment = &counters.segments[index];
    report_working_set(pa->vidmm, &info, information);
    information->BytesCommitted = segment->committed.bytes;
    information->NbReferencedAllocationEvictedInPeriod = (ULONG)segment->evicted_listed; /* one period: its life */
    information->VideoMemory.AllocsCommitted = (ULONG)segment->committed.count;
    for (unsigned rank = 0; rank < VIDMM_PREFERENCES; rank++)
        information->VideoMemory.AllocsResidentInP[rank] = report(segment->resident[rank]);
    information->VideoMemory.AllocsResidentInNonPreferred = report(segment->resident[VIDMM_PREFERENCES]);
    information->VideoMemory.TotalBytesEvictedDueToPreparation = segment->evicted_for_room.bytes;
    return STATUS_SUCCESS;
}

/* ---- budget groups ---- */

static bool is_in_group(const struct udxg_segment *segment, uint32_t group)
{
    if (segment->flags & UDXG_SEGMENT_LOCAL_BUDGET_GROUP) return group == VIDMM_GROUP_LOCAL;
    return segment->flags & UDXG_SEGMENT_NON_LOCAL_BUDGET_GROUP && group == VIDMM_GROUP_NON_LOCAL;
}

static void report_group(const struct vidmm_segment_counters *from,
                         D3DKMT_QUERYSTATISTICS_PROCESS_SEGMENT_GROUP_INFORMATION *to)
{
    for (unsigned rank = 0; rank <= VIDMM_PREFERENCES; rank++) to->Usage += from->resident[rank].bytes;
    for (unsigned class = 0; class < VIDMM_PRIORITY_CLASSES; class ++) to->Demoted[class] += from->demoted_bytes[class];
}

static udxg_status query_group(const struct subject *subject, struct udxg_adapter *adapter,
                               D3DKMT_QUERYSTATISTICS *args)
{
    D3DKMT_QUERYSTATISTICS_PROCESS_SEGMENT_GROUP_INFORMATION *information =
        &args->QueryResult.ProcessSegmentGroupInformation;
    uint32_t group = (uint32_t)args->QueryProcessSegmentGroup;
    struct udxg_process_adapter *pa;
    struct vidmm_counters counters;
    struct vidmm_budget budget;
    udxg_status status;

    if (group >= VIDMM_GROUP_COUNT) return STATUS_INVALID_PARAMETER;
    status = find_part(subject, adapter, &pa);
    if (udxg_failed(status) || !pa) return status;
    vidmm_process_budget(pa->vidmm, (enum vidmm_group)group, &budget);
    vidmm_process_counters(pa->vidmm, &counters);
    information->Budget = budget.budget_bytes;
    information->Requested = budget.usage_bytes;
    for (uint32_t i = 0; i < adapter->caps.segment_count; i++)
        if (is_in_group(&adapter->caps.segments[i], group)) report_group(&counters.segments[i], information);
    return STATUS_SUCCESS;
}

/* ---- processes ---- */

/* Homes are cached memory of pools, which reserve addresses far beyond what is committed. */
static void report_system_memory(struct vidmm_process *process, D3DKMT_QUERYSTATISTICS_SYSTEM_MEMORY *to)
{
    struct vidmm_counters counters;
    struct vidmm_usage usage;

    vidmm_process_usage(process, &usage);
    vidmm_process_counters(process, &counters);
    to->BytesAllocated += usage.commit_bytes;
    to->BytesReserved += usage.commit_limit_bytes;
    to->CachedBytesAllocated += usage.commit_bytes;
    to->CachedBytesReserved += usage.commit_limit_bytes;
    to->BytesZeroed += counters.zeroed_bytes;
}

/* Of all adapters together. */
static udxg_status query_process(const struct subject *subject, struct udxg_adapter *adapter,
                                 D3DKMT_QUERYSTATISTICS *args)
{
    D3DKMT_QUERYSTATISTICS_PROCESS_INFORMATION *information = &args->QueryResult.ProcessInformation;

    (void)adapter;
    for (uint32_t i = 0; i < UDXG_KERNEL_ADAPTERS; i++) {
        struct udxg_process_adapter *pa =
            subject->is_caller ? atomic_load(&subject->caller->adapters[i]) : subject->other.adapters[i];

        if (!pa) continue;
        information->NodeCount += pa->adapter->caps.node_count;
        report_system_memory(pa->vidmm, &information->SystemMemory);
    }
    return STATUS_SUCCESS;
}

static void report_commitment(const struct vidmm_counters *from, uint32_t segment_count,
                              D3DKMT_QUERYSTATISTICS_COMMITMENT_DATA *to)
{
    for (uint32_t i = 0; i < segment_count; i++) {
        ULONGLONG evicted;
        report_evicted(from->segments[i].evicted_bytes, NULL, &evicted);
        to->TotalBytesEvictedFromProcess += evicted;
        for (unsigned rank = 0; rank < VIDMM_PREFERENCES; rank++)
            to->BytesBySegmentPreference[rank] += from->segments[i].resident[rank].bytes;
    }
}

static udxg_status query_process_adapter(const struct subject *subject, struct udxg_adapter *adapter,
                                         D3DKMT_QUERYSTATISTICS *args)
{
    D3DKMT_QUERYSTATISTICS_PROCESS_ADAPTER_INFORMATION *information = &args->QueryResult.ProcessAdapterInformation;
    struct udxg_process_adapter *pa;
    struct vidmm_counters counters;
    udxg_status status = find_part(subject, adapter, &pa);

    if (udxg_failed(status) || !pa) return status;
    vidmm_process_counters(pa->vidmm, &counters);
    information->NbSegments = adapter->caps.segment_count;
    information->NodeCount = adapter->caps.node_count;
    report_commitment(&counters, adapter->caps.segment_count, &information->CommitmentData);
    information->_Policy.MigrationEnabled = 1;
    return STATUS_SUCCESS;
}

/* ---- nodes ---- */

static void report_node(const struct udxg_node_stats *from, D3DKMT_QUERYSTATISTICS_PROCESS_NODE_INFORMATION *to)
{
    static const D3DKMT_QUERYSTATISTICS_QUEUE_PACKET_TYPE types[UDXG_PACKET_KINDS] = {
        [UDXG_PACKET_COMMAND] = D3DKMT_RenderCommandBuffer,
        [UDXG_PACKET_SIGNAL] = D3DKMT_SignalCommandBuffer,
        [UDXG_PACKET_WAIT] = D3DKMT_WaitCommandBuffer,
    };
    D3DKMT_QUERYSTATISTICS_DMA_PACKET_TYPE_INFORMATION *render =
        &to->PacketStatistics.DmaPacket[D3DKMT_ClientRenderBuffer];

    to->RunningTime.QuadPart = (int64_t)(from->running_ns / 100);
    to->ContextSwitch = from->context_switches;
    for (unsigned kind = 0; kind < UDXG_PACKET_KINDS; kind++) {
        to->PacketStatistics.QueuePacket[types[kind]].PacketSubmited = from->submitted[kind];
        to->PacketStatistics.QueuePacket[types[kind]].PacketCompleted = from->completed[kind];
    }
    render->PacketSubmited = from->submitted[UDXG_PACKET_COMMAND];
    render->PacketCompleted = from->completed[UDXG_PACKET_COMMAND];
    render->PacketFaulted = from->faulted;
}

static udxg_status query_node(const struct subject *subject, struct udxg_adapter *adapter, D3DKMT_QUERYSTATISTICS *args)
{
    D3DKMT_QUERYSTATISTICS_NODE_INFORMATION *information = &args->QueryResult.NodeInformation;
    uint32_t node = args->QueryNode.NodeId;
    struct udxg_node_stats stats;

    (void)subject;
    if (node >= adapter->caps.node_count) return STATUS_INVALID_PARAMETER;
    udxg_lock(NODE, &adapter->engines[node].lock);
    stats = adapter->engines[node].stats;
    udxg_unlock(NODE, &adapter->engines[node].lock);
    report_node(&stats, &information->GlobalInformation);
    information->NodePerfData.NodeOrdinal = node;
    information->NodePerfData.Frequency = adapter->caps.clock_hz;
    information->NodePerfData.MaxFrequency = adapter->caps.clock_hz;
    return STATUS_SUCCESS;
}

static udxg_status query_process_node(const struct subject *subject, struct udxg_adapter *adapter,
                                      D3DKMT_QUERYSTATISTICS *args)
{
    uint32_t node = args->QueryProcessNode.NodeId;
    struct udxg_process_adapter *pa;
    struct udxg_node_stats stats;
    udxg_status status;

    if (node >= adapter->caps.node_count) return STATUS_INVALID_PARAMETER;
    status = find_part(subject, adapter, &pa);
    if (udxg_failed(status) || !pa) return status;
    udxg_lock(NODE, &adapter->engines[node].lock);
    stats = pa->nodes[node];
    udxg_unlock(NODE, &adapter->engines[node].lock);
    report_node(&stats, &args->QueryResult.ProcessNodeInformation);
    return STATUS_SUCCESS;
}

/* An adapter without displays has no source of any number. */
static udxg_status query_source(const struct subject *subject, struct udxg_adapter *adapter,
                                D3DKMT_QUERYSTATISTICS *args)
{
    (void)subject, (void)adapter, (void)args;
    return STATUS_INVALID_PARAMETER;
}

/* ---- the call ---- */

typedef udxg_status query(const struct subject *subject, struct udxg_adapter *adapter, D3DKMT_QUERYSTATISTICS *args);

static query *const queries[] = {
    [D3DKMT_QUERYSTATISTICS_ADAPTER] = query_adapter,
    [D3DKMT_QUERYSTATISTICS_PROCESS] = query_process,
    [D3DKMT_QUERYSTATISTICS_PROCESS_ADAPTER] = query_process_adapter,
    [D3DKMT_QUERYSTATISTICS_SEGMENT] = query_segment,
    [D3DKMT_QUERYSTATISTICS_PROCESS_SEGMENT] = query_process_segment,
    [D3DKMT_QUERYSTATISTICS_NODE] = query_node,
    [D3DKMT_QUERYSTATISTICS_PROCESS_NODE] = query_process_node,
    [D3DKMT_QUERYSTATISTICS_VIDPNSOURCE] = query_source,
    [D3DKMT_QUERYSTATISTICS_PROCESS_VIDPNSOURCE] = query_source,
    [D3DKMT_QUERYSTATISTICS_PROCESS_SEGMENT_GROUP] = query_group,
    [D3DKMT_QUERYSTATISTICS_PHYSICAL_ADAPTER] = query_physical_adapter,
};

udxg_status thunk_QueryStatistics(struct udxg_process *process, D3DKMT_QUERYSTATISTICS *args)
{
    struct udxg_adapter *adapter = udxg_kernel_find_adapter(process->kernel, args->AdapterLuid);
    struct subject subject = {.caller = process};
    udxg_status status = udxg_process_by_handle(process, args->hProcess, &subject.is_caller, &subject.other);

    if (udxg_failed(status)) return status;
    if (!adapter || (uint32_t)args->Type >= sizeof queries / sizeof *queries)
        status = STATUS_INVALID_PARAMETER;
    else if (udxg_adapter_is_stopped(adapter))
        status = STATUS_DEVICE_REMOVED;
    else
        status = queries[args->Type](&subject, adapter, args);
    udxg_present_fini(&subject.other);
    return status;
}
