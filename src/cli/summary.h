/* SPDX-License-Identifier: MIT */
/*
 * udxg run --summary: a file that the libraries in the programs below count into, and the table made of it.
 * The counters' layout is core/stats.h.
 */
#ifndef UDXG_CLI_SUMMARY_H
#define UDXG_CLI_SUMMARY_H

#include <stdio.h>

struct udxg_summary;

/* Makes the file and names it in the environment of this process and its children. NULL with errno set. */
struct udxg_summary *udxg_summary_begin(void);
void udxg_summary_print(const struct udxg_summary *summary, FILE *out);
/* Takes NULL. */
void udxg_summary_end(struct udxg_summary *summary);

#endif
