/* SPDX-License-Identifier: MIT */
/*
 * Contexts, SubmitCommand, what the software engines execute, and what becomes of a device whose commands
 * touch what they may not.
 */
#include "fixture.h"

/* Where nothing is mapped unless a test maps it there. */
static UINT64 own_unmapped_va(void)
{
    return 0x7ab000000000;
}

/* ------------------------------------------------------------------------------------------------ contexts */

static void context_create(void)
{
    D3DKMT_HANDLE adapter = open_adapter();
    D3DKMT_HANDLE device = create_device(adapter);
    UINT nodes = soft_info(adapter).node_count;
    static uint8_t data[16];

    udxg_case("NULL") {
        check_status(STATUS_INVALID_PARAMETER, D3DKMTCreateContextVirtual(NULL));
    }
    const struct {
        const char *name;
        D3DKMT_HANDLE device;
        UINT node, affinity, flags, data_bytes;
        NTSTATUS want;
    } rows[] = {
        {"node 0", device, 0, 0, 0, 0, STATUS_SUCCESS},
        {"last node", device, nodes - 1, 0, 0, 0, STATUS_SUCCESS},
        {"engine affinity 1", device, 0, 1, 0, 0, STATUS_SUCCESS},
        {"DisableGpuTimeout", device, 0, 0, 4, 0, STATUS_SUCCESS},
        {"NullRendering and DisableGpuTimeout", device, 0, 0, 5, 0, STATUS_SUCCESS},
        {"zeroed", 0, 0, 0, 0, 0, STATUS_INVALID_PARAMETER},
        {"hDevice is no handle", BAD_HANDLE, 0, 0, 0, 0, STATUS_INVALID_PARAMETER},
        {"hDevice is an adapter", adapter, 0, 0, 0, 0, STATUS_INVALID_PARAMETER},
        {"node behind the last", device, nodes, 0, 0, 0, STATUS_INVALID_PARAMETER},
        {"node 0xffffffff", device, 0xffffffffu, 0, 0, 0, STATUS_INVALID_PARAMETER},
        {"lowest reserved flag", device, 0, 0, 0x40, 0, STATUS_INVALID_PARAMETER},
        {"highest reserved flag", device, 0, 0, 0x80000000u, 0, STATUS_INVALID_PARAMETER},
        {"private data", device, 0, 0, 0, sizeof(data), STATUS_GRAPHICS_DRIVER_MISMATCH},
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        udxg_case("%s", rows[i].name) {
            D3DKMT_CREATECONTEXTVIRTUAL args = {0};
            args.hDevice = rows[i].device;
            args.NodeOrdinal = rows[i].node;
            args.EngineAffinity = rows[i].affinity;
            args.Flags.Value = rows[i].flags;
            args.pPrivateDriverData = rows[i].data_bytes > 0 ? data : NULL;
            args.PrivateDriverDataSize = rows[i].data_bytes;
            args.ClientHint = D3DKMT_CLIENTHINT_OPENCL;
            args.hContext = SENTINEL;
            check_status(rows[i].want, D3DKMTCreateContextVirtual(&args));
            if (rows[i].want == STATUS_SUCCESS)
                check_local(args.hContext);
            else
                check_u64(SENTINEL, args.hContext);
        }
    }
    udxg_case("16 bytes of private data at NULL") {
        D3DKMT_CREATECONTEXTVIRTUAL args = {0};
        args.hDevice = device;
        args.PrivateDriverDataSize = 16;
        args.hContext = SENTINEL;
        check_status(STATUS_INVALID_PARAMETER, D3DKMTCreateContextVirtual(&args));
        check_u64(SENTINEL, args.hContext);
    }
}

static void context_destroy(void)
{
    D3DKMT_HANDLE device = create_device(open_adapter());
    udxg_case("NULL") {
        check_status(STATUS_INVALID_PARAMETER, D3DKMTDestroyContext(NULL));
    }
    const struct {
        const char *name;
        D3DKMT_HANDLE handle;
    } rows[] = {{"zeroed", 0}, {"no handle", BAD_HANDLE}, {"a device", device}};
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        udxg_case("%s", rows[i].name) {
            D3DKMT_DESTROYCONTEXT args = {rows[i].handle};
            check_status(STATUS_INVALID_PARAMETER, D3DKMTDestroyContext(&args));
        }
    }
    udxg_case("twice") {
        D3DKMT_DESTROYCONTEXT args = {create_context(device, 0)};
        check_status(STATUS_SUCCESS, D3DKMTDestroyContext(&args));
        check_status(STATUS_INVALID_PARAMETER, D3DKMTDestroyContext(&args));
    }
    udxg_case("with work that waits for a fence nobody signals") {
        struct gpu gpu;
        gpu_open(&gpu);
        struct fence gate = create_fence(gpu.device, 0);
        struct gpu_buffer buffer = create_gpu_buffer(&gpu, KIB(64));
        require_success(wait_gpu(gpu.context, gate.handle, 1));
        struct udxg_soft_fill fill = udxg_soft_fill_command(buffer.va, KIB(64), 1);
        require_success(submit(&gpu, &fill, sizeof(fill)));
        D3DKMT_DESTROYCONTEXT args = {gpu.context};
        check_status(STATUS_SUCCESS, D3DKMTDestroyContext(&args));
    }
}

/* ------------------------------------------------------------------------------------- SubmitCommand's checks */

static void submit_arguments(void)
{
    struct gpu gpu;
    gpu_open(&gpu);
    struct gpu_buffer commands = create_gpu_buffer(&gpu, PAGE_BYTES);
    D3DKMT_DESTROYCONTEXT dead = {create_context(gpu.device, 0)};
    static uint8_t data[16];
    struct udxg_soft_command nop = udxg_soft_header(UDXG_SOFT_OP_NOP, 64);
    memcpy(lock(gpu.device, commands.allocation), &nop, sizeof(nop));
    require_success(unlock(gpu.device, commands.allocation));
    require_success(D3DKMTDestroyContext(&dead));

    udxg_case("NULL") {
        check_status(STATUS_INVALID_PARAMETER, D3DKMTSubmitCommand(NULL));
    }
    udxg_case("zeroed") {
        D3DKMT_SUBMITCOMMAND args = {0};
        check_status(STATUS_INVALID_PARAMETER, D3DKMTSubmitCommand(&args));
    }
    const struct {
        const char *name;
        UINT contexts;
        D3DKMT_HANDLE context;
        UINT flags, data_bytes, primaries;
        bool data;
        NTSTATUS want;
    } rows[] = {
        {"as it should be", 1, gpu.context, 0, 0, 0, false, STATUS_SUCCESS},
        {"BroadcastContextCount 0", 0, gpu.context, 0, 0, 0, false, STATUS_INVALID_PARAMETER},
        {"BroadcastContextCount 65", 65, gpu.context, 0, 0, 0, false, STATUS_INVALID_PARAMETER},
        {"BroadcastContextCount 0xffffffff", 0xffffffffu, gpu.context, 0, 0, 0, false, STATUS_INVALID_PARAMETER},
        {"context 0", 1, 0, 0, 0, 0, false, STATUS_INVALID_PARAMETER},
        {"context is no handle", 1, BAD_HANDLE, 0, 0, 0, false, STATUS_INVALID_PARAMETER},
        {"context is a device", 1, gpu.device, 0, 0, 0, false, STATUS_INVALID_PARAMETER},
        {"context was destroyed", 1, dead.hContext, 0, 0, 0, false, STATUS_INVALID_PARAMETER},
        {"second context 0", 2, gpu.context, 0, 0, 0, false, STATUS_INVALID_PARAMETER},
        {"lowest reserved flag", 1, gpu.context, 8, 0, 0, false, STATUS_INVALID_PARAMETER},
        {"highest reserved flag", 1, gpu.context, 0x80000000u, 0, 0, false, STATUS_INVALID_PARAMETER},
        {"private data", 1, gpu.context, 0, sizeof(data), 0, true, STATUS_INVALID_PARAMETER},
        {"16 bytes of private data at NULL", 1, gpu.context, 0, sizeof(data), 0, false, STATUS_INVALID_PARAMETER},
        {"NumPrimaries 17", 1, gpu.context, 0, 0, 17, false, STATUS_INVALID_PARAMETER},
        {"NumPrimaries 0xffffffff", 1, gpu.context, 0, 0, 0xffffffffu, false, STATUS_INVALID_PARAMETER},
        {"a primary that is no allocation", 1, gpu.context, 0, 0, 1, false, STATUS_INVALID_PARAMETER},
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        udxg_case("%s", rows[i].name) {
            D3DKMT_SUBMITCOMMAND args = {0};
            UINT flags = rows[i].flags;
            args.Commands = commands.va;
            args.CommandLength = 64;
            memcpy(&args.Flags, &flags, sizeof(flags));
            args.BroadcastContextCount = rows[i].contexts;
            args.BroadcastContext[0] = rows[i].context;
            args.pPrivateDriverData = rows[i].data ? data : NULL;
            args.PrivateDriverDataSize = rows[i].data_bytes;
            args.NumPrimaries = rows[i].primaries;
            check_status(rows[i].want, D3DKMTSubmitCommand(&args));
            gpu_finish(&gpu);
            check_u64(D3DKMT_DEVICEEXECUTION_ACTIVE, execution_state(gpu.device));
        }
    }
}

/* -------------------------------------------------------------------------------------------- execution */

static void executes(void)
{
    struct gpu gpu;
    gpu_open(&gpu);
    udxg_case("FILL fills what it says and nothing beside it") {
        struct gpu_buffer buffer = create_gpu_buffer(&gpu, KIB(64));
        struct udxg_soft_fill fill = udxg_soft_fill_command(buffer.va + 4, KIB(32), 0x11223344);
        require_success(submit(&gpu, &fill, sizeof(fill)));
        gpu_finish(&gpu);
        const uint32_t *data = (const uint32_t *)lock(gpu.device, buffer.allocation);
        check_u64(0, data[0]);
        for (size_t i = 1; i <= KIB(32) / 4; i++) require_u64(0x11223344, data[i]);
        check_u64(0, data[KIB(32) / 4 + 1]);
    }
    udxg_case("FILL of 0 bytes does nothing") {
        struct udxg_soft_fill fill = udxg_soft_fill_command(own_unmapped_va(), 0, 1);
        require_success(submit(&gpu, &fill, sizeof(fill)));
        gpu_finish(&gpu);
        check_u64(D3DKMT_DEVICEEXECUTION_ACTIVE, execution_state(gpu.device));
    }
    udxg_case("COPY between allocations, odd places and sizes") {
        struct gpu_buffer from = create_gpu_buffer(&gpu, KIB(64)), to = create_gpu_buffer(&gpu, KIB(64));
        uint8_t *source = (uint8_t *)lock(gpu.device, from.allocation);
        for (size_t i = 0; i < KIB(64); i++) source[i] = (uint8_t)(i * 7 + (i >> 8));
        require_success(unlock(gpu.device, from.allocation));
        struct udxg_soft_copy copy = udxg_soft_copy_command(to.va + 13, from.va + 4095, 8195);
        require_success(submit(&gpu, &copy, sizeof(copy)));
        gpu_finish(&gpu);
        source = (uint8_t *)lock(gpu.device, from.allocation);
        const uint8_t *got = (const uint8_t *)lock(gpu.device, to.allocation);
        check_true(filled_with(got, 13, 0));
        check_true(memcmp(got + 13, source + 4095, 8195) == 0);
        check_true(filled_with(got + 13 + 8195, 4096, 0));
    }
    udxg_case("WRITE writes its bytes, not the padding") {
        struct {
            struct udxg_soft_write write;
            uint8_t data[16];
        } command;
        struct gpu_buffer buffer = create_gpu_buffer(&gpu, PAGE_BYTES);
        memset(&command, 0xff, sizeof(command));
        command.write.header = udxg_soft_header(UDXG_SOFT_OP_WRITE, sizeof(command));
        command.write.va = buffer.va + 1;
        command.write.data_bytes = 11;
        command.write.reserved = 0;
        memcpy(command.data, "hello there", 11);
        require_success(submit(&gpu, &command, sizeof(command)));
        gpu_finish(&gpu);
        const uint8_t *data = (const uint8_t *)lock(gpu.device, buffer.allocation);
        check_u64(0, data[0]);
        check_true(memcmp(data + 1, "hello there", 11) == 0);
        check_u64(0, data[12]);
    }
    udxg_case("ATOMIC_ADD adds, wraps and gives the old value") {
        struct udxg_soft_atomic_add add[2];
        struct gpu_buffer buffer = create_gpu_buffer(&gpu, PAGE_BYTES);
        memset(add, 0, sizeof(add));
        for (int i = 0; i < 2; i++) {
            add[i].header = udxg_soft_header(UDXG_SOFT_OP_ATOMIC_ADD, sizeof(add[i]));
            add[i].va = buffer.va;
            add[i].value = i == 0 ? 5 : ~(uint64_t)0;
            add[i].old_va = buffer.va + 64 + 8 * (uint64_t)i;
            add[i].operand_bytes = 8;
        }
        require_success(submit(&gpu, add, sizeof(add)));
        gpu_finish(&gpu);
        const uint64_t *data = (const uint64_t *)lock(gpu.device, buffer.allocation);
        check_u64(4, data[0]);
        check_u64(0, data[8]);
        check_u64(5, data[9]);
    }
    udxg_case("ATOMIC_ADD of 4 bytes leaves the next 4 alone") {
        struct udxg_soft_atomic_add add;
        struct gpu_buffer buffer = create_gpu_buffer(&gpu, PAGE_BYTES);
        memset(&add, 0, sizeof(add));
        add.header = udxg_soft_header(UDXG_SOFT_OP_ATOMIC_ADD, sizeof(add));
        add.va = buffer.va + 4;
        add.value = 0x1ffffffffull;
        add.operand_bytes = 4;
        require_success(submit(&gpu, &add, sizeof(add)));
        gpu_finish(&gpu);
        const uint32_t *data = (const uint32_t *)lock(gpu.device, buffer.allocation);
        check_u64(0, data[0]);
        check_u64(0xffffffff, data[1]);
        check_u64(0, data[2]);
    }
    udxg_case("TIMESTAMP gives the clock, which runs") {
        struct udxg_soft_timestamp stamp[2];
        struct gpu_buffer buffer = create_gpu_buffer(&gpu, PAGE_BYTES);
        for (int i = 0; i < 2; i++) {
            stamp[i].header = udxg_soft_header(UDXG_SOFT_OP_TIMESTAMP, sizeof(stamp[i]));
            stamp[i].va = buffer.va + 8 * (uint64_t)i;
        }
        require_success(submit(&gpu, stamp, sizeof(stamp)));
        gpu_finish(&gpu);
        const uint64_t *data = (const uint64_t *)lock(gpu.device, buffer.allocation);
        check_true(data[0] > 0 && data[1] >= data[0]);
        check_true(data[1] - data[0] < 10 * soft_info(gpu.adapter).clock_hz);
    }
    udxg_case("commands of a buffer run in order, NOP skips what it covers") {
        struct {
            struct udxg_soft_fill first;
            struct udxg_soft_command nop;
            uint8_t skipped[32];
            struct udxg_soft_fill second;
            struct udxg_soft_copy copy;
        } commands;
        struct gpu_buffer a = create_gpu_buffer(&gpu, PAGE_BYTES), b = create_gpu_buffer(&gpu, PAGE_BYTES);
        commands.first = udxg_soft_fill_command(a.va, PAGE_BYTES, 1);
        commands.nop = udxg_soft_header(UDXG_SOFT_OP_NOP, 40);
        memset(commands.skipped, 0xff, sizeof(commands.skipped));
        commands.second = udxg_soft_fill_command(a.va, PAGE_BYTES, 0x02020202);
        commands.copy = udxg_soft_copy_command(b.va, a.va, PAGE_BYTES);
        require_success(submit(&gpu, &commands, sizeof(commands)));
        gpu_finish(&gpu);
        check_true(filled_with(lock(gpu.device, b.allocation), PAGE_BYTES, 2));
    }
    udxg_case("submissions of a context run in order") {
        struct gpu_buffer buffer = create_gpu_buffer(&gpu, PAGE_BYTES);
        for (uint32_t i = 1; i <= 100; i++) {
            struct udxg_soft_fill fill = udxg_soft_fill_command(buffer.va, PAGE_BYTES, i * 0x01010101u);
            require_success(submit(&gpu, &fill, sizeof(fill)));
        }
        gpu_finish(&gpu);
        check_true(filled_with(lock(gpu.device, buffer.allocation), PAGE_BYTES, 100));
    }
    udxg_case("a canonical address means the same") {
        struct gpu_buffer buffer = create_gpu_buffer(&gpu, PAGE_BYTES);
        UINT64 high = 0;
        require_success(try_map(&gpu.queue, buffer.allocation, 0x810400010000, 1, &high));
        struct udxg_soft_fill fill = udxg_soft_fill_command(high | 0xffff000000000000ull, PAGE_BYTES, 0x3a3a3a3a);
        require_success(submit(&gpu, &fill, sizeof(fill)));
        gpu_finish(&gpu);
        check_true(filled_with(lock(gpu.device, buffer.allocation), PAGE_BYTES, 0x3a));
    }
    udxg_case("WAIT holds one node until another node writes") {
        UINT nodes = soft_info(gpu.adapter).node_count;
        require_true(nodes >= 2);
        D3DKMT_HANDLE second = create_context(gpu.device, 1);
        struct gpu_buffer flag = create_gpu_buffer(&gpu, PAGE_BYTES), out = create_gpu_buffer(&gpu, PAGE_BYTES);
        struct {
            struct udxg_soft_wait wait;
            struct udxg_soft_copy copy;
        } waiter;
        memset(&waiter, 0, sizeof(waiter));
        waiter.wait.header = udxg_soft_header(UDXG_SOFT_OP_WAIT, sizeof(waiter.wait));
        waiter.wait.va = flag.va;
        waiter.wait.value = 0x07070707;
        waiter.wait.operand_bytes = 4;
        waiter.wait.compare = UDXG_SOFT_COMPARE_EQUAL;
        waiter.copy = udxg_soft_copy_command(out.va, flag.va, PAGE_BYTES);
        struct udxg_soft_fill fill[2];
        fill[0] = udxg_soft_fill_command(flag.va + 4, PAGE_BYTES - 4, 0x07070707);
        fill[1] = udxg_soft_fill_command(flag.va, 4, 0x07070707);
        require_success(submit(&gpu, &waiter, sizeof(waiter)));
        require_success(submit_to(&gpu, second, fill, sizeof(fill)));
        gpu_finish(&gpu);
        check_true(filled_with(lock(gpu.device, out.allocation), PAGE_BYTES, 7));
    }
    udxg_case("pages mapped in another order are read in that order") {
        struct gpu_buffer buffer = create_gpu_buffer(&gpu, KIB(64)), out = create_gpu_buffer(&gpu, KIB(64));
        uint8_t *data = (uint8_t *)lock(gpu.device, buffer.allocation);
        for (unsigned i = 0; i < 16; i++) memset(data + i * PAGE_BYTES, (int)(0xa0 + i), PAGE_BYTES);
        require_success(unlock(gpu.device, buffer.allocation));
        const UINT64 base = 1ull << 41;
        for (unsigned i = 0; i < 16; i++) {
            D3DDDI_MAPGPUVIRTUALADDRESS args = {0};
            args.hPagingQueue = gpu.queue.handle;
            args.BaseAddress = base + i * PAGE_BYTES;
            args.hAllocation = buffer.allocation;
            args.OffsetInPages = 15 - i;
            args.SizeInPages = 1;
            NTSTATUS status = D3DKMTMapGpuVirtualAddress(&args);
            require_true(status == STATUS_SUCCESS || status == STATUS_PENDING);
            wait_paging(&gpu.queue, args.PagingFenceValue);
        }
        struct udxg_soft_copy copy = udxg_soft_copy_command(out.va, base, KIB(64));
        require_success(submit(&gpu, &copy, sizeof(copy)));
        gpu_finish(&gpu);
        data = (uint8_t *)lock(gpu.device, out.allocation);
        for (unsigned i = 0; i < 16; i++)
            check_true(filled_with(data + i * PAGE_BYTES, PAGE_BYTES, (uint8_t)(0xa0 + 15 - i)));
    }
    udxg_case("the caller's own memory is what the GPU works on") {
        struct udxg_soft_allocation soft = soft_buffer(KIB(64));
        D3DDDI_ALLOCATIONINFO2 info = {0};
        D3DKMT_CREATEALLOCATION args = {0};
        void *memory = map_pages(16);
        info.pSystemMem = memory;
        info.pPrivateDriverData = &soft;
        info.PrivateDriverDataSize = sizeof(soft);
        args.hDevice = gpu.device;
        args.NumAllocations = 1;
        args.pAllocationInfo2 = &info;
        require_success(D3DKMTCreateAllocation2(&args));
        UINT64 va = map(&gpu.queue, info.hAllocation, KIB(64));
        make_resident(&gpu.queue, info.hAllocation);
        struct udxg_soft_fill fill = udxg_soft_fill_command(va, KIB(64), 0x55555555);
        require_success(submit(&gpu, &fill, sizeof(fill)));
        gpu_finish(&gpu);
        check_true(filled_with(memory, KIB(64), 0x55));
    }
    udxg_case("a Zero range reads zero and drops writes") {
        struct gpu_buffer out = create_gpu_buffer(&gpu, PAGE_BYTES);
        D3DDDI_MAPGPUVIRTUALADDRESS args = {0};
        args.hPagingQueue = gpu.queue.handle;
        args.SizeInPages = 1;
        args.Protection.Zero = 1;
        NTSTATUS status = D3DKMTMapGpuVirtualAddress(&args);
        require_true(status == STATUS_SUCCESS || status == STATUS_PENDING);
        wait_paging(&gpu.queue, args.PagingFenceValue);
        struct {
            struct udxg_soft_fill out, zero;
            struct udxg_soft_copy copy;
        } commands;
        commands.out = udxg_soft_fill_command(out.va, PAGE_BYTES, 0xffffffff);
        commands.zero = udxg_soft_fill_command(args.VirtualAddress, PAGE_BYTES, 0xffffffff);
        commands.copy = udxg_soft_copy_command(out.va, args.VirtualAddress, PAGE_BYTES);
        require_success(submit(&gpu, &commands, sizeof(commands)));
        gpu_finish(&gpu);
        check_u64(D3DKMT_DEVICEEXECUTION_ACTIVE, execution_state(gpu.device));
        check_true(filled_with(lock(gpu.device, out.allocation), PAGE_BYTES, 0));
    }
    udxg_case("commands the CPU wrote through the caller's pointer, broadcast of one context to each node") {
        for (UINT node = 0; node < soft_info(gpu.adapter).node_count; node++) {
            D3DKMT_HANDLE context = create_context(gpu.device, node);
            struct gpu_buffer buffer = create_gpu_buffer(&gpu, PAGE_BYTES);
            struct fence done = create_fence(gpu.device, 0);
            struct udxg_soft_fill fill = udxg_soft_fill_command(buffer.va, PAGE_BYTES, 0x21212121);
            require_success(submit_to(&gpu, context, &fill, sizeof(fill)));
            require_success(signal_gpu(context, done.handle, 1));
            require_success(wait_cpu(gpu.device, done.handle, 1, -1));
            check_true(filled_with(lock(gpu.device, buffer.allocation), PAGE_BYTES, 0x21));
        }
    }
}

/* --------------------------------------------------------------------------------------------------- faults */

/* What the faulting command is and where it points, built for the GPU at hand. */
struct faulty {
    uint8_t bytes[64];
    UINT size_bytes;
    UINT64 va; /* that the record should name */
};

static void use(struct faulty *faulty, const void *command, UINT size_bytes)
{
    memcpy(faulty->bytes, command, size_bytes);
    faulty->size_bytes = size_bytes;
}

static void write_unmapped(struct gpu *gpu, struct faulty *faulty)
{
    (void)gpu;
    faulty->va = own_unmapped_va();
    struct udxg_soft_fill fill = udxg_soft_fill_command(faulty->va, 64, 1);
    use(faulty, &fill, sizeof(fill));
}

static void read_unmapped(struct gpu *gpu, struct faulty *faulty)
{
    struct gpu_buffer to = create_gpu_buffer(gpu, PAGE_BYTES);
    faulty->va = own_unmapped_va();
    struct udxg_soft_copy copy = udxg_soft_copy_command(to.va, faulty->va, 64);
    use(faulty, &copy, sizeof(copy));
}

static void write_over_end(struct gpu *gpu, struct faulty *faulty)
{
    UINT64 va = 0;
    D3DKMT_HANDLE allocation = create_buffer(gpu->device, PAGE_BYTES);
    require_success(try_map(&gpu->queue, allocation, own_unmapped_va(), 1, &va));
    make_resident(&gpu->queue, allocation);
    faulty->va = va + PAGE_BYTES;
    struct udxg_soft_fill fill = udxg_soft_fill_command(va, PAGE_BYTES + 4, 1);
    use(faulty, &fill, sizeof(fill));
}

static void write_not_resident(struct gpu *gpu, struct faulty *faulty)
{
    faulty->va = map(&gpu->queue, create_buffer(gpu->device, KIB(64)), KIB(64));
    struct udxg_soft_fill fill = udxg_soft_fill_command(faulty->va, 64, 1);
    use(faulty, &fill, sizeof(fill));
}

static void write_evicted(struct gpu *gpu, struct faulty *faulty)
{
    struct gpu_buffer buffer = create_gpu_buffer(gpu, KIB(64));
    require_success(evict(gpu->device, buffer.allocation));
    faulty->va = buffer.va;
    struct udxg_soft_fill fill = udxg_soft_fill_command(faulty->va, 64, 1);
    use(faulty, &fill, sizeof(fill));
}

static void write_read_only(struct gpu *gpu, struct faulty *faulty)
{
    D3DDDI_MAPGPUVIRTUALADDRESS args = {0};
    D3DKMT_HANDLE allocation = create_buffer(gpu->device, KIB(64));
    args.hPagingQueue = gpu->queue.handle;
    args.hAllocation = allocation;
    args.SizeInPages = 16;
    NTSTATUS status = D3DKMTMapGpuVirtualAddress(&args);
    require_true(status == STATUS_SUCCESS || status == STATUS_PENDING);
    wait_paging(&gpu->queue, args.PagingFenceValue);
    make_resident(&gpu->queue, allocation);
    faulty->va = args.VirtualAddress;
    struct udxg_soft_fill fill = udxg_soft_fill_command(faulty->va, 64, 1);
    use(faulty, &fill, sizeof(fill));
}

static void write_freed(struct gpu *gpu, struct faulty *faulty)
{
    struct gpu_buffer buffer = create_gpu_buffer(gpu, KIB(64));
    D3DKMT_FREEGPUVIRTUALADDRESS args = {0};
    args.hAdapter = gpu->adapter;
    args.BaseAddress = buffer.va;
    args.Size = KIB(64);
    require_success(D3DKMTFreeGpuVirtualAddress(&args));
    faulty->va = buffer.va;
    struct udxg_soft_fill fill = udxg_soft_fill_command(faulty->va, 64, 1);
    use(faulty, &fill, sizeof(fill));
}

static void write_reserved(struct gpu *gpu, struct faulty *faulty)
{
    D3DDDI_RESERVEGPUVIRTUALADDRESS args = {0};
    args.hAdapter = gpu->adapter;
    args.Size = KIB(64);
    require_success(D3DKMTReserveGpuVirtualAddress(&args));
    faulty->va = args.VirtualAddress;
    struct udxg_soft_fill fill = udxg_soft_fill_command(faulty->va, 64, 1);
    use(faulty, &fill, sizeof(fill));
}

static void read_no_access(struct gpu *gpu, struct faulty *faulty)
{
    struct gpu_buffer to = create_gpu_buffer(gpu, PAGE_BYTES);
    D3DDDI_MAPGPUVIRTUALADDRESS args = {0};
    args.hPagingQueue = gpu->queue.handle;
    args.SizeInPages = 1;
    args.Protection.NoAccess = 1;
    NTSTATUS status = D3DKMTMapGpuVirtualAddress(&args);
    require_true(status == STATUS_SUCCESS || status == STATUS_PENDING);
    wait_paging(&gpu->queue, args.PagingFenceValue);
    faulty->va = args.VirtualAddress;
    struct udxg_soft_copy copy = udxg_soft_copy_command(to.va, faulty->va, 64);
    use(faulty, &copy, sizeof(copy));
}

static void on_purpose(struct faulty *faulty, uint32_t write)
{
    struct udxg_soft_fault fault;
    faulty->va = 0x123456789000;
    fault.header = udxg_soft_header(UDXG_SOFT_OP_FAULT, sizeof(fault));
    fault.va = faulty->va;
    fault.error_code = 0x4321;
    fault.write = write;
    use(faulty, &fault, sizeof(fault));
}

static void on_purpose_read(struct gpu *gpu, struct faulty *faulty)
{
    (void)gpu;
    on_purpose(faulty, 0);
}

static void on_purpose_write(struct gpu *gpu, struct faulty *faulty)
{
    (void)gpu;
    on_purpose(faulty, 1);
}

static const struct {
    const char *name;
    void (*build)(struct gpu *gpu, struct faulty *faulty);
    bool write;
    uint32_t error;
} fault_rows[] = {
    {"write to an unmapped address", write_unmapped, true, UDXG_SOFT_ERROR_ACCESS},
    {"read of an unmapped address", read_unmapped, false, UDXG_SOFT_ERROR_ACCESS},
    {"write over the end of a mapping", write_over_end, true, UDXG_SOFT_ERROR_ACCESS},
    {"write to what was never made resident", write_not_resident, true, UDXG_SOFT_ERROR_ACCESS},
    {"write to what was evicted", write_evicted, true, UDXG_SOFT_ERROR_ACCESS},
    {"write to a read-only mapping", write_read_only, true, UDXG_SOFT_ERROR_ACCESS},
    {"write to a freed address", write_freed, true, UDXG_SOFT_ERROR_ACCESS},
    {"write to a reservation", write_reserved, true, UDXG_SOFT_ERROR_ACCESS},
    {"read of a NoAccess range", read_no_access, false, UDXG_SOFT_ERROR_ACCESS},
    {"FAULT, as a read", on_purpose_read, false, 0x4321},
    {"FAULT, as a write", on_purpose_write, true, 0x4321},
};

static D3DKMT_DEVICEPAGEFAULT_STATE fault_record(D3DKMT_HANDLE device)
{
    D3DKMT_GETDEVICESTATE args;
    memset(&args, 0xcc, sizeof(args));
    args.hDevice = device;
    args.StateType = D3DKMT_DEVICESTATE_PAGE_FAULT;
    require_success(D3DKMTGetDeviceState(&args));
    return args.PageFaultState;
}

static void faults(void)
{
    D3DKMT_HANDLE adapter = open_adapter();
    for (size_t i = 0; i < LENGTH_OF(fault_rows); i++) {
        udxg_case("%s", fault_rows[i].name) {
            struct gpu gpu;
            struct faulty faulty;
            uint8_t commands[sizeof(struct udxg_soft_fill) * 2 + sizeof(faulty.bytes)];
            gpu_open_on(&gpu, adapter);
            /* One good command before and one after: the first stays done, the last is not reached. */
            struct gpu_buffer before = create_gpu_buffer(&gpu, PAGE_BYTES);
            struct gpu_buffer after = create_gpu_buffer(&gpu, PAGE_BYTES);
            struct udxg_soft_fill fill = udxg_soft_fill_command(before.va, PAGE_BYTES, 0x0b0b0b0b);
            fault_rows[i].build(&gpu, &faulty);
            memcpy(commands, &fill, sizeof(fill));
            memcpy(commands + sizeof(fill), faulty.bytes, faulty.size_bytes);
            fill.va = after.va;
            memcpy(commands + sizeof(fill) + faulty.size_bytes, &fill, sizeof(fill));
            /* Locked now: on a device in error only unlocking is sure to work. */
            const void *before_data = lock(gpu.device, before.allocation);
            const void *after_data = lock(gpu.device, after.allocation);

            check_status(STATUS_SUCCESS, submit(&gpu, commands, (UINT)(2 * sizeof(fill)) + faulty.size_bytes));
            check_u64(D3DKMT_DEVICEEXECUTION_ERROR_DMAPAGEFAULT, wait_for_error(gpu.device));
            D3DKMT_DEVICEPAGEFAULT_STATE record = fault_record(gpu.device);
            check_u64(faulty.va, record.FaultedVirtualAddress);
            check_u64(fault_rows[i].write, (record.PageFaultFlags & DXGK_PAGE_FAULT_WRITE) != 0);
            check_u64(1, record.FaultErrorCode.IsDeviceSpecificCode);
            check_u64(fault_rows[i].error, record.FaultErrorCode.DeviceSpecificCode);
            check_true(filled_with(before_data, PAGE_BYTES, 0x0b));
            check_true(filled_with(after_data, PAGE_BYTES, 0));
        }
    }
}

static void illegal_commands(void)
{
    D3DKMT_HANDLE adapter = open_adapter();
    const struct {
        const char *name;
        uint32_t opcode, size_bytes, submitted;
        uint32_t va_offset;
    } rows[] = {
        {"opcode 0", 0, 8, 8, 0},
        {"unknown opcode", 0x7fff, 32, 32, 0},
        {"size 0", UDXG_SOFT_OP_NOP, 0, 8, 0},
        {"size not a multiple of 8", UDXG_SOFT_OP_NOP, 12, 16, 0},
        {"size beyond the buffer", UDXG_SOFT_OP_NOP, 64, 32, 0},
        {"size that wraps around", UDXG_SOFT_OP_NOP, 0xfffffff8u, 32, 0},
        {"FILL shorter than a FILL", UDXG_SOFT_OP_FILL, 24, 24, 0},
        {"FILL longer than a FILL", UDXG_SOFT_OP_FILL, 40, 40, 0},
        {"FILL at an address that is no multiple of 4", UDXG_SOFT_OP_FILL, 32, 32, 2},
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        udxg_case("%s", rows[i].name) {
            struct gpu gpu;
            gpu_open_on(&gpu, adapter);
            uint8_t commands[128] = {0};
            struct gpu_buffer buffer = create_gpu_buffer(&gpu, PAGE_BYTES);
            struct udxg_soft_fill fill = udxg_soft_fill_command(buffer.va + rows[i].va_offset, 64, 1);
            fill.header = udxg_soft_header(rows[i].opcode, rows[i].size_bytes);
            memcpy(commands, &fill, sizeof(fill));
            const void *data = lock(gpu.device, buffer.allocation);
            check_status(STATUS_SUCCESS, submit(&gpu, commands, rows[i].submitted));
            check_u64(D3DKMT_DEVICEEXECUTION_ERROR_DMAFAULT, wait_for_error(gpu.device));
            D3DKMT_DEVICEPAGEFAULT_STATE record = fault_record(gpu.device);
            check_u64(1, record.FaultErrorCode.IsDeviceSpecificCode);
            check_u64(UDXG_SOFT_ERROR_COMMAND, record.FaultErrorCode.DeviceSpecificCode);
            check_true(filled_with(data, PAGE_BYTES, 0));
        }
    }
    udxg_case("commands at an unmapped address") {
        struct gpu gpu;
        gpu_open_on(&gpu, adapter);
        D3DKMT_SUBMITCOMMAND args = {0};
        args.Commands = own_unmapped_va();
        args.CommandLength = 64;
        args.BroadcastContextCount = 1;
        args.BroadcastContext[0] = gpu.context;
        check_status(STATUS_SUCCESS, D3DKMTSubmitCommand(&args));
        check_u64(D3DKMT_DEVICEEXECUTION_ERROR_DMAPAGEFAULT, wait_for_error(gpu.device));
        check_u64(own_unmapped_va(), fault_record(gpu.device).FaultedVirtualAddress);
    }
}

static void put_in_error(struct gpu *gpu)
{
    struct faulty faulty;
    on_purpose(&faulty, 1);
    require_success(submit(gpu, faulty.bytes, faulty.size_bytes));
    wait_for_error(gpu->device);
}

static void in_error(void)
{
    D3DKMT_HANDLE adapter = open_adapter();
    udxg_case("later submissions, to any context of the device") {
        struct gpu gpu;
        gpu_open_on(&gpu, adapter);
        struct gpu_buffer commands = create_gpu_buffer(&gpu, PAGE_BYTES);
        D3DKMT_HANDLE second = create_context(gpu.device, 1);
        put_in_error(&gpu);
        D3DKMT_SUBMITCOMMAND args = {0};
        args.Commands = commands.va;
        args.CommandLength = 8;
        args.BroadcastContextCount = 1;
        args.BroadcastContext[0] = gpu.context;
        check_status(STATUS_GRAPHICS_GPU_EXCEPTION_ON_DEVICE, D3DKMTSubmitCommand(&args));
        args.BroadcastContext[0] = second;
        check_status(STATUS_GRAPHICS_GPU_EXCEPTION_ON_DEVICE, D3DKMTSubmitCommand(&args));
    }
    udxg_case("another device goes on, on every node") {
        struct gpu broken, other;
        gpu_open_on(&broken, adapter);
        gpu_open_on(&other, adapter);
        put_in_error(&broken);
        struct gpu_buffer buffer = create_gpu_buffer(&other, PAGE_BYTES);
        struct udxg_soft_fill fill = udxg_soft_fill_command(buffer.va, PAGE_BYTES, 0x66666666);
        require_success(submit(&other, &fill, sizeof(fill)));
        gpu_finish(&other);
        check_true(filled_with(lock(other.device, buffer.allocation), PAGE_BYTES, 0x66));
        check_u64(D3DKMT_DEVICEEXECUTION_ACTIVE, execution_state(other.device));
    }
    udxg_case("everything can still be unlocked and destroyed") {
        struct gpu gpu;
        gpu_open_on(&gpu, adapter);
        struct gpu_buffer buffer = create_gpu_buffer(&gpu, KIB(64));
        lock(gpu.device, buffer.allocation);
        put_in_error(&gpu);
        check_status(STATUS_SUCCESS, unlock(gpu.device, buffer.allocation));
        check_status(STATUS_SUCCESS, destroy_allocation(gpu.device, buffer.allocation));
        D3DKMT_DESTROYSYNCHRONIZATIONOBJECT sync = {gpu.done.handle};
        D3DKMT_DESTROYCONTEXT context = {gpu.context};
        D3DDDI_DESTROYPAGINGQUEUE queue = {gpu.queue.handle};
        D3DKMT_DESTROYDEVICE device = {gpu.device};
        check_status(STATUS_SUCCESS, D3DKMTDestroySynchronizationObject(&sync));
        check_status(STATUS_SUCCESS, D3DKMTDestroyContext(&context));
        check_status(STATUS_SUCCESS, D3DKMTDestroyPagingQueue(&queue));
        check_status(STATUS_SUCCESS, D3DKMTDestroyDevice(&device));
    }
    udxg_case("a new device of the adapter works") {
        struct gpu broken, next;
        gpu_open_on(&broken, adapter);
        put_in_error(&broken);
        D3DKMT_DESTROYDEVICE device = {broken.device};
        require_success(D3DKMTDestroyDevice(&device));
        gpu_open_on(&next, adapter);
        gpu_finish(&next);
        check_u64(D3DKMT_DEVICEEXECUTION_ACTIVE, execution_state(next.device));
    }
    udxg_case("the record of a device that never faulted is empty") {
        struct gpu gpu;
        gpu_open_on(&gpu, adapter);
        D3DKMT_DEVICEPAGEFAULT_STATE record = fault_record(gpu.device);
        check_u64(0, record.FaultedVirtualAddress);
        check_u64(0, record.PageFaultFlags);
    }
}

int main(int argc, char **argv)
{
    static const struct udxg_test tests[] = {
        {"context/create", ON_DISCRETE, context_create},
        {"context/destroy", ON_DISCRETE, context_destroy},
        {"argument", ON_DISCRETE, submit_arguments},
        {"executes", ON_EACH, executes},
        {"fault", ON_EACH, faults},
        {"illegal", ON_DISCRETE, illegal_commands},
        {"in error", ON_EACH, in_error},
    };
    return conformance_main(argc, argv, tests, LENGTH_OF(tests));
}
