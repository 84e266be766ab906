/* SPDX-License-Identifier: MIT */
/* The paging thread and its queues; the rules stand in the header. */
#include "vidmm/paging.h"

#include <signal.h>
#include <stdlib.h>

#include "vidmm/alloc.h"
#include "vidmm/budget.h"
#include "vidmm/residency.h"

enum step {
    STEP_IDLE,     /* nothing to do until kicked */
    STEP_BLOCKED,  /* somebody else's copy has to end first */
    STEP_COPY,     /* a copy has begun */
    STEP_ADVANCED, /* one more binding of the operation is in place */
    STEP_DONE,     /* the operation is */
    STEP_STOP,
};

static struct vidmm_queue *queue_of(struct udxg_list *busy_link)
{
    return udxg_container_of(busy_link, struct vidmm_queue, busy_link);
}

static struct vidmm_paging_op *op_of(struct udxg_list *link)
{
    return udxg_container_of(link, struct vidmm_paging_op, link);
}

/* ---- decisions ---- */

/* Makes room by taking somebody home. */
static enum step evict_for_locked(struct vidmm_segment *segment, struct vidmm_copy *copy) UDXG_REQUIRES(VIDMM)
{
    struct vidmm_alloc *victim = vidmm_segment_victim_locked(segment);
    if (!victim) return STEP_BLOCKED;
    vidmm_copy_begin_out_locked(victim, copy);
    return STEP_COPY;
}

/*
 * The segment cannot take ALLOC although everybody else has left: fragmentation for one that has to lie in one
 * piece, or our own memory is out. It stays in system memory, in the aperture when that is allowed; otherwise
 * the device that asked is in error.
 */
static enum step give_up_locked(struct vidmm_paging_op *op, struct vidmm_alloc *alloc) UDXG_REQUIRES(VIDMM)
{
    if (!vidmm_residency_retarget_locked(alloc)) op->failed = true;
    vidmm_budget_settle_locked(alloc->process->adapter);
    vidmm_alloc_settle_home_locked(alloc);
    return STEP_ADVANCED;
}

static enum step page_in_locked(struct vidmm_paging_op *op, struct vidmm_alloc *alloc, struct vidmm_copy *copy)
    UDXG_REQUIRES(VIDMM)
{
    struct vidmm_segment *segment = vidmm_adapter_segment_of(alloc->process->adapter, alloc->target_id);
    struct vidmm_extent *extents;
    udxg_status status = vidmm_segment_take_locked(segment, alloc, &extents);
    if (!udxg_failed(status)) {
        vidmm_copy_begin_in_locked(alloc, extents, copy);
        return STEP_COPY;
    }
    if (status == STATUS_GRAPHICS_NO_VIDEO_MEMORY) {
        if (evict_for_locked(segment, copy) == STEP_COPY) return STEP_COPY;
        if (segment->moving_bytes) return STEP_BLOCKED;
    }
    return give_up_locked(op, alloc);
}

/* One step of bringing a listed allocation to its target. */
static enum step bring_in_place_locked(struct vidmm_paging_op *op, struct vidmm_alloc *alloc, struct vidmm_copy *copy)
    UDXG_REQUIRES(VIDMM)
{
    if (vidmm_alloc_is_settled_locked(alloc)) return STEP_ADVANCED;
    if (vidmm_alloc_is_moving_locked(alloc)) return STEP_BLOCKED;
    if (alloc->place == VIDMM_PLACE_SEGMENT) {
        vidmm_copy_begin_out_locked(alloc, copy);
        return STEP_COPY;
    }
    return page_in_locked(op, alloc, copy);
}

static enum step op_step_locked(struct vidmm_paging_op *op, struct vidmm_copy *copy) UDXG_REQUIRES(VIDMM)
{
    while (op->next < op->count) {
        struct vidmm_binding *binding = op->bindings[op->next];
        if (binding && binding->count) {
            enum step step = bring_in_place_locked(op, binding->alloc, copy);
            if (step != STEP_ADVANCED) return step;
        }
        op->next++;
    }
    return STEP_DONE;
}

static enum step leave_step_locked(struct vidmm_adapter *adapter, struct vidmm_copy *copy) UDXG_REQUIRES(VIDMM)
{
    for (uint32_t i = 0; i < adapter->segment_count; i++) {
        struct vidmm_alloc *leaver = vidmm_segment_leaver_locked(adapter->segments[i]);
        if (!leaver) continue;
        vidmm_copy_begin_out_locked(leaver, copy);
        return STEP_COPY;
    }
    return STEP_IDLE;
}

static struct vidmm_queue *next_queue_locked(struct vidmm_pager *pager) UDXG_REQUIRES(VIDMM)
{
    for (unsigned rank = VIDMM_QUEUE_PRIORITIES; rank-- > 0;) {
        struct udxg_list *first = udxg_list_first(&pager->busy[rank]);
        if (first) return queue_of(first);
    }
    return NULL;
}

static enum step step_locked(struct vidmm_adapter *adapter, struct vidmm_queue **ret_queue, struct vidmm_copy *copy)
    UDXG_REQUIRES(VIDMM)
{
    if (adapter->pager.stop) return STEP_STOP;
    struct vidmm_queue *queue = next_queue_locked(&adapter->pager);
    *ret_queue = queue;
    return queue ? op_step_locked(op_of(udxg_list_first(&queue->ops)), copy) : leave_step_locked(adapter, copy);
}

/* ---- the end of an operation ---- */

/* Takes the finished operation off its queue, which gives way to others of its rank. */
static struct vidmm_paging_op *take_done_locked(struct vidmm_adapter *adapter, struct vidmm_queue *queue)
    UDXG_REQUIRES(VIDMM)
{
    struct vidmm_paging_op *op = op_of(udxg_list_pop(&queue->ops));
    for (uint32_t i = 0; i < op->count; i++)
        if (op->bindings[i]) op->bindings[i]->queued--;
    udxg_list_remove(&queue->busy_link);
    if (!udxg_list_empty(&queue->ops)) udxg_list_append(&adapter->pager.busy[queue->rank], &queue->busy_link);
    queue->in_callback = true;
    return op;
}

/* The queue, and so its device, cannot go while in_callback is set. */
static void finish(struct vidmm_adapter *adapter, struct vidmm_queue *queue, struct vidmm_paging_op *op)
{
    struct vidmm_device *device = queue->device;
    if (op->failed) device->failed(device, STATUS_NO_MEMORY);
    udxg_lock(VIDMM, &adapter->lock);
    bool ready = --device->not_ready == 0;
    udxg_unlock(VIDMM, &adapter->lock);
    queue->completed(queue->user, op->fence_value);
    if (ready) device->ready(device);
    free(op);
    udxg_lock(VIDMM, &adapter->lock);
    queue->in_callback = false;
    vidmm_adapter_changed_locked(adapter);
    udxg_unlock(VIDMM, &adapter->lock);
}

/* ---- the thread ---- */

static void copy_now(struct vidmm_adapter *adapter, struct vidmm_copy *copy)
{
    vidmm_copy_run(copy);
    udxg_lock(VIDMM, &adapter->lock);
    vidmm_copy_done_locked(copy);
    udxg_unlock(VIDMM, &adapter->lock);
}

static void *run(void *argument)
{
    struct vidmm_adapter *adapter = argument;
    for (;;) {
        struct vidmm_queue *queue;
        struct vidmm_paging_op *op = NULL;
        struct vidmm_copy copy;
        udxg_lock(VIDMM, &adapter->lock);
        enum step step = step_locked(adapter, &queue, &copy);
        if (step == STEP_IDLE) pthread_cond_wait(&adapter->pager.work, &adapter->lock.mutex);
        if (step == STEP_BLOCKED) vidmm_adapter_wait_locked(adapter);
        if (step == STEP_DONE) op = take_done_locked(adapter, queue);
        udxg_unlock(VIDMM, &adapter->lock);
        if (step == STEP_COPY) copy_now(adapter, &copy);
        if (step == STEP_DONE) finish(adapter, queue, op);
        if (step == STEP_STOP) return NULL;
    }
}

/* The client's signals are not ours to take. */
static bool start_locked(struct vidmm_adapter *adapter) UDXG_REQUIRES(VIDMM)
{
    struct vidmm_pager *pager = &adapter->pager;
    if (pager->started) return true;
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pager->started = pthread_create(&pager->thread, NULL, run, adapter) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return pager->started;
}

void vidmm_pager_kick_locked(struct vidmm_adapter *adapter)
{
    if (start_locked(adapter)) pthread_cond_signal(&adapter->pager.work);
}

void vidmm_pager_init(struct vidmm_pager *pager)
{
    *pager = (struct vidmm_pager){0};
    for (unsigned rank = 0; rank < VIDMM_QUEUE_PRIORITIES; rank++) udxg_list_init(&pager->busy[rank]);
    pthread_cond_init(&pager->work, NULL);
}

void vidmm_pager_fini(struct vidmm_adapter *adapter)
{
    struct vidmm_pager *pager = &adapter->pager;
    udxg_lock(VIDMM, &adapter->lock);
    pager->stop = true;
    bool started = pager->started;
    pthread_t thread = pager->thread;
    pthread_cond_signal(&pager->work);
    udxg_unlock(VIDMM, &adapter->lock);
    if (started) pthread_join(thread, NULL);
    pthread_cond_destroy(&pager->work);
}

/* ---- operations ---- */

struct vidmm_paging_op *vidmm_paging_op_create_locked(struct vidmm_adapter *adapter, uint32_t count)
{
    if (!start_locked(adapter)) return NULL;
    struct vidmm_paging_op *op = malloc(sizeof *op + (size_t)count * sizeof op->bindings[0]);
    if (op) *op = (struct vidmm_paging_op){0};
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
    if (udxg_list_empty(&queue->ops)) udxg_list_append(&pager->busy[queue->rank], &queue->busy_link);
    udxg_list_append(&queue->ops, &op->link);
    queue->device->not_ready++;
    pthread_cond_signal(&pager->work);
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

void vidmm_queue_destroy(struct vidmm_queue *queue)
{
    if (!queue) return;
    struct vidmm_adapter *adapter = queue->device->process->adapter;
    udxg_lock(VIDMM, &adapter->lock);
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
    uint64_t before = 0;
    udxg_list_for_each(it, &queue->ops)
    {
        if (op_of(it)->fence_value <= before) return "paging fence values do not increase";
        before = op_of(it)->fence_value;
    }
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
