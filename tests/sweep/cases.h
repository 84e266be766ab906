/* SPDX-License-Identifier: MIT */
/* Valid calls, at least one for every implemented row of the table, from which the sweep makes wrong ones. */
#ifndef UDXG_SWEEP_CASES_H
#define UDXG_SWEEP_CASES_H

#include "abi/thunk.h"
#include "world.h"

struct sweep_case {
    enum udxg_thunk_id id;
    const char *name; /* what sets it apart from the row's other cases; "" for the only one */
    /* Fills ARGS, which is zero, so that the call is valid; may make objects of its own. */
    void (*set_up)(struct world *world, void *args);
    NTSTATUS status; /* of the valid call; STATUS_NOT_SUPPORTED for what is not there yet */
};

/* Where a wrong value gives another status than the field's kind says. */
struct sweep_exception {
    enum udxg_thunk_id id;
    const char *field;
    const char *what; /* is wrong; NULL for anything */
    NTSTATUS status;
};

extern const struct sweep_case sweep_cases[];
extern const size_t sweep_case_count;
extern const struct sweep_exception sweep_exceptions[];
extern const size_t sweep_exception_count;

#endif
