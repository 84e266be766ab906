/* SPDX-License-Identifier: MIT */
/*
 * A model test: random creates, adds, locks, writes, evictions, engine work and destroys by the calls themselves, from
 * several threads, against a naive model (model.h) that says what each call must return and what each byte must be.
 * One worker: everything is recounted after each step. Several: all meet every --check-every steps for that.
 *
 *   model [--seed N] [--steps N] [--workers N] [--check-every N] [--adapter PROFILE]
 *
 * The seed is printed. With one worker the same seed makes the same steps; only the paging thread and the engine keep
 * times of their own. A soak, which takes minutes, with and without sanitizers:
 *
 *   tests/model/model --workers 4 --steps 1000000 --adapter tests/model/little-memory.ini
 */
#include "model.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "core/dispatch.h"
#include "miniport/miniports.h"

#define CONTENTS_EVERY 4096u /* steps: the contents of everything are looked at */

struct model model = {.steps = 20000, .workers = 4, .check_every = 256};
_Thread_local struct worker *worker;

static struct worker workers[MAX_WORKERS];
static pthread_barrier_t meeting;

void fail(const char *format, ...)
{
    va_list arguments;
    flockfile(stdout);
    printf("seed %llu, worker %u, step %llu, %s: ", (unsigned long long)model.seed, worker->id,
           (unsigned long long)worker->step, worker->doing);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
    fflush(stdout);
    _exit(1);
}

udxg_status udxg_status_of_call(enum udxg_thunk_id id, const void *args)
{
    return udxg_dispatch(model.process, id, args);
}

void check_status(udxg_status expected, udxg_status status, const char *file, int line)
{
    if (status != expected)
        fail("%s:%d: %s instead of %s", file, line, udxg_status_name(status), udxg_status_name(expected));
}

/* ---- beginning and end ---- */

static void open_kernel(const char *profile)
{
    D3DKMT_OPENADAPTERFROMLUID open = {0};
    struct vidmm_usage usage;
    char error[512] = "";
    if (udxg_failed(udxg_kernel_create(profile, udxg_miniports, error, sizeof error, &model.kernel))) fail("%s", error);
    CHECK_STATUS(STATUS_SUCCESS, udxg_process_create(model.kernel, NULL, &model.process));
    open.AdapterLuid = model.kernel->adapters[0]->luid;
    CHECK_STATUS(STATUS_SUCCESS, CALL(OpenAdapterFromLuid, &open));
    model.adapter = open.hAdapter;
    for (unsigned i = 0; i <= model.workers; i++) {
        pthread_mutex_init(&model.rooms[i].mutex, NULL);
        model.rooms[i].is_shared = i == model.workers;
        room_open(&model.rooms[i]);
    }
    vidmm_process_usage(atomic_load(&model.process->adapters[0])->vidmm, &usage);
    model.commit_limit_bytes = usage.commit_limit_bytes;
}

/* Some rooms go by themselves, the rest with the process. */
static void close_kernel(void)
{
    for (unsigned i = 0; i < model.workers; i += 2) room_close(&model.rooms[i]);
    udxg_process_destroy(model.process);
    udxg_kernel_destroy(model.kernel);
}

/* ---- workers ---- */

static void *work(void *argument)
{
    worker = argument;
    for (worker->step = 1; worker->step <= model.steps / model.workers; worker->step++) {
        step();
        if (worker->step % model.check_every) continue;
        pthread_barrier_wait(&meeting);
        worker->doing = "recount";
        if (worker->id == 0) recount(worker->step % CONTENTS_EVERY == 0);
        pthread_barrier_wait(&meeting);
    }
    return NULL;
}

static void run(void)
{
    pthread_t threads[MAX_WORKERS];
    pthread_barrier_init(&meeting, NULL, model.workers);
    for (unsigned i = 1; i < model.workers; i++)
        if (pthread_create(&threads[i], NULL, work, &workers[i])) fail("no thread");
    work(&workers[0]);
    for (unsigned i = 1; i < model.workers; i++) pthread_join(threads[i], NULL);
    recount(true);
}

/* What happened, so that a run in which nothing did is seen. */
static void report(void)
{
    uint64_t created = 0, destroyed = 0, refused = 0, in_bytes = 0, out_bytes = 0;
    const struct udxg_adapter *adapter = model.kernel->adapters[0];
    struct vidmm_segment_info info;
    for (unsigned i = 0; i < model.workers; i++) {
        created += workers[i].created;
        destroyed += workers[i].destroyed;
        refused += workers[i].refused;
    }
    for (uint32_t i = 1; i <= adapter->caps.segment_count; i++) {
        CHECK_STATUS(STATUS_SUCCESS, vidmm_adapter_segment(adapter->vidmm, i, &info));
        in_bytes += info.paged_in_bytes;
        out_bytes += info.paged_out_bytes;
    }
    printf("model: all as it has to be; %llu allocations created, %llu destroyed one by one, %llu calls refused by "
           "limits, %llu MiB paged in, %llu MiB out\n",
           (unsigned long long)created, (unsigned long long)destroyed, (unsigned long long)refused,
           (unsigned long long)in_bytes >> 20, (unsigned long long)out_bytes >> 20);
    CHECK(created && destroyed);
}

/* ---- the command line ---- */

static const char *read_options(int count, char **arguments)
{
    static const struct option options[] = {
        {"seed", required_argument, NULL, 's'},    {"steps", required_argument, NULL, 'n'},
        {"workers", required_argument, NULL, 'w'}, {"check-every", required_argument, NULL, 'c'},
        {"adapter", required_argument, NULL, 'a'}, {0},
    };
    const char *profile = "soft-discrete";
    int option;
    model.seed = (uint64_t)time(NULL);
    while ((option = getopt_long(count, arguments, "", options, NULL)) != -1) {
        uint64_t value = optarg ? strtoull(optarg, NULL, 0) : 0;
        if (option == 's') model.seed = value;
        if (option == 'n') model.steps = value;
        if (option == 'w') model.workers = (unsigned)value;
        if (option == 'c') model.check_every = value;
        if (option == 'a') profile = optarg;
        if (option == '?') exit(2);
    }
    if (!model.workers || model.workers > MAX_WORKERS || !model.check_every) exit(2);
    if (model.workers == 1) model.check_every = 1;
    return profile;
}

int main(int count, char **arguments)
{
    const char *profile = read_options(count, arguments);
    printf("model: %s, %u workers, %llu steps, --seed %llu\n", profile, model.workers, (unsigned long long)model.steps,
           (unsigned long long)model.seed);
    fflush(stdout);
    for (unsigned i = 0; i < model.workers; i++) {
        workers[i] = (struct worker){.id = i, .doing = "set-up", .room = &model.rooms[i]};
        workers[i].random.state = model.seed * UINT64_C(0x9e3779b97f4a7c15) + i;
    }
    worker = &workers[0];
    open_kernel(profile);
    run();
    report();
    close_kernel();
    return 0;
}
