/* SPDX-License-Identifier: MIT */
/* See creation.h. */
#include "creation.h"
#include "endpoint.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static void init(struct creation *creation, int version, D3DKMT_HANDLE device, UINT count)
{
    memset(creation, 0, sizeof(*creation));
    creation->version = version;
    creation->args.hDevice = device;
    creation->args.hGlobalShare = SENTINEL;
    creation->args.NumAllocations = count;
    creation->args.hPrivateRuntimeResourceHandle = (HANDLE)(uintptr_t)SENTINEL64;
    creation->soft_resource.magic = UDXG_SOFT_RESOURCE_MAGIC;
    creation->soft_resource.version = UDXG_SOFT_VERSION;
    for (UINT i = 0; i <= CREATION_MAX; i++) {
        creation->info[i].hAllocation = SENTINEL;
        creation->info2[i].hAllocation = SENTINEL;
        creation->info2[i].GpuVirtualAddress = SENTINEL64;
    }
    if (version == 1)
        creation->args.pAllocationInfo = creation->info;
    else
        creation->args.pAllocationInfo2 = creation->info2;
}

void creation_buffers(struct creation *creation, int version, D3DKMT_HANDLE device, UINT count)
{
    init(creation, version, device, count);
    for (UINT i = 0; i < CREATION_MAX; i++) {
        creation->soft[i] = soft_buffer(CREATION_BYTES);
        creation_set_private(creation, i, &creation->soft[i], sizeof(creation->soft[i]));
    }
}

static void init_standard(struct creation *creation, int version, D3DKMT_HANDLE device, uint64_t size_bytes)
{
    init(creation, version, device, 1);
    creation->standard.Type = D3DKMT_STANDARDALLOCATIONTYPE_EXISTINGHEAP;
    creation->standard.ExistingHeapData.Size = size_bytes;
    creation->args.pStandardAllocation = &creation->standard;
}

void creation_heap(struct creation *creation, int version, D3DKMT_HANDLE device, const void *memory,
                   uint64_t size_bytes)
{
    init_standard(creation, version, device, size_bytes);
    creation_set_flags(creation, STANDARD_ALLOCATION | EXISTING_SYS_MEM);
    creation_set_memory(creation, 0, memory);
}

void creation_section(struct creation *creation, int version, D3DKMT_HANDLE device, HANDLE section, uint64_t size_bytes)
{
    init_standard(creation, version, device, size_bytes);
    creation_set_flags(creation, STANDARD_ALLOCATION | EXISTING_SECTION);
    /* The older element has no hSection: the handle stands in the same place. */
    creation_set_memory(creation, 0, section);
}

void creation_set_flags(struct creation *creation, UINT flags)
{
    static_assert(sizeof(creation->args.Flags) == sizeof(flags), "the flags are one number");
    memcpy(&creation->args.Flags, &flags, sizeof(flags));
}

UINT creation_flags(const struct creation *creation)
{
    UINT flags;
    memcpy(&flags, &creation->args.Flags, sizeof(flags));
    return flags;
}

void creation_set_memory(struct creation *creation, UINT index, const void *memory)
{
    creation->info[index].pSystemMem = memory;
    creation->info2[index].pSystemMem = memory;
}

void creation_set_private(struct creation *creation, UINT index, void *data, UINT size_bytes)
{
    creation->info[index].pPrivateDriverData = data;
    creation->info[index].PrivateDriverDataSize = size_bytes;
    creation->info2[index].pPrivateDriverData = data;
    creation->info2[index].PrivateDriverDataSize = size_bytes;
}

void creation_set_info_flags(struct creation *creation, UINT index, UINT flags)
{
    creation->info[index].Flags.Value = flags;
    creation->info2[index].Flags.Value = flags;
}

NTSTATUS creation_issue(struct creation *creation)
{
    return creation->version == 1 ? D3DKMTCreateAllocation(&creation->args) : D3DKMTCreateAllocation2(&creation->args);
}

D3DKMT_HANDLE creation_handle(const struct creation *creation, UINT index)
{
    return creation->version == 1 ? creation->info[index].hAllocation : creation->info2[index].hAllocation;
}

void creation_fails(struct creation *creation, NTSTATUS want)
{
    struct creation before;
    memcpy(&before, creation, sizeof(before));
    NTSTATUS got = check_status(want, creation_issue(creation));
    if (got != want) note("with flags 0x%x", creation_flags(&before));
    check_true(memcmp(&before, creation, sizeof(before)) == 0);
}

void creation_refused(struct creation *creation, NTSTATUS want)
{
    /* The creation's own device may be the fault. */
    static D3DKMT_HANDLE device;
    if (device == 0) device = create_device(open_adapter());
    D3DKMT_HANDLE last = next_handle(device);
    creation_fails(creation, want);
    check_u64(last + 0x40, next_handle(device));
}

/* What WANT, which is the creation as it was, must look like now that it succeeded as GOT tells. */
static void write_outputs(struct creation *want, const struct creation *got)
{
    UINT flags = creation_flags(want);
    /* Zeroed tells of fresh zeroed memory of the library's own, all of it; AllowNotZeroed leaves that open. */
    bool ours = !(flags & STANDARD_ALLOCATION);
    if (flags & CREATE_RESOURCE) want->args.hResource = got->args.hResource;
    want->args.hGlobalShare = 0;
    for (UINT i = 0; i < want->args.NumAllocations; i++) {
        if (want->info2[i].pSystemMem != NULL) ours = false;
        want->soft[i].size_bytes = got->soft[i].size_bytes;
        want->soft[i].alignment_bytes = got->soft[i].alignment_bytes;
        want->soft[i].pitch_bytes = got->soft[i].pitch_bytes;
        if (want->version == 1) {
            want->info[i].hAllocation = creation_handle(got, i);
        } else {
            want->info2[i].hAllocation = creation_handle(got, i);
            want->info2[i].GpuVirtualAddress = 0;
        }
    }
    bool told = ours && !(flags & ALLOW_NOT_ZEROED);
    if (ours && (flags & ALLOW_NOT_ZEROED)) told = (creation_flags(got) & ZEROED) != 0;
    if (want->args.NumAllocations == 0) told = (creation_flags(got) & ZEROED) != 0;
    creation_set_flags(want, told ? flags | ZEROED : flags & ~(UINT)ZEROED);
}

void creation_succeeds(struct creation *creation)
{
    struct creation want;
    memcpy(&want, creation, sizeof(want));
    NTSTATUS got = creation_issue(creation);
    if (got != STATUS_SUCCESS) note("with flags 0x%x", creation_flags(&want));
    require_success(got);
    write_outputs(&want, creation);
    if (creation_flags(&want) & CREATE_RESOURCE) check_local(creation->args.hResource);
    for (UINT i = 0; i < creation->args.NumAllocations; i++) {
        check_local(creation_handle(creation, i));
        check_true(creation_handle(creation, i) != creation->args.hResource);
        if (i > 0) check_true(creation_handle(creation, i) != creation_handle(creation, i - 1));
    }
    check_u64(want.args.hGlobalShare, creation->args.hGlobalShare);
    check_u64(creation_flags(&want), creation_flags(creation));
    check_true(memcmp(&want, creation, sizeof(want)) == 0);
}

void creation_undo(struct creation *creation)
{
    if (creation_flags(creation) & CREATE_RESOURCE) {
        require_success(destroy_resource(creation->args.hDevice, creation->args.hResource));
        return;
    }
    for (UINT i = 0; i < creation->args.NumAllocations; i++)
        require_success(destroy_allocation(creation->args.hDevice, creation_handle(creation, i)));
}

int create_memory_file(uint64_t size_bytes)
{
    int fd = memfd_create("conformance", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    require_true(fd > 0);
    require_true(ftruncate(fd, (off_t)size_bytes) == 0);
    return fd;
}

void use_profile(const char *profile)
{
    const char *folder = getenv("TMPDIR");
    char path[256];
    snprintf(path, sizeof(path), "%s/conformance-XXXXXX.ini", folder != NULL ? folder : P_tmpdir);
    int fd = mkstemps(path, 4);
    require_true(fd >= 0);
    require_true(write(fd, profile, strlen(profile)) == (ssize_t)strlen(profile));
    close(fd);
    endpoint_set("UDXG_ADAPTERS", path);
    /* The first call reads it. */
    open_adapter();
    unlink(path);
}
