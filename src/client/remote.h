/* SPDX-License-Identifier: MIT */
/*
 * The daemon's endpoint in a client: one session a process, one link a thread. A link is a ring and a socket
 * (wire/ring.h, wire/packet.h); it is made at a thread's first call and left when the thread ends.
 *
 * When the session is over, because the daemon is gone or has ended it, every call is STATUS_DEVICE_REMOVED.
 */
#ifndef UDXG_CLIENT_REMOTE_H
#define UDXG_CLIENT_REMOTE_H

#include "abi/thunk.h"

struct udxg_remote;

/*
 * Begins a session with the daemon that listens at PATH. STATUS_OBJECT_NAME_NOT_FOUND when there is none,
 * STATUS_ACCESS_DENIED, STATUS_GRAPHICS_DRIVER_MISMATCH for one of another release. It is never closed: clients call
 * from their static destructors.
 */
udxg_status udxg_remote_open(const char *path, struct udxg_remote **ret_remote) UDXG_MUST_CHECK;

udxg_status udxg_remote_call(struct udxg_remote *remote, enum udxg_thunk_id id, const void *args) UDXG_MUST_CHECK;

/* Around a fork, in the parent: nobody makes or leaves a link meanwhile. */
void udxg_remote_lock(struct udxg_remote *remote);
void udxg_remote_unlock(struct udxg_remote *remote);
/* In the child, instead of the unlocking: closes the parent's descriptors. Its memory was not inherited. */
void udxg_remote_forget(struct udxg_remote *remote);

#endif
