/* SPDX-License-Identifier: MIT */
/*
 * Over-commit of what is listed: several processes whose lists together are more than the video memory. Who gives way,
 * in which order, who comes back; and that every device runs, with its whole list in place and its bytes intact.
 */
#include "vidmm_fixture.h"

#include "base/os.h"
#include "random.h"

#define SMALL (64 * KIB)
#define PATIENCE_NS UINT64_C(30000000000)

/* cmocka's assertions are for the thread that runs the test. */
#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            printf("Bail out! %s:%d: %s\n", __FILE__, __LINE__, #condition);                                           \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

/* Runs DEVICE once, when it may. */
static void begin_run(struct world *world)
{
    for (unsigned seen = 0;;) {
        pthread_mutex_lock(&world->mutex);
        seen = world->ready;
        pthread_mutex_unlock(&world->mutex);
        if (vidmm_device_begin_run(&world->device)) return;
        uint64_t deadline_ns = udxg_os_now_ns() + PATIENCE_NS;
        pthread_mutex_lock(&world->mutex);
        while (world->ready == seen) {
            struct timespec soon;
            CHECK(udxg_os_now_ns() < deadline_ns);
            clock_gettime(CLOCK_REALTIME, &soon);
            soon.tv_sec++;
            pthread_cond_timedwait(&world->moved, &world->mutex, &soon);
        }
        pthread_mutex_unlock(&world->mutex);
    }
}

static void end_run(struct world *world)
{
    vidmm_device_end_run(&world->device);
}

static void run_once(struct world *world)
{
    begin_run(world);
    end_run(world);
}

static void make_local(struct world *world, struct thing *thing, uint64_t size_bytes, uint32_t priority)
{
    struct vidmm_alloc_desc desc = thing_desc(world, size_bytes);
    desc.supported_segments = SET(LOCAL);
    desc.priority = priority;
    thing_make(world, thing, &desc);
}

static uint64_t list_forced(struct world *world, struct thing *thing)
{
    struct vidmm_binding *binding = &thing->binding;
    uint64_t fence = 0, trim;
    assert_false(udxg_failed(vidmm_make_resident(world->queue, 1, &binding, VIDMM_CANT_TRIM_FURTHER, &fence, &trim)));
    return fence;
}

static void list_and_wait(struct world *world, struct thing *thing)
{
    world_wait(world, list_forced(world, thing));
}

static bool is_in_segment(struct thing *thing)
{
    return vidmm_alloc_residency(&thing->alloc) == VIDMM_RESIDENT_GPU;
}

static bool comes(bool (*what)(struct thing *), struct thing *thing)
{
    uint64_t deadline_ns = udxg_os_now_ns() + PATIENCE_NS;
    while (!what(thing) && udxg_os_now_ns() < deadline_ns) udxg_os_nap_ns(1000000);
    return what(thing);
}

static void write_word(struct world *world, struct thing *thing, uint64_t word)
{
    uint64_t fault;
    assert_int_equal(world->memory.write(world->memory.context, thing->va, &word, 8, &fault), STATUS_SUCCESS);
}

static uint64_t read_word(struct world *world, struct thing *thing)
{
    uint64_t word = 0, fault;
    assert_int_equal(world->memory.read(world->memory.context, thing->va, &word, 8, &fault), STATUS_SUCCESS);
    return word;
}

/* ---- who gives way ---- */

static void a_suspended_device_comes_back(void **state)
{
    (void)state;
    struct udxg_adapter_caps caps = discrete_caps(MIB);
    struct world first, second;
    struct thing one, two;
    world_open(&first, &caps);
    world_join(&second, first.adapter);
    make_local(&first, &one, MIB, D3DDDI_ALLOCATIONPRIORITY_NORMAL);
    make_local(&second, &two, MIB, D3DDDI_ALLOCATIONPRIORITY_NORMAL);
    list_and_wait(&first, &one);
    run_once(&first);
    write_word(&first, &one, 1);
    list_and_wait(&second, &two); /* the first is idle, and gives way */
    assert_true(is_in_segment(&two));
    assert_int_equal(vidmm_alloc_residency(&one.alloc), VIDMM_NOT_RESIDENT);
    assert_int_equal(usage_of(&first, VIDMM_GROUP_LOCAL), MIB); /* listed all the same */
    assert_null(vidmm_adapter_check(first.adapter));
    for (unsigned round = 0; round < 4; round++) {
        begin_run(&first);
        assert_true(is_in_segment(&one));
        assert_int_equal(read_word(&first, &one), 1 + round);
        write_word(&first, &one, 2 + round);
        end_run(&first);
        begin_run(&second);
        assert_true(is_in_segment(&two));
        end_run(&second);
    }
    /* what the other gives back is taken without anybody's asking */
    begin_run(&second);
    end_run(&second);
    assert_false(is_in_segment(&one));
    thing_destroy(&two);
    assert_true(comes(is_in_segment, &one));
    assert_int_equal(read_word(&first, &one), 5);
    thing_destroy(&one);
    world_leave(&second);
    world_close(&first);
}

static void what_runs_is_not_taken(void **state)
{
    (void)state;
    struct udxg_adapter_caps caps = discrete_caps(MIB);
    struct world first, second;
    struct thing one, two;
    world_open(&first, &caps);
    world_join(&second, first.adapter);
    make_local(&first, &one, MIB, D3DDDI_ALLOCATIONPRIORITY_MINIMUM);
    make_local(&second, &two, MIB, D3DDDI_ALLOCATIONPRIORITY_MAXIMUM);
    list_and_wait(&first, &one);
    begin_run(&first);
    uint64_t fence = list_forced(&second, &two);
    assert_true(fence > 0);
    assert_false(vidmm_device_begin_run(&second.device));
    udxg_os_nap_ns(50000000);
    assert_true(is_in_segment(&one));
    assert_int_equal(second.ready, 0);
    assert_null(vidmm_adapter_check(first.adapter));
    /* nor may it begin anew, on another engine, while somebody waits */
    assert_false(vidmm_device_begin_run(&first.device));
    end_run(&first);
    world_wait(&second, fence);
    run_once(&second);
    run_once(&first);
    thing_destroy(&one);
    thing_destroy(&two);
    world_leave(&second);
    world_close(&first);
}

/* One that two devices list stays while either of them runs. */
static void what_is_shared_stays_for_who_runs(void **state)
{
    (void)state;
    struct udxg_adapter_caps caps = discrete_caps(MIB);
    struct world first, second, third;
    struct thing one, other, big;
    struct vidmm_binding binding, *bindings[] = {&binding};
    uint64_t fence, trim;
    world_open(&first, &caps);
    world_join(&second, first.adapter);
    world_join(&third, first.adapter);
    make_local(&first, &one, 256 * KIB, D3DDDI_ALLOCATIONPRIORITY_NORMAL);
    make_local(&first, &other, 256 * KIB, D3DDDI_ALLOCATIONPRIORITY_NORMAL);
    make_local(&third, &big, 768 * KIB, D3DDDI_ALLOCATIONPRIORITY_NORMAL);
    vidmm_binding_init(&binding, &one.alloc, &second.device);
    list_and_wait(&first, &one);
    list_and_wait(&first, &other);
    assert_int_equal(vidmm_make_resident(second.queue, 1, bindings, 0, &fence, &trim), STATUS_SUCCESS);
    assert_null(vidmm_adapter_check(first.adapter));
    begin_run(&second);
    list_and_wait(&third, &big); /* takes the other one alone */
    assert_true(is_in_segment(&one));
    assert_false(is_in_segment(&other));
    end_run(&second);
    run_once(&first);
    assert_true(is_in_segment(&one) && is_in_segment(&other));
    assert_null(vidmm_adapter_check(first.adapter));
    vidmm_binding_fini(&binding);
    thing_destroy(&one);
    thing_destroy(&other);
    thing_destroy(&big);
    world_leave(&third);
    world_leave(&second);
    world_close(&first);
}

/* Eight of one size fill the segment; the newcomers take one each, and it is the right one. */
static void priorities_are_kept_in_order(void **state)
{
    (void)state;
    static const uint32_t priorities[8] = {
        D3DDDI_ALLOCATIONPRIORITY_MAXIMUM,  D3DDDI_ALLOCATIONPRIORITY_HIGH,
        D3DDDI_ALLOCATIONPRIORITY_NORMAL,   D3DDDI_ALLOCATIONPRIORITY_LOW,
        D3DDDI_ALLOCATIONPRIORITY_MINIMUM,  0xa0010000,
        D3DDDI_ALLOCATIONPRIORITY_HIGH - 1, 1,
    };
    static const unsigned order[8] = {4, 7, 3, 2, 6, 1, 5, 0};
    struct udxg_adapter_caps caps = discrete_caps(8 * SMALL);
    struct world first, second;
    struct thing things[8], newcomers[8];
    world_open(&first, &caps);
    world_join(&second, first.adapter);
    for (unsigned i = 0; i < 8; i++) {
        make_local(&first, &things[i], SMALL, D3DDDI_ALLOCATIONPRIORITY_NORMAL);
        list_and_wait(&first, &things[i]);
    }
    for (unsigned i = 0; i < 8; i++) vidmm_alloc_set_priority(&things[i].alloc, priorities[i]);
    assert_null(vidmm_adapter_check(first.adapter));
    for (unsigned i = 0; i < 8; i++) {
        make_local(&second, &newcomers[i], SMALL, D3DDDI_ALLOCATIONPRIORITY_MINIMUM);
        list_and_wait(&second, &newcomers[i]);
        for (unsigned j = 0; j < 8; j++) assert_int_equal(is_in_segment(&things[order[j]]), j > i);
    }
    assert_null(vidmm_adapter_check(first.adapter));
    for (unsigned i = 0; i < 8; i++) thing_destroy(&newcomers[i]);
    for (unsigned i = 0; i < 8; i++) thing_destroy(&things[i]);
    world_leave(&second);
    world_close(&first);
}

/* Of equal ones those of another process go first, and of these whoever ran longest ago. */
static void others_go_before_ones_own(void **state)
{
    (void)state;
    static const unsigned ran[4] = {0, 2, 1, 3}, order[4] = {2, 1, 3, 0};
    struct udxg_adapter_caps caps = discrete_caps(4 * SMALL);
    struct world worlds[4], sibling; /* of the first one's process */
    struct thing things[4], newcomers[4];
    world_open(&worlds[0], &caps);
    for (unsigned i = 1; i < 4; i++) world_join(&worlds[i], worlds[0].adapter);
    sibling = (struct world){.adapter = worlds[0].adapter, .process = worlds[0].process};
    pthread_mutex_init(&sibling.mutex, NULL);
    pthread_cond_init(&sibling.moved, NULL);
    vidmm_device_init(&sibling.device, sibling.process, world_ready, world_failed);
    assert_int_equal(vidmm_queue_create(&sibling.device, 0, world_completed, &sibling, &sibling.queue), STATUS_SUCCESS);
    for (unsigned i = 0; i < 4; i++) {
        make_local(&worlds[i], &things[i], SMALL, D3DDDI_ALLOCATIONPRIORITY_NORMAL);
        list_and_wait(&worlds[i], &things[i]);
    }
    for (unsigned i = 0; i < 4; i++) run_once(&worlds[ran[i]]);
    for (unsigned i = 0; i < 3; i++) {
        make_local(&sibling, &newcomers[i], SMALL, D3DDDI_ALLOCATIONPRIORITY_NORMAL);
        list_and_wait(&sibling, &newcomers[i]);
        for (unsigned j = 0; j < 4; j++) assert_int_equal(is_in_segment(&things[order[j]]), j > i);
    }
    run_once(&sibling);
    udxg_os_nap_ns(20000000); /* its slice */
    run_once(&worlds[2]);     /* takes from the sibling or the first, and the first ran before */
    assert_false(is_in_segment(&things[0]));
    for (unsigned i = 0; i < 3; i++) thing_destroy(&newcomers[i]);
    vidmm_queue_destroy(sibling.queue);
    vidmm_device_fini(&sibling.device);
    for (unsigned i = 0; i < 4; i++) thing_destroy(&things[i]);
    for (unsigned i = 4; i-- > 1;) world_leave(&worlds[i]);
    world_close(&worlds[0]);
}

/* A newcomer takes room from less important ones, and from equal ones of who has more than a fair share. */
static void room_is_taken_politely(void **state)
{
    (void)state;
    struct udxg_adapter_caps caps = discrete_caps(MIB);
    struct world first, second;
    struct thing low, high, comer, equal;
    world_open(&first, &caps);
    world_join(&second, first.adapter);
    struct vidmm_alloc_desc desc = thing_desc(&first, 512 * KIB);
    desc.priority = D3DDDI_ALLOCATIONPRIORITY_LOW;
    thing_make(&first, &low, &desc);
    desc.priority = D3DDDI_ALLOCATIONPRIORITY_HIGH;
    thing_make(&first, &high, &desc);
    list_and_wait(&first, &low);
    list_and_wait(&first, &high);
    write_word(&first, &low, 3);
    thing_make_plain(&second, &comer, 256 * KIB);
    list_and_wait(&second, &comer);
    assert_true(is_in_segment(&comer) && is_in_segment(&high));
    assert_int_equal(vidmm_alloc_residency(&low.alloc), VIDMM_RESIDENT_SHARED);
    run_once(&first);
    assert_int_equal(read_word(&first, &low), 3);
    /* HIGH and within the budget: who is less important goes to the aperture, and stays there */
    thing_make_plain(&second, &equal, 512 * KIB);
    list_and_wait(&second, &equal);
    assert_int_equal(vidmm_alloc_residency(&equal.alloc), VIDMM_RESIDENT_SHARED);
    udxg_os_nap_ns(150000000);
    assert_int_equal(vidmm_alloc_residency(&equal.alloc), VIDMM_RESIDENT_SHARED);
    assert_true(is_in_segment(&high));
    /* and comes back when there is room, the better one first */
    evict(&first, &high, 0);
    assert_true(comes(is_in_segment, &equal));
    assert_int_equal(vidmm_alloc_residency(&low.alloc), VIDMM_RESIDENT_SHARED);
    evict(&second, &equal, 0);
    assert_true(comes(is_in_segment, &low));
    assert_int_equal(read_word(&first, &low), 3);
    thing_destroy(&low);
    thing_destroy(&high);
    thing_destroy(&comer);
    thing_destroy(&equal);
    world_leave(&second);
    world_close(&first);
}

/* An aperture is only a limit; over-commit of it works without a copy. */
static void an_aperture_is_shared_too(void **state)
{
    (void)state;
    struct udxg_adapter_caps caps = uma_caps();
    caps.segments[0].size_bytes = MIB;
    struct world first, second;
    struct thing one, two;
    world_open(&first, &caps);
    world_join(&second, first.adapter);
    thing_make_plain(&first, &one, 768 * KIB);
    thing_make_plain(&second, &two, 768 * KIB);
    list_and_wait(&first, &one);
    list_and_wait(&second, &two);
    assert_int_equal(vidmm_alloc_residency(&one.alloc), VIDMM_NOT_RESIDENT);
    assert_int_equal(vidmm_alloc_residency(&two.alloc), VIDMM_RESIDENT_SHARED);
    begin_run(&first);
    assert_int_equal(vidmm_alloc_residency(&one.alloc), VIDMM_RESIDENT_SHARED);
    assert_null(vidmm_adapter_check(first.adapter));
    end_run(&first);
    run_once(&second);
    thing_destroy(&one);
    thing_destroy(&two);
    world_leave(&second);
    world_close(&first);
}

/* What one device alone could never have in place is refused, whatever its budget says. */
static void a_device_lists_no_more_than_fits(void **state)
{
    (void)state;
    struct udxg_adapter_caps caps = discrete_caps(MIB);
    caps.segments[0].flags = 0; /* no budget */
    struct world world;
    struct thing one, two;
    world_open(&world, &caps);
    make_local(&world, &one, 768 * KIB, D3DDDI_ALLOCATIONPRIORITY_NORMAL);
    make_local(&world, &two, 512 * KIB, D3DDDI_ALLOCATIONPRIORITY_NORMAL);
    list_and_wait(&world, &one);
    uint64_t trim = 0;
    assert_int_equal(try_resident(&world, &two, &trim), STATUS_NO_MEMORY);
    assert_int_equal(trim, 256 * KIB);
    assert_null(vidmm_adapter_check(world.adapter));
    evict(&world, &one, 0);
    assert_int_equal(try_resident(&world, &two, &trim), STATUS_PENDING);
    thing_destroy(&one);
    thing_destroy(&two);
    world_close(&world);
}

/* ---- all of it at once ---- */

#define MOST_RUNNERS 17u
#define PIECES 16u

struct runner {
    struct world world;
    struct thing things[PIECES];
    uint64_t words[PIECES]; /* each page's first word holds it */
    unsigned pieces;
    unsigned runs;
    uint64_t longest_ns; /* that it had to wait */
    struct random random;
};

static void write_pages(struct runner *runner, unsigned piece, uint64_t word)
{
    struct udxg_gpu_memory *memory = &runner->world.memory;
    const struct thing *thing = &runner->things[piece];
    uint64_t fault;
    for (uint64_t at = 0; at < thing->alloc.size_bytes; at += 4 * KIB)
        CHECK(memory->write(memory->context, thing->va + at, &word, 8, &fault) == STATUS_SUCCESS);
    runner->words[piece] = word;
}

static void verify_pages(struct runner *runner, unsigned piece)
{
    struct udxg_gpu_memory *memory = &runner->world.memory;
    const struct thing *thing = &runner->things[piece];
    uint64_t fault, word;
    for (uint64_t at = 0; at < thing->alloc.size_bytes; at += 4 * KIB) {
        CHECK(memory->read(memory->context, thing->va + at, &word, 8, &fault) == STATUS_SUCCESS);
        CHECK(word == runner->words[piece]);
    }
}

static void *run_runs(void *argument)
{
    struct runner *runner = argument;
    for (unsigned i = 0; i < runner->runs; i++) {
        uint64_t start_ns = udxg_os_now_ns();
        begin_run(&runner->world);
        uint64_t waited_ns = udxg_os_now_ns() - start_ns;
        if (waited_ns > runner->longest_ns) runner->longest_ns = waited_ns;
        for (unsigned piece = 0; piece < runner->pieces; piece++) CHECK(is_in_segment(&runner->things[piece]));
        unsigned piece = (unsigned)random_below(&runner->random, runner->pieces);
        verify_pages(runner, piece);
        udxg_os_nap_ns(500000);
        if (i % 2) write_pages(runner, piece, runner->words[piece] + MOST_RUNNERS);
        for (piece = 0; piece < runner->pieces; piece++) CHECK(is_in_segment(&runner->things[piece]));
        end_run(&runner->world);
        if (i % 16 == 0) CHECK(vidmm_adapter_check(runner->world.adapter) == NULL);
    }
    return NULL;
}

static void runner_open(struct runner *runner, unsigned index, uint64_t piece_bytes)
{
    runner->random = random_seed("vidmm over-commit", index);
    for (unsigned piece = 0; piece < runner->pieces; piece++) {
        struct thing *thing = &runner->things[piece];
        make_local(&runner->world, thing, piece_bytes, D3DDDI_ALLOCATIONPRIORITY_NORMAL);
        list_forced(&runner->world, thing);
        begin_run(&runner->world);
        write_pages(runner, piece, index + 1 + 100 * piece);
        end_run(&runner->world);
    }
}

/* Each but the last, which is small, lists a MiB; nothing may go to the aperture. */
struct over_commit {
    uint64_t local_bytes;
    unsigned runners;
};

static void over_commit(void **state)
{
    const char *wish = getenv("UDXG_TEST_STEPS");
    const struct over_commit *over = *state;
    static struct runner runners[MOST_RUNNERS];
    struct udxg_adapter_caps caps = discrete_caps(over->local_bytes);
    pthread_t threads[MOST_RUNNERS];
    for (unsigned i = 0; i < over->runners; i++) {
        runners[i] = (struct runner){.runs = wish ? (unsigned)strtoul(wish, NULL, 0) : 40};
        runners[i].pieces = i == over->runners - 1 ? 1 : PIECES;
        if (i == 0)
            world_open(&runners[i].world, &caps);
        else
            world_join(&runners[i].world, runners[0].world.adapter);
        runner_open(&runners[i], i, MIB / PIECES);
    }
    assert_null(vidmm_adapter_check(runners[0].world.adapter));
    for (unsigned i = 0; i < over->runners; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run_runs, &runners[i]), 0);
    for (unsigned i = 0; i < over->runners; i++) assert_int_equal(pthread_join(threads[i], NULL), 0);
    struct vidmm_segment_info info = segment_info(&runners[0].world, LOCAL);
    /* It has its turn when each of the others has had one: a slice, and what moving a MiB takes on a busy machine. */
    assert_true(runners[over->runners - 1].longest_ns < over->runners * UINT64_C(1000000000));
    printf("# %llu MiB in, %llu MiB out, %llu MiB dropped clean; the small one waited for at most %llu ms\n",
           (unsigned long long)(info.paged_in_bytes / MIB), (unsigned long long)(info.paged_out_bytes / MIB),
           (unsigned long long)(info.discarded_bytes / MIB),
           (unsigned long long)(runners[over->runners - 1].longest_ns / 1000000));
    assert_null(vidmm_adapter_check(runners[0].world.adapter));
    for (unsigned i = over->runners; i-- > 0;) {
        struct runner *runner = &runners[i];
        run_once(&runner->world);
        for (unsigned piece = 0; piece < runner->pieces; piece++) {
            verify_pages(runner, piece);
            thing_destroy(&runner->things[piece]);
        }
        assert_int_equal(runner->world.failed, STATUS_SUCCESS);
        if (i) world_leave(&runner->world);
    }
    world_close(&runners[0].world);
}

/* Listed while it was locked, it is in the aperture; nothing but the unlocking says that it may come. */
static void what_is_unlocked_comes(void **state)
{
    (void)state;
    struct udxg_adapter_caps caps = discrete_caps(MIB);
    struct world world;
    struct thing thing;
    void *address;
    world_open(&world, &caps);
    thing_make_plain(&world, &thing, SMALL);
    assert_int_equal(vidmm_alloc_lock(&thing.alloc, &address), STATUS_SUCCESS);
    list_and_wait(&world, &thing);
    assert_int_equal(vidmm_alloc_residency(&thing.alloc), VIDMM_RESIDENT_SHARED);
    udxg_os_nap_ns(100000000);
    assert_int_equal(vidmm_alloc_unlock(&thing.alloc), STATUS_SUCCESS);
    assert_true(comes(is_in_segment, &thing));
    thing_destroy(&thing);
    world_close(&world);
}

/* The room that others gave back is too little for the first of those that wait for it, and enough for another. */
static void a_large_one_holds_nobody_back(void **state)
{
    (void)state;
    struct udxg_adapter_caps caps = discrete_caps(MIB);
    struct world first, second;
    struct thing large, small, two[2];
    world_open(&first, &caps);
    world_join(&second, first.adapter);
    make_local(&first, &large, MIB - SMALL, D3DDDI_ALLOCATIONPRIORITY_NORMAL);
    make_local(&first, &small, SMALL, D3DDDI_ALLOCATIONPRIORITY_NORMAL);
    make_local(&second, &two[0], MIB - SMALL, D3DDDI_ALLOCATIONPRIORITY_NORMAL);
    make_local(&second, &two[1], SMALL, D3DDDI_ALLOCATIONPRIORITY_NORMAL);
    list_and_wait(&first, &large);
    list_and_wait(&first, &small);
    for (unsigned i = 0; i < 2; i++) list_and_wait(&second, &two[i]);
    run_once(&second);
    assert_false(is_in_segment(&large));
    assert_false(is_in_segment(&small));
    thing_destroy(&two[1]);
    assert_true(comes(is_in_segment, &small));
    assert_false(is_in_segment(&large));
    assert_null(vidmm_adapter_check(first.adapter));
    thing_destroy(&two[0]);
    assert_true(comes(is_in_segment, &large));
    thing_destroy(&large);
    thing_destroy(&small);
    world_leave(&second);
    world_close(&first);
}

/* ---- many at once ---- */

#define SLOTS 16u /* of either segment of corner_caps(), in small things */

static struct udxg_adapter_caps corner_caps(void)
{
    struct udxg_adapter_caps caps = discrete_caps(SLOTS * SMALL);
    caps.segments[APERTURE - 1].size_bytes = SLOTS * SMALL;
    return caps;
}

static void make_in(struct world *world, struct thing *things, unsigned count, uint32_t supported_segments)
{
    struct vidmm_alloc_desc desc = thing_desc(world, SMALL);
    desc.supported_segments = supported_segments;
    if (!(supported_segments & SET(LOCAL))) desc.preferred[0].segment_id = APERTURE;
    for (unsigned i = 0; i < count; i++) thing_make(world, &things[i], &desc);
}

static void list_all(struct world *world, struct thing *things, unsigned count)
{
    struct vidmm_binding *bindings[SLOTS];
    uint64_t fence, trim;
    for (unsigned i = 0; i < count; i++) bindings[i] = &things[i].binding;
    assert_false(
        udxg_failed(vidmm_make_resident(world->queue, count, bindings, VIDMM_CANT_TRIM_FURTHER, &fence, &trim)));
    world_wait(world, fence);
}

static void destroy_all(struct thing *things, unsigned count)
{
    for (unsigned i = 0; i < count; i++) thing_destroy(&things[i]);
}

/* What waits for room can be named again and again, and each time is an operation that waits too: but not for ever. */
static void a_queue_can_be_full(void **state)
{
    (void)state;
    struct udxg_adapter_caps caps = discrete_caps(MIB);
    struct world first, second;
    struct thing one, two;
    struct vidmm_binding *binding = &two.binding, **many = calloc(10240, sizeof *many);
    uint64_t fence = 0, last = 0, trim = 1, listed = 0;
    udxg_status status;
    world_open(&first, &caps);
    world_join(&second, first.adapter);
    make_local(&first, &one, MIB, D3DDDI_ALLOCATIONPRIORITY_NORMAL);
    make_local(&second, &two, MIB, D3DDDI_ALLOCATIONPRIORITY_NORMAL);
    list_and_wait(&first, &one);
    begin_run(&first);
    assert_non_null(many);
    for (unsigned i = 0; i < 10240; i++) many[i] = binding;
    while ((status = vidmm_make_resident(second.queue, 10240, many, VIDMM_CANT_TRIM_FURTHER, &fence, &trim)) ==
           STATUS_PENDING) {
        assert_true(fence > last);
        last = fence;
        listed += 10240;
        assert_true(listed <= 4 * MIB);
    }
    assert_int_equal(status, STATUS_NO_MEMORY);
    assert_int_equal(trim, 0);
    assert_int_equal(fence, last);
    assert_null(vidmm_adapter_check(first.adapter));
    end_run(&first);
    world_wait(&second, last);
    list_and_wait(&second, &two); /* there is room in it again */
    free(many);
    thing_destroy(&one);
    thing_destroy(&two);
    world_leave(&second);
    world_close(&first);
}

/* ---- a device that ends when it hears of its failure ---- */

struct mortal {
    struct vidmm_device device;
    struct thing large;
    atomic_bool gone;
};

static void die(struct vidmm_device *device, udxg_status why)
{
    struct mortal *mortal = udxg_container_of(device, struct mortal, device);
    CHECK(why == STATUS_NO_MEMORY);
    thing_destroy(&mortal->large);
    vidmm_device_fini(device);
    memset(device, 0xee, sizeof *device);
    atomic_store(&mortal->gone, true);
}

static void is_ready(struct vidmm_device *device)
{
    (void)device;
}

static void list_large(struct world *world, struct mortal *mortal)
{
    struct vidmm_alloc_desc desc = thing_desc(world, 8 * SMALL);
    struct vidmm_binding *binding = &mortal->large.binding;
    struct vidmm_queue *queue;
    uint64_t fence, trim;
    desc.supported_segments = SET(LOCAL);
    desc.flags |= UDXG_ALLOCATION_ACCESSED_PHYSICALLY;
    vidmm_device_init(&mortal->device, world->process, is_ready, die);
    assert_int_equal(vidmm_queue_create(&mortal->device, 0, world_completed, world, &queue), STATUS_SUCCESS);
    assert_int_equal(vidmm_alloc_init(&mortal->large.alloc, world->process, &desc), STATUS_SUCCESS);
    vidmm_binding_init(binding, &mortal->large.alloc, &mortal->device);
    assert_int_equal(vidmm_make_resident(queue, 1, &binding, VIDMM_CANT_TRIM_FURTHER, &fence, &trim), STATUS_PENDING);
    vidmm_queue_destroy(queue);
}

/* It gets the bytes that it waits for, but not in one piece, because of one that runs: and its owner lets it go. */
static void a_device_may_end_in_its_callback(void **state)
{
    (void)state;
    struct udxg_adapter_caps caps = discrete_caps(SLOTS * SMALL);
    struct world world, other;
    struct thing things[SLOTS];
    static struct mortal mortal;
    world_open(&world, &caps);
    world_join(&other, world.adapter);
    list_large(&world, &mortal);
    make_in(&other, things, SLOTS, SET(LOCAL));
    list_all(&other, things, SLOTS);
    begin_run(&other);
    assert_false(vidmm_device_begin_run(&mortal.device));
    for (unsigned i = 0; i < SLOTS; i += 2) evict(&other, &things[i], 0);
    uint64_t deadline_ns = udxg_os_now_ns() + PATIENCE_NS;
    while (!atomic_load(&mortal.gone) && udxg_os_now_ns() < deadline_ns) udxg_os_nap_ns(1000000);
    assert_true(atomic_load(&mortal.gone));
    end_run(&other);
    destroy_all(things, SLOTS);
    world_leave(&other);
    world_close(&world);
}

/* ---- nobody is pushed into a corner ---- */

/*
 * A device fills both segments. A second takes room in the aperture and gives it back, a third takes the video memory:
 * what the first had there must not fill the aperture that it needs for the rest, or it never runs again.
 */
static void giving_way_leaves_room_for_the_rest(void **state)
{
    (void)state;
    struct udxg_adapter_caps caps = corner_caps();
    struct world first, second, third;
    struct thing local[SLOTS - 1], aperture[SLOTS - 1], others[SLOTS / 2], locals[SLOTS - 1];
    world_open(&first, &caps);
    world_join(&second, first.adapter);
    world_join(&third, first.adapter);
    make_in(&first, local, SLOTS - 1, SET(LOCAL) | SET(APERTURE));
    make_in(&first, aperture, SLOTS - 1, SET(APERTURE));
    make_in(&second, others, SLOTS / 2, SET(APERTURE));
    make_in(&third, locals, SLOTS - 1, SET(LOCAL));
    list_all(&first, local, SLOTS - 1);
    list_all(&first, aperture, SLOTS - 1);
    list_all(&second, others, SLOTS / 2);
    run_once(&second);
    destroy_all(others, SLOTS / 2);
    list_all(&third, locals, SLOTS - 1);
    run_once(&third);
    assert_null(vidmm_adapter_check(first.adapter));
    run_once(&first);
    run_once(&third);
    run_once(&first);
    destroy_all(local, SLOTS - 1);
    destroy_all(aperture, SLOTS - 1);
    destroy_all(locals, SLOTS - 1);
    world_leave(&third);
    world_leave(&second);
    world_close(&first);
}

int main(void)
{
    static struct over_commit rows[] = {{2 * MIB, 4}, {MIB, 3}, {MIB, 5}, {MIB, 17}};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_suspended_device_comes_back),
        cmocka_unit_test(what_runs_is_not_taken),
        cmocka_unit_test(what_is_shared_stays_for_who_runs),
        cmocka_unit_test(priorities_are_kept_in_order),
        cmocka_unit_test(others_go_before_ones_own),
        cmocka_unit_test(room_is_taken_politely),
        cmocka_unit_test(an_aperture_is_shared_too),
        cmocka_unit_test(a_device_lists_no_more_than_fits),
        cmocka_unit_test(what_is_unlocked_comes),
        cmocka_unit_test(a_large_one_holds_nobody_back),
        cmocka_unit_test(a_queue_can_be_full),
        cmocka_unit_test(a_device_may_end_in_its_callback),
        cmocka_unit_test(giving_way_leaves_room_for_the_rest),
        {"over_commit by 1.5", over_commit, NULL, NULL, &rows[0]},
        {"over_commit by 2", over_commit, NULL, NULL, &rows[1]},
        {"over_commit by 4", over_commit, NULL, NULL, &rows[2]},
        {"over_commit by 16", over_commit, NULL, NULL, &rows[3]},
    };
    return cmocka_run_group_tests_name("vidmm over-commit", tests, NULL, NULL);
}
