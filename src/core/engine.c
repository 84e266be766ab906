/* SPDX-License-Identifier: MIT */
/*
 * Engines. Invariants: run_mask says which queues are not empty; a context on a queue is RUNNABLE. Lock: NODE,
 * never while a packet runs.
 */
#include "core/engine.h"

#include "base/os.h"
#include "core/context.h"

static int level_of(const struct udxg_context *context) UDXG_REQUIRES(NODE)
{
    return context->priority - UDXG_PRIORITY_MIN;
}

void udxg_engine_enqueue_locked(struct udxg_engine *engine, struct udxg_context *context)
{
    int level = level_of(context);

    udxg_list_append(&engine->run[level], &context->run);
    engine->run_mask |= 1u << level;
    pthread_cond_signal(&engine->work);
}

void udxg_engine_dequeue_locked(struct udxg_engine *engine, struct udxg_context *context)
{
    int level = level_of(context);

    udxg_list_remove(&context->run);
    if (udxg_list_empty(&engine->run[level])) engine->run_mask &= ~(1u << level);
}

/* The next context to run, with the lock held; NULL when the engine is to stop. */
static struct udxg_context *next_locked(struct udxg_engine *engine) UDXG_REQUIRES(NODE)
{
    while (!engine->run_mask && !engine->stop) pthread_cond_wait(&engine->work, &engine->lock.mutex);
    if (engine->stop) return NULL;
    int level = 31 - __builtin_clz(engine->run_mask);
    return udxg_container_of(udxg_list_first(&engine->run[level]), struct udxg_context, run);
}

static struct udxg_context *next(struct udxg_engine *engine)
{
    struct udxg_context *context;

    udxg_lock(NODE, &engine->lock);
    context = next_locked(engine);
    if (context) udxg_context_begin_locked(context);
    udxg_unlock(NODE, &engine->lock);
    return context;
}

static void *engine_main(void *argument)
{
    struct udxg_engine *engine = argument;
    struct udxg_context *context;

    while ((context = next(engine))) udxg_context_run(context);
    return NULL;
}

void udxg_engine_init(struct udxg_engine *engine, uint32_t node) UDXG_NO_TSA
{
    engine->node = node;
    udxg_mutex_init_NODE(&engine->lock);
    pthread_cond_init(&engine->work, NULL);
    for (int i = 0; i < UDXG_PRIORITY_COUNT; i++) udxg_list_init(&engine->run[i]);
}

void udxg_engine_fini(struct udxg_engine *engine)
{
    pthread_t thread;
    bool started;

    udxg_lock(NODE, &engine->lock);
    engine->stop = true;
    started = engine->started;
    thread = engine->thread;
    pthread_cond_signal(&engine->work);
    udxg_unlock(NODE, &engine->lock);
    if (started) pthread_join(thread, NULL);
    pthread_cond_destroy(&engine->work);
    udxg_mutex_fini_NODE(&engine->lock);
}

udxg_status udxg_engine_start(struct udxg_engine *engine)
{
    udxg_status status = STATUS_SUCCESS;

    udxg_lock(NODE, &engine->lock);
    if (!engine->started) {
        engine->started = udxg_os_thread_create(&engine->thread, "udxg-engine", engine_main, engine);
        if (!engine->started) status = STATUS_NO_MEMORY;
    }
    udxg_unlock(NODE, &engine->lock);
    return status;
}
