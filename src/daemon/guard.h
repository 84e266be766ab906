/* SPDX-License-Identifier: MIT */
/* Takes from the daemon what it does not need, so that who takes it over has little. */
#ifndef UDXG_DAEMON_GUARD_H
#define UDXG_DAEMON_GUARD_H

#include <stdbool.h>

struct udxg_listener;

/* Whether the program file has given us rights that whoever started us does not have. */
bool udxg_guard_is_privileged(void);

/*
 * At the start: no new privileges, no dumps of memory that is not ours and nobody who looks into it, no limit of
 * descriptors below what the system allows, no signal from a broken pipe.
 */
void udxg_guard_begin(void);

/*
 * For good: no capabilities, no files but the removal of what LISTENER has made, and the system calls of a daemon that
 * runs (daemon/filter.c). Before any other thread is there. What the system does not have is left out, with a line on
 * the log.
 */
void udxg_guard_confine(const struct udxg_listener *listener);

#endif
