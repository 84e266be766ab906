/* SPDX-License-Identifier: MIT */
/*
 * Sharing: D3DKMTShareObjects. What an NT handle keeps is the memory of the resource's allocations, which
 * outlives the resource, its device and every local handle. Names, sync objects, bundles and the opening side
 * are not there yet; asking for them says so.
 */
#include <stdlib.h>

#include "core/allocation.h"
#include "core/handlers.h"
#include "core/nt_handle.h"
#include "core/resource.h"

struct share {
    struct udxg_nt_handle nt;
    struct udxg_process_adapter *pa; /* referenced: the memory may be the last that is left of its process */
    uint32_t count;
    struct udxg_memory *memories[]; /* referenced */
};

static void share_free(struct udxg_nt_handle *nt)
{
    struct share *share = udxg_container_of(nt, struct share, nt);

    for (uint32_t i = 0; i < share->count; i++) udxg_memory_unref(share->memories[i]);
    udxg_process_adapter_unref(share->pa);
    free(share);
}

static void add_memory(struct udxg_allocation *allocation, uint32_t index, void *user)
{
    struct share *share = user;

    atomic_fetch_add(&allocation->memory->refs, 1);
    share->memories[index] = allocation->memory;
    share->count++;
}

static udxg_status share_resource(struct udxg_process *process, struct udxg_resource *resource, HANDLE *ret_handle)
{
    struct share *share;
    uint32_t count;
    int fd;
    udxg_status status;

    if (!resource->shared) return STATUS_INVALID_PARAMETER;
    /* Nothing is ever added to a shared resource, so the count can only fall. */
    udxg_lock(DEVICE, &resource->child.device->lock);
    count = resource->allocation_count;
    udxg_unlock(DEVICE, &resource->child.device->lock);
    share = calloc(1, sizeof *share + count * sizeof share->memories[0]);
    if (!share) return STATUS_NO_MEMORY;
    share->pa = resource->child.device->pa;
    udxg_process_adapter_ref(share->pa);
    udxg_resource_for_each(resource, add_memory, share);
    status = udxg_nt_handle_open(&process->kernel->nt_handles, &share->nt, share_free, &fd);
    if (udxg_failed(status)) {
        share_free(&share->nt);
        return status;
    }
    *ret_handle = (HANDLE)(intptr_t)fd;
    return STATUS_SUCCESS;
}

udxg_status thunk_ShareObjects(struct udxg_process *process, D3DKMT_SHAREOBJECTS *args)
{
    const OBJECT_ATTRIBUTES *attributes = args->pObjectAttributes;
    struct udxg_resource *resource;
    udxg_status status;

    if (attributes && attributes->ObjectName) return STATUS_NOT_SUPPORTED;
    resource = args->ObjectCount == 1
                   ? udxg_handle_get(&process->handles, args->ObjectHandleArray[0], UDXG_HANDLE_RESOURCE)
                   : NULL;
    if (!resource) /* a sync object cannot have been made NtSecuritySharing yet, nor a keyed mutex at all */
        return args->ObjectCount == D3DKMT_MAX_OBJECTS_PER_HANDLE ? STATUS_NOT_SUPPORTED : STATUS_INVALID_PARAMETER;
    status = share_resource(process, resource, args->pSharedNtHandle);
    udxg_resource_put(resource);
    return status;
}
