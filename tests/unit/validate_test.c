/* SPDX-License-Identifier: MIT */
/* The rules for adapters and allocations: something that keeps all of them, and one breach at a time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "ddi/validate.h"

#define GIB (UINT64_C(1) << 30)

/* Segment 1 is hidden and has 64 KiB pages, 2 is visible memory, 3 is the aperture. */
static struct udxg_adapter_caps good_caps(void)
{
    struct udxg_adapter_caps caps = {
        .name = "test",
        .description = "A test",
        .miniport = "soft",
        .wddm_version = 2700,
        .gpu_va_bits = 48,
        .clock_hz = 1000000,
        .segment_count = 3,
        .segments = {{.flags = UDXG_SEGMENT_USE_64KB_PAGES, .size_bytes = GIB},
                     {.flags = UDXG_SEGMENT_CPU_VISIBLE, .size_bytes = GIB},
                     {.flags = UDXG_SEGMENT_APERTURE, .size_bytes = GIB, .commit_limit_bytes = GIB}},
        .node_count = 1,
        .nodes = {{.engine_type = DXGK_ENGINE_TYPE_3D, .name = "3D"}},
    };
    return caps;
}

enum { HIDDEN = 1, VISIBLE = 2, APERTURE = 4 }; /* bits of a segment set */

static struct udxg_allocation_info good_info(void)
{
    struct udxg_allocation_info info = {
        .size_bytes = 0x12345,
        .alignment_bytes = 0x10000,
        .preferred = {{.segment_id = 1}, {.segment_id = 3}},
        .supported_segments = HIDDEN | VISIBLE | APERTURE,
        .flags = UDXG_ALLOCATION_CPU_VISIBLE,
        .priority = D3DDDI_ALLOCATIONPRIORITY_NORMAL,
    };
    return info;
}

static void breaks(const char *broken, const char *id)
{
    if (!id) {
        assert_null(broken);
        return;
    }
    assert_non_null(broken);
    assert_memory_equal(broken, id, strlen(id));
    assert_memory_equal(broken + strlen(id), ": ", 2);
}

/* Checks CAPS or INFO after CHANGE, then starts over from the good one. */
#define CAPS(change, id)                                                                                               \
    do {                                                                                                               \
        struct udxg_adapter_caps caps = good_caps();                                                                   \
        change;                                                                                                        \
        breaks(udxg_validate_caps(&caps), id);                                                                         \
    } while (0)

#define INFO(change, id)                                                                                               \
    do {                                                                                                               \
        const struct udxg_adapter_caps caps = good_caps();                                                             \
        struct udxg_allocation_info info = good_info();                                                                \
        change;                                                                                                        \
        breaks(udxg_validate_allocation(&caps, &info), id);                                                            \
    } while (0)

static void adapters(void **state)
{
    (void)state;
    CAPS((void)0, NULL);
    CAPS(caps.name[0] = 0, "ADAPTER-NAME");
    CAPS(memset(caps.name, 'x', sizeof(caps.name)), "ADAPTER-NAME");
    CAPS(caps.description[0] = 0, "ADAPTER-DESCRIPTION");
    CAPS(caps.miniport[0] = 0, "ADAPTER-MINIPORT");
    CAPS(caps.wddm_version = 1999, "ADAPTER-WDDM");
    CAPS(caps.gpu_va_bits = 31, "ADAPTER-VA");
    CAPS(caps.gpu_va_bits = 32, NULL);
    CAPS(caps.gpu_va_bits = 57, NULL);
    CAPS(caps.gpu_va_bits = 58, "ADAPTER-VA");
    CAPS(caps.clock_hz = 0, "ADAPTER-CLOCK");
    CAPS(caps.clock_hz = UDXG_MAX_CLOCK_HZ, NULL);
    CAPS(caps.clock_hz = UDXG_MAX_CLOCK_HZ + 1, "ADAPTER-CLOCK");
    CAPS(caps.node_count = 0, "NODE-COUNT");
    CAPS(caps.node_count = UDXG_MAX_NODES + 1, "NODE-COUNT");
    CAPS(caps.nodes[0].engine_type = DXGK_ENGINE_TYPE_MAX, "NODE-TYPE");
    CAPS(caps.nodes[0].name[0] = 0, "NODE-NAME");
}

static void segments(void **state)
{
    (void)state;
    CAPS(caps.segment_count = 0, "SEGMENT-COUNT");
    CAPS(caps.segment_count = 32, "SEGMENT-COUNT");
    CAPS(caps.segments[0].flags |= 1u << 31, "SEGMENT-FLAGS");
    CAPS(caps.segments[0].size_bytes = 0, "SEGMENT-SIZE");
    CAPS(caps.segments[0].size_bytes = GIB + 4096, "SEGMENT-SIZE");
    CAPS(caps.segments[1].size_bytes = GIB + 4096, NULL);
    CAPS(caps.segments[1].size_bytes = GIB + 1, "SEGMENT-SIZE");
    CAPS(caps.segments[0].flags |= UDXG_SEGMENT_LOCAL_BUDGET_GROUP | UDXG_SEGMENT_NON_LOCAL_BUDGET_GROUP,
         "SEGMENT-GROUP");
    CAPS(caps.segments[0].commit_limit_bytes = 4096, "SEGMENT-COMMIT");
    CAPS(caps.segments[0].flags |= UDXG_SEGMENT_CACHE_COHERENT, "SEGMENT-COHERENT");
    CAPS(caps.segments[2].commit_limit_bytes = GIB + 4096, "APERTURE-COMMIT");
    CAPS(caps.segments[2].flags |= UDXG_SEGMENT_USE_64KB_PAGES, "APERTURE-PAGES");
    CAPS(caps.segments[2].flags |= UDXG_SEGMENT_POPULATED_FROM_SYSTEM_MEMORY, "APERTURE-POPULATED");
    CAPS(caps.segments[0].size_bytes = -UINT64_C(0x10000), "SEGMENT-SUM");
    CAPS(caps.segment_count = 2, "SEGMENT-APERTURE");
    CAPS(caps.segments[1].flags = UDXG_SEGMENT_APERTURE, "SEGMENT-APERTURE");
}

static void sizes(void **state)
{
    (void)state;
    INFO((void)0, NULL);
    INFO(info.size_bytes = 0, "ALLOCATION-SIZE");
    INFO(info.alignment_bytes = 0, "ALLOCATION-ALIGNMENT");
    INFO(info.alignment_bytes = 0x30000, "ALLOCATION-ALIGNMENT");
    INFO(info.alignment_bytes = 0x1000, "ALLOCATION-ALIGNMENT-64K");
    INFO(info.alignment_bytes = 0x8000, "ALLOCATION-ALIGNMENT-64K");
    INFO((info.alignment_bytes = 0x1000, info.supported_segments = APERTURE, info.preferred[0].segment_id = 3), NULL);
    INFO(info.size_bytes = UINT64_MAX - 0xffff, NULL);
    INFO(info.size_bytes = UINT64_MAX - 0xfffe, "ALLOCATION-SIZE-LIMIT");
    INFO(info.size_bytes = UINT64_MAX, "ALLOCATION-SIZE-LIMIT");
}

static void places(void **state)
{
    (void)state;
    INFO(info.supported_segments = 0, "ALLOCATION-SUPPORTED");
    INFO(info.supported_segments = 8 | 7, "ALLOCATION-SEGMENTS");
    INFO(info.eviction_segments = APERTURE, NULL);
    INFO(info.eviction_segments = VISIBLE, "ALLOCATION-EVICTION");
    INFO(info.eviction_segments = 8, "ALLOCATION-EVICTION");
    INFO(info.preferred[1].segment_id = 4, "ALLOCATION-PREFERRED");
    INFO(info.preferred[1].segment_id = 33, "ALLOCATION-PREFERRED");
    INFO(info.preferred[1].segment_id = 255, "ALLOCATION-PREFERRED");
    INFO(info.supported_segments = HIDDEN | VISIBLE | 0, "ALLOCATION-PREFERRED");
    INFO((info.preferred[0].segment_id = 0, info.preferred[1].segment_id = 9), NULL); /* 0 ends the list */
    INFO(info.priority = 0, "ALLOCATION-PRIORITY");
}

static void flags(void **state)
{
    (void)state;
    INFO(info.flags |= 0x20, "ALLOCATION-FLAGS");
    INFO(info.flags |= UDXG_ALLOCATION_CACHED, NULL);
    INFO(info.flags = UDXG_ALLOCATION_CACHED, "ALLOCATION-CACHED");
    INFO((info.flags = 0, info.supported_segments = HIDDEN, info.preferred[1].segment_id = 0), NULL);
    INFO((info.supported_segments = HIDDEN, info.preferred[1].segment_id = 0), "ALLOCATION-CPU-APERTURE");
    INFO((info.supported_segments = HIDDEN | VISIBLE, info.preferred[1].segment_id = 0), "ALLOCATION-CPU-APERTURE");
    INFO((info.supported_segments = VISIBLE, info.preferred[0].segment_id = 0), NULL);
    INFO(info.flags |= UDXG_ALLOCATION_PERMANENT_SYS_MEM, "ALLOCATION-SYSTEM-SEGMENT");
}

static void primaries(void **state)
{
    (void)state;
    INFO(info.primary = true, "ALLOCATION-PRIMARY-CPU");
    INFO((info.primary = true, info.supported_segments = VISIBLE | APERTURE, info.preferred[0].segment_id = 2), NULL);
    INFO((info.primary = true, info.flags |= UDXG_ALLOCATION_CACHED), "ALLOCATION-PRIMARY");
    INFO((info.primary = true, info.flags |= UDXG_ALLOCATION_PERMANENT_SYS_MEM), "ALLOCATION-PRIMARY");
    INFO((info.primary = true, info.flags |= UDXG_ALLOCATION_EXISTING_SYS_MEM), "ALLOCATION-PRIMARY");
}

/* As a miniport answers for pSystemMem. */
#define EXISTING                                                                                                       \
    info.supported_segments = APERTURE, info.preferred[0].segment_id = 3, info.size_bytes = 0x3000,                    \
    info.alignment_bytes = 0x1000, info.flags |= UDXG_ALLOCATION_EXISTING_SYS_MEM,                                     \
    info.system_memory = (const void *)(uintptr_t)0x10000

static void system_memory(void **state)
{
    (void)state;
    INFO((EXISTING), NULL);
    INFO((EXISTING, info.system_memory = NULL), "ALLOCATION-EXISTING");
    INFO(info.system_memory = (const void *)(uintptr_t)0x10000, "ALLOCATION-EXISTING");
    INFO((EXISTING, info.flags |= UDXG_ALLOCATION_PERMANENT_SYS_MEM), "ALLOCATION-EXCLUSIVE");
    INFO((EXISTING, info.supported_segments |= VISIBLE), "ALLOCATION-SYSTEM-SEGMENT");
    INFO((EXISTING, info.size_bytes = 0x3001), "EXISTINGSYSMEM-ALIGN");
    INFO((EXISTING, info.system_memory = (const void *)(uintptr_t)0x10010), "EXISTINGSYSMEM-ALIGN");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adapters),      cmocka_unit_test(segments), cmocka_unit_test(sizes),
        cmocka_unit_test(places),        cmocka_unit_test(flags),    cmocka_unit_test(primaries),
        cmocka_unit_test(system_memory),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
