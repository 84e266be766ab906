/* SPDX-License-Identifier: MIT */
/*
 * Where a call goes: to a kernel of our own in this process, which is the default and needs nothing, or to a daemon's
 * when UDXG_SERVER names its socket, or one listens where daemons of the user do. That is decided at the first call,
 * and what is made then is never torn down, because clients call from their static destructors. A forked child has
 * neither: its parent's handles mean nothing in it, and it decides anew at its first call.
 */
#include "client/client.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/os.h"
#include "client/remote.h"
#include "core/dispatch.h"
#include "core/kernel.h"
#include "core/process.h"
#include "core/stats.h"
#include "miniport/miniports.h"
#include "wire/packet.h"

#define HOOK_TRIES 64

/* For the making. No class of base/lock_order.h: it is outermost and held by nobody else. */
static pthread_mutex_t making = PTHREAD_MUTEX_INITIALIZER;
static _Atomic(struct udxg_process *) the_process; /* at most one of the two */
static _Atomic(struct udxg_remote *) the_remote;
static udxg_status why_not; /* with making: the status that the making failed with, for good; lack of memory is not */

static void before_fork(void)
{
    struct udxg_remote *remote;

    pthread_mutex_lock(&making); /* so that no half of one is in the child, nor a session that outlives us there */
    remote = atomic_load(&the_remote);
    if (remote) udxg_remote_lock(remote);
}

static void after_fork(void)
{
    struct udxg_remote *remote = atomic_load(&the_remote);

    if (remote) udxg_remote_unlock(remote);
    pthread_mutex_unlock(&making);
}

/* In the child of a fork: what the parent had is the parent's. */
static void forget(void)
{
    struct udxg_remote *remote = atomic_load(&the_remote);

    if (remote) udxg_remote_forget(remote);
    pthread_mutex_init(&making, NULL);
    atomic_store(&the_process, NULL);
    atomic_store(&the_remote, NULL);
    why_not = STATUS_SUCCESS;
    udxg_stats_forget();
    udxg_os_track_forget();
    udxg_os_forget_pages();
}

/* ---- a daemon ---- */

/* What went wrong, for people: it ends every call of the program. */
static void complain(const char *path, udxg_status status)
{
    const char *what = status == STATUS_OBJECT_NAME_NOT_FOUND     ? "no daemon listens there"
                       : status == STATUS_GRAPHICS_DRIVER_MISMATCH ? "the daemon is of another release of udxg"
                       : status == STATUS_ACCESS_DENIED            ? "the daemon is another user's"
                                                                   : udxg_status_name(status);

    fprintf(stderr, "udxg: error: UDXG_SERVER=%s: %s\n", path, what ? what : "the daemon does not answer");
}

/*
 * Joins the daemon that UDXG_SERVER names; when it is not set, one that listens at the usual place, and no error when
 * there is none. An empty UDXG_SERVER: none. *ret_remote stays NULL where the kernel is to be our own.
 */
static udxg_status join_daemon(struct udxg_remote **ret_remote)
{
    const char *path = secure_getenv("UDXG_SERVER"), *folder = secure_getenv("XDG_RUNTIME_DIR");
    char usual[WIRE_PATH_MAX];
    udxg_status status;

    if (path && !*path) return STATUS_SUCCESS;
    if (path) {
        status = udxg_remote_open(path, ret_remote);
        if (udxg_failed(status)) complain(path, status);
        return status;
    }
    if (!folder || snprintf(usual, sizeof usual, WIRE_PATH_USUAL, folder) >= (int)sizeof usual) return STATUS_SUCCESS;
    if (udxg_failed(udxg_remote_open(usual, ret_remote))) *ret_remote = NULL;
    return STATUS_SUCCESS;
}

/* ---- a kernel of our own ---- */

static udxg_status make(struct udxg_process **ret_process)
{
    struct udxg_kernel *kernel;
    char error[512] = "";
    udxg_status status;

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

static atomic_bool fork_hooked;

static void try_hook(void)
{
    atomic_store(&fork_hooked, pthread_atfork(before_fork, after_fork, forget) == 0);
}

/*
 * Once, and once more each time that there was no memory for it, up to a limit. No mutex can guard it: who holds one in
 * a fork that nobody has hooked holds it in the child for ever; pthread_once() knows of forks.
 */
static void hook_forks(void)
{
    static pthread_once_t tries[] = {[0 ... HOOK_TRIES - 1] = PTHREAD_ONCE_INIT};
    static atomic_uint next;
    unsigned number = atomic_load(&next);

    if (number == HOOK_TRIES || atomic_load(&fork_hooked)) return;
    pthread_once(&tries[number], try_hook);
    if (!atomic_load(&fork_hooked)) atomic_compare_exchange_strong(&next, &number, number + 1);
}

static udxg_status make_once(void)
{
    struct udxg_process *process = NULL;
    struct udxg_remote *remote = NULL;
    udxg_status status;

    hook_forks(); /* before the mutex is taken, which a fork would leave taken */
    pthread_mutex_lock(&making);
    status = why_not;
    if (!atomic_load(&the_process) && !atomic_load(&the_remote) && !udxg_failed(status)) {
        udxg_stats_attach(getenv("UDXG_STATS"));
        status = atomic_load(&fork_hooked) ? join_daemon(&remote) : STATUS_NO_MEMORY;
        if (!udxg_failed(status) && !remote) status = make(&process);
        atomic_store_explicit(&the_remote, remote, memory_order_release);
        atomic_store_explicit(&the_process, process, memory_order_release);
        if (status != STATUS_NO_MEMORY) why_not = status; /* a wrong profile stays wrong, memory may come back */
    }
    pthread_mutex_unlock(&making);
    return status;
}

udxg_status udxg_call(enum udxg_thunk_id id, const void *args)
{
    struct udxg_process *process = atomic_load_explicit(&the_process, memory_order_acquire);
    struct udxg_remote *remote;
    udxg_status status;

    if (process) return udxg_dispatch(process, id, args);
    remote = atomic_load_explicit(&the_remote, memory_order_acquire);
    if (remote) return udxg_remote_call(remote, id, args);
    status = make_once();
    return udxg_failed(status) ? status : udxg_call(id, args);
}
