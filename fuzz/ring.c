/* SPDX-License-Identifier: MIT */
/*
 * Rings, and what goes over the sockets of links, in a session that has greeted. An input is a sequence of steps:
 *
 *     which step, which link       a byte each
 *     what the step needs          see step()
 */
#include <sys/mman.h>
#include <sys/socket.h>

#include "abi/thunk.h"
#include "peer.h"

#define STEPS_AT_MOST 24u

/* A call as clients make it: descriptors, the message, the request; and the reply is awaited. */
static void call(struct peer_link *link, struct fuzz_input *input)
{
    struct wire_request request = {.call = fuzz_byte(input)};
    struct wire_given given = {.kind = WIRE_GIVEN};
    uint8_t how = fuzz_byte(input);

    request.size_bytes = fuzz_byte(input) * 16u;
    request.descriptors = how & 15;
    given.count = request.descriptors;
    fuzz_copy(input, link->message, request.size_bytes);
    if (how & 15) peer_send(link->socket_fd, &given, sizeof given, how);
    peer_ask(link, &request);
}

/* Any request, also while another is under way. */
static void ask_anything(struct peer_link *link, struct fuzz_input *input)
{
    struct wire_request request;

    fuzz_copy(input, &request, sizeof request);
    peer_ask(link, &request);
}

/* The client does not go over to the larger ring. */
static void grow(struct peer_link *link, struct fuzz_input *input)
{
    struct wire_request request = {.call = WIRE_CALL_GROW, .size_bytes = fuzz_word(input) % (80u << 20)};

    peer_ask(link, &request);
}

static void leave(struct peer_link *link)
{
    struct wire_request request = {.call = WIRE_CALL_LEAVE};

    peer_ask(link, &request);
}

static void send_any(int socket_fd, struct fuzz_input *input)
{
    unsigned char bytes[64];
    size_t size = fuzz_byte(input) % sizeof bytes;
    uint8_t how = fuzz_byte(input);

    fuzz_copy(input, bytes, size);
    peer_send(socket_fd, bytes, size, how);
}

/* The message changes while it may be read. */
static void rewrite(struct peer_link *link, struct fuzz_input *input)
{
    struct wire_request request = {.call = fuzz_byte(input), .size_bytes = fuzz_byte(input) * 16u};
    uint32_t size = request.size_bytes, at = fuzz_byte(input);

    fuzz_copy(input, link->message, size);
    link->header->request = request;
    peer_poke(link, WIRE_REQUEST);
    for (unsigned i = 0; i < 2000 && size; i++) link->message[(at + i) % size] ^= (unsigned char)i;
    peer_ask(link, &request);
}

static void step(struct peer *peer, struct fuzz_input *input)
{
    uint8_t which = fuzz_byte(input) % 12;
    struct peer_link *link = &peer->links[fuzz_byte(input) % PEER_LINKS];

    if (!link->header) link = &peer->links[0];
    if (which == 0) peer_link(peer);
    if (!link->header) return;
    switch (which) {
    case 1:
        ask_anything(link, input);
        return;
    case 2:
        grow(link, input);
        return;
    case 3:
        peer_poke(link, fuzz_word(input));
        return;
    case 4:
        send_any(link->socket_fd, input);
        return;
    case 5:
        peer_drain(link->socket_fd);
        return;
    case 6:
        leave(link);
        return;
    case 7:
        shutdown(link->socket_fd, SHUT_RDWR);
        return;
    case 8:
        rewrite(link, input);
        return;
    case 9:
        send_any(peer->socket_fd, input);
        return;
    default:
        call(link, input);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct fuzz_input input = {bytes, size};
    struct peer peer;

    peer_begin(&peer);
    peer_greet(&peer);
    peer_link(&peer);
    for (unsigned i = 0; i < STEPS_AT_MOST && input.left; i++) step(&peer, &input);
    peer_end(&peer);
    return 0;
}
