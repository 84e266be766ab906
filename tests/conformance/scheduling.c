/* SPDX-License-Identifier: MIT */
/* Who runs next, on how many engines at once, how much may be queued, and what time the engines think it is. */
#include "queue.h"

#define MOST_QUEUED 65536u /* packets of one context, docs/decisions/0016 */

/* ---------------------------------------------------------------------------------------------- priorities */

static INT get_priority(D3DKMT_HANDLE context, bool in_process)
{
    if (in_process) {
        D3DKMT_GETCONTEXTINPROCESSSCHEDULINGPRIORITY args = {0};
        args.hContext = context;
        require_success(D3DKMTGetContextInProcessSchedulingPriority(&args));
        return args.Priority;
    }
    D3DKMT_GETCONTEXTSCHEDULINGPRIORITY args = {0};
    args.hContext = context;
    require_success(D3DKMTGetContextSchedulingPriority(&args));
    return args.Priority;
}

static void priorities(void)
{
    D3DKMT_HANDLE device = create_device(open_adapter());
    const struct {
        INT value;
        NTSTATUS want;
    } rows[] = {
        {0, STATUS_SUCCESS},
        {7, STATUS_SUCCESS},
        {-7, STATUS_SUCCESS},
        {8, STATUS_INVALID_PARAMETER},
        {-8, STATUS_INVALID_PARAMETER},
    };
    for (size_t i = 0; i < 2 * LENGTH_OF(rows); i++) {
        bool in_process = i >= LENGTH_OF(rows);
        const INT value = rows[i % LENGTH_OF(rows)].value;
        const NTSTATUS want = rows[i % LENGTH_OF(rows)].want;
        udxg_case("%s%d", in_process ? "in-process " : "", value) {
            D3DKMT_HANDLE context = create_context(device, 0);
            check_u64(0, get_priority(context, in_process));
            require_success(set_priority(context, 3, in_process));
            check_status(want, set_priority(context, value, in_process));
            check_true(get_priority(context, in_process) == (want == STATUS_SUCCESS ? value : 3));
            check_u64(0, get_priority(context, !in_process));
        }
    }
}

/* Engine 0 is held while commands are queued; then they take tickets in the order in which they run. */
struct contest {
    struct gpu gpu;
    struct gpu_buffer numbers; /* the hold, the counter, a slot for each competitor */
    volatile uint64_t *data;
    D3DKMT_HANDLE a, b, c; /* contexts of it */
};

static void contest_begin(struct contest *contest)
{
    gpu_open(&contest->gpu);
    contest->a = create_context(contest->gpu.device, 0);
    contest->b = create_context(contest->gpu.device, 0);
    contest->c = create_context(contest->gpu.device, 0);
    /* Locked, so it stays where CPU and GPU see the same bytes. */
    contest->numbers = create_gpu_buffer(&contest->gpu, PAGE_BYTES);
    contest->data = (volatile uint64_t *)lock(contest->gpu.device, contest->numbers.allocation);
    make_resident(&contest->gpu.queue, contest->numbers.allocation);
    memset((void *)(uintptr_t)contest->data, 0xff, PAGE_BYTES);
    contest->data[0] = contest->data[1] = 0;
    struct udxg_soft_atomic_add begun = ticket(contest->numbers.va + 8, contest->numbers.va + 16);
    struct udxg_soft_wait wait = hold(contest->numbers.va);
    uint8_t both[sizeof(begun) + sizeof(wait)];
    memcpy(both, &begun, sizeof(begun));
    memcpy(both + sizeof(begun), &wait, sizeof(wait));
    require_success(submit(&contest->gpu, both, sizeof(both)));
    while (__atomic_load_n(&contest->data[1], __ATOMIC_ACQUIRE) == 0) {
    }
}

static UINT64 slot_va(const struct contest *contest, UINT slot)
{
    return contest->numbers.va + 16 + 8 * (UINT64)slot;
}

static void compete(struct contest *contest, D3DKMT_HANDLE context, UINT slot)
{
    struct udxg_soft_atomic_add add = ticket(contest->numbers.va + 8, slot_va(contest, slot));
    require_success(submit_to(&contest->gpu, context, &add, sizeof(add)));
}

static void contest_end(struct contest *contest)
{
    D3DKMT_WAITFORIDLE idle = {contest->gpu.device};
    __atomic_store_n(&contest->data[0], 1, __ATOMIC_RELEASE);
    require_success(D3DKMTWaitForIdle(&idle));
}

#define CHECK_RANK(contest, rank, slot) check_u64(rank, (contest).data[2 + (slot)])

static void order(void)
{
    struct contest contest;

    udxg_case("equal ones take turns, a packet each") {
        contest_begin(&contest);
        compete(&contest, contest.a, 1);
        compete(&contest, contest.a, 2);
        compete(&contest, contest.b, 3);
        compete(&contest, contest.b, 4);
        contest_end(&contest);
        CHECK_RANK(contest, 1, 1);
        CHECK_RANK(contest, 2, 3);
        CHECK_RANK(contest, 3, 2);
        CHECK_RANK(contest, 4, 4);
    }
    udxg_case("the highest goes first, whenever it came") {
        contest_begin(&contest);
        require_success(set_priority(contest.b, 1, false));
        compete(&contest, contest.a, 1);
        compete(&contest, contest.a, 2);
        compete(&contest, contest.b, 3);
        compete(&contest, contest.c, 4);
        require_success(set_priority(contest.c, 7, false)); /* what is queued changes places */
        contest_end(&contest);
        CHECK_RANK(contest, 1, 4);
        CHECK_RANK(contest, 2, 3);
        CHECK_RANK(contest, 3, 1);
        CHECK_RANK(contest, 4, 2);
    }
    udxg_case("of one priority, the process's own order") {
        contest_begin(&contest);
        require_success(set_priority(contest.b, 2, true));
        require_success(set_priority(contest.c, -2, true));
        compete(&contest, contest.c, 1);
        compete(&contest, contest.a, 2);
        compete(&contest, contest.b, 3);
        contest_end(&contest);
        CHECK_RANK(contest, 1, 3);
        CHECK_RANK(contest, 2, 2);
        CHECK_RANK(contest, 3, 1);
    }
    udxg_case("the priority comes before the process's own") {
        contest_begin(&contest);
        require_success(set_priority(contest.b, 7, true));
        require_success(set_priority(contest.a, 1, false));
        compete(&contest, contest.b, 1);
        compete(&contest, contest.a, 2);
        contest_end(&contest);
        CHECK_RANK(contest, 1, 2);
        CHECK_RANK(contest, 2, 1);
    }
    udxg_case("a hardware queue has its context's, set before or after") {
        contest_begin(&contest);
        D3DKMT_HANDLE early = create_hw_context(contest.gpu.device, 0), late = create_hw_context(contest.gpu.device, 0);
        require_success(set_priority(early, 2, false));
        struct hw_queue first = create_hw_queue(late, 0), second = create_hw_queue(early, 0);
        struct udxg_soft_atomic_add one = ticket(contest.numbers.va + 8, slot_va(&contest, 1));
        struct udxg_soft_atomic_add two = ticket(contest.numbers.va + 8, slot_va(&contest, 2));
        compete(&contest, contest.a, 3);
        require_success(submit_to_queue(&contest.gpu, second.handle, 1, &two, sizeof(two)));
        require_success(submit_to_queue(&contest.gpu, first.handle, 1, &one, sizeof(one)));
        require_success(set_priority(late, 5, false));
        contest_end(&contest);
        CHECK_RANK(contest, 1, 1);
        CHECK_RANK(contest, 2, 2);
        CHECK_RANK(contest, 3, 3);
    }
    udxg_case("nodes run at the same time") {
        contest_begin(&contest);
        /* Engine 0 waits for a number that engine 1 writes. */
        D3DKMT_HANDLE other = create_context(contest.gpu.device, 1);
        struct udxg_soft_fill fill = udxg_soft_fill_command(contest.numbers.va, 4, 1);
        D3DKMT_WAITFORIDLE idle = {contest.gpu.device};
        require_success(submit_to(&contest.gpu, other, &fill, sizeof(fill)));
        check_status(STATUS_SUCCESS, D3DKMTWaitForIdle(&idle));
        check_u64(D3DKMT_DEVICEEXECUTION_ACTIVE, execution_state(contest.gpu.device));
    }
}

/* -------------------------------------------------------------------------------------------------- limits */

static void limits(void)
{
    struct gpu gpu;
    gpu_open(&gpu);
    udxg_case("a context is full some day, and another is not") {
        struct fence gate = create_fence(gpu.device, 0), told = create_fence(gpu.device, 0);
        D3DKMT_HANDLE other = create_context(gpu.device, 0);
        NTSTATUS status = STATUS_SUCCESS;
        UINT queued = 0;
        require_success(wait_gpu(gpu.context, gate.handle, 1));
        while (queued <= MOST_QUEUED && status == STATUS_SUCCESS) {
            status = signal_gpu(gpu.context, told.handle, queued + 1);
            if (status == STATUS_SUCCESS) queued++;
        }
        check_status(STATUS_NO_MEMORY, status);
        /* The wait is out of the queue as soon as it is waiting. */
        check_true(queued == MOST_QUEUED || queued == MOST_QUEUED - 1);
        check_u64(D3DKMT_DEVICEEXECUTION_ACTIVE, execution_state(gpu.device));
        require_success(signal_gpu(other, gpu.done.handle, 1));
        require_success(wait_cpu(gpu.device, gpu.done.handle, 1, -1));
        require_success(signal_cpu(gpu.device, gate.handle, 1, 0));
        require_success(wait_cpu(gpu.device, told.handle, queued, -1));
        check_status(STATUS_SUCCESS, signal_gpu(gpu.context, told.handle, queued + 1));
        check_status(STATUS_SUCCESS, wait_cpu(gpu.device, told.handle, queued + 1, -1));
    }
}

/* --------------------------------------------------------------------------------------------------- clocks */

static NTSTATUS try_calibrate(D3DKMT_HANDLE adapter, UINT node, UINT physical, DXGK_GPUCLOCKDATA *ret_data)
{
    D3DKMT_QUERYCLOCKCALIBRATION args;
    memset(&args, 0, sizeof(args));
    args.hAdapter = adapter;
    args.NodeOrdinal = node;
    args.PhysicalAdapterIndex = physical;
    NTSTATUS status = D3DKMTQueryClockCalibration(&args);
    memcpy(ret_data, &args.ClockData, sizeof(*ret_data));
    return status;
}

static void clocks(void)
{
    struct gpu gpu;
    gpu_open(&gpu);
    DXGK_GPUCLOCKDATA before, after;
    udxg_case("arguments") {
        check_status(STATUS_INVALID_PARAMETER, try_calibrate(gpu.adapter, 2, 0, &before));
        check_status(STATUS_INVALID_PARAMETER, try_calibrate(gpu.adapter, 0, 1, &before));
        check_status(STATUS_INVALID_PARAMETER, try_calibrate(gpu.device, 0, 0, &before));
        check_u64(0, before.GpuFrequency);
    }
    udxg_case("both clocks agree, and the engine's time stamps with them") {
        struct gpu_buffer buffer = create_gpu_buffer(&gpu, PAGE_BYTES);
        struct udxg_soft_timestamp stamp;
        memset(&stamp, 0, sizeof(stamp));
        stamp.header = udxg_soft_header(UDXG_SOFT_OP_TIMESTAMP, sizeof(stamp));
        stamp.va = buffer.va;
        require_success(try_calibrate(gpu.adapter, 0, 0, &before));
        require_success(submit(&gpu, &stamp, sizeof(stamp)));
        gpu_finish(&gpu);
        require_success(try_calibrate(gpu.adapter, 1, 0, &after));
        uint64_t hz = soft_info(gpu.adapter).clock_hz, cpu_ns = after.CpuClockCounter - before.CpuClockCounter;
        uint64_t ticks = after.GpuClockCounter - before.GpuClockCounter;
        check_u64(hz, before.GpuFrequency);
        check_true(after.CpuClockCounter > before.CpuClockCounter);
        int64_t off = (int64_t)ticks - (int64_t)((double)cpu_ns * (double)hz / 1e9);
        check_true(off >= -2 && off <= 2);
        uint64_t stamped = *(const uint64_t *)lock(gpu.device, buffer.allocation);
        check_true(stamped >= before.GpuClockCounter && stamped <= after.GpuClockCounter);
    }
}

int main(int argc, char **argv)
{
    static const struct udxg_test tests[] = {
        {"priorities", ON_DISCRETE, priorities},
        {"order", ON_UMA, order},
        {"limits", ON_UMA, limits},
        {"clocks", ON_EACH, clocks},
    };
    return conformance_main(argc, argv, tests, LENGTH_OF(tests));
}
