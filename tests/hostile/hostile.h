/* SPDX-License-Identifier: MIT */
/*
 * Tests of a daemon with a hostile client. Each runs in a process of its own, and dies with what it holds; behind each
 * the daemon has to be what it was: alive, with as many threads and descriptors, and quick for a bystander.
 */
#ifndef UDXG_HOSTILE_HOSTILE_H
#define UDXG_HOSTILE_HOSTILE_H

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>

#define O_MEM 0
#define O_MAPS 1
int open_memory(int which); /* our own memory, as a client shows it */

const char *daemon_path(void);
int daemon_number(void); /* its pid */
/* Another one, which only the running test has. */
void daemon_own(const char *option);
bool daemon_ends(int timeout_ms); /* told to stop, it does, with success */

uint64_t now_ns(void);

struct hostile_test {
    int number; /* of the class in docs/hostile.md; 0: of the protocol */
    const char *name;
    void (*run)(void);
};
extern const struct hostile_test call_tests[], wire_tests[], share_tests[]; /* each ends with a NULL name */

#endif
