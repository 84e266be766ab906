/* SPDX-License-Identifier: MIT */
/*
 * The scheduling priority class of a process: how somebody, itself or what shows windows to a user, says whether that
 * user looks at it now. It is the weight of the process where budgets are made, on every adapter (vidmm/fair.h);
 * engines go by the priorities of contexts alone. It is no protection: reservations hold whatever it is.
 *
 * Lock: REGISTRY, so that the process that is meant stays.
 */
#ifndef UDXG_CORE_PRIORITY_CLASS_H
#define UDXG_CORE_PRIORITY_CLASS_H

struct udxg_process;
struct udxg_process_adapter;

/* The process is not on the registry's list yet. */
void udxg_priority_class_init(struct udxg_process *process);
/* What the process has on an adapter has just been made, and can be found. */
void udxg_priority_class_apply(struct udxg_process *process, struct udxg_process_adapter *pa);

#endif
