/* SPDX-License-Identifier: MIT */
/*
 * The intel miniport: an Intel GPU as its compute runtime sees one through D3DKMT. Private data is that of
 * private_data.h, commands are those of batch.h. Nothing of the hardware is needed and no shader kernel is
 * executed: the first one of a process is said on stderr, all are counted.
 */
#ifndef UDXG_MINIPORT_INTEL_INTEL_H
#define UDXG_MINIPORT_INTEL_INTEL_H

#include <udxg/miniport.h>

extern const struct udxg_miniport udxg_miniport_intel;

#endif
