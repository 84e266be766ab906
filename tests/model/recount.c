/* SPDX-License-Identifier: MIT */
/*
 * The recount: the kernel's own checks, and every number that can be asked for against the arrays of the model. It
 * runs on one thread while the others wait, and after all rooms have settled.
 */
#include "model.h"

#include <unistd.h>

#define LARGE_PAGE_BYTES UINT64_C(65536)
#define PATIENCE_MS 10000u

/* What the model says. */
struct census {
    uint32_t devices, resources, allocations;
    uint64_t commit_bytes;
    uint64_t in_segment_bytes, in_aperture_bytes; /* listed and in place */
};

static void count_place(const struct room *room, const struct item *item, struct census *census)
{
    D3DKMT_ALLOCATIONRESIDENCYSTATUS place = 0;
    D3DKMT_QUERYALLOCATIONRESIDENCY query = {.hDevice = room->device, .AllocationCount = 1};
    if (!item->residency) return;
    query.phAllocationList = &item->handle;
    query.pResidencyStatus = &place;
    CHECK_STATUS(STATUS_SUCCESS, CALL(QueryAllocationResidency, &query));
    if (place == D3DKMT_ALLOCATIONRESIDENCYSTATUS_RESIDENTINGPUMEMORY)
        census->in_segment_bytes += (item->size_bytes + LARGE_PAGE_BYTES - 1) / LARGE_PAGE_BYTES * LARGE_PAGE_BYTES;
    if (place == D3DKMT_ALLOCATIONRESIDENCYSTATUS_RESIDENTINSHAREDMEMORY) census->in_aperture_bytes += item->size_bytes;
    CHECK(!item->locks || place != D3DKMT_ALLOCATIONRESIDENCYSTATUS_RESIDENTINGPUMEMORY);
}

static void count_item(const struct room *room, const struct item *item, struct census *census)
{
    if (!item->handle) return;
    CHECK(!item->claimed);
    census->allocations++;
    if (!item->pages) census->commit_bytes += item->size_bytes;
    count_place(room, item, census);
}

static struct census take_census(void)
{
    struct census census = {0};
    for (unsigned i = 0; i <= model.workers; i++) {
        const struct room *room = &model.rooms[i];
        census.devices++;
        count_item(room, &room->commands, &census);
        for (uint32_t j = 0; j < MAX_ITEMS; j++) count_item(room, &room->items[j], &census);
        for (uint32_t j = 0; j < MAX_GROUPS; j++) census.resources += room->groups[j].handle != 0;
    }
    return census;
}

static void count_handle(uint32_t handle, void *object, void *user)
{
    (void)handle, (void)object;
    ++*(uint32_t *)user;
}

static uint32_t handles_of(enum udxg_handle_type type)
{
    uint32_t count = 0;
    udxg_handle_for_each(&model.process->handles, type, count_handle, &count);
    return count;
}

static uint64_t usage_of(D3DKMT_MEMORY_SEGMENT_GROUP group)
{
    D3DKMT_QUERYVIDEOMEMORYINFO query = {.hAdapter = model.adapter, .MemorySegmentGroup = group};
    CHECK_STATUS(STATUS_SUCCESS, CALL(QueryVideoMemoryInfo, &query));
    return query.CurrentUsage;
}

static void check_structures(void)
{
    const struct udxg_process_adapter *pa = atomic_load(&model.process->adapters[0]);
    const char *wrong = udxg_handle_table_check(&model.process->handles);
    if (!wrong) wrong = vidmm_process_check(pa->vidmm);
    if (!wrong) wrong = vidmm_adapter_check(pa->adapter->vidmm);
    if (wrong) fail("%s", wrong);
}

static bool usage_is(const struct census *census)
{
    const struct udxg_process_adapter *pa = atomic_load(&model.process->adapters[0]);
    bool uma = pa->adapter->caps.segments[0].flags & UDXG_SEGMENT_APERTURE;
    return usage_of(D3DKMT_MEMORY_SEGMENT_GROUP_LOCAL) ==
               (uma ? census->in_aperture_bytes : census->in_segment_bytes) &&
           usage_of(D3DKMT_MEMORY_SEGMENT_GROUP_NON_LOCAL) == (uma ? 0 : census->in_aperture_bytes);
}

static void check_numbers(const struct census *census)
{
    const struct udxg_process_adapter *pa = atomic_load(&model.process->adapters[0]);
    struct vidmm_usage usage;
    vidmm_process_usage(pa->vidmm, &usage);
    CHECK(usage.allocations == census->allocations);
    CHECK(usage.commit_bytes == census->commit_bytes);
    CHECK(atomic_load(&model.commit_bytes) == census->commit_bytes);
    CHECK(handles_of(UDXG_HANDLE_DEVICE) == census->devices);
    CHECK(handles_of(UDXG_HANDLE_RESOURCE) == census->resources);
    CHECK(handles_of(UDXG_HANDLE_ALLOCATION) == census->allocations);
}

static void check_device(const struct room *room)
{
    D3DKMT_GETDEVICESTATE state = {.hDevice = room->device, .StateType = D3DKMT_DEVICESTATE_EXECUTION};
    CHECK_STATUS(STATUS_SUCCESS, CALL(GetDeviceState, &state));
    CHECK(state.ExecutionState == D3DKMT_DEVICEEXECUTION_ACTIVE);
}

static void check_contents(struct room *room)
{
    for (uint32_t i = 0; i < MAX_ITEMS; i++) {
        struct item *item = &room->items[i];
        if (!item->handle) continue;
        item_lock(room, item);
        item_verify(item);
        item_unlock(room, item);
    }
}

void recount(bool contents)
{
    for (unsigned i = 0; i <= model.workers; i++) {
        room_settle(&model.rooms[i]);
        check_device(&model.rooms[i]);
        if (contents) check_contents(&model.rooms[i]);
    }
    check_structures();
    struct census census = take_census();
    /* What had to give way comes back by itself, for as long as there is room: it may be on its way just now. */
    bool right = usage_is(&census);
    for (unsigned i = 0; i < PATIENCE_MS && !right; i++) {
        usleep(1000);
        census = take_census();
        right = usage_is(&census); /* and is not asked again: the next may come */
    }
    CHECK(right);
    check_numbers(&census);
    atomic_store(&model.peak_bytes, atomic_load(&model.commit_bytes));
}
