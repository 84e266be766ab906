/* SPDX-License-Identifier: MIT */
/*
 * The rules of the driver interface, one line each, in the words of the documentation where it has any. A
 * miniport is trusted, but not to be free of bugs: what breaks a rule here would break the memory manager
 * later, far from its cause. vidmm may take all of this for granted.
 */
#include "ddi/validate.h"

#include <string.h>

#include "base/os.h"

#define PAGE_64K 0x10000u

#define RULE(id, holds, text)                                                                                          \
    do {                                                                                                               \
        if (!(holds)) return id ": " text;                                                                             \
    } while (0)

/* ---- adapters ---- */

#define KNOWN_SEGMENT_FLAGS                                                                                            \
    (UDXG_SEGMENT_APERTURE | UDXG_SEGMENT_CPU_VISIBLE | UDXG_SEGMENT_CACHE_COHERENT |                                  \
     UDXG_SEGMENT_POPULATED_FROM_SYSTEM_MEMORY | UDXG_SEGMENT_USE_64KB_PAGES | UDXG_SEGMENT_APPLICATION_TARGET |       \
     UDXG_SEGMENT_LOCAL_BUDGET_GROUP | UDXG_SEGMENT_NON_LOCAL_BUDGET_GROUP)

static bool is_text(const char *text, size_t capacity)
{
    return text[0] && memchr(text, 0, capacity);
}

static const char *check_segment(const struct udxg_segment *segment)
{
    uint32_t flags = segment->flags;
    uint32_t groups = UDXG_SEGMENT_LOCAL_BUDGET_GROUP | UDXG_SEGMENT_NON_LOCAL_BUDGET_GROUP;
    uint64_t page_bytes = flags & UDXG_SEGMENT_USE_64KB_PAGES ? PAGE_64K : UDXG_PAGE_SIZE;

    RULE("SEGMENT-FLAGS", !(flags & ~(uint32_t)KNOWN_SEGMENT_FLAGS), "a segment has an unknown flag");
    RULE("SEGMENT-SIZE", segment->size_bytes && segment->size_bytes % page_bytes == 0,
         "a segment is a whole number of its pages, and at least one");
    RULE("SEGMENT-GROUP", (flags & groups) != groups, "a segment is in one budget group at most");
    if (!(flags & UDXG_SEGMENT_APERTURE)) {
        RULE("SEGMENT-COMMIT", !segment->commit_limit_bytes, "only an aperture segment has a commit limit");
        RULE("SEGMENT-COHERENT", !(flags & UDXG_SEGMENT_CACHE_COHERENT), "only an aperture segment is cache coherent");
        return NULL;
    }
    RULE("APERTURE-COMMIT", segment->commit_limit_bytes <= segment->size_bytes,
         "the commit limit of an aperture is not above its size");
    RULE("APERTURE-PAGES", !(flags & UDXG_SEGMENT_USE_64KB_PAGES), "system memory, hence an aperture, has 4 KiB pages");
    RULE("APERTURE-POPULATED", !(flags & UDXG_SEGMENT_POPULATED_FROM_SYSTEM_MEMORY),
         "only a memory segment is populated from system memory");
    return NULL;
}

static const char *check_segments(const struct udxg_adapter_caps *caps)
{
    uint32_t apertures = 0;
    uint64_t total_bytes = 0;
    RULE("SEGMENT-COUNT", caps->segment_count && caps->segment_count <= UDXG_MAX_SEGMENT_ID,
         "an adapter has 1 to 31 segments");
    for (uint32_t i = 0; i < caps->segment_count; i++) {
        const struct udxg_segment *segment = &caps->segments[i];
        const char *broken = check_segment(segment);
        if (broken) return broken;
        if (segment->flags & UDXG_SEGMENT_APERTURE) apertures++;
        RULE("SEGMENT-SUM", !__builtin_add_overflow(total_bytes, segment->size_bytes, &total_bytes),
             "all segments together are less than 2^64 bytes");
    }
    RULE("SEGMENT-APERTURE", apertures == 1, "an adapter has exactly one aperture segment");
    return NULL;
}

static const char *check_nodes(const struct udxg_adapter_caps *caps)
{
    RULE("NODE-COUNT", caps->node_count && caps->node_count <= UDXG_MAX_NODES, "an adapter has 1 to 16 nodes");
    for (uint32_t i = 0; i < caps->node_count; i++) {
        RULE("NODE-TYPE", caps->nodes[i].engine_type < DXGK_ENGINE_TYPE_MAX, "a node has a known engine type");
        RULE("NODE-NAME", is_text(caps->nodes[i].name, sizeof(caps->nodes[i].name)), "a node has a name");
    }
    return NULL;
}

const char *udxg_validate_caps(const struct udxg_adapter_caps *caps)
{
    RULE("ADAPTER-NAME", is_text(caps->name, sizeof(caps->name)), "an adapter has a name");
    RULE("ADAPTER-DESCRIPTION", is_text(caps->description, sizeof(caps->description)), "an adapter has a description");
    RULE("ADAPTER-MINIPORT", is_text(caps->miniport, sizeof(caps->miniport)), "an adapter has a miniport");
    RULE("ADAPTER-WDDM", caps->wddm_version >= 2000 && caps->wddm_version <= 3299,
         "the WDDM version is from 2000 (WDDM 2.0) to 3299");
    RULE("ADAPTER-VA", caps->gpu_va_bits >= UDXG_MIN_GPU_VA_BITS && caps->gpu_va_bits <= UDXG_MAX_GPU_VA_BITS,
         "a GPU virtual address has 32 to 57 bits");
    RULE("ADAPTER-CLOCK", caps->clock_hz && caps->clock_hz <= UDXG_MAX_CLOCK_HZ, "the clock runs at 1 Hz to 10 GHz");
    const char *broken = check_segments(caps);
    return broken ? broken : check_nodes(caps);
}

/* ---- allocations ---- */

#define KNOWN_ALLOCATION_FLAGS                                                                                         \
    (UDXG_ALLOCATION_CPU_VISIBLE | UDXG_ALLOCATION_PERMANENT_SYS_MEM | UDXG_ALLOCATION_CACHED |                        \
     UDXG_ALLOCATION_EXISTING_SYS_MEM | UDXG_ALLOCATION_FROM_END_OF_SEGMENT | UDXG_ALLOCATION_ACCESSED_PHYSICALLY)

/* Bit 0 is segment 1. */
struct masks {
    uint32_t all, apertures, cpu_visible, pages_64k;
};

static struct masks segment_masks(const struct udxg_adapter_caps *caps)
{
    struct masks masks = {0};
    for (uint32_t i = 0; i < caps->segment_count; i++) {
        uint32_t flags = caps->segments[i].flags, bit = 1u << i;
        masks.all |= bit;
        if (flags & UDXG_SEGMENT_APERTURE) masks.apertures |= bit;
        if (flags & UDXG_SEGMENT_CPU_VISIBLE) masks.cpu_visible |= bit;
        if (flags & UDXG_SEGMENT_USE_64KB_PAGES) masks.pages_64k |= bit;
    }
    return masks;
}

static const char *check_size(const struct masks *masks, const struct udxg_allocation_info *info)
{
    uint64_t alignment = info->alignment_bytes;
    RULE("ALLOCATION-SIZE", info->size_bytes, "an allocation has a size");
    RULE("ALLOCATION-ALIGNMENT", alignment && !(alignment & (alignment - 1)), "an alignment is a power of two");
    RULE("ALLOCATION-ALIGNMENT-64K", !(info->supported_segments & masks->pages_64k) || alignment % PAGE_64K == 0,
         "what may be in a segment with 64 KiB pages is aligned to a multiple of 64 KiB");
    uint64_t granule = alignment > UDXG_PAGE_SIZE ? alignment : UDXG_PAGE_SIZE;
    RULE("ALLOCATION-SIZE-LIMIT", info->size_bytes <= UINT64_MAX - granule + 1,
         "a size that is rounded up to its alignment is below 2^64");
    return NULL;
}

static const char *check_preferences(const struct udxg_allocation_info *info)
{
    for (unsigned i = 0; i < 5 && info->preferred[i].segment_id; i++) {
        uint32_t id = info->preferred[i].segment_id;
        RULE("ALLOCATION-PREFERRED", id <= UDXG_MAX_SEGMENT_ID && (info->supported_segments >> (id - 1)) & 1,
             "a preferred segment is a supported one");
    }
    return NULL;
}

static const char *check_places(const struct masks *masks, const struct udxg_allocation_info *info)
{
    RULE("ALLOCATION-SUPPORTED", info->supported_segments, "an allocation supports a segment");
    RULE("ALLOCATION-SEGMENTS", !(info->supported_segments & ~masks->all), "a supported segment exists");
    RULE("ALLOCATION-EVICTION", !(info->eviction_segments & ~masks->apertures), "what is evicted goes to an aperture");
    return check_preferences(info);
}

static const char *check_visibility(const struct masks *masks, const struct udxg_allocation_info *info)
{
    uint32_t visible = masks->apertures | masks->cpu_visible;
    if (info->primary)
        RULE("ALLOCATION-PRIMARY-CPU", !(info->supported_segments & ~visible),
             "every segment of a primary can be reached by the CPU");
    if (info->flags & UDXG_ALLOCATION_CPU_VISIBLE)
        RULE("ALLOCATION-CPU-APERTURE",
             !(info->supported_segments & ~visible) || (info->supported_segments & masks->apertures),
             "what the CPU sees and a segment hides supports an aperture too, so that it can be locked there");
    return NULL;
}

static const char *check_flags(const struct masks *masks, const struct udxg_allocation_info *info)
{
    const uint32_t in_system = UDXG_ALLOCATION_PERMANENT_SYS_MEM | UDXG_ALLOCATION_EXISTING_SYS_MEM;
    uint32_t flags = info->flags;

    RULE("ALLOCATION-FLAGS", !(flags & ~(uint32_t)KNOWN_ALLOCATION_FLAGS), "an allocation has an unknown flag");
    RULE("ALLOCATION-CACHED", !(flags & UDXG_ALLOCATION_CACHED) || (flags & UDXG_ALLOCATION_CPU_VISIBLE),
         "what is cached is CPU visible");
    RULE("ALLOCATION-PRIMARY-VISIBLE", !info->primary || (flags & UDXG_ALLOCATION_CPU_VISIBLE),
         "a primary is CPU visible");
    RULE("ALLOCATION-PRIMARY", !info->primary || !(flags & (in_system | UDXG_ALLOCATION_CACHED)),
         "a primary is neither cached nor in system memory for ever nor the caller's memory");
    RULE("ALLOCATION-EXCLUSIVE", (flags & in_system) != in_system,
         "permanent and existing system memory exclude each other");
    RULE("ALLOCATION-SYSTEM-SEGMENT", !(flags & in_system) || !(info->supported_segments & ~masks->apertures),
         "what is system memory for life supports apertures only");
    return check_visibility(masks, info);
}

static const char *check_system_memory(const struct udxg_allocation_info *info)
{
    bool existing = info->flags & UDXG_ALLOCATION_EXISTING_SYS_MEM;
    RULE("ALLOCATION-EXISTING", existing == (info->system_memory != NULL),
         "an allocation is existing system memory if and only if the caller gave some");
    if (!existing) return NULL;
    RULE("EXISTINGSYSMEM-ALIGN",
         (uintptr_t)info->system_memory % UDXG_PAGE_SIZE == 0 && info->size_bytes % UDXG_PAGE_SIZE == 0,
         "existing system memory is page aligned and a whole number of pages");
    return NULL;
}

const char *udxg_validate_allocation(const struct udxg_adapter_caps *caps, const struct udxg_allocation_info *info)
{
    struct masks masks = segment_masks(caps);
    RULE("ALLOCATION-PRIORITY", info->priority, "a priority is not zero");
    const char *broken = check_places(&masks, info);
    if (!broken) broken = check_size(&masks, info);
    if (!broken) broken = check_flags(&masks, info);
    return broken ? broken : check_system_memory(info);
}
