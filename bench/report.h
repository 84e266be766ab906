/* SPDX-License-Identifier: MIT */
/* The results as an aligned table for people, or as one JSON document, schema udxg.bench/1. */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include <stdio.h>

#include "row.h"

enum result_state { RESULT_MEASURED, RESULT_SKIPPED, RESULT_FAILED };

struct result {
    const struct row *row;
    enum result_state state;
    struct row_figures figures;
};

/* Where and how the figures were read. */
struct conditions {
    unsigned repetitions, cpus;
    int cpu; /* that rows of one thread ran on */
    char processor[80];
};

void report_table(FILE *out, const struct conditions *conditions, const struct result *results, unsigned count);
void report_json(FILE *out, const struct conditions *conditions, const struct result *results, unsigned count);

#endif
