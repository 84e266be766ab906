/* SPDX-License-Identifier: MIT */
/*
 * UpdateGpuVirtualAddress: what it takes, when its operations run and what they do, how it follows a fence, and what
 * becomes of it when something it needs goes first.
 */
#include "fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#define GRANULE KIB(64) /* of reservations */
#define QUEUED_MOST 128 /* operations of a context; whoever queues more waits */

typedef D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION operation;
enum { PROTECT_WRITE = 1, PROTECT_EXECUTE = 2, PROTECT_ZERO = 4, PROTECT_NO_ACCESS = 8, PROTECT_SYSTEM = 16 };

static const UINT64 ZEROS = 1ull << 40;                    /* 1 MiB reserved, ZERO */
static const UINT64 NOTHING = (1ull << 40) + (1ull << 24); /* 1 MiB reserved, NO_ACCESS */
static const UINT64 UNUSED = (1ull << 40) + (1ull << 25);

/* ---------------------------------------------------------------------------------------------- the world */

struct bench {
    struct gpu gpu;
    struct fence fence;       /* of updates */
    struct gpu_buffer pool;   /* 16 pages; every word of page n is n + 1 */
    struct gpu_buffer result; /* where engines copy to what a test looks at */
    operation map_first;      /* page 0 of the pool to the start of ZEROS */
    operation map_second;     /* page 1 behind it */
    operation map_all;        /* the pool to the start of ZEROS */
};

static NTSTATUS reserve(D3DKMT_HANDLE adapter, UINT64 base, UINT64 size_bytes, int type)
{
    D3DDDI_RESERVEGPUVIRTUALADDRESS args = {0};
    args.hAdapter = adapter;
    args.BaseAddress = base;
    args.Size = size_bytes;
    args.ReservationType = (D3DDDIGPUVIRTUALADDRESS_RESERVATION_TYPE)type;
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

static void fill_pages(const struct bench *bench, D3DKMT_HANDLE allocation, uint32_t first)
{
    uint32_t *words = (uint32_t *)lock(bench->gpu.device, allocation);
    for (uint32_t i = 0; i < 16 * PAGE_BYTES / 4; i++) words[i] = first + i / (uint32_t)(PAGE_BYTES / 4);
    require_success(unlock(bench->gpu.device, allocation));
}

static operation op_map(UINT64 base, UINT64 pages, D3DKMT_HANDLE allocation, UINT64 offset_pages, UINT64 window_pages)
{
    operation op = {0};
    op.OperationType = D3DDDI_UPDATEGPUVIRTUALADDRESS_MAP;
    op.Map.BaseAddress = base;
    op.Map.SizeInBytes = pages * PAGE_BYTES;
    op.Map.hAllocation = allocation;
    op.Map.AllocationOffsetInBytes = offset_pages * PAGE_BYTES;
    op.Map.AllocationSizeInBytes = window_pages * PAGE_BYTES;
    return op;
}

/* For each case anew, but for the space, which is the process's: what an earlier case left there goes. */
static void bench_open(struct bench *bench)
{
    gpu_open(&bench->gpu);
    (void)release(bench->gpu.adapter, ZEROS, MIB(1));
    (void)release(bench->gpu.adapter, NOTHING, MIB(1));
    require_success(reserve(bench->gpu.adapter, ZEROS, MIB(1), 1));
    require_success(reserve(bench->gpu.adapter, NOTHING, MIB(1), 0));
    bench->fence = create_fence(bench->gpu.device, 0);
    bench->pool = create_gpu_buffer(&bench->gpu, KIB(64));
    bench->result = create_gpu_buffer(&bench->gpu, KIB(64));
    fill_pages(bench, bench->pool.allocation, 1);
    bench->map_first = op_map(ZEROS, 1, bench->pool.allocation, 0, 0);
    bench->map_second = op_map(ZEROS + PAGE_BYTES, 1, bench->pool.allocation, 1, 0);
    bench->map_all = op_map(ZEROS, 16, bench->pool.allocation, 0, 0);
}

static D3DKMT_UPDATEGPUVIRTUALADDRESS arguments(const struct bench *bench, UINT count, operation *operations,
                                                UINT64 fence_value)
{
    D3DKMT_UPDATEGPUVIRTUALADDRESS args = {0};
    args.hDevice = bench->gpu.device;
    args.hContext = bench->gpu.context;
    args.hFenceObject = bench->fence.handle;
    args.NumOperations = count;
    args.Operations = operations;
    args.FenceValue = fence_value;
    return args;
}

static NTSTATUS update(const struct bench *bench, UINT count, operation *operations, UINT64 fence_value)
{
    D3DKMT_UPDATEGPUVIRTUALADDRESS args = arguments(bench, count, operations, fence_value);
    return D3DKMTUpdateGpuVirtualAddress(&args);
}

static operation op_protect(UINT64 base, UINT64 pages, D3DKMT_HANDLE allocation, UINT64 protection)
{
    operation op = op_map(base, pages, allocation, 0, 0);
    op.OperationType = D3DDDI_UPDATEGPUVIRTUALADDRESS_MAP_PROTECT;
    op.MapProtect.Protection.Value = protection;
    return op;
}

static operation op_unmap(UINT64 base, UINT64 pages, UINT64 protection)
{
    operation op = {0};
    op.OperationType = D3DDDI_UPDATEGPUVIRTUALADDRESS_UNMAP;
    op.Unmap.BaseAddress = base;
    op.Unmap.SizeInBytes = pages * PAGE_BYTES;
    op.Unmap.Protection.Value = protection;
    return op;
}

static operation op_copy(UINT64 to, UINT64 from, UINT64 pages)
{
    operation op = {0};
    op.OperationType = D3DDDI_UPDATEGPUVIRTUALADDRESS_COPY;
    op.Copy.SourceAddress = from;
    op.Copy.DestAddress = to;
    op.Copy.SizeInBytes = pages * PAGE_BYTES;
    return op;
}

/* Does one operation now: the fence goes from its value to the next. */
static void update_now(const struct bench *bench, operation op)
{
    UINT64 value = *bench->fence.value;
    require_success(update(bench, 1, &op, value));
    require_success(wait_cpu(bench->gpu.device, bench->fence.handle, value + 1, -1));
}

/* What engines find in PAGES (at most 16) pages from VA on: the first word of each. */
static void peek(struct bench *bench, UINT64 va, unsigned pages, uint32_t *ret_words)
{
    struct udxg_soft_copy copy = udxg_soft_copy_command(bench->result.va, va, pages * PAGE_BYTES);
    require_success(submit(&bench->gpu, &copy, sizeof(copy)));
    gpu_finish(&bench->gpu);
    require_u64(D3DKMT_DEVICEEXECUTION_ACTIVE, execution_state(bench->gpu.device));
    const uint32_t *words = (const uint32_t *)lock(bench->gpu.device, bench->result.allocation);
    for (unsigned i = 0; i < pages; i++) ret_words[i] = words[i * PAGE_BYTES / 4];
    require_success(unlock(bench->gpu.device, bench->result.allocation));
}

static uint32_t peek_one(struct bench *bench, UINT64 va)
{
    uint32_t word = 0;
    peek(bench, va, 1, &word);
    return word;
}

/* Whether a read (or write) of an engine faults there. The device is lost when it does. */
static bool faults(struct bench *bench, UINT64 va, bool write)
{
    struct udxg_soft_copy copy = write ? udxg_soft_copy_command(va, bench->pool.va, PAGE_BYTES)
                                       : udxg_soft_copy_command(bench->result.va, va, PAGE_BYTES);
    require_success(submit(&bench->gpu, &copy, sizeof(copy)));
    D3DKMT_WAITFORIDLE idle = {0};
    idle.hDevice = bench->gpu.device;
    require_success(D3DKMTWaitForIdle(&idle));
    if (execution_state(bench->gpu.device) == D3DKMT_DEVICEEXECUTION_ACTIVE) return false;
    D3DKMT_GETDEVICESTATE state = {0};
    state.hDevice = bench->gpu.device;
    state.StateType = D3DKMT_DEVICESTATE_PAGE_FAULT;
    require_success(D3DKMTGetDeviceState(&state));
    return state.PageFaultState.FaultedVirtualAddress == va;
}

/* Long enough for what should not happen to happen. */
static void settle(void)
{
    usleep(20000);
}

static bool reaches(const struct fence *fence, UINT64 value)
{
    for (int i = 0; i < 5000 && *fence->value < value; i++) usleep(1000);
    return *fence->value >= value;
}

/* ---------------------------------------------------------------------------------------------- arguments */

static void call_arguments(void)
{
    struct bench bench;
    bench_open(&bench);
    D3DKMT_HANDLE other_device = create_device(bench.gpu.adapter);
    D3DKMT_HANDLE other_context = create_context(other_device, 0);
    struct fence dead = create_fence(bench.gpu.device, 0);
    D3DKMT_DESTROYSYNCHRONIZATIONOBJECT destroy = {dead.handle};
    require_success(D3DKMTDestroySynchronizationObject(&destroy));
    operation good = op_map(ZEROS, 1, bench.pool.allocation, 0, 0);

    udxg_case("NULL") {
        check_status(STATUS_INVALID_PARAMETER, D3DKMTUpdateGpuVirtualAddress(NULL));
    }
    const D3DKMT_UPDATEGPUVIRTUALADDRESS model = arguments(&bench, 1, &good, 0);
    struct {
        const char *name;
        D3DKMT_UPDATEGPUVIRTUALADDRESS args;
    } rows[] = {
        {"zeroed", {0}},
        {"hDevice 0", model},
        {"hDevice is an adapter", model},
        {"hDevice is another one", model},
        {"hContext 0", model},
        {"hContext is no handle", model},
        {"hContext is a device", model},
        {"hContext is of another device", model},
        {"hFenceObject 0", model},
        {"hFenceObject is a context", model},
        {"hFenceObject was destroyed", model},
        {"NumOperations 0", model},
        {"no Operations", model},
        {"NumOperations 0xffffffff", model},
        {"Reserved0", model},
        {"Reserved1", model},
        {"lowest reserved flag", model},
        {"highest reserved flag", model},
        {"no value comes after FenceValue", model},
    };
    size_t i = 1;
    rows[i++].args.hDevice = 0;
    rows[i++].args.hDevice = bench.gpu.adapter;
    rows[i++].args.hDevice = other_device;
    rows[i++].args.hContext = 0;
    rows[i++].args.hContext = BAD_HANDLE;
    rows[i++].args.hContext = bench.gpu.device;
    rows[i++].args.hContext = other_context;
    rows[i++].args.hFenceObject = 0;
    rows[i++].args.hFenceObject = bench.gpu.context;
    rows[i++].args.hFenceObject = dead.handle;
    rows[i++].args.NumOperations = 0;
    rows[i++].args.Operations = NULL;
    rows[i++].args.NumOperations = 0xffffffffu;
    rows[i++].args.Reserved0 = 1;
    rows[i++].args.Reserved1 = 1;
    rows[i++].args.Flags.Value = 2;
    rows[i++].args.Flags.Value = 0x80000000u;
    rows[i++].args.FenceValue = ~(UINT64)0;
    require_u64(LENGTH_OF(rows), i);
    for (i = 0; i < LENGTH_OF(rows); i++) {
        udxg_case("%s", rows[i].name) {
            check_status(STATUS_INVALID_PARAMETER, D3DKMTUpdateGpuVirtualAddress(&rows[i].args));
            settle();
            check_u64(0, *bench.fence.value);
            check_u64(0, peek_one(&bench, ZEROS));
        }
    }
    udxg_case("as it should be") {
        check_status(STATUS_SUCCESS, D3DKMTUpdateGpuVirtualAddress(&model));
        check_true(reaches(&bench.fence, 1));
        check_u64(1, *bench.fence.value);
        check_u64(1, peek_one(&bench, ZEROS));
    }
}

static D3DKMT_HANDLE create_fence_with(D3DKMT_HANDLE device, bool no_signal, bool no_wait)
{
    D3DKMT_CREATESYNCHRONIZATIONOBJECT2 args = {0};
    args.hDevice = device;
    args.Info.Type = D3DDDI_MONITORED_FENCE;
    args.Info.Flags.NoSignal = no_signal ? 1 : 0;
    args.Info.Flags.NoWait = no_wait ? 1 : 0;
    require_success(D3DKMTCreateSynchronizationObject2(&args));
    return args.hSyncObject;
}

static void fence_rights(void)
{
    struct bench bench;
    bench_open(&bench);
    operation good = op_map(ZEROS, 1, bench.pool.allocation, 0, 0);
    const struct {
        const char *name;
        bool no_signal, no_wait, do_not_wait;
        NTSTATUS want;
    } rows[] = {
        {"NoSignal", true, false, false, STATUS_ACCESS_DENIED},
        {"NoSignal, DoNotWait", true, false, true, STATUS_ACCESS_DENIED},
        {"NoWait", false, true, false, STATUS_ACCESS_DENIED},
        {"NoWait, DoNotWait", false, true, true, STATUS_SUCCESS},
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        udxg_case("fence with %s", rows[i].name) {
            D3DKMT_UPDATEGPUVIRTUALADDRESS args = arguments(&bench, 1, &good, 0);
            args.hFenceObject = create_fence_with(bench.gpu.device, rows[i].no_signal, rows[i].no_wait);
            args.Flags.DoNotWait = rows[i].do_not_wait ? 1 : 0;
            check_status(rows[i].want, D3DKMTUpdateGpuVirtualAddress(&args));
            settle();
            check_u64(rows[i].want == STATUS_SUCCESS ? 1 : 0, peek_one(&bench, ZEROS));
        }
    }
}

static void operation_arguments(void)
{
    struct bench bench;
    bench_open(&bench);
    D3DKMT_HANDLE pool = bench.pool.allocation;
    D3DKMT_HANDLE dead = create_buffer(bench.gpu.device, KIB(64));
    D3DKMT_HANDLE foreign = create_buffer(create_device(bench.gpu.adapter), KIB(64));
    require_success(destroy_allocation(bench.gpu.device, dead));
    operation wrong_type = op_map(ZEROS, 1, pool, 0, 0), half_page = wrong_type, half_offset = wrong_type;
    operation half_base = wrong_type, half_window = op_map(ZEROS, 2, pool, 0, 1);
    wrong_type.OperationType = (D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION_TYPE)4;
    half_page.Map.SizeInBytes += PAGE_BYTES / 2;
    half_offset.Map.AllocationOffsetInBytes = PAGE_BYTES / 2;
    half_base.Map.BaseAddress += PAGE_BYTES / 2;
    half_window.Map.AllocationSizeInBytes = PAGE_BYTES / 2;
    const struct {
        const char *name;
        operation op;
    } rows[] = {
        {"type 4", wrong_type},
        {"map: size 0", op_map(ZEROS, 0, pool, 0, 0)},
        {"map: size not in pages", half_page},
        {"map: offset not in pages", half_offset},
        {"map: base not at a page", half_base},
        {"map: window not in pages", half_window},
        {"map: no allocation", op_map(ZEROS, 1, 0, 0, 0)},
        {"map: hAllocation is a device", op_map(ZEROS, 1, bench.gpu.device, 0, 0)},
        {"map: hAllocation was destroyed", op_map(ZEROS, 1, dead, 0, 0)},
        {"map: hAllocation is of another device", op_map(ZEROS, 1, foreign, 0, 0)},
        {"map: beyond the allocation", op_map(ZEROS, 17, pool, 0, 0)},
        {"map: offset and size beyond the allocation", op_map(ZEROS, 2, pool, 15, 0)},
        {"map: offset and window beyond the allocation", op_map(ZEROS, 4, pool, 15, 2)},
        {"map: offset that wraps", op_map(ZEROS, 2, pool, (1ull << 52) - 1, 0)},
        {"map: window larger than the range", op_map(ZEROS, 2, pool, 0, 4)},
        {"map: range no multiple of the window", op_map(ZEROS, 5, pool, 0, 2)},
        {"map: outside of any reservation", op_map(UNUSED, 1, pool, 0, 0)},
        {"map: into what Map made", op_map(bench.result.va, 1, pool, 0, 0)},
        {"map: over the start of the reservation", op_map(ZEROS - PAGE_BYTES, 2, pool, 0, 0)},
        {"map: over the end of the reservation", op_map(ZEROS + MIB(1) - PAGE_BYTES, 2, pool, 0, 0)},
        {"map: size that wraps", op_map(ZEROS, (1ull << 52) - 1, pool, 0, 1)},
        {"map protected: no allocation", op_protect(ZEROS, 1, 0, PROTECT_WRITE)},
        {"map protected: allocation and Zero", op_protect(ZEROS, 1, pool, PROTECT_ZERO)},
        {"map protected: allocation and NoAccess", op_protect(ZEROS, 1, pool, PROTECT_NO_ACCESS)},
        {"map protected: Zero and NoAccess", op_protect(ZEROS, 1, 0, PROTECT_ZERO | PROTECT_NO_ACCESS)},
        {"map protected: SystemUseOnly", op_protect(ZEROS, 1, pool, PROTECT_SYSTEM)},
        {"map protected: highest reserved bit", op_protect(ZEROS, 1, pool, 1ull << 63)},
        {"unmap: size 0", op_unmap(ZEROS, 0, 0)},
        {"unmap: Write", op_unmap(ZEROS, 1, PROTECT_WRITE)},
        {"unmap: Zero and NoAccess", op_unmap(ZEROS, 1, PROTECT_ZERO | PROTECT_NO_ACCESS)},
        {"unmap: outside of any reservation", op_unmap(UNUSED, 1, PROTECT_NO_ACCESS)},
        {"copy: size 0", op_copy(ZEROS, NOTHING, 0)},
        {"copy: source not at a page", op_copy(ZEROS, NOTHING + 64, 1)},
        {"copy: target not at a page", op_copy(ZEROS + 64, NOTHING, 1)},
        {"copy: source outside of any reservation", op_copy(ZEROS, UNUSED, 1)},
        {"copy: source is what Map made", op_copy(ZEROS, bench.pool.va, 1)},
        {"copy: source over the end of its reservation", op_copy(ZEROS, NOTHING + MIB(1) - PAGE_BYTES, 2)},
        {"copy: target outside of any reservation", op_copy(UNUSED, NOTHING, 1)},
        {"copy: target over the end of its reservation", op_copy(ZEROS + MIB(1) - PAGE_BYTES, NOTHING, 2)},
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        udxg_case("%s", rows[i].name) {
            /* A right one before it: nothing of the call is done. */
            operation list[] = {op_map(ZEROS + KIB(64), 1, pool, 3, 0), rows[i].op};
            check_status(STATUS_INVALID_PARAMETER, update(&bench, 2, list, 0));
            settle();
            check_u64(0, *bench.fence.value);
            check_u64(0, peek_one(&bench, ZEROS + KIB(64)));
        }
    }
    const struct {
        const char *name;
        operation first, second;
        NTSTATUS want;
    } pairs[] = {
        {"map and map", op_map(ZEROS, 1, pool, 0, 0), op_map(NOTHING, 1, pool, 0, 0), STATUS_INVALID_PARAMETER},
        {"unmap and map", op_unmap(NOTHING, 1, 0), op_map(ZEROS, 1, pool, 0, 0), STATUS_INVALID_PARAMETER},
        {"copy and map", op_copy(ZEROS, NOTHING, 1), op_map(NOTHING, 1, pool, 0, 0), STATUS_INVALID_PARAMETER},
        {"copies with two sources", op_copy(ZEROS, NOTHING, 1), op_copy(ZEROS, ZEROS + GRANULE, 1),
         STATUS_INVALID_PARAMETER},
        {"copies with two targets", op_copy(ZEROS, NOTHING, 1), op_copy(NOTHING + GRANULE, NOTHING, 1),
         STATUS_INVALID_PARAMETER},
        {"copy inside of the one that is mapped", op_map(ZEROS, 1, pool, 0, 0), op_copy(ZEROS + GRANULE, ZEROS, 1),
         STATUS_SUCCESS},
        {"copy from the other one", op_map(ZEROS, 1, pool, 0, 0), op_copy(ZEROS + GRANULE, NOTHING, 1), STATUS_SUCCESS},
    };
    for (size_t i = 0; i < LENGTH_OF(pairs); i++) {
        udxg_case("one reservation for all: %s", pairs[i].name) {
            operation list[] = {pairs[i].first, pairs[i].second};
            check_status(pairs[i].want, update(&bench, 2, list, 0));
            settle();
            check_u64(pairs[i].want == STATUS_SUCCESS ? 1 : 0, *bench.fence.value);
        }
    }
}

/* -------------------------------------------------------------------------------------- what operations do */

static void operations_do(void)
{
    struct bench bench;
    uint32_t words[16];

    udxg_case("map: read and written by engines") {
        bench_open(&bench);
        update_now(&bench, op_map(ZEROS + PAGE_BYTES, 4, bench.pool.allocation, 8, 0));
        peek(&bench, ZEROS, 6, words);
        const uint32_t want[] = {0, 9, 10, 11, 12, 0};
        for (size_t i = 0; i < LENGTH_OF(want); i++) check_u64(want[i], words[i]);
        struct udxg_soft_fill fill = udxg_soft_fill_command(ZEROS + 2 * PAGE_BYTES, PAGE_BYTES, 77);
        require_success(submit(&bench.gpu, &fill, sizeof(fill)));
        gpu_finish(&bench.gpu);
        check_u64(77, peek_one(&bench, bench.pool.va + 9 * PAGE_BYTES));
    }
    udxg_case("map: a window that repeats") {
        bench_open(&bench);
        update_now(&bench, op_map(NOTHING, 15, bench.pool.allocation, 2, 5));
        peek(&bench, NOTHING, 15, words);
        for (unsigned i = 0; i < 15; i++) check_u64(3 + i % 5, words[i]);
        /* what is left of it keeps its place in the window */
        update_now(&bench, op_map(NOTHING + 4 * PAGE_BYTES, 3, bench.pool.allocation, 0, 1));
        peek(&bench, NOTHING, 15, words);
        for (unsigned i = 0; i < 15; i++) check_u64(i >= 4 && i < 7 ? 1 : 3 + i % 5, words[i]);
    }
    udxg_case("map: AllocationSizeInBytes as large as the range") {
        bench_open(&bench);
        update_now(&bench, op_map(ZEROS, 5, bench.pool.allocation, 2, 5));
        peek(&bench, ZEROS, 5, words);
        for (unsigned i = 0; i < 5; i++) check_u64(3 + i, words[i]);
    }
    udxg_case("map: over what is mapped") {
        bench_open(&bench);
        update_now(&bench, op_map(ZEROS, 6, bench.pool.allocation, 0, 0));
        update_now(&bench, op_map(ZEROS + 2 * PAGE_BYTES, 2, bench.pool.allocation, 12, 0));
        peek(&bench, ZEROS, 6, words);
        const uint32_t want[] = {1, 2, 13, 14, 5, 6};
        for (size_t i = 0; i < LENGTH_OF(want); i++) check_u64(want[i], words[i]);
    }
    udxg_case("map: over what MapGpuVirtualAddress made in the reservation") {
        bench_open(&bench);
        require_success(try_map(&bench.gpu.queue, bench.pool.allocation, ZEROS, 4, NULL));
        update_now(&bench, op_map(ZEROS + PAGE_BYTES, 1, bench.pool.allocation, 12, 0));
        peek(&bench, ZEROS, 3, words);
        check_u64(1, words[0]);
        check_u64(13, words[1]);
        check_u64(3, words[2]);
    }
    udxg_case("unmap: Zero, and back to what a ZERO reservation says") {
        bench_open(&bench);
        update_now(&bench, op_map(ZEROS, 4, bench.pool.allocation, 0, 0));
        update_now(&bench, op_unmap(ZEROS, 1, PROTECT_ZERO));
        update_now(&bench, op_unmap(ZEROS + 2 * PAGE_BYTES, 1, 0));
        peek(&bench, ZEROS, 4, words);
        const uint32_t want[] = {0, 2, 0, 4};
        for (size_t i = 0; i < LENGTH_OF(want); i++) check_u64(want[i], words[i]);
    }
    udxg_case("unmap: Zero in a NO_ACCESS reservation") {
        bench_open(&bench);
        update_now(&bench, op_unmap(NOTHING, 2, PROTECT_ZERO));
        check_u64(0, peek_one(&bench, NOTHING + PAGE_BYTES));
        check_true(faults(&bench, NOTHING + 2 * PAGE_BYTES, false));
    }
    udxg_case("unmap: NoAccess in a ZERO reservation") {
        bench_open(&bench);
        update_now(&bench, op_map(ZEROS, 4, bench.pool.allocation, 0, 0));
        update_now(&bench, op_unmap(ZEROS + PAGE_BYTES, 1, PROTECT_NO_ACCESS));
        check_u64(1, peek_one(&bench, ZEROS));
        check_true(faults(&bench, ZEROS + PAGE_BYTES, false));
    }
    udxg_case("copy: what is mapped, and what is not") {
        bench_open(&bench);
        update_now(&bench, op_map(ZEROS + PAGE_BYTES, 2, bench.pool.allocation, 5, 0));
        update_now(&bench, op_map(NOTHING, 5, bench.pool.allocation, 0, 0));
        update_now(&bench, op_copy(NOTHING, ZEROS, 4));
        peek(&bench, NOTHING, 5, words);
        const uint32_t want[] = {0, 6, 7, 0, 5};
        for (size_t i = 0; i < LENGTH_OF(want); i++) check_u64(want[i], words[i]);
    }
    udxg_case("copy: NoAccess comes along") {
        bench_open(&bench);
        update_now(&bench, op_map(ZEROS, 2, bench.pool.allocation, 0, 0));
        update_now(&bench, op_copy(ZEROS, NOTHING, 1));
        check_u64(2, peek_one(&bench, ZEROS + PAGE_BYTES));
        check_true(faults(&bench, ZEROS, false));
    }
    udxg_case("copy: over itself") {
        bench_open(&bench);
        update_now(&bench, op_map(ZEROS, 6, bench.pool.allocation, 0, 0));
        update_now(&bench, op_copy(ZEROS + 2 * PAGE_BYTES, ZEROS, 6));
        peek(&bench, ZEROS, 8, words);
        for (unsigned i = 0; i < 8; i++) check_u64(i < 2 ? i + 1 : i - 1, words[i]);
    }
    udxg_case("operations run in their order") {
        bench_open(&bench);
        operation list[] = {
            op_map(ZEROS, 4, bench.pool.allocation, 0, 0),
            op_copy(ZEROS + GRANULE, ZEROS, 4),
            op_unmap(ZEROS, 2, PROTECT_ZERO),
            op_copy(ZEROS + 2 * GRANULE, ZEROS, 4),
        };
        require_success(update(&bench, LENGTH_OF(list), list, 0));
        require_true(reaches(&bench.fence, 1));
        peek(&bench, ZEROS + GRANULE, 4, words);
        for (unsigned i = 0; i < 4; i++) check_u64(i + 1, words[i]);
        peek(&bench, ZEROS + 2 * GRANULE, 4, words);
        for (unsigned i = 0; i < 4; i++) check_u64(i < 2 ? 0 : i + 1, words[i]);
    }
    udxg_case("a mapping of a destroyed allocation goes, and its copies and repetitions go") {
        bench_open(&bench);
        D3DKMT_HANDLE shortlived = create_gpu_buffer(&bench.gpu, KIB(64)).allocation;
        update_now(&bench, op_map(ZEROS, 8, shortlived, 0, 2));
        update_now(&bench, op_copy(ZEROS + GRANULE, ZEROS, 8));
        fill_pages(&bench, shortlived, 100);
        check_u64(101, peek_one(&bench, ZEROS + GRANULE + 7 * PAGE_BYTES));
        require_success(destroy_allocation(bench.gpu.device, shortlived));
        check_u64(0, peek_one(&bench, ZEROS));
        check_u64(0, peek_one(&bench, ZEROS + GRANULE + 7 * PAGE_BYTES));
    }
    udxg_case("an enormous range of a small window") {
        bench_open(&bench);
        require_success(reserve(bench.gpu.adapter, 1ull << 42, 1ull << 41, 1));
        update_now(&bench, op_map(1ull << 42, (1ull << 40) / PAGE_BYTES, bench.pool.allocation, 0, 16));
        peek(&bench, (1ull << 42) + (1ull << 40) - 4 * PAGE_BYTES, 8, words);
        const uint32_t want[] = {13, 14, 15, 16, 0, 0, 0, 0};
        for (size_t i = 0; i < LENGTH_OF(want); i++) check_u64(want[i], words[i]);
    }
}

static void protections(void)
{
    struct bench bench;
    const struct {
        const char *name;
        bool allocation;
        UINT64 protection;
        bool read_faults, write_faults;
    } rows[] = {
        {"Write", true, PROTECT_WRITE, false, false},
        {"Write and Execute", true, PROTECT_WRITE | PROTECT_EXECUTE, false, false},
        {"read alone", true, 0, false, true},
        {"Execute alone", true, PROTECT_EXECUTE, false, true},
        {"Zero", false, PROTECT_ZERO, false, false},
        {"NoAccess", false, PROTECT_NO_ACCESS, true, true},
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        for (int write = 0; write < 2; write++) {
            udxg_case("map protected: %s, %s", rows[i].name, write ? "written" : "read") {
                bench_open(&bench);
                D3DKMT_HANDLE allocation = rows[i].allocation ? bench.pool.allocation : 0;
                update_now(&bench, op_protect(NOTHING, 1, allocation, rows[i].protection));
                check_u64(write ? rows[i].write_faults : rows[i].read_faults, faults(&bench, NOTHING, write));
            }
        }
    }
}

/* -------------------------------------------------------------------------------------------------- fences */

static void fences(void)
{
    struct bench bench;

    udxg_case("waits for its value, signals the next") {
        bench_open(&bench);
        require_success(update(&bench, 1, &bench.map_first, 5));
        require_success(signal_cpu(bench.gpu.device, bench.fence.handle, 4, 0));
        settle();
        check_u64(4, *bench.fence.value);
        check_u64(0, peek_one(&bench, ZEROS));
        require_success(signal_cpu(bench.gpu.device, bench.fence.handle, 5, 0));
        check_true(reaches(&bench.fence, 6));
        check_u64(6, *bench.fence.value);
        check_u64(1, peek_one(&bench, ZEROS));
    }
    udxg_case("a value above the wanted one will do, and FenceValue + 1 is what is signalled") {
        bench_open(&bench);
        require_success(signal_cpu(bench.gpu.device, bench.fence.handle, 9, 0));
        require_success(update(&bench, 1, &bench.map_first, 3));
        for (int i = 0; i < 5000 && *bench.fence.value == 9; i++) usleep(1000);
        check_u64(4, *bench.fence.value);
    }
    udxg_case("DoNotWait") {
        bench_open(&bench);
        D3DKMT_UPDATEGPUVIRTUALADDRESS args = arguments(&bench, 1, &bench.map_first, 5);
        args.Flags.DoNotWait = 1;
        require_success(D3DKMTUpdateGpuVirtualAddress(&args));
        check_true(reaches(&bench.fence, 6));
        check_u64(6, *bench.fence.value);
        check_u64(1, peek_one(&bench, ZEROS));
    }
    udxg_case("updates of one context go in order") {
        bench_open(&bench);
        struct fence other = create_fence(bench.gpu.device, 0);
        require_success(update(&bench, 1, &bench.map_first, 5));
        D3DKMT_UPDATEGPUVIRTUALADDRESS args = arguments(&bench, 1, &bench.map_second, 0);
        args.hFenceObject = other.handle;
        args.Flags.DoNotWait = 1;
        require_success(D3DKMTUpdateGpuVirtualAddress(&args));
        settle();
        check_u64(0, *other.value);
        require_success(signal_cpu(bench.gpu.device, bench.fence.handle, 5, 0));
        check_true(reaches(&other, 1));
        check_u64(6, *bench.fence.value);
        check_u64(2, peek_one(&bench, ZEROS + PAGE_BYTES));
    }
    udxg_case("those of another context do not wait for them") {
        bench_open(&bench);
        struct fence other = create_fence(bench.gpu.device, 0);
        require_success(update(&bench, 1, &bench.map_first, 5));
        D3DKMT_UPDATEGPUVIRTUALADDRESS args = arguments(&bench, 1, &bench.map_second, 0);
        args.hContext = create_context(bench.gpu.device, 0);
        args.hFenceObject = other.handle;
        require_success(D3DKMTUpdateGpuVirtualAddress(&args));
        check_true(reaches(&other, 1));
        check_u64(0, *bench.fence.value);
    }
    udxg_case("the context itself goes on, even while an engine of it is held") {
        bench_open(&bench);
        struct udxg_soft_wait hold = {udxg_soft_header(UDXG_SOFT_OP_WAIT, sizeof(hold)), bench.fence.gpu_va, 1, 8,
                                      UDXG_SOFT_COMPARE_GREATER_EQUAL};
        require_success(submit(&bench.gpu, &hold, sizeof(hold)));
        require_success(update(&bench, 1, &bench.map_first, 0));
        check_true(reaches(&bench.fence, 1)); /* which frees the engine */
        check_u64(1, peek_one(&bench, ZEROS));
    }
    udxg_case("between commands: the GPU signals, the update follows, the GPU waits for it") {
        bench_open(&bench);
        require_success(update(&bench, 1, &bench.map_first, 1));
        require_success(wait_gpu(bench.gpu.context, bench.fence.handle, 2));
        struct udxg_soft_copy copy = udxg_soft_copy_command(bench.result.va, ZEROS, PAGE_BYTES);
        require_success(submit(&bench.gpu, &copy, sizeof(copy)));
        D3DKMT_HANDLE second = create_context(bench.gpu.device, 0);
        require_success(signal_gpu(second, bench.fence.handle, 1));
        gpu_finish(&bench.gpu);
        check_u64(1, *(uint32_t *)lock(bench.gpu.device, bench.result.allocation));
    }
    udxg_case("a fence that is destroyed is waited for no longer") {
        bench_open(&bench);
        struct fence other = create_fence(bench.gpu.device, 0);
        D3DKMT_UPDATEGPUVIRTUALADDRESS args = arguments(&bench, 1, &bench.map_first, 7);
        args.hFenceObject = other.handle;
        require_success(D3DKMTUpdateGpuVirtualAddress(&args));
        require_success(update(&bench, 1, &bench.map_second, 0));
        settle();
        check_u64(0, *bench.fence.value);
        D3DKMT_DESTROYSYNCHRONIZATIONOBJECT destroy = {other.handle};
        require_success(D3DKMTDestroySynchronizationObject(&destroy));
        check_true(reaches(&bench.fence, 1));
    }
}

/* -------------------------------------------------------------------------------------------- late binding */

static void late_binding(void)
{
    struct bench bench;
    uint32_t words[16];

    udxg_case("brought in after it was queued") {
        bench_open(&bench);
        require_success(evict(bench.gpu.device, bench.pool.allocation));
        require_success(update(&bench, 1, &bench.map_all, 1));
        make_resident(&bench.gpu.queue, bench.pool.allocation);
        require_success(signal_cpu(bench.gpu.device, bench.fence.handle, 1, 0));
        require_true(reaches(&bench.fence, 2));
        peek(&bench, ZEROS, 16, words);
        for (unsigned i = 0; i < 16; i++) check_u64(i + 1, words[i]);
    }
    udxg_case("moved between queueing, running and use") {
        bench_open(&bench);
        require_success(update(&bench, 1, &bench.map_all, 1));
        require_success(evict(bench.gpu.device, bench.pool.allocation));
        fill_pages(&bench, bench.pool.allocation, 50); /* at home: demoted by the lock */
        make_resident(&bench.gpu.queue, bench.pool.allocation);
        require_success(signal_cpu(bench.gpu.device, bench.fence.handle, 1, 0));
        require_true(reaches(&bench.fence, 2));
        require_success(evict(bench.gpu.device, bench.pool.allocation));
        fill_pages(&bench, bench.pool.allocation, 80);
        make_resident(&bench.gpu.queue, bench.pool.allocation);
        peek(&bench, ZEROS, 16, words);
        for (unsigned i = 0; i < 16; i++) check_u64(i + 80, words[i]);
    }
    udxg_case("not resident when it runs: it runs, and use faults") {
        bench_open(&bench);
        require_success(evict(bench.gpu.device, bench.pool.allocation));
        require_success(update(&bench, 1, &bench.map_all, 0));
        check_true(reaches(&bench.fence, 1));
        check_true(faults(&bench, ZEROS, false));
    }
    udxg_case("a copy takes the mappings of the time at which it runs") {
        bench_open(&bench);
        operation copy = op_copy(NOTHING, ZEROS, 4);
        update_now(&bench, op_map(ZEROS, 4, bench.pool.allocation, 0, 0)); /* signals 1 */
        require_success(update(&bench, 1, &copy, 5));
        require_success(try_map(&bench.gpu.queue, bench.pool.allocation, ZEROS + 2 * PAGE_BYTES, 1, NULL));
        require_success(signal_cpu(bench.gpu.device, bench.fence.handle, 5, 0));
        require_true(reaches(&bench.fence, 6));
        peek(&bench, NOTHING, 4, words);
        const uint32_t want[] = {1, 2, 1, 4};
        for (size_t i = 0; i < LENGTH_OF(want); i++) check_u64(want[i], words[i]);
    }
    udxg_case("evicted while it is queued: work that was submitted before does not notice") {
        bench_open(&bench);
        require_success(update(&bench, 1, &bench.map_all, 1));
        require_success(wait_gpu(bench.gpu.context, bench.fence.handle, 2));
        struct udxg_soft_copy copy = udxg_soft_copy_command(bench.result.va, ZEROS + 3 * PAGE_BYTES, PAGE_BYTES);
        require_success(submit(&bench.gpu, &copy, sizeof(copy)));
        require_success(evict(bench.gpu.device, bench.pool.allocation));
        require_success(signal_cpu(bench.gpu.device, bench.fence.handle, 1, 0));
        gpu_finish(&bench.gpu);
        require_u64(D3DKMT_DEVICEEXECUTION_ACTIVE, execution_state(bench.gpu.device));
        check_u64(4, *(uint32_t *)lock(bench.gpu.device, bench.result.allocation));
        /* What comes after it does. */
        check_true(faults(&bench, ZEROS, false));
    }
}

/* ------------------------------------------------------------------------------------- what goes meanwhile */

static UINT64 local_usage(D3DKMT_HANDLE adapter)
{
    return memory_info(adapter, D3DKMT_MEMORY_SEGMENT_GROUP_LOCAL).CurrentUsage;
}

static NTSTATUS destroy_at_once(D3DKMT_HANDLE device, D3DKMT_HANDLE allocation)
{
    D3DKMT_DESTROYALLOCATION2 args = {0};
    args.hDevice = device;
    args.phAllocationList = &allocation;
    args.AllocationCount = 1;
    args.Flags.AssumeNotInUse = 1;
    return D3DKMTDestroyAllocation2(&args);
}

static NTSTATUS destroy_context(D3DKMT_HANDLE context)
{
    D3DKMT_DESTROYCONTEXT args = {context};
    return D3DKMTDestroyContext(&args);
}

static NTSTATUS destroy_device(D3DKMT_HANDLE device)
{
    D3DKMT_DESTROYDEVICE args = {device};
    return D3DKMTDestroyDevice(&args);
}

static void going_first(void)
{
    struct bench bench;

    udxg_case("the allocation: held until the update has run, and gone with its mapping then") {
        bench_open(&bench);
        struct gpu_buffer shortlived = create_gpu_buffer(&bench.gpu, KIB(64));
        operation list[] = {op_map(ZEROS, 1, shortlived.allocation, 0, 0)};
        UINT64 usage = local_usage(bench.gpu.adapter);
        require_success(update(&bench, 1, list, 1));
        require_success(destroy_allocation(bench.gpu.device, shortlived.allocation));
        check_true(!is_alive(bench.gpu.device, shortlived.allocation));
        check_status(STATUS_INVALID_PARAMETER, update(&bench, 1, list, 1));
        settle();
        check_u64(usage, local_usage(bench.gpu.adapter));
        require_success(signal_cpu(bench.gpu.device, bench.fence.handle, 1, 0));
        check_true(reaches(&bench.fence, 2));
        for (int i = 0; i < 5000 && local_usage(bench.gpu.adapter) == usage; i++) usleep(1000);
        check_u64(usage - KIB(64), local_usage(bench.gpu.adapter));
        check_u64(0, peek_one(&bench, ZEROS));
    }
    udxg_case("the allocation, AssumeNotInUse: gone at once, and the range is as reserved") {
        bench_open(&bench);
        struct gpu_buffer shortlived = create_gpu_buffer(&bench.gpu, KIB(64));
        operation list[] = {op_map(ZEROS, 2, shortlived.allocation, 0, 1),
                            op_map(ZEROS + PAGE_BYTES, 1, bench.pool.allocation, 4, 0)};
        UINT64 usage = local_usage(bench.gpu.adapter);
        require_success(update(&bench, 2, list, 1));
        require_success(destroy_at_once(bench.gpu.device, shortlived.allocation));
        check_u64(usage - KIB(64), local_usage(bench.gpu.adapter));
        require_success(signal_cpu(bench.gpu.device, bench.fence.handle, 1, 0));
        check_true(reaches(&bench.fence, 2));
        check_u64(0, peek_one(&bench, ZEROS));
        check_u64(5, peek_one(&bench, ZEROS + PAGE_BYTES));
    }
    udxg_case("the reservation: the update is ignored, and signals") {
        bench_open(&bench);
        require_success(update(&bench, 1, &bench.map_first, 1));
        require_success(release(bench.gpu.adapter, ZEROS, MIB(1)));
        require_success(reserve(bench.gpu.adapter, ZEROS, MIB(1), 1)); /* another one in its place */
        require_success(signal_cpu(bench.gpu.device, bench.fence.handle, 1, 0));
        check_true(reaches(&bench.fence, 2));
        check_u64(0, peek_one(&bench, ZEROS));
    }
    udxg_case("the reservation of a copy's source") {
        bench_open(&bench);
        operation copy = op_copy(ZEROS, NOTHING, 1);
        update_now(&bench, bench.map_first); /* signals 1 */
        require_success(update(&bench, 1, &copy, 2));
        require_success(release(bench.gpu.adapter, NOTHING, MIB(1)));
        require_success(signal_cpu(bench.gpu.device, bench.fence.handle, 2, 0));
        check_true(reaches(&bench.fence, 3));
        check_u64(1, peek_one(&bench, ZEROS));
    }
    udxg_case("the context: what waits is given up, and signals nothing") {
        bench_open(&bench);
        D3DKMT_HANDLE context = create_context(bench.gpu.device, 0);
        D3DKMT_UPDATEGPUVIRTUALADDRESS args = arguments(&bench, 1, &bench.map_first, 1);
        args.hContext = context;
        require_success(D3DKMTUpdateGpuVirtualAddress(&args));
        settle();
        check_status(STATUS_SUCCESS, destroy_context(context));
        check_status(STATUS_INVALID_PARAMETER, D3DKMTUpdateGpuVirtualAddress(&args));
        require_success(signal_cpu(bench.gpu.device, bench.fence.handle, 1, 0));
        settle();
        check_u64(1, *bench.fence.value);
        check_u64(0, peek_one(&bench, ZEROS));
        D3DKMT_WAITFORIDLE idle = {0};
        idle.hDevice = bench.gpu.device;
        check_status(STATUS_SUCCESS, D3DKMTWaitForIdle(&idle)); /* it does not count as work any more */
    }
    udxg_case("the device, with updates that wait") {
        bench_open(&bench);
        for (int i = 0; i < 20; i++) require_success(update(&bench, 1, &bench.map_first, 1));
        check_status(STATUS_SUCCESS, destroy_device(bench.gpu.device));
        check_true(local_usage(bench.gpu.adapter) == 0);
    }
    udxg_case("the device is put in error: its fences end, updates are given up") {
        bench_open(&bench);
        require_success(update(&bench, 1, &bench.map_first, 1));
        D3DKMT_MARKDEVICEASERROR args = {0};
        args.hDevice = bench.gpu.device;
        args.Reason = D3DKMT_DEVICE_ERROR_REASON_GENERIC;
        require_success(D3DKMTMarkDeviceAsError(&args));
        settle();
        check_u64(~(UINT64)0, *bench.fence.value);
        check_status(STATUS_GRAPHICS_GPU_EXCEPTION_ON_DEVICE, update(&bench, 1, &bench.map_first, 1));
        check_u64(~(UINT64)0, *bench.fence.value);
        /* The space is the process's: another device finds nothing there. */
        struct bench other;
        gpu_open_on(&other.gpu, bench.gpu.adapter);
        other.result = create_gpu_buffer(&other.gpu, KIB(64));
        check_u64(0, peek_one(&other, ZEROS));
    }
    udxg_case("idle waits for updates") {
        bench_open(&bench);
        require_success(update(&bench, 1, &bench.map_first, 1));
        int event = create_event();
        require_success(wait_cpu(bench.gpu.device, bench.fence.handle, 2, event));
        check_true(!event_is_set(event, 20));
        require_success(signal_cpu(bench.gpu.device, bench.fence.handle, 1, 0));
        D3DKMT_WAITFORIDLE idle = {0};
        idle.hDevice = bench.gpu.device;
        check_status(STATUS_SUCCESS, D3DKMTWaitForIdle(&idle));
        check_u64(2, *bench.fence.value);
        check_true(event_is_set(event, 5000));
    }
    udxg_case("one space for all devices of the process") {
        bench_open(&bench);
        struct bench other;
        gpu_open_on(&other.gpu, bench.gpu.adapter);
        other.fence = create_fence(other.gpu.device, 0);
        other.pool = create_gpu_buffer(&other.gpu, KIB(64));
        fill_pages(&other, other.pool.allocation, 200);
        update_now(&other, op_map(ZEROS, 2, other.pool.allocation, 0, 0));
        update_now(&bench, op_copy(ZEROS + GRANULE, ZEROS, 2));
        check_u64(201, peek_one(&bench, ZEROS + GRANULE + PAGE_BYTES));
        check_status(STATUS_SUCCESS, destroy_device(other.gpu.device));
        check_u64(0, peek_one(&bench, ZEROS + GRANULE + PAGE_BYTES));
    }
}

/* ------------------------------------------------------------------------------------------- back-pressure */

struct caller {
    pthread_t thread;
    const struct bench *bench;
    UINT count;
    atomic_bool returned;
    NTSTATUS status;
};

static void *call_update(void *argument)
{
    struct caller *caller = (struct caller *)argument;
    operation list[2 * QUEUED_MOST];
    for (UINT i = 0; i < caller->count; i++) list[i] = op_unmap(ZEROS, 1, 0);
    caller->status = update(caller->bench, caller->count, list, 1);
    caller->returned = true;
    return NULL;
}

static void start_caller(struct caller *caller, const struct bench *bench, UINT count)
{
    caller->bench = bench;
    caller->count = count;
    caller->returned = false;
    require_true(pthread_create(&caller->thread, NULL, call_update, caller) == 0);
}

static void expect_blocked(struct caller *caller)
{
    usleep(50000);
    check_true(!caller->returned);
}

static void expect_return(struct caller *caller)
{
    for (int i = 0; i < 5000 && !caller->returned; i++) usleep(1000);
    require_true(caller->returned);
    pthread_join(caller->thread, NULL);
    check_status(STATUS_SUCCESS, caller->status);
}

/* Queues as many operations as go without waiting, behind VALUE of the fence. */
static void fill_queue(const struct bench *bench, UINT64 value, UINT calls)
{
    operation list[QUEUED_MOST];
    for (UINT i = 0; i < QUEUED_MOST; i++) list[i] = op_unmap(ZEROS, 1, 0);
    for (UINT i = 0; i < calls; i++) require_success(update(bench, QUEUED_MOST / calls, list, value));
}

static void back_pressure(void)
{
    struct bench bench;
    struct caller callers[3];

    for (UINT calls = 1; calls <= QUEUED_MOST; calls *= QUEUED_MOST) {
        udxg_case("the 129th operation blocks, behind %u calls", calls) {
            bench_open(&bench);
            fill_queue(&bench, 1, calls);
            start_caller(&callers[0], &bench, 1);
            expect_blocked(&callers[0]);
            require_success(signal_cpu(bench.gpu.device, bench.fence.handle, 1, 0));
            expect_return(&callers[0]);
        }
    }
    udxg_case("one call, however long, does not wait for itself") {
        bench_open(&bench);
        start_caller(&callers[0], &bench, 2 * QUEUED_MOST);
        expect_return(&callers[0]);
        require_success(signal_cpu(bench.gpu.device, bench.fence.handle, 1, 0));
        check_true(reaches(&bench.fence, 2));
    }
    udxg_case("another context has room of its own") {
        bench_open(&bench);
        fill_queue(&bench, 1, 1);
        struct bench second = bench;
        second.gpu.context = create_context(bench.gpu.device, 0);
        start_caller(&callers[0], &second, 1);
        expect_return(&callers[0]);
    }
    udxg_case("callers are released in order, each as soon as there is room for it") {
        bench_open(&bench);
        struct fence later = create_fence(bench.gpu.device, 0);
        struct bench second = bench;
        second.fence = later;
        fill_queue(&bench, 1, 2); /* 64 and 64, the first of which waits for 1 */
        start_caller(&callers[0], &second, 1);
        expect_blocked(&callers[0]);
        start_caller(&callers[1], &second, 128);
        expect_blocked(&callers[1]);
        start_caller(&callers[2], &second, 1);
        expect_blocked(&callers[2]);
        require_success(signal_cpu(bench.gpu.device, bench.fence.handle, 1, 0)); /* 130 are left, all behind LATER */
        expect_return(&callers[0]);
        expect_blocked(&callers[1]);
        expect_blocked(&callers[2]);
        require_success(signal_cpu(bench.gpu.device, later.handle, 1, 0));
        expect_return(&callers[1]);
        expect_return(&callers[2]);
    }
    udxg_case("destroying the context releases the caller") {
        bench_open(&bench);
        fill_queue(&bench, 1, 1);
        start_caller(&callers[0], &bench, 1);
        expect_blocked(&callers[0]);
        check_status(STATUS_SUCCESS, destroy_context(bench.gpu.context));
        expect_return(&callers[0]);
        check_u64(0, *bench.fence.value);
    }
    udxg_case("destroying the device releases the caller") {
        bench_open(&bench);
        fill_queue(&bench, 1, 1);
        start_caller(&callers[0], &bench, 1);
        expect_blocked(&callers[0]);
        check_status(STATUS_SUCCESS, destroy_device(bench.gpu.device));
        expect_return(&callers[0]);
    }
    udxg_case("a device in error releases the caller") {
        bench_open(&bench);
        fill_queue(&bench, 1, 1);
        start_caller(&callers[0], &bench, 1);
        expect_blocked(&callers[0]);
        D3DKMT_MARKDEVICEASERROR args = {0};
        args.hDevice = bench.gpu.device;
        args.Reason = D3DKMT_DEVICE_ERROR_REASON_GENERIC;
        require_success(D3DKMTMarkDeviceAsError(&args));
        expect_return(&callers[0]);
    }
}

/* ---------------------------------------------------------------------------------------------- all at once */

enum { ROUNDS = 150 };

/* What it works on is made before it starts: the harness is not for threads. */
struct one_of_many {
    pthread_t thread;
    const struct bench *bench;
    D3DKMT_HANDLE contexts[ROUNDS]; /* half of them its own, the others the bench's */
    D3DKMT_HANDLE allocations[ROUNDS];
    struct fence fences[ROUNDS];
    unsigned number, state;
    unsigned wrong; /* statuses that could not be */
};

static unsigned below(struct one_of_many *one, unsigned limit)
{
    one->state = one->state * 1664525u + 1013904223u;
    return (one->state >> 16) % limit;
}

static void expect(struct one_of_many *one, NTSTATUS status)
{
    if (status != STATUS_SUCCESS) one->wrong++;
}

/* Maps and copies behind a fence, on a context of its own or the shared one; then something goes or the fence moves. */
static void one_round(struct one_of_many *one, unsigned round)
{
    D3DKMT_HANDLE device = one->bench->gpu.device, allocation = one->allocations[round];
    struct bench mine = *one->bench;
    mine.gpu.context = one->contexts[round];
    mine.fence = one->fences[round];
    UINT64 base = ZEROS + GRANULE * one->number;
    operation list[] = {op_map(base, 8, allocation, 0, 2), op_copy(base + 8 * PAGE_BYTES, base, 4)};
    operation copy = op_copy(ZEROS, base, 4);
    expect(one, update(&mine, 2, list, below(one, 2)));
    expect(one, update(&mine, 1, &copy, below(one, 2) + 1));
    unsigned end = below(one, 3);
    if (end == 0) expect(one, destroy_at_once(device, allocation));
    if (end == 1) expect(one, destroy_allocation(device, allocation));
    if (mine.gpu.context != one->bench->gpu.context && below(one, 2)) expect(one, destroy_context(mine.gpu.context));
    D3DKMT_DESTROYSYNCHRONIZATIONOBJECT destroy = {mine.fence.handle};
    for (UINT64 value = 0; value < 3; value++) (void)signal_cpu(device, mine.fence.handle, value, 0); /* or is there */
    if (below(one, 2)) usleep(below(one, 200));
    expect(one, D3DKMTDestroySynchronizationObject(&destroy));
}

static void *be_one_of_many(void *argument)
{
    struct one_of_many *one = (struct one_of_many *)argument;
    for (unsigned i = 0; i < ROUNDS; i++) one_round(one, i);
    return NULL;
}

static void prepare_one(struct one_of_many *one, const struct bench *bench, unsigned number)
{
    memset(one, 0, sizeof(*one));
    one->bench = bench;
    one->number = one->state = number;
    for (unsigned i = 0; i < ROUNDS; i++) {
        one->contexts[i] = i % 2 ? create_context(bench->gpu.device, 0) : bench->gpu.context;
        one->allocations[i] = create_buffer(bench->gpu.device, KIB(64));
        one->fences[i] = create_fence(bench->gpu.device, 0);
    }
}

static void many_threads(void)
{
    struct bench bench;
    static struct one_of_many many[4];

    udxg_case("many threads") {
        bench_open(&bench);
        for (unsigned i = 0; i < LENGTH_OF(many); i++) prepare_one(&many[i], &bench, i + 1);
        int failed = 0;
        unsigned wrong = 0;
        for (unsigned i = 0; i < LENGTH_OF(many); i++)
            failed += pthread_create(&many[i].thread, NULL, be_one_of_many, &many[i]) != 0;
        require_true(failed == 0);
        for (unsigned i = 0; i < LENGTH_OF(many); i++) {
            pthread_join(many[i].thread, NULL);
            wrong += many[i].wrong;
        }
        check_u64(0, wrong);
        D3DKMT_WAITFORIDLE idle = {0};
        idle.hDevice = bench.gpu.device;
        check_status(STATUS_SUCCESS, D3DKMTWaitForIdle(&idle));
        check_u64(D3DKMT_DEVICEEXECUTION_ACTIVE, execution_state(bench.gpu.device));
        update_now(&bench, bench.map_first);
        check_u64(1, peek_one(&bench, ZEROS));
        check_status(STATUS_SUCCESS, destroy_device(bench.gpu.device));
        check_u64(0, local_usage(bench.gpu.adapter));
    }
}

/* What goes while the updates that need it run: they are not waited for, and find out for themselves. */
static void gone_while_running(void)
{
    struct bench bench;
    const char *names[] = {"the context", "the device", "the device is put in error", "the allocation, AssumeNotInUse"};

    for (int what = 0; what < 4; what++) {
        udxg_case("gone while updates run: %s", names[what]) {
            for (int round = 0; round < 30; round++) {
                bench_open(&bench);
                operation list[] = {bench.map_all, op_copy(ZEROS + GRANULE, ZEROS, 16), op_unmap(ZEROS, 16, 0)};
                D3DKMT_UPDATEGPUVIRTUALADDRESS args = arguments(&bench, LENGTH_OF(list), list, 0);
                args.Flags.DoNotWait = 1;
                for (int i = 0; i < 40; i++) require_success(D3DKMTUpdateGpuVirtualAddress(&args));
                if (what == 0) check_status(STATUS_SUCCESS, destroy_context(bench.gpu.context));
                if (what == 1) check_status(STATUS_SUCCESS, destroy_device(bench.gpu.device));
                if (what == 2) {
                    D3DKMT_MARKDEVICEASERROR mark = {0};
                    mark.hDevice = bench.gpu.device;
                    mark.Reason = D3DKMT_DEVICE_ERROR_REASON_GENERIC;
                    check_status(STATUS_SUCCESS, D3DKMTMarkDeviceAsError(&mark));
                    D3DKMT_WAITFORIDLE idle = {0};
                    idle.hDevice = bench.gpu.device;
                    check_status(STATUS_SUCCESS, D3DKMTWaitForIdle(&idle));
                    check_u64(~(UINT64)0, *bench.fence.value);
                }
                if (what == 3) {
                    check_status(STATUS_SUCCESS, destroy_at_once(bench.gpu.device, bench.pool.allocation));
                    check_true(reaches(&bench.fence, 1));
                }
                if (what != 1) check_status(STATUS_SUCCESS, destroy_device(bench.gpu.device));
            }
            /* One that runs is not waited for, and what it needs goes after it. */
            for (int i = 0; i < 5000 && local_usage(bench.gpu.adapter) != 0; i++) usleep(1000);
            check_u64(0, local_usage(bench.gpu.adapter));
        }
    }
}

int main(int argc, char **argv)
{
    static const struct udxg_test tests[] = {
        {"call", ON_DISCRETE, call_arguments},
        {"rights", ON_DISCRETE, fence_rights},
        {"wrong", ON_DISCRETE, operation_arguments},
        {"do", ON_EACH, operations_do},
        {"protection", ON_EACH, protections},
        {"fence", ON_EACH, fences},
        {"late", ON_EACH, late_binding},
        {"first", ON_DISCRETE, going_first},
        {"pressure", ON_DISCRETE, back_pressure},
        {"many", ON_DISCRETE, many_threads},
        {"gone", ON_DISCRETE, gone_while_running},
    };
    return conformance_main(argc, argv, tests, LENGTH_OF(tests));
}
