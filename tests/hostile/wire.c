/* SPDX-License-Identifier: MIT */
/* What sockets and rings can be given, stops in the middle, and limits. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hostile.h"
#include "raw.h"

/* ---- greetings ---- */

/* A packet that is none, and what becomes of the session. */
static void expect_refused(const void *bytes, size_t size, const int *descriptors, unsigned count)
{
    int fd = raw_connect();

    NEED(fd >= 0 && raw_send(fd, bytes, size, descriptors, count));
    NEED(raw_is_over(fd, 10000));
    close(fd);
}

static void wrong_greetings(void)
{
    unsigned char bytes[4096];
    struct wire_hello hello = raw_hello();
    int many[253];

    memset(bytes, 0x5a, sizeof bytes);
    for (size_t size = 1; size < sizeof hello + 8; size++) expect_refused(bytes, size, NULL, 0);
    expect_refused(bytes, sizeof bytes, NULL, 0);
    for (size_t size = 1; size < sizeof hello; size++) expect_refused(&hello, size, NULL, 0); /* half of one */
    for (unsigned i = 0; i < 253; i++) many[i] = 0;
    expect_refused(bytes, sizeof hello, many, 253);
    hello.kind++;
    expect_refused(&hello, sizeof hello, NULL, 0);
}

static void other_releases(void)
{
    for (unsigned i = 0; i < 3; i++) {
        struct wire_hello hello = raw_hello();
        struct wire_welcome welcome;
        int fd = raw_connect(), descriptors[253];
        unsigned count;
        if (i == 0) hello.table ^= 1;
        if (i == 1) hello.least_version = hello.most_version = WIRE_VERSION + 1;
        if (i == 2) hello.most_version = hello.least_version = 0;
        NEED(raw_send(fd, &hello, sizeof hello, NULL, 0));
        NEED(raw_receive(fd, &welcome, sizeof welcome, descriptors, &count, 10000) == sizeof welcome);
        NEED(welcome.status == STATUS_GRAPHICS_DRIVER_MISMATCH && !count);
        NEED(raw_is_over(fd, 10000));
        close(fd);
    }
}

/* Who says nothing is hung up on after a while; until then nobody else waits. */
static void slow_greeting(void)
{
    int fds[16];

    for (unsigned i = 0; i < 16; i++) NEED((fds[i] = raw_connect()) >= 0);
    NEED(!raw_is_over(fds[0], 1000));
    for (unsigned i = 0; i < 16; i++) NEED(raw_is_over(fds[i], 20000));
}

/* ---- control packets ---- */

static void wrong_control_packets(void)
{
    static const size_t sizes[] = {1, 3, 5, 64, 4096};
    unsigned char bytes[4096];

    for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct raw_session session;
        raw_open(&session);
        memset(bytes, 0x77, sizeof bytes);
        NEED(raw_send(session.socket_fd, bytes, sizes[i], NULL, 0));
        NEED(raw_is_over(session.socket_fd, 10000));
        raw_close(&session);
    }
    struct raw_session session; /* a right one, with what does not belong to it */
    struct wire_link request = {WIRE_LINK};
    int none = 0;
    raw_open(&session);
    NEED(raw_send(session.socket_fd, &request, sizeof request, &none, 1));
    NEED(raw_is_over(session.socket_fd, 10000));
}

/* ---- messages: 14 ---- */

static void parser(void)
{
    struct raw_world world;
    uint32_t random = 4711;
    NTSTATUS status;

    raw_make(&world);
    D3DKMT_CREATEDEVICE args = {.hAdapter = world.adapter};
    const struct raw_part part = {&args, sizeof args};
    uint32_t right = raw_put(&world.link, &part, 1);
    for (uint32_t size = 0; size < right + 64; size++) {
        if (size == right) continue;
        raw_put(&world.link, &part, 1);
        raw_ask(&world.link, UDXG_THUNK_CreateDevice, size, 0);
        NEED(raw_await(&world.link, &status, 20000) && status == STATUS_INVALID_PARAMETER);
    }
    for (uint32_t call = UDXG_THUNK_COUNT; call < 0x10000; call += 997) {
        raw_ask(&world.link, call, 16, 0);
        NEED(raw_await(&world.link, &status, 20000) && status == STATUS_INVALID_PARAMETER);
    }
    for (unsigned i = 0; i < 3000; i++) {
        uint32_t id = (random >> 8) % UDXG_THUNK_COUNT;
        uint32_t size = (random >> 16) % 16 * 16 + (udxg_thunks[id].size + 15u) / 16u * 16u;
        if (id == UDXG_THUNK_DestroyDevice || id == UDXG_THUNK_CloseAdapter) id = 0;
        for (uint32_t at = 0; at < size; at++) {
            random = random * 1664525u + 1013904223u;
            world.link.message[at] = random & 0x3000 ? 0 : (unsigned char)(random >> 24);
        }
        raw_ask(&world.link, id, size, 0);
        if (!raw_await(&world.link, &status, 300)) { /* it waits for something */
            raw_close(&world.session);
            raw_drop(&world.link);
            raw_make(&world);
        }
        random = random * 1664525u + 1013904223u;
    }
}

static void larger_than_the_ring(void)
{
    static const uint32_t more[] = {1, 16, 4096, 0x7fff0000, 0xffff0000};

    for (unsigned i = 0; i < sizeof more / sizeof *more; i++) {
        struct raw_world world;
        NTSTATUS status;
        raw_make(&world);
        raw_ask(&world.link, UDXG_THUNK_CreateDevice, world.link.room_bytes + more[i], 0);
        NEED(!raw_await(&world.link, &status, 10000));
        NEED(raw_is_over(world.session.socket_fd, 10000));
        raw_drop(&world.link);
        raw_close(&world.session);
    }
}

/* ---- descriptors ---- */

static void announced_and_not_sent(void)
{
    struct raw_world world;
    NTSTATUS status;

    raw_make(&world);
    raw_ask(&world.link, UDXG_THUNK_CloseAdapter, 16, 3);
    NEED(!raw_await(&world.link, &status, 10000));
    NEED(raw_is_over(world.session.socket_fd, 10000));
}

/* Another packet than the one that was announced ends the session, and what was in it goes with that. */
static void another_packet_with_descriptors(void)
{
    for (unsigned i = 0; i < 20; i++) {
        struct raw_world world;
        struct wire_given given = {i % 2 ? WIRE_GIFT : WIRE_GIVEN, 16};
        int descriptors[16];
        NTSTATUS status;
        for (unsigned j = 0; j < 16; j++) descriptors[j] = 0;
        raw_make(&world);
        NEED(raw_send(world.link.socket_fd, &given, i % 2 ? sizeof given : 3, descriptors, 16));
        raw_ask(&world.link, UDXG_THUNK_CloseAdapter, 16, 16);
        NEED(!raw_await(&world.link, &status, 10000));
        NEED(raw_is_over(world.session.socket_fd, 10000));
        raw_drop(&world.link);
        raw_close(&world.session);
    }
}

/* Until no more go in; the daemon never looks at them, and they go with the client. */
static void sent_and_not_announced(void)
{
    struct raw_world world;
    struct wire_given given = {WIRE_GIVEN, 16};
    int descriptors[16];
    unsigned sent = 0;

    raw_make(&world);
    for (unsigned i = 0; i < 16; i++) NEED((descriptors[i] = eventfd(0, EFD_CLOEXEC)) >= 0);
    while (sent < 2000 && raw_send(world.link.socket_fd, &given, sizeof given, descriptors, 16)) sent++;
    NEED(sent > 0);
    NEED(raw_make_resident(&world, world.allocation) >= 0);
}

/* Every kind of descriptor where an event, an NT handle or a file is expected, 250 at a time. */
static void wrong_kinds(void)
{
    struct raw_world world;
    int pair[2], sockets[2], many[250];

    raw_make(&world);
    NEED(pipe(pair) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) == 0);
    char other_memory[64];
    pid_t other = fork();
    if (!other) {
        pause();
        _exit(0);
    }
    snprintf(other_memory, sizeof other_memory, "/proc/%d/mem", other);
    int sealed = memfd_create("sealed", MFD_ALLOW_SEALING);
    NEED(ftruncate(sealed, 4096) == 0);
    fcntl(sealed, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
    const int kinds[] = {pair[0],
                         pair[1],
                         sockets[0],
                         open("/", O_RDONLY),
                         open("/dev/null", O_RDWR),
                         epoll_create1(0),
                         sealed,
                         memfd_create("empty", 0),
                         open(other_memory, O_RDWR),
                         open("/proc/self/maps", O_RDONLY),
                         world.link.socket_fd,
                         world.session.notices_fd,
                         world.fence_window,
                         eventfd(0, EFD_SEMAPHORE)};
    static const uint32_t takers[] = {
        UDXG_THUNK_OpenResourceFromNtHandle,           UDXG_THUNK_OpenSyncObjectFromNtHandle,
        UDXG_THUNK_OpenSyncObjectFromNtHandle2,        UDXG_THUNK_QueryResourceInfoFromNtHandle,
        UDXG_THUNK_OpenKeyedMutexFromNtHandle,         UDXG_THUNK_OpenNativeFenceFromNtHandle,
        UDXG_THUNK_GetSharedResourceAdapterLuid,       UDXG_THUNK_WaitSyncFile,
        UDXG_THUNK_OpenSyncObjectFromSyncFile,         UDXG_THUNK_RegisterBudgetChangeNotification,
        UDXG_THUNK_WaitForSynchronizationObjectFromCpu};
    for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        for (unsigned j = 0; j < 250; j++) many[j] = kinds[i];
        for (unsigned j = 0; j < sizeof takers / sizeof *takers; j++) {
            uint32_t size = (udxg_thunks[takers[j]].size + 15u) & ~15u;
            struct wire_given given = {WIRE_GIVEN, 250};
            NTSTATUS status;
            NEED(kinds[i] >= 0 && raw_send(world.link.socket_fd, &given, sizeof given, many, 250));
            for (uint32_t at = 0; at < size; at += 8) {
                uint64_t one = at % 16 ? 1 : (uint64_t)world.device << 32 | 1;
                memcpy(world.link.message + at, &one, sizeof one);
            }
            raw_ask(&world.link, takers[j], size, 250);
            NEED(raw_await(&world.link, &status, 20000) && status < 0);
        }
    }
    kill(other, SIGKILL);
}

/* Memory that is none, or somebody else's: the session is served, and memory leads nowhere. */
static void memory_of_wrong_kinds(void)
{
    const int kinds[][2] = {{0, 0},
                            {open("/dev/null", O_RDWR), open("/proc/self/maps", O_RDONLY)},
                            {open("/proc/self/mem", O_RDWR), open("/proc/self/status", O_RDONLY)},
                            {open("/proc/self/maps", O_RDONLY), open("/proc/self/mem", O_RDWR)},
                            {memfd_create("mem", 0), memfd_create("maps", 0)}};

    for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct raw_session session = {raw_connect(), -1};
        struct wire_hello hello = raw_hello();
        struct wire_welcome welcome;
        struct raw_link link;
        D3DKMT_CREATEDEVICE device = {0};
        D3DKMT_HANDLE allocation;
        int descriptors[253];
        unsigned count;
        void *pages = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        hello.has_memory = 1;
        NEED(raw_send(session.socket_fd, &hello, sizeof hello, kinds[i], 2));
        NEED(raw_receive(session.socket_fd, &welcome, sizeof welcome, descriptors, &count, 10000) == sizeof welcome);
        NEED(welcome.status == STATUS_SUCCESS);
        session.notices_fd = descriptors[0];
        NEED(raw_link(&session, &link) == STATUS_SUCCESS);
        raw_adapter(&link, &device.hAdapter, NULL);
        NEED(RAW_CALL(&link, CreateDevice, &device) == STATUS_SUCCESS);
        NEED(raw_create_allocation(&link, device.hDevice, 4096, pages, &allocation) == STATUS_INVALID_PARAMETER);
        raw_drop(&link);
        raw_close(&session);
    }
}

/* ---- who does not read ---- */

/* An NT handle with every call: at some time no more go in, and the session ends, not the daemon's patience. */
static void gifts_are_never_read(void)
{
    struct raw_world world;
    D3DKMT_CREATESYNCHRONIZATIONOBJECT2 fence = {.Info.Type = D3DDDI_MONITORED_FENCE};
    OBJECT_ATTRIBUTES attributes = {.Length = sizeof attributes};
    HANDLE handle = NULL;
    unsigned calls = 0;

    raw_make(&world);
    fence.hDevice = world.device;
    fence.Info.Flags.Shared = fence.Info.Flags.NtSecuritySharing = 1;
    NEED(RAW_CALL(&world.link, CreateSynchronizationObject2, &fence) == STATUS_SUCCESS);
    D3DKMT_SHAREOBJECTS share = {.ObjectCount = 1,
                                 .ObjectHandleArray = &fence.hSyncObject,
                                 .pObjectAttributes = &attributes,
                                 .DesiredAccess = 0x10000000,
                                 .pSharedNtHandle = &handle};
    const struct raw_part parts[] = {{&share, sizeof share},
                                     {&fence.hSyncObject, sizeof fence.hSyncObject},
                                     {&attributes, sizeof attributes},
                                     {&handle, sizeof handle}};
    while (calls++ < 20000 && !raw_is_over(world.session.socket_fd, 0)) {
        raw_ask(&world.link, UDXG_THUNK_ShareObjects, raw_put(&world.link, parts, 4), 0);
        uint64_t end = now_ns() + 5000000000u;
        while (atomic_load(&world.link.header->state) == WIRE_REQUEST && now_ns() < end &&
               !raw_is_over(world.session.socket_fd, 0))
            usleep(10);
        if (atomic_load(&world.link.header->state) == WIRE_REPLY)
            NEED(world.link.header->answer.status == STATUS_SUCCESS);
    }
    NEED(calls > 10 && calls < 20000);
}

/* Requests for links whose answers nobody takes: there are limits, and nobody else waits. */
static void replies_are_never_read(void)
{
    struct raw_session session;
    struct wire_link request = {WIRE_LINK};
    unsigned sent = 0;

    raw_open(&session);
    while (sent < 5000 && raw_send(session.socket_fd, &request, sizeof request, NULL, 0)) sent++;
    usleep(500000);
    NEED(sent > 0);
}

/* ---- rings ---- */

static void ring_words(void)
{
    struct raw_world world;

    raw_make(&world);
    for (uint32_t state = 0; state < 200; state++) {
        atomic_store(&world.link.header->state, state % 7 == 1 ? 0xffffffffu - state : state % 3 ? 0 : WIRE_REPLY);
        atomic_store(&world.link.header->server_sleeps, state);
        usleep(100);
    }
    NEED(raw_make_resident(&world, world.allocation) >= 0);
    atomic_store(&world.link.header->state, WIRE_CLOSED);
    raw_ask(&world.link, WIRE_CALL_LEAVE, 0, 0);
    struct raw_link next;
    NEED(raw_link(&world.session, &next) == STATUS_SUCCESS);
}

/* Up to what one call may need, in steps; beyond it the session ends. */
static void ring_growth(void)
{
    struct raw_world world;
    NTSTATUS status;

    raw_make(&world);
    raw_ask(&world.link, WIRE_CALL_GROW, WIRE_ROOM_AT_MOST + 1, 0);
    NEED(!raw_await(&world.link, &status, 10000));
    NEED(raw_is_over(world.session.socket_fd, 10000));
}

/* The client's hand on the ring that was there before: the daemon has gone over to the new one. */
static void grow(struct raw_link *link, uint32_t bytes, NTSTATUS *ret_status)
{
    raw_ask(link, WIRE_CALL_GROW, bytes, 0);
    NEED(raw_await(link, ret_status, 10000));
    if (*ret_status < 0) return;
    NEED(link->gift_count == 1 && link->gifts[0].what == WIRE_GIFT_RING);
    munmap(link->header, WIRE_HEADER_BYTES + link->room_bytes);
    link->room_bytes = (uint32_t)link->gifts[0].size_bytes;
    link->header =
        mmap(NULL, WIRE_HEADER_BYTES + link->room_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, link->gift_fds[0], 0);
    NEED(link->header != MAP_FAILED);
    link->message = (unsigned char *)link->header + WIRE_HEADER_BYTES;
}

/* ---- 9 ---- */

/* All rings of a session together: 256 MiB. What small ones cost is given back as it was taken. */
static void limit_of_ring_memory(void)
{
    struct raw_session session;
    struct raw_link links[5], small;
    NTSTATUS status;
    unsigned large = 0;

    raw_open(&session);
    NEED(raw_link(&session, &small) == STATUS_SUCCESS);
    for (unsigned i = 0; i < 300; i++) {
        grow(&small, 1, &status);
        NEED(status == STATUS_SUCCESS);
    }
    for (unsigned i = 0; i < 5; i++) {
        NEED(raw_link(&session, &links[i]) == STATUS_SUCCESS);
        grow(&links[i], 60u << 20, &status);
        if (status == STATUS_SUCCESS)
            large++;
        else
            NEED(status == STATUS_NO_MEMORY);
    }
    NEED(large == 4);
    grow(&links[4], (14u << 20), &status); /* 16 MiB less what the small ones have */
    NEED(status == STATUS_SUCCESS);
    grow(&small, 2u << 20, &status);
    NEED(status == STATUS_NO_MEMORY);
}

static void limit_of_links(void)
{
    struct raw_session session;
    static struct raw_link links[260];
    unsigned made = 0;
    NTSTATUS status = STATUS_SUCCESS;

    raw_open(&session);
    while (made < 260 && (status = raw_link(&session, &links[made])) == STATUS_SUCCESS) made++;
    NEED(status == STATUS_NO_MEMORY && made == 256);
    for (unsigned i = 0; i < 8; i++) raw_ask(&links[i], WIRE_CALL_LEAVE, 0, 0);
    usleep(200000);
    NEED(raw_link(&session, &links[256]) == STATUS_SUCCESS); /* those that have left count no more */
}

/* More than the machine may promise is refused, and takes nothing. */
static void limit_of_commit(void)
{
    struct raw_world world;
    D3DKMT_HANDLE allocation;
    NTSTATUS status = STATUS_SUCCESS;

    raw_make(&world);
    for (unsigned i = 0; i < 4096 && status == STATUS_SUCCESS; i++)
        status = raw_create_allocation(&world.link, world.device, UINT64_C(1) << 30, NULL, &allocation);
    NEED(status == STATUS_NO_MEMORY || status == STATUS_GRAPHICS_NO_VIDEO_MEMORY);
    NEED(raw_create_allocation(&world.link, world.device, UINT64_C(1) << 62, NULL, &allocation) < 0);
}

/* Objects that cost the daemon most: there is an end, it is said so, and what is given back can be had again. */
static void limit_of_devices(void)
{
    struct raw_world world;
    D3DKMT_CREATEDEVICE device = {0};
    NTSTATUS status = STATUS_SUCCESS;
    unsigned made = 0;

    raw_make(&world);
    while (made < 100000 && status == STATUS_SUCCESS) {
        D3DKMT_CREATEDEVICE args = {.hAdapter = world.adapter};
        status = RAW_CALL(&world.link, CreateDevice, &args);
        if (status == STATUS_SUCCESS) device = args;
        made++;
    }
    NEED(status == STATUS_NO_MEMORY && made > 1);
    D3DKMT_DESTROYDEVICE destroy = {device.hDevice};
    NEED(RAW_CALL(&world.link, DestroyDevice, &destroy) == STATUS_SUCCESS);
    device.hAdapter = world.adapter;
    NEED(RAW_CALL(&world.link, CreateDevice, &device) == STATUS_SUCCESS);
}

/* ---- 21 ---- */

/* The ends of a session in every order, with a call that waits. */
static void ends_in_any_order(void)
{
    for (unsigned order = 0; order < 6; order++) {
        struct raw_world world;
        D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMCPU wait = {.ObjectCount = 1,
                                                           .ObjectHandleArray = (void *)0x1000,
                                                           .FenceValueArray = (void *)0x2000};
        uint64_t value = 1;
        raw_make(&world);
        wait.hDevice = world.device;
        const struct raw_part parts[] = {{&wait, sizeof wait},
                                         {&world.fence, sizeof world.fence},
                                         {&value, sizeof value}};
        raw_ask(&world.link, UDXG_THUNK_WaitForSynchronizationObjectFromCpu, raw_put(&world.link, parts, 3), 0);
        usleep(order % 2 ? 5000 : 0);
        if (order & 1) shutdown(world.link.socket_fd, SHUT_RDWR);
        if (order & 2) atomic_store(&world.link.header->state, WIRE_CLOSED);
        if (order >= 4) close(world.session.notices_fd);
        shutdown(world.session.socket_fd, order == 5 ? SHUT_WR : SHUT_RDWR);
        NEED(raw_is_over(world.session.socket_fd, 5000) || order != 5);
        raw_drop(&world.link);
        raw_close(&world.session);
    }
}

static void *write_over(void *argument)
{
    struct raw_link *link = argument;

    for (;;) {
        link->header->request = (struct wire_request){UDXG_THUNK_COUNT, 16, 0, 0};
        atomic_store(&link->header->state, WIRE_REQUEST);
    }
    return NULL;
}

/* A daemon that is told to stop does, whatever a client writes into its ring. */
static void stops_while_a_ring_is_written(void)
{
    struct raw_world world;
    pthread_t thread;

    daemon_own(NULL);
    raw_make(&world);
    NEED(pthread_create(&thread, NULL, write_over, &world.link) == 0);
    usleep(100000);
    NEED(daemon_ends(10000));
}

/* SIGSTOP in the middle of everything: the others do not notice, and SIGKILL ends it. */
static void stopped_for_a_while(void)
{
    pid_t pid = fork();

    if (!pid) {
        struct raw_world world;
        raw_make(&world);
        for (;;) (void)!raw_make_resident(&world, world.allocation);
    }
    usleep(200000);
    kill(pid, SIGSTOP);
    usleep(1000000);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

/* Killed at any time, again and again. */
static void killed_anywhere(void)
{
    for (unsigned i = 0; i < 60; i++) {
        pid_t pid = fork();
        if (!pid) {
            struct raw_world world;
            raw_make(&world);
            for (;;) {
                D3DKMT_HANDLE allocation;
                (void)!raw_create_allocation(&world.link, world.device, 65536, NULL, &allocation);
                (void)!raw_make_resident(&world, allocation);
            }
        }
        usleep(i * 700);
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
    }
}

/* Connecting and going away, faster than anybody greets. */
static void connection_flood(void)
{
    for (unsigned i = 0; i < 3000; i++) {
        int fd = raw_connect();
        if (fd >= 0) close(fd);
    }
}

/* ---- what would harm the others ---- */

static void others_are_not_disturbed(void)
{
    struct raw_world world;
    struct udxg_stop_adapter stop;
    struct udxg_start_adapter start;
    struct udxg_inject_text inject = {0};
    D3DKMT_HANDLE adapter;

    raw_make(&world);
    raw_adapter(&world.link, &adapter, &stop.AdapterLuid);
    start.AdapterLuid = stop.AdapterLuid;
    NEED(RAW_CALL(&world.link, StopAdapter, &stop) == STATUS_ACCESS_DENIED);
    NEED(RAW_CALL(&world.link, StartAdapter, &start) == STATUS_ACCESS_DENIED);
    NEED(RAW_CALL(&world.link, Inject, &inject) == STATUS_ACCESS_DENIED);
}

const struct hostile_test wire_tests[] = {
    {0, "wrong_greetings", wrong_greetings},
    {0, "other_releases", other_releases},
    {0, "slow_greeting", slow_greeting},
    {0, "wrong_control_packets", wrong_control_packets},
    {14, "parser", parser},
    {14, "larger_than_the_ring", larger_than_the_ring},
    {0, "announced_and_not_sent", announced_and_not_sent},
    {7, "another_packet_with_descriptors", another_packet_with_descriptors},
    {0, "sent_and_not_announced", sent_and_not_announced},
    {0, "wrong_kinds", wrong_kinds},
    {2, "memory_of_wrong_kinds", memory_of_wrong_kinds},
    {0, "gifts_are_never_read", gifts_are_never_read},
    {0, "replies_are_never_read", replies_are_never_read},
    {0, "ring_words", ring_words},
    {0, "ring_growth", ring_growth},
    {9, "limit_of_ring_memory", limit_of_ring_memory},
    {9, "limit_of_links", limit_of_links},
    {9, "limit_of_commit", limit_of_commit},
    {9, "limit_of_devices", limit_of_devices},
    {21, "ends_in_any_order", ends_in_any_order},
    {21, "stops_while_a_ring_is_written", stops_while_a_ring_is_written},
    {0, "stopped_for_a_while", stopped_for_a_while},
    {0, "killed_anywhere", killed_anywhere},
    {0, "connection_flood", connection_flood},
    {0, "others_are_not_disturbed", others_are_not_disturbed},
    {0, 0, 0},
};
