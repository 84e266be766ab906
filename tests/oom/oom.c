/* SPDX-License-Identifier: MIT */
/*
 * Out of memory: every allocation point of the library fails once, in each of the scenarios, and once more with all
 * points after it. Prints TAP.
 *
 *   oom [SCENARIO [POINT]]     only that one, by number from 1; only that point
 *
 * A dry run counts the points of a scenario; then round n fails the n-th. A round is a whole life: kernel, process,
 * objects, calls, and back to nothing, where the counts of blocks, mappings, threads and descriptors must be those
 * of before. guard.h says what a call that failed must have kept. A call may also not need what it did not get
 * (a spare, a hint, a smaller pool); then it must have succeeded.
 *
 * A scenario runs in a child, so that a crash costs one point of the test and not the rest. When something fails,
 * the numbers after "at" are for addr2line -e of this program.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "faults.h"
#include "guard.h"
#include "scenarios.h"

#define HANG_SECONDS 120u
#define POINTS_LIMIT 2000u /* more in one scenario, and it is a loop */

/* What the processes tell each other. */
struct board {
    volatile unsigned long long point;  /* the round's */
    volatile unsigned long long points; /* the round has seen */
    volatile unsigned long long fired;
    volatile unsigned long long failed_calls, tolerated;
};
static struct board *board; /* shared with the children */

static void round_here(const struct scenario *scenario, unsigned long long point, bool and_after)
{
    struct faults_live before = faults_live(), after;
    alarm(HANG_SECONDS);
    board->point = point;
    faults_plan(point, and_after);
    guard_arm();
    scenario->round();
    faults_off();
    board->points = faults_points();
    board->fired = faults_fired();
    if (board->fired) ++*(guard_is_armed() ? &board->tolerated : &board->failed_calls);
    after = faults_live();
    if (scenario->alone || faults_live_equal(&before, &after)) return;
    faults_print_surplus(&before);
    guard_fail("the round left something behind");
}

static int wait_for(pid_t child)
{
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child) guard_fail("no child");
    if (WIFEXITED(status)) return WEXITSTATUS(status);
    printf("# round %llu died of signal %d\n", board->point, WTERMSIG(status));
    return 1;
}

static void round_apart(const struct scenario *scenario, unsigned long long point, bool and_after)
{
    pid_t child;
    fflush(stdout);
    child = fork();
    if (child == 0) {
        round_here(scenario, point, and_after);
        fflush(stdout);
        _exit(0); /* what it has made stays for ever, and is no leak */
    }
    if (wait_for(child)) exit(1);
}

static void one_round(const struct scenario *scenario, unsigned long long point, bool and_after)
{
    (scenario->alone ? round_apart : round_here)(scenario, point, and_after);
}

static void all_rounds(const struct scenario *scenario, bool and_after, unsigned long long only)
{
    unsigned long long points;
    one_round(scenario, 0, false);
    points = board->points;
    NEED(points > 0 && points < POINTS_LIMIT);
    for (unsigned long long point = only ? only : 1; point <= (only ? only : points); point++) {
        one_round(scenario, point, and_after);
        if (!board->fired) guard_fail("round %llu never came to its point", point);
    }
    printf("# %s: %llu points, %llu rounds with a failed call, %llu where nobody missed it\n", scenario->name, points,
           board->failed_calls, board->tolerated);
    if (!only) NEED(board->failed_calls > 0);
}

static bool run_apart(const struct scenario *scenario, bool and_after, unsigned long long only)
{
    pid_t child;
    memset(board, 0, sizeof *board);
    fflush(stdout);
    child = fork();
    if (child == 0) {
        all_rounds(scenario, and_after, only);
        exit(0);
    }
    return wait_for(child) == 0;
}

int main(int count, char **arguments)
{
    unsigned long wanted = count > 1 ? strtoul(arguments[1], NULL, 0) : 0;
    unsigned long long only = count > 2 ? strtoull(arguments[2], NULL, 0) : 0;
    unsigned number = 0;
    bool good = true;

    board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (board == MAP_FAILED || wanted > scenario_count) return 2;
    printf("1..%u\n", 2 * (wanted ? 1 : scenario_count));
    for (unsigned i = 0; i < scenario_count; i++) {
        if (wanted && i + 1 != wanted) continue;
        for (int and_after = 0; and_after < 2; and_after++) {
            bool ok = run_apart(&scenarios[i], and_after, only);
            if (!ok) printf("# in round %llu\n", board->point);
            printf("%s %u - %s: %s\n", ok ? "ok" : "not ok", ++number, scenarios[i].name,
                   and_after ? "a point fails and all that follow" : "each point fails once");
            good = good && ok;
        }
    }
    return good ? 0 : 1;
}
