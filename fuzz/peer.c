/* SPDX-License-Identifier: MIT */
/* See peer.h. */
#include "peer.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "abi/thunk.h"
#include "base/os.h"
#include "base/socket.h"
#include "core/kernel.h"
#include "daemon/service.h"
#include "miniport/miniports.h"

#define KINDS 10u
#define ROUNDS_TO_SETTLE 3u
#define ONCE 24u /* descriptors that the kernel may make at any time, and keeps */

static struct udxg_kernel *kernel;
static struct wire_spinners spinners = {.most = 1};
static int kinds[KINDS];
static unsigned round_count, settled_descriptors;

/* ---- what there is once ---- */

static void make_kinds(void)
{
    int fds[2];

    FUZZ_NEED(pipe2(fds, O_CLOEXEC) == 0);
    kinds[0] = fds[0];
    kinds[1] = open("/dev/null", O_RDWR | O_CLOEXEC);
    kinds[2] = open("/", O_RDONLY | O_CLOEXEC);
    kinds[3] = eventfd(0, EFD_CLOEXEC);
    kinds[4] = epoll_create1(EPOLL_CLOEXEC);
    kinds[5] = memfd_create("fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    FUZZ_NEED(ftruncate(kinds[5], 65536) == 0);
    kinds[6] = memfd_create("sealed", MFD_CLOEXEC);
    FUZZ_NEED(ftruncate(kinds[6], 65536) == 0);
    kinds[7] = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
    kinds[8] = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    kinds[9] = fds[1];
}

static void set_up_once(void)
{
    char error[256];

    if (kernel) return;
    FUZZ_NEED(!udxg_failed(udxg_kernel_create("soft-discrete", udxg_miniports, error, sizeof error, &kernel)));
    make_kinds();
}

static unsigned count_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    unsigned count = 0;

    FUZZ_NEED(folder);
    while (readdir(folder)) count++;
    closedir(folder);
    return count;
}

static void list_descriptors(void)
{
    for (int fd = 0; fd < 1024; fd++) {
        char name[64], what[256];
        snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
        ssize_t length = readlink(name, what, sizeof what - 1);
        if (length > 0) fprintf(stderr, "%d %.*s\n", fd, (int)length, what);
    }
}

/* What the service had is gone; NT handles, which a thread of the kernel closes, a moment later. */
static void check_descriptors(void)
{
    if (++round_count <= ROUNDS_TO_SETTLE) {
        unsigned count = count_descriptors();
        if (count > settled_descriptors) settled_descriptors = count;
        return;
    }
    for (unsigned i = 0; i < 2000 && count_descriptors() > settled_descriptors + ONCE; i++) usleep(1000);
    if (count_descriptors() > settled_descriptors + ONCE) list_descriptors();
    FUZZ_NEED(count_descriptors() <= settled_descriptors + ONCE);
}

/* ---- the service ---- */

static void *serve(void *argument)
{
    struct peer *peer = argument;

    (void)udxg_service_run(kernel, &spinners, peer->service_fd, 77, 1000);
    shutdown(peer->service_fd, SHUT_RDWR);
    return NULL;
}

void peer_begin(struct peer *peer)
{
    int fds[2];

    set_up_once();
    *peer = (struct peer){.notices_fd = -1};
    FUZZ_NEED(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) == 0);
    peer->socket_fd = fds[0];
    peer->service_fd = fds[1];
    FUZZ_NEED(pthread_create(&peer->thread, NULL, serve, peer) == 0);
}

void peer_end(struct peer *peer)
{
    close(peer->socket_fd);
    pthread_join(peer->thread, NULL);
    close(peer->service_fd);
    if (peer->notices_fd >= 0) close(peer->notices_fd);
    for (unsigned i = 0; i < peer->link_count; i++) {
        close(peer->links[i].socket_fd);
        munmap(peer->links[i].header, WIRE_HEADER_BYTES + peer->links[i].room_bytes);
    }
    check_descriptors();
}

/* ---- packets ---- */

void peer_send(int socket_fd, const void *bytes, size_t size, uint8_t how)
{
    int descriptors[16] = {0};
    unsigned count = how & 15;

    for (unsigned i = 0; i < count; i++) descriptors[i] = kinds[((how >> 4) + i) % KINDS];
    (void)udxg_socket_send(socket_fd, bytes, size, descriptors, count, false);
}

void peer_drain(int socket_fd)
{
    unsigned char bytes[256];
    struct udxg_packet packet;

    while (!udxg_failed(udxg_socket_receive(socket_fd, bytes, sizeof bytes, 0, &packet))) udxg_packet_close(&packet);
}

void peer_greet(struct peer *peer)
{
    struct wire_hello hello = {.kind = WIRE_HELLO,
                               .least_version = WIRE_VERSION,
                               .most_version = WIRE_VERSION,
                               .has_memory = 1,
                               .table = udxg_thunk_signature()};
    struct wire_welcome welcome;
    struct udxg_packet packet;

    peer_send(peer->socket_fd, &hello, sizeof hello, 0x72); /* its memory: kinds 7 and 8 */
    if (udxg_failed(udxg_socket_receive(peer->socket_fd, &welcome, sizeof welcome, 1000, &packet))) return;
    if (packet.count == 1 && peer->notices_fd < 0)
        peer->notices_fd = packet.descriptors[0];
    else
        udxg_packet_close(&packet);
}

void peer_link(struct peer *peer)
{
    struct wire_link request = {.kind = WIRE_LINK};
    struct wire_linked linked;
    struct udxg_packet packet;
    struct peer_link *link = &peer->links[peer->link_count];

    if (peer->link_count == PEER_LINKS) return;
    peer_send(peer->socket_fd, &request, sizeof request, 0);
    if (udxg_failed(udxg_socket_receive(peer->socket_fd, &linked, sizeof linked, 1000, &packet))) return;
    if (packet.count != 2) {
        udxg_packet_close(&packet);
        return;
    }
    link->room_bytes = linked.room_bytes;
    link->header =
        mmap(NULL, WIRE_HEADER_BYTES + linked.room_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, packet.descriptors[0], 0);
    FUZZ_NEED(link->header != MAP_FAILED);
    link->message = (unsigned char *)link->header + WIRE_HEADER_BYTES;
    link->socket_fd = packet.descriptors[1];
    close(packet.descriptors[0]);
    peer->link_count++;
}

/* ---- the ring ---- */

void peer_poke(struct peer_link *link, uint32_t state)
{
    atomic_store(&link->header->state, state);
    udxg_os_shared_futex_wake(&link->header->state);
}

void peer_ask(struct peer_link *link, const struct wire_request *request)
{
    uint64_t deadline = udxg_os_now_ns() + PEER_WAIT_MS * 1000000u;

    link->header->request = *request;
    peer_poke(link, WIRE_REQUEST);
    while (atomic_load(&link->header->state) == WIRE_REQUEST && udxg_os_now_ns() < deadline &&
           !udxg_socket_is_over(link->socket_fd))
        usleep(20);
}
