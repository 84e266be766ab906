/* SPDX-License-Identifier: MIT */
/*
 * Fence slots in shared blocks. Invariants: a bit of USED is set exactly while its slot is handed out; a slot
 * that is not reads zero. Blocks are added, never removed before the process goes: a client may still look at
 * a fence page after its fence is gone. Lock: FENCE, and never while anybody is called.
 */
#include "core/fence_page.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/os.h"
#include "core/sync.h"
#include "vidmm/vidmm.h"

#define BLOCK_BYTES 65536u
#define BLOCK_SLOTS (BLOCK_BYTES / sizeof(uint64_t))

struct udxg_fence_block {
    struct udxg_fence_block *next;
    struct udxg_fence_pages *pages;
    _Atomic(uint64_t) *values;     /* our mapping */
    const uint64_t *client_values; /* the client's, read-only */
    uint64_t gpu_va;
    uint32_t used_count;                              /* FENCE, like the rest */
    uint64_t used[BLOCK_SLOTS / 64];                  /* one bit a slot */
    struct udxg_sync *syncs[BLOCK_SLOTS];             /* whose slot it is; not a reference */
    void (*written[BLOCK_SLOTS])(struct udxg_sync *); /* NULL where nobody wants to know */
};

void udxg_fence_pages_init(struct udxg_fence_pages *pages, struct vidmm_process *vidmm) UDXG_NO_TSA
{
    pages->vidmm = vidmm;
    pages->blocks = NULL;
    udxg_mutex_init_FENCE(&pages->lock);
}

static void block_destroy(struct udxg_fence_block *block)
{
    if (block->gpu_va) vidmm_va_unmap_system(block->pages->vidmm, block->gpu_va);
    if (block->client_values) udxg_os_unmap((void *)block->client_values, BLOCK_BYTES);
    if (block->values) udxg_os_unmap((void *)block->values, BLOCK_BYTES);
    free(block);
}

void udxg_fence_pages_fini(struct udxg_fence_pages *pages) UDXG_NO_TSA
{
    while (pages->blocks) {
        struct udxg_fence_block *block = pages->blocks;
        pages->blocks = block->next;
        block_destroy(block);
    }
    udxg_mutex_fini_FENCE(&pages->lock);
}

/* An engine wrote into the block. */
static void block_written(void *user, uint64_t offset)
{
    struct udxg_fence_block *block = user;
    uint64_t index = offset / sizeof(uint64_t);
    void (*written)(struct udxg_sync *) = NULL;
    struct udxg_sync *sync;

    udxg_lock(FENCE, &block->pages->lock);
    sync = block->syncs[index];
    if (sync && block->written[index] && udxg_sync_try_ref(sync)) written = block->written[index];
    udxg_unlock(FENCE, &block->pages->lock);
    if (!written) return;
    written(sync);
    udxg_sync_unref(sync);
}

static udxg_status block_map(struct udxg_fence_block *block)
{
    UDXG_AUTO_CLOSE int fd = -1;
    void *values, *client_values;
    udxg_status status = udxg_os_memfd("udxg-fences", BLOCK_BYTES, &fd);

    if (udxg_failed(status)) return status;
    status = udxg_os_map(fd, 0, BLOCK_BYTES, true, &values);
    if (udxg_failed(status)) return status;
    block->values = values;
    /* From here on nobody, a client with a debugger's tricks included, can map it writable. */
    status = udxg_os_seal_readonly(fd);
    if (udxg_failed(status)) return status;
    status = udxg_os_map(fd, 0, BLOCK_BYTES, false, &client_values);
    if (udxg_failed(status)) return status;
    block->client_values = client_values;
    return vidmm_va_map_system(block->pages->vidmm, values, BLOCK_BYTES, block_written, block, &block->gpu_va);
}

static udxg_status block_create(struct udxg_fence_pages *pages, struct udxg_fence_block **ret_block)
{
    struct udxg_fence_block *block = calloc(1, sizeof *block);
    udxg_status status;

    if (!block) return STATUS_NO_MEMORY;
    block->pages = pages;
    status = block_map(block);
    if (udxg_failed(status)) {
        block_destroy(block);
        return status;
    }
    *ret_block = block;
    return STATUS_SUCCESS;
}

static uint32_t block_take_slot(struct udxg_fence_block *block)
{
    uint32_t word = 0;

    while (block->used[word] == UINT64_MAX) word++;
    uint32_t bit = (uint32_t)__builtin_ctzll(~block->used[word]);
    block->used[word] |= 1ull << bit;
    block->used_count++;
    return word * 64 + bit;
}

/* Takes a slot of a block that has one; false when all are full. */
static bool take_slot_locked(struct udxg_fence_pages *pages, void (*written)(struct udxg_sync *),
                             struct udxg_sync *sync, struct udxg_fence_slot *ret_slot) UDXG_REQUIRES(FENCE)
{
    for (struct udxg_fence_block *block = pages->blocks; block; block = block->next) {
        if (block->used_count == BLOCK_SLOTS) continue;
        uint32_t index = block_take_slot(block);
        block->syncs[index] = sync;
        block->written[index] = written;
        *ret_slot = (struct udxg_fence_slot){
            .block = block,
            .index = index,
            .value = &block->values[index],
            .cpu = &block->client_values[index],
            .gpu_va = block->gpu_va + index * sizeof(uint64_t),
        };
        return true;
    }
    return false;
}

udxg_status udxg_fence_slot_get(struct udxg_fence_pages *pages, void (*written)(struct udxg_sync *sync),
                                struct udxg_sync *sync, struct udxg_fence_slot *ret_slot)
{
    for (;;) {
        struct udxg_fence_block *block;
        bool taken;
        udxg_status status;

        udxg_lock(FENCE, &pages->lock);
        taken = take_slot_locked(pages, written, sync, ret_slot);
        udxg_unlock(FENCE, &pages->lock);
        if (taken) return STATUS_SUCCESS;

        status = block_create(pages, &block);
        if (udxg_failed(status)) return status;
        udxg_lock(FENCE, &pages->lock);
        block->next = pages->blocks;
        pages->blocks = block;
        udxg_unlock(FENCE, &pages->lock);
    }
}

void udxg_fence_slot_put(struct udxg_fence_pages *pages, struct udxg_fence_slot *slot)
{
    struct udxg_fence_block *block = slot->block;

    if (!block) return;
    udxg_lock(FENCE, &pages->lock);
    atomic_store(&block->values[slot->index], 0);
    block->syncs[slot->index] = NULL;
    block->written[slot->index] = NULL;
    block->used[slot->index / 64] &= ~(1ull << (slot->index % 64));
    block->used_count--;
    udxg_unlock(FENCE, &pages->lock);
    slot->block = NULL;
}

udxg_status udxg_fence_slot_map(const struct udxg_fence_slot *slot, struct vidmm_process *vidmm, uint64_t *ret_block_va,
                                uint64_t *ret_va)
{
    struct udxg_fence_block *block = slot->block;
    udxg_status status =
        vidmm_va_map_system(vidmm, (void *)block->values, BLOCK_BYTES, block_written, block, ret_block_va);

    if (!udxg_failed(status)) *ret_va = *ret_block_va + slot->index * sizeof(uint64_t);
    return status;
}
