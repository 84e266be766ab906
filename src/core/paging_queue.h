/* SPDX-License-Identifier: MIT */
/* A paging queue, for the calls that name one. */
#ifndef UDXG_CORE_PAGING_QUEUE_H
#define UDXG_CORE_PAGING_QUEUE_H

#include "core/device.h"

struct udxg_sync;

struct udxg_paging_queue {
    struct udxg_child child;
    struct vidmm_queue *vidmm; /* constant */
    struct udxg_sync *sync;    /* referenced; constant */
    struct udxg_account *account; /* that it is charged to; borrowed from its device; constant; NULL: none */
};

/* The queue behind a handle, pinned. STATUS_INVALID_PARAMETER, STATUS_DEVICE_REMOVED. */
udxg_status udxg_paging_queue_get(struct udxg_process *process, uint32_t handle,
                                  struct udxg_paging_queue **ret_queue) UDXG_MUST_CHECK;
void udxg_paging_queue_put(struct udxg_paging_queue *queue);

#endif
