/* SPDX-License-Identifier: MIT */
/* Viewers of every kind: what they are told, when, and that none of them keeps others waiting. */
#include "../unit/core_fixture.h"

#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "base/os.h"
#include "daemon/monitor.h"

#define MS UINT64_C(1000000)
#define MANY 16

static struct {
    char folder[32], path[64];
    struct udxg_kernel *kernel;
    struct udxg_process *processes[MANY];
    struct gpu gpus[MANY];
    struct udxg_monitor *monitor;
} world;

static int make_world(void **state)
{
    (void)state;
    strcpy(world.folder, "/tmp/udxg-monitor-XXXXXX");
    if (!mkdtemp(world.folder)) return -1;
    snprintf(world.path, sizeof world.path, "%s/s", world.folder);
    world.kernel = make_kernel("soft-discrete,soft-uma");
    for (int i = 0; i < MANY; i++) { /* so that a few snapshots fill a socket */
        world.processes[i] = make_process(world.kernel);
        world.gpus[i] = open_gpu(world.processes[i]);
    }
    return 0;
}

static int end_world(void **state)
{
    (void)state;
    for (int i = 0; i < MANY; i++) udxg_process_destroy(world.processes[i]);
    udxg_kernel_destroy(world.kernel);
    return rmdir(world.folder);
}

static udxg_status start_at(const char *path, struct udxg_monitor **ret_monitor)
{
    char error[256] = "";
    udxg_status status = udxg_monitor_open(world.kernel, path, error, sizeof error, ret_monitor);
    if (!udxg_failed(status)) status = udxg_monitor_run(*ret_monitor);

    assert_true(udxg_failed(status) == (*error != 0));
    return status;
}

static int start(void **state)
{
    (void)state;
    return udxg_failed(start_at(world.path, &world.monitor)) ? -1 : 0;
}

static int stop(void **state)
{
    (void)state;
    udxg_monitor_stop(world.monitor);
    return access(world.path, F_OK) ? 0 : -1; /* the name goes with it */
}

/* ---- viewers ---- */

struct viewer {
    int fd;
    char *bytes;
    size_t count;
};

static int try_connect(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    strcpy(address.sun_path, world.path);
    if (!connect(fd, (struct sockaddr *)&address, sizeof address)) return fd;
    close(fd);
    return -1;
}

static struct viewer open_viewer(void)
{
    struct viewer viewer = {.fd = try_connect(), .bytes = malloc(1u << 22)};

    assert_true(viewer.fd >= 0);
    assert_non_null(viewer.bytes);
    return viewer;
}

static void close_viewer(struct viewer *viewer)
{
    close(viewer->fd);
    free(viewer->bytes);
}

/* The next line, which the caller decrefs; NULL: the end, or nothing within TIMEOUT_MS, which *ret_ended tells. */
static json_t *read_line(struct viewer *viewer, int timeout_ms, bool *ret_ended)
{
    uint64_t end_ns = udxg_os_now_ns() + (uint64_t)timeout_ms * MS;

    *ret_ended = false;
    for (;;) {
        char *end = memchr(viewer->bytes, '\n', viewer->count);
        struct pollfd polled = {.fd = viewer->fd, .events = POLLIN};
        uint64_t now_ns = udxg_os_now_ns();

        if (end) {
            json_t *line = json_loadb(viewer->bytes, (size_t)(end - viewer->bytes), 0, NULL);
            viewer->count -= (size_t)(end + 1 - viewer->bytes);
            memmove(viewer->bytes, end + 1, viewer->count);
            assert_non_null(line);
            return line;
        }
        if (now_ns >= end_ns || poll(&polled, 1, (int)((end_ns - now_ns) / MS) + 1) != 1) return NULL;
        ssize_t got = recv(viewer->fd, viewer->bytes + viewer->count, (1u << 22) - viewer->count, 0);
        if (got <= 0) {
            *ret_ended = true;
            return NULL;
        }
        viewer->count += (size_t)got;
    }
}

static json_t *need_line(struct viewer *viewer, int timeout_ms)
{
    bool ended;
    json_t *line = read_line(viewer, timeout_ms, &ended);

    assert_non_null(line);
    return line;
}

/* Reads what there is; true when the connection has been ended by the other side. */
static bool has_ended(struct viewer *viewer, int timeout_ms)
{
    bool ended = false;
    json_t *line;

    while (!ended && (line = read_line(viewer, timeout_ms, &ended))) json_decref(line);
    return ended;
}

static void say(const struct viewer *viewer, const void *bytes, size_t count)
{
    assert_int_equal(send(viewer->fd, bytes, count, MSG_NOSIGNAL), count);
}

static int count_lines(struct viewer *viewer, int during_ms)
{
    uint64_t end_ns = udxg_os_now_ns() + (uint64_t)during_ms * MS;
    int lines = 0;

    for (uint64_t now_ns; (now_ns = udxg_os_now_ns()) < end_ns;) {
        bool ended;
        json_t *line = read_line(viewer, (int)((end_ns - now_ns) / MS) + 1, &ended);
        assert_false(ended);
        lines += line != NULL;
        json_decref(line);
    }
    return lines;
}

/* ---- what is said ---- */

static json_int_t number_at(const json_t *object, const char *name)
{
    json_t *value = json_object_get(object, name);

    assert_true(json_is_integer(value));
    return json_integer_value(value);
}

static void lines_say_what_is(void **state)
{
    struct viewer viewer = open_viewer();
    json_t *line = need_line(&viewer, 2000), *process, *part, *group, *adapter;
    D3DKMT_QUERYVIDEOMEMORYINFO info = {.hAdapter = world.gpus[0].adapter};

    (void)state;
    json_decref(line);
    make_buffer(&world.gpus[0], 1u << 20);
    DO(world.processes[0], QueryVideoMemoryInfo, &info);
    line = need_line(&viewer, 2000);
    assert_string_equal(json_string_value(json_object_get(line, "schema")), "udxg.top/1");
    assert_int_equal(json_array_size(json_object_get(line, "processes")), MANY);
    adapter = json_array_get(json_object_get(line, "adapters"), 0);
    assert_string_equal(json_string_value(json_object_get(adapter, "name")), "soft-discrete");
    assert_true(json_is_false(json_object_get(adapter, "stopped")));
    assert_true(number_at(json_array_get(json_object_get(adapter, "segments"), 0), "resident") >= 1 << 20);
    process = json_array_get(json_object_get(line, "processes"), 0);
    assert_int_equal(number_at(process, "pid"), getpid());
    assert_null(json_object_get(process, "uid"));
    part = json_array_get(json_object_get(process, "adapters"), 0);
    group = json_array_get(json_object_get(part, "groups"), 0);
    assert_int_equal(number_at(group, "usage"), info.CurrentUsage);
    assert_int_equal(number_at(group, "budget"), info.Budget);
    assert_true(number_at(group, "usage") >= 1 << 20);
    assert_int_equal(number_at(part, "devices"), 1);
    json_decref(line);
    close_viewer(&viewer);
}

static void a_stopped_adapter_is_said(void **state)
{
    struct viewer viewer = open_viewer();
    struct udxg_stop_adapter stop_it = {.AdapterLuid = world.kernel->adapters[1]->luid};
    struct udxg_start_adapter start_it = {.AdapterLuid = world.kernel->adapters[1]->luid};
    json_t *line = need_line(&viewer, 2000);

    (void)state;
    json_decref(line);
    DO(world.processes[0], StopAdapter, &stop_it);
    line = need_line(&viewer, 2000);
    assert_true(json_is_true(json_object_get(json_array_get(json_object_get(line, "adapters"), 1), "stopped")));
    json_decref(line);
    DO(world.processes[0], StartAdapter, &start_it);
    close_viewer(&viewer);
}

static void intervals_are_kept(void **state)
{
    struct viewer viewer = open_viewer();
    int lines;

    (void)state;
    lines = count_lines(&viewer, 1500); /* at once, and after a second */
    assert_int_equal(lines, 2);
    say(&viewer, "0.25\n", 5);
    lines = count_lines(&viewer, 2000);
    assert_in_range(lines, 6, 9);
    say(&viewer, "0\n", 2); /* a tenth, the least */
    lines = count_lines(&viewer, 1000);
    assert_in_range(lines, 5, 11);
    say(&viewer, "99999999999999999999999999\n", 27);
    (void)count_lines(&viewer, 500);
    lines = count_lines(&viewer, 1500);
    assert_int_equal(lines, 0);
    say(&viewer, ".5", 2); /* in pieces */
    say(&viewer, "\n", 1);
    lines = count_lines(&viewer, 1500);
    assert_in_range(lines, 1, 3);
    close_viewer(&viewer);
}

/* ---- who does not behave ---- */

static void nonsense_ends_the_connection(void **state)
{
    static const struct {
        const char *bytes;
        size_t count;
    } nonsense[] = {
        {"hello\n", 6},  {"\n", 1},     {".\n", 2},  {"1..5\n", 5},   {"-1\n", 3},     {"1e9\n", 4},
        {"\0\0\0\0", 4}, {"0x10\n", 5}, {" 1\n", 3}, {"1\n1\n\n", 5}, {"\xff\xfe", 2}, {"GET / HTTP/1.1\r\n\r\n", 18},
    };
    struct viewer good = open_viewer();

    (void)state;
    for (size_t i = 0; i < sizeof nonsense / sizeof nonsense[0]; i++) {
        struct viewer bad = open_viewer();
        say(&bad, nonsense[i].bytes, nonsense[i].count);
        if (!has_ended(&bad, 1000)) fail_msg("nonsense %zu was accepted", i);
        close_viewer(&bad);
    }
    json_decref(need_line(&good, 2000));
    close_viewer(&good);
}

static void much_ends_the_connection(void **state)
{
    struct viewer viewer = open_viewer();
    char digits[65];

    (void)state;
    memset(digits, '1', sizeof digits);
    json_decref(need_line(&viewer, 2000));
    say(&viewer, digits, sizeof digits);
    assert_true(has_ended(&viewer, 1000));
    close_viewer(&viewer);
}

/* Many small ones that are each right. */
static void a_flood_of_intervals_ends_the_connection(void **state)
{
    struct viewer viewer = open_viewer();
    bool refused = false;

    (void)state;
    for (int i = 0; i < 100000 && !refused; i++) refused = send(viewer.fd, "10\n", 3, MSG_NOSIGNAL) < 0;
    assert_true(refused);
    close_viewer(&viewer);
}

/* It has nothing to say, and says so. */
static void a_silent_viewer_is_served(void **state)
{
    struct viewer viewer = open_viewer();

    (void)state;
    assert_int_equal(shutdown(viewer.fd, SHUT_WR), 0);
    assert_in_range(count_lines(&viewer, 2500), 2, 3);
    close_viewer(&viewer);
}

/* One that reads nothing is dropped, and nobody waits for it meanwhile: neither viewers nor the processes. */
static void a_slow_viewer_is_dropped(void **state)
{
    struct viewer slow = open_viewer(), good = open_viewer();
    uint64_t begin_ns = udxg_os_now_ns(), longest_ns = 0, dropped_ns = 0;
    struct pollfd polled = {.fd = slow.fd}; /* hung up is always told */
    int lines = 0;

    (void)state;
    say(&slow, "0.1\n", 4);
    say(&good, "0.1\n", 4);
    while (!dropped_ns && udxg_os_now_ns() - begin_ns < 12000 * MS) {
        uint64_t before_ns = udxg_os_now_ns(), took_ns;
        json_decref(need_line(&good, 3000));
        took_ns = udxg_os_now_ns() - before_ns;
        if (took_ns > longest_ns) longest_ns = took_ns;
        lines++;
        (void)usage(&world.gpus[1]);
        if (poll(&polled, 1, 0) == 1 && polled.revents & POLLHUP) dropped_ns = udxg_os_now_ns() - begin_ns;
    }
    assert_true(dropped_ns > 4900 * MS); /* patience is there */
    assert_true(lines > 20);
    assert_true(longest_ns < 2000 * MS);
    close_viewer(&slow);
    close_viewer(&good);
}

/* It stops reading, and goes on before patience ends: every line is whole. */
static void a_pause_loses_nothing_of_a_line(void **state)
{
    struct viewer viewer = open_viewer();

    (void)state;
    say(&viewer, "0.1\n", 4);
    usleep(2500000);
    for (int i = 0; i < 10; i++) json_decref(need_line(&viewer, 2000)); /* each is parsed */
    close_viewer(&viewer);
}

static void eight_are_served(void **state)
{
    struct viewer viewers[UDXG_MONITOR_VIEWERS], ninth;

    (void)state;
    for (unsigned i = 0; i < UDXG_MONITOR_VIEWERS; i++) {
        viewers[i] = open_viewer();
        json_decref(need_line(&viewers[i], 2000));
    }
    ninth = open_viewer();
    assert_true(has_ended(&ninth, 1000));
    close_viewer(&ninth);
    close_viewer(&viewers[3]);
    usleep(200000);
    viewers[3] = open_viewer();
    for (unsigned i = 0; i < UDXG_MONITOR_VIEWERS; i++) {
        json_decref(need_line(&viewers[i], 3000));
        close_viewer(&viewers[i]);
    }
}

/* Who comes and goes at once, in the middle of a line too. */
static void viewers_that_vanish(void **state)
{
    struct viewer viewer;

    (void)state;
    for (int i = 0; i < 200; i++) {
        int fd = try_connect();
        if (fd >= 0 && i % 2) (void)!send(fd, "0.", 2, MSG_NOSIGNAL);
        if (fd >= 0) close(fd);
    }
    usleep(300000);
    viewer = open_viewer();
    json_decref(need_line(&viewer, 3000));
    close_viewer(&viewer);
}

/* ---- the socket ---- */

/* As another user, with the socket's own rights and with everybody's: how the connection fares, as an exit status. */
static int try_as_nobody(void)
{
    pid_t pid = fork();
    int status;

    if (!pid) {
        char byte;
        int fd;
        if (setuid(65534)) _exit(3);
        fd = try_connect();
        if (fd < 0) _exit(errno == EACCES ? 1 : 3);
        _exit(recv(fd, &byte, 1, 0) > 0 ? 0 : 2);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WEXITSTATUS(status);
}

static void other_users_see_nothing(void **state)
{
    struct stat name;

    (void)state;
    assert_int_equal(stat(world.path, &name), 0);
    assert_int_equal(name.st_mode & 0777, 0600);
    if (getuid()) skip(); /* only root can be another */
    assert_int_equal(chmod(world.folder, 0755), 0);
    assert_int_equal(try_as_nobody(), 1);
    assert_int_equal(chmod(world.path, 0666), 0);
    assert_int_equal(try_as_nobody(), 2);
}

static void names_in_use_are_respected(void **state)
{
    struct udxg_monitor *other;
    struct viewer viewer;

    (void)state;
    assert_int_equal(start_at(world.path, &other), STATUS_OBJECT_NAME_COLLISION);
    viewer = open_viewer();
    json_decref(need_line(&viewer, 2000));
    close_viewer(&viewer);
}

static void what_stands_there_is_respected(void **state)
{
    FILE *file = fopen(world.path, "w");
    struct udxg_monitor *monitor;

    (void)state;
    assert_non_null(file);
    fclose(file);
    assert_int_equal(start_at(world.path, &monitor), STATUS_OBJECT_NAME_COLLISION);
    assert_int_equal(unlink(world.path), 0);
}

/* What a daemon left that was killed. */
static void a_dead_socket_is_replaced(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct viewer viewer;

    strcpy(address.sun_path, world.path);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    close(fd);
    assert_int_equal(start(state), 0);
    viewer = open_viewer();
    json_decref(need_line(&viewer, 2000));
    close_viewer(&viewer);
    assert_int_equal(stop(state), 0);
}

/* Its successor's name is not its own. */
static void a_stop_takes_away_its_own_name_only(void **state)
{
    struct udxg_monitor *first, *second;

    (void)state;
    assert_int_equal(start_at(world.path, &first), STATUS_SUCCESS);
    assert_int_equal(unlink(world.path), 0);
    assert_int_equal(start_at(world.path, &second), STATUS_SUCCESS);
    udxg_monitor_stop(first);
    assert_int_equal(access(world.path, F_OK), 0);
    udxg_monitor_stop(second);
    assert_int_equal(access(world.path, F_OK), -1);
}

static void paths_that_cannot_be(void **state)
{
    struct udxg_monitor *monitor;
    char path[200];

    (void)state;
    memset(path, 'a', sizeof path - 1);
    path[0] = '/';
    path[sizeof path - 1] = 0;
    assert_int_equal(start_at(path, &monitor), STATUS_INVALID_PARAMETER);
    assert_true(udxg_failed(start_at("/nonexistent/folder/socket", &monitor)));
    udxg_monitor_stop(NULL);
}

#define WITH_MONITOR(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_MONITOR(lines_say_what_is),
        WITH_MONITOR(a_stopped_adapter_is_said),
        WITH_MONITOR(intervals_are_kept),
        WITH_MONITOR(nonsense_ends_the_connection),
        WITH_MONITOR(much_ends_the_connection),
        WITH_MONITOR(a_flood_of_intervals_ends_the_connection),
        WITH_MONITOR(a_silent_viewer_is_served),
        WITH_MONITOR(a_slow_viewer_is_dropped),
        WITH_MONITOR(a_pause_loses_nothing_of_a_line),
        WITH_MONITOR(eight_are_served),
        WITH_MONITOR(viewers_that_vanish),
        WITH_MONITOR(other_users_see_nothing),
        WITH_MONITOR(names_in_use_are_respected),
        cmocka_unit_test(what_stands_there_is_respected),
        cmocka_unit_test(a_dead_socket_is_replaced),
        cmocka_unit_test(a_stop_takes_away_its_own_name_only),
        cmocka_unit_test(paths_that_cannot_be),
    };
    return cmocka_run_group_tests_name("monitor", tests, make_world, end_world);
}
