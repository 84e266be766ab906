/* SPDX-License-Identifier: MIT */
/*
 * The monitor: a socket of its own, on which whoever is of the daemon's user is told what the kernel is doing. It only
 * tells: nothing that a viewer sends reaches the kernel, and one that does not read, or sends what it should not, is
 * sent away.
 *
 * A viewer connects and gets a snapshot at once and one a second from then on, each one line of JSON
 * (daemon/snapshot_json.h). It may send a decimal number and a line feed: the seconds between snapshots from then on,
 * taken as the nearest value that is allowed. Anything else ends the connection, and so does more than 64 bytes between
 * two snapshots, and a snapshot that is not read within five seconds.
 *
 * One thread, which sleeps while nothing is due; no lock of its own; writes never block. At most 8 viewers: the ninth
 * is sent away. Snapshots less than 50 ms apart are one, however many viewers ask.
 */
#ifndef UDXG_DAEMON_MONITOR_H
#define UDXG_DAEMON_MONITOR_H

#include <stddef.h>

#include "base/status.h"

struct udxg_kernel;
struct udxg_monitor;

#define UDXG_MONITOR_SUFFIX "-stat" /* behind the path of the daemon's socket */
#define UDXG_MONITOR_VIEWERS 8u
#define UDXG_MONITOR_INTERVAL_MIN_MS 100u
#define UDXG_MONITOR_INTERVAL_MS 1000u
#define UDXG_MONITOR_INTERVAL_MAX_MS 60000u

/*
 * Makes a socket at SOCKET_PATH, which only its user can open; what a daemon that died left there goes. KERNEL must
 * live longer. On failure ERROR holds one line that says what, where and why: STATUS_INVALID_PARAMETER for a path that
 * is too long, STATUS_OBJECT_NAME_COLLISION when somebody listens there, otherwise what the system says.
 */
udxg_status udxg_monitor_open(struct udxg_kernel *kernel, const char *socket_path, char *error, size_t error_bytes,
                              struct udxg_monitor **ret_monitor) UDXG_MUST_CHECK;
/* Begins to serve; a daemon confines itself in between. STATUS_NO_MEMORY: there is no thread for it. */
udxg_status udxg_monitor_run(struct udxg_monitor *monitor) UDXG_MUST_CHECK;
/* Ends all connections and takes the socket away. Takes NULL. */
void udxg_monitor_stop(struct udxg_monitor *monitor);

#endif
