/* SPDX-License-Identifier: MIT */
/*
 * Objects of one size, many of them, without malloc's header and with their memory never returned: an
 * address that held an object of a slab holds an object of that slab for ever.
 */
#ifndef UDXG_BASE_SLAB_H
#define UDXG_BASE_SLAB_H

#include <stddef.h>
#include <stdint.h>

#include "base/lock.h"

struct udxg_slab_chunk;

struct udxg_slab {
    struct udxg_mutex_SLAB lock;
    size_t object_bytes;                      /* constant */
    void *free_objects UDXG_GUARDED_BY(SLAB); /* singly linked through their first word */
    struct udxg_slab_chunk *chunks UDXG_GUARDED_BY(SLAB);
    uint32_t chunk_count UDXG_GUARDED_BY(SLAB);
    char *fresh UDXG_GUARDED_BY(SLAB);     /* the untouched rest of the newest chunk ... */
    char *fresh_end UDXG_GUARDED_BY(SLAB); /* ... ends here */
};

/* OBJECT_BYTES is at most 64 KiB; objects are aligned to 16 bytes, those of 64 bytes to 64. */
void udxg_slab_init(struct udxg_slab *slab, size_t object_bytes);
/* Gives all chunks back; every object must have been freed or be out of use. */
void udxg_slab_fini(struct udxg_slab *slab);
/* A zeroed object, NULL when memory is out. */
void *udxg_slab_alloc(struct udxg_slab *slab);
/* Takes NULL. */
void udxg_slab_free(struct udxg_slab *slab, void *object);

/* How many objects are handed out, counted anew: whoever loses one has no other way to see it. For tests. */
size_t udxg_slab_in_use(struct udxg_slab *slab);

#endif
