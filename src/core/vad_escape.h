/* SPDX-License-Identifier: MIT */
/* D3DKMT_VIDMMESCAPETYPE_GET_VAD_INFO. */
#ifndef UDXG_CORE_VAD_ESCAPE_H
#define UDXG_CORE_VAD_ESCAPE_H

#include "core/adapter.h"

struct vidmm_process;

/* Answers in DATA, which also says how it went. */
udxg_status udxg_vad_escape(struct udxg_adapter *adapter, struct vidmm_process *process,
                            D3DKMT_VIDMM_ESCAPE *data) UDXG_MUST_CHECK;

#endif
