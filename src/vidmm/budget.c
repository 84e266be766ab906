/* SPDX-License-Identifier: MIT */
/* Budgets; the rules stand in the header. */
#include "vidmm/budget.h"

#include "vidmm/notify.h"

#define STEPS 64u /* of a group: what is less makes no event */
#define NEVER UINT64_MAX

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

/* ---- reading ---- */

static uint64_t maximum_locked(const struct vidmm_process *process, enum vidmm_group group) UDXG_REQUIRES(VIDMM)
{
    const struct vidmm_adapter *adapter = process->adapter;
    return rest_of(adapter->group_bytes[group], adapter->reserved_bytes[group] - process->reservation_bytes[group]);
}

void vidmm_budget_limits_locked(const struct vidmm_process *process, enum vidmm_group group, struct vidmm_limits *ret)
{
    *ret = (struct vidmm_limits){process->budget_bytes[group], maximum_locked(process, group)};
}

uint64_t vidmm_budget_excess_locked(const struct vidmm_process *process)
{
    uint64_t excess = 0;
    for (unsigned group = 0; group < VIDMM_GROUP_COUNT; group++)
        excess += rest_of(process->usage_bytes[group], process->budget_bytes[group]);
    return excess;
}

/* Half of what others have not reserved: a reservation must not take the last of anybody's budget. */
static uint64_t reservable_locked(const struct vidmm_process *process, enum vidmm_group group) UDXG_REQUIRES(VIDMM)
{
    uint64_t total = process->adapter->group_bytes[group];
    uint64_t reserved_by_others = total - maximum_locked(process, group);
    return min_of(rest_of(total / 2, reserved_by_others), process->budget_bytes[group]);
}

uint64_t vidmm_process_excess(struct vidmm_process *process)
{
    udxg_lock(VIDMM, &process->adapter->lock);
    uint64_t excess = vidmm_budget_excess_locked(process);
    udxg_unlock(VIDMM, &process->adapter->lock);
    return excess;
}

void vidmm_process_budget(struct vidmm_process *process, enum vidmm_group group, struct vidmm_budget *ret)
{
    udxg_lock(VIDMM, &process->adapter->lock);
    *ret = (struct vidmm_budget){
        .budget_bytes = process->budget_bytes[group],
        .usage_bytes = process->usage_bytes[group],
        .reservation_bytes = process->reservation_bytes[group],
        .available_for_reservation_bytes = reservable_locked(process, group),
    };
    udxg_unlock(VIDMM, &process->adapter->lock);
}

/* ---- events ---- */

static uint64_t step_of(const struct vidmm_adapter *adapter, enum vidmm_group group)
{
    return max_of(adapter->group_bytes[group] / STEPS, 1);
}

/* Whether the process is to be asked for a trim, now that its budget has fallen or not. */
static bool must_ask_locked(struct vidmm_process *process, enum vidmm_group group, bool fallen) UDXG_REQUIRES(VIDMM)
{
    uint64_t usage = process->usage_bytes[group], budget = process->budget_bytes[group];
    uint64_t step = step_of(process->adapter, group), *asked = &process->asked_bytes[group];
    if (usage + step <= budget) *asked = NEVER;
    if (!fallen || usage <= budget) return false;
    if (*asked != NEVER && budget + step > *asked) return false;
    *asked = budget;
    return true;
}

static void adopt_locked(struct vidmm_process *process, enum vidmm_group group, uint64_t share_bytes)
    UDXG_REQUIRES(VIDMM)
{
    uint64_t before = process->budget_bytes[group];
    bool overridden = process->override_bytes[group] != VIDMM_NO_OVERRIDE;
    uint64_t wished = overridden ? process->override_bytes[group] : share_bytes;
    uint64_t budget = min_of(wished, maximum_locked(process, group));
    process->budget_bytes[group] = budget;
    if (must_ask_locked(process, group, budget < before)) vidmm_notify_trim_locked(process);
    if (budget != before) vidmm_notify_budget_locked(process, group);
}

static void recompute_group_locked(struct vidmm_adapter *adapter, enum vidmm_group group) UDXG_REQUIRES(VIDMM)
{
    struct vidmm_claim *claim = adapter->fair.claims;
    adapter->drift_bytes[group] = 0;
    udxg_list_for_each(it, &adapter->processes)
    {
        struct vidmm_process *process = process_of(it);
        process->counted_bytes[group] = process->usage_bytes[group];
        process->drift_bytes[group] = 0;
        *claim++ = (struct vidmm_claim){
            .reserved_bytes = process->reservation_bytes[group],
            .wanted_bytes = process->counted_bytes[group],
            .weight = process->weight,
        };
    }
    vidmm_fair_solve(&adapter->fair, adapter->group_bytes[group], adapter->process_count);
    claim = adapter->fair.claims;
    udxg_list_for_each(it, &adapter->processes) adopt_locked(process_of(it), group, claim++->share_bytes);
}

static void recompute_locked(struct vidmm_adapter *adapter) UDXG_REQUIRES(VIDMM)
{
    for (unsigned group = 0; group < VIDMM_GROUP_COUNT; group++)
        recompute_group_locked(adapter, (enum vidmm_group)group);
}

static uint64_t drift_of_locked(const struct vidmm_process *process, enum vidmm_group group) UDXG_REQUIRES(VIDMM)
{
    uint64_t usage = process->usage_bytes[group], counted = process->counted_bytes[group];
    return usage > counted ? usage - counted : counted - usage;
}

void vidmm_budget_usage_changed_locked(struct vidmm_process *process, enum vidmm_group group)
{
    uint64_t drift = drift_of_locked(process, group);
    process->adapter->drift_bytes[group] += drift - process->drift_bytes[group];
    process->drift_bytes[group] = drift;
}

void vidmm_budget_settle_locked(struct vidmm_adapter *adapter)
{
    for (unsigned i = 0; i < VIDMM_GROUP_COUNT; i++) {
        enum vidmm_group group = (enum vidmm_group)i;
        if (adapter->drift_bytes[group] >= step_of(adapter, group)) recompute_group_locked(adapter, group);
    }
}

udxg_status vidmm_budget_join_locked(struct vidmm_process *process)
{
    struct vidmm_adapter *adapter = process->adapter;
    udxg_status status = vidmm_fair_reserve(&adapter->fair, adapter->process_count + 1);
    if (udxg_failed(status)) return status;
    process->weight = VIDMM_FAIR_WEIGHT_USUAL;
    for (unsigned group = 0; group < VIDMM_GROUP_COUNT; group++) {
        process->override_bytes[group] = VIDMM_NO_OVERRIDE;
        process->asked_bytes[group] = NEVER;
    }
    udxg_list_append(&adapter->processes, &process->siblings);
    adapter->process_count++;
    recompute_locked(adapter);
    return STATUS_SUCCESS;
}

void vidmm_budget_leave_locked(struct vidmm_process *process)
{
    struct vidmm_adapter *adapter = process->adapter;
    udxg_list_remove(&process->siblings);
    adapter->process_count--;
    for (unsigned group = 0; group < VIDMM_GROUP_COUNT; group++)
        adapter->reserved_bytes[group] -= process->reservation_bytes[group];
    recompute_locked(adapter);
}

udxg_status vidmm_process_reserve_budget(struct vidmm_process *process, enum vidmm_group group,
                                         uint64_t reservation_bytes)
{
    struct vidmm_adapter *adapter = process->adapter;
    udxg_status status = STATUS_INVALID_PARAMETER;
    udxg_lock(VIDMM, &adapter->lock);
    if (reservation_bytes <= reservable_locked(process, group)) {
        adapter->reserved_bytes[group] += reservation_bytes - process->reservation_bytes[group];
        process->reservation_bytes[group] = reservation_bytes;
        recompute_locked(adapter);
        status = STATUS_SUCCESS;
    }
    udxg_unlock(VIDMM, &adapter->lock);
    return status;
}

void vidmm_process_set_budget(struct vidmm_process *process, enum vidmm_group group, uint64_t budget_bytes)
{
    udxg_lock(VIDMM, &process->adapter->lock);
    process->override_bytes[group] = budget_bytes;
    recompute_locked(process->adapter);
    udxg_unlock(VIDMM, &process->adapter->lock);
}

udxg_status vidmm_process_set_weight(struct vidmm_process *process, uint32_t weight)
{
    if (!weight || weight > VIDMM_FAIR_WEIGHT_MAX) return STATUS_INVALID_PARAMETER;
    udxg_lock(VIDMM, &process->adapter->lock);
    process->weight = weight;
    recompute_locked(process->adapter);
    udxg_unlock(VIDMM, &process->adapter->lock);
    return STATUS_SUCCESS;
}

/* ---- check ---- */

static const char *check_process_locked(const struct vidmm_process *process, enum vidmm_group group)
    UDXG_REQUIRES(VIDMM)
{
    uint64_t budget = process->budget_bytes[group], reservation = process->reservation_bytes[group];
    bool overridden = process->override_bytes[group] != VIDMM_NO_OVERRIDE;
    if (budget > maximum_locked(process, group)) return "a budget is over its maximum";
    if (budget < reservation && !overridden) return "a budget is less than the reservation";
    if (drift_of_locked(process, group) != process->drift_bytes[group]) return "a usage's drift is not what it says";
    return NULL;
}

const char *vidmm_budget_check_locked(const struct vidmm_adapter *adapter)
{
    for (unsigned group = 0; group < VIDMM_GROUP_COUNT; group++) {
        uint64_t reserved = 0, drift = 0;
        size_t count = 0;
        udxg_list_for_each(it, &adapter->processes)
        {
            const struct vidmm_process *process = process_of(it);
            const char *wrong = check_process_locked(process, (enum vidmm_group)group);
            if (wrong) return wrong;
            reserved += process->reservation_bytes[group];
            drift += process->drift_bytes[group];
            count++;
        }
        if (reserved != adapter->reserved_bytes[group]) return "the adapter's reservations are not its processes'";
        if (drift != adapter->drift_bytes[group]) return "the adapter's drift is not its processes'";
        if (drift >= step_of(adapter, (enum vidmm_group)group)) return "usage changes were not settled";
        if (count != adapter->process_count) return "the adapter's processes are not counted right";
    }
    return NULL;
}
