/* SPDX-License-Identifier: MIT */
/*
 * Many clients of one daemon, each with many threads, that together list several times the memory there is, all the
 * time. Each thread has a device and buffers with known contents. It has an engine copy one to another, looks at what
 * came of it, writes it anew, and makes and destroys things in between.
 *
 * Contents must be what they were made to be, and everybody must get on: each client in each quarter of the time. How
 * long calls take is reported, as is who got on most and least.
 *
 *   daemon_stress [--clients N] [--threads N] [--seconds N] [--over N] [--seed N]
 *
 * The daemon is the program in UDXG_TEST_UDXGD, its adapter the profile in UDXG_ADAPTERS. Clients are this program
 * again; what they count is in memory that they share with the parent, descriptor BOARD_FD in them.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gpu.h"

#define BOARD_FD 3
#define MOST_CLIENTS 256u
#define MOST_THREADS 32u
#define BUFFERS 4u /* of a thread */
#define UNIT_BYTES 65536u
#define QUARTERS 4u
#define READY_SECONDS 120

/* ---- durations ---- */

enum measure { CREATE, LIST, LOOK, RUN, MEASURES };
static const char *const measure_names[MEASURES] = {"create and destroy", "make resident", "lock, verify, unlock",
                                                    "run on the engine"};

/* Logarithmic: 8 buckets for each doubling of nanoseconds. */
#define BUCKETS 512u
struct durations {
    atomic_uint_fast64_t counts[BUCKETS];
    atomic_uint_fast64_t most_ns;
};

static unsigned bucket_of(uint64_t ns)
{
    unsigned log = ns < 8 ? 3 : 63 - (unsigned)__builtin_clzll(ns);
    return (log - 3) * 8 + (unsigned)((ns >> (log - 3)) & 7) + (ns < 8 ? 0 : 8);
}

static uint64_t bucket_ns(unsigned bucket)
{
    return bucket < 8 ? bucket : (UINT64_C(8) | bucket % 8) << (bucket / 8 - 1);
}

static void measure(struct durations *durations, uint64_t since_ns)
{
    uint64_t ns = now_ns() - since_ns;

    atomic_fetch_add(&durations->counts[bucket_of(ns)], 1);
    if (ns > atomic_load(&durations->most_ns)) atomic_store(&durations->most_ns, ns);
}

/* ---- what all know ---- */

struct board {
    unsigned clients, threads;
    uint64_t buffer_bytes, seed;
    atomic_uint ready; /* threads */
    atomic_bool over;
    struct durations durations[MEASURES];
    atomic_uint_fast64_t steps[MOST_CLIENTS][MOST_THREADS];
};

static struct board *board;

/* ---- a thread of a client ---- */

struct worker {
    unsigned client, number;
    uint64_t random;
    struct gpu gpu;
    struct buffer buffers[BUFFERS];
    uint64_t contents[BUFFERS]; /* the seeds */
};

static void need(const struct worker *worker, NTSTATUS status, const char *what)
{
    if (status == STATUS_SUCCESS) return;
    fprintf(stderr, "client %u, thread %u, device 0x%x: %s: status 0x%08x\n", worker->client, worker->number,
            worker->gpu.device, what, (unsigned)status);
    _exit(EXIT_FAILURE);
}
#define NEED(call) need(worker, call, #call)

static void look(struct worker *worker, unsigned index, bool anew)
{
    const struct buffer *buffer = &worker->buffers[index];
    uint64_t since_ns = now_ns();
    void *bytes;

    NEED(gpu_lock(&worker->gpu, buffer, &bytes));
    if (!are_contents(bytes, buffer->bytes, worker->contents[index]))
        need(worker, STATUS_UNSUCCESSFUL, "contents are wrong");
    if (anew) {
        worker->contents[index] = next_random(&worker->random);
        fill_contents(bytes, buffer->bytes, worker->contents[index]);
    }
    NEED(gpu_unlock(&worker->gpu, buffer));
    measure(&board->durations[LOOK], since_ns);
}

static void copy(struct worker *worker, unsigned to, unsigned from)
{
    struct udxg_soft_copy command =
        udxg_soft_copy_command(worker->buffers[to].va, worker->buffers[from].va, worker->buffers[to].bytes);
    uint64_t since_ns = now_ns();

    NEED(gpu_submit(&worker->gpu, &command, sizeof command));
    NEED(gpu_finish(&worker->gpu));
    measure(&board->durations[RUN], since_ns);
    worker->contents[to] = worker->contents[from];
}

static void come_and_go(struct worker *worker)
{
    struct buffer buffer;
    uint64_t since_ns = now_ns();

    NEED(gpu_create(&worker->gpu, UNIT_BYTES, false, &buffer));
    NEED(gpu_destroy(&worker->gpu, &buffer));
    measure(&board->durations[CREATE], since_ns);
}

static void list_again(struct worker *worker, struct buffer *buffer)
{
    uint64_t since_ns;

    NEED(gpu_unlist(&worker->gpu, buffer));
    since_ns = now_ns();
    NEED(gpu_list(&worker->gpu, buffer));
    measure(&board->durations[LIST], since_ns);
}

static void set_up(struct worker *worker)
{
    D3DKMT_HANDLE adapter;
    void *bytes;

    NEED(gpu_find(0, &adapter));
    NEED(gpu_open(&worker->gpu, adapter));
    for (unsigned i = 0; i < BUFFERS; i++) {
        struct buffer *buffer = &worker->buffers[i];
        NEED(gpu_create(&worker->gpu, board->buffer_bytes, false, buffer));
        worker->contents[i] = next_random(&worker->random);
        NEED(gpu_lock(&worker->gpu, buffer, &bytes));
        fill_contents(bytes, buffer->bytes, worker->contents[i]);
        NEED(gpu_unlock(&worker->gpu, buffer));
        NEED(gpu_map(&worker->gpu, buffer));
        NEED(gpu_list(&worker->gpu, buffer));
    }
}

static void *work(void *argument)
{
    struct worker *worker = argument;

    worker->random = board->seed * 1000003 + worker->client * MOST_THREADS + worker->number;
    set_up(worker);
    atomic_fetch_add(&board->ready, 1);
    while (!atomic_load(&board->over)) {
        uint64_t random = next_random(&worker->random);
        unsigned to = random % BUFFERS, from = (to + 1 + (random >> 8) % (BUFFERS - 1)) % BUFFERS;
        copy(worker, to, from);
        look(worker, to, random >> 16 & 1);
        come_and_go(worker);
        if (random >> 17 & 1) list_again(worker, &worker->buffers[from]);
        atomic_fetch_add(&board->steps[worker->client][worker->number], 1);
    }
    for (unsigned i = 0; i < BUFFERS; i++) look(worker, i, false);
    NEED(gpu_close(&worker->gpu));
    return NULL;
}

static int client_main(unsigned number)
{
    static struct worker workers[MOST_THREADS];
    pthread_t threads[MOST_THREADS];

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (unsigned i = 0; i < board->threads; i++) {
        workers[i].client = number;
        workers[i].number = i;
        if (pthread_create(&threads[i], NULL, work, &workers[i]) != 0) return EXIT_FAILURE;
    }
    for (unsigned i = 0; i < board->threads; i++) pthread_join(threads[i], NULL);
    return EXIT_SUCCESS;
}

/* ---- the parent ---- */

static struct {
    unsigned clients, threads, seconds;
    uint64_t over, seed;
} options = {.clients = 64, .threads = 8, .seconds = 20, .over = 4, .seed = 1};

static char folder[] = "/tmp/udxg-stress-XXXXXX", socket_path[sizeof folder + 16];
static pid_t daemon_pid, clients[MOST_CLIENTS];

static void fail(const char *what)
{
    fprintf(stderr, "daemon_stress: seed %llu: %s\n", (unsigned long long)options.seed, what);
    if (daemon_pid) kill(daemon_pid, SIGKILL);
    exit(EXIT_FAILURE); /* clients go with us */
}

static void start_daemon(void)
{
    int fds[2];
    char number[16], byte;

    if (!mkdtemp(folder) || pipe(fds) != 0) fail("no folder, or no pipe");
    snprintf(socket_path, sizeof socket_path, "%s/udxgd", folder);
    snprintf(number, sizeof number, "%d", fds[1]);
    daemon_pid = fork();
    if (daemon_pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(fds[0]);
        execl(getenv("UDXG_TEST_UDXGD"), "udxgd", "--socket", socket_path, "--ready-fd", number, "--log-level",
              "warning", (char *)NULL);
        _exit(127);
    }
    close(fds[1]);
    if (read(fds[0], &byte, 1) != 1) fail("the daemon does not start");
    close(fds[0]);
    setenv("UDXG_SERVER", socket_path, 1);
}

static void start_client(unsigned number, char *program, int board_fd)
{
    extern char **environ;
    posix_spawn_file_actions_t actions;
    char text[16];
    char *const argv[] = {program, "--client", text, NULL};

    snprintf(text, sizeof text, "%u", number);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, board_fd, BOARD_FD);
    if (posix_spawn(&clients[number], "/proc/self/exe", &actions, NULL, argv, environ) != 0)
        fail("a client does not start");
    posix_spawn_file_actions_destroy(&actions);
}

static void check_clients(void)
{
    int status;

    if (waitpid(0, &status, WNOHANG) > 0) fail("a client, or the daemon, has ended");
}

static void await_ready(void)
{
    unsigned all = options.clients * options.threads;

    for (unsigned i = 0; atomic_load(&board->ready) < all; i++) {
        if (i == READY_SECONDS * 100) fail("not all threads are ready");
        check_clients();
        usleep(10000);
    }
}

static uint64_t steps_of(unsigned client)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < options.threads; i++) sum += atomic_load(&board->steps[client][i]);
    return sum;
}

static void let_them_work(void)
{
    uint64_t seen[MOST_CLIENTS] = {0};

    for (unsigned quarter = 0; quarter < QUARTERS; quarter++) {
        for (unsigned i = 0; i < options.seconds * 25; i++) {
            usleep(10000);
            check_clients();
        }
        for (unsigned i = 0; i < options.clients; i++) {
            uint64_t steps = steps_of(i);
            if (steps == seen[i]) fail("a client has not got on");
            seen[i] = steps;
        }
    }
}

static void end_all(void)
{
    int status;

    atomic_store(&board->over, true);
    for (unsigned i = 0; i < options.clients; i++)
        if (waitpid(clients[i], &status, 0) != clients[i] || status != 0) fail("a client did not end well");
    kill(daemon_pid, SIGTERM);
    if (waitpid(daemon_pid, &status, 0) != daemon_pid || status != 0) fail("the daemon did not end well");
    daemon_pid = 0;
    rmdir(folder);
}

static double quantile_ms(const struct durations *durations, uint64_t total, double part)
{
    uint64_t wanted = (uint64_t)((double)total * part), seen = 0;

    for (unsigned i = 0; i < BUCKETS; i++) {
        seen += atomic_load(&durations->counts[i]);
        if (seen > wanted) return (double)bucket_ns(i) / 1e6;
    }
    return (double)atomic_load(&durations->most_ns) / 1e6;
}

static void report_durations(enum measure measure)
{
    const struct durations *durations = &board->durations[measure];
    uint64_t total = 0;

    for (unsigned i = 0; i < BUCKETS; i++) total += atomic_load(&durations->counts[i]);
    printf("%-22s %9llu times: p50 %.3f ms, p99 %.3f ms, p99.9 %.3f ms, most %.3f ms\n", measure_names[measure],
           (unsigned long long)total, quantile_ms(durations, total, 0.5), quantile_ms(durations, total, 0.99),
           quantile_ms(durations, total, 0.999), (double)atomic_load(&durations->most_ns) / 1e6);
}

static bool report(void)
{
    uint64_t least = UINT64_MAX, most = 0, least_of_thread = UINT64_MAX;

    for (unsigned i = 0; i < options.clients; i++) {
        uint64_t steps = steps_of(i);
        if (steps < least) least = steps;
        if (steps > most) most = steps;
        for (unsigned j = 0; j < options.threads; j++)
            if (atomic_load(&board->steps[i][j]) < least_of_thread) least_of_thread = atomic_load(&board->steps[i][j]);
    }
    for (unsigned i = 0; i < MEASURES; i++) report_durations((enum measure)i);
    printf("steps of a client: %llu to %llu; of a thread: %llu at least\n", (unsigned long long)least,
           (unsigned long long)most, (unsigned long long)least_of_thread);
    return least_of_thread > 0;
}

static void make_board(int *ret_fd)
{
    *ret_fd = memfd_create("board", MFD_CLOEXEC);
    if (*ret_fd < 0 || ftruncate(*ret_fd, sizeof *board) != 0) fail("no memory");
    board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED, *ret_fd, 0);
    if (board == MAP_FAILED) fail("no memory");
    board->clients = options.clients;
    board->threads = options.threads;
    board->seed = options.seed;
    board->buffer_bytes = options.over * SEGMENT_BYTES / (options.clients * options.threads * BUFFERS);
    board->buffer_bytes = board->buffer_bytes / UNIT_BYTES * UNIT_BYTES;
    if (!board->buffer_bytes) board->buffer_bytes = UNIT_BYTES;
}

static void parse(int argc, char **argv)
{
    for (int i = 1; i + 1 < argc; i += 2) {
        uint64_t value = strtoull(argv[i + 1], NULL, 10);
        if (!strcmp(argv[i], "--clients") && value && value <= MOST_CLIENTS)
            options.clients = (unsigned)value;
        else if (!strcmp(argv[i], "--threads") && value && value <= MOST_THREADS)
            options.threads = (unsigned)value;
        else if (!strcmp(argv[i], "--seconds") && value)
            options.seconds = (unsigned)value;
        else if (!strcmp(argv[i], "--over") && value)
            options.over = value;
        else if (!strcmp(argv[i], "--seed"))
            options.seed = value;
        else
            argc = 0;
    }
    if (argc % 2 == 1 && getenv("UDXG_TEST_UDXGD")) return;
    fprintf(stderr, "usage: UDXG_TEST_UDXGD=PROGRAM daemon_stress [--clients N] [--threads N] [--seconds N] "
                    "[--over N] [--seed N]\n");
    exit(2);
}

int main(int argc, char **argv)
{
    int board_fd;

    if (argc == 3 && !strcmp(argv[1], "--client")) {
        board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED, BOARD_FD, 0);
        return board == MAP_FAILED ? EXIT_FAILURE : client_main((unsigned)strtoul(argv[2], NULL, 10));
    }
    parse(argc, argv);
    make_board(&board_fd);
    start_daemon();
    for (unsigned i = 0; i < options.clients; i++) start_client(i, argv[0], board_fd);
    await_ready();
    printf("seed %llu: %u clients with %u threads, %u buffers of %llu KiB each, %.1f times the memory\n",
           (unsigned long long)options.seed, options.clients, options.threads, BUFFERS,
           (unsigned long long)board->buffer_bytes / 1024,
           (double)(board->buffer_bytes * BUFFERS * options.clients * options.threads) / (double)SEGMENT_BYTES);
    fflush(stdout);
    let_them_work();
    end_all();
    return report() ? EXIT_SUCCESS : EXIT_FAILURE;
}
