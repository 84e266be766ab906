/* SPDX-License-Identifier: MIT */
/*
 * What one decision costs, by the number of allocations: a process has filled an aperture with them, and another lists
 * as many as DECISIONS in one call, each of which takes the room of one. Nothing is copied, so that all that is left is
 * the decision: who gives way, what is promised to whom, and what all that is written down in.
 */
#include "scaling.h"

#include <inttypes.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "measure.h"
#include "vidmm/vidmm.h"

#define PAGE_BYTES UINT64_C(4096)
#define DECISIONS 1000u
#define ROUNDS 15u

struct side {
    struct vidmm_process *process;
    struct vidmm_device device;
    struct vidmm_queue *queue;
    struct vidmm_alloc *allocs;
    struct vidmm_binding *bindings;
    struct vidmm_binding **list;
    _Atomic uint64_t fence;
};

static void completed(void *side, uint64_t fence_value)
{
    atomic_store(&((struct side *)side)->fence, fence_value);
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

static void open_side(struct vidmm_adapter *adapter, struct side *side, uint32_t count)
{
    struct vidmm_alloc_desc desc = {.size_bytes = PAGE_BYTES, .alignment_bytes = PAGE_BYTES, .supported_segments = 1};
    desc.priority = D3DDDI_ALLOCATIONPRIORITY_NORMAL;
    desc.allow_not_zeroed = true;
    side->allocs = malloc(count * sizeof *side->allocs);
    side->bindings = malloc(count * sizeof *side->bindings);
    side->list = malloc(count * sizeof *side->list);
    if (!side->allocs || !side->bindings || !side->list) measure_die("out of memory");
    check(vidmm_process_create(adapter, NULL, &side->process), "vidmm_process_create");
    vidmm_device_init(&side->device, side->process, ready, failed);
    check(vidmm_queue_create(&side->device, 0, completed, side, &side->queue), "vidmm_queue_create");
    for (uint32_t i = 0; i < count; i++) {
        check(vidmm_alloc_init(&side->allocs[i], side->process, &desc), "vidmm_alloc_init");
        vidmm_binding_init(&side->bindings[i], &side->allocs[i], &side->device);
        side->list[i] = &side->bindings[i];
    }
}

static void list(struct side *side, uint32_t count)
{
    uint64_t fence, trim;
    check(vidmm_make_resident(side->queue, count, side->list, VIDMM_CANT_TRIM_FURTHER, &fence, &trim), "make resident");
    while (atomic_load(&side->fence) < fence) sched_yield();
}

static void unlist(struct side *side, uint32_t count)
{
    uint64_t trim;
    check(vidmm_evict(&side->device, count, side->list, 0, &trim), "evict");
}

/* Its room goes back, and so do they who had it, before the next round. */
static void restore(struct side *many, struct side *few)
{
    unlist(few, DECISIONS);
    while (!vidmm_device_begin_run(&many->device)) usleep(1000);
    vidmm_device_end_run(&many->device);
    usleep(20000); /* its slice */
}

static double decide(uint32_t allocations)
{
    struct udxg_adapter_caps caps = {.gpu_va_bits = 48, .segment_count = 1};
    struct vidmm_adapter *adapter;
    static struct side many, few;
    double best = 1e18;
    caps.system_commit_limit_bytes = 2 * (allocations + DECISIONS) * PAGE_BYTES;
    caps.segments[0].flags = UDXG_SEGMENT_APERTURE | UDXG_SEGMENT_LOCAL_BUDGET_GROUP | UDXG_SEGMENT_APPLICATION_TARGET;
    caps.segments[0].size_bytes = allocations * PAGE_BYTES;
    check(vidmm_adapter_create(&caps, &adapter), "vidmm_adapter_create");
    open_side(adapter, &many, allocations);
    open_side(adapter, &few, DECISIONS);
    list(&many, allocations);
    for (unsigned round = 0; round < ROUNDS; round++) {
        uint64_t start = measure_now_ns();
        list(&few, DECISIONS);
        double each = (double)(measure_now_ns() - start) / DECISIONS;
        if (each < best) best = each;
        restore(&many, &few);
    }
    return best;
}

void scaling_print(void)
{
    static const uint32_t counts[] = {1000, 3000, 10000, 30000, 100000, 300000, 1000000};
    printf("allocations,ns_per_decision\n");
    for (unsigned i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        fflush(NULL);
        pid_t child = fork();
        int status;
        if (child < 0) measure_die("cannot fork");
        if (child == 0) {
            measure_pin(0);
            printf("%" PRIu32 ",%.0f\n", counts[i], decide(counts[i]));
            fflush(stdout);
            _exit(EXIT_SUCCESS);
        }
        if (waitpid(child, &status, 0) != child || status) measure_die("%" PRIu32 " allocations failed", counts[i]);
    }
}
