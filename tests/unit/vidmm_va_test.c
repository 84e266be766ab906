/* SPDX-License-Identifier: MIT */
/* GPU addresses: reservations, mappings, what they may overlap, and what remains when they go. */
#include "vidmm_fixture.h"

#include "base/os.h"
#include "random.h"

#define PAGE (4 * KIB)
#define GRAIN (64 * KIB)
#define BASE UINT64_C(0x10000000)

struct address_space {
    struct world world;
    struct thing thing; /* 1 MiB, listed; page n holds words of value n; mapped by the tests themselves */
};

static void open_space(struct address_space *space)
{
    struct udxg_adapter_caps caps = uma_caps();
    world_open(&space->world, &caps);
    thing_make_plain(&space->world, &space->thing, MIB);
    assert_int_equal(vidmm_va_free(space->world.process, space->thing.va, MIB), STATUS_SUCCESS);
    make_resident(&space->world, &space->thing);
    uint64_t *words = space->thing.alloc.home;
    for (uint64_t i = 0; i < MIB / 8; i++) words[i] = i / (PAGE / 8);
}

static void close_space(struct address_space *space)
{
    assert_null(vidmm_process_check(space->world.process));
    thing_destroy(&space->thing);
    world_close(&space->world);
}

static udxg_status map_at(struct address_space *space, uint64_t base, uint64_t offset_pages, uint64_t size_pages)
{
    struct vidmm_va_map map = {
        .base = base,
        .binding = &space->thing.binding,
        .offset_pages = offset_pages,
        .size_pages = size_pages,
        .protection = VIDMM_VA_WRITE,
    };
    uint64_t va = 0;
    udxg_status status = vidmm_va_map(space->world.process, &map, &va);
    if (!udxg_failed(status)) assert_int_equal(va, base);
    assert_null(vidmm_process_check(space->world.process));
    return status;
}

static udxg_status map_without(struct address_space *space, uint64_t base, uint64_t size_pages, uint32_t protection)
{
    struct vidmm_va_map map = {.base = base, .size_pages = size_pages, .protection = protection};
    uint64_t va;
    udxg_status status = vidmm_va_map(space->world.process, &map, &va);
    assert_null(vidmm_process_check(space->world.process));
    return status;
}

static udxg_status reserve_at(struct address_space *space, uint64_t base, uint64_t size, enum vidmm_va_type type)
{
    uint64_t va;
    return vidmm_va_reserve(space->world.process, base, 0, 0, size, type, &va);
}

static udxg_status free_at(struct address_space *space, uint64_t base, uint64_t size)
{
    udxg_status status = vidmm_va_free(space->world.process, base, size);
    assert_null(vidmm_process_check(space->world.process));
    return status;
}

enum { FAULTS = -1 };

/* The page of the thing that an engine finds at an address. */
static int64_t page_at(struct address_space *space, uint64_t va)
{
    uint64_t word, fault = 0;
    struct udxg_gpu_memory *memory = &space->world.memory;
    udxg_status status = memory->read(memory->context, va, &word, 8, &fault);
    if (!udxg_failed(status)) return (int64_t)word;
    assert_int_equal(status, STATUS_ACCESS_VIOLATION);
    assert_int_equal(fault, va);
    return FAULTS;
}

static void reservations(void **state)
{
    (void)state;
    struct address_space space;
    open_space(&space);
    struct vidmm_process *process = space.world.process;
    uint64_t va;
    assert_int_equal(reserve_at(&space, BASE, GRAIN - PAGE, VIDMM_VA_ZERO), STATUS_INVALID_PARAMETER);
    assert_int_equal(reserve_at(&space, BASE + PAGE, GRAIN, VIDMM_VA_ZERO), STATUS_INVALID_PARAMETER);
    assert_int_equal(reserve_at(&space, BASE, 0, VIDMM_VA_ZERO), STATUS_INVALID_PARAMETER);
    assert_int_equal(vidmm_va_reserve(process, 0, PAGE, 0, GRAIN, VIDMM_VA_ZERO, &va), STATUS_INVALID_PARAMETER);
    assert_int_equal(reserve_at(&space, BASE, 2 * GRAIN, VIDMM_VA_ZERO), STATUS_SUCCESS);
    assert_int_equal(reserve_at(&space, BASE + GRAIN, GRAIN, VIDMM_VA_ZERO), STATUS_INVALID_PARAMETER);
    assert_int_equal(page_at(&space, BASE), 0);
    assert_int_equal(reserve_at(&space, BASE + 2 * GRAIN, GRAIN, VIDMM_VA_NO_ACCESS), STATUS_SUCCESS);
    assert_int_equal(page_at(&space, BASE + 2 * GRAIN), FAULTS);
    assert_int_equal(vidmm_va_reserve(process, 0, BASE, BASE + 4 * GRAIN, GRAIN, VIDMM_VA_ZERO, &va), STATUS_SUCCESS);
    assert_int_equal(va, BASE + 3 * GRAIN);
    assert_int_equal(vidmm_va_reserve(process, 0, BASE, BASE + 4 * GRAIN, GRAIN, VIDMM_VA_ZERO, &va),
                     STATUS_GRAPHICS_NO_VIDEO_MEMORY);
    assert_int_equal(free_at(&space, BASE, 4 * GRAIN), STATUS_SUCCESS);
    assert_int_equal(page_at(&space, BASE), FAULTS);
    assert_int_equal(reserve_at(&space, BASE, 4 * GRAIN, VIDMM_VA_ZERO), STATUS_SUCCESS);
    close_space(&space);
}

static void parameters_of_map(void **state)
{
    (void)state;
    struct address_space space;
    open_space(&space);
    struct vidmm_process *process = space.world.process;
    uint64_t va = 5;
    const struct vidmm_va_map good = {.binding = &space.thing.binding, .size_pages = 256, .protection = VIDMM_VA_WRITE};
    struct vidmm_va_map bad[12];
    for (unsigned i = 0; i < 12; i++) bad[i] = good;
    bad[0].size_pages = 0;
    bad[1].size_pages = 257;
    bad[2].offset_pages = 1;
    bad[3].offset_pages = UINT64_MAX;
    bad[4].size_pages = UINT64_MAX;
    bad[5].base = BASE + 1;
    bad[6].protection = VIDMM_VA_PROTECT_ZERO;
    bad[7].binding = NULL;
    bad[8].protection = 1u << 7;
    bad[9].base = UINT64_C(1) << 48;
    bad[10].base = (UINT64_C(1) << 48) - (4 * GIB) - PAGE; /* the end reaches into our part */
    bad[11].minimum = 2 * BASE, bad[11].maximum = BASE;
    for (unsigned i = 0; i < 12; i++) assert_int_equal(vidmm_va_map(process, &bad[i], &va), STATUS_INVALID_PARAMETER);
    assert_int_equal(va, 5);
    struct vidmm_va_map map = good;
    assert_int_equal(vidmm_va_map(process, &map, &va), STATUS_SUCCESS);
    assert_true(va >= GRAIN);
    map.minimum = UINT64_C(0x800100100000), map.maximum = UINT64_C(0x8001ffffffff);
    assert_int_equal(vidmm_va_map(process, &map, &va), STATUS_SUCCESS);
    assert_int_equal(va, UINT64_C(0x800100100000));
    map.minimum = BASE, map.maximum = BASE + MIB - 1;
    assert_int_equal(vidmm_va_map(process, &map, &va), STATUS_SUCCESS);
    assert_int_equal(vidmm_va_map(process, &map, &va), STATUS_GRAPHICS_NO_VIDEO_MEMORY);
    /* several mappings of one allocation are one memory */
    uint64_t word = 77, fault;
    assert_int_equal(space.world.memory.write(space.world.memory.context, BASE + 8, &word, 8, &fault), STATUS_SUCCESS);
    assert_int_equal(page_at(&space, UINT64_C(0x800100100008)), 77);
    close_space(&space);
}

static void mapping_over_what_is_used(void **state)
{
    (void)state;
    struct address_space space;
    open_space(&space);
    assert_int_equal(map_at(&space, BASE, 0, 16), STATUS_SUCCESS);
    /* half free, half used: no, and nothing changes */
    assert_int_equal(map_at(&space, BASE + 8 * PAGE, 100, 16), STATUS_INVALID_PARAMETER);
    assert_int_equal(map_at(&space, BASE - 8 * PAGE, 100, 16), STATUS_INVALID_PARAMETER);
    assert_int_equal(page_at(&space, BASE + 8 * PAGE), 8);
    /* inside what Map made: replaces, and splits what was there */
    assert_int_equal(map_at(&space, BASE + 4 * PAGE, 100, 2), STATUS_SUCCESS);
    assert_int_equal(page_at(&space, BASE + 3 * PAGE), 3);
    assert_int_equal(page_at(&space, BASE + 4 * PAGE), 100);
    assert_int_equal(page_at(&space, BASE + 5 * PAGE), 101);
    assert_int_equal(page_at(&space, BASE + 6 * PAGE), 6);
    assert_int_equal(page_at(&space, BASE + 15 * PAGE), 15);
    assert_int_equal(map_at(&space, BASE, 200, 16), STATUS_SUCCESS);
    assert_int_equal(page_at(&space, BASE + 4 * PAGE), 204);
    /* but not by what has no allocation */
    assert_int_equal(map_without(&space, BASE, 16, VIDMM_VA_PROTECT_ZERO), STATUS_INVALID_PARAMETER);
    assert_int_equal(map_without(&space, BASE, 1, VIDMM_VA_PROTECT_NO_ACCESS), STATUS_INVALID_PARAMETER);
    /* a reservation beside it: the two kinds are not one range */
    assert_int_equal(reserve_at(&space, BASE + GRAIN, GRAIN, VIDMM_VA_ZERO), STATUS_SUCCESS);
    assert_int_equal(map_at(&space, BASE + 8 * PAGE, 0, 16), STATUS_INVALID_PARAMETER);
    assert_int_equal(map_at(&space, BASE + 12 * PAGE, 0, 4), STATUS_SUCCESS);
    close_space(&space);
}

static void mapping_inside_reservations(void **state)
{
    (void)state;
    struct address_space space;
    open_space(&space);
    assert_int_equal(reserve_at(&space, BASE, GRAIN, VIDMM_VA_ZERO), STATUS_SUCCESS);
    assert_int_equal(reserve_at(&space, BASE + GRAIN, GRAIN, VIDMM_VA_NO_ACCESS), STATUS_SUCCESS);
    assert_int_equal(map_at(&space, BASE + 30 * PAGE, 0, 4), STATUS_INVALID_PARAMETER); /* hangs over the end */
    assert_int_equal(map_at(&space, BASE + 12 * PAGE, 40, 8), STATUS_SUCCESS);          /* lies in both */
    assert_int_equal(page_at(&space, BASE + 11 * PAGE), 0);
    assert_int_equal(page_at(&space, BASE + 12 * PAGE), 40);
    assert_int_equal(page_at(&space, BASE + 19 * PAGE), 47);
    assert_int_equal(page_at(&space, BASE + 20 * PAGE), FAULTS);
    uint64_t words[3 * PAGE / 8], fault; /* one access sees all of them */
    struct udxg_gpu_memory *memory = &space.world.memory;
    assert_int_equal(memory->read(memory->context, BASE + 11 * PAGE, words, sizeof words, &fault), STATUS_SUCCESS);
    assert_int_equal(words[PAGE / 8 - 1], 0);
    assert_int_equal(words[PAGE / 8], 40);
    assert_int_equal(words[2 * PAGE / 8], 41);
    assert_int_equal(memory->read(memory->context, BASE + 18 * PAGE, words, sizeof words, &fault),
                     STATUS_ACCESS_VIOLATION);
    assert_int_equal(fault, BASE + 20 * PAGE);
    assert_int_equal(map_without(&space, BASE + 14 * PAGE, 1, VIDMM_VA_PROTECT_NO_ACCESS), STATUS_SUCCESS);
    assert_int_equal(page_at(&space, BASE + 14 * PAGE), FAULTS);
    assert_int_equal(map_without(&space, BASE + 18 * PAGE, 1, VIDMM_VA_PROTECT_ZERO), STATUS_SUCCESS);
    assert_int_equal(page_at(&space, BASE + 18 * PAGE), 0);
    assert_int_equal(page_at(&space, BASE + 19 * PAGE), 47);
    /* freeing a part shows the reservation again */
    assert_int_equal(free_at(&space, BASE + 13 * PAGE, 3 * PAGE), STATUS_SUCCESS);
    assert_int_equal(page_at(&space, BASE + 12 * PAGE), 40);
    assert_int_equal(page_at(&space, BASE + 13 * PAGE), 0);
    assert_int_equal(page_at(&space, BASE + 14 * PAGE), 0);
    assert_int_equal(page_at(&space, BASE + 16 * PAGE), 44);
    /* a whole reservation goes with what lies in it, the other keeps its part */
    assert_int_equal(free_at(&space, BASE, GRAIN), STATUS_SUCCESS);
    assert_int_equal(page_at(&space, BASE), FAULTS);
    assert_int_equal(page_at(&space, BASE + 12 * PAGE), FAULTS);
    assert_int_equal(page_at(&space, BASE + 16 * PAGE), 44);
    assert_int_equal(reserve_at(&space, BASE, GRAIN, VIDMM_VA_ZERO), STATUS_SUCCESS);
    close_space(&space);
}

static void freeing(void **state)
{
    (void)state;
    struct address_space space;
    open_space(&space);
    assert_int_equal(free_at(&space, BASE, PAGE), STATUS_INVALID_PARAMETER);
    assert_int_equal(map_at(&space, BASE, 0, 16), STATUS_SUCCESS);
    assert_int_equal(free_at(&space, BASE, 17 * PAGE), STATUS_INVALID_PARAMETER);
    assert_int_equal(free_at(&space, BASE + 1, PAGE), STATUS_INVALID_PARAMETER);
    assert_int_equal(free_at(&space, BASE, 0), STATUS_INVALID_PARAMETER);
    assert_int_equal(free_at(&space, BASE, UINT64_MAX - PAGE + 1), STATUS_INVALID_PARAMETER);
    assert_int_equal(page_at(&space, BASE + 15 * PAGE), 15);
    assert_int_equal(free_at(&space, BASE + 4 * PAGE, 4 * PAGE), STATUS_SUCCESS);
    assert_int_equal(page_at(&space, BASE + 3 * PAGE), 3);
    assert_int_equal(page_at(&space, BASE + 4 * PAGE), FAULTS);
    assert_int_equal(page_at(&space, BASE + 8 * PAGE), 8);
    assert_int_equal(map_at(&space, BASE + 4 * PAGE, 50, 4), STATUS_SUCCESS); /* the hole is free again */
    assert_int_equal(free_at(&space, BASE, 16 * PAGE), STATUS_SUCCESS);
    close_space(&space);
}

static void mappings_go_with_the_binding(void **state)
{
    (void)state;
    struct address_space space;
    struct thing other;
    open_space(&space);
    thing_make_plain(&space.world, &other, GRAIN);
    assert_int_equal(reserve_at(&space, BASE, GRAIN, VIDMM_VA_ZERO), STATUS_SUCCESS);
    struct vidmm_va_map map = {.base = BASE, .binding = &other.binding, .size_pages = 8};
    uint64_t va, word = 9, fault;
    assert_int_equal(vidmm_va_map(space.world.process, &map, &va), STATUS_SUCCESS);
    *(uint64_t *)other.alloc.home = word;
    make_resident(&space.world, &other);
    assert_int_equal(page_at(&space, BASE), 9);
    assert_int_equal(page_at(&space, other.va), 9);
    assert_int_equal(space.world.memory.write(space.world.memory.context, BASE, &word, 8, &fault),
                     STATUS_ACCESS_VIOLATION); /* mapped without WRITE */
    uint64_t standalone = other.va;
    thing_destroy(&other);
    assert_int_equal(page_at(&space, BASE), 0); /* as reserved */
    assert_int_equal(page_at(&space, standalone), FAULTS);
    close_space(&space);
}

struct page_of_ours {
    uint64_t words[512];
    unsigned written;
    uint64_t offset;
};

static void note_written(void *user, uint64_t offset)
{
    struct page_of_ours *page = user;
    page->written++;
    page->offset = offset;
}

static void system_mappings(void **state)
{
    (void)state;
    struct address_space space;
    struct page_of_ours page = {.words = {1, 2, 3}};
    open_space(&space);
    struct udxg_gpu_memory *memory = &space.world.memory;
    uint64_t va, second, word = 5, old, fault, words[4];
    assert_int_equal(vidmm_va_map_system(space.world.process, &page, PAGE, note_written, &page, &va), STATUS_SUCCESS);
    assert_int_equal(vidmm_va_map_system(space.world.process, &page, PAGE, NULL, NULL, &second), STATUS_SUCCESS);
    assert_true(va >= UINT64_C(0xffff00000000));
    assert_int_equal(map_at(&space, va, 0, 1), STATUS_INVALID_PARAMETER);
    assert_int_equal(free_at(&space, va, PAGE), STATUS_INVALID_PARAMETER);
    assert_int_equal(reserve_at(&space, 0x200000, UINT64_C(0x7fffffe00000), VIDMM_VA_NO_ACCESS), STATUS_SUCCESS);
    assert_int_equal(memory->read(memory->context, va, words, 24, &fault), STATUS_SUCCESS);
    assert_int_equal(words[2], 3);
    assert_int_equal(memory->write(memory->context, va + 16, &word, 8, &fault), STATUS_SUCCESS);
    assert_int_equal(page.words[2], 5);
    assert_int_equal(page.offset, 16);
    assert_int_equal(memory->fetch_add(memory->context, va + 12, 1, 4, &old, &fault), STATUS_SUCCESS);
    assert_int_equal(page.offset, 12);
    assert_int_equal(page.written, 2);
    assert_int_equal(memory->write(memory->context, va, words, 32, &fault), STATUS_SUCCESS);
    assert_int_equal(page.written, 6); /* once for each word */
    assert_int_equal(memory->write(memory->context, va + PAGE - 8, words, 32, &fault), STATUS_SUCCESS);
    vidmm_va_unmap_system(space.world.process, second);
    assert_int_equal(memory->write(memory->context, va + PAGE - 8, words, 32, &fault), STATUS_ACCESS_VIOLATION);
    assert_int_equal(fault, va + PAGE);
    vidmm_va_unmap_system(space.world.process, va);
    assert_int_equal(page_at(&space, va), FAULTS);
    close_space(&space);
}

static void small_address_spaces(void **state)
{
    (void)state;
    struct udxg_adapter_caps caps = uma_caps();
    struct vidmm_adapter *adapter;
    caps.gpu_va_bits = 31;
    assert_int_equal(vidmm_adapter_create(&caps, &adapter), STATUS_INVALID_PARAMETER);
    caps.gpu_va_bits = 32;
    struct world world;
    struct thing thing;
    world_open(&world, &caps);
    thing_make_plain(&world, &thing, MIB);
    assert_true(thing.va < 4 * GIB);
    thing_destroy(&thing);
    world_close(&world);
}

/* Random maps and frees in and around reservations, against an array of what each page has to be. */
#define MODEL_PAGES 512u

enum model_kind { MODEL_FREE, MODEL_RESERVED_ZERO, MODEL_RESERVED_NONE };
struct model_page {
    enum model_kind below;
    bool mapped;
    int64_t value; /* FAULTS, 0, or a page of the thing */
};

struct model {
    struct address_space space;
    struct model_page pages[MODEL_PAGES];
    uint64_t reservation_of[MODEL_PAGES]; /* first page + 1 */
    uint64_t reservation_end[MODEL_PAGES];
};

static bool model_all(const struct model *model, uint64_t first, uint64_t count, bool mapped, bool reserved)
{
    for (uint64_t i = first; i < first + count; i++)
        if ((model->pages[i].below != MODEL_FREE) != reserved || (!reserved && model->pages[i].mapped != mapped))
            return false;
    return true;
}

static void model_reserve(struct model *model, uint64_t first, uint64_t count, bool zero)
{
    first &= ~UINT64_C(15), count = 16 * (1 + count / 16);
    if (first + count > MODEL_PAGES) return;
    bool is_free = model_all(model, first, count, false, false);
    udxg_status status =
        reserve_at(&model->space, BASE + first * PAGE, count * PAGE, zero ? VIDMM_VA_ZERO : VIDMM_VA_NO_ACCESS);
    assert_int_equal(status, is_free ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER);
    for (uint64_t i = first; is_free && i < first + count; i++) {
        model->pages[i] = (struct model_page){.below = zero ? MODEL_RESERVED_ZERO : MODEL_RESERVED_NONE};
        model->reservation_of[i] = first;
        model->reservation_end[i] = first + count;
    }
}

static void model_map(struct model *model, uint64_t first, uint64_t count, uint64_t offset, unsigned what)
{
    bool is_free = model_all(model, first, count, false, false),
         is_mapped = model_all(model, first, count, true, false);
    bool legal = is_free || model_all(model, first, count, false, true) || (is_mapped && !what);
    uint64_t va = BASE + first * PAGE;
    udxg_status status =
        what ? map_without(&model->space, va, count, what == 1 ? VIDMM_VA_PROTECT_ZERO : VIDMM_VA_PROTECT_NO_ACCESS)
             : map_at(&model->space, va, offset, count);
    assert_int_equal(status, legal ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER);
    for (uint64_t i = 0; legal && i < count; i++) {
        model->pages[first + i].mapped = true;
        model->pages[first + i].value = what ? (what == 1 ? 0 : FAULTS) : (int64_t)(offset + i);
    }
}

static void model_free(struct model *model, uint64_t first, uint64_t count)
{
    bool legal = true;
    for (uint64_t i = first; i < first + count; i++)
        legal &= model->pages[i].below != MODEL_FREE || model->pages[i].mapped;
    assert_int_equal(free_at(&model->space, BASE + first * PAGE, count * PAGE),
                     legal ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER);
    for (uint64_t i = first; legal && i < first + count; i++) {
        struct model_page *page = &model->pages[i];
        bool whole = page->below != MODEL_FREE && model->reservation_of[i] >= first &&
                     model->reservation_end[i] <= first + count;
        page->mapped = false;
        if (whole) page->below = MODEL_FREE;
    }
}

static void model_compare(struct model *model)
{
    for (uint64_t i = 0; i < MODEL_PAGES; i++) {
        const struct model_page *page = &model->pages[i];
        int64_t expected = page->mapped ? page->value : page->below == MODEL_RESERVED_ZERO ? 0 : FAULTS;
        assert_int_equal(page_at(&model->space, BASE + i * PAGE), expected);
    }
}

static void random_maps_agree_with_a_model(void **state)
{
    (void)state;
    static struct model model;
    struct random random = random_seed("vidmm va", 0);
    open_space(&model.space);
    for (unsigned step = 0; step < 4000; step++) {
        uint64_t first = random_below(&random, MODEL_PAGES), count = 1 + random_below(&random, 48);
        if (first + count > MODEL_PAGES) count = MODEL_PAGES - first;
        switch (random_below(&random, 8)) {
        case 0:
            model_reserve(&model, first, count, random_below(&random, 2));
            break;
        case 1:
            model_map(&model, first, count, 0, 1 + (unsigned)random_below(&random, 2));
            break;
        case 2:
        case 3:
            model_free(&model, first, count);
            break;
        default:
            model_map(&model, first, count, random_below(&random, 200), 0);
            break;
        }
        if (step % 50 == 0) model_compare(&model);
    }
    model_compare(&model);
    close_space(&model.space);
}

/* Costs do not grow with sizes: a reservation of nearly everything, and many mappings in it. */
static void a_huge_reservation(void **state)
{
    (void)state;
    struct address_space space;
    open_space(&space);
    assert_int_equal(reserve_at(&space, 0x200000, UINT64_C(0x7fffffe00000), VIDMM_VA_NO_ACCESS), STATUS_SUCCESS);
    enum { MAPPINGS = 200000 };
    uint64_t began = udxg_os_now_ns(), va;
    for (uint64_t i = 0; i < MAPPINGS; i++) {
        struct vidmm_va_map map = {.base = 0x400000 + i * 2 * GRAIN, .binding = &space.thing.binding, .size_pages = 16};
        assert_int_equal(vidmm_va_map(space.world.process, &map, &va), STATUS_SUCCESS);
    }
    uint64_t each_ns = (udxg_os_now_ns() - began) / MAPPINGS;
    printf("# %llu ns for a mapping of 64 KiB\n", (unsigned long long)each_ns);
    assert_true(each_ns < 100000); /* what is linear takes milliseconds */
    assert_int_equal(page_at(&space, 0x400000 + UINT64_C(199999) * 2 * GRAIN + 3 * PAGE), 3);
    assert_int_equal(page_at(&space, 0x400000 + UINT64_C(199999) * 2 * GRAIN + GRAIN), FAULTS);
    close_space(&space);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reservations),
        cmocka_unit_test(parameters_of_map),
        cmocka_unit_test(mapping_over_what_is_used),
        cmocka_unit_test(mapping_inside_reservations),
        cmocka_unit_test(freeing),
        cmocka_unit_test(mappings_go_with_the_binding),
        cmocka_unit_test(system_mappings),
        cmocka_unit_test(small_address_spaces),
        cmocka_unit_test(random_maps_agree_with_a_model),
        cmocka_unit_test(a_huge_reservation),
    };
    return cmocka_run_group_tests_name("vidmm va", tests, NULL, NULL);
}
