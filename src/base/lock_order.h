/* SPDX-License-Identifier: MIT */
/*
 * Every lock class, outermost first: a thread that holds one may take only those below it, and never two of
 * one class. No lock is held across a copy, a wait, a miniport call or a wire write.
 */
#ifndef UDXG_BASE_LOCK_ORDER_H
#define UDXG_BASE_LOCK_ORDER_H

#include "base/lock.h"

UDXG_LOCK_CLASS(STALL)        /* where the calls of a process sleep               core/stall.c       */
UDXG_LOCK_CLASS(LINKS)        /* the links of a client of the daemon                  daemon/service.c   */
UDXG_LOCK_CLASS(SESSIONS)     /* which sessions a daemon has                      daemon/session.c   */
UDXG_LOCK_CLASS(REGISTRY)     /* which processes a kernel has                    core/registry.c    */
UDXG_LOCK_CLASS(PROCESS)      /* what a process has per adapter                   core/process.c     */
UDXG_LOCK_CLASS(TRIM)         /* a process's trim and budget registrations        core/trim.c        */
UDXG_LOCK_CLASS(ADAPTER)      /* an adapter's devices, and whether it is there  core/adapter.c     */
UDXG_LOCK_CLASS(DEVICE)       /* a device's children, timeline and error state    core/device.c      */
UDXG_LOCK_CLASS(NT)           /* the NT handles that are open                     core/nt_handle.c   */
UDXG_LOCK_CLASS(WATCH)        /* one write watch                                  core/write_watch.c */
UDXG_LOCK_CLASS(FENCE)        /* the fence slots of a process on an adapter       core/fence_page.c  */
UDXG_LOCK_CLASS(UPDATE)       /* an adapter's queues of address updates            core/update.c      */
UDXG_LOCK_CLASS(NODE)         /* an engine's run queue and its contexts' packets  core/engine.c      */
UDXG_LOCK_CLASS(WATCHDOG)     /* a watchdog's sleep                             core/watchdog.c    */
UDXG_LOCK_CLASS(SYNC)         /* a synchronisation object's value and waiters     core/sync.c        */
UDXG_LOCK_CLASS(KEYED)        /* a keyed mutex's owner and waiters                 core/keyed_mutex.c */
UDXG_LOCK_CLASS(VIDMM)        /* placement, residency and budgets of one adapter  vidmm/             */
UDXG_LEAF_LOCK_CLASS(VASPACE) /* one GPU address space                            vidmm/vaspace.c    */
UDXG_LEAF_LOCK_CLASS(STOCK)   /* a stripe's commit and homes                        vidmm/stock.c      */
UDXG_LEAF_LOCK_CLASS(WINDOW)  /* what a process elsewhere maps                    vidmm/window.c     */
UDXG_LEAF_LOCK_CLASS(POOL)    /* one pool's ranges                                vidmm/pool.c       */
UDXG_LEAF_LOCK_CLASS(OWNED)   /* the mutexes that a device owns                     core/ownership.c   */
UDXG_LEAF_LOCK_CLASS(GLOBAL)  /* a kernel's global handles                        core/shared.c      */
UDXG_LEAF_LOCK_CLASS(SECTION) /* mappings of clients' files                         core/section.c     */
UDXG_LEAF_LOCK_CLASS(GRANT)   /* who may open one restricted resource            core/shared_resource.c */
UDXG_LEAF_LOCK_CLASS(SLOTS)   /* a handle table's growth                          object/handle.c    */
UDXG_LEAF_LOCK_CLASS(HANDLE)  /* free slots of a stripe of a handle table           object/handle.c    */
UDXG_LEAF_LOCK_CLASS(INJECT)  /* what goes wrong on purpose                    core/inject.c      */
UDXG_LEAF_LOCK_CLASS(SLAB)    /* free objects of a stripe of a slab                 base/slab.c        */
UDXG_LEAF_LOCK_CLASS(DEPOT)   /* what a slab's stripes share                        base/slab.c        */

#endif
