/* SPDX-License-Identifier: MIT */
/*
 * The thread of a link. It reads a request out of the ring, takes the descriptors that belong to it off the socket, has
 * the kernel make the call, sends what the reply carries, and answers. Everything it has of the client's is a copy or a
 * descriptor; sending never waits, so a client that does not read loses its session and holds up nobody.
 *
 * Locks: LINKS for the list; none while a call is made or a socket is used.
 */
#include "daemon/link.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/os.h"
#include "base/socket.h"
#include "core/dispatch.h"
#include "core/sight.h"
#include "vidmm/window.h"
#include "wire/packet.h"

#define STOP_PATIENCE_NS 10000000u

struct link {
    struct udxg_service *service;
    struct udxg_list siblings UDXG_GUARDED_BY(LINKS);
    struct wire_ring ring; /* its own thread changes it, with LINKS; others look at it with LINKS */
    int socket_fd;         /* constant */
};

/* Descriptors of one call, on their way. */
struct cargo {
    struct link *link;
    struct udxg_packet given;
    int made[4]; /* a call makes one */
    unsigned made_count;
};

/* ---- what a call carries ---- */

/* The message has the number of a descriptor in the packet, from 1 on; anything else is none. */
static udxg_status take_given(struct cargo *cargo, uint64_t *value)
{
    uint64_t number = *value;

    *value = number <= cargo->given.count ? (uint64_t)cargo->given.descriptors[number - 1] : UINT64_MAX;
    return STATUS_SUCCESS;
}

static udxg_status put_made(struct cargo *cargo, uint64_t *value)
{
    cargo->made[cargo->made_count] = (int)*value;
    *value = ++cargo->made_count;
    return STATUS_SUCCESS;
}

/*
 * An address of the client's own memory goes as it is, with its mark (core/sight.h). Every other one lies in a window,
 * unless the client is just destroying what it asks for.
 */
static udxg_status put_mapped(struct cargo *cargo, uint64_t *value)
{
    uint64_t offset;
    uint32_t id;

    if (*value & UDXG_OWN_ADDRESS) return STATUS_SUCCESS;
    if (!vidmm_window_find(&cargo->link->service->process->windows, (const void *)*value, &id, &offset))
        return STATUS_INVALID_PARAMETER;
    *value = (uint64_t)id << WIRE_OFFSET_BITS | offset;
    return STATUS_SUCCESS;
}

static udxg_status carry(void *user, enum udxg_cargo what, uint64_t *value)
{
    switch (what) {
    case UDXG_CARGO_GIVEN:
        return take_given(user, value);
    case UDXG_CARGO_MADE:
        return put_made(user, value);
    case UDXG_CARGO_MAPPED:
        return put_mapped(user, value);
    case UDXG_CARGO_PROCESS: /* a number, which the client has found */
    case UDXG_CARGO_COUNT:
        break;
    }
    return STATUS_INVALID_PARAMETER;
}

/* ---- what goes with a reply ---- */

/* A packet with one descriptor, which is closed. False: the client does not read, or is gone. */
static bool send_gift(struct link *link, const struct wire_gift *gift, int fd)
{
    udxg_status status = udxg_socket_send(link->socket_fd, gift, sizeof *gift, &fd, 1, false);

    udxg_os_close(fd);
    return !udxg_failed(status);
}

static bool send_windows(struct link *link, struct wire_reply *reply)
{
    struct vidmm_windows *windows = &link->service->process->windows;
    struct vidmm_window window;
    bool sent = true;

    while (sent && vidmm_window_take_added(windows, &window)) {
        struct wire_gift gift = {.kind = WIRE_GIFT,
                                 .what = WIRE_GIFT_WINDOW,
                                 .id = window.id,
                                 .writable = window.writable,
                                 .size_bytes = window.size_bytes};
        sent = send_gift(link, &gift, window.fd);
        reply->answer.gifts++;
    }
    while (reply->answer.gone_count < WIRE_GONE &&
           vidmm_window_take_gone(windows, &reply->gone[reply->answer.gone_count]))
        reply->answer.gone_count++;
    return sent;
}

static bool send_made(struct link *link, struct cargo *cargo, struct wire_reply *reply)
{
    bool sent = true;

    for (unsigned i = 0; i < cargo->made_count; i++) {
        bool inherited = !(fcntl(cargo->made[i], F_GETFD) & FD_CLOEXEC);
        struct wire_gift gift = {.kind = WIRE_GIFT, .what = inherited ? WIRE_GIFT_INHERITABLE : WIRE_GIFT_DESCRIPTOR};
        if (udxg_failed(reply->answer.status) || !sent)
            udxg_os_close(cargo->made[i]);
        else
            sent = send_gift(link, &gift, cargo->made[i]);
    }
    if (!udxg_failed(reply->answer.status)) reply->answer.gifts += cargo->made_count;
    return sent;
}

/* ---- requests ---- */

/* What the client said it has sent is there already: it sends before it asks. */
static bool receive_given(struct link *link, const struct wire_request *request, struct cargo *cargo)
{
    struct wire_given given;
    udxg_status status;

    if (!request->descriptors) return true;
    status = udxg_socket_receive(link->socket_fd, &given, sizeof given, 0, &cargo->given);
    if (status == STATUS_NO_MEMORY) return true; /* they are lost: the call finds none of them */
    if (udxg_failed(status)) return false;
    return cargo->given.size_bytes == sizeof given && given.kind == WIRE_GIVEN &&
           cargo->given.count == request->descriptors;
}

/* The call, from the message to what is sent before the reply. NULL, or the breach. */
static const char *serve_call(struct link *link, const struct wire_request *request, struct wire_reply *reply)
{
    struct udxg_message message = {link->ring.message, request->size_bytes};
    struct cargo cargo;
    struct udxg_courier courier = {carry, &cargo};
    bool sent;

    cargo.link = link;
    cargo.given.count = cargo.made_count = 0;
    if (request->size_bytes > link->ring.room_bytes) return "a message larger than the ring";
    if (!receive_given(link, request, &cargo)) {
        udxg_packet_close(&cargo.given); /* it may have been another packet */
        return "descriptors that were not sent";
    }
    reply->answer.status =
        udxg_dispatch_message(link->service->process, (enum udxg_thunk_id)request->call, &message, &courier);
    udxg_packet_close(&cargo.given);
    sent = send_windows(link, reply);
    sent = send_made(link, &cargo, reply) && sent;
    return sent ? NULL : "descriptors are not read";
}

/* A new ring; the client goes over to it when it has the reply. NULL, or the breach. */
static const char *serve_grow(struct link *link, const struct wire_request *request, struct wire_reply *reply,
                              struct wire_ring *ret_ring)
{
    struct wire_gift gift = {.kind = WIRE_GIFT, .what = WIRE_GIFT_RING};
    uint32_t room_bytes;
    int fd;

    if (request->size_bytes > WIRE_ROOM_AT_MOST) return "a ring that no call needs";
    room_bytes = wire_ring_room(request->size_bytes); /* what will be given back */
    reply->answer.status = STATUS_NO_MEMORY;
    if (!udxg_service_charge_ring(link->service, room_bytes)) return NULL;
    reply->answer.status = wire_ring_create(room_bytes, ret_ring, &fd);
    if (udxg_failed(reply->answer.status)) {
        (void)udxg_service_charge_ring(link->service, -(int64_t)room_bytes);
        return NULL;
    }
    gift.size_bytes = ret_ring->room_bytes;
    reply->answer.gifts = 1;
    return send_gift(link, &gift, fd) ? NULL : "descriptors are not read";
}

static void change_ring(struct link *link, const struct wire_ring *ring)
{
    struct wire_ring old = link->ring;

    udxg_lock(LINKS, &link->service->lock);
    link->ring = *ring;
    udxg_unlock(LINKS, &link->service->lock);
    (void)udxg_service_charge_ring(link->service, -(int64_t)old.room_bytes);
    wire_ring_unmap(&old);
}

/* False: it was the last. */
static bool serve(struct link *link, const struct wire_request *request)
{
    struct wire_reply reply;
    struct wire_ring larger = {0};
    const char *breach;

    if (request->call == WIRE_CALL_LEAVE) return false;
    reply.answer = (struct wire_answer){0};
    if (request->call == WIRE_CALL_GROW)
        breach = serve_grow(link, request, &reply, &larger);
    else
        breach = serve_call(link, request, &reply);
    if (breach) {
        udxg_service_breach(link->service, breach);
        wire_ring_unmap(&larger);
        return false;
    }
    wire_ring_answer(&link->ring, &reply);
    if (larger.header) change_ring(link, &larger);
    return true;
}

/* ---- the thread ---- */

static void link_free(struct link *link)
{
    wire_ring_unmap(&link->ring);
    udxg_os_close(link->socket_fd);
    free(link);
}

/* The service may be gone as soon as the list is without it. */
static void leave(struct link *link)
{
    struct udxg_service *service = link->service;

    (void)udxg_service_charge_ring(service, -(int64_t)link->ring.room_bytes);
    udxg_lock(LINKS, &service->lock);
    udxg_list_remove(&link->siblings);
    link_free(link);
    service->link_count--;
    pthread_cond_signal(&service->link_ended);
    udxg_unlock(LINKS, &service->lock);
}

static void *link_main(void *argument)
{
    struct link *link = argument;
    struct wire_request request;

    while (wire_ring_await_request(&link->ring, link->service->spinners, &link->service->over, &request) &&
           serve(link, &request))
        continue;
    leave(link);
    return NULL;
}

static udxg_status link_create(struct udxg_service *service, struct link **ret_link, int *ret_ring_fd,
                               int *ret_socket_fd)
{
    struct link *link = calloc(1, sizeof *link);
    udxg_status status;

    if (!link) return STATUS_NO_MEMORY;
    link->service = service;
    status = wire_ring_create(WIRE_ROOM_AT_FIRST, &link->ring, ret_ring_fd);
    if (udxg_failed(status)) {
        free(link);
        return status;
    }
    status = udxg_socket_pair(&link->socket_fd, ret_socket_fd);
    if (udxg_failed(status)) {
        udxg_os_close(*ret_ring_fd);
        wire_ring_unmap(&link->ring);
        free(link);
        return status;
    }
    *ret_link = link;
    return STATUS_SUCCESS;
}

/* False: there are as many as there may be. */
static bool join_service(struct udxg_service *service, struct link *link)
{
    bool room;

    udxg_lock(LINKS, &service->lock);
    room = service->link_count < UDXG_SERVICE_LINKS;
    if (room) {
        udxg_list_append(&service->links, &link->siblings);
        service->link_count++;
        service->ring_bytes += link->ring.room_bytes;
    }
    udxg_unlock(LINKS, &service->lock);
    return room;
}

udxg_status udxg_link_start(struct udxg_service *service, int *ret_ring_fd, int *ret_socket_fd,
                            uint32_t *ret_room_bytes)
{
    struct link *link;
    pthread_t thread;
    udxg_status status = link_create(service, &link, ret_ring_fd, ret_socket_fd);

    if (udxg_failed(status)) return status;
    *ret_room_bytes = link->ring.room_bytes;
    if (!join_service(service, link)) {
        link_free(link);
    } else if (udxg_os_thread_create(&thread, "udxg-link", link_main, link)) {
        pthread_detach(thread); /* the service waits for its leaving instead */
        return STATUS_SUCCESS;
    } else {
        leave(link);
    }
    udxg_os_close(*ret_ring_fd);
    udxg_os_close(*ret_socket_fd);
    return STATUS_NO_MEMORY;
}

/* The client may write the word over that tells a thread to end: it is told again. */
void udxg_links_stop(struct udxg_service *service)
{
    atomic_store(&service->over, true);
    udxg_lock(LINKS, &service->lock);
    while (service->link_count) {
        udxg_list_for_each(it, &service->links) wire_ring_close(&udxg_container_of(it, struct link, siblings)->ring);
        udxg_os_cond_wait_until(&service->link_ended, &service->lock.mutex, udxg_os_now_ns() + STOP_PATIENCE_NS);
    }
    udxg_unlock(LINKS, &service->lock);
}
