/* SPDX-License-Identifier: MIT */
/*
 * Priority classes. Invariant: the weight of each process_adapter is its process's class's, but between its making and
 * udxg_priority_class_apply(): whoever sets a class reaches those that can be found, and the maker of one that could
 * not looks at the class after that.
 */
#include "core/priority_class.h"

#include "core/adapter.h"
#include "core/handlers.h"
#include "core/process.h"
#include "vidmm/fair.h"

/* Each class has twice the part of the one below. */
static const uint32_t weights[] = {
    [D3DKMT_SCHEDULINGPRIORITYCLASS_IDLE] = VIDMM_FAIR_WEIGHT_USUAL / 4,
    [D3DKMT_SCHEDULINGPRIORITYCLASS_BELOW_NORMAL] = VIDMM_FAIR_WEIGHT_USUAL / 2,
    [D3DKMT_SCHEDULINGPRIORITYCLASS_NORMAL] = VIDMM_FAIR_WEIGHT_USUAL,
    [D3DKMT_SCHEDULINGPRIORITYCLASS_ABOVE_NORMAL] = VIDMM_FAIR_WEIGHT_USUAL * 2,
    [D3DKMT_SCHEDULINGPRIORITYCLASS_HIGH] = VIDMM_FAIR_WEIGHT_USUAL * 4,
};

void udxg_priority_class_init(struct udxg_process *process) UDXG_NO_TSA
{
    process->priority_class = D3DKMT_SCHEDULINGPRIORITYCLASS_NORMAL;
}

static void apply_locked(struct udxg_process *process, struct udxg_process_adapter *pa) UDXG_REQUIRES(REGISTRY)
{
    udxg_status status = vidmm_process_set_weight(pa->vidmm, weights[process->priority_class]);
    (void)status; /* the table has no weight that is none */
}

void udxg_priority_class_apply(struct udxg_process *process, struct udxg_process_adapter *pa)
{
    udxg_lock(REGISTRY, &process->kernel->registry.lock);
    if (process->priority_class != D3DKMT_SCHEDULINGPRIORITYCLASS_NORMAL) apply_locked(process, pa);
    udxg_unlock(REGISTRY, &process->kernel->registry.lock);
}

static void set_locked(struct udxg_process *meant, void *user) UDXG_NO_TSA
{
    const uint32_t *class = user;

    meant->priority_class = *class;
    for (uint32_t i = 0; i < UDXG_KERNEL_ADAPTERS; i++) {
        struct udxg_process_adapter *pa = atomic_load(&meant->adapters[i]);
        if (pa) apply_locked(meant, pa);
    }
}

static void get_locked(struct udxg_process *meant, void *user) UDXG_NO_TSA
{
    *(uint32_t *)user = meant->priority_class;
}

udxg_status thunk_GetProcessSchedulingPriorityClass(struct udxg_process *process, struct udxg_process_class *args)
{
    uint32_t class;
    udxg_status status = udxg_registry_with(process, args->Process, get_locked, &class);

    if (!udxg_failed(status)) args->Class = (D3DKMT_SCHEDULINGPRIORITYCLASS) class;
    return status;
}

/* REALTIME needs a privilege on Windows, which nobody has here. */
udxg_status thunk_SetProcessSchedulingPriorityClass(struct udxg_process *process, struct udxg_process_class *args)
{
    uint32_t class = (uint32_t)args->Class;

    if (class == D3DKMT_SCHEDULINGPRIORITYCLASS_REALTIME) return STATUS_ACCESS_DENIED;
    if (class >= sizeof weights / sizeof *weights) return STATUS_INVALID_PARAMETER;
    return udxg_registry_with(process, args->Process, set_locked, &class);
}
