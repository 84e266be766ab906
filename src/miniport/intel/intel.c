/* SPDX-License-Identifier: MIT */
/*
 * The intel miniport (intel.h) behind the interface of udxg/miniport.h. An adapter is constant once started,
 * a context is constant once created; the only state that changes is counters, all atomic, so there is no
 * lock here.
 */
#include "miniport/intel/intel.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/os.h"
#include "miniport/intel/batch.h"
#include "miniport/intel/private_data.h"
#include "miniport/intel/product.h"

#define INTEL_VENDOR 0x8086
/* The runtime asks for no GPU timeout, so only a batch that nobody can finish meets this one. */
#define SEMAPHORE_NAP_NS 20000u
#define SEMAPHORE_NAP_LIMIT (30ull * 1000000000u / SEMAPHORE_NAP_NS)

struct intel_adapter {
    struct udxg_intel_adapter_info info;
    uint64_t clock_hz;
    uint32_t local_segments; /* bit 0 is segment 1 */
    uint32_t aperture_segments;
    _Atomic uint64_t kernels_skipped;
};

struct intel_context {
    struct intel_adapter *adapter;
};

static void classify_segments(const struct udxg_adapter_caps *caps, struct intel_adapter *adapter)
{
    for (uint32_t i = 0; i < caps->segment_count; i++) {
        bool is_aperture = caps->segments[i].flags & UDXG_SEGMENT_APERTURE;

        if (is_aperture) {
            adapter->aperture_segments |= 1u << i;
            adapter->info.shared_system_bytes += caps->segments[i].size_bytes;
        } else {
            adapter->local_segments |= 1u << i;
            adapter->info.dedicated_video_bytes += caps->segments[i].size_bytes;
        }
    }
}

static NTSTATUS intel_start(struct udxg_adapter_caps *caps, void **ret_adapter)
{
    const struct udxg_intel_adapter_info *product = udxg_intel_product(caps->device_id);
    struct intel_adapter *adapter;

    if (caps->vendor_id != INTEL_VENDOR || !product || caps->clock_hz == 0 || caps->clock_hz > UINT32_MAX)
        return STATUS_INVALID_PARAMETER;
    adapter = calloc(1, sizeof(*adapter));
    if (!adapter) return STATUS_NO_MEMORY;
    adapter->info = *product;
    adapter->info.revision = caps->revision_id;
    adapter->info.timestamp_hz = (uint32_t)caps->clock_hz;
    adapter->clock_hz = caps->clock_hz;
    classify_segments(caps, adapter);
    *ret_adapter = adapter;
    return STATUS_SUCCESS;
}

static void intel_stop(void *adapter)
{
    free(adapter);
}

static NTSTATUS intel_query_umd_private(void *adapter, void *data, uint32_t size_bytes)
{
    const struct intel_adapter *intel = adapter;

    if (size_bytes != sizeof(intel->info)) return STATUS_INVALID_PARAMETER;
    memcpy(data, &intel->info, sizeof(intel->info));
    return STATUS_SUCCESS;
}

/* Our struct out of an allocation's private data, without the token stream; false when it is not one. */
static bool read_allocation(const void *data, uint32_t size_bytes, struct udxg_intel_allocation *ret_allocation)
{
    size_t fixed_bytes = offsetof(struct udxg_intel_allocation, tokens);

    if (!udxg_intel_check(data, size_bytes, UDXG_INTEL_GMM_RESOURCE, fixed_bytes)) return false;
    memcpy(ret_allocation, data, fixed_bytes);
    return true;
}

/*
 * The segments of an adapter in which an allocation with FLAGS may lie. What is for local memory only can be in system
 * memory too, as its last choice: what hardware has there alone, such as compression, we do not have, and Debian's
 * build of the runtime never trims, so that all it has used stays listed.
 */
static uint32_t supported_segments(const struct intel_adapter *adapter, uint32_t flags, bool is_system_memory)
{
    if (is_system_memory || flags & UDXG_INTEL_ALLOCATION_NON_LOCAL_ONLY) return adapter->aperture_segments;
    return adapter->aperture_segments | adapter->local_segments;
}

/* What the CPU cannot see is cached by the GPU alone, and that is no matter of the memory manager's. */
static uint32_t memory_flags(uint32_t flags)
{
    if (flags & UDXG_INTEL_ALLOCATION_NOT_LOCKABLE) return 0;
    return UDXG_ALLOCATION_CPU_VISIBLE | (flags & UDXG_INTEL_ALLOCATION_CACHEABLE ? UDXG_ALLOCATION_CACHED : 0);
}

/* Local memory first, then system memory, in the order of the segments. */
static void set_segments(const struct intel_adapter *adapter, uint32_t segments, struct udxg_allocation_info *info)
{
    uint32_t order[2] = {segments & adapter->local_segments, segments & adapter->aperture_segments};
    size_t preferences = sizeof(info->preferred) / sizeof(info->preferred[0]);
    size_t used = 0;

    for (size_t i = 0; i < 2; i++)
        for (uint32_t bit = 0; bit < 31 && used < preferences; bit++)
            if (order[i] >> bit & 1) info->preferred[used++].segment_id = (uint8_t)(bit + 1);
    info->supported_segments = segments;
}

static NTSTATUS describe_allocation(const struct intel_adapter *adapter, struct udxg_allocation_info *info)
{
    struct udxg_intel_allocation allocation;
    bool is_system_memory = info->system_memory != NULL;

    if (!read_allocation(info->private_data, info->private_data_bytes, &allocation)) return STATUS_INVALID_PARAMETER;
    if (allocation.size_bytes == 0) return STATUS_INVALID_PARAMETER;
    if (allocation.alignment_bytes & (allocation.alignment_bytes - 1)) return STATUS_INVALID_PARAMETER;
    info->size_bytes = allocation.size_bytes;
    if (allocation.alignment_bytes > info->alignment_bytes && !is_system_memory)
        info->alignment_bytes = allocation.alignment_bytes;
    info->flags |= memory_flags(allocation.flags);
    if (is_system_memory) info->flags |= UDXG_ALLOCATION_EXISTING_SYS_MEM;
    set_segments(adapter, supported_segments(adapter, allocation.flags, is_system_memory), info);
    return STATUS_SUCCESS;
}

static NTSTATUS intel_create_allocation(void *adapter, struct udxg_create_allocation *args)
{
    NTSTATUS status = STATUS_SUCCESS;

    for (uint32_t i = 0; i < args->count && status == STATUS_SUCCESS; i++)
        status = describe_allocation(adapter, &args->infos[i]);
    return status;
}

/* Allocations and resources carry nothing of ours. */
static void intel_destroy_allocation(void *adapter, uint32_t count, void *const *allocations, void *resource)
{
    (void)adapter;
    (void)count;
    (void)allocations;
    (void)resource;
}

static NTSTATUS intel_get_standard_allocation(void *adapter, struct udxg_standard_allocation *args)
{
    struct udxg_intel_allocation allocation = {.size_bytes = args->size_bytes};
    size_t fixed_bytes = offsetof(struct udxg_intel_allocation, tokens);

    (void)adapter;
    if (args->allocation_data) {
        if (args->allocation_data_bytes < fixed_bytes) return STATUS_BUFFER_TOO_SMALL;
        allocation.header.magic = UDXG_INTEL_MAGIC;
        allocation.header.version = UDXG_INTEL_VERSION;
        allocation.header.struct_id = UDXG_INTEL_GMM_RESOURCE;
        allocation.header.size_bytes = (uint32_t)fixed_bytes;
        allocation.flags = UDXG_INTEL_ALLOCATION_EXISTING_SYSMEM | UDXG_INTEL_ALLOCATION_LINEAR;
        memcpy(args->allocation_data, &allocation, fixed_bytes);
    }
    args->allocation_data_bytes = (uint32_t)fixed_bytes;
    args->resource_data_bytes = 0;
    return STATUS_SUCCESS;
}

static NTSTATUS intel_create_context(void *adapter, void *device, uint32_t node, void *private_data,
                                     uint32_t private_data_bytes, void **ret_context)
{
    struct intel_context *context;

    (void)device;
    (void)node;
    if (private_data_bytes != 0 && !udxg_intel_check(private_data, private_data_bytes, UDXG_INTEL_CREATE_CONTEXT,
                                                     sizeof(struct udxg_intel_context)))
        return STATUS_INVALID_PARAMETER;
    context = calloc(1, sizeof(*context));
    if (!context) return STATUS_NO_MEMORY;
    context->adapter = adapter;
    *ret_context = context;
    return STATUS_SUCCESS;
}

static void intel_destroy_context(void *adapter, void *context)
{
    (void)adapter;
    free(context);
}

static bool has_valid_command(const struct udxg_submission *submission)
{
    return udxg_intel_check(submission->private_data, submission->private_data_bytes, UDXG_INTEL_COMMAND_BUFFER,
                            sizeof(struct udxg_intel_command));
}

/* No private data is no fence, which is for programs other than Intel's runtime. */
static NTSTATUS intel_check_submission(void *context, const struct udxg_submission *submission)
{
    (void)context;
    if (submission->private_data_bytes == 0 || has_valid_command(submission)) return STATUS_SUCCESS;
    return STATUS_INVALID_PARAMETER;
}

static void nap(void)
{
    udxg_os_nap_ns(SEMAPHORE_NAP_NS);
}

static void count_kernels(struct intel_adapter *adapter, uint64_t skipped)
{
    static atomic_flag said = ATOMIC_FLAG_INIT;

    if (skipped == 0) return;
    atomic_fetch_add_explicit(&adapter->kernels_skipped, skipped, memory_order_relaxed);
    if (!atomic_flag_test_and_set(&said))
        fputs("udxg: intel: shader kernels are not executed; what they would have computed is missing\n", stderr);
}

static NTSTATUS run_batch(struct intel_adapter *adapter, const struct udxg_submission *submission,
                          struct udxg_submit_fault *ret_fault)
{
    struct udxg_batch_env env = {
        .memory = submission->memory,
        .cancelled = submission->cancelled,
        .cancelled_context = submission->cancelled_context,
        .now_ns = udxg_os_now_ns,
        .nap = nap,
        .nap_limit = SEMAPHORE_NAP_LIMIT,
        .clock_hz = adapter->clock_hz,
    };
    struct udxg_batch_result result;
    NTSTATUS status = udxg_batch_run(&env, submission->commands_va, &result);

    count_kernels(adapter, result.kernels_skipped);
    ret_fault->va = result.fault_va;
    ret_fault->write = result.fault_write;
    ret_fault->error_code = result.fault;
    return status;
}

/* What the hardware's interrupt handler would do: tell the runtime that the submission has ended. */
static NTSTATUS write_fence(const struct udxg_submission *submission, struct udxg_submit_fault *ret_fault)
{
    const struct udxg_gpu_memory *memory = submission->memory;
    struct udxg_intel_command command;
    NTSTATUS status;

    if (!has_valid_command(submission)) return STATUS_SUCCESS;
    memcpy(&command, submission->private_data, sizeof(command));
    if (command.fence_va == 0) return STATUS_SUCCESS;
    status = memory->write(memory->context, udxg_intel_va(command.fence_va), &command.fence_value,
                           sizeof(command.fence_value), &ret_fault->va);
    ret_fault->write = true;
    ret_fault->error_code = status == STATUS_SUCCESS ? UDXG_BATCH_OK : UDXG_BATCH_FAULT_MEMORY;
    return status;
}

static NTSTATUS intel_execute(void *context, const struct udxg_submission *submission,
                              struct udxg_submit_fault *ret_fault)
{
    struct intel_context *intel = context;
    NTSTATUS status = STATUS_SUCCESS;

    if (!submission->null_rendering) status = run_batch(intel->adapter, submission, ret_fault);
    return status == STATUS_SUCCESS ? write_fence(submission, ret_fault) : status;
}

/* The runtime's request for a pair of time stamps, and our answer in its place. */
struct timestamp_escape {
    uint32_t size_bytes;
    uint32_t checksum;
    uint32_t escape_code;
    uint32_t reserved;
    union {
        uint32_t function;    /* in */
        uint32_t return_code; /* out, as all that follows */
    };
    uint64_t gpu_ticks;
    uint64_t cpu_ticks;
    uint64_t gpu_hz;
    uint64_t cpu_hz;
};
_Static_assert(sizeof(struct timestamp_escape) == 56, "the runtime's layout");

/* The runtime's request for its process's layout of GPU addresses; what it proposes, it proposes in the same way. */
struct partition_escape {
    uint32_t size_bytes; /* of what follows the first four */
    uint32_t checksum;
    uint32_t escape_code;
    uint32_t reserved;
    uint32_t action;
    uint32_t padding;
    struct udxg_intel_gfx_partition partition; /* out */
    uint32_t tail[2];
};
_Static_assert(offsetof(struct partition_escape, partition) == 24, "the runtime's layout");
_Static_assert(sizeof(struct partition_escape) == 24 + sizeof(struct udxg_intel_gfx_partition) + 8, "no padding");

enum { ESCAPE_GMM_CONTROL = 2, ACTION_GET_PARTITION = 28, ACTION_SET_PARTITION = 29 };
enum { ESCAPE_INSTRUMENTATION = 12, FUNCTION_GPU_CPU_TIMESTAMPS = 25 };

static NTSTATUS answer_timestamps(const struct intel_adapter *intel, void *data)
{
    struct timestamp_escape escape;

    memcpy(&escape, data, sizeof(escape));
    if (escape.escape_code != ESCAPE_INSTRUMENTATION || escape.function != FUNCTION_GPU_CPU_TIMESTAMPS)
        return STATUS_NOT_SUPPORTED;
    escape.return_code = 0;
    escape.gpu_ticks = udxg_intel_ticks(udxg_os_now_ns(), intel->clock_hz);
    escape.cpu_ticks = udxg_os_now_raw_ns();
    escape.gpu_hz = intel->clock_hz;
    escape.cpu_hz = 1000000000u;
    memcpy(data, &escape, sizeof(escape));
    return STATUS_SUCCESS;
}

/* Every process has the adapter's layout, whatever it proposes: so nobody has to remember who proposed what. */
static NTSTATUS answer_partition(const struct intel_adapter *intel, void *data)
{
    struct udxg_intel_gfx_partition partition = {
        .header =
            {
                .magic = UDXG_INTEL_MAGIC,
                .version = UDXG_INTEL_VERSION,
                .struct_id = UDXG_INTEL_GFX_PARTITION,
                .size_bytes = sizeof(partition),
            },
        .heaps = intel->info.heaps,
    };
    struct partition_escape escape;

    memcpy(&escape, data, sizeof(escape));
    if (escape.escape_code != ESCAPE_GMM_CONTROL) return STATUS_NOT_SUPPORTED;
    if (escape.action != ACTION_GET_PARTITION && escape.action != ACTION_SET_PARTITION) return STATUS_NOT_SUPPORTED;
    escape.partition = partition;
    memcpy(data, &escape, sizeof(escape));
    return STATUS_SUCCESS;
}

static NTSTATUS intel_escape(void *adapter, void *device, void *data, uint32_t size_bytes)
{
    (void)device;
    switch (size_bytes) {
    case sizeof(struct timestamp_escape):
        return answer_timestamps(adapter, data);
    case sizeof(struct partition_escape):
        return answer_partition(adapter, data);
    default:
        return STATUS_INVALID_PARAMETER;
    }
}

const struct udxg_miniport udxg_miniport_intel = {
    .version = UDXG_MINIPORT_VERSION,
    .name = "intel",
    .start = intel_start,
    .stop = intel_stop,
    .query_umd_private = intel_query_umd_private,
    .create_allocation = intel_create_allocation,
    .destroy_allocation = intel_destroy_allocation,
    .get_standard_allocation = intel_get_standard_allocation,
    .create_context = intel_create_context,
    .destroy_context = intel_destroy_context,
    .check_submission = intel_check_submission,
    .execute = intel_execute,
    .escape = intel_escape,
};
