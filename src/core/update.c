/* SPDX-License-Identifier: MIT */
/*
 * Companions and their updates. An update is on its device's timeline from the call to its end, whatever becomes of
 * it, so that an allocation that is destroyed or evicted meanwhile is still there for it, as for any work; it holds a
 * reference to its companion, and that one to the device.
 *
 * Invariants: a companion is on the updater's list exactly while it is RUNNABLE; `blocked` is set exactly while it is
 * WAITING; operations_done <= operations, equal when nothing is queued or running. Lock: UPDATE, never while an update
 * runs, a wait starts or ends, or an update retires.
 */
#include "core/update.h"

#include <stdlib.h>

#include "abi/thunk.h"
#include "base/cleanup.h"
#include "base/os.h"
#include "core/allocation.h"
#include "core/context.h"
#include "core/handlers.h"
#include "core/sync.h"

#define QUEUED_OPERATIONS 128u /* of a companion; whoever queues more waits */

enum companion_state { COMPANION_IDLE, COMPANION_RUNNABLE, COMPANION_RUNNING, COMPANION_WAITING };

struct update {
    struct udxg_list link; /* UPDATE, while queued; whoever took it off owns it after */
    struct udxg_timeline_entry timeline;
    struct udxg_companion *companion; /* referenced */
    struct vidmm_va_update *changes;  /* owned */
    uint32_t operations;
    bool waits, started;      /* waits: its wait has to be satisfied first; started: it hangs in the fence */
    uint64_t signalled_value; /* of the fence, in the end */
    struct udxg_wait wait;    /* has the fence; ends in its waiter; its memory is the update's */
};

struct udxg_companion {
    atomic_uint refs;             /* the context, every update, callers that wait, the updater while it has picked it */
    struct udxg_device *device;   /* referenced; constant */
    struct udxg_updater *updater; /* constant */
    pthread_cond_t moved;         /* with lock: operations_done */
    enum companion_state state UDXG_GUARDED_BY(UPDATE);
    struct udxg_list run UDXG_GUARDED_BY(UPDATE);                 /* in the updater's list */
    struct udxg_list updates UDXG_GUARDED_BY(UPDATE);             /* not begun */
    struct update *blocked UDXG_GUARDED_BY(UPDATE);               /* waits for its fence */
    bool closing UDXG_GUARDED_BY(UPDATE);                         /* no handle: what cannot run now never will */
    bool cancelled UDXG_GUARDED_BY(UPDATE);                       /* takes no more */
    uint64_t operations, operations_done UDXG_GUARDED_BY(UPDATE); /* ever queued, ever ended */
};

/* ---- state ---- */

static const uint8_t legal_next[] = {
    [COMPANION_IDLE] = 1 << COMPANION_RUNNABLE,
    [COMPANION_RUNNABLE] = 1 << COMPANION_RUNNING | 1 << COMPANION_IDLE,
    [COMPANION_RUNNING] = 1 << COMPANION_RUNNABLE | 1 << COMPANION_IDLE | 1 << COMPANION_WAITING,
    [COMPANION_WAITING] = 1 << COMPANION_RUNNABLE | 1 << COMPANION_IDLE,
};

static void set_state_locked(struct udxg_companion *companion, enum companion_state state) UDXG_REQUIRES(UPDATE)
{
    if (!(legal_next[companion->state] & 1 << state)) abort(); /* ours alone: no client can bring this about */
    if (companion->state == COMPANION_RUNNABLE) udxg_list_remove(&companion->run);
    companion->state = state;
    if (state != COMPANION_RUNNABLE) return;
    udxg_list_append(&companion->updater->run, &companion->run);
    pthread_cond_signal(&companion->updater->work);
}

static void run_if_work_locked(struct udxg_companion *companion) UDXG_REQUIRES(UPDATE)
{
    set_state_locked(companion, udxg_list_empty(&companion->updates) ? COMPANION_IDLE : COMPANION_RUNNABLE);
}

/* ---- life ---- */

static void companion_ref(struct udxg_companion *companion)
{
    atomic_fetch_add(&companion->refs, 1);
}

void udxg_companion_unref(struct udxg_companion *companion)
{
    struct udxg_device *device;

    if (!companion || atomic_fetch_sub(&companion->refs, 1) != 1) return;
    device = companion->device;
    pthread_cond_destroy(&companion->moved);
    free(companion);
    udxg_device_unref(device);
}

static struct udxg_companion *companion_create(struct udxg_device *device) UDXG_NO_TSA
{
    struct udxg_companion *companion = calloc(1, sizeof *companion);

    if (!companion) return NULL;
    atomic_init(&companion->refs, 1);
    atomic_fetch_add(&device->refs, 1);
    companion->device = device;
    companion->updater = &device->adapter->updater;
    pthread_cond_init(&companion->moved, NULL);
    udxg_list_init(&companion->run);
    udxg_list_init(&companion->updates);
    return companion;
}

static void *updater_main(void *argument);

static udxg_status start_updater(struct udxg_updater *updater)
{
    udxg_status status = STATUS_SUCCESS;

    udxg_lock(UPDATE, &updater->lock);
    if (!updater->started) {
        updater->started = udxg_os_thread_create(&updater->thread, "udxg-updater", updater_main, updater);
        if (!updater->started) status = STATUS_NO_MEMORY;
    }
    udxg_unlock(UPDATE, &updater->lock);
    return status;
}

/* The context's companion, made when there is none. The context is pinned, so that nobody is closing it. */
static udxg_status companion_of(struct udxg_context *context, struct udxg_companion **ret_companion)
{
    struct udxg_companion *companion = atomic_load(&context->companion), *made;
    udxg_status status;

    if (!companion) {
        status = start_updater(&context->lane.child.device->adapter->updater);
        if (udxg_failed(status)) return status;
        made = companion_create(context->lane.child.device);
        if (!made) return STATUS_NO_MEMORY;
        if (atomic_compare_exchange_strong(&context->companion, &companion, made))
            companion = made;
        else
            udxg_companion_unref(made); /* somebody was faster */
    }
    *ret_companion = companion;
    return STATUS_SUCCESS;
}

/* ---- the end of an update ---- */

static struct udxg_sync *fence_of(struct update *update)
{
    return update->wait.waiters[0].sync;
}

/* With the wait's last reference: wait_done() may look at the companion until then. */
static void update_free(struct udxg_wait *wait)
{
    struct update *update = udxg_container_of(wait, struct update, wait);
    struct udxg_companion *companion = update->companion;

    vidmm_va_update_destroy(update->changes);
    free(update);
    udxg_companion_unref(companion);
}

/* What waits for its signal waits for nothing when the device is in error. */
static void end_fence(struct update *update)
{
    struct udxg_list fired;

    if (!udxg_device_in_error(update->companion->device)) return;
    udxg_list_init(&fired);
    udxg_sync_end_collect(fence_of(update), &fired);
    udxg_waiters_fire(&fired);
}

/* It has retired: callers that waited for their turn may go, and it with its last waiter. */
static void update_end(struct update *update)
{
    struct udxg_companion *companion = update->companion;

    udxg_lock(UPDATE, &companion->updater->lock);
    companion->operations_done += update->operations;
    pthread_cond_broadcast(&companion->moved);
    udxg_unlock(UPDATE, &companion->updater->lock);
    udxg_sync_expect_no_more(fence_of(update));
    udxg_wait_unref(&update->wait);
}

static void discard_all(struct udxg_list *taken) UDXG_NO_TSA
{
    struct udxg_list *link;

    while ((link = udxg_list_pop(taken))) {
        struct update *update = udxg_container_of(link, struct update, link);
        if (update->started) udxg_wait_cancel(&update->wait);
        end_fence(update);
        udxg_device_retire(update->companion->device, &update->timeline);
        update_end(update);
    }
}

/* Moves everything that has not begun, and what waits for its fence, to TAKEN. */
static void take_updates_locked(struct udxg_companion *companion, struct udxg_list *taken) UDXG_REQUIRES(UPDATE)
{
    struct udxg_list *link;

    if (companion->blocked) {
        udxg_list_append(taken, &companion->blocked->link);
        companion->blocked = NULL;
    }
    while ((link = udxg_list_pop(&companion->updates))) udxg_list_append(taken, link);
    if (companion->state != COMPANION_RUNNING && companion->state != COMPANION_IDLE)
        set_state_locked(companion, COMPANION_IDLE);
}

static void cancel(struct udxg_companion *companion, struct udxg_list *taken)
{
    if (!companion) return;
    udxg_lock(UPDATE, &companion->updater->lock);
    companion->cancelled = true;
    take_updates_locked(companion, taken);
    udxg_unlock(UPDATE, &companion->updater->lock);
}

void udxg_updates_cancel(struct udxg_device *device)
{
    struct udxg_list taken;

    udxg_list_init(&taken);
    udxg_lock(DEVICE, &device->lock);
    udxg_list_for_each(link, &device->children[UDXG_HANDLE_CONTEXT])
        cancel(atomic_load(&udxg_container_of(link, struct udxg_context, lane.child.link)->companion), &taken);
    udxg_unlock(DEVICE, &device->lock);
    discard_all(&taken);
}

void udxg_companion_close(struct udxg_companion *companion)
{
    struct udxg_list taken;

    if (!companion) return;
    udxg_list_init(&taken);
    udxg_lock(UPDATE, &companion->updater->lock);
    companion->closing = true;
    if (companion->state == COMPANION_WAITING) take_updates_locked(companion, &taken);
    udxg_unlock(UPDATE, &companion->updater->lock);
    discard_all(&taken);
}

/* ---- running ---- */

struct signalling {
    struct update *update;
    struct udxg_list fired; /* waits to release */
};

/* Under DEVICE, as the end of all fences of a device in error is: what that has set stays. */
static void store_value(void *user)
{
    struct signalling *step = user;
    struct update *update = step->update;

    if (udxg_device_in_error(update->companion->device)) {
        udxg_sync_end_collect(fence_of(update), &step->fired);
        return;
    }
    udxg_sync_store_collect(fence_of(update), update->companion->device, update->signalled_value, &step->fired);
}

static void run_update(struct update *update)
{
    struct udxg_device *device = update->companion->device;
    struct signalling step = {.update = update};

    udxg_list_init(&step.fired);
    if (udxg_failed(vidmm_va_update_run(update->changes)))
        udxg_device_fail(device, D3DKMT_DEVICEEXECUTION_ERROR_OUTOFMEMORY, NULL);
    udxg_device_retire_with(device, &update->timeline, store_value, &step);
    udxg_waiters_fire(&step.fired);
    update_end(update);
}

/* The update may run: first in the queue again. Runs on whichever thread signals. */
static bool wait_done(struct udxg_wait *wait)
{
    struct update *update = udxg_container_of(wait, struct update, wait);
    struct udxg_companion *companion = update->companion;

    bool ours;

    udxg_lock(UPDATE, &companion->updater->lock);
    ours = companion->blocked == update; /* otherwise it was taken meanwhile */
    if (ours) {
        companion->blocked = NULL;
        update->waits = false;
        udxg_list_insert_before(companion->updates.next, &update->link);
        set_state_locked(companion, COMPANION_RUNNABLE);
    }
    udxg_unlock(UPDATE, &companion->updater->lock);
    return ours;
}

/* A closing companion does not wait: what is behind an unsatisfied wait is given up. */
static void give_up_if_closing(struct udxg_companion *companion, struct update *update)
{
    struct udxg_list taken;
    bool over;

    udxg_list_init(&taken);
    udxg_lock(UPDATE, &companion->updater->lock);
    if ((companion->closing || companion->cancelled) && companion->blocked == update)
        take_updates_locked(companion, &taken);
    over = companion->blocked != update;
    udxg_unlock(UPDATE, &companion->updater->lock);
    discard_all(&taken);
    /* Who took it while the wait was being started has not seen the waiter that was hung in after that. */
    if (over) udxg_wait_cancel(&update->wait);
}

static void start_wait(struct udxg_companion *companion, struct update *update)
{
    udxg_wait_start(&update->wait);
    give_up_if_closing(companion, update);
    udxg_wait_unref(&update->wait);
}

/* Takes the next update; true when it runs now, false when it waits for its fence first. NULL when there is none. */
static struct update *begin_locked(struct udxg_companion *companion, bool *ret_runs) UDXG_REQUIRES(UPDATE)
{
    struct udxg_list *link = udxg_list_pop(&companion->updates);
    struct update *update = link ? udxg_container_of(link, struct update, link) : NULL;

    *ret_runs = update && !update->waits;
    if (!update || *ret_runs) return update;
    atomic_fetch_add(&update->wait.refs, 1); /* it outlives wait_done() */
    update->started = true;
    companion->blocked = update;
    set_state_locked(companion, COMPANION_WAITING);
    return update;
}

/* The step of a companion that the updater has picked, and referenced. */
static void step(struct udxg_companion *companion)
{
    struct udxg_updater *updater = companion->updater;
    struct update *update;
    bool runs;

    udxg_lock(UPDATE, &updater->lock);
    update = begin_locked(companion, &runs);
    udxg_unlock(UPDATE, &updater->lock);
    if (update && !runs) {
        start_wait(companion, update);
        return;
    }
    if (update) run_update(update);
    udxg_lock(UPDATE, &updater->lock);
    run_if_work_locked(companion);
    udxg_unlock(UPDATE, &updater->lock);
}

/* The next companion to run, NULL when the updater is to stop. */
static struct udxg_companion *next(struct udxg_updater *updater)
{
    struct udxg_companion *companion = NULL;

    udxg_lock(UPDATE, &updater->lock);
    while (udxg_list_empty(&updater->run) && !updater->stop) pthread_cond_wait(&updater->work, &updater->lock.mutex);
    if (!udxg_list_empty(&updater->run)) {
        companion = udxg_container_of(udxg_list_first(&updater->run), struct udxg_companion, run);
        companion_ref(companion); /* it is runnable, so it has updates, which have references */
        set_state_locked(companion, COMPANION_RUNNING);
    }
    udxg_unlock(UPDATE, &updater->lock);
    return companion;
}

static void *updater_main(void *argument)
{
    struct udxg_updater *updater = argument;
    struct udxg_companion *companion;

    while ((companion = next(updater))) {
        step(companion);
        udxg_companion_unref(companion);
    }
    return NULL;
}

void udxg_updater_init(struct udxg_updater *updater) UDXG_NO_TSA
{
    udxg_mutex_init_UPDATE(&updater->lock);
    pthread_cond_init(&updater->work, NULL);
    udxg_list_init(&updater->run);
}

void udxg_updater_fini(struct udxg_updater *updater)
{
    pthread_t thread;
    bool started;

    udxg_lock(UPDATE, &updater->lock);
    updater->stop = true;
    started = updater->started;
    thread = updater->thread;
    pthread_cond_signal(&updater->work);
    udxg_unlock(UPDATE, &updater->lock);
    if (started) pthread_join(thread, NULL);
    pthread_cond_destroy(&updater->work);
    udxg_mutex_fini_UPDATE(&updater->lock);
}

/* ---- the call ---- */

static uint32_t protection_of(D3DDDIGPUVIRTUALADDRESS_PROTECTION_TYPE protection)
{
    return (protection.Write ? VIDMM_VA_WRITE : 0u) | (protection.Execute ? VIDMM_VA_EXECUTE : 0u) |
           (protection.Zero ? VIDMM_VA_PROTECT_ZERO : 0u) | (protection.NoAccess ? VIDMM_VA_PROTECT_NO_ACCESS : 0u);
}

/* What is asked for, but for the allocation; whose handle it would be is in *ret_handle. */
static udxg_status read_operation(const D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION *operation, struct vidmm_va_op *ret_op,
                                  uint32_t *ret_handle)
{
    *ret_handle = 0;
    switch (operation->OperationType) {
    case D3DDDI_UPDATEGPUVIRTUALADDRESS_MAP:
    case D3DDDI_UPDATEGPUVIRTUALADDRESS_MAP_PROTECT: /* begins as Map does */
        *ret_op = (struct vidmm_va_op){
            .kind = VIDMM_VA_OP_MAP,
            .base = operation->Map.BaseAddress,
            .size_bytes = operation->Map.SizeInBytes,
            .offset_bytes = operation->Map.AllocationOffsetInBytes,
            .window_bytes = operation->Map.AllocationSizeInBytes,
            .protection = operation->OperationType == D3DDDI_UPDATEGPUVIRTUALADDRESS_MAP
                              ? VIDMM_VA_WRITE
                              : protection_of(operation->MapProtect.Protection),
        };
        *ret_handle = operation->Map.hAllocation;
        return STATUS_SUCCESS;
    case D3DDDI_UPDATEGPUVIRTUALADDRESS_UNMAP:
        *ret_op = (struct vidmm_va_op){
            .kind = VIDMM_VA_OP_UNMAP,
            .base = operation->Unmap.BaseAddress,
            .size_bytes = operation->Unmap.SizeInBytes,
            .protection = protection_of(operation->Unmap.Protection),
        };
        return STATUS_SUCCESS;
    case D3DDDI_UPDATEGPUVIRTUALADDRESS_COPY:
        *ret_op = (struct vidmm_va_op){
            .kind = VIDMM_VA_OP_COPY,
            .base = operation->Copy.DestAddress,
            .size_bytes = operation->Copy.SizeInBytes,
            .source = operation->Copy.SourceAddress,
        };
        return STATUS_SUCCESS;
    }
    return STATUS_INVALID_PARAMETER;
}

static udxg_status add_operation(struct udxg_device *device, const D3DDDI_UPDATEGPUVIRTUALADDRESS_OPERATION *operation,
                                 struct vidmm_va_update *changes)
{
    struct udxg_allocation *allocation = NULL;
    struct vidmm_va_op op;
    uint32_t handle;
    udxg_status status = read_operation(operation, &op, &handle);

    if (udxg_failed(status)) return status;
    if (handle) {
        allocation = udxg_allocation_get(device, handle);
        if (!allocation) return STATUS_INVALID_PARAMETER;
        op.binding = &allocation->vidmm;
        if (vidmm_alloc_is_gone(&allocation->memory->vidmm)) status = STATUS_INVALID_PARAMETER;
    }
    if (!udxg_failed(status)) status = vidmm_va_update_add(changes, &op);
    if (allocation) udxg_allocation_put(allocation);
    return status;
}

/* All operations of the call, or none. */
static udxg_status make_changes(struct udxg_device *device, const D3DKMT_UPDATEGPUVIRTUALADDRESS *args,
                                struct vidmm_va_update **ret_changes)
{
    struct vidmm_va_update *changes;
    udxg_status status = vidmm_va_update_create(device->pa->vidmm, args->NumOperations, &changes);

    if (udxg_failed(status)) return status;
    for (uint32_t i = 0; i < args->NumOperations && !udxg_failed(status); i++)
        status = add_operation(device, &args->Operations[i], changes);
    if (udxg_failed(status))
        vidmm_va_update_destroy(changes);
    else
        *ret_changes = changes;
    return status;
}

/* A reference to the fence; it must allow what is asked of it. */
static udxg_status get_fence(struct udxg_process *process, const D3DKMT_UPDATEGPUVIRTUALADDRESS *args,
                             struct udxg_sync **ret_sync)
{
    enum udxg_sync_use use = args->Flags.DoNotWait ? UDXG_SYNC_SIGNAL : UDXG_SYNC_SIGNAL | UDXG_SYNC_WAIT;

    if (args->FenceValue == UINT64_MAX) return STATUS_INVALID_PARAMETER; /* no value is the next */
    return udxg_submit_get_fences(process, 1, &args->hFenceObject, &args->FenceValue, use, ret_sync);
}

/* Takes CHANGES when it succeeds. */
static udxg_status make_update(struct udxg_companion *companion, const D3DKMT_UPDATEGPUVIRTUALADDRESS *args,
                               struct udxg_sync *fence, struct vidmm_va_update *changes, struct update **ret_update)
{
    static const struct udxg_wait_ops ops = {wait_done, update_free};
    struct update *update = malloc(udxg_wait_bytes(offsetof(struct update, wait), 1));

    if (!update) return STATUS_NO_MEMORY;
    udxg_list_init(&update->link);
    companion_ref(companion);
    update->companion = companion;
    update->changes = changes;
    update->operations = args->NumOperations;
    update->waits = !args->Flags.DoNotWait;
    update->started = false;
    update->signalled_value = args->FenceValue + 1;
    udxg_wait_init(&update->wait, 1, &fence, &args->FenceValue, false, companion->device, &ops);
    *ret_update = update;
    return STATUS_SUCCESS;
}

/*
 * Queues an update; it is taken. What comes to a cancelled companion is discarded: its device is in error or going.
 * *ret_turn is how many operations must have ended before the caller may go on.
 */
static void submit(struct udxg_companion *companion, struct update *update, bool cancelled, uint64_t *ret_turn)
{
    struct udxg_list taken;
    uint64_t before;

    udxg_list_init(&taken);
    udxg_sync_expect(fence_of(update));
    udxg_device_submit(companion->device, &update->timeline);
    udxg_lock(UPDATE, &companion->updater->lock);
    before = companion->operations;
    companion->operations += update->operations;
    *ret_turn = companion->operations > QUEUED_OPERATIONS ? companion->operations - QUEUED_OPERATIONS : 0;
    if (*ret_turn > before) *ret_turn = before; /* it never waits for itself alone */
    companion->cancelled |= cancelled;
    udxg_list_append(companion->cancelled ? &taken : &companion->updates, &update->link);
    if (!companion->cancelled && companion->state == COMPANION_IDLE) set_state_locked(companion, COMPANION_RUNNABLE);
    udxg_unlock(UPDATE, &companion->updater->lock);
    discard_all(&taken);
}

/* Who waits for his turn in a companion. */
struct turn {
    struct udxg_stall stall;
    struct udxg_companion *companion;
};

static void wake_turns(struct udxg_stall *stall, udxg_status why)
{
    struct udxg_companion *companion = udxg_container_of(stall, struct turn, stall)->companion;

    (void)why;
    udxg_lock(UPDATE, &companion->updater->lock);
    pthread_cond_broadcast(&companion->moved);
    udxg_unlock(UPDATE, &companion->updater->lock);
}

static bool is_turn(struct udxg_companion *companion, uint64_t turn)
{
    bool is;

    udxg_lock(UPDATE, &companion->updater->lock);
    is = companion->operations_done >= turn;
    udxg_unlock(UPDATE, &companion->updater->lock);
    return is;
}

/* Blocks until TURN operations have ended; destroying context or device ends them all. */
static udxg_status wait_turn(struct udxg_process *process, struct udxg_companion *companion, uint64_t turn)
{
    struct turn waiter = {.stall.wake = wake_turns, .companion = companion};
    struct udxg_updater *updater = companion->updater;

    if (is_turn(companion, turn)) return STATUS_SUCCESS;
    if (!udxg_stall_begin(&process->stalls, &waiter.stall)) return STATUS_DEVICE_REMOVED;
    udxg_lock(UPDATE, &updater->lock);
    while (companion->operations_done < turn && !udxg_stalls_are_cancelled(&process->stalls))
        pthread_cond_wait(&companion->moved, &updater->lock.mutex);
    udxg_unlock(UPDATE, &updater->lock);
    udxg_stall_end(&waiter.stall);
    return udxg_stalls_are_cancelled(&process->stalls) ? STATUS_DEVICE_REMOVED : STATUS_SUCCESS;
}

/* The call on a pinned context; *ret_companion is referenced when it succeeds. */
static udxg_status update(struct udxg_process *process, struct udxg_context *context,
                          const D3DKMT_UPDATEGPUVIRTUALADDRESS *args, struct udxg_companion **ret_companion,
                          uint64_t *ret_turn)
{
    struct udxg_companion *companion;
    struct vidmm_va_update *changes;
    struct update *queued;
    struct udxg_sync *fence;
    udxg_status status = get_fence(process, args, &fence);

    if (udxg_failed(status)) return status;
    status = make_changes(context->lane.child.device, args, &changes);
    if (!udxg_failed(status)) {
        status = companion_of(context, &companion);
        if (!udxg_failed(status)) status = make_update(companion, args, fence, changes, &queued);
        if (udxg_failed(status)) vidmm_va_update_destroy(changes);
    }
    udxg_sync_unref(fence);
    if (udxg_failed(status)) return status;
    companion_ref(companion);
    *ret_companion = companion;
    submit(companion, queued, atomic_load(&context->lane.cancelled), ret_turn);
    return STATUS_SUCCESS;
}

/* The context, pinned, if it is one of DEVICE's and takes work. */
static udxg_status get_context(struct udxg_process *process, uint32_t handle, const struct udxg_device *device,
                               struct udxg_context **ret_context)
{
    udxg_status status = udxg_context_get(process, handle, ret_context);

    if (udxg_failed(status)) return status;
    if ((*ret_context)->lane.child.device != device)
        status = STATUS_INVALID_PARAMETER;
    else if (udxg_device_in_error((*ret_context)->lane.child.device))
        status = STATUS_GRAPHICS_GPU_EXCEPTION_ON_DEVICE;
    if (udxg_failed(status)) udxg_context_put(*ret_context);
    return status;
}

udxg_status thunk_UpdateGpuVirtualAddress(struct udxg_process *process, D3DKMT_UPDATEGPUVIRTUALADDRESS *args)
{
    struct udxg_companion *companion;
    struct udxg_context *context;
    struct udxg_device *device;
    uint64_t turn;
    udxg_status status = udxg_device_get(process, args->hDevice, &device);

    if (udxg_failed(status)) return status;
    status = get_context(process, args->hContext, device, &context);
    if (!udxg_failed(status)) {
        status = update(process, context, args, &companion, &turn);
        udxg_context_put(context);
    }
    udxg_device_put(device);
    if (udxg_failed(status)) return status;
    /* Nothing is pinned while it waits: destroying the context or the device must be able to end the wait. */
    status = wait_turn(process, companion, turn);
    udxg_companion_unref(companion);
    return status;
}
