/* SPDX-License-Identifier: MIT */
/* Paging queues, MakeResident and Evict: counted, atomic, honest about budgets. */
#include "fixture.h"

#include <stdlib.h>

#define MAX_RESIDENCY 10240u /* allocations in one call */

/* ----------------------------------------------------------------------------------------- paging queues */

static void queue_create(void)
{
    D3DKMT_HANDLE adapter = open_adapter();
    D3DKMT_HANDLE device = create_device(adapter);
    udxg_case("NULL") {
        check_status(STATUS_INVALID_PARAMETER, D3DKMTCreatePagingQueue(NULL));
    }
    const struct {
        const char *name;
        D3DKMT_HANDLE device;
        int priority;
        UINT index;
        NTSTATUS want;
    } rows[] = {
        {"BELOW_NORMAL", device, -1, 0, STATUS_SUCCESS},
        {"NORMAL", device, 0, 0, STATUS_SUCCESS},
        {"ABOVE_NORMAL", device, 1, 0, STATUS_SUCCESS},
        {"zeroed", 0, 0, 0, STATUS_INVALID_PARAMETER},
        {"hDevice is no handle", BAD_HANDLE, 0, 0, STATUS_INVALID_PARAMETER},
        {"hDevice is an adapter", adapter, 0, 0, STATUS_INVALID_PARAMETER},
        {"priority -2", device, -2, 0, STATUS_INVALID_PARAMETER},
        {"priority 2", device, 2, 0, STATUS_INVALID_PARAMETER},
        {"PhysicalAdapterIndex 1", device, 0, 1, STATUS_INVALID_PARAMETER},
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        udxg_case("%s", rows[i].name) {
            D3DKMT_CREATEPAGINGQUEUE args = {0};
            args.hDevice = rows[i].device;
            args.Priority = (D3DDDI_PAGINGQUEUE_PRIORITY)rows[i].priority;
            args.PhysicalAdapterIndex = rows[i].index;
            args.hPagingQueue = args.hSyncObject = SENTINEL;
            args.FenceValueCPUVirtualAddress = (VOID *)(uintptr_t)SENTINEL;
            check_status(rows[i].want, D3DKMTCreatePagingQueue(&args));
            if (rows[i].want == STATUS_SUCCESS) {
                check_local(args.hPagingQueue);
                check_local(args.hSyncObject);
                check_true(args.hPagingQueue != args.hSyncObject);
                require_true((uintptr_t)args.FenceValueCPUVirtualAddress != SENTINEL);
                require_true(args.FenceValueCPUVirtualAddress != NULL);
                check_u64(0, (uintptr_t)args.FenceValueCPUVirtualAddress % sizeof(UINT64));
                check_u64(0, *(const volatile UINT64 *)args.FenceValueCPUVirtualAddress);
            } else {
                check_u64(SENTINEL, args.hPagingQueue);
                check_u64(SENTINEL, args.hSyncObject);
                check_u64(SENTINEL, (uintptr_t)args.FenceValueCPUVirtualAddress);
            }
        }
    }
    udxg_case("the fence value cannot be written") {
        struct paging_queue queue = create_paging_queue(device);
        check_true(!is_writable(queue.value));
    }
    udxg_case("several queues of one device are different") {
        struct paging_queue a = create_paging_queue(device);
        struct paging_queue b = create_paging_queue(device);
        check_true(a.handle != b.handle && a.fence != b.fence && a.value != b.value);
    }
    udxg_case("its sync object is a monitored fence that can be waited for") {
        struct paging_queue queue = create_paging_queue(device);
        check_status(STATUS_SUCCESS, wait_cpu(device, queue.fence, 0, -1));
    }
}

static void queue_destroy(void)
{
    D3DKMT_HANDLE adapter = open_adapter();
    D3DKMT_HANDLE device = create_device(adapter);
    udxg_case("NULL") {
        check_status(STATUS_INVALID_PARAMETER, D3DKMTDestroyPagingQueue(NULL));
    }
    const struct {
        const char *name;
        D3DKMT_HANDLE handle;
    } rows[] = {
        {"zeroed", 0},
        {"no handle", BAD_HANDLE},
        {"a device", device},
        {"the queue's own fence", create_paging_queue(device).fence},
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        udxg_case("%s", rows[i].name) {
            D3DDDI_DESTROYPAGINGQUEUE args = {rows[i].handle};
            check_status(STATUS_INVALID_PARAMETER, D3DKMTDestroyPagingQueue(&args));
        }
    }
    udxg_case("twice; queue and fence are dead") {
        struct paging_queue queue = create_paging_queue(device);
        D3DDDI_DESTROYPAGINGQUEUE args = {queue.handle};
        check_status(STATUS_SUCCESS, D3DKMTDestroyPagingQueue(&args));
        check_status(STATUS_INVALID_PARAMETER, D3DKMTDestroyPagingQueue(&args));
        check_status(STATUS_INVALID_PARAMETER, wait_cpu(device, queue.fence, 0, -1));
        check_status(STATUS_INVALID_PARAMETER, try_make_resident(&queue, create_buffer(device, KIB(64))));
    }
    udxg_case("after work: what was made resident stays resident") {
        struct paging_queue queue = create_paging_queue(device);
        D3DKMT_HANDLE allocation = create_buffer(device, KIB(64));
        D3DDDI_DESTROYPAGINGQUEUE args = {queue.handle};
        make_resident(&queue, allocation);
        check_status(STATUS_SUCCESS, D3DKMTDestroyPagingQueue(&args));
        check_status(STATUS_SUCCESS, evict(device, allocation));
    }
}

/* ------------------------------------------------------------------------------------------ MakeResident */

static NTSTATUS make_list(const struct paging_queue *queue, D3DDDI_MAKERESIDENT *args, const D3DKMT_HANDLE *list,
                          UINT count)
{
    memset(args, 0, sizeof(*args));
    args->hPagingQueue = queue->handle;
    args->NumAllocations = count;
    args->AllocationList = list;
    args->PagingFenceValue = SENTINEL64;
    args->NumBytesToTrim = SENTINEL64;
    return D3DKMTMakeResident(args);
}

/* SUCCESS and a fence of 0, or PENDING and a fence that is reached. */
static void check_done(const struct paging_queue *queue, const D3DDDI_MAKERESIDENT *args, NTSTATUS status)
{
    check_true(status == STATUS_SUCCESS || status == STATUS_PENDING);
    if (status == STATUS_SUCCESS) {
        check_u64(0, args->PagingFenceValue);
    } else {
        check_true(args->PagingFenceValue > 0 && args->PagingFenceValue != SENTINEL64);
        wait_paging(queue, args->PagingFenceValue);
    }
}

static NTSTATUS evict_list(D3DKMT_HANDLE device, const D3DKMT_HANDLE *list, UINT count, UINT flags)
{
    D3DKMT_EVICT args = {0};
    args.hDevice = device;
    args.NumAllocations = count;
    args.AllocationList = list;
    args.Flags.Value = flags;
    args.NumBytesToTrim = SENTINEL64;
    NTSTATUS status = D3DKMTEvict(&args);
    check_u64(status == STATUS_SUCCESS ? 0 : SENTINEL64, args.NumBytesToTrim);
    return status;
}

static void make_arguments(void)
{
    D3DKMT_HANDLE adapter = open_adapter();
    D3DKMT_HANDLE device = create_device(adapter);
    D3DKMT_HANDLE other = create_device(adapter);
    struct paging_queue queue = create_paging_queue(device);
    D3DKMT_HANDLE good = create_buffer(device, KIB(64));
    D3DKMT_HANDLE dead = create_buffer(device, KIB(64));
    D3DKMT_HANDLE foreign = create_buffer(other, KIB(64));
    require_success(destroy_allocation(device, dead));

    udxg_case("NULL") {
        check_status(STATUS_INVALID_PARAMETER, D3DKMTMakeResident(NULL));
    }
    const struct {
        const char *name;
        D3DKMT_HANDLE queue;
        UINT count;
        bool list;
        D3DKMT_HANDLE second;
        UINT flags;
    } rows[] = {
        {"zeroed", 0, 0, false, 0, 0},
        {"hPagingQueue 0", 0, 1, true, 0, 0},
        {"hPagingQueue is no handle", BAD_HANDLE, 1, true, 0, 0},
        {"hPagingQueue is a device", device, 1, true, 0, 0},
        {"hPagingQueue is the queue's fence", queue.fence, 1, true, 0, 0},
        {"NumAllocations 0", queue.handle, 0, true, 0, 0},
        {"NumAllocations 0xffffffff", queue.handle, 0xffffffffu, true, 0, 0},
        {"AllocationList NULL", queue.handle, 1, false, 0, 0},
        {"an element is 0", queue.handle, 2, true, 0, 0},
        {"an element is no handle", queue.handle, 2, true, BAD_HANDLE, 0},
        {"an element is a device", queue.handle, 2, true, device, 0},
        {"an element is a resource", queue.handle, 2, true, create_resource(device, 1, false, NULL), 0},
        {"an element was destroyed", queue.handle, 2, true, dead, 0},
        {"an element is of another device", queue.handle, 2, true, foreign, 0},
        {"MustSucceed without CantTrimFurther", queue.handle, 1, true, 0, 2},
        {"lowest reserved flag", queue.handle, 1, true, 0, 4},
        {"highest reserved flag", queue.handle, 1, true, 0, 0x80000000u},
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        udxg_case("%s", rows[i].name) {
            D3DKMT_HANDLE list[2] = {good, rows[i].second};
            D3DDDI_MAKERESIDENT args = {0};
            args.hPagingQueue = rows[i].queue;
            args.NumAllocations = rows[i].count;
            args.AllocationList = rows[i].list ? list : NULL;
            args.Flags.Value = rows[i].flags;
            args.PagingFenceValue = SENTINEL64;
            args.NumBytesToTrim = SENTINEL64;
            check_status(STATUS_INVALID_PARAMETER, D3DKMTMakeResident(&args));
            check_u64(rows[i].count, args.NumAllocations);
            check_u64(SENTINEL64, args.PagingFenceValue);
            check_u64(SENTINEL64, args.NumBytesToTrim);
            /* Atomic: the good one before the bad one was not counted. */
            check_status(STATUS_INVALID_PARAMETER, evict(device, good));
        }
    }

    const UINT flags[] = {0, 1, 3};
    for (size_t i = 0; i < LENGTH_OF(flags); i++) {
        udxg_case("flags %u", flags[i]) {
            D3DKMT_HANDLE list[2] = {good, create_buffer(device, KIB(64))};
            UINT priorities[2] = {0, 0xffffffffu};
            D3DDDI_MAKERESIDENT args = {0};
            args.hPagingQueue = queue.handle;
            args.NumAllocations = 2;
            args.AllocationList = list;
            args.PriorityList = i > 0 ? priorities : NULL;
            args.Flags.Value = flags[i];
            args.PagingFenceValue = SENTINEL64;
            args.NumBytesToTrim = SENTINEL64;
            check_done(&queue, &args, D3DKMTMakeResident(&args));
            check_u64(2, args.NumAllocations);
            check_u64(0, args.NumBytesToTrim);
            check_status(STATUS_SUCCESS, evict_list(device, list, 2, 0));
        }
    }
    udxg_case("%u elements, one more is refused", MAX_RESIDENCY) {
        D3DKMT_HANDLE *list = (D3DKMT_HANDLE *)malloc((MAX_RESIDENCY + 1) * sizeof(*list));
        D3DDDI_MAKERESIDENT args;
        require_true(list != NULL);
        for (UINT i = 0; i <= MAX_RESIDENCY; i++) list[i] = good;
        check_status(STATUS_INVALID_PARAMETER, make_list(&queue, &args, list, MAX_RESIDENCY + 1));
        check_status(STATUS_INVALID_PARAMETER, evict(device, good));
        check_done(&queue, &args, make_list(&queue, &args, list, MAX_RESIDENCY));
        check_u64(MAX_RESIDENCY, args.NumAllocations);
        check_status(STATUS_SUCCESS, evict_list(device, list, MAX_RESIDENCY, 0));
        check_status(STATUS_INVALID_PARAMETER, evict(device, good));
    }
}

static void counted(void)
{
    D3DKMT_HANDLE device = create_device(open_adapter());
    struct paging_queue queue = create_paging_queue(device);
    udxg_case("as many Evict as MakeResident, not one more") {
        D3DKMT_HANDLE allocation = create_buffer(device, KIB(64));
        check_status(STATUS_INVALID_PARAMETER, evict(device, allocation));
        for (int i = 0; i < 7; i++) make_resident(&queue, allocation);
        for (int i = 0; i < 7; i++) check_status(STATUS_SUCCESS, evict(device, allocation));
        check_status(STATUS_INVALID_PARAMETER, evict(device, allocation));
        make_resident(&queue, allocation);
        check_status(STATUS_SUCCESS, evict(device, allocation));
    }
    udxg_case("each occurrence in a list counts") {
        D3DKMT_HANDLE a = create_buffer(device, KIB(64)), b = create_buffer(device, KIB(64));
        D3DKMT_HANDLE list[5] = {a, b, a, a, b};
        D3DDDI_MAKERESIDENT args;
        check_done(&queue, &args, make_list(&queue, &args, list, 5));
        check_status(STATUS_SUCCESS, evict_list(device, list, 5, 0));
        check_status(STATUS_INVALID_PARAMETER, evict(device, a));
        check_status(STATUS_INVALID_PARAMETER, evict(device, b));
    }
    udxg_case("two queues of a device count together") {
        struct paging_queue second = create_paging_queue(device);
        D3DKMT_HANDLE allocation = create_buffer(device, KIB(64));
        make_resident(&queue, allocation);
        make_resident(&second, allocation);
        check_status(STATUS_SUCCESS, evict(device, allocation));
        check_status(STATUS_SUCCESS, evict(device, allocation));
        check_status(STATUS_INVALID_PARAMETER, evict(device, allocation));
    }
    udxg_case("usage goes up once and down at the last Evict") {
        D3DKMT_HANDLE adapter = open_adapter();
        UINT64 before = memory_info(adapter, D3DKMT_MEMORY_SEGMENT_GROUP_LOCAL).CurrentUsage;
        D3DKMT_HANDLE allocation = create_buffer(device, MIB(1));
        check_u64(before, memory_info(adapter, D3DKMT_MEMORY_SEGMENT_GROUP_LOCAL).CurrentUsage);
        make_resident(&queue, allocation);
        make_resident(&queue, allocation);
        check_u64(before + MIB(1), memory_info(adapter, D3DKMT_MEMORY_SEGMENT_GROUP_LOCAL).CurrentUsage);
        require_success(evict(device, allocation));
        check_u64(before + MIB(1), memory_info(adapter, D3DKMT_MEMORY_SEGMENT_GROUP_LOCAL).CurrentUsage);
        require_success(evict(device, allocation));
        check_u64(before, memory_info(adapter, D3DKMT_MEMORY_SEGMENT_GROUP_LOCAL).CurrentUsage);
    }
    udxg_case("allocations of a resource, and the caller's memory") {
        D3DKMT_HANDLE member;
        create_resource(device, 1, false, &member);
        make_resident(&queue, member);
        check_status(STATUS_SUCCESS, evict(device, member));
    }
    udxg_case("fences of one queue never go back") {
        UINT64 last = 0;
        for (int i = 0; i < 50; i++) {
            D3DKMT_HANDLE allocation = create_buffer(device, KIB(64));
            D3DDDI_MAKERESIDENT args;
            NTSTATUS status = make_list(&queue, &args, &allocation, 1);
            check_done(&queue, &args, status);
            if (status == STATUS_PENDING) {
                check_true(args.PagingFenceValue > last);
                last = args.PagingFenceValue;
            }
            check_true(*queue.value >= last);
        }
    }
}

/* ----------------------------------------------------------------------------------------------- Evict */

static void evict_arguments(void)
{
    D3DKMT_HANDLE adapter = open_adapter();
    D3DKMT_HANDLE device = create_device(adapter);
    D3DKMT_HANDLE other = create_device(adapter);
    struct paging_queue queue = create_paging_queue(device);
    D3DKMT_HANDLE good = create_buffer(device, KIB(64));
    D3DKMT_HANDLE idle = create_buffer(device, KIB(64));
    make_resident(&queue, good);

    udxg_case("NULL") {
        check_status(STATUS_INVALID_PARAMETER, D3DKMTEvict(NULL));
    }
    const struct {
        const char *name;
        D3DKMT_HANDLE device;
        UINT count;
        bool list;
        D3DKMT_HANDLE second;
        UINT flags;
    } rows[] = {
        {"zeroed", 0, 0, false, 0, 0},
        {"hDevice is no handle", BAD_HANDLE, 1, true, 0, 0},
        {"hDevice is an adapter", adapter, 1, true, 0, 0},
        {"hDevice is the queue", queue.handle, 1, true, 0, 0},
        {"hDevice is another device", other, 1, true, 0, 0},
        {"NumAllocations 0", device, 0, true, 0, 0},
        {"NumAllocations 0xffffffff", device, 0xffffffffu, true, 0, 0},
        {"AllocationList NULL", device, 1, false, 0, 0},
        {"an element is 0", device, 2, true, 0, 0},
        {"an element is no handle", device, 2, true, BAD_HANDLE, 0},
        {"an element is a device", device, 2, true, device, 0},
        {"an element is not resident", device, 2, true, idle, 0},
        {"an element more often than it is counted", device, 2, true, good, 0},
        {"lowest reserved flag", device, 1, true, 0, 4},
        {"highest reserved flag", device, 1, true, 0, 0x80000000u},
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        udxg_case("%s", rows[i].name) {
            D3DKMT_HANDLE list[2] = {good, rows[i].second};
            D3DKMT_EVICT args = {0};
            args.hDevice = rows[i].device;
            args.NumAllocations = rows[i].count;
            args.AllocationList = rows[i].list ? list : NULL;
            args.Flags.Value = rows[i].flags;
            args.NumBytesToTrim = SENTINEL64;
            check_status(STATUS_INVALID_PARAMETER, D3DKMTEvict(&args));
            check_u64(SENTINEL64, args.NumBytesToTrim);
            /* Atomic: the good one is still counted, once. */
            check_status(STATUS_SUCCESS, evict(device, good));
            check_status(STATUS_INVALID_PARAMETER, evict(device, good));
            make_resident(&queue, good);
        }
    }
    for (UINT flags = 0; flags <= 3; flags++) {
        udxg_case("flags %u", flags) {
            D3DKMT_HANDLE allocation = create_buffer(device, KIB(64));
            make_resident(&queue, allocation);
            check_status(STATUS_SUCCESS, evict_list(device, &allocation, 1, flags));
            check_status(STATUS_INVALID_PARAMETER, evict_list(device, &allocation, 1, flags));
        }
    }
}

/* ---------------------------------------------------------------------------------------------- budgets */

static D3DKMT_HANDLE create_local(D3DKMT_HANDLE device, uint64_t size_bytes)
{
    struct udxg_soft_allocation soft = soft_buffer(size_bytes);
    soft.preferred[0] = UDXG_SOFT_SEGMENT_LOCAL;
    soft.flags = UDXG_SOFT_ONLY_PREFERRED;
    return create_allocation(device, &soft);
}

/* The system memory behind local/2 and more is only charged, never touched, and given back after each case. */
static void over_budget(void)
{
    D3DKMT_HANDLE adapter = open_adapter();
    D3DKMT_HANDLE device = create_device(adapter);
    struct paging_queue queue = create_paging_queue(device);
    uint64_t local = soft_info(adapter).local_bytes;
    udxg_case("refused as a whole, with the bytes to trim") {
        uint64_t budget = memory_info(adapter, D3DKMT_MEMORY_SEGMENT_GROUP_LOCAL).Budget;
        require_true(budget > 0 && budget <= local);
        D3DKMT_HANDLE list[3];
        list[0] = create_local(device, MIB(1));
        list[1] = create_local(device, local / 2);
        list[2] = create_local(device, local / 2);
        D3DDDI_MAKERESIDENT args;
        check_status(STATUS_NO_MEMORY, make_list(&queue, &args, list, 3));
        check_u64(0, args.NumAllocations);
        check_u64(MIB(1) + local - budget, args.NumBytesToTrim);
        for (int i = 0; i < 3; i++) check_status(STATUS_INVALID_PARAMETER, evict(device, list[i]));
        check_u64(0, memory_info(adapter, D3DKMT_MEMORY_SEGMENT_GROUP_LOCAL).CurrentUsage);
        /* What fits is still welcome. */
        check_done(&queue, &args, make_list(&queue, &args, list, 1));
        check_status(STATUS_SUCCESS, evict(device, list[0]));
        for (int i = 0; i < 3; i++) check_status(STATUS_SUCCESS, destroy_allocation(device, list[i]));
    }
    udxg_case("what is resident counts, and may be made resident again") {
        uint64_t budget = memory_info(adapter, D3DKMT_MEMORY_SEGMENT_GROUP_LOCAL).Budget;
        D3DKMT_HANDLE small = create_local(device, MIB(2));
        D3DKMT_HANDLE large = create_local(device, local);
        D3DDDI_MAKERESIDENT args;
        make_resident(&queue, small);
        check_status(STATUS_NO_MEMORY, make_list(&queue, &args, &large, 1));
        check_u64(MIB(2) + local - budget, args.NumBytesToTrim);
        check_status(STATUS_SUCCESS, try_make_resident(&queue, small));
        check_status(STATUS_SUCCESS, evict(device, small));
        check_status(STATUS_SUCCESS, evict(device, small));
        check_status(STATUS_SUCCESS, destroy_allocation(device, large));
    }
    udxg_case("CantTrimFurther fails above the maximum budget, too") {
        D3DKMT_HANDLE list[2] = {create_local(device, MIB(1)), create_local(device, local)};
        D3DDDI_MAKERESIDENT args = {0};
        args.hPagingQueue = queue.handle;
        args.NumAllocations = 2;
        args.AllocationList = list;
        args.Flags.CantTrimFurther = 1;
        check_status(STATUS_NO_MEMORY, D3DKMTMakeResident(&args));
        check_u64(D3DKMT_DEVICEEXECUTION_ACTIVE, execution_state(device));
        check_status(STATUS_INVALID_PARAMETER, evict(device, list[0]));
        check_status(STATUS_SUCCESS, destroy_allocation(device, list[1]));
    }
    udxg_case("MustSucceed that fails puts the device in error") {
        D3DKMT_HANDLE victim = create_device(adapter);
        struct paging_queue victims = create_paging_queue(victim);
        D3DKMT_HANDLE list[2] = {create_local(victim, MIB(1)), create_local(victim, local)};
        D3DDDI_MAKERESIDENT args = {0};
        args.hPagingQueue = victims.handle;
        args.NumAllocations = 2;
        args.AllocationList = list;
        args.Flags.CantTrimFurther = 1;
        args.Flags.MustSucceed = 1;
        check_status(STATUS_NO_MEMORY, D3DKMTMakeResident(&args));
        check_u64(D3DKMT_DEVICEEXECUTION_ERROR_OUTOFMEMORY, execution_state(victim));
        check_u64(D3DKMT_DEVICEEXECUTION_ACTIVE, execution_state(device));
    }
}

int main(int argc, char **argv)
{
    static const struct udxg_test tests[] = {
        {"queue/create", ON_EACH, queue_create},          {"queue/destroy", ON_DISCRETE, queue_destroy},
        {"make/argument", ON_DISCRETE, make_arguments},   {"counted", ON_EACH, counted},
        {"evict/argument", ON_DISCRETE, evict_arguments}, {"budget", ON_DISCRETE, over_budget},
    };
    return conformance_main(argc, argv, tests, LENGTH_OF(tests));
}
