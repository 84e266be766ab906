/* SPDX-License-Identifier: MIT */
/*
 * Built with jansson, which refuses NULL values and so hands a failed allocation on to the end: only the last result is
 * looked at. Names are ASCII by the time they are here, or a profile's UTF-8; what is not becomes an empty name.
 */
#include "daemon/snapshot_json.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <unistd.h>

static json_t *number(uint64_t value)
{
    return json_integer((json_int_t)value);
}

static json_t *text(const char *value)
{
    json_t *string = json_string(value);
    return string ? string : json_string("");
}

/* Appends ITEM to LIST, both taken; NULL when one was, or without memory. */
static json_t *append(json_t *list, json_t *item)
{
    if (!json_array_append_new(list, item)) return list;
    json_decref(list);
    return NULL;
}

static const char *group_name(unsigned group)
{
    return group == VIDMM_GROUP_LOCAL ? "local" : "non_local";
}

static const char *group_of(const struct udxg_segment *segment)
{
    if (segment->flags & UDXG_SEGMENT_LOCAL_BUDGET_GROUP) return group_name(VIDMM_GROUP_LOCAL);
    return segment->flags & UDXG_SEGMENT_NON_LOCAL_BUDGET_GROUP ? group_name(VIDMM_GROUP_NON_LOCAL) : "none";
}

static json_t *paging(const struct udxg_snapshot_paging *from)
{
    return json_pack("{s:o, s:o, s:o, s:o}", "in_operations", number(from->in_operations), "out_operations",
                     number(from->out_operations), "in_bytes", number(from->in_bytes), "out_bytes",
                     number(from->out_bytes));
}

/* ---- adapters ---- */

static json_t *segment_value(uint32_t id, const struct vidmm_segment_info *info)
{
    bool aperture = info->segment.flags & UDXG_SEGMENT_APERTURE;
    return json_pack("{s:i, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "id", (int)id, "kind",
                     aperture ? "aperture" : "memory", "group", group_of(&info->segment), "size",
                     number(info->segment.size_bytes), "capacity", number(info->capacity_bytes), "resident",
                     number(info->resident_bytes), "allocations", number(info->resident_allocations), "paged_in",
                     number(info->paged_in_bytes), "paged_out", number(info->paged_out_bytes), "discarded",
                     number(info->discarded_bytes));
}

static json_t *segments(const struct udxg_snapshot_adapter *adapter)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < adapter->caps->segment_count; i++)
        list = append(list, segment_value(i + 1, &adapter->segments[i]));
    return list;
}

/* Sums over the processes, which have no list of their own by adapter. */
static json_t *groups(const struct udxg_snapshot *snapshot, uint32_t index)
{
    json_t *list = json_array();
    for (unsigned group = 0; group < VIDMM_GROUP_COUNT; group++) {
        uint64_t usage = 0, reservation = 0;
        for (uint32_t i = 0; i < snapshot->process_count; i++) {
            const struct udxg_snapshot_process *process = &snapshot->processes[i];
            for (uint32_t k = 0; k < process->part_count; k++) {
                const struct udxg_snapshot_part *part = &snapshot->parts[process->first_part + k];
                if (part->adapter != index) continue;
                usage += part->groups[group].budget.usage_bytes;
                reservation += part->groups[group].budget.reservation_bytes;
            }
        }
        list = append(list, json_pack("{s:s, s:o, s:o, s:o}", "group", group_name(group), "size",
                                      number(snapshot->adapters[index].group_bytes[group]), "usage", number(usage),
                                      "reservation", number(reservation)));
    }
    return list;
}

static json_t *node_value(uint32_t ordinal, const struct udxg_node_stats *stats)
{
    uint64_t submitted = 0, completed = 0;
    for (unsigned kind = 0; kind < UDXG_PACKET_KINDS; kind++) {
        submitted += stats->submitted[kind];
        completed += stats->completed[kind];
    }
    return json_pack("{s:i, s:o, s:o, s:o, s:o, s:o, s:o}", "ordinal", (int)ordinal, "running_ns",
                     number(stats->running_ns), "queued", number(stats->queued), "submitted", number(submitted),
                     "completed", number(completed), "faulted", number(stats->faulted), "context_switches",
                     number(stats->context_switches));
}

static json_t *nodes(const struct udxg_snapshot_adapter *adapter)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < adapter->caps->node_count; i++) {
        json_t *node = node_value(i, &adapter->nodes[i]);
        if (json_object_set_new(node, "name", text(adapter->caps->nodes[i].name)) ||
            json_object_set_new(node, "engine_type", number(adapter->caps->nodes[i].engine_type))) {
            json_decref(node);
            node = NULL;
        }
        list = append(list, node);
    }
    return list;
}

static json_t *adapter_value(const struct udxg_snapshot *snapshot, uint32_t index)
{
    const struct udxg_snapshot_adapter *adapter = &snapshot->adapters[index];
    return json_pack("{s:i, s:o, s:o, s:o, s:b, s:i, s:o, s:o, s:o, s:o}", "index", (int)index, "name",
                     text(adapter->caps->name), "description", text(adapter->caps->description), "luid",
                     json_sprintf("%08" PRIx32 "-%08" PRIx32, (uint32_t)adapter->luid.HighPart,
                                  (uint32_t)adapter->luid.LowPart),
                     "stopped", adapter->stopped, "timeouts", (int)adapter->timeouts, "segments", segments(adapter),
                     "groups", groups(snapshot, index), "nodes", nodes(adapter), "paging", paging(&adapter->paging));
}

/* ---- processes ---- */

static json_t *part_groups(const struct udxg_snapshot_part *part)
{
    json_t *list = json_array();
    for (unsigned group = 0; group < VIDMM_GROUP_COUNT; group++) {
        const struct vidmm_budget *budget = &part->groups[group].budget;
        list = append(list, json_pack("{s:s, s:o, s:o, s:o, s:o}", "group", group_name(group), "budget",
                                      number(budget->budget_bytes), "usage", number(budget->usage_bytes), "reservation",
                                      number(budget->reservation_bytes), "resident",
                                      number(part->groups[group].resident_bytes)));
    }
    return list;
}

static json_t *part_nodes(const struct udxg_snapshot *snapshot, const struct udxg_snapshot_part *part)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < snapshot->adapters[part->adapter].caps->node_count; i++)
        list = append(list, node_value(i, &part->nodes[i]));
    return list;
}

static json_t *part_value(const struct udxg_snapshot *snapshot, const struct udxg_snapshot_part *part)
{
    uint64_t queued = 0, running_ns = 0;
    for (uint32_t i = 0; i < snapshot->adapters[part->adapter].caps->node_count; i++) {
        queued += part->nodes[i].queued;
        running_ns += part->nodes[i].running_ns;
    }
    return json_pack("{s:i, s:i, s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "adapter", (int)part->adapter,
                     "devices", (int)part->devices, "contexts", (int)part->contexts, "allocations",
                     number(part->usage.allocations), "commit", number(part->usage.commit_bytes), "commit_limit",
                     number(part->usage.commit_limit_bytes), "resident", number(part->resident_bytes), "queued",
                     number(queued), "running_ns", number(running_ns), "paging", paging(&part->paging), "groups",
                     part_groups(part), "nodes", part_nodes(snapshot, part));
}

static json_t *process_value(const struct udxg_snapshot *snapshot, const struct udxg_snapshot_process *process)
{
    json_t *parts = json_array();
    for (uint32_t i = 0; i < process->part_count; i++)
        parts = append(parts, part_value(snapshot, &snapshot->parts[process->first_part + i]));
    json_t *value =
        json_pack("{s:o, s:o, s:o, s:o, s:o}", "serial", number(process->serial), "pid", number(process->pid), "name",
                  text(process->name), "handles", number(process->handles), "adapters", parts);
    if (!process->has_uid || !json_object_set_new(value, "uid", number(process->uid))) return value;
    json_decref(value);
    return NULL;
}

/* ---- all ---- */

char *udxg_snapshot_json(const struct udxg_snapshot *snapshot, size_t *ret_bytes)
{
    json_t *adapters = json_array(), *processes = json_array();
    for (uint32_t i = 0; i < snapshot->adapter_count; i++) adapters = append(adapters, adapter_value(snapshot, i));
    for (uint32_t i = 0; i < snapshot->process_count; i++)
        processes = append(processes, process_value(snapshot, &snapshot->processes[i]));
    json_t *document = json_pack("{s:s, s:s, s:o, s:o, s:o, s:o}", "schema", "udxg.top/1", "version", UDXG_VERSION,
                                 "server_pid", number((uint64_t)getpid()), "time_ns", number(snapshot->time_ns),
                                 "adapters", adapters, "processes", processes);
    size_t bytes = json_dumpb(document, NULL, 0, JSON_COMPACT);
    char *line = bytes ? malloc(bytes + 1) : NULL;
    if (line && json_dumpb(document, line, bytes, JSON_COMPACT) == bytes) {
        line[bytes] = '\n';
        *ret_bytes = bytes + 1;
    } else {
        free(line);
        line = NULL;
    }
    json_decref(document);
    return line;
}
