/* SPDX-License-Identifier: MIT */
#include "miniport/miniports.h"

#include "miniport/intel/intel.h"
#include "miniport/soft/soft.h"

const struct udxg_miniport *const udxg_miniports[] = {&udxg_miniport_soft, &udxg_miniport_intel, NULL};
