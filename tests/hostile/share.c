/* SPDX-License-Identifier: MIT */
/* What a client may see of memory that is not its own, and what a fork sees. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hostile.h"
#include "raw.h"

static sigjmp_buf trap;

static void on_fault(int number)
{
    siglongjmp(trap, number);
}

static bool can_write(volatile unsigned char *at)
{
    struct sigaction action = {.sa_handler = on_fault}, old;
    bool wrote = false;

    sigaction(SIGSEGV, &action, &old);
    if (!sigsetjmp(trap, 1)) {
        *at = (unsigned char)(*at + 1);
        wrote = true;
    }
    sigaction(SIGSEGV, &old, NULL);
    return wrote;
}

/* Every way there is from a descriptor to memory that can be written. */
static void expect_read_only(int fd, uint64_t bytes)
{
    char name[64];
    unsigned char byte = 0xff;
    unsigned char *page = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0);

    NEED(page != MAP_FAILED);
    NEED(mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED);
    NEED(mprotect(page, bytes, PROT_READ | PROT_WRITE) != 0);
    NEED(!can_write(page));
    NEED(pwrite(fd, &byte, 1, 0) != 1);
    NEED(ftruncate(fd, 0) != 0 && ftruncate(fd, (off_t)bytes * 2) != 0);
    NEED(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096) != 0);
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    int again = open(name, O_RDWR);
    if (again >= 0) {
        NEED(mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, again, 0) == MAP_FAILED);
        NEED(pwrite(again, &byte, 1, 0) != 1);
        close(again);
    }
    int seals = fcntl(fd, F_GET_SEALS);
    NEED(seals >= 0 && seals & F_SEAL_SHRINK && seals & F_SEAL_GROW);
    munmap(page, bytes);
}

/* ---- 12, 19 ---- */

static void read_only_stays_so(void)
{
    struct raw_world world;

    raw_make(&world);
    NEED(world.fence_window >= 0);
    expect_read_only(world.fence_window, world.fence_window_bytes);
}

/* A wait for a fence is not ended by anything that a client can write. */
static void fences_are_not_written(void)
{
    struct raw_world world;
    D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMCPU wait = {.ObjectCount = 1,
                                                       .ObjectHandleArray = (void *)0x1000,
                                                       .FenceValueArray = (void *)0x2000};
    uint64_t value = 1;
    NTSTATUS status;

    raw_make(&world);
    NEED(world.fence_window >= 0);
    for (uint64_t at = 0; at < world.fence_window_bytes; at += 8) {
        uint64_t all = ~UINT64_C(0);
        NEED(pwrite(world.fence_window, &all, sizeof all, (off_t)at) != sizeof all);
    }
    wait.hDevice = world.device;
    const struct raw_part parts[] = {{&wait, sizeof wait}, {&world.fence, sizeof world.fence}, {&value, sizeof value}};
    raw_ask(&world.link, UDXG_THUNK_WaitForSynchronizationObjectFromCpu, raw_put(&world.link, parts, 3), 0);
    NEED(!raw_await(&world.link, &status, 300));
}

/* The ring's size is the daemon's: who shortened it would kill whoever reads it. */
static void rings_keep_their_size(void)
{
    struct raw_session session;
    struct wire_link request = {WIRE_LINK};
    struct wire_linked linked;
    int descriptors[253];
    unsigned count;

    raw_open(&session);
    NEED(raw_send(session.socket_fd, &request, sizeof request, NULL, 0));
    NEED(raw_receive(session.socket_fd, &linked, sizeof linked, descriptors, &count, 10000) == sizeof linked);
    NEED(count == 2);
    NEED(ftruncate(descriptors[0], 0) != 0 && errno == EPERM);
    NEED(ftruncate(descriptors[0], 1 << 20) != 0);
    (void)!fallocate(descriptors[0], FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 65536);
}

/* ---- 13 ---- */

struct mover {
    struct raw_world *world;
    struct raw_link link;
    D3DKMT_HANDLE *allocations; /* 16 */
    uint32_t call;
};

static void *move(void *argument)
{
    struct mover *mover = argument;
    uint64_t end = now_ns() + 400000000u;

    while (now_ns() < end) {
        D3DKMT_EVICT evict = {.hDevice = mover->world->device,
                              .NumAllocations = 16,
                              .AllocationList = mover->allocations};
        D3DKMT_OFFERALLOCATIONS offer = {.hDevice = mover->world->device,
                                         .HandleList = mover->allocations,
                                         .NumAllocations = 16,
                                         .Priority = D3DKMT_OFFER_PRIORITY_LOW};
        D3DDDI_RECLAIM_RESULT results[16] = {0};
        D3DKMT_RECLAIMALLOCATIONS2 reclaim = {.hPagingQueue = mover->world->queue,
                                              .NumAllocations = 16,
                                              .HandleList = mover->allocations,
                                              .pResults = results};
        D3DDDI_MAKERESIDENT resident = {.hPagingQueue = mover->world->queue,
                                        .NumAllocations = 16,
                                        .AllocationList = mover->allocations};
        D3DKMT_HANDLE list[16];
        memcpy(list, mover->allocations, sizeof list);
        struct raw_part parts[] = {{&evict, sizeof evict}, {list, sizeof list}, {results, sizeof results}};
        if (mover->call == UDXG_THUNK_OfferAllocations) parts[0] = (struct raw_part){&offer, sizeof offer};
        if (mover->call == UDXG_THUNK_ReclaimAllocations2) parts[0] = (struct raw_part){&reclaim, sizeof reclaim};
        if (mover->call == UDXG_THUNK_MakeResident) parts[0] = (struct raw_part){&resident, sizeof resident};
        NEED(raw_call_parts(&mover->link, mover->call, parts, mover->call == UDXG_THUNK_ReclaimAllocations2 ? 3 : 2) !=
             RAW_OVER);
    }
    return NULL;
}

static void evicted_offered_and_reclaimed(void)
{
    static const uint32_t calls[] = {UDXG_THUNK_Evict, UDXG_THUNK_OfferAllocations, UDXG_THUNK_ReclaimAllocations2,
                                     UDXG_THUNK_MakeResident};
    static struct mover movers[4];
    D3DKMT_HANDLE allocations[16];
    struct raw_world world;
    pthread_t threads[4];

    raw_make(&world);
    for (unsigned i = 0; i < 16; i++)
        NEED(raw_create_allocation(&world.link, world.device, 65536, NULL, &allocations[i]) == STATUS_SUCCESS);
    for (unsigned i = 0; i < 4; i++) {
        movers[i] = (struct mover){.world = &world, .allocations = allocations, .call = calls[i]};
        NEED(raw_link(&world.session, &movers[i].link) == STATUS_SUCCESS);
        NEED(pthread_create(&threads[i], NULL, move, &movers[i]) == 0);
    }
    for (unsigned i = 0; i < 4; i++) pthread_join(threads[i], NULL);
}

/* ---- 18 ---- */

/* A child has its parent's sockets and a copy of its memory: its end is not the session's, nor is its memory meant. */
static void forked(void)
{
    struct raw_world world;
    D3DKMT_HANDLE allocation;
    char *pages = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int status;

    raw_make(&world);
    memset(pages, 1, 65536);
    NEED(raw_create_allocation(&world.link, world.device, 65536, pages, &allocation) == STATUS_SUCCESS);
    pid_t child = fork();
    if (!child) {
        memset(pages, 2, 65536);
        munmap(pages, 65536);
        atomic_store(&world.link.header->client_sleeps, 7);
        raw_close(&world.session);
        _exit(0);
    }
    NEED(waitpid(child, &status, 0) == child && status == 0);
    NEED(raw_make_resident(&world, allocation) >= 0);
    for (unsigned i = 0; i < 65536; i += 4096) NEED(pages[i] == 1);
}

const struct hostile_test share_tests[] = {
    {12, "read_only_stays_so", read_only_stays_so},
    {19, "fences_are_not_written", fences_are_not_written},
    {12, "rings_keep_their_size", rings_keep_their_size},
    {13, "evicted_offered_and_reclaimed", evicted_offered_and_reclaimed},
    {18, "forked", forked},
    {0, 0, 0},
};
