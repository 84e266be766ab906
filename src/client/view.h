/* SPDX-License-Identifier: MIT */
/*
 * The view: windows of the daemon's memory as they are mapped in this process. What travels for an address is the
 * number of a window and an offset; here it becomes an address of ours.
 */
#ifndef UDXG_CLIENT_VIEW_H
#define UDXG_CLIENT_VIEW_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

#define UDXG_VIEW_SHELF 4096u /* windows of a shelf */
#define UDXG_VIEW_SHELVES 4096u

struct udxg_pane {
    char *base; /* NULL: not mapped */
    uint64_t size_bytes;
    bool gone; /* it was taken away, for good: perhaps before it had come, as two threads hear of these */
};

/* Embeddable. Windows are looked up without a lock; they are many only where many resources are shared. */
struct udxg_view {
    pthread_mutex_t lock; /* for changes */
    pthread_cond_t changed;
    _Atomic(struct udxg_pane *) shelves[UDXG_VIEW_SHELVES]; /* UDXG_VIEW_SHELF each; set once */
};

void udxg_view_init(struct udxg_view *view);
/* Maps window ID, memory file FD, which stays the caller's. STATUS_NO_MEMORY. */
udxg_status udxg_view_add(struct udxg_view *view, uint32_t id, int fd, uint64_t size_bytes,
                          bool writable) UDXG_MUST_CHECK;
void udxg_view_remove(struct udxg_view *view, uint32_t id);
/*
 * The address of OFFSET in window ID. Another thread may be about to map it: waits until it is there, or IS_OVER says
 * that it never will be; NULL then, for one that was taken away, and for what lies outside of it.
 */
void *udxg_view_address(struct udxg_view *view, uint32_t id, uint64_t offset, bool (*is_over)(void *user), void *user);
/* Whether ADDRESS is in a window: it is not the client's to give. */
bool udxg_view_owns(struct udxg_view *view, const void *address);

#endif
