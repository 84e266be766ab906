/* SPDX-License-Identifier: MIT */
/*
 * Devices, their children and their timeline. Invariants: a device lives while its handle, a child or a
 * packet refers to it; its children are closed when its handle is and the last pin has gone, so that nobody
 * adds one meanwhile; in_flight counts the entries of the timeline that are work; the first entry of a
 * timeline at rest is never a marker. Lock: DEVICE, never while a child
 * is destroyed, a marker fires or the miniport is called.
 */
#include "core/device.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "core/handlers.h"
#include "core/lane.h"
#include "core/sync.h"

/* ---- life ---- */

static struct udxg_device *of_vidmm(struct vidmm_device *vidmm)
{
    return udxg_container_of(vidmm, struct udxg_device, vidmm);
}

static void became_ready(struct vidmm_device *vidmm)
{
    udxg_lanes_ready(of_vidmm(vidmm));
}

static void paging_failed(struct vidmm_device *vidmm, udxg_status why)
{
    struct udxg_device *device = of_vidmm(vidmm);

    (void)why; /* always memory: what the execution state says */
    /* What is queued on it, and goes now, may have the last of all other references. */
    if (!udxg_device_try_ref(device)) return;
    udxg_device_fail(device, D3DKMT_DEVICEEXECUTION_ERROR_OUTOFMEMORY, NULL);
    udxg_device_unref(device);
}

static void device_destroy(struct udxg_device *device)
{
    const struct udxg_miniport *miniport = device->adapter->miniport;

    udxg_adapter_remove_device(device); /* first: who finds it on the list may look at it */
    vidmm_device_fini(&device->vidmm);
    if (miniport->destroy_device) miniport->destroy_device(device->adapter->mp_adapter, device->mp_device);
    udxg_account_discharge(device->pa->account, UDXG_CHARGE_DEVICES, 1);
    udxg_ownership_fini(&device->ownership);
    pthread_cond_destroy(&device->changed);
    udxg_mutex_fini_DEVICE(&device->lock);
    atomic_fetch_sub_explicit(&device->pa->devices, 1, memory_order_relaxed);
    udxg_process_adapter_unref(device->pa);
    free(device);
}

bool udxg_device_try_ref(struct udxg_device *device)
{
    unsigned refs = atomic_load(&device->refs);

    while (refs)
        if (atomic_compare_exchange_weak(&device->refs, &refs, refs + 1)) return true;
    return false;
}

void udxg_device_unref(struct udxg_device *device)
{
    if (device && atomic_fetch_sub(&device->refs, 1) == 1) device_destroy(device);
}

static udxg_status device_create(struct udxg_process *process, struct udxg_process_adapter *pa,
                                 struct udxg_device **ret_device) UDXG_NO_TSA
{
    const struct udxg_miniport *miniport = pa->adapter->miniport;
    struct udxg_device *device = calloc(1, sizeof *device);
    udxg_status status = device ? udxg_account_charge(pa->account, UDXG_CHARGE_DEVICES, 1) : STATUS_NO_MEMORY;

    if (!udxg_failed(status) && miniport->create_device) {
        status = miniport->create_device(pa->adapter->mp_adapter, &device->mp_device);
        if (udxg_failed(status)) udxg_account_discharge(pa->account, UDXG_CHARGE_DEVICES, 1);
    }
    if (udxg_failed(status)) {
        free(device);
        return status;
    }
    atomic_init(&device->refs, 1);
    device->process = process;
    device->pa = pa;
    udxg_process_adapter_ref(pa);
    atomic_fetch_add_explicit(&pa->devices, 1, memory_order_relaxed);
    device->adapter = pa->adapter;
    device->error.state = D3DKMT_DEVICEEXECUTION_ACTIVE;
    udxg_mutex_init_DEVICE(&device->lock);
    pthread_cond_init(&device->changed, NULL);
    udxg_ownership_init(&device->ownership);
    udxg_list_init(&device->link);
    udxg_list_init(&device->timeline);
    for (int type = 0; type < UDXG_HANDLE_TYPE_COUNT; type++) udxg_list_init(&device->children[type]);
    vidmm_device_init(&device->vidmm, pa->vidmm, became_ready, paging_failed);
    *ret_device = device;
    return STATUS_SUCCESS;
}

/* ---- stripes ---- */

#define MEETINGS 64u /* before it moves: a program that does little with several devices is left alone */

static unsigned meet(struct udxg_device *device)
{
    struct udxg_process *process = device->process;
    unsigned stripe = 0;

    atomic_store_explicit(&process->stripe_user, device, memory_order_relaxed);
    if (atomic_fetch_add_explicit(&device->meetings, 1, memory_order_relaxed) < MEETINGS) return stripe;
    stripe = 1 + atomic_fetch_add_explicit(&process->stripes_given, 1, memory_order_relaxed) % (UDXG_STRIPES - 1);
    atomic_store_explicit(&device->stripe, stripe, memory_order_relaxed);
    return stripe;
}

unsigned udxg_device_stripe(struct udxg_device *device)
{
    unsigned stripe = atomic_load_explicit(&device->stripe, memory_order_relaxed);

    if (stripe || atomic_load_explicit(&device->process->stripe_user, memory_order_relaxed) == device) return stripe;
    return meet(device);
}

/* ---- look-up ---- */

struct udxg_device *udxg_device_find(struct udxg_process *process, uint32_t handle)
{
    return udxg_handle_get(&process->handles, handle, UDXG_HANDLE_DEVICE);
}

void udxg_device_put(struct udxg_device *device)
{
    udxg_handle_put(&device->process->handles, device->handle);
}

udxg_status udxg_device_get(struct udxg_process *process, uint32_t handle, struct udxg_device **ret_device)
{
    struct udxg_device *device = udxg_device_find(process, handle);

    if (!device) return STATUS_INVALID_PARAMETER;
    if (udxg_device_is_removed(device)) {
        udxg_device_put(device);
        return STATUS_DEVICE_REMOVED;
    }
    *ret_device = device;
    return STATUS_SUCCESS;
}

/* Callbacks are waited for here: the last pin, with which the rest goes, may be a call's that one of them waits for. */
bool udxg_device_close(struct udxg_process *process, uint32_t handle)
{
    struct udxg_device *device = udxg_device_find(process, handle);

    if (!device) return false;
    vidmm_device_silence(&device->vidmm);
    udxg_device_put(device);
    return udxg_handle_close(&process->handles, handle, UDXG_HANDLE_DEVICE);
}

/* ---- children ---- */

void udxg_device_add_child(struct udxg_device *device, enum udxg_handle_type type, struct udxg_child *child)
{
    child->device = device;
    atomic_fetch_add(&device->refs, 1);
    udxg_lock(DEVICE, &device->lock);
    udxg_list_append(&device->children[type], &child->link);
    udxg_unlock(DEVICE, &device->lock);
}

void udxg_device_unlink_child(struct udxg_child *child)
{
    udxg_lock(DEVICE, &child->device->lock);
    udxg_list_remove(&child->link);
    udxg_unlock(DEVICE, &child->device->lock);
}

void udxg_device_remove_child(struct udxg_child *child)
{
    struct udxg_device *device = child->device;

    udxg_device_unlink_child(child);
    udxg_device_unref(device);
}

void udxg_device_child_closed(struct udxg_child *child)
{
    udxg_lock(DEVICE, &child->device->lock);
    child->handle = 0;
    udxg_unlock(DEVICE, &child->device->lock);
}

uint32_t udxg_device_child_handle(struct udxg_child *child)
{
    uint32_t handle;

    udxg_lock(DEVICE, &child->device->lock);
    handle = child->handle;
    udxg_unlock(DEVICE, &child->device->lock);
    return handle;
}

/* Takes some child of that kind off the list; false when there is none. *ret_handle is 0 when it has none (any more).
 */
static bool take_child(struct udxg_device *device, enum udxg_handle_type type, uint32_t *ret_handle)
{
    struct udxg_list *link;

    udxg_lock(DEVICE, &device->lock);
    link = udxg_list_pop(&device->children[type]);
    if (link) *ret_handle = udxg_container_of(link, struct udxg_child, link)->handle;
    udxg_unlock(DEVICE, &device->lock);
    return link != NULL;
}

static void close_children(struct udxg_device *device, enum udxg_handle_type type)
{
    uint32_t handle;

    while (take_child(device, type, &handle))
        if (handle) udxg_handle_close(&device->process->handles, handle, type);
}

/* Contexts first, so that nothing runs any more; then what they may have used. */
static void close_all_children(struct udxg_device *device)
{
    static const enum udxg_handle_type order[] = {
        UDXG_HANDLE_HW_QUEUE,   UDXG_HANDLE_CONTEXT,  UDXG_HANDLE_PAGING_QUEUE,
        UDXG_HANDLE_ALLOCATION, UDXG_HANDLE_RESOURCE, UDXG_HANDLE_SYNC,
    };

    udxg_lanes_cancel(device);
    udxg_updates_cancel(device);
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) close_children(device, order[i]);
    udxg_disown_all(device);
}

void udxg_device_release(void *object)
{
    struct udxg_device *device = object;

    udxg_stalls_end_device(&device->process->stalls, device);
    udxg_registrations_drop(&device->process->registrations, device);
    close_all_children(device);
    udxg_device_unref(device);
}

/* ---- errors ---- */

static void end_waits(struct udxg_timeline_entry *marker)
{
    struct udxg_device *device = udxg_container_of(marker, struct udxg_device, in_error_marker);

    udxg_lock(DEVICE, &device->lock);
    device->in_error_marked = false;
    udxg_unlock(DEVICE, &device->lock);
    udxg_syncs_end_waits(device);
}

/* The marker stands on the timeline once: what is ended when it fires is all that there is by then. */
static void mark_end(struct udxg_device *device)
{
    bool marked;

    udxg_lock(DEVICE, &device->lock);
    marked = device->in_error_marked;
    device->in_error_marked = true;
    udxg_unlock(DEVICE, &device->lock);
    if (marked) return;
    device->in_error_marker.fire = end_waits;
    udxg_device_when_retired(device, &device->in_error_marker);
}

/* Waits end when nothing executes any more: who was released may write what a command that has to stop still reads. */
void udxg_device_fail(struct udxg_device *device, D3DKMT_DEVICEEXECUTION_STATE state,
                      const struct udxg_submit_fault *fault)
{
    udxg_lock(DEVICE, &device->lock);
    if (device->error.state == D3DKMT_DEVICEEXECUTION_ACTIVE) {
        device->error.state = state;
        if (fault) device->error.fault = *fault;
        atomic_store_explicit(&device->in_error, true, memory_order_release);
    }
    udxg_unlock(DEVICE, &device->lock);
    /* Each time: it may have made fences since the last one, and this may be the end of its adapter. */
    udxg_lanes_cancel(device);
    udxg_updates_cancel(device);
    mark_end(device);
}

/* ---- timeline ---- */

/* Takes the markers that nothing stands before any more. */
static void collect_markers_locked(struct udxg_device *device, struct udxg_list *due) UDXG_REQUIRES(DEVICE)
{
    struct udxg_list *link;

    while ((link = udxg_list_first(&device->timeline))) {
        if (!udxg_container_of(link, struct udxg_timeline_entry, link)->fire) return;
        udxg_list_remove(link);
        udxg_list_append(due, link);
    }
}

static void fire_markers(struct udxg_list *due) UDXG_NO_TSA
{
    struct udxg_list *link;

    while ((link = udxg_list_pop(due))) {
        struct udxg_timeline_entry *entry = udxg_container_of(link, struct udxg_timeline_entry, link);
        entry->fire(entry);
    }
}

void udxg_device_submit(struct udxg_device *device, struct udxg_timeline_entry *entry)
{
    udxg_lock(DEVICE, &device->lock);
    entry->fire = NULL;
    udxg_list_append(&device->timeline, &entry->link);
    device->in_flight++;
    udxg_unlock(DEVICE, &device->lock);
}

void udxg_device_retire(struct udxg_device *device, struct udxg_timeline_entry *entry)
{
    udxg_device_retire_with(device, entry, NULL, NULL);
}

void udxg_device_retire_with(struct udxg_device *device, struct udxg_timeline_entry *entry, void (*step)(void *user),
                             void *user)
{
    struct udxg_list due;

    udxg_list_init(&due);
    udxg_lock(DEVICE, &device->lock);
    udxg_list_remove(&entry->link);
    collect_markers_locked(device, &due);
    udxg_unlock(DEVICE, &device->lock);
    fire_markers(&due);
    /* Idle only now: who has waited for it must see what the markers gave back. */
    udxg_lock(DEVICE, &device->lock);
    if (step) step(user);
    if (--device->in_flight == 0) pthread_cond_broadcast(&device->changed);
    udxg_unlock(DEVICE, &device->lock);
}

bool udxg_device_queue_marker_locked(struct udxg_device *device, struct udxg_timeline_entry *entry)
{
    if (udxg_list_empty(&device->timeline)) return false;
    udxg_list_append(&device->timeline, &entry->link);
    return true;
}

void udxg_device_when_retired(struct udxg_device *device, struct udxg_timeline_entry *entry)
{
    bool later;

    udxg_lock(DEVICE, &device->lock);
    later = udxg_device_queue_marker_locked(device, entry);
    udxg_unlock(DEVICE, &device->lock);
    if (!later) entry->fire(entry);
}

bool udxg_device_is_idle(struct udxg_device *device)
{
    bool idle;

    udxg_lock(DEVICE, &device->lock);
    idle = device->in_flight == 0;
    udxg_unlock(DEVICE, &device->lock);
    return idle;
}

/* ---- waiting ---- */

static void wake_all(struct udxg_stall *stall, udxg_status why)
{
    struct udxg_device *device = (struct udxg_device *)stall->device;

    (void)why;
    udxg_lock(DEVICE, &device->lock);
    pthread_cond_broadcast(&device->changed);
    udxg_unlock(DEVICE, &device->lock);
}

static void sleep_locked(struct udxg_device *device) UDXG_REQUIRES(DEVICE)
{
    pthread_cond_wait(&device->changed, &device->lock.mutex);
}

udxg_status udxg_device_wait_idle(struct udxg_device *device)
{
    struct udxg_stalls *stalls = &device->process->stalls;
    struct udxg_stall stall = {.device = device, .wake = wake_all};

    if (udxg_device_is_idle(device)) return STATUS_SUCCESS;
    if (!udxg_stall_begin(stalls, &stall)) return STATUS_DEVICE_REMOVED;
    udxg_lock(DEVICE, &device->lock);
    while (device->in_flight && !udxg_stalls_are_cancelled(stalls)) sleep_locked(device);
    udxg_unlock(DEVICE, &device->lock);
    udxg_stall_end(&stall);
    return udxg_stalls_are_cancelled(stalls) ? STATUS_DEVICE_REMOVED : STATUS_SUCCESS;
}

struct udxg_device_count *udxg_device_count_create(void)
{
    return calloc(1, sizeof(struct udxg_device_count));
}

void udxg_device_count_up(struct udxg_device *device, struct udxg_device_count *count)
{
    udxg_lock(DEVICE, &device->lock);
    count->count++;
    udxg_unlock(DEVICE, &device->lock);
}

void udxg_device_count_down(struct udxg_device *device, struct udxg_device_count *count)
{
    bool ours = false;

    udxg_lock(DEVICE, &device->lock);
    if (--count->count == 0) {
        ours = count->left;
        pthread_cond_broadcast(&device->changed);
    }
    udxg_unlock(DEVICE, &device->lock);
    if (ours) free(count);
}

static bool is_zero(struct udxg_device *device, const struct udxg_device_count *count)
{
    bool zero;

    udxg_lock(DEVICE, &device->lock);
    zero = count->count == 0;
    udxg_unlock(DEVICE, &device->lock);
    return zero;
}

/* Whether it has come to 0; if not, whoever counts down to it has it now. */
static bool leave_count(struct udxg_device *device, struct udxg_device_count *count)
{
    bool zero;

    udxg_lock(DEVICE, &device->lock);
    zero = count->count == 0;
    count->left = !zero;
    udxg_unlock(DEVICE, &device->lock);
    return zero;
}

udxg_status udxg_device_wait_count(struct udxg_device *device, struct udxg_device_count *count)
{
    struct udxg_stalls *stalls = &device->process->stalls;
    struct udxg_stall stall = {.device = device, .wake = wake_all};

    if (!is_zero(device, count) && udxg_stall_begin(stalls, &stall)) {
        udxg_lock(DEVICE, &device->lock);
        while (count->count && !udxg_stalls_are_cancelled(stalls)) sleep_locked(device);
        udxg_unlock(DEVICE, &device->lock);
        udxg_stall_end(&stall);
    }
    if (!leave_count(device, count)) return STATUS_DEVICE_REMOVED;
    free(count);
    return STATUS_SUCCESS;
}

/* Somebody who waits for work that was queued before. */
struct retirement {
    struct udxg_timeline_entry entry;
    struct udxg_device *device;      /* referenced by the work before it */
    struct udxg_device_count *count; /* 1 */
};

static void queued_retired(struct udxg_timeline_entry *entry)
{
    struct retirement *retirement = udxg_container_of(entry, struct retirement, entry);

    udxg_device_count_down(retirement->device, retirement->count);
    free(retirement);
}

udxg_status udxg_device_wait_queued(struct udxg_device *device)
{
    struct udxg_device_count *count = udxg_device_count_create();
    struct retirement *retirement = count ? malloc(sizeof *retirement) : NULL;

    if (!retirement) {
        free(count);
        return STATUS_NO_MEMORY;
    }
    *retirement = (struct retirement){.entry.fire = queued_retired, .device = device, .count = count};
    udxg_device_count_up(device, count);
    udxg_device_when_retired(device, &retirement->entry);
    return udxg_device_wait_count(device, count);
}

/* ---- calls ---- */

udxg_status thunk_CreateDevice(struct udxg_process *process, D3DKMT_CREATEDEVICE *args)
{
    struct udxg_process_adapter *pa;
    struct udxg_device *device;
    struct udxg_era *era;
    uint32_t handle;
    udxg_status status = udxg_era_get(process, args->hAdapter, &era);

    if (udxg_failed(status)) return status;
    status = udxg_process_adapter_get(process, era->adapter, &pa);
    if (udxg_failed(status)) return status;
    status = udxg_handle_reserve(&process->handles, 1, &handle);
    if (udxg_failed(status)) return status;
    status = device_create(process, pa, &device);
    if (!udxg_failed(status)) {
        device->no_timeout = args->Flags.DisableGpuTimeout;
        status = udxg_adapter_add_device(era, device);
        if (udxg_failed(status)) udxg_device_unref(device);
    }
    if (udxg_failed(status)) {
        udxg_handle_cancel(&process->handles, 1, &handle);
        return status;
    }
    device->handle = device->vidmm.name = args->hDevice = handle;
    udxg_handle_publish(&process->handles, handle, UDXG_HANDLE_DEVICE, device);
    return STATUS_SUCCESS;
}

udxg_status thunk_DestroyDevice(struct udxg_process *process, D3DKMT_DESTROYDEVICE *args)
{
    return udxg_device_close(process, args->hDevice) ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}

static void report_page_fault(const struct udxg_device_error *error, D3DKMT_DEVICEPAGEFAULT_STATE *state)
{
    if (error->state != D3DKMT_DEVICEEXECUTION_ERROR_DMAPAGEFAULT &&
        error->state != D3DKMT_DEVICEEXECUTION_ERROR_DMAFAULT)
        return;
    state->FaultedPrimitiveAPISequenceNumber = error->fault.sequence_number;
    state->FaultedPipelineStage = (DXGK_RENDER_PIPELINE_STAGE)error->fault.pipeline_stage;
    state->FaultedBindTableEntry = error->fault.bind_table_entry;
    state->FaultedVirtualAddress = error->fault.va;
    state->PageFaultFlags = error->fault.write ? DXGK_PAGE_FAULT_WRITE : 0;
    state->FaultErrorCode.IsDeviceSpecificCode = 1; /* the miniport's own */
    state->FaultErrorCode.DeviceSpecificCode = error->fault.error_code;
}

udxg_status thunk_GetDeviceState(struct udxg_process *process, D3DKMT_GETDEVICESTATE *args)
{
    struct udxg_device *device = udxg_device_find(process, args->hDevice);
    struct udxg_device_error error;
    udxg_status status = STATUS_SUCCESS;

    if (!device) return STATUS_INVALID_PARAMETER;
    if (udxg_device_is_removed(device)) status = STATUS_DEVICE_REMOVED;
    udxg_lock(DEVICE, &device->lock);
    error = device->error;
    udxg_unlock(DEVICE, &device->lock);
    switch (args->StateType) {
    case D3DKMT_DEVICESTATE_EXECUTION: /* the one question a device in error must answer */
        args->ExecutionState = error.state;
        break;
    case D3DKMT_DEVICESTATE_PAGE_FAULT:
        report_page_fault(&error, &args->PageFaultState);
        break;
    case D3DKMT_DEVICESTATE_RESET:   /* no desktop that could have been switched: all flags stay 0 */
    case D3DKMT_DEVICESTATE_PRESENT: /* nothing is ever presented: all counts stay 0 */
    case D3DKMT_DEVICESTATE_PRESENT_DWM:
    case D3DKMT_DEVICESTATE_PRESENT_QUEUE:
        break;
    default:
        status = STATUS_INVALID_PARAMETER;
    }
    udxg_device_put(device);
    return status;
}

udxg_status thunk_MarkDeviceAsError(struct udxg_process *process, D3DKMT_MARKDEVICEASERROR *args)
{
    struct udxg_device *device = udxg_device_find(process, args->hDevice);

    if (!device) return STATUS_INVALID_PARAMETER;
    udxg_device_fail(device, D3DKMT_DEVICEEXECUTION_RESET, NULL);
    udxg_device_put(device);
    return STATUS_SUCCESS;
}

udxg_status thunk_WaitForIdle(struct udxg_process *process, D3DKMT_WAITFORIDLE *args)
{
    struct udxg_device *device = udxg_device_find(process, args->hDevice);
    udxg_status status;

    if (!device) return STATUS_INVALID_PARAMETER;
    /* Not pinned while it waits: destroying the device must be able to end the wait. */
    atomic_fetch_add(&device->refs, 1);
    udxg_device_put(device);
    status = udxg_device_wait_idle(device);
    udxg_device_unref(device);
    return status;
}
