/* SPDX-License-Identifier: MIT */
/* The cost of a residency decision from 1,000 to 1,000,000 allocations, as comma-separated values on stdout. */
#ifndef BENCH_SCALING_H
#define BENCH_SCALING_H

void scaling_print(void);

#endif
