/* SPDX-License-Identifier: MIT */
/*
 * The one status type. Every function that can fail returns a udxg_status, which is an NTSTATUS: what a
 * handler decides is what the client reads, with no translation in between. errno becomes a udxg_status
 * in base/os.c and nowhere else.
 */
#ifndef UDXG_BASE_STATUS_H
#define UDXG_BASE_STATUS_H

#include <stdbool.h>

#include <dxg/d3dkmdt.h>

typedef NTSTATUS udxg_status;

#define UDXG_MUST_CHECK __attribute__((warn_unused_result))

/* Success codes are non-negative, STATUS_PENDING and STATUS_TIMEOUT among them. */
#define udxg_failed(status) ((status) < 0)

/* The name of a status, "STATUS_..." or NULL for one we do not know. */
const char *udxg_status_name(udxg_status status);
/* The status of that name, with STATUS_ or STATUS_GRAPHICS_ in front or without; false for one we do not know. */
bool udxg_status_by_name(const char *name, udxg_status *ret_status);

#endif
