/* SPDX-License-Identifier: MIT */
/* What the client program can be: client.c. */
#ifndef UDXG_TESTS_KILL_CLIENT_H
#define UDXG_TESTS_KILL_CLIENT_H

#include <stdatomic.h>
#include <stdbool.h>

#include <dxg/d3dkmthk.h>

#include "talk.h"

#define SMALL_ADAPTER 1u              /* the one whose memory is fought for; calls are made on the first */
#define SHARED_BYTES (128u * 1024u)   /* of each resource that is shared */
#define LIBRARY_SEED 0x11b7a7u        /* contents of what the witness lends for reading */
#define GIFT_SEED 0x91f7u             /* contents of what a victim shares */
#define FENCE_NEVER UINT64_C(1000000) /* a value that nobody signals */

/* The order of descriptors in SHARED and START: of the witness. */
enum { LENT_LIBRARY, LENT_BOARD, LENT_FENCE, LENT_COUNT };
/* In READY and MEET: of the victim. */
enum { GIVEN_GIFT, GIVEN_FENCE, GIVEN_COUNT };

/* None of these returns, but for an exit that says what was wrong. */
void call_main(unsigned index, const char *moment);
void work_main(uint64_t seed, const char *what);
void half_main(uint64_t seed, const char *path);
void witness_main(void);

/* It has taken the library's descriptors away, and any call may say anything. */
extern atomic_bool client_is_broken;
/* A call that has to succeed. When the daemon has ended the session, the thread waits for its death instead. */
void need(NTSTATUS status, const char *what);
#define NEED(call) need(call, #call)
/* Waits to be killed. */
void await_death(void) __attribute__((noreturn));

#endif
