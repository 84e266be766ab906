/* SPDX-License-Identifier: MIT */
/* Sockets and descriptors that travel. No state, no locks. */
#include "base/socket.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/os.h"

/* Room for what the system says beside a packet. */
union control {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(UDXG_SOCKET_DESCRIPTORS * sizeof(int))];
};

static udxg_status status_of(int error)
{
    switch (error) {
    case EPIPE:
    case ECONNRESET:
    case ENOTCONN:
        return STATUS_DEVICE_REMOVED;
    case EAGAIN:
        return STATUS_GRAPHICS_TRY_AGAIN_LATER;
    case ENOENT:
    case ECONNREFUSED:
        return STATUS_OBJECT_NAME_NOT_FOUND;
    default:
        return udxg_os_status(error);
    }
}

udxg_status udxg_socket_pair(int *ret_a, int *ret_b)
{
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0) return udxg_os_status(errno);
    *ret_a = fds[0];
    *ret_b = fds[1];
    return STATUS_SUCCESS;
}

udxg_status udxg_socket_connect(const char *path, int *ret_fd)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    udxg_status status;
    int fd;

    if (strlen(path) >= sizeof address.sun_path) return STATUS_OBJECT_NAME_NOT_FOUND;
    strcpy(address.sun_path, path);
    fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0) return udxg_os_status(errno);
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) == 0) {
        *ret_fd = fd;
        return STATUS_SUCCESS;
    }
    status = status_of(errno);
    udxg_os_close(fd);
    return status;
}

/* ---- packets ---- */

static void put_descriptors(struct msghdr *message, union control *control, const int *descriptors, unsigned count)
{
    struct cmsghdr *header = &control->header;

    if (!count) return;
    *header = (struct cmsghdr){
        .cmsg_len = CMSG_LEN(count * sizeof *descriptors), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(header), descriptors, count * sizeof *descriptors);
    message->msg_control = control;
    message->msg_controllen = CMSG_SPACE(count * sizeof *descriptors);
}

udxg_status udxg_socket_send(int fd, const void *bytes, size_t size_bytes, const int *descriptors, unsigned count,
                             bool wait)
{
    struct iovec part = {(void *)bytes, size_bytes};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    union control control;
    ssize_t sent;

    if (count > UDXG_SOCKET_DESCRIPTORS) return STATUS_NO_MEMORY;
    put_descriptors(&message, &control, descriptors, count);
    do sent = sendmsg(fd, &message, MSG_NOSIGNAL | (wait ? 0 : MSG_DONTWAIT));
    while (sent < 0 && errno == EINTR);
    if (sent >= 0) return STATUS_SUCCESS;
    return errno == EBADF ? STATUS_INVALID_HANDLE : status_of(errno);
}

static void take_descriptors(struct msghdr *message, struct udxg_packet *packet)
{
    for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header; header = CMSG_NXTHDR(message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
        unsigned count = (unsigned)((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        memcpy(packet->descriptors + packet->count, CMSG_DATA(header), count * sizeof(int));
        for (unsigned i = 0; i < count; i++, packet->count++)
            packet->descriptors[packet->count] = udxg_os_above_standard(packet->descriptors[packet->count]);
    }
}

/* False: the time is over. What else may be is found out by reading. */
static bool wait_readable(int fd, int timeout_ms)
{
    struct pollfd poll_fd = {fd, POLLIN, 0};

    return timeout_ms < 0 || poll(&poll_fd, 1, timeout_ms) != 0;
}

udxg_status udxg_socket_receive(int fd, void *bytes, size_t room, int timeout_ms, struct udxg_packet *ret_packet)
{
    struct iovec part = {bytes, room};
    union control control;
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    ssize_t size;

    ret_packet->count = 0;
    if (!wait_readable(fd, timeout_ms)) return STATUS_GRAPHICS_TRY_AGAIN_LATER;
    do size = recvmsg(fd, &message, MSG_CMSG_CLOEXEC | MSG_TRUNC | (timeout_ms < 0 ? 0 : MSG_DONTWAIT));
    while (size < 0 && errno == EINTR);
    if (size < 0) return status_of(errno);
    take_descriptors(&message, ret_packet);
    if (message.msg_flags & MSG_CTRUNC) { /* we have no room for descriptors left */
        udxg_packet_close(ret_packet);
        return STATUS_NO_MEMORY;
    }
    if (!size) {
        udxg_packet_close(ret_packet);
        return STATUS_DEVICE_REMOVED;
    }
    ret_packet->size_bytes = (size_t)size;
    return STATUS_SUCCESS;
}

void udxg_packet_close(struct udxg_packet *packet)
{
    for (unsigned i = 0; i < packet->count; i++) udxg_os_close(packet->descriptors[i]);
    packet->count = 0;
}

void udxg_socket_shut(int fd)
{
    shutdown(fd, SHUT_RDWR);
}

bool udxg_socket_is_over(int fd)
{
    struct pollfd poll_fd = {fd, 0, 0};

    return poll(&poll_fd, 1, 0) == 1 && poll_fd.revents & (POLLHUP | POLLERR | POLLNVAL);
}
