/* SPDX-License-Identifier: MIT */
/* Counters for whoever watches; nothing is counted while nobody does. */
#include "core/stats.h"

#include "base/os.h"

static struct udxg_stats *page; /* set once, before the first call; NULL: nobody watches */

void udxg_stats_attach(const char *path)
{
    void *address;

    if (page || udxg_failed(udxg_os_map_file(path, sizeof *page, &address))) return;
    page = address;
    page->thunk_count = UDXG_THUNK_COUNT;
    page->magic = UDXG_STATS_MAGIC;
}

void udxg_stats_forget(void)
{
    page = NULL;
}

static void add(_Atomic(uint64_t) *counter, uint64_t value)
{
    atomic_fetch_add_explicit(counter, value, memory_order_relaxed);
}

void udxg_stats_call(enum udxg_thunk_id id, bool failed)
{
    if (!page) return;
    add(&page->calls[id], 1);
    if (failed) add(&page->failures[id], 1);
}

void udxg_stats_created(uint64_t size_bytes, bool system_memory)
{
    if (!page) return;
    add(&page->allocations_created, 1);
    add(&page->bytes_created, size_bytes);
    if (system_memory) add(&page->system_memory_allocations, 1);
}

void udxg_stats_freed(uint64_t size_bytes)
{
    if (!page) return;
    add(&page->allocations_destroyed, 1);
    add(&page->bytes_destroyed, size_bytes);
}

void udxg_stats_executed(bool faulted)
{
    if (!page) return;
    add(&page->submissions, 1);
    if (faulted) add(&page->submissions_faulted, 1);
}

void udxg_stats_paged(bool in, uint64_t size_bytes)
{
    if (page) add(in ? &page->paged_in_bytes : &page->paged_out_bytes, size_bytes);
}
