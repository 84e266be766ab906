/* SPDX-License-Identifier: MIT */
/*
 * Opening shared resources: D3DKMTQueryResourceInfo, D3DKMTOpenResource and their variants.
 *
 *   find       by global handle, or by NT handle            STATUS_INVALID_PARAMETER, STATUS_INVALID_HANDLE, ...
 *   admit      is it a resource for this device             STATUS_INVALID_PARAMETER, STATUS_ACCESS_DENIED
 *   measure    counts and sizes are as queried, exactly     STATUS_INVALID_PARAMETER, STATUS_NO_MEMORY
 *   build      the resource, its allocations, what stands beside it
 *   reserve    handles
 *   publish    cannot fail
 *
 * Every open makes a new resource with new allocations on its device: bindings of their own, not resident, without
 * GPU addresses. As in create.c, what a failing call has built is taken apart, no handle was visible, and nothing is
 * written.
 */
#include <stdlib.h>
#include <string.h>

#include "abi/thunk.h"
#include "core/allocation.h"
#include "core/cross_adapter.h"
#include "core/handlers.h"
#include "core/resource.h"
#include "core/shared_resource.h"
#include "core/sight.h"

#define SMALL_COUNT 8u
#define BESIDE_MOST (UDXG_NT_OBJECTS - 1) /* the keyed mutex and the sync object of an NT handle */

/* The buffers of a call, whichever it is. */
struct buffers {
    uint32_t count;
    void *elements; /* D3DDDI_OPENALLOCATIONINFO, or 2, of which it is a prefix */
    size_t stride;
    void *runtime_data;
    uint32_t runtime_data_bytes;
    void *private_data;
    uint32_t private_data_bytes;
    unsigned char *total;
    uint32_t total_bytes; /* in: room; out: used */
};

/* One call under way. */
struct opening {
    struct udxg_device *device; /* pinned */
    struct buffers *buffers;
    struct udxg_shared_resource *shared; /* with an opening, which becomes the resource's */
    struct udxg_nt_found found;          /* with references; none of a global handle */
    bool cross;                          /* the device is another adapter's */
    struct udxg_standard_data standard;  /* then; what is delivered instead of the creator's private data */
    struct udxg_resource *resource;      /* ours until published, as all that follows */
    uint32_t built;
    struct udxg_allocation **allocations;
    uint32_t beside_count;
    void *beside[BESIDE_MOST];
    uint32_t *handles; /* the resource, its allocations, what stands beside it */
};

static D3DDDI_OPENALLOCATIONINFO *element(const struct buffers *buffers, uint32_t index)
{
    return (D3DDDI_OPENALLOCATIONINFO *)((char *)buffers->elements + index * buffers->stride);
}

/* ---- find, admit ---- */

static udxg_status find_global(struct udxg_process *process, uint32_t handle, struct udxg_shared_resource **ret)
{
    struct udxg_shared *shared =
        udxg_global_find(&process->kernel->globals, process->owner, handle, UDXG_SHARED_RESOURCE);

    if (!shared) return STATUS_INVALID_PARAMETER;
    *ret = udxg_shared_resource_of(shared);
    return STATUS_SUCCESS;
}

/* RET_FOUND keeps what it found; the resource has an opening besides. */
static udxg_status find_nt(struct udxg_process *process, HANDLE handle, struct udxg_nt_found *ret_found,
                           struct udxg_shared_resource **ret)
{
    udxg_status status = udxg_nt_find(&process->kernel->nt_handles, (intptr_t)handle, UDXG_SHARED_RESOURCE, ret_found);

    if (udxg_failed(status)) return status;
    udxg_shared_open(ret_found->objects[0]);
    *ret = udxg_shared_resource_of(ret_found->objects[0]);
    return STATUS_SUCCESS;
}

/* Whether DEVICE may open it, and whether that is across adapters. */
static udxg_status admit(const struct udxg_device *device, struct udxg_shared_resource *shared, bool *ret_cross)
{
    *ret_cross = device->adapter != shared->pa->adapter;
    if (*ret_cross && !shared->cross_adapter) return STATUS_INVALID_PARAMETER;
    return udxg_shared_resource_admits(shared, device->process->entry.serial) ? STATUS_SUCCESS : STATUS_ACCESS_DENIED;
}

/* ---- queries ---- */

static udxg_status query(struct udxg_device *device, struct udxg_shared_resource *shared, D3DKMT_QUERYRESOURCEINFO *ret)
{
    struct udxg_standard_data standard = {
        .allocation_bytes = shared->total_data_bytes,
        .resource_bytes = shared->private_data_bytes,
    };
    bool cross;
    udxg_status status = admit(device, shared, &cross);

    if (!udxg_failed(status) && cross)
        status = udxg_standard_sizes(device->adapter, shared->memories[0].memory->vidmm.size_bytes, &standard);
    if (udxg_failed(status)) return status;
    ret->PrivateRuntimeDataSize = shared->runtime_data_bytes;
    ret->TotalPrivateDriverDataSize = standard.allocation_bytes;
    ret->ResourcePrivateDriverDataSize = standard.resource_bytes;
    ret->NumAllocations = shared->count;
    return STATUS_SUCCESS;
}

udxg_status thunk_QueryResourceInfo(struct udxg_process *process, D3DKMT_QUERYRESOURCEINFO *args)
{
    struct udxg_shared_resource *shared;
    struct udxg_device *device;
    udxg_status status = udxg_device_get(process, args->hDevice, &device);

    if (udxg_failed(status)) return status;
    status = find_global(process, args->hGlobalShare, &shared);
    if (!udxg_failed(status)) {
        status = query(device, shared, args);
        udxg_shared_close(&shared->shared);
    }
    udxg_device_put(device);
    return status;
}

udxg_status thunk_QueryResourceInfoFromNtHandle(struct udxg_process *process,
                                                D3DKMT_QUERYRESOURCEINFOFROMNTHANDLE *args)
{
    D3DKMT_QUERYRESOURCEINFO info;
    struct udxg_shared_resource *shared;
    struct udxg_nt_found found;
    struct udxg_device *device;
    udxg_status status = udxg_device_get(process, args->hDevice, &device);

    if (udxg_failed(status)) return status;
    status = find_nt(process, args->hNtHandle, &found, &shared);
    if (!udxg_failed(status)) {
        status = query(device, shared, &info);
        udxg_shared_close(&shared->shared);
        udxg_nt_forget(&found);
    }
    udxg_device_put(device);
    if (udxg_failed(status)) return status;
    args->PrivateRuntimeDataSize = info.PrivateRuntimeDataSize;
    args->TotalPrivateDriverDataSize = info.TotalPrivateDriverDataSize;
    args->ResourcePrivateDriverDataSize = info.ResourcePrivateDriverDataSize;
    args->NumAllocations = info.NumAllocations;
    return STATUS_SUCCESS;
}

udxg_status thunk_GetSharedResourceAdapterLuid(struct udxg_process *process, D3DKMT_GETSHAREDRESOURCEADAPTERLUID *args)
{
    struct udxg_nt_found found = {0};
    struct udxg_shared_resource *shared;
    udxg_status status;

    if (!args->hGlobalShare && !args->hNtHandle) return STATUS_INVALID_PARAMETER;
    status = args->hGlobalShare ? find_global(process, args->hGlobalShare, &shared)
                                : find_nt(process, args->hNtHandle, &found, &shared);
    if (udxg_failed(status)) return status;
    args->AdapterLuid = shared->pa->adapter->luid;
    udxg_shared_close(&shared->shared);
    udxg_nt_forget(&found);
    return STATUS_SUCCESS;
}

/* ---- measure ---- */

static uint32_t total_bytes(const struct opening *o)
{
    return o->cross ? o->standard.allocation_bytes : o->shared->total_data_bytes;
}

static uint32_t private_bytes(const struct opening *o)
{
    return o->cross ? o->standard.resource_bytes : o->shared->private_data_bytes;
}

static udxg_status measure(const struct opening *o)
{
    const struct buffers *buffers = o->buffers;

    if (buffers->count != o->shared->count || buffers->runtime_data_bytes != o->shared->runtime_data_bytes ||
        buffers->private_data_bytes != private_bytes(o))
        return STATUS_INVALID_PARAMETER;
    if (total_bytes(o) && !buffers->total) return STATUS_INVALID_PARAMETER;
    return buffers->total_bytes < total_bytes(o) ? STATUS_NO_MEMORY : STATUS_SUCCESS;
}

/* ---- build ---- */

/* The memory that this device opens, with a reference for the opening. */
static udxg_status get_memory(struct opening *o, uint32_t index, struct udxg_memory **ret_memory)
{
    const struct udxg_shared_memory *from = &o->shared->memories[index];

    if (o->cross)
        return udxg_cross_adapter_memory(o->device->pa, udxg_device_stripe(o->device), from->memory, from->read_only,
                                         &o->standard, ret_memory);
    atomic_fetch_add(&from->memory->refs, 1);
    *ret_memory = from->memory;
    return STATUS_SUCCESS;
}

/* Where the private data of an allocation lies. The miniport sees them, and must not change them. */
static unsigned char *data_of(const struct opening *o, uint32_t index)
{
    return o->cross ? o->standard.bytes : udxg_shared_resource_data(o->shared) + o->shared->memories[index].data_offset;
}

/* The same of all of them; a resource may have none. */
static unsigned char *all_data(const struct opening *o)
{
    return o->cross ? o->standard.bytes : udxg_shared_resource_data(o->shared);
}

static uint32_t data_bytes_of(const struct opening *o, uint32_t index)
{
    return o->cross ? o->standard.allocation_bytes : o->shared->memories[index].data_bytes;
}

static udxg_status open_allocation(struct opening *o, uint32_t index, struct udxg_allocation **ret_allocation)
{
    struct udxg_opening opening = {
        .device = o->device,
        .resource = o->resource,
        .private_data = data_of(o, index),
        .private_data_bytes = data_bytes_of(o, index),
        .first = o->cross,
        .read_only = o->resource->read_only || o->shared->memories[index].read_only,
    };
    udxg_status status = get_memory(o, index, &opening.memory);

    if (udxg_failed(status)) return status;
    status = udxg_allocation_open(&opening, ret_allocation);
    if (udxg_failed(status))
        udxg_memory_unref(opening.memory);
    else
        (*ret_allocation)->vidmm.read_only = o->resource->read_only;
    return status;
}

/* The resource takes the opening of the shared one over. */
static udxg_status build_resource(struct opening *o)
{
    o->resource = udxg_resource_create(o->device);
    if (!o->resource) return STATUS_NO_MEMORY;
    o->resource->shared = o->shared;
    o->resource->opened = true;
    o->resource->read_only = o->found.count && !(o->found.access & UDXG_RESOURCE_WRITE_RIGHTS);
    for (; o->built < o->shared->count; o->built++) {
        udxg_status status = open_allocation(o, o->built, &o->allocations[o->built]);
        if (udxg_failed(status)) return status;
    }
    return udxg_sight_open(o->resource);
}

static udxg_status build_beside(struct opening *o, const struct udxg_shared_opener *opener)
{
    for (; o->beside_count + 1 < o->found.count; o->beside_count++) {
        struct udxg_shared *shared = o->found.objects[o->beside_count + 1];
        udxg_status status = shared->class->open(shared, opener, &o->beside[o->beside_count]);
        if (udxg_failed(status)) return status;
    }
    return STATUS_SUCCESS;
}

static void undo(struct opening *o)
{
    while (o->beside_count) {
        o->beside_count--;
        o->found.objects[o->beside_count + 1]->class->discard(o->beside[o->beside_count]);
    }
    while (o->built) udxg_allocation_destroy(o->allocations[--o->built]);
    if (o->resource)
        udxg_resource_unref(o->resource);
    else
        udxg_shared_close(&o->shared->shared);
}

/* ---- publish ---- */

/* As in create.c: who takes an allocation off a resource's list has to find its handle alive. */
static void publish_locked(struct opening *o) UDXG_REQUIRES(DEVICE)
{
    struct udxg_handle_table *table = &o->device->process->handles;

    o->resource->allocation_count = o->built;
    o->resource->child.handle = o->handles[0];
    udxg_handle_publish(table, o->handles[0], UDXG_HANDLE_RESOURCE, o->resource);
    for (uint32_t i = 0; i < o->built; i++) {
        udxg_list_append(&o->resource->allocations, &o->allocations[i]->child.link);
        udxg_allocation_publish(o->allocations[i], o->handles[1 + i]);
    }
}

/* Before anything is published: what is, others may destroy. */
static void deliver(const struct opening *o)
{
    struct buffers *buffers = o->buffers;
    unsigned char *at = buffers->total;

    if (buffers->runtime_data_bytes)
        memcpy(buffers->runtime_data, o->shared->runtime_data, buffers->runtime_data_bytes);
    if (buffers->private_data_bytes)
        memcpy(buffers->private_data,
               o->cross ? (unsigned char *)o->standard.bytes + o->standard.allocation_bytes
                        : (unsigned char *)o->shared->private_data,
               buffers->private_data_bytes);
    buffers->total_bytes = total_bytes(o);
    if (buffers->total_bytes) memcpy(buffers->total, all_data(o), buffers->total_bytes);
    for (uint32_t i = 0; i < o->built; i++) {
        D3DDDI_OPENALLOCATIONINFO *info = element(buffers, i);
        info->hAllocation = o->handles[1 + i];
        info->PrivateDriverDataSize = data_bytes_of(o, i);
        info->pPrivateDriverData = info->PrivateDriverDataSize ? at : NULL;
        at += info->PrivateDriverDataSize;
    }
}

static void publish(struct opening *o)
{
    deliver(o);
    udxg_lock(DEVICE, &o->device->lock);
    publish_locked(o);
    udxg_unlock(DEVICE, &o->device->lock);
    for (uint32_t i = 0; i < o->beside_count; i++)
        o->found.objects[i + 1]->class->publish(o->beside[i], o->handles[1 + o->built + i]);
}

/* ---- the calls ---- */

static udxg_status build(struct opening *o, const struct udxg_shared_opener *opener)
{
    uint64_t size_bytes = o->shared->count ? o->shared->memories[0].memory->vidmm.size_bytes : 0;
    udxg_status status = admit(o->device, o->shared, &o->cross);

    if (!udxg_failed(status) && o->cross) status = udxg_standard_data(o->device->adapter, size_bytes, &o->standard);
    if (!udxg_failed(status)) status = measure(o);
    if (!udxg_failed(status)) status = build_resource(o);
    if (!udxg_failed(status)) status = build_beside(o, opener);
    if (udxg_failed(status)) return status;
    return udxg_handle_reserve_in(&o->device->process->handles, udxg_device_stripe(o->device),
                                  1 + o->built + o->beside_count, o->handles);
}

static udxg_status run(struct opening *o, const struct udxg_shared_opener *opener)
{
    udxg_status status = build(o, opener);

    if (udxg_failed(status))
        undo(o);
    else
        publish(o);
    free(o->standard.bytes);
    return status;
}

/* Handles that RUN reserved, for the caller to write; the arrays are on the stack where they are small. */
struct handles {
    uint32_t resource, beside[BESIDE_MOST]; /* 0: there is none */
};

static udxg_status open_shared(struct opening *o, const struct udxg_shared_opener *opener, struct handles *ret)
{
    struct udxg_allocation *allocations[SMALL_COUNT];
    uint32_t handles[SMALL_COUNT + 1 + BESIDE_MOST], count = o->shared->count;
    void *heap = NULL;
    udxg_status status;

    o->allocations = allocations;
    o->handles = handles;
    if (count > SMALL_COUNT) {
        heap = malloc(count * sizeof *allocations + (count + 1 + BESIDE_MOST) * sizeof *handles);
        if (!heap) {
            udxg_shared_close(&o->shared->shared);
            return STATUS_NO_MEMORY;
        }
        o->allocations = heap;
        o->handles = (uint32_t *)(o->allocations + count);
    }
    status = run(o, opener);
    if (!udxg_failed(status)) {
        *ret = (struct handles){.resource = o->handles[0]};
        memcpy(ret->beside, &o->handles[1 + o->built], o->beside_count * sizeof *handles);
    }
    free(heap);
    return status;
}

static udxg_status open_global(struct udxg_process *process, D3DKMT_OPENRESOURCE *args, size_t stride)
{
    struct buffers buffers = {
        .count = args->NumAllocations,
        .elements = args->pOpenAllocationInfo,
        .stride = stride,
        .runtime_data = args->pPrivateRuntimeData,
        .runtime_data_bytes = args->PrivateRuntimeDataSize,
        .private_data = args->pResourcePrivateDriverData,
        .private_data_bytes = args->ResourcePrivateDriverDataSize,
        .total = args->pTotalPrivateDriverDataBuffer,
        .total_bytes = args->TotalPrivateDriverDataBufferSize,
    };
    struct opening o = {.buffers = &buffers};
    struct handles handles;
    udxg_status status = udxg_device_get(process, args->hDevice, &o.device);

    if (udxg_failed(status)) return status;
    status = find_global(process, args->hGlobalShare, &o.shared);
    if (!udxg_failed(status)) status = open_shared(&o, NULL, &handles);
    udxg_device_put(o.device);
    if (udxg_failed(status)) return status;
    args->hResource = handles.resource;
    args->TotalPrivateDriverDataBufferSize = buffers.total_bytes;
    return STATUS_SUCCESS;
}

udxg_status thunk_OpenResource(struct udxg_process *process, D3DKMT_OPENRESOURCE *args)
{
    return open_global(process, args, sizeof(D3DDDI_OPENALLOCATIONINFO));
}

udxg_status thunk_OpenResource2(struct udxg_process *process, D3DKMT_OPENRESOURCE *args)
{
    return open_global(process, args, sizeof(D3DDDI_OPENALLOCATIONINFO2));
}

static udxg_status open_nt(struct opening *o, const D3DKMT_OPENRESOURCEFROMNTHANDLE *args, struct handles *ret)
{
    struct udxg_process *process = o->device->process;
    struct udxg_shared_opener opener = {
        .device = o->device,
        .runtime_data = args->pKeyedMutexPrivateRuntimeData,
        .runtime_data_bytes = args->KeyedMutexPrivateRuntimeDataSize,
    };
    udxg_status status = find_nt(process, args->hNtHandle, &o->found, &o->shared);

    if (udxg_failed(status)) return status;
    opener.access = o->found.access;
    status = open_shared(o, &opener, ret);
    udxg_nt_forget(&o->found);
    return status;
}

udxg_status thunk_OpenResourceFromNtHandle(struct udxg_process *process, D3DKMT_OPENRESOURCEFROMNTHANDLE *args)
{
    struct buffers buffers = {
        .count = args->NumAllocations,
        .elements = args->pOpenAllocationInfo2,
        .stride = sizeof(D3DDDI_OPENALLOCATIONINFO2),
        .runtime_data = args->pPrivateRuntimeData,
        .runtime_data_bytes = args->PrivateRuntimeDataSize,
        .private_data = args->pResourcePrivateDriverData,
        .private_data_bytes = args->ResourcePrivateDriverDataSize,
        .total = args->pTotalPrivateDriverDataBuffer,
        .total_bytes = args->TotalPrivateDriverDataBufferSize,
    };
    struct opening o = {.buffers = &buffers};
    struct handles handles;
    udxg_status status = udxg_device_get(process, args->hDevice, &o.device);

    if (udxg_failed(status)) return status;
    status = open_nt(&o, args, &handles);
    udxg_device_put(o.device);
    if (udxg_failed(status)) return status;
    args->hResource = handles.resource;
    args->hKeyedMutex = handles.beside[0];
    args->hSyncObject = handles.beside[1];
    if (!args->hKeyedMutex) args->KeyedMutexPrivateRuntimeDataSize = 0;
    args->TotalPrivateDriverDataBufferSize = buffers.total_bytes;
    return STATUS_SUCCESS;
}
