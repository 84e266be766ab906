/* SPDX-License-Identifier: MIT */
/*
 * Waits and signals of the CPU: of monitored fences, by a thread that sleeps or with an eventfd. A thread holds no
 * lock and pins nothing while it sleeps, so that what it waits for, and the device it waits by, can be destroyed.
 * No lock of its own.
 */
#include <stdlib.h>

#include "abi/thunk.h"
#include "base/os.h"
#include "core/handlers.h"
#include "core/sync.h"

/* Monitored fences that the CPU may see. */
static udxg_status check_types(uint32_t count, struct udxg_sync *const *syncs)
{
    for (uint32_t i = 0; i < count; i++)
        if (!udxg_sync_is_monitored(syncs[i]) || syncs[i]->intra_gpu) return STATUS_INVALID_PARAMETER;
    return STATUS_SUCCESS;
}

static udxg_status get_fences(struct udxg_process *process, uint32_t count, const D3DKMT_HANDLE *handles,
                              enum udxg_sync_use use, struct udxg_sync **ret_syncs)
{
    udxg_status status = udxg_syncs_get(process, count, handles, use, ret_syncs);

    if (udxg_failed(status)) return status;
    status = check_types(count, ret_syncs);
    if (udxg_failed(status)) udxg_syncs_put(count, ret_syncs);
    return status;
}

/* ---- signals ---- */

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

    for (uint32_t i = 0; i < count && !rewind; i++)
        if (values[i] < value_before(i, syncs, values)) return STATUS_INVALID_PARAMETER;
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
    status = get_fences(process, args->ObjectCount, args->ObjectHandleArray, UDXG_SYNC_SIGNAL, syncs);
    if (udxg_failed(status)) return status;
    status = signal_all(args->ObjectCount, syncs, args->FenceValueArray, args->Flags.AllowFenceRewind);
    udxg_syncs_put(args->ObjectCount, syncs);
    return status;
}

/* ---- waits ---- */

struct cpu_wait {
    _Atomic uint32_t over; /* a thread sleeps on it */
    int event_fd;          /* the client's event, our descriptor; -1: a thread sleeps */
    struct udxg_wait wait;
};

static void cpu_wait_free(struct udxg_wait *wait)
{
    struct cpu_wait *cpu = udxg_container_of(wait, struct cpu_wait, wait);

    udxg_os_close(cpu->event_fd);
    free(cpu);
}

/* The wait outlives it: the thread may be gone by the time it would have been woken. */
static bool wake_thread(struct udxg_wait *wait)
{
    struct cpu_wait *cpu = udxg_container_of(wait, struct cpu_wait, wait);

    atomic_store(&cpu->over, 1);
    udxg_os_futex_wake(&cpu->over);
    return true;
}

static bool signal_event(struct udxg_wait *wait)
{
    struct cpu_wait *cpu = udxg_container_of(wait, struct cpu_wait, wait);

    udxg_os_event_signal(cpu->event_fd);
    udxg_wait_cancel(wait); /* WaitAny: the others */
    return true;
}

static udxg_status make_wait(const D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMCPU *args, struct udxg_sync *const *syncs,
                             int event_fd, struct cpu_wait **ret_cpu)
{
    static const struct udxg_wait_ops sleeping = {wake_thread, cpu_wait_free},
                                      with_event = {signal_event, cpu_wait_free};
    struct cpu_wait *cpu = malloc(udxg_wait_bytes(offsetof(struct cpu_wait, wait), args->ObjectCount));

    if (!cpu) return STATUS_NO_MEMORY;
    atomic_init(&cpu->over, 0);
    cpu->event_fd = event_fd;
    udxg_wait_init(&cpu->wait, args->ObjectCount, syncs, args->FenceValueArray, args->Flags.WaitAny, NULL,
                   event_fd >= 0 ? &with_event : &sleeping);
    *ret_cpu = cpu;
    return STATUS_SUCCESS;
}

/* A fence that was destroyed has not been reached, and whoever waits for it must not believe so. */
static udxg_status sleep_until_over(struct cpu_wait *cpu)
{
    while (!atomic_load(&cpu->over)) udxg_os_futex_wait(&cpu->over, 0);
    udxg_wait_cancel(&cpu->wait);
    return atomic_load(&cpu->wait.broken) ? STATUS_INVALID_PARAMETER : STATUS_SUCCESS;
}

/* Our own descriptor of the client's event, which the client may close; -1 for none. */
static udxg_status dup_event(HANDLE event, int *ret_fd)
{
    *ret_fd = -1;
    return event ? udxg_os_event_dup((intptr_t)event, ret_fd) : STATUS_SUCCESS;
}

static udxg_status wait_for(const D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMCPU *args, struct udxg_sync *const *syncs)
{
    struct cpu_wait *cpu;
    int event_fd;
    udxg_status status = dup_event(args->hAsyncEvent, &event_fd);

    if (udxg_failed(status)) return status;
    status = make_wait(args, syncs, event_fd, &cpu);
    if (udxg_failed(status)) {
        udxg_os_close(event_fd);
        return status;
    }
    udxg_wait_start(&cpu->wait);
    if (event_fd < 0) status = sleep_until_over(cpu);
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
    status = get_fences(process, args->ObjectCount, args->ObjectHandleArray, UDXG_SYNC_WAIT, syncs);
    if (udxg_failed(status)) return status;
    status = wait_for(args, syncs);
    udxg_syncs_put(args->ObjectCount, syncs);
    return status;
}
