/* SPDX-License-Identifier: MIT */
/*
 * P1 to P5, P9: creating and destroying. "Live" allocations are 64 KiB here and stay where they are; the pair
 * that is measured takes and gives back the same place, which is how most programs behave. P5 takes pages of 4 KiB, so
 * that a small machine can be asked too. What is not zeroed is never touched.
 */
#include <stdlib.h>
#include <unistd.h>

#include "anchors.h"
#include "client.h"
#include "measure.h"
#include "row.h"

#define SIZE_BYTES 65536u
#define PAGE_BYTES 4096u
#define LIVE 1000u
#define PAIRS 1000u
#define GROWN 100000u

static void open_with_live(struct client *client)
{
    D3DKMT_HANDLE allocation;
    client_open(client);
    for (unsigned i = 0; i < LIVE; i++) client_create(client, 1, SIZE_BYTES, false, &allocation);
}

static double time_pairs(const struct client *client, bool zeroed)
{
    uint64_t start = measure_now_ns();
    for (unsigned i = 0; i < PAIRS; i++) {
        D3DKMT_HANDLE allocation;
        client_create(client, 1, SIZE_BYTES, zeroed, &allocation);
        client_destroy(client, 1, &allocation);
    }
    return (double)(measure_now_ns() - start) / PAIRS;
}

static double pair(void *client)
{
    return time_pairs(client, false);
}

static double pair_zeroed(void *client)
{
    return time_pairs(client, true);
}

static double pair_written(void *state)
{
    const struct client *client = state;
    uint64_t start = measure_now_ns();
    for (unsigned i = 0; i < PAIRS / 4; i++) {
        D3DKMT_HANDLE allocation;
        client_create(client, 1, SIZE_BYTES, true, &allocation);
        char *address = client_lock(client, allocation);
        for (uint32_t at = 0; at < SIZE_BYTES; at += PAGE_BYTES) *(volatile uint64_t *)(void *)(address + at) = at;
        client_unlock(client, allocation);
        client_destroy(client, 1, &allocation);
    }
    return (double)(measure_now_ns() - start) / (PAIRS / 4);
}

static double pair_shared(void *client)
{
    enum { SHARED_PAIRS = 50 };
    uint64_t start = measure_now_ns();
    for (unsigned i = 0; i < SHARED_PAIRS; i++) {
        int fd;
        D3DKMT_HANDLE resource = client_create_shared(client, SIZE_BYTES, &fd);
        close(fd);
        client_destroy_resource(client, resource);
    }
    return (double)(measure_now_ns() - start) / SHARED_PAIRS;
}

static double batch(void *client)
{
    D3DKMT_HANDLE allocations[CLIENT_BATCH];
    enum { BATCHES = 50 };
    uint64_t start = measure_now_ns();
    for (unsigned i = 0; i < BATCHES; i++) {
        client_create(client, CLIENT_BATCH, SIZE_BYTES, false, allocations);
        client_destroy(client, CLIENT_BATCH, allocations);
    }
    return (double)(measure_now_ns() - start) / (BATCHES * CLIENT_BATCH);
}

/* As many as a batch has are live at a time, so that both sides use the same memory. */
static double one_by_one(void *client)
{
    D3DKMT_HANDLE allocations[CLIENT_BATCH];
    enum { BATCHES = 50 };
    uint64_t start = measure_now_ns();
    for (unsigned i = 0; i < BATCHES; i++) {
        for (unsigned j = 0; j < CLIENT_BATCH; j++) client_create(client, 1, SIZE_BYTES, false, &allocations[j]);
        for (unsigned j = 0; j < CLIENT_BATCH; j++) client_destroy(client, 1, &allocations[j]);
    }
    return (double)(measure_now_ns() - start) / (BATCHES * CLIENT_BATCH);
}

struct growth {
    struct client client;
    D3DKMT_HANDLE allocations[GROWN];
};

static double grow(void *state)
{
    struct growth *growth = state;
    uint64_t start = measure_now_ns();
    for (unsigned i = 0; i < GROWN; i++) client_create(&growth->client, 1, PAGE_BYTES, false, &growth->allocations[i]);
    uint64_t end = measure_now_ns();
    for (unsigned i = 0; i < GROWN; i++) client_destroy(&growth->client, 1, &growth->allocations[i]);
    return (double)(end - start) / GROWN;
}

/* ---- rows ---- */

static void compare(unsigned repetitions, measure_run *ours, void *ours_state, measure_run *anchor, void *anchor_state,
                    struct row_figures *ret)
{
    struct measure_best best =
        measure_pair((struct measure_side){ours, ours_state}, (struct measure_side){anchor, anchor_state}, repetitions);
    ret->ours = best.ours;
    ret->anchor = best.anchor;
}

void row_create_destroy(unsigned repetitions, struct row_figures *ret)
{
    struct client client;
    open_with_live(&client);
    compare(repetitions, pair, &client, anchor_memfd_life, NULL, ret);
}

void row_create_destroy_zeroed(unsigned repetitions, struct row_figures *ret)
{
    struct client client;
    open_with_live(&client);
    compare(repetitions, pair_zeroed, &client, anchor_memset, anchor_memset_memory(), ret);
}

void row_create_write_destroy(unsigned repetitions, struct row_figures *ret)
{
    struct client client;
    open_with_live(&client);
    compare(repetitions, pair_written, &client, anchor_memfd_life_written, NULL, ret);
}

/* The anchor where nothing that exports memory is installed; it exports nothing. */
void row_create_share_destroy(unsigned repetitions, struct row_figures *ret)
{
    struct client client;
    open_with_live(&client);
    compare(repetitions, pair_shared, &client, anchor_memfd_life, NULL, ret);
}

void row_create_batch(unsigned repetitions, struct row_figures *ret)
{
    struct client client;
    open_with_live(&client);
    compare(repetitions, batch, &client, one_by_one, &client, ret);
}

void row_grow(unsigned repetitions, struct row_figures *ret)
{
    struct growth *growth = calloc(1, sizeof *growth);
    if (!growth) measure_die("out of memory");
    client_open(&growth->client);
    compare(repetitions, grow, growth, anchor_memfd_create, NULL, ret);
    free(growth);
}
