/* SPDX-License-Identifier: MIT */
/*
 * An AVL tree, because its bound holds in the worst case: clients choose the addresses, and a tree that is
 * balanced by chance only could be unbalanced on purpose.
 *
 * Invariants, for every node n with children l and r (either may be missing):
 *     l.subtree_end <= n.start,  n.start + n.size <= r.subtree_first
 *     n.height        = 1 + max(l.height, r.height),  |l.height - r.height| <= 1
 *     n.subtree_first = l.subtree_first or n.start
 *     n.subtree_end   = r.subtree_end or n.start + n.size
 *     n.subtree_gap   = max(l.subtree_gap, r.subtree_gap, n.start - l.subtree_end,
 *                           r.subtree_first - (n.start + n.size))
 *
 * Gaps before the first and after the last range of a subtree belong to whoever stands above.
 */
#include "range/tree.h"

#include <stddef.h>

static uint64_t end_of(const struct udxg_range_node *node)
{
    return node->start + node->size;
}

static uint32_t height_of(const struct udxg_range_node *node)
{
    return node ? node->height : 0;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* ---- balance ---- */

static inline void summarize(struct udxg_range_node *node)
{
    const struct udxg_range_node *left = node->left, *right = node->right;
    uint64_t gap = 0;
    if (left) gap = larger(left->subtree_gap, node->start - left->subtree_end);
    if (right) gap = larger(gap, larger(right->subtree_gap, right->subtree_first - end_of(node)));
    node->subtree_gap = gap;
    node->subtree_first = left ? left->subtree_first : node->start;
    node->subtree_end = right ? right->subtree_end : end_of(node);
    node->height = 1 + (uint32_t)larger(height_of(left), height_of(right));
}

/* The place where the tree points at NODE. */
static struct udxg_range_node **link_to(struct udxg_range_tree *tree, const struct udxg_range_node *node)
{
    struct udxg_range_node *parent = node->parent;
    if (!parent) return &tree->root;
    return parent->left == node ? &parent->left : &parent->right;
}

static void set_left(struct udxg_range_node *parent, struct udxg_range_node *child)
{
    parent->left = child;
    if (child) child->parent = parent;
}

static void set_right(struct udxg_range_node *parent, struct udxg_range_node *child)
{
    parent->right = child;
    if (child) child->parent = parent;
}

/* Lifts NODE's left child into its place; returns it. The mirror image is rotate_left(). */
static struct udxg_range_node *rotate_right(struct udxg_range_tree *tree, struct udxg_range_node *node)
{
    struct udxg_range_node *lifted = node->left;
    *link_to(tree, node) = lifted;
    lifted->parent = node->parent;
    set_left(node, lifted->right);
    set_right(lifted, node);
    summarize(node);
    summarize(lifted);
    return lifted;
}

static struct udxg_range_node *rotate_left(struct udxg_range_tree *tree, struct udxg_range_node *node)
{
    struct udxg_range_node *lifted = node->right;
    *link_to(tree, node) = lifted;
    lifted->parent = node->parent;
    set_right(node, lifted->left);
    set_left(lifted, node);
    summarize(node);
    summarize(lifted);
    return lifted;
}

/* Restores NODE, whose subtrees are right in themselves; returns what stands in its place now. */
static struct udxg_range_node *balance(struct udxg_range_tree *tree, struct udxg_range_node *node)
{
    struct udxg_range_node *left = node->left, *right = node->right;
    if (height_of(left) > height_of(right) + 1) {
        if (height_of(left->right) > height_of(left->left)) rotate_left(tree, left);
        return rotate_right(tree, node);
    }
    if (height_of(right) > height_of(left) + 1) {
        if (height_of(right->left) > height_of(right->right)) rotate_right(tree, right);
        return rotate_left(tree, node);
    }
    summarize(node);
    return node;
}

/* The summaries reach up to the root, so there is no early stop. */
static void balance_up(struct udxg_range_tree *tree, struct udxg_range_node *node)
{
    while (node) node = balance(tree, node)->parent;
}

/* ---- changes ---- */

bool udxg_range_tree_insert(struct udxg_range_tree *tree, struct udxg_range_node *node)
{
    struct udxg_range_node **link = &tree->root, *parent = NULL;
    while (*link) {
        parent = *link;
        if (end_of(node) <= parent->start) {
            link = &parent->left;
        } else if (end_of(parent) <= node->start) {
            link = &parent->right;
        } else {
            return false;
        }
    }
    *link = node;
    node->parent = parent;
    node->left = node->right = NULL;
    balance_up(tree, node);
    return true;
}

static struct udxg_range_node *leftmost(struct udxg_range_node *node)
{
    while (node->left) node = node->left;
    return node;
}

void udxg_range_tree_remove(struct udxg_range_tree *tree, struct udxg_range_node *node)
{
    struct udxg_range_node *successor, *lowest_changed;
    if (!node->left || !node->right) {
        successor = node->left ? node->left : node->right;
        lowest_changed = node->parent;
    } else {
        successor = leftmost(node->right);
        if (successor == node->right) {
            lowest_changed = successor;
        } else {
            lowest_changed = successor->parent;
            set_left(successor->parent, successor->right);
            set_right(successor, node->right);
        }
        set_left(successor, node->left);
    }
    *link_to(tree, node) = successor;
    if (successor) successor->parent = node->parent;
    balance_up(tree, lowest_changed);
    node->parent = node->left = node->right = NULL;
}

/* ---- questions ---- */

struct udxg_range_node *udxg_range_tree_lower_bound(const struct udxg_range_tree *tree, uint64_t at)
{
    struct udxg_range_node *node = tree->root, *found = NULL;
    while (node) {
        if (end_of(node) > at) {
            found = node;
            node = node->left;
        } else {
            node = node->right;
        }
    }
    return found;
}

struct udxg_range_node *udxg_range_tree_find(const struct udxg_range_tree *tree, uint64_t at)
{
    struct udxg_range_node *node = udxg_range_tree_lower_bound(tree, at);
    return node && node->start <= at ? node : NULL;
}

struct udxg_range_node *udxg_range_tree_first(const struct udxg_range_tree *tree)
{
    return tree->root ? leftmost(tree->root) : NULL;
}

struct udxg_range_node *udxg_range_tree_next(const struct udxg_range_node *node)
{
    if (node->right) return leftmost(node->right);
    while (node->parent && node->parent->right == node) node = node->parent;
    return node->parent;
}

/* ---- gaps ---- */

struct gap_search {
    uint64_t size, alignment, minimum, limit;
    uint64_t found;
};

/* Whether the free stretch [start, end) has an aligned place; it is noted. */
static bool try_gap(struct gap_search *search, uint64_t start, uint64_t end)
{
    start = larger(start, search->minimum);
    end = smaller(end, search->limit);
    uint64_t place = (start + search->alignment - 1) & ~(search->alignment - 1);
    if (place < start || place >= end || end - place < search->size) return false;
    search->found = place;
    return true;
}

/*
 * The lowest place in the gap between BEFORE (where the range below the subtree ends) and the end of NODE's
 * subtree. As deep as the tree is high.
 */
static bool search_subtree(struct gap_search *search, const struct udxg_range_node *node, uint64_t before)
{
    if (!node || node->subtree_end <= search->minimum || before >= search->limit) return false;
    before = larger(before, search->minimum); /* what lies below is of no use, and must not lead down there */
    uint64_t first_gap = node->subtree_first > before ? node->subtree_first - before : 0;
    if (larger(node->subtree_gap, first_gap) < search->size) return false;
    if (search_subtree(search, node->left, before)) return true;
    if (try_gap(search, node->left ? node->left->subtree_end : before, node->start)) return true;
    return search_subtree(search, node->right, end_of(node));
}

bool udxg_range_tree_find_gap(const struct udxg_range_tree *tree, uint64_t size, uint64_t alignment, uint64_t minimum,
                              uint64_t limit, uint64_t *ret_start)
{
    struct gap_search search = {size, alignment, minimum, limit, 0};
    const struct udxg_range_node *root = tree->root;
    if (!size) return false;
    bool found = search_subtree(&search, root, 0) || try_gap(&search, root ? root->subtree_end : 0, limit);
    if (found) *ret_start = search.found;
    return found;
}

/* ---- checks ---- */

static const char *check_node(const struct udxg_range_node *node)
{
    const struct udxg_range_node *left = node->left, *right = node->right;
    struct udxg_range_node expected = *node;
    if (!node->size) return "a range is empty";
    if (end_of(node) < node->start) return "a range wraps around";
    if ((left && left->parent != node) || (right && right->parent != node)) return "a child has another parent";
    if (left && left->subtree_end > node->start) return "the left subtree reaches into its parent";
    if (right && right->subtree_first < end_of(node)) return "the right subtree reaches into its parent";
    if (height_of(left) > height_of(right) + 1 || height_of(right) > height_of(left) + 1) return "out of balance";
    summarize(&expected);
    if (expected.height != node->height) return "a height is wrong";
    if (expected.subtree_first != node->subtree_first || expected.subtree_end != node->subtree_end) {
        return "the extent of a subtree is wrong";
    }
    if (expected.subtree_gap != node->subtree_gap) return "the largest gap of a subtree is wrong";
    return NULL;
}

static const char *check_subtree(const struct udxg_range_node *node)
{
    if (!node) return NULL;
    const char *wrong = check_subtree(node->left);
    if (!wrong) wrong = check_subtree(node->right);
    return wrong ? wrong : check_node(node);
}

const char *udxg_range_tree_check(const struct udxg_range_tree *tree)
{
    if (tree->root && tree->root->parent) return "the root has a parent";
    return check_subtree(tree->root);
}
