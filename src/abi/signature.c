/* SPDX-License-Identifier: MIT */
/*
 * What the table looks like, as one number: client and kernel that are apart must have the same. Every field counts
 * that decides where bytes are.
 */
#include "abi/thunk.h"

#include <string.h>

#include "abi/shape.h"

#define FNV_BASIS UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME UINT64_C(0x100000001b3)

static uint64_t mix(uint64_t hash, const void *bytes, size_t size_bytes)
{
    const unsigned char *at = bytes;

    for (size_t i = 0; i < size_bytes; i++) hash = (hash ^ at[i]) * FNV_PRIME;
    return hash;
}

static uint64_t mix_shape(uint64_t hash, const struct udxg_shape *shape)
{
    hash = mix(hash, &shape->size, sizeof shape->size);
    for (uint32_t i = 0; i < shape->field_count; i++) {
        const struct udxg_field *field = &shape->fields[i];
        const uint32_t facts[] = {field->offset,        field->size,         field->kind,       field->direction,
                                  field->count_offset,  field->element_size, field->maximum,    field->action,
                                  field->when.offset,   field->when.mask,    field->when.value, field->when.negate,
                                  field->optional,      field->or_value,     field->short_count, field->recount};
        hash = mix(hash, facts, sizeof facts);
        if (field->element) hash = mix_shape(hash, field->element);
    }
    return hash;
}

uint64_t udxg_thunk_signature(void)
{
    uint64_t hash = FNV_BASIS;

    for (unsigned id = 0; id < UDXG_THUNK_COUNT; id++) {
        const struct udxg_thunk *thunk = &udxg_thunks[id];
        hash = mix(hash, thunk->name, strlen(thunk->name));
        if (thunk->shape) hash = mix_shape(hash, thunk->shape);
    }
    return hash;
}
