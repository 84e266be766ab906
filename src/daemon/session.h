/* SPDX-License-Identifier: MIT */
/* A session: one client's connection, from the accepted socket to its end, served by a thread of its own. */
#ifndef UDXG_DAEMON_SESSION_H
#define UDXG_DAEMON_SESSION_H

#include <sys/types.h>

#include "base/list.h"
#include "base/lock.h"
#include "base/status.h"

struct udxg_server;

/* Who is at the other end, as the system says; at the time of connecting. */
struct udxg_peer {
    pid_t pid; /* 0: a process of a PID namespace that we do not see */
    uid_t uid;
};

/* Embeddable: in the server. */
struct udxg_sessions {
    struct udxg_mutex_SESSIONS lock;
    struct udxg_list live UDXG_GUARDED_BY(SESSIONS);  /* their threads run */
    struct udxg_list ended UDXG_GUARDED_BY(SESSIONS); /* they have nothing left to do; to be joined */
    unsigned count UDXG_GUARDED_BY(SESSIONS);         /* of live */
};

void udxg_sessions_init(struct udxg_sessions *sessions);
/* None may be there: see udxg_sessions_stop. */
void udxg_sessions_fini(struct udxg_sessions *sessions);

/*
 * Takes SOCKET_FD, a connected seqpacket socket, also when it fails. Logs one line now and one when the session has
 * ended, and then signals the server's wake_fd. Called from one thread.
 */
udxg_status udxg_session_start(struct udxg_server *server, int socket_fd, const struct udxg_peer *peer) UDXG_MUST_CHECK;
/* Ends all and waits for them. Called from the same thread. */
void udxg_sessions_stop(struct udxg_server *server);
/* How many there are. */
unsigned udxg_sessions_count(struct udxg_server *server);

#endif
