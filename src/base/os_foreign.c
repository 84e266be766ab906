/* SPDX-License-Identifier: MIT */
/*
 * The memory of a process elsewhere, through descriptors that it opened of itself: no right to look into a process is
 * needed, and no process number can come to mean another. And the text of maps files, which says what is mapped.
 *
 * Descriptors come from clients, and text may be anything: a line that is none, or none at all, is a refusal. They are
 * read at positions of our own, because a client has them too, and may move theirs. Locks: one for a maps file while
 * its text is read; innermost.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/os.h"

#define TURNS 64u /* files that share a mutex wait for each other, which is no more than time */
#define TRIES 3u

/* ---- maps ---- */

/* What is still to be found, while the lines pass by in ascending order. */
struct maps_search {
    uint64_t next, last; /* pages */
    bool write;
};

enum verdict { VERDICT_OPEN, VERDICT_GOOD, VERDICT_BAD };

static const char *parse_hex(const char *text, uint64_t *ret_value)
{
    uint64_t value = 0;
    for (;; text++) {
        if (*text >= '0' && *text <= '9') {
            value = value << 4 | (uint64_t)(*text - '0');
        } else if (*text >= 'a' && *text <= 'f') {
            value = value << 4 | (uint64_t)(*text - 'a' + 10);
        } else {
            *ret_value = value;
            return text;
        }
    }
}

/* One line, "start-end rwxp ...", which ends with a newline. */
static enum verdict maps_line(struct maps_search *search, const char *line)
{
    uint64_t start, end;
    line = parse_hex(line, &start);
    if (*line != '-') return VERDICT_BAD;
    line = parse_hex(line + 1, &end);
    if (*line != ' ') return VERDICT_BAD;
    if (end / UDXG_PAGE_SIZE <= search->next) return VERDICT_OPEN;
    bool good = line[1] == 'r' && (!search->write || line[2] == 'w');
    if (start / UDXG_PAGE_SIZE > search->next || !good) return VERDICT_BAD;
    search->next = end / UDXG_PAGE_SIZE;
    return search->next > search->last ? VERDICT_GOOD : VERDICT_OPEN;
}

/* The whole lines among the LENGTH bytes of TEXT; what is left of the last one moves to the front. */
static enum verdict maps_lines(struct maps_search *search, char *text, size_t *length)
{
    enum verdict verdict = VERDICT_OPEN;
    char *line = text, *newline;

    while (verdict == VERDICT_OPEN && (newline = memchr(line, '\n', *length - (size_t)(line - text)))) {
        verdict = maps_line(search, line);
        line = newline + 1;
    }
    *length -= (size_t)(line - text);
    memmove(text, line, *length);
    return verdict;
}

/* What pread() says, but for interruptions. */
static ssize_t read_at(int fd, void *buffer, size_t size_bytes, uint64_t offset)
{
    ssize_t count;

    do {
        count = pread(fd, buffer, size_bytes, (off_t)offset);
    } while (count < 0 && errno == EINTR);
    return count;
}

/*
 * The system goes on where the last read of the file ended, by address, so that a text read in parts is whole; another
 * read in between, or from elsewhere, makes it count bytes again, of a text that may have changed. So threads of ours
 * take turns with a file, and what looks bad is looked at again: the client itself may have read it.
 */
static bool covers(int maps_fd, uint64_t first, uint64_t last, bool write)
{
    struct maps_search search = {first, last, write};
    char text[8192]; /* longer than any line: paths end at PATH_MAX */
    size_t length = 0;
    uint64_t offset = 0;
    enum verdict verdict = VERDICT_OPEN;

    while (verdict == VERDICT_OPEN) {
        ssize_t more = read_at(maps_fd, text + length, sizeof(text) - length, offset);
        if (more <= 0) return false; /* the end, and not all found */
        offset += (uint64_t)more;
        length += (size_t)more;
        verdict = maps_lines(&search, text, &length);
    }
    return verdict == VERDICT_GOOD;
}

bool udxg_os_maps_cover(int maps_fd, uint64_t first, uint64_t last, bool write)
{
    static pthread_mutex_t turns[TURNS] = {[0 ... TURNS - 1] = PTHREAD_MUTEX_INITIALIZER};
    pthread_mutex_t *turn = &turns[(unsigned)maps_fd % TURNS];
    bool covered = false;

    pthread_mutex_lock(turn);
    for (unsigned i = 0; i < TRIES && !covered; i++) covered = covers(maps_fd, first, last, write);
    pthread_mutex_unlock(turn);
    return covered;
}

udxg_status udxg_os_probe_memory(int maps_fd, uint64_t address, uint64_t size_bytes, bool write)
{
    if (!size_bytes) return STATUS_SUCCESS;
    if (size_bytes - 1 > UINT64_MAX - address) return STATUS_INVALID_PARAMETER;
    uint64_t first = address / UDXG_PAGE_SIZE, last = (address + size_bytes - 1) / UDXG_PAGE_SIZE;
    return udxg_os_maps_cover(maps_fd, first, last, write) ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}

/* ---- memory ---- */

/* Ends at the first page that is not there, and at once when the process is gone. */
static udxg_status transfer(int fd, void *ours, uint64_t address, size_t size_bytes, bool write, size_t *ret_copied)
{
    size_t done = 0;

    while (done < size_bytes) {
        char *at = (char *)ours + done;
        ssize_t count = write ? pwrite(fd, at, size_bytes - done, (off_t)(address + done))
                              : pread(fd, at, size_bytes - done, (off_t)(address + done));
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) break;
        done += (size_t)count;
    }
    if (ret_copied) *ret_copied = done;
    return done == size_bytes ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}

udxg_status udxg_os_read_memory(int mem_fd, void *destination, uint64_t address, size_t size_bytes, size_t *ret_copied)
{
    return transfer(mem_fd, destination, address, size_bytes, false, ret_copied);
}

udxg_status udxg_os_write_memory(int mem_fd, uint64_t address, const void *source, size_t size_bytes,
                                 size_t *ret_copied)
{
    return transfer(mem_fd, (void *)(uintptr_t)source, address, size_bytes, true, ret_copied);
}

bool udxg_os_is_proc_file(int fd, const char *name)
{
    char link[32], path[256];
    struct statfs system;
    size_t name_length = strlen(name);

    if (fstatfs(fd, &system) != 0 || system.f_type != PROC_SUPER_MAGIC) return false;
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof(path));
    if (length <= (ssize_t)name_length || length == sizeof(path)) return false;
    const char *end = path + length - name_length;
    return end[-1] == '/' && !memcmp(end, name, name_length);
}
