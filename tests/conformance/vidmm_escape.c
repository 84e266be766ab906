/* SPDX-License-Identifier: MIT */
/* Orders to the memory manager; what they are for stands in the header. */
#include "escape.h"

const char little_profile[] = "[adapter]\n"
                              "description = little\n"
                              "miniport = soft\n"
                              "wddm = 2700\n"
                              "gpu_va_bits = 48\n"
                              "clock = 1 GHz\n"
                              "[segment.1]\n"
                              "size = 1 MiB\n"
                              "flags = use_64kb_pages, application_target, local_budget_group\n"
                              "[segment.2]\n"
                              "size = 64 MiB\n"
                              "flags = aperture, cpu_visible, cache_coherent, non_local_budget_group\n"
                              "[node.0]\n"
                              "type = 3d\n"
                              "name = 3D\n";

NTSTATUS vidmm_escape(D3DKMT_HANDLE adapter, D3DKMT_VIDMM_ESCAPE *escape)
{
    D3DKMT_ESCAPE args = {0};
    args.hAdapter = adapter;
    args.Type = D3DKMT_ESCAPE_VIDMM;
    args.pPrivateDriverData = escape;
    args.PrivateDriverDataSize = sizeof(*escape);
    return D3DKMTEscape(&args);
}

NTSTATUS set_faults(D3DKMT_HANDLE adapter, UINT faults)
{
    D3DKMT_VIDMM_ESCAPE escape = {0};
    escape.Type = D3DKMT_VIDMMESCAPETYPE_SETFAULT;
    escape.SetFault.Value = faults;
    return vidmm_escape(adapter, &escape);
}

NTSTATUS force_out(D3DKMT_HANDLE adapter, D3DKMT_HANDLE resource, D3DKMT_HANDLE allocation)
{
    D3DKMT_VIDMM_ESCAPE escape = {0};
    escape.Type = D3DKMT_VIDMMESCAPETYPE_EVICT;
    escape.Evict.ResourceHandle = resource;
    escape.Evict.AllocationHandle = allocation;
    return vidmm_escape(adapter, &escape);
}

NTSTATUS suspend_process(D3DKMT_HANDLE adapter, BOOL wakes)
{
    D3DKMT_VIDMM_ESCAPE escape = {0};
    escape.Type = D3DKMT_VIDMMESCAPETYPE_SUSPEND_PROCESS;
    escape.SuspendProcess.bAllowWakeOnSubmission = wakes;
    return vidmm_escape(adapter, &escape);
}

NTSTATUS resume_process(D3DKMT_HANDLE adapter)
{
    D3DKMT_VIDMM_ESCAPE escape = {0};
    escape.Type = D3DKMT_VIDMMESCAPETYPE_RESUME_PROCESS;
    return vidmm_escape(adapter, &escape);
}

void flush_paging(D3DKMT_HANDLE adapter)
{
    D3DKMT_VIDMM_ESCAPE escape = {0};
    escape.Type = D3DKMT_VIDMMESCAPETYPE_WAKE;
    escape.Wake.bFlush = TRUE;
    require_success(vidmm_escape(adapter, &escape));
}

void check_integrity(D3DKMT_HANDLE adapter)
{
    D3DKMT_VIDMM_ESCAPE escape = {0};
    escape.Type = D3DKMT_VIDMMESCAPETYPE_VALIDATE_INTEGRITY;
    check_status(STATUS_SUCCESS, vidmm_escape(adapter, &escape));
}

D3DKMT_ALLOCATIONRESIDENCYSTATUS residency_of(D3DKMT_HANDLE device, D3DKMT_HANDLE allocation)
{
    D3DKMT_ALLOCATIONRESIDENCYSTATUS result = (D3DKMT_ALLOCATIONRESIDENCYSTATUS)0;
    D3DKMT_QUERYALLOCATIONRESIDENCY args = {0};
    args.hDevice = device;
    args.AllocationCount = 1;
    args.phAllocationList = &allocation;
    args.pResidencyStatus = &result;
    require_success(D3DKMTQueryAllocationResidency(&args));
    return result;
}
