/* SPDX-License-Identifier: MIT */
/*
 * Who owns mutexes. Invariants: a mutex is on its owner's list exactly while it has one, or is just being taken off it
 * with that owner's end; an abandoned mutex has none, so that what is on a list has references. Locks: SYNC of the
 * mutex for its owner, then OWNED of that device.
 */
#include "core/ownership.h"

#include "core/sync.h"

void udxg_ownership_init(struct udxg_ownership *ownership) UDXG_NO_TSA
{
    udxg_mutex_init_OWNED(&ownership->lock);
    udxg_list_init(&ownership->mutexes);
}

void udxg_ownership_fini(struct udxg_ownership *ownership)
{
    udxg_mutex_fini_OWNED(&ownership->lock);
}

void udxg_own_locked(struct udxg_sync *mutex, struct udxg_device *device)
{
    struct udxg_ownership *ownership = &device->ownership;

    udxg_lock(OWNED, &ownership->lock);
    if (!ownership->ended) {
        mutex->owner = device;
        udxg_list_append(&ownership->mutexes, &mutex->owned);
    }
    udxg_unlock(OWNED, &ownership->lock);
}

void udxg_disown_locked(struct udxg_sync *mutex)
{
    struct udxg_ownership *ownership;

    if (!mutex->owner) return;
    ownership = &mutex->owner->ownership;
    udxg_lock(OWNED, &ownership->lock);
    udxg_list_remove(&mutex->owned);
    udxg_unlock(OWNED, &ownership->lock);
    mutex->owner = NULL;
}

/* Takes one off the list, referenced; NULL when there is none, and never will be. */
static struct udxg_sync *take_one(struct udxg_ownership *ownership)
{
    struct udxg_list *link;
    struct udxg_sync *mutex = NULL;

    udxg_lock(OWNED, &ownership->lock);
    ownership->ended = true;
    link = udxg_list_pop(&ownership->mutexes);
    if (link) mutex = udxg_container_of(link, struct udxg_sync, owned);
    if (mutex) udxg_sync_ref(mutex);
    udxg_unlock(OWNED, &ownership->lock);
    return mutex;
}

void udxg_disown_all(struct udxg_device *device)
{
    struct udxg_sync *mutex;

    while ((mutex = take_one(&device->ownership))) {
        udxg_sync_give_back(mutex, device);
        udxg_sync_unref(mutex);
    }
}
