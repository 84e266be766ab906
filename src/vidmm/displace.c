/* SPDX-License-Identifier: MIT */
/* Orders that take allocations home; the rules stand in the header. */
#include "vidmm/displace.h"

#include "vidmm/admission.h"
#include "vidmm/alloc.h"
#include "vidmm/budget.h"
#include "vidmm/claim.h"
#include "vidmm/copy.h"
#include "vidmm/residency.h"

static bool is_pinned_locked(const struct vidmm_alloc *alloc) UDXG_REQUIRES(VIDMM)
{
    return alloc->unmoveable && alloc->promised && alloc->target_id;
}

void vidmm_displace_copy(struct vidmm_adapter *adapter, struct vidmm_copy *copy)
{
    vidmm_copy_run(copy);
    udxg_lock(VIDMM, &adapter->lock);
    vidmm_copy_done_locked(copy);
    udxg_unlock(VIDMM, &adapter->lock);
}

/* ---- one allocation ---- */

static bool is_at_rest_locked(const struct vidmm_alloc *alloc) UDXG_REQUIRES(VIDMM)
{
    return !vidmm_alloc_is_moving_locked(alloc) && !vidmm_residency_is_in_use_locked(alloc);
}

/* Waits until ALLOC does not move and nobody who runs lists it; nobody who does so begins meanwhile. */
static void wait_for_rest_locked(struct vidmm_alloc *alloc) UDXG_REQUIRES(VIDMM)
{
    struct vidmm_adapter *adapter = alloc->process->adapter;
    if (is_at_rest_locked(alloc)) return;
    vidmm_gate_close_locked(adapter);
    while (!is_at_rest_locked(alloc)) vidmm_adapter_wait_locked(adapter);
    vidmm_gate_open_locked(adapter);
}

/* Begins to take ALLOC home; *RET_COPY when that takes a copy. */
static udxg_status begin_locked(struct vidmm_alloc *alloc, enum vidmm_eviction why, struct vidmm_copy *copy,
                                bool *ret_copy) UDXG_REQUIRES(VIDMM)
{
    *ret_copy = false;
    wait_for_rest_locked(alloc);
    if (alloc->place == VIDMM_PLACE_HOME || alloc->segment_id == VIDMM_SYSTEM_ID) return STATUS_SUCCESS;
    if (is_pinned_locked(alloc)) return STATUS_GRAPHICS_CANT_EVICT_PINNED_ALLOCATION;
    alloc->leaves_for = (uint8_t)why;
    *ret_copy = alloc->place == VIDMM_PLACE_SEGMENT;
    if (*ret_copy)
        vidmm_copy_begin_out_locked(alloc, copy);
    else
        vidmm_alloc_set_place_locked(alloc, VIDMM_PLACE_HOME, 0);
    return STATUS_SUCCESS;
}

udxg_status vidmm_alloc_evict(struct vidmm_alloc *alloc, enum vidmm_eviction why)
{
    struct vidmm_adapter *adapter = alloc->process->adapter;
    struct vidmm_copy copy;
    bool copies;
    udxg_lock(VIDMM, &adapter->lock);
    udxg_status status = begin_locked(alloc, why, &copy, &copies);
    udxg_unlock(VIDMM, &adapter->lock);
    if (copies) vidmm_displace_copy(adapter, &copy);
    return status;
}

/* ---- lists ---- */

static uint64_t length_locked(const struct udxg_list *list) UDXG_REQUIRES(VIDMM)
{
    uint64_t length = 0;
    for (const struct udxg_list *it = list->next; it != list; it = it->next) length++;
    return length;
}

/* The next that is wanted of the LEFT first ones, which go to the end of the list as they are looked at. */
static struct vidmm_alloc *next_wanted_locked(struct udxg_list *list, uint64_t *left, vidmm_wanted *wanted,
                                              const void *user) UDXG_REQUIRES(VIDMM)
{
    while (*left && !udxg_list_empty(list)) {
        struct udxg_list *link = udxg_list_pop(list);
        struct vidmm_alloc *alloc = udxg_container_of(link, struct vidmm_alloc, link);
        udxg_list_append(list, link);
        --*left;
        if (!is_pinned_locked(alloc) && !vidmm_residency_is_in_use_locked(alloc) && wanted(alloc, user)) return alloc;
    }
    return NULL;
}

void vidmm_displace_list(struct vidmm_adapter *adapter, struct udxg_list *list, vidmm_wanted *wanted, const void *user,
                         enum vidmm_eviction why)
{
    udxg_lock(VIDMM, &adapter->lock);
    uint64_t left = length_locked(list);
    udxg_unlock(VIDMM, &adapter->lock);
    for (bool copies = true; copies;) {
        struct vidmm_copy copy;
        udxg_lock(VIDMM, &adapter->lock);
        struct vidmm_alloc *alloc = next_wanted_locked(list, &left, wanted, user);
        copies = alloc != NULL; /* what is on a segment's list is in the segment */
        if (alloc) {
            if (alloc->target_id || alloc->keep) alloc->leaves_for = (uint8_t)why; /* it had not to leave anyway */
            vidmm_copy_begin_out_locked(alloc, &copy);
        }
        udxg_unlock(VIDMM, &adapter->lock);
        if (copies) vidmm_displace_copy(adapter, &copy);
    }
}

/* ---- processes ---- */

static bool is_of_process(const struct vidmm_alloc *alloc, const void *process) UDXG_REQUIRES(VIDMM)
{
    return vidmm_residency_is_of_process_locked(alloc, process);
}

static bool is_running_locked(const struct vidmm_process *process) UDXG_REQUIRES(VIDMM)
{
    for (const struct udxg_list *it = process->devices.next; it != &process->devices; it = it->next)
        if (udxg_container_of(it, struct vidmm_device, siblings)->running) return true;
    return false;
}

/* Those that are its alone leave the list, or are passed over where there is nothing to take from them. */
static void suspend_list_locked(struct vidmm_process *process, struct udxg_list *list) UDXG_REQUIRES(VIDMM)
{
    for (struct udxg_list *it = list->next, *next; it != list; it = next) {
        struct vidmm_alloc *alloc = udxg_container_of(it, struct vidmm_binding, required)->alloc;
        next = it->next;
        if (!is_pinned_locked(alloc) && is_of_process(alloc, process)) vidmm_claim_suspend_locked(alloc);
    }
}

static void suspend_locked(struct vidmm_process *process, bool wakes) UDXG_REQUIRES(VIDMM)
{
    vidmm_gate_hold_locked(process, wakes);
    while (process->suspended && is_running_locked(process)) vidmm_adapter_wait_locked(process->adapter);
    if (!process->suspended) return; /* resumed meanwhile */
    udxg_list_for_each(it, &process->devices)
    {
        struct vidmm_device *device = udxg_container_of(it, struct vidmm_device, siblings);
        suspend_list_locked(process, &device->listed[VIDMM_LISTED_SETTLED]);
        suspend_list_locked(process, &device->listed[VIDMM_LISTED_PROMISED]);
    }
    vidmm_budget_settle_locked(process->adapter);
}

/* Something that the process lists and that is not home yet; NULL: there is nothing, or the process is resumed. */
static struct vidmm_alloc *leaver_locked(struct vidmm_process *process) UDXG_REQUIRES(VIDMM)
{
    if (!process->suspended) return NULL;
    udxg_list_for_each(d, &process->devices)
    {
        struct udxg_list *list = &udxg_container_of(d, struct vidmm_device, siblings)->listed[VIDMM_LISTED_SUSPENDED];
        udxg_list_for_each(it, list)
        {
            struct vidmm_alloc *alloc = udxg_container_of(it, struct vidmm_binding, required)->alloc;
            if (alloc->place != VIDMM_PLACE_HOME && is_of_process(alloc, process)) return alloc;
        }
    }
    return NULL;
}

static void empty_segment(struct vidmm_adapter *adapter, struct vidmm_segment *segment, struct vidmm_process *process)
{
    vidmm_displace_list(adapter, &segment->leaving, is_of_process, process, VIDMM_EVICTED_TO_SUSPEND);
    vidmm_displace_list(adapter, &segment->kept, is_of_process, process, VIDMM_EVICTED_TO_SUSPEND);
}

static void empty_segments(struct vidmm_adapter *adapter, struct vidmm_process *process)
{
    for (uint32_t i = 0; i < adapter->segment_count; i++)
        if (!adapter->segments[i]->aperture) empty_segment(adapter, adapter->segments[i], process);
}

/* Whether something is left to be taken home. What others are moving has to come to its end first. */
static bool is_any_left(struct vidmm_process *process)
{
    struct vidmm_alloc *alloc;
    udxg_lock(VIDMM, &process->adapter->lock);
    while ((alloc = leaver_locked(process)) && vidmm_alloc_is_moving_locked(alloc))
        vidmm_adapter_wait_locked(process->adapter);
    udxg_unlock(VIDMM, &process->adapter->lock);
    return alloc;
}

udxg_status vidmm_process_suspend(struct vidmm_process *process, bool wakes)
{
    struct vidmm_adapter *adapter = process->adapter;
    udxg_lock(VIDMM, &adapter->lock);
    bool was = process->suspended;
    if (!was) suspend_locked(process, wakes);
    udxg_unlock(VIDMM, &adapter->lock);
    if (was) return STATUS_INVALID_PARAMETER;
    do {
        empty_segments(adapter, process);
    } while (is_any_left(process));
    return STATUS_SUCCESS;
}

udxg_status vidmm_process_resume(struct vidmm_process *process)
{
    udxg_lock(VIDMM, &process->adapter->lock);
    bool was = process->suspended;
    if (was) vidmm_gate_release_locked(process);
    vidmm_adapter_changed_locked(process->adapter);
    udxg_unlock(VIDMM, &process->adapter->lock);
    return was ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}
