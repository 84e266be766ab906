/* SPDX-License-Identifier: MIT */
/*
 * What a client has that costs the kernel something beside its memory, and how much of it it may have. Only processes
 * elsewhere have an account: who fills the kernel in his own process harms himself. Every function takes NULL for those
 * who have none, and lets them have what they want.
 *
 * Memory is limited by commit, packets by core/lane.h, addresses by the vidmm, rings and links by daemon/service.h;
 * here is the rest. Something is charged before it is made, by whoever makes it, and given back by whoever frees it,
 * which may be after the process has ended: hence an account is counted.
 *
 * Locks: none.
 */
#ifndef UDXG_CORE_ACCOUNT_H
#define UDXG_CORE_ACCOUNT_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/status.h"

enum udxg_charge {
    UDXG_CHARGE_DEVICES,
    UDXG_CHARGE_CONTEXTS, /* and hardware queues */
    UDXG_CHARGE_PAGING_QUEUES,
    UDXG_CHARGE_DESCRIPTORS, /* of ours: one for each NT handle, and for each event of the client's that we keep */
    UDXG_CHARGE_NAMES,
    UDXG_CHARGE_SECTIONS, /* the client's files that we have mapped */
    UDXG_CHARGE_REGISTRATIONS,
    UDXG_CHARGE_DATA, /* bytes of private data that we keep for it */
    UDXG_CHARGE_COUNT,
};

struct udxg_limits {
    uint32_t handles; /* how far the table grows: whole chunks */
    uint64_t most[UDXG_CHARGE_COUNT];
};

/* What a client of the daemon may have; docs/daemon.md says why. */
extern const struct udxg_limits udxg_client_limits;

struct udxg_account {
    atomic_uint refs;                 /* the process, what it has on each adapter, each NT handle, each name */
    const struct udxg_limits *limits; /* borrowed; constant; not looked at when the process is gone */
    _Atomic uint64_t used[UDXG_CHARGE_COUNT];
};

/* LIMITS are borrowed until the process is destroyed; NULL: no account, which is NULL. STATUS_NO_MEMORY. */
udxg_status udxg_account_create(const struct udxg_limits *limits, struct udxg_account **ret) UDXG_MUST_CHECK;
struct udxg_account *udxg_account_ref(struct udxg_account *account);
void udxg_account_unref(struct udxg_account *account);

/* STATUS_NO_MEMORY: it would be too much, and nothing was charged. Only for the process's own calls. */
udxg_status udxg_account_charge(struct udxg_account *account, enum udxg_charge what, uint64_t count) UDXG_MUST_CHECK;
void udxg_account_discharge(struct udxg_account *account, enum udxg_charge what, uint64_t count);

/*
 * A copy of a client's data that is kept for long, charged with its bytes; NULL for none. STATUS_NO_MEMORY. It is given
 * back by whoever has it last, of whatever process.
 */
udxg_status udxg_kept_create(struct udxg_account *account, const void *data, uint32_t bytes,
                             void **ret_copy) UDXG_MUST_CHECK;
void udxg_kept_free(void *copy);

#endif
