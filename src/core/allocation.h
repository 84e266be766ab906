/* SPDX-License-Identifier: MIT */
/*
 * Allocations: the memory, which belongs to the adapter, and a device's opening of it, which has the handle.
 */
#ifndef UDXG_CORE_ALLOCATION_H
#define UDXG_CORE_ALLOCATION_H

#include "core/device.h"

struct udxg_write_watch;

/* The adapter's side: what the miniport made and where it lives. */
struct udxg_memory {
    atomic_uint refs;                /* one per opening, one for a shared resource, which keep pa alive, too */
    bool told_miniport;              /* without NoKmdAccess; constant, as the rest is */
    struct udxg_process_adapter *pa; /* the creator's */
    void *mp_allocation;
    struct udxg_write_watch *watch; /* owned; NULL: not watched */
    struct udxg_section *section;   /* owned; whose pages are vidmm.home; NULL: they are no file's */
    struct udxg_memory *origin;     /* of another adapter, whose home it uses; referenced; NULL */
    struct vidmm_alloc vidmm;
};

/* A device's side. */
struct udxg_allocation {
    union {
        struct udxg_child child; /* in the resource's list when there is one */
        struct {
            char of_child[offsetof(struct udxg_child, handle) + sizeof(uint32_t)];
            atomic_uint locks;                     /* Lock and Lock2 minus Unlock and Unlock2; where child has a hole */
            struct udxg_timeline_entry retirement; /* takes over the link of child once the handle is closed */
        };
    };
    struct vidmm_binding vidmm;
    struct udxg_memory *memory;     /* referenced; constant */
    struct udxg_resource *resource; /* referenced; NULL when stand-alone; constant */
    void *mp_binding;               /* constant */
    /*
     * Whoever closed the handle, and has it pinned, says here how: read after the last pin. If nothing can be in use,
     * retirement.fire is NULL.
     */
    struct udxg_device_count *awaited; /* counts what the call that destroyed it waits for; NULL */
};

_Static_assert(offsetof(struct udxg_allocation, retirement) == offsetof(struct udxg_allocation, child.link),
               "locks does not fit the hole");

/*
 * What a call that makes memory makes: the memory and its first opening, in one block, because they are used together.
 * It goes with the memory, which is the last of the two. Later openings of the memory are objects of their own.
 */
struct udxg_birth {
    struct udxg_allocation opening;
    struct udxg_memory memory;
};

/* How a device opens a memory; all are borrowed but the reference to the memory, which the opening takes over. */
struct udxg_opening {
    struct udxg_device *device;
    struct udxg_memory *memory;
    struct udxg_resource *resource; /* NULL: stand-alone */
    void *private_data;             /* for the miniport, which must not change them */
    uint32_t private_data_bytes;
    bool first;  /* of this memory */
    bool create; /* by the call that creates the allocation */
    bool read_only;
};

/* An opening without a handle yet. When it fails, the memory's reference is still the caller's. */
udxg_status udxg_allocation_open(const struct udxg_opening *opening,
                                 struct udxg_allocation **ret_allocation) UDXG_MUST_CHECK;

/* One call that destroys. */
struct udxg_destruction {
    bool assume_not_in_use;
    struct udxg_device_count *missing; /* synchronous: what this call has closed and is not gone yet; NULL */
};

/* Its locks, which are counted for each opening: one that did not lock cannot unlock. As vidmm_alloc_lock(), _unlock().
 */
udxg_status udxg_allocation_lock(struct udxg_allocation *allocation, void **ret_address) UDXG_MUST_CHECK;
udxg_status udxg_allocation_unlock(struct udxg_allocation *allocation) UDXG_MUST_CHECK;

/* Drops an opening's reference; the memory goes with the last one. Takes NULL. */
void udxg_memory_unref(struct udxg_memory *memory);
/* Ends an opening that has no handle (any more), and its reference to the device. */
void udxg_allocation_destroy(struct udxg_allocation *allocation);

/* Makes a reserved number mean it. The caller has put it on its list: from here on anybody may close it. */
void udxg_allocation_publish(struct udxg_allocation *allocation, uint32_t handle) UDXG_REQUIRES(DEVICE);
/* Release callback of the handle table. */
void udxg_allocation_release(void *allocation);

/* Closes the handle of a pinned allocation; false when somebody else was first. */
bool udxg_allocation_close(struct udxg_allocation *allocation, struct udxg_destruction *destruction);

/* The allocation behind a handle if it is one of DEVICE's, pinned; NULL otherwise. */
struct udxg_allocation *udxg_allocation_get(struct udxg_device *device, uint32_t handle);
void udxg_allocation_put(struct udxg_allocation *allocation);

#define UDXG_PINNED_FEW 8u

/*
 * Allocations of DEVICE behind the handles of one call, pinned, with what vidmm wants of them side by side. To pin and
 * to unpin none of them is looked at: that is for who must, because of many none is in a cache. Not to be copied.
 */
struct udxg_pinned {
    uint32_t count;
    struct udxg_device *device;
    const D3DKMT_HANDLE *handles; /* the call's own */
    struct udxg_allocation **allocations;
    struct vidmm_binding **bindings;
    struct vidmm_hold **holds;
    void *few[3 * UDXG_PINNED_FEW]; /* where all three lie when they are few; else on the heap, in one block */
};

/* Pins all or none: STATUS_INVALID_PARAMETER when one is not an allocation of DEVICE or there is none at all. */
udxg_status udxg_pin(struct udxg_device *device, uint32_t count, const D3DKMT_HANDLE *handles,
                     struct udxg_pinned *ret_pinned) UDXG_MUST_CHECK;
void udxg_unpin(struct udxg_pinned *pinned);

#endif
