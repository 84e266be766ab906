/* SPDX-License-Identifier: MIT */
/*
 * What udxg info shows, asked of the public D3DKMT calls only, so that it says what any client would be told.
 * A fact that an adapter does not answer is marked as not known, never guessed.
 */
#ifndef UDXG_CLI_QUERY_H
#define UDXG_CLI_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <dxg/d3dkmthk.h>

#define UDXG_QUERY_GROUPS 2u   /* D3DKMT_MEMORY_SEGMENT_GROUP */
#define UDXG_QUERY_NODES 64u   /* more than any adapter has */
#define UDXG_QUERY_SEGMENTS 32u /* D3DKMT_GET_SEGMENT_CAPS carries no more */

struct udxg_query_node {
    uint32_t engine_type;
    char name[128]; /* UTF-8 */
};

struct udxg_query_adapter {
    LUID luid;
    char description[512]; /* UTF-8, empty when not known */
    bool has_ids, has_type, has_wddm_version, has_sizes, has_group_sizes, has_gpu_va_bits, has_segments;
    D3DKMT_DEVICE_IDS ids;
    D3DKMT_ADAPTERTYPE type;
    uint32_t wddm_version; /* 2700 is 2.7 */
    D3DKMT_SEGMENTSIZEINFO sizes;
    D3DKMT_SEGMENTGROUPSIZEINFO group_sizes;
    uint32_t gpu_va_bits;
    bool has_budget[UDXG_QUERY_GROUPS];
    D3DKMT_QUERYVIDEOMEMORYINFO budgets[UDXG_QUERY_GROUPS];
    uint32_t segment_count, node_count;
    D3DKMT_SEGMENT_CAPS segments[UDXG_QUERY_SEGMENTS];
    struct udxg_query_node nodes[UDXG_QUERY_NODES];
};

/* Asks every adapter there is. On success the caller frees *ret_adapters; no adapter is a success too. */
NTSTATUS udxg_query_adapters(struct udxg_query_adapter **ret_adapters, size_t *ret_count);

/* "3D", "copy", ... or NULL. */
const char *udxg_query_engine_name(uint32_t engine_type);

#endif
