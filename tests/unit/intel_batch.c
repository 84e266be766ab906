/* SPDX-License-Identifier: MIT */
/* The walker of Intel's command batches, on a fake memory of one megabyte at a high address. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "miniport/intel/batch.h"

#define BASE 0x810400000000ull
#define BYTES (1u << 20)
#define LOW(va) ((uint32_t)(va))
#define HIGH(va) ((uint32_t)((va) >> 32))
/* As clients pass them: sign extended. */
#define ADDRESS(va) LOW(va), HIGH(va) | 0xffff0000u

#define MI(opcode, dwords) ((opcode) << 23 | ((dwords)-2))
#define NOOP 0u
#define BATCH_END (0x0au << 23)
#define BATCH_START(va) MI(0x31u, 3), ADDRESS(va)
#define BATCH_CALL(va) MI(0x31u, 3) | 1u << 22, ADDRESS(va)
#define STORE_DWORD(va, value) MI(0x20u, 4), ADDRESS(va), (value)
#define COPY_BLT (2u << 29 | 0x41u << 22 | 10)
#define FILL_BLT (2u << 29 | 0x44u << 22 | 9)

struct machine {
    uint8_t *bytes;
    unsigned polls; /* semaphore: how many naps until somebody writes 1 at BASE + 0x8000 */
    bool stop;
    uint64_t now_ns;
};

static struct machine machine;

static bool inside(uint64_t va, uint64_t bytes, uint64_t *ret_fault_va)
{
    if (va >= BASE && va < BASE + BYTES && bytes <= BASE + BYTES - va) return true;
    *ret_fault_va = va < BASE || va >= BASE + BYTES ? va : BASE + BYTES;
    return false;
}

static NTSTATUS fake_read(void *context, uint64_t va, void *buffer, uint64_t bytes, uint64_t *ret_fault_va)
{
    struct machine *m = context;

    if (!inside(va, bytes, ret_fault_va)) return STATUS_ACCESS_VIOLATION;
    memcpy(buffer, m->bytes + (va - BASE), bytes);
    return STATUS_SUCCESS;
}

static NTSTATUS fake_write(void *context, uint64_t va, const void *buffer, uint64_t bytes, uint64_t *ret_fault_va)
{
    struct machine *m = context;

    if (!inside(va, bytes, ret_fault_va)) return STATUS_ACCESS_VIOLATION;
    memcpy(m->bytes + (va - BASE), buffer, bytes);
    return STATUS_SUCCESS;
}

static NTSTATUS fake_copy(void *context, uint64_t to_va, uint64_t from_va, uint64_t bytes, uint64_t *ret_fault_va)
{
    struct machine *m = context;

    if (!inside(from_va, bytes, ret_fault_va) || !inside(to_va, bytes, ret_fault_va)) return STATUS_ACCESS_VIOLATION;
    memmove(m->bytes + (to_va - BASE), m->bytes + (from_va - BASE), bytes);
    return STATUS_SUCCESS;
}

static NTSTATUS fake_fetch_add(void *context, uint64_t va, uint64_t value, uint32_t bytes, uint64_t *ret_old,
                               uint64_t *ret_fault_va)
{
    uint64_t old = 0;
    NTSTATUS status = fake_read(context, va, &old, bytes, ret_fault_va);

    if (status != STATUS_SUCCESS) return status;
    *ret_old = old;
    old += value;
    return fake_write(context, va, &old, bytes, ret_fault_va);
}

static const struct udxg_gpu_memory fake_memory = {
    .context = &machine,
    .read = fake_read,
    .write = fake_write,
    .copy = fake_copy,
    .fetch_add = fake_fetch_add,
};

static uint64_t fake_now(void)
{
    return machine.now_ns;
}

static void fake_nap(void)
{
    machine.now_ns += 1000000;
    if (machine.polls > 0 && --machine.polls == 0) machine.bytes[0x8000] = 1;
}

static bool fake_stop(void *context)
{
    return ((struct machine *)context)->stop;
}

static int set_up(void **state)
{
    (void)state;
    machine = (struct machine){.bytes = calloc(1, BYTES), .now_ns = 5000000000u};
    return machine.bytes ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    free(machine.bytes);
    return 0;
}

static void place(uint64_t va, const uint32_t *dwords, size_t bytes)
{
    memcpy(machine.bytes + (va - BASE), dwords, bytes);
}

static uint32_t dword_at(uint64_t va)
{
    uint32_t value;

    memcpy(&value, machine.bytes + (va - BASE), sizeof(value));
    return value;
}

static NTSTATUS run(uint64_t va, struct udxg_batch_result *result)
{
    const struct udxg_batch_env env = {
        .memory = &fake_memory,
        .cancelled = fake_stop,
        .cancelled_context = &machine,
        .now_ns = fake_now,
        .nap = fake_nap,
        .nap_limit = 1000,
        .clock_hz = 19200000,
    };

    return udxg_batch_run(&env, va, result);
}

#define PLACE(va, ...)                                                                                                 \
    do {                                                                                                               \
        const uint32_t dwords_[] = {__VA_ARGS__};                                                                      \
        place(va, dwords_, sizeof(dwords_));                                                                           \
    } while (0)

#define ASSERT_RUNS(va)                                                                                                \
    do {                                                                                                               \
        struct udxg_batch_result result_;                                                                              \
        assert_int_equal(run(va, &result_), STATUS_SUCCESS);                                                           \
        assert_int_equal(result_.fault, UDXG_BATCH_OK);                                                                \
    } while (0)

#define ASSERT_FAULTS(va, code, at, is_write)                                                                          \
    do {                                                                                                               \
        struct udxg_batch_result result_;                                                                              \
        assert_true(run(va, &result_) < 0);                                                                            \
        assert_int_equal(result_.fault, code);                                                                         \
        assert_true(result_.fault_va == (at));                                                                         \
        assert_int_equal(result_.fault_write, is_write);                                                               \
    } while (0)

static void stores_reach_memory(void **state)
{
    (void)state;
    PLACE(BASE, NOOP, STORE_DWORD(BASE + 0x100, 0xabcd1234), MI(0x20u, 5) | 1u << 21, ADDRESS(BASE + 0x108), 1, 2,
          BATCH_END);
    ASSERT_RUNS(BASE | 0xffffull << 48);
    assert_int_equal(dword_at(BASE + 0x100), 0xabcd1234);
    assert_int_equal(dword_at(BASE + 0x104), 0);
    assert_int_equal(dword_at(BASE + 0x108), 1);
    assert_int_equal(dword_at(BASE + 0x10c), 2);
}

static void chained_batches_do_not_return(void **state)
{
    (void)state;
    PLACE(BASE, BATCH_START(BASE + 0x2000), STORE_DWORD(BASE + 0x100, 1), BATCH_END);
    PLACE(BASE + 0x2000, STORE_DWORD(BASE + 0x104, 2), BATCH_END);
    ASSERT_RUNS(BASE);
    assert_int_equal(dword_at(BASE + 0x100), 0);
    assert_int_equal(dword_at(BASE + 0x104), 2);
}

static void second_level_batches_return(void **state)
{
    (void)state;
    PLACE(BASE, BATCH_CALL(BASE + 0x2000), STORE_DWORD(BASE + 0x100, 1), BATCH_END);
    PLACE(BASE + 0x2000, BATCH_START(BASE + 0x3000));
    PLACE(BASE + 0x3000, STORE_DWORD(BASE + 0x104, 2), BATCH_END);
    ASSERT_RUNS(BASE);
    assert_int_equal(dword_at(BASE + 0x100), 1);
    assert_int_equal(dword_at(BASE + 0x104), 2);
}

static void commands_may_cross_pages(void **state)
{
    (void)state;
    PLACE(BASE + 0xff8, STORE_DWORD(BASE + 0x100, 7), BATCH_END);
    ASSERT_RUNS(BASE + 0xff8);
    assert_int_equal(dword_at(BASE + 0x100), 7);
}

static void post_sync_writes_data_or_time(void **state)
{
    (void)state;
    PLACE(BASE, 0x7a000004, 1u << 14, ADDRESS(BASE + 0x100), 0x11, 0x22, 0x7a000004, 3u << 14, ADDRESS(BASE + 0x108), 0,
          0, 0x7a000004, 0, ADDRESS(BASE + 0x110), 9, 9, MI(0x26u, 5) | 1u << 14, ADDRESS(BASE + 0x118), 0x33, 0x44,
          MI(0x26u, 5) | 3u << 14, ADDRESS(BASE + 0x120), 0, 0, MI(0x26u, 4) | 1u << 14, ADDRESS(BASE + 0x128), 0x55,
          BATCH_END);
    PLACE(BASE + 0x128, 0, 0xffffffff);
    ASSERT_RUNS(BASE);
    assert_int_equal(dword_at(BASE + 0x100), 0x11);
    assert_int_equal(dword_at(BASE + 0x104), 0x22);
    assert_int_equal(dword_at(BASE + 0x108), 5 * 19200000);
    assert_int_equal(dword_at(BASE + 0x110), 0);
    assert_int_equal(dword_at(BASE + 0x118), 0x33);
    assert_int_equal(dword_at(BASE + 0x11c), 0x44);
    assert_int_equal(dword_at(BASE + 0x120), 5 * 19200000);
    assert_int_equal(dword_at(BASE + 0x128), 0x55);
    assert_int_equal(dword_at(BASE + 0x12c), 0xffffffff);
}

#define WAIT(comparison, value, va) MI(0x1cu, 5) | (comparison) << 12 | 1u << 15, (value), ADDRESS(va), 0

static void semaphores_wait_for_their_value(void **state)
{
    (void)state;
    machine.polls = 3;
    PLACE(BASE, WAIT(4u, 1, BASE + 0x8000), STORE_DWORD(BASE + 0x100, 1), BATCH_END);
    ASSERT_RUNS(BASE);
    assert_int_equal(machine.polls, 0);
    assert_int_equal(dword_at(BASE + 0x100), 1);
}

static void semaphores_compare_as_they_say(void **state)
{
    static const uint32_t passes[6] = {0x4, 0x6, 0x1, 0x3, 0x2, 0x5}; /* bit n: value 6 + n in memory against 7 */
    struct udxg_batch_result result;

    (void)state;
    for (uint32_t comparison = 0; comparison < 6; comparison++) {
        for (uint32_t value = 6; value < 9; value++) {
            PLACE(BASE + 0x9000, value);
            PLACE(BASE, WAIT(comparison, 7, BASE + 0x9000), BATCH_END);
            if (passes[comparison] >> (value - 6) & 1)
                assert_int_equal(run(BASE, &result), STATUS_SUCCESS);
            else
                ASSERT_FAULTS(BASE, UDXG_BATCH_FAULT_WAIT, BASE, false);
        }
    }
}

static void stopped_engine_leaves_its_semaphore(void **state)
{
    (void)state;
    PLACE(BASE, WAIT(4u, 1, BASE + 0x8000), BATCH_END);
    machine.stop = true;
    ASSERT_FAULTS(BASE, UDXG_BATCH_FAULT_CANCELLED, BASE, false);
}

static void atomics_count(void **state)
{
    (void)state;
    PLACE(BASE + 0x100, 5, 0, 0xffffffff, 0, 9, 0);
    PLACE(BASE, MI(0x2fu, 3) | 0x05u << 8, ADDRESS(BASE + 0x100), MI(0x2fu, 3) | 0x25u << 8 | 1u << 19,
          ADDRESS(BASE + 0x108), MI(0x2fu, 11) | 0x04u << 8 | 1u << 18, ADDRESS(BASE + 0x110), 77, 0, 0, 0, 0, 0, 0, 0,
          MI(0x2fu, 3) | 0x06u << 8, ADDRESS(BASE + 0x110), BATCH_END);
    ASSERT_RUNS(BASE);
    assert_int_equal(dword_at(BASE + 0x100), 6);
    assert_int_equal(dword_at(BASE + 0x108), 0);
    assert_int_equal(dword_at(BASE + 0x10c), 1);
    assert_int_equal(dword_at(BASE + 0x110), 76);
}

#define ALU(opcode, first, second) ((opcode) << 20 | (first) << 10 | (second))

static void registers_compute(void **state)
{
    (void)state;
    PLACE(BASE + 0x200, 0xff00ff00);
    PLACE(BASE, MI(0x22u, 5), 0x2600, 0x0ff00ff0, 0x2604, 0, MI(0x29u, 4), 0x2608, ADDRESS(BASE + 0x200), MI(0x1au, 5),
          ALU(0x080u, 0x20u, 0u), ALU(0x080u, 0x21u, 1u), ALU(0x102u, 0u, 0u), ALU(0x180u, 2u, 0x31u), MI(0x2au, 3),
          0x2610, 0x22618, MI(0x24u, 4), 0x2618, ADDRESS(BASE + 0x204), MI(0x24u, 4), 0x2358, ADDRESS(BASE + 0x208),
          MI(0x24u, 4), 0x7000, ADDRESS(BASE + 0x20c), MI(0x2eu, 5), ADDRESS(BASE + 0x210), ADDRESS(BASE + 0x204),
          BATCH_END);
    PLACE(BASE + 0x20c, 0xeeeeeeee);
    ASSERT_RUNS(BASE);
    assert_int_equal(dword_at(BASE + 0x204), 0x0f000f00);
    assert_int_equal(dword_at(BASE + 0x208), 5 * 19200000);
    assert_int_equal(dword_at(BASE + 0x20c), 0);
    assert_int_equal(dword_at(BASE + 0x210), 0x0f000f00);
}

static void kernels_are_counted_and_passed_over(void **state)
{
    struct udxg_batch_result result;
    uint32_t walker[15] = {0x7105000d};

    (void)state;
    memset(walker + 1, 0xff, sizeof(walker) - sizeof(walker[0]));
    place(BASE, walker, sizeof(walker));
    PLACE(BASE + sizeof(walker), 0x69040303, STORE_DWORD(BASE + 0x100, 1), BATCH_END);
    assert_int_equal(run(BASE, &result), STATUS_SUCCESS);
    assert_int_equal(result.kernels_skipped, 1);
    assert_int_equal(result.commands, 4);
    assert_int_equal(dword_at(BASE + 0x100), 1);
}

static void copies_move_rectangles(void **state)
{
    struct udxg_batch_result result;
    uint8_t *from = machine.bytes + 0x10000, *to = machine.bytes + 0x20000;

    (void)state;
    for (int i = 0; i < 4096; i++) from[i] = (uint8_t)(i * 7 + i / 256);
    /* 16-bit pixels, 3 x 2 of them, from (2, 1) of pitch 64 to (4, 3) of pitch 32 */
    PLACE(BASE, COPY_BLT | 1u << 19, 31, 3u << 16 | 4, 5u << 16 | 7, ADDRESS(BASE + 0x20000), 0, 1u << 16 | 2, 63,
          ADDRESS(BASE + 0x10000), 0, BATCH_END);
    assert_int_equal(run(BASE, &result), STATUS_SUCCESS);
    assert_int_equal(result.bytes_moved, 12);
    assert_memory_equal(to + 3 * 32 + 8, from + 64 + 4, 6);
    assert_memory_equal(to + 4 * 32 + 8, from + 128 + 4, 6);
    assert_int_equal(to[3 * 32 + 7], 0);
    assert_int_equal(to[3 * 32 + 14], 0);
    assert_int_equal(to[5 * 32 + 8], 0);
}

static void copies_without_gaps_move_all(void **state)
{
    struct udxg_batch_result result;

    (void)state;
    memset(machine.bytes + 0x10000, 0x5a, 0x10000);
    PLACE(BASE, COPY_BLT, 255, 0, 256u << 16 | 256, ADDRESS(BASE + 0x20000), 0, 0, 255, ADDRESS(BASE + 0x10000), 0,
          BATCH_END);
    assert_int_equal(run(BASE, &result), STATUS_SUCCESS);
    assert_int_equal(result.bytes_moved, 0x10000);
    assert_memory_equal(machine.bytes + 0x20000, machine.bytes + 0x10000, 0x10000);
    assert_int_equal(machine.bytes[0x30000], 0);
}

static void fills_repeat_their_colour(void **state)
{
    (void)state;
    /* 128-bit pixels: 300 x 1; then bytes: 5 x 2 of pitch 16 */
    PLACE(BASE, FILL_BLT | 5u << 19, 4799, 0, 1u << 16 | 300, ADDRESS(BASE + 0x20000), 0, 1, 2, 3, 4, FILL_BLT, 15, 0,
          2u << 16 | 5, ADDRESS(BASE + 0x30000), 0, 0xabcdef99, 0, 0, 0, BATCH_END);
    ASSERT_RUNS(BASE);
    for (uint32_t i = 0; i < 1200; i++) assert_int_equal(dword_at(BASE + 0x20000 + i * 4), i % 4 + 1);
    assert_int_equal(dword_at(BASE + 0x20000 + 4800), 0);
    assert_int_equal(dword_at(BASE + 0x30000), 0x99999999);
    assert_int_equal(dword_at(BASE + 0x30004), 0x99);
    assert_int_equal(dword_at(BASE + 0x30010), 0x99999999);
    assert_int_equal(dword_at(BASE + 0x30020), 0);
}

static void empty_blits_do_nothing(void **state)
{
    struct udxg_batch_result result;

    (void)state;
    PLACE(BASE, COPY_BLT, 255, 8u << 16 | 8, 8u << 16 | 9, ADDRESS(0x1000ull), 0, 0, 255, ADDRESS(0x1000ull), 0,
          FILL_BLT, 15, 4u << 16 | 4, 5u << 16 | 2, ADDRESS(0x1000ull), 0, 0, 0, 0, 0, BATCH_END);
    assert_int_equal(run(BASE, &result), STATUS_SUCCESS);
    assert_int_equal(result.bytes_moved, 0);
}

static void tiled_surfaces_are_refused(void **state)
{
    (void)state;
    PLACE(BASE, COPY_BLT, 255 | 1u << 30, 0, 1u << 16 | 1, ADDRESS(BASE), 0, 0, 255, ADDRESS(BASE), 0, BATCH_END);
    ASSERT_FAULTS(BASE, UDXG_BATCH_FAULT_UNSUPPORTED, BASE, false);
}

static void bad_addresses_fault_where_they_are(void **state)
{
    (void)state;
    ASSERT_FAULTS(0x1000, UDXG_BATCH_FAULT_MEMORY, 0x1000u, false);
    PLACE(BASE, STORE_DWORD(0x5000ull, 1), BATCH_END);
    ASSERT_FAULTS(BASE, UDXG_BATCH_FAULT_MEMORY, 0x5000u, true);
    PLACE(BASE, WAIT(4u, 1, 0x6000ull), BATCH_END);
    ASSERT_FAULTS(BASE, UDXG_BATCH_FAULT_MEMORY, 0x6000u, false);
    PLACE(BASE, COPY_BLT, 255, 0, 1u << 16 | 16, ADDRESS(0x7000ull), 0, 0, 255, ADDRESS(BASE), 0, BATCH_END);
    ASSERT_FAULTS(BASE, UDXG_BATCH_FAULT_MEMORY, 0x7000u, true);
    PLACE(BASE, COPY_BLT, 255, 0, 1u << 16 | 16, ADDRESS(BASE), 0, 0, 255, ADDRESS(0x7000ull), 0, BATCH_END);
    ASSERT_FAULTS(BASE, UDXG_BATCH_FAULT_MEMORY, 0x7000u, false);
    PLACE(BASE, BATCH_START(0x8000ull));
    ASSERT_FAULTS(BASE, UDXG_BATCH_FAULT_MEMORY, 0x8000u, false);
}

static void batch_without_end_faults_after_memory(void **state)
{
    (void)state;
    ASSERT_FAULTS(BASE, UDXG_BATCH_FAULT_MEMORY, BASE + BYTES, false);
}

static void endless_batch_runs_out_of_budget(void **state)
{
    struct udxg_batch_result result;

    (void)state;
    PLACE(BASE, BATCH_START(BASE));
    assert_true(run(BASE, &result) < 0);
    assert_int_equal(result.fault, UDXG_BATCH_FAULT_BUDGET);
    assert_int_equal(result.commands, UDXG_BATCH_COMMAND_LIMIT);
}

static void endless_nesting_faults(void **state)
{
    (void)state;
    PLACE(BASE, BATCH_CALL(BASE));
    ASSERT_FAULTS(BASE, UDXG_BATCH_FAULT_DEPTH, BASE, false);
}

static void undecodable_commands_fault(void **state)
{
    (void)state;
    PLACE(BASE, NOOP, 1u << 29);
    ASSERT_FAULTS(BASE, UDXG_BATCH_FAULT_COMMAND, BASE + 4, false);
    PLACE(BASE, 0x20u << 23); /* a store without an address */
    ASSERT_FAULTS(BASE, UDXG_BATCH_FAULT_COMMAND, BASE, false);
    PLACE(BASE, 0x20u << 23 | 0x3ff); /* a store longer than a batch may carry */
    ASSERT_FAULTS(BASE, UDXG_BATCH_FAULT_COMMAND, BASE, false);
    PLACE(BASE, 2u << 29 | 0x41u << 22 | 3, 0, 0, 0, 0); /* a copy too short */
    ASSERT_FAULTS(BASE, UDXG_BATCH_FAULT_COMMAND, BASE, false);
    PLACE(BASE, COPY_BLT | 7u << 19, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0); /* pixels of no size */
    ASSERT_FAULTS(BASE, UDXG_BATCH_FAULT_COMMAND, BASE, false);
    ASSERT_FAULTS(BASE + 2, UDXG_BATCH_FAULT_COMMAND, BASE + 2, false);
}

static void random_batches_end(void **state)
{
    struct udxg_batch_result result;
    uint32_t seed = 99;

    (void)state;
    for (int round = 0; round < 300; round++) {
        for (uint32_t i = 0; i < 1024; i++) {
            static const uint32_t clients[4] = {0, 2u << 29, 3u << 29, 0};
            uint32_t dword;

            seed = seed * 1664525u + 1013904223u;
            dword = clients[seed >> 30] | (seed >> 2 & 0x1fffffff & ~0x0000ff00u);
            memcpy(machine.bytes + i * 4, &dword, sizeof(dword));
        }
        machine.now_ns = 0;
        run(BASE, &result);
        assert_true(result.commands > 0 && result.commands <= UDXG_BATCH_COMMAND_LIMIT);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(stores_reach_memory),
        TEST(chained_batches_do_not_return),
        TEST(second_level_batches_return),
        TEST(commands_may_cross_pages),
        TEST(post_sync_writes_data_or_time),
        TEST(semaphores_wait_for_their_value),
        TEST(semaphores_compare_as_they_say),
        TEST(stopped_engine_leaves_its_semaphore),
        TEST(atomics_count),
        TEST(registers_compute),
        TEST(kernels_are_counted_and_passed_over),
        TEST(copies_move_rectangles),
        TEST(copies_without_gaps_move_all),
        TEST(fills_repeat_their_colour),
        TEST(empty_blits_do_nothing),
        TEST(tiled_surfaces_are_refused),
        TEST(bad_addresses_fault_where_they_are),
        TEST(batch_without_end_faults_after_memory),
        TEST(endless_batch_runs_out_of_budget),
        TEST(endless_nesting_faults),
        TEST(undecodable_commands_fault),
        TEST(random_batches_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
