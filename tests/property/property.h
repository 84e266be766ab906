/* SPDX-License-Identifier: MIT */
/*
 * A model of the whole memory manager: several processes on one adapter, each with devices ("rooms"), and workers that
 * do random steps in them by the calls themselves. The model knows of each page of each allocation ("item") what has to
 * be in it; of each call what it has to say; and of each count what it has to be.
 *
 * Each worker has a room of its own, and the workers of one process share another one. Whoever works on an item or a
 * lane claims it first. Work of engines goes on after the claim ends: the item says which lane works on it and up to
 * which fence value, and who needs its bytes waits for that.
 *
 * In a phase of loss engines hang, or the adapter is taken away. A room whose device was lost by that knows nothing any
 * more and is opened anew; all others must go on as if nothing had been.
 *
 * Lock: the room's mutex, for claims; the process's, for its reservation. Neither during a call.
 */
#ifndef UDXG_TESTS_PROPERTY_H
#define UDXG_TESTS_PROPERTY_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <dxg/d3dkmthk.h>

#include "../unit/random.h"
#include "abi/thunk.h"
#include "core/process.h"

#define PAGE_BYTES UINT64_C(4096)
#define MAX_PAGES 256u /* of an item */
#define MAX_ITEMS 96u
#define MAX_WORKERS 16u
#define MAX_CALL 8u /* items of one call */
#define LANES 3u    /* of a room: two contexts, a hardware queue */
#define QUEUES 3u   /* of a room: paging queues, one of each priority */
#define SLOTS 32u   /* submissions of a lane that may be on their way */
#define SLOT_BYTES 512u
#define TILES 64u /* pages of a lane's reservation */

enum offer { OFFER_NONE, OFFER_PLAIN, OFFER_DECOMMIT, OFFER_GONE };

struct item {
    D3DKMT_HANDLE handle; /* 0: there is none */
    bool claimed;
    bool visible;        /* the CPU may lock it */
    bool only_local;     /* it has no other place than video memory */
    uint32_t page_count; /* of 4 KiB */
    void *pages;         /* the caller's own memory, or NULL */
    char *address;       /* that Lock2 gave first; NULL before */
    uint32_t locks, residency, priority;
    enum offer offer;
    D3DGPU_VIRTUAL_ADDRESS va; /* 0: not mapped */
    uint32_t lane;             /* that works on it up to BUSY_UNTIL; 0 is the first */
    uint64_t busy_until;
    uint64_t stamps[MAX_PAGES]; /* what is in each page: content.c */
    bool dirty[MAX_PAGES];      /* an engine wrote the page since the home was known to be good */
};

/* A context or a hardware queue: work in order. */
struct lane {
    bool claimed, is_queue;
    D3DKMT_HANDLE context, queue; /* queue: 0 with a context */
    D3DKMT_HANDLE fence;          /* of the lane's own work, the queue's progress fence there */
    const volatile UINT64 *fence_value;
    uint64_t next;                /* the last value that the lane was told to signal */
    struct item commands;         /* SLOTS times SLOT_BYTES; in system memory, locked, resident and mapped for good */
    struct item result;           /* the same, for what engines have read */
    D3DKMT_HANDLE updates;        /* the fence of the lane's address updates; contexts only */
    uint64_t updated;             /* the last value that an update was told to signal */
    D3DGPU_VIRTUAL_ADDRESS tiles; /* TILES pages that are reserved, and read as zero */
};

struct paging {
    D3DKMT_HANDLE queue, fence;
    const volatile UINT64 *value;
};

struct room {
    pthread_mutex_t mutex; /* for claimed, here and in what follows */
    struct process *process;
    bool is_shared, is_open;
    uint64_t goal_bytes; /* it lists about so much */
    atomic_bool lost;    /* its device is in error or removed: nothing is known any more */
    D3DKMT_HANDLE device;
    struct paging pagings[QUEUES];
    struct lane lanes[LANES];
    struct item items[MAX_ITEMS];
    void *registration;            /* for trims */
    _Atomic uint64_t trim_bytes;   /* that somebody asked for */
    _Atomic uint64_t listed_bytes; /* roughly */
    _Atomic uint64_t dying_bytes;  /* destroyed, but commit until the engines have come by */
};

struct process {
    struct udxg_process *udxg;
    D3DKMT_HANDLE adapter;
    pthread_mutex_t mutex;
    uint64_t reservation_bytes; /* of the local group; with mutex */
    struct room shared;
};

struct worker {
    unsigned id;
    struct random random;
    struct process *process;
    struct room room;             /* its own */
    _Atomic uint64_t step, moves; /* moves: for the watchdog */
    _Atomic(const char *) doing;  /* the step */
    atomic_int call;              /* enum udxg_thunk_id; -1: in none */
    atomic_bool waits;            /* for the others */
    uint64_t longest_ns;          /* that one of its waits for engines took */
    /* What happened. */
    uint64_t created, destroyed, refused, over_budget, lied, submitted, looked, discarded, decommitted, rebirths;
    uint64_t injected, starved; /* calls that failed by a rule; that were without memory */
};

/* ---- the world: property.c ---- */

enum loss { LOSS_NONE, LOSS_ENGINE, LOSS_ADAPTER };

struct world {
    struct udxg_kernel *kernel;
    struct udxg_adapter *adapter;
    uint64_t seed, steps, check_every, loss_every;
    unsigned workers, processes;
    unsigned patience_s;
    double over;                /* what all list together, in sizes of the first segment */
    uint64_t most_listed_bytes; /* that a recount found */
    bool is_uma;
    uint64_t commit_limit_bytes;
    /* At least what is charged: it grows before a creation and falls after a destruction. */
    _Atomic uint64_t commit_bytes, peak_bytes;
    _Atomic uint64_t trims; /* asked for */
    atomic_int loss;        /* enum loss: what may happen in this phase */
    struct process process[MAX_WORKERS];
    struct worker worker[MAX_WORKERS];
};
extern struct world world;
extern _Thread_local struct worker *worker; /* whose thread this is */

void fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) fail("%s:%d: %s", __FILE__, __LINE__, #condition);                                           \
    } while (0)

/* In the process of the room. Calls that fail on purpose (trouble.c) are made again here, and must then do. */
#define CALL(room, name, args) call_in((room)->process, UDXG_THUNK_##name, args)
udxg_status call_in(struct process *process, enum udxg_thunk_id id, const void *args);
/* False, and the room is lost: in a phase of loss. Another status than EXPECTED fails otherwise. */
#define IS(expected, room, status) is_status(expected, room, status, __FILE__, __LINE__)
bool is_status(udxg_status expected, struct room *room, udxg_status status, const char *file, int line);
#define DID(room, status) IS(STATUS_SUCCESS, room, status)

uint64_t below(uint64_t limit);
bool one_in(uint64_t count);
uint64_t now_ns(void);

void world_open_adapter(struct process *process);
void world_each_room(void (*visit)(struct room *room));

/* ---- rooms: room.c ---- */

/* False when the adapter is gone. */
bool room_open(struct room *room);
void room_close(struct room *room);
/* Whether the device works; a lost one is marked. */
bool room_is_alive(struct room *room);
void world_charge(uint64_t bytes);

/* A random free one that has no offer (or has one), claimed; NULL when a few tries found none. */
struct item *room_claim_item(struct room *room);
struct item *room_claim_offered(struct room *room);
/* A free place for a new one, claimed. */
struct item *room_claim_place(struct room *room);
void room_release_item(struct room *room, struct item *item);
/* Ends the claim of a place, in which there is NEW now; NULL: nothing any more. */
void room_store_item(struct room *room, struct item *place, const struct item *new);
struct lane *room_claim_lane(struct room *room);
void room_release_lane(struct room *room, struct lane *lane);

/* ---- contents: content.c ---- */

enum { STAMP_UNKNOWN = 0, STAMP_ZERO = 1 };
uint64_t stamp_of_fill(uint32_t pattern);
/* One that no page has had. */
uint64_t stamp_new(void);
void stamp_write(uint64_t stamp, void *page);
/* Bytes of COUNT pages against what has to be there; fails unless the room is lost. */
void stamps_verify(struct room *room, const struct item *item, const uint64_t *stamps, const void *bytes,
                   uint32_t count);

/* Waits for engines that work on it. False: the room is lost. */
bool item_settle(struct room *room, struct item *item);
/* It is visible, and not offered. Lock2 and Unlock2 as the model has it. */
bool item_lock(struct room *room, struct item *item);
bool item_unlock(struct room *room, struct item *item);
/* Locks, looks at the contents, writes some pages if wished, and unlocks. */
void item_look(struct room *room, struct item *item, bool rewrite);
void item_forget(struct item *item, uint64_t stamp);

/* ---- engines: lane.c ---- */

bool lane_open(struct room *room, struct lane *lane, unsigned index);
/* The address of the next slot; commands go there, and are submitted by lane_submit(). */
void *lane_slot(struct room *room, struct lane *lane);
bool lane_submit(struct room *room, struct lane *lane, uint32_t size_bytes);
/* All further work of the lane comes after VALUE of the fence. */
bool lane_follow(struct room *room, struct lane *lane, D3DKMT_HANDLE fence, uint64_t value);
/* The CPU waits until the lane has signalled VALUE. */
bool lane_wait(struct room *room, struct lane *lane, uint64_t value);
bool fence_wait(struct room *room, D3DKMT_HANDLE fence, uint64_t value);

/* ---- what is done: steps in memory.c, residency.c, offers.c, engines.c ---- */

struct step {
    const char *name;
    void (*run)(struct room *room);
    unsigned weight;
};
extern const struct step memory_steps[], residency_steps[], offer_steps[], engine_steps[]; /* NULL names end them */

/* Lists it once more. False: no room, or lost. */
bool item_make_resident(struct room *room, struct item *item);
/* Takes it off the list once. */
void item_evict(struct room *room, struct item *item);
/* One random step of the worker. */
void step(void);

/* ---- what must hold: recount.c ---- */

/* Every page of it, by an engine. Nothing else may be under way. */
void item_look_by_engine(struct room *room, struct item *item);
/* Recounts everything. Nobody may be in a call. CONTENTS: looks at every byte that the model knows, too. */
void recount(bool contents);

/* ---- what goes wrong on purpose: trouble.c ---- */

/* What a call that fails by a rule says; no call does so by itself. */
#define INJECTED STATUS_UNSUCCESSFUL

/* Between two phases, while nobody is in a call: what the next one brings. */
void trouble_begin(uint64_t phase);
/* In a phase of loss: perhaps the adapter goes now. */
void trouble_step(void);
/* Everything works again, and what was lost is opened anew. */
void trouble_end(void);
/* For one call of this thread: perhaps it finds no memory. */
void trouble_starve(void);
/* The call is over: whether that has happened. */
bool trouble_feed(void);

/* ---- watchdog.c ---- */

void watchdog_start(void);
void watchdog_stop(void);

#endif
