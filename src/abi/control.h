/* SPDX-License-Identifier: MIT */
/*
 * The argument structs of our own calls, which go the way of all others. include/udxg/udxg.h says what those of libudxg
 * do; DescribeAdapter is for DXCore.
 */
#ifndef UDXG_ABI_CONTROL_H
#define UDXG_ABI_CONTROL_H

#include <dxg/d3dkmthk.h>

#include <udxg/udxg.h>

/* Of two calls of the system's, whose parameters are not one struct. */
struct udxg_process_class {
    HANDLE Process;
    D3DKMT_SCHEDULINGPRIORITYCLASS Class;
};

struct udxg_stop_adapter {
    LUID AdapterLuid;
};

struct udxg_start_adapter {
    LUID AdapterLuid;
};

struct udxg_inject_text {
    const char *pText; /* TextBytes of it, the last of them zero */
    UINT TextBytes;
};

struct udxg_get_write_watch {
    D3DKMT_HANDLE hDevice;
    D3DKMT_HANDLE hAllocation;
    UINT Flags;
    UINT Count;
    UINT64 *pPages;
    UINT PageBytes;
};

struct udxg_get_segment_map {
    LUID AdapterLuid;
    UINT SegmentId;
    UINT Count;
    struct udxg_segment_part *pParts;
    UINT Total;
};

/* Everything that DXCore says about an adapter. All but IsStopped is constant while the kernel lives. */
struct udxg_describe_adapter {
    UINT Index;        /* in the order of EnumAdapters2 */
    UINT AdapterCount; /* of the kernel: every index below it is there */
    LUID AdapterLuid;
    UINT64 DriverVersion;
    UINT WddmVersion;
    UINT VendorId, DeviceId, SubVendorId, SubSystemId, RevisionId;
    UINT IsHardware;
    UINT IsStopped; /* whether who opens it now will be told that it was removed */
    UINT64 DedicatedVideoBytes, DedicatedSystemBytes, SharedSystemBytes;
    char Description[128]; /* UTF-8, ends in a zero */
};

#endif
