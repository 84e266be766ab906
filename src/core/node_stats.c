/* SPDX-License-Identifier: MIT */
/* Statistics of nodes; the rules stand in the header. */
#include "core/node_stats.h"

#include "core/lane.h"
#include "core/process.h"

static struct udxg_node_stats *of_all(const struct udxg_lane *lane) UDXG_REQUIRES(NODE)
{
    return &lane->engine->stats;
}

static struct udxg_node_stats *of_process(const struct udxg_lane *lane) UDXG_REQUIRES(NODE)
{
    return &lane->child.device->pa->nodes[lane->engine->node];
}

void udxg_node_submitted_locked(struct udxg_lane *lane, enum udxg_packet_kind kind)
{
    of_all(lane)->submitted[kind]++;
    of_process(lane)->submitted[kind]++;
}

void udxg_node_queued_locked(struct udxg_lane *lane, int sign)
{
    of_all(lane)->queued += (uint32_t)sign;
    of_process(lane)->queued += (uint32_t)sign;
}

void udxg_node_picked_locked(struct udxg_lane *lane)
{
    struct udxg_engine *engine = lane->engine;

    if (engine->picked_last == lane) return;
    engine->picked_last = lane;
    of_all(lane)->context_switches++;
    of_process(lane)->context_switches++;
}

void udxg_node_completed_locked(struct udxg_lane *lane, enum udxg_packet_kind kind)
{
    of_all(lane)->completed[kind]++;
    of_process(lane)->completed[kind]++;
}

void udxg_node_ran_locked(struct udxg_lane *lane, uint64_t running_ns, bool faulted)
{
    struct udxg_node_stats *both[] = {of_all(lane), of_process(lane)};

    udxg_node_completed_locked(lane, UDXG_PACKET_COMMAND);
    for (unsigned i = 0; i < 2; i++) {
        both[i]->running_ns += running_ns;
        both[i]->faulted += faulted;
    }
}
