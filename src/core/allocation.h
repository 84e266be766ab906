/* SPDX-License-Identifier: MIT */
/*
 * Allocations: the memory, which belongs to the adapter, and a device's opening of it, which has the handle.
 */
#ifndef UDXG_CORE_ALLOCATION_H
#define UDXG_CORE_ALLOCATION_H

#include "core/device.h"

/* The adapter's side: what the miniport made and where it lives. */
struct udxg_memory {
    atomic_uint refs;                /* one per opening */
    struct udxg_process_adapter *pa; /* the creator's; constant */
    void *mp_allocation;             /* constant */
    struct vidmm_alloc vidmm;
};

/* A device's side. */
struct udxg_allocation {
    struct udxg_child child;               /* in the resource's list when there is one */
    struct udxg_timeline_entry retirement; /* once the handle is closed */
    struct udxg_memory *memory;            /* referenced; constant */
    struct udxg_resource *resource;        /* referenced; NULL when stand-alone; constant */
    void *mp_binding;                      /* constant */
    struct vidmm_binding vidmm;
    atomic_bool assume_not_in_use; /* how it was destroyed */
};

/* Drops an opening's reference; the memory goes with the last one. Takes NULL. */
void udxg_memory_unref(struct udxg_memory *memory);
/* Ends an opening that has no handle (any more), and its reference to the device. */
void udxg_allocation_destroy(struct udxg_allocation *allocation);

/* Release callback of the handle table. */
void udxg_allocation_release(void *allocation);

/* The allocation behind a handle if it is one of DEVICE's, pinned; NULL otherwise. */
struct udxg_allocation *udxg_allocation_get(struct udxg_device *device, uint32_t handle);
void udxg_allocation_put(struct udxg_allocation *allocation);

/* Allocations of DEVICE behind the handles of one call, pinned, with their bindings side by side. */
struct udxg_pinned {
    uint32_t count;
    struct udxg_allocation **allocations;
    struct vidmm_binding **bindings; /* in the same block */
};

/* Pins all or none: STATUS_INVALID_PARAMETER when one is not an allocation of DEVICE or there is none at all. */
udxg_status udxg_pin(struct udxg_device *device, uint32_t count, const D3DKMT_HANDLE *handles,
                     struct udxg_pinned *ret_pinned) UDXG_MUST_CHECK;
void udxg_unpin(struct udxg_pinned *pinned);

#endif
