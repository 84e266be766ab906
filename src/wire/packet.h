/* SPDX-License-Identifier: MIT */
/*
 * What goes over sockets. A session has two: the one the client has connected, for the beginning and for new links, and
 * one for notifications, which the daemon sends. A link, which is a client's thread, has one more, for descriptors.
 *
 *     client                                  daemon
 *       WIRE_HELLO     + its mem and maps  ->
 *                                          <-  WIRE_WELCOME  + the socket of notifications
 *       WIRE_LINK                          ->
 *                                          <-  WIRE_LINKED   + ring, socket of the link
 *                                          <-  WIRE_NOTICE                            (of notifications)
 *       WIRE_GIVEN     + descriptors       ->                                        (of a link, before a request)
 *                                          <-  WIRE_GIFT     + one descriptor         (of a link, before a reply)
 *
 * Every packet is one of these structs, whole. Its first field says which, and anything else ends the session.
 */
#ifndef UDXG_WIRE_PACKET_H
#define UDXG_WIRE_PACKET_H

#include <stdint.h>

#include "base/status.h"

#define WIRE_VERSION 1u

/* Where a user's daemon listens, in the folder XDG_RUNTIME_DIR. */
#define WIRE_PATH_USUAL "%s/udxg/udxgd.sock"
#define WIRE_PATH_MAX 108u /* of a socket, with its zero: sockaddr_un */

enum wire_packet_kind {
    WIRE_HELLO = 0x75647867, /* "udxg": nothing else begins so */
    WIRE_WELCOME,
    WIRE_LINK,
    WIRE_LINKED,
    WIRE_NOTICE,
    WIRE_GIVEN,
    WIRE_GIFT,
};

#define WIRE_NAME_CHARS 16u /* as the system's own; without a zero where it is full */

struct wire_hello {
    uint32_t kind;
    uint32_t least_version, most_version; /* that the client speaks */
    uint32_t has_memory;                  /* descriptors of its /proc/self/mem and /proc/self/maps come with it */
    uint64_t table;                       /* what its table of calls looks like: udxg_thunk_signature() */
    char name[WIRE_NAME_CHARS];           /* what it is called, for people; it may say anything */
};

struct wire_welcome {
    uint32_t kind;
    uint32_t version;
    udxg_status status; /* a failure: the session ends with this. STATUS_GRAPHICS_DRIVER_MISMATCH: another release */
    uint32_t pid;       /* the daemon's */
};

struct wire_link {
    uint32_t kind;
};

struct wire_linked {
    uint32_t kind;
    udxg_status status; /* STATUS_NO_MEMORY: the session has as many as it may have; no descriptors come then */
    uint32_t room_bytes;
};

struct wire_notice {
    uint32_t kind;
    uint32_t what;  /* enum udxg_notification_kind */
    uint32_t flags;
    uint32_t reserved; /* 0: between the others there would be bytes of whatever was there before */
    uint64_t bytes;
    uint64_t callback, context; /* the client's */
};

_Static_assert(sizeof(struct wire_notice) == 4 * sizeof(uint32_t) + 3 * sizeof(uint64_t), "every byte has a name");

struct wire_given {
    uint32_t kind;
    uint32_t count;
};

/* An address of ours, as it travels: the number of its window above these bits, its offset in it below. */
#define WIRE_OFFSET_BITS 40u

enum wire_gift_kind { WIRE_GIFT_DESCRIPTOR, WIRE_GIFT_INHERITABLE, WIRE_GIFT_WINDOW, WIRE_GIFT_RING };

struct wire_gift {
    uint32_t kind;
    uint32_t what; /* enum wire_gift_kind */
    uint32_t id, writable; /* of a window */
    uint64_t size_bytes;   /* of a window; the room of a ring */
};

#endif
