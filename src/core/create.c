/* SPDX-License-Identifier: MIT */
/*
 * D3DKMTCreateAllocation2 and D3DKMTCreateAllocation: the call this library is about.
 *
 *   check      flags, counts, the standard allocation      STATUS_INVALID_PARAMETER
 *   group      the resource: found, or made                STATUS_INVALID_HANDLE, STATUS_NO_MEMORY
 *   ask        the miniport judges the private data        its own statuses
 *   judge      what the miniport said is checked           STATUS_INVALID_PARAMETER
 *   back       memory, openings                            STATUS_NO_MEMORY, STATUS_GRAPHICS_NO_VIDEO_MEMORY
 *   share      what later openings will find               STATUS_NO_MEMORY
 *   reserve    handles, a global one last                  STATUS_NO_MEMORY
 *   publish    cannot fail
 *
 * Every step before the last may fail, and then what the earlier ones made is taken apart by undo(), which
 * needs no memory: no handle was visible, nothing was written. The two calls differ in the stride of their
 * elements alone (D3DDDI_ALLOCATIONINFO is a prefix of D3DDDI_ALLOCATIONINFO2).
 */
#include <stdlib.h>
#include <string.h>

#include "abi/thunk.h"
#include "base/os.h"
#include "core/allocation.h"
#include "core/cross_adapter.h"
#include "core/handlers.h"
#include "core/resource.h"
#include "core/shared_resource.h"
#include "core/sight.h"
#include "core/stats.h"
#include "core/write_watch.h"
#include "ddi/validate.h"
#include "vidmm/site.h"

/* What most calls need fits on the stack. */
#define SMALL_COUNT 8u
/* Less than there are addresses, and more than any adapter's commit. */
#define MOST_SITE_BYTES (UINT64_C(1) << 46)

/* One call under way. */
struct creation {
    struct udxg_device *device; /* pinned */
    D3DKMT_CREATEALLOCATION *args;
    size_t stride; /* of the caller's elements */
    uint32_t count;
    unsigned stripe;
    struct udxg_resource *resource; /* found: pinned; made: ours until published; NULL */
    bool made_resource;
    void *mp_resource;
    bool made_mp_resource;        /* by the miniport, for a resource that had none */
    void *standard_data;          /* private data that the miniport made for a standard allocation; owned */
    struct udxg_section *section; /* of ExistingSection's file; ours until a memory has it */
    struct vidmm_site *site;      /* for the homes of what a process elsewhere shares; referenced; NULL */
    uint32_t asked;               /* infos that the miniport has created and no memory owns yet */
    uint32_t built;               /* allocations that exist */
    struct udxg_allocation_info *infos;
    struct udxg_allocation **allocations;
    uint32_t *handles; /* resource first, if made, then the allocations */
    uint32_t global_handle;
};

static D3DDDI_ALLOCATIONINFO *element(const struct creation *c, uint32_t index)
{
    return (D3DDDI_ALLOCATIONINFO *)((char *)c->args->pAllocationInfo + index * c->stride);
}

static D3DDDI_ALLOCATIONINFO2 *element2(const struct creation *c, uint32_t index)
{
    return c->stride == sizeof(D3DDDI_ALLOCATIONINFO2) ? &c->args->pAllocationInfo2[index] : NULL;
}

/* ---- check ---- */

/* vidmm.md 5.4, windows-observed.md 3.3. */
static udxg_status check_standard(const D3DKMT_CREATEALLOCATION *args)
{
    const D3DKMT_CREATESTANDARDALLOCATION *standard = args->pStandardAllocation;

    if (!standard || standard->Type != D3DKMT_STANDARDALLOCATIONTYPE_EXISTINGHEAP) return STATUS_INVALID_PARAMETER;
    if (args->Flags.ExistingSysMem == args->Flags.ExistingSection) return STATUS_INVALID_PARAMETER;
    if (args->NumAllocations != 1 || args->PrivateDriverDataSize) return STATUS_INVALID_PARAMETER;
    if (!standard->ExistingHeapData.Size || standard->ExistingHeapData.Size % UDXG_PAGE_SIZE)
        return STATUS_INVALID_PARAMETER;
    /* A section is a descriptor, and no descriptor of ours or of a sane client is 0. */
    return args->pAllocationInfo->pSystemMem ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}

/* What goes with what: each pair is a flag and one that it needs, or one that it excludes. */
static udxg_status check_combination(D3DKMT_CREATEALLOCATIONFLAGS flags)
{
    if (flags.CreateShared && !flags.CreateResource) return STATUS_INVALID_PARAMETER;
    if (flags.NtSecuritySharing && !flags.CreateShared) return STATUS_INVALID_PARAMETER;
    if (flags.NonSecure && (!flags.CreateShared || flags.NtSecuritySharing)) return STATUS_INVALID_PARAMETER;
    if (flags.RestrictSharedAccess && !flags.CreateShared) return STATUS_INVALID_PARAMETER;
    if (flags.PartialSharedCreation && !flags.CreateShared) return STATUS_INVALID_PARAMETER;
    if (flags.SharedDisplayable && !flags.CreateShared) return STATUS_INVALID_PARAMETER;
    if (flags.CrossAdapter && !flags.CreateShared) return STATUS_INVALID_PARAMETER;
    if ((flags.ExistingSysMem || flags.ExistingSection) && !flags.StandardAllocation) return STATUS_INVALID_PARAMETER;
    if (flags.NoKmdAccess && !flags.StandardAllocation) return STATUS_INVALID_PARAMETER;
    if (flags.WriteWatch && flags.StandardAllocation) return STATUS_INVALID_PARAMETER;
    return STATUS_SUCCESS;
}

static udxg_status check_flags(const D3DKMT_CREATEALLOCATION *args)
{
    D3DKMT_CREATEALLOCATIONFLAGS flags = args->Flags;
    udxg_status status = check_combination(flags);

    if (udxg_failed(status)) return status;
    if (!args->NumAllocations && (!flags.CreateResource || flags.StandardAllocation)) return STATUS_INVALID_PARAMETER;
    if (flags.CrossAdapter && args->NumAllocations != 1) return STATUS_INVALID_PARAMETER;
    if (flags.StandardAllocation) status = check_standard(args);
    return status;
}

static udxg_status check_elements(const struct creation *c)
{
    for (uint32_t i = 0; i < c->count; i++) {
        const D3DDDI_ALLOCATIONINFO *info = element(c, i);
        if (!c->args->Flags.ExistingSection && (uintptr_t)info->pSystemMem % UDXG_PAGE_SIZE)
            return STATUS_INVALID_PARAMETER;
        if (c->args->Flags.WriteWatch && info->pSystemMem) return STATUS_INVALID_PARAMETER;
        if (info->Flags.Stereo && !info->Flags.Primary) return STATUS_INVALID_PARAMETER;
    }
    return STATUS_SUCCESS;
}

/* ---- group ---- */

static udxg_status find_resource(struct creation *c)
{
    struct udxg_resource *resource = udxg_resource_get(c->device, c->args->hResource);

    if (!resource) return STATUS_INVALID_HANDLE;
    if (resource->shared || c->args->Flags.CreateResource || c->args->Flags.StandardAllocation) {
        udxg_resource_put(resource);
        return STATUS_INVALID_PARAMETER;
    }
    c->resource = resource;
    udxg_lock(DEVICE, &c->device->lock);
    c->mp_resource = resource->mp_resource;
    udxg_unlock(DEVICE, &c->device->lock);
    return STATUS_SUCCESS;
}

static udxg_status make_resource(struct creation *c) UDXG_NO_TSA
{
    const D3DKMT_CREATEALLOCATION *args = c->args;
    struct udxg_resource *resource = udxg_resource_create(c->device);
    struct udxg_account *account = c->device->pa->account;
    udxg_status status;

    if (!resource) return STATUS_NO_MEMORY;
    resource->runtime_data_bytes = args->PrivateRuntimeDataSize;
    resource->private_data_bytes = args->Flags.StandardAllocation ? 0 : args->PrivateDriverDataSize;
    status =
        udxg_kept_create(account, args->pPrivateRuntimeData, resource->runtime_data_bytes, &resource->runtime_data);
    if (!udxg_failed(status))
        status = udxg_kept_create(account, args->pPrivateDriverData, resource->private_data_bytes,
                                  &resource->private_data);
    if (udxg_failed(status)) {
        udxg_resource_unref(resource);
        return status;
    }
    c->resource = resource;
    c->made_resource = true;
    return STATUS_SUCCESS;
}

static udxg_status group(struct creation *c)
{
    if (c->args->hResource) return find_resource(c);
    return c->args->Flags.CreateResource ? make_resource(c) : STATUS_SUCCESS;
}

/* ---- ask ---- */

/* Asks the miniport for the private data of a surface that stands for the caller's heap. */
static udxg_status make_standard_data(struct creation *c, uint64_t size_bytes)
{
    struct udxg_standard_data standard;
    udxg_status status = udxg_standard_data(c->device->adapter, size_bytes, &standard);

    if (udxg_failed(status)) return status;
    c->standard_data = standard.bytes;
    c->infos[0].private_data = standard.bytes;
    c->infos[0].private_data_bytes = standard.allocation_bytes;
    return STATUS_SUCCESS;
}

static void fill_info(const struct creation *c, uint32_t index)
{
    const D3DDDI_ALLOCATIONINFO *from = element(c, index);

    c->infos[index] = (struct udxg_allocation_info){
        .private_data = from->pPrivateDriverData,
        .private_data_bytes = from->PrivateDriverDataSize,
        .system_memory = c->section ? udxg_section_address(c->section) : from->pSystemMem,
        .video_present_source_id = from->VidPnSourceId,
        .primary = from->Flags.Primary,
        .alignment_bytes = UDXG_PAGE_SIZE,
        .priority = D3DDDI_ALLOCATIONPRIORITY_NORMAL,
    };
}

/* The miniport is not told: a heap of the caller's can be described without it. */
static void describe_heap(struct creation *c)
{
    const struct udxg_adapter_caps *caps = &c->device->adapter->caps;
    struct udxg_allocation_info *info = &c->infos[0];

    info->size_bytes = c->args->pStandardAllocation->ExistingHeapData.Size;
    info->flags = UDXG_ALLOCATION_CPU_VISIBLE | UDXG_ALLOCATION_EXISTING_SYS_MEM;
    for (uint32_t i = 0; i < caps->segment_count; i++)
        if (caps->segments[i].flags & UDXG_SEGMENT_APERTURE) info->supported_segments |= 1u << i;
}

/* hSection shares its place with pSystemMem, which the element of version 1 has only. */
static udxg_status map_section(struct creation *c)
{
    return udxg_section_create(&c->device->pa->sections, &c->device->process->windows,
                               (intptr_t)element(c, 0)->pSystemMem, c->args->pStandardAllocation->ExistingHeapData.Size,
                               c->args->Flags.ReadOnly, &c->section);
}

static udxg_status ask(struct creation *c)
{
    const struct udxg_adapter *adapter = c->device->adapter;
    struct udxg_create_allocation call = {
        .private_data = c->args->Flags.StandardAllocation ? NULL : c->args->pPrivateDriverData,
        .private_data_bytes = c->args->PrivateDriverDataSize,
        .count = c->count,
        .infos = c->infos,
        .create_resource = c->made_resource,
        .resource = c->mp_resource,
    };
    udxg_status status = c->args->Flags.ExistingSection ? map_section(c) : STATUS_SUCCESS;

    if (udxg_failed(status)) return status;
    for (uint32_t i = 0; i < c->count; i++) fill_info(c, i);
    if (c->args->Flags.NoKmdAccess) {
        describe_heap(c);
        return STATUS_SUCCESS;
    }
    if (c->args->Flags.StandardAllocation) {
        status = make_standard_data(c, c->args->pStandardAllocation->ExistingHeapData.Size);
        if (udxg_failed(status)) return status;
    }
    status = adapter->miniport->create_allocation(adapter->mp_adapter, &call);
    if (udxg_failed(status)) return status;
    c->made_mp_resource = !c->mp_resource && call.resource;
    c->mp_resource = call.resource;
    c->asked = c->count;
    return STATUS_SUCCESS;
}

/* ---- judge ---- */

/* What Lock2 gave, on any adapter, is not the caller's: it may be freed behind its back. */
static bool is_a_home(struct udxg_process *process, const void *address, uint64_t size_bytes)
{
    if (process->endpoint) return false; /* it knows where its windows are, and has checked */
    for (uint32_t i = 0; i < UDXG_KERNEL_ADAPTERS; i++) {
        struct udxg_process_adapter *pa = atomic_load_explicit(&process->adapters[i], memory_order_acquire);
        if (pa && (vidmm_process_owns(pa->vidmm, address, size_bytes) ||
                   udxg_sections_own(&pa->sections, address, size_bytes)))
            return true;
    }
    return false;
}

/* The caller's memory is looked at before it is believed. */
static udxg_status judge_system_memory(const struct creation *c, const struct udxg_allocation_info *info)
{
    if (!(info->flags & UDXG_ALLOCATION_EXISTING_SYS_MEM) != !info->system_memory) return STATUS_INVALID_PARAMETER;
    if (!info->system_memory) return STATUS_SUCCESS;
    if (info->size_bytes % UDXG_PAGE_SIZE) return STATUS_INVALID_PARAMETER;
    if (c->section) return STATUS_SUCCESS;
    if (is_a_home(c->device->process, info->system_memory, info->size_bytes)) return STATUS_INVALID_PARAMETER;
    if (vidmm_adapter_has_fault(c->device->adapter->vidmm, VIDMM_FAULT_PROBE_AND_LOCK))
        return STATUS_GRAPHICS_CANT_LOCK_MEMORY;
    return udxg_foreign_probe(udxg_process_memory(c->device->process), info->system_memory, info->size_bytes,
                              !c->args->Flags.ReadOnly);
}

/* vidmm.md 7.7: where every adapter can reach it, and the CPU too. */
static udxg_status judge_cross_adapter(const struct creation *c, struct udxg_allocation_info *info)
{
    const struct udxg_adapter_caps *caps = &c->device->adapter->caps;

    if (!(info->flags & UDXG_ALLOCATION_CPU_VISIBLE)) return STATUS_INVALID_PARAMETER;
    for (uint32_t i = 0; i < caps->segment_count; i++)
        if (info->supported_segments & 1u << i && !(caps->segments[i].flags & UDXG_SEGMENT_APERTURE))
            return STATUS_INVALID_PARAMETER;
    return STATUS_SUCCESS;
}

static udxg_status judge(const struct creation *c)
{
    for (uint32_t i = 0; i < c->count; i++) {
        const D3DDDI_ALLOCATIONINFO2 *info2 = element2(c, i);
        udxg_status status;

        if (info2 && info2->Flags.OverridePriority) c->infos[i].priority = info2->Priority;
        if (udxg_validate_allocation(&c->device->adapter->caps, &c->infos[i])) return STATUS_INVALID_PARAMETER;
        status = judge_system_memory(c, &c->infos[i]);
        if (!udxg_failed(status) && c->args->Flags.CrossAdapter) status = judge_cross_adapter(c, &c->infos[i]);
        if (udxg_failed(status)) return status;
    }
    return STATUS_SUCCESS;
}

/* ---- back ---- */

static udxg_status make_memory(struct creation *c, const struct udxg_allocation_info *info,
                               struct udxg_birth **ret_birth)
{
    struct udxg_process_adapter *pa = c->device->pa;
    struct vidmm_alloc_desc desc = {
        .size_bytes = info->size_bytes,
        .alignment_bytes = info->alignment_bytes,
        .supported_segments = info->supported_segments,
        .flags = info->flags,
        .priority = info->priority,
        .system_memory = info->system_memory,
        .is_section = c->section != NULL,
        .site = info->system_memory ? NULL : c->site,
        .read_only = c->args->Flags.ReadOnly,
        .allow_not_zeroed = c->args->Flags.AllowNotZeroed,
        .stripe = (uint8_t)c->stripe,
    };
    struct udxg_birth *birth = udxg_slab_alloc_in(&pa->births, desc.stripe);
    struct udxg_memory *memory;
    udxg_status status;

    if (!birth) return STATUS_NO_MEMORY;
    memory = &birth->memory;
    memcpy(desc.preferred, info->preferred, sizeof desc.preferred);
    status = vidmm_alloc_init(&memory->vidmm, pa->vidmm, &desc);
    if (udxg_failed(status)) {
        udxg_slab_free_in(&pa->births, desc.stripe, birth);
        return status;
    }
    atomic_init(&memory->refs, 1);
    memory->pa = pa;
    memory->mp_allocation = info->allocation;
    memory->told_miniport = !c->args->Flags.NoKmdAccess;
    memory->section = c->section;
    c->section = NULL;
    udxg_stats_created(memory->vidmm.size_bytes, info->system_memory != NULL);
    *ret_birth = birth;
    return STATUS_SUCCESS;
}

static udxg_status watch_writes(struct creation *c, struct udxg_memory *memory)
{
    if (!c->args->Flags.WriteWatch) return STATUS_SUCCESS;
    return udxg_write_watch_create(memory->vidmm.home, memory->vidmm.size_bytes, !c->device->process->endpoint,
                                   &memory->watch);
}

/* The creating device's own opening of what the miniport made; BIRTH is taken, also on failure. */
static udxg_status open_memory(struct creation *c, struct udxg_birth *birth, const struct udxg_allocation_info *info,
                               struct udxg_allocation **ret_allocation)
{
    const struct udxg_opening opening = {
        .device = c->device,
        .memory = &birth->memory,
        .resource = c->resource,
        .private_data = info->private_data,
        .private_data_bytes = info->private_data_bytes,
        .first = true,
        .create = true,
        .read_only = c->args->Flags.ReadOnly,
    };
    udxg_status status = watch_writes(c, &birth->memory);

    if (!udxg_failed(status)) status = udxg_allocation_open(&opening, ret_allocation);
    if (udxg_failed(status)) udxg_memory_unref(&birth->memory);
    return status;
}

/* In-process nobody has to be shown a part and not the rest. */
static udxg_status make_site(struct creation *c)
{
    uint64_t size_bytes = 0;

    if (!c->args->Flags.CreateShared || !c->device->process->endpoint) return STATUS_SUCCESS;
    for (uint32_t i = 0; i < c->count; i++) {
        uint64_t need = vidmm_site_need(c->infos[i].size_bytes, c->infos[i].alignment_bytes);
        if (c->infos[i].system_memory) continue;
        if (!need || need > MOST_SITE_BYTES - size_bytes) return STATUS_SUCCESS; /* no allocation is that large */
        size_bytes += need;
    }
    return size_bytes ? vidmm_site_create(size_bytes, &c->site) : STATUS_SUCCESS;
}

static udxg_status back(struct creation *c)
{
    udxg_status made = make_site(c);

    if (udxg_failed(made)) return made;
    for (; c->built < c->count; c->built++) {
        struct udxg_birth *birth;
        udxg_status status = make_memory(c, &c->infos[c->built], &birth);

        if (udxg_failed(status)) return status;
        if (birth->memory.told_miniport) c->asked--;
        status = open_memory(c, birth, &c->infos[c->built], &c->allocations[c->built]);
        if (udxg_failed(status)) return status;
    }
    return STATUS_SUCCESS;
}

/* ---- share ---- */

/* What openings have in common, from what the call has made; it takes the resource's own things over. */
static void move_into_shared(struct creation *c, struct udxg_shared_resource *shared) UDXG_NO_TSA
{
    struct udxg_resource *resource = c->resource;
    unsigned char *data = udxg_shared_resource_data(shared);
    uint32_t offset = 0;

    shared->cross_adapter = c->args->Flags.CrossAdapter;
    shared->site = c->site;
    c->site = NULL;
    for (uint32_t i = 0; i < c->count; i++) {
        struct udxg_memory *memory = c->allocations[i]->memory;
        atomic_fetch_add(&memory->refs, 1);
        shared->memories[i].memory = memory;
        shared->memories[i].data_offset = offset;
        shared->memories[i].data_bytes = c->infos[i].private_data_bytes;
        shared->memories[i].read_only = c->args->Flags.ReadOnly;
        if (c->infos[i].private_data_bytes)
            memcpy(data + offset, c->infos[i].private_data, c->infos[i].private_data_bytes);
        offset += c->infos[i].private_data_bytes;
    }
    shared->runtime_data = resource->runtime_data;
    shared->runtime_data_bytes = resource->runtime_data_bytes;
    shared->private_data = resource->private_data;
    shared->private_data_bytes = resource->private_data_bytes;
    shared->mp_resource = c->mp_resource;
    resource->runtime_data = resource->private_data = c->mp_resource = NULL;
    resource->shared = shared;
}

static udxg_status share(struct creation *c)
{
    D3DKMT_CREATEALLOCATIONFLAGS flags = c->args->Flags;
    struct udxg_shared_resource *shared;
    uint32_t total = 0; /* within the limit of a call */
    udxg_status status;

    if (!flags.CreateShared) return STATUS_SUCCESS;
    for (uint32_t i = 0; i < c->count; i++) total += c->infos[i].private_data_bytes;
    status = udxg_shared_resource_create(c->device->pa, c->count, total, flags.NtSecuritySharing,
                                         flags.RestrictSharedAccess, c->device->process->entry.serial, &shared);
    if (udxg_failed(status)) return status;
    move_into_shared(c, shared);
    return udxg_sight_open(c->resource);
}

/* The last step that may fail: whoever guesses the number finds a resource that is there. */
static udxg_status make_global(struct creation *c)
{
    struct udxg_shared_resource *shared = c->args->Flags.CreateShared ? c->resource->shared : NULL;
    udxg_status status;

    if (!shared || shared->shared.nt_sharing) return STATUS_SUCCESS;
    status = udxg_global_publish(&c->device->process->kernel->globals, c->device->process->owner, &shared->shared);
    if (!udxg_failed(status)) c->global_handle = shared->shared.global_handle;
    return status;
}

/* ---- publish, undo ---- */

/*
 * Puts everything on its list and makes its handle mean it, in one go: who takes an allocation off a resource's
 * list, to close it, has to find the handle alive.
 */
static void publish_locked(struct creation *c) UDXG_REQUIRES(DEVICE)
{
    struct udxg_handle_table *table = &c->device->process->handles;
    struct udxg_resource *resource = c->resource;
    struct udxg_list *list = resource ? &resource->allocations : &c->device->children[UDXG_HANDLE_ALLOCATION];

    if (resource) {
        resource->mp_resource = c->mp_resource;
        resource->allocation_count += c->count;
    }
    if (c->made_resource) {
        resource->child.handle = c->handles[0];
        udxg_handle_publish(table, c->handles[0], UDXG_HANDLE_RESOURCE, resource);
    }
    for (uint32_t i = 0; i < c->count; i++) {
        udxg_list_append(list, &c->allocations[i]->child.link);
        udxg_allocation_publish(c->allocations[i], c->handles[c->made_resource + i]);
    }
}

/* The blob of the call replaces the one before it. */
static void replace_runtime_data(struct creation *c, void *data, uint32_t bytes)
{
    struct udxg_resource *resource = c->resource;
    void *former;

    udxg_lock(DEVICE, &c->device->lock);
    former = resource->runtime_data;
    resource->runtime_data = data;
    resource->runtime_data_bytes = bytes;
    udxg_unlock(DEVICE, &c->device->lock);
    udxg_kept_free(former);
}

/* The output flag: every byte of the call's allocations is ours and reads zero. */
static bool is_zeroed(const struct creation *c)
{
    if (!c->count || c->args->Flags.AllowNotZeroed) return false;
    for (uint32_t i = 0; i < c->count; i++)
        if (c->infos[i].system_memory) return false;
    return true;
}

/* From here on nothing can fail. What has been published may be gone at once: only the numbers are still ours. */
static void publish(struct creation *c)
{
    udxg_lock(DEVICE, &c->device->lock);
    publish_locked(c);
    udxg_unlock(DEVICE, &c->device->lock);
    if (c->made_resource) c->args->hResource = c->handles[0];
    for (uint32_t i = 0; i < c->count; i++) element(c, i)->hAllocation = c->handles[c->made_resource + i];
    c->args->hGlobalShare = c->global_handle;
    c->args->Flags.Zeroed = is_zeroed(c);
}

static void undo(struct creation *c)
{
    const struct udxg_adapter *adapter = c->device->adapter;

    udxg_section_destroy(c->section);
    while (c->built) udxg_allocation_destroy(c->allocations[--c->built]);
    for (uint32_t i = c->count - c->asked; i < c->count; i++)
        adapter->miniport->destroy_allocation(adapter->mp_adapter, 1, &c->infos[i].allocation, NULL);
    if (!c->made_resource) {
        /* The client's resource stays as it was, without one. */
        if (c->made_mp_resource) adapter->miniport->destroy_allocation(adapter->mp_adapter, 0, NULL, c->mp_resource);
        return;
    }
    udxg_lock(DEVICE, &c->device->lock);
    c->resource->mp_resource = c->mp_resource;
    udxg_unlock(DEVICE, &c->device->lock);
    udxg_resource_unref(c->resource);
}

/* ---- the call ---- */

static udxg_status prepare(struct creation *c)
{
    udxg_status status = group(c);

    if (udxg_failed(status)) return status;
    status = ask(c);
    if (udxg_failed(status)) return status;
    status = judge(c);
    if (udxg_failed(status)) return status;
    status = back(c);
    if (udxg_failed(status)) return status;
    status = share(c);
    if (udxg_failed(status)) return status;
    status = udxg_handle_reserve_in(&c->device->process->handles, c->stripe, c->count + c->made_resource, c->handles);
    if (udxg_failed(status)) return status;
    status = make_global(c);
    if (udxg_failed(status)) udxg_handle_cancel(&c->device->process->handles, c->count + c->made_resource, c->handles);
    return status;
}

static udxg_status run(struct creation *c)
{
    uint32_t runtime_bytes = c->args->PrivateRuntimeDataSize;
    bool adding = c->args->hResource != 0;
    void *runtime_data = NULL;
    udxg_status status = STATUS_SUCCESS;

    if (adding)
        status = udxg_kept_create(c->device->pa->account, c->args->pPrivateRuntimeData, runtime_bytes, &runtime_data);
    if (udxg_failed(status)) return status;
    status = prepare(c);
    if (udxg_failed(status)) {
        udxg_kept_free(runtime_data);
        undo(c);
    } else {
        if (runtime_data) replace_runtime_data(c, runtime_data, runtime_bytes);
        publish(c);
    }
    if (adding && c->resource) udxg_resource_put(c->resource);
    vidmm_site_unref(c->site); /* what has its home there keeps it */
    free(c->standard_data);
    return status;
}

/* Gives the call its arrays, from the stack where they are small. */
static udxg_status run_with_arrays(struct creation *c)
{
    struct udxg_allocation_info infos[SMALL_COUNT];
    struct udxg_allocation *allocations[SMALL_COUNT];
    uint32_t handles[SMALL_COUNT + 1];
    udxg_status status;
    char *heap;

    c->infos = infos;
    c->allocations = allocations;
    c->handles = handles;
    if (c->count <= SMALL_COUNT) return run(c);

    heap = malloc(c->count * (sizeof *c->infos + sizeof *c->allocations) + (c->count + 1) * sizeof *c->handles);
    if (!heap) return STATUS_NO_MEMORY;
    c->infos = (struct udxg_allocation_info *)heap;
    c->allocations = (struct udxg_allocation **)(c->infos + c->count);
    c->handles = (uint32_t *)(c->allocations + c->count);
    status = run(c);
    free(heap);
    return status;
}

static udxg_status create(struct udxg_process *process, D3DKMT_CREATEALLOCATION *args, size_t stride)
{
    struct creation c = {.args = args, .stride = stride, .count = args->NumAllocations};
    udxg_status status = udxg_device_get(process, args->hDevice, &c.device);

    if (udxg_failed(status)) return status;
    c.stripe = udxg_device_stripe(c.device);
    status = check_flags(args);
    if (!udxg_failed(status)) status = check_elements(&c);
    if (!udxg_failed(status)) status = run_with_arrays(&c);
    udxg_device_put(c.device);
    return status;
}

udxg_status thunk_CreateAllocation2(struct udxg_process *process, D3DKMT_CREATEALLOCATION *args)
{
    /* GpuVirtualAddress stays 0: on adapters with GPU page tables nothing is mapped unasked (gpummu-model). */
    return create(process, args, sizeof(D3DDDI_ALLOCATIONINFO2));
}

udxg_status thunk_CreateAllocation(struct udxg_process *process, D3DKMT_CREATEALLOCATION *args)
{
    return create(process, args, sizeof(D3DDDI_ALLOCATIONINFO));
}
