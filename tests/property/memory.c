/* SPDX-License-Identifier: MIT */
/* Steps on memory: creating, destroying, locking, writing by the CPU, priorities. */
#include <sys/mman.h>

#include <udxg/soft.h>

#include "property.h"

/* ---- creating ---- */

/* One call that creates: its arguments, and what the model will know of the items. */
struct birth {
    D3DKMT_CREATEALLOCATION args;
    D3DDDI_ALLOCATIONINFO2 infos[MAX_CALL];
    struct udxg_soft_allocation soft[MAX_CALL];
    struct item *places[MAX_CALL];
    struct item items[MAX_CALL];
    uint32_t count;
    uint64_t bytes; /* that are charged */
};

/* Anywhere; in system memory if possible; there for life; in video memory and nowhere else, seen by the CPU or not. */
static void choose_place(struct item *item, struct udxg_soft_allocation *soft)
{
    uint64_t choice = below(16);
    item->visible = true;
    if (choice == 0) soft->preferred[0] = UDXG_SOFT_SEGMENT_SYSTEM;
    if (choice == 1) soft->flags |= UDXG_SOFT_PERMANENT_SYSTEM;
    if (choice == 2) soft->flags |= UDXG_SOFT_FROM_END;
    if (choice >= 3 && choice < 7) {
        item->only_local = !world.is_uma;
        soft->preferred[0] = UDXG_SOFT_SEGMENT_LOCAL;
        soft->flags |= UDXG_SOFT_ONLY_PREFERRED;
    }
    item->visible = world.is_uma || !item->only_local;
    if (item->visible) soft->flags |= UDXG_SOFT_CPU_VISIBLE;
}

static void choose_items(struct birth *birth, bool zeroed)
{
    for (uint32_t i = 0; i < birth->count; i++) {
        struct item *item = &birth->items[i];
        item->page_count = (uint32_t)random_log_uniform(&worker->random, 0, 8);
        item->priority = D3DDDI_ALLOCATIONPRIORITY_NORMAL;
        item_forget(item, zeroed ? STAMP_ZERO : STAMP_UNKNOWN);
        birth->soft[i] = (struct udxg_soft_allocation){
            .magic = UDXG_SOFT_ALLOCATION_MAGIC,
            .version = UDXG_SOFT_VERSION,
            .size_bytes = item->page_count * PAGE_BYTES,
        };
        choose_place(item, &birth->soft[i]);
        birth->infos[i] = (D3DDDI_ALLOCATIONINFO2){.pPrivateDriverData = &birth->soft[i],
                                                   .PrivateDriverDataSize = sizeof birth->soft[i]};
        birth->bytes += item->page_count * PAGE_BYTES;
    }
}

/*
 * The model's commit has grown before and is never less than the real one, so that its peak is over the limit whenever
 * the real one would have been. Homes of a process share one space, which may be too ragged for a large one.
 */
static bool is_created(struct room *room, udxg_status status)
{
    uint64_t limit = world.commit_limit_bytes, peak = atomic_load(&world.peak_bytes);
    if (status != STATUS_NO_MEMORY && status != STATUS_GRAPHICS_NO_VIDEO_MEMORY) return DID(room, status);
    if (peak <= (status == STATUS_NO_MEMORY ? limit : limit / 4))
        fail("%s with at most %llu bytes committed of %llu", udxg_status_name(status), (unsigned long long)peak,
             (unsigned long long)limit);
    worker->refused++;
    return false;
}

/* The items come to life: what can be looked at is, and mostly written. */
static void store_items(struct room *room, struct birth *birth)
{
    for (uint32_t i = 0; i < birth->count; i++) {
        struct item *item = &birth->items[i];
        CHECK(birth->infos[i].hAllocation);
        item->handle = birth->infos[i].hAllocation;
        if (item->visible) item_look(room, item, !one_in(4));
        room_store_item(room, birth->places[i], item);
    }
    worker->created += birth->count;
}

/* Creates what BIRTH says; its places are free or full afterwards. */
static bool create(struct room *room, struct birth *birth)
{
    birth->args.hDevice = room->device;
    birth->args.NumAllocations = birth->count;
    birth->args.pAllocationInfo2 = birth->infos;
    world_charge(birth->bytes);
    bool created = is_created(room, CALL(room, CreateAllocation2, &birth->args));
    if (created) {
        store_items(room, birth);
        return true;
    }
    atomic_fetch_sub(&world.commit_bytes, birth->bytes);
    for (uint32_t i = 0; i < birth->count; i++) room_store_item(room, birth->places[i], NULL);
    return false;
}

static void create_some(struct room *room)
{
    struct birth birth = {0};
    uint32_t wanted = 1 + (uint32_t)below(4);
    bool zeroed = one_in(2);
    while (birth.count < wanted) {
        struct item *place = room_claim_place(room);
        if (!place) break;
        birth.places[birth.count++] = place;
    }
    if (!birth.count) return;
    choose_items(&birth, zeroed);
    birth.args.Flags.AllowNotZeroed = !zeroed;
    create(room, &birth);
}

/* Memory of the caller's own, with something in it. */
static void create_on_pages(struct room *room)
{
    D3DKMT_CREATESTANDARDALLOCATION standard = {.Type = D3DKMT_STANDARDALLOCATIONTYPE_EXISTINGHEAP};
    struct birth birth = {.count = 1, .args.pStandardAllocation = &standard};
    struct item *item = &birth.items[0];
    birth.places[0] = room_claim_place(room);
    if (!birth.places[0]) return;
    item->page_count = 1 + (uint32_t)below(16);
    item->visible = true;
    item->priority = D3DDDI_ALLOCATIONPRIORITY_NORMAL;
    item->pages = mmap(NULL, item->page_count * PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(item->pages != MAP_FAILED);
    item->address = item->pages;
    for (uint32_t i = 0; i < item->page_count; i++) {
        item->stamps[i] = stamp_new();
        stamp_write(item->stamps[i], item->address + i * PAGE_BYTES);
    }
    standard.ExistingHeapData.Size = item->page_count * PAGE_BYTES;
    birth.infos[0].pSystemMem = item->pages;
    birth.args.Flags.StandardAllocation = birth.args.Flags.ExistingSysMem = 1;
    if (!create(room, &birth)) munmap(item->pages, item->page_count * PAGE_BYTES);
}

/* ---- destroying ---- */

/* After the call that destroyed it. */
static void bury(struct room *room, struct item *item)
{
    uint64_t bytes = item->page_count * PAGE_BYTES;
    if (item->residency) atomic_fetch_sub(&room->listed_bytes, bytes);
    if (item->pages)
        munmap(item->pages, bytes);
    else if (item->offer != OFFER_GONE)
        atomic_fetch_add(&room->dying_bytes, bytes);
    room_store_item(room, item, NULL);
    worker->destroyed++;
}

/* Work may still use what is destroyed, but for AssumeNotInUse; and memory of the caller's must be left in time. */
static bool destroy(struct room *room, struct item *item)
{
    D3DKMT_DESTROYALLOCATION2 args = {.hDevice = room->device, .AllocationCount = 1};
    args.Flags.AssumeNotInUse = one_in(4);
    args.Flags.SynchronousDestroy = one_in(8);
    args.phAllocationList = &item->handle;
    if ((args.Flags.AssumeNotInUse || item->pages) && !item_settle(room, item)) return false;
    return DID(room, CALL(room, DestroyAllocation2, &args));
}

static void destroy_one(struct room *room)
{
    struct item *item = one_in(4) ? room_claim_offered(room) : room_claim_item(room);
    if (!item) return;
    if (destroy(room, item))
        bury(room, item);
    else
        room_release_item(room, item);
}

/* One that is named twice refuses the call, and nothing is destroyed. */
static void destroy_twice(struct room *room)
{
    struct item *item = room_claim_item(room);
    D3DKMT_HANDLE handles[2];
    D3DKMT_DESTROYALLOCATION2 args = {.hDevice = room->device, .AllocationCount = 2, .phAllocationList = handles};
    if (!item) return;
    handles[0] = handles[1] = item->handle;
    IS(STATUS_INVALID_PARAMETER, room, CALL(room, DestroyAllocation2, &args));
    room_release_item(room, item);
}

/* ---- looking ---- */

static void look(struct room *room)
{
    struct item *item = room_claim_item(room);
    if (!item) return;
    if (item->visible) item_look(room, item, one_in(2));
    room_release_item(room, item);
}

/* Locks that stay, while engines go on; and unlocks, also one too many. */
static void lock_or_unlock(struct room *room)
{
    struct item *item = room_claim_item(room);
    if (!item) return;
    if (item->visible && item->locks < 2 && one_in(2))
        item_lock(room, item);
    else if (item->visible)
        item_unlock(room, item);
    room_release_item(room, item);
}

static void change_priority(struct room *room)
{
    static const UINT levels[] = {D3DDDI_ALLOCATIONPRIORITY_MINIMUM, D3DDDI_ALLOCATIONPRIORITY_LOW,
                                  D3DDDI_ALLOCATIONPRIORITY_NORMAL, D3DDDI_ALLOCATIONPRIORITY_HIGH,
                                  D3DDDI_ALLOCATIONPRIORITY_MAXIMUM};
    struct item *item = room_claim_item(room);
    UINT wanted = levels[below(5)], found = 0;
    if (!item) return;
    D3DKMT_GETALLOCATIONPRIORITY get = {.hDevice = room->device, .AllocationCount = 1, .pPriorities = &found};
    D3DKMT_SETALLOCATIONPRIORITY set = {.hDevice = room->device, .AllocationCount = 1, .pPriorities = &wanted};
    get.phAllocationList = set.phAllocationList = &item->handle;
    if (DID(room, CALL(room, GetAllocationPriority, &get))) CHECK(found == item->priority);
    if (DID(room, CALL(room, SetAllocationPriority, &set))) item->priority = wanted;
    room_release_item(room, item);
}

const struct step memory_steps[] = {
    {"create", create_some, 14},
    {"create on the caller's memory", create_on_pages, 2},
    {"destroy", destroy_one, 22},
    {"destroy twice", destroy_twice, 1},
    {"look", look, 20},
    {"lock or unlock", lock_or_unlock, 10},
    {"change a priority", change_priority, 4},
    {0},
};
