/* SPDX-License-Identifier: MIT */
/*
 * A slab takes chunks from the system. A chunk begins with a cache line that links it to the others. Behind the stripes
 * is a depot, of batches of free objects and of the untouched rest of the newest chunk. A stripe hands out free
 * objects last in, first out, and keeps up to two batches of them: so one that takes and gives around the end of a
 * batch leaves the depot alone.
 *
 *      alloc, free  <->  free_objects  <->  full_batch  <->  batches
 *                                     ^----------------------  [fresh, fresh_end)  <--  the system
 *
 * Invariant: an object is in use, or on exactly one list, or in [fresh, fresh_end).
 * Locks: a stripe's SLAB, held for a few instructions; inside it DEPOT, once a batch, and while a chunk is mapped.
 * It does not give memory back before its end, and it does not find double frees.
 */
#include "base/slab.h"

#include <string.h>

#include "base/leak_check.h"
#include "base/os.h"

#define SMALL_CHUNK_BYTES (256u << 10) /* lazily backed: a slab of few objects costs one page */
#define LARGE_CHUNK_BYTES (2u << 20)   /* one page where the system gives large ones: far fewer misses to find it */
#define SMALL_CHUNKS 8u                /* before the large ones begin */
#define BATCH 16u                      /* objects that go between a stripe and the depot at a time */

struct udxg_slab_chunk {
    struct udxg_slab_chunk *next;
    size_t bytes;
    _Alignas(64) char objects[];
};

static void **link_of(void *object)
{
    return object;
}

static void **batch_link_of(void *first_object)
{
    return (void **)first_object + 1;
}

void udxg_slab_init(struct udxg_slab *slab, size_t object_bytes)
{
    memset(slab, 0, sizeof(*slab));
    udxg_mutex_init_DEPOT(&slab->lock);
    for (unsigned i = 0; i < UDXG_STRIPES; i++) udxg_mutex_init_SLAB(&slab->stripes[i].lock);
    slab->object_bytes = udxg_align_up(object_bytes, 16);
}

static void unmap_chunks_locked(struct udxg_slab *slab) UDXG_REQUIRES(DEPOT)
{
    while (slab->chunks) {
        struct udxg_slab_chunk *chunk = slab->chunks;
        slab->chunks = chunk->next;
        UDXG_POINTERS_UNMAPPED(chunk, chunk->bytes);
        udxg_os_unmap(chunk, chunk->bytes);
    }
}

void udxg_slab_fini(struct udxg_slab *slab)
{
    udxg_lock(DEPOT, &slab->lock);
    unmap_chunks_locked(slab);
    udxg_unlock(DEPOT, &slab->lock);
    for (unsigned i = 0; i < UDXG_STRIPES; i++) udxg_mutex_fini_SLAB(&slab->stripes[i].lock);
    udxg_mutex_fini_DEPOT(&slab->lock);
}

/* ---- the depot ---- */

static bool add_chunk_locked(struct udxg_slab *slab) UDXG_REQUIRES(DEPOT)
{
    bool large = slab->chunk_count >= SMALL_CHUNKS;
    size_t bytes = large ? LARGE_CHUNK_BYTES : SMALL_CHUNK_BYTES;
    size_t objects = (bytes - sizeof(struct udxg_slab_chunk)) / slab->object_bytes;
    void *memory;
    udxg_status status = large ? udxg_os_map_large(bytes, &memory) : udxg_os_map_anonymous(bytes, &memory);
    if (udxg_failed(status)) return false;
    struct udxg_slab_chunk *chunk = memory;
    UDXG_POINTERS_MAPPED(chunk, bytes);
    chunk->next = slab->chunks;
    chunk->bytes = bytes;
    slab->chunks = chunk;
    slab->chunk_count++;
    slab->fresh = chunk->objects;
    slab->fresh_end = slab->fresh + objects * slab->object_bytes;
    return true;
}

/* Gives an empty stripe a batch. The rest of a chunk may be less. */
static bool refill_locked(struct udxg_slab *slab, struct udxg_slab_stripe *stripe) UDXG_REQUIRES(SLAB)
    UDXG_REQUIRES(DEPOT)
{
    if (slab->batches) {
        stripe->free_objects = slab->batches;
        stripe->free_count = BATCH;
        slab->batches = *batch_link_of(stripe->free_objects);
        return true;
    }
    if (slab->fresh == slab->fresh_end && !add_chunk_locked(slab)) return false;
    void **link = &stripe->free_objects;
    for (; stripe->free_count < BATCH && slab->fresh != slab->fresh_end; stripe->free_count++) {
        *link = slab->fresh;
        link = link_of(slab->fresh);
        slab->fresh += slab->object_bytes;
    }
    *link = NULL;
    return true;
}

static void give_batch_locked(struct udxg_slab *slab, void *batch) UDXG_REQUIRES(DEPOT)
{
    *batch_link_of(batch) = slab->batches;
    slab->batches = batch;
}

/* ---- a stripe ---- */

static bool fill_locked(struct udxg_slab *slab, struct udxg_slab_stripe *stripe) UDXG_REQUIRES(SLAB)
{
    if (stripe->full_batch) {
        stripe->free_objects = stripe->full_batch;
        stripe->free_count = BATCH;
        stripe->full_batch = NULL;
        return true;
    }
    udxg_lock(DEPOT, &slab->lock);
    bool filled = refill_locked(slab, stripe);
    udxg_unlock(DEPOT, &slab->lock);
    return filled;
}

static void *take_locked(struct udxg_slab *slab, struct udxg_slab_stripe *stripe) UDXG_REQUIRES(SLAB)
{
    if (!stripe->free_objects && !fill_locked(slab, stripe)) return NULL;
    void *object = stripe->free_objects;
    stripe->free_objects = *link_of(object);
    stripe->free_count--;
    return object;
}

void *udxg_slab_alloc_in(struct udxg_slab *slab, unsigned stripe)
{
    udxg_lock(SLAB, &slab->stripes[stripe].lock);
    void *object = take_locked(slab, &slab->stripes[stripe]);
    udxg_unlock(SLAB, &slab->stripes[stripe].lock);
    if (object) memset(object, 0, slab->object_bytes);
    return object;
}

static void put_locked(struct udxg_slab *slab, struct udxg_slab_stripe *stripe, void *object) UDXG_REQUIRES(SLAB)
{
    if (stripe->free_count == BATCH) {
        if (stripe->full_batch) {
            udxg_lock(DEPOT, &slab->lock);
            give_batch_locked(slab, stripe->full_batch);
            udxg_unlock(DEPOT, &slab->lock);
        }
        stripe->full_batch = stripe->free_objects;
        stripe->free_objects = NULL;
        stripe->free_count = 0;
    }
    *link_of(object) = stripe->free_objects;
    stripe->free_objects = object;
    stripe->free_count++;
}

void udxg_slab_free_in(struct udxg_slab *slab, unsigned stripe, void *object)
{
    if (!object) return;
    udxg_lock(SLAB, &slab->stripes[stripe].lock);
    put_locked(slab, &slab->stripes[stripe], object);
    udxg_unlock(SLAB, &slab->stripes[stripe].lock);
}

/* ---- count ---- */

static size_t list_length(void *objects)
{
    size_t count = 0;
    for (; objects; objects = *link_of(objects)) count++;
    return count;
}

static size_t count_kept_locked(const struct udxg_slab_stripe *stripe) UDXG_REQUIRES(SLAB)
{
    return list_length(stripe->free_objects) + list_length(stripe->full_batch);
}

static size_t count_given_locked(struct udxg_slab *slab) UDXG_REQUIRES(DEPOT)
{
    size_t count = 0;
    for (const struct udxg_slab_chunk *chunk = slab->chunks; chunk; chunk = chunk->next)
        count += (chunk->bytes - sizeof(*chunk)) / slab->object_bytes;
    for (void *batch = slab->batches; batch; batch = *batch_link_of(batch)) count -= list_length(batch);
    return count - (size_t)(slab->fresh_end - slab->fresh) / slab->object_bytes;
}

size_t udxg_slab_in_use(struct udxg_slab *slab)
{
    size_t kept = 0;
    for (unsigned i = 0; i < UDXG_STRIPES; i++) {
        udxg_lock(SLAB, &slab->stripes[i].lock);
        kept += count_kept_locked(&slab->stripes[i]);
        udxg_unlock(SLAB, &slab->stripes[i].lock);
    }
    udxg_lock(DEPOT, &slab->lock);
    size_t given = count_given_locked(slab);
    udxg_unlock(DEPOT, &slab->lock);
    return given - kept;
}
