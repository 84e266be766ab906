/* SPDX-License-Identifier: MIT */
/*
 * The file is a memory file of this process, and the name given away leads through /proc to it: it takes no
 * descriptor in the programs below, works in any of them at any depth, and is gone with us.
 */
#include "cli/summary.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "abi/thunk.h"
#include "base/cleanup.h"
#include "cli/cli.h"
#include "core/stats.h"

struct udxg_summary {
    int fd;
    struct udxg_stats *stats; /* mapped, and written by other processes */
};

struct udxg_summary *udxg_summary_begin(void)
{
    UDXG_AUTO_FREE struct udxg_summary *summary = calloc(1, sizeof(*summary));
    UDXG_AUTO_CLOSE int fd = memfd_create("udxg-summary", MFD_CLOEXEC);
    UDXG_AUTO_FREE char *path = NULL;
    if (!summary || fd < 0 || ftruncate(fd, sizeof(struct udxg_stats))) return NULL;
    if (asprintf(&path, "/proc/%ld/fd/%d", (long)getpid(), fd) < 0) {
        path = NULL;
        errno = ENOMEM;
        return NULL;
    }
    if (setenv("UDXG_STATS", path, 1)) return NULL;
    void *page = mmap(NULL, sizeof(struct udxg_stats), PROT_READ, MAP_SHARED, fd, 0);
    if (page == MAP_FAILED) return NULL;
    summary->fd = udxg_steal_fd(&fd);
    summary->stats = page;
    return udxg_steal(summary);
}

static uint64_t value(const _Atomic(uint64_t) *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

struct row {
    const char *name;
    uint64_t calls, failures;
};

static int by_calls(const void *a, const void *b)
{
    const struct row *left = a, *right = b;
    return (left->calls < right->calls) - (left->calls > right->calls);
}

static void print_calls(const struct udxg_stats *stats, FILE *out)
{
    struct row rows[UDXG_THUNK_COUNT];
    size_t count = 0;
    for (size_t i = 0; i < UDXG_THUNK_COUNT; i++) {
        struct row row = {udxg_thunks[i].name, value(&stats->calls[i]), value(&stats->failures[i])};
        if (row.calls) rows[count++] = row;
    }
    qsort(rows, count, sizeof(rows[0]), by_calls);
    fprintf(out, "  %-40s %10s %10s\n", "call", "calls", "failed");
    for (size_t i = 0; i < count; i++)
        fprintf(out, "  %-40s %10" PRIu64 " %10" PRIu64 "\n", rows[i].name, rows[i].calls, rows[i].failures);
}

static void print_paged(const struct udxg_stats *stats, FILE *out)
{
    char text[UDXG_SIZE_CHARS];
    uint64_t in = value(&stats->paged_in_bytes), leaving = value(&stats->paged_out_bytes);
    fprintf(out, "  %-40s %10" PRIu64 " (%s)\n", "bytes copied into video memory", in, udxg_size_text(in, text));
    fprintf(out, "  %-40s %10" PRIu64 " (%s)\n", "  and out of it", leaving, udxg_size_text(leaving, text));
}

void udxg_summary_print(const struct udxg_summary *summary, FILE *out)
{
    const struct udxg_stats *stats = summary->stats;
    char created_text[UDXG_SIZE_CHARS], live_text[UDXG_SIZE_CHARS];
    if (stats->magic != UDXG_STATS_MAGIC) {
        fprintf(out, "udxg: the program made no call\n");
        return;
    }
    uint64_t created = value(&stats->allocations_created), freed = value(&stats->allocations_destroyed);
    uint64_t bytes = value(&stats->bytes_created), freed_bytes = value(&stats->bytes_destroyed);
    uint64_t system = value(&stats->system_memory_allocations);
    fprintf(out, "udxg: what the program did\n");
    fprintf(out, "  %-40s %10" PRIu64 " (%s)\n", "allocations made", created, udxg_size_text(bytes, created_text));
    fprintf(out, "  %-40s %10" PRIu64 "\n", "  in segments of the adapter", created - system);
    fprintf(out, "  %-40s %10" PRIu64 "\n", "  in the program's own memory", system);
    fprintf(out, "  %-40s %10" PRIu64 " (%s)\n", "  alive at the end", created - freed,
            udxg_size_text(bytes - freed_bytes, live_text));
    fprintf(out, "  %-40s %10" PRIu64 "\n", "command packets executed", value(&stats->submissions));
    fprintf(out, "  %-40s %10" PRIu64 "\n", "  that faulted", value(&stats->submissions_faulted));
    print_paged(stats, out);
    print_calls(stats, out);
}

void udxg_summary_end(struct udxg_summary *summary)
{
    if (!summary) return;
    munmap(summary->stats, sizeof(*summary->stats));
    close(summary->fd);
    free(summary);
}
