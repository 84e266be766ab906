/* SPDX-License-Identifier: MIT */
/*
 * Synchronisation objects. A monitored fence is a 64-bit value that only waits look at; its word lies in a
 * fence slot, so that clients can read it and engines write it.
 *
 * A wait is a counted struct with one waiter per object. Waiters hang in their objects' lists; a signal takes
 * those it satisfies off under the lock and calls them after it. What a wait does when it is over is its
 * owner's business: wake a thread, write an eventfd, let a context go on.
 */
#ifndef UDXG_CORE_SYNC_H
#define UDXG_CORE_SYNC_H

#include <stdatomic.h>
#include <stdbool.h>

#include "core/device.h"
#include "core/fence_page.h"

struct udxg_sync {
    struct udxg_child child;
    atomic_uint refs;                         /* the handle, every waiter, every queued packet */
    D3DDDI_SYNCHRONIZATIONOBJECT_TYPE type;   /* constant */
    D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS flags; /* constant */
    struct udxg_fence_slot slot;              /* constant; its value is written under SYNC, and by engines */
    struct udxg_mutex_SYNC lock;
    bool abandoned UDXG_GUARDED_BY(SYNC); /* no handle any more: no wait can be satisfied by a client */
    struct udxg_list waiters UDXG_GUARDED_BY(SYNC);
};

struct udxg_wait;

struct udxg_waiter {
    struct udxg_list link UDXG_GUARDED_BY(SYNC);
    struct udxg_sync *sync; /* referenced; constant */
    uint64_t value;         /* satisfied when the object's is at least this; constant */
    struct udxg_wait *wait;
    bool fired UDXG_GUARDED_BY(SYNC); /* off the list for good */
    bool broken;                      /* fired because the object is abandoned; of whom it fired for from then on */
};

struct udxg_wait {
    atomic_uint refs;     /* the owner, and every waiter that has not fired */
    atomic_int remaining; /* satisfied waiters that are still missing; done() runs at the step from 1 to 0 */
    atomic_bool broken;   /* before done(): it is over, but a value that it needed will never come */
    void (*done)(struct udxg_wait *wait); /* without locks, once, on the thread that signals; constant */
    void (*free)(struct udxg_wait *wait); /* with the last reference; constant */
    uint32_t count;
    struct udxg_waiter waiters[];
};

/* Makes a monitored fence without a handle: the caller holds the one reference. */
udxg_status udxg_sync_create(struct udxg_device *device, D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS flags,
                             uint64_t initial_value, struct udxg_sync **ret_sync) UDXG_MUST_CHECK;
/* A reference to the monitored fence behind a handle; STATUS_INVALID_PARAMETER, STATUS_DEVICE_REMOVED. */
udxg_status udxg_sync_get(struct udxg_process *process, uint32_t handle, struct udxg_sync **ret_sync) UDXG_MUST_CHECK;
/* The same for COUNT handles, all or none; STATUS_INVALID_PARAMETER for none at all. */
udxg_status udxg_syncs_get(struct udxg_process *process, uint32_t count, const D3DKMT_HANDLE *handles,
                           struct udxg_sync **ret_syncs) UDXG_MUST_CHECK;
/* Gives it a handle that takes the caller's reference; device and table know it from here on. */
void udxg_sync_publish(struct udxg_sync *sync, uint32_t handle);
void udxg_sync_ref(struct udxg_sync *sync);
/* For those who know it from elsewhere than a reference, and keep it from being freed: false when it is going. */
bool udxg_sync_try_ref(struct udxg_sync *sync) UDXG_MUST_CHECK;
void udxg_sync_unref(struct udxg_sync *sync);
/* Release callback of the handle table: wakes whoever waits, since nobody can signal any more. */
void udxg_sync_release(void *sync);

uint64_t udxg_sync_value(struct udxg_sync *sync);
/* Sets the value and releases the waits it satisfies. STATUS_INVALID_PARAMETER backwards without REWIND. */
udxg_status udxg_sync_signal(struct udxg_sync *sync, uint64_t value, bool rewind) UDXG_MUST_CHECK;

/* The device is in error: its fences go to UINT64_MAX, so that nobody waits for work that will not be done. */
void udxg_syncs_end_waits(struct udxg_device *device);

/*
 * The same for an engine, which may move a fence backwards, as it may write its word: that is the client's own
 * affair.
 */
void udxg_sync_store(struct udxg_sync *sync, uint64_t value);
/* The two halves of that: the value is there, and the waits it satisfies are on FIRED; then these are released. */
void udxg_sync_store_collect(struct udxg_sync *sync, uint64_t value, struct udxg_list *fired);
void udxg_sync_fire(struct udxg_list *fired);

/* SIZE_BYTES for the owner's struct that ends in a udxg_wait with COUNT waiters. */
static inline size_t udxg_wait_bytes(size_t prefix_bytes, uint32_t count)
{
    return prefix_bytes + sizeof(struct udxg_wait) + count * sizeof(struct udxg_waiter);
}
/* Fills in a wait for all (or any) of COUNT values; the caller owns one reference. */
void udxg_wait_init(struct udxg_wait *wait, uint32_t count, struct udxg_sync *const *syncs, const uint64_t *values,
                    bool any, void (*done)(struct udxg_wait *), void (*free)(struct udxg_wait *));
/* Hangs the waiters in; done() may run before it returns, on this thread. */
void udxg_wait_start(struct udxg_wait *wait);
/* Takes waiters that have not fired off again; done() may still be running or have run. */
void udxg_wait_cancel(struct udxg_wait *wait);
void udxg_wait_unref(struct udxg_wait *wait);

#endif
