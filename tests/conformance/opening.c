/* SPDX-License-Identifier: MIT */
/* See opening.h. */
#include "opening.h"

#include <unistd.h>

static char runtime_data[RUNTIME_BYTES] = "run!";

void create_shared(struct creation *creation, D3DKMT_HANDLE device, UINT count, UINT flags)
{
    creation_buffers(creation, 2, device, count);
    creation->args.pPrivateRuntimeData = runtime_data;
    creation->args.PrivateRuntimeDataSize = RUNTIME_BYTES;
    creation->args.pPrivateDriverData = &creation->soft_resource;
    creation->args.PrivateDriverDataSize = sizeof(creation->soft_resource);
    creation_set_flags(creation, flags);
    require_success(creation_issue(creation));
}

NTSTATUS try_share(D3DKMT_HANDLE resource, UINT access, HANDLE *ret_handle)
{
    return D3DKMTShareObjects(1, &resource, NULL, access, ret_handle);
}

HANDLE share_resource(D3DKMT_HANDLE resource, UINT access)
{
    HANDLE handle = NULL;
    require_success(try_share(resource, access, &handle));
    require_true(((uintptr_t)handle & 0xC0000000u) == 0 && handle);
    return handle;
}

void close_handle(HANDLE handle)
{
    require_true(close((int)(intptr_t)handle) == 0);
}

struct opening_fields fields_of(struct opening *opening)
{
    D3DKMT_OPENRESOURCE *args = &opening->args;
    D3DKMT_OPENRESOURCEFROMNTHANDLE *nt = &opening->nt;
    if (opening->call == OPEN_NT)
        return (struct opening_fields){&nt->hDevice,
                                       &nt->NumAllocations,
                                       &nt->PrivateRuntimeDataSize,
                                       &nt->ResourcePrivateDriverDataSize,
                                       &nt->TotalPrivateDriverDataBufferSize,
                                       (void **)&nt->pOpenAllocationInfo2,
                                       &nt->pPrivateRuntimeData,
                                       &nt->pResourcePrivateDriverData,
                                       &nt->pTotalPrivateDriverDataBuffer,
                                       &nt->hResource};
    return (struct opening_fields){&args->hDevice,
                                   &args->NumAllocations,
                                   &args->PrivateRuntimeDataSize,
                                   &args->ResourcePrivateDriverDataSize,
                                   &args->TotalPrivateDriverDataBufferSize,
                                   (void **)&args->pOpenAllocationInfo2,
                                   &args->pPrivateRuntimeData,
                                   &args->pResourcePrivateDriverData,
                                   &args->pTotalPrivateDriverDataBuffer,
                                   &args->hResource};
}

static D3DKMT_QUERYRESOURCEINFO query(D3DKMT_HANDLE device, D3DKMT_HANDLE global, HANDLE nt)
{
    D3DKMT_QUERYRESOURCEINFO args;
    D3DKMT_QUERYRESOURCEINFOFROMNTHANDLE by_nt;
    memset(&args, 0, sizeof(args));
    memset(&by_nt, 0, sizeof(by_nt));
    args.hDevice = by_nt.hDevice = device;
    args.hGlobalShare = global;
    by_nt.hNtHandle = nt;
    if (global) {
        require_success(D3DKMTQueryResourceInfo(&args));
        return args;
    }
    require_success(D3DKMTQueryResourceInfoFromNtHandle(&by_nt));
    args.PrivateRuntimeDataSize = by_nt.PrivateRuntimeDataSize;
    args.TotalPrivateDriverDataSize = by_nt.TotalPrivateDriverDataSize;
    args.ResourcePrivateDriverDataSize = by_nt.ResourcePrivateDriverDataSize;
    args.NumAllocations = by_nt.NumAllocations;
    return args;
}

void open_prepare(struct opening *opening, enum open_call call, D3DKMT_HANDLE device, D3DKMT_HANDLE global, HANDLE nt)
{
    D3DKMT_QUERYRESOURCEINFO info = query(device, global, nt);
    require_true(info.NumAllocations <= CREATION_MAX && info.TotalPrivateDriverDataSize <= sizeof(opening->total));
    memset(opening, 0xa5, sizeof(*opening));
    opening->call = call;
    opening->args.hGlobalShare = global;
    opening->nt.hNtHandle = nt;
    opening->nt.pKeyedMutexPrivateRuntimeData = NULL;
    opening->nt.KeyedMutexPrivateRuntimeDataSize = 0;
    struct opening_fields f = fields_of(opening);
    *f.device = device;
    *f.count = info.NumAllocations;
    *f.elements = call == OPEN_RESOURCE ? (void *)opening->info : (void *)opening->info2;
    *f.runtime = opening->runtime;
    *f.runtime_bytes = info.PrivateRuntimeDataSize;
    *f.private_data = opening->private_data;
    *f.private_bytes = info.ResourcePrivateDriverDataSize;
    *f.total = opening->total;
    *f.total_bytes = sizeof(opening->total);
}

NTSTATUS open_issue(struct opening *opening)
{
    if (opening->call == OPEN_RESOURCE) return D3DKMTOpenResource(&opening->args);
    if (opening->call == OPEN_RESOURCE2) return D3DKMTOpenResource2(&opening->args);
    return D3DKMTOpenResourceFromNtHandle(&opening->nt);
}

D3DKMT_HANDLE opened_allocation(const struct opening *opening, UINT index)
{
    return opening->call == OPEN_RESOURCE ? opening->info[index].hAllocation : opening->info2[index].hAllocation;
}

void open_fails(struct opening *opening, NTSTATUS want)
{
    static struct opening before;
    before = *opening;
    check_status(want, open_issue(opening));
    check_true(memcmp(&before, opening, sizeof(before)) == 0);
}

static void check_element(const struct opening *opening, const struct creation *creation, UINT index)
{
    size_t each = sizeof(creation->soft[0]);
    const uint8_t *data = opening->total + index * each;
    bool first = opening->call == OPEN_RESOURCE;
    check_local(opened_allocation(opening, index));
    check_true((first ? opening->info[index].pPrivateDriverData : opening->info2[index].pPrivateDriverData) == data);
    check_u64(each, first ? opening->info[index].PrivateDriverDataSize : opening->info2[index].PrivateDriverDataSize);
    check_true(memcmp(data, &creation->soft[index], each) == 0);
    if (!first) check_u64(0, opening->info2[index].GpuVirtualAddress);
    if (!first) check_true(filled_with(opening->info2[index].Reserved, sizeof(opening->info2[index].Reserved), 0xa5));
}

void open_succeeds(struct opening *opening, const struct creation *creation)
{
    UINT count = creation->args.NumAllocations;
    size_t used = count * sizeof(creation->soft[0]), soft_bytes = sizeof(creation->soft_resource);
    struct opening_fields f = fields_of(opening);
    require_success(open_issue(opening));
    check_local(*f.resource);
    check_u64(count, *f.count);
    check_u64(used, *f.total_bytes);
    check_u64(RUNTIME_BYTES, *f.runtime_bytes);
    check_true(memcmp(opening->runtime, runtime_data, RUNTIME_BYTES) == 0);
    check_true(filled_with(opening->runtime + RUNTIME_BYTES, sizeof(opening->runtime) - RUNTIME_BYTES, 0xa5));
    check_true(memcmp(opening->private_data, &creation->soft_resource, soft_bytes) == 0);
    check_true(filled_with(opening->private_data + soft_bytes, sizeof(opening->private_data) - soft_bytes, 0xa5));
    check_true(filled_with(opening->total + used, sizeof(opening->total) - used, 0xa5));
    for (UINT i = 0; i < count; i++) check_element(opening, creation, i);
    check_true(filled_with(&opening->info[opening->call == OPEN_RESOURCE ? count : 0], sizeof(opening->info[0]), 0xa5));
    check_true(
        filled_with(&opening->info2[opening->call == OPEN_RESOURCE ? 0 : count], sizeof(opening->info2[0]), 0xa5));
    if (opening->call != OPEN_NT) return;
    check_u64(0, opening->nt.hKeyedMutex);
    check_u64(0, opening->nt.hSyncObject);
    check_u64(0, opening->nt.KeyedMutexPrivateRuntimeDataSize);
}
