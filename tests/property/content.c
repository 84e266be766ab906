/* SPDX-License-Identifier: MIT */
/*
 * What is in a page, in one number, its stamp: unknown, zero, an engine's pattern again and again, or words that follow
 * from the stamp. Every byte of a page is written, and every byte is looked at. A copied page has the stamp of its
 * source.
 */
#include <string.h>

#include "property.h"

#define WORDS (PAGE_BYTES / 8)
#define FILL UINT64_C(0x8000000000000000)
#define FACTOR UINT64_C(0x9e3779b97f4a7c15)

uint64_t stamp_of_fill(uint32_t pattern)
{
    return FILL | pattern;
}

uint64_t stamp_new(void)
{
    uint64_t stamp = random_next(&worker->random) & ~FILL;
    return stamp > STAMP_ZERO ? stamp : 2;
}

/* Word I of the page is FIRST plus I times GROWTH. */
struct words {
    uint64_t first, growth;
};

static struct words words_of(uint64_t stamp)
{
    struct random random = {stamp};
    if (stamp == STAMP_ZERO) return (struct words){0, 0};
    if (stamp & FILL) return (struct words){(uint32_t)stamp * UINT64_C(0x100000001), 0};
    return (struct words){random_next(&random), FACTOR};
}

void stamp_write(uint64_t stamp, void *page)
{
    struct words words = words_of(stamp);
    uint64_t *word = page;
    for (uint64_t i = 0; i < WORDS; i++) word[i] = words.first + i * words.growth;
}

static bool is_stamp(uint64_t stamp, const void *page)
{
    struct words words = words_of(stamp);
    const uint64_t *word = page;
    uint64_t wrong = 0;
    for (uint64_t i = 0; i < WORDS; i++) wrong |= word[i] ^ (words.first + i * words.growth);
    return !wrong;
}

static unsigned first_wrong(uint64_t stamp, const void *page)
{
    struct words words = words_of(stamp);
    const uint64_t *word = page;
    unsigned i = 0;
    while (word[i] == words.first + i * words.growth) i++;
    return i;
}

/* Says what it is instead, if that is anything the item should have somewhere. */
static void fail_page(const struct item *item, const uint64_t *stamps, const char *bytes, uint32_t page, uint32_t count)
{
    const char *found = bytes + page * PAGE_BYTES;
    const char *instead = is_stamp(STAMP_ZERO, found) ? ", it is zero" : "";
    uint64_t word;
    memcpy(&word, found + 8 * first_wrong(stamps[page], found), sizeof word);
    for (uint32_t i = 0; i < count; i++)
        if (stamps[i] > STAMP_ZERO && is_stamp(stamps[i], found)) instead = ", it is that of another page";
    fail("page %u of %u of allocation %#x (residency %u, locks %u, %s, %s) is not %#llx from word %u on: %#llx%s", page,
         item->page_count, item->handle, item->residency, item->locks, item->only_local ? "only local" : "anywhere",
         item->dirty[page] ? "dirty" : "clean", (unsigned long long)stamps[page], first_wrong(stamps[page], found),
         (unsigned long long)word, instead);
}

void stamps_verify(struct room *room, const struct item *item, const uint64_t *stamps, const void *bytes,
                   uint32_t count)
{
    for (uint32_t i = 0; i < count && !atomic_load(&room->lost); i++) {
        if (stamps[i] == STAMP_UNKNOWN || is_stamp(stamps[i], (const char *)bytes + i * PAGE_BYTES)) continue;
        if (room_is_alive(room)) fail_page(item, stamps, bytes, i, count);
    }
    worker->looked += count;
}

void item_forget(struct item *item, uint64_t stamp)
{
    for (uint32_t i = 0; i < item->page_count; i++) {
        item->stamps[i] = stamp;
        item->dirty[i] = false;
    }
}

/* ---- by the CPU ---- */

bool item_settle(struct room *room, struct item *item)
{
    return !item->busy_until || lane_wait(room, &room->lanes[item->lane], item->busy_until);
}

bool item_lock(struct room *room, struct item *item)
{
    D3DKMT_LOCK2 lock = {.hDevice = room->device, .hAllocation = item->handle};
    if (!DID(room, CALL(room, Lock2, &lock))) return false;
    CHECK(!item->address || item->address == lock.pData); /* it holds for the life of the allocation */
    CHECK(!item->pages || item->pages == lock.pData);
    item->address = lock.pData;
    item->locks++;
    return true;
}

bool item_unlock(struct room *room, struct item *item)
{
    D3DKMT_UNLOCK2 unlock = {.hDevice = room->device, .hAllocation = item->handle};
    udxg_status status = CALL(room, Unlock2, &unlock);
    if (!IS(item->locks ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER, room, status)) return false;
    if (item->locks) item->locks--;
    return true;
}

static void rewrite_some(struct item *item)
{
    uint32_t first = (uint32_t)below(item->page_count), count = 1 + (uint32_t)below(item->page_count - first);
    for (uint32_t i = first; i < first + count; i++) {
        item->stamps[i] = stamp_new();
        stamp_write(item->stamps[i], item->address + i * PAGE_BYTES);
    }
}

void item_look(struct room *room, struct item *item, bool rewrite)
{
    if (!item_settle(room, item) || !item_lock(room, item)) return;
    memset(item->dirty, 0, sizeof item->dirty);
    stamps_verify(room, item, item->stamps, item->address, item->page_count);
    if (rewrite) rewrite_some(item);
    item_unlock(room, item);
}
