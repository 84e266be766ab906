/* SPDX-License-Identifier: MIT */
/*
 * The walk: enter copies the arguments of one call, and all they point to, into a frame; leave copies the
 * outputs back. It reads each byte of the client once, so what was checked is what the handler sees.
 *
 * What it does not do: look up handles, judge one field by another beyond the table's conditions, or touch
 * memory that a field only names (ADDRESS).
 *
 * Locks: none. A frame belongs to one call and one thread.
 */
#include "abi/thunk.h"

#include <stdlib.h>
#include <string.h>

#include "abi/shape.h"
#include "abi/step.h"
#include "base/os.h"

#define COPY_ALIGNMENT 16u

#define BLOCK_BYTES 16384u /* a heap block has at least so many: long lists have many short spans */

struct heap_block {
    struct heap_block *next;
    size_t used, size; /* of bytes */
    _Alignas(COPY_ALIGNMENT) unsigned char bytes[];
};

static uint32_t load16(const void *from)
{
    uint16_t value;
    memcpy(&value, from, sizeof(value));
    return value;
}

static void *load_pointer(const void *from)
{
    void *value;
    memcpy(&value, from, sizeof(value));
    return value;
}

/* ---- the frame's memory ---- */

static struct heap_block *add_block(struct udxg_frame *frame, size_t bytes)
{
    size_t size = bytes > BLOCK_BYTES ? bytes : BLOCK_BYTES;
    struct heap_block *block = malloc(sizeof(*block) + size);
    if (!block) return NULL;
    block->next = frame->heap;
    block->used = 0;
    block->size = size;
    frame->heap = block;
    return block;
}

static void *take_heap(struct udxg_frame *frame, size_t bytes)
{
    struct heap_block *block = frame->heap;
    bytes = udxg_align_up(bytes, COPY_ALIGNMENT);
    if (!block || bytes > block->size - block->used) block = add_block(frame, bytes);
    if (!block) return NULL;
    void *start = block->bytes + block->used;
    block->used += bytes;
    return start;
}

/* BYTES of uninitialised memory that live as long as the frame; NULL when the heap is out. */
static void *take(struct udxg_frame *frame, size_t bytes)
{
    size_t start = udxg_align_up(frame->used, COPY_ALIGNMENT);
    if (start <= UDXG_FRAME_BYTES && bytes <= UDXG_FRAME_BYTES - start) {
        frame->used = (uint32_t)(start + bytes);
        return frame->bytes + start;
    }
    return take_heap(frame, bytes);
}

static void give_heap(struct udxg_frame *frame)
{
    for (struct heap_block *block = frame->heap; block;) {
        struct heap_block *next = block->next;
        free(block);
        block = next;
    }
    frame->heap = NULL;
}

static bool double_spans(struct udxg_frame *frame)
{
    size_t bytes = frame->span_capacity * sizeof(struct udxg_span);
    struct udxg_span *larger = take_heap(frame, 2 * bytes);
    if (!larger) return false;
    memcpy(larger, frame->spans, bytes);
    frame->spans = larger;
    frame->span_capacity *= 2;
    return true;
}

/* Room for one more span, to be filled where it lies: going through a second copy of it costs 15 ns. */
static inline struct udxg_span *add_span(struct udxg_frame *frame)
{
    if (frame->span_count == frame->span_capacity && !double_spans(frame)) return NULL;
    return &frame->spans[frame->span_count++];
}

/* ---- entering ---- */

static size_t align_message(size_t bytes)
{
    return udxg_align_up(bytes, UDXG_MESSAGE_ALIGNMENT);
}

/* The span's place in the message follows from what has been copied so far, not from anything the message says. */
static udxg_status read_span(struct udxg_frame *frame, struct udxg_span *span)
{
    if (align_message(span->bytes) > frame->message.size_bytes - frame->read) return STATUS_INVALID_PARAMETER;
    span->out = frame->message.bytes + frame->read;
    frame->read += (uint32_t)align_message(span->bytes);
    if (span->direction & UDXG_IN)
        memcpy(span->copy, span->out, span->bytes);
    else
        memset(span->copy, 0, span->bytes);
    return STATUS_SUCCESS;
}

/*
 * Makes the copy of a span whose other members are set. What will be written is checked now: after the handler
 * has run there would be no way to refuse.
 */
static udxg_status enter_span(struct udxg_frame *frame, struct udxg_span *span)
{
    uint32_t bytes = span->bytes;
    if (bytes > UDXG_MAX_CALL - frame->taken) return STATUS_NO_MEMORY; /* each part is within its limit */
    frame->taken += bytes;
    void *copy = take(frame, bytes);
    if (!copy) return STATUS_NO_MEMORY;
    span->copy = copy;
    if (frame->message.bytes) return read_span(frame, span);
    span->out = span->client;

    bool in = span->direction & UDXG_IN;
    bool out = span->direction & UDXG_OUT && (!span->shape || span->shape->leave_count);
    if (in && !out) return udxg_os_copy_in(copy, span->client, bytes);
    if (out) {
        udxg_status status = udxg_os_probe_argument(span->client, bytes, true);
        if (udxg_failed(status)) return status;
    }
    if (in) /* what may be written may be read */
        memcpy(copy, span->client, bytes);
    else
        memset(copy, 0, bytes);
    return STATUS_SUCCESS;
}

static udxg_status enter_elements(struct udxg_frame *frame, const struct udxg_shape *shape, unsigned char *element,
                                  uint32_t count)
{
    for (uint32_t i = 0; i < count; i++, element += shape->size) {
        udxg_status status = shape->enter(frame, element);
        if (udxg_failed(status)) return status;
    }
    return STATUS_SUCCESS;
}

static uint32_t count_of(const struct udxg_field *field, const unsigned char *copy)
{
    if (field->count_offset == UDXG_NO_COUNT) return 1;
    if (field->long_count && udxg_load32(copy + field->count_offset + 4)) return UINT32_MAX; /* over every limit */
    return field->short_count ? load16(copy + field->count_offset) : udxg_load32(copy + field->count_offset);
}

static udxg_status follow_pointer(struct udxg_frame *frame, const struct udxg_field *field, unsigned char *copy)
{
    uint32_t count = count_of(field, copy);
    void *client = load_pointer(copy + field->offset);
    if (!client) return count && !field->optional ? STATUS_INVALID_PARAMETER : STATUS_SUCCESS;
    if (count > field->maximum) return STATUS_INVALID_PARAMETER;

    void *target = frame->bytes + UDXG_FRAME_BYTES; /* leads nowhere, is not NULL */
    if (count) {
        struct udxg_span *span = add_span(frame);
        if (!span) return STATUS_NO_MEMORY;
        span->client = client;
        span->shape = field->element;
        span->recount = field->recount ? copy + field->count_offset : NULL;
        span->bytes = count * field->element_size; /* tests/unit holds the maxima against UDXG_MAX_CALL */
        span->count = count;
        span->direction = field->direction;
        udxg_status status = enter_span(frame, span);
        if (udxg_failed(status)) return status;
        target = span->copy;
    }
    memcpy(copy + field->offset, &target, sizeof(target));
    if (!field->element || !field->element->enter_count || !(field->direction & UDXG_IN)) return STATUS_SUCCESS;
    return enter_elements(frame, field->element, target, count);
}

/*
 * Of an address that may be a number: then there is nothing where it leads, and that is no error. In a message the
 * sender has tried it: the address is NULL where it leads nowhere, and the number stands beside it already.
 */
udxg_status udxg_walk_follow(struct udxg_frame *frame, const struct udxg_field *field, unsigned char *copy)
{
    uint32_t span_count = frame->span_count;
    void *none = NULL;
    udxg_status status;

    if (field->or_value && !frame->message.bytes)
        memcpy(copy + field->offset + sizeof(uint64_t), copy + field->offset, sizeof(uint64_t));
    status = follow_pointer(frame, field, copy);
    if (status != STATUS_INVALID_PARAMETER || !field->or_value) return status;
    frame->span_count = span_count;
    memcpy(copy + field->offset, &none, sizeof(none));
    return STATUS_SUCCESS;
}

static udxg_status enter(enum udxg_thunk_id id, const void *args, struct udxg_frame *frame, void **ret_args)
{
    const struct udxg_thunk *thunk = &udxg_thunks[id];

    frame->thunk = thunk;
    frame->spans = frame->inline_spans;
    frame->span_count = 0;
    frame->span_capacity = UDXG_FRAME_SPANS;
    frame->used = 0;
    frame->taken = 0;
    frame->heap = NULL;

    struct udxg_span *span = add_span(frame);
    span->client = (void *)args; /* const in some prototypes, outputs or not: that is how the interface is */
    span->shape = thunk->shape;
    span->recount = NULL;
    span->bytes = thunk->shape->size;
    span->count = 1;
    span->direction = UDXG_IN | UDXG_OUT;
    udxg_status status = enter_span(frame, span);
    void *copy = span->copy;
    if (!udxg_failed(status)) status = thunk->shape->enter(frame, copy);
    if (udxg_failed(status)) {
        give_heap(frame);
        return status;
    }
    *ret_args = copy;
    return STATUS_SUCCESS;
}

udxg_status udxg_thunk_enter(enum udxg_thunk_id id, const void *args, struct udxg_frame *frame, void **ret_args)
{
    if (!args || (unsigned)id >= UDXG_THUNK_COUNT) return STATUS_INVALID_PARAMETER;
    if (!udxg_thunks[id].implemented) return STATUS_NOT_SUPPORTED;
    frame->message.bytes = NULL;
    return enter(id, args, frame, ret_args);
}

udxg_status udxg_thunk_enter_message(enum udxg_thunk_id id, const struct udxg_message *message,
                                     struct udxg_frame *frame, void **ret_args)
{
    if ((unsigned)id >= UDXG_THUNK_COUNT) return STATUS_INVALID_PARAMETER;
    if (!udxg_thunks[id].implemented) return STATUS_NOT_SUPPORTED;
    frame->message = *message;
    frame->read = 0;
    udxg_status status = enter(id, NULL, frame, ret_args);
    if (udxg_failed(status) || frame->read == message->size_bytes) return status;
    give_heap(frame);
    return STATUS_INVALID_PARAMETER;
}

/* ---- messages ---- */

uint32_t udxg_thunk_message_bytes(const struct udxg_frame *frame)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < frame->span_count; i++) bytes += align_message(frame->spans[i].bytes);
    return (uint32_t)bytes;
}

void udxg_thunk_put_message(const struct udxg_frame *frame, unsigned char *message)
{
    for (uint32_t i = 0; i < frame->span_count; i++) {
        const struct udxg_span *span = &frame->spans[i];
        if (span->direction & UDXG_IN) memcpy(message, span->copy, span->bytes);
        message += align_message(span->bytes);
    }
}

void udxg_thunk_take_message(struct udxg_frame *frame, const unsigned char *message)
{
    for (uint32_t i = 0; i < frame->span_count; i++) {
        const struct udxg_span *span = &frame->spans[i];
        if (span->direction & UDXG_OUT) memcpy(span->copy, message, span->bytes);
        message += align_message(span->bytes);
    }
}

/*
 * ---- leaving ----
 *
 * What is written was probed when the call entered. A client that takes its memory away while its call runs
 * hurts itself, as with any C function.
 */

/* What the handler left is an address in a copy. */
void udxg_walk_leave_within(const struct udxg_frame *frame, unsigned char *client, const unsigned char *copy)
{
    const void *address = udxg_thunk_client_address(frame, load_pointer(copy));
    memcpy(client, &address, sizeof(address));
}

static void leave_span(const struct udxg_frame *frame, const struct udxg_span *span, unsigned directions)
{
    uint32_t count = span->count, bytes = span->bytes;
    if (span->recount) {
        uint32_t counted = udxg_load32(span->recount);
        uint32_t size = bytes / count;
        if (counted < count) count = counted;
        bytes = count * size;
    }
    if (!span->shape) {
        /* What has not changed is left alone: writing it would take the cache line from its other reader. */
        bool same = frame->message.bytes && span->direction & UDXG_IN && !memcmp(span->out, span->copy, bytes);
        if (span->direction & directions && !same) memcpy(span->out, span->copy, bytes);
        return;
    }
    unsigned char *client = span->out;
    const unsigned char *copy = span->copy;
    for (uint32_t i = 0; i < count; i++) {
        span->shape->leave(frame, client, copy, directions);
        client += span->shape->size;
        copy += span->shape->size;
    }
}

udxg_status udxg_thunk_leave(struct udxg_frame *frame, udxg_status status)
{
    unsigned directions = udxg_failed(status) ? UDXG_ALWAYS : UDXG_OUT;
    for (uint32_t i = 0; i < frame->span_count; i++) {
        if (frame->spans[i].direction & UDXG_OUT) leave_span(frame, &frame->spans[i], directions);
    }
    if (frame->heap) give_heap(frame);
    return status;
}

const void *udxg_thunk_client_address(const struct udxg_frame *frame, const void *copy)
{
    const unsigned char *wanted = copy;
    for (uint32_t i = 0; i < frame->span_count; i++) {
        const struct udxg_span *span = &frame->spans[i];
        const unsigned char *start = span->copy;
        if (wanted >= start && wanted < start + span->bytes) return (const char *)span->client + (wanted - start);
    }
    return NULL;
}
