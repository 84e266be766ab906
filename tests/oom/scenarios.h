/* SPDX-License-Identifier: MIT */
/* What is done while everything may fail: scenarios.c. */
#ifndef UDXG_TESTS_OOM_SCENARIOS_H
#define UDXG_TESTS_OOM_SCENARIOS_H

#include <stdbool.h>

struct scenario {
    const char *name;
    /* One round, from nothing to nothing: it makes its world, and takes it down. */
    void (*round)(void);
    bool alone; /* changes what cannot be taken down: each round in a process of its own */
};

extern const struct scenario scenarios[];
extern const unsigned scenario_count;

#endif
