/* SPDX-License-Identifier: MIT */
/*
 * A line of the schema udxg.top/1 as udxg top and udxg ps show it: adapters, and a row for each adapter that a process
 * uses. Rates and shares of time are against an earlier line; without one they are not known.
 */
#ifndef UDXG_CLI_TOP_MODEL_H
#define UDXG_CLI_TOP_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UDXG_TOP_SEGMENTS 32u
#define UDXG_TOP_NODES 16u
#define UDXG_TOP_ADAPTERS 16u
#define UDXG_TOP_GROUPS 2u

struct udxg_top_segment {
    uint32_t id;
    bool aperture;
    char group[16];
    uint64_t capacity_bytes, resident_bytes, allocations;
};

struct udxg_top_node {
    char name[32];
    uint64_t running_ns, queued;
    double busy; /* part of the time, 0 to 1; negative: not known */
};

struct udxg_top_paging {
    uint64_t in_operations, out_operations, in_bytes, out_bytes;
    double in_rate, out_rate; /* bytes a second; negative: not known */
};

struct udxg_top_adapter {
    char name[64], description[128], luid[24];
    bool stopped;
    uint32_t segment_count, node_count;
    struct udxg_top_segment segments[UDXG_TOP_SEGMENTS];
    struct udxg_top_node nodes[UDXG_TOP_NODES];
    struct udxg_top_paging paging;
};

/* A process on an adapter, or a process that uses none. */
struct udxg_top_row {
    uint64_t serial;
    uint32_t pid;
    bool has_uid;
    uint32_t uid;
    char name[32];
    uint64_t handles;
    int adapter; /* index; -1: none, and all that follows is 0 */
    /* Of the local group, or of the other one on an adapter that has no local memory. */
    uint64_t usage_bytes, budget_bytes, reservation_bytes;
    uint64_t resident_bytes, commit_bytes; /* of everything */
    uint64_t devices, contexts, allocations, queued, running_ns;
    double busy; /* as a node's: of all engines together, so that it may be more than 1 */
    struct udxg_top_paging paging;
};

struct udxg_top {
    uint64_t time_ns, server_pid;
    uint32_t adapter_count, process_count;
    struct udxg_top_adapter adapters[UDXG_TOP_ADAPTERS];
    size_t row_count;
    struct udxg_top_row *rows;
};

/* NULL when the line is none of that schema, or without memory. FORMER is an earlier one, or NULL. */
struct udxg_top *udxg_top_parse(const char *line, const struct udxg_top *former);
/* Takes NULL. */
void udxg_top_free(struct udxg_top *top);

enum udxg_top_order {
    UDXG_TOP_BY_USAGE,
    UDXG_TOP_BY_BUDGET,
    UDXG_TOP_BY_RESIDENT,
    UDXG_TOP_BY_TRAFFIC,
    UDXG_TOP_BY_BUSY,
    UDXG_TOP_BY_QUEUE,
    UDXG_TOP_BY_PID,
    UDXG_TOP_BY_NAME,
    UDXG_TOP_ORDERS,
};
/* Largest first, but for names and numbers of processes; BACKWARD turns that round. Equals by age. */
void udxg_top_sort(struct udxg_top *top, enum udxg_top_order order, bool backward);

#define UDXG_SHORT_CHARS 12
/* In at most six columns: "1.50G", "153M", "17"; units are powers of 1024. Returns TEXT. */
const char *udxg_short_size(uint64_t bytes, char text[static UDXG_SHORT_CHARS]);
/* The same of a rate, "-" when it is not known. */
const char *udxg_short_rate(double rate, char text[static UDXG_SHORT_CHARS]);
/* "45%", "-" when it is not known. */
const char *udxg_short_share(double share, char text[static UDXG_SHORT_CHARS]);

#endif
