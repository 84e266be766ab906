/* SPDX-License-Identifier: MIT */
/* The heap of the library under test, which can have nothing left. It is never sanitized: tests/oom says why. */
#ifndef UDXG_TESTS_PROPERTY_HEAP_H
#define UDXG_TESTS_PROPERTY_HEAP_H

#include <stdbool.h>

/* The NUMBER-th request of this thread fails, counted from now; 0: none does. */
void heap_starve(int number);
/* None fails any more; whether one has. */
bool heap_feed(void);

#endif
