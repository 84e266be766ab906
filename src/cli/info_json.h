/* SPDX-License-Identifier: MIT */
/* udxg info --json: the schema "udxg.info/1". Members are added, never renamed; sizes are bytes. */
#ifndef UDXG_CLI_INFO_JSON_H
#define UDXG_CLI_INFO_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "cli/query.h"

/* False when memory is out or OUT cannot be written. */
bool udxg_info_json(const struct udxg_query_adapter *adapters, size_t count, FILE *out);

#endif
