/* SPDX-License-Identifier: MIT */
/*
 * The greeting and control packets of a session. An input is a sequence of steps, whose first byte says which:
 * 0 and above, any packet: size, descriptors (how of peer_send), bytes; then a right greeting, a wish for a link, a
 * pause to read what has come, the end of our reading or writing side.
 */
#include <sys/socket.h>

#include "abi/thunk.h"
#include "peer.h"

#define STEPS_AT_MOST 32u

static void send_any(struct peer *peer, struct fuzz_input *input)
{
    unsigned char bytes[512];
    size_t size = (fuzz_byte(input) | fuzz_byte(input) << 8) % sizeof bytes;
    uint8_t how = fuzz_byte(input);

    fuzz_copy(input, bytes, size);
    peer_send(peer->socket_fd, bytes, size, how);
}

/* The greeting with changes: words of it are XORed. */
static void send_nearly_hello(struct peer *peer, struct fuzz_input *input)
{
    struct wire_hello hello = {.kind = WIRE_HELLO,
                               .least_version = WIRE_VERSION,
                               .most_version = WIRE_VERSION,
                               .has_memory = 1,
                               .table = udxg_thunk_signature()};
    uint8_t how = fuzz_byte(input), where = fuzz_byte(input);

    ((unsigned char *)&hello)[where % sizeof hello] ^= fuzz_byte(input);
    peer_send(peer->socket_fd, &hello, sizeof hello, how);
}

static void step(struct peer *peer, struct fuzz_input *input)
{
    switch (fuzz_byte(input) % 8) {
    case 1:
        peer_greet(peer);
        return;
    case 2:
        peer_link(peer);
        return;
    case 3:
        send_nearly_hello(peer, input);
        return;
    case 4:
        peer_drain(peer->socket_fd);
        return;
    case 5:
        shutdown(peer->socket_fd, fuzz_byte(input) & 1 ? SHUT_RD : SHUT_WR);
        return;
    default:
        send_any(peer, input);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct fuzz_input input = {bytes, size};
    struct peer peer;

    peer_begin(&peer);
    for (unsigned i = 0; i < STEPS_AT_MOST && input.left; i++) step(&peer, &input);
    peer_end(&peer);
    return 0;
}
