/* SPDX-License-Identifier: MIT */
/*
 * What the client programs say: one TAP line a check, the plan at the end, exit status 1 when a check failed.
 * A program that hangs is ended by its alarm and has then printed no plan, which is a failure too.
 */
#ifndef UDXG_TESTS_CLIENTS_TAP_H
#define UDXG_TESTS_CLIENTS_TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int tap_count, tap_failures;

static inline void tap_start(unsigned limit_seconds)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    alarm(limit_seconds);
}

static inline int tap_finish(void)
{
    printf("1..%d\n", tap_count);
    return tap_failures ? 1 : 0;
}

static inline void tap_line(bool good, const char *name, const char *reason)
{
    tap_count++;
    if (good)
        printf("ok %d - %s\n", tap_count, name);
    else
        printf("not ok %d - %s: %s\n", tap_count, name, reason);
    if (!good) tap_failures++;
}

static inline void tap_skip(const char *name, const char *reason)
{
    printf("ok %d - %s # SKIP %s\n", ++tap_count, name, reason);
}

/* 4096, 4K, 64M, 1G; 0 for what is none of these. */
static inline size_t tap_size(const char *text)
{
    char *end;
    unsigned long long number = strtoull(text, &end, 10);
    const char *at = *end ? strchr("KMG", *end) : NULL;

    if (*end && (!at || end[1])) return 0;
    return at ? (size_t)number << 10 * (1 + (at - "KMG")) : (size_t)number;
}

#endif
