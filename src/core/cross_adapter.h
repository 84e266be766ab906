/* SPDX-License-Identifier: MIT */
/*
 * Cross-adapter resources: what a device of another adapter opens. That adapter's miniport describes the memory as a
 * standard allocation and creates an allocation of its own; the bytes are those of the first, at the first's home.
 */
#ifndef UDXG_CORE_CROSS_ADAPTER_H
#define UDXG_CORE_CROSS_ADAPTER_H

#include "core/process.h"

struct udxg_memory;

/* What the miniport says of an allocation that stands for SIZE bytes of memory that is there. */
struct udxg_standard_data {
    void *bytes; /* owned; of the allocation, then of the resource */
    uint32_t allocation_bytes, resource_bytes;
};

/* The sizes alone, bytes is NULL; or all, to be freed by the caller. STATUS_NOT_SUPPORTED, what the miniport says. */
udxg_status udxg_standard_sizes(const struct udxg_adapter *adapter, uint64_t size_bytes,
                                struct udxg_standard_data *ret) UDXG_MUST_CHECK;
udxg_status udxg_standard_data(const struct udxg_adapter *adapter, uint64_t size_bytes,
                               struct udxg_standard_data *ret) UDXG_MUST_CHECK;

/*
 * Memory of PA's adapter, made in STRIPE, over the home of ORIGIN, which is another's; DATA is the miniport's, who may
 * change it. It keeps ORIGIN.
 */
udxg_status udxg_cross_adapter_memory(struct udxg_process_adapter *pa, unsigned stripe, struct udxg_memory *origin,
                                      bool read_only, struct udxg_standard_data *data,
                                      struct udxg_memory **ret) UDXG_MUST_CHECK;

#endif
