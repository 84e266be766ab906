/* SPDX-License-Identifier: MIT */
/*
 * Engines. Invariants: run_mask says which queues are not empty; a lane on a queue is RUNNABLE; executing is not NULL
 * exactly while the worker that is not abandoned is inside the miniport. Lock: NODE, never while a packet runs.
 */
#include "core/engine.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "base/os.h"
#include "core/lane.h"
#include "core/watchdog.h"

struct udxg_engine_worker {
    struct udxg_engine *engine; /* constant */
    pthread_t thread;           /* NODE; written before the thread can read it */
};

/* ---- the run queues ---- */

static int level_of(const struct udxg_lane *lane) UDXG_REQUIRES(NODE)
{
    return lane->priority - UDXG_PRIORITY_MIN;
}

/* Where LANE goes among those of its priority: to the end, but before one that its own process ranks lower. */
static struct udxg_list *place_of(struct udxg_list *queue, const struct udxg_lane *lane) UDXG_REQUIRES(NODE)
{
    udxg_list_for_each(link, queue)
    {
        const struct udxg_lane *other = udxg_container_of(link, struct udxg_lane, run);
        if (other->child.device->process == lane->child.device->process &&
            other->in_process_priority < lane->in_process_priority)
            return link;
    }
    return queue;
}

void udxg_engine_enqueue_locked(struct udxg_engine *engine, struct udxg_lane *lane)
{
    int level = level_of(lane);
    struct udxg_list *queue = &engine->run[level];

    udxg_list_insert_before(engine->uneven ? place_of(queue, lane) : queue, &lane->run);
    engine->run_mask |= 1u << level;
    pthread_cond_signal(&engine->work);
}

void udxg_engine_dequeue_locked(struct udxg_engine *engine, struct udxg_lane *lane)
{
    int level = level_of(lane);

    udxg_list_remove(&lane->run);
    if (udxg_list_empty(&engine->run[level])) engine->run_mask &= ~(1u << level);
}

/* ---- the worker ---- */

/* The next lane to run, with the lock held; NULL when the engine is to stop. */
static struct udxg_lane *next_locked(struct udxg_engine *engine) UDXG_REQUIRES(NODE)
{
    while (!engine->run_mask && !engine->stop) pthread_cond_wait(&engine->work, &engine->lock.mutex);
    if (engine->stop) return NULL;
    int level = 31 - __builtin_clz(engine->run_mask);
    return udxg_container_of(udxg_list_first(&engine->run[level]), struct udxg_lane, run);
}

static struct udxg_lane *next(struct udxg_engine *engine)
{
    struct udxg_lane *lane;

    udxg_lock(NODE, &engine->lock);
    lane = next_locked(engine);
    if (lane) udxg_lane_begin_locked(lane);
    udxg_unlock(NODE, &engine->lock);
    return lane;
}

/* The last that an abandoned worker does. */
static void desert(struct udxg_engine *engine)
{
    udxg_lock(NODE, &engine->lock);
    if (--engine->deserters == 0) pthread_cond_broadcast(&engine->deserted);
    udxg_unlock(NODE, &engine->lock);
}

static void *worker_main(void *argument)
{
    struct udxg_engine_worker *worker = argument;
    struct udxg_engine *engine = worker->engine;
    struct udxg_lane *lane;

    while ((lane = next(engine))) {
        if (udxg_lane_run(lane)) continue;
        free(worker);
        desert(engine);
        return NULL;
    }
    return NULL; /* the joiner frees the worker */
}

static struct udxg_engine_worker *start_locked(struct udxg_engine *engine) UDXG_REQUIRES(NODE)
{
    struct udxg_engine_worker *worker = malloc(sizeof *worker);

    if (!worker) return NULL;
    worker->engine = engine;
    if (udxg_os_thread_create(&worker->thread, "udxg-engine", worker_main, worker)) return worker;
    free(worker);
    return NULL;
}

udxg_status udxg_engine_start(struct udxg_engine *engine)
{
    bool started;

    udxg_lock(NODE, &engine->lock);
    if (!engine->worker) engine->worker = start_locked(engine);
    started = engine->worker != NULL;
    udxg_unlock(NODE, &engine->lock);
    return started ? STATUS_SUCCESS : STATUS_NO_MEMORY;
}

/* ---- what executes ---- */

void udxg_engine_begin(struct udxg_engine *engine, struct udxg_packet *packet, bool watched)
{
    udxg_lock(NODE, &engine->lock);
    engine->executing = packet;
    atomic_fetch_add(&engine->serial, 1);
    udxg_unlock(NODE, &engine->lock);
    if (!watched) return;
    atomic_store(&engine->since_ns, udxg_os_now_ns());
    udxg_watchdog_arm(&engine->adapter->watchdog);
}

bool udxg_engine_end(struct udxg_engine *engine, struct udxg_packet *packet)
{
    bool ours;

    udxg_lock(NODE, &engine->lock);
    ours = engine->executing == packet;
    if (ours) {
        engine->executing = NULL;
        atomic_store(&engine->since_ns, 0);
    }
    udxg_unlock(NODE, &engine->lock);
    return ours;
}

void udxg_engine_watch_locked(struct udxg_engine *engine, const struct udxg_lane *lane)
{
    if (!lane->no_timeout || lane->state != UDXG_LANE_RUNNING || !engine->executing) return;
    if (atomic_load(&engine->since_ns)) return;
    atomic_store(&engine->since_ns, udxg_os_now_ns());
    udxg_watchdog_arm(&engine->adapter->watchdog);
}

struct udxg_packet *udxg_engine_abandon(struct udxg_engine *engine, uint64_t serial)
{
    struct udxg_packet *packet = NULL;

    udxg_lock(NODE, &engine->lock);
    if (engine->executing && atomic_load(&engine->serial) == serial) {
        packet = engine->executing;
        udxg_packet_hold(packet);
        pthread_detach(engine->worker->thread);
        engine->worker = NULL; /* its thread frees it */
        engine->deserters++;
        engine->executing = NULL;
        atomic_store(&engine->since_ns, 0);
    }
    udxg_unlock(NODE, &engine->lock);
    return packet;
}

/* ---- life ---- */

void udxg_engine_init(struct udxg_engine *engine, struct udxg_adapter *adapter, uint32_t node) UDXG_NO_TSA
{
    pthread_condattr_t monotonic;

    engine->adapter = adapter;
    engine->node = node;
    udxg_mutex_init_NODE(&engine->lock);
    pthread_cond_init(&engine->work, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&engine->deserted, &monotonic);
    pthread_condattr_destroy(&monotonic);
    for (int i = 0; i < UDXG_PRIORITY_COUNT; i++) udxg_list_init(&engine->run[i]);
}

/* Whether all abandoned workers are out of the miniport by DEADLINE_NS. */
static bool wait_for_deserters_locked(struct udxg_engine *engine, uint64_t deadline_ns) UDXG_REQUIRES(NODE)
{
    struct timespec deadline = {.tv_sec = (time_t)(deadline_ns / 1000000000u),
                                .tv_nsec = (long)(deadline_ns % 1000000000u)};

    while (engine->deserters)
        if (pthread_cond_timedwait(&engine->deserted, &engine->lock.mutex, &deadline) == ETIMEDOUT) break;
    return !engine->deserters;
}

bool udxg_engine_fini(struct udxg_engine *engine, uint64_t grace_ns)
{
    struct udxg_engine_worker *worker;
    bool alone;

    udxg_lock(NODE, &engine->lock);
    engine->stop = true;
    worker = engine->worker;
    pthread_cond_signal(&engine->work);
    udxg_unlock(NODE, &engine->lock);
    if (worker) pthread_join(worker->thread, NULL);
    free(worker);
    udxg_lock(NODE, &engine->lock);
    alone = wait_for_deserters_locked(engine, udxg_os_now_ns() + grace_ns);
    udxg_unlock(NODE, &engine->lock);
    if (!alone) return false;
    pthread_cond_destroy(&engine->deserted);
    pthread_cond_destroy(&engine->work);
    udxg_mutex_fini_NODE(&engine->lock);
    return true;
}
