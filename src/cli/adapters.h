/* SPDX-License-Identifier: MIT */
/* The adapters that a user names on the command line or in UDXG_ADAPTERS. */
#ifndef UDXG_CLI_ADAPTERS_H
#define UDXG_CLI_ADAPTERS_H

#include <stdbool.h>

/*
 * Puts NAMES, unless NULL, into UDXG_ADAPTERS, and judges what stands there then, as the libraries will, because
 * they only answer with a status. False with the reason on stderr.
 */
bool udxg_adapters_choose(const char *names);

#endif
