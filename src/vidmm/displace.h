/* SPDX-License-Identifier: MIT */
/*
 * Orders from outside that take allocations out of their segments.
 *
 * What is evicted or defragmented keeps its target and its promise of room, and is at home: so it is not in place, and
 * its devices pass the gate (admission.h) when the pager has brought it back. What is suspended loses its promise, and
 * others may have the room; nobody brings it back until its process is resumed. Nothing is taken that a device lists
 * which runs: an order closes the gate and waits until that run is over.
 *
 * Locks: VIDMM, never around a copy.
 */
#ifndef UDXG_VIDMM_DISPLACE_H
#define UDXG_VIDMM_DISPLACE_H

#include "vidmm/process.h"

struct vidmm_copy;

/* Makes a copy that has begun, on the calling thread. */
void vidmm_displace_copy(struct vidmm_adapter *adapter, struct vidmm_copy *copy) UDXG_EXCLUDES(VIDMM);

/*
 * Takes everything on a segment's LIST home that WANTED says, a copy at a time, on the calling thread. No device runs
 * that lists any of it, nor begins to.
 */
typedef bool vidmm_wanted(const struct vidmm_alloc *alloc, const void *user);
void vidmm_displace_list(struct vidmm_adapter *adapter, struct udxg_list *list, vidmm_wanted *wanted, const void *user,
                         enum vidmm_eviction why) UDXG_EXCLUDES(VIDMM);

#endif
