/* SPDX-License-Identifier: MIT */
/*
 * Budgets: how much of a budget group's segments a process should, and at most may, have listed.
 *
 *     fair       = group size / active processes
 *     others     = sum over the other processes q of max(reservation(q), min(usage(q), fair))
 *     current(p) = max(reservation(p), group size - others)
 *     maximum(p) = group size - sum of the other processes' reservations
 *
 * So a process that is alone has it all, an unused share goes to those who use theirs, and somebody new gets
 * up to the fair share at once. Locks: VIDMM, the caller's. It notifies nobody.
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

#endif
