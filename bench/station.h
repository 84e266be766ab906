/* SPDX-License-Identifier: MIT */
/*
 * A station is a child process that keeps something large and runs a measure on it when asked, so that two kernels
 * with different loads can be measured in turns. It runs on its parent's CPU, while the parent waits.
 */
#ifndef BENCH_STATION_H
#define BENCH_STATION_H

#include "measure.h"

struct station;

/* MAKE runs in the child and returns the state that WORK is run on. Returns when that is done. */
struct station *station_start(void *(*make)(const void *argument), const void *argument, measure_run *work);
/* A measure_run: one repetition of the work. */
double station_run(void *station);
/* Ends the child. */
void station_stop(struct station *station);

#endif
