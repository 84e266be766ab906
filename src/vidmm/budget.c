/* SPDX-License-Identifier: MIT */
/* Budgets; the rules stand in the header. */
#include "vidmm/budget.h"

static uint64_t min_of(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t max_of(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint64_t rest_of(uint64_t total, uint64_t taken)
{
    return total > taken ? total - taken : 0;
}

static struct vidmm_process *process_of(struct udxg_list *link)
{
    return udxg_container_of(link, struct vidmm_process, siblings);
}

/* The processes that use or reserve something of the group, and PROCESS in any case. */
static uint64_t active_locked(const struct vidmm_process *process, enum vidmm_group group) UDXG_REQUIRES(VIDMM)
{
    uint64_t active = 0;
    udxg_list_for_each(it, &process->adapter->processes)
    {
        const struct vidmm_process *other = process_of(it);
        active += other == process || other->usage_bytes[group] || other->reservation_bytes[group];
    }
    return max_of(active, 1);
}

void vidmm_budget_limits_locked(const struct vidmm_process *process, enum vidmm_group group, struct vidmm_limits *ret)
{
    uint64_t total = process->adapter->group_bytes[group];
    uint64_t fair = total / active_locked(process, group), others = 0, reserved = 0;
    udxg_list_for_each(it, &process->adapter->processes)
    {
        const struct vidmm_process *other = process_of(it);
        if (other == process) continue;
        others += max_of(other->reservation_bytes[group], min_of(other->usage_bytes[group], fair));
        reserved += other->reservation_bytes[group];
    }
    ret->maximum_bytes = rest_of(total, reserved);
    ret->current_bytes = min_of(max_of(process->reservation_bytes[group], rest_of(total, others)), ret->maximum_bytes);
}

uint64_t vidmm_budget_excess_locked(const struct vidmm_process *process)
{
    uint64_t excess = 0;
    for (unsigned group = 0; group < VIDMM_GROUP_COUNT; group++) {
        struct vidmm_limits limits;
        vidmm_budget_limits_locked(process, (enum vidmm_group)group, &limits);
        excess += rest_of(process->usage_bytes[group], limits.current_bytes);
    }
    return excess;
}

/* Half of what others have not reserved: a reservation must not take the last of anybody's budget. */
static uint64_t reservable_locked(const struct vidmm_process *process, enum vidmm_group group,
                                  const struct vidmm_limits *limits) UDXG_REQUIRES(VIDMM)
{
    uint64_t half = process->adapter->group_bytes[group] / 2;
    uint64_t reserved_by_others = process->adapter->group_bytes[group] - limits->maximum_bytes;
    return min_of(rest_of(half, reserved_by_others), limits->current_bytes);
}

void vidmm_process_budget(struct vidmm_process *process, enum vidmm_group group, struct vidmm_budget *ret)
{
    struct vidmm_limits limits;
    udxg_lock(VIDMM, &process->adapter->lock);
    vidmm_budget_limits_locked(process, group, &limits);
    *ret = (struct vidmm_budget){
        .budget_bytes = limits.current_bytes,
        .usage_bytes = process->usage_bytes[group],
        .reservation_bytes = process->reservation_bytes[group],
        .available_for_reservation_bytes = reservable_locked(process, group, &limits),
    };
    udxg_unlock(VIDMM, &process->adapter->lock);
}

udxg_status vidmm_process_reserve_budget(struct vidmm_process *process, enum vidmm_group group,
                                         uint64_t reservation_bytes)
{
    struct vidmm_limits limits;
    udxg_status status = STATUS_INVALID_PARAMETER;
    udxg_lock(VIDMM, &process->adapter->lock);
    vidmm_budget_limits_locked(process, group, &limits);
    if (reservation_bytes <= reservable_locked(process, group, &limits)) {
        process->reservation_bytes[group] = reservation_bytes;
        status = STATUS_SUCCESS;
    }
    udxg_unlock(VIDMM, &process->adapter->lock);
    return status;
}
