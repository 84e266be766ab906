/* SPDX-License-Identifier: MIT */
/*
 * A service goes: greeting, then links as the client asks for them, until its socket hangs up. Then the process is
 * cancelled, so that calls that wait return, the links end, and the process is destroyed: nobody is inside any more.
 *
 * Lock: LINKS.
 */
#include "daemon/service.h"

#include <stdlib.h>
#include <string.h>

#include "abi/thunk.h"
#include "base/os.h"
#include "base/socket.h"
#include "daemon/link.h"
#include "wire/packet.h"

#define GREETING_MS 5000

/* ---- the greeting ---- */

static udxg_status check_hello(const struct wire_hello *hello, size_t size_bytes)
{
    if (size_bytes != sizeof *hello || hello->kind != WIRE_HELLO) return STATUS_INVALID_PARAMETER;
    if (hello->least_version > WIRE_VERSION || hello->most_version < WIRE_VERSION ||
        hello->table != udxg_thunk_signature())
        return STATUS_GRAPHICS_DRIVER_MISMATCH;
    return STATUS_SUCCESS;
}

/* Takes the descriptors of the client's memory out of the packet, if they are what they should be. */
static struct udxg_foreign take_memory(const struct wire_hello *hello, struct udxg_packet *packet)
{
    struct udxg_foreign memory = UDXG_FOREIGN_NONE;

    if (hello->has_memory && packet->count == 2) {
        memory = (struct udxg_foreign){packet->descriptors[0], packet->descriptors[1]};
        if (udxg_foreign_is_valid(&memory))
            packet->count = 0;
        else
            memory = UDXG_FOREIGN_NONE;
    }
    udxg_packet_close(packet);
    return memory;
}

static udxg_status receive_hello(struct udxg_service *service)
{
    struct wire_hello hello;
    struct udxg_packet packet;
    udxg_status status = udxg_socket_receive(service->socket_fd, &hello, sizeof hello, GREETING_MS, &packet);

    if (udxg_failed(status)) return status;
    status = check_hello(&hello, packet.size_bytes);
    if (udxg_failed(status)) {
        udxg_packet_close(&packet);
        return status;
    }
    service->endpoint.memory = take_memory(&hello, &packet);
    memcpy(service->name, hello.name, sizeof hello.name);
    return status;
}

static udxg_status send_welcome(struct udxg_service *service, udxg_status greeting)
{
    struct wire_welcome welcome = {.kind = WIRE_WELCOME,
                                   .version = WIRE_VERSION,
                                   .status = greeting,
                                   .pid = udxg_os_pid()};
    int client_fd;
    udxg_status status;

    if (udxg_failed(greeting)) {
        (void)udxg_socket_send(service->socket_fd, &welcome, sizeof welcome, NULL, 0, false);
        return greeting;
    }
    status = udxg_socket_pair(&service->notices_fd, &client_fd);
    if (udxg_failed(status)) return status;
    status = udxg_socket_send(service->socket_fd, &welcome, sizeof welcome, &client_fd, 1, false);
    udxg_os_close(client_fd);
    return status;
}

/* ---- links ---- */

static udxg_status send_link(struct udxg_service *service)
{
    struct wire_linked linked = {.kind = WIRE_LINKED};
    int fds[2];
    udxg_status status;

    linked.status = udxg_link_start(service, &fds[0], &fds[1], &linked.room_bytes);
    if (udxg_failed(linked.status)) return udxg_socket_send(service->socket_fd, &linked, sizeof linked, NULL, 0, false);
    status = udxg_socket_send(service->socket_fd, &linked, sizeof linked, fds, 2, false);
    udxg_os_close(fds[0]);
    udxg_os_close(fds[1]);
    return status;
}

/* Until the socket ends. Returns why. */
static const char *serve_socket(struct udxg_service *service)
{
    struct wire_link request;
    struct udxg_packet packet;

    for (;;) {
        udxg_status status = udxg_socket_receive(service->socket_fd, &request, sizeof request, -1, &packet);
        if (status == STATUS_DEVICE_REMOVED) return "it hung up";
        if (udxg_failed(status)) return "its socket failed";
        bool known = packet.size_bytes == sizeof request && request.kind == WIRE_LINK && !packet.count;
        udxg_packet_close(&packet);
        if (!known) return "a packet that is none of the protocol";
        if (udxg_failed(send_link(service))) return "replies are not read";
    }
}

void udxg_service_breach(struct udxg_service *service, const char *what)
{
    udxg_lock(LINKS, &service->lock);
    if (!service->breach) service->breach = what;
    udxg_unlock(LINKS, &service->lock);
    udxg_socket_shut(service->socket_fd);
}

bool udxg_service_charge_ring(struct udxg_service *service, int64_t bytes)
{
    bool fits;

    udxg_lock(LINKS, &service->lock);
    fits = bytes < 0 || service->ring_bytes + (uint64_t)bytes <= UDXG_SERVICE_RING_BYTES;
    if (fits) service->ring_bytes += (uint64_t)bytes;
    udxg_unlock(LINKS, &service->lock);
    return fits;
}

/* ---- its life ---- */

/* What is not read is repeated some time, or has been overtaken. */
static void notify(const struct udxg_endpoint *endpoint, const struct udxg_notification *notification)
{
    const struct udxg_service *service = udxg_container_of(endpoint, const struct udxg_service, endpoint);
    struct wire_notice notice = {
        .kind = WIRE_NOTICE,
        .what = notification->kind,
        .flags = notification->flags,
        .bytes = notification->bytes,
        .callback = (uintptr_t)notification->callback,
        .context = (uintptr_t)notification->context,
    };

    (void)udxg_socket_send(service->notices_fd, &notice, sizeof notice, NULL, 0, false);
}

static const char *serve(struct udxg_service *service, struct udxg_kernel *kernel)
{
    const char *why;
    udxg_status status = receive_hello(service);

    if (status == STATUS_DEVICE_REMOVED) return "it hung up before it said anything";
    if (!udxg_failed(status)) status = udxg_process_create(kernel, &service->endpoint, &service->process);
    if (!udxg_failed(status)) udxg_process_introduce(service->process, service->endpoint.uid, service->name);
    status = send_welcome(service, status);
    if (status == STATUS_GRAPHICS_DRIVER_MISMATCH) return "it is of another release";
    if (udxg_failed(status)) return service->process ? "its socket failed" : "it did not greet";

    why = serve_socket(service);
    udxg_lock(LINKS, &service->lock);
    if (service->breach) why = service->breach;
    udxg_unlock(LINKS, &service->lock);
    return why;
}

const char *udxg_service_run(struct udxg_kernel *kernel, struct wire_spinners *spinners, int socket_fd, uint32_t pid,
                             uint32_t uid)
{
    struct udxg_service *service = calloc(1, sizeof *service);
    const char *why;

    if (!service) return "there is no memory for it";
    service->endpoint = (struct udxg_endpoint){
        .memory = UDXG_FOREIGN_NONE, .pid = pid, .uid = uid, .limits = &udxg_client_limits, .notify = notify};
    service->spinners = spinners;
    service->socket_fd = socket_fd;
    service->notices_fd = -1;
    udxg_mutex_init_LINKS(&service->lock);
    udxg_list_init(&service->links);
    udxg_os_cond_init(&service->link_ended);

    why = serve(service, kernel);
    if (service->process) {
        udxg_process_cancel(service->process);
        udxg_links_stop(service);
        udxg_process_destroy(service->process);
    }
    udxg_foreign_close(&service->endpoint.memory);
    udxg_os_close(service->notices_fd);
    pthread_cond_destroy(&service->link_ended);
    udxg_mutex_fini_LINKS(&service->lock);
    free(service);
    return why;
}
