/* SPDX-License-Identifier: MIT */
/*
 * The harness: forks a process per test and prints TAP. The parent never calls the library. A child prints its
 * cases itself; a page shared with the parent holds what the parent needs to go on after a crash.
 */
#include "conformance.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../sanitizer.h"
#include "endpoint.h"

#define CASE_SECONDS (WITH_SANITIZER ? 60u : 20u) /* what is watched takes several times as long */
#define EXIT_REQUIRE 99 /* a require_...() failed and has printed its line */
#define EXIT_OUTSIDE 98 /* a check outside a case failed and has printed its line */

/* Shared between the parent and one child at a time: no lock is needed. */
struct progress {
    unsigned printed; /* TAP lines so far */
    unsigned failed;  /* of them not ok, other than known differences */
    unsigned begun;   /* cases of the running test that were entered or skipped */
    unsigned skip;    /* cases that this child skips */
    bool open;        /* between begin and end of a case */
    char name[160];   /* of the open case */
    char todo[160];   /* reason, or empty */
    unsigned checks;  /* in the open case */
    unsigned wrong;   /* of them failed */
    char first[400];  /* what the first failure said */
};

static struct progress *progress;
static const char *filter;
static const char *prefix = "";
static const char *test_name = "";
static bool discrete;

bool on_discrete(void)
{
    return discrete;
}

void note(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    printf("# ");
    vprintf(format, args);
    printf("\n");
    fflush(stdout);
    va_end(args);
}

/* One TAP line for the open case. HOW is what ended it, or NULL when it came to its end. */
static void print_case(const char *how)
{
    bool good = how == NULL && progress->wrong == 0 && progress->checks > 0;
    const char *why = how != NULL && progress->wrong == 0 ? how : progress->first;
    if (progress->checks == 0 && how == NULL) why = "nothing was checked";

    /* A mark that has become wrong is a failure: without the directive that would excuse the line. */
    bool marked = progress->todo[0] != '\0';
    progress->printed++;
    printf("%s %u - %s", good && !marked ? "ok" : "not ok", progress->printed, progress->name);
    if (good && marked)
        printf(" # passes now, take the mark away: %s\n", progress->todo);
    else if (good)
        printf("\n");
    else if (marked)
        printf(" # TODO %s; %s\n", progress->todo, why);
    else
        printf(" # %s\n", why);
    if (good == marked) progress->failed++;
    fflush(stdout);
    progress->open = false;
}

bool udxg_case_begin(const char *format, ...)
{
    char name[100];
    va_list args;
    va_start(args, format);
    vsnprintf(name, sizeof(name), format, args);
    va_end(args);

    unsigned index = progress->begun++;
    if (index < progress->skip) return false;
    snprintf(progress->name, sizeof(progress->name), "%s%s/%s", prefix, test_name, name);
    if (filter != NULL && strstr(progress->name, filter) == NULL) return false;
    progress->todo[0] = '\0';
    progress->first[0] = '\0';
    progress->checks = 0;
    progress->wrong = 0;
    progress->open = true;
    alarm(CASE_SECONDS);
    return true;
}

bool udxg_case_end(void)
{
    alarm(CASE_SECONDS);
    print_case(NULL);
    return false;
}

void udxg_todo(const char *reason)
{
    snprintf(progress->todo, sizeof(progress->todo), "%s", reason);
}

/* ------------------------------------------------------------------------------------------------ checks */

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

static void wrong(const char *file, int line, bool fatal, const char *text)
{
    char message[sizeof(progress->first)];
    snprintf(message, sizeof(message), "%s:%d: %s", base_name(file), line, text);
    /* Outside a case nothing else would tell: such a failure ends the test. */
    if (!progress->open) {
        printf("not ok %u - %s%s # outside a case: %s\n", ++progress->printed, prefix, test_name, message);
        progress->failed++;
        fflush(stdout);
        _exit(EXIT_OUTSIDE);
    }
    if (progress->wrong++ == 0)
        snprintf(progress->first, sizeof(progress->first), "%s", message);
    else
        note("also in %s: %s", progress->name, message);
    if (fatal) {
        print_case("required");
        _exit(EXIT_REQUIRE);
    }
}

NTSTATUS check_status_at(CHECK_ARGS, const char *what, NTSTATUS want, NTSTATUS got)
{
    progress->checks++;
    if (want != got) {
        char text[320];
        snprintf(text, sizeof(text), "got %s (0x%08x), want %s (0x%08x): %.140s", status_name(got), (unsigned)got,
                 status_name(want), (unsigned)want, what);
        wrong(file, line, fatal, text);
    }
    return got;
}

bool check_u64_at(CHECK_ARGS, const char *what, uint64_t want, uint64_t got)
{
    progress->checks++;
    if (want != got) {
        char text[320];
        snprintf(text, sizeof(text), "got 0x%llx, want 0x%llx: %.140s", (unsigned long long)got,
                 (unsigned long long)want, what);
        wrong(file, line, fatal, text);
    }
    return want == got;
}

bool check_true_at(CHECK_ARGS, const char *what, bool got)
{
    progress->checks++;
    if (!got) {
        char text[320];
        snprintf(text, sizeof(text), "not so: %.200s", what);
        wrong(file, line, fatal, text);
    }
    return got;
}

/* ------------------------------------------------------------------------------------------------- tests */

static void child(const struct udxg_test *test, const char *adapters)
{
    setenv("UDXG_ADAPTERS", adapters, 1);
    alarm(CASE_SECONDS);
    endpoint_begin();
    test->run();
    fflush(stdout);
    if (!endpoint_end()) {
        printf("not ok %u - %s%s # the daemon did not end well\n", ++progress->printed, prefix, test_name);
        progress->failed++;
        fflush(stdout);
    }
    _exit(EXIT_SUCCESS);
}

/* How a child ended, when it did not end well. */
static void explain(int status, char *text, size_t size)
{
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
        snprintf(text, size, "did not come back within %u s", CASE_SECONDS);
    else if (WIFSIGNALED(status))
        snprintf(text, size, "died of signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
    else
        snprintf(text, size, "left with exit status %d", WEXITSTATUS(status));
}

static void run_test(const struct udxg_test *test, const char *adapters)
{
    progress->skip = 0;
    for (;;) {
        progress->begun = 0;
        progress->open = false;
        fflush(stdout);
        pid_t pid = fork();
        if (pid == 0) child(test, adapters);
        int status = 0;
        while (pid < 0 || waitpid(pid, &status, 0) < 0) {
            if (pid < 0 || errno != EINTR) {
                printf("Bail out! no process for a test: %s\n", strerror(errno));
                exit(EXIT_FAILURE);
            }
        }
        if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS) return;

        char how[100];
        explain(status, how, sizeof(how));
        if (progress->open) {
            print_case(how);
        } else if (!WIFEXITED(status) || WEXITSTATUS(status) != EXIT_REQUIRE) {
            /* Between the cases: the next child would end at the same place. */
            if (!WIFEXITED(status) || WEXITSTATUS(status) != EXIT_OUTSIDE) {
                printf("not ok %u - %s%s # %s outside a case\n", ++progress->printed, prefix, test_name, how);
                progress->failed++;
            }
            return;
        }
        progress->skip = progress->begun;
    }
}

static void run_on(const struct udxg_test *test, const char *name, const char *adapters, bool is_discrete)
{
    prefix = name;
    test_name = test->name;
    discrete = is_discrete;
    run_test(test, adapters);
}

int conformance_main(int argc, char **argv, const struct udxg_test *tests, size_t count)
{
    filter = argc > 1 ? argv[1] : NULL;
    progress = mmap(NULL, sizeof(*progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (progress == MAP_FAILED) {
        printf("Bail out! no shared page: %s\n", strerror(errno));
        return EXIT_FAILURE;
    }
    for (size_t i = 0; i < count; i++) {
        if (tests[i].adapters & ON_DISCRETE) run_on(&tests[i], "discrete/", "soft-discrete", true);
        if (tests[i].adapters & ON_UMA) run_on(&tests[i], "uma/", "soft-uma", false);
        if (tests[i].adapters & ON_BOTH) run_on(&tests[i], "", "soft-discrete,soft-uma", true);
    }
    unsigned failed = progress->failed;
    printf("1..%u\n", progress->printed);
    if (failed > 0) printf("# %u of %u failed\n", failed, progress->printed);
    munmap(progress, sizeof(*progress));
    progress = NULL;
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
