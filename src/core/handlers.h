/* SPDX-License-Identifier: MIT */
/*
 * The handlers: one for each row of abi/thunks.def that is there, named after it, called with copied and
 * shape-checked arguments. A handler returns the call's status; it writes outputs into the copy, from where
 * they travel to the client only when the row says so. And the release callbacks of the handle table.
 */
#ifndef UDXG_CORE_HANDLERS_H
#define UDXG_CORE_HANDLERS_H

#include <dxg/d3dkmthk.h>

#include "abi/control.h"
#include "base/status.h"

struct udxg_process;

#define THUNK(number, name, constness) udxg_status thunk_##name(struct udxg_process *process, T *args) UDXG_MUST_CHECK;
#define THUNK_END
#include "abi/thunks.def"

void udxg_device_release(void *device);
void udxg_context_release(void *context);
void udxg_hw_queue_release(void *queue);
void udxg_paging_queue_release(void *queue);

#endif
