/* SPDX-License-Identifier: MIT */
/* One buffer, in which a line stands until the next one is asked for. */
#include "cli/viewer.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cli/cli.h"
#include "daemon/monitor.h"

#define LONGEST_LINE (64u << 20)

/* ---- connecting ---- */

static bool find_path(const char *server, char path[static PATH_MAX])
{
    const char *folder = getenv("XDG_RUNTIME_DIR");
    if (!server) server = getenv("UDXG_SERVER");
    if (server && *server) return snprintf(path, PATH_MAX, "%s" UDXG_MONITOR_SUFFIX, server) < PATH_MAX;
    return folder && *folder && snprintf(path, PATH_MAX, "%s/udxg/udxgd.sock" UDXG_MONITOR_SUFFIX, folder) < PATH_MAX;
}

/* A descriptor, or -1 with errno. */
static int connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address.sun_path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(address.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || !connect(fd, (const struct sockaddr *)&address, sizeof(address))) return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

int udxg_viewer_open(struct udxg_viewer *viewer, const char *server)
{
    *viewer = (struct udxg_viewer){.fd = -1};
    if (!find_path(server, viewer->path)) {
        udxg_report("--socket PATH and UDXG_SERVER say where a daemon listens; without them it is "
                    "$XDG_RUNTIME_DIR/udxg/udxgd.sock, and XDG_RUNTIME_DIR is not set",
                    "there is no daemon to ask");
        return UDXG_EXIT_NO_ADAPTER;
    }
    viewer->fd = connect_to(viewer->path);
    if (viewer->fd >= 0) return UDXG_EXIT_OK;
    bool denied = errno == EACCES || errno == EPERM;
    udxg_report(denied ? "only the user that a daemon runs as can look at it"
                       : "udxgd starts one; --socket PATH and UDXG_SERVER say where it listens",
                "no daemon answers at %s: %s", viewer->path, strerror(errno));
    return denied ? UDXG_EXIT_DENIED : UDXG_EXIT_NO_ADAPTER;
}

bool udxg_viewer_reopen(struct udxg_viewer *viewer)
{
    if (viewer->fd >= 0) close(viewer->fd);
    viewer->byte_count = viewer->used = 0;
    viewer->fd = connect_to(viewer->path);
    return viewer->fd >= 0;
}

void udxg_viewer_close(struct udxg_viewer *viewer)
{
    if (viewer->fd >= 0) close(viewer->fd);
    free(viewer->bytes);
    *viewer = (struct udxg_viewer){.fd = -1};
}

/* ---- reading ---- */

static bool take_line(struct udxg_viewer *viewer, char **ret_line)
{
    if (viewer->used) {
        viewer->byte_count -= viewer->used;
        memmove(viewer->bytes, viewer->bytes + viewer->used, viewer->byte_count);
        viewer->used = 0;
    }
    char *end = viewer->byte_count ? memchr(viewer->bytes, '\n', viewer->byte_count) : NULL;
    if (!end) return false;
    *end = 0;
    viewer->used = (size_t)(end - viewer->bytes) + 1;
    *ret_line = viewer->bytes;
    return true;
}

static bool make_room(struct udxg_viewer *viewer)
{
    if (viewer->byte_count < viewer->room) return true;
    size_t room = viewer->room ? viewer->room * 2 : 65536;
    char *bytes = room > LONGEST_LINE ? NULL : realloc(viewer->bytes, room);
    if (!bytes) return false;
    viewer->bytes = bytes;
    viewer->room = room;
    return true;
}

enum udxg_viewer_result udxg_viewer_read(struct udxg_viewer *viewer, char **ret_line)
{
    while (!take_line(viewer, ret_line)) {
        if (viewer->fd < 0 || !make_room(viewer)) return UDXG_VIEWER_GONE;
        ssize_t got =
            recv(viewer->fd, viewer->bytes + viewer->byte_count, viewer->room - viewer->byte_count, MSG_DONTWAIT);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return UDXG_VIEWER_NONE;
        if (got <= 0) return UDXG_VIEWER_GONE;
        viewer->byte_count += (size_t)got;
    }
    return UDXG_VIEWER_LINE;
}

enum udxg_viewer_result udxg_viewer_wait(struct udxg_viewer *viewer, int timeout_ms, char **ret_line)
{
    for (;;) {
        enum udxg_viewer_result result = udxg_viewer_read(viewer, ret_line);
        if (result != UDXG_VIEWER_NONE) return result;
        struct pollfd polled = {.fd = viewer->fd, .events = POLLIN};
        int ready = poll(&polled, 1, timeout_ms);
        if (!ready || (ready < 0 && errno != EINTR)) return UDXG_VIEWER_NONE;
    }
}

/* ---- intervals ---- */

void udxg_viewer_set_interval(struct udxg_viewer *viewer, uint32_t interval_ms)
{
    char text[32];
    int length = snprintf(text, sizeof(text), "%u.%03u\n", interval_ms / 1000, interval_ms % 1000);
    if (viewer->fd >= 0) (void)!send(viewer->fd, text, (size_t)length, MSG_DONTWAIT | MSG_NOSIGNAL);
}

uint32_t udxg_viewer_parse_interval(const char *text)
{
    unsigned seconds = 0, milliseconds = 0, unit = 100;
    if (*text < '0' || *text > '9') return 0;
    for (; *text >= '0' && *text <= '9'; text++)
        if (seconds <= UDXG_MONITOR_INTERVAL_MAX_MS) seconds = seconds * 10 + (unsigned)(*text - '0');
    if (*text == '.')
        for (text++; *text >= '0' && *text <= '9'; text++, unit /= 10) milliseconds += (unsigned)(*text - '0') * unit;
    if (*text || seconds > UDXG_MONITOR_INTERVAL_MAX_MS / 1000) return 0;
    milliseconds += seconds * 1000;
    return milliseconds < UDXG_MONITOR_INTERVAL_MIN_MS || milliseconds > UDXG_MONITOR_INTERVAL_MAX_MS ? 0
                                                                                                      : milliseconds;
}
