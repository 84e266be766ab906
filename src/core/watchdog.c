/* SPDX-License-Identifier: MIT */
/*
 * The watchdog; the rules stand in the header. Invariant: when armed is false, no engine has a watched packet, or
 * whoever began it is about to arm us: the engine writes since_ns and then reads armed, we write armed and then read
 * since_ns. Lock: WATCHDOG, never while anything is done about a packet. The thread's own fields need none.
 */
#include "core/watchdog.h"

#include <time.h>

#include "base/os.h"
#include "core/adapter.h"
#include "core/device.h"
#include "core/lane.h"

#define NS_PER_MS UINT64_C(1000000)
#define MINUTE_NS UINT64_C(60000000000)

static uint64_t sooner(uint64_t a_ns, uint64_t b_ns)
{
    if (!a_ns || !b_ns) return a_ns ? a_ns : b_ns;
    return a_ns < b_ns ? a_ns : b_ns;
}

/* ---- what is done about a packet ---- */

/* The device whose packet executes, referenced; NULL when that packet has come back. */
static struct udxg_device *device_of(struct udxg_engine *engine, uint64_t serial)
{
    struct udxg_device *device = NULL;

    udxg_lock(NODE, &engine->lock);
    if (engine->executing && atomic_load(&engine->serial) == serial) {
        device = udxg_packet_device(engine->executing);
        atomic_fetch_add(&device->refs, 1); /* the packet has one: there is one to add to */
    }
    udxg_unlock(NODE, &engine->lock);
    return device;
}

static void reset_engine(struct udxg_engine *engine, uint64_t serial)
{
    const struct udxg_adapter *adapter = engine->adapter;
    struct udxg_device *device = device_of(engine, serial);

    if (!device) return;
    atomic_fetch_add(&engine->adapter->watchdog.timeouts, 1);
    udxg_device_fail(device, D3DKMT_DEVICEEXECUTION_HUNG, NULL);
    if (adapter->miniport->reset_engine) (void)adapter->miniport->reset_engine(adapter->mp_adapter, engine->node);
    udxg_device_unref(device);
}

/* Notes a reset; false when there are too many. */
static bool may_recover(struct udxg_watchdog *watchdog, uint64_t now_ns)
{
    uint64_t *oldest = &watchdog->resets_ns[watchdog->reset_count % UDXG_WATCHDOG_RESETS];
    bool many = watchdog->reset_count >= UDXG_WATCHDOG_RESETS && now_ns - *oldest < MINUTE_NS;

    *oldest = now_ns;
    watchdog->reset_count++;
    return !many;
}

static void reset_adapter(struct udxg_engine *engine, uint64_t serial, uint64_t now_ns)
{
    struct udxg_adapter *adapter = engine->adapter;
    struct udxg_packet *packet = udxg_engine_abandon(engine, serial);

    if (!packet) return;
    udxg_adapter_reset(adapter, may_recover(&adapter->watchdog, now_ns));
    udxg_lane_give_up(packet);
}

/* Does what is due about one engine; when it is to be looked at again, 0 when it executes nothing that is watched. */
static uint64_t look_at(struct udxg_engine *engine, uint64_t now_ns)
{
    const struct udxg_adapter_caps *caps = &engine->adapter->caps;
    uint64_t serial = atomic_load(&engine->serial), since_ns = atomic_load(&engine->since_ns), deadline_ns;

    if (!since_ns) return 0;
    if (atomic_load(&engine->serial) != serial) return now_ns + caps->tdr_delay_ms * NS_PER_MS; /* it has just begun */
    deadline_ns = since_ns + caps->tdr_delay_ms * NS_PER_MS;
    if (engine->told_serial != serial) {
        if (now_ns < deadline_ns) return deadline_ns;
        engine->told_serial = serial;
        engine->told_ns = now_ns;
        reset_engine(engine, serial);
    }
    deadline_ns = engine->told_ns + caps->tdr_reset_delay_ms * NS_PER_MS;
    /* Not later than the limit of what another engine begins meanwhile: it finds us armed, and wakes nobody. */
    if (now_ns < deadline_ns) return sooner(deadline_ns, now_ns + caps->tdr_delay_ms * NS_PER_MS);
    reset_adapter(engine, serial, now_ns);
    return 0;
}

static uint64_t look_at_all(struct udxg_adapter *adapter)
{
    uint64_t next_ns = 0;

    for (uint32_t i = 0; i < adapter->caps.node_count; i++)
        next_ns = sooner(next_ns, look_at(&adapter->engines[i], udxg_os_now_ns()));
    return next_ns;
}

static bool is_busy(const struct udxg_adapter *adapter)
{
    for (uint32_t i = 0; i < adapter->caps.node_count; i++)
        if (atomic_load(&adapter->engines[i].since_ns)) return true;
    return false;
}

/* ---- the thread ---- */

static void sleep_locked(struct udxg_watchdog *watchdog, uint64_t until_ns) UDXG_REQUIRES(WATCHDOG)
{
    struct timespec until = {.tv_sec = (time_t)(until_ns / 1000000000u), .tv_nsec = (long)(until_ns % 1000000000u)};

    if (until_ns)
        pthread_cond_timedwait(&watchdog->wake, &watchdog->lock.mutex, &until);
    else
        pthread_cond_wait(&watchdog->wake, &watchdog->lock.mutex);
}

/* Sleeps until NEXT_NS, 0: until it is armed. False when the thread is to end; *ret_remove: the adapter's time is up.
 */
static bool rest(struct udxg_watchdog *watchdog, uint64_t next_ns, bool *ret_remove)
{
    bool stop;

    udxg_lock(WATCHDOG, &watchdog->lock);
    if (!next_ns) {
        atomic_store(&watchdog->armed, false);
        if (is_busy(watchdog->adapter)) atomic_store(&watchdog->armed, true);
    }
    if (!watchdog->stop && (next_ns || !atomic_load(&watchdog->armed)))
        sleep_locked(watchdog, sooner(next_ns, watchdog->remove_ns));
    atomic_store(&watchdog->armed, true);
    *ret_remove = watchdog->remove_ns && watchdog->remove_ns <= udxg_os_now_ns();
    if (*ret_remove) watchdog->remove_ns = 0;
    stop = watchdog->stop;
    udxg_unlock(WATCHDOG, &watchdog->lock);
    return !stop;
}

static void *watchdog_main(void *argument)
{
    struct udxg_watchdog *watchdog = argument;
    bool remove;

    while (rest(watchdog, look_at_all(watchdog->adapter), &remove))
        if (remove) udxg_adapter_stop(watchdog->adapter);
    return NULL;
}

udxg_status udxg_watchdog_start(struct udxg_watchdog *watchdog)
{
    bool started;

    udxg_lock(WATCHDOG, &watchdog->lock);
    if (!watchdog->started) {
        atomic_store(&watchdog->armed, true); /* it looks before it sleeps */
        watchdog->started = udxg_os_thread_create(&watchdog->thread, "udxg-watchdog", watchdog_main, watchdog);
    }
    started = watchdog->started;
    udxg_unlock(WATCHDOG, &watchdog->lock);
    return started ? STATUS_SUCCESS : STATUS_NO_MEMORY;
}

void udxg_watchdog_wake(struct udxg_watchdog *watchdog)
{
    udxg_lock(WATCHDOG, &watchdog->lock);
    atomic_store(&watchdog->armed, true);
    pthread_cond_signal(&watchdog->wake);
    udxg_unlock(WATCHDOG, &watchdog->lock);
}

udxg_status udxg_watchdog_remove_at(struct udxg_watchdog *watchdog, uint64_t at_ns)
{
    udxg_status status = at_ns ? udxg_watchdog_start(watchdog) : STATUS_SUCCESS;

    if (udxg_failed(status)) return status;
    udxg_lock(WATCHDOG, &watchdog->lock);
    watchdog->remove_ns = at_ns;
    pthread_cond_signal(&watchdog->wake);
    udxg_unlock(WATCHDOG, &watchdog->lock);
    return STATUS_SUCCESS;
}

void udxg_watchdog_init(struct udxg_watchdog *watchdog, struct udxg_adapter *adapter) UDXG_NO_TSA
{
    pthread_condattr_t monotonic;

    watchdog->adapter = adapter;
    udxg_mutex_init_WATCHDOG(&watchdog->lock);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&watchdog->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

void udxg_watchdog_fini(struct udxg_watchdog *watchdog)
{
    pthread_t thread;
    bool started;

    udxg_lock(WATCHDOG, &watchdog->lock);
    watchdog->stop = true;
    started = watchdog->started;
    thread = watchdog->thread;
    pthread_cond_signal(&watchdog->wake);
    udxg_unlock(WATCHDOG, &watchdog->lock);
    if (started) pthread_join(thread, NULL);
    pthread_cond_destroy(&watchdog->wake);
    udxg_mutex_fini_WATCHDOG(&watchdog->lock);
}
