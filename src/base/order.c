/* SPDX-License-Identifier: MIT */
/*
 * A treap: a search tree by key that is a heap by rank, and ranks are random, so that its depth does not depend on
 * what is inserted in which order. No recursion. Invariants: an in-order walk sees rising keys; a node's rank is at
 * least that of its children; child->parent is the node. No lock: it is the user's.
 */
#include "base/order.h"

void udxg_order_init(struct udxg_order *order)
{
    order->root = NULL;
    order->seed = 2463534242u; /* anything but 0 */
}

/* Marsaglia's xorshift: good enough for ranks that nobody outside can see. */
static uint32_t next_rank(struct udxg_order *order)
{
    order->seed ^= order->seed << 13;
    order->seed ^= order->seed >> 17;
    order->seed ^= order->seed << 5;
    return order->seed;
}

/* The pointer that leads to NODE. */
static struct udxg_order_node **slot_of(struct udxg_order *order, const struct udxg_order_node *node)
{
    return node->parent ? &node->parent->child[node->parent->child[1] == node] : &order->root;
}

/* NODE changes places with its child on SIDE. */
static void rotate(struct udxg_order *order, struct udxg_order_node *node, int side)
{
    struct udxg_order_node *child = node->child[side];

    *slot_of(order, node) = child;
    child->parent = node->parent;
    node->child[side] = child->child[!side];
    if (node->child[side]) node->child[side]->parent = node;
    child->child[!side] = node;
    node->parent = child;
}

void udxg_order_insert(struct udxg_order *order, struct udxg_order_node *node, uint64_t key)
{
    struct udxg_order_node **slot = &order->root, *parent = NULL;

    while (*slot) {
        parent = *slot;
        slot = &parent->child[key >= parent->key];
    }
    *slot = node;
    node->parent = parent;
    node->child[0] = node->child[1] = NULL;
    node->key = key;
    node->rank = next_rank(order);
    while (node->parent && node->parent->rank < node->rank) rotate(order, node->parent, node->parent->child[1] == node);
}

void udxg_order_remove(struct udxg_order *order, struct udxg_order_node *node)
{
    struct udxg_order_node *rest;

    while (node->child[0] && node->child[1]) rotate(order, node, node->child[1]->rank > node->child[0]->rank);
    rest = node->child[0] ? node->child[0] : node->child[1];
    *slot_of(order, node) = rest;
    if (rest) rest->parent = node->parent;
}

struct udxg_order_node *udxg_order_first(const struct udxg_order *order)
{
    struct udxg_order_node *node = order->root;

    while (node && node->child[0]) node = node->child[0];
    return node;
}

struct udxg_order_node *udxg_order_next(const struct udxg_order_node *node)
{
    struct udxg_order_node *next = node->child[1];

    if (next) {
        while (next->child[0]) next = next->child[0];
        return next;
    }
    while ((next = node->parent) && next->child[1] == node) node = next;
    return next;
}

struct udxg_order_node *udxg_order_find(const struct udxg_order *order, uint64_t key)
{
    struct udxg_order_node *node = order->root, *found = NULL;

    while (node) {
        if (node->key == key) found = node; /* an earlier one may stand to the left */
        node = node->child[node->key < key];
    }
    return found;
}

void udxg_order_take(struct udxg_order *order, uint64_t key, struct udxg_order *taken)
{
    struct udxg_order_node **low = &taken->root, **high = &order->root, *low_parent = NULL, *high_parent = NULL;
    struct udxg_order_node *node = order->root;

    udxg_order_init(taken);
    while (node) {
        if (node->key <= key) {
            *low = node;
            node->parent = low_parent;
            low_parent = node;
            low = &node->child[1];
            node = *low;
        } else {
            *high = node;
            node->parent = high_parent;
            high_parent = node;
            high = &node->child[0];
            node = *high;
        }
    }
    *low = *high = NULL;
}
