/* SPDX-License-Identifier: MIT */
/*
 * A process: its handles, and what it has on each adapter it uses. In-process there is one; the daemon makes
 * one per client.
 */
#ifndef UDXG_CORE_PROCESS_H
#define UDXG_CORE_PROCESS_H

#include "base/foreign.h"
#include "base/slab.h"
#include "core/account.h"
#include "core/adapter.h"
#include "core/fence_page.h"
#include "core/kernel.h"
#include "core/stall.h"
#include "core/trim.h"
#include "core/node_stats.h"
#include "core/section.h"
#include "object/handle.h"
#include "vidmm/vidmm.h"
#include "vidmm/window.h"

struct udxg_device;

/* What a client is to be called with. */
enum udxg_notification_kind { UDXG_NOTIFY_TRIM, UDXG_NOTIFY_BUDGET };
struct udxg_notification {
    enum udxg_notification_kind kind;
    uint32_t flags;         /* of a trim: D3DDDI_TRIMRESIDENCYSET_FLAGS */
    uint64_t bytes;         /* to trim; or the budget */
    void (*callback)(void); /* both the client's, and nothing here */
    void *context;
};

/* The owner of a process that lives here; of one elsewhere it is the uid, which is never this. */
#define UDXG_OWNER_HERE UINT32_MAX

/* How a process that lives elsewhere is reached. */
struct udxg_endpoint {
    struct udxg_foreign memory;
    uint32_t pid, uid;
    const struct udxg_limits *limits; /* borrowed; NULL: none */
    /* Called without locks. Sends a notification; never blocks, may drop what a later one repeats. */
    void (*notify)(const struct udxg_endpoint *endpoint, const struct udxg_notification *notification);
};

/*
 * What one process has on one adapter; made at the first use. It lives as long as the process, and as long as
 * something that outlives the process needs it: a packet that an engine has not left yet, shared memory.
 */
struct udxg_process_adapter {
    atomic_uint refs;               /* the process, every device, every shared resource of its memory */
    struct udxg_adapter *adapter;   /* constant */
    struct udxg_account *account;   /* the process's, referenced; constant; NULL: none */
    struct vidmm_process *vidmm;    /* constant */
    struct udxg_fence_pages fences; /* locks for itself */
    struct udxg_sections sections;  /* locks for itself */
    struct udxg_slab births;        /* of struct udxg_birth; locks for itself */
    struct udxg_node_stats nodes[UDXG_MAX_NODES] UDXG_GUARDED_BY(NODE); /* each by the lock of its own engine */
    struct udxg_slab openings;                       /* of struct udxg_allocation, later ones; locks for itself */
    _Atomic uint64_t granted_packets, granted_bytes; /* to deep queues: core/lane.h */
    atomic_uint events;                              /* of clients, of which we have descriptors of our own */
    atomic_uint devices, contexts;                   /* there are; for tools */
};

struct udxg_process {
    struct udxg_kernel *kernel;                        /* constant */
    uint32_t pid;                                      /* the client's; constant; when it has ended, another's */
    uint32_t owner;                                    /* whose names and global handles it shares; constant */
    const struct udxg_endpoint *endpoint;              /* borrowed; NULL: it lives here; constant */
    struct udxg_account *account;                      /* referenced; constant; NULL: none */
    struct vidmm_windows windows;                      /* lock for themselves */
    uint32_t priority_class UDXG_GUARDED_BY(REGISTRY); /* D3DKMT_SCHEDULINGPRIORITYCLASS */
    struct udxg_registry_entry entry;                  /* in the kernel's list */
    struct udxg_handle_table handles;
    struct udxg_stalls stalls;                 /* locks for itself */
    struct udxg_registrations registrations;   /* locks for itself */
    _Atomic(struct udxg_device *) stripe_user; /* which used stripe 0 last; may be gone, and is only compared */
    atomic_uint stripes_given;                 /* to devices that left stripe 0 */
    struct udxg_mutex_PROCESS lock;            /* for the making of an element of adapters */
    _Atomic(struct udxg_process_adapter *) adapters[UDXG_KERNEL_ADAPTERS]; /* set once each */
};

/* ENDPOINT is borrowed until the process is destroyed; NULL: the process lives here. */
udxg_status udxg_process_create(struct udxg_kernel *kernel, const struct udxg_endpoint *endpoint,
                                struct udxg_process **ret_process) UDXG_MUST_CHECK;
/*
 * Ends the process's calls: each one that sleeps, and each one that would from now on, comes back with
 * STATUS_DEVICE_REMOVED, unless what it waits for is there; work is given up and devices are in error. Whoever serves
 * the process need not wait for it any more: once its calls have come back it can be destroyed.
 */
void udxg_process_cancel(struct udxg_process *process);
/*
 * Destroys all that the process still holds. No call of it may be under way. Packets that run are told to stop
 * and are not waited for: what they hold goes when they do.
 */
void udxg_process_destroy(struct udxg_process *process);

/* How the addresses that the client gives are reached; borrowed. */
const struct udxg_foreign *udxg_process_memory(const struct udxg_process *process);
/* Whether it may do what harms the others on purpose: it is the only one, or the kernel says so. */
bool udxg_process_may_disturb(const struct udxg_process *process);

/* Borrowed: it lives as long as PROCESS at least. */
udxg_status udxg_process_adapter_get(struct udxg_process *process, struct udxg_adapter *adapter,
                                     struct udxg_process_adapter **ret) UDXG_MUST_CHECK;
/*
 * Our own descriptor of a client's event, which the client may close, counted on PA; give it back there.
 * STATUS_INVALID_HANDLE; STATUS_NO_MEMORY: there are no descriptors left, or too many are the process's.
 */
#define UDXG_MAX_EVENTS 4096u
udxg_status udxg_process_event_get(struct udxg_process_adapter *pa, HANDLE event, int *ret_fd) UDXG_MUST_CHECK;
void udxg_process_event_put(struct udxg_process_adapter *pa, int fd);

void udxg_process_adapter_ref(struct udxg_process_adapter *pa);
void udxg_process_adapter_unref(struct udxg_process_adapter *pa);

#endif
