/* SPDX-License-Identifier: MIT */
/*
 * P18, P19: the range allocator alone, without pool, lock or thunk. Sizes are log-uniform from 4 KiB to 16 MiB, in
 * pages of 4 KiB. Both sides of a row get the same requests in the same order.
 *
 * P18: 100,000 live ranges in a space that they fill to 80 %; an operation frees a random one and allocates another
 * size. P19: 16 GiB are filled slowly: turn by turn 100 ranges are allocated and 99 random ones freed, until one does
 * not fit; the figure is what was allocated then, in percent, over several such runs.
 */
#include <math.h>
#include <stdlib.h>

#include "bestfit.h"
#include "measure.h"
#include "range/allocator.h"
#include "row.h"
#include "tlsf.h"

#define PAGE_BYTES 4096u
#define SIZE_RANGE 4096.0 /* the largest is so many times the smallest */
#define LIVE 100000u
#define STEP 10000u /* operations in a repetition */
#define FILL_BYTES (UINT64_C(16) << 30)
#define FILL_RUNS 16u
#define FILL_ALLOCS 100u
#define FILL_FREES 99u
#define FILL_LIVE 65536u /* more than ever fit */

static uint64_t random_size(uint64_t *random)
{
    double uniform = (double)(measure_random(random) >> 11) * 0x1p-53;
    return (uint64_t)ceil(pow(SIZE_RANGE, uniform)) * PAGE_BYTES;
}

/* ---- our side and the others, behind the same three functions ---- */

struct allocator {
    void *(*alloc)(void *self, uint64_t size);
    void (*free)(void *self, void *range);
    void *self;
};

static void *ours_alloc(void *self, uint64_t size)
{
    struct udxg_range *range;
    return udxg_failed(udxg_range_alloc(self, size, PAGE_BYTES, UDXG_RANGE_FROM_START, &range)) ? NULL : range;
}

static void ours_free(void *self, void *range)
{
    udxg_range_free(self, range);
}

static struct udxg_range_allocator *make_ours(uint64_t size)
{
    struct udxg_range_allocator *ours;
    if (udxg_failed(udxg_range_allocator_create(size, PAGE_BYTES, &ours))) measure_die("out of memory");
    return ours;
}

static void *tlsf_side_alloc(void *self, uint64_t size)
{
    return tlsf_alloc(self, size);
}

static void tlsf_side_free(void *self, void *range)
{
    tlsf_free(self, range);
}

static void *bestfit_side_alloc(void *self, uint64_t size)
{
    return bestfit_alloc(self, size);
}

static void bestfit_side_free(void *self, void *range)
{
    bestfit_free(self, range);
}

/* ---- P18 ---- */

struct trace {
    struct allocator allocator;
    uint64_t random;
    void *live[LIVE];
    uint64_t sizes[STEP];
    uint32_t which[STEP];
};

static uint64_t live_bytes(uint64_t random)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < LIVE; i++) sum += random_size(&random);
    return sum;
}

static void *must_alloc(const struct allocator *allocator, uint64_t size)
{
    void *range = allocator->alloc(allocator->self, size);
    if (!range) measure_die("a range of %llu bytes does not fit", (unsigned long long)size);
    return range;
}

static struct trace *make_trace(struct allocator allocator, uint64_t random)
{
    struct trace *trace = calloc(1, sizeof *trace);
    if (!trace) measure_die("out of memory");
    trace->allocator = allocator;
    trace->random = random;
    for (uint32_t i = 0; i < LIVE; i++) trace->live[i] = must_alloc(&allocator, random_size(&trace->random));
    return trace;
}

static double replay(void *state)
{
    struct trace *trace = state;
    struct allocator allocator = trace->allocator;
    for (uint32_t i = 0; i < STEP; i++) {
        trace->which[i] = (uint32_t)(measure_random(&trace->random) % LIVE);
        trace->sizes[i] = random_size(&trace->random);
    }
    uint64_t start = measure_now_ns();
    for (uint32_t i = 0; i < STEP; i++) {
        void **range = &trace->live[trace->which[i]];
        allocator.free(allocator.self, *range);
        *range = must_alloc(&allocator, trace->sizes[i]);
    }
    return (double)(measure_now_ns() - start) / STEP;
}

void row_range_speed(unsigned repetitions, struct row_figures *ret)
{
    static struct tlsf tlsf;
    uint64_t seed = 88172645463325252u, size = live_bytes(seed) / 4 * 5 & ~(uint64_t)(PAGE_BYTES - 1);
    tlsf_init(&tlsf, size, 3 * LIVE);
    struct trace *ours = make_trace((struct allocator){ours_alloc, ours_free, make_ours(size)}, seed);
    struct trace *anchor = make_trace((struct allocator){tlsf_side_alloc, tlsf_side_free, &tlsf}, seed);
    struct measure_best best =
        measure_pair((struct measure_side){replay, ours}, (struct measure_side){replay, anchor}, repetitions);
    free(ours);
    free(anchor);
    tlsf_fini(&tlsf);
    ret->ours = best.ours;
    ret->anchor = best.anchor;
}

/* ---- P19 ---- */

struct live {
    void *range;
    uint64_t size;
};

struct filling {
    struct allocator allocator;
    uint64_t random, used;
    uint32_t count;
    struct live live[FILL_LIVE];
};

/* One turn; false when something did not fit. */
static bool take_turn(struct filling *filling)
{
    struct allocator allocator = filling->allocator;
    for (uint32_t i = 0; i < FILL_ALLOCS; i++) {
        if (filling->count == FILL_LIVE) measure_die("more ranges than can be");
        struct live *live = &filling->live[filling->count];
        live->size = random_size(&filling->random);
        live->range = allocator.alloc(allocator.self, live->size);
        if (!live->range) return false;
        filling->used += live->size;
        filling->count++;
    }
    for (uint32_t i = 0; i < FILL_FREES; i++) {
        struct live *live = &filling->live[measure_random(&filling->random) % filling->count];
        allocator.free(allocator.self, live->range);
        filling->used -= live->size;
        *live = filling->live[--filling->count];
    }
    return true;
}

/* How much was allocated when the first did not fit, as part of the whole. */
static double fill(struct allocator allocator, uint64_t random)
{
    static struct filling filling;
    filling.allocator = allocator;
    filling.random = random;
    filling.used = 0;
    filling.count = 0;
    while (take_turn(&filling)) continue;
    return (double)filling.used / (double)FILL_BYTES;
}

static double fill_ours(uint64_t random)
{
    struct udxg_range_allocator *ours = make_ours(FILL_BYTES);
    double part = fill((struct allocator){ours_alloc, ours_free, ours}, random);
    udxg_range_allocator_destroy(ours);
    return part;
}

static double fill_bestfit(uint64_t random)
{
    static struct bestfit bestfit;
    bestfit_init(&bestfit, FILL_BYTES, 2 * FILL_LIVE + 2);
    double part = fill((struct allocator){bestfit_side_alloc, bestfit_side_free, &bestfit}, random);
    bestfit_fini(&bestfit);
    return part;
}

/* Nothing here is a time, so there is nothing to repeat: the same requests fill to the same mark. */
void row_range_fill(unsigned repetitions, struct row_figures *ret)
{
    (void)repetitions;
    for (uint64_t run = 1; run <= FILL_RUNS; run++) {
        uint64_t random = run * UINT64_C(0x9e3779b97f4a7c15);
        ret->ours += 100 * fill_ours(random) / FILL_RUNS;
        ret->anchor += 100 * fill_bestfit(random) / FILL_RUNS;
    }
}
