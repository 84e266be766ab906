/* SPDX-License-Identifier: MIT */
/*
 * An ordered set of disjoint ranges [start, start + size) that can find a gap: a balanced tree in which each
 * node also knows the largest gap of its subtree. The user embeds the node; the tree allocates nothing.
 * Every operation is O(log n) in the worst case, but for the search for an aligned gap: that also looks
 * at the gaps below the answer that are large enough and hold no aligned place. Locks: none; the user's.
 */
#ifndef UDXG_RANGE_TREE_H
#define UDXG_RANGE_TREE_H

#include <stdbool.h>
#include <stdint.h>

/* Embeddable. The user sets start and size before the insertion and leaves them alone until removal. */
struct udxg_range_node {
    struct udxg_range_node *parent, *left, *right;
    uint64_t start, size;   /* size > 0; start + size does not wrap */
    uint64_t subtree_first; /* lowest start of the subtree */
    uint64_t subtree_end;   /* highest end of the subtree */
    uint64_t subtree_gap;   /* largest gap between two neighbours inside the subtree */
    uint32_t height; /* of the subtree; a leaf has 1 */
};

/* Embeddable. Zero it to make an empty tree. */
struct udxg_range_tree {
    struct udxg_range_node *root;
};

/* False, with nothing changed, when NODE overlaps a range of the tree. */
bool udxg_range_tree_insert(struct udxg_range_tree *tree, struct udxg_range_node *node);
void udxg_range_tree_remove(struct udxg_range_tree *tree, struct udxg_range_node *node);

/* The range that contains AT, or NULL. */
struct udxg_range_node *udxg_range_tree_find(const struct udxg_range_tree *tree, uint64_t at);
/* The lowest range that ends above AT (so it contains AT or lies after it), or NULL. */
struct udxg_range_node *udxg_range_tree_lower_bound(const struct udxg_range_tree *tree, uint64_t at);
struct udxg_range_node *udxg_range_tree_first(const struct udxg_range_tree *tree);
struct udxg_range_node *udxg_range_tree_next(const struct udxg_range_node *node);

/*
 * The lowest multiple of ALIGNMENT (a power of two) at which SIZE is free and lies in [minimum, limit).
 * False when there is none.
 */
bool udxg_range_tree_find_gap(const struct udxg_range_tree *tree, uint64_t size, uint64_t alignment, uint64_t minimum,
                              uint64_t limit, uint64_t *ret_start);

/* Recomputes everything; returns NULL or what is wrong. */
const char *udxg_range_tree_check(const struct udxg_range_tree *tree);

#endif
