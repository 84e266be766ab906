/* SPDX-License-Identifier: MIT */
/* The rows, their anchors, and what we want of them. Constant data. */
#include "row.h"

const struct row rows[] = {
    {"P1", "create + destroy, 64 KiB, 1,000 live, not zeroed", "memfd + map + unmap + close", ROW_RATIO, 1.0 / 20,
     1.0 / 50, row_create_destroy},
    {"P2", "the same, zeroed", "memset of 64 KiB", ROW_EXCESS, 500, 200, row_create_destroy_zeroed},
    {"P3", "create + lock + write each page + destroy, 64 KiB", "memfd life, each page written", ROW_RATIO, 1.0 / 8,
     1.0 / 20, row_create_write_destroy},
    {"P4", "create + ShareObjects + close + destroy, 64 KiB", "memfd + map + unmap + close", ROW_RATIO, 1, 0.5,
     row_create_share_destroy},
    {"P5", "grow to 100,000 live, for each", "memfd_create + ftruncate", ROW_RATIO, 1.0 / 4, 1.0 / 15, row_grow},
    {"P6", "destroy any + create, 1,000,000 live", "with 1,000 live", ROW_RATIO, 20, 10, row_live_random},
    {"P7", "create + destroy it, 1,000,000 live", "with 1,000 live", ROW_RATIO, 3, 1.5, row_live_lifo},
    {"P8", "bookkeeping for each of 1,000,000 live", "", ROW_BYTES, 512, 256, row_live_bytes},
    {"P9", "64 in one call, for each", "one call for each", ROW_RATIO, 0.7, 0.5, row_create_batch},
    {"P10", "create + destroy through the daemon, spinning", "two round trips, spinning", ROW_RATIO, 3, 1.5,
     row_remote_spinning},
    {"P11", "the same, the daemon asleep, on one CPU", "two round trips, futex", ROW_RATIO, 1.3, 1.15,
     row_remote_sleeping},
    {"P12", "64 in one call through the daemon, for each", "one call each", ROW_RATIO, 1.0 / 4, 1.0 / 6,
     row_remote_batch},
    {"P13", "another process opens and maps a shared resource", "SCM_RIGHTS + map + unmap + close", ROW_RATIO, 1.3, 1,
     row_remote_open},
    {"P14a", "eviction + page-in, 1 MiB each", "memcpy, same buffers", ROW_SPEEDUP, 1, 1.5, row_paging_small},
    {"P14b", "eviction + page-in, 32 MiB each", "memcpy, same buffers", ROW_SPEEDUP, 1, 1.5, row_paging_large},
    {"P15", "over-commit by 2: a random MiB out, one in", "two memcpy", ROW_RATIO, 1.3, 1.1, row_over_commit},
    {"P16", "MakeResident of what is resident, 1,000,000 live", "look-up + list move, 1,000,000", ROW_RATIO, 5, 2.5,
     row_live_make_resident},
    {"P17a", "MapGpuVirtualAddress of 64 KiB", "a PTE store for each page", ROW_TIME, 1000, 150, row_map_small},
    {"P17b", "MapGpuVirtualAddress of 1 GiB", "a PTE store for each page", ROW_RATIO, 1, 1.0 / 100, row_map_large},
    {"P18", "range allocator, free + alloc, 100,000 live", "two-level segregated fit", ROW_RATIO, 1, 0.5,
     row_range_speed},
    {"P19", "range allocator, fill at the first failure, 16 GiB", "best fit", ROW_PERCENTAGE, 90.6, 93, row_range_fill},
    {"P21", "P1 on two threads and two devices", "on one thread", ROW_SPEEDUP, 1.6, 1.9, row_two_threads},
    {"P22", "signal of a fence to the waking of its waiter", "futex word, one way", ROW_RATIO, 1.5, 1.1,
     row_signal_to_wake},
    {"P23", "hand-over of a keyed mutex", "pthread mutex + condition", ROW_RATIO, 1.5, 1, row_keyed_mutex},
};

const unsigned row_count = sizeof rows / sizeof rows[0];

double row_value(const struct row *row, const struct row_figures *figures)
{
    switch (row->kind) {
    case ROW_RATIO:
        return figures->ours / figures->anchor;
    case ROW_EXCESS:
        return figures->ours - figures->anchor;
    case ROW_SPEEDUP:
        return figures->anchor / figures->ours;
    case ROW_TIME:
    case ROW_BYTES:
    case ROW_PERCENTAGE:
        break;
    }
    return figures->ours;
}

bool row_meets(const struct row *row, double value, double limit)
{
    bool at_least = row->kind == ROW_PERCENTAGE || row->kind == ROW_SPEEDUP;
    return at_least ? value >= limit : value <= limit;
}
