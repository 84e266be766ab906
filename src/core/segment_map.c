/* SPDX-License-Identifier: MIT */
/* udxg_get_segment_map(): who lives where, in the order of the addresses. */
#include <stdlib.h>

#include <udxg/udxg.h>

#include "core/adapter.h"
#include "core/handlers.h"
#include "core/process.h"

static int by_offset(const void *a, const void *b)
{
    const struct vidmm_part *x = a, *y = b;
    return (x->offset_bytes > y->offset_bytes) - (x->offset_bytes < y->offset_bytes);
}

_Static_assert((int)UDXG_PART_LISTED == (int)VIDMM_PART_LISTED && (int)UDXG_PART_KEPT == (int)VIDMM_PART_KEPT &&
                   (int)UDXG_PART_LEAVING == (int)VIDMM_PART_LEAVING &&
                   (int)UDXG_PART_OFFERED == (int)VIDMM_PART_OFFERED,
               "the public states are the manager's");

static void tell(const struct vidmm_part *parts, uint32_t count, struct udxg_segment_part *ret)
{
    for (uint32_t i = 0; i < count; i++)
        ret[i] = (struct udxg_segment_part){
            .offset_bytes = parts[i].offset_bytes,
            .size_bytes = parts[i].size_bytes,
            .process = parts[i].process,
            .device = parts[i].device,
            .state = parts[i].state,
            .priority = parts[i].priority,
        };
}

udxg_status thunk_GetSegmentMap(struct udxg_process *process, struct udxg_get_segment_map *args)
{
    struct udxg_adapter *adapter = udxg_kernel_find_adapter(process->kernel, args->AdapterLuid);
    struct vidmm_part *parts;
    udxg_status status;

    if (!adapter) return STATUS_INVALID_PARAMETER;
    if (!args->pParts) args->Count = 0;
    parts = calloc((size_t)args->Count + 1, sizeof *parts);
    if (!parts) return STATUS_NO_MEMORY;
    args->Total = args->Count;
    status = vidmm_adapter_parts(adapter->vidmm, args->SegmentId, parts, &args->Total);
    if (!udxg_failed(status)) {
        if (args->Total < args->Count) args->Count = args->Total;
        qsort(parts, args->Count, sizeof *parts, by_offset);
        tell(parts, args->Count, args->pParts);
    }
    free(parts);
    return status;
}
