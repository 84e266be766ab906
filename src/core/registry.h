/* SPDX-License-Identifier: MIT */
/*
 * Who is there: the processes of a kernel, for tools and for calls that name another process. A process is on the list
 * from the end of its creation to the beginning of its end.
 *
 * Nobody works on the list: who wants to know something of others takes a copy of what the list says, with references
 * to what they have on adapters, and looks at that without any lock. A process may end meanwhile; what it has on
 * adapters goes then with the last of these references.
 *
 * Lock: REGISTRY, for as long as it takes to copy a few words of each process. It counts nothing by itself and knows
 * nothing of memory.
 */
#ifndef UDXG_CORE_REGISTRY_H
#define UDXG_CORE_REGISTRY_H

#include <stdbool.h>
#include <stdint.h>

#include <dxg/d3dkmthk.h>

#include "base/list.h"
#include "base/lock.h"
#include "base/status.h"

struct udxg_kernel;
struct udxg_process;
struct udxg_process_adapter;

#define UDXG_PROCESS_NAME_CHARS 16u /* as long as the system's own names of processes, with the zero at the end */
#define UDXG_REGISTRY_ADAPTERS 16u  /* UDXG_KERNEL_ADAPTERS */

/* Embeddable: a kernel's list. */
struct udxg_registry {
    struct udxg_mutex_REGISTRY lock;
    struct udxg_list entries UDXG_GUARDED_BY(REGISTRY); /* struct udxg_registry_entry, the oldest first */
    uint32_t count UDXG_GUARDED_BY(REGISTRY);           /* of entries */
    uint64_t made UDXG_GUARDED_BY(REGISTRY);            /* ever */
};

/* Embeddable: a process on it. */
struct udxg_registry_entry {
    struct udxg_list link UDXG_GUARDED_BY(REGISTRY);
    uint64_t serial; /* 1 is the kernel's first; never used again; constant */
    bool has_uid UDXG_GUARDED_BY(REGISTRY);
    uint32_t uid UDXG_GUARDED_BY(REGISTRY);
    char name[UDXG_PROCESS_NAME_CHARS] UDXG_GUARDED_BY(REGISTRY); /* printable ASCII; empty: nobody has said it */
};

void udxg_registry_init(struct udxg_registry *registry);
void udxg_registry_fini(struct udxg_registry *registry);
/* The process is complete. */
void udxg_registry_add(struct udxg_process *process);
/* It begins to end: it is still complete. */
void udxg_registry_remove(struct udxg_process *process);

/*
 * What the endpoint knows of the process behind it: whose it is, and what the system calls it, which may be anything.
 * An in-process kernel says nothing, and its process has no uid.
 */
void udxg_process_introduce(struct udxg_process *process, uint32_t uid, const char *name);

/* A process as it was a moment ago. */
struct udxg_present {
    uint64_t serial;
    uint32_t pid;
    bool has_uid;
    uint32_t uid;
    char name[UDXG_PROCESS_NAME_CHARS];
    uint32_t handles;                                              /* open, of all types */
    struct udxg_process_adapter *adapters[UDXG_REGISTRY_ADAPTERS]; /* referenced; NULL: not used by it */
};
/* Gives the references back; takes a zeroed one. */
void udxg_present_fini(struct udxg_present *present);

/* All that are there, the oldest first. STATUS_NO_MEMORY. End it with udxg_registry_free(). */
udxg_status udxg_registry_list(struct udxg_kernel *kernel, struct udxg_present **ret_processes,
                               uint32_t *ret_count) UDXG_MUST_CHECK;
/* Takes NULL. */
void udxg_registry_free(struct udxg_present *processes, uint32_t count);

/* Whether IS_WANTED, which may take leaf locks, is true of the serial number of a process of KERNEL with that PID. */
bool udxg_registry_has(struct udxg_kernel *kernel, uint32_t pid, bool (*is_wanted)(void *user, uint64_t serial),
                       void *user);

/*
 * Whom a client's process handle means: NULL and the pseudo handle (HANDLE)-1 are the caller, a descriptor that
 * pidfd_open() has made is the process that it was made for. STATUS_INVALID_HANDLE for anything else,
 * STATUS_INVALID_PARAMETER when that process is not here, or is another user's. *ret_is_caller says that it is PROCESS
 * itself, and then *ret_other is zeroed; otherwise end it with udxg_present_fini().
 */
udxg_status udxg_process_by_handle(struct udxg_process *process, HANDLE handle, bool *ret_is_caller,
                                   struct udxg_present *ret_other) UDXG_MUST_CHECK;

/*
 * Has WORK, which may take the locks below, done with the process that is meant while it cannot go. The statuses are
 * those of udxg_process_by_handle().
 */
udxg_status udxg_registry_with(struct udxg_process *process, HANDLE handle,
                               void (*work)(struct udxg_process *meant, void *user), void *user) UDXG_MUST_CHECK;

#endif
