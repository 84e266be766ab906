/* SPDX-License-Identifier: MIT */
/*
 * Sharing: D3DKMTShareObjects, opening NT handles by name, and who may open a restricted resource. What may stand in
 * one NT handle: a resource; a sync object; a resource, a keyed mutex and a sync object, in this order. Each must
 * have been created NtSecuritySharing.
 */
#include "core/handlers.h"
#include "core/keyed_mutex.h"
#include "core/name.h"
#include "core/nt_handle.h"
#include "core/resource.h"
#include "core/shared_resource.h"
#include "core/sync.h"

/* A reference to what a local resource handle is an opening of, if NT handles of it can be made; NULL otherwise. */
static struct udxg_shared *get_resource(struct udxg_process *process, uint32_t handle, uint32_t *ret_withheld)
{
    struct udxg_resource *resource = udxg_handle_get(&process->handles, handle, UDXG_HANDLE_RESOURCE);
    struct udxg_shared *shared = NULL;

    if (!resource) return NULL;
    if (resource->shared && resource->shared->shared.nt_sharing) {
        shared = &resource->shared->shared;
        udxg_shared_ref(shared);
        /* Who may only read hands on no more. */
        *ret_withheld = resource->read_only ? UDXG_RESOURCE_WRITE_RIGHTS : 0;
    }
    udxg_handle_put(&process->handles, handle);
    return shared;
}

/*
 * The same for any kind. What stands beside a resource (RET_WITHHELD is NULL) is opened with all rights there are, so
 * whoever has not all of them cannot put it there.
 */
static struct udxg_shared *get_object(struct udxg_process *process, uint32_t handle, enum udxg_handle_type type,
                                      uint32_t *ret_withheld)
{
    struct udxg_shared *shared;
    uint32_t withheld = 0;

    if (type == UDXG_HANDLE_RESOURCE) return get_resource(process, handle, ret_withheld);
    if (type == UDXG_HANDLE_KEYED_MUTEX) return udxg_keyed_mutex_get_shareable(process, handle);
    if (ret_withheld) return udxg_sync_get_shareable(process, handle, ret_withheld);
    shared = udxg_sync_get_shareable(process, handle, &withheld);
    if (!shared || !withheld) return shared;
    udxg_shared_unref(shared); /* who opens the bundle would have all rights to it */
    return NULL;
}

static void unref_all(uint32_t count, struct udxg_shared *const *objects)
{
    for (uint32_t i = 0; i < count; i++) udxg_shared_unref(objects[i]);
}

/* One of the legal sets, referenced; all or none. */
static udxg_status get_objects(struct udxg_process *process, uint32_t count, const D3DKMT_HANDLE *handles,
                               struct udxg_shared **ret_objects, uint32_t *ret_withheld)
{
    static const enum udxg_handle_type bundle[] = {UDXG_HANDLE_RESOURCE, UDXG_HANDLE_KEYED_MUTEX, UDXG_HANDLE_SYNC};

    if (count == 2) return STATUS_INVALID_PARAMETER;
    for (uint32_t i = 0; i < count; i++) {
        ret_objects[i] = get_object(process, handles[i], bundle[i], i ? NULL : ret_withheld);
        if (!ret_objects[i] && count == 1)
            ret_objects[i] = get_object(process, handles[i], UDXG_HANDLE_SYNC, ret_withheld);
        if (ret_objects[i]) continue;
        unref_all(i, ret_objects);
        return STATUS_INVALID_PARAMETER;
    }
    return STATUS_SUCCESS;
}

/* GENERIC_ALL spelt out, so that a part of it can be withheld. */
static uint32_t spell_out(uint32_t access)
{
    return access & GENERIC_ALL ? access | D3DDDI_SYNC_OBJECT_ALL_ACCESS : access;
}

udxg_status thunk_ShareObjects(struct udxg_process *process, D3DKMT_SHAREOBJECTS *args)
{
    struct udxg_nt_request request = {.access = spell_out(args->DesiredAccess), .account = process->account};
    struct udxg_shared *objects[UDXG_NT_OBJECTS];
    struct udxg_name name;
    int fd;
    udxg_status status = udxg_name_read(process->owner, args->pObjectAttributes, &name, &request.inherit);

    if (udxg_failed(status)) return status;
    status = get_objects(process, args->ObjectCount, args->ObjectHandleArray, objects, &request.withheld);
    if (udxg_failed(status)) return status;
    status = udxg_nt_share(&process->kernel->nt_handles, args->ObjectCount, objects, &name, &request, &fd);
    unref_all(args->ObjectCount, objects);
    if (udxg_failed(status)) return status;
    *args->pSharedNtHandle = (HANDLE)(intptr_t)fd;
    return STATUS_SUCCESS;
}

/* ---- by name ---- */

static udxg_status open_name(struct udxg_process *process, const OBJECT_ATTRIBUTES *attributes, uint32_t access,
                             enum udxg_shared_kind kind, HANDLE *ret_handle)
{
    struct udxg_nt_request request = {.access = spell_out(access), .account = process->account};
    struct udxg_name name;
    int fd;
    udxg_status status = udxg_name_read(process->owner, attributes, &name, &request.inherit);

    if (udxg_failed(status)) return status;
    if (!name.count) return STATUS_INVALID_PARAMETER;
    status = udxg_nt_open_name(&process->kernel->nt_handles, &name, kind, &request, &fd);
    if (!udxg_failed(status)) *ret_handle = (HANDLE)(intptr_t)fd;
    return status;
}

udxg_status thunk_OpenNtHandleFromName(struct udxg_process *process, D3DKMT_OPENNTHANDLEFROMNAME *args)
{
    return open_name(process, args->pObjAttrib, args->dwDesiredAccess, UDXG_SHARED_RESOURCE, &args->hNtHandle);
}

udxg_status thunk_OpenSyncObjectNtHandleFromName(struct udxg_process *process,
                                                 D3DKMT_OPENSYNCOBJECTNTHANDLEFROMNAME *args)
{
    return open_name(process, args->pObjAttrib, args->dwDesiredAccess, UDXG_SHARED_SYNC, &args->hNtHandle);
}

/* ---- restricted resources ---- */

static udxg_status configure(struct udxg_device *device, const D3DKMT_CONFIGURESHAREDRESOURCE *args)
{
    struct udxg_resource *resource = udxg_resource_get(device, args->hResource);
    udxg_status status = STATUS_INVALID_PARAMETER;

    if (!resource) return status;
    /* The creator's alone: who was let in does not let others in. */
    if (resource->shared && resource->shared->restricted && !resource->opened)
        status = udxg_check_process_handle(args->hProcess);
    if (!udxg_failed(status))
        status = udxg_shared_resource_grant(resource->shared, device->process->entry.serial, args->AllowAccess);
    udxg_resource_put(resource);
    return status;
}

udxg_status thunk_ConfigureSharedResource(struct udxg_process *process, D3DKMT_CONFIGURESHAREDRESOURCE *args)
{
    struct udxg_device *device;
    udxg_status status = udxg_device_get(process, args->hDevice, &device);

    if (udxg_failed(status)) return status;
    status = configure(device, args);
    udxg_device_put(device);
    return status;
}

static bool admits(void *resource, uint64_t process)
{
    return udxg_shared_resource_admits(resource, process);
}

/* Of a process that is not there, a restricted resource admits nobody. */
udxg_status thunk_CheckSharedResourceAccess(struct udxg_process *process, D3DKMT_CHECKSHAREDRESOURCEACCESS *args)
{
    struct udxg_resource *resource = udxg_handle_get(&process->handles, args->hResource, UDXG_HANDLE_RESOURCE);
    udxg_status status = STATUS_INVALID_PARAMETER;

    if (!resource) return status;
    if (resource->shared)
        status = !resource->shared->restricted ||
                         udxg_registry_has(process->kernel, args->ClientPid, admits, resource->shared)
                     ? STATUS_SUCCESS
                     : STATUS_ACCESS_DENIED;
    udxg_handle_put(&process->handles, args->hResource);
    return status;
}
