/* SPDX-License-Identifier: MIT */
/*
 * Opening across adapters. The memory of a cross-adapter resource never leaves its home (it supports nothing but
 * system memory), which is why another adapter can use that home as it does a client's own memory.
 * Locks: none.
 */
#include "core/cross_adapter.h"

#include <stdlib.h>
#include <string.h>

#include "base/os.h"
#include "core/allocation.h"
#include "core/stats.h"
#include "ddi/validate.h"

udxg_status udxg_standard_sizes(const struct udxg_adapter *adapter, uint64_t size_bytes, struct udxg_standard_data *ret)
{
    struct udxg_standard_allocation standard = {.size_bytes = size_bytes};
    udxg_status status;

    if (!adapter->miniport->get_standard_allocation) return STATUS_NOT_SUPPORTED;
    status = adapter->miniport->get_standard_allocation(adapter->mp_adapter, &standard);
    if (udxg_failed(status)) return status;
    *ret = (struct udxg_standard_data){
        .allocation_bytes = standard.allocation_data_bytes,
        .resource_bytes = standard.resource_data_bytes,
    };
    return STATUS_SUCCESS;
}

udxg_status udxg_standard_data(const struct udxg_adapter *adapter, uint64_t size_bytes, struct udxg_standard_data *ret)
{
    struct udxg_standard_allocation standard = {.size_bytes = size_bytes};
    struct udxg_standard_data data;
    udxg_status status = udxg_standard_sizes(adapter, size_bytes, &data);

    if (udxg_failed(status)) return status;
    data.bytes = calloc(1, (size_t)data.allocation_bytes + data.resource_bytes + 1);
    if (!data.bytes) return STATUS_NO_MEMORY;
    standard.allocation_data = data.bytes;
    standard.allocation_data_bytes = data.allocation_bytes;
    standard.resource_data = (char *)data.bytes + data.allocation_bytes;
    standard.resource_data_bytes = data.resource_bytes;
    status = adapter->miniport->get_standard_allocation(adapter->mp_adapter, &standard);
    if (udxg_failed(status)) {
        free(data.bytes);
        return status;
    }
    *ret = data;
    return STATUS_SUCCESS;
}

/* Has the miniport make an allocation for it, and looks at what it says. */
static udxg_status describe(const struct udxg_adapter *adapter, const struct udxg_memory *origin,
                            struct udxg_standard_data *data, struct udxg_allocation_info *info)
{
    struct udxg_create_allocation call = {.count = 1, .infos = info};
    udxg_status status;

    *info = (struct udxg_allocation_info){
        .private_data = data->bytes,
        .private_data_bytes = data->allocation_bytes,
        .system_memory = origin->vidmm.home,
        .alignment_bytes = UDXG_PAGE_SIZE,
        .priority = D3DDDI_ALLOCATIONPRIORITY_NORMAL,
    };
    status = adapter->miniport->create_allocation(adapter->mp_adapter, &call);
    if (udxg_failed(status)) return status;
    if (!udxg_validate_allocation(&adapter->caps, info) && info->flags & UDXG_ALLOCATION_EXISTING_SYS_MEM &&
        info->size_bytes <= origin->vidmm.size_bytes)
        return STATUS_SUCCESS;
    adapter->miniport->destroy_allocation(adapter->mp_adapter, 1, &info->allocation, NULL);
    return STATUS_INVALID_PARAMETER;
}

static udxg_status make(struct udxg_process_adapter *pa, unsigned stripe, struct udxg_memory *origin, bool read_only,
                        const struct udxg_allocation_info *info, struct udxg_memory **ret)
{
    struct vidmm_alloc_desc desc = {
        .size_bytes = info->size_bytes,
        .alignment_bytes = info->alignment_bytes,
        .supported_segments = info->supported_segments,
        .flags = info->flags,
        .priority = info->priority,
        .home_of = &origin->vidmm,
        .read_only = read_only,
        .stripe = (uint8_t)stripe,
    };
    struct udxg_birth *birth = udxg_slab_alloc_in(&pa->births, stripe);
    struct udxg_memory *memory;
    udxg_status status;

    if (!birth) return STATUS_NO_MEMORY;
    memory = &birth->memory;
    memcpy(desc.preferred, info->preferred, sizeof desc.preferred);
    status = vidmm_alloc_init(&memory->vidmm, pa->vidmm, &desc);
    if (udxg_failed(status)) {
        udxg_slab_free_in(&pa->births, stripe, birth);
        return status;
    }
    atomic_init(&memory->refs, 1);
    memory->pa = pa;
    memory->mp_allocation = info->allocation;
    memory->told_miniport = true;
    memory->origin = origin;
    atomic_fetch_add(&origin->refs, 1);
    udxg_stats_created(memory->vidmm.size_bytes, true);
    *ret = memory;
    return STATUS_SUCCESS;
}

udxg_status udxg_cross_adapter_memory(struct udxg_process_adapter *pa, unsigned stripe, struct udxg_memory *origin,
                                      bool read_only, struct udxg_standard_data *data, struct udxg_memory **ret)
{
    const struct udxg_adapter *adapter = pa->adapter;
    struct udxg_allocation_info info;
    udxg_status status = describe(adapter, origin, data, &info);

    if (udxg_failed(status)) return status;
    status = make(pa, stripe, origin, read_only, &info, ret);
    if (udxg_failed(status)) adapter->miniport->destroy_allocation(adapter->mp_adapter, 1, &info.allocation, NULL);
    return status;
}
