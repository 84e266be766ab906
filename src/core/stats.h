/* SPDX-License-Identifier: MIT */
/*
 * The numbers that can be watched from outside: a page of counters. `udxg run --summary` hands us a memory
 * file (UDXG_STATS names it) and reads it when its child is gone; without one nothing is counted. Counters only grow;
 * writers are many, relaxed; there is no lock.
 */
#ifndef UDXG_CORE_STATS_H
#define UDXG_CORE_STATS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "abi/thunk.h"

#define UDXG_STATS_MAGIC 0x32535458u /* "XTS2": changes with the layout */

struct udxg_stats {
    uint32_t magic; /* written last, when the page is ours to count into */
    uint32_t thunk_count;
    _Atomic(uint64_t) calls[UDXG_THUNK_COUNT];
    _Atomic(uint64_t) failures[UDXG_THUNK_COUNT]; /* calls that returned an error status */
    _Atomic(uint64_t) allocations_created, allocations_destroyed;
    _Atomic(uint64_t) bytes_created, bytes_destroyed;   /* video memory and the caller's own together */
    _Atomic(uint64_t) system_memory_allocations;        /* of the caller's own memory */
    _Atomic(uint64_t) submissions, submissions_faulted; /* packets that engines have executed */
    _Atomic(uint64_t) paged_in_bytes, paged_out_bytes;  /* copied into memory segments, and out of them */
};

/* Counts into the page that UDXG_STATS names, if any and if it is large enough; once. Call it before the first call. */
void udxg_stats_attach(const char *path);
/* In the child of a fork, where the page is not mapped any more: it may attach anew. */
void udxg_stats_forget(void);

void udxg_stats_call(enum udxg_thunk_id id, bool failed);
void udxg_stats_created(uint64_t size_bytes, bool system_memory);
void udxg_stats_freed(uint64_t size_bytes);
void udxg_stats_executed(bool faulted);
void udxg_stats_paged(bool in, uint64_t size_bytes);

#endif
