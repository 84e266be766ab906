/* SPDX-License-Identifier: MIT */
/* A daemon for one program and those it starts. */
#ifndef UDXG_CLI_SHARED_H
#define UDXG_CLI_SHARED_H

#include <stdbool.h>

struct udxg_shared;

/*
 * Starts a udxgd, with the adapters and rules of the environment, waits until it serves, and puts UDXG_SERVER into the
 * environment. NULL with the reason on stderr. It ends when this process does, however that may be.
 */
struct udxg_shared *udxg_shared_begin(bool verbose);
/* Ends the daemon, if SHARED is not NULL; says so when it had gone before. */
void udxg_shared_end(struct udxg_shared *shared);

#endif
