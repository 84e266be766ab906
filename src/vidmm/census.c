/* SPDX-License-Identifier: MIT */
/*
 * The census: all that is listed, counted anew and compared with what devices, segments and processes say of it. For
 * checks: it looks at everything.
 *
 * Locks: VIDMM.
 */
#include "vidmm/census.h"

#include <stdlib.h>

#include "vidmm/alloc.h"
#include "vidmm/claim.h"
#include "vidmm/offer.h"
#include "vidmm/victim.h"

/* All listed allocations, each once with the number of bindings that list it. */
struct census {
    size_t count;
    const struct vidmm_alloc **listed; /* sorted, with repetitions */
};

static int compare_pointers(const void *a, const void *b)
{
    uintptr_t left = (uintptr_t) * (const void *const *)a, right = (uintptr_t) * (const void *const *)b;
    return left < right ? -1 : left > right;
}

static bool is_lister_locked(const struct vidmm_binding *binding) UDXG_REQUIRES(VIDMM)
{
    const struct vidmm_binding *lister = binding->alloc->listers;
    while (lister && lister != binding) lister = lister->next_lister;
    return lister;
}

static const char *check_binding_locked(const struct vidmm_binding *binding, const struct vidmm_device *device,
                                        enum vidmm_listing listing) UDXG_REQUIRES(VIDMM)
{
    const struct vidmm_alloc *alloc = binding->alloc;
    if (binding->device != device) return "a binding is on the list of another device";
    if (!binding->hold->count) return "a binding without a count is listed";
    if (!is_lister_locked(binding)) return "a listed binding is not known to its allocation";
    if (alloc->listing != listing || binding->hold->listing != listing || vidmm_claim_listing_locked(alloc) != listing)
        return "a binding is on the wrong list of its device";
    if (vidmm_offer_in_effect_locked(alloc)) return alloc->bucket ? "an offered allocation is in a bucket" : NULL;
    if (alloc->unmoveable && alloc->promised) return alloc->bucket ? "an unmoveable allocation is in a bucket" : NULL;
    if (!alloc->bucket && alloc->target_id != VIDMM_SYSTEM_ID) return "a listed allocation is in no bucket";
    return NULL;
}

/* Adds up what the device lists, segment by segment: few devices list much, and this is a check. */
static const char *check_load_locked(const struct vidmm_device *device) UDXG_REQUIRES(VIDMM)
{
    uint64_t bytes[UDXG_MAX_SEGMENTS] = {0};
    const struct vidmm_adapter *adapter = device->process->adapter;
    for (unsigned listing = 0; listing < VIDMM_LISTINGS; listing++) {
        udxg_list_for_each(it, &device->listed[listing])
        {
            const struct vidmm_alloc *alloc = udxg_container_of(it, struct vidmm_binding, required)->alloc;
            const struct vidmm_segment *segment = vidmm_adapter_segment_of(adapter, alloc->target_id);
            if (segment) bytes[segment->id - 1] += vidmm_segment_need(segment, alloc->size_bytes);
        }
    }
    for (uint32_t i = 0; i < adapter->segment_count && device->segments; i++)
        if (device->segments[i].listed_bytes != bytes[i]) return "a device's load is not what it lists";
    return NULL;
}

static const char *census_device_locked(struct census *census, struct vidmm_device *device, size_t room)
    UDXG_REQUIRES(VIDMM)
{
    for (unsigned listing = 0; listing < VIDMM_LISTINGS; listing++) {
        udxg_list_for_each(it, &device->listed[listing])
        {
            const struct vidmm_binding *binding = udxg_container_of(it, struct vidmm_binding, required);
            const char *wrong = check_binding_locked(binding, device, (enum vidmm_listing)listing);
            if (wrong) return wrong;
            if (census->count < room) census->listed[census->count] = binding->alloc;
            census->count++;
        }
    }
    return check_load_locked(device);
}

static const char *census_locked(struct vidmm_adapter *adapter, struct census *census, size_t room) UDXG_REQUIRES(VIDMM)
{
    census->count = 0;
    udxg_list_for_each(p, &adapter->processes)
    {
        struct vidmm_process *process = udxg_container_of(p, struct vidmm_process, siblings);
        udxg_list_for_each(d, &process->devices)
        {
            const char *wrong = census_device_locked(census, udxg_container_of(d, struct vidmm_device, siblings), room);
            if (wrong) return wrong;
        }
    }
    return NULL;
}

/* What is listed, by segment: promised or not, and promised. */
struct sums {
    uint64_t listed_bytes[UDXG_MAX_SEGMENTS], demand_bytes[UDXG_MAX_SEGMENTS];
};

static const char *check_listed_locked(const struct census *census, struct sums *sums) UDXG_REQUIRES(VIDMM)
{
    size_t repeated;
    for (size_t i = 0; i < census->count; i += repeated) {
        const struct vidmm_alloc *alloc = census->listed[i];
        for (repeated = 1; i + repeated < census->count && census->listed[i + repeated] == alloc;) repeated++;
        if (alloc->resident_count != repeated) return "an allocation is not listed as often as it says";
        if (!alloc->target_id == !vidmm_offer_in_effect_locked(alloc))
            return "a listed allocation has no target, or an offered one has";
        struct vidmm_segment *segment = vidmm_adapter_segment_of(alloc->process->adapter, alloc->target_id);
        if (!segment && !alloc->promised) return "a listed allocation is suspended without a segment";
        if (!segment) continue;
        sums->listed_bytes[segment->id - 1] += vidmm_segment_need(segment, alloc->size_bytes);
        if (alloc->promised) sums->demand_bytes[segment->id - 1] += vidmm_segment_need(segment, alloc->size_bytes);
    }
    return NULL;
}

static const char *check_demand_locked(struct vidmm_adapter *adapter, const struct census *census) UDXG_REQUIRES(VIDMM)
{
    uint64_t grouped[VIDMM_GROUP_COUNT] = {0}, apertures = 0;
    struct sums sums = {0};
    const char *wrong = check_listed_locked(census, &sums);
    if (wrong) return wrong;
    for (uint32_t i = 0; i < adapter->segment_count; i++) {
        const struct vidmm_segment *segment = adapter->segments[i];
        if (segment->demand_bytes != sums.demand_bytes[i])
            return "a segment's demand is not that of the listed allocations";
        if (segment->aperture) apertures += sums.demand_bytes[i];
        if (segment->group < VIDMM_GROUP_COUNT) grouped[segment->group] += sums.listed_bytes[i];
    }
    if (apertures != adapter->aperture_bytes) return "the apertures' demand is not the sum of theirs";
    if (apertures > adapter->sizes.shared_system_bytes) return "the apertures hold more than the adapter allows";
    udxg_list_for_each(it, &adapter->processes)
    {
        const struct vidmm_process *process = udxg_container_of(it, struct vidmm_process, siblings);
        for (unsigned group = 0; group < VIDMM_GROUP_COUNT; group++) grouped[group] -= process->usage_bytes[group];
    }
    for (unsigned group = 0; group < VIDMM_GROUP_COUNT; group++)
        if (grouped[group]) return "the usage of the processes is not what is listed";
    return NULL;
}

const char *vidmm_census_check_locked(struct vidmm_adapter *adapter)
{
    struct census census = {0};
    const char *wrong = census_locked(adapter, &census, 0);
    if (wrong) return wrong;
    size_t room = census.count;
    census.listed = malloc((room + 1) * sizeof *census.listed);
    if (!census.listed) return "no memory for the check";
    wrong = census_locked(adapter, &census, room);
    if (!wrong) qsort(census.listed, census.count, sizeof *census.listed, compare_pointers);
    if (!wrong) wrong = check_demand_locked(adapter, &census);
    free(census.listed);
    return wrong;
}
