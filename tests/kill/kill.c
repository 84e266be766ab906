/* SPDX-License-Identifier: MIT */
/*
 * Kills clients of a daemon, a thousand of them, and counts what the daemon keeps after each. The daemon runs in this
 * process (host.h); clients are programs (client.c). One of them, the witness, is never killed: what it has must be
 * what it was, and what it waits for it must be told.
 *
 *   calls   a victim makes each valid call that the sweep knows, and dies before, in and after the handler, and by its
 *           own hand at once before and after the call
 *   early   it dies while it starts, greets and makes its world
 *   work    it dies at any time while its threads use and share everything
 *   stop    the same, after it was stopped for a while: nobody waits for it
 *   exec, close, fork    its session ends, while it, or a child of it, lives on
 *   half    it stops in the middle of a message or of the greeting
 *
 *   kill [--kills N] [--seed N] [--reclaim-ms N] [--call-ms N]
 *
 * All that a dead client had is to be back within 100 ms. A machine that others use makes that late now and then: one
 * kill of ten may take longer, but none longer than --reclaim-ms. --call-ms is for the calls of the witness.
 */
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/os.h"
#include "base/socket.h"
#include "cases.h"
#include "host.h"
#include "recount.h"
#include "talk.h"

#define PROMISED_NS UINT64_C(100000000)
#define WARM_UP 25u /* of these rounds make threads and pools that stay */
/* Tables and caches of malloc() grow for a while; sanitizers say nothing, and find leaks at the end. */
#define HEAP_SLACK(kills) (65536 + 32 * (int64_t)(kills))
#define ANSWER_NS UINT64_C(30000000000)

enum kind { CALL, EARLY, WORK, STOP, EXEC, CLOSE, FORK, HALF, KINDS };

static const char *const names[KINDS] = {"call", "early", "work", "stop", "exec", "close", "fork", "half"};

enum moment { BEFORE_ASKING, BEFORE_HANDLER, IN_HANDLER, AFTER_HANDLER, AFTER_REPLY, MOMENTS };

struct round {
    enum kind kind;
    unsigned index;     /* of a case */
    enum moment moment; /* of a call */
    uint64_t seed;
};

struct client {
    pid_t pid;
    int pid_fd, talk_fd;
};

static struct {
    unsigned kills;
    uint64_t seed, reclaim_ns, call_ns;
} options = {.kills = 1000, .seed = 1, .reclaim_ns = UINT64_C(2000000000), .call_ns = UINT64_C(1000000000)};

static const char *program; /* of clients */
static char socket_path[128];
static struct client witness;
static struct recount before;
static uint64_t *reclaims; /* of each kill, until all is back */
static uint64_t *deaths;   /* until the system has ended the victim */
static unsigned kills, of_kind[KINDS];
static size_t heap_bytes;  /* in use when the kills began */
static int64_t heap_grown; /* by how much, when they were done */
static uint64_t slowest_told_ns, slowest_call_ns, probes;

static void tell(FILE *file, const struct round *round, unsigned number)
{
    fprintf(file, "kill %u, %s", number, names[round->kind]);
    if (round->kind == CALL)
        fprintf(file, " %s %s, moment %u", udxg_thunks[sweep_cases[round->index].id].name,
                sweep_cases[round->index].name, round->moment);
}

static void fail(const struct round *round, const char *what)
{
    fprintf(stderr, "kill: seed %llu, ", (unsigned long long)options.seed);
    tell(stderr, round, kills);
    fprintf(stderr, ": %s\n", what);
    exit(EXIT_FAILURE);
}

/* splitmix64 */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static uint64_t below(struct round *round, uint64_t limit)
{
    return next_random(&round->seed) % limit;
}

/* ---- clients ---- */

static struct client start_client(char *const *argv)
{
    posix_spawn_file_actions_t actions;
    extern char **environ;
    struct client client;
    int theirs;

    if (udxg_failed(udxg_socket_pair(&client.talk_fd, &theirs))) abort();
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, theirs, TALK_FD);
    int error = posix_spawn(&client.pid, program, &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(theirs);
    if (error) {
        fprintf(stderr, "%s: %s\n", program, strerror(error));
        exit(EXIT_FAILURE);
    }
    client.pid_fd = (int)syscall(SYS_pidfd_open, client.pid, 0);
    if (client.pid_fd < 0) abort();
    return client;
}

static struct client start_victim(const struct round *round)
{
    static const char *const own_hand[MOMENTS] = {[BEFORE_ASKING] = "before", [AFTER_REPLY] = "after"};
    const char *moment = own_hand[round->moment] ? own_hand[round->moment] : "never";
    char index[16], seed[32];
    bool calls = round->kind == CALL || round->kind == EARLY, half = round->kind == HALF;
    bool changes = round->kind == EXEC || round->kind == CLOSE || round->kind == FORK;
    const char *what = changes ? names[round->kind] : "work";

    snprintf(index, sizeof index, "%u", round->index);
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)round->seed);
    const char *const argv[] = {"kill_client",
                                calls  ? "call"
                                : half ? "half"
                                       : "work",
                                calls ? index : seed,
                                half    ? NULL
                                : calls ? moment
                                        : what,
                                NULL};
    return start_client((char *const *)argv);
}

/* It died of a kill, and of nothing else. */
static void reap(const struct round *round, const struct client *client)
{
    int status;

    if (waitpid(client->pid, &status, 0) != client->pid) fail(round, "no client to wait for");
    close(client->pid_fd);
    close(client->talk_fd);
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) return;
    fprintf(stderr, "kill: wait status 0x%x\n", (unsigned)status);
    fail(round, "the victim did not die of the kill");
}

static uint64_t kill_client(const struct client *client)
{
    uint64_t now_ns = udxg_os_now_ns();

    kill(client->pid, SIGKILL);
    return now_ns;
}

static void hear(const struct round *round, const struct client *client, struct talk *talk, enum talk_kind kind)
{
    if (!talk_hear(client->talk_fd, talk) || talk->kind != (uint32_t)kind) fail(round, "a client says nothing");
}

static void say(const struct round *round, const struct client *client, struct talk *talk, enum talk_kind kind)
{
    talk->kind = kind;
    if (!talk_say(client->talk_fd, talk)) fail(round, "a client does not listen");
}

/* ---- what is to be so after a kill ---- */

/* The time from the kill until all is as it was. The waits of the witness have ended by then, or are about to. */
static void await_recount(const struct round *round, uint64_t killed_ns)
{
    struct recount now;
    uint64_t spent_ns;

    for (;;) {
        recount_take(&now, witness.pid);
        spent_ns = udxg_os_now_ns() - killed_ns;
        if (recount_equal(&before, &now)) break;
        if (spent_ns > options.reclaim_ns) {
            recount_tell(&before, &now);
            fail(round, "the recount is wrong");
        }
        udxg_os_nap_ns(1000000);
    }
    reclaims[kills] = spent_ns;
    if (spent_ns <= PROMISED_NS) return;
    tell(stdout, round, kills);
    printf(": it died after %.2f ms, all is back after %.2f ms\n", (double)deaths[kills] / 1e6, (double)spent_ns / 1e6);
}

static void ask_witness(const struct round *round, uint64_t killed_ns)
{
    struct talk talk = {.killed_ns = killed_ns};

    say(round, &witness, &talk, TALK_CHECK);
    hear(round, &witness, &talk, TALK_CHECKED);
    if (talk.text[0]) {
        talk.text[sizeof talk.text - 1] = '\0';
        fail(round, talk.text);
    }
    if (talk.told_ns > options.reclaim_ns) fail(round, "the witness was told too late");
    if (talk.slowest_ns > options.call_ns) fail(round, "a call of the witness took too long");
    if (talk.told_ns > slowest_told_ns) slowest_told_ns = talk.told_ns;
    if (talk.slowest_ns > slowest_call_ns) slowest_call_ns = talk.slowest_ns;
    probes += talk.probes;
}

/* A session that ends while its client lives. */
static void await_session_end(const struct round *round, uint64_t since_ns)
{
    while (host_sessions() > 1) {
        if (udxg_os_now_ns() - since_ns > options.reclaim_ns) fail(round, "the session does not end");
        udxg_os_nap_ns(200000);
    }
}

/* ---- kinds of rounds ---- */

static uint64_t kill_at_trap(struct round *round, const struct client *client)
{
    static const enum trap_moment moments[MOMENTS] = {
        [BEFORE_HANDLER] = TRAP_BEFORE, [IN_HANDLER] = TRAP_INSIDE, [AFTER_HANDLER] = TRAP_AFTER};
    struct trap trap = {.pid = client->pid,
                        .pid_fd = client->pid_fd,
                        .id = sweep_cases[round->index].id,
                        .moment = moments[round->moment],
                        .goes_on = below(round, 2)};
    struct talk talk = {0};
    uint64_t killed_ns;

    trap.delay_ns = below(round, 2) ? below(round, 20000) : below(round, 500000);
    host_arm(&trap);
    say(round, client, &talk, TALK_GO);
    if (!host_await_trap(ANSWER_NS, &killed_ns)) fail(round, "the call has not come");
    host_disarm();
    return killed_ns;
}

static uint64_t kill_itself(const struct round *round, const struct client *client)
{
    struct pollfd death = {client->pid_fd, POLLIN, 0};
    struct talk talk = {0};

    say(round, client, &talk, TALK_GO);
    if (poll(&death, 1, (int)(ANSWER_NS / 1000000)) != 1) fail(round, "the victim does not die");
    return udxg_os_now_ns();
}

static uint64_t run_call(struct round *round, const struct client *client)
{
    struct talk talk;

    hear(round, client, &talk, TALK_READY);
    if (round->moment == BEFORE_ASKING || round->moment == AFTER_REPLY) return kill_itself(round, client);
    return kill_at_trap(round, client);
}

static uint64_t run_early(struct round *round, const struct client *client)
{
    udxg_os_nap_ns(below(round, 12000000));
    return kill_client(client);
}

/* The victim has what the witness has lent, and the witness what the victim has shared. */
static void introduce(struct round *round, const struct client *client)
{
    struct talk talk = {0};

    say(round, &witness, &talk, TALK_ROUND);
    hear(round, &witness, &talk, TALK_SHARED);
    say(round, client, &talk, TALK_START);
    hear(round, client, &talk, TALK_READY);
    say(round, &witness, &talk, TALK_MEET);
    hear(round, &witness, &talk, TALK_MET);
}

static uint64_t run_work(struct round *round, const struct client *client)
{
    struct talk talk = {0};
    uint64_t since_ns;

    introduce(round, client);
    if (round->kind == WORK || round->kind == STOP) udxg_os_nap_ns(below(round, 20000000));
    if (round->kind == STOP) {
        kill(client->pid, SIGSTOP);
        udxg_os_nap_ns(10000000 + below(round, 40000000));
    }
    if (round->kind == WORK || round->kind == STOP) return kill_client(client);
    say(round, client, &talk, TALK_GO);
    since_ns = udxg_os_now_ns();
    if (round->kind == FORK) {
        udxg_os_nap_ns(below(round, 4000000));
        since_ns = kill_client(client);
    }
    await_session_end(round, since_ns);
    if (round->kind != FORK) (void)kill_client(client);
    return since_ns;
}

static uint64_t run_half(struct round *round, const struct client *client)
{
    struct talk talk;

    hear(round, client, &talk, TALK_READY);
    udxg_os_nap_ns(below(round, 500000));
    return kill_client(client);
}

static void run_round(struct round round)
{
    struct client client = start_victim(&round);
    uint64_t killed_ns;

    if (round.kind == CALL)
        killed_ns = run_call(&round, &client);
    else if (round.kind == EARLY)
        killed_ns = run_early(&round, &client);
    else if (round.kind == HALF)
        killed_ns = run_half(&round, &client);
    else
        killed_ns = run_work(&round, &client);
    reap(&round, &client);
    deaths[kills] = udxg_os_now_ns() - killed_ns;
    ask_witness(&round, killed_ns);
    await_recount(&round, killed_ns);
    of_kind[round.kind]++;
    kills++;
}

/* ---- the plan ---- */

static struct round random_round(uint64_t *random)
{
    static const enum kind choices[] = {EARLY, EARLY, WORK, WORK,  WORK, WORK, WORK,
                                        STOP,  EXEC,  EXEC, CLOSE, FORK, HALF, HALF};
    struct round round = {.kind = choices[next_random(random) % (sizeof choices / sizeof choices[0])]};

    round.seed = next_random(random);
    round.index = (unsigned)(next_random(random) % sweep_case_count);
    return round;
}

/* Each call at each moment, as far as there are so many kills, and a third of other rounds at least; in any order. */
static struct round *make_plan(uint64_t *random)
{
    unsigned calls = (unsigned)sweep_case_count * MOMENTS, other = options.kills / 3;
    unsigned total = calls + options.kills;
    struct round *plan = calloc(total, sizeof *plan);

    if (!plan) abort();
    for (unsigned i = 0; i < calls; i++)
        plan[i] =
            (struct round){.kind = CALL, .index = i / MOMENTS, .moment = i % MOMENTS, .seed = next_random(random)};
    for (unsigned i = calls - 1; i > 0; i--) {
        unsigned j = (unsigned)(next_random(random) % (i + 1));
        struct round swapped = plan[i];
        plan[i] = plan[j];
        plan[j] = swapped;
    }
    if (calls > options.kills - other) calls = options.kills - other;
    for (unsigned i = calls; i < options.kills; i++) plan[i] = random_round(random);
    for (unsigned i = options.kills - 1; i > 0; i--) {
        unsigned j = (unsigned)(next_random(random) % (i + 1));
        struct round swapped = plan[i];
        plan[i] = plan[j];
        plan[j] = swapped;
    }
    return plan;
}

/* What comes with the first use of it and stays: threads of adapters, pools, rooms of tables. */
static void warm_up(uint64_t *random)
{
    struct round round = {.kind = WORK};
    struct client client;
    struct talk talk = {0};

    for (unsigned i = 0; i < WARM_UP; i++) {
        round = random_round(random);
        round.kind = i % 2 ? WORK : EARLY;
        client = start_victim(&round);
        uint64_t killed_ns = round.kind == WORK ? run_work(&round, &client) : run_early(&round, &client);
        reap(&round, &client);
        ask_witness(&round, killed_ns);
        await_session_end(&round, udxg_os_now_ns());
    }
    udxg_os_nap_ns(300000000);
    say(&round, &witness, &talk, TALK_CHECK);
    hear(&round, &witness, &talk, TALK_CHECKED);
    recount_take(&before, witness.pid);
    heap_bytes = mallinfo2().uordblks;
    if (before.wrong) fail(&round, before.wrong);
}

/* ---- the report ---- */

static int compare(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static bool report(void)
{
    unsigned late = 0;

    qsort(reclaims, kills, sizeof *reclaims, compare);
    for (unsigned i = 0; i < kills; i++) late += reclaims[i] > PROMISED_NS;
    printf("%u kills:", kills);
    for (unsigned i = 0; i < KINDS; i++) printf(" %u %s", of_kind[i], names[i]);
    printf("\nall is back after: median %.2f ms, 99 %% %.2f ms, most %.2f ms; later than 100 ms: %u\n",
           (double)reclaims[kills / 2] / 1e6, (double)reclaims[kills * 99 / 100] / 1e6,
           (double)reclaims[kills - 1] / 1e6, late);
    printf("waiters are told after %.2f ms at most; of %llu calls of the witness the slowest took %.2f ms\n",
           (double)slowest_told_ns / 1e6, (unsigned long long)probes, (double)slowest_call_ns / 1e6);
    printf("the heap has grown by %lld bytes\n", (long long)heap_grown);
    if (late > kills / 10) fprintf(stderr, "kill: what dead clients had is not back in time\n");
    if (heap_grown > HEAP_SLACK(kills)) fprintf(stderr, "kill: something is left of each dead client\n");
    return late <= kills / 10 && heap_grown <= HEAP_SLACK(kills);
}

/* ---- the beginning ---- */

static void parse(int argc, char **argv)
{
    for (int i = 1; i + 1 < argc; i += 2) {
        uint64_t value = strtoull(argv[i + 1], NULL, 10);
        if (!strcmp(argv[i], "--kills"))
            options.kills = (unsigned)value;
        else if (!strcmp(argv[i], "--seed"))
            options.seed = value;
        else if (!strcmp(argv[i], "--reclaim-ms"))
            options.reclaim_ns = value * 1000000;
        else if (!strcmp(argv[i], "--call-ms"))
            options.call_ns = value * 1000000;
        else
            argc = 0;
    }
    if (argc % 2 == 1 && options.kills >= 3) return;
    fprintf(stderr, "usage: kill [--kills N] [--seed N] [--reclaim-ms N] [--call-ms N]\n");
    exit(2);
}

static void begin(char *folder)
{
    const char *const argv[] = {"kill_client", "witness", NULL};

    program = getenv("UDXG_TEST_CLIENT");
    if (!program || !mkdtemp(folder)) abort();
    snprintf(socket_path, sizeof socket_path, "%s/udxgd", folder);
    setenv("UDXG_SERVER", socket_path, 1);
    unsetenv("UDXG_ADAPTERS");
    host_start("soft-discrete," SMALL_PROFILE, socket_path);
    witness = start_client((char *const *)argv);
}

int main(int argc, char **argv)
{
    char folder[] = "/tmp/udxg-kill-XXXXXX";
    struct round last = {.kind = WORK};
    uint64_t random;

    parse(argc, argv);
    random = options.seed;
    printf("seed %llu\n", (unsigned long long)options.seed);
    fflush(stdout);
    reclaims = calloc(options.kills, sizeof *reclaims);
    deaths = calloc(options.kills, sizeof *deaths);
    if (!reclaims || !deaths) return EXIT_FAILURE;
    struct round *plan = make_plan(&random);
    begin(folder);
    warm_up(&random);
    for (unsigned i = 0; i < options.kills; i++) run_round(plan[i]);
    heap_grown = (int64_t)(mallinfo2().uordblks - heap_bytes);
    kill_client(&witness);
    reap(&last, &witness);
    host_stop();
    bool good = report();
    rmdir(folder);
    free(plan);
    free(reclaims);
    free(deaths);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
