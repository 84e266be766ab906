/* SPDX-License-Identifier: MIT */
/*
 * udxg, the command: finds the subcommand and hands over. A subcommand is one file, one row in the table
 * below, and parses its own arguments. What a subcommand returns is the exit status.
 */
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name, *summary;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"run", "run a program with udxg's libraries in front", udxg_command_run},
    {"info", "show adapters, segments, budgets and engines", udxg_command_info},
    {"daemon", "serve several programs with one kernel", udxg_command_daemon},
    {"top", "watch a daemon: memory, processes, engines", udxg_command_top},
    {"ps", "list the processes of a daemon", udxg_command_ps},
};

#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

const char *argp_program_version = "udxg " UDXG_VERSION;

struct arguments {
    int first; /* index of the subcommand in argv; 0 while there is none */
};

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    (void)argument;
    switch (key) {
    case ARGP_KEY_ARG:
        arguments->first = state->next - 1;
        state->next = state->argc;
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_state_help(state, stderr, ARGP_HELP_STD_USAGE);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* The list of subcommands, from the table, in front of the examples. The caller frees it. */
static char *filter_help(int key, const char *text, void *input)
{
    (void)input;
    if (key != ARGP_KEY_HELP_POST_DOC) return (char *)text;
    char *help = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&help, &bytes);
    if (!out) return NULL;
    fputs("Commands (each has its own --help):\n", out);
    for (size_t i = 0; i < COMMAND_COUNT; i++) fprintf(out, "  %-6s %s\n", commands[i].name, commands[i].summary);
    fprintf(out, "\n%s", text);
    return fclose(out) ? NULL : help;
}

static const struct argp argp = {
    .parser = parse_option,
    .args_doc = "COMMAND [ARGUMENT...]",
    .doc = "WDDM's graphics-memory kernel for programs on Linux, without Windows and without a GPU.\v"
           "Examples:\n"
           "  udxg info\n"
           "  udxg run -- clinfo -l\n",
    .help_filter = filter_help,
};

void udxg_parse(const struct argp *parser, int status, int argc, char **argv, void *input)
{
    argp_err_exit_status = status;
    error_t error = argp_parse(parser, argc, argv, ARGP_IN_ORDER, NULL, input);
    if (error) {
        udxg_report(NULL, "%s: %s", argv[0], strerror(error));
        exit(status);
    }
}

int main(int argc, char **argv)
{
    struct arguments arguments = {0};
    udxg_parse(&argp, UDXG_EXIT_USAGE, argc, argv, &arguments);

    const char *name = argv[arguments.first];
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(name, commands[i].name) != 0) continue;
        char title[32];
        snprintf(title, sizeof(title), "udxg %s", name);
        program_invocation_name = title;
        argv[arguments.first] = title;
        return commands[i].run(argc - arguments.first, argv + arguments.first);
    }
    udxg_report("udxg --help lists the commands", "there is no command '%s'", name);
    return UDXG_EXIT_USAGE;
}
