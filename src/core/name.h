/* SPDX-License-Identifier: MIT */
/* Names of shared objects, as clients give them in OBJECT_ATTRIBUTES. */
#ifndef UDXG_CORE_NAME_H
#define UDXG_CORE_NAME_H

#include <stdint.h>

#include <dxg/d3dkmthk.h>

#include "core/nt_handle.h"

/*
 * Reads attributes of OWNER's, which may be NULL: no name, as an empty one is. What comes out is equal for names that
 * differ in case alone, and ret_name->count is 0 where there is none. STATUS_INVALID_PARAMETER for attributes that are
 * not well-formed, STATUS_INVALID_HANDLE for a folder, STATUS_OBJECT_NAME_INVALID for a name that is not one below
 * \BaseNamedObjects or \Sessions\<number>\BaseNamedObjects.
 */
udxg_status udxg_name_read(uint32_t owner, const OBJECT_ATTRIBUTES *attributes, struct udxg_name *ret_name,
                           bool *ret_inherit) UDXG_MUST_CHECK;

#endif
