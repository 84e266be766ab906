/* SPDX-License-Identifier: MIT */
/* The miniports that are built in, ended by NULL; miniport/miniports.c. */
#ifndef UDXG_MINIPORT_MINIPORTS_H
#define UDXG_MINIPORT_MINIPORTS_H

#include <udxg/miniport.h>

extern const struct udxg_miniport *const udxg_miniports[];

#endif
