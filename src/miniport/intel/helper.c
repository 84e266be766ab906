/* SPDX-License-Identifier: MIT */
/*
 * libwsl_compute_helper.so: the library that Intel's compute runtime loads from the driver store path of a
 * WDDM adapter to turn its token streams into "the kernel driver's structs" and back. Intel ships one for
 * its kernel driver; this one is for udxg, so the structs are those of private_data.h.
 *
 * Six C functions, no state, no memory of its own, only libc. Streams and structs are checked: the first
 * come from the client, the second may come from another process through a shared resource.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "miniport/intel/private_data.h"
#include "miniport/intel/tokens.h"

#define HELPER_EXPORT __attribute__((visibility("default")))

#define HELPER_VERSION 1u
#define ADAPTER_TOKEN_BYTES 1024u
#define PARTITION_TOKEN_BYTES 512u
#define ALLOCATION_TOKEN_BYTES sizeof(((struct udxg_intel_allocation *)0)->tokens)

/* The ids of the tokens that we read or write; the runtime's numbers. */
enum {
    TOK_PLATFORM_PRODUCT = 3475,
    TOK_PLATFORM_DISPLAY_CORE = 3477,
    TOK_PLATFORM_RENDER_CORE = 3478,
    TOK_PLATFORM_DEVICE_ID = 3480,
    TOK_PLATFORM_REVISION = 3481,

    TOK_ADAPTER_PLATFORM = 3551,
    TOK_ADAPTER_FEATURES = 3552,
    TOK_ADAPTER_TIMESTAMP_HZ = 3555,
    TOK_ADAPTER_MAX_FREQUENCY_MHZ = 3559,
    TOK_ADAPTER_EU_COUNT = 3562,
    TOK_ADAPTER_DEDICATED_BYTES = 3577,
    TOK_ADAPTER_SHARED_BYTES = 3578,
    TOK_ADAPTER_SYSTEM_INFO = 3585,
    TOK_ADAPTER_PARTITION = 3588,
    TOK_ADAPTER_BDF = 3594,
    TOK_BDF_BUS = 3541,
    TOK_BDF_DEVICE = 3542,
    TOK_BDF_FUNCTION = 3543,

    TOK_SYSTEM_EU_COUNT = 299,
    TOK_SYSTEM_THREAD_COUNT = 300,
    TOK_SYSTEM_SLICE_COUNT = 301,
    TOK_SYSTEM_SUBSLICE_COUNT = 302,
    TOK_SYSTEM_DUAL_SUBSLICE_COUNT = 303,
    TOK_SYSTEM_L3_KB = 304,
    TOK_SYSTEM_L3_BANKS = 308,
    TOK_SYSTEM_MAX_FILL_RATE = 309,
    TOK_SYSTEM_PS_THREADS = 316,
    TOK_SYSTEM_CSR_MB = 318,
    TOK_SYSTEM_MAX_EUS_PER_SUBSLICE = 319,
    TOK_SYSTEM_MAX_SLICES = 320,
    TOK_SYSTEM_MAX_SUBSLICES = 321,
    TOK_SYSTEM_MAX_DUAL_SUBSLICES = 322,

    TOK_RANGE_BASE = 3532,
    TOK_RANGE_LIMIT = 3533,
    TOK_HEAP_STANDARD = 3534,
    TOK_HEAP_STANDARD64K = 3535,
    TOK_HEAP_SVM = 3538,
    TOK_HEAP_32 = 3540,

    TOK_CONTEXT_PROCESS_ID = 3635,
    TOK_CONTEXT_PROTECTED = 3636,
    TOK_CONTEXT_MEDIA = 3639,
    TOK_CONTEXT_GPU_VA = 3644,
    TOK_CONTEXT_NO_RING_FLUSHES = 3651,

    TOK_COMMAND_MID_BATCH = 3705,
    TOK_COMMAND_GPGPU = 3708,
    TOK_COMMAND_COHERENT = 3709,
    TOK_COMMAND_FENCE_VA = 3730,
    TOK_COMMAND_FENCE_VALUE = 3731,

    TOK_RESOURCE_COMMON = 3962,
    TOK_COMMON_SURFACE = 3951,
    TOK_COMMON_AUX_SURFACE = 3952,
    TOK_COMMON_AUX_SECOND_SURFACE = 3953,
    TOK_COMMON_SYSTEM_MEMORY = 3955,
    TOK_SURFACE_FLAGS = 3905,
    TOK_SURFACE_CACHE_POLICY = 3912,
    TOK_SURFACE_ALIGNMENT = 3914,
    TOK_SURFACE_SIZE = 3919,
    TOK_CACHE_USAGE = 3896,
    TOK_ALIGNMENT_BASE = 3855,
    TOK_FLAGS_INFO = 3850,
    TOK_SYSTEM_MEMORY_ADDRESS = 3944,
    TOK_SYSTEM_MEMORY_SIZE = 3948,
};

/* A bit of one of our flag words and the token it is read from or written to. */
struct flag_token {
    uint32_t flag;
    uint16_t id;
};

static const struct flag_token feature_tokens[] = {
    {UDXG_INTEL_FEATURE_PPGTT, 598},
    {UDXG_INTEL_FEATURE_SVM, 603},
    {UDXG_INTEL_FEATURE_THREAD_GROUP_PREEMPTION, 588},
    {UDXG_INTEL_FEATURE_MID_BATCH_PREEMPTION, 587},
    {UDXG_INTEL_FEATURE_GPU_MMU, 626},
    {UDXG_INTEL_FEATURE_L3_COHERENCY, 609},
    {UDXG_INTEL_FEATURE_WIDE_PTES, 599},
    {UDXG_INTEL_FEATURE_TILE_Y, 645},
    {UDXG_INTEL_FEATURE_STANDARD_MIP_TAIL, 628},
    {UDXG_INTEL_FEATURE_TRANSLATION_TABLE, 606},
    {UDXG_INTEL_FEATURE_TRANSLATION_TABLE, 607},
    {UDXG_INTEL_FEATURE_TILED_RESOURCES, 605},
    {UDXG_INTEL_FEATURE_LOCAL_MEMORY, 640},
};

static const struct flag_token allocation_tokens[] = {
    {UDXG_INTEL_ALLOCATION_CACHEABLE, 3788},    {UDXG_INTEL_ALLOCATION_EXISTING_SYSMEM, 3791},
    {UDXG_INTEL_ALLOCATION_LOCAL_ONLY, 3800},   {UDXG_INTEL_ALLOCATION_LINEAR, 3801},
    {UDXG_INTEL_ALLOCATION_NOT_LOCKABLE, 3806}, {UDXG_INTEL_ALLOCATION_NON_LOCAL_ONLY, 3807},
    {UDXG_INTEL_ALLOCATION_SHARED, 3814},
};

static const struct flag_token context_tokens[] = {
    {UDXG_INTEL_CONTEXT_GPU_VA, TOK_CONTEXT_GPU_VA},
    {UDXG_INTEL_CONTEXT_PROTECTED, TOK_CONTEXT_PROTECTED},
    {UDXG_INTEL_CONTEXT_MEDIA, TOK_CONTEXT_MEDIA},
    {UDXG_INTEL_CONTEXT_NO_RING_FLUSHES, TOK_CONTEXT_NO_RING_FLUSHES},
};

static const struct flag_token command_tokens[] = {
    {UDXG_INTEL_COMMAND_GPGPU, TOK_COMMAND_GPGPU},
    {UDXG_INTEL_COMMAND_COHERENT, TOK_COMMAND_COHERENT},
    {UDXG_INTEL_COMMAND_MID_BATCH_PREEMPTION, TOK_COMMAND_MID_BATCH},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static uint32_t read_flags(struct udxg_tokens tokens, const struct flag_token *table, size_t count)
{
    uint32_t flags = 0;

    for (size_t i = 0; i < count; i++)
        if (udxg_tokens_number(tokens, table[i].id)) flags |= table[i].flag;
    return flags;
}

/* A new struct of ours at DESTINATION, zero but for its header. */
static void start_struct(void *destination, enum udxg_intel_struct id, size_t size_bytes)
{
    struct udxg_intel_header header = {
        .magic = UDXG_INTEL_MAGIC,
        .version = UDXG_INTEL_VERSION,
        .struct_id = (uint16_t)id,
        .size_bytes = (uint32_t)size_bytes,
    };

    memset(destination, 0, size_bytes);
    memcpy(destination, &header, sizeof(header));
}

/* Adds a surface's size to *size_bytes; false when the sum does not fit. */
static bool add_surface(struct udxg_tokens common, uint16_t id, uint64_t *size_bytes)
{
    uint64_t surface = udxg_tokens_number(udxg_tokens_inside(common, id), TOK_SURFACE_SIZE);

    return !__builtin_add_overflow(*size_bytes, surface, size_bytes);
}

static bool read_allocation(struct udxg_tokens top, struct udxg_intel_allocation *allocation)
{
    struct udxg_tokens resource = udxg_tokens_inside(top, UDXG_INTEL_GMM_RESOURCE);
    struct udxg_tokens common = udxg_tokens_inside(resource, TOK_RESOURCE_COMMON);
    struct udxg_tokens surface = udxg_tokens_inside(common, TOK_COMMON_SURFACE);
    struct udxg_tokens info = udxg_tokens_inside(udxg_tokens_inside(surface, TOK_SURFACE_FLAGS), TOK_FLAGS_INFO);
    struct udxg_tokens memory = udxg_tokens_inside(common, TOK_COMMON_SYSTEM_MEMORY);
    size_t bytes = (size_t)(top.end - top.at) * sizeof(uint32_t);

    if (bytes > ALLOCATION_TOKEN_BYTES) return false;
    if (!add_surface(common, TOK_COMMON_SURFACE, &allocation->size_bytes)) return false;
    if (!add_surface(common, TOK_COMMON_AUX_SURFACE, &allocation->size_bytes)) return false;
    if (!add_surface(common, TOK_COMMON_AUX_SECOND_SURFACE, &allocation->size_bytes)) return false;
    allocation->alignment_bytes =
        udxg_tokens_number(udxg_tokens_inside(surface, TOK_SURFACE_ALIGNMENT), TOK_ALIGNMENT_BASE);
    allocation->system_memory = udxg_tokens_number(memory, TOK_SYSTEM_MEMORY_ADDRESS);
    allocation->system_memory_bytes = udxg_tokens_number(memory, TOK_SYSTEM_MEMORY_SIZE);
    allocation->flags = read_flags(info, allocation_tokens, COUNT(allocation_tokens));
    allocation->usage =
        (uint32_t)udxg_tokens_number(udxg_tokens_inside(surface, TOK_SURFACE_CACHE_POLICY), TOK_CACHE_USAGE);
    memcpy(allocation->tokens, top.at, bytes);
    allocation->header.token_bytes = (uint32_t)bytes;
    return true;
}

static void read_context(struct udxg_tokens top, struct udxg_intel_context *context)
{
    struct udxg_tokens data = udxg_tokens_inside(top, UDXG_INTEL_CREATE_CONTEXT);

    context->process_id = (uint32_t)udxg_tokens_number(data, TOK_CONTEXT_PROCESS_ID);
    context->flags = read_flags(data, context_tokens, COUNT(context_tokens));
}

static void read_command(struct udxg_tokens top, struct udxg_intel_command *command)
{
    struct udxg_tokens data = udxg_tokens_inside(top, UDXG_INTEL_COMMAND_BUFFER);

    command->fence_va = udxg_tokens_number(data, TOK_COMMAND_FENCE_VA);
    command->fence_value = udxg_tokens_number(data, TOK_COMMAND_FENCE_VALUE);
    command->flags = read_flags(data, command_tokens, COUNT(command_tokens));
}

static struct udxg_intel_range read_range(struct udxg_tokens tokens)
{
    struct udxg_intel_range range = {
        .base = udxg_tokens_number(tokens, TOK_RANGE_BASE),
        .limit = udxg_tokens_number(tokens, TOK_RANGE_LIMIT),
    };

    return range;
}

static void read_heaps(struct udxg_tokens tokens, struct udxg_intel_heaps *heaps)
{
    heaps->svm = read_range(udxg_tokens_inside(tokens, TOK_HEAP_SVM));
    heaps->standard = read_range(udxg_tokens_inside(tokens, TOK_HEAP_STANDARD));
    heaps->standard64k = read_range(udxg_tokens_inside(tokens, TOK_HEAP_STANDARD64K));
    for (uint32_t i = 0; i < UDXG_INTEL_HEAP32_COUNT; i++)
        heaps->heap32[i] = read_range(udxg_tokens_inside_element(tokens, TOK_HEAP_32, i));
}

static void write_range(struct udxg_token_writer *writer, uint16_t id, uint32_t element, struct udxg_intel_range range)
{
    size_t mark = udxg_token_open(writer, id, element);

    udxg_token_put_u64(writer, TOK_RANGE_BASE, range.base);
    udxg_token_put_u64(writer, TOK_RANGE_LIMIT, range.limit);
    udxg_token_close(writer, mark);
}

static void write_heaps(struct udxg_token_writer *writer, uint16_t id, const struct udxg_intel_heaps *heaps)
{
    size_t mark = udxg_token_open(writer, id, 0);

    write_range(writer, TOK_HEAP_STANDARD, 0, heaps->standard);
    write_range(writer, TOK_HEAP_STANDARD64K, 0, heaps->standard64k);
    write_range(writer, TOK_HEAP_SVM, 0, heaps->svm);
    for (uint32_t i = 0; i < UDXG_INTEL_HEAP32_COUNT; i++) write_range(writer, TOK_HEAP_32, i, heaps->heap32[i]);
    udxg_token_close(writer, mark);
}

static void write_platform(struct udxg_token_writer *writer, const struct udxg_intel_adapter_info *info)
{
    size_t mark = udxg_token_open(writer, TOK_ADAPTER_PLATFORM, 0);

    udxg_token_put_u32(writer, TOK_PLATFORM_PRODUCT, info->product_family);
    udxg_token_put_u32(writer, TOK_PLATFORM_DISPLAY_CORE, info->display_core);
    udxg_token_put_u32(writer, TOK_PLATFORM_RENDER_CORE, info->render_core);
    udxg_token_put_u32(writer, TOK_PLATFORM_DEVICE_ID, info->device_id);
    udxg_token_put_u32(writer, TOK_PLATFORM_REVISION, info->revision);
    udxg_token_close(writer, mark);

    mark = udxg_token_open(writer, TOK_ADAPTER_FEATURES, 0);
    for (size_t i = 0; i < COUNT(feature_tokens); i++)
        if (info->features & feature_tokens[i].flag) udxg_token_put_u32(writer, feature_tokens[i].id, 1);
    udxg_token_close(writer, mark);
}

static void write_system(struct udxg_token_writer *writer, const struct udxg_intel_adapter_info *info)
{
    size_t mark = udxg_token_open(writer, TOK_ADAPTER_SYSTEM_INFO, 0);

    udxg_token_put_u32(writer, TOK_SYSTEM_EU_COUNT, info->eu_count);
    udxg_token_put_u32(writer, TOK_SYSTEM_THREAD_COUNT, info->thread_count);
    udxg_token_put_u32(writer, TOK_SYSTEM_SLICE_COUNT, info->slice_count);
    udxg_token_put_u32(writer, TOK_SYSTEM_SUBSLICE_COUNT, info->subslice_count);
    udxg_token_put_u32(writer, TOK_SYSTEM_DUAL_SUBSLICE_COUNT, info->dual_subslice_count);
    udxg_token_put_u64(writer, TOK_SYSTEM_L3_KB, info->l3_size_kb);
    udxg_token_put_u32(writer, TOK_SYSTEM_L3_BANKS, info->l3_bank_count);
    udxg_token_put_u32(writer, TOK_SYSTEM_MAX_FILL_RATE, info->max_fill_rate);
    udxg_token_put_u32(writer, TOK_SYSTEM_PS_THREADS, info->ps_threads_windower);
    udxg_token_put_u32(writer, TOK_SYSTEM_CSR_MB, info->csr_size_mb);
    udxg_token_put_u32(writer, TOK_SYSTEM_MAX_EUS_PER_SUBSLICE, info->max_eus_per_subslice);
    udxg_token_put_u32(writer, TOK_SYSTEM_MAX_SLICES, info->max_slices);
    udxg_token_put_u32(writer, TOK_SYSTEM_MAX_SUBSLICES, info->max_subslices);
    udxg_token_put_u32(writer, TOK_SYSTEM_MAX_DUAL_SUBSLICES, info->max_dual_subslices);
    udxg_token_close(writer, mark);
}

static bool write_adapter(struct udxg_token_writer *writer, const struct udxg_intel_adapter_info *info)
{
    size_t mark = udxg_token_open(writer, UDXG_INTEL_ADAPTER_INFO, 0);
    size_t location;

    write_platform(writer, info);
    udxg_token_put_u32(writer, TOK_ADAPTER_TIMESTAMP_HZ, info->timestamp_hz);
    udxg_token_put_u32(writer, TOK_ADAPTER_MAX_FREQUENCY_MHZ, info->max_frequency_mhz);
    udxg_token_put_u32(writer, TOK_ADAPTER_EU_COUNT, info->eu_count);
    udxg_token_put_u64(writer, TOK_ADAPTER_DEDICATED_BYTES, info->dedicated_video_bytes);
    udxg_token_put_u64(writer, TOK_ADAPTER_SHARED_BYTES, info->shared_system_bytes);
    write_system(writer, info);
    write_heaps(writer, TOK_ADAPTER_PARTITION, &info->heaps);
    location = udxg_token_open(writer, TOK_ADAPTER_BDF, 0);
    udxg_token_put_u32(writer, TOK_BDF_BUS, info->pci_bus);
    udxg_token_put_u32(writer, TOK_BDF_DEVICE, info->pci_device);
    udxg_token_put_u32(writer, TOK_BDF_FUNCTION, info->pci_function);
    udxg_token_close(writer, location);
    udxg_token_close(writer, mark);
    return udxg_token_writer_finish(writer);
}

static bool write_allocation(void *destination, size_t capacity_bytes, const struct udxg_intel_allocation *allocation)
{
    size_t bytes = allocation->header.token_bytes;

    if (bytes > ALLOCATION_TOKEN_BYTES || bytes > capacity_bytes) return false;
    if (!udxg_tokens_valid(udxg_tokens_range(allocation->tokens, (const char *)allocation->tokens + bytes)))
        return false;
    memcpy(destination, allocation->tokens, bytes);
    memset((char *)destination + bytes, 0, capacity_bytes - bytes);
    return true;
}

HELPER_EXPORT uint64_t getVersion(void);
HELPER_EXPORT size_t getSizeRequiredForStruct(int id);
HELPER_EXPORT size_t getSizeRequiredForTokens(int id);
HELPER_EXPORT bool tokensToStruct(int id, void *destination, size_t capacity_bytes, const void *begin, const void *end);
HELPER_EXPORT bool structToTokens(int id, void *destination, size_t capacity_bytes, const void *source,
                                  size_t source_bytes);
HELPER_EXPORT void destroyStructRepresentation(int id, void *source, size_t source_bytes);

uint64_t getVersion(void)
{
    return HELPER_VERSION;
}

size_t getSizeRequiredForStruct(int id)
{
    switch (id) {
    case UDXG_INTEL_ADAPTER_INFO:
        return sizeof(struct udxg_intel_adapter_info);
    case UDXG_INTEL_GMM_RESOURCE:
        return sizeof(struct udxg_intel_allocation);
    case UDXG_INTEL_CREATE_CONTEXT:
        return sizeof(struct udxg_intel_context);
    case UDXG_INTEL_COMMAND_BUFFER:
        return sizeof(struct udxg_intel_command);
    case UDXG_INTEL_GFX_PARTITION:
        return sizeof(struct udxg_intel_gfx_partition);
    case UDXG_INTEL_CREATE_HW_QUEUE:
        return sizeof(struct udxg_intel_hw_queue);
    default:
        return 0;
    }
}

size_t getSizeRequiredForTokens(int id)
{
    switch (id) {
    case UDXG_INTEL_ADAPTER_INFO:
        return ADAPTER_TOKEN_BYTES;
    case UDXG_INTEL_GMM_RESOURCE:
        return ALLOCATION_TOKEN_BYTES;
    case UDXG_INTEL_GFX_PARTITION:
        return PARTITION_TOKEN_BYTES;
    default:
        return 0;
    }
}

bool tokensToStruct(int id, void *destination, size_t capacity_bytes, const void *begin, const void *end)
{
    struct udxg_tokens top = udxg_tokens_range(begin, end);
    size_t size_bytes = getSizeRequiredForStruct(id);

    if (size_bytes == 0 || !destination || capacity_bytes < size_bytes || !udxg_tokens_valid(top)) return false;
    start_struct(destination, (enum udxg_intel_struct)id, size_bytes);
    switch (id) {
    case UDXG_INTEL_GMM_RESOURCE:
        if (read_allocation(top, destination)) return true;
        memset(destination, 0, size_bytes);
        return false;
    case UDXG_INTEL_CREATE_CONTEXT:
        read_context(top, destination);
        return true;
    case UDXG_INTEL_COMMAND_BUFFER:
        read_command(top, destination);
        return true;
    case UDXG_INTEL_CREATE_HW_QUEUE:
        return true;
    case UDXG_INTEL_GFX_PARTITION:
        read_heaps(udxg_tokens_inside(top, UDXG_INTEL_GFX_PARTITION),
                   &((struct udxg_intel_gfx_partition *)destination)->heaps);
        return true;
    default: /* adapter information comes from the kernel side only */
        memset(destination, 0, size_bytes);
        return false;
    }
}

bool structToTokens(int id, void *destination, size_t capacity_bytes, const void *source, size_t source_bytes)
{
    struct udxg_token_writer writer;
    size_t fixed_bytes = getSizeRequiredForStruct(id);

    if (!destination) return false;
    if (id == UDXG_INTEL_GMM_RESOURCE) fixed_bytes = offsetof(struct udxg_intel_allocation, tokens);
    if (fixed_bytes == 0 || !udxg_intel_check(source, source_bytes, (enum udxg_intel_struct)id, fixed_bytes))
        return false;
    udxg_token_writer_init(&writer, destination, capacity_bytes);
    switch (id) {
    case UDXG_INTEL_ADAPTER_INFO:
        return write_adapter(&writer, source);
    case UDXG_INTEL_GMM_RESOURCE:
        return write_allocation(destination, capacity_bytes, source);
    case UDXG_INTEL_GFX_PARTITION:
        write_heaps(&writer, UDXG_INTEL_GFX_PARTITION, &((const struct udxg_intel_gfx_partition *)source)->heaps);
        return udxg_token_writer_finish(&writer);
    default:
        return false;
    }
}

/* Our structs own nothing. */
void destroyStructRepresentation(int id, void *source, size_t source_bytes)
{
    (void)id;
    (void)source;
    (void)source_bytes;
}
