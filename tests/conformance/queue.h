/* SPDX-License-Identifier: MIT */
/* Hardware queues and commands in memory, for the tests of queues, scheduling and timeouts. As fixture.h. */
#ifndef UDXG_CONFORMANCE_QUEUE_H
#define UDXG_CONFORMANCE_QUEUE_H

#include "fixture.h"

#ifdef __cplusplus
extern "C" {
#endif

struct hw_queue {
    D3DKMT_HANDLE handle;
    struct fence progress;
};

D3DKMT_HANDLE create_hw_context(D3DKMT_HANDLE device, UINT node);
struct hw_queue create_hw_queue(D3DKMT_HANDLE context, UINT flags);
/* Memory that holds SIZE bytes of DATA as commands, resident and mapped. */
struct gpu_buffer put_commands(const struct gpu *gpu, const void *data, UINT size_bytes);
NTSTATUS submit_to_queue(const struct gpu *gpu, D3DKMT_HANDLE queue, UINT64 progress, const void *data,
                         UINT size_bytes);
NTSTATUS queue_wait(D3DKMT_HANDLE queue, D3DKMT_HANDLE fence, UINT64 value);
NTSTATUS queue_signal(UINT count, const D3DKMT_HANDLE *queues, D3DKMT_HANDLE fence, UINT64 value);
void finish_queue(const struct gpu *gpu, const struct hw_queue *queue, UINT64 progress);

/* Adds 1 to the number at COUNTER and leaves the old value at OLD: in which order commands ran. */
struct udxg_soft_atomic_add ticket(UINT64 counter, UINT64 old);
/* Holds the engine until the number at VA is not 0 any more. */
struct udxg_soft_wait hold(UINT64 va);
NTSTATUS set_priority(D3DKMT_HANDLE context, INT priority, bool in_process);

#ifdef __cplusplus
}
#endif
#endif
