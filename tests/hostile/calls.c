/* SPDX-License-Identifier: MIT */
/* What calls can be given: the classes of bugs that are about arguments, objects and memory. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <udxg/soft.h>

#include "abi/shape.h"
#include "hostile.h"
#include "raw.h"

#define RACE_NS 400000000u
#define THREADS 4u

/* A message of zeros for a row; its first struct is as the test wants it. */
static NTSTATUS call_bytes(struct raw_link *link, uint32_t id, const void *args, uint32_t size, uint32_t message_bytes)
{
    NTSTATUS status;

    memset(link->message, 0, message_bytes < link->room_bytes ? message_bytes : link->room_bytes);
    memcpy(link->message, args, size);
    raw_ask(link, id, message_bytes, 0);
    return raw_await(link, &status, 20000) ? status : RAW_OVER;
}

/* ---- 1 ---- */

static void put_count(unsigned char *args, const struct udxg_field *field, uint32_t count)
{
    uint64_t pointer = 0x7000;

    memcpy(args + field->offset, &pointer, sizeof pointer);
    if (field->count_offset == UDXG_NO_COUNT) return;
    memcpy(args + field->count_offset, &count, field->short_count ? 2 : 4);
}

/* Every list of every call, with counts whose bytes wrap around to few, and which are more than any call may have. */
static void counts_times_sizes(void)
{
    static const uint32_t counts[] = {0xffffffff, 0x80000000, 0x40000001, 0x20000001, 0x10000001, 0x0aaaaaab};
    struct raw_world world;

    raw_make(&world);
    for (uint32_t id = 0; id < UDXG_THUNK_COUNT; id++) {
        const struct udxg_shape *shape = udxg_thunks[id].shape;
        if (!udxg_thunks[id].implemented) continue;
        for (uint32_t i = 0; i < shape->field_count; i++) {
            const struct udxg_field *field = &shape->fields[i];
            unsigned char args[1024] = {0};
            if (field->kind != UDXG_KIND_POINTER || field->count_offset == UDXG_NO_COUNT) continue;
            NEED(shape->size <= sizeof args);
            for (unsigned j = 0; j < sizeof counts / sizeof *counts; j++) {
                put_count(args, field, counts[j]);
                NTSTATUS status = call_bytes(&world.link, id, args, shape->size, world.link.room_bytes & ~15u);
                NEED(status < 0);
            }
        }
    }
    /* 0x10000001 handles are 4 bytes when their product wraps; their limit is told before. */
    D3DDDI_MAKERESIDENT many = {.hPagingQueue = world.queue, .NumAllocations = 0x40000001};
    D3DKMT_HANDLE one = world.allocation;
    const struct raw_part parts[] = {{&many, sizeof many}, {&one, sizeof one}};
    many.AllocationList = &one;
    NEED(raw_call_parts(&world.link, UDXG_THUNK_MakeResident, parts, 2) == STATUS_INVALID_PARAMETER);
}

/* ---- 2 ---- */

/* An address is never the daemon's: what is not the client's leads nowhere, and callbacks are told of, not called. */
static void untrusted_pointers(void)
{
    static const uint64_t addresses[] = {0x1000, 0x555555554000, 0x7ffff7fc0000, 0xffff800000000000, ~UINT64_C(0xfff)};
    struct raw_world world;
    D3DKMT_HANDLE allocation;

    raw_make(&world);
    for (unsigned i = 0; i < sizeof addresses / sizeof *addresses; i++)
        NEED(raw_create_allocation(&world.link, world.device, 4096, (void *)(uintptr_t)addresses[i], &allocation) < 0);
    /* What is only there in the client. */
    void *own = mmap((void *)0x6a0000000000, 65536, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    NEED(own != MAP_FAILED);
    NEED(raw_create_allocation(&world.link, world.device, 65536, own, &allocation) == STATUS_SUCCESS);
    NEED(raw_make_resident(&world, allocation) >= 0);

    D3DKMT_REGISTERTRIMNOTIFICATION trim = {.Context = (void *)0x1234, .hDevice = world.device};
    uint64_t callback = 0x4141414141414141;
    memcpy(&trim.Callback, &callback, sizeof callback);
    (void)!RAW_CALL(&world.link, RegisterTrimNotification, &trim);
    NEED(raw_make_resident(&world, world.allocation) >= 0);
}

/* ---- 3 ---- */

struct scribbler {
    struct raw_link *link;
    _Atomic bool stop;
    uint32_t from, bytes; /* of the message */
};

static void *scribble(void *argument)
{
    struct scribbler *scribbler = argument;
    uint32_t random = 12345;

    while (!scribbler->stop) {
        random = random * 1664525u + 1013904223u;
        volatile uint32_t *word = (volatile uint32_t *)(scribbler->link->message + scribbler->from +
                                                        (random >> 8) % scribbler->bytes / 4 * 4);
        *word = random & 0x100 ? *word ^ 1u << (random >> 27) : (random & 0x600 ? 1 : 0xffffffff);
        ((volatile struct wire_header *)scribbler->link->header)->request.size_bytes =
            random & 0x800 ? 192 : 0xfffffff0;
        ((volatile struct wire_header *)scribbler->link->header)->request.size_bytes = 192;
    }
    return NULL;
}

/* Counts, sizes and pointers of a creation change while it is read: it may fail in any way, or not. */
static void double_fetches(void)
{
    struct raw_world world;
    struct scribbler scribbler = {.bytes = 192};
    pthread_t thread;
    uint64_t end = now_ns() + 2 * RACE_NS;

    raw_make(&world);
    scribbler.link = &world.link;
    NEED(pthread_create(&thread, NULL, scribble, &scribbler) == 0);
    while (now_ns() < end) {
        D3DKMT_HANDLE allocation;
        if (raw_create_allocation(&world.link, world.device, 4096, NULL, &allocation) != RAW_OVER) continue;
        scribbler.stop = true; /* the daemon saw the wrong size: that ends the session */
        pthread_join(thread, NULL);
        raw_drop(&world.link);
        raw_close(&world.session);
        raw_make(&world);
        scribbler.stop = false;
        NEED(pthread_create(&thread, NULL, scribble, &scribbler) == 0);
    }
    scribbler.stop = true;
    pthread_join(thread, NULL);
}

/* What is sent stays in the message as it is, but for outputs: the daemon works on a copy. */
static void inputs_stay_as_they_are(void)
{
    struct raw_world world;
    struct udxg_soft_allocation soft = {.magic = UDXG_SOFT_ALLOCATION_MAGIC,
                                        .version = UDXG_SOFT_VERSION,
                                        .size_bytes = 4096};
    D3DDDI_ALLOCATIONINFO2 info = {.pPrivateDriverData = (void *)0x1111, .PrivateDriverDataSize = sizeof soft};
    D3DKMT_CREATEALLOCATION args = {.NumAllocations = 1, .pAllocationInfo2 = (void *)0x2222};
    const struct raw_part parts[] = {{&args, sizeof args}, {&info, sizeof info}, {&soft, sizeof soft}};

    raw_make(&world);
    args.hDevice = world.device;
    NEED(raw_call_parts(&world.link, UDXG_THUNK_CreateAllocation2, parts, 3) == STATUS_SUCCESS);
    NEED(args.pAllocationInfo2 == (void *)0x2222);
    NEED(info.pPrivateDriverData == (void *)0x1111);
    NEED(args.hDevice == world.device && info.PrivateDriverDataSize == sizeof soft);
}

/* ---- 4 ---- */

/* Each destroyer with a handle of each other kind, and each handle in another session. */
static void handles_of_other_kinds(void)
{
    struct raw_world world, other;

    raw_make(&world);
    raw_make(&other);
    const D3DKMT_HANDLE handles[] = {world.adapter, world.device, world.queue, world.fence, world.allocation};
    static const uint32_t destroyers[] = {UDXG_THUNK_CloseAdapter,       UDXG_THUNK_DestroyDevice,
                                          UDXG_THUNK_DestroyPagingQueue, UDXG_THUNK_DestroySynchronizationObject,
                                          UDXG_THUNK_DestroyContext,     UDXG_THUNK_DestroyHwQueue,
                                          UDXG_THUNK_DestroyKeyedMutex};
    for (unsigned i = 0; i < sizeof destroyers / sizeof *destroyers; i++) {
        for (unsigned j = 0; j < sizeof handles / sizeof *handles; j++) {
            unsigned char args[256] = {0};
            memcpy(args, &handles[j], sizeof handles[j]);
            if (i == j && i < 4) continue;
            NEED(call_bytes(&world.link, destroyers[i], args, udxg_thunks[destroyers[i]].size,
                            (udxg_thunks[destroyers[i]].size + 15u) & ~15u) < 0);
        }
    }
    NEED(raw_make_resident(&world, world.allocation) >= 0);
    /* A session's numbers mean its own objects: this one has fewer. */
    D3DKMT_HANDLE allocation;
    for (unsigned i = 0; i < 8; i++)
        NEED(raw_create_allocation(&world.link, world.device, 4096, NULL, &allocation) == STATUS_SUCCESS);
    NEED(raw_make_resident(&other, allocation) < 0);
}

/* ---- 5, 6, 13 ---- */

struct racer {
    struct raw_world *world;
    struct raw_link link;
    D3DKMT_HANDLE *shared; /* of 8 allocations, that any of them may destroy */
    unsigned number;
};

static void race_once(struct racer *racer, uint32_t random)
{
    struct raw_world *world = racer->world;
    D3DKMT_HANDLE *place = &racer->shared[random % 8], allocation = *(volatile D3DKMT_HANDLE *)place;
    D3DKMT_DESTROYALLOCATION2 destroy = {.hDevice = world->device,
                                         .phAllocationList = &allocation,
                                         .AllocationCount = 1};
    D3DKMT_EVICT evict = {.hDevice = world->device, .NumAllocations = 1, .AllocationList = &allocation};
    D3DKMT_OFFERALLOCATIONS offer = {.hDevice = world->device,
                                     .HandleList = &allocation,
                                     .NumAllocations = 1,
                                     .Priority = D3DKMT_OFFER_PRIORITY_LOW};
    D3DDDI_MAKERESIDENT resident = {.hPagingQueue = world->queue, .NumAllocations = 1, .AllocationList = &allocation};
    D3DKMT_LOCK2 lock = {.hDevice = world->device, .hAllocation = allocation};
    struct raw_part parts[] = {{&destroy, sizeof destroy}, {&allocation, sizeof allocation}};

    switch ((random >> 8) % 6) {
    case 0:
        (void)!raw_call_parts(&racer->link, UDXG_THUNK_DestroyAllocation2, parts, 2);
        (void)!raw_create_allocation(&racer->link, world->device, 65536, NULL, place);
        return;
    case 1:
        parts[0] = (struct raw_part){&evict, sizeof evict};
        (void)!raw_call_parts(&racer->link, UDXG_THUNK_Evict, parts, 2);
        return;
    case 2:
        parts[0] = (struct raw_part){&offer, sizeof offer};
        (void)!raw_call_parts(&racer->link, UDXG_THUNK_OfferAllocations, parts, 2);
        return;
    case 3:
        (void)!RAW_CALL(&racer->link, Lock2, &lock);
        return;
    default:
        parts[0] = (struct raw_part){&resident, sizeof resident};
        (void)!raw_call_parts(&racer->link, UDXG_THUNK_MakeResident, parts, 2);
        return;
    }
}

static void *race(void *argument)
{
    struct racer *racer = argument;
    uint64_t end = now_ns() + RACE_NS;
    uint32_t random = 99 + racer->number;

    while (now_ns() < end) {
        random = random * 1664525u + 1013904223u;
        race_once(racer, random >> 4);
    }
    return NULL;
}

static void race_for(bool device_goes)
{
    static struct racer racers[THREADS];
    D3DKMT_HANDLE shared[8] = {0};
    pthread_t threads[THREADS];
    struct raw_world world;

    raw_make(&world);
    for (unsigned i = 0; i < 8; i++)
        NEED(raw_create_allocation(&world.link, world.device, 65536, NULL, &shared[i]) == STATUS_SUCCESS);
    for (unsigned i = 0; i < THREADS; i++) {
        racers[i] = (struct racer){.world = &world, .shared = shared, .number = i};
        NEED(raw_link(&world.session, &racers[i].link) == STATUS_SUCCESS);
        NEED(pthread_create(&threads[i], NULL, race, &racers[i]) == 0);
    }
    if (device_goes) {
        D3DKMT_DESTROYDEVICE destroy = {world.device};
        usleep(RACE_NS / 2000);
        NEED(RAW_CALL(&world.link, DestroyDevice, &destroy) == STATUS_SUCCESS);
    }
    for (unsigned i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
}

static void destroyed_while_used(void)
{
    race_for(false);
}

static void device_destroyed_while_used(void)
{
    race_for(true);
}

/* ---- 7 ---- */

/* Failing again and again, with descriptors on the way, and then dying in the middle of a call that waits. */
static void errors_and_exit_keep_nothing(void)
{
    struct raw_world world;
    D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMCPU wait = {.ObjectCount = 1,
                                                       .ObjectHandleArray = (void *)0x1000,
                                                       .FenceValueArray = (void *)0x2000};
    uint64_t value = 1;

    raw_make(&world);
    for (unsigned i = 0; i < 500; i++) {
        struct wire_given given = {WIRE_GIVEN, 2};
        int pair[2] = {world.link.socket_fd, world.session.notices_fd};
        NTSTATUS status;
        NEED(raw_send(world.link.socket_fd, &given, sizeof given, pair, 2));
        wait.hDevice = world.device;
        wait.ObjectCount = 2; /* and there is but one */
        wait.hAsyncEvent = (HANDLE)1;
        const struct raw_part parts[] = {{&wait, sizeof wait},
                                         {&world.fence, sizeof world.fence},
                                         {&value, sizeof value}};
        raw_ask(&world.link, UDXG_THUNK_WaitForSynchronizationObjectFromCpu, raw_put(&world.link, parts, 3), 2);
        NEED(raw_await(&world.link, &status, 20000) && status < 0);
    }
    wait.ObjectCount = 1;
    wait.hAsyncEvent = NULL;
    const struct raw_part parts[] = {{&wait, sizeof wait}, {&world.fence, sizeof world.fence}, {&value, sizeof value}};
    raw_ask(&world.link, UDXG_THUNK_WaitForSynchronizationObjectFromCpu, raw_put(&world.link, parts, 3), 0);
    usleep(20000);
    kill(getpid(), SIGKILL);
}

/* ---- 8 ---- */

/* Every call with nothing but zeros, and every list of one element or more that is NULL. */
static void nothing_where_something_is_needed(void)
{
    struct raw_world world;

    raw_make(&world);
    for (uint32_t id = 0; id < UDXG_THUNK_COUNT; id++) {
        const struct udxg_shape *shape = udxg_thunks[id].shape;
        unsigned char args[1024] = {0};
        uint32_t one = 1;
        if (!udxg_thunks[id].implemented) continue;
        uint32_t bytes = (shape->size + 15u) & ~15u;
        NEED(call_bytes(&world.link, id, args, shape->size, bytes) != RAW_OVER);
        for (uint32_t i = 0; i < shape->field_count; i++) {
            const struct udxg_field *field = &shape->fields[i];
            if (field->kind == UDXG_KIND_HANDLE && field->handle == UDXG_IS_DEVICE)
                memcpy(args + field->offset, &world.device, sizeof world.device);
            if (field->kind == UDXG_KIND_POINTER && field->count_offset != UDXG_NO_COUNT)
                memcpy(args + field->count_offset, &one, field->short_count ? 2 : 4);
        }
        if (id == UDXG_THUNK_DestroyDevice) continue;
        NEED(call_bytes(&world.link, id, args, shape->size, bytes) != RAW_OVER);
    }
    D3DDDI_MAKERESIDENT resident = {.hPagingQueue = world.queue, .NumAllocations = 1};
    NEED(RAW_CALL(&world.link, MakeResident, &resident) == STATUS_INVALID_PARAMETER);
    D3DKMT_CREATEALLOCATION creation = {.hDevice = world.device, .NumAllocations = 1};
    NEED(RAW_CALL(&world.link, CreateAllocation2, &creation) == STATUS_INVALID_PARAMETER);
}

/* ---- 10, 11 ---- */

static void *guess(void *argument)
{
    struct racer *racer = argument;
    uint64_t end = now_ns() + RACE_NS;

    while (now_ns() < end) {
        D3DKMT_HANDLE last = *(volatile D3DKMT_HANDLE *)racer->shared;
        for (unsigned i = 0; i < 16; i++) {
            D3DKMT_DESTROYSYNCHRONIZATIONOBJECT destroy = {last + i * 0x40};
            (void)!RAW_CALL(&racer->link, DestroySynchronizationObject, &destroy);
        }
    }
    return NULL;
}

/* Another thread destroys handles before they are told; and what fails brings no descriptor. */
static void seen_before_success(void)
{
    static struct racer racer;
    D3DKMT_HANDLE last = 0;
    struct raw_world world;
    pthread_t thread;
    uint64_t end = now_ns() + RACE_NS;

    raw_make(&world);
    racer = (struct racer){.world = &world, .shared = &last};
    NEED(raw_link(&world.session, &racer.link) == STATUS_SUCCESS);
    NEED(pthread_create(&thread, NULL, guess, &racer) == 0);
    while (now_ns() < end) {
        D3DKMT_CREATESYNCHRONIZATIONOBJECT2 fence = {.hDevice = world.device, .Info.Type = D3DDDI_MONITORED_FENCE};
        NEED(RAW_CALL(&world.link, CreateSynchronizationObject2, &fence) == STATUS_SUCCESS);
        last = fence.hSyncObject;
    }
    pthread_join(thread, NULL);

    D3DKMT_SHAREOBJECTS share = {.ObjectCount = 1, .ObjectHandleArray = &world.fence, .DesiredAccess = 0x10000000};
    OBJECT_ATTRIBUTES attributes = {.Length = sizeof attributes};
    HANDLE handle = NULL;
    share.pObjectAttributes = &attributes;
    share.pSharedNtHandle = &handle;
    const struct raw_part parts[] = {{&share, sizeof share},
                                     {&world.fence, sizeof world.fence},
                                     {&attributes, sizeof attributes},
                                     {&handle, sizeof handle}};
    NEED(raw_call_parts(&world.link, UDXG_THUNK_ShareObjects, parts, 4) < 0); /* it was not made for that */
    NEED(world.link.gift_count == 0);
}

/* ---- 15, 16 ---- */

/* Numbers are used again, but not with the same meaning. */
static void stale_handles(void)
{
    struct raw_world world;
    D3DKMT_HANDLE old[64], now;

    raw_make(&world);
    for (unsigned i = 0; i < 64; i++) {
        NEED(raw_create_allocation(&world.link, world.device, 4096, NULL, &old[i]) == STATUS_SUCCESS);
        D3DKMT_DESTROYALLOCATION2 destroy = {.hDevice = world.device, .AllocationCount = 1};
        destroy.phAllocationList = &old[i];
        const struct raw_part parts[] = {{&destroy, sizeof destroy}, {&old[i], sizeof old[i]}};
        NEED(raw_call_parts(&world.link, UDXG_THUNK_DestroyAllocation2, parts, 2) == STATUS_SUCCESS);
        NEED(raw_call_parts(&world.link, UDXG_THUNK_DestroyAllocation2, parts, 2) < 0);
    }
    for (unsigned i = 0; i < 256; i++)
        NEED(raw_create_allocation(&world.link, world.device, 4096, NULL, &now) == STATUS_SUCCESS);
    for (unsigned i = 0; i < 64; i++) {
        D3DKMT_LOCK2 lock = {.hDevice = world.device, .hAllocation = old[i]};
        NEED(RAW_CALL(&world.link, Lock2, &lock) < 0);
    }
    for (uint32_t handle = 0; handle < 0x1000; handle += 0x3f) { /* what there never was */
        D3DKMT_DESTROYDEVICE destroy = {0xfffff000u - handle};
        NEED(RAW_CALL(&world.link, DestroyDevice, &destroy) < 0);
    }
}

/* ---- 17 ---- */

/* Memory that is not there, not whole pages, not writable; and memory that goes away under an allocation. */
static void invalid_system_memory(void)
{
    struct raw_world world;
    D3DKMT_HANDLE allocation;
    char *pages = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int file = memfd_create("truncated", 0);

    raw_make(&world);
    NEED(pages != MAP_FAILED && file >= 0 && ftruncate(file, 65536) == 0);
    NEED(raw_create_allocation(&world.link, world.device, 65536, pages, &allocation) == STATUS_SUCCESS);
    NEED(raw_make_resident(&world, allocation) >= 0);
    munmap(pages, 65536);
    D3DKMT_EVICT evict = {.hDevice = world.device, .NumAllocations = 1, .AllocationList = &allocation};
    const struct raw_part parts[] = {{&evict, sizeof evict}, {&allocation, sizeof allocation}};
    NEED(raw_call_parts(&world.link, UDXG_THUNK_Evict, parts, 2) != RAW_OVER);
    NEED(raw_make_resident(&world, allocation) != RAW_OVER);

    NEED(raw_create_allocation(&world.link, world.device, 65536, pages, &allocation) == STATUS_INVALID_PARAMETER);
    char *mapped = mmap(NULL, 65536 + 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    NEED(mapped != MAP_FAILED);
    NEED(mmap(mapped, 65536, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file, 0) == mapped);
    NEED(raw_create_allocation(&world.link, world.device, 65536, mapped + 1, &allocation) < 0);
    NEED(raw_create_allocation(&world.link, world.device, 65536 + 4096, mapped, &allocation) ==
         STATUS_INVALID_PARAMETER);
    NEED(raw_create_allocation(&world.link, world.device, 65536, mapped, &allocation) == STATUS_SUCCESS);
    NEED(ftruncate(file, 0) == 0); /* whoever mapped it would die of SIGBUS */
    NEED(raw_make_resident(&world, allocation) != RAW_OVER);
    NEED(raw_call_parts(&world.link, UDXG_THUNK_Evict, parts, 2) != RAW_OVER);
}

/* ---- 20 ---- */

static NTSTATUS create_with_data(struct raw_world *world, uint32_t size)
{
    static unsigned char data[131072];
    struct udxg_soft_allocation soft = {.magic = UDXG_SOFT_ALLOCATION_MAGIC,
                                        .version = UDXG_SOFT_VERSION,
                                        .size_bytes = 4096};
    D3DDDI_ALLOCATIONINFO2 info = {.pPrivateDriverData = data, .PrivateDriverDataSize = size};
    D3DKMT_CREATEALLOCATION args = {.hDevice = world->device, .NumAllocations = 1, .pAllocationInfo2 = &info};
    const struct raw_part parts[] = {{&args, sizeof args}, {&info, sizeof info}, {data, size}};

    memcpy(data, &soft, sizeof soft);
    return raw_call_parts(&world->link, UDXG_THUNK_CreateAllocation2, parts, size ? 3 : 2);
}

static void sizes_of_private_data(void)
{
    struct raw_world world;

    raw_make(&world);
    for (uint32_t size = 0; size < 128; size++)
        NEED((create_with_data(&world, size) == STATUS_SUCCESS) == (size >= sizeof(struct udxg_soft_allocation)));
    for (uint32_t type = 0; type < 64; type++) {
        for (uint32_t size = 0; size < 96; size += 5) {
            static unsigned char data[96];
            D3DKMT_ESCAPE args = {.hAdapter = world.adapter,
                                  .hDevice = world.device,
                                  .Type = (D3DKMT_ESCAPETYPE)type,
                                  .pPrivateDriverData = data,
                                  .PrivateDriverDataSize = size};
            const struct raw_part parts[] = {{&args, sizeof args}, {data, size}};
            memset(data, (int)(type * 7 + size), sizeof data);
            NEED(raw_call_parts(&world.link, UDXG_THUNK_Escape, parts, size ? 2 : 1) != RAW_OVER);
        }
    }
}

/* ---- 22 ---- */

static bool looks_like_address(uint64_t value)
{
    return value >> 40 == 0x7f || value >> 40 == 0x55 || value >> 40 == 0x56 || value >> 40 == 0x7e;
}

/* After every call: no address of anybody's and no byte that was not sent, but for what the row writes. */
static void nothing_else_in_the_ring(void)
{
    struct raw_world world;

    raw_make(&world);
    for (uint32_t id = 0; id < UDXG_THUNK_COUNT; id++) {
        const struct udxg_shape *shape = udxg_thunks[id].shape;
        unsigned char args[1024] = {0};
        if (!udxg_thunks[id].implemented || id == UDXG_THUNK_DestroyDevice || id == UDXG_THUNK_CloseAdapter) continue;
        for (uint32_t i = 0; i < shape->field_count; i++) {
            const struct udxg_field *field = &shape->fields[i];
            if (field->kind != UDXG_KIND_HANDLE) continue;
            D3DKMT_HANDLE handle = field->handle == UDXG_IS_DEVICE         ? world.device
                                   : field->handle == UDXG_IS_ADAPTER      ? world.adapter
                                   : field->handle == UDXG_IS_PAGING_QUEUE ? world.queue
                                   : field->handle == UDXG_IS_SYNC         ? world.fence
                                                                           : world.allocation;
            memcpy(args + field->offset, &handle, sizeof handle);
        }
        uint32_t bytes = (shape->size + 15u) & ~15u;
        memset(world.link.message, 0xa5, world.link.room_bytes);
        memcpy(world.link.message, args, shape->size);
        NTSTATUS status;
        raw_ask(&world.link, id, bytes, 0);
        NEED(raw_await(&world.link, &status, 20000));
        for (uint32_t at = 0; at + 8 <= bytes; at += 8) {
            uint64_t value;
            memcpy(&value, world.link.message + at, sizeof value);
            NEED(!looks_like_address(value));
        }
        for (uint32_t at = bytes; at < world.link.room_bytes; at++) NEED(world.link.message[at] == 0xa5);
    }
}

/* Room for answers that the answer does not fill comes back as it was sent, or as zeros. */
static void room_that_is_not_filled(void)
{
    struct raw_world world;
    D3DKMT_ADAPTERINFO infos[16];
    D3DKMT_ENUMADAPTERS2 args = {.NumAdapters = 16, .pAdapters = infos};
    const struct raw_part parts[] = {{&args, sizeof args}, {infos, sizeof infos}};

    raw_make(&world);
    for (unsigned round = 0; round < 64; round++) {
        memset(infos, 0, sizeof infos);
        args.NumAdapters = 16;
        NEED(raw_call_parts(&world.link, UDXG_THUNK_EnumAdapters2, parts, 2) == STATUS_SUCCESS);
        const unsigned char *rest = (const unsigned char *)&infos[args.NumAdapters];
        for (const unsigned char *at = rest; at < (const unsigned char *)&infos[16]; at++) NEED(*at == 0);
        (void)!create_with_data(&world, 60000); /* bytes that a later copy could find */
    }
}

const struct hostile_test call_tests[] = {
    {1, "counts_times_sizes", counts_times_sizes},
    {2, "untrusted_pointers", untrusted_pointers},
    {3, "double_fetches", double_fetches},
    {3, "inputs_stay_as_they_are", inputs_stay_as_they_are},
    {4, "handles_of_other_kinds", handles_of_other_kinds},
    {5, "destroyed_while_used", destroyed_while_used},
    {6, "device_destroyed_while_used", device_destroyed_while_used},
    {7, "errors_and_exit_keep_nothing", errors_and_exit_keep_nothing},
    {8, "nothing_where_something_is_needed", nothing_where_something_is_needed},
    {10, "seen_before_success", seen_before_success},
    {15, "stale_handles", stale_handles},
    {17, "invalid_system_memory", invalid_system_memory},
    {20, "sizes_of_private_data", sizes_of_private_data},
    {22, "nothing_else_in_the_ring", nothing_else_in_the_ring},
    {22, "room_that_is_not_filled", room_that_is_not_filled},
    {0, 0, 0},
};
