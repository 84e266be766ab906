/* SPDX-License-Identifier: MIT */
/*
 * D3DKMT_ESCAPE_VIDMM: questions and orders to the memory manager, for tests and tools; one row a type. The pages
 * describe fields and no behaviour: what they leave open is written down in decision 14. Everything is about the
 * calling process, but for what an adapter has only once: faults, timers, segments. The address space is looked at in
 * vad_escape.c.
 *
 * Some orders reach further than their caller, or wait for others' work, which the end of the caller does not cut
 * short: those need the right to disturb (core/process.h). What anybody may order returns at once.
 *
 * Not there, and says so: eviction by NT handle, and the tests of hardware (types 1 to 4).
 */
#include "core/vidmm_escape.h"

#include "abi/thunk.h"
#include "core/allocation.h"
#include "core/context.h"
#include "core/paging_queue.h"
#include "core/resource.h"
#include "core/vad_escape.h"

/* One call. */
struct escape {
    struct udxg_process *process;
    struct udxg_adapter *adapter;
    struct udxg_process_adapter *pa; /* of both */
    D3DKMT_VIDMM_ESCAPE *data;
};

#define MOST_DELAY_MS 10000u /* somebody waits for it */
#define NS_PER_TICK 100u

/* ---- faults ---- */

/* Bits that are not faults of the memory manager's, but rules for offers. */
enum { NEVER_DISCARD = 1u << 13, ALWAYS_DISCARD = 1u << 14 };

static enum vidmm_offer_policy offer_policy(uint32_t faults)
{
    if (faults & NEVER_DISCARD) return VIDMM_OFFER_DISCARD_NEVER;
    return faults & ALWAYS_DISCARD ? VIDMM_OFFER_DISCARD_ALWAYS : VIDMM_OFFER_ON_PRESSURE;
}

static udxg_status set_fault(struct escape *escape)
{
    const uint32_t known = (1u << 15) - 1; /* those that have a name */
    uint32_t faults = (uint32_t)escape->data->SetFault.Value;

    if (faults & ~known) return STATUS_INVALID_PARAMETER;
    if ((faults & NEVER_DISCARD) && (faults & ALWAYS_DISCARD)) return STATUS_INVALID_PARAMETER;
    if (faults & ~((uint32_t)VIDMM_FAULTS | NEVER_DISCARD | ALWAYS_DISCARD)) return STATUS_NOT_SUPPORTED;
    vidmm_adapter_set_offer_policy(escape->adapter->vidmm, offer_policy(faults));
    vidmm_adapter_set_faults(escape->adapter->vidmm, faults);
    return STATUS_SUCCESS;
}

/* ---- eviction ---- */

static bool is_of_adapter(const struct escape *escape, const struct udxg_child *child)
{
    return child->device->adapter == escape->adapter;
}

static udxg_status evict_allocation(struct escape *escape, uint32_t handle)
{
    struct udxg_handle_table *table = &escape->process->handles;
    struct udxg_allocation *allocation = udxg_handle_get(table, handle, UDXG_HANDLE_ALLOCATION);
    udxg_status status;

    if (!allocation) return STATUS_INVALID_PARAMETER;
    status = is_of_adapter(escape, &allocation->child)
                 ? vidmm_alloc_evict(&allocation->memory->vidmm, VIDMM_EVICTED_TO_PURGE)
                 : STATUS_INVALID_PARAMETER;
    udxg_handle_put(table, handle);
    return status;
}

/* The handles of a resource's allocations, as they are at one moment. */
struct members {
    uint32_t count;
    uint32_t handles[UDXG_MAX_ALLOCATIONS];
};

static void add_member(struct udxg_allocation *allocation, uint32_t index, void *user)
{
    struct members *members = user;

    (void)index;
    if (members->count < UDXG_MAX_ALLOCATIONS) members->handles[members->count++] = allocation->child.handle;
}

/* A member that has been destroyed meanwhile need not be evicted. */
static udxg_status evict_resource(struct escape *escape, uint32_t handle)
{
    struct udxg_handle_table *table = &escape->process->handles;
    struct udxg_resource *resource = udxg_handle_get(table, handle, UDXG_HANDLE_RESOURCE);
    struct members members = {0};
    udxg_status result = STATUS_SUCCESS;
    bool ours;

    if (!resource) return STATUS_INVALID_PARAMETER;
    ours = is_of_adapter(escape, &resource->child);
    if (ours) udxg_resource_for_each(resource, add_member, &members);
    udxg_handle_put(table, handle);
    if (!ours) return STATUS_INVALID_PARAMETER;
    for (uint32_t i = 0; i < members.count; i++) {
        udxg_status status = evict_allocation(escape, members.handles[i]);
        if (status == STATUS_GRAPHICS_CANT_EVICT_PINNED_ALLOCATION) result = status;
    }
    return result;
}

static udxg_status evict(struct escape *escape)
{
    uint32_t resource = escape->data->Evict.ResourceHandle, allocation = escape->data->Evict.AllocationHandle;
    udxg_status status = udxg_check_process_handle(escape->data->Evict.hProcess);

    if (udxg_failed(status)) return status;
    if (!resource == !allocation) return STATUS_INVALID_PARAMETER;
    return resource ? evict_resource(escape, resource) : evict_allocation(escape, allocation);
}

struct criteria {
    const struct escape *escape;
    uint64_t minimum_bytes, maximum_bytes;
};

/* Pinned allocations stay: they do not meet the criteria. */
static void evict_if_meant(uint32_t handle, void *object, void *user)
{
    struct udxg_allocation *allocation = object;
    const struct criteria *criteria = user;
    uint64_t size_bytes = allocation->memory->vidmm.size_bytes;

    (void)handle;
    if (!is_of_adapter(criteria->escape, &allocation->child)) return;
    if (size_bytes < criteria->minimum_bytes || size_bytes > criteria->maximum_bytes) return;
    if (udxg_failed(vidmm_alloc_evict(&allocation->memory->vidmm, VIDMM_EVICTED_TO_PURGE))) return; /* pinned */
}

static udxg_status evict_by_criteria(struct escape *escape)
{
    const D3DKMT_EVICTION_CRITERIA *wanted = &escape->data->EvictByCriteria;
    struct criteria criteria = {
        .escape = escape,
        .minimum_bytes = wanted->MinimumSize,
        .maximum_bytes = wanted->MaximumSize,
    };

    if (wanted->Flags.Reserved || wanted->MinimumSize > wanted->MaximumSize) return STATUS_INVALID_PARAMETER;
    if (wanted->Flags.Primary) return STATUS_SUCCESS; /* without displays there is no primary to evict */
    udxg_handle_for_each(&escape->process->handles, UDXG_HANDLE_ALLOCATION, evict_if_meant, &criteria);
    return STATUS_SUCCESS;
}

static udxg_status get_vad_info(struct escape *escape)
{
    return udxg_vad_escape(escape->adapter, escape->pa->vidmm, escape->data);
}

/* ---- budgets ---- */

static udxg_status get_budget(struct escape *escape)
{
    escape->data->GetBudget.NumBytesToTrim = vidmm_process_excess(escape->pa->vidmm);
    return STATUS_SUCCESS;
}

static udxg_status set_budget(struct escape *escape)
{
    vidmm_process_set_budget(escape->pa->vidmm, VIDMM_GROUP_LOCAL, escape->data->SetBudget.LocalMemoryBudget);
    vidmm_process_set_budget(escape->pa->vidmm, VIDMM_GROUP_NON_LOCAL, escape->data->SetBudget.SystemMemoryBudget);
    return STATUS_SUCCESS;
}

/* There is one interval here, that of who idles; the others have to make sense. */
static udxg_status set_trim_intervals(struct escape *escape)
{
    if (escape->data->SetTrimIntervals.MinTrimInterval > escape->data->SetTrimIntervals.MaxTrimInterval)
        return STATUS_INVALID_PARAMETER;
    vidmm_adapter_set_trim_interval(escape->adapter->vidmm, escape->data->SetTrimIntervals.IdleTrimInterval);
    return STATUS_SUCCESS;
}

/* ---- suspension ---- */

static udxg_status suspend_process(struct escape *escape)
{
    udxg_status status = udxg_check_process_handle(escape->data->SuspendProcess.hProcess);

    if (udxg_failed(status)) return status;
    return vidmm_process_suspend(escape->pa->vidmm, escape->data->SuspendProcess.bAllowWakeOnSubmission);
}

static udxg_status resume_process(struct escape *escape)
{
    udxg_status status = udxg_check_process_handle(escape->data->ResumeProcess.hProcess);

    return udxg_failed(status) ? status : vidmm_process_resume(escape->pa->vidmm);
}

/* ---- the paging thread ---- */

static udxg_status wake(struct escape *escape)
{
    vidmm_adapter_wake(escape->adapter->vidmm, escape->data->Wake.bFlush);
    return STATUS_SUCCESS;
}

static udxg_status delay_execution(struct escape *escape)
{
    uint32_t milliseconds = (uint32_t)escape->data->DelayExecution.Milliseconds;
    struct udxg_paging_queue *queue;
    udxg_status status;
    uint64_t fence;

    if (escape->data->DelayExecution.PhysicalAdapterIndex || milliseconds > MOST_DELAY_MS)
        return STATUS_INVALID_PARAMETER;
    status = udxg_paging_queue_get(escape->process, escape->data->DelayExecution.hPagingQueue, &queue);
    if (udxg_failed(status)) return status;
    status = is_of_adapter(escape, &queue->child) ? vidmm_queue_delay(queue->vidmm, milliseconds, &fence)
                                                  : STATUS_INVALID_PARAMETER;
    udxg_paging_queue_put(queue);
    if (!udxg_failed(status)) escape->data->DelayExecution.PagingFenceValue = fence;
    return status;
}

static udxg_status set_eviction_config(struct escape *escape)
{
    int64_t ticks = escape->data->DelayedEvictionConfig.TimerValue;

    if (ticks < 0 || ticks > INT64_MAX / NS_PER_TICK) return STATUS_INVALID_PARAMETER;
    vidmm_adapter_set_eviction_delay(escape->adapter->vidmm, (uint64_t)ticks * NS_PER_TICK);
    return STATUS_SUCCESS;
}

/* ---- segments ---- */

static udxg_status defrag_mode(D3DKMT_DEFRAG_ESCAPE_OPERATION operation, enum vidmm_defrag *ret_mode)
{
    switch (operation) {
    case D3DKMT_DEFRAG_ESCAPE_GET_FRAGMENTATION_STATS:
        *ret_mode = VIDMM_DEFRAG_NOT;
        return STATUS_SUCCESS;
    case D3DKMT_DEFRAG_ESCAPE_DEFRAG_UPWARD:
        *ret_mode = VIDMM_DEFRAG_TO_END;
        return STATUS_SUCCESS;
    case D3DKMT_DEFRAG_ESCAPE_DEFRAG_DOWNWARD:
    case D3DKMT_DEFRAG_ESCAPE_DEFRAG_PASS:
        *ret_mode = VIDMM_DEFRAG_TO_START;
        return STATUS_SUCCESS;
    case D3DKMT_DEFRAG_ESCAPE_VERIFY_TRANSFER:
        return STATUS_NOT_SUPPORTED;
    default:
        return STATUS_INVALID_PARAMETER;
    }
}

static udxg_status defrag(struct escape *escape)
{
    struct vidmm_fragmentation result;
    enum vidmm_defrag mode;
    udxg_status status = defrag_mode(escape->data->Defrag.Operation, &mode);

    if (!udxg_failed(status))
        status = vidmm_adapter_defrag(escape->adapter->vidmm, escape->data->Defrag.SegmentId, mode, &result);
    if (udxg_failed(status)) return status;
    escape->data->Defrag.TotalCommitted = result.used_bytes;
    escape->data->Defrag.TotalFree = result.free_bytes;
    escape->data->Defrag.LargestGapBefore = result.gap_before_bytes;
    escape->data->Defrag.LargestGapAfter = result.gap_after_bytes;
    return status;
}

/* All segments are looked at whichever is named: their numbers hang together. 0 names none. */
static udxg_status validate_integrity(struct escape *escape)
{
    if (escape->data->VerifyIntegrity.SegmentId > escape->adapter->caps.segment_count) return STATUS_INVALID_PARAMETER;
    return vidmm_adapter_check(escape->adapter->vidmm) ? STATUS_UNSUCCESSFUL : STATUS_SUCCESS;
}

/* ---- the table ---- */

static udxg_status not_there(struct escape *escape)
{
    (void)escape;
    return STATUS_NOT_SUPPORTED;
}

/*
 * Whether anybody may order that, and not only who may disturb. Evicting closes the adapter's gate until what runs is
 * over, suspending waits for that, and a budget of the caller's own choice takes the others' room.
 */
static bool is_open_to_all(const D3DKMT_VIDMM_ESCAPE *data)
{
    switch (data->Type) {
    case D3DKMT_VIDMMESCAPETYPE_GET_VAD_INFO:
    case D3DKMT_VIDMMESCAPETYPE_GET_BUDGET:
    case D3DKMT_VIDMMESCAPETYPE_RESUME_PROCESS:
    case D3DKMT_VIDMMESCAPETYPE_DELAYEXECUTION:
    case D3DKMT_VIDMMESCAPETYPE_VALIDATE_INTEGRITY:
        return true;
    case D3DKMT_VIDMMESCAPETYPE_DEFRAG:
        return data->Defrag.Operation == D3DKMT_DEFRAG_ESCAPE_GET_FRAGMENTATION_STATS;
    default:
        return false;
    }
}

typedef udxg_status handler(struct escape *escape);

static handler *const handlers[] = {
    [D3DKMT_VIDMMESCAPETYPE_SETFAULT] = set_fault,
    [D3DKMT_VIDMMESCAPETYPE_RUN_COHERENCY_TEST] = not_there,
    [D3DKMT_VIDMMESCAPETYPE_RUN_UNMAP_TO_DUMMY_PAGE_TEST] = not_there,
    [D3DKMT_VIDMMESCAPETYPE_APERTURE_CORRUPTION_CHECK] = not_there,
    [D3DKMT_VIDMMESCAPETYPE_SUSPEND_CPU_ACCESS_TEST] = not_there,
    [D3DKMT_VIDMMESCAPETYPE_EVICT] = evict,
    [D3DKMT_VIDMMESCAPETYPE_EVICT_BY_NT_HANDLE] = not_there,
    [D3DKMT_VIDMMESCAPETYPE_GET_VAD_INFO] = get_vad_info,
    [D3DKMT_VIDMMESCAPETYPE_SET_BUDGET] = set_budget,
    [D3DKMT_VIDMMESCAPETYPE_SUSPEND_PROCESS] = suspend_process,
    [D3DKMT_VIDMMESCAPETYPE_RESUME_PROCESS] = resume_process,
    [D3DKMT_VIDMMESCAPETYPE_GET_BUDGET] = get_budget,
    [D3DKMT_VIDMMESCAPETYPE_SET_TRIM_INTERVALS] = set_trim_intervals,
    [D3DKMT_VIDMMESCAPETYPE_EVICT_BY_CRITERIA] = evict_by_criteria,
    [D3DKMT_VIDMMESCAPETYPE_WAKE] = wake,
    [D3DKMT_VIDMMESCAPETYPE_DEFRAG] = defrag,
    [D3DKMT_VIDMMESCAPETYPE_DELAYEXECUTION] = delay_execution,
    [D3DKMT_VIDMMESCAPETYPE_VALIDATE_INTEGRITY] = validate_integrity,
    [D3DKMT_VIDMMESCAPETYPE_SET_EVICTION_CONFIG] = set_eviction_config,
};

udxg_status udxg_vidmm_escape(struct udxg_process *process, struct udxg_adapter *adapter, void *data, uint32_t bytes)
{
    struct escape escape = {.process = process, .adapter = adapter, .data = data};
    udxg_status status;

    if (!data || bytes < sizeof *escape.data) return STATUS_INVALID_PARAMETER;
    if ((uint32_t)escape.data->Type >= sizeof handlers / sizeof *handlers) return STATUS_INVALID_PARAMETER;
    if (!is_open_to_all(escape.data) && !udxg_process_may_disturb(process)) return STATUS_ACCESS_DENIED;
    status = udxg_process_adapter_get(process, adapter, &escape.pa);
    return udxg_failed(status) ? status : handlers[escape.data->Type](&escape);
}
