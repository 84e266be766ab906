/* SPDX-License-Identifier: MIT */
/* The paging thread and its queues; the rules stand in the header. */
#include "vidmm/paging.h"

#include <stdlib.h>

#include "base/os.h"
#include "vidmm/admission.h"
#include "vidmm/alloc.h"
#include "vidmm/budget.h"
#include "vidmm/claim.h"
#include "vidmm/offer.h"
#include "vidmm/residency.h"
#include "vidmm/victim.h"

#define QUIET_NS UINT64_C(50000000) /* without pressure on a segment, before anybody comes back to it */
#define MANY_MOVING 8u              /* of a device's list, looked at before the rest is left for later */

enum step {
    STEP_IDLE,     /* nothing to do, as far as was looked */
    STEP_BLOCKED,  /* somebody else's copy has to end first, or somebody's run */
    STEP_COPY,     /* a copy has begun */
    STEP_ADVANCED, /* an allocation is in place, or on its way there */
    STEP_DONE,     /* an operation is */
    STEP_READY,    /* a device is */
    STEP_STOP,
};

/* What a step has decided, to be done without the lock. */
struct work {
    enum step step;
    struct vidmm_copy copy;
    struct vidmm_queue *queue; /* of the operation, which is done */
    struct vidmm_paging_op *op;
    struct vidmm_device *device; /* which is ready */
    uint64_t retry_ns;           /* when there is something to do again without anybody's saying so */
};

static struct vidmm_queue *queue_of(struct udxg_list *busy_link)
{
    return udxg_container_of(busy_link, struct vidmm_queue, busy_link);
}

static struct vidmm_paging_op *op_of(struct udxg_list *link)
{
    return udxg_container_of(link, struct vidmm_paging_op, link);
}

/* ---- one allocation ---- */

/* Makes room by taking somebody home. */
static enum step evict_for_locked(struct vidmm_segment *segment, struct vidmm_copy *copy) UDXG_REQUIRES(VIDMM)
{
    struct vidmm_alloc *victim = vidmm_segment_victim_locked(segment);
    if (!victim) return STEP_BLOCKED;
    bool leaving = !vidmm_offer_in_effect_locked(victim) && (victim->target_id || !victim->keep);
    if (!leaving) victim->leaves_for = VIDMM_EVICTED_FOR_ROOM; /* it had not to leave by itself */
    vidmm_copy_begin_out_locked(victim, copy);
    return STEP_COPY;
}

/* There is room, but not in one piece: others have to go until there is. */
static bool displace_for_locked(struct vidmm_device *device, struct vidmm_segment *segment,
                                const struct vidmm_alloc *alloc) UDXG_REQUIRES(VIDMM)
{
    struct vidmm_quest quest = {.device = device, .now_ns = udxg_os_now_ns(), .retry_ns = UINT64_MAX};
    return alloc->physical && vidmm_claim_displace_locked(segment, &quest);
}

/*
 * The segment cannot take ALLOC although everybody else has left: fragmentation for one that has to lie in one
 * piece, or our own memory is out. It stays in system memory, in the aperture when that is allowed; otherwise
 * the device that asked is in error.
 */
static enum step give_up_locked(struct vidmm_device *device, struct vidmm_alloc *alloc) UDXG_REQUIRES(VIDMM)
{
    if (!vidmm_claim_retarget_locked(alloc)) device->out_of_memory = true;
    alloc->unfit = true;
    vidmm_alloc_settle_home_locked(alloc);
    return STEP_ADVANCED;
}

static enum step page_in_locked(struct vidmm_device *device, struct vidmm_alloc *alloc, struct vidmm_copy *copy)
    UDXG_REQUIRES(VIDMM)
{
    struct vidmm_segment *segment = vidmm_adapter_segment_of(alloc->process->adapter, alloc->target_id);
    struct vidmm_extent *extents;
    if (vidmm_adapter_has_fault(alloc->process->adapter, VIDMM_FAULT_PREPARATION)) {
        device->out_of_memory = true;
        return give_up_locked(device, alloc);
    }
    udxg_status status = vidmm_segment_take_locked(segment, alloc, &extents);
    if (!udxg_failed(status)) {
        vidmm_copy_begin_in_locked(alloc, extents, copy);
        return STEP_COPY;
    }
    while (status == STATUS_GRAPHICS_NO_VIDEO_MEMORY) {
        if (evict_for_locked(segment, copy) == STEP_COPY) return STEP_COPY;
        if (segment->moving_bytes || !udxg_list_empty(&segment->leaving)) return STEP_BLOCKED; /* or in use */
        if (!displace_for_locked(device, segment, alloc)) break;
    }
    return give_up_locked(device, alloc);
}

/* One step of bringing to its target what has been promised it. */
static enum step bring_in_place_locked(struct vidmm_device *device, struct vidmm_alloc *alloc, struct vidmm_copy *copy)
    UDXG_REQUIRES(VIDMM)
{
    if (vidmm_alloc_is_settled_locked(alloc)) return STEP_ADVANCED;
    if (alloc->place == VIDMM_PLACE_PAGING_IN && alloc->segment_id == alloc->target_id) return STEP_ADVANCED;
    if (vidmm_alloc_is_moving_locked(alloc)) return STEP_BLOCKED;
    if (alloc->place != VIDMM_PLACE_HOME && vidmm_residency_is_in_use_locked(alloc)) {
        alloc->process->adapter->run_awaited = true;
        return STEP_BLOCKED;
    }
    if (alloc->place == VIDMM_PLACE_SEGMENT) {
        vidmm_copy_begin_out_locked(alloc, copy);
        return STEP_COPY;
    }
    vidmm_alloc_settle_home_locked(alloc); /* to an aperture, or out of one */
    if (vidmm_alloc_is_settled_locked(alloc)) return STEP_ADVANCED;
    return page_in_locked(device, alloc, copy);
}

/* ---- operations ---- */

/*
 * Whether a binding of an operation is still to be looked at: it is listed, and its promise kept or waited for. Nobody
 * waits for what is to be away: it comes when the process is resumed, before the device runs.
 */
static bool is_open_locked(const struct vidmm_queue *queue, const struct vidmm_binding *binding) UDXG_REQUIRES(VIDMM)
{
    if (!binding || !binding->hold->count || vidmm_alloc_is_settled_locked(binding->alloc)) return false;
    return binding->alloc->promised || !(queue->closing || queue->device->process->suspended);
}

/* Begins what can be begun: STEP_ADVANCED when that was all. */
static enum step begin_locked(struct vidmm_queue *queue, struct vidmm_paging_op *op, struct vidmm_copy *copy)
    UDXG_REQUIRES(VIDMM)
{
    for (; op->begun < op->count; op->begun++) {
        struct vidmm_binding *binding = op->bindings[op->begun];
        if (!is_open_locked(queue, binding)) continue;
        if (!binding->alloc->promised) {
            vidmm_gate_enter_locked(queue->device);
            return STEP_BLOCKED;
        }
        enum step step = bring_in_place_locked(queue->device, binding->alloc, copy);
        if (step != STEP_ADVANCED) return step;
    }
    return STEP_ADVANCED;
}

static enum step op_step_locked(struct vidmm_queue *queue, struct vidmm_paging_op *op, struct vidmm_copy *copy)
    UDXG_REQUIRES(VIDMM)
{
    for (;;) {
        enum step step = begin_locked(queue, op, copy);
        if (step != STEP_ADVANCED) return step;
        while (op->next < op->count && !is_open_locked(queue, op->bindings[op->next])) op->next++;
        if (op->next == op->count) return queue->in_callback ? STEP_BLOCKED : STEP_DONE;
        if (vidmm_alloc_is_moving_locked(op->bindings[op->next]->alloc)) return STEP_BLOCKED;
        op->begun = op->next; /* it has lost its place again */
    }
}

static void look_again_at(struct work *work, uint64_t time_ns)
{
    if (time_ns < work->retry_ns) work->retry_ns = time_ns;
}

/* The turn of the operation has come: whether it is to wait nevertheless. */
static bool is_delayed_locked(const struct vidmm_queue *queue, struct vidmm_paging_op *op, struct work *work)
    UDXG_REQUIRES(VIDMM)
{
    if (!op->delay_ns || queue->closing) return false;
    uint64_t now_ns = udxg_os_now_ns();
    if (!op->due_ns) op->due_ns = now_ns + op->delay_ns;
    if (op->due_ns <= now_ns) return false;
    look_again_at(work, op->due_ns);
    return true;
}

static enum step queues_step_locked(struct vidmm_pager *pager, struct work *work) UDXG_REQUIRES(VIDMM)
{
    for (unsigned rank = VIDMM_QUEUE_PRIORITIES; rank-- > 0;) {
        udxg_list_for_each(it, &pager->busy[rank])
        {
            struct vidmm_queue *queue = queue_of(it);
            struct vidmm_paging_op *op = op_of(udxg_list_first(&queue->ops));
            if (is_delayed_locked(queue, op, work)) continue;
            enum step step = op_step_locked(queue, op, &work->copy);
            work->queue = queue;
            work->op = op;
            if (step != STEP_BLOCKED) return step;
        }
    }
    return STEP_IDLE;
}

/* ---- devices ---- */

/* One step for a device that has been promised all it lists. What is on its way goes to the end of the list. */
static enum step arrive_locked(struct vidmm_device *device, struct vidmm_copy *copy) UDXG_REQUIRES(VIDMM)
{
    struct udxg_list *promised = &device->listed[VIDMM_LISTED_PROMISED];
    unsigned moving = 0;
    while (moving < MANY_MOVING && !udxg_list_empty(promised)) {
        struct udxg_list *first = udxg_list_pop(promised);
        struct vidmm_alloc *alloc = udxg_container_of(first, struct vidmm_binding, required)->alloc;
        udxg_list_append(promised, first);
        enum step step = bring_in_place_locked(device, alloc, copy);
        if (step == STEP_COPY) return step;
        if (!vidmm_alloc_is_settled_locked(alloc)) moving++;
    }
    return STEP_BLOCKED;
}

static enum step gate_step_locked(struct vidmm_adapter *adapter, struct work *work) UDXG_REQUIRES(VIDMM)
{
    if (adapter->orders || (udxg_list_empty(&adapter->waiting) && udxg_list_empty(&adapter->arriving)))
        return STEP_IDLE;
    uint64_t now_ns = udxg_os_now_ns();
    vidmm_gate_serve_locked(adapter, now_ns, &work->retry_ns);
    udxg_list_for_each(it, &adapter->arriving)
    {
        struct vidmm_device *device = udxg_container_of(it, struct vidmm_device, gate_link);
        if (arrive_locked(device, &work->copy) == STEP_COPY) return STEP_COPY;
    }
    work->device = vidmm_gate_admit_locked(adapter, now_ns);
    return work->device ? STEP_READY : STEP_IDLE;
}

/* ---- those who leave, and those who come back ---- */

/* What somebody needs the room of leaves in any case, by evict_for_locked(). */
static enum step leave_step_locked(struct vidmm_adapter *adapter, struct work *work) UDXG_REQUIRES(VIDMM)
{
    if (adapter->pager.leave_ns && udxg_os_now_ns() < adapter->pager.leave_ns) {
        look_again_at(work, adapter->pager.leave_ns);
        return STEP_IDLE;
    }
    for (uint32_t i = 0; i < adapter->segment_count; i++) {
        struct vidmm_alloc *leaver = vidmm_segment_leaver_locked(adapter->segments[i]);
        if (!leaver) continue;
        vidmm_copy_begin_out_locked(leaver, &work->copy);
        return STEP_COPY;
    }
    return STEP_IDLE;
}

/*
 * Brings one back. It is promised the room when the bytes can follow at once, and not before: nobody else would see to
 * it that they do.
 */
static enum step return_one_locked(struct vidmm_alloc *alloc, struct vidmm_segment *segment, struct vidmm_copy *copy)
    UDXG_REQUIRES(VIDMM)
{
    struct vidmm_extent *extents;
    if (alloc->place == VIDMM_PLACE_SEGMENT) { /* it has not even left */
        if (alloc->segment_id != segment->id) return STEP_BLOCKED;
        vidmm_claim_return_locked(alloc, segment);
        return STEP_ADVANCED;
    }
    udxg_status status = vidmm_segment_take_locked(segment, alloc, &extents);
    if (status == STATUS_GRAPHICS_NO_VIDEO_MEMORY) return evict_for_locked(segment, copy);
    if (udxg_failed(status)) return STEP_BLOCKED;
    vidmm_claim_return_locked(alloc, segment);
    vidmm_copy_begin_in_locked(alloc, extents, copy);
    return STEP_COPY;
}

/* The next one of SEGMENT's, when there has been no pressure on it for a while. */
static enum step return_to_locked(struct vidmm_segment *segment, struct work *work) UDXG_REQUIRES(VIDMM)
{
    bool busy;
    uint64_t now_ns = udxg_os_now_ns();
    struct vidmm_alloc *alloc = vidmm_returner_locked(segment, &busy);
    uint64_t quiet_ns = (busy ? now_ns : segment->pressed_ns) + QUIET_NS;
    if (busy || (alloc && now_ns < quiet_ns)) {
        look_again_at(work, quiet_ns);
        return STEP_IDLE;
    }
    if (!alloc) return STEP_IDLE;
    if (!segment->aperture) return return_one_locked(alloc, segment, &work->copy);
    vidmm_claim_return_locked(alloc, segment);
    return STEP_ADVANCED;
}

static enum step return_step_locked(struct vidmm_adapter *adapter, struct work *work) UDXG_REQUIRES(VIDMM)
{
    if (!adapter->homesick || adapter->orders || !udxg_list_empty(&adapter->waiting)) return STEP_IDLE;
    for (uint32_t i = 0; i < adapter->segment_count; i++) {
        enum step step = return_to_locked(adapter->segments[i], work);
        if (step == STEP_COPY || step == STEP_ADVANCED) return step;
    }
    return STEP_IDLE;
}

static enum step step_locked(struct vidmm_adapter *adapter, struct work *work) UDXG_REQUIRES(VIDMM)
{
    enum step step;
    work->retry_ns = UINT64_MAX;
    if (adapter->pager.stop) return STEP_STOP;
    if ((step = gate_step_locked(adapter, work)) != STEP_IDLE) return step;
    if ((step = queues_step_locked(&adapter->pager, work)) != STEP_IDLE) return step;
    if ((step = leave_step_locked(adapter, work)) != STEP_IDLE) return step;
    return return_step_locked(adapter, work);
}

/* ---- the end of an operation, and of a wait ---- */

/* A late failure puts the device in error. */
static void end_migration_locked(const struct vidmm_queue *queue, const struct vidmm_paging_op *op) UDXG_REQUIRES(VIDMM)
{
    struct vidmm_counters *counters = &queue->device->process->counters;
    const struct vidmm_alloc *alloc = op->bindings[0] ? op->bindings[0]->alloc : NULL;
    struct vidmm_count *count = &counters->migrated;
    if (!alloc || !alloc->target_id) {
        count = &counters->migrations_abandoned;
    } else if (alloc->unfit) {
        count = &counters->migrations_failed;
        queue->device->out_of_memory = true;
    }
    vidmm_count_bytes(count, op->migrating_bytes, 1);
}

/* Takes the finished operation off its queue, which gives way to others of its rank. */
static void take_done_locked(struct vidmm_adapter *adapter, struct vidmm_queue *queue, struct vidmm_paging_op *op)
    UDXG_REQUIRES(VIDMM)
{
    udxg_list_remove(&op->link);
    if (op->migrating_bytes) end_migration_locked(queue, op);
    queue->queued -= op->room;
    queue->device->process->queued -= op->room;
    for (uint32_t i = 0; i < op->count; i++)
        if (op->bindings[i]) op->bindings[i]->queued--;
    udxg_list_remove(&queue->busy_link);
    if (!udxg_list_empty(&queue->ops)) udxg_list_append(&adapter->pager.busy[queue->rank], &queue->busy_link);
    queue->in_callback = true;
}

static bool take_failure_locked(struct vidmm_device *device) UDXG_REQUIRES(VIDMM)
{
    bool failed = device->out_of_memory;
    device->out_of_memory = false;
    return failed;
}

/* The queue, and so its device, cannot go while in_callback is set. */
static void finish(struct vidmm_adapter *adapter, struct vidmm_queue *queue, struct vidmm_paging_op *op, bool failed)
{
    struct vidmm_device *device = queue->device;
    if (failed) device->failed(device, STATUS_NO_MEMORY);
    queue->completed(queue->user, op->fence_value);
    free(op);
    udxg_lock(VIDMM, &adapter->lock);
    queue->in_callback = false;
    vidmm_adapter_changed_locked(adapter);
    vidmm_pager_kick_locked(adapter);
    udxg_unlock(VIDMM, &adapter->lock);
}

/* Whose callbacks this thread is in; NULL: nobody's, or of one that has gone in them. */
static _Thread_local struct vidmm_device *told;

bool vidmm_pager_lets_go(struct vidmm_device *device)
{
    bool ours = told == device;
    if (ours) told = NULL;
    return ours;
}

/* Nor can the device, unless it is this thread's own callback that ends it. */
static void tell_ready(struct vidmm_adapter *adapter, struct vidmm_device *device, bool failed)
{
    told = device;
    if (failed) device->failed(device, STATUS_NO_MEMORY);
    if (told) device->ready(device);
    if (!told) return;
    told = NULL;
    udxg_lock(VIDMM, &adapter->lock);
    device->in_callback = false;
    vidmm_adapter_changed_locked(adapter);
    if (device->gate != VIDMM_GATE_NONE) vidmm_pager_kick_locked(adapter);
    udxg_unlock(VIDMM, &adapter->lock);
}

/* ---- the threads ---- */

static void *run(void *argument);

static bool start_locked(struct vidmm_adapter *adapter) UDXG_REQUIRES(VIDMM)
{
    struct vidmm_pager *pager = &adapter->pager;
    if (pager->started == pager->limit) return true;
    if (udxg_os_thread_create(&pager->threads[pager->started], "udxg-pager", run, adapter)) pager->started++;
    return pager->started;
}

/* Whether somebody else would find a copy to make now. */
static bool has_more_locked(struct vidmm_adapter *adapter) UDXG_REQUIRES(VIDMM)
{
    for (uint32_t i = 0; i < adapter->segment_count; i++)
        if (!udxg_list_empty(&adapter->segments[i]->leaving)) return true;
    for (unsigned rank = 0; rank < VIDMM_QUEUE_PRIORITIES; rank++) {
        udxg_list_for_each(it, &adapter->pager.busy[rank])
        {
            const struct vidmm_paging_op *op = op_of(udxg_list_first(&queue_of(it)->ops));
            if (op->begun + 1 < op->count) return true;
        }
    }
    return !udxg_list_empty(&adapter->arriving);
}

/* A copy is about to be made, and decisions go on meanwhile, on another thread. */
static void share_locked(struct vidmm_adapter *adapter) UDXG_REQUIRES(VIDMM)
{
    struct vidmm_pager *pager = &adapter->pager;
    pager->copying++;
    if (!has_more_locked(adapter)) return;
    if (pager->sleeping)
        pthread_cond_signal(&pager->work);
    else if (pager->copying == pager->started)
        start_locked(adapter);
}

static void copy_now(struct vidmm_adapter *adapter, struct vidmm_copy *copy)
{
    vidmm_copy_run(copy);
    udxg_lock(VIDMM, &adapter->lock);
    adapter->pager.copying--;
    vidmm_copy_done_locked(copy);
    udxg_unlock(VIDMM, &adapter->lock);
}

static void sleep_locked(struct vidmm_adapter *adapter, uint64_t until_ns) UDXG_REQUIRES(VIDMM)
{
    struct vidmm_pager *pager = &adapter->pager;
    pager->sleeping++;
    vidmm_adapter_changed_locked(adapter); /* for who waits until there is nothing to do */
    if (until_ns == UINT64_MAX)
        pthread_cond_wait(&pager->work, &adapter->lock.mutex);
    else
        udxg_os_cond_wait_until(&pager->work, &adapter->lock.mutex, until_ns);
    pager->sleeping--;
}

/* Decides what to do next, and sleeps when that is nothing. */
static void next_locked(struct vidmm_adapter *adapter, struct work *work) UDXG_REQUIRES(VIDMM)
{
    struct vidmm_pager *pager = &adapter->pager;
    pager->kicked = false;
    pager->deciding = true;
    work->step = step_locked(adapter, work);
    vidmm_budget_settle_locked(adapter);
    pager->deciding = false;
    if (work->step == STEP_IDLE && !pager->kicked) sleep_locked(adapter, work->retry_ns);
    if (work->step == STEP_COPY) share_locked(adapter);
    if (work->step == STEP_DONE) take_done_locked(adapter, work->queue, work->op);
}

static void *run(void *argument)
{
    struct vidmm_adapter *adapter = argument;
    for (;;) {
        struct work work;
        bool failed = false;
        udxg_lock(VIDMM, &adapter->lock);
        next_locked(adapter, &work);
        if (work.step == STEP_DONE) failed = take_failure_locked(work.queue->device);
        if (work.step == STEP_READY) failed = take_failure_locked(work.device);
        udxg_unlock(VIDMM, &adapter->lock);
        if (work.step == STEP_COPY) copy_now(adapter, &work.copy);
        if (work.step == STEP_DONE) finish(adapter, work.queue, work.op, failed);
        if (work.step == STEP_READY) tell_ready(adapter, work.device, failed);
        if (work.step == STEP_STOP) return NULL;
    }
}

void vidmm_pager_kick_locked(struct vidmm_adapter *adapter)
{
    struct vidmm_pager *pager = &adapter->pager;
    pager->kicked = true;
    if (pager->deciding) return;
    if (!pager->started) start_locked(adapter);
    if (pager->sleeping) pthread_cond_signal(&pager->work);
}

void vidmm_pager_leaving_locked(struct vidmm_adapter *adapter)
{
    struct vidmm_pager *pager = &adapter->pager;
    if (pager->eviction_delay_ns) pager->leave_ns = udxg_os_now_ns() + pager->eviction_delay_ns;
    vidmm_pager_kick_locked(adapter);
}

void vidmm_adapter_set_eviction_delay(struct vidmm_adapter *adapter, uint64_t delay_ns)
{
    udxg_lock(VIDMM, &adapter->lock);
    adapter->pager.eviction_delay_ns = delay_ns;
    if (!delay_ns) adapter->pager.leave_ns = 0;
    vidmm_pager_kick_locked(adapter);
    udxg_unlock(VIDMM, &adapter->lock);
}

static bool is_idle_locked(const struct vidmm_pager *pager) UDXG_REQUIRES(VIDMM)
{
    return !pager->kicked && pager->sleeping == pager->started;
}

void vidmm_adapter_wake(struct vidmm_adapter *adapter, bool flush)
{
    udxg_lock(VIDMM, &adapter->lock);
    adapter->pager.leave_ns = 0;
    vidmm_pager_kick_locked(adapter);
    while (flush && adapter->pager.started && !is_idle_locked(&adapter->pager)) vidmm_adapter_wait_locked(adapter);
    udxg_unlock(VIDMM, &adapter->lock);
}

void vidmm_pager_init(struct vidmm_pager *pager)
{
    unsigned cpus = udxg_os_cpu_count();
    *pager = (struct vidmm_pager){.limit = cpus < VIDMM_PAGERS ? cpus : VIDMM_PAGERS};
    for (unsigned rank = 0; rank < VIDMM_QUEUE_PRIORITIES; rank++) udxg_list_init(&pager->busy[rank]);
    udxg_os_cond_init(&pager->work);
}

void vidmm_pager_fini(struct vidmm_adapter *adapter)
{
    struct vidmm_pager *pager = &adapter->pager;
    pthread_t threads[VIDMM_PAGERS];
    udxg_lock(VIDMM, &adapter->lock);
    pager->stop = true;
    unsigned started = pager->started;
    for (unsigned i = 0; i < started; i++) threads[i] = pager->threads[i];
    pthread_cond_broadcast(&pager->work);
    udxg_unlock(VIDMM, &adapter->lock);
    for (unsigned i = 0; i < started; i++) pthread_join(threads[i], NULL);
    pthread_cond_destroy(&pager->work);
}

/* ---- operations ---- */

struct vidmm_paging_op *vidmm_paging_op_create_locked(struct vidmm_queue *queue, uint32_t count)
{
    struct vidmm_adapter *adapter = queue->device->process->adapter;
    if (queue->queued + count > VIDMM_QUEUE_MAX_BINDINGS) return NULL;
    if (queue->device->process->queued + count > VIDMM_QUEUES_MAX_BINDINGS) return NULL;
    if (!adapter->pager.started && !start_locked(adapter)) return NULL;
    struct vidmm_paging_op *op = malloc(sizeof *op + (size_t)count * sizeof op->bindings[0]);
    if (op) *op = (struct vidmm_paging_op){.room = count};
    return op;
}

void vidmm_paging_op_add_locked(struct vidmm_paging_op *op, struct vidmm_binding *binding)
{
    op->bindings[op->count++] = binding;
    binding->queued++;
}

uint64_t vidmm_paging_op_queue_locked(struct vidmm_queue *queue, struct vidmm_paging_op *op)
{
    struct vidmm_pager *pager = &queue->device->process->adapter->pager;
    op->fence_value = ++queue->last_fence_value;
    queue->queued += op->room;
    queue->device->process->queued += op->room;
    if (udxg_list_empty(&queue->ops)) udxg_list_append(&pager->busy[queue->rank], &queue->busy_link);
    udxg_list_append(&queue->ops, &op->link);
    vidmm_pager_kick_locked(queue->device->process->adapter);
    return op->fence_value;
}

static void forget_in_queue_locked(struct vidmm_queue *queue, struct vidmm_binding *binding) UDXG_REQUIRES(VIDMM)
{
    udxg_list_for_each(it, &queue->ops)
    {
        struct vidmm_paging_op *op = op_of(it);
        for (uint32_t i = 0; i < op->count && binding->queued; i++) {
            if (op->bindings[i] != binding) continue;
            op->bindings[i] = NULL;
            binding->queued--;
        }
    }
}

void vidmm_paging_forget_locked(struct vidmm_binding *binding)
{
    if (!binding->queued) return;
    udxg_list_for_each(it, &binding->device->queues)
        forget_in_queue_locked(udxg_container_of(it, struct vidmm_queue, device_link), binding);
}

/* ---- queues ---- */

udxg_status vidmm_queue_create(struct vidmm_device *device, int priority,
                               void (*completed)(void *user, uint64_t fence_value), void *user,
                               struct vidmm_queue **ret)
{
    if (priority < -1 || priority > 1) return STATUS_INVALID_PARAMETER;
    struct vidmm_queue *queue = calloc(1, sizeof *queue);
    if (!queue) return STATUS_NO_MEMORY;
    queue->device = device;
    queue->rank = (unsigned)(priority + 1);
    queue->completed = completed;
    queue->user = user;
    udxg_list_init(&queue->busy_link);
    udxg_list_init(&queue->ops);
    struct vidmm_adapter *adapter = device->process->adapter;
    udxg_lock(VIDMM, &adapter->lock);
    udxg_list_append(&device->queues, &queue->device_link);
    udxg_unlock(VIDMM, &adapter->lock);
    *ret = queue;
    return STATUS_SUCCESS;
}

udxg_status vidmm_queue_delay(struct vidmm_queue *queue, uint32_t milliseconds, uint64_t *ret_fence)
{
    struct vidmm_adapter *adapter = queue->device->process->adapter;
    udxg_lock(VIDMM, &adapter->lock);
    struct vidmm_paging_op *op = vidmm_paging_op_create_locked(queue, 1);
    if (op) {
        op->delay_ns = UINT64_C(1000000) * milliseconds;
        *ret_fence = vidmm_paging_op_queue_locked(queue, op);
    }
    udxg_unlock(VIDMM, &adapter->lock);
    return op ? STATUS_SUCCESS : STATUS_NO_MEMORY;
}

void vidmm_queue_destroy(struct vidmm_queue *queue)
{
    if (!queue) return;
    struct vidmm_adapter *adapter = queue->device->process->adapter;
    udxg_lock(VIDMM, &adapter->lock);
    queue->closing = true;
    vidmm_pager_kick_locked(adapter);
    while (!udxg_list_empty(&queue->ops) || queue->in_callback) vidmm_adapter_wait_locked(adapter);
    udxg_list_remove(&queue->device_link);
    udxg_unlock(VIDMM, &adapter->lock);
    free(queue);
}

/* ---- check ---- */

static const char *check_queue_locked(const struct vidmm_queue *queue, unsigned rank) UDXG_REQUIRES(VIDMM)
{
    if (queue->rank != rank) return "a paging queue waits among those of another priority";
    if (udxg_list_empty(&queue->ops)) return "a paging queue without operations waits";
    uint64_t before = 0, queued = 0;
    udxg_list_for_each(it, &queue->ops)
    {
        if (op_of(it)->fence_value <= before) return "paging fence values do not increase";
        before = op_of(it)->fence_value;
        queued += op_of(it)->room;
    }
    if (queued != queue->queued) return "a paging queue holds more or less than it says";
    return before == queue->last_fence_value ? NULL : "a paging queue's last operation is not its newest";
}

const char *vidmm_pager_check_locked(struct vidmm_adapter *adapter)
{
    for (unsigned rank = 0; rank < VIDMM_QUEUE_PRIORITIES; rank++) {
        udxg_list_for_each(it, &adapter->pager.busy[rank])
        {
            const char *wrong = check_queue_locked(queue_of(it), rank);
            if (wrong) return wrong;
        }
    }
    return NULL;
}
