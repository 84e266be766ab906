/* SPDX-License-Identifier: MIT */
/*
 * The naive model: arrays of what there has to be. A room is a device with what was made on it. Each worker has a room
 * of its own, and all of them share one more. Whoever works on an item or a group claims it first, so the model knows
 * exactly what each call has to say, while calls of all workers meet in the same device, table, pools and lists.
 *
 * Rules of claims: only free ones are claimed; an item whose group is claimed is not free, nor is a group of which an
 * item is claimed. No engine works on an item that lives when its claim ends. Lock: the room's mutex, for claims and
 * for an item's handle and group; never during a call.
 */
#ifndef UDXG_TESTS_MODEL_MODEL_H
#define UDXG_TESTS_MODEL_MODEL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <dxg/d3dkmthk.h>

#include "../unit/random.h"
#include "abi/thunk.h"
#include "core/process.h"

#define PAGE_BYTES UINT64_C(4096)
#define MAX_ITEMS 128u
#define MAX_GROUPS 16u
#define MAX_WORKERS 16u
#define MAX_CALL 8u /* items of one call */

enum content {
    CONTENT_UNKNOWN, /* AllowNotZeroed, and not yet written */
    CONTENT_ZERO,
    CONTENT_WORDS, /* one word a page, made from the item's seed */
    CONTENT_FILL,  /* by an engine: the low half of the seed, again and again */
};

struct item {
    D3DKMT_HANDLE handle; /* 0: there is none */
    bool claimed;
    struct group *group; /* NULL: stand-alone */
    uint64_t size_bytes;
    void *pages;   /* the caller's own memory, or NULL */
    char *address; /* that Lock2 gave first; NULL before */
    uint32_t locks, residency;
    enum content content;
    uint64_t seed;
    D3DGPU_VIRTUAL_ADDRESS va; /* 0: not mapped */
};

struct group {
    D3DKMT_HANDLE handle; /* 0: there is none */
    bool claimed;
};

struct room {
    pthread_mutex_t mutex; /* for claimed, here and in what follows */
    bool is_shared;
    bool engine_claimed;
    D3DKMT_HANDLE device, queue, context, fence;
    const volatile UINT64 *queue_value;
    uint64_t fence_value; /* signalled or about to be */
    struct item commands; /* an item like others, but always there, locked, resident and mapped */
    struct item items[MAX_ITEMS];
    struct group groups[MAX_GROUPS];
    _Atomic uint64_t dying_bytes; /* destroyed, but commit until the engine has come by */
};

struct worker {
    unsigned id;
    struct random random;
    uint64_t step;
    const char *doing;
    struct room *room; /* its own */
    D3DKMT_HANDLE last_destroyed;
    uint64_t created, destroyed; /* allocations */
    uint64_t refused;            /* creations and MakeResidents that a limit refused */
};

/* ---- the world: model.c ---- */

struct model {
    struct udxg_kernel *kernel;
    struct udxg_process *process;
    D3DKMT_HANDLE adapter;
    uint64_t seed, steps, check_every;
    unsigned workers;
    uint64_t commit_limit_bytes;
    /* At least what is charged: it grows before a creation and falls after a destruction. */
    _Atomic uint64_t commit_bytes;
    _Atomic uint64_t peak_bytes;        /* the most that it was since the last recount */
    struct room rooms[MAX_WORKERS + 1]; /* the last one is shared */
};
extern struct model model;
extern _Thread_local struct worker *worker; /* whose thread this is */

void fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) fail("%s:%d: %s", __FILE__, __LINE__, #condition);                                           \
    } while (0)

#define CALL(name, args) udxg_status_of_call(UDXG_THUNK_##name, args)
udxg_status udxg_status_of_call(enum udxg_thunk_id id, const void *args);
#define CHECK_STATUS(expected, status) check_status(expected, status, __FILE__, __LINE__)
void check_status(udxg_status expected, udxg_status status, const char *file, int line);

/* ---- rooms: room.c ---- */

void room_open(struct room *room);
/* Destroys the device with all that is in it. */
void room_close(struct room *room);
/* Adds to the model's commit, before the call that creates. */
void model_charge(uint64_t bytes);
/* Waits until the room's engine has nothing left to do, so that what was destroyed is gone. With the engine's claim. */
void room_settle(struct room *room);

/* A random free one that there is, claimed; NULL when a few tries found none. */
struct item *room_claim_item(struct room *room);
struct group *room_claim_group(struct room *room);
/* A free place for a new one, claimed. */
struct item *room_claim_item_place(struct room *room);
struct group *room_claim_group_place(struct room *room);
/* Claims all items of a claimed group, at most MAX_ITEMS; their number. */
uint32_t room_claim_members(struct room *room, struct group *group, struct item **items);
void room_release_item(struct room *room, struct item *item);
/* Ends the claim of a place, in which there is NEW now; NULL: nothing any more. */
void room_store_item(struct room *room, struct item *place, const struct item *new);
void room_release_group(struct room *room, struct group *group);
bool room_claim_engine(struct room *room);
void room_release_engine(struct room *room);

/* ---- contents: content.c ---- */

/* Locks, looks at the contents, writes new ones if wished, and unlocks. */
void item_look(struct room *room, struct item *item, bool rewrite);
void item_lock(struct room *room, struct item *item);
void item_unlock(struct room *room, struct item *item);
/* The bytes at item->address, which is locked. */
void item_verify(const struct item *item);
void item_write(struct item *item, uint64_t seed);

/* ---- what is done: steps.c ---- */

/* One random step of the worker, in its own room or in the shared one. */
void step(void);

/* ---- what must hold: recount.c ---- */

/* Recounts everything. Nobody may be in a call. CONTENTS: looks at every byte that the model knows, too. */
void recount(bool contents);

#endif
