/* SPDX-License-Identifier: MIT */
/* Offers where no call reaches: discards without pressure, policies, counters, work that is not done, no queue. */
#include "vidmm_fixture.h"

#include "random.h"

#include <unistd.h>

#define SIZE (256 * KIB)

static const struct vidmm_offer_terms at_once = {.rank = VIDMM_OFFER_NORMAL, .at_once = true};
static const struct vidmm_offer_terms at_once_whole = {.rank = VIDMM_OFFER_NORMAL,
                                                       .at_once = true,
                                                       .allow_decommit = true};

static struct udxg_adapter_caps caps_for(void **state)
{
    return *state ? discrete_caps(MIB) : uma_caps();
}

static udxg_status offer(struct world *world, struct thing *thing, const struct vidmm_offer_terms *terms,
                         uint64_t *ret_number)
{
    struct vidmm_binding *binding = &thing->binding;
    return vidmm_offer(&world->device, 1, &binding, terms, ret_number);
}

static void offer_now(struct world *world, struct thing *thing, const struct vidmm_offer_terms *terms)
{
    uint64_t number;
    assert_int_equal(offer(world, thing, terms, &number), STATUS_SUCCESS);
    assert_null(vidmm_adapter_check(world->adapter));
    assert_null(vidmm_process_check(world->process));
}

static enum vidmm_reclaim_result reclaim_on(struct world *world, struct vidmm_queue *queue, struct thing *thing)
{
    struct vidmm_binding *binding = &thing->binding;
    enum vidmm_reclaim_result result = 9;
    uint64_t fence = 0;
    udxg_status status = vidmm_reclaim(&world->device, queue, 1, &binding, &result, &fence);
    assert_int_equal(status, fence ? STATUS_PENDING : STATUS_SUCCESS);
    if (queue) world_wait(world, fence);
    assert_null(vidmm_adapter_check(world->adapter));
    return result;
}

static enum vidmm_reclaim_result reclaim(struct world *world, struct thing *thing)
{
    return reclaim_on(world, world->queue, thing);
}

static void write_home(struct thing *thing, uint64_t seed)
{
    void *address;
    assert_int_equal(vidmm_alloc_lock(&thing->alloc, &address), STATUS_SUCCESS);
    content_make(seed, address, thing->alloc.size_bytes / 8);
    assert_int_equal(vidmm_alloc_unlock(&thing->alloc), STATUS_SUCCESS);
}

static bool home_is_zero(struct thing *thing)
{
    void *address;
    assert_int_equal(vidmm_alloc_lock(&thing->alloc, &address), STATUS_SUCCESS);
    const unsigned char *bytes = address;
    bool zero = !bytes[0] && !memcmp(bytes, bytes + 1, thing->alloc.size_bytes - 1);
    assert_int_equal(vidmm_alloc_unlock(&thing->alloc), STATUS_SUCCESS);
    return zero;
}

static bool home_is(struct thing *thing, uint64_t seed)
{
    void *address;
    assert_int_equal(vidmm_alloc_lock(&thing->alloc, &address), STATUS_SUCCESS);
    bool same = content_is(seed, address, thing->alloc.size_bytes / 8);
    assert_int_equal(vidmm_alloc_unlock(&thing->alloc), STATUS_SUCCESS);
    return same;
}

static struct vidmm_offer_counters counters_of(const struct world *world)
{
    struct vidmm_offer_counters counters;
    vidmm_adapter_offer_counters(world->adapter, &counters);
    return counters;
}

static uint64_t decommittable(const struct world *world)
{
    struct vidmm_offer_info info;
    vidmm_offer_query(world->process, &info);
    return info.decommittable_bytes;
}

/* Contents go whether they are at home or in video memory, listed or not, and no more than is asked for. */
static void discards_as_much_as_wished(void **state)
{
    struct udxg_adapter_caps caps = caps_for(state);
    struct world world;
    struct thing things[3];
    world_open(&world, &caps);
    for (unsigned i = 0; i < 3; i++) {
        thing_make_plain(&world, &things[i], SIZE);
        write_home(&things[i], i);
        if (i < 2) make_resident(&world, &things[i]);
    }
    assert_int_equal(vidmm_offer_discard(world.process, UINT64_MAX), 0);
    for (unsigned i = 0; i < 3; i++) offer_now(&world, &things[i], &at_once);
    assert_int_equal(vidmm_offer_discard(world.process, 0), 0);
    assert_int_equal(vidmm_offer_discard(world.process, 1), SIZE);
    assert_null(vidmm_adapter_check(world.adapter));
    assert_int_equal(vidmm_alloc_residency(&things[0].alloc), VIDMM_NOT_RESIDENT);
    assert_int_equal(reclaim(&world, &things[0]), VIDMM_RECLAIM_DISCARDED);
    assert_true(home_is_zero(&things[0]));
    assert_int_equal(reclaim(&world, &things[1]), VIDMM_RECLAIM_OK);
    assert_true(home_is(&things[1], 1));
    assert_int_equal(vidmm_offer_discard(world.process, UINT64_MAX), SIZE);
    assert_int_equal(vidmm_offer_discard(world.process, UINT64_MAX), 0);
    assert_int_equal(reclaim(&world, &things[2]), VIDMM_RECLAIM_DISCARDED);
    assert_true(home_is_zero(&things[2]));
    struct vidmm_offer_counters counters = counters_of(&world);
    assert_int_equal(counters.offered.count, 3);
    assert_int_equal(counters.offered.bytes, 3 * SIZE);
    assert_int_equal(counters.discarded.count, 2);
    assert_int_equal(counters.discarded.bytes, 2 * SIZE);
    assert_int_equal(counters.decommitted.count, 0);
    assert_int_equal(counters.reclaimed[VIDMM_RECLAIM_OK].count, 1);
    assert_int_equal(counters.reclaimed[VIDMM_RECLAIM_DISCARDED].bytes, 2 * SIZE);
    for (unsigned i = 0; i < 3; i++) thing_destroy(&things[i]);
    world_close(&world);
}

static void what_waits_for_work_keeps_everything(void **state)
{
    struct udxg_adapter_caps caps = caps_for(state);
    const struct vidmm_offer_terms terms = {.rank = VIDMM_OFFER_LOW, .allow_decommit = true};
    struct world world;
    struct thing things[3];
    uint64_t numbers[3], address[1], fault;
    world_open(&world, &caps);
    for (unsigned i = 0; i < 3; i++) {
        thing_make_plain(&world, &things[i], SIZE);
        make_resident(&world, &things[i]);
        assert_int_equal(offer(&world, &things[i], &terms, &numbers[i]), STATUS_SUCCESS);
    }
    assert_null(vidmm_adapter_check(world.adapter));
    assert_int_equal(usage_of(&world, VIDMM_GROUP_LOCAL), 3 * SIZE);
    assert_int_equal(decommittable(&world), 0);
    assert_int_equal(vidmm_offer_discard(world.process, UINT64_MAX), 0);
    assert_int_equal(vidmm_offer_decommit(world.process, UINT64_MAX, false), 0);
    assert_int_equal(world.memory.read(world.memory.context, things[0].va, address, 8, &fault), STATUS_SUCCESS);
    vidmm_offer_settle(&world.device, numbers[1]);
    assert_null(vidmm_adapter_check(world.adapter));
    assert_int_equal(usage_of(&world, VIDMM_GROUP_LOCAL), SIZE);
    assert_int_equal(decommittable(&world), 2 * SIZE);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(world.memory.read(world.memory.context, things[i].va, address, 8, &fault),
                         i < 2 ? STATUS_ACCESS_VIOLATION : STATUS_SUCCESS);
    /* Reclaimed before its work was done; the end of that means nothing then. */
    assert_int_equal(reclaim(&world, &things[2]), VIDMM_RECLAIM_OK);
    vidmm_offer_settle(&world.device, numbers[2]);
    assert_int_equal(usage_of(&world, VIDMM_GROUP_LOCAL), SIZE);
    assert_int_equal(reclaim(&world, &things[0]), VIDMM_RECLAIM_OK);
    assert_int_equal(usage_of(&world, VIDMM_GROUP_LOCAL), 2 * SIZE);
    for (unsigned i = 0; i < 3; i++) thing_destroy(&things[i]); /* one of them offered */
    assert_int_equal(decommittable(&world), 0);
    world_close(&world);
}

static void policies(void **state)
{
    struct udxg_adapter_caps caps = caps_for(state);
    const struct vidmm_offer_terms later = {.rank = VIDMM_OFFER_HIGH};
    struct world world;
    struct thing thing, filler;
    uint64_t number;
    world_open(&world, &caps);
    thing_make_plain(&world, &thing, SIZE);
    thing_make_plain(&world, &filler, MIB);
    write_home(&thing, 1);
    make_resident(&world, &thing);
    vidmm_adapter_set_offer_policy(world.adapter, VIDMM_OFFER_DISCARD_NEVER);
    offer_now(&world, &thing, &at_once_whole);
    make_resident(&world, &filler); /* needs all the room of the discrete one */
    evict(&world, &filler, 0);
    assert_int_equal(vidmm_offer_discard(world.process, UINT64_MAX), 0);
    assert_int_equal(vidmm_offer_decommit(world.process, UINT64_MAX, false), 0);
    assert_int_equal(reclaim(&world, &thing), VIDMM_RECLAIM_OK);
    assert_true(home_is(&thing, 1));

    vidmm_adapter_set_offer_policy(world.adapter, VIDMM_OFFER_DISCARD_ALWAYS);
    offer_now(&world, &thing, &at_once);
    assert_int_equal(reclaim(&world, &thing), VIDMM_RECLAIM_DISCARDED);
    assert_true(home_is_zero(&thing));
    write_home(&thing, 2);
    assert_int_equal(offer(&world, &thing, &later, &number), STATUS_SUCCESS);
    assert_int_equal(reclaim(&world, &thing), VIDMM_RECLAIM_OK); /* its work was not done */
    assert_true(home_is(&thing, 2));
    assert_int_equal(offer(&world, &thing, &later, &number), STATUS_SUCCESS);
    vidmm_offer_settle(&world.device, number);
    assert_int_equal(reclaim(&world, &thing), VIDMM_RECLAIM_DISCARDED);
    thing_destroy(&thing);
    thing_destroy(&filler);
    world_close(&world);
}

static void a_decommitted_one_keeps_its_address_only(void **state)
{
    struct udxg_adapter_caps caps = caps_for(state);
    struct world world;
    struct thing thing, other;
    struct vidmm_usage usage;
    void *address;
    world_open(&world, &caps);
    thing_make_plain(&world, &thing, SIZE);
    make_resident(&world, &thing);
    offer_now(&world, &thing, &at_once_whole);
    assert_int_equal(vidmm_offer_decommit(world.process, 1, true), 0);
    assert_int_equal(vidmm_offer_decommit(world.process, 1, false), SIZE);
    assert_null(vidmm_adapter_check(world.adapter));
    assert_null(vidmm_process_check(world.process));
    vidmm_process_usage(world.process, &usage);
    assert_int_equal(usage.commit_bytes, 0);
    assert_int_equal(usage.allocations, 1);
    thing_make_plain(&world, &other, SIZE);
    assert_ptr_not_equal(other.alloc.home, thing.alloc.home);
    assert_false(vidmm_alloc_is_gone(&thing.alloc));
    assert_int_equal(reclaim(&world, &thing), VIDMM_RECLAIM_NOT_COMMITTED);
    assert_true(vidmm_alloc_is_gone(&thing.alloc));
    assert_int_equal(vidmm_alloc_lock(&thing.alloc, &address), STATUS_INVALID_PARAMETER);
    assert_null(vidmm_process_check(world.process));
    thing_destroy(&thing);
    vidmm_process_usage(world.process, &usage);
    assert_int_equal(usage.commit_bytes, SIZE);
    thing_destroy(&other);
    world_close(&world);
}

/* The device runs once, as soon as all that it lists is in place. */
static void run_once(struct world *world)
{
    bool began = false;
    for (unsigned i = 0; i < 5000 && !began; i++) {
        began = vidmm_device_begin_run(&world->device);
        if (!began) usleep(1000);
    }
    assert_true(began);
    vidmm_device_end_run(&world->device);
}

/* The first version of the call has no queue to tell of: what is listed is there when the device runs. */
static void reclaims_without_a_queue(void **state)
{
    (void)state;
    struct udxg_adapter_caps caps = discrete_caps(MIB);
    struct world world;
    struct thing thing;
    uint64_t value, fault;
    world_open(&world, &caps);
    thing_make_plain(&world, &thing, SIZE);
    make_resident(&world, &thing);
    offer_now(&world, &thing, &at_once);
    assert_int_equal(vidmm_offer_discard(world.process, 1), SIZE);
    assert_int_equal(reclaim_on(&world, NULL, &thing), VIDMM_RECLAIM_DISCARDED);
    run_once(&world);
    assert_int_equal(vidmm_alloc_residency(&thing.alloc), VIDMM_RESIDENT_GPU);

    offer_now(&world, &thing, &at_once);
    assert_int_equal(vidmm_offer_discard(world.process, 1), SIZE);
    vidmm_queue_destroy(world.queue);
    world.queue = NULL;
    assert_int_equal(reclaim_on(&world, NULL, &thing), VIDMM_RECLAIM_DISCARDED);
    run_once(&world);
    assert_int_equal(vidmm_alloc_residency(&thing.alloc), VIDMM_RESIDENT_GPU);
    assert_int_equal(world.memory.read(world.memory.context, thing.va, &value, 8, &fault), STATUS_SUCCESS);
    assert_int_equal(value, 0);
    thing_destroy(&thing);
    world_close(&world);
}

/* What is promised room and charged for it comes, even if the device never runs again. */
static void comes_back_without_a_run(void **state)
{
    (void)state;
    struct udxg_adapter_caps caps = discrete_caps(MIB);
    struct world world;
    struct thing thing;
    world_open(&world, &caps);
    thing_make_plain(&world, &thing, SIZE);
    make_resident(&world, &thing);
    offer_now(&world, &thing, &at_once);
    assert_int_equal(vidmm_offer_discard(world.process, 1), SIZE);
    assert_int_equal(reclaim_on(&world, NULL, &thing), VIDMM_RECLAIM_DISCARDED);
    assert_int_equal(usage_of(&world, VIDMM_GROUP_LOCAL), SIZE);
    vidmm_adapter_wake(world.adapter, true);
    assert_int_equal(vidmm_alloc_residency(&thing.alloc), VIDMM_RESIDENT_GPU);
    thing_destroy(&thing);
    world_close(&world);
}

/* Its old room is somebody else's now: it goes to the next segment that has some, and is used from there. */
static void reclaims_into_a_full_segment(void **state)
{
    (void)state;
    struct udxg_adapter_caps caps = discrete_caps(MIB);
    struct world world;
    struct thing thing, others[4];
    uint64_t word = 0x1234, fault;
    world_open(&world, &caps);
    thing_make_plain(&world, &thing, SIZE);
    make_resident(&world, &thing);
    offer_now(&world, &thing, &at_once);
    for (unsigned i = 0; i < 4; i++) {
        thing_make_plain(&world, &others[i], SIZE);
        make_resident(&world, &others[i]);
    }
    assert_int_equal(segment_info(&world, LOCAL).resident_bytes, MIB);
    assert_int_equal(counters_of(&world).discarded.count, 1);
    assert_int_equal(reclaim(&world, &thing), VIDMM_RECLAIM_DISCARDED);
    assert_int_equal(world.memory.write(world.memory.context, thing.va, &word, 8, &fault), STATUS_SUCCESS);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(vidmm_alloc_residency(&others[i].alloc), VIDMM_RESIDENT_GPU);
        thing_destroy(&others[i]);
    }
    thing_destroy(&thing);
    world_close(&world);
}

/* ---- at random ---- */

#define ITEMS 24u
#define STEPS 20000u

/* Takes what it can, all the time. */
struct taker {
    struct world *world;
    _Atomic bool stop;
};

static void *take(void *data)
{
    struct taker *taker = data;
    while (!taker->stop) {
        (void)vidmm_offer_discard(taker->world->process, SIZE);
        (void)vidmm_offer_decommit(taker->world->process, SIZE / 2, true);
        usleep(50);
    }
    return NULL;
}

struct item {
    struct thing thing;
    uint64_t seed; /* 0: zero */
    bool listed, offered, decommit;
};

static void renew(struct world *world, struct item *item)
{
    if (item->thing.alloc.process) thing_destroy(&item->thing);
    *item = (struct item){0};
    thing_make_plain(world, &item->thing, SIZE / 4);
}

static void take_back(struct world *world, struct item *item)
{
    struct vidmm_binding *binding = &item->thing.binding;
    enum vidmm_reclaim_result result;
    uint64_t fence = 0;
    udxg_status status = vidmm_reclaim(&world->device, world->queue, 1, &binding, &result, &fence);
    assert_int_equal(status, fence ? STATUS_PENDING : STATUS_SUCCESS);
    item->offered = false;
    if (result == VIDMM_RECLAIM_DISCARDED) item->seed = 0;
    if (result != VIDMM_RECLAIM_NOT_COMMITTED) return;
    assert_true(item->decommit);
    renew(world, item);
}

static void look(struct item *item, uint64_t seed)
{
    assert_true(item->seed ? home_is(&item->thing, item->seed) : home_is_zero(&item->thing));
    write_home(&item->thing, seed);
    item->seed = seed;
}

static void random_step(struct world *world, struct random *random, struct item *item, uint64_t seed)
{
    uint64_t number, trim_bytes;
    uint64_t what = random_below(random, 8);
    const struct vidmm_offer_terms terms = {
        .rank = (enum vidmm_offer_rank)random_below(random, VIDMM_OFFER_RANKS),
        .at_once = random_below(random, 2),
        .allow_decommit = random_below(random, 2),
    };
    if (what == 0) {
        renew(world, item);
    } else if (what == 1 && !item->listed) {
        item->listed = !udxg_failed(try_resident(world, &item->thing, &trim_bytes));
    } else if (what == 2 && item->listed) {
        evict(world, &item->thing, seed % 2 ? VIDMM_EVICT_ONLY_IF_NECESSARY : 0);
        item->listed = false;
    } else if (what < 6 && !item->offered) {
        assert_int_equal(offer(world, &item->thing, &terms, &number), STATUS_SUCCESS);
        if (!terms.at_once && seed % 4) vidmm_offer_settle(&world->device, number);
        item->offered = true;
        item->decommit = terms.allow_decommit;
    } else if (item->offered) {
        take_back(world, item);
    } else {
        look(item, seed);
    }
}

static void at_random(void **state)
{
    struct udxg_adapter_caps caps = caps_for(state);
    struct world world;
    struct item items[ITEMS] = {0};
    struct random random = random_seed("vidmm offer", 0);
    world_open(&world, &caps);
    struct taker taker = {.world = &world};
    pthread_t thread;
    for (unsigned i = 0; i < ITEMS; i++) renew(&world, &items[i]);
    assert_int_equal(pthread_create(&thread, NULL, take, &taker), 0);
    for (uint64_t i = 1; i <= STEPS; i++) random_step(&world, &random, &items[random_below(&random, ITEMS)], i);
    taker.stop = true;
    assert_int_equal(pthread_join(thread, NULL), 0);
    struct vidmm_offer_counters counters = counters_of(&world);
    print_message("# offered %zu, discarded %zu, decommitted %zu\n", (size_t)counters.offered.count,
                  (size_t)counters.discarded.count, (size_t)counters.decommitted.count);
    assert_true(counters.discarded.count && counters.decommitted.count);
    assert_null(vidmm_adapter_check(world.adapter));
    assert_null(vidmm_process_check(world.process));
    for (unsigned i = 0; i < ITEMS; i++) thing_destroy(&items[i].thing);
    assert_int_equal(world.failed, STATUS_SUCCESS);
    world_close(&world);
}

#define ON_BOTH(test)                                                                                                  \
    {#test ", uma", test, NULL, NULL, NULL},                                                                           \
    {                                                                                                                  \
#test ", discrete", test, NULL, NULL, &discrete                                                                \
    }

int main(void)
{
    static int discrete = 1;
    const struct CMUnitTest tests[] = {
        ON_BOTH(discards_as_much_as_wished),
        ON_BOTH(what_waits_for_work_keeps_everything),
        ON_BOTH(policies),
        ON_BOTH(a_decommitted_one_keeps_its_address_only),
        cmocka_unit_test(reclaims_without_a_queue),
        cmocka_unit_test(comes_back_without_a_run),
        cmocka_unit_test(reclaims_into_a_full_segment),
        ON_BOTH(at_random),
    };
    return cmocka_run_group_tests_name("vidmm offer", tests, NULL, NULL);
}
