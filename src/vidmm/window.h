/* SPDX-License-Identifier: MIT */
/*
 * Windows: memory of the kernel that a process elsewhere maps. A process has one registry of them, which says what the
 * process is to be shown, what is to be taken away from it, and where in its windows an address of ours is. In-process
 * there are none: what we have mapped is mapped where the client can read it.
 *
 *     add --> added, not shown --take_added--> shown --remove--> gone --take_gone--> forgotten
 *                     \--remove--> forgotten
 *
 * An endpoint takes what was added after each call, before the call's answer, and what is gone when it likes. When
 * several threads serve a process, one may take what the call of another has added.
 */
#ifndef UDXG_VIDMM_WINDOW_H
#define UDXG_VIDMM_WINDOW_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/lock.h"
#include "base/status.h"
#include "range/tree.h"

#define VIDMM_WINDOW_IDS (1u << 23) /* an id is below; the highest bit of 24 is left to those who send ids */
#define VIDMM_WINDOWS_MOST 4096u    /* of one process at a time */

/* Embeddable. */
struct vidmm_windows {
    bool remote;      /* constant */
    atomic_bool news; /* something is in one of the two lists; written with WINDOW */
    struct udxg_mutex_WINDOW lock;
    struct udxg_range_tree tree UDXG_GUARDED_BY(WINDOW); /* by our addresses: added and shown */
    struct udxg_list added UDXG_GUARDED_BY(WINDOW);      /* not shown, the oldest first */
    struct udxg_list gone UDXG_GUARDED_BY(WINDOW);       /* that were shown */
    uint32_t last_id UDXG_GUARDED_BY(WINDOW);
    uint32_t count UDXG_GUARDED_BY(WINDOW); /* in the tree */
};

/* As the process is to see it. */
struct vidmm_window {
    uint32_t id;
    bool writable;
    uint64_t size_bytes;
    int fd; /* of its memory file, from its beginning */
};

/* Not REMOTE: there will be none, and what follows does nothing and succeeds. */
void vidmm_windows_init(struct vidmm_windows *windows, bool remote);
void vidmm_windows_fini(struct vidmm_windows *windows);
bool vidmm_windows_are_remote(const struct vidmm_windows *windows);

/*
 * The whole of memory file FD, of which it keeps a descriptor of its own until the window is shown; BASE is where we
 * have it mapped. A BASE that is a window is counted: it takes as many removals. Ids begin at 1 and are never used
 * again. STATUS_NO_MEMORY, also for too many.
 */
udxg_status vidmm_window_add(struct vidmm_windows *windows, const void *base, uint64_t size_bytes, int fd,
                             bool writable) UDXG_MUST_CHECK;
/* Counts BASE once more if it is a writable window; false when it is not. */
bool vidmm_window_add_use(struct vidmm_windows *windows, const void *base) UDXG_MUST_CHECK;
void vidmm_window_remove(struct vidmm_windows *windows, const void *base);
/* Which window ADDRESS is in, and where; false: in none. */
bool vidmm_window_find(struct vidmm_windows *windows, const void *address, uint32_t *ret_id, uint64_t *ret_offset);

/* The next that was added and not yet shown; the descriptor becomes the caller's. False: there is none. */
bool vidmm_window_take_added(struct vidmm_windows *windows, struct vidmm_window *ret) UDXG_MUST_CHECK;
/* The id of the next that was shown and is gone. False: there is none. */
bool vidmm_window_take_gone(struct vidmm_windows *windows, uint32_t *ret_id) UDXG_MUST_CHECK;

#endif
