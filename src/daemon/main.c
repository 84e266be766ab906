/* SPDX-License-Identifier: MIT */
/*
 * udxgd: one kernel for many processes. Here are its options and the order in which it begins and ends:
 *
 *     privileges, signals    before anything else
 *     kernel                 reads profiles
 *     socket                 made or adopted
 *     confinement            from here on no file is opened, and threads may be there
 *     rules, readiness
 *     loop                   until a signal, or nobody is there
 *     socket, sessions, kernel   in this order: who comes now finds another daemon, or none
 *
 * Where --adapter and --inject are not given, the variables count that the libraries have in a process alone.
 */
#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/os.h"
#include "core/kernel.h"
#include "core/stats.h"
#include "daemon/guard.h"
#include "daemon/listen.h"
#include "daemon/log.h"
#include "daemon/loop.h"
#include "daemon/monitor.h"
#include "daemon/ready.h"
#include "daemon/server.h"
#include "miniport/miniports.h"

/* As those of the command udxg. */
enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_NO_ADAPTER = 3, EXIT_DENIED = 4 };

enum {
    KEY_SOCKET = 's',
    KEY_ADAPTER = 'a',
    KEY_INJECT = 'i',
    KEY_LEVEL = 'l',
    KEY_IDLE = 'e',
    KEY_OTHERS = 256,
    KEY_DISTURB,
    KEY_READY
};

struct arguments {
    const char *socket, *adapter, *inject;
    enum udxg_log_level level;
    uint32_t idle_exit_s;
    bool other_users, disturb;
    int ready_fd; /* -1: nobody asked */
};

const char *argp_program_version = "udxgd " UDXG_VERSION;

static const struct argp_option options[] = {
    {"socket", KEY_SOCKET, "PATH", 0, "Where to listen; without it $XDG_RUNTIME_DIR/udxg/udxgd.sock", 0},
    {"adapter", KEY_ADAPTER, "NAMES", 0,
     "Adapters to offer: built-in profiles or paths of profiles, with commas between", 0},
    {"profile", 0, NULL, OPTION_ALIAS, NULL, 0},
    {"inject", KEY_INJECT, "RULES", 0, "Make calls, engines or adapters fail, as udxg run --inject does", 0},
    {"log-level", KEY_LEVEL, "LEVEL", 0, "What to write on stderr: error, warning, info (the default) or debug", 0},
    {"idle-exit", KEY_IDLE, "SECONDS", 0, "End when there was no session for so long", 0},
    {"allow-other-users", KEY_OTHERS, NULL, 0, "Serve any user that reaches the socket, not our own alone", 0},
    {"allow-disturbance", KEY_DISTURB, NULL, 0,
     "Let clients do what all feel, as taking adapters away and making calls fail: for tests", 0},
    {"ready-fd", KEY_READY, "FD", 0,
     "When clients can connect, write the path of the socket and a newline to FD and "
     "close it",
     0},
    {0},
};

/* A whole number from 0 to MOST. */
static uint32_t parse_number(const char *text, uint32_t most, const char *option, struct argp_state *state)
{
    char *end;
    errno = 0;
    unsigned long value = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || errno || value > most)
        argp_error(state, "--%s takes a number from 0 to %u, not '%s'", option, most, text);
    return (uint32_t)value;
}

static void check_rules(const char *text, const char *source, const struct argp_state *state)
{
    struct udxg_inject_rules rules = {0};
    const char *broken = text ? udxg_inject_parse(text, UDXG_INJECT_ALL, &rules) : NULL;
    if (broken) argp_error(state, "%s %s: %s", source, text, broken);
}

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case KEY_SOCKET:
        arguments->socket = argument;
        return 0;
    case KEY_ADAPTER:
        arguments->adapter = argument;
        return 0;
    case KEY_INJECT:
        arguments->inject = argument;
        return 0;
    case KEY_LEVEL:
        if (!udxg_log_level_by_name(argument, &arguments->level))
            argp_error(state, "--log-level is error, warning, info or debug, not '%s'", argument);
        return 0;
    case KEY_IDLE:
        arguments->idle_exit_s = parse_number(argument, UINT32_MAX, "idle-exit", state);
        if (!arguments->idle_exit_s) argp_error(state, "--idle-exit takes at least one second");
        return 0;
    case KEY_OTHERS:
        arguments->other_users = true;
        return 0;
    case KEY_DISTURB:
        arguments->disturb = true;
        return 0;
    case KEY_READY:
        arguments->ready_fd = (int)parse_number(argument, INT_MAX, "ready-fd", state);
        if (fcntl(arguments->ready_fd, F_GETFD) < 0) argp_error(state, "--ready-fd %s is not open", argument);
        return 0;
    case ARGP_KEY_END:
        if (!arguments->inject) arguments->inject = getenv("UDXG_INJECT");
        check_rules(arguments->inject, "rules", state);
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "'%s' is too much: there are only options", argument);
        return EINVAL;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp argp = {
    .options = options,
    .parser = parse_option,
    .doc = "One graphics-memory kernel for all programs of a user: they share its adapters, memory and budgets, and "
           "none of them can harm another. Programs find it by UDXG_SERVER=PATH, or at the default path.\v"
           "It stops at SIGTERM, SIGINT and SIGHUP, ends all sessions and removes its socket. A socket that a service "
           "manager hands over (LISTEN_FDS) is used instead of --socket and stays. The exit status is 0; 1 if it "
           "cannot listen, 2 for a usage error, 3 if there is no adapter, 4 if it may not run so.\n\n"
           "Examples:\n"
           "  udxgd --adapter soft-discrete --log-level debug\n"
           "  udxgd --socket /tmp/mine/udxgd.sock --idle-exit 60\n",
};

/* The socket of the manager, or our own. Returns an exit status. */
static int open_listener(const struct arguments *arguments, struct udxg_listener *listener)
{
    char path[PATH_MAX];
    bool given;
    enum udxg_listen_result result = udxg_listener_adopt(listener, arguments->other_users, &given);

    if (given && result == UDXG_LISTEN_OK && arguments->socket) {
        udxg_log(UDXG_LOG_ERROR, "the service manager has given a socket: leave --socket %s out", arguments->socket);
        udxg_listener_close(listener);
        return EXIT_USAGE;
    }
    if (!given && !arguments->socket && !udxg_listener_default_path(path)) {
        udxg_log(UDXG_LOG_ERROR,
                 "where to listen? XDG_RUNTIME_DIR is not set (or too long), and there is no --socket PATH");
        return EXIT_USAGE;
    }
    if (!given)
        result = udxg_listener_open(listener, arguments->socket ? arguments->socket : path, arguments->other_users);
    return result == UDXG_LISTEN_OK ? EXIT_OK : result == UDXG_LISTEN_DENIED ? EXIT_DENIED : EXIT_FAILED;
}

/*
 * Where the libraries lie that clients look for beside the kernel: beside this program in a build folder, else in the
 * folder of an installation. NULL: nowhere.
 */
static char *find_libraries(void)
{
    static const char *const from_command[] = {".", UDXG_LIBRARIES_FROM_COMMAND};
    char self[PATH_MAX], path[2 * PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);

    if (length <= 0) return NULL;
    self[length] = 0;
    *strrchr(self, '/') = 0;
    for (size_t i = 0; i < sizeof from_command / sizeof *from_command; i++) {
        snprintf(path, sizeof path, "%s/%s/libwsl_compute_helper.so", self, from_command[i]);
        if (access(path, R_OK)) continue;
        *strrchr(path, '/') = 0;
        return realpath(path, NULL);
    }
    return NULL;
}

static int make_kernel(const struct arguments *arguments, struct udxg_kernel **ret_kernel)
{
    const char *names = arguments->adapter ? arguments->adapter : getenv("UDXG_ADAPTERS");
    char error[512] = "";
    udxg_status status = udxg_kernel_create(names, udxg_miniports, error, sizeof(error), ret_kernel);

    if (!udxg_failed(status)) return EXIT_OK;
    udxg_log(UDXG_LOG_ERROR, "no adapter: %s", error[0] ? error : udxg_status_name(status));
    return EXIT_NO_ADAPTER;
}

/* Without it nobody can watch, which is no reason not to serve. NULL: it is not there. */
static struct udxg_monitor *open_monitor(const struct udxg_loop *loop)
{
    struct udxg_monitor *monitor = NULL;
    char error[512], path[PATH_MAX + sizeof UDXG_MONITOR_SUFFIX];

    if (!loop->listener->path[0]) return NULL; /* the service manager's socket has no name */
    snprintf(path, sizeof path, "%s" UDXG_MONITOR_SUFFIX, loop->listener->path);
    if (!udxg_failed(udxg_monitor_open(loop->server->kernel, path, error, sizeof error, &monitor))) return monitor;
    udxg_log(UDXG_LOG_WARNING, "udxg top and ps will not work: %s", error);
    return NULL;
}

static void run_monitor(struct udxg_monitor *monitor)
{
    if (monitor && udxg_failed(udxg_monitor_run(monitor)))
        udxg_log(UDXG_LOG_WARNING, "udxg top and ps will not work: there is no thread for them");
}

/* From the open socket to the end. */
static int serve(const struct arguments *arguments, struct udxg_loop *loop)
{
    struct udxg_monitor *monitor = open_monitor(loop);
    struct udxg_ready ready;
    char error[512] = "";

    udxg_ready_init(&ready, arguments->ready_fd);
    udxg_guard_confine(loop->listener);
    loop->server->kernel->clients_disturb = arguments->disturb;
    udxg_status status = udxg_kernel_inject(loop->server->kernel, arguments->inject, error, sizeof(error));
    if (!udxg_failed(status)) status = udxg_loop_listen(loop);
    if (!udxg_failed(status)) {
        udxg_log(UDXG_LOG_INFO, "serving %u adapters at %s", loop->server->kernel->adapter_count,
                 loop->listener->path[0] ? loop->listener->path : "the service manager's socket");
        run_monitor(monitor);
        udxg_ready_tell(&ready, loop->listener->path);
        udxg_loop_run(loop);
        udxg_ready_tell_stopping(&ready);
    } else {
        udxg_log(UDXG_LOG_ERROR, "cannot begin: %s", error[0] ? error : udxg_status_name(status));
    }
    udxg_monitor_stop(monitor); /* before the folder that both are in goes */
    udxg_listener_close(loop->listener);
    udxg_sessions_stop(loop->server);
    udxg_ready_fini(&ready);
    return udxg_failed(status) ? EXIT_FAILED : EXIT_OK;
}

static int run(const struct arguments *arguments)
{
    static struct udxg_listener listener; /* its paths are long */
    unsigned cpus = udxg_os_cpu_count();
    struct udxg_server server = {.spinners.most = cpus > 2 ? cpus / 2 : 1};
    struct udxg_loop loop;
    udxg_status status = udxg_loop_init(&loop, &server, &listener, arguments->idle_exit_s);

    if (udxg_failed(status)) {
        udxg_log(UDXG_LOG_ERROR, "cannot begin: %s", udxg_status_name(status));
        return EXIT_FAILED;
    }
    udxg_sessions_init(&server.sessions);
    udxg_stats_attach(getenv("UDXG_STATS"));
    int exit_status = make_kernel(arguments, &server.kernel);
    char *libraries = find_libraries();
    if (exit_status == EXIT_OK) {
        server.kernel->libraries = libraries;
        exit_status = open_listener(arguments, &listener);
        if (exit_status == EXIT_OK) exit_status = serve(arguments, &loop);
        udxg_kernel_destroy(server.kernel);
    }
    free(libraries);
    udxg_sessions_fini(&server.sessions);
    udxg_loop_fini(&loop);
    return exit_status;
}

int main(int argc, char **argv)
{
    struct arguments arguments = {.level = UDXG_LOG_INFO, .ready_fd = -1};

    argp_err_exit_status = EXIT_USAGE;
    argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    udxg_log_init(arguments.level);
    if (udxg_guard_is_privileged()) {
        udxg_log(UDXG_LOG_ERROR, "this program must not be set-user-id or set-group-id");
        return EXIT_DENIED;
    }
    udxg_guard_begin();
    int exit_status = run(&arguments);
    if (exit_status == EXIT_OK) udxg_log(UDXG_LOG_INFO, "stopped");
    return exit_status;
}
