/* SPDX-License-Identifier: MIT */
/*
 * The Intel products that the miniport can stand for: what a client is told of each, without what the
 * profile decides (memory, clock). A constant table; nothing here knows an adapter.
 */
#ifndef UDXG_MINIPORT_INTEL_PRODUCT_H
#define UDXG_MINIPORT_INTEL_PRODUCT_H

#include <stdint.h>

#include "miniport/intel/private_data.h"

/* The table's entry for a PCI device id, or NULL. */
const struct udxg_intel_adapter_info *udxg_intel_product(uint16_t device_id);

#endif
