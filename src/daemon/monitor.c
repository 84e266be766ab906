/* SPDX-License-Identifier: MIT */
/* The monitor's thread, and what it knows of each viewer; the rules stand in the header. */
#include "daemon/monitor.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/os.h"
#include "core/snapshot.h"
#include "daemon/snapshot_json.h"

#define MS UINT64_C(1000000)
#define PATIENCE_NS (5000 * MS) /* for a snapshot to be read */
#define SAME_NS (50 * MS)       /* snapshots nearer than that are one */
#define DEAF_NS (100 * MS)      /* after no connection could be taken: there are no descriptors, say */
#define MOST_INPUT 64u          /* bytes between two snapshots */
#define NEVER UINT64_MAX

/* All of it is the thread's, once that runs. */
struct viewer {
    int fd;               /* -1: none is here */
    bool silent;          /* it has closed its side, and sends nothing more */
    uint64_t interval_ns; /* between snapshots */
    uint64_t due_ns;      /* the next one */
    char *rest;           /* what could not be sent of the last one; owned; NULL: nothing */
    size_t rest_bytes, rest_sent;
    uint64_t patience_ns;              /* by then, it has to be */
    uint32_t received;                 /* bytes since the last snapshot */
    uint32_t digits;                   /* of the number that it is sending */
    bool point;                        /* of the number: has been */
    uint64_t whole, thousandths, unit; /* of the number: seconds; unit: what the next digit of the thousandths counts */
};

struct udxg_monitor {
    struct udxg_kernel *kernel; /* borrowed; constant, like the rest down to thread */
    char *path;
    dev_t device; /* of the socket's name, to know it again */
    ino_t inode;
    int listen_fd, stop_fd;
    bool runs; /* the thread is there; before that it is udxg_monitor_run()'s */
    pthread_t thread;
    struct viewer viewers[UDXG_MONITOR_VIEWERS]; /* these are the thread's */
    char *line;                                  /* the last snapshot; owned; NULL: none yet */
    size_t line_bytes;
    uint64_t line_ns;       /* when that was taken */
    uint64_t deaf_until_ns; /* no connection is taken before */
};

/* ---- viewers ---- */

static void forget_rest(struct viewer *viewer)
{
    free(viewer->rest);
    viewer->rest = NULL;
}

static void drop(struct viewer *viewer)
{
    if (viewer->fd < 0) return;
    close(viewer->fd);
    forget_rest(viewer);
    *viewer = (struct viewer){.fd = -1};
}

/* Sends what goes without waiting: how many bytes, -1 when the viewer is gone. */
static ssize_t send_some(const struct viewer *viewer, const char *bytes, size_t count)
{
    ssize_t sent = send(viewer->fd, bytes, count, MSG_DONTWAIT | MSG_NOSIGNAL);

    if (sent >= 0) return sent;
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? 0 : -1;
}

static void send_rest(struct viewer *viewer)
{
    ssize_t sent = send_some(viewer, viewer->rest + viewer->rest_sent, viewer->rest_bytes - viewer->rest_sent);

    if (sent < 0) {
        drop(viewer);
        return;
    }
    viewer->rest_sent += (size_t)sent;
    if (viewer->rest_sent == viewer->rest_bytes) forget_rest(viewer);
}

static void send_line(struct viewer *viewer, const char *line, size_t bytes, uint64_t now_ns)
{
    ssize_t sent = send_some(viewer, line, bytes);

    viewer->received = 0;
    viewer->due_ns = now_ns + viewer->interval_ns;
    if (sent == (ssize_t)bytes) return;
    if (sent >= 0) viewer->rest = malloc(bytes - (size_t)sent);
    if (!viewer->rest) { /* half a line is worse than none */
        drop(viewer);
        return;
    }
    viewer->rest_bytes = bytes - (size_t)sent;
    viewer->rest_sent = 0;
    memcpy(viewer->rest, line + sent, viewer->rest_bytes);
    viewer->patience_ns = now_ns + PATIENCE_NS;
}

/* ---- what viewers send ---- */

static void begin_number(struct viewer *viewer)
{
    viewer->digits = 0;
    viewer->point = false;
    viewer->whole = viewer->thousandths = 0;
    viewer->unit = 100;
}

static void end_number(struct viewer *viewer, uint64_t now_ns)
{
    uint64_t ms = viewer->whole * 1000 + viewer->thousandths;

    if (ms < UDXG_MONITOR_INTERVAL_MIN_MS) ms = UDXG_MONITOR_INTERVAL_MIN_MS;
    if (ms > UDXG_MONITOR_INTERVAL_MAX_MS) ms = UDXG_MONITOR_INTERVAL_MAX_MS;
    viewer->interval_ns = ms * MS;
    if (viewer->due_ns > now_ns + viewer->interval_ns) viewer->due_ns = now_ns + viewer->interval_ns;
    begin_number(viewer);
}

/* False when it is no part of a number. */
static bool take_byte(struct viewer *viewer, char byte, uint64_t now_ns)
{
    if (byte == '\n') {
        if (!viewer->digits) return false;
        end_number(viewer, now_ns);
        return true;
    }
    if (byte == '.') {
        if (viewer->point) return false;
        viewer->point = true;
        return true;
    }
    if (byte < '0' || byte > '9') return false;
    viewer->digits++;
    if (viewer->point) {
        viewer->thousandths += (uint64_t)(byte - '0') * viewer->unit;
        viewer->unit /= 10;
    } else if (viewer->whole < UDXG_MONITOR_INTERVAL_MAX_MS) { /* more is as good as this, and does not overflow */
        viewer->whole = viewer->whole * 10 + (uint64_t)(byte - '0');
    }
    return true;
}

static void receive(struct viewer *viewer, uint64_t now_ns)
{
    char bytes[MOST_INPUT];
    ssize_t count = recv(viewer->fd, bytes, sizeof bytes, MSG_DONTWAIT);

    if (count < 0) {
        if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) drop(viewer);
        return;
    }
    if (!count) viewer->silent = true;
    viewer->received += (uint32_t)count;
    bool good = viewer->received <= MOST_INPUT;
    for (ssize_t i = 0; good && i < count; i++) good = take_byte(viewer, bytes[i], now_ns);
    if (!good) drop(viewer);
}

/* ---- connections ---- */

static bool is_ours(int fd)
{
    struct ucred peer;
    socklen_t bytes = sizeof peer;

    return !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &bytes) && peer.uid == geteuid();
}

static struct viewer *find_place(struct udxg_monitor *monitor)
{
    for (uint32_t i = 0; i < UDXG_MONITOR_VIEWERS; i++)
        if (monitor->viewers[i].fd < 0) return &monitor->viewers[i];
    return NULL;
}

static void take_connection(struct udxg_monitor *monitor, uint64_t now_ns)
{
    int fd = accept4(monitor->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    struct viewer *viewer = find_place(monitor);

    if (fd < 0) {
        monitor->deaf_until_ns = now_ns + DEAF_NS;
        return;
    }
    if (!viewer || !is_ours(fd)) {
        close(fd);
        return;
    }
    *viewer = (struct viewer){.fd = fd, .interval_ns = UDXG_MONITOR_INTERVAL_MS * MS, .due_ns = now_ns};
    begin_number(viewer);
}

/* ---- snapshots ---- */

/* The last one if it is fresh, else a new one. False without memory. */
static bool refresh(struct udxg_monitor *monitor, uint64_t now_ns)
{
    struct udxg_snapshot *snapshot;
    size_t bytes;
    char *line;

    if (monitor->line && now_ns - monitor->line_ns < SAME_NS) return true;
    if (udxg_failed(udxg_snapshot_create(monitor->kernel, &snapshot))) return false;
    line = udxg_snapshot_json(snapshot, &bytes);
    udxg_snapshot_destroy(snapshot);
    if (!line) return false;
    free(monitor->line);
    monitor->line = line;
    monitor->line_bytes = bytes;
    monitor->line_ns = now_ns;
    return true;
}

static void serve(struct udxg_monitor *monitor, struct viewer *viewer, uint64_t now_ns)
{
    if (viewer->rest) {
        if (now_ns >= viewer->patience_ns) drop(viewer);
        return;
    }
    if (now_ns < viewer->due_ns) return;
    if (refresh(monitor, now_ns))
        send_line(viewer, monitor->line, monitor->line_bytes, now_ns);
    else
        viewer->due_ns = now_ns + viewer->interval_ns;
}

/* ---- the thread ---- */

static uint64_t next_event(const struct udxg_monitor *monitor)
{
    uint64_t next_ns = monitor->deaf_until_ns ? monitor->deaf_until_ns : NEVER;

    for (uint32_t i = 0; i < UDXG_MONITOR_VIEWERS; i++) {
        const struct viewer *viewer = &monitor->viewers[i];
        uint64_t at_ns = viewer->rest ? viewer->patience_ns : viewer->due_ns;
        if (viewer->fd >= 0 && at_ns < next_ns) next_ns = at_ns;
    }
    return next_ns;
}

static int timeout_until(uint64_t at_ns, uint64_t now_ns)
{
    if (at_ns == NEVER) return -1;
    return at_ns <= now_ns ? 0 : (int)((at_ns - now_ns + MS - 1) / MS);
}

/* What to wait for: the stop, the listening socket, the viewers. A descriptor of -1 is passed over. */
static void fill(const struct udxg_monitor *monitor, struct pollfd *polled)
{
    polled[0] = (struct pollfd){.fd = monitor->stop_fd, .events = POLLIN};
    polled[1] = (struct pollfd){.fd = monitor->deaf_until_ns ? -1 : monitor->listen_fd, .events = POLLIN};
    for (uint32_t i = 0; i < UDXG_MONITOR_VIEWERS; i++) {
        const struct viewer *viewer = &monitor->viewers[i];
        short events = (short)((viewer->silent ? 0 : POLLIN) | (viewer->rest ? POLLOUT : 0));
        polled[i + 2] = (struct pollfd){.fd = viewer->fd, .events = events};
    }
}

static void hear(struct viewer *viewer, short events, uint64_t now_ns)
{
    if (viewer->fd >= 0 && events & (POLLHUP | POLLERR | POLLNVAL)) drop(viewer);
    if (viewer->fd >= 0 && events & POLLIN) receive(viewer, now_ns);
    if (viewer->fd >= 0 && viewer->rest && events & POLLOUT) send_rest(viewer);
}

static void *watch(void *argument)
{
    struct udxg_monitor *monitor = argument;
    struct pollfd polled[UDXG_MONITOR_VIEWERS + 2];

    for (;;) {
        uint64_t now_ns = udxg_os_now_ns();

        if (monitor->deaf_until_ns <= now_ns) monitor->deaf_until_ns = 0;
        for (uint32_t i = 0; i < UDXG_MONITOR_VIEWERS; i++)
            if (monitor->viewers[i].fd >= 0) serve(monitor, &monitor->viewers[i], now_ns);
        fill(monitor, polled);
        if (poll(polled, UDXG_MONITOR_VIEWERS + 2, timeout_until(next_event(monitor), now_ns)) < 0) {
            udxg_os_nap_ns(MS); /* no memory: it may come back */
            continue;
        }
        if (polled[0].revents) return NULL;
        now_ns = udxg_os_now_ns();
        for (uint32_t i = 0; i < UDXG_MONITOR_VIEWERS; i++) hear(&monitor->viewers[i], polled[i + 2].revents, now_ns);
        if (polled[1].revents) take_connection(monitor, now_ns);
    }
}

/* ---- the socket ---- */

static bool is_answered(const struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool answered = fd < 0 || !connect(fd, (const struct sockaddr *)address, sizeof *address) ||
                    (errno != ECONNREFUSED && errno != ENOENT);

    if (fd >= 0) close(fd);
    return answered;
}

static bool is_socket(const char *path)
{
    struct stat name;

    return !lstat(path, &name) && S_ISSOCK(name.st_mode);
}

/* Binds, in the place of a socket that nobody listens at any more; 0 or an errno. */
static int bind_at(int fd, const struct sockaddr_un *address)
{
    if (fchmod(fd, 0600)) return errno; /* the name gets this mode, whatever the umask adds to be taken away */
    if (!bind(fd, (const struct sockaddr *)address, sizeof *address)) return 0;
    if (errno != EADDRINUSE) return errno;
    if (!is_socket(address->sun_path) || is_answered(address)) return EADDRINUSE;
    if (unlink(address->sun_path)) return errno;
    return bind(fd, (const struct sockaddr *)address, sizeof *address) ? errno : 0;
}

static int listen_at(struct udxg_monitor *monitor)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct stat name;
    int error;

    if (strlen(monitor->path) >= sizeof address.sun_path) return ENAMETOOLONG;
    memcpy(address.sun_path, monitor->path, strlen(monitor->path));
    monitor->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (monitor->listen_fd < 0) return errno;
    error = bind_at(monitor->listen_fd, &address);
    if (error) return error;
    if (stat(monitor->path, &name)) return errno;
    monitor->device = name.st_dev;
    monitor->inode = name.st_ino;
    return listen(monitor->listen_fd, UDXG_MONITOR_VIEWERS) ? errno : 0;
}

static void take_name_away(const struct udxg_monitor *monitor)
{
    struct stat name;

    if (!monitor->inode || stat(monitor->path, &name)) return;
    if (name.st_dev == monitor->device && name.st_ino == monitor->inode) unlink(monitor->path);
}

/* ---- start and stop ---- */

static void monitor_free(struct udxg_monitor *monitor)
{
    for (uint32_t i = 0; i < UDXG_MONITOR_VIEWERS; i++) drop(&monitor->viewers[i]);
    if (monitor->path) take_name_away(monitor);
    if (monitor->listen_fd >= 0) close(monitor->listen_fd);
    if (monitor->stop_fd >= 0) close(monitor->stop_fd);
    free(monitor->line);
    free(monitor->path);
    free(monitor);
}

static udxg_status status_of(int error)
{
    if (error == EADDRINUSE) return STATUS_OBJECT_NAME_COLLISION;
    return error == ENAMETOOLONG ? STATUS_INVALID_PARAMETER : udxg_os_status(error);
}

udxg_status udxg_monitor_open(struct udxg_kernel *kernel, const char *socket_path, char *error, size_t error_bytes,
                              struct udxg_monitor **ret_monitor)
{
    struct udxg_monitor *monitor = calloc(1, sizeof *monitor);
    int failure;

    if (!monitor) {
        snprintf(error, error_bytes, "%s: %s", socket_path, strerror(ENOMEM));
        return STATUS_NO_MEMORY;
    }
    monitor->kernel = kernel;
    monitor->listen_fd = -1;
    for (uint32_t i = 0; i < UDXG_MONITOR_VIEWERS; i++) monitor->viewers[i].fd = -1;
    monitor->path = strdup(socket_path);
    monitor->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    failure = !monitor->path ? ENOMEM : monitor->stop_fd < 0 ? errno : listen_at(monitor);
    if (failure) {
        snprintf(error, error_bytes, "%s: cannot listen: %s", socket_path, strerror(failure));
        monitor_free(monitor);
        return status_of(failure);
    }
    *ret_monitor = monitor;
    return STATUS_SUCCESS;
}

udxg_status udxg_monitor_run(struct udxg_monitor *monitor)
{
    monitor->runs = udxg_os_thread_create(&monitor->thread, "udxg-monitor", watch, monitor);
    return monitor->runs ? STATUS_SUCCESS : STATUS_NO_MEMORY;
}

void udxg_monitor_stop(struct udxg_monitor *monitor)
{
    if (!monitor) return;
    udxg_os_event_signal(monitor->stop_fd);
    if (monitor->runs) pthread_join(monitor->thread, NULL);
    monitor_free(monitor);
}
