/* SPDX-License-Identifier: MIT */
/* Homes in sites: commit, discards with and without a seal, what is shown to whom, and the end. */
#include "vidmm_fixture.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/os.h"
#include "vidmm/pool.h"
#include "vidmm/site.h"
#include "vidmm/window.h"

#define SIZE (256 * KIB)

static const struct vidmm_offer_terms at_once = {.rank = VIDMM_OFFER_NORMAL, .at_once = true, .allow_decommit = true};

static struct vidmm_site *make_site(uint64_t size_bytes)
{
    struct vidmm_site *site;

    assert_int_equal(vidmm_site_create(size_bytes, &site), STATUS_SUCCESS);
    return site;
}

static void make_in(struct world *world, struct thing *thing, struct vidmm_site *site)
{
    struct vidmm_alloc_desc desc = thing_desc(world, SIZE);

    desc.site = site;
    thing_make(world, thing, &desc);
}

static uint64_t committed(struct world *world)
{
    struct vidmm_usage usage;

    assert_null(vidmm_adapter_check(world->adapter));
    assert_null(vidmm_process_check(world->process));
    vidmm_process_usage(world->process, &usage);
    return usage.commit_bytes;
}

static void homes_lie_apart(void **state)
{
    struct udxg_adapter_caps caps = discrete_caps(MIB);
    struct vidmm_site *site = make_site(2 * SIZE);
    struct world world;
    struct thing things[3];
    void *address;
    (void)state;

    world_open(&world, &caps);
    make_in(&world, &things[0], site);
    make_in(&world, &things[1], site);
    thing_make_plain(&world, &things[2], SIZE);
    assert_ptr_equal(things[0].alloc.home, vidmm_pool_base(vidmm_site_pool(site)));
    assert_ptr_equal(things[1].alloc.home, (char *)things[0].alloc.home + SIZE);
    assert_int_equal(vidmm_pool_bytes(vidmm_site_pool(site)), 2 * SIZE);
    assert_int_equal(committed(&world), 3 * SIZE);
    vidmm_site_unref(site); /* what lies there keeps it */

    assert_int_equal(vidmm_alloc_lock(&things[0].alloc, &address), STATUS_SUCCESS);
    content_make(1, address, SIZE / 8);
    assert_int_equal(vidmm_alloc_unlock(&things[0].alloc), STATUS_SUCCESS);
    make_resident(&world, &things[0]);
    assert_int_equal(vidmm_alloc_evict(&things[0].alloc, VIDMM_EVICTED_TO_CLOSE), STATUS_SUCCESS);
    assert_int_equal(vidmm_alloc_lock(&things[0].alloc, &address), STATUS_SUCCESS);
    assert_true(content_is(1, address, SIZE / 8));
    thing_destroy(&things[0]);
    assert_int_equal(committed(&world), 2 * SIZE);
    thing_destroy(&things[1]);
    thing_destroy(&things[2]);
    assert_int_equal(committed(&world), 0);
    world_close(&world);
}

/* What fails leaves nothing: no room in the site, and no commit. */
static void a_full_site_refuses(void **state)
{
    struct udxg_adapter_caps caps = discrete_caps(MIB);
    struct vidmm_site *site = make_site(SIZE);
    struct world world;
    struct thing thing, other;
    (void)state;

    world_open(&world, &caps);
    struct vidmm_alloc_desc desc = thing_desc(&world, SIZE);
    desc.site = site;
    make_in(&world, &thing, site);
    assert_int_equal(vidmm_alloc_init(&other.alloc, world.process, &desc), STATUS_GRAPHICS_NO_VIDEO_MEMORY);
    assert_int_equal(committed(&world), SIZE);
    thing_destroy(&thing);
    make_in(&world, &thing, site);
    thing_destroy(&thing);
    vidmm_site_unref(site);
    world_close(&world);
}

static void contents_can_be_discarded(void **state)
{
    for (unsigned sealed = 0; sealed < 2; sealed++) {
        struct udxg_adapter_caps caps = discrete_caps(MIB);
        struct vidmm_site *site = make_site(SIZE);
        struct world world;
        struct thing thing;
        struct vidmm_binding *binding = &thing.binding;
        enum vidmm_reclaim_result result;
        uint64_t number;
        void *address;
        (void)state;

        world_open(&world, &caps);
        make_in(&world, &thing, site);
        if (sealed) assert_int_equal(udxg_os_seal_readonly(vidmm_pool_fd(vidmm_site_pool(site))), STATUS_SUCCESS);
        memset(thing.alloc.home, 7, SIZE);
        assert_int_equal(vidmm_offer(&world.device, 1, &binding, &at_once, &number), STATUS_SUCCESS);
        assert_int_equal(vidmm_offer_discard(world.process, 1), SIZE);
        assert_int_equal(vidmm_reclaim(&world.device, world.queue, 1, &binding, &result, &number), STATUS_SUCCESS);
        assert_int_equal(result, VIDMM_RECLAIM_DISCARDED);
        assert_int_equal(vidmm_alloc_lock(&thing.alloc, &address), STATUS_SUCCESS);
        for (uint64_t i = 0; i < SIZE; i++) assert_int_equal(((char *)address)[i], 0);
        assert_int_equal(vidmm_alloc_unlock(&thing.alloc), STATUS_SUCCESS);
        assert_int_equal(vidmm_offer(&world.device, 1, &binding, &at_once, &number), STATUS_SUCCESS);
        assert_int_equal(vidmm_offer_decommit(world.process, 1, false), SIZE);
        assert_int_equal(committed(&world), 0);
        thing_destroy(&thing);
        assert_int_equal(committed(&world), 0);
        vidmm_site_unref(site);
        world_close(&world);
    }
}

static void assert_taken(struct vidmm_windows *windows, bool writable)
{
    struct vidmm_window window;

    assert_true(vidmm_window_take_added(windows, &window));
    assert_int_equal(window.writable, writable);
    close(window.fd);
}

static void readers_seal(void **state)
{
    struct vidmm_site *site = make_site(SIZE);
    struct vidmm_windows writer, reader, late;
    struct vidmm_window none;
    (void)state;

    vidmm_windows_init(&writer, true);
    vidmm_windows_init(&reader, true);
    vidmm_windows_init(&late, true);
    assert_int_equal(vidmm_site_show(site, &writer, true), STATUS_SUCCESS);
    assert_taken(&writer, true);
    assert_false(udxg_os_is_sealed_readonly(vidmm_pool_fd(vidmm_site_pool(site))));
    assert_int_equal(vidmm_site_show(site, &reader, false), STATUS_SUCCESS);
    assert_taken(&reader, false);
    assert_true(udxg_os_is_sealed_readonly(vidmm_pool_fd(vidmm_site_pool(site))));
    assert_int_equal(vidmm_site_show(site, &late, true), STATUS_ACCESS_DENIED);
    assert_int_equal(vidmm_site_show(site, &reader, true), STATUS_ACCESS_DENIED);
    assert_int_equal(vidmm_site_show(site, &writer, true), STATUS_SUCCESS);
    assert_false(vidmm_window_take_added(&writer, &none));
    vidmm_site_hide(site, &writer);
    assert_int_equal(vidmm_site_show(site, &writer, true), STATUS_SUCCESS);
    vidmm_site_hide(site, &writer);
    vidmm_site_hide(site, &writer);
    assert_int_equal(vidmm_site_show(site, &writer, true), STATUS_ACCESS_DENIED);
    vidmm_windows_fini(&writer);
    vidmm_windows_fini(&reader);
    vidmm_windows_fini(&late);
    vidmm_site_unref(site);
}

static void what_an_allocation_needs(void **state)
{
    (void)state;
    assert_int_equal(vidmm_site_need(1, 4096), 4096);
    assert_int_equal(vidmm_site_need(8192, 4096), 8192);
    assert_int_equal(vidmm_site_need(8192, 65536), 65536);
    assert_int_equal(vidmm_site_need(8192, 131072), 2 * MIB);
    assert_int_equal(vidmm_site_need(3 * MIB, 4 * MIB), 4 * MIB);
    assert_int_equal(vidmm_site_need(INT64_MAX, 65536), 0);
    assert_int_equal(vidmm_site_need(UINT64_MAX, 4096), 0);
    vidmm_site_unref(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(homes_lie_apart),           cmocka_unit_test(a_full_site_refuses),
        cmocka_unit_test(contents_can_be_discarded), cmocka_unit_test(readers_seal),
        cmocka_unit_test(what_an_allocation_needs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
