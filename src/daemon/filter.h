/* SPDX-License-Identifier: MIT */
/* Which system calls the daemon may make when it has started. */
#ifndef UDXG_DAEMON_FILTER_H
#define UDXG_DAEMON_FILTER_H

/* All threads, for good. NULL, or why there is no filter. */
const char *udxg_filter_install(void);

#endif
