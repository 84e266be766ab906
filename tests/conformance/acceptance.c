/* SPDX-License-Identifier: MIT */
/*
 * What a client may rely on, each promise one test: that more can be created than there is, that residency is counted
 * and refused as a whole, that contents are kept but where the client gave them up, that pointers stay good, that
 * memory in use is not torn out, and that nobody reads what another wrote.
 *
 * On an adapter with 16 MiB of video memory, or of aperture. Budgets of several processes are not seen here: a process
 * has a kernel of its own.
 */
#include "lab.h"

#include "creation.h"

#include <stdlib.h>
#include <unistd.h>

#include <udxg/udxg.h>

#define PIECE MIB(1)
#define PIECES 64u /* four times what there is */
#define NOT_RESIDENT D3DKMT_ALLOCATIONRESIDENCYSTATUS_NOTRESIDENT
#define LOCAL UDXG_SOFT_SEGMENT_LOCAL

enum { NOT_WRITTEN_TO = 2, IF_NECESSARY = 1 }; /* D3DDDI_EVICT_FLAGS */
enum { ASSUME_NOT_IN_USE = 1, SYNCHRONOUS = 2 };

static const struct small_adapter small = {.mib = 16};
static const struct small_adapter visible = {.mib = 16, .visible = true};

static D3DKMT_ALLOCATIONRESIDENCYSTATUS in_place(void)
{
    return on_discrete() ? D3DKMT_ALLOCATIONRESIDENCYSTATUS_RESIDENTINGPUMEMORY
                         : D3DKMT_ALLOCATIONRESIDENCYSTATUS_RESIDENTINSHAREDMEMORY;
}

static void open_small(struct lab *lab)
{
    use_small(&small);
    lab_open(lab, PIECE);
}

static void create_pieces(const struct lab *lab, struct gpu_buffer *pieces, D3DKMT_HANDLE *list, UINT count)
{
    for (UINT i = 0; i < count; i++) {
        pieces[i] = lab_buffer(lab, PIECE, LOCAL, 0);
        list[i] = pieces[i].allocation;
    }
}

/* --------------------------------------------------------------------------- more than there is, and budgets */

static void more_than_there_is(void)
{
    struct lab lab;
    struct gpu_buffer pieces[PIECES];
    D3DKMT_HANDLE list[PIECES];
    D3DDDI_MAKERESIDENT args;
    UINT64 trim = SENTINEL64;
    udxg_case("four times what there is can be created, and takes no room") {
        open_small(&lab);
        UINT64 before = local_usage(lab.gpu.adapter);
        create_pieces(&lab, pieces, list, PIECES);
        check_u64(before, local_usage(lab.gpu.adapter));
        for (UINT i = 0; i < PIECES; i++) check_u64(NOT_RESIDENT, residency_of(lab.gpu.device, list[i]));
        lab_close(&lab);
    }
    udxg_case("more than the budget is refused as a whole, and what was missing given back is enough") {
        open_small(&lab);
        UINT64 budget = memory_info(lab.gpu.adapter, D3DKMT_MEMORY_SEGMENT_GROUP_LOCAL).Budget;
        UINT64 before = local_usage(lab.gpu.adapter);
        UINT fits = (UINT)((budget - before) / PIECE), lent = fits - 3;
        create_pieces(&lab, pieces, list, PIECES);
        require_success(lab_list(&lab, list, lent, 0, NULL));
        check_status(STATUS_NO_MEMORY, lab_list(&lab, list + lent, 8, 0, &args));
        check_u64(before + (lent + 8) * PIECE - budget, args.NumBytesToTrim);
        require_true(args.NumBytesToTrim > 0);
        check_u64(0, args.NumAllocations);
        check_u64(before + lent * PIECE, local_usage(lab.gpu.adapter));
        for (UINT i = lent; i < lent + 8; i++) {
            check_status(STATUS_INVALID_PARAMETER, lab_unlist(&lab, &list[i], 1, 0, NULL));
            check_u64(NOT_RESIDENT, residency_of(lab.gpu.device, list[i]));
        }
        UINT gone = (UINT)((args.NumBytesToTrim + PIECE - 1) / PIECE);
        check_status(STATUS_SUCCESS, lab_unlist(&lab, list, gone - 1, 0, &trim));
        check_u64(0, trim); /* within the budget: nobody asks for more */
        check_status(STATUS_NO_MEMORY, lab_list(&lab, list + lent, 8, 0, NULL));
        check_status(STATUS_SUCCESS, lab_unlist(&lab, list + gone - 1, 1, 0, NULL));
        check_status(STATUS_SUCCESS, lab_list(&lab, list + lent, 8, 0, NULL));
        for (UINT i = lent; i < lent + 8; i++) check_u64(in_place(), residency_of(lab.gpu.device, list[i]));
        check_u64(before + (lent + 8 - gone) * PIECE, local_usage(lab.gpu.adapter));
        lab_close(&lab);
    }
    udxg_case("devices of a process share its budget, and each is told what is missing for both") {
        struct lab other;
        open_small(&lab);
        lab_open_on(&other, lab.gpu.adapter, 0, PIECE);
        UINT64 budget = memory_info(lab.gpu.adapter, D3DKMT_MEMORY_SEGMENT_GROUP_LOCAL).Budget;
        create_pieces(&lab, pieces, list, 16);
        require_success(lab_list(&lab, list, 8, 0, NULL));
        D3DKMT_HANDLE others[16];
        create_pieces(&other, pieces, others, 16);
        UINT64 before = local_usage(lab.gpu.adapter);
        check_status(STATUS_NO_MEMORY, lab_list(&other, others, 9, 0, &args));
        check_u64(before + 9 * PIECE - budget, args.NumBytesToTrim);
        UINT gone = (UINT)((args.NumBytesToTrim + PIECE - 1) / PIECE);
        check_status(STATUS_SUCCESS, lab_unlist(&lab, list, gone, 0, NULL));
        check_status(STATUS_SUCCESS, lab_list(&other, others, 9, 0, NULL));
        check_u64(budget, memory_info(lab.gpu.adapter, D3DKMT_MEMORY_SEGMENT_GROUP_LOCAL).Budget);
        lab_close(&other);
        lab_close(&lab);
    }
}

/* -------------------------------------------------------------------------------------------- counted */

static void counted(void)
{
    struct lab lab;
    D3DKMT_HANDLE list[8];
    struct gpu_buffer pieces[8];
    udxg_case("as many Evict as MakeResident, and the bytes stay until the last") {
        open_small(&lab);
        create_pieces(&lab, pieces, list, 1);
        UINT64 before = local_usage(lab.gpu.adapter);
        for (int i = 0; i < 5; i++) require_success(lab_list(&lab, list, 1, 0, NULL));
        for (int i = 0; i < 5; i++) {
            check_u64(in_place(), residency_of(lab.gpu.device, list[0]));
            check_u64(before + PIECE, local_usage(lab.gpu.adapter));
            check_status(STATUS_SUCCESS, lab_unlist(&lab, list, 1, 0, NULL));
        }
        check_status(STATUS_INVALID_PARAMETER, lab_unlist(&lab, list, 1, 0, NULL));
        check_true(leaves(lab.gpu.device, list[0]));
        check_u64(before, local_usage(lab.gpu.adapter));
        lab_close(&lab);
    }
    udxg_case("PENDING has a fence that rises, SUCCESS has none") {
        open_small(&lab);
        uint64_t random = 22, last = 0, pending = 0;
        create_pieces(&lab, pieces, list, LENGTH_OF(list));
        unsigned counts[LENGTH_OF(list)] = {0};
        for (int i = 0; i < 400; i++) {
            UINT at = (UINT)(next_random(&random) % LENGTH_OF(list));
            if (counts[at] > 0 && next_random(&random) % 2) {
                check_status(STATUS_SUCCESS, lab_unlist(&lab, &list[at], 1, (UINT)(next_random(&random) % 2), NULL));
                counts[at]--;
                continue;
            }
            D3DDDI_MAKERESIDENT args = {0};
            args.hPagingQueue = lab.gpu.queue.handle;
            args.NumAllocations = 1;
            args.AllocationList = &list[at];
            args.PagingFenceValue = SENTINEL64;
            NTSTATUS status = D3DKMTMakeResident(&args);
            if (status == STATUS_PENDING) {
                check_true(args.PagingFenceValue > last);
                last = args.PagingFenceValue;
                pending++;
            } else {
                check_status(STATUS_SUCCESS, status);
                check_u64(0, args.PagingFenceValue);
            }
            counts[at]++;
        }
        wait_paging(&lab.gpu.queue, last);
        for (size_t i = 0; i < LENGTH_OF(list); i++)
            if (counts[i] > 0) check_u64(in_place(), residency_of(lab.gpu.device, list[i]));
        if (on_discrete()) check_true(pending > 0); /* bytes move */
        lab_close(&lab);
    }
}

/* ------------------------------------------------------------------------------------------- contents */

/* Pages everything in and out a few times, half of it changed by the GPU each time; all of it must be right at last. */
static void round_trips(void)
{
    struct lab lab;
    struct gpu_buffer pieces[20];
    D3DKMT_HANDLE list[20];
    uint64_t want[20], hash = 0;
    udxg_case("contents survive the way to system memory and back") {
        open_small(&lab);
        create_pieces(&lab, pieces, list, 20);
        for (UINT round = 0; round < 3; round++) {
            for (UINT i = 0; i < 20; i++) {
                require_success(lab_list(&lab, &list[i], 1, 0, NULL));
                if (round > 0) {
                    require_success(lab_hash(&lab, &pieces[i], &hash));
                    check_u64(want[i], hash);
                }
                uint64_t seed = round * 100 + i;
                if (round == 0 || i % 2) {
                    require_success(lab_write(&lab, &pieces[i], seed));
                    want[i] = hash_contents(PIECE, seed);
                }
                require_success(lab_unlist(&lab, &list[i], 1, round % 2 ? IF_NECESSARY : 0, NULL));
                if (round % 2 == 0) check_true(leaves(lab.gpu.device, list[i]));
            }
        }
        lab_close(&lab);
    }
    udxg_case("what the CPU wrote before is what the GPU finds, and the other way round") {
        open_small(&lab);
        struct gpu_buffer buffer = lab_buffer(&lab, PIECE, UDXG_SOFT_SEGMENT_NONE, UDXG_SOFT_CPU_VISIBLE);
        for (uint64_t i = 0; i < 8; i++) {
            write_contents(lock(lab.gpu.device, buffer.allocation), PIECE, i);
            require_success(unlock(lab.gpu.device, buffer.allocation));
            require_success(lab_list(&lab, &buffer.allocation, 1, 0, NULL));
            require_success(lab_hash(&lab, &buffer, &hash));
            check_u64(hash_contents(PIECE, i), hash);
            require_success(lab_fill(&lab, &buffer, (uint32_t)i + 77));
            require_success(lab_finish(&lab));
            require_success(lab_unlist(&lab, &buffer.allocation, 1, 0, NULL));
            require_true(leaves(lab.gpu.device, buffer.allocation));
            check_u64(hash_fill(PIECE, (uint32_t)i + 77), hash_bytes(lock(lab.gpu.device, buffer.allocation), PIECE));
            require_success(unlock(lab.gpu.device, buffer.allocation));
        }
        lab_close(&lab);
    }
}

static NTSTATUS offer(const struct lab *lab, D3DKMT_HANDLE allocation, D3DKMT_OFFER_PRIORITY priority, bool decommit)
{
    D3DKMT_OFFERALLOCATIONS args = {0};
    args.hDevice = lab->gpu.device;
    args.HandleList = &allocation;
    args.NumAllocations = 1;
    args.Priority = priority;
    args.Flags.AllowDecommit = decommit;
    return D3DKMTOfferAllocations(&args);
}

/* Waits for the fence. */
static NTSTATUS reclaim(const struct lab *lab, D3DKMT_HANDLE allocation, D3DDDI_RECLAIM_RESULT *ret_result)
{
    D3DKMT_RECLAIMALLOCATIONS2 args = {0};
    args.hPagingQueue = lab->gpu.queue.handle;
    args.HandleList = &allocation;
    args.NumAllocations = 1;
    args.pResults = ret_result;
    NTSTATUS status = D3DKMTReclaimAllocations2(&args);
    if (status == STATUS_SUCCESS || status == STATUS_PENDING) wait_paging(&lab->gpu.queue, args.PagingFenceValue);
    return status == STATUS_PENDING ? STATUS_SUCCESS : status;
}

/* Makes N resident, written and, as LISTED says, leaves it so. */
static struct gpu_buffer written(struct lab *lab, uint64_t seed, bool listed)
{
    struct gpu_buffer buffer = lab_buffer(lab, PIECE, LOCAL, 0);
    require_success(lab_list(lab, &buffer.allocation, 1, 0, NULL));
    require_success(lab_write(lab, &buffer, seed));
    if (!listed) {
        require_success(lab_unlist(lab, &buffer.allocation, 1, 0, NULL));
        require_true(leaves(lab->gpu.device, buffer.allocation));
    }
    return buffer;
}

static uint64_t hash_of(struct lab *lab, const struct gpu_buffer *buffer)
{
    uint64_t hash = 0;
    require_success(lab_hash(lab, buffer, &hash));
    return hash;
}

/* Takes all room that can be had, and gives it back. */
static void press(struct lab *lab)
{
    UINT count = 0;
    struct gpu_buffer pieces[16];
    D3DKMT_HANDLE list[16];
    create_pieces(lab, pieces, list, 16);
    while (count < 16 && lab_list(lab, &list[count], 1, 0, NULL) == STATUS_SUCCESS) count++;
    require_true(count >= 8);
    for (UINT i = 0; i < count; i++) require_success(lab_unlist(lab, &list[i], 1, 0, NULL));
    for (UINT i = 0; i < 16; i++) require_success(destroy_allocation(lab->gpu.device, list[i]));
}

static void given_up(void)
{
    struct lab lab;
    D3DDDI_RECLAIM_RESULT result = D3DDDI_RECLAIM_RESULT_NOT_COMMITTED;
    udxg_case("offered, and nobody needed the room: kept") {
        open_small(&lab);
        struct gpu_buffer buffer = written(&lab, 5, true);
        require_success(offer(&lab, buffer.allocation, D3DKMT_OFFER_PRIORITY_LOW, false));
        check_status(STATUS_SUCCESS, reclaim(&lab, buffer.allocation, &result));
        check_u64(D3DDDI_RECLAIM_RESULT_OK, result);
        check_u64(hash_contents(PIECE, 5), hash_of(&lab, &buffer));
        lab_close(&lab);
    }
    udxg_case("offered, and the room was needed: the offered one is lost, no other one is") {
        open_small(&lab);
        struct gpu_buffer offered = written(&lab, 5, true), kept = written(&lab, 6, true);
        require_success(offer(&lab, offered.allocation, D3DKMT_OFFER_PRIORITY_LOW, false));
        press(&lab);
        check_status(STATUS_SUCCESS, reclaim(&lab, offered.allocation, &result));
        check_u64(on_discrete() ? D3DDDI_RECLAIM_RESULT_DISCARDED : result, result);
        check_true(result == D3DDDI_RECLAIM_RESULT_OK || result == D3DDDI_RECLAIM_RESULT_DISCARDED);
        /* Exactly as it was told: the same bytes, or none of them. */
        uint64_t hash = hash_of(&lab, &offered);
        check_u64(result == D3DDDI_RECLAIM_RESULT_OK ? hash_contents(PIECE, 5) : hash_fill(PIECE, 0), hash);
        check_u64(hash_contents(PIECE, 6), hash_of(&lab, &kept));
        lab_close(&lab);
    }
    udxg_case("NotWrittenTo that is true") {
        open_small(&lab);
        struct gpu_buffer buffer = written(&lab, 7, false);
        require_success(lab_list(&lab, &buffer.allocation, 1, 0, NULL));
        check_u64(hash_contents(PIECE, 7), hash_of(&lab, &buffer));
        require_success(lab_unlist(&lab, &buffer.allocation, 1, NOT_WRITTEN_TO, NULL));
        require_true(leaves(lab.gpu.device, buffer.allocation));
        require_success(lab_list(&lab, &buffer.allocation, 1, 0, NULL));
        check_u64(hash_contents(PIECE, 7), hash_of(&lab, &buffer));
        lab_close(&lab);
    }
    udxg_case("NotWrittenTo that is a lie: what was written in video memory is gone, what was before is back") {
        open_small(&lab);
        struct gpu_buffer buffer = written(&lab, 7, false), other = written(&lab, 8, true);
        require_success(lab_list(&lab, &buffer.allocation, 1, 0, NULL));
        require_success(lab_write(&lab, &buffer, 9));
        require_success(lab_unlist(&lab, &buffer.allocation, 1, NOT_WRITTEN_TO, NULL));
        require_true(leaves(lab.gpu.device, buffer.allocation));
        require_success(lab_list(&lab, &buffer.allocation, 1, 0, NULL));
        check_u64(hash_contents(PIECE, on_discrete() ? 7 : 9), hash_of(&lab, &buffer));
        check_u64(hash_contents(PIECE, 8), hash_of(&lab, &other));
        lab_close(&lab);
    }
    udxg_case("the adapter goes: what was in video memory is lost, what was at home is not") {
        uint8_t *homes[2];
        open_small(&lab);
        struct gpu_buffer in = lab_buffer(&lab, PIECE, UDXG_SOFT_SEGMENT_NONE, UDXG_SOFT_CPU_VISIBLE);
        struct gpu_buffer out = lab_buffer(&lab, PIECE, UDXG_SOFT_SEGMENT_NONE, UDXG_SOFT_CPU_VISIBLE);
        const struct gpu_buffer *both[2] = {&in, &out};
        for (int i = 0; i < 2; i++) {
            homes[i] = (uint8_t *)lock(lab.gpu.device, both[i]->allocation);
            write_contents(homes[i], PIECE, 10);
            require_success(unlock(lab.gpu.device, both[i]->allocation));
            require_success(lab_list(&lab, &both[i]->allocation, 1, 0, NULL));
            require_success(lab_write(&lab, both[i], 11));
        }
        require_success(lab_unlist(&lab, &out.allocation, 1, 0, NULL));
        lock(lab.gpu.device, out.allocation); /* which waits until the bytes are there */
        require_success(udxg_stop_adapter(first_luid()));
        check_u64(hash_contents(PIECE, on_discrete() ? 10 : 11), hash_bytes(homes[0], PIECE));
        check_u64(hash_contents(PIECE, 11), hash_bytes(homes[1], PIECE));
        lab_close(&lab);
    }
}

/* ------------------------------------------------------------------------------------------- pointers */

/* The pointer of one lock, while the allocation comes and goes: both sides see what the other wrote. */
static void stays_coherent(const struct small_adapter *adapter, uint64_t size_bytes, int evictions)
{
    struct lab lab;
    use_small(adapter);
    lab_open(&lab, size_bytes);
    /* Where the CPU sees video memory nothing else need be allowed for a lock. */
    uint8_t segment = adapter->visible ? LOCAL : UDXG_SOFT_SEGMENT_NONE;
    struct gpu_buffer buffer = lab_buffer(&lab, size_bytes, segment, UDXG_SOFT_CPU_VISIBLE);
    volatile uint32_t *words = (volatile uint32_t *)lock(lab.gpu.device, buffer.allocation);
    size_t last = size_bytes / sizeof(*words) - 1, wrong = 0;
    for (int i = 1; i <= evictions; i++) {
        words[0] = words[last] = (uint32_t)i;
        require_success(lab_list(&lab, &buffer.allocation, 1, 0, NULL));
        if (words[0] != (uint32_t)i || words[last] != (uint32_t)i) wrong++;
        if (residency_of(lab.gpu.device, buffer.allocation) == NOT_RESIDENT) wrong++;
        words[1] = ~(uint32_t)i; /* by the CPU while it is resident */
        require_success(lab_copy(&lab, &lab.window, &buffer));
        require_success(lab_finish(&lab));
        const uint32_t *seen = (const uint32_t *)lab.window_bytes;
        if (seen[0] != (uint32_t)i || seen[1] != ~(uint32_t)i || seen[last] != (uint32_t)i) wrong++;
        require_success(lab_fill(&lab, &buffer, (uint32_t)i * 3));
        require_success(lab_finish(&lab));
        if (words[0] != (uint32_t)i * 3 || words[last] != (uint32_t)i * 3) wrong++;
        require_success(lab_unlist(&lab, &buffer.allocation, 1, 0, NULL));
        require_true(leaves(lab.gpu.device, buffer.allocation));
        if (words[0] != (uint32_t)i * 3 || words[last] != (uint32_t)i * 3) wrong++;
    }
    check_u64(0, wrong);
    check_true(lock(lab.gpu.device, buffer.allocation) == (void *)(uintptr_t)words);
    lab_close(&lab);
}

static void pointers(void)
{
    udxg_case("a thousand evictions under one lock") stays_coherent(&small, KIB(64), 1000);
    udxg_case("a lock that comes when the bytes are in video memory") {
        struct lab lab;
        open_small(&lab);
        struct gpu_buffer buffer = lab_buffer(&lab, PIECE, UDXG_SOFT_SEGMENT_NONE, UDXG_SOFT_CPU_VISIBLE);
        void *first = NULL;
        for (uint32_t i = 1; i < 20; i++) {
            require_success(lab_list(&lab, &buffer.allocation, 1, 0, NULL));
            require_success(lab_fill(&lab, &buffer, i));
            require_success(lab_finish(&lab));
            void *data = lock(lab.gpu.device, buffer.allocation);
            if (first == NULL) first = data;
            check_true(data == first);
            check_u64(hash_fill(PIECE, i), hash_bytes(data, PIECE));
            require_success(unlock(lab.gpu.device, buffer.allocation));
            require_success(lab_unlist(&lab, &buffer.allocation, 1, 0, NULL));
        }
        lab_close(&lab);
    }
}

static void visible_pointers(void)
{
    udxg_case("a thousand evictions from video memory that the CPU sees") stays_coherent(&visible, KIB(64), 1000);
}

/* ------------------------------------------------------------------------------------ destroying and offering */

static NTSTATUS destroy_with(const struct lab *lab, D3DKMT_HANDLE allocation, UINT flags)
{
    D3DKMT_DESTROYALLOCATION2 args = {0};
    args.hDevice = lab->gpu.device;
    args.phAllocationList = &allocation;
    args.AllocationCount = 1;
    args.Flags.Value = flags;
    return D3DKMTDestroyAllocation2(&args);
}

static void deferred_destroy(void)
{
    struct lab lab;
    udxg_case("the handle is dead at once, the memory is used until the work before has retired") {
        struct gate gate;
        open_small(&lab);
        struct gpu_buffer buffer = lab_buffer(&lab, PIECE, UDXG_SOFT_SEGMENT_NONE, UDXG_SOFT_CPU_VISIBLE);
        UINT64 before = local_usage(lab.gpu.adapter);
        require_success(lab_list(&lab, &buffer.allocation, 1, 0, NULL));
        gate_close(&gate, &lab.gpu);
        require_success(lab_fill(&lab, &buffer, 1));
        require_success(destroy_with(&lab, buffer.allocation, 0));
        check_true(!is_alive(lab.gpu.device, buffer.allocation));
        check_status(STATUS_INVALID_PARAMETER, lab_list(&lab, &buffer.allocation, 1, 0, NULL));
        check_status(STATUS_INVALID_PARAMETER, lab_unlist(&lab, &buffer.allocation, 1, 0, NULL));
        check_status(STATUS_INVALID_PARAMETER, destroy_with(&lab, buffer.allocation, 0));
        usleep(50000);
        check_u64(before + PIECE, local_usage(lab.gpu.adapter));
        gate_open(&gate);
        require_success(lab_finish(&lab));
        check_true(usage_becomes(lab.gpu.adapter, before));
        check_u64(D3DKMT_DEVICEEXECUTION_ACTIVE, execution_state(lab.gpu.device));
        lab_close(&lab);
    }
    udxg_case("SynchronousDestroy comes back when the memory has") {
        open_small(&lab);
        struct gpu_buffer buffer = lab_buffer(&lab, PIECE, LOCAL, 0);
        UINT64 before = local_usage(lab.gpu.adapter);
        require_success(lab_list(&lab, &buffer.allocation, 1, 0, NULL));
        for (uint32_t i = 0; i < 50; i++) require_success(lab_fill(&lab, &buffer, i));
        require_success(destroy_with(&lab, buffer.allocation, SYNCHRONOUS));
        check_u64(before, local_usage(lab.gpu.adapter));
        check_u64(D3DKMT_DEVICEEXECUTION_ACTIVE, execution_state(lab.gpu.device));
        lab_close(&lab);
    }
    udxg_case("AssumeNotInUse that is a lie faults") {
        struct gate gate;
        open_small(&lab);
        struct gpu_buffer buffer = lab_buffer(&lab, PIECE, LOCAL, 0);
        UINT64 before = local_usage(lab.gpu.adapter);
        require_success(lab_list(&lab, &buffer.allocation, 1, 0, NULL));
        gate_close(&gate, &lab.gpu);
        require_success(lab_fill(&lab, &buffer, 1));
        require_success(destroy_with(&lab, buffer.allocation, ASSUME_NOT_IN_USE));
        check_true(usage_becomes(lab.gpu.adapter, before));
        gate_open(&gate);
        check_u64(D3DKMT_DEVICEEXECUTION_ERROR_DMAPAGEFAULT, wait_for_error(lab.gpu.device));
        check_u64(buffer.va, fault_of(lab.gpu.device).FaultedVirtualAddress);
        lab_close(&lab);
    }
    udxg_case("an Evict does not tear out what queued work uses") {
        struct gate gate;
        open_small(&lab);
        struct gpu_buffer buffer = lab_buffer(&lab, PIECE, LOCAL, 0);
        require_success(lab_list(&lab, &buffer.allocation, 1, 0, NULL));
        gate_close(&gate, &lab.gpu);
        require_success(lab_fill(&lab, &buffer, 0x5eed));
        require_success(lab_unlist(&lab, &buffer.allocation, 1, 0, NULL));
        gate_open(&gate);
        require_success(lab_finish(&lab));
        check_u64(D3DKMT_DEVICEEXECUTION_ACTIVE, execution_state(lab.gpu.device));
        require_success(lab_list(&lab, &buffer.allocation, 1, 0, NULL));
        check_u64(hash_fill(PIECE, 0x5eed), hash_of(&lab, &buffer));
        lab_close(&lab);
    }
}

static D3DKMT_QUERYPROCESSOFFERINFO offer_info(void)
{
    D3DKMT_QUERYPROCESSOFFERINFO args = {0};
    args.cbSize = sizeof(args);
    require_success(D3DKMTQueryProcessOfferInfo(&args));
    return args;
}

static void offered(void)
{
    struct lab lab;
    D3DDDI_RECLAIM_RESULT result = D3DDDI_RECLAIM_RESULT_OK;
    udxg_case("an offered allocation cannot be locked, a reclaimed one can at once") {
        open_small(&lab);
        D3DKMT_HANDLE allocation = create_buffer(lab.gpu.device, PIECE);
        void *data = NULL;
        require_success(offer(&lab, allocation, D3DKMT_OFFER_PRIORITY_NORMAL, false));
        check_status(STATUS_INVALID_PARAMETER, try_lock(lab.gpu.device, allocation, &data));
        check_status(STATUS_SUCCESS, reclaim(&lab, allocation, &result));
        check_status(STATUS_SUCCESS, try_lock(lab.gpu.device, allocation, &data));
        lab_close(&lab);
    }
    udxg_case("what the commitment was trimmed of is not committed, and no use any more") {
        open_small(&lab);
        struct gpu_buffer gone = lab_buffer(&lab, PIECE, UDXG_SOFT_SEGMENT_NONE, UDXG_SOFT_CPU_VISIBLE);
        struct gpu_buffer kept = written(&lab, 3, true);
        UINT64 before = offer_info().DecommittableBytes, uniqueness = offer_info().DecommitUniqueness;
        require_success(offer(&lab, gone.allocation, D3DKMT_OFFER_PRIORITY_LOW, true));
        require_success(offer(&lab, kept.allocation, D3DKMT_OFFER_PRIORITY_LOW, false));
        for (int i = 0; i < 5000 && offer_info().DecommittableBytes == before; i++) usleep(1000);
        check_u64(before + PIECE, offer_info().DecommittableBytes);
        D3DKMT_TRIMPROCESSCOMMITMENT trim = {0};
        trim.cbSize = sizeof(trim);
        trim.DecommitRequested = MIB(64);
        check_status(STATUS_SUCCESS, D3DKMTTrimProcessCommitment(&trim));
        check_u64(PIECE, trim.NumBytesDecommitted);
        check_u64(before, offer_info().DecommittableBytes);
        check_true(offer_info().DecommitUniqueness != uniqueness);

        check_status(STATUS_SUCCESS, reclaim(&lab, gone.allocation, &result));
        check_u64(D3DDDI_RECLAIM_RESULT_NOT_COMMITTED, result);
        check_status(STATUS_INVALID_PARAMETER, reclaim(&lab, gone.allocation, &result));
        check_status(STATUS_INVALID_PARAMETER, lab_list(&lab, &gone.allocation, 1, 0, NULL));
        void *data = NULL;
        check_status(STATUS_INVALID_PARAMETER, try_lock(lab.gpu.device, gone.allocation, &data));
        check_status(STATUS_INVALID_PARAMETER, try_map(&lab.gpu.queue, gone.allocation, 0, 1, NULL));
        check_status(STATUS_INVALID_PARAMETER, offer(&lab, gone.allocation, D3DKMT_OFFER_PRIORITY_LOW, false));
        check_status(STATUS_SUCCESS, destroy_allocation(lab.gpu.device, gone.allocation));

        check_status(STATUS_SUCCESS, reclaim(&lab, kept.allocation, &result));
        check_u64(D3DDDI_RECLAIM_RESULT_OK, result);
        check_u64(hash_contents(PIECE, 3), hash_of(&lab, &kept));
        lab_close(&lab);
    }
}

/* ------------------------------------------------------------------------------------------- new memory */

static void new_memory(void)
{
    struct lab first, second;
    udxg_case("new memory is zero, whoever had it before") {
        open_small(&first);
        D3DKMT_HANDLE adapter = first.gpu.adapter;
        lab_close(&first);
        for (int round = 0; round < 4; round++) {
            struct gpu_buffer pieces[12];
            D3DKMT_HANDLE list[12];
            lab_open_on(&first, adapter, 0, PIECE);
            create_pieces(&first, pieces, list, LENGTH_OF(list));
            for (size_t i = 0; i < LENGTH_OF(list); i++) {
                require_success(lab_list(&first, &list[i], 1, 0, NULL));
                require_success(lab_fill(&first, &pieces[i], 0xdddddddd));
            }
            require_success(lab_finish(&first));
            if (round % 2)
                for (size_t i = 0; i < 6; i++) require_success(destroy_with(&first, list[i], SYNCHRONOUS));
            lab_close(&first);
            lab_open_on(&second, adapter, 0, PIECE);
            for (int i = 0; i < 12; i++) {
                struct gpu_buffer fresh = lab_buffer(&second, PIECE, LOCAL, 0);
                require_success(lab_list(&second, &fresh.allocation, 1, 0, NULL));
                check_u64(hash_fill(PIECE, 0), hash_of(&second, &fresh));
                struct gpu_buffer seen = lab_buffer(&second, PIECE, UDXG_SOFT_SEGMENT_NONE, UDXG_SOFT_CPU_VISIBLE);
                check_true(filled_with(lock(second.gpu.device, seen.allocation), PIECE, 0));
            }
            lab_close(&second);
        }
    }
    udxg_case("a part of a page that nobody asked for is zero, too") {
        open_small(&first);
        struct gpu_buffer dirty = lab_buffer(&first, KIB(64), LOCAL, 0);
        require_success(lab_list(&first, &dirty.allocation, 1, 0, NULL));
        require_success(lab_fill(&first, &dirty, 0xdddddddd));
        require_success(lab_finish(&first));
        require_success(destroy_with(&first, dirty.allocation, SYNCHRONOUS));
        struct gpu_buffer odd = lab_buffer(&first, 5 * PAGE_BYTES, LOCAL, 0);
        require_success(lab_list(&first, &odd.allocation, 1, 0, NULL));
        check_u64(hash_fill(5 * PAGE_BYTES, 0), hash_of(&first, &odd));
        lab_close(&first);
    }
}

int main(int argc, char **argv)
{
    static const struct udxg_test tests[] = {
        {"more than there is", ON_EACH, more_than_there_is},
        {"counted", ON_EACH, counted},
        {"round trips", ON_EACH, round_trips},
        {"given up", ON_EACH, given_up},
        {"pointers", ON_EACH, pointers},
        {"visible pointers", ON_DISCRETE, visible_pointers},
        {"deferred destroy", ON_EACH, deferred_destroy},
        {"offered", ON_EACH, offered},
        {"new memory", ON_EACH, new_memory},
    };
    return conformance_main(argc, argv, tests, LENGTH_OF(tests));
}
