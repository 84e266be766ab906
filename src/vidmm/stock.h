/* SPDX-License-Identifier: MIT */
/*
 * What a stripe of a process keeps for its next allocations, so that most of them ask nobody else: commit that is
 * charged and that nobody uses yet, and homes that were freed a moment ago.
 *
 *     commit   adapter and process (VIDMM)  <- 1 MiB at a time ->  a stripe's stock (STOCK)  <->  allocations
 *     homes    the process's pool (POOL)    <------------------->  a stripe's stock (STOCK)  <->  allocations
 *
 * Nothing is refused because of a stock: before STATUS_NO_MEMORY the commit in all stocks of the adapter's processes
 * is called back, and before a home is refused all homes of the process's stocks go back to its pool. What is
 * reported as used is without them.
 */
#ifndef UDXG_VIDMM_STOCK_H
#define UDXG_VIDMM_STOCK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/stripe.h"
#include "base/lock.h"
#include "base/status.h"
#include "vidmm/counters.h"

struct udxg_range;
struct vidmm_adapter;
struct vidmm_pool;
struct vidmm_process;

/* A place in a process's pool: where an allocation's bytes are when they are in no segment. */
struct vidmm_home {
    struct udxg_range *range; /* in the pool; NULL: the caller's own memory, which costs no commit */
    void *address;
    uint64_t size_bytes;
};

#define VIDMM_STOCK_HOMES 16u

/* Embeddable. */
struct vidmm_stock {
    char before[UDXG_STRIPE_GAP];
    struct udxg_mutex_STOCK lock;
    uint8_t first_home, home_count UDXG_GUARDED_BY(STOCK);
    bool closed UDXG_GUARDED_BY(STOCK);           /* called back: takes no commit until the limits are far again */
    uint64_t home_bytes UDXG_GUARDED_BY(STOCK);   /* of homes */
    uint64_t commit_bytes UDXG_GUARDED_BY(STOCK); /* charged, not used */
    struct vidmm_births births UDXG_GUARDED_BY(STOCK);
    struct {
        atomic_uint_least64_t count, bytes;
    } closings; /* openings of its allocations; counted without a lock, by whoever closes */
    struct vidmm_home homes[VIDMM_STOCK_HOMES] UDXG_GUARDED_BY(STOCK); /* a ring; the first is the oldest */
    char behind[UDXG_STRIPE_GAP];
};

void vidmm_stocks_init(struct vidmm_process *process);
/* Gives everything back: commit and homes. */
void vidmm_stocks_fini(struct vidmm_process *process);

/* What is to be known of an allocation in order to count it. */
struct vidmm_birth {
    uint64_t size_bytes;
    uint32_t first_choice; /* segment id: its commitment counts there */
    bool opened;           /* at its end: it has been, once at least */
};

/*
 * Counts an allocation, charges its commit and finds its home. With ZEROED it reads as zero, otherwise it may hold what
 * an earlier owner of the same process left. STATUS_NO_MEMORY over a limit of the process or the adapter,
 * STATUS_GRAPHICS_NO_VIDEO_MEMORY when there is no room.
 */
udxg_status vidmm_stock_take(struct vidmm_process *process, unsigned stripe, const struct vidmm_birth *birth,
                             uint64_t alignment_bytes, bool zeroed, struct vidmm_home *ret_home) UDXG_MUST_CHECK;
/* The same for a home in a pool of its own, which reads as zero. */
udxg_status vidmm_stock_take_apart(struct vidmm_process *process, unsigned stripe, const struct vidmm_birth *birth,
                                   uint64_t alignment_bytes, struct vidmm_pool *pool,
                                   struct vidmm_home *ret_home) UDXG_MUST_CHECK;
/* The same for the caller's memory: it is only counted. */
void vidmm_stock_count(struct vidmm_process *process, unsigned stripe, const struct vidmm_birth *birth);
/* Ends what one of the two began, through the same stripe. The home is taken. */
void vidmm_stock_give(struct vidmm_process *process, unsigned stripe, const struct vidmm_birth *birth,
                      const struct vidmm_home *home);
/* The same for a home whose commit went before it (offer.h). */
void vidmm_stock_give_husk(struct vidmm_process *process, unsigned stripe, const struct vidmm_birth *birth,
                           const struct vidmm_home *home);
/* The same for a home in a pool of its own; HUSK: its commit went before. */
void vidmm_stock_give_apart(struct vidmm_process *process, unsigned stripe, const struct vidmm_birth *birth,
                            struct vidmm_pool *pool, const struct vidmm_home *home, bool husk);
/* Its first choice is another. */
void vidmm_stock_recount(struct vidmm_process *process, unsigned stripe, const struct vidmm_birth *birth,
                         uint32_t first_choice);
/* An allocation was opened again; and closed, the first opening or another. */
void vidmm_stock_opened(struct vidmm_process *process, unsigned stripe, uint64_t size_bytes);
void vidmm_stock_closed(struct vidmm_process *process, unsigned stripe, uint64_t size_bytes);
/* Commit of an allocation in use goes back to process and adapter, past all stocks. */
void vidmm_stock_decommit_locked(struct vidmm_process *process, uint64_t size_bytes) UDXG_REQUIRES(VIDMM);

struct vidmm_stocked {
    uint64_t commit_bytes, home_bytes, allocations;
};
/* What lies in all stocks of the process, and what they have counted; each stripe at another moment. */
void vidmm_stocks_sum(struct vidmm_process *process, struct vidmm_stocked *ret);
/* Adds what all stocks of the process have counted. */
void vidmm_stocks_add_counters(struct vidmm_process *process, struct vidmm_counters *counters);

#endif
