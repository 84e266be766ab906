/* SPDX-License-Identifier: MIT */
/*
 * Hardware queues. A queue holds a reference to its context's lane, because the miniport's context is what its
 * commands execute in. Its progress fence is an ordinary monitored fence that no client can signal; its values rise
 * from packet to packet. No lock of its own: DEVICE for the walks over a device's queues.
 */
#include "core/hw_queue.h"

#include <stdlib.h>

#include "abi/thunk.h"
#include "base/cleanup.h"
#include "core/handlers.h"

struct hw_queue {
    struct udxg_lane lane;        /* first: it is the queue's object, and its device's child */
    struct udxg_context *context; /* its lane referenced; constant */
    bool no_broadcast_signal;     /* constant */
};

static struct hw_queue *queue_of(struct udxg_lane *lane)
{
    return udxg_container_of(lane, struct hw_queue, lane);
}

/* ---- the queues of a context ---- */

static void for_each_queue(struct udxg_context *context, void (*visit)(struct udxg_lane *lane, void *user), void *user)
{
    struct udxg_device *device = context->lane.child.device;

    udxg_lock(DEVICE, &device->lock);
    udxg_list_for_each(link, &device->children[UDXG_HANDLE_HW_QUEUE])
    {
        struct udxg_lane *lane = udxg_container_of(link, struct udxg_lane, child.link);
        if (queue_of(lane)->context == context) visit(lane, user);
    }
    udxg_unlock(DEVICE, &device->lock);
}

struct priority {
    int value;
    bool in_process;
};

static void set_priority(struct udxg_lane *lane, void *user)
{
    const struct priority *priority = user;
    udxg_lane_set_priority(lane, priority->value, priority->in_process);
}

void udxg_hw_queues_set_priority(struct udxg_context *context, int priority, bool in_process)
{
    struct priority wanted = {priority, in_process};
    for_each_queue(context, set_priority, &wanted);
}

static void drain(struct udxg_lane *lane, void *discarded)
{
    udxg_lane_drain(lane, discarded);
}

void udxg_hw_queues_drain(struct udxg_context *context)
{
    struct udxg_list discarded;

    udxg_list_init(&discarded);
    for_each_queue(context, drain, &discarded);
    udxg_packets_discard(&discarded);
}

/* ---- life ---- */

static void queue_destroy(struct udxg_lane *lane)
{
    struct hw_queue *queue = queue_of(lane);

    udxg_sync_unref(lane->progress);
    udxg_lane_unref(&queue->context->lane);
    udxg_account_discharge(lane->child.device->pa->account, UDXG_CHARGE_CONTEXTS, 1);
    udxg_device_remove_child(&lane->child);
    free(queue);
}

void udxg_hw_queue_release(void *object)
{
    struct hw_queue *queue = object;
    struct udxg_child *fence = &queue->lane.progress->first.child;
    uint32_t handle = udxg_device_child_handle(fence); /* 0 when the client has closed it itself */

    if (handle) udxg_handle_close(&fence->device->process->handles, handle, UDXG_HANDLE_SYNC);
    udxg_sync_expect_no_more(queue->lane.progress); /* what is queued counts for itself */
    udxg_lane_close(&queue->lane);
}

/* The queue behind a handle, pinned. STATUS_INVALID_PARAMETER, STATUS_DEVICE_REMOVED; then of a device in error. */
static udxg_status queue_get(struct udxg_process *process, uint32_t handle, struct hw_queue **ret_queue)
{
    struct hw_queue *queue = udxg_handle_get(&process->handles, handle, UDXG_HANDLE_HW_QUEUE);
    udxg_status status = STATUS_SUCCESS;

    if (!queue) return STATUS_INVALID_PARAMETER;
    if (udxg_device_is_removed(queue->lane.child.device))
        status = STATUS_DEVICE_REMOVED;
    else if (udxg_device_in_error(queue->lane.child.device))
        status = STATUS_GRAPHICS_GPU_EXCEPTION_ON_DEVICE;
    if (udxg_failed(status))
        udxg_handle_put(&process->handles, handle);
    else
        *ret_queue = queue;
    return status;
}

static void queue_put(struct hw_queue *queue)
{
    udxg_handle_put(&queue->lane.child.device->process->handles, queue->lane.child.handle);
}

static udxg_status make_queue(struct udxg_context *context, D3DDDI_CREATEHWQUEUEFLAGS flags,
                              struct hw_queue **ret_queue)
{
    const D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS fence = {.NoSignal = 1};
    const struct udxg_lane *model = &context->lane;
    struct udxg_account *account = model->child.device->pa->account;
    UDXG_AUTO_FREE struct hw_queue *queue = calloc(1, sizeof *queue);
    udxg_status status;

    if (!queue) return STATUS_NO_MEMORY;
    status = udxg_account_charge(account, UDXG_CHARGE_CONTEXTS, 1);
    if (udxg_failed(status)) return status;
    status = udxg_sync_create(model->child.device, fence, 0, &queue->lane.progress);
    if (udxg_failed(status)) {
        udxg_account_discharge(account, UDXG_CHARGE_CONTEXTS, 1);
        return status;
    }
    udxg_sync_expect(queue->lane.progress);
    queue->context = context;
    atomic_fetch_add(&context->lane.refs, 1);
    queue->no_broadcast_signal = flags.NoBroadcastSignal;
    queue->lane.destroy = queue_destroy;
    queue->lane.engine = model->engine;
    queue->lane.mp_context = model->mp_context;
    queue->lane.null_rendering = model->null_rendering;
    queue->lane.no_timeout = model->no_timeout || flags.DisableGpuTimeout;
    udxg_lane_init(&queue->lane);
    *ret_queue = udxg_steal(queue);
    return STATUS_SUCCESS;
}

static void publish_queue(struct hw_queue *queue, const uint32_t *handles)
{
    struct udxg_lane *lane = &queue->lane, *model = &queue->context->lane;
    struct udxg_device *device = model->child.device;

    lane->child.handle = handles[0];
    udxg_device_add_child(device, UDXG_HANDLE_HW_QUEUE, &lane->child);
    /* On the list first: who sets the context's from now on reaches the queue too. */
    udxg_lane_set_priority(lane, udxg_lane_priority(model, false), false);
    udxg_lane_set_priority(lane, udxg_lane_priority(model, true), true);
    udxg_sync_ref(lane->progress); /* the handle's; the queue keeps its own */
    udxg_sync_publish(lane->progress, handles[1]);
    udxg_handle_publish(&device->process->handles, handles[0], UDXG_HANDLE_HW_QUEUE, queue);
}

/* A context that is made for queues, and whose miniport, like all of ours, wants to know nothing of one. */
static udxg_status check_create(const struct udxg_context *context, const D3DKMT_CREATEHWQUEUE *args)
{
    if (!context->hw_queues) return STATUS_INVALID_PARAMETER;
    return args->PrivateDriverDataSize ? STATUS_GRAPHICS_DRIVER_MISMATCH : STATUS_SUCCESS;
}

udxg_status thunk_CreateHwQueue(struct udxg_process *process, D3DKMT_CREATEHWQUEUE *args)
{
    struct udxg_context *context;
    struct hw_queue *queue;
    uint32_t handles[2]; /* the queue, its fence */
    udxg_status status = udxg_context_get(process, args->hHwContext, &context);

    if (udxg_failed(status)) return status;
    status = check_create(context, args);
    if (!udxg_failed(status)) status = udxg_handle_reserve(&process->handles, 2, handles);
    if (!udxg_failed(status)) {
        status = make_queue(context, args->Flags, &queue);
        if (udxg_failed(status)) udxg_handle_cancel(&process->handles, 2, handles);
    }
    if (!udxg_failed(status)) {
        args->hHwQueue = handles[0];
        args->hHwQueueProgressFence = handles[1];
        args->HwQueueProgressFenceCPUVirtualAddress = (void *)queue->lane.progress->slot.cpu;
        args->HwQueueProgressFenceGPUVirtualAddress = queue->lane.progress->slot.gpu_va;
        publish_queue(queue, handles);
    }
    udxg_context_put(context);
    return status;
}

udxg_status thunk_DestroyHwQueue(struct udxg_process *process, D3DKMT_DESTROYHWQUEUE *args)
{
    return udxg_handle_close(&process->handles, args->hHwQueue, UDXG_HANDLE_HW_QUEUE) ? STATUS_SUCCESS
                                                                                      : STATUS_INVALID_PARAMETER;
}

/* ---- their contexts ---- */

udxg_status thunk_CreateHwContext(struct udxg_process *process, D3DKMT_CREATEHWCONTEXT *args)
{
    struct udxg_context_desc desc = {
        .device = args->hDevice,
        .node = args->NodeOrdinal,
        .engine_affinity = args->EngineAffinity,
        .hw_queues = true,
        .private_data = args->pPrivateDriverData,
        .private_data_bytes = args->PrivateDriverDataSize,
    };

    return udxg_context_create(process, &desc, &args->hHwContext);
}

/* Only of a context made for queues, by either call. */
udxg_status thunk_DestroyHwContext(struct udxg_process *process, D3DKMT_DESTROYHWCONTEXT *args)
{
    struct udxg_context *context = udxg_handle_get(&process->handles, args->hHwContext, UDXG_HANDLE_CONTEXT);
    bool closed;

    if (!context) return STATUS_INVALID_PARAMETER;
    closed = context->hw_queues && udxg_handle_close(&process->handles, args->hHwContext, UDXG_HANDLE_CONTEXT);
    udxg_handle_put(&process->handles, args->hHwContext);
    return closed ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}

/* ---- submission ---- */

udxg_status thunk_SubmitCommandToHwQueue(struct udxg_process *process, D3DKMT_SUBMITCOMMANDTOHWQUEUE *args)
{
    struct udxg_command command = {
        .commands_va = args->CommandBuffer,
        .commands_bytes = args->CommandLength,
        .private_data = args->pPrivateDriverData,
        .private_data_bytes = args->PrivateDriverDataSize,
        .progress = args->HwQueueProgressFenceId,
    };
    struct udxg_packet *packet;
    struct hw_queue *queue;
    udxg_status status = queue_get(process, args->hHwQueue, &queue);

    if (udxg_failed(status)) return status;
    status = args->HwQueueProgressFenceId
                 ? udxg_submit_check_named(queue->lane.child.device, args->NumPrimaries, args->WrittenPrimaries, true)
                 : STATUS_INVALID_PARAMETER;
    if (!udxg_failed(status)) status = udxg_packet_make_command(&queue->lane, &command, &packet);
    if (!udxg_failed(status)) status = udxg_packets_submit(1, &packet);
    queue_put(queue);
    return status;
}

udxg_status thunk_SubmitWaitForSyncObjectsToHwQueue(struct udxg_process *process,
                                                    D3DKMT_SUBMITWAITFORSYNCOBJECTSTOHWQUEUE *args)
{
    struct udxg_sync *syncs[UDXG_MAX_SYNC_OBJECTS];
    struct udxg_packet *packet;
    struct hw_queue *queue;
    udxg_status status = queue_get(process, args->hHwQueue, &queue);

    if (udxg_failed(status)) return status;
    status = udxg_submit_get_fences(process, args->ObjectCount, args->ObjectHandleArray, args->FenceValueArray,
                                    UDXG_SYNC_WAIT, syncs);
    if (!udxg_failed(status)) {
        status = udxg_packet_make_wait(&queue->lane, args->ObjectCount, syncs, args->FenceValueArray, &packet);
        if (!udxg_failed(status)) status = udxg_packets_submit(1, &packet);
        udxg_syncs_put(args->ObjectCount, syncs);
    }
    queue_put(queue);
    return status;
}

/* The queues of one device behind HANDLES, pinned; more than one only of those that take part in broadcasts. */
static udxg_status get_queues(struct udxg_process *process, uint32_t count, const D3DKMT_HANDLE *handles,
                              struct hw_queue **ret_queues)
{
    udxg_status status = STATUS_SUCCESS;
    uint32_t pinned = 0;

    while (!udxg_failed(status) && pinned < count) {
        struct hw_queue *queue;
        status = queue_get(process, handles[pinned], &queue);
        if (udxg_failed(status)) break;
        ret_queues[pinned++] = queue;
        if (queue->lane.child.device != ret_queues[0]->lane.child.device || (count > 1 && queue->no_broadcast_signal))
            status = STATUS_INVALID_PARAMETER;
    }
    if (udxg_failed(status))
        while (pinned) queue_put(ret_queues[--pinned]);
    return status;
}

static udxg_status submit_signals(uint32_t queue_count, struct hw_queue *const *queues, uint32_t count,
                                  struct udxg_sync *const *syncs, const UINT64 *values)
{
    struct udxg_packet *packets[UDXG_MAX_BROADCAST];
    udxg_status status = STATUS_SUCCESS;
    uint32_t made = 0;

    while (made < queue_count && !udxg_failed(status)) {
        status = udxg_packet_make_signal(&queues[made]->lane, count, syncs, values, &packets[made]);
        if (!udxg_failed(status)) made++;
    }
    if (!udxg_failed(status)) return udxg_packets_submit(queue_count, packets);
    while (made) udxg_packet_free(packets[--made]);
    return status;
}

udxg_status thunk_SubmitSignalSyncObjectsToHwQueue(struct udxg_process *process,
                                                   D3DKMT_SUBMITSIGNALSYNCOBJECTSTOHWQUEUE *args)
{
    struct hw_queue *queues[UDXG_MAX_BROADCAST];
    struct udxg_sync *syncs[UDXG_MAX_SYNC_OBJECTS];
    uint32_t count = args->BroadcastHwQueueCount;
    udxg_status status = get_queues(process, count, args->BroadcastHwQueueArray, queues);

    if (udxg_failed(status)) return status;
    status = udxg_submit_get_fences(process, args->ObjectCount, args->ObjectHandleArray, args->FenceValueArray,
                                    UDXG_SYNC_SIGNAL, syncs);
    if (!udxg_failed(status)) {
        status = submit_signals(count, queues, args->ObjectCount, syncs, args->FenceValueArray);
        udxg_syncs_put(args->ObjectCount, syncs);
    }
    for (uint32_t i = 0; i < count; i++) queue_put(queues[i]);
    return status;
}
