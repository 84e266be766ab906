/* SPDX-License-Identifier: MIT */
/*
 * What a process has of its GPU address space: descriptors, ranges, page table entries; and what its segments are.
 * Engines here translate without page tables: entries are what tables of 4 KiB pages would hold, with 512 entries in
 * each but the highest, and a table for every address.
 */
#include "core/vad_escape.h"

#include <string.h>

#include "vidmm/vad.h"

#define PAGE_BITS 12u
#define INDEX_BITS 9u
#define ALL_ADDRESSES 0xffffffffu /* VadIndex: the one at VadAddress is meant */

/* ---- descriptors ---- */

static udxg_status get_vad(struct vidmm_process *process, D3DKMT_VAD_DESC *desc)
{
    struct vidmm_vad vad;
    udxg_status status = desc->VadIndex == ALL_ADDRESSES ? vidmm_vad_by_address(process, desc->VadAddress, &vad)
                                                         : vidmm_vad_by_index(process, desc->VadIndex, &vad);

    if (udxg_failed(status)) return status;
    desc->NumMappedRanges = vad.range_count;
    desc->VadType = vad.reserved ? 0 : 1;
    desc->StartAddress = vad.start;
    desc->EndAddress = vad.end;
    return STATUS_SUCCESS;
}

static udxg_status get_range(struct vidmm_process *process, D3DKMT_VA_RANGE_DESC *desc)
{
    struct vidmm_vad_range range;
    udxg_status status;

    if (desc->PhysicalAdapterIndex) return STATUS_INVALID_PARAMETER;
    status = vidmm_vad_range(process, desc->VadAddress, desc->VaRangeIndex, &range);
    if (udxg_failed(status)) return status;
    desc->StartAddress = range.start;
    desc->EndAddress = range.end;
    desc->DriverProtection = 0;
    desc->OwnerType = range.owner != 0;
    desc->pOwner = range.owner;
    desc->OwnerOffset = range.offset_bytes;
    desc->Protection = range.protection;
    return STATUS_SUCCESS;
}

/* ---- page tables ---- */

static uint32_t level_count(const struct udxg_adapter *adapter)
{
    return (adapter->caps.gpu_va_bits - PAGE_BITS + INDEX_BITS - 1) / INDEX_BITS;
}

static uint32_t index_bits(const struct udxg_adapter *adapter, uint32_t level)
{
    uint32_t left = adapter->caps.gpu_va_bits - PAGE_BITS - level * INDEX_BITS;

    return left < INDEX_BITS ? left : INDEX_BITS;
}

static udxg_status gpummu_caps(const struct udxg_adapter *adapter, D3DKMT_GET_GPUMMU_CAPS *query)
{
    DXGK_ESCAPE_GPUMMUCAPS *caps = &query->GpuMmuCaps;

    if (query->PhysicalAdapterIndex) return STATUS_INVALID_PARAMETER;
    memset(caps, 0, sizeof *caps);
    caps->ReadOnlyMemorySupported = 1;
    caps->CacheCoherentMemorySupported = 1;
    caps->VirtualAddressBitCount = adapter->caps.gpu_va_bits;
    caps->PageTableLevelCount = level_count(adapter);
    for (uint32_t level = 0; level < caps->PageTableLevelCount; level++) {
        uint32_t shift = PAGE_BITS + level * INDEX_BITS, bits = index_bits(adapter, level);
        caps->PageTableLevelDesk[level] = (D3DKMT_PAGE_TABLE_LEVEL_DESC){
            .IndexBitCount = bits,
            .IndexMask = ((UINT64_C(1) << bits) - 1) << shift,
            .IndexShift = shift,
            .LowerLevelsMask = (UINT64_C(1) << shift) - 1,
            .EntryCoverageInPages = UINT64_C(1) << level * INDEX_BITS,
        };
    }
    return STATUS_SUCCESS;
}

static DXGK_PTE entry_of(struct vidmm_process *process, uint64_t va)
{
    DXGK_PTE entry = {0};
    struct vidmm_pte pte;

    vidmm_va_pte(process, va, &pte);
    entry.Valid = pte.valid;
    entry.Zero = pte.zero;
    entry.ReadOnly = pte.valid && !(pte.protection & VIDMM_VA_WRITE);
    entry.Segment = pte.segment_id & 0x1f;
    if (pte.valid) entry.PageAddress = pte.address >> PAGE_BITS;
    return entry;
}

static udxg_status get_pte(const struct udxg_adapter *adapter, struct vidmm_process *process, D3DKMT_GET_PTE *query)
{
    uint64_t va = 0;

    if (query->PhysicalAdapterIndex || query->PageTableLevel) return STATUS_INVALID_PARAMETER;
    if (!query->NumPtes || query->NumPtes > D3DKMT_GET_PTE_MAX) return STATUS_INVALID_PARAMETER;
    for (uint32_t level = 0; level < level_count(adapter); level++) {
        if (query->PageTableIndex[level] >> index_bits(adapter, level)) return STATUS_INVALID_PARAMETER;
        va |= (uint64_t)query->PageTableIndex[level] << (PAGE_BITS + level * INDEX_BITS);
    }
    if (query->PageTableIndex[0] + query->NumPtes > 1u << INDEX_BITS) return STATUS_INVALID_PARAMETER;
    query->b64KBPte = 0;
    query->NumValidEntries = 0;
    for (uint32_t i = 0; i < query->NumPtes; i++) {
        query->Pte[i] = entry_of(process, va + ((uint64_t)i << PAGE_BITS));
        query->NumValidEntries += query->Pte[i].Valid;
    }
    return STATUS_SUCCESS;
}

/* ---- segments ---- */

static D3DKMT_MEMORY_SEGMENT_GROUP group_of(const struct udxg_segment *segment)
{
    return segment->flags & UDXG_SEGMENT_LOCAL_BUDGET_GROUP ? D3DKMT_MEMORY_SEGMENT_GROUP_LOCAL
                                                            : D3DKMT_MEMORY_SEGMENT_GROUP_NON_LOCAL;
}

static udxg_status segment_caps(struct udxg_adapter *adapter, D3DKMT_GET_SEGMENT_CAPS *caps)
{
    if (caps->PhysicalAdapterIndex) return STATUS_INVALID_PARAMETER;
    caps->NumSegments = adapter->caps.segment_count;
    for (uint32_t i = 0; i < adapter->caps.segment_count; i++) {
        const struct udxg_segment *segment = &adapter->caps.segments[i];
        caps->SegmentCaps[i] = (D3DKMT_SEGMENT_CAPS){
            .Size = segment->size_bytes,
            .PageSize = segment->flags & UDXG_SEGMENT_USE_64KB_PAGES ? 65536 : 4096,
            .SegmentId = i + 1,
            .bAperture = (segment->flags & UDXG_SEGMENT_APERTURE) != 0,
            .BudgetGroup = group_of(segment),
        };
    }
    return STATUS_SUCCESS;
}

/* ---- the call ---- */

static udxg_status answer(struct udxg_adapter *adapter, struct vidmm_process *process, D3DKMT_VIDMM_ESCAPE *data)
{
    switch (data->GetVads.Command) {
    case D3DKMT_VAD_ESCAPE_GETNUMVADS:
        data->GetVads.GetNumVads.NumVads = vidmm_vad_count(process);
        return STATUS_SUCCESS;
    case D3DKMT_VAD_ESCAPE_GETVAD:
        return get_vad(process, &data->GetVads.GetVad);
    case D3DKMT_VAD_ESCAPE_GETVADRANGE:
        return get_range(process, &data->GetVads.GetVadRange);
    case D3DKMT_VAD_ESCAPE_GET_PTE:
        return get_pte(adapter, process, &data->GetVads.GetPte);
    case D3DKMT_VAD_ESCAPE_GET_GPUMMU_CAPS:
        return gpummu_caps(adapter, &data->GetVads.GetGpuMmuCaps);
    case D3DKMT_VAD_ESCAPE_GET_SEGMENT_CAPS:
        return segment_caps(adapter, &data->GetVads.GetSegmentCaps);
    default:
        return STATUS_INVALID_PARAMETER;
    }
}

udxg_status udxg_vad_escape(struct udxg_adapter *adapter, struct vidmm_process *process, D3DKMT_VIDMM_ESCAPE *data)
{
    udxg_status status = answer(adapter, process, data);

    data->GetVads.Status = status;
    return status;
}
