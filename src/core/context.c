/* SPDX-License-Identifier: MIT */
/*
 * Contexts: how they are made, what is submitted to them, their priorities. What becomes of what was submitted is the
 * business of their lanes (core/lane.h). No lock of its own.
 */
#include "core/context.h"

#include <stdlib.h>

#include "abi/thunk.h"
#include "base/cleanup.h"
#include "core/allocation.h"
#include "core/handlers.h"
#include "core/hw_queue.h"

/* ---- life ---- */

static void context_destroy(struct udxg_lane *lane)
{
    const struct udxg_adapter *adapter = lane->child.device->adapter;
    struct udxg_context *context = udxg_container_of(lane, struct udxg_context, lane);

    adapter->miniport->destroy_context(adapter->mp_adapter, lane->mp_context);
    atomic_fetch_sub_explicit(&lane->child.device->pa->contexts, 1, memory_order_relaxed);
    udxg_account_discharge(lane->child.device->pa->account, UDXG_CHARGE_CONTEXTS, 1);
    udxg_device_remove_child(&lane->child);
    udxg_companion_unref(atomic_load(&context->companion));
    free(context);
}

udxg_status udxg_context_get(struct udxg_process *process, uint32_t handle, struct udxg_context **ret_context)
{
    struct udxg_context *context = udxg_handle_get(&process->handles, handle, UDXG_HANDLE_CONTEXT);

    if (!context) return STATUS_INVALID_PARAMETER;
    if (udxg_device_is_removed(context->lane.child.device)) {
        udxg_context_put(context);
        return STATUS_DEVICE_REMOVED;
    }
    *ret_context = context;
    return STATUS_SUCCESS;
}

void udxg_context_put(struct udxg_context *context)
{
    udxg_handle_put(&context->lane.child.device->process->handles, context->lane.child.handle);
}

/* What the miniport and the engine have to say. */
static udxg_status prepare(struct udxg_context *context, struct udxg_device *device,
                           const struct udxg_context_desc *desc)
{
    struct udxg_adapter *adapter = device->adapter;
    udxg_status status;

    if (desc->node >= adapter->caps.node_count || desc->engine_affinity > 1) return STATUS_INVALID_PARAMETER;
    context->lane.engine = &adapter->engines[desc->node];
    status = udxg_watchdog_start(&adapter->watchdog);
    if (!udxg_failed(status)) status = udxg_engine_start(context->lane.engine);
    if (!udxg_failed(status)) status = udxg_account_charge(device->pa->account, UDXG_CHARGE_CONTEXTS, 1);
    if (udxg_failed(status)) return status;
    status = adapter->miniport->create_context(adapter->mp_adapter, device->mp_device, desc->node, desc->private_data,
                                               desc->private_data_bytes, &context->lane.mp_context);
    if (udxg_failed(status)) udxg_account_discharge(device->pa->account, UDXG_CHARGE_CONTEXTS, 1);
    return status;
}

udxg_status udxg_context_create(struct udxg_process *process, const struct udxg_context_desc *desc,
                                uint32_t *ret_handle)
{
    UDXG_AUTO_FREE struct udxg_context *context = calloc(1, sizeof *context);
    struct udxg_device *device;
    udxg_status status;
    uint32_t handle;

    if (!context) return STATUS_NO_MEMORY;
    status = udxg_device_get(process, desc->device, &device);
    if (udxg_failed(status)) return status;
    status = udxg_handle_reserve(&process->handles, 1, &handle);
    if (!udxg_failed(status)) {
        status = prepare(context, device, desc);
        if (udxg_failed(status)) udxg_handle_cancel(&process->handles, 1, &handle);
    }
    if (!udxg_failed(status)) {
        context->hw_queues = desc->hw_queues;
        context->lane.destroy = context_destroy;
        context->lane.null_rendering = desc->null_rendering;
        context->lane.no_timeout = desc->no_timeout || device->no_timeout;
        udxg_lane_init(&context->lane);
        context->lane.child.handle = *ret_handle = handle;
        udxg_device_add_child(device, UDXG_HANDLE_CONTEXT, &context->lane.child);
        atomic_fetch_add_explicit(&device->pa->contexts, 1, memory_order_relaxed);
        udxg_handle_publish(&process->handles, handle, UDXG_HANDLE_CONTEXT, udxg_steal(context));
    }
    udxg_device_put(device);
    return status;
}

void udxg_context_release(void *object)
{
    struct udxg_context *context = object;

    if (context->hw_queues) udxg_hw_queues_drain(context);
    udxg_companion_close(atomic_load(&context->companion));
    udxg_lane_close(&context->lane);
}

udxg_status thunk_CreateContextVirtual(struct udxg_process *process, D3DKMT_CREATECONTEXTVIRTUAL *args)
{
    struct udxg_context_desc desc = {
        .device = args->hDevice,
        .node = args->NodeOrdinal,
        .engine_affinity = args->EngineAffinity,
        .null_rendering = args->Flags.NullRendering,
        .no_timeout = args->Flags.DisableGpuTimeout,
        .hw_queues = args->Flags.HwQueueSupported,
        .private_data = args->pPrivateDriverData,
        .private_data_bytes = args->PrivateDriverDataSize,
    };

    return udxg_context_create(process, &desc, &args->hContext);
}

udxg_status thunk_DestroyContext(struct udxg_process *process, D3DKMT_DESTROYCONTEXT *args)
{
    return udxg_handle_close(&process->handles, args->hContext, UDXG_HANDLE_CONTEXT) ? STATUS_SUCCESS
                                                                                     : STATUS_INVALID_PARAMETER;
}

/* ---- submission ---- */

udxg_status udxg_contexts_get(struct udxg_process *process, uint32_t count, const D3DKMT_HANDLE *handles,
                              struct udxg_context **ret_contexts)
{
    udxg_status status = count ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
    uint32_t pinned = 0;

    while (!udxg_failed(status) && pinned < count) {
        struct udxg_context *context;
        status = udxg_context_get(process, handles[pinned], &context);
        if (udxg_failed(status)) break;
        ret_contexts[pinned++] = context;
        if (context->hw_queues || context->lane.child.device != ret_contexts[0]->lane.child.device)
            status = STATUS_INVALID_PARAMETER;
    }
    if (!udxg_failed(status) && udxg_device_in_error(ret_contexts[0]->lane.child.device))
        status = STATUS_GRAPHICS_GPU_EXCEPTION_ON_DEVICE;
    if (udxg_failed(status))
        while (pinned) udxg_context_put(ret_contexts[--pinned]);
    return status;
}

void udxg_contexts_put(uint32_t count, struct udxg_context *const *contexts)
{
    for (uint32_t i = 0; i < count; i++) udxg_context_put(contexts[i]);
}

udxg_status udxg_submit_check_named(struct udxg_device *device, uint32_t count, const D3DKMT_HANDLE *handles,
                                    bool resident)
{
    for (uint32_t i = 0; i < count; i++) {
        struct udxg_allocation *allocation = udxg_allocation_get(device, handles[i]);
        bool good = allocation && (!resident || vidmm_binding_is_listed(&allocation->vidmm));
        if (allocation) udxg_allocation_put(allocation);
        if (!good) return STATUS_INVALID_PARAMETER;
    }
    return STATUS_SUCCESS;
}

static udxg_status make_commands(uint32_t count, struct udxg_context *const *contexts,
                                 const struct udxg_command *command, struct udxg_packet **ret_packets)
{
    udxg_status status = STATUS_SUCCESS;
    uint32_t made = 0;

    while (made < count && !udxg_failed(status)) {
        status = udxg_packet_make_command(&contexts[made]->lane, command, &ret_packets[made]);
        if (!udxg_failed(status)) made++;
    }
    while (udxg_failed(status) && made) udxg_packet_free(ret_packets[--made]);
    return status;
}

udxg_status thunk_SubmitCommand(struct udxg_process *process, D3DKMT_SUBMITCOMMAND *args)
{
    struct udxg_command command = {
        .commands_va = args->Commands,
        .commands_bytes = args->CommandLength,
        .null_rendering = args->Flags.NullRendering,
        .private_data = args->pPrivateDriverData,
        .private_data_bytes = args->PrivateDriverDataSize,
    };
    struct udxg_context *contexts[UDXG_MAX_BROADCAST];
    struct udxg_packet *packets[UDXG_MAX_BROADCAST];
    uint32_t count = args->BroadcastContextCount;
    udxg_status status = udxg_contexts_get(process, count, args->BroadcastContext, contexts);
    struct udxg_device *device;

    if (udxg_failed(status)) return status;
    device = contexts[0]->lane.child.device;
    status = udxg_submit_check_named(device, args->NumPrimaries, args->WrittenPrimaries, true);
    if (!udxg_failed(status))
        status = udxg_submit_check_named(device, args->NumHistoryBuffers, args->HistoryBufferArray, false);
    if (!udxg_failed(status)) status = make_commands(count, contexts, &command, packets);
    if (!udxg_failed(status)) status = udxg_packets_submit(count, packets);
    udxg_contexts_put(count, contexts);
    return status;
}

udxg_status udxg_submit_get_fences(struct udxg_process *process, uint32_t count, const D3DKMT_HANDLE *handles,
                                   const UINT64 *values, enum udxg_sync_use use, struct udxg_sync **ret_syncs)
{
    udxg_status status = values ? udxg_syncs_get(process, count, handles, use, ret_syncs) : STATUS_INVALID_PARAMETER;

    if (udxg_failed(status)) return status;
    for (uint32_t i = 0; i < count; i++)
        if (!udxg_sync_is_monitored(ret_syncs[i])) status = STATUS_INVALID_PARAMETER;
    if (udxg_failed(status)) udxg_syncs_put(count, ret_syncs);
    return status;
}

/* ---- priorities ---- */

static bool is_priority(int priority)
{
    return priority >= UDXG_PRIORITY_MIN && priority <= UDXG_PRIORITY_MAX;
}

static udxg_status set_priority(struct udxg_process *process, uint32_t handle, int priority, bool in_process)
{
    struct udxg_context *context;
    udxg_status status = udxg_context_get(process, handle, &context);

    if (udxg_failed(status)) return status;
    if (is_priority(priority)) {
        udxg_lane_set_priority(&context->lane, priority, in_process);
        if (context->hw_queues) udxg_hw_queues_set_priority(context, priority, in_process);
    } else {
        status = STATUS_INVALID_PARAMETER;
    }
    udxg_context_put(context);
    return status;
}

static udxg_status get_priority(struct udxg_process *process, uint32_t handle, bool in_process, INT *ret_priority)
{
    struct udxg_context *context;
    udxg_status status = udxg_context_get(process, handle, &context);

    if (udxg_failed(status)) return status;
    *ret_priority = udxg_lane_priority(&context->lane, in_process);
    udxg_context_put(context);
    return STATUS_SUCCESS;
}

udxg_status thunk_SetContextSchedulingPriority(struct udxg_process *process, D3DKMT_SETCONTEXTSCHEDULINGPRIORITY *args)
{
    return set_priority(process, args->hContext, args->Priority, false);
}

udxg_status thunk_GetContextSchedulingPriority(struct udxg_process *process, D3DKMT_GETCONTEXTSCHEDULINGPRIORITY *args)
{
    return get_priority(process, args->hContext, false, &args->Priority);
}

udxg_status thunk_SetContextInProcessSchedulingPriority(struct udxg_process *process,
                                                        D3DKMT_SETCONTEXTINPROCESSSCHEDULINGPRIORITY *args)
{
    return set_priority(process, args->hContext, args->Priority, true);
}

udxg_status thunk_GetContextInProcessSchedulingPriority(struct udxg_process *process,
                                                        D3DKMT_GETCONTEXTINPROCESSSCHEDULINGPRIORITY *args)
{
    return get_priority(process, args->hContext, true, &args->Priority);
}
