/* SPDX-License-Identifier: MIT */
/*
 * The table of all calls as constant data and straight code: src/abi/thunks.def, included once for each thing that it
 * becomes. What a step does is in abi/step.h, what holds the steps together in abi/walk.c.
 */
#include "abi/thunk.h"

#include "abi/shape.h"
#include "abi/step.h"

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

/* Those that need work when a call enters: how many, and the work. */
#define THUNK(number, id, constness) enum { args_##id##_enter_count = 0
#define THUNK_END };
#define SHAPE(id) enum { shape_##id##_enter_count = 0
#define SHAPE_END };
#define CHECK_(...) + 1
#define GIVE_(...) + 1
#include "abi/thunks.def"

#define ENTER(field_, what, way, ...)                                                      \
    {                                                                                      \
        static const struct udxg_field field[] = {ENTRY(field_, what, way, __VA_ARGS__)};  \
        if (udxg_step_applies(field, copy)) status = udxg_step_enter(frame, field, copy);  \
        if (udxg_failed(status)) return status;                                            \
    }
#define ENTER_BEGIN(name)                                                                  \
    static udxg_status name(struct udxg_frame *frame, unsigned char *copy)                 \
    {                                                                                      \
        udxg_status status = STATUS_SUCCESS;                                               \
        (void)frame, (void)copy;
#define ENTER_END                                                                          \
        return status;                                                                     \
    }
#define THUNK(number, id, constness) ENTER_BEGIN(args_##id##_enter)
#define THUNK_END ENTER_END
#define SHAPE(id) ENTER_BEGIN(shape_##id##_enter)
#define SHAPE_END ENTER_END
#define CHECK_ ENTER
#define GIVE_ ENTER
#include "abi/thunks.def"

/* Those that are written when it leaves. */
#define THUNK(number, id, constness) enum { args_##id##_leave_count = 0
#define THUNK_END };
#define SHAPE(id) enum { shape_##id##_leave_count = 0
#define SHAPE_END };
#define GIVE_(...) + 1
#define KEEP_(...) + 1
#include "abi/thunks.def"

#define LEAVE(field_, what, way, ...)                                                      \
    {                                                                                      \
        static const struct udxg_field field[] = {ENTRY(field_, what, way, __VA_ARGS__)};  \
        if ((way) & directions && udxg_step_applies(field, copy))                          \
            udxg_step_leave(frame, field, client, copy);                                   \
    }
#define LEAVE_BEGIN(name)                                                                  \
    static void name(const struct udxg_frame *frame, unsigned char *client,                \
                     const unsigned char *copy, unsigned directions)                       \
    {                                                                                      \
        (void)frame, (void)client, (void)copy, (void)directions;
#define LEAVE_END }
#define THUNK(number, id, constness) LEAVE_BEGIN(args_##id##_leave)
#define THUNK_END LEAVE_END
#define SHAPE(id) LEAVE_BEGIN(shape_##id##_leave)
#define SHAPE_END LEAVE_END
#define GIVE_ LEAVE
#define KEEP_ LEAVE
#include "abi/thunks.def"

#define SHAPE_OF(prefix, id)                                                           \
    {.name = STRING(T),                                                                \
     .size = sizeof(T),                                                                \
     .field_count = COUNT_OF(prefix##_##id##_fields),                                  \
     .fields = prefix##_##id##_fields,                                                 \
     .enter_count = prefix##_##id##_enter_count,                                       \
     .leave_count = prefix##_##id##_leave_count,                                       \
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
