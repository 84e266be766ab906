/* SPDX-License-Identifier: MIT */
/* enum udxg_thunk_id: UDXG_THUNK_Lock2 and so on, one per row of src/abi/thunks.def, in its order. */
#ifndef UDXG_ABI_THUNK_IDS_H
#define UDXG_ABI_THUNK_IDS_H

enum udxg_thunk_id {
#define THUNK(number, name, constness) UDXG_THUNK_##name,
#define THUNK_END
#define NOT_YET(number, name, constness, type) UDXG_THUNK_##name,
#define NOT_YET_OPAQUE(number, name, constness, type) UDXG_THUNK_##name,
#define NOT_YET_ODD(number, name) UDXG_THUNK_##name,
#define LOCAL(name, what) UDXG_THUNK_##name,
#include "abi/thunks.def"
    UDXG_THUNK_COUNT
};

#endif
