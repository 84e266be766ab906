/* SPDX-License-Identifier: MIT */
/*
 * NT handles. To the client an NT handle is a descriptor: one end of a pipe whose other end we hold. It travels like
 * any descriptor, and every copy of it, by dup() or through a socket, is the same handle: what the system says of it is
 * the same for all of them, and changes when we change it, which is how one is recognised. When the last copy
 * anywhere is closed, our end hangs up, a thread that sleeps on all of them notices, and what the handle kept alive is
 * given back. The thread starts with the first handle.
 *
 * Nothing here depends on where the descriptor is: who made a handle for somebody else sends it and closes his own
 * copy, and who gets one back looks it up.
 *
 * What a handle stands for is a share: one object, or a resource with the keyed mutex and the sync object beside
 * it. A share may have a name, by which more handles of it are made; both last as long as one of its handles.
 * The names of this file are as core/name.h makes them: what differs in case alone is equal.
 */
#ifndef UDXG_CORE_NT_HANDLE_H
#define UDXG_CORE_NT_HANDLE_H

#include <pthread.h>
#include <stdbool.h>

#include "base/hash.h"
#include "base/list.h"
#include "base/lock.h"
#include "base/os.h"
#include "base/status.h"
#include "core/shared.h"

struct udxg_account;

#define UDXG_NT_OBJECTS 3u /* D3DKMT_MAX_OBJECTS_PER_HANDLE */
#define UDXG_NAME_UNITS 260u

/* The name of a share; no units at all are no name. Each owner has names of his own: core/process.h. */
struct udxg_name {
    uint32_t owner;
    uint32_t count;
    uint16_t units[UDXG_NAME_UNITS]; /* UTF-16 */
};

/* Embeddable: all of a kernel's. */
struct udxg_nt_handles {
    struct udxg_mutex_NT lock;
    struct udxg_list open UDXG_GUARDED_BY(NT);
    struct udxg_hash by_inode UDXG_GUARDED_BY(NT); /* several may have one */
    struct udxg_hash names UDXG_GUARDED_BY(NT);    /* shares that have one */
    bool started UDXG_GUARDED_BY(NT);
    bool sweeping UDXG_GUARDED_BY(NT); /* somebody ends what has hung up */
    atomic_uint ended;                 /* how many there were, in all */
    pthread_cond_t swept;              /* of NT: sweeping has become false */
    int epoll_fd, stop_fd;             /* set with started, constant then */
    pthread_t thread;                  /* set with started, constant then */
};

void udxg_nt_handles_init(struct udxg_nt_handles *handles);
/* Ends the thread and closes what is open. */
void udxg_nt_handles_fini(struct udxg_nt_handles *handles);

/* How a handle is to be made. */
struct udxg_nt_request {
    uint32_t access;
    uint32_t withheld; /* of a share: access that neither this handle nor one by name is given */
    bool inherit;      /* it stays open over an exec */
    bool readable;     /* the client has the reading end of the pipe, and we can mark it */
    struct udxg_account *account; /* that its descriptor, and the name of a share, are charged to; NULL: none */
};

/*
 * Makes a share of COUNT objects, of each of which it takes a reference of its own, and its first handle: the
 * client's descriptor, which is the client's to close and never 0, 1 or 2. STATUS_OBJECT_NAME_COLLISION when
 * there is such a name; STATUS_NO_MEMORY, also when there are no descriptors left.
 */
udxg_status udxg_nt_share(struct udxg_nt_handles *handles, uint32_t count, struct udxg_shared *const *objects,
                          const struct udxg_name *name, const struct udxg_nt_request *request,
                          int *ret_fd) UDXG_MUST_CHECK;

/*
 * One more handle of the share with that name. STATUS_OBJECT_NAME_NOT_FOUND, STATUS_OBJECT_TYPE_MISMATCH when
 * its (first) object is not of that kind, STATUS_ACCESS_DENIED when no access is asked for that can be had, in this
 * order.
 */
udxg_status udxg_nt_open_name(struct udxg_nt_handles *handles, const struct udxg_name *name, enum udxg_shared_kind kind,
                              const struct udxg_nt_request *request, int *ret_fd) UDXG_MUST_CHECK;

/* What a descriptor of the client stands for, each object with a reference. */
struct udxg_nt_found {
    uint32_t count;
    struct udxg_shared *objects[UDXG_NT_OBJECTS];
    uint32_t access;
};
/*
 * STATUS_INVALID_HANDLE when FD is none of ours, STATUS_OBJECT_TYPE_MISMATCH when its (first) object is not of
 * that kind. Take the references away with udxg_nt_forget().
 */
udxg_status udxg_nt_find(struct udxg_nt_handles *handles, intptr_t fd, enum udxg_shared_kind kind,
                         struct udxg_nt_found *ret) UDXG_MUST_CHECK;
void udxg_nt_forget(struct udxg_nt_found *found);

/*
 * There is something to read, from now on, at the readable handle of INODE that stands for OBJECT; nothing where it is
 * closed already. OBJECT is only compared, and need not exist any more.
 */
void udxg_nt_mark_readable(struct udxg_nt_handles *handles, uint64_t inode, const struct udxg_shared *object);

#endif
