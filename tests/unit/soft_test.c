/* SPDX-License-Identifier: MIT */
/*
 * The soft miniport alone: what it makes of private data, and its commands on a fake GPU memory of three pages
 * of which the last is read-only; everything around them faults.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include <udxg/soft.h>

#include "base/os.h"
#include "ddi/validate.h"
#include "miniport/soft/soft.h"

#define GIB (UINT64_C(1) << 30)
#define KEEP 0xeeeeeeeeu /* what an output holds before a call that must not write it */

/* Segment 1 is hidden and has 64 KiB pages, 2 is visible memory, 3 is the aperture. */
static const struct udxg_adapter_caps discrete_caps = {
    .name = "discrete",
    .description = "test",
    .miniport = "soft",
    .wddm_version = 2700,
    .gpu_va_bits = 48,
    .clock_hz = 1000000000,
    .segment_count = 3,
    .segments = {{.flags = UDXG_SEGMENT_USE_64KB_PAGES, .size_bytes = 2 * GIB},
                 {.flags = UDXG_SEGMENT_CPU_VISIBLE, .size_bytes = GIB},
                 {.flags = UDXG_SEGMENT_APERTURE, .size_bytes = GIB}},
    .node_count = 2,
    .nodes = {{.engine_type = DXGK_ENGINE_TYPE_3D, .name = "3D"},
              {.engine_type = DXGK_ENGINE_TYPE_COPY, .name = "Copy"}},
};

static const struct udxg_adapter_caps uma_caps = {
    .name = "uma",
    .description = "test",
    .miniport = "soft",
    .wddm_version = 2700,
    .gpu_va_bits = 40,
    .clock_hz = 1000,
    .segment_count = 1,
    .segments = {{.flags = UDXG_SEGMENT_APERTURE, .size_bytes = GIB}},
    .node_count = 1,
    .nodes = {{.engine_type = DXGK_ENGINE_TYPE_3D, .name = "3D"}},
};

static const struct udxg_miniport *const soft = &udxg_miniport_soft;

static void *start(const struct udxg_adapter_caps *profile)
{
    struct udxg_adapter_caps caps = *profile;
    void *adapter = NULL;
    assert_null(udxg_validate_caps(profile));
    assert_int_equal(soft->start(&caps, &adapter), STATUS_SUCCESS);
    assert_memory_equal(&caps, profile, sizeof(caps));
    return adapter;
}

/* ---- private data ---- */

static struct udxg_soft_allocation buffer_data(uint64_t size_bytes)
{
    struct udxg_soft_allocation data = {.magic = UDXG_SOFT_ALLOCATION_MAGIC, .version = UDXG_SOFT_VERSION};
    data.size_bytes = size_bytes;
    return data;
}

static struct udxg_allocation_info preset_info(void *private_data, uint32_t private_data_bytes)
{
    struct udxg_allocation_info info = {.private_data = private_data, .private_data_bytes = private_data_bytes};
    info.alignment_bytes = 4096;
    info.priority = D3DDDI_ALLOCATIONPRIORITY_NORMAL;
    return info;
}

static NTSTATUS create_one(void *adapter, struct udxg_allocation_info *info)
{
    struct udxg_create_allocation args = {.count = 1, .infos = info};
    return soft->create_allocation(adapter, &args);
}

/* Creates from DATA on the discrete adapter, or on the uma one; what succeeds keeps every rule of the DDI. */
static NTSTATUS create_on(const struct udxg_adapter_caps *caps, struct udxg_soft_allocation *data,
                          const void *system_memory, struct udxg_allocation_info *ret_info)
{
    void *adapter = start(caps);
    struct udxg_soft_allocation before = *data;
    struct udxg_allocation_info info = preset_info(data, sizeof(*data));
    info.system_memory = system_memory;
    NTSTATUS status = create_one(adapter, &info);
    soft->stop(adapter);
    if (status == STATUS_SUCCESS)
        assert_null(udxg_validate_allocation(caps, &info));
    else
        assert_memory_equal(data, &before, sizeof(before));
    if (ret_info) *ret_info = info;
    return status;
}

static NTSTATUS create(struct udxg_soft_allocation *data, struct udxg_allocation_info *ret_info)
{
    return create_on(&discrete_caps, data, NULL, ret_info);
}

static void buffer_defaults(void **state)
{
    struct udxg_soft_allocation data = buffer_data(5000);
    struct udxg_allocation_info info;
    (void)state;
    assert_int_equal(create(&data, &info), STATUS_SUCCESS);
    assert_int_equal(info.size_bytes, 8192);
    assert_int_equal(info.alignment_bytes, 65536);
    assert_int_equal(info.supported_segments, 7);
    assert_int_equal(info.preferred[0].segment_id, 1);
    assert_int_equal(info.preferred[1].segment_id, 3);
    assert_int_equal(info.preferred[2].segment_id, 0);
    assert_int_equal(info.flags, 0);
    assert_int_equal(info.priority, D3DDDI_ALLOCATIONPRIORITY_NORMAL);
    assert_null(info.allocation);
    assert_int_equal(data.size_bytes, 8192);
    assert_int_equal(data.alignment_bytes, 65536);

    data = buffer_data(1);
    assert_int_equal(create_on(&uma_caps, &data, NULL, &info), STATUS_SUCCESS);
    assert_int_equal(info.size_bytes, 4096);
    assert_int_equal(info.alignment_bytes, 4096);
    assert_int_equal(info.supported_segments, 1);
    assert_int_equal(info.preferred[0].segment_id, 1);
    assert_int_equal(info.preferred[1].segment_id, 0);
}

static void segment_preferences(void **state)
{
    struct udxg_allocation_info info;
    (void)state;
    struct udxg_soft_allocation data = buffer_data(4096);
    data.preferred[0] = UDXG_SOFT_SEGMENT_SYSTEM;
    data.preferred[1] = 2;
    data.flags = UDXG_SOFT_ONLY_PREFERRED | UDXG_SOFT_FROM_END;
    assert_int_equal(create(&data, &info), STATUS_SUCCESS);
    assert_int_equal(info.supported_segments, 6);
    assert_int_equal(info.preferred[0].segment_id, 3);
    assert_int_equal(info.preferred[1].segment_id, 2);
    assert_true(info.preferred[0].from_end);
    assert_int_equal(info.flags, UDXG_ALLOCATION_FROM_END_OF_SEGMENT);
    assert_int_equal(info.alignment_bytes, 4096); /* no segment with 64 KiB pages */

    data = buffer_data(4096);
    data.preferred[0] = 4;
    assert_int_equal(create(&data, NULL), STATUS_INVALID_PARAMETER);
    data.preferred[0] = 200;
    assert_int_equal(create(&data, NULL), STATUS_INVALID_PARAMETER);

    data = buffer_data(4096);
    data.flags = UDXG_SOFT_PERMANENT_SYSTEM;
    data.preferred[0] = UDXG_SOFT_SEGMENT_LOCAL;
    assert_int_equal(create(&data, &info), STATUS_SUCCESS);
    assert_int_equal(info.supported_segments, 4);
    assert_int_equal(info.flags, UDXG_ALLOCATION_PERMANENT_SYS_MEM);
}

static void surfaces(void **state)
{
    struct udxg_allocation_info info;
    (void)state;
    struct udxg_soft_allocation data = buffer_data(0);
    data.format = UDXG_SOFT_FORMAT_RGBA8;
    data.width = 33;
    data.height = 100;
    assert_int_equal(create(&data, &info), STATUS_SUCCESS);
    assert_int_equal(data.pitch_bytes, 192);
    assert_int_equal(info.size_bytes, 20480); /* 19200 in whole pages */

    data.size_bytes = 0, data.pitch_bytes = 132;
    assert_int_equal(create(&data, &info), STATUS_SUCCESS);
    assert_int_equal(data.size_bytes, 16384);
    data.pitch_bytes = 131;
    assert_int_equal(create(&data, NULL), STATUS_INVALID_PARAMETER);
    data.pitch_bytes = 132, data.size_bytes = 13199;
    assert_int_equal(create(&data, NULL), STATUS_INVALID_PARAMETER);
    data.size_bytes = 0, data.height = 0;
    assert_int_equal(create(&data, NULL), STATUS_INVALID_PARAMETER);
    data.height = 1, data.width = 0;
    assert_int_equal(create(&data, NULL), STATUS_INVALID_PARAMETER);
    data.width = 33, data.format = 7;
    assert_int_equal(create(&data, NULL), STATUS_INVALID_PARAMETER);
    data.format = UDXG_SOFT_FORMAT_RGBA32, data.pitch_bytes = 0, data.width = UINT32_MAX;
    assert_int_equal(create(&data, NULL), STATUS_INVALID_PARAMETER); /* its pitch fits no field */
    data.format = UDXG_SOFT_FORMAT_NONE, data.width = 1, data.height = 0, data.size_bytes = 4096;
    assert_int_equal(create(&data, NULL), STATUS_INVALID_PARAMETER);
    data = buffer_data(0);
    data.format = UDXG_SOFT_FORMAT_R8, data.width = 0xffffff00, data.height = UINT32_MAX;
    assert_int_equal(create(&data, &info), STATUS_SUCCESS);
    assert_true(info.size_bytes >= UINT64_C(0xffffff00) * UINT32_MAX); /* no truncation */
}

static void bad_private_data(void **state)
{
    struct {
        struct udxg_soft_allocation data;
        char own[8];
    } longer = {buffer_data(4096), "client"};
    void *adapter = start(&discrete_caps);
    (void)state;

    struct udxg_allocation_info info = preset_info(NULL, 0);
    assert_int_equal(create_one(adapter, &info), STATUS_INVALID_PARAMETER);
    info = preset_info(&longer, sizeof(longer.data) - 1);
    assert_int_equal(create_one(adapter, &info), STATUS_GRAPHICS_DRIVER_MISMATCH);
    info = preset_info(&longer, sizeof(longer));
    assert_int_equal(create_one(adapter, &info), STATUS_SUCCESS);
    assert_memory_equal(longer.own, "client", 7);
    soft->stop(adapter);

    struct udxg_soft_allocation data = buffer_data(4096);
    data.magic++;
    assert_int_equal(create(&data, NULL), STATUS_GRAPHICS_DRIVER_MISMATCH);
    data = buffer_data(4096), data.version++;
    assert_int_equal(create(&data, NULL), STATUS_GRAPHICS_DRIVER_MISMATCH);
    data = buffer_data(4096), data.flags = 1u << 6;
    assert_int_equal(create(&data, NULL), STATUS_INVALID_PARAMETER);
    data = buffer_data(4096), data.flags = UDXG_SOFT_CACHED;
    assert_int_equal(create(&data, NULL), STATUS_INVALID_PARAMETER);
    data = buffer_data(4096), data.reserved[2] = 1;
    assert_int_equal(create(&data, NULL), STATUS_INVALID_PARAMETER);
    data = buffer_data(4096), data.alignment_bytes = 12288;
    assert_int_equal(create(&data, NULL), STATUS_INVALID_PARAMETER);
    data = buffer_data(4096), data.alignment_bytes = UINT64_C(1) << 31;
    assert_int_equal(create(&data, NULL), STATUS_INVALID_PARAMETER);
    data = buffer_data(0);
    assert_int_equal(create(&data, NULL), STATUS_INVALID_PARAMETER);
    data = buffer_data(UINT64_MAX - 4094);
    assert_int_equal(create(&data, NULL), STATUS_INVALID_PARAMETER);
}

static void caller_memory(void **state)
{
    static _Alignas(4096) char memory[8192];
    struct udxg_allocation_info info;
    (void)state;
    struct udxg_soft_allocation data = buffer_data(sizeof(memory));
    data.flags = UDXG_SOFT_CPU_VISIBLE | UDXG_SOFT_PERMANENT_SYSTEM | UDXG_SOFT_FROM_END;
    data.preferred[0] = UDXG_SOFT_SEGMENT_LOCAL;
    assert_int_equal(create_on(&discrete_caps, &data, memory, &info), STATUS_SUCCESS);
    assert_int_equal(info.flags, UDXG_ALLOCATION_EXISTING_SYS_MEM | UDXG_ALLOCATION_CPU_VISIBLE);
    assert_int_equal(info.supported_segments, 4);
    assert_int_equal(info.preferred[0].segment_id, 3);
    assert_int_equal(info.size_bytes, sizeof(memory));
    data.size_bytes = 5000;
    assert_int_equal(create_on(&discrete_caps, &data, memory, NULL), STATUS_INVALID_PARAMETER);
    data.size_bytes = 0;
    assert_int_equal(create_on(&discrete_caps, &data, memory, NULL), STATUS_INVALID_PARAMETER);
}

static NTSTATUS create_resource(struct udxg_soft_resource *resource, uint32_t bytes, uint32_t count, bool create)
{
    struct udxg_soft_allocation data[2] = {buffer_data(4096), buffer_data(4096)};
    struct udxg_allocation_info infos[2] = {preset_info(&data[0], sizeof(data[0])),
                                            preset_info(&data[1], sizeof(data[1]))};
    struct udxg_create_allocation args = {.private_data = resource, .private_data_bytes = bytes};
    args.count = count, args.infos = infos, args.create_resource = create;
    void *adapter = start(&discrete_caps);
    NTSTATUS status = soft->create_allocation(adapter, &args);
    soft->stop(adapter);
    return status;
}

static void resources(void **state)
{
    struct udxg_soft_resource good = {UDXG_SOFT_RESOURCE_MAGIC, UDXG_SOFT_VERSION, 2, 0, 7}, bad;
    (void)state;
    assert_int_equal(create_resource(NULL, 0, 2, true), STATUS_SUCCESS);
    assert_int_equal(create_resource(&good, sizeof(good), 2, true), STATUS_SUCCESS);
    assert_int_equal(create_resource(&good, sizeof(good), 1, true), STATUS_INVALID_PARAMETER);
    assert_int_equal(create_resource(&good, sizeof(good), 1, false), STATUS_SUCCESS); /* adds later */
    assert_int_equal(create_resource(&good, sizeof(good) - 1, 2, true), STATUS_GRAPHICS_DRIVER_MISMATCH);
    bad = good, bad.magic = 0;
    assert_int_equal(create_resource(&bad, sizeof(bad), 2, true), STATUS_GRAPHICS_DRIVER_MISMATCH);
    bad = good, bad.version = 2;
    assert_int_equal(create_resource(&bad, sizeof(bad), 2, true), STATUS_GRAPHICS_DRIVER_MISMATCH);
    bad = good, bad.reserved = 1;
    assert_int_equal(create_resource(&bad, sizeof(bad), 2, true), STATUS_INVALID_PARAMETER);
    bad = good, bad.allocation_count = 0;
    assert_int_equal(create_resource(&bad, sizeof(bad), 1, true), STATUS_SUCCESS);
}

static void standard_allocations(void **state)
{
    static _Alignas(4096) char memory[4096];
    struct udxg_soft_allocation data;
    struct udxg_standard_allocation args = {.size_bytes = 5 * GIB, .resource_data_bytes = KEEP};
    void *adapter = start(&discrete_caps);
    (void)state;
    assert_int_equal(soft->get_standard_allocation(adapter, &args), STATUS_SUCCESS);
    assert_int_equal(args.allocation_data_bytes, sizeof(data));
    assert_int_equal(args.resource_data_bytes, 0);
    args.allocation_data = &data, args.allocation_data_bytes--;
    assert_int_equal(soft->get_standard_allocation(adapter, &args), STATUS_INVALID_PARAMETER);
    args.allocation_data_bytes++;
    assert_int_equal(soft->get_standard_allocation(adapter, &args), STATUS_SUCCESS);
    soft->stop(adapter);

    struct udxg_allocation_info info;
    assert_int_equal(create_on(&discrete_caps, &data, memory, &info), STATUS_SUCCESS);
    assert_int_equal(info.size_bytes, 5 * GIB);
    assert_int_equal(info.supported_segments, 4);
}

static void adapter_info(void **state)
{
    struct udxg_soft_adapter_info info;
    void *adapter = start(&discrete_caps);
    (void)state;
    assert_int_equal(soft->query_umd_private(adapter, &info, sizeof(info) - 1), STATUS_INVALID_PARAMETER);
    assert_int_equal(soft->query_umd_private(adapter, &info, sizeof(info)), STATUS_SUCCESS);
    soft->stop(adapter);
    assert_int_equal(info.magic, UDXG_SOFT_ADAPTER_MAGIC);
    assert_int_equal(info.clock_hz, 1000000000);
    assert_int_equal(info.min_alignment_bytes, 65536);
    assert_int_equal(info.local_bytes, 3 * GIB);
    assert_int_equal(info.segment_count, 3);
    assert_int_equal(info.local_segment_id, 1);
    assert_int_equal(info.system_segment_id, 3);
    assert_int_equal(info.node_count, 2);
}

/* ---- commands ---- */

#define MEMORY_VA UINT64_C(0xffff00000000)
#define COMMANDS_VA UINT64_C(0x10000)
#define PAGE 4096u
#define FAULT STATUS_ACCESS_VIOLATION /* what memory says; the engine hands it on */

struct fake {
    _Alignas(8) uint8_t memory[3 * PAGE];   /* at MEMORY_VA; the last page is read-only */
    _Alignas(8) uint8_t commands[4 * PAGE]; /* at COMMANDS_VA, read-only */
    uint64_t commands_bytes;
    uint32_t polls_left; /* cancelled() says yes when it is 0 */
    uint32_t reads_until_change;
    struct udxg_gpu_memory gpu_memory;
};

/* The bytes at VA, up to the first that faults, whose address is set. */
static uint8_t *reach(struct fake *fake, uint64_t va, uint64_t *size_bytes, bool write, uint64_t *ret_fault_va)
{
    bool command = va >= COMMANDS_VA && va < COMMANDS_VA + sizeof(fake->commands);
    uint64_t base = command ? COMMANDS_VA : MEMORY_VA;
    uint64_t good_bytes = command ? (write ? 0 : sizeof(fake->commands)) : (write ? 2 * PAGE : 3 * PAGE);
    uint64_t offset = va - base;
    *ret_fault_va = va;
    if (offset >= good_bytes) {
        *size_bytes = 0;
        return NULL;
    }
    if (*size_bytes > good_bytes - offset) *size_bytes = good_bytes - offset;
    *ret_fault_va = va + *size_bytes;
    return (command ? fake->commands : fake->memory) + offset;
}

static NTSTATUS fake_read(void *context, uint64_t va, void *buffer, uint64_t size_bytes, uint64_t *ret_fault_va)
{
    struct fake *fake = context;
    uint64_t good_bytes = size_bytes, fault_va;
    uint8_t *bytes = reach(fake, va, &good_bytes, false, &fault_va);
    if (va < COMMANDS_VA + sizeof(fake->commands) ? 0 : fake->reads_until_change && !--fake->reads_until_change)
        fake->memory[0] = 5; /* what a wait waits for */
    if (good_bytes) memcpy(buffer, bytes, good_bytes);
    if (good_bytes == size_bytes) return STATUS_SUCCESS;
    *ret_fault_va = fault_va;
    return FAULT;
}

static NTSTATUS fake_write(void *context, uint64_t va, const void *buffer, uint64_t size_bytes, uint64_t *ret_fault_va)
{
    uint64_t good_bytes = size_bytes, fault_va;
    uint8_t *bytes = reach(context, va, &good_bytes, true, &fault_va);
    if (good_bytes) memcpy(bytes, buffer, good_bytes);
    if (good_bytes == size_bytes) return STATUS_SUCCESS;
    *ret_fault_va = fault_va;
    return FAULT;
}

static NTSTATUS fake_copy(void *context, uint64_t to_va, uint64_t from_va, uint64_t size_bytes, uint64_t *ret_fault_va)
{
    for (uint64_t i = 0; i < size_bytes; i++) {
        uint8_t byte;
        NTSTATUS status = fake_read(context, from_va + i, &byte, 1, ret_fault_va);
        if (status == STATUS_SUCCESS) status = fake_write(context, to_va + i, &byte, 1, ret_fault_va);
        if (status != STATUS_SUCCESS) return status;
    }
    return STATUS_SUCCESS;
}

static NTSTATUS fake_fill(void *context, uint64_t va, uint32_t pattern, uint64_t size_bytes, uint64_t *ret_fault_va)
{
    for (uint64_t i = 0; i < size_bytes; i += 4) {
        NTSTATUS status = fake_write(context, va + i, &pattern, 4, ret_fault_va);
        if (status != STATUS_SUCCESS) return status;
    }
    return STATUS_SUCCESS;
}

static NTSTATUS fake_fetch_add(void *context, uint64_t va, uint64_t value, uint32_t size_bytes, uint64_t *ret_old,
                               uint64_t *ret_fault_va)
{
    uint64_t old = 0;
    NTSTATUS status = fake_read(context, va, &old, size_bytes, ret_fault_va);
    uint64_t sum = old + value;
    if (status == STATUS_SUCCESS) status = fake_write(context, va, &sum, size_bytes, ret_fault_va);
    if (status == STATUS_SUCCESS) *ret_old = old;
    return status;
}

static bool fake_cancelled(void *context)
{
    struct fake *fake = context;
    if (!fake->polls_left) return true;
    fake->polls_left--;
    return false;
}

static void fake_init(struct fake *fake)
{
    memset(fake, 0, sizeof(*fake));
    for (size_t i = 0; i < sizeof(fake->memory); i++) fake->memory[i] = (uint8_t)(i * 7 + i / 256);
    fake->polls_left = UINT32_MAX;
    fake->gpu_memory = (struct udxg_gpu_memory){fake, fake_read, fake_write, fake_copy, fake_fill, fake_fetch_add};
}

static void add(struct fake *fake, const void *command, size_t bytes)
{
    assert_true(fake->commands_bytes + bytes <= sizeof(fake->commands));
    memcpy(fake->commands + fake->commands_bytes, command, bytes);
    fake->commands_bytes += bytes;
}

static NTSTATUS run(struct fake *fake, struct udxg_submit_fault *ret_fault)
{
    struct udxg_submission submission = {.commands_va = COMMANDS_VA, .commands_bytes = fake->commands_bytes};
    submission.memory = &fake->gpu_memory;
    submission.cancelled = fake_cancelled;
    submission.cancelled_context = fake;
    void *adapter = start(&discrete_caps), *context = NULL;
    assert_int_equal(soft->create_context(adapter, NULL, 0, NULL, 0, &context), STATUS_SUCCESS);
    assert_int_equal(soft->check_submission(context, &submission), STATUS_SUCCESS);
    NTSTATUS status = soft->execute(context, &submission, ret_fault);
    soft->destroy_context(adapter, context);
    soft->stop(adapter);
    return status;
}

static void runs(struct fake *fake)
{
    struct udxg_submit_fault fault;
    assert_int_equal(run(fake, &fault), STATUS_SUCCESS);
}

static void faults(struct fake *fake, NTSTATUS status, uint64_t va, bool write, uint32_t error_code)
{
    struct udxg_submit_fault fault = {.va = KEEP, .write = !write, .error_code = KEEP};
    assert_int_equal(run(fake, &fault), status);
    assert_int_equal(fault.va, va);
    assert_int_equal(fault.write, write);
    assert_int_equal(fault.error_code, error_code);
}

/* The one command of BYTES bytes is illegal, and nothing in memory changes. */
static void illegal(const void *command, size_t bytes)
{
    struct fake fake, before;
    struct udxg_soft_fill nop_fill = udxg_soft_fill_command(MEMORY_VA, 0, 1);
    fake_init(&fake);
    add(&fake, &nop_fill, sizeof(nop_fill)); /* does nothing, but moves the command that faults */
    add(&fake, command, bytes);
    before = fake;
    faults(&fake, STATUS_ILLEGAL_INSTRUCTION, COMMANDS_VA + sizeof(nop_fill), false, UDXG_SOFT_ERROR_COMMAND);
    assert_memory_equal(fake.memory, before.memory, sizeof(fake.memory));
}

static void fill_and_copy(void **state)
{
    struct fake fake, before;
    (void)state;
    fake_init(&fake);
    before = fake;
    /* The address is given canonical: the engine drops the sign. */
    struct udxg_soft_fill fill = udxg_soft_fill_command(MEMORY_VA + 8 + (UINT64_C(0xffff) << 48), 16, 0x44332211);
    struct udxg_soft_copy copy = udxg_soft_copy_command(MEMORY_VA + PAGE - 3, MEMORY_VA + 8, 19);
    struct udxg_soft_command nop = {UDXG_SOFT_OP_NOP, 64};
    uint64_t ignored[7] = {UINT64_MAX, 1, 2, 3, 4, 5, 6};
    add(&fake, &nop, sizeof(nop));
    add(&fake, ignored, sizeof(ignored));
    add(&fake, &fill, sizeof(fill));
    add(&fake, &copy, sizeof(copy));
    runs(&fake);
    uint8_t *expected = before.memory;
    for (int i = 0; i < 16; i += 4) memcpy(expected + 8 + i, "\x11\x22\x33\x44", 4);
    memcpy(expected + PAGE - 3, expected + 8, 19);
    assert_memory_equal(fake.memory, expected, sizeof(fake.memory));
}

static void write_data(void **state)
{
    struct fake fake, before;
    (void)state;
    fake_init(&fake);
    before = fake;
    struct udxg_soft_write write = {{UDXG_SOFT_OP_WRITE, sizeof(write) + 8}, MEMORY_VA + 1, 5, 0};
    uint8_t data[PAGE + 904];
    add(&fake, &write, sizeof(write));
    add(&fake, "HelloXXX", 8);
    memset(data, 0x5a, sizeof(data));
    write =
        (struct udxg_soft_write){{UDXG_SOFT_OP_WRITE, sizeof(write) + sizeof(data)}, MEMORY_VA + 100, sizeof(data), 0};
    add(&fake, &write, sizeof(write));
    add(&fake, data, sizeof(data)); /* more than the engine holds at once */
    runs(&fake);
    memcpy(before.memory + 1, "Hello", 5);
    memset(before.memory + 100, 0x5a, sizeof(data));
    assert_memory_equal(fake.memory, before.memory, sizeof(fake.memory));
}

static void atomic_add(void **state)
{
    struct fake fake;
    uint32_t small = UINT32_MAX, old_small;
    uint64_t big = 5, old_big;
    (void)state;
    fake_init(&fake);
    memcpy(fake.memory + 4, &small, 4);
    memcpy(fake.memory + 16, &big, 8);
    uint8_t neighbour = fake.memory[8];
    struct udxg_soft_atomic_add wrap = {
        {UDXG_SOFT_OP_ATOMIC_ADD, sizeof(wrap)}, MEMORY_VA + 4, 3, MEMORY_VA + 32, 4, 0};
    struct udxg_soft_atomic_add down = {{UDXG_SOFT_OP_ATOMIC_ADD, sizeof(down)}, MEMORY_VA + 16, UINT64_MAX, 0, 8, 0};
    add(&fake, &wrap, sizeof(wrap));
    add(&fake, &down, sizeof(down));
    down.old_va = MEMORY_VA + 40;
    add(&fake, &down, sizeof(down));
    runs(&fake);
    memcpy(&small, fake.memory + 4, 4), memcpy(&old_small, fake.memory + 32, 4);
    memcpy(&big, fake.memory + 16, 8), memcpy(&old_big, fake.memory + 40, 8);
    assert_int_equal(small, 2);
    assert_int_equal(old_small, UINT32_MAX);
    assert_int_equal(big, 3);
    assert_int_equal(old_big, 4);
    assert_int_equal(fake.memory[8], neighbour);
}

static void waits(void **state)
{
    struct fake fake;
    uint64_t zero = 0;
    (void)state;
    fake_init(&fake);
    memcpy(fake.memory, &zero, 8);
    fake.reads_until_change = 200; /* long enough for the engine to sleep between polls */
    struct udxg_soft_wait wait = {{UDXG_SOFT_OP_WAIT, sizeof(wait)}, MEMORY_VA, 3, 4, UDXG_SOFT_COMPARE_GREATER_EQUAL};
    add(&fake, &wait, sizeof(wait));
    wait.value = 5, wait.operand_bytes = 8, wait.compare = UDXG_SOFT_COMPARE_EQUAL;
    add(&fake, &wait, sizeof(wait));
    wait.value = 6, wait.compare = UDXG_SOFT_COMPARE_NOT_EQUAL;
    add(&fake, &wait, sizeof(wait));
    runs(&fake);
    assert_int_equal(fake.reads_until_change, 0);

    fake_init(&fake);
    wait.value = UINT64_MAX, wait.compare = UDXG_SOFT_COMPARE_EQUAL;
    add(&fake, &wait, sizeof(wait));
    fake.polls_left = 100;
    faults(&fake, STATUS_UNSUCCESSFUL, COMMANDS_VA, false, UDXG_SOFT_ERROR_CANCELLED);
}

static void timestamp(void **state)
{
    struct fake fake;
    uint64_t first, second;
    (void)state;
    fake_init(&fake);
    struct udxg_soft_timestamp stamp = {{UDXG_SOFT_OP_TIMESTAMP, sizeof(stamp)}, MEMORY_VA};
    add(&fake, &stamp, sizeof(stamp));
    stamp.va += 8;
    add(&fake, &stamp, sizeof(stamp));
    memset(fake.memory, 0, 16);
    runs(&fake);
    memcpy(&first, fake.memory, 8), memcpy(&second, fake.memory + 8, 8);
    assert_true(first > 0);
    assert_true(second >= first && second - first < UINT64_C(60000000000)); /* the clock runs at 1 GHz */
}

static void access_faults(void **state)
{
    struct fake fake, before;
    (void)state;
    fake_init(&fake); /* a fill that runs into the read-only page: what came before stays */
    struct udxg_soft_fill fill = udxg_soft_fill_command(MEMORY_VA + 2 * PAGE - 8, 16, 0);
    add(&fake, &fill, sizeof(fill));
    faults(&fake, FAULT, MEMORY_VA + 2 * PAGE, true, UDXG_SOFT_ERROR_ACCESS);
    assert_memory_equal(fake.memory + 2 * PAGE - 8, "\0\0\0\0\0\0\0\0", 8);

    fake_init(&fake);
    struct udxg_soft_copy copy = udxg_soft_copy_command(MEMORY_VA, MEMORY_VA + 3 * PAGE - 4, 8);
    add(&fake, &copy, sizeof(copy));
    faults(&fake, FAULT, MEMORY_VA + 3 * PAGE, false, UDXG_SOFT_ERROR_ACCESS);

    fake_init(&fake);
    copy = udxg_soft_copy_command(MEMORY_VA + 2 * PAGE - 4, MEMORY_VA, 8);
    add(&fake, &copy, sizeof(copy));
    faults(&fake, FAULT, MEMORY_VA + 2 * PAGE, true, UDXG_SOFT_ERROR_ACCESS);

    fake_init(&fake);
    before = fake;
    struct udxg_soft_atomic_add atomic = {{UDXG_SOFT_OP_ATOMIC_ADD, sizeof(atomic)}, MEMORY_VA + 2 * PAGE, 1, 0, 4, 0};
    add(&fake, &atomic, sizeof(atomic));
    faults(&fake, FAULT, MEMORY_VA + 2 * PAGE, true, UDXG_SOFT_ERROR_ACCESS);
    assert_memory_equal(fake.memory, before.memory, sizeof(fake.memory));

    fake_init(&fake);
    struct udxg_soft_wait wait = {{UDXG_SOFT_OP_WAIT, sizeof(wait)}, 0x5000, 0, 8, UDXG_SOFT_COMPARE_GREATER_EQUAL};
    add(&fake, &wait, sizeof(wait));
    faults(&fake, FAULT, 0x5000, false, UDXG_SOFT_ERROR_ACCESS);

    fake_init(&fake);
    struct udxg_soft_timestamp stamp = {{UDXG_SOFT_OP_TIMESTAMP, sizeof(stamp)}, 0x5000};
    add(&fake, &stamp, sizeof(stamp));
    faults(&fake, FAULT, 0x5000, true, UDXG_SOFT_ERROR_ACCESS);

    fake_init(&fake); /* the command buffer itself ends in nothing */
    struct udxg_soft_command nop = {UDXG_SOFT_OP_NOP, sizeof(fake.commands)};
    add(&fake, &nop, sizeof(nop));
    fake.commands_bytes = sizeof(fake.commands) + 32;
    faults(&fake, FAULT, COMMANDS_VA + sizeof(fake.commands), false, UDXG_SOFT_ERROR_ACCESS);
}

static void fault_on_purpose(void **state)
{
    struct fake fake;
    (void)state;
    fake_init(&fake);
    struct udxg_soft_fill before = udxg_soft_fill_command(MEMORY_VA, 4, 0xabcdabcd), after = before;
    after.va += 4;
    struct udxg_soft_fault fault = {{UDXG_SOFT_OP_FAULT, sizeof(fault)}, UINT64_C(0xffff800000001234), 99, 1};
    add(&fake, &before, sizeof(before));
    add(&fake, &fault, sizeof(fault));
    add(&fake, &after, sizeof(after));
    memset(fake.memory, 0, 8);
    faults(&fake, FAULT, UINT64_C(0x800000001234), true, 99);
    assert_memory_equal(fake.memory, "\xcd\xab\xcd\xab\0\0\0\0", 8);
}

/* It ends by itself, or when it is told to; the record says which command of the buffer it was. */
static void spins(void **state)
{
    struct fake fake;
    (void)state;
    fake_init(&fake);
    struct udxg_soft_spin brief = udxg_soft_spin_command(1000000), endless = udxg_soft_spin_command(UINT64_MAX);
    struct udxg_submit_fault fault;
    uint64_t begin_ns = udxg_os_now_ns();
    add(&fake, &brief, sizeof(brief));
    assert_int_equal(run(&fake, &fault), STATUS_SUCCESS);
    assert_true(udxg_os_now_ns() - begin_ns >= 1000000);
    add(&fake, &endless, sizeof(endless));
    fake.polls_left = 500; /* the brief one takes some of them */
    assert_int_equal(run(&fake, &fault), STATUS_UNSUCCESSFUL);
    assert_int_equal(fault.error_code, UDXG_SOFT_ERROR_CANCELLED);
    assert_int_equal(fault.sequence_number, 2);
}

static void illegal_commands(void **state)
{
    (void)state;
    struct udxg_soft_fill fill = udxg_soft_fill_command(MEMORY_VA, 4, 1);
    struct {
        struct udxg_soft_fill fill;
        uint64_t more;
    } longer = {fill, 0};
    illegal(&fill.header, 8); /* the buffer ends in the middle of it */
    longer.fill.header.size_bytes = 40;
    illegal(&longer, sizeof(longer));
    fill.header.size_bytes = 24;
    illegal(&fill, sizeof(fill));
    fill = udxg_soft_fill_command(MEMORY_VA + 2, 4, 1);
    illegal(&fill, sizeof(fill));
    fill = udxg_soft_fill_command(MEMORY_VA, 5, 1);
    illegal(&fill, sizeof(fill));
    fill = udxg_soft_fill_command(MEMORY_VA, 4, 1), fill.reserved = 1;
    illegal(&fill, sizeof(fill));

    struct udxg_soft_command bare = {0, 0};
    illegal(&bare, sizeof(bare));
    bare = (struct udxg_soft_command){9, 8};
    illegal(&bare, sizeof(bare));
    bare = (struct udxg_soft_command){UINT32_MAX, 8};
    illegal(&bare, sizeof(bare));
    bare = (struct udxg_soft_command){UDXG_SOFT_OP_NOP, 0};
    illegal(&bare, sizeof(bare));
    bare = (struct udxg_soft_command){UDXG_SOFT_OP_NOP, 16};
    illegal(&bare, sizeof(bare));
    uint64_t two[2] = {UDXG_SOFT_OP_NOP | UINT64_C(12) << 32, 0};
    illegal(two, sizeof(two));

    struct {
        struct udxg_soft_write write;
        uint64_t data;
    } write = {{{UDXG_SOFT_OP_WRITE, 32}, MEMORY_VA, 8, 0}, 1};
    write.write.data_bytes = 9;
    illegal(&write, sizeof(write));
    write.write.data_bytes = UINT32_MAX; /* padding must not wrap */
    illegal(&write, sizeof(write));
    write.write.data_bytes = 0;
    illegal(&write, sizeof(write));
    write.write.data_bytes = 8, write.write.reserved = 1;
    illegal(&write, sizeof(write));

    struct udxg_soft_atomic_add atomic = {{UDXG_SOFT_OP_ATOMIC_ADD, sizeof(atomic)}, MEMORY_VA + 4, 1, 0, 8, 0};
    illegal(&atomic, sizeof(atomic)); /* not aligned */
    atomic.operand_bytes = 2;
    illegal(&atomic, sizeof(atomic));
    atomic.operand_bytes = 4, atomic.reserved = 1;
    illegal(&atomic, sizeof(atomic));

    struct udxg_soft_wait wait = {{UDXG_SOFT_OP_WAIT, sizeof(wait)}, MEMORY_VA, 0, 4, 3};
    illegal(&wait, sizeof(wait));
    wait.compare = 0, wait.va++;
    illegal(&wait, sizeof(wait));

    struct udxg_soft_timestamp stamp = {{UDXG_SOFT_OP_TIMESTAMP, sizeof(stamp)}, MEMORY_VA + 4};
    illegal(&stamp, sizeof(stamp));
    struct udxg_soft_fault fault = {{UDXG_SOFT_OP_FAULT, sizeof(fault)}, 0, UDXG_SOFT_MAX_ERROR_CODE + 1, 0};
    illegal(&fault, sizeof(fault));
    fault.error_code = 1, fault.write = 2;
    illegal(&fault, sizeof(fault));
}

static void cancelled_in_a_long_fill(void **state)
{
    struct fake fake;
    (void)state;
    fake_init(&fake);
    struct udxg_soft_fill fill = udxg_soft_fill_command(MEMORY_VA, 64, 1);
    add(&fake, &fill, sizeof(fill));
    add(&fake, &fill, sizeof(fill));
    fake.polls_left = 2; /* one before the first command, one in it */
    faults(&fake, STATUS_UNSUCCESSFUL, COMMANDS_VA + sizeof(fill), false, UDXG_SOFT_ERROR_CANCELLED);
}

static void submissions(void **state)
{
    uint8_t data[4] = {0};
    struct udxg_submission good = {.commands_va = 4096, .commands_bytes = 8}, bad;
    struct udxg_submit_fault fault;
    void *adapter = start(&discrete_caps), *context = NULL;
    (void)state;
    assert_int_equal(soft->create_context(adapter, NULL, 1, data, sizeof(data), &context),
                     STATUS_GRAPHICS_DRIVER_MISMATCH);
    assert_int_equal(soft->create_context(adapter, NULL, 1, NULL, 0, &context), STATUS_SUCCESS);
    assert_int_equal(soft->check_submission(context, &good), STATUS_SUCCESS);
    bad = good, bad.commands_va = 4100;
    assert_int_equal(soft->check_submission(context, &bad), STATUS_INVALID_PARAMETER);
    bad = good, bad.commands_bytes = 12;
    assert_int_equal(soft->check_submission(context, &bad), STATUS_INVALID_PARAMETER);
    bad = good, bad.commands_bytes = 0;
    assert_int_equal(soft->check_submission(context, &bad), STATUS_INVALID_PARAMETER);
    bad = good, bad.private_data = data, bad.private_data_bytes = 4;
    assert_int_equal(soft->check_submission(context, &bad), STATUS_INVALID_PARAMETER);
    bad = good, bad.commands_bytes = 0, bad.null_rendering = true; /* completes without executing */
    assert_int_equal(soft->check_submission(context, &bad), STATUS_SUCCESS);
    assert_int_equal(soft->execute(context, &bad, &fault), STATUS_SUCCESS);
    soft->destroy_context(adapter, context);
    soft->stop(adapter);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buffer_defaults),
        cmocka_unit_test(segment_preferences),
        cmocka_unit_test(surfaces),
        cmocka_unit_test(bad_private_data),
        cmocka_unit_test(caller_memory),
        cmocka_unit_test(resources),
        cmocka_unit_test(standard_allocations),
        cmocka_unit_test(adapter_info),
        cmocka_unit_test(fill_and_copy),
        cmocka_unit_test(write_data),
        cmocka_unit_test(atomic_add),
        cmocka_unit_test(waits),
        cmocka_unit_test(timestamp),
        cmocka_unit_test(access_faults),
        cmocka_unit_test(fault_on_purpose),
        cmocka_unit_test(spins),
        cmocka_unit_test(illegal_commands),
        cmocka_unit_test(cancelled_in_a_long_fill),
        cmocka_unit_test(submissions),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
