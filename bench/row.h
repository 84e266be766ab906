/* SPDX-License-Identifier: MIT */
/*
 * A row of the table: what is measured, against what, and what we want of it. "Must" is what a sound build reaches,
 * "goal" is where we are going. Absolute times differ from machine to machine, so rows compare ours to an anchor that
 * was measured in the same run.
 */
#ifndef BENCH_ROW_H
#define BENCH_ROW_H

#include <stdbool.h>

/* What the row's two figures are, and which number is held against must and goal. */
enum row_kind {
    ROW_RATIO,      /* times; ours / anchor, at most */
    ROW_EXCESS,     /* times; ours - anchor, at most so many ns */
    ROW_TIME,       /* times; ours, at most so many ns; the anchor is there to compare */
    ROW_BYTES,      /* ours, at most so many bytes; there is no anchor */
    ROW_PERCENTAGE, /* percentages; ours, at least */
    ROW_SPEEDUP,    /* times; anchor / ours, at least */
};

struct row_figures {
    double ours, anchor;
    char skipped[96]; /* why there are none; empty otherwise */
};

struct row {
    const char *id, *what, *anchor;
    enum row_kind kind;
    double must, goal;
    /* Measures in a process of its own, which it may leave in any state; REPETITIONS is at least 11. */
    void (*run)(unsigned repetitions, struct row_figures *ret);
};

extern const struct row rows[];
extern const unsigned row_count;

double row_value(const struct row *row, const struct row_figures *figures);
bool row_meets(const struct row *row, double value, double limit);

/* bench/create.c */
void row_create_destroy(unsigned repetitions, struct row_figures *ret);
void row_create_destroy_zeroed(unsigned repetitions, struct row_figures *ret);
void row_create_write_destroy(unsigned repetitions, struct row_figures *ret);
void row_create_share_destroy(unsigned repetitions, struct row_figures *ret);
void row_create_batch(unsigned repetitions, struct row_figures *ret);
void row_grow(unsigned repetitions, struct row_figures *ret);
/* bench/live.c */
void row_live_random(unsigned repetitions, struct row_figures *ret);
void row_live_lifo(unsigned repetitions, struct row_figures *ret);
void row_live_bytes(unsigned repetitions, struct row_figures *ret);
void row_live_make_resident(unsigned repetitions, struct row_figures *ret);
/* bench/remote.c */
void row_remote_spinning(unsigned repetitions, struct row_figures *ret);
void row_remote_sleeping(unsigned repetitions, struct row_figures *ret);
void row_remote_batch(unsigned repetitions, struct row_figures *ret);
void row_remote_open(unsigned repetitions, struct row_figures *ret);
/* bench/gpuva.c */
void row_map_small(unsigned repetitions, struct row_figures *ret);
void row_map_large(unsigned repetitions, struct row_figures *ret);
/* bench/paging.c */
void row_paging_small(unsigned repetitions, struct row_figures *ret);
void row_paging_large(unsigned repetitions, struct row_figures *ret);
void row_over_commit(unsigned repetitions, struct row_figures *ret);
/* bench/range.c */
void row_range_speed(unsigned repetitions, struct row_figures *ret);
void row_range_fill(unsigned repetitions, struct row_figures *ret);
/* bench/threads.c */
void row_two_threads(unsigned repetitions, struct row_figures *ret);
/* bench/sync.c */
void row_signal_to_wake(unsigned repetitions, struct row_figures *ret);
void row_keyed_mutex(unsigned repetitions, struct row_figures *ret);

#endif
