/* SPDX-License-Identifier: MIT */
/* Takes away what abi/rows.h and the includer of src/abi/thunks.def have defined. No include guard. */
#undef THUNK
#undef THUNK_END
#undef THUNK_ODD
#undef CONTROL
#undef SHAPE
#undef SHAPE_END
#undef NOT_YET
#undef NOT_YET_OPAQUE
#undef NOT_YET_ODD
#undef LOCAL
#undef FIELD_
#undef CHECK_
#undef GIVE_
#undef KEEP_

#undef ARGS
#undef CONST_ARGS
#undef OPTIONAL
#undef RECOUNT
#undef NOTE
#undef SHORT_COUNT
#undef WHEN_IS
#undef WHEN_NOT
#undef WHEN_SET
#undef WHEN_CLEAR

#undef IN
#undef OUT
#undef OUT_ALWAYS
#undef INOUT
#undef FLAGS
#undef FLAGS_INOUT
#undef HINTS
#undef RESERVED
#undef IGNORED
#undef REST

#undef HANDLE
#undef HANDLE_OUT
#undef HANDLE_INOUT
#undef NT_HANDLE
#undef NT_HANDLE_OUT
#undef NT_HANDLE_OUT_ALWAYS
#undef PROCESS
#undef ADDRESS

#undef COUNT
#undef COUNT_FROM
#undef COUNT_FROM_ALWAYS
#undef COUNT_INOUT
#undef FOLLOW_
#undef MANY_
#undef ONE_
#undef BUFFER_
#undef BUFFER_IN
#undef BUFFER_INOUT
#undef HANDLES_IN
#undef VALUES_IN
#undef VALUES_OR_VALUE_IN
#undef VALUES_OUT
#undef VALUE_IN
#undef VALUE_OUT
#undef MAPPED_OUT
#undef OUT_WITHIN
#undef STRUCTS_OUT
#undef STRUCTS_INOUT
#undef STRUCTS_IN
#undef STRUCT_IN
#undef STRUCT_OUT_ALWAYS
#undef STRUCT_IN_VOID
#undef HANDLES_HERE

#pragma pop_macro("OPTIONAL")
#pragma pop_macro("OUT")
#pragma pop_macro("IN")
