/* SPDX-License-Identifier: MIT */
/*
 * One thread, one epoll, three descriptors: the listening socket, signals, and an eventfd by which sessions say that
 * they have ended. It never reads what a client sends, so none can make it wait.
 */
#include "daemon/loop.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/os.h"
#include "daemon/log.h"

#define NS_PER_S UINT64_C(1000000000)
#define NS_PER_MS UINT64_C(1000000)

static bool watch(const struct udxg_loop *loop, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    return fd >= 0 && !epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

static int catch_signals(void)
{
    sigset_t stopping;
    sigemptyset(&stopping);
    sigaddset(&stopping, SIGTERM);
    sigaddset(&stopping, SIGINT);
    sigaddset(&stopping, SIGHUP);
    return sigprocmask(SIG_BLOCK, &stopping, NULL) ? -1 : signalfd(-1, &stopping, SFD_CLOEXEC | SFD_NONBLOCK);
}

udxg_status udxg_loop_init(struct udxg_loop *loop, struct udxg_server *server, struct udxg_listener *listener,
                           uint32_t idle_exit_s)
{
    *loop = (struct udxg_loop){.server = server, .listener = listener, .idle_exit_s = idle_exit_s};
    loop->signal_fd = catch_signals();
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    server->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (watch(loop, loop->signal_fd) && watch(loop, server->wake_fd)) return STATUS_SUCCESS;
    udxg_status status = udxg_os_status(errno);
    udxg_loop_fini(loop);
    return status;
}

void udxg_loop_fini(struct udxg_loop *loop)
{
    udxg_os_close(loop->epoll_fd);
    udxg_os_close(loop->signal_fd);
    udxg_os_close(loop->server->wake_fd);
    loop->epoll_fd = loop->signal_fd = loop->server->wake_fd = -1;
}

udxg_status udxg_loop_listen(struct udxg_loop *loop)
{
    return watch(loop, loop->listener->fd) ? STATUS_SUCCESS : udxg_os_status(errno);
}

static void start_sessions(struct udxg_loop *loop)
{
    struct udxg_peer peer;
    int fd;

    while ((fd = udxg_listener_accept(loop->listener, &peer)) >= 0)
        if (udxg_failed(udxg_session_start(loop->server, fd, &peer))) return; /* it has said why; signals come first */
}

/* What stopped us; NULL for nothing. */
static const char *read_signal(const struct udxg_loop *loop)
{
    struct signalfd_siginfo info;
    if (read(loop->signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info)) return NULL;
    return info.ssi_signo == SIGTERM ? "SIGTERM" : info.ssi_signo == SIGINT ? "SIGINT" : "SIGHUP";
}

/* Looks at who is ready; false when it is time to stop. */
static bool serve(struct udxg_loop *loop, const struct epoll_event *events, int count)
{
    for (int i = 0; i < count; i++) {
        uint64_t ended;
        const char *name = events[i].data.fd == loop->signal_fd ? read_signal(loop) : NULL;
        if (name) {
            udxg_log(UDXG_LOG_INFO, "stopping: %s", name);
            return false;
        }
        if (events[i].data.fd == loop->listener->fd) start_sessions(loop);
        if (events[i].data.fd == loop->server->wake_fd && read(loop->server->wake_fd, &ended, sizeof(ended)) < 0)
            continue; /* somebody else's wake-up was read with the one before */
    }
    return true;
}

/* Milliseconds until it is time to go, -1: no such time. IDLE_SINCE_NS is 0 while there are sessions. */
static int idle_ms(const struct udxg_loop *loop, uint64_t idle_since_ns)
{
    if (!loop->idle_exit_s || !idle_since_ns) return -1;
    uint64_t end = idle_since_ns + loop->idle_exit_s * NS_PER_S, now = udxg_os_now_ns();
    if (now >= end) return 0;
    uint64_t left_ms = (end - now + NS_PER_MS - 1) / NS_PER_MS;
    return left_ms > INT32_MAX ? INT32_MAX : (int)left_ms;
}

void udxg_loop_run(struct udxg_loop *loop)
{
    uint64_t idle_since_ns = udxg_os_now_ns();

    for (;;) {
        struct epoll_event events[4];
        int wait_ms = idle_ms(loop, idle_since_ns);
        int count = epoll_wait(loop->epoll_fd, events, 4, wait_ms);
        if (!serve(loop, events, count)) return;
        bool idle = !udxg_sessions_count(loop->server);
        if (!idle)
            idle_since_ns = 0;
        else if (count > 0 || !idle_since_ns)
            idle_since_ns = udxg_os_now_ns(); /* one may have come and gone */
        else if (idle_ms(loop, idle_since_ns) == 0) {
            udxg_log(UDXG_LOG_INFO, "stopping: no session for %u seconds", loop->idle_exit_s);
            return;
        }
    }
}
