/* SPDX-License-Identifier: MIT */
/* See lab.h. */
#include "lab.h"

#include "creation.h"

#include <stdio.h>
#include <unistd.h>

#define PATIENCE_MS 60000u /* with an engine on a machine that is busy and slow: more than the harness has */

void use_small(const struct small_adapter *small)
{
    char profile[1200];
    const char *group = small->unbudgeted ? "" : ", local_budget_group";
    const char *visible = small->visible ? ", cpu_visible" : "";
    int length = snprintf(profile, sizeof(profile),
                          "[adapter]\ndescription = small\nminiport = soft\nwddm = 2700\ngpu_va_bits = 48\n"
                          "clock = 1 GHz\n%s",
                          small->limited ? "system_commit_limit = 64 MiB\n" : "");
    unsigned tdr_ms = small->tdr_ms > 0 ? small->tdr_ms : PATIENCE_MS;
    length += snprintf(profile + length, sizeof(profile) - (size_t)length,
                       "tdr_delay_ms = %u\ntdr_reset_delay_ms = %u\n", tdr_ms, tdr_ms);
    if (on_discrete())
        length += snprintf(profile + length, sizeof(profile) - (size_t)length,
                           "[segment.1]\nsize = %u MiB\nflags = use_64kb_pages, application_target%s%s\n"
                           "[segment.2]\nsize = 4 GiB\n"
                           "flags = aperture, cpu_visible, cache_coherent, non_local_budget_group\n",
                           small->mib, group, visible);
    else
        length += snprintf(profile + length, sizeof(profile) - (size_t)length,
                           "[segment.1]\nsize = %u MiB\n"
                           "flags = aperture, cpu_visible, cache_coherent, application_target%s\n",
                           small->mib, group);
    snprintf(profile + length, sizeof(profile) - (size_t)length,
             "[node.0]\ntype = 3d\nname = 3D\n[node.1]\ntype = copy\nname = Copy\n");
    use_profile(profile);
}

/* -------------------------------------------------------------------------------------------------- labs */

void lab_open(struct lab *lab, uint64_t window_bytes)
{
    lab_open_on(lab, open_adapter(), 0, window_bytes);
}

void lab_open_on(struct lab *lab, D3DKMT_HANDLE adapter, UINT node, uint64_t window_bytes)
{
    gpu_open_on(&lab->gpu, adapter);
    lab->gpu.context = create_context(lab->gpu.device, node);
    lab->commands = lab_buffer(lab, LAB_COMMANDS, UDXG_SOFT_SEGMENT_SYSTEM, UDXG_SOFT_CPU_VISIBLE);
    lab->window = lab_buffer(lab, window_bytes, UDXG_SOFT_SEGMENT_SYSTEM, UDXG_SOFT_CPU_VISIBLE);
    lab->command_bytes = (char *)lock(lab->gpu.device, lab->commands.allocation);
    lab->window_bytes = (uint8_t *)lock(lab->gpu.device, lab->window.allocation);
    lab->used = 0;
    require_success(lab_list(lab, &lab->commands.allocation, 1, 0, NULL));
    require_success(lab_list(lab, &lab->window.allocation, 1, 0, NULL));
}

void lab_close(struct lab *lab)
{
    require_success(destroy_device(lab->gpu.device));
}

struct gpu_buffer lab_buffer(const struct lab *lab, uint64_t size_bytes, uint8_t segment, uint32_t flags)
{
    struct udxg_soft_allocation soft = soft_buffer(size_bytes);
    struct gpu_buffer buffer;
    soft.flags = flags;
    soft.preferred[0] = segment;
    if (segment != UDXG_SOFT_SEGMENT_NONE) soft.flags |= UDXG_SOFT_ONLY_PREFERRED;
    buffer.size_bytes = size_bytes;
    buffer.allocation = create_allocation(lab->gpu.device, &soft);
    buffer.va = map(&lab->gpu.queue, buffer.allocation, size_bytes);
    return buffer;
}

NTSTATUS lab_list(const struct lab *lab, const D3DKMT_HANDLE *list, UINT count, UINT flags,
                  D3DDDI_MAKERESIDENT *ret_args)
{
    D3DDDI_MAKERESIDENT args = {0};
    args.hPagingQueue = lab->gpu.queue.handle;
    args.NumAllocations = count;
    args.AllocationList = list;
    args.Flags.Value = flags;
    NTSTATUS status = D3DKMTMakeResident(&args);
    if (ret_args != NULL) *ret_args = args;
    if (status != STATUS_PENDING) return status;
    return wait_cpu(lab->gpu.device, lab->gpu.queue.fence, args.PagingFenceValue, -1);
}

NTSTATUS lab_unlist(const struct lab *lab, const D3DKMT_HANDLE *list, UINT count, UINT flags, UINT64 *ret_trim)
{
    D3DKMT_EVICT args = {0};
    args.hDevice = lab->gpu.device;
    args.NumAllocations = count;
    args.AllocationList = list;
    args.Flags.Value = flags;
    NTSTATUS status = D3DKMTEvict(&args);
    if (ret_trim != NULL) *ret_trim = args.NumBytesToTrim;
    return status;
}

/* ---------------------------------------------------------------------------------------------- commands */

NTSTATUS lab_submit(struct lab *lab, const void *commands, UINT size_bytes)
{
    if (lab->used + size_bytes > LAB_COMMANDS) {
        NTSTATUS status = lab_finish(lab);
        if (status != STATUS_SUCCESS) return status;
    }
    D3DKMT_SUBMITCOMMAND args = {0};
    memcpy(lab->command_bytes + lab->used, commands, size_bytes);
    args.Commands = lab->commands.va + lab->used;
    args.CommandLength = size_bytes;
    args.BroadcastContextCount = 1;
    args.BroadcastContext[0] = lab->gpu.context;
    lab->used += size_bytes;
    return D3DKMTSubmitCommand(&args);
}

NTSTATUS lab_fill(struct lab *lab, const struct gpu_buffer *to, uint32_t pattern)
{
    struct udxg_soft_fill fill = udxg_soft_fill_command(to->va, to->size_bytes, pattern);
    return lab_submit(lab, &fill, sizeof(fill));
}

NTSTATUS lab_copy(struct lab *lab, const struct gpu_buffer *to, const struct gpu_buffer *from)
{
    uint64_t size_bytes = to->size_bytes < from->size_bytes ? to->size_bytes : from->size_bytes;
    struct udxg_soft_copy copy = udxg_soft_copy_command(to->va, from->va, size_bytes);
    return lab_submit(lab, &copy, sizeof(copy));
}

NTSTATUS lab_finish(struct lab *lab)
{
    NTSTATUS status = signal_gpu(lab->gpu.context, lab->gpu.done.handle, ++lab->gpu.last);
    if (status != STATUS_SUCCESS) return status;
    lab->used = 0;
    return wait_cpu(lab->gpu.device, lab->gpu.done.handle, lab->gpu.last, -1);
}

/* ---------------------------------------------------------------------------------------------- contents */

static uint64_t mix(uint64_t value)
{
    value ^= value >> 32;
    value *= 0xd6e8feb86659fd93ull;
    value ^= value >> 32;
    return value;
}

uint64_t next_random(uint64_t *state)
{
    *state += 0x9e3779b97f4a7c15ull;
    return mix(*state);
}

void write_contents(void *to, uint64_t size_bytes, uint64_t seed)
{
    uint64_t *words = (uint64_t *)to;
    for (uint64_t i = 0; i < size_bytes / sizeof(*words); i++) words[i] = mix(seed * 0x100000001b3ull + i + 1);
}

#define HASH_START 0xcbf29ce484222325ull

static uint64_t hash_word(uint64_t hash, uint64_t word)
{
    return (hash ^ word) * 0x100000001b3ull;
}

uint64_t hash_bytes(const void *data, uint64_t size_bytes)
{
    const uint64_t *words = (const uint64_t *)data;
    uint64_t hash = HASH_START;
    for (uint64_t i = 0; i < size_bytes / sizeof(*words); i++) hash = hash_word(hash, words[i]);
    return hash;
}

uint64_t hash_contents(uint64_t size_bytes, uint64_t seed)
{
    uint64_t hash = HASH_START;
    for (uint64_t i = 0; i < size_bytes / sizeof(uint64_t); i++)
        hash = hash_word(hash, mix(seed * 0x100000001b3ull + i + 1));
    return hash;
}

uint64_t hash_fill(uint64_t size_bytes, uint32_t pattern)
{
    uint64_t hash = HASH_START, word = (uint64_t)pattern << 32 | pattern;
    for (uint64_t i = 0; i < size_bytes / sizeof(uint64_t); i++) hash = hash_word(hash, word);
    return hash;
}

NTSTATUS lab_write(struct lab *lab, const struct gpu_buffer *to, uint64_t seed)
{
    write_contents(lab->window_bytes, to->size_bytes, seed);
    NTSTATUS status = lab_copy(lab, to, &lab->window);
    return status == STATUS_SUCCESS ? lab_finish(lab) : status; /* the window is free again */
}

NTSTATUS lab_hash(struct lab *lab, const struct gpu_buffer *buffer, uint64_t *ret_hash)
{
    NTSTATUS status = lab_copy(lab, &lab->window, buffer);
    if (status == STATUS_SUCCESS) status = lab_finish(lab);
    if (status == STATUS_SUCCESS) *ret_hash = hash_bytes(lab->window_bytes, buffer->size_bytes);
    return status;
}

/* ------------------------------------------------------------------------------------------------- state */

bool leaves(D3DKMT_HANDLE device, D3DKMT_HANDLE allocation)
{
    for (int i = 0; i < 5000; i++) {
        if (residency_of(device, allocation) == D3DKMT_ALLOCATIONRESIDENCYSTATUS_NOTRESIDENT) return true;
        usleep(1000);
    }
    return false;
}

D3DKMT_DEVICEPAGEFAULT_STATE fault_of(D3DKMT_HANDLE device)
{
    D3DKMT_GETDEVICESTATE args;
    memset(&args, 0, sizeof(args));
    args.hDevice = device;
    args.StateType = D3DKMT_DEVICESTATE_PAGE_FAULT;
    require_success(D3DKMTGetDeviceState(&args));
    return args.PageFaultState;
}

NTSTATUS destroy_device(D3DKMT_HANDLE device)
{
    D3DKMT_DESTROYDEVICE args = {device};
    return D3DKMTDestroyDevice(&args);
}
