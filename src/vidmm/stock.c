/* SPDX-License-Identifier: MIT */
/*
 * Stocks of commit and homes.
 *
 * Commit moves between a stock and what the process and the adapter have charged under VIDMM and STOCK at once, so that
 * none is out of sight. Who calls it back goes from stock to stock and closes each: what is freed behind its back
 * then waits for VIDMM instead of lying where nobody will look again. When the last one is closed, all that is not
 * used has been found, and an allocation is refused only when its bytes really were used at that moment. A stock
 * stays closed until there is a batch for it: near a limit every allocation asks for itself.
 *
 * A home in a stock is a used range to the pool. It is taken by an allocation of exactly its size whose alignment
 * it happens to have; all of its pages are marked dirty in the pool, and are zeroed here for whoever wants that. A
 * stock that is full makes room by giving back what it has had for longest. Large homes are not kept: clearing
 * or writing them costs so much more than finding them that there is nothing to win.
 * Homes are not called back as strictly as commit: with others at work one may be missed, as by the pool itself. There
 * are many more addresses than there is commit.
 *
 * Locks: STOCK for a few instructions, inside VIDMM where commit moves; no lock while a home is zeroed or goes to
 * the pool.
 */
#include "vidmm/stock.h"

#include <string.h>

#include "vidmm/offer.h"
#include "vidmm/process.h"

#define BATCH_BYTES (UINT64_C(1) << 20)          /* of commit that a stock takes in advance */
#define MOST_COMMIT_BYTES (2 * BATCH_BYTES)      /* above that a stock gives back all but a batch */
#define LARGEST_HOME_BYTES (UINT64_C(256) << 10) /* that is kept */
#define MOST_HOME_BYTES (UINT64_C(1) << 20)

_Static_assert(LARGEST_HOME_BYTES <= MOST_HOME_BYTES, "an empty stock has room for any home that is kept");

void vidmm_stocks_init(struct vidmm_process *process)
{
    for (unsigned i = 0; i < UDXG_STRIPES; i++) udxg_mutex_init_STOCK(&process->stocks[i].lock);
}

/* ---- commit ---- */

static bool charge_locked(struct vidmm_process *process, uint64_t size_bytes) UDXG_REQUIRES(VIDMM)
{
    struct vidmm_adapter *adapter = process->adapter;
    if (size_bytes > process->commit_limit_bytes - process->commit_bytes) return false;
    if (size_bytes > adapter->commit_limit_bytes - adapter->commit_bytes) return false;
    process->commit_bytes += size_bytes;
    adapter->commit_bytes += size_bytes;
    return true;
}

static void uncharge_locked(struct vidmm_process *process, uint64_t size_bytes) UDXG_REQUIRES(VIDMM)
{
    process->commit_bytes -= size_bytes;
    process->adapter->commit_bytes -= size_bytes;
}

static void close_locked(struct vidmm_process *process, struct vidmm_stock *stock) UDXG_REQUIRES(VIDMM)
{
    udxg_lock(STOCK, &stock->lock);
    uncharge_locked(process, stock->commit_bytes);
    stock->commit_bytes = 0;
    stock->closed = true;
    udxg_unlock(STOCK, &stock->lock);
}

static void close_all_locked(struct vidmm_process *process) UDXG_REQUIRES(VIDMM)
{
    for (unsigned i = 0; i < UDXG_STRIPES; i++) close_locked(process, &process->stocks[i]);
}

static void close_everybodys_locked(struct vidmm_adapter *adapter) UDXG_REQUIRES(VIDMM)
{
    udxg_list_for_each(it, &adapter->processes) close_all_locked(udxg_container_of(it, struct vidmm_process, siblings));
}

/* Charges SIZE and, where that leaves enough, a batch for the stock. */
static bool charge_with_batch_locked(struct vidmm_process *process, struct vidmm_stock *stock, uint64_t size_bytes)
    UDXG_REQUIRES(VIDMM)
{
    if (!charge_locked(process, size_bytes)) {
        close_everybodys_locked(process->adapter);
        return charge_locked(process, size_bytes);
    }
    if (!charge_locked(process, BATCH_BYTES)) return true;
    udxg_lock(STOCK, &stock->lock);
    stock->commit_bytes += BATCH_BYTES;
    stock->closed = false;
    udxg_unlock(STOCK, &stock->lock);
    return true;
}

/* What clients have offered to do without is taken before anything is refused. */
static bool charge(struct vidmm_process *process, struct vidmm_stock *stock, uint64_t size_bytes)
{
    bool charged;
    do {
        udxg_lock(VIDMM, &process->adapter->lock);
        charged = charge_with_batch_locked(process, stock, size_bytes);
        udxg_unlock(VIDMM, &process->adapter->lock);
    } while (!charged && vidmm_offer_make_commit(process, size_bytes));
    return charged;
}

void vidmm_stock_decommit_locked(struct vidmm_process *process, uint64_t size_bytes)
{
    uncharge_locked(process, size_bytes);
}

static void uncharge(struct vidmm_process *process, uint64_t size_bytes)
{
    udxg_lock(VIDMM, &process->adapter->lock);
    uncharge_locked(process, size_bytes);
    udxg_unlock(VIDMM, &process->adapter->lock);
}

/* Gives all but a batch back. Others may have taken it meanwhile. */
static void trim(struct vidmm_process *process, struct vidmm_stock *stock)
{
    udxg_lock(VIDMM, &process->adapter->lock);
    udxg_lock(STOCK, &stock->lock);
    uint64_t excess = stock->commit_bytes > BATCH_BYTES ? stock->commit_bytes - BATCH_BYTES : 0;
    stock->commit_bytes -= excess;
    uncharge_locked(process, excess);
    udxg_unlock(STOCK, &stock->lock);
    udxg_unlock(VIDMM, &process->adapter->lock);
}

enum excess { NO_EXCESS, STOCK_IS_CLOSED, STOCK_IS_FULL };

/* Commit that an allocation has used. What has to be done about it without STOCK. */
static enum excess put_commit_locked(struct vidmm_stock *stock, uint64_t size_bytes) UDXG_REQUIRES(STOCK)
{
    if (stock->closed) return STOCK_IS_CLOSED;
    stock->commit_bytes += size_bytes;
    return stock->commit_bytes > MOST_COMMIT_BYTES ? STOCK_IS_FULL : NO_EXCESS;
}

static void settle(struct vidmm_process *process, struct vidmm_stock *stock, uint64_t size_bytes, enum excess excess)
{
    if (excess == STOCK_IS_CLOSED) uncharge(process, size_bytes);
    if (excess == STOCK_IS_FULL) trim(process, stock);
}

/* ---- homes ---- */

/* Homes on their way to the pool. */
struct leaving {
    uint32_t count;
    struct udxg_range *ranges[VIDMM_STOCK_HOMES];
};

static void free_homes(struct vidmm_process *process, const struct leaving *leaving)
{
    for (uint32_t i = 0; i < leaving->count; i++) vidmm_pool_free(process->homes, leaving->ranges[i]);
}

static struct vidmm_home *home_at_locked(struct vidmm_stock *stock, uint32_t index) UDXG_REQUIRES(STOCK)
{
    return &stock->homes[(stock->first_home + index) % VIDMM_STOCK_HOMES];
}

static void remove_home_locked(struct vidmm_stock *stock, uint32_t index) UDXG_REQUIRES(STOCK)
{
    stock->home_bytes -= home_at_locked(stock, index)->size_bytes;
    stock->home_count--;
    for (; index < stock->home_count; index++) *home_at_locked(stock, index) = *home_at_locked(stock, index + 1);
}

/* One of the size that HOME says. */
static bool find_home_locked(struct vidmm_stock *stock, uint64_t alignment_bytes, struct vidmm_home *home)
    UDXG_REQUIRES(STOCK)
{
    for (uint32_t i = stock->home_count; i-- > 0;) {
        const struct vidmm_home *kept = home_at_locked(stock, i);
        if (kept->size_bytes != home->size_bytes || ((uintptr_t)kept->address & (alignment_bytes - 1))) continue;
        *home = *kept;
        remove_home_locked(stock, i);
        return true;
    }
    return false;
}

static void take_oldest_home_locked(struct vidmm_stock *stock, struct leaving *leaving) UDXG_REQUIRES(STOCK)
{
    const struct vidmm_home *home = home_at_locked(stock, 0);
    leaving->ranges[leaving->count++] = home->range;
    stock->home_bytes -= home->size_bytes;
    stock->home_count--;
    stock->first_home = (stock->first_home + 1) % VIDMM_STOCK_HOMES;
}

/* What the home displaces, perhaps itself, is in *LEAVING. */
static void keep_home_locked(struct vidmm_stock *stock, const struct vidmm_home *home, struct leaving *leaving)
    UDXG_REQUIRES(STOCK)
{
    if (home->size_bytes > LARGEST_HOME_BYTES) {
        leaving->ranges[leaving->count++] = home->range;
        return;
    }
    while (stock->home_count == VIDMM_STOCK_HOMES || stock->home_bytes + home->size_bytes > MOST_HOME_BYTES)
        take_oldest_home_locked(stock, leaving);
    *home_at_locked(stock, stock->home_count) = *home;
    stock->home_count++;
    stock->home_bytes += home->size_bytes;
}

static void give_homes_back(struct vidmm_process *process, struct vidmm_stock *stock)
{
    struct leaving leaving = {.count = 0};
    udxg_lock(STOCK, &stock->lock);
    while (stock->home_count) take_oldest_home_locked(stock, &leaving);
    udxg_unlock(STOCK, &stock->lock);
    free_homes(process, &leaving);
}

static void give_all_homes_back(struct vidmm_process *process)
{
    for (unsigned i = 0; i < UDXG_STRIPES; i++) give_homes_back(process, &process->stocks[i]);
}

static udxg_status find_home_in_pool(struct vidmm_process *process, uint64_t alignment_bytes, bool zeroed,
                                     struct vidmm_home *home)
{
    for (bool again = false;; again = true) {
        udxg_status status = vidmm_pool_alloc(process->homes, home->size_bytes, alignment_bytes, UDXG_RANGE_FROM_START,
                                              zeroed, &home->range, &home->address);
        if (!udxg_failed(status) || again) return status;
        give_all_homes_back(process);
    }
}

/* ---- take and give ---- */

/* All numbers that an allocation changes when it begins (SIGN 1), or when its beginning is undone. */
static void count_locked(struct vidmm_stock *stock, const struct vidmm_birth *birth, bool zeroed, int sign)
    UDXG_REQUIRES(STOCK)
{
    vidmm_count_bytes(&stock->births.committed[birth->first_choice - 1], birth->size_bytes, sign);
    if (zeroed) stock->births.zeroed_bytes += (uint64_t)(int64_t)sign * birth->size_bytes;
}

static void count_end_locked(struct vidmm_stock *stock, const struct vidmm_birth *birth) UDXG_REQUIRES(STOCK)
{
    count_locked(stock, birth, false, -1);
    vidmm_count_bytes(&stock->births.destroyed, birth->size_bytes, 1);
    if (!birth->opened) vidmm_count_bytes(&stock->births.opened_again, birth->size_bytes, -1); /* never at all */
}

static void count_one(struct vidmm_stock *stock, const struct vidmm_birth *birth, bool zeroed)
{
    udxg_lock(STOCK, &stock->lock);
    count_locked(stock, birth, zeroed, 1);
    udxg_unlock(STOCK, &stock->lock);
}

/* Undoes a take that has found commit, and no home. */
static void untake(struct vidmm_process *process, struct vidmm_stock *stock, const struct vidmm_birth *birth,
                   bool zeroed)
{
    udxg_lock(STOCK, &stock->lock);
    count_locked(stock, birth, zeroed, -1);
    enum excess excess = put_commit_locked(stock, birth->size_bytes);
    udxg_unlock(STOCK, &stock->lock);
    settle(process, stock, birth->size_bytes, excess);
}

/* The rare way: what the stock has is not enough, or does not fit. */
static udxg_status take_elsewhere(struct vidmm_process *process, unsigned stripe, const struct vidmm_birth *birth,
                                  bool charged, uint64_t alignment_bytes, bool zeroed, struct vidmm_home *home)
{
    struct vidmm_stock *stock = &process->stocks[stripe];
    if (!charged) {
        if (!charge(process, stock, home->size_bytes)) return STATUS_NO_MEMORY;
        count_one(stock, birth, zeroed);
    }
    udxg_status status = find_home_in_pool(process, alignment_bytes, zeroed, home);
    if (udxg_failed(status)) untake(process, stock, birth, zeroed);
    return status;
}

udxg_status vidmm_stock_take(struct vidmm_process *process, unsigned stripe, const struct vidmm_birth *birth,
                             uint64_t alignment_bytes, bool zeroed, struct vidmm_home *ret_home)
{
    struct vidmm_stock *stock = &process->stocks[stripe];
    struct vidmm_home home = {.size_bytes = birth->size_bytes};
    udxg_lock(STOCK, &stock->lock);
    bool charged = stock->commit_bytes >= birth->size_bytes;
    bool found = charged && find_home_locked(stock, alignment_bytes, &home);
    if (charged) {
        stock->commit_bytes -= birth->size_bytes;
        count_locked(stock, birth, zeroed, 1);
    }
    udxg_unlock(STOCK, &stock->lock);
    if (!found) {
        udxg_status status = take_elsewhere(process, stripe, birth, charged, alignment_bytes, zeroed, &home);
        if (udxg_failed(status)) return status;
    } else if (zeroed) {
        memset(home.address, 0, birth->size_bytes);
    }
    *ret_home = home;
    return STATUS_SUCCESS;
}

static void count_apart(struct vidmm_process *process, uint64_t size_bytes, int sign)
{
    udxg_lock(VIDMM, &process->adapter->lock);
    process->apart_bytes += (uint64_t)(int64_t)sign * size_bytes;
    udxg_unlock(VIDMM, &process->adapter->lock);
}

udxg_status vidmm_stock_take_apart(struct vidmm_process *process, unsigned stripe, const struct vidmm_birth *birth,
                                   uint64_t alignment_bytes, struct vidmm_pool *pool, struct vidmm_home *ret_home)
{
    struct vidmm_stock *stock = &process->stocks[stripe];
    struct vidmm_home home = {.size_bytes = birth->size_bytes};
    udxg_lock(STOCK, &stock->lock);
    bool charged = stock->commit_bytes >= birth->size_bytes;
    if (charged) stock->commit_bytes -= birth->size_bytes;
    udxg_unlock(STOCK, &stock->lock);
    if (!charged && !charge(process, stock, birth->size_bytes)) return STATUS_NO_MEMORY;
    count_one(stock, birth, true);
    udxg_status status = vidmm_pool_alloc(pool, home.size_bytes, alignment_bytes, UDXG_RANGE_FROM_START, true,
                                          &home.range, &home.address);
    if (udxg_failed(status)) {
        untake(process, stock, birth, true);
        return status;
    }
    count_apart(process, home.size_bytes, 1);
    *ret_home = home;
    return STATUS_SUCCESS;
}

void vidmm_stock_count(struct vidmm_process *process, unsigned stripe, const struct vidmm_birth *birth)
{
    count_one(&process->stocks[stripe], birth, false);
}

void vidmm_stock_recount(struct vidmm_process *process, unsigned stripe, const struct vidmm_birth *birth,
                         uint32_t first_choice)
{
    struct vidmm_stock *stock = &process->stocks[stripe];
    udxg_lock(STOCK, &stock->lock);
    vidmm_count_bytes(&stock->births.committed[birth->first_choice - 1], birth->size_bytes, -1);
    vidmm_count_bytes(&stock->births.committed[first_choice - 1], birth->size_bytes, 1);
    udxg_unlock(STOCK, &stock->lock);
}

void vidmm_stock_opened(struct vidmm_process *process, unsigned stripe, uint64_t size_bytes)
{
    struct vidmm_stock *stock = &process->stocks[stripe];
    udxg_lock(STOCK, &stock->lock);
    vidmm_count_bytes(&stock->births.opened_again, size_bytes, 1);
    udxg_unlock(STOCK, &stock->lock);
}

void vidmm_stock_closed(struct vidmm_process *process, unsigned stripe, uint64_t size_bytes)
{
    struct vidmm_stock *stock = &process->stocks[stripe];
    atomic_fetch_add_explicit(&stock->closings.count, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&stock->closings.bytes, size_bytes, memory_order_relaxed);
}

void vidmm_stock_give_husk(struct vidmm_process *process, unsigned stripe, const struct vidmm_birth *birth,
                           const struct vidmm_home *home)
{
    struct vidmm_stock *stock = &process->stocks[stripe];
    udxg_lock(STOCK, &stock->lock);
    count_end_locked(stock, birth);
    udxg_unlock(STOCK, &stock->lock);
    vidmm_pool_free(process->homes, home->range);
}

void vidmm_stock_give(struct vidmm_process *process, unsigned stripe, const struct vidmm_birth *birth,
                      const struct vidmm_home *home)
{
    struct vidmm_stock *stock = &process->stocks[stripe];
    struct leaving leaving;
    enum excess excess = NO_EXCESS;
    leaving.count = 0; /* and no more: the rest would be most of the work */
    udxg_lock(STOCK, &stock->lock);
    count_end_locked(stock, birth);
    if (home->range) {
        excess = put_commit_locked(stock, home->size_bytes);
        keep_home_locked(stock, home, &leaving);
    }
    udxg_unlock(STOCK, &stock->lock);
    free_homes(process, &leaving);
    settle(process, stock, home->size_bytes, excess);
}

void vidmm_stock_give_apart(struct vidmm_process *process, unsigned stripe, const struct vidmm_birth *birth,
                            struct vidmm_pool *pool, const struct vidmm_home *home, bool husk)
{
    struct vidmm_stock *stock = &process->stocks[stripe];
    enum excess excess = NO_EXCESS;
    count_apart(process, home->size_bytes, -1);
    udxg_lock(STOCK, &stock->lock);
    count_end_locked(stock, birth);
    if (!husk) excess = put_commit_locked(stock, home->size_bytes);
    udxg_unlock(STOCK, &stock->lock);
    vidmm_pool_free(pool, home->range);
    settle(process, stock, home->size_bytes, excess);
}

/* ---- all stripes ---- */

void vidmm_stocks_fini(struct vidmm_process *process)
{
    udxg_lock(VIDMM, &process->adapter->lock);
    close_all_locked(process);
    udxg_unlock(VIDMM, &process->adapter->lock);
    give_all_homes_back(process);
    for (unsigned i = 0; i < UDXG_STRIPES; i++) udxg_mutex_fini_STOCK(&process->stocks[i].lock);
}

void vidmm_stocks_sum(struct vidmm_process *process, struct vidmm_stocked *ret)
{
    *ret = (struct vidmm_stocked){0};
    for (unsigned i = 0; i < UDXG_STRIPES; i++) {
        struct vidmm_stock *stock = &process->stocks[i];
        udxg_lock(STOCK, &stock->lock);
        ret->commit_bytes += stock->commit_bytes;
        ret->home_bytes += stock->home_bytes;
        for (unsigned segment = 0; segment < UDXG_MAX_SEGMENTS; segment++)
            ret->allocations += stock->births.committed[segment].count;
        udxg_unlock(STOCK, &stock->lock);
    }
}

/* What was closed is read first: so it is never more than what was opened. */
static void add_counters_of(struct vidmm_stock *stock, struct vidmm_counters *counters)
{
    counters->closed.count += atomic_load(&stock->closings.count);
    counters->closed.bytes += atomic_load(&stock->closings.bytes);
    udxg_lock(STOCK, &stock->lock);
    vidmm_counters_add_births(counters, &stock->births);
    udxg_unlock(STOCK, &stock->lock);
}

void vidmm_stocks_add_counters(struct vidmm_process *process, struct vidmm_counters *counters)
{
    for (unsigned i = 0; i < UDXG_STRIPES; i++) add_counters_of(&process->stocks[i], counters);
}
