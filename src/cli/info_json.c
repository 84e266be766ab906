/* SPDX-License-Identifier: MIT */
/*
 * Builds the document with jansson, which refuses NULL values and so hands a failed allocation on to the end:
 * only the last result is looked at. A fact that is not known is a member that is not there.
 */
#include "cli/info_json.h"

#include <inttypes.h>
#include <jansson.h>

static json_t *size_value(uint64_t bytes)
{
    return json_integer((json_int_t)bytes);
}

static json_t *hex_value(uint32_t value, int digits)
{
    return json_sprintf("0x%0*" PRIx32, digits, value);
}

static json_t *adapter_type(D3DKMT_ADAPTERTYPE type)
{
    return json_pack("{s:b, s:b, s:b, s:b, s:b}", "render", type.RenderSupported, "display", type.DisplaySupported,
                     "software", type.SoftwareDevice, "paravirtualized", type.Paravirtualized, "compute_only",
                     type.ComputeOnly);
}

static json_t *budgets(const struct udxg_query_adapter *adapter)
{
    static const char *const names[UDXG_QUERY_GROUPS] = {"local", "non_local"};
    json_t *groups = json_object();
    for (uint32_t i = 0; i < UDXG_QUERY_GROUPS; i++) {
        const D3DKMT_QUERYVIDEOMEMORYINFO *budget = &adapter->budgets[i];
        if (!adapter->has_budget[i]) continue;
        json_t *group = json_pack("{s:o, s:o, s:o, s:o}", "budget", size_value(budget->Budget), "usage",
                                  size_value(budget->CurrentUsage), "reservation",
                                  size_value(budget->CurrentReservation), "available_for_reservation",
                                  size_value(budget->AvailableForReservation));
        if (json_object_set_new(groups, names[i], group)) {
            json_decref(groups);
            return NULL;
        }
    }
    return groups;
}

static json_t *segments(const struct udxg_query_adapter *adapter)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < adapter->segment_count; i++) {
        const D3DKMT_SEGMENT_CAPS *segment = &adapter->segments[i];
        bool local = segment->BudgetGroup == D3DKMT_MEMORY_SEGMENT_GROUP_LOCAL;
        json_t *item = json_pack("{s:i, s:o, s:o, s:b, s:s}", "id", (int)segment->SegmentId, "size",
                                 size_value(segment->Size), "page_size", size_value(segment->PageSize), "aperture",
                                 segment->bAperture, "budget_group", local ? "local" : "non_local");
        if (json_array_append_new(list, item)) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *nodes(const struct udxg_query_adapter *adapter)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < adapter->node_count; i++) {
        const char *engine = udxg_query_engine_name(adapter->nodes[i].engine_type);
        json_t *item = json_pack("{s:i, s:s, s:i, s:s}", "ordinal", (int)i, "engine", engine ? engine : "unknown",
                                 "engine_type", (int)adapter->nodes[i].engine_type, "name", adapter->nodes[i].name);
        if (json_array_append_new(list, item)) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *adapter_value(const struct udxg_query_adapter *adapter)
{
    json_t *value = json_pack("{s:s, s:o}", "description", adapter->description, "luid",
                              json_sprintf("%08" PRIx32 "-%08" PRIx32, (uint32_t)adapter->luid.HighPart,
                                           (uint32_t)adapter->luid.LowPart));
    int failed = value == NULL;
    if (adapter->has_ids) {
        failed |= json_object_set_new(value, "vendor_id", hex_value(adapter->ids.VendorID, 4));
        failed |= json_object_set_new(value, "device_id", hex_value(adapter->ids.DeviceID, 4));
        failed |= json_object_set_new(value, "revision_id", hex_value(adapter->ids.RevisionID, 2));
    }
    if (adapter->has_type) failed |= json_object_set_new(value, "type", adapter_type(adapter->type));
    if (adapter->has_wddm_version)
        failed |= json_object_set_new(value, "wddm_version", json_integer(adapter->wddm_version));
    if (adapter->has_gpu_va_bits)
        failed |= json_object_set_new(value, "gpu_va_bits", json_integer(adapter->gpu_va_bits));
    if (adapter->has_sizes)
        failed |= json_object_set_new(
            value, "memory",
            json_pack("{s:o, s:o, s:o}", "dedicated_video", size_value(adapter->sizes.DedicatedVideoMemorySize),
                      "dedicated_system", size_value(adapter->sizes.DedicatedSystemMemorySize), "shared_system",
                      size_value(adapter->sizes.SharedSystemMemorySize)));
    failed |= json_object_set_new(value, "budgets", budgets(adapter));
    if (adapter->has_segments) failed |= json_object_set_new(value, "segments", segments(adapter));
    failed |= json_object_set_new(value, "nodes", nodes(adapter));
    if (!failed) return value;
    json_decref(value);
    return NULL;
}

bool udxg_info_json(const struct udxg_query_adapter *adapters, size_t count, FILE *out)
{
    json_t *list = json_array();
    int failed = list == NULL;
    for (size_t i = 0; i < count; i++) failed |= json_array_append_new(list, adapter_value(&adapters[i]));
    json_t *document =
        json_pack("{s:s, s:s, s:o}", "schema", "udxg.info/1", "version", UDXG_VERSION, "adapters", list);
    failed |= document == NULL;
    failed |= json_dumpf(document, out, JSON_INDENT(2)) || fputc('\n', out) == EOF;
    json_decref(document);
    return !failed;
}
