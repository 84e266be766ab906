/* SPDX-License-Identifier: MIT */
/*
 * Adapters: EnumAdapters2 and 3, OpenAdapterFromLuid, CloseAdapter, QueryAdapterInfo, QueryVideoMemoryInfo,
 * Escape. Rows marked "seen" are what Windows was observed to do; the others follow Microsoft's pages.
 */
#include "fixture.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <wchar.h>

#define CAPACITY 34u /* of Windows 11: what EnumAdapters2 says when it is asked for room */

/* ------------------------------------------------------------------------------------------ enumeration */

/* EnumAdapters2 (version 2) and 3 through one door. */
struct enumeration {
    UINT count;
    D3DKMT_ADAPTERINFO *infos;
};

static NTSTATUS enumerate(int version, struct enumeration *e)
{
    NTSTATUS status;
    if (version == 2) {
        D3DKMT_ENUMADAPTERS2 args = {0};
        args.NumAdapters = e->count;
        args.pAdapters = e->infos;
        status = D3DKMTEnumAdapters2(&args);
        e->count = args.NumAdapters;
        check_true(args.pAdapters == e->infos);
    } else {
        D3DKMT_ENUMADAPTERS3 args = {0};
        args.Filter.IncludeComputeOnly = 1;
        args.NumAdapters = e->count;
        args.pAdapters = e->infos;
        status = D3DKMTEnumAdapters3(&args);
        e->count = args.NumAdapters;
        check_true(args.pAdapters == e->infos);
        check_u64(1, args.Filter.Value);
    }
    return status;
}

static bool is_sentinel(const D3DKMT_ADAPTERINFO *info)
{
    return filled_with(info, sizeof(*info), 0xa5);
}

static bool same_luid(LUID a, LUID b)
{
    return a.LowPart == b.LowPart && a.HighPart == b.HighPart;
}

static void enumerates(UINT adapters)
{
    for (int version = 2; version <= 3; version++) {
        udxg_case("enum%d/NULL", version) {
            check_status(STATUS_INVALID_PARAMETER,
                         version == 2 ? D3DKMTEnumAdapters2(NULL) : D3DKMTEnumAdapters3(NULL));
        }
        udxg_case("enum%d/no array gives the capacity", version) {
            struct enumeration e = {0, NULL};
            check_status(STATUS_SUCCESS, enumerate(version, &e));
            check_u64(CAPACITY, e.count);
        }
        udxg_case("enum%d/no array, NumAdapters not 0", version) {
            struct enumeration e = {7, NULL};
            check_status(STATUS_SUCCESS, enumerate(version, &e));
            check_u64(CAPACITY, e.count);
        }
        udxg_case("enum%d/array of the capacity", version) {
            D3DKMT_ADAPTERINFO infos[CAPACITY];
            struct enumeration e = {CAPACITY, infos};
            memset(infos, 0xa5, sizeof(infos));
            check_status(STATUS_SUCCESS, enumerate(version, &e));
            require_u64(adapters, e.count);
            for (UINT i = 0; i < e.count; i++) {
                check_local(infos[i].hAdapter);
                check_true(infos[i].AdapterLuid.LowPart != 0 || infos[i].AdapterLuid.HighPart != 0);
                check_true(infos[i].NumOfSources == 0);
                if (i > 0) {
                    check_u64(infos[i - 1].hAdapter + 0x40, infos[i].hAdapter);
                    check_true(!same_luid(infos[i].AdapterLuid, infos[i - 1].AdapterLuid));
                }
            }
            check_true(is_sentinel(&infos[e.count]));
            for (UINT i = 0; i < e.count; i++) {
                D3DKMT_CLOSEADAPTER close = {infos[i].hAdapter};
                check_status(STATUS_SUCCESS, D3DKMTCloseAdapter(&close));
            }
        }
        udxg_case("enum%d/array of exactly the count", version) {
            D3DKMT_ADAPTERINFO infos[3];
            struct enumeration e = {adapters, infos};
            memset(infos, 0xa5, sizeof(infos));
            check_status(STATUS_SUCCESS, enumerate(version, &e));
            check_u64(adapters, e.count);
            check_local(infos[adapters - 1].hAdapter);
            check_true(is_sentinel(&infos[adapters]));
        }
        udxg_case("enum%d/array too short by one", version) {
            D3DKMT_ADAPTERINFO infos[2];
            struct enumeration e = {adapters - 1, infos};
            D3DKMT_HANDLE before = open_adapter();
            memset(infos, 0xa5, sizeof(infos));
            check_status(STATUS_BUFFER_TOO_SMALL, enumerate(version, &e));
            check_true(is_sentinel(&infos[0]));
            /* The handles of open_adapter() run over all adapters, those of the failed call over none. */
            check_u64(before + 0x40 * adapters, open_adapter());
        }
        udxg_case("enum%d/handles are fresh each time, LUIDs stay", version) {
            D3DKMT_ADAPTERINFO first[CAPACITY], second[CAPACITY];
            struct enumeration e = {CAPACITY, first};
            struct enumeration f = {CAPACITY, second};
            require_success(enumerate(version, &e));
            require_success(enumerate(version, &f));
            require_u64(e.count, f.count);
            check_u64(first[e.count - 1].hAdapter + 0x40, second[0].hAdapter);
            for (UINT i = 0; i < e.count; i++) check_true(same_luid(first[i].AdapterLuid, second[i].AdapterLuid));
        }
    }
}

static void enumerate_one(void)
{
    enumerates(1);
}

static void enumerate_both(void)
{
    enumerates(2);
    udxg_case("order is that of UDXG_ADAPTERS") {
        D3DKMT_ADAPTERINFO infos[CAPACITY];
        struct enumeration e = {CAPACITY, infos};
        require_success(enumerate(2, &e));
        require_u64(2, e.count);
        check_true(soft_info(infos[0].hAdapter).local_bytes > 0);
        check_u64(0, soft_info(infos[1].hAdapter).local_bytes);
    }
    udxg_case("handles of one adapter do not serve the other") {
        D3DKMT_ADAPTERINFO infos[CAPACITY];
        struct enumeration e = {CAPACITY, infos};
        require_success(enumerate(2, &e));
        require_u64(2, e.count);
        struct gpu gpu;
        gpu_open_on(&gpu, infos[0].hAdapter);
        UINT64 va = map(&gpu.queue, create_buffer(gpu.device, KIB(64)), KIB(64));
        D3DKMT_FREEGPUVIRTUALADDRESS free_args = {0};
        free_args.hAdapter = infos[1].hAdapter;
        free_args.BaseAddress = va;
        free_args.Size = KIB(64);
        check_status(STATUS_INVALID_PARAMETER, D3DKMTFreeGpuVirtualAddress(&free_args));
        free_args.hAdapter = infos[0].hAdapter;
        check_status(STATUS_SUCCESS, D3DKMTFreeGpuVirtualAddress(&free_args));
    }
}

/* -------------------------------------------------------------------------------------- open and close */

static void open_and_close(void)
{
    udxg_case("open/NULL") {
        check_status(STATUS_INVALID_PARAMETER, D3DKMTOpenAdapterFromLuid(NULL));
    }
    udxg_case("open/zeroed") {
        D3DKMT_OPENADAPTERFROMLUID args = {0};
        check_status(STATUS_INVALID_PARAMETER, D3DKMTOpenAdapterFromLuid(&args));
    }
    udxg_case("open/unknown LUID") {
        D3DKMT_OPENADAPTERFROMLUID args = {0};
        args.AdapterLuid.LowPart = 0x7eadbeef;
        args.AdapterLuid.HighPart = 0x1234567;
        args.hAdapter = SENTINEL;
        check_status(STATUS_INVALID_PARAMETER, D3DKMTOpenAdapterFromLuid(&args));
        check_u64(SENTINEL, args.hAdapter);
    }
    udxg_case("open/known LUID, each time a new handle") {
        D3DKMT_OPENADAPTERFROMLUID args = {0};
        args.AdapterLuid = first_luid();
        args.hAdapter = SENTINEL;
        require_success(D3DKMTOpenAdapterFromLuid(&args));
        D3DKMT_HANDLE first = args.hAdapter;
        check_local(first);
        require_success(D3DKMTOpenAdapterFromLuid(&args));
        check_u64(first + 0x40, args.hAdapter);
        D3DKMT_CLOSEADAPTER close = {first};
        check_status(STATUS_SUCCESS, D3DKMTCloseAdapter(&close));
        require_success(D3DKMTOpenAdapterFromLuid(&args));
        check_u64(first + 0x80, args.hAdapter);
    }
    udxg_case("close/NULL") {
        check_status(STATUS_INVALID_PARAMETER, D3DKMTCloseAdapter(NULL));
    }
    udxg_case("close/zeroed") {
        D3DKMT_CLOSEADAPTER args = {0};
        check_status(STATUS_INVALID_PARAMETER, D3DKMTCloseAdapter(&args));
    }
    udxg_case("close/twice") {
        D3DKMT_CLOSEADAPTER args = {open_adapter()};
        check_status(STATUS_SUCCESS, D3DKMTCloseAdapter(&args));
        check_status(STATUS_INVALID_PARAMETER, D3DKMTCloseAdapter(&args));
    }
    udxg_case("close/leaves devices of another handle alone") {
        D3DKMT_HANDLE first = open_adapter();
        D3DKMT_HANDLE second = open_adapter();
        D3DKMT_HANDLE device = create_device(first);
        D3DKMT_CLOSEADAPTER args = {second};
        check_status(STATUS_SUCCESS, D3DKMTCloseAdapter(&args));
        check_u64(D3DKMT_DEVICEEXECUTION_ACTIVE, execution_state(device));
        check_local(create_buffer(device, KIB(64)));
    }
}

/* ------------------------------------------------------------------------------------- QueryAdapterInfo */

static NTSTATUS query(D3DKMT_HANDLE adapter, int type, void *data, UINT size_bytes)
{
    D3DKMT_QUERYADAPTERINFO args = {0};
    args.hAdapter = adapter;
    args.Type = (KMTQUERYADAPTERINFOTYPE)type;
    args.pPrivateDriverData = data;
    args.PrivateDriverDataSize = size_bytes;
    return D3DKMTQueryAdapterInfo(&args);
}

static const struct {
    const char *name;
    int type;
    UINT size_bytes;
} query_types[] = {
    {"GETSEGMENTSIZE", KMTQAITYPE_GETSEGMENTSIZE, sizeof(D3DKMT_SEGMENTSIZEINFO)},
    {"ADAPTERREGISTRYINFO", KMTQAITYPE_ADAPTERREGISTRYINFO, sizeof(D3DKMT_ADAPTERREGISTRYINFO)},
    {"CHECKDRIVERUPDATESTATUS", KMTQAITYPE_CHECKDRIVERUPDATESTATUS, sizeof(BOOL)},
    {"VIRTUALADDRESSINFO", KMTQAITYPE_VIRTUALADDRESSINFO, sizeof(D3DKMT_VIRTUALADDRESSINFO)},
    {"DRIVERVERSION", KMTQAITYPE_DRIVERVERSION, sizeof(D3DKMT_DRIVERVERSION)},
    {"ADAPTERTYPE", KMTQAITYPE_ADAPTERTYPE, sizeof(D3DKMT_ADAPTERTYPE)},
    {"WDDM_1_2_CAPS", KMTQAITYPE_WDDM_1_2_CAPS, sizeof(D3DKMT_WDDM_1_2_CAPS)},
    {"WDDM_1_3_CAPS", KMTQAITYPE_WDDM_1_3_CAPS, sizeof(D3DKMT_WDDM_1_3_CAPS)},
    {"WDDM_2_0_CAPS", KMTQAITYPE_WDDM_2_0_CAPS, sizeof(D3DKMT_WDDM_2_0_CAPS)},
    {"NODEMETADATA", KMTQAITYPE_NODEMETADATA, sizeof(D3DKMT_NODEMETADATA)},
    {"PHYSICALADAPTERCOUNT", KMTQAITYPE_PHYSICALADAPTERCOUNT, sizeof(D3DKMT_PHYSICAL_ADAPTER_COUNT)},
    {"PHYSICALADAPTERDEVICEIDS", KMTQAITYPE_PHYSICALADAPTERDEVICEIDS, sizeof(D3DKMT_QUERY_DEVICE_IDS)},
    {"DRIVERCAPS_EXT", KMTQAITYPE_DRIVERCAPS_EXT, sizeof(D3DKMT_DRIVERCAPS_EXT)},
    {"QUERY_GPUMMU_CAPS", KMTQAITYPE_QUERY_GPUMMU_CAPS, sizeof(D3DKMT_QUERY_GPUMMU_CAPS)},
    {"GETSEGMENTGROUPSIZE", KMTQAITYPE_GETSEGMENTGROUPSIZE, sizeof(D3DKMT_SEGMENTGROUPSIZEINFO)},
    {"QUERYREGISTRY", KMTQAITYPE_QUERYREGISTRY, sizeof(D3DDDI_QUERYREGISTRY_INFO)},
    {"ADAPTERTYPE_RENDER", KMTQAITYPE_ADAPTERTYPE_RENDER, sizeof(D3DKMT_ADAPTERTYPE)},
    {"NODEPERFDATA", KMTQAITYPE_NODEPERFDATA, sizeof(D3DKMT_NODE_PERFDATA)},
    {"ADAPTERPERFDATA", KMTQAITYPE_ADAPTERPERFDATA, sizeof(D3DKMT_ADAPTER_PERFDATA)},
    {"ADAPTERPERFDATA_CAPS", KMTQAITYPE_ADAPTERPERFDATA_CAPS, sizeof(D3DKMT_ADAPTER_PERFDATACAPS)},
    {"DRIVER_DESCRIPTION", KMTQAITYPE_DRIVER_DESCRIPTION, sizeof(D3DKMT_DRIVER_DESCRIPTION)},
    {"WDDM_2_7_CAPS", KMTQAITYPE_WDDM_2_7_CAPS, sizeof(D3DKMT_WDDM_2_7_CAPS)},
    {"WDDM_2_9_CAPS", KMTQAITYPE_WDDM_2_9_CAPS, sizeof(D3DKMT_WDDM_2_9_CAPS)},
    {"CROSSADAPTERRESOURCE_SUPPORT", KMTQAITYPE_CROSSADAPTERRESOURCE_SUPPORT,
     sizeof(D3DKMT_CROSSADAPTERRESOURCE_SUPPORT)},
    {"WDDM_3_0_CAPS", KMTQAITYPE_WDDM_3_0_CAPS, sizeof(D3DKMT_WDDM_3_0_CAPS)},
};

/* A buffer of exactly SIZE bytes, zero filled, that ends where the next page cannot be touched. */
static uint8_t *guarded(size_t size_bytes)
{
    size_t pages = (size_bytes + PAGE_BYTES - 1) / PAGE_BYTES;
    uint8_t *base = (uint8_t *)map_pages(pages + 1);
    require_true(mprotect(base + pages * PAGE_BYTES, PAGE_BYTES, PROT_NONE) == 0);
    return base + pages * PAGE_BYTES - size_bytes;
}

/* Valid input of the types that have some: zero is valid for all but the registry. */
static void fill_query(int type, void *data)
{
    if (type == KMTQAITYPE_QUERYREGISTRY) {
        D3DDDI_QUERYREGISTRY_INFO info = {0};
        info.QueryType = D3DDDI_QUERYREGISTRY_DRIVERSTOREPATH;
        memcpy(data, &info, sizeof(info));
    }
}

static void query_sizes(void)
{
    D3DKMT_HANDLE adapter = open_adapter();
    for (size_t i = 0; i < LENGTH_OF(query_types); i++) {
        UINT size_bytes = query_types[i].size_bytes;
        int type = query_types[i].type;
        udxg_case("%s/exact size", query_types[i].name) {
            uint8_t *data = guarded(size_bytes);
            fill_query(type, data);
            check_status(STATUS_SUCCESS, query(adapter, type, data, size_bytes));
        }
        udxg_case("%s/one byte short", query_types[i].name) {
            uint8_t *data = guarded(size_bytes - 1);
            memset(data, 0, size_bytes - 1);
            check_status(STATUS_INVALID_PARAMETER, query(adapter, type, data, size_bytes - 1));
            check_true(filled_with(data, size_bytes - 1, 0));
        }
        udxg_case("%s/size 0", query_types[i].name) {
            uint8_t *data = guarded(size_bytes);
            check_status(STATUS_INVALID_PARAMETER, query(adapter, type, data, 0));
        }
        udxg_case("%s/NULL data", query_types[i].name) {
            check_status(STATUS_INVALID_PARAMETER, query(adapter, type, NULL, size_bytes));
        }
    }
}

static void query_arguments(void)
{
    D3DKMT_HANDLE adapter = open_adapter();
    udxg_case("NULL") {
        check_status(STATUS_INVALID_PARAMETER, D3DKMTQueryAdapterInfo(NULL));
    }
    udxg_case("zeroed") {
        D3DKMT_QUERYADAPTERINFO args = {0};
        check_status(STATUS_INVALID_PARAMETER, D3DKMTQueryAdapterInfo(&args));
    }
    const struct {
        const char *name;
        D3DKMT_HANDLE handle;
    } adapters[] = {
        {"hAdapter 0", 0},
        {"hAdapter is no handle", BAD_HANDLE},
        {"hAdapter is a device", create_device(adapter)},
    };
    for (size_t i = 0; i < LENGTH_OF(adapters); i++) {
        udxg_case("%s", adapters[i].name) {
            UINT version = SENTINEL;
            check_status(STATUS_INVALID_PARAMETER,
                         query(adapters[i].handle, KMTQAITYPE_DRIVERVERSION, &version, sizeof(version)));
            check_u64(SENTINEL, version);
        }
    }
    udxg_case("hAdapter was closed") {
        D3DKMT_CLOSEADAPTER close = {open_adapter()};
        UINT version = SENTINEL;
        require_success(D3DKMTCloseAdapter(&close));
        check_status(STATUS_INVALID_PARAMETER,
                     query(close.hAdapter, KMTQAITYPE_DRIVERVERSION, &version, sizeof(version)));
    }
    const int unknown[] = {14, 78, 0x7fff, 0x7fffffff, -1};
    for (size_t i = 0; i < LENGTH_OF(unknown); i++) {
        udxg_case("unknown type %d", unknown[i]) {
            uint64_t data[32] = {0};
            check_status(STATUS_INVALID_PARAMETER, query(adapter, unknown[i], data, sizeof(data)));
        }
    }
}

static D3DKMT_SEGMENTSIZEINFO segment_sizes(D3DKMT_HANDLE adapter)
{
    D3DKMT_SEGMENTSIZEINFO sizes = {0};
    require_success(query(adapter, KMTQAITYPE_GETSEGMENTSIZE, &sizes, sizeof(sizes)));
    return sizes;
}

static void query_contents(void)
{
    D3DKMT_HANDLE adapter = open_adapter();
    udxg_case("GETSEGMENTSIZE") {
        D3DKMT_SEGMENTSIZEINFO sizes = segment_sizes(adapter);
        check_u64(soft_info(adapter).local_bytes, sizes.DedicatedVideoMemorySize);
        check_true(on_discrete() == (sizes.DedicatedVideoMemorySize > 0));
        check_u64(0, sizes.DedicatedSystemMemorySize);
        check_true(sizes.SharedSystemMemorySize > 0);
    }
    udxg_case("GETSEGMENTGROUPSIZE") {
        D3DKMT_SEGMENTSIZEINFO legacy = segment_sizes(adapter);
        D3DKMT_SEGMENTGROUPSIZEINFO sizes = {0};
        require_success(query(adapter, KMTQAITYPE_GETSEGMENTGROUPSIZE, &sizes, sizeof(sizes)));
        check_true(memcmp(&legacy, &sizes.LegacyInfo, sizeof(legacy)) == 0);
        check_true(sizes.LocalMemory + sizes.NonLocalMemory + sizes.NonBudgetMemory > 0);
        if (on_discrete()) check_u64(legacy.DedicatedVideoMemorySize, sizes.LocalMemory);
    }
    udxg_case("GETSEGMENTGROUPSIZE/PhysicalAdapterIndex 1") {
        D3DKMT_SEGMENTGROUPSIZEINFO sizes = {0};
        sizes.PhysicalAdapterIndex = 1;
        check_status(STATUS_INVALID_PARAMETER, query(adapter, KMTQAITYPE_GETSEGMENTGROUPSIZE, &sizes, sizeof(sizes)));
    }
    udxg_case("VIRTUALADDRESSINFO") {
        D3DKMT_VIRTUALADDRESSINFO info = {0};
        require_success(query(adapter, KMTQAITYPE_VIRTUALADDRESSINFO, &info, sizeof(info)));
        check_u64(1, info.VirtualAddressFlags.VirtualAddressSupported);
    }
    udxg_case("DRIVERVERSION is at least WDDM 2.0") {
        D3DKMT_DRIVERVERSION version = (D3DKMT_DRIVERVERSION)0;
        require_success(query(adapter, KMTQAITYPE_DRIVERVERSION, &version, sizeof(version)));
        check_true(version >= KMT_DRIVERVERSION_WDDM_2_0);
    }
    udxg_case("CHECKDRIVERUPDATESTATUS") {
        BOOL pending = TRUE;
        require_success(query(adapter, KMTQAITYPE_CHECKDRIVERUPDATESTATUS, &pending, sizeof(pending)));
        check_u64(FALSE, pending);
    }
    udxg_case("ADAPTERTYPE") {
        D3DKMT_ADAPTERTYPE type;
        memset(&type, 0xff, sizeof(type));
        require_success(query(adapter, KMTQAITYPE_ADAPTERTYPE, &type, sizeof(type)));
        check_u64(1, type.RenderSupported);
        check_u64(0, type.DisplaySupported);
        check_u64(0, type.Reserved);
    }
    udxg_case("WDDM_2_0_CAPS") {
        D3DKMT_WDDM_2_0_CAPS caps = {0};
        require_success(query(adapter, KMTQAITYPE_WDDM_2_0_CAPS, &caps, sizeof(caps)));
        check_u64(1, caps.GpuMmuSupported);
        check_u64(1, caps.Support64BitAtomics);
    }
    udxg_case("NODEMETADATA of each node") {
        UINT nodes = soft_info(adapter).node_count;
        check_true(nodes > 0);
        for (UINT i = 0; i < nodes; i++) {
            D3DKMT_NODEMETADATA node = {0};
            node.NodeOrdinalAndAdapterIndex = i;
            check_status(STATUS_SUCCESS, query(adapter, KMTQAITYPE_NODEMETADATA, &node, sizeof(node)));
            check_u64(1, node.NodeData.GpuMmuSupported);
        }
    }
    udxg_case("NODEMETADATA/node behind the last") {
        D3DKMT_NODEMETADATA node = {0};
        node.NodeOrdinalAndAdapterIndex = soft_info(adapter).node_count;
        check_status(STATUS_INVALID_PARAMETER, query(adapter, KMTQAITYPE_NODEMETADATA, &node, sizeof(node)));
    }
    udxg_case("NODEMETADATA/second physical adapter") {
        D3DKMT_NODEMETADATA node = {0};
        node.NodeOrdinalAndAdapterIndex = 1u << 16;
        check_status(STATUS_INVALID_PARAMETER, query(adapter, KMTQAITYPE_NODEMETADATA, &node, sizeof(node)));
    }
    udxg_case("PHYSICALADAPTERCOUNT") {
        D3DKMT_PHYSICAL_ADAPTER_COUNT count = {0};
        require_success(query(adapter, KMTQAITYPE_PHYSICALADAPTERCOUNT, &count, sizeof(count)));
        check_u64(1, count.Count);
    }
    udxg_case("PHYSICALADAPTERDEVICEIDS/PhysicalAdapterIndex 1") {
        D3DKMT_QUERY_DEVICE_IDS ids = {0};
        ids.PhysicalAdapterIndex = 1;
        check_status(STATUS_INVALID_PARAMETER, query(adapter, KMTQAITYPE_PHYSICALADAPTERDEVICEIDS, &ids, sizeof(ids)));
    }
    udxg_case("QUERY_GPUMMU_CAPS") {
        UINT bits = gpu_va_bits(adapter);
        check_true(bits >= 32 && bits <= 57);
    }
    udxg_case("QUERY_GPUMMU_CAPS/PhysicalAdapterIndex 1") {
        D3DKMT_QUERY_GPUMMU_CAPS caps = {0};
        caps.PhysicalAdapterIndex = 1;
        check_status(STATUS_INVALID_PARAMETER, query(adapter, KMTQAITYPE_QUERY_GPUMMU_CAPS, &caps, sizeof(caps)));
    }
    udxg_case("DRIVER_DESCRIPTION is a string") {
        D3DKMT_DRIVER_DESCRIPTION *description = (D3DKMT_DRIVER_DESCRIPTION *)guarded(sizeof(*description));
        require_success(query(adapter, KMTQAITYPE_DRIVER_DESCRIPTION, description, sizeof(*description)));
        size_t length = wcsnlen(description->DriverDescription, LENGTH_OF(description->DriverDescription));
        check_true(length > 0 && length < LENGTH_OF(description->DriverDescription));
    }
    udxg_case("UMDRIVERPRIVATE/size that the driver does not know") {
        uint8_t data[49] = {0};
        check_status(STATUS_INVALID_PARAMETER, query(adapter, KMTQAITYPE_UMDRIVERPRIVATE, data, 47));
        check_status(STATUS_INVALID_PARAMETER, query(adapter, KMTQAITYPE_UMDRIVERPRIVATE, data, 49));
        check_true(filled_with(data, sizeof(data), 0));
    }
    udxg_case("UMDRIVERPRIVATE") {
        struct udxg_soft_adapter_info info = soft_info(adapter);
        check_u64(UDXG_SOFT_VERSION, info.version);
        check_true(on_discrete() == (info.local_bytes > 0));
        check_true(info.clock_hz > 0);
        check_true(info.system_segment_id >= 1 && info.system_segment_id <= info.segment_count);
        check_true(info.local_segment_id >= 1 && info.local_segment_id <= info.segment_count);
        check_true((info.min_alignment_bytes & (info.min_alignment_bytes - 1)) == 0);
    }
}

/* As Intel's runtime and NVIDIA's toolkit do it: first with room for no string, then with enough. */
static void query_registry(void)
{
    D3DKMT_HANDLE adapter = open_adapter();
    udxg_case("driver store path in two steps") {
        D3DDDI_QUERYREGISTRY_INFO info = {0};
        info.QueryType = D3DDDI_QUERYREGISTRY_DRIVERSTOREPATH;
        info.Status = D3DDDI_QUERYREGISTRY_STATUS_FAIL;
        require_success(query(adapter, KMTQAITYPE_QUERYREGISTRY, &info, sizeof(info)));
        check_u64(D3DDDI_QUERYREGISTRY_STATUS_BUFFER_OVERFLOW, info.Status);
        require_true(info.OutputValueSize > 0 && info.OutputValueSize % sizeof(WCHAR) == 0);

        UINT size_bytes = (UINT)sizeof(info) + info.OutputValueSize;
        D3DDDI_QUERYREGISTRY_INFO *full = (D3DDDI_QUERYREGISTRY_INFO *)calloc(1, size_bytes);
        require_true(full != NULL);
        full->QueryType = D3DDDI_QUERYREGISTRY_DRIVERSTOREPATH;
        full->Status = D3DDDI_QUERYREGISTRY_STATUS_FAIL;
        require_success(query(adapter, KMTQAITYPE_QUERYREGISTRY, full, size_bytes));
        check_u64(D3DDDI_QUERYREGISTRY_STATUS_SUCCESS, full->Status);
        check_u64(info.OutputValueSize, full->OutputValueSize);
        check_true(full->OutputString[0] == L'/');
    }
    udxg_case("unknown query type") {
        D3DDDI_QUERYREGISTRY_INFO info = {0};
        info.QueryType = D3DDDI_QUERYREGISTRY_MAX;
        check_status(STATUS_INVALID_PARAMETER, query(adapter, KMTQAITYPE_QUERYREGISTRY, &info, sizeof(info)));
    }
}

/* --------------------------------------------------------------------------------- QueryVideoMemoryInfo */

static void video_memory(void)
{
    D3DKMT_HANDLE adapter = open_adapter();
    const HANDLE this_process = (HANDLE)(intptr_t)-1;
    const struct {
        const char *name;
        HANDLE process;
        int group;
    } good[] = {
        {"LOCAL, hProcess NULL", NULL, D3DKMT_MEMORY_SEGMENT_GROUP_LOCAL},
        {"NON_LOCAL, hProcess NULL", NULL, D3DKMT_MEMORY_SEGMENT_GROUP_NON_LOCAL},
        {"LOCAL, this process", this_process, D3DKMT_MEMORY_SEGMENT_GROUP_LOCAL},
        {"NON_LOCAL, this process", this_process, D3DKMT_MEMORY_SEGMENT_GROUP_NON_LOCAL},
    };
    for (size_t i = 0; i < LENGTH_OF(good); i++) {
        udxg_case("%s", good[i].name) {
            D3DKMT_QUERYVIDEOMEMORYINFO args = {0};
            args.hProcess = good[i].process;
            args.hAdapter = adapter;
            args.MemorySegmentGroup = (D3DKMT_MEMORY_SEGMENT_GROUP)good[i].group;
            args.Budget = args.CurrentUsage = SENTINEL64;
            args.CurrentReservation = args.AvailableForReservation = SENTINEL64;
            require_success(D3DKMTQueryVideoMemoryInfo(&args));
            check_true(args.Budget != SENTINEL64);
            check_true(args.Budget >= args.AvailableForReservation);
            check_true(args.CurrentUsage <= args.Budget);
            check_u64(0, args.CurrentUsage);
            check_u64(0, args.CurrentReservation);
        }
    }
    udxg_case("some group has a budget") {
        check_true(memory_info(adapter, D3DKMT_MEMORY_SEGMENT_GROUP_LOCAL).Budget +
                       memory_info(adapter, D3DKMT_MEMORY_SEGMENT_GROUP_NON_LOCAL).Budget >
                   0);
    }

    const struct {
        const char *name;
        HANDLE process;
        D3DKMT_HANDLE adapter;
        UINT index;
        int group;
        NTSTATUS want;
    } bad[] = {
        {"hProcess 0xdeadbeef", (HANDLE)(uintptr_t)0xdeadbeef, adapter, 0, 0, STATUS_INVALID_HANDLE},
        {"hAdapter 0", NULL, 0, 0, 0, STATUS_INVALID_PARAMETER},
        {"hAdapter 0xdeadbeef", NULL, BAD_HANDLE, 0, 0, STATUS_INVALID_PARAMETER},
        {"hAdapter is a device", NULL, create_device(adapter), 0, 0, STATUS_INVALID_PARAMETER},
        {"PhysicalAdapterIndex 99", NULL, adapter, 99, 0, STATUS_INVALID_PARAMETER},
        {"PhysicalAdapterIndex 1", NULL, adapter, 1, 0, STATUS_INVALID_PARAMETER},
        {"MemorySegmentGroup NON_LOCAL + 1", NULL, adapter, 0, D3DKMT_MEMORY_SEGMENT_GROUP_NON_LOCAL + 1,
         STATUS_INVALID_PARAMETER},
    };
    for (size_t i = 0; i < LENGTH_OF(bad); i++) {
        udxg_case("%s", bad[i].name) {
            D3DKMT_QUERYVIDEOMEMORYINFO args = {0};
            args.hProcess = bad[i].process;
            args.hAdapter = bad[i].adapter;
            args.PhysicalAdapterIndex = bad[i].index;
            args.MemorySegmentGroup = (D3DKMT_MEMORY_SEGMENT_GROUP)bad[i].group;
            args.Budget = args.CurrentUsage = SENTINEL64;
            args.CurrentReservation = args.AvailableForReservation = SENTINEL64;
            check_status(bad[i].want, D3DKMTQueryVideoMemoryInfo(&args));
            check_u64(SENTINEL64, args.Budget);
            check_u64(SENTINEL64, args.CurrentUsage);
            check_u64(SENTINEL64, args.CurrentReservation);
            check_u64(SENTINEL64, args.AvailableForReservation);
        }
    }
    udxg_case("NULL") {
        check_status(STATUS_INVALID_PARAMETER, D3DKMTQueryVideoMemoryInfo(NULL));
    }
}

/* ------------------------------------------------------------------------------------------------ Escape */

static void escapes(void)
{
    D3DKMT_HANDLE adapter = open_adapter();
    udxg_case("NULL") {
        check_status(STATUS_INVALID_PARAMETER, D3DKMTEscape(NULL));
    }
    udxg_case("zeroed") {
        D3DKMT_ESCAPE args = {0};
        check_status(STATUS_INVALID_PARAMETER, D3DKMTEscape(&args));
    }
    udxg_case("segment caps agree with the sizes of the groups") {
        D3DKMT_VIDMM_ESCAPE escape = {0};
        D3DKMT_ESCAPE args = {0};
        escape.Type = D3DKMT_VIDMMESCAPETYPE_GET_VAD_INFO;
        escape.GetVads.Command = D3DKMT_VAD_ESCAPE_GET_SEGMENT_CAPS;
        args.hAdapter = adapter;
        args.Type = D3DKMT_ESCAPE_VIDMM;
        args.pPrivateDriverData = &escape;
        args.PrivateDriverDataSize = sizeof(escape);
        require_success(D3DKMTEscape(&args));
        check_status(STATUS_SUCCESS, (NTSTATUS)escape.GetVads.Status);
        require_u64(soft_info(adapter).segment_count, escape.GetVads.GetSegmentCaps.NumSegments);

        D3DKMT_SEGMENTGROUPSIZEINFO sizes = {0};
        uint64_t sum = 0;
        UINT apertures = 0;
        for (UINT i = 0; i < escape.GetVads.GetSegmentCaps.NumSegments; i++) {
            const D3DKMT_SEGMENT_CAPS *segment = &escape.GetVads.GetSegmentCaps.SegmentCaps[i];
            check_u64(i + 1, segment->SegmentId);
            check_true(segment->PageSize == PAGE_BYTES || segment->PageSize == KIB(64));
            sum += segment->Size;
            apertures += segment->bAperture != 0;
        }
        check_u64(1, apertures);
        require_success(query(adapter, KMTQAITYPE_GETSEGMENTGROUPSIZE, &sizes, sizeof(sizes)));
        check_u64(sum, sizes.LocalMemory + sizes.NonLocalMemory + sizes.NonBudgetMemory);
    }
    udxg_case("VIDMM escape one byte short") {
        D3DKMT_VIDMM_ESCAPE escape = {0};
        D3DKMT_ESCAPE args = {0};
        escape.Type = D3DKMT_VIDMMESCAPETYPE_GET_VAD_INFO;
        escape.GetVads.Command = D3DKMT_VAD_ESCAPE_GET_SEGMENT_CAPS;
        args.hAdapter = adapter;
        args.Type = D3DKMT_ESCAPE_VIDMM;
        args.pPrivateDriverData = &escape;
        args.PrivateDriverDataSize = sizeof(escape) - 1;
        check_status(STATUS_INVALID_PARAMETER, D3DKMTEscape(&args));
        check_u64(0, escape.GetVads.GetSegmentCaps.NumSegments);
    }
    const struct {
        const char *name;
        D3DKMT_HANDLE adapter, device, context;
        bool data;
    } bad[] = {
        {"hAdapter 0", 0, 0, 0, true},
        {"hAdapter is no handle", BAD_HANDLE, 0, 0, true},
        {"hDevice is no handle", adapter, BAD_HANDLE, 0, true},
        {"hContext is no handle", adapter, 0, BAD_HANDLE, true},
        {"NULL data", adapter, 0, 0, false},
    };
    for (size_t i = 0; i < LENGTH_OF(bad); i++) {
        udxg_case("%s", bad[i].name) {
            D3DKMT_VIDMM_ESCAPE escape = {0};
            D3DKMT_ESCAPE args = {0};
            escape.Type = D3DKMT_VIDMMESCAPETYPE_GET_VAD_INFO;
            escape.GetVads.Command = D3DKMT_VAD_ESCAPE_GET_SEGMENT_CAPS;
            args.hAdapter = bad[i].adapter;
            args.hDevice = bad[i].device;
            args.hContext = bad[i].context;
            args.Type = D3DKMT_ESCAPE_VIDMM;
            args.pPrivateDriverData = bad[i].data ? &escape : NULL;
            args.PrivateDriverDataSize = sizeof(escape);
            check_status(STATUS_INVALID_PARAMETER, D3DKMTEscape(&args));
        }
    }
}

int main(int argc, char **argv)
{
    static const struct udxg_test tests[] = {
        {"one", ON_EACH, enumerate_one},
        {"both", ON_BOTH, enumerate_both},
        {"handle", ON_DISCRETE, open_and_close},
        {"query/size", ON_EACH, query_sizes},
        {"query/arguments", ON_DISCRETE, query_arguments},
        {"query/contents", ON_EACH, query_contents},
        {"query/registry", ON_DISCRETE, query_registry},
        {"video memory", ON_EACH, video_memory},
        {"escape", ON_EACH, escapes},
    };
    return conformance_main(argc, argv, tests, LENGTH_OF(tests));
}
