/* SPDX-License-Identifier: MIT */
/* The life of shared resources, and who may open a restricted one. Lock: GRANT, for the list of grants alone. */
#include "core/shared_resource.h"

#include <stdlib.h>

#include "core/allocation.h"
#include "vidmm/site.h"

struct grant {
    struct udxg_list link UDXG_GUARDED_BY(GRANT);
    uint64_t process; /* its number; constant */
};

static void destroy(struct udxg_shared *shared) UDXG_NO_TSA
{
    struct udxg_shared_resource *resource = udxg_shared_resource_of(shared);
    const struct udxg_adapter *adapter = resource->pa->adapter;
    struct udxg_list *link;

    for (uint32_t i = 0; i < resource->count; i++) udxg_memory_unref(resource->memories[i].memory);
    if (resource->mp_resource)
        adapter->miniport->destroy_allocation(adapter->mp_adapter, 0, NULL, resource->mp_resource);
    while ((link = udxg_list_pop(&resource->grants))) free(udxg_container_of(link, struct grant, link));
    udxg_mutex_fini_GRANT(&resource->grant_lock);
    udxg_kept_free(resource->runtime_data);
    udxg_kept_free(resource->private_data);
    udxg_account_discharge(resource->pa->account, UDXG_CHARGE_DATA, resource->total_data_bytes);
    vidmm_site_unref(resource->site);
    udxg_process_adapter_unref(resource->pa);
    free(resource);
}

static const struct udxg_shared_class resources = {.kind = UDXG_SHARED_RESOURCE, .destroy = destroy};

udxg_status udxg_shared_resource_create(struct udxg_process_adapter *pa, uint32_t count, uint32_t total_data_bytes,
                                        bool nt_sharing, bool restricted, uint64_t process,
                                        struct udxg_shared_resource **ret) UDXG_NO_TSA
{
    struct udxg_shared_resource *resource =
        calloc(1, sizeof *resource + count * sizeof *resource->memories + total_data_bytes);
    udxg_status status =
        resource ? udxg_account_charge(pa->account, UDXG_CHARGE_DATA, total_data_bytes) : STATUS_NO_MEMORY;

    if (udxg_failed(status)) {
        free(resource);
        return status;
    }
    udxg_shared_init(&resource->shared, &resources, nt_sharing);
    udxg_mutex_init_GRANT(&resource->grant_lock);
    udxg_list_init(&resource->grants);
    resource->pa = pa;
    udxg_process_adapter_ref(pa);
    resource->restricted = restricted;
    resource->total_data_bytes = total_data_bytes;
    resource->count = count;
    if (restricted) status = udxg_shared_resource_grant(resource, process, true);
    if (udxg_failed(status)) {
        udxg_shared_close(&resource->shared);
        return status;
    }
    *ret = resource;
    return STATUS_SUCCESS;
}

static struct grant *find_locked(struct udxg_shared_resource *resource, uint64_t process) UDXG_REQUIRES(GRANT)
{
    udxg_list_for_each(link, &resource->grants)
    {
        struct grant *grant = udxg_container_of(link, struct grant, link);
        if (grant->process == process) return grant;
    }
    return NULL;
}

bool udxg_shared_resource_admits(struct udxg_shared_resource *resource, uint64_t process)
{
    bool found;

    if (!resource->restricted) return true;
    udxg_lock(GRANT, &resource->grant_lock);
    found = find_locked(resource, process) != NULL;
    udxg_unlock(GRANT, &resource->grant_lock);
    return found;
}

/* Takes the grant of that process off the list, or puts FRESH on it where there is none; returns what is left over. */
static struct grant *change_locked(struct udxg_shared_resource *resource, uint64_t process, struct grant *fresh)
    UDXG_REQUIRES(GRANT)
{
    struct grant *grant = find_locked(resource, process);

    if (fresh && grant) return fresh;
    if (fresh)
        udxg_list_append(&resource->grants, &fresh->link);
    else if (grant)
        udxg_list_remove(&grant->link);
    return fresh ? NULL : grant;
}

udxg_status udxg_shared_resource_grant(struct udxg_shared_resource *resource, uint64_t process, bool allow)
{
    struct grant *fresh = allow ? calloc(1, sizeof *fresh) : NULL, *left_over;

    if (allow && !fresh) return STATUS_NO_MEMORY;
    if (fresh) fresh->process = process;
    udxg_lock(GRANT, &resource->grant_lock);
    left_over = change_locked(resource, process, fresh);
    udxg_unlock(GRANT, &resource->grant_lock);
    free(left_over);
    return STATUS_SUCCESS;
}
