/* SPDX-License-Identifier: MIT */
/* See names.h. */
#include "names.h"

#include <string.h>

static void name(struct fuzz_names *names, D3DKMT_HANDLE handle)
{
    if (handle && names->count < 64) names->handles[names->count++] = handle;
}

void fuzz_names_of_world(const struct world *world, struct fuzz_names *names)
{
    memset(names, 0, sizeof *names);
    names->count = 1;
    for (unsigned i = 0; i < UDXG_HANDLE_KIND_COUNT; i++) name(names, world->alive[i]);
    name(names, world->other_device), name(names, world->queue_fence);
    name(names, world->hw_context), name(names, world->hw_queue);
    name(names, world->global), name(names, world->global_mutex);
    for (unsigned i = 0; i < UDXG_HANDLE_KIND_COUNT; i++) name(names, world->dead[i]);
}

void fuzz_name_to_handle(const struct fuzz_names *names, unsigned char *field)
{
    uint32_t value;

    memcpy(&value, field, sizeof value);
    if (value < names->count) memcpy(field, &names->handles[value], sizeof value);
}

void fuzz_handle_to_name(const struct fuzz_names *names, unsigned char *field)
{
    uint32_t value;

    memcpy(&value, field, sizeof value);
    for (uint32_t i = 1; i < names->count; i++) {
        if (names->handles[i] != value) continue;
        memcpy(field, &i, sizeof i);
        return;
    }
}

/* What a pointer to handles leads to is a span of its own. */
static void visit_array(const struct fuzz_names *names, const struct udxg_frame *frame, const void *target,
                        unsigned char *(*bytes_of)(const struct udxg_span *span), fuzz_name_change *change)
{
    for (uint32_t i = 0; i < frame->span_count; i++) {
        const struct udxg_span *span = &frame->spans[i];
        if (span->copy != target) continue;
        for (uint32_t at = 0; at + 4 <= span->bytes; at += 4) change(names, bytes_of(span) + at);
    }
}

void fuzz_names_visit(const struct fuzz_names *names, const struct udxg_frame *frame,
                      unsigned char *(*bytes_of)(const struct udxg_span *span), fuzz_name_change *change)
{
    for (uint32_t i = 0; i < frame->span_count; i++) {
        const struct udxg_span *span = &frame->spans[i];
        for (uint32_t at = 0; span->shape && at < span->bytes; at += span->shape->size) {
            for (uint32_t j = 0; j < span->shape->field_count; j++) {
                const struct udxg_field *field = &span->shape->fields[j];
                unsigned char *bytes = bytes_of(span) + at + field->offset;
                void *target;

                if (!field->handle) continue;
                if (field->kind == UDXG_KIND_HANDLE) change(names, bytes);
                for (uint32_t k = 0; field->kind == UDXG_KIND_HANDLES && k + 4 <= field->size; k += 4)
                    change(names, bytes + k);
                if (field->kind != UDXG_KIND_POINTER) continue;
                memcpy(&target, (const char *)span->copy + at + field->offset, sizeof target);
                visit_array(names, frame, target, bytes_of, change);
            }
        }
    }
}
