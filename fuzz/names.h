/* SPDX-License-Identifier: MIT */
/* Small numbers that stand for handles in inputs of the fuzzer, as values of handles are not the same twice. */
#ifndef UDXG_FUZZ_NAMES_H
#define UDXG_FUZZ_NAMES_H

#include "abi/shape.h"
#include "abi/thunk.h"
#include "world.h"

struct fuzz_names {
    D3DKMT_HANDLE handles[64]; /* 0 is no object */
    unsigned count;
};

void fuzz_names_of_world(const struct world *world, struct fuzz_names *names);

typedef void fuzz_name_change(const struct fuzz_names *names, unsigned char *field);
fuzz_name_change fuzz_name_to_handle, fuzz_handle_to_name; /* what has none stays */

/* Changes each handle of a frame in the bytes that BYTES_OF says of each span. */
void fuzz_names_visit(const struct fuzz_names *names, const struct udxg_frame *frame,
                      unsigned char *(*bytes_of)(const struct udxg_span *span), fuzz_name_change *change);

#endif
