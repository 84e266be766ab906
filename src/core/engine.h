/* SPDX-License-Identifier: MIT */
/*
 * An engine: what executes one node's packets, one at a time, from whichever lane has the highest priority; lanes of
 * one priority take turns, a packet each, and of those that belong to one process the one with the highest
 * in-process priority goes first. A packet is never interrupted for another: preemption is between packets.
 *
 * Its worker is a thread that starts with the first context of the node and stays: parked, it costs nothing, and a
 * client may call us while it dies. A worker whose packet does not come back can be abandoned: the thread keeps what
 * the packet refers to, ends when the miniport lets it, and a new worker takes its place. What executes, and since
 * when, is what the watchdog (core/watchdog.h) looks at.
 */
#ifndef UDXG_CORE_ENGINE_H
#define UDXG_CORE_ENGINE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/lock.h"
#include "base/status.h"
#include "core/node_stats.h"

struct udxg_adapter;
struct udxg_engine_worker;
struct udxg_lane;
struct udxg_packet;

#define UDXG_PRIORITY_MIN (-7)
#define UDXG_PRIORITY_MAX 7
#define UDXG_PRIORITY_COUNT (UDXG_PRIORITY_MAX - UDXG_PRIORITY_MIN + 1)

struct udxg_engine {
    struct udxg_adapter *adapter; /* constant */
    uint32_t node;                /* constant */
    struct udxg_mutex_NODE lock;
    pthread_cond_t work;                                     /* with lock: a lane became runnable, or stop */
    pthread_cond_t deserted;                                 /* with lock: deserters fell to 0 */
    struct udxg_engine_worker *worker UDXG_GUARDED_BY(NODE); /* NULL: none was started, or it was abandoned */
    uint32_t deserters UDXG_GUARDED_BY(NODE);                /* abandoned workers whose packets have not come back */
    bool stop UDXG_GUARDED_BY(NODE);
    bool uneven UDXG_GUARDED_BY(NODE);                               /* some lane has, or had, an in-process priority */
    struct udxg_list run[UDXG_PRIORITY_COUNT] UDXG_GUARDED_BY(NODE); /* runnable lanes */
    uint32_t run_mask UDXG_GUARDED_BY(NODE);                         /* bit i: run[i] is not empty */
    struct udxg_packet *executing UDXG_GUARDED_BY(NODE);             /* what the miniport has */
    _Atomic uint64_t serial;   /* of the packet that executes; written before since_ns */
    _Atomic uint64_t since_ns; /* when it began; 0: nothing executes, or nothing that is watched */
    uint64_t told_serial;      /* the watchdog's own: the packet that was told to stop */
    uint64_t told_ns;          /* the same: when */
    struct udxg_node_stats stats UDXG_GUARDED_BY(NODE);
    const struct udxg_lane *picked_last UDXG_GUARDED_BY(NODE); /* only to be compared: it may be gone */
};

void udxg_engine_init(struct udxg_engine *engine, struct udxg_adapter *adapter, uint32_t node);
/*
 * Ends the worker; no context may be left. False when an abandoned worker is still inside the miniport after
 * GRACE_NS: then the engine, and what its packets use, has to stay.
 */
bool udxg_engine_fini(struct udxg_engine *engine, uint64_t grace_ns) UDXG_MUST_CHECK;
/* Starts a worker unless there is one. STATUS_NO_MEMORY when the system gives none. */
udxg_status udxg_engine_start(struct udxg_engine *engine) UDXG_MUST_CHECK;

/* Puts a lane into its priority's queue, takes it off. */
void udxg_engine_enqueue_locked(struct udxg_engine *engine, struct udxg_lane *lane) UDXG_REQUIRES(NODE);
void udxg_engine_dequeue_locked(struct udxg_engine *engine, struct udxg_lane *lane) UDXG_REQUIRES(NODE);

/* The miniport gets PACKET now, and the watchdog watches it if it is to be WATCHED. */
void udxg_engine_begin(struct udxg_engine *engine, struct udxg_packet *packet, bool watched);
/* It has come back. False when it was taken from this thread meanwhile. */
bool udxg_engine_end(struct udxg_engine *engine, struct udxg_packet *packet) UDXG_MUST_CHECK;
/* A packet of LANE that is not watched was told to stop: from now on it is. */
void udxg_engine_watch_locked(struct udxg_engine *engine, const struct udxg_lane *lane) UDXG_REQUIRES(NODE);
/*
 * Takes the packet with that serial number from its worker, which is abandoned; the caller ends the packet with
 * udxg_lane_give_up(). NULL when it has come back by now.
 */
struct udxg_packet *udxg_engine_abandon(struct udxg_engine *engine, uint64_t serial);

#endif
