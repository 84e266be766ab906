/* SPDX-License-Identifier: MIT */
/* The hash table: what is in it is found, what is not is not, whatever the keys and with or without memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/hash.h"

#define NODES 20000u

static struct udxg_hash_node nodes[NODES];

static uint64_t counting(unsigned i)
{
    return i;
}

static uint64_t high_bits(unsigned i)
{
    return (uint64_t)i << 44;
}

static uint64_t in_pairs(unsigned i)
{
    return i / 2;
}

static unsigned count_of(const struct udxg_hash *hash, uint64_t key)
{
    unsigned count = 0;

    for (struct udxg_hash_node *node = udxg_hash_find(hash, key); node; node = udxg_hash_next(node)) count++;
    return count;
}

static void hold_and_lose(uint64_t (*key_of)(unsigned), unsigned same)
{
    struct udxg_hash hash;

    udxg_hash_init(&hash);
    for (unsigned i = 0; i < NODES; i++) udxg_hash_insert(&hash, &nodes[i], key_of(i));
    assert_int_equal(hash.count, NODES);
    for (unsigned i = 0; i < NODES; i++) assert_int_equal(count_of(&hash, key_of(i)), same);
    assert_null(udxg_hash_find(&hash, key_of(NODES)));
    for (unsigned i = 0; i < NODES; i += 2) udxg_hash_remove(&hash, &nodes[i]);
    for (unsigned i = 0; i < NODES; i++) assert_int_equal(count_of(&hash, key_of(i)), same == 2 ? 1 : i % 2);
    for (unsigned i = 1; i < NODES; i += 2) udxg_hash_remove(&hash, &nodes[i]);
    assert_int_equal(hash.count, 0);
    udxg_hash_fini(&hash);
}

static void keys_of_all_kinds(void **state)
{
    (void)state;
    hold_and_lose(counting, 1);
    hold_and_lose(high_bits, 1);
    hold_and_lose(in_pairs, 2);
}

static void chains_stay_short(void **state)
{
    struct udxg_hash hash;
    unsigned longest = 0;

    (void)state;
    udxg_hash_init(&hash);
    for (unsigned i = 0; i < NODES; i++) udxg_hash_insert(&hash, &nodes[i], high_bits(i));
    for (uint32_t i = 0; i < hash.bucket_count; i++) {
        unsigned length = 0;
        for (struct udxg_hash_node *node = hash.buckets[i]; node; node = node->next) length++;
        if (length > longest) longest = length;
    }
    assert_in_range(longest, 1, 16);
    udxg_hash_fini(&hash);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_of_all_kinds),
        cmocka_unit_test(chains_stay_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
