/* SPDX-License-Identifier: MIT */
/*
 * The private driver data of the intel adapter: what stands behind pPrivateDriverData in every call that
 * Intel's compute runtime makes, and what UMDRIVERPRIVATE returns to it.
 *
 * The runtime never fills these structs itself. It hands a stream of tokens (tokens.h) to
 * libwsl_compute_helper.so, which is ours (helper.c) and writes the structs below; so their layout is
 * between helper.c and intel.c and belongs to nobody else. Every struct opens with udxg_intel_header.
 * Bytes come from a client: whoever reads one checks the header and the size first (udxg_intel_check()).
 *
 * The stream itself is kept behind udxg_intel_allocation, because an opener of a shared resource wants it
 * back unchanged; nothing on the kernel side looks into it.
 */
#ifndef UDXG_MINIPORT_INTEL_PRIVATE_DATA_H
#define UDXG_MINIPORT_INTEL_PRIVATE_DATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UDXG_INTEL_MAGIC 0x49584455u /* "UDXI" in memory order */
#define UDXG_INTEL_VERSION 1u

/* The runtime's numbers for its structs. */
enum udxg_intel_struct {
    UDXG_INTEL_ADAPTER_INFO = 1,
    UDXG_INTEL_GMM_RESOURCE = 7,
    UDXG_INTEL_CREATE_CONTEXT = 33,
    UDXG_INTEL_COMMAND_BUFFER = 48,
    UDXG_INTEL_GFX_PARTITION = 135,
    UDXG_INTEL_CREATE_HW_QUEUE = 4313,
};

struct udxg_intel_header {
    uint32_t magic;
    uint16_t version;
    uint16_t struct_id;   /* enum udxg_intel_struct */
    uint32_t size_bytes;  /* of the whole struct, tokens included */
    uint32_t token_bytes; /* valid bytes of the stream at its end, or 0 */
};

enum {
    UDXG_INTEL_ALLOCATION_CACHEABLE = 1u << 0,
    UDXG_INTEL_ALLOCATION_EXISTING_SYSMEM = 1u << 1,
    UDXG_INTEL_ALLOCATION_LOCAL_ONLY = 1u << 2,     /* never in system memory */
    UDXG_INTEL_ALLOCATION_NON_LOCAL_ONLY = 1u << 3, /* never in local memory */
    UDXG_INTEL_ALLOCATION_NOT_LOCKABLE = 1u << 4,
    UDXG_INTEL_ALLOCATION_LINEAR = 1u << 5,
    UDXG_INTEL_ALLOCATION_SHARED = 1u << 6,
};

/* D3DDDI_ALLOCATIONINFO2.pPrivateDriverData */
#define UDXG_INTEL_ALLOCATION_BYTES 8192u
struct udxg_intel_allocation {
    struct udxg_intel_header header;
    uint64_t size_bytes;          /* of all surfaces of the resource; the allocation's size */
    uint64_t alignment_bytes;     /* 0, or a power of two */
    uint64_t system_memory;       /* the client's own memory, or 0 */
    uint64_t system_memory_bytes; /* its length, or 0 */
    uint32_t flags;               /* UDXG_INTEL_ALLOCATION_... */
    uint32_t usage;               /* the runtime's cache usage number; only for traces */
    uint32_t tokens[(UDXG_INTEL_ALLOCATION_BYTES - 56) / 4];
};
_Static_assert(sizeof(struct udxg_intel_allocation) == UDXG_INTEL_ALLOCATION_BYTES, "no padding");

enum {
    UDXG_INTEL_CONTEXT_GPU_VA = 1u << 0,
    UDXG_INTEL_CONTEXT_PROTECTED = 1u << 1,
    UDXG_INTEL_CONTEXT_MEDIA = 1u << 2,
    UDXG_INTEL_CONTEXT_NO_RING_FLUSHES = 1u << 3,
};

/* D3DKMT_CREATECONTEXTVIRTUAL.pPrivateDriverData */
struct udxg_intel_context {
    struct udxg_intel_header header;
    uint32_t process_id;
    uint32_t flags; /* UDXG_INTEL_CONTEXT_... */
};

enum {
    UDXG_INTEL_COMMAND_GPGPU = 1u << 0,
    UDXG_INTEL_COMMAND_COHERENT = 1u << 1,
    UDXG_INTEL_COMMAND_MID_BATCH_PREEMPTION = 1u << 2,
};

/* D3DKMT_SUBMITCOMMAND.pPrivateDriverData */
struct udxg_intel_command {
    struct udxg_intel_header header;
    uint64_t fence_va; /* the engine writes fence_value there once the batch has ended; 0: no fence */
    uint64_t fence_value;
    uint32_t flags; /* UDXG_INTEL_COMMAND_... */
    uint32_t reserved;
};

/* D3DKMT_CREATEHWQUEUE.pPrivateDriverData: the stream says nothing that we need. */
struct udxg_intel_hw_queue {
    struct udxg_intel_header header;
};

/* An inclusive range of GPU virtual addresses; 0, 0 when there is none. */
struct udxg_intel_range {
    uint64_t base;
    uint64_t limit;
};

#define UDXG_INTEL_HEAP32_COUNT 4

struct udxg_intel_heaps {
    struct udxg_intel_range svm;
    struct udxg_intel_range heap32[UDXG_INTEL_HEAP32_COUNT];
    struct udxg_intel_range standard;
    struct udxg_intel_range standard64k;
};

/* D3DKMT_ESCAPE's payload for address space queries */
struct udxg_intel_gfx_partition {
    struct udxg_intel_header header;
    struct udxg_intel_heaps heaps;
};

enum {
    UDXG_INTEL_FEATURE_PPGTT = 1u << 0,
    UDXG_INTEL_FEATURE_SVM = 1u << 1,
    UDXG_INTEL_FEATURE_THREAD_GROUP_PREEMPTION = 1u << 2,
    UDXG_INTEL_FEATURE_MID_BATCH_PREEMPTION = 1u << 3,
    UDXG_INTEL_FEATURE_GPU_MMU = 1u << 4,
    UDXG_INTEL_FEATURE_L3_COHERENCY = 1u << 5,
    UDXG_INTEL_FEATURE_WIDE_PTES = 1u << 6,
    UDXG_INTEL_FEATURE_TILE_Y = 1u << 7,
    UDXG_INTEL_FEATURE_STANDARD_MIP_TAIL = 1u << 8,
    UDXG_INTEL_FEATURE_TRANSLATION_TABLE = 1u << 9,
    UDXG_INTEL_FEATURE_TILED_RESOURCES = 1u << 10,
    UDXG_INTEL_FEATURE_LOCAL_MEMORY = 1u << 11, /* the runtime asks for places in it */
};

/* D3DKMT_QUERYADAPTERINFO, UMDRIVERPRIVATE */
struct udxg_intel_adapter_info {
    struct udxg_intel_header header;
    uint32_t product_family; /* the number that Windows uses: Tiger Lake LP is 33 */
    uint32_t render_core;
    uint32_t display_core;
    uint32_t device_id;
    uint32_t revision;
    uint32_t features; /* UDXG_INTEL_FEATURE_... */
    uint32_t timestamp_hz;
    uint32_t max_frequency_mhz;
    uint32_t eu_count;
    uint32_t thread_count;
    uint32_t slice_count;
    uint32_t subslice_count;
    uint32_t dual_subslice_count;
    uint32_t max_slices;
    uint32_t max_subslices;
    uint32_t max_dual_subslices;
    uint32_t max_eus_per_subslice;
    uint32_t l3_bank_count;
    uint32_t max_fill_rate;
    uint32_t csr_size_mb;
    uint32_t ps_threads_windower;
    uint32_t pci_bus;
    uint32_t pci_device;
    uint32_t pci_function;
    uint64_t l3_size_kb;
    uint64_t dedicated_video_bytes;
    uint64_t shared_system_bytes;
    struct udxg_intel_heaps heaps;
};

/* True when DATA is a whole struct ID of ours that fits SIZE_BYTES, at least MIN_BYTES long, tokens inside. */
static inline bool udxg_intel_check(const void *data, size_t size_bytes, enum udxg_intel_struct id, size_t min_bytes)
{
    const struct udxg_intel_header *header = data;

    if (!data || size_bytes < sizeof(*header) || size_bytes < min_bytes) return false;
    if (header->magic != UDXG_INTEL_MAGIC || header->version != UDXG_INTEL_VERSION) return false;
    if (header->struct_id != id || header->size_bytes < min_bytes || header->size_bytes > size_bytes) return false;
    return header->token_bytes <= header->size_bytes - min_bytes;
}

#endif
