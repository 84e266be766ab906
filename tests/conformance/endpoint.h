/* SPDX-License-Identifier: MIT */
/*
 * Which kernel the running test talks to: one in its own process, or, where UDXG_TEST_UDXGD names a udxgd, a daemon's
 * that is started for it and ended after it. The tests are the same.
 */
#ifndef UDXG_CONFORMANCE_ENDPOINT_H
#define UDXG_CONFORMANCE_ENDPOINT_H

#include <stdbool.h>

/* Whether it is a daemon's. */
bool on_daemon(void);

/* Before a test's first call, and after its last. False: the daemon did not end well. */
void endpoint_begin(void);
bool endpoint_end(void);

/* Sets a variable that the kernel reads. Before the test's first call. */
void endpoint_set(const char *name, const char *value);

#endif
