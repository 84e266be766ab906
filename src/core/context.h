/* SPDX-License-Identifier: MIT */
/*
 * A context: an ordered queue of packets (commands, signals, waits) for one node of the adapter.
 *
 *   IDLE ----submit----> RUNNABLE --engine picks--> RUNNING --more--> RUNNABLE
 *     ^                     ^  ^                     |  |  '--none--> IDLE
 *     |                     |  '------ ready --------|--'-- not resident --> GATED
 *     '---- cancel          '--------- satisfied ----'---- wait packet ----> WAITING
 *
 * set_state() in context.c is the only writer. A context is on its engine's run queue exactly while it is
 * RUNNABLE. Cancelling empties the queue at once and for good; a packet that runs is asked to stop.
 */
#ifndef UDXG_CORE_CONTEXT_H
#define UDXG_CORE_CONTEXT_H

#include "core/device.h"
#include "core/engine.h"
#include "core/sync.h"
#include "core/update.h"

enum udxg_context_state {
    UDXG_CONTEXT_IDLE,
    UDXG_CONTEXT_RUNNABLE,
    UDXG_CONTEXT_RUNNING,
    UDXG_CONTEXT_WAITING,
    UDXG_CONTEXT_GATED,
};

struct udxg_packet;

struct udxg_context {
    struct udxg_child child;
    atomic_uint refs;           /* the handle, every packet, the engine while it has picked it */
    struct udxg_engine *engine; /* constant, like mp_context and memory */
    void *mp_context;
    bool null_rendering;
    struct udxg_gpu_memory memory;
    enum udxg_context_state state UDXG_GUARDED_BY(NODE);
    struct udxg_list run UDXG_GUARDED_BY(NODE);        /* in the engine's queue */
    struct udxg_list packets UDXG_GUARDED_BY(NODE);    /* not begun */
    struct udxg_packet *blocked UDXG_GUARDED_BY(NODE); /* the wait packet of a WAITING context */
    bool closing UDXG_GUARDED_BY(NODE);                /* no handle: what cannot run now never will */
    atomic_bool cancelled;                             /* polled by the running packet */
    _Atomic(struct udxg_companion *) companion;        /* of its address updates; set once, or NULL for ever */
    int priority UDXG_GUARDED_BY(NODE);                /* SetContextSchedulingPriority */
    int in_process_priority UDXG_GUARDED_BY(NODE);
};

/* The context behind a handle, pinned; STATUS_INVALID_PARAMETER, STATUS_DEVICE_REMOVED. */
udxg_status udxg_context_get(struct udxg_process *process, uint32_t handle,
                             struct udxg_context **ret_context) UDXG_MUST_CHECK;
void udxg_context_put(struct udxg_context *context);

/* The engine has picked a runnable context: a reference that udxg_context_run() ends. */
void udxg_context_begin_locked(struct udxg_context *context) UDXG_REQUIRES(NODE);
/* Runs the next packet of a context that the engine has picked; on the engine's thread, without locks. */
void udxg_context_run(struct udxg_context *context);

/* The device's whole residency list is in place: gated contexts go on. */
void udxg_contexts_ready(struct udxg_device *device);
/* Empties every context of the device for good. */
void udxg_contexts_cancel(struct udxg_device *device);

#endif
