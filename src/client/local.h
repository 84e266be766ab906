/* SPDX-License-Identifier: MIT */
/* The kernel in our own process. */
#ifndef UDXG_CLIENT_LOCAL_H
#define UDXG_CLIENT_LOCAL_H

#include "base/status.h"

struct udxg_process;

/* The one process of the in-process kernel, made if it is not there yet. The status is that of its making. */
udxg_status udxg_local_process(struct udxg_process **ret_process) UDXG_MUST_CHECK;

#endif
