/* SPDX-License-Identifier: MIT */
/*
 * The table as data: what src/abi/thunks.def must never say, whatever it comes to say. The proof that a row
 * forgets no byte of its struct is here too: what no field mentions must be padding of the compiler.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "abi/shape.h"
#include "abi/thunk.h"

static void for_each_field(void (*visit)(const struct udxg_shape *shape, const struct udxg_field *field))
{
    for (size_t i = 0; i < UDXG_THUNK_COUNT; i++) {
        const struct udxg_shape *shape = udxg_thunks[i].shape;
        for (uint32_t j = 0; shape && j < shape->field_count; j++) {
            const struct udxg_shape *element = shape->fields[j].element;
            visit(shape, &shape->fields[j]);
            for (uint32_t k = 0; element && k < element->field_count; k++) visit(element, &element->fields[k]);
        }
    }
}

static void rows_are_whole(void **state)
{
    (void)state;
    unsigned numbers[256] = {0}, implemented = 0;
    for (size_t i = 0; i < UDXG_THUNK_COUNT; i++) {
        const struct udxg_thunk *thunk = &udxg_thunks[i];
        assert_non_null(thunk->name);
        assert_int_equal(thunk->implemented, thunk->shape != NULL);
        assert_false(thunk->local && (thunk->implemented || thunk->type || thunk->number));
        numbers[thunk->number]++;
        for (size_t j = 0; j < i; j++) assert_string_not_equal(thunk->name, udxg_thunks[j].name);
        if (!thunk->implemented) continue;
        implemented++;
        assert_string_equal(thunk->type, thunk->shape->name);
        assert_int_equal(thunk->size, thunk->shape->size);
        assert_true(thunk->size <= UDXG_FRAME_BYTES);
    }
    for (size_t number = 1; number < 256; number++) assert_true(numbers[number] <= 1);
    assert_true(implemented >= 47);
}

/* The walk knows numbers of 4 and 8 bytes, and counts of 4. */
static void has_a_size_that_the_walk_knows(const struct udxg_shape *shape, const struct udxg_field *field)
{
    assert_true((uint32_t)field->offset + field->size <= shape->size);
    switch ((enum udxg_field_action)field->action) {
    case UDXG_REFUSE:
        assert_true(field->size == 4 || field->size == 8);
        if (field->size == 4) assert_true(field->mask <= UINT32_MAX);
        break;
    case UDXG_MASK:
    case UDXG_AT_LEAST:
        assert_int_equal(field->size, 4);
        break;
    case UDXG_CUT:
        assert_int_equal(field->size, (size_t)field->maximum * field->element_size);
        break;
    case UDXG_FOLLOW:
        assert_int_equal(field->size, sizeof(void *));
        assert_true(field->element_size > 0);
        assert_true((uint64_t)field->maximum * field->element_size <= UDXG_MAX_CALL);
        if (field->element) assert_int_equal(field->element_size, field->element->size);
        break;
    case UDXG_NOTHING:
    case UDXG_ZERO:
        break;
    }
}

static void sizes_are_known(void **state)
{
    (void)state;
    for_each_field(has_a_size_that_the_walk_knows);
}

static const struct udxg_field *field_at(const struct udxg_shape *shape, uint16_t offset, uint16_t size)
{
    for (uint32_t i = 0; i < shape->field_count; i++) {
        if (shape->fields[i].offset == offset && shape->fields[i].size == size) return &shape->fields[i];
    }
    return NULL;
}

static void counts_and_conditions_are_fields(const struct udxg_shape *shape, const struct udxg_field *field)
{
    bool counted = field->kind == UDXG_KIND_POINTER || field->kind == UDXG_KIND_HANDLES;
    if (counted && field->count_offset != UDXG_NO_COUNT) {
        const struct udxg_field *count = field_at(shape, field->count_offset, field->short_count  ? 2
                                                                                  : field->long_count ? 8
                                                                                                      : 4);
        assert_non_null(count);
        assert_true(count->direction & UDXG_IN);
        if (field->recount) assert_true(count->direction & UDXG_OUT);
    }
    if (!field->condition) return;
    const struct udxg_field *selector = field_at(shape, field->when.offset, 4);
    assert_non_null(selector);
    assert_true(selector->direction & UDXG_IN);
}

static void references_are_described(void **state)
{
    (void)state;
    for_each_field(counts_and_conditions_are_fields);
}

/* As many fields are visited as have a direction or an action that demands it. */
static void check_counts(const struct udxg_shape *shape)
{
    uint32_t expected_enters = 0, expected_leaves = 0;
    for (uint32_t i = 0; i < shape->field_count; i++) {
        const struct udxg_field *field = &shape->fields[i];
        if (field->action != UDXG_NOTHING) expected_enters++;
        if (field->direction & UDXG_OUT && field->kind != UDXG_KIND_POINTER) expected_leaves++;
    }
    assert_int_equal(shape->enter_count, expected_enters);
    assert_int_equal(shape->leave_count, expected_leaves);
}

static void counts_agree(void **state)
{
    (void)state;
    for (size_t i = 0; i < UDXG_THUNK_COUNT; i++) {
        const struct udxg_shape *shape = udxg_thunks[i].shape;
        if (!shape) continue;
        check_counts(shape);
        for (uint32_t j = 0; j < shape->field_count; j++) {
            if (shape->fields[j].element) check_counts(shape->fields[j].element);
        }
    }
}

/* Two fields may share bytes in a union: when they exclude each other, or one of them is a REST. */
static void no_field_is_told_twice(void **state)
{
    (void)state;
    for (size_t i = 0; i < UDXG_THUNK_COUNT; i++) {
        const struct udxg_shape *shape = udxg_thunks[i].shape;
        for (uint32_t j = 0; shape && j < shape->field_count; j++) {
            for (uint32_t k = 0; k < j; k++) {
                const struct udxg_field *a = &shape->fields[j], *b = &shape->fields[k];
                bool apart = a->offset >= b->offset + b->size || b->offset >= a->offset + a->size;
                bool rest = a->kind == UDXG_KIND_REST || b->kind == UDXG_KIND_REST;
                bool exclusive = a->condition && b->condition && strcmp(a->condition, b->condition) != 0;
                if (apart || rest || exclusive) continue;
                fail_msg("%s: %s and %s share bytes", shape->name, a->name, b->name);
            }
        }
    }
}

#if defined(__has_builtin)
#if __has_builtin(__builtin_clear_padding)
#define KNOWS_PADDING
#endif
#endif

#ifdef KNOWS_PADDING /* gcc does from 11 on; others leave the case out */
#define LARGEST 1024u

/* VALUES has ones where the struct has a value in at least one of its union members. */
static unsigned forgotten(const struct udxg_field *fields, uint32_t count, const char *name,
                          const unsigned char *values, size_t size)
{
    unsigned char described[LARGEST] = {0};
    unsigned wrong = 0;
    assert_true(size <= LARGEST);
    for (uint32_t i = 0; i < count; i++) memset(described + fields[i].offset, 1, fields[i].size);
    for (size_t i = 0; i < size; i++) {
        if (!values[i] || described[i]) continue;
        print_error("%s: byte %zu is described by no field\n", name, i);
        wrong++;
    }
    return wrong;
}

static const struct udxg_shape *element_shape(const char *name)
{
    for (size_t i = 0; i < UDXG_THUNK_COUNT; i++) {
        const struct udxg_shape *shape = udxg_thunks[i].shape;
        for (uint32_t j = 0; shape && j < shape->field_count; j++) {
            const struct udxg_shape *element = shape->fields[j].element;
            if (element && strcmp(element->name, name) == 0) return element;
            for (uint32_t k = 0; element && k < element->field_count; k++) {
                const struct udxg_shape *inner = element->fields[k].element;
                if (inner && strcmp(inner->name, name) == 0) return inner;
            }
        }
    }
    return NULL;
}

#define STRING_(text) #text
#define STRING(text) STRING_(text)

static void every_byte_is_described(void **state)
{
    (void)state;
    unsigned wrong = 0, seen = 0;
    const struct udxg_shape *shape;
#define CHECK_STRUCT(the_shape)                                                                            \
    do {                                                                                                   \
        T value;                                                                                           \
        memset(&value, 0xff, sizeof(value));                                                               \
        __builtin_clear_padding(&value);                                                                   \
        shape = (the_shape);                                                                               \
        assert_non_null(shape);                                                                            \
        wrong += forgotten(shape->fields, shape->field_count, shape->name, (unsigned char *)&value, sizeof(value)); \
        seen++;                                                                                            \
    } while (0);
#define THUNK(number, id, constness) CHECK_STRUCT(udxg_thunks[UDXG_THUNK_##id].shape)
#define THUNK_END
#define SHAPE(id) CHECK_STRUCT(element_shape(STRING(T)))
#define SHAPE_END
#include "abi/thunks.def"
    assert_int_equal(wrong, 0);
    assert_true(seen > 47);
    /* The control: a struct whose last field is taken away is found wanting. */
    shape = udxg_thunks[UDXG_THUNK_Unlock2].shape;
    static const unsigned char ones[sizeof(D3DKMT_UNLOCK2)] = {1, 1, 1, 1, 1, 1, 1, 1};
    assert_int_equal(forgotten(shape->fields, shape->field_count - 1, "control", ones, sizeof(ones)), 4);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_whole),          cmocka_unit_test(sizes_are_known),
        cmocka_unit_test(references_are_described), cmocka_unit_test(counts_agree),
        cmocka_unit_test(no_field_is_told_twice),
#ifdef KNOWS_PADDING
        cmocka_unit_test(every_byte_is_described),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
