/* SPDX-License-Identifier: MIT */
/*
 * Offer and reclaim: who may offer what, what an offered allocation cannot do, who loses its contents and in which
 * order, what is told afterwards, and the commit that goes with them. The adapters are small ones of their own.
 */
#include "gate.h"

#include "creation.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#define MAX_RESIDENCY 10240u /* allocations or resources in one call */
#define LOCAL_BYTES MIB(8)
#define LIMIT_BYTES MIB(64)
#define SIZE MIB(1)

#define LOW D3DKMT_OFFER_PRIORITY_LOW
#define NORMAL D3DKMT_OFFER_PRIORITY_NORMAL
#define HIGH D3DKMT_OFFER_PRIORITY_HIGH
#define AUTO D3DKMT_OFFER_PRIORITY_AUTO

enum { IMMEDIATELY = 1, DECOMMIT = 2 }; /* D3DKMT_OFFER_FLAGS */
enum { KEPT = D3DDDI_RECLAIM_RESULT_OK, LOST = D3DDDI_RECLAIM_RESULT_DISCARDED, GONE = 2 };

#define COMMON                                                                                                         \
    "[adapter]\n"                                                                                                      \
    "description = small\n"                                                                                            \
    "miniport = soft\n"                                                                                                \
    "wddm = 2700\n"                                                                                                    \
    "gpu_va_bits = 48\n"                                                                                               \
    "clock = 1 GHz\n"                                                                                                  \
    "system_commit_limit = 64 MiB\n"                                                                                   \
    "[node.0]\n"                                                                                                       \
    "type = 3d\n"                                                                                                      \
    "name = 3D\n"

static const char discrete[] = COMMON "[segment.1]\n"
                                      "size = 8 MiB\n"
                                      "flags = use_64kb_pages, application_target, local_budget_group\n"
                                      "[segment.2]\n"
                                      "size = 256 MiB\n"
                                      "flags = aperture, cpu_visible, cache_coherent, non_local_budget_group\n";
static const char uma[] = COMMON "[segment.1]\n"
                                 "size = 256 MiB\n"
                                 "flags = aperture, cpu_visible, cache_coherent, application_target, "
                                 "local_budget_group\n";

static void use_small(void)
{
    use_profile(on_discrete() ? discrete : uma);
}

/* A case begins with nothing: what the last one made goes with its device. */
static D3DKMT_HANDLE last_device;

static void forget_last(void)
{
    D3DKMT_DESTROYDEVICE args = {last_device};
    if (last_device) require_success(D3DKMTDestroyDevice(&args));
    last_device = 0;
}

static D3DKMT_HANDLE fresh_device(void)
{
    forget_last();
    last_device = create_device(open_adapter());
    return last_device;
}

static void fresh_gpu(struct gpu *gpu)
{
    forget_last();
    gpu_open(gpu);
    last_device = gpu->device;
}

/* -------------------------------------------------------------------------------------------------- calls */

static NTSTATUS offer_list(D3DKMT_HANDLE device, const D3DKMT_HANDLE *list, UINT count, D3DKMT_OFFER_PRIORITY priority,
                           UINT flags)
{
    D3DKMT_OFFERALLOCATIONS args = {0};
    args.hDevice = device;
    args.HandleList = list;
    args.NumAllocations = count;
    args.Priority = priority;
    args.Flags.Value = flags;
    return D3DKMTOfferAllocations(&args);
}

static NTSTATUS offer(D3DKMT_HANDLE device, D3DKMT_HANDLE allocation, D3DKMT_OFFER_PRIORITY priority, UINT flags)
{
    return offer_list(device, &allocation, 1, priority, flags);
}

static NTSTATUS offer_resource(D3DKMT_HANDLE device, D3DKMT_HANDLE resource, UINT flags)
{
    D3DKMT_OFFERALLOCATIONS args = {0};
    args.hDevice = device;
    args.pResources = &resource;
    args.NumAllocations = 1;
    args.Priority = NORMAL;
    args.Flags.Value = flags;
    return D3DKMTOfferAllocations(&args);
}

/* The second version; *ret_fence is written on success only. */
static NTSTATUS reclaim(const struct paging_queue *queue, D3DKMT_HANDLE allocation, int *ret_result, UINT64 *ret_fence)
{
    D3DDDI_RECLAIM_RESULT result = (D3DDDI_RECLAIM_RESULT)SENTINEL;
    D3DKMT_RECLAIMALLOCATIONS2 args = {0};
    args.hPagingQueue = queue->handle;
    args.HandleList = &allocation;
    args.NumAllocations = 1;
    args.pResults = &result;
    args.PagingFenceValue = SENTINEL64;
    NTSTATUS status = D3DKMTReclaimAllocations2(&args);
    if (status != STATUS_SUCCESS) {
        check_u64(SENTINEL, result);
        check_u64(SENTINEL64, args.PagingFenceValue);
        return status;
    }
    *ret_result = (int)result;
    *ret_fence = args.PagingFenceValue;
    return status;
}

/* The same, and waits. */
static int reclaimed(const struct paging_queue *queue, D3DKMT_HANDLE allocation)
{
    int result = -1;
    UINT64 fence = 0;
    require_success(reclaim(queue, allocation, &result, &fence));
    wait_paging(queue, fence);
    return result;
}

static NTSTATUS refused(const struct paging_queue *queue, D3DKMT_HANDLE allocation)
{
    int result;
    UINT64 fence;
    return reclaim(queue, allocation, &result, &fence);
}

static D3DKMT_QUERYPROCESSOFFERINFO offer_info(void)
{
    D3DKMT_QUERYPROCESSOFFERINFO args = {0};
    args.cbSize = sizeof(args);
    args.DecommitUniqueness = args.DecommittableBytes = SENTINEL64;
    require_success(D3DKMTQueryProcessOfferInfo(&args));
    return args;
}

static UINT64 decommittable(void)
{
    return offer_info().DecommittableBytes;
}

enum { LAZY = 1, ONLY_REPURPOSED = 2 }; /* D3DKMT_TRIMPROCESSCOMMITMENT_FLAGS */

static UINT64 trim(UINT64 bytes, UINT flags)
{
    D3DKMT_TRIMPROCESSCOMMITMENT args = {0};
    args.cbSize = sizeof(args);
    args.DecommitRequested = bytes;
    args.Flags.Value = flags;
    args.NumBytesDecommitted = SENTINEL64;
    require_success(D3DKMTTrimProcessCommitment(&args));
    check_u64(bytes, args.DecommitRequested);
    return args.NumBytesDecommitted;
}

static int place_of(D3DKMT_HANDLE device, D3DKMT_HANDLE allocation)
{
    D3DKMT_ALLOCATIONRESIDENCYSTATUS status = (D3DKMT_ALLOCATIONRESIDENCYSTATUS)0;
    D3DKMT_QUERYALLOCATIONRESIDENCY args = {0};
    args.hDevice = device;
    args.phAllocationList = &allocation;
    args.AllocationCount = 1;
    args.pResidencyStatus = &status;
    require_success(D3DKMTQueryAllocationResidency(&args));
    return (int)status;
}

static bool is_in_video_memory(D3DKMT_HANDLE device, D3DKMT_HANDLE allocation)
{
    return place_of(device, allocation) == D3DKMT_ALLOCATIONRESIDENCYSTATUS_RESIDENTINGPUMEMORY;
}

static UINT64 charged(void)
{
    D3DKMT_QUERYSTATISTICS args;
    memset(&args, 0, sizeof(args));
    args.Type = D3DKMT_QUERYSTATISTICS_PROCESS;
    args.AdapterLuid = first_luid();
    require_success(D3DKMTQueryStatistics(&args));
    return args.QueryResult.ProcessInformation.SystemMemory.BytesAllocated;
}

/* ------------------------------------------------------------------------------------------------ contents */

static uint64_t word_at(uint64_t seed, uint64_t i)
{
    uint64_t z = seed * 0x9e3779b97f4a7c15ull + i * 0xbf58476d1ce4e5b9ull;
    return (z ^ z >> 31) * 0x94d049bb133111ebull;
}

static void write_words(D3DKMT_HANDLE device, D3DKMT_HANDLE allocation, uint64_t size_bytes, uint64_t seed)
{
    uint64_t *words = (uint64_t *)lock(device, allocation);
    for (uint64_t i = 0; i < size_bytes / 8; i++) words[i] = word_at(seed, i);
    require_success(unlock(device, allocation));
}

static bool has_words(D3DKMT_HANDLE device, D3DKMT_HANDLE allocation, uint64_t size_bytes, uint64_t seed)
{
    const uint64_t *words = (const uint64_t *)lock(device, allocation);
    bool same = true;
    for (uint64_t i = 0; i < size_bytes / 8 && same; i++) same = words[i] == word_at(seed, i);
    require_success(unlock(device, allocation));
    return same;
}

static bool is_zero(D3DKMT_HANDLE device, D3DKMT_HANDLE allocation, uint64_t size_bytes)
{
    const void *data = lock(device, allocation);
    bool zero = filled_with(data, (size_t)size_bytes, 0);
    require_success(unlock(device, allocation));
    return zero;
}

/* With contents of SEED, listed and in place. */
static D3DKMT_HANDLE create_listed(D3DKMT_HANDLE device, const struct paging_queue *queue, uint64_t size_bytes,
                                   uint64_t seed)
{
    D3DKMT_HANDLE allocation = create_buffer(device, size_bytes);
    write_words(device, allocation, size_bytes, seed);
    make_resident(queue, allocation);
    return allocation;
}

static D3DKMT_HANDLE create_callers(D3DKMT_HANDLE device)
{
    struct creation creation;
    creation_heap(&creation, 2, device, map_pages(16), 16 * PAGE_BYTES);
    require_success(creation_issue(&creation));
    return creation_handle(&creation, 0);
}

static D3DKMT_HANDLE create_section(D3DKMT_HANDLE device)
{
    struct creation creation;
    creation_section(&creation, 2, device, fd_handle(create_memory_file(16 * PAGE_BYTES)), 16 * PAGE_BYTES);
    require_success(creation_issue(&creation));
    return creation_handle(&creation, 0);
}

/* ------------------------------------------------------------------------------------------------ arguments */

struct wrong {
    const char *name;
    D3DKMT_HANDLE device;
    UINT count;
    bool list, resources;
    D3DKMT_HANDLE second;
    int priority;
    UINT flags;
};

static void offer_arguments(void)
{
    use_small();
    D3DKMT_HANDLE adapter = open_adapter();
    D3DKMT_HANDLE device = create_device(adapter), other = create_device(adapter);
    D3DKMT_HANDLE good = create_buffer(device, KIB(64)), dead = create_buffer(device, KIB(64));
    D3DKMT_HANDLE locked = create_buffer(device, KIB(64)), offered = create_buffer(device, KIB(64)), member;
    D3DKMT_HANDLE gone = create_buffer(device, KIB(64));
    struct paging_queue queue = create_paging_queue(device);
    require_success(destroy_allocation(device, dead));
    lock(device, locked);
    require_success(offer(device, gone, LOW, DECOMMIT));
    require_u64(KIB(64), trim(1, 0));
    require_u64(GONE, reclaimed(&queue, gone));
    require_success(offer(device, offered, NORMAL, 0));
    create_resource(device, 1, true, &member);

    udxg_case("NULL") {
        check_status(STATUS_INVALID_PARAMETER, D3DKMTOfferAllocations(NULL));
    }
    const struct wrong rows[] = {
        {"zeroed", 0, 0, false, false, 0, 0, 0},
        {"hDevice 0", 0, 1, true, false, 0, NORMAL, 0},
        {"hDevice is no handle", BAD_HANDLE, 1, true, false, 0, NORMAL, 0},
        {"hDevice is an adapter", adapter, 1, true, false, 0, NORMAL, 0},
        {"hDevice is another one", other, 1, true, false, 0, NORMAL, 0},
        {"neither list", device, 1, false, false, 0, NORMAL, 0},
        {"both lists", device, 1, true, true, 0, NORMAL, 0},
        {"NumAllocations 0", device, 0, true, false, 0, NORMAL, 0},
        {"NumAllocations one more than the limit", device, MAX_RESIDENCY + 1, true, false, 0, NORMAL, 0},
        {"NumAllocations 0xffffffff", device, 0xffffffffu, true, false, 0, NORMAL, 0},
        {"priority 0", device, 1, true, false, 0, 0, 0},
        {"priority 5", device, 1, true, false, 0, 5, 0},
        {"priority -1", device, 1, true, false, 0, -1, 0},
        {"lowest reserved flag", device, 1, true, false, 0, NORMAL, 4},
        {"highest reserved flag", device, 1, true, false, 0, NORMAL, 0x80000000u},
        {"an element is 0", device, 2, true, false, 0, NORMAL, 0},
        {"an element is no handle", device, 2, true, false, BAD_HANDLE, NORMAL, 0},
        {"an element is a device", device, 2, true, false, device, NORMAL, 0},
        {"an element is a resource", device, 2, true, false, create_resource(device, 1, false, NULL), NORMAL, 0},
        {"an element was destroyed", device, 2, true, false, dead, NORMAL, 0},
        {"an element is of another device", device, 2, true, false, create_buffer(other, KIB(64)), NORMAL, 0},
        {"an element occurs twice", device, 2, true, false, good, NORMAL, 0},
        {"an element is offered already", device, 2, true, false, offered, NORMAL, 0},
        {"an element is locked", device, 2, true, false, locked, NORMAL, 0},
        {"an element is decommitted", device, 2, true, false, gone, NORMAL, 0},
        {"an element is of a shared resource", device, 2, true, false, member, NORMAL, 0},
        {"an element is the caller's memory", device, 2, true, false, create_callers(device), NORMAL, 0},
        {"an element is a section", device, 2, true, false, create_section(device), NORMAL, 0},
    };
    static D3DKMT_HANDLE list[MAX_RESIDENCY + 1];
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        for (UINT at_once = 0; at_once <= IMMEDIATELY; at_once++) {
            udxg_case("%s%s", rows[i].name, at_once ? ", OfferImmediately" : "") {
                D3DKMT_OFFERALLOCATIONS args = {0};
                for (UINT j = 0; j <= MAX_RESIDENCY; j++) list[j] = good;
                list[1] = rows[i].second;
                args.hDevice = rows[i].device;
                args.HandleList = rows[i].list ? list : NULL;
                args.pResources = rows[i].resources ? list : NULL;
                args.NumAllocations = rows[i].count;
                args.Priority = (D3DKMT_OFFER_PRIORITY)rows[i].priority;
                args.Flags.Value = rows[i].flags | at_once;
                check_status(STATUS_INVALID_PARAMETER, D3DKMTOfferAllocations(&args));
                /* Atomic: the good one before the bad one was not offered. */
                check_status(STATUS_INVALID_PARAMETER, refused(&queue, good));
                check_true(is_alive(device, good));
            }
        }
    }
    udxg_case("%u elements", MAX_RESIDENCY) {
        for (UINT i = 0; i < MAX_RESIDENCY; i++) list[i] = create_buffer(device, PAGE_BYTES);
        check_status(STATUS_SUCCESS, offer_list(device, list, MAX_RESIDENCY, AUTO, 0));
        check_u64(KEPT, reclaimed(&queue, list[MAX_RESIDENCY - 1]));
        check_status(STATUS_INVALID_PARAMETER, offer_list(device, list, MAX_RESIDENCY, AUTO, 0));
        check_true(is_alive(device, list[MAX_RESIDENCY - 1]));
    }
    udxg_case("the failed one changed nothing of the offered one") {
        D3DKMT_HANDLE a = create_buffer(device, KIB(64)), both[2] = {good, a};
        require_success(offer(device, a, NORMAL, DECOMMIT));
        UINT64 before = decommittable();
        check_status(STATUS_INVALID_PARAMETER, offer_list(device, both, 2, NORMAL, 0));
        check_u64(before, decommittable());
        check_u64(KEPT, reclaimed(&queue, a));
    }
}

/* What both versions refuse; RECLAIM2 and its queue, or the first with its device. */
static void reclaim_arguments(void)
{
    use_small();
    D3DKMT_HANDLE adapter = open_adapter();
    D3DKMT_HANDLE device = create_device(adapter), other = create_device(adapter);
    struct paging_queue queue = create_paging_queue(device), others = create_paging_queue(other);
    D3DKMT_HANDLE good = create_buffer(device, KIB(64)), dead = create_buffer(device, KIB(64));
    D3DKMT_HANDLE gone = create_buffer(device, KIB(64)), foreign = create_buffer(other, KIB(64));
    require_success(destroy_allocation(device, dead));
    require_success(offer(device, gone, LOW, DECOMMIT));
    require_u64(KIB(64), trim(1, 0));
    require_u64(GONE, reclaimed(&queue, gone));
    require_success(offer(device, good, NORMAL, DECOMMIT));
    require_success(offer(other, foreign, NORMAL, 0));

    udxg_case("NULL") {
        check_status(STATUS_INVALID_PARAMETER, D3DKMTReclaimAllocations(NULL));
        check_status(STATUS_INVALID_PARAMETER, D3DKMTReclaimAllocations2(NULL));
    }
    const struct {
        const char *name;
        D3DKMT_HANDLE device, queue;
        UINT count;
        bool list, resources;
        D3DKMT_HANDLE second;
    } rows[] = {
        {"zeroed", 0, 0, 0, false, false, 0},
        {"device and queue 0", 0, 0, 1, true, false, 0},
        {"device and queue are no handles", BAD_HANDLE, BAD_HANDLE, 1, true, false, 0},
        {"one for the other", queue.handle, device, 1, true, false, 0},
        {"the queue's fence", queue.fence, queue.fence, 1, true, false, 0},
        {"of another device", other, others.handle, 1, true, false, 0},
        {"neither list", device, queue.handle, 1, false, false, 0},
        {"both lists", device, queue.handle, 1, true, true, 0},
        {"NumAllocations 0", device, queue.handle, 0, true, false, 0},
        {"NumAllocations one more than the limit", device, queue.handle, MAX_RESIDENCY + 1, true, false, 0},
        {"NumAllocations 0xffffffff", device, queue.handle, 0xffffffffu, true, false, 0},
        {"an element is 0", device, queue.handle, 2, true, false, 0},
        {"an element is no handle", device, queue.handle, 2, true, false, BAD_HANDLE},
        {"an element is a device", device, queue.handle, 2, true, false, device},
        {"an element was destroyed", device, queue.handle, 2, true, false, dead},
        {"an element is of another device", device, queue.handle, 2, true, false, foreign},
        {"an element occurs twice", device, queue.handle, 2, true, false, good},
        {"an element is not offered", device, queue.handle, 2, true, false, create_buffer(device, KIB(64))},
        {"an element is decommitted", device, queue.handle, 2, true, false, gone},
        {"an element is the caller's memory", device, queue.handle, 2, true, false, create_callers(device)},
    };
    static D3DKMT_HANDLE list[MAX_RESIDENCY + 1];
    static D3DDDI_RECLAIM_RESULT results[MAX_RESIDENCY + 1];
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        for (int version = 1; version <= 2; version++) {
            udxg_case("v%d/%s", version, rows[i].name) {
                D3DKMT_RECLAIMALLOCATIONS args = {0};
                D3DKMT_RECLAIMALLOCATIONS2 args2 = {0};
                for (UINT j = 0; j <= MAX_RESIDENCY; j++) list[j] = good;
                list[1] = rows[i].second;
                memset(results, 0x5a, sizeof(results));
                args.hDevice = rows[i].device;
                args2.hPagingQueue = rows[i].queue;
                args.HandleList = args2.HandleList = rows[i].list ? list : NULL;
                args.pResources = args2.pResources = rows[i].resources ? list : NULL;
                args.NumAllocations = args2.NumAllocations = rows[i].count;
                args.pDiscarded = args2.pDiscarded = (BOOL *)results;
                args2.PagingFenceValue = SENTINEL64;
                check_status(STATUS_INVALID_PARAMETER,
                             version == 1 ? D3DKMTReclaimAllocations(&args) : D3DKMTReclaimAllocations2(&args2));
                check_true(filled_with(results, sizeof(results), 0x5a));
                check_u64(SENTINEL64, args2.PagingFenceValue);
                /* Atomic: the good one before the bad one is still offered. */
                check_u64(KIB(64), decommittable());
                check_true(!is_alive(device, good));
            }
        }
    }
    udxg_case("results NULL") {
        D3DKMT_RECLAIMALLOCATIONS args = {0};
        D3DKMT_RECLAIMALLOCATIONS2 args2 = {0};
        D3DKMT_HANDLE a = create_buffer(device, KIB(64)), b = create_buffer(device, KIB(64));
        require_success(offer(device, a, NORMAL, 0));
        require_success(offer(device, b, NORMAL, 0));
        args.hDevice = device;
        args.HandleList = &a;
        args.NumAllocations = args2.NumAllocations = 1;
        args2.hPagingQueue = queue.handle;
        args2.HandleList = &b;
        args2.PagingFenceValue = SENTINEL64;
        check_status(STATUS_SUCCESS, D3DKMTReclaimAllocations(&args));
        check_status(STATUS_SUCCESS, D3DKMTReclaimAllocations2(&args2));
        check_u64(0, args2.PagingFenceValue);
        check_true(is_alive(device, a) && is_alive(device, b));
    }
    udxg_case("results on a page that cannot be written: nothing is reclaimed") {
        D3DKMT_RECLAIMALLOCATIONS args = {0};
        args.hDevice = device;
        args.HandleList = &good;
        args.NumAllocations = 1;
        args.pDiscarded = (BOOL *)(uintptr_t)8;
        check_status(STATUS_INVALID_PARAMETER, D3DKMTReclaimAllocations(&args));
        check_true(!is_alive(device, good));
    }
}

/* ------------------------------------------------------------------------------------------- while it is offered */

static NTSTATUS lock_first(D3DKMT_HANDLE device, D3DKMT_HANDLE allocation)
{
    D3DKMT_LOCK args = {0};
    args.hDevice = device;
    args.hAllocation = allocation;
    args.Flags.LockEntire = 1;
    args.pData = (VOID *)(uintptr_t)SENTINEL;
    NTSTATUS status = D3DKMTLock(&args);
    if (status != STATUS_SUCCESS) check_u64(SENTINEL, (uintptr_t)args.pData);
    return status;
}

static void while_offered(void)
{
    use_small();
    D3DKMT_HANDLE device = create_device(open_adapter());
    struct paging_queue queue = create_paging_queue(device);
    for (int priority = LOW; priority <= AUTO; priority++) {
        for (UINT flags = 0; flags <= (IMMEDIATELY | DECOMMIT); flags++) {
            udxg_case("priority %d, flags %u: contents stay while nobody needs room", priority, flags) {
                D3DKMT_HANDLE loose = create_buffer(device, SIZE);
                D3DKMT_HANDLE listed = create_listed(device, &queue, SIZE, 11);
                D3DKMT_HANDLE list[2] = {loose, listed};
                write_words(device, loose, SIZE, 10);
                check_status(STATUS_SUCCESS, offer_list(device, list, 2, (D3DKMT_OFFER_PRIORITY)priority, flags));
                for (int i = 0; i < 2; i++) {
                    void *data;
                    check_status(STATUS_INVALID_PARAMETER, try_lock(device, list[i], &data));
                    check_status(STATUS_INVALID_PARAMETER, lock_first(device, list[i]));
                    check_status(STATUS_INVALID_PARAMETER, unlock(device, list[i]));
                    check_status(STATUS_INVALID_PARAMETER,
                                 offer(device, list[i], (D3DKMT_OFFER_PRIORITY)priority, flags));
                }
                check_u64(flags & DECOMMIT ? 2 * SIZE : 0, decommittable());
                check_u64(KEPT, reclaimed(&queue, loose));
                check_u64(KEPT, reclaimed(&queue, listed));
                check_u64(0, decommittable());
                check_true(has_words(device, loose, SIZE, 10));
                check_true(has_words(device, listed, SIZE, 11));
                check_status(STATUS_INVALID_PARAMETER, refused(&queue, loose));
                check_status(STATUS_SUCCESS, evict(device, listed));
                check_status(STATUS_INVALID_PARAMETER, evict(device, listed));
                require_success(destroy_allocation(device, loose));
                require_success(destroy_allocation(device, listed));
            }
        }
    }
    udxg_case("it stays listed, but uses nothing of the budget") {
        D3DKMT_HANDLE adapter = open_adapter();
        UINT64 before = local_usage(adapter);
        D3DKMT_HANDLE allocation = create_listed(device, &queue, SIZE, 1);
        check_u64(before + SIZE, local_usage(adapter));
        require_success(offer(device, allocation, NORMAL, 0));
        check_u64(before, local_usage(adapter));
        check_u64(KEPT, reclaimed(&queue, allocation));
        check_u64(before + SIZE, local_usage(adapter));
        check_true(place_of(device, allocation) != D3DKMT_ALLOCATIONRESIDENCYSTATUS_NOTRESIDENT);
        require_success(destroy_allocation(device, allocation));
    }
    udxg_case("MakeResident and Evict go on counting") {
        D3DKMT_HANDLE allocation = create_listed(device, &queue, SIZE, 2);
        require_success(offer(device, allocation, NORMAL, 0));
        make_resident(&queue, allocation);
        check_status(STATUS_SUCCESS, evict(device, allocation));
        check_status(STATUS_SUCCESS, evict(device, allocation));
        check_status(STATUS_INVALID_PARAMETER, evict(device, allocation));
        make_resident(&queue, allocation);
        check_u64(KEPT, reclaimed(&queue, allocation));
        check_true(place_of(device, allocation) != D3DKMT_ALLOCATIONRESIDENCYSTATUS_NOTRESIDENT);
        check_true(has_words(device, allocation, SIZE, 2));
        check_status(STATUS_SUCCESS, evict(device, allocation));
        require_success(destroy_allocation(device, allocation));
    }
    udxg_case("it can be destroyed, with the resource and with the device") {
        D3DKMT_HANDLE adapter = open_adapter(), victim = create_device(adapter), member;
        struct paging_queue victims = create_paging_queue(victim);
        D3DKMT_HANDLE resource = create_resource(victim, 1, false, &member);
        D3DKMT_HANDLE listed = create_listed(victim, &victims, SIZE, 3);
        create_listed(victim, &victims, SIZE, 4);
        UINT64 before = decommittable();
        require_success(offer_resource(victim, resource, DECOMMIT));
        require_success(offer(victim, listed, LOW, DECOMMIT));
        check_u64(before + SIZE + KIB(64), decommittable());
        check_status(STATUS_SUCCESS, destroy_allocation(victim, listed));
        check_status(STATUS_SUCCESS, destroy_resource(victim, resource));
        check_u64(before, decommittable());
        require_success(offer(victim, create_listed(victim, &victims, SIZE, 5), LOW, DECOMMIT));
        D3DKMT_DESTROYDEVICE destroy = {victim};
        check_status(STATUS_SUCCESS, D3DKMTDestroyDevice(&destroy));
        check_u64(before, decommittable());
    }
}

static void resources(void)
{
    use_small();
    D3DKMT_HANDLE device = create_device(open_adapter());
    struct paging_queue queue = create_paging_queue(device);
    for (int version = 1; version <= 2; version++) {
        udxg_case("v%d/a resource is all that is in it", version) {
            D3DKMT_HANDLE members[3], more[2];
            D3DKMT_HANDLE list[3] = {create_resource(device, 3, false, members),
                                     create_resource(device, 0, false, NULL), create_resource(device, 2, false, more)};
            BOOL results[4] = {9, 9, 9, 9};
            D3DKMT_OFFERALLOCATIONS offers = {0};
            offers.hDevice = device;
            offers.pResources = list;
            offers.NumAllocations = 3;
            offers.Priority = NORMAL;
            offers.Flags.AllowDecommit = 1;
            check_status(STATUS_SUCCESS, D3DKMTOfferAllocations(&offers));
            check_u64(5 * KIB(64), decommittable());
            for (int i = 0; i < 3; i++) check_true(!is_alive(device, members[i]));
            check_u64(KIB(64), trim(1, 0)); /* the first of the first */
            D3DKMT_RECLAIMALLOCATIONS args = {0};
            D3DKMT_RECLAIMALLOCATIONS2 args2 = {0};
            args.hDevice = device;
            args2.hPagingQueue = queue.handle;
            args.pResources = args2.pResources = list;
            args.NumAllocations = args2.NumAllocations = 3;
            args.pDiscarded = args2.pDiscarded = results;
            check_status(STATUS_SUCCESS,
                         version == 1 ? D3DKMTReclaimAllocations(&args) : D3DKMTReclaimAllocations2(&args2));
            check_u64(version == 1 ? 1 : GONE, results[0]);
            check_u64(KEPT, results[1]);
            check_u64(KEPT, results[2]);
            check_u64(9, results[3]);
            check_u64(0, decommittable());
            check_true(!is_alive(device, members[0]));
            check_true(is_alive(device, members[1]) && is_alive(device, members[2]) && is_alive(device, more[1]));
        }
    }
    udxg_case("with a member that is offered already: none") {
        D3DKMT_HANDLE members[2], resource = create_resource(device, 2, false, members);
        require_success(offer(device, members[1], NORMAL, 0));
        check_status(STATUS_INVALID_PARAMETER, offer_resource(device, resource, 0));
        check_true(is_alive(device, members[0]));
    }
    udxg_case("a member is reclaimed by itself, then the resource is not offered as a whole") {
        D3DKMT_HANDLE members[2], resource = create_resource(device, 2, false, members);
        D3DKMT_RECLAIMALLOCATIONS args = {0};
        BOOL discarded = 7;
        require_success(offer_resource(device, resource, 0));
        check_u64(KEPT, reclaimed(&queue, members[0]));
        args.hDevice = device;
        args.pResources = &resource;
        args.NumAllocations = 1;
        args.pDiscarded = &discarded;
        check_status(STATUS_INVALID_PARAMETER, D3DKMTReclaimAllocations(&args));
        check_u64(7, discarded);
        check_u64(KEPT, reclaimed(&queue, members[1]));
    }
    const struct {
        const char *name;
        D3DKMT_HANDLE resource;
    } rows[] = {
        {"0", 0},
        {"no handle", BAD_HANDLE},
        {"an allocation", create_buffer(device, KIB(64))},
        {"of another device", create_resource(create_device(open_adapter()), 1, false, NULL)},
        {"a shared one", create_resource(device, 1, true, NULL)},
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        udxg_case("a resource is %s", rows[i].name) {
            D3DKMT_HANDLE member, list[2] = {create_resource(device, 1, false, &member), rows[i].resource};
            D3DKMT_OFFERALLOCATIONS args = {0};
            args.hDevice = device;
            args.pResources = list;
            args.NumAllocations = 2;
            args.Priority = LOW;
            check_status(STATUS_INVALID_PARAMETER, D3DKMTOfferAllocations(&args));
            check_true(is_alive(device, member));
        }
    }
}

/* ---------------------------------------------------------------------------------------------- work of engines */

static void work(void)
{
    use_small();
    udxg_case("work that was queued before still uses it, and only then the offer is in effect") {
        struct gpu gpu;
        struct gate gate;
        fresh_gpu(&gpu);
        struct gpu_buffer buffer = create_gpu_buffer(&gpu, SIZE);
        gate_busy(&gate, &gpu, &buffer, 0x31313131);
        check_status(STATUS_SUCCESS, offer(gpu.device, buffer.allocation, LOW, DECOMMIT));
        void *data;
        check_status(STATUS_INVALID_PARAMETER, try_lock(gpu.device, buffer.allocation, &data));
        double start = now_ms();
        check_status(STATUS_INVALID_PARAMETER, lock_first(gpu.device, buffer.allocation));
        check_true(came_at_once(start));
        check_u64(0, decommittable());
        check_u64(0, trim(SIZE, 0));
        gate_open(&gate);
        gpu_finish(&gpu);
        for (int i = 0; i < 5000 && !decommittable(); i++) usleep(1000);
        check_u64(SIZE, decommittable());
        check_u64(D3DKMT_DEVICEEXECUTION_ACTIVE, execution_state(gpu.device));
        check_u64(KEPT, reclaimed(&gpu.queue, buffer.allocation));
        check_true(filled_with(lock(gpu.device, buffer.allocation), SIZE, 0x31));
    }
    udxg_case("reclaimed before the work is done") {
        struct gpu gpu;
        struct gate gate;
        fresh_gpu(&gpu);
        struct gpu_buffer buffer = create_gpu_buffer(&gpu, SIZE);
        gate_busy(&gate, &gpu, &buffer, 0x42424242);
        require_success(offer(gpu.device, buffer.allocation, LOW, DECOMMIT));
        check_u64(KEPT, reclaimed(&gpu.queue, buffer.allocation));
        gate_open(&gate);
        gpu_finish(&gpu);
        check_u64(0, decommittable());
        check_u64(D3DKMT_DEVICEEXECUTION_ACTIVE, execution_state(gpu.device));
        check_true(filled_with(lock(gpu.device, buffer.allocation), SIZE, 0x42));
        /* The marker of the first offer means nothing to the second. */
        require_success(unlock(gpu.device, buffer.allocation));
        require_success(offer(gpu.device, buffer.allocation, LOW, DECOMMIT));
        check_u64(KEPT, reclaimed(&gpu.queue, buffer.allocation));
    }
    udxg_case("the device goes while an offer waits for its work") {
        struct gpu gpu;
        struct gate gate;
        fresh_gpu(&gpu);
        struct gpu_buffer buffer = create_gpu_buffer(&gpu, SIZE), other = create_gpu_buffer(&gpu, SIZE);
        gate_busy(&gate, &gpu, &buffer, 1);
        require_success(offer(gpu.device, buffer.allocation, LOW, DECOMMIT));
        require_success(offer(gpu.device, other.allocation, LOW, DECOMMIT));
        check_status(STATUS_SUCCESS, destroy_allocation(gpu.device, other.allocation));
        forget_last();
        check_u64(0, decommittable());
        for (int i = 0; i < 5000 && charged(); i++) usleep(1000);
        check_u64(0, charged());
    }
    udxg_case("OfferImmediately does not wait for it, and the work faults") {
        struct gpu gpu;
        struct gate gate;
        fresh_gpu(&gpu);
        struct gpu_buffer buffer = create_gpu_buffer(&gpu, SIZE);
        gate_busy(&gate, &gpu, &buffer, 0x53535353);
        require_success(offer(gpu.device, buffer.allocation, LOW, IMMEDIATELY | DECOMMIT));
        check_u64(SIZE, decommittable());
        gate_open(&gate);
        check_u64(D3DKMT_DEVICEEXECUTION_ERROR_DMAPAGEFAULT, wait_for_error(gpu.device));
        check_u64(KEPT, reclaimed(&gpu.queue, buffer.allocation));
    }
    udxg_case("work that is submitted later faults") {
        struct gpu gpu;
        fresh_gpu(&gpu);
        struct gpu_buffer buffer = create_gpu_buffer(&gpu, SIZE);
        struct udxg_soft_fill fill = udxg_soft_fill_command(buffer.va, SIZE, 0x64646464);
        require_success(submit(&gpu, &fill, sizeof(fill)));
        gpu_finish(&gpu);
        require_success(offer(gpu.device, buffer.allocation, HIGH, 0));
        require_success(submit(&gpu, &fill, sizeof(fill)));
        check_u64(D3DKMT_DEVICEEXECUTION_ERROR_DMAPAGEFAULT, wait_for_error(gpu.device));
        check_u64(KEPT, reclaimed(&gpu.queue, buffer.allocation));
        check_true(filled_with(lock(gpu.device, buffer.allocation), SIZE, 0x64));
    }
    udxg_case("work goes on while something listed is offered, and uses it again after the reclaim") {
        struct gpu gpu;
        fresh_gpu(&gpu);
        struct gpu_buffer buffer = create_gpu_buffer(&gpu, SIZE), other = create_gpu_buffer(&gpu, SIZE);
        struct udxg_soft_fill fill = udxg_soft_fill_command(buffer.va, SIZE, 0x75757575);
        struct udxg_soft_fill another = udxg_soft_fill_command(other.va, SIZE, 0x76767676);
        require_success(submit(&gpu, &fill, sizeof(fill)));
        gpu_finish(&gpu);
        require_success(offer(gpu.device, buffer.allocation, LOW, 0));
        require_success(submit(&gpu, &another, sizeof(another)));
        gpu_finish(&gpu);
        check_u64(KEPT, reclaimed(&gpu.queue, buffer.allocation));
        struct udxg_soft_copy copy = udxg_soft_copy_command(other.va, buffer.va, SIZE);
        require_success(submit(&gpu, &copy, sizeof(copy)));
        gpu_finish(&gpu);
        check_u64(D3DKMT_DEVICEEXECUTION_ACTIVE, execution_state(gpu.device));
        check_true(filled_with(lock(gpu.device, other.allocation), SIZE, 0x75));
    }
}

/* --------------------------------------------------------------------------------------------- the discard order */

/* Fills the room that is left with SIZE more, and waits until it is there. */
static D3DKMT_HANDLE press(D3DKMT_HANDLE device, const struct paging_queue *queue)
{
    D3DKMT_HANDLE allocation = create_buffer(device, SIZE);
    make_resident(queue, allocation);
    require_true(is_in_video_memory(device, allocation));
    return allocation;
}

#define ALL (LOCAL_BYTES / SIZE)

static void order(void)
{
    use_small();
    udxg_case("LOW, NORMAL, HIGH, and in each the one that was offered first; nobody else") {
        D3DKMT_HANDLE device = fresh_device(), listed[2], offered[ALL - 2];
        struct paging_queue queue = create_paging_queue(device);
        const D3DKMT_OFFER_PRIORITY priorities[ALL - 2] = {HIGH, NORMAL, LOW, NORMAL, LOW, HIGH};
        const unsigned expected[ALL - 2] = {2, 4, 1, 3, 0, 5};
        for (unsigned i = 0; i < 2; i++) listed[i] = create_listed(device, &queue, SIZE, 100 + i);
        for (unsigned i = 0; i < ALL - 2; i++) offered[i] = create_listed(device, &queue, SIZE, i);
        for (unsigned i = 0; i < ALL - 2; i++) require_success(offer(device, offered[i], priorities[i], 0));
        for (unsigned n = 0; n < ALL - 2; n++) {
            press(device, &queue);
            for (unsigned i = 0; i < ALL - 2; i++)
                check_u64(i >= n + 1, is_in_video_memory(device, offered[expected[i]]));
        }
        for (unsigned i = 0; i < 2; i++) check_true(is_in_video_memory(device, listed[i]));
        for (unsigned i = 0; i < ALL - 2; i++) {
            check_u64(LOST, reclaimed(&queue, offered[i]));
            check_true(is_zero(device, offered[i], SIZE));
        }
        for (unsigned i = 0; i < 2; i++) check_true(has_words(device, listed[i], SIZE, 100 + i));
    }
    udxg_case("the last to go keep what they have") {
        D3DKMT_HANDLE device = fresh_device(), offered[ALL];
        struct paging_queue queue = create_paging_queue(device);
        for (unsigned i = 0; i < ALL; i++) offered[i] = create_listed(device, &queue, SIZE, i);
        for (unsigned i = 0; i < ALL; i++) require_success(offer(device, offered[i], i % 2 ? LOW : HIGH, 0));
        for (unsigned n = 0; n < ALL / 2; n++) press(device, &queue);
        for (unsigned i = 0; i < ALL; i++) {
            check_u64(i % 2 ? LOST : KEPT, reclaimed(&queue, offered[i]));
            check_true(i % 2 ? is_zero(device, offered[i], SIZE) : has_words(device, offered[i], SIZE, i));
        }
    }
    udxg_case("AUTO goes by the allocation's priority") {
        D3DKMT_HANDLE device = fresh_device(), offered[ALL];
        struct paging_queue queue = create_paging_queue(device);
        const UINT priorities[ALL] = {D3DDDI_ALLOCATIONPRIORITY_MAXIMUM, 0xa0010000u,
                                      D3DDDI_ALLOCATIONPRIORITY_HIGH,    D3DDDI_ALLOCATIONPRIORITY_HIGH - 1,
                                      D3DDDI_ALLOCATIONPRIORITY_NORMAL,  D3DDDI_ALLOCATIONPRIORITY_NORMAL - 1,
                                      D3DDDI_ALLOCATIONPRIORITY_LOW,     D3DDDI_ALLOCATIONPRIORITY_MINIMUM};
        const unsigned expected[ALL] = {5, 6, 7, 3, 4, 0, 1, 2};
        for (unsigned i = 0; i < ALL; i++) {
            D3DKMT_SETALLOCATIONPRIORITY args = {0};
            offered[i] = create_listed(device, &queue, SIZE, i);
            args.hDevice = device;
            args.phAllocationList = &offered[i];
            args.AllocationCount = 1;
            args.pPriorities = &priorities[i];
            require_success(D3DKMTSetAllocationPriority(&args));
        }
        require_success(offer_list(device, offered, ALL, AUTO, 0));
        for (unsigned n = 0; n < ALL; n++) {
            press(device, &queue);
            for (unsigned i = 0; i < ALL; i++) check_u64(i >= n + 1, is_in_video_memory(device, offered[expected[i]]));
        }
    }
    udxg_case("before what was evicted and kept") {
        D3DKMT_HANDLE device = fresh_device(), kept, offered;
        struct paging_queue queue = create_paging_queue(device);
        D3DKMT_EVICT args = {0};
        kept = create_listed(device, &queue, SIZE, 1);
        args.hDevice = device;
        args.AllocationList = &kept;
        args.NumAllocations = 1;
        args.Flags.EvictOnlyIfNecessary = 1;
        require_success(D3DKMTEvict(&args));
        offered = create_listed(device, &queue, SIZE, 2);
        for (unsigned i = 0; i < ALL - 2; i++) press(device, &queue);
        require_success(offer(device, offered, HIGH, 0));
        press(device, &queue);
        check_true(is_in_video_memory(device, kept));
        check_u64(LOST, reclaimed(&queue, offered));
        check_true(has_words(device, kept, SIZE, 1));
    }
    udxg_case("what was evicted and offered waits in its place, too") {
        D3DKMT_HANDLE device = fresh_device();
        struct paging_queue queue = create_paging_queue(device);
        D3DKMT_HANDLE a = create_listed(device, &queue, SIZE, 1), b = create_listed(device, &queue, SIZE, 2);
        require_success(offer(device, a, LOW, 0));
        require_success(offer(device, b, LOW, 0));
        require_success(evict(device, a));
        require_success(evict(device, b));
        usleep(20000); /* what has to leave has left by now */
        check_true(is_in_video_memory(device, a) && is_in_video_memory(device, b));
        for (unsigned i = 0; i < ALL - 1; i++) press(device, &queue);
        check_u64(LOST, reclaimed(&queue, a));
        check_u64(KEPT, reclaimed(&queue, b));
        check_true(has_words(device, b, SIZE, 2));
    }
}

/* A discarded allocation that is listed comes back by a fence, and can be locked before. */
static void coming_back(void)
{
    use_small();
    udxg_case("lost and listed: a fence, a lock at once, the GPU after the fence, and nobody's bytes") {
        struct gpu gpu;
        fresh_gpu(&gpu);
        struct gpu_buffer buffer = create_gpu_buffer(&gpu, 4 * SIZE), target = create_gpu_buffer(&gpu, SIZE);
        struct udxg_soft_fill fill = udxg_soft_fill_command(buffer.va, 4 * SIZE, 0x39393939);
        require_success(submit(&gpu, &fill, sizeof(fill)));
        gpu_finish(&gpu);
        require_success(offer(gpu.device, buffer.allocation, LOW, 0));
        D3DKMT_HANDLE others[4];
        for (int i = 0; i < 4; i++) others[i] = create_listed(gpu.device, &gpu.queue, SIZE, 77);
        require_true(!is_in_video_memory(gpu.device, buffer.allocation));
        for (int i = 0; i < 4; i++) require_success(evict(gpu.device, others[i]));
        int result;
        UINT64 fence;
        check_status(STATUS_SUCCESS, reclaim(&gpu.queue, buffer.allocation, &result, &fence));
        check_u64(LOST, result);
        check_true(fence > 0);
        void *data = lock(gpu.device, buffer.allocation);
        check_true(filled_with(data, 4 * SIZE, 0));
        memset(data, 0x28, 4 * SIZE);
        require_success(unlock(gpu.device, buffer.allocation));
        wait_paging(&gpu.queue, fence);
        struct udxg_soft_copy copy = udxg_soft_copy_command(target.va, buffer.va + 2 * SIZE, SIZE);
        require_success(submit(&gpu, &copy, sizeof(copy)));
        gpu_finish(&gpu);
        check_u64(D3DKMT_DEVICEEXECUTION_ACTIVE, execution_state(gpu.device));
        check_true(filled_with(lock(gpu.device, target.allocation), SIZE, 0x28));
        for (int i = 0; i < 4; i++) check_true(has_words(gpu.device, others[i], SIZE, 77));
    }
    for (int version = 1; version <= 2; version++) {
        udxg_case("v%d/what the GPU finds in a discarded one is zero", version) {
            struct gpu gpu;
            fresh_gpu(&gpu);
            struct gpu_buffer buffer = create_gpu_buffer(&gpu, 4 * SIZE), target = create_gpu_buffer(&gpu, SIZE);
            struct udxg_soft_fill fill = udxg_soft_fill_command(buffer.va, 4 * SIZE, 0x4a4a4a4a);
            struct udxg_soft_fill mark = udxg_soft_fill_command(target.va, SIZE, 0x5b5b5b5b);
            require_success(submit(&gpu, &fill, sizeof(fill)));
            require_success(submit(&gpu, &mark, sizeof(mark)));
            gpu_finish(&gpu);
            require_success(offer(gpu.device, buffer.allocation, LOW, 0));
            D3DKMT_HANDLE others[4];
            for (int i = 0; i < 4; i++) others[i] = create_listed(gpu.device, &gpu.queue, SIZE, 78);
            for (int i = 0; i < 4; i++) require_success(evict(gpu.device, others[i]));
            if (version == 1) {
                D3DKMT_RECLAIMALLOCATIONS args = {0};
                BOOL discarded = 9;
                args.hDevice = gpu.device;
                args.HandleList = &buffer.allocation;
                args.NumAllocations = 1;
                args.pDiscarded = &discarded;
                check_status(STATUS_SUCCESS, D3DKMTReclaimAllocations(&args));
                check_u64(1, discarded);
            } else {
                check_u64(LOST, reclaimed(&gpu.queue, buffer.allocation));
            }
            struct udxg_soft_copy copy = udxg_soft_copy_command(target.va, buffer.va + 3 * SIZE, SIZE);
            require_success(submit(&gpu, &copy, sizeof(copy)));
            gpu_finish(&gpu);
            check_u64(D3DKMT_DEVICEEXECUTION_ACTIVE, execution_state(gpu.device));
            check_true(filled_with(lock(gpu.device, target.allocation), SIZE, 0));
        }
    }
    udxg_case("lost and not listed: no fence") {
        D3DKMT_HANDLE device = fresh_device();
        struct paging_queue queue = create_paging_queue(device);
        D3DKMT_HANDLE a = create_listed(device, &queue, SIZE, 1);
        int result;
        UINT64 fence;
        require_success(offer(device, a, LOW, 0));
        require_success(evict(device, a));
        for (unsigned i = 0; i < ALL; i++) press(device, &queue);
        check_status(STATUS_SUCCESS, reclaim(&queue, a, &result, &fence));
        check_u64(LOST, result);
        check_u64(0, fence);
        check_u64(D3DKMT_ALLOCATIONRESIDENCYSTATUS_NOTRESIDENT, place_of(device, a));
    }
    udxg_case("kept in its place: no fence") {
        D3DKMT_HANDLE device = fresh_device();
        struct paging_queue queue = create_paging_queue(device);
        D3DKMT_HANDLE a = create_listed(device, &queue, SIZE, 1);
        int result;
        UINT64 fence;
        require_success(offer(device, a, LOW, 0));
        check_status(STATUS_SUCCESS, reclaim(&queue, a, &result, &fence));
        check_u64(KEPT, result);
        check_u64(0, fence);
        check_true(is_in_video_memory(device, a));
    }
}

/* ------------------------------------------------------------------------------------------------- decommit */

/* Maps the allocation's first page later, in a reservation of its own. */
static NTSTATUS try_update(const struct gpu *gpu, D3DKMT_HANDLE allocation)
{
    D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION op = {0};
    D3DKMT_UPDATEGPUVIRTUALADDRESS args = {0};
    D3DDDI_RESERVEGPUVIRTUALADDRESS place = {0};
    place.hAdapter = gpu->adapter;
    place.Size = KIB(64);
    require_success(D3DKMTReserveGpuVirtualAddress(&place));
    op.OperationType = D3DDDI_UPDATEGPUVIRTUALADDRESS_MAP;
    op.Map.BaseAddress = place.VirtualAddress;
    op.Map.SizeInBytes = PAGE_BYTES;
    op.Map.hAllocation = allocation;
    args.hDevice = gpu->device;
    args.hContext = gpu->context;
    args.hFenceObject = create_fence(gpu->device, 0).handle;
    args.NumOperations = 1;
    args.Operations = &op;
    return D3DKMTUpdateGpuVirtualAddress(&args);
}

/* As the last resort: who cannot do without is not refused for want of memory. */
static NTSTATUS must_succeed(const struct paging_queue *queue, D3DKMT_HANDLE allocation)
{
    D3DDDI_MAKERESIDENT args = {0};
    args.hPagingQueue = queue->handle;
    args.NumAllocations = 1;
    args.AllocationList = &allocation;
    args.Flags.CantTrimFurther = 1;
    args.Flags.MustSucceed = 1;
    return D3DKMTMakeResident(&args);
}

static void not_committed(void)
{
    use_small();
    udxg_case("a decommitted one is of no use any more, to anybody, until it is destroyed") {
        struct gpu gpu;
        fresh_gpu(&gpu);
        struct gpu_buffer buffer = create_gpu_buffer(&gpu, SIZE);
        D3DKMT_HANDLE a = buffer.allocation;
        UINT64 before = charged(), unique = offer_info().DecommitUniqueness, va;
        void *data;
        require_success(offer(gpu.device, a, HIGH, DECOMMIT));
        check_u64(SIZE, trim(1, 0));
        check_u64(before - SIZE, charged());
        check_u64(unique + 1, offer_info().DecommitUniqueness);
        check_u64(0, decommittable());
        /* Still offered, and nobody has been told. */
        check_status(STATUS_INVALID_PARAMETER, try_lock(gpu.device, a, &data));
        make_resident(&gpu.queue, a);
        check_status(STATUS_SUCCESS, evict(gpu.device, a));
        check_u64(GONE, reclaimed(&gpu.queue, a));
        check_status(STATUS_INVALID_PARAMETER, refused(&gpu.queue, a));
        check_status(STATUS_INVALID_PARAMETER, offer(gpu.device, a, HIGH, DECOMMIT));
        check_status(STATUS_INVALID_PARAMETER, try_lock(gpu.device, a, &data));
        check_status(STATUS_INVALID_PARAMETER, lock_first(gpu.device, a));
        check_status(STATUS_INVALID_PARAMETER, try_make_resident(&gpu.queue, a));
        check_status(STATUS_INVALID_PARAMETER, must_succeed(&gpu.queue, a));
        check_u64(D3DKMT_DEVICEEXECUTION_ACTIVE, execution_state(gpu.device));
        check_status(STATUS_INVALID_PARAMETER, try_map(&gpu.queue, a, 0, 1, &va));
        check_status(STATUS_INVALID_PARAMETER, try_update(&gpu, a));
        check_u64(D3DKMT_ALLOCATIONRESIDENCYSTATUS_NOTRESIDENT, place_of(gpu.device, a));
        /* Nobody waits for it, and its address faults. */
        struct udxg_soft_fill fill = udxg_soft_fill_command(create_gpu_buffer(&gpu, SIZE).va, SIZE, 1);
        require_success(submit(&gpu, &fill, sizeof(fill)));
        gpu_finish(&gpu);
        check_u64(D3DKMT_DEVICEEXECUTION_ACTIVE, execution_state(gpu.device));
        fill = udxg_soft_fill_command(buffer.va, SIZE, 1);
        require_success(submit(&gpu, &fill, sizeof(fill)));
        check_u64(D3DKMT_DEVICEEXECUTION_ERROR_DMAPAGEFAULT, wait_for_error(gpu.device));
        /* What it was listed for can be given back, and it can go. */
        check_status(STATUS_SUCCESS, evict(gpu.device, a));
        check_status(STATUS_INVALID_PARAMETER, evict(gpu.device, a));
        before = charged();
        check_status(STATUS_SUCCESS, destroy_allocation(gpu.device, a));
        check_u64(before, charged());
    }
    udxg_case("the first version says that it is lost") {
        D3DKMT_HANDLE device = fresh_device(), a = create_buffer(device, SIZE);
        D3DKMT_RECLAIMALLOCATIONS args = {0};
        BOOL discarded = 9;
        require_success(offer(device, a, HIGH, DECOMMIT));
        check_u64(SIZE, trim(1, 0));
        args.hDevice = device;
        args.HandleList = &a;
        args.NumAllocations = 1;
        args.pDiscarded = &discarded;
        check_status(STATUS_SUCCESS, D3DKMTReclaimAllocations(&args));
        check_u64(1, discarded);
        check_true(!is_alive(device, a));
    }
    udxg_case("without AllowDecommit nothing is taken") {
        D3DKMT_HANDLE device = fresh_device(), a = create_buffer(device, SIZE);
        struct paging_queue queue = create_paging_queue(device);
        write_words(device, a, SIZE, 5);
        require_success(offer(device, a, LOW, 0));
        check_u64(0, decommittable());
        check_u64(0, trim(UINT64_MAX, 0));
        check_u64(KEPT, reclaimed(&queue, a));
        check_true(has_words(device, a, SIZE, 5));
    }
    udxg_case("nor from one that was reclaimed in time") {
        D3DKMT_HANDLE device = fresh_device(), a = create_buffer(device, SIZE);
        struct paging_queue queue = create_paging_queue(device);
        write_words(device, a, SIZE, 6);
        require_success(offer(device, a, LOW, DECOMMIT));
        check_u64(KEPT, reclaimed(&queue, a));
        check_u64(0, trim(UINT64_MAX, 0));
        check_true(has_words(device, a, SIZE, 6));
    }
}

static void trims(void)
{
    use_small();
    const struct {
        const char *name;
        UINT size, flags;
        HANDLE process;
        NTSTATUS want;
    } rows[] = {
        {"cbSize 0", 0, 0, NULL, STATUS_INVALID_PARAMETER},
        {"cbSize is one too small", sizeof(D3DKMT_TRIMPROCESSCOMMITMENT) - 1, 0, NULL, STATUS_INVALID_PARAMETER},
        {"cbSize is one too large", sizeof(D3DKMT_TRIMPROCESSCOMMITMENT) + 1, 0, NULL, STATUS_INVALID_PARAMETER},
        {"lowest reserved flag", sizeof(D3DKMT_TRIMPROCESSCOMMITMENT), 4, NULL, STATUS_INVALID_PARAMETER},
        {"highest reserved flag", sizeof(D3DKMT_TRIMPROCESSCOMMITMENT), 0x80000000u, NULL, STATUS_INVALID_PARAMETER},
        {"hProcess is no process", sizeof(D3DKMT_TRIMPROCESSCOMMITMENT), 0, (HANDLE)(uintptr_t)0x7fffffff,
         STATUS_INVALID_HANDLE},
    };
    udxg_case("NULL") {
        check_status(STATUS_INVALID_PARAMETER, D3DKMTTrimProcessCommitment(NULL));
        check_status(STATUS_INVALID_PARAMETER, D3DKMTQueryProcessOfferInfo(NULL));
    }
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        udxg_case("trim: %s", rows[i].name) {
            D3DKMT_HANDLE device = fresh_device();
            D3DKMT_TRIMPROCESSCOMMITMENT args = {0};
            require_success(offer(device, create_buffer(device, SIZE), LOW, DECOMMIT));
            args.cbSize = rows[i].size;
            args.hProcess = rows[i].process;
            args.Flags.Value = rows[i].flags;
            args.DecommitRequested = 1;
            args.NumBytesDecommitted = SENTINEL64;
            check_status(rows[i].want, D3DKMTTrimProcessCommitment(&args));
            check_u64(SENTINEL64, args.NumBytesDecommitted);
            check_u64(SIZE, decommittable());
        }
    }
    const UINT sizes[] = {0, sizeof(D3DKMT_QUERYPROCESSOFFERINFO) - 1, sizeof(D3DKMT_QUERYPROCESSOFFERINFO) + 1};
    for (size_t i = 0; i <= LENGTH_OF(sizes); i++) {
        udxg_case("query: wrong thing %zu", i) {
            D3DKMT_QUERYPROCESSOFFERINFO args = {0};
            bool wrong_process = i == LENGTH_OF(sizes);
            args.cbSize = wrong_process ? (ULONG)sizeof(args) : sizes[i];
            if (wrong_process) args.hProcess = (HANDLE)(uintptr_t)0x7fffffff;
            args.DecommitUniqueness = args.DecommittableBytes = SENTINEL64;
            check_status(wrong_process ? STATUS_INVALID_HANDLE : STATUS_INVALID_PARAMETER,
                         D3DKMTQueryProcessOfferInfo(&args));
            check_u64(SENTINEL64, args.DecommitUniqueness);
            check_u64(SENTINEL64, args.DecommittableBytes);
        }
    }
    for (UINT lazy = 0; lazy <= LAZY; lazy++) {
        udxg_case("as much as is asked for, in whole allocations, LOW first%s", lazy ? ", Lazy" : "") {
            D3DKMT_HANDLE device = fresh_device(), list[6];
            struct paging_queue queue = create_paging_queue(device);
            const D3DKMT_OFFER_PRIORITY priorities[6] = {HIGH, NORMAL, LOW, NORMAL, LOW, HIGH};
            const unsigned expected[6] = {2, 4, 1, 3, 0, 5};
            for (unsigned i = 0; i < 6; i++) {
                list[i] = create_buffer(device, (i + 1) * KIB(64));
                write_words(device, list[i], (i + 1) * KIB(64), i);
                require_success(offer(device, list[i], priorities[i], DECOMMIT));
            }
            UINT64 unique = offer_info().DecommitUniqueness, before = charged();
            check_u64(21 * KIB(64), decommittable());
            check_u64(0, trim(0, lazy));
            check_u64(3 * KIB(64), trim(1, lazy));               /* 2 */
            check_u64(7 * KIB(64), trim(5 * KIB(64) + 1, lazy)); /* 4 and 1 */
            check_u64(4 * KIB(64), trim(4 * KIB(64), lazy));     /* 3 */
            check_u64(7 * KIB(64), decommittable());
            check_u64(unique + 4, offer_info().DecommitUniqueness);
            check_u64(before - 14 * KIB(64), charged());
            for (unsigned i = 0; i < 6; i++) {
                unsigned at = expected[i];
                check_u64(i < 4 ? GONE : KEPT, reclaimed(&queue, list[at]));
                if (i >= 4) check_true(has_words(device, list[at], (at + 1) * KIB(64), at));
            }
            check_u64(0, trim(UINT64_MAX, lazy));
        }
    }
    udxg_case("all, when more is asked for than there is") {
        D3DKMT_HANDLE device = fresh_device();
        for (int i = 0; i < 5; i++) require_success(offer(device, create_buffer(device, SIZE), AUTO, DECOMMIT));
        check_u64(5 * SIZE, trim(UINT64_MAX, 0));
        check_u64(0, decommittable());
    }
}

static void repurposed(void)
{
    use_small();
    udxg_case("OnlyRepurposed takes those whose contents are lost already") {
        D3DKMT_HANDLE device = fresh_device();
        struct paging_queue queue = create_paging_queue(device);
        D3DKMT_HANDLE high = create_listed(device, &queue, SIZE, 1), low = create_buffer(device, SIZE);
        write_words(device, low, SIZE, 2);
        require_success(offer(device, low, LOW, DECOMMIT)); /* in no segment: nobody needs its room */
        require_success(offer(device, high, HIGH, DECOMMIT));
        check_u64(0, trim(UINT64_MAX, ONLY_REPURPOSED));
        for (unsigned i = 0; i < ALL; i++) press(device, &queue);
        check_u64(2 * SIZE, decommittable());
        check_u64(SIZE, trim(UINT64_MAX, ONLY_REPURPOSED));
        check_u64(GONE, reclaimed(&queue, high));
        check_u64(KEPT, reclaimed(&queue, low));
        check_true(has_words(device, low, SIZE, 2));
    }
    udxg_case("a trim takes what is in video memory out of it") {
        D3DKMT_HANDLE device = fresh_device();
        struct paging_queue queue = create_paging_queue(device);
        D3DKMT_HANDLE a = create_listed(device, &queue, LOCAL_BYTES, 1);
        require_success(offer(device, a, HIGH, DECOMMIT));
        check_u64(LOCAL_BYTES, trim(1, 0));
        check_u64(D3DKMT_ALLOCATIONRESIDENCYSTATUS_NOTRESIDENT, place_of(device, a));
        for (unsigned i = 0; i < ALL; i++) press(device, &queue);
        check_u64(GONE, reclaimed(&queue, a));
    }
}

/* ------------------------------------------------------------------------------------------ commit for a creation */

static NTSTATUS try_create(D3DKMT_HANDLE device, uint64_t size_bytes)
{
    struct creation creation;
    creation_buffers(&creation, 2, device, 1);
    creation.soft[0].size_bytes = size_bytes;
    return creation_issue(&creation);
}

static void commit(void)
{
    use_small();
    udxg_case("a creation takes the commit of what is offered, LOW first, no more than it needs") {
        D3DKMT_HANDLE device = fresh_device(), list[4];
        struct paging_queue queue = create_paging_queue(device);
        const D3DKMT_OFFER_PRIORITY priorities[4] = {HIGH, LOW, NORMAL, LOW};
        const int expected[4] = {KEPT, GONE, KEPT, GONE};
        for (unsigned i = 0; i < 4; i++) {
            list[i] = create_buffer(device, LIMIT_BYTES / 4);
            write_words(device, list[i], KIB(64), i);
        }
        check_status(STATUS_NO_MEMORY, try_create(device, PAGE_BYTES));
        for (unsigned i = 0; i < 4; i++) require_success(offer(device, list[i], priorities[i], DECOMMIT));
        check_status(STATUS_SUCCESS, try_create(device, PAGE_BYTES));
        check_u64(3 * LIMIT_BYTES / 4 + PAGE_BYTES, charged());
        check_status(STATUS_SUCCESS, try_create(device, LIMIT_BYTES / 4));
        check_u64(3 * LIMIT_BYTES / 4 + PAGE_BYTES, charged());
        for (unsigned i = 0; i < 4; i++) {
            check_u64(expected[i], reclaimed(&queue, list[i]));
            if (expected[i] == KEPT) check_true(has_words(device, list[i], KIB(64), i));
        }
    }
    udxg_case("what would not be enough is not taken") {
        D3DKMT_HANDLE device = fresh_device(), list[4];
        struct paging_queue queue = create_paging_queue(device);
        for (unsigned i = 0; i < 4; i++) list[i] = create_buffer(device, LIMIT_BYTES / 4);
        require_success(offer(device, list[0], LOW, 0));
        require_success(offer(device, list[1], LOW, DECOMMIT));
        check_status(STATUS_NO_MEMORY, try_create(device, LIMIT_BYTES / 4 + PAGE_BYTES));
        check_u64(LIMIT_BYTES / 4, decommittable());
        check_u64(LIMIT_BYTES, charged());
        check_u64(KEPT, reclaimed(&queue, list[1]));
        check_status(STATUS_NO_MEMORY, try_create(device, PAGE_BYTES));
        check_u64(KEPT, reclaimed(&queue, list[0]));
    }
}

/* -------------------------------------------------------------------------------------------------- threads */

#define THREADS 4
#define ROUNDS 300

struct racer {
    pthread_t thread;
    D3DKMT_HANDLE device, filler;
    struct paging_queue queue;
    unsigned id;
    unsigned wrong; /* calls that said what they must not, or bytes that nobody wrote */
    unsigned results[3];
};

static bool words_are(const uint64_t *words, uint64_t seed, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        if (words[i] != (seed ? word_at(seed, i) : 0)) return false;
    return true;
}

/* Checks are for the thread of the case: these only call. */
static D3DKMT_HANDLE race_create(D3DKMT_HANDLE device)
{
    struct creation creation;
    creation_buffers(&creation, 2, device, 1);
    creation.soft[0].size_bytes = SIZE;
    return creation_issue(&creation) == STATUS_SUCCESS ? creation_handle(&creation, 0) : 0;
}

/* The budget may refuse it. It is brought in place while the thread goes on. */
static bool race_list(const struct racer *racer, D3DKMT_HANDLE allocation)
{
    D3DDDI_MAKERESIDENT args = {0};
    args.hPagingQueue = racer->queue.handle;
    args.NumAllocations = 1;
    args.AllocationList = &allocation;
    NTSTATUS status = D3DKMTMakeResident(&args);
    for (int i = 0; status == STATUS_PENDING && i < 1000 && *racer->queue.value < args.PagingFenceValue; i++)
        usleep(10);
    return status == STATUS_SUCCESS || status == STATUS_PENDING;
}

static void race_trim(void)
{
    D3DKMT_TRIMPROCESSCOMMITMENT args = {0};
    args.cbSize = sizeof(args);
    args.DecommitRequested = SIZE;
    (void)D3DKMTTrimProcessCommitment(&args);
}

/* One allocation is written, listed, offered and reclaimed; its contents are its own or zero. */
static void race_once(struct racer *racer, uint64_t seed)
{
    D3DKMT_HANDLE allocation = race_create(racer->device);
    D3DDDI_RECLAIM_RESULT result = (D3DDDI_RECLAIM_RESULT)9;
    D3DKMT_RECLAIMALLOCATIONS2 args = {0};
    D3DKMT_LOCK2 lock2 = {0};
    D3DKMT_UNLOCK2 unlock2 = {0};
    lock2.hDevice = unlock2.hDevice = racer->device;
    lock2.hAllocation = unlock2.hAllocation = allocation;
    racer->wrong += D3DKMTLock2(&lock2) != STATUS_SUCCESS;
    uint64_t *words = (uint64_t *)lock2.pData;
    for (uint64_t i = 0; i < KIB(64) / 8; i++) words[i] = word_at(seed, i);
    racer->wrong += D3DKMTUnlock2(&unlock2) != STATUS_SUCCESS;
    (void)race_list(racer, allocation);
    racer->wrong += offer(racer->device, allocation, (D3DKMT_OFFER_PRIORITY)(1 + seed % 4),
                          seed % 3 ? IMMEDIATELY : DECOMMIT) != STATUS_SUCCESS;
    if (seed % 5 == 0) race_trim();
    if (race_list(racer, racer->filler)) (void)evict(racer->device, racer->filler);
    args.hPagingQueue = racer->queue.handle;
    args.HandleList = &allocation;
    args.NumAllocations = 1;
    args.pResults = &result;
    racer->wrong += D3DKMTReclaimAllocations2(&args) != STATUS_SUCCESS;
    if ((int)result > GONE) {
        racer->wrong++;
    } else {
        racer->results[result]++;
        NTSTATUS locked = D3DKMTLock2(&lock2);
        racer->wrong += locked != ((int)result == GONE ? STATUS_INVALID_PARAMETER : STATUS_SUCCESS);
        if (locked == STATUS_SUCCESS) {
            racer->wrong += !words_are((const uint64_t *)lock2.pData, (int)result == KEPT ? seed : 0, KIB(64) / 8);
            racer->wrong += D3DKMTUnlock2(&unlock2) != STATUS_SUCCESS;
        }
    }
    racer->wrong += destroy_allocation(racer->device, allocation) != STATUS_SUCCESS;
}

static void *race(void *data)
{
    struct racer *racer = (struct racer *)data;
    for (unsigned round = 0; round < ROUNDS; round++) race_once(racer, 1 + racer->id + (uint64_t)round * THREADS);
    return NULL;
}

static void threads(void)
{
    use_small();
    udxg_case("%d threads offer, press, trim and reclaim", THREADS) {
        D3DKMT_HANDLE device = fresh_device();
        struct racer racers[THREADS];
        memset(racers, 0, sizeof(racers));
        for (unsigned i = 0; i < THREADS; i++) {
            racers[i].id = i;
            racers[i].device = i % 2 ? device : create_device(open_adapter());
            racers[i].queue = create_paging_queue(racers[i].device);
            racers[i].filler = create_buffer(racers[i].device, LOCAL_BYTES / 2);
        }
        for (unsigned i = 0; i < THREADS; i++) {
            require_true(pthread_create(&racers[i].thread, NULL, race, &racers[i]) == 0);
        }
        unsigned results[3] = {0};
        for (unsigned i = 0; i < THREADS; i++) {
            require_true(pthread_join(racers[i].thread, NULL) == 0);
            check_u64(0, racers[i].wrong);
            for (unsigned j = 0; j < 3; j++) results[j] += racers[i].results[j];
        }
        note("kept %u, discarded %u, not committed %u", results[0], results[1], results[2]);
        check_u64(THREADS * ROUNDS, results[0] + results[1] + results[2]);
        check_u64(0, decommittable());
    }
}

int main(int argc, char **argv)
{
    static const struct udxg_test tests[] = {
        {"offer/argument", ON_EACH, offer_arguments},
        {"reclaim/argument", ON_EACH, reclaim_arguments},
        {"while offered", ON_EACH, while_offered},
        {"resources", ON_EACH, resources},
        {"work", ON_EACH, work},
        {"order", ON_DISCRETE, order},
        {"coming back", ON_DISCRETE, coming_back},
        {"not committed", ON_EACH, not_committed},
        {"trim", ON_EACH, trims},
        {"repurposed", ON_DISCRETE, repurposed},
        {"commit", ON_EACH, commit},
        {"threads", ON_EACH, threads},
    };
    return conformance_main(argc, argv, tests, LENGTH_OF(tests));
}
