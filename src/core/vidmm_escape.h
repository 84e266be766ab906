/* SPDX-License-Identifier: MIT */
/* D3DKMT_ESCAPE_VIDMM. */
#ifndef UDXG_CORE_VIDMM_ESCAPE_H
#define UDXG_CORE_VIDMM_ESCAPE_H

#include "core/process.h"

/* DATA is ours and BYTES long; what it holds on success goes back to the client. */
udxg_status udxg_vidmm_escape(struct udxg_process *process, struct udxg_adapter *adapter, void *data,
                              uint32_t bytes) UDXG_MUST_CHECK;

#endif
