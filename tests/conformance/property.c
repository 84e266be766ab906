/* SPDX-License-Identifier: MIT */
/*
 * UpdateAllocationProperty: what it refuses, and that what changes nothing succeeds at once. Changes themselves are
 * marked until they are there.
 */
#include "creation.h"

#define TODO_CHANGE "changes of properties come with migration"

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

static void changes(void)
{
    struct gpu gpu;
    gpu_open(&gpu);
    udxg_case("to the aperture alone") {
        udxg_todo(TODO_CHANGE);
        D3DDDI_UPDATEALLOCPROPERTY args = update(&gpu, create_buffer(gpu.device, KIB(64)), SUPPORTED_SET);
        args.SupportedSegmentSet = aperture_set();
        NTSTATUS status = D3DKMTUpdateAllocationProperty(&args);
        check_true(status == STATUS_SUCCESS || status == STATUS_PENDING);
    }
    udxg_case("other preferences") {
        udxg_todo(TODO_CHANGE);
        D3DDDI_UPDATEALLOCPROPERTY args = update(&gpu, create_buffer(gpu.device, KIB(64)), PREFERRED);
        args.PreferredSegment.SegmentId0 = 2;
        args.PreferredSegment.SegmentId1 = 1;
        NTSTATUS status = D3DKMTUpdateAllocationProperty(&args);
        check_true(status == STATUS_SUCCESS || status == STATUS_PENDING);
    }
    udxg_case("unmoveable") {
        udxg_todo(TODO_CHANGE);
        D3DDDI_UPDATEALLOCPROPERTY args = update(&gpu, create_buffer(gpu.device, KIB(64)), UNMOVEABLE);
        args.Flags.Unmoveable = 1;
        NTSTATUS status = D3DKMTUpdateAllocationProperty(&args);
        check_true(status == STATUS_SUCCESS || status == STATUS_PENDING);
    }
    udxg_case("accessed physically") {
        udxg_todo(TODO_CHANGE);
        D3DDDI_UPDATEALLOCPROPERTY args = update(&gpu, create_buffer(gpu.device, KIB(64)), ACCESSED_PHYSICALLY);
        args.Flags.AccessedPhysically = 1;
        NTSTATUS status = D3DKMTUpdateAllocationProperty(&args);
        check_true(status == STATUS_SUCCESS || status == STATUS_PENDING);
    }
}

int main(int argc, char **argv)
{
    static const struct udxg_test tests[] = {
        {"argument", ON_EACH, arguments},
        {"segment", ON_EACH, segments},
        {"nothing", ON_EACH, nothing},
        {"change", ON_DISCRETE, changes},
    };
    return conformance_main(argc, argv, tests, LENGTH_OF(tests));
}
