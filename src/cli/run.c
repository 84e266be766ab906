/* SPDX-License-Identifier: MIT */
/*
 * udxg run: executes a program with our libraries in front of any other libdxcore and libdxg. It does so with
 * two environment variables: LD_AUDIT with udxg-audit.so, which catches a library by name and by path, and
 * LD_LIBRARY_PATH for programs that clear LD_AUDIT but open by name. Two more are settings of Intel's runtime,
 * and the limit of descriptors is raised. No file is written, no right is needed. The program takes the place
 * of this process, unless --summary asks for a look afterwards or --shared for a daemon that has to end with it.
 */
#include "cli/cli.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli/adapters.h"
#include "cli/place.h"
#include "cli/shared.h"
#include "cli/summary.h"
#include "ddi/inject.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#include <dlfcn.h>
#endif

struct arguments {
    const char *adapter, *inject, *summary_file;
    bool shared, summary, verbose;
    char **command; /* NULL-terminated, in argv */
};

static const struct argp_option options[] = {
    {"adapter", 'a', "NAMES", 0, "Adapters to offer: built-in profiles or paths of profiles, with commas between", 0},
    {"inject", 'i', "RULES", 0, "Make calls, engines or adapters fail: rules as below, with commas between", 0},
    {"shared", 'S', NULL, 0, "Give the program and those it starts one kernel together, in a daemon of their own", 0},
    {"summary", 's', "FILE", OPTION_ARG_OPTIONAL,
     "When the program has ended, write what it called and allocated to FILE, or to stderr", 0},
    {"verbose", 'v', NULL, 0, "Say on stderr how the program is reached", 0},
    {0},
};

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case 'a':
        arguments->adapter = argument;
        return 0;
    case 'i':
        arguments->inject = argument;
        return 0;
    case 'S':
        arguments->shared = true;
        return 0;
    case 's':
        arguments->summary = true;
        arguments->summary_file = argument;
        return 0;
    case 'v':
        arguments->verbose = true;
        return 0;
    case ARGP_KEY_ARG:
        arguments->command = &state->argv[state->next - 1];
        state->next = state->argc;
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "which program?");
        return EINVAL;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp argp = {
    .options = options,
    .parser = parse_option,
    .args_doc = "[--] PROGRAM [ARGUMENT...]",
    .doc = "Runs PROGRAM so that it finds udxg's libdxcore.so and libdxg.so, whether it opens them by name or by "
           "path (/usr/lib/wsl/lib/libdxcore.so). Programs that PROGRAM starts are served too.\v"
           "The exit status is PROGRAM's; 125 if udxg itself fails, 126 if PROGRAM cannot be executed, 127 if it "
           "is not found. Statically linked programs and those that change user cannot be served.\n\n"
           "Rules of --inject, in the manner of strace; WHEN is N, N+ or N+M, counted in the program:\n"
           "  CALL:status=NAME[:when=WHEN]       a call without D3DKMT, or *, fails\n"
           "  engine:fault|hang|stuck[:when=...] a packet faults, hangs, for good\n"
           "  adapter:remove:when=N|after=MS     the adapters are taken away\n\n"
           "Examples:\n"
           "  udxg run -- clinfo -l\n"
           "  udxg run --adapter soft-discrete --summary -- ./my_tests --fast\n"
           "  udxg run --shared -- make check\n"
           "  udxg run --inject CreateAllocation2:status=NO_MEMORY:when=3+ -- ./tests\n",
};

/* Puts VALUE in front of what the variable holds, separated by colons. */
static int prepend(const char *name, const char *value)
{
    const char *old = getenv(name);
    UDXG_AUTO_FREE char *joined = NULL;
    if (!old || !*old) return setenv(name, value, 1);
    if (asprintf(&joined, "%s:%s", value, old) < 0) {
        joined = NULL;
        errno = ENOMEM;
        return -1;
    }
    return setenv(name, joined, 1);
}

/* A sanitized build of our libraries needs the sanitizer's own library loaded first, in any program. */
static int prepend_sanitizer(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    Dl_info info;
#ifdef __SANITIZE_ADDRESS__
    void *entry = dlsym(RTLD_DEFAULT, "__asan_init");
#else
    void *entry = dlsym(RTLD_DEFAULT, "__tsan_init");
#endif
    if (entry && dladdr(entry, &info)) return prepend("LD_PRELOAD", info.dli_fname);
#endif
    return 0;
}

/*
 * Intel's runtime does not use the copy engine of an integrated GPU by itself, and fills new buffers in a card's own
 * memory with the shader kernels that are not executed here. What the user has set stands. RTLD_DEEPBIND, with which
 * the runtime opens us, does not go together with sanitizers.
 */
static int tell_intel_runtime(void)
{
    if (setenv("NEOReadDebugKeys", "1", 0) || setenv("EnableBlitterOperationsSupport", "1", 0)) return -1;
    if (setenv("CopyHostPtrOnCpu", "1", 0)) return -1;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    if (setenv("DisableDeepBind", "1", 0)) return -1;
#endif
    return 0;
}

/* An NT handle is a descriptor or two, and Intel's runtime makes one per device allocation and closes none. */
static void allow_many_descriptors(void)
{
    const rlim_t enough = 65536;
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= enough) return;
    limit.rlim_cur = limit.rlim_max < enough ? limit.rlim_max : enough;
    setrlimit(RLIMIT_NOFILE, &limit); /* as good as it gets: the program may do without */
}

static int prepare_environment(const struct arguments *arguments, const char *libraries)
{
    UDXG_AUTO_FREE char *audit = NULL;
    if (asprintf(&audit, "%s/udxg-audit.so", libraries) < 0) {
        audit = NULL;
        errno = ENOMEM;
        return -1;
    }
    if (prepend("LD_AUDIT", audit) || prepend("LD_LIBRARY_PATH", libraries)) return -1;
    allow_many_descriptors();
    if (prepend_sanitizer() || tell_intel_runtime()) return -1;
    if (arguments->verbose) {
        fprintf(stderr, "udxg: libdxcore.so and libdxg.so come from %s\n", libraries);
        fprintf(stderr, "udxg: LD_AUDIT=%s redirects them by name and by path\n", getenv("LD_AUDIT"));
        fprintf(stderr, "udxg: LD_LIBRARY_PATH=%s is for programs that clear LD_AUDIT\n", getenv("LD_LIBRARY_PATH"));
    }
    return 0;
}

/* What the program's own kernel would refuse is refused here, where somebody reads it. */
static bool tell_rules(const char *text)
{
    struct udxg_inject_rules rules = {0};
    const char *broken = text ? udxg_inject_parse(text, UDXG_INJECT_ALL, &rules) : NULL;

    if (broken) {
        udxg_report("see udxg run --help for the rules", "--inject %s: %s", text, broken);
        return false;
    }
    return !text || !setenv("UDXG_INJECT", text, 1);
}

static void warn_about(const char *program)
{
    switch (udxg_place_program(program)) {
    case UDXG_PROGRAM_STATIC:
        fprintf(stderr, "udxg: warning: %s is statically linked and cannot be served; it runs without us\n", program);
        break;
    case UDXG_PROGRAM_SETUID:
        fprintf(stderr, "udxg: warning: %s changes user or group and cannot be served; it runs without us\n", program);
        break;
    case UDXG_PROGRAM_FOREIGN:
        fprintf(stderr, "udxg: warning: %s is for another architecture than x86-64; it runs without us\n", program);
        break;
    case UDXG_PROGRAM_ORDINARY:
    case UDXG_PROGRAM_UNKNOWN:
        break;
    }
}

/* Does not return when it succeeds. */
static int execute(char **command)
{
    execvp(command[0], command);
    int error = errno;
    bool found = error != ENOENT;
    udxg_report(found ? "is it a program, and may you execute it?" : "give a path, or a name that PATH leads to",
                "cannot run %s: %s", command[0], strerror(error));
    return found ? UDXG_EXIT_CANNOT_EXECUTE : UDXG_EXIT_NOT_FOUND;
}

static volatile sig_atomic_t child;

static void forward_signal(int number)
{
    int saved = errno;
    if (child > 0) kill((pid_t)child, number);
    errno = saved;
}

/* Executes in a child, with signals passed on, and returns the child's status as a shell would. */
static int execute_and_wait(char **command)
{
    /* A terminal's own signals reach the child without us. */
    static const int ignored[] = {SIGINT, SIGQUIT}, forwarded[] = {SIGTERM, SIGHUP, SIGUSR1, SIGUSR2};
    struct sigaction old[2], action = {.sa_handler = SIG_IGN};
    sigset_t blocked, mask;
    sigemptyset(&blocked);
    for (size_t i = 0; i < 4; i++) sigaddset(&blocked, forwarded[i]);
    sigprocmask(SIG_BLOCK, &blocked, &mask);
    for (size_t i = 0; i < 2; i++) sigaction(ignored[i], &action, &old[i]);

    pid_t pid = fork();
    if (pid == 0) {
        for (size_t i = 0; i < 2; i++) sigaction(ignored[i], &old[i], NULL);
        sigprocmask(SIG_SETMASK, &mask, NULL);
        _exit(execute(command));
    }
    if (pid < 0) {
        udxg_report(NULL, "cannot start a process: %s", strerror(errno));
        return UDXG_EXIT_RUN_FAILED;
    }
    child = pid;
    action.sa_handler = forward_signal;
    for (size_t i = 0; i < 4; i++) sigaction(forwarded[i], &action, NULL);
    sigprocmask(SIG_SETMASK, &mask, NULL);

    int status;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR) return UDXG_EXIT_RUN_FAILED;
    child = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* What begins before the program and ends after it; each may be NULL. */
struct around {
    struct udxg_summary *summary;
    struct udxg_shared *shared;
};

static bool begin_around(const struct arguments *arguments, struct around *around)
{
    if (arguments->summary && !(around->summary = udxg_summary_begin())) {
        udxg_report(NULL, "cannot make the file for the summary: %s", strerror(errno));
        return false;
    }
    if (!arguments->shared) return true;
    around->shared = udxg_shared_begin(arguments->verbose); /* says itself what is wrong */
    return around->shared;
}

static void end_around(struct around *around)
{
    udxg_shared_end(around->shared);
    around->shared = NULL;
    udxg_summary_end(around->summary);
    around->summary = NULL;
}

/* The statuses are those of udxg run: the program's own where the summary could be written. */
static int run_with_summary(const struct arguments *arguments, struct around *around)
{
    const char *file = arguments->summary_file;
    FILE *out = file ? fopen(file, "we") : stderr;
    if (!out) {
        udxg_report(NULL, "cannot write to %s: %s", file, strerror(errno));
        return UDXG_EXIT_RUN_FAILED;
    }
    int status = execute_and_wait(arguments->command);
    udxg_shared_end(around->shared); /* so that it has counted everything */
    around->shared = NULL;
    udxg_summary_print(around->summary, out);
    bool written = !fflush(out) && !ferror(out);
    if (file) written &= !fclose(out);
    if (written) return status;
    udxg_report(NULL, "cannot write to %s: %s", file ? file : "standard error", strerror(errno));
    return UDXG_EXIT_RUN_FAILED;
}

/* Returns when something has to be done after the program, or when it cannot be executed. */
static int run_in(const struct arguments *arguments, struct around *around, const char *libraries)
{
    if (!begin_around(arguments, around)) return UDXG_EXIT_RUN_FAILED;
    if (prepare_environment(arguments, libraries)) {
        udxg_report(NULL, "cannot prepare the environment: %s", strerror(errno));
        return UDXG_EXIT_RUN_FAILED;
    }
    warn_about(arguments->command[0]);
    if (around->summary) return run_with_summary(arguments, around);
    return around->shared ? execute_and_wait(arguments->command) : execute(arguments->command);
}

int udxg_command_run(int argc, char **argv)
{
    struct arguments arguments = {0};
    udxg_parse(&argp, UDXG_EXIT_RUN_FAILED, argc, argv, &arguments);

    UDXG_AUTO_FREE char *libraries = udxg_place_libraries();
    if (!libraries || strchr(libraries, ':')) {
        udxg_report("udxg run needs the libraries of its own build or install tree, in a path without ':'", "%s",
                    libraries ? libraries : "no udxg-audit.so, libdxcore.so and libdxg.so.1 near this command");
        return UDXG_EXIT_RUN_FAILED;
    }
    if (!udxg_adapters_choose(arguments.adapter) || !tell_rules(arguments.inject)) return UDXG_EXIT_RUN_FAILED;
    struct around around = {0};
    int status = run_in(&arguments, &around, libraries);
    end_around(&around);
    return status;
}
