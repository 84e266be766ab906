/* SPDX-License-Identifier: MIT */
/*
 * A property test: random calls from several processes, devices and threads against a model (property.h) of residency,
 * budgets and contents, with faults injected. All meet every --check-every steps, and everything is recounted.
 *
 *   property [--seed N] [--steps N] [--threads N] [--processes N] [--over X] [--check-every N] [--loss-every N]
 *            [--patience SECONDS] [--profile PROFILE]
 *
 * --over: what all together want to list, in sizes of the adapter's first segment. --loss-every: each so many phases
 * between two recounts engines fail or the adapter is lost; 0: never. The seed is printed; a failure names it and the
 * step. With one thread the same seed makes the same steps, but for the times that engines and copies take.
 */
#include "property.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "core/dispatch.h"
#include "miniport/miniports.h"

#define CONTENTS_EVERY 8u /* recounts: the contents of everything are looked at */

struct world world = {
    .steps = 20000, .workers = 4, .processes = 2, .over = 2, .check_every = 512, .loss_every = 8, .patience_s = 20};
_Thread_local struct worker *worker;

static pthread_barrier_t meeting;

/* ---- for all ---- */

void fail(const char *format, ...)
{
    const char *doing = atomic_load(&worker->doing);
    va_list arguments;
    flockfile(stdout);
    printf("seed %llu, worker %u, step %llu, %s: ", (unsigned long long)world.seed, worker->id,
           (unsigned long long)atomic_load(&worker->step), doing ? doing : "begin");
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
    fflush(stdout);
    _exit(1);
}

uint64_t below(uint64_t limit)
{
    return random_below(&worker->random, limit);
}

bool one_in(uint64_t count)
{
    return below(count) == 0;
}

uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* MakeResident alone writes when it fails; and where it must succeed, a failure of ours would be the device's end. */
static udxg_status call_once(struct process *process, enum udxg_thunk_id id, const void *args, bool may_starve)
{
    D3DDDI_MAKERESIDENT *make = id == UDXG_THUNK_MakeResident ? (D3DDDI_MAKERESIDENT *)args : NULL;
    UINT count = make ? make->NumAllocations : 0;
    if (may_starve && !(make && make->Flags.MustSucceed)) trouble_starve();
    udxg_status status = udxg_dispatch(process->udxg, id, args);
    if (!trouble_feed() || status != STATUS_NO_MEMORY) return status;
    worker->starved++;
    if (make) make->NumAllocations = count;
    return INJECTED;
}

udxg_status call_in(struct process *process, enum udxg_thunk_id id, const void *args)
{
    atomic_store(&worker->call, (int)id);
    udxg_status status = call_once(process, id, args, true);
    while (status == INJECTED) {
        worker->injected++;
        status = call_once(process, id, args, false);
    }
    atomic_store(&worker->call, -1);
    return status;
}

bool is_status(udxg_status expected, struct room *room, udxg_status status, const char *file, int line)
{
    if (status == expected) return true;
    if (atomic_load(&world.loss)) {
        bool lost = status == STATUS_DEVICE_REMOVED || status == STATUS_GRAPHICS_GPU_EXCEPTION_ON_DEVICE;
        if (lost) atomic_store(&room->lost, true);
        if (lost || !room_is_alive(room)) return false;
    }
    fail("%s:%d: %s instead of %s", file, line, udxg_status_name(status), udxg_status_name(expected));
}

void world_each_room(void (*visit)(struct room *room))
{
    for (unsigned i = 0; i < world.processes; i++) visit(&world.process[i].shared);
    for (unsigned i = 0; i < world.workers; i++) visit(&world.worker[i].room);
}

/* ---- beginning and end ---- */

void world_open_adapter(struct process *process)
{
    D3DKMT_OPENADAPTERFROMLUID open = {.AdapterLuid = world.adapter->luid};
    CHECK(CALL(&process->shared, OpenAdapterFromLuid, &open) == STATUS_SUCCESS);
    process->adapter = open.hAdapter;
}

static void prepare_room(struct room *room, struct process *process)
{
    pthread_mutex_init(&room->mutex, NULL);
    room->process = process;
    room->is_shared = room == &process->shared;
}

static void prepare_process(struct process *process)
{
    pthread_mutex_init(&process->mutex, NULL);
    prepare_room(&process->shared, process);
    CHECK(udxg_process_create(world.kernel, NULL, &process->udxg) == STATUS_SUCCESS);
    world_open_adapter(process);
}

static void prepare_worker(unsigned id)
{
    struct worker *one = &world.worker[id];
    one->id = id;
    one->random.state = (world.seed * MAX_WORKERS + id) * UINT64_C(0x9e3779b97f4a7c15);
    one->process = &world.process[id % world.processes];
    atomic_store(&one->call, -1);
    prepare_room(&one->room, one->process);
}

/* All rooms together list as much as was asked for; the first worker's only a little, so that it is seen to starve. */
static void find_limits(void)
{
    struct vidmm_usage usage;
    const struct udxg_segment *segment = &world.adapter->caps.segments[0];
    uint64_t part = (uint64_t)(world.over * (double)segment->size_bytes) / (world.workers + world.processes);
    world.is_uma = segment->flags & UDXG_SEGMENT_APERTURE;
    for (unsigned i = 0; i < world.processes; i++) world.process[i].shared.goal_bytes = part;
    for (unsigned i = 0; i < world.workers; i++) world.worker[i].room.goal_bytes = i ? part : part / 16;
    vidmm_process_usage(atomic_load(&world.process[0].udxg->adapters[0])->vidmm, &usage);
    world.commit_limit_bytes = usage.commit_limit_bytes;
}

static void open_room(struct room *room)
{
    if (!room_open(room)) fail("a room does not open");
}

static void open_world(const char *profile)
{
    char error[512] = "";
    worker = &world.worker[0];
    if (udxg_failed(udxg_kernel_create(profile, udxg_miniports, error, sizeof error, &world.kernel))) fail("%s", error);
    world.adapter = world.kernel->adapters[0];
    for (unsigned i = 0; i < world.processes; i++) prepare_process(&world.process[i]);
    for (unsigned i = 0; i < world.workers; i++) prepare_worker(i);
    world_each_room(open_room);
    find_limits();
}

/* Some rooms go by themselves, the rest with their process. */
static void close_world(void)
{
    for (unsigned i = 0; i < world.workers; i += 2) room_close(&world.worker[i].room);
    for (unsigned i = 0; i < world.processes; i++) udxg_process_destroy(world.process[i].udxg);
    udxg_kernel_destroy(world.kernel);
}

/* ---- workers ---- */

static const struct step *draw(const struct step *const *sets, unsigned count)
{
    uint64_t total = 0, drawn;
    for (unsigned i = 0; i < count; i++)
        for (const struct step *one = sets[i]; one->name; one++) total += one->weight;
    drawn = below(total);
    for (unsigned i = 0; i < count; i++)
        for (const struct step *one = sets[i]; one->name; one++) {
            if (drawn < one->weight) return one;
            drawn -= one->weight;
        }
    return NULL;
}

/* Nobody works in a lost room of one's own: it is opened anew, for as long as the adapter is there. */
static struct room *choose_room(void)
{
    struct room *shared = &worker->process->shared, *own = &worker->room;
    if (one_in(4) && shared->is_open && !atomic_load(&shared->lost)) return shared;
    if (own->is_open && !atomic_load(&own->lost)) return own;
    if (own->is_open) room_close(own);
    if (!room_open(own)) return NULL;
    worker->rebirths++;
    return own;
}

void step(void)
{
    const struct step *const sets[] = {memory_steps, residency_steps, offer_steps, engine_steps};
    struct room *room = choose_room();
    const struct step *one = draw(sets, 4);
    atomic_store(&worker->doing, one->name);
    if (room) one->run(room);
    trouble_step();
    atomic_fetch_add(&worker->moves, 1);
}

static void meet(void)
{
    atomic_store(&worker->waits, true);
    pthread_barrier_wait(&meeting);
    atomic_store(&worker->waits, false);
}

/* The first one does what has to be done while nobody else is in a call. */
static void end_phase(uint64_t phase, bool last)
{
    meet();
    if (worker->id == 0) {
        atomic_store(&worker->doing, "recount");
        trouble_end();
        recount(last || phase % CONTENTS_EVERY == 0);
        if (!last) trouble_begin(phase);
    }
    meet();
}

static void *work(void *argument)
{
    uint64_t steps = world.steps / world.workers;
    worker = argument;
    for (uint64_t i = 1; i <= steps; i++) {
        atomic_store(&worker->step, i);
        step();
        if (i % world.check_every == 0) end_phase(i / world.check_every, false);
    }
    end_phase(0, true);
    return NULL;
}

static void run(void)
{
    pthread_t threads[MAX_WORKERS];
    pthread_barrier_init(&meeting, NULL, world.workers);
    watchdog_start();
    for (unsigned i = 1; i < world.workers; i++)
        if (pthread_create(&threads[i], NULL, work, &world.worker[i])) fail("no thread");
    work(&world.worker[0]);
    for (unsigned i = 1; i < world.workers; i++) pthread_join(threads[i], NULL);
    watchdog_stop();
}

/* ---- the report ---- */

static uint64_t sum(size_t offset)
{
    uint64_t total = 0;
    for (unsigned i = 0; i < world.workers; i++)
        total += *(const uint64_t *)(const void *)((const char *)&world.worker[i] + offset);
    return total;
}

#define SUM(field) (unsigned long long)sum(offsetof(struct worker, field))

/* What happened, so that a run in which nothing did is seen. */
static void report(void)
{
    uint64_t in_bytes = 0, out_bytes = 0, longest_ns = 0;
    struct vidmm_segment_info info;
    for (uint32_t i = 1; i <= world.adapter->caps.segment_count; i++) {
        CHECK(vidmm_adapter_segment(world.adapter->vidmm, i, &info) == STATUS_SUCCESS);
        in_bytes += info.paged_in_bytes;
        out_bytes += info.paged_out_bytes;
    }
    for (unsigned i = 0; i < world.workers; i++)
        if (world.worker[i].longest_ns > longest_ns) longest_ns = world.worker[i].longest_ns;
    printf(
        "property: all as it has to be\n"
        "  %llu allocations created, %llu destroyed, %llu creations and %llu listings refused, %llu trims asked for\n"
        "  %llu submissions, longest wait %llu ms, of the smallest %llu ms; %llu pages looked at, %llu MiB paged in, "
        "%llu MiB out\n"
        "  %llu offers discarded, %llu decommitted; %llu false hints, %llu calls failed by a rule, %llu without "
        "memory, %llu devices anew; at most %.1f times the first segment listed\n",
        SUM(created), SUM(destroyed), SUM(refused), SUM(over_budget), (unsigned long long)atomic_load(&world.trims),
        SUM(submitted), (unsigned long long)longest_ns / 1000000,
        (unsigned long long)world.worker[0].longest_ns / 1000000, SUM(looked), (unsigned long long)in_bytes >> 20,
        (unsigned long long)out_bytes >> 20, SUM(discarded), SUM(decommitted), SUM(lied), SUM(injected), SUM(starved),
        SUM(rebirths), (double)world.most_listed_bytes / (double)world.adapter->caps.segments[0].size_bytes);
    CHECK(sum(offsetof(struct worker, created)) && sum(offsetof(struct worker, submitted)));
}

/* ---- the command line ---- */

static const char *read_options(int count, char **arguments)
{
    static const struct option options[] = {
        {"seed", required_argument, NULL, 's'},       {"steps", required_argument, NULL, 'n'},
        {"threads", required_argument, NULL, 't'},    {"processes", required_argument, NULL, 'p'},
        {"over", required_argument, NULL, 'o'},       {"check-every", required_argument, NULL, 'c'},
        {"loss-every", required_argument, NULL, 'l'}, {"patience", required_argument, NULL, 'w'},
        {"profile", required_argument, NULL, 'a'},    {0},
    };
    const char *profile = "soft-discrete";
    int option;
    world.seed = (uint64_t)time(NULL);
    while ((option = getopt_long(count, arguments, "", options, NULL)) != -1) {
        uint64_t value = optarg ? strtoull(optarg, NULL, 0) : 0;
        if (option == 's') world.seed = value;
        if (option == 'n') world.steps = value;
        if (option == 't') world.workers = (unsigned)value;
        if (option == 'p') world.processes = (unsigned)value;
        if (option == 'o') world.over = strtod(optarg, NULL);
        if (option == 'c') world.check_every = value;
        if (option == 'l') world.loss_every = value;
        if (option == 'w') world.patience_s = (unsigned)value;
        if (option == 'a') profile = optarg;
        if (option == '?') exit(2);
    }
    if (!world.workers || world.workers > MAX_WORKERS || !world.processes || world.processes > world.workers) exit(2);
    if (!world.check_every || !(world.over > 0)) exit(2);
    return profile;
}

int main(int count, char **arguments)
{
    const char *profile = read_options(count, arguments);
    printf("property: seed %llu, %llu steps, %u threads, %u processes, over-commit by %g, %s\n",
           (unsigned long long)world.seed, (unsigned long long)world.steps, world.workers, world.processes, world.over,
           profile);
    fflush(stdout);
    open_world(profile);
    run();
    report();
    close_world();
    return 0;
}
