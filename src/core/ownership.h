/* SPDX-License-Identifier: MIT */
/*
 * The mutexes that a device owns: so that it gives them up when it ends, whoever's handles it had them by. A device in
 * error, or going, owns nothing any more.
 *
 * Whoever holds a mutex's lock and finds that it has an owner may use that device: it does not go before it has given
 * the mutex up, for which it needs the lock.
 */
#ifndef UDXG_CORE_OWNERSHIP_H
#define UDXG_CORE_OWNERSHIP_H

#include <stdbool.h>

#include "base/list.h"
#include "base/lock.h"

struct udxg_device;
struct udxg_sync;

/* Embeddable: of a device. */
struct udxg_ownership {
    struct udxg_mutex_OWNED lock;
    struct udxg_list mutexes UDXG_GUARDED_BY(OWNED); /* by udxg_sync.owned */
    bool ended UDXG_GUARDED_BY(OWNED);
};

void udxg_ownership_init(struct udxg_ownership *ownership);
void udxg_ownership_fini(struct udxg_ownership *ownership);
/* Makes a free mutex DEVICE's; DEVICE is kept from going. It stays free when DEVICE owns nothing any more. */
void udxg_own_locked(struct udxg_sync *mutex, struct udxg_device *device) UDXG_REQUIRES(SYNC);
/* Makes a mutex free, whoever it belongs to. */
void udxg_disown_locked(struct udxg_sync *mutex) UDXG_REQUIRES(SYNC);
/* Gives up, for good, all that DEVICE owns; whoever waits has it. */
void udxg_disown_all(struct udxg_device *device);

#endif
