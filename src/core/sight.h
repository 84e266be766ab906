/* SPDX-License-Identifier: MIT */
/*
 * What a process elsewhere sees of allocations with its CPU. Its own homes are a window of it, and so is each shared
 * resource that it has open (vidmm/site.h), and each file that it gave itself; memory that it gave it has where it is.
 * What another process gave it does not see. A process here sees all.
 */
#ifndef UDXG_CORE_SIGHT_H
#define UDXG_CORE_SIGHT_H

#include "base/status.h"

struct udxg_allocation;
struct udxg_resource;

/*
 * Marks, in an output of a process elsewhere that otherwise is an address of the kernel's in one of its windows, an
 * address of its own.
 */
#define UDXG_OWN_ADDRESS (UINT64_C(1) << 63)

/* Shows the resource's process what the opening may see. The resource is shared and not published yet. */
udxg_status udxg_sight_open(struct udxg_resource *resource) UDXG_MUST_CHECK;
/* Ends that. Within a call of the process, or at its end. */
void udxg_sight_close(struct udxg_resource *resource);

/* The handle of an opening is closed: a file that its process gave with it, and that was a window, is none any more. */
void udxg_sight_end(const struct udxg_allocation *allocation);

/* Whether the opening's process can be given an address: STATUS_ACCESS_DENIED. */
udxg_status udxg_sight_check(const struct udxg_allocation *allocation) UDXG_MUST_CHECK;
/* The address that it is given; HOME is the allocation's. */
void *udxg_sight_address(const struct udxg_allocation *allocation, void *home);

#endif
