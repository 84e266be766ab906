/* SPDX-License-Identifier: MIT */
/*
 * Counts of shared objects, and the global handles. Invariant: an object is in the table from its publication to
 * the end of its last opening; one whose count of openings has reached 0 is never found again, though it may
 * still be on its way out of the table.
 */
#include "core/shared.h"

#include "base/os.h"

#define GLOBAL_TAG 2u          /* the low six bits of every global handle */
#define GLOBAL_TRIES 64u       /* of a space of 50 million numbers */
#define GLOBAL_MOST (1u << 25) /* as many are used at most: half of them, so that random tries find a free one */

void udxg_shared_init(struct udxg_shared *shared, const struct udxg_shared_class *class, bool nt_sharing)
{
    shared->class = class;
    atomic_init(&shared->refs, 1);
    atomic_init(&shared->openings, 1);
    shared->nt_sharing = nt_sharing;
    shared->global_handle = 0;
    shared->owner = 0;
    shared->globals = NULL;
}

void udxg_shared_ref(struct udxg_shared *shared)
{
    atomic_fetch_add(&shared->refs, 1);
}

static bool count_unless_zero(atomic_uint *count)
{
    unsigned value = atomic_load(count);

    while (value)
        if (atomic_compare_exchange_weak(count, &value, value + 1)) return true;
    return false;
}

bool udxg_shared_try_ref(struct udxg_shared *shared)
{
    return count_unless_zero(&shared->refs);
}

void udxg_shared_unref(struct udxg_shared *shared)
{
    if (shared && atomic_fetch_sub(&shared->refs, 1) == 1) shared->class->destroy(shared);
}

void udxg_shared_open(struct udxg_shared *shared)
{
    udxg_shared_ref(shared);
    atomic_fetch_add(&shared->openings, 1);
}

static void withdraw(struct udxg_shared *shared)
{
    struct udxg_globals *globals = shared->globals;

    udxg_lock(GLOBAL, &globals->lock);
    udxg_hash_remove(&globals->table, &shared->global_node);
    udxg_unlock(GLOBAL, &globals->lock);
}

void udxg_shared_end_opening(struct udxg_shared *shared)
{
    /* With a global handle there is no way back from 0: only openings can be opened again. */
    if (atomic_fetch_sub(&shared->openings, 1) == 1 && shared->global_handle) withdraw(shared);
}

void udxg_shared_close(struct udxg_shared *shared)
{
    udxg_shared_end_opening(shared);
    udxg_shared_unref(shared);
}

/* ---- global handles ---- */

void udxg_globals_init(struct udxg_globals *globals) UDXG_NO_TSA
{
    udxg_mutex_init_GLOBAL(&globals->lock);
    udxg_hash_init(&globals->table);
}

void udxg_globals_fini(struct udxg_globals *globals) UDXG_NO_TSA
{
    udxg_hash_fini(&globals->table);
    udxg_mutex_fini_GLOBAL(&globals->lock);
}

/* A number of the space of global handles: the top two bits are not both 0. */
static bool random_handle(uint32_t *ret_handle)
{
    do {
        if (!udxg_os_random(ret_handle, sizeof *ret_handle)) return false;
    } while (*ret_handle >> 30 == 0);
    *ret_handle = (*ret_handle & ~0x3fu) | GLOBAL_TAG;
    return true;
}

static bool insert(struct udxg_globals *globals, struct udxg_shared *shared, uint32_t handle)
{
    bool fresh;

    udxg_lock(GLOBAL, &globals->lock);
    fresh = globals->table.count < GLOBAL_MOST && !udxg_hash_find(&globals->table, handle);
    if (fresh) {
        shared->global_handle = handle;
        shared->globals = globals;
        udxg_hash_insert(&globals->table, &shared->global_node, handle);
    }
    udxg_unlock(GLOBAL, &globals->lock);
    return fresh;
}

udxg_status udxg_global_publish(struct udxg_globals *globals, uint32_t owner, struct udxg_shared *shared)
{
    uint32_t handle;

    shared->owner = owner;
    for (unsigned i = 0; i < GLOBAL_TRIES && random_handle(&handle); i++)
        if (insert(globals, shared, handle)) return STATUS_SUCCESS;
    return STATUS_NO_MEMORY;
}

/*
 * The reference comes first: without it the opening could be the last one, and end the object, before it has one of
 * its own. What is in the table has a reference: whoever ends the last opening keeps his until it is out.
 */
static struct udxg_shared *find_locked(struct udxg_globals *globals, uint32_t owner, uint32_t handle,
                                       enum udxg_shared_kind kind) UDXG_REQUIRES(GLOBAL)
{
    struct udxg_hash_node *node = udxg_hash_find(&globals->table, handle);
    struct udxg_shared *shared = node ? udxg_container_of(node, struct udxg_shared, global_node) : NULL;

    if (!shared || shared->owner != owner || shared->class->kind != kind) return NULL;
    udxg_shared_ref(shared);
    if (count_unless_zero(&shared->openings)) return shared;
    atomic_fetch_sub(&shared->refs, 1);
    return NULL;
}

struct udxg_shared *udxg_global_find(struct udxg_globals *globals, uint32_t owner, uint32_t handle,
                                     enum udxg_shared_kind kind)
{
    struct udxg_shared *shared;

    udxg_lock(GLOBAL, &globals->lock);
    shared = find_locked(globals, owner, handle, kind);
    udxg_unlock(GLOBAL, &globals->lock);
    return shared;
}
