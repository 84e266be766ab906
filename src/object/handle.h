/* SPDX-License-Identifier: MIT */
/*
 * The handle table: one per process, for every kind of object.
 *
 * A handle is 32 bits: 6 zero bits, a 24-bit index, a 2-bit generation that is never 0 and steps 1, 2, 3, 1
 * each time its slot is freed. So successive handles rise by 0x40, and a stale one is told from its
 * successor. Freed slots go to the end of a queue, and the table grows before the queue is short, so that a
 * value is not handed out again soon. Each stripe has a queue, and what it may grow by is a chunk of 1,024 slots that
 * are its own from then on; only when nothing more can be had does one stripe take from another's queue.
 *
 * A look-up takes no lock: it pins the slot, and the object behind a pinned slot stays. Slots never move and
 * are never unmapped, so a look-up with any value at any time is safe. What a handle holds is given back
 * when the handle has been closed and the last pin has gone, by whoever takes away the last of the two.
 *
 * Handles become visible last: reserve (may fail), then publish (may not) or cancel, which puts the numbers
 * back so that a failed call consumes none.
 */
#ifndef UDXG_OBJECT_HANDLE_H
#define UDXG_OBJECT_HANDLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/stripe.h"
#include "base/lock.h"
#include "base/status.h"

enum udxg_handle_type {
    UDXG_HANDLE_NONE, /* of a free slot; no look-up with it succeeds */
    UDXG_HANDLE_ADAPTER,
    UDXG_HANDLE_DEVICE,
    UDXG_HANDLE_RESOURCE,
    UDXG_HANDLE_ALLOCATION,
    UDXG_HANDLE_CONTEXT,
    UDXG_HANDLE_HW_QUEUE,
    UDXG_HANDLE_PAGING_QUEUE,
    UDXG_HANDLE_SYNC,
    UDXG_HANDLE_KEYED_MUTEX,
    UDXG_HANDLE_TYPE_COUNT,
};

#define UDXG_HANDLE_STEP 0x40u
#define UDXG_HANDLE_INDEX_LIMIT (1u << 24)
#define UDXG_HANDLE_CHUNK 1024u /* slots that are added at a time */
#define UDXG_HANDLE_SPARE 128u  /* a stripe grows when fewer of its slots than this are free */

struct udxg_handle_slot;

/* The owner's own, in the slot: among a million, what is there comes with the look-up, and the object takes longer. */
#define UDXG_HANDLE_NOTE_BYTES 16u

struct udxg_handle_stripe {
    char before[UDXG_STRIPE_GAP];
    struct udxg_mutex_HANDLE lock;
    uint32_t free_first, free_last UDXG_GUARDED_BY(HANDLE); /* the queue of free slots, by index */
    uint32_t free_count UDXG_GUARDED_BY(HANDLE);
    char behind[UDXG_STRIPE_GAP];
};

struct udxg_handle_table {
    /*
     * Called without locks when a closed handle's last pin has gone; one per type, constant. The number and its note
     * are the object's until it returns.
     */
    void (*release[UDXG_HANDLE_TYPE_COUNT])(void *object);
    _Atomic(struct udxg_handle_slot *) *chunks; /* the directory is constant, its entries are set once */
    uint8_t *chunk_stripes;                     /* whose queue a chunk's slots go to; set before the chunk is */
    struct udxg_mutex_SLOTS lock;
    uint32_t slot_limit;                        /* constant once there are several threads */
    uint32_t slot_count UDXG_GUARDED_BY(SLOTS); /* slots that exist, free or not */
    struct udxg_handle_stripe stripes[UDXG_STRIPES];
};

udxg_status udxg_handle_table_init(struct udxg_handle_table *table) UDXG_MUST_CHECK;
/* Closes whatever is still open, then frees the slots. No other thread may use the table. A zeroed one is fine. */
void udxg_handle_table_fini(struct udxg_handle_table *table);

/* The table never has more than SLOTS, rounded up to whole chunks. Before it is used. */
void udxg_handle_table_limit(struct udxg_handle_table *table, uint32_t slots);

/* Takes COUNT numbers, ascending where slots are fresh. STATUS_NO_MEMORY when the table cannot grow. */
udxg_status udxg_handle_reserve_in(struct udxg_handle_table *table, unsigned stripe, uint32_t count,
                                   uint32_t *ret_handles) UDXG_MUST_CHECK;
/* The same, for whatever there are not many of: such numbers of a process rise together. */
static inline udxg_status UDXG_MUST_CHECK udxg_handle_reserve(struct udxg_handle_table *table, uint32_t count,
                                                              uint32_t *ret_handles)
{
    return udxg_handle_reserve_in(table, 0, count, ret_handles);
}
/* Makes a reserved number mean OBJECT from now on; the handle takes the caller's reference. */
void udxg_handle_publish(struct udxg_handle_table *table, uint32_t handle, enum udxg_handle_type type, void *object);
/* Gives reserved numbers back, to be the next ones handed out. */
void udxg_handle_cancel(struct udxg_handle_table *table, uint32_t count, const uint32_t *handles);

/* The slot of HANDLE, whatever it is, will be looked at soon: among many, that takes longer than most calls. */
void udxg_handle_prefetch(const struct udxg_handle_table *table, uint32_t handle);
/* The object behind a live handle of that type, pinned; NULL when there is none. Put it back. */
void *udxg_handle_get(struct udxg_handle_table *table, uint32_t handle, enum udxg_handle_type type);
/* The same, and its note. */
void *udxg_handle_get_noted(struct udxg_handle_table *table, uint32_t handle, enum udxg_handle_type type,
                            void **ret_note);
void udxg_handle_put(struct udxg_handle_table *table, uint32_t handle);
/* The note of a reserved number, to be written before it is published. */
void *udxg_handle_note(const struct udxg_handle_table *table, uint32_t handle);

/*
 * Ends a live handle of that type: look-ups fail from here on. False when somebody else was first. The
 * object goes when the last pin goes, which may be now.
 */
bool udxg_handle_close(struct udxg_handle_table *table, uint32_t handle, enum udxg_handle_type type);

/*
 * Visits every live handle of TYPE (all types: UDXG_HANDLE_NONE) in ascending order, pinned while VISIT runs,
 * which may close it; for tear-down and statistics.
 */
void udxg_handle_for_each(struct udxg_handle_table *table, enum udxg_handle_type type,
                          void (*visit)(uint32_t handle, void *object, void *user), void *user);

/* How many numbers are in use: published, reserved, or closed with a pin left. Each stripe is looked at in turn. */
uint32_t udxg_handle_count(struct udxg_handle_table *table);

/* Recounts everything; returns NULL or what is wrong. For tests, with no other thread in the table. */
const char *udxg_handle_table_check(struct udxg_handle_table *table);

#endif
