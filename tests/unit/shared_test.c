/* SPDX-License-Identifier: MIT */
/* Shared objects, global handles, NT handles and names, without any device. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
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

/* What a thread that sleeps on sockets does takes its time. */
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
    assert_int_equal(udxg_global_publish(&globals, shared), STATUS_SUCCESS);
    handle = shared->global_handle;
    assert_int_equal(handle & 0x3f, 2);
    assert_int_not_equal(handle >> 30, 0);
    assert_null(udxg_global_find(&globals, handle, UDXG_SHARED_SYNC));
    assert_null(udxg_global_find(&globals, handle ^ 0x40, UDXG_SHARED_RESOURCE));
    udxg_shared_ref(shared);
    assert_ptr_equal(udxg_global_find(&globals, handle, UDXG_SHARED_RESOURCE), shared);
    udxg_shared_close(shared); /* the maker's */
    assert_ptr_equal(udxg_global_find(&globals, handle, UDXG_SHARED_RESOURCE), shared);
    udxg_shared_close(shared);
    udxg_shared_close(shared);
    assert_null(udxg_global_find(&globals, handle, UDXG_SHARED_RESOURCE));
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
        assert_int_equal(udxg_global_publish(&globals, shared[i]), STATUS_SUCCESS);
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
        struct udxg_shared *shared = udxg_global_find(&race->globals, atomic_load(&race->handle), UDXG_SHARED_RESOURCE);
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
        assert_int_equal(udxg_global_publish(&race.globals, shared), STATUS_SUCCESS);
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

/* What somebody does with his end neither lies in ours nor holds it up. */
static void nothing_can_be_sent_to_us(void **state)
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
    int fd, passed = STDERR_FILENO;

    (void)state;
    udxg_nt_handles_init(&handles);
    fd = share(&handles, shared, &no_name);
    udxg_shared_close(shared);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof passed);
    memcpy(CMSG_DATA(header), &passed, sizeof passed);
    assert_int_equal(sendmsg(fd, &message, MSG_NOSIGNAL), -1);
    assert_int_equal(errno, EPIPE);
    assert_int_equal(recv(fd, &byte, 1, 0), -1); /* and it does not block us where we are the client */
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(find(&handles, fd, UDXG_SHARED_RESOURCE), STATUS_SUCCESS);
    shutdown(fd, SHUT_RDWR); /* as good as closed */
    wait_destroyed(1);
    assert_int_equal(find(&handles, fd, UDXG_SHARED_RESOURCE), STATUS_INVALID_HANDLE);
    close(fd);
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
        cmocka_unit_test_setup(nothing_can_be_sent_to_us, reset),
        cmocka_unit_test_setup(the_last_descriptor_can_be_used_again, reset),
        cmocka_unit_test_setup(a_name_goes_with_the_last_close, reset),
        cmocka_unit_test_setup(what_is_open_ends_with_the_kernel, reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
