/* SPDX-License-Identifier: MIT */
/*
 * One call from beginning to end, the same for both endpoints: copy in, fault point, handler, copy out, trace
 * point. Everything that watches or disturbs calls hangs here.
 */
#ifndef UDXG_CORE_DISPATCH_H
#define UDXG_CORE_DISPATCH_H

#include "abi/carry.h"
#include "abi/thunk.h"

struct udxg_process;

/* ARGS is the client's own argument struct, or NULL. The status is the call's. */
udxg_status udxg_dispatch(struct udxg_process *process, enum udxg_thunk_id id, const void *args) UDXG_MUST_CHECK;

/*
 * The same for a call that has come as a message from a client elsewhere. COURIER puts what has arrived in the place of
 * what the message says about descriptors, and what is to be sent in the place of what the handler left; it is
 * called before and after the handler.
 */
struct udxg_courier {
    udxg_carrier *carry;
    void *user;
};
udxg_status udxg_dispatch_message(struct udxg_process *process, enum udxg_thunk_id id,
                                  const struct udxg_message *message,
                                  const struct udxg_courier *courier) UDXG_MUST_CHECK;

/*
 * The fault point: when set, it is asked before each handler, whosever call it is, and may answer in its stead (true,
 * *ret_status).
 * One at a time; NULL takes it away.
 */
typedef bool udxg_fault_function(const struct udxg_process *process, enum udxg_thunk_id id, const void *args,
                                 udxg_status *ret_status);
void udxg_dispatch_set_fault(udxg_fault_function *fault);

/* The trace point: when set, it is told every call that reached the kernel, with its copied arguments and status. */
typedef void udxg_trace_function(const struct udxg_process *process, enum udxg_thunk_id id, const void *args,
                                 udxg_status status);
void udxg_dispatch_set_trace(udxg_trace_function *trace);

#endif
