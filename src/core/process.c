/* SPDX-License-Identifier: MIT */
/*
 * Processes. The handle table's release callbacks are what destroys objects: by a call, by the end of a
 * device, or by the end of the process, it is the same way.
 */
#include "core/process.h"

#include <stdlib.h>

#include "base/os.h"
#include "core/allocation.h"
#include "core/device.h"
#include "core/handlers.h"
#include "core/keyed_mutex.h"
#include "core/priority_class.h"
#include "core/resource.h"
#include "core/sync.h"

static void adapter_release(void *era)
{
    (void)era; /* it lives as long as the kernel */
}

const struct udxg_foreign *udxg_process_memory(const struct udxg_process *process)
{
    static const struct udxg_foreign here = UDXG_FOREIGN_HERE;

    return process->endpoint ? &process->endpoint->memory : &here;
}

udxg_status udxg_process_create(struct udxg_kernel *kernel, const struct udxg_endpoint *endpoint,
                                struct udxg_process **ret_process)
{
    struct udxg_process *process = calloc(1, sizeof *process);
    udxg_status status;

    if (!process) return STATUS_NO_MEMORY;
    process->kernel = kernel;
    process->endpoint = endpoint;
    process->pid = endpoint ? endpoint->pid : udxg_os_pid();
    process->owner = endpoint ? endpoint->uid : UDXG_OWNER_HERE;
    status = udxg_account_create(endpoint ? endpoint->limits : NULL, &process->account);
    if (!udxg_failed(status)) status = udxg_handle_table_init(&process->handles);
    if (udxg_failed(status)) {
        udxg_account_unref(process->account);
        free(process);
        return status;
    }
    if (process->account) udxg_handle_table_limit(&process->handles, endpoint->limits->handles);
    process->handles.release[UDXG_HANDLE_ADAPTER] = adapter_release;
    process->handles.release[UDXG_HANDLE_DEVICE] = udxg_device_release;
    process->handles.release[UDXG_HANDLE_RESOURCE] = udxg_resource_release;
    process->handles.release[UDXG_HANDLE_ALLOCATION] = udxg_allocation_release;
    process->handles.release[UDXG_HANDLE_CONTEXT] = udxg_context_release;
    process->handles.release[UDXG_HANDLE_HW_QUEUE] = udxg_hw_queue_release;
    process->handles.release[UDXG_HANDLE_PAGING_QUEUE] = udxg_paging_queue_release;
    process->handles.release[UDXG_HANDLE_SYNC] = udxg_sync_release;
    process->handles.release[UDXG_HANDLE_KEYED_MUTEX] = udxg_keyed_mutex_release;
    udxg_stalls_init(&process->stalls);
    udxg_registrations_init(&process->registrations);
    udxg_mutex_init_PROCESS(&process->lock);
    vidmm_windows_init(&process->windows, endpoint != NULL);
    udxg_priority_class_init(process);
    udxg_registry_add(process);
    *ret_process = process;
    return STATUS_SUCCESS;
}

void udxg_process_adapter_ref(struct udxg_process_adapter *pa)
{
    atomic_fetch_add(&pa->refs, 1);
}

void udxg_process_adapter_unref(struct udxg_process_adapter *pa)
{
    if (atomic_fetch_sub(&pa->refs, 1) != 1) return;
    udxg_fence_pages_fini(&pa->fences);
    udxg_sections_fini(&pa->sections);
    udxg_slab_fini(&pa->births);
    udxg_slab_fini(&pa->openings);
    if (pa->vidmm) vidmm_process_destroy(pa->vidmm);
    udxg_account_unref(pa->account);
    free(pa);
}

static void fail_device(uint32_t handle, void *object, void *user)
{
    (void)handle;
    (void)user;
    udxg_device_fail(object, D3DKMT_DEVICEEXECUTION_STOPPED, NULL);
}

void udxg_process_cancel(struct udxg_process *process)
{
    udxg_stalls_cancel(&process->stalls);
    udxg_handle_for_each(&process->handles, UDXG_HANDLE_DEVICE, fail_device, NULL);
}

static void close_device(uint32_t handle, void *object, void *user)
{
    struct udxg_process *process = user;
    (void)object;
    (void)udxg_device_close(process, handle);
}

void udxg_process_destroy(struct udxg_process *process)
{
    /* In error before they go: other processes may be waiting for work that will not be done. */
    udxg_process_cancel(process);
    udxg_registry_remove(process);
    /* Devices first: what hangs on one goes with it, in the order that needs. */
    udxg_handle_for_each(&process->handles, UDXG_HANDLE_DEVICE, close_device, process);
    udxg_handle_table_fini(&process->handles);
    for (uint32_t i = 0; i < UDXG_KERNEL_ADAPTERS; i++) {
        struct udxg_process_adapter *pa = atomic_load(&process->adapters[i]);
        if (pa) udxg_process_adapter_unref(pa);
    }
    udxg_registrations_fini(&process->registrations);
    udxg_stalls_fini(&process->stalls);
    vidmm_windows_fini(&process->windows);
    udxg_account_unref(process->account);
    udxg_mutex_fini_PROCESS(&process->lock);
    free(process);
}

udxg_status udxg_process_event_get(struct udxg_process_adapter *pa, HANDLE event, int *ret_fd)
{
    udxg_status status = udxg_account_charge(pa->account, UDXG_CHARGE_DESCRIPTORS, 1);

    if (udxg_failed(status)) return status;
    status = STATUS_NO_MEMORY;
    if (atomic_fetch_add(&pa->events, 1) < UDXG_MAX_EVENTS) status = udxg_os_event_dup((intptr_t)event, ret_fd);
    if (!udxg_failed(status)) return status;
    atomic_fetch_sub(&pa->events, 1);
    udxg_account_discharge(pa->account, UDXG_CHARGE_DESCRIPTORS, 1);
    return status;
}

void udxg_process_event_put(struct udxg_process_adapter *pa, int fd)
{
    if (fd < 0) return;
    udxg_os_close(fd);
    atomic_fetch_sub(&pa->events, 1);
    udxg_account_discharge(pa->account, UDXG_CHARGE_DESCRIPTORS, 1);
}

static udxg_status process_adapter_create(struct udxg_process *process, struct udxg_adapter *adapter,
                                          struct udxg_process_adapter **ret_pa)
{
    struct udxg_process_adapter *pa = calloc(1, sizeof *pa);
    udxg_status status;

    if (!pa) return STATUS_NO_MEMORY;
    status = vidmm_process_create(adapter->vidmm, udxg_process_memory(process), &pa->vidmm);
    if (!udxg_failed(status)) status = vidmm_process_show(pa->vidmm, &process->windows);
    if (udxg_failed(status)) {
        if (pa->vidmm) vidmm_process_destroy(pa->vidmm);
        free(pa);
        return status;
    }
    atomic_init(&pa->refs, 1);
    pa->adapter = adapter;
    pa->account = udxg_account_ref(process->account);
    udxg_sections_init(&pa->sections, pa->account);
    udxg_fence_pages_init(&pa->fences, pa->vidmm, &process->windows);
    udxg_slab_init(&pa->births, sizeof(struct udxg_birth));
    udxg_slab_init(&pa->openings, sizeof(struct udxg_allocation));
    *ret_pa = pa;
    return STATUS_SUCCESS;
}

bool udxg_process_may_disturb(const struct udxg_process *process)
{
    return !process->endpoint || process->kernel->clients_disturb;
}

udxg_status udxg_process_adapter_get(struct udxg_process *process, struct udxg_adapter *adapter,
                                     struct udxg_process_adapter **ret)
{
    struct udxg_process_adapter *pa = atomic_load_explicit(&process->adapters[adapter->index], memory_order_acquire);
    udxg_status status = STATUS_SUCCESS;
    bool made = false;

    if (!pa) {
        udxg_lock(PROCESS, &process->lock);
        pa = atomic_load(&process->adapters[adapter->index]);
        if (!pa) {
            status = process_adapter_create(process, adapter, &pa);
            made = !udxg_failed(status);
            if (made) atomic_store_explicit(&process->adapters[adapter->index], pa, memory_order_release);
        }
        udxg_unlock(PROCESS, &process->lock);
        if (made) udxg_priority_class_apply(process, pa);
    }
    if (!udxg_failed(status)) *ret = pa;
    return status;
}
