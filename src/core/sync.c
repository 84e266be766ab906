/* SPDX-License-Identifier: MIT */
/*
 * Synchronisation objects: values, waiters, and who has them open. Invariants: a waiter is in the order exactly while
 * it is HANGING; when a device comes to own a mutex, its process has that open; a mutex is free, a semaphore's count is
 * not 0, only while nobody hangs in it. Locks: SYNC of one object at a time, never while a wait's callbacks run.
 */
#include "core/sync.h"

#include <stdlib.h>

#include "abi/thunk.h"
#include "base/cleanup.h"
#include "base/os.h"
#include "core/handlers.h"

static bool is_fence(const struct udxg_sync *sync)
{
    return sync->type == D3DDDI_FENCE || udxg_sync_is_monitored(sync);
}

/* ---- letting waiters go ---- */

/* Whether PROCESS has it open; of DEVICE, if not NULL. */
static bool has_open_locked(const struct udxg_sync *sync, const struct udxg_device *device,
                            const struct udxg_process *process) UDXG_REQUIRES(SYNC)
{
    udxg_list_for_each(link, &sync->openings)
    {
        const struct udxg_sync_opening *opening = udxg_container_of(link, struct udxg_sync_opening, link);
        if (opening->process == process && (!device || opening->child.device == device)) return true;
    }
    return false;
}

/* Whether a wait could be let go now; if so, it has taken what it came for. */
static bool take_locked(struct udxg_sync *sync, const struct udxg_waiter *waiter) UDXG_REQUIRES(SYNC)
{
    if (sync->abandoned) return true;
    if (is_fence(sync)) return udxg_sync_value(sync) >= waiter->value;
    if (sync->type == D3DDDI_SEMAPHORE) {
        if (!sync->count) return false;
        sync->count--;
        return true;
    }
    if (sync->owner) return false;
    /* Whose process has closed it meanwhile would never give it up. */
    if (has_open_locked(sync, NULL, waiter->wait->owner->process)) udxg_own_locked(sync, waiter->wait->owner);
    return true;
}

/* Of a native fence: from which value on somebody wants to know. */
static void update_monitored_locked(struct udxg_sync *sync) UDXG_REQUIRES(SYNC)
{
    const struct udxg_order_node *first;

    if (!sync->monitored.value) return;
    first = udxg_order_first(&sync->waiters);
    atomic_store(sync->monitored.value, first ? first->key : UINT64_MAX);
}

static void mark_fired_locked(struct udxg_waiter *waiter) UDXG_REQUIRES(SYNC)
{
    struct udxg_sync *sync = waiter->sync;

    waiter->state = UDXG_WAITER_FIRED;
    waiter->broken = sync->abandoned && !(is_fence(sync) && udxg_sync_value(sync) >= waiter->value);
}

/* Of fences, and of everything once it is abandoned: all up to VALUE at once. */
static void collect_up_to_locked(struct udxg_sync *sync, uint64_t value, struct udxg_list *fired) UDXG_REQUIRES(SYNC)
{
    struct udxg_order taken;

    udxg_order_take(&sync->waiters, value, &taken);
    for (struct udxg_order_node *node = udxg_order_first(&taken); node; node = udxg_order_next(node)) {
        struct udxg_waiter *waiter = udxg_container_of(node, struct udxg_waiter, node);
        mark_fired_locked(waiter);
        udxg_list_append(fired, &waiter->link);
    }
}

/* Moves the waiters that need not wait any more to FIRED. */
static void collect_locked(struct udxg_sync *sync, struct udxg_list *fired) UDXG_REQUIRES(SYNC)
{
    struct udxg_order_node *node;

    if (sync->abandoned || is_fence(sync)) {
        collect_up_to_locked(sync, sync->abandoned ? UINT64_MAX : udxg_sync_value(sync), fired);
        update_monitored_locked(sync);
        return;
    }
    while ((node = udxg_order_first(&sync->waiters))) {
        struct udxg_waiter *waiter = udxg_container_of(node, struct udxg_waiter, node);
        if (!take_locked(sync, waiter)) return;
        udxg_order_remove(&sync->waiters, node);
        mark_fired_locked(waiter);
        udxg_list_append(fired, &waiter->link);
    }
}

/* An engine has written the word of a fence: the waits that satisfies go. */
static void engine_wrote(struct udxg_sync *sync)
{
    struct udxg_list fired;

    udxg_list_init(&fired);
    udxg_lock(SYNC, &sync->lock);
    if (atomic_load(&sync->ended)) atomic_store(sync->slot.value, UINT64_MAX); /* one that nobody waits for any more */
    collect_locked(sync, &fired);
    udxg_unlock(SYNC, &sync->lock);
    udxg_waiters_fire(&fired);
}

/*
 * False when it is not in the order after all: an engine writes the value of a native fence and then looks at what is
 * monitored, so that after that has been written the value has to be looked at again.
 */
static bool hang_in_locked(struct udxg_sync *sync, struct udxg_waiter *waiter) UDXG_REQUIRES(SYNC)
{
    udxg_order_insert(&sync->waiters, &waiter->node, is_fence(sync) ? waiter->value : 0);
    waiter->state = UDXG_WAITER_HANGING;
    if (!sync->monitored.value) return true;
    update_monitored_locked(sync);
    if (!take_locked(sync, waiter)) return true;
    udxg_order_remove(&sync->waiters, &waiter->node);
    update_monitored_locked(sync);
    return false;
}

bool udxg_sync_hang(struct udxg_sync *sync, struct udxg_waiter *waiter)
{
    bool taken;

    udxg_lock(SYNC, &sync->lock);
    taken = take_locked(sync, waiter) || !hang_in_locked(sync, waiter);
    if (taken) mark_fired_locked(waiter);
    udxg_unlock(SYNC, &sync->lock);
    return taken;
}

void udxg_sync_unhang_locked(struct udxg_sync *sync, struct udxg_waiter *waiter)
{
    udxg_order_remove(&sync->waiters, &waiter->node);
    waiter->state = UDXG_WAITER_CANCELLED;
    update_monitored_locked(sync);
}

/* ---- signals ---- */

/* DEVICE: who signals; of a mutex only its owner can. */
static void apply_locked(struct udxg_sync *sync, const struct udxg_device *device, uint64_t value) UDXG_REQUIRES(SYNC)
{
    if (is_fence(sync))
        atomic_store(sync->slot.value, atomic_load(&sync->ended) ? UINT64_MAX : value);
    else if (sync->type == D3DDDI_SYNCHRONIZATION_MUTEX && sync->owner == device)
        udxg_disown_locked(sync);
    else if (sync->type == D3DDDI_SEMAPHORE && (sync->count < sync->maximum || udxg_order_first(&sync->waiters)))
        sync->count++;
}

void udxg_sync_store_collect(struct udxg_sync *sync, const struct udxg_device *device, uint64_t value,
                             struct udxg_list *fired)
{
    udxg_lock(SYNC, &sync->lock);
    apply_locked(sync, device, value);
    collect_locked(sync, fired);
    udxg_unlock(SYNC, &sync->lock);
}

void udxg_sync_notify(struct udxg_sync *sync)
{
    if (sync->type == D3DDDI_CPU_NOTIFICATION) udxg_os_event_signal(sync->event_fd);
}

static void store(struct udxg_sync *sync, const struct udxg_device *device, uint64_t value)
{
    struct udxg_list fired;

    udxg_list_init(&fired);
    udxg_sync_store_collect(sync, device, value, &fired);
    udxg_waiters_fire(&fired);
}

void udxg_sync_store(struct udxg_sync *sync, uint64_t value)
{
    store(sync, NULL, value);
}

void udxg_sync_give_back_collect(struct udxg_sync *sync, const struct udxg_device *owner, struct udxg_list *fired)
{
    if (udxg_sync_is_used_up(sync)) udxg_sync_store_collect(sync, owner, 0, fired);
}

void udxg_sync_give_back(struct udxg_sync *sync, const struct udxg_device *owner)
{
    if (udxg_sync_is_used_up(sync)) store(sync, owner, 0);
}

uint64_t udxg_sync_value(struct udxg_sync *sync)
{
    return atomic_load(&sync->ended) ? UINT64_MAX : atomic_load(sync->slot.value);
}

udxg_status udxg_sync_signal(struct udxg_sync *sync, uint64_t value, bool rewind)
{
    struct udxg_list fired;
    bool allowed;

    udxg_list_init(&fired);
    udxg_lock(SYNC, &sync->lock);
    allowed = value >= udxg_sync_value(sync) || (rewind && !atomic_load(&sync->ended));
    if (allowed) {
        atomic_store(sync->slot.value, value);
        collect_locked(sync, &fired); /* with the value still there: somebody may set it back */
    }
    udxg_unlock(SYNC, &sync->lock);
    udxg_waiters_fire(&fired);
    return allowed ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}

/* ---- ends ---- */

void udxg_sync_end_collect(struct udxg_sync *sync, struct udxg_list *fired)
{
    if (!is_fence(sync) || sync->flags.NoSignalMaxValueOnTdr) return;
    udxg_lock(SYNC, &sync->lock);
    atomic_store(&sync->ended, true);
    atomic_store(sync->slot.value, UINT64_MAX);
    collect_locked(sync, fired);
    udxg_unlock(SYNC, &sync->lock);
}

/* What a device in error leaves behind. */
static void end_waits(const struct udxg_sync_opening *opening, struct udxg_list *fired)
{
    if (!opening->no_signal || opening->creator) udxg_sync_end_collect(opening->sync, fired);
}

void udxg_syncs_end_waits(struct udxg_device *device)
{
    struct udxg_list fired;

    udxg_list_init(&fired);
    udxg_lock(DEVICE, &device->lock);
    udxg_list_for_each(link, &device->children[UDXG_HANDLE_SYNC])
        end_waits(udxg_container_of(link, struct udxg_sync_opening, child.link), &fired);
    udxg_unlock(DEVICE, &device->lock);
    udxg_waiters_fire(&fired);
    udxg_disown_all(device);
}

/* Whether nobody will signal it any more; if so, its waiters are let go. */
static void abandon_if_over_locked(struct udxg_sync *sync, struct udxg_list *fired) UDXG_REQUIRES(SYNC)
{
    if (sync->abandoned || !atomic_load(&sync->gone) || (sync->watchers && atomic_load(&sync->signals))) return;
    sync->abandoned = true;
    udxg_disown_locked(sync);
    collect_locked(sync, fired);
}

static void abandon_if_over(struct udxg_sync *sync)
{
    struct udxg_list fired;

    udxg_list_init(&fired);
    udxg_lock(SYNC, &sync->lock);
    abandon_if_over_locked(sync, &fired);
    udxg_unlock(SYNC, &sync->lock);
    udxg_waiters_fire(&fired);
}

void udxg_sync_expect(struct udxg_sync *sync)
{
    atomic_fetch_add(&sync->signals, 1);
}

void udxg_sync_expect_no_more(struct udxg_sync *sync)
{
    if (atomic_fetch_sub(&sync->signals, 1) == 1 && atomic_load(&sync->gone)) abandon_if_over(sync);
}

void udxg_sync_watch(struct udxg_sync *sync)
{
    udxg_lock(SYNC, &sync->lock);
    sync->watchers++;
    udxg_unlock(SYNC, &sync->lock);
}

void udxg_sync_unwatch(struct udxg_sync *sync)
{
    struct udxg_list fired;

    udxg_list_init(&fired);
    udxg_lock(SYNC, &sync->lock);
    sync->watchers--;
    abandon_if_over_locked(sync, &fired);
    udxg_unlock(SYNC, &sync->lock);
    udxg_waiters_fire(&fired);
}

/* ---- life ---- */

static void sync_init(struct udxg_sync *sync, const struct udxg_sync_desc *desc) UDXG_NO_TSA
{
    atomic_init(&sync->refs, 1);
    sync->type = desc->type;
    sync->flags = desc->flags;
    sync->native = desc->native;
    sync->intra_gpu = desc->intra_gpu;
    sync->maximum = desc->maximum;
    sync->count = (uint32_t)desc->value;
    sync->event_fd = -1;
    udxg_mutex_init_SYNC(&sync->lock);
    udxg_order_init(&sync->waiters);
    udxg_list_init(&sync->openings);
    udxg_list_init(&sync->owned);
    udxg_list_init(&sync->first.link);
    udxg_list_init(&sync->first.child.link);
}

/* The words of a fence. */
static udxg_status take_slots(struct udxg_sync *sync, uint64_t value)
{
    udxg_status status;

    if (!udxg_sync_is_monitored(sync)) {
        sync->slot.value = &sync->own_value;
        atomic_init(&sync->own_value, value);
        return STATUS_SUCCESS;
    }
    status = udxg_fence_slot_get(&sync->pa->fences, sync->flags.Shared, engine_wrote, sync, &sync->slot);
    if (udxg_failed(status)) return status;
    atomic_store(sync->slot.value, value);
    if (!sync->native || sync->intra_gpu) return STATUS_SUCCESS;
    if (sync->flags.Shared)
        udxg_fence_slot_get_beside(&sync->slot, sync, &sync->monitored);
    else
        status = udxg_fence_slot_get(&sync->pa->fences, false, NULL, sync, &sync->monitored);
    if (!udxg_failed(status)) atomic_store(sync->monitored.value, UINT64_MAX);
    return status;
}

/* Ends what the opening's process and its engines were shown. */
static void opening_hide(struct udxg_sync_opening *opening)
{
    if (opening->own_mapping) vidmm_va_unmap_system(opening->child.device->pa->vidmm, opening->own_mapping);
    if (opening->shown) udxg_fence_slot_hide(&opening->sync->slot, &opening->process->windows);
    opening->own_mapping = 0;
    opening->shown = false;
}

/* Only what was never published still has an owner, which is pinned, and a first opening that is shown. */
static void sync_free(struct udxg_sync *sync) UDXG_NO_TSA
{
    opening_hide(&sync->first);
    udxg_disown_locked(sync);
    if (sync->event_fd >= 0) udxg_process_event_put(sync->pa, sync->event_fd);
    if (sync->pa) {
        udxg_fence_slot_put(&sync->pa->fences, &sync->monitored);
        udxg_fence_slot_put(&sync->pa->fences, &sync->slot);
        udxg_process_adapter_unref(sync->pa);
    }
    udxg_mutex_fini_SYNC(&sync->lock);
    free(sync);
}

static void opening_init(struct udxg_sync_opening *opening, struct udxg_process *process, struct udxg_sync *sync,
                         D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS flags)
{
    opening->process = process;
    opening->sync = sync;
    opening->no_signal = flags.NoSignal;
    opening->no_wait = flags.NoWait;
}

/* Where engines find the word; those of another adapter or process than the creator's map it for themselves. */
static udxg_status map_word(struct udxg_sync_opening *opening, struct udxg_device *device)
{
    struct udxg_sync *sync = opening->sync;

    opening->gpu_va = sync->slot.gpu_va;
    if (device->pa == sync->pa) return STATUS_SUCCESS;
    return udxg_fence_slot_map(&sync->slot, device->pa->vidmm, &opening->own_mapping, &opening->gpu_va);
}

/*
 * Shows a fence to the opening's process, and to its engines where it has a device. A sync file can take a fence to a
 * process that it was not made for: there it can be waited for, and not be looked at.
 */
static udxg_status opening_show(struct udxg_sync_opening *opening)
{
    struct udxg_sync *sync = opening->sync;
    struct udxg_device *device = opening->child.device;
    bool alone = udxg_fence_slot_is_alone(&sync->slot);
    udxg_status status = STATUS_SUCCESS;

    if (!udxg_sync_is_monitored(sync)) return STATUS_SUCCESS;
    bool other = opening->process->entry.serial != sync->creator;
    if (other && !alone) return STATUS_SUCCESS;
    if (alone) status = udxg_fence_slot_show(&sync->slot, other, &opening->process->windows);
    if (udxg_failed(status)) return status;
    opening->shown = alone;
    opening->cpu = sync->slot.cpu;
    if (device) status = map_word(opening, device);
    if (udxg_failed(status)) opening_hide(opening);
    return status;
}

udxg_status udxg_sync_create_any(struct udxg_device *device, const struct udxg_sync_desc *desc,
                                 struct udxg_sync **ret_sync) UDXG_NO_TSA
{
    struct udxg_sync *sync = calloc(1, sizeof *sync);
    udxg_status status;

    if (!sync) return STATUS_NO_MEMORY;
    sync_init(sync, desc);
    sync->pa = device ? device->pa : desc->pa;
    udxg_process_adapter_ref(sync->pa);
    if (device) {
        opening_init(&sync->first, device->process, sync, desc->flags);
        sync->first.child.device = device; /* referenced once it is published */
        sync->first.creator = true;
        sync->creator = device->process->entry.serial;
        if (desc->owned) udxg_own_locked(sync, device);
    }
    status = take_slots(sync, desc->value);
    if (!udxg_failed(status) && device) status = opening_show(&sync->first);
    if (udxg_failed(status)) {
        sync_free(sync);
        return status;
    }
    sync->event_fd = desc->type == D3DDDI_CPU_NOTIFICATION ? desc->event_fd : -1;
    if (desc->flags.NoGPUAccess) sync->first.gpu_va = 0;
    udxg_shared_init(&sync->shared, &udxg_sync_class, desc->flags.NtSecuritySharing);
    *ret_sync = sync;
    return STATUS_SUCCESS;
}

udxg_status udxg_sync_create(struct udxg_device *device, D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS flags,
                             uint64_t initial_value, struct udxg_sync **ret_sync)
{
    const struct udxg_sync_desc desc = {.type = D3DDDI_MONITORED_FENCE, .flags = flags, .value = initial_value};

    return udxg_sync_create_any(device, &desc, ret_sync);
}

void udxg_sync_ref(struct udxg_sync *sync)
{
    atomic_fetch_add(&sync->refs, 1);
}

bool udxg_sync_try_ref(struct udxg_sync *sync)
{
    unsigned refs = atomic_load(&sync->refs);

    while (refs)
        if (atomic_compare_exchange_weak(&sync->refs, &refs, refs + 1)) return true;
    return false;
}

void udxg_sync_unref(struct udxg_sync *sync)
{
    if (sync && atomic_fetch_sub(&sync->refs, 1) == 1) sync_free(sync);
}

/* No opening that may signal and no NT handle is left. */
static void lose_handles(struct udxg_shared *shared)
{
    struct udxg_sync *sync = udxg_sync_of(shared);

    atomic_store(&sync->gone, true);
    abandon_if_over(sync);
    udxg_sync_unref(sync);
}

/* ---- openings ---- */

/* Of the right to wait or signal, which may be asked for generically. */
static bool allows(uint32_t access, uint32_t right)
{
    return access & (right | GENERIC_ALL);
}

udxg_status udxg_sync_opening_create(struct udxg_process *process, struct udxg_sync *sync,
                                     const struct udxg_sync_open *how,
                                     struct udxg_sync_opening **ret_opening) UDXG_NO_TSA
{
    struct udxg_device *device = how->device;
    struct udxg_sync_opening *opening = calloc(1, sizeof *opening);
    udxg_status status = STATUS_SUCCESS;

    if (!opening) return STATUS_NO_MEMORY;
    opening_init(opening, process, sync, how->flags);
    opening->no_signal |= !allows(how->access, D3DDDI_SYNC_OBJECT_SIGNAL);
    opening->no_wait |= !allows(how->access, D3DDDI_SYNC_OBJECT_WAIT);
    udxg_list_init(&opening->link);
    udxg_list_init(&opening->child.link);
    opening->child.device = device; /* referenced once it is published */
    if (device && device->pa->adapter != sync->pa->adapter && !sync->flags.CrossAdapter)
        status = STATUS_INVALID_PARAMETER;
    if (!udxg_failed(status)) status = opening_show(opening);
    if (udxg_failed(status)) {
        free(opening);
        return status;
    }
    if (how->flags.NoGPUAccess || sync->flags.NoGPUAccess) opening->gpu_va = 0;
    udxg_sync_ref(sync);
    /* By its global handle somebody else could still have it for signals, as long as this one is there. */
    opening->watches = how->watches || (opening->no_signal && !sync->shared.global_handle);
    if (opening->watches) udxg_sync_watch(sync);
    if (opening->watches && !how->watches)
        udxg_shared_close(&sync->shared); /* never the last reference: the caller's */
    *ret_opening = opening;
    return STATUS_SUCCESS;
}

/* Whoever removed the adapter has not seen it on the device's list, perhaps, and does not look again. */
static void end_if_removed(const struct udxg_sync_opening *opening)
{
    struct udxg_list fired;

    if (!udxg_device_is_removed(opening->child.device)) return;
    udxg_list_init(&fired);
    end_waits(opening, &fired);
    udxg_waiters_fire(&fired);
}

/* On the object's list before there is a handle to close it by. */
void udxg_sync_opening_publish(struct udxg_sync_opening *opening, uint32_t handle)
{
    struct udxg_sync *sync = opening->sync;

    opening->child.handle = handle;
    udxg_lock(SYNC, &sync->lock);
    udxg_list_append(&sync->openings, &opening->link);
    udxg_unlock(SYNC, &sync->lock);
    if (opening->child.device) {
        udxg_device_add_child(opening->child.device, UDXG_HANDLE_SYNC, &opening->child);
        end_if_removed(opening);
    }
    udxg_handle_publish(&opening->process->handles, handle, UDXG_HANDLE_SYNC, opening);
}

void udxg_sync_publish(struct udxg_sync *sync, uint32_t handle)
{
    udxg_sync_ref(sync); /* the opening's; the caller's is that of all openings and NT handles together */
    udxg_sync_opening_publish(&sync->first, handle);
}

/* Frees it; its object, which it may be a part of, goes with the reference. */
static void opening_free(struct udxg_sync_opening *opening)
{
    struct udxg_sync *sync = opening->sync;

    opening_hide(opening);
    if (opening != &sync->first) free(opening);
    udxg_sync_unref(sync);
}

/* Frees it, and its part in the object's life goes. */
static void opening_end(struct udxg_sync_opening *opening)
{
    struct udxg_sync *sync = opening->sync;

    if (opening->watches)
        udxg_sync_unwatch(sync);
    else
        udxg_shared_close(&sync->shared);
    opening_free(opening);
}

void udxg_sync_opening_discard(struct udxg_sync_opening *opening)
{
    opening_end(opening);
}

/*
 * Whether the owner of a mutex has it still, now that OPENING is closed: with a handle of its own if that was one,
 * otherwise with any of its process.
 */
static bool still_owns_locked(const struct udxg_sync *sync, const struct udxg_sync_opening *opening) UDXG_REQUIRES(SYNC)
{
    if (has_open_locked(sync, sync->owner, sync->owner->process)) return true;
    return opening->child.device != sync->owner && has_open_locked(sync, NULL, sync->owner->process);
}

/* Takes it off the object's list; a mutex that its owner cannot give up any more is free. */
static void leave(struct udxg_sync_opening *opening)
{
    struct udxg_sync *sync = opening->sync;
    struct udxg_list fired;

    udxg_list_init(&fired);
    udxg_lock(SYNC, &sync->lock);
    udxg_list_remove(&opening->link);
    if (sync->owner && !still_owns_locked(sync, opening)) {
        udxg_disown_locked(sync);
        collect_locked(sync, &fired);
    }
    udxg_unlock(SYNC, &sync->lock);
    udxg_waiters_fire(&fired);
}

void udxg_sync_release(void *object)
{
    struct udxg_sync_opening *opening = object;
    struct udxg_device *device = opening->child.device;

    leave(opening);
    if (device) {
        udxg_device_child_closed(&opening->child);
        udxg_device_unlink_child(&opening->child);
    }
    opening_end(opening);
    if (device) udxg_device_unref(device);
}

/* In a bundle the rights are those to a resource, and say nothing of what stands beside it. */
static udxg_status open_beside(struct udxg_shared *shared, const struct udxg_shared_opener *opener, void **ret_opening)
{
    const struct udxg_sync_open how = {.device = opener->device, .access = D3DDDI_SYNC_OBJECT_ALL_ACCESS};
    struct udxg_sync_opening *opening;
    udxg_status status;

    udxg_shared_open(shared);
    status = udxg_sync_opening_create(opener->device->process, udxg_sync_of(shared), &how, &opening);
    if (udxg_failed(status))
        udxg_shared_close(shared);
    else
        *ret_opening = opening;
    return status;
}

static void publish_beside(void *opening, uint32_t handle)
{
    udxg_sync_opening_publish(opening, handle);
}

static void discard_beside(void *opening)
{
    udxg_sync_opening_discard(opening);
}

const struct udxg_shared_class udxg_sync_class = {
    .kind = UDXG_SHARED_SYNC,
    .destroy = lose_handles,
    .open = open_beside,
    .publish = publish_beside,
    .discard = discard_beside,
};

struct udxg_shared *udxg_sync_get_shareable(struct udxg_process *process, uint32_t handle, uint32_t *ret_withheld)
{
    struct udxg_sync_opening *opening = udxg_handle_get(&process->handles, handle, UDXG_HANDLE_SYNC);
    struct udxg_shared *shared = opening ? &opening->sync->shared : NULL;

    if (!opening) return NULL;
    if (shared->nt_sharing && udxg_shared_try_ref(shared)) {
        *ret_withheld =
            (opening->no_signal ? D3DDDI_SYNC_OBJECT_SIGNAL : 0u) | (opening->no_wait ? D3DDDI_SYNC_OBJECT_WAIT : 0u);
        if (*ret_withheld) *ret_withheld |= GENERIC_ALL;
    } else {
        shared = NULL;
    }
    udxg_handle_put(&process->handles, handle);
    return shared;
}

/* ---- look-up ---- */

static udxg_status check_opening(const struct udxg_sync_opening *opening, enum udxg_sync_use use)
{
    if (opening->child.device && udxg_device_is_removed(opening->child.device)) return STATUS_DEVICE_REMOVED;
    if (use & UDXG_SYNC_WAIT && opening->no_wait) return STATUS_ACCESS_DENIED;
    if (use & UDXG_SYNC_SIGNAL && (opening->no_signal || opening->sync->flags.SignalByKmd)) return STATUS_ACCESS_DENIED;
    return STATUS_SUCCESS;
}

static udxg_status sync_get(struct udxg_process *process, uint32_t handle, enum udxg_sync_use use,
                            struct udxg_sync **ret_sync)
{
    struct udxg_sync_opening *opening = udxg_handle_get(&process->handles, handle, UDXG_HANDLE_SYNC);
    udxg_status status;

    if (!opening) return STATUS_INVALID_PARAMETER;
    status = check_opening(opening, use);
    if (!udxg_failed(status)) {
        udxg_sync_ref(opening->sync);
        *ret_sync = opening->sync;
    }
    udxg_handle_put(&process->handles, handle);
    return status;
}

void udxg_syncs_put(uint32_t count, struct udxg_sync *const *syncs)
{
    for (uint32_t i = 0; i < count; i++) udxg_sync_unref(syncs[i]);
}

/* A handle that means nothing goes before one that is not allowed. */
udxg_status udxg_syncs_get(struct udxg_process *process, uint32_t count, const D3DKMT_HANDLE *handles,
                           enum udxg_sync_use use, struct udxg_sync **ret_syncs)
{
    udxg_status denied = STATUS_SUCCESS;
    uint32_t got = 0;

    if (!count) return STATUS_INVALID_PARAMETER;
    for (; got < count; got++) {
        udxg_status status = sync_get(process, handles[got], use, &ret_syncs[got]);
        if (status == STATUS_ACCESS_DENIED) {
            denied = status;
            status = sync_get(process, handles[got], UDXG_SYNC_ANY, &ret_syncs[got]);
        }
        if (!udxg_failed(status)) continue;
        udxg_syncs_put(got, ret_syncs);
        return status;
    }
    if (udxg_failed(denied)) udxg_syncs_put(got, ret_syncs);
    return denied;
}

/* ---- create, destroy ---- */

static udxg_status check_flags(const D3DDDI_SYNCHRONIZATIONOBJECTINFO2 *info)
{
    if (info->Flags.NtSecuritySharing && !info->Flags.Shared) return STATUS_INVALID_PARAMETER;
    if (info->Flags.NoSignal && info->Flags.NoWait) return STATUS_INVALID_PARAMETER;
    if (info->Flags.SignalByKmd && info->Type != D3DDDI_CPU_NOTIFICATION) return STATUS_INVALID_PARAMETER;
    return STATUS_SUCCESS;
}

/* What to make. Adapters without displays have no target that a periodic fence could follow (decision 20). */
static udxg_status describe(struct udxg_device *device, const D3DDDI_SYNCHRONIZATIONOBJECTINFO2 *info,
                            struct udxg_sync_desc *desc)
{
    *desc = (struct udxg_sync_desc){.type = info->Type, .flags = info->Flags, .event_fd = -1};
    switch (info->Type) {
    case D3DDDI_SYNCHRONIZATION_MUTEX:
        desc->owned = info->SynchronizationMutex.InitialState;
        return STATUS_SUCCESS;
    case D3DDDI_SEMAPHORE:
        desc->value = info->Semaphore.InitialCount;
        desc->maximum = info->Semaphore.MaxCount;
        return desc->value <= desc->maximum ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
    case D3DDDI_FENCE:
        desc->value = info->Fence.FenceValue;
        return STATUS_SUCCESS;
    case D3DDDI_MONITORED_FENCE:
        desc->value = info->MonitoredFence.InitialFenceValue;
        return info->MonitoredFence.EngineAffinity <= 1 ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
    case D3DDDI_CPU_NOTIFICATION:
        if (!info->CPUNotification.Event) return STATUS_INVALID_HANDLE;
        return udxg_process_event_get(device->pa, info->CPUNotification.Event, &desc->event_fd);
    default:
        return STATUS_INVALID_PARAMETER;
    }
}

udxg_status udxg_sync_make(struct udxg_device *device, const struct udxg_sync_desc *desc, struct udxg_sync **ret_sync,
                           uint32_t *ret_handle)
{
    struct udxg_handle_table *handles = &device->process->handles;
    struct udxg_sync *sync;
    udxg_status status = udxg_handle_reserve(handles, 1, ret_handle);

    if (udxg_failed(status)) return status;
    status = udxg_sync_create_any(device, desc, &sync);
    if (!udxg_failed(status) && desc->flags.Shared && !desc->flags.NtSecuritySharing) {
        status = udxg_global_publish(&device->process->kernel->globals, device->process->owner, &sync->shared);
        if (udxg_failed(status)) {
            sync->event_fd = -1; /* still the caller's */
            udxg_sync_unref(sync);
        }
    }
    if (udxg_failed(status))
        udxg_handle_cancel(handles, 1, ret_handle);
    else
        *ret_sync = sync;
    return status;
}

static void report(const struct udxg_sync *sync, D3DDDI_SYNCHRONIZATIONOBJECTINFO2 *info)
{
    info->SharedHandle = sync->shared.global_handle;
    if (!udxg_sync_is_monitored(sync)) return;
    info->MonitoredFence.FenceValueCPUVirtualAddress = (void *)sync->first.cpu;
    info->MonitoredFence.FenceValueGPUVirtualAddress = sync->first.gpu_va;
}

/* Outputs first: once it is published anybody may destroy it. */
static udxg_status create(struct udxg_device *device, D3DDDI_SYNCHRONIZATIONOBJECTINFO2 *info,
                          D3DKMT_HANDLE *ret_handle)
{
    struct udxg_sync_desc desc;
    struct udxg_sync *sync;
    uint32_t handle;
    udxg_status status = describe(device, info, &desc);

    if (udxg_failed(status)) return status;
    status = udxg_sync_make(device, &desc, &sync, &handle);
    if (udxg_failed(status)) {
        udxg_process_event_put(device->pa, desc.event_fd);
        return status;
    }
    report(sync, info);
    *ret_handle = handle;
    udxg_sync_publish(sync, handle);
    return STATUS_SUCCESS;
}

udxg_status thunk_CreateSynchronizationObject2(struct udxg_process *process, D3DKMT_CREATESYNCHRONIZATIONOBJECT2 *args)
{
    struct udxg_device *device;
    udxg_status status = udxg_device_get(process, args->hDevice, &device);

    if (udxg_failed(status)) return status;
    status = check_flags(&args->Info);
    if (!udxg_failed(status)) status = create(device, &args->Info, &args->hSyncObject);
    udxg_device_put(device);
    return status;
}

udxg_status thunk_CreateSynchronizationObject(struct udxg_process *process, D3DKMT_CREATESYNCHRONIZATIONOBJECT *args)
{
    D3DDDI_SYNCHRONIZATIONOBJECTINFO2 info = {.Type = args->Info.Type};
    struct udxg_device *device;
    udxg_status status = udxg_device_get(process, args->hDevice, &device);

    if (udxg_failed(status)) return status;
    if (info.Type == D3DDDI_SYNCHRONIZATION_MUTEX) {
        info.SynchronizationMutex.InitialState = args->Info.SynchronizationMutex.InitialState;
    } else if (info.Type == D3DDDI_SEMAPHORE) {
        info.Semaphore.MaxCount = args->Info.Semaphore.MaxCount;
        info.Semaphore.InitialCount = args->Info.Semaphore.InitialCount;
    } else {
        status = STATUS_INVALID_PARAMETER;
    }
    if (!udxg_failed(status)) status = create(device, &info, &args->hSyncObject);
    udxg_device_put(device);
    return status;
}

udxg_status thunk_DestroySynchronizationObject(struct udxg_process *process, D3DKMT_DESTROYSYNCHRONIZATIONOBJECT *args)
{
    return udxg_handle_close(&process->handles, args->hSyncObject, UDXG_HANDLE_SYNC) ? STATUS_SUCCESS
                                                                                     : STATUS_INVALID_PARAMETER;
}
