/* SPDX-License-Identifier: MIT */
/*
 * What a node of an adapter has done: for all, in its engine, and for each process, beside what else it has on the
 * adapter. Both are counted under the lock of the node's engine, which whoever submits or runs a packet takes anyway.
 */
#ifndef UDXG_CORE_NODE_STATS_H
#define UDXG_CORE_NODE_STATS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/lock_order.h"

struct udxg_lane;

enum udxg_packet_kind { UDXG_PACKET_COMMAND, UDXG_PACKET_SIGNAL, UDXG_PACKET_WAIT, UDXG_PACKET_KINDS };

/* Numbers only grow, but for what is queued. A packet that is discarded is never completed. */
struct udxg_node_stats {
    uint64_t running_ns; /* of commands that have ended */
    uint32_t context_switches;
    uint32_t queued; /* in lanes now, not begun; a wait that a lane has begun is not one of them */
    uint32_t submitted[UDXG_PACKET_KINDS];
    uint32_t completed[UDXG_PACKET_KINDS];
    uint32_t faulted; /* commands that put their device in error; they are completed too */
};

void udxg_node_submitted_locked(struct udxg_lane *lane, enum udxg_packet_kind kind) UDXG_REQUIRES(NODE);
/* One packet more is queued in it, or one less. */
void udxg_node_queued_locked(struct udxg_lane *lane, int sign) UDXG_REQUIRES(NODE);
/* The engine turns to the lane. */
void udxg_node_picked_locked(struct udxg_lane *lane) UDXG_REQUIRES(NODE);
void udxg_node_completed_locked(struct udxg_lane *lane, enum udxg_packet_kind kind) UDXG_REQUIRES(NODE);
/* A command has ended, after RUNNING_NS. */
void udxg_node_ran_locked(struct udxg_lane *lane, uint64_t running_ns, bool faulted) UDXG_REQUIRES(NODE);

#endif
