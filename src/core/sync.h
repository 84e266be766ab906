/* SPDX-License-Identifier: MIT */
/*
 * Synchronisation objects. An object is a value with waiters; what has a local handle is an opening of it, with a
 * device and rights of its own. An object may have openings of several devices and processes, and NT handles.
 *
 *   handle --> opening --> object <-- NT handle, sync file
 *                            ^--- waiters, queued packets: keep its memory, and no more
 *
 * When the last opening and the last NT handle are gone, nobody can signal it and it is abandoned: its waiters are let
 * go (decision 7). A sync file, and an opening that cannot signal, only watch it: they do not keep it from being
 * abandoned, but as long as there is one, signals that are queued do.
 *
 *   mutex           belongs to a device or to nobody; a wait takes it, a signal of that device gives it up
 *   semaphore       a count; a wait takes one, a signal adds one, up to the most there can be
 *   fence           a value; what waits for at most that goes on
 *   notification    an eventfd, which a signal signals
 *   monitored fence a fence whose word clients read and engines write (core/fence_page.h); native ones too
 */
#ifndef UDXG_CORE_SYNC_H
#define UDXG_CORE_SYNC_H

#include "core/device.h"
#include "core/fence_page.h"
#include "core/shared.h"
#include "core/wait.h"

/* What stands behind a local handle. */
struct udxg_sync_opening {
    struct udxg_child child;                     /* its device is NULL for one that is of no device */
    struct udxg_process *process;                /* constant, like what follows */
    struct udxg_sync *sync;                      /* referenced */
    bool no_signal, no_wait;                     /* by its flags, or for want of the right */
    bool creator;                                /* made with the object */
    bool watches;                                /* no opening of the shared object: it cannot signal */
    bool shown;                                  /* to its process, as a page that the fence is alone in */
    const volatile uint64_t *cpu;                /* where its process reads the value; NULL: nowhere */
    uint64_t gpu_va;                             /* on its adapter; 0: none */
    uint64_t own_mapping;                        /* gpu_va's block, where it is not the object's; 0: none */
    struct udxg_list link UDXG_GUARDED_BY(SYNC); /* in the object's list */
};

struct udxg_sync {
    struct udxg_shared shared; /* its references: openings that may signal, NT handles, who is just opening it */
    atomic_uint refs;          /* all of these together one, every opening, waiter, queued packet, sync file */
    atomic_uint signals;       /* queued ones, and queues that will make more */
    atomic_bool gone;  /* shared has no reference left; read after a step of signals, written before it is read */
    atomic_bool ended; /* of a fence: UINT64_MAX for good; written under SYNC */
    D3DDDI_SYNCHRONIZATIONOBJECT_TYPE type; /* constant, like what follows down to the slot */
    D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS flags;
    bool native, intra_gpu;           /* a native fence */
    uint32_t maximum;                 /* of a semaphore */
    int event_fd;                     /* of a notification, ours; -1 */
    uint64_t creator;                 /* of that process, its serial; 0: none */
    struct udxg_process_adapter *pa;  /* of the creator, referenced */
    struct udxg_fence_slot slot;      /* of monitored fences; its value is written under SYNC, and by engines */
    struct udxg_fence_slot monitored; /* of native ones: the smallest value that anybody waits for */
    _Atomic uint64_t own_value;       /* of other fences */
    struct udxg_mutex_SYNC lock;
    bool abandoned UDXG_GUARDED_BY(SYNC); /* gone, and watched for no signal that is still to come */
    uint32_t watchers UDXG_GUARDED_BY(SYNC);
    uint32_t count UDXG_GUARDED_BY(SYNC);            /* of a semaphore */
    struct udxg_device *owner UDXG_GUARDED_BY(SYNC); /* of a mutex; NULL: free */
    struct udxg_list owned;                          /* in the owner's list, by that one's lock */
    struct udxg_order waiters UDXG_GUARDED_BY(SYNC); /* by value; of other objects than fences all 0 */
    struct udxg_list openings UDXG_GUARDED_BY(SYNC);
    struct udxg_sync_opening first; /* the creator's */
};

/* What an object is made of. */
struct udxg_sync_desc {
    D3DDDI_SYNCHRONIZATIONOBJECT_TYPE type;
    D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS flags;
    uint64_t value;   /* fences: the first one; semaphores: the count */
    uint32_t maximum; /* semaphores */
    bool owned;       /* mutexes: by the device */
    bool native, intra_gpu;
    int event_fd;                    /* notifications: taken on success, from whoever PA counts it for */
    struct udxg_process_adapter *pa; /* without a device: where the event counts */
};

/* Makes an object without a handle: the caller holds the one reference. No device: a notification for one call. */
udxg_status udxg_sync_create_any(struct udxg_device *device, const struct udxg_sync_desc *desc,
                                 struct udxg_sync **ret_sync) UDXG_MUST_CHECK;
/* The same for a monitored fence. */
udxg_status udxg_sync_create(struct udxg_device *device, D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS flags,
                             uint64_t initial_value, struct udxg_sync **ret_sync) UDXG_MUST_CHECK;
/* The same with a global handle where the flags ask for one, and a reserved number for it to be published with. */
udxg_status udxg_sync_make(struct udxg_device *device, const struct udxg_sync_desc *desc, struct udxg_sync **ret_sync,
                           uint32_t *ret_handle) UDXG_MUST_CHECK;
/* Its first opening gets a handle that takes the caller's reference; device and table know it from here on. */
void udxg_sync_publish(struct udxg_sync *sync, uint32_t handle);

/* What a call does with objects; a set. */
enum udxg_sync_use { UDXG_SYNC_ANY = 0, UDXG_SYNC_WAIT = 1, UDXG_SYNC_SIGNAL = 2 };
/*
 * References to the objects behind COUNT handles, all or none. STATUS_INVALID_PARAMETER, also for none at all;
 * STATUS_DEVICE_REMOVED; STATUS_ACCESS_DENIED for a handle that may not be used for that.
 */
udxg_status udxg_syncs_get(struct udxg_process *process, uint32_t count, const D3DKMT_HANDLE *handles,
                           enum udxg_sync_use use, struct udxg_sync **ret_syncs) UDXG_MUST_CHECK;
void udxg_syncs_put(uint32_t count, struct udxg_sync *const *syncs);
void udxg_sync_ref(struct udxg_sync *sync);
/* For those who know it from elsewhere than a reference, and keep it from being freed: false when it is going. */
bool udxg_sync_try_ref(struct udxg_sync *sync) UDXG_MUST_CHECK;
void udxg_sync_unref(struct udxg_sync *sync);
/* Release callback of the handle table, for an opening. */
void udxg_sync_release(void *opening);

/* Monitored fences of any kind: with a value that the CPU waits for and signals. */
static inline bool udxg_sync_is_monitored(const struct udxg_sync *sync)
{
    return sync->type == D3DDDI_MONITORED_FENCE;
}
/* Whether a wait takes something from it. */
static inline bool udxg_sync_is_used_up(const struct udxg_sync *sync)
{
    return sync->type == D3DDDI_SYNCHRONIZATION_MUTEX || sync->type == D3DDDI_SEMAPHORE;
}

/* Of fences. */
uint64_t udxg_sync_value(struct udxg_sync *sync);
/*
 * Sets a fence and releases the waits it satisfies. STATUS_INVALID_PARAMETER backwards without REWIND, and always for
 * one that has ended.
 */
udxg_status udxg_sync_signal(struct udxg_sync *sync, uint64_t value, bool rewind) UDXG_MUST_CHECK;

/*
 * The device is in error, and nothing of it executes any more: the fences that it made or may signal go to UINT64_MAX
 * for good, so that nobody waits for work that will not be done; mutexes of its go to whoever waits.
 */
void udxg_syncs_end_waits(struct udxg_device *device);
/* The same for one fence, a signal of which is lost because its device is in error; nothing of any other object. */
void udxg_sync_end_collect(struct udxg_sync *sync, struct udxg_list *fired);

/*
 * A signal of it is queued, or somebody will queue signals without a handle of it; and it has been made, or is lost:
 * what watches it may be told that it will never come. Without locks.
 */
void udxg_sync_expect(struct udxg_sync *sync);
void udxg_sync_expect_no_more(struct udxg_sync *sync);
/* Somebody watches it, with a reference of his; and does not any more. Without locks. */
void udxg_sync_watch(struct udxg_sync *sync);
void udxg_sync_unwatch(struct udxg_sync *sync);

/*
 * A signal of an engine for DEVICE. It may move a fence backwards, as it may write its word: that is the client's own
 * affair. A mutex of somebody else, and a semaphore that is full, stay as they are.
 */
void udxg_sync_store(struct udxg_sync *sync, uint64_t value);
/* The halves of that: the value is there, and the waits it satisfies are on FIRED; then these are released ... */
void udxg_sync_store_collect(struct udxg_sync *sync, const struct udxg_device *device, uint64_t value,
                             struct udxg_list *fired);
/* ... and what can only be done without locks is done. */
void udxg_sync_notify(struct udxg_sync *sync);

/* ---- for waits ---- */

/* Whether the waiter need not wait: it has fired, and has what it came for. Otherwise it hangs. */
bool udxg_sync_hang(struct udxg_sync *sync, struct udxg_waiter *waiter) UDXG_MUST_CHECK;
void udxg_sync_unhang_locked(struct udxg_sync *sync, struct udxg_waiter *waiter) UDXG_REQUIRES(SYNC);
/* Undoes what a wait of OWNER took; the waits that have it now are on FIRED. */
void udxg_sync_give_back_collect(struct udxg_sync *sync, const struct udxg_device *owner, struct udxg_list *fired);
/* The same, and lets these go. */
void udxg_sync_give_back(struct udxg_sync *sync, const struct udxg_device *owner);

/* ---- openings ---- */

/* How an object is to be opened. */
struct udxg_sync_open {
    struct udxg_device *device;               /* NULL: of none */
    D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS flags; /* NoSignal, NoWait, NoGPUAccess */
    uint32_t access;                          /* D3DDDI_SYNC_OBJECT_... and generic rights */
    bool watches;                             /* by somebody who only watches it, and has no opening of sync->shared */
};
/*
 * Makes an opening without a handle. It takes the caller's opening of sync->shared, if he has one, on success.
 * STATUS_INVALID_PARAMETER where the object is not for that adapter.
 */
udxg_status udxg_sync_opening_create(struct udxg_process *process, struct udxg_sync *sync,
                                     const struct udxg_sync_open *how,
                                     struct udxg_sync_opening **ret_opening) UDXG_MUST_CHECK;
void udxg_sync_opening_publish(struct udxg_sync_opening *opening, uint32_t handle);
/* Takes one that was not published away again. */
void udxg_sync_opening_discard(struct udxg_sync_opening *opening);

/* The same and a number for it, where such an opening is taken in any case. */
udxg_status udxg_sync_open_shared(struct udxg_process *process, struct udxg_sync *sync,
                                  const struct udxg_sync_open *how, struct udxg_sync_opening **ret_opening,
                                  uint32_t *ret_handle) UDXG_MUST_CHECK;
/*
 * For D3DKMTShareObjects: a reference to what a local handle is an opening of, if NT handles of it can be made, and the
 * rights that this opening has not and so cannot hand on; NULL otherwise.
 */
struct udxg_shared *udxg_sync_get_shareable(struct udxg_process *process, uint32_t handle, uint32_t *ret_withheld);
/*
 * The object behind an NT handle, opened with the handle's access, and a number for it. STATUS_INVALID_HANDLE,
 * STATUS_OBJECT_TYPE_MISMATCH; STATUS_INVALID_PARAMETER also where NATIVE is not what it is.
 */
udxg_status udxg_sync_open_nt(struct udxg_process *process, HANDLE nt_handle, bool native, struct udxg_sync_open *how,
                              struct udxg_sync_opening **ret_opening, uint32_t *ret_handle) UDXG_MUST_CHECK;

extern const struct udxg_shared_class udxg_sync_class;
static inline struct udxg_sync *udxg_sync_of(struct udxg_shared *shared)
{
    return udxg_container_of(shared, struct udxg_sync, shared);
}

#endif
