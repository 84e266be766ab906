/* SPDX-License-Identifier: MIT */
/*
 * What the subcommands of udxg share: their table, exit statuses, error messages and how sizes are written.
 * stdout is for results alone.
 */
#ifndef UDXG_CLI_CLI_H
#define UDXG_CLI_CLI_H

#include <argp.h>
#include <stddef.h>
#include <stdint.h>

enum udxg_exit {
    UDXG_EXIT_OK = 0,
    UDXG_EXIT_FINDING = 1,
    UDXG_EXIT_USAGE = 2,
    UDXG_EXIT_NO_ADAPTER = 3, /* or no daemon */
    UDXG_EXIT_DENIED = 4,
    /* udxg run, as env does it */
    UDXG_EXIT_RUN_FAILED = 125,
    UDXG_EXIT_CANNOT_EXECUTE = 126,
    UDXG_EXIT_NOT_FOUND = 127,
};

/* A subcommand gets its own arguments, argv[0] being "udxg NAME", and returns an exit status. */
int udxg_command_run(int argc, char **argv);
int udxg_command_info(int argc, char **argv);
int udxg_command_daemon(int argc, char **argv);
int udxg_command_top(int argc, char **argv);
int udxg_command_ps(int argc, char **argv);

/* Parses with STATUS as the exit status of a usage error; options end at the first argument. */
void udxg_parse(const struct argp *argp, int status, int argc, char **argv, void *input);

/* "error: WHAT", then "  ADVICE" unless it is NULL; both on stderr. */
void udxg_report(const char *advice, const char *what, ...) __attribute__((format(printf, 2, 3)));

#define UDXG_SIZE_CHARS 24
/* For people: "1.5 GiB", "64 KiB", "17 B". Returns TEXT. */
const char *udxg_size_text(uint64_t bytes, char text[static UDXG_SIZE_CHARS]);

#define UDXG_STATUS_CHARS 80
/* A name and a number: "STATUS_NO_MEMORY (0xC0000017)". Returns TEXT. */
const char *udxg_status_text(int32_t status, char text[static UDXG_STATUS_CHARS]);

#endif
