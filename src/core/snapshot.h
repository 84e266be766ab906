/* SPDX-License-Identifier: MIT */
/*
 * What a kernel is doing, at one moment or as good as that: every adapter with its segments and engines, every process
 * with what it has there. Each lock is held for the time that it takes to copy what it guards, one after the other, so
 * numbers of different lines may be microseconds apart and need not add up while others work. The work is in the number
 * of processes, segments and engines; allocations are never looked at.
 *
 * A snapshot is a copy: reading it takes no lock. What it points to, an adapter's capabilities, is constant and lives
 * as long as the kernel.
 */
#ifndef UDXG_CORE_SNAPSHOT_H
#define UDXG_CORE_SNAPSHOT_H

#include "core/kernel.h"
#include "core/node_stats.h"
#include "vidmm/vidmm.h"

/* Operations: allocations that became resident, and that left their segments or moved to another. */
struct udxg_snapshot_paging {
    uint64_t in_operations, out_operations;
    uint64_t in_bytes, out_bytes; /* copied */
};

struct udxg_snapshot_adapter {
    const struct udxg_adapter_caps *caps;
    LUID luid;
    bool stopped;
    uint32_t timeouts; /* resets by the watchdog */
    struct vidmm_segment_info segments[UDXG_MAX_SEGMENTS];
    uint64_t group_bytes[VIDMM_GROUP_COUNT];
    struct udxg_node_stats nodes[UDXG_MAX_NODES];
    struct udxg_snapshot_paging paging;
};

/* What one process has on one adapter. */
struct udxg_snapshot_part {
    uint32_t adapter; /* index in the snapshot */
    struct {
        struct vidmm_budget budget;
        uint64_t resident_bytes; /* in the group's segments */
    } groups[VIDMM_GROUP_COUNT];
    uint64_t resident_bytes; /* in all segments */
    struct vidmm_usage usage;
    uint32_t devices, contexts;
    struct udxg_node_stats nodes[UDXG_MAX_NODES];
    struct udxg_snapshot_paging paging;
};

struct udxg_snapshot_process {
    uint64_t serial;
    uint32_t pid;
    bool has_uid;
    uint32_t uid;
    char name[UDXG_PROCESS_NAME_CHARS];
    uint32_t handles;
    uint32_t first_part, part_count; /* in the snapshot's parts */
};

struct udxg_snapshot {
    uint64_t time_ns; /* CLOCK_MONOTONIC */
    uint32_t adapter_count, process_count;
    struct udxg_snapshot_adapter adapters[UDXG_KERNEL_ADAPTERS];
    struct udxg_snapshot_process *processes; /* the oldest first */
    struct udxg_snapshot_part *parts;
};

/* STATUS_NO_MEMORY. End it with udxg_snapshot_destroy(). */
udxg_status udxg_snapshot_create(struct udxg_kernel *kernel, struct udxg_snapshot **ret_snapshot) UDXG_MUST_CHECK;
/* Takes NULL. */
void udxg_snapshot_destroy(struct udxg_snapshot *snapshot);

#endif
