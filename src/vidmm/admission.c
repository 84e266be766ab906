/* SPDX-License-Identifier: MIT */
/* The gate; the rules stand in the header. */
#include "vidmm/admission.h"

#include "base/os.h"
#include "vidmm/claim.h"
#include "vidmm/notify.h"
#include "vidmm/victim.h"

static struct vidmm_device *device_at(struct udxg_list *gate_link)
{
    return udxg_container_of(gate_link, struct vidmm_device, gate_link);
}

static bool is_short_locked(const struct vidmm_device *device) UDXG_REQUIRES(VIDMM)
{
    return !udxg_list_empty(&device->listed[VIDMM_LISTED_SUSPENDED]);
}

static bool is_in_place_locked(const struct vidmm_device *device) UDXG_REQUIRES(VIDMM)
{
    return !is_short_locked(device) && udxg_list_empty(&device->listed[VIDMM_LISTED_PROMISED]);
}

/* ---- coming and going ---- */

static void set_gate_locked(struct vidmm_device *device, enum vidmm_gate gate) UDXG_REQUIRES(VIDMM)
{
    struct vidmm_adapter *adapter = device->process->adapter;
    udxg_list_remove(&device->gate_link);
    device->gate = gate;
    if (gate == VIDMM_GATE_WAITING) udxg_list_append(&adapter->waiting, &device->gate_link);
    if (gate == VIDMM_GATE_ARRIVING) udxg_list_append(&adapter->arriving, &device->gate_link);
}

void vidmm_gate_enter_locked(struct vidmm_device *device)
{
    struct vidmm_process *process = device->process;
    if (process->suspended && process->wakes) vidmm_gate_release_locked(process);
    if (device->gate != VIDMM_GATE_NONE) return;
    set_gate_locked(device, process->suspended ? VIDMM_GATE_HELD : VIDMM_GATE_WAITING);
    vidmm_pager_kick_locked(process->adapter);
}

void vidmm_gate_hold_locked(struct vidmm_process *process, bool wakes)
{
    process->suspended = true;
    process->wakes = wakes;
    udxg_list_for_each(it, &process->devices)
    {
        struct vidmm_device *device = udxg_container_of(it, struct vidmm_device, siblings);
        if (device->gate != VIDMM_GATE_NONE) set_gate_locked(device, VIDMM_GATE_HELD);
    }
}

void vidmm_gate_release_locked(struct vidmm_process *process)
{
    process->suspended = false;
    udxg_list_for_each(it, &process->devices)
    {
        struct vidmm_device *device = udxg_container_of(it, struct vidmm_device, siblings);
        if (device->gate == VIDMM_GATE_HELD) set_gate_locked(device, VIDMM_GATE_WAITING);
    }
    vidmm_pager_kick_locked(process->adapter);
}

void vidmm_gate_close_locked(struct vidmm_adapter *adapter)
{
    adapter->orders++;
}

void vidmm_gate_open_locked(struct vidmm_adapter *adapter)
{
    if (--adapter->orders == 0) vidmm_pager_kick_locked(adapter);
}

void vidmm_gate_leave_locked(struct vidmm_device *device)
{
    if (device->gate != VIDMM_GATE_NONE) set_gate_locked(device, VIDMM_GATE_NONE);
}

void vidmm_gate_moved_locked(struct vidmm_device *device)
{
    if (device->gate == VIDMM_GATE_NONE || device->gate == VIDMM_GATE_HELD) return;
    if (device->gate == VIDMM_GATE_ARRIVING && is_short_locked(device)) set_gate_locked(device, VIDMM_GATE_WAITING);
    if (device->gate == VIDMM_GATE_WAITING || is_in_place_locked(device))
        vidmm_pager_kick_locked(device->process->adapter);
}

void vidmm_room_freed_locked(struct vidmm_adapter *adapter)
{
    if (adapter->homesick || !udxg_list_empty(&adapter->waiting)) vidmm_pager_kick_locked(adapter);
}

/* ---- running ---- */

static bool may_run_locked(const struct vidmm_device *device) UDXG_REQUIRES(VIDMM)
{
    if (device->process->suspended || device->process->adapter->orders || !is_in_place_locked(device)) return false;
    return udxg_list_empty(&device->process->adapter->waiting) || udxg_os_now_ns() < device->slice_end_ns;
}

bool vidmm_device_begin_run(struct vidmm_device *device)
{
    struct vidmm_adapter *adapter = device->process->adapter;
    udxg_lock(VIDMM, &adapter->lock);
    bool may_run = may_run_locked(device);
    if (may_run) {
        device->running++;
        vidmm_notify_run_locked(device);
    } else {
        vidmm_gate_enter_locked(device);
    }
    udxg_unlock(VIDMM, &adapter->lock);
    return may_run;
}

void vidmm_device_end_run(struct vidmm_device *device)
{
    struct vidmm_adapter *adapter = device->process->adapter;
    udxg_lock(VIDMM, &adapter->lock);
    device->running--;
    device->last_run = ++adapter->runs;
    if (!udxg_list_empty(&adapter->waiting) || adapter->run_awaited) vidmm_pager_kick_locked(adapter);
    adapter->run_awaited = false;
    vidmm_adapter_changed_locked(adapter);
    udxg_unlock(VIDMM, &adapter->lock);
}

/* ---- serving ---- */

/* Promises DEVICE all that it lists; what it has got stays when that is not enough. False: not yet all of it. */
static bool serve_locked(struct vidmm_device *device, struct vidmm_quest *quest) UDXG_REQUIRES(VIDMM)
{
    struct udxg_list *first;
    while ((first = udxg_list_first(&device->listed[VIDMM_LISTED_SUSPENDED])))
        if (!vidmm_claim_promise_locked(udxg_container_of(first, struct vidmm_binding, required)->alloc, quest))
            return false;
    return true;
}

void vidmm_gate_serve_locked(struct vidmm_adapter *adapter, uint64_t now_ns, uint64_t *ret_retry_ns)
{
    struct udxg_list *first;
    while ((first = udxg_list_first(&adapter->waiting))) {
        struct vidmm_device *device = device_at(first);
        struct vidmm_quest quest = {.device = device, .now_ns = now_ns, .retry_ns = UINT64_MAX};
        if (!serve_locked(device, &quest)) {
            if (quest.retry_ns < *ret_retry_ns) *ret_retry_ns = quest.retry_ns;
            return;
        }
        set_gate_locked(device, VIDMM_GATE_ARRIVING);
    }
}

struct vidmm_device *vidmm_gate_admit_locked(struct vidmm_adapter *adapter, uint64_t now_ns)
{
    udxg_list_for_each(it, &adapter->arriving)
    {
        struct vidmm_device *device = device_at(it);
        if (!is_in_place_locked(device) || device->in_callback) continue;
        set_gate_locked(device, VIDMM_GATE_NONE);
        device->slice_end_ns = now_ns + VIDMM_SLICE_NS;
        device->in_callback = true;
        return device;
    }
    return NULL;
}

/* ---- check ---- */

const char *vidmm_admission_check_locked(struct vidmm_adapter *adapter)
{
    udxg_list_for_each(it, &adapter->waiting) if (device_at(it)->gate !=
                                                  VIDMM_GATE_WAITING) return "a device waits that is not at the gate";
    udxg_list_for_each(it, &adapter->arriving)
    {
        if (device_at(it)->gate != VIDMM_GATE_ARRIVING) return "a device arrives that did not wait";
        if (device_at(it)->process->suspended) return "a device of a suspended process arrives";
        if (is_short_locked(device_at(it))) return "an arriving device has not been promised all it lists";
    }
    return NULL;
}
