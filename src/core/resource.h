/* SPDX-License-Identifier: MIT */
/*
 * A resource: a named group of allocations of one device, with private data of its own. It may be empty.
 */
#ifndef UDXG_CORE_RESOURCE_H
#define UDXG_CORE_RESOURCE_H

#include "core/device.h"

struct udxg_allocation;
struct udxg_destruction;
struct udxg_shared_resource;

struct udxg_resource {
    struct udxg_child child;
    atomic_uint refs; /* the handle, and every allocation until its memory is gone */
    struct udxg_list allocations UDXG_GUARDED_BY(DEVICE);
    uint32_t allocation_count UDXG_GUARDED_BY(DEVICE);
    /*
     * What it is an opening of, referenced: nothing can be added, and the three that follow are there. NULL: not
     * shared. Constant once it is published.
     */
    struct udxg_shared_resource *shared;
    bool opened;    /* by one of the open calls: it is not the creator's; constant */
    bool read_only; /* no engine may write through it; constant */
    bool shown;     /* to the process, which lives elsewhere: core/sight.h; of who makes it, then of who releases it */
    bool left;      /* it does not count as an opening (any more); of whoever releases it */
    void *mp_resource UDXG_GUARDED_BY(DEVICE);
    void *runtime_data UDXG_GUARDED_BY(DEVICE); /* owned */
    uint32_t runtime_data_bytes UDXG_GUARDED_BY(DEVICE);
    void *private_data; /* owned; of the resource, as the creator gave it; constant */
    uint32_t private_data_bytes;
};

/* A resource without allocations and without a handle, on its device's list; NULL when the heap is out. */
struct udxg_resource *udxg_resource_create(struct udxg_device *device);

/* Release callback of the handle table. */
void udxg_resource_release(void *resource);
void udxg_resource_unref(struct udxg_resource *resource);

/* Closes the handle of the resource and of all that is in it. STATUS_INVALID_PARAMETER for none of DEVICE's. */
udxg_status udxg_resource_close(struct udxg_device *device, uint32_t handle,
                                struct udxg_destruction *destruction) UDXG_MUST_CHECK;

/* Calls VISIT for each allocation, under the device's lock. */
void udxg_resource_for_each(struct udxg_resource *resource,
                            void (*visit)(struct udxg_allocation *allocation, uint32_t index, void *user), void *user);

/* The resource behind a handle if it is one of DEVICE's, pinned; NULL otherwise. */
struct udxg_resource *udxg_resource_get(struct udxg_device *device, uint32_t handle);
void udxg_resource_put(struct udxg_resource *resource);

#endif
