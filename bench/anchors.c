/* SPDX-License-Identifier: MIT */
/* The anchors. They share nothing with the library and check every system call. */
#include "anchors.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "measure.h"

#define LIFE_BYTES 65536u
#define PAGE_BYTES 4096u

/* ---- memory files ---- */

static int make_file(void)
{
    int fd = memfd_create("bench", MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, LIFE_BYTES)) measure_die("cannot make a memory file");
    return fd;
}

static void *map_file(int fd)
{
    void *address = mmap(NULL, LIFE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (address == MAP_FAILED) measure_die("cannot map a memory file");
    return address;
}

double anchor_memfd_life(void *unused)
{
    enum { LIVES = 64 };
    (void)unused;
    uint64_t start = measure_now_ns();
    for (int i = 0; i < LIVES; i++) {
        int fd = make_file();
        munmap(map_file(fd), LIFE_BYTES);
        close(fd);
    }
    return (double)(measure_now_ns() - start) / LIVES;
}

double anchor_memfd_life_written(void *unused)
{
    enum { LIVES = 16 };
    (void)unused;
    uint64_t start = measure_now_ns();
    for (int i = 0; i < LIVES; i++) {
        int fd = make_file();
        char *address = map_file(fd);
        for (uint32_t at = 0; at < LIFE_BYTES; at += PAGE_BYTES) *(volatile uint64_t *)(void *)(address + at) = at;
        munmap(address, LIFE_BYTES);
        close(fd);
    }
    return (double)(measure_now_ns() - start) / LIVES;
}

double anchor_memfd_create(void *unused)
{
    enum { FILES = 256 }; /* most systems allow a process 1,024 descriptors */
    int fds[FILES];
    (void)unused;
    uint64_t start = measure_now_ns();
    for (int i = 0; i < FILES; i++) fds[i] = make_file();
    uint64_t end = measure_now_ns();
    for (int i = 0; i < FILES; i++) close(fds[i]);
    return (double)(end - start) / FILES;
}

void *anchor_memset_memory(void)
{
    int fd = make_file();
    void *address = map_file(fd);
    close(fd);
    memset(address, 1, LIFE_BYTES);
    return address;
}

double anchor_memset(void *memory)
{
    enum { TIMES = 500 };
    uint64_t start = measure_now_ns();
    for (int i = 0; i < TIMES; i++) {
        memset(memory, 0, LIFE_BYTES);
        MEASURE_KEEP(memory);
    }
    return (double)(measure_now_ns() - start) / TIMES;
}

/* ---- a page table ---- */

#define ENTRIES ((1u << 30) / PAGE_BYTES)
#define ENTRY_FLAGS 3u /* present, writable */

struct anchor_page_table {
    uint32_t pages; /* of one mapping; a multiple of 4 */
    uint64_t entries[ENTRIES];
};

struct anchor_page_table *anchor_page_table(uint64_t mapping_bytes)
{
    struct anchor_page_table *table = malloc(sizeof *table);
    if (!table) measure_die("out of memory");
    memset(table, 0, sizeof *table);
    table->pages = (uint32_t)(mapping_bytes / PAGE_BYTES);
    return table;
}

typedef uint64_t four_entries __attribute__((vector_size(32), aligned(8), may_alias));

/* Four at a time: a driver that fills large ranges would not do it one by one. */
static void store_entries(uint64_t *entries, uint32_t pages, uint64_t address)
{
    const four_entries step = {4 * PAGE_BYTES, 4 * PAGE_BYTES, 4 * PAGE_BYTES, 4 * PAGE_BYTES};
    four_entries next = {0, PAGE_BYTES, 2 * PAGE_BYTES, 3 * PAGE_BYTES};
    next += address + ENTRY_FLAGS;
    for (uint32_t i = 0; i < pages; i += 4) {
        *(four_entries *)&entries[i] = next;
        next += step;
    }
}

/* Mapping after mapping through the table, and around. */
double anchor_page_table_store(void *state)
{
    struct anchor_page_table *table = state;
    uint32_t mappings = 8 * ENTRIES / table->pages;
    if (mappings > 20000) mappings = 20000;
    uint32_t at = 0;
    uint64_t start = measure_now_ns();
    for (uint32_t i = 0; i < mappings; i++) {
        store_entries(&table->entries[at], table->pages, (uint64_t)i << 32);
        MEASURE_KEEP(table);
        at = (at + table->pages) % ENTRIES;
    }
    return (double)(measure_now_ns() - start) / mappings;
}

/* ---- objects behind handles ---- */

struct link {
    struct link *next, *prev;
};

struct object {
    struct link link; /* first */
    uint64_t payload[6];
};

struct slot {
    uint64_t generation;
    struct object *object;
};

struct anchor_objects {
    uint32_t count;
    uint64_t random;
    struct slot *slots;
    struct object *objects;
    struct link list;
};

static void append(struct link *head, struct link *link)
{
    link->prev = head->prev;
    link->next = head;
    head->prev->next = link;
    head->prev = link;
}

struct anchor_objects *anchor_objects(uint32_t count)
{
    struct anchor_objects *all = calloc(1, sizeof *all);
    if (all) all->slots = calloc(count, sizeof *all->slots);
    if (all) all->objects = calloc(count, sizeof *all->objects);
    if (!all || !all->slots || !all->objects) measure_die("out of memory");
    all->count = count;
    all->random = 88172645463325252u;
    all->list.next = all->list.prev = &all->list;
    for (uint32_t i = 0; i < count; i++) {
        all->slots[i] = (struct slot){.generation = 1, .object = &all->objects[i]};
        append(&all->list, &all->objects[i].link);
    }
    return all;
}

static void touch(struct anchor_objects *all)
{
    const struct slot *slot = &all->slots[measure_random(&all->random) % all->count];
    if (slot->generation != 1) measure_die("a stale handle");
    struct link *link = &slot->object->link;
    link->prev->next = link->next;
    link->next->prev = link->prev;
    append(&all->list, link);
    slot->object->payload[0]++;
}

double anchor_objects_touch(void *state)
{
    enum { TOUCHES = 20000, WARM = 2000 };
    for (int i = 0; i < WARM; i++) touch(state);
    uint64_t start = measure_now_ns();
    for (int i = 0; i < TOUCHES; i++) touch(state);
    return (double)(measure_now_ns() - start) / TOUCHES;
}
