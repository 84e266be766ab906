/* SPDX-License-Identifier: MIT */
/*
 * The table of all calls as constant data: src/abi/thunks.def, included once for each thing that it becomes.
 * There is no code here and nothing is allocated; the walk over the data is in abi/walk.c.
 */
#include "abi/thunk.h"

#include "abi/shape.h"

/* Flags that conditions in the table name: those of D3DKMT_CREATEALLOCATIONFLAGS. */
enum { StandardAllocation = 0x10000, LockEntire = 0x10 };

#define STRING_(text) #text
#define STRING(text) STRING_(text)
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* What each field becomes, whichever list it is in. */
#define ENTRY(field, what, way, ...)             \
    {.name = #field,                             \
     .offset = offsetof(T, field),               \
     .size = sizeof(((T *)0)->field),            \
     .kind = (what),                             \
     .direction = (way),                         \
     __VA_ARGS__},
#define END {.action = UDXG_DONE}

#define SHAPE(id) static const struct udxg_shape udxg_shape_##id;
#define SHAPE_END
#include "abi/thunks.def"

/* Every field. */
#define THUNK(number, id, constness) static const struct udxg_field args_##id##_fields[] = {
#define THUNK_END };
#define SHAPE(id) static const struct udxg_field shape_##id##_fields[] = {
#define SHAPE_END };
#define FIELD_ ENTRY
#define CHECK_ ENTRY
#define GIVE_ ENTRY
#define KEEP_ ENTRY
#include "abi/thunks.def"

/* Those that need work when a call enters. */
#define THUNK(number, id, constness) static const struct udxg_field args_##id##_enter[] = {
#define THUNK_END END};
#define SHAPE(id) static const struct udxg_field shape_##id##_enter[] = {
#define SHAPE_END END};
#define CHECK_ ENTRY
#define GIVE_ ENTRY
#include "abi/thunks.def"

/* Those that are written when it leaves. KEEP_ fields have no action of their own; any but UDXG_DONE will do. */
#define KEPT(field, what, way, ...) ENTRY(field, what, way, .action = UDXG_NOTHING, __VA_ARGS__)
#define THUNK(number, id, constness) static const struct udxg_field args_##id##_leave[] = {
#define THUNK_END END};
#define SHAPE(id) static const struct udxg_field shape_##id##_leave[] = {
#define SHAPE_END END};
#define GIVE_ ENTRY
#define KEEP_ KEPT
#include "abi/thunks.def"

#define SHAPE_OF(prefix, id)                                                           \
    {.name = STRING(T),                                                                \
     .size = sizeof(T),                                                                \
     .field_count = COUNT_OF(prefix##_##id##_fields),                                  \
     .fields = prefix##_##id##_fields,                                                 \
     .enter = prefix##_##id##_enter,                                                   \
     .leave = prefix##_##id##_leave};
#define THUNK(number, id, constness) static const struct udxg_shape udxg_args_##id = SHAPE_OF(args, id)
#define THUNK_END
#define SHAPE(id) static const struct udxg_shape udxg_shape_##id = SHAPE_OF(shape, id)
#define SHAPE_END
#include "abi/thunks.def"

const struct udxg_thunk udxg_thunks[UDXG_THUNK_COUNT] = {
#define THUNK(nr, id, constness) \
    {.name = #id, .type = STRING(T), .size = sizeof(T), .shape = &udxg_args_##id, .number = (nr), .implemented = true},
#define THUNK_END
#define CONTROL(id)                                                                                               \
    {.name = #id, .type = STRING(T), .size = sizeof(T), .shape = &udxg_args_##id, .implemented = true, .control = true},
#define NOT_YET(nr, id, constness, args_type) \
    {.name = #id, .type = #args_type, .size = sizeof(args_type), .number = (nr)},
#define NOT_YET_OPAQUE(nr, id, constness, args_type) {.name = #id, .type = #args_type, .number = (nr)},
#define NOT_YET_ODD(nr, id) {.name = #id, .number = (nr)},
#define LOCAL(id, what) {.name = #id, .local = (what)},
#include "abi/thunks.def"
};
