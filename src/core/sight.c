/* SPDX-License-Identifier: MIT */
/* What a process elsewhere sees; no lock of its own. */
#include "core/sight.h"

#include "core/allocation.h"
#include "core/resource.h"
#include "core/shared_resource.h"
#include "vidmm/site.h"
#include "vidmm/window.h"

udxg_status udxg_sight_open(struct udxg_resource *resource)
{
    struct udxg_process *process = resource->child.device->process;
    const struct vidmm_site *site = resource->shared->site;
    udxg_status status;

    if (!process->endpoint || !site) return STATUS_SUCCESS;
    status = vidmm_site_show(site, &process->windows, !resource->read_only);
    resource->shown = !udxg_failed(status);
    return status == STATUS_ACCESS_DENIED ? STATUS_SUCCESS : status; /* engines may write it as before */
}

void udxg_sight_close(struct udxg_resource *resource)
{
    if (resource->shown) vidmm_site_hide(resource->shared->site, &resource->child.device->process->windows);
    resource->shown = false;
}

/* The memory whose bytes these are, on whichever adapter. */
static const struct udxg_memory *source_of(const struct udxg_allocation *allocation)
{
    return allocation->memory->origin ? allocation->memory->origin : allocation->memory;
}

/* Whether SOURCE, the memory of a client, is PROCESS's. */
static bool is_own(const struct udxg_process *process, const struct udxg_memory *source)
{
    return source->pa == atomic_load_explicit(&process->adapters[source->pa->adapter->index], memory_order_acquire);
}

/* Not after the handle that the file was given with is closed. */
static bool is_window(struct udxg_process *process, const struct udxg_section *section)
{
    uint32_t id;
    uint64_t offset;

    return vidmm_window_find(&process->windows, udxg_section_address(section), &id, &offset);
}

udxg_status udxg_sight_check(const struct udxg_allocation *allocation)
{
    const struct udxg_resource *resource = allocation->resource;
    const struct udxg_memory *source = source_of(allocation);
    struct udxg_process *process = allocation->child.device->process;
    bool seen = !resource || !resource->shared || resource->shown;

    if (!process->endpoint) return STATUS_SUCCESS;
    if (source->section)
        seen = is_window(process, source->section);
    else if (vidmm_alloc_is_foreign(&source->vidmm))
        seen = is_own(process, source);
    return seen ? STATUS_SUCCESS : STATUS_ACCESS_DENIED;
}

void udxg_sight_end(const struct udxg_allocation *allocation)
{
    struct udxg_memory *memory = allocation->memory;
    bool first = allocation == &udxg_container_of(memory, struct udxg_birth, memory)->opening;

    if (memory->section && first) udxg_section_hide(memory->section);
}

void *udxg_sight_address(const struct udxg_allocation *allocation, void *home)
{
    const struct udxg_memory *source = source_of(allocation);
    bool own = vidmm_alloc_is_foreign(&source->vidmm) && !source->section;

    if (!allocation->child.device->process->endpoint || !own) return home;
    return (void *)((uintptr_t)home | UDXG_OWN_ADDRESS);
}
