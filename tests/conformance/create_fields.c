/* SPDX-License-Identifier: MIT */
/*
 * Every field of D3DKMT_CREATEALLOCATION, D3DDDI_ALLOCATIONINFO and D3DDDI_ALLOCATIONINFO2 but the flags of the call:
 * what is looked at, what is not, how long data may be, and which memory is asked for before anything happens.
 */
#include "creation.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "../sanitizer.h"

enum info_flag { PRIMARY = 1, STEREO = 2, OVERRIDE_PRIORITY = 4 };

/* A buffer that may be a primary: one that the CPU sees wherever it may be. */
static void for_display(struct creation *creation)
{
    creation->soft[0].preferred[0] = UDXG_SOFT_SEGMENT_SYSTEM;
    creation->soft[0].flags = UDXG_SOFT_CPU_VISIBLE | UDXG_SOFT_ONLY_PREFERRED;
}

static UINT priority_of(D3DKMT_HANDLE device, D3DKMT_HANDLE allocation)
{
    UINT priority = SENTINEL;
    D3DKMT_GETALLOCATIONPRIORITY args = {0};
    args.hDevice = device;
    args.phAllocationList = &allocation;
    args.AllocationCount = 1;
    args.pPriorities = &priority;
    require_success(D3DKMTGetAllocationPriority(&args));
    return priority;
}

/* ------------------------------------------------------------------------------------ flags of an element */

static NTSTATUS info_flags_give(int version, UINT flags)
{
    if ((flags & STEREO) && !(flags & PRIMARY)) return STATUS_INVALID_PARAMETER;
    /* Priority is 0 here. The older element has neither the flag nor the field. */
    if (version == 2 && (flags & OVERRIDE_PRIORITY)) return STATUS_INVALID_PARAMETER;
    return STATUS_SUCCESS;
}

static void info_flags(void)
{
    D3DKMT_HANDLE device = create_device(open_adapter());
    for (int version = 1; version <= 2; version++) {
        for (unsigned bit = 0; bit < 32; bit++) {
            udxg_case("v%d/bit %u, alone and with each of the first three", version, bit) {
                for (UINT others = 0; others < 8; others++) {
                    struct creation creation;
                    UINT flags = others | 1u << bit;
                    NTSTATUS want = info_flags_give(version, flags);
                    creation_buffers(&creation, version, device, 1);
                    for_display(&creation);
                    creation_set_info_flags(&creation, 0, flags);
                    if (want == STATUS_SUCCESS)
                        creation_succeeds(&creation);
                    else
                        creation_fails(&creation, want);
                }
            }
        }
        udxg_case("v%d/a wrong one in the last of three", version) {
            struct creation creation;
            creation_buffers(&creation, version, device, 3);
            creation_set_info_flags(&creation, 2, STEREO);
            creation_refused(&creation, STATUS_INVALID_PARAMETER);
        }
    }
}

/* ------------------------------------------------------------------------------------------------ primaries */

static void visible(struct creation *creation)
{
    for_display(creation);
}

static void not_visible(struct creation *creation)
{
    for_display(creation);
    creation->soft[0].flags = UDXG_SOFT_ONLY_PREFERRED;
}

static void cached(struct creation *creation)
{
    for_display(creation);
    creation->soft[0].flags |= UDXG_SOFT_CACHED;
}

static void permanent(struct creation *creation)
{
    for_display(creation);
    creation->soft[0].flags |= UDXG_SOFT_PERMANENT_SYSTEM;
}

static void own_memory(struct creation *creation)
{
    creation_set_memory(creation, 0, map_pages(CREATION_BYTES / PAGE_BYTES));
}

static void local_memory(struct creation *creation)
{
    creation->soft[0].preferred[0] = UDXG_SOFT_SEGMENT_LOCAL;
}

static const struct {
    const char *name;
    void (*shape)(struct creation *creation);
    bool on_discrete, on_uma; /* whether it may be a primary */
} primaries[] = {
    {"CPU visible", visible, true, true},
    {"not CPU visible", not_visible, false, false},
    {"cached", cached, false, false},
    {"permanently in system memory", permanent, false, false},
    {"the caller's memory", own_memory, false, false},
    {"also in a segment that the CPU does not see", local_memory, false, true},
};

static void primary(void)
{
    D3DKMT_HANDLE device = create_device(open_adapter());
    for (int version = 1; version <= 2; version++) {
        for (size_t i = 0; i < LENGTH_OF(primaries); i++) {
            udxg_case("v%d/%s, no primary", version, primaries[i].name) {
                struct creation creation;
                creation_buffers(&creation, version, device, 1);
                primaries[i].shape(&creation);
                creation_succeeds(&creation);
            }
            for (UINT flags = PRIMARY; flags <= (PRIMARY | STEREO); flags += STEREO) {
                udxg_case("v%d/%s, flags %u", version, primaries[i].name, flags) {
                    struct creation creation;
                    bool good = on_discrete() ? primaries[i].on_discrete : primaries[i].on_uma;
                    creation_buffers(&creation, version, device, 1);
                    primaries[i].shape(&creation);
                    creation_set_info_flags(&creation, 0, flags);
                    if (good)
                        creation_succeeds(&creation);
                    else
                        creation_refused(&creation, STATUS_INVALID_PARAMETER);
                }
            }
        }
        udxg_case("v%d/a heap is no primary", version) {
            struct creation creation;
            creation_heap(&creation, version, device, map_pages(1), PAGE_BYTES);
            creation_set_info_flags(&creation, 0, PRIMARY);
            creation_refused(&creation, STATUS_INVALID_PARAMETER);
        }
        udxg_case("v%d/VidPnSourceId is not looked at, with Primary and without", version) {
            const D3DDDI_VIDEO_PRESENT_SOURCE_ID ids[] = {0, 1, 16, 0x7fffffff, 0xfffffffe, 0xffffffff};
            for (size_t i = 0; i < LENGTH_OF(ids); i++) {
                for (UINT flags = 0; flags <= PRIMARY; flags++) {
                    struct creation creation;
                    creation_buffers(&creation, version, device, 1);
                    for_display(&creation);
                    creation_set_info_flags(&creation, 0, flags);
                    creation.info[0].VidPnSourceId = creation.info2[0].VidPnSourceId = ids[i];
                    creation_succeeds(&creation);
                }
            }
        }
    }
}

/* ----------------------------------------------------------------------------------------------- priorities */

static void priorities(void)
{
    D3DKMT_HANDLE device = create_device(open_adapter());
    const struct {
        const char *name;
        UINT flags, priority, drivers;
        UINT want; /* 0: refused */
    } rows[] = {
        {"nobody chooses", 0, 0, 0, D3DDDI_ALLOCATIONPRIORITY_NORMAL},
        {"the driver chooses", 0, 0, D3DDDI_ALLOCATIONPRIORITY_LOW, D3DDDI_ALLOCATIONPRIORITY_LOW},
        {"without the flag", 0, D3DDDI_ALLOCATIONPRIORITY_HIGH, 0, D3DDDI_ALLOCATIONPRIORITY_NORMAL},
        {"without the flag, the driver chooses", 0, D3DDDI_ALLOCATIONPRIORITY_HIGH, 1, 1},
        {"minimum", OVERRIDE_PRIORITY, D3DDDI_ALLOCATIONPRIORITY_MINIMUM, 0, D3DDDI_ALLOCATIONPRIORITY_MINIMUM},
        {"maximum", OVERRIDE_PRIORITY, D3DDDI_ALLOCATIONPRIORITY_MAXIMUM, 0, D3DDDI_ALLOCATIONPRIORITY_MAXIMUM},
        {"Direct3D 12's", OVERRIDE_PRIORITY, 0xa0010000u, 0, 0xa0010000u},
        {"1", OVERRIDE_PRIORITY, 1, 0, 1},
        {"0xffffffff", OVERRIDE_PRIORITY, 0xffffffffu, 0, 0xffffffffu},
        {"over the driver's", OVERRIDE_PRIORITY, 2, D3DDDI_ALLOCATIONPRIORITY_LOW, 2},
        {"0", OVERRIDE_PRIORITY, 0, 0, 0},
        {"0, over the driver's", OVERRIDE_PRIORITY, 0, D3DDDI_ALLOCATIONPRIORITY_LOW, 0},
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        udxg_case("%s", rows[i].name) {
            struct creation creation;
            creation_buffers(&creation, 2, device, 2);
            creation.soft[1].priority = rows[i].drivers;
            creation.info2[1].Priority = rows[i].priority;
            creation_set_info_flags(&creation, 1, rows[i].flags);
            if (rows[i].want == 0) {
                creation_refused(&creation, STATUS_INVALID_PARAMETER);
            } else {
                creation_succeeds(&creation);
                check_u64(rows[i].want, priority_of(device, creation.info2[1].hAllocation));
                check_u64(D3DDDI_ALLOCATIONPRIORITY_NORMAL, priority_of(device, creation.info2[0].hAllocation));
            }
        }
    }
    udxg_case("of a heap") {
        struct creation creation;
        creation_heap(&creation, 2, device, map_pages(1), PAGE_BYTES);
        creation.info2[0].Priority = 77;
        creation_set_info_flags(&creation, 0, OVERRIDE_PRIORITY);
        creation_succeeds(&creation);
        check_u64(77, priority_of(device, creation.info2[0].hAllocation));
    }
    udxg_case("version 1 has none") {
        struct creation creation;
        creation_buffers(&creation, 1, device, 1);
        creation.soft[0].priority = 5;
        creation_set_info_flags(&creation, 0, OVERRIDE_PRIORITY);
        creation_succeeds(&creation);
        check_u64(5, priority_of(device, creation.info[0].hAllocation));
    }
}

/* ------------------------------------------------------------------------------------- what is not looked at */

static void not_looked_at(void)
{
    D3DKMT_HANDLE device = create_device(open_adapter());
    for (int version = 1; version <= 2; version++) {
        udxg_case("v%d/outputs as they come in", version) {
            const D3DKMT_HANDLE values[] = {0, 1, device, BAD_HANDLE, 0xffffffffu};
            for (size_t i = 0; i < LENGTH_OF(values); i++) {
                struct creation creation;
                creation_buffers(&creation, version, device, 1);
                creation.args.hGlobalShare = values[i];
                creation.info[0].hAllocation = creation.info2[0].hAllocation = values[i];
                creation.info2[0].GpuVirtualAddress = values[i];
                creation_succeeds(&creation);
            }
        }
        udxg_case("v%d/hPrivateRuntimeResourceHandle", version) {
            const uintptr_t values[] = {0, 1, UINTPTR_MAX};
            for (size_t i = 0; i < LENGTH_OF(values); i++) {
                struct creation creation;
                creation_buffers(&creation, version, device, 1);
                creation.args.hPrivateRuntimeResourceHandle = (HANDLE)values[i];
                creation_succeeds(&creation);
            }
        }
        udxg_case("v%d/Reserved, Priority and what stands behind it", version) {
            struct creation creation;
            creation_buffers(&creation, version, device, 2);
            for (int i = 0; i < 2; i++) {
                creation.info2[i].Unused = ~(ULONG_PTR)0;
                memset(creation.info2[i].Reserved, 0xcc, sizeof(creation.info2[i].Reserved));
            }
            creation_succeeds(&creation);
        }
        udxg_case("v%d/Flags of the standard allocation", version) {
            struct creation creation;
            creation_heap(&creation, version, device, map_pages(1), PAGE_BYTES);
            creation.standard.Flags.Value = 0xffffffffu;
            creation_succeeds(&creation);
        }
        udxg_case("v%d/private data of a heap", version) {
            uint8_t data[6];
            struct creation creation;
            memset(data, 0x5a, sizeof(data));
            creation_heap(&creation, version, device, map_pages(1), PAGE_BYTES);
            creation_set_private(&creation, 0, data, sizeof(data));
            creation_succeeds(&creation);
            check_true(filled_with(data, sizeof(data), 0x5a));
        }
        udxg_case("v%d/pointers whose sizes are 0", version) {
            struct creation creation;
            creation_heap(&creation, version, device, map_pages(1), PAGE_BYTES);
            creation.args.pPrivateRuntimeData = (const void *)(uintptr_t)16;
            creation_set_private(&creation, 0, (void *)(uintptr_t)16, 0);
            creation_succeeds(&creation);
        }
        udxg_case("v%d/a pointer to private data of the resource whose size is 0", version) {
            struct creation creation;
            creation_buffers(&creation, version, device, 1);
            creation.args.pPrivateDriverData = (const void *)(uintptr_t)16;
            creation_succeeds(&creation);
        }
        udxg_case("v%d/the array, with NumAllocations 0", version) {
            struct creation creation;
            creation_buffers(&creation, version, device, 0);
            creation_set_flags(&creation, CREATE_RESOURCE);
            creation.args.pAllocationInfo2 = (D3DDDI_ALLOCATIONINFO2 *)(uintptr_t)16;
            creation_succeeds(&creation);
        }
    }
}

/* ------------------------------------------------------------------------------------------- sizes of data */

static const UINT sizes[] = {1,
                             2,
                             7,
                             4095,
                             4096,
                             4097,
                             65536,
                             MAX_DATA_BYTES - 1,
                             MAX_DATA_BYTES,
                             MAX_DATA_BYTES + 1,
                             1u << 20,
                             0x7fffffffu,
                             0x80000000u,
                             0xffffffffu};

/* Whom runtime data are given to. */
enum owner { ALONE, RESOURCE, ADDED, OF_HEAP, OWNERS };

static void with_owner(struct creation *creation, enum owner owner, int version, D3DKMT_HANDLE device)
{
    if (owner == OF_HEAP)
        creation_heap(creation, version, device, map_pages(1), PAGE_BYTES);
    else
        creation_buffers(creation, version, device, 1);
    if (owner == RESOURCE) creation_set_flags(creation, CREATE_RESOURCE);
    if (owner == ADDED) creation->args.hResource = create_resource(device, 1, false, NULL);
}

static void runtime_data(void)
{
    static const char *const names[] = {"stand-alone", "resource", "added", "heap"};
    D3DKMT_HANDLE device = create_device(open_adapter());
    uint8_t *data = (uint8_t *)map_pages(64);
    memset(data, 0x3d, 64 * PAGE_BYTES);
    for (int version = 1; version <= 2; version++) {
        for (int owner = 0; owner < OWNERS; owner++) {
            for (size_t i = 0; i < LENGTH_OF(sizes); i++) {
                udxg_case("v%d/%s, %u bytes", version, names[owner], sizes[i]) {
                    struct creation creation;
                    with_owner(&creation, (enum owner)owner, version, device);
                    creation.args.pPrivateRuntimeData = data;
                    creation.args.PrivateRuntimeDataSize = sizes[i];
                    if (sizes[i] <= MAX_DATA_BYTES)
                        creation_succeeds(&creation);
                    else
                        creation_refused(&creation, STATUS_INVALID_PARAMETER);
                    check_true(filled_with(data, 64 * PAGE_BYTES, 0x3d));
                }
            }
            udxg_case("v%d/%s, at NULL", version, names[owner]) {
                struct creation creation;
                with_owner(&creation, (enum owner)owner, version, device);
                creation.args.PrivateRuntimeDataSize = 1;
                creation_refused(&creation, STATUS_INVALID_PARAMETER);
            }
            udxg_case("v%d/%s, last byte not accessible", version, names[owner]) {
                struct creation creation;
                uint8_t *pages = (uint8_t *)map_pages(2);
                require_true(mprotect(pages + PAGE_BYTES, PAGE_BYTES, PROT_NONE) == 0);
                with_owner(&creation, (enum owner)owner, version, device);
                creation.args.pPrivateRuntimeData = pages + PAGE_BYTES - 15;
                creation.args.PrivateRuntimeDataSize = 16;
                creation_refused(&creation, STATUS_INVALID_PARAMETER);
            }
            udxg_case("v%d/%s, read-only", version, names[owner]) {
                struct creation creation;
                void *page = map_pages(1);
                require_true(mprotect(page, PAGE_BYTES, PROT_READ) == 0);
                with_owner(&creation, (enum owner)owner, version, device);
                creation.args.pPrivateRuntimeData = page;
                creation.args.PrivateRuntimeDataSize = PAGE_BYTES;
                creation_succeeds(&creation);
            }
        }
    }
    udxg_case("given anew with every addition") {
        D3DKMT_HANDLE resource = create_resource(device, 1, false, NULL);
        for (UINT i = 0; i < 200; i++) {
            struct creation creation;
            creation_buffers(&creation, 1 + (int)(i & 1), device, 1);
            creation.args.hResource = resource;
            creation.args.pPrivateRuntimeData = data;
            creation.args.PrivateRuntimeDataSize = (i * 6553) % (MAX_DATA_BYTES + 1);
            creation_succeeds(&creation);
        }
        check_status(STATUS_SUCCESS, destroy_resource(device, resource));
    }
}

/* Private data of the soft adapters: their struct, then what the client likes. Shorter is the driver's verdict. */
static void private_data(void)
{
    D3DKMT_HANDLE device = create_device(open_adapter());
    uint8_t *data = (uint8_t *)map_pages(64);
    struct udxg_soft_allocation soft = soft_buffer(CREATION_BYTES);
    for (int version = 1; version <= 2; version++) {
        for (size_t i = 0; i < LENGTH_OF(sizes); i++) {
            udxg_case("v%d/of the second allocation, %u bytes", version, sizes[i]) {
                struct creation creation;
                memset(data, 0x3d, 64 * PAGE_BYTES);
                memcpy(data, &soft, sizeof(soft));
                creation_buffers(&creation, version, device, 2);
                creation_set_private(&creation, 1, data, sizes[i]);
                if (sizes[i] > MAX_DATA_BYTES)
                    creation_refused(&creation, STATUS_INVALID_PARAMETER);
                else if (sizes[i] < sizeof(soft))
                    creation_refused(&creation, STATUS_GRAPHICS_DRIVER_MISMATCH);
                else
                    creation_succeeds(&creation);
                check_true(filled_with(data + sizeof(soft), 64 * PAGE_BYTES - sizeof(soft), 0x3d));
            }
            udxg_case("v%d/of the resource, %u bytes", version, sizes[i]) {
                struct creation creation;
                creation_buffers(&creation, version, device, 2);
                creation_set_flags(&creation, CREATE_RESOURCE);
                memset(data, 0x3d, 64 * PAGE_BYTES);
                memcpy(data, &creation.soft_resource, sizeof(creation.soft_resource));
                creation.args.pPrivateDriverData = data;
                creation.args.PrivateDriverDataSize = sizes[i];
                if (sizes[i] > MAX_DATA_BYTES)
                    creation_refused(&creation, STATUS_INVALID_PARAMETER);
                else if (sizes[i] < sizeof(creation.soft_resource))
                    creation_refused(&creation, STATUS_GRAPHICS_DRIVER_MISMATCH);
                else
                    creation_succeeds(&creation);
            }
        }
        udxg_case("v%d/the same bytes for two", version) {
            struct creation creation;
            creation_buffers(&creation, version, device, 2);
            creation_set_private(&creation, 1, &creation.soft[0], sizeof(creation.soft[0]));
            creation_succeeds(&creation);
        }
        udxg_case("v%d/as long as can be, for as many as can be", version) {
            /* 128 MiB of private data: no memory is a verdict too, but nothing in between. */
            D3DDDI_ALLOCATIONINFO *infos = (D3DDDI_ALLOCATIONINFO *)calloc(MAX_ALLOCATIONS, sizeof(*infos));
            D3DDDI_ALLOCATIONINFO2 *infos2 = (D3DDDI_ALLOCATIONINFO2 *)calloc(MAX_ALLOCATIONS, sizeof(*infos2));
            D3DKMT_CREATEALLOCATION args = {0};
            require_true(infos != NULL && infos2 != NULL);
            soft.size_bytes = PAGE_BYTES;
            memcpy(data, &soft, sizeof(soft));
            for (UINT i = 0; i < MAX_ALLOCATIONS; i++) {
                infos[i].pPrivateDriverData = infos2[i].pPrivateDriverData = data;
                infos[i].PrivateDriverDataSize = infos2[i].PrivateDriverDataSize = MAX_DATA_BYTES;
            }
            args.hDevice = device;
            args.NumAllocations = MAX_ALLOCATIONS;
            args.Flags.CreateResource = 1;
            if (version == 1)
                args.pAllocationInfo = infos;
            else
                args.pAllocationInfo2 = infos2;
            NTSTATUS status = version == 1 ? D3DKMTCreateAllocation(&args) : D3DKMTCreateAllocation2(&args);
            if (status == STATUS_SUCCESS) {
                check_status(STATUS_SUCCESS, destroy_resource(device, args.hResource));
            } else {
                check_status(STATUS_NO_MEMORY, status);
                check_u64(0, args.hResource);
            }
        }
    }
}

/* ------------------------------------------------------------------------------------- memory of the caller */

/* SIZE_BYTES at DATA, copied to the end of a page; behind it nothing can be read. */
static void *at_the_end(const void *data, size_t size_bytes)
{
    uint8_t *pages = (uint8_t *)map_pages(2);
    require_true(mprotect(pages + PAGE_BYTES, PAGE_BYTES, PROT_NONE) == 0);
    memcpy(pages + PAGE_BYTES - size_bytes, data, size_bytes);
    return pages + PAGE_BYTES - size_bytes;
}

static void *page_of(void *address)
{
    return (void *)((uintptr_t)address & ~(uintptr_t)(PAGE_BYTES - 1));
}

static NTSTATUS issue_at(int version, void *args)
{
    D3DKMT_CREATEALLOCATION *call = (D3DKMT_CREATEALLOCATION *)args;
    return version == 1 ? D3DKMTCreateAllocation(call) : D3DKMTCreateAllocation2(call);
}

static void pointers(void)
{
    D3DKMT_HANDLE device = create_device(open_adapter());
    for (int version = 1; version <= 2; version++) {
        size_t stride = version == 1 ? sizeof(D3DDDI_ALLOCATIONINFO) : sizeof(D3DDDI_ALLOCATIONINFO2);
        udxg_case("v%d/nothing is read behind the struct, the array and the data", version) {
            struct creation creation;
            creation_buffers(&creation, version, device, 2);
            for (UINT i = 0; i < 2; i++)
                creation_set_private(&creation, i, at_the_end(&creation.soft[i], sizeof(creation.soft[i])),
                                     sizeof(creation.soft[i]));
            void *array = version == 1 ? (void *)creation.info : (void *)creation.info2;
            array = at_the_end(array, 2 * stride);
            creation.args.pAllocationInfo2 = (D3DDDI_ALLOCATIONINFO2 *)array;
            check_status(STATUS_SUCCESS, issue_at(version, at_the_end(&creation.args, sizeof(creation.args))));
        }
        udxg_case("v%d/the array is one element too short", version) {
            struct creation creation;
            creation_buffers(&creation, version, device, 2);
            void *array = version == 1 ? (void *)creation.info : (void *)creation.info2;
            array = at_the_end(array, 2 * stride - 8);
            creation.args.pAllocationInfo2 = (D3DDDI_ALLOCATIONINFO2 *)array;
            creation_refused(&creation, STATUS_INVALID_PARAMETER);
            check_u64(SENTINEL, *(const UINT *)array);
        }
        udxg_case("v%d/the array cannot be written", version) {
            struct creation creation;
            creation_buffers(&creation, version, device, 1);
            void *array = at_the_end(version == 1 ? (void *)creation.info : (void *)creation.info2, stride);
            require_true(mprotect(page_of(array), PAGE_BYTES, PROT_READ) == 0);
            creation.args.pAllocationInfo2 = (D3DDDI_ALLOCATIONINFO2 *)array;
            creation_refused(&creation, STATUS_INVALID_PARAMETER);
        }
        udxg_case("v%d/private data cannot be written", version) {
            struct creation creation;
            creation_buffers(&creation, version, device, 1);
            void *data = at_the_end(&creation.soft[0], sizeof(creation.soft[0]));
            require_true(mprotect(page_of(data), PAGE_BYTES, PROT_READ) == 0);
            creation_set_private(&creation, 0, data, sizeof(creation.soft[0]));
            creation_refused(&creation, STATUS_INVALID_PARAMETER);
        }
        udxg_case("v%d/private data of the resource are only read", version) {
            struct creation creation;
            creation_buffers(&creation, version, device, 1);
            creation_set_flags(&creation, CREATE_RESOURCE);
            void *data = at_the_end(&creation.soft_resource, sizeof(creation.soft_resource));
            require_true(mprotect(page_of(data), PAGE_BYTES, PROT_READ) == 0);
            creation.args.pPrivateDriverData = data;
            creation.args.PrivateDriverDataSize = sizeof(creation.soft_resource);
            creation_succeeds(&creation);
        }
        udxg_case("v%d/the standard allocation is not mapped", version) {
            struct creation creation;
            creation_heap(&creation, version, device, map_pages(1), PAGE_BYTES);
            creation.args.pStandardAllocation = (D3DKMT_CREATESTANDARDALLOCATION *)(uintptr_t)16;
            creation_refused(&creation, STATUS_INVALID_PARAMETER);
        }
        udxg_case("v%d/the struct cannot be written", version) {
            struct creation creation;
            D3DKMT_HANDLE last = next_handle(device);
            creation_buffers(&creation, version, device, 1);
            void *args = at_the_end(&creation.args, sizeof(creation.args));
            require_true(mprotect(page_of(args), PAGE_BYTES, PROT_READ) == 0);
            check_status(STATUS_INVALID_PARAMETER, issue_at(version, args));
            check_u64(SENTINEL, creation_handle(&creation, 0));
            check_u64(last + 0x40, next_handle(device));
        }
        udxg_case("v%d/the struct is not mapped", version) {
            check_status(STATUS_INVALID_PARAMETER, issue_at(version, (void *)(uintptr_t)16));
        }
    }
}

/* ------------------------------------------------------------------------------- changed during the call */

struct changer {
    pthread_t thread;
    struct creation *creation;
    _Atomic bool stop;
};

/* Turns fields between right and wrong as fast as it can. */
static void *change(void *data)
{
    struct changer *changer = (struct changer *)data;
    volatile UINT *count = &changer->creation->args.NumAllocations;
    volatile UINT *bytes = &changer->creation->info2[1].PrivateDriverDataSize;
    volatile uint64_t *size = &changer->creation->soft[0].size_bytes;
    volatile uint32_t *magic = &changer->creation->soft[1].magic;
    for (unsigned i = 0; !changer->stop; i++) {
        *count = i & 1 ? 0xffffffffu : 2;
        *bytes = i & 2 ? 0xffffffffu : sizeof(struct udxg_soft_allocation);
        *size = i & 4 ? (uint64_t)1 << 50 : CREATION_BYTES;
        *magic = i & 8 ? 0 : UDXG_SOFT_ALLOCATION_MAGIC;
    }
    return NULL;
}

static void changed(void)
{
    D3DKMT_HANDLE adapter = open_adapter();
    if (WITH_TSAN) return; /* it is one on purpose */
    udxg_case("by another thread: one of the statuses that either state has") {
        struct creation creation;
        struct changer changer;
        unsigned created = 0, refused = 0;
        D3DKMT_HANDLE device = create_device(adapter);
        creation_buffers(&creation, 2, device, 2);
        changer.creation = &creation;
        changer.stop = false;
        require_true(pthread_create(&changer.thread, NULL, change, &changer) == 0);
        for (int i = 0; i < 20000; i++) {
            switch ((int32_t)D3DKMTCreateAllocation2(&creation.args)) {
            case UDXG_WANT_STATUS_SUCCESS:
                created++;
                break;
            case UDXG_WANT_STATUS_INVALID_PARAMETER:
            case UDXG_WANT_STATUS_GRAPHICS_DRIVER_MISMATCH:
            case UDXG_WANT_STATUS_GRAPHICS_NO_VIDEO_MEMORY:
            case UDXG_WANT_STATUS_NO_MEMORY:
                refused++;
                break;
            default:
                require_true(!"another status");
            }
        }
        changer.stop = true;
        pthread_join(changer.thread, NULL);
        note("%u created, %u refused", created, refused);
        D3DKMT_DESTROYDEVICE args = {device};
        check_status(STATUS_SUCCESS, D3DKMTDestroyDevice(&args));
    }
}

int main(int argc, char **argv)
{
    static const struct udxg_test tests[] = {
        {"info flags", ON_EACH, info_flags},         {"primary", ON_EACH, primary},
        {"priority", ON_EACH, priorities},           {"not looked at", ON_DISCRETE, not_looked_at},
        {"runtime data", ON_DISCRETE, runtime_data}, {"private data", ON_DISCRETE, private_data},
        {"pointer", ON_DISCRETE, pointers},          {"changed", ON_DISCRETE, changed},
    };
    return conformance_main(argc, argv, tests, LENGTH_OF(tests));
}
