/* SPDX-License-Identifier: MIT */
/*
 * What the daemon does for one client: a process of the kernel, the client's sockets, and a link for each of its
 * threads. A session (daemon/session.h) is the thread that runs it.
 */
#ifndef UDXG_DAEMON_SERVICE_H
#define UDXG_DAEMON_SERVICE_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/list.h"
#include "base/lock.h"
#include "core/process.h"
#include "wire/packet.h"
#include "wire/ring.h"

struct udxg_kernel;

#define UDXG_SERVICE_LINKS 256u
#define UDXG_SERVICE_RING_BYTES (UINT64_C(256) << 20) /* of all links together */

struct udxg_service {
    struct udxg_endpoint endpoint;  /* constant; the process's */
    struct udxg_process *process;   /* constant */
    char name[WIRE_NAME_CHARS + 1]; /* what the client calls itself; constant from its greeting on */
    struct wire_spinners *spinners; /* all services'; borrowed, constant */
    int socket_fd, notices_fd;      /* constant */
    atomic_bool over;               /* no link is to take another request */
    struct udxg_mutex_LINKS lock;
    struct udxg_list links UDXG_GUARDED_BY(LINKS); /* struct link; each takes itself off when it ends */
    uint32_t link_count UDXG_GUARDED_BY(LINKS);
    uint64_t ring_bytes UDXG_GUARDED_BY(LINKS);
    const char *breach UDXG_GUARDED_BY(LINKS); /* what the client did that no client does; NULL: nothing */
    pthread_cond_t link_ended;                 /* with LINKS */
};

/*
 * Serves the client at SOCKET_FD, a connected seqpacket socket that stays the caller's, until it hangs up, breaks the
 * protocol, or the caller's side shuts the socket down; when it returns all that the client had is gone. PID and UID
 * are what the system says of it. Returns why it ended, for the log: a constant text.
 */
const char *udxg_service_run(struct udxg_kernel *kernel, struct wire_spinners *spinners, int socket_fd, uint32_t pid,
                             uint32_t uid);

/* The client has done what no client does: its session ends. Any thread. */
void udxg_service_breach(struct udxg_service *service, const char *what);
/* Rings of the session become larger by that; false: too large. Takes negative numbers back. */
bool udxg_service_charge_ring(struct udxg_service *service, int64_t bytes);

#endif
