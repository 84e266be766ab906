/* SPDX-License-Identifier: MIT */
/*
 * What the table src/abi/thunks.def becomes in C, and the one walk over it.
 *
 * A call goes: enter (copy everything in once, check its shape) -> handler, which sees only the copy ->
 * leave (copy the outputs out, all or nothing). Nobody else reads or writes memory of the client.
 */
#ifndef UDXG_ABI_THUNK_H
#define UDXG_ABI_THUNK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <dxg/d3dkmthk.h>

#include "abi/control.h"
#include "base/status.h"

/* Limits that the table names. Counts are elements, sizes are bytes; each is the largest value accepted. */
#define UDXG_MAX_ALLOCATIONS 1024u      /* of one create or destroy call */
#define UDXG_MAX_RESIDENCY 10240u       /* of one MakeResident, Evict, Offer or Reclaim */
#define UDXG_MAX_PRIVATE_DATA 131071u   /* one blob of private data */
#define UDXG_MAX_ADAPTER_INFO 131072u   /* QueryAdapterInfo */
#define UDXG_MAX_ADAPTERS 1024u         /* room that EnumAdapters2 and 3 may offer; there are fewer */
#define UDXG_MAX_PRIORITIES 131072u     /* SetAllocationPriority, GetAllocationPriority */
#define UDXG_MAX_LOCK_PAGES 1048576u    /* Lock: page numbers, of which 4 GiB have no more */
#define UDXG_MAX_PROCESSES 65536u       /* EnumProcesses: room that a client may offer; there are fewer */
#define UDXG_MAX_SEGMENT_PARTS 1048576u /* udxg_get_segment_map: parts in one answer */
#define UDXG_MAX_WATCHED_PAGES 1048576u /* udxg_get_write_watch: pages in one answer */
#define UDXG_MAX_UPDATES 16384u         /* UpdateGpuVirtualAddress: operations */
#define UDXG_MAX_SYNC_OBJECTS 32u
#define UDXG_MAX_BROADCAST 64u
#define UDXG_MAX_TOTAL_DATA 33554432u /* private data of all allocations of a resource */
#define UDXG_MAX_CALL 33554432u       /* bytes of all the memory that one call points to */

/* UDXG_THUNK_CreateAllocation2 and so on, one per row, in the order of the table; UDXG_THUNK_COUNT ends it. */
#include "abi/thunk_ids.h"

struct udxg_shape; /* the fields of one struct; abi/shape.h */

/* What pSharedNtHandle of ShareObjects leads to. */
struct udxg_nt_handle {
    HANDLE Handle;
};

struct udxg_thunk {
    const char *name;               /* without the D3DKMT prefix */
    const char *type;               /* of the argument struct; NULL where the parameters are not one struct */
    const char *local;              /* what the exporting library answers by itself; NULL for all but two */
    const struct udxg_shape *shape; /* of the argument struct; NULL where the call is not there yet */
    uint32_t size;                  /* of the argument struct; 0 where our headers only name it */
    uint8_t number;                 /* of the ioctl in WSL, 0 where it has none */
    bool implemented;               /* a handler must exist; the others return STATUS_NOT_SUPPORTED */
    bool control;                   /* one of ours, from libudxg or DXCore: no D3DKMT name */
};

extern const struct udxg_thunk udxg_thunks[UDXG_THUNK_COUNT];

#define UDXG_FRAME_BYTES 3072u
#define UDXG_FRAME_SPANS 32u

/* One stretch of client memory and its copy. */
struct udxg_span {
    void *client; /* its address for the client */
    void *out;    /* where the outputs go: the same, or its place in the message */
    void *copy;
    const struct udxg_shape *shape; /* of its elements; NULL for plain bytes */
    const void *recount;            /* in the copy: how many elements are to be written; NULL for all */
    uint32_t bytes;                 /* size in all */
    uint32_t count;                 /* elements */
    uint8_t direction;              /* enum udxg_direction of abi/shape.h */
};

/*
 * A call that comes from elsewhere: the spans of its frame, one after the other in the order in which the walk meets
 * them, each at a multiple of UDXG_MESSAGE_ALIGNMENT. Inputs are in it from the beginning, outputs are put into it.
 * Pointers in it are addresses of the sender. The memory is shared with a sender who may change it at any time: each
 * byte is read once.
 */
struct udxg_message {
    unsigned char *bytes;
    uint32_t size_bytes;
};
#define UDXG_MESSAGE_ALIGNMENT 16u

/* The copy of one call's arguments. Small calls fit into it; what does not fit is on the heap until leave. */
struct udxg_frame {
    const struct udxg_thunk *thunk;
    struct udxg_span *spans; /* the first is the argument struct */
    uint32_t span_count, span_capacity;
    uint32_t used; /* of bytes */
    size_t taken;  /* bytes of all copies, on the heap or not */
    void *heap;    /* singly linked blocks */
    struct udxg_message message; /* where the call came from; no bytes: from memory of this process */
    uint32_t read;               /* of the message */
    struct udxg_span inline_spans[UDXG_FRAME_SPANS];
    _Alignas(16) unsigned char bytes[UDXG_FRAME_BYTES];
};

/*
 * Copies ARGS and all it points to into FRAME, which needs no initialisation, and checks the shape: flags
 * outside of what the row allows and non-zero reserved fields are STATUS_INVALID_PARAMETER, like counts and
 * sizes over their limits, NULL where a pointer is needed, and pointers to memory that is not there, or not
 * writable where something will be written. STATUS_NO_MEMORY when the heap is out. STATUS_NOT_SUPPORTED for
 * a row without a handler, with ARGS other than NULL. On success *ret_args is the copy (outputs zeroed,
 * pointers leading to copies), and leave must follow; on failure nothing is kept.
 *
 * In the copy, a pointer is NULL if and only if the client's was; with a count of zero it leads nowhere.
 */
udxg_status udxg_thunk_enter(enum udxg_thunk_id id, const void *args, struct udxg_frame *frame,
                             void **ret_args) UDXG_MUST_CHECK;

/*
 * The same for a call that has come as a message, which stays until leave. What does not fit the row, to the byte, is
 * STATUS_INVALID_PARAMETER.
 */
udxg_status udxg_thunk_enter_message(enum udxg_thunk_id id, const struct udxg_message *message,
                                     struct udxg_frame *frame, void **ret_args) UDXG_MUST_CHECK;

/* How large the message is that a frame makes; it has room for it (UDXG_MAX_CALL and what alignment adds). */
uint32_t udxg_thunk_message_bytes(const struct udxg_frame *frame);
/* Writes the inputs of a frame into a message of that size, ... */
void udxg_thunk_put_message(const struct udxg_frame *frame, unsigned char *message);
/* ... and takes the outputs, which may be any bytes, out of it again, before leave. */
void udxg_thunk_take_message(struct udxg_frame *frame, const unsigned char *message);

/*
 * Writes the outputs that belong to STATUS back to the client, frees what enter took, returns STATUS. Outputs
 * marked OUT are written when STATUS is a success, OUT_ALWAYS ones whatever it is. Cannot fail: that the
 * memory may be written was checked before the handler ran.
 */
udxg_status udxg_thunk_leave(struct udxg_frame *frame, udxg_status status);

/* What the table looks like, as one number: who sends each other messages must have the same one. */
uint64_t udxg_thunk_signature(void);

/* The client's address of what a pointer in the copied arguments leads to, for errors and traces; may be NULL. */
const void *udxg_thunk_client_address(const struct udxg_frame *frame, const void *copy);

#endif
