/* SPDX-License-Identifier: MIT */
/*
 * What a call carries besides its bytes when client and kernel are apart: descriptors, which the system has to hand
 * over, and addresses of memory of the kernel's, which is somewhere else in each process. The table says which fields
 * these are; an endpoint is shown each and puts what travels in its place.
 */
#ifndef UDXG_ABI_CARRY_H
#define UDXG_ABI_CARRY_H

#include "abi/thunk.h"

enum udxg_cargo {
    UDXG_CARGO_GIVEN,  /* a descriptor of the client */
    UDXG_CARGO_MADE,   /* a new descriptor for the client */
    UDXG_CARGO_MAPPED, /* an address of memory that the client may see */
    UDXG_CARGO_PROCESS, /* which process: only the client's endpoint can look at the client's descriptors */
    UDXG_CARGO_COUNT,
};

/* What stands for a process that a descriptor of the client's names: its number below this bit. */
#define UDXG_PROCESS_BY_NUMBER (UINT64_C(1) << 32)

/* Replaces *VALUE. A failure ends the walk. */
typedef udxg_status udxg_carrier(void *user, enum udxg_cargo cargo, uint64_t *value);

/* Whether calls of that row carry anything of the kind at all, whatever their arguments. Cheap. */
bool udxg_thunk_carries(enum udxg_thunk_id id, enum udxg_cargo cargo);

/*
 * Shows CARRIER each field of that kind in the copied arguments that is not zero, in an order that depends on the
 * arguments' bytes alone. CARGO_GIVEN after enter, the others before leave with a success.
 */
udxg_status udxg_thunk_carry(const struct udxg_frame *frame, enum udxg_cargo cargo, udxg_carrier *carrier,
                             void *user) UDXG_MUST_CHECK;

#endif
