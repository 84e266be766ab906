/* SPDX-License-Identifier: MIT */
/*
 * libudxg.so.0: our own API. It keeps no state; what it asks the kernel for goes through libudxg-kernel.so.0
 * like every other call.
 */
#include <udxg/udxg.h>

#include <string.h>

#include "client/client.h"

#define EXPORT __attribute__((visibility("default")))

EXPORT const char *udxg_version(void)
{
    return UDXG_VERSION;
}

EXPORT NTSTATUS udxg_stop_adapter(LUID adapter)
{
    struct udxg_stop_adapter args = {.AdapterLuid = adapter};

    return udxg_call(UDXG_THUNK_StopAdapter, &args);
}

EXPORT NTSTATUS udxg_start_adapter(LUID adapter)
{
    struct udxg_start_adapter args = {.AdapterLuid = adapter};

    return udxg_call(UDXG_THUNK_StartAdapter, &args);
}

EXPORT NTSTATUS udxg_inject(const char *rules)
{
    struct udxg_inject_text args = {.pText = rules};

    if (rules) args.TextBytes = (UINT)strnlen(rules, UINT32_MAX - 1) + 1;
    return udxg_call(UDXG_THUNK_Inject, &args);
}

EXPORT NTSTATUS udxg_get_write_watch(D3DKMT_HANDLE device, D3DKMT_HANDLE allocation, uint32_t flags, uint64_t *pages,
                                     uint32_t *count, uint32_t *ret_page_bytes)
{
    struct udxg_get_write_watch args = {.hDevice = device, .hAllocation = allocation, .Flags = flags, .pPages = pages};
    NTSTATUS status;

    if (!pages || !count || !ret_page_bytes) return STATUS_INVALID_PARAMETER;
    args.Count = *count;
    status = udxg_call(UDXG_THUNK_GetWriteWatch, &args);
    if (status < 0) return status;
    *count = args.Count;
    *ret_page_bytes = args.PageBytes;
    return status;
}

EXPORT NTSTATUS udxg_get_segment_map(LUID adapter, uint32_t segment_id, struct udxg_segment_part *parts,
                                     uint32_t *count)
{
    struct udxg_get_segment_map args = {.AdapterLuid = adapter, .SegmentId = segment_id, .pParts = parts};
    NTSTATUS status;

    if (!count || (*count && !parts)) return STATUS_INVALID_PARAMETER;
    args.Count = *count;
    status = udxg_call(UDXG_THUNK_GetSegmentMap, &args);
    if (status >= 0) *count = args.Total;
    return status;
}
