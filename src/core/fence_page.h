/* SPDX-License-Identifier: MIT */
/*
 * Where fence values live: 8-byte slots in blocks that the client maps read-only, that engines may write
 * through the GPU address space, and that only the kernel side maps writable. One memory file, two mappings
 * and one GPU address per block, so a fence costs neither a descriptor nor a mapping.
 *
 * Who has a block sees all of it, and his engines can write all of it. So a fence that others may open is alone in a
 * block of one page: those who open it share that page and nothing else. A process elsewhere has windows of its blocks:
 * of those with many slots for good, of one with a fence that is alone as long as it has that open.
 */
#ifndef UDXG_CORE_FENCE_PAGE_H
#define UDXG_CORE_FENCE_PAGE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/lock.h"
#include "base/status.h"

struct udxg_fence_block;
struct vidmm_process;
struct vidmm_windows;
struct udxg_sync;

/* Embeddable: the blocks of one process on one adapter. */
struct udxg_fence_pages {
    struct vidmm_process *vidmm;   /* constant */
    struct vidmm_windows *windows; /* of the process: only its own calls make blocks; constant */
    struct udxg_mutex_FENCE lock;
    struct udxg_fence_block *blocks UDXG_GUARDED_BY(FENCE); /* of many slots */
    struct udxg_fence_block *spare UDXG_GUARDED_BY(FENCE);  /* for a fence that is alone, free */
    struct udxg_fence_block *seen UDXG_GUARDED_BY(FENCE);   /* the same, but other processes may still look at them */
};

struct udxg_fence_slot {
    struct udxg_fence_block *block;
    uint32_t index;
    _Atomic(uint64_t) *value;     /* ours to write */
    const volatile uint64_t *cpu; /* the client's, read-only */
    uint64_t gpu_va;              /* for engines */
};

void udxg_fence_pages_init(struct udxg_fence_pages *pages, struct vidmm_process *vidmm, struct vidmm_windows *windows);
void udxg_fence_pages_fini(struct udxg_fence_pages *pages);

/* A zeroed slot, in a block of its own if ALONE; WRITTEN runs without locks after an engine has written to it. */
udxg_status udxg_fence_slot_get(struct udxg_fence_pages *pages, bool alone, void (*written)(struct udxg_sync *sync),
                                struct udxg_sync *sync, struct udxg_fence_slot *ret_slot) UDXG_MUST_CHECK;
/* A second word of the SYNC that is alone there, once; nobody is told when it is written. */
void udxg_fence_slot_get_beside(const struct udxg_fence_slot *slot, struct udxg_sync *sync,
                                struct udxg_fence_slot *ret_slot);
/* WRITTEN does not start after it returns; one that runs already holds a reference of its own. */
void udxg_fence_slot_put(struct udxg_fence_pages *pages, struct udxg_fence_slot *slot);

/* Whether other processes may see it: it is alone. */
bool udxg_fence_slot_is_alone(const struct udxg_fence_slot *slot);
/*
 * Of one that is alone: makes its block a window of a process that has it open, OTHER: not its creator. For a process
 * here that says only that it is seen. STATUS_NO_MEMORY. It ends before the slot is put back.
 */
udxg_status udxg_fence_slot_show(const struct udxg_fence_slot *slot, bool other,
                                 struct vidmm_windows *windows) UDXG_MUST_CHECK;
void udxg_fence_slot_hide(const struct udxg_fence_slot *slot, struct vidmm_windows *windows);
/*
 * Shows the slot's block to engines elsewhere too: of another adapter, or, if it is alone, of another process, which it
 * has been shown to. End it with vidmm_va_unmap_system() of *RET_BLOCK_VA, before the slot is put back.
 */
udxg_status udxg_fence_slot_map(const struct udxg_fence_slot *slot, struct vidmm_process *vidmm, uint64_t *ret_block_va,
                                uint64_t *ret_va) UDXG_MUST_CHECK;

#endif
