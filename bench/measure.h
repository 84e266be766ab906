/* SPDX-License-Identifier: MIT */
/*
 * How everything here is measured: ours and the anchor in turns, on one CPU, the minimum of many repetitions. A
 * repetition is short, about a millisecond, so that on a machine with other work some of them run undisturbed. The
 * first one of each side warms it up and does not count.
 */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include <stdint.h>

/* One repetition; returns nanoseconds for each operation, or whatever the row counts. */
typedef double measure_run(void *state);

struct measure_side {
    measure_run *run;
    void *state;
};

struct measure_best {
    double ours, anchor;
};

#define MEASURE_LEAST_REPETITIONS 11u

uint64_t measure_now_ns(void);

/* The CPUs that this process was allowed when it first asked. */
unsigned measure_cpus(void);
/* Keeps the calling thread on the last of them but INDEX; returns its number. */
int measure_pin(unsigned index);

/* At least so many repetitions of each, and for at least a second and a half. */
struct measure_best measure_pair(struct measure_side ours, struct measure_side anchor, unsigned repetitions);

/* A repeatable random number; *STATE is not 0. */
static inline uint64_t measure_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* The compiler may not leave out what made VALUE, nor what was written to memory before. */
#define MEASURE_KEEP(value) __asm__ volatile("" : : "g"(value) : "memory")

/* Says what went wrong and ends the process. */
_Noreturn void measure_die(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
