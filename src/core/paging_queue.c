/* SPDX-License-Identifier: MIT */
/*
 * Paging queues, and the calls that go through them: residency and GPU addresses; property.c has another. A queue is
 * vidmm's ordered list of operations, with a monitored fence that clients watch.
 */
#include "core/paging_queue.h"

#include <stdlib.h>

#include "abi/thunk.h"
#include "base/cleanup.h"
#include "core/allocation.h"
#include "core/handlers.h"
#include "core/offer.h"
#include "core/sync.h"

/* Operations up to VALUE are done. */
static void queue_completed(void *user, uint64_t value)
{
    struct udxg_paging_queue *queue = user;
    udxg_sync_store(queue->sync, value);
}

static void queue_destroy(struct udxg_paging_queue *queue)
{
    udxg_account_discharge(queue->account, UDXG_CHARGE_PAGING_QUEUES, 1);
    if (queue->vidmm) vidmm_queue_destroy(queue->vidmm);
    udxg_sync_unref(queue->sync);
    free(queue);
}

static udxg_status queue_create(struct udxg_device *device, int priority, struct udxg_paging_queue **ret_queue)
{
    /* Nobody signals it but us, also when the device is in error: paging goes on. */
    D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS flags = {.NoSignal = 1, .NoSignalMaxValueOnTdr = 1};
    struct udxg_paging_queue *queue = calloc(1, sizeof *queue);
    udxg_status status;

    if (!queue) return STATUS_NO_MEMORY;
    status = udxg_account_charge(device->pa->account, UDXG_CHARGE_PAGING_QUEUES, 1);
    if (udxg_failed(status)) {
        free(queue);
        return status;
    }
    queue->account = device->pa->account;
    status = udxg_sync_create(device, flags, 0, &queue->sync);
    if (!udxg_failed(status))
        status = vidmm_queue_create(&device->vidmm, priority, queue_completed, queue, &queue->vidmm);
    if (udxg_failed(status)) {
        queue_destroy(queue);
        return status;
    }
    udxg_sync_expect(queue->sync);
    *ret_queue = queue;
    return STATUS_SUCCESS;
}

void udxg_paging_queue_release(void *object)
{
    struct udxg_paging_queue *queue = object;
    struct udxg_device *device = queue->child.device;
    uint32_t sync_handle;

    /* What is queued is done first, so that whoever waits for it gets it; then the fence goes. */
    vidmm_queue_destroy(udxg_steal(queue->vidmm));
    udxg_sync_expect_no_more(queue->sync);
    sync_handle = udxg_device_child_handle(&queue->sync->first.child); /* 0 when the client has closed it itself */
    if (sync_handle) udxg_handle_close(&device->process->handles, sync_handle, UDXG_HANDLE_SYNC);
    udxg_device_unlink_child(&queue->child);
    queue_destroy(queue);
    udxg_device_unref(device);
}

udxg_status udxg_paging_queue_get(struct udxg_process *process, uint32_t handle, struct udxg_paging_queue **ret_queue)
{
    struct udxg_paging_queue *queue = udxg_handle_get(&process->handles, handle, UDXG_HANDLE_PAGING_QUEUE);

    if (!queue) return STATUS_INVALID_PARAMETER;
    if (udxg_device_is_removed(queue->child.device)) {
        udxg_handle_put(&process->handles, handle);
        return STATUS_DEVICE_REMOVED;
    }
    *ret_queue = queue;
    return STATUS_SUCCESS;
}

void udxg_paging_queue_put(struct udxg_paging_queue *queue)
{
    udxg_handle_put(&queue->child.device->process->handles, queue->child.handle);
}

static bool is_queue_priority(D3DDDI_PAGINGQUEUE_PRIORITY priority)
{
    return priority >= D3DDDI_PAGINGQUEUE_PRIORITY_BELOW_NORMAL && priority <= D3DDDI_PAGINGQUEUE_PRIORITY_ABOVE_NORMAL;
}

udxg_status thunk_CreatePagingQueue(struct udxg_process *process, D3DKMT_CREATEPAGINGQUEUE *args)
{
    struct udxg_paging_queue *queue;
    struct udxg_device *device;
    uint32_t handles[2]; /* the queue, its fence */
    udxg_status status = udxg_device_get(process, args->hDevice, &device);

    if (udxg_failed(status)) return status;
    status = is_queue_priority(args->Priority) && args->PhysicalAdapterIndex == 0
                 ? udxg_handle_reserve(&process->handles, 2, handles)
                 : STATUS_INVALID_PARAMETER;
    if (!udxg_failed(status)) {
        status = queue_create(device, args->Priority, &queue);
        if (udxg_failed(status)) udxg_handle_cancel(&process->handles, 2, handles);
    }
    if (!udxg_failed(status)) {
        queue->child.handle = args->hPagingQueue = handles[0];
        args->hSyncObject = handles[1];
        args->FenceValueCPUVirtualAddress = (void *)queue->sync->slot.cpu;
        udxg_device_add_child(device, UDXG_HANDLE_PAGING_QUEUE, &queue->child);
        udxg_sync_ref(queue->sync); /* the handle's; the queue keeps its own */
        udxg_sync_publish(queue->sync, handles[1]);
        udxg_handle_publish(&process->handles, handles[0], UDXG_HANDLE_PAGING_QUEUE, queue);
    }
    udxg_device_put(device);
    return status;
}

udxg_status thunk_DestroyPagingQueue(struct udxg_process *process, D3DDDI_DESTROYPAGINGQUEUE *args)
{
    return udxg_handle_close(&process->handles, args->hPagingQueue, UDXG_HANDLE_PAGING_QUEUE)
               ? STATUS_SUCCESS
               : STATUS_INVALID_PARAMETER;
}

/* ---- residency ---- */

udxg_status thunk_MakeResident(struct udxg_process *process, D3DDDI_MAKERESIDENT *args)
{
    struct udxg_paging_queue *queue;
    struct udxg_pinned pinned;
    udxg_status status;

    if (args->Flags.MustSucceed && !args->Flags.CantTrimFurther) return STATUS_INVALID_PARAMETER;
    if (args->NumAllocations) udxg_handle_prefetch(&process->handles, args->AllocationList[0]);
    status = udxg_paging_queue_get(process, args->hPagingQueue, &queue);
    if (udxg_failed(status)) return status;
    status = udxg_pin(queue->child.device, args->NumAllocations, args->AllocationList, &pinned);
    if (!udxg_failed(status)) {
        if (vidmm_make_resident_again(&queue->child.device->vidmm, pinned.count, pinned.holds))
            args->PagingFenceValue = args->NumBytesToTrim = 0;
        else
            status = vidmm_make_resident(queue->vidmm, pinned.count, pinned.bindings, args->Flags.Value,
                                         &args->PagingFenceValue, &args->NumBytesToTrim);
        udxg_unpin(&pinned);
        if (udxg_failed(status)) args->NumAllocations = 0;
        if (status == STATUS_NO_MEMORY && args->Flags.MustSucceed)
            udxg_device_fail(queue->child.device, D3DKMT_DEVICEEXECUTION_ERROR_OUTOFMEMORY, NULL);
    }
    udxg_paging_queue_put(queue);
    return status;
}

udxg_status thunk_Evict(struct udxg_process *process, D3DKMT_EVICT *args)
{
    struct udxg_device *device;
    struct udxg_pinned pinned;
    udxg_status status = udxg_device_get(process, args->hDevice, &device);

    if (udxg_failed(status)) return status;
    status = udxg_pin(device, args->NumAllocations, args->AllocationList, &pinned);
    if (!udxg_failed(status)) {
        status = vidmm_evict(&device->vidmm, pinned.count, pinned.bindings, args->Flags.Value, &args->NumBytesToTrim);
        udxg_unpin(&pinned);
    }
    udxg_device_put(device);
    return status;
}

udxg_status thunk_ReclaimAllocations2(struct udxg_process *process, D3DKMT_RECLAIMALLOCATIONS2 *args)
{
    struct udxg_named named = {args->pResources, args->HandleList, args->NumAllocations};
    struct udxg_paging_queue *queue;
    udxg_status status = udxg_paging_queue_get(process, args->hPagingQueue, &queue);

    if (udxg_failed(status)) return status;
    status = udxg_offer_take_back(queue->child.device, queue->vidmm, &named, args->pResults, &args->PagingFenceValue);
    udxg_paging_queue_put(queue);
    return status;
}

/* ---- GPU addresses ---- */

/* A process's memory on the adapter behind an adapter handle. */
static udxg_status process_of_adapter(struct udxg_process *process, uint32_t handle, struct vidmm_process **ret)
{
    struct udxg_process_adapter *pa;
    struct udxg_adapter *adapter;
    udxg_status status = udxg_adapter_get(process, handle, &adapter);

    if (udxg_failed(status)) return status;
    status = udxg_process_adapter_get(process, adapter, &pa);
    if (!udxg_failed(status)) *ret = pa->vidmm;
    return status;
}

/* The same for either a paging queue or an adapter: ReserveGpuVirtualAddress takes both. */
static udxg_status process_of_queue_or_adapter(struct udxg_process *process, uint32_t handle,
                                               struct vidmm_process **ret)
{
    struct udxg_paging_queue *queue;
    udxg_status status = udxg_paging_queue_get(process, handle, &queue);

    if (status == STATUS_INVALID_PARAMETER) return process_of_adapter(process, handle, ret);
    if (udxg_failed(status)) return status;
    *ret = queue->child.device->pa->vidmm; /* lives as long as the process does */
    udxg_paging_queue_put(queue);
    return STATUS_SUCCESS;
}

udxg_status thunk_ReserveGpuVirtualAddress(struct udxg_process *process, D3DDDI_RESERVEGPUVIRTUALADDRESS *args)
{
    struct vidmm_process *vidmm;
    udxg_status status;

    if (args->ReservationType != D3DDDIGPUVIRTUALADDRESS_RESERVE_NO_ACCESS &&
        args->ReservationType != D3DDDIGPUVIRTUALADDRESS_RESERVE_ZERO)
        return STATUS_INVALID_PARAMETER;
    status = process_of_queue_or_adapter(process, args->hPagingQueue, &vidmm);
    if (udxg_failed(status)) return status;
    args->PagingFenceValue = 0; /* done */
    return vidmm_va_reserve(vidmm, args->BaseAddress, args->MinimumAddress, args->MaximumAddress, args->Size,
                            args->ReservationType == D3DDDIGPUVIRTUALADDRESS_RESERVE_ZERO ? VIDMM_VA_ZERO
                                                                                          : VIDMM_VA_NO_ACCESS,
                            &args->VirtualAddress);
}

static uint32_t protection_of(D3DDDIGPUVIRTUALADDRESS_PROTECTION_TYPE protection)
{
    return (protection.Write ? VIDMM_VA_WRITE : 0u) | (protection.Execute ? VIDMM_VA_EXECUTE : 0u) |
           (protection.Zero ? VIDMM_VA_PROTECT_ZERO : 0u) | (protection.NoAccess ? VIDMM_VA_PROTECT_NO_ACCESS : 0u);
}

udxg_status thunk_MapGpuVirtualAddress(struct udxg_process *process, D3DDDI_MAPGPUVIRTUALADDRESS *args)
{
    struct vidmm_va_map map = {
        .base = args->BaseAddress,
        .minimum = args->MinimumAddress,
        .maximum = args->MaximumAddress,
        .offset_pages = args->OffsetInPages,
        .size_pages = args->SizeInPages,
        .protection = protection_of(args->Protection),
    };
    struct udxg_allocation *allocation = NULL;
    struct udxg_paging_queue *queue;
    udxg_status status;

    if (args->Protection.SystemUseOnly) return STATUS_INVALID_PARAMETER;
    status = udxg_paging_queue_get(process, args->hPagingQueue, &queue);
    if (udxg_failed(status)) return status;
    if (args->hAllocation) {
        allocation = udxg_allocation_get(queue->child.device, args->hAllocation);
        if (allocation && !vidmm_alloc_is_gone(&allocation->memory->vidmm))
            map.binding = &allocation->vidmm;
        else
            status = STATUS_INVALID_PARAMETER;
    }
    args->PagingFenceValue = 0; /* done */
    if (!udxg_failed(status)) status = vidmm_va_map(queue->child.device->pa->vidmm, &map, &args->VirtualAddress);
    if (allocation) udxg_allocation_put(allocation);
    udxg_paging_queue_put(queue);
    return status;
}

udxg_status thunk_FreeGpuVirtualAddress(struct udxg_process *process, D3DKMT_FREEGPUVIRTUALADDRESS *args)
{
    struct vidmm_process *vidmm;
    udxg_status status = process_of_adapter(process, args->hAdapter, &vidmm);

    return udxg_failed(status) ? status : vidmm_va_free(vidmm, args->BaseAddress, args->Size);
}
