/* SPDX-License-Identifier: MIT */
/*
 * What several devices, and several processes, can have open: a shared resource, a sync object, a keyed mutex.
 * The object is embedded as a udxg_shared; what has a local handle is an opening of it.
 *
 *   reference   keeps the object: every opening has one, every NT handle, and whoever works with it
 *   opening     keeps its global handle: that dies with the last opening, whatever else refers to the object
 *
 * An object has a global handle (CreateShared without NtSecuritySharing), or can be given NT handles (with it), or
 * neither; never both.
 *
 * A global handle is a random number with its low six bits 2, in a number space of its own: it is not found by
 * counting. Whoever finds one gets an opening, so that what he then opens cannot have lost its handle meanwhile. It is
 * found by processes of its owner alone (core/process.h), because somebody may count for long.
 *
 * Lock: GLOBAL for the table of global handles; the counts are atomic.
 */
#ifndef UDXG_CORE_SHARED_H
#define UDXG_CORE_SHARED_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/list.h"
#include "base/lock.h"
#include "base/status.h"

struct udxg_device;
struct udxg_globals;
struct udxg_shared;

enum udxg_shared_kind { UDXG_SHARED_RESOURCE, UDXG_SHARED_SYNC, UDXG_SHARED_KEYED_MUTEX, UDXG_SHARED_SYNC_FILE };

/* Who opens what stands beside a resource in one NT handle, and with what. */
struct udxg_shared_opener {
    struct udxg_device *device;
    uint32_t access;          /* of the NT handle */
    const void *runtime_data; /* for a keyed mutex that has none yet; of the call */
    uint32_t runtime_data_bytes;
};

/*
 * What a kind is; constant data. The last three are how OpenResourceFromNtHandle opens what stands beside a
 * resource in one NT handle, and are not there for resources themselves: an opening is made (with a reference and
 * an opening of SHARED, and no handle yet), then published with a reserved handle, or discarded.
 */
struct udxg_shared_class {
    enum udxg_shared_kind kind;
    void (*destroy)(struct udxg_shared *shared); /* with the last reference, without locks */
    udxg_status (*open)(struct udxg_shared *shared, const struct udxg_shared_opener *opener, void **ret_opening);
    void (*publish)(void *opening, uint32_t handle);
    void (*discard)(void *opening);
};

/* Embeddable. */
struct udxg_shared {
    const struct udxg_shared_class *class;
    atomic_uint refs;
    atomic_uint openings;
    bool nt_sharing;                                           /* NT handles may be made; constant */
    uint32_t global_handle;                                    /* 0: none; constant once the object is published */
    uint32_t owner;                                            /* who finds the global handle; constant with it */
    struct udxg_globals *globals;                              /* where the global handle is; constant with it */
    struct udxg_hash_node global_node UDXG_GUARDED_BY(GLOBAL); /* in globals while global_handle means it */
};

/* The caller has the one reference and the one opening. */
void udxg_shared_init(struct udxg_shared *shared, const struct udxg_shared_class *class, bool nt_sharing);
void udxg_shared_ref(struct udxg_shared *shared);
/* For those who know it from elsewhere than a reference, and keep it from being freed: false when it is going. */
bool udxg_shared_try_ref(struct udxg_shared *shared) UDXG_MUST_CHECK;
void udxg_shared_unref(struct udxg_shared *shared);
/* One opening more, with its reference, by somebody who has a reference; and the end of one. */
void udxg_shared_open(struct udxg_shared *shared);
void udxg_shared_close(struct udxg_shared *shared);
/* The first half of that: the reference stays, for an opening that lives on after its local handle. */
void udxg_shared_end_opening(struct udxg_shared *shared);

/* Embeddable: the global handles of a kernel. */
struct udxg_globals {
    struct udxg_mutex_GLOBAL lock;
    struct udxg_hash table UDXG_GUARDED_BY(GLOBAL);
};

void udxg_globals_init(struct udxg_globals *globals);
/* Every opening must be gone. */
void udxg_globals_fini(struct udxg_globals *globals);

/*
 * Gives an object without openings but the caller's its global handle, in shared->global_handle; it can be found
 * from here on. STATUS_NO_MEMORY when there are no numbers left.
 */
udxg_status udxg_global_publish(struct udxg_globals *globals, uint32_t owner,
                                struct udxg_shared *shared) UDXG_MUST_CHECK;
/* The object of that kind behind a global handle of OWNER's, with an opening for the caller; NULL: there is none. */
struct udxg_shared *udxg_global_find(struct udxg_globals *globals, uint32_t owner, uint32_t handle,
                                     enum udxg_shared_kind kind);

#endif
