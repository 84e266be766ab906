/* SPDX-License-Identifier: MIT */
/*
 * What the rows do through the public calls: one device of the software adapter without memory of its own, and the
 * calls on it, with their argument structs filled in each time as a client has to. A call that fails ends the
 * process.
 */
#ifndef BENCH_CLIENT_H
#define BENCH_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include <wsl/winadapter.h>
#include <dxg/d3dkmthk.h>

#define CLIENT_BATCH 64u /* allocations in one call, at most */

struct client {
    D3DKMT_HANDLE adapter, device, paging_queue;
};

/* The adapter, and a device with a paging queue. */
void client_open(struct client *client);
/* One more device on the same adapter. */
void client_open_another(const struct client *first, struct client *client);

void client_create(const struct client *client, uint32_t count, uint64_t size_bytes, bool zeroed,
                   D3DKMT_HANDLE *ret_allocations);
/* A resource with one allocation, shared: its handle, and an NT handle, which is the caller's to close. */
D3DKMT_HANDLE client_create_shared(const struct client *client, uint64_t size_bytes, int *ret_fd);
/* Opens it by its NT handle, in a process that need not be the creator's. */
D3DKMT_HANDLE client_open_shared(const struct client *client, int fd, D3DKMT_HANDLE *ret_allocation);
void client_destroy_resource(const struct client *client, D3DKMT_HANDLE resource);
void client_destroy(const struct client *client, uint32_t count, const D3DKMT_HANDLE *allocations);
void *client_lock(const struct client *client, D3DKMT_HANDLE allocation);
void client_unlock(const struct client *client, D3DKMT_HANDLE allocation);

void client_make_resident(const struct client *client, uint32_t count, const D3DKMT_HANDLE *allocations);
void client_evict(const struct client *client, uint32_t count, const D3DKMT_HANDLE *allocations);

D3DGPU_VIRTUAL_ADDRESS client_map(const struct client *client, D3DKMT_HANDLE allocation, uint64_t size_bytes);
void client_unmap(const struct client *client, D3DGPU_VIRTUAL_ADDRESS va, uint64_t size_bytes);

/* One descriptor over a socket, as programs hand each other NT handles. */
void client_send_descriptor(int socket, int fd);
int client_receive_descriptor(int socket);

#endif
