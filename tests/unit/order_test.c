/* SPDX-License-Identifier: MIT */
/* The ordered set against a plain array: order, equal keys, removal, taking a prefix. And its depth. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/order.h"

enum { COUNT = 10000 };

static struct node {
    struct udxg_order_node node;
    unsigned number; /* in the order of insertion */
    int in;
} nodes[COUNT];

static struct node *node_of(struct udxg_order_node *node)
{
    return (struct node *)node;
}

/* Everything that is in, in order; equal keys by number. */
static unsigned check_walk(const struct udxg_order *order)
{
    unsigned seen = 0;
    struct node *before = NULL;

    for (struct udxg_order_node *it = udxg_order_first(order); it; it = udxg_order_next(it), seen++) {
        struct node *node = node_of(it);
        assert_true(node->in);
        if (it->parent) assert_true(it->parent->rank >= it->rank);
        if (before)
            assert_true(before->node.key < it->key || (before->node.key == it->key && before->number < node->number));
        before = node;
    }
    return seen;
}

static unsigned depth(const struct udxg_order_node *node)
{
    unsigned left, right;

    if (!node) return 0;
    left = depth(node->child[0]);
    right = depth(node->child[1]);
    return 1 + (left > right ? left : right);
}

static void keeps_order(void **state)
{
    struct udxg_order order, taken;
    unsigned count = 0;
    (void)state;

    srand(7);
    udxg_order_init(&order);
    for (unsigned step = 0; step < 60000; step++) {
        struct node *node = &nodes[(unsigned)rand() % 500];
        if (node->in) {
            udxg_order_remove(&order, &node->node);
            node->in = 0;
            count--;
        } else {
            node->number = step;
            node->in = 1;
            udxg_order_insert(&order, &node->node, (uint64_t)rand() % 50);
            count++;
        }
        if (step % 100 == 0) assert_int_equal(count, check_walk(&order));
        if (step % 5000 == 4999) {
            udxg_order_take(&order, 20, &taken);
            unsigned rest = check_walk(&order), out = check_walk(&taken);
            assert_int_equal(count, rest + out);
            for (struct udxg_order_node *it = udxg_order_first(&taken), *next; it; it = next) {
                next = udxg_order_next(it);
                assert_true(it->key <= 20);
                node_of(it)->in = 0;
            }
            if (udxg_order_first(&order)) assert_true(udxg_order_first(&order)->key > 20);
            count = rest;
        }
    }
}

static void finds_the_first_of_a_key(void **state)
{
    struct udxg_order order;
    (void)state;

    udxg_order_init(&order);
    assert_null(udxg_order_first(&order));
    assert_null(udxg_order_find(&order, 0));
    for (unsigned i = 0; i < 300; i++) udxg_order_insert(&order, &nodes[i].node, i % 3);
    for (uint64_t key = 0; key < 3; key++) assert_ptr_equal(udxg_order_find(&order, key), &nodes[key].node);
    udxg_order_remove(&order, &nodes[1].node);
    assert_ptr_equal(udxg_order_find(&order, 1), &nodes[4].node);
    assert_null(udxg_order_find(&order, 3));
}

/* Sorted keys are what would make a list of a plain tree. */
static void stays_flat(void **state)
{
    struct udxg_order order;
    (void)state;

    udxg_order_init(&order);
    for (unsigned i = 0; i < COUNT; i++) udxg_order_insert(&order, &nodes[i].node, i);
    assert_true(depth(order.root) < 60); /* 10,000 nodes: about 30 */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_order),
        cmocka_unit_test(finds_the_first_of_a_key),
        cmocka_unit_test(stays_flat),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
