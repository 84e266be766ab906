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

enum over { NOT_OVER, ALL_THERE, DEVICE_GONE, CANCELLED };

struct cpu_wait {
    _Atomic uint32_t over;           /* enum over, set once; a thread sleeps on it */
    int event_fd;                    /* the client's event, our descriptor; -1: a thread sleeps */
    struct udxg_process_adapter *pa; /* referenced: where the event counts */
    struct udxg_stall stall;
    struct udxg_wait wait;
};

static void cpu_wait_free(struct udxg_wait *wait)
{
    struct cpu_wait *cpu = udxg_container_of(wait, struct cpu_wait, wait);

    udxg_stall_end(&cpu->stall);
    udxg_process_event_put(cpu->pa, cpu->event_fd);
    udxg_process_adapter_unref(cpu->pa);
    free(cpu);
}

/* False when it was over before. */
static bool end(struct cpu_wait *cpu, enum over over)
{
    uint32_t not_over = NOT_OVER;

    return atomic_compare_exchange_strong(&cpu->over, &not_over, over);
}

static enum over over_of(udxg_status why)
{
    return why == STATUS_DEVICE_REMOVED ? CANCELLED : DEVICE_GONE;
}

/* The wait outlives it: the thread may be gone by the time it would have been woken. */
static bool wake_thread(struct udxg_wait *wait)
{
    struct cpu_wait *cpu = udxg_container_of(wait, struct cpu_wait, wait);

    if (end(cpu, ALL_THERE)) udxg_os_futex_wake(&cpu->over);
    return true;
}

static void end_sleep(struct udxg_stall *stall, udxg_status why)
{
    struct cpu_wait *cpu = udxg_container_of(stall, struct cpu_wait, stall);

    if (end(cpu, over_of(why))) udxg_os_futex_wake(&cpu->over);
}

static bool signal_event(struct udxg_wait *wait)
{
    struct cpu_wait *cpu = udxg_container_of(wait, struct cpu_wait, wait);

    if (end(cpu, ALL_THERE)) udxg_os_event_signal(cpu->event_fd);
    udxg_wait_cancel(wait); /* WaitAny: the others */
    return true;
}

static bool hold(struct udxg_stall *stall)
{
    return udxg_wait_try_ref(&udxg_container_of(stall, struct cpu_wait, stall)->wait);
}

/* The event says that it is over, as it does for a fence that is destroyed; of a process that ends nobody looks. */
static void end_event_wait(struct udxg_stall *stall, udxg_status why)
{
    struct cpu_wait *cpu = udxg_container_of(stall, struct cpu_wait, stall);

    if (end(cpu, over_of(why)) && why != STATUS_DEVICE_REMOVED) udxg_os_event_signal(cpu->event_fd);
    udxg_wait_cancel(&cpu->wait);
    udxg_wait_unref(&cpu->wait);
}

/* Takes EVENT_FD on success. */
static udxg_status make_wait(const D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMCPU *args, struct udxg_device *device,
                             struct udxg_sync *const *syncs, int event_fd, struct cpu_wait **ret_cpu)
{
    static const struct udxg_wait_ops sleeping = {wake_thread, cpu_wait_free},
                                      with_event = {signal_event, cpu_wait_free};
    struct cpu_wait *cpu = malloc(udxg_wait_bytes(offsetof(struct cpu_wait, wait), args->ObjectCount));
    bool sleeps = event_fd < 0;

    if (!cpu) return STATUS_NO_MEMORY;
    atomic_init(&cpu->over, NOT_OVER);
    cpu->event_fd = event_fd;
    cpu->pa = device->pa;
    udxg_process_adapter_ref(cpu->pa);
    cpu->stall = (struct udxg_stall){.device = device, .wake = sleeps ? end_sleep : end_event_wait};
    if (!sleeps) cpu->stall.hold = hold;
    udxg_wait_init(&cpu->wait, args->ObjectCount, syncs, args->FenceValueArray, args->Flags.WaitAny, NULL,
                   sleeps ? &sleeping : &with_event);
    *ret_cpu = cpu;
    return STATUS_SUCCESS;
}

/* With an event; it is begun, and ends by itself. */
static udxg_status begin_with_event(struct udxg_process *process, struct cpu_wait *cpu)
{
    if (!udxg_stall_begin(&process->stalls, &cpu->stall)) return STATUS_DEVICE_REMOVED;
    udxg_wait_start(&cpu->wait);
    return STATUS_SUCCESS;
}

/* Whoever ends the device now, which is pinned, finds the thread on the list. */
static udxg_status begin_to_sleep(struct udxg_process *process, struct cpu_wait *cpu)
{
    udxg_wait_start(&cpu->wait);
    if (atomic_load(&cpu->over) || udxg_stall_begin(&process->stalls, &cpu->stall)) return STATUS_SUCCESS;
    return atomic_load(&cpu->over) ? STATUS_SUCCESS : STATUS_DEVICE_REMOVED;
}

/* A fence that was destroyed has not been reached, and whoever waits for it must not believe so. */
static udxg_status sleep_until_over(struct cpu_wait *cpu)
{
    while (!atomic_load(&cpu->over)) udxg_os_futex_wait(&cpu->over, NOT_OVER);
    udxg_stall_end(&cpu->stall);
    if (atomic_load(&cpu->over) == CANCELLED) return STATUS_DEVICE_REMOVED;
    if (atomic_load(&cpu->over) == DEVICE_GONE) return STATUS_INVALID_PARAMETER;
    return udxg_wait_is_satisfied(&cpu->wait) ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}

/* On a pinned device. *RET_CPU is what a thread is to sleep on, a reference; NULL: it need not. */
static udxg_status begin(struct udxg_process *process, struct udxg_device *device,
                         const D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMCPU *args, struct udxg_sync *const *syncs,
                         struct cpu_wait **ret_cpu)
{
    struct cpu_wait *cpu;
    int event_fd = -1;
    udxg_status status = STATUS_SUCCESS;

    if (args->hAsyncEvent) status = udxg_process_event_get(device->pa, args->hAsyncEvent, &event_fd);
    if (udxg_failed(status)) return status;
    status = make_wait(args, device, syncs, event_fd, &cpu);
    if (udxg_failed(status)) {
        udxg_process_event_put(device->pa, event_fd);
        return status;
    }
    status = event_fd < 0 ? begin_to_sleep(process, cpu) : begin_with_event(process, cpu);
    *ret_cpu = NULL;
    if (!udxg_failed(status) && event_fd < 0) {
        *ret_cpu = cpu;
        return STATUS_SUCCESS;
    }
    if (event_fd < 0) udxg_wait_cancel(&cpu->wait);
    udxg_wait_unref(&cpu->wait);
    return status;
}

udxg_status thunk_WaitForSynchronizationObjectFromCpu(struct udxg_process *process,
                                                      D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMCPU *args)
{
    struct udxg_sync *syncs[UDXG_MAX_SYNC_OBJECTS];
    struct cpu_wait *cpu = NULL;
    struct udxg_device *device;
    udxg_status status = udxg_device_get(process, args->hDevice, &device);

    if (udxg_failed(status)) return status;
    status = get_fences(process, args->ObjectCount, args->ObjectHandleArray, UDXG_SYNC_WAIT, syncs);
    if (!udxg_failed(status)) {
        status = begin(process, device, args, syncs, &cpu);
        udxg_syncs_put(args->ObjectCount, syncs);
    }
    udxg_device_put(device); /* not pinned while it sleeps: destroying the device ends the wait */
    if (!cpu) return status;
    status = sleep_until_over(cpu);
    udxg_wait_cancel(&cpu->wait);
    udxg_wait_unref(&cpu->wait);
    return status;
}
