/* SPDX-License-Identifier: MIT */
/*
 * udxg info: what a client is told about every adapter. The questions are query.c, the JSON is info_json.c, the
 * picture is map.c.
 */
#include "cli/cli.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/status.h"
#include "cli/adapters.h"
#include "cli/info_json.h"
#include "cli/load.h"
#include "cli/map.h"
#include "cli/query.h"

#define MOST_PERCENT 400u /* each of the load's four devices can still have all it wants at once */

struct arguments {
    const char *adapter, *map;
    uint32_t load_percent;
    bool json;
};

static const struct argp_option options[] = {
    {"adapter", 'a', "NAMES", 0, "Adapters to show: built-in profiles or paths of profiles, with commas between", 0},
    {"json", 'j', NULL, 0, "Write one JSON document, schema udxg.info/1", 0},
    {"map", 'm', "FILE", 0, "Draw who lives where in the segments, as SVG; - is standard output", 0},
    {"load", 'l', "PERCENT", 0, "With --map: first let four devices take turns with so much of the local memory", 0},
    {0},
};

static uint32_t parse_percent(const char *text, struct argp_state *state)
{
    char *end;
    unsigned long percent = strtoul(text, &end, 10);
    if (*end || !percent || percent > MOST_PERCENT)
        argp_error(state, "--load takes a number from 1 to %u, not '%s'", MOST_PERCENT, text);
    return (uint32_t)percent;
}

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case 'a':
        arguments->adapter = argument;
        return 0;
    case 'j':
        arguments->json = true;
        return 0;
    case 'm':
        arguments->map = argument;
        return 0;
    case 'l':
        arguments->load_percent = parse_percent(argument, state);
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "nothing is to be named here: '%s'", argument);
        return EINVAL;
    case ARGP_KEY_END:
        if (arguments->load_percent && !arguments->map) argp_error(state, "--load goes with --map");
        if (arguments->json && arguments->map) argp_error(state, "--json and --map exclude each other");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp argp = {
    .options = options,
    .parser = parse_option,
    .doc = "Shows the adapters that programs see: what they are, their memory segments, this process's budgets and "
           "usage, their engines.\v"
           "The exit status is 0, or 3 when there is no adapter.\n\n"
           "Examples:\n"
           "  udxg info\n"
           "  udxg info --adapter soft-discrete --json\n"
           "  udxg info --adapter soft-discrete --map out.svg --load 150\n",
};

#define LABEL "  %-28s"

static void print_size(const char *label, uint64_t bytes)
{
    char text[UDXG_SIZE_CHARS];
    printf(LABEL "%s\n", label, udxg_size_text(bytes, text));
}

static void print_identity(const struct udxg_query_adapter *adapter)
{
    printf(LABEL "%08" PRIx32 "-%08" PRIx32 "\n", "LUID", (uint32_t)adapter->luid.HighPart,
           (uint32_t)adapter->luid.LowPart);
    if (adapter->has_ids)
        printf(LABEL "%04x:%04x (revision %02x)\n", "Vendor and device", adapter->ids.VendorID, adapter->ids.DeviceID,
               adapter->ids.RevisionID);
    if (adapter->has_type) {
        D3DKMT_ADAPTERTYPE type = adapter->type;
        printf(LABEL "%s%s%s%s%s\n", "Type", type.RenderSupported ? "render" : "no render",
               type.DisplaySupported ? ", display" : "", type.SoftwareDevice ? ", software" : "",
               type.Paravirtualized ? ", paravirtualized" : "", type.ComputeOnly ? ", compute only" : "");
    }
    if (adapter->has_wddm_version)
        printf(LABEL "WDDM %u.%u\n", "Driver model", adapter->wddm_version / 1000, adapter->wddm_version / 100 % 10);
    if (adapter->has_gpu_va_bits) printf(LABEL "%u bits\n", "GPU virtual addresses", adapter->gpu_va_bits);
}

static void print_memory(const struct udxg_query_adapter *adapter)
{
    static const char *const groups[UDXG_QUERY_GROUPS] = {"local", "non-local"};
    if (adapter->has_sizes) {
        print_size("Dedicated video memory", adapter->sizes.DedicatedVideoMemorySize);
        print_size("Dedicated system memory", adapter->sizes.DedicatedSystemMemorySize);
        print_size("Shared system memory", adapter->sizes.SharedSystemMemorySize);
    }
    for (uint32_t i = 0; i < UDXG_QUERY_GROUPS; i++) {
        const D3DKMT_QUERYVIDEOMEMORYINFO *budget = &adapter->budgets[i];
        char total[UDXG_SIZE_CHARS], usage[UDXG_SIZE_CHARS], label[32];
        if (!adapter->has_budget[i]) continue;
        snprintf(label, sizeof(label), "Budget, %s", groups[i]);
        printf(LABEL "%s, of which %s are used\n", label, udxg_size_text(budget->Budget, total),
               udxg_size_text(budget->CurrentUsage, usage));
    }
}

static void print_parts(const struct udxg_query_adapter *adapter)
{
    for (uint32_t i = 0; i < adapter->segment_count; i++) {
        const D3DKMT_SEGMENT_CAPS *segment = &adapter->segments[i];
        char label[32], size[UDXG_SIZE_CHARS], page[UDXG_SIZE_CHARS];
        bool local = segment->BudgetGroup == D3DKMT_MEMORY_SEGMENT_GROUP_LOCAL;
        snprintf(label, sizeof(label), "Segment %u", (unsigned)segment->SegmentId);
        printf(LABEL "%s, %s, %s budget, pages of %s\n", label, udxg_size_text(segment->Size, size),
               segment->bAperture ? "aperture" : "memory", local ? "local" : "non-local",
               udxg_size_text(segment->PageSize, page));
    }
    for (uint32_t i = 0; i < adapter->node_count; i++) {
        char label[32];
        const char *engine = udxg_query_engine_name(adapter->nodes[i].engine_type);
        snprintf(label, sizeof(label), "Node %" PRIu32, i);
        printf(LABEL "%s (%s)\n", label, engine ? engine : "unknown engine", adapter->nodes[i].name);
    }
}

static void print_text(const struct udxg_query_adapter *adapters, size_t count)
{
    printf("udxg %s, %zu adapter%s\n", UDXG_VERSION, count, count == 1 ? "" : "s");
    for (size_t i = 0; i < count; i++) {
        printf("\nAdapter %zu: %s\n", i, *adapters[i].description ? adapters[i].description : "(no description)");
        print_identity(&adapters[i]);
        print_memory(&adapters[i]);
        print_parts(&adapters[i]);
    }
}

/* ---- the picture ---- */

static NTSTATUS load_all(const struct udxg_query_adapter *adapters, size_t count, uint32_t percent)
{
    for (size_t i = 0; percent && i < count; i++) {
        if (!adapters[i].has_group_sizes || !adapters[i].group_sizes.LocalMemory) continue;
        NTSTATUS status = udxg_load(&adapters[i], percent);
        if (udxg_failed(status)) return status;
    }
    return STATUS_SUCCESS;
}

static NTSTATUS query_maps(const struct udxg_query_adapter *adapters, size_t count, struct udxg_map *maps)
{
    for (size_t i = 0; i < count; i++) {
        NTSTATUS status = udxg_map_query(&adapters[i], &maps[i]);
        if (udxg_failed(status)) return status;
    }
    return STATUS_SUCCESS;
}

static int draw(const struct udxg_map *maps, size_t count, const char *path)
{
    FILE *out = strcmp(path, "-") == 0 ? stdout : fopen(path, "w");
    bool written = out && udxg_map_draw(maps, count, out);
    if (out && out != stdout && fclose(out)) written = false;
    if (written) return UDXG_EXIT_OK;
    udxg_report(NULL, "cannot write %s: %s", path, strerror(errno));
    return UDXG_EXIT_FINDING;
}

static int show_map(const struct udxg_query_adapter *adapters, size_t count, const struct arguments *arguments)
{
    UDXG_AUTO_FREE struct udxg_map *maps = calloc(count, sizeof(*maps));
    char text[UDXG_STATUS_CHARS];
    NTSTATUS status = maps ? load_all(adapters, count, arguments->load_percent) : STATUS_NO_MEMORY;
    if (udxg_failed(status)) {
        udxg_report("only adapters with the miniport 'soft' can be loaded", "--load -> %s",
                    udxg_status_text(status, text));
        return UDXG_EXIT_FINDING;
    }
    status = query_maps(adapters, count, maps);
    if (udxg_failed(status)) udxg_report(NULL, "--map -> %s", udxg_status_text(status, text));
    int exit_status = udxg_failed(status) ? UDXG_EXIT_FINDING : draw(maps, count, arguments->map);
    for (size_t i = 0; i < count; i++) udxg_map_free(&maps[i]);
    return exit_status;
}

int udxg_command_info(int argc, char **argv)
{
    struct arguments arguments = {0};
    udxg_parse(&argp, UDXG_EXIT_USAGE, argc, argv, &arguments);
    if (!udxg_adapters_choose(arguments.adapter)) return UDXG_EXIT_NO_ADAPTER;

    UDXG_AUTO_FREE struct udxg_query_adapter *adapters = NULL;
    size_t count = 0;
    NTSTATUS status = udxg_query_adapters(&adapters, &count);
    if (udxg_failed(status)) {
        char text[UDXG_STATUS_CHARS];
        udxg_report(NULL, "EnumAdapters3 -> %s", udxg_status_text(status, text));
        return UDXG_EXIT_NO_ADAPTER;
    }
    if (!count) {
        udxg_report(NULL, "there is no adapter");
        return UDXG_EXIT_NO_ADAPTER;
    }
    if (arguments.map) return show_map(adapters, count, &arguments);
    if (arguments.json) {
        if (!udxg_info_json(adapters, count, stdout)) {
            udxg_report(NULL, "cannot write the JSON document");
            return UDXG_EXIT_FINDING;
        }
    } else {
        print_text(adapters, count);
    }
    if (fflush(stdout) || ferror(stdout)) {
        udxg_report(NULL, "cannot write to standard output: %s", strerror(errno));
        return UDXG_EXIT_FINDING;
    }
    return UDXG_EXIT_OK;
}
