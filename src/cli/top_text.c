/* SPDX-License-Identifier: MIT */
/* Columns are as wide as sizes can be; the name comes last where it may be long. */
#include "cli/top_text.h"

#include <inttypes.h>

#include "cli/cli.h"

const char *udxg_top_adapter_name(const struct udxg_top *top, const struct udxg_top_row *row)
{
    return row->adapter >= 0 && (uint32_t)row->adapter < top->adapter_count ? top->adapters[row->adapter].name : "-";
}

static const char *name_of(const struct udxg_top_row *row)
{
    return *row->name ? row->name : "-";
}

static void print_adapter(const struct udxg_top *top, uint32_t index, FILE *out)
{
    const struct udxg_top_adapter *adapter = &top->adapters[index];
    char one[UDXG_SIZE_CHARS], two[UDXG_SIZE_CHARS];
    fprintf(out, "Adapter %" PRIu32 ": %s, %s%s\n", index, adapter->name, adapter->description,
            adapter->stopped ? ", STOPPED" : "");
    for (uint32_t i = 0; i < adapter->segment_count; i++) {
        const struct udxg_top_segment *segment = &adapter->segments[i];
        fprintf(out, "  segment %-2" PRIu32 " %-8s %-9s %10s of %10s resident, %" PRIu64 " allocations\n", segment->id,
                segment->aperture ? "aperture" : "memory", segment->group, udxg_size_text(segment->resident_bytes, one),
                udxg_size_text(segment->capacity_bytes, two), segment->allocations);
    }
    for (uint32_t i = 0; i < adapter->node_count; i++) {
        const struct udxg_top_node *node = &adapter->nodes[i];
        fprintf(out, "  engine %-3" PRIu32 " %-18s %10.3f s, %" PRIu64 " queued\n", i, node->name,
                (double)node->running_ns / 1e9, node->queued);
    }
    fprintf(out, "  paging     in %s in %" PRIu64 " operations, out %s in %" PRIu64 "\n",
            udxg_size_text(adapter->paging.in_bytes, one), adapter->paging.in_operations,
            udxg_size_text(adapter->paging.out_bytes, two), adapter->paging.out_operations);
}

static void print_row(const struct udxg_top *top, const struct udxg_top_row *row, FILE *out)
{
    char text[6][UDXG_SHORT_CHARS];
    fprintf(out, "%7" PRIu32 " %-15s %-14s %6s %6s %6s %6s %5" PRIu64 " %6s %6s\n", row->pid, name_of(row),
            udxg_top_adapter_name(top, row), udxg_short_size(row->usage_bytes, text[0]),
            udxg_short_size(row->budget_bytes, text[1]), udxg_short_size(row->resident_bytes, text[2]),
            udxg_short_size(row->commit_bytes, text[3]), row->queued, udxg_short_size(row->paging.in_bytes, text[4]),
            udxg_short_size(row->paging.out_bytes, text[5]));
}

void udxg_top_print(const struct udxg_top *top, FILE *out)
{
    for (uint32_t i = 0; i < top->adapter_count; i++) print_adapter(top, i, out);
    fprintf(out, "\n%7s %-15s %-14s %6s %6s %6s %6s %5s %6s %6s\n", "PID", "NAME", "ADAPTER", "USAGE", "BUDGET",
            "RESID", "COMMIT", "QUEUE", "IN", "OUT");
    for (size_t i = 0; i < top->row_count; i++) print_row(top, &top->rows[i], out);
}

void udxg_ps_print(const struct udxg_top *top, FILE *out)
{
    fprintf(out, "%7s %6s %-14s %3s %3s %6s %6s %6s %6s %6s %s\n", "PID", "UID", "ADAPTER", "DEV", "CTX", "HANDLE",
            "ALLOCS", "USAGE", "BUDGET", "RESID", "NAME");
    for (size_t i = 0; i < top->row_count; i++) {
        const struct udxg_top_row *row = &top->rows[i];
        char text[3][UDXG_SHORT_CHARS], uid[16] = "-";
        if (row->has_uid) snprintf(uid, sizeof(uid), "%" PRIu32, row->uid);
        fprintf(out, "%7" PRIu32 " %6s %-14s %3" PRIu64 " %3" PRIu64 " %6" PRIu64 " %6" PRIu64 " %6s %6s %6s %s\n",
                row->pid, uid, udxg_top_adapter_name(top, row), row->devices, row->contexts, row->handles,
                row->allocations, udxg_short_size(row->usage_bytes, text[0]),
                udxg_short_size(row->budget_bytes, text[1]), udxg_short_size(row->resident_bytes, text[2]),
                name_of(row));
    }
}
