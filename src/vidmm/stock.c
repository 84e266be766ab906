/* SPDX-License-Identifier: MIT */
/*
 * Stocks of commit and homes.
 *
 * Commit moves between a stock and what the process and the adapter have charged under VIDMM and STOCK at once: so who
 * holds VIDMM finds all commit that nobody uses, there or in a stock, and an allocation is refused only when its
 * bytes are really used. Freed commit goes to the stock in any case, so that it is never out of sight in between.
 *
 * A home in a stock is a used range to the pool. It is taken by an allocation of exactly its size whose alignment
 * it happens to have; all of its pages are marked dirty in the pool, and are zeroed here for whoever wants that. A
 * stock that is full makes room by giving back what it has had for longest. Large homes are not kept: clearing
 * or writing them costs so much more than finding them that there is nothing to win.
 *
 * Locks: STOCK for a few instructions, inside VIDMM where commit moves; no lock while a home is zeroed or goes to
 * the pool.
 */
#include "vidmm/stock.h"

#include <string.h>

#include "vidmm/process.h"

#define BATCH_BYTES (UINT64_C(1) << 20)          /* of commit that a stock takes in advance */
#define MOST_COMMIT_BYTES (2 * BATCH_BYTES)      /* above that a stock gives back all but a batch */
#define LARGEST_HOME_BYTES (UINT64_C(256) << 10) /* that is kept */
#define MOST_HOME_BYTES (UINT64_C(1) << 20)

_Static_assert(LARGEST_HOME_BYTES <= MOST_HOME_BYTES, "an empty stock has room for any home that is kept");

void vidmm_stocks_init(struct vidmm_process *process)
{
    for (unsigned i = 0; i < UDXG_LANES; i++) udxg_mutex_init_STOCK(&process->stocks[i].lock);
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

/* Leaves at most KEPT_BYTES of commit in a stock. */
static void call_back_locked(struct vidmm_process *process, struct vidmm_stock *stock, uint64_t kept_bytes)
    UDXG_REQUIRES(VIDMM)
{
    udxg_lock(STOCK, &stock->lock);
    uint64_t excess = stock->commit_bytes > kept_bytes ? stock->commit_bytes - kept_bytes : 0;
    stock->commit_bytes -= excess;
    udxg_unlock(STOCK, &stock->lock);
    uncharge_locked(process, excess);
}

static void call_all_back_locked(struct vidmm_process *process) UDXG_REQUIRES(VIDMM)
{
    for (unsigned i = 0; i < UDXG_LANES; i++) call_back_locked(process, &process->stocks[i], 0);
}

static void call_everybody_back_locked(struct vidmm_adapter *adapter) UDXG_REQUIRES(VIDMM)
{
    udxg_list_for_each(it, &adapter->processes)
        call_all_back_locked(udxg_container_of(it, struct vidmm_process, siblings));
}

/* Charges SIZE and, where that leaves enough, a batch for the stock. */
static bool charge_with_batch_locked(struct vidmm_process *process, struct vidmm_stock *stock, uint64_t size_bytes)
    UDXG_REQUIRES(VIDMM)
{
    if (!charge_locked(process, size_bytes)) {
        call_everybody_back_locked(process->adapter);
        return charge_locked(process, size_bytes);
    }
    if (!charge_locked(process, BATCH_BYTES)) return true;
    udxg_lock(STOCK, &stock->lock);
    stock->commit_bytes += BATCH_BYTES;
    udxg_unlock(STOCK, &stock->lock);
    return true;
}

static bool charge(struct vidmm_process *process, struct vidmm_stock *stock, uint64_t size_bytes)
{
    udxg_lock(VIDMM, &process->adapter->lock);
    bool charged = charge_with_batch_locked(process, stock, size_bytes);
    udxg_unlock(VIDMM, &process->adapter->lock);
    return charged;
}

static void trim(struct vidmm_process *process, struct vidmm_stock *stock)
{
    udxg_lock(VIDMM, &process->adapter->lock);
    call_back_locked(process, stock, BATCH_BYTES);
    udxg_unlock(VIDMM, &process->adapter->lock);
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
    for (unsigned i = 0; i < UDXG_LANES; i++) give_homes_back(process, &process->stocks[i]);
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

static void book(struct vidmm_stock *stock, int64_t allocations, uint64_t commit_bytes)
{
    udxg_lock(STOCK, &stock->lock);
    stock->allocations += allocations;
    stock->commit_bytes += commit_bytes;
    udxg_unlock(STOCK, &stock->lock);
}

/* The rare way: what the stock has is not enough, or does not fit. */
static udxg_status take_elsewhere(struct vidmm_process *process, struct vidmm_stock *stock, bool charged,
                                  uint64_t alignment_bytes, bool zeroed, struct vidmm_home *home)
{
    if (!charged) {
        if (!charge(process, stock, home->size_bytes)) return STATUS_NO_MEMORY;
        book(stock, 1, 0);
    }
    udxg_status status = find_home_in_pool(process, alignment_bytes, zeroed, home);
    if (udxg_failed(status)) book(stock, -1, home->size_bytes);
    return status;
}

udxg_status vidmm_stock_take(struct vidmm_process *process, unsigned lane, uint64_t size_bytes,
                             uint64_t alignment_bytes, bool zeroed, struct vidmm_home *ret_home)
{
    struct vidmm_stock *stock = &process->stocks[lane];
    struct vidmm_home home = {.size_bytes = size_bytes};
    udxg_lock(STOCK, &stock->lock);
    bool charged = stock->commit_bytes >= size_bytes;
    bool found = charged && find_home_locked(stock, alignment_bytes, &home);
    if (charged) {
        stock->commit_bytes -= size_bytes;
        stock->allocations++;
    }
    udxg_unlock(STOCK, &stock->lock);
    if (!found) {
        udxg_status status = take_elsewhere(process, stock, charged, alignment_bytes, zeroed, &home);
        if (udxg_failed(status)) return status;
    } else if (zeroed) {
        memset(home.address, 0, size_bytes);
    }
    *ret_home = home;
    return STATUS_SUCCESS;
}

void vidmm_stock_count(struct vidmm_process *process, unsigned lane)
{
    book(&process->stocks[lane], 1, 0);
}

void vidmm_stock_give(struct vidmm_process *process, unsigned lane, const struct vidmm_home *home)
{
    struct vidmm_stock *stock = &process->stocks[lane];
    struct leaving leaving;
    bool too_much = false;
    leaving.count = 0; /* and no more: the rest would be most of the work */
    udxg_lock(STOCK, &stock->lock);
    stock->allocations--;
    if (home->range) {
        stock->commit_bytes += home->size_bytes;
        too_much = stock->commit_bytes > MOST_COMMIT_BYTES;
        keep_home_locked(stock, home, &leaving);
    }
    udxg_unlock(STOCK, &stock->lock);
    free_homes(process, &leaving);
    if (too_much) trim(process, stock);
}

/* ---- all lanes ---- */

void vidmm_stocks_fini(struct vidmm_process *process)
{
    udxg_lock(VIDMM, &process->adapter->lock);
    call_all_back_locked(process);
    udxg_unlock(VIDMM, &process->adapter->lock);
    give_all_homes_back(process);
    for (unsigned i = 0; i < UDXG_LANES; i++) udxg_mutex_fini_STOCK(&process->stocks[i].lock);
}

void vidmm_stocks_sum(struct vidmm_process *process, struct vidmm_stocked *ret)
{
    *ret = (struct vidmm_stocked){0};
    for (unsigned i = 0; i < UDXG_LANES; i++) {
        struct vidmm_stock *stock = &process->stocks[i];
        udxg_lock(STOCK, &stock->lock);
        ret->commit_bytes += stock->commit_bytes;
        ret->home_bytes += stock->home_bytes;
        ret->allocations += (uint64_t)stock->allocations;
        udxg_unlock(STOCK, &stock->lock);
    }
}
