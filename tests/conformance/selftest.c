/* SPDX-License-Identifier: MIT */
/*
 * Tests the harness itself: cases that fail, crash, hang, end the process or check nothing must be seen. Runs
 * the harness in a child with its output in a pipe and compares every line. Calls nothing of the library.
 */
#include "conformance.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void mixed(void)
{
    udxg_case("good") {
        check_status(STATUS_SUCCESS, STATUS_SUCCESS);
    }
    udxg_case("wrong status") {
        check_status(STATUS_INVALID_PARAMETER, STATUS_NO_MEMORY);
    }
    udxg_case("crash") {
        raise(SIGSEGV);
    }
    udxg_case("required") {
        require_u64(1, 2);
        abort();
    }
    udxg_case("leaves") {
        exit(3);
    }
    udxg_case("hangs") {
        alarm(1);
        for (;;) pause();
    }
    udxg_case("nothing") {
    }
    udxg_case("marked") {
        udxg_todo("known");
        check_true(1 == 2);
    }
    udxg_case("marked but good") {
        udxg_todo("known");
        check_true(1 == 1);
    }
    udxg_case("last") {
        check_true(1 == 1);
    }
}

static void outside(void)
{
    udxg_case("before") {
        check_true(1 == 1);
    }
    require_true(1 == 2);
}

/* How each line must begin, and what it must contain. */
static const struct {
    const char *begin, *contain;
} lines[] = {
    {"ok 1 - mixed/good", ""},
    {"not ok 2 - mixed/wrong status # selftest.c:",
     "got STATUS_NO_MEMORY (0xc0000017), want STATUS_INVALID_PARAMETER (0xc000000d)"},
    {"not ok 3 - mixed/crash # died of signal 11", ""},
    {"not ok 4 - mixed/required # selftest.c:", "got 0x2, want 0x1"},
    {"not ok 5 - mixed/leaves # left with exit status 3", ""},
    {"not ok 6 - mixed/hangs # did not come back", ""},
    {"not ok 7 - mixed/nothing # nothing was checked", ""},
    {"not ok 8 - mixed/marked # TODO known;", "not so: 1 == 2"},
    {"not ok 9 - mixed/marked but good # passes now", "known"},
    {"ok 10 - mixed/last", ""},
    {"ok 11 - outside/before", ""},
    {"not ok 12 - outside # outside a case: selftest.c:", "not so: 1 == 2"},
    {"1..12", ""},
    {"# 8 of 12 failed", ""},
};

static int run_child(int out)
{
    static const struct udxg_test tests[] = {{"mixed", ON_BOTH, mixed}, {"outside", ON_BOTH, outside}};
    char name[] = "child";
    char *argv[] = {name, NULL};
    dup2(out, STDOUT_FILENO);
    return conformance_main(1, argv, tests, LENGTH_OF(tests));
}

int main(void)
{
    int ends[2];
    int status = 0;
    char line[1024];
    size_t seen = 0;
    if (pipe(ends) != 0) return EXIT_FAILURE;
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        exit(run_child(ends[1]));
    }
    close(ends[1]);
    FILE *in = fdopen(ends[0], "r");
    bool good = pid > 0 && in != NULL;
    while (good && fgets(line, sizeof(line), in) != NULL) {
        good = seen < LENGTH_OF(lines) && strncmp(line, lines[seen].begin, strlen(lines[seen].begin)) == 0 &&
               strstr(line, lines[seen].contain) != NULL;
        if (!good) printf("# line %zu: %s", seen + 1, line);
        seen++;
    }
    if (in != NULL) fclose(in);
    good = waitpid(pid, &status, 0) == pid && good && seen == LENGTH_OF(lines);
    printf("%s 1 - the harness sees what fails\n", good ? "ok" : "not ok");
    bool told = WIFEXITED(status) && WEXITSTATUS(status) == EXIT_FAILURE;
    printf("%s 2 - and says so in its exit status\n1..2\n", told ? "ok" : "not ok");
    return good && told ? EXIT_SUCCESS : EXIT_FAILURE;
}
