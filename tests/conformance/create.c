/* SPDX-License-Identifier: MIT */
/*
 * CreateAllocation and CreateAllocation2 of video memory that private data describe, and of the caller's
 * memory without any flag, as OpenCL and Level Zero runtimes create it. Each row spoils one thing.
 */
#include "fixture.h"

#include <stdlib.h>
#include <sys/mman.h>

#define MAX_ALLOCATIONS 1024u /* in one call */

/* A right call for up to four allocations of 64 KiB, independent of the version. */
struct call {
    D3DKMT_CREATEALLOCATION args;
    struct udxg_soft_allocation soft[4];
    UINT private_bytes[4];
    void *system_memory[4];
    struct udxg_soft_resource soft_resource;
    D3DDDI_ALLOCATIONINFO info[4];
    D3DDDI_ALLOCATIONINFO2 info2[4];
};

static void call_init(struct call *call, D3DKMT_HANDLE device, UINT count)
{
    memset(call, 0, sizeof(*call));
    for (int i = 0; i < 4; i++) {
        call->soft[i] = soft_buffer(KIB(64));
        call->private_bytes[i] = sizeof(call->soft[i]);
    }
    call->soft_resource.magic = UDXG_SOFT_RESOURCE_MAGIC;
    call->soft_resource.version = UDXG_SOFT_VERSION;
    call->args.hDevice = device;
    call->args.NumAllocations = count;
    call->args.hGlobalShare = SENTINEL;
}

static void fill_infos(struct call *call, int version)
{
    for (int i = 0; i < 4; i++) {
        void *data = call->private_bytes[i] > 0 ? &call->soft[i] : NULL;
        call->info[i].hAllocation = SENTINEL;
        call->info[i].pSystemMem = call->system_memory[i];
        call->info[i].pPrivateDriverData = data;
        call->info[i].PrivateDriverDataSize = call->private_bytes[i];
        call->info2[i].hAllocation = SENTINEL;
        call->info2[i].pSystemMem = call->system_memory[i];
        call->info2[i].pPrivateDriverData = data;
        call->info2[i].PrivateDriverDataSize = call->private_bytes[i];
        call->info2[i].GpuVirtualAddress = SENTINEL64;
    }
    if (version == 1)
        call->args.pAllocationInfo = call->info;
    else
        call->args.pAllocationInfo2 = call->info2;
}

static NTSTATUS issue_filled(struct call *call, int version)
{
    return version == 1 ? D3DKMTCreateAllocation(&call->args) : D3DKMTCreateAllocation2(&call->args);
}

static NTSTATUS issue(struct call *call, int version)
{
    fill_infos(call, version);
    return issue_filled(call, version);
}

static D3DKMT_HANDLE allocation_of(const struct call *call, int version, int index)
{
    return version == 1 ? call->info[index].hAllocation : call->info2[index].hAllocation;
}

static void set_flags(struct call *call, UINT flags)
{
    memcpy(&call->args.Flags, &flags, sizeof(flags));
}

/* ------------------------------------------------------------------------------------------------ success */

static void stand_alone(void)
{
    D3DKMT_HANDLE device = create_device(open_adapter());
    for (int version = 1; version <= 2; version++) {
        for (UINT count = 1; count <= 3; count++) {
            udxg_case("v%d/%u stand-alone", version, count) {
                struct call call;
                call_init(&call, device, count);
                D3DKMT_HANDLE next = next_handle(device) + 0x40;
                require_success(issue(&call, version));
                check_u64(0, call.args.hResource);
                check_u64(0, call.args.hGlobalShare);
                check_u64(count, call.args.NumAllocations);
                for (UINT i = 0; i < count; i++) {
                    check_u64(next + 0x40 * i, allocation_of(&call, version, (int)i));
                    check_u64(sizeof(call.soft[i]), call.private_bytes[i]);
                    check_u64(KIB(64), call.soft[i].size_bytes);
                    if (version == 2) check_u64(0, call.info2[i].GpuVirtualAddress);
                }
                /* The element behind the last is nobody's. */
                check_u64(SENTINEL, allocation_of(&call, version, (int)count));
            }
        }
        udxg_case("v%d/the driver writes into the caller's private data", version) {
            struct call call;
            call_init(&call, device, 1);
            call.soft[0].size_bytes = 5000;
            call.soft[0].alignment_bytes = 0;
            require_success(issue(&call, version));
            check_u64(8192, call.soft[0].size_bytes);
            check_true(call.soft[0].alignment_bytes >= PAGE_BYTES);
            check_u64(0, call.soft[0].alignment_bytes & (call.soft[0].alignment_bytes - 1));
            check_u64(UDXG_SOFT_CPU_VISIBLE, call.soft[0].flags);
        }
        udxg_case("v%d/a surface: the driver chooses pitch and size", version) {
            struct call call;
            call_init(&call, device, 1);
            call.soft[0].size_bytes = 0;
            call.soft[0].format = UDXG_SOFT_FORMAT_RGBA8;
            call.soft[0].width = 100;
            call.soft[0].height = 10;
            require_success(issue(&call, version));
            check_u64(448, call.soft[0].pitch_bytes); /* 400 rounded up to 64 */
            check_u64(8192, call.soft[0].size_bytes); /* 4480 rounded up to pages */
        }
        udxg_case("v%d/what samples leave uninitialised is not looked at", version) {
            struct call call;
            call_init(&call, device, 1);
            fill_infos(&call, version);
            call.info[0].VidPnSourceId = 0x55555555;
            call.info[0].Flags.Value = 0xfffffffcu;
            call.info2[0].VidPnSourceId = 0x55555555;
            call.info2[0].Flags.Value = 0xfffffff8u;
            call.info2[0].Priority = 0x12345678;
            memset(call.info2[0].Reserved, 0xcc, sizeof(call.info2[0].Reserved));
            check_status(STATUS_SUCCESS, issue_filled(&call, version));
        }
    }
    udxg_case("%u in one call", MAX_ALLOCATIONS) {
        struct udxg_soft_allocation *soft = (struct udxg_soft_allocation *)calloc(MAX_ALLOCATIONS, sizeof(*soft));
        D3DDDI_ALLOCATIONINFO2 *infos = (D3DDDI_ALLOCATIONINFO2 *)calloc(MAX_ALLOCATIONS, sizeof(*infos));
        D3DKMT_CREATEALLOCATION args = {0};
        require_true(soft != NULL && infos != NULL);
        for (UINT i = 0; i < MAX_ALLOCATIONS; i++) {
            soft[i] = soft_buffer(PAGE_BYTES);
            infos[i].pPrivateDriverData = &soft[i];
            infos[i].PrivateDriverDataSize = sizeof(soft[i]);
        }
        args.hDevice = device;
        args.NumAllocations = MAX_ALLOCATIONS;
        args.pAllocationInfo2 = infos;
        require_success(D3DKMTCreateAllocation2(&args));
        for (UINT i = 0; i < MAX_ALLOCATIONS; i++) {
            require_true(is_local(infos[i].hAllocation));
            for (UINT k = 0; k < i; k++) require_true(infos[i].hAllocation != infos[k].hAllocation);
        }
    }
    udxg_case("%u in one call", MAX_ALLOCATIONS + 1) {
        UINT count = MAX_ALLOCATIONS + 1;
        struct udxg_soft_allocation *soft = (struct udxg_soft_allocation *)calloc(count, sizeof(*soft));
        D3DDDI_ALLOCATIONINFO2 *infos = (D3DDDI_ALLOCATIONINFO2 *)calloc(count, sizeof(*infos));
        D3DKMT_CREATEALLOCATION args = {0};
        require_true(soft != NULL && infos != NULL);
        for (UINT i = 0; i < count; i++) {
            soft[i] = soft_buffer(PAGE_BYTES);
            infos[i].pPrivateDriverData = &soft[i];
            infos[i].PrivateDriverDataSize = sizeof(soft[i]);
        }
        args.hDevice = device;
        args.NumAllocations = count;
        args.pAllocationInfo2 = infos;
        check_status(STATUS_INVALID_PARAMETER, D3DKMTCreateAllocation2(&args));
        check_u64(0, infos[0].hAllocation);
    }
    udxg_case("more than there is video memory: nothing is resident yet") {
        uint64_t local = soft_info(open_adapter()).local_bytes;
        uint64_t half = local > 0 ? local / 2 : MIB(64);
        const uint64_t sizes[] = {half, half, KIB(64)};
        for (size_t i = 0; i < LENGTH_OF(sizes); i++) check_local(create_buffer(device, sizes[i]));
    }
}

static void resources(void)
{
    D3DKMT_HANDLE device = create_device(open_adapter());
    for (int version = 1; version <= 2; version++) {
        for (UINT count = 1; count <= 3; count++) {
            udxg_case("v%d/resource of %u", version, count) {
                struct call call;
                call_init(&call, device, count);
                call.args.Flags.CreateResource = 1;
                D3DKMT_HANDLE next = next_handle(device) + 0x40;
                require_success(issue(&call, version));
                check_u64(next, call.args.hResource);
                check_u64(0, call.args.hGlobalShare);
                for (UINT i = 0; i < count; i++)
                    check_u64(next + 0x40 * (i + 1), allocation_of(&call, version, (int)i));
            }
        }
        udxg_case("v%d/resource without allocations", version) {
            struct call call;
            call_init(&call, device, 0);
            call.args.Flags.CreateResource = 1;
            D3DKMT_HANDLE last = next_handle(device);
            require_success(issue(&call, version));
            check_u64(last + 0x40, call.args.hResource);
            check_u64(last + 0x80, next_handle(device));
            check_true(is_live_resource(device, call.args.hResource));
        }
        udxg_case("v%d/adding to a resource, twice", version) {
            D3DKMT_HANDLE resource = create_resource(device, 1, false, NULL);
            for (int i = 0; i < 2; i++) {
                struct call call;
                call_init(&call, device, 2);
                call.args.hResource = resource;
                D3DKMT_HANDLE next = next_handle(device) + 0x40;
                require_success(issue(&call, version));
                check_u64(resource, call.args.hResource);
                check_u64(0, call.args.hGlobalShare);
                check_u64(next, allocation_of(&call, version, 0));
                check_u64(next + 0x40, allocation_of(&call, version, 1));
            }
        }
        udxg_case("v%d/adding to a shared resource", version) {
            struct call call;
            D3DKMT_HANDLE resource = create_resource(device, 1, true, NULL);
            call_init(&call, device, 1);
            call.args.hResource = resource;
            check_status(STATUS_INVALID_PARAMETER, issue(&call, version));
            check_u64(SENTINEL, allocation_of(&call, version, 0));
        }
        udxg_case("v%d/shared resource of two", version) {
            struct call call;
            call_init(&call, device, 2);
            call.args.Flags.CreateResource = 1;
            call.args.Flags.CreateShared = 1;
            require_success(issue(&call, version));
            check_global(call.args.hGlobalShare);
            check_local(call.args.hResource);
        }
        udxg_case("v%d/flags of Level Zero device memory", version) {
            struct call call;
            call_init(&call, device, 1);
            set_flags(&call, 0x43);
            require_success(issue(&call, version));
            check_u64(0, call.args.hGlobalShare);
            check_local(call.args.hResource);
            check_local(allocation_of(&call, version, 0));
        }
        udxg_case("v%d/private data of the resource", version) {
            struct call call;
            call_init(&call, device, 2);
            call.args.Flags.CreateResource = 1;
            call.soft_resource.allocation_count = 2;
            call.soft_resource.tag = SENTINEL64;
            call.args.pPrivateDriverData = &call.soft_resource;
            call.args.PrivateDriverDataSize = sizeof(call.soft_resource);
            check_status(STATUS_SUCCESS, issue(&call, version));
            check_u64(sizeof(call.soft_resource), call.args.PrivateDriverDataSize);
            check_u64(SENTINEL64, call.soft_resource.tag);
        }
    }
}

/* ------------------------------------------------------------------------------- failures: private data */

struct private_row {
    const char *name;
    void (*spoil)(struct call *call, unsigned index);
    NTSTATUS want;
};

static void none(struct call *call, unsigned index)
{
    call->private_bytes[index] = 0;
}

static void one_byte_short(struct call *call, unsigned index)
{
    call->private_bytes[index]--;
}

static void wrong_magic(struct call *call, unsigned index)
{
    call->soft[index].magic ^= 1;
}

static void wrong_version(struct call *call, unsigned index)
{
    call->soft[index].version++;
}

static void size_0(struct call *call, unsigned index)
{
    call->soft[index].size_bytes = 0;
}

static void size_wraps(struct call *call, unsigned index)
{
    call->soft[index].size_bytes = ~(uint64_t)0;
}

static void alignment_3(struct call *call, unsigned index)
{
    call->soft[index].alignment_bytes = 3 * PAGE_BYTES;
}

static void alignment_2g(struct call *call, unsigned index)
{
    call->soft[index].alignment_bytes = 2 * UDXG_SOFT_MAX_ALIGNMENT_BYTES;
}

static void cached_not_visible(struct call *call, unsigned index)
{
    call->soft[index].flags = UDXG_SOFT_CACHED;
}

static void unknown_flag(struct call *call, unsigned index)
{
    call->soft[index].flags |= 1u << 31;
}

static void unknown_segment(struct call *call, unsigned index)
{
    call->soft[index].preferred[0] = 31;
}

static void illegal_segment(struct call *call, unsigned index)
{
    call->soft[index].preferred[0] = 0x40;
}

static void reserved_byte(struct call *call, unsigned index)
{
    call->soft[index].reserved[2] = 1;
}

static void unknown_format(struct call *call, unsigned index)
{
    call->soft[index].format = 7;
    call->soft[index].width = 16;
    call->soft[index].height = 16;
}

static void width_without_format(struct call *call, unsigned index)
{
    call->soft[index].width = 16;
}

static void format_without_width(struct call *call, unsigned index)
{
    call->soft[index].format = UDXG_SOFT_FORMAT_R8;
    call->soft[index].height = 16;
}

static void format_without_height(struct call *call, unsigned index)
{
    call->soft[index].format = UDXG_SOFT_FORMAT_R8;
    call->soft[index].width = 16;
}

static const struct private_row private_rows[] = {
    {"none", none, STATUS_INVALID_PARAMETER},
    {"one byte short", one_byte_short, STATUS_GRAPHICS_DRIVER_MISMATCH},
    {"wrong magic", wrong_magic, STATUS_GRAPHICS_DRIVER_MISMATCH},
    {"wrong version", wrong_version, STATUS_GRAPHICS_DRIVER_MISMATCH},
    {"size 0", size_0, STATUS_INVALID_PARAMETER},
    {"alignment not a power of two", alignment_3, STATUS_INVALID_PARAMETER},
    {"alignment 2 GiB", alignment_2g, STATUS_INVALID_PARAMETER},
    {"cached but not CPU visible", cached_not_visible, STATUS_INVALID_PARAMETER},
    {"unknown flag", unknown_flag, STATUS_INVALID_PARAMETER},
    {"segment 31", unknown_segment, STATUS_INVALID_PARAMETER},
    {"segment 0x40", illegal_segment, STATUS_INVALID_PARAMETER},
    {"reserved byte", reserved_byte, STATUS_INVALID_PARAMETER},
    {"unknown format", unknown_format, STATUS_INVALID_PARAMETER},
    {"width without a format", width_without_format, STATUS_INVALID_PARAMETER},
    {"format without a width", format_without_width, STATUS_INVALID_PARAMETER},
    {"format without a height", format_without_height, STATUS_INVALID_PARAMETER},
};

/* COUNT allocations of which the last is spoilt: none comes to be, nothing is written, no handle is used. */
static void check_refused(struct call *call, int version, NTSTATUS want)
{
    struct call before;
    D3DKMT_HANDLE last = next_handle(call->args.hDevice);
    fill_infos(call, version);
    before = *call;
    check_status(want, issue_filled(call, version));
    check_true(memcmp(&before, call, sizeof(before)) == 0);
    check_u64(last + 0x40, next_handle(call->args.hDevice));
}

static void private_data(void)
{
    D3DKMT_HANDLE device = create_device(open_adapter());
    for (int version = 1; version <= 2; version++) {
        for (size_t i = 0; i < LENGTH_OF(private_rows); i++) {
            for (UINT count = 1; count <= 3; count += 2) {
                udxg_case("v%d/%s, allocation %u of %u", version, private_rows[i].name, count, count) {
                    struct call call;
                    call_init(&call, device, count);
                    call.soft[0].size_bytes = KIB(64) - 1; /* would be written back rounded up */
                    private_rows[i].spoil(&call, count - 1);
                    check_refused(&call, version, private_rows[i].want);
                }
            }
            udxg_case("v%d/%s, in a new resource", version, private_rows[i].name) {
                struct call call;
                call_init(&call, device, 2);
                call.args.Flags.CreateResource = 1;
                private_rows[i].spoil(&call, 1);
                check_refused(&call, version, private_rows[i].want);
            }
        }
        udxg_case("v%d/56 bytes at NULL", version) {
            struct call call;
            call_init(&call, device, 1);
            fill_infos(&call, version);
            call.info[0].pPrivateDriverData = NULL;
            call.info2[0].pPrivateDriverData = NULL;
            check_status(STATUS_INVALID_PARAMETER, issue_filled(&call, version));
        }
        udxg_case("v%d/size that wraps around", version) {
            struct call call;
            call_init(&call, device, 1);
            size_wraps(&call, 0);
            fill_infos(&call, version);
            NTSTATUS status = issue_filled(&call, version);
            check_true(status == STATUS_INVALID_PARAMETER || status == STATUS_GRAPHICS_NO_VIDEO_MEMORY);
            check_u64(SENTINEL, allocation_of(&call, version, 0));
        }
        udxg_case("v%d/more bytes than the driver's are the client's own", version) {
            struct {
                struct udxg_soft_allocation soft;
                uint8_t own[40];
            } data;
            struct call call;
            call_init(&call, device, 1);
            data.soft = soft_buffer(KIB(64));
            memset(data.own, 0x3c, sizeof(data.own));
            fill_infos(&call, version);
            call.info[0].pPrivateDriverData = call.info2[0].pPrivateDriverData = &data;
            call.info[0].PrivateDriverDataSize = call.info2[0].PrivateDriverDataSize = sizeof(data);
            check_status(STATUS_SUCCESS, issue_filled(&call, version));
            check_true(filled_with(data.own, sizeof(data.own), 0x3c));
        }
    }

    const struct {
        const char *name;
        UINT size_bytes;
        uint32_t magic, version, count, reserved;
        NTSTATUS want;
    } rows[] = {
        {"one byte short", 23, UDXG_SOFT_RESOURCE_MAGIC, 1, 0, 0, STATUS_GRAPHICS_DRIVER_MISMATCH},
        {"wrong magic", 24, UDXG_SOFT_ALLOCATION_MAGIC, 1, 0, 0, STATUS_GRAPHICS_DRIVER_MISMATCH},
        {"wrong version", 24, UDXG_SOFT_RESOURCE_MAGIC, 2, 0, 0, STATUS_GRAPHICS_DRIVER_MISMATCH},
        {"another count", 24, UDXG_SOFT_RESOURCE_MAGIC, 1, 3, 0, STATUS_INVALID_PARAMETER},
        {"reserved", 24, UDXG_SOFT_RESOURCE_MAGIC, 1, 0, 1, STATUS_INVALID_PARAMETER},
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        udxg_case("resource/%s", rows[i].name) {
            struct call call;
            call_init(&call, device, 2);
            call.args.Flags.CreateResource = 1;
            call.soft_resource.magic = rows[i].magic;
            call.soft_resource.version = rows[i].version;
            call.soft_resource.allocation_count = rows[i].count;
            call.soft_resource.reserved = rows[i].reserved;
            call.args.pPrivateDriverData = &call.soft_resource;
            call.args.PrivateDriverDataSize = rows[i].size_bytes;
            check_refused(&call, 2, rows[i].want);
        }
    }
    udxg_case("resource/24 bytes at NULL") {
        struct call call;
        call_init(&call, device, 1);
        call.args.Flags.CreateResource = 1;
        call.args.PrivateDriverDataSize = sizeof(call.soft_resource);
        check_refused(&call, 2, STATUS_INVALID_PARAMETER);
    }
}

/* -------------------------------------------------------------------------------------- failures: the call */

static void arguments(void)
{
    D3DKMT_HANDLE adapter = open_adapter();
    D3DKMT_HANDLE device = create_device(adapter);
    D3DKMT_HANDLE other = create_device(adapter);
    D3DKMT_DESTROYDEVICE destroy = {create_device(adapter)};
    D3DKMT_HANDLE stale = create_resource(device, 1, false, NULL);
    require_success(D3DKMTDestroyDevice(&destroy));
    require_success(destroy_resource(device, stale));

    const struct {
        const char *name;
        D3DKMT_HANDLE device, resource;
        UINT count;
        UINT flags;
        NTSTATUS want;
    } rows[] = {
        {"hDevice is no handle", BAD_HANDLE, 0, 1, 0, STATUS_INVALID_PARAMETER},
        {"hDevice is an adapter", adapter, 0, 1, 0, STATUS_INVALID_PARAMETER},
        {"hDevice was destroyed", destroy.hDevice, 0, 1, 0, STATUS_INVALID_PARAMETER},
        {"hResource is no handle", device, BAD_HANDLE, 1, 0, STATUS_INVALID_HANDLE},
        {"hResource is a device", device, device, 1, 0, STATUS_INVALID_HANDLE},
        {"hResource is an allocation", device, create_buffer(device, PAGE_BYTES), 1, 0, STATUS_INVALID_HANDLE},
        {"hResource was destroyed", device, stale, 1, 0, STATUS_INVALID_HANDLE},
        {"hResource of another device", device, create_resource(other, 1, false, NULL), 1, 0, STATUS_INVALID_HANDLE},
        {"NumAllocations 0", device, 0, 0, 0, STATUS_INVALID_PARAMETER},
        {"NumAllocations 0, adding", device, create_resource(device, 1, false, NULL), 0, 0, STATUS_INVALID_PARAMETER},
        {"NumAllocations 0xffffffff", device, 0, 0xffffffffu, 0, STATUS_INVALID_PARAMETER},
        {"NumAllocations that wraps with 96 bytes each", device, 0, 0x2aaaaaabu, 0, STATUS_INVALID_PARAMETER},
        {"CreateShared alone", device, 0, 1, 0x2, STATUS_INVALID_PARAMETER},
        {"CreateProtected", device, 0, 1, 0x8, STATUS_INVALID_PARAMETER},
        {"ExistingSysMem alone", device, 0, 1, 0x20, STATUS_INVALID_PARAMETER},
        {"NtSecuritySharing alone", device, 0, 1, 0x40, STATUS_INVALID_PARAMETER},
        {"NtSecuritySharing and CreateResource", device, 0, 1, 0x41, STATUS_INVALID_PARAMETER},
        {"CreateWriteCombined", device, 0, 1, 0x100, STATUS_INVALID_PARAMETER},
        {"CreateCached", device, 0, 1, 0x200, STATUS_INVALID_PARAMETER},
        {"OpenCrossAdapter", device, 0, 1, 0x1000, STATUS_INVALID_PARAMETER},
        {"ExistingSection alone", device, 0, 1, 0x20000, STATUS_INVALID_PARAMETER},
        {"lowest undefined flag", device, 0, 1, 0x400000, STATUS_INVALID_PARAMETER},
        {"highest undefined flag", device, 0, 1, 0x80000000u, STATUS_INVALID_PARAMETER},
    };
    for (int version = 1; version <= 2; version++) {
        for (size_t i = 0; i < LENGTH_OF(rows); i++) {
            udxg_case("v%d/%s", version, rows[i].name) {
                struct call call, before;
                call_init(&call, rows[i].device, rows[i].count);
                call.args.hResource = rows[i].resource;
                set_flags(&call, rows[i].flags);
                D3DKMT_HANDLE last = next_handle(device);
                fill_infos(&call, version);
                before = call;
                check_status(rows[i].want, issue_filled(&call, version));
                check_true(memcmp(&before, &call, sizeof(call)) == 0);
                check_u64(last + 0x40, next_handle(device));
            }
        }
        udxg_case("v%d/pAllocationInfo NULL", version) {
            struct call call;
            call_init(&call, device, 1);
            fill_infos(&call, version);
            call.args.pAllocationInfo2 = NULL;
            check_status(STATUS_INVALID_PARAMETER, issue_filled(&call, version));
            check_u64(SENTINEL, call.args.hGlobalShare);
        }
        udxg_case("v%d/AllowNotZeroed", version) {
            struct call call;
            call_init(&call, device, 1);
            set_flags(&call, 0x40000);
            check_status(STATUS_SUCCESS, issue(&call, version));
        }
    }
}

static void too_large(void)
{
    D3DKMT_HANDLE adapter = open_adapter();
    D3DKMT_HANDLE device = create_device(adapter);
    uint64_t local = soft_info(adapter).local_bytes;
    udxg_case("larger than the only segment it may live in") {
        struct call call;
        call_init(&call, device, 1);
        call.soft[0].size_bytes = local + PAGE_BYTES;
        call.soft[0].preferred[0] = UDXG_SOFT_SEGMENT_LOCAL;
        call.soft[0].flags = UDXG_SOFT_ONLY_PREFERRED;
        check_refused(&call, 2, STATUS_GRAPHICS_NO_VIDEO_MEMORY);
    }
    udxg_case("exactly as large as the only segment it may live in") {
        struct call call;
        call_init(&call, device, 1);
        call.soft[0].size_bytes = local;
        call.soft[0].preferred[0] = UDXG_SOFT_SEGMENT_LOCAL;
        call.soft[0].flags = UDXG_SOFT_ONLY_PREFERRED;
        check_status(STATUS_SUCCESS, issue(&call, 2));
    }
}

/* ------------------------------------------------------------------------------------- caller's own memory */

static void system_memory(void)
{
    D3DKMT_HANDLE device = create_device(open_adapter());
    for (int version = 1; version <= 2; version++) {
        udxg_case("v%d/pSystemMem without a flag", version) {
            struct call call;
            call_init(&call, device, 1);
            call.system_memory[0] = map_pages(16);
            memset(call.system_memory[0], 0x42, KIB(64));
            require_success(issue(&call, version));
            check_local(allocation_of(&call, version, 0));
            check_true(filled_with(call.system_memory[0], KIB(64), 0x42));
            check_true(lock(device, allocation_of(&call, version, 0)) == call.system_memory[0]);
        }
        udxg_case("v%d/as the documentation's example: in a resource, with private data of both", version) {
            struct call call;
            call_init(&call, device, 1);
            call.system_memory[0] = map_pages(16);
            call.args.Flags.CreateResource = 1;
            call.args.pPrivateDriverData = &call.soft_resource;
            call.args.PrivateDriverDataSize = sizeof(call.soft_resource);
            require_success(issue(&call, version));
            check_local(call.args.hResource);
            check_u64(call.args.hResource + 0x40, allocation_of(&call, version, 0));
        }
        udxg_case("v%d/not at a page", version) {
            struct call call;
            call_init(&call, device, 1);
            call.system_memory[0] = (uint8_t *)map_pages(17) + 64;
            check_refused(&call, version, STATUS_INVALID_PARAMETER);
        }
        udxg_case("v%d/size not in pages", version) {
            struct call call;
            call_init(&call, device, 1);
            call.system_memory[0] = map_pages(16);
            call.soft[0].size_bytes = KIB(64) - 64;
            check_refused(&call, version, STATUS_INVALID_PARAMETER);
        }
        udxg_case("v%d/not mapped at all", version) {
            struct call call;
            call_init(&call, device, 1);
            call.system_memory[0] = map_pages(16);
            require_true(munmap(call.system_memory[0], KIB(64)) == 0);
            check_refused(&call, version, STATUS_INVALID_PARAMETER);
        }
        udxg_case("v%d/not accessible", version) {
            struct call call;
            call_init(&call, device, 1);
            call.system_memory[0] = map_pages(16);
            require_true(mprotect(call.system_memory[0], KIB(64), PROT_NONE) == 0);
            check_refused(&call, version, STATUS_INVALID_PARAMETER);
        }
        udxg_case("v%d/last page not mapped", version) {
            struct call call;
            call_init(&call, device, 1);
            call.system_memory[0] = map_pages(16);
            require_true(munmap((uint8_t *)call.system_memory[0] + KIB(60), PAGE_BYTES) == 0);
            check_refused(&call, version, STATUS_INVALID_PARAMETER);
        }
        udxg_case("v%d/beyond user space", version) {
            struct call call;
            call_init(&call, device, 1);
            call.system_memory[0] = (void *)(uintptr_t)0xffff800000000000ull;
            check_refused(&call, version, STATUS_INVALID_PARAMETER);
        }
    }
}

int main(int argc, char **argv)
{
    static const struct udxg_test tests[] = {
        {"stand-alone", ON_EACH, stand_alone},   {"resource", ON_EACH, resources},
        {"private data", ON_EACH, private_data}, {"argument", ON_EACH, arguments},
        {"too large", ON_DISCRETE, too_large},   {"system memory", ON_EACH, system_memory},
    };
    return conformance_main(argc, argv, tests, LENGTH_OF(tests));
}
