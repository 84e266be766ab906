/* SPDX-License-Identifier: MIT */
/*
 * P17: giving GPU addresses. One allocation is mapped many times, at addresses that the library chooses; freeing them
 * is not counted. The anchor fills a page table of one level, as a driver without large pages would.
 */
#include "anchors.h"
#include "client.h"
#include "measure.h"
#include "row.h"

#define SMALL_BYTES 65536u
#define LARGE_BYTES (1u << 30)
#define MAPPINGS 1000u

struct mappings {
    struct client client;
    D3DKMT_HANDLE allocation;
    uint64_t size_bytes;
    D3DGPU_VIRTUAL_ADDRESS vas[MAPPINGS];
};

static double map(void *state)
{
    struct mappings *mappings = state;
    uint64_t start = measure_now_ns();
    for (unsigned i = 0; i < MAPPINGS; i++)
        mappings->vas[i] = client_map(&mappings->client, mappings->allocation, mappings->size_bytes);
    uint64_t end = measure_now_ns();
    for (unsigned i = 0; i < MAPPINGS; i++) client_unmap(&mappings->client, mappings->vas[i], mappings->size_bytes);
    return (double)(end - start) / MAPPINGS;
}

static void compare(unsigned repetitions, uint64_t size_bytes, struct row_figures *ret)
{
    struct mappings mappings = {.size_bytes = size_bytes};
    client_open(&mappings.client);
    client_create(&mappings.client, 1, size_bytes, false, &mappings.allocation);
    struct measure_best best =
        measure_pair((struct measure_side){map, &mappings},
                     (struct measure_side){anchor_page_table_store, anchor_page_table(size_bytes)}, repetitions);
    ret->ours = best.ours;
    ret->anchor = best.anchor;
}

void row_map_small(unsigned repetitions, struct row_figures *ret)
{
    compare(repetitions, SMALL_BYTES, ret);
}

void row_map_large(unsigned repetitions, struct row_figures *ret)
{
    compare(repetitions, LARGE_BYTES, ret);
}
