/* SPDX-License-Identifier: MIT */
/* Words for people: errors, sizes and statuses. Keeps no state. */
#include "cli/cli.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/status.h"

void udxg_report(const char *advice, const char *what, ...)
{
    va_list arguments;
    va_start(arguments, what);
    fputs("error: ", stderr);
    vfprintf(stderr, what, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    if (advice) fprintf(stderr, "  %s\n", advice);
}

const char *udxg_size_text(uint64_t bytes, char text[static UDXG_SIZE_CHARS])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    unsigned unit = 0;
    uint64_t scale = 1;
    while (bytes / scale >= 1024) {
        scale *= 1024;
        unit++;
    }
    if (bytes % scale == 0)
        snprintf(text, UDXG_SIZE_CHARS, "%" PRIu64 " %s", bytes / scale, units[unit]);
    else
        snprintf(text, UDXG_SIZE_CHARS, "%.1f %s", (double)bytes / (double)scale, units[unit]);
    return text;
}

const char *udxg_status_text(int32_t status, char text[static UDXG_STATUS_CHARS])
{
    const char *name = udxg_status_name(status);
    snprintf(text, UDXG_STATUS_CHARS, "%s (0x%08" PRIX32 ")", name ? name : "unknown status", (uint32_t)status);
    return text;
}
