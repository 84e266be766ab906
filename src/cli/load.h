/* SPDX-License-Identifier: MIT */
/* A load of our own, for pictures and demonstrations: devices that take turns in video memory. */
#ifndef UDXG_CLI_LOAD_H
#define UDXG_CLI_LOAD_H

#include "cli/query.h"

/*
 * Four devices create allocations of together PERCENT of the adapter's local memory. Each in its turn makes what it has
 * resident, and the one before it evicts its own, to be kept, when both do not fit. What was created stays until the
 * process ends. STATUS_NOT_SUPPORTED when it is no `soft` adapter, whose private data we know.
 */
NTSTATUS udxg_load(const struct udxg_query_adapter *adapter, uint32_t percent);

#endif
