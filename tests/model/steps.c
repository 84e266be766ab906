/* SPDX-License-Identifier: MIT */
/*
 * The random steps. Each claims what it needs, calls, compares the outcome with what the model says it must be, and
 * changes the model. A step that finds nothing to claim does nothing.
 *
 * What a limit may refuse: creating, when all that was created is more than the commit; making resident, and then
 * something to trim has to be named.
 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <udxg/soft.h>

#include "model.h"

static uint64_t below(uint64_t limit)
{
    return random_below(&worker->random, limit);
}

static bool one_in(uint64_t count)
{
    return below(count) == 0;
}

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

static void claim_places(struct room *room, struct birth *birth)
{
    uint32_t wanted = 1 + (uint32_t)below(MAX_CALL);
    while (birth->count < wanted) {
        struct item *place = room_claim_item_place(room);
        if (!place) return;
        birth->places[birth->count++] = place;
    }
}

static void release_places(struct room *room, const struct birth *birth)
{
    for (uint32_t i = 0; i < birth->count; i++) room_store_item(room, birth->places[i], NULL);
}

/* Anywhere; in system memory if possible; there for life. */
static void choose_place(struct udxg_soft_allocation *soft)
{
    soft->flags = UDXG_SOFT_CPU_VISIBLE;
    switch (below(16)) {
    case 0:
        soft->preferred[0] = UDXG_SOFT_SEGMENT_SYSTEM;
        break;
    case 1:
        soft->flags |= UDXG_SOFT_PERMANENT_SYSTEM;
        break;
    default:
        break;
    }
}

static void choose_items(struct birth *birth, struct group *group, bool zeroed)
{
    for (uint32_t i = 0; i < birth->count; i++) {
        uint64_t pages = random_log_uniform(&worker->random, 0, 8);
        birth->items[i] = (struct item){
            .group = group,
            .size_bytes = pages * PAGE_BYTES,
            .content = zeroed ? CONTENT_ZERO : CONTENT_UNKNOWN,
        };
        birth->soft[i] = (struct udxg_soft_allocation){
            .magic = UDXG_SOFT_ALLOCATION_MAGIC,
            .version = UDXG_SOFT_VERSION,
            .size_bytes = pages * PAGE_BYTES - below(PAGE_BYTES), /* is rounded up */
        };
        choose_place(&birth->soft[i]);
        birth->infos[i] = (D3DDDI_ALLOCATIONINFO2){.pPrivateDriverData = &birth->soft[i],
                                                   .PrivateDriverDataSize = sizeof birth->soft[i]};
        birth->bytes += pages * PAGE_BYTES;
    }
}

/* Whether a limit of PART in 100 of the commit may have refused it; says what the kernel counts if not. */
static void check_refusal(udxg_status status, unsigned part)
{
    uint64_t commit = atomic_load(&model.peak_bytes);
    struct vidmm_usage usage;
    if (commit > model.commit_limit_bytes / 100 * part) return;
    vidmm_process_usage(atomic_load(&model.process->adapters[0])->vidmm, &usage);
    fail("%s with at most %llu bytes committed, and the limit is %llu; %llu by the kernel's count",
         udxg_status_name(status), (unsigned long long)commit, (unsigned long long)model.commit_limit_bytes,
         (unsigned long long)usage.commit_bytes);
}

/*
 * Whether it succeeded. The model's commit has grown before and is never less than the real one, so that its peak is
 * over the limit whenever the real one would have been. Homes share one space, which may be too ragged for a large one
 * when it is not nearly empty.
 */
static bool is_created(struct birth *birth, udxg_status status)
{
    if (status == STATUS_SUCCESS) return true;
    if (status == STATUS_NO_MEMORY)
        check_refusal(status, 100);
    else if (status == STATUS_GRAPHICS_NO_VIDEO_MEMORY)
        check_refusal(status, 50);
    else
        CHECK_STATUS(STATUS_SUCCESS, status);
    for (uint32_t i = 0; i < birth->count; i++) CHECK(!birth->infos[i].hAllocation);
    worker->refused++;
    return false;
}

/* The items come to life: each is looked at and, mostly, written. */
static void store_items(struct room *room, struct birth *birth)
{
    for (uint32_t i = 0; i < birth->count; i++) {
        struct item *item = &birth->items[i];
        CHECK(birth->infos[i].hAllocation);
        item->handle = birth->infos[i].hAllocation;
        CHECK(item->pages || birth->soft[i].size_bytes == item->size_bytes);
        item_look(room, item, !one_in(4));
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
    model_charge(birth->bytes);
    bool created = is_created(birth, CALL(CreateAllocation2, &birth->args));
    if (created) {
        store_items(room, birth);
    } else {
        atomic_fetch_sub(&model.commit_bytes, birth->bytes);
        release_places(room, birth);
    }
    return created;
}

static bool create_in(struct room *room, struct group *group, D3DKMT_HANDLE *resource)
{
    char runtime_data[64] = {(char)below(256)};
    struct birth birth = {0};
    bool zeroed = one_in(2), created;
    claim_places(room, &birth);
    choose_items(&birth, group, zeroed);
    if (!birth.count && !(group && !*resource)) return false; /* only a new group may be empty */
    birth.args.Flags.AllowNotZeroed = !zeroed;
    if (group) {
        birth.args.hResource = *resource;
        birth.args.Flags.CreateResource = !*resource;
        birth.args.pPrivateRuntimeData = runtime_data;
        birth.args.PrivateRuntimeDataSize = (UINT)below(sizeof runtime_data);
    }
    created = create(room, &birth);
    if (created && group) *resource = birth.args.hResource;
    return created;
}

static void create_alone(struct room *room)
{
    D3DKMT_HANDLE none = 0;
    create_in(room, NULL, &none);
}

static void create_group(struct room *room)
{
    struct group *group = room_claim_group_place(room);
    D3DKMT_HANDLE resource = 0;
    if (!group) return;
    if (create_in(room, group, &resource)) {
        CHECK(resource);
        group->handle = resource;
    }
    room_release_group(room, group);
}

static void add_to_group(struct room *room)
{
    struct group *group = room_claim_group(room);
    if (!group) return;
    D3DKMT_HANDLE resource = group->handle;
    create_in(room, group, &resource);
    CHECK(resource == group->handle);
    room_release_group(room, group);
}

/* Memory of the caller's own, with something in it. */
static void create_on_pages(struct room *room)
{
    D3DKMT_CREATESTANDARDALLOCATION standard = {.Type = D3DKMT_STANDARDALLOCATIONTYPE_EXISTINGHEAP};
    struct birth birth = {.count = 1, .args.pStandardAllocation = &standard};
    struct item *item = &birth.items[0];
    birth.places[0] = room_claim_item_place(room);
    if (!birth.places[0]) return;
    item->size_bytes = (1 + below(16)) * PAGE_BYTES;
    item->pages = mmap(NULL, item->size_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(item->pages != MAP_FAILED);
    item->address = item->pages;
    item_write(item, random_next(&worker->random));
    standard.ExistingHeapData.Size = item->size_bytes;
    birth.infos[0].pSystemMem = item->pages;
    birth.args.Flags.StandardAllocation = birth.args.Flags.ExistingSysMem = 1;
    CHECK(create(room, &birth)); /* nothing is charged for it */
}

/* ---- destroying ---- */

/* After the call that destroyed it. */
static void bury(struct room *room, struct item *item)
{
    if (item->pages)
        munmap(item->pages, item->size_bytes);
    else
        atomic_fetch_add(&room->dying_bytes, item->size_bytes);
    if (!room->is_shared) worker->last_destroyed = item->handle;
    room_store_item(room, item, NULL);
    worker->destroyed++;
}

static D3DKMT_DESTROYALLOCATION2 destroy_call(const struct room *room)
{
    D3DKMT_DESTROYALLOCATION2 args = {.hDevice = room->device};
    args.Flags.AssumeNotInUse = one_in(4);
    args.Flags.SynchronousDestroy = one_in(8);
    return args;
}

static void destroy_list(struct room *room)
{
    D3DKMT_HANDLE handles[MAX_CALL + 1];
    struct item *items[MAX_CALL];
    uint32_t count = 0, wanted = 1 + (uint32_t)below(MAX_CALL);
    bool mixed = one_in(16), legal = true;
    for (unsigned tries = 0; count < wanted && tries < 4 * MAX_CALL; tries++) {
        struct item *item = room_claim_item(room);
        if (!item) continue;
        if (count && item->group != items[0]->group) {
            if (!mixed) {
                room_release_item(room, item);
                continue;
            }
            legal = false;
        }
        handles[count] = item->handle;
        items[count++] = item;
    }
    if (!count) return;
    D3DKMT_DESTROYALLOCATION2 args = destroy_call(room);
    args.phAllocationList = handles;
    args.AllocationCount = count;
    if (one_in(16)) { /* one of them twice */
        handles[args.AllocationCount++] = handles[below(count)];
        legal = false;
    }
    CHECK_STATUS(legal ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER, CALL(DestroyAllocation2, &args));
    for (uint32_t i = 0; i < count; i++) {
        if (legal)
            bury(room, items[i]);
        else
            room_release_item(room, items[i]);
    }
}

static void destroy_group(struct room *room)
{
    struct item *items[MAX_ITEMS];
    struct group *group = room_claim_group(room);
    if (!group) return;
    uint32_t count = room_claim_members(room, group, items);
    D3DKMT_DESTROYALLOCATION2 args = destroy_call(room);
    args.hResource = group->handle;
    CHECK_STATUS(STATUS_SUCCESS, CALL(DestroyAllocation2, &args));
    for (uint32_t i = 0; i < count; i++) bury(room, items[i]);
    group->handle = 0;
    room_release_group(room, group);
}

static void destroy_device(struct room *room)
{
    if (room->is_shared || !one_in(16)) return;
    room_close(room);
    room_open(room);
}

/* ---- looking ---- */

static void look(struct room *room)
{
    struct item *item = room_claim_item(room);
    if (!item) return;
    item_look(room, item, one_in(2));
    room_release_item(room, item);
}

/* Locks that stay; and unlocks, also one too many. */
static void lock_or_unlock(struct room *room)
{
    struct item *item = room_claim_item(room);
    if (!item) return;
    if (item->locks < 3 && one_in(2)) {
        item_lock(room, item);
        item_verify(item);
    } else {
        item_unlock(room, item);
    }
    room_release_item(room, item);
}

static void change_priority(struct room *room)
{
    static const UINT levels[] = {D3DDDI_ALLOCATIONPRIORITY_MINIMUM, D3DDDI_ALLOCATIONPRIORITY_LOW,
                                  D3DDDI_ALLOCATIONPRIORITY_HIGH, D3DDDI_ALLOCATIONPRIORITY_MAXIMUM};
    struct item *item = room_claim_item(room);
    UINT wanted = levels[below(4)], found = 0;
    if (!item) return;
    D3DKMT_SETALLOCATIONPRIORITY set = {.hDevice = room->device,
                                        .phAllocationList = &item->handle,
                                        .AllocationCount = 1,
                                        .pPriorities = &wanted};
    CHECK_STATUS(STATUS_SUCCESS, CALL(SetAllocationPriority, &set));
    D3DKMT_GETALLOCATIONPRIORITY get = {.hDevice = room->device,
                                        .phAllocationList = &item->handle,
                                        .AllocationCount = 1,
                                        .pPriorities = &found};
    CHECK_STATUS(STATUS_SUCCESS, CALL(GetAllocationPriority, &get));
    CHECK(found == wanted);
    room_release_item(room, item);
}

/* Handles that mean something else than what is asked for, or nothing. Only where nobody else makes new ones. */
static void call_wrongly(struct room *room)
{
    const struct room *other = &model.rooms[model.workers];
    struct item *item = room->is_shared ? NULL : room_claim_item(room);
    struct group *group = room->is_shared ? NULL : room_claim_group(room);
    D3DKMT_LOCK2 lock = {.hDevice = room->device, .hAllocation = worker->last_destroyed};
    if (!room->is_shared) CHECK_STATUS(STATUS_INVALID_PARAMETER, CALL(Lock2, &lock));
    if (item) {
        lock = (D3DKMT_LOCK2){.hDevice = other->device, .hAllocation = item->handle};
        CHECK_STATUS(STATUS_INVALID_PARAMETER, CALL(Lock2, &lock));
        D3DKMT_DESTROYALLOCATION2 destroy = {.hDevice = room->device, .hResource = item->handle};
        CHECK_STATUS(STATUS_INVALID_PARAMETER, CALL(DestroyAllocation2, &destroy));
        room_release_item(room, item);
    }
    if (group) {
        struct birth birth = {.count = 1};
        choose_items(&birth, NULL, true);
        birth.args = (D3DKMT_CREATEALLOCATION){.hDevice = other->device,
                                               .hResource = group->handle,
                                               .NumAllocations = 1,
                                               .pAllocationInfo2 = birth.infos};
        CHECK_STATUS(STATUS_INVALID_HANDLE, CALL(CreateAllocation2, &birth.args));
        CHECK(!birth.infos[0].hAllocation);
        room_release_group(room, group);
    }
}

/* ---- residency ---- */

static uint32_t claim_some(struct room *room, struct item **items, D3DKMT_HANDLE *handles)
{
    uint32_t count = 0, wanted = 1 + (uint32_t)below(MAX_CALL);
    for (unsigned tries = 0; count < wanted && tries < MAX_CALL; tries++) {
        items[count] = room_claim_item(room);
        if (!items[count]) continue;
        handles[count] = items[count]->handle;
        count++;
    }
    return count;
}

static void wait_for_paging(const struct room *room, UINT64 value)
{
    while (*room->queue_value < value) usleep(20);
}

/* Whether there was room. */
static bool make_resident(struct room *room, uint32_t count, struct item *const *items, const D3DKMT_HANDLE *handles)
{
    D3DDDI_MAKERESIDENT args = {.hPagingQueue = room->queue, .NumAllocations = count, .AllocationList = handles};
    udxg_status status = CALL(MakeResident, &args);
    if (status == STATUS_NO_MEMORY) {
        CHECK(args.NumBytesToTrim && !args.NumAllocations);
        worker->refused++;
        return false;
    }
    CHECK_STATUS(args.PagingFenceValue ? STATUS_PENDING : STATUS_SUCCESS, status);
    wait_for_paging(room, args.PagingFenceValue);
    for (uint32_t i = 0; i < count; i++) items[i]->residency++;
    return true;
}

static void make_some_resident(struct room *room)
{
    D3DKMT_HANDLE handles[MAX_CALL + 1];
    struct item *items[MAX_CALL + 1];
    uint32_t claimed = claim_some(room, items, handles), count = claimed;
    if (count && one_in(8)) { /* one of them twice, which counts twice */
        items[count] = items[0];
        handles[count++] = handles[0];
    }
    if (count) make_resident(room, count, items, handles);
    for (uint32_t i = 0; i < claimed; i++) room_release_item(room, items[i]);
}

/* All or nothing: one that is not resident refuses the call. */
static void evict_some(struct room *room)
{
    D3DKMT_HANDLE handles[MAX_CALL];
    struct item *items[MAX_CALL];
    uint32_t claimed = claim_some(room, items, handles), count = 0;
    bool legal = true, wrong = one_in(8);
    for (uint32_t i = 0; i < claimed; i++) {
        if (!items[i]->residency && !wrong) {
            room_release_item(room, items[i]);
            continue;
        }
        legal = legal && items[i]->residency;
        handles[count] = handles[i];
        items[count++] = items[i];
    }
    if (!count) return;
    D3DKMT_EVICT args = {.hDevice = room->device, .NumAllocations = count, .AllocationList = handles};
    args.Flags.EvictOnlyIfNecessary = one_in(2);
    CHECK_STATUS(legal ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER, CALL(Evict, &args));
    for (uint32_t i = 0; i < count; i++) {
        items[i]->residency -= legal;
        room_release_item(room, items[i]);
    }
}

/* ---- offers ---- */

/* Nobody can use it meanwhile; afterwards it holds what it held, or nothing. */
static void take_back(struct room *room, struct item *item)
{
    D3DDDI_RECLAIM_RESULT result = D3DDDI_RECLAIM_RESULT_NOT_COMMITTED;
    D3DKMT_LOCK2 lock = {.hDevice = room->device, .hAllocation = item->handle};
    D3DKMT_RECLAIMALLOCATIONS2 args = {.hPagingQueue = room->queue, .NumAllocations = 1};
    CHECK_STATUS(STATUS_INVALID_PARAMETER, CALL(Lock2, &lock));
    args.HandleList = &item->handle;
    args.pResults = &result;
    CHECK_STATUS(STATUS_SUCCESS, CALL(ReclaimAllocations2, &args));
    CHECK(result == D3DDDI_RECLAIM_RESULT_OK || result == D3DDDI_RECLAIM_RESULT_DISCARDED);
    if (result == D3DDDI_RECLAIM_RESULT_DISCARDED) item->content = CONTENT_ZERO;
    item_look(room, item, one_in(2));
    wait_for_paging(room, args.PagingFenceValue);
}

static void offer_and_reclaim(struct room *room)
{
    struct item *item = room_claim_item(room);
    D3DKMT_OFFERALLOCATIONS args = {.hDevice = room->device, .NumAllocations = 1};
    if (!item) return;
    bool legal = !item->locks && !item->pages;
    args.HandleList = &item->handle;
    args.Priority = (D3DKMT_OFFER_PRIORITY)(1 + below(4));
    args.Flags.OfferImmediately = one_in(2);
    CHECK_STATUS(legal ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER, CALL(OfferAllocations, &args));
    if (legal) {
        if (one_in(2)) make_some_resident(room); /* perhaps in its place */
        take_back(room, item);
    }
    room_release_item(room, item);
}

/* ---- engines ---- */

static void map_if_not(struct room *room, struct item *item)
{
    D3DDDI_MAPGPUVIRTUALADDRESS map = {.hPagingQueue = room->queue, .hAllocation = item->handle};
    if (item->va) return;
    map.SizeInPages = item->size_bytes / PAGE_BYTES;
    map.Protection.Write = 1;
    CHECK_STATUS(STATUS_SUCCESS, CALL(MapGpuVirtualAddress, &map));
    item->va = map.VirtualAddress;
}

static void submit_fill(struct room *room, const struct item *item, uint32_t pattern)
{
    struct udxg_soft_fill fill = udxg_soft_fill_command(item->va, item->size_bytes, pattern);
    D3DKMT_SUBMITCOMMAND args = {.Commands = room->commands.va, .CommandLength = sizeof fill};
    memcpy(room->commands.address, &fill, sizeof fill);
    args.BroadcastContextCount = 1;
    args.BroadcastContext[0] = room->context;
    CHECK_STATUS(STATUS_SUCCESS, CALL(SubmitCommand, &args));
}

static void destroy_in_flight(struct room *room, struct item *item)
{
    D3DKMT_DESTROYALLOCATION2 args = {.hDevice = room->device, .AllocationCount = 1, .phAllocationList = &item->handle};
    if (item->group && one_in(2)) args.Flags.SynchronousDestroy = 1;
    CHECK_STATUS(STATUS_SUCCESS, CALL(DestroyAllocation2, &args));
    bury(room, item);
}

/* The engine fills an item; now and then that is destroyed before the engine has come to it. */
static void fill_by_engine(struct room *room, struct item *item)
{
    uint32_t pattern = (uint32_t)random_next(&worker->random);
    if (!item->residency && !make_resident(room, 1, &item, &item->handle)) {
        room_release_item(room, item);
        return;
    }
    room_settle(room); /* the commands of the last time may still be needed */
    map_if_not(room, item);
    submit_fill(room, item, pattern);
    if (!item->pages && one_in(4)) {
        destroy_in_flight(room, item);
        return;
    }
    room_settle(room);
    item->content = CONTENT_FILL;
    item->seed = pattern;
    room_release_item(room, item);
}

static void use_engine(struct room *room)
{
    struct item *item;
    if (!room_claim_engine(room)) return;
    item = room_claim_item(room);
    if (item) fill_by_engine(room, item);
    room_release_engine(room);
}

/* ---- the choice ---- */

static const struct {
    const char *name;
    void (*run)(struct room *room);
    unsigned weight;
} kinds[] = {
    {"create stand-alone", create_alone, 10},
    {"create a resource", create_group, 4},
    {"add to a resource", add_to_group, 4},
    {"create on the caller's memory", create_on_pages, 3},
    {"destroy a list", destroy_list, 14},
    {"destroy a resource", destroy_group, 2},
    {"destroy a device", destroy_device, 1},
    {"look", look, 20},
    {"lock or unlock", lock_or_unlock, 12},
    {"change a priority", change_priority, 2},
    {"call wrongly", call_wrongly, 3},
    {"make resident", make_some_resident, 10},
    {"evict", evict_some, 12},
    {"offer and reclaim", offer_and_reclaim, 10},
    {"use an engine", use_engine, 10},
};

void step(void)
{
    struct room *room = one_in(4) ? &model.rooms[model.workers] : worker->room;
    uint64_t total = 0, drawn;
    unsigned kind = 0;
    for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++) total += kinds[i].weight;
    for (drawn = below(total); drawn >= kinds[kind].weight; kind++) drawn -= kinds[kind].weight;
    worker->doing = kinds[kind].name;
    kinds[kind].run(room);
}
