/* SPDX-License-Identifier: MIT */
/*
 * A link: the thread that serves one thread of a client, over a ring and a socket for descriptors. A call that waits
 * keeps this thread and nobody else.
 */
#ifndef UDXG_DAEMON_LINK_H
#define UDXG_DAEMON_LINK_H

#include "daemon/service.h"

/*
 * Starts one. On success the descriptors are the caller's: of the ring, of the client's end of the socket.
 * STATUS_NO_MEMORY, also when the session has as many as it may have.
 */
udxg_status udxg_link_start(struct udxg_service *service, int *ret_ring_fd, int *ret_socket_fd,
                            uint32_t *ret_room_bytes) UDXG_MUST_CHECK;
/* Ends all links and waits for their threads: no call of the process is under way then. It was cancelled before. */
void udxg_links_stop(struct udxg_service *service);

#endif
