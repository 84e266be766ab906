/* SPDX-License-Identifier: MIT */
/* The one door from the exported names into the kernel, which is in a library of its own. */
#ifndef UDXG_CLIENT_CLIENT_H
#define UDXG_CLIENT_CLIENT_H

#include "abi/thunk.h"

/*
 * Makes the call ID with the client's argument struct ARGS, which may be any value: NULL and addresses that
 * lead nowhere are STATUS_INVALID_PARAMETER.
 */
__attribute__((visibility("default"))) udxg_status udxg_call(enum udxg_thunk_id id, const void *args);

#endif
