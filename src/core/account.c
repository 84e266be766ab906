/* SPDX-License-Identifier: MIT */
/* Accounts; the rules stand in the header. */
#include "core/account.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* The reasons stand in docs/daemon.md. */
const struct udxg_limits udxg_client_limits = {
    .handles = 1u << 21,
    .most =
        {
            [UDXG_CHARGE_DEVICES] = 1024,
            [UDXG_CHARGE_CONTEXTS] = 4096,
            [UDXG_CHARGE_PAGING_QUEUES] = 1024,
            [UDXG_CHARGE_DESCRIPTORS] = 16384,
            [UDXG_CHARGE_NAMES] = 4096,
            [UDXG_CHARGE_SECTIONS] = 4096,
            [UDXG_CHARGE_REGISTRATIONS] = 1024,
            [UDXG_CHARGE_DATA] = UINT64_C(256) << 20,
        },
};

udxg_status udxg_account_create(const struct udxg_limits *limits, struct udxg_account **ret)
{
    struct udxg_account *account = NULL;

    if (limits) {
        account = calloc(1, sizeof *account);
        if (!account) return STATUS_NO_MEMORY;
        atomic_init(&account->refs, 1);
        account->limits = limits;
    }
    *ret = account;
    return STATUS_SUCCESS;
}

struct udxg_account *udxg_account_ref(struct udxg_account *account)
{
    if (account) atomic_fetch_add(&account->refs, 1);
    return account;
}

void udxg_account_unref(struct udxg_account *account)
{
    if (account && atomic_fetch_sub(&account->refs, 1) == 1) free(account);
}

udxg_status udxg_account_charge(struct udxg_account *account, enum udxg_charge what, uint64_t count)
{
    uint64_t used;

    if (!account) return STATUS_SUCCESS;
    used = atomic_load(&account->used[what]);
    do {
        if (count > account->limits->most[what] || used > account->limits->most[what] - count) return STATUS_NO_MEMORY;
    } while (!atomic_compare_exchange_weak(&account->used[what], &used, used + count));
    return STATUS_SUCCESS;
}

void udxg_account_discharge(struct udxg_account *account, enum udxg_charge what, uint64_t count)
{
    if (account) atomic_fetch_sub(&account->used[what], count);
}

/* ---- data ---- */

/* What stands before a copy. */
struct kept {
    struct udxg_account *account; /* referenced; NULL: none */
    uint32_t bytes;
    _Alignas(16) unsigned char data[];
};

udxg_status udxg_kept_create(struct udxg_account *account, const void *data, uint32_t bytes, void **ret_copy)
{
    struct kept *kept;
    udxg_status status;

    *ret_copy = NULL;
    if (!bytes) return STATUS_SUCCESS;
    kept = malloc(sizeof *kept + bytes);
    status = kept ? udxg_account_charge(account, UDXG_CHARGE_DATA, bytes) : STATUS_NO_MEMORY;
    if (udxg_failed(status)) {
        free(kept);
        return status;
    }
    kept->account = udxg_account_ref(account);
    kept->bytes = bytes;
    memcpy(kept->data, data, bytes);
    *ret_copy = kept->data;
    return STATUS_SUCCESS;
}

void udxg_kept_free(void *copy)
{
    struct kept *kept;

    if (!copy) return;
    kept = (struct kept *)((unsigned char *)copy - offsetof(struct kept, data));
    udxg_account_discharge(kept->account, UDXG_CHARGE_DATA, kept->bytes);
    udxg_account_unref(kept->account);
    free(kept);
}
