/* SPDX-License-Identifier: MIT */
/* One who registered, and remembers what he was told. */
#ifndef UDXG_TESTS_VIDMM_LISTENER_H
#define UDXG_TESTS_VIDMM_LISTENER_H

#include "vidmm_fixture.h"

#include <sched.h>

#include "vidmm/adapter.h"

#define TRIMS (VIDMM_NOTICE_PERIODIC | VIDMM_NOTICE_RESTART | VIDMM_NOTICE_TRIM)

struct ear {
    struct vidmm_registration registration;
    pthread_mutex_t mutex;
    unsigned trims, periodics, restarts, budgets; /* how often it heard of each */
    uint64_t trim_bytes, budget_bytes;            /* the last of them */
};

static inline void ear_hears(const struct vidmm_listener *listener, const struct vidmm_notice *notice)
{
    struct ear *ear = listener->context;
    pthread_mutex_lock(&ear->mutex);
    ear->trims += (notice->flags & VIDMM_NOTICE_TRIM) != 0;
    ear->periodics += (notice->flags & VIDMM_NOTICE_PERIODIC) != 0;
    ear->restarts += (notice->flags & VIDMM_NOTICE_RESTART) != 0;
    ear->budgets += (notice->flags & VIDMM_NOTICE_BUDGET) != 0;
    if (notice->flags & VIDMM_NOTICE_TRIM) ear->trim_bytes = notice->trim_bytes;
    if (notice->flags & VIDMM_NOTICE_BUDGET) ear->budget_bytes = notice->budget_bytes;
    pthread_mutex_unlock(&ear->mutex);
}

static inline void ear_open(struct ear *ear, struct world *world, uint32_t wanted)
{
    struct vidmm_listener listener = {.notify = ear_hears, .context = ear};
    memset(ear, 0, sizeof *ear);
    pthread_mutex_init(&ear->mutex, NULL);
    assert_int_equal(vidmm_register(&ear->registration, &world->device, wanted, &listener), STATUS_SUCCESS);
}

static inline void ear_close(struct ear *ear)
{
    vidmm_unregister(&ear->registration, true);
    pthread_mutex_destroy(&ear->mutex);
}

static inline unsigned ear_count(struct ear *ear, const unsigned *what)
{
    pthread_mutex_lock(&ear->mutex);
    unsigned count = *what;
    pthread_mutex_unlock(&ear->mutex);
    return count;
}

/* Until all that there is to tell has been told. */
static inline void ears_settle(const struct world *world)
{
    struct vidmm_adapter *adapter = world->adapter;
    for (bool quiet = false; !quiet; sched_yield()) {
        udxg_lock(VIDMM, &adapter->lock);
        quiet = udxg_list_empty(&adapter->notifier.due) && !adapter->notifier.current_device;
        udxg_unlock(VIDMM, &adapter->lock);
    }
}

#endif
