/* SPDX-License-Identifier: MIT */
/*
 * An adapter: a profile brought to life by its miniport, with its memory manager and its engines. It lives as
 * long as the kernel does, so a handle to it needs no reference.
 */
#ifndef UDXG_CORE_ADAPTER_H
#define UDXG_CORE_ADAPTER_H

#include <stdatomic.h>
#include <stdbool.h>

#include <udxg/miniport.h>

#include "base/status.h"
#include "core/update.h"

struct udxg_engine;
struct udxg_kernel;
struct udxg_process;
struct vidmm_adapter;

struct udxg_adapter {
    uint32_t index; /* in the kernel's list; constant, like all the rest but stopped */
    LUID luid;
    struct udxg_adapter_caps caps;
    const struct udxg_miniport *miniport;
    void *mp_adapter;
    struct vidmm_adapter *vidmm;
    struct udxg_engine *engines; /* caps.node_count of them */
    struct udxg_updater updater; /* locks for itself */
    atomic_bool stopped;         /* surprise removal or reset: STATUS_DEVICE_REMOVED from here on */
};

/* CAPS names one of MINIPORTS, which NULL ends. */
udxg_status udxg_adapter_create(const struct udxg_adapter_caps *caps, const struct udxg_miniport *const *miniports,
                                uint32_t index, struct udxg_adapter **ret_adapter) UDXG_MUST_CHECK;
void udxg_adapter_destroy(struct udxg_adapter *adapter);

/* The adapter behind a handle. STATUS_INVALID_PARAMETER, STATUS_DEVICE_REMOVED. Needs no put: adapters stay. */
udxg_status udxg_adapter_get(struct udxg_process *process, uint32_t handle,
                             struct udxg_adapter **ret_adapter) UDXG_MUST_CHECK;

/* The adapter with that LUID, or NULL. */
struct udxg_adapter *udxg_kernel_find_adapter(const struct udxg_kernel *kernel, LUID luid);

/* A client's process handle: NULL and the pseudo handle (HANDLE)-1 are the caller; STATUS_INVALID_HANDLE for others. */
udxg_status udxg_check_process_handle(HANDLE handle) UDXG_MUST_CHECK;

/* Stops it for good: every later call on it that may say so says STATUS_DEVICE_REMOVED. */
void udxg_adapter_stop(struct udxg_adapter *adapter);

static inline bool udxg_adapter_is_stopped(struct udxg_adapter *adapter)
{
    return atomic_load_explicit(&adapter->stopped, memory_order_acquire);
}

#endif
