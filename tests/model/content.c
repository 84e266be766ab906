/* SPDX-License-Identifier: MIT */
/*
 * What allocations hold. A written one has one word in each page, at a place in the page that changes with the seed:
 * enough to tell items, pages and versions apart, and cheap enough to be looked at in every step.
 */
#include <string.h>

#include "model.h"

static uint64_t mix(uint64_t seed, uint64_t page)
{
    struct random random = {seed * UINT64_C(0x9e3779b97f4a7c15) + page};
    return random_next(&random);
}

static uint64_t *word_of(const struct item *item, uint64_t seed, uint64_t page)
{
    return (uint64_t *)(void *)(item->address + page * PAGE_BYTES + mix(seed, page) % (PAGE_BYTES / 8) * 8);
}

void item_write(struct item *item, uint64_t seed)
{
    for (uint64_t page = 0; page < item->size_bytes / PAGE_BYTES; page++) *word_of(item, seed, page) = mix(~seed, page);
    item->content = CONTENT_WORDS;
    item->seed = seed;
}

static bool is_zero(const char *bytes, uint64_t size_bytes)
{
    return bytes[0] == 0 && !memcmp(bytes, bytes + 1, size_bytes - 1);
}

void item_verify(const struct item *item)
{
    uint64_t pattern = (uint32_t)item->seed * UINT64_C(0x100000001);
    if (item->content == CONTENT_UNKNOWN) return;
    if (item->content == CONTENT_ZERO) {
        if (!is_zero(item->address, item->size_bytes)) fail("new memory is not zero");
        return;
    }
    for (uint64_t page = 0; page < item->size_bytes / PAGE_BYTES; page++) {
        uint64_t expected = item->content == CONTENT_FILL ? pattern : mix(~item->seed, page);
        uint64_t found = *word_of(item, item->seed, page);
        if (found == expected) continue;
        fail("page %llu of %llu of allocation %#x holds %#llx instead of %#llx", (unsigned long long)page,
             (unsigned long long)(item->size_bytes / PAGE_BYTES), item->handle, (unsigned long long)found,
             (unsigned long long)expected);
    }
}

void item_lock(struct room *room, struct item *item)
{
    D3DKMT_LOCK2 lock = {.hDevice = room->device, .hAllocation = item->handle};
    CHECK_STATUS(STATUS_SUCCESS, CALL(Lock2, &lock));
    CHECK(!item->address || item->address == lock.pData); /* it holds for the life of the allocation */
    CHECK(!item->pages || item->pages == lock.pData);
    item->address = lock.pData;
    item->locks++;
}

void item_unlock(struct room *room, struct item *item)
{
    D3DKMT_UNLOCK2 unlock = {.hDevice = room->device, .hAllocation = item->handle};
    CHECK_STATUS(item->locks ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER, CALL(Unlock2, &unlock));
    if (item->locks) item->locks--;
}

void item_look(struct room *room, struct item *item, bool rewrite)
{
    item_lock(room, item);
    item_verify(item);
    if (rewrite) item_write(item, random_next(&worker->random));
    item_unlock(room, item);
}
