/* SPDX-License-Identifier: MIT */
/* The intel miniport through its function table: private data in, sizes, segments, fences and time stamps out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "miniport/intel/batch.h"
#include "miniport/intel/intel.h"
#include "miniport/intel/private_data.h"

#define GIB (1ull << 30)
#define FIXED_BYTES offsetof(struct udxg_intel_allocation, tokens)

static const struct udxg_miniport *const intel = &udxg_miniport_intel;

static struct udxg_adapter_caps caps_of(uint32_t segment_count)
{
    struct udxg_adapter_caps caps = {
        .vendor_id = 0x8086,
        .device_id = 0x9a49,
        .revision_id = 3,
        .clock_hz = 19200000,
        .segment_count = segment_count,
        .segments = {{UDXG_SEGMENT_APERTURE, 4 * GIB, 0}, {UDXG_SEGMENT_CPU_VISIBLE, 2 * GIB, 0}},
    };

    return caps;
}

static void *start(uint32_t segment_count)
{
    struct udxg_adapter_caps caps = caps_of(segment_count);
    void *adapter = NULL;

    assert_int_equal(intel->start(&caps, &adapter), STATUS_SUCCESS);
    return adapter;
}

static struct udxg_intel_allocation allocation_of(uint64_t size_bytes, uint32_t flags)
{
    struct udxg_intel_allocation allocation = {
        .header = {UDXG_INTEL_MAGIC, UDXG_INTEL_VERSION, UDXG_INTEL_GMM_RESOURCE, sizeof(allocation), 0},
        .size_bytes = size_bytes,
        .alignment_bytes = 65536,
        .flags = flags,
    };

    return allocation;
}

static NTSTATUS create(void *adapter, void *data, uint32_t bytes, const void *system_memory,
                       struct udxg_allocation_info *ret_info)
{
    struct udxg_allocation_info info = {
        .private_data = data,
        .private_data_bytes = bytes,
        .system_memory = system_memory,
        .alignment_bytes = 4096,
        .priority = 1,
    };
    struct udxg_create_allocation args = {.count = 1, .infos = &info};
    NTSTATUS status = intel->create_allocation(adapter, &args);

    if (ret_info) *ret_info = info;
    return status;
}

static void only_known_products_start(void **state)
{
    struct udxg_adapter_caps caps = caps_of(1);
    void *adapter = NULL;

    (void)state;
    caps.vendor_id = 0x1002;
    assert_int_equal(intel->start(&caps, &adapter), STATUS_INVALID_PARAMETER);
    caps = caps_of(1);
    caps.device_id = 0x1234;
    assert_int_equal(intel->start(&caps, &adapter), STATUS_INVALID_PARAMETER);
    caps = caps_of(1);
    caps.clock_hz = 0;
    assert_int_equal(intel->start(&caps, &adapter), STATUS_INVALID_PARAMETER);
    assert_null(adapter);
}

static void adapter_info_holds_the_profile(void **state)
{
    struct udxg_intel_adapter_info info;
    void *adapter = start(2);

    (void)state;
    assert_int_equal(intel->query_umd_private(adapter, &info, sizeof(info) - 8), STATUS_INVALID_PARAMETER);
    assert_int_equal(intel->query_umd_private(adapter, &info, sizeof(info) + 8), STATUS_INVALID_PARAMETER);
    assert_int_equal(intel->query_umd_private(adapter, &info, sizeof(info)), STATUS_SUCCESS);
    assert_true(udxg_intel_check(&info, sizeof(info), UDXG_INTEL_ADAPTER_INFO, sizeof(info)));
    assert_int_equal(info.product_family, 33);
    assert_int_equal(info.revision, 3);
    assert_int_equal(info.timestamp_hz, 19200000);
    assert_true(info.shared_system_bytes == 4 * GIB);
    assert_true(info.dedicated_video_bytes == 2 * GIB);
    intel->stop(adapter);
}

static void allocations_get_size_and_segments(void **state)
{
    struct udxg_intel_allocation allocation = allocation_of(0x101000, UDXG_INTEL_ALLOCATION_CACHEABLE);
    struct udxg_allocation_info info;
    void *adapter = start(2);

    (void)state;
    assert_int_equal(create(adapter, &allocation, sizeof(allocation), NULL, &info), STATUS_SUCCESS);
    assert_int_equal(info.size_bytes, 0x101000);
    assert_int_equal(info.alignment_bytes, 65536);
    assert_int_equal(info.supported_segments, 3);
    assert_int_equal(info.preferred[0].segment_id, 2);
    assert_int_equal(info.preferred[1].segment_id, 1);
    assert_int_equal(info.preferred[2].segment_id, 0);
    assert_int_equal(info.flags, UDXG_ALLOCATION_CPU_VISIBLE | UDXG_ALLOCATION_CACHED);
    assert_int_equal(info.priority, 1);

    allocation.flags = UDXG_INTEL_ALLOCATION_LOCAL_ONLY | UDXG_INTEL_ALLOCATION_NOT_LOCKABLE;
    assert_int_equal(create(adapter, &allocation, sizeof(allocation), NULL, &info), STATUS_SUCCESS);
    assert_int_equal(info.supported_segments, 3);
    assert_int_equal(info.preferred[0].segment_id, 2);
    assert_int_equal(info.preferred[1].segment_id, 1);
    assert_int_equal(info.flags, 0);

    /* What the CPU does not see is not cached for it, or the memory manager refuses it. */
    allocation.flags = UDXG_INTEL_ALLOCATION_CACHEABLE | UDXG_INTEL_ALLOCATION_NOT_LOCKABLE;
    assert_int_equal(create(adapter, &allocation, sizeof(allocation), NULL, &info), STATUS_SUCCESS);
    assert_int_equal(info.flags, 0);

    allocation.flags = UDXG_INTEL_ALLOCATION_NON_LOCAL_ONLY;
    assert_int_equal(create(adapter, &allocation, sizeof(allocation), NULL, &info), STATUS_SUCCESS);
    assert_int_equal(info.supported_segments, 1);
    assert_int_equal(info.preferred[0].segment_id, 1);
    intel->stop(adapter);
}

/* Flags of CreateAllocation2 say nothing of it: the pointer alone makes it the client's own memory. */
static void system_memory_stays_in_the_aperture(void **state)
{
    struct udxg_intel_allocation allocation = allocation_of(8192, 0);
    struct udxg_allocation_info info;
    void *adapter = start(2);

    (void)state;
    assert_int_equal(create(adapter, &allocation, sizeof(allocation), &allocation, &info), STATUS_SUCCESS);
    assert_int_equal(info.supported_segments, 1);
    assert_int_equal(info.alignment_bytes, 4096);
    assert_true(info.flags & UDXG_ALLOCATION_EXISTING_SYS_MEM);
    intel->stop(adapter);
}

static void without_local_memory_all_is_in_the_aperture(void **state)
{
    struct udxg_intel_allocation allocation = allocation_of(8192, UDXG_INTEL_ALLOCATION_LOCAL_ONLY);
    struct udxg_allocation_info info;
    void *adapter = start(1);

    (void)state;
    assert_int_equal(create(adapter, &allocation, sizeof(allocation), NULL, &info), STATUS_SUCCESS);
    assert_int_equal(info.supported_segments, 1);
    intel->stop(adapter);
}

static void bad_private_data_is_refused(void **state)
{
    struct udxg_intel_allocation good = allocation_of(4096, 0), bad;
    void *adapter = start(1);

    (void)state;
    assert_int_equal(create(adapter, NULL, 0, NULL, NULL), STATUS_INVALID_PARAMETER);
    assert_int_equal(create(adapter, &good, 4, NULL, NULL), STATUS_INVALID_PARAMETER);
    bad = good;
    bad.header.magic = 0;
    assert_int_equal(create(adapter, &bad, sizeof(bad), NULL, NULL), STATUS_INVALID_PARAMETER);
    bad = good;
    bad.header.size_bytes = UINT32_MAX;
    assert_int_equal(create(adapter, &bad, sizeof(bad), NULL, NULL), STATUS_INVALID_PARAMETER);
    bad = good;
    bad.size_bytes = 0;
    assert_int_equal(create(adapter, &bad, sizeof(bad), NULL, NULL), STATUS_INVALID_PARAMETER);
    bad = good;
    bad.alignment_bytes = 12288;
    assert_int_equal(create(adapter, &bad, sizeof(bad), NULL, NULL), STATUS_INVALID_PARAMETER);
    assert_int_equal(create(adapter, &good, FIXED_BYTES, NULL, NULL), STATUS_INVALID_PARAMETER);
    good.header.size_bytes = FIXED_BYTES;
    assert_int_equal(create(adapter, &good, FIXED_BYTES, NULL, NULL), STATUS_SUCCESS);
    intel->stop(adapter);
}

static void standard_allocations_are_our_own_private_data(void **state)
{
    uint8_t data[FIXED_BYTES];
    struct udxg_standard_allocation args = {.size_bytes = 12345};
    struct udxg_allocation_info info;
    void *adapter = start(1);

    (void)state;
    assert_int_equal(intel->get_standard_allocation(adapter, &args), STATUS_SUCCESS);
    assert_int_equal(args.allocation_data_bytes, sizeof(data));
    assert_int_equal(args.resource_data_bytes, 0);
    args.allocation_data = data;
    args.allocation_data_bytes = sizeof(data) - 1;
    assert_int_equal(intel->get_standard_allocation(adapter, &args), STATUS_BUFFER_TOO_SMALL);
    args.allocation_data_bytes = sizeof(data);
    assert_int_equal(intel->get_standard_allocation(adapter, &args), STATUS_SUCCESS);
    assert_int_equal(create(adapter, data, sizeof(data), data, &info), STATUS_SUCCESS);
    assert_int_equal(info.size_bytes, 12345);
    intel->stop(adapter);
}

/* ---- submissions: one page of memory, with the batch in it ---- */

static uint32_t page[1024];

static NTSTATUS page_read(void *context, uint64_t va, void *buffer, uint64_t bytes, uint64_t *ret_fault_va)
{
    (void)context;
    if (va < 4096 || va + bytes > 8192) {
        *ret_fault_va = va;
        return STATUS_ACCESS_VIOLATION;
    }
    memcpy(buffer, (char *)page + (va - 4096), bytes);
    return STATUS_SUCCESS;
}

static NTSTATUS page_write(void *context, uint64_t va, const void *buffer, uint64_t bytes, uint64_t *ret_fault_va)
{
    (void)context;
    if (va < 4096 || va + bytes > 8192) {
        *ret_fault_va = va;
        return STATUS_ACCESS_VIOLATION;
    }
    memcpy((char *)page + (va - 4096), buffer, bytes);
    return STATUS_SUCCESS;
}

static const struct udxg_gpu_memory page_memory = {.read = page_read, .write = page_write};

static struct udxg_intel_command command_with(uint64_t fence_va, uint64_t fence_value)
{
    struct udxg_intel_command command = {
        .header = {UDXG_INTEL_MAGIC, UDXG_INTEL_VERSION, UDXG_INTEL_COMMAND_BUFFER, sizeof(command), 0},
        .fence_va = fence_va,
        .fence_value = fence_value,
    };

    return command;
}

static struct udxg_submission submission_of(uint64_t commands_va, const struct udxg_intel_command *command)
{
    struct udxg_submission submission = {
        .commands_va = commands_va,
        .commands_bytes = 64,
        .private_data = command,
        .private_data_bytes = command ? sizeof(*command) : 0,
        .memory = &page_memory,
    };

    return submission;
}

static void *context_of(void *adapter)
{
    void *context = NULL;

    assert_int_equal(intel->create_context(adapter, NULL, 0, NULL, 0, &context), STATUS_SUCCESS);
    memset(page, 0, sizeof(page));
    return context;
}

static void fence_is_written_after_the_batch(void **state)
{
    struct udxg_intel_command command = command_with(0xffff000000001800u, 42);
    struct udxg_submission submission = submission_of(4096, &command);
    struct udxg_submit_fault fault = {0};
    void *adapter = start(1), *context = context_of(adapter);

    (void)state;
    page[0] = 0x10000002; /* store 7 at 0x1804, where the fence overwrites it, and at 0x1900 */
    page[1] = 0x1804;
    page[3] = 7;
    page[4] = 0x10000002;
    page[5] = 0x1900;
    page[7] = 8;
    page[8] = 0x05000000;
    assert_int_equal(intel->check_submission(context, &submission), STATUS_SUCCESS);
    assert_int_equal(intel->execute(context, &submission, &fault), STATUS_SUCCESS);
    assert_int_equal(page[0x800 / 4], 42);
    assert_int_equal(page[0x804 / 4], 0);
    assert_int_equal(page[0x900 / 4], 8);
    intel->destroy_context(adapter, context);
    intel->stop(adapter);
}

static void null_rendering_only_signals(void **state)
{
    struct udxg_intel_command command = command_with(0x1800, 43);
    struct udxg_submission submission = submission_of(0xdead0000, &command);
    struct udxg_submit_fault fault = {0};
    void *adapter = start(1), *context = context_of(adapter);

    (void)state;
    submission.null_rendering = true;
    assert_int_equal(intel->execute(context, &submission, &fault), STATUS_SUCCESS);
    assert_int_equal(page[0x800 / 4], 43);
    intel->destroy_context(adapter, context);
    intel->stop(adapter);
}

static void faults_are_described_and_signal_nothing(void **state)
{
    struct udxg_intel_command command = command_with(0x1800, 44);
    struct udxg_submission submission = submission_of(0xdead0000, &command);
    struct udxg_submit_fault fault = {0};
    void *adapter = start(1), *context = context_of(adapter);

    (void)state;
    assert_int_equal(intel->execute(context, &submission, &fault), STATUS_ACCESS_VIOLATION);
    assert_true(fault.va == 0xdead0000);
    assert_false(fault.write);
    assert_int_equal(fault.error_code, UDXG_BATCH_FAULT_MEMORY);
    assert_int_equal(page[0x800 / 4], 0);

    command = command_with(0x9000, 44);
    submission = submission_of(4096, &command);
    page[0] = 0x05000000;
    assert_int_equal(intel->execute(context, &submission, &fault), STATUS_ACCESS_VIOLATION);
    assert_true(fault.va == 0x9000);
    assert_true(fault.write);
    intel->destroy_context(adapter, context);
    intel->stop(adapter);
}

static void submissions_are_judged_early(void **state)
{
    struct udxg_intel_command command = command_with(0x1800, 1);
    struct udxg_submission submission = submission_of(4096, NULL);

    (void)state;
    assert_int_equal(intel->check_submission(NULL, &submission), STATUS_SUCCESS);
    submission = submission_of(4096, &command);
    submission.private_data_bytes--;
    assert_int_equal(intel->check_submission(NULL, &submission), STATUS_INVALID_PARAMETER);
    command.header.struct_id = UDXG_INTEL_CREATE_CONTEXT;
    submission = submission_of(4096, &command);
    assert_int_equal(intel->check_submission(NULL, &submission), STATUS_INVALID_PARAMETER);
}

static void contexts_take_our_private_data_or_none(void **state)
{
    struct udxg_intel_context data = {
        .header = {UDXG_INTEL_MAGIC, UDXG_INTEL_VERSION, UDXG_INTEL_CREATE_CONTEXT, sizeof(data), 0},
    };
    void *adapter = start(1), *context = NULL;

    (void)state;
    assert_int_equal(intel->create_context(adapter, NULL, 0, &data, sizeof(data), &context), STATUS_SUCCESS);
    intel->destroy_context(adapter, context);
    context = NULL;
    data.header.magic = 1;
    assert_int_equal(intel->create_context(adapter, NULL, 0, &data, sizeof(data), &context), STATUS_INVALID_PARAMETER);
    assert_null(context);
    intel->stop(adapter);
}

/* The runtime asks for it on a card, and takes the answer as what its process has. */
static void escape_tells_the_partition(void **state)
{
    struct {
        uint32_t words[6]; /* size, checksum, code, reserved, action, padding */
        struct udxg_intel_gfx_partition partition;
        uint32_t tail[2];
    } get = {.words = {0, 0, 2, 0, 28}}, set = {.words = {0, 0, 2, 0, 29}}, other = {.words = {0, 0, 2, 0, 30}};
    void *adapter = start(2);

    (void)state;
    set.partition.heaps.standard.base = 4711;
    assert_int_equal(intel->escape(adapter, NULL, &get, sizeof(get)), STATUS_SUCCESS);
    assert_int_equal(intel->escape(adapter, NULL, &set, sizeof(set)), STATUS_SUCCESS);
    assert_true(
        udxg_intel_check(&get.partition, sizeof(get.partition), UDXG_INTEL_GFX_PARTITION, sizeof(get.partition)));
    assert_true(get.partition.heaps.standard64k.limit != 0);
    assert_memory_equal(&get.partition, &set.partition, sizeof(get.partition));
    assert_int_equal(intel->escape(adapter, NULL, &other, sizeof(other)), STATUS_NOT_SUPPORTED);
    other.words[2] = 3;
    other.words[4] = 28;
    assert_int_equal(intel->escape(adapter, NULL, &other, sizeof(other)), STATUS_NOT_SUPPORTED);
    intel->stop(adapter);
}

static void a_card_has_local_memory(void **state)
{
    struct udxg_intel_adapter_info info;
    struct udxg_adapter_caps caps = caps_of(2);
    void *adapter;

    (void)state;
    caps.device_id = 0x4905;
    assert_int_equal(intel->start(&caps, &adapter), STATUS_SUCCESS);
    assert_int_equal(intel->query_umd_private(adapter, &info, sizeof(info)), STATUS_SUCCESS);
    assert_int_equal(info.product_family, 1210);
    assert_true(info.features & UDXG_INTEL_FEATURE_LOCAL_MEMORY);
    intel->stop(adapter);
}

static void escape_tells_the_time(void **state)
{
    uint64_t first[7] = {0, 12, 25}, second[7] = {0, 12, 25}, other[7] = {0, 12, 24};
    void *adapter = start(1);

    (void)state;
    assert_int_equal(intel->escape(adapter, NULL, first, sizeof(first)), STATUS_SUCCESS);
    assert_int_equal(intel->escape(adapter, NULL, second, sizeof(second)), STATUS_SUCCESS);
    assert_int_equal((uint32_t)first[2], 0);
    assert_true(first[3] != 0 && first[3] <= second[3]);
    assert_true(first[4] != 0 && first[4] <= second[4]);
    assert_int_equal(first[5], 19200000);
    assert_int_equal(first[6], 1000000000);
    assert_int_equal(intel->escape(adapter, NULL, other, sizeof(other)), STATUS_NOT_SUPPORTED);
    assert_int_equal(intel->escape(adapter, NULL, other, 8), STATUS_INVALID_PARAMETER);
    intel->stop(adapter);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_known_products_start),
        cmocka_unit_test(adapter_info_holds_the_profile),
        cmocka_unit_test(allocations_get_size_and_segments),
        cmocka_unit_test(system_memory_stays_in_the_aperture),
        cmocka_unit_test(without_local_memory_all_is_in_the_aperture),
        cmocka_unit_test(bad_private_data_is_refused),
        cmocka_unit_test(standard_allocations_are_our_own_private_data),
        cmocka_unit_test(fence_is_written_after_the_batch),
        cmocka_unit_test(null_rendering_only_signals),
        cmocka_unit_test(faults_are_described_and_signal_nothing),
        cmocka_unit_test(submissions_are_judged_early),
        cmocka_unit_test(contexts_take_our_private_data_or_none),
        cmocka_unit_test(escape_tells_the_time),
        cmocka_unit_test(escape_tells_the_partition),
        cmocka_unit_test(a_card_has_local_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
