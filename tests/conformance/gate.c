/* SPDX-License-Identifier: MIT */
/* See gate.h. */
#include "gate.h"

#include <time.h>
#include <unistd.h>

void gate_close(struct gate *gate, const struct gpu *gpu)
{
    gate->device = gpu->device;
    gate->fence = create_fence(gpu->device, 0);
    require_success(wait_gpu(gpu->context, gate->fence.handle, 1));
}

void gate_open(struct gate *gate)
{
    require_success(signal_cpu(gate->device, gate->fence.handle, 1, 0));
}

/* On a thread: checks are for the thread of the case. The waits of the case fail when this fails. */
static void *open_later(void *data)
{
    struct gate *gate = (struct gate *)data;
    usleep(GATE_MS * 1000u);
    signal_cpu(gate->device, gate->fence.handle, 1, 0);
    return NULL;
}

void gate_open_later(struct gate *gate)
{
    require_true(pthread_create(&gate->thread, NULL, open_later, gate) == 0);
}

void gate_join(struct gate *gate)
{
    require_true(pthread_join(gate->thread, NULL) == 0);
}

void gate_busy(struct gate *gate, struct gpu *gpu, const struct gpu_buffer *buffer, uint32_t pattern)
{
    gate_close(gate, gpu);
    struct udxg_soft_fill fill = udxg_soft_fill_command(buffer->va, buffer->size_bytes, pattern);
    require_success(submit(gpu, &fill, sizeof(fill)));
}

double now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec * 1e-6;
}

bool waited(double start_ms)
{
    return now_ms() - start_ms >= GATE_MS * 0.8;
}

bool came_at_once(double start_ms)
{
    return now_ms() - start_ms < GATE_MS * 0.8;
}

UINT64 local_usage(D3DKMT_HANDLE adapter)
{
    return memory_info(adapter, D3DKMT_MEMORY_SEGMENT_GROUP_LOCAL).CurrentUsage;
}

bool usage_becomes(D3DKMT_HANDLE adapter, UINT64 want)
{
    for (int i = 0; i < 5000 && local_usage(adapter) != want; i++) usleep(1000);
    return local_usage(adapter) == want;
}
