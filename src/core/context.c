/* SPDX-License-Identifier: MIT */
/*
 * Contexts and their packets. A packet is on its device's timeline from submission to retirement, whatever
 * becomes of it; it holds a reference to its context. Lock: NODE of the context's engine, never while a
 * packet runs, a wait starts or a packet retires.
 */
#include "core/context.h"

#include <stdlib.h>
#include <string.h>

#include "abi/thunk.h"
#include "base/cleanup.h"
#include "core/allocation.h"
#include "core/handlers.h"
#include "core/stats.h"

enum packet_kind { PACKET_COMMAND, PACKET_SIGNAL, PACKET_WAIT };

struct udxg_packet {
    struct udxg_list link; /* NODE, while queued; whoever took it off owns it after */
    struct udxg_timeline_entry timeline;
    struct udxg_context *context; /* referenced */
    enum packet_kind kind;
};

struct command_packet {
    struct udxg_packet packet;
    uint64_t commands_va;
    uint32_t commands_bytes;
    bool null_rendering;
    uint32_t private_data_bytes;
    _Alignas(16) unsigned char private_data[];
};

struct signal_packet {
    struct udxg_packet packet;
    uint32_t count;
    struct {
        struct udxg_sync *sync; /* referenced */
        uint64_t value;
    } items[];
};

struct wait_packet {
    struct udxg_packet packet;
    bool started;          /* the wait hangs in its objects */
    struct udxg_wait wait; /* ends in its waiters; its memory is the packet's */
};

/* ---- state ---- */

static const uint8_t legal_next[] = {
    [UDXG_CONTEXT_IDLE] = 1 << UDXG_CONTEXT_RUNNABLE,
    [UDXG_CONTEXT_RUNNABLE] = 1 << UDXG_CONTEXT_RUNNING | 1 << UDXG_CONTEXT_IDLE,
    [UDXG_CONTEXT_RUNNING] =
        1 << UDXG_CONTEXT_RUNNABLE | 1 << UDXG_CONTEXT_IDLE | 1 << UDXG_CONTEXT_WAITING | 1 << UDXG_CONTEXT_GATED,
    [UDXG_CONTEXT_WAITING] = 1 << UDXG_CONTEXT_RUNNABLE | 1 << UDXG_CONTEXT_IDLE,
    [UDXG_CONTEXT_GATED] = 1 << UDXG_CONTEXT_RUNNABLE | 1 << UDXG_CONTEXT_IDLE,
};

static void set_state_locked(struct udxg_context *context, enum udxg_context_state state) UDXG_REQUIRES(NODE)
{
    if (!(legal_next[context->state] & 1 << state)) abort(); /* ours alone: no client can bring this about */
    if (context->state == UDXG_CONTEXT_RUNNABLE) udxg_engine_dequeue_locked(context->engine, context);
    context->state = state;
    if (state == UDXG_CONTEXT_RUNNABLE) udxg_engine_enqueue_locked(context->engine, context);
}

static void run_if_work_locked(struct udxg_context *context) UDXG_REQUIRES(NODE)
{
    set_state_locked(context, udxg_list_empty(&context->packets) ? UDXG_CONTEXT_IDLE : UDXG_CONTEXT_RUNNABLE);
}

void udxg_context_begin_locked(struct udxg_context *context)
{
    /* It is runnable, so it has packets, which have references: there is one to add to. */
    atomic_fetch_add(&context->refs, 1);
    set_state_locked(context, UDXG_CONTEXT_RUNNING);
}

/* ---- life ---- */

static void context_unref(struct udxg_context *context)
{
    const struct udxg_adapter *adapter = context->child.device->adapter;

    if (atomic_fetch_sub(&context->refs, 1) != 1) return;
    adapter->miniport->destroy_context(adapter->mp_adapter, context->mp_context);
    udxg_device_remove_child(&context->child);
    udxg_companion_unref(atomic_load(&context->companion));
    free(context);
}

udxg_status udxg_context_get(struct udxg_process *process, uint32_t handle, struct udxg_context **ret_context)
{
    struct udxg_context *context = udxg_handle_get(&process->handles, handle, UDXG_HANDLE_CONTEXT);

    if (!context) return STATUS_INVALID_PARAMETER;
    if (udxg_adapter_is_stopped(context->child.device->adapter)) {
        udxg_context_put(context);
        return STATUS_DEVICE_REMOVED;
    }
    *ret_context = context;
    return STATUS_SUCCESS;
}

void udxg_context_put(struct udxg_context *context)
{
    udxg_handle_put(&context->child.device->process->handles, context->child.handle);
}

/* ---- the end of a packet ---- */

/* The packet is over, one way or another: what was destroyed while it might still be needed can go. */
static void packet_retire(struct udxg_packet *packet)
{
    udxg_device_retire(packet->context->child.device, &packet->timeline);
}

static void command_end(struct command_packet *command)
{
    packet_retire(&command->packet);
    context_unref(command->packet.context);
    free(command);
}

static void signal_free(struct signal_packet *signal)
{
    context_unref(signal->packet.context);
    for (uint32_t i = 0; i < signal->count; i++) udxg_sync_unref(signal->items[i].sync);
    free(signal);
}

/* With the wait's last reference: wait_done() may look at the context until then. */
static void wait_free(struct udxg_wait *wait)
{
    struct wait_packet *packet = udxg_container_of(wait, struct wait_packet, wait);

    context_unref(packet->packet.context);
    free(packet);
}

static void wait_end(struct wait_packet *wait)
{
    packet_retire(&wait->packet);
    udxg_wait_unref(&wait->wait);
}

/* Ends a packet that will not run (any more). */
static void packet_discard(struct udxg_packet *packet)
{
    struct wait_packet *wait;

    switch (packet->kind) {
    case PACKET_COMMAND:
        command_end((struct command_packet *)packet);
        return;
    case PACKET_SIGNAL:
        packet_retire(packet);
        signal_free((struct signal_packet *)packet);
        return;
    case PACKET_WAIT:
        wait = (struct wait_packet *)packet;
        if (wait->started) udxg_wait_cancel(&wait->wait);
        wait_end(wait);
        return;
    }
}

static void discard_all(struct udxg_list *packets) UDXG_NO_TSA
{
    struct udxg_list *link;

    while ((link = udxg_list_pop(packets))) packet_discard(udxg_container_of(link, struct udxg_packet, link));
}

/* Moves everything that has not begun, and the wait it is blocked on, to DISCARDED. */
static void take_packets_locked(struct udxg_context *context, struct udxg_list *discarded) UDXG_REQUIRES(NODE)
{
    struct udxg_list *link;

    if (context->blocked) {
        udxg_list_append(discarded, &context->blocked->link);
        context->blocked = NULL;
    }
    while ((link = udxg_list_pop(&context->packets))) udxg_list_append(discarded, link);
    if (context->state != UDXG_CONTEXT_RUNNING && context->state != UDXG_CONTEXT_IDLE)
        set_state_locked(context, UDXG_CONTEXT_IDLE);
}

void udxg_contexts_cancel(struct udxg_device *device)
{
    struct udxg_list discarded, updates;

    udxg_list_init(&discarded);
    udxg_list_init(&updates);
    udxg_lock(DEVICE, &device->lock);
    udxg_list_for_each(link, &device->children[UDXG_HANDLE_CONTEXT])
    {
        struct udxg_context *context = udxg_container_of(link, struct udxg_context, child.link);
        udxg_lock(NODE, &context->engine->lock);
        atomic_store(&context->cancelled, true);
        take_packets_locked(context, &discarded);
        udxg_unlock(NODE, &context->engine->lock);
        udxg_companion_cancel(atomic_load(&context->companion), &updates);
    }
    udxg_unlock(DEVICE, &device->lock);
    discard_all(&discarded);
    udxg_updates_discard(&updates);
}

/* ---- running ---- */

static bool is_cancelled(void *user)
{
    return atomic_load_explicit(&((struct udxg_context *)user)->cancelled, memory_order_relaxed);
}

static void describe(const struct udxg_context *context, const struct command_packet *command,
                     struct udxg_submission *ret_submission)
{
    *ret_submission = (struct udxg_submission){
        .commands_va = command->commands_va,
        .commands_bytes = command->commands_bytes,
        .null_rendering = command->null_rendering,
        .private_data = command->private_data,
        .private_data_bytes = command->private_data_bytes,
        .memory = &context->memory,
        .cancelled = is_cancelled,
        .cancelled_context = (void *)context,
    };
}

static void run_command(struct udxg_context *context, struct command_packet *command)
{
    struct udxg_device *device = context->child.device;
    struct udxg_submit_fault fault = {0};
    struct udxg_submission submission;
    udxg_status status;

    describe(context, command, &submission);
    status = device->adapter->miniport->execute(context->mp_context, &submission, &fault);
    udxg_stats_executed(udxg_failed(status));
    if (udxg_failed(status) && !is_cancelled(context))
        udxg_device_fail(device,
                         status == STATUS_ACCESS_VIOLATION ? D3DKMT_DEVICEEXECUTION_ERROR_DMAPAGEFAULT
                                                           : D3DKMT_DEVICEEXECUTION_ERROR_DMAFAULT,
                         &fault);
    command_end(command);
}

struct signalling {
    struct signal_packet *signal;
    struct udxg_list fired; /* waits to release */
};

static void store_values(void *user)
{
    struct signalling *step = user;

    for (uint32_t i = 0; i < step->signal->count; i++)
        udxg_sync_store_collect(step->signal->items[i].sync, step->signal->items[i].value, &step->fired);
}

/*
 * Retirement and signal are one step: who has waited for the fence finds the device idle and what was destroyed
 * before it gone, and who has waited for the device to be idle finds the fence signalled.
 */
static void run_signal(struct signal_packet *signal)
{
    struct signalling step = {.signal = signal};

    udxg_list_init(&step.fired);
    udxg_device_retire_with(signal->packet.context->child.device, &signal->packet.timeline, store_values, &step);
    udxg_sync_fire(&step.fired);
    signal_free(signal);
}

/* The context may go on: its wait is satisfied. Runs on whichever thread signals. */
static void wait_done(struct udxg_wait *wait)
{
    struct wait_packet *packet = udxg_container_of(wait, struct wait_packet, wait);
    struct udxg_context *context = packet->packet.context;
    bool ours;

    udxg_lock(NODE, &context->engine->lock);
    ours = context->blocked == &packet->packet;
    if (ours) {
        context->blocked = NULL;
        run_if_work_locked(context);
    }
    udxg_unlock(NODE, &context->engine->lock);
    if (ours) wait_end(packet); /* otherwise it was discarded meanwhile, and the discarder ends it */
}

/* A closing context does not wait: what is behind an unsatisfied wait is given up. */
static void give_up_if_closing(struct udxg_context *context, struct wait_packet *wait)
{
    struct udxg_list discarded;
    bool over;

    udxg_list_init(&discarded);
    udxg_lock(NODE, &context->engine->lock);
    if ((context->closing || is_cancelled(context)) && context->blocked == &wait->packet)
        take_packets_locked(context, &discarded);
    over = context->blocked != &wait->packet;
    udxg_unlock(NODE, &context->engine->lock);
    discard_all(&discarded);
    /* Who discarded it while it was being started has not seen the waiters that were hung in after that. */
    if (over) udxg_wait_cancel(&wait->wait);
}

static void run_wait(struct udxg_context *context, struct wait_packet *wait)
{
    atomic_fetch_add(&wait->wait.refs, 1); /* the packet, and with it the context, outlives wait_done() */
    wait->started = true;
    udxg_lock(NODE, &context->engine->lock);
    context->blocked = &wait->packet;
    set_state_locked(context, UDXG_CONTEXT_WAITING);
    udxg_unlock(NODE, &context->engine->lock);
    udxg_wait_start(&wait->wait);
    give_up_if_closing(context, wait);
    udxg_wait_unref(&wait->wait);
}

/* Whether the device's memory is in place; if not, the context is gated and the packet is back in its queue. */
static bool pass_gate(struct udxg_context *context, struct udxg_packet *packet)
{
    struct vidmm_device *vidmm = &context->child.device->vidmm;

    if (vidmm_device_is_ready(vidmm)) return true;
    udxg_lock(NODE, &context->engine->lock);
    if (is_cancelled(context)) {
        udxg_unlock(NODE, &context->engine->lock);
        return true; /* it will be discarded */
    }
    udxg_list_insert_before(context->packets.next, &packet->link);
    set_state_locked(context, UDXG_CONTEXT_GATED);
    /* Asked again: it may have become ready before we were seen to be gated. */
    if (vidmm_device_is_ready(vidmm)) set_state_locked(context, UDXG_CONTEXT_RUNNABLE);
    udxg_unlock(NODE, &context->engine->lock);
    return false;
}

/* Back from running: the next packet, or none. */
static void finish(struct udxg_context *context)
{
    udxg_lock(NODE, &context->engine->lock);
    run_if_work_locked(context);
    udxg_unlock(NODE, &context->engine->lock);
}

static struct udxg_packet *take_packet(struct udxg_context *context)
{
    struct udxg_list *link;

    udxg_lock(NODE, &context->engine->lock);
    link = udxg_list_pop(&context->packets);
    if (!link) run_if_work_locked(context); /* cancelled between picking and running */
    udxg_unlock(NODE, &context->engine->lock);
    return link ? udxg_container_of(link, struct udxg_packet, link) : NULL;
}

static void run_packet(struct udxg_context *context, struct udxg_packet *packet)
{
    if (packet->kind == PACKET_COMMAND && !pass_gate(context, packet)) return;
    if (packet->kind == PACKET_WAIT && !is_cancelled(context)) {
        run_wait(context, (struct wait_packet *)packet);
        return;
    }
    if (is_cancelled(context))
        packet_discard(packet);
    else if (packet->kind == PACKET_COMMAND)
        run_command(context, (struct command_packet *)packet);
    else
        run_signal((struct signal_packet *)packet);
    finish(context);
}

void udxg_context_run(struct udxg_context *context)
{
    struct udxg_packet *packet = take_packet(context);

    if (packet) run_packet(context, packet);
    context_unref(context);
}

void udxg_contexts_ready(struct udxg_device *device)
{
    udxg_lock(DEVICE, &device->lock);
    udxg_list_for_each(link, &device->children[UDXG_HANDLE_CONTEXT])
    {
        struct udxg_context *context = udxg_container_of(link, struct udxg_context, child.link);
        udxg_lock(NODE, &context->engine->lock);
        if (context->state == UDXG_CONTEXT_GATED) set_state_locked(context, UDXG_CONTEXT_RUNNABLE);
        udxg_unlock(NODE, &context->engine->lock);
    }
    udxg_unlock(DEVICE, &device->lock);
}

/* ---- submission ---- */

static void packet_init(struct udxg_packet *packet, enum packet_kind kind, struct udxg_context *context)
{
    packet->kind = kind;
    packet->context = context;
    udxg_list_init(&packet->link);
}

/* Queues a packet; it is taken. A cancelled context's packet is discarded: its device is in error or going. */
static void submit(struct udxg_packet *packet)
{
    struct udxg_context *context = packet->context;
    bool cancelled;

    atomic_fetch_add(&context->refs, 1);
    udxg_device_submit(context->child.device, &packet->timeline);
    udxg_lock(NODE, &context->engine->lock);
    cancelled = is_cancelled(context);
    if (!cancelled) {
        udxg_list_append(&context->packets, &packet->link);
        if (context->state == UDXG_CONTEXT_IDLE) set_state_locked(context, UDXG_CONTEXT_RUNNABLE);
    }
    udxg_unlock(NODE, &context->engine->lock);
    if (cancelled) packet_discard(packet);
}

/* The contexts of one device behind HANDLES, pinned; at least one, all of the first one's device. */
static udxg_status get_contexts(struct udxg_process *process, uint32_t count, const D3DKMT_HANDLE *handles,
                                struct udxg_context **ret_contexts)
{
    udxg_status status = count ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
    uint32_t pinned = 0;

    while (!udxg_failed(status) && pinned < count) {
        status = udxg_context_get(process, handles[pinned], &ret_contexts[pinned]);
        if (udxg_failed(status)) break;
        if (ret_contexts[pinned++]->child.device != ret_contexts[0]->child.device) status = STATUS_INVALID_PARAMETER;
    }
    if (!udxg_failed(status) && udxg_device_in_error(ret_contexts[0]->child.device))
        status = STATUS_GRAPHICS_GPU_EXCEPTION_ON_DEVICE;
    if (udxg_failed(status))
        while (pinned) udxg_context_put(ret_contexts[--pinned]);
    return status;
}

static void put_contexts(uint32_t count, struct udxg_context *const *contexts)
{
    for (uint32_t i = 0; i < count; i++) udxg_context_put(contexts[i]);
}

/* What SubmitCommand was given, as a packet; and the miniport's early word on it. */
static udxg_status make_command(struct udxg_context *context, const D3DKMT_SUBMITCOMMAND *args,
                                struct udxg_packet **ret_packet)
{
    const struct udxg_miniport *miniport = context->child.device->adapter->miniport;
    struct command_packet *command = malloc(sizeof *command + args->PrivateDriverDataSize);
    struct udxg_submission submission;
    udxg_status status;

    if (!command) return STATUS_NO_MEMORY;
    packet_init(&command->packet, PACKET_COMMAND, context);
    command->commands_va = args->Commands;
    command->commands_bytes = args->CommandLength;
    command->null_rendering = args->Flags.NullRendering || context->null_rendering;
    command->private_data_bytes = args->PrivateDriverDataSize;
    if (args->PrivateDriverDataSize)
        memcpy(command->private_data, args->pPrivateDriverData, args->PrivateDriverDataSize);
    describe(context, command, &submission);
    status = miniport->check_submission ? miniport->check_submission(context->mp_context, &submission) : STATUS_SUCCESS;
    if (udxg_failed(status)) {
        free(command);
        return status;
    }
    *ret_packet = &command->packet;
    return STATUS_SUCCESS;
}

/* Allocations that a submission names must be ones of its device. */
static udxg_status check_named(struct udxg_device *device, uint32_t count, const D3DKMT_HANDLE *handles)
{
    for (uint32_t i = 0; i < count; i++) {
        struct udxg_allocation *allocation = udxg_allocation_get(device, handles[i]);
        if (!allocation) return STATUS_INVALID_PARAMETER;
        udxg_allocation_put(allocation);
    }
    return STATUS_SUCCESS;
}

udxg_status thunk_SubmitCommand(struct udxg_process *process, D3DKMT_SUBMITCOMMAND *args)
{
    struct udxg_context *contexts[UDXG_MAX_BROADCAST];
    struct udxg_packet *packets[UDXG_MAX_BROADCAST];
    uint32_t count = args->BroadcastContextCount, made = 0;
    udxg_status status = get_contexts(process, count, args->BroadcastContext, contexts);

    if (udxg_failed(status)) return status;
    status = check_named(contexts[0]->child.device, args->NumPrimaries, args->WrittenPrimaries);
    if (!udxg_failed(status))
        status = check_named(contexts[0]->child.device, args->NumHistoryBuffers, args->HistoryBufferArray);
    while (made < count && !udxg_failed(status)) {
        status = make_command(contexts[made], args, &packets[made]);
        if (!udxg_failed(status)) made++;
    }
    for (uint32_t i = 0; i < made; i++) {
        if (udxg_failed(status))
            free(packets[i]);
        else
            submit(packets[i]);
    }
    put_contexts(count, contexts);
    return status;
}

/* References to the fences of a signal or wait of the GPU, none of which forbids it by FORBIDDEN. */
static udxg_status get_fences(struct udxg_process *process, uint32_t count, const D3DKMT_HANDLE *handles,
                              const UINT64 *values, D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS forbidden,
                              struct udxg_sync **ret_syncs)
{
    udxg_status status;

    if (!values) return STATUS_INVALID_PARAMETER; /* only other fences need no values */
    status = udxg_syncs_get(process, count, handles, ret_syncs);
    for (uint32_t i = 0; i < count && !udxg_failed(status); i++)
        if (ret_syncs[i]->flags.Value & forbidden.Value) status = STATUS_ACCESS_DENIED;
    if (status == STATUS_ACCESS_DENIED)
        for (uint32_t i = 0; i < count; i++) udxg_sync_unref(ret_syncs[i]);
    return status;
}

udxg_status thunk_SignalSynchronizationObjectFromGpu(struct udxg_process *process,
                                                     D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMGPU *args)
{
    struct udxg_sync *syncs[UDXG_MAX_SYNC_OBJECTS];
    struct udxg_context *context;
    struct signal_packet *signal;
    uint32_t count = args->ObjectCount;
    udxg_status status = get_contexts(process, 1, &args->hContext, &context);

    if (udxg_failed(status)) return status;
    status = get_fences(process, count, args->ObjectHandleArray, args->MonitoredFenceValueArray,
                        (D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS){.NoSignal = 1}, syncs);
    signal = udxg_failed(status) ? NULL : malloc(sizeof *signal + count * sizeof signal->items[0]);
    if (signal) {
        packet_init(&signal->packet, PACKET_SIGNAL, context);
        signal->count = count;
        for (uint32_t i = 0; i < count; i++) {
            signal->items[i].sync = syncs[i];
            signal->items[i].value = args->MonitoredFenceValueArray[i];
        }
        submit(&signal->packet);
    } else if (!udxg_failed(status)) {
        for (uint32_t i = 0; i < count; i++) udxg_sync_unref(syncs[i]);
        status = STATUS_NO_MEMORY;
    }
    udxg_context_put(context);
    return status;
}

udxg_status thunk_WaitForSynchronizationObjectFromGpu(struct udxg_process *process,
                                                      D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMGPU *args)
{
    struct udxg_sync *syncs[UDXG_MAX_SYNC_OBJECTS];
    struct udxg_context *context;
    struct wait_packet *wait;
    uint32_t count = args->ObjectCount;
    udxg_status status = get_contexts(process, 1, &args->hContext, &context);

    if (udxg_failed(status)) return status;
    status = get_fences(process, count, args->ObjectHandleArray, args->MonitoredFenceValueArray,
                        (D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS){.NoWait = 1}, syncs);
    if (!udxg_failed(status)) {
        wait = malloc(udxg_wait_bytes(offsetof(struct wait_packet, wait), count));
        if (wait) {
            packet_init(&wait->packet, PACKET_WAIT, context);
            wait->started = false;
            udxg_wait_init(&wait->wait, count, syncs, args->MonitoredFenceValueArray, false, wait_done, wait_free);
            submit(&wait->packet);
        } else {
            status = STATUS_NO_MEMORY;
        }
        for (uint32_t i = 0; i < count; i++) udxg_sync_unref(syncs[i]);
    }
    udxg_context_put(context);
    return status;
}

/* ---- create, destroy, priorities ---- */

udxg_status thunk_CreateContextVirtual(struct udxg_process *process, D3DKMT_CREATECONTEXTVIRTUAL *args) UDXG_NO_TSA
{
    UDXG_AUTO_FREE struct udxg_context *context = calloc(1, sizeof *context);
    struct udxg_device *device;
    udxg_status status;
    uint32_t handle;

    if (!context) return STATUS_NO_MEMORY;
    status = udxg_device_get(process, args->hDevice, &device);
    if (udxg_failed(status)) return status;
    status = args->NodeOrdinal < device->adapter->caps.node_count && args->EngineAffinity <= 1
                 ? udxg_handle_reserve(&process->handles, 1, &handle)
                 : STATUS_INVALID_PARAMETER;
    if (udxg_failed(status)) {
        udxg_device_put(device);
        return status;
    }
    context->engine = &device->adapter->engines[args->NodeOrdinal];
    status = udxg_engine_start(context->engine);
    if (!udxg_failed(status))
        status = device->adapter->miniport->create_context(device->adapter->mp_adapter, device->mp_device,
                                                           args->NodeOrdinal, args->pPrivateDriverData,
                                                           args->PrivateDriverDataSize, &context->mp_context);
    if (udxg_failed(status)) {
        udxg_handle_cancel(&process->handles, 1, &handle);
        udxg_device_put(device);
        return status;
    }
    atomic_init(&context->refs, 1);
    context->null_rendering = args->Flags.NullRendering;
    vidmm_gpu_memory(&device->vidmm, &context->memory);
    udxg_list_init(&context->run);
    udxg_list_init(&context->packets);
    context->child.handle = args->hContext = handle;
    udxg_device_add_child(device, UDXG_HANDLE_CONTEXT, &context->child);
    udxg_handle_publish(&process->handles, handle, UDXG_HANDLE_CONTEXT, udxg_steal(context));
    udxg_device_put(device);
    return STATUS_SUCCESS;
}

void udxg_context_release(void *object)
{
    struct udxg_context *context = object;
    struct udxg_list discarded;

    udxg_list_init(&discarded);
    udxg_lock(NODE, &context->engine->lock);
    context->closing = true;
    if (context->state == UDXG_CONTEXT_WAITING) take_packets_locked(context, &discarded);
    udxg_unlock(NODE, &context->engine->lock);
    udxg_device_child_closed(&context->child);
    discard_all(&discarded);
    udxg_companion_close(atomic_load(&context->companion));
    context_unref(context);
}

udxg_status thunk_DestroyContext(struct udxg_process *process, D3DKMT_DESTROYCONTEXT *args)
{
    return udxg_handle_close(&process->handles, args->hContext, UDXG_HANDLE_CONTEXT) ? STATUS_SUCCESS
                                                                                     : STATUS_INVALID_PARAMETER;
}

static bool is_priority(int priority)
{
    return priority >= UDXG_PRIORITY_MIN && priority <= UDXG_PRIORITY_MAX;
}

/* A runnable context changes queues with its priority. */
static void set_priority_locked(struct udxg_context *context, int priority) UDXG_REQUIRES(NODE)
{
    bool runnable = context->state == UDXG_CONTEXT_RUNNABLE;

    if (runnable) udxg_engine_dequeue_locked(context->engine, context);
    context->priority = priority;
    if (runnable) udxg_engine_enqueue_locked(context->engine, context);
}

static udxg_status set_priority(struct udxg_process *process, uint32_t handle, int priority, bool in_process)
{
    struct udxg_context *context;
    udxg_status status = udxg_context_get(process, handle, &context);

    if (udxg_failed(status)) return status;
    if (is_priority(priority)) {
        udxg_lock(NODE, &context->engine->lock);
        if (in_process)
            context->in_process_priority = priority;
        else
            set_priority_locked(context, priority);
        udxg_unlock(NODE, &context->engine->lock);
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
    udxg_lock(NODE, &context->engine->lock);
    *ret_priority = in_process ? context->in_process_priority : context->priority;
    udxg_unlock(NODE, &context->engine->lock);
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
