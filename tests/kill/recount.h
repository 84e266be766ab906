/* SPDX-License-Identifier: MIT */
/*
 * The recount: everything the daemon keeps, counted anew. Two recounts are equal when nothing has been left behind
 * between them and nothing has gone that should not have.
 */
#ifndef UDXG_TESTS_KILL_RECOUNT_H
#define UDXG_TESTS_KILL_RECOUNT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define RECOUNT_MOST 160u

struct recount {
    unsigned count;
    struct {
        char name[40];
        uint64_t number;
    } lines[RECOUNT_MOST];
    const char *wrong; /* what the kernel's own checks say; NULL: nothing */
};

/* SURVIVOR is the client whose own numbers are looked at, too. */
void recount_take(struct recount *recount, pid_t survivor);
bool recount_equal(const struct recount *a, const struct recount *b);
/* What is different, on stderr, and what is open. */
void recount_tell(const struct recount *before, const struct recount *now);

#endif
