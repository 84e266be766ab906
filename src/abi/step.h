/* SPDX-License-Identifier: MIT */
/*
 * What the walk does with one field, as code that the compiler takes apart: abi/thunk.c calls it with a constant field
 * for each row of the table, and of most calls of udxg_step_enter() a comparison or a store is left.
 */
#ifndef UDXG_ABI_STEP_H
#define UDXG_ABI_STEP_H

#include <string.h>

#include "abi/shape.h"
#include "abi/thunk.h"

#define UDXG_STEP static inline __attribute__((always_inline))

/* Fields have any alignment: some structs are packed. */
UDXG_STEP uint32_t udxg_load32(const void *from)
{
    uint32_t value;
    memcpy(&value, from, sizeof(value));
    return value;
}

UDXG_STEP bool udxg_step_applies(const struct udxg_field *field, const unsigned char *copy)
{
    const struct udxg_when *when = &field->when;
    return !when->mask || ((udxg_load32(copy + when->offset) & when->mask) == when->value) != when->negate;
}

UDXG_STEP bool udxg_step_has_other_bits(const struct udxg_field *field, const unsigned char *at)
{
    uint64_t value = 0;
    memcpy(&value, at, field->size); /* 4 or 8: tests/unit */
    return value & ~field->mask;
}

UDXG_STEP void udxg_step_keep_bits(const struct udxg_field *field, unsigned char *at)
{
    uint32_t value = udxg_load32(at) & (uint32_t)field->mask;
    memcpy(at, &value, sizeof(value));
}

/* Zeros what stands after the count of an array inside of the struct; false when the count is too large. */
UDXG_STEP bool udxg_step_cut(const struct udxg_field *field, unsigned char *copy)
{
    uint32_t count = udxg_load32(copy + field->count_offset);
    if (count > field->maximum) return false;
    size_t used = (size_t)count * field->element_size;
    memset(copy + field->offset + used, 0, field->size - used);
    return true;
}

/* Of a field that applies. */
UDXG_STEP udxg_status udxg_step_enter(struct udxg_frame *frame, const struct udxg_field *field, unsigned char *copy)
{
    unsigned char *at = copy + field->offset;
    bool good = true;
    switch ((enum udxg_field_action)field->action) {
    case UDXG_NOTHING:
        break;
    case UDXG_ZERO:
        memset(at, 0, field->size);
        break;
    case UDXG_MASK:
        udxg_step_keep_bits(field, at);
        break;
    case UDXG_REFUSE:
        good = !udxg_step_has_other_bits(field, at);
        break;
    case UDXG_AT_LEAST:
        good = udxg_load32(at) >= field->minimum;
        break;
    case UDXG_CUT:
        good = udxg_step_cut(field, copy);
        break;
    case UDXG_FOLLOW:
        return udxg_walk_follow(frame, field, copy);
    }
    return good ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}

/* Of a field that applies. */
UDXG_STEP void udxg_step_leave(const struct udxg_frame *frame, const struct udxg_field *field, unsigned char *client,
                               const unsigned char *copy)
{
    if (field->kind == UDXG_KIND_WITHIN)
        udxg_walk_leave_within(frame, client + field->offset, copy + field->offset);
    else
        memcpy(client + field->offset, copy + field->offset, field->size);
}

#endif
