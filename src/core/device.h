/* SPDX-License-Identifier: MIT */
/*
 * A device: what a client does its work on. It owns contexts, paging queues, allocations, resources and
 * synchronisation objects, which all die with it, and its timeline.
 *
 * The timeline is the list of what was submitted and has not retired, in order of submission, with markers
 * in between. A marker fires when nothing submitted before it is left: that is how a destroyed allocation
 * outlives the work that may use it without anybody waiting.
 *
 * States: ACTIVE -> ERROR (a fault, MustSucceed, MarkDeviceAsError) -> gone. udxg_device_fail() is the only
 * writer. A device in error takes no work; everything on it can still be queried and destroyed.
 */
#ifndef UDXG_CORE_DEVICE_H
#define UDXG_CORE_DEVICE_H

#include <stdatomic.h>

#include "base/list.h"
#include "core/ownership.h"
#include "core/process.h"

struct udxg_resource;

/* Embeddable: what every object of a device starts with. */
struct udxg_child {
    struct udxg_device *device;                    /* referenced; constant */
    uint32_t handle;                               /* 0 before it is published, and once it is closed */
    struct udxg_list link UDXG_GUARDED_BY(DEVICE); /* in the device's list of its kind, or a resource's */
};

/* Embeddable: a place on the device's timeline. */
struct udxg_timeline_entry {
    struct udxg_list link UDXG_GUARDED_BY(DEVICE);
    void (*fire)(struct udxg_timeline_entry *entry); /* of a marker; NULL for submitted work */
};

/* D3DKMT_DEVICEEXECUTION_STATE and D3DKMT_DEVICEPAGEFAULT_STATE of a device in error. */
struct udxg_device_error {
    D3DKMT_DEVICEEXECUTION_STATE state;
    struct udxg_submit_fault fault;
};

struct udxg_device {
    struct vidmm_device vidmm; /* first: vidmm's callbacks find the device by it */
    atomic_uint refs;          /* the handle, every child, every packet */
    struct udxg_process *process;
    struct udxg_process_adapter *pa;
    struct udxg_adapter *adapter;
    struct udxg_era *era;                           /* of the adapter, in which it was made; constant */
    struct udxg_list link UDXG_GUARDED_BY(ADAPTER); /* in the adapter's list */
    bool removed UDXG_GUARDED_BY(ADAPTER);          /* the end of its era has reached it */
    bool no_timeout;                                /* DisableGpuTimeout; constant */
    void *mp_device;
    uint32_t handle;
    atomic_uint stripe;   /* base/stripe.h; leaves 0 once, and stays where it then is */
    atomic_uint meetings; /* how often another device was met in stripe 0 */
    struct udxg_mutex_DEVICE lock;
    struct udxg_list children[UDXG_HANDLE_TYPE_COUNT] UDXG_GUARDED_BY(DEVICE);
    struct udxg_list timeline UDXG_GUARDED_BY(DEVICE);
    uint64_t in_flight UDXG_GUARDED_BY(DEVICE);   /* packets on the timeline */
    struct udxg_timeline_entry in_error_marker;   /* nothing that ran when the device failed runs any more */
    bool in_error_marked UDXG_GUARDED_BY(DEVICE); /* the marker is on the timeline */
    pthread_cond_t changed;                       /* with lock: in_flight or somebody's count fell to 0 */
    struct udxg_ownership ownership;              /* locks for itself */
    struct udxg_device_error error UDXG_GUARDED_BY(DEVICE);
    atomic_bool in_error; /* error.state is not ACTIVE; set after it, read without the lock */
};

/*
 * The stripe for what is made for the device. All devices begin in stripe 0, so that a program with one of them is
 * given numbers that rise together. One that keeps taking turns with others there moves out, once.
 */
unsigned udxg_device_stripe(struct udxg_device *device);

/* For who finds it on the adapter's list: false when it is going. */
bool udxg_device_try_ref(struct udxg_device *device) UDXG_MUST_CHECK;
/* Whether its adapter was removed or reset since it was made. */
static inline bool udxg_device_is_removed(const struct udxg_device *device)
{
    return udxg_era_is_over(device->era);
}
/* Drops a reference; the device goes with the last one. */
void udxg_device_unref(struct udxg_device *device);

/*
 * The device behind a handle, pinned: every handler's first look-up. STATUS_INVALID_PARAMETER for anything
 * else, STATUS_DEVICE_REMOVED when it was removed. End it with udxg_device_put().
 */
udxg_status udxg_device_get(struct udxg_process *process, uint32_t handle,
                            struct udxg_device **ret_device) UDXG_MUST_CHECK;
/* The same for calls that work on a removed device: destroy, unlock, queries of state. NULL when there is none. */
struct udxg_device *udxg_device_find(struct udxg_process *process, uint32_t handle);
void udxg_device_put(struct udxg_device *device);
/* DestroyDevice: the handle means nothing from here on, and none of its notifications runs. False: not a device's. */
bool udxg_device_close(struct udxg_process *process, uint32_t handle);

/*
 * Puts an object on the device's list of its kind and takes a reference to the device. The caller has the
 * device pinned, so that nobody is closing its children at the time.
 */
void udxg_device_add_child(struct udxg_device *device, enum udxg_handle_type type, struct udxg_child *child);
/* Takes it off again; the reference goes with it. Not for objects of a resource. */
void udxg_device_remove_child(struct udxg_child *child);
/* The first half of that: the reference to the device stays with the caller. */
void udxg_device_unlink_child(struct udxg_child *child);
/*
 * Its handle has been closed and the last pin is gone, but the object lives on. The number may soon mean another
 * object, so that nobody must close it in this one's name.
 */
void udxg_device_child_closed(struct udxg_child *child);
/* The handle of a child that somebody else may be closing. */
uint32_t udxg_device_child_handle(struct udxg_child *child);

/* Puts the device in error. Later causes do not change what it says of itself, but end what it has made since. */
void udxg_device_fail(struct udxg_device *device, D3DKMT_DEVICEEXECUTION_STATE state,
                      const struct udxg_submit_fault *fault);
static inline bool udxg_device_in_error(struct udxg_device *device)
{
    return atomic_load_explicit(&device->in_error, memory_order_acquire);
}

/* Appends submitted work to the timeline, and takes it off when it has retired. */
void udxg_device_submit(struct udxg_device *device, struct udxg_timeline_entry *entry);
void udxg_device_retire(struct udxg_device *device, struct udxg_timeline_entry *entry);
/* The same, and calls STEP under the device's lock: to whoever takes that, retirement and step are one. */
void udxg_device_retire_with(struct udxg_device *device, struct udxg_timeline_entry *entry, void (*step)(void *user),
                             void *user);
/* Calls entry->fire once all that is submitted by now has retired: perhaps at once, on this thread, without locks. */
void udxg_device_when_retired(struct udxg_device *device, struct udxg_timeline_entry *entry);
/* The same in the caller's hands: true when ENTRY will fire later, false when nothing stands before it now. */
bool udxg_device_queue_marker_locked(struct udxg_device *device, struct udxg_timeline_entry *entry)
    UDXG_REQUIRES(DEVICE);
/* Whether nothing is in flight. */
bool udxg_device_is_idle(struct udxg_device *device);

/* What a call waits for until there is none left; on the heap: the call may leave before. */
struct udxg_device_count {
    uint32_t count UDXG_GUARDED_BY(DEVICE);
    bool left UDXG_GUARDED_BY(DEVICE); /* by the call: whoever counts down to 0 frees it */
};
struct udxg_device_count *udxg_device_count_create(void); /* of 0; NULL: no memory */
void udxg_device_count_up(struct udxg_device *device, struct udxg_device_count *count);
void udxg_device_count_down(struct udxg_device *device, struct udxg_device_count *count);
/*
 * All block: until nothing is in flight, until what is queued by now has retired, until COUNT, which is taken, is 0.
 * The caller has a reference and nothing pinned. STATUS_DEVICE_REMOVED: the process was cancelled before.
 */
udxg_status udxg_device_wait_idle(struct udxg_device *device) UDXG_MUST_CHECK;
udxg_status udxg_device_wait_queued(struct udxg_device *device) UDXG_MUST_CHECK;
udxg_status udxg_device_wait_count(struct udxg_device *device, struct udxg_device_count *count) UDXG_MUST_CHECK;

#endif
