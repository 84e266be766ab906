/* SPDX-License-Identifier: MIT */
/*
 * Allocations: look-up, locks, priority, residency queries, and the end of them. Creation is in create.c.
 *
 * The end has three steps. Closing the handle makes it invalid at once, and ends its locks. Then the opening waits on
 * the device's timeline until work that was submitted before has retired (unless the client promised that none uses
 * it). Then the binding goes, and with the last binding the memory.
 */
#include "core/allocation.h"

#include <stdlib.h>
#include <string.h>

#include "abi/thunk.h"
#include "base/os.h"
#include "core/handlers.h"
#include "core/resource.h"
#include "core/sight.h"
#include "core/stats.h"
#include "core/write_watch.h"

/* ---- look-up ---- */

_Static_assert(sizeof(struct vidmm_hold) <= UDXG_HANDLE_NOTE_BYTES, "the note of an allocation's handle is its hold");

/* The hold tells the device: the allocation is not looked at. */
static struct udxg_allocation *get(struct udxg_device *device, uint32_t handle, struct vidmm_hold **ret_hold)
{
    struct udxg_handle_table *table = &device->process->handles;
    void *note, *allocation = udxg_handle_get_noted(table, handle, UDXG_HANDLE_ALLOCATION, &note);

    if (!allocation) return NULL;
    *ret_hold = note;
    if ((*ret_hold)->device == &device->vidmm) return allocation;
    udxg_handle_put(table, handle);
    return NULL;
}

struct udxg_allocation *udxg_allocation_get(struct udxg_device *device, uint32_t handle)
{
    struct vidmm_hold *hold;

    return get(device, handle, &hold);
}

void udxg_allocation_put(struct udxg_allocation *allocation)
{
    udxg_handle_put(&allocation->child.device->process->handles, allocation->child.handle);
}

static void put_all(struct udxg_device *device, uint32_t count, const D3DKMT_HANDLE *handles)
{
    for (uint32_t i = 0; i < count; i++) udxg_handle_put(&device->process->handles, handles[i]);
}

#define AHEAD 16u /* as many as a processor fetches at a time, and some */

/* All or none. Handles are fetched some time before they are looked up: among a million, none is in a cache. */
static bool get_all(struct udxg_device *device, uint32_t count, const D3DKMT_HANDLE *handles,
                    struct udxg_allocation **ret_allocations, struct vidmm_hold **ret_holds)
{
    const struct udxg_handle_table *table = &device->process->handles;

    for (uint32_t i = 1; i < count && i < AHEAD; i++) udxg_handle_prefetch(table, handles[i]);
    for (uint32_t i = 0; i < count; i++) {
        if (count - i > AHEAD) udxg_handle_prefetch(table, handles[i + AHEAD]);
        ret_allocations[i] = get(device, handles[i], &ret_holds[i]);
        if (ret_allocations[i]) continue;
        put_all(device, i, handles);
        return false;
    }
    return true;
}

static void free_unless_few(struct udxg_pinned *pinned, struct udxg_allocation **allocations)
{
    if ((void *)allocations != (void *)pinned->few) free(allocations);
}

udxg_status udxg_pin(struct udxg_device *device, uint32_t count, const D3DKMT_HANDLE *handles,
                     struct udxg_pinned *ret_pinned)
{
    struct udxg_allocation **allocations;
    struct vidmm_binding **bindings;
    struct vidmm_hold **holds;

    if (!count) return STATUS_INVALID_PARAMETER;
    allocations = count <= UDXG_PINNED_FEW ? (struct udxg_allocation **)ret_pinned->few
                                           : malloc(count * (sizeof *allocations + sizeof *bindings + sizeof *holds));
    if (!allocations) return STATUS_NO_MEMORY;
    bindings = (struct vidmm_binding **)(allocations + count);
    holds = (struct vidmm_hold **)(bindings + count);
    if (!get_all(device, count, handles, allocations, holds)) {
        free_unless_few(ret_pinned, allocations);
        return STATUS_INVALID_PARAMETER;
    }
    for (uint32_t i = 0; i < count; i++) bindings[i] = &allocations[i]->vidmm;
    ret_pinned->count = count;
    ret_pinned->device = device;
    ret_pinned->handles = handles;
    ret_pinned->allocations = allocations;
    ret_pinned->bindings = bindings;
    ret_pinned->holds = holds;
    return STATUS_SUCCESS;
}

void udxg_unpin(struct udxg_pinned *pinned)
{
    put_all(pinned->device, pinned->count, pinned->handles);
    free_unless_few(pinned, pinned->allocations);
}

/* ---- the beginning ---- */

static void retire(struct udxg_timeline_entry *entry)
{
    udxg_allocation_destroy(udxg_container_of(entry, struct udxg_allocation, retirement));
}

static bool is_first(const struct udxg_allocation *allocation, const struct udxg_memory *memory)
{
    return allocation == &udxg_container_of(memory, struct udxg_birth, memory)->opening;
}

udxg_status udxg_allocation_open(const struct udxg_opening *opening, struct udxg_allocation **ret_allocation)
{
    struct udxg_device *device = opening->device;
    struct udxg_memory *memory = opening->memory;
    const struct udxg_adapter *adapter = device->adapter;
    struct udxg_open_allocation call = {
        .device = device->mp_device,
        .allocation = memory->mp_allocation,
        .private_data = opening->private_data,
        .private_data_bytes = opening->private_data_bytes,
        .create = opening->create,
        .read_only = opening->read_only,
    };
    struct udxg_allocation *allocation = opening->first
                                             ? &udxg_container_of(memory, struct udxg_birth, memory)->opening
                                             : udxg_slab_alloc_in(&device->pa->openings, udxg_device_stripe(device));
    udxg_status status = allocation ? STATUS_SUCCESS : STATUS_NO_MEMORY;

    if (!udxg_failed(status) && memory->told_miniport && adapter->miniport->open_allocation)
        status = adapter->miniport->open_allocation(adapter->mp_adapter, &call);
    if (udxg_failed(status)) {
        if (!opening->first) udxg_slab_free_in(&device->pa->openings, udxg_device_stripe(device), allocation);
        return status;
    }
    udxg_list_init(&allocation->child.link);
    atomic_init(&allocation->locks, 0);
    allocation->retirement.fire = retire;
    allocation->child.device = device;
    atomic_fetch_add(&device->refs, 1);
    allocation->memory = memory;
    allocation->mp_binding = call.binding;
    allocation->resource = opening->resource;
    if (opening->resource) atomic_fetch_add(&opening->resource->refs, 1);
    vidmm_binding_init(&allocation->vidmm, &memory->vidmm, &device->vidmm);
    *ret_allocation = allocation;
    return STATUS_SUCCESS;
}

/* ---- locks ---- */

udxg_status udxg_allocation_lock(struct udxg_allocation *allocation, void **ret_address)
{
    udxg_status status = vidmm_alloc_lock(&allocation->memory->vidmm, ret_address);

    if (!udxg_failed(status))
        atomic_fetch_add(&allocation->locks, 1); /* the memory's count, which is larger, has room */
    return status;
}

udxg_status udxg_allocation_unlock(struct udxg_allocation *allocation)
{
    unsigned locks = atomic_load(&allocation->locks);

    while (locks)
        if (atomic_compare_exchange_weak(&allocation->locks, &locks, locks - 1))
            return vidmm_alloc_unlock(&allocation->memory->vidmm);
    return STATUS_INVALID_PARAMETER;
}

/* The handle is closed and nobody has it pinned. Where nobody else has the memory, no lock of it is in anybody's way.
 */
static void end_locks(struct udxg_allocation *allocation)
{
    unsigned locks = atomic_load(&allocation->locks);

    if (locks && atomic_load(&allocation->memory->refs) > 1) vidmm_alloc_end_locks(&allocation->memory->vidmm, locks);
}

void udxg_allocation_publish(struct udxg_allocation *allocation, uint32_t handle)
{
    struct udxg_handle_table *table = &allocation->child.device->process->handles;

    allocation->child.handle = handle;
    vidmm_binding_lend(&allocation->vidmm, udxg_handle_note(table, handle));
    udxg_handle_publish(table, handle, UDXG_HANDLE_ALLOCATION, allocation);
}

/* ---- the end ---- */

void udxg_memory_unref(struct udxg_memory *memory)
{
    struct udxg_process_adapter *pa;
    struct udxg_memory *origin;
    const struct udxg_adapter *adapter;

    if (!memory) return;
    /* Who has the only reference knows that nobody will add one. */
    if (atomic_load_explicit(&memory->refs, memory_order_acquire) != 1 && atomic_fetch_sub(&memory->refs, 1) != 1)
        return;
    pa = memory->pa;
    adapter = pa->adapter;
    udxg_stats_freed(memory->vidmm.size_bytes);
    udxg_write_watch_destroy(memory->watch);
    vidmm_alloc_fini(&memory->vidmm);
    udxg_section_destroy(memory->section);
    if (memory->told_miniport)
        adapter->miniport->destroy_allocation(adapter->mp_adapter, 1, &memory->mp_allocation, NULL);
    origin = memory->origin;
    udxg_slab_free_in(&pa->births, memory->vidmm.stripe, udxg_container_of(memory, struct udxg_birth, memory));
    udxg_memory_unref(origin); /* has none of its own: it goes no deeper */
}

void udxg_allocation_destroy(struct udxg_allocation *allocation)
{
    struct udxg_device *device = allocation->child.device;
    const struct udxg_adapter *adapter = device->adapter;
    struct udxg_resource *resource = allocation->resource;
    struct udxg_memory *memory = allocation->memory;
    struct udxg_device_count *awaited = allocation->awaited;

    vidmm_binding_fini(&allocation->vidmm);
    if (memory->told_miniport && adapter->miniport->close_allocation)
        adapter->miniport->close_allocation(adapter->mp_adapter, allocation->mp_binding);
    /* Its process may have ended before: only the device is asked. */
    if (!is_first(allocation, memory))
        udxg_slab_free_in(&device->pa->openings, atomic_load(&device->stripe), allocation);
    udxg_memory_unref(memory); /* and its first opening with it */
    udxg_resource_unref(resource);
    if (awaited) udxg_device_count_down(device, awaited);
    udxg_device_unref(device);
}

/* Takes it off the list that it is on, the device's or its resource's; the device reference stays. */
static void unlink_locked(struct udxg_allocation *allocation) UDXG_REQUIRES(DEVICE)
{
    if (allocation->resource) allocation->resource->allocation_count--;
    udxg_list_remove(&allocation->child.link);
}

void udxg_allocation_release(void *object)
{
    struct udxg_allocation *allocation = object;
    struct udxg_device *device = allocation->child.device;
    bool later;

    end_locks(allocation);
    vidmm_binding_take_back(&allocation->vidmm); /* it may outlive its handle */
    udxg_sight_end(allocation);
    udxg_lock(DEVICE, &device->lock);
    unlink_locked(allocation);
    later = allocation->retirement.fire && udxg_device_queue_marker_locked(device, &allocation->retirement);
    udxg_unlock(DEVICE, &device->lock);
    if (!later) udxg_allocation_destroy(allocation);
}

bool udxg_allocation_close(struct udxg_allocation *allocation, struct udxg_destruction *destruction)
{
    struct udxg_device *device = allocation->child.device;

    if (!udxg_handle_close(&device->process->handles, allocation->child.handle, UDXG_HANDLE_ALLOCATION)) return false;
    /* The caller's pin keeps it from being released, and only one closes it: this is ours to write. */
    if (destruction->assume_not_in_use) allocation->retirement.fire = NULL;
    allocation->awaited = destruction->missing;
    if (allocation->awaited) udxg_device_count_up(device, allocation->awaited);
    return true;
}

/* ---- destroy calls ---- */

/* The rule for lists: allocations of one resource, or none of any; no handle twice. */
static udxg_status check_list(uint32_t count, struct udxg_allocation *const *allocations)
{
    for (uint32_t i = 1; i < count; i++)
        if (allocations[i]->resource != allocations[0]->resource) return STATUS_INVALID_PARAMETER;
    /* What is shared goes as a whole: other openers rely on the set. */
    if (count && allocations[0]->resource && allocations[0]->resource->shared) return STATUS_INVALID_PARAMETER;
    return STATUS_SUCCESS;
}

static int compare_handles(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static bool is_ascending(uint32_t count, const uint32_t *values)
{
    for (uint32_t i = 1; i < count; i++)
        if (values[i] <= values[i - 1]) return false;
    return true;
}

/* False: there is a handle twice. Most lists come in the order in which the handles were made, and need no sorting. */
static bool sort(uint32_t count, uint32_t *handles)
{
    if (is_ascending(count, handles)) return true;
    qsort(handles, count, sizeof *handles, compare_handles);
    return is_ascending(count, handles);
}

/*
 * Closes every handle of the list, which is in ascending order. Each is closed by whoever closes it first: of two
 * threads that race with one handle exactly one destroys it, and the other is told. Who comes too late for the first
 * of a list leaves the rest to the other one: so of two with the same list one destroys all of it.
 */
static udxg_status close_list(uint32_t count, struct udxg_allocation *const *allocations,
                              struct udxg_destruction *destruction)
{
    udxg_status status = STATUS_SUCCESS;

    if (!udxg_allocation_close(allocations[0], destruction)) return STATUS_INVALID_PARAMETER;
    for (uint32_t i = 1; i < count; i++)
        if (!udxg_allocation_close(allocations[i], destruction)) status = STATUS_INVALID_PARAMETER;
    return status;
}

static udxg_status destroy_list(struct udxg_device *device, uint32_t count, const uint32_t *handles,
                                struct udxg_destruction *destruction)
{
    struct udxg_allocation *allocations[UDXG_MAX_ALLOCATIONS];
    struct vidmm_hold *holds[UDXG_MAX_ALLOCATIONS];
    uint32_t sorted[UDXG_MAX_ALLOCATIONS];
    udxg_status status;

    memcpy(sorted, handles, count * sizeof *handles);
    if (!sort(count, sorted)) return STATUS_INVALID_PARAMETER;
    if (!get_all(device, count, sorted, allocations, holds)) return STATUS_INVALID_PARAMETER;
    status = check_list(count, allocations);
    if (!udxg_failed(status)) status = close_list(count, allocations, destruction);
    put_all(device, count, sorted);
    return status;
}

/* The call on a pinned device. */
static udxg_status destroy_on(struct udxg_device *device, const D3DKMT_DESTROYALLOCATION2 *args,
                              struct udxg_destruction *destruction)
{
    if (args->hResource) return udxg_resource_close(device, args->hResource, destruction);
    if (!args->AllocationCount) return STATUS_SUCCESS;
    return destroy_list(device, args->AllocationCount, args->phAllocationList, destruction);
}

static udxg_status destroy(struct udxg_process *process, D3DKMT_DESTROYALLOCATION2 *args)
{
    struct udxg_destruction destruction = {.assume_not_in_use = args->Flags.AssumeNotInUse};
    struct udxg_device *device = udxg_device_find(process, args->hDevice);
    udxg_status status = STATUS_SUCCESS, waited;

    if (!device) return STATUS_INVALID_PARAMETER;
    if (args->Flags.SynchronousDestroy) {
        destruction.missing = udxg_device_count_create();
        if (!destruction.missing) status = STATUS_NO_MEMORY;
    }
    if (!udxg_failed(status)) status = destroy_on(device, args, &destruction);
    if (!destruction.missing) {
        udxg_device_put(device);
        return status;
    }
    /* Not pinned while it waits: destroying the device must be able to end the wait. */
    atomic_fetch_add(&device->refs, 1);
    udxg_device_put(device);
    waited = udxg_device_wait_count(device, destruction.missing);
    udxg_device_unref(device);
    return udxg_failed(status) ? status : waited;
}

udxg_status thunk_DestroyAllocation2(struct udxg_process *process, D3DKMT_DESTROYALLOCATION2 *args)
{
    return destroy(process, args);
}

udxg_status thunk_DestroyAllocation(struct udxg_process *process, D3DKMT_DESTROYALLOCATION *args)
{
    D3DKMT_DESTROYALLOCATION2 args2 = {
        .hDevice = args->hDevice,
        .hResource = args->hResource,
        .phAllocationList = args->phAllocationList,
        .AllocationCount = args->AllocationCount,
    };
    return destroy(process, &args2);
}

/* ---- calls on a list or on a resource ---- */

/*
 * Calls VISIT for each of the handles, or for each allocation of the resource: exactly one of the two must be
 * given. Nothing is visited when a handle is wrong.
 */
static udxg_status for_each_of(struct udxg_device *device, uint32_t resource_handle, uint32_t count,
                               const uint32_t *handles,
                               void (*visit)(struct udxg_allocation *allocation, uint32_t index, void *user),
                               void *user)
{
    struct udxg_resource *resource;
    struct udxg_pinned pinned;

    if (!resource_handle == !count) return STATUS_INVALID_PARAMETER;
    if (!resource_handle) {
        udxg_status status = udxg_pin(device, count, handles, &pinned);
        if (udxg_failed(status)) return status;
        for (uint32_t i = 0; i < count; i++) visit(pinned.allocations[i], i, user);
        udxg_unpin(&pinned);
        return STATUS_SUCCESS;
    }
    resource = udxg_resource_get(device, resource_handle);
    if (!resource) return STATUS_INVALID_PARAMETER;
    udxg_resource_for_each(resource, visit, user);
    udxg_resource_put(resource);
    return STATUS_SUCCESS;
}

struct residency_query {
    D3DKMT_ALLOCATIONRESIDENCYSTATUS *results;
    bool worst_only; /* one result for all: the worst */
};

static void query_residency(struct udxg_allocation *allocation, uint32_t index, void *user)
{
    struct residency_query *query = user;
    D3DKMT_ALLOCATIONRESIDENCYSTATUS status =
        (D3DKMT_ALLOCATIONRESIDENCYSTATUS)vidmm_alloc_residency(&allocation->memory->vidmm);

    if (!query->worst_only)
        query->results[index] = status;
    else if (status > query->results[0]) /* the enumeration goes from best to worst */
        query->results[0] = status;
}

udxg_status thunk_QueryAllocationResidency(struct udxg_process *process, D3DKMT_QUERYALLOCATIONRESIDENCY *args)
{
    struct residency_query query = {.results = args->pResidencyStatus, .worst_only = args->hResource != 0};
    struct udxg_device *device;
    udxg_status status = udxg_device_get(process, args->hDevice, &device);

    if (udxg_failed(status)) return status;
    if (query.worst_only) query.results[0] = D3DKMT_ALLOCATIONRESIDENCYSTATUS_RESIDENTINGPUMEMORY;
    status =
        for_each_of(device, args->hResource, args->AllocationCount, args->phAllocationList, query_residency, &query);
    udxg_device_put(device);
    return status;
}

struct priorities {
    UINT *values;
    bool same; /* one value for all */
};

static void set_priority(struct udxg_allocation *allocation, uint32_t index, void *user)
{
    const struct priorities *priorities = user;
    vidmm_alloc_set_priority(&allocation->memory->vidmm, priorities->values[priorities->same ? 0 : index]);
}

static void get_priority(struct udxg_allocation *allocation, uint32_t index, void *user)
{
    const struct priorities *priorities = user;
    priorities->values[priorities->same ? 0 : index] = vidmm_alloc_priority(&allocation->memory->vidmm);
}

udxg_status thunk_SetAllocationPriority(struct udxg_process *process, D3DKMT_SETALLOCATIONPRIORITY *args)
{
    struct priorities priorities = {.values = (UINT *)args->pPriorities, .same = args->hResource != 0};
    struct udxg_device *device;
    udxg_status status = udxg_device_get(process, args->hDevice, &device);

    if (udxg_failed(status)) return status;
    status =
        for_each_of(device, args->hResource, args->AllocationCount, args->phAllocationList, set_priority, &priorities);
    udxg_device_put(device);
    return status;
}

udxg_status thunk_GetAllocationPriority(struct udxg_process *process, D3DKMT_GETALLOCATIONPRIORITY *args)
{
    struct priorities priorities = {.values = (UINT *)args->pPriorities, .same = args->hResource != 0};
    struct udxg_device *device;
    udxg_status status = udxg_device_get(process, args->hDevice, &device);

    if (udxg_failed(status)) return status;
    status =
        for_each_of(device, args->hResource, args->AllocationCount, args->phAllocationList, get_priority, &priorities);
    udxg_device_put(device);
    return status;
}
