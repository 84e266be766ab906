/* SPDX-License-Identifier: MIT */
/*
 * The daemon makes its folder, which nobody can have foreseen the name of, and takes it away when it ends. So nothing
 * is left behind also when we are killed: the system then sends the daemon SIGTERM. It is in a session of its own, or a
 * Ctrl-C that is meant for the program would end it too.
 */
#include "cli/shared.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli/cli.h"
#include "cli/place.h"

#define READY_FD 3 /* in the daemon */
#define END_TRIES 1000u
#define END_TRY_NS 10000000 /* together ten seconds */

struct udxg_shared {
    pid_t pid;
};

/* Where the user has a folder for sockets, else where everybody has one. */
static bool choose_socket(char *path, size_t bytes)
{
    const char *folder = getenv("XDG_RUNTIME_DIR");
    uint64_t random;

    if (!folder || *folder != '/' || access(folder, W_OK)) folder = getenv("TMPDIR");
    if (!folder || *folder != '/' || access(folder, W_OK)) folder = "/tmp";
    if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random)) return false;
    return snprintf(path, bytes, "%s/udxg-%016" PRIx64 "/udxgd.sock", folder, random) < (int)bytes;
}

/* In the child: the daemon has no descriptor of ours but stderr and the pipe. Does not return. */
static void become_daemon(const char *program, const char *path, bool verbose, int ready_fd, pid_t parent)
{
    char fd_text[16];
    int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);

    snprintf(fd_text, sizeof(fd_text), "%d", READY_FD);
    setsid();
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) _exit(UDXG_EXIT_RUN_FAILED); /* it had gone before we asked to be told */
    if (ready_fd == READY_FD)
        fcntl(READY_FD, F_SETFD, 0);
    else
        dup2(ready_fd, READY_FD);
    dup2(nothing, STDIN_FILENO);
    dup2(nothing, STDOUT_FILENO);
    close_range(READY_FD + 1, ~0u, 0);
    execl(program, program, "--socket", path, "--ready-fd", fd_text, "--log-level", verbose ? "info" : "warning",
          (char *)NULL);
    udxg_report(NULL, "cannot run %s: %s", program, strerror(errno));
    _exit(UDXG_EXIT_RUN_FAILED);
}

/* The path that the daemon listens at, from its own words; false when it has ended instead. */
static bool wait_until_ready(int ready_fd, char *path, size_t bytes)
{
    size_t have = 0;

    while (have + 1 < bytes) {
        ssize_t got = read(ready_fd, path + have, bytes - 1 - have);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        have += (size_t)got;
        if (path[have - 1] != '\n') continue;
        path[have - 1] = '\0';
        return true;
    }
    return false;
}

static pid_t start(const char *program, const char *path, bool verbose, int *ret_ready_fd)
{
    int ends[2];
    pid_t parent = getpid();

    if (pipe2(ends, O_CLOEXEC)) return -1;
    pid_t pid = fork();
    if (pid == 0) become_daemon(program, path, verbose, ends[1], parent);
    close(ends[1]);
    if (pid > 0)
        *ret_ready_fd = ends[0];
    else
        close(ends[0]);
    return pid;
}

/* Asks it to end, waits, and insists if that takes too long. The status of waitpid. */
static int end(pid_t pid)
{
    struct timespec nap = {.tv_nsec = END_TRY_NS};
    int status = 0;
    pid_t done = waitpid(pid, &status, WNOHANG);

    if (done == 0) kill(pid, SIGTERM);
    for (unsigned i = 0; done == 0 && i < END_TRIES; i++) {
        if ((done = waitpid(pid, &status, WNOHANG)) == 0) nanosleep(&nap, NULL);
    }
    if (done) return status;
    kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
    return status;
}

struct udxg_shared *udxg_shared_begin(bool verbose)
{
    UDXG_AUTO_FREE struct udxg_shared *shared = calloc(1, sizeof(*shared));
    UDXG_AUTO_FREE char *program = udxg_place_daemon();
    UDXG_AUTO_CLOSE int ready_fd = -1;
    char wanted[PATH_MAX], path[PATH_MAX];

    if (!program) {
        udxg_report("--shared needs the udxgd of this command's own build or install tree",
                    "no udxgd beside this command");
        return NULL;
    }
    bool chosen = shared && choose_socket(wanted, sizeof(wanted));
    if (!chosen || (shared->pid = start(program, wanted, verbose, &ready_fd)) < 0) {
        udxg_report(NULL, "cannot start udxgd: %s", strerror(errno));
        return NULL;
    }
    if (!wait_until_ready(ready_fd, path, sizeof(path)) || setenv("UDXG_SERVER", path, 1)) {
        end(shared->pid);
        udxg_report("the reason stands above", "udxgd does not serve");
        return NULL;
    }
    if (verbose)
        fprintf(stderr, "udxg: UDXG_SERVER=%s leads to a udxgd of its own, process %ld\n", path, (long)shared->pid);
    return udxg_steal(shared);
}

void udxg_shared_end(struct udxg_shared *shared)
{
    if (!shared) return;
    int status = end(shared->pid);
    free(shared);
    if (WIFSIGNALED(status))
        fprintf(stderr, "udxg: warning: udxgd ended by signal %d; its programs have lost their adapters\n",
                WTERMSIG(status));
    else if (WEXITSTATUS(status))
        fprintf(stderr, "udxg: warning: udxgd ended with status %d\n", WEXITSTATUS(status));
}
