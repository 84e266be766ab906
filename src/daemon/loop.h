/* SPDX-License-Identifier: MIT */
/* What the daemon's main thread does all day. */
#ifndef UDXG_DAEMON_LOOP_H
#define UDXG_DAEMON_LOOP_H

#include <stdint.h>

#include "base/status.h"
#include "daemon/listen.h"
#include "daemon/server.h"

/* Embeddable. */
struct udxg_loop {
    struct udxg_server *server;     /* constant */
    struct udxg_listener *listener; /* constant */
    uint32_t idle_exit_s;           /* constant; 0: never */
    int epoll_fd, signal_fd;        /* constant */
};

/* Blocks the signals that stop the daemon, before there are threads, and makes the server's wake_fd. */
udxg_status udxg_loop_init(struct udxg_loop *loop, struct udxg_server *server, struct udxg_listener *listener,
                           uint32_t idle_exit_s) UDXG_MUST_CHECK;
void udxg_loop_fini(struct udxg_loop *loop);

/* The listener has to be open. */
udxg_status udxg_loop_listen(struct udxg_loop *loop) UDXG_MUST_CHECK;
/* Starts sessions until a signal says stop, or there was none for long enough; the log says which. */
void udxg_loop_run(struct udxg_loop *loop);

#endif
