/* SPDX-License-Identifier: MIT */
/*
 * A line is put together on the stack and written by one write(), so lines of threads do not mix and no lock is
 * needed. To the journal it begins with <N>, syslog's number of its level, and has no time, which the journal adds;
 * elsewhere it begins with the time, in UTC. What clients could put into it is not there: a line has numbers and
 * our own words, and what does not print is replaced.
 *
 * stderr may be a pipe that nobody empties. A session must not wait for that, so a line that does not fit is left out.
 */
#include "daemon/log.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LINE_BYTES 512u /* less than PIPE_BUF: a pipe that is ready takes it whole */

static const struct {
    const char *name;
    int priority; /* of syslog */
} levels[] = {
    [UDXG_LOG_ERROR] = {"error", 3},
    [UDXG_LOG_WARNING] = {"warning", 4},
    [UDXG_LOG_INFO] = {"info", 6},
    [UDXG_LOG_DEBUG] = {"debug", 7},
};

#define LEVELS (sizeof(levels) / sizeof(levels[0]))

static enum udxg_log_level wanted = UDXG_LOG_WARNING; /* constant after udxg_log_init */
static bool journal;                                  /* the same: stderr is the journal */
static atomic_uint left_out;                          /* lines that did not fit since the last that did */

bool udxg_log_level_by_name(const char *name, enum udxg_log_level *ret_level)
{
    for (size_t i = 0; i < LEVELS; i++) {
        if (strcmp(levels[i].name, name) != 0) continue;
        *ret_level = (enum udxg_log_level)i;
        return true;
    }
    return false;
}

/* JOURNAL_STREAM names a file by device and inode; a child may have inherited it and write elsewhere. */
static bool is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    unsigned long long device, inode;
    struct stat status;

    if (!stream || sscanf(stream, "%llu:%llu", &device, &inode) != 2 || fstat(STDERR_FILENO, &status)) return false;
    return status.st_dev == device && status.st_ino == inode;
}

void udxg_log_init(enum udxg_log_level level)
{
    wanted = level;
    journal = is_journal();
    tzset(); /* else gmtime_r would, the first time, and look for files */
}

static int put_head(char *line, enum udxg_log_level level)
{
    if (journal) return snprintf(line, LINE_BYTES, "<%d>", levels[level].priority);
    struct timespec now;
    struct tm parts;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &parts);
    size_t length = strftime(line, LINE_BYTES, "%Y-%m-%dT%H:%M:%S", &parts);
    return (int)length + snprintf(line + length, LINE_BYTES - length, ".%03ldZ udxgd: %s: ", now.tv_nsec / 1000000,
                                  levels[level].name);
}

static bool write_line(const char *line, size_t bytes)
{
    struct pollfd poll_stderr = {.fd = STDERR_FILENO, .events = POLLOUT};

    if (poll(&poll_stderr, 1, 0) <= 0 || !(poll_stderr.revents & POLLOUT)) return false;
    return write(STDERR_FILENO, line, bytes) == (ssize_t)bytes;
}

static void write_text(enum udxg_log_level level, const char *format, va_list arguments)
{
    char line[LINE_BYTES];
    size_t start = (size_t)put_head(line, level), end;
    int length = vsnprintf(line + start, LINE_BYTES - start, format, arguments);

    if (length < 0) return;
    end = start + (size_t)length;
    if (end > LINE_BYTES - 1) end = LINE_BYTES - 1; /* cut: the newline takes the place of the zero */
    for (size_t i = start; i < end; i++)
        if ((unsigned char)line[i] < ' ' || line[i] == 0x7f) line[i] = '?';
    line[end] = '\n';
    if (!write_line(line, end + 1)) atomic_fetch_add(&left_out, 1);
}

static void write_format(enum udxg_log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void write_format(enum udxg_log_level level, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    write_text(level, format, arguments);
    va_end(arguments);
}

void udxg_log(enum udxg_log_level level, const char *format, ...)
{
    int saved = errno;
    va_list arguments;

    if (level > wanted) return;
    unsigned lost = atomic_exchange(&left_out, 0);
    if (lost) {
        write_format(UDXG_LOG_WARNING, "%u lines were left out here: nobody read them", lost);
        if (atomic_load(&left_out)) atomic_fetch_add(&left_out, lost - 1);
    }
    va_start(arguments, format);
    write_text(level, format, arguments);
    va_end(arguments);
    errno = saved;
}
