/* SPDX-License-Identifier: MIT */
/* The argument structs of libudxg's own calls, which go the way of all others; include/udxg/udxg.h says what they do.
 */
#ifndef UDXG_ABI_CONTROL_H
#define UDXG_ABI_CONTROL_H

#include <dxg/d3dkmthk.h>

#include <udxg/udxg.h>

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

#endif
