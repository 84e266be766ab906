/* SPDX-License-Identifier: MIT */
/*
 * What a swept call finds: one of each kind of object on the adapter soft-discrete, a handle of each kind that
 * is no longer alive, and memory of every quality. Only the public ABI is used. A world is made in a process
 * of its own and goes with it; what cannot be made ends the process.
 */
#ifndef UDXG_SWEEP_WORLD_H
#define UDXG_SWEEP_WORLD_H

#include <stddef.h>
#include <stdint.h>

#include <dxg/d3dkmthk.h>
#include <udxg/soft.h>

#include "abi/shape.h"

#define PAGE 4096u
#define ARENA_BYTES (16u * PAGE)
#define ROOM_BYTES (256u * PAGE)

struct world {
    LUID luid;
    D3DKMT_HANDLE adapter, device, other_device, queue, queue_fence, context, fence, resource;
    D3DKMT_HANDLE hw_context, hw_queue;
    D3DKMT_HANDLE allocation; /* 64 KiB of video memory, mapped at va, resident */
    uint64_t va;              /* commands are there: one NOP of 64 bytes */
    int event;                /* an eventfd */
    D3DKMT_HANDLE mutex;      /* a keyed mutex with the key 0, free */
    D3DKMT_HANDLE global, global_mutex; /* of a semaphore, of the keyed mutex */
    HANDLE nt_sync, nt_native;          /* a fence, a native fence */
    int sync_file;                      /* of a fence that has reached its value */
    D3DKMT_HANDLE alive[UDXG_HANDLE_KIND_COUNT];
    D3DKMT_HANDLE dead[UDXG_HANDLE_KIND_COUNT];

    unsigned char *arena; /* arguments and all they point to; between pages without rights */
    size_t arena_used;
    unsigned char *room;      /* ROOM_BYTES of zeros, readable and writable; nobody looks at what is written */
    unsigned char *read_only; /* a page */
    unsigned char *no_rights; /* a page */
};

void world_make(struct world *world);

/* SIZE zeroed bytes of the arena. */
void *world_take(struct world *world, size_t size);

/* Fills INFO and its private data for a buffer of SIZE bytes of video memory. */
void world_describe_buffer(struct world *world, D3DDDI_ALLOCATIONINFO2 *info, uint64_t size);

D3DKMT_HANDLE world_create_allocation(struct world *world);
D3DKMT_HANDLE world_create_resource(struct world *world, D3DKMT_HANDLE *ret_allocation);
D3DKMT_HANDLE world_create_device(struct world *world);
D3DKMT_HANDLE world_create_context(struct world *world);
D3DKMT_HANDLE world_create_hw_context(struct world *world);
D3DKMT_HANDLE world_create_hw_queue(struct world *world);
D3DKMT_HANDLE world_create_queue(struct world *world, D3DKMT_HANDLE *ret_fence);
D3DKMT_HANDLE world_create_fence(struct world *world);
D3DKMT_HANDLE world_create_mutex(D3DKMT_HANDLE *ret_global);
D3DKMT_HANDLE world_open_adapter(struct world *world);
void world_make_resident(struct world *world, D3DKMT_HANDLE allocation);

/* Ends the process unless STATUS is a success. */
void world_need(NTSTATUS status, const char *what);

#endif
