/* SPDX-License-Identifier: MIT */
/*
 * A session with a daemon. The socket is for the greeting and for new links, one at a time under the lock. A thread's
 * link is in thread-local storage; a key's destructor leaves it when the thread ends.
 */
#include "client/remote.h"

#include <stdlib.h>

#include "base/os.h"
#include "base/socket.h"
#include "client/link.h"
#include "client/notices.h"
#include "core/stats.h"
#include "wire/packet.h"

#define REPLY_MS 10000

struct udxg_remote {
    pthread_mutex_t lock;   /* for the socket and the list; outermost */
    struct udxg_list links; /* struct udxg_link, of all threads */
    pthread_key_t key;      /* for its destructor; constant */
    int socket_fd;          /* constant */
    struct udxg_view view;
    struct udxg_notices notices;
};

static __thread struct udxg_link *my_link; /* of the one session that there is */
static struct udxg_remote *the_session;    /* for the destructor of the key: it is told the link alone */

/* ---- the greeting ---- */

static udxg_status greet(int socket_fd, int *ret_notices_fd)
{
    struct wire_hello hello = {.kind = WIRE_HELLO,
                               .least_version = WIRE_VERSION,
                               .most_version = WIRE_VERSION,
                               .table = udxg_thunk_signature()};
    struct wire_welcome welcome;
    struct udxg_packet packet;
    int memory[2];
    udxg_status status;

    udxg_os_own_name(hello.name, sizeof hello.name);
    hello.has_memory = udxg_os_open_own_memory(&memory[0], &memory[1]);
    status = udxg_socket_send(socket_fd, &hello, sizeof hello, memory, hello.has_memory ? 2 : 0, true);
    if (hello.has_memory) {
        udxg_os_close(memory[0]);
        udxg_os_close(memory[1]);
    }
    if (!udxg_failed(status)) status = udxg_socket_receive(socket_fd, &welcome, sizeof welcome, REPLY_MS, &packet);
    if (udxg_failed(status)) return status;
    if (packet.size_bytes == sizeof welcome && welcome.kind == WIRE_WELCOME) {
        status = welcome.status;
        if (!udxg_failed(status) && packet.count == 1) {
            *ret_notices_fd = packet.descriptors[0];
            return STATUS_SUCCESS;
        }
    }
    udxg_packet_close(&packet);
    return udxg_failed(status) ? status : STATUS_GRAPHICS_DRIVER_MISMATCH;
}

/* ---- links ---- */

static udxg_status receive_link(int socket_fd, struct udxg_view *view, struct udxg_link **ret_link)
{
    struct wire_link request = {.kind = WIRE_LINK};
    struct wire_linked linked;
    struct udxg_packet packet;
    udxg_status status = udxg_socket_send(socket_fd, &request, sizeof request, NULL, 0, true);

    if (!udxg_failed(status)) status = udxg_socket_receive(socket_fd, &linked, sizeof linked, REPLY_MS, &packet);
    if (udxg_failed(status)) return STATUS_DEVICE_REMOVED;
    status = packet.size_bytes == sizeof linked && linked.kind == WIRE_LINKED ? linked.status : STATUS_DEVICE_REMOVED;
    if (!udxg_failed(status) && packet.count == 2)
        return udxg_link_create(view, packet.descriptors[0], linked.room_bytes, packet.descriptors[1], ret_link);
    udxg_packet_close(&packet);
    return udxg_failed(status) ? status : STATUS_DEVICE_REMOVED;
}

static void leave(void *link)
{
    struct udxg_remote *remote = the_session;

    pthread_mutex_lock(&remote->lock);
    udxg_list_remove(&((struct udxg_link *)link)->siblings);
    pthread_mutex_unlock(&remote->lock);
    my_link = NULL;
    udxg_link_destroy(link);
}

static udxg_status make_link(struct udxg_remote *remote)
{
    struct udxg_link *link;
    udxg_status status;

    pthread_mutex_lock(&remote->lock);
    status = receive_link(remote->socket_fd, &remote->view, &link);
    if (!udxg_failed(status)) udxg_list_append(&remote->links, &link->siblings);
    pthread_mutex_unlock(&remote->lock);
    if (udxg_failed(status)) return status;
    if (pthread_setspecific(remote->key, link) != 0) {
        leave(link);
        return STATUS_NO_MEMORY;
    }
    my_link = link;
    return STATUS_SUCCESS;
}

/* ---- the session ---- */

udxg_status udxg_remote_open(const char *path, struct udxg_remote **ret_remote)
{
    struct udxg_remote *remote = calloc(1, sizeof *remote);
    int notices_fd;
    udxg_status status = remote ? udxg_socket_connect(path, &remote->socket_fd) : STATUS_NO_MEMORY;

    if (udxg_failed(status)) {
        free(remote);
        return status;
    }
    status = greet(remote->socket_fd, &notices_fd);
    if (!udxg_failed(status) && pthread_key_create(&remote->key, leave) != 0) {
        udxg_os_close(notices_fd);
        status = STATUS_NO_MEMORY;
    }
    if (udxg_failed(status)) {
        udxg_os_close(remote->socket_fd);
        free(remote);
        return status;
    }
    pthread_mutex_init(&remote->lock, NULL);
    udxg_list_init(&remote->links);
    udxg_view_init(&remote->view);
    udxg_notices_init(&remote->notices, notices_fd);
    the_session = remote;
    *ret_remote = remote;
    return STATUS_SUCCESS;
}

void udxg_remote_lock(struct udxg_remote *remote)
{
    pthread_mutex_lock(&remote->lock);
}

void udxg_remote_unlock(struct udxg_remote *remote)
{
    pthread_mutex_unlock(&remote->lock);
}

/* What hangs on the rings and windows is lost: they are not mapped here. */
void udxg_remote_forget(struct udxg_remote *remote)
{
    udxg_list_for_each(it, &remote->links) udxg_os_close(udxg_container_of(it, struct udxg_link, siblings)->socket_fd);
    udxg_os_close(remote->socket_fd);
    udxg_os_close(remote->notices.socket_fd);
    pthread_key_delete(remote->key);
    my_link = NULL;
    the_session = NULL;
}

/* ---- calls ---- */

/* In-process the kernel sees that it is asked to take its own memory for the client's. Here only we can. */
static udxg_status check_arguments(struct udxg_remote *remote, enum udxg_thunk_id id, const struct udxg_frame *frame)
{
    const D3DKMT_CREATEALLOCATION *args = frame->spans[0].copy;

    if (id == UDXG_THUNK_CreateAllocation2 && !args->Flags.ExistingSection) {
        for (uint32_t i = 0; i < args->NumAllocations; i++) {
            const void *memory = args->pAllocationInfo2[i].pSystemMem;
            if (memory && udxg_view_owns(&remote->view, memory)) return STATUS_INVALID_PARAMETER;
        }
    }
    if (id == UDXG_THUNK_CreateAllocation) {
        for (uint32_t i = 0; i < args->NumAllocations; i++) {
            const void *memory = args->pAllocationInfo[i].pSystemMem;
            if (memory && udxg_view_owns(&remote->view, memory)) return STATUS_INVALID_PARAMETER;
        }
    }
    return STATUS_SUCCESS;
}

static udxg_status call(struct udxg_remote *remote, enum udxg_thunk_id id, struct udxg_frame *frame)
{
    udxg_status status = check_arguments(remote, id, frame);

    if (!udxg_failed(status) && !my_link) status = make_link(remote);
    if (!udxg_failed(status)) status = udxg_notices_before(&remote->notices, id);
    if (udxg_failed(status)) return status;
    status = udxg_link_call(my_link, id, frame);
    udxg_notices_after(&remote->notices, id, frame->spans[0].copy, status);
    return status;
}

udxg_status udxg_remote_call(struct udxg_remote *remote, enum udxg_thunk_id id, const void *args)
{
    struct udxg_frame frame;
    void *copy;
    udxg_status status = udxg_thunk_enter(id, args, &frame, &copy);

    if (udxg_failed(status)) {
        if (status != STATUS_NOT_SUPPORTED) udxg_stats_call(id, true);
        return status;
    }
    status = call(remote, id, &frame);
    udxg_stats_call(id, udxg_failed(status));
    return udxg_thunk_leave(&frame, status);
}
