/* SPDX-License-Identifier: MIT */
/* Tells whoever started the daemon that it is ready, and that it stops: systemd's NOTIFY_SOCKET, and --ready-fd. */
#ifndef UDXG_DAEMON_READY_H
#define UDXG_DAEMON_READY_H

/* Embeddable. */
struct udxg_ready {
    int manager_fd; /* connected to the service manager; -1: there is none */
    int pipe_fd;    /* for one line; -1: nobody asked, or it is written */
};

/* Takes PIPE_FD, or -1. Connects to the socket that NOTIFY_SOCKET names, and takes that out of the environment. */
void udxg_ready_init(struct udxg_ready *ready, int pipe_fd);
void udxg_ready_fini(struct udxg_ready *ready);

/* READY=1 to the manager; PATH and a newline to the pipe, which is then closed. */
void udxg_ready_tell(struct udxg_ready *ready, const char *path);
/* STOPPING=1 to the manager. */
void udxg_ready_tell_stopping(struct udxg_ready *ready);

#endif
