/* SPDX-License-Identifier: MIT */
/* Orders to the memory manager, through D3DKMTEscape: what tests provoke its decisions with. */
#ifndef UDXG_CONFORMANCE_ESCAPE_H
#define UDXG_CONFORMANCE_ESCAPE_H

#include "fixture.h"

#ifdef __cplusplus
extern "C" {
#endif

NTSTATUS vidmm_escape(D3DKMT_HANDLE adapter, D3DKMT_VIDMM_ESCAPE *escape);

NTSTATUS set_faults(D3DKMT_HANDLE adapter, UINT faults); /* the bits of SetFault */
NTSTATUS force_out(D3DKMT_HANDLE adapter, D3DKMT_HANDLE resource, D3DKMT_HANDLE allocation);
NTSTATUS suspend_process(D3DKMT_HANDLE adapter, BOOL wakes);
NTSTATUS resume_process(D3DKMT_HANDLE adapter);
/* Returns when nothing is on its way out any more. */
void flush_paging(D3DKMT_HANDLE adapter);
/* Every structure of the memory manager agrees with every other. */
void check_integrity(D3DKMT_HANDLE adapter);

D3DKMT_ALLOCATIONRESIDENCYSTATUS residency_of(D3DKMT_HANDLE device, D3DKMT_HANDLE allocation);

#define IN_GPU_MEMORY D3DKMT_ALLOCATIONRESIDENCYSTATUS_RESIDENTINGPUMEMORY
#define IN_SHARED_MEMORY D3DKMT_ALLOCATIONRESIDENCYSTATUS_RESIDENTINSHAREDMEMORY
#define NOT_RESIDENT D3DKMT_ALLOCATIONRESIDENCYSTATUS_NOTRESIDENT

/* Where a buffer is that is resident in its first choice. */
static inline D3DKMT_ALLOCATIONRESIDENCYSTATUS first_choice(void)
{
    return on_discrete() ? IN_GPU_MEMORY : IN_SHARED_MEMORY;
}

/* A discrete adapter with 1 MiB of video memory. */
extern const char little_profile[];

#ifdef __cplusplus
}
#endif
#endif
