/* SPDX-License-Identifier: MIT */
/* The range tree against a map of single units, and at its edges. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "random.h"
#include "range/tree.h"

#define UNITS 512u
#define NODES 128u
#define BASE UINT64_C(0x7f0000000000) /* addresses are not small numbers */

/* What the tree should be: the owner of each unit, 0 for nobody. */
struct model {
    struct udxg_range_tree tree;
    struct udxg_range_node nodes[NODES + 1];
    bool inserted[NODES + 1];
    uint8_t owner[UNITS];
};

static void assert_sound(const struct udxg_range_tree *tree)
{
    const char *wrong = udxg_range_tree_check(tree);
    if (wrong) fail_msg("%s", wrong);
}

static bool model_is_free(const struct model *model, uint64_t first, uint64_t count)
{
    for (uint64_t i = first; i < first + count; i++) {
        if (i >= UNITS || model->owner[i]) return false;
    }
    return true;
}

static void model_insert(struct model *model, unsigned id, uint64_t first, uint64_t count)
{
    struct udxg_range_node *node = &model->nodes[id];
    bool expected = model_is_free(model, first, count);
    memset(node, 0xa5, sizeof(*node));
    node->start = BASE + first;
    node->size = count;
    assert_int_equal(udxg_range_tree_insert(&model->tree, node), expected);
    if (!expected) return;
    memset(model->owner + first, (int)id, count);
    model->inserted[id] = true;
}

static void model_remove(struct model *model, unsigned id)
{
    struct udxg_range_node *node = &model->nodes[id];
    udxg_range_tree_remove(&model->tree, node);
    memset(model->owner + (node->start - BASE), 0, node->size);
    model->inserted[id] = false;
}

static void check_lookups(const struct model *model, uint64_t at)
{
    struct udxg_range_node *found = udxg_range_tree_find(&model->tree, BASE + at);
    unsigned owner = model->owner[at], next = 0;
    for (uint64_t i = at; i < UNITS && !next; i++) next = model->owner[i];
    assert_ptr_equal(found, owner ? &model->nodes[owner] : NULL);
    found = udxg_range_tree_lower_bound(&model->tree, BASE + at);
    assert_ptr_equal(found, next ? &model->nodes[next] : NULL);
}

static void check_order(const struct model *model)
{
    unsigned id = 0;
    const struct udxg_range_node *node = udxg_range_tree_first(&model->tree);
    for (uint64_t i = 0; i < UNITS; i++) {
        if (!model->owner[i] || model->owner[i] == id) continue;
        id = model->owner[i];
        assert_ptr_equal(node, &model->nodes[id]);
        node = udxg_range_tree_next(node);
    }
    assert_null(node);
}

static void check_gap(const struct model *model, uint64_t size, uint64_t alignment, uint64_t minimum, uint64_t limit)
{
    uint64_t expected = minimum, start = 0;
    bool exists = false;
    for (; expected + size <= limit && !exists; expected++) {
        exists = !((BASE + expected) % alignment) && model_is_free(model, expected, size);
    }
    bool found =
        udxg_range_tree_find_gap(&model->tree, size, alignment, BASE + minimum, BASE + limit, &start);
    assert_int_equal(found, exists);
    assert_int_equal(start, exists ? BASE + expected - 1 : 0);
}

static void smoke_against_model(void **state)
{
    struct random random = random_seed(__func__, 0);
    struct model *model = calloc(1, sizeof(*model));
    (void)state;
    for (unsigned step = 0; step < 40000; step++) {
        unsigned id = 1 + (unsigned)random_below(&random, NODES);
        if (model->inserted[id]) {
            model_remove(model, id);
        } else {
            uint64_t count = 1 + random_below(&random, step & 4096 ? 4 : 16);
            model_insert(model, id, random_below(&random, UNITS - count + 1), count);
        }
        assert_sound(&model->tree);
        check_lookups(model, random_below(&random, UNITS));
        uint64_t minimum = random_below(&random, UNITS), limit = minimum + random_below(&random, UNITS - minimum + 1);
        check_gap(model, 1 + random_below(&random, 20), UINT64_C(1) << random_below(&random, 6), minimum, limit);
        if (step % 64 == 0) check_order(model);
    }
    free(model);
}

static void pathological_orders(void **state)
{
    enum { COUNT = 1 << 16 };
    struct udxg_range_node *nodes = calloc(COUNT, sizeof(*nodes));
    (void)state;
    for (unsigned order = 0; order < 3; order++) {
        struct udxg_range_tree tree = {NULL};
        for (unsigned i = 0; i < COUNT; i++) {
            uint64_t rank = order == 0 ? i : order == 1 ? COUNT - 1 - i : i % 2 ? COUNT - 1 - i / 2 : i / 2;
            nodes[i].start = rank * 2;
            nodes[i].size = 1;
            assert_true(udxg_range_tree_insert(&tree, &nodes[i]));
        }
        assert_sound(&tree);
        assert_in_range(tree.root->height, 17, 24); /* AVL: at most 1.44 log2(n) */
        for (unsigned i = 0; i < COUNT - 1; i++) {
            udxg_range_tree_remove(&tree, &nodes[i]);
            if (i % 4096 == 0) assert_sound(&tree);
        }
        assert_ptr_equal(tree.root, &nodes[COUNT - 1]);
        assert_int_equal(tree.root->height, 1);
        udxg_range_tree_remove(&tree, &nodes[COUNT - 1]);
        assert_null(tree.root);
    }
    free(nodes);
}

static void overlaps_are_refused(void **state)
{
    struct udxg_range_tree tree = {NULL};
    struct udxg_range_node middle = {.start = 100, .size = 10};
    static const struct {
        uint64_t start, size;
        bool fits;
    } cases[] = {
        {90, 10, true}, {90, 11, false}, {100, 10, false}, {100, 1, false},
        {104, 2, false}, {109, 1, false}, {109, 5, false}, {110, 5, true}, {90, 40, false},
    };
    (void)state;
    assert_true(udxg_range_tree_insert(&tree, &middle));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct udxg_range_node node = {.start = cases[i].start, .size = cases[i].size};
        assert_int_equal(udxg_range_tree_insert(&tree, &node), cases[i].fits);
        assert_sound(&tree);
        if (cases[i].fits) udxg_range_tree_remove(&tree, &node);
        assert_ptr_equal(tree.root, &middle);
        assert_null(middle.left);
        assert_null(middle.right);
    }
}

static void gaps_at_the_edges(void **state)
{
    struct udxg_range_tree tree = {NULL};
    struct udxg_range_node last = {.start = UINT64_MAX - 15, .size = 15};
    uint64_t start = 1;
    (void)state;

    assert_true(udxg_range_tree_find_gap(&tree, UINT64_MAX, 1, 0, UINT64_MAX, &start));
    assert_int_equal(start, 0);
    assert_false(udxg_range_tree_find_gap(&tree, UINT64_MAX, 1, 1, UINT64_MAX, &start));
    assert_false(udxg_range_tree_find_gap(&tree, 0, 1, 0, 100, &start));
    assert_false(udxg_range_tree_find_gap(&tree, 1, 1, 100, 100, &start));
    assert_false(udxg_range_tree_find_gap(&tree, 1, 1, 200, 100, &start));

    assert_true(udxg_range_tree_insert(&tree, &last));
    assert_true(udxg_range_tree_find_gap(&tree, 16, 16, UINT64_MAX - 40, UINT64_MAX, &start));
    assert_int_equal(start, UINT64_MAX - 31);
    /* Rounding up passes the end of the numbers here. */
    assert_false(udxg_range_tree_find_gap(&tree, 1, UINT64_C(1) << 63, UINT64_MAX - 40, UINT64_MAX, &start));
    assert_int_equal(start, UINT64_MAX - 31);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(smoke_against_model),
        cmocka_unit_test(pathological_orders),
        cmocka_unit_test(overlaps_are_refused),
        cmocka_unit_test(gaps_at_the_edges),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
