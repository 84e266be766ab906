/* SPDX-License-Identifier: MIT */
/* The daemon's log: one line an event, on stderr. */
#ifndef UDXG_DAEMON_LOG_H
#define UDXG_DAEMON_LOG_H

#include <stdbool.h>

enum udxg_log_level { UDXG_LOG_ERROR, UDXG_LOG_WARNING, UDXG_LOG_INFO, UDXG_LOG_DEBUG };

/* "error", "warning", "info" or "debug"; false for anything else. */
bool udxg_log_level_by_name(const char *name, enum udxg_log_level *ret_level);

/*
 * Looks at where stderr leads and which lines are wanted. Call it once, before there are threads and while files can
 * still be opened. Until then, warnings and errors are written as to a terminal.
 */
void udxg_log_init(enum udxg_log_level level);

/* Any thread; never blocks: a line that stderr has no room for is counted, and the next one that fits says how many. */
void udxg_log(enum udxg_log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
