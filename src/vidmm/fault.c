/* SPDX-License-Identifier: MIT */
/* Provoked faults; what they are stands in the header. */
#include "vidmm/fault.h"

#include "vidmm/adapter.h"

void vidmm_adapter_set_faults(struct vidmm_adapter *adapter, uint32_t faults)
{
    atomic_store_explicit(&adapter->faults, faults & VIDMM_FAULTS, memory_order_relaxed);
}

bool vidmm_adapter_has_fault(const struct vidmm_adapter *adapter, uint32_t fault)
{
    return atomic_load_explicit(&adapter->faults, memory_order_relaxed) & fault;
}
