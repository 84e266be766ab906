/* SPDX-License-Identifier: MIT */
/*
 * The VIDMM escape: what it refuses; that its orders are carried out, felt by nobody who only looks at bytes, and
 * undone where they have to be.
 */
#include "escape.h"

#include "creation.h"
#include "gate.h"

#define SIZE KIB(64)

/* Bits of SetFault. */
enum {
    PROBE_AND_LOCK = 1 << 0,
    NO_DEMOTION = 1 << 2,
    PREPARATION = 1 << 11,
    USER_MODE_MAPPING = 1 << 12,
    NEVER_DISCARD = 1 << 13,
    ALWAYS_DISCARD = 1 << 14,
};

static NTSTATUS escape_of(D3DKMT_HANDLE adapter, UINT type)
{
    D3DKMT_VIDMM_ESCAPE escape = {0};
    escape.Type = (D3DKMT_VIDMMESCAPETYPE)type;
    return vidmm_escape(adapter, &escape);
}

/* ------------------------------------------------------------------------------------------------ arguments */

static void arguments(void)
{
    D3DKMT_HANDLE adapter = open_adapter();
    for (UINT type = 1; type <= 4; type++) {
        udxg_case("type %u is a test of hardware", type) {
            check_status(STATUS_NOT_SUPPORTED, escape_of(adapter, type));
        }
    }
    const UINT unknown[] = {19, 0x7fffffff, 0x80000000u, 0xffffffffu};
    for (size_t i = 0; i < LENGTH_OF(unknown); i++) {
        udxg_case("type 0x%x", unknown[i]) {
            check_status(STATUS_INVALID_PARAMETER, escape_of(adapter, unknown[i]));
        }
    }
    udxg_case("VAD command 6") {
        D3DKMT_VIDMM_ESCAPE escape = {0};
        escape.Type = D3DKMT_VIDMMESCAPETYPE_GET_VAD_INFO;
        escape.GetVads.Command = (D3DKMT_VAD_ESCAPE_COMMAND)6;
        check_status(STATUS_INVALID_PARAMETER, vidmm_escape(adapter, &escape));
    }
    for (UINT bit = 0; bit < 32; bit++) {
        udxg_case("fault %u", bit) {
            const UINT supported =
                PROBE_AND_LOCK | NO_DEMOTION | PREPARATION | USER_MODE_MAPPING | NEVER_DISCARD | ALWAYS_DISCARD;
            NTSTATUS want = bit >= 15                 ? STATUS_INVALID_PARAMETER
                            : supported & (1u << bit) ? STATUS_SUCCESS
                                                      : STATUS_NOT_SUPPORTED;
            check_status(want, set_faults(adapter, 1u << bit));
        }
    }
    udxg_case("discard never and always") {
        check_status(STATUS_INVALID_PARAMETER, set_faults(adapter, NEVER_DISCARD | ALWAYS_DISCARD));
        check_status(STATUS_SUCCESS, set_faults(adapter, 0));
    }
    udxg_case("trim intervals") {
        D3DKMT_VIDMM_ESCAPE escape = {0};
        escape.Type = D3DKMT_VIDMMESCAPETYPE_SET_TRIM_INTERVALS;
        escape.SetTrimIntervals.MinTrimInterval = 2;
        escape.SetTrimIntervals.MaxTrimInterval = 1;
        check_status(STATUS_INVALID_PARAMETER, vidmm_escape(adapter, &escape));
        escape.SetTrimIntervals.MaxTrimInterval = 2;
        escape.SetTrimIntervals.IdleTrimInterval = 10000000;
        check_status(STATUS_SUCCESS, vidmm_escape(adapter, &escape));
    }
    udxg_case("eviction timer") {
        D3DKMT_VIDMM_ESCAPE escape = {0};
        escape.Type = D3DKMT_VIDMMESCAPETYPE_SET_EVICTION_CONFIG;
        escape.DelayedEvictionConfig.TimerValue = -1;
        check_status(STATUS_INVALID_PARAMETER, vidmm_escape(adapter, &escape));
        escape.DelayedEvictionConfig.TimerValue = INT64_MAX;
        check_status(STATUS_INVALID_PARAMETER, vidmm_escape(adapter, &escape));
    }
    udxg_case("integrity of a segment that is not") {
        D3DKMT_VIDMM_ESCAPE escape = {0};
        escape.Type = D3DKMT_VIDMMESCAPETYPE_VALIDATE_INTEGRITY;
        escape.VerifyIntegrity.SegmentId = soft_info(adapter).segment_count;
        check_status(STATUS_SUCCESS, vidmm_escape(adapter, &escape));
        escape.VerifyIntegrity.SegmentId++;
        check_status(STATUS_INVALID_PARAMETER, vidmm_escape(adapter, &escape));
    }
    udxg_case("nothing is over its budget") {
        D3DKMT_VIDMM_ESCAPE escape = {0};
        escape.Type = D3DKMT_VIDMMESCAPETYPE_GET_BUDGET;
        escape.GetBudget.NumBytesToTrim = SENTINEL64;
        check_status(STATUS_SUCCESS, vidmm_escape(adapter, &escape));
        check_u64(0, escape.GetBudget.NumBytesToTrim);
    }
}

/* --------------------------------------------------------------------------------------------------- faults */

static void faults(void)
{
    struct gpu gpu;
    gpu_open(&gpu);
    udxg_case("the caller's memory cannot be locked") {
        struct creation creation;
        creation_heap(&creation, 2, gpu.device, map_pages(1), PAGE_BYTES);
        require_success(set_faults(gpu.adapter, PROBE_AND_LOCK));
        creation_refused(&creation, STATUS_GRAPHICS_CANT_LOCK_MEMORY);
        require_success(set_faults(gpu.adapter, 0));
        creation_succeeds(&creation);
    }
    udxg_case("nothing can be mapped") {
        D3DKMT_HANDLE allocation = create_buffer(gpu.device, SIZE);
        void *data = NULL;
        require_success(set_faults(gpu.adapter, USER_MODE_MAPPING));
        check_status(STATUS_NO_MEMORY, try_lock(gpu.device, allocation, &data));
        require_success(set_faults(gpu.adapter, 0));
        check_status(STATUS_SUCCESS, try_lock(gpu.device, allocation, &data));
        check_status(STATUS_SUCCESS, unlock(gpu.device, allocation));
        check_status(STATUS_INVALID_PARAMETER, unlock(gpu.device, allocation)); /* the refused one left no lock */
    }
}

/* Video memory outside of all budgets: what stops a MakeResident there is room alone. */
static const char without_budget[] = "[adapter]\n"
                                     "description = without budget\n"
                                     "miniport = soft\n"
                                     "wddm = 2700\n"
                                     "gpu_va_bits = 48\n"
                                     "clock = 1 GHz\n"
                                     "[segment.1]\n"
                                     "size = 1 MiB\n"
                                     "flags = use_64kb_pages\n"
                                     "[segment.2]\n"
                                     "size = 64 MiB\n"
                                     "flags = aperture, cpu_visible, cache_coherent, non_local_budget_group\n"
                                     "[node.0]\n"
                                     "type = 3d\n"
                                     "name = 3D\n";

static void demotion(void)
{
    use_profile(without_budget);
    struct gpu gpu;
    gpu_open(&gpu);
    udxg_case("nobody is sent to a second choice") {
        D3DKMT_HANDLE full = create_buffer(gpu.device, MIB(1)), late = create_buffer(gpu.device, SIZE);
        make_resident(&gpu.queue, full);
        require_success(set_faults(gpu.adapter, NO_DEMOTION));
        check_status(STATUS_NO_MEMORY, try_make_resident(&gpu.queue, late));
        check_u64(NOT_RESIDENT, residency_of(gpu.device, late));
        require_success(set_faults(gpu.adapter, 0));
        check_status(STATUS_SUCCESS, try_make_resident(&gpu.queue, late));
        check_u64(IN_SHARED_MEMORY, residency_of(gpu.device, late));
        check_integrity(gpu.adapter);
    }
}

static void faults_of_memory(void)
{
    use_profile(little_profile);
    struct gpu gpu;
    gpu_open(&gpu);
    udxg_case("paging in fails") {
        struct gpu other;
        gpu_open_on(&other, gpu.adapter);
        D3DKMT_HANDLE allocation = create_buffer(other.device, SIZE);
        require_success(set_faults(gpu.adapter, PREPARATION));
        make_resident(&other.queue, allocation); /* that it fails comes too late for the call */
        check_u64(D3DKMT_DEVICEEXECUTION_ERROR_OUTOFMEMORY, wait_for_error(other.device));
        check_u64(D3DKMT_DEVICEEXECUTION_ACTIVE, execution_state(gpu.device));
        require_success(set_faults(gpu.adapter, 0));
    }
    check_integrity(gpu.adapter);
}

/* ------------------------------------------------------------------------------------------------- eviction */

static void run_fill(struct gpu *gpu, const struct gpu_buffer *buffer, uint32_t pattern)
{
    struct udxg_soft_fill fill = udxg_soft_fill_command(buffer->va, buffer->size_bytes, pattern);
    require_success(submit(gpu, &fill, sizeof(fill)));
    gpu_finish(gpu);
}

static void check_content(const struct gpu *gpu, const struct gpu_buffer *buffer, uint8_t byte)
{
    check_true(filled_with(lock(gpu->device, buffer->allocation), buffer->size_bytes, byte));
    require_success(unlock(gpu->device, buffer->allocation));
}

static void eviction(void)
{
    struct gpu gpu;
    gpu_open(&gpu);
    D3DKMT_HANDLE plain = create_buffer(gpu.device, SIZE), dead = create_buffer(gpu.device, SIZE);
    D3DKMT_HANDLE members[3], resource = create_resource(gpu.device, 3, false, members);
    require_success(destroy_allocation(gpu.device, dead));
    const struct {
        const char *name;
        D3DKMT_HANDLE resource, allocation;
    } bad[] = {
        {"nothing", 0, 0},
        {"both", resource, plain},
        {"an allocation that was destroyed", 0, dead},
        {"a device for an allocation", 0, gpu.device},
        {"an allocation for a resource", plain, 0},
        {"a resource for an allocation", 0, resource},
        {"no handle", 0, BAD_HANDLE},
        {"no handle of a resource", BAD_HANDLE, 0},
    };
    for (size_t i = 0; i < LENGTH_OF(bad); i++) {
        udxg_case("evict %s", bad[i].name) {
            check_status(STATUS_INVALID_PARAMETER, force_out(gpu.adapter, bad[i].resource, bad[i].allocation));
        }
    }
    udxg_case("by NT handle") {
        check_status(STATUS_NOT_SUPPORTED, escape_of(gpu.adapter, D3DKMT_VIDMMESCAPETYPE_EVICT_BY_NT_HANDLE));
    }
    udxg_case("what is not resident") {
        check_status(STATUS_SUCCESS, force_out(gpu.adapter, 0, plain));
        check_u64(NOT_RESIDENT, residency_of(gpu.device, plain));
    }
    udxg_case("what is listed goes, and comes back before the device runs") {
        struct gpu_buffer buffer = create_gpu_buffer(&gpu, SIZE);
        run_fill(&gpu, &buffer, 0x33333333);
        for (int round = 0; round < 20; round++) {
            check_u64(first_choice(), residency_of(gpu.device, buffer.allocation));
            UINT64 usage = memory_info(gpu.adapter, D3DKMT_MEMORY_SEGMENT_GROUP_LOCAL).CurrentUsage;
            require_success(force_out(gpu.adapter, 0, buffer.allocation));
            check_u64(NOT_RESIDENT, residency_of(gpu.device, buffer.allocation));
            check_u64(usage, memory_info(gpu.adapter, D3DKMT_MEMORY_SEGMENT_GROUP_LOCAL).CurrentUsage);
            check_integrity(gpu.adapter);
            struct gpu_buffer other = create_gpu_buffer(&gpu, SIZE);
            run_fill(&gpu, &other, 1); /* not even the one that is used has to be the one that was evicted */
        }
        check_content(&gpu, &buffer, 0x33);
    }
    udxg_case("its count is what it was") {
        D3DKMT_HANDLE allocation = create_buffer(gpu.device, SIZE);
        make_resident(&gpu.queue, allocation);
        require_success(force_out(gpu.adapter, 0, allocation));
        check_status(STATUS_SUCCESS, evict(gpu.device, allocation));
        check_status(STATUS_INVALID_PARAMETER, evict(gpu.device, allocation));
        make_resident(&gpu.queue, allocation);
        check_u64(first_choice(), residency_of(gpu.device, allocation));
    }
    udxg_case("a resource") {
        for (UINT i = 0; i < 2; i++) make_resident(&gpu.queue, members[i]);
        require_success(force_out(gpu.adapter, resource, 0));
        for (UINT i = 0; i < 3; i++) check_u64(NOT_RESIDENT, residency_of(gpu.device, members[i]));
        for (UINT i = 0; i < 2; i++) require_success(evict(gpu.device, members[i]));
    }
    udxg_case("what is unmoveable stays") {
        D3DKMT_HANDLE allocation = create_buffer(gpu.device, SIZE);
        D3DDDI_UPDATEALLOCPROPERTY update = {0};
        make_resident(&gpu.queue, allocation);
        update.hPagingQueue = gpu.queue.handle;
        update.hAllocation = allocation;
        update.SetUnmoveable = 1;
        update.Flags.Unmoveable = 1;
        require_success(D3DKMTUpdateAllocationProperty(&update));
        check_status(STATUS_GRAPHICS_CANT_EVICT_PINNED_ALLOCATION, force_out(gpu.adapter, 0, allocation));
        check_u64(first_choice(), residency_of(gpu.device, allocation));
        require_success(evict(gpu.device, allocation));
        check_status(STATUS_SUCCESS, force_out(gpu.adapter, 0, allocation));
        check_u64(NOT_RESIDENT, residency_of(gpu.device, allocation));
    }
    udxg_case("by criteria") {
        const uint64_t sizes[] = {KIB(64), KIB(128), KIB(256)};
        D3DKMT_HANDLE allocations[3];
        for (UINT i = 0; i < 3; i++) {
            allocations[i] = create_buffer(gpu.device, sizes[i]);
            make_resident(&gpu.queue, allocations[i]);
        }
        D3DKMT_VIDMM_ESCAPE escape = {0};
        escape.Type = D3DKMT_VIDMMESCAPETYPE_EVICT_BY_CRITERIA;
        escape.EvictByCriteria.MinimumSize = KIB(128);
        escape.EvictByCriteria.MaximumSize = KIB(255);
        escape.EvictByCriteria.Flags.Primary = 1;
        check_status(STATUS_SUCCESS, vidmm_escape(gpu.adapter, &escape));
        check_u64(first_choice(), residency_of(gpu.device, allocations[1])); /* it is no primary */
        escape.EvictByCriteria.Flags.Primary = 0;
        check_status(STATUS_SUCCESS, vidmm_escape(gpu.adapter, &escape));
        check_u64(first_choice(), residency_of(gpu.device, allocations[0]));
        check_u64(NOT_RESIDENT, residency_of(gpu.device, allocations[1]));
        check_u64(first_choice(), residency_of(gpu.device, allocations[2]));
        escape.EvictByCriteria.MinimumSize = KIB(256);
        check_status(STATUS_INVALID_PARAMETER, vidmm_escape(gpu.adapter, &escape));
        escape.EvictByCriteria.MinimumSize = 0;
        escape.EvictByCriteria.Flags.Reserved = 1;
        check_status(STATUS_INVALID_PARAMETER, vidmm_escape(gpu.adapter, &escape));
        check_u64(first_choice(), residency_of(gpu.device, allocations[0]));
    }
    check_integrity(gpu.adapter);
}

/* ----------------------------------------------------------------------------------------------- suspension */

static void suspension(void)
{
    struct gpu gpu;
    gpu_open(&gpu);
    udxg_case("resumed without a suspension") {
        check_status(STATUS_INVALID_PARAMETER, resume_process(gpu.adapter));
    }
    udxg_case("nothing runs, nothing is resident") {
        struct gpu_buffer buffer = create_gpu_buffer(&gpu, SIZE);
        run_fill(&gpu, &buffer, 0x11111111);
        check_status(STATUS_SUCCESS, suspend_process(gpu.adapter, FALSE));
        check_status(STATUS_INVALID_PARAMETER, suspend_process(gpu.adapter, TRUE));
        check_u64(NOT_RESIDENT, residency_of(gpu.device, buffer.allocation));
        check_integrity(gpu.adapter);
        struct udxg_soft_fill fill = udxg_soft_fill_command(buffer.va, SIZE, 0x22222222);
        UINT64 done = *gpu.done.value;
        require_success(submit(&gpu, &fill, sizeof(fill)));
        double start = now_ms();
        while (now_ms() - start < 50) check_u64(done, *gpu.done.value);
        check_status(STATUS_SUCCESS, resume_process(gpu.adapter));
        gpu_finish(&gpu);
        check_u64(first_choice(), residency_of(gpu.device, buffer.allocation));
        check_content(&gpu, &buffer, 0x22);
    }
    udxg_case("a submission wakes it") {
        struct gpu_buffer buffer = create_gpu_buffer(&gpu, SIZE);
        check_status(STATUS_SUCCESS, suspend_process(gpu.adapter, TRUE));
        check_u64(NOT_RESIDENT, residency_of(gpu.device, buffer.allocation));
        run_fill(&gpu, &buffer, 0x44444444);
        check_u64(first_choice(), residency_of(gpu.device, buffer.allocation));
        check_content(&gpu, &buffer, 0x44);
        check_status(STATUS_INVALID_PARAMETER, resume_process(gpu.adapter));
    }
    udxg_case("a device ends while it is suspended") {
        struct gpu other;
        gpu_open_on(&other, gpu.adapter);
        struct gpu_buffer buffer = create_gpu_buffer(&other, SIZE);
        struct udxg_soft_fill fill = udxg_soft_fill_command(buffer.va, SIZE, 5);
        D3DKMT_DESTROYDEVICE destroy = {0};
        require_success(suspend_process(gpu.adapter, FALSE));
        require_success(submit(&other, &fill, sizeof(fill)));
        destroy.hDevice = other.device;
        check_status(STATUS_SUCCESS, D3DKMTDestroyDevice(&destroy));
        check_status(STATUS_SUCCESS, resume_process(gpu.adapter));
        check_integrity(gpu.adapter);
    }
}

/* -------------------------------------------------------------------------------------------------- defrag */

static NTSTATUS try_defrag(D3DKMT_HANDLE adapter, UINT segment, UINT operation, D3DKMT_VIDMM_ESCAPE *escape)
{
    memset(escape, 0, sizeof(*escape));
    escape->Type = D3DKMT_VIDMMESCAPETYPE_DEFRAG;
    escape->Defrag.SegmentId = segment;
    escape->Defrag.Operation = (D3DKMT_DEFRAG_ESCAPE_OPERATION)operation;
    return vidmm_escape(adapter, escape);
}

static void check_gaps(const D3DKMT_VIDMM_ESCAPE *escape, UINT64 used, UINT64 before, UINT64 after)
{
    check_u64(used, escape->Defrag.TotalCommitted);
    check_u64(MIB(1) - used, escape->Defrag.TotalFree);
    check_u64(before, escape->Defrag.LargestGapBefore);
    check_u64(after, escape->Defrag.LargestGapAfter);
}

static void defrag(void)
{
    use_profile(little_profile);
    struct gpu gpu;
    gpu_open(&gpu);
    D3DKMT_VIDMM_ESCAPE escape;
    udxg_case("arguments") {
        const UINT operations[] = {0, 1, 2, 3};
        for (size_t i = 0; i < LENGTH_OF(operations); i++) {
            check_status(STATUS_INVALID_PARAMETER, try_defrag(gpu.adapter, 0, operations[i], &escape));
            check_status(STATUS_INVALID_PARAMETER, try_defrag(gpu.adapter, 2, operations[i], &escape));
            check_status(STATUS_INVALID_PARAMETER, try_defrag(gpu.adapter, 3, operations[i], &escape));
        }
        check_status(STATUS_NOT_SUPPORTED, try_defrag(gpu.adapter, 1, 4, &escape));
        check_status(STATUS_INVALID_PARAMETER, try_defrag(gpu.adapter, 1, 5, &escape));
        require_success(try_defrag(gpu.adapter, 1, D3DKMT_DEFRAG_ESCAPE_GET_FRAGMENTATION_STATS, &escape));
        check_gaps(&escape, 0, MIB(1), MIB(1));
    }
    const struct {
        const char *name;
        UINT operation;
    } rows[] = {
        {"upward", D3DKMT_DEFRAG_ESCAPE_DEFRAG_UPWARD},
        {"downward", D3DKMT_DEFRAG_ESCAPE_DEFRAG_DOWNWARD},
        {"a pass", D3DKMT_DEFRAG_ESCAPE_DEFRAG_PASS},
    };
    for (size_t row = 0; row < LENGTH_OF(rows); row++) {
        udxg_case("%s", rows[row].name) {
            D3DKMT_HANDLE buffers[16];
            for (UINT i = 0; i < 16; i++) {
                buffers[i] = create_buffer(gpu.device, SIZE);
                memset(lock(gpu.device, buffers[i]), (int)i + 1, SIZE);
                require_success(unlock(gpu.device, buffers[i]));
                make_resident(&gpu.queue, buffers[i]);
            }
            for (UINT i = 0; i < 16; i += 2) require_success(evict(gpu.device, buffers[i]));
            flush_paging(gpu.adapter);
            require_success(try_defrag(gpu.adapter, 1, D3DKMT_DEFRAG_ESCAPE_GET_FRAGMENTATION_STATS, &escape));
            check_gaps(&escape, KIB(512), SIZE, SIZE);
            require_success(try_defrag(gpu.adapter, 1, rows[row].operation, &escape));
            check_gaps(&escape, KIB(512), SIZE, KIB(512));
            check_integrity(gpu.adapter);
            for (UINT i = 0; i < 16; i++) {
                check_u64(i % 2 ? IN_GPU_MEMORY : NOT_RESIDENT, residency_of(gpu.device, buffers[i]));
                check_true(filled_with(lock(gpu.device, buffers[i]), SIZE, (uint8_t)(i + 1)));
                require_success(destroy_allocation(gpu.device, buffers[i]));
            }
        }
    }
}

/* ------------------------------------------------------------------------------------------ the paging thread */

static NTSTATUS try_delay(const struct gpu *gpu, D3DKMT_HANDLE queue, ULONG milliseconds, UINT64 *ret_fence)
{
    D3DKMT_VIDMM_ESCAPE escape = {0};
    escape.Type = D3DKMT_VIDMMESCAPETYPE_DELAYEXECUTION;
    escape.DelayExecution.hPagingQueue = queue;
    escape.DelayExecution.Milliseconds = milliseconds;
    NTSTATUS status = vidmm_escape(gpu->adapter, &escape);
    *ret_fence = escape.DelayExecution.PagingFenceValue;
    return status;
}

static void delays(void)
{
    struct gpu gpu;
    gpu_open(&gpu);
    UINT64 fence;
    udxg_case("arguments") {
        check_status(STATUS_INVALID_PARAMETER, try_delay(&gpu, 0, 1, &fence));
        check_status(STATUS_INVALID_PARAMETER, try_delay(&gpu, gpu.device, 1, &fence));
        check_status(STATUS_INVALID_PARAMETER, try_delay(&gpu, BAD_HANDLE, 1, &fence));
        check_status(STATUS_INVALID_PARAMETER, try_delay(&gpu, gpu.queue.handle, 10001, &fence));
        check_status(STATUS_INVALID_PARAMETER, try_delay(&gpu, gpu.queue.handle, 0xffffffffu, &fence));
        check_u64(0, *gpu.queue.value);
    }
    udxg_case("of no length") {
        require_success(try_delay(&gpu, gpu.queue.handle, 0, &fence));
        check_true(fence > 0);
        wait_paging(&gpu.queue, fence);
    }
    udxg_case("its queue waits, others do not") {
        struct gpu other;
        gpu_open_on(&other, gpu.adapter);
        double start = now_ms();
        require_success(try_delay(&gpu, gpu.queue.handle, 200, &fence));
        make_resident(&other.queue, create_buffer(other.device, SIZE));
        check_true(now_ms() - start < 200);
        check_true(*gpu.queue.value < fence);
        wait_paging(&gpu.queue, fence);
        check_true(now_ms() - start >= 200);
    }
    udxg_case("destroying the queue ends it") {
        struct paging_queue queue = create_paging_queue(gpu.device);
        D3DDDI_DESTROYPAGINGQUEUE args = {0};
        double start = now_ms();
        require_success(try_delay(&gpu, queue.handle, 9000, &fence));
        args.hPagingQueue = queue.handle;
        check_status(STATUS_SUCCESS, D3DKMTDestroyPagingQueue(&args));
        check_true(now_ms() - start < 4000);
    }
    udxg_case("a device that has everything in place runs meanwhile") {
        struct gpu_buffer buffer = create_gpu_buffer(&gpu, SIZE);
        struct paging_queue queue = create_paging_queue(gpu.device);
        run_fill(&gpu, &buffer, 8);
        require_success(try_delay(&gpu, queue.handle, 300, &fence));
        run_fill(&gpu, &buffer, 9);
        check_true(*queue.value < fence);
        wait_paging(&queue, fence);
    }
}

static void delayed_eviction(void)
{
    struct gpu gpu;
    gpu_open(&gpu);
    udxg_case("what leaves stays for the time set, or until it is woken") {
        D3DKMT_VIDMM_ESCAPE escape = {0};
        D3DKMT_HANDLE allocation = create_buffer(gpu.device, SIZE);
        escape.Type = D3DKMT_VIDMMESCAPETYPE_SET_EVICTION_CONFIG;
        escape.DelayedEvictionConfig.TimerValue = 600 * INT64_C(10000000); /* 10 minutes */
        require_success(vidmm_escape(gpu.adapter, &escape));
        make_resident(&gpu.queue, allocation);
        require_success(evict(gpu.device, allocation));
        double start = now_ms();
        while (now_ms() - start < 50) check_u64(IN_GPU_MEMORY, residency_of(gpu.device, allocation));
        flush_paging(gpu.adapter);
        check_u64(NOT_RESIDENT, residency_of(gpu.device, allocation));
        escape.DelayedEvictionConfig.TimerValue = 50 * INT64_C(10000); /* 50 ms */
        require_success(vidmm_escape(gpu.adapter, &escape));
        make_resident(&gpu.queue, allocation);
        start = now_ms();
        require_success(evict(gpu.device, allocation));
        while (residency_of(gpu.device, allocation) != NOT_RESIDENT && now_ms() - start < 5000) {
        }
        check_true(now_ms() - start >= 50 && now_ms() - start < 5000);
    }
}

/* --------------------------------------------------------------------------------------------------- offers */

/* Offers one buffer, takes it back, and says how it went. */
static D3DDDI_RECLAIM_RESULT offer_and_reclaim(const struct gpu *gpu, UINT faults)
{
    D3DKMT_HANDLE allocation = create_buffer(gpu->device, SIZE);
    D3DKMT_OFFERALLOCATIONS offer = {0};
    D3DKMT_RECLAIMALLOCATIONS2 reclaim = {0};
    D3DDDI_RECLAIM_RESULT result = (D3DDDI_RECLAIM_RESULT)0x5a;
    offer.hDevice = gpu->device;
    offer.NumAllocations = 1;
    offer.HandleList = &allocation;
    offer.Priority = D3DKMT_OFFER_PRIORITY_NORMAL;
    offer.Flags.OfferImmediately = 1;
    require_success(set_faults(gpu->adapter, faults));
    require_success(D3DKMTOfferAllocations(&offer));
    reclaim.hPagingQueue = gpu->queue.handle;
    reclaim.NumAllocations = 1;
    reclaim.HandleList = &allocation;
    reclaim.pResults = &result;
    require_success(D3DKMTReclaimAllocations2(&reclaim));
    require_success(set_faults(gpu->adapter, 0));
    return result;
}

static void offers(void)
{
    struct gpu gpu;
    gpu_open(&gpu);
    udxg_case("always discarded, never discarded") {
        check_u64(D3DDDI_RECLAIM_RESULT_DISCARDED, offer_and_reclaim(&gpu, ALWAYS_DISCARD));
        check_u64(D3DDDI_RECLAIM_RESULT_OK, offer_and_reclaim(&gpu, NEVER_DISCARD));
        check_u64(D3DDDI_RECLAIM_RESULT_OK, offer_and_reclaim(&gpu, 0));
    }
}

/* --------------------------------------------------------------------------------------------------- budget */

static void budgets(void)
{
    struct gpu gpu;
    gpu_open(&gpu);
    udxg_case("set, over it, and set free") {
        D3DKMT_VIDMM_ESCAPE set = {0}, get = {0};
        UINT64 before = memory_info(gpu.adapter, D3DKMT_MEMORY_SEGMENT_GROUP_LOCAL).Budget;
        make_resident(&gpu.queue, create_buffer(gpu.device, SIZE));
        set.Type = D3DKMT_VIDMMESCAPETYPE_SET_BUDGET;
        set.SetBudget.LocalMemoryBudget = SIZE / 2;
        set.SetBudget.SystemMemoryBudget = ~0ull;
        require_success(vidmm_escape(gpu.adapter, &set));
        UINT64 usage = memory_info(gpu.adapter, D3DKMT_MEMORY_SEGMENT_GROUP_LOCAL).CurrentUsage;
        check_u64(SIZE / 2, memory_info(gpu.adapter, D3DKMT_MEMORY_SEGMENT_GROUP_LOCAL).Budget);
        get.Type = D3DKMT_VIDMMESCAPETYPE_GET_BUDGET;
        require_success(vidmm_escape(gpu.adapter, &get));
        check_u64(usage - SIZE / 2, get.GetBudget.NumBytesToTrim);
        set.SetBudget.LocalMemoryBudget = ~0ull;
        require_success(vidmm_escape(gpu.adapter, &set));
        check_u64(before, memory_info(gpu.adapter, D3DKMT_MEMORY_SEGMENT_GROUP_LOCAL).Budget);
        require_success(vidmm_escape(gpu.adapter, &get));
        check_u64(0, get.GetBudget.NumBytesToTrim);
    }
}

/* ------------------------------------------------------------------------------------------------ addresses */

static NTSTATUS ask_vad(const struct gpu *gpu, D3DKMT_VAD_ESCAPE_COMMAND command, D3DKMT_VIDMM_ESCAPE *escape)
{
    escape->Type = D3DKMT_VIDMMESCAPETYPE_GET_VAD_INFO;
    escape->GetVads.Command = command;
    NTSTATUS status = vidmm_escape(gpu->adapter, escape);
    if (status == STATUS_SUCCESS) check_u64(STATUS_SUCCESS, (UINT64)escape->GetVads.Status);
    return status;
}

static UINT count_vads(const struct gpu *gpu)
{
    D3DKMT_VIDMM_ESCAPE escape = {0};
    require_success(ask_vad(gpu, D3DKMT_VAD_ESCAPE_GETNUMVADS, &escape));
    return escape.GetVads.GetNumVads.NumVads;
}

/* Fills in the entry of the page at VA. */
static NTSTATUS ask_pte(const struct gpu *gpu, UINT64 va, UINT count, D3DKMT_VIDMM_ESCAPE *escape)
{
    D3DKMT_VIDMM_ESCAPE caps = {0};
    require_success(ask_vad(gpu, D3DKMT_VAD_ESCAPE_GET_GPUMMU_CAPS, &caps));
    const DXGK_ESCAPE_GPUMMUCAPS *mmu = &caps.GetVads.GetGpuMmuCaps.GpuMmuCaps;
    memset(escape, 0, sizeof(*escape));
    for (UINT level = 0; level < mmu->PageTableLevelCount; level++) {
        const D3DKMT_PAGE_TABLE_LEVEL_DESC *desc = &mmu->PageTableLevelDesk[level];
        escape->GetVads.GetPte.PageTableIndex[level] = (UINT)((va & desc->IndexMask) >> desc->IndexShift);
    }
    escape->GetVads.GetPte.NumPtes = count;
    return ask_vad(gpu, D3DKMT_VAD_ESCAPE_GET_PTE, escape);
}

static void vads(void)
{
    struct gpu gpu;
    gpu_open(&gpu);
    udxg_case("a mapping, its range and its pages") {
        UINT before = count_vads(&gpu);
        struct gpu_buffer buffer = create_gpu_buffer(&gpu, SIZE);
        D3DKMT_VIDMM_ESCAPE escape = {0};
        check_u64(before + 1, count_vads(&gpu));
        escape.GetVads.GetVad.VadIndex = 0xffffffffu;
        escape.GetVads.GetVad.VadAddress = buffer.va + 5;
        require_success(ask_vad(&gpu, D3DKMT_VAD_ESCAPE_GETVAD, &escape));
        check_u64(buffer.va, escape.GetVads.GetVad.StartAddress);
        check_u64(buffer.va + SIZE, escape.GetVads.GetVad.EndAddress);
        check_u64(1, escape.GetVads.GetVad.VadType);
        memset(&escape, 0, sizeof(escape));
        escape.GetVads.GetVadRange.VadAddress = buffer.va;
        require_success(ask_vad(&gpu, D3DKMT_VAD_ESCAPE_GETVADRANGE, &escape));
        check_u64(buffer.va + SIZE, escape.GetVads.GetVadRange.EndAddress);
        check_true(escape.GetVads.GetVadRange.pOwner != 0);
        require_success(ask_pte(&gpu, buffer.va, 4, &escape));
        check_u64(4, escape.GetVads.GetPte.NumValidEntries);
        check_u64(1, escape.GetVads.GetPte.Pte[3].Segment);
        require_success(evict(gpu.device, buffer.allocation));
        require_success(ask_pte(&gpu, buffer.va, 4, &escape));
        check_u64(0, escape.GetVads.GetPte.NumValidEntries);
    }
    udxg_case("what is not there") {
        D3DKMT_VIDMM_ESCAPE escape = {0};
        escape.GetVads.GetVad.VadIndex = count_vads(&gpu);
        check_status(STATUS_INVALID_PARAMETER, ask_vad(&gpu, D3DKMT_VAD_ESCAPE_GETVAD, &escape));
        memset(&escape, 0, sizeof(escape));
        escape.GetVads.GetVadRange.PhysicalAdapterIndex = 1;
        check_status(STATUS_INVALID_PARAMETER, ask_vad(&gpu, D3DKMT_VAD_ESCAPE_GETVADRANGE, &escape));
        check_status(STATUS_INVALID_PARAMETER, ask_pte(&gpu, 0, 0, &escape));
        check_status(STATUS_INVALID_PARAMETER, ask_pte(&gpu, 0, D3DKMT_GET_PTE_MAX + 1, &escape));
        check_status(STATUS_INVALID_PARAMETER, ask_pte(&gpu, 511 * PAGE_BYTES, 2, &escape));
        check_status(STATUS_SUCCESS, ask_pte(&gpu, 511 * PAGE_BYTES, 1, &escape));
        check_u64(0, escape.GetVads.GetPte.NumValidEntries);
    }
}

int main(int argc, char **argv)
{
    static const struct udxg_test tests[] = {
        {"argument", ON_EACH, arguments},
        {"fault", ON_EACH, faults},
        {"fault of memory", ON_DISCRETE, faults_of_memory},
        {"demotion", ON_DISCRETE, demotion},
        {"evict", ON_EACH, eviction},
        {"suspend", ON_EACH, suspension},
        {"defrag", ON_DISCRETE, defrag},
        {"delay", ON_EACH, delays},
        {"offer", ON_EACH, offers},
        {"budget", ON_EACH, budgets},
        {"vad", ON_EACH, vads},
        {"delayed eviction", ON_DISCRETE, delayed_eviction},
    };
    return conformance_main(argc, argv, tests, LENGTH_OF(tests));
}
