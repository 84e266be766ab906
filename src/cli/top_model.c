/* SPDX-License-Identifier: MIT */
/*
 * Members that are not there are 0 and empty: the schema only grows, and a daemon may be older than the command. Text
 * that comes from outside has no control characters after this: a terminal would obey them.
 */
#include "cli/top_model.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- reading ---- */

static uint64_t number(const json_t *object, const char *name)
{
    json_int_t value = json_integer_value(json_object_get(object, name));
    return value > 0 ? (uint64_t)value : 0;
}

static void copy_text(const json_t *object, const char *name, char *to, size_t to_bytes)
{
    const char *from = json_string_value(json_object_get(object, name));
    size_t length = 0;
    for (; from && from[length] && length + 1 < to_bytes; length++) {
        unsigned char c = (unsigned char)from[length];
        to[length] = c < ' ' || c == 0x7f ? '?' : (char)c;
    }
    while (length && from[length] && ((unsigned char)from[length] & 0xc0) == 0x80) length--; /* no half character */
    to[length] = 0;
}

static void read_paging(const json_t *owner, struct udxg_top_paging *to)
{
    const json_t *from = json_object_get(owner, "paging");
    to->in_operations = number(from, "in_operations");
    to->out_operations = number(from, "out_operations");
    to->in_bytes = number(from, "in_bytes");
    to->out_bytes = number(from, "out_bytes");
    to->in_rate = to->out_rate = -1;
}

static void read_segments(const json_t *list, struct udxg_top_adapter *to)
{
    size_t count = json_array_size(list);
    for (size_t i = 0; i < count && to->segment_count < UDXG_TOP_SEGMENTS; i++) {
        const json_t *from = json_array_get(list, i);
        struct udxg_top_segment *segment = &to->segments[to->segment_count++];
        char kind[16];
        copy_text(from, "kind", kind, sizeof(kind));
        copy_text(from, "group", segment->group, sizeof(segment->group));
        segment->id = (uint32_t)number(from, "id");
        segment->aperture = strcmp(kind, "aperture") == 0;
        segment->capacity_bytes = number(from, "capacity");
        segment->resident_bytes = number(from, "resident");
        segment->allocations = number(from, "allocations");
    }
}

static void read_nodes(const json_t *list, struct udxg_top_adapter *to)
{
    size_t count = json_array_size(list);
    for (size_t i = 0; i < count && to->node_count < UDXG_TOP_NODES; i++) {
        const json_t *from = json_array_get(list, i);
        struct udxg_top_node *node = &to->nodes[to->node_count++];
        copy_text(from, "name", node->name, sizeof(node->name));
        node->running_ns = number(from, "running_ns");
        node->queued = number(from, "queued");
        node->busy = -1;
    }
}

static void read_adapter(const json_t *from, struct udxg_top_adapter *to)
{
    copy_text(from, "name", to->name, sizeof(to->name));
    copy_text(from, "description", to->description, sizeof(to->description));
    copy_text(from, "luid", to->luid, sizeof(to->luid));
    to->stopped = json_is_true(json_object_get(from, "stopped"));
    read_segments(json_object_get(from, "segments"), to);
    read_nodes(json_object_get(from, "nodes"), to);
    read_paging(from, &to->paging);
}

/* The local group where the adapter has one: it has the larger budget then, or any. */
static void read_group(const json_t *list, struct udxg_top_row *row)
{
    size_t count = json_array_size(list);
    for (size_t i = 0; i < count && i < UDXG_TOP_GROUPS; i++) {
        const json_t *from = json_array_get(list, i);
        if (i && row->budget_bytes) return;
        row->usage_bytes = number(from, "usage");
        row->budget_bytes = number(from, "budget");
        row->reservation_bytes = number(from, "reservation");
    }
}

static void read_part(const json_t *from, struct udxg_top_row *row)
{
    row->adapter = (int)number(from, "adapter");
    if (row->adapter >= (int)UDXG_TOP_ADAPTERS) row->adapter = -1;
    read_group(json_object_get(from, "groups"), row);
    row->resident_bytes = number(from, "resident");
    row->commit_bytes = number(from, "commit");
    row->devices = number(from, "devices");
    row->contexts = number(from, "contexts");
    row->allocations = number(from, "allocations");
    row->queued = number(from, "queued");
    row->running_ns = number(from, "running_ns");
    read_paging(from, &row->paging);
}

static void read_process(const json_t *from, struct udxg_top *top)
{
    const json_t *parts = json_object_get(from, "adapters");
    size_t count = json_array_size(parts);
    struct udxg_top_row process = {
        .serial = number(from, "serial"),
        .pid = (uint32_t)number(from, "pid"),
        .has_uid = json_object_get(from, "uid") != NULL,
        .uid = (uint32_t)number(from, "uid"),
        .handles = number(from, "handles"),
        .adapter = -1,
        .busy = -1,
        .paging = {.in_rate = -1, .out_rate = -1},
    };
    copy_text(from, "name", process.name, sizeof(process.name));
    if (!count) top->rows[top->row_count++] = process;
    for (size_t i = 0; i < count; i++) {
        top->rows[top->row_count] = process;
        read_part(json_array_get(parts, i), &top->rows[top->row_count++]);
    }
}

static bool read_processes(const json_t *list, struct udxg_top *top)
{
    size_t count = json_array_size(list), rows = count;
    for (size_t i = 0; i < count; i++) rows += json_array_size(json_object_get(json_array_get(list, i), "adapters"));
    top->rows = calloc(rows + 1, sizeof(*top->rows));
    if (!top->rows) return false;
    top->process_count = (uint32_t)count;
    for (size_t i = 0; i < count; i++) read_process(json_array_get(list, i), top);
    return true;
}

/* ---- rates ---- */

static double rate(uint64_t now, uint64_t before, double seconds)
{
    return now >= before && seconds > 0 ? (double)(now - before) / seconds : -1;
}

static void compare_paging(struct udxg_top_paging *to, const struct udxg_top_paging *before, double seconds)
{
    to->in_rate = rate(to->in_bytes, before->in_bytes, seconds);
    to->out_rate = rate(to->out_bytes, before->out_bytes, seconds);
}

static void compare_adapter(struct udxg_top_adapter *to, const struct udxg_top_adapter *before, double seconds)
{
    if (strcmp(to->luid, before->luid) != 0) return;
    compare_paging(&to->paging, &before->paging, seconds);
    for (uint32_t i = 0; i < to->node_count && i < before->node_count; i++) {
        double busy = rate(to->nodes[i].running_ns, before->nodes[i].running_ns, seconds * 1e9);
        to->nodes[i].busy = busy > 1 ? 1 : busy; /* what ends counts as a whole */
    }
}

static void compare_rows(struct udxg_top *top, const struct udxg_top *former, double seconds)
{
    for (size_t i = 0; i < top->row_count; i++) {
        struct udxg_top_row *row = &top->rows[i];
        size_t k;
        for (k = 0; k < former->row_count; k++)
            if (former->rows[k].serial == row->serial && former->rows[k].adapter == row->adapter) break;
        if (k == former->row_count || row->adapter < 0) continue;
        compare_paging(&row->paging, &former->rows[k].paging, seconds);
        row->busy = rate(row->running_ns, former->rows[k].running_ns, seconds * 1e9);
    }
}

static void compare(struct udxg_top *top, const struct udxg_top *former)
{
    double seconds = top->time_ns > former->time_ns ? (double)(top->time_ns - former->time_ns) / 1e9 : 0;
    if (seconds <= 0 || top->server_pid != former->server_pid) return;
    for (uint32_t i = 0; i < top->adapter_count && i < former->adapter_count; i++)
        compare_adapter(&top->adapters[i], &former->adapters[i], seconds);
    compare_rows(top, former, seconds);
}

struct udxg_top *udxg_top_parse(const char *line, const struct udxg_top *former)
{
    json_t *document = json_loads(line, 0, NULL);
    const char *schema = json_string_value(json_object_get(document, "schema"));
    struct udxg_top *top = schema && strcmp(schema, "udxg.top/1") == 0 ? calloc(1, sizeof(*top)) : NULL;
    const json_t *adapters = json_object_get(document, "adapters");
    if (top) {
        top->time_ns = number(document, "time_ns");
        top->server_pid = number(document, "server_pid");
        for (size_t i = 0; i < json_array_size(adapters) && i < UDXG_TOP_ADAPTERS; i++)
            read_adapter(json_array_get(adapters, i), &top->adapters[top->adapter_count++]);
        if (!read_processes(json_object_get(document, "processes"), top)) {
            free(top);
            top = NULL;
        }
    }
    json_decref(document);
    if (top && former) compare(top, former);
    return top;
}

void udxg_top_free(struct udxg_top *top)
{
    if (!top) return;
    free(top->rows);
    free(top);
}

/* ---- order ---- */

static int by(double a, double b)
{
    return (a < b) - (a > b);
}

static int compare_by(const struct udxg_top_row *a, const struct udxg_top_row *b, enum udxg_top_order order)
{
    switch (order) {
    case UDXG_TOP_BY_BUDGET:
        return by((double)a->budget_bytes, (double)b->budget_bytes);
    case UDXG_TOP_BY_RESIDENT:
        return by((double)a->resident_bytes, (double)b->resident_bytes);
    case UDXG_TOP_BY_TRAFFIC:
        return by(a->paging.in_rate + a->paging.out_rate, b->paging.in_rate + b->paging.out_rate);
    case UDXG_TOP_BY_BUSY:
        return by(a->busy, b->busy);
    case UDXG_TOP_BY_QUEUE:
        return by((double)a->queued, (double)b->queued);
    case UDXG_TOP_BY_PID:
        return -by(a->pid, b->pid);
    case UDXG_TOP_BY_NAME:
        return strcmp(a->name, b->name);
    default:
        return by((double)a->usage_bytes, (double)b->usage_bytes);
    }
}

struct sorting {
    enum udxg_top_order order;
    bool backward;
};

static int compare_sorted(const void *left, const void *right, void *argument)
{
    const struct udxg_top_row *a = left, *b = right;
    const struct sorting *sorting = argument;
    int result = compare_by(a, b, sorting->order);
    if (result) return sorting->backward ? -result : result;
    if (a->serial != b->serial) return a->serial < b->serial ? -1 : 1;
    return a->adapter - b->adapter;
}

void udxg_top_sort(struct udxg_top *top, enum udxg_top_order order, bool backward)
{
    struct sorting sorting = {order, backward};
    qsort_r(top->rows, top->row_count, sizeof(*top->rows), compare_sorted, &sorting);
}

/* ---- words ---- */

const char *udxg_short_size(uint64_t bytes, char text[static UDXG_SHORT_CHARS])
{
    static const char units[] = {0, 'K', 'M', 'G', 'T', 'P', 'E'};
    unsigned unit = 0;
    double value = (double)bytes;
    while (value >= 999.5 && unit + 1 < sizeof(units)) {
        value /= 1024;
        unit++;
    }
    int decimals = !unit || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
    if (bytes % (UINT64_C(1) << 10 * unit) == 0) decimals = 0;
    snprintf(text, UDXG_SHORT_CHARS, "%.*f%.1s", decimals, value, unit ? &units[unit] : "");
    return text;
}

const char *udxg_short_rate(double value, char text[static UDXG_SHORT_CHARS])
{
    if (value >= 0) return udxg_short_size((uint64_t)value, text);
    return strcpy(text, "-");
}

const char *udxg_short_share(double share, char text[static UDXG_SHORT_CHARS])
{
    if (share >= 0)
        snprintf(text, UDXG_SHORT_CHARS, "%.0f%%", share * 100);
    else
        strcpy(text, "-");
    return text;
}
