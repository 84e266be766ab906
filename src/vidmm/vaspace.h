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
 * A mapping of an allocation hangs in its binding's list too, and goes with the binding. A window of an
 * allocation that repeats, however often, is one node:
 *
 *     linear     offset(va) = offset_bytes + (va - start)                                      window_bytes 0
 *     repeating  offset(va) = offset_bytes + (phase_bytes + (va - start)) % window_bytes       phase < window
 *
 * A mapping that is still to be made by a queued update (vaupdate.c) is a node too, QUEUED: in its binding's list
 * and in no tree.
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
    VIDMM_VA_QUEUED,   /* to be MAPPED; an update's */
};

struct vidmm_va_node {
    struct udxg_range_node range;
    struct vidmm_binding *binding;       /* NULL but for an allocation's */
    struct vidmm_va_node *next, **pprev; /* in the binding's list */
    uint64_t offset_bytes;               /* in the allocation; of a reservation: its number in the space */
    uint64_t window_bytes, phase_bytes;  /* of a mapping that repeats; 0 */
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

/* What a space may consist of. A copy of mappings can double them, so without a limit a few calls take all memory. */
#define VIDMM_VA_MOST_NODES (UINT32_C(1) << 21)

struct vidmm_va_space {
    uint64_t client_end;     /* clients have [0, client_end); constant */
    uint64_t end;            /* we have [client_end, end); constant */
    struct udxg_slab *nodes; /* borrowed; constant */
    struct udxg_mutex_VASPACE lock;
    struct udxg_range_tree spans UDXG_GUARDED_BY(VASPACE);
    struct udxg_range_tree overlay UDXG_GUARDED_BY(VASPACE);
    uint64_t reservations UDXG_GUARDED_BY(VASPACE); /* ever made: each has its number, which never comes again */
    uint32_t node_count UDXG_GUARDED_BY(VASPACE);   /* in both trees */
    uint32_t most_nodes;                            /* VIDMM_VA_MOST_NODES, or less in tests; constant */
};

bool vidmm_va_bits_are_valid(unsigned gpu_va_bits);
/* NODES is a slab of struct vidmm_va_node. */
void vidmm_va_space_init(struct vidmm_va_space *space, unsigned gpu_va_bits, struct udxg_slab *nodes);
/* No mapping of a binding may be left. */
void vidmm_va_space_fini(struct vidmm_va_space *space);

/* All mappings of a binding. */
void vidmm_va_release(struct vidmm_process *process, struct vidmm_binding *binding);

/*
 * What an address means, NULL when it is free, and how far from it on that holds at least. That of a mapping is one
 * piece of its allocation, at vidmm_va_offset().
 */
struct vidmm_va_node *vidmm_va_find_locked(struct vidmm_va_space *space, uint64_t va, uint64_t *ret_length)
    UDXG_REQUIRES(VASPACE);
/* Where in its allocation a mapping has VA. */
uint64_t vidmm_va_offset(const struct vidmm_va_node *node, uint64_t va);

static inline struct vidmm_va_node *vidmm_va_node_of(struct udxg_range_node *range)
{
    return range ? udxg_container_of(range, struct vidmm_va_node, range) : NULL;
}

static inline uint64_t vidmm_va_end_of(const struct vidmm_va_node *node)
{
    return node->range.start + node->range.size;
}

/* A node's start moves up by DISTANCE: what it says of it follows. Not its range. */
static inline void vidmm_va_advance(struct vidmm_va_node *node, uint64_t distance)
{
    if (node->window_bytes)
        node->phase_bytes = (node->phase_bytes + distance) % node->window_bytes;
    else if (node->binding)
        node->offset_bytes += distance;
}

/* ---- for those who change mappings: vaspace.c and vaupdate.c ---- */

enum { VIDMM_VA_NO_ALLOCATION = VIDMM_VA_PROTECT_ZERO | VIDMM_VA_PROTECT_NO_ACCESS };

/* Nodes that an operation may need, got before anything changes: prepare may fail, commit may not. */
struct vidmm_va_spares {
    struct vidmm_va_node *node[2];
};
bool vidmm_va_get_spares(struct vidmm_va_space *space, unsigned count, struct vidmm_va_spares *spares);
struct vidmm_va_node *vidmm_va_take_spare(struct vidmm_va_spares *spares);
void vidmm_va_put_spares(struct vidmm_va_space *space, struct vidmm_va_spares *spares);

/* Whether PROTECTION is one, and goes with an allocation (or none). */
bool vidmm_va_protection_is_valid(uint32_t protection, bool has_allocation);
/* Whether clients may have it; false for an empty range. */
bool vidmm_va_is_client_range(const struct vidmm_va_space *space, uint64_t base, uint64_t size_bytes);

/* Takes [start, end) out of everything mapped in TREE, and takes out whole reservations inside it; one spare. */
void vidmm_va_cut_locked(struct vidmm_va_space *space, struct udxg_range_tree *tree, uint64_t start, uint64_t end,
                         struct vidmm_va_spares *spares) UDXG_REQUIRES(VASPACE);
/* Whether the space may have COUNT nodes more. Cutting may always add its one: or nothing could be freed any more. */
bool vidmm_va_has_room_locked(const struct vidmm_va_space *space, uint32_t count) UDXG_REQUIRES(VASPACE);
/* A node into a tree, a node into its binding's list (which may be none), and out of it. */
void vidmm_va_insert_locked(struct vidmm_va_space *space, struct udxg_range_tree *tree, struct vidmm_va_node *node,
                            uint64_t start, uint64_t size_bytes) UDXG_REQUIRES(VASPACE);
void vidmm_va_link_locked(struct vidmm_va_node *node, struct vidmm_binding *binding) UDXG_REQUIRES(VASPACE);
void vidmm_va_unlink_locked(struct vidmm_va_node *node) UDXG_REQUIRES(VASPACE);

const char *vidmm_va_space_check(struct vidmm_va_space *space);

#endif
