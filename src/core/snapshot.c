/* SPDX-License-Identifier: MIT */
/* Snapshots; the rules stand in the header. The same sources as those of QueryStatistics, so that both say the same. */
#include "core/snapshot.h"

#include <stdlib.h>
#include <string.h>

#include "base/os.h"
#include "core/adapter.h"
#include "core/engine.h"
#include "core/process.h"

/* ---- adapters ---- */

static void sum_paging(const struct vidmm_counters *from, struct udxg_snapshot_paging *to)
{
    *to = (struct udxg_snapshot_paging){
        .in_operations = from->faults.count,
        .out_operations = from->migrated.count,
        .in_bytes = from->paged_in_bytes,
        .out_bytes = from->paged_out_bytes,
    };
    for (unsigned i = 0; i < VIDMM_EVICTIONS; i++) to->out_operations += from->evicted[i].count;
}

static void look_at_nodes(struct udxg_adapter *adapter, struct udxg_snapshot_adapter *to)
{
    for (uint32_t node = 0; node < adapter->caps.node_count; node++) {
        udxg_lock(NODE, &adapter->engines[node].lock);
        to->nodes[node] = adapter->engines[node].stats;
        udxg_unlock(NODE, &adapter->engines[node].lock);
    }
}

static void look_at_adapter(struct udxg_adapter *adapter, struct udxg_snapshot_adapter *to)
{
    struct vidmm_counters counters;
    struct vidmm_sizes sizes;

    to->caps = &adapter->caps;
    to->luid = adapter->luid;
    to->stopped = udxg_adapter_is_stopped(adapter);
    to->timeouts = atomic_load(&adapter->watchdog.timeouts);
    for (uint32_t i = 0; i < adapter->caps.segment_count; i++)
        if (udxg_failed(vidmm_adapter_segment(adapter->vidmm, i + 1, &to->segments[i]))) break; /* all are there */
    vidmm_adapter_sizes(adapter->vidmm, &sizes);
    to->group_bytes[VIDMM_GROUP_LOCAL] = sizes.local_bytes;
    to->group_bytes[VIDMM_GROUP_NON_LOCAL] = sizes.non_local_bytes;
    look_at_nodes(adapter, to);
    vidmm_adapter_counters(adapter->vidmm, &counters);
    sum_paging(&counters, &to->paging);
}

/* ---- processes ---- */

static uint64_t resident_in(const struct vidmm_segment_counters *segment)
{
    uint64_t bytes = 0;
    for (unsigned rank = 0; rank <= VIDMM_PREFERENCES; rank++) bytes += segment->resident[rank].bytes;
    return bytes;
}

static void sum_resident(const struct udxg_adapter *adapter, const struct vidmm_counters *from,
                         struct udxg_snapshot_part *to)
{
    for (uint32_t i = 0; i < adapter->caps.segment_count; i++) {
        uint64_t bytes = resident_in(&from->segments[i]);
        uint32_t flags = adapter->caps.segments[i].flags;

        to->resident_bytes += bytes;
        if (flags & UDXG_SEGMENT_LOCAL_BUDGET_GROUP)
            to->groups[VIDMM_GROUP_LOCAL].resident_bytes += bytes;
        else if (flags & UDXG_SEGMENT_NON_LOCAL_BUDGET_GROUP)
            to->groups[VIDMM_GROUP_NON_LOCAL].resident_bytes += bytes;
    }
}

static void look_at_part(struct udxg_process_adapter *pa, struct udxg_snapshot_part *to)
{
    struct udxg_adapter *adapter = pa->adapter;
    struct vidmm_counters counters;

    to->adapter = adapter->index;
    to->devices = atomic_load_explicit(&pa->devices, memory_order_relaxed);
    to->contexts = atomic_load_explicit(&pa->contexts, memory_order_relaxed);
    for (unsigned group = 0; group < VIDMM_GROUP_COUNT; group++)
        vidmm_process_budget(pa->vidmm, (enum vidmm_group)group, &to->groups[group].budget);
    vidmm_process_usage(pa->vidmm, &to->usage);
    vidmm_process_counters(pa->vidmm, &counters);
    sum_paging(&counters, &to->paging);
    sum_resident(adapter, &counters, to);
    for (uint32_t node = 0; node < adapter->caps.node_count; node++) {
        udxg_lock(NODE, &adapter->engines[node].lock);
        to->nodes[node] = pa->nodes[node];
        udxg_unlock(NODE, &adapter->engines[node].lock);
    }
}

static uint32_t look_at_process(const struct udxg_present *present, uint32_t first_part,
                                struct udxg_snapshot_process *to, struct udxg_snapshot_part *parts)
{
    *to = (struct udxg_snapshot_process){
        .serial = present->serial,
        .pid = present->pid,
        .has_uid = present->has_uid,
        .uid = present->uid,
        .handles = present->handles,
        .first_part = first_part,
    };
    memcpy(to->name, present->name, sizeof to->name);
    for (uint32_t i = 0; i < UDXG_REGISTRY_ADAPTERS; i++)
        if (present->adapters[i]) look_at_part(present->adapters[i], &parts[first_part + to->part_count++]);
    return first_part + to->part_count;
}

static uint32_t count_parts(const struct udxg_present *processes, uint32_t count)
{
    uint32_t parts = 0;
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t k = 0; k < UDXG_REGISTRY_ADAPTERS; k++) parts += processes[i].adapters[k] != NULL;
    return parts;
}

static udxg_status look_at_processes(const struct udxg_present *processes, uint32_t count, struct udxg_snapshot *to)
{
    uint32_t part = 0;

    to->processes = calloc((size_t)count + 1, sizeof *to->processes);
    to->parts = calloc((size_t)count_parts(processes, count) + 1, sizeof *to->parts);
    if (!to->processes || !to->parts) return STATUS_NO_MEMORY;
    for (uint32_t i = 0; i < count; i++) part = look_at_process(&processes[i], part, &to->processes[i], to->parts);
    to->process_count = count;
    return STATUS_SUCCESS;
}

/* ---- all ---- */

udxg_status udxg_snapshot_create(struct udxg_kernel *kernel, struct udxg_snapshot **ret_snapshot)
{
    struct udxg_snapshot *snapshot = calloc(1, sizeof *snapshot);
    struct udxg_present *processes;
    uint32_t count;
    udxg_status status = snapshot ? udxg_registry_list(kernel, &processes, &count) : STATUS_NO_MEMORY;

    if (udxg_failed(status)) {
        free(snapshot);
        return status;
    }
    snapshot->time_ns = udxg_os_now_ns();
    snapshot->adapter_count = kernel->adapter_count;
    for (uint32_t i = 0; i < kernel->adapter_count; i++) look_at_adapter(kernel->adapters[i], &snapshot->adapters[i]);
    status = look_at_processes(processes, count, snapshot);
    udxg_registry_free(processes, count);
    if (udxg_failed(status)) {
        udxg_snapshot_destroy(snapshot);
        return status;
    }
    *ret_snapshot = snapshot;
    return STATUS_SUCCESS;
}

void udxg_snapshot_destroy(struct udxg_snapshot *snapshot)
{
    if (!snapshot) return;
    free(snapshot->processes);
    free(snapshot->parts);
    free(snapshot);
}
