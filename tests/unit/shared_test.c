/* SPDX-License-Identifier: MIT */
/* Shared objects, global handles, NT handles and names, without any device. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/list.h"
#include "core/nt_handle.h"
#include "core/shared.h"

struct thing {
    struct udxg_shared shared;
    atomic_uint *destroyed;
};

static atomic_uint destroyed;

static void destroy(struct udxg_shared *shared)
{
    atomic_fetch_add(&destroyed, 1);
    free(udxg_container_of(shared, struct thing, shared));
}

static const struct udxg_shared_class resources = {.kind = UDXG_SHARED_RESOURCE, .destroy = destroy};
static const struct udxg_shared_class syncs = {.kind = UDXG_SHARED_SYNC, .destroy = destroy};

static struct udxg_shared *make(const struct udxg_shared_class *class)
{
    struct thing *thing = calloc(1, sizeof *thing);

    assert_non_null(thing);
    udxg_shared_init(&thing->shared, class, true);
    return &thing->shared;
}

/* What a thread that sleeps on pipes does takes its time. */
static void wait_destroyed(unsigned count)
{
    for (unsigned i = 0; i < 2000 && atomic_load(&destroyed) != count; i++) usleep(5000);
    assert_int_equal(atomic_load(&destroyed), count);
}

static int reset(void **state)
{
    (void)state;
    atomic_store(&destroyed, 0);
    return 0;
}

/* ---- global handles ---- */

static void a_global_handle_lives_with_the_openings(void **state)
{
    struct udxg_globals globals;
    struct udxg_shared *shared = make(&resources);
    uint32_t handle;

    (void)state;
    udxg_globals_init(&globals);
    assert_int_equal(udxg_global_publish(&globals, 7, shared), STATUS_SUCCESS);
    handle = shared->global_handle;
    assert_int_equal(handle & 0x3f, 2);
    assert_int_not_equal(handle >> 30, 0);
    assert_null(udxg_global_find(&globals, 7, handle, UDXG_SHARED_SYNC));
    assert_null(udxg_global_find(&globals, 8, handle, UDXG_SHARED_RESOURCE));
    assert_null(udxg_global_find(&globals, 7, handle ^ 0x40, UDXG_SHARED_RESOURCE));
    udxg_shared_ref(shared);
    assert_ptr_equal(udxg_global_find(&globals, 7, handle, UDXG_SHARED_RESOURCE), shared);
    udxg_shared_close(shared); /* the maker's */
    assert_ptr_equal(udxg_global_find(&globals, 7, handle, UDXG_SHARED_RESOURCE), shared);
    udxg_shared_close(shared);
    udxg_shared_close(shared);
    assert_null(udxg_global_find(&globals, 7, handle, UDXG_SHARED_RESOURCE));
    assert_int_equal(atomic_load(&destroyed), 0);
    udxg_shared_unref(shared);
    assert_int_equal(atomic_load(&destroyed), 1);
    udxg_globals_fini(&globals);
}

static void global_handles_do_not_count_up(void **state)
{
    struct udxg_globals globals;
    struct udxg_shared *shared[64];
    unsigned neighbours = 0;

    (void)state;
    udxg_globals_init(&globals);
    for (unsigned i = 0; i < 64; i++) {
        shared[i] = make(&syncs);
        assert_int_equal(udxg_global_publish(&globals, 7, shared[i]), STATUS_SUCCESS);
        for (unsigned k = 0; k < i; k++) {
            uint32_t a = shared[i]->global_handle, b = shared[k]->global_handle;
            assert_int_not_equal(a, b);
            neighbours += (a > b ? a - b : b - a) < 0x1000;
        }
    }
    assert_in_range(neighbours, 0, 4); /* 0.01 are to be expected */
    for (unsigned i = 0; i < 64; i++) udxg_shared_close(shared[i]);
    assert_int_equal(atomic_load(&destroyed), 64);
    udxg_globals_fini(&globals);
}

struct race {
    struct udxg_globals globals;
    _Atomic uint32_t handle;
    atomic_bool over;
    atomic_uint found;
};

static void *open_and_close(void *argument)
{
    struct race *race = argument;

    while (!atomic_load(&race->over)) {
        struct udxg_shared *shared =
            udxg_global_find(&race->globals, 7, atomic_load(&race->handle), UDXG_SHARED_RESOURCE);
        if (!shared) continue;
        atomic_fetch_add(&race->found, 1);
        udxg_shared_close(shared);
    }
    return NULL;
}

static void finders_race_with_the_last_close(void **state)
{
    static struct race race;
    pthread_t threads[3];
    const unsigned rounds = 20000;

    (void)state;
    udxg_globals_init(&race.globals);
    for (unsigned i = 0; i < 3; i++) pthread_create(&threads[i], NULL, open_and_close, &race);
    for (unsigned i = 0; i < rounds; i++) {
        struct udxg_shared *shared = make(&resources);
        assert_int_equal(udxg_global_publish(&race.globals, 7, shared), STATUS_SUCCESS);
        atomic_store(&race.handle, shared->global_handle);
        udxg_shared_close(shared);
    }
    atomic_store(&race.over, true);
    for (unsigned i = 0; i < 3; i++) pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&destroyed), rounds);
    udxg_globals_fini(&race.globals);
}

/* ---- NT handles ---- */

static const struct udxg_nt_request full = {.access = 3};
static const struct udxg_name no_name;

static struct udxg_name name_of(const char *text)
{
    struct udxg_name name = {.count = (uint32_t)strlen(text)};

    for (uint32_t i = 0; i < name.count; i++) name.units[i] = (uint16_t)text[i];
    return name;
}

static int share(struct udxg_nt_handles *handles, struct udxg_shared *shared, const struct udxg_name *name)
{
    int fd = -1;

    assert_int_equal(udxg_nt_share(handles, 1, &shared, name, &full, &fd), STATUS_SUCCESS);
    assert_true(fd > 2);
    return fd;
}

static udxg_status find(struct udxg_nt_handles *handles, int fd, enum udxg_shared_kind kind)
{
    struct udxg_nt_found found;
    udxg_status status = udxg_nt_find(handles, fd, kind, &found);

    if (!udxg_failed(status)) udxg_nt_forget(&found);
    return status;
}

static void an_nt_handle_keeps_its_object(void **state)
{
    struct udxg_nt_handles handles;
    struct udxg_shared *shared = make(&resources);
    int fd, copy, other[2];

    (void)state;
    udxg_nt_handles_init(&handles);
    fd = share(&handles, shared, &no_name);
    udxg_shared_close(shared);
    copy = dup(fd);
    assert_int_equal(find(&handles, fd, UDXG_SHARED_RESOURCE), STATUS_SUCCESS);
    assert_int_equal(find(&handles, fd, UDXG_SHARED_SYNC), STATUS_OBJECT_TYPE_MISMATCH);
    close(fd);
    assert_int_equal(find(&handles, fd, UDXG_SHARED_RESOURCE), STATUS_INVALID_HANDLE);
    assert_int_equal(find(&handles, copy, UDXG_SHARED_RESOURCE), STATUS_SUCCESS);
    assert_int_equal(pipe(other), 0);
    assert_int_equal(find(&handles, other[0], UDXG_SHARED_RESOURCE), STATUS_INVALID_HANDLE);
    assert_int_equal(find(&handles, 0, UDXG_SHARED_RESOURCE), STATUS_INVALID_HANDLE);
    assert_int_equal(find(&handles, -1, UDXG_SHARED_RESOURCE), STATUS_INVALID_HANDLE);
    close(other[0]);
    close(other[1]);
    assert_int_equal(atomic_load(&destroyed), 0);
    close(copy);
    wait_destroyed(1);
    udxg_nt_handles_fini(&handles);
}

/* In a message of a socket a handle is alive, though nobody has a descriptor of it. */
static void an_nt_handle_travels(void **state)
{
    struct udxg_nt_handles handles;
    struct udxg_shared *shared = make(&resources);
    char byte = 0, control[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec part = {&byte, 1};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof control};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    int sockets[2], fd;

    (void)state;
    udxg_nt_handles_init(&handles);
    fd = share(&handles, shared, &no_name);
    udxg_shared_close(shared);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(header), &fd, sizeof fd);
    assert_int_equal(sendmsg(sockets[0], &message, 0), 1);
    close(fd);
    usleep(20000);
    assert_int_equal(atomic_load(&destroyed), 0);
    assert_int_equal(recvmsg(sockets[1], &message, 0), 1);
    memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
    assert_int_equal(find(&handles, fd, UDXG_SHARED_RESOURCE), STATUS_SUCCESS);
    close(fd);
    wait_destroyed(1);
    close(sockets[0]);
    close(sockets[1]);
    udxg_nt_handles_fini(&handles);
}

/* Of all descriptors there are, ours among them, one is the handle. */
static void our_own_end_is_none(void **state)
{
    struct udxg_nt_handles handles;
    struct udxg_shared *shared = make(&resources);
    int fd;

    (void)state;
    udxg_nt_handles_init(&handles);
    fd = share(&handles, shared, &no_name);
    udxg_shared_close(shared);
    for (int other = 0; other < 256; other++)
        assert_int_equal(find(&handles, other, UDXG_SHARED_RESOURCE),
                         other == fd ? STATUS_SUCCESS : STATUS_INVALID_HANDLE);
    close(fd);
    wait_destroyed(1);
    udxg_nt_handles_fini(&handles);
}

static const struct udxg_nt_request readable = {.access = 3, .readable = true};

/* Sync files are turned round, and our end is turned round with them. */
static void of_a_readable_one_too(void **state)
{
    struct udxg_nt_handles handles;
    struct udxg_shared *shared = make(&resources);
    int fd;

    (void)state;
    udxg_nt_handles_init(&handles);
    assert_int_equal(udxg_nt_share(&handles, 1, &shared, &no_name, &readable, &fd), STATUS_SUCCESS);
    udxg_shared_close(shared);
    for (int other = 0; other < 256; other++)
        assert_int_equal(find(&handles, other, UDXG_SHARED_RESOURCE),
                         other == fd ? STATUS_SUCCESS : STATUS_INVALID_HANDLE);
    close(fd);
    wait_destroyed(1);
    udxg_nt_handles_fini(&handles);
}

/* The other descriptor of the same pipe. */
static int our_end(int fd)
{
    struct stat theirs, file;

    assert_int_equal(fstat(fd, &theirs), 0);
    for (int ours = 0; ours < 256; ours++)
        if (ours != fd && fstat(ours, &file) == 0 && file.st_dev == theirs.st_dev && file.st_ino == theirs.st_ino)
            return ours;
    fail_msg("our end is nowhere");
    return -1;
}

/*
 * Numbers of pipes come again, after some hours of making pipes. Here the handle gets another pipe on our side: what
 * the client has is then a pipe with the number, and with times, of a handle that it is not.
 */
static void the_same_number_is_not_enough(void **state)
{
    const struct timespec times[2] = {{1, 2}, {3, 4}};
    struct udxg_nt_handles handles;
    struct udxg_shared *shared = make(&resources);
    int fd, ours, genuine, other[2];

    (void)state;
    udxg_nt_handles_init(&handles);
    fd = share(&handles, shared, &no_name);
    udxg_shared_close(shared);
    ours = our_end(fd);
    genuine = dup(ours);
    assert_int_equal(pipe(other), 0);
    assert_int_equal(dup2(other[0], ours), ours);
    assert_int_equal(futimens(fd, times), 0);
    assert_int_equal(futimens(ours, times), 0);
    assert_int_equal(find(&handles, fd, UDXG_SHARED_RESOURCE), STATUS_INVALID_HANDLE);
    assert_int_equal(dup2(genuine, ours), ours);
    assert_int_equal(find(&handles, fd, UDXG_SHARED_RESOURCE), STATUS_SUCCESS);
    close(genuine);
    close(other[0]);
    close(other[1]);
    close(fd);
    udxg_nt_handles_fini(&handles); /* what it watched has been closed once: the thread may not be told */
    assert_int_equal(atomic_load(&destroyed), 1);
}

/* What somebody writes lies there and says nothing. */
static void writing_to_it_harms_nobody(void **state)
{
    struct udxg_nt_handles handles;
    struct udxg_shared *shared = make(&resources);
    char bytes[4096] = {0};
    int fd;

    (void)state;
    udxg_nt_handles_init(&handles);
    fd = share(&handles, shared, &no_name);
    udxg_shared_close(shared);
    while (write(fd, bytes, sizeof bytes) > 0) assert_int_equal(find(&handles, fd, UDXG_SHARED_RESOURCE), 0);
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(find(&handles, fd, UDXG_SHARED_RESOURCE), STATUS_SUCCESS);
    close(fd);
    wait_destroyed(1);
    udxg_nt_handles_fini(&handles);
}

struct stall {
    int fd;
    void *page; /* comes when SERVER lets it come */
    int server;
};

static void *write_from_it(void *argument)
{
    const struct stall *stall = argument;

    (void)!write(stall->fd, stall->page, 1);
    return NULL;
}

/* Memory that comes when we let it come; false where the system does not let us. */
static bool stall_create(struct stall *stall)
{
    struct uffdio_api api = {.api = UFFD_API};
    struct uffdio_register range = {.range.len = 4096, .mode = UFFDIO_REGISTER_MODE_MISSING};

    stall->server = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
    if (stall->server < 0) return false;
    assert_int_equal(ioctl(stall->server, UFFDIO_API, &api), 0);
    stall->page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(stall->page, MAP_FAILED);
    range.range.start = (uintptr_t)stall->page;
    assert_int_equal(ioctl(stall->server, UFFDIO_REGISTER, &range), 0);
    return true;
}

static void stall_end(struct stall *stall)
{
    struct uffdio_zeropage zero = {.range = {(uintptr_t)stall->page, 4096}};

    assert_int_equal(ioctl(stall->server, UFFDIO_ZEROPAGE, &zero), 0);
}

/* Who writes from memory that does not come holds the lock of his pipe. We must not need it. */
static void a_writer_that_hangs_holds_nobody_up(void **state)
{
    struct udxg_nt_handles handles;
    struct udxg_shared *shared;
    struct stall stall;
    struct pollfd fault;
    pthread_t writer;
    int other[2];

    (void)state;
    if (!stall_create(&stall)) skip();
    shared = make(&resources);
    udxg_nt_handles_init(&handles);
    assert_int_equal(pipe(other), 0);
    for (unsigned i = 0; i < 2; i++) {
        stall.fd = i ? share(&handles, shared, &no_name) : other[1];
        assert_int_equal(madvise(stall.page, 4096, MADV_DONTNEED), 0);
        assert_int_equal(pthread_create(&writer, NULL, write_from_it, &stall), 0);
        fault = (struct pollfd){.fd = stall.server, .events = POLLIN};
        assert_int_equal(poll(&fault, 1, 10000), 1);
        assert_int_equal(find(&handles, stall.fd, UDXG_SHARED_RESOURCE), i ? STATUS_SUCCESS : STATUS_INVALID_HANDLE);
        stall_end(&stall);
        pthread_join(writer, NULL);
        close(stall.fd);
    }
    close(other[0]);
    close(stall.server);
    munmap(stall.page, 4096);
    udxg_shared_close(shared);
    wait_destroyed(1);
    udxg_nt_handles_fini(&handles);
}

static bool is_readable(int fd)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

    return poll(&poll_fd, 1, 0) == 1;
}

static void only_its_own_handle_is_marked(void **state)
{
    struct udxg_nt_handles handles;
    struct udxg_shared *shared = make(&resources), *other = make(&resources);
    struct udxg_os_pipe_end end;
    int fd, second;

    (void)state;
    udxg_nt_handles_init(&handles);
    assert_int_equal(udxg_nt_share(&handles, 1, &shared, &no_name, &readable, &fd), STATUS_SUCCESS);
    assert_int_equal(udxg_nt_share(&handles, 1, &other, &no_name, &readable, &second), STATUS_SUCCESS);
    assert_true(udxg_os_pipe_end(fd, &end));
    udxg_nt_mark_readable(&handles, end.inode, other);
    udxg_nt_mark_readable(&handles, 0, shared);
    assert_false(is_readable(fd));
    assert_false(is_readable(second));
    udxg_nt_mark_readable(&handles, end.inode, shared);
    assert_true(is_readable(fd));
    assert_false(is_readable(second));
    assert_int_equal(find(&handles, fd, UDXG_SHARED_RESOURCE), STATUS_SUCCESS);
    close(fd);
    close(second);
    udxg_nt_mark_readable(&handles, end.inode, shared); /* nobody is there to read it */
    udxg_shared_close(shared);
    udxg_shared_close(other);
    wait_destroyed(2);
    udxg_nt_handles_fini(&handles);
}

/* However far the thread has come with a handle that was closed: there is a descriptor for the next one. */
static void the_last_descriptor_can_be_used_again(void **state)
{
    struct udxg_nt_handles handles;
    struct udxg_shared *shared = make(&resources);
    struct rlimit before, few;
    int fds[64], count = 0;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    few = before;
    few.rlim_cur = 80;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    udxg_nt_handles_init(&handles);
    while (count < 64 && udxg_nt_share(&handles, 1, &shared, &no_name, &full, &fds[count]) == STATUS_SUCCESS) count++;
    assert_in_range(count, 2, 63);
    for (unsigned i = 0; i < 4000; i++) {
        close(fds[count - 1]);
        for (volatile unsigned k = 0; k < i * 100; k++) {
        }
        assert_int_equal(udxg_nt_share(&handles, 1, &shared, &no_name, &full, &fds[count - 1]), STATUS_SUCCESS);
    }
    while (count) close(fds[--count]);
    udxg_shared_close(shared);
    wait_destroyed(1);
    udxg_nt_handles_fini(&handles);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

static void a_name_goes_with_the_last_close(void **state)
{
    struct udxg_nt_handles handles;
    struct udxg_shared *shared = make(&resources);
    struct udxg_name name = name_of("A"), other = name_of("B");
    const struct udxg_nt_request nothing = {0};
    int fd, second = -1;

    (void)state;
    udxg_nt_handles_init(&handles);
    for (unsigned i = 0; i < 200; i++) { /* at once, whether or not the thread has seen it */
        fd = share(&handles, shared, &name);
        assert_int_equal(udxg_nt_share(&handles, 1, &shared, &name, &full, &second), STATUS_OBJECT_NAME_COLLISION);
        assert_int_equal(udxg_nt_open_name(&handles, &other, UDXG_SHARED_RESOURCE, &nothing, &second),
                         STATUS_OBJECT_NAME_NOT_FOUND);
        assert_int_equal(udxg_nt_open_name(&handles, &name, UDXG_SHARED_SYNC, &full, &second),
                         STATUS_OBJECT_TYPE_MISMATCH);
        assert_int_equal(udxg_nt_open_name(&handles, &name, UDXG_SHARED_RESOURCE, &nothing, &second),
                         STATUS_ACCESS_DENIED);
        assert_int_equal(udxg_nt_open_name(&handles, &name, UDXG_SHARED_RESOURCE, &full, &second), STATUS_SUCCESS);
        close(fd);
        fd = second;
        assert_int_equal(udxg_nt_open_name(&handles, &name, UDXG_SHARED_RESOURCE, &full, &second), STATUS_SUCCESS);
        close(fd);
        close(second);
        assert_int_equal(udxg_nt_open_name(&handles, &name, UDXG_SHARED_RESOURCE, &full, &second),
                         STATUS_OBJECT_NAME_NOT_FOUND);
    }
    udxg_shared_close(shared);
    wait_destroyed(1);
    udxg_nt_handles_fini(&handles);
}

static void what_is_open_ends_with_the_kernel(void **state)
{
    struct udxg_nt_handles handles;
    struct udxg_shared *shared = make(&resources);
    struct udxg_name name = name_of("A");
    int fd;

    (void)state;
    udxg_nt_handles_init(&handles);
    fd = share(&handles, shared, &name);
    udxg_shared_close(shared);
    udxg_nt_handles_fini(&handles);
    assert_int_equal(atomic_load(&destroyed), 1);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_global_handle_lives_with_the_openings, reset),
        cmocka_unit_test_setup(global_handles_do_not_count_up, reset),
        cmocka_unit_test_setup(finders_race_with_the_last_close, reset),
        cmocka_unit_test_setup(an_nt_handle_keeps_its_object, reset),
        cmocka_unit_test_setup(an_nt_handle_travels, reset),
        cmocka_unit_test_setup(our_own_end_is_none, reset),
        cmocka_unit_test_setup(of_a_readable_one_too, reset),
        cmocka_unit_test_setup(the_same_number_is_not_enough, reset),
        cmocka_unit_test_setup(writing_to_it_harms_nobody, reset),
        cmocka_unit_test_setup(a_writer_that_hangs_holds_nobody_up, reset),
        cmocka_unit_test_setup(only_its_own_handle_is_marked, reset),
        cmocka_unit_test_setup(the_last_descriptor_can_be_used_again, reset),
        cmocka_unit_test_setup(a_name_goes_with_the_last_close, reset),
        cmocka_unit_test_setup(what_is_open_ends_with_the_kernel, reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
