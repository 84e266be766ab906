/* SPDX-License-Identifier: MIT */
/* Who may connect to a daemon, and what it cannot do any more once it is confined. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/os.h"
#include "daemon/build.h"
#include "daemon/filter.h"
#include "daemon/guard.h"
#include "daemon/listen.h"

#define NOBODY 65534u

static void peers_of_other_users(void **state)
{
    const struct udxg_peer own = {.pid = 17, .uid = 1000}, other = {.pid = 17, .uid = 1001},
                           root = {.pid = 1, .uid = 0};
    (void)state;

    assert_true(udxg_peer_allowed(&own, 1000, false));
    assert_false(udxg_peer_allowed(&other, 1000, false));
    assert_false(udxg_peer_allowed(&root, 1000, false)); /* root is somebody else too */
    assert_false(udxg_peer_allowed(&own, 0, false));
    assert_true(udxg_peer_allowed(&other, 1000, true));
    assert_true(udxg_peer_allowed(&root, 1000, true));
}

/* ---- a connection ---- */

/* A socket that anybody can reach, in a folder that anybody can enter; the kind a service manager could hand over. */
static int open_to_all(char *folder, struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chmod(folder, 0755), 0);
    snprintf(address->sun_path, sizeof(address->sun_path), "%s/socket", folder);
    assert_int_equal(bind(fd, (struct sockaddr *)address, sizeof(*address)), 0);
    assert_int_equal(chmod(address->sun_path, 0666), 0);
    assert_int_equal(listen(fd, 4), 0);
    return fd;
}

/* Connects as USER and waits to be hung up on: 0. */
static pid_t connect_as(uid_t user, const struct sockaddr_un *address)
{
    pid_t pid = fork();
    char byte;

    if (pid) return pid;
    if (user != getuid() && setuid(user)) _exit(1);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
    if (connect(fd, (const struct sockaddr *)address, sizeof(*address))) _exit(2);
    _exit(recv(fd, &byte, 1, 0) == 0 ? 0 : 3);
}

/* What the listener makes of a client: a descriptor, or -1 when it was refused. */
static int accept_one(struct udxg_listener *listener, uid_t user, const struct sockaddr_un *address,
                      struct udxg_peer *peer, pid_t *ret_client)
{
    struct pollfd ready = {.fd = listener->fd, .events = POLLIN};

    *ret_client = connect_as(user, address);
    assert_int_equal(poll(&ready, 1, 10000), 1);
    return udxg_listener_accept(listener, peer);
}

static void expect_hung_up(pid_t client)
{
    int status;
    assert_int_equal(waitpid(client, &status, 0), client);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void clients_of_other_users(void **state)
{
    char folder[] = "/tmp/udxg-test-XXXXXX";
    struct sockaddr_un address;
    struct udxg_listener listener = {.folder_fd = -1, .parent_fd = -1};
    struct udxg_peer peer = {0};
    pid_t client;
    (void)state;

    listener.fd = open_to_all(folder, &address);
    int fd = accept_one(&listener, getuid(), &address, &peer, &client);
    assert_true(fd >= 0);
    assert_int_equal(peer.pid, client);
    assert_int_equal(peer.uid, getuid());
    close(fd);
    expect_hung_up(client);

    if (getuid() == 0) { /* who else could be somebody else? */
        assert_int_equal(accept_one(&listener, NOBODY, &address, &peer, &client), -1);
        expect_hung_up(client);
        listener.other_users = true;
        fd = accept_one(&listener, NOBODY, &address, &peer, &client);
        assert_true(fd >= 0);
        assert_int_equal(peer.uid, NOBODY);
        close(fd);
        expect_hung_up(client);
    }
    udxg_listener_close(&listener);
    assert_int_equal(unlink(address.sun_path), 0); /* it was not made by the listener, and so not removed */
    assert_int_equal(rmdir(folder), 0);
}

/* ---- confinement ---- */

#if !defined(UDXG_SANITIZED) && defined(UDXG_HAVE_SECCOMP)

static void *say_yes(void *argument)
{
    *(bool *)argument = true;
    return NULL;
}

/* What sessions do: a line of the source for what did not work, 0 for all well. */
static int serve(void)
{
    bool ran = false;
    pthread_t thread;
    int memory, pair[2], keep, give, epoll, stop, event;
    void *page;
    char name[16] = "";

    if (udxg_failed(udxg_os_memfd("test", 65536, &memory))) return __LINE__;
    if (udxg_failed(udxg_os_map(memory, 0, 65536, true, &page))) return __LINE__;
    if (udxg_failed(udxg_os_punch(memory, 0, 4096))) return __LINE__;
    if (udxg_failed(udxg_os_seal_readonly(memory))) return __LINE__;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair)) return __LINE__;
    if (send(pair[0], "x", 1, MSG_NOSIGNAL) != 1 || recv(pair[1], name, 1, 0) != 1) return __LINE__;
    if (udxg_failed(udxg_os_pipe(&keep, &give))) return __LINE__;
    if (udxg_failed(udxg_os_epoll_create(&epoll, &stop))) return __LINE__;
    if (udxg_failed(udxg_os_event_dup(eventfd(0, EFD_CLOEXEC), &event))) return __LINE__;
    if (!udxg_os_thread_create(&thread, "a-thread", say_yes, &ran)) return __LINE__;
    if (pthread_join(thread, NULL) || !ran) return __LINE__;
    if (udxg_os_cpu_count() < 1 || udxg_os_ram_bytes() == 0) return __LINE__;
    free(malloc(1 << 24));
    return 0;
}

/* What they do not do, and what becomes of it. */
static int transgress(void)
{
    errno = 0;
    if (open("/dev/null", O_RDONLY) >= 0 || errno != EPERM) return __LINE__;
    if (socket(AF_UNIX, SOCK_STREAM, 0) >= 0 || errno != ENOSYS) return __LINE__;
    if (mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED) return __LINE__;
    if (errno != ENOSYS) return __LINE__;
    if (kill(getppid(), 0) != -1 || errno != ENOSYS) return __LINE__;
    return 0;
}

static int start_program(void)
{
    execl("/bin/true", "true", (char *)NULL);
    return __LINE__;
}

static int start_process(void)
{
    return fork() == 0 ? 0 : __LINE__;
}

/* The wait status of ACT in a confined process. */
static int confined(int (*act)(void))
{
    const struct udxg_listener listener = {.fd = -1, .folder_fd = -1, .parent_fd = -1};
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        if (getuid() == 0 && setuid(NOBODY)) _exit(1); /* as users do it */
        udxg_guard_begin();
        udxg_guard_confine(&listener);
        _exit(act()); /* lines above 255 are told apart well enough */
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void what_is_left(void **state)
{
    (void)state;
    assert_int_equal(confined(serve), 0);
    assert_int_equal(confined(transgress), 0);
}

static void what_ends_it(void **state)
{
    (void)state;
    int program = confined(start_program), process = confined(start_process);
    assert_true(WIFSIGNALED(program));
    assert_int_equal(WTERMSIG(program), SIGSYS);
    assert_true(WIFSIGNALED(process));
    assert_int_equal(WTERMSIG(process), SIGSYS);
}

#else

static void what_is_left(void **state)
{
    (void)state;
    assert_non_null(udxg_filter_install()); /* it says why there is none */
}

#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(peers_of_other_users),
        cmocka_unit_test(clients_of_other_users),
        cmocka_unit_test(what_is_left),
#if !defined(UDXG_SANITIZED) && defined(UDXG_HAVE_SECCOMP)
        cmocka_unit_test(what_ends_it),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
