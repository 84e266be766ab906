/* SPDX-License-Identifier: MIT */
/*
 * What ours is held against: the least that a plain program would have to do for the same end. Each is a measure_run
 * and returns nanoseconds for one operation.
 */
#ifndef BENCH_ANCHORS_H
#define BENCH_ANCHORS_H

#include <stdint.h>

/* memfd_create, ftruncate, mmap, munmap, close of 64 KiB; no state. */
double anchor_memfd_life(void *unused);
/* The same with a word written to each of the 16 pages. */
double anchor_memfd_life_written(void *unused);
/* memfd_create and ftruncate; the closing is not counted. */
double anchor_memfd_create(void *unused);

/* memset of 64 KiB of resident shared memory: the state is its address. */
double anchor_memset(void *memory);
void *anchor_memset_memory(void);

/* A page table for 1 GiB of 4-KiB pages: one store for each page of a mapping. */
struct anchor_page_table;
struct anchor_page_table *anchor_page_table(uint64_t mapping_bytes);
double anchor_page_table_store(void *table);

/* Objects behind handles, on a list: look-up by a random handle, then a move to the list's end. */
struct anchor_objects;
struct anchor_objects *anchor_objects(uint32_t count);
double anchor_objects_touch(void *objects);

#endif
