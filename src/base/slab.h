/* SPDX-License-Identifier: MIT */
/*
 * Objects of one size, many of them, without malloc's header and with their memory never returned: an
 * address that held an object of a slab holds an object of that slab for ever. Any stripe may free what another took.
 */
#ifndef UDXG_BASE_SLAB_H
#define UDXG_BASE_SLAB_H

#include <stddef.h>
#include <stdint.h>

#include "base/stripe.h"
#include "base/lock.h"

struct udxg_slab_chunk;

/* At most two batches of free objects. */
struct udxg_slab_stripe {
    char before[UDXG_STRIPE_GAP];
    struct udxg_mutex_SLAB lock;
    uint32_t free_count UDXG_GUARDED_BY(SLAB); /* of free_objects; at most a batch */
    void *free_objects UDXG_GUARDED_BY(SLAB);  /* last in, first out; singly linked through their first word */
    void *full_batch UDXG_GUARDED_BY(SLAB);    /* one more list, of a whole batch; or NULL */
    char behind[UDXG_STRIPE_GAP];
};

struct udxg_slab {
    size_t object_bytes; /* constant */
    struct udxg_mutex_DEPOT lock;
    void *batches
        UDXG_GUARDED_BY(DEPOT); /* lists of a whole batch each; linked through their first object's second word */
    struct udxg_slab_chunk *chunks UDXG_GUARDED_BY(DEPOT);
    uint32_t chunk_count UDXG_GUARDED_BY(DEPOT);
    char *fresh UDXG_GUARDED_BY(DEPOT);     /* the untouched rest of the newest chunk ... */
    char *fresh_end UDXG_GUARDED_BY(DEPOT); /* ... ends here */
    struct udxg_slab_stripe stripes[UDXG_STRIPES];
};

/* OBJECT_BYTES is at most 64 KiB; objects are aligned to 16 bytes, and to 64 where their size is. */
void udxg_slab_init(struct udxg_slab *slab, size_t object_bytes);
/* Gives all chunks back; every object must have been freed or be out of use. */
void udxg_slab_fini(struct udxg_slab *slab);
/* A zeroed object, NULL when memory is out. */
void *udxg_slab_alloc_in(struct udxg_slab *slab, unsigned stripe);
/* Takes NULL. */
void udxg_slab_free_in(struct udxg_slab *slab, unsigned stripe, void *object);

/* The same, for what belongs to no device. */
static inline void *udxg_slab_alloc(struct udxg_slab *slab)
{
    return udxg_slab_alloc_in(slab, 0);
}

static inline void udxg_slab_free(struct udxg_slab *slab, void *object)
{
    udxg_slab_free_in(slab, 0, object);
}

/* How many objects are handed out, counted anew: whoever loses one has no other way to see it. For tests. */
size_t udxg_slab_in_use(struct udxg_slab *slab);

#endif
