/* SPDX-License-Identifier: MIT */
/*
 * The manager's protocol is a datagram of lines to a unix socket, so it needs no library. It is connected at the start:
 * later, sockets cannot be made any more (daemon/guard.c).
 */
#include "daemon/ready.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/cleanup.h"
#include "base/os.h"
#include "daemon/log.h"

/* A path, or a name that begins with @ and stands for one with a zero in front. */
static int connect_manager(const char *name)
{
    UDXG_AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(name);

    if (fd < 0 || (*name != '/' && *name != '@') || length >= sizeof(address.sun_path)) return -1;
    memcpy(address.sun_path, name, length);
    if (*name == '@') address.sun_path[0] = '\0';
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    return connect(fd, (const struct sockaddr *)&address, size) ? -1 : udxg_steal_fd(&fd);
}

void udxg_ready_init(struct udxg_ready *ready, int pipe_fd)
{
    const char *name = getenv("NOTIFY_SOCKET");

    *ready = (struct udxg_ready){.manager_fd = name && *name ? connect_manager(name) : -1, .pipe_fd = pipe_fd};
    if (name && *name && ready->manager_fd < 0)
        udxg_log(UDXG_LOG_WARNING, "cannot reach the service manager at NOTIFY_SOCKET=%s", name);
    if (pipe_fd >= 0) fcntl(pipe_fd, F_SETFD, FD_CLOEXEC);
    unsetenv("NOTIFY_SOCKET");
}

void udxg_ready_fini(struct udxg_ready *ready)
{
    udxg_os_close(ready->manager_fd);
    udxg_os_close(ready->pipe_fd);
    ready->manager_fd = ready->pipe_fd = -1;
}

static void tell_manager(const struct udxg_ready *ready, const char *text)
{
    if (ready->manager_fd < 0) return;
    if (send(ready->manager_fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        udxg_log(UDXG_LOG_WARNING, "cannot tell the service manager: %s", strerror(errno));
}

void udxg_ready_tell(struct udxg_ready *ready, const char *path)
{
    tell_manager(ready, "READY=1\nSTATUS=Serving");
    if (ready->pipe_fd >= 0 && dprintf(ready->pipe_fd, "%s\n", path) < 0)
        udxg_log(UDXG_LOG_WARNING, "cannot write to the descriptor of --ready-fd: %s", strerror(errno));
    udxg_os_close(ready->pipe_fd);
    ready->pipe_fd = -1;
}

void udxg_ready_tell_stopping(struct udxg_ready *ready)
{
    tell_manager(ready, "STOPPING=1\nSTATUS=Stopping");
}
