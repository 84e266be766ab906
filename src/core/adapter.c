/* SPDX-License-Identifier: MIT */
/*
 * Adapters and the calls that find, open and close them. Opening makes a handle and nothing else: an adapter
 * lives as long as the kernel. Its eras are core/era.c's business.
 */
#include "core/adapter.h"
#include "core/stats.h"

#include <stdlib.h>
#include <string.h>

#include "abi/thunk.h"
#include "base/os.h"
#include "core/engine.h"
#include "core/era.h"
#include "core/handlers.h"
#include "core/process.h"
#include "ddi/validate.h"

/* LUIDs of one boot differ and are not zero; ours are the same in every process, so that they can be shown. */
#define LUID_BASE 0x5dc60001u

/* How long the end of the kernel waits for a worker that was abandoned inside the miniport. */
#define DESERTER_GRACE_NS UINT64_C(1000000000)

/* What EnumAdapters2 says may be needed: the capacity of Windows 11. */
#define ENUM_CAPACITY 34u

static const struct udxg_miniport *find_miniport(const struct udxg_miniport *const *miniports, const char *name)
{
    for (const struct udxg_miniport *const *miniport = miniports; *miniport; miniport++)
        if (!strcmp((*miniport)->name, name)) return *miniport;
    return NULL;
}

static udxg_status start_engines(struct udxg_adapter *adapter)
{
    adapter->engines = calloc(adapter->caps.node_count, sizeof *adapter->engines);
    if (!adapter->engines) return STATUS_NO_MEMORY;
    for (uint32_t i = 0; i < adapter->caps.node_count; i++) udxg_engine_init(&adapter->engines[i], adapter, i);
    return STATUS_SUCCESS;
}

static udxg_status start(struct udxg_adapter *adapter, const struct udxg_miniport *const *miniports)
{
    udxg_status status;

    adapter->miniport = find_miniport(miniports, adapter->caps.miniport);
    if (!adapter->miniport || adapter->miniport->version != UDXG_MINIPORT_VERSION) return STATUS_NOT_SUPPORTED;
    adapter->caps.submission_data_bytes = UDXG_MAX_PRIVATE_DATA;
    status = adapter->miniport->start(&adapter->caps, &adapter->mp_adapter);
    if (udxg_failed(status)) {
        adapter->miniport = NULL;
        return status;
    }
    if (!adapter->caps.tdr_delay_ms) adapter->caps.tdr_delay_ms = UDXG_TDR_DELAY_MS;
    if (!adapter->caps.tdr_reset_delay_ms) adapter->caps.tdr_reset_delay_ms = UDXG_TDR_RESET_DELAY_MS;
    if (udxg_validate_caps(&adapter->caps)) return STATUS_INVALID_PARAMETER;
    status = vidmm_adapter_create(&adapter->caps, &adapter->vidmm);
    if (udxg_failed(status)) return status;
    vidmm_adapter_set_copied(adapter->vidmm, udxg_stats_paged);
    return start_engines(adapter);
}

udxg_status udxg_adapter_create(const struct udxg_adapter_caps *caps, const struct udxg_miniport *const *miniports,
                                uint32_t index, struct udxg_inject *inject, struct udxg_adapter **ret_adapter)
{
    struct udxg_adapter *adapter = calloc(1, sizeof *adapter);
    udxg_status status;

    if (!adapter) return STATUS_NO_MEMORY;
    adapter->index = index;
    adapter->luid.LowPart = LUID_BASE + index;
    adapter->caps = *caps;
    udxg_updater_init(&adapter->updater);
    adapter->inject = inject;
    udxg_adapter_eras_init(adapter);
    status = udxg_adapter_start(adapter);
    if (!udxg_failed(status)) status = start(adapter, miniports);
    if (udxg_failed(status)) {
        (void)udxg_adapter_destroy(adapter); /* nothing has run on it */
        return status;
    }
    *ret_adapter = adapter;
    return STATUS_SUCCESS;
}

/* A worker that never comes back keeps the adapter: what its packet can still reach stays. */
static bool end_engines(struct udxg_adapter *adapter)
{
    bool alone = true;

    for (uint32_t i = 0; adapter->engines && i < adapter->caps.node_count; i++)
        alone &= udxg_engine_fini(&adapter->engines[i], DESERTER_GRACE_NS);
    return alone;
}

bool udxg_adapter_destroy(struct udxg_adapter *adapter)
{
    if (!adapter) return true;
    udxg_watchdog_fini(&adapter->watchdog);
    if (!end_engines(adapter)) return false;
    free(adapter->engines);
    udxg_updater_fini(&adapter->updater);
    if (adapter->vidmm) vidmm_adapter_destroy(adapter->vidmm);
    if (adapter->miniport) adapter->miniport->stop(adapter->mp_adapter);
    udxg_adapter_eras_fini(adapter);
    free(adapter);
    return true;
}

udxg_status udxg_era_get(struct udxg_process *process, uint32_t handle, struct udxg_era **ret_era)
{
    struct udxg_era *era = udxg_handle_get(&process->handles, handle, UDXG_HANDLE_ADAPTER);

    if (!era) return STATUS_INVALID_PARAMETER;
    udxg_handle_put(&process->handles, handle); /* the era outlives its handles */
    if (udxg_era_is_over(era)) return STATUS_DEVICE_REMOVED;
    *ret_era = era;
    return STATUS_SUCCESS;
}

udxg_status udxg_adapter_get(struct udxg_process *process, uint32_t handle, struct udxg_adapter **ret_adapter)
{
    struct udxg_era *era;
    udxg_status status = udxg_era_get(process, handle, &era);

    if (!udxg_failed(status)) *ret_adapter = era->adapter;
    return status;
}

/* ---- enumerate, open, close ---- */

/* Opens the first COUNT adapters, stopped ones too, into INFOS. */
static udxg_status open_all(struct udxg_process *process, uint32_t count, D3DKMT_ADAPTERINFO *infos)
{
    struct udxg_adapter *const *adapters = process->kernel->adapters;
    uint32_t handles[UDXG_KERNEL_ADAPTERS];
    udxg_status status;

    if (!count) return STATUS_SUCCESS;
    status = udxg_handle_reserve(&process->handles, count, handles);
    if (udxg_failed(status)) return status;
    for (uint32_t i = 0; i < count; i++) {
        infos[i].hAdapter = handles[i];
        infos[i].AdapterLuid = adapters[i]->luid;
        infos[i].NumOfSources = 0; /* no display */
        infos[i].bPrecisePresentRegionsPreferred = 0;
        udxg_handle_publish(&process->handles, handles[i], UDXG_HANDLE_ADAPTER, atomic_load(&adapters[i]->era));
    }
    return STATUS_SUCCESS;
}

static udxg_status enumerate(struct udxg_process *process, ULONG *num_adapters, D3DKMT_ADAPTERINFO *infos)
{
    uint32_t count = process->kernel->adapter_count;
    udxg_status status;

    if (!infos) {
        *num_adapters = ENUM_CAPACITY;
        return STATUS_SUCCESS;
    }
    if (*num_adapters < count) return STATUS_BUFFER_TOO_SMALL;
    status = open_all(process, count, infos);
    if (!udxg_failed(status)) *num_adapters = count;
    return status;
}

udxg_status thunk_EnumAdapters(struct udxg_process *process, D3DKMT_ENUMADAPTERS *args)
{
    udxg_status status = open_all(process, process->kernel->adapter_count, args->Adapters);

    if (!udxg_failed(status)) args->NumAdapters = process->kernel->adapter_count;
    return status;
}

udxg_status thunk_EnumAdapters2(struct udxg_process *process, D3DKMT_ENUMADAPTERS2 *args)
{
    return enumerate(process, &args->NumAdapters, args->pAdapters);
}

/* Every adapter of ours renders, so both filters only ever add what is not there. */
udxg_status thunk_EnumAdapters3(struct udxg_process *process, D3DKMT_ENUMADAPTERS3 *args)
{
    return enumerate(process, &args->NumAdapters, args->pAdapters);
}

static bool same_luid(LUID a, LUID b)
{
    return a.LowPart == b.LowPart && a.HighPart == b.HighPart;
}

struct udxg_adapter *udxg_kernel_find_adapter(const struct udxg_kernel *kernel, LUID luid)
{
    for (uint32_t i = 0; i < kernel->adapter_count; i++)
        if (same_luid(kernel->adapters[i]->luid, luid)) return kernel->adapters[i];
    return NULL;
}

udxg_status thunk_OpenAdapterFromLuid(struct udxg_process *process, D3DKMT_OPENADAPTERFROMLUID *args)
{
    struct udxg_adapter *adapter = udxg_kernel_find_adapter(process->kernel, args->AdapterLuid);
    uint32_t handle;
    udxg_status status;

    if (!adapter) return STATUS_INVALID_PARAMETER;
    status = udxg_handle_reserve(&process->handles, 1, &handle);
    if (udxg_failed(status)) return status;
    args->hAdapter = handle;
    udxg_handle_publish(&process->handles, handle, UDXG_HANDLE_ADAPTER, atomic_load(&adapter->era));
    return STATUS_SUCCESS;
}

udxg_status thunk_CloseAdapter(struct udxg_process *process, D3DKMT_CLOSEADAPTER *args)
{
    return udxg_handle_close(&process->handles, args->hAdapter, UDXG_HANDLE_ADAPTER) ? STATUS_SUCCESS
                                                                                     : STATUS_INVALID_PARAMETER;
}

/* ---- memory of the process on it ---- */

udxg_status udxg_check_process_handle(HANDLE handle)
{
    return !handle || handle == (HANDLE)(intptr_t)-1 ? STATUS_SUCCESS : STATUS_INVALID_HANDLE;
}

static udxg_status check_group(struct udxg_process *process, uint32_t adapter_handle, uint32_t group,
                               uint32_t physical_adapter, struct udxg_adapter **ret_adapter)
{
    udxg_status status = udxg_adapter_get(process, adapter_handle, ret_adapter);

    if (udxg_failed(status)) return status;
    return group >= VIDMM_GROUP_COUNT || physical_adapter ? STATUS_INVALID_PARAMETER : STATUS_SUCCESS;
}

/* Of a process that does not use the adapter there is nothing to say: zeros. */
udxg_status thunk_QueryVideoMemoryInfo(struct udxg_process *process, D3DKMT_QUERYVIDEOMEMORYINFO *args)
{
    struct udxg_process_adapter *pa = NULL;
    struct vidmm_budget budget = {0};
    struct udxg_present other;
    struct udxg_adapter *adapter;
    bool is_caller;
    udxg_status status =
        check_group(process, args->hAdapter, args->MemorySegmentGroup, args->PhysicalAdapterIndex, &adapter);

    if (!udxg_failed(status)) status = udxg_process_by_handle(process, args->hProcess, &is_caller, &other);
    if (udxg_failed(status)) return status;
    if (is_caller)
        status = udxg_process_adapter_get(process, adapter, &pa);
    else
        pa = other.adapters[adapter->index];
    if (pa) vidmm_process_budget(pa->vidmm, (enum vidmm_group)args->MemorySegmentGroup, &budget);
    udxg_present_fini(&other);
    args->Budget = budget.budget_bytes;
    args->CurrentUsage = budget.usage_bytes;
    args->CurrentReservation = budget.reservation_bytes;
    args->AvailableForReservation = budget.available_for_reservation_bytes;
    return status;
}

/* A process reserves for itself alone: a descriptor of another lets one look, not act. */
udxg_status thunk_ChangeVideoMemoryReservation(struct udxg_process *process, D3DKMT_CHANGEVIDEOMEMORYRESERVATION *args)
{
    struct udxg_process_adapter *pa;
    struct udxg_adapter *adapter;
    udxg_status status =
        check_group(process, args->hAdapter, args->MemorySegmentGroup, args->PhysicalAdapterIndex, &adapter);

    if (!udxg_failed(status)) status = udxg_check_process_handle(args->hProcess);
    if (!udxg_failed(status)) status = udxg_process_adapter_get(process, adapter, &pa);
    if (udxg_failed(status)) return status;
    return vidmm_process_reserve_budget(pa->vidmm, (enum vidmm_group)args->MemorySegmentGroup, args->Reservation);
}

udxg_status thunk_FlushHeapTransitions(struct udxg_process *process, D3DKMT_FLUSHHEAPTRANSITIONS *args)
{
    struct udxg_adapter *adapter;

    /* Heaps change hands at once here: there are no transitions to flush. */
    return udxg_adapter_get(process, args->hAdapter, &adapter);
}

udxg_status thunk_QueryClockCalibration(struct udxg_process *process, D3DKMT_QUERYCLOCKCALIBRATION *args)
{
    struct udxg_adapter *adapter;
    udxg_status status = udxg_adapter_get(process, args->hAdapter, &adapter);
    uint64_t now_ns;

    if (udxg_failed(status)) return status;
    if (args->NodeOrdinal >= adapter->caps.node_count || args->PhysicalAdapterIndex) return STATUS_INVALID_PARAMETER;
    now_ns = udxg_os_now_ns();
    args->ClockData.GpuFrequency = adapter->caps.clock_hz;
    args->ClockData.GpuClockCounter = (uint64_t)((unsigned __int128)now_ns * adapter->caps.clock_hz / 1000000000u);
    args->ClockData.CpuClockCounter = now_ns;
    return STATUS_SUCCESS;
}
