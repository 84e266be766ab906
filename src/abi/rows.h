/* SPDX-License-Identifier: MIT */
/*
 * The words of src/abi/thunks.def. The table is included several times; before each time the includer defines
 * what it wants of
 *
 *   THUNK(number, Name, ARGS or CONST_ARGS) ... THUNK_END    a call; T is its argument struct
 *   THUNK_ODD(number, Name) ... THUNK_END                    a call whose parameters are not one struct; the
 *                                                            exporter puts them into T. THUNK where undefined
 *   CONTROL(Name) ... THUNK_END                              a call of our own, from libudxg or DXCore; THUNK_ODD
 *                                                            where undefined
 *   SHAPE(Name) ... SHAPE_END                                a struct that calls point to; T is the struct
 *   NOT_YET(number, Name, ARGS or CONST_ARGS, type)          a call that is exported and does nothing yet
 *   NOT_YET_OPAQUE(number, Name, ARGS or CONST_ARGS, type)   the same; our headers only name its struct
 *   NOT_YET_ODD(number, Name)                                the same; its parameters are not one struct
 *   LOCAL(Name, what it does)                                answered by the exporting library alone
 *   FIELD_  CHECK_  GIVE_  KEEP_                             a field that needs no work, some on entering, on
 *                                                            entering and leaving, on leaving
 *
 * and what it leaves out vanishes. No include guard: rows_end.h takes everything away again. IN, OUT and T are
 * put back as they were, because other people's headers use these names.
 */
#pragma push_macro("IN")
#pragma push_macro("OUT")
#pragma push_macro("OPTIONAL")
#undef IN
#undef OUT
#undef OPTIONAL

#ifndef THUNK
#define THUNK(number, name, constness)
#define THUNK_END
#endif
#ifndef THUNK_ODD
#define THUNK_ODD(number, name) THUNK(number, name, ARGS)
#endif
#ifndef CONTROL
#define CONTROL(name) THUNK_ODD(0, name)
#endif
#ifndef SHAPE
#define SHAPE(name)
#define SHAPE_END
#endif
#ifndef NOT_YET
#define NOT_YET(number, name, constness, type)
#endif
#ifndef NOT_YET_OPAQUE
#define NOT_YET_OPAQUE(number, name, constness, type)
#endif
#ifndef NOT_YET_ODD
#define NOT_YET_ODD(number, name)
#endif
#ifndef LOCAL
#define LOCAL(name, what)
#endif
#ifndef FIELD_
#define FIELD_(field, ...)
#endif
#ifndef CHECK_
#define CHECK_(field, ...)
#endif
#ifndef GIVE_
#define GIVE_(field, ...)
#endif
#ifndef KEEP_
#define KEEP_(field, ...)
#endif

#define ARGS
#define CONST_ARGS const

/* ---- what may follow the arguments of a field, any number of them ---- */

/* HANDLE: 0 is legal. Pointers: NULL is legal whatever the count. */
#define OPTIONAL .optional = true
/* A pointer's count is an output too: only that many elements are written. */
#define RECOUNT .recount = true
#define NOTE(text) .note = text
/* A pointer's count is a 16-bit field. */
#define SHORT_COUNT .short_count = true
/* A pointer's count is a 64-bit field. */
#define LONG_COUNT .long_count = true
/* The field means something only under a condition on a 32-bit field of the same struct. */
#define WHEN_IS(field, wanted)                                                                                         \
    .when = {offsetof(T, field), false, UINT32_MAX, (wanted)}, .condition = #field " is " #wanted
#define WHEN_NOT(field, unwanted)                                                                                      \
    .when = {offsetof(T, field), true, UINT32_MAX, (unwanted)}, .condition = #field " is not " #unwanted
#define WHEN_SET(field, bits) .when = {offsetof(T, field), false, (bits), (bits)}, .condition = #field " has " #bits
#define WHEN_CLEAR(field, bits) .when = {offsetof(T, field), false, (bits), 0}, .condition = #field " lacks " #bits

/* ---- values ---- */

#define IN(field, ...) FIELD_(field, UDXG_KIND_VALUE, UDXG_IN, __VA_ARGS__)
/* Zero in the copy, written when the call succeeds. */
#define OUT(field, ...) GIVE_(field, UDXG_KIND_VALUE, UDXG_OUT, .action = UDXG_ZERO, __VA_ARGS__)
/* Written back whatever the status: until the handler gives it a value, the client's own stands. */
#define OUT_ALWAYS(field, ...) KEEP_(field, UDXG_KIND_VALUE, UDXG_OUT | UDXG_ALWAYS, __VA_ARGS__)
#define INOUT(field, ...) KEEP_(field, UDXG_KIND_VALUE, UDXG_IN | UDXG_OUT, __VA_ARGS__)

/* Other bits than those of the mask are STATUS_INVALID_PARAMETER. */
#define FLAGS(field, bits, ...)                                                                                        \
    CHECK_(field, UDXG_KIND_FLAGS, UDXG_IN, .action = UDXG_REFUSE, .mask = (bits), __VA_ARGS__)
#define FLAGS_INOUT(field, bits, ...)                                                                                  \
    GIVE_(field, UDXG_KIND_FLAGS, UDXG_IN | UDXG_OUT, .action = UDXG_REFUSE, .mask = (bits), __VA_ARGS__)
/* Other bits than those of the mask are legal and reach no handler: for what clients leave uninitialised. */
#define HINTS(field, bits, why, ...)                                                                                   \
    CHECK_(field, UDXG_KIND_HINTS, UDXG_IN, .action = UDXG_MASK, .mask = (bits), .note = why, __VA_ARGS__)

/* Must be zero. */
#define RESERVED(field, ...) CHECK_(field, UDXG_KIND_RESERVED, UDXG_IN, .action = UDXG_REFUSE, __VA_ARGS__)
/* Any value is legal, none reaches a handler. */
#define IGNORED(field, why, ...)                                                                                       \
    CHECK_(field, UDXG_KIND_IGNORED, UDXG_NEITHER, .action = UDXG_ZERO, .note = why, __VA_ARGS__)
/* The bytes of a union that its other members leave over. */
#define REST(field, ...) FIELD_(field, UDXG_KIND_REST, UDXG_NEITHER, __VA_ARGS__)

/* ---- handles and addresses, by value ---- */

#define HANDLE(field, what, ...) FIELD_(field, UDXG_KIND_HANDLE, UDXG_IN, .handle = UDXG_IS_##what, __VA_ARGS__)
#define HANDLE_OUT(field, what, ...)                                                                                   \
    GIVE_(field, UDXG_KIND_HANDLE, UDXG_OUT, .action = UDXG_ZERO, .handle = UDXG_IS_##what, __VA_ARGS__)
#define HANDLE_INOUT(field, what, ...)                                                                                 \
    KEEP_(field, UDXG_KIND_HANDLE, UDXG_IN | UDXG_OUT, .handle = UDXG_IS_##what, __VA_ARGS__)
#define NT_HANDLE(field, what, ...) FIELD_(field, UDXG_KIND_NT_HANDLE, UDXG_IN, .note = what, __VA_ARGS__)
/* A new descriptor, the client's to close. */
#define NT_HANDLE_OUT(field, ...)                                                                                      \
    GIVE_(field, UDXG_KIND_NT_HANDLE, UDXG_OUT, .action = UDXG_ZERO, __VA_ARGS__)
#define NT_HANDLE_OUT_ALWAYS(field, ...) KEEP_(field, UDXG_KIND_NT_HANDLE, UDXG_OUT | UDXG_ALWAYS, __VA_ARGS__)
/* A process, by value: NULL, -1 or its number. */
#define PROCESS(field, what, ...) FIELD_(field, UDXG_KIND_PROCESS, UDXG_IN, .note = what, __VA_ARGS__)
#define ADDRESS(field, what, ...) FIELD_(field, UDXG_KIND_ADDRESS, UDXG_IN, .note = what, __VA_ARGS__)
/* A function of the client's: only an endpoint in its process can call it, a daemon has to send what it would say. */
#define CALLBACK(field, what, ...) FIELD_(field, UDXG_KIND_CALLBACK, UDXG_IN, .note = what, __VA_ARGS__)

/* An address of memory of the kernel's that the client may see; where that is elsewhere, the endpoints translate it. */
#define MAPPED_OUT(field, ...) GIVE_(field, UDXG_KIND_MAPPED, UDXG_OUT, .action = UDXG_ZERO, __VA_ARGS__)

/* The handler leaves an address in the copy of what another pointer leads to, the client gets its own of the same. */
#define OUT_WITHIN(field, ...) GIVE_(field, UDXG_KIND_WITHIN, UDXG_OUT, .action = UDXG_ZERO, __VA_ARGS__)

/* ---- memory that is copied; the count is a 32-bit field of the same struct ---- */

#define COUNT(field, ...) FIELD_(field, UDXG_KIND_COUNT, UDXG_IN, __VA_ARGS__)
#define COUNT_FROM(field, least, ...)                                                                                  \
    CHECK_(field, UDXG_KIND_COUNT, UDXG_IN, .action = UDXG_AT_LEAST, .minimum = (least), __VA_ARGS__)
/* The same, and written back whatever the status: the handler may say that it was none. */
#define COUNT_FROM_ALWAYS(field, least, ...)                                                                           \
    GIVE_(field, UDXG_KIND_COUNT, UDXG_IN | UDXG_OUT | UDXG_ALWAYS, .action = UDXG_AT_LEAST, .minimum = (least),       \
          __VA_ARGS__)
#define COUNT_INOUT(field, ...) KEEP_(field, UDXG_KIND_COUNT, UDXG_IN | UDXG_OUT, __VA_ARGS__)

#define FOLLOW_(field, way, ...) CHECK_(field, UDXG_KIND_POINTER, way, .action = UDXG_FOLLOW, __VA_ARGS__)
#define MANY_(field, count, most)                                                                                      \
    .count_offset = offsetof(T, count), .maximum = (most), .element_size = sizeof(*((T *)0)->field)
#define ONE_(field) .count_offset = UDXG_NO_COUNT, .maximum = 1, .element_size = sizeof(*((T *)0)->field)

#define BUFFER_(field, bytes, most) .count_offset = offsetof(T, bytes), .maximum = (most), .element_size = 1
#define BUFFER_IN(field, bytes, most, ...) FOLLOW_(field, UDXG_IN, BUFFER_(field, bytes, most), __VA_ARGS__)
#define BUFFER_INOUT(field, bytes, most, ...)                                                                          \
    FOLLOW_(field, UDXG_IN | UDXG_OUT, BUFFER_(field, bytes, most), __VA_ARGS__)

#define HANDLES_IN(field, count, what, most, ...)                                                                      \
    FOLLOW_(field, UDXG_IN, MANY_(field, count, most), .handle = UDXG_IS_##what, __VA_ARGS__)
#define VALUES_IN(field, count, most, ...) FOLLOW_(field, UDXG_IN, MANY_(field, count, most), __VA_ARGS__)
/*
 * The same in a union with a 64-bit value, where only the objects behind the handles tell which of the two it is. What
 * cannot be an address with so many values is NULL in the copy, and what the client had is in the eight bytes after it.
 */
#define VALUES_OR_VALUE_IN(field, count, most, ...)                                                                    \
    VALUES_IN(field, count, most, .optional = true, .or_value = true, __VA_ARGS__)
#define VALUES_OUT(field, count, most, ...) FOLLOW_(field, UDXG_OUT, MANY_(field, count, most), __VA_ARGS__)
#define VALUE_IN(field, ...) FOLLOW_(field, UDXG_IN, ONE_(field), __VA_ARGS__)
#define VALUE_OUT(field, ...) FOLLOW_(field, UDXG_OUT, ONE_(field), __VA_ARGS__)

/* The directions of the elements' own fields are in their SHAPE. */
#define STRUCTS_OUT(field, count, shape, most, ...)                                                                    \
    FOLLOW_(field, UDXG_OUT, MANY_(field, count, most), .element = &udxg_shape_##shape, __VA_ARGS__)
#define STRUCTS_INOUT(field, count, shape, most, ...)                                                                  \
    FOLLOW_(field, UDXG_IN | UDXG_OUT, MANY_(field, count, most), .element = &udxg_shape_##shape, __VA_ARGS__)
#define STRUCTS_IN(field, count, shape, most, ...)                                                                     \
    FOLLOW_(field, UDXG_IN, MANY_(field, count, most), .element = &udxg_shape_##shape, __VA_ARGS__)
#define STRUCT_IN(field, shape, ...) FOLLOW_(field, UDXG_IN, ONE_(field), .element = &udxg_shape_##shape, __VA_ARGS__)

#define STRUCT_OUT_ALWAYS(field, shape, ...)                                                                           \
    FOLLOW_(field, UDXG_OUT | UDXG_ALWAYS, ONE_(field), .element = &udxg_shape_##shape, __VA_ARGS__)

/* The same where the public struct says void * for a pointer to TYPE. */
#define STRUCT_IN_VOID(field, shape, type, ...)                                                                        \
    FOLLOW_(field, UDXG_IN, .count_offset = UDXG_NO_COUNT, .maximum = 1, .element_size = sizeof(type),                 \
            .element = &udxg_shape_##shape, __VA_ARGS__)

/* An array inside of the struct; what stands after its count is not looked at. */
#define HANDLES_HERE(field, count, what, ...)                                                                          \
    CHECK_(field, UDXG_KIND_HANDLES, UDXG_IN, .action = UDXG_CUT, .count_offset = offsetof(T, count),                  \
           .maximum = sizeof(((T *)0)->field) / sizeof(D3DKMT_HANDLE), .element_size = sizeof(D3DKMT_HANDLE),          \
           .handle = UDXG_IS_##what, __VA_ARGS__)
