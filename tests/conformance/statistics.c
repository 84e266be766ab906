/* SPDX-License-Identifier: MIT */
/*
 * QueryStatistics: each event changes the numbers that count it, by exactly what it was, and no others of its kind.
 * Sizes are whole pages of every segment, so that bytes are bytes whatever is rounded.
 */
#include "creation.h"
#include "escape.h"

#define SIZE KIB(64)

static D3DKMT_QUERYSTATISTICS statistics(D3DKMT_QUERYSTATISTICS_TYPE type, ULONG id)
{
    D3DKMT_QUERYSTATISTICS args;
    memset(&args, 0, sizeof(args));
    args.Type = type;
    args.AdapterLuid = first_luid();
    args.QuerySegment.SegmentId = id;
    require_success(D3DKMTQueryStatistics(&args));
    return args;
}

static D3DKMT_QUERYSTATISTICS_ADAPTER_INFORMATION of_adapter(void)
{
    return statistics(D3DKMT_QUERYSTATISTICS_ADAPTER, 0).QueryResult.AdapterInformation;
}

static D3DKMT_QUERYSTATISTICS_SEGMENT_INFORMATION of_segment(ULONG id)
{
    return statistics(D3DKMT_QUERYSTATISTICS_SEGMENT, id).QueryResult.SegmentInformation;
}

static D3DKMT_QUERYSTATISTICS_PROCESS_SEGMENT_INFORMATION of_process_segment(ULONG id)
{
    return statistics(D3DKMT_QUERYSTATISTICS_PROCESS_SEGMENT, id).QueryResult.ProcessSegmentInformation;
}

static D3DKMT_QUERYSTATISTICS_PROCESS_SEGMENT_GROUP_INFORMATION of_group(ULONG group)
{
    return statistics(D3DKMT_QUERYSTATISTICS_PROCESS_SEGMENT_GROUP, group).QueryResult.ProcessSegmentGroupInformation;
}

static D3DKMT_QUERYSTATISTICS_PROCESS_INFORMATION of_process(void)
{
    return statistics(D3DKMT_QUERYSTATISTICS_PROCESS, 0).QueryResult.ProcessInformation;
}

static D3DKMT_QUERYSTATISTICS_PROCESS_ADAPTER_INFORMATION of_process_adapter(void)
{
    return statistics(D3DKMT_QUERYSTATISTICS_PROCESS_ADAPTER, 0).QueryResult.ProcessAdapterInformation;
}

typedef D3DKMT_QUERYSTATISTICS_COUNTER counter;

/* AFTER is BEFORE and COUNT events of SIZE more. */
static void check_rise(const char *name, counter before, counter after, ULONG count)
{
    note("%s", name);
    check_u64(before.Count + count, after.Count);
    check_u64(before.Bytes + count * SIZE, after.Bytes);
}

#define check_counter(count, before, after, member) check_rise(#member, (before).member, (after).member, count)

/* ------------------------------------------------------------------------------------------------ arguments */

static void arguments(void)
{
    D3DKMT_HANDLE adapter = open_adapter();
    UINT segments = soft_info(adapter).segment_count, nodes = soft_info(adapter).node_count;
    udxg_case("NULL") {
        check_status(STATUS_INVALID_PARAMETER, D3DKMTQueryStatistics(NULL));
    }
    const struct {
        const char *name;
        UINT type, id;
        NTSTATUS want;
    } rows[] = {
        {"adapter", D3DKMT_QUERYSTATISTICS_ADAPTER, 0, STATUS_SUCCESS},
        {"process", D3DKMT_QUERYSTATISTICS_PROCESS, 0, STATUS_SUCCESS},
        {"process and adapter", D3DKMT_QUERYSTATISTICS_PROCESS_ADAPTER, 0, STATUS_SUCCESS},
        {"last segment", D3DKMT_QUERYSTATISTICS_SEGMENT, segments - 1, STATUS_SUCCESS},
        {"segment that is not", D3DKMT_QUERYSTATISTICS_SEGMENT, segments, STATUS_INVALID_PARAMETER},
        {"segment 0xffffffff", D3DKMT_QUERYSTATISTICS_SEGMENT, 0xffffffffu, STATUS_INVALID_PARAMETER},
        {"process and last segment", D3DKMT_QUERYSTATISTICS_PROCESS_SEGMENT, segments - 1, STATUS_SUCCESS},
        {"process and no segment", D3DKMT_QUERYSTATISTICS_PROCESS_SEGMENT, segments, STATUS_INVALID_PARAMETER},
        {"process and segment 0xffffffff", D3DKMT_QUERYSTATISTICS_PROCESS_SEGMENT, 0xffffffffu,
         STATUS_INVALID_PARAMETER},
        {"last node", D3DKMT_QUERYSTATISTICS_NODE, nodes - 1, STATUS_SUCCESS},
        {"node that is not", D3DKMT_QUERYSTATISTICS_NODE, nodes, STATUS_INVALID_PARAMETER},
        {"process and last node", D3DKMT_QUERYSTATISTICS_PROCESS_NODE, nodes - 1, STATUS_SUCCESS},
        {"process and no node", D3DKMT_QUERYSTATISTICS_PROCESS_NODE, nodes, STATUS_INVALID_PARAMETER},
        {"source of an adapter without displays", D3DKMT_QUERYSTATISTICS_VIDPNSOURCE, 0, STATUS_INVALID_PARAMETER},
        {"process and source", D3DKMT_QUERYSTATISTICS_PROCESS_VIDPNSOURCE, 0, STATUS_INVALID_PARAMETER},
        {"local group", D3DKMT_QUERYSTATISTICS_PROCESS_SEGMENT_GROUP, 0, STATUS_SUCCESS},
        {"non-local group", D3DKMT_QUERYSTATISTICS_PROCESS_SEGMENT_GROUP, 1, STATUS_SUCCESS},
        {"group that is not", D3DKMT_QUERYSTATISTICS_PROCESS_SEGMENT_GROUP, 2, STATUS_INVALID_PARAMETER},
        {"physical adapter", D3DKMT_QUERYSTATISTICS_PHYSICAL_ADAPTER, 0, STATUS_SUCCESS},
        {"second physical adapter", D3DKMT_QUERYSTATISTICS_PHYSICAL_ADAPTER, 1, STATUS_INVALID_PARAMETER},
        {"type 11", 11, 0, STATUS_INVALID_PARAMETER},
        {"type 0xffffffff", 0xffffffffu, 0, STATUS_INVALID_PARAMETER},
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        udxg_case("%s", rows[i].name) {
            D3DKMT_QUERYSTATISTICS args, before;
            memset(&args, 0x5a, sizeof(args));
            args.Type = (D3DKMT_QUERYSTATISTICS_TYPE)rows[i].type;
            args.AdapterLuid = first_luid();
            args.hProcess = NULL;
            args.QuerySegment.SegmentId = rows[i].id;
            memcpy(&before, &args, sizeof(before));
            check_status(rows[i].want, D3DKMTQueryStatistics(&args));
            if (rows[i].want != STATUS_SUCCESS) check_true(memcmp(&before, &args, sizeof(before)) == 0);
        }
    }
    udxg_case("an adapter that is not") {
        D3DKMT_QUERYSTATISTICS args;
        memset(&args, 0, sizeof(args));
        args.AdapterLuid.LowPart = first_luid().LowPart + 100;
        check_status(STATUS_INVALID_PARAMETER, D3DKMTQueryStatistics(&args));
    }
    udxg_case("what an adapter has") {
        D3DKMT_QUERYSTATISTICS_ADAPTER_INFORMATION info = of_adapter();
        check_u64(segments, info.NbSegments);
        check_u64(nodes, info.NodeCount);
        check_u64(0, info.VidPnSourceCount);
        check_u64(on_discrete() ? 2 : 1, info.Flags.NumberOfMemoryGroups);
        check_u64(1, of_segment(segments - 1).Aperture);
        check_u64(on_discrete() ? 0 : 1, of_segment(0).SegmentProperties.SystemMemory);
    }
}

/* ---------------------------------------------------------------------------------------------- allocations */

static void allocations(void)
{
    D3DKMT_HANDLE device = create_device(open_adapter());
    udxg_case("create and destroy") {
        D3DKMT_QUERYSTATISTICS_ADAPTER_INFORMATION before = of_adapter(), after;
        D3DKMT_QUERYSTATISTICS_SEGMENT_INFORMATION segment = of_segment(0);
        D3DKMT_QUERYSTATISTICS_PROCESS_SEGMENT_INFORMATION mine = of_process_segment(0);
        D3DKMT_HANDLE allocation = create_buffer(device, SIZE);
        after = of_adapter();
        check_counter(1, before, after, Allocations.Created);
        check_counter(1, before, after, Allocations.Opened);
        check_counter(0, before, after, Allocations.Destroyed);
        check_counter(0, before, after, Allocations.Closed);
        check_u64(segment.BytesCommitted + SIZE, of_segment(0).BytesCommitted);
        check_u64(segment.Memory.AllocsCommitted + 1, of_segment(0).Memory.AllocsCommitted);
        check_u64(segment.BytesResident, of_segment(0).BytesResident);
        check_u64(mine.BytesCommitted + SIZE, of_process_segment(0).BytesCommitted);
        check_u64(mine.VideoMemory.AllocsCommitted + 1, of_process_segment(0).VideoMemory.AllocsCommitted);
        require_success(destroy_allocation(device, allocation));
        after = of_adapter();
        check_counter(1, before, after, Allocations.Created);
        check_counter(1, before, after, Allocations.Destroyed);
        check_counter(1, before, after, Allocations.Closed);
        check_counter(0, before, after, PagingFault.Evictions);
        check_u64(segment.BytesCommitted, of_segment(0).BytesCommitted);
        check_u64(segment.Memory.AllocsCommitted, of_segment(0).Memory.AllocsCommitted);
    }
    udxg_case("a creation that fails counts nothing") {
        D3DKMT_QUERYSTATISTICS_ADAPTER_INFORMATION before = of_adapter(), after;
        UINT64 committed = of_segment(0).BytesCommitted, zeroed = of_process().SystemMemory.BytesZeroed;
        struct creation creation;
        creation_buffers(&creation, 2, device, 2);
        creation.soft[1].size_bytes = MIB(1) << 20; /* 1 TiB fits nowhere */
        check_status(STATUS_GRAPHICS_NO_VIDEO_MEMORY, creation_issue(&creation));
        after = of_adapter();
        check_u64(before.Allocations.Created.Count - before.Allocations.Destroyed.Count,
                  after.Allocations.Created.Count - after.Allocations.Destroyed.Count);
        check_u64(before.Allocations.Opened.Count - before.Allocations.Closed.Count,
                  after.Allocations.Opened.Count - after.Allocations.Closed.Count);
        check_u64(committed, of_segment(0).BytesCommitted);
        check_u64(zeroed + CREATION_BYTES, of_process().SystemMemory.BytesZeroed); /* the first was made, and undone */
    }
    udxg_case("system memory") {
        D3DKMT_QUERYSTATISTICS_PROCESS_INFORMATION before = of_process();
        (void)create_buffer(device, SIZE);
        check_u64(before.SystemMemory.BytesAllocated + SIZE, of_process().SystemMemory.BytesAllocated);
        check_u64(before.SystemMemory.BytesZeroed + SIZE, of_process().SystemMemory.BytesZeroed);
    }
    udxg_case("the caller's memory is not ours") {
        D3DKMT_QUERYSTATISTICS_PROCESS_INFORMATION before = of_process();
        D3DKMT_QUERYSTATISTICS_ADAPTER_INFORMATION adapter = of_adapter();
        struct creation creation;
        creation_heap(&creation, 2, device, map_pages(16), SIZE);
        creation_succeeds(&creation);
        check_counter(1, adapter, of_adapter(), Allocations.Created);
        check_u64(before.SystemMemory.BytesAllocated, of_process().SystemMemory.BytesAllocated);
        check_u64(before.SystemMemory.BytesZeroed, of_process().SystemMemory.BytesZeroed);
    }
}

/* ------------------------------------------------------------------------------------------------ residency */

static void set_priority(D3DKMT_HANDLE device, D3DKMT_HANDLE allocation, UINT priority)
{
    D3DKMT_SETALLOCATIONPRIORITY args = {0};
    args.hDevice = device;
    args.phAllocationList = &allocation;
    args.AllocationCount = 1;
    args.pPriorities = &priority;
    require_success(D3DKMTSetAllocationPriority(&args));
}

static void residency(void)
{
    struct gpu gpu;
    gpu_open(&gpu);
    udxg_case("it becomes resident") {
        D3DKMT_HANDLE allocation = create_buffer(gpu.device, SIZE);
        D3DKMT_QUERYSTATISTICS_ADAPTER_INFORMATION before = of_adapter(), after;
        D3DKMT_QUERYSTATISTICS_SEGMENT_INFORMATION segment = of_segment(0);
        D3DKMT_QUERYSTATISTICS_PROCESS_SEGMENT_INFORMATION mine = of_process_segment(0), mine_after;
        UINT64 preferred = of_process_adapter().CommitmentData.BytesBySegmentPreference[0];
        make_resident(&gpu.queue, allocation);
        after = of_adapter();
        mine_after = of_process_segment(0);
        check_counter(1, before, after, PagingFault.Faults);
        check_counter(1, before, after, PagingFault.FaultsFirstTimeAccess);
        check_counter(0, before, after, PagingFault.FaultsEvicted);
        check_counter(1, mine, mine_after, VideoMemory.AllocsResidentInP[0]);
        check_counter(0, mine, mine_after, VideoMemory.AllocsResidentInP[1]);
        check_counter(0, mine, mine_after, VideoMemory.AllocsResidentInNonPreferred);
        check_u64(preferred + SIZE, of_process_adapter().CommitmentData.BytesBySegmentPreference[0]);
        check_u64(segment.BytesResident + SIZE, of_segment(0).BytesResident);
        check_u64(segment.Memory.AllocsResident + 1, of_segment(0).Memory.AllocsResident);
        check_u64(before.PagingTransfer.BytesTransferredFromMdlToMemory + (on_discrete() ? SIZE : 0),
                  after.PagingTransfer.BytesTransferredFromMdlToMemory);
        check_u64(before.PagingTransfer.BytesMappedIntoAperture + (on_discrete() ? 0 : SIZE),
                  after.PagingTransfer.BytesMappedIntoAperture);
        check_integrity(gpu.adapter);
    }
    const struct {
        UINT priority, class_index;
    } rows[] = {
        {1, 0},
        {D3DDDI_ALLOCATIONPRIORITY_MINIMUM, 0},
        {D3DDDI_ALLOCATIONPRIORITY_LOW - 1, 0},
        {D3DDDI_ALLOCATIONPRIORITY_LOW, 1},
        {D3DDDI_ALLOCATIONPRIORITY_NORMAL, 2},
        {D3DDDI_ALLOCATIONPRIORITY_HIGH - 1, 2},
        {0xA0010000u, 3},
        {D3DDDI_ALLOCATIONPRIORITY_MAXIMUM, 4},
        {0xffffffffu, 4},
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        udxg_case("evicted with priority 0x%x", rows[i].priority) {
            D3DKMT_HANDLE allocation = create_buffer(gpu.device, SIZE);
            set_priority(gpu.device, allocation, rows[i].priority);
            make_resident(&gpu.queue, allocation);
            D3DKMT_QUERYSTATISTICS_ADAPTER_INFORMATION before = of_adapter(), after;
            D3DKMT_QUERYSTATISTICS_SEGMENT_INFORMATION segment = of_segment(0), segment_after;
            UINT64 from_process = of_process_adapter().CommitmentData.TotalBytesEvictedFromProcess;
            require_success(evict(gpu.device, allocation));
            flush_paging(gpu.adapter);
            after = of_adapter();
            segment_after = of_segment(0);
            for (UINT class_index = 0; class_index < 5; class_index++)
                check_u64(segment.TotalBytesEvictedByPriority[class_index] +
                              (class_index == rows[i].class_index ? SIZE : 0),
                          segment_after.TotalBytesEvictedByPriority[class_index]);
            check_u64(segment.Memory.TotalBytesEvicted + SIZE, segment_after.Memory.TotalBytesEvicted);
            check_u64(segment.BytesResident - SIZE, segment_after.BytesResident);
            check_u64(from_process + SIZE, of_process_adapter().CommitmentData.TotalBytesEvictedFromProcess);
            check_counter(1, before, after, PagingFault.Evictions);
            check_counter(0, before, after, PagingFault.EvictionsDueToPreparation);
            check_counter(0, before, after, PagingFault.EvictionsDueToClose);
            /* Nobody has written it: it is at home already. */
            check_u64(before.PagingTransfer.BytesDiscarded + (on_discrete() ? SIZE : 0),
                      after.PagingTransfer.BytesDiscarded);
            check_u64(before.PagingTransfer.BytesUnmappedFromAperture + (on_discrete() ? 0 : SIZE),
                      after.PagingTransfer.BytesUnmappedFromAperture);
            make_resident(&gpu.queue, allocation);
            check_counter(1, before, of_adapter(), PagingFault.FaultsEvicted);
            check_counter(0, before, of_adapter(), PagingFault.FaultsFirstTimeAccess);
        }
    }
    udxg_case("what the GPU wrote is copied home") {
        struct gpu_buffer buffer = create_gpu_buffer(&gpu, SIZE);
        struct udxg_soft_fill fill = udxg_soft_fill_command(buffer.va, SIZE, 7);
        require_success(submit(&gpu, &fill, sizeof(fill)));
        gpu_finish(&gpu);
        D3DKMT_QUERYSTATISTICS_ADAPTER_INFORMATION before = of_adapter(), after;
        require_success(evict(gpu.device, buffer.allocation));
        flush_paging(gpu.adapter);
        after = of_adapter();
        check_u64(before.PagingTransfer.BytesTransferredFromMemoryToMdl + (on_discrete() ? SIZE : 0),
                  after.PagingTransfer.BytesTransferredFromMemoryToMdl);
        check_u64(before.PagingTransfer.BytesDiscarded, after.PagingTransfer.BytesDiscarded);
    }
    udxg_case("budget groups") {
        D3DKMT_HANDLE allocation = create_buffer(gpu.device, SIZE);
        D3DKMT_QUERYSTATISTICS_PROCESS_SEGMENT_GROUP_INFORMATION before = of_group(0), after;
        make_resident(&gpu.queue, allocation);
        after = of_group(0);
        check_u64(before.Requested + SIZE, after.Requested);
        check_u64(before.Usage + SIZE, after.Usage);
        check_u64(memory_info(gpu.adapter, D3DKMT_MEMORY_SEGMENT_GROUP_LOCAL).CurrentUsage, after.Requested);
        check_u64(memory_info(gpu.adapter, D3DKMT_MEMORY_SEGMENT_GROUP_LOCAL).Budget, after.Budget);
    }
}

/* -------------------------------------------------------------------------------------------------- reasons */

static void reasons(void)
{
    struct gpu gpu;
    gpu_open(&gpu);
    udxg_case("close") {
        D3DKMT_HANDLE allocation = create_buffer(gpu.device, SIZE);
        make_resident(&gpu.queue, allocation);
        D3DKMT_QUERYSTATISTICS_ADAPTER_INFORMATION before = of_adapter(), after;
        require_success(destroy_allocation(gpu.device, allocation));
        after = of_adapter();
        check_counter(1, before, after, PagingFault.EvictionsDueToClose);
        check_counter(1, before, after, PagingFault.Evictions);
    }
    udxg_case("purge, and what comes back") {
        D3DKMT_HANDLE allocation = create_buffer(gpu.device, SIZE);
        make_resident(&gpu.queue, allocation);
        D3DKMT_QUERYSTATISTICS_ADAPTER_INFORMATION before = of_adapter(), after;
        ULONG listed = of_process_segment(0).NbReferencedAllocationEvictedInPeriod;
        require_success(force_out(gpu.adapter, 0, allocation));
        after = of_adapter();
        check_counter(1, before, after, PagingFault.EvictionsDueToPurge);
        check_counter(1, before, after, PagingFault.Evictions);
        check_u64(listed + 1, of_process_segment(0).NbReferencedAllocationEvictedInPeriod);
    }
    udxg_case("suspension") {
        D3DKMT_HANDLE allocation = create_buffer(gpu.device, SIZE);
        make_resident(&gpu.queue, allocation);
        ULONG resident = of_segment(0).Memory.AllocsResident;
        D3DKMT_QUERYSTATISTICS_ADAPTER_INFORMATION before = of_adapter(), after;
        require_success(suspend_process(gpu.adapter, FALSE));
        after = of_adapter();
        check_u64(before.PagingFault.EvictionsDueToSuspendCPUAccess.Count + resident,
                  after.PagingFault.EvictionsDueToSuspendCPUAccess.Count);
        check_u64(0, of_segment(0).Memory.AllocsResident);
        require_success(resume_process(gpu.adapter));
    }
    check_integrity(gpu.adapter);
}

static void reasons_of_memory(void)
{
    use_profile(little_profile);
    struct gpu gpu;
    gpu_open(&gpu);
    udxg_case("lock") {
        D3DKMT_HANDLE allocation = create_buffer(gpu.device, SIZE);
        make_resident(&gpu.queue, allocation);
        D3DKMT_QUERYSTATISTICS_ADAPTER_INFORMATION before = of_adapter(), after;
        UINT64 demoted = of_group(0).Demoted[D3DKMT_AllocationPriorityClassNormal];
        (void)lock(gpu.device, allocation);
        after = of_adapter();
        check_counter(1, before, after, PagingFault.EvictionsDueToLock);
        check_u64(before.Locks.NbLocks + 1, after.Locks.NbLocks);
        check_u64(demoted + SIZE, of_group(0).Demoted[D3DKMT_AllocationPriorityClassNormal]);
        set_priority(gpu.device, allocation, D3DDDI_ALLOCATIONPRIORITY_MAXIMUM);
        check_u64(demoted, of_group(0).Demoted[D3DKMT_AllocationPriorityClassNormal]);
        check_u64(SIZE, of_group(0).Demoted[D3DKMT_AllocationPriorityClassMaximum]);
        require_success(evict(gpu.device, allocation));
        check_u64(0, of_group(0).Demoted[D3DKMT_AllocationPriorityClassMaximum]);
    }
    udxg_case("preparation") {
        D3DKMT_HANDLE kept[16];
        for (UINT i = 0; i < 16; i++) {
            D3DKMT_EVICT args = {0};
            kept[i] = create_buffer(gpu.device, SIZE);
            make_resident(&gpu.queue, kept[i]);
            args.hDevice = gpu.device;
            args.NumAllocations = 1;
            args.AllocationList = &kept[i];
            args.Flags.EvictOnlyIfNecessary = 1;
            require_success(D3DKMTEvict(&args));
        }
        D3DKMT_QUERYSTATISTICS_ADAPTER_INFORMATION before = of_adapter(), after;
        UINT64 bytes = of_process_segment(0).VideoMemory.TotalBytesEvictedDueToPreparation;
        make_resident(&gpu.queue, create_buffer(gpu.device, SIZE));
        after = of_adapter();
        check_counter(1, before, after, PagingFault.EvictionsDueToPreparation);
        check_counter(1, before, after, PagingFault.Evictions);
        check_u64(bytes + SIZE, of_process_segment(0).VideoMemory.TotalBytesEvictedDueToPreparation);
        check_u64(NOT_RESIDENT, residency_of(gpu.device, kept[0])); /* the one unused for longest */
        check_u64(IN_GPU_MEMORY, residency_of(gpu.device, kept[1]));
    }
    udxg_case("migration is none") {
        D3DKMT_HANDLE allocation = create_buffer(gpu.device, SIZE);
        make_resident(&gpu.queue, allocation);
        D3DKMT_QUERYSTATISTICS_ADAPTER_INFORMATION before = of_adapter(), after;
        D3DKMT_QUERYSTATISTICS_SEGMENT_INFORMATION local = of_segment(0), shared = of_segment(1);
        D3DDDI_UPDATEALLOCPROPERTY args = {0};
        args.hPagingQueue = gpu.queue.handle;
        args.hAllocation = allocation;
        args.SetPreferredSegment = 1;
        args.PreferredSegment.SegmentId0 = 2;
        require_status(STATUS_PENDING, D3DKMTUpdateAllocationProperty(&args));
        wait_paging(&gpu.queue, args.PagingFenceValue);
        after = of_adapter();
        check_counter(1, before, after, Allocations.MigratedSuccess);
        check_counter(0, before, after, Allocations.MigratedFail);
        check_counter(0, before, after, Allocations.MigratedAbandoned);
        check_counter(1, before, after, PagingFault.FaultsMigration);
        check_counter(0, before, after, PagingFault.Evictions);
        check_u64(local.BytesCommitted - SIZE, of_segment(0).BytesCommitted);
        check_u64(shared.BytesCommitted + SIZE, of_segment(1).BytesCommitted);
        check_u64(shared.BytesResident + SIZE, of_segment(1).BytesResident);
    }
    check_integrity(gpu.adapter);
}

/* ---------------------------------------------------------------------------------------------------- nodes */

static D3DKMT_QUERYSTATISTICS_DMA_PACKET_TYPE_INFORMATION
render_packets(const D3DKMT_QUERYSTATISTICS_PROCESS_NODE_INFORMATION *node)
{
    return node->PacketStatistics.DmaPacket[D3DKMT_ClientRenderBuffer];
}

static void nodes(void)
{
    struct gpu gpu;
    gpu_open(&gpu);
    udxg_case("packets") {
        struct gpu_buffer buffer = create_gpu_buffer(&gpu, SIZE);
        struct udxg_soft_fill fill = udxg_soft_fill_command(buffer.va, SIZE, 7);
        D3DKMT_QUERYSTATISTICS all = statistics(D3DKMT_QUERYSTATISTICS_NODE, 0), all_after;
        D3DKMT_QUERYSTATISTICS mine = statistics(D3DKMT_QUERYSTATISTICS_PROCESS_NODE, 0), mine_after;
        for (UINT i = 0; i < 5; i++) require_success(submit(&gpu, &fill, sizeof(fill)));
        gpu_finish(&gpu);
        all_after = statistics(D3DKMT_QUERYSTATISTICS_NODE, 0);
        mine_after = statistics(D3DKMT_QUERYSTATISTICS_PROCESS_NODE, 0);
        const D3DKMT_QUERYSTATISTICS_PROCESS_NODE_INFORMATION *pairs[][2] = {
            {&all.QueryResult.NodeInformation.GlobalInformation,
             &all_after.QueryResult.NodeInformation.GlobalInformation},
            {&mine.QueryResult.ProcessNodeInformation, &mine_after.QueryResult.ProcessNodeInformation},
        };
        for (size_t i = 0; i < LENGTH_OF(pairs); i++) {
            check_u64(render_packets(pairs[i][0]).PacketSubmited + 5, render_packets(pairs[i][1]).PacketSubmited);
            check_u64(render_packets(pairs[i][0]).PacketCompleted + 5, render_packets(pairs[i][1]).PacketCompleted);
            check_u64(0, render_packets(pairs[i][1]).PacketFaulted);
            check_true(pairs[i][1]->RunningTime.QuadPart > pairs[i][0]->RunningTime.QuadPart);
            check_true(pairs[i][1]->ContextSwitch >= 1);
        }
        check_u64(
            0, statistics(D3DKMT_QUERYSTATISTICS_NODE, 1).QueryResult.NodeInformation.GlobalInformation.ContextSwitch);
    }
}

int main(int argc, char **argv)
{
    static const struct udxg_test tests[] = {
        {"argument", ON_EACH, arguments},
        {"allocation", ON_EACH, allocations},
        {"residency", ON_EACH, residency},
        {"reason", ON_EACH, reasons},
        {"reason of memory", ON_DISCRETE, reasons_of_memory},
        {"node", ON_EACH, nodes},
    };
    return conformance_main(argc, argv, tests, LENGTH_OF(tests));
}
