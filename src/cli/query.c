/* SPDX-License-Identifier: MIT */
/* The calls behind udxg info. Every adapter handle that enumeration opens is closed again here. */
#include "cli/query.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/status.h"

static bool query(D3DKMT_HANDLE adapter, KMTQUERYADAPTERINFOTYPE type, void *data, uint32_t size_bytes)
{
    D3DKMT_QUERYADAPTERINFO args = {
        .hAdapter = adapter, .Type = type, .pPrivateDriverData = data, .PrivateDriverDataSize = size_bytes};
    return !udxg_failed(D3DKMTQueryAdapterInfo(&args));
}

/* WCHAR is UTF-32 on Linux. What does not fit is left out, character by character. */
static void narrow(const WCHAR *from, size_t count, char *to, size_t to_bytes)
{
    size_t used = 0;
    for (size_t i = 0; i < count && from[i]; i++) {
        uint32_t c = (uint32_t)from[i];
        char bytes[4];
        size_t length;
        if (c < 0x80) {
            bytes[0] = (char)c;
            length = 1;
        } else {
            length = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
            static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
            bytes[0] = (char)(lead[length] | (c >> (6 * (length - 1))));
            for (size_t k = 1; k < length; k++) bytes[k] = (char)(0x80 | ((c >> (6 * (length - 1 - k))) & 0x3f));
        }
        if (used + length >= to_bytes) break;
        memcpy(to + used, bytes, length);
        used += length;
    }
    to[used] = '\0';
}

static void query_identity(D3DKMT_HANDLE handle, struct udxg_query_adapter *adapter)
{
    UDXG_AUTO_FREE D3DKMT_DRIVER_DESCRIPTION *text = calloc(1, sizeof(*text));
    if (text && query(handle, KMTQAITYPE_DRIVER_DESCRIPTION, text, sizeof(*text)))
        narrow(text->DriverDescription, sizeof(text->DriverDescription) / sizeof(WCHAR), adapter->description,
               sizeof(adapter->description));
    D3DKMT_QUERY_DEVICE_IDS ids = {0};
    adapter->has_ids = query(handle, KMTQAITYPE_PHYSICALADAPTERDEVICEIDS, &ids, sizeof(ids));
    adapter->ids = ids.DeviceIds;
    adapter->has_type = query(handle, KMTQAITYPE_ADAPTERTYPE, &adapter->type, sizeof(adapter->type));
    D3DKMT_DRIVERVERSION version = 0;
    adapter->has_wddm_version = query(handle, KMTQAITYPE_DRIVERVERSION, &version, sizeof(version));
    adapter->wddm_version = (uint32_t)version;
}

static void query_memory(D3DKMT_HANDLE handle, struct udxg_query_adapter *adapter)
{
    adapter->has_sizes = query(handle, KMTQAITYPE_GETSEGMENTSIZE, &adapter->sizes, sizeof(adapter->sizes));
    adapter->has_group_sizes =
        query(handle, KMTQAITYPE_GETSEGMENTGROUPSIZE, &adapter->group_sizes, sizeof(adapter->group_sizes));
    D3DKMT_QUERY_GPUMMU_CAPS mmu = {0};
    adapter->has_gpu_va_bits = query(handle, KMTQAITYPE_QUERY_GPUMMU_CAPS, &mmu, sizeof(mmu));
    adapter->gpu_va_bits = mmu.Caps.VirtualAddressBitCount;
    for (uint32_t group = 0; group < UDXG_QUERY_GROUPS; group++) {
        D3DKMT_QUERYVIDEOMEMORYINFO *budget = &adapter->budgets[group];
        *budget = (D3DKMT_QUERYVIDEOMEMORYINFO){.hAdapter = handle,
                                                .MemorySegmentGroup = (D3DKMT_MEMORY_SEGMENT_GROUP)group};
        adapter->has_budget[group] = !udxg_failed(D3DKMTQueryVideoMemoryInfo(budget));
    }
}

static void query_segments(D3DKMT_HANDLE handle, struct udxg_query_adapter *adapter)
{
    UDXG_AUTO_FREE D3DKMT_VIDMM_ESCAPE *escape = calloc(1, sizeof(*escape));
    if (!escape) return;
    escape->Type = D3DKMT_VIDMMESCAPETYPE_GET_VAD_INFO;
    escape->GetVads.Command = D3DKMT_VAD_ESCAPE_GET_SEGMENT_CAPS;
    D3DKMT_ESCAPE args = {.hAdapter = handle,
                          .Type = D3DKMT_ESCAPE_VIDMM,
                          .pPrivateDriverData = escape,
                          .PrivateDriverDataSize = sizeof(*escape)};
    if (udxg_failed(D3DKMTEscape(&args)) || udxg_failed(escape->GetVads.Status)) return;
    uint32_t count = escape->GetVads.GetSegmentCaps.NumSegments;
    if (count > UDXG_QUERY_SEGMENTS) return;
    adapter->has_segments = true;
    adapter->segment_count = count;
    memcpy(adapter->segments, escape->GetVads.GetSegmentCaps.SegmentCaps, count * sizeof(adapter->segments[0]));
}

static void query_nodes(D3DKMT_HANDLE handle, struct udxg_query_adapter *adapter)
{
    while (adapter->node_count < UDXG_QUERY_NODES) {
        D3DKMT_NODEMETADATA node = {.NodeOrdinalAndAdapterIndex = adapter->node_count};
        if (!query(handle, KMTQAITYPE_NODEMETADATA, &node, sizeof(node))) return;
        struct udxg_query_node *to = &adapter->nodes[adapter->node_count++];
        to->engine_type = (uint32_t)node.NodeData.EngineType;
        narrow(node.NodeData.FriendlyName, sizeof(node.NodeData.FriendlyName) / sizeof(WCHAR), to->name,
               sizeof(to->name));
    }
}

static void query_adapter(const D3DKMT_ADAPTERINFO *info, struct udxg_query_adapter *adapter)
{
    adapter->luid = info->AdapterLuid;
    query_identity(info->hAdapter, adapter);
    query_memory(info->hAdapter, adapter);
    query_segments(info->hAdapter, adapter);
    query_nodes(info->hAdapter, adapter);
}

NTSTATUS udxg_query_adapters(struct udxg_query_adapter **ret_adapters, size_t *ret_count)
{
    D3DKMT_ENUMADAPTERS3 enumeration = {.Filter = {.IncludeComputeOnly = 1}};
    NTSTATUS status = D3DKMTEnumAdapters3(&enumeration);
    if (udxg_failed(status)) return status;

    UDXG_AUTO_FREE D3DKMT_ADAPTERINFO *infos = calloc(enumeration.NumAdapters + 1, sizeof(*infos));
    if (!infos) return STATUS_NO_MEMORY;
    enumeration.pAdapters = infos;
    status = D3DKMTEnumAdapters3(&enumeration);
    if (udxg_failed(status)) return status;

    UDXG_AUTO_FREE struct udxg_query_adapter *adapters = calloc(enumeration.NumAdapters + 1, sizeof(*adapters));
    for (uint32_t i = 0; i < enumeration.NumAdapters; i++) {
        if (adapters) query_adapter(&infos[i], &adapters[i]);
        D3DKMT_CLOSEADAPTER close = {.hAdapter = infos[i].hAdapter};
        NTSTATUS closed = D3DKMTCloseAdapter(&close);
        if (udxg_failed(closed)) status = closed;
    }
    if (udxg_failed(status)) return status;
    if (!adapters) return STATUS_NO_MEMORY;
    *ret_count = enumeration.NumAdapters;
    *ret_adapters = udxg_steal(adapters);
    return STATUS_SUCCESS;
}

const char *udxg_query_engine_name(uint32_t engine_type)
{
    static const char *const names[] = {
        [DXGK_ENGINE_TYPE_OTHER] = "other",
        [DXGK_ENGINE_TYPE_3D] = "3D",
        [DXGK_ENGINE_TYPE_VIDEO_DECODE] = "video decode",
        [DXGK_ENGINE_TYPE_VIDEO_ENCODE] = "video encode",
        [DXGK_ENGINE_TYPE_VIDEO_PROCESSING] = "video processing",
        [DXGK_ENGINE_TYPE_SCENE_ASSEMBLY] = "scene assembly",
        [DXGK_ENGINE_TYPE_COPY] = "copy",
        [DXGK_ENGINE_TYPE_OVERLAY] = "overlay",
        [DXGK_ENGINE_TYPE_CRYPTO] = "crypto",
    };
    return engine_type < sizeof(names) / sizeof(names[0]) ? names[engine_type] : NULL;
}
