/* SPDX-License-Identifier: MIT */
/*
 * NT handles and the thread that sees them close. A handle is on the list, and in the table of inodes, from its
 * opening to the hang-up; whoever sweeps, and the end of the kernel, are the only ones that take it off. Only one
 * sweeps at a time: the thread, or who finds no descriptor left. The table of names knows a share from its making
 * until somebody notices that its last handle is closed: who sweeps, or whoever looks the name up before that.
 *
 * A descriptor of the client is asked for what never blocks, and ours for what the client cannot hold up: decision 17.
 *
 * Locks: NT, never while references are dropped.
 */
#include "core/nt_handle.h"

#include <stdlib.h>
#include <string.h>

#include "base/os.h"
#include "core/account.h"

#define NAP_NS 1000000u

/* What handles stand for. */
struct share {
    uint32_t handle_count UDXG_GUARDED_BY(NT);    /* it goes with the last one */
    struct udxg_list handles UDXG_GUARDED_BY(NT); /* struct nt_handle; those not seen closed by a look-up */
    bool named UDXG_GUARDED_BY(NT);               /* in the table of names */
    struct udxg_hash_node by_name UDXG_GUARDED_BY(NT);
    uint32_t count;                               /* constant, like what follows */
    struct udxg_shared *objects[UDXG_NT_OBJECTS]; /* referenced */
    uint32_t withheld;
    struct udxg_account *account; /* referenced; that the name is charged to; NULL: it has none, or is not charged */
    uint32_t owner;
    uint32_t unit_count;
    uint16_t units[];
};

/* One descriptor. */
struct nt_handle {
    struct udxg_list link UDXG_GUARDED_BY(NT);    /* in the kernel's list */
    struct udxg_list sibling UDXG_GUARDED_BY(NT); /* in the share's, or in none */
    struct udxg_hash_node by_inode UDXG_GUARDED_BY(NT);
    struct share *share;          /* kept by being counted; constant, like what follows */
    struct udxg_account *account; /* referenced; NULL: none */
    struct udxg_os_pipe_end end;  /* the client's, without its stamp, which is made for each look-up */
    uint32_t access;
    int fd; /* our end */
};

void udxg_nt_handles_init(struct udxg_nt_handles *handles) UDXG_NO_TSA
{
    udxg_mutex_init_NT(&handles->lock);
    udxg_list_init(&handles->open);
    udxg_hash_init(&handles->by_inode);
    udxg_hash_init(&handles->names);
    handles->started = handles->sweeping = false;
    atomic_init(&handles->ended, 0);
    pthread_cond_init(&handles->swept, NULL);
    handles->epoll_fd = handles->stop_fd = -1;
}

/* ---- shares ---- */

static void share_free(struct share *share)
{
    for (uint32_t i = 0; i < share->count; i++) udxg_shared_unref(share->objects[i]);
    udxg_account_discharge(share->account, UDXG_CHARGE_NAMES, 1);
    udxg_account_unref(share->account);
    free(share);
}

static udxg_status share_create(uint32_t count, struct udxg_shared *const *objects, const struct udxg_name *name,
                                struct udxg_account *account, struct share **ret_share) UDXG_NO_TSA
{
    struct share *share = malloc(sizeof *share + name->count * sizeof *name->units);
    struct udxg_account *charged = name->count ? account : NULL;
    udxg_status status = share ? udxg_account_charge(charged, UDXG_CHARGE_NAMES, 1) : STATUS_NO_MEMORY;

    if (udxg_failed(status)) {
        free(share);
        return status;
    }
    share->account = udxg_account_ref(charged);
    udxg_list_init(&share->handles);
    share->handle_count = 0;
    share->named = false;
    share->count = count;
    for (uint32_t i = 0; i < count; i++) {
        udxg_shared_ref(objects[i]);
        share->objects[i] = objects[i];
    }
    share->owner = name->owner;
    share->unit_count = name->count;
    memcpy(share->units, name->units, name->count * sizeof *name->units);
    *ret_share = share;
    return STATUS_SUCCESS;
}

static void unname_locked(struct udxg_nt_handles *handles, struct share *share) UDXG_REQUIRES(NT)
{
    if (share->named) udxg_hash_remove(&handles->names, &share->by_name);
    share->named = false;
}

/*
 * The thread may not have woken yet: a name must be gone when close() has returned. A handle that was seen closed is
 * not asked again, so that whoever closes many does not make each look-up slow.
 */
static bool is_open_locked(struct share *share) UDXG_REQUIRES(NT)
{
    struct udxg_list *link;

    while ((link = udxg_list_first(&share->handles))) {
        if (!udxg_os_has_hung_up(udxg_container_of(link, struct nt_handle, sibling)->fd)) return true;
        udxg_list_remove(link);
    }
    return false;
}

static uint64_t hash_name(const struct udxg_name *name)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ name->owner; /* FNV-1a */

    for (uint32_t i = 0; i < name->count; i++) hash = (hash ^ name->units[i]) * UINT64_C(0x100000001b3);
    return hash;
}

static bool is_named(const struct share *share, const struct udxg_name *name)
{
    return share->owner == name->owner && share->unit_count == name->count &&
           !memcmp(share->units, name->units, name->count * sizeof *name->units);
}

static struct share *find_name_locked(struct udxg_nt_handles *handles, const struct udxg_name *name) UDXG_REQUIRES(NT)
{
    struct udxg_hash_node *node = udxg_hash_find(&handles->names, hash_name(name));
    struct share *share;

    while (node && !is_named(udxg_container_of(node, struct share, by_name), name)) node = udxg_hash_next(node);
    if (!node) return NULL;
    share = udxg_container_of(node, struct share, by_name);
    if (is_open_locked(share)) return share;
    unname_locked(handles, share);
    return NULL;
}

/* ---- handles ---- */

/* Our descriptor is the last that goes but the memory. */
static void handle_free(struct nt_handle *handle)
{
    udxg_account_discharge(handle->account, UDXG_CHARGE_DESCRIPTORS, 1);
    udxg_account_unref(handle->account);
    if (handle->fd >= 0) udxg_os_close(handle->fd);
    free(handle);
}

/* Takes a handle off everything. True when it was the last of its share, which is the caller's then. */
static bool unlink_locked(struct udxg_nt_handles *handles, struct nt_handle *handle) UDXG_REQUIRES(NT)
{
    udxg_list_remove(&handle->link);
    udxg_hash_remove(&handles->by_inode, &handle->by_inode);
    udxg_list_remove(&handle->sibling);
    if (--handle->share->handle_count) return false;
    unname_locked(handles, handle->share);
    return true;
}

/*
 * Ends a handle whose client end is gone, or whose kernel is. Our descriptor is the last that goes: who sees it closed
 * knows that all is given back.
 */
static void end(struct udxg_nt_handles *handles, struct nt_handle *handle)
{
    struct share *share = handle->share;
    bool last;

    udxg_lock(NT, &handles->lock);
    last = unlink_locked(handles, handle);
    udxg_unlock(NT, &handles->lock);
    if (last) share_free(share);
    handle_free(handle);
    atomic_fetch_add(&handles->ended, 1);
}

/* False when the stop descriptor, which is registered with NULL, was among them. */
static bool end_all(struct udxg_nt_handles *handles, unsigned count, void *const *hung_up)
{
    bool go_on = true;

    for (unsigned i = 0; i < count; i++) {
        if (hung_up[i])
            end(handles, hung_up[i]);
        else
            go_on = false;
    }
    return go_on;
}

/* False when there is nothing to sweep yet. */
static bool begin_sweep(struct udxg_nt_handles *handles)
{
    bool started;

    udxg_lock(NT, &handles->lock);
    while (handles->sweeping) pthread_cond_wait(&handles->swept, &handles->lock.mutex);
    started = handles->sweeping = handles->started;
    udxg_unlock(NT, &handles->lock);
    return started;
}

static void end_sweep(struct udxg_nt_handles *handles)
{
    udxg_lock(NT, &handles->lock);
    handles->sweeping = false;
    pthread_cond_broadcast(&handles->swept);
    udxg_unlock(NT, &handles->lock);
}

/* Ends what has hung up; false when the thread is to end. */
static bool sweep(struct udxg_nt_handles *handles, unsigned *ret_count)
{
    void *hung_up[UDXG_OS_EVENTS];
    bool go_on;

    *ret_count = 0;
    if (!begin_sweep(handles)) return false;
    go_on = udxg_os_epoll_take(handles->epoll_fd, hung_up, ret_count);
    go_on &= end_all(handles, *ret_count, hung_up);
    end_sweep(handles);
    return go_on;
}

/* Who closes many does not wake it for each: what hangs up during the nap is only put on the kernel's list. */
static void *watch(void *argument)
{
    struct udxg_nt_handles *handles = argument;
    unsigned count;

    while (udxg_os_epoll_wait(handles->epoll_fd) && sweep(handles, &count))
        if (count < UDXG_OS_EVENTS) udxg_os_nap_ns(NAP_NS);
    return NULL;
}

/* What the thread would do after its nap, or is doing; true when any have ended since there were ENDED. */
static bool end_closed(struct udxg_nt_handles *handles, unsigned ended)
{
    unsigned count;

    (void)sweep(handles, &count);
    return atomic_load(&handles->ended) != ended;
}

static udxg_status start_locked(struct udxg_nt_handles *handles) UDXG_REQUIRES(NT)
{
    udxg_status status;

    if (handles->started) return STATUS_SUCCESS;
    status = udxg_os_epoll_create(&handles->epoll_fd, &handles->stop_fd);
    if (udxg_failed(status)) return status;
    handles->started = udxg_os_thread_create(&handles->thread, "udxg-handles", watch, handles);
    if (handles->started) return STATUS_SUCCESS;
    udxg_os_close(handles->epoll_fd);
    udxg_os_close(handles->stop_fd);
    return STATUS_NO_MEMORY;
}

void udxg_nt_handles_fini(struct udxg_nt_handles *handles) UDXG_NO_TSA
{
    struct udxg_list *link;

    /* Nobody makes handles any more, so what the thread does is all that happens. */
    if (handles->started) {
        udxg_os_event_signal(handles->stop_fd);
        pthread_join(handles->thread, NULL);
        udxg_os_close(handles->epoll_fd);
        udxg_os_close(handles->stop_fd);
    }
    while ((link = udxg_list_first(&handles->open))) end(handles, udxg_container_of(link, struct nt_handle, link));
    udxg_hash_fini(&handles->names);
    udxg_hash_fini(&handles->by_inode);
    pthread_cond_destroy(&handles->swept);
    udxg_mutex_fini_NT(&handles->lock);
}

static udxg_status make_pipe(const struct udxg_nt_request *request, int *ret_ours, int *ret_clients)
{
    return request->readable ? udxg_os_pipe(ret_clients, ret_ours) : udxg_os_pipe(ret_ours, ret_clients);
}

/* What the client has closed counts no more, whether or not the thread has seen it. */
static udxg_status charge_descriptor(struct udxg_nt_handles *handles, struct udxg_account *account)
{
    udxg_status status;
    unsigned ended;

    do {
        ended = atomic_load(&handles->ended);
        status = udxg_account_charge(account, UDXG_CHARGE_DESCRIPTORS, 1);
    } while (udxg_failed(status) && end_closed(handles, ended));
    return status;
}

/* A handle that nobody knows yet, and the client's descriptor. */
static udxg_status handle_create(struct udxg_nt_handles *handles, const struct udxg_nt_request *request,
                                 struct nt_handle **ret_handle, int *ret_fd)
{
    struct nt_handle *handle = malloc(sizeof *handle);
    udxg_status status = handle ? charge_descriptor(handles, request->account) : STATUS_NO_MEMORY;
    unsigned ended;

    if (udxg_failed(status)) {
        free(handle);
        return status;
    }
    handle->account = udxg_account_ref(request->account);
    /* There may be no descriptor left but those that the client has closed already. */
    do {
        ended = atomic_load(&handles->ended);
        status = make_pipe(request, &handle->fd, ret_fd);
    } while (udxg_failed(status) && end_closed(handles, ended));
    if (udxg_failed(status)) {
        handle->fd = -1;
        handle_free(handle);
        return status;
    }
    if (!udxg_os_pipe_end(*ret_fd, &handle->end)) { /* somebody closes descriptors that are not his */
        udxg_os_close(*ret_fd);
        handle_free(handle);
        return STATUS_NO_MEMORY;
    }
    if (request->inherit) udxg_os_make_inheritable(*ret_fd);
    handle->access = request->access & ~request->withheld;
    *ret_handle = handle;
    return STATUS_SUCCESS;
}

static void link_locked(struct udxg_nt_handles *handles, struct nt_handle *handle, struct share *share)
    UDXG_REQUIRES(NT)
{
    handle->share = share;
    share->handle_count++;
    udxg_list_append(&handles->open, &handle->link);
    udxg_list_append(&share->handles, &handle->sibling);
    udxg_hash_insert(&handles->by_inode, &handle->by_inode, handle->end.inode);
}

/* After it the handle may be gone at any time. Before it nobody but its maker ends it. */
static udxg_status watch_handle(struct udxg_nt_handles *handles, struct nt_handle *handle, int client_fd)
{
    udxg_status status = udxg_os_epoll_add(handles->epoll_fd, handle->fd, handle);

    if (!udxg_failed(status)) return status;
    udxg_os_close(client_fd);
    end(handles, handle);
    return status;
}

static udxg_status publish_share_locked(struct udxg_nt_handles *handles, struct share *share,
                                        const struct udxg_name *name) UDXG_REQUIRES(NT)
{
    udxg_status status = start_locked(handles);

    if (udxg_failed(status) || !name->count) return status;
    if (find_name_locked(handles, name)) return STATUS_OBJECT_NAME_COLLISION;
    share->named = true;
    udxg_hash_insert(&handles->names, &share->by_name, hash_name(name));
    return STATUS_SUCCESS;
}

udxg_status udxg_nt_share(struct udxg_nt_handles *handles, uint32_t count, struct udxg_shared *const *objects,
                          const struct udxg_name *name, const struct udxg_nt_request *request, int *ret_fd)
{
    struct nt_handle *handle;
    struct share *share;
    int fd;
    udxg_status status = share_create(count, objects, name, request->account, &share);

    if (udxg_failed(status)) return status;
    share->withheld = request->withheld;
    status = handle_create(handles, request, &handle, &fd);
    if (udxg_failed(status)) {
        share_free(share);
        return status;
    }
    udxg_lock(NT, &handles->lock);
    status = publish_share_locked(handles, share, name);
    if (!udxg_failed(status)) link_locked(handles, handle, share);
    udxg_unlock(NT, &handles->lock);
    if (udxg_failed(status)) {
        udxg_os_close(fd);
        handle_free(handle);
        share_free(share);
        return status;
    }
    status = watch_handle(handles, handle, fd);
    if (!udxg_failed(status)) *ret_fd = fd;
    return status;
}

static udxg_status join_name_locked(struct udxg_nt_handles *handles, const struct udxg_name *name,
                                    enum udxg_shared_kind kind, struct nt_handle *handle) UDXG_REQUIRES(NT)
{
    struct share *share = find_name_locked(handles, name);

    if (!share) return STATUS_OBJECT_NAME_NOT_FOUND;
    if (share->objects[0]->class->kind != kind) return STATUS_OBJECT_TYPE_MISMATCH;
    handle->access &= ~share->withheld;
    if (!handle->access) return STATUS_ACCESS_DENIED;
    link_locked(handles, handle, share);
    return STATUS_SUCCESS;
}

udxg_status udxg_nt_open_name(struct udxg_nt_handles *handles, const struct udxg_name *name, enum udxg_shared_kind kind,
                              const struct udxg_nt_request *request, int *ret_fd)
{
    struct nt_handle *handle;
    int fd;
    udxg_status status = handle_create(handles, request, &handle, &fd);

    if (udxg_failed(status)) return status;
    udxg_lock(NT, &handles->lock);
    status = join_name_locked(handles, name, kind, handle);
    udxg_unlock(NT, &handles->lock);
    if (udxg_failed(status)) {
        udxg_os_close(fd);
        handle_free(handle);
        return status;
    }
    status = watch_handle(handles, handle, fd);
    if (!udxg_failed(status)) *ret_fd = fd;
    return status;
}

/* ---- look-up ---- */

/*
 * Whether FD is of this pipe: a new stamp of ours must be on it. A pipe that has the same number, and has copied all
 * that can be copied, does not have that. With the lock, so that nobody else gives it one.
 */
static bool is_genuine_locked(const struct nt_handle *handle, intptr_t fd) UDXG_REQUIRES(NT)
{
    struct udxg_os_pipe_end expected = handle->end, seen;

    return udxg_os_pipe_stamp(handle->fd, &expected.stamp) && udxg_os_pipe_end(fd, &seen) &&
           udxg_os_same_pipe_end(&expected, &seen);
}

static const struct nt_handle *find_handle_locked(struct udxg_nt_handles *handles, uint64_t inode, intptr_t fd)
    UDXG_REQUIRES(NT)
{
    struct udxg_hash_node *node = udxg_hash_find(&handles->by_inode, inode);
    const struct nt_handle *handle;

    for (; node; node = udxg_hash_next(node)) {
        handle = udxg_container_of(node, struct nt_handle, by_inode);
        if (is_genuine_locked(handle, fd)) return handle;
    }
    return NULL;
}

static udxg_status get_locked(const struct nt_handle *handle, enum udxg_shared_kind kind, struct udxg_nt_found *ret)
{
    const struct share *share = handle->share;

    if (share->objects[0]->class->kind != kind) return STATUS_OBJECT_TYPE_MISMATCH;
    ret->count = share->count;
    ret->access = handle->access;
    for (uint32_t i = 0; i < share->count; i++) {
        udxg_shared_ref(share->objects[i]);
        ret->objects[i] = share->objects[i];
    }
    return STATUS_SUCCESS;
}

udxg_status udxg_nt_find(struct udxg_nt_handles *handles, intptr_t fd, enum udxg_shared_kind kind,
                         struct udxg_nt_found *ret)
{
    struct udxg_os_pipe_end end;
    const struct nt_handle *handle;
    udxg_status status;

    if (!udxg_os_pipe_end(fd, &end)) return STATUS_INVALID_HANDLE;
    udxg_lock(NT, &handles->lock);
    handle = find_handle_locked(handles, end.inode, fd);
    status = handle ? get_locked(handle, kind, ret) : STATUS_INVALID_HANDLE;
    udxg_unlock(NT, &handles->lock);
    return status;
}

void udxg_nt_forget(struct udxg_nt_found *found)
{
    for (uint32_t i = 0; i < found->count; i++) udxg_shared_unref(found->objects[i]);
}

/* With the lock, so that the descriptor stays ours; the pipe is empty, and writing to it does not block. */
void udxg_nt_mark_readable(struct udxg_nt_handles *handles, uint64_t inode, const struct udxg_shared *object)
{
    struct udxg_hash_node *node;
    const struct nt_handle *handle;

    udxg_lock(NT, &handles->lock);
    for (node = udxg_hash_find(&handles->by_inode, inode); node; node = udxg_hash_next(node)) {
        handle = udxg_container_of(node, struct nt_handle, by_inode);
        if (handle->share->objects[0] == object) udxg_os_pipe_mark(handle->fd);
    }
    udxg_unlock(NT, &handles->lock);
}
