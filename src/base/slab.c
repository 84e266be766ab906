/* SPDX-License-Identifier: MIT */
/*
 * A slab takes chunks from the system, hands out fresh objects from the front of the newest chunk and freed
 * ones last in, first out. A chunk begins with a cache line that links it to the others.
 *
 * Invariant: an object is in use, or on the free list, or in [fresh, fresh_end).
 * Locks: SLAB, held for a few instructions, and while a chunk is mapped.
 * It does not give memory back before its end, and it does not find double frees.
 */
#include "base/slab.h"

#include <string.h>

#include "base/os.h"

/* The leak checker looks for pointers in the heap and in globals, and chunks are neither. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define LOOK_FOR_POINTERS
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(LOOK_FOR_POINTERS)
#include <sanitizer/lsan_interface.h>
#define CHUNK_MAPPED(chunk, bytes) __lsan_register_root_region(chunk, bytes)
#define CHUNK_UNMAPPED(chunk, bytes) __lsan_unregister_root_region(chunk, bytes)
#else
#define CHUNK_MAPPED(chunk, bytes) ((void)(chunk), (void)(bytes))
#define CHUNK_UNMAPPED(chunk, bytes) ((void)(chunk), (void)(bytes))
#endif

#define SMALL_CHUNK_BYTES (256u << 10) /* lazily backed: a slab of few objects costs one page */
#define LARGE_CHUNK_BYTES (2u << 20)   /* one page where the system gives large ones: far fewer misses to find it */
#define SMALL_CHUNKS 8u                /* before the large ones begin */

struct udxg_slab_chunk {
    struct udxg_slab_chunk *next;
    size_t bytes;
    _Alignas(64) char objects[];
};

static void **link_of(void *object)
{
    return object;
}

void udxg_slab_init(struct udxg_slab *slab, size_t object_bytes)
{
    memset(slab, 0, sizeof(*slab));
    udxg_mutex_init_SLAB(&slab->lock);
    slab->object_bytes = udxg_align_up(object_bytes, 16);
}

static void unmap_chunks_locked(struct udxg_slab *slab) UDXG_REQUIRES(SLAB)
{
    while (slab->chunks) {
        struct udxg_slab_chunk *chunk = slab->chunks;
        slab->chunks = chunk->next;
        CHUNK_UNMAPPED(chunk, chunk->bytes);
        udxg_os_unmap(chunk, chunk->bytes);
    }
    slab->free_objects = NULL;
    slab->fresh = slab->fresh_end = NULL;
}

void udxg_slab_fini(struct udxg_slab *slab)
{
    udxg_lock(SLAB, &slab->lock);
    unmap_chunks_locked(slab);
    udxg_unlock(SLAB, &slab->lock);
    udxg_mutex_fini_SLAB(&slab->lock);
}

static bool add_chunk_locked(struct udxg_slab *slab) UDXG_REQUIRES(SLAB)
{
    bool large = slab->chunk_count >= SMALL_CHUNKS;
    size_t bytes = large ? LARGE_CHUNK_BYTES : SMALL_CHUNK_BYTES;
    size_t objects = (bytes - sizeof(struct udxg_slab_chunk)) / slab->object_bytes;
    void *memory;
    udxg_status status = large ? udxg_os_map_large(bytes, &memory) : udxg_os_map_anonymous(bytes, &memory);
    if (udxg_failed(status)) return false;
    struct udxg_slab_chunk *chunk = memory;
    CHUNK_MAPPED(chunk, bytes);
    chunk->next = slab->chunks;
    chunk->bytes = bytes;
    slab->chunks = chunk;
    slab->chunk_count++;
    slab->fresh = chunk->objects;
    slab->fresh_end = slab->fresh + objects * slab->object_bytes;
    return true;
}

/* *ret_recycled: whether the object holds an old one's bytes. Fresh ones are zero as the system gave them. */
static void *take_locked(struct udxg_slab *slab, bool *ret_recycled) UDXG_REQUIRES(SLAB)
{
    void *object = slab->free_objects;
    *ret_recycled = object != NULL;
    if (object) {
        slab->free_objects = *link_of(object);
        return object;
    }
    if (slab->fresh == slab->fresh_end && !add_chunk_locked(slab)) return NULL;
    object = slab->fresh;
    slab->fresh += slab->object_bytes;
    return object;
}

void *udxg_slab_alloc(struct udxg_slab *slab)
{
    bool recycled;
    udxg_lock(SLAB, &slab->lock);
    void *object = take_locked(slab, &recycled);
    udxg_unlock(SLAB, &slab->lock);
    if (recycled) memset(object, 0, slab->object_bytes);
    return object;
}

void udxg_slab_free(struct udxg_slab *slab, void *object)
{
    if (!object) return;
    udxg_lock(SLAB, &slab->lock);
    *link_of(object) = slab->free_objects;
    slab->free_objects = object;
    udxg_unlock(SLAB, &slab->lock);
}

static size_t count_in_use_locked(struct udxg_slab *slab) UDXG_REQUIRES(SLAB)
{
    size_t count = 0;
    for (const struct udxg_slab_chunk *chunk = slab->chunks; chunk; chunk = chunk->next)
        count += (chunk->bytes - sizeof(*chunk)) / slab->object_bytes;
    for (void *object = slab->free_objects; object; object = *link_of(object)) count--;
    return count - (size_t)(slab->fresh_end - slab->fresh) / slab->object_bytes;
}

size_t udxg_slab_in_use(struct udxg_slab *slab)
{
    udxg_lock(SLAB, &slab->lock);
    size_t count = count_in_use_locked(slab);
    udxg_unlock(SLAB, &slab->lock);
    return count;
}
