/* SPDX-License-Identifier: MIT */
/*
 * A small world (one kernel, one process of it, an adapter, what a scenario adds), and calls into it that are
 * guarded: made with faults on, and when one fails for lack of memory, held to what a failed call promises.
 *
 *   - the status is STATUS_NO_MEMORY or STATUS_GRAPHICS_NO_VIDEO_MEMORY
 *   - the argument struct and all it points to are as they were (MakeResident's two outputs apart)
 *   - there are as many handles, allocations and committed bytes as before, the next handle is the one that was
 *     next before, no slab has lost an object, and every structure passes its recount
 *   - the same call succeeds right after, without faults
 *
 * After the first guarded call that failed, faults stay off. What breaks a rule ends the process with status 1.
 */
#ifndef UDXG_TESTS_OOM_GUARD_H
#define UDXG_TESTS_OOM_GUARD_H

#include <stddef.h>
#include <sys/uio.h>

#include <dxg/d3dkmthk.h>

#include "abi/thunk.h"
#include "core/process.h"

struct world {
    struct udxg_kernel *kernel;
    struct udxg_process *process;
    D3DKMT_HANDLE adapter, device, queue, context, fence;
    const volatile UINT64 *queue_value; /* of the paging queue's fence */
};
extern struct world world;

/* Says what is wrong, and where the round is, and ends the process. */
void guard_fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
#define NEED(condition)                                                                                                \
    do {                                                                                                               \
        if (!(condition)) guard_fail("%s:%d: %s", __FILE__, __LINE__, #condition);                                     \
    } while (0)

/* Makes a kernel of ADAPTERS, a process and a handle of the first adapter; ends all of them. */
void world_open(const char *adapters);
void world_close(void);
/* The process's things on the adapter; there are some once a device was created. */
struct udxg_process_adapter *world_pa(void);
/* Recounts every structure. */
void world_check(void);

/* A call without faults, which must succeed. */
#define PLAIN(name, args) guard_plain(UDXG_THUNK_##name, args)
void guard_plain(enum udxg_thunk_id id, const void *args);

/* A guarded call. What ARGS points to and must not change follows as {address, size}. */
#define GUARDED(name, args, ...)                                                                                       \
    guard_call(UDXG_THUNK_##name, args, (struct iovec[]){{(void *)(args), sizeof *(args)}, ##__VA_ARGS__, {NULL, 0}})
void guard_call(enum udxg_thunk_id id, void *args, const struct iovec *spans);

/* Ends the process unless STATUS is one that a fault may have, and a fault there was. */
void guard_judge(udxg_status status);

/* For what is no call: whether faults may still be turned on, and that they may not any more. */
bool guard_is_armed(void);
void guard_disarm(void);
void guard_arm(void);

#endif
