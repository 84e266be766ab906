/* SPDX-License-Identifier: MIT */
/* The census: all that devices list, counted anew. */
#ifndef UDXG_VIDMM_CENSUS_H
#define UDXG_VIDMM_CENSUS_H

#include "vidmm/process.h"

/* NULL, or what is wrong with lists, counts, demand and usage. */
const char *vidmm_census_check_locked(struct vidmm_adapter *adapter) UDXG_REQUIRES(VIDMM);

#endif
