/* SPDX-License-Identifier: MIT */
/*
 * The picture of an adapter's segments: who lives where. A memory segment is drawn as its addresses, a row after
 * the other; an aperture, which has none, as one bar that says how full it is.
 */
#ifndef UDXG_CLI_MAP_H
#define UDXG_CLI_MAP_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <dxg/d3dkmthk.h>
#include <udxg/udxg.h>

#include "cli/query.h"

struct udxg_map_segment {
    D3DKMT_SEGMENT_CAPS caps;
    uint64_t resident_bytes;
    struct udxg_segment_part *parts; /* ascending; NULL for an aperture; owned */
    uint32_t part_count;
};

#define UDXG_MAP_OWNERS 12u

/* A device of a process; device 0 is nobody. */
struct udxg_map_owner {
    uint32_t process, device;
    uint64_t bytes; /* in memory segments */
};

struct udxg_map {
    const struct udxg_query_adapter *adapter; /* borrowed */
    uint32_t owner_count;                     /* those of the first parts; others are drawn as nobody's */
    struct udxg_map_owner owners[UDXG_MAP_OWNERS];
    uint32_t segment_count;
    struct udxg_map_segment segments[UDXG_QUERY_SEGMENTS];
};

/* Asks for all segments of ADAPTER, which has to outlive the map. Free the map, also after a failure. */
NTSTATUS udxg_map_query(const struct udxg_query_adapter *adapter, struct udxg_map *ret_map);
void udxg_map_free(struct udxg_map *map);

/* Writes COUNT maps as one SVG document. False when OUT does not take it. */
bool udxg_map_draw(const struct udxg_map *maps, size_t count, FILE *out);

#endif
