/* SPDX-License-Identifier: MIT */
/*
 * udxg_get_segment_map(): each allocation in video memory is told once, where it is, whose it is and why. The call is
 * udxg's own, so this file is for udxg alone.
 */
#include "fixture.h"

#include <udxg/udxg.h>

#define COUNT 4u
#define SIZE KIB(64) /* a granule of the segment */
#define LOCAL_SEGMENT 1u
#define APERTURE 2u

struct scene {
    D3DKMT_HANDLE device, allocations[COUNT];
    struct paging_queue queue;
};

static struct udxg_segment_part parts[64];

static D3DKMT_HANDLE create_local(D3DKMT_HANDLE device)
{
    struct udxg_soft_allocation soft = soft_buffer(SIZE);
    soft.preferred[0] = UDXG_SOFT_SEGMENT_LOCAL;
    return create_allocation(device, &soft);
}

static void open_scene(struct scene *scene)
{
    scene->device = create_device(open_adapter());
    scene->queue = create_paging_queue(scene->device);
    for (unsigned i = 0; i < COUNT; i++) scene->allocations[i] = create_local(scene->device);
}

static uint32_t ask(uint32_t room)
{
    for (size_t i = 0; i < LENGTH_OF(parts); i++) parts[i].offset_bytes = SENTINEL64;
    uint32_t count = room;
    require_success(udxg_get_segment_map(first_luid(), LOCAL_SEGMENT, parts, &count));
    return count;
}

/* Ascending, apart from each other, and so many bytes in all. */
static void check_layout(uint32_t count, uint64_t bytes)
{
    uint64_t total = 0;
    for (uint32_t i = 0; i < count; i++) {
        total += parts[i].size_bytes;
        if (i) check_true(parts[i].offset_bytes >= parts[i - 1].offset_bytes + parts[i - 1].size_bytes);
    }
    check_u64(bytes, total);
}

static void evict_kept(const struct scene *scene, D3DKMT_HANDLE allocation)
{
    D3DKMT_EVICT args = {0};
    args.hDevice = scene->device;
    args.NumAllocations = 1;
    args.AllocationList = &allocation;
    args.Flags.EvictOnlyIfNecessary = 1;
    require_success(D3DKMTEvict(&args));
}

static void who_is_there(void)
{
    struct scene scene;
    open_scene(&scene);
    udxg_case("nobody") {
        check_u64(0, ask(LENGTH_OF(parts)));
        check_u64(SENTINEL64, parts[0].offset_bytes);
    }
    udxg_case("those that are listed") {
        for (unsigned i = 0; i < COUNT; i++) make_resident(&scene.queue, scene.allocations[i]);
        require_u64(COUNT, ask(LENGTH_OF(parts)));
        check_layout(COUNT, COUNT * SIZE);
        for (unsigned i = 0; i < COUNT; i++) {
            check_u64(UDXG_PART_LISTED, parts[i].state);
            check_u64(scene.device, parts[i].device);
            check_u64(1, parts[i].process);
            check_u64(D3DDDI_ALLOCATIONPRIORITY_NORMAL, parts[i].priority);
        }
        check_u64(SENTINEL64, parts[COUNT].offset_bytes);
    }
    udxg_case("one that is kept") {
        evict_kept(&scene, scene.allocations[1]);
        require_u64(COUNT, ask(LENGTH_OF(parts)));
        unsigned kept = 0;
        for (unsigned i = 0; i < COUNT; i++) {
            if (parts[i].state != UDXG_PART_KEPT) continue;
            kept++;
            check_u64(0, parts[i].device);
        }
        check_u64(1, kept);
    }
    udxg_case("one less") {
        require_success(destroy_allocation(scene.device, scene.allocations[0]));
        check_u64(COUNT - 1, ask(LENGTH_OF(parts)));
        check_layout(COUNT - 1, (COUNT - 1) * SIZE);
    }
    udxg_case("less room than there are") {
        check_u64(COUNT - 1, ask(1));
        check_true(parts[0].offset_bytes != SENTINEL64);
        check_u64(SENTINEL64, parts[1].offset_bytes);
    }
    udxg_case("no room, only asking") {
        uint32_t count = 0;
        require_success(udxg_get_segment_map(first_luid(), LOCAL_SEGMENT, NULL, &count));
        check_u64(COUNT - 1, count);
    }
}

static void arguments(void)
{
    LUID none = {.LowPart = 0x7fffffff};
    const struct {
        const char *name;
        LUID luid;
        uint32_t segment;
    } rows[] = {
        {"no such adapter", none, LOCAL_SEGMENT},
        {"segment 0", first_luid(), 0},
        {"a segment that is not there", first_luid(), 3},
        {"an aperture", first_luid(), APERTURE},
        {"the highest number", first_luid(), UINT32_MAX},
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        udxg_case("%s", rows[i].name) {
            uint32_t count = 1;
            parts[0].offset_bytes = SENTINEL64;
            check_status(STATUS_INVALID_PARAMETER,
                         udxg_get_segment_map(rows[i].luid, rows[i].segment, parts, &count));
            check_u64(1, count);
            check_u64(SENTINEL64, parts[0].offset_bytes);
        }
    }
    udxg_case("no count") {
        check_status(STATUS_INVALID_PARAMETER, udxg_get_segment_map(first_luid(), LOCAL_SEGMENT, parts, NULL));
    }
    udxg_case("room, and nowhere to write") {
        uint32_t count = 1;
        check_status(STATUS_INVALID_PARAMETER, udxg_get_segment_map(first_luid(), LOCAL_SEGMENT, NULL, &count));
        check_u64(1, count);
    }
}

int main(int argc, char **argv)
{
    static const struct udxg_test tests[] = {
        {"argument", ON_DISCRETE, arguments},
        {"who is there", ON_DISCRETE, who_is_there},
    };
    return conformance_main(argc, argv, tests, LENGTH_OF(tests));
}
