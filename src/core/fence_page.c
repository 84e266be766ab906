/* SPDX-License-Identifier: MIT */
/*
 * Fence slots in blocks. Invariants: a bit of USED is set exactly while its slot is handed out; a slot that is not
 * reads zero. Blocks are added, never removed before the process goes: a client may still look at a fence page after
 * its fence is gone. Those of a fence that is alone and that another process has seen are the exception: it may still
 * look at them, too, and must not see the next fence, so they are not used again. Lock: FENCE, and never while anybody
 * is called.
 */
#include "core/fence_page.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "base/os.h"
#include "core/sync.h"
#include "vidmm/vidmm.h"
#include "vidmm/window.h"

#define BLOCK_BYTES 65536u
#define BLOCK_SLOTS (BLOCK_BYTES / (uint32_t)sizeof(uint64_t))
#define ALONE_SLOTS 2u /* a native fence has two words */

/* Who has a slot. */
struct holder {
    struct udxg_sync *sync;              /* not a reference */
    void (*written)(struct udxg_sync *); /* NULL: it does not want to know */
};

struct udxg_fence_block {
    struct udxg_fence_block *next;  /* FENCE, but for the making of it */
    struct udxg_fence_pages *pages; /* constant, like what follows */
    _Atomic(uint64_t) *values;      /* our mapping */
    const uint64_t *client_values;  /* the client's, read-only */
    uint64_t gpu_va;
    uint64_t size_bytes;
    uint32_t slot_count;             /* BLOCK_SLOTS, or ALONE_SLOTS */
    int fd;                          /* of a fence's that is alone, and of a process elsewhere; -1 */
    atomic_bool seen;                /* by another process */
    uint32_t used_count;             /* FENCE, like the rest */
    uint64_t used[BLOCK_SLOTS / 64]; /* one bit a slot */
    struct holder holders[];         /* of each slot */
};

void udxg_fence_pages_init(struct udxg_fence_pages *pages, struct vidmm_process *vidmm,
                           struct vidmm_windows *windows) UDXG_NO_TSA
{
    pages->vidmm = vidmm;
    pages->windows = windows;
    pages->blocks = pages->spare = pages->seen = NULL;
    udxg_mutex_init_FENCE(&pages->lock);
}

static void block_destroy(struct udxg_fence_block *block)
{
    if (block->gpu_va) vidmm_va_unmap_system(block->pages->vidmm, block->gpu_va);
    if (block->client_values) udxg_os_unmap((void *)block->client_values, block->size_bytes);
    if (block->values) udxg_os_unmap((void *)block->values, block->size_bytes);
    udxg_os_close(block->fd);
    free(block);
}

static void destroy_all(struct udxg_fence_block *blocks)
{
    while (blocks) {
        struct udxg_fence_block *block = blocks;
        blocks = block->next;
        block_destroy(block);
    }
}

void udxg_fence_pages_fini(struct udxg_fence_pages *pages) UDXG_NO_TSA
{
    destroy_all(pages->blocks);
    destroy_all(pages->spare);
    destroy_all(pages->seen);
    udxg_mutex_fini_FENCE(&pages->lock);
}

/* An engine wrote into the block. */
static void block_written(void *user, uint64_t offset)
{
    struct udxg_fence_block *block = user;
    uint64_t index = offset / sizeof(uint64_t);
    void (*written)(struct udxg_sync *) = NULL;
    struct udxg_sync *sync;

    if (index >= block->slot_count) return; /* what is left of the page of a fence that is alone */
    udxg_lock(FENCE, &block->pages->lock);
    sync = block->holders[index].sync;
    if (sync && block->holders[index].written && udxg_sync_try_ref(sync)) written = block->holders[index].written;
    udxg_unlock(FENCE, &block->pages->lock);
    if (!written) return;
    written(sync);
    udxg_sync_unref(sync);
}

static bool is_alone(const struct udxg_fence_block *block)
{
    return block->slot_count == ALONE_SLOTS;
}

static udxg_status block_map(struct udxg_fence_block *block)
{
    UDXG_AUTO_CLOSE int fd = -1;
    void *values, *client_values;
    udxg_status status = udxg_os_memfd("udxg-fences", block->size_bytes, &fd);

    if (udxg_failed(status)) return status;
    status = udxg_os_map(fd, 0, block->size_bytes, true, &values);
    if (udxg_failed(status)) return status;
    block->values = values;
    /* From here on nobody, a client with a debugger's tricks included, can map it writable. */
    status = udxg_os_seal_readonly(fd);
    if (udxg_failed(status)) return status;
    status = udxg_os_map(fd, 0, block->size_bytes, false, &client_values);
    if (udxg_failed(status)) return status;
    block->client_values = client_values;
    status = vidmm_va_map_system(block->pages->vidmm, values, block->size_bytes, block_written, block, &block->gpu_va);
    if (udxg_failed(status)) return status;
    if (!is_alone(block)) return vidmm_window_add(block->pages->windows, client_values, block->size_bytes, fd, false);
    if (vidmm_windows_are_remote(block->pages->windows)) block->fd = udxg_steal_fd(&fd);
    return STATUS_SUCCESS;
}

static udxg_status block_create(struct udxg_fence_pages *pages, uint32_t slot_count,
                                struct udxg_fence_block **ret_block)
{
    struct udxg_fence_block *block = calloc(1, sizeof *block + slot_count * sizeof *block->holders);
    udxg_status status;

    if (!block) return STATUS_NO_MEMORY;
    block->pages = pages;
    block->slot_count = slot_count;
    block->size_bytes = is_alone(block) ? UDXG_PAGE_SIZE : BLOCK_BYTES;
    block->fd = -1;
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

static void take_locked(struct udxg_fence_block *block, const struct holder *holder, struct udxg_fence_slot *ret_slot)
    UDXG_REQUIRES(FENCE)
{
    uint32_t index = block_take_slot(block);

    block->holders[index] = *holder;
    *ret_slot = (struct udxg_fence_slot){
        .block = block,
        .index = index,
        .value = &block->values[index],
        .cpu = &block->client_values[index],
        .gpu_va = block->gpu_va + index * sizeof(uint64_t),
    };
}

/* Takes a slot of a block that has one; false when all are full. */
static bool take_any_locked(struct udxg_fence_pages *pages, const struct holder *holder,
                            struct udxg_fence_slot *ret_slot) UDXG_REQUIRES(FENCE)
{
    struct udxg_fence_block *block = pages->blocks;

    while (block && block->used_count == BLOCK_SLOTS) block = block->next;
    if (block) take_locked(block, holder, ret_slot);
    return block;
}

/* The same of the free blocks for a fence that is alone. */
static bool take_spare_locked(struct udxg_fence_pages *pages, const struct holder *holder,
                              struct udxg_fence_slot *ret_slot) UDXG_REQUIRES(FENCE)
{
    struct udxg_fence_block *block = pages->spare;

    if (!block) return false;
    pages->spare = block->next;
    take_locked(block, holder, ret_slot);
    return true;
}

/* Here, because what gives a slot back may run in an engine's access to it, which the unmapping waits for. */
static struct udxg_fence_block *take_seen_locked(struct udxg_fence_pages *pages) UDXG_REQUIRES(FENCE)
{
    struct udxg_fence_block *seen = pages->seen;

    pages->seen = NULL;
    return seen;
}

udxg_status udxg_fence_slot_get(struct udxg_fence_pages *pages, bool alone, void (*written)(struct udxg_sync *sync),
                                struct udxg_sync *sync, struct udxg_fence_slot *ret_slot)
{
    const struct holder holder = {sync, written};

    for (;;) {
        struct udxg_fence_block *block, *seen, **list;
        bool taken;
        udxg_status status;

        udxg_lock(FENCE, &pages->lock);
        taken = alone ? take_spare_locked(pages, &holder, ret_slot) : take_any_locked(pages, &holder, ret_slot);
        seen = take_seen_locked(pages);
        udxg_unlock(FENCE, &pages->lock);
        destroy_all(seen);
        if (taken) return STATUS_SUCCESS;

        status = block_create(pages, alone ? ALONE_SLOTS : BLOCK_SLOTS, &block);
        if (udxg_failed(status)) return status;
        udxg_lock(FENCE, &pages->lock);
        list = alone ? &pages->spare : &pages->blocks;
        block->next = *list;
        *list = block;
        udxg_unlock(FENCE, &pages->lock);
    }
}

/* The block of a fence that was alone there. */
static void put_away_locked(struct udxg_fence_pages *pages, struct udxg_fence_block *block) UDXG_REQUIRES(FENCE)
{
    struct udxg_fence_block **list = atomic_load(&block->seen) ? &pages->seen : &pages->spare;

    block->next = *list;
    *list = block;
}

void udxg_fence_slot_get_beside(const struct udxg_fence_slot *slot, struct udxg_sync *sync,
                                struct udxg_fence_slot *ret_slot)
{
    const struct holder holder = {sync, NULL};
    struct udxg_fence_pages *pages = slot->block->pages;

    udxg_lock(FENCE, &pages->lock);
    take_locked(slot->block, &holder, ret_slot);
    udxg_unlock(FENCE, &pages->lock);
}

void udxg_fence_slot_put(struct udxg_fence_pages *pages, struct udxg_fence_slot *slot)
{
    struct udxg_fence_block *block = slot->block;

    if (!block) return;
    udxg_lock(FENCE, &pages->lock);
    atomic_store(&block->values[slot->index], 0);
    block->holders[slot->index] = (struct holder){0};
    block->used[slot->index / 64] &= ~(1ull << (slot->index % 64));
    block->used_count--;
    if (is_alone(block) && !block->used_count) put_away_locked(pages, block);
    udxg_unlock(FENCE, &pages->lock);
    slot->block = NULL;
}

bool udxg_fence_slot_is_alone(const struct udxg_fence_slot *slot)
{
    return slot->block && is_alone(slot->block);
}

udxg_status udxg_fence_slot_show(const struct udxg_fence_slot *slot, bool other, struct vidmm_windows *windows)
{
    struct udxg_fence_block *block = slot->block;

    if (other) atomic_store(&block->seen, true);
    return vidmm_window_add(windows, block->client_values, block->size_bytes, block->fd, false);
}

void udxg_fence_slot_hide(const struct udxg_fence_slot *slot, struct vidmm_windows *windows)
{
    vidmm_window_remove(windows, slot->block->client_values);
}

udxg_status udxg_fence_slot_map(const struct udxg_fence_slot *slot, struct vidmm_process *vidmm, uint64_t *ret_block_va,
                                uint64_t *ret_va)
{
    struct udxg_fence_block *block = slot->block;
    udxg_status status =
        vidmm_va_map_system(vidmm, (void *)block->values, block->size_bytes, block_written, block, ret_block_va);

    if (!udxg_failed(status)) *ret_va = *ret_block_va + slot->index * sizeof(uint64_t);
    return status;
}
