/* SPDX-License-Identifier: MIT */
/* udxg daemon: becomes udxgd, which has its own options and help. */
#include "cli/cli.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli/place.h"

int udxg_command_daemon(int argc, char **argv)
{
    UDXG_AUTO_FREE char *path = udxg_place_daemon();
    (void)argc;
    if (path) execv(path, argv);
    udxg_report("udxg daemon needs the udxgd of its own build or install tree", "%s",
                path ? strerror(errno) : "no udxgd beside this command");
    return UDXG_EXIT_NO_ADAPTER;
}
