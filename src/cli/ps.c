/* SPDX-License-Identifier: MIT */
/* udxg ps: the processes of a daemon, from one line of its monitor. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/top_text.h"
#include "cli/viewer.h"

#define PATIENCE_MS 10000

struct arguments {
    const char *server;
    bool json;
};

static const struct argp_option options[] = {
    {"json", 'j', NULL, 0, "Write one JSON document, schema udxg.ps/1", 0},
    {"socket", 's', "PATH", 0, "The daemon's socket; without it UDXG_SERVER, or where daemons usually listen", 0},
    {0},
};

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case 'j':
        arguments->json = true;
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
    .doc = "Lists the processes of a daemon, a line for each adapter that one uses: devices, contexts, handles, "
           "allocations, usage and budget of the local memory, and what is resident.\v"
           "The exit status is 0, 3 when no daemon answers, or 4 when it is another user's.\n\n"
           "Examples:\n"
           "  udxg ps\n"
           "  udxg ps --json --socket /run/user/1000/udxg/udxgd.sock\n",
};

/* The processes as the monitor says them, and the adapters' names that their numbers stand for. */
static bool write_json(const char *line)
{
    json_t *from = json_loads(line, 0, NULL), *names = json_array();
    const json_t *adapters = json_object_get(from, "adapters");
    for (size_t i = 0; i < json_array_size(adapters); i++)
        json_array_append(names, json_object_get(json_array_get(adapters, i), "name"));
    json_t *document =
        json_pack("{s:s, s:O, s:O, s:O}", "schema", "udxg.ps/1", "server_pid", json_object_get(from, "server_pid"),
                  "adapters", names, "processes", json_object_get(from, "processes"));
    bool written = document && !json_dumpf(document, stdout, JSON_INDENT(2)) && putchar('\n') != EOF;
    json_decref(document);
    json_decref(names);
    json_decref(from);
    return written;
}

static bool write_table(const char *line)
{
    struct udxg_top *top = udxg_top_parse(line, NULL);
    if (top) udxg_ps_print(top, stdout);
    udxg_top_free(top);
    return top != NULL;
}

int udxg_command_ps(int argc, char **argv)
{
    struct arguments arguments = {0};
    struct udxg_viewer viewer;
    char *line;
    udxg_parse(&argp, UDXG_EXIT_USAGE, argc, argv, &arguments);
    int status = udxg_viewer_open(&viewer, arguments.server);
    if (status != UDXG_EXIT_OK) return status;
    if (udxg_viewer_wait(&viewer, PATIENCE_MS, &line) != UDXG_VIEWER_LINE) {
        udxg_report(NULL, "the daemon at %s does not say anything", viewer.path);
        status = UDXG_EXIT_NO_ADAPTER;
    } else if (!(arguments.json ? write_json(line) : write_table(line)) || fflush(stdout) || ferror(stdout)) {
        udxg_report(NULL, "cannot write the list");
        status = UDXG_EXIT_FINDING;
    }
    udxg_viewer_close(&viewer);
    return status;
}
