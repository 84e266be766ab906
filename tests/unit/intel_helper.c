/* SPDX-License-Identifier: MIT */
/*
 * The token streams of Intel's runtime and our compute helper: framing, hostile streams, and each struct
 * there and back. Streams are written as dwords here, so that the writer does not check itself.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "miniport/intel/private_data.h"
#include "miniport/intel/product.h"
#include "miniport/intel/tokens.h"

uint64_t getVersion(void);
size_t getSizeRequiredForStruct(int id);
size_t getSizeRequiredForTokens(int id);
bool tokensToStruct(int id, void *destination, size_t capacity_bytes, const void *begin, const void *end);
bool structToTokens(int id, void *destination, size_t capacity_bytes, const void *source, size_t source_bytes);
void destroyStructRepresentation(int id, void *source, size_t source_bytes);

#define NUMBER(id) ((id) | 1u << 16)
#define LONG_NUMBER(id) ((id) | 2u << 16)
#define TRUTH(id) ((id) | 1u << 24)
#define CONTAINER(id) ((id) | 0x10u << 24)
#define HEAD(id, dwords) CONTAINER(id), 0, (dwords)*4, (dwords)
#define END(array) ((array) + sizeof(array) / sizeof((array)[0]))

static struct udxg_tokens range_of(const uint32_t *dwords, size_t count)
{
    return udxg_tokens_range(dwords, dwords + count);
}

static void numbers_have_three_widths(void **state)
{
    const uint32_t stream[] = {TRUTH(5), 6, NUMBER(7), 70, LONG_NUMBER(8), 0x11111111, 0x22222222};
    struct udxg_tokens tokens = range_of(stream, 7);

    (void)state;
    assert_int_equal(udxg_tokens_number(tokens, 5), 1);
    assert_int_equal(udxg_tokens_number(tokens, 6), 0);
    assert_int_equal(udxg_tokens_number(tokens, 7), 70);
    assert_true(udxg_tokens_number(tokens, 8) == 0x2222222211111111ull);
    assert_int_equal(udxg_tokens_number(tokens, 9), 0);
}

static void padding_and_strangers_are_passed_over(void **state)
{
    const uint32_t stream[] = {0, NUMBER(900), 1, HEAD(901, 2), NUMBER(7), 1, 0, 0, NUMBER(7), 2, 0};

    (void)state;
    assert_int_equal(udxg_tokens_number(range_of(stream, 14), 7), 2);
}

static void containers_hide_what_is_inside(void **state)
{
    const uint32_t stream[] = {CONTAINER(4), 3, 8, 3, NUMBER(7), 9, 0xdeadbeef, CONTAINER(4), 1, 8, 2, NUMBER(7), 8};
    struct udxg_tokens tokens = range_of(stream, 13);

    (void)state;
    assert_int_equal(udxg_tokens_number(tokens, 7), 0);
    assert_int_equal(udxg_tokens_number(udxg_tokens_inside(tokens, 4), 7), 9);
    assert_int_equal(udxg_tokens_number(udxg_tokens_inside_element(tokens, 4, 1), 7), 8);
    assert_int_equal(udxg_tokens_number(udxg_tokens_inside_element(tokens, 4, 2), 7), 0);
}

static void assert_broken(const uint32_t *dwords, size_t count)
{
    uint32_t *heap = malloc(count * sizeof(uint32_t)); /* so that a sanitizer sees one dword too many */

    assert_non_null(heap);
    memcpy(heap, dwords, count * sizeof(uint32_t));
    assert_false(udxg_tokens_valid(range_of(heap, count)));
    assert_int_equal(udxg_tokens_number(range_of(heap, count), 7), 0);
    free(heap);
}

static void lengths_beyond_the_end_are_broken(void **state)
{
    const uint32_t payload[] = {LONG_NUMBER(7), 1};
    const uint32_t no_header[] = {CONTAINER(4), 0, 0};
    const uint32_t too_long[] = {CONTAINER(4), 0, 8, 2, 0};
    const uint32_t bytes_over_padding[] = {CONTAINER(4), 0, 8, 1, 0, 0};
    const uint32_t wraps[] = {CONTAINER(4), 0, 0xffffffff, 0xffffffff, 0};
    const uint32_t inner[] = {HEAD(4, 2), LONG_NUMBER(7), 1};

    (void)state;
    assert_broken(payload, 2);
    assert_broken(no_header, 3);
    assert_broken(too_long, 5);
    assert_broken(bytes_over_padding, 6);
    assert_broken(wraps, 5);
    assert_broken(inner, 6);
}

static void endless_nesting_is_broken(void **state)
{
    uint32_t stream[4 * 100];

    (void)state;
    for (uint32_t i = 0; i < 100; i++) {
        const uint32_t head[] = {HEAD(4, (99 - i) * 4)};

        memcpy(stream + i * 4, head, sizeof(head));
    }
    assert_false(udxg_tokens_valid(range_of(stream, 400)));
}

static void ranges_that_are_none_are_empty(void **state)
{
    uint32_t dwords[2] = {NUMBER(7), 1};
    struct udxg_tokens backwards = udxg_tokens_range(dwords + 2, dwords);
    struct udxg_tokens crooked = udxg_tokens_range((char *)dwords + 1, dwords + 2);
    struct udxg_tokens nothing = udxg_tokens_range(NULL, dwords);

    (void)state;
    assert_ptr_equal(backwards.at, backwards.end);
    assert_ptr_equal(crooked.at, crooked.end);
    assert_ptr_equal(nothing.at, nothing.end);
}

static void random_streams_stay_inside(void **state)
{
    uint32_t seed = 12345;

    (void)state;
    for (int round = 0; round < 20000; round++) {
        size_t count = 1 + (size_t)round % 24;
        uint32_t *heap = malloc(count * sizeof(uint32_t));
        struct udxg_intel_command command;

        assert_non_null(heap);
        for (size_t i = 0; i < count; i++) {
            seed = seed * 1664525u + 1013904223u;
            heap[i] = seed % 3 ? seed >> 24 | (seed >> 8 & 3) << 16 | (seed >> 12 & 1) << 28 : seed >> 28;
        }
        udxg_tokens_number(udxg_tokens_inside(range_of(heap, count), 48), 3730);
        tokensToStruct(UDXG_INTEL_COMMAND_BUFFER, &command, sizeof(command), heap, heap + count);
        free(heap);
    }
}

static void writer_stops_at_its_capacity(void **state)
{
    uint32_t room[8];
    struct udxg_token_writer writer;
    size_t mark;

    (void)state;
    memset(room, 0xee, sizeof(room));
    udxg_token_writer_init(&writer, room, 7 * sizeof(uint32_t));
    mark = udxg_token_open(&writer, 4, 0);
    udxg_token_put_u32(&writer, 7, 1);
    udxg_token_put_u64(&writer, 8, 1);
    udxg_token_close(&writer, mark);
    assert_false(udxg_token_writer_finish(&writer));
    assert_int_equal(room[7], 0xeeeeeeee);
}

static void allocation_gets_its_fields(void **state)
{
    const uint32_t stream[] = {
        HEAD(7, 39),
        HEAD(3962, 35),
        HEAD(3951, 21),
        HEAD(3905, 8),
        HEAD(3850, 4),
        NUMBER(3788),
        1,
        NUMBER(3801),
        1,
        HEAD(3914, 2),
        NUMBER(3855),
        65536,
        LONG_NUMBER(3919),
        0x101000,
        0,
        HEAD(3955, 6),
        LONG_NUMBER(3944),
        0x10000,
        0x7f,
        LONG_NUMBER(3948),
        0x2000,
        0,
    };
    struct udxg_intel_allocation allocation;
    uint32_t back[sizeof(allocation.tokens) / 4];

    (void)state;
    assert_true(tokensToStruct(UDXG_INTEL_GMM_RESOURCE, &allocation, sizeof(allocation), stream, END(stream)));
    assert_true(udxg_intel_check(&allocation, sizeof(allocation), UDXG_INTEL_GMM_RESOURCE, 56));
    assert_int_equal(allocation.size_bytes, 0x101000);
    assert_int_equal(allocation.alignment_bytes, 65536);
    assert_true(allocation.system_memory == 0x7f00010000ull);
    assert_int_equal(allocation.system_memory_bytes, 0x2000);
    assert_int_equal(allocation.flags, UDXG_INTEL_ALLOCATION_CACHEABLE | UDXG_INTEL_ALLOCATION_LINEAR);
    assert_int_equal(allocation.header.token_bytes, sizeof(stream));
    assert_true(structToTokens(UDXG_INTEL_GMM_RESOURCE, back, sizeof(back), &allocation, sizeof(allocation)));
    assert_memory_equal(back, stream, sizeof(stream));
    assert_int_equal(back[sizeof(stream) / 4], 0);
    assert_int_equal(back[sizeof(back) / 4 - 1], 0);
    destroyStructRepresentation(UDXG_INTEL_GMM_RESOURCE, &allocation, sizeof(allocation));
}

static void surfaces_add_up_and_do_not_wrap(void **state)
{
    uint32_t stream[] = {
        HEAD(7, 18),   HEAD(3962, 14),
        HEAD(3951, 3), LONG_NUMBER(3919),
        0x1000,        0,
        HEAD(3952, 3), LONG_NUMBER(3919),
        0x200,         0,
    };
    struct udxg_intel_allocation allocation;

    (void)state;
    assert_true(tokensToStruct(UDXG_INTEL_GMM_RESOURCE, &allocation, sizeof(allocation), stream, END(stream)));
    assert_int_equal(allocation.size_bytes, 0x1200);
    stream[20] = stream[21] = 0xffffffff;
    assert_false(tokensToStruct(UDXG_INTEL_GMM_RESOURCE, &allocation, sizeof(allocation), stream, END(stream)));
    assert_int_equal(allocation.header.magic, 0);
}

static void stream_that_does_not_fit_is_refused(void **state)
{
    struct udxg_intel_allocation allocation;
    size_t dwords = sizeof(allocation.tokens) / 4 + 1;
    uint32_t *stream = calloc(dwords, sizeof(uint32_t));

    (void)state;
    assert_non_null(stream);
    assert_false(tokensToStruct(UDXG_INTEL_GMM_RESOURCE, &allocation, sizeof(allocation), stream, stream + dwords));
    assert_true(tokensToStruct(UDXG_INTEL_GMM_RESOURCE, &allocation, sizeof(allocation), stream, stream + dwords - 1));
    assert_false(tokensToStruct(UDXG_INTEL_GMM_RESOURCE, &allocation, sizeof(allocation) - 1, stream, stream + 1));
    free(stream);
}

static void context_gets_its_fields(void **state)
{
    const uint32_t stream[] = {HEAD(33, 6), NUMBER(3635), 4711, NUMBER(3644), 1, NUMBER(3651), 1};
    struct udxg_intel_context context;

    (void)state;
    assert_true(tokensToStruct(UDXG_INTEL_CREATE_CONTEXT, &context, sizeof(context), stream, END(stream)));
    assert_int_equal(context.process_id, 4711);
    assert_int_equal(context.flags, UDXG_INTEL_CONTEXT_GPU_VA | UDXG_INTEL_CONTEXT_NO_RING_FLUSHES);
}

static void command_gets_its_fence(void **state)
{
    const uint32_t stream[] = {HEAD(48, 8), NUMBER(3708), 1, LONG_NUMBER(3730), 0x1000, 0x7f, LONG_NUMBER(3731), 42, 0};
    struct udxg_intel_command command;

    (void)state;
    assert_true(tokensToStruct(UDXG_INTEL_COMMAND_BUFFER, &command, sizeof(command), stream, END(stream)));
    assert_true(command.fence_va == 0x7f00001000ull);
    assert_int_equal(command.fence_value, 42);
    assert_int_equal(command.flags, UDXG_INTEL_COMMAND_GPGPU);
}

static void partition_goes_there_and_back(void **state)
{
    struct udxg_intel_gfx_partition partition, back;
    uint32_t stream[128];

    (void)state;
    memset(&partition, 0, sizeof(partition));
    partition.header.magic = UDXG_INTEL_MAGIC;
    partition.header.version = UDXG_INTEL_VERSION;
    partition.header.struct_id = UDXG_INTEL_GFX_PARTITION;
    partition.header.size_bytes = sizeof(partition);
    partition.heaps = udxg_intel_product(0x9a49)->heaps;
    assert_int_equal(getSizeRequiredForTokens(UDXG_INTEL_GFX_PARTITION), sizeof(stream));
    assert_true(structToTokens(UDXG_INTEL_GFX_PARTITION, stream, sizeof(stream), &partition, sizeof(partition)));
    assert_true(tokensToStruct(UDXG_INTEL_GFX_PARTITION, &back, sizeof(back), stream, END(stream)));
    assert_memory_equal(&back, &partition, sizeof(back));
}

static void adapter_info_becomes_tokens(void **state)
{
    struct udxg_intel_adapter_info info = *udxg_intel_product(0x9a49);
    size_t bytes = getSizeRequiredForTokens(UDXG_INTEL_ADAPTER_INFO);
    uint32_t *stream = calloc(1, bytes);
    struct udxg_tokens inside, system;

    (void)state;
    assert_non_null(stream);
    info.timestamp_hz = 19200000;
    info.shared_system_bytes = 5ull << 32;
    assert_true(structToTokens(UDXG_INTEL_ADAPTER_INFO, stream, bytes, &info, sizeof(info)));
    assert_true(udxg_tokens_valid(range_of(stream, bytes / 4)));
    inside = udxg_tokens_inside(range_of(stream, bytes / 4), 1);
    system = udxg_tokens_inside(inside, 3585);
    assert_int_equal(udxg_tokens_number(udxg_tokens_inside(inside, 3551), 3475), 33);
    assert_int_equal(udxg_tokens_number(udxg_tokens_inside(inside, 3551), 3480), 0x9a49);
    assert_int_equal(udxg_tokens_number(udxg_tokens_inside(inside, 3552), 626), 1);
    assert_int_equal(udxg_tokens_number(udxg_tokens_inside(inside, 3552), 606), 0);
    assert_int_equal(udxg_tokens_number(system, 299), 96);
    assert_true(udxg_tokens_number(inside, 3578) == 5ull << 32);
    assert_int_equal(udxg_tokens_number(inside, 3555), 19200000);
    assert_false(structToTokens(UDXG_INTEL_ADAPTER_INFO, stream, 256, &info, sizeof(info)));
    free(stream);
}

static void structs_that_are_not_ours_are_refused(void **state)
{
    struct udxg_intel_adapter_info good = *udxg_intel_product(0x9a49), bad;
    struct udxg_intel_allocation allocation = {.header = {UDXG_INTEL_MAGIC, UDXG_INTEL_VERSION, UDXG_INTEL_GMM_RESOURCE,
                                                          sizeof(allocation), sizeof(allocation.tokens)}};
    uint32_t stream[2048];

    (void)state;
    bad = good;
    bad.header.magic++;
    assert_false(structToTokens(UDXG_INTEL_ADAPTER_INFO, stream, sizeof(stream), &bad, sizeof(bad)));
    bad = good;
    bad.header.struct_id = UDXG_INTEL_CREATE_CONTEXT;
    assert_false(structToTokens(UDXG_INTEL_ADAPTER_INFO, stream, sizeof(stream), &bad, sizeof(bad)));
    assert_false(structToTokens(UDXG_INTEL_ADAPTER_INFO, stream, sizeof(stream), &good, sizeof(good) - 1));
    assert_false(structToTokens(UDXG_INTEL_ADAPTER_INFO, stream, sizeof(stream), NULL, sizeof(good)));
    assert_true(structToTokens(UDXG_INTEL_GMM_RESOURCE, stream, sizeof(stream), &allocation, sizeof(allocation)));
    allocation.header.token_bytes += 4;
    assert_false(structToTokens(UDXG_INTEL_GMM_RESOURCE, stream, sizeof(stream), &allocation, sizeof(allocation)));
    allocation.header.token_bytes = 4;
    allocation.tokens[0] = NUMBER(1);
    assert_false(structToTokens(UDXG_INTEL_GMM_RESOURCE, stream, sizeof(stream), &allocation, sizeof(allocation)));
}

static void unknown_structs_have_no_size(void **state)
{
    uint32_t dword = 0;

    (void)state;
    assert_int_equal(getVersion(), 1);
    assert_int_equal(getSizeRequiredForStruct(2), 0);
    assert_int_equal(getSizeRequiredForTokens(2), 0);
    assert_false(tokensToStruct(2, &dword, sizeof(dword), &dword, &dword + 1));
    assert_false(structToTokens(2, &dword, sizeof(dword), &dword, sizeof(dword)));
    assert_int_equal(getSizeRequiredForStruct(UDXG_INTEL_ADAPTER_INFO), sizeof(struct udxg_intel_adapter_info));
    assert_int_equal(getSizeRequiredForStruct(UDXG_INTEL_CREATE_HW_QUEUE), sizeof(struct udxg_intel_hw_queue));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_have_three_widths),
        cmocka_unit_test(padding_and_strangers_are_passed_over),
        cmocka_unit_test(containers_hide_what_is_inside),
        cmocka_unit_test(lengths_beyond_the_end_are_broken),
        cmocka_unit_test(endless_nesting_is_broken),
        cmocka_unit_test(ranges_that_are_none_are_empty),
        cmocka_unit_test(random_streams_stay_inside),
        cmocka_unit_test(writer_stops_at_its_capacity),
        cmocka_unit_test(allocation_gets_its_fields),
        cmocka_unit_test(surfaces_add_up_and_do_not_wrap),
        cmocka_unit_test(stream_that_does_not_fit_is_refused),
        cmocka_unit_test(context_gets_its_fields),
        cmocka_unit_test(command_gets_its_fence),
        cmocka_unit_test(partition_goes_there_and_back),
        cmocka_unit_test(adapter_info_becomes_tokens),
        cmocka_unit_test(structs_that_are_not_ours_are_refused),
        cmocka_unit_test(unknown_structs_have_no_size),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
