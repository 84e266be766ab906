/* SPDX-License-Identifier: MIT */
/*
 * The daemon in this process: its kernel, its listener and its sessions, as udxgd has them, so that everything it keeps
 * can be counted. And the trap: a client that is killed at a call of its own, while the daemon serves it.
 */
#ifndef UDXG_TESTS_KILL_HOST_H
#define UDXG_TESTS_KILL_HOST_H

#include <stdint.h>
#include <sys/types.h>

#include "abi/thunk.h"
#include "core/kernel.h"

extern struct udxg_kernel *host_kernel;

/* Listens at PATH. Ends the program when that does not work. */
void host_start(const char *adapters, const char *path);
void host_stop(void);
/* How many clients are served. */
unsigned host_sessions(void);

enum trap_moment {
    TRAP_BEFORE, /* the handler: the call is copied, and nothing has happened */
    TRAP_INSIDE, /* a while after it has begun, whatever it has done by then */
    TRAP_AFTER,  /* the handler, and before the reply */
};

struct trap {
    pid_t pid;
    int pid_fd; /* whether it has ended */
    enum udxg_thunk_id id;
    enum trap_moment moment;
    uint64_t delay_ns; /* of INSIDE */
    bool goes_on;      /* the handler begins, or the reply goes out, while the client still dies */
};

/* TRAP stays until it is disarmed. */
void host_arm(const struct trap *trap);
/* False: the call has not come within PATIENCE_NS. Otherwise the client is killed, and *ret_killed_ns says when. */
bool host_await_trap(uint64_t patience_ns, uint64_t *ret_killed_ns);
void host_disarm(void);

#endif
