/* SPDX-License-Identifier: MIT */
/* udxg info: what a client is told about every adapter. The questions are query.c, the JSON is info_json.c. */
#include "cli/cli.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/status.h"
#include "cli/adapters.h"
#include "cli/info_json.h"
#include "cli/query.h"

struct arguments {
    const char *adapter;
    bool json;
};

static const struct argp_option options[] = {
    {"adapter", 'a', "NAMES", 0, "Adapters to show: built-in profiles or paths of profiles, with commas between", 0},
    {"json", 'j', NULL, 0, "Write one JSON document, schema udxg.info/1", 0},
    {0},
};

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
    case ARGP_KEY_ARG:
        argp_error(state, "nothing is to be named here: '%s'", argument);
        return EINVAL;
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
           "  udxg info --adapter soft-discrete --json\n",
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
