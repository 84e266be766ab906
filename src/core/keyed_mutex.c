/* SPDX-License-Identifier: MIT */
/*
 * Keyed mutexes. Invariants: the owner is an opening whose handle is not closed; nobody waits for the key of a mutex
 * that is free; nobody waits for an abandoned one. Waiters of one key are served in the order in which they came.
 *
 * A waiter stands on its thread's stack. Whoever ends it does so with the lock, and the thread takes the lock before it
 * returns, so that a waiter in the order is always there. A release wakes by address alone, after the lock: the thread
 * may have noticed by itself, and then it is a wake-up for nobody.
 *
 * Lock: KEYED of one mutex, never while a thread sleeps.
 */
#include "core/keyed_mutex.h"

#include <stdlib.h>
#include <string.h>

#include "abi/thunk.h"
#include "base/order.h"
#include "base/os.h"
#include "core/device.h"
#include "core/handlers.h"

struct keyed_mutex {
    struct udxg_shared shared;
    struct udxg_mutex_KEYED lock;
    uint64_t key UDXG_GUARDED_BY(KEYED);         /* while it is free */
    uint64_t fence_value UDXG_GUARDED_BY(KEYED); /* as the last release gave it */
    struct opening *owner UDXG_GUARDED_BY(KEYED);
    bool abandoned UDXG_GUARDED_BY(KEYED);
    struct udxg_order waiters UDXG_GUARDED_BY(KEYED); /* by key */
    void *data UDXG_GUARDED_BY(KEYED);                /* private runtime data; its size is set once */
    uint32_t data_bytes UDXG_GUARDED_BY(KEYED);
};

struct opening {
    atomic_uint refs;             /* the handle, every call that sleeps */
    struct udxg_process *process; /* constant, like the rest but closed */
    struct keyed_mutex *mutex;    /* an opening of it */
    uint32_t handle;
    void *offered; /* data for a mutex that has none; owned, until it is published */
    uint32_t offered_bytes;
    bool closed UDXG_GUARDED_BY(KEYED);
};

enum waiter_state { WAITING, GRANTED, ABANDONED, CLOSED, CANCELLED };

struct waiter {
    struct udxg_order_node node UDXG_GUARDED_BY(KEYED); /* in the mutex's, while WAITING */
    struct opening *opening;                            /* constant */
    struct udxg_stall stall;
    _Atomic uint32_t state; /* written with KEYED; a thread sleeps on it */
};

static struct waiter *waiter_of(struct udxg_order_node *node)
{
    return udxg_container_of(node, struct waiter, node);
}

/* ---- life ---- */

static void mutex_destroy(struct udxg_shared *shared) UDXG_NO_TSA
{
    struct keyed_mutex *mutex = udxg_container_of(shared, struct keyed_mutex, shared);

    udxg_mutex_fini_KEYED(&mutex->lock);
    udxg_kept_free(mutex->data);
    free(mutex);
}

static const struct udxg_shared_class keyed_mutex_class;

/* How one is to be made. */
struct creation {
    uint64_t key;
    bool nt_sharing;
    const void *data;
    uint32_t data_bytes;
};

static udxg_status mutex_create(struct udxg_account *account, const struct creation *creation,
                                struct keyed_mutex **ret_mutex) UDXG_NO_TSA
{
    struct keyed_mutex *mutex = calloc(1, sizeof *mutex);
    udxg_status status =
        mutex ? udxg_kept_create(account, creation->data, creation->data_bytes, &mutex->data) : STATUS_NO_MEMORY;

    if (udxg_failed(status)) {
        free(mutex);
        return status;
    }
    udxg_shared_init(&mutex->shared, &keyed_mutex_class, creation->nt_sharing);
    udxg_mutex_init_KEYED(&mutex->lock);
    udxg_order_init(&mutex->waiters);
    mutex->key = creation->key;
    mutex->data_bytes = creation->data_bytes;
    *ret_mutex = mutex;
    return STATUS_SUCCESS;
}

/* An opening without a handle, with the caller's opening of MUTEX. */
static udxg_status opening_create(struct udxg_process *process, struct keyed_mutex *mutex, struct opening **ret_opening)
{
    struct opening *opening = calloc(1, sizeof *opening);

    if (!opening) return STATUS_NO_MEMORY;
    atomic_init(&opening->refs, 1);
    opening->process = process;
    opening->mutex = mutex;
    *ret_opening = opening;
    return STATUS_SUCCESS;
}

/* A mutex that has no data gets what its opener brought. */
static void adopt_data(struct opening *opening)
{
    struct keyed_mutex *mutex = opening->mutex;

    udxg_lock(KEYED, &mutex->lock);
    if (!mutex->data_bytes) {
        mutex->data = opening->offered;
        mutex->data_bytes = opening->offered_bytes;
        opening->offered = NULL;
    }
    udxg_unlock(KEYED, &mutex->lock);
    udxg_kept_free(opening->offered);
    opening->offered = NULL;
}

/* What it does to the mutex, it does here: an open that fails later has changed nothing. */
static void opening_publish(void *object, uint32_t handle)
{
    struct opening *opening = object;

    if (opening->offered) adopt_data(opening);
    opening->handle = handle;
    udxg_handle_publish(&opening->process->handles, handle, UDXG_HANDLE_KEYED_MUTEX, opening);
}

/* The count of openings ended with the handle; what is left is a reference to the mutex. */
static void opening_unref(struct opening *opening)
{
    if (atomic_fetch_sub(&opening->refs, 1) != 1) return;
    udxg_shared_unref(&opening->mutex->shared);
    udxg_kept_free(opening->offered);
    free(opening);
}

static void opening_discard(void *object)
{
    struct opening *opening = object;

    udxg_shared_end_opening(&opening->mutex->shared);
    opening_unref(opening);
}

/* ---- acquiring ---- */

static void end_locked(struct keyed_mutex *mutex, struct waiter *waiter, enum waiter_state state) UDXG_REQUIRES(KEYED)
{
    udxg_order_remove(&mutex->waiters, &waiter->node);
    atomic_store(&waiter->state, state);
}

/* With the lock, as long as the waiter is there. */
static void end_and_wake_locked(struct keyed_mutex *mutex, struct waiter *waiter, enum waiter_state state)
    UDXG_REQUIRES(KEYED)
{
    end_locked(mutex, waiter, state);
    udxg_os_futex_wake(&waiter->state);
}

/* The process ends. */
static void cancel(struct udxg_stall *stall, udxg_status why)
{
    struct waiter *waiter = udxg_container_of(stall, struct waiter, stall);
    struct keyed_mutex *mutex = waiter->opening->mutex;

    (void)why;
    udxg_lock(KEYED, &mutex->lock);
    if (atomic_load(&waiter->state) == WAITING) end_and_wake_locked(mutex, waiter, CANCELLED);
    udxg_unlock(KEYED, &mutex->lock);
}

/* When an acquire gives up. */
struct deadline {
    bool never, poll, realtime;
    uint64_t at_ns;
};

#define UNITS_TO_1970 INT64_C(116444736000000000) /* of 100 ns, from 1601 on */

static struct deadline deadline_of(const LARGE_INTEGER *timeout)
{
    struct deadline deadline = {.never = !timeout};
    uint64_t units, now;

    if (!timeout) return deadline;
    deadline.realtime = timeout->QuadPart > 0;
    deadline.poll = timeout->QuadPart == 0 || (deadline.realtime && timeout->QuadPart <= UNITS_TO_1970);
    if (deadline.poll) return deadline;
    units = deadline.realtime ? (uint64_t)(timeout->QuadPart - UNITS_TO_1970) : 0 - (uint64_t)timeout->QuadPart;
    now = deadline.realtime ? 0 : udxg_os_now_ns();
    deadline.never = units > (INT64_MAX - now) / 100; /* 292 years */
    deadline.at_ns = now + units * 100;
    return deadline;
}

/* Sleeps until the waiter has been ended, by somebody or because the time is up. */
static void sleep_until_ended(struct waiter *waiter, const struct deadline *deadline)
{
    bool in_time = true;

    while (in_time && atomic_load(&waiter->state) == WAITING) {
        if (deadline->never)
            udxg_os_futex_wait(&waiter->state, WAITING);
        else
            in_time = udxg_os_futex_wait_until(&waiter->state, WAITING, deadline->at_ns, deadline->realtime);
    }
}

/* What an acquire asks for, and what it gets. */
struct acquire {
    uint64_t key;
    void *data; /* NULL: none wanted */
    uint32_t data_bytes;
    uint64_t fence_value;
};

/* STATUS_PENDING: it has to wait. */
static udxg_status try_acquire_locked(struct opening *opening, const struct acquire *acquire) UDXG_REQUIRES(KEYED)
{
    struct keyed_mutex *mutex = opening->mutex;

    if (opening->closed) return STATUS_INVALID_PARAMETER;
    if ((acquire->data || acquire->data_bytes) && acquire->data_bytes != mutex->data_bytes)
        return STATUS_INVALID_PARAMETER;
    if (mutex->abandoned) return STATUS_ABANDONED;
    if (mutex->owner || mutex->key != acquire->key) return STATUS_PENDING;
    mutex->owner = opening;
    return STATUS_SUCCESS;
}

/* The opening owns the mutex: nobody changes what is read here. */
static void receive_locked(const struct opening *opening, struct acquire *acquire) UDXG_REQUIRES(KEYED)
{
    const struct keyed_mutex *mutex = opening->mutex;

    acquire->fence_value = mutex->fence_value;
    if (acquire->data && acquire->data_bytes) memcpy(acquire->data, mutex->data, mutex->data_bytes);
}

static udxg_status wait_for_turn(struct opening *opening, struct waiter *waiter, const struct deadline *deadline,
                                 struct acquire *acquire)
{
    static const udxg_status statuses[] = {
        [WAITING] = STATUS_TIMEOUT,          [GRANTED] = STATUS_SUCCESS,          [ABANDONED] = STATUS_ABANDONED,
        [CLOSED] = STATUS_INVALID_PARAMETER, [CANCELLED] = STATUS_DEVICE_REMOVED,
    };
    struct keyed_mutex *mutex = opening->mutex;
    uint32_t state;

    if (udxg_stall_begin(&opening->process->stalls, &waiter->stall))
        sleep_until_ended(waiter, deadline);
    else
        cancel(&waiter->stall, STATUS_DEVICE_REMOVED);
    udxg_stall_end(&waiter->stall);
    udxg_lock(KEYED, &mutex->lock);
    state = atomic_load(&waiter->state);
    if (state == WAITING) udxg_order_remove(&mutex->waiters, &waiter->node);
    if (state == GRANTED) receive_locked(opening, acquire);
    udxg_unlock(KEYED, &mutex->lock);
    return statuses[state];
}

static udxg_status acquire_with(struct opening *opening, const struct deadline *deadline, struct acquire *acquire)
{
    struct waiter waiter = {.opening = opening, .stall.wake = cancel, .state = WAITING};
    struct keyed_mutex *mutex = opening->mutex;
    udxg_status status;

    udxg_lock(KEYED, &mutex->lock);
    status = try_acquire_locked(opening, acquire);
    if (status == STATUS_SUCCESS) receive_locked(opening, acquire);
    if (status == STATUS_PENDING && deadline->poll) status = STATUS_TIMEOUT;
    if (status == STATUS_PENDING) udxg_order_insert(&mutex->waiters, &waiter.node, acquire->key);
    udxg_unlock(KEYED, &mutex->lock);
    return status == STATUS_PENDING ? wait_for_turn(opening, &waiter, deadline, acquire) : status;
}

/* The opening behind a handle, referenced and not pinned: closing the handle must end what sleeps by it. */
static struct opening *opening_get(struct udxg_process *process, uint32_t handle)
{
    struct opening *opening = udxg_handle_get(&process->handles, handle, UDXG_HANDLE_KEYED_MUTEX);

    if (!opening) return NULL;
    atomic_fetch_add(&opening->refs, 1);
    udxg_handle_put(&process->handles, handle);
    return opening;
}

static udxg_status acquire(struct udxg_process *process, uint32_t handle, const LARGE_INTEGER *timeout,
                           struct acquire *acquire)
{
    struct opening *opening = opening_get(process, handle);
    struct deadline deadline;
    udxg_status status;

    if (!opening) return STATUS_INVALID_PARAMETER;
    deadline = deadline_of(timeout);
    status = acquire_with(opening, &deadline, acquire);
    opening_unref(opening);
    return status;
}

udxg_status thunk_AcquireKeyedMutex(struct udxg_process *process, D3DKMT_ACQUIREKEYEDMUTEX *args)
{
    struct acquire wanted = {.key = args->Key};
    udxg_status status = acquire(process, args->hKeyedMutex, args->pTimeout, &wanted);

    args->FenceValue = wanted.fence_value;
    return status;
}

udxg_status thunk_AcquireKeyedMutex2(struct udxg_process *process, D3DKMT_ACQUIREKEYEDMUTEX2 *args)
{
    struct acquire wanted = {
        .key = args->Key,
        .data = args->pPrivateRuntimeData,
        .data_bytes = args->PrivateRuntimeDataSize,
    };
    udxg_status status = acquire(process, args->hKeyedMutex, args->pTimeout, &wanted);

    args->FenceValue = wanted.fence_value;
    return status;
}

/* ---- releasing ---- */

struct release {
    uint64_t key, fence_value;
    const void *data; /* NULL: what the mutex has stays */
    uint32_t data_bytes;
};

/* The next owner, if somebody waits for the key. */
static _Atomic uint32_t *hand_over_locked(struct keyed_mutex *mutex) UDXG_REQUIRES(KEYED)
{
    struct udxg_order_node *node = udxg_order_find(&mutex->waiters, mutex->key);
    struct waiter *waiter;

    if (!node) return NULL;
    waiter = waiter_of(node);
    mutex->owner = waiter->opening;
    end_locked(mutex, waiter, GRANTED);
    return &waiter->state;
}

static udxg_status release_locked(struct opening *opening, const struct release *release, _Atomic uint32_t **ret_word)
    UDXG_REQUIRES(KEYED)
{
    struct keyed_mutex *mutex = opening->mutex;

    if (mutex->owner != opening) return STATUS_INVALID_PARAMETER;
    if ((release->data || release->data_bytes) && release->data_bytes != mutex->data_bytes)
        return STATUS_INVALID_PARAMETER;
    if (release->data_bytes) memcpy(mutex->data, release->data, release->data_bytes);
    mutex->owner = NULL;
    mutex->key = release->key;
    mutex->fence_value = release->fence_value;
    *ret_word = hand_over_locked(mutex);
    return STATUS_SUCCESS;
}

static udxg_status release(struct udxg_process *process, uint32_t handle, const struct release *release)
{
    struct opening *opening = opening_get(process, handle);
    _Atomic uint32_t *word = NULL;
    udxg_status status;

    if (!opening) return STATUS_INVALID_PARAMETER;
    udxg_lock(KEYED, &opening->mutex->lock);
    status = release_locked(opening, release, &word);
    udxg_unlock(KEYED, &opening->mutex->lock);
    if (word) udxg_os_futex_wake(word);
    opening_unref(opening);
    return status;
}

udxg_status thunk_ReleaseKeyedMutex(struct udxg_process *process, D3DKMT_RELEASEKEYEDMUTEX *args)
{
    return release(process, args->hKeyedMutex, &(struct release){.key = args->Key, .fence_value = args->FenceValue});
}

udxg_status thunk_ReleaseKeyedMutex2(struct udxg_process *process, D3DKMT_RELEASEKEYEDMUTEX2 *args)
{
    return release(process, args->hKeyedMutex,
                   &(struct release){.key = args->Key,
                                     .fence_value = args->FenceValue,
                                     .data = args->pPrivateRuntimeData,
                                     .data_bytes = args->PrivateRuntimeDataSize});
}

/* ---- closing ---- */

static void close_locked(struct opening *opening) UDXG_REQUIRES(KEYED)
{
    struct keyed_mutex *mutex = opening->mutex;
    struct udxg_order_node *node, *next;

    opening->closed = true;
    if (mutex->owner == opening) {
        mutex->owner = NULL;
        mutex->abandoned = true;
    }
    for (node = udxg_order_first(&mutex->waiters); node; node = next) {
        struct waiter *waiter = waiter_of(node);
        next = udxg_order_next(node);
        if (waiter->opening == opening)
            end_and_wake_locked(mutex, waiter, CLOSED);
        else if (mutex->abandoned)
            end_and_wake_locked(mutex, waiter, ABANDONED);
    }
}

void udxg_keyed_mutex_release(void *object)
{
    struct opening *opening = object;

    udxg_lock(KEYED, &opening->mutex->lock);
    close_locked(opening);
    udxg_unlock(KEYED, &opening->mutex->lock);
    udxg_shared_end_opening(&opening->mutex->shared);
    opening_unref(opening);
}

udxg_status thunk_DestroyKeyedMutex(struct udxg_process *process, D3DKMT_DESTROYKEYEDMUTEX *args)
{
    return udxg_handle_close(&process->handles, args->hKeyedMutex, UDXG_HANDLE_KEYED_MUTEX) ? STATUS_SUCCESS
                                                                                            : STATUS_INVALID_PARAMETER;
}

/* ---- creating ---- */

static udxg_status make(struct udxg_process *process, const struct creation *creation, struct opening **ret_opening)
{
    struct keyed_mutex *mutex;
    udxg_status status = mutex_create(process->account, creation, &mutex);

    if (udxg_failed(status)) return status;
    status = opening_create(process, mutex, ret_opening);
    if (udxg_failed(status)) {
        udxg_shared_close(&mutex->shared);
        return status;
    }
    if (!creation->nt_sharing) status = udxg_global_publish(&process->kernel->globals, process->owner, &mutex->shared);
    if (udxg_failed(status)) opening_discard(*ret_opening);
    return status;
}

static udxg_status create(struct udxg_process *process, const struct creation *creation, D3DKMT_HANDLE *ret_global,
                          D3DKMT_HANDLE *ret_handle)
{
    struct opening *opening;
    uint32_t handle;
    udxg_status status = udxg_handle_reserve(&process->handles, 1, &handle);

    if (udxg_failed(status)) return status;
    status = make(process, creation, &opening);
    if (udxg_failed(status)) {
        udxg_handle_cancel(&process->handles, 1, &handle);
        return status;
    }
    *ret_global = opening->mutex->shared.global_handle;
    *ret_handle = handle;
    opening_publish(opening, handle);
    return STATUS_SUCCESS;
}

udxg_status thunk_CreateKeyedMutex(struct udxg_process *process, D3DKMT_CREATEKEYEDMUTEX *args)
{
    return create(process, &(struct creation){.key = args->InitialValue}, &args->hSharedHandle, &args->hKeyedMutex);
}

udxg_status thunk_CreateKeyedMutex2(struct udxg_process *process, D3DKMT_CREATEKEYEDMUTEX2 *args)
{
    return create(process,
                  &(struct creation){.key = args->InitialValue,
                                     .nt_sharing = args->Flags.NtSecuritySharing,
                                     .data = args->pPrivateRuntimeData,
                                     .data_bytes = args->PrivateRuntimeDataSize},
                  &args->hSharedHandle, &args->hKeyedMutex);
}

/* ---- opening ---- */

/* Room for the data that is large enough, or none; nothing is ever written there, as on Windows. */
static udxg_status check_room(struct keyed_mutex *mutex, const void *room, uint32_t room_bytes)
{
    uint32_t data_bytes;

    if (!room_bytes) return STATUS_SUCCESS;
    udxg_lock(KEYED, &mutex->lock);
    data_bytes = mutex->data_bytes;
    udxg_unlock(KEYED, &mutex->lock);
    return room && room_bytes >= data_bytes ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}

static udxg_status open_global(struct udxg_process *process, D3DKMT_HANDLE global, const void *room,
                               uint32_t room_bytes, D3DKMT_HANDLE *ret_handle)
{
    struct udxg_shared *shared =
        udxg_global_find(&process->kernel->globals, process->owner, global, UDXG_SHARED_KEYED_MUTEX);
    struct keyed_mutex *mutex;
    struct opening *opening = NULL;
    uint32_t handle;
    udxg_status status;

    if (!shared) return STATUS_INVALID_PARAMETER;
    mutex = udxg_container_of(shared, struct keyed_mutex, shared);
    status = check_room(mutex, room, room_bytes);
    if (!udxg_failed(status)) status = opening_create(process, mutex, &opening);
    if (udxg_failed(status)) {
        udxg_shared_close(shared);
        return status;
    }
    status = udxg_handle_reserve(&process->handles, 1, &handle);
    if (udxg_failed(status)) {
        opening_discard(opening);
        return status;
    }
    *ret_handle = handle;
    opening_publish(opening, handle);
    return STATUS_SUCCESS;
}

udxg_status thunk_OpenKeyedMutex(struct udxg_process *process, D3DKMT_OPENKEYEDMUTEX *args)
{
    return open_global(process, args->hSharedHandle, NULL, 0, &args->hKeyedMutex);
}

udxg_status thunk_OpenKeyedMutex2(struct udxg_process *process, D3DKMT_OPENKEYEDMUTEX2 *args)
{
    return open_global(process, args->hSharedHandle, args->pPrivateRuntimeData, args->PrivateRuntimeDataSize,
                       &args->hKeyedMutex);
}

/* No NT handle stands for a keyed mutex alone, so that every one of ours is one of something else. */
udxg_status thunk_OpenKeyedMutexFromNtHandle(struct udxg_process *process, D3DKMT_OPENKEYEDMUTEXFROMNTHANDLE *args)
{
    struct udxg_nt_found found;
    udxg_status status =
        udxg_nt_find(&process->kernel->nt_handles, (intptr_t)args->hNtHandle, UDXG_SHARED_KEYED_MUTEX, &found);

    if (udxg_failed(status)) return status;
    udxg_nt_forget(&found);
    return STATUS_OBJECT_TYPE_MISMATCH;
}

/* ---- beside a resource ---- */

struct udxg_shared *udxg_keyed_mutex_get_shareable(struct udxg_process *process, uint32_t handle)
{
    struct opening *opening = udxg_handle_get(&process->handles, handle, UDXG_HANDLE_KEYED_MUTEX);
    struct udxg_shared *shared = NULL;

    if (!opening) return NULL;
    if (opening->mutex->shared.nt_sharing) {
        shared = &opening->mutex->shared;
        udxg_shared_ref(shared);
    }
    udxg_handle_put(&process->handles, handle);
    return shared;
}

static udxg_status open_beside(struct udxg_shared *shared, const struct udxg_shared_opener *opener, void **ret_opening)
{
    struct keyed_mutex *mutex = udxg_container_of(shared, struct keyed_mutex, shared);
    struct opening *opening;
    void *copy;
    udxg_status status = udxg_kept_create(opener->device->pa->account, opener->runtime_data,
                                          opener->runtime_data_bytes, &copy);

    if (udxg_failed(status)) return status;
    udxg_shared_open(shared);
    status = opening_create(opener->device->process, mutex, &opening);
    if (udxg_failed(status)) {
        udxg_shared_close(shared);
        udxg_kept_free(copy);
        return status;
    }
    opening->offered = copy;
    opening->offered_bytes = opener->runtime_data_bytes;
    *ret_opening = opening;
    return STATUS_SUCCESS;
}

static const struct udxg_shared_class keyed_mutex_class = {
    .kind = UDXG_SHARED_KEYED_MUTEX,
    .destroy = mutex_destroy,
    .open = open_beside,
    .publish = opening_publish,
    .discard = opening_discard,
};
