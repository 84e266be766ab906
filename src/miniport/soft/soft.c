/* SPDX-License-Identifier: MIT */
/*
 * The soft miniport's adapter: it judges private data and decides sizes, alignments and segments.
 *
 * It keeps nothing for an allocation, a resource, a device or a context: their handles are NULL or the adapter
 * itself, so creating and destroying them costs no memory and cannot fail halfway. Everything here is constant
 * after start(), so there is no lock. It does not check pSystemMem's range and does not place anything: the
 * core and vidmm do.
 */
#include "miniport/soft/soft.h"

#include <stdlib.h>
#include <string.h>

#include <udxg/soft.h>

#include "base/os.h"

#define SOFT_64K 0x10000u

_Static_assert(sizeof(struct udxg_soft_adapter_info) == 48, "documented in udxg/soft.h");
_Static_assert(sizeof(struct udxg_soft_allocation) == 56, "documented in udxg/soft.h");
_Static_assert(sizeof(struct udxg_soft_resource) == 24, "documented in udxg/soft.h");

#define SOFT_KNOWN_FLAGS                                                                                               \
    (UDXG_SOFT_CPU_VISIBLE | UDXG_SOFT_CACHED | UDXG_SOFT_ONLY_PREFERRED | UDXG_SOFT_FROM_END |                        \
     UDXG_SOFT_PERMANENT_SYSTEM | UDXG_SOFT_ACCESSED_PHYSICALLY)

static uint32_t segment_bit(uint32_t segment_id)
{
    return 1u << (segment_id - 1);
}

/* ---- the adapter ---- */

static NTSTATUS soft_start(struct udxg_adapter_caps *caps, void **ret_adapter)
{
    struct soft_adapter *adapter = calloc(1, sizeof(*adapter));
    if (!adapter) return STATUS_NO_MEMORY;
    for (uint32_t i = 0; i < caps->segment_count; i++) {
        const struct udxg_segment *segment = &caps->segments[i];
        uint8_t id = (uint8_t)(i + 1);
        adapter->all_segments |= segment_bit(id);
        if (segment->flags & UDXG_SEGMENT_USE_64KB_PAGES) adapter->segments_64k |= segment_bit(id);
        if (segment->flags & UDXG_SEGMENT_APERTURE) {
            adapter->system_segment = id;
            continue;
        }
        adapter->local_bytes += segment->size_bytes;
        if (!adapter->local_segment) adapter->local_segment = id;
    }
    if (!adapter->system_segment || !caps->node_count) { /* no profile that passed the checks is like that */
        free(adapter);
        return STATUS_INVALID_PARAMETER;
    }
    if (!adapter->local_segment) adapter->local_segment = adapter->system_segment;
    adapter->segment_count = caps->segment_count;
    adapter->node_count = caps->node_count;
    adapter->clock_hz = caps->clock_hz;
    caps->submission_data_bytes = 0;
    adapter->va_mask = (UINT64_C(1) << caps->gpu_va_bits) - 1;
    *ret_adapter = adapter;
    return STATUS_SUCCESS;
}

static void soft_stop(void *adapter)
{
    free(adapter);
}

static NTSTATUS soft_query_umd_private(void *context, void *data, uint32_t size_bytes)
{
    const struct soft_adapter *adapter = context;
    struct udxg_soft_adapter_info info = {
        .magic = UDXG_SOFT_ADAPTER_MAGIC,
        .version = UDXG_SOFT_VERSION,
        .clock_hz = adapter->clock_hz,
        .min_alignment_bytes = adapter->segments_64k ? SOFT_64K : UDXG_PAGE_SIZE,
        .local_bytes = adapter->local_bytes,
        .segment_count = adapter->segment_count,
        .local_segment_id = adapter->local_segment,
        .system_segment_id = adapter->system_segment,
        .node_count = adapter->node_count,
    };
    if (size_bytes != sizeof(info)) return STATUS_INVALID_PARAMETER;
    memcpy(data, &info, sizeof(info));
    return STATUS_SUCCESS;
}

static const char *soft_driver_store_path(void *adapter)
{
    (void)adapter;
    return NULL; /* there is no user-mode driver to load */
}

/* ---- allocations ---- */

static NTSTATUS judge_resource(const struct udxg_create_allocation *args)
{
    struct udxg_soft_resource resource;
    if (!args->private_data_bytes) return STATUS_SUCCESS;
    if (args->private_data_bytes < sizeof(resource)) return STATUS_GRAPHICS_DRIVER_MISMATCH;
    memcpy(&resource, args->private_data, sizeof(resource));
    if (resource.magic != UDXG_SOFT_RESOURCE_MAGIC || resource.version != UDXG_SOFT_VERSION)
        return STATUS_GRAPHICS_DRIVER_MISMATCH;
    if (resource.reserved) return STATUS_INVALID_PARAMETER;
    if (args->create_resource && resource.allocation_count && resource.allocation_count != args->count)
        return STATUS_INVALID_PARAMETER;
    return STATUS_SUCCESS;
}

static uint32_t pixel_bytes(uint32_t format)
{
    static const uint8_t bytes[] = {
        [UDXG_SOFT_FORMAT_R8] = 1,    [UDXG_SOFT_FORMAT_R16] = 2,    [UDXG_SOFT_FORMAT_R32] = 4,
        [UDXG_SOFT_FORMAT_RGBA8] = 4, [UDXG_SOFT_FORMAT_RGBA16] = 8, [UDXG_SOFT_FORMAT_RGBA32] = 16,
    };
    return format < sizeof(bytes) ? bytes[format] : 0;
}

/* Fills in pitch and size of a surface, and the size of a buffer in whole pages. */
static bool decide_size(struct udxg_soft_allocation *data)
{
    if (data->format == UDXG_SOFT_FORMAT_NONE) {
        if (data->width || data->height || data->pitch_bytes) return false;
    } else {
        uint64_t row_bytes = (uint64_t)data->width * pixel_bytes(data->format);
        if (!row_bytes || !data->height) return false;
        uint64_t pitch_bytes = data->pitch_bytes;
        if (!pitch_bytes) pitch_bytes = udxg_align_up(row_bytes, UDXG_SOFT_PITCH_ALIGNMENT_BYTES);
        if (pitch_bytes < row_bytes || pitch_bytes > UINT32_MAX) return false;
        data->pitch_bytes = (uint32_t)pitch_bytes;
        uint64_t surface_bytes = pitch_bytes * data->height; /* both are below 2^32 */
        if (!data->size_bytes) data->size_bytes = surface_bytes;
        if (data->size_bytes < surface_bytes) return false;
    }
    if (!data->size_bytes || data->size_bytes > UINT64_MAX - UDXG_PAGE_SIZE + 1) return false;
    data->size_bytes = udxg_align_up(data->size_bytes, UDXG_PAGE_SIZE);
    return true;
}

static bool add_preference(const struct soft_adapter *adapter, uint8_t wanted, unsigned *count, bool from_end,
                           struct udxg_allocation_info *info)
{
    uint8_t id = wanted;
    if (wanted == UDXG_SOFT_SEGMENT_LOCAL) id = adapter->local_segment;
    if (wanted == UDXG_SOFT_SEGMENT_SYSTEM) id = adapter->system_segment;
    if (id > adapter->segment_count) return false;
    if (info->supported_segments & segment_bit(id)) return true; /* LOCAL and SYSTEM may be one */
    info->supported_segments |= segment_bit(id);
    info->preferred[*count].segment_id = id;
    info->preferred[*count].from_end = from_end;
    ++*count;
    return true;
}

static bool decide_segments(const struct soft_adapter *adapter, const struct udxg_soft_allocation *data,
                            struct udxg_allocation_info *info)
{
    static const uint8_t unstated[] = {UDXG_SOFT_SEGMENT_LOCAL, UDXG_SOFT_SEGMENT_SYSTEM, 0, 0, 0};
    static const uint8_t system[] = {UDXG_SOFT_SEGMENT_SYSTEM, 0, 0, 0, 0};
    bool only_system = info->system_memory || (data->flags & UDXG_SOFT_PERMANENT_SYSTEM);
    bool from_end = (data->flags & UDXG_SOFT_FROM_END) && !info->system_memory;
    const uint8_t *wanted = data->preferred[0] ? data->preferred : unstated;
    if (only_system) wanted = system;

    unsigned count = 0;
    for (unsigned i = 0; i < 5 && wanted[i]; i++) {
        if (!add_preference(adapter, wanted[i], &count, from_end, info)) return false;
    }
    if (!only_system && !(data->flags & UDXG_SOFT_ONLY_PREFERRED)) info->supported_segments = adapter->all_segments;
    return true;
}

static void decide_flags(const struct udxg_soft_allocation *data, struct udxg_allocation_info *info)
{
    uint32_t flags = 0;
    if (data->flags & UDXG_SOFT_CPU_VISIBLE) flags |= UDXG_ALLOCATION_CPU_VISIBLE;
    if (data->flags & UDXG_SOFT_CACHED) flags |= UDXG_ALLOCATION_CACHED;
    if (data->flags & UDXG_SOFT_ACCESSED_PHYSICALLY) flags |= UDXG_ALLOCATION_ACCESSED_PHYSICALLY;
    if (info->system_memory) {
        flags |= UDXG_ALLOCATION_EXISTING_SYS_MEM;
    } else {
        if (data->flags & UDXG_SOFT_FROM_END) flags |= UDXG_ALLOCATION_FROM_END_OF_SEGMENT;
        if (data->flags & UDXG_SOFT_PERMANENT_SYSTEM) flags |= UDXG_ALLOCATION_PERMANENT_SYS_MEM;
    }
    info->flags = flags;
}

static NTSTATUS judge_allocation(const struct soft_adapter *adapter, struct udxg_allocation_info *info)
{
    struct udxg_soft_allocation data;
    if (!info->private_data_bytes) return STATUS_INVALID_PARAMETER;
    if (info->private_data_bytes < sizeof(data)) return STATUS_GRAPHICS_DRIVER_MISMATCH;
    memcpy(&data, info->private_data, sizeof(data));
    if (data.magic != UDXG_SOFT_ALLOCATION_MAGIC || data.version != UDXG_SOFT_VERSION)
        return STATUS_GRAPHICS_DRIVER_MISMATCH;

    if (data.flags & ~SOFT_KNOWN_FLAGS) return STATUS_INVALID_PARAMETER;
    if ((data.flags & UDXG_SOFT_CACHED) && !(data.flags & UDXG_SOFT_CPU_VISIBLE)) return STATUS_INVALID_PARAMETER;
    if (data.reserved[0] | data.reserved[1] | data.reserved[2]) return STATUS_INVALID_PARAMETER;
    if (data.alignment_bytes & (data.alignment_bytes - 1)) return STATUS_INVALID_PARAMETER;
    if (data.alignment_bytes > UDXG_SOFT_MAX_ALIGNMENT_BYTES) return STATUS_INVALID_PARAMETER;
    if (info->system_memory && data.size_bytes % UDXG_PAGE_SIZE) return STATUS_INVALID_PARAMETER;
    if (!decide_size(&data) || !decide_segments(adapter, &data, info)) return STATUS_INVALID_PARAMETER;
    decide_flags(&data, info);

    uint64_t least = info->supported_segments & adapter->segments_64k ? SOFT_64K : UDXG_PAGE_SIZE;
    if (data.alignment_bytes < least) data.alignment_bytes = least;
    info->size_bytes = data.size_bytes;
    info->alignment_bytes = data.alignment_bytes;
    if (data.priority) info->priority = data.priority;
    memcpy(info->private_data, &data, sizeof(data));
    return STATUS_SUCCESS;
}

static NTSTATUS soft_create_allocation(void *context, struct udxg_create_allocation *args)
{
    NTSTATUS status = judge_resource(args);
    for (uint32_t i = 0; status == STATUS_SUCCESS && i < args->count; i++)
        status = judge_allocation(context, &args->infos[i]);
    return status;
}

static void soft_destroy_allocation(void *adapter, uint32_t count, void *const *allocations, void *resource)
{
    (void)adapter, (void)count, (void)allocations, (void)resource; /* nothing was kept */
}

static NTSTATUS soft_get_standard_allocation(void *adapter, struct udxg_standard_allocation *args)
{
    struct udxg_soft_allocation data = {
        .magic = UDXG_SOFT_ALLOCATION_MAGIC,
        .version = UDXG_SOFT_VERSION,
        .size_bytes = args->size_bytes,
        .flags = UDXG_SOFT_CPU_VISIBLE | UDXG_SOFT_CACHED,
        .preferred = {UDXG_SOFT_SEGMENT_SYSTEM},
    };
    (void)adapter;
    if (args->allocation_data) {
        if (args->allocation_data_bytes < sizeof(data)) return STATUS_INVALID_PARAMETER;
        memcpy(args->allocation_data, &data, sizeof(data));
    }
    args->allocation_data_bytes = sizeof(data);
    args->resource_data_bytes = 0;
    return STATUS_SUCCESS;
}

/* ---- contexts and submissions ---- */

static NTSTATUS soft_create_context(void *adapter, void *device, uint32_t node, void *private_data,
                                    uint32_t private_data_bytes, void **ret_context)
{
    (void)device, (void)node, (void)private_data; /* every node executes everything */
    if (private_data_bytes) return STATUS_GRAPHICS_DRIVER_MISMATCH;
    *ret_context = adapter;
    return STATUS_SUCCESS;
}

static void soft_destroy_context(void *adapter, void *context)
{
    (void)adapter, (void)context; /* it was the adapter */
}

static NTSTATUS soft_check_submission(void *context, const struct udxg_submission *submission)
{
    (void)context;
    if (submission->private_data_bytes) return STATUS_INVALID_PARAMETER;
    if (submission->null_rendering) return STATUS_SUCCESS;
    if (!submission->commands_bytes) return STATUS_INVALID_PARAMETER;
    if ((submission->commands_va | submission->commands_bytes) % 8) return STATUS_INVALID_PARAMETER;
    return STATUS_SUCCESS;
}

static NTSTATUS soft_execute_submission(void *context, const struct udxg_submission *submission,
                                        struct udxg_submit_fault *ret_fault)
{
    if (submission->null_rendering) return STATUS_SUCCESS; /* asked for: complete without executing */
    return soft_execute(context, submission, ret_fault);
}

const struct udxg_miniport udxg_miniport_soft = {
    .version = UDXG_MINIPORT_VERSION,
    .name = "soft",
    .start = soft_start,
    .stop = soft_stop,
    .query_umd_private = soft_query_umd_private,
    .driver_store_path = soft_driver_store_path,
    .create_allocation = soft_create_allocation,
    .destroy_allocation = soft_destroy_allocation,
    .get_standard_allocation = soft_get_standard_allocation,
    .create_context = soft_create_context,
    .destroy_context = soft_destroy_context,
    .check_submission = soft_check_submission,
    .execute = soft_execute_submission,
};
