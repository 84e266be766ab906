/* SPDX-License-Identifier: MIT */
/*
 * Resources. Invariants: an allocation is on its resource's list from publication to the closing of its
 * handle; a resource outlives its handle while the memory of one of its allocations waits for the GPU.
 * Lock: the device's.
 */
#include "core/resource.h"

#include <stdlib.h>

#include "core/allocation.h"
#include "core/shared_resource.h"
#include "core/sight.h"

struct udxg_resource *udxg_resource_create(struct udxg_device *device) UDXG_NO_TSA
{
    struct udxg_resource *resource = calloc(1, sizeof *resource);

    if (!resource) return NULL;
    atomic_init(&resource->refs, 1);
    udxg_list_init(&resource->allocations);
    udxg_device_add_child(device, UDXG_HANDLE_RESOURCE, &resource->child);
    return resource;
}

/* Its global handle dies when nobody has a local handle, whatever work is still under way; and so do windows. */
static void leave(struct udxg_resource *resource)
{
    udxg_sight_close(resource);
    if (resource->shared && !resource->left) udxg_shared_end_opening(&resource->shared->shared);
    resource->left = true;
}

void udxg_resource_unref(struct udxg_resource *resource) UDXG_NO_TSA
{
    const struct udxg_adapter *adapter;
    struct udxg_device *device;

    if (!resource || atomic_fetch_sub(&resource->refs, 1) != 1) return;
    device = resource->child.device;
    adapter = device->adapter;
    if (resource->mp_resource)
        adapter->miniport->destroy_allocation(adapter->mp_adapter, 0, NULL, resource->mp_resource);
    leave(resource);
    if (resource->shared) udxg_shared_unref(&resource->shared->shared);
    udxg_device_remove_child(&resource->child);
    udxg_kept_free(resource->runtime_data);
    udxg_kept_free(resource->private_data);
    free(resource);
}

struct udxg_resource *udxg_resource_get(struct udxg_device *device, uint32_t handle)
{
    struct udxg_handle_table *table = &device->process->handles;
    struct udxg_resource *resource = udxg_handle_get(table, handle, UDXG_HANDLE_RESOURCE);

    if (!resource || resource->child.device == device) return resource;
    udxg_handle_put(table, handle);
    return NULL;
}

void udxg_resource_put(struct udxg_resource *resource)
{
    udxg_handle_put(&resource->child.device->process->handles, resource->child.handle);
}

/* The handle of some allocation of it, taken off the list and pinned; NULL when there is none. */
static struct udxg_allocation *take_allocation(struct udxg_resource *resource)
{
    struct udxg_device *device = resource->child.device;
    struct udxg_allocation *allocation = NULL;
    struct udxg_list *link;

    udxg_lock(DEVICE, &device->lock);
    while (!allocation && (link = udxg_list_pop(&resource->allocations)))
        allocation = udxg_allocation_get(device, udxg_container_of(link, struct udxg_child, link)->handle);
    udxg_unlock(DEVICE, &device->lock);
    return allocation;
}

static void close_allocations(struct udxg_resource *resource, struct udxg_destruction *destruction)
{
    struct udxg_allocation *allocation;

    while ((allocation = take_allocation(resource))) {
        (void)udxg_allocation_close(allocation, destruction); /* if somebody else was first, that will do */
        udxg_allocation_put(allocation);
    }
}

void udxg_resource_release(void *object)
{
    struct udxg_resource *resource = object;
    struct udxg_destruction destruction = {0};

    leave(resource);
    udxg_device_child_closed(&resource->child);
    close_allocations(resource, &destruction);
    udxg_resource_unref(resource);
}

udxg_status udxg_resource_close(struct udxg_device *device, uint32_t handle, struct udxg_destruction *destruction)
{
    struct udxg_resource *resource = udxg_resource_get(device, handle);
    udxg_status status = STATUS_INVALID_PARAMETER;

    if (!resource) return status;
    if (udxg_handle_close(&device->process->handles, handle, UDXG_HANDLE_RESOURCE)) {
        close_allocations(resource, destruction);
        status = STATUS_SUCCESS;
    }
    udxg_resource_put(resource);
    return status;
}

void udxg_resource_for_each(struct udxg_resource *resource,
                            void (*visit)(struct udxg_allocation *allocation, uint32_t index, void *user), void *user)
{
    struct udxg_device *device = resource->child.device;
    uint32_t index = 0;

    /* VISIT takes VIDMM only, which is below DEVICE. */
    udxg_lock(DEVICE, &device->lock);
    udxg_list_for_each(link, &resource->allocations)
        visit(udxg_container_of(link, struct udxg_allocation, child.link), index++, user);
    udxg_unlock(DEVICE, &device->lock);
}
