/* SPDX-License-Identifier: MIT */
/*
 * Devices, bindings, MakeResident and Evict: which allocations are listed, and the target of each.
 *
 * A target is the first segment, by preference, that has room in its promise (segment.h); unlisted allocations
 * in the way do not count, they leave. The budget of the first choice's group decides whether the process may
 * have it at all: being over budget is a failure that the client answers by trimming, whereas a segment that
 * other processes have filled sends the allocation to its next choice, the aperture last.
 *
 * Locks: VIDMM. Nothing waits and nothing is copied here. It does not take listed allocations out of their
 * segment for the good of others.
 */
#include "vidmm/residency.h"

#include <stdlib.h>

#include "vidmm/alloc.h"
#include "vidmm/budget.h"
#include "vidmm/notify.h"
#include "vidmm/offer.h"

/* ---- targets ---- */

static bool must_be_home_locked(const struct vidmm_alloc *alloc) UDXG_REQUIRES(VIDMM)
{
    return alloc->lock_count || !alloc->home_range;
}

static void set_target_locked(struct vidmm_alloc *alloc, uint32_t target_id) UDXG_REQUIRES(VIDMM);

/* Adds the allocation to the demand of its target, or takes it away. */
static void charge_target_locked(const struct vidmm_alloc *alloc, int64_t sign) UDXG_REQUIRES(VIDMM)
{
    struct vidmm_adapter *adapter = alloc->process->adapter;
    struct vidmm_segment *segment = vidmm_adapter_segment_of(adapter, alloc->target_id);
    if (!segment) return;
    uint64_t bytes = (uint64_t)sign * vidmm_segment_need(segment, alloc->size_bytes);
    segment->demand_bytes += bytes;
    if (segment->aperture) adapter->aperture_bytes += bytes;
    if (segment->group == VIDMM_GROUP_COUNT) return;
    alloc->process->usage_bytes[segment->group] += bytes;
    vidmm_budget_usage_changed_locked(alloc->process, segment->group);
}

static void set_target_locked(struct vidmm_alloc *alloc, uint32_t target_id)
{
    charge_target_locked(alloc, -1);
    alloc->target_id = (uint8_t)target_id;
    charge_target_locked(alloc, 1);
}

static bool has_room_locked(const struct vidmm_adapter *adapter, const struct vidmm_segment *segment,
                            uint64_t need_bytes) UDXG_REQUIRES(VIDMM)
{
    if (segment->capacity_bytes - segment->demand_bytes < need_bytes) return false;
    return !segment->aperture || adapter->sizes.shared_system_bytes - adapter->aperture_bytes >= need_bytes;
}

struct candidates {
    uint32_t count;
    struct vidmm_segment *segments[UDXG_MAX_SEGMENTS];
};

static void add_candidate(struct candidates *candidates, struct vidmm_segment *segment, uint64_t size_bytes)
{
    if (vidmm_segment_need(segment, size_bytes) <= segment->capacity_bytes)
        candidates->segments[candidates->count++] = segment;
}

/* The segments that could ever hold the allocation, best first. */
static void find_candidates_locked(const struct vidmm_alloc *alloc, struct candidates *ret) UDXG_REQUIRES(VIDMM)
{
    const struct vidmm_adapter *adapter = alloc->process->adapter;
    uint32_t left = alloc->supported_segments;
    if (must_be_home_locked(alloc)) left &= adapter->aperture_set;
    ret->count = 0;
    for (unsigned i = 0; i < 5; i++) {
        struct vidmm_segment *segment = vidmm_adapter_segment_of(adapter, alloc->preferred[i] & ~VIDMM_FROM_END);
        if (!segment || !(left & (1u << (segment->id - 1)))) continue;
        left &= ~(1u << (segment->id - 1));
        add_candidate(ret, segment, alloc->size_bytes);
    }
    for (unsigned aperture = 0; aperture < 2; aperture++)
        for (uint32_t i = 0; i < adapter->segment_count; i++)
            if ((left & (1u << i)) && adapter->segments[i]->aperture == aperture)
                add_candidate(ret, adapter->segments[i], alloc->size_bytes);
}

bool vidmm_residency_retarget_locked(struct vidmm_alloc *alloc)
{
    const struct vidmm_adapter *adapter = alloc->process->adapter;
    uint32_t target_id = VIDMM_SYSTEM_ID;
    set_target_locked(alloc, VIDMM_SYSTEM_ID);
    for (uint32_t i = adapter->segment_count; i-- > 0;) {
        const struct vidmm_segment *segment = adapter->segments[i];
        if (!(alloc->supported_segments & adapter->aperture_set & (1u << i))) continue;
        if (has_room_locked(adapter, segment, vidmm_segment_need(segment, alloc->size_bytes))) target_id = segment->id;
    }
    set_target_locked(alloc, target_id);
    return alloc->supported_segments & adapter->aperture_set;
}

/* ---- claims ---- */

/* One MakeResident: the limits of the process looked at last, and what was found missing. */
struct claims {
    bool cant_trim_further;
    const struct vidmm_process *process;
    uint64_t limit_bytes[VIDMM_GROUP_COUNT];
    bool failed;
    uint64_t over_bytes[VIDMM_GROUP_COUNT]; /* over budget */
    uint64_t short_bytes;                   /* of room, within the budget */
};

static uint64_t max_of(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint64_t rest_of(uint64_t total, uint64_t taken)
{
    return total > taken ? total - taken : 0;
}

static void look_at_process_locked(struct claims *claims, const struct vidmm_process *process) UDXG_REQUIRES(VIDMM)
{
    if (claims->process == process) return;
    claims->process = process;
    for (unsigned group = 0; group < VIDMM_GROUP_COUNT; group++) {
        struct vidmm_limits limits;
        vidmm_budget_limits_locked(process, (enum vidmm_group)group, &limits);
        claims->limit_bytes[group] = claims->cant_trim_further ? limits.maximum_bytes : limits.current_bytes;
    }
}

static bool is_within_budget_locked(const struct claims *claims, const struct vidmm_process *process,
                                    const struct vidmm_segment *segment, uint64_t need_bytes) UDXG_REQUIRES(VIDMM)
{
    if (segment->group == VIDMM_GROUP_COUNT) return true;
    return process->usage_bytes[segment->group] + need_bytes <= claims->limit_bytes[segment->group];
}

/* The best segment that may and can take the allocation; NULL when there is none. */
static struct vidmm_segment *choose_locked(const struct claims *claims, const struct vidmm_alloc *alloc,
                                           const struct candidates *candidates) UDXG_REQUIRES(VIDMM)
{
    for (uint32_t i = 0; i < candidates->count; i++) {
        struct vidmm_segment *segment = candidates->segments[i];
        uint64_t need = vidmm_segment_need(segment, alloc->size_bytes);
        bool within = is_within_budget_locked(claims, alloc->process, segment, need);
        if (!within && i == 0) return NULL;
        if (within && has_room_locked(alloc->process->adapter, segment, need)) return segment;
    }
    return NULL;
}

/* The claim has failed; goes on as if it had not, so that what is missing is known for all of them. */
static void note_missing_locked(struct claims *claims, const struct vidmm_alloc *alloc,
                                const struct vidmm_segment *segment) UDXG_REQUIRES(VIDMM)
{
    const struct vidmm_adapter *adapter = alloc->process->adapter;
    claims->failed = true;
    if (segment->group < VIDMM_GROUP_COUNT) {
        uint64_t over = rest_of(alloc->process->usage_bytes[segment->group], claims->limit_bytes[segment->group]);
        claims->over_bytes[segment->group] = max_of(claims->over_bytes[segment->group], over);
    }
    claims->short_bytes = max_of(claims->short_bytes, rest_of(segment->demand_bytes, segment->capacity_bytes));
    if (segment->aperture)
        claims->short_bytes =
            max_of(claims->short_bytes, rest_of(adapter->aperture_bytes, adapter->sizes.shared_system_bytes));
}

static void claim_locked(struct claims *claims, struct vidmm_alloc *alloc) UDXG_REQUIRES(VIDMM)
{
    struct candidates candidates;
    find_candidates_locked(alloc, &candidates);
    if (!candidates.count) {
        set_target_locked(alloc, VIDMM_SYSTEM_ID); /* locked, or the caller's memory, and no aperture */
        return;
    }
    look_at_process_locked(claims, alloc->process);
    struct vidmm_segment *segment = choose_locked(claims, alloc, &candidates);
    set_target_locked(alloc, segment ? segment->id : candidates.segments[0]->id);
    if (!segment) note_missing_locked(claims, alloc, candidates.segments[0]);
}

static uint64_t trim_bytes(const struct claims *claims)
{
    uint64_t over = 0;
    for (unsigned group = 0; group < VIDMM_GROUP_COUNT; group++) over += claims->over_bytes[group];
    return over ? over : claims->short_bytes;
}

/* ---- MakeResident ---- */

static void count_up_locked(struct claims *claims, struct vidmm_binding *binding) UDXG_REQUIRES(VIDMM)
{
    vidmm_alloc_manage(binding->alloc);
    if (binding->count++ || binding->alloc->resident_count++) return;
    if (!vidmm_offer_in_effect_locked(binding->alloc)) claim_locked(claims, binding->alloc);
}

/* Undoes the first COUNT; nothing has moved since. */
static void count_back_locked(uint32_t count, struct vidmm_binding *const *bindings) UDXG_REQUIRES(VIDMM)
{
    while (count-- > 0) {
        struct vidmm_binding *binding = bindings[count];
        if (--binding->count == 0 && --binding->alloc->resident_count == 0) set_target_locked(binding->alloc, 0);
    }
}

static udxg_status count_all_up_locked(struct claims *claims, uint32_t count, struct vidmm_binding *const *bindings)
    UDXG_REQUIRES(VIDMM)
{
    udxg_status status = STATUS_SUCCESS;
    uint32_t done;
    for (done = 0; done < count && !udxg_failed(status); done++) {
        if (bindings[done]->count == UINT32_MAX || vidmm_offer_is_gone_locked(bindings[done]->alloc))
            status = STATUS_INVALID_PARAMETER;
        else
            count_up_locked(claims, bindings[done]);
    }
    if (udxg_failed(status)) {
        count_back_locked(done - 1, bindings);
        return status;
    }
    if (!claims->failed) return STATUS_SUCCESS;
    count_back_locked(count, bindings);
    return STATUS_NO_MEMORY;
}

/* Whether bringing it in place takes the paging thread. */
static bool needs_paging_locked(const struct vidmm_alloc *alloc) UDXG_REQUIRES(VIDMM)
{
    if (vidmm_alloc_is_settled_locked(alloc)) return false;
    bool home = alloc->place == VIDMM_PLACE_HOME || alloc->place == VIDMM_PLACE_APERTURE;
    return !(home && vidmm_alloc_targets_home_locked(alloc));
}

static uint32_t count_paging_locked(uint32_t count, struct vidmm_binding *const *bindings) UDXG_REQUIRES(VIDMM)
{
    uint32_t paging = 0;
    for (uint32_t i = 0; i < count; i++) paging += needs_paging_locked(bindings[i]->alloc);
    return paging;
}

static void list_all_locked(uint32_t count, struct vidmm_binding *const *bindings) UDXG_REQUIRES(VIDMM)
{
    for (uint32_t i = 0; i < count; i++) {
        struct vidmm_binding *binding = bindings[i];
        if (!udxg_list_empty(&binding->required)) continue;
        udxg_list_append(&binding->device->required, &binding->required);
        vidmm_alloc_retargeted_locked(binding->alloc);
    }
}

static udxg_status make_resident_locked(struct vidmm_queue *queue, uint32_t count,
                                        struct vidmm_binding *const *bindings, struct claims *claims,
                                        uint64_t *ret_fence) UDXG_REQUIRES(VIDMM)
{
    udxg_status status = count_all_up_locked(claims, count, bindings);
    if (udxg_failed(status)) return status;
    uint32_t paging = count_paging_locked(count, bindings);
    struct vidmm_paging_op *op = NULL;
    if (paging) {
        op = vidmm_paging_op_create_locked(queue->device->process->adapter, paging);
        if (!op) {
            count_back_locked(count, bindings);
            return STATUS_NO_MEMORY;
        }
    }
    list_all_locked(count, bindings);
    *ret_fence = 0;
    if (!op) return STATUS_SUCCESS;
    for (uint32_t i = 0; i < count; i++)
        if (needs_paging_locked(bindings[i]->alloc)) vidmm_paging_op_add_locked(op, bindings[i]);
    *ret_fence = vidmm_paging_op_queue_locked(queue, op);
    return STATUS_PENDING;
}

udxg_status vidmm_make_resident(struct vidmm_queue *queue, uint32_t count, struct vidmm_binding *const *bindings,
                                uint32_t flags, uint64_t *ret_fence, uint64_t *ret_trim_bytes)
{
    struct vidmm_adapter *adapter = queue->device->process->adapter;
    struct claims claims = {.cant_trim_further = flags & VIDMM_CANT_TRIM_FURTHER};
    *ret_trim_bytes = 0;
    if ((flags & VIDMM_MUST_SUCCEED) && !claims.cant_trim_further) return STATUS_INVALID_PARAMETER;
    udxg_lock(VIDMM, &adapter->lock);
    udxg_status status = make_resident_locked(queue, count, bindings, &claims, ret_fence);
    vidmm_budget_settle_locked(adapter);
    udxg_unlock(VIDMM, &adapter->lock);
    if (status == STATUS_NO_MEMORY) *ret_trim_bytes = trim_bytes(&claims);
    return status;
}

/* ---- offers ---- */

void vidmm_residency_offered_locked(struct vidmm_alloc *alloc)
{
    set_target_locked(alloc, 0);
    vidmm_alloc_retargeted_locked(alloc);
}

bool vidmm_residency_reclaimed_locked(struct vidmm_alloc *alloc, bool can_page)
{
    struct claims claims = {.process = alloc->process, .limit_bytes = {UINT64_MAX, UINT64_MAX}};
    if (alloc->resident_count) claim_locked(&claims, alloc);
    if (claims.failed || (!can_page && needs_paging_locked(alloc))) vidmm_residency_retarget_locked(alloc);
    vidmm_alloc_retargeted_locked(alloc);
    return can_page && needs_paging_locked(alloc);
}

/* ---- Evict ---- */

/* The binding's last reference to its allocation's residency goes. */
static void unlist_locked(struct vidmm_binding *binding, bool keep) UDXG_REQUIRES(VIDMM)
{
    struct vidmm_alloc *alloc = binding->alloc;
    udxg_list_remove(&binding->required);
    if (--alloc->resident_count) return;
    set_target_locked(alloc, 0);
    alloc->keep = keep;
    vidmm_alloc_retargeted_locked(alloc);
}

static udxg_status count_all_down_locked(uint32_t count, struct vidmm_binding *const *bindings) UDXG_REQUIRES(VIDMM)
{
    for (uint32_t i = 0; i < count; i++) {
        if (bindings[i]->count) {
            bindings[i]->count--;
            continue;
        }
        while (i-- > 0) bindings[i]->count++;
        return STATUS_INVALID_PARAMETER;
    }
    return STATUS_SUCCESS;
}

static udxg_status evict_locked(uint32_t count, struct vidmm_binding *const *bindings, uint32_t flags)
    UDXG_REQUIRES(VIDMM)
{
    udxg_status status = count_all_down_locked(count, bindings);
    if (udxg_failed(status)) return status;
    for (uint32_t i = 0; i < count; i++) {
        struct vidmm_binding *binding = bindings[i];
        if ((flags & VIDMM_NOT_WRITTEN_TO) && binding->alloc->place == VIDMM_PLACE_SEGMENT)
            binding->alloc->clean = true;
        if (binding->count || udxg_list_empty(&binding->required)) continue;
        binding->grace = binding->device->grace_begun;
        unlist_locked(binding, flags & VIDMM_EVICT_ONLY_IF_NECESSARY);
    }
    return STATUS_SUCCESS;
}

uint64_t vidmm_grace_begin(struct vidmm_device *device)
{
    udxg_lock(VIDMM, &device->process->adapter->lock);
    uint64_t grace = ++device->grace_begun;
    udxg_unlock(VIDMM, &device->process->adapter->lock);
    return grace;
}

void vidmm_grace_end(struct vidmm_device *device, uint64_t grace)
{
    udxg_lock(VIDMM, &device->process->adapter->lock);
    if (device->grace_ended < grace) device->grace_ended = grace;
    udxg_unlock(VIDMM, &device->process->adapter->lock);
}

udxg_status vidmm_evict(struct vidmm_device *device, uint32_t count, struct vidmm_binding *const *bindings,
                        uint32_t flags, uint64_t *ret_trim_bytes)
{
    struct vidmm_adapter *adapter = device->process->adapter;
    udxg_lock(VIDMM, &adapter->lock);
    udxg_status status = evict_locked(count, bindings, flags);
    vidmm_budget_settle_locked(adapter);
    if (!udxg_failed(status)) *ret_trim_bytes = vidmm_budget_excess_locked(device->process);
    udxg_unlock(VIDMM, &adapter->lock);
    return status;
}

/* ---- bindings, devices ---- */

void vidmm_binding_init(struct vidmm_binding *binding, struct vidmm_alloc *alloc, struct vidmm_device *device)
{
    *binding = (struct vidmm_binding){.alloc = alloc, .device = device};
    udxg_list_init(&binding->required);
}

/* Kept in its segment: the allocation is probably about to go too, and need not be copied home first. */
void vidmm_binding_fini(struct vidmm_binding *binding)
{
    struct vidmm_process *process = binding->device->process;
    if (!atomic_load_explicit(&binding->alloc->managed, memory_order_relaxed)) return;
    udxg_lock(VIDMM, &process->adapter->lock);
    vidmm_paging_forget_locked(binding);
    if (binding->count) {
        binding->count = 0;
        unlist_locked(binding, true);
        vidmm_budget_settle_locked(process->adapter);
    }
    udxg_unlock(VIDMM, &process->adapter->lock);
    vidmm_va_release(process, binding);
}

bool vidmm_binding_is_listed(struct vidmm_binding *binding)
{
    struct vidmm_adapter *adapter = binding->device->process->adapter;
    udxg_lock(VIDMM, &adapter->lock);
    bool listed = binding->count != 0;
    udxg_unlock(VIDMM, &adapter->lock);
    return listed;
}

void vidmm_device_init(struct vidmm_device *device, struct vidmm_process *process, void (*ready)(struct vidmm_device *),
                       void (*failed)(struct vidmm_device *, udxg_status))
{
    *device = (struct vidmm_device){.process = process, .ready = ready, .failed = failed};
    udxg_list_init(&device->required);
    udxg_list_init(&device->queues);
    udxg_list_init(&device->offering);
    udxg_lock(VIDMM, &process->adapter->lock);
    udxg_list_append(&process->devices, &device->siblings);
    udxg_unlock(VIDMM, &process->adapter->lock);
}

void vidmm_device_fini(struct vidmm_device *device)
{
    udxg_lock(VIDMM, &device->process->adapter->lock);
    udxg_list_remove(&device->siblings);
    udxg_unlock(VIDMM, &device->process->adapter->lock);
}

bool vidmm_device_is_ready(struct vidmm_device *device)
{
    udxg_lock(VIDMM, &device->process->adapter->lock);
    bool ready = device->not_ready == 0;
    if (ready) vidmm_notify_run_locked(device);
    udxg_unlock(VIDMM, &device->process->adapter->lock);
    return ready;
}

/* ---- check ---- */

/* All listed allocations, each once with the number of bindings that list it. */
struct census {
    size_t count;
    const struct vidmm_alloc **listed; /* sorted, with repetitions */
};

static int compare_pointers(const void *a, const void *b)
{
    uintptr_t left = (uintptr_t) * (const void *const *)a, right = (uintptr_t) * (const void *const *)b;
    return left < right ? -1 : left > right;
}

static const char *census_device_locked(struct census *census, struct vidmm_device *device, size_t room)
    UDXG_REQUIRES(VIDMM)
{
    udxg_list_for_each(it, &device->required)
    {
        const struct vidmm_binding *binding = udxg_container_of(it, struct vidmm_binding, required);
        if (binding->device != device) return "a binding is on the list of another device";
        if (!binding->count) return "a binding without a count is listed";
        if (census->count < room) census->listed[census->count] = binding->alloc;
        census->count++;
    }
    return NULL;
}

static const char *census_locked(struct vidmm_adapter *adapter, struct census *census, size_t room) UDXG_REQUIRES(VIDMM)
{
    census->count = 0;
    udxg_list_for_each(p, &adapter->processes)
    {
        struct vidmm_process *process = udxg_container_of(p, struct vidmm_process, siblings);
        udxg_list_for_each(d, &process->devices)
        {
            const char *wrong = census_device_locked(census, udxg_container_of(d, struct vidmm_device, siblings), room);
            if (wrong) return wrong;
        }
    }
    return NULL;
}

static const char *check_listed_locked(const struct census *census, uint64_t *demand_bytes) UDXG_REQUIRES(VIDMM)
{
    size_t repeated;
    for (size_t i = 0; i < census->count; i += repeated) {
        const struct vidmm_alloc *alloc = census->listed[i];
        for (repeated = 1; i + repeated < census->count && census->listed[i + repeated] == alloc;) repeated++;
        if (alloc->resident_count != repeated) return "an allocation is not listed as often as it says";
        if (!alloc->target_id == !vidmm_offer_in_effect_locked(alloc))
            return "a listed allocation has no target, or an offered one has";
        struct vidmm_segment *segment = vidmm_adapter_segment_of(alloc->process->adapter, alloc->target_id);
        if (segment) demand_bytes[segment->id - 1] += vidmm_segment_need(segment, alloc->size_bytes);
    }
    return NULL;
}

static const char *check_demand_locked(struct vidmm_adapter *adapter, const struct census *census) UDXG_REQUIRES(VIDMM)
{
    uint64_t demand[UDXG_MAX_SEGMENTS] = {0}, grouped[VIDMM_GROUP_COUNT] = {0}, apertures = 0;
    const char *wrong = check_listed_locked(census, demand);
    if (wrong) return wrong;
    for (uint32_t i = 0; i < adapter->segment_count; i++) {
        const struct vidmm_segment *segment = adapter->segments[i];
        if (segment->demand_bytes != demand[i]) return "a segment's demand is not that of the listed allocations";
        if (segment->aperture) apertures += demand[i];
        if (segment->group < VIDMM_GROUP_COUNT) grouped[segment->group] += demand[i];
    }
    if (apertures != adapter->aperture_bytes) return "the apertures' demand is not the sum of theirs";
    if (apertures > adapter->sizes.shared_system_bytes) return "the apertures hold more than the adapter allows";
    udxg_list_for_each(it, &adapter->processes)
    {
        const struct vidmm_process *process = udxg_container_of(it, struct vidmm_process, siblings);
        for (unsigned group = 0; group < VIDMM_GROUP_COUNT; group++) grouped[group] -= process->usage_bytes[group];
    }
    for (unsigned group = 0; group < VIDMM_GROUP_COUNT; group++)
        if (grouped[group]) return "the usage of the processes is not the demand of their group";
    return NULL;
}

const char *vidmm_residency_check_locked(struct vidmm_adapter *adapter)
{
    struct census census = {0};
    const char *wrong = census_locked(adapter, &census, 0);
    if (wrong) return wrong;
    size_t room = census.count;
    census.listed = malloc((room + 1) * sizeof *census.listed);
    if (!census.listed) return "no memory for the check";
    wrong = census_locked(adapter, &census, room);
    if (!wrong) qsort(census.listed, census.count, sizeof *census.listed, compare_pointers);
    if (!wrong) wrong = check_demand_locked(adapter, &census);
    free(census.listed);
    return wrong;
}
