/* SPDX-License-Identifier: MIT */
/*
 * Budgets: how much of a budget group's segments a process should, and at most may, have listed.
 *
 *     maximum(p) = group size - sum of the other processes' reservations
 *     current(p) = min(override(p), maximum(p)) where there is an override, otherwise
 *                  min(share(p), maximum(p)) by fair.h, where everybody wants what was counted of his usage
 *
 * So a process that is alone has it all, an unused share goes to those who use theirs, somebody new gets up to the
 * fair share at once, and nobody gets less than his reservation.
 *
 * Budgets are computed at events and kept, so that looking is O(1): a process comes or goes, a reservation, an
 * override or a weight changes, or the usages have drifted from what was counted of them by a step, 1/64 of the
 * group, all processes together. Usage that goes up and down within a step makes no event, and no budget is wrong by
 * more than a step. An event counts all usages anew.
 *
 * A budget that falls below the usage asks for a trim (notify.h), once: again only when it has fallen by another
 * step, or after the usage was a step below the budget.
 *
 * Locks: VIDMM, the caller's. It refuses nothing (residency.c does) and evicts nobody.
 */
#ifndef UDXG_VIDMM_BUDGET_H
#define UDXG_VIDMM_BUDGET_H

#include "vidmm/process.h"

struct vidmm_limits {
    uint64_t current_bytes, maximum_bytes;
};
void vidmm_budget_limits_locked(const struct vidmm_process *process, enum vidmm_group group, struct vidmm_limits *ret)
    UDXG_REQUIRES(VIDMM);
/* How far the process is over its current budgets, all groups together. */
uint64_t vidmm_budget_excess_locked(const struct vidmm_process *process) UDXG_REQUIRES(VIDMM);

/* Puts the process, zero but for its lists, among the adapter's. STATUS_NO_MEMORY: nothing has changed. */
udxg_status vidmm_budget_join_locked(struct vidmm_process *process) UDXG_MUST_CHECK UDXG_REQUIRES(VIDMM);
void vidmm_budget_leave_locked(struct vidmm_process *process) UDXG_REQUIRES(VIDMM);

/* To be called after each change of usage_bytes; it may still be undone. */
void vidmm_budget_usage_changed_locked(struct vidmm_process *process, enum vidmm_group group) UDXG_REQUIRES(VIDMM);
/* To be called once such changes are final: makes an event of them if they amount to one. */
void vidmm_budget_settle_locked(struct vidmm_adapter *adapter) UDXG_REQUIRES(VIDMM);

const char *vidmm_budget_check_locked(const struct vidmm_adapter *adapter) UDXG_REQUIRES(VIDMM);

#endif
