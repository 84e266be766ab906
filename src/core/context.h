/* SPDX-License-Identifier: MIT */
/*
 * Contexts. One made for hardware queues (HwQueueSupported, or CreateHwContext) takes no packets of its own: its
 * queues do (core/hw_queue.h), and have its priority. Its own lane is empty for life.
 */
#ifndef UDXG_CORE_CONTEXT_H
#define UDXG_CORE_CONTEXT_H

#include "core/lane.h"
#include "core/update.h"

struct udxg_context {
    struct udxg_lane lane;                      /* first: it is the context's object, and its device's child */
    bool hw_queues;                             /* constant */
    _Atomic(struct udxg_companion *) companion; /* of its address updates; set once, or NULL for ever */
};

/* The context behind a handle, pinned; STATUS_INVALID_PARAMETER, STATUS_DEVICE_REMOVED. */
udxg_status udxg_context_get(struct udxg_process *process, uint32_t handle,
                             struct udxg_context **ret_context) UDXG_MUST_CHECK;
void udxg_context_put(struct udxg_context *context);

/* What a context is made of; the private data may be changed by the miniport. */
struct udxg_context_desc {
    uint32_t device, node, engine_affinity;
    bool null_rendering, no_timeout, hw_queues;
    void *private_data;
    uint32_t private_data_bytes;
};
udxg_status udxg_context_create(struct udxg_process *process, const struct udxg_context_desc *desc,
                                uint32_t *ret_handle) UDXG_MUST_CHECK;

/* Allocations that a submission names must be ones of its device; with RESIDENT, on its residency list. */
udxg_status udxg_submit_check_named(struct udxg_device *device, uint32_t count, const D3DKMT_HANDLE *handles,
                                    bool resident) UDXG_MUST_CHECK;
/*
 * The contexts of one device behind HANDLES, pinned, into which packets can be put; at least one, all of the first
 * one's device, none made for hardware queues, the device not in error.
 */
udxg_status udxg_contexts_get(struct udxg_process *process, uint32_t count, const D3DKMT_HANDLE *handles,
                              struct udxg_context **ret_contexts) UDXG_MUST_CHECK;
void udxg_contexts_put(uint32_t count, struct udxg_context *const *contexts);

/* References to the monitored fences of a signal or wait of the GPU. */
udxg_status udxg_submit_get_fences(struct udxg_process *process, uint32_t count, const D3DKMT_HANDLE *handles,
                                   const UINT64 *values, enum udxg_sync_use use,
                                   struct udxg_sync **ret_syncs) UDXG_MUST_CHECK;

#endif
