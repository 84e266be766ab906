/* SPDX-License-Identifier: MIT */
/* What engines see: reads, writes, copies, fills and atomics through the address space, and their faults. */
#include "vidmm_fixture.h"

#include <stdatomic.h>
#include <sys/mman.h>

#include "base/os.h"

#define PAGE (4 * KIB)
#define SIZE (5 * MIB) /* more than two chunks */

static udxg_status gpu_read(struct world *world, uint64_t va, void *buffer, uint64_t size, uint64_t *ret_fault)
{
    return world->memory.read(world->memory.context, va, buffer, size, ret_fault);
}

static udxg_status gpu_write(struct world *world, uint64_t va, const void *buffer, uint64_t size, uint64_t *ret_fault)
{
    return world->memory.write(world->memory.context, va, buffer, size, ret_fault);
}

static udxg_status gpu_copy(struct world *world, uint64_t to, uint64_t from, uint64_t size, uint64_t *ret_fault)
{
    return world->memory.copy(world->memory.context, to, from, size, ret_fault);
}

static udxg_status gpu_fill(struct world *world, uint64_t va, uint32_t pattern, uint64_t size, uint64_t *ret_fault)
{
    return world->memory.fill(world->memory.context, va, pattern, size, ret_fault);
}

static struct udxg_adapter_caps caps_of(void **state)
{
    return *state ? discrete_caps(32 * MIB) : uma_caps();
}

static void reads_writes_and_copies(void **state)
{
    struct udxg_adapter_caps caps = caps_of(state);
    struct world world;
    struct thing from, to;
    uint64_t fault = 1, *words = malloc(SIZE);
    assert_non_null(words);
    world_open(&world, &caps);
    thing_make_plain(&world, &from, SIZE);
    thing_make_plain(&world, &to, SIZE);
    make_resident(&world, &from);
    make_resident(&world, &to);
    content_make(1, words, SIZE / 8);
    assert_int_equal(gpu_write(&world, from.va, words, SIZE, &fault), STATUS_SUCCESS);
    assert_int_equal(gpu_copy(&world, to.va, from.va, SIZE, &fault), STATUS_SUCCESS);
    memset(words, 0, SIZE);
    assert_int_equal(gpu_read(&world, to.va, words, SIZE, &fault), STATUS_SUCCESS);
    assert_true(content_is(1, words, SIZE / 8));
    /* odd addresses and sizes, across chunks */
    assert_int_equal(gpu_copy(&world, to.va + 3, from.va + 8, 4 * MIB + 5, &fault), STATUS_SUCCESS);
    char *bytes = malloc(SIZE);
    assert_non_null(bytes);
    assert_int_equal(gpu_read(&world, to.va + 3, bytes, 4 * MIB + 5, &fault), STATUS_SUCCESS);
    assert_memory_equal(bytes, (char *)words + 8, 4 * MIB + 5);
    assert_int_equal(fault, 1); /* never written without a fault */
    free(bytes);
    free(words);
    thing_destroy(&from);
    thing_destroy(&to);
    world_close(&world);
}

static void fills(void **state)
{
    struct udxg_adapter_caps caps = caps_of(state);
    struct world world;
    struct thing thing;
    uint64_t fault;
    const unsigned char pattern[4] = {0x78, 0x56, 0x34, 0x12};
    unsigned char *bytes = malloc(SIZE);
    assert_non_null(bytes);
    world_open(&world, &caps);
    thing_make_plain(&world, &thing, SIZE);
    make_resident(&world, &thing);
    for (uint64_t shift = 0; shift < 4; shift++) {
        uint64_t size = 4 * MIB + 1 + shift;
        assert_int_equal(gpu_fill(&world, thing.va, 0, SIZE, &fault), STATUS_SUCCESS);
        assert_int_equal(gpu_fill(&world, thing.va + shift, 0x12345678, size, &fault), STATUS_SUCCESS);
        assert_int_equal(gpu_read(&world, thing.va, bytes, SIZE, &fault), STATUS_SUCCESS);
        for (uint64_t i = 0; i < SIZE; i++) {
            bool inside = i >= shift && i < shift + size;
            if (bytes[i] != (inside ? pattern[(i - shift) % 4] : 0)) fail_msg("byte %llu", (unsigned long long)i);
        }
    }
    free(bytes);
    thing_destroy(&thing);
    world_close(&world);
}

static void atomics(void **state)
{
    struct udxg_adapter_caps caps = caps_of(state);
    struct world world;
    struct thing thing;
    uint64_t fault = 0, old = 0, word = UINT64_C(0x1ffffffff);
    world_open(&world, &caps);
    thing_make_plain(&world, &thing, PAGE);
    make_resident(&world, &thing);
    struct udxg_gpu_memory *memory = &world.memory;
    assert_int_equal(gpu_write(&world, thing.va + 8, &word, 8, &fault), STATUS_SUCCESS);
    assert_int_equal(memory->fetch_add(memory->context, thing.va + 8, 2, 4, &old, &fault), STATUS_SUCCESS);
    assert_int_equal(old, 0xffffffffu);
    assert_int_equal(memory->fetch_add(memory->context, thing.va + 8, UINT64_MAX, 8, &old, &fault), STATUS_SUCCESS);
    assert_int_equal(old, UINT64_C(0x100000001));
    assert_int_equal(gpu_read(&world, thing.va + 8, &word, 8, &fault), STATUS_SUCCESS);
    assert_int_equal(word, UINT64_C(0x100000000));
    assert_int_equal(memory->fetch_add(memory->context, thing.va + 4, 1, 8, &old, &fault), STATUS_INVALID_PARAMETER);
    assert_int_equal(memory->fetch_add(memory->context, thing.va, 1, 2, &old, &fault), STATUS_INVALID_PARAMETER);
    assert_int_equal(memory->fetch_add(memory->context, thing.va + PAGE, 1, 8, &old, &fault), STATUS_ACCESS_VIOLATION);
    assert_int_equal(fault, thing.va + PAGE);
    thing_destroy(&thing);
    world_close(&world);
}

static void faults(void **state)
{
    struct udxg_adapter_caps caps = caps_of(state);
    struct world world;
    struct thing thing;
    uint64_t fault = 0, words[2 * PAGE / 8], va;
    world_open(&world, &caps);
    thing_make_plain(&world, &thing, MIB);
    /* mapped, not resident */
    assert_int_equal(gpu_read(&world, thing.va, words, 8, &fault), STATUS_ACCESS_VIOLATION);
    assert_int_equal(fault, thing.va);
    make_resident(&world, &thing);
    assert_int_equal(gpu_read(&world, thing.va, words, 8, &fault), STATUS_SUCCESS);
    /* what came before the fault is done */
    memset(words, 0x55, sizeof words);
    assert_int_equal(gpu_write(&world, thing.va + MIB - PAGE, words, 2 * PAGE, &fault), STATUS_ACCESS_VIOLATION);
    assert_int_equal(fault, thing.va + MIB);
    memset(words, 0, sizeof words);
    assert_int_equal(gpu_read(&world, thing.va + MIB - PAGE, words, PAGE, &fault), STATUS_SUCCESS);
    assert_int_equal(words[0], UINT64_C(0x5555555555555555));
    /* copies name the side that faulted */
    assert_int_equal(gpu_copy(&world, thing.va + MIB, thing.va, 8, &fault), STATUS_ACCESS_VIOLATION);
    assert_int_equal(fault, thing.va + MIB);
    assert_int_equal(gpu_copy(&world, thing.va, thing.va + MIB - 8, 16, &fault), STATUS_ACCESS_VIOLATION);
    assert_int_equal(fault, thing.va + MIB);
    assert_int_equal(gpu_fill(&world, UINT64_MAX - 3, 0, 8, &fault), STATUS_ACCESS_VIOLATION);
    assert_int_equal(fault, UINT64_MAX - 3);
    /* a read-only mapping */
    struct vidmm_va_map map = {.binding = &thing.binding, .size_pages = 1};
    assert_int_equal(vidmm_va_map(world.process, &map, &va), STATUS_SUCCESS);
    assert_int_equal(gpu_read(&world, va, words, 8, &fault), STATUS_SUCCESS);
    assert_int_equal(gpu_write(&world, va, words, 8, &fault), STATUS_ACCESS_VIOLATION);
    assert_int_equal(gpu_fill(&world, va, 0, 8, &fault), STATUS_ACCESS_VIOLATION);
    /* evicted, even where the bytes are still there */
    evict(&world, &thing, VIDMM_EVICT_ONLY_IF_NECESSARY);
    assert_int_equal(gpu_read(&world, thing.va, words, 8, &fault), STATUS_ACCESS_VIOLATION);
    thing_destroy(&thing);
    world_close(&world);
}

static void zero_ranges(void **state)
{
    struct udxg_adapter_caps caps = caps_of(state);
    struct world world;
    struct thing thing;
    uint64_t fault, va, words[2] = {7, 7}, old = 7;
    world_open(&world, &caps);
    thing_make_plain(&world, &thing, MIB);
    make_resident(&world, &thing);
    assert_int_equal(vidmm_va_reserve(world.process, 0, 0, 0, 64 * KIB, VIDMM_VA_ZERO, &va), STATUS_SUCCESS);
    assert_int_equal(gpu_write(&world, va, words, 16, &fault), STATUS_SUCCESS);
    assert_int_equal(gpu_fill(&world, va, 5, 64 * KIB, &fault), STATUS_SUCCESS);
    assert_int_equal(world.memory.fetch_add(world.memory.context, va, 5, 8, &old, &fault), STATUS_SUCCESS);
    assert_int_equal(old, 0);
    assert_int_equal(gpu_read(&world, va, words, 16, &fault), STATUS_SUCCESS);
    assert_int_equal(words[0] | words[1], 0);
    assert_int_equal(gpu_fill(&world, thing.va, 0x11111111, 64 * KIB, &fault), STATUS_SUCCESS);
    assert_int_equal(gpu_copy(&world, va, thing.va, 64 * KIB, &fault), STATUS_SUCCESS);
    assert_int_equal(gpu_copy(&world, thing.va, va, 32 * KIB, &fault), STATUS_SUCCESS);
    assert_int_equal(gpu_read(&world, thing.va + 32 * KIB - 8, words, 16, &fault), STATUS_SUCCESS);
    assert_int_equal(words[0], 0);
    assert_int_equal(words[1], UINT64_C(0x1111111111111111));
    thing_destroy(&thing);
    world_close(&world);
}

/* Memory of the caller, the second half of which is taken away. */
static void callers_memory(void **state)
{
    struct udxg_adapter_caps caps = caps_of(state);
    struct world world;
    struct thing thing, ours;
    uint64_t fault, old, word = 9;
    char *theirs = mmap(NULL, 64 * KIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(theirs, MAP_FAILED);
    world_open(&world, &caps);
    struct vidmm_alloc_desc desc = thing_desc(&world, 64 * KIB);
    desc.system_memory = theirs;
    desc.flags |= UDXG_ALLOCATION_EXISTING_SYS_MEM;
    thing_make(&world, &thing, &desc);
    thing_make_plain(&world, &ours, 64 * KIB);
    make_resident(&world, &thing);
    make_resident(&world, &ours);
    assert_int_equal(vidmm_alloc_residency(&thing.alloc), VIDMM_RESIDENT_SHARED);
    assert_int_equal(gpu_fill(&world, thing.va, 0x01020304, 64 * KIB, &fault), STATUS_SUCCESS);
    assert_int_equal(*(uint32_t *)(theirs + 64 * KIB - 4), 0x01020304);
    assert_int_equal(gpu_write(&world, thing.va + 8, &word, 8, &fault), STATUS_SUCCESS);
    assert_int_equal(*(uint64_t *)(theirs + 8), 9);
    assert_int_equal(world.memory.fetch_add(world.memory.context, thing.va + 8, 3, 8, &old, &fault), STATUS_SUCCESS);
    assert_int_equal(old, 9);
    assert_int_equal(*(uint64_t *)(theirs + 8), 12);
    assert_int_equal(gpu_copy(&world, ours.va, thing.va, 64 * KIB, &fault), STATUS_SUCCESS);
    assert_int_equal(gpu_copy(&world, thing.va + 64, ours.va + 8, 8, &fault), STATUS_SUCCESS);
    assert_int_equal(*(uint64_t *)(theirs + 64), 12);
    assert_int_equal(gpu_copy(&world, thing.va, thing.va + 32 * KIB, 32 * KIB, &fault), STATUS_SUCCESS);

    assert_int_equal(munmap(theirs + 32 * KIB, 32 * KIB), 0);
    uint64_t edge = thing.va + 32 * KIB;
    assert_int_equal(gpu_read(&world, edge, &word, 8, &fault), STATUS_ACCESS_VIOLATION);
    assert_int_equal(fault, edge);
    assert_int_equal(gpu_fill(&world, thing.va, 0, 64 * KIB, &fault), STATUS_ACCESS_VIOLATION);
    assert_int_equal(fault, edge);
    assert_int_equal(gpu_copy(&world, ours.va, thing.va, 64 * KIB, &fault), STATUS_ACCESS_VIOLATION);
    assert_int_equal(fault, edge);
    assert_int_equal(gpu_copy(&world, thing.va, ours.va, 64 * KIB, &fault), STATUS_ACCESS_VIOLATION);
    assert_int_equal(fault, edge);
    assert_int_equal(world.memory.fetch_add(world.memory.context, edge, 3, 8, &old, &fault), STATUS_ACCESS_VIOLATION);
    assert_int_equal(fault, edge);
    thing_destroy(&thing);
    thing_destroy(&ours);
    /* and memory that may only be read */
    desc.size_bytes = 32 * KIB;
    desc.read_only = true;
    thing_make(&world, &thing, &desc);
    make_resident(&world, &thing);
    assert_int_equal(gpu_read(&world, thing.va, &word, 8, &fault), STATUS_SUCCESS);
    assert_int_equal(gpu_write(&world, thing.va, &word, 8, &fault), STATUS_ACCESS_VIOLATION);
    thing_destroy(&thing);
    munmap(theirs, 32 * KIB);
    world_close(&world);
}

/* ---- what happens when an engine writes a fence ---- */

struct signalling {
    struct world world;
    struct thing source;
    uint64_t fence, fence_va;
    atomic_uint told, done;
};

/* Work has retired, and with it goes what the engine that signals is just copying from. */
static void source_goes(void *user, uint64_t offset)
{
    struct signalling *signalling = user;
    if (offset) abort(); /* cmocka's assertions are for its own thread */
    thing_destroy(&signalling->source);
    atomic_fetch_add(&signalling->told, 1);
}

static void *copy_to_fence(void *user)
{
    struct signalling *signalling = user;
    uint64_t fault;
    if (gpu_copy(&signalling->world, signalling->fence_va, signalling->source.va, 8, &fault)) abort();
    atomic_store(&signalling->done, 1);
    return NULL;
}

static void a_signal_may_end_its_source(void **state)
{
    static _Alignas(8) struct signalling signalling;
    struct udxg_adapter_caps caps = caps_of(state);
    uint64_t word = 7, fault, deadline_ns = udxg_os_now_ns() + UINT64_C(30000000000);
    pthread_t engine;
    signalling = (struct signalling){0};
    world_open(&signalling.world, &caps);
    thing_make_plain(&signalling.world, &signalling.source, 64 * KIB);
    make_resident(&signalling.world, &signalling.source);
    assert_int_equal(vidmm_va_map_system(signalling.world.process, &signalling.fence, 8, source_goes, &signalling,
                                         &signalling.fence_va),
                     STATUS_SUCCESS);
    assert_int_equal(gpu_write(&signalling.world, signalling.source.va, &word, 8, &fault), STATUS_SUCCESS);
    pthread_create(&engine, NULL, copy_to_fence, &signalling);
    while (!atomic_load(&signalling.done) && udxg_os_now_ns() < deadline_ns) udxg_os_nap_ns(1000000);
    assert_true(atomic_load(&signalling.done)); /* not: the end waits for the copy that waits for the end */
    pthread_join(engine, NULL);
    assert_int_equal(atomic_load(&signalling.told), 1);
    assert_int_equal(signalling.fence, 7);
    vidmm_va_unmap_system(signalling.world.process, signalling.fence_va);
    world_close(&signalling.world);
}

int main(void)
{
    static int discrete = 1;
#define ON_BOTH(test)                                                                                                  \
    {#test ", uma", test, NULL, NULL, NULL},                                                                           \
    {                                                                                                                  \
#test ", discrete", test, NULL, NULL, &discrete                                                                \
    }
    const struct CMUnitTest tests[] = {
        ON_BOTH(reads_writes_and_copies),
        ON_BOTH(fills),
        ON_BOTH(atomics),
        ON_BOTH(faults),
        ON_BOTH(zero_ranges),
        ON_BOTH(callers_memory),
        ON_BOTH(a_signal_may_end_its_source),
    };
    return cmocka_run_group_tests_name("vidmm access", tests, NULL, NULL);
}
