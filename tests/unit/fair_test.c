/* SPDX-License-Identifier: MIT */
/* Fair shares, against their definition: a level is tried out for every claim on its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "random.h"
#include "vidmm/fair.h"

#define MIB (UINT64_C(1) << 20)
#define DIGITS 12u /* of a level behind the point */
#define CLAIMS 12u

static uint64_t max_of(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint64_t min_of(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t taken_at(const struct vidmm_claim *claim, uint64_t level)
{
    return max_of((level * claim->weight) >> DIGITS, claim->reserved_bytes);
}

static uint64_t sum_at(const struct vidmm_claim *claims, size_t count, size_t self, uint64_t level)
{
    uint64_t sum = taken_at(&claims[self], level);
    for (size_t i = 0; i < count; i++)
        if (i != self)
            sum += min_of(taken_at(&claims[i], level), max_of(claims[i].wanted_bytes, claims[i].reserved_bytes));
    return sum;
}

static uint64_t slow_share(const struct vidmm_claim *claims, size_t count, size_t self, uint64_t total)
{
    uint64_t low = 0, high = (total << DIGITS) + 1;
    while (high - low > 1) {
        uint64_t middle = low + (high - low) / 2;
        if (sum_at(claims, count, self, middle) <= total)
            low = middle;
        else
            high = middle;
    }
    return taken_at(&claims[self], low);
}

static void random_claim(struct random *random, uint64_t total, struct vidmm_claim *claim)
{
    *claim = (struct vidmm_claim){.weight = 1};
    if (random_below(random, 3) == 0) claim->weight = 1 + (uint32_t)random_below(random, VIDMM_FAIR_WEIGHT_MAX);
    if (random_below(random, 3) == 0) claim->reserved_bytes = random_below(random, total / 2 / CLAIMS);
    if (random_below(random, 4) != 0) claim->wanted_bytes = random_below(random, total);
    if (random_below(random, 4) == 0) claim->wanted_bytes = random_below(random, total / CLAIMS);
}

static void shares_are_what_the_definition_says(void **state)
{
    (void)state;
    struct random random = random_seed("fair", 0);
    struct vidmm_fair fair = {0};
    assert_int_equal(vidmm_fair_reserve(&fair, CLAIMS), STATUS_SUCCESS);
    for (unsigned round = 0; round < 3000; round++) {
        uint64_t total = MIB + random_below(&random, 64 * 1024 * MIB);
        size_t count = 1 + random_below(&random, CLAIMS);
        for (size_t i = 0; i < count; i++) random_claim(&random, total, &fair.claims[i]);
        vidmm_fair_solve(&fair, total, count);
        for (size_t i = 0; i < count; i++) {
            uint64_t want = slow_share(fair.claims, count, i, total), got = fair.claims[i].share_bytes;
            assert_in_range(got, want > CLAIMS ? want - CLAIMS : 0, want + CLAIMS); /* roundings */
        }
    }
    vidmm_fair_fini(&fair);
}

static void simple_cases_are_exact(void **state)
{
    (void)state;
    struct vidmm_fair fair = {0};
    assert_int_equal(vidmm_fair_reserve(&fair, 3), STATUS_SUCCESS);
    struct vidmm_claim *claims = fair.claims;
    /* alone */
    for (uint32_t weight = 1; weight <= VIDMM_FAIR_WEIGHT_MAX; weight++) {
        claims[0] = (struct vidmm_claim){.wanted_bytes = MIB, .weight = weight};
        vidmm_fair_solve(&fair, 8 * MIB, 1);
        assert_int_equal(claims[0].share_bytes, 8 * MIB);
    }
    /* one wants much, one little, one nothing */
    claims[0] = (struct vidmm_claim){.wanted_bytes = 90 * MIB, .weight = 1};
    claims[1] = (struct vidmm_claim){.wanted_bytes = 10 * MIB, .weight = 1};
    claims[2] = (struct vidmm_claim){.weight = 1};
    vidmm_fair_solve(&fair, 100 * MIB, 3);
    assert_int_equal(claims[0].share_bytes, 90 * MIB);
    assert_int_equal(claims[1].share_bytes, 50 * MIB);
    assert_int_equal(claims[2].share_bytes, 45 * MIB);
    /* those who want more than there is share it by weight */
    for (uint32_t i = 0; i < 3; i++) claims[i] = (struct vidmm_claim){.wanted_bytes = 90 * MIB, .weight = 1u << i};
    vidmm_fair_solve(&fair, 70 * MIB, 3);
    for (uint32_t i = 0; i < 3; i++) assert_int_equal(claims[i].share_bytes, (10 * MIB) << i);
    /* a reservation counts where the share is less, and only there */
    claims[0].reserved_bytes = 20 * MIB;
    claims[2].reserved_bytes = 5 * MIB;
    vidmm_fair_solve(&fair, 80 * MIB, 3);
    assert_int_equal(claims[0].share_bytes, 20 * MIB);
    assert_int_equal(claims[1].share_bytes, 20 * MIB);
    assert_int_equal(claims[2].share_bytes, 40 * MIB);
    vidmm_fair_fini(&fair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(simple_cases_are_exact),
        cmocka_unit_test(shares_are_what_the_definition_says),
    };
    return cmocka_run_group_tests_name("fair", tests, NULL, NULL);
}
