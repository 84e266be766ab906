/* SPDX-License-Identifier: MIT */
/*
 * What the test and its clients say to each other, over a socket that a client finds as descriptor TALK_FD. Descriptors
 * that come with it are NT handles of a client, on their way to another one.
 *
 *     test            a victim                         test             the witness
 *       START  ->       (what the witness has shared)    ROUND  ->
 *              <-  READY  (what it shares itself)               <-  SHARED  (what it shares)
 *       GO     ->       (only for calls)                 MEET   ->        (what the victim shares)
 *                                                               <-  MET
 *              kill                                      CHECK  ->
 *                                                               <-  CHECKED
 */
#ifndef UDXG_TESTS_KILL_TALK_H
#define UDXG_TESTS_KILL_TALK_H

#include <stdbool.h>
#include <stdint.h>

#define TALK_FD 3
#define TALK_MOST 4u /* descriptors */
#define TALK_PATIENCE_MS 60000

enum talk_kind {
    TALK_START,
    TALK_READY,
    TALK_GO,
    TALK_ROUND,
    TALK_SHARED,
    TALK_MEET,
    TALK_MET,
    TALK_CHECK,
    TALK_CHECKED,
    TALK_KINDS,
};

struct talk {
    uint32_t kind;       /* enum talk_kind */
    uint32_t mutex;      /* global handle of the witness's keyed mutex */
    uint64_t killed_ns;  /* CHECK: when */
    uint64_t told_ns;    /* CHECKED: how long after that the last waiter was told */
    uint64_t slowest_ns; /* CHECKED: the slowest call of the witness since the last time */
    uint64_t probes;     /* CHECKED: of how many */
    char text[200];      /* CHECKED: what is wrong; empty: nothing */
    uint32_t count;      /* of descriptors */
    int fds[TALK_MOST];  /* the receiver's */
};

/* Closes the descriptors. False: the other side is gone. */
bool talk_say(int fd, struct talk *talk);
/* False: the other side is gone, or says nothing for TALK_PATIENCE_MS. */
bool talk_hear(int fd, struct talk *ret_talk);
/* Both, for an answer of that kind. */
bool talk_ask(int fd, struct talk *talk, enum talk_kind answer);

#endif
