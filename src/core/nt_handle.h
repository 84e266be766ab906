/* SPDX-License-Identifier: MIT */
/*
 * NT handles. To the client an NT handle is a descriptor: one end of a socket pair whose other end we hold. It
 * travels like any descriptor; when its last copy anywhere is closed, our end hangs up, a thread that sleeps
 * on all of them notices, and what the handle kept alive is given back. The thread starts with the first
 * handle.
 */
#ifndef UDXG_CORE_NT_HANDLE_H
#define UDXG_CORE_NT_HANDLE_H

#include <pthread.h>
#include <stdbool.h>

#include "base/list.h"
#include "base/lock.h"
#include "base/status.h"

/* Embeddable: what one descriptor stands for. */
struct udxg_nt_handle {
    struct udxg_list link UDXG_GUARDED_BY(NT);
    int fd;                                        /* our end; constant while it is open */
    void (*closed)(struct udxg_nt_handle *handle); /* without locks; the handle is its own from then on */
};

/* Embeddable: all of a kernel's. */
struct udxg_nt_handles {
    struct udxg_mutex_NT lock;
    struct udxg_list open UDXG_GUARDED_BY(NT);
    bool started UDXG_GUARDED_BY(NT);
    int epoll_fd, stop_fd; /* set with started, constant then */
    pthread_t thread;      /* set with started, constant then */
};

void udxg_nt_handles_init(struct udxg_nt_handles *handles);
/* Ends the thread and closes what is open. */
void udxg_nt_handles_fini(struct udxg_nt_handles *handles);

/*
 * Makes the client's descriptor, which is the client's to close and never 0, 1 or 2. CLOSED may be called
 * before it returns. STATUS_NO_MEMORY when there are no descriptors left.
 */
udxg_status udxg_nt_handle_open(struct udxg_nt_handles *handles, struct udxg_nt_handle *handle,
                                void (*closed)(struct udxg_nt_handle *handle), int *ret_client_fd) UDXG_MUST_CHECK;

#endif
