/* SPDX-License-Identifier: MIT */
/*
 * The ring: a memory file that one thread of a client and one thread of the daemon share. The client puts a request
 * into it, the daemon answers in the same place, and so round and round; there is never more than one on the way, as a
 * call waits for its end. Who waits spins for a while if that is likely to be enough, and sleeps on the word STATE.
 *
 * Neither side trusts the other: each reads a field once, and no value of the other's makes it do more than it says
 * here. The client may write the ring at any time; that confuses its own calls only.
 *
 * Layout, all fields in the byte order of the machine (both sides run on it):
 *
 *      0   state, client_sleeps, server_sleeps: what is waited for
 *     12   the request: call, size of the message, descriptors, the sender's processor
 *     28   the reply: status, gifts, how many windows are gone, the sender's processor; all in one cache line
 *     64   the windows that are gone
 *    128   the message, as abi/thunk.h says
 */
#ifndef UDXG_WIRE_RING_H
#define UDXG_WIRE_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

enum wire_state { WIRE_IDLE, WIRE_REQUEST, WIRE_REPLY, WIRE_CLOSED };

/* What a request is that is no call of the table. */
enum { WIRE_CALL_LEAVE = 0x10000, WIRE_CALL_GROW }; /* the client needs the ring no more; it needs a larger one */

struct wire_request {
    uint32_t call;        /* the number of a row, or one of the above */
    uint32_t size_bytes;  /* of the message; of WIRE_CALL_GROW the room that it needs */
    uint32_t descriptors; /* that come with it, in one packet of the link's socket */
    uint32_t cpu;
};

#define WIRE_GONE 16u

struct wire_answer {
    udxg_status status;
    uint32_t gifts;      /* packets of the link's socket that belong to it: wire/packet.h */
    uint32_t gone_count; /* of the windows beside it */
    uint32_t cpu;
};

struct wire_reply {
    struct wire_answer answer;
    uint32_t gone[WIRE_GONE]; /* windows that the client is to unmap */
};

struct wire_header {
    _Alignas(64) _Atomic uint32_t state; /* enum wire_state */
    _Atomic uint32_t client_sleeps, server_sleeps;
    struct wire_request request;
    struct wire_answer answer;
    _Alignas(64) uint32_t gone[WIRE_GONE];
};

#define WIRE_HEADER_BYTES 128u
#define WIRE_ROOM_AT_FIRST (65536u - WIRE_HEADER_BYTES)
/* The largest call and its alignment, which is the more the smaller the spans are. */
#define WIRE_ROOM_AT_MOST (72u << 20)

/* One side's view of a ring; each side has its own. */
struct wire_ring {
    struct wire_header *header;
    unsigned char *message; /* behind the header */
    uint64_t mapped_bytes;
    uint32_t room_bytes; /* for the message */
    uint32_t rest;       /* calls for which spinning is to be left alone */
    uint32_t failures;   /* how often in a row it was for nothing */
    uint32_t other_cpu;  /* where the other side was last */
    uint32_t own_cpu;    /* where we were when we looked last: after each sleep, and now and then */
    uint32_t looked;     /* calls since then */
};

/* The room of a ring that is made for a message of ROOM_BYTES: whole pages. */
uint32_t wire_ring_room(uint32_t room_bytes);
/* A new memory file with room for a message of ROOM_BYTES; the descriptor is the caller's. */
udxg_status wire_ring_create(uint32_t room_bytes, struct wire_ring *ret_ring, int *ret_fd) UDXG_MUST_CHECK;
/* Of a descriptor that the daemon has sent, which is trusted. */
udxg_status wire_ring_map(int fd, uint32_t room_bytes, struct wire_ring *ret_ring) UDXG_MUST_CHECK;
void wire_ring_unmap(struct wire_ring *ring);

/* ---- the client's side ---- */

void wire_ring_ask(struct wire_ring *ring, const struct wire_request *request);
/* Waits for the reply to what was asked; false when IS_OVER, which is asked now and then, said so first. */
bool wire_ring_await_reply(struct wire_ring *ring, bool (*is_over)(void *user), void *user,
                           struct wire_reply *ret_reply);

/* ---- the daemon's side ---- */

/* Who shares the machine with other threads that would like to spin: at most MOST of them at a time do. */
struct wire_spinners {
    atomic_uint count;
    unsigned most; /* constant */
};
/*
 * Waits for the next request; false when the ring was closed, or *IS_OVER, which the client cannot write over as it can
 * the word that says so in the ring.
 */
bool wire_ring_await_request(struct wire_ring *ring, struct wire_spinners *spinners, const atomic_bool *is_over,
                             struct wire_request *ret_request);
void wire_ring_answer(struct wire_ring *ring, const struct wire_reply *reply);
/*
 * From another thread, after *IS_OVER was set: wakes whoever waits for a request. A client may make it sleep again:
 * repeat it.
 */
void wire_ring_close(struct wire_ring *ring);

#endif
