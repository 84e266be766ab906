/* SPDX-License-Identifier: MIT */
/*
 * A shared resource: what all openings of it have in common, on the side of the adapter. It is complete when it is
 * made and never changes (nothing is added to what is shared, and nothing taken away), but for who may open it.
 *
 *   udxg_resource ----> udxg_shared_resource ----> udxg_memory, one for each allocation, in order
 *   (per opening)  <----- NT handles
 *
 * It keeps its memories, so they go with the last opening and the last NT handle; and what their creator has on the
 * adapter, which may be all that is left of that process.
 */
#ifndef UDXG_CORE_SHARED_RESOURCE_H
#define UDXG_CORE_SHARED_RESOURCE_H

#include "core/process.h"
#include "core/shared.h"

struct udxg_memory;

/* Access of an NT handle that lets its openings be written; all of them can be read. */
enum { UDXG_SHARED_ALLOCATION_WRITE = 0x1, UDXG_MAXIMUM_ALLOWED = 0x02000000 };
#define UDXG_RESOURCE_WRITE_RIGHTS (UDXG_SHARED_ALLOCATION_WRITE | UDXG_MAXIMUM_ALLOWED | GENERIC_WRITE | GENERIC_ALL)

/* One allocation of it. */
struct udxg_shared_memory {
    struct udxg_memory *memory; /* referenced */
    uint32_t data_offset;       /* its part of data */
    uint32_t data_bytes;
    bool read_only; /* CreateReadOnly: nobody's engines write it */
};

struct udxg_shared_resource {
    struct udxg_shared shared;
    struct udxg_process_adapter *pa; /* the creator's, referenced; constant, as all that follows but the grants */
    void *mp_resource;               /* ours */
    struct vidmm_site *site;         /* where the homes are when their creator lives elsewhere; referenced; NULL */
    void *runtime_data;              /* owned, like the next */
    void *private_data;              /* of the resource */
    uint32_t runtime_data_bytes, private_data_bytes;
    uint32_t total_data_bytes; /* of the private data of all allocations, as the creator's miniport left it */
    bool cross_adapter;
    bool restricted; /* RestrictSharedAccess: only the granted may open it */
    struct udxg_mutex_GRANT grant_lock;
    struct udxg_list grants UDXG_GUARDED_BY(GRANT); /* struct grant, one for each process that may */
    uint32_t count;
    struct udxg_shared_memory memories[]; /* count of them; then data */
};

/* The private data of all allocations, one after the other. */
static inline unsigned char *udxg_shared_resource_data(struct udxg_shared_resource *resource)
{
    return (unsigned char *)&resource->memories[resource->count];
}

/*
 * Room for COUNT allocations and their data, with the creator's opening; the caller fills in the rest before anybody
 * else knows it. RESTRICTED: the process with that number may open it, until that is taken away.
 */
udxg_status udxg_shared_resource_create(struct udxg_process_adapter *pa, uint32_t count, uint32_t total_data_bytes,
                                        bool nt_sharing, bool restricted, uint64_t process,
                                        struct udxg_shared_resource **ret) UDXG_MUST_CHECK;

/* Whether the process may open it. */
bool udxg_shared_resource_admits(struct udxg_shared_resource *resource, uint64_t process);
/* Grants it, or takes it away. */
udxg_status udxg_shared_resource_grant(struct udxg_shared_resource *resource, uint64_t process,
                                       bool allow) UDXG_MUST_CHECK;

static inline struct udxg_shared_resource *udxg_shared_resource_of(struct udxg_shared *shared)
{
    return udxg_container_of(shared, struct udxg_shared_resource, shared);
}

#endif
