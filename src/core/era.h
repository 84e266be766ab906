/* SPDX-License-Identifier: MIT */
/* The eras of an adapter, for the one who makes and ends adapters; the rest of them stands in core/adapter.h. */
#ifndef UDXG_CORE_ERA_H
#define UDXG_CORE_ERA_H

#include "core/adapter.h"

/* Of a zeroed adapter; it is stopped until udxg_adapter_start(). */
void udxg_adapter_eras_init(struct udxg_adapter *adapter);
/* No device may be left. */
void udxg_adapter_eras_fini(struct udxg_adapter *adapter);

#endif
