/* SPDX-License-Identifier: MIT */
/*
 * An adapter: a profile brought to life by its miniport, with its memory manager and its engines. It lives as
 * long as the kernel does, so a handle to it needs no reference.
 *
 * Its life has eras. A handle of the adapter and a device are of the era in which they were opened and created, and
 * when that is over they say STATUS_DEVICE_REMOVED for good: an adapter that came back has to be opened anew.
 *
 *   PRESENT --udxg_adapter_reset()--> ENDING --devices failed, memory purged--> PRESENT, in the next era
 *      |                                |'--- too many resets, or stopped meanwhile ---.
 *      '------udxg_adapter_stop()-------'------------------------------------------> STOPPED
 *   STOPPED --udxg_adapter_start()--> PRESENT, in the next era
 */
#ifndef UDXG_CORE_ADAPTER_H
#define UDXG_CORE_ADAPTER_H

#include <stdatomic.h>
#include <stdbool.h>

#include <udxg/miniport.h>

#include "base/list.h"
#include "base/status.h"
#include "core/update.h"
#include "core/watchdog.h"

struct udxg_device;
struct udxg_engine;
struct udxg_inject;
struct udxg_kernel;
struct udxg_process;
struct vidmm_adapter;

/* What a handle of an adapter stands for. Eras stay as long as the adapter. */
struct udxg_era {
    struct udxg_adapter *adapter;        /* constant */
    struct udxg_era *before;             /* constant; NULL for the first */
    atomic_bool over;                    /* surprise removal or reset: STATUS_DEVICE_REMOVED from here on */
    bool ended UDXG_GUARDED_BY(ADAPTER); /* over, and all that follows from it is done */
};

struct udxg_adapter {
    uint32_t index; /* in the kernel's list; constant, like all the rest down to the lock */
    LUID luid;
    struct udxg_adapter_caps caps;
    const struct udxg_miniport *miniport;
    void *mp_adapter;
    struct vidmm_adapter *vidmm;
    struct udxg_engine *engines; /* caps.node_count of them */
    struct udxg_updater updater; /* locks for itself */
    struct udxg_inject *inject;  /* the kernel's */
    struct udxg_mutex_ADAPTER lock;
    pthread_cond_t changed;                            /* with lock: an era has ended */
    _Atomic(struct udxg_era *) era;                    /* the last one; written with lock */
    bool stopped UDXG_GUARDED_BY(ADAPTER);             /* no era follows by itself */
    struct udxg_list devices UDXG_GUARDED_BY(ADAPTER); /* of all processes and eras */
    struct udxg_watchdog watchdog;                     /* locks for itself */
};

/* CAPS names one of MINIPORTS, which NULL ends. */
udxg_status udxg_adapter_create(const struct udxg_adapter_caps *caps, const struct udxg_miniport *const *miniports,
                                uint32_t index, struct udxg_inject *inject,
                                struct udxg_adapter **ret_adapter) UDXG_MUST_CHECK;
/* Takes NULL. False when it has to stay, because a worker is still inside its miniport. */
bool udxg_adapter_destroy(struct udxg_adapter *adapter);

/* The adapter behind a handle. STATUS_INVALID_PARAMETER, STATUS_DEVICE_REMOVED. Needs no put: adapters stay. */
udxg_status udxg_adapter_get(struct udxg_process *process, uint32_t handle,
                             struct udxg_adapter **ret_adapter) UDXG_MUST_CHECK;
/* The same, and which of its eras the handle is of. */
udxg_status udxg_era_get(struct udxg_process *process, uint32_t handle, struct udxg_era **ret_era) UDXG_MUST_CHECK;

/* The adapter with that LUID, or NULL. */
struct udxg_adapter *udxg_kernel_find_adapter(const struct udxg_kernel *kernel, LUID luid);

/* A client's process handle: NULL and the pseudo handle (HANDLE)-1 are the caller; STATUS_INVALID_HANDLE for others. */
udxg_status udxg_check_process_handle(HANDLE handle) UDXG_MUST_CHECK;

/* Whether the present era is over: whoever opens the adapter now will be told that it was removed. */
bool udxg_adapter_is_stopped(const struct udxg_adapter *adapter);
static inline bool udxg_era_is_over(const struct udxg_era *era)
{
    return atomic_load_explicit(&era->over, memory_order_acquire);
}

/*
 * Surprise removal: the era is over until somebody starts the adapter, every device of every process is STOPPED, and
 * video memory loses its contents. Waits for copies of the memory manager, not for engines.
 */
void udxg_adapter_stop(struct udxg_adapter *adapter);
/* The adapter is there again, in a new era; nothing happens where it is. STATUS_NO_MEMORY. */
udxg_status udxg_adapter_start(struct udxg_adapter *adapter) UDXG_MUST_CHECK;
/* The same as a stop and, with RECOVER, a start, but that devices are RESET: what the watchdog does. */
void udxg_adapter_reset(struct udxg_adapter *adapter, bool recover);

/* Puts a device of ERA on the adapter's list. STATUS_DEVICE_REMOVED when that era is over. */
udxg_status udxg_adapter_add_device(struct udxg_era *era, struct udxg_device *device) UDXG_MUST_CHECK;
void udxg_adapter_remove_device(struct udxg_device *device);

#endif
