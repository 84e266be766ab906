/* SPDX-License-Identifier: MIT */
/*
 * Monitored fences and waits. Invariants: a waiter is on its object's list exactly while it has neither fired
 * nor been cancelled; a wait has one reference per such waiter. Locks: SYNC of one object at a time, never
 * while a wait's callbacks run.
 */
#include "core/sync.h"

#include <stdlib.h>

#include "abi/thunk.h"
#include "base/cleanup.h"
#include "base/os.h"
#include "core/handlers.h"

static bool is_satisfied_locked(const struct udxg_waiter *waiter) UDXG_REQUIRES(SYNC)
{
    return waiter->sync->abandoned || atomic_load(waiter->sync->slot.value) >= waiter->value;
}

static void mark_fired_locked(struct udxg_waiter *waiter) UDXG_REQUIRES(SYNC)
{
    waiter->fired = true;
    waiter->broken = atomic_load(waiter->sync->slot.value) < waiter->value;
}

/* Moves the satisfied waiters of SYNC to FIRED. */
static void collect_locked(struct udxg_sync *sync, struct udxg_list *fired) UDXG_REQUIRES(SYNC)
{
    udxg_list_for_each(link, &sync->waiters)
    {
        struct udxg_waiter *waiter = udxg_container_of(link, struct udxg_waiter, link);
        if (!is_satisfied_locked(waiter)) continue;
        mark_fired_locked(waiter);
        udxg_list_remove(link);
        udxg_list_append(fired, link);
    }
}

/* A waiter has fired; ends with its reference to the wait. */
static void wait_step(struct udxg_waiter *waiter)
{
    struct udxg_wait *wait = waiter->wait;

    if (waiter->broken && atomic_load(&wait->remaining) > 0) atomic_store(&wait->broken, true);
    if (atomic_fetch_sub(&wait->remaining, 1) == 1) wait->done(wait);
    udxg_wait_unref(wait);
}

/* Waiters that fired belong to this thread: nobody else touches their links. */
void udxg_sync_fire(struct udxg_list *fired) UDXG_NO_TSA
{
    struct udxg_list *link;

    while ((link = udxg_list_pop(fired))) wait_step(udxg_container_of(link, struct udxg_waiter, link));
}

/* Releases what the present value satisfies. */
static void release_waiters(struct udxg_sync *sync)
{
    struct udxg_list fired;

    udxg_list_init(&fired);
    udxg_lock(SYNC, &sync->lock);
    collect_locked(sync, &fired);
    udxg_unlock(SYNC, &sync->lock);
    udxg_sync_fire(&fired);
}

static void sync_init(struct udxg_sync *sync, D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS flags) UDXG_NO_TSA
{
    atomic_init(&sync->refs, 1);
    sync->type = D3DDDI_MONITORED_FENCE;
    sync->flags = flags;
    udxg_mutex_init_SYNC(&sync->lock);
    udxg_list_init(&sync->waiters);
}

udxg_status udxg_sync_create(struct udxg_device *device, D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS flags,
                             uint64_t initial_value, struct udxg_sync **ret_sync)
{
    UDXG_AUTO_FREE struct udxg_sync *sync = calloc(1, sizeof *sync);
    udxg_status status;

    if (!sync) return STATUS_NO_MEMORY;
    sync_init(sync, flags);
    status = udxg_fence_slot_get(&device->pa->fences, release_waiters, sync, &sync->slot);
    if (udxg_failed(status)) return status;
    udxg_device_add_child(device, UDXG_HANDLE_SYNC, &sync->child);
    atomic_store(sync->slot.value, initial_value);
    *ret_sync = udxg_steal(sync);
    return STATUS_SUCCESS;
}

void udxg_sync_publish(struct udxg_sync *sync, uint32_t handle)
{
    sync->child.handle = handle;
    udxg_handle_publish(&sync->child.device->process->handles, handle, UDXG_HANDLE_SYNC, sync);
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
    struct udxg_device *device;

    if (!sync || atomic_fetch_sub(&sync->refs, 1) != 1) return;
    device = sync->child.device;
    udxg_device_unlink_child(&sync->child); /* first: who finds it on the list may write its slot */
    udxg_fence_slot_put(&device->pa->fences, &sync->slot);
    udxg_mutex_fini_SYNC(&sync->lock);
    free(sync);
    udxg_device_unref(device);
}

void udxg_sync_release(void *object)
{
    struct udxg_sync *sync = object;

    udxg_lock(SYNC, &sync->lock);
    sync->abandoned = true;
    udxg_unlock(SYNC, &sync->lock);
    udxg_device_child_closed(&sync->child);
    release_waiters(sync);
    udxg_sync_unref(sync);
}

uint64_t udxg_sync_value(struct udxg_sync *sync)
{
    return atomic_load(sync->slot.value);
}

udxg_status udxg_sync_signal(struct udxg_sync *sync, uint64_t value, bool rewind)
{
    bool backwards;

    udxg_lock(SYNC, &sync->lock);
    backwards = value < atomic_load(sync->slot.value);
    if (!backwards || rewind) atomic_store(sync->slot.value, value);
    udxg_unlock(SYNC, &sync->lock);
    if (backwards && !rewind) return STATUS_INVALID_PARAMETER;
    release_waiters(sync);
    return STATUS_SUCCESS;
}

void udxg_sync_store_collect(struct udxg_sync *sync, uint64_t value, struct udxg_list *fired)
{
    udxg_lock(SYNC, &sync->lock);
    atomic_store(sync->slot.value, value);
    collect_locked(sync, fired);
    udxg_unlock(SYNC, &sync->lock);
}

void udxg_sync_store(struct udxg_sync *sync, uint64_t value)
{
    struct udxg_list fired;

    udxg_list_init(&fired);
    udxg_sync_store_collect(sync, value, &fired);
    udxg_sync_fire(&fired);
}

void udxg_syncs_end_waits(struct udxg_device *device)
{
    struct udxg_list fired;

    udxg_list_init(&fired);
    udxg_lock(DEVICE, &device->lock);
    udxg_list_for_each(link, &device->children[UDXG_HANDLE_SYNC])
    {
        struct udxg_sync *sync = udxg_container_of(link, struct udxg_sync, child.link);
        if (sync->flags.NoSignalMaxValueOnTdr) continue;
        udxg_sync_store_collect(sync, UINT64_MAX, &fired);
    }
    udxg_unlock(DEVICE, &device->lock);
    udxg_sync_fire(&fired);
}

void udxg_wait_init(struct udxg_wait *wait, uint32_t count, struct udxg_sync *const *syncs, const uint64_t *values,
                    bool any, void (*done)(struct udxg_wait *), void (*free)(struct udxg_wait *)) UDXG_NO_TSA
{
    atomic_init(&wait->refs, 1);
    atomic_init(&wait->remaining, any ? 1 : (int)count);
    atomic_init(&wait->broken, false);
    wait->done = done;
    wait->free = free;
    wait->count = count;
    for (uint32_t i = 0; i < count; i++) {
        struct udxg_waiter *waiter = &wait->waiters[i];
        udxg_list_init(&waiter->link);
        udxg_sync_ref(syncs[i]);
        waiter->sync = syncs[i];
        waiter->value = values[i];
        waiter->wait = wait;
        waiter->fired = waiter->broken = false;
    }
}

void udxg_wait_start(struct udxg_wait *wait)
{
    for (uint32_t i = 0; i < wait->count; i++) {
        struct udxg_waiter *waiter = &wait->waiters[i];
        bool satisfied;

        atomic_fetch_add(&wait->refs, 1);
        udxg_lock(SYNC, &waiter->sync->lock);
        satisfied = is_satisfied_locked(waiter);
        if (satisfied)
            mark_fired_locked(waiter);
        else
            udxg_list_append(&waiter->sync->waiters, &waiter->link);
        udxg_unlock(SYNC, &waiter->sync->lock);
        if (satisfied) wait_step(waiter);
    }
    /* Any: what was hung in after the first had fired would hang for ever. */
    if (atomic_load(&wait->remaining) <= 0) udxg_wait_cancel(wait);
}

void udxg_wait_cancel(struct udxg_wait *wait)
{
    for (uint32_t i = 0; i < wait->count; i++) {
        struct udxg_waiter *waiter = &wait->waiters[i];
        bool hanging;

        udxg_lock(SYNC, &waiter->sync->lock);
        hanging = !waiter->fired && !udxg_list_empty(&waiter->link);
        if (hanging) {
            waiter->fired = true;
            udxg_list_remove(&waiter->link);
        }
        udxg_unlock(SYNC, &waiter->sync->lock);
        if (hanging) udxg_wait_unref(wait);
    }
}

void udxg_wait_unref(struct udxg_wait *wait)
{
    if (atomic_fetch_sub(&wait->refs, 1) != 1) return;
    for (uint32_t i = 0; i < wait->count; i++) udxg_sync_unref(wait->waiters[i].sync);
    wait->free(wait);
}

/* ---- calls ---- */

udxg_status udxg_sync_get(struct udxg_process *process, uint32_t handle, struct udxg_sync **ret_sync)
{
    struct udxg_sync *sync = udxg_handle_get(&process->handles, handle, UDXG_HANDLE_SYNC);
    udxg_status status;

    if (!sync) return STATUS_INVALID_PARAMETER;
    status = udxg_device_is_removed(sync->child.device) ? STATUS_DEVICE_REMOVED : STATUS_SUCCESS;
    if (!udxg_failed(status)) {
        udxg_sync_ref(sync);
        *ret_sync = sync;
    }
    udxg_handle_put(&process->handles, handle);
    return status;
}

/* What can be created today: the other types come with what can be done with them. */
static udxg_status check_create(const D3DDDI_SYNCHRONIZATIONOBJECTINFO2 *info)
{
    if (info->Type < D3DDDI_SYNCHRONIZATION_MUTEX || info->Type >= D3DDDI_SYNCHRONIZATION_TYPE_LIMIT)
        return STATUS_INVALID_PARAMETER;
    if (info->Flags.NtSecuritySharing && !info->Flags.Shared) return STATUS_INVALID_PARAMETER;
    if (info->Flags.NoSignal && info->Flags.NoWait) return STATUS_INVALID_PARAMETER;
    if (info->Flags.SignalByKmd && info->Type != D3DDDI_CPU_NOTIFICATION) return STATUS_INVALID_PARAMETER;
    if (info->Type == D3DDDI_CPU_NOTIFICATION && !info->CPUNotification.Event) return STATUS_INVALID_HANDLE;
    if (info->Type != D3DDDI_MONITORED_FENCE || info->Flags.Shared) return STATUS_NOT_SUPPORTED;
    return STATUS_SUCCESS;
}

udxg_status thunk_CreateSynchronizationObject2(struct udxg_process *process, D3DKMT_CREATESYNCHRONIZATIONOBJECT2 *args)
{
    struct udxg_device *device;
    struct udxg_sync *sync;
    uint32_t handle;
    udxg_status status = udxg_device_get(process, args->hDevice, &device);

    if (udxg_failed(status)) return status;
    status = check_create(&args->Info);
    if (!udxg_failed(status)) status = udxg_handle_reserve(&process->handles, 1, &handle);
    if (!udxg_failed(status)) {
        status = udxg_sync_create(device, args->Info.Flags, args->Info.MonitoredFence.InitialFenceValue, &sync);
        if (udxg_failed(status)) {
            udxg_handle_cancel(&process->handles, 1, &handle);
        } else {
            args->Info.MonitoredFence.FenceValueCPUVirtualAddress = (void *)sync->slot.cpu;
            args->Info.MonitoredFence.FenceValueGPUVirtualAddress = sync->slot.gpu_va;
            args->hSyncObject = handle;
            udxg_sync_publish(sync, handle);
        }
    }
    udxg_device_put(device);
    return status;
}

udxg_status thunk_CreateSynchronizationObject(struct udxg_process *process, D3DKMT_CREATESYNCHRONIZATIONOBJECT *args)
{
    struct udxg_device *device;
    udxg_status status = udxg_device_get(process, args->hDevice, &device);

    if (udxg_failed(status)) return status;
    udxg_device_put(device);
    if (args->Info.Type != D3DDDI_SYNCHRONIZATION_MUTEX && args->Info.Type != D3DDDI_SEMAPHORE)
        return STATUS_INVALID_PARAMETER;
    return STATUS_NOT_SUPPORTED;
}

udxg_status thunk_DestroySynchronizationObject(struct udxg_process *process, D3DKMT_DESTROYSYNCHRONIZATIONOBJECT *args)
{
    return udxg_handle_close(&process->handles, args->hSyncObject, UDXG_HANDLE_SYNC) ? STATUS_SUCCESS
                                                                                     : STATUS_INVALID_PARAMETER;
}

static void unref_all(uint32_t count, struct udxg_sync *const *syncs)
{
    for (uint32_t i = 0; i < count; i++) udxg_sync_unref(syncs[i]);
}

udxg_status udxg_syncs_get(struct udxg_process *process, uint32_t count, const D3DKMT_HANDLE *handles,
                           struct udxg_sync **ret_syncs)
{
    for (uint32_t i = 0; i < count; i++) {
        udxg_status status = udxg_sync_get(process, handles[i], &ret_syncs[i]);
        if (!udxg_failed(status)) continue;
        unref_all(i, ret_syncs);
        return status;
    }
    return count ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}

/* The value that the object of element INDEX will have by then: an object may occur twice. */
static uint64_t value_before(uint32_t index, struct udxg_sync *const *syncs, const UINT64 *values)
{
    for (uint32_t i = index; i-- > 0;)
        if (syncs[i] == syncs[index]) return values[i];
    return udxg_sync_value(syncs[index]);
}

/* Backwards is refused before anything is signalled; a race with another signaller may still lose one. */
static udxg_status signal_all(uint32_t count, struct udxg_sync *const *syncs, const UINT64 *values, bool rewind)
{
    udxg_status status = STATUS_SUCCESS;

    for (uint32_t i = 0; i < count; i++) {
        if (syncs[i]->flags.NoSignal) return STATUS_ACCESS_DENIED;
        if (!rewind && values[i] < value_before(i, syncs, values)) return STATUS_INVALID_PARAMETER;
    }
    for (uint32_t i = 0; i < count && !udxg_failed(status); i++) status = udxg_sync_signal(syncs[i], values[i], rewind);
    return status;
}

udxg_status thunk_SignalSynchronizationObjectFromCpu(struct udxg_process *process,
                                                     D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMCPU *args)
{
    struct udxg_sync *syncs[UDXG_MAX_SYNC_OBJECTS];
    struct udxg_device *device;
    udxg_status status = udxg_device_get(process, args->hDevice, &device);

    if (udxg_failed(status)) return status;
    udxg_device_put(device);
    status = udxg_syncs_get(process, args->ObjectCount, args->ObjectHandleArray, syncs);
    if (udxg_failed(status)) return status;
    status = signal_all(args->ObjectCount, syncs, args->FenceValueArray, args->Flags.AllowFenceRewind);
    unref_all(args->ObjectCount, syncs);
    return status;
}

/* A wait of the CPU: of a thread that sleeps, or of an eventfd. */
struct cpu_wait {
    pthread_mutex_t mutex; /* with over */
    pthread_cond_t woken;
    bool over;
    int event_fd; /* the client's; -1: a thread sleeps */
    struct udxg_wait wait;
};

static void cpu_wait_free(struct udxg_wait *wait)
{
    struct cpu_wait *cpu = udxg_container_of(wait, struct cpu_wait, wait);

    if (cpu->event_fd >= 0) close(cpu->event_fd);
    pthread_cond_destroy(&cpu->woken);
    pthread_mutex_destroy(&cpu->mutex);
    free(cpu);
}

static void wake_thread(struct udxg_wait *wait)
{
    struct cpu_wait *cpu = udxg_container_of(wait, struct cpu_wait, wait);

    pthread_mutex_lock(&cpu->mutex);
    cpu->over = true;
    pthread_cond_signal(&cpu->woken);
    pthread_mutex_unlock(&cpu->mutex);
}

static void signal_event(struct udxg_wait *wait)
{
    struct cpu_wait *cpu = udxg_container_of(wait, struct cpu_wait, wait);

    udxg_os_event_signal(cpu->event_fd);
    udxg_wait_cancel(wait); /* WaitAny: the others */
}

/* The fences a wait names, all of which may be waited for. */
static udxg_status get_waitable(struct udxg_process *process, const D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMCPU *args,
                                struct udxg_sync **ret_syncs)
{
    udxg_status status = udxg_syncs_get(process, args->ObjectCount, args->ObjectHandleArray, ret_syncs);

    if (udxg_failed(status)) return status;
    for (uint32_t i = 0; i < args->ObjectCount; i++) {
        if (!ret_syncs[i]->flags.NoWait) continue;
        unref_all(args->ObjectCount, ret_syncs);
        return STATUS_ACCESS_DENIED;
    }
    return STATUS_SUCCESS;
}

static udxg_status make_cpu_wait(const D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMCPU *args, struct udxg_sync *const *syncs,
                                 int event_fd, struct cpu_wait **ret_cpu)
{
    struct cpu_wait *cpu = calloc(1, udxg_wait_bytes(offsetof(struct cpu_wait, wait), args->ObjectCount));

    if (!cpu) return STATUS_NO_MEMORY;
    pthread_mutex_init(&cpu->mutex, NULL);
    pthread_cond_init(&cpu->woken, NULL);
    cpu->event_fd = event_fd;
    udxg_wait_init(&cpu->wait, args->ObjectCount, syncs, args->FenceValueArray, args->Flags.WaitAny,
                   event_fd >= 0 ? signal_event : wake_thread, cpu_wait_free);
    *ret_cpu = cpu;
    return STATUS_SUCCESS;
}

/* Our own descriptor of the client's event, which the client may close; -1 for none. */
static udxg_status dup_event(HANDLE event, int *ret_fd)
{
    *ret_fd = -1;
    return event ? udxg_os_event_dup((intptr_t)event, ret_fd) : STATUS_SUCCESS;
}

static void sleep_until_over(struct cpu_wait *cpu)
{
    pthread_mutex_lock(&cpu->mutex);
    while (!cpu->over) pthread_cond_wait(&cpu->woken, &cpu->mutex);
    pthread_mutex_unlock(&cpu->mutex);
    udxg_wait_cancel(&cpu->wait);
}

static udxg_status wait_for(const D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMCPU *args, struct udxg_sync *const *syncs)
{
    struct cpu_wait *cpu;
    int event_fd;
    udxg_status status = dup_event(args->hAsyncEvent, &event_fd);

    if (udxg_failed(status)) return status;
    status = make_cpu_wait(args, syncs, event_fd, &cpu);
    if (udxg_failed(status)) {
        if (event_fd >= 0) close(event_fd);
        return status;
    }
    udxg_wait_start(&cpu->wait);
    if (event_fd < 0) {
        sleep_until_over(cpu);
        /* A fence that was destroyed has not been reached, and whoever waits for it must not believe so. */
        if (atomic_load(&cpu->wait.broken)) status = STATUS_INVALID_PARAMETER;
    }
    udxg_wait_unref(&cpu->wait);
    return status;
}

udxg_status thunk_WaitForSynchronizationObjectFromCpu(struct udxg_process *process,
                                                      D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMCPU *args)
{
    struct udxg_sync *syncs[UDXG_MAX_SYNC_OBJECTS];
    struct udxg_device *device;
    udxg_status status = udxg_device_get(process, args->hDevice, &device);

    if (udxg_failed(status)) return status;
    udxg_device_put(device); /* not pinned while it sleeps: destroying the device ends the wait */
    status = get_waitable(process, args, syncs);
    if (udxg_failed(status)) return status;
    status = wait_for(args, syncs);
    unref_all(args->ObjectCount, syncs);
    return status;
}
