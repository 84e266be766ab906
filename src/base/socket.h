/* SPDX-License-Identifier: MIT */
/*
 * Sequenced-packet sockets between processes of this machine, and the descriptors that go over them: the other leaf of
 * the door to the system (base/os.h). Nothing here keeps state.
 */
#ifndef UDXG_BASE_SOCKET_H
#define UDXG_BASE_SOCKET_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

#define UDXG_SOCKET_DESCRIPTORS 253u /* the most that the system takes at a time */

/* Two ends, closed on exec. */
udxg_status udxg_socket_pair(int *ret_a, int *ret_b) UDXG_MUST_CHECK;
/* STATUS_OBJECT_NAME_NOT_FOUND when nobody listens at PATH, STATUS_ACCESS_DENIED. */
udxg_status udxg_socket_connect(const char *path, int *ret_fd) UDXG_MUST_CHECK;

/*
 * One packet, with COUNT descriptors, which stay the caller's. With WAIT it waits for room, otherwise no room is
 * STATUS_GRAPHICS_TRY_AGAIN_LATER. STATUS_DEVICE_REMOVED when the other side is gone, STATUS_INVALID_HANDLE when one is
 * no descriptor.
 */
udxg_status udxg_socket_send(int fd, const void *bytes, size_t size_bytes, const int *descriptors, unsigned count,
                             bool wait);

struct udxg_packet {
    size_t size_bytes; /* as it was sent; more than the room: the rest is lost */
    unsigned count;    /* of descriptors, closed on exec, the caller's now */
    int descriptors[UDXG_SOCKET_DESCRIPTORS];
};
/*
 * The next packet, at most ROOM bytes of it. Waits up to TIMEOUT_MS, -1 for ever: STATUS_GRAPHICS_TRY_AGAIN_LATER.
 * STATUS_DEVICE_REMOVED when the other side is gone. STATUS_NO_MEMORY: some of its descriptors got lost, none is kept.
 */
udxg_status udxg_socket_receive(int fd, void *bytes, size_t room, int timeout_ms,
                                struct udxg_packet *ret_packet) UDXG_MUST_CHECK;
void udxg_packet_close(struct udxg_packet *packet);

/* Both directions end, for whoever else has the socket too. */
void udxg_socket_shut(int fd);
/* Whether the other side is gone. */
bool udxg_socket_is_over(int fd);

#endif
