/* SPDX-License-Identifier: MIT */
/*
 * An intrusive hash table from 64-bit keys: the user embeds a udxg_hash_node. Two nodes may have one key.
 *
 * It grows when it has more nodes than buckets; when there is no memory for that it goes on with longer chains,
 * so that an insertion never fails. It has no lock: whoever owns it has.
 */
#ifndef UDXG_BASE_HASH_H
#define UDXG_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#define UDXG_HASH_FIRST_BUCKETS 16u

struct udxg_hash_node {
    struct udxg_hash_node *next;
    uint64_t key;
};

struct udxg_hash {
    struct udxg_hash_node **buckets; /* first, or on the heap */
    uint32_t bucket_count;           /* a power of two */
    uint32_t count;
    struct udxg_hash_node *first[UDXG_HASH_FIRST_BUCKETS];
};

/* It points into itself: not to be copied. */
void udxg_hash_init(struct udxg_hash *hash);
/* Nothing may be in it. */
void udxg_hash_fini(struct udxg_hash *hash);

void udxg_hash_insert(struct udxg_hash *hash, struct udxg_hash_node *node, uint64_t key);
/* NODE is in it. */
void udxg_hash_remove(struct udxg_hash *hash, struct udxg_hash_node *node);

/* Some node with that key, and the next one after NODE; NULL when there is none (any more). */
struct udxg_hash_node *udxg_hash_find(const struct udxg_hash *hash, uint64_t key);
struct udxg_hash_node *udxg_hash_next(const struct udxg_hash_node *node);

#endif
