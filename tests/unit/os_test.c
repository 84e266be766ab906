/* SPDX-License-Identifier: MIT */
/* The door to the system: memory files, events, and every kind of client pointer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/os.h"

#define PAGE ((size_t)UDXG_PAGE_SIZE)

static uint64_t resident_bytes(int fd)
{
    struct stat info;
    assert_int_equal(fstat(fd, &info), 0);
    return (uint64_t)info.st_blocks * 512;
}

static int open_memfd(uint64_t size)
{
    int fd = -1;
    assert_int_equal(udxg_os_memfd("udxg-test", size, &fd), STATUS_SUCCESS);
    return fd;
}

static void memory_files(void **state)
{
    int fd = open_memfd(UINT64_C(1) << 40);
    void *address = NULL;
    (void)state;
    assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    assert_int_equal(lseek(fd, 0, SEEK_END), INT64_C(1) << 40);
    assert_int_equal(resident_bytes(fd), 0);
    assert_int_equal(udxg_os_map(fd, 0, 64 * PAGE, true, &address), STATUS_SUCCESS);
    memset(address, 1, 64 * PAGE);
    assert_int_equal(resident_bytes(fd), 64 * PAGE);
    assert_int_equal(udxg_os_punch(fd, 8 * PAGE, 16 * PAGE), STATUS_SUCCESS);
    assert_int_equal(resident_bytes(fd), 48 * PAGE);
    for (size_t i = 0; i < 64 * PAGE; i++) {
        if (((char *)address)[i] != (i < 8 * PAGE || i >= 24 * PAGE)) fail_msg("byte %zu is wrong", i);
    }
    udxg_os_unmap(address, 64 * PAGE);
    assert_int_equal(udxg_os_probe(address, PAGE, false), STATUS_INVALID_PARAMETER);
    close(fd);
    assert_int_equal(udxg_os_punch(fd, 0, PAGE), STATUS_INVALID_HANDLE);
    assert_int_equal(udxg_os_memfd("udxg-test", UINT64_MAX, &fd), STATUS_NO_MEMORY);
}

static void mappings_are_aligned(void **state)
{
    static const struct {
        uint64_t size, alignment;
    } cases[] = {{1, 65536}, {PAGE, 65536}, {65536 + PAGE, 65536}, {2 << 20, 2 << 20}, {(5 << 20) + PAGE, 2 << 20}};
    int fd = open_memfd(16 << 20);
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *address[3];
        for (unsigned j = 0; j < 3; j++) {
            void *mapped = NULL;
            assert_int_equal(udxg_os_map(fd, j * PAGE, cases[i].size, true, &mapped), STATUS_SUCCESS);
            address[j] = mapped;
            assert_int_equal((uintptr_t)mapped % cases[i].alignment, 0);
        }
        address[0][PAGE < cases[i].size ? PAGE : 0] = 7;
        if (PAGE < cases[i].size) assert_int_equal(address[1][0], 7);
        for (unsigned j = 0; j < 3; j++) udxg_os_unmap(address[j], cases[i].size);
    }
    void *none = NULL;
    assert_int_equal(udxg_os_map(fd, 0, UINT64_C(1) << 60, true, &none), STATUS_NO_MEMORY);
    assert_int_equal(udxg_os_map(fd, 0, UINT64_MAX, true, &none), STATUS_NO_MEMORY);
    assert_int_equal(udxg_os_map(fd, 0, UINT64_MAX - 65536, true, &none), STATUS_NO_MEMORY);
    close(fd);
    assert_int_equal(udxg_os_map(fd, 0, PAGE, true, &none), STATUS_INVALID_HANDLE);
    assert_null(none);
}

static void mappings_stay_out_of_children(void **state)
{
    int fd = open_memfd(PAGE), status = -1;
    void *address = NULL;
    (void)state;
    assert_int_equal(udxg_os_map(fd, 0, PAGE, true, &address), STATUS_SUCCESS);
    pid_t child = fork();
    if (child == 0) _exit(udxg_os_probe(address, PAGE, false) == STATUS_INVALID_PARAMETER ? 0 : 1);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    udxg_os_unmap(address, PAGE);
    close(fd);
}

static void sealed_files(void **state)
{
    int fd = open_memfd(PAGE);
    void *ours = NULL, *theirs = NULL;
    (void)state;
    assert_int_equal(udxg_os_map(fd, 0, PAGE, true, &ours), STATUS_SUCCESS);
    assert_int_equal(udxg_os_seal_readonly(fd), STATUS_SUCCESS);
    assert_int_equal(udxg_os_map(fd, 0, PAGE, true, &theirs), STATUS_ACCESS_DENIED);
    assert_null(theirs);
    assert_int_equal(udxg_os_map(fd, 0, PAGE, false, &theirs), STATUS_SUCCESS);
    assert_int_equal(mprotect(theirs, PAGE, PROT_READ | PROT_WRITE), -1);
    assert_int_equal(ftruncate(fd, 0), -1);
    assert_int_equal(write(fd, "x", 1), -1);
    *(volatile char *)ours = 5;
    assert_int_equal(*(volatile char *)theirs, 5);
    udxg_os_unmap(ours, PAGE);
    udxg_os_unmap(theirs, PAGE);
    close(fd);
}

static void anonymous_memory_costs_nothing(void **state)
{
    void *address = NULL;
    (void)state;
    assert_int_equal(udxg_os_map_anonymous(UINT64_C(1) << 38, &address), STATUS_SUCCESS);
    assert_int_equal(((volatile char *)address)[UINT64_C(1) << 37], 0);
    udxg_os_unmap(address, UINT64_C(1) << 38);
    address = NULL;
    assert_int_equal(udxg_os_map_anonymous(UINT64_C(1) << 62, &address), STATUS_NO_MEMORY);
    assert_null(address);
}

static void eventfds_are_told_from_others(void **state)
{
    int event = eventfd(0, EFD_CLOEXEC), pipes[2], file = open_memfd(PAGE), ours = -1;
    uint64_t value = 0;
    (void)state;
    assert_int_equal(pipe(pipes), 0);
    const intptr_t wrong[] = {-1, INT32_MIN, INT32_MAX, INTPTR_MAX, (INT64_C(1) << 32) + event,
                              pipes[0], pipes[1], file, 9999};
    int free_descriptor = dup(event);
    close(free_descriptor);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(udxg_os_event_dup(wrong[i], &ours), STATUS_INVALID_HANDLE);
        assert_int_equal(ours, -1);
    }
    assert_int_equal(dup(event), free_descriptor); /* none was left open */
    close(free_descriptor);

    assert_int_equal(udxg_os_event_dup(event, &ours), STATUS_SUCCESS);
    assert_int_equal(fcntl(ours, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    udxg_os_event_signal(ours);
    udxg_os_event_signal(ours);
    assert_int_equal(read(event, &value, sizeof(value)), sizeof(value));
    assert_int_equal(value, 2);
    close(ours);
    close(event);
    assert_int_equal(udxg_os_event_dup(event, &ours), STATUS_INVALID_HANDLE);
    close(pipes[0]);
    close(pipes[1]);
    close(file);
}

static void a_full_event_blocks_nobody(void **state)
{
    int event = eventfd(0, EFD_CLOEXEC);
    uint64_t value = 0, full = UINT64_MAX - 1;
    (void)state;
    assert_int_equal(write(event, &full, sizeof(full)), sizeof(full));
    alarm(10);
    udxg_os_event_signal(event);
    alarm(0);
    assert_int_equal(read(event, &value, sizeof(value)), sizeof(value));
    assert_int_equal(value, full);
    close(event);
}

static void *note_signals(void *argument)
{
    pthread_sigmask(SIG_SETMASK, NULL, argument);
    return argument;
}

static void threads_leave_signals_alone(void **state)
{
    sigset_t mask, ours;
    pthread_t thread;
    void *result = NULL;
    (void)state;
    sigemptyset(&mask);
    assert_true(udxg_os_thread_create(&thread, "udxg-test", note_signals, &mask));
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_ptr_equal(result, &mask);
    pthread_sigmask(SIG_SETMASK, NULL, &ours);
    for (int signal = 1; signal < 32; signal++) {
        bool cannot_be_blocked = signal == SIGKILL || signal == SIGSTOP;
        assert_int_equal(sigismember(&mask, signal), !cannot_be_blocked);
        assert_int_equal(sigismember(&ours, signal), 0);
    }
}

static void clocks_and_sizes(void **state)
{
    uint64_t before = udxg_os_now_ns(), ram = udxg_os_ram_bytes();
    (void)state;
    usleep(2000);
    assert_in_range(udxg_os_now_ns() - before, 2000000, 10000000000u);
    assert_in_range(ram, UINT64_C(64) << 20, UINT64_C(1) << 50);
    assert_int_equal(ram % UDXG_PAGE_SIZE, 0);
}

static void statuses_of_errno(void **state)
{
    static const struct {
        int error;
        udxg_status status;
    } cases[] = {
        {0, STATUS_SUCCESS},
        {ENOMEM, STATUS_NO_MEMORY},
        {EMFILE, STATUS_NO_MEMORY},
        {EBADF, STATUS_INVALID_HANDLE},
        {EINVAL, STATUS_INVALID_PARAMETER},
        {EFAULT, STATUS_INVALID_PARAMETER},
        {EPERM, STATUS_ACCESS_DENIED},
        {ENOSYS, STATUS_NOT_SUPPORTED},
        {ENOENT, STATUS_OBJECT_NAME_NOT_FOUND},
        {ECONNRESET, STATUS_DEVICE_REMOVED},
        {12345, STATUS_UNSUCCESSFUL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(udxg_os_status(cases[i].error), cases[i].status);
    }
}

/* ---- pointers of the client ---- */

enum { GOOD_BEFORE, GOOD, READ_ONLY, NO_ACCESS, UNMAPPED, GOOD_AFTER, LANDSCAPE_PAGES };

/* Pages of each kind, one after the other. Each landscape is at a new place: pages of it were never seen. */
static char *landscape_open(void)
{
    static char *hint = (char *)0x200000000000;
    char *pages = mmap(hint, LANDSCAPE_PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(pages, MAP_FAILED);
    hint += 1u << 30;
    memset(pages, 0x11, LANDSCAPE_PAGES * PAGE);
    assert_int_equal(mprotect(pages + READ_ONLY * PAGE, PAGE, PROT_READ), 0);
    assert_int_equal(mprotect(pages + NO_ACCESS * PAGE, PAGE, PROT_NONE), 0);
    assert_int_equal(munmap(pages + UNMAPPED * PAGE, PAGE), 0);
    return pages;
}

static void landscape_close(char *pages)
{
    munmap(pages, UNMAPPED * PAGE);
    munmap(pages + GOOD_AFTER * PAGE, PAGE);
}

static bool bytes_are(const char *bytes, size_t count, char value)
{
    for (size_t i = 0; i < count; i++) {
        if (bytes[i] != value) return false;
    }
    return true;
}

/* Ranges in a landscape: where, how long, whether it can be read and written. */
static const struct range_case {
    const char *name;
    size_t start, size;
    bool readable, writable;
} range_cases[] = {
    {"one byte", GOOD * PAGE, 1, true, true},
    {"a page", GOOD * PAGE, PAGE, true, true},
    {"across two good pages", GOOD * PAGE - 8, 16, true, true},
    {"two good pages", GOOD_BEFORE * PAGE, 2 * PAGE, true, true},
    {"read-only", READ_ONLY * PAGE + 100, 100, true, false},
    {"into read-only", READ_ONLY * PAGE - 1, 2, true, false},
    {"no access", NO_ACCESS * PAGE, 1, false, false},
    {"into no access", NO_ACCESS * PAGE - 1, 2, false, false},
    {"unmapped", UNMAPPED * PAGE + 8, 8, false, false},
    {"from unmapped into good", UNMAPPED * PAGE, PAGE + 8, false, false},
    {"good at both ends", GOOD * PAGE, (GOOD_AFTER - GOOD + 1) * PAGE, false, false},
    {"nothing, nowhere", UNMAPPED * PAGE, 0, true, true},
};

static const void *const impossible[] = {NULL, (void *)8, (void *)0x0000800000000000, (void *)0xffff800000000000,
                                         (void *)(UINTPTR_MAX - 7)};

static udxg_status expected_status(bool good)
{
    return good ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}

typedef udxg_status probe_function(const void *client, uint64_t size_bytes, bool write);

static void probe_matrix(probe_function *probe)
{
    for (size_t i = 0; i < sizeof(range_cases) / sizeof(range_cases[0]); i++) {
        const struct range_case *test = &range_cases[i];
        char *pages = landscape_open();
        for (unsigned twice = 0; twice < 2; twice++) {
            udxg_status read = probe(pages + test->start, test->size, false);
            udxg_status write = probe(pages + test->start, test->size, true);
            if (read != expected_status(test->readable))
                fail_msg("%s: reading gave 0x%08x", test->name, (unsigned)read);
            if (write != expected_status(test->writable))
                fail_msg("%s: writing gave 0x%08x", test->name, (unsigned)write);
        }
        assert_true(bytes_are(pages, NO_ACCESS * PAGE, 0x11));
        landscape_close(pages);
    }
    for (size_t i = 0; i < sizeof(impossible) / sizeof(impossible[0]); i++) {
        assert_int_equal(probe(impossible[i], 16, false), STATUS_INVALID_PARAMETER);
        assert_int_equal(probe(impossible[i], 16, true), STATUS_INVALID_PARAMETER);
        assert_int_equal(probe(impossible[i], UINT64_MAX, true), STATUS_INVALID_PARAMETER);
    }
}

static void probes(void **state)
{
    (void)state;
    probe_matrix(udxg_os_probe);
    probe_matrix(udxg_os_probe_argument);
}

static void ranges_that_wrap_around(void **state)
{
    char *pages = landscape_open(), ours[8];
    const uint64_t sizes[] = {UINT64_MAX, UINT64_MAX - (uintptr_t)pages + 2, UINT64_MAX - (uintptr_t)pages + 1};
    (void)state;
    assert_int_equal(udxg_os_probe_argument(pages, 8, true), STATUS_SUCCESS); /* pages that were seen good */
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        assert_int_equal(udxg_os_probe(pages, sizes[i], true), STATUS_INVALID_PARAMETER);
        assert_int_equal(udxg_os_probe(pages, sizes[i], false), STATUS_INVALID_PARAMETER);
        assert_int_equal(udxg_os_probe_argument(pages, sizes[i], true), STATUS_INVALID_PARAMETER);
        assert_int_equal(udxg_os_copy_in(ours, pages, sizes[i]), STATUS_INVALID_PARAMETER);
        assert_int_equal(udxg_os_copy_out(pages, ours, sizes[i]), STATUS_INVALID_PARAMETER);
    }
    landscape_close(pages);
}

static void probes_do_not_remember(void **state)
{
    char *pages = landscape_open();
    (void)state;
    assert_int_equal(udxg_os_probe(pages, 8, true), STATUS_SUCCESS);
    assert_int_equal(udxg_os_copy_out(pages, "12345678", 8), STATUS_SUCCESS);
    assert_int_equal(mprotect(pages, PAGE, PROT_READ), 0);
    assert_int_equal(udxg_os_probe(pages, 8, true), STATUS_INVALID_PARAMETER);
    assert_int_equal(udxg_os_probe(pages, 8, false), STATUS_SUCCESS);
    assert_int_equal(mprotect(pages, PAGE, PROT_NONE), 0);
    assert_int_equal(udxg_os_probe(pages, 8, false), STATUS_INVALID_PARAMETER);
    landscape_close(pages);
}

static void probes_of_large_ranges(void **state)
{
    const size_t size = (size_t)1 << 30, middle = size / 2;
    unsigned char resident[4];
    char *big = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    (void)state;
    assert_ptr_not_equal(big, MAP_FAILED);
    uint64_t start = udxg_os_now_ns();
    for (unsigned i = 0; i < 10; i++) assert_int_equal(udxg_os_probe(big, size, true), STATUS_SUCCESS);
    assert_true((udxg_os_now_ns() - start) / 10 < 20000000); /* page by page, it would take longer */
    assert_int_equal(mincore(big + middle, 4 * PAGE, resident), 0);
    for (unsigned i = 0; i < 4; i++) assert_int_equal(resident[i] & 1, 0);

    assert_int_equal(mprotect(big + middle, PAGE, PROT_READ), 0);
    assert_int_equal(udxg_os_probe(big, size, true), STATUS_INVALID_PARAMETER);
    assert_int_equal(udxg_os_probe(big, size, false), STATUS_SUCCESS);
    assert_int_equal(udxg_os_probe(big, middle, true), STATUS_SUCCESS);
    assert_int_equal(udxg_os_probe(big + middle + PAGE, size - middle - PAGE, true), STATUS_SUCCESS);
    assert_int_equal(mprotect(big + middle, PAGE, PROT_NONE), 0);
    assert_int_equal(udxg_os_probe(big, size, false), STATUS_INVALID_PARAMETER);
    munmap(big + middle, PAGE);
    assert_int_equal(udxg_os_probe(big, size, false), STATUS_INVALID_PARAMETER);
    munmap(big + size - PAGE, PAGE);
    assert_int_equal(udxg_os_probe(big + middle + PAGE, size - middle - PAGE, false), STATUS_INVALID_PARAMETER);
    assert_int_equal(udxg_os_probe(big + middle + PAGE, size - middle - 2 * PAGE, false), STATUS_SUCCESS);
    munmap(big, size);
}

static void copies(void **state)
{
    char ours[LANDSCAPE_PAGES * UDXG_PAGE_SIZE];
    (void)state;
    for (size_t i = 0; i < sizeof(range_cases) / sizeof(range_cases[0]); i++) {
        const struct range_case *test = &range_cases[i];
        char *pages = landscape_open();
        for (unsigned twice = 0; twice < 2; twice++) {
            memset(ours, 0, sizeof(ours));
            udxg_status status = udxg_os_copy_in(ours, pages + test->start, test->size);
            if (status != expected_status(test->readable)) fail_msg("%s: in gave 0x%08x", test->name, (unsigned)status);
            if (test->readable) assert_true(bytes_are(ours, test->size, 0x11));
            assert_true(bytes_are(ours + test->size, sizeof(ours) - test->size, 0));

            memset(ours, 0x11, sizeof(ours));
            status = udxg_os_copy_out(pages + test->start, ours, test->size);
            if (status != expected_status(test->writable))
                fail_msg("%s: out gave 0x%08x", test->name, (unsigned)status);
            memset(ours, 0x22, sizeof(ours));
            if (test->writable)
                assert_int_equal(udxg_os_copy_out(pages + test->start, ours, test->size), STATUS_SUCCESS);
            if (test->writable) assert_true(bytes_are(pages + test->start, test->size, 0x22));
            if (test->writable) memset(pages + test->start, 0x11, test->size);
        }
        assert_true(bytes_are(pages, NO_ACCESS * PAGE, 0x11));
        landscape_close(pages);
    }
    for (size_t i = 0; i < sizeof(impossible) / sizeof(impossible[0]); i++) {
        assert_int_equal(udxg_os_copy_in(ours, impossible[i], 16), STATUS_INVALID_PARAMETER);
        assert_int_equal(udxg_os_copy_out((void *)(uintptr_t)impossible[i], ours, 16), STATUS_INVALID_PARAMETER);
    }
}

static void foreign_memory(void **state)
{
    char ours[LANDSCAPE_PAGES * UDXG_PAGE_SIZE];
    char *pages = landscape_open();
    size_t copied = 99;
    (void)state;
    assert_int_equal(udxg_os_read_foreign(ours, pages, 3 * PAGE, &copied), STATUS_SUCCESS);
    assert_int_equal(copied, 3 * PAGE);
    assert_true(bytes_are(ours, 3 * PAGE, 0x11));
    assert_int_equal(udxg_os_read_foreign(ours, pages + 10, 5 * PAGE, &copied), STATUS_INVALID_PARAMETER);
    assert_int_equal(copied, NO_ACCESS * PAGE - 10);
    assert_int_equal(udxg_os_read_foreign(ours, pages + UNMAPPED * PAGE, 1, &copied), STATUS_INVALID_PARAMETER);
    assert_int_equal(copied, 0);
    assert_int_equal(udxg_os_read_foreign(ours, pages + UNMAPPED * PAGE, 0, &copied), STATUS_SUCCESS);

    memset(ours, 0x33, sizeof(ours));
    assert_int_equal(udxg_os_write_foreign(pages + 10, ours, 5 * PAGE, &copied), STATUS_INVALID_PARAMETER);
    assert_int_equal(copied, READ_ONLY * PAGE - 10);
    assert_true(bytes_are(pages + 10, copied, 0x33));
    assert_int_equal(udxg_os_write_foreign(pages, ours, 2 * PAGE, NULL), STATUS_SUCCESS);

    /* No memory of what was good. */
    assert_int_equal(mprotect(pages, PAGE, PROT_NONE), 0);
    assert_int_equal(udxg_os_read_foreign(ours, pages, 1, &copied), STATUS_INVALID_PARAMETER);
    assert_int_equal(udxg_os_write_foreign(pages, ours, 1, NULL), STATUS_INVALID_PARAMETER);
    for (size_t i = 0; i < sizeof(impossible) / sizeof(impossible[0]); i++) {
        assert_int_equal(udxg_os_read_foreign(ours, impossible[i], 16, &copied), STATUS_INVALID_PARAMETER);
        assert_int_equal(copied, 0);
    }
    landscape_close(pages);
}

static void probes_see_the_end_of_a_file(void **state)
{
    int fd = open_memfd(PAGE);
    char *pages = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    char ours[16];
    (void)state;
    assert_ptr_not_equal(pages, MAP_FAILED);
    assert_int_equal(udxg_os_probe(pages, PAGE, true), STATUS_SUCCESS);
    assert_int_equal(udxg_os_probe(pages, PAGE + 1, false), STATUS_INVALID_PARAMETER); /* a SIGBUS */
    assert_int_equal(udxg_os_probe(pages, PAGE + 1, true), STATUS_INVALID_PARAMETER);
    assert_int_equal(udxg_os_copy_in(ours, pages + PAGE, sizeof(ours)), STATUS_INVALID_PARAMETER);
    munmap(pages, 2 * PAGE);
    close(fd);
}

/* A client that closes every descriptor takes ours along: the thread that sleeps on it must not spin. */
static void waiting_on_a_closed_epoll_ends(void **state)
{
    void *users[UDXG_OS_EVENTS];
    int epoll_fd, stop_fd;
    unsigned count = 1;

    (void)state;
    assert_int_equal(udxg_os_epoll_create(&epoll_fd, &stop_fd), STATUS_SUCCESS);
    udxg_os_close(epoll_fd);
    assert_false(udxg_os_epoll_wait(epoll_fd));
    assert_false(udxg_os_epoll_take(epoll_fd, users, &count));
    assert_int_equal(count, 0);
    udxg_os_close(stop_fd);
}

/* ---- pipes ---- */

static bool same(int a, int b)
{
    struct udxg_os_pipe_end one, other;

    assert_true(udxg_os_pipe_end(a, &one));
    assert_true(udxg_os_pipe_end(b, &other));
    return udxg_os_same_pipe_end(&one, &other);
}

static int sent_and_received(int fd)
{
    char byte = 0, control[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec part = {&byte, 1};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof control};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    int sockets[2];

    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(header), &fd, sizeof fd);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
    assert_int_equal(sendmsg(sockets[0], &message, 0), 1);
    assert_int_equal(recvmsg(sockets[1], &message, 0), 1);
    memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
    close(sockets[0]);
    close(sockets[1]);
    return fd;
}

static void ends_of_pipes_are_told_apart(void **state)
{
    static const struct udxg_os_pipe_end one = {1, 2, 3, true};
    const struct udxg_os_pipe_end others[] = {{0, 2, 3, true}, {1, 0, 3, true}, {1, 2, 0, true}, {1, 2, 3, false}};
    int ours, theirs, other[2], copy, received;

    (void)state;
    assert_true(udxg_os_same_pipe_end(&one, &one));
    for (unsigned i = 0; i < sizeof others / sizeof *others; i++) assert_false(udxg_os_same_pipe_end(&one, &others[i]));
    assert_int_equal(udxg_os_pipe(&ours, &theirs), STATUS_SUCCESS);
    assert_int_equal(pipe(other), 0);
    copy = dup(theirs);
    received = sent_and_received(theirs);
    assert_true(same(theirs, copy));
    assert_true(same(theirs, received));
    assert_false(same(theirs, ours));
    assert_false(same(theirs, other[1]));
    assert_false(same(ours, other[0]));
    close(ours);
    close(theirs);
    close(other[0]);
    close(other[1]);
    close(copy);
    close(received);
}

/* Each stamp is another, and is on all copies at once. */
static void stamps_of_pipes(void **state)
{
    struct udxg_os_pipe_end before, after;
    int64_t stamp, second;
    int ours, theirs;

    (void)state;
    assert_int_equal(udxg_os_pipe(&ours, &theirs), STATUS_SUCCESS);
    for (unsigned i = 0; i < 1000; i++) {
        assert_true(udxg_os_pipe_end(theirs, &before));
        assert_true(udxg_os_pipe_stamp(ours, &stamp));
        assert_true(udxg_os_pipe_end(theirs, &after));
        assert_true(after.stamp == stamp);
        assert_false(udxg_os_same_pipe_end(&before, &after));
        before.stamp = stamp;
        assert_true(udxg_os_same_pipe_end(&before, &after));
        assert_true(udxg_os_pipe_stamp(ours, &second));
        assert_true(stamp != second);
    }
    close(ours);
    close(theirs);
    assert_false(udxg_os_pipe_stamp(ours, &stamp));
}

static void what_is_no_end_of_a_pipe(void **state)
{
    char name[] = "/tmp/udxg-os-XXXXXX";
    struct udxg_os_pipe_end end, fifo_end;
    int fds[] = {open("/dev/null", O_RDWR),
                 open("/proc/self/status", O_RDONLY),
                 open_memfd(PAGE),
                 eventfd(0, 0),
                 socket(AF_UNIX, SOCK_STREAM, 0),
                 -1,
                 -1};
    int ours, theirs, fifo;

    (void)state;
    assert_int_equal(udxg_os_pipe(&ours, &theirs), STATUS_SUCCESS);
    snprintf(name, sizeof name, "/proc/self/fd/%d", ours);
    fds[5] = open(name, O_PATH);
    fds[6] = open(name, O_RDWR);
    for (unsigned i = 0; i < sizeof fds / sizeof *fds; i++) {
        assert_true(fds[i] >= 0);
        assert_false(udxg_os_pipe_end(fds[i], &end));
        close(fds[i]);
        assert_false(udxg_os_pipe_end(fds[i], &end));
    }
    assert_false(udxg_os_pipe_end(-1, &end));
    assert_false(udxg_os_pipe_end((intptr_t)ours + ((intptr_t)1 << 32), &end));
    strcpy(name, "/tmp/udxg-os-XXXXXX");
    close(mkstemp(name));
    unlink(name);
    assert_int_equal(mkfifo(name, 0600), 0);
    fifo = open(name, O_RDONLY | O_NONBLOCK);
    unlink(name);
    assert_true(udxg_os_pipe_end(fifo, &fifo_end)); /* of another device */
    assert_true(udxg_os_pipe_end(ours, &end));
    assert_true(fifo_end.device != end.device);
    close(fifo);
    close(ours);
    close(theirs);
}

/* Neither a full pipe nor one that nobody reads does anything to whoever marks it, SIGPIPE least of all. */
static void marking_a_pipe(void **state)
{
    sigset_t pending;
    int ours, theirs;
    char byte;

    (void)state;
    assert_int_equal(udxg_os_pipe(&theirs, &ours), STATUS_SUCCESS);
    udxg_os_pipe_mark(ours);
    assert_int_equal(read(theirs, &byte, 1), 1);
    assert_int_equal(read(theirs, &byte, 1), -1);
    assert_int_equal(errno, EAGAIN);
    assert_false(udxg_os_has_hung_up(ours));
    while (write(ours, "", 1) == 1) continue;
    udxg_os_pipe_mark(ours);
    close(theirs);
    assert_true(udxg_os_has_hung_up(ours));
    udxg_os_pipe_mark(ours);
    assert_int_equal(sigpending(&pending), 0);
    assert_false(sigismember(&pending, SIGPIPE));
    close(ours);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_files),
        cmocka_unit_test(mappings_are_aligned),
        cmocka_unit_test(mappings_stay_out_of_children),
        cmocka_unit_test(sealed_files),
        cmocka_unit_test(anonymous_memory_costs_nothing),
        cmocka_unit_test(eventfds_are_told_from_others),
        cmocka_unit_test(a_full_event_blocks_nobody),
        cmocka_unit_test(threads_leave_signals_alone),
        cmocka_unit_test(clocks_and_sizes),
        cmocka_unit_test(statuses_of_errno),
        cmocka_unit_test(probes),
        cmocka_unit_test(ranges_that_wrap_around),
        cmocka_unit_test(probes_do_not_remember),
        cmocka_unit_test(probes_of_large_ranges),
        cmocka_unit_test(probes_see_the_end_of_a_file),
        cmocka_unit_test(copies),
        cmocka_unit_test(foreign_memory),
        cmocka_unit_test(waiting_on_a_closed_epoll_ends),
        cmocka_unit_test(ends_of_pipes_are_told_apart),
        cmocka_unit_test(stamps_of_pipes),
        cmocka_unit_test(what_is_no_end_of_a_pipe),
        cmocka_unit_test(marking_a_pipe),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
