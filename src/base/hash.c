/* SPDX-License-Identifier: MIT */
/* Chained hashing with Fibonacci's multiplier: keys count up (inodes) or are random (global handles). */
#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

static struct udxg_hash_node **bucket_of(const struct udxg_hash *hash, uint64_t key)
{
    key = (key ^ key >> 32) * UINT64_C(0x9e3779b97f4a7c15);
    return &hash->buckets[key >> 32 & (hash->bucket_count - 1)];
}

void udxg_hash_init(struct udxg_hash *hash)
{
    memset(hash, 0, sizeof *hash);
    hash->buckets = hash->first;
    hash->bucket_count = UDXG_HASH_FIRST_BUCKETS;
}

void udxg_hash_fini(struct udxg_hash *hash)
{
    if (hash->buckets != hash->first) free(hash->buckets);
}

static void link_node(const struct udxg_hash *hash, struct udxg_hash_node *node)
{
    struct udxg_hash_node **bucket = bucket_of(hash, node->key);

    node->next = *bucket;
    *bucket = node;
}

static void grow(struct udxg_hash *hash)
{
    struct udxg_hash larger = {.bucket_count = hash->bucket_count * 2};

    larger.buckets = calloc(larger.bucket_count, sizeof(struct udxg_hash_node *));
    if (!larger.buckets) return;
    for (uint32_t i = 0; i < hash->bucket_count; i++) {
        while (hash->buckets[i]) {
            struct udxg_hash_node *node = hash->buckets[i];
            hash->buckets[i] = node->next;
            link_node(&larger, node);
        }
    }
    udxg_hash_fini(hash);
    hash->buckets = larger.buckets;
    hash->bucket_count = larger.bucket_count;
}

void udxg_hash_insert(struct udxg_hash *hash, struct udxg_hash_node *node, uint64_t key)
{
    if (hash->count >= hash->bucket_count && hash->bucket_count <= UINT32_MAX / 2) grow(hash);
    node->key = key;
    link_node(hash, node);
    hash->count++;
}

void udxg_hash_remove(struct udxg_hash *hash, struct udxg_hash_node *node)
{
    struct udxg_hash_node **link = bucket_of(hash, node->key);

    while (*link != node) link = &(*link)->next;
    *link = node->next;
    hash->count--;
}

struct udxg_hash_node *udxg_hash_find(const struct udxg_hash *hash, uint64_t key)
{
    struct udxg_hash_node *node = *bucket_of(hash, key);

    return !node || node->key == key ? node : udxg_hash_next(&(struct udxg_hash_node){.next = node, .key = key});
}

struct udxg_hash_node *udxg_hash_next(const struct udxg_hash_node *node)
{
    struct udxg_hash_node *next = node->next;

    while (next && next->key != node->key) next = next->next;
    return next;
}
