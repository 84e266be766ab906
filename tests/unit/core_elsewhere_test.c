/* SPDX-License-Identifier: MIT */
/*
 * Processes that live elsewhere, played by this one: what they are shown and when it is taken away, what of them is
 * reached, and how they are told. What they would map is mapped from the descriptors that they would get.
 */
#include "core_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/os.h"
#include "abi/control.h"
#include "core/adapter.h"
#include "core/sight.h"
#include "core/sync.h"
#include "vidmm/window.h"

#define PAGE UINT64_C(4096)
#define SIZE UINT64_C(65536)
#define SEEN 32u

/* A client: what it would have mapped. */
struct client {
    struct udxg_endpoint endpoint;
    struct udxg_process *process;
    struct gpu gpu;
    struct {
        void *address;
        struct vidmm_window window;
        bool could_write;
    } seen[SEEN];
    unsigned gone;
    pthread_mutex_t lock;
    struct udxg_notification told[2]; /* the last of each kind */
    unsigned told_count;
};

static void note(const struct udxg_endpoint *endpoint, const struct udxg_notification *notification)
{
    struct client *client = udxg_container_of(endpoint, struct client, endpoint);

    pthread_mutex_lock(&client->lock);
    client->told[notification->kind] = *notification;
    client->told_count++;
    pthread_mutex_unlock(&client->lock);
}

/* What an endpoint does after a call. */
static void look(struct client *client)
{
    struct vidmm_window window;
    uint32_t id;

    while (vidmm_window_take_added(&client->process->windows, &window)) {
        int protection = window.writable ? PROT_READ | PROT_WRITE : PROT_READ;
        assert_true(window.id < SEEN);
        client->seen[window.id].window = window;
        client->seen[window.id].address = mmap(NULL, window.size_bytes, protection, MAP_SHARED, window.fd, 0);
        assert_ptr_not_equal(client->seen[window.id].address, MAP_FAILED);
        void *writable = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, window.fd, 0);
        client->seen[window.id].could_write = writable != MAP_FAILED;
        if (writable != MAP_FAILED) munmap(writable, PAGE);
    }
    while (vidmm_window_take_gone(&client->process->windows, &id)) {
        assert_non_null(client->seen[id].address);
        munmap(client->seen[id].address, client->seen[id].window.size_bytes);
        close(client->seen[id].window.fd);
        client->seen[id].address = NULL;
        client->gone++;
    }
}

static void *try_see(struct client *client, const void *address)
{
    uint32_t id;
    uint64_t offset;

    if (!vidmm_window_find(&client->process->windows, address, &id, &offset)) return NULL;
    look(client);
    assert_non_null(client->seen[id].address);
    return (char *)client->seen[id].address + offset;
}

/* Where the client finds what the kernel has at ADDRESS. */
static void *see(struct client *client, const void *address)
{
    void *seen = try_see(client, address);

    assert_non_null(seen);
    return seen;
}

static uint32_t window_of(struct client *client, const void *address)
{
    uint32_t id;
    uint64_t offset;

    assert_true(vidmm_window_find(&client->process->windows, address, &id, &offset));
    return id;
}

static void start(struct client *client, struct udxg_kernel *kernel, uint32_t pid)
{
    *client = (struct client){
        .endpoint = {.memory = {open("/proc/self/mem", O_RDWR | O_CLOEXEC), open("/proc/self/maps", O_RDONLY)},
                     .pid = pid,
                     .uid = 1000,
                     .notify = note},
    };
    pthread_mutex_init(&client->lock, NULL);
    assert_int_equal(udxg_process_create(kernel, &client->endpoint, &client->process), STATUS_SUCCESS);
    assert_int_equal(client->process->pid, pid);
    client->gpu = open_gpu(client->process);
}

static void end(struct client *client)
{
    udxg_process_destroy(client->process);
    udxg_foreign_close(&client->endpoint.memory);
    for (unsigned i = 0; i < SEEN; i++) {
        if (!client->seen[i].address) continue;
        munmap(client->seen[i].address, client->seen[i].window.size_bytes);
        close(client->seen[i].window.fd);
    }
    pthread_mutex_destroy(&client->lock);
}

struct two {
    struct udxg_kernel *kernel;
    struct client one, two;
};

static struct two *start_two(void)
{
    struct two *world = calloc(1, sizeof *world);

    assert_non_null(world);
    world->kernel = make_kernel("soft-discrete");
    start(&world->one, world->kernel, 101);
    start(&world->two, world->kernel, 202);
    return world;
}

static void end_two(struct two *world)
{
    end(&world->one);
    end(&world->two);
    udxg_kernel_destroy(world->kernel);
    free(world);
}

/* ---- allocations ---- */

struct creation {
    D3DKMT_HANDLE resource, allocation, global;
};

enum { BY_NUMBER = 0x3, BY_HANDLE = 0x43 };

static struct creation create(const struct gpu *g, UINT flags)
{
    struct udxg_soft_allocation soft = soft_data(SIZE);
    D3DDDI_ALLOCATIONINFO2 info = {.pPrivateDriverData = &soft, .PrivateDriverDataSize = sizeof soft};
    D3DKMT_CREATEALLOCATION args = {.hDevice = g->device, .NumAllocations = 1, .pAllocationInfo2 = &info};

    memcpy(&args.Flags, &flags, sizeof flags);
    DO(g->process, CreateAllocation2, &args);
    return (struct creation){args.hResource, info.hAllocation, args.hGlobalShare};
}

static struct creation open_number(const struct gpu *g, D3DKMT_HANDLE number)
{
    struct udxg_soft_allocation total;
    D3DDDI_OPENALLOCATIONINFO2 info;
    D3DKMT_OPENRESOURCE args = {.hDevice = g->device,
                                .hGlobalShare = number,
                                .NumAllocations = 1,
                                .pOpenAllocationInfo2 = &info,
                                .pTotalPrivateDriverDataBuffer = &total,
                                .TotalPrivateDriverDataBufferSize = sizeof total};

    DO(g->process, OpenResource2, &args);
    return (struct creation){args.hResource, info.hAllocation, number};
}

static struct creation open_fd(const struct gpu *g, int fd)
{
    struct udxg_soft_allocation total;
    D3DDDI_OPENALLOCATIONINFO2 info;
    D3DKMT_OPENRESOURCEFROMNTHANDLE args = {.hDevice = g->device,
                                            .hNtHandle = (HANDLE)(intptr_t)fd,
                                            .NumAllocations = 1,
                                            .pOpenAllocationInfo2 = &info,
                                            .pTotalPrivateDriverDataBuffer = &total,
                                            .TotalPrivateDriverDataBufferSize = sizeof total};

    DO(g->process, OpenResourceFromNtHandle, &args);
    return (struct creation){args.hResource, info.hAllocation, 0};
}

static int share_fd(const struct gpu *g, D3DKMT_HANDLE object, UINT access)
{
    HANDLE nt = NULL;
    D3DKMT_SHAREOBJECTS args = {.ObjectCount = 1,
                                .ObjectHandleArray = &object,
                                .DesiredAccess = access,
                                .pSharedNtHandle = &nt};

    DO(g->process, ShareObjects, &args);
    return (int)(intptr_t)nt;
}

static void destroy(const struct gpu *g, D3DKMT_HANDLE resource)
{
    D3DKMT_DESTROYALLOCATION2 args = {.hDevice = g->device, .hResource = resource};

    DO(g->process, DestroyAllocation2, &args);
}

static udxg_status try_lock(const struct gpu *g, D3DKMT_HANDLE allocation, void **ret_address)
{
    D3DKMT_LOCK2 args = {.hDevice = g->device, .hAllocation = allocation};
    udxg_status status = CALL(g->process, Lock2, &args);

    if (!udxg_failed(status)) *ret_address = args.pData;
    return status;
}

static void assert_sound(const struct client *client)
{
    assert_null(vidmm_process_check(client->process->adapters[0]->vidmm));
}

static void homes_are_a_window(void **state)
{
    struct two *world = start_two();
    struct creation mine = create(&world->one.gpu, 0), more = create(&world->one.gpu, 0);
    char *address = lock(&world->one.gpu, mine.allocation), *seen = see(&world->one, address);
    uint32_t id = window_of(&world->one, address);

    (void)state;
    strcpy(seen, "written elsewhere");
    assert_string_equal(address, "written elsewhere");
    assert_true(world->one.seen[id].window.writable);
    assert_int_equal(window_of(&world->one, lock(&world->one.gpu, more.allocation)), id);
    assert_null(try_see(&world->two, address));
    /* Nobody makes us die by cutting it. */
    assert_int_equal(ftruncate(world->one.seen[id].window.fd, 0), -1);
    assert_int_equal(errno, EPERM);
    assert_sound(&world->one);
    end_two(world);
}

static void what_is_shared_is_a_window_of_its_own(void **state)
{
    struct two *world = start_two();
    struct creation mine = create(&world->one.gpu, BY_NUMBER), private = create(&world->one.gpu, 0);
    struct creation theirs = open_number(&world->two.gpu, mine.global), again;
    char *address = lock(&world->one.gpu, mine.allocation);
    uint32_t id = window_of(&world->one, address);

    (void)state;
    assert_int_not_equal(id, window_of(&world->one, lock(&world->one.gpu, private.allocation)));
    assert_int_equal(world->one.gone, 0);
    strcpy(see(&world->one, address), "from one");
    assert_string_equal(see(&world->two, lock(&world->two.gpu, theirs.allocation)), "from one");
    strcpy(see(&world->two, address), "from two");
    assert_string_equal(see(&world->one, address), "from two");
    assert_null(try_see(&world->two, lock(&world->one.gpu, private.allocation)));
    /* Nothing else lies in it. */
    assert_int_equal(world->one.seen[id].window.size_bytes, SIZE);
    assert_sound(&world->one);

    again = open_number(&world->two.gpu, mine.global);
    destroy(&world->two.gpu, theirs.resource);
    look(&world->two);
    assert_int_equal(world->two.gone, 0);
    assert_non_null(try_see(&world->two, address));
    destroy(&world->two.gpu, again.resource);
    look(&world->two);
    assert_int_equal(world->two.gone, 1);
    assert_null(try_see(&world->two, address));
    assert_non_null(try_see(&world->one, address));
    destroy(&world->one.gpu, mine.resource);
    look(&world->one);
    assert_int_equal(world->one.gone, 1);
    assert_sound(&world->one);
    end_two(world);
}

static void what_is_shared_outlives_its_creator(void **state)
{
    struct two *world = start_two();
    struct creation mine = create(&world->one.gpu, BY_NUMBER);
    struct creation theirs = open_number(&world->two.gpu, mine.global);
    char *seen;

    (void)state;
    strcpy(see(&world->one, lock(&world->one.gpu, mine.allocation)), "left behind");
    end(&world->one);
    seen = see(&world->two, lock(&world->two.gpu, theirs.allocation));
    assert_string_equal(seen, "left behind");
    start(&world->one, world->kernel, 303);
    assert_string_equal(seen, "left behind");
    end_two(world);
}

static void readers_cannot_write(void **state)
{
    struct two *world = start_two();
    struct creation mine = create(&world->one.gpu, BY_HANDLE), writer, reader, late, own;
    int read_fd = share_fd(&world->one.gpu, mine.resource, GENERIC_READ);
    int write_fd = share_fd(&world->one.gpu, mine.resource, 1);
    struct client third;
    void *address, *none = NULL;
    uint32_t id;

    (void)state;
    start(&third, world->kernel, 404);
    writer = open_fd(&third.gpu, write_fd);
    see(&third, lock(&third.gpu, writer.allocation));
    address = lock(&world->one.gpu, mine.allocation);
    see(&world->one, address);
    assert_true(world->one.seen[window_of(&world->one, address)].could_write);
    reader = open_fd(&world->two.gpu, read_fd);
    assert_ptr_equal(lock(&world->two.gpu, reader.allocation), address);
    strcpy(see(&world->one, address), "to be read");
    assert_string_equal(see(&world->two, address), "to be read");
    id = window_of(&world->two, address);
    assert_false(world->two.seen[id].window.writable);
    assert_false(world->two.seen[id].could_write);
    assert_int_equal(pwrite(world->two.seen[id].window.fd, "x", 1, 0), -1);
    /* Who was there before goes on writing, the device that opens it to write later does without the CPU. */
    strcpy(see(&third, address), "by a third");
    assert_string_equal(see(&world->two, address), "by a third");
    late = open_fd(&world->two.gpu, write_fd);
    assert_int_equal(try_lock(&world->two.gpu, late.allocation, &none), STATUS_ACCESS_DENIED);
    assert_int_equal(try_lock(&world->two.gpu, reader.allocation, &none), STATUS_SUCCESS);
    own = open_fd(&world->one.gpu, write_fd); /* it has the window */
    assert_int_equal(try_lock(&world->one.gpu, own.allocation, &none), STATUS_SUCCESS);
    close(read_fd);
    close(write_fd);
    end(&third);
    end_two(world);
}

/* ---- client memory ---- */

static udxg_status create_over(const struct gpu *g, UINT flags, const void *memory, UINT64 size_bytes,
                               D3DKMT_HANDLE *ret_allocation)
{
    D3DKMT_CREATESTANDARDALLOCATION standard = {.Type = D3DKMT_STANDARDALLOCATIONTYPE_EXISTINGHEAP,
                                                .ExistingHeapData.Size = size_bytes};
    D3DDDI_ALLOCATIONINFO2 info = {.pSystemMem = memory};
    D3DKMT_CREATEALLOCATION args = {.hDevice = g->device,
                                    .NumAllocations = 1,
                                    .pAllocationInfo2 = &info,
                                    .pStandardAllocation = &standard};
    udxg_status status;

    memcpy(&args.Flags, &flags, sizeof flags);
    args.Flags.StandardAllocation = 1;
    status = CALL(g->process, CreateAllocation2, &args);
    if (!udxg_failed(status)) *ret_allocation = info.hAllocation;
    return status;
}

static UINT existing(bool section, bool shared)
{
    D3DKMT_CREATEALLOCATIONFLAGS flags = {0};
    UINT value;

    flags.ExistingSysMem = !section;
    flags.ExistingSection = section;
    flags.CreateResource = flags.CreateShared = shared;
    memcpy(&value, &flags, sizeof value);
    return value;
}

static void own_memory_is_where_it_is(void **state)
{
    struct two *world = start_two();
    char *pages = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    D3DKMT_HANDLE allocation = 0;
    void *address = NULL;

    (void)state;
    assert_int_equal(create_over(&world->one.gpu, existing(false, false), pages, 3 * PAGE, &allocation),
                     STATUS_SUCCESS);
    assert_int_equal(try_lock(&world->one.gpu, allocation, &address), STATUS_SUCCESS);
    assert_int_equal((uintptr_t)address, (uintptr_t)pages | UDXG_OWN_ADDRESS);
    mprotect(pages + PAGE, PAGE, PROT_NONE);
    assert_int_equal(create_over(&world->one.gpu, existing(false, false), pages, 3 * PAGE, &allocation),
                     STATUS_INVALID_PARAMETER);
    mprotect(pages + PAGE, PAGE, PROT_READ);
    assert_int_equal(create_over(&world->one.gpu, existing(false, false), pages, 3 * PAGE, &allocation),
                     STATUS_INVALID_PARAMETER);
    munmap(pages + PAGE, PAGE);
    assert_int_equal(create_over(&world->one.gpu, existing(false, false), pages, 3 * PAGE, &allocation),
                     STATUS_INVALID_PARAMETER);
    assert_int_equal(create_over(&world->one.gpu, existing(false, false), pages, PAGE, &allocation), STATUS_SUCCESS);
    munmap(pages, 3 * PAGE);
    end_two(world);
}

static void the_memory_of_another_is_not_seen(void **state)
{
    struct two *world = start_two();
    char *pages = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    D3DKMT_CREATESTANDARDALLOCATION standard = {.Type = D3DKMT_STANDARDALLOCATIONTYPE_EXISTINGHEAP,
                                                .ExistingHeapData.Size = SIZE};
    D3DDDI_ALLOCATIONINFO2 info = {.pSystemMem = pages};
    D3DKMT_CREATEALLOCATION args = {.hDevice = world->one.gpu.device,
                                    .NumAllocations = 1,
                                    .pAllocationInfo2 = &info,
                                    .pStandardAllocation = &standard};
    UINT flags = existing(false, true);
    struct creation theirs;
    void *address = NULL;

    (void)state;
    memcpy(&args.Flags, &flags, sizeof flags);
    args.Flags.StandardAllocation = 1;
    DO(world->one.process, CreateAllocation2, &args);
    theirs = open_number(&world->two.gpu, args.hGlobalShare);
    assert_int_equal(try_lock(&world->two.gpu, theirs.allocation, &address), STATUS_ACCESS_DENIED);
    assert_int_equal(try_lock(&world->one.gpu, info.hAllocation, &address), STATUS_SUCCESS);
    assert_int_equal((uintptr_t)address, (uintptr_t)pages | UDXG_OWN_ADDRESS);
    munmap(pages, SIZE);
    end_two(world);
}

/* Engines reach it through the client's descriptors, and not what lies at the same address here. */
static void engines_reach_the_client(void **state)
{
    struct two *world = start_two();
    char *pages = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct client elsewhere;
    int pipes[2], order[2];
    char byte;

    (void)state;
    assert_int_equal(pipe(pipes), 0);
    assert_int_equal(pipe(order), 0);
    pid_t child = fork();
    if (!child) {
        /* It answers what it finds at the end. */
        close(order[1]);
        memset(pages, 7, SIZE);
        if (write(pipes[1], "r", 1) != 1 || read(order[0], &byte, 1) != 1) _exit(1);
        _exit(pages[5] == 7 && pages[PAGE] == 9 ? 0 : 1);
    }
    assert_int_equal(read(pipes[0], &byte, 1), 1);
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/mem", child);
    struct udxg_foreign memory = {open(path, O_RDWR), -1};
    snprintf(path, sizeof path, "/proc/%d/maps", child);
    memory.maps_fd = open(path, O_RDONLY);
    assert_true(memory.mem_fd >= 0 && memory.maps_fd >= 0);
    elsewhere = (struct client){.endpoint = {.memory = memory, .pid = (uint32_t)child, .notify = note}};
    pthread_mutex_init(&elsewhere.lock, NULL);
    assert_int_equal(udxg_process_create(world->kernel, &elsewhere.endpoint, &elsewhere.process), STATUS_SUCCESS);
    elsewhere.gpu = open_gpu(elsewhere.process);
    struct buffer ours = make_buffer(&elsewhere.gpu, SIZE);
    D3DKMT_HANDLE allocation = 0;
    assert_int_equal(create_over(&elsewhere.gpu, existing(false, false), pages, SIZE, &allocation), STATUS_SUCCESS);
    struct buffer theirs = map_buffer(&elsewhere.gpu, allocation, SIZE);
    struct udxg_soft_copy copy = {udxg_soft_header(UDXG_SOFT_OP_COPY, sizeof copy), ours.va, theirs.va, PAGE};
    submit(&elsewhere.gpu, &copy, sizeof copy);
    wait_idle(&elsewhere.gpu);
    char *home = lock(&elsewhere.gpu, ours.allocation);
    assert_int_equal(home[5], 7);
    assert_int_equal(pages[5], 0); /* here */
    memset(home, 9, PAGE);
    copy = (struct udxg_soft_copy){udxg_soft_header(UDXG_SOFT_OP_COPY, sizeof copy), theirs.va + PAGE, ours.va, PAGE};
    submit(&elsewhere.gpu, &copy, sizeof copy);
    wait_idle(&elsewhere.gpu);
    assert_int_equal(pages[PAGE], 0);
    int ended;
    assert_int_equal(write(order[1], "x", 1), 1);
    assert_int_equal(waitpid(child, &ended, 0), child);
    assert_int_equal(ended, 0);
    end(&elsewhere);
    for (unsigned i = 0; i < 2; i++) {
        close(pipes[i]);
        close(order[i]);
    }
    munmap(pages, SIZE);
    end_two(world);
}

static int memory_file(uint64_t size_bytes)
{
    int fd;

    assert_int_equal(udxg_os_memfd("udxg-test", size_bytes, &fd), STATUS_SUCCESS);
    return fd;
}

static void sections_are_windows(void **state)
{
    struct two *world = start_two();
    int fd = memory_file(SIZE), sealed = memory_file(SIZE), never = memory_file(SIZE), seals = fcntl(fd, F_GET_SEALS);
    D3DKMT_HANDLE allocation = 0;
    void *address = NULL;

    (void)state;
    assert_int_equal(fcntl(never, F_ADD_SEALS, F_SEAL_SEAL), 0);
    assert_int_equal(fcntl(sealed, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_SEAL), 0);
    assert_int_equal(create_over(&world->one.gpu, existing(true, false), (void *)(intptr_t)never, SIZE, &allocation),
                     STATUS_INVALID_PARAMETER);
    assert_int_equal(create_over(&world->one.gpu, existing(true, false), (void *)(intptr_t)sealed, SIZE, &allocation),
                     STATUS_SUCCESS);
    assert_int_equal(create_over(&world->one.gpu, existing(true, false), (void *)(intptr_t)fd, 2 * SIZE, &allocation),
                     STATUS_INVALID_PARAMETER);
    assert_int_equal(ftruncate(fd, SIZE), 0);
    assert_int_equal(fcntl(fd, F_GET_SEALS), seals); /* a call that fails leaves it as it is */
    assert_int_equal(create_over(&world->one.gpu, existing(true, false), (void *)(intptr_t)fd, SIZE, &allocation),
                     STATUS_SUCCESS);
    assert_int_equal(ftruncate(fd, 0), -1);
    assert_int_equal(try_lock(&world->one.gpu, allocation, &address), STATUS_SUCCESS);
    strcpy(see(&world->one, address), "in the file");
    assert_string_equal(address, "in the file");
    struct buffer section = map_buffer(&world->one.gpu, allocation, SIZE), home = make_buffer(&world->one.gpu, SIZE);
    struct udxg_soft_copy copy = {udxg_soft_header(UDXG_SOFT_OP_COPY, sizeof copy), home.va, section.va, PAGE};
    submit(&world->one.gpu, &copy, sizeof copy);
    wait_idle(&world->one.gpu);
    assert_string_equal(lock(&world->one.gpu, home.allocation), "in the file");
    D3DKMT_DESTROYALLOCATION2 args = {.hDevice = world->one.gpu.device,
                                      .phAllocationList = &allocation,
                                      .AllocationCount = 1};
    look(&world->one);
    unsigned gone = world->one.gone;
    DO(world->one.process, DestroyAllocation2, &args);
    look(&world->one);
    assert_int_equal(world->one.gone, gone + 1);
    close(fd);
    close(sealed);
    close(never);
    end_two(world);
}

static void writes_are_watched_by_copy(void **state)
{
    struct two *world = start_two();
    D3DKMT_CREATEALLOCATIONFLAGS flags = {.WriteWatch = 1};
    UINT value;

    (void)state;
    memcpy(&value, &flags, sizeof value);
    struct creation mine = create(&world->one.gpu, value);
    char *seen = see(&world->one, lock(&world->one.gpu, mine.allocation));
    UINT64 pages[16];
    struct udxg_get_write_watch watch = {
        .hDevice = world->one.gpu.device, .hAllocation = mine.allocation, .Flags = 1, .Count = 16, .pPages = pages};
    DO(world->one.process, GetWriteWatch, &watch);
    assert_int_equal(watch.Count, 0);
    seen[5 * PAGE] = 1; /* through a mapping that nobody here knows of */
    seen[9 * PAGE - 1] = 1;
    watch.Count = 16;
    DO(world->one.process, GetWriteWatch, &watch);
    assert_int_equal(watch.Count, 2);
    assert_int_equal(pages[0], 5 * PAGE);
    assert_int_equal(pages[1], 8 * PAGE);
    watch.Count = 16;
    DO(world->one.process, GetWriteWatch, &watch);
    assert_int_equal(watch.Count, 0);
    end_two(world);
}

/* ---- fences ---- */

struct fence {
    D3DKMT_HANDLE handle, global;
    const volatile UINT64 *value;
    UINT64 va;
};

static struct fence create_shared(const struct gpu *g, bool nt)
{
    D3DKMT_CREATESYNCHRONIZATIONOBJECT2 args = {.hDevice = g->device, .Info.Type = D3DDDI_MONITORED_FENCE};

    args.Info.Flags.Shared = 1;
    args.Info.Flags.NtSecuritySharing = nt;
    DO(g->process, CreateSynchronizationObject2, &args);
    return (struct fence){args.hSyncObject, args.Info.SharedHandle,
                          args.Info.MonitoredFence.FenceValueCPUVirtualAddress,
                          args.Info.MonitoredFence.FenceValueGPUVirtualAddress};
}

static struct fence open_shared(const struct gpu *g, int fd)
{
    D3DKMT_OPENSYNCOBJECTFROMNTHANDLE2 args = {.hNtHandle = (HANDLE)(intptr_t)fd, .hDevice = g->device};

    DO(g->process, OpenSyncObjectFromNtHandle2, &args);
    return (struct fence){args.hSyncObject, 0, args.MonitoredFence.FenceValueCPUVirtualAddress,
                          args.MonitoredFence.FenceValueGPUVirtualAddress};
}

static void close_fence(const struct gpu *g, D3DKMT_HANDLE handle)
{
    D3DKMT_DESTROYSYNCHRONIZATIONOBJECT args = {handle};

    DO(g->process, DestroySynchronizationObject, &args);
}

/* An engine writes VALUE at VA. */
static void write_word(const struct gpu *g, UINT64 va, UINT64 value)
{
    struct {
        struct udxg_soft_write write;
        UINT64 value;
    } command = {{udxg_soft_header(UDXG_SOFT_OP_WRITE, sizeof command), va, 8, 0}, value};

    submit(g, &command, sizeof command);
    wait_idle(g);
}

static void fences_of_a_process_are_a_window(void **state)
{
    struct two *world = start_two();
    const UINT64 *seen = see(&world->one, (const void *)world->one.gpu.value);
    uint32_t id = window_of(&world->one, (const void *)world->one.gpu.value);

    (void)state;
    assert_false(world->one.seen[id].window.writable);
    assert_false(world->one.seen[id].could_write);
    assert_int_equal(signal_cpu(&world->one.gpu, world->one.gpu.fence, 5), STATUS_SUCCESS);
    assert_int_equal(*seen, 5);
    assert_non_null(try_see(&world->one, (const void *)world->one.gpu.queue_value));
    assert_null(try_see(&world->two, (const void *)world->one.gpu.value));
    end_two(world);
}

/* Each process has a window of the fence's page and an address for its engines, which it may not write beside. */
static void shared_fences_have_a_page(void **state)
{
    struct two *world = start_two();
    struct fence mine = create_shared(&world->one.gpu, true), theirs;
    int fd = share_fd(&world->one.gpu, mine.handle, D3DDDI_SYNC_OBJECT_ALL_ACCESS);
    uint32_t id;

    (void)state;
    /* So that the two do not lie at the same address. */
    for (unsigned i = 0; i < 3; i++) make_buffer(&world->two.gpu, SIZE);
    theirs = open_shared(&world->two.gpu, fd);
    assert_ptr_equal(mine.value, theirs.value);
    id = window_of(&world->two, (const void *)theirs.value);
    assert_int_not_equal(id, window_of(&world->two, (const void *)world->two.gpu.value));
    const UINT64 *one = see(&world->one, (const void *)mine.value), *two = see(&world->two, (const void *)mine.value);
    assert_int_equal(world->two.seen[id].window.size_bytes, PAGE);
    assert_false(world->two.seen[id].could_write);
    assert_int_not_equal(mine.va, 0);
    assert_int_not_equal(theirs.va, 0);
    write_word(&world->one.gpu, mine.va, 3);
    assert_int_equal(*two, 3);
    write_word(&world->two.gpu, theirs.va, 7);
    assert_int_equal(*one, 7);
    wait_cpu(&world->one.gpu, mine.handle, 7);
    assert_int_equal(execution_state(&world->two.gpu), D3DKMT_DEVICEEXECUTION_ACTIVE);
    close_fence(&world->one.gpu, mine.handle);
    look(&world->one);
    assert_int_equal(world->one.gone, 1);
    write_word(&world->two.gpu, theirs.va, 9);
    assert_int_equal(*two, 9);
    close_fence(&world->two.gpu, theirs.handle);
    look(&world->two);
    assert_int_equal(world->two.gone, 1);
    close(fd);
    end_two(world);
}

/* A fence that is not shared leaves its process by a sync file alone, and then it can be waited for. */
static void other_fences_are_not_shown(void **state)
{
    struct two *world = start_two();
    D3DKMT_CREATESYNCFILE file = {.hDevice = world->one.gpu.device,
                                  .hMonitoredFence = world->one.gpu.fence,
                                  .FenceValue = 1};
    D3DKMT_OPENSYNCOBJECTFROMSYNCFILE args = {.hDevice = world->two.gpu.device};

    (void)state;
    DO(world->one.process, CreateSyncFile, &file);
    args.hSyncFile = file.hSyncFile;
    DO(world->two.process, OpenSyncObjectFromSyncFile, &args);
    assert_null(args.FenceValueCPUVirtualAddress);
    assert_int_equal(args.FenceValueGPUVirtualAddress, 0);
    assert_int_equal(signal_cpu(&world->one.gpu, world->one.gpu.fence, 1), STATUS_SUCCESS);
    wait_cpu(&world->two.gpu, args.hSyncObject, 1);
    close((int)file.hSyncFile);
    end_two(world);
}

/* Both words of a native fence lie in its page, and every opener's engines reach both. */
static void native_fences_have_a_page(void **state)
{
    struct two *world = start_two();
    D3DKMT_CREATENATIVEFENCE args = {.hDevice = world->one.gpu.device};
    D3DKMT_OPENNATIVEFENCEFROMNTHANDLE theirs = {.hDevice = world->two.gpu.device};
    const D3DDDI_NATIVEFENCEMAPPING *mine = &args.Info.NativeFenceMapping, *opened = &theirs.NativeFenceMapping;

    (void)state;
    args.Info.Flags.Shared = args.Info.Flags.NtSecuritySharing = 1;
    DO(world->one.process, CreateNativeFence, &args);
    theirs.hNtHandle = (HANDLE)(intptr_t)share_fd(&world->one.gpu, args.hSyncObject, D3DDDI_SYNC_OBJECT_ALL_ACCESS);
    for (unsigned i = 0; i < 3; i++) make_buffer(&world->two.gpu, SIZE);
    DO(world->two.process, OpenNativeFenceFromNtHandle, &theirs);
    const UINT64 *word = see(&world->two, opened->CurrentValueCpuVa);
    assert_int_equal(world->two.seen[window_of(&world->two, opened->CurrentValueCpuVa)].window.size_bytes, PAGE);
    assert_int_equal(mine->MonitoredValueGpuVa - mine->CurrentValueGpuVa, 8);
    assert_int_equal(opened->MonitoredValueGpuVa - opened->CurrentValueGpuVa, 8);
    write_word(&world->two.gpu, opened->CurrentValueGpuVa, 4);
    assert_int_equal(word[0], 4);
    assert_int_equal(word[1], UINT64_MAX); /* nobody waits */
    write_word(&world->one.gpu, mine->MonitoredValueGpuVa, 6);
    assert_int_equal(word[1], 6);
    close((int)(intptr_t)theirs.hNtHandle);
    end_two(world);
}

/* In one kernel without endpoints an opener's engines have an address of their own, too. */
static void fences_of_processes_here(void **state)
{
    struct udxg_kernel *kernel = make_kernel("soft-discrete");
    struct udxg_process *one = make_process(kernel), *two = make_process(kernel);
    struct gpu creator = open_gpu(one), opener = open_gpu(two);
    struct fence mine = create_shared(&creator, true), theirs;
    int fd = share_fd(&creator, mine.handle, D3DDDI_SYNC_OBJECT_ALL_ACCESS);

    (void)state;
    for (unsigned i = 0; i < 3; i++) create_shared(&opener, false);
    theirs = open_shared(&opener, fd);
    write_word(&opener, theirs.va, 5);
    assert_int_equal(*mine.value, 5);
    write_word(&creator, mine.va, 6);
    assert_int_equal(*theirs.value, 6);
    assert_int_equal(execution_state(&opener), D3DKMT_DEVICEEXECUTION_ACTIVE);
    close(fd);
    udxg_process_destroy(one);
    udxg_process_destroy(two);
    udxg_kernel_destroy(kernel);
}

/* ---- limits ---- */

/* With as many windows as there can be nothing more is shared, and nothing is left of what could not be shown. */
static void too_many_windows(void **state)
{
    struct two *world = start_two();
    struct creation theirs = create(&world->two.gpu, BY_NUMBER);
    struct vidmm_windows *windows = &world->one.process->windows;
    struct vidmm_window window;
    struct vidmm_usage before, after;
    int fd = memory_file(PAGE);
    D3DKMT_HANDLE allocation = 0, resource = 0;
    D3DKMT_CREATESYNCHRONIZATIONOBJECT2 fence = {.hDevice = world->one.gpu.device, .Info.Type = D3DDDI_MONITORED_FENCE};
    struct udxg_soft_allocation total;
    D3DDDI_OPENALLOCATIONINFO2 info;
    D3DKMT_OPENRESOURCE open = {.hDevice = world->one.gpu.device,
                                .hGlobalShare = theirs.global,
                                .NumAllocations = 1,
                                .pOpenAllocationInfo2 = &info,
                                .pTotalPrivateDriverDataBuffer = &total,
                                .TotalPrivateDriverDataBufferSize = sizeof total};

    (void)state;
    look(&world->one);
    for (uint64_t i = 1; !udxg_failed(vidmm_window_add(windows, (void *)(i * PAGE), PAGE, fd, true)); i++) {
        assert_true(vidmm_window_take_added(windows, &window));
        close(window.fd);
    }
    vidmm_process_usage(world->one.process->adapters[0]->vidmm, &before);
    assert_int_equal(try_create(&world->one.gpu, SIZE, true, &resource, &allocation), STATUS_NO_MEMORY);
    assert_int_equal(CALL(world->one.process, OpenResource2, &open), STATUS_NO_MEMORY);
    fence.Info.Flags.Shared = fence.Info.Flags.NtSecuritySharing = 1;
    assert_int_equal(CALL(world->one.process, CreateSynchronizationObject2, &fence), STATUS_NO_MEMORY);
    assert_int_equal(create_over(&world->one.gpu, existing(true, false), (void *)(intptr_t)fd, PAGE, &allocation),
                     STATUS_NO_MEMORY);
    vidmm_process_usage(world->one.process->adapters[0]->vidmm, &after);
    assert_int_equal(after.allocations, before.allocations);
    assert_int_equal(after.commit_bytes, before.commit_bytes);
    assert_sound(&world->one);
    assert_int_equal(try_create(&world->one.gpu, SIZE, false, &resource, &allocation), STATUS_SUCCESS);
    close(fd);
    end_two(world);
}

/* ---- notifications ---- */

static void must_not_be_called(D3DKMT_TRIMNOTIFICATION *args)
{
    (void)args;
    abort();
}

static void budget_must_not_be_called(D3DKMT_BUDGETCHANGENOTIFICATION *args)
{
    (void)args;
    abort();
}

static struct udxg_notification await(struct client *client, enum udxg_notification_kind kind)
{
    struct udxg_notification notification = {0};

    for (unsigned tries = 0; tries < 5000 && !notification.callback; tries++) {
        pthread_mutex_lock(&client->lock);
        notification = client->told[kind];
        pthread_mutex_unlock(&client->lock);
        usleep(1000);
    }
    return notification;
}

static void clients_are_sent_notifications(void **state)
{
    struct two *world = start_two();
    struct client *client = &world->one;
    D3DKMT_REGISTERTRIMNOTIFICATION trim = {.Callback = must_not_be_called,
                                            .hDevice = client->gpu.device,
                                            .Context = &trim};
    D3DKMT_REGISTERBUDGETCHANGENOTIFICATION budget = {.hDevice = client->gpu.device,
                                                      .Callback = budget_must_not_be_called,
                                                      .Context = &budget};
    struct vidmm_process *vidmm = client->process->adapters[0]->vidmm;

    (void)state;
    trim.AdapterLuid = client->process->adapters[0]->adapter->luid;
    DO(client->process, RegisterTrimNotification, &trim);
    DO(client->process, RegisterBudgetChangeNotification, &budget);
    make_buffer(&client->gpu, SIZE);
    vidmm_process_set_budget(vidmm, VIDMM_GROUP_LOCAL, PAGE);
    struct udxg_notification told = await(client, UDXG_NOTIFY_BUDGET);
    assert_ptr_equal((void *)told.callback, (void *)budget_must_not_be_called);
    assert_ptr_equal(told.context, &budget);
    assert_int_equal(told.bytes, PAGE);
    for (unsigned tries = 0; tries < 5000; tries++) {
        told = await(client, UDXG_NOTIFY_TRIM);
        if (told.flags & VIDMM_NOTICE_TRIM) break;
        usleep(1000);
    }
    assert_ptr_equal((void *)told.callback, (void *)must_not_be_called);
    assert_ptr_equal(told.context, &trim);
    assert_true(told.flags & VIDMM_NOTICE_TRIM);
    assert_true(told.bytes > 0);
    assert_int_equal(world->two.told_count, 0);
    end_two(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(homes_are_a_window),
        cmocka_unit_test(what_is_shared_is_a_window_of_its_own),
        cmocka_unit_test(what_is_shared_outlives_its_creator),
        cmocka_unit_test(readers_cannot_write),
        cmocka_unit_test(own_memory_is_where_it_is),
        cmocka_unit_test(the_memory_of_another_is_not_seen),
        cmocka_unit_test(engines_reach_the_client),
        cmocka_unit_test(sections_are_windows),
        cmocka_unit_test(writes_are_watched_by_copy),
        cmocka_unit_test(fences_of_a_process_are_a_window),
        cmocka_unit_test(shared_fences_have_a_page),
        cmocka_unit_test(other_fences_are_not_shown),
        cmocka_unit_test(native_fences_have_a_page),
        cmocka_unit_test(fences_of_processes_here),
        cmocka_unit_test(too_many_windows),
        cmocka_unit_test(clients_are_sent_notifications),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
