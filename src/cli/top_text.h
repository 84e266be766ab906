/* SPDX-License-Identifier: MIT */
/* One snapshot as plain text, for people who do not watch: what udxg top --once and udxg ps print. */
#ifndef UDXG_CLI_TOP_TEXT_H
#define UDXG_CLI_TOP_TEXT_H

#include <stdio.h>

#include "cli/top_model.h"

/* Paging is in bytes since the beginning, because there is nothing to compare with. */
void udxg_top_print(const struct udxg_top *top, FILE *out);
void udxg_ps_print(const struct udxg_top *top, FILE *out);

/* The adapter's profile of a row, "-" for none. */
const char *udxg_top_adapter_name(const struct udxg_top *top, const struct udxg_top_row *row);

#endif
