/* SPDX-License-Identifier: MIT */
/*
 * The dispatch. The handlers stand in a table made from abi/thunks.def; a row that is not there yet has none,
 * and its call says so. No state but the two points; no lock.
 */
#include "core/dispatch.h"

#include <stdatomic.h>

#include "core/handlers.h"
#include "core/process.h"
#include "core/stats.h"

typedef udxg_status handler(struct udxg_process *process, void *args);

/* One adapter per handler, so that each keeps the type of its arguments. */
#define THUNK(number, name, constness)                                                                                 \
    static udxg_status call_##name(struct udxg_process *process, void *args)                                           \
    {                                                                                                                  \
        return thunk_##name(process, (T *)args);                                                                       \
    }
#define THUNK_END
#include "abi/thunks.def"

static handler *const handlers[UDXG_THUNK_COUNT] = {
#define THUNK(number, name, constness) [UDXG_THUNK_##name] = call_##name,
#define THUNK_END
#include "abi/thunks.def"
};

static _Atomic(udxg_fault_function *) fault_point;
static _Atomic(udxg_trace_function *) trace_point;

void udxg_dispatch_set_fault(udxg_fault_function *fault)
{
    atomic_store(&fault_point, fault);
}

void udxg_dispatch_set_trace(udxg_trace_function *trace)
{
    atomic_store(&trace_point, trace);
}

static udxg_status handle(struct udxg_process *process, enum udxg_thunk_id id, void *args)
{
    udxg_fault_function *fault = atomic_load_explicit(&fault_point, memory_order_acquire);
    udxg_status status;

    if (fault && fault(process, id, args, &status)) return status;
    if (udxg_inject_call(process->kernel, id, &status)) return status;
    return handlers[id](process, args);
}

static void told(const struct udxg_process *process, enum udxg_thunk_id id, const void *copy, udxg_status status)
{
    udxg_trace_function *trace = atomic_load_explicit(&trace_point, memory_order_acquire);

    if (trace) trace(process, id, copy, status);
    udxg_stats_call(id, udxg_failed(status));
}

udxg_status udxg_dispatch(struct udxg_process *process, enum udxg_thunk_id id, const void *args)
{
    struct udxg_frame frame;
    void *copy;
    udxg_status status;

    if (!args) return STATUS_INVALID_PARAMETER;
    if (!handlers[id]) return STATUS_NOT_SUPPORTED;
    status = udxg_thunk_enter(id, args, &frame, &copy);
    if (udxg_failed(status)) {
        udxg_stats_call(id, true);
        return status;
    }
    status = handle(process, id, copy);
    told(process, id, copy, status);
    return udxg_thunk_leave(&frame, status);
}

static udxg_status carry(const struct udxg_frame *frame, enum udxg_thunk_id id, enum udxg_cargo cargo,
                         const struct udxg_courier *courier)
{
    return udxg_thunk_carries(id, cargo) ? udxg_thunk_carry(frame, cargo, courier->carry, courier->user)
                                         : STATUS_SUCCESS;
}

udxg_status udxg_dispatch_message(struct udxg_process *process, enum udxg_thunk_id id,
                                  const struct udxg_message *message, const struct udxg_courier *courier)
{
    struct udxg_frame frame;
    void *copy;
    udxg_status status = udxg_thunk_enter_message(id, message, &frame, &copy);

    if (udxg_failed(status)) return status;
    status = carry(&frame, id, UDXG_CARGO_GIVEN, courier);
    if (!udxg_failed(status)) status = handle(process, id, copy);
    told(process, id, copy, status);
    if (!udxg_failed(status)) {
        udxg_status carried = carry(&frame, id, UDXG_CARGO_MADE, courier);
        if (!udxg_failed(carried)) carried = carry(&frame, id, UDXG_CARGO_MAPPED, courier);
        if (udxg_failed(carried)) status = carried;
    }
    return udxg_thunk_leave(&frame, status);
}
