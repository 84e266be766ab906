/* SPDX-License-Identifier: MIT */
/*
 * Notifications from a daemon: the socket they come over, the thread that reads it, and the client's functions, which
 * are called on that thread. In-process the notifier of the adapter does this (core/trim.c).
 */
#ifndef UDXG_CLIENT_NOTICES_H
#define UDXG_CLIENT_NOTICES_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "abi/thunk.h"
#include "base/list.h"

/* Embeddable. */
struct udxg_notices {
    int socket_fd;           /* constant */
    pthread_mutex_t lock;    /* for what follows */
    pthread_cond_t changed;  /* a registration was made, a function of the client has returned */
    struct udxg_list registrations;
    unsigned registering; /* calls that may register, under way: a notice of theirs may be faster than their reply */
    bool started;
    pthread_t thread; /* with started */
};

/* SOCKET_FD stays the caller's, and open. */
void udxg_notices_init(struct udxg_notices *notices, int socket_fd);
/*
 * Before a call that may register: the thread is there, or STATUS_NO_MEMORY. On success udxg_notices_after() follows.
 * Other calls cost a comparison.
 */
udxg_status udxg_notices_before(struct udxg_notices *notices, enum udxg_thunk_id id) UDXG_MUST_CHECK;
/*
 * After a call, with its copied arguments: notes what it registered. What it unregistered is not called any more, and
 * is not under way, unless the caller is what is called.
 */
void udxg_notices_after(struct udxg_notices *notices, enum udxg_thunk_id id, const void *args, udxg_status status);

#endif
