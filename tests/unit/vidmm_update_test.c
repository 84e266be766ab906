/* SPDX-License-Identifier: MIT */
/*
 * Updates of GPU addresses: what they check, what they do when they run and not before, windows that repeat, copies
 * of mappings, and what becomes of them when allocations and reservations go first.
 */
#include "vidmm_fixture.h"

#include "base/os.h"
#include "random.h"
#include "vidmm/process.h"

#define PAGE (4 * KIB)
#define GRAIN (64 * KIB)
#define ZEROS UINT64_C(0x10000000)   /* a reservation that reads zero */
#define NOTHING UINT64_C(0x20000000) /* one that faults */
#define PAGES 256u                   /* of each */

enum { FAULTS = -1 };

struct address_space {
    struct world world;
    struct thing thing; /* 256 pages, listed; page n holds words of value n + 1 */
};

static void fill_thing(struct thing *thing, uint64_t first)
{
    uint64_t *words = thing->alloc.home;
    for (uint64_t i = 0; i < thing->alloc.size_bytes / 8; i++) words[i] = first + i / (PAGE / 8);
}

static void make_thing(struct world *world, struct thing *thing, uint64_t first)
{
    thing_make_plain(world, thing, PAGES * PAGE);
    assert_int_equal(vidmm_va_free(world->process, thing->va, PAGES * PAGE), STATUS_SUCCESS);
    make_resident(world, thing);
    fill_thing(thing, first);
}

static void reserve(struct address_space *space, uint64_t base, enum vidmm_va_type type)
{
    uint64_t va;
    assert_int_equal(vidmm_va_reserve(space->world.process, base, 0, 0, PAGES * PAGE, type, &va), STATUS_SUCCESS);
}

static size_t nodes(struct address_space *space)
{
    return udxg_slab_in_use(&space->world.adapter->va_nodes);
}

static void open_space(struct address_space *space)
{
    struct udxg_adapter_caps caps = uma_caps();
    world_open(&space->world, &caps);
    make_thing(&space->world, &space->thing, 1);
    reserve(space, ZEROS, VIDMM_VA_ZERO);
    reserve(space, NOTHING, VIDMM_VA_NO_ACCESS);
}

static void close_space(struct address_space *space)
{
    assert_null(vidmm_process_check(space->world.process));
    assert_int_equal(vidmm_va_free(space->world.process, ZEROS, PAGES * PAGE), STATUS_SUCCESS);
    assert_int_equal(vidmm_va_free(space->world.process, NOTHING, PAGES * PAGE), STATUS_SUCCESS);
    assert_int_equal(nodes(space), 0);
    thing_destroy(&space->thing);
    world_close(&space->world);
}

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

static struct vidmm_va_op map_op(struct thing *thing, uint64_t base, uint64_t pages, uint64_t offset, uint64_t window)
{
    return (struct vidmm_va_op){
        .kind = VIDMM_VA_OP_MAP,
        .base = base,
        .size_bytes = pages * PAGE,
        .binding = &thing->binding,
        .offset_bytes = offset * PAGE,
        .window_bytes = window * PAGE,
        .protection = VIDMM_VA_WRITE,
    };
}

static struct vidmm_va_op unmap_op(uint64_t base, uint64_t pages, uint32_t protection)
{
    return (struct vidmm_va_op){.kind = VIDMM_VA_OP_UNMAP,
                                .base = base,
                                .size_bytes = pages * PAGE,
                                .protection = protection};
}

static struct vidmm_va_op copy_op(uint64_t to, uint64_t from, uint64_t pages)
{
    return (struct vidmm_va_op){.kind = VIDMM_VA_OP_COPY, .base = to, .size_bytes = pages * PAGE, .source = from};
}

static struct vidmm_va_update *prepare(struct address_space *space, uint32_t count, const struct vidmm_va_op *ops)
{
    struct vidmm_va_update *update;
    assert_int_equal(vidmm_va_update_create(space->world.process, count, &update), STATUS_SUCCESS);
    for (uint32_t i = 0; i < count; i++) assert_int_equal(vidmm_va_update_add(update, &ops[i]), STATUS_SUCCESS);
    return update;
}

static void run(struct address_space *space, struct vidmm_va_update *update)
{
    assert_int_equal(vidmm_va_update_run(update), STATUS_SUCCESS);
    vidmm_va_update_destroy(update);
    assert_null(vidmm_process_check(space->world.process));
}

static void run_one(struct address_space *space, struct vidmm_va_op op)
{
    run(space, prepare(space, 1, &op));
}

/* One wrong thing at a time. */
static void what_is_refused(void **state)
{
    (void)state;
    struct address_space space;
    open_space(&space);
    const struct vidmm_va_op map = map_op(&space.thing, ZEROS, 16, 0, 8), copy = copy_op(ZEROS, NOTHING, 16);
    struct vidmm_va_op bad[24];
    unsigned count = 0;
#define BAD(model, field, value) (bad[count] = (model), bad[count++].field = (value))
    BAD(map, size_bytes, 0);
    BAD(map, size_bytes, 16 * PAGE - 1);
    BAD(map, size_bytes, 20 * PAGE); /* no multiple of the window */
    BAD(map, size_bytes, UINT64_MAX - PAGE + 1);
    BAD(map, base, ZEROS + 1);
    BAD(map, base, ZEROS - PAGE);
    BAD(map, base, ZEROS + (PAGES - 15) * PAGE);
    BAD(map, base, 0x40000000);
    BAD(map, base, UINT64_C(1) << 48);
    BAD(map, offset_bytes, 1);
    BAD(map, offset_bytes, (PAGES - 7) * PAGE);
    BAD(map, offset_bytes, UINT64_MAX - PAGE + 1);
    BAD(map, window_bytes, 32 * PAGE); /* larger than the range */
    BAD(map, window_bytes, PAGE / 2);
    BAD(map, protection, VIDMM_VA_PROTECT_ZERO);
    BAD(map, protection, 1u << 7);
    BAD(map, binding, NULL);
    BAD(copy, size_bytes, 0);
    BAD(copy, source, NOTHING + 1);
    BAD(copy, source, NOTHING + (PAGES - 15) * PAGE);
    BAD(copy, source, 0x40000000);
    BAD(copy, base, NOTHING - PAGE);
    bad[count++] = unmap_op(ZEROS, 1, VIDMM_VA_WRITE);
    bad[count++] = unmap_op(ZEROS, 1, VIDMM_VA_PROTECT_ZERO | VIDMM_VA_PROTECT_NO_ACCESS);
#undef BAD
    assert_int_equal(count, 24);
    struct vidmm_va_update *update;
    assert_int_equal(vidmm_va_update_create(space.world.process, 1, &update), STATUS_SUCCESS);
    size_t before = nodes(&space);
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(vidmm_va_update_add(update, &bad[i]), STATUS_INVALID_PARAMETER);
    assert_int_equal(nodes(&space), before);
    assert_int_equal(vidmm_va_update_add(update, &map), STATUS_SUCCESS);
    vidmm_va_update_destroy(update); /* what never ran has changed nothing */
    assert_int_equal(nodes(&space), before);
    assert_int_equal(page_at(&space, ZEROS), 0);
    close_space(&space);
}

static void one_reservation_each(void **state)
{
    (void)state;
    struct address_space space;
    open_space(&space);
    struct vidmm_va_update *update;
    assert_int_equal(vidmm_va_update_create(space.world.process, 8, &update), STATUS_SUCCESS);
    struct vidmm_va_op in_zeros = unmap_op(ZEROS, 1, 0), in_nothing = unmap_op(NOTHING, 1, 0);
    struct vidmm_va_op good = copy_op(ZEROS, NOTHING, 1), other_source = copy_op(ZEROS, ZEROS + PAGE, 1);
    struct vidmm_va_op other_target = copy_op(NOTHING, NOTHING + PAGE, 1);
    assert_int_equal(vidmm_va_update_add(update, &in_zeros), STATUS_SUCCESS);
    assert_int_equal(vidmm_va_update_add(update, &in_nothing), STATUS_INVALID_PARAMETER);
    assert_int_equal(vidmm_va_update_add(update, &good), STATUS_SUCCESS);
    assert_int_equal(vidmm_va_update_add(update, &other_source), STATUS_INVALID_PARAMETER);
    assert_int_equal(vidmm_va_update_add(update, &other_target), STATUS_INVALID_PARAMETER);
    vidmm_va_update_destroy(update);
    close_space(&space);
}

static void windows_repeat(void **state)
{
    (void)state;
    struct address_space space;
    open_space(&space);
    struct udxg_gpu_memory *memory = &space.world.memory;
    run_one(&space, map_op(&space.thing, ZEROS, 24, 10, 3));
    for (uint64_t i = 0; i < 24; i++) assert_int_equal(page_at(&space, ZEROS + i * PAGE), 11 + (int64_t)(i % 3));
    /* one access over many repetitions */
    uint64_t words[7 * PAGE / 8], fault;
    assert_int_equal(memory->read(memory->context, ZEROS + 5 * PAGE, words, sizeof words, &fault), STATUS_SUCCESS);
    for (uint64_t i = 0; i < 7; i++) assert_int_equal(words[i * PAGE / 8 + 511], 11 + (5 + i) % 3);
    /* a write through one repetition is seen through the others */
    uint64_t word = 99;
    assert_int_equal(memory->write(memory->context, ZEROS + 4 * PAGE, &word, 8, &fault), STATUS_SUCCESS);
    assert_int_equal(page_at(&space, ZEROS + 22 * PAGE), 99);
    fill_thing(&space.thing, 1);
    /* what is left and right of a hole goes on counting */
    run_one(&space, unmap_op(ZEROS + 4 * PAGE, 4, VIDMM_VA_PROTECT_NO_ACCESS));
    for (uint64_t i = 0; i < 24; i++)
        assert_int_equal(page_at(&space, ZEROS + i * PAGE), i >= 4 && i < 8 ? FAULTS : 11 + (int64_t)(i % 3));
    close_space(&space);
}

/* A TiB of a 64 KiB window: one node, however often it repeats. */
static void cost_is_not_size(void **state)
{
    (void)state;
    struct address_space space;
    open_space(&space);
    const uint64_t base = UINT64_C(1) << 42, tib = UINT64_C(1) << 40;
    uint64_t va;
    assert_int_equal(vidmm_va_reserve(space.world.process, base, 0, 0, 4 * tib, VIDMM_VA_ZERO, &va), STATUS_SUCCESS);
    size_t before = nodes(&space);
    uint64_t began = udxg_os_now_ns();
    run_one(&space, map_op(&space.thing, base, tib / PAGE, 0, 16));
    assert_int_equal(nodes(&space), before + 1);
    run_one(&space, copy_op(base + 2 * tib, base, tib / PAGE));
    assert_int_equal(nodes(&space), before + 2);
    run_one(&space, unmap_op(base + tib / 2 + 5 * PAGE, 1, 0));
    assert_int_equal(nodes(&space), before + 3);
    assert_true(udxg_os_now_ns() - began < 1000000000); /* what counts pages takes minutes */
    assert_int_equal(page_at(&space, base + tib - PAGE), 16);
    assert_int_equal(page_at(&space, base + tib / 2 + 4 * PAGE), 5);
    assert_int_equal(page_at(&space, base + tib / 2 + 5 * PAGE), 0);
    assert_int_equal(page_at(&space, base + tib / 2 + 6 * PAGE), 7);
    assert_int_equal(page_at(&space, base + 3 * tib - 3 * PAGE), 14);
    assert_int_equal(vidmm_va_free(space.world.process, base, 4 * tib), STATUS_SUCCESS);
    close_space(&space);
}

static void unmapping(void **state)
{
    (void)state;
    struct address_space space;
    open_space(&space);
    size_t before = nodes(&space);
    run_one(&space, map_op(&space.thing, ZEROS, 8, 0, 0));
    run_one(&space, unmap_op(ZEROS + 1 * PAGE, 1, VIDMM_VA_PROTECT_ZERO));
    run_one(&space, unmap_op(ZEROS + 2 * PAGE, 1, VIDMM_VA_PROTECT_NO_ACCESS));
    run_one(&space, unmap_op(ZEROS + 3 * PAGE, 1, 0));
    const int64_t expected[] = {1, 0, FAULTS, 0, 5};
    for (unsigned i = 0; i < 5; i++) assert_int_equal(page_at(&space, ZEROS + i * PAGE), expected[i]);
    run_one(&space, unmap_op(ZEROS, PAGES, 0));
    assert_int_equal(nodes(&space), before);
    run_one(&space, unmap_op(ZEROS, PAGES, VIDMM_VA_PROTECT_ZERO)); /* as it is already: no node */
    assert_int_equal(nodes(&space), before);
    /* a map without an allocation is the same */
    struct vidmm_va_op none = {.kind = VIDMM_VA_OP_MAP,
                               .base = NOTHING,
                               .size_bytes = PAGE,
                               .protection = VIDMM_VA_PROTECT_ZERO};
    run_one(&space, none);
    assert_int_equal(page_at(&space, NOTHING), 0);
    assert_int_equal(page_at(&space, NOTHING + PAGE), FAULTS);
    close_space(&space);
}

static void copies_copy_what_is_there_by_then(void **state)
{
    (void)state;
    struct address_space space;
    open_space(&space);
    struct vidmm_va_op early = copy_op(NOTHING, ZEROS, 8);
    struct vidmm_va_update *queued = prepare(&space, 1, &early);
    run_one(&space, map_op(&space.thing, ZEROS + PAGE, 2, 20, 0));
    assert_int_equal(page_at(&space, NOTHING + PAGE), FAULTS);
    run(&space, queued);
    /* pages that were as reserved say in their new place what they said in the old one */
    const int64_t expected[] = {0, 21, 22, 0, 0, 0, 0, 0, FAULTS};
    for (unsigned i = 0; i < 9; i++) assert_int_equal(page_at(&space, NOTHING + i * PAGE), expected[i]);
    /* the copy is a mapping of its own */
    run_one(&space, unmap_op(ZEROS, PAGES, 0));
    assert_int_equal(page_at(&space, NOTHING + 2 * PAGE), 22);
    /* over itself, up and down */
    run_one(&space, map_op(&space.thing, ZEROS, 8, 30, 0));
    run_one(&space, copy_op(ZEROS + 3 * PAGE, ZEROS, 8));
    for (unsigned i = 0; i < 8; i++) assert_int_equal(page_at(&space, ZEROS + (3 + i) * PAGE), 31 + i);
    run_one(&space, copy_op(ZEROS + PAGE, ZEROS + 3 * PAGE, 8));
    for (unsigned i = 0; i < 8; i++) assert_int_equal(page_at(&space, ZEROS + (1 + i) * PAGE), 31 + i);
    close_space(&space);
}

static void allocations_that_go_first(void **state)
{
    (void)state;
    struct address_space space;
    struct thing other;
    open_space(&space);
    make_thing(&space.world, &other, 1000);
    run_one(&space, map_op(&other, ZEROS + 8 * PAGE, 1, 0, 0));
    struct vidmm_va_op ops[] = {map_op(&other, ZEROS, 4, 0, 2), map_op(&space.thing, ZEROS + 2 * PAGE, 1, 0, 0),
                                copy_op(ZEROS + 16 * PAGE, ZEROS, 4), copy_op(ZEROS + 20 * PAGE, ZEROS + 8 * PAGE, 1)};
    struct vidmm_va_update *queued = prepare(&space, 4, ops), *never = prepare(&space, 4, ops);
    run_one(&space, map_op(&space.thing, ZEROS, 1, 7, 0)); /* will be overwritten by nothing */
    thing_destroy(&other);
    run(&space, queued);
    vidmm_va_update_destroy(never);
    assert_int_equal(page_at(&space, ZEROS), 0);
    assert_int_equal(page_at(&space, ZEROS + 2 * PAGE), 1);
    assert_int_equal(page_at(&space, ZEROS + 16 * PAGE), 0);
    assert_int_equal(page_at(&space, ZEROS + 18 * PAGE), 1);
    assert_int_equal(page_at(&space, ZEROS + 20 * PAGE), 0);
    close_space(&space);
}

static void reservations_that_go_first(void **state)
{
    (void)state;
    struct address_space space;
    open_space(&space);
    struct vidmm_process *process = space.world.process;
    struct vidmm_va_op map = map_op(&space.thing, ZEROS, 1, 0, 0), copy = copy_op(ZEROS + PAGE, NOTHING, 1);
    struct vidmm_va_update *target_gone = prepare(&space, 1, &map), *source_gone;
    assert_int_equal(vidmm_va_free(process, ZEROS, PAGES * PAGE), STATUS_SUCCESS);
    reserve(&space, ZEROS, VIDMM_VA_ZERO); /* the same place, not the same reservation */
    run(&space, target_gone);
    assert_int_equal(page_at(&space, ZEROS), 0);
    run_one(&space, map_op(&space.thing, NOTHING, 1, 4, 0));
    source_gone = prepare(&space, 1, &copy);
    assert_int_equal(vidmm_va_free(process, NOTHING, PAGES * PAGE), STATUS_SUCCESS);
    run(&space, source_gone);
    assert_int_equal(page_at(&space, ZEROS + PAGE), 0);
    reserve(&space, NOTHING, VIDMM_VA_NO_ACCESS);
    close_space(&space);
}

/* ---- against an array of what each page has to be ---- */

enum { THINGS = 2, QUEUED = 4, OPS = 5 };

struct model_page {
    int thing; /* -1: none */
    int64_t value;
};

struct model_op {
    struct vidmm_va_op op;
    int thing;
    unsigned life; /* of the thing */
};

struct model {
    struct address_space space; /* its thing is things[0], which stays */
    struct thing other;         /* things[1], which comes and goes */
    unsigned life;
    struct model_page pages[2][PAGES]; /* of ZEROS, of NOTHING */
    struct vidmm_va_update *updates[QUEUED];
    struct model_op ops[QUEUED][OPS];
    uint32_t counts[QUEUED];
};

static int64_t below(unsigned side)
{
    return side ? FAULTS : 0;
}

static unsigned side_of(uint64_t va)
{
    return va >= NOTHING;
}

static struct model_page *page_of(struct model *model, uint64_t va)
{
    return &model->pages[side_of(va)][(va - (side_of(va) ? NOTHING : ZEROS)) / PAGE];
}

static struct model_page protected_page(unsigned side, uint32_t protection)
{
    int64_t value = protection == VIDMM_VA_PROTECT_ZERO ? 0 : protection ? FAULTS : below(side);
    return (struct model_page){.thing = -1, .value = value};
}

static void model_run_op(struct model *model, const struct model_op *op)
{
    uint64_t pages = op->op.size_bytes / PAGE;
    static struct model_page copy[PAGES];
    struct model_page *target = page_of(model, op->op.base);
    if (op->op.kind == VIDMM_VA_OP_COPY) memcpy(copy, page_of(model, op->op.source), pages * sizeof *copy);
    uint64_t window = op->op.window_bytes ? op->op.window_bytes / PAGE : pages;
    for (uint64_t i = 0; i < pages; i++) {
        if (op->op.kind == VIDMM_VA_OP_COPY)
            target[i] = copy[i];
        else if (op->op.kind == VIDMM_VA_OP_UNMAP || (op->thing == 1 && op->life != model->life))
            target[i] = protected_page(side_of(op->op.base), op->op.kind == VIDMM_VA_OP_UNMAP ? op->op.protection : 0);
        else
            target[i] = (struct model_page){
                .thing = op->thing,
                .value = 1 + 1000 * op->thing + (int64_t)(op->op.offset_bytes / PAGE + i % window),
            };
    }
}

static struct model_op random_op(struct model *model, struct random *random, uint64_t to, uint64_t from)
{
    uint64_t window = 1 + random_below(random, 6), pages = window * (1 + random_below(random, 10));
    uint64_t at = random_below(random, PAGES - pages);
    struct model_op op = {.thing = (int)random_below(random, THINGS), .life = model->life};
    struct thing *thing = op.thing ? &model->other : &model->space.thing;
    static const uint32_t protections[] = {0, VIDMM_VA_PROTECT_ZERO, VIDMM_VA_PROTECT_NO_ACCESS};
    switch (random_below(random, 6)) {
    case 0:
        op.op = unmap_op(to + at * PAGE, pages, protections[random_below(random, 3)]);
        break;
    case 1:
    case 2:
        op.op = copy_op(to + at * PAGE, from + random_below(random, PAGES - pages) * PAGE, pages);
        break;
    case 3:
        op.op = map_op(thing, to + at * PAGE, pages, random_below(random, PAGES - pages), 0);
        break;
    default:
        op.op = map_op(thing, to + at * PAGE, pages, random_below(random, PAGES - window), window);
        break;
    }
    return op;
}

static void model_queue(struct model *model, struct random *random, unsigned slot)
{
    uint64_t to = random_below(random, 2) ? ZEROS : NOTHING, from = random_below(random, 2) ? ZEROS : NOTHING;
    uint32_t count = 1 + (uint32_t)random_below(random, OPS);
    assert_int_equal(vidmm_va_update_create(model->space.world.process, count, &model->updates[slot]), STATUS_SUCCESS);
    for (uint32_t i = 0; i < count; i++) {
        model->ops[slot][i] = random_op(model, random, to, from);
        assert_int_equal(vidmm_va_update_add(model->updates[slot], &model->ops[slot][i].op), STATUS_SUCCESS);
    }
    model->counts[slot] = count;
}

static void model_run(struct model *model, unsigned slot)
{
    run(&model->space, model->updates[slot]);
    for (uint32_t i = 0; i < model->counts[slot]; i++) model_run_op(model, &model->ops[slot][i]);
    model->updates[slot] = NULL;
}

/* The other thing goes, and another one comes in its place. */
static void model_replace(struct model *model)
{
    thing_destroy(&model->other);
    for (unsigned side = 0; side < 2; side++)
        for (unsigned i = 0; i < PAGES; i++)
            if (model->pages[side][i].thing == 1) model->pages[side][i] = protected_page(side, 0);
    model->life++;
    make_thing(&model->space.world, &model->other, 1001);
}

static void model_free(struct model *model, struct random *random)
{
    uint64_t va = (random_below(random, 2) ? ZEROS : NOTHING) + random_below(random, PAGES - 8) * PAGE;
    assert_int_equal(vidmm_va_free(model->space.world.process, va, 8 * PAGE), STATUS_SUCCESS);
    for (unsigned i = 0; i < 8; i++) page_of(model, va)[i] = protected_page(side_of(va), 0);
}

static void model_compare(struct model *model)
{
    for (unsigned side = 0; side < 2; side++)
        for (unsigned i = 0; i < PAGES; i++)
            assert_int_equal(page_at(&model->space, (side ? NOTHING : ZEROS) + i * PAGE), model->pages[side][i].value);
}

static void random_updates_agree_with_a_model(void **state)
{
    (void)state;
    static struct model model;
    struct random random = random_seed("vidmm update", 0);
    open_space(&model.space);
    make_thing(&model.space.world, &model.other, 1001);
    for (unsigned side = 0; side < 2; side++)
        for (unsigned i = 0; i < PAGES; i++) model.pages[side][i] = protected_page(side, 0);
    for (unsigned step = 0; step < 3000; step++) {
        unsigned slot = (unsigned)random_below(&random, QUEUED);
        if (model.updates[slot])
            model_run(&model, slot);
        else
            model_queue(&model, &random, slot);
        if (random_below(&random, 20) == 0) model_free(&model, &random);
        if (random_below(&random, 40) == 0) model_replace(&model);
        if (step % 20 == 0) model_compare(&model);
    }
    model_compare(&model);
    for (unsigned slot = 0; slot < QUEUED; slot++) vidmm_va_update_destroy(model.updates[slot]);
    thing_destroy(&model.other);
    close_space(&model.space);
}

static uint32_t range_count(struct vidmm_va_space *va)
{
    udxg_lock(VASPACE, &va->lock);
    uint32_t count = va->node_count;
    udxg_unlock(VASPACE, &va->lock);
    return count;
}

/* A copy doubles what there is, up to the limit of the space and not beyond it; then things can still be freed. */
static void copies_end_at_the_limit(void **state)
{
    (void)state;
    struct address_space space;
    open_space(&space);
    struct vidmm_va_space *va = &space.world.process->va;
    struct vidmm_va_op map = map_op(&space.thing, ZEROS, 1, 1, 0), copy = copy_op(ZEROS + 128 * PAGE, ZEROS, 128);
    struct vidmm_va_update *update;
    uint64_t chosen;
    va->most_nodes = 100;
    run_one(&space, map);
    for (uint64_t pages = 2; pages <= 32; pages *= 2) run_one(&space, copy_op(ZEROS + pages * PAGE, ZEROS, pages));
    assert_int_equal(range_count(va), 2 + 32);
    run_one(&space, copy_op(ZEROS + 64 * PAGE, ZEROS, 64));
    assert_int_equal(range_count(va), 2 + 64);
    update = prepare(&space, 1, &copy);
    assert_int_equal(vidmm_va_update_run(update), STATUS_NO_MEMORY);
    vidmm_va_update_destroy(update);
    assert_int_equal(range_count(va), 2 + 64); /* nothing of it has happened */
    assert_int_equal(page_at(&space, ZEROS + 2 * PAGE), 2);
    assert_int_equal(page_at(&space, ZEROS + 130 * PAGE), 0);

    va->most_nodes = range_count(va);
    assert_int_equal(vidmm_va_update_create(space.world.process, 1, &update), STATUS_SUCCESS);
    assert_int_equal(vidmm_va_update_add(update, &map), STATUS_NO_MEMORY);
    vidmm_va_update_destroy(update);
    assert_int_equal(vidmm_va_map(space.world.process,
                                  &(struct vidmm_va_map){.binding = &space.thing.binding, .size_pages = 1}, &chosen),
                     STATUS_NO_MEMORY);
    assert_int_equal(vidmm_va_reserve(space.world.process, 0, 0, 0, GRAIN, VIDMM_VA_ZERO, &chosen), STATUS_NO_MEMORY);
    assert_int_equal(vidmm_va_free(space.world.process, ZEROS, PAGE), STATUS_SUCCESS);
    close_space(&space);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_refused),
        cmocka_unit_test(one_reservation_each),
        cmocka_unit_test(windows_repeat),
        cmocka_unit_test(cost_is_not_size),
        cmocka_unit_test(unmapping),
        cmocka_unit_test(copies_copy_what_is_there_by_then),
        cmocka_unit_test(copies_end_at_the_limit),
        cmocka_unit_test(allocations_that_go_first),
        cmocka_unit_test(reservations_that_go_first),
        cmocka_unit_test(random_updates_agree_with_a_model),
    };
    return cmocka_run_group_tests_name("vidmm update", tests, NULL, NULL);
}
