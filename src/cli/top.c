/* SPDX-License-Identifier: MIT */
/*
 * udxg top: what a daemon says on its monitor's socket, as a live view, as one table or as it came. The connection is
 * viewer.c, the numbers top_model.c, the terminal top_screen.c, the table top_text.c.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/top_screen.h"
#include "cli/top_text.h"
#include "cli/viewer.h"
#include "daemon/monitor.h"

#define PATIENCE_MS 10000 /* for a first answer */
#define RETRY_MS 1000     /* between attempts to find a daemon that has gone */

struct arguments {
    const char *server;
    uint32_t interval_ms; /* 0: the daemon's own */
    bool json, once;
};

static const struct argp_option options[] = {
    {"once", '1', NULL, 0, "Print one table and end", 0},
    {"json", 'j', NULL, 0, "Write what the daemon says, a line of JSON for each moment, schema udxg.top/1", 0},
    {"interval", 'd', "SECONDS", 0, "From 0.1 to 60; 1 where it is not said", 0},
    {"socket", 's', "PATH", 0, "The daemon's socket; without it UDXG_SERVER, or where daemons usually listen", 0},
    {0},
};

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case '1':
        arguments->once = true;
        return 0;
    case 'j':
        arguments->json = true;
        return 0;
    case 'd':
        arguments->interval_ms = udxg_viewer_parse_interval(argument);
        if (!arguments->interval_ms)
            argp_error(state, "--interval takes a number of seconds from 0.1 to 60, not '%s'", argument);
        return 0;
    case 's':
        arguments->server = argument;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "nothing is to be named here: '%s'", argument);
        return EINVAL;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp argp = {
    .options = options,
    .parser = parse_option,
    .doc = "Watches a daemon: its adapters and their memory segments, and for each process usage, budget, residency, "
           "queues and paging traffic. Keys: q quit, h help, p pause, + and - interval, s sort, a adapter.\v"
           "The exit status is 0, 3 when no daemon answers, or 4 when it is another user's.\n\n"
           "Examples:\n"
           "  udxg top\n"
           "  udxg top --once --json | jq '.processes[].pid'\n",
};

static int gone(const struct udxg_viewer *viewer, const char *what)
{
    udxg_report(NULL, "the daemon at %s %s", viewer->path, what);
    return UDXG_EXIT_NO_ADAPTER;
}

static int finish(void)
{
    if (!fflush(stdout) && !ferror(stdout)) return UDXG_EXIT_OK;
    udxg_report(NULL, "cannot write to standard output: %s", strerror(errno));
    return UDXG_EXIT_FINDING;
}

/* ---- lines ---- */

static int show_once(struct udxg_viewer *viewer, bool json)
{
    char *line;
    enum udxg_viewer_result result = udxg_viewer_wait(viewer, PATIENCE_MS, &line);
    if (result != UDXG_VIEWER_LINE) return gone(viewer, result == UDXG_VIEWER_NONE ? "says nothing" : "hung up");
    if (json) {
        puts(line);
        return finish();
    }
    struct udxg_top *top = udxg_top_parse(line, NULL);
    if (!top) return gone(viewer, "says what is not of schema udxg.top/1");
    udxg_top_sort(top, UDXG_TOP_BY_USAGE, false);
    udxg_top_print(top, stdout);
    udxg_top_free(top);
    return finish();
}

static int stream(struct udxg_viewer *viewer)
{
    char *line;
    while (udxg_viewer_wait(viewer, -1, &line) == UDXG_VIEWER_LINE) {
        puts(line);
        int status = finish();
        if (status != UDXG_EXIT_OK) return status;
    }
    return gone(viewer, "has ended");
}

/* ---- the live view ---- */

struct watch {
    struct udxg_viewer *viewer;
    struct udxg_top_state state;
    struct udxg_top *top; /* what is on the screen, or the last that came before a pause; NULL: nothing yet */
};

/* Takes all that has come; what comes while the view is paused is for nobody. True when there is something new. */
static bool take_lines(struct watch *watch)
{
    enum udxg_viewer_result result;
    bool new = false;
    char *line;
    while ((result = udxg_viewer_read(watch->viewer, &line)) == UDXG_VIEWER_LINE) {
        if (watch->state.paused) continue;
        struct udxg_top *top = udxg_top_parse(line, watch->top);
        if (!top) continue;
        udxg_top_free(watch->top);
        watch->top = top;
        new = true;
    }
    if (result == UDXG_VIEWER_NONE) return new;
    watch->state.lost = true;
    return true;
}

static void look_for_daemon(struct watch *watch)
{
    watch->state.lost = !udxg_viewer_reopen(watch->viewer);
    if (!watch->state.lost) udxg_viewer_set_interval(watch->viewer, watch->state.interval_ms);
}

/* False: it is enough. */
static bool take_keys(struct watch *watch, bool *changed)
{
    for (;;) {
        switch (udxg_screen_key(&watch->state)) {
        case UDXG_KEY_NONE:
            return true;
        case UDXG_KEY_QUIT:
            return false;
        case UDXG_KEY_INTERVAL:
            udxg_viewer_set_interval(watch->viewer, watch->state.interval_ms);
            *changed = true;
            break;
        case UDXG_KEY_CHANGED:
            *changed = true;
            break;
        }
    }
}

static void draw(struct watch *watch)
{
    if (watch->top) udxg_top_sort(watch->top, watch->state.order, watch->state.backward);
    udxg_screen_draw(watch->top, &watch->state);
}

static void watch_daemon(struct watch *watch)
{
    bool changed = true;
    for (;;) {
        if (changed) draw(watch);
        changed = false;
        struct pollfd polled[2] = {{.fd = STDIN_FILENO, .events = POLLIN},
                                   {.fd = watch->state.lost ? -1 : watch->viewer->fd, .events = POLLIN}};
        int ready = poll(polled, 2, watch->state.lost ? RETRY_MS : -1);
        if (ready < 0 && errno != EINTR) return;
        if (ready > 0 && polled[0].revents & (POLLHUP | POLLERR | POLLNVAL)) return; /* the terminal is gone */
        if (!take_keys(watch, &changed)) return; /* a new size of the terminal is a key too */
        if (!ready && watch->state.lost) {
            look_for_daemon(watch);
            changed = true;
        }
        if (!watch->state.lost) changed |= take_lines(watch);
    }
}

static int live(struct udxg_viewer *viewer, uint32_t interval_ms)
{
    struct watch watch = {.viewer = viewer, .state = {.interval_ms = interval_ms, .only_adapter = -1}};
    if (!udxg_screen_open()) return UDXG_EXIT_USAGE;
    watch_daemon(&watch);
    udxg_screen_close();
    udxg_top_free(watch.top);
    return UDXG_EXIT_OK;
}

int udxg_command_top(int argc, char **argv)
{
    struct arguments arguments = {0};
    struct udxg_viewer viewer;
    udxg_parse(&argp, UDXG_EXIT_USAGE, argc, argv, &arguments);
    int status = udxg_viewer_open(&viewer, arguments.server);
    if (status != UDXG_EXIT_OK) return status;
    if (arguments.interval_ms) udxg_viewer_set_interval(&viewer, arguments.interval_ms);
    if (arguments.once)
        status = show_once(&viewer, arguments.json);
    else if (arguments.json)
        status = stream(&viewer);
    else
        status = live(&viewer, arguments.interval_ms ? arguments.interval_ms : UDXG_MONITOR_INTERVAL_MS);
    udxg_viewer_close(&viewer);
    return status;
}
