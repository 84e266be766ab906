/* SPDX-License-Identifier: MIT */
/* A daemon for rows that measure the way to one, and clients of it. */
#ifndef BENCH_SERVED_H
#define BENCH_SERVED_H

/*
 * Starts the udxgd of the build folder on CPU number CPU (measure_pin() says which there are) and has calls of
 * processes that are forked from now on, and have made none yet, go to it. False: it does not start.
 */
int served_start(int cpu);
void served_stop(void);

#endif
