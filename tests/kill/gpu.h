/* SPDX-License-Identifier: MIT */
/*
 * What a program needs that has work done on a software adapter, in as few words as can be. Every function gives the
 * status of the call that failed, or STATUS_SUCCESS; what to make of it is the caller's. One thread for each struct
 * gpu.
 */
#ifndef UDXG_TESTS_KILL_GPU_H
#define UDXG_TESTS_KILL_GPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <dxg/d3dkmthk.h>
#include <udxg/soft.h>

#define PAGE_BYTES 4096u

struct buffer {
    D3DKMT_HANDLE resource, allocation; /* resource: 0 for one that stands alone */
    uint64_t bytes, va;                 /* va: 0 while it is not mapped */
    unsigned listed;
};

struct gpu {
    D3DKMT_HANDLE adapter, device, queue, queue_fence, context, fence;
    const volatile UINT64 *value; /* of fence */
    uint64_t last;                /* that was submitted to it */
    struct buffer commands;       /* locked for good */
    unsigned char *command_bytes;
    uint64_t command_used;
};

/* The adapter that is listed as number INDEX. */
NTSTATUS gpu_find(unsigned index, D3DKMT_HANDLE *ret_adapter);
NTSTATUS gpu_open(struct gpu *gpu, D3DKMT_HANDLE adapter);
NTSTATUS gpu_close(struct gpu *gpu);

/* SHARED: a resource of one allocation that NT handles may be made of. */
NTSTATUS gpu_create(struct gpu *gpu, uint64_t bytes, bool shared, struct buffer *ret_buffer);
NTSTATUS gpu_destroy(struct gpu *gpu, struct buffer *buffer);
NTSTATUS gpu_lock(const struct gpu *gpu, const struct buffer *buffer, void **ret_bytes);
NTSTATUS gpu_unlock(const struct gpu *gpu, const struct buffer *buffer);
/* Over the budget, too. Waits until it is there. */
NTSTATUS gpu_list(struct gpu *gpu, struct buffer *buffer);
NTSTATUS gpu_unlist(struct gpu *gpu, struct buffer *buffer);
NTSTATUS gpu_map(struct gpu *gpu, struct buffer *buffer);

NTSTATUS gpu_submit(struct gpu *gpu, const void *command, uint32_t bytes);
NTSTATUS gpu_finish(struct gpu *gpu);

NTSTATUS gpu_fence(D3DKMT_HANDLE device, bool shared, D3DKMT_HANDLE *ret_fence, const volatile UINT64 **ret_value);
NTSTATUS gpu_close_fence(D3DKMT_HANDLE fence);
NTSTATUS gpu_wait(D3DKMT_HANDLE device, D3DKMT_HANDLE fence, uint64_t value);
NTSTATUS gpu_signal(D3DKMT_HANDLE device, D3DKMT_HANDLE fence, uint64_t value);

/* NT handles are descriptors. */
NTSTATUS gpu_share(D3DKMT_HANDLE object, uint32_t access, int *ret_fd);
NTSTATUS gpu_open_resource(const struct gpu *gpu, int nt_fd, uint64_t bytes, struct buffer *ret_buffer);
NTSTATUS gpu_open_fence(D3DKMT_HANDLE device, int nt_fd, D3DKMT_HANDLE *ret_fence, const volatile UINT64 **ret_value);

/* Contents that follow from a seed; BYTES is a multiple of 8. */
void fill_contents(void *to, uint64_t bytes, uint64_t seed);
bool are_contents(const void *bytes, uint64_t count, uint64_t seed);
uint64_t next_random(uint64_t *state);
uint64_t now_ns(void);

#endif
