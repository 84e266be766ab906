/* SPDX-License-Identifier: MIT */
/* Residency, placement, budgets and locks of the memory manager, on adapters with and without video memory. */
#include "vidmm_fixture.h"

#include <stdlib.h>

#include "base/os.h"

#define SMALL (64 * KIB)

static uint64_t *words_of(uint64_t size_bytes)
{
    uint64_t *words = malloc(size_bytes);
    assert_non_null(words);
    return words;
}

/* An engine writes it full. */
static void write_content(struct world *world, struct thing *thing, uint64_t seed)
{
    uint64_t size = thing->alloc.size_bytes, fault = 0, *words = words_of(size);
    content_make(seed, words, size / 8);
    assert_int_equal(world->memory.write(world->memory.context, thing->va, words, size, &fault), STATUS_SUCCESS);
    free(words);
}

static bool engine_sees(struct world *world, struct thing *thing, uint64_t seed)
{
    uint64_t size = thing->alloc.size_bytes, fault = 0, *words = words_of(size);
    assert_int_equal(world->memory.read(world->memory.context, thing->va, words, size, &fault), STATUS_SUCCESS);
    bool same = content_is(seed, words, size / 8);
    free(words);
    return same;
}

static void check_sizes(void **state)
{
    (void)state;
    struct udxg_adapter_caps caps = discrete_caps(64 * MIB);
    caps.aperture_commit_limit_bytes = 32 * MIB;
    struct world world;
    world_open(&world, &caps);
    struct vidmm_sizes sizes;
    vidmm_adapter_sizes(world.adapter, &sizes);
    assert_int_equal(sizes.dedicated_video_bytes, 64 * MIB);
    assert_int_equal(sizes.dedicated_system_bytes, 0);
    assert_int_equal(sizes.shared_system_bytes, 32 * MIB);
    assert_int_equal(sizes.local_bytes, 64 * MIB);
    assert_int_equal(sizes.non_local_bytes, 256 * MIB);
    struct vidmm_segment_info info;
    assert_int_equal(vidmm_adapter_segment(world.adapter, 0, &info), STATUS_INVALID_PARAMETER);
    assert_int_equal(vidmm_adapter_segment(world.adapter, 3, &info), STATUS_INVALID_PARAMETER);
    world_close(&world);
}

static void a_uma_adapter_copies_nothing(void **state)
{
    (void)state;
    struct udxg_adapter_caps caps = uma_caps();
    struct world world;
    struct thing thing;
    world_open(&world, &caps);
    thing_make_plain(&world, &thing, SMALL);
    struct vidmm_binding *binding = &thing.binding;
    uint64_t fence = 1, trim;
    assert_int_equal(vidmm_alloc_residency(&thing.alloc), VIDMM_NOT_RESIDENT);
    assert_int_equal(vidmm_make_resident(world.queue, 1, &binding, 0, &fence, &trim), STATUS_SUCCESS);
    assert_int_equal(fence, 0);
    assert_int_equal(vidmm_alloc_residency(&thing.alloc), VIDMM_RESIDENT_SHARED);
    assert_int_equal(segment_info(&world, 1).resident_bytes, SMALL);
    write_content(&world, &thing, 7);
    assert_true(content_is(7, thing.alloc.home, SMALL / 8));
    evict(&world, &thing, 0);
    assert_int_equal(vidmm_alloc_residency(&thing.alloc), VIDMM_NOT_RESIDENT);
    assert_int_equal(segment_info(&world, 1).resident_bytes, 0);
    thing_destroy(&thing);
    world_close(&world);
}

static void residency_counts(void **state)
{
    struct udxg_adapter_caps caps = *state ? discrete_caps(MIB) : uma_caps();
    struct world world;
    struct thing thing;
    world_open(&world, &caps);
    thing_make_plain(&world, &thing, SMALL);
    struct vidmm_binding *twice[2] = {&thing.binding, &thing.binding};
    uint64_t fence, trim;
    assert_false(udxg_failed(vidmm_make_resident(world.queue, 2, twice, 0, &fence, &trim)));
    world_wait(&world, fence);
    make_resident(&world, &thing);
    assert_int_equal(segment_info(&world, 1).resident_allocations, 1);
    assert_int_equal(vidmm_evict(&world.device, 2, twice, 0, &trim), STATUS_SUCCESS);
    assert_int_equal(usage_of(&world, VIDMM_GROUP_LOCAL), SMALL);
    assert_int_equal(vidmm_evict(&world.device, 2, twice, 0, &trim), STATUS_INVALID_PARAMETER);
    assert_int_equal(usage_of(&world, VIDMM_GROUP_LOCAL), SMALL);
    evict(&world, &thing, 0);
    assert_int_equal(usage_of(&world, VIDMM_GROUP_LOCAL), 0);
    assert_int_equal(vidmm_evict(&world.device, 1, twice, 0, &trim), STATUS_INVALID_PARAMETER);
    thing_destroy(&thing);
    world_close(&world);
}

/* What is listed and in place is counted up by its hold alone, all of a call's or none. */
static void again_needs_all_in_place(void **state) UDXG_NO_TSA
{
    struct udxg_adapter_caps caps = *state ? discrete_caps(MIB) : uma_caps();
    struct world world;
    struct thing things[2];
    world_open(&world, &caps);
    for (unsigned i = 0; i < 2; i++) thing_make_plain(&world, &things[i], SMALL);
    struct vidmm_hold lent;
    vidmm_binding_lend(&things[0].binding, &lent);
    struct vidmm_hold *holds[] = {&lent, &lent, &things[1].binding.own};
    assert_false(vidmm_make_resident_again(&world.device, 1, holds));
    make_resident(&world, &things[0]);
    assert_true(vidmm_make_resident_again(&world.device, 2, holds));
    assert_false(vidmm_make_resident_again(&world.device, 3, holds));
    assert_int_equal(lent.count, 3);
    vidmm_binding_take_back(&things[0].binding);
    lent = (struct vidmm_hold){0};
    for (unsigned i = 0; i < 3; i++) evict(&world, &things[0], 0);
    assert_int_equal(usage_of(&world, VIDMM_GROUP_LOCAL), 0);
    for (unsigned i = 0; i < 2; i++) thing_destroy(&things[i]);
    world_close(&world);
}

/* A count has an end, which the whole call feels. */
static void counts_end(void **state) UDXG_NO_TSA
{
    (void)state;
    struct udxg_adapter_caps caps = uma_caps();
    struct world world;
    struct thing thing;
    world_open(&world, &caps);
    thing_make_plain(&world, &thing, SMALL);
    make_resident(&world, &thing);
    struct vidmm_hold *holds[] = {&thing.binding.own, &thing.binding.own};
    struct vidmm_binding *twice[] = {&thing.binding, &thing.binding};
    uint64_t fence, trim;
    thing.binding.own.count = UINT32_MAX - 1;
    assert_false(vidmm_make_resident_again(&world.device, 2, holds));
    assert_int_equal(vidmm_make_resident(world.queue, 2, twice, 0, &fence, &trim), STATUS_INVALID_PARAMETER);
    assert_int_equal(thing.binding.own.count, UINT32_MAX - 1);
    assert_true(vidmm_make_resident_again(&world.device, 1, holds));
    assert_false(vidmm_make_resident_again(&world.device, 1, holds));
    assert_int_equal(thing.binding.own.count, UINT32_MAX);
    thing_destroy(&thing);
    world_close(&world);
}

/* An offer takes it out of its place, also for who had it there. */
static void again_sees_an_offer(void **state)
{
    (void)state;
    struct udxg_adapter_caps caps = uma_caps();
    struct world world;
    struct thing thing;
    world_open(&world, &caps);
    thing_make_plain(&world, &thing, SMALL);
    make_resident(&world, &thing);
    struct vidmm_binding *binding = &thing.binding;
    struct vidmm_hold *hold = &thing.binding.own;
    struct vidmm_offer_terms terms = {.at_once = true};
    enum vidmm_reclaim_result result;
    uint64_t number;
    assert_int_equal(vidmm_offer(&world.device, 1, &binding, &terms, &number), STATUS_SUCCESS);
    assert_false(vidmm_make_resident_again(&world.device, 1, &hold));
    assert_int_equal(vidmm_reclaim(&world.device, world.queue, 1, &binding, &result, &number), STATUS_SUCCESS);
    assert_true(vidmm_make_resident_again(&world.device, 1, &hold));
    thing_destroy(&thing);
    world_close(&world);
}

static void bytes_move_on_a_discrete_adapter(void **state)
{
    (void)state;
    struct udxg_adapter_caps caps = discrete_caps(MIB);
    struct world world;
    struct thing thing;
    world_open(&world, &caps);
    thing_make_plain(&world, &thing, SMALL);
    make_resident(&world, &thing);
    assert_int_equal(vidmm_alloc_residency(&thing.alloc), VIDMM_RESIDENT_GPU);
    assert_int_equal(segment_info(&world, LOCAL).paged_in_bytes, SMALL);
    write_content(&world, &thing, 1);
    assert_false(content_is(1, thing.alloc.home, SMALL / 8)); /* only the segment has it */
    assert_true(engine_sees(&world, &thing, 1));
    void *address;
    assert_int_equal(vidmm_alloc_lock(&thing.alloc, &address), STATUS_SUCCESS);
    assert_ptr_equal(address, thing.alloc.home);
    assert_true(content_is(1, address, SMALL / 8));
    assert_int_equal(segment_info(&world, LOCAL).paged_out_bytes, SMALL);
    thing_destroy(&thing);
    world_close(&world);
}

static void content_survives_a_thousand_evictions(void **state)
{
    (void)state;
    struct udxg_adapter_caps caps = discrete_caps(MIB);
    struct world world;
    struct thing things[2];
    world_open(&world, &caps);
    void *addresses[2];
    for (unsigned i = 0; i < 2; i++) {
        thing_make_plain(&world, &things[i], 640 * KIB); /* one at a time fits */
        assert_int_equal(vidmm_alloc_lock(&things[i].alloc, &addresses[i]), STATUS_SUCCESS);
        content_make(i, addresses[i], 640 * KIB / 8);
        assert_int_equal(vidmm_alloc_unlock(&things[i].alloc), STATUS_SUCCESS);
    }
    for (unsigned round = 0; round < 1000; round++) {
        struct thing *thing = &things[round % 2];
        uint64_t word = round, fault = 0;
        make_resident(&world, thing);
        assert_int_equal(vidmm_alloc_residency(&thing->alloc), VIDMM_RESIDENT_GPU);
        /* dirty it, so that the bytes have to travel back */
        assert_int_equal(world.memory.write(world.memory.context, thing->va + 8 * round, &word, 8, &fault), 0);
        word = content_at(round % 2, round);
        assert_int_equal(world.memory.write(world.memory.context, thing->va + 8 * round, &word, 8, &fault), 0);
        evict(&world, thing, VIDMM_EVICT_ONLY_IF_NECESSARY);
    }
    assert_true(segment_info(&world, LOCAL).paged_out_bytes >= 999 * 640 * KIB);
    for (unsigned i = 0; i < 2; i++) {
        void *address;
        assert_int_equal(vidmm_alloc_lock(&things[i].alloc, &address), STATUS_SUCCESS);
        assert_ptr_equal(address, addresses[i]);
        assert_true(content_is(i, address, 640 * KIB / 8));
        thing_destroy(&things[i]);
    }
    world_close(&world);
}

static void a_clean_allocation_is_dropped(void **state)
{
    (void)state;
    struct udxg_adapter_caps caps = discrete_caps(MIB);
    struct world world;
    struct thing thing, other;
    world_open(&world, &caps);
    thing_make_plain(&world, &thing, 640 * KIB);
    thing_make_plain(&world, &other, 640 * KIB);
    make_resident(&world, &thing);
    assert_int_equal(segment_info(&world, LOCAL).paged_out_bytes, 0);
    evict(&world, &thing, VIDMM_EVICT_ONLY_IF_NECESSARY);
    assert_int_equal(vidmm_alloc_residency(&thing.alloc), VIDMM_RESIDENT_GPU); /* kept */
    make_resident(&world, &other);
    assert_int_equal(vidmm_alloc_residency(&thing.alloc), VIDMM_NOT_RESIDENT);
    assert_int_equal(segment_info(&world, LOCAL).paged_out_bytes, 0);
    assert_int_equal(segment_info(&world, LOCAL).discarded_bytes, 640 * KIB);
    /* and a lie about having written costs what was written */
    write_content(&world, &other, 3);
    evict(&world, &other, VIDMM_NOT_WRITTEN_TO);
    make_resident(&world, &thing);
    assert_int_equal(segment_info(&world, LOCAL).paged_out_bytes, 0);
    evict(&world, &thing, 0);
    make_resident(&world, &other);
    assert_false(engine_sees(&world, &other, 3));
    thing_destroy(&thing);
    thing_destroy(&other);
    world_close(&world);
}

/* The word is about one residency and one device: what was written before, or by another, is not given up for it. */
static void not_written_to_is_not_about_before(void **state)
{
    (void)state;
    struct udxg_adapter_caps caps = discrete_caps(MIB);
    struct world world;
    struct thing thing, other;
    world_open(&world, &caps);
    thing_make_plain(&world, &thing, 640 * KIB);
    thing_make_plain(&world, &other, 640 * KIB);
    make_resident(&world, &thing);
    write_content(&world, &thing, 5);
    evict(&world, &thing, VIDMM_EVICT_ONLY_IF_NECESSARY);
    assert_int_equal(vidmm_alloc_residency(&thing.alloc), VIDMM_RESIDENT_GPU); /* kept, and its home is stale */
    make_resident(&world, &thing);
    evict(&world, &thing, VIDMM_NOT_WRITTEN_TO); /* true: since it was made resident */
    make_resident(&world, &other);
    assert_int_equal(segment_info(&world, LOCAL).paged_out_bytes, 640 * KIB);
    evict(&world, &other, 0);
    make_resident(&world, &thing);
    assert_true(engine_sees(&world, &thing, 5));
    thing_destroy(&thing);
    thing_destroy(&other);
    world_close(&world);
}

static void not_written_to_is_not_about_others(void **state)
{
    (void)state;
    struct udxg_adapter_caps caps = discrete_caps(MIB);
    struct world world, reader;
    struct vidmm_binding binding, *bindings[] = {&binding};
    struct thing thing, other;
    uint64_t fence, trim;
    world_open(&world, &caps);
    world_join(&reader, world.adapter);
    thing_make_plain(&world, &thing, 640 * KIB);
    thing_make_plain(&world, &other, 640 * KIB);
    vidmm_binding_init(&binding, &thing.alloc, &reader.device);
    make_resident(&world, &thing);
    assert_int_equal(vidmm_make_resident(reader.queue, 1, bindings, 0, &fence, &trim), STATUS_SUCCESS);
    write_content(&world, &thing, 6);
    assert_int_equal(vidmm_evict(&reader.device, 1, bindings, VIDMM_NOT_WRITTEN_TO, &trim), STATUS_SUCCESS);
    evict(&world, &thing, 0);
    make_resident(&world, &other);
    evict(&world, &other, 0);
    make_resident(&world, &thing);
    assert_true(engine_sees(&world, &thing, 6));
    vidmm_binding_fini(&binding);
    thing_destroy(&thing);
    thing_destroy(&other);
    world_leave(&reader);
    world_close(&world);
}

static void kept_allocations_come_back_for_nothing(void **state)
{
    (void)state;
    struct udxg_adapter_caps caps = discrete_caps(MIB);
    struct world world;
    struct thing thing;
    uint64_t trim;
    world_open(&world, &caps);
    thing_make_plain(&world, &thing, SMALL);
    make_resident(&world, &thing);
    evict(&world, &thing, VIDMM_EVICT_ONLY_IF_NECESSARY);
    udxg_os_nap_ns(20000000);
    assert_int_equal(vidmm_alloc_residency(&thing.alloc), VIDMM_RESIDENT_GPU);
    assert_int_equal(try_resident(&world, &thing, &trim), STATUS_SUCCESS);
    assert_int_equal(segment_info(&world, LOCAL).paged_in_bytes, SMALL);
    /* any other leaves by itself */
    evict(&world, &thing, 0);
    uint64_t deadline_ns = udxg_os_now_ns() + UINT64_C(10000000000);
    while (vidmm_alloc_residency(&thing.alloc) == VIDMM_RESIDENT_GPU && udxg_os_now_ns() < deadline_ns)
        udxg_os_nap_ns(1000000);
    assert_int_equal(vidmm_alloc_residency(&thing.alloc), VIDMM_NOT_RESIDENT);
    thing_destroy(&thing);
    world_close(&world);
}

static void over_budget_changes_nothing(void **state)
{
    (void)state;
    struct udxg_adapter_caps caps = discrete_caps(MIB);
    struct world world;
    struct thing things[5];
    struct vidmm_binding *bindings[5];
    world_open(&world, &caps);
    for (unsigned i = 0; i < 5; i++) {
        thing_make_plain(&world, &things[i], 256 * KIB); /* creating more than there is is fine */
        bindings[i] = &things[i].binding;
    }
    uint64_t fence = 99, trim = 0;
    make_resident(&world, &things[0]);
    assert_int_equal(vidmm_make_resident(world.queue, 5, bindings, 0, &fence, &trim), STATUS_NO_MEMORY);
    assert_int_equal(trim, 256 * KIB);
    assert_int_equal(fence, 99);
    assert_int_equal(vidmm_make_resident(world.queue, 5, bindings, VIDMM_CANT_TRIM_FURTHER, &fence, &trim),
                     STATUS_NO_MEMORY); /* alone, the current budget is the maximum */
    assert_int_equal(usage_of(&world, VIDMM_GROUP_LOCAL), 256 * KIB);
    assert_null(vidmm_adapter_check(world.adapter));
    for (unsigned i = 1; i < 5; i++)
        assert_int_equal(vidmm_evict(&world.device, 1, &bindings[i], 0, &trim), STATUS_INVALID_PARAMETER);
    evict(&world, &things[0], 0); /* what it asked for */
    assert_int_equal(vidmm_make_resident(world.queue, 4, bindings + 1, 0, &fence, &trim), STATUS_PENDING);
    world_wait(&world, fence);
    assert_int_equal(segment_info(&world, LOCAL).resident_allocations, 4);
    assert_true(vidmm_device_begin_run(&world.device));
    vidmm_device_end_run(&world.device);
    for (unsigned i = 0; i < 5; i++) thing_destroy(&things[i]);
    world_close(&world);
}

static void flags_are_checked(void **state)
{
    (void)state;
    struct udxg_adapter_caps caps = uma_caps();
    struct world world;
    uint64_t fence, trim;
    world_open(&world, &caps);
    assert_int_equal(vidmm_make_resident(world.queue, 0, NULL, VIDMM_MUST_SUCCEED, &fence, &trim),
                     STATUS_INVALID_PARAMETER);
    assert_int_equal(vidmm_make_resident(world.queue, 0, NULL, 0, &fence, &trim), STATUS_SUCCESS);
    struct vidmm_queue *queue;
    assert_int_equal(vidmm_queue_create(&world.device, 2, world_completed, &world, &queue), STATUS_INVALID_PARAMETER);
    world_close(&world);
}

/* What others have filled sends one within its budget to the aperture, unless they have more than their share. */
static void a_full_segment_demotes(void **state)
{
    (void)state;
    struct udxg_adapter_caps caps = discrete_caps(MIB);
    struct world first, second;
    struct thing big, small;
    uint64_t trim = 0;
    world_open(&first, &caps);
    world_join(&second, first.adapter);
    thing_make_plain(&first, &big, MIB);
    struct vidmm_alloc_desc desc = thing_desc(&second, SMALL);
    desc.priority = D3DDDI_ALLOCATIONPRIORITY_LOW;
    thing_make(&second, &small, &desc);
    make_resident(&first, &big);
    write_content(&first, &big, 6);
    assert_int_equal(try_resident(&second, &small, &trim), STATUS_SUCCESS);
    assert_int_equal(vidmm_alloc_residency(&small.alloc), VIDMM_RESIDENT_SHARED);
    assert_int_equal(usage_of(&second, VIDMM_GROUP_NON_LOCAL), SMALL);
    write_content(&second, &small, 5);
    assert_true(engine_sees(&second, &small, 5));
    /* one that supports nothing else is given the room of the other, which goes to the aperture */
    struct thing only_local;
    desc.supported_segments = SET(LOCAL);
    thing_make(&second, &only_local, &desc);
    assert_int_equal(try_resident(&second, &only_local, &trim), STATUS_PENDING);
    assert_int_equal(vidmm_alloc_residency(&only_local.alloc), VIDMM_RESIDENT_GPU);
    assert_int_equal(vidmm_alloc_residency(&big.alloc), VIDMM_RESIDENT_SHARED);
    assert_int_equal(usage_of(&first, VIDMM_GROUP_LOCAL), 0);
    assert_true(engine_sees(&first, &big, 6));
    assert_true(vidmm_device_begin_run(&first.device)); /* being demoted does not stop it */
    vidmm_device_end_run(&first.device);
    thing_destroy(&only_local);
    thing_destroy(&small);
    thing_destroy(&big);
    world_leave(&second);
    world_close(&first);
}

static void budgets_are_shared(void **state)
{
    (void)state;
    struct udxg_adapter_caps caps = discrete_caps(8 * MIB);
    struct world first, second;
    struct thing things[2];
    struct vidmm_budget budget;
    world_open(&first, &caps);
    world_join(&second, first.adapter);
    vidmm_process_budget(first.process, VIDMM_GROUP_LOCAL, &budget);
    assert_int_equal(budget.budget_bytes, 8 * MIB);
    assert_int_equal(budget.reservation_bytes, 0);
    assert_true(budget.available_for_reservation_bytes <= budget.budget_bytes);
    thing_make_plain(&first, &things[0], 2 * MIB);
    make_resident(&first, &things[0]);
    vidmm_process_budget(second.process, VIDMM_GROUP_LOCAL, &budget);
    assert_int_equal(budget.budget_bytes, 6 * MIB);
    assert_int_equal(vidmm_process_reserve_budget(first.process, VIDMM_GROUP_LOCAL, 4 * MIB + 1),
                     STATUS_INVALID_PARAMETER);
    assert_int_equal(vidmm_process_reserve_budget(first.process, VIDMM_GROUP_LOCAL, 3 * MIB), STATUS_SUCCESS);
    vidmm_process_budget(second.process, VIDMM_GROUP_LOCAL, &budget);
    assert_int_equal(budget.budget_bytes, 5 * MIB);
    assert_int_equal(budget.available_for_reservation_bytes, 1 * MIB);
    thing_make_plain(&second, &things[1], 6 * MIB);
    uint64_t trim = 0;
    assert_int_equal(try_resident(&second, &things[1], &trim), STATUS_NO_MEMORY);
    assert_int_equal(trim, 1 * MIB);
    thing_destroy(&things[0]);
    thing_destroy(&things[1]);
    world_leave(&second);
    world_close(&first);
}

static void a_lock_demotes_for_its_time(void **state)
{
    (void)state;
    struct udxg_adapter_caps caps = discrete_caps(MIB);
    struct world world;
    struct thing thing;
    void *first, *second;
    world_open(&world, &caps);
    thing_make_plain(&world, &thing, SMALL);
    make_resident(&world, &thing);
    write_content(&world, &thing, 1);
    assert_int_equal(vidmm_alloc_lock(&thing.alloc, &first), STATUS_SUCCESS);
    assert_int_equal(vidmm_alloc_lock(&thing.alloc, &second), STATUS_SUCCESS);
    assert_ptr_equal(first, second);
    assert_int_equal(vidmm_alloc_residency(&thing.alloc), VIDMM_RESIDENT_SHARED);
    assert_int_equal(usage_of(&world, VIDMM_GROUP_LOCAL), 0);
    assert_true(content_is(1, first, SMALL / 8));
    content_make(2, first, SMALL / 8);
    assert_true(engine_sees(&world, &thing, 2)); /* through the aperture, while locked */
    evict(&world, &thing, 0);
    make_resident(&world, &thing);
    assert_int_equal(vidmm_alloc_residency(&thing.alloc), VIDMM_RESIDENT_SHARED);
    assert_int_equal(vidmm_alloc_unlock(&thing.alloc), STATUS_SUCCESS);
    assert_int_equal(vidmm_alloc_unlock(&thing.alloc), STATUS_SUCCESS);
    assert_int_equal(vidmm_alloc_unlock(&thing.alloc), STATUS_INVALID_PARAMETER);
    evict(&world, &thing, 0);
    make_resident(&world, &thing); /* promoted */
    assert_int_equal(vidmm_alloc_residency(&thing.alloc), VIDMM_RESIDENT_GPU);
    assert_true(engine_sees(&world, &thing, 2));
    thing_destroy(&thing);
    world_close(&world);
}

static void what_may_be_locked(void **state)
{
    (void)state;
    struct udxg_adapter_caps caps = discrete_caps(MIB);
    struct world world;
    struct thing hidden, visible;
    void *address;
    world_open(&world, &caps);
    struct vidmm_alloc_desc desc = thing_desc(&world, SMALL);
    desc.supported_segments = SET(LOCAL);
    thing_make(&world, &visible, &desc);
    desc.flags = 0;
    thing_make(&world, &hidden, &desc);
    make_resident(&world, &visible);
    make_resident(&world, &hidden);
    assert_int_equal(vidmm_alloc_lock(&hidden.alloc, &address), STATUS_INVALID_PARAMETER);
    assert_int_equal(vidmm_alloc_residency(&hidden.alloc), VIDMM_RESIDENT_GPU);
    write_content(&world, &visible, 4);
    assert_int_equal(vidmm_alloc_lock(&visible.alloc, &address), STATUS_SUCCESS);
    assert_true(content_is(4, address, SMALL / 8));
    assert_true(engine_sees(&world, &visible, 4));
    thing_destroy(&hidden);
    thing_destroy(&visible);
    /* out of video memory it may, and then it must not go there */
    thing_make(&world, &hidden, &desc);
    assert_int_equal(vidmm_alloc_lock(&hidden.alloc, &address), STATUS_SUCCESS);
    make_resident(&world, &hidden);
    assert_int_equal(segment_info(&world, LOCAL).resident_allocations, 0);
    thing_destroy(&hidden);
    world_close(&world);
}

static void commit_is_charged_at_creation(void **state)
{
    (void)state;
    struct udxg_adapter_caps caps = uma_caps();
    caps.system_commit_limit_bytes = MIB;
    struct world world;
    struct thing thing, other;
    struct vidmm_usage usage;
    world_open(&world, &caps);
    thing_make_plain(&world, &thing, 768 * KIB - 1); /* rounded up */
    vidmm_process_usage(world.process, &usage);
    assert_int_equal(usage.commit_bytes, 768 * KIB);
    assert_int_equal(usage.commit_limit_bytes, MIB);
    assert_int_equal(usage.allocations, 1);
    struct vidmm_alloc_desc desc = thing_desc(&world, 257 * KIB);
    assert_int_equal(vidmm_alloc_init(&other.alloc, world.process, &desc), STATUS_NO_MEMORY);
    void *theirs = NULL;
    assert_int_equal(posix_memalign(&theirs, 4096, 2 * MIB), 0);
    desc.size_bytes = 2 * MIB;
    desc.system_memory = theirs;
    assert_int_equal(vidmm_alloc_init(&other.alloc, world.process, &desc), STATUS_SUCCESS);
    vidmm_process_usage(world.process, &usage);
    assert_int_equal(usage.commit_bytes, 768 * KIB);
    vidmm_alloc_fini(&other.alloc);
    free(theirs);
    thing_destroy(&thing);
    world_close(&world);
}

static void what_fits_nowhere_is_refused(void **state)
{
    (void)state;
    struct udxg_adapter_caps caps = discrete_caps(MIB);
    struct world world;
    struct vidmm_alloc alloc;
    world_open(&world, &caps);
    struct vidmm_alloc_desc desc = thing_desc(&world, MIB + 1);
    desc.supported_segments = SET(LOCAL);
    assert_int_equal(vidmm_alloc_init(&alloc, world.process, &desc), STATUS_GRAPHICS_NO_VIDEO_MEMORY);
    desc.size_bytes = UINT64_MAX;
    assert_int_equal(vidmm_alloc_init(&alloc, world.process, &desc), STATUS_GRAPHICS_NO_VIDEO_MEMORY);
    desc.size_bytes = 0;
    assert_int_equal(vidmm_alloc_init(&alloc, world.process, &desc), STATUS_INVALID_PARAMETER);
    desc.size_bytes = SMALL;
    desc.supported_segments = SET(5);
    assert_int_equal(vidmm_alloc_init(&alloc, world.process, &desc), STATUS_INVALID_PARAMETER);
    world_close(&world);
}

/* A whole number of pages, and the next multiple of 64 KiB is 2^64. */
static void what_wraps_around_fits_nowhere(void **state)
{
    (void)state;
    struct udxg_adapter_caps caps = discrete_caps(MIB);
    struct world world;
    struct vidmm_alloc alloc;
    caps.segments[0].flags |= UDXG_SEGMENT_USE_64KB_PAGES;
    world_open(&world, &caps);
    struct vidmm_alloc_desc desc = thing_desc(&world, 0 - 4 * KIB);
    assert_int_equal(vidmm_alloc_init(&alloc, world.process, &desc), STATUS_GRAPHICS_NO_VIDEO_MEMORY);
    world_close(&world);
}

static void new_memory_is_zero(void **state)
{
    (void)state;
    struct udxg_adapter_caps caps = discrete_caps(MIB);
    struct world world;
    struct thing thing;
    world_open(&world, &caps);
    uint64_t *words = words_of(SMALL), fault;
    for (unsigned round = 0; round < 8; round++) {
        thing_make_plain(&world, &thing, SMALL);
        make_resident(&world, &thing);
        assert_int_equal(world.memory.read(world.memory.context, thing.va, words, SMALL, &fault), STATUS_SUCCESS);
        for (uint64_t i = 0; i < SMALL / 8; i++) assert_int_equal(words[i], 0);
        write_content(&world, &thing, round);
        evict(&world, &thing, 0);
        thing_destroy(&thing);
    }
    free(words);
    world_close(&world);
}

/* Holes between listed allocations: a large one is put together from them. */
static void placement_does_not_need_one_piece(void **state)
{
    (void)state;
    struct udxg_adapter_caps caps = discrete_caps(MIB);
    struct world world;
    struct thing things[16], large;
    world_open(&world, &caps);
    for (unsigned i = 0; i < 16; i++) {
        thing_make_plain(&world, &things[i], SMALL);
        make_resident(&world, &things[i]);
        write_content(&world, &things[i], i);
    }
    for (unsigned i = 0; i < 16; i += 2) evict(&world, &things[i], VIDMM_EVICT_ONLY_IF_NECESSARY);
    thing_make_plain(&world, &large, 8 * SMALL);
    make_resident(&world, &large);
    assert_int_equal(vidmm_alloc_residency(&large.alloc), VIDMM_RESIDENT_GPU);
    write_content(&world, &large, 100);
    assert_true(engine_sees(&world, &large, 100));
    for (unsigned i = 1; i < 16; i += 2) assert_true(engine_sees(&world, &things[i], i));
    assert_null(vidmm_adapter_check(world.adapter));
    evict(&world, &large, 0);
    for (unsigned i = 0; i < 16; i += 2) {
        make_resident(&world, &things[i]);
        assert_true(engine_sees(&world, &things[i], i));
    }
    assert_int_equal(world.failed, STATUS_SUCCESS);
    thing_destroy(&large);
    for (unsigned i = 0; i < 16; i++) thing_destroy(&things[i]);
    world_close(&world);
}

/* One that is accessed physically does need one piece; with no aperture to go to, the device is in error. */
static void fragmentation_is_no_silent_success(void **state)
{
    (void)state;
    struct udxg_adapter_caps caps = discrete_caps(MIB);
    struct world world;
    struct thing things[16], large;
    world_open(&world, &caps);
    for (unsigned i = 0; i < 16; i++) {
        thing_make_plain(&world, &things[i], SMALL);
        make_resident(&world, &things[i]);
    }
    for (unsigned i = 0; i < 16; i += 2) evict(&world, &things[i], 0);
    struct vidmm_alloc_desc desc = thing_desc(&world, 8 * SMALL);
    desc.flags |= UDXG_ALLOCATION_ACCESSED_PHYSICALLY;
    thing_make(&world, &large, &desc);
    make_resident(&world, &large);
    assert_int_equal(vidmm_alloc_residency(&large.alloc), VIDMM_RESIDENT_SHARED);
    assert_int_equal(world.failed, STATUS_SUCCESS);
    thing_destroy(&large);
    desc.supported_segments = SET(LOCAL);
    thing_make(&world, &large, &desc);
    make_resident(&world, &large);
    assert_int_equal(world.failed, STATUS_NO_MEMORY);
    thing_destroy(&large);
    for (unsigned i = 0; i < 16; i++) thing_destroy(&things[i]);
    world_close(&world);
}

/* Destroyed, evicted or locked before the paging thread came to it. */
static void queued_operations_forget(void **state)
{
    (void)state;
    struct udxg_adapter_caps caps = discrete_caps(4 * MIB);
    struct world world;
    world_open(&world, &caps);
    for (unsigned round = 0; round < 200; round++) {
        struct thing things[4];
        struct vidmm_binding *bindings[4];
        for (unsigned i = 0; i < 4; i++) {
            thing_make_plain(&world, &things[i], 512 * KIB);
            bindings[i] = &things[i].binding;
        }
        uint64_t fence, trim;
        void *address;
        assert_int_equal(vidmm_make_resident(world.queue, 4, bindings, 0, &fence, &trim), STATUS_PENDING);
        thing_destroy(&things[3]);
        memset(&things[3], 0xff, sizeof things[3]);
        evict(&world, &things[2], 0);
        assert_int_equal(vidmm_alloc_lock(&things[1].alloc, &address), STATUS_SUCCESS);
        world_wait(&world, fence);
        assert_int_equal(vidmm_alloc_residency(&things[0].alloc), VIDMM_RESIDENT_GPU);
        assert_int_equal(vidmm_alloc_residency(&things[1].alloc), VIDMM_RESIDENT_SHARED);
        for (unsigned i = 0; i < 3; i++) thing_destroy(&things[i]);
    }
    assert_int_equal(segment_info(&world, LOCAL).resident_bytes, 0);
    world_close(&world);
}

/* Destroyed while the paging thread takes it home. */
static void the_end_waits_for_a_copy(void **state)
{
    (void)state;
    struct udxg_adapter_caps caps = discrete_caps(4 * MIB);
    struct world world;
    struct thing thing;
    world_open(&world, &caps);
    for (unsigned round = 0; round < 200; round++) {
        thing_make_plain(&world, &thing, 2 * MIB);
        make_resident(&world, &thing);
        write_content(&world, &thing, round);
        evict(&world, &thing, 0);
        if (round % 2) udxg_os_nap_ns(1000 * round);
        thing_destroy(&thing);
        memset(&thing, 0xff, sizeof thing);
    }
    assert_int_equal(segment_info(&world, LOCAL).resident_bytes, 0);
    world_close(&world);
}

static void *lock_it(void *argument)
{
    struct thing *thing = argument;
    void *address;
    return udxg_failed(vidmm_alloc_lock(&thing->alloc, &address)) ? NULL : address;
}

/* Room that somebody is just leaving is waited for, not given up. */
static void room_that_becomes_free_is_waited_for(void **state)
{
    (void)state;
    struct udxg_adapter_caps caps = discrete_caps(4 * MIB);
    struct world world;
    struct thing leaver, comer;
    world_open(&world, &caps);
    struct vidmm_alloc_desc desc = thing_desc(&world, 3 * MIB);
    desc.supported_segments = SET(LOCAL);
    thing_make(&world, &comer, &desc);
    thing_make_plain(&world, &leaver, 3 * MIB);
    for (unsigned round = 0; round < 100; round++) {
        pthread_t thread;
        void *locked;
        uint64_t trim;
        make_resident(&world, &leaver);
        write_content(&world, &leaver, round);
        assert_int_equal(pthread_create(&thread, NULL, lock_it, &leaver), 0);
        while (try_resident(&world, &comer, &trim) == STATUS_NO_MEMORY) assert_true(trim > 0);
        assert_int_equal(vidmm_alloc_residency(&comer.alloc), VIDMM_RESIDENT_GPU);
        assert_int_equal(pthread_join(thread, &locked), 0);
        assert_ptr_equal(locked, leaver.alloc.home);
        assert_int_equal(vidmm_alloc_unlock(&leaver.alloc), STATUS_SUCCESS);
        evict(&world, &leaver, 0);
        evict(&world, &comer, 0);
    }
    assert_int_equal(world.failed, STATUS_SUCCESS);
    thing_destroy(&leaver);
    thing_destroy(&comer);
    world_close(&world);
}

static void pages_of_64_kib(void **state)
{
    (void)state;
    struct udxg_adapter_caps caps = discrete_caps(MIB);
    caps.segments[0].flags |= UDXG_SEGMENT_USE_64KB_PAGES;
    struct world world;
    struct thing things[17];
    uint64_t trim;
    world_open(&world, &caps);
    for (unsigned i = 0; i < 17; i++) thing_make_plain(&world, &things[i], 4 * KIB);
    for (unsigned i = 0; i < 16; i++) {
        make_resident(&world, &things[i]);
        write_content(&world, &things[i], i);
    }
    assert_int_equal(usage_of(&world, VIDMM_GROUP_LOCAL), MIB);
    assert_int_equal(try_resident(&world, &things[16], &trim), STATUS_NO_MEMORY);
    assert_int_equal(trim, 64 * KIB);
    for (unsigned i = 0; i < 16; i++) assert_true(engine_sees(&world, &things[i], i));
    for (unsigned i = 0; i < 17; i++) thing_destroy(&things[i]);
    world_close(&world);
}

static void a_queue_waits_for_its_operations(void **state)
{
    (void)state;
    struct udxg_adapter_caps caps = discrete_caps(16 * MIB);
    struct world world;
    struct thing thing;
    world_open(&world, &caps);
    thing_make_plain(&world, &thing, 16 * MIB);
    struct vidmm_binding *binding = &thing.binding;
    uint64_t fence, trim;
    assert_int_equal(vidmm_make_resident(world.queue, 1, &binding, 0, &fence, &trim), STATUS_PENDING);
    bool ran = vidmm_device_begin_run(&world.device);
    vidmm_queue_destroy(world.queue);
    assert_int_equal(world.fence, fence);
    pthread_mutex_lock(&world.mutex);
    while (!ran && !world.ready) pthread_cond_wait(&world.moved, &world.mutex);
    pthread_mutex_unlock(&world.mutex);
    assert_true(ran || vidmm_device_begin_run(&world.device));
    vidmm_device_end_run(&world.device);
    world.queue = NULL;
    thing_destroy(&thing);
    world_close(&world);
}

static void shared_by_two_devices(void **state)
{
    (void)state;
    struct udxg_adapter_caps caps = discrete_caps(MIB);
    struct world world;
    struct thing thing;
    struct vidmm_device other;
    struct vidmm_binding binding, *bindings[1] = {&binding};
    struct vidmm_queue *queue;
    world_open(&world, &caps);
    vidmm_device_init(&other, world.process, world_ready, world_failed);
    thing_make_plain(&world, &thing, SMALL);
    vidmm_binding_init(&binding, &thing.alloc, &other);
    make_resident(&world, &thing);
    uint64_t fence, trim;
    assert_int_equal(vidmm_queue_create(&other, 1, world_completed, &world, &queue), STATUS_SUCCESS);
    assert_int_equal(vidmm_make_resident(queue, 1, bindings, 0, &fence, &trim), STATUS_SUCCESS);
    evict(&world, &thing, 0);
    assert_int_equal(usage_of(&world, VIDMM_GROUP_LOCAL), SMALL);
    assert_null(vidmm_adapter_check(world.adapter));
    vidmm_binding_fini(&binding);
    assert_int_equal(usage_of(&world, VIDMM_GROUP_LOCAL), 0);
    vidmm_queue_destroy(queue);
    vidmm_device_fini(&other);
    thing_destroy(&thing);
    world_close(&world);
}

int main(void)
{
    static int discrete = 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(check_sizes),
        cmocka_unit_test(a_uma_adapter_copies_nothing),
        {"residency_counts, uma", residency_counts, NULL, NULL, NULL},
        {"residency_counts, discrete", residency_counts, NULL, NULL, &discrete},
        {"again_needs_all_in_place, uma", again_needs_all_in_place, NULL, NULL, NULL},
        {"again_needs_all_in_place, discrete", again_needs_all_in_place, NULL, NULL, &discrete},
        cmocka_unit_test(counts_end),
        cmocka_unit_test(again_sees_an_offer),
        cmocka_unit_test(bytes_move_on_a_discrete_adapter),
        cmocka_unit_test(content_survives_a_thousand_evictions),
        cmocka_unit_test(a_clean_allocation_is_dropped),
        cmocka_unit_test(not_written_to_is_not_about_before),
        cmocka_unit_test(not_written_to_is_not_about_others),
        cmocka_unit_test(kept_allocations_come_back_for_nothing),
        cmocka_unit_test(over_budget_changes_nothing),
        cmocka_unit_test(flags_are_checked),
        cmocka_unit_test(a_full_segment_demotes),
        cmocka_unit_test(budgets_are_shared),
        cmocka_unit_test(a_lock_demotes_for_its_time),
        cmocka_unit_test(what_may_be_locked),
        cmocka_unit_test(commit_is_charged_at_creation),
        cmocka_unit_test(what_fits_nowhere_is_refused),
        cmocka_unit_test(what_wraps_around_fits_nowhere),
        cmocka_unit_test(new_memory_is_zero),
        cmocka_unit_test(placement_does_not_need_one_piece),
        cmocka_unit_test(fragmentation_is_no_silent_success),
        cmocka_unit_test(queued_operations_forget),
        cmocka_unit_test(the_end_waits_for_a_copy),
        cmocka_unit_test(room_that_becomes_free_is_waited_for),
        cmocka_unit_test(pages_of_64_kib),
        cmocka_unit_test(a_queue_waits_for_its_operations),
        cmocka_unit_test(shared_by_two_devices),
    };
    return cmocka_run_group_tests_name("vidmm residency", tests, NULL, NULL);
}
