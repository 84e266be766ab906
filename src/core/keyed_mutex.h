/* SPDX-License-Identifier: MIT */
/*
 * Keyed mutexes: a mutex with a 64-bit key. Who acquires with key K gets it once it was released with K. It belongs to
 * a process and to no device; what owns it is an opening, that is, a local handle, whichever thread uses it.
 *
 *   FREE(key) --acquire(key)--> OWNED --release(key)--> FREE(key), or OWNED by the first that waits for that key
 *                                 '---its owner's handle is closed---> ABANDONED, for good
 */
#ifndef UDXG_CORE_KEYED_MUTEX_H
#define UDXG_CORE_KEYED_MUTEX_H

#include "core/shared.h"

struct udxg_process;

/* For D3DKMTShareObjects: a reference to what a local handle is an opening of, if it may stand in NT handles; or NULL.
 */
struct udxg_shared *udxg_keyed_mutex_get_shareable(struct udxg_process *process, uint32_t handle);

/* Release callback of the handle table, for an opening. */
void udxg_keyed_mutex_release(void *opening);

#endif
