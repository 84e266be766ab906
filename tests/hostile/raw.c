/* SPDX-License-Identifier: MIT */
/* See raw.h. */
#include "raw.h"

#include <linux/futex.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <udxg/soft.h>

#include "hostile.h"

#define PATIENCE_MS 20000

void need(bool condition, const char *text, const char *file, int line)
{
    if (condition) return;
    printf("# %s:%d: not so: %s\n", file, line, text);
    fflush(stdout);
    _exit(1);
}

/* ---- sockets ---- */

int raw_connect(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    NEED(fd >= 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", daemon_path());
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0) return fd;
    close(fd);
    return -1;
}

bool raw_send(int fd, const void *bytes, size_t size, const int *descriptors, unsigned count)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(253 * sizeof(int))];
    } control;
    struct iovec part = {(void *)bytes, size};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};

    if (count) {
        control.header = (struct cmsghdr){CMSG_LEN(count * sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
        memcpy(CMSG_DATA(&control.header), descriptors, count * sizeof(int));
        message.msg_control = &control;
        message.msg_controllen = CMSG_SPACE(count * sizeof(int));
    }
    return sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0;
}

int raw_receive(int fd, void *bytes, size_t room, int *descriptors, unsigned *ret_count, int timeout_ms)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(253 * sizeof(int))];
    } control;
    struct iovec part = {bytes, room};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
    struct pollfd poll_fd = {fd, POLLIN, 0};

    *ret_count = 0;
    if (poll(&poll_fd, 1, timeout_ms) != 1) return -1;
    ssize_t size = recvmsg(fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (size <= 0) return 0;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (header && header->cmsg_type == SCM_RIGHTS) {
        *ret_count = (unsigned)((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        memcpy(descriptors, CMSG_DATA(header), *ret_count * sizeof(int));
    }
    return (int)size;
}

bool raw_is_over(int fd, int timeout_ms)
{
    unsigned char bytes[256];
    int descriptors[253], size;
    unsigned count;

    while ((size = raw_receive(fd, bytes, sizeof bytes, descriptors, &count, timeout_ms)) > 0)
        while (count) close(descriptors[--count]);
    return size == 0;
}

/* ---- sessions ---- */

struct wire_hello raw_hello(void)
{
    return (struct wire_hello){WIRE_HELLO, WIRE_VERSION, WIRE_VERSION, 0, udxg_thunk_signature(), ""};
}

void raw_open(struct raw_session *session)
{
    struct wire_hello hello = raw_hello();
    struct wire_welcome welcome;
    int memory[2] = {open_memory(O_MEM), open_memory(O_MAPS)}, descriptors[253];
    unsigned count;

    session->socket_fd = raw_connect();
    NEED(session->socket_fd >= 0);
    hello.has_memory = 1;
    NEED(raw_send(session->socket_fd, &hello, sizeof hello, memory, 2));
    close(memory[0]);
    close(memory[1]);
    NEED(raw_receive(session->socket_fd, &welcome, sizeof welcome, descriptors, &count, PATIENCE_MS) == sizeof welcome);
    NEED(welcome.status == STATUS_SUCCESS && count == 1);
    session->notices_fd = descriptors[0];
}

void raw_close(struct raw_session *session)
{
    close(session->socket_fd);
    close(session->notices_fd);
}

/* ---- links ---- */

NTSTATUS raw_link(const struct raw_session *session, struct raw_link *link)
{
    struct wire_link request = {WIRE_LINK};
    struct wire_linked linked;
    int descriptors[253];
    unsigned count;

    *link = (struct raw_link){.socket_fd = -1};
    NEED(raw_send(session->socket_fd, &request, sizeof request, NULL, 0));
    if (raw_receive(session->socket_fd, &linked, sizeof linked, descriptors, &count, PATIENCE_MS) != sizeof linked)
        return RAW_OVER;
    if (linked.status < 0) return linked.status;
    NEED(count == 2);
    link->room_bytes = linked.room_bytes;
    link->header =
        mmap(NULL, WIRE_HEADER_BYTES + linked.room_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptors[0], 0);
    NEED(link->header != MAP_FAILED);
    link->message = (unsigned char *)link->header + WIRE_HEADER_BYTES;
    link->socket_fd = descriptors[1];
    close(descriptors[0]);
    return STATUS_SUCCESS;
}

static void close_gifts(struct raw_link *link)
{
    while (link->gift_count) close(link->gift_fds[--link->gift_count]);
}

void raw_drop(struct raw_link *link)
{
    close_gifts(link);
    if (link->header) munmap(link->header, WIRE_HEADER_BYTES + link->room_bytes);
    close(link->socket_fd);
    link->header = NULL;
}

static void wake(struct raw_link *link)
{
    syscall(SYS_futex, &link->header->state, FUTEX_WAKE, 8, NULL, NULL, 0);
}

void raw_ask(struct raw_link *link, uint32_t call, uint32_t size_bytes, uint32_t descriptors)
{
    close_gifts(link);
    link->header->request = (struct wire_request){call, size_bytes, descriptors, 0};
    atomic_store(&link->header->state, WIRE_REQUEST);
    wake(link);
}

static bool is_over(int fd)
{
    struct pollfd poll_fd = {fd, 0, 0};
    return poll(&poll_fd, 1, 0) == 1;
}

static void take_gifts(struct raw_link *link, uint32_t count)
{
    for (uint32_t i = 0; i < count && link->gift_count < 16; i++) {
        int descriptors[253];
        unsigned got;
        struct wire_gift *gift = &link->gifts[link->gift_count];
        if (raw_receive(link->socket_fd, gift, sizeof *gift, descriptors, &got, PATIENCE_MS) != sizeof *gift) return;
        NEED(got == 1);
        link->gift_fds[link->gift_count++] = descriptors[0];
    }
}

bool raw_await(struct raw_link *link, NTSTATUS *ret_status, int timeout_ms)
{
    uint64_t end = now_ns() + (uint64_t)timeout_ms * 1000000u;

    while (atomic_load(&link->header->state) == WIRE_REQUEST) {
        if (is_over(link->socket_fd) || now_ns() > end) return false;
        usleep(20);
    }
    if (atomic_load(&link->header->state) != WIRE_REPLY) return false;
    *ret_status = link->header->answer.status;
    take_gifts(link, link->header->answer.gifts);
    return true;
}

uint32_t raw_put(struct raw_link *link, const struct raw_part *parts, unsigned count)
{
    uint32_t at = 0;

    for (unsigned i = 0; i < count; i++) {
        NEED(at + parts[i].size <= link->room_bytes);
        memset(link->message + at, 0, (parts[i].size + 15u) & ~15u);
        memcpy(link->message + at, parts[i].bytes, parts[i].size);
        at += (parts[i].size + 15u) & ~15u;
    }
    return at;
}

NTSTATUS raw_call_parts(struct raw_link *link, uint32_t call, const struct raw_part *parts, unsigned count)
{
    NTSTATUS status;
    uint32_t at = 0;

    raw_ask(link, call, raw_put(link, parts, count), 0);
    if (!raw_await(link, &status, PATIENCE_MS)) return RAW_OVER;
    for (unsigned i = 0; i < count; i++) {
        memcpy(parts[i].bytes, link->message + at, parts[i].size);
        at += (parts[i].size + 15u) & ~15u;
    }
    return status;
}

/* ---- objects ---- */

void raw_adapter(struct raw_link *link, D3DKMT_HANDLE *ret_adapter, LUID *ret_luid)
{
    D3DKMT_ADAPTERINFO infos[2];
    D3DKMT_ENUMADAPTERS2 args = {.NumAdapters = 2, .pAdapters = infos};
    const struct raw_part parts[] = {{&args, sizeof args}, {infos, sizeof infos}};

    memset(infos, 0, sizeof infos);
    NEED(raw_call_parts(link, UDXG_THUNK_EnumAdapters2, parts, 2) == STATUS_SUCCESS);
    NEED(args.NumAdapters >= 1);
    *ret_adapter = infos[0].hAdapter;
    if (ret_luid) *ret_luid = infos[0].AdapterLuid;
}

NTSTATUS raw_create_allocation(struct raw_link *link, D3DKMT_HANDLE device, uint64_t size_bytes, const void *memory,
                               D3DKMT_HANDLE *ret_allocation)
{
    struct udxg_soft_allocation soft = {.magic = UDXG_SOFT_ALLOCATION_MAGIC,
                                        .version = UDXG_SOFT_VERSION,
                                        .size_bytes = size_bytes,
                                        .flags = UDXG_SOFT_CPU_VISIBLE};
    D3DDDI_ALLOCATIONINFO2 info = {.pSystemMem = memory,
                                   .pPrivateDriverData = &soft,
                                   .PrivateDriverDataSize = sizeof soft};
    D3DKMT_CREATEALLOCATION args = {.hDevice = device, .NumAllocations = 1, .pAllocationInfo2 = &info};
    const struct raw_part parts[] = {{&args, sizeof args}, {&info, sizeof info}, {&soft, sizeof soft}};
    NTSTATUS status = raw_call_parts(link, UDXG_THUNK_CreateAllocation2, parts, 3);

    *ret_allocation = info.hAllocation;
    return status;
}

NTSTATUS raw_make_resident(struct raw_world *world, D3DKMT_HANDLE allocation)
{
    D3DDDI_MAKERESIDENT args = {.hPagingQueue = world->queue, .NumAllocations = 1, .AllocationList = &allocation};
    const struct raw_part parts[] = {{&args, sizeof args}, {&allocation, sizeof allocation}};

    return raw_call_parts(&world->link, UDXG_THUNK_MakeResident, parts, 2);
}

void raw_make(struct raw_world *world)
{
    D3DKMT_CREATEDEVICE device = {0};
    D3DKMT_CREATEPAGINGQUEUE queue = {0};
    D3DKMT_CREATESYNCHRONIZATIONOBJECT2 fence = {.Info.Type = D3DDDI_MONITORED_FENCE};

    *world = (struct raw_world){.fence_window = -1};
    raw_open(&world->session);
    NEED(raw_link(&world->session, &world->link) == STATUS_SUCCESS);
    raw_adapter(&world->link, &world->adapter, NULL);
    device.hAdapter = world->adapter;
    NEED(RAW_CALL(&world->link, CreateDevice, &device) == STATUS_SUCCESS);
    world->device = queue.hDevice = fence.hDevice = device.hDevice;
    NEED(RAW_CALL(&world->link, CreatePagingQueue, &queue) == STATUS_SUCCESS);
    world->queue = queue.hPagingQueue;
    world->queue_fence = queue.hSyncObject;
    for (unsigned i = 0; i < world->link.gift_count; i++) {
        if (world->link.gifts[i].what != WIRE_GIFT_WINDOW || world->link.gifts[i].writable) continue;
        world->fence_window = dup(world->link.gift_fds[i]);
        world->fence_window_bytes = world->link.gifts[i].size_bytes;
    }
    NEED(RAW_CALL(&world->link, CreateSynchronizationObject2, &fence) == STATUS_SUCCESS);
    world->fence = fence.hSyncObject;
    NEED(raw_create_allocation(&world->link, world->device, 65536, NULL, &world->allocation) == STATUS_SUCCESS);
}
