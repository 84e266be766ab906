/* SPDX-License-Identifier: MIT */
/*
 * Random numbers for unit tests: the same on every machine for the same seed. A test prints its seed before it
 * starts; UDXG_TEST_SEED repeats a run.
 */
#ifndef UDXG_TESTS_RANDOM_H
#define UDXG_TESTS_RANDOM_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct random {
    uint64_t state;
};

/* Seeds one stream of the test NAME; STREAM tells those of several threads apart. */
static inline struct random random_seed(const char *name, uint64_t stream)
{
    const char *given = getenv("UDXG_TEST_SEED");
    uint64_t seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
    printf("# %s: UDXG_TEST_SEED=%llu, stream %llu\n", name, (unsigned long long)seed, (unsigned long long)stream);
    return (struct random){seed * UINT64_C(0x9e3779b97f4a7c15) + stream};
}

/* splitmix64 */
static inline uint64_t random_next(struct random *random)
{
    uint64_t z = random->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* 0 to LIMIT - 1. */
static inline uint64_t random_below(struct random *random, uint64_t limit)
{
    return random_next(random) % limit;
}

/* 2^LOW to 2^HIGH - 1, each power of two as likely as any other. */
static inline uint64_t random_log_uniform(struct random *random, unsigned low, unsigned high)
{
    unsigned shift = low + (unsigned)random_below(random, high - low);
    return (UINT64_C(1) << shift) + random_below(random, UINT64_C(1) << shift);
}

#endif
