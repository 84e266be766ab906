/* SPDX-License-Identifier: MIT */
/*
 * UpdateAllocationProperty: what it refuses, that what changes nothing succeeds at once, and where an allocation is
 * after a change.
 */
#include "creation.h"
#include "escape.h"

enum mask { ACCESSED_PHYSICALLY = 1, SUPPORTED_SET = 2, PREFERRED = 4, UNMOVEABLE = 8 };

/* Of the adapter of the test: segments there are, and what a default buffer supports and prefers. */
static UINT segment_set(void)
{
    return on_discrete() ? 0x3 : 0x1;
}

static UINT aperture_set(void)
{
    return on_discrete() ? 0x2 : 0x1;
}

static D3DDDI_UPDATEALLOCPROPERTY update(const struct gpu *gpu, D3DKMT_HANDLE allocation, UINT mask)
{
    D3DDDI_UPDATEALLOCPROPERTY args;
    memset(&args, 0, sizeof(args));
    args.hPagingQueue = gpu->queue.handle;
    args.hAllocation = allocation;
    args.PropertyMaskValue = mask;
    args.PagingFenceValue = SENTINEL64;
    return args;
}

static void check_refused(D3DDDI_UPDATEALLOCPROPERTY *args, NTSTATUS want)
{
    D3DDDI_UPDATEALLOCPROPERTY before;
    memcpy(&before, args, sizeof(before));
    check_status(want, D3DKMTUpdateAllocationProperty(args));
    check_true(memcmp(&before, args, sizeof(before)) == 0);
}

/* It succeeds at once, and wrote nothing but that there is nothing to wait for. */
static void check_nothing(D3DDDI_UPDATEALLOCPROPERTY *args)
{
    D3DDDI_UPDATEALLOCPROPERTY want;
    memcpy(&want, args, sizeof(want));
    want.PagingFenceValue = 0;
    check_status(STATUS_SUCCESS, D3DKMTUpdateAllocationProperty(args));
    check_u64(0, args->PagingFenceValue);
    check_true(memcmp(&want, args, sizeof(want)) == 0);
}

/* ---------------------------------------------------------------------------------------------- arguments */

static void arguments(void)
{
    struct gpu gpu, other;
    gpu_open(&gpu);
    gpu_open_on(&other, gpu.adapter);
    D3DKMT_HANDLE allocation = create_buffer(gpu.device, KIB(64));
    D3DKMT_HANDLE dead = create_buffer(gpu.device, KIB(64));
    D3DKMT_HANDLE resource = create_resource(gpu.device, 1, false, NULL);
    require_success(destroy_allocation(gpu.device, dead));

    udxg_case("NULL") {
        check_status(STATUS_INVALID_PARAMETER, D3DKMTUpdateAllocationProperty(NULL));
    }
    const struct {
        const char *name;
        D3DKMT_HANDLE queue, allocation;
    } rows[] = {
        {"zeroed", 0, 0},
        {"hPagingQueue 0", 0, allocation},
        {"hPagingQueue is no handle", BAD_HANDLE, allocation},
        {"hPagingQueue is a device", gpu.device, allocation},
        {"hPagingQueue is its fence", gpu.queue.fence, allocation},
        {"hPagingQueue of another device", other.queue.handle, allocation},
        {"hAllocation 0", gpu.queue.handle, 0},
        {"hAllocation is no handle", gpu.queue.handle, BAD_HANDLE},
        {"hAllocation was destroyed", gpu.queue.handle, dead},
        {"hAllocation is a resource", gpu.queue.handle, resource},
        {"hAllocation of another device", gpu.queue.handle, create_buffer(other.device, KIB(64))},
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        udxg_case("%s", rows[i].name) {
            D3DDDI_UPDATEALLOCPROPERTY args = update(&gpu, rows[i].allocation, 0);
            args.hPagingQueue = rows[i].queue;
            check_refused(&args, STATUS_INVALID_PARAMETER);
        }
    }
    for (unsigned bit = 0; bit < 32; bit++) {
        udxg_case("mask bit %u", bit) {
            D3DDDI_UPDATEALLOCPROPERTY args = update(&gpu, allocation, 1u << bit);
            args.SupportedSegmentSet = segment_set();
            args.PreferredSegment.SegmentId0 = 1;
            args.PreferredSegment.SegmentId1 = on_discrete() ? 2 : 0;
            if (bit < 4)
                check_nothing(&args);
            else
                check_refused(&args, STATUS_INVALID_PARAMETER);
        }
        udxg_case("flag bit %u, which the mask does not name", bit) {
            D3DDDI_UPDATEALLOCPROPERTY args = update(&gpu, allocation, 0);
            args.Flags.Value = 1u << bit;
            if (bit < 2)
                check_nothing(&args);
            else
                check_refused(&args, STATUS_INVALID_PARAMETER);
        }
    }
}

/* ------------------------------------------------------------------------------------------------- segments */

static void segments(void)
{
    struct gpu gpu;
    gpu_open(&gpu);
    const UINT sets[] = {0, 0x4, 0x80000000u, 0xffffffffu, segment_set() | 0x8};
    for (size_t i = 0; i < LENGTH_OF(sets); i++) {
        udxg_case("supported set 0x%x", sets[i]) {
            D3DDDI_UPDATEALLOCPROPERTY args = update(&gpu, create_buffer(gpu.device, KIB(64)), SUPPORTED_SET);
            args.SupportedSegmentSet = sets[i];
            check_refused(&args, STATUS_INVALID_PARAMETER);
        }
        udxg_case("supported set 0x%x, which the mask does not name", sets[i]) {
            D3DDDI_UPDATEALLOCPROPERTY args = update(&gpu, create_buffer(gpu.device, KIB(64)), 0);
            args.SupportedSegmentSet = sets[i];
            check_nothing(&args);
        }
    }
    /* Five segments of six bits each, and two reserved bits. */
    const struct {
        const char *name;
        UINT value;
    } preferences[] = {
        {"first is 3", 3},
        {"first is 31", 31},
        {"second is 7", 1 | 7u << 6},
        {"fifth is 31", 1 | 31u << 24},
        {"lowest reserved bit", 1 | 1u << 30},
        {"highest reserved bit", 1 | 1u << 31},
    };
    for (size_t i = 0; i < LENGTH_OF(preferences); i++) {
        udxg_case("preferred segments: %s", preferences[i].name) {
            D3DDDI_UPDATEALLOCPROPERTY args = update(&gpu, create_buffer(gpu.device, KIB(64)), PREFERRED);
            args.PreferredSegment.Value = preferences[i].value;
            check_refused(&args, STATUS_INVALID_PARAMETER);
        }
        udxg_case("preferred segments: %s, which the mask does not name", preferences[i].name) {
            D3DDDI_UPDATEALLOCPROPERTY args = update(&gpu, create_buffer(gpu.device, KIB(64)), 0);
            args.PreferredSegment.Value = preferences[i].value;
            check_nothing(&args);
        }
    }
}

/* -------------------------------------------------------------------------------------------------- nothing */

static void nothing(void)
{
    struct gpu gpu;
    gpu_open(&gpu);
    udxg_case("an empty mask") {
        D3DDDI_UPDATEALLOCPROPERTY args = update(&gpu, create_buffer(gpu.device, KIB(64)), 0);
        check_nothing(&args);
    }
    udxg_case("the same segments, and no flag") {
        UINT mask = ACCESSED_PHYSICALLY | SUPPORTED_SET | PREFERRED | UNMOVEABLE;
        D3DDDI_UPDATEALLOCPROPERTY args = update(&gpu, create_buffer(gpu.device, KIB(64)), mask);
        args.SupportedSegmentSet = segment_set();
        args.PreferredSegment.SegmentId0 = 1;
        args.PreferredSegment.SegmentId1 = on_discrete() ? 2 : 0;
        check_nothing(&args);
    }
    udxg_case("of an allocation accessed physically") {
        struct udxg_soft_allocation soft = soft_buffer(KIB(64));
        soft.flags |= UDXG_SOFT_ACCESSED_PHYSICALLY;
        D3DDDI_UPDATEALLOCPROPERTY args = update(&gpu, create_allocation(gpu.device, &soft), ACCESSED_PHYSICALLY);
        args.Flags.AccessedPhysically = 1;
        check_nothing(&args);
    }
    udxg_case("of a resident one, which keeps its bytes") {
        struct gpu_buffer buffer = create_gpu_buffer(&gpu, KIB(64));
        memset(lock(gpu.device, buffer.allocation), 0x29, KIB(64));
        D3DDDI_UPDATEALLOCPROPERTY args = update(&gpu, buffer.allocation, SUPPORTED_SET);
        args.SupportedSegmentSet = segment_set();
        check_nothing(&args);
        check_true(filled_with(lock(gpu.device, buffer.allocation), KIB(64), 0x29));
    }
    udxg_case("of the caller's memory") {
        struct creation creation;
        creation_heap(&creation, 2, gpu.device, map_pages(1), PAGE_BYTES);
        creation_succeeds(&creation);
        D3DDDI_UPDATEALLOCPROPERTY args = update(&gpu, creation.info2[0].hAllocation, SUPPORTED_SET);
        args.SupportedSegmentSet = aperture_set();
        check_nothing(&args);
    }
}

/* ------------------------------------------------------------------------------------------------- changes */

static void check_place(const struct gpu *gpu, D3DKMT_HANDLE allocation, D3DKMT_ALLOCATIONRESIDENCYSTATUS want)
{
    check_u64(want, residency_of(gpu->device, allocation));
}

/* A change that takes the paging queue; the fence is as large as it says, and reached. */
static void check_pending(const struct gpu *gpu, D3DDDI_UPDATEALLOCPROPERTY *args)
{
    require_status(STATUS_PENDING, D3DKMTUpdateAllocationProperty(args));
    check_true(args->PagingFenceValue > 0 && args->PagingFenceValue != SENTINEL64);
    wait_paging(&gpu->queue, args->PagingFenceValue);
}

static D3DDDI_UPDATEALLOCPROPERTY prefer(const struct gpu *gpu, D3DKMT_HANDLE allocation, UINT first, UINT second)
{
    D3DDDI_UPDATEALLOCPROPERTY args = update(gpu, allocation, PREFERRED);
    args.PreferredSegment.SegmentId0 = first & 0x1f;
    args.PreferredSegment.SegmentId1 = second & 0x1f;
    return args;
}

/* Nothing that is not listed has to move. */
static void changes(void)
{
    struct gpu gpu;
    gpu_open(&gpu);
    udxg_case("to the aperture alone") {
        D3DDDI_UPDATEALLOCPROPERTY args = update(&gpu, create_buffer(gpu.device, KIB(64)), SUPPORTED_SET);
        args.SupportedSegmentSet = aperture_set();
        check_nothing(&args);
        make_resident(&gpu.queue, args.hAllocation);
        check_place(&gpu, args.hAllocation, IN_SHARED_MEMORY);
    }
    udxg_case("other preferences") {
        D3DDDI_UPDATEALLOCPROPERTY args = prefer(&gpu, create_buffer(gpu.device, KIB(64)), on_discrete() ? 2 : 1, 0);
        check_nothing(&args);
        make_resident(&gpu.queue, args.hAllocation);
        check_place(&gpu, args.hAllocation, IN_SHARED_MEMORY);
    }
    udxg_case("unmoveable, and moveable again") {
        D3DDDI_UPDATEALLOCPROPERTY args = update(&gpu, create_buffer(gpu.device, KIB(64)), UNMOVEABLE);
        args.Flags.Unmoveable = 1;
        check_nothing(&args);
        args.Flags.Unmoveable = 0;
        check_nothing(&args);
    }
    udxg_case("accessed physically") {
        D3DDDI_UPDATEALLOCPROPERTY args = update(&gpu, create_buffer(gpu.device, KIB(64)), ACCESSED_PHYSICALLY);
        args.Flags.AccessedPhysically = 1;
        check_nothing(&args);
    }
    udxg_case("the caller's memory stays in the aperture") {
        struct creation creation;
        creation_heap(&creation, 2, gpu.device, map_pages(1), PAGE_BYTES);
        creation_succeeds(&creation);
        D3DDDI_UPDATEALLOCPROPERTY args = update(&gpu, creation.info2[0].hAllocation, SUPPORTED_SET);
        args.SupportedSegmentSet = segment_set();
        if (on_discrete())
            check_refused(&args, STATUS_INVALID_PARAMETER);
        else
            check_nothing(&args);
    }
}

/* ----------------------------------------------------------------------------------------------- migration */

static void fill(const struct gpu *gpu, D3DKMT_HANDLE allocation, int byte)
{
    memset(lock(gpu->device, allocation), byte, KIB(64));
    require_success(unlock(gpu->device, allocation));
}

static void check_filled(const struct gpu *gpu, D3DKMT_HANDLE allocation, uint8_t byte)
{
    check_true(filled_with(lock(gpu->device, allocation), KIB(64), byte));
    require_success(unlock(gpu->device, allocation));
}

static UINT64 usage(const struct gpu *gpu, D3DKMT_MEMORY_SEGMENT_GROUP group)
{
    return memory_info(gpu->adapter, group).CurrentUsage;
}

static void migration(void)
{
    struct gpu gpu;
    gpu_open(&gpu);
    udxg_case("out of video memory and back") {
        D3DKMT_HANDLE allocation = create_buffer(gpu.device, KIB(64));
        fill(&gpu, allocation, 0x51);
        make_resident(&gpu.queue, allocation);
        check_place(&gpu, allocation, IN_GPU_MEMORY);
        UINT64 local = usage(&gpu, D3DKMT_MEMORY_SEGMENT_GROUP_LOCAL);
        UINT64 non_local = usage(&gpu, D3DKMT_MEMORY_SEGMENT_GROUP_NON_LOCAL);
        D3DDDI_UPDATEALLOCPROPERTY args = prefer(&gpu, allocation, 2, 1);
        check_pending(&gpu, &args);
        check_place(&gpu, allocation, IN_SHARED_MEMORY);
        check_u64(local - KIB(64), usage(&gpu, D3DKMT_MEMORY_SEGMENT_GROUP_LOCAL));
        check_u64(non_local + KIB(64), usage(&gpu, D3DKMT_MEMORY_SEGMENT_GROUP_NON_LOCAL));
        args = prefer(&gpu, allocation, 1, 2);
        check_pending(&gpu, &args);
        check_place(&gpu, allocation, IN_GPU_MEMORY);
        check_u64(local, usage(&gpu, D3DKMT_MEMORY_SEGMENT_GROUP_LOCAL));
        check_u64(non_local, usage(&gpu, D3DKMT_MEMORY_SEGMENT_GROUP_NON_LOCAL));
        check_filled(&gpu, allocation, 0x51);
    }
    udxg_case("the same again is ignored") {
        D3DKMT_HANDLE allocation = create_buffer(gpu.device, KIB(64));
        make_resident(&gpu.queue, allocation);
        D3DDDI_UPDATEALLOCPROPERTY args = prefer(&gpu, allocation, 2, 1);
        check_pending(&gpu, &args);
        args = prefer(&gpu, allocation, 2, 1);
        check_nothing(&args);
        check_place(&gpu, allocation, IN_SHARED_MEMORY);
    }
    udxg_case("by the supported set") {
        D3DKMT_HANDLE allocation = create_buffer(gpu.device, KIB(64));
        make_resident(&gpu.queue, allocation);
        D3DDDI_UPDATEALLOCPROPERTY args = update(&gpu, allocation, SUPPORTED_SET);
        args.SupportedSegmentSet = aperture_set();
        check_pending(&gpu, &args);
        check_place(&gpu, allocation, IN_SHARED_MEMORY);
        args.SupportedSegmentSet = segment_set();
        check_pending(&gpu, &args);
        check_place(&gpu, allocation, IN_GPU_MEMORY);
    }
    udxg_case("what is unmoveable stays") {
        D3DKMT_HANDLE allocation = create_buffer(gpu.device, KIB(64));
        make_resident(&gpu.queue, allocation);
        D3DDDI_UPDATEALLOCPROPERTY args = update(&gpu, allocation, UNMOVEABLE);
        args.Flags.Unmoveable = 1;
        check_nothing(&args);
        args = prefer(&gpu, allocation, 2, 1);
        check_refused(&args, STATUS_INVALID_PARAMETER);
        check_place(&gpu, allocation, IN_GPU_MEMORY);
        void *data = NULL;
        check_status(STATUS_GRAPHICS_CANT_EVICT_PINNED_ALLOCATION, try_lock(gpu.device, allocation, &data));
        args = prefer(&gpu, allocation, 2, 1);
        args.SetUnmoveable = 1;
        check_pending(&gpu, &args);
        check_place(&gpu, allocation, IN_SHARED_MEMORY);
        require_success(evict(gpu.device, allocation));
    }
    udxg_case("the GPU finds its bytes on both sides") {
        struct gpu_buffer buffer = create_gpu_buffer(&gpu, KIB(64));
        for (uint32_t round = 1; round < 5; round++) {
            struct udxg_soft_fill fill = udxg_soft_fill_command(buffer.va, KIB(64), 0x01010101u * round);
            D3DDDI_UPDATEALLOCPROPERTY args = prefer(&gpu, buffer.allocation, round % 2 ? 2 : 1, 0);
            require_status(STATUS_PENDING, D3DKMTUpdateAllocationProperty(&args));
            require_success(submit(&gpu, &fill, sizeof(fill)));
            gpu_finish(&gpu);
            check_place(&gpu, buffer.allocation, round % 2 ? IN_SHARED_MEMORY : IN_GPU_MEMORY);
        }
        check_filled(&gpu, buffer.allocation, 4);
    }
}

static void no_room(void)
{
    use_profile(little_profile);
    struct gpu gpu;
    gpu_open(&gpu);
    udxg_case("a full segment takes nobody") {
        D3DKMT_HANDLE full = create_buffer(gpu.device, MIB(1)), allocation = create_buffer(gpu.device, KIB(64));
        make_resident(&gpu.queue, full);
        D3DDDI_UPDATEALLOCPROPERTY args = prefer(&gpu, allocation, 2, 1);
        check_nothing(&args);
        make_resident(&gpu.queue, allocation);
        args = prefer(&gpu, allocation, 1, 2);
        check_refused(&args, STATUS_NO_MEMORY);
        check_place(&gpu, allocation, IN_SHARED_MEMORY);
        check_u64(D3DKMT_DEVICEEXECUTION_ACTIVE, execution_state(gpu.device));
        require_success(evict(gpu.device, full));
        check_pending(&gpu, &args);
        check_place(&gpu, allocation, IN_GPU_MEMORY);
    }
    udxg_case("what fits in none of the set") {
        D3DKMT_HANDLE allocation = create_buffer(gpu.device, MIB(2));
        D3DDDI_UPDATEALLOCPROPERTY args = update(&gpu, allocation, SUPPORTED_SET);
        args.SupportedSegmentSet = 1;
        /* The CPU cannot see it there, and it is CPU visible. */
        check_refused(&args, STATUS_INVALID_PARAMETER);
        struct udxg_soft_allocation soft = soft_buffer(MIB(2));
        soft.flags &= ~(uint32_t)UDXG_SOFT_CPU_VISIBLE;
        args = update(&gpu, create_allocation(gpu.device, &soft), SUPPORTED_SET);
        args.SupportedSegmentSet = 1;
        check_refused(&args, STATUS_NO_MEMORY);
    }
    udxg_case("a late failure puts the device in error") {
        D3DKMT_HANDLE allocation = create_buffer(gpu.device, KIB(64));
        D3DDDI_UPDATEALLOCPROPERTY args = prefer(&gpu, allocation, 2, 1);
        check_nothing(&args);
        make_resident(&gpu.queue, allocation);
        require_success(set_faults(gpu.adapter, 1u << 11)); /* ExpectPreparationFailure */
        args = prefer(&gpu, allocation, 1, 2);
        check_pending(&gpu, &args);
        check_u64(D3DKMT_DEVICEEXECUTION_ERROR_OUTOFMEMORY, wait_for_error(gpu.device));
    }
}

int main(int argc, char **argv)
{
    static const struct udxg_test tests[] = {
        {"argument", ON_EACH, arguments}, {"segment", ON_EACH, segments},        {"nothing", ON_EACH, nothing},
        {"change", ON_EACH, changes},     {"migration", ON_DISCRETE, migration}, {"no room", ON_DISCRETE, no_room},
    };
    return conformance_main(argc, argv, tests, LENGTH_OF(tests));
}
