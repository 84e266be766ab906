/* SPDX-License-Identifier: MIT */
/*
 * How an adapter goes and comes back. Whoever makes an era over ends it: fails its devices, of whatever process,
 * purges video memory, and only then may the next era begin, so that nothing of it is touched. Lock: ADAPTER, never
 * while a device fails or memory is purged.
 */
#include "core/era.h"

#include <stdlib.h>

#include "core/device.h"

bool udxg_adapter_is_stopped(const struct udxg_adapter *adapter)
{
    return udxg_era_is_over(atomic_load(&adapter->era));
}

/* ---- devices ---- */

udxg_status udxg_adapter_add_device(struct udxg_era *era, struct udxg_device *device)
{
    bool over;

    device->era = era;
    udxg_lock(ADAPTER, &era->adapter->lock);
    over = udxg_era_is_over(era);
    if (!over) udxg_list_append(&era->adapter->devices, &device->link);
    udxg_unlock(ADAPTER, &era->adapter->lock);
    return over ? STATUS_DEVICE_REMOVED : STATUS_SUCCESS;
}

void udxg_adapter_remove_device(struct udxg_device *device)
{
    udxg_lock(ADAPTER, &device->adapter->lock);
    udxg_list_remove(&device->link);
    udxg_unlock(ADAPTER, &device->adapter->lock);
}

/* The first device of ERA behind AFTER, or of all, that its end has not reached, referenced; NULL when there is none.
 */
static struct udxg_device *next_device(const struct udxg_era *era, struct udxg_device *after)
{
    struct udxg_device *next = NULL;
    struct udxg_list *devices = &era->adapter->devices, *link;

    udxg_lock(ADAPTER, &era->adapter->lock);
    for (link = after ? after->link.next : devices->next; link != devices && !next; link = link->next) {
        struct udxg_device *device = udxg_container_of(link, struct udxg_device, link);
        if (device->era != era || device->removed || !udxg_device_try_ref(device)) continue;
        device->removed = true;
        next = device;
    }
    udxg_unlock(ADAPTER, &era->adapter->lock);
    return next;
}

/* The era is over, so none is added; the one whose turn it is stays on the list while it is referenced. */
static void fail_devices(const struct udxg_era *era, D3DKMT_DEVICEEXECUTION_STATE state)
{
    struct udxg_device *device = next_device(era, NULL);

    while (device) {
        struct udxg_device *next;
        udxg_device_fail(device, state, NULL);
        next = next_device(era, device);
        udxg_device_unref(device);
        device = next;
    }
}

/* ---- eras ---- */

/* Begins the next era; STATUS_NO_MEMORY leaves the adapter as it is. */
static udxg_status next_era_locked(struct udxg_adapter *adapter) UDXG_REQUIRES(ADAPTER)
{
    struct udxg_era *era = calloc(1, sizeof *era);

    if (!era) return STATUS_NO_MEMORY;
    era->adapter = adapter;
    era->before = atomic_load(&adapter->era);
    atomic_store(&adapter->era, era);
    return STATUS_SUCCESS;
}

/* Makes the present era over; NULL when it was. With STOP no other follows. */
static struct udxg_era *end_era_locked(struct udxg_adapter *adapter, bool stop) UDXG_REQUIRES(ADAPTER)
{
    struct udxg_era *era = atomic_load(&adapter->era);

    if (stop) adapter->stopped = true;
    return atomic_exchange(&era->over, true) ? NULL : era;
}

static void end_era(struct udxg_adapter *adapter, D3DKMT_DEVICEEXECUTION_STATE state, bool stop)
{
    struct udxg_era *era;

    udxg_lock(ADAPTER, &adapter->lock);
    era = end_era_locked(adapter, stop);
    udxg_unlock(ADAPTER, &adapter->lock);
    if (!era) return;
    fail_devices(era, state);
    vidmm_adapter_purge(adapter->vidmm);
    udxg_lock(ADAPTER, &adapter->lock);
    era->ended = true;
    /* Without memory for another era it stays as it is: somebody can start it later. */
    if (!adapter->stopped && udxg_failed(next_era_locked(adapter))) adapter->stopped = true;
    pthread_cond_broadcast(&adapter->changed);
    udxg_unlock(ADAPTER, &adapter->lock);
}

void udxg_adapter_stop(struct udxg_adapter *adapter)
{
    end_era(adapter, D3DKMT_DEVICEEXECUTION_STOPPED, true);
}

void udxg_adapter_reset(struct udxg_adapter *adapter, bool recover)
{
    end_era(adapter, D3DKMT_DEVICEEXECUTION_RESET, !recover);
}

udxg_status udxg_adapter_start(struct udxg_adapter *adapter)
{
    udxg_status status = STATUS_SUCCESS;
    struct udxg_era *era;

    udxg_lock(ADAPTER, &adapter->lock);
    /* One that is just ending has to end first. */
    for (era = atomic_load(&adapter->era); era && udxg_era_is_over(era) && !era->ended;
         era = atomic_load(&adapter->era))
        pthread_cond_wait(&adapter->changed, &adapter->lock.mutex);
    if (!era || udxg_era_is_over(era)) status = next_era_locked(adapter);
    if (!udxg_failed(status)) adapter->stopped = false;
    udxg_unlock(ADAPTER, &adapter->lock);
    return status;
}

void udxg_adapter_eras_init(struct udxg_adapter *adapter) UDXG_NO_TSA
{
    udxg_mutex_init_ADAPTER(&adapter->lock);
    pthread_cond_init(&adapter->changed, NULL);
    udxg_list_init(&adapter->devices);
    udxg_watchdog_init(&adapter->watchdog, adapter);
}

void udxg_adapter_eras_fini(struct udxg_adapter *adapter)
{
    struct udxg_era *era = atomic_load(&adapter->era);

    while (era) {
        struct udxg_era *before = era->before;
        free(era);
        era = before;
    }
    pthread_cond_destroy(&adapter->changed);
    udxg_mutex_fini_ADAPTER(&adapter->lock);
}
