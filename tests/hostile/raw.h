/* SPDX-License-Identifier: MIT */
/*
 * A client that keeps to nothing by itself: its own sockets, its own rings, messages of any bytes. Of udxg it has the
 * layout of packets and rings, and the numbers of calls. What cannot be set up ends the test.
 */
#ifndef UDXG_HOSTILE_RAW_H
#define UDXG_HOSTILE_RAW_H

#include <stdbool.h>
#include <stdint.h>

#include <dxg/d3dkmthk.h>

#include "abi/thunk.h"
#include "wire/packet.h"
#include "wire/ring.h"

#define NEED(condition) need(condition, #condition, __FILE__, __LINE__)
void need(bool condition, const char *text, const char *file, int line);

/* ---- sockets ---- */

int raw_connect(void); /* to the daemon; -1: nobody is there */
bool raw_send(int fd, const void *bytes, size_t size, const int *descriptors, unsigned count);
/* The next packet within TIMEOUT_MS: its size, 0 when the other side has hung up, -1 when nothing came. */
int raw_receive(int fd, void *bytes, size_t room, int *descriptors, unsigned *ret_count, int timeout_ms);
bool raw_is_over(int fd, int timeout_ms); /* the other side hangs up within the time; reads what comes before */

/* ---- sessions ---- */

struct raw_session {
    int socket_fd, notices_fd;
};
struct wire_hello raw_hello(void); /* a right one, without memory */
void raw_open(struct raw_session *session);
void raw_close(struct raw_session *session);

/* ---- links ---- */

struct raw_link {
    int socket_fd;
    struct wire_header *header;
    unsigned char *message;
    uint32_t room_bytes;
    struct wire_gift gifts[16]; /* of the last call */
    int gift_fds[16];           /* open until the next call */
    unsigned gift_count;
};
/* The status of the greeting; on a success there is one. */
NTSTATUS raw_link(const struct raw_session *session, struct raw_link *link);
void raw_drop(struct raw_link *link); /* without a word */

void raw_ask(struct raw_link *link, uint32_t call, uint32_t size_bytes, uint32_t descriptors);
/* False: no reply, or the link is over. Takes gifts. */
bool raw_await(struct raw_link *link, NTSTATUS *ret_status, int timeout_ms);

/* A part of a message, in the order of the walk; what comes back is copied into it. */
struct raw_part {
    void *bytes;
    uint32_t size;
};
uint32_t raw_put(struct raw_link *link, const struct raw_part *parts, unsigned count);
/* RAW_OVER: the link has ended. */
#define RAW_OVER ((NTSTATUS)0x7fffffff)
NTSTATUS raw_call_parts(struct raw_link *link, uint32_t call, const struct raw_part *parts, unsigned count);
#define RAW_CALL(link, name, args) raw_call_parts(link, UDXG_THUNK_##name, &(struct raw_part){args, sizeof *(args)}, 1)

/* ---- objects, which must come about ---- */

struct raw_world {
    struct raw_session session;
    struct raw_link link;
    D3DKMT_HANDLE adapter, device, queue, queue_fence, fence, allocation;
    int fence_window; /* a descriptor, read-only */
    uint64_t fence_window_bytes;
};
void raw_make(struct raw_world *world);
NTSTATUS raw_create_allocation(struct raw_link *link, D3DKMT_HANDLE device, uint64_t size_bytes, const void *memory,
                               D3DKMT_HANDLE *ret_allocation);
NTSTATUS raw_make_resident(struct raw_world *world, D3DKMT_HANDLE allocation);
void raw_adapter(struct raw_link *link, D3DKMT_HANDLE *ret_adapter, LUID *ret_luid);

#endif
