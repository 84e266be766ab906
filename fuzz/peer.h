/* SPDX-License-Identifier: MIT */
/*
 * The other side of a service (daemon/service.h) that runs in a thread of this program: sockets, a ring, and
 * descriptors of all kinds. It keeps to no protocol by itself.
 */
#ifndef UDXG_FUZZ_PEER_H
#define UDXG_FUZZ_PEER_H

#include <pthread.h>
#include <stdbool.h>

#include "target.h"
#include "wire/packet.h"
#include "wire/ring.h"

#define PEER_LINKS 3u
#define PEER_WAIT_MS 50u /* for a reply: calls that sleep are left alone then */

struct peer_link {
    int socket_fd;
    struct wire_header *header;
    unsigned char *message;
    uint32_t room_bytes;
};

struct peer {
    int socket_fd, service_fd, notices_fd;
    pthread_t thread;
    struct peer_link links[PEER_LINKS];
    unsigned link_count;
};

void peer_begin(struct peer *peer);
/* Hangs up, waits for the service, and looks whether all descriptors are gone. */
void peer_end(struct peer *peer);

void peer_greet(struct peer *peer);
void peer_link(struct peer *peer); /* does nothing when it has as many as it may */
/* A packet of SIZE bytes; HOW picks descriptors: so many in the low bits, from which kind on in the others. */
void peer_send(int socket_fd, const void *bytes, size_t size, uint8_t how);
/* Takes all packets that are there, and closes what is in them. */
void peer_drain(int socket_fd);
/* Asks and waits a while. */
void peer_ask(struct peer_link *link, const struct wire_request *request);
void peer_poke(struct peer_link *link, uint32_t state);

#endif
