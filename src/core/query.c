/* SPDX-License-Identifier: MIT */
/*
 * D3DKMTQueryAdapterInfo: a table of what can be asked, each answer made from the adapter's capabilities. What
 * has to do with displays is not there: STATUS_NOT_SUPPORTED.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>

#include "core/adapter.h"
#include "core/handlers.h"
#include "core/kernel.h"
#include "core/process.h"
#include "ddi/wide.h"
#include "vidmm/vidmm.h"

#define PCI_BUS_TYPE 5u /* PCIBus of INTERFACE_TYPE */

/* Answers into DATA, which is as large as the row says. */
typedef udxg_status answer(struct udxg_adapter *adapter, void *data);

static void sizes_of(struct udxg_adapter *adapter, struct vidmm_sizes *sizes, D3DKMT_SEGMENTSIZEINFO *info)
{
    vidmm_adapter_sizes(adapter->vidmm, sizes);
    info->DedicatedVideoMemorySize = sizes->dedicated_video_bytes;
    info->DedicatedSystemMemorySize = sizes->dedicated_system_bytes;
    info->SharedSystemMemorySize = sizes->shared_system_bytes;
}

static udxg_status segment_size(struct udxg_adapter *adapter, void *data)
{
    struct vidmm_sizes sizes;

    sizes_of(adapter, &sizes, data);
    return STATUS_SUCCESS;
}

static udxg_status segment_group_size(struct udxg_adapter *adapter, void *data)
{
    D3DKMT_SEGMENTGROUPSIZEINFO *info = data;
    struct vidmm_sizes sizes;

    if (info->PhysicalAdapterIndex) return STATUS_INVALID_PARAMETER;
    sizes_of(adapter, &sizes, &info->LegacyInfo);
    info->LocalMemory = sizes.local_bytes;
    info->NonLocalMemory = sizes.non_local_bytes;
    info->NonBudgetMemory = sizes.non_budget_bytes;
    return STATUS_SUCCESS;
}

static udxg_status registry_info(struct udxg_adapter *adapter, void *data)
{
    D3DKMT_ADAPTERREGISTRYINFO *info = data;

    memset(info, 0, sizeof *info);
    udxg_wide(info->AdapterString, 260, adapter->caps.description);
    udxg_wide(info->ChipType, 260, adapter->caps.name);
    return STATUS_SUCCESS;
}

static udxg_status driver_update_status(struct udxg_adapter *adapter, void *data)
{
    (void)adapter;
    *(BOOL *)data = 0; /* no update is under way */
    return STATUS_SUCCESS;
}

static udxg_status virtual_address_info(struct udxg_adapter *adapter, void *data)
{
    (void)adapter;
    *(D3DKMT_VIRTUALADDRESSINFO *)data = (D3DKMT_VIRTUALADDRESSINFO){.VirtualAddressFlags.VirtualAddressSupported = 1};
    return STATUS_SUCCESS;
}

static udxg_status driver_version(struct udxg_adapter *adapter, void *data)
{
    *(D3DKMT_DRIVERVERSION *)data = (D3DKMT_DRIVERVERSION)adapter->caps.wddm_version;
    return STATUS_SUCCESS;
}

static udxg_status adapter_type(struct udxg_adapter *adapter, void *data)
{
    *(D3DKMT_ADAPTERTYPE *)data = (D3DKMT_ADAPTERTYPE){
        .RenderSupported = 1,
        .SoftwareDevice = !adapter->caps.is_hardware,
        .Paravirtualized = 1, /* as every adapter on WSL */
        .ComputeOnly = 1,     /* no display */
    };
    return STATUS_SUCCESS;
}

static udxg_status wddm_1_2_caps(struct udxg_adapter *adapter, void *data)
{
    (void)adapter;
    *(D3DKMT_WDDM_1_2_CAPS *)data = (D3DKMT_WDDM_1_2_CAPS){
        .PreemptionCaps.GraphicsPreemptionGranularity = D3DKMDT_GRAPHICS_PREEMPTION_DMA_BUFFER_BOUNDARY,
        .PreemptionCaps.ComputePreemptionGranularity = D3DKMDT_COMPUTE_PREEMPTION_DMA_BUFFER_BOUNDARY,
    };
    return STATUS_SUCCESS;
}

static udxg_status no_caps(struct udxg_adapter *adapter, void *data)
{
    (void)adapter;
    *(UINT *)data = 0; /* of WDDM 1.3, 2.7, 2.9 and 3.0, of DRIVERCAPS_EXT: none is there */
    return STATUS_SUCCESS;
}

static udxg_status wddm_2_0_caps(struct udxg_adapter *adapter, void *data)
{
    (void)adapter;
    *(D3DKMT_WDDM_2_0_CAPS *)data = (D3DKMT_WDDM_2_0_CAPS){.Support64BitAtomics = 1, .GpuMmuSupported = 1};
    return STATUS_SUCCESS;
}

static udxg_status node_metadata(struct udxg_adapter *adapter, void *data)
{
    D3DKMT_NODEMETADATA *metadata = data;
    uint32_t node = metadata->NodeOrdinalAndAdapterIndex & 0xffff,
             physical = metadata->NodeOrdinalAndAdapterIndex >> 16;

    if (node >= adapter->caps.node_count || physical) return STATUS_INVALID_PARAMETER;
    memset(&metadata->NodeData, 0, sizeof metadata->NodeData);
    metadata->NodeData.EngineType = (DXGK_ENGINE_TYPE)adapter->caps.nodes[node].engine_type;
    metadata->NodeData.GpuMmuSupported = 1;
    /* The struct is packed: the name is not aligned for wchar_t. */
    WCHAR name[32] = {0};
    udxg_wide(name, 32, adapter->caps.nodes[node].name);
    memcpy((char *)&metadata->NodeData + offsetof(DXGK_NODEMETADATA, FriendlyName), name, sizeof name);
    return STATUS_SUCCESS;
}

static udxg_status physical_adapter_count(struct udxg_adapter *adapter, void *data)
{
    (void)adapter;
    ((D3DKMT_PHYSICAL_ADAPTER_COUNT *)data)->Count = 1;
    return STATUS_SUCCESS;
}

static udxg_status device_ids(struct udxg_adapter *adapter, void *data)
{
    D3DKMT_QUERY_DEVICE_IDS *query = data;

    if (query->PhysicalAdapterIndex) return STATUS_INVALID_PARAMETER;
    query->DeviceIds = (D3DKMT_DEVICE_IDS){
        .VendorID = adapter->caps.vendor_id,
        .DeviceID = adapter->caps.device_id,
        .SubVendorID = adapter->caps.sub_vendor_id,
        .SubSystemID = adapter->caps.sub_system_id,
        .RevisionID = adapter->caps.revision_id,
        .BusType = PCI_BUS_TYPE,
    };
    return STATUS_SUCCESS;
}

static udxg_status gpummu_caps(struct udxg_adapter *adapter, void *data)
{
    D3DKMT_QUERY_GPUMMU_CAPS *query = data;

    if (query->PhysicalAdapterIndex) return STATUS_INVALID_PARAMETER;
    memset(&query->Caps, 0, sizeof query->Caps);
    query->Caps.Flags.ReadOnlyMemorySupported = 1;
    query->Caps.Flags.CacheCoherentMemorySupported = 1;
    query->Caps.VirtualAddressBitCount = adapter->caps.gpu_va_bits;
    return STATUS_SUCCESS;
}

/* What sensors would say. There are none, and zero means so; the frequency is that of the time stamps. */
static udxg_status node_perf_data(struct udxg_adapter *adapter, void *data)
{
    D3DKMT_NODE_PERFDATA *perf = data;

    if (perf->NodeOrdinal >= adapter->caps.node_count || perf->PhysicalAdapterIndex) return STATUS_INVALID_PARAMETER;
    *perf = (D3DKMT_NODE_PERFDATA){
        .NodeOrdinal = perf->NodeOrdinal,
        .Frequency = adapter->caps.clock_hz,
        .MaxFrequency = adapter->caps.clock_hz,
    };
    return STATUS_SUCCESS;
}

static udxg_status adapter_perf_data(struct udxg_adapter *adapter, void *data)
{
    D3DKMT_ADAPTER_PERFDATA *perf = data;

    (void)adapter;
    if (perf->PhysicalAdapterIndex) return STATUS_INVALID_PARAMETER;
    *perf = (D3DKMT_ADAPTER_PERFDATA){0};
    return STATUS_SUCCESS;
}

static udxg_status adapter_perf_caps(struct udxg_adapter *adapter, void *data)
{
    D3DKMT_ADAPTER_PERFDATACAPS *caps = data;

    (void)adapter;
    if (caps->PhysicalAdapterIndex) return STATUS_INVALID_PARAMETER;
    *caps = (D3DKMT_ADAPTER_PERFDATACAPS){0};
    return STATUS_SUCCESS;
}

static udxg_status driver_description(struct udxg_adapter *adapter, void *data)
{
    D3DKMT_DRIVER_DESCRIPTION *description = data;

    memset(description, 0, sizeof *description);
    udxg_wide(description->DriverDescription, 4096, adapter->caps.description);
    return STATUS_SUCCESS;
}

static udxg_status driver_file_version(struct udxg_adapter *adapter, void *data)
{
    ((D3DKMT_KMD_DRIVER_VERSION *)data)->DriverVersion.QuadPart = (int64_t)adapter->caps.driver_version;
    return STATUS_SUCCESS;
}

static udxg_status cross_adapter_support(struct udxg_adapter *adapter, void *data)
{
    (void)adapter;
    ((D3DKMT_CROSSADAPTERRESOURCE_SUPPORT *)data)->SupportTier = D3DKMT_CROSSADAPTERRESOURCE_SUPPORT_TIER_NONE;
    return STATUS_SUCCESS;
}

static udxg_status unique_guid(struct udxg_adapter *adapter, void *data)
{
    D3DKMT_QUERY_ADAPTER_UNIQUE_GUID *guid = data;
    char text[40];

    memset(guid, 0, sizeof *guid);
    snprintf(text, sizeof text, "{00000000-0000-0000-0000-%012X}", adapter->luid.LowPart);
    udxg_wide(guid->AdapterUniqueGUID, 40, text);
    return STATUS_SUCCESS;
}

static const struct query {
    KMTQUERYADAPTERINFOTYPE type;
    uint32_t bytes; /* a shorter buffer is refused, the rest of a longer one left alone */
    answer *answer;
} queries[] = {
    {KMTQAITYPE_GETSEGMENTSIZE, sizeof(D3DKMT_SEGMENTSIZEINFO), segment_size},
    {KMTQAITYPE_ADAPTERREGISTRYINFO, sizeof(D3DKMT_ADAPTERREGISTRYINFO), registry_info},
    {KMTQAITYPE_ADAPTERREGISTRYINFO_RENDER, sizeof(D3DKMT_ADAPTERREGISTRYINFO), registry_info},
    {KMTQAITYPE_CHECKDRIVERUPDATESTATUS, sizeof(BOOL), driver_update_status},
    {KMTQAITYPE_CHECKDRIVERUPDATESTATUS_RENDER, sizeof(BOOL), driver_update_status},
    {KMTQAITYPE_VIRTUALADDRESSINFO, sizeof(D3DKMT_VIRTUALADDRESSINFO), virtual_address_info},
    {KMTQAITYPE_DRIVERVERSION, sizeof(D3DKMT_DRIVERVERSION), driver_version},
    {KMTQAITYPE_DRIVERVERSION_RENDER, sizeof(D3DKMT_DRIVERVERSION), driver_version},
    {KMTQAITYPE_ADAPTERTYPE, sizeof(D3DKMT_ADAPTERTYPE), adapter_type},
    {KMTQAITYPE_ADAPTERTYPE_RENDER, sizeof(D3DKMT_ADAPTERTYPE), adapter_type},
    {KMTQAITYPE_WDDM_1_2_CAPS, sizeof(D3DKMT_WDDM_1_2_CAPS), wddm_1_2_caps},
    {KMTQAITYPE_WDDM_1_2_CAPS_RENDER, sizeof(D3DKMT_WDDM_1_2_CAPS), wddm_1_2_caps},
    {KMTQAITYPE_WDDM_1_3_CAPS, sizeof(D3DKMT_WDDM_1_3_CAPS), no_caps},
    {KMTQAITYPE_WDDM_1_3_CAPS_RENDER, sizeof(D3DKMT_WDDM_1_3_CAPS), no_caps},
    {KMTQAITYPE_WDDM_2_0_CAPS, sizeof(D3DKMT_WDDM_2_0_CAPS), wddm_2_0_caps},
    {KMTQAITYPE_WDDM_2_7_CAPS, sizeof(D3DKMT_WDDM_2_7_CAPS), no_caps},
    {KMTQAITYPE_WDDM_2_9_CAPS, sizeof(D3DKMT_WDDM_2_9_CAPS), no_caps},
    {KMTQAITYPE_WDDM_3_0_CAPS, sizeof(D3DKMT_WDDM_3_0_CAPS), no_caps},
    {KMTQAITYPE_DRIVERCAPS_EXT, sizeof(D3DKMT_DRIVERCAPS_EXT), no_caps},
    {KMTQAITYPE_NODEMETADATA, sizeof(D3DKMT_NODEMETADATA), node_metadata},
    {KMTQAITYPE_PHYSICALADAPTERCOUNT, sizeof(D3DKMT_PHYSICAL_ADAPTER_COUNT), physical_adapter_count},
    {KMTQAITYPE_PHYSICALADAPTERDEVICEIDS, sizeof(D3DKMT_QUERY_DEVICE_IDS), device_ids},
    {KMTQAITYPE_QUERY_GPUMMU_CAPS, sizeof(D3DKMT_QUERY_GPUMMU_CAPS), gpummu_caps},
    {KMTQAITYPE_GETSEGMENTGROUPSIZE, sizeof(D3DKMT_SEGMENTGROUPSIZEINFO), segment_group_size},
    {KMTQAITYPE_NODEPERFDATA, sizeof(D3DKMT_NODE_PERFDATA), node_perf_data},
    {KMTQAITYPE_ADAPTERPERFDATA, sizeof(D3DKMT_ADAPTER_PERFDATA), adapter_perf_data},
    {KMTQAITYPE_ADAPTERPERFDATA_CAPS, sizeof(D3DKMT_ADAPTER_PERFDATACAPS), adapter_perf_caps},
    {KMTQAITYPE_UMD_DRIVER_VERSION, sizeof(D3DKMT_UMD_DRIVER_VERSION), driver_file_version},
    {KMTQAITYPE_KMD_DRIVER_VERSION, sizeof(D3DKMT_KMD_DRIVER_VERSION), driver_file_version},
    {KMTQAITYPE_DRIVER_DESCRIPTION, sizeof(D3DKMT_DRIVER_DESCRIPTION), driver_description},
    {KMTQAITYPE_DRIVER_DESCRIPTION_RENDER, sizeof(D3DKMT_DRIVER_DESCRIPTION), driver_description},
    {KMTQAITYPE_QUERY_ADAPTER_UNIQUE_GUID, sizeof(D3DKMT_QUERY_ADAPTER_UNIQUE_GUID), unique_guid},
    {KMTQAITYPE_CROSSADAPTERRESOURCE_SUPPORT, sizeof(D3DKMT_CROSSADAPTERRESOURCE_SUPPORT), cross_adapter_support},
};

/* ---- the registry, of which there is one value ---- */

/* The folder of the shared object that this code is in, unless the kernel knows better. */
static const char *own_folder(const struct udxg_kernel *kernel, char *path, size_t path_bytes)
{
    Dl_info info;
    char *slash;

    if (kernel->libraries) return kernel->libraries;
    if (!dladdr((const void *)own_folder, &info) || !info.dli_fname) return NULL;
    snprintf(path, path_bytes, "%s", info.dli_fname);
    slash = strrchr(path, '/');
    if (!slash) return NULL;
    *slash = 0;
    return path;
}

/*
 * The driver store path, in the two steps that clients take: with a buffer of the bare struct they learn the
 * size of the value, with one that is that much larger they get it.
 */
static udxg_status query_registry(const struct udxg_kernel *kernel, struct udxg_adapter *adapter, void *data,
                                  uint32_t bytes)
{
    D3DDDI_QUERYREGISTRY_INFO *info = data;
    const char *folder;
    WCHAR wide[4096];
    char path[4096];
    uint32_t value_bytes;

    if (bytes < sizeof *info || info->PhysicalAdapterIndex) return STATUS_INVALID_PARAMETER;
    if (info->QueryType != D3DDDI_QUERYREGISTRY_DRIVERSTOREPATH) {
        info->Status = D3DDDI_QUERYREGISTRY_STATUS_FAIL; /* there is no such value */
        info->OutputValueSize = 0;
        return info->QueryType < D3DDDI_QUERYREGISTRY_MAX ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
    }
    folder = adapter->miniport->driver_store_path ? adapter->miniport->driver_store_path(adapter->mp_adapter) : NULL;
    if (!folder) folder = own_folder(kernel, path, sizeof path);
    if (!folder) return STATUS_NOT_SUPPORTED;
    udxg_wide(wide, 4096, folder);
    value_bytes = (uint32_t)(wcslen(wide) * sizeof(WCHAR));
    info->OutputValueSize = value_bytes;
    info->Status = D3DDDI_QUERYREGISTRY_STATUS_BUFFER_OVERFLOW;
    if (bytes - sizeof *info < value_bytes) return STATUS_SUCCESS;
    /* The union at the end of the struct has room for the terminator. */
    memcpy(info->OutputString, wide, value_bytes + sizeof(WCHAR));
    info->Status = D3DDDI_QUERYREGISTRY_STATUS_SUCCESS;
    return STATUS_SUCCESS;
}

/* ---- the call ---- */

/* Numbers that mean something, if not to us; 14 never did. */
static bool is_type(KMTQUERYADAPTERINFOTYPE type)
{
    return type <= KMTQAITYPE_WDDM_3_0_CAPS && type != 14;
}

static udxg_status ask(const struct udxg_kernel *kernel, struct udxg_adapter *adapter, KMTQUERYADAPTERINFOTYPE type,
                       void *data, uint32_t bytes)
{
    if (type == KMTQAITYPE_UMDRIVERPRIVATE)
        return adapter->miniport->query_umd_private(adapter->mp_adapter, data, bytes);
    if (type == KMTQAITYPE_QUERYREGISTRY) return query_registry(kernel, adapter, data, bytes);
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
        if (queries[i].type != type) continue;
        return bytes < queries[i].bytes ? STATUS_INVALID_PARAMETER : queries[i].answer(adapter, data);
    }
    return is_type(type) ? STATUS_NOT_SUPPORTED : STATUS_INVALID_PARAMETER;
}

udxg_status thunk_QueryAdapterInfo(struct udxg_process *process, D3DKMT_QUERYADAPTERINFO *args)
{
    struct udxg_adapter *adapter;
    udxg_status status = udxg_adapter_get(process, args->hAdapter, &adapter);

    if (udxg_failed(status)) return status;
    if (!args->pPrivateDriverData) return STATUS_INVALID_PARAMETER;
    return ask(process->kernel, adapter, args->Type, args->pPrivateDriverData, args->PrivateDriverDataSize);
}
