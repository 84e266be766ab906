/* SPDX-License-Identifier: MIT */
/*
 * NT handles and the thread that sees them close. A handle is on the list from its opening to the hang-up;
 * the thread, and the end of the kernel, are the only ones that take it off. Lock: NT, never while a handle's
 * callback runs.
 */
#include "core/nt_handle.h"

#include "base/os.h"

void udxg_nt_handles_init(struct udxg_nt_handles *handles) UDXG_NO_TSA
{
    udxg_mutex_init_NT(&handles->lock);
    udxg_list_init(&handles->open);
    handles->epoll_fd = handles->stop_fd = -1;
}

/* Ends a handle whose client end is gone, or whose kernel is. */
static void end(struct udxg_nt_handles *handles, struct udxg_nt_handle *handle)
{
    udxg_lock(NT, &handles->lock);
    udxg_list_remove(&handle->link);
    udxg_unlock(NT, &handles->lock);
    udxg_os_close(handle->fd);
    handle->closed(handle);
}

static void *watch(void *argument)
{
    struct udxg_nt_handles *handles = argument;
    void *hung_up;

    /* The stop descriptor is registered with NULL. */
    while ((hung_up = udxg_os_epoll_wait(handles->epoll_fd))) end(handles, hung_up);
    return NULL;
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

void udxg_nt_handles_fini(struct udxg_nt_handles *handles)
{
    struct udxg_list *link;
    bool started;

    udxg_lock(NT, &handles->lock);
    started = handles->started;
    udxg_unlock(NT, &handles->lock);
    if (started) {
        udxg_os_event_signal(handles->stop_fd);
        pthread_join(handles->thread, NULL);
        udxg_os_close(handles->epoll_fd);
        udxg_os_close(handles->stop_fd);
    }
    for (;;) {
        udxg_lock(NT, &handles->lock);
        link = udxg_list_first(&handles->open);
        udxg_unlock(NT, &handles->lock);
        if (!link) break;
        end(handles, udxg_container_of(link, struct udxg_nt_handle, link));
    }
    udxg_mutex_fini_NT(&handles->lock);
}

udxg_status udxg_nt_handle_open(struct udxg_nt_handles *handles, struct udxg_nt_handle *handle,
                                void (*closed)(struct udxg_nt_handle *handle), int *ret_client_fd)
{
    int client_fd;
    udxg_status status = udxg_os_socket_pair(&handle->fd, &client_fd);

    if (udxg_failed(status)) return status;
    handle->closed = closed;
    udxg_lock(NT, &handles->lock);
    status = start_locked(handles);
    if (!udxg_failed(status)) udxg_list_append(&handles->open, &handle->link);
    udxg_unlock(NT, &handles->lock);
    if (!udxg_failed(status)) {
        status = udxg_os_epoll_add(handles->epoll_fd, handle->fd, handle);
        if (!udxg_failed(status)) {
            *ret_client_fd = client_fd;
            return STATUS_SUCCESS;
        }
        udxg_lock(NT, &handles->lock);
        udxg_list_remove(&handle->link);
        udxg_unlock(NT, &handles->lock);
    }
    udxg_os_close(handle->fd);
    udxg_os_close(client_fd);
    return status;
}
