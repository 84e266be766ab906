/* SPDX-License-Identifier: MIT */
/*
 * Waits and signals that stand in contexts, in all their versions. They differ in the types they are for and in where
 * the values come from; what they share is that a wait stands in one context and a signal in each that it names, and
 * is made by each that reaches it. No lock of its own.
 */
#include "abi/thunk.h"
#include "base/os.h"
#include "core/context.h"
#include "core/handlers.h"

enum {
    MUTEX = 1 << D3DDDI_SYNCHRONIZATION_MUTEX,
    SEMAPHORE = 1 << D3DDDI_SEMAPHORE,
    FENCE = 1 << D3DDDI_FENCE,
    NOTIFICATION = 1 << D3DDDI_CPU_NOTIFICATION,
    MONITORED = 1 << D3DDDI_MONITORED_FENCE,
};

#define MOST_CONTEXTS (UDXG_MAX_BROADCAST + 1) /* the one, and those it is broadcast to */

/* The objects that a call names, with a value for each. */
struct objects {
    uint32_t count;
    struct udxg_sync *syncs[UDXG_MAX_SYNC_OBJECTS];
    uint64_t values[UDXG_MAX_SYNC_OBJECTS];
};

static void put_objects(struct objects *objects)
{
    udxg_syncs_put(objects->count, objects->syncs);
}

/* Objects of TYPES, that is, of MONITORED or of the others: the two have their values in different places. */
static udxg_status check_types(const struct objects *objects, unsigned types)
{
    if (objects->syncs[0]->type != D3DDDI_MONITORED_FENCE)
        types &= ~(unsigned)MONITORED;
    else
        types &= MONITORED;
    for (uint32_t i = 0; i < objects->count; i++)
        if (!(types & 1u << objects->syncs[i]->type)) return STATUS_INVALID_PARAMETER;
    return STATUS_SUCCESS;
}

/* VALUES are the monitored fences', VALUE is the other fences'. */
static udxg_status set_values(struct objects *objects, const UINT64 *values, uint64_t value)
{
    bool monitored = udxg_sync_is_monitored(objects->syncs[0]);

    if (monitored && !values) return STATUS_INVALID_PARAMETER;
    for (uint32_t i = 0; i < objects->count; i++) objects->values[i] = monitored ? values[i] : value;
    return STATUS_SUCCESS;
}

/* A wait that takes an object twice would wait for itself. */
static udxg_status check_once(const struct objects *objects)
{
    for (uint32_t i = 0; i < objects->count; i++)
        for (uint32_t k = 0; k < i; k++)
            if (objects->syncs[k] == objects->syncs[i] && udxg_sync_is_used_up(objects->syncs[i]))
                return STATUS_INVALID_PARAMETER;
    return STATUS_SUCCESS;
}

/* One signal cannot set several of the old fences. */
static udxg_status check_alone(const struct objects *objects)
{
    for (uint32_t i = 0; i < objects->count && objects->count > 1; i++)
        if (objects->syncs[i]->type == D3DDDI_FENCE) return STATUS_INVALID_PARAMETER;
    return STATUS_SUCCESS;
}

/* What a call names, and how. */
struct named {
    uint32_t count;
    const D3DKMT_HANDLE *handles;
    unsigned types;
    const UINT64 *values;
    uint64_t value;
};

static udxg_status get_objects(struct udxg_process *process, const struct named *named, enum udxg_sync_use use,
                               struct objects *ret)
{
    udxg_status status = udxg_syncs_get(process, named->count, named->handles, use, ret->syncs);

    if (udxg_failed(status)) return status;
    ret->count = named->count;
    status = check_types(ret, named->types);
    if (!udxg_failed(status)) status = set_values(ret, named->values, named->value);
    if (!udxg_failed(status)) status = use == UDXG_SYNC_WAIT ? check_once(ret) : check_alone(ret);
    if (udxg_failed(status)) put_objects(ret);
    return status;
}

/* ---- waits ---- */

static udxg_status queue_wait(struct udxg_process *process, D3DKMT_HANDLE handle, const struct named *named)
{
    struct udxg_context *context;
    struct udxg_packet *packet;
    struct objects objects;
    udxg_status status = udxg_contexts_get(process, 1, &handle, &context);

    if (udxg_failed(status)) return status;
    status = get_objects(process, named, UDXG_SYNC_WAIT, &objects);
    if (!udxg_failed(status)) {
        status = udxg_packet_make_wait(&context->lane, objects.count, objects.syncs, objects.values, &packet);
        if (!udxg_failed(status)) status = udxg_packets_submit(1, &packet);
        put_objects(&objects);
    }
    udxg_context_put(context);
    return status;
}

udxg_status thunk_WaitForSynchronizationObject(struct udxg_process *process, D3DKMT_WAITFORSYNCHRONIZATIONOBJECT *args)
{
    return queue_wait(process, args->hContext,
                      &(struct named){.count = args->ObjectCount,
                                      .handles = args->ObjectHandleArray,
                                      .types = MUTEX | SEMAPHORE});
}

udxg_status thunk_WaitForSynchronizationObject2(struct udxg_process *process,
                                                D3DKMT_WAITFORSYNCHRONIZATIONOBJECT2 *args)
{
    return queue_wait(process, args->hContext,
                      &(struct named){.count = args->ObjectCount,
                                      .handles = args->ObjectHandleArray,
                                      .types = MUTEX | SEMAPHORE | FENCE,
                                      .value = args->Fence.FenceValue});
}

udxg_status thunk_WaitForSynchronizationObjectFromGpu(struct udxg_process *process,
                                                      D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMGPU *args)
{
    return queue_wait(process, args->hContext,
                      &(struct named){.count = args->ObjectCount,
                                      .handles = args->ObjectHandleArray,
                                      .types = MUTEX | SEMAPHORE | FENCE | MONITORED,
                                      .values = args->MonitoredFenceValueArray,
                                      .value = args->Reserved[1]});
}

/* ---- signals ---- */

static udxg_status queue_signals(uint32_t count, struct udxg_context *const *contexts, const struct objects *objects)
{
    struct udxg_packet *packets[MOST_CONTEXTS];
    udxg_status status = STATUS_SUCCESS;
    uint32_t made = 0;

    while (made < count && !udxg_failed(status)) {
        status = udxg_packet_make_signal(&contexts[made]->lane, objects->count, objects->syncs, objects->values,
                                         &packets[made]);
        if (!udxg_failed(status)) made++;
    }
    if (!udxg_failed(status)) return udxg_packets_submit(count, packets);
    while (made) udxg_packet_free(packets[--made]);
    return status;
}

/* SignalAtSubmission: it does not wait for what the contexts have queued, so nothing is queued. */
static void signal_now(const struct udxg_device *device, const struct objects *objects)
{
    struct udxg_list fired;

    udxg_list_init(&fired);
    for (uint32_t i = 0; i < objects->count; i++)
        udxg_sync_store_collect(objects->syncs[i], device, objects->values[i], &fired);
    udxg_waiters_fire(&fired);
    for (uint32_t i = 0; i < objects->count; i++) udxg_sync_notify(objects->syncs[i]);
}

/* EnqueueCpuEvent: an object for the one event, which nobody else knows. */
static udxg_status get_event(struct udxg_process_adapter *pa, const struct named *named, HANDLE event,
                             struct objects *ret)
{
    struct udxg_sync_desc desc = {.type = D3DDDI_CPU_NOTIFICATION, .event_fd = -1, .pa = pa};
    udxg_status status = named->count ? STATUS_INVALID_PARAMETER : STATUS_SUCCESS;

    if (!udxg_failed(status))
        status = event ? udxg_process_event_get(pa, event, &desc.event_fd) : STATUS_INVALID_HANDLE;
    if (!udxg_failed(status)) status = udxg_sync_create_any(NULL, &desc, &ret->syncs[0]);
    if (udxg_failed(status)) {
        udxg_process_event_put(pa, desc.event_fd);
        return status;
    }
    ret->count = 1;
    ret->values[0] = 0;
    return STATUS_SUCCESS;
}

/* A signal in COUNT contexts. */
struct signal {
    uint32_t count;
    const D3DKMT_HANDLE *contexts;
    D3DDDICB_SIGNALFLAGS flags;
    HANDLE event;
    struct named named;
};

static udxg_status signal(struct udxg_process *process, const struct signal *args)
{
    struct udxg_context *contexts[MOST_CONTEXTS];
    struct objects objects;
    udxg_status status = udxg_contexts_get(process, args->count, args->contexts, contexts);

    if (udxg_failed(status)) return status;
    status = args->flags.EnqueueCpuEvent
                 ? get_event(contexts[0]->lane.child.device->pa, &args->named, args->event, &objects)
                 : get_objects(process, &args->named, UDXG_SYNC_SIGNAL, &objects);
    if (!udxg_failed(status)) {
        if (args->flags.SignalAtSubmission)
            signal_now(contexts[0]->lane.child.device, &objects);
        else
            status = queue_signals(args->count, contexts, &objects);
        put_objects(&objects);
    }
    udxg_contexts_put(args->count, contexts);
    return status;
}

udxg_status thunk_SignalSynchronizationObject(struct udxg_process *process, D3DKMT_SIGNALSYNCHRONIZATIONOBJECT *args)
{
    return signal(process, &(struct signal){.count = 1,
                                            .contexts = &args->hContext,
                                            .flags = args->Flags,
                                            .named = {.count = args->ObjectCount,
                                                      .handles = args->ObjectHandleArray,
                                                      .types = MUTEX | SEMAPHORE}});
}

udxg_status thunk_SignalSynchronizationObject2(struct udxg_process *process, D3DKMT_SIGNALSYNCHRONIZATIONOBJECT2 *args)
{
    D3DKMT_HANDLE contexts[MOST_CONTEXTS];

    contexts[0] = args->hContext;
    for (uint32_t i = 0; i < args->BroadcastContextCount; i++) contexts[i + 1] = args->BroadcastContext[i];
    return signal(process, &(struct signal){.count = args->BroadcastContextCount + 1,
                                            .contexts = contexts,
                                            .flags = args->Flags,
                                            .event = args->CpuEventHandle,
                                            .named = {.count = args->ObjectCount,
                                                      .handles = args->ObjectHandleArray,
                                                      .types = MUTEX | SEMAPHORE | FENCE | NOTIFICATION,
                                                      .value = args->Fence.FenceValue}});
}

udxg_status thunk_SignalSynchronizationObjectFromGpu(struct udxg_process *process,
                                                     D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMGPU *args)
{
    return signal(process, &(struct signal){.count = 1,
                                            .contexts = &args->hContext,
                                            .named = {.count = args->ObjectCount,
                                                      .handles = args->ObjectHandleArray,
                                                      .types = MUTEX | SEMAPHORE | NOTIFICATION | MONITORED,
                                                      .values = args->MonitoredFenceValueArray}});
}

udxg_status thunk_SignalSynchronizationObjectFromGpu2(struct udxg_process *process,
                                                      D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMGPU2 *args)
{
    return signal(process, &(struct signal){.count = args->BroadcastContextCount,
                                            .contexts = args->BroadcastContextArray,
                                            .flags = args->Flags,
                                            .event = args->CpuEventHandle,
                                            .named = {.count = args->ObjectCount,
                                                      .handles = args->ObjectHandleArray,
                                                      .types = MUTEX | SEMAPHORE | FENCE | NOTIFICATION | MONITORED,
                                                      .values = args->MonitoredFenceValueArray,
                                                      .value = args->Reserved[1]}});
}
