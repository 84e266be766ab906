/* SPDX-License-Identifier: MIT */
/*
 * What a memory manager has to say of itself: numbers that only grow, and numbers of what is there now. Each is
 * counted once, for the process that created the allocation, in the line after the event; an adapter's are the sum
 * over its processes and what ended ones have left. All fields are uint64_t, so that the sum is one loop. What most
 * allocations change that nobody ever uses, struct vidmm_births, is counted by stripe, in the process's stocks, and put
 * together by whoever asks.
 *
 * Guarded by VIDMM, births by STOCK, but for copies. Counting never fails and decides nothing.
 */
#ifndef UDXG_VIDMM_COUNTERS_H
#define UDXG_VIDMM_COUNTERS_H

#include <stdint.h>

#include <udxg/miniport.h>

#include "base/lock_order.h"

struct vidmm_adapter;
struct vidmm_alloc;

enum {
    VIDMM_PRIORITY_CLASSES = 5, /* minimum, low, normal, high, maximum: victim.h */
    VIDMM_PREFERENCES = 5,      /* ranks of a preferred segment */
};

/* Why an allocation left its segment. */
enum vidmm_eviction {
    VIDMM_EVICTED_ON_REQUEST, /* the client has called Evict, or offers it */
    VIDMM_EVICTED_FOR_ROOM,   /* another needs the room, or the memory behind an offer */
    VIDMM_EVICTED_TO_LOCK,
    VIDMM_EVICTED_TO_CLOSE, /* with the opening that listed it, or with its memory */
    VIDMM_EVICTED_TO_PURGE, /* an order from outside, or video memory has lost its contents */
    VIDMM_EVICTED_TO_SUSPEND,
    VIDMM_EVICTIONS,
    VIDMM_MIGRATED = VIDMM_EVICTIONS, /* no eviction: it goes to another segment */
};

struct vidmm_count {
    uint64_t count, bytes;
};

/* Of one process in one segment. */
struct vidmm_segment_counters {
    struct vidmm_count committed;                       /* there now: its first choice is this segment */
    struct vidmm_count resident[VIDMM_PREFERENCES + 1]; /* there now, by rank; the last: not preferred */
    uint64_t demoted_bytes[VIDMM_PRIORITY_CLASSES];     /* there now: first choice here, listed elsewhere */
    uint64_t evicted_bytes[VIDMM_PRIORITY_CLASSES];
    struct vidmm_count evicted_for_room;
    uint64_t evicted_listed; /* allocations that a device had on its list at the time */
};

struct vidmm_counters {
    struct vidmm_count destroyed, closed;
    struct vidmm_count created, opened; /* see vidmm_counters_fill() */
    struct vidmm_count migrated, migrations_failed, migrations_abandoned;
    struct vidmm_count faults; /* became resident: the next three together, and every other reason */
    struct vidmm_count faults_first, faults_evicted, faults_migrated;
    struct vidmm_count evicted[VIDMM_EVICTIONS];
    uint64_t zeroed_bytes;   /* homes, at creation */
    uint64_t mapped_bytes;   /* into an aperture */
    uint64_t unmapped_bytes; /* from one */
    uint64_t paged_in_bytes, paged_out_bytes;
    uint64_t discarded_bytes; /* left a segment without a copy */
    uint64_t locks;
    struct vidmm_segment_counters segments[UDXG_MAX_SEGMENTS];
};

/* What creation and destruction change. Created is what is there and what is gone; each is opened once unasked. */
struct vidmm_births {
    struct vidmm_count committed[UDXG_MAX_SEGMENTS]; /* there now, by the segment that is the first choice */
    struct vidmm_count destroyed;
    struct vidmm_count opened_again; /* beyond the creator's opening; minus 1 for one without even that */
    uint64_t zeroed_bytes;
};

/* TO += FROM. */
void vidmm_counters_add(struct vidmm_counters *to, const struct vidmm_counters *from);

void vidmm_counters_add_births(struct vidmm_counters *to, const struct vidmm_births *from);
/* What was created and opened is worked out of what is there, gone and opened again. */
void vidmm_counters_fill(struct vidmm_counters *counters);

static inline void vidmm_count_bytes(struct vidmm_count *count, uint64_t size_bytes, int sign)
{
    count->count += (uint64_t)(int64_t)sign;
    count->bytes += (uint64_t)(int64_t)sign * size_bytes;
}

/* It begins or ends to be resident, demoted: for what may change while it is. */
void vidmm_count_resident_locked(const struct vidmm_alloc *alloc, int sign) UDXG_REQUIRES(VIDMM);
void vidmm_count_demoted_locked(const struct vidmm_alloc *alloc, int sign) UDXG_REQUIRES(VIDMM);
/* It has become resident, in a segment or mapped into an aperture. */
void vidmm_count_fault_locked(struct vidmm_alloc *alloc) UDXG_REQUIRES(VIDMM);
/* It has left SEGMENT_ID. */
void vidmm_count_left_locked(const struct vidmm_alloc *alloc, uint32_t segment_id, enum vidmm_eviction why)
    UDXG_REQUIRES(VIDMM);

/* Recounts what can be recounted; NULL or what is wrong. */
const char *vidmm_counters_check_locked(struct vidmm_adapter *adapter) UDXG_REQUIRES(VIDMM);

#endif
