/* SPDX-License-Identifier: MIT */
/*
 * Over-commit: two processes on one adapter, a thread each, whose things together are four times the video
 * memory. Each thread lists, writes, copies, reads, locks, evicts, destroys at random, and knows what every
 * thing has to hold; the whole manager is checked meanwhile.
 */
#include "vidmm_fixture.h"

#include "random.h"

#define LOCAL_BYTES (4 * MIB)
#define THINGS 64u /* of 128 KiB on average: twice the video memory, for each of two threads */
#define LARGEST_PAGES 64u

struct item {
    struct thing thing;
    uint64_t seed;
    bool listed;
};

struct worker {
    struct world world;
    struct random random;
    unsigned steps;
    struct item items[THINGS];
    uint64_t seeds; /* used so far */
    uint64_t refused;
    uint64_t words[LARGEST_PAGES * 512];
};

/* cmocka's assertions are for the thread that runs the test. */
#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            printf("Bail out! %s:%d: %s\n", __FILE__, __LINE__, #condition);                                           \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

static uint64_t word_count(const struct item *item)
{
    return item->thing.alloc.size_bytes / 8;
}

static void create(struct worker *worker, struct item *item)
{
    struct world *world = &worker->world;
    uint64_t pages = 1 + random_below(&worker->random, LARGEST_PAGES);
    struct vidmm_alloc_desc desc = thing_desc(world, pages * 4 * KIB);
    if (random_below(&worker->random, 4) == 0) desc.supported_segments = SET(LOCAL);
    CHECK(vidmm_alloc_init(&item->thing.alloc, world->process, &desc) == STATUS_SUCCESS);
    vidmm_binding_init(&item->thing.binding, &item->thing.alloc, &world->device);
    struct vidmm_va_map map = {.binding = &item->thing.binding, .size_pages = pages, .protection = VIDMM_VA_WRITE};
    CHECK(vidmm_va_map(world->process, &map, &item->thing.va) == STATUS_SUCCESS);
    void *address;
    CHECK(vidmm_alloc_lock(&item->thing.alloc, &address) == STATUS_SUCCESS);
    item->seed = ++worker->seeds;
    content_make(item->seed, address, word_count(item));
    CHECK(vidmm_alloc_unlock(&item->thing.alloc) == STATUS_SUCCESS);
    item->listed = false;
}

static void destroy(struct item *item)
{
    vidmm_binding_fini(&item->thing.binding);
    vidmm_alloc_fini(&item->thing.alloc);
}

static void unlist(struct worker *worker, struct item *item)
{
    struct vidmm_binding *binding = &item->thing.binding;
    uint32_t flags = random_below(&worker->random, 2) ? VIDMM_EVICT_ONLY_IF_NECESSARY : 0;
    uint64_t trim;
    CHECK(vidmm_evict(&worker->world.device, 1, &binding, flags, &trim) == STATUS_SUCCESS);
    item->listed = false;
}

static void unlist_one(struct worker *worker)
{
    unsigned first = (unsigned)random_below(&worker->random, THINGS);
    for (unsigned i = 0; i < THINGS; i++) {
        struct item *item = &worker->items[(first + i) % THINGS];
        if (!item->listed) continue;
        unlist(worker, item);
        return;
    }
}

/* Trims until it fits; what only the other process is in the way of may fail for now. */
static bool list(struct worker *worker, struct item *item)
{
    struct vidmm_binding *binding = &item->thing.binding;
    for (unsigned attempt = 0; attempt <= THINGS && !item->listed; attempt++) {
        uint64_t fence, trim = 0;
        udxg_status status = vidmm_make_resident(worker->world.queue, 1, &binding, 0, &fence, &trim);
        if (status == STATUS_NO_MEMORY) {
            CHECK(trim > 0);
            worker->refused++;
            unlist_one(worker);
            continue;
        }
        CHECK(status == (fence ? STATUS_PENDING : STATUS_SUCCESS));
        world_wait(&worker->world, fence);
        item->listed = true;
    }
    return item->listed;
}

static void verify(struct worker *worker, struct item *item)
{
    uint64_t fault;
    struct udxg_gpu_memory *memory = &worker->world.memory;
    CHECK(memory->read(memory->context, item->thing.va, worker->words, word_count(item) * 8, &fault) == STATUS_SUCCESS);
    CHECK(content_is(item->seed, worker->words, word_count(item)));
}

static void rewrite(struct worker *worker, struct item *item)
{
    uint64_t fault;
    struct udxg_gpu_memory *memory = &worker->world.memory;
    item->seed = ++worker->seeds;
    content_make(item->seed, worker->words, word_count(item));
    CHECK(memory->write(memory->context, item->thing.va, worker->words, word_count(item) * 8, &fault) ==
          STATUS_SUCCESS);
}

/* Copies as much as both have; the rest of the destination is made what it has to be. */
static void copy(struct worker *worker, struct item *from, struct item *to)
{
    uint64_t fault, count = word_count(from) < word_count(to) ? word_count(from) : word_count(to);
    struct udxg_gpu_memory *memory = &worker->world.memory;
    CHECK(memory->copy(memory->context, to->thing.va, from->thing.va, count * 8, &fault) == STATUS_SUCCESS);
    content_make(from->seed, worker->words, word_count(to));
    CHECK(memory->write(memory->context, to->thing.va + count * 8, worker->words + count, (word_count(to) - count) * 8,
                        &fault) == STATUS_SUCCESS);
    to->seed = from->seed;
}

static void lock_and_look(struct worker *worker, struct item *item)
{
    void *address;
    CHECK(vidmm_alloc_lock(&item->thing.alloc, &address) == STATUS_SUCCESS);
    CHECK(address == item->thing.alloc.home);
    CHECK(content_is(item->seed, address, word_count(item)));
    item->seed = ++worker->seeds;
    content_make(item->seed, address, word_count(item));
    if (item->listed) verify(worker, item); /* while locked */
    CHECK(vidmm_alloc_unlock(&item->thing.alloc) == STATUS_SUCCESS);
}

static void step(struct worker *worker)
{
    struct item *item = &worker->items[random_below(&worker->random, THINGS)];
    struct item *other = &worker->items[random_below(&worker->random, THINGS)];
    switch (random_below(&worker->random, 8)) {
    case 0:
        destroy(item);
        create(worker, item);
        break;
    case 1:
        lock_and_look(worker, item);
        break;
    case 2:
        if (item->listed) unlist(worker, item);
        break;
    case 3:
        if (list(worker, item) && other->listed && other != item) copy(worker, other, item);
        break;
    case 4:
        if (list(worker, item)) rewrite(worker, item);
        break;
    default:
        if (list(worker, item)) verify(worker, item);
        break;
    }
}

static void *work(void *argument)
{
    struct worker *worker = argument;
    for (unsigned i = 0; i < THINGS; i++) create(worker, &worker->items[i]);
    for (unsigned i = 0; i < worker->steps; i++) {
        step(worker);
        if (i % 512 == 0) CHECK(vidmm_adapter_check(worker->world.adapter) == NULL);
    }
    for (unsigned i = 0; i < THINGS; i++) {
        struct item *item = &worker->items[i];
        if (item->listed) verify(worker, item);
        destroy(item);
    }
    return NULL;
}

static void contents_survive_over_commit(void **state)
{
    (void)state;
    static struct worker workers[2];
    const char *wish = getenv("UDXG_TEST_STEPS");
    struct udxg_adapter_caps caps = discrete_caps(LOCAL_BYTES);
    pthread_t threads[2];
    for (unsigned i = 0; i < 2; i++) {
        if (i == 0)
            world_open(&workers[i].world, &caps);
        else
            world_join(&workers[i].world, workers[0].world.adapter);
        workers[i].random = random_seed("vidmm stress", i);
        workers[i].steps = wish ? (unsigned)strtoul(wish, NULL, 0) : 4000;
    }
    for (unsigned i = 0; i < 2; i++) assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    for (unsigned i = 0; i < 2; i++) assert_int_equal(pthread_join(threads[i], NULL), 0);
    struct vidmm_segment_info info = segment_info(&workers[0].world, LOCAL);
    printf("# %llu MiB paged in, %llu out, %llu dropped clean; %llu times over budget\n",
           (unsigned long long)(info.paged_in_bytes / MIB), (unsigned long long)(info.paged_out_bytes / MIB),
           (unsigned long long)(info.discarded_bytes / MIB),
           (unsigned long long)(workers[0].refused + workers[1].refused));
    assert_true(info.paged_out_bytes > LOCAL_BYTES);
    assert_int_equal(info.resident_bytes, 0);
    assert_int_equal(workers[0].world.failed | workers[1].world.failed, STATUS_SUCCESS);
    world_leave(&workers[1].world);
    world_close(&workers[0].world);
}

/* One thing, an engine that never stops writing it, and a client that locks it: no chunk is lost or torn. */
struct hammer {
    struct world *world;
    struct thing *thing;
    _Atomic bool stop;
    uint64_t adds;
};

static void *hammer_run(void *argument)
{
    struct hammer *hammer = argument;
    struct udxg_gpu_memory *memory = &hammer->world->memory;
    uint64_t va = hammer->thing->va, size = hammer->thing->alloc.size_bytes, old, fault;
    while (!hammer->stop) {
        CHECK(memory->fetch_add(memory->context, va, 1, 8, &old, &fault) == STATUS_SUCCESS);
        CHECK(old == hammer->adds);
        hammer->adds++;
        CHECK(memory->fill(memory->context, va + 8, (uint32_t)hammer->adds, size - 8, &fault) == STATUS_SUCCESS);
    }
    return NULL;
}

static bool hammered(const struct hammer *hammer)
{
    const uint64_t *words = hammer->thing->alloc.home;
    const uint32_t *filled = (const uint32_t *)(words + 1);
    for (uint64_t i = 0; i < hammer->thing->alloc.size_bytes / 4 - 2; i++)
        if (filled[i] != (uint32_t)hammer->adds) return false;
    return words[0] == hammer->adds;
}

static void an_engine_writes_while_it_is_demoted(void **state)
{
    (void)state;
    struct udxg_adapter_caps caps = discrete_caps(MIB);
    struct world world;
    struct thing thing;
    world_open(&world, &caps);
    thing_make_plain(&world, &thing, 256 * KIB);
    struct hammer hammer = {.world = &world, .thing = &thing};
    for (unsigned round = 0; round < 150; round++) {
        pthread_t thread;
        void *address;
        make_resident(&world, &thing);
        assert_int_equal(vidmm_alloc_residency(&thing.alloc), VIDMM_RESIDENT_GPU);
        hammer.stop = false;
        assert_int_equal(pthread_create(&thread, NULL, hammer_run, &hammer), 0);
        assert_int_equal(vidmm_alloc_lock(&thing.alloc, &address), STATUS_SUCCESS);
        assert_int_equal(vidmm_alloc_residency(&thing.alloc), VIDMM_RESIDENT_SHARED);
        hammer.stop = true;
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_true(hammered(&hammer));
        assert_int_equal(vidmm_alloc_unlock(&thing.alloc), STATUS_SUCCESS);
        evict(&world, &thing, 0);
    }
    thing_destroy(&thing);
    world_close(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(contents_survive_over_commit),
        cmocka_unit_test(an_engine_writes_while_it_is_demoted),
    };
    return cmocka_run_group_tests_name("vidmm stress", tests, NULL, NULL);
}
