/* SPDX-License-Identifier: MIT */
/*
 * Lock and unlock, both versions. Version 2 gives the address and nothing else: no waiting, no renaming, the
 * client fences. Version 1 waits for work that was queued on the device before, unless it is told not to. Both
 * count the same locks, each opening its own, and the address is the same for the life of the allocation.
 * InvalidateCache, which goes with them on other hardware, is here too.
 */
#include "abi/thunk.h"
#include "base/os.h"
#include "core/allocation.h"
#include "core/handlers.h"
#include "core/resource.h"
#include "core/sight.h"

/* A device and one allocation of it, pinned: what most calls start with. */
static udxg_status get_pair(struct udxg_process *process, uint32_t device_handle, uint32_t allocation_handle,
                            struct udxg_device **ret_device, struct udxg_allocation **ret_allocation)
{
    udxg_status status = udxg_device_get(process, device_handle, ret_device);

    if (udxg_failed(status)) return status;
    *ret_allocation = udxg_allocation_get(*ret_device, allocation_handle);
    if (*ret_allocation) return STATUS_SUCCESS;
    udxg_device_put(*ret_device);
    return STATUS_INVALID_PARAMETER;
}

static void put_pair(struct udxg_device *device, struct udxg_allocation *allocation)
{
    udxg_allocation_put(allocation);
    udxg_device_put(device);
}

udxg_status thunk_Lock2(struct udxg_process *process, D3DKMT_LOCK2 *args)
{
    struct udxg_device *device;
    struct udxg_allocation *allocation;
    void *address;
    udxg_status status = get_pair(process, args->hDevice, args->hAllocation, &device, &allocation);

    if (udxg_failed(status)) return status;
    status = udxg_sight_check(allocation);
    if (!udxg_failed(status)) status = udxg_allocation_lock(allocation, &address);
    if (!udxg_failed(status)) args->pData = udxg_sight_address(allocation, address);
    put_pair(device, allocation);
    return status;
}

udxg_status thunk_Unlock2(struct udxg_process *process, D3DKMT_UNLOCK2 *args)
{
    struct udxg_device *device = udxg_device_find(process, args->hDevice);
    struct udxg_allocation *allocation = device ? udxg_allocation_get(device, args->hAllocation) : NULL;
    udxg_status status = STATUS_INVALID_PARAMETER;

    if (allocation) {
        status = udxg_allocation_unlock(allocation);
        udxg_allocation_put(allocation);
    }
    if (device) udxg_device_put(device);
    return status;
}

/* ---- version 1 ---- */

static udxg_status check_flags(D3DDDICB_LOCKFLAGS flags)
{
    if (flags.WriteOnly && flags.ReadOnly) return STATUS_INVALID_PARAMETER;
    if (flags.IgnoreSync && flags.AcquireAperture) return STATUS_INVALID_PARAMETER;
    if (flags.UseAlternateVA && !flags.AcquireAperture) return STATUS_INVALID_PARAMETER;
    if (flags.NoExistingReference && !flags.Discard) return STATUS_INVALID_PARAMETER;
    return STATUS_SUCCESS;
}

static udxg_status check_pages(const D3DKMT_LOCK *args, const struct udxg_allocation *allocation)
{
    if (args->Flags.LockEntire) return STATUS_SUCCESS;
    for (uint32_t i = 0; i < args->NumPages; i++)
        if (args->pPages[i] >= allocation->memory->vidmm.size_bytes / UDXG_PAGE_SIZE) return STATUS_INVALID_PARAMETER;
    return STATUS_SUCCESS;
}

static udxg_status check_lock(const D3DKMT_LOCK *args, const struct udxg_allocation *allocation)
{
    udxg_status status = check_flags(args->Flags);

    if (!udxg_failed(status)) status = check_pages(args, allocation);
    if (args->Flags.UseAlternateVA && allocation->resource && allocation->resource->shared)
        status = STATUS_INVALID_PARAMETER;
    if (!udxg_failed(status) && !(allocation->memory->vidmm.flags & UDXG_ALLOCATION_CPU_VISIBLE))
        status = STATUS_INVALID_PARAMETER;
    /* Before it waits for work, perhaps that of the offer. */
    if (!udxg_failed(status) && vidmm_alloc_is_offered(&allocation->memory->vidmm)) status = STATUS_INVALID_PARAMETER;
    return status;
}

/* Everything but the lock: checks, then what synchronisation the flags ask for, with nothing pinned afterwards. */
static udxg_status prepare_lock(struct udxg_process *process, const D3DKMT_LOCK *args)
{
    D3DDDICB_LOCKFLAGS flags = args->Flags;
    struct udxg_allocation *allocation;
    struct udxg_device *device;
    udxg_status status = get_pair(process, args->hDevice, args->hAllocation, &device, &allocation);

    if (udxg_failed(status)) return status;
    status = check_lock(args, allocation);
    atomic_fetch_add(&device->refs, 1);
    put_pair(device, allocation);
    /* Nothing is ever renamed, so Discard only takes the ways out of waiting away. */
    if (!udxg_failed(status) && (flags.Discard || !flags.IgnoreSync)) {
        if (!flags.DonotWait || flags.Discard)
            status = udxg_device_wait_queued(device);
        else if (!udxg_device_is_idle(device))
            status = STATUS_GRAPHICS_ALLOCATION_BUSY;
    }
    udxg_device_unref(device);
    return status;
}

udxg_status thunk_Lock(struct udxg_process *process, D3DKMT_LOCK *args)
{
    D3DKMT_LOCK2 lock2 = {.hDevice = args->hDevice, .hAllocation = args->hAllocation};
    udxg_status status = prepare_lock(process, args);

    if (udxg_failed(status)) return status;
    status = thunk_Lock2(process, &lock2);
    args->pData = lock2.pData;
    return status;
}

udxg_status thunk_Unlock(struct udxg_process *process, D3DKMT_UNLOCK *args)
{
    struct udxg_device *device = udxg_device_find(process, args->hDevice);
    struct udxg_pinned pinned;
    udxg_status status;

    if (!device) return STATUS_INVALID_PARAMETER;
    status = udxg_pin(device, args->NumAllocations, args->phAllocations, &pinned);
    if (!udxg_failed(status)) {
        uint32_t done = 0;
        while (done < pinned.count && !udxg_failed(status)) {
            status = udxg_allocation_unlock(pinned.allocations[done]);
            if (!udxg_failed(status)) done++;
        }
        /* All or nothing: a lock that was there a moment ago can be taken again. */
        for (void *address; udxg_failed(status) && done;)
            if (udxg_failed(udxg_allocation_lock(pinned.allocations[--done], &address))) break;
        udxg_unpin(&pinned);
    }
    udxg_device_put(device);
    return status;
}

udxg_status thunk_InvalidateCache(struct udxg_process *process, D3DKMT_INVALIDATECACHE *args)
{
    struct udxg_device *device;
    struct udxg_allocation *allocation;
    udxg_status status = get_pair(process, args->hDevice, args->hAllocation, &device, &allocation);
    uint64_t size;

    if (udxg_failed(status)) return status;
    /* Engines are processors of this machine and coherent: there is nothing to do but to check. */
    size = allocation->memory->vidmm.size_bytes;
    if (args->Offset > size || args->Length > size - args->Offset) status = STATUS_INVALID_PARAMETER;
    put_pair(device, allocation);
    return status;
}
