/* SPDX-License-Identifier: MIT */
/*
 * The memory manager's own word for what it does, held against what was asked of it: the counters of QueryStatistics,
 * and the orders of the VIDMM escape: to evict, to lower a budget, to move together, to check itself, to fail.
 */
#include "lab.h"

#include "creation.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#define PIECE MIB(1)
#define LOCAL UDXG_SOFT_SEGMENT_LOCAL
#define FIRST 1u /* the segment that LOCAL stands for on either adapter */

enum { NOT_WRITTEN_TO = 2, CANT_TRIM = 1 };
enum {
    PROBE_AND_LOCK = 1 << 0,
    PREPARATION = 1 << 11,
    MAPPING = 1 << 12,
    NEVER_DISCARD = 1 << 13,
    ALWAYS_DISCARD = 1 << 14
};

static const struct small_adapter small = {.mib = 16};
static LUID luid; /* of the one adapter */

static void open_small(struct lab *lab)
{
    use_small(&small);
    luid = first_luid();
    lab_open(lab, PIECE);
}

/* ------------------------------------------------------------------------------------------ asking */

static D3DKMT_QUERYSTATISTICS_RESULT ask(D3DKMT_QUERYSTATISTICS_TYPE type, ULONG id)
{
    D3DKMT_QUERYSTATISTICS args;
    memset(&args, 0, sizeof(args));
    args.Type = type;
    args.AdapterLuid = luid;
    args.QuerySegment.SegmentId = id;
    require_success(D3DKMTQueryStatistics(&args));
    return args.QueryResult;
}

static D3DKMT_QUERYSTATISTICS_ADAPTER_INFORMATION ask_adapter(void)
{
    return ask(D3DKMT_QUERYSTATISTICS_ADAPTER, 0).AdapterInformation;
}

/* Statistics count segments from 0. */
static D3DKMT_QUERYSTATISTICS_SEGMENT_INFORMATION ask_segment(ULONG index)
{
    return ask(D3DKMT_QUERYSTATISTICS_SEGMENT, index).SegmentInformation;
}

static NTSTATUS order(const struct lab *lab, D3DKMT_VIDMM_ESCAPE *escape)
{
    D3DKMT_ESCAPE args = {0};
    args.hAdapter = lab->gpu.adapter;
    args.hDevice = lab->gpu.device;
    args.Type = D3DKMT_ESCAPE_VIDMM;
    args.pPrivateDriverData = escape;
    args.PrivateDriverDataSize = sizeof(*escape);
    return D3DKMTEscape(&args);
}

static D3DKMT_VIDMM_ESCAPE escape_of(D3DKMT_VIDMMESCAPETYPE type)
{
    D3DKMT_VIDMM_ESCAPE escape;
    memset(&escape, 0, sizeof(escape));
    escape.Type = type;
    return escape;
}

static NTSTATUS order_evict(const struct lab *lab, D3DKMT_HANDLE allocation)
{
    D3DKMT_VIDMM_ESCAPE escape = escape_of(D3DKMT_VIDMMESCAPETYPE_EVICT);
    escape.Evict.AllocationHandle = allocation;
    return order(lab, &escape);
}

static NTSTATUS try_faults(const struct lab *lab, ULONG bits)
{
    D3DKMT_VIDMM_ESCAPE escape = escape_of(D3DKMT_VIDMMESCAPETYPE_SETFAULT);
    escape.SetFault.Value = bits;
    return order(lab, &escape);
}

static NTSTATUS validate(const struct lab *lab, UINT segment)
{
    D3DKMT_VIDMM_ESCAPE escape = escape_of(D3DKMT_VIDMMESCAPETYPE_VALIDATE_INTEGRITY);
    escape.VerifyIntegrity.SegmentId = segment;
    return order(lab, &escape);
}

static struct gpu_buffer listed(struct lab *lab, uint64_t seed)
{
    struct gpu_buffer buffer = lab_buffer(lab, PIECE, LOCAL, 0);
    require_success(lab_list(lab, &buffer.allocation, 1, 0, NULL));
    require_success(lab_write(lab, &buffer, seed));
    return buffer;
}

static uint64_t hash_of(struct lab *lab, const struct gpu_buffer *buffer)
{
    uint64_t hash = 0;
    require_success(lab_hash(lab, buffer, &hash));
    return hash;
}

/* ---------------------------------------------------------------------------------------- counters */

static void lives(void)
{
    struct lab lab;
    udxg_case("what is created is destroyed in the end, and what is opened is closed") {
        open_small(&lab);
        D3DKMT_QUERYSTATSTICS_ALLOCATIONS before = ask_adapter().Allocations;
        D3DKMT_HANDLE list[5];
        for (int i = 0; i < 5; i++) list[i] = create_buffer(lab.gpu.device, PIECE);
        D3DKMT_QUERYSTATSTICS_ALLOCATIONS now = ask_adapter().Allocations;
        check_u64(5, now.Created.Count - before.Created.Count);
        check_u64(5 * PIECE, now.Created.Bytes - before.Created.Bytes);
        check_u64(5, now.Opened.Count - before.Opened.Count);
        check_u64(0, now.Destroyed.Count - before.Destroyed.Count);
        for (int i = 0; i < 5; i++) require_success(destroy_allocation(lab.gpu.device, list[i]));
        now = ask_adapter().Allocations;
        check_u64(5, now.Destroyed.Count - before.Destroyed.Count);
        check_u64(5 * PIECE, now.Destroyed.Bytes - before.Destroyed.Bytes);
        check_u64(5, now.Closed.Count - before.Closed.Count);
        lab_close(&lab);
        now = ask_adapter().Allocations;
        check_u64(now.Created.Count, now.Destroyed.Count);
        check_u64(now.Created.Bytes, now.Destroyed.Bytes);
        check_u64(now.Opened.Count, now.Closed.Count);
    }
}

static void places(void)
{
    struct lab lab;
    udxg_case("resident bytes are the sum of what says it is resident") {
        struct gpu_buffer pieces[24];
        uint64_t random = 5;
        open_small(&lab);
        D3DKMT_QUERYSTATISTICS_SEGMENT_INFORMATION before = ask_segment(0);
        for (size_t i = 0; i < LENGTH_OF(pieces); i++) pieces[i] = lab_buffer(&lab, PIECE, LOCAL, 0);
        check_u64(24 * PIECE, ask_segment(0).BytesCommitted - before.BytesCommitted);
        for (int round = 0; round < 100; round++) {
            size_t at = next_random(&random) % LENGTH_OF(pieces);
            if (lab_unlist(&lab, &pieces[at].allocation, 1, (UINT)(round % 2), NULL) != STATUS_SUCCESS)
                lab_list(&lab, &pieces[at].allocation, 1, 0, NULL); /* the budget may refuse it */
            require_true(round % 10 != 0 || validate(&lab, FIRST) == STATUS_SUCCESS);
        }
        uint64_t bytes = 0, count = 0;
        D3DKMT_QUERYSTATISTICS_SEGMENT_INFORMATION now;
        for (int tries = 0; tries < 1000; tries++) { /* evictions may still be under way */
            bytes = count = 0;
            now = ask_segment(0);
            for (size_t i = 0; i < LENGTH_OF(pieces); i++)
                if (residency_of(lab.gpu.device, pieces[i].allocation) !=
                    D3DKMT_ALLOCATIONRESIDENCYSTATUS_NOTRESIDENT) {
                    bytes += PIECE;
                    count++;
                }
            if (now.BytesResident - before.BytesResident == bytes) break;
            usleep(1000);
        }
        check_u64(bytes, now.BytesResident - before.BytesResident);
        check_u64(count, now.Memory.AllocsResident - before.Memory.AllocsResident);
        check_u64(on_discrete() ? 0 : 1, now.Aperture);
        check_true(count > 0 && count < LENGTH_OF(pieces));
        lab_close(&lab);
        check_u64(0, ask_segment(0).BytesResident);
        check_u64(0, ask_segment(0).BytesCommitted);
    }
    udxg_case("a group's numbers are those of QueryVideoMemoryInfo") {
        open_small(&lab);
        listed(&lab, 1);
        D3DKMT_QUERYVIDEOMEMORYINFO info = memory_info(lab.gpu.adapter, D3DKMT_MEMORY_SEGMENT_GROUP_LOCAL);
        D3DKMT_QUERYSTATISTICS_PROCESS_SEGMENT_GROUP_INFORMATION group =
            ask(D3DKMT_QUERYSTATISTICS_PROCESS_SEGMENT_GROUP, D3DKMT_MEMORY_SEGMENT_GROUP_LOCAL)
                .ProcessSegmentGroupInformation;
        check_u64(info.Budget, group.Budget);
        check_u64(info.CurrentUsage, group.Usage);
        check_true(group.Requested >= PIECE);
        lab_close(&lab);
    }
}

static void evictions(void)
{
    static const uint32_t priorities[] = {D3DDDI_ALLOCATIONPRIORITY_MINIMUM, D3DDDI_ALLOCATIONPRIORITY_LOW,
                                          D3DDDI_ALLOCATIONPRIORITY_NORMAL, D3DDDI_ALLOCATIONPRIORITY_HIGH,
                                          D3DDDI_ALLOCATIONPRIORITY_MAXIMUM};
    struct lab lab;
    for (size_t i = 0; i < LENGTH_OF(priorities); i++) {
        udxg_case("an eviction counts in its class: 0x%08x", priorities[i]) {
            open_small(&lab);
            struct gpu_buffer buffer = listed(&lab, i);
            D3DKMT_SETALLOCATIONPRIORITY args = {0};
            UINT priority = priorities[i];
            args.hDevice = lab.gpu.device;
            args.phAllocationList = &buffer.allocation;
            args.AllocationCount = 1;
            args.pPriorities = &priority;
            require_success(D3DKMTSetAllocationPriority(&args));
            D3DKMT_QUERYSTATISTICS_SEGMENT_INFORMATION before = ask_segment(0), now;
            D3DKMT_QUERYSTATSTICS_PAGING_FAULT faults = ask_adapter().PagingFault;
            require_success(lab_unlist(&lab, &buffer.allocation, 1, 0, NULL));
            require_true(leaves(lab.gpu.device, buffer.allocation));
            now = ask_segment(0);
            for (size_t k = 0; k < LENGTH_OF(priorities); k++)
                check_u64(k == i ? PIECE : 0,
                          now.TotalBytesEvictedByPriority[k] - before.TotalBytesEvictedByPriority[k]);
            check_u64(PIECE, now.Memory.TotalBytesEvicted - before.Memory.TotalBytesEvicted);
            check_u64(1, ask_adapter().PagingFault.Evictions.Count - faults.Evictions.Count);
            lab_close(&lab);
        }
    }
    udxg_case("bytes that move are counted, those that need not are not moved") {
        open_small(&lab);
        struct gpu_buffer buffer = listed(&lab, 9);
        D3DKMT_QUERYSTATSTICS_PAGING_TRANSFER before = ask_adapter().PagingTransfer, now;
        require_success(lab_unlist(&lab, &buffer.allocation, 1, 0, NULL));
        require_true(leaves(lab.gpu.device, buffer.allocation));
        now = ask_adapter().PagingTransfer;
        check_u64(on_discrete() ? PIECE : 0,
                  now.BytesTransferredFromMemoryToMdl - before.BytesTransferredFromMemoryToMdl);
        check_u64(on_discrete() ? 0 : PIECE, now.BytesUnmappedFromAperture - before.BytesUnmappedFromAperture);
        before = now;
        require_success(lab_list(&lab, &buffer.allocation, 1, 0, NULL));
        now = ask_adapter().PagingTransfer;
        check_u64(on_discrete() ? PIECE : 0,
                  now.BytesTransferredFromMdlToMemory - before.BytesTransferredFromMdlToMemory);
        check_u64(on_discrete() ? 0 : PIECE, now.BytesMappedIntoAperture - before.BytesMappedIntoAperture);
        before = now;
        require_success(lab_unlist(&lab, &buffer.allocation, 1, NOT_WRITTEN_TO, NULL));
        require_true(leaves(lab.gpu.device, buffer.allocation));
        now = ask_adapter().PagingTransfer;
        check_u64(0, now.BytesTransferredFromMemoryToMdl - before.BytesTransferredFromMemoryToMdl);
        lab_close(&lab);
    }
}

/* ------------------------------------------------------------------------------------------ orders */

static void segments(void)
{
    struct lab lab;
    udxg_case("segments are those of the adapter, and their groups those of GETSEGMENTGROUPSIZE") {
        open_small(&lab);
        D3DKMT_VIDMM_ESCAPE escape = escape_of(D3DKMT_VIDMMESCAPETYPE_GET_VAD_INFO);
        escape.GetVads.Command = D3DKMT_VAD_ESCAPE_GET_SEGMENT_CAPS;
        escape.GetVads.Status = -1;
        require_success(order(&lab, &escape));
        check_u64(0, escape.GetVads.Status);
        const D3DKMT_GET_SEGMENT_CAPS *caps = &escape.GetVads.GetSegmentCaps;
        check_u64(on_discrete() ? 2 : 1, caps->NumSegments);
        check_u64(MIB(16), caps->SegmentCaps[0].Size);
        check_u64(FIRST, caps->SegmentCaps[0].SegmentId);
        check_u64(on_discrete() ? KIB(64) : PAGE_BYTES, caps->SegmentCaps[0].PageSize);
        check_u64(!on_discrete(), caps->SegmentCaps[0].bAperture);
        check_u64(D3DKMT_MEMORY_SEGMENT_GROUP_LOCAL, caps->SegmentCaps[0].BudgetGroup);
        if (on_discrete()) {
            check_u64(1, caps->SegmentCaps[1].bAperture);
            check_u64(D3DKMT_MEMORY_SEGMENT_GROUP_NON_LOCAL, caps->SegmentCaps[1].BudgetGroup);
        }
        D3DKMT_SEGMENTGROUPSIZEINFO sizes;
        memset(&sizes, 0, sizeof(sizes));
        D3DKMT_QUERYADAPTERINFO args = {0};
        args.hAdapter = lab.gpu.adapter;
        args.Type = KMTQAITYPE_GETSEGMENTGROUPSIZE;
        args.pPrivateDriverData = &sizes;
        args.PrivateDriverDataSize = sizeof(sizes);
        require_success(D3DKMTQueryAdapterInfo(&args));
        uint64_t groups[2] = {0, 0};
        for (UINT i = 0; i < caps->NumSegments; i++)
            groups[caps->SegmentCaps[i].BudgetGroup] += caps->SegmentCaps[i].Size;
        check_u64(sizes.LocalMemory, groups[0]);
        check_u64(sizes.NonLocalMemory, groups[1]);
        check_u64(0, sizes.NonBudgetMemory);
        lab_close(&lab);
    }
}

static void forced(void)
{
    struct lab lab;
    udxg_case("EVICT takes it out, not off the list: it is back before anything runs") {
        open_small(&lab);
        struct gpu_buffer buffer = listed(&lab, 3);
        UINT64 usage = local_usage(lab.gpu.adapter);
        for (int i = 0; i < 20; i++) {
            check_status(STATUS_SUCCESS, order_evict(&lab, buffer.allocation));
            check_u64(usage, local_usage(lab.gpu.adapter));
            check_u64(hash_contents(PIECE, 3), hash_of(&lab, &buffer));
        }
        check_u64(D3DKMT_DEVICEEXECUTION_ACTIVE, execution_state(lab.gpu.device));
        check_status(STATUS_SUCCESS, lab_unlist(&lab, &buffer.allocation, 1, 0, NULL));
        check_status(STATUS_INVALID_PARAMETER, lab_unlist(&lab, &buffer.allocation, 1, 0, NULL));
        check_status(STATUS_INVALID_PARAMETER, order_evict(&lab, 0));
        check_status(STATUS_INVALID_PARAMETER, order_evict(&lab, BAD_HANDLE));
        lab_close(&lab);
    }
    udxg_case("a thousand of them under one lock") {
        size_t wrong = 0;
        open_small(&lab);
        struct gpu_buffer buffer = lab_buffer(&lab, KIB(64), UDXG_SOFT_SEGMENT_NONE, UDXG_SOFT_CPU_VISIBLE);
        volatile uint32_t *words = (volatile uint32_t *)lock(lab.gpu.device, buffer.allocation);
        require_success(lab_list(&lab, &buffer.allocation, 1, 0, NULL));
        for (uint32_t i = 1; i <= 1000; i++) {
            require_success(lab_fill(&lab, &buffer, i));
            require_success(lab_finish(&lab));
            require_success(order_evict(&lab, buffer.allocation));
            if (words[0] != i || words[KIB(16) - 1] != i) wrong++;
            words[5] = ~i;
            require_success(lab_copy(&lab, &lab.window, &buffer));
            require_success(lab_finish(&lab));
            const uint32_t *seen = (const uint32_t *)lab.window_bytes;
            if (seen[0] != i || seen[5] != ~i) wrong++;
        }
        check_u64(0, wrong);
        lab_close(&lab);
    }
    udxg_case("DEFRAG moves nothing that it could break, and lets the largest gap grow") {
        struct gpu_buffer pieces[12];
        open_small(&lab);
        for (size_t i = 0; i < LENGTH_OF(pieces); i++) pieces[i] = listed(&lab, i);
        for (size_t i = 0; i < LENGTH_OF(pieces); i += 2) {
            require_success(lab_unlist(&lab, &pieces[i].allocation, 1, 0, NULL));
            require_true(leaves(lab.gpu.device, pieces[i].allocation));
        }
        for (int operation = D3DKMT_DEFRAG_ESCAPE_GET_FRAGMENTATION_STATS;
             operation <= D3DKMT_DEFRAG_ESCAPE_DEFRAG_PASS; operation++) {
            D3DKMT_VIDMM_ESCAPE escape = escape_of(D3DKMT_VIDMMESCAPETYPE_DEFRAG);
            escape.Defrag.Operation = (D3DKMT_DEFRAG_ESCAPE_OPERATION)operation;
            escape.Defrag.SegmentId = FIRST;
            check_status(on_discrete() ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER, order(&lab, &escape));
            if (!on_discrete()) continue;
            check_u64(MIB(16), escape.Defrag.TotalCommitted + escape.Defrag.TotalFree);
            check_u64(6 * PIECE, escape.Defrag.TotalCommitted);
            check_true(escape.Defrag.LargestGapAfter >= escape.Defrag.LargestGapBefore);
            check_true(escape.Defrag.LargestGapAfter <= escape.Defrag.TotalFree);
            if (operation == D3DKMT_DEFRAG_ESCAPE_DEFRAG_PASS)
                check_u64(escape.Defrag.TotalFree, escape.Defrag.LargestGapAfter);
        }
        for (size_t i = 0; i < LENGTH_OF(pieces); i++) {
            if (i % 2 == 0) require_success(lab_list(&lab, &pieces[i].allocation, 1, 0, NULL));
            check_u64(hash_contents(PIECE, i), hash_of(&lab, &pieces[i]));
        }
        check_status(STATUS_SUCCESS, validate(&lab, FIRST));
        lab_close(&lab);
    }
}

/* ----------------------------------------------------------------------------------------- budgets */

static struct {
    struct lab *lab;
    struct gpu_buffer pieces[8];
    unsigned listed;
    atomic_uint asked;
    _Atomic uint64_t bytes, budget;
    atomic_uint refused;
} trimmed;

/* As a client would: evicts what it is asked for, inside the callback. */
static void APIENTRY on_trim(D3DKMT_TRIMNOTIFICATION *notification)
{
    if (!notification->Flags.TrimToBudget) return;
    atomic_store(&trimmed.bytes, notification->NumBytesToTrim);
    for (UINT64 gone = 0; gone < notification->NumBytesToTrim && trimmed.listed > 0; gone += PIECE)
        if (lab_unlist(trimmed.lab, &trimmed.pieces[--trimmed.listed].allocation, 1, 0, NULL) != STATUS_SUCCESS)
            atomic_fetch_add(&trimmed.refused, 1);
    atomic_fetch_add(&trimmed.asked, 1);
}

static void APIENTRY on_budget(D3DKMT_BUDGETCHANGENOTIFICATION *notification)
{
    atomic_store(&trimmed.budget, notification->Budget);
}

static NTSTATUS set_budget(const struct lab *lab, UINT64 local)
{
    D3DKMT_VIDMM_ESCAPE escape = escape_of(D3DKMT_VIDMMESCAPETYPE_SET_BUDGET);
    escape.SetBudget.LocalMemoryBudget = local;
    escape.SetBudget.SystemMemoryBudget = MIB(1024);
    return order(lab, &escape);
}

static void budgets(void)
{
    struct lab lab;
    udxg_case("a budget that falls asks for what is too much, and is met from inside the callback") {
        open_small(&lab);
        trimmed.lab = &lab;
        for (trimmed.listed = 0; trimmed.listed < 8; trimmed.listed++)
            trimmed.pieces[trimmed.listed] = listed(&lab, trimmed.listed);
        D3DKMT_REGISTERTRIMNOTIFICATION trim = {0};
        trim.AdapterLuid = luid;
        trim.hDevice = lab.gpu.device;
        trim.Callback = on_trim;
        require_success(D3DKMTRegisterTrimNotification(&trim));
        D3DKMT_REGISTERBUDGETCHANGENOTIFICATION change = {0};
        change.hDevice = lab.gpu.device;
        change.Callback = on_budget;
        require_success(D3DKMTRegisterBudgetChangeNotification(&change));

        UINT64 usage = local_usage(lab.gpu.adapter), budget = usage - 5 * PIECE;
        check_status(STATUS_SUCCESS, set_budget(&lab, budget));
        check_u64(budget, memory_info(lab.gpu.adapter, D3DKMT_MEMORY_SEGMENT_GROUP_LOCAL).Budget);
        for (int i = 0; i < 5000 && (atomic_load(&trimmed.asked) == 0 || atomic_load(&trimmed.budget) == 0); i++)
            usleep(1000);
        check_u64(1, atomic_load(&trimmed.asked));
        check_u64(5 * PIECE, atomic_load(&trimmed.bytes));
        check_u64(0, atomic_load(&trimmed.refused));
        check_u64(budget, atomic_load(&trimmed.budget));
        check_true(usage_becomes(lab.gpu.adapter, budget));

        struct gpu_buffer more = lab_buffer(&lab, PIECE, LOCAL, 0);
        D3DDDI_MAKERESIDENT args;
        check_status(STATUS_NO_MEMORY, lab_list(&lab, &more.allocation, 1, 0, &args));
        check_u64(PIECE, args.NumBytesToTrim);
        check_status(STATUS_SUCCESS, lab_list(&lab, &more.allocation, 1, CANT_TRIM, NULL));
        D3DKMT_VIDMM_ESCAPE escape = escape_of(D3DKMT_VIDMMESCAPETYPE_GET_BUDGET);
        check_status(STATUS_SUCCESS, order(&lab, &escape));
        check_u64(PIECE, escape.GetBudget.NumBytesToTrim);
        UINT64 left = SENTINEL64;
        check_status(STATUS_SUCCESS, lab_unlist(&lab, &more.allocation, 1, 0, &left));
        check_u64(0, left);

        D3DKMT_UNREGISTERTRIMNOTIFICATION end = {0};
        D3DKMT_UNREGISTERBUDGETCHANGENOTIFICATION end_change = {0};
        end.Handle = trim.Handle;
        end_change.Handle = change.Handle;
        check_status(STATUS_SUCCESS, D3DKMTUnregisterTrimNotification(&end));
        check_status(STATUS_SUCCESS, D3DKMTUnregisterBudgetChangeNotification(&end_change));
        for (unsigned i = 0; i < trimmed.listed; i++)
            check_u64(hash_contents(PIECE, i), hash_of(&lab, &trimmed.pieces[i]));
        lab_close(&lab);
    }
}

/* ------------------------------------------------------------------------------------------ faults */

static D3DDDI_RECLAIM_RESULT offer_and_reclaim(struct lab *lab, const struct gpu_buffer *buffer)
{
    D3DDDI_RECLAIM_RESULT result = D3DDDI_RECLAIM_RESULT_NOT_COMMITTED;
    D3DKMT_OFFERALLOCATIONS offer = {0};
    offer.hDevice = lab->gpu.device;
    offer.HandleList = &buffer->allocation;
    offer.NumAllocations = 1;
    offer.Priority = D3DKMT_OFFER_PRIORITY_NORMAL;
    require_success(D3DKMTOfferAllocations(&offer));
    D3DKMT_RECLAIMALLOCATIONS2 reclaim = {0};
    reclaim.hPagingQueue = lab->gpu.queue.handle;
    reclaim.HandleList = &buffer->allocation;
    reclaim.NumAllocations = 1;
    reclaim.pResults = &result;
    require_success(D3DKMTReclaimAllocations2(&reclaim));
    wait_paging(&lab->gpu.queue, reclaim.PagingFenceValue);
    return result;
}

static void ordered_faults(void)
{
    struct lab lab, other;
    udxg_case("paging in that fails puts the device in error, and no other one") {
        open_small(&lab);
        lab_open_on(&other, lab.gpu.adapter, 1, PIECE);
        struct gpu_buffer buffer = listed(&lab, 1), kept = listed(&other, 2);
        require_success(lab_unlist(&lab, &buffer.allocation, 1, 0, NULL));
        require_true(leaves(lab.gpu.device, buffer.allocation));
        require_success(try_faults(&lab, PREPARATION));
        NTSTATUS status = lab_list(&lab, &buffer.allocation, 1, 0, NULL);
        require_success(try_faults(&other, 0));
        if (on_discrete()) {
            check_status(STATUS_SUCCESS, status); /* it was queued */
            check_u64(D3DKMT_DEVICEEXECUTION_ERROR_OUTOFMEMORY, wait_for_error(lab.gpu.device));
        }
        check_u64(hash_contents(PIECE, 2), hash_of(&other, &kept));
        check_u64(D3DKMT_DEVICEEXECUTION_ACTIVE, execution_state(other.gpu.device));
        lab_close(&lab);
        lab_close(&other);
    }
    udxg_case("locks and the caller's memory") {
        struct creation creation;
        void *data = NULL;
        open_small(&lab);
        D3DKMT_HANDLE allocation = create_buffer(lab.gpu.device, PIECE);
        require_success(try_faults(&lab, PROBE_AND_LOCK | MAPPING));
        check_status(STATUS_NO_MEMORY, try_lock(lab.gpu.device, allocation, &data));
        creation_heap(&creation, 2, lab.gpu.device, map_pages(1), PAGE_BYTES);
        creation_fails(&creation, STATUS_GRAPHICS_CANT_LOCK_MEMORY);
        require_success(try_faults(&lab, 0));
        check_status(STATUS_SUCCESS, try_lock(lab.gpu.device, allocation, &data));
        creation_succeeds(&creation);
        lab_close(&lab);
    }
    udxg_case("offers that are always, or never, taken") {
        open_small(&lab);
        struct gpu_buffer buffer = listed(&lab, 4);
        require_success(try_faults(&lab, ALWAYS_DISCARD));
        check_u64(D3DDDI_RECLAIM_RESULT_DISCARDED, offer_and_reclaim(&lab, &buffer));
        check_u64(hash_fill(PIECE, 0), hash_of(&lab, &buffer));
        require_success(lab_write(&lab, &buffer, 5));
        require_success(try_faults(&lab, NEVER_DISCARD));
        check_u64(D3DDDI_RECLAIM_RESULT_OK, offer_and_reclaim(&lab, &buffer));
        check_u64(hash_contents(PIECE, 5), hash_of(&lab, &buffer));
        require_success(try_faults(&lab, 0));
        lab_close(&lab);
    }
}

/* -------------------------------------------------------------------------------------- migration */

static NTSTATUS support(const struct lab *lab, D3DKMT_HANDLE allocation, UINT segments_set, UINT64 *ret_fence)
{
    D3DDDI_UPDATEALLOCPROPERTY args = {0};
    args.hPagingQueue = lab->gpu.queue.handle;
    args.hAllocation = allocation;
    args.SupportedSegmentSet = segments_set;
    args.PreferredSegment.SegmentId0 = segments_set == 1 ? 1 : 2;
    args.SetSupportedSegmentSet = 1;
    args.SetPreferredSegment = 1;
    NTSTATUS status = D3DKMTUpdateAllocationProperty(&args);
    *ret_fence = args.PagingFenceValue;
    return status;
}

static void migration(void)
{
    struct lab lab;
    UINT64 fence = 0;
    udxg_case("to system memory and back, with its contents") {
        open_small(&lab);
        struct gpu_buffer buffer = listed(&lab, 8);
        for (UINT round = 0; round < 6; round++) {
            bool out = round % 2 == 0;
            NTSTATUS status = support(&lab, buffer.allocation, out ? 2 : 1, &fence);
            check_true(status == STATUS_SUCCESS || (status == STATUS_PENDING && fence > 0));
            wait_paging(&lab.gpu.queue, fence);
            check_u64(out ? D3DKMT_ALLOCATIONRESIDENCYSTATUS_RESIDENTINSHAREDMEMORY
                          : D3DKMT_ALLOCATIONRESIDENCYSTATUS_RESIDENTINGPUMEMORY,
                      residency_of(lab.gpu.device, buffer.allocation));
            check_u64(hash_contents(PIECE, 8), hash_of(&lab, &buffer));
        }
        check_true(ask_adapter().Allocations.MigratedSuccess.Count >= 6);
        lab_close(&lab);
    }
    udxg_case("what is full takes no more") {
        D3DKMT_HANDLE list[16];
        open_small(&lab);
        struct gpu_buffer buffer = lab_buffer(&lab, PIECE, UDXG_SOFT_SEGMENT_SYSTEM, 0);
        require_success(lab_list(&lab, &buffer.allocation, 1, 0, NULL));
        for (size_t i = 0; i < LENGTH_OF(list); i++) list[i] = lab_buffer(&lab, PIECE, LOCAL, 0).allocation;
        require_success(lab_list(&lab, list, LENGTH_OF(list), CANT_TRIM, NULL));
        check_status(STATUS_NO_MEMORY, support(&lab, buffer.allocation, 1, &fence));
        check_u64(D3DKMT_DEVICEEXECUTION_ACTIVE, execution_state(lab.gpu.device));
        lab_close(&lab);
    }
    udxg_case("one that fails later puts the device in error") {
        open_small(&lab);
        struct gpu_buffer buffer = lab_buffer(&lab, PIECE, UDXG_SOFT_SEGMENT_SYSTEM, 0);
        require_success(lab_list(&lab, &buffer.allocation, 1, 0, NULL));
        require_success(try_faults(&lab, PREPARATION));
        check_status(STATUS_PENDING, support(&lab, buffer.allocation, 1, &fence));
        check_true(fence > 0);
        check_u64(D3DKMT_DEVICEEXECUTION_ERROR_OUTOFMEMORY, wait_for_error(lab.gpu.device));
        check_status(STATUS_GRAPHICS_GPU_EXCEPTION_ON_DEVICE, lab_fill(&lab, &buffer, 1));
        lab_close(&lab);
    }
}

int main(int argc, char **argv)
{
    static const struct udxg_test tests[] = {
        {"lives", ON_EACH, lives},
        {"places", ON_EACH, places},
        {"evictions", ON_EACH, evictions},
        {"segments", ON_EACH, segments},
        {"forced", ON_EACH, forced},
        {"budgets", ON_EACH, budgets},
        {"ordered faults", ON_EACH, ordered_faults},
        {"migration", ON_DISCRETE, migration},
    };
    return conformance_main(argc, argv, tests, LENGTH_OF(tests));
}
