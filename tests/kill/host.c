/* SPDX-License-Identifier: MIT */
/*
 * See host.h. The thread here is udxgd's main thread without its signals. The trap is armed and disarmed by the test's
 * thread, while the client whose it is makes no other call.
 */
#include "host.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/os.h"
#include "core/dispatch.h"
#include "core/process.h"
#include "daemon/listen.h"
#include "daemon/log.h"
#include "daemon/server.h"
#include "miniport/miniports.h"

#define DEATH_MS 10000

struct udxg_kernel *host_kernel;

static struct udxg_server server;
static struct udxg_listener listener;
static int stop_fd;
static pthread_t thread;
static atomic_uint session_count;

/* ---- serving ---- */

static void accept_all(void)
{
    struct udxg_peer peer;
    int fd;

    while ((fd = udxg_listener_accept(&listener, &peer)) >= 0) {
        atomic_fetch_add(&session_count, 1); /* before it can do anything */
        if (udxg_failed(udxg_session_start(&server, fd, &peer))) fprintf(stderr, "a session did not start\n");
    }
}

static void *serve(void *argument)
{
    struct pollfd ready[] = {{listener.fd, POLLIN, 0}, {server.wake_fd, POLLIN, 0}, {stop_fd, POLLIN, 0}};
    uint64_t ends;

    (void)argument;
    while (poll(ready, 3, -1) > 0 && !ready[2].revents) {
        if (ready[0].revents) accept_all();
        if (ready[1].revents && read(server.wake_fd, &ends, sizeof ends) < 0) continue;
        atomic_store(&session_count, udxg_sessions_count(&server));
    }
    return NULL;
}

unsigned host_sessions(void)
{
    return atomic_load(&session_count);
}

void host_start(const char *adapters, const char *path)
{
    char error[512] = "";

    udxg_log_init(UDXG_LOG_ERROR);
    if (udxg_failed(udxg_kernel_create(adapters, udxg_miniports, error, sizeof error, &host_kernel)) ||
        udxg_listener_open(&listener, path, false) != UDXG_LISTEN_OK) {
        fprintf(stderr, "the daemon does not start: %s\n", error);
        exit(EXIT_FAILURE);
    }
    server.kernel = host_kernel;
    server.spinners.most = udxg_os_cpu_count() / 2;
    server.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    stop_fd = eventfd(0, EFD_CLOEXEC);
    udxg_sessions_init(&server.sessions);
    if (server.wake_fd < 0 || stop_fd < 0 || !udxg_os_thread_create(&thread, "kill-host", serve, NULL)) abort();
}

void host_stop(void)
{
    udxg_os_event_signal(stop_fd);
    pthread_join(thread, NULL);
    udxg_sessions_stop(&server);
    udxg_listener_close(&listener);
    udxg_sessions_fini(&server.sessions);
    udxg_kernel_destroy(host_kernel);
    close(server.wake_fd);
    close(stop_fd);
}

/* ---- the trap ---- */

static struct trap armed; /* constant while is_armed */
static atomic_bool is_armed;
static sem_t sprung;                   /* posted once by the call that the trap is for */
static atomic_uint_fast64_t killed_ns; /* before the post */

static void kill_now(bool goes_on)
{
    struct pollfd death = {armed.pid_fd, POLLIN, 0};

    atomic_store(&killed_ns, udxg_os_now_ns());
    kill(armed.pid, SIGKILL);
    if (!goes_on) poll(&death, 1, DEATH_MS);
}

/* Whether it is the call; only once. */
static bool springs(const struct udxg_process *process, enum udxg_thunk_id id, bool after)
{
    return atomic_load(&is_armed) && process->pid == (uint32_t)armed.pid && id == armed.id &&
           (armed.moment == TRAP_AFTER) == after && atomic_exchange(&is_armed, false);
}

static bool before_call(const struct udxg_process *process, enum udxg_thunk_id id, const void *args,
                        udxg_status *ret_status)
{
    (void)args, (void)ret_status;
    if (!springs(process, id, false)) return false;
    if (armed.moment == TRAP_BEFORE) kill_now(armed.goes_on);
    sem_post(&sprung);
    return false;
}

static void after_call(const struct udxg_process *process, enum udxg_thunk_id id, const void *args, udxg_status status)
{
    (void)args, (void)status;
    if (!springs(process, id, true)) return;
    kill_now(armed.goes_on);
    sem_post(&sprung);
}

void host_arm(const struct trap *trap)
{
    armed = *trap;
    sem_init(&sprung, 0, 0);
    atomic_store(&is_armed, true);
    udxg_dispatch_set_fault(before_call);
    udxg_dispatch_set_trace(after_call);
}

bool host_await_trap(uint64_t patience_ns, uint64_t *ret_killed_ns)
{
    uint64_t deadline_ns = udxg_os_now_ns() + patience_ns;
    struct timespec deadline = {(time_t)(deadline_ns / 1000000000u), (long)(deadline_ns % 1000000000u)};

    while (sem_clockwait(&sprung, CLOCK_MONOTONIC, &deadline) < 0)
        if (errno != EINTR) return false;
    if (armed.moment == TRAP_INSIDE) {
        uint64_t since_ns = udxg_os_now_ns();
        while (udxg_os_now_ns() - since_ns < armed.delay_ns) continue;
        kill_now(true);
    }
    *ret_killed_ns = atomic_load(&killed_ns);
    return true;
}

void host_disarm(void)
{
    atomic_store(&is_armed, false);
    udxg_dispatch_set_fault(NULL);
    udxg_dispatch_set_trace(NULL);
}
