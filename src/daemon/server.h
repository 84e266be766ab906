/* SPDX-License-Identifier: MIT */
/* What all sessions of the daemon share; daemon/main.c makes the only one. */
#ifndef UDXG_DAEMON_SERVER_H
#define UDXG_DAEMON_SERVER_H

#include "daemon/session.h"
#include "wire/ring.h"

struct udxg_kernel;

struct udxg_server {
    struct udxg_kernel *kernel;    /* constant */
    int wake_fd;                   /* constant: an eventfd; who signals it has main.c look again whether it is idle */
    struct wire_spinners spinners; /* of all sessions' links */
    struct udxg_sessions sessions; /* locks for itself */
};

#endif
