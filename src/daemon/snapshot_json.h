/* SPDX-License-Identifier: MIT */
/* A snapshot as the line that viewers get: schema udxg.top/1, which docs/top.md describes. Members are only added. */
#ifndef UDXG_DAEMON_SNAPSHOT_JSON_H
#define UDXG_DAEMON_SNAPSHOT_JSON_H

#include <stddef.h>

#include "core/snapshot.h"

/* One object and a line feed at its end; NULL without memory. The caller frees it. */
char *udxg_snapshot_json(const struct udxg_snapshot *snapshot, size_t *ret_bytes);

#endif
