/* SPDX-License-Identifier: MIT */
/*
 * The walk over what a call carries, by the fields' descriptions. Rows that carry nothing, which are most, are told
 * apart by a table made from thunks.def; for the others a loop over the fields is little beside the system calls that
 * descriptors cost. No state, no locks.
 */
#include "abi/carry.h"

#include <string.h>

#include "abi/shape.h"
#include "abi/step.h"

/* Which of the kinds a struct has, those that it leads to left out. */
static unsigned cargo_bit(const struct udxg_field *field)
{
    if (field->kind == UDXG_KIND_MAPPED) return 1u << UDXG_CARGO_MAPPED;
    if (field->kind == UDXG_KIND_PROCESS) return 1u << UDXG_CARGO_PROCESS;
    if (field->kind != UDXG_KIND_NT_HANDLE) return 0;
    return 1u << (field->direction & UDXG_IN ? UDXG_CARGO_GIVEN : UDXG_CARGO_MADE);
}

static bool creates(const struct udxg_frame *frame)
{
    ptrdiff_t id = frame->thunk - udxg_thunks;

    return id == UDXG_THUNK_CreateAllocation || id == UDXG_THUNK_CreateAllocation2;
}

/* With ExistingSection, what is an address otherwise is a descriptor: only the struct above says so. */
static bool has_sections(const struct udxg_frame *frame)
{
    const D3DKMT_CREATEALLOCATION *args = frame->spans[0].copy;

    return creates(frame) && args->Flags.ExistingSection;
}

static bool is_wanted(const struct udxg_field *field, enum udxg_cargo cargo, bool sections)
{
    if (sections && field->kind == UDXG_KIND_ADDRESS && cargo == UDXG_CARGO_GIVEN) return true; /* pSystemMem */
    return cargo_bit(field) & 1u << cargo;
}

/* The kinds that each struct has, a bit each, as cargo_bit() says. */
#define CARRIES(field, what, way, ...)                                                                                 \
    | ((what) == UDXG_KIND_MAPPED ? 1 << UDXG_CARGO_MAPPED                                                             \
       : (what) == UDXG_KIND_PROCESS ? 1 << UDXG_CARGO_PROCESS                                                         \
       : (what) != UDXG_KIND_NT_HANDLE ? 0 : (way) & UDXG_IN ? 1 << UDXG_CARGO_GIVEN : 1 << UDXG_CARGO_MADE)
#define THUNK(number, name, constness) enum { name##_carries = 0
#define THUNK_END };
#define SHAPE(name) enum { name##_shape_carries = 0
#define SHAPE_END };
#define FIELD_ CARRIES
#define CHECK_ CARRIES
#define GIVE_ CARRIES
#define KEEP_ CARRIES
#include "abi/thunks.def"

static const unsigned char carried[UDXG_THUNK_COUNT] = {
#define THUNK(number, name, constness) [UDXG_THUNK_##name] = name##_carries,
#define THUNK_END
#include "abi/thunks.def"
};

bool udxg_thunk_carries(enum udxg_thunk_id id, enum udxg_cargo cargo)
{
    unsigned kinds = carried[id];

    /* Those that have it in a struct that they lead to. */
    if (id == UDXG_THUNK_CreateAllocation || id == UDXG_THUNK_CreateAllocation2) kinds |= 1u << UDXG_CARGO_GIVEN;
    if (id == UDXG_THUNK_ShareObjects) kinds |= NtHandle_shape_carries;
    return kinds & 1u << cargo;
}

static udxg_status carry_struct(const struct udxg_shape *shape, unsigned char *copy, enum udxg_cargo cargo,
                                bool sections, udxg_carrier *carrier, void *user)
{
    udxg_status status = STATUS_SUCCESS;

    for (uint32_t i = 0; i < shape->field_count && !udxg_failed(status); i++) {
        const struct udxg_field *field = &shape->fields[i];
        uint64_t value;

        if (!is_wanted(field, cargo, sections) || !udxg_step_applies(field, copy)) continue;
        memcpy(&value, copy + field->offset, sizeof value);
        if (!value) continue;
        status = carrier(user, cargo, &value);
        memcpy(copy + field->offset, &value, sizeof value);
    }
    return status;
}

udxg_status udxg_thunk_carry(const struct udxg_frame *frame, enum udxg_cargo cargo, udxg_carrier *carrier, void *user)
{
    bool sections = has_sections(frame);
    udxg_status status = STATUS_SUCCESS;

    if (creates(frame) && !sections) return STATUS_SUCCESS;
    for (uint32_t i = 0; i < frame->span_count; i++) {
        const struct udxg_span *span = &frame->spans[i];
        unsigned char *copy = span->copy;

        if (!span->shape) continue;
        for (uint32_t j = 0; j < span->count && !udxg_failed(status); j++, copy += span->shape->size)
            status = carry_struct(span->shape, copy, cargo, sections, carrier, user);
    }
    return status;
}
