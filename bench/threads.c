/* SPDX-License-Identifier: MIT */
/*
 * P21: does a second thread, on a device and a CPU of its own, double what is done? Both figures are the time for one
 * pair of all that were done: the time from the moment both threads start to the moment the last has ended.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "client.h"
#include "measure.h"
#include "row.h"

#define SIZE_BYTES 65536u
#define PAIRS 1000u
#define LIVE 1000u

struct worker {
    struct client client;
    unsigned cpu;
    struct race *race;
    uint64_t end_ns;
};

struct race {
    unsigned runners;
    atomic_uint ready;
    _Atomic uint64_t start_ns; /* 0: not yet */
    struct worker workers[2];
};

static void *work(void *argument)
{
    struct worker *worker = argument;
    struct race *race = worker->race;
    D3DKMT_HANDLE allocation;
    measure_pin(worker->cpu);
    if (atomic_fetch_add(&race->ready, 1) + 1 == race->runners) atomic_store(&race->start_ns, measure_now_ns());
    while (!atomic_load(&race->start_ns)) continue;
    for (unsigned i = 0; i < PAIRS; i++) {
        client_create(&worker->client, 1, SIZE_BYTES, false, &allocation);
        client_destroy(&worker->client, 1, &allocation);
    }
    worker->end_ns = measure_now_ns();
    return NULL;
}

static double run(struct race *race, unsigned runners)
{
    pthread_t threads[2];
    uint64_t end_ns = 0;
    race->runners = runners;
    atomic_store(&race->ready, 0);
    atomic_store(&race->start_ns, 0);
    for (unsigned i = 0; i < runners; i++)
        if (pthread_create(&threads[i], NULL, work, &race->workers[i])) measure_die("cannot start a thread");
    for (unsigned i = 0; i < runners; i++) {
        pthread_join(threads[i], NULL);
        if (race->workers[i].end_ns > end_ns) end_ns = race->workers[i].end_ns;
    }
    return (double)(end_ns - atomic_load(&race->start_ns)) / (runners * PAIRS);
}

static double run_two(void *race)
{
    return run(race, 2);
}

static double run_one(void *race)
{
    return run(race, 1);
}

void row_two_threads(unsigned repetitions, struct row_figures *ret)
{
    struct race race = {.workers = {{.cpu = 0, .race = &race}, {.cpu = 1, .race = &race}}};
    if (measure_cpus() < 2) {
        snprintf(ret->skipped, sizeof ret->skipped, "needs two CPUs");
        return;
    }
    client_open(&race.workers[0].client);
    client_open_another(&race.workers[0].client, &race.workers[1].client);
    for (unsigned i = 0; i < LIVE; i++) {
        D3DKMT_HANDLE allocation;
        client_create(&race.workers[i % 2].client, 1, SIZE_BYTES, false, &allocation);
    }
    struct measure_best best =
        measure_pair((struct measure_side){run_two, &race}, (struct measure_side){run_one, &race}, repetitions);
    ret->ours = best.ours;
    ret->anchor = best.anchor;
}
