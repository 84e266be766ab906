/* SPDX-License-Identifier: MIT */
/*
 * A context that is held up: what is submitted behind a closed gate stays queued until the gate opens, at once or
 * after a while by a thread. And a clock, to tell a call that waited from one that did not.
 */
#ifndef UDXG_CONFORMANCE_GATE_H
#define UDXG_CONFORMANCE_GATE_H

#include <pthread.h>

#include "fixture.h"

#ifdef __cplusplus
extern "C" {
#endif

#define GATE_MS 250u /* how long a gate that opens later stays closed */

struct gate {
    D3DKMT_HANDLE device;
    struct fence fence;
    pthread_t thread;
};

/* Holds up gpu->context here. */
void gate_close(struct gate *gate, const struct gpu *gpu);
void gate_open(struct gate *gate);
/* Opens it after GATE_MS; gate_join() must follow. */
void gate_open_later(struct gate *gate);
void gate_join(struct gate *gate);

/* Queues a fill of BUFFER behind a closed gate: it is busy until the gate opens. */
void gate_busy(struct gate *gate, struct gpu *gpu, const struct gpu_buffer *buffer, uint32_t pattern);

/* Milliseconds of a clock that only goes on. */
double now_ms(void);
/* Whether a call that began at START_MS waited for a gate that opened later, or did not wait at all. */
bool waited(double start_ms);
bool came_at_once(double start_ms);

UINT64 local_usage(D3DKMT_HANDLE adapter);
/* Waits for the usage of the local group to become WANT; what has retired may be given back a moment later. */
bool usage_becomes(D3DKMT_HANDLE adapter, UINT64 want);

#ifdef __cplusplus
}
#endif
#endif
