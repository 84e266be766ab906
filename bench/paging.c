/* SPDX-License-Identifier: MIT */
/*
 * P14, P15: moving bytes between homes and video memory, at the memory manager itself, so that nothing else is counted.
 * All pages of all pools have been touched. Whatever leaves has been written, so that it has to be copied. The anchors
 * copy between the same buffers with memcpy, on one thread.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measure.h"
#include "row.h"
#include "vidmm/segment.h"
#include "vidmm/vidmm.h"

#define MIB (UINT64_C(1) << 20)
#define LOCAL_BYTES (128 * MIB) /* more than caches hold */
#define MOST (2 * LOCAL_BYTES / MIB)
#define SWAPS 8u

struct piece {
    struct vidmm_alloc alloc;
    struct vidmm_binding binding;
    uint64_t va;
    char *segment; /* where it was in video memory first */
};

/* Pieces of one size, twice as many as fit; the first half of the order is listed. */
struct swap {
    struct vidmm_adapter *adapter;
    struct vidmm_process *process;
    struct vidmm_device device;
    struct vidmm_queue *queue;
    struct vidmm_view view;
    struct udxg_gpu_memory memory;
    pthread_mutex_t mutex;
    pthread_cond_t moved;
    uint64_t fence, random;
    uint32_t fitting, batch, next; /* fitting is a multiple of batch */
    struct piece pieces[MOST];
    uint32_t order[MOST];
};

static void completed(void *user, uint64_t fence_value)
{
    struct swap *swap = user;
    pthread_mutex_lock(&swap->mutex);
    swap->fence = fence_value;
    pthread_cond_signal(&swap->moved);
    pthread_mutex_unlock(&swap->mutex);
}

static void ready(struct vidmm_device *device)
{
    (void)device;
}

static void failed(struct vidmm_device *device, udxg_status why)
{
    (void)device;
    measure_die("paging failed: 0x%08X", (unsigned)why);
}

static void check(udxg_status status, const char *what)
{
    if (udxg_failed(status)) measure_die("%s: 0x%08X", what, (unsigned)status);
}

/* ---- ours ---- */

static void list(struct swap *swap, uint32_t count, struct vidmm_binding *const *bindings)
{
    uint64_t fence, trim;
    check(vidmm_make_resident(swap->queue, count, bindings, 0, &fence, &trim), "vidmm_make_resident");
    pthread_mutex_lock(&swap->mutex);
    while (swap->fence < fence) pthread_cond_wait(&swap->moved, &swap->mutex);
    pthread_mutex_unlock(&swap->mutex);
}

static void unlist(struct swap *swap, struct piece *piece)
{
    struct vidmm_binding *binding = &piece->binding;
    uint64_t word = 1, fault, trim;
    check(swap->memory.write(swap->memory.context, piece->va, &word, sizeof word, &fault), "write");
    check(vidmm_evict(&swap->device, 1, &binding, VIDMM_EVICT_ONLY_IF_NECESSARY, &trim), "vidmm_evict");
}

static struct piece *at(struct swap *swap, uint32_t index)
{
    return &swap->pieces[swap->order[index]];
}

/* A random one out, and a random one in: nanoseconds for each. */
static double swap_random(void *state)
{
    struct swap *swap = state;
    uint64_t start = measure_now_ns();
    for (unsigned i = 0; i < SWAPS; i++) {
        uint32_t out = (uint32_t)(measure_random(&swap->random) % swap->fitting);
        uint32_t in = swap->fitting + (uint32_t)(measure_random(&swap->random) % swap->fitting);
        struct vidmm_binding *binding = &at(swap, in)->binding;
        unlist(swap, at(swap, out));
        list(swap, 1, &binding);
        uint32_t index = swap->order[in];
        swap->order[in] = swap->order[out];
        swap->order[out] = index;
    }
    return (double)(measure_now_ns() - start) / SWAPS;
}

/* Some of the listed ones out, as many in, in one call: nanoseconds for a pair. The next repetition takes the next. */
static double swap_some(void *state)
{
    static struct vidmm_binding *bindings[MOST];
    struct swap *swap = state;
    uint64_t start = measure_now_ns();
    for (uint32_t i = 0; i < swap->batch; i++) {
        unlist(swap, at(swap, swap->next + i));
        bindings[i] = &at(swap, swap->fitting + swap->next + i)->binding;
    }
    list(swap, swap->batch, bindings);
    uint64_t end = measure_now_ns();
    for (uint32_t i = swap->next; i < swap->next + swap->batch; i++) {
        uint32_t index = swap->order[i];
        swap->order[i] = swap->order[swap->fitting + i];
        swap->order[swap->fitting + i] = index;
    }
    swap->next = (swap->next + swap->batch) % swap->fitting;
    return (double)(end - start) / swap->batch;
}

/* ---- the anchor ---- */

/* What every piece holds is the same, and who is in video memory is not in its home: any copy is harmless. */
static double copy_random(void *state)
{
    struct swap *swap = state;
    uint64_t start = measure_now_ns();
    for (unsigned i = 0; i < SWAPS; i++) {
        struct piece *out = at(swap, (uint32_t)(measure_random(&swap->random) % swap->fitting));
        struct piece *in = at(swap, swap->fitting + (uint32_t)(measure_random(&swap->random) % swap->fitting));
        memcpy(out->alloc.home, in->segment, out->alloc.size_bytes);
        memcpy(in->segment, in->alloc.home, in->alloc.size_bytes);
    }
    return (double)(measure_now_ns() - start) / SWAPS;
}

static double copy_some(void *state)
{
    struct swap *swap = state;
    uint64_t start = measure_now_ns();
    for (uint32_t i = swap->next; i < swap->next + swap->batch; i++) {
        struct piece *out = at(swap, i), *in = at(swap, swap->fitting + i);
        memcpy(out->alloc.home, out->segment, out->alloc.size_bytes);
        memcpy(in->segment, in->alloc.home, in->alloc.size_bytes);
    }
    return (double)(measure_now_ns() - start) / swap->batch;
}

/* ---- set-up ---- */

static void make_piece(struct swap *swap, struct piece *piece, uint64_t size_bytes)
{
    struct vidmm_alloc_desc desc = {.size_bytes = size_bytes, .alignment_bytes = 4096};
    desc.preferred[0].segment_id = 1;
    desc.supported_segments = 1;
    desc.priority = D3DDDI_ALLOCATIONPRIORITY_NORMAL;
    check(vidmm_alloc_init(&piece->alloc, swap->process, &desc), "vidmm_alloc_init");
    vidmm_binding_init(&piece->binding, &piece->alloc, &swap->device);
    struct vidmm_va_map map = {.binding = &piece->binding, .size_pages = size_bytes / 4096};
    map.protection = VIDMM_VA_WRITE;
    check(vidmm_va_map(swap->process, &map, &piece->va), "vidmm_va_map");
    memset(piece->alloc.home, 1, size_bytes);
}

static struct swap *open_swap(uint64_t size_bytes)
{
    struct udxg_adapter_caps caps = {.gpu_va_bits = 48, .system_commit_limit_bytes = 4 * LOCAL_BYTES};
    struct swap *swap = calloc(1, sizeof *swap);
    if (!swap) measure_die("out of memory");
    caps.segment_count = 1;
    caps.segments[0].flags = UDXG_SEGMENT_LOCAL_BUDGET_GROUP | UDXG_SEGMENT_APPLICATION_TARGET;
    caps.segments[0].size_bytes = LOCAL_BYTES;
    pthread_mutex_init(&swap->mutex, NULL);
    pthread_cond_init(&swap->moved, NULL);
    swap->random = 88172645463325252u;
    swap->fitting = (uint32_t)(LOCAL_BYTES / size_bytes);
    swap->batch = swap->fitting < SWAPS ? 1 : SWAPS;
    check(vidmm_adapter_create(&caps, &swap->adapter), "vidmm_adapter_create");
    check(vidmm_process_create(swap->adapter, NULL, &swap->process), "vidmm_process_create");
    vidmm_device_init(&swap->device, swap->process, ready, failed);
    check(vidmm_queue_create(&swap->device, 0, completed, swap, &swap->queue), "vidmm_queue_create");
    vidmm_gpu_memory(&swap->device, &swap->view, &swap->memory);
    swap->view.evictions = UINT64_MAX; /* the newest work there is */
    for (uint32_t i = 0; i < 2 * swap->fitting; i++) {
        swap->order[i] = i;
        make_piece(swap, &swap->pieces[i], size_bytes);
    }
    return swap;
}

/* Where it is in video memory; nothing moves meanwhile. */
static void note_segment(struct piece *piece) UDXG_NO_TSA
{
    piece->segment = piece->alloc.extents->address;
}

/* Everything has been in video memory once, so that all of it has been touched. */
static struct swap *make_swap(uint64_t size_bytes)
{
    struct swap *swap = open_swap(size_bytes);
    for (uint32_t i = 0; i < swap->fitting; i++) {
        struct vidmm_binding *binding = &swap->pieces[i].binding;
        list(swap, 1, &binding);
        note_segment(&swap->pieces[i]);
    }
    do {
        swap_some(swap);
    } while (swap->next);
    for (uint32_t i = 0; i < swap->fitting; i++) note_segment(&swap->pieces[swap->fitting + i]);
    return swap;
}

static void compare(unsigned repetitions, uint64_t size_bytes, measure_run *ours, measure_run *anchor,
                    struct row_figures *ret)
{
    struct swap *swap = make_swap(size_bytes);
    struct measure_best best =
        measure_pair((struct measure_side){ours, swap}, (struct measure_side){anchor, swap}, repetitions);
    ret->ours = best.ours;
    ret->anchor = best.anchor;
}

void row_paging_small(unsigned repetitions, struct row_figures *ret)
{
    compare(repetitions, MIB, swap_some, copy_some, ret);
}

void row_paging_large(unsigned repetitions, struct row_figures *ret)
{
    compare(repetitions, 32 * MIB, swap_some, copy_some, ret);
}

void row_over_commit(unsigned repetitions, struct row_figures *ret)
{
    compare(repetitions, MIB, swap_random, copy_random, ret);
}
