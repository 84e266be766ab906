/* SPDX-License-Identifier: MIT */
/* What the calls that come by a paging queue need of offer.c. */
#ifndef UDXG_CORE_OFFER_H
#define UDXG_CORE_OFFER_H

#include <dxg/d3dkmthk.h>

#include "base/status.h"

struct udxg_device;
struct vidmm_queue;

/* Which allocations a call is about: exactly one of the two lists is given. */
struct udxg_named {
    const D3DKMT_HANDLE *resources, *allocations;
    uint32_t count; /* of the list that is given */
};

/*
 * Takes offers back. RESULTS, NULL or as many as are named, gets a D3DDDI_RECLAIM_RESULT for each, the worst of a
 * resource's. *ret_fence is 0 or QUEUE's value at which all is in place; with QUEUE NULL the device waits for that.
 */
udxg_status udxg_offer_take_back(struct udxg_device *device, struct vidmm_queue *queue, const struct udxg_named *named,
                                 D3DDDI_RECLAIM_RESULT *results, uint64_t *ret_fence) UDXG_MUST_CHECK;

#endif
