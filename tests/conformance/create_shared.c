/* SPDX-License-Identifier: MIT */
/*
 * What may be shared: resources for NT handles, and cross-adapter resources with their rules. Opening them is not
 * this file's.
 */
#include "creation.h"

#include <sys/mman.h>
#include <unistd.h>

#define SHARE_FLAGS (CREATE_RESOURCE | CREATE_SHARED | NT_SECURITY_SHARING)

/* An NT handle of RESOURCE can be had: 0, or why not. */
static NTSTATUS share(D3DKMT_HANDLE resource)
{
    HANDLE handle = NULL;
    NTSTATUS status = D3DKMTShareObjects(1, &resource, NULL, 0x10000000u /* GENERIC_ALL */, &handle);
    if (status == STATUS_SUCCESS) close((int)(intptr_t)handle);
    return status;
}

/* ---------------------------------------------------------------------------------------------- NT handles */

static void nt_shared(void)
{
    static const struct {
        const char *name;
        UINT flags;
    } rows[] = {
        {"alone", 0},
        {"RestrictSharedAccess", RESTRICT_SHARED_ACCESS},
        {"PartialSharedCreation", PARTIAL_SHARED_CREATION},
        {"SharedDisplayable", SHARED_DISPLAYABLE},
        {"all three", RESTRICT_SHARED_ACCESS | PARTIAL_SHARED_CREATION | SHARED_DISPLAYABLE},
        {"WriteWatch", WRITE_WATCH},
        {"PhysicallyContiguous", PHYSICALLY_CONTIGUOUS},
    };
    D3DKMT_HANDLE device = create_device(open_adapter());
    for (int version = 1; version <= 2; version++) {
        for (size_t i = 0; i < LENGTH_OF(rows); i++) {
            for (UINT count = 0; count <= CREATION_MAX; count++) {
                udxg_case("v%d/%s, %u allocations", version, rows[i].name, count) {
                    struct creation creation;
                    creation_buffers(&creation, version, device, count);
                    creation_set_flags(&creation, SHARE_FLAGS | rows[i].flags);
                    creation_succeeds(&creation);
                    for (UINT k = 0; k < count; k++) check_true(is_alive(device, creation_handle(&creation, k)));
                    /* Nothing can be added, and no member goes alone. */
                    check_true(!is_live_resource(device, creation.args.hResource));
                    if (count > 0)
                        check_status(STATUS_INVALID_PARAMETER,
                                     destroy_allocation(device, creation_handle(&creation, 0)));
                    check_status(STATUS_SUCCESS, destroy_resource(device, creation.args.hResource));
                }
            }
        }
        udxg_case("v%d/a handle can be made", version) {
            struct creation creation;
            creation_buffers(&creation, version, device, 2);
            creation_set_flags(&creation, SHARE_FLAGS);
            creation_succeeds(&creation);
            check_status(STATUS_SUCCESS, share(creation.args.hResource));
        }
        udxg_case("v%d/no handle of a resource that was not created for it", version) {
            struct creation creation;
            creation_buffers(&creation, version, device, 2);
            creation_set_flags(&creation, CREATE_RESOURCE);
            creation_succeeds(&creation);
            check_status(STATUS_INVALID_PARAMETER, share(creation.args.hResource));
        }
        udxg_case("v%d/no handle of an allocation", version) {
            struct creation creation;
            creation_buffers(&creation, version, device, 1);
            creation_set_flags(&creation, SHARE_FLAGS);
            creation_succeeds(&creation);
            check_status(STATUS_INVALID_PARAMETER, share(creation_handle(&creation, 0)));
        }
    }
}

/* -------------------------------------------------------------------------------------------- cross-adapter */

static void one(struct creation *creation)
{
    creation->soft[0].preferred[0] = UDXG_SOFT_SEGMENT_SYSTEM;
    creation->soft[0].flags = UDXG_SOFT_CPU_VISIBLE | UDXG_SOFT_ONLY_PREFERRED;
}

static void permanent(struct creation *creation)
{
    one(creation);
    creation->soft[0].flags = UDXG_SOFT_CPU_VISIBLE | UDXG_SOFT_PERMANENT_SYSTEM;
}

static void linear_surface(struct creation *creation)
{
    one(creation);
    creation->soft[0].size_bytes = 0;
    creation->soft[0].format = UDXG_SOFT_FORMAT_RGBA8;
    creation->soft[0].width = 256;
    creation->soft[0].height = 16;
    creation->soft[0].pitch_bytes = 1024;
}

static void runtime_data(struct creation *creation)
{
    one(creation);
    creation->args.pPrivateRuntimeData = "rtd";
    creation->args.PrivateRuntimeDataSize = 4;
}

static void none(struct creation *creation)
{
    one(creation);
    creation->args.NumAllocations = 0;
}

static void two(struct creation *creation)
{
    one(creation);
    creation->soft[1] = creation->soft[0];
    creation->args.NumAllocations = 2;
}

static void not_visible(struct creation *creation)
{
    one(creation);
    creation->soft[0].flags = UDXG_SOFT_ONLY_PREFERRED;
}

static void local_only(struct creation *creation)
{
    creation->soft[0].preferred[0] = UDXG_SOFT_SEGMENT_LOCAL;
    creation->soft[0].flags = UDXG_SOFT_ONLY_PREFERRED;
}

static void local_too(struct creation *creation)
{
    creation->soft[0].preferred[0] = UDXG_SOFT_SEGMENT_SYSTEM;
    creation->soft[0].preferred[1] = UDXG_SOFT_SEGMENT_LOCAL;
}

static const struct {
    const char *name;
    void (*shape)(struct creation *creation);
    NTSTATUS on_discrete, on_uma;
} crossing[] = {
    {"one, in system memory", one, STATUS_SUCCESS, STATUS_SUCCESS},
    {"one, in system memory for ever", permanent, STATUS_SUCCESS, STATUS_SUCCESS},
    {"a linear surface", linear_surface, STATUS_SUCCESS, STATUS_SUCCESS},
    {"with runtime data", runtime_data, STATUS_SUCCESS, STATUS_SUCCESS},
    {"none", none, STATUS_INVALID_PARAMETER, STATUS_INVALID_PARAMETER},
    {"two", two, STATUS_INVALID_PARAMETER, STATUS_INVALID_PARAMETER},
    {"not CPU visible", not_visible, STATUS_INVALID_PARAMETER, STATUS_INVALID_PARAMETER},
    {"in video memory", local_only, STATUS_INVALID_PARAMETER, STATUS_INVALID_PARAMETER},
    {"in video memory, too", local_too, STATUS_INVALID_PARAMETER, STATUS_SUCCESS},
};

static void cross_adapter(void)
{
    D3DKMT_HANDLE device = create_device(open_adapter());
    for (int version = 1; version <= 2; version++) {
        for (size_t i = 0; i < LENGTH_OF(crossing); i++) {
            udxg_case("v%d/%s", version, crossing[i].name) {
                struct creation creation;
                NTSTATUS want = on_discrete() ? crossing[i].on_discrete : crossing[i].on_uma;
                creation_buffers(&creation, version, device, 1);
                crossing[i].shape(&creation);
                creation_set_flags(&creation, SHARE_FLAGS | CROSS_ADAPTER);
                if (want == STATUS_SUCCESS) {
                    creation_succeeds(&creation);
                    check_status(STATUS_SUCCESS, share(creation.args.hResource));
                } else {
                    creation_refused(&creation, want);
                }
            }
        }
        udxg_case("v%d/a heap", version) {
            struct creation creation;
            void *heap = map_pages(CREATION_BYTES / PAGE_BYTES);
            creation_heap(&creation, version, device, heap, CREATION_BYTES);
            creation_set_flags(&creation, creation_flags(&creation) | SHARE_FLAGS | CROSS_ADAPTER);
            creation_succeeds(&creation);
            check_true(lock(device, creation_handle(&creation, 0)) == heap);
        }
        udxg_case("v%d/a heap of which a page is missing", version) {
            struct creation creation;
            uint8_t *heap = (uint8_t *)map_pages(CREATION_BYTES / PAGE_BYTES);
            require_true(mprotect(heap + PAGE_BYTES, PAGE_BYTES, PROT_NONE) == 0);
            creation_heap(&creation, version, device, heap, CREATION_BYTES);
            creation_set_flags(&creation, creation_flags(&creation) | SHARE_FLAGS | CROSS_ADAPTER);
            creation_refused(&creation, STATUS_INVALID_PARAMETER);
        }
        udxg_case("v%d/a heap of half a page", version) {
            struct creation creation;
            creation_heap(&creation, version, device, map_pages(1), PAGE_BYTES / 2);
            creation_set_flags(&creation, creation_flags(&creation) | SHARE_FLAGS | CROSS_ADAPTER);
            creation_refused(&creation, STATUS_INVALID_PARAMETER);
        }
        udxg_case("v%d/is never in video memory", version) {
            struct gpu gpu;
            struct creation creation;
            D3DKMT_ALLOCATIONRESIDENCYSTATUS where = (D3DKMT_ALLOCATIONRESIDENCYSTATUS)0;
            gpu_open(&gpu);
            creation_buffers(&creation, version, gpu.device, 1);
            one(&creation);
            creation_set_flags(&creation, SHARE_FLAGS | CROSS_ADAPTER);
            creation_succeeds(&creation);
            D3DKMT_HANDLE allocation = creation_handle(&creation, 0);
            make_resident(&gpu.queue, allocation);
            D3DKMT_QUERYALLOCATIONRESIDENCY args = {0};
            args.hDevice = gpu.device;
            args.phAllocationList = &allocation;
            args.AllocationCount = 1;
            args.pResidencyStatus = &where;
            require_success(D3DKMTQueryAllocationResidency(&args));
            check_u64(D3DKMT_ALLOCATIONRESIDENCYSTATUS_RESIDENTINSHAREDMEMORY, where);
        }
    }
}

int main(int argc, char **argv)
{
    static const struct udxg_test tests[] = {
        {"NT handle", ON_EACH, nt_shared},
        {"cross-adapter", ON_EACH, cross_adapter},
    };
    return conformance_main(argc, argv, tests, LENGTH_OF(tests));
}
