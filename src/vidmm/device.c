/* SPDX-License-Identifier: MIT */
/*
 * Devices and their bindings: how they begin and end. What they list is residency.c's, when they run is admission.c's.
 *
 * Locks: VIDMM. The end of a device waits for its callbacks.
 */
#include "vidmm/vidmm.h"

#include "vidmm/admission.h"
#include "vidmm/budget.h"
#include "vidmm/paging.h"
#include "vidmm/residency.h"
#include "vidmm/stock.h"
#include "vidmm/vaspace.h"
#include "vidmm/victim.h"

void vidmm_binding_init(struct vidmm_binding *binding, struct vidmm_alloc *alloc, struct vidmm_device *device)
{
    *binding = (struct vidmm_binding){.own.device = device, .hold = &binding->own, .alloc = alloc};
    udxg_list_init(&binding->required);
    if (!alloc->opened) { /* counted with the creation */
        alloc->opened = true;
        return;
    }
    vidmm_stock_opened(alloc->process, alloc->stripe, alloc->size_bytes);
}

/* Kept in its segment: the allocation is probably about to go too, and need not be copied home first. */
void vidmm_binding_fini(struct vidmm_binding *binding)
{
    struct vidmm_process *process = binding->device->process;
    vidmm_stock_closed(binding->alloc->process, binding->alloc->stripe, binding->alloc->size_bytes);
    if (!atomic_load_explicit(&binding->alloc->managed, memory_order_relaxed)) return;
    udxg_lock(VIDMM, &process->adapter->lock);
    vidmm_paging_forget_locked(binding);
    if (binding->hold->count) {
        binding->hold->count = 0;
        vidmm_residency_leave_locked(binding, true, VIDMM_EVICTED_TO_CLOSE);
        vidmm_budget_settle_locked(process->adapter);
    }
    udxg_unlock(VIDMM, &process->adapter->lock);
    vidmm_va_release(process, binding);
}

void vidmm_binding_lend(struct vidmm_binding *binding, struct vidmm_hold *hold) UDXG_NO_TSA /* nobody knows it yet */
{
    *hold = (struct vidmm_hold){.device = binding->device};
    binding->hold = hold;
}

static void take_back_locked(struct vidmm_binding *binding) UDXG_REQUIRES(VIDMM)
{
    binding->own.count = binding->hold->count;
    binding->own.listing = binding->hold->listing;
    binding->hold = &binding->own;
}

static void take_back_unmanaged(struct vidmm_binding *binding) UDXG_NO_TSA /* nobody looks at it */
{
    binding->hold = &binding->own; /* neither has ever been written */
}

void vidmm_binding_take_back(struct vidmm_binding *binding)
{
    struct vidmm_adapter *adapter = binding->device->process->adapter;
    if (!atomic_load_explicit(&binding->alloc->managed, memory_order_relaxed)) {
        take_back_unmanaged(binding);
        return;
    }
    udxg_lock(VIDMM, &adapter->lock);
    take_back_locked(binding);
    udxg_unlock(VIDMM, &adapter->lock);
}

bool vidmm_binding_is_listed(struct vidmm_binding *binding)
{
    struct vidmm_adapter *adapter = binding->device->process->adapter;
    udxg_lock(VIDMM, &adapter->lock);
    bool listed = binding->hold->count != 0;
    udxg_unlock(VIDMM, &adapter->lock);
    return listed;
}

void vidmm_device_init(struct vidmm_device *device, struct vidmm_process *process, void (*ready)(struct vidmm_device *),
                       void (*failed)(struct vidmm_device *, udxg_status))
{
    *device = (struct vidmm_device){.process = process, .ready = ready, .failed = failed};
    for (unsigned listing = 0; listing < VIDMM_LISTINGS; listing++) udxg_list_init(&device->listed[listing]);
    udxg_list_init(&device->queues);
    udxg_list_init(&device->offering);
    udxg_list_init(&device->gate_link);
    udxg_lock(VIDMM, &process->adapter->lock);
    udxg_list_append(&process->devices, &device->siblings);
    udxg_unlock(VIDMM, &process->adapter->lock);
}

void vidmm_device_fini(struct vidmm_device *device)
{
    struct vidmm_adapter *adapter = device->process->adapter;
    bool wait = !vidmm_pager_lets_go(device);
    udxg_lock(VIDMM, &adapter->lock);
    vidmm_gate_leave_locked(device);
    while (wait && device->in_callback) vidmm_adapter_wait_locked(adapter);
    udxg_list_remove(&device->siblings);
    vidmm_buckets_destroy_locked(device);
    udxg_unlock(VIDMM, &adapter->lock);
}
