/* SPDX-License-Identifier: MIT */
/* GPU virtual addresses: Reserve, Map and Free, what they take, where they put things, and how they meet. */
#include "fixture.h"

#define GRANULE KIB(64) /* of reservations */

/* A corner of the address space that nothing takes by itself: each case has 16 MiB of its own. */
static UINT64 own_base(unsigned slot)
{
    return (1ull << 40) + MIB(16) * slot;
}

static NTSTATUS reserve(D3DKMT_HANDLE adapter, UINT64 base, UINT64 size_bytes)
{
    D3DDDI_RESERVEGPUVIRTUALADDRESS args = {0};
    args.hAdapter = adapter;
    args.BaseAddress = base;
    args.Size = size_bytes;
    return D3DKMTReserveGpuVirtualAddress(&args);
}

static NTSTATUS release(D3DKMT_HANDLE adapter, UINT64 base, UINT64 size_bytes)
{
    D3DKMT_FREEGPUVIRTUALADDRESS args = {0};
    args.hAdapter = adapter;
    args.BaseAddress = base;
    args.Size = size_bytes;
    return D3DKMTFreeGpuVirtualAddress(&args);
}

/* Zero (4) or NoAccess (8) at BASE. */
static NTSTATUS map_nothing(const struct paging_queue *queue, UINT64 base, UINT64 pages, UINT64 protection)
{
    D3DDDI_MAPGPUVIRTUALADDRESS args = {0};
    args.hPagingQueue = queue->handle;
    args.BaseAddress = base;
    args.SizeInPages = pages;
    args.Protection.Value = protection;
    NTSTATUS status = D3DKMTMapGpuVirtualAddress(&args);
    if (status == STATUS_PENDING) {
        wait_paging(queue, args.PagingFenceValue);
        status = STATUS_SUCCESS;
    }
    return status;
}

enum { PROTECT_WRITE = 1, PROTECT_EXECUTE = 2, PROTECT_ZERO = 4, PROTECT_NO_ACCESS = 8, PROTECT_SYSTEM = 16 };

/* -------------------------------------------------------------------------------------------- reservations */

static void reserve_arguments(void)
{
    D3DKMT_HANDLE adapter = open_adapter();
    D3DKMT_HANDLE device = create_device(adapter);
    struct paging_queue queue = create_paging_queue(device);
    UINT64 end = 1ull << gpu_va_bits(adapter);

    udxg_case("NULL") {
        check_status(STATUS_INVALID_PARAMETER, D3DKMTReserveGpuVirtualAddress(NULL));
    }
    const struct {
        const char *name;
        D3DKMT_HANDLE handle;
        UINT64 base, size;
        int type;
    } bad[] = {
        {"zeroed", 0, 0, 0, 0},
        {"handle 0", 0, own_base(0), GRANULE, 0},
        {"no handle", BAD_HANDLE, own_base(0), GRANULE, 0},
        {"a device", device, own_base(0), GRANULE, 0},
        {"size 0", adapter, own_base(0), 0, 0},
        {"size one page", adapter, own_base(0), PAGE_BYTES, 0},
        {"size 64 KiB and one page", adapter, own_base(0), GRANULE + PAGE_BYTES, 0},
        {"base not at 64 KiB", adapter, own_base(0) + PAGE_BYTES, GRANULE, 0},
        {"base at the end of the space", adapter, end, GRANULE, 0},
        {"over the end of the space", adapter, end - GRANULE, 2 * GRANULE, 0},
        {"wraps around", adapter, own_base(0), ~(UINT64)0 & ~(GRANULE - 1), 0},
        {"type NO_COMMIT, of the system", adapter, own_base(0), GRANULE, 2},
        {"type 3", adapter, own_base(0), GRANULE, 3},
    };
    for (size_t i = 0; i < LENGTH_OF(bad); i++) {
        udxg_case("%s", bad[i].name) {
            D3DDDI_RESERVEGPUVIRTUALADDRESS args = {0};
            args.hAdapter = bad[i].handle;
            args.BaseAddress = bad[i].base;
            args.Size = bad[i].size;
            args.ReservationType = (D3DDDIGPUVIRTUALADDRESS_RESERVATION_TYPE)bad[i].type;
            args.VirtualAddress = args.PagingFenceValue = SENTINEL64;
            check_status(STATUS_INVALID_PARAMETER, D3DKMTReserveGpuVirtualAddress(&args));
            check_u64(SENTINEL64, args.VirtualAddress);
            check_u64(SENTINEL64, args.PagingFenceValue);
            /* Nothing stays behind. */
            check_status(STATUS_SUCCESS, reserve(adapter, own_base(0), GRANULE));
            check_status(STATUS_SUCCESS, release(adapter, own_base(0), GRANULE));
        }
    }

    const struct {
        const char *name;
        bool by_queue;
        UINT64 base, minimum, maximum, size;
        int type;
    } good[] = {
        {"anywhere", false, 0, 0, 0, GRANULE, 0},
        {"anywhere, by the paging queue", true, 0, 0, 0, GRANULE, 0},
        {"anywhere, ZERO", false, 0, 0, 0, GRANULE, 1},
        {"fixed", false, own_base(1), 0, 0, MIB(1), 0},
        {"fixed, by the paging queue", true, own_base(1), 0, 0, MIB(1), 0},
        {"fixed: minimum and maximum are ignored", false, own_base(1), MIB(2), MIB(3), MIB(1), 0},
        {"minimum alone", false, 0, own_base(2), 0, MIB(1), 0},
        {"maximum alone", false, 0, 0, own_base(2), MIB(1), 0},
        {"between minimum and maximum", false, 0, own_base(3), own_base(4), MIB(1), 0},
        {"between minimum and maximum, exactly", false, 0, own_base(3), own_base(3) + MIB(1), MIB(1), 0},
        {"in the upper half of the space", false, end / 2 + MIB(1), 0, 0, MIB(1), 0},
    };
    for (size_t i = 0; i < LENGTH_OF(good); i++) {
        udxg_case("%s", good[i].name) {
            D3DDDI_RESERVEGPUVIRTUALADDRESS args = {0};
            if (good[i].by_queue)
                args.hPagingQueue = queue.handle;
            else
                args.hAdapter = adapter;
            args.BaseAddress = good[i].base;
            args.MinimumAddress = good[i].minimum;
            args.MaximumAddress = good[i].maximum;
            args.Size = good[i].size;
            args.ReservationType = (D3DDDIGPUVIRTUALADDRESS_RESERVATION_TYPE)good[i].type;
            args.VirtualAddress = args.PagingFenceValue = SENTINEL64;
            NTSTATUS status = D3DKMTReserveGpuVirtualAddress(&args);
            require_true(status == STATUS_SUCCESS || status == STATUS_PENDING);
            if (status == STATUS_SUCCESS) check_u64(0, args.PagingFenceValue);
            check_true(args.VirtualAddress != 0);
            check_u64(0, args.VirtualAddress % GRANULE);
            check_true(args.VirtualAddress + args.Size <= end);
            if (good[i].base != 0) {
                check_u64(good[i].base, args.VirtualAddress);
            } else {
                check_true(args.VirtualAddress >= good[i].minimum);
                check_true(good[i].maximum == 0 || args.VirtualAddress + args.Size <= good[i].maximum);
            }
            check_status(STATUS_SUCCESS, release(adapter, args.VirtualAddress, args.Size));
        }
    }
    udxg_case("what does not fit between minimum and maximum fails") {
        D3DDDI_RESERVEGPUVIRTUALADDRESS args = {0};
        args.hAdapter = adapter;
        args.MinimumAddress = own_base(5);
        args.MaximumAddress = own_base(5) + MIB(1);
        args.Size = MIB(1) + GRANULE;
        args.VirtualAddress = SENTINEL64;
        check_true(D3DKMTReserveGpuVirtualAddress(&args) < 0);
        check_u64(SENTINEL64, args.VirtualAddress);
    }
    udxg_case("as Intel's runtime starts: nearly all of 47 bits at once, then maps inside") {
        require_true(end >= 1ull << 48);
        require_success(reserve(adapter, 0x200000, 0x7fffffe00000));
        UINT64 va = 0;
        D3DKMT_HANDLE allocation = create_buffer(device, KIB(64));
        uintptr_t cpu = (uintptr_t)lock(device, allocation);
        D3DDDI_MAPGPUVIRTUALADDRESS args = {0};
        args.hPagingQueue = queue.handle;
        args.BaseAddress = cpu;
        args.MaximumAddress = 0x7fffffffffff;
        args.hAllocation = allocation;
        args.SizeInPages = 16;
        args.Protection.Write = 1;
        NTSTATUS status = D3DKMTMapGpuVirtualAddress(&args);
        check_true(status == STATUS_SUCCESS || status == STATUS_PENDING);
        check_u64(cpu, args.VirtualAddress);
        /* Above the reservation there is room for what is not tied to a CPU address. */
        check_status(STATUS_SUCCESS, try_map(&queue, create_buffer(device, KIB(64)), 0, 16, &va));
        check_true(va >= 0x800000000000 || va < 0x200000);
    }
}

static void reserve_overlap(void)
{
    D3DKMT_HANDLE adapter = open_adapter();
    D3DKMT_HANDLE device = create_device(adapter);
    struct paging_queue queue = create_paging_queue(device);
    const UINT64 base = own_base(0) + MIB(4);
    const struct {
        const char *name;
        UINT64 base, size;
        NTSTATUS want;
    } rows[] = {
        {"the same", base, MIB(1), STATUS_INVALID_PARAMETER},
        {"inside", base + GRANULE, GRANULE, STATUS_INVALID_PARAMETER},
        {"around", base - MIB(1), MIB(3), STATUS_INVALID_PARAMETER},
        {"over its start", base - GRANULE, 2 * GRANULE, STATUS_INVALID_PARAMETER},
        {"over its end", base + MIB(1) - GRANULE, 2 * GRANULE, STATUS_INVALID_PARAMETER},
        {"right below", base - GRANULE, GRANULE, STATUS_SUCCESS},
        {"right above", base + MIB(1), GRANULE, STATUS_SUCCESS},
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        udxg_case("reservation on a reservation: %s", rows[i].name) {
            require_success(reserve(adapter, base, MIB(1)));
            check_status(rows[i].want, reserve(adapter, rows[i].base, rows[i].size));
            check_status(STATUS_SUCCESS, release(adapter, base, MIB(1)));
            if (rows[i].want == STATUS_SUCCESS)
                check_status(STATUS_SUCCESS, release(adapter, rows[i].base, rows[i].size));
        }
        udxg_case("reservation on a mapping: %s", rows[i].name) {
            D3DKMT_HANDLE allocation = create_buffer(device, MIB(1));
            require_success(try_map(&queue, allocation, base, MIB(1) / PAGE_BYTES, NULL));
            check_status(rows[i].want, reserve(adapter, rows[i].base, rows[i].size));
            check_status(STATUS_SUCCESS, release(adapter, base, MIB(1)));
            if (rows[i].want == STATUS_SUCCESS)
                check_status(STATUS_SUCCESS, release(adapter, rows[i].base, rows[i].size));
        }
    }
    udxg_case("one space for adapter handle, queue and second device") {
        D3DKMT_HANDLE second = create_device(adapter);
        struct paging_queue other = create_paging_queue(second);
        D3DDDI_RESERVEGPUVIRTUALADDRESS args = {0};
        args.hPagingQueue = queue.handle;
        args.BaseAddress = base;
        args.Size = MIB(1);
        require_success(D3DKMTReserveGpuVirtualAddress(&args));
        check_status(STATUS_INVALID_PARAMETER, reserve(adapter, base, MIB(1)));
        check_status(STATUS_SUCCESS, try_map(&other, create_buffer(second, KIB(64)), base, 16, NULL));
        check_status(STATUS_SUCCESS, release(open_adapter(), base, MIB(1)));
    }
    udxg_case("addresses chosen are never handed out twice") {
        UINT64 seen[64];
        for (size_t i = 0; i < LENGTH_OF(seen); i++) {
            D3DDDI_RESERVEGPUVIRTUALADDRESS args = {0};
            args.hAdapter = adapter;
            args.Size = GRANULE * (1 + i % 3);
            require_success(D3DKMTReserveGpuVirtualAddress(&args));
            seen[i] = args.VirtualAddress;
            for (size_t k = 0; k < i; k++)
                check_true(seen[i] + GRANULE * (1 + i % 3) <= seen[k] || seen[k] + GRANULE * (1 + k % 3) <= seen[i]);
        }
    }
}

/* ------------------------------------------------------------------------------------------------ mappings */

static void map_arguments(void)
{
    D3DKMT_HANDLE adapter = open_adapter();
    D3DKMT_HANDLE device = create_device(adapter);
    D3DKMT_HANDLE other = create_device(adapter);
    struct paging_queue queue = create_paging_queue(device);
    UINT64 end = 1ull << gpu_va_bits(adapter);
    D3DKMT_HANDLE good = create_buffer(device, KIB(64));
    D3DKMT_HANDLE dead = create_buffer(device, KIB(64));
    require_success(destroy_allocation(device, dead));

    udxg_case("NULL") {
        check_status(STATUS_INVALID_PARAMETER, D3DKMTMapGpuVirtualAddress(NULL));
    }
    const struct {
        const char *name;
        D3DKMT_HANDLE queue;
        UINT64 base;
        D3DKMT_HANDLE allocation;
        UINT64 offset, pages, protection;
    } bad[] = {
        {"zeroed", 0, 0, 0, 0, 0, 0},
        {"hPagingQueue 0", 0, own_base(0), good, 0, 16, PROTECT_WRITE},
        {"hPagingQueue is no handle", BAD_HANDLE, own_base(0), good, 0, 16, PROTECT_WRITE},
        {"hPagingQueue is an adapter", adapter, own_base(0), good, 0, 16, PROTECT_WRITE},
        {"hPagingQueue is a device", device, own_base(0), good, 0, 16, PROTECT_WRITE},
        {"no allocation", queue.handle, own_base(0), 0, 0, 16, PROTECT_WRITE},
        {"hAllocation is no handle", queue.handle, own_base(0), BAD_HANDLE, 0, 16, PROTECT_WRITE},
        {"hAllocation is a device", queue.handle, own_base(0), device, 0, 16, PROTECT_WRITE},
        {"hAllocation is a resource", queue.handle, own_base(0), create_resource(device, 1, false, NULL), 0, 16,
         PROTECT_WRITE},
        {"hAllocation was destroyed", queue.handle, own_base(0), dead, 0, 16, PROTECT_WRITE},
        {"hAllocation is of another device", queue.handle, own_base(0), create_buffer(other, KIB(64)), 0, 16,
         PROTECT_WRITE},
        {"allocation and Zero", queue.handle, own_base(0), good, 0, 16, PROTECT_ZERO},
        {"allocation and NoAccess", queue.handle, own_base(0), good, 0, 16, PROTECT_NO_ACCESS},
        {"Zero and NoAccess", queue.handle, own_base(0), 0, 0, 16, PROTECT_ZERO | PROTECT_NO_ACCESS},
        {"SystemUseOnly", queue.handle, own_base(0), good, 0, 16, PROTECT_SYSTEM},
        {"lowest reserved protection", queue.handle, own_base(0), good, 0, 16, 0x20},
        {"highest reserved protection", queue.handle, own_base(0), good, 0, 16, 1ull << 63},
        {"size 0", queue.handle, own_base(0), good, 0, 0, PROTECT_WRITE},
        {"one page more than the allocation", queue.handle, own_base(0), good, 0, 17, PROTECT_WRITE},
        {"offset and size beyond the allocation", queue.handle, own_base(0), good, 15, 2, PROTECT_WRITE},
        {"offset at the end of the allocation", queue.handle, own_base(0), good, 16, 1, PROTECT_WRITE},
        {"offset that wraps in bytes", queue.handle, own_base(0), good, 1ull << 52, 1, PROTECT_WRITE},
        {"offset that wraps with the size", queue.handle, own_base(0), good, ~(UINT64)0, 1, PROTECT_WRITE},
        {"size that wraps in bytes", queue.handle, own_base(0), good, 0, (1ull << 52) + 1, PROTECT_WRITE},
        {"base not at a page", queue.handle, own_base(0) + 64, good, 0, 15, PROTECT_WRITE},
        {"base at the end of the space", queue.handle, end, good, 0, 16, PROTECT_WRITE},
        {"over the end of the space", queue.handle, end - PAGE_BYTES, good, 0, 2, PROTECT_WRITE},
    };
    for (size_t i = 0; i < LENGTH_OF(bad); i++) {
        udxg_case("%s", bad[i].name) {
            D3DDDI_MAPGPUVIRTUALADDRESS args = {0};
            args.hPagingQueue = bad[i].queue;
            args.BaseAddress = bad[i].base;
            args.hAllocation = bad[i].allocation;
            args.OffsetInPages = bad[i].offset;
            args.SizeInPages = bad[i].pages;
            args.Protection.Value = bad[i].protection;
            args.VirtualAddress = args.PagingFenceValue = SENTINEL64;
            check_status(STATUS_INVALID_PARAMETER, D3DKMTMapGpuVirtualAddress(&args));
            check_u64(SENTINEL64, args.VirtualAddress);
            check_u64(SENTINEL64, args.PagingFenceValue);
            check_status(STATUS_SUCCESS, reserve(adapter, own_base(0), GRANULE));
            check_status(STATUS_SUCCESS, release(adapter, own_base(0), GRANULE));
        }
    }

    const struct {
        const char *name;
        UINT64 base, minimum, maximum;
        bool allocation;
        UINT64 offset, pages, protection;
    } rows[] = {
        {"anywhere", 0, 0, 0, true, 0, 16, PROTECT_WRITE},
        {"anywhere, read only", 0, 0, 0, true, 0, 16, 0},
        {"anywhere, Execute", 0, 0, 0, true, 0, 16, PROTECT_EXECUTE},
        {"anywhere, the last page", 0, 0, 0, true, 15, 1, PROTECT_WRITE},
        {"anywhere, Zero", 0, 0, 0, false, 0, 16, PROTECT_ZERO},
        {"anywhere, NoAccess", 0, 0, 0, false, 0, 16, PROTECT_NO_ACCESS},
        {"fixed at a page that is not at 64 KiB", own_base(1) + PAGE_BYTES, 0, 0, true, 0, 16, PROTECT_WRITE},
        {"fixed: minimum and maximum are ignored", own_base(1), MIB(1), MIB(2), true, 0, 16, PROTECT_WRITE},
        {"minimum alone", 0, own_base(2), 0, true, 0, 16, PROTECT_WRITE},
        {"maximum alone", 0, 0, own_base(2), true, 0, 16, PROTECT_WRITE},
        {"between, 64 KiB exactly", 0, own_base(3), own_base(3) + KIB(64), true, 0, 16, PROTECT_WRITE},
        {"Intel's 32-bit heap: the maximum is the last byte", 0, 0x800100100000, 0x8001ffffffff, true, 0, 16,
         PROTECT_WRITE},
        {"Intel's standard heap", 0, 0x810400010000, 0, true, 0, 16, PROTECT_WRITE},
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        udxg_case("%s", rows[i].name) {
            D3DDDI_MAPGPUVIRTUALADDRESS args = {0};
            args.hPagingQueue = queue.handle;
            args.BaseAddress = rows[i].base;
            args.MinimumAddress = rows[i].minimum;
            args.MaximumAddress = rows[i].maximum;
            args.hAllocation = rows[i].allocation ? good : 0;
            args.OffsetInPages = rows[i].offset;
            args.SizeInPages = rows[i].pages;
            args.Protection.Value = rows[i].protection;
            args.VirtualAddress = args.PagingFenceValue = SENTINEL64;
            NTSTATUS status = D3DKMTMapGpuVirtualAddress(&args);
            require_true(status == STATUS_SUCCESS || status == STATUS_PENDING);
            check_true((status == STATUS_SUCCESS) == (args.PagingFenceValue == 0));
            if (status == STATUS_PENDING) wait_paging(&queue, args.PagingFenceValue);
            UINT64 size_bytes = args.SizeInPages * PAGE_BYTES;
            check_true(args.VirtualAddress != 0);
            check_u64(0, args.VirtualAddress % PAGE_BYTES);
            if (rows[i].base != 0) {
                check_u64(rows[i].base, args.VirtualAddress);
            } else {
                check_true(args.VirtualAddress >= rows[i].minimum);
                check_true(rows[i].maximum == 0 || args.VirtualAddress + size_bytes <= rows[i].maximum + 1);
            }
            check_status(STATUS_SUCCESS, release(adapter, args.VirtualAddress, size_bytes));
        }
    }
    udxg_case("what does not fit between minimum and maximum fails") {
        D3DDDI_MAPGPUVIRTUALADDRESS args = {0};
        args.hPagingQueue = queue.handle;
        args.MinimumAddress = own_base(5);
        args.MaximumAddress = own_base(5) + KIB(32);
        args.hAllocation = good;
        args.SizeInPages = 16;
        args.Protection.Write = 1;
        args.VirtualAddress = SENTINEL64;
        check_true(D3DKMTMapGpuVirtualAddress(&args) < 0);
        check_u64(SENTINEL64, args.VirtualAddress);
    }
    udxg_case("one allocation at several addresses") {
        UINT64 first = map(&queue, good, KIB(64));
        UINT64 second = map(&queue, good, KIB(64));
        check_true(first + KIB(64) <= second || second + KIB(64) <= first);
    }
}

/* Which targets a mapping may have: all free, or inside one range from Reserve or from Map. */
static void map_targets(void)
{
    D3DKMT_HANDLE adapter = open_adapter();
    D3DKMT_HANDLE device = create_device(adapter);
    struct paging_queue queue = create_paging_queue(device);
    D3DKMT_HANDLE allocation = create_buffer(device, MIB(1));
    /* 1 MiB reserved at R, 1 MiB mapped at M, free around both. */
    const UINT64 r = own_base(0) + MIB(4), m = own_base(0) + MIB(8);
    const UINT64 pages = MIB(1) / PAGE_BYTES;
    const struct {
        const char *name;
        UINT64 base, pages, protection;
        NTSTATUS want;
    } rows[] = {
        {"allocation into free", own_base(0), 16, PROTECT_WRITE, STATUS_SUCCESS},
        {"allocation into a reservation", r + KIB(64), 16, PROTECT_WRITE, STATUS_SUCCESS},
        {"allocation over a whole reservation", r, pages, PROTECT_WRITE, STATUS_SUCCESS},
        {"allocation over the start of a reservation", r - KIB(32), 16, PROTECT_WRITE, STATUS_INVALID_PARAMETER},
        {"allocation over the end of a reservation", r + MIB(1) - KIB(32), 16, PROTECT_WRITE, STATUS_INVALID_PARAMETER},
        {"allocation into a mapping", m + KIB(64), 16, PROTECT_WRITE, STATUS_SUCCESS},
        {"allocation over the start of a mapping", m - KIB(32), 16, PROTECT_WRITE, STATUS_INVALID_PARAMETER},
        {"allocation over the end of a mapping", m + MIB(1) - KIB(32), 16, PROTECT_WRITE, STATUS_INVALID_PARAMETER},
        {"Zero into free", own_base(0), 16, PROTECT_ZERO, STATUS_SUCCESS},
        {"Zero into a reservation", r + KIB(64), 16, PROTECT_ZERO, STATUS_SUCCESS},
        {"Zero into a mapping", m + KIB(64), 16, PROTECT_ZERO, STATUS_INVALID_PARAMETER},
        {"NoAccess into free", own_base(0), 16, PROTECT_NO_ACCESS, STATUS_SUCCESS},
        {"NoAccess into a reservation", r + KIB(64), 16, PROTECT_NO_ACCESS, STATUS_SUCCESS},
        {"NoAccess into a mapping", m + KIB(64), 16, PROTECT_NO_ACCESS, STATUS_INVALID_PARAMETER},
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        udxg_case("%s", rows[i].name) {
            require_success(reserve(adapter, r, MIB(1)));
            require_success(try_map(&queue, allocation, m, pages, NULL));
            UINT64 va = rows[i].base;
            if (rows[i].protection == PROTECT_WRITE)
                check_status(rows[i].want, try_map(&queue, allocation, rows[i].base, rows[i].pages, &va));
            else
                check_status(rows[i].want, map_nothing(&queue, rows[i].base, rows[i].pages, rows[i].protection));
            check_u64(rows[i].base, va);
            check_status(STATUS_SUCCESS, release(adapter, r, MIB(1)));
            check_status(STATUS_SUCCESS, release(adapter, m, MIB(1)));
            if (rows[i].base == own_base(0)) check_status(STATUS_SUCCESS, release(adapter, own_base(0), KIB(64)));
            /* All of it is free again. */
            check_status(STATUS_SUCCESS, reserve(adapter, own_base(0), MIB(16)));
            check_status(STATUS_SUCCESS, release(adapter, own_base(0), MIB(16)));
        }
    }
    udxg_case("unmapping as AMD's runtime does: NoAccess over a mapping inside a reservation") {
        require_success(reserve(adapter, r, MIB(1)));
        require_success(try_map(&queue, allocation, r + KIB(64), 32, NULL));
        check_status(STATUS_SUCCESS, map_nothing(&queue, r + KIB(64), 32, PROTECT_NO_ACCESS));
        check_status(STATUS_SUCCESS, try_map(&queue, allocation, r + KIB(64), 16, NULL));
        check_status(STATUS_SUCCESS, release(adapter, r, MIB(1)));
    }
    udxg_case("a destroyed allocation leaves its reservation") {
        D3DKMT_HANDLE shortlived = create_buffer(device, KIB(64));
        require_success(reserve(adapter, r, MIB(1)));
        require_success(try_map(&queue, shortlived, r + KIB(64), 16, NULL));
        require_success(destroy_allocation(device, shortlived));
        check_status(STATUS_INVALID_PARAMETER, reserve(adapter, r + KIB(64), KIB(64)));
        check_status(STATUS_SUCCESS, try_map(&queue, allocation, r + KIB(64), 16, NULL));
        check_status(STATUS_SUCCESS, release(adapter, r, MIB(1)));
    }
    udxg_case("a destroyed allocation frees addresses that were not reserved") {
        D3DKMT_HANDLE shortlived = create_buffer(device, KIB(64));
        require_success(try_map(&queue, shortlived, m, 16, NULL));
        require_success(destroy_allocation(device, shortlived));
        check_status(STATUS_SUCCESS, reserve(adapter, m, KIB(64)));
        check_status(STATUS_SUCCESS, release(adapter, m, KIB(64)));
    }
}

/* ------------------------------------------------------------------------------------------------- freeing */

static void free_arguments(void)
{
    D3DKMT_HANDLE adapter = open_adapter();
    D3DKMT_HANDLE device = create_device(adapter);
    struct paging_queue queue = create_paging_queue(device);
    const UINT64 base = own_base(0);

    udxg_case("NULL") {
        check_status(STATUS_INVALID_PARAMETER, D3DKMTFreeGpuVirtualAddress(NULL));
    }
    const struct {
        const char *name;
        D3DKMT_HANDLE adapter;
        UINT64 base, size;
    } rows[] = {
        {"zeroed", 0, 0, 0},
        {"hAdapter is no handle", BAD_HANDLE, base, MIB(1)},
        {"hAdapter is a device", device, base, MIB(1)},
        {"base not at a page", adapter, base + 64, MIB(1)},
        {"size 0", adapter, base, 0},
        {"size not in pages", adapter, base, MIB(1) - 64},
        {"wraps around", adapter, base, ~(UINT64)0 & ~(PAGE_BYTES - 1)},
        {"nothing is there", adapter, base + MIB(4), MIB(1)},
        {"beyond the space", adapter, 1ull << 60, MIB(1)},
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        udxg_case("%s", rows[i].name) {
            require_success(reserve(adapter, base, MIB(1)));
            check_status(STATUS_INVALID_PARAMETER, release(rows[i].adapter, rows[i].base, rows[i].size));
            check_status(STATUS_INVALID_PARAMETER, reserve(adapter, base, MIB(1)));
            check_status(STATUS_SUCCESS, release(adapter, base, MIB(1)));
        }
    }
    udxg_case("twice") {
        require_success(reserve(adapter, base, MIB(1)));
        check_status(STATUS_SUCCESS, release(adapter, base, MIB(1)));
        check_status(STATUS_INVALID_PARAMETER, release(adapter, base, MIB(1)));
    }
    udxg_case("a mapping, then the range at once for another") {
        D3DKMT_HANDLE first = create_buffer(device, KIB(64)), second = create_buffer(device, KIB(64));
        require_success(try_map(&queue, first, base, 16, NULL));
        check_status(STATUS_SUCCESS, release(adapter, base, KIB(64)));
        check_status(STATUS_SUCCESS, try_map(&queue, second, base, 16, NULL));
        /* The end of the first no longer matters to the range. */
        require_success(destroy_allocation(device, first));
        check_status(STATUS_INVALID_PARAMETER, reserve(adapter, base, KIB(64)));
        require_success(destroy_allocation(device, second));
    }
    udxg_case("a reservation with mappings inside") {
        D3DKMT_HANDLE allocation = create_buffer(device, KIB(64));
        require_success(reserve(adapter, base, MIB(1)));
        require_success(try_map(&queue, allocation, base, 16, NULL));
        require_success(try_map(&queue, allocation, base + KIB(512), 8, NULL));
        check_status(STATUS_SUCCESS, release(adapter, base, MIB(1)));
        check_status(STATUS_SUCCESS, reserve(adapter, base, MIB(1)));
        require_success(destroy_allocation(device, allocation));
        check_status(STATUS_INVALID_PARAMETER, reserve(adapter, base, MIB(1)));
    }
}

/* ------------------------------------------------------------------------------------- what engines find */

/* The first word that an engine reads at VA. */
static uint32_t peek(struct gpu *gpu, const struct gpu_buffer *result, UINT64 va)
{
    struct udxg_soft_copy copy = udxg_soft_copy_command(result->va, va, PAGE_BYTES);
    require_success(submit(gpu, &copy, sizeof(copy)));
    gpu_finish(gpu);
    require_u64(D3DKMT_DEVICEEXECUTION_ACTIVE, execution_state(gpu->device));
    uint32_t word = *(const uint32_t *)lock(gpu->device, result->allocation);
    require_success(unlock(gpu->device, result->allocation));
    return word;
}

static void poke(struct gpu *gpu, UINT64 va, uint32_t word)
{
    struct udxg_soft_fill fill = udxg_soft_fill_command(va, PAGE_BYTES, word);
    require_success(submit(gpu, &fill, sizeof(fill)));
    gpu_finish(gpu);
    require_u64(D3DKMT_DEVICEEXECUTION_ACTIVE, execution_state(gpu->device));
}

static void reserve_zeros(D3DKMT_HANDLE adapter, UINT64 base)
{
    D3DDDI_RESERVEGPUVIRTUALADDRESS args = {0};
    args.hAdapter = adapter;
    args.BaseAddress = base;
    args.Size = MIB(1);
    args.ReservationType = D3DDDIGPUVIRTUALADDRESS_RESERVE_ZERO;
    require_success(D3DKMTReserveGpuVirtualAddress(&args));
}

/* Each case has a base of its own, because the space is one for all. */
static void engines_find(void)
{
    struct gpu gpu;
    gpu_open(&gpu);
    struct gpu_buffer result = create_gpu_buffer(&gpu, PAGE_BYTES);
    struct gpu_buffer buffer = create_gpu_buffer(&gpu, KIB(64));

    udxg_case("a ZERO reservation reads zero and drops writes") {
        reserve_zeros(gpu.adapter, own_base(0));
        poke(&gpu, own_base(0) + KIB(64), 7);
        check_u64(0, peek(&gpu, &result, own_base(0) + KIB(64)));
    }
    udxg_case("one allocation at two addresses is one memory") {
        UINT64 second = map(&gpu.queue, buffer.allocation, KIB(64));
        poke(&gpu, buffer.va + PAGE_BYTES, 8);
        check_u64(8, peek(&gpu, &result, second + PAGE_BYTES));
        check_status(STATUS_SUCCESS, release(gpu.adapter, second, KIB(64)));
        check_u64(8, peek(&gpu, &result, buffer.va + PAGE_BYTES));
    }
    udxg_case("freeing a part of what is mapped in a reservation shows the reservation there") {
        reserve_zeros(gpu.adapter, own_base(1));
        require_success(try_map(&gpu.queue, buffer.allocation, own_base(1), 16, NULL));
        for (unsigned i = 0; i < 3; i++) poke(&gpu, buffer.va + i * PAGE_BYTES, 10 + i);
        check_status(STATUS_SUCCESS, release(gpu.adapter, own_base(1) + PAGE_BYTES, PAGE_BYTES));
        check_u64(10, peek(&gpu, &result, own_base(1)));
        check_u64(0, peek(&gpu, &result, own_base(1) + PAGE_BYTES));
        check_u64(12, peek(&gpu, &result, own_base(1) + 2 * PAGE_BYTES));
    }
    udxg_case("so does the end of the allocation, over the part that it had") {
        struct gpu_buffer shortlived = create_gpu_buffer(&gpu, KIB(64));
        reserve_zeros(gpu.adapter, own_base(2));
        require_success(try_map(&gpu.queue, buffer.allocation, own_base(2), 16, NULL));
        require_success(try_map(&gpu.queue, shortlived.allocation, own_base(2) + PAGE_BYTES, 1, NULL));
        poke(&gpu, own_base(2) + PAGE_BYTES, 21);
        check_u64(21, peek(&gpu, &result, shortlived.va));
        require_success(destroy_allocation(gpu.device, shortlived.allocation));
        check_u64(0, peek(&gpu, &result, own_base(2) + PAGE_BYTES));
        poke(&gpu, buffer.va + 2 * PAGE_BYTES, 22);
        check_u64(22, peek(&gpu, &result, own_base(2) + 2 * PAGE_BYTES));
    }
    udxg_case("another device of the process finds the same") {
        struct gpu other;
        gpu_open_on(&other, gpu.adapter);
        struct gpu_buffer others = create_gpu_buffer(&other, PAGE_BYTES);
        poke(&gpu, buffer.va, 30);
        check_u64(30, peek(&other, &others, buffer.va));
        poke(&other, buffer.va, 31);
        check_u64(31, peek(&gpu, &result, buffer.va));
    }
    udxg_case("the space outlives the device that mapped, its mappings do not") {
        struct gpu other;
        gpu_open_on(&other, gpu.adapter);
        struct gpu_buffer others = create_gpu_buffer(&other, KIB(64));
        reserve_zeros(gpu.adapter, own_base(3));
        require_success(try_map(&other.queue, others.allocation, own_base(3), 16, NULL));
        poke(&gpu, own_base(3), 40);
        D3DKMT_DESTROYDEVICE destroy = {other.device};
        require_success(D3DKMTDestroyDevice(&destroy));
        check_u64(0, peek(&gpu, &result, own_base(3)));
        check_status(STATUS_INVALID_PARAMETER, reserve(gpu.adapter, own_base(3), GRANULE));
        check_status(STATUS_SUCCESS, reserve(gpu.adapter, others.va / GRANULE * GRANULE, GRANULE));
    }
}

int main(int argc, char **argv)
{
    static const struct udxg_test tests[] = {
        {"reserve", ON_EACH, reserve_arguments}, {"overlap", ON_DISCRETE, reserve_overlap},
        {"map", ON_EACH, map_arguments},         {"target", ON_DISCRETE, map_targets},
        {"free", ON_DISCRETE, free_arguments},   {"engines", ON_EACH, engines_find},
    };
    return conformance_main(argc, argv, tests, LENGTH_OF(tests));
}
