/* SPDX-License-Identifier: MIT */
/*
 * P6, P7, P8, P16: what a million live allocations cost. Each is a page of 4 KiB that is never touched, so the
 * machine needs memory for the bookkeeping alone. The small and the large load live in stations.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "anchors.h"
#include "client.h"
#include "measure.h"
#include "row.h"
#include "station.h"

#define SIZE_BYTES 4096u
#define FEW 1000u
#define MANY 1000000u
#define OPERATIONS 2000u
#define WARM 1000u /* after another process has had the caches */

struct load {
    struct client client;
    uint64_t random;
    uint32_t live;
    D3DKMT_HANDLE *allocations;
};

static struct load *open_load(uint32_t live)
{
    struct load *load = malloc(sizeof *load);
    if (load) load->allocations = malloc(live * sizeof *load->allocations);
    if (!load || !load->allocations) measure_die("out of memory");
    memset(load->allocations, 0, live * sizeof *load->allocations);
    load->live = live;
    load->random = 88172645463325252u;
    client_open(&load->client);
    return load;
}

static void fill(struct load *load)
{
    for (uint32_t i = 0; i < load->live; i++) client_create(&load->client, 1, SIZE_BYTES, false, &load->allocations[i]);
}

static void *make_load(const void *live)
{
    struct load *load = open_load(*(const uint32_t *)live);
    fill(load);
    return load;
}

static void *make_resident_load(const void *live)
{
    struct load *load = make_load(live);
    for (uint32_t i = 0; i < load->live; i += FEW) client_make_resident(&load->client, FEW, &load->allocations[i]);
    return load;
}

/* ---- P6, P7 ---- */

static double replace(struct load *load, uint32_t count)
{
    uint64_t start = measure_now_ns();
    for (uint32_t i = 0; i < count; i++) {
        D3DKMT_HANDLE *allocation = &load->allocations[measure_random(&load->random) % load->live];
        client_destroy(&load->client, 1, allocation);
        client_create(&load->client, 1, SIZE_BYTES, false, allocation);
    }
    return (double)(measure_now_ns() - start) / count;
}

static double replace_any(void *load)
{
    replace(load, WARM);
    return replace(load, OPERATIONS);
}

static double pair(struct load *load, uint32_t count)
{
    uint64_t start = measure_now_ns();
    for (uint32_t i = 0; i < count; i++) {
        D3DKMT_HANDLE allocation;
        client_create(&load->client, 1, SIZE_BYTES, false, &allocation);
        client_destroy(&load->client, 1, &allocation);
    }
    return (double)(measure_now_ns() - start) / count;
}

static double last_in_first_out(void *load)
{
    pair(load, WARM);
    return pair(load, OPERATIONS);
}

static void compare_loads(unsigned repetitions, measure_run *work, struct row_figures *ret)
{
    struct station *many = station_start(make_load, &(uint32_t){MANY}, work);
    struct station *few = station_start(make_load, &(uint32_t){FEW}, work);
    struct measure_best best =
        measure_pair((struct measure_side){station_run, many}, (struct measure_side){station_run, few}, repetitions);
    station_stop(many);
    station_stop(few);
    ret->ours = best.ours;
    ret->anchor = best.anchor;
}

void row_live_random(unsigned repetitions, struct row_figures *ret)
{
    compare_loads(repetitions, replace_any, ret);
}

void row_live_lifo(unsigned repetitions, struct row_figures *ret)
{
    compare_loads(repetitions, last_in_first_out, ret);
}

/* ---- P8 ---- */

/* A line "NAME   n kB" of a file of /proc/self. */
static uint64_t read_bytes(const char *path, const char *name)
{
    char line[256];
    uint64_t kib = 0;
    bool found = false;
    FILE *file = fopen(path, "r");
    if (!file) measure_die("cannot read %s", path);
    while (!found && fgets(line, sizeof line, file))
        found = !strncmp(line, name, strlen(name)) && sscanf(line + strlen(name), ": %" SCNu64 " kB", &kib) == 1;
    fclose(file);
    if (!found) measure_die("%s has no %s", path, name);
    return kib * 1024;
}

/* What is written and ours alone, without the pools: no page of a pool should have been touched. */
static uint64_t private_bytes(void)
{
    return read_bytes("/proc/self/smaps_rollup", "Private_Dirty") - read_bytes("/proc/self/status", "RssShmem");
}

/* One reading: it does not depend on how busy the machine is. The load's own array was written before the first. */
void row_live_bytes(unsigned repetitions, struct row_figures *ret)
{
    (void)repetitions;
    struct load *load = open_load(MANY);
    pair(load, 1);
    uint64_t before = private_bytes();
    fill(load);
    ret->ours = (double)(private_bytes() - before) / MANY;
}

/* ---- P16 ---- */

static double make_resident(void *state)
{
    static D3DKMT_HANDLE chosen[WARM + OPERATIONS];
    struct load *load = state;
    for (uint32_t i = 0; i < WARM + OPERATIONS; i++)
        chosen[i] = load->allocations[measure_random(&load->random) % load->live];
    for (uint32_t i = 0; i < WARM; i++) client_make_resident(&load->client, 1, &chosen[i]);
    uint64_t start = measure_now_ns();
    for (uint32_t i = WARM; i < WARM + OPERATIONS; i++) client_make_resident(&load->client, 1, &chosen[i]);
    uint64_t end = measure_now_ns();
    for (uint32_t i = 0; i < WARM + OPERATIONS; i++) client_evict(&load->client, 1, &chosen[i]);
    return (double)(end - start) / OPERATIONS;
}

void row_live_make_resident(unsigned repetitions, struct row_figures *ret)
{
    struct station *many = station_start(make_resident_load, &(uint32_t){MANY}, make_resident);
    struct measure_best best =
        measure_pair((struct measure_side){station_run, many},
                     (struct measure_side){anchor_objects_touch, anchor_objects(MANY)}, repetitions);
    station_stop(many);
    ret->ours = best.ours;
    ret->anchor = best.anchor;
}
