/* SPDX-License-Identifier: MIT */
/* Client memory of this process and of another: what is there, what is not, what is over. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/foreign.h"
#include "base/os.h"

#define PAGE ((size_t)UDXG_PAGE_SIZE)
#define PAGES 8u

/* Page 1 can only be read, 2 is without access, 3 is a hole; the others can be written. All read as their number. */
enum { READ_ONLY = 1, NO_ACCESS = 2, HOLE = 3 };

static char *make_pages(void)
{
    char *pages = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (pages == MAP_FAILED) return NULL;
    for (unsigned i = 0; i < PAGES; i++) memset(pages + i * PAGE, (int)i, PAGE);
    mprotect(pages + READ_ONLY * PAGE, PAGE, PROT_READ);
    mprotect(pages + NO_ACCESS * PAGE, PAGE, PROT_NONE);
    munmap(pages + HOLE * PAGE, PAGE);
    return pages;
}

/* A process with such pages: it has sent its descriptors, and waits to be killed, or told to begin another program. */
struct client {
    pid_t pid;
    int socket;
    char *pages;
    struct udxg_foreign memory;
};

static struct udxg_foreign open_own(void)
{
    return (struct udxg_foreign){open("/proc/self/mem", O_RDWR | O_CLOEXEC), open("/proc/self/maps", O_RDONLY)};
}

static void be_client(int socket)
{
    char control[CMSG_SPACE(sizeof(struct udxg_foreign))] = {0}, *pages = make_pages(), order;
    struct iovec bytes = {&pages, sizeof pages};
    struct msghdr message = {.msg_iov = &bytes,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof control};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    struct udxg_foreign memory = open_own();

    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof memory);
    memcpy(CMSG_DATA(header), &memory, sizeof memory);
    if (!pages || sendmsg(socket, &message, 0) < 0) _exit(1);
    if (read(socket, &order, 1) == 1) execl("/bin/sleep", "sleep", "60", (char *)NULL);
    _exit(1);
}

static struct client start_client(void)
{
    char control[CMSG_SPACE(sizeof(struct udxg_foreign))];
    struct client client;
    struct iovec bytes = {&client.pages, sizeof client.pages};
    struct msghdr message = {.msg_iov = &bytes,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof control};
    int sockets[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets), 0);
    client.pid = fork();
    if (!client.pid) {
        close(sockets[0]); /* so that it ends with us */
        be_client(sockets[1]);
    }
    assert_true(client.pid > 0);
    close(sockets[1]);
    client.socket = sockets[0];
    assert_int_equal(recvmsg(client.socket, &message, 0), sizeof client.pages);
    memcpy(&client.memory, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof client.memory);
    return client;
}

static void kill_client(struct client *client)
{
    kill(client->pid, SIGKILL);
    assert_int_equal(waitpid(client->pid, NULL, 0), client->pid);
}

static void forget_client(struct client *client)
{
    close(client->socket);
    udxg_foreign_close(&client->memory);
}

static void assert_bytes(const char *bytes, int value, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (bytes[i] != value) fail_msg("byte %zu is %d, not %d", i, bytes[i], value);
}

static void transfers(const struct udxg_foreign *memory, char *pages)
{
    char ours[3 * PAGE];
    size_t done;

    assert_int_equal(udxg_foreign_read(memory, ours, pages + PAGE / 2, PAGE, &done), STATUS_SUCCESS);
    assert_int_equal(done, PAGE);
    assert_bytes(ours, 0, PAGE / 2);
    assert_bytes(ours + PAGE / 2, READ_ONLY, PAGE / 2);
    assert_int_equal(udxg_foreign_read(memory, ours, pages + NO_ACCESS * PAGE, 2 * PAGE, &done),
                     STATUS_INVALID_PARAMETER);
    assert_true(done == 0 || done == PAGE); /* protections hold here, and not elsewhere */
    assert_int_equal(udxg_foreign_read(memory, ours, pages + HOLE * PAGE, 1, &done), STATUS_INVALID_PARAMETER);
    assert_int_equal(done, 0);
    memset(ours, 0x55, PAGE);
    assert_int_equal(udxg_foreign_write(memory, pages + 5 * PAGE - 100, ours, 200, NULL), STATUS_SUCCESS);
    memset(ours, 0, PAGE);
    assert_int_equal(udxg_foreign_read(memory, ours, pages + 5 * PAGE - 101, 202, &done), STATUS_SUCCESS);
    assert_bytes(ours, 4, 1);
    assert_bytes(ours + 1, 0x55, 200);
    assert_bytes(ours + 201, 5, 1);
    assert_int_equal(udxg_foreign_write(memory, pages + HOLE * PAGE, ours, 1, NULL), STATUS_INVALID_PARAMETER);
    assert_int_equal(udxg_foreign_read(memory, ours, NULL, 0, &done), STATUS_SUCCESS);
}

static void probes(const struct udxg_foreign *memory, char *pages)
{
    static const struct {
        unsigned first, count;
        bool read, write;
    } cases[] = {
        {0, 1, true, true},   {1, 1, true, false},  {0, 2, true, false},  {2, 1, false, false},
        {1, 2, false, false}, {3, 1, false, false}, {2, 2, false, false}, {3, 2, false, false},
        {4, 4, true, true},   {5, 1, true, true},   {0, 8, false, false},
    };

    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *start = pages + cases[i].first * PAGE;
        uint64_t size = cases[i].count * PAGE;
        if (udxg_failed(udxg_foreign_probe(memory, start, size, false)) == cases[i].read) fail_msg("read %u", i);
        if (udxg_failed(udxg_foreign_probe(memory, start, size, true)) == cases[i].write) fail_msg("write %u", i);
    }
    assert_int_equal(udxg_foreign_probe(memory, NULL, 0, true), STATUS_SUCCESS);
    assert_int_equal(udxg_foreign_probe(memory, NULL, PAGE, false), STATUS_INVALID_PARAMETER);
    assert_int_equal(udxg_foreign_probe(memory, pages, UINT64_MAX - 8, false), STATUS_INVALID_PARAMETER);
    assert_int_equal(udxg_foreign_probe(memory, (void *)UINTPTR_MAX, 2, false), STATUS_INVALID_PARAMETER);
}

static void of_this_process(void **state)
{
    struct udxg_foreign here = UDXG_FOREIGN_HERE;
    char *pages = make_pages();
    (void)state;

    assert_false(udxg_foreign_is_valid(&here));
    transfers(&here, pages);
    probes(&here, pages);
    munmap(pages, PAGES * PAGE);
}

static void of_another(void **state)
{
    struct client client = start_client();
    struct udxg_foreign copy;
    (void)state;

    assert_true(udxg_foreign_is_valid(&client.memory));
    assert_int_equal(udxg_foreign_dup(&client.memory, &copy), STATUS_SUCCESS);
    udxg_foreign_close(&client.memory); /* the copy stands for itself */
    transfers(&copy, client.pages);
    probes(&copy, client.pages);
    kill_client(&client);
    forget_client(&client);
    udxg_foreign_close(&copy);
    assert_int_equal(copy.mem_fd, -1);
}

/* What the address was good for is over, whoever has it next. */
static void nothing_is_left(const struct client *client)
{
    char bytes[PAGE];
    size_t done = 7;

    assert_int_equal(udxg_foreign_read(&client->memory, bytes, client->pages, PAGE, &done), STATUS_INVALID_PARAMETER);
    assert_int_equal(done, 0);
    assert_int_equal(udxg_foreign_write(&client->memory, client->pages, bytes, PAGE, NULL), STATUS_INVALID_PARAMETER);
    assert_int_equal(udxg_foreign_probe(&client->memory, client->pages, PAGE, false), STATUS_INVALID_PARAMETER);
}

static void of_one_that_has_died(void **state)
{
    struct client client = start_client();
    (void)state;

    kill_client(&client);
    nothing_is_left(&client);
    forget_client(&client);
}

static void of_one_that_runs_another_program(void **state)
{
    struct client client = start_client();
    char name[64] = "";
    (void)state;

    assert_int_equal(write(client.socket, "x", 1), 1);
    for (int tries = 0; tries < 1000 && !strstr(name, "sleep"); tries++) {
        char path[64];
        snprintf(path, sizeof path, "/proc/%d/comm", client.pid);
        int fd = open(path, O_RDONLY);
        assert_true(fd >= 0);
        assert_true(read(fd, name, sizeof name - 1) > 0);
        close(fd);
        usleep(10000);
    }
    assert_non_null(strstr(name, "sleep"));
    nothing_is_left(&client);
    kill_client(&client);
    forget_client(&client);
}

/* Descriptors that are something else are told from those that are good, and harm nobody who does not ask. */
static void what_is_no_such_file(void **state)
{
    struct udxg_foreign good = open_own();
    int pipes[2], memory;
    (void)state;

    assert_int_equal(pipe(pipes), 0);
    assert_int_equal(udxg_os_memfd("mem", PAGE, &memory), STATUS_SUCCESS);
    const int others[] = {-1,
                          pipes[0],
                          memory,
                          open("/dev/zero", O_RDWR),
                          open("/dev/null", O_RDWR),
                          open("/proc/self/status", O_RDONLY),
                          good.maps_fd,
                          1000};
    for (unsigned i = 0; i < sizeof others / sizeof *others; i++) {
        struct udxg_foreign wrong = {others[i], good.maps_fd};
        assert_false(udxg_foreign_is_valid(&wrong));
        wrong = (struct udxg_foreign){good.mem_fd, others[i]};
        assert_int_equal(udxg_foreign_is_valid(&wrong), others[i] == good.maps_fd);
        if (others[i] == good.maps_fd) continue;
        assert_int_equal(udxg_foreign_probe(&wrong, &good, sizeof good, false), STATUS_INVALID_PARAMETER);
    }
    for (unsigned i = 1; i < 6; i++) close(others[i]);
    close(pipes[1]);
    udxg_foreign_close(&good);
}

struct mover {
    int fd;
    atomic_bool stop;
};

static void *move(void *user)
{
    struct mover *mover = user;
    char byte;

    for (unsigned i = 0; !atomic_load(&mover->stop); i++) {
        lseek(mover->fd, i % 3 * 100, SEEK_SET);
        if (read(mover->fd, &byte, 1) < 0) break;
    }
    return NULL;
}

/* The client has the same file, with one position for both. */
static void of_one_that_reads_its_maps_too(void **state)
{
    struct udxg_foreign memory = open_own();
    struct mover mover = {.fd = memory.maps_fd};
    char *pages = make_pages();
    pthread_t thread;
    (void)state;

    assert_int_equal(pthread_create(&thread, NULL, move, &mover), 0);
    for (unsigned i = 0; i < 200; i++) probes(&memory, pages);
    atomic_store(&mover.stop, true);
    pthread_join(thread, NULL);
    udxg_foreign_close(&memory);
    munmap(pages, PAGES * PAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_this_process),      cmocka_unit_test(of_another),
        cmocka_unit_test(of_one_that_has_died), cmocka_unit_test(of_one_that_runs_another_program),
        cmocka_unit_test(what_is_no_such_file), cmocka_unit_test(of_one_that_reads_its_maps_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
