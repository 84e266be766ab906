/* SPDX-License-Identifier: MIT */
/*
 * The memory manager without handles: an adapter built from caps, a process, a device with one paging queue,
 * and things, each an allocation with one binding that is mapped for the device's engines.
 */
#ifndef UDXG_TESTS_VIDMM_FIXTURE_H
#define UDXG_TESTS_VIDMM_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "vidmm/vidmm.h"

#define KIB UINT64_C(1024)
#define MIB (KIB * KIB)
#define GIB (MIB * KIB)

#define LOCAL 1u    /* segment ids of discrete_caps() */
#define APERTURE 2u /* and 1 on an adapter of uma_caps() */
#define SET(segment_id) (1u << ((segment_id)-1))

static inline struct udxg_adapter_caps discrete_caps(uint64_t local_bytes)
{
    return (struct udxg_adapter_caps){
        .gpu_va_bits = 48,
        .system_commit_limit_bytes = 2 * GIB,
        .segment_count = 2,
        .segments =
            {
                {.flags = UDXG_SEGMENT_LOCAL_BUDGET_GROUP | UDXG_SEGMENT_APPLICATION_TARGET, .size_bytes = local_bytes},
                {.flags = UDXG_SEGMENT_APERTURE | UDXG_SEGMENT_NON_LOCAL_BUDGET_GROUP, .size_bytes = 256 * MIB},
            },
    };
}

static inline struct udxg_adapter_caps uma_caps(void)
{
    return (struct udxg_adapter_caps){
        .gpu_va_bits = 48,
        .system_commit_limit_bytes = 2 * GIB,
        .segment_count = 1,
        .segments = {{.flags =
                          UDXG_SEGMENT_APERTURE | UDXG_SEGMENT_LOCAL_BUDGET_GROUP | UDXG_SEGMENT_APPLICATION_TARGET,
                      .size_bytes = 256 * MIB}},
    };
}

struct world {
    struct vidmm_adapter *adapter;
    struct vidmm_process *process;
    struct vidmm_device device; /* its callbacks find the world by it */
    struct vidmm_queue *queue;
    struct vidmm_view view; /* of work that is always the newest: what is evicted faults */
    struct udxg_gpu_memory memory;
    pthread_mutex_t mutex;
    pthread_cond_t moved;
    uint64_t fence;
    unsigned ready;
    udxg_status failed;
};

static inline void world_completed(void *user, uint64_t fence_value)
{
    struct world *world = user;
    pthread_mutex_lock(&world->mutex);
    if (fence_value <= world->fence) abort(); /* cmocka's assertions are for its own thread */
    world->fence = fence_value;
    pthread_cond_broadcast(&world->moved);
    pthread_mutex_unlock(&world->mutex);
}

static inline void world_ready(struct vidmm_device *device)
{
    struct world *world = udxg_container_of(device, struct world, device);
    pthread_mutex_lock(&world->mutex);
    world->ready++;
    pthread_cond_broadcast(&world->moved);
    pthread_mutex_unlock(&world->mutex);
}

static inline void world_failed(struct vidmm_device *device, udxg_status why)
{
    struct world *world = udxg_container_of(device, struct world, device);
    pthread_mutex_lock(&world->mutex);
    world->failed = why;
    pthread_mutex_unlock(&world->mutex);
}

static inline void world_wait(struct world *world, uint64_t fence_value)
{
    pthread_mutex_lock(&world->mutex);
    while (world->fence < fence_value) pthread_cond_wait(&world->moved, &world->mutex);
    pthread_mutex_unlock(&world->mutex);
}

/* A process of an adapter that may be shared. */
static inline void world_join(struct world *world, struct vidmm_adapter *adapter)
{
    *world = (struct world){.adapter = adapter};
    pthread_mutex_init(&world->mutex, NULL);
    pthread_cond_init(&world->moved, NULL);
    assert_int_equal(vidmm_process_create(adapter, NULL, &world->process), STATUS_SUCCESS);
    vidmm_device_init(&world->device, world->process, world_ready, world_failed);
    assert_int_equal(vidmm_queue_create(&world->device, 0, world_completed, world, &world->queue), STATUS_SUCCESS);
    vidmm_gpu_memory(&world->device, &world->view, &world->memory);
    world->view.evictions = UINT64_MAX;
}

static inline void world_leave(struct world *world)
{
    vidmm_queue_destroy(world->queue);
    vidmm_device_fini(&world->device);
    assert_null(vidmm_process_check(world->process));
    struct vidmm_usage usage;
    vidmm_process_usage(world->process, &usage);
    assert_int_equal(usage.allocations, 0);
    assert_int_equal(usage.commit_bytes, 0);
    vidmm_process_destroy(world->process);
    pthread_mutex_destroy(&world->mutex);
    pthread_cond_destroy(&world->moved);
}

static inline void world_open(struct world *world, const struct udxg_adapter_caps *caps)
{
    struct vidmm_adapter *adapter;
    assert_int_equal(vidmm_adapter_create(caps, &adapter), STATUS_SUCCESS);
    world_join(world, adapter);
}

static inline void world_close(struct world *world)
{
    assert_null(vidmm_adapter_check(world->adapter));
    world_leave(world);
    assert_null(vidmm_adapter_check(world->adapter));
    vidmm_adapter_destroy(world->adapter);
}

struct thing {
    struct vidmm_alloc alloc;
    struct vidmm_binding binding;
    uint64_t va;
};

static inline struct vidmm_alloc_desc thing_desc(const struct world *world, uint64_t size_bytes)
{
    struct vidmm_segment_info info;
    bool discrete = !udxg_failed(vidmm_adapter_segment(world->adapter, 2, &info));
    return (struct vidmm_alloc_desc){
        .size_bytes = size_bytes,
        .alignment_bytes = 4 * KIB,
        .preferred = {{.segment_id = 1}},
        .supported_segments = discrete ? SET(LOCAL) | SET(APERTURE) : SET(1),
        .flags = UDXG_ALLOCATION_CPU_VISIBLE,
        .priority = D3DDDI_ALLOCATIONPRIORITY_NORMAL,
    };
}

static inline void thing_map(struct world *world, struct thing *thing)
{
    struct vidmm_va_map map = {
        .binding = &thing->binding,
        .size_pages = thing->alloc.size_bytes / (4 * KIB),
        .protection = VIDMM_VA_WRITE,
    };
    assert_int_equal(vidmm_va_map(world->process, &map, &thing->va), STATUS_SUCCESS);
}

static inline void thing_make(struct world *world, struct thing *thing, const struct vidmm_alloc_desc *desc)
{
    assert_int_equal(vidmm_alloc_init(&thing->alloc, world->process, desc), STATUS_SUCCESS);
    vidmm_binding_init(&thing->binding, &thing->alloc, &world->device);
    thing_map(world, thing);
}

static inline void thing_make_plain(struct world *world, struct thing *thing, uint64_t size_bytes)
{
    struct vidmm_alloc_desc desc = thing_desc(world, size_bytes);
    thing_make(world, thing, &desc);
}

static inline void thing_destroy(struct thing *thing)
{
    vidmm_binding_fini(&thing->binding);
    vidmm_alloc_fini(&thing->alloc);
}

static inline udxg_status try_resident(struct world *world, struct thing *thing, uint64_t *ret_trim_bytes)
{
    struct vidmm_binding *binding = &thing->binding;
    uint64_t fence = 0;
    udxg_status status = vidmm_make_resident(world->queue, 1, &binding, 0, &fence, ret_trim_bytes);
    if (status == STATUS_PENDING) {
        assert_true(fence > 0);
        world_wait(world, fence);
    } else {
        assert_int_equal(fence, 0);
    }
    return status;
}

static inline void make_resident(struct world *world, struct thing *thing)
{
    uint64_t trim_bytes;
    assert_false(udxg_failed(try_resident(world, thing, &trim_bytes)));
}

static inline void evict(struct world *world, struct thing *thing, uint32_t flags)
{
    struct vidmm_binding *binding = &thing->binding;
    uint64_t trim_bytes;
    assert_int_equal(vidmm_evict(&world->device, 1, &binding, flags, &trim_bytes), STATUS_SUCCESS);
}

static inline struct vidmm_segment_info segment_info(const struct world *world, uint32_t segment_id)
{
    struct vidmm_segment_info info;
    assert_int_equal(vidmm_adapter_segment(world->adapter, segment_id, &info), STATUS_SUCCESS);
    return info;
}

static inline uint64_t usage_of(const struct world *world, enum vidmm_group group)
{
    struct vidmm_budget budget;
    vidmm_process_budget(world->process, group, &budget);
    return budget.usage_bytes;
}

/* Content that tells one thing, one place in it and one version of it from all others. */
static inline uint64_t content_at(uint64_t seed, uint64_t index)
{
    uint64_t z = seed * UINT64_C(0x9e3779b97f4a7c15) + index * UINT64_C(0xbf58476d1ce4e5b9);
    return (z ^ z >> 31) * UINT64_C(0x94d049bb133111eb);
}

static inline void content_make(uint64_t seed, uint64_t *words, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) words[i] = content_at(seed, i);
}

static inline bool content_is(uint64_t seed, const uint64_t *words, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        if (words[i] != content_at(seed, i)) return false;
    return true;
}

#endif
