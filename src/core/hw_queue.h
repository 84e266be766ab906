/* SPDX-License-Identifier: MIT */
/*
 * Hardware queues: lanes of a context that was made for them, each with a progress fence that tells how far its
 * commands have come. A queue keeps its context; when the context's handle goes first, the queue drains and takes
 * nothing more, and its own handle is good for destroying it alone.
 */
#ifndef UDXG_CORE_HW_QUEUE_H
#define UDXG_CORE_HW_QUEUE_H

#include "core/context.h"

/* The queues of CONTEXT get its priority. */
void udxg_hw_queues_set_priority(struct udxg_context *context, int priority, bool in_process);
/* The queues of CONTEXT take nothing more: its handle is gone. */
void udxg_hw_queues_drain(struct udxg_context *context);

#endif
