/* SPDX-License-Identifier: MIT */
/*
 * A GPU address space: what each address of a process means to the engines. A node per range, never per page,
 * so no operation's cost depends on the size of a range.
 *
 *     spans    what is used: reservations, what Map made outside of any, and our own system mappings
 *     overlay  what Map made inside reservations
 *
 *     system   |                                                          ####|   top of the space
 *     spans    |    [   reservation    ]      [ mapped ]  [ mapped ]          |
 *     overlay  |       [ m ][  m  ]                                           |
 *
 * A free address is in no span; a reserved one in a span and in no overlay; so freeing what was mapped inside a
 * reservation is to take it out of the overlay, and what is below shows again. Every node of the overlay lies
 * in reservations along its whole length.
 *
 * A mapping of an allocation hangs in its binding's list too, and goes with the binding.
 *
 * Locks: VASPACE. An engine resolves under VIDMM and VASPACE, and holds the allocation in place by its access
 * count once both are released (access.c); so nodes may go at any time.
 */
#ifndef UDXG_VIDMM_VASPACE_H
#define UDXG_VIDMM_VASPACE_H

#include "base/slab.h"
#include "vidmm/vidmm.h"

enum vidmm_va_kind {
    VIDMM_VA_RESERVED, /* protection says what an access finds: ZERO or NO_ACCESS */
    VIDMM_VA_MAPPED,   /* to the binding's allocation, or without one to ZERO or NO_ACCESS */
    VIDMM_VA_SYSTEM,   /* in a struct vidmm_va_system */
};

struct vidmm_va_node {
    struct udxg_range_node range;
    struct vidmm_binding *binding;       /* NULL but for an allocation's */
    struct vidmm_va_node *next, **pprev; /* in the binding's list */
    uint64_t offset_bytes;               /* of the range's start in the allocation */
    uint8_t kind;                        /* enum vidmm_va_kind */
    uint8_t protection;                  /* VIDMM_VA_WRITE, ... */
};

struct vidmm_va_system {
    struct vidmm_va_node node;
    char *address;
    void (*written)(void *user, uint64_t offset);
    void *user;
    uint32_t access_count UDXG_GUARDED_BY(VIDMM); /* engines inside */
};

struct vidmm_va_space {
    uint64_t client_end;     /* clients have [0, client_end); constant */
    uint64_t end;            /* we have [client_end, end); constant */
    struct udxg_slab *nodes; /* borrowed; constant */
    struct udxg_mutex_VASPACE lock;
    struct udxg_range_tree spans UDXG_GUARDED_BY(VASPACE);
    struct udxg_range_tree overlay UDXG_GUARDED_BY(VASPACE);
};

bool vidmm_va_bits_are_valid(unsigned gpu_va_bits);
/* NODES is a slab of struct vidmm_va_node. */
void vidmm_va_space_init(struct vidmm_va_space *space, unsigned gpu_va_bits, struct udxg_slab *nodes);
/* No mapping of a binding may be left. */
void vidmm_va_space_fini(struct vidmm_va_space *space);

/* All mappings of a binding. */
void vidmm_va_release(struct vidmm_process *process, struct vidmm_binding *binding);

/* What an address means, NULL when it is free, and how far from it on that holds at least. */
struct vidmm_va_node *vidmm_va_find_locked(struct vidmm_va_space *space, uint64_t va, uint64_t *ret_length)
    UDXG_REQUIRES(VASPACE);

const char *vidmm_va_space_check(struct vidmm_va_space *space);

#endif
