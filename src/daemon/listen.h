/* SPDX-License-Identifier: MIT */
/* The socket that clients connect to: a SOCK_SEQPACKET socket of ours, or one that the service manager has made. */
#ifndef UDXG_DAEMON_LISTEN_H
#define UDXG_DAEMON_LISTEN_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#include "daemon/session.h"

/* Embeddable. */
struct udxg_listener {
    int fd;                /* listens, never blocks */
    int folder_fd;         /* where we made the socket; -1 when we did not */
    int parent_fd;         /* where we made the folder, to take it away if it is empty then; -1 when we did not */
    dev_t device;          /* of the socket's file: another may stand in its place when we go */
    ino_t inode;           /* 0: there is none */
    bool other_users;      /* are served */
    char folder[PATH_MAX]; /* without links */
    char path[PATH_MAX];   /* for people, and for clients; empty when the manager's socket has none */
};

/* "$XDG_RUNTIME_DIR/udxg/udxgd.sock"; false when it is not set. */
bool udxg_listener_default_path(char path[static PATH_MAX]);

enum udxg_listen_result {
    UDXG_LISTEN_OK,
    UDXG_LISTEN_DENIED, /* the folder is not ours, or open to others */
    UDXG_LISTEN_FAILED,
};

/*
 * Listens at PATH. Its folder is made if it is not there, for nobody but us; one that is there must be ours. What a
 * dead daemon has left at PATH is replaced; a living one, or anything else, is not. Says on the log why not.
 */
enum udxg_listen_result udxg_listener_open(struct udxg_listener *listener, const char *path, bool other_users);

/*
 * Takes the socket that a service manager hands over by LISTEN_FDS and LISTEN_PID, which are taken out of the
 * environment. *ret_given is false when there is none.
 */
enum udxg_listen_result udxg_listener_adopt(struct udxg_listener *listener, bool other_users, bool *ret_given);

/* Removes what udxg_listener_open has made, then closes: as long as we listen nobody takes our place. */
void udxg_listener_close(struct udxg_listener *listener);

/*
 * The next client that may be served, and its descriptor, the caller's. -1: none now. Others are hung up on, with a
 * line on the log.
 */
int udxg_listener_accept(struct udxg_listener *listener, struct udxg_peer *ret_peer);

/* Whether PEER may be served by a daemon of OWNER. */
bool udxg_peer_allowed(const struct udxg_peer *peer, uid_t owner, bool other_users);

#endif
