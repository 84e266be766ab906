/* SPDX-License-Identifier: MIT */
/*
 * What goes wrong on purpose: the rules of ddi/inject.h at work. They come from the profiles of the adapters, from the
 * environment (UDXG_INJECT) and from udxg_inject(), which replaces them all; with none of them a call and a packet
 * cost one load more. Calls of libudxg itself never fail by a rule, so that the rules can be changed.
 */
#ifndef UDXG_CORE_INJECT_H
#define UDXG_CORE_INJECT_H

#include <stdatomic.h>
#include <stdbool.h>

#include "abi/thunk.h"
#include "base/lock.h"
#include "ddi/inject.h"

struct udxg_kernel;

/* Embeddable: in the kernel. */
struct udxg_inject {
    struct udxg_mutex_INJECT lock;
    struct udxg_inject_rules rules UDXG_GUARDED_BY(INJECT);
    uint64_t seen[UDXG_INJECT_RULES] UDXG_GUARDED_BY(INJECT); /* how often what the rule is about has happened */
    atomic_bool active;                                       /* there are rules; written with lock */
    _Atomic uint32_t changes;                                 /* goes up with each change of the rules: hangs end */
};

void udxg_inject_init(struct udxg_inject *inject);
void udxg_inject_fini(struct udxg_inject *inject);

/* Replaces the rules and starts their counts and clocks. STATUS_NO_MEMORY: there is nobody to look at the clock. */
udxg_status udxg_inject_set(struct udxg_kernel *kernel, const struct udxg_inject_rules *rules);

/* Before a handler: true when the call is to fail with *ret_status. It may take adapters away. */
bool udxg_inject_call(struct udxg_kernel *kernel, enum udxg_thunk_id id, udxg_status *ret_status);

/* What is to become of the packet that an engine of that adapter is about to execute; CALL: nothing out of order. */
enum udxg_inject_kind udxg_inject_packet(struct udxg_inject *inject, uint32_t adapter);
/* Sleeps until the rules change or, with CANCELLED, that says yes. */
void udxg_inject_hang(struct udxg_inject *inject, bool (*cancelled)(void *user), void *user);

#endif
