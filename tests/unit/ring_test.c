/* SPDX-License-Identifier: MIT */
/* Rings between two threads, each with a mapping of its own: turns, sleep, closing, and a side that writes nonsense. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "base/os.h"
#include "wire/ring.h"

#define TURNS 20000u

struct pair {
    struct wire_ring server, client;
    struct wire_spinners spinners;
    unsigned served;
    atomic_bool over;
    bool closed; /* the server saw the end */
};

static void make(struct pair *pair, uint32_t room)
{
    int fd;
    memset(pair, 0, sizeof *pair);
    pair->spinners.most = 1;
    assert_int_equal(wire_ring_create(room, &pair->server, &fd), STATUS_SUCCESS);
    assert_int_equal(wire_ring_map(fd, room, &pair->client), STATUS_SUCCESS);
    assert_true(pair->client.room_bytes >= room);
    udxg_os_close(fd);
}

static void unmake(struct pair *pair)
{
    wire_ring_unmap(&pair->server);
    wire_ring_unmap(&pair->client);
}

/* Answers each request with its own bytes, one added to each. */
static void *serve(void *argument)
{
    struct pair *pair = argument;
    struct wire_request request;
    while (wire_ring_await_request(&pair->server, &pair->spinners, &pair->over, &request)) {
        struct wire_reply reply = {.answer.status = (udxg_status)request.call};
        if (request.call == WIRE_CALL_LEAVE) return NULL;
        for (uint32_t i = 0; i < request.size_bytes; i++) pair->server.message[i]++;
        pair->served++;
        wire_ring_answer(&pair->server, &reply);
    }
    pair->closed = true;
    return NULL;
}

static bool never(void *user)
{
    (void)user;
    return false;
}

static bool at_once(void *user)
{
    (void)user;
    return true;
}

static void turn(struct pair *pair, unsigned number)
{
    struct wire_request request = {.call = number % 7, .size_bytes = 1 + number % 100};
    struct wire_reply reply;
    memset(pair->client.message, (int)(number % 250), request.size_bytes);
    wire_ring_ask(&pair->client, &request);
    assert_true(wire_ring_await_reply(&pair->client, never, NULL, &reply));
    assert_int_equal(reply.answer.status, (udxg_status)request.call);
    for (uint32_t i = 0; i < request.size_bytes; i++) assert_int_equal(pair->client.message[i], number % 250 + 1);
}

static void turns(void **state)
{
    (void)state;
    struct pair pair;
    pthread_t thread;
    make(&pair, 4096);
    assert_int_equal(pthread_create(&thread, NULL, serve, &pair), 0);
    for (unsigned i = 0; i < TURNS; i++) {
        turn(&pair, i);
        if (i % 1000 == 0) udxg_os_nap_ns(1000000); /* long enough for the other side to sleep */
    }
    wire_ring_ask(&pair.client, &(struct wire_request){.call = WIRE_CALL_LEAVE});
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(pair.served, TURNS);
    assert_false(pair.closed);
    unmake(&pair);
}

static void closing_ends_a_sleeper(void **state)
{
    (void)state;
    struct pair pair;
    pthread_t thread;
    make(&pair, 4096);
    assert_int_equal(pthread_create(&thread, NULL, serve, &pair), 0);
    turn(&pair, 1);
    udxg_os_nap_ns(5000000);
    wire_ring_close(&pair.server);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(pair.closed);
    unmake(&pair);
}

/* A client can write over the word that says so, but not over what the server knows. */
static void an_end_that_cannot_be_written_over(void **state)
{
    (void)state;
    struct pair pair;
    struct wire_request request;
    make(&pair, 4096);
    atomic_store(&pair.over, true);
    wire_ring_close(&pair.server);
    wire_ring_ask(&pair.client, &(struct wire_request){.call = 1});
    assert_false(wire_ring_await_request(&pair.server, &pair.spinners, &pair.over, &request));
    unmake(&pair);
}

static void a_dead_server_is_noticed(void **state)
{
    (void)state;
    struct pair pair;
    struct wire_reply reply;
    make(&pair, 4096);
    wire_ring_ask(&pair.client, &(struct wire_request){.call = 1});
    assert_false(wire_ring_await_reply(&pair.client, at_once, NULL, &reply));
    wire_ring_close(&pair.server);
    assert_false(wire_ring_await_reply(&pair.client, never, NULL, &reply));
    unmake(&pair);
}

/* The client writes what it likes: the server serves what it finds, and ends when it is told often enough. */
static void *scribble(void *argument)
{
    struct pair *pair = argument;
    uint64_t random = 88172645463325252u;
    for (unsigned i = 0; i < 200000; i++) {
        random ^= random << 13, random ^= random >> 7, random ^= random << 17;
        struct wire_header *header = pair->client.header;
        atomic_store(&header->state, (uint32_t)(random >> 8) % 5);
        atomic_store(&header->server_sleeps, (uint32_t)(random >> 16) & 1);
        header->request.size_bytes = (uint32_t)(random >> 20) % 4000;
        header->request.call = (uint32_t)(random >> 32) % 8;
    }
    return NULL;
}

static void nonsense_is_served_or_ends(void **state)
{
    (void)state;
    struct pair pair;
    pthread_t server, client;
    make(&pair, 4096);
    assert_int_equal(pthread_create(&server, NULL, serve, &pair), 0);
    assert_int_equal(pthread_create(&client, NULL, scribble, &pair), 0);
    pthread_join(client, NULL);
    while (pthread_tryjoin_np(server, NULL) != 0) {
        wire_ring_close(&pair.server);
        udxg_os_nap_ns(1000000);
    }
    unmake(&pair);
}

static void the_memory_cannot_be_taken_away(void **state)
{
    (void)state;
    struct wire_ring ring;
    int fd;
    assert_int_equal(wire_ring_create(1000, &ring, &fd), STATUS_SUCCESS);
    assert_int_equal(ftruncate(fd, 0), -1);
    assert_int_equal(ftruncate(fd, 1 << 20), -1);
    memset(ring.message, 1, ring.room_bytes);
    udxg_os_close(fd);
    wire_ring_unmap(&ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(turns),
        cmocka_unit_test(closing_ends_a_sleeper),
        cmocka_unit_test(an_end_that_cannot_be_written_over),
        cmocka_unit_test(a_dead_server_is_noticed),
        cmocka_unit_test(nonsense_is_served_or_ends),
        cmocka_unit_test(the_memory_cannot_be_taken_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
