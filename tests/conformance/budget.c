/* SPDX-License-Identifier: MIT */
/* Budgets and reservations of a process that is alone on an adapter. */
#include "fixture.h"

#define LOCAL D3DKMT_MEMORY_SEGMENT_GROUP_LOCAL
#define NON_LOCAL D3DKMT_MEMORY_SEGMENT_GROUP_NON_LOCAL

static NTSTATUS reserve(D3DKMT_HANDLE adapter, D3DKMT_MEMORY_SEGMENT_GROUP group, UINT64 bytes)
{
    D3DKMT_CHANGEVIDEOMEMORYRESERVATION args = {0};
    args.hAdapter = adapter;
    args.MemorySegmentGroup = group;
    args.Reservation = bytes;
    return D3DKMTChangeVideoMemoryReservation(&args);
}

/* What must hold at any time, alone and within budget. */
static D3DKMT_QUERYVIDEOMEMORYINFO checked_info(D3DKMT_HANDLE adapter, D3DKMT_MEMORY_SEGMENT_GROUP group)
{
    D3DKMT_QUERYVIDEOMEMORYINFO info = memory_info(adapter, group);
    check_true(info.Budget >= info.AvailableForReservation);
    check_true(info.Budget >= info.CurrentReservation);
    check_true(info.CurrentUsage <= info.Budget);
    return info;
}

static void usage(void)
{
    D3DKMT_HANDLE adapter = open_adapter();
    D3DKMT_HANDLE device = create_device(adapter);
    struct paging_queue queue = create_paging_queue(device);
    udxg_case("usage is what is resident, and does not change the own budget") {
        UINT64 budget = checked_info(adapter, LOCAL).Budget;
        D3DKMT_HANDLE list[3];
        for (int i = 0; i < 3; i++) list[i] = create_buffer(device, MIB(1) << i);
        check_u64(0, checked_info(adapter, LOCAL).CurrentUsage);
        for (int i = 0; i < 3; i++) make_resident(&queue, list[i]);
        check_u64(MIB(7), checked_info(adapter, LOCAL).CurrentUsage);
        make_resident(&queue, list[0]);
        check_u64(MIB(7), checked_info(adapter, LOCAL).CurrentUsage);
        check_u64(budget, checked_info(adapter, LOCAL).Budget);
        check_status(STATUS_SUCCESS, evict(device, list[0]));
        check_u64(MIB(7), checked_info(adapter, LOCAL).CurrentUsage);
        check_status(STATUS_SUCCESS, evict(device, list[0]));
        check_u64(MIB(6), checked_info(adapter, LOCAL).CurrentUsage);
        check_status(STATUS_SUCCESS, destroy_allocation(device, list[1]));
        check_status(STATUS_SUCCESS, evict(device, list[2]));
        check_u64(0, checked_info(adapter, LOCAL).CurrentUsage);
        check_u64(budget, checked_info(adapter, LOCAL).Budget);
    }
    udxg_case("devices of a process share its budget, and what they use goes with them") {
        D3DKMT_HANDLE other = create_device(adapter);
        struct paging_queue others = create_paging_queue(other);
        UINT64 budget = checked_info(adapter, LOCAL).Budget;
        make_resident(&others, create_buffer(other, MIB(3)));
        check_u64(MIB(3), checked_info(adapter, LOCAL).CurrentUsage);
        check_u64(budget, checked_info(adapter, LOCAL).Budget);
        D3DKMT_DESTROYDEVICE args = {other};
        check_status(STATUS_SUCCESS, D3DKMTDestroyDevice(&args));
        check_u64(0, checked_info(adapter, LOCAL).CurrentUsage);
    }
}

static void reservations(void)
{
    D3DKMT_HANDLE adapter = open_adapter();
    udxg_case("from nothing to what is available, and back") {
        D3DKMT_QUERYVIDEOMEMORYINFO before = checked_info(adapter, LOCAL);
        require_true(before.AvailableForReservation > 0);
        check_u64(0, before.CurrentReservation);
        const UINT64 good[] = {1, MIB(1), before.AvailableForReservation / 2, before.AvailableForReservation, 5, 0};
        for (size_t i = 0; i < LENGTH_OF(good); i++) {
            check_status(STATUS_SUCCESS, reserve(adapter, LOCAL, good[i]));
            D3DKMT_QUERYVIDEOMEMORYINFO info = checked_info(adapter, LOCAL);
            check_u64(good[i], info.CurrentReservation);
            check_u64(before.Budget, info.Budget);
            check_u64(before.AvailableForReservation, info.AvailableForReservation); /* the new value, not more */
        }
    }
    udxg_case("more than is available changes nothing") {
        UINT64 available = checked_info(adapter, LOCAL).AvailableForReservation;
        check_status(STATUS_SUCCESS, reserve(adapter, LOCAL, MIB(2)));
        check_status(STATUS_INVALID_PARAMETER, reserve(adapter, LOCAL, available + 1));
        check_status(STATUS_INVALID_PARAMETER, reserve(adapter, LOCAL, UINT64_MAX));
        check_u64(MIB(2), checked_info(adapter, LOCAL).CurrentReservation);
    }
    udxg_case("each group has its own") {
        UINT64 available = checked_info(adapter, NON_LOCAL).AvailableForReservation;
        check_status(STATUS_SUCCESS, reserve(adapter, LOCAL, MIB(2)));
        check_u64(0, checked_info(adapter, NON_LOCAL).CurrentReservation);
        check_status(STATUS_SUCCESS, reserve(adapter, NON_LOCAL, available));
        check_u64(available, checked_info(adapter, NON_LOCAL).CurrentReservation);
        check_u64(MIB(2), checked_info(adapter, LOCAL).CurrentReservation);
        check_status(STATUS_INVALID_PARAMETER, reserve(adapter, NON_LOCAL, available + 1));
    }
    udxg_case("wrong arguments change nothing") {
        check_status(STATUS_SUCCESS, reserve(adapter, LOCAL, MIB(2)));
        D3DKMT_CHANGEVIDEOMEMORYRESERVATION args = {0};
        check_status(STATUS_INVALID_PARAMETER, D3DKMTChangeVideoMemoryReservation(NULL));
        check_status(STATUS_INVALID_PARAMETER, D3DKMTChangeVideoMemoryReservation(&args));
        check_status(STATUS_INVALID_PARAMETER, reserve(BAD_HANDLE, LOCAL, MIB(1)));
        check_status(STATUS_INVALID_PARAMETER, reserve(adapter, (D3DKMT_MEMORY_SEGMENT_GROUP)2, MIB(1)));
        args.hAdapter = adapter;
        args.PhysicalAdapterIndex = 1;
        check_status(STATUS_INVALID_PARAMETER, D3DKMTChangeVideoMemoryReservation(&args));
        args.PhysicalAdapterIndex = 0;
        args.hProcess = (HANDLE)(uintptr_t)0xdeadbeef;
        check_status(STATUS_INVALID_HANDLE, D3DKMTChangeVideoMemoryReservation(&args));
        check_u64(MIB(2), checked_info(adapter, LOCAL).CurrentReservation);
    }
    udxg_case("it outlives the adapter's handle") {
        check_status(STATUS_SUCCESS, reserve(adapter, LOCAL, MIB(4)));
        D3DKMT_CLOSEADAPTER args = {adapter};
        check_status(STATUS_SUCCESS, D3DKMTCloseAdapter(&args));
        check_u64(MIB(4), checked_info(open_adapter(), LOCAL).CurrentReservation);
    }
}

int main(int argc, char **argv)
{
    static const struct udxg_test tests[] = {
        {"usage", ON_EACH, usage},
        {"reservations", ON_EACH, reservations},
    };
    return conformance_main(argc, argv, tests, LENGTH_OF(tests));
}
