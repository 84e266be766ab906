/* SPDX-License-Identifier: MIT */
/*
 * An intrusive set of nodes in the order of their 64-bit keys; what has the same key stands in the order in which it
 * came. The user embeds the node, the set allocates nothing.
 *
 * Insert, remove and look-up take steps in the logarithm of the number of nodes, whatever the keys. Taking all nodes
 * up to a key does too; visiting what was taken costs one step a node.
 */
#ifndef UDXG_BASE_ORDER_H
#define UDXG_BASE_ORDER_H

#include <stddef.h>
#include <stdint.h>

struct udxg_order_node {
    struct udxg_order_node *child[2]; /* [0]: smaller keys; [1]: larger ones, and equal ones that came later */
    struct udxg_order_node *parent;
    uint64_t key;
    uint32_t rank; /* random; at least the children's */
};

struct udxg_order {
    struct udxg_order_node *root;
    uint32_t seed;
};

void udxg_order_init(struct udxg_order *order);
void udxg_order_insert(struct udxg_order *order, struct udxg_order_node *node, uint64_t key);
/* NODE must be in ORDER. */
void udxg_order_remove(struct udxg_order *order, struct udxg_order_node *node);
/* The first node of all, the one after NODE, the first one with exactly KEY; NULL when there is none. */
struct udxg_order_node *udxg_order_first(const struct udxg_order *order);
struct udxg_order_node *udxg_order_next(const struct udxg_order_node *node);
struct udxg_order_node *udxg_order_find(const struct udxg_order *order, uint64_t key);
/* Moves every node with a key of at most KEY to TAKEN, which is overwritten. */
void udxg_order_take(struct udxg_order *order, uint64_t key, struct udxg_order *taken);

#endif
