/* SPDX-License-Identifier: MIT */
/* Where our own libraries and the daemon lie, seen from the running command: in the build tree, or where it was
 * installed. */
#ifndef UDXG_CLI_PLACE_H
#define UDXG_CLI_PLACE_H

#include <stdbool.h>

/* The folder with udxg-audit.so, libdxcore.so and libdxg.so.1; NULL when there is none. The caller frees it. */
char *udxg_place_libraries(void);

/* The daemon's program, which is beside this command; NULL when there is none. The caller frees it. */
char *udxg_place_daemon(void);

enum udxg_program_kind {
    UDXG_PROGRAM_ORDINARY, /* dynamically linked, or a script: ours will be seen */
    UDXG_PROGRAM_STATIC,
    UDXG_PROGRAM_SETUID,
    UDXG_PROGRAM_FOREIGN, /* for another architecture: it cannot load ours */
    UDXG_PROGRAM_UNKNOWN, /* not found or not readable: execvp will say */
};

/* What execvp(NAME) would run, judged by its header. */
enum udxg_program_kind udxg_place_program(const char *name);

#endif
