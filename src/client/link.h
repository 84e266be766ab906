/* SPDX-License-Identifier: MIT */
/* One thread's way to the daemon. Used by its thread alone. */
#ifndef UDXG_CLIENT_LINK_H
#define UDXG_CLIENT_LINK_H

#include "abi/carry.h"
#include "base/list.h"
#include "client/view.h"
#include "wire/ring.h"

struct udxg_remote;

struct udxg_link {
    struct udxg_list siblings; /* by the session's lock */
    struct udxg_view *view;    /* the session's; constant */
    struct wire_ring ring;
    int socket_fd; /* constant */
};

/* Takes both descriptors, also when it fails. */
udxg_status udxg_link_create(struct udxg_view *view, int ring_fd, uint32_t room_bytes, int socket_fd,
                             struct udxg_link **ret_link) UDXG_MUST_CHECK;
/* Tells the daemon that the link is needed no more. */
void udxg_link_destroy(struct udxg_link *link);

/*
 * Makes the call of FRAME, which has been entered and is ready to leave then, outputs of the daemon in its copies.
 * STATUS_DEVICE_REMOVED when the session is over.
 */
udxg_status udxg_link_call(struct udxg_link *link, enum udxg_thunk_id id, struct udxg_frame *frame) UDXG_MUST_CHECK;

#endif
