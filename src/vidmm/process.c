/* SPDX-License-Identifier: MIT */
/* A process's share of an adapter: its homes and what it has charged. */
#include "vidmm/process.h"

#include <stdlib.h>

#include "vidmm/budget.h"
#include "vidmm/window.h"

#define LARGEST_HOMES_BYTES (UINT64_C(1) << 40)
#define LEAST_HOMES_BYTES (UINT64_C(64) << 20)
#define ROOM 16u /* addresses for each byte of commit */

static udxg_status create_homes(struct vidmm_process *process)
{
    /*
     * Commit is what is limited, and alignment must not run out of addresses before it is reached: there are
     * enough for pages that are 64 KiB apart.
     */
    uint64_t size = process->commit_limit_bytes < LARGEST_HOMES_BYTES / ROOM ? process->commit_limit_bytes * ROOM
                                                                             : LARGEST_HOMES_BYTES;
    struct vidmm_pool_desc desc = {
        .name = "udxg-homes",
        .size_bytes = size,
        .minimum_bytes = size < LEAST_HOMES_BYTES ? size : LEAST_HOMES_BYTES,
        .keep_bytes = VIDMM_POOL_KEEP_DEFAULT,
    };
    return vidmm_pool_create(&desc, &process->homes);
}

static void process_free(struct vidmm_process *process)
{
    vidmm_va_space_fini(&process->va);
    vidmm_pool_destroy(process->homes);
    udxg_foreign_close(&process->memory);
    free(process);
}

udxg_status vidmm_process_create(struct vidmm_adapter *adapter, const struct udxg_foreign *memory,
                                 struct vidmm_process **ret)
{
    struct vidmm_process *process = calloc(1, sizeof *process);
    if (!process) return STATUS_NO_MEMORY;
    process->adapter = adapter;
    process->commit_limit_bytes = adapter->commit_limit_bytes;
    udxg_list_init(&process->devices);
    udxg_list_init(&process->registrations);
    process->memory = UDXG_FOREIGN_HERE;
    udxg_status status = memory ? udxg_foreign_dup(memory, &process->memory) : STATUS_SUCCESS;
    if (udxg_failed(status)) {
        free(process);
        return status;
    }
    status = create_homes(process);
    if (udxg_failed(status)) {
        udxg_foreign_close(&process->memory);
        free(process);
        return status;
    }
    vidmm_stocks_init(process);
    vidmm_va_space_init(&process->va, adapter->gpu_va_bits, &adapter->va_nodes);
    udxg_lock(VIDMM, &adapter->lock);
    process->number = ++adapter->processes_made;
    status = vidmm_budget_join_locked(process);
    vidmm_offers_init_locked(&process->offers);
    udxg_unlock(VIDMM, &adapter->lock);
    if (udxg_failed(status)) {
        process_free(process);
        return status;
    }
    *ret = process;
    return STATUS_SUCCESS;
}

void vidmm_process_destroy(struct vidmm_process *process)
{
    if (!process) return;
    struct vidmm_counters counters;
    vidmm_process_counters(process, &counters);
    vidmm_stocks_fini(process);
    udxg_lock(VIDMM, &process->adapter->lock);
    vidmm_budget_leave_locked(process);
    vidmm_counters_add(&process->adapter->ended, &counters);
    udxg_unlock(VIDMM, &process->adapter->lock);
    process_free(process);
}

/* With others at work the stocks may have been seen to hold more than there ever was at once. */
static uint64_t used_commit_locked(const struct vidmm_process *process, const struct vidmm_stocked *stocked)
    UDXG_REQUIRES(VIDMM)
{
    return process->commit_bytes > stocked->commit_bytes ? process->commit_bytes - stocked->commit_bytes : 0;
}

void vidmm_process_usage(struct vidmm_process *process, struct vidmm_usage *ret)
{
    struct vidmm_stocked stocked;
    udxg_lock(VIDMM, &process->adapter->lock);
    vidmm_stocks_sum(process, &stocked);
    *ret = (struct vidmm_usage){
        .allocations = stocked.allocations,
        .commit_bytes = used_commit_locked(process, &stocked),
        .commit_limit_bytes = process->commit_limit_bytes,
        .pool_mapped_bytes = vidmm_pool_bytes(process->homes),
    };
    udxg_unlock(VIDMM, &process->adapter->lock);
}

static const char *check_commit_locked(struct vidmm_process *process) UDXG_REQUIRES(VIDMM)
{
    struct vidmm_pool_stats stats;
    struct vidmm_stocked stocked;
    vidmm_pool_stats(process->homes, &stats);
    vidmm_stocks_sum(process, &stocked);
    if (stocked.commit_bytes > process->commit_bytes) return "stocks hold more commit than the process has charged";
    uint64_t committed = process->commit_bytes - stocked.commit_bytes + process->offers.decommitted_bytes;
    if (stats.used_bytes - stocked.home_bytes + process->apart_bytes != committed)
        return "a process's commit is not what its homes take";
    return NULL;
}

const char *vidmm_process_check(struct vidmm_process *process)
{
    udxg_lock(VIDMM, &process->adapter->lock);
    const char *wrong = check_commit_locked(process);
    udxg_unlock(VIDMM, &process->adapter->lock);
    if (!wrong) wrong = vidmm_pool_check(process->homes);
    return wrong ? wrong : vidmm_va_space_check(&process->va);
}

udxg_status vidmm_process_show(const struct vidmm_process *process, struct vidmm_windows *windows)
{
    const struct vidmm_pool *homes = process->homes;

    return vidmm_window_add(windows, vidmm_pool_base(homes), vidmm_pool_bytes(homes), vidmm_pool_fd(homes), true);
}

bool vidmm_process_owns(const struct vidmm_process *process, const void *address, uint64_t size_bytes)
{
    uintptr_t first = (uintptr_t)vidmm_pool_base(process->homes), start = (uintptr_t)address;

    return start < first + vidmm_pool_bytes(process->homes) && first < start + size_bytes;
}
