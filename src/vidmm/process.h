/* SPDX-License-Identifier: MIT */
/* A process's share of an adapter: its homes, its GPU address space, what it has charged. */
#ifndef UDXG_VIDMM_PROCESS_H
#define UDXG_VIDMM_PROCESS_H

#include "base/foreign.h"
#include "vidmm/adapter.h"
#include "vidmm/offer.h"
#include "vidmm/pool.h"
#include "vidmm/stock.h"
#include "vidmm/vaspace.h"

struct vidmm_process {
    struct vidmm_adapter *adapter; /* constant */
    uint32_t number;               /* 1 is the adapter's first; constant */
    struct vidmm_pool *homes;      /* constant */
    struct udxg_foreign memory;    /* of the client, descriptors of our own; constant */
    uint64_t commit_limit_bytes;   /* constant */
    struct vidmm_va_space va;
    struct udxg_list siblings UDXG_GUARDED_BY(VIDMM); /* in the adapter's list */
    struct udxg_list devices UDXG_GUARDED_BY(VIDMM);
    uint64_t commit_bytes UDXG_GUARDED_BY(VIDMM); /* charged: what allocations use, and what lies in stocks */
    uint64_t apart_bytes UDXG_GUARDED_BY(VIDMM);  /* of homes that lie in sites */
    uint64_t usage_bytes[VIDMM_GROUP_COUNT] UDXG_GUARDED_BY(VIDMM); /* demand of its allocations */
    uint64_t reservation_bytes[VIDMM_GROUP_COUNT] UDXG_GUARDED_BY(VIDMM);
    uint64_t counted_bytes[VIDMM_GROUP_COUNT] UDXG_GUARDED_BY(VIDMM);  /* the usage that budgets were made from */
    uint64_t drift_bytes[VIDMM_GROUP_COUNT] UDXG_GUARDED_BY(VIDMM);    /* how far the usage is from that */
    uint64_t override_bytes[VIDMM_GROUP_COUNT] UDXG_GUARDED_BY(VIDMM); /* VIDMM_NO_OVERRIDE: none */
    uint64_t budget_bytes[VIDMM_GROUP_COUNT] UDXG_GUARDED_BY(VIDMM);   /* as computed last: budget.h */
    uint64_t asked_bytes[VIDMM_GROUP_COUNT] UDXG_GUARDED_BY(VIDMM);    /* what it was asked to trim to, or UINT64_MAX */
    uint32_t weight UDXG_GUARDED_BY(VIDMM);                            /* 1 to VIDMM_FAIR_WEIGHT_MAX */
    struct udxg_list registrations UDXG_GUARDED_BY(VIDMM);             /* struct vidmm_registration */
    struct vidmm_stock stocks[UDXG_STRIPES];                             /* lock for themselves */
    struct vidmm_offers offers UDXG_GUARDED_BY(VIDMM);
    bool suspended UDXG_GUARDED_BY(VIDMM), wakes UDXG_GUARDED_BY(VIDMM); /* wakes: until a device wants to run */
    uint64_t queued UDXG_GUARDED_BY(VIDMM);                /* bindings that operations of its queues name */
    struct vidmm_counters counters UDXG_GUARDED_BY(VIDMM); /* of what it has created, but for what stocks count */
};

#endif
