/* SPDX-License-Identifier: MIT */
/*
 * The recount: the kernel's own checks, and every number that can be asked for against the model. It runs on one
 * thread while the others wait, after all that was under way has ended.
 */
#include <unistd.h>

#include "property.h"

#define LARGE_PAGE_BYTES UINT64_C(65536)
#define PATIENCE_MS 10000u

/* What the model says of one process. */
struct census {
    uint32_t devices, allocations;
    uint64_t commit_bytes;
    uint64_t decommittable_bytes; /* offered so, whatever has become of them */
    uint64_t in_segment_bytes, in_aperture_bytes;
    uint64_t in_aperture_large_bytes; /* as the segment would count it */
    uint64_t waiting_bytes;           /* listed, and in neither */
};

static bool is_roomy; /* all that is listed takes no more than half of the segment */

/* ---- counting ---- */

static uint64_t large_bytes(const struct item *item)
{
    uint64_t bytes = item->page_count * PAGE_BYTES;
    return (bytes + LARGE_PAGE_BYTES - 1) / LARGE_PAGE_BYTES * LARGE_PAGE_BYTES;
}

static uint64_t listed_bytes; /* large; of all rooms */

static void add_listed(struct room *room)
{
    for (unsigned i = 0; i < MAX_ITEMS; i++)
        if (room->items[i].handle && room->items[i].residency) listed_bytes += large_bytes(&room->items[i]);
}

static void count_place(struct room *room, const struct item *item, struct census *census)
{
    D3DKMT_ALLOCATIONRESIDENCYSTATUS place = 0;
    D3DKMT_QUERYALLOCATIONRESIDENCY query = {.hDevice = room->device, .AllocationCount = 1};
    uint64_t bytes = item->page_count * PAGE_BYTES;
    uint64_t large = large_bytes(item);
    query.phAllocationList = &item->handle;
    query.pResidencyStatus = &place;
    CHECK(CALL(room, QueryAllocationResidency, &query) == STATUS_SUCCESS);
    CHECK(!item->locks || place != D3DKMT_ALLOCATIONRESIDENCYSTATUS_RESIDENTINGPUMEMORY);
    CHECK(!item->only_local || place != D3DKMT_ALLOCATIONRESIDENCYSTATUS_RESIDENTINSHAREDMEMORY);
    if (!item->residency || item->offer != OFFER_NONE) return;
    if (place == D3DKMT_ALLOCATIONRESIDENCYSTATUS_RESIDENTINGPUMEMORY)
        census->in_segment_bytes += large;
    else if (place != D3DKMT_ALLOCATIONRESIDENCYSTATUS_RESIDENTINSHAREDMEMORY)
        census->waiting_bytes += large;
    else
        census->in_aperture_bytes += bytes, census->in_aperture_large_bytes += large;
}

static void count_item(struct room *room, const struct item *item, struct census *census)
{
    if (!item->handle) return;
    CHECK(!item->claimed);
    census->allocations++;
    if (!item->pages && item->offer != OFFER_GONE) census->commit_bytes += item->page_count * PAGE_BYTES;
    if (item->offer == OFFER_DECOMMIT) census->decommittable_bytes += item->page_count * PAGE_BYTES;
    count_place(room, item, census);
}

static void count_room(struct room *room, struct census *census)
{
    census->devices++;
    for (unsigned i = 0; i < LANES; i++) {
        count_item(room, &room->lanes[i].commands, census);
        count_item(room, &room->lanes[i].result, census);
    }
    for (unsigned i = 0; i < MAX_ITEMS; i++) count_item(room, &room->items[i], census);
}

static struct census take_census(struct process *process)
{
    struct census census = {0};
    count_room(&process->shared, &census);
    for (unsigned i = 0; i < world.workers; i++)
        if (world.worker[i].process == process) count_room(&world.worker[i].room, &census);
    return census;
}

/* ---- asking ---- */

static struct vidmm_process *vidmm_of(const struct process *process)
{
    return atomic_load(&process->udxg->adapters[0])->vidmm;
}

static D3DKMT_QUERYVIDEOMEMORYINFO info_of(struct process *process, D3DKMT_MEMORY_SEGMENT_GROUP group)
{
    D3DKMT_QUERYVIDEOMEMORYINFO query = {.hAdapter = process->adapter, .MemorySegmentGroup = group};
    CHECK(CALL(&process->shared, QueryVideoMemoryInfo, &query) == STATUS_SUCCESS);
    return query;
}

static uint64_t statistics_commit(struct process *process)
{
    D3DKMT_QUERYSTATISTICS query = {.Type = D3DKMT_QUERYSTATISTICS_PROCESS, .AdapterLuid = world.adapter->luid};
    CHECK(CALL(&process->shared, QueryStatistics, &query) == STATUS_SUCCESS);
    return query.QueryResult.ProcessInformation.SystemMemory.BytesAllocated;
}

static uint64_t decommittable_bytes(struct process *process)
{
    D3DKMT_QUERYPROCESSOFFERINFO query = {.cbSize = sizeof query};
    CHECK(CALL(&process->shared, QueryProcessOfferInfo, &query) == STATUS_SUCCESS);
    return query.DecommittableBytes;
}

static void count_handle(uint32_t handle, void *object, void *user)
{
    (void)handle, (void)object;
    ++*(uint32_t *)user;
}

static uint32_t handles_of(struct process *process, enum udxg_handle_type type)
{
    uint32_t count = 0;
    udxg_handle_for_each(&process->udxg->handles, type, count_handle, &count);
    return count;
}

/* ---- comparing ---- */

/*
 * What is in the segment is counted there; what is in the aperture too, or where it would rather be, or in no group
 * when it was locked while the aperture was full; what is nowhere, where it is going to be. While nobody lacks room,
 * all is where it is counted.
 */
static bool is_usage(struct process *process, const struct census *census)
{
    uint64_t local = info_of(process, D3DKMT_MEMORY_SEGMENT_GROUP_LOCAL).CurrentUsage;
    uint64_t non_local = info_of(process, D3DKMT_MEMORY_SEGMENT_GROUP_NON_LOCAL).CurrentUsage;
    if (world.is_uma) return local == census->in_aperture_bytes && !non_local && !census->in_segment_bytes;
    if (is_roomy) return local == census->in_segment_bytes && non_local == census->in_aperture_bytes;
    return local >= census->in_segment_bytes &&
           local <= census->in_segment_bytes + census->in_aperture_large_bytes + census->waiting_bytes &&
           non_local <= census->in_aperture_bytes + census->waiting_bytes;
}

static bool is_commit(struct process *process, const struct census *census)
{
    struct vidmm_usage usage;
    vidmm_process_usage(vidmm_of(process), &usage);
    /* What is missing was decommitted, and nobody has been told yet. */
    return usage.allocations == census->allocations &&
           usage.commit_bytes + (census->decommittable_bytes - decommittable_bytes(process)) == census->commit_bytes;
}

static void tell_waiting_of(struct room *room)
{
    for (unsigned i = 0; i < MAX_ITEMS; i++) {
        const struct item *item = &room->items[i];
        struct census census = {0};
        if (item->handle) count_place(room, item, &census);
        if (!census.waiting_bytes) continue;
        printf("allocation %#x of %u pages is listed and nowhere: residency %u, locks %u, %s, %s room\n", item->handle,
               item->page_count, item->residency, item->locks, item->only_local ? "only local" : "anywhere",
               room->is_shared ? "a shared" : "somebody's own");
    }
}

/* Which are on their way for longer than our patience lasts. */
static void tell_waiting(struct process *process)
{
    tell_waiting_of(&process->shared);
    for (unsigned i = 0; i < world.workers; i++)
        if (world.worker[i].process == process) tell_waiting_of(&world.worker[i].room);
}

static void fail_usage(struct process *process, const struct census *census)
{
    tell_waiting(process);
    fail("usage is %llu and %llu instead of %llu and %llu, and %llu on their way",
         (unsigned long long)info_of(process, D3DKMT_MEMORY_SEGMENT_GROUP_LOCAL).CurrentUsage,
         (unsigned long long)info_of(process, D3DKMT_MEMORY_SEGMENT_GROUP_NON_LOCAL).CurrentUsage,
         (unsigned long long)census->in_segment_bytes, (unsigned long long)census->in_aperture_bytes,
         (unsigned long long)census->waiting_bytes);
}

static void check_numbers(struct process *process, const struct census *census)
{
    struct vidmm_usage usage;
    vidmm_process_usage(vidmm_of(process), &usage);
    CHECK(usage.allocations == census->allocations);
    CHECK(usage.commit_bytes == statistics_commit(process));
    if (!is_commit(process, census))
        fail("commit is %llu instead of %llu, %llu of %llu can be decommitted", (unsigned long long)usage.commit_bytes,
             (unsigned long long)census->commit_bytes, (unsigned long long)decommittable_bytes(process),
             (unsigned long long)census->decommittable_bytes);
    if (!is_usage(process, census)) fail_usage(process, census);
    CHECK(handles_of(process, UDXG_HANDLE_DEVICE) == census->devices);
    CHECK(handles_of(process, UDXG_HANDLE_ALLOCATION) == census->allocations);
    CHECK(info_of(process, D3DKMT_MEMORY_SEGMENT_GROUP_LOCAL).CurrentReservation == process->reservation_bytes);
}

static void check_structures(struct process *process)
{
    const char *wrong = udxg_handle_table_check(&process->udxg->handles);
    if (!wrong) wrong = vidmm_process_check(vidmm_of(process));
    if (!wrong) wrong = vidmm_adapter_check(world.adapter->vidmm);
    if (wrong) fail("%s", wrong);
}

/* What had to give way comes back by itself, for as long as there is room; ends of offers follow the work. */
static void check_process(struct process *process)
{
    struct census census = take_census(process);
    for (unsigned i = 0; i < PATIENCE_MS && !(is_usage(process, &census) && is_commit(process, &census)); i++) {
        usleep(1000);
        census = take_census(process);
    }
    check_numbers(process, &census);
    check_structures(process);
    atomic_fetch_add(&worker->moves, 1);
}

/* ---- contents ---- */

static void settle_room(struct room *room)
{
    D3DKMT_WAITFORIDLE idle = {.hDevice = room->device};
    for (unsigned i = 0; i < LANES; i++) CHECK(lane_wait(room, &room->lanes[i], room->lanes[i].next));
    CHECK(CALL(room, WaitForIdle, &idle) == STATUS_SUCCESS);
    CHECK(room_is_alive(room));
    atomic_fetch_sub(&world.commit_bytes, atomic_exchange(&room->dying_bytes, 0));
    atomic_fetch_add(&worker->moves, 1);
}

static void look_at_room(struct room *room)
{
    for (unsigned i = 0; i < MAX_ITEMS; i++) {
        struct item *item = &room->items[i];
        if (!item->handle || item->offer != OFFER_NONE) continue;
        if (item->visible && (i % 2 || !item->residency))
            item_look(room, item, false);
        else
            item_look_by_engine(room, item);
        atomic_fetch_add(&worker->moves, 1);
    }
}

void recount(bool contents)
{
    world_each_room(settle_room);
    if (contents) world_each_room(look_at_room);
    listed_bytes = 0;
    world_each_room(add_listed);
    if (listed_bytes > world.most_listed_bytes) world.most_listed_bytes = listed_bytes;
    is_roomy = listed_bytes <= world.adapter->caps.segments[0].size_bytes / 2;
    for (unsigned i = 0; i < world.processes; i++) check_process(&world.process[i]);
    atomic_store(&world.peak_bytes, atomic_load(&world.commit_bytes));
}
