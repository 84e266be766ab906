/* SPDX-License-Identifier: MIT */
/* The connection of udxg top and udxg ps to a daemon's monitor (daemon/monitor.h): lines come, an interval goes. */
#ifndef UDXG_CLI_VIEWER_H
#define UDXG_CLI_VIEWER_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct udxg_viewer {
    int fd;                        /* -1: not connected */
    char path[PATH_MAX];           /* of the monitor's socket */
    char *bytes;                   /* read, not handed out yet */
    size_t byte_count, room, used; /* used: the line that was handed out last, which goes at the next read */
};

/*
 * Connects to the monitor of the daemon whose socket is at SERVER; NULL: at UDXG_SERVER, or else where daemons usually
 * listen. Returns an exit status, with the reason on stderr unless it is UDXG_EXIT_OK.
 */
int udxg_viewer_open(struct udxg_viewer *viewer, const char *server);
/* Connects again to where it was; quiet. */
bool udxg_viewer_reopen(struct udxg_viewer *viewer);
void udxg_viewer_close(struct udxg_viewer *viewer);

enum udxg_viewer_result {
    UDXG_VIEWER_LINE, /* *ret_line is a line without its end, until the next call */
    UDXG_VIEWER_NONE, /* none is there yet */
    UDXG_VIEWER_GONE, /* the daemon has ended, or sends nonsense */
};
/* The next line that has come; never waits. */
enum udxg_viewer_result udxg_viewer_read(struct udxg_viewer *viewer, char **ret_line);
/* The same, and waits for it. NONE: the daemon says nothing. */
enum udxg_viewer_result udxg_viewer_wait(struct udxg_viewer *viewer, int timeout_ms, char **ret_line);

/* Asks for another interval; one that cannot be sent is not. */
void udxg_viewer_set_interval(struct udxg_viewer *viewer, uint32_t interval_ms);

/* "1", "0.25" as milliseconds, within what a monitor allows; 0 when it is no such number. */
uint32_t udxg_viewer_parse_interval(const char *text);

#endif
