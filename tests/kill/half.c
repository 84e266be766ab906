/* SPDX-License-Identifier: MIT */
/*
 * A victim that speaks the protocol itself, as far as it pleases, and then waits to be killed. Some of what it does
 * ends its session: the daemon need not wait for its death.
 */
#include "client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "abi/thunk.h"
#include "base/socket.h"
#include "wire/packet.h"
#include "wire/ring.h"

static int session_fd, link_fd;
static struct wire_ring ring;

static void must(bool good, const char *what)
{
    if (good) return;
    fprintf(stderr, "client %d: %s\n", (int)getpid(), what);
    _exit(EXIT_FAILURE);
}

static void greet(bool complete)
{
    struct wire_hello hello = {.kind = WIRE_HELLO,
                               .least_version = WIRE_VERSION,
                               .most_version = WIRE_VERSION,
                               .table = udxg_thunk_signature()};

    must(!udxg_failed(udxg_socket_send(session_fd, &hello, complete ? sizeof hello : 8, NULL, 0, true)), "hello");
}

static void hear_welcome(void)
{
    struct wire_welcome welcome;
    struct udxg_packet packet;

    must(!udxg_failed(udxg_socket_receive(session_fd, &welcome, sizeof welcome, -1, &packet)), "welcome");
    must(packet.count == 1 && !udxg_failed(welcome.status), "a good welcome");
}

static void ask_for_link(void)
{
    struct wire_link link = {.kind = WIRE_LINK};

    must(!udxg_failed(udxg_socket_send(session_fd, &link, sizeof link, NULL, 0, true)), "link");
}

static void take_link(void)
{
    struct wire_linked linked;
    struct udxg_packet packet;

    ask_for_link();
    must(!udxg_failed(udxg_socket_receive(session_fd, &linked, sizeof linked, -1, &packet)), "linked");
    must(packet.count == 2 && !udxg_failed(linked.status), "a good link");
    must(!udxg_failed(wire_ring_map(packet.descriptors[0], linked.room_bytes, &ring)), "a ring");
    close(packet.descriptors[0]);
    link_fd = packet.descriptors[1];
}

/* Descriptors for a call that never comes. */
static void give(unsigned count)
{
    struct wire_given given = {.kind = WIRE_GIVEN, .count = count};
    int fds[4];

    for (unsigned i = 0; i < count; i++) fds[i] = eventfd(0, EFD_CLOEXEC);
    must(!udxg_failed(udxg_socket_send(link_fd, &given, sizeof given, fds, count, true)), "given");
}

static void ask(uint32_t call, uint32_t bytes, uint32_t descriptors)
{
    struct wire_request request = {.call = call, .size_bytes = bytes, .descriptors = descriptors};

    wire_ring_ask(&ring, &request);
}

enum stop {
    STOP_AT_ONCE,
    STOP_IN_HELLO,
    STOP_BEFORE_WELCOME,
    STOP_AFTER_WELCOME,
    STOP_BEFORE_LINK,
    STOP_AFTER_LINK,
    STOP_AFTER_GIVEN,
    STOP_AFTER_MANY_GIVEN,
    STOP_BEFORE_REPLY,
    STOP_BEFORE_GROWTH,
    STOP_WITHOUT_GIVEN,
    STOP_BY_SHUTDOWN,
    STOP_WITH_LINK_CLOSED,
    STOP_COUNT,
};

static void go_to(enum stop stop)
{
    if (stop == STOP_AT_ONCE) return;
    greet(stop != STOP_IN_HELLO);
    if (stop == STOP_IN_HELLO || stop == STOP_BEFORE_WELCOME) return;
    hear_welcome();
    if (stop == STOP_AFTER_WELCOME) return;
    if (stop == STOP_BEFORE_LINK) ask_for_link();
    if (stop == STOP_BEFORE_LINK) return;
    take_link();
    if (stop == STOP_AFTER_GIVEN) give(2);
    if (stop == STOP_AFTER_MANY_GIVEN)
        for (unsigned i = 0; i < 16; i++) give(4);
    if (stop == STOP_BEFORE_REPLY) ask(UDXG_THUNK_EnumAdapters, 16, 0);
    if (stop == STOP_BEFORE_GROWTH) ask(WIRE_CALL_GROW, 8u << 20, 0);
    if (stop == STOP_WITHOUT_GIVEN) ask(UDXG_THUNK_EnumAdapters, 16, 1);
    if (stop == STOP_BY_SHUTDOWN) udxg_socket_shut(session_fd);
    if (stop == STOP_WITH_LINK_CLOSED) close(link_fd);
}

void half_main(uint64_t seed, const char *path)
{
    struct talk talk = {.kind = TALK_READY};

    must(path && !udxg_failed(udxg_socket_connect(path, &session_fd)), "a connection");
    go_to((enum stop)(seed % STOP_COUNT));
    must(talk_say(TALK_FD, &talk), "a talk");
    await_death();
}
