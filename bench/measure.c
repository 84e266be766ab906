/* SPDX-License-Identifier: MIT */
/* The clock, the CPU, and the taking of turns. One thread; knows nothing of what it measures. */
#include "measure.h"

#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define LEAST_NS UINT64_C(1500000000) /* of a row, in the hope of a quiet moment */

uint64_t measure_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Asked once, before anything is pinned: being pinned changes the answer. */
static const cpu_set_t *allowed(void)
{
    static cpu_set_t set;
    static int known;
    if (!known && sched_getaffinity(0, sizeof set, &set)) measure_die("sched_getaffinity failed");
    known = 1;
    return &set;
}

unsigned measure_cpus(void)
{
    return (unsigned)CPU_COUNT(allowed());
}

/* From the last one down: the first ones have most of the machine's interrupts. */
int measure_pin(unsigned index)
{
    cpu_set_t one;
    int cpu = CPU_SETSIZE;
    do {
        if (cpu-- == 0) measure_die("there are only %u CPUs", measure_cpus());
    } while (!CPU_ISSET(cpu, allowed()) || index-- > 0);
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    if (sched_setaffinity(0, sizeof one, &one)) measure_die("cannot stay on CPU %d", cpu);
    return cpu;
}

static void keep_less(double *best, double value)
{
    if (value < *best) *best = value;
}

struct measure_best measure_pair(struct measure_side ours, struct measure_side anchor, unsigned repetitions)
{
    struct measure_best best;
    ours.run(ours.state);
    anchor.run(anchor.state);
    best.ours = ours.run(ours.state);
    best.anchor = anchor.run(anchor.state);
    uint64_t start = measure_now_ns();
    for (unsigned i = 1; i < repetitions || measure_now_ns() - start < LEAST_NS; i++) {
        keep_less(&best.ours, ours.run(ours.state));
        keep_less(&best.anchor, anchor.run(anchor.state));
    }
    return best;
}

void measure_die(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("error: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(EXIT_FAILURE);
}
