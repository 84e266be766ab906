/* SPDX-License-Identifier: MIT */
/*
 * The in-process endpoint: one kernel and one process, made at the first call and never torn down, because
 * clients call from their static destructors. A forked child has neither: its parent's handles mean nothing
 * in it, and it makes a kernel of its own at its first call.
 */
#include "client/client.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/os.h"
#include "client/local.h"
#include "core/dispatch.h"
#include "core/kernel.h"
#include "core/process.h"
#include "core/stats.h"
#include "miniport/miniports.h"

/* For the making of the process. No class of base/lock_order.h: it is outermost and held by nobody else. */
static pthread_mutex_t making = PTHREAD_MUTEX_INITIALIZER;
static _Atomic(struct udxg_process *) the_process;
static udxg_status why_not; /* with making: the status that the making failed with, for good; lack of memory is not */

/* In the child of a fork: what the parent had is the parent's. */
static void forget(void)
{
    pthread_mutex_init(&making, NULL);
    atomic_store(&the_process, NULL);
    why_not = STATUS_SUCCESS;
    udxg_stats_forget();
    udxg_os_track_forget();
    udxg_os_forget_pages();
}

static udxg_status make(struct udxg_process **ret_process)
{
    struct udxg_kernel *kernel;
    char error[512] = "";
    udxg_status status;

    udxg_stats_attach(getenv("UDXG_STATS"));
    status = udxg_kernel_create(getenv("UDXG_ADAPTERS"), udxg_miniports, error, sizeof error, &kernel);
    if (!udxg_failed(status)) {
        status = udxg_kernel_inject(kernel, getenv("UDXG_INJECT"), error, sizeof error);
        if (udxg_failed(status)) udxg_kernel_destroy(kernel);
    }
    if (udxg_failed(status)) {
        fprintf(stderr, "udxg: error: %s\n", error[0] ? error : udxg_status_name(status));
        return status;
    }
    status = udxg_process_create(kernel, NULL, ret_process);
    if (udxg_failed(status)) udxg_kernel_destroy(kernel);
    return status;
}

static udxg_status make_once(struct udxg_process **ret_process)
{
    static bool fork_hooked;
    struct udxg_process *process;
    udxg_status status;

    pthread_mutex_lock(&making);
    status = why_not;
    process = atomic_load(&the_process);
    if (!process && !udxg_failed(why_not)) {
        if (!fork_hooked) fork_hooked = pthread_atfork(NULL, NULL, forget) == 0;
        status = fork_hooked ? make(&process) : STATUS_NO_MEMORY;
        if (!udxg_failed(status)) atomic_store_explicit(&the_process, process, memory_order_release);
        if (status != STATUS_NO_MEMORY) why_not = status; /* a wrong profile stays wrong, memory may come back */
    }
    pthread_mutex_unlock(&making);
    *ret_process = process;
    return status;
}

udxg_status udxg_local_process(struct udxg_process **ret_process)
{
    *ret_process = atomic_load_explicit(&the_process, memory_order_acquire);
    return *ret_process ? STATUS_SUCCESS : make_once(ret_process);
}

udxg_status udxg_call(enum udxg_thunk_id id, const void *args)
{
    struct udxg_process *process;
    udxg_status status = udxg_local_process(&process);

    return udxg_failed(status) ? status : udxg_dispatch(process, id, args);
}
