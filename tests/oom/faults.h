/* SPDX-License-Identifier: MIT */
/*
 * Every way in which the library asks the system for something, made to fail on demand, and a count of what it
 * holds. The linker's --wrap puts faults.c between the library's objects and libc (meson.build has the list); what
 * libc and the sanitizers take for themselves is not seen.
 *
 * A point is one request while faults are on, on any thread. faults_plan() says which points fail.
 */
#ifndef UDXG_TESTS_OOM_FAULTS_H
#define UDXG_TESTS_OOM_FAULTS_H

#include <stdbool.h>
#include <stdint.h>

/* Starts to count from 0. FAIL_AT is the first point that fails, 0 for none; AND_AFTER: so do all that follow. */
void faults_plan(uint64_t fail_at, bool and_after);
void faults_on(void);
void faults_off(void);
/* While BLOCKED every request fails, on or off, plan or no plan, and none is a point. */
void faults_block(bool blocked);

uint64_t faults_points(void); /* seen since the plan */
uint64_t faults_fired(void);  /* of them, failed */
/* "mmap at 0x1234": the first that failed; the number is what addr2line wants of this program. Static buffer. */
const char *faults_first(void);

struct faults_live {
    int64_t blocks;       /* of the heap */
    int64_t mapped_bytes; /* address space */
    int64_t threads;
    int64_t descriptors; /* of the whole process */
};
struct faults_live faults_live(void);
bool faults_live_equal(const struct faults_live *a, const struct faults_live *b);
/* Prints what is held beyond BEFORE, as TAP comments, and where it was asked for. */
void faults_print_surplus(const struct faults_live *before);

#endif
