/* SPDX-License-Identifier: MIT */
/*
 * What most tests need before they come to their point: an adapter, a device, memory, a way to run commands on
 * it. Every function ends the running case when it fails; none gives anything back at the end, the process of
 * the test does.
 */
#ifndef UDXG_CONFORMANCE_FIXTURE_H
#define UDXG_CONFORMANCE_FIXTURE_H

#include "conformance.h"

#include <udxg/soft.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Why some cases may fail for now. */

/* ----------------------------------------------------------------------------------- adapter and device */

D3DKMT_HANDLE open_adapter(void);
LUID first_luid(void);
D3DKMT_HANDLE create_device(D3DKMT_HANDLE adapter);
struct udxg_soft_adapter_info soft_info(D3DKMT_HANDLE adapter);
D3DKMT_QUERYVIDEOMEMORYINFO memory_info(D3DKMT_HANDLE adapter, D3DKMT_MEMORY_SEGMENT_GROUP group);
UINT gpu_va_bits(D3DKMT_HANDLE adapter);

struct paging_queue {
    D3DKMT_HANDLE handle;
    D3DKMT_HANDLE fence;
    const volatile UINT64 *value;
};

struct paging_queue create_paging_queue(D3DKMT_HANDLE device);
/* Waits until the queue has reached FENCE_VALUE; 0 is reached always. */
void wait_paging(const struct paging_queue *queue, UINT64 fence_value);

/* ---------------------------------------------------------------------------------------------- creating */

/* COUNT pages of zeroed memory that this process owns. Nobody else comes to lie where some are unmapped. */
void *map_pages(size_t count);

struct udxg_soft_allocation soft_buffer(uint64_t size_bytes);
/* A stand-alone allocation of video memory. */
D3DKMT_HANDLE create_allocation(D3DKMT_HANDLE device, const struct udxg_soft_allocation *soft);
D3DKMT_HANDLE create_buffer(D3DKMT_HANDLE device, uint64_t size_bytes);
/* A resource with COUNT (at most 8) buffers of 64 KiB; SHARED is for NT handles. */
D3DKMT_HANDLE create_resource(D3DKMT_HANDLE device, UINT count, bool shared, D3DKMT_HANDLE *ret_allocations);
/* The handle that a successful creation gives now, taken by creating and destroying a sync object. */
D3DKMT_HANDLE next_handle(D3DKMT_HANDLE device);

NTSTATUS destroy_allocation(D3DKMT_HANDLE device, D3DKMT_HANDLE allocation);
NTSTATUS destroy_resource(D3DKMT_HANDLE device, D3DKMT_HANDLE resource);

NTSTATUS try_lock(D3DKMT_HANDLE device, D3DKMT_HANDLE allocation, void **ret_data);
void *lock(D3DKMT_HANDLE device, D3DKMT_HANDLE allocation);
NTSTATUS unlock(D3DKMT_HANDLE device, D3DKMT_HANDLE allocation);

/* True while ALLOCATION is a live allocation of DEVICE: it can be locked. */
bool is_alive(D3DKMT_HANDLE device, D3DKMT_HANDLE allocation);
/* The same for a resource: an allocation can be added to it. */
bool is_live_resource(D3DKMT_HANDLE device, D3DKMT_HANDLE resource);

/* ---------------------------------------------------------------------------------------------- residency */

NTSTATUS try_make_resident(const struct paging_queue *queue, D3DKMT_HANDLE allocation);
void make_resident(const struct paging_queue *queue, D3DKMT_HANDLE allocation);
NTSTATUS evict(D3DKMT_HANDLE device, D3DKMT_HANDLE allocation);

/* ------------------------------------------------------------------------------------------ GPU addresses */

NTSTATUS try_map(const struct paging_queue *queue, D3DKMT_HANDLE allocation, UINT64 base, UINT64 pages, UINT64 *ret_va);
UINT64 map(const struct paging_queue *queue, D3DKMT_HANDLE allocation, uint64_t size_bytes);

/* ----------------------------------------------------------------------------------------- synchronisation */

struct fence {
    D3DKMT_HANDLE handle;
    const volatile UINT64 *value;
    UINT64 gpu_va;
};

struct fence create_fence(D3DKMT_HANDLE device, UINT64 initial_value);
NTSTATUS signal_cpu(D3DKMT_HANDLE device, D3DKMT_HANDLE fence, UINT64 value, UINT flags);
NTSTATUS wait_cpu(D3DKMT_HANDLE device, D3DKMT_HANDLE fence, UINT64 value, int event_fd); /* -1: blocks */
NTSTATUS signal_gpu(D3DKMT_HANDLE context, D3DKMT_HANDLE fence, UINT64 value);
NTSTATUS wait_gpu(D3DKMT_HANDLE context, D3DKMT_HANDLE fence, UINT64 value);
/* An fd as a HANDLE; never fd 0, which would be NULL. */
HANDLE fd_handle(int fd);
int create_event(void);
bool event_is_set(int event_fd, int timeout_ms);

/* ------------------------------------------------------------------------------------------------ a GPU */

/* An adapter, a device, a paging queue, a context on node 0 and a fence to follow its work by. */
struct gpu {
    D3DKMT_HANDLE adapter;
    D3DKMT_HANDLE device;
    struct paging_queue queue;
    D3DKMT_HANDLE context;
    struct fence done;
    UINT64 last;
};

/* Memory that the GPU reaches: mapped writable, resident. */
struct gpu_buffer {
    D3DKMT_HANDLE allocation;
    UINT64 va;
    uint64_t size_bytes;
};

void gpu_open(struct gpu *gpu);
void gpu_open_on(struct gpu *gpu, D3DKMT_HANDLE adapter);
D3DKMT_HANDLE create_context(D3DKMT_HANDLE device, UINT node);
struct gpu_buffer create_gpu_buffer(const struct gpu *gpu, uint64_t size_bytes);
/* Copies SIZE bytes at DATA into a new GPU buffer and submits them as commands. */
NTSTATUS submit(struct gpu *gpu, const void *data, UINT size_bytes);
NTSTATUS submit_to(struct gpu *gpu, D3DKMT_HANDLE context, const void *data, UINT size_bytes);
/* Waits until all that was submitted to gpu->context has run. */
void gpu_finish(struct gpu *gpu);
D3DKMT_DEVICEEXECUTION_STATE execution_state(D3DKMT_HANDLE device);
/* Waits for the device to leave ACTIVE, and gives the state it has then. */
D3DKMT_DEVICEEXECUTION_STATE wait_for_error(D3DKMT_HANDLE device);

/* ------------------------------------------------------------------------------------------------- memory */

bool filled_with(const void *data, size_t size_bytes, uint8_t byte);
/* Whether the system lets this process write the eight bytes at ADDRESS. Writes what is there already. */
bool is_writable(const volatile void *address);
/*
 * The kernel closes its end of an NT handle on a thread of its own, after the client has closed his; until then it is a
 * pipe that has hung up. The count is one without any of these, if need be after some waiting.
 */
int open_fd_count(void);

#ifdef __cplusplus
}
#endif
#endif
