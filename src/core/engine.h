/* SPDX-License-Identifier: MIT */
/*
 * An engine: the thread that executes one node's packets, one at a time, from whichever context has the
 * highest priority; contexts of one priority take turns, a packet each. The thread starts with the first
 * context of the node and stays: parked, it costs nothing, and a client may call us while it dies.
 */
#ifndef UDXG_CORE_ENGINE_H
#define UDXG_CORE_ENGINE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/lock.h"
#include "base/status.h"

struct udxg_adapter;
struct udxg_context;

#define UDXG_PRIORITY_MIN (-7)
#define UDXG_PRIORITY_MAX 7
#define UDXG_PRIORITY_COUNT (UDXG_PRIORITY_MAX - UDXG_PRIORITY_MIN + 1)

struct udxg_engine {
    uint32_t node; /* constant */
    struct udxg_mutex_NODE lock;
    pthread_cond_t work; /* with lock: a context became runnable, or stop */
    pthread_t thread UDXG_GUARDED_BY(NODE);
    bool started UDXG_GUARDED_BY(NODE), stop UDXG_GUARDED_BY(NODE);
    struct udxg_list run[UDXG_PRIORITY_COUNT] UDXG_GUARDED_BY(NODE); /* runnable contexts */
    uint32_t run_mask UDXG_GUARDED_BY(NODE);                         /* bit i: run[i] is not empty */
};

void udxg_engine_init(struct udxg_engine *engine, uint32_t node);
/* Ends the thread; no context may be left. */
void udxg_engine_fini(struct udxg_engine *engine);
/* Starts the thread unless it runs. STATUS_NO_MEMORY when the system gives none. */
udxg_status udxg_engine_start(struct udxg_engine *engine) UDXG_MUST_CHECK;

/* Puts a context at the end of its priority's queue, takes it off. */
void udxg_engine_enqueue_locked(struct udxg_engine *engine, struct udxg_context *context) UDXG_REQUIRES(NODE);
void udxg_engine_dequeue_locked(struct udxg_engine *engine, struct udxg_context *context) UDXG_REQUIRES(NODE);

#endif
