/* SPDX-License-Identifier: MIT */
/* See endpoint.h. The daemon dies with the test that it is for, however that ends. */
#include "endpoint.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "conformance.h"

static pid_t daemon_pid;
static char folder[128], socket_path[160];

bool on_daemon(void)
{
    return getenv("UDXG_TEST_UDXGD") != NULL;
}

static void run_daemon(int ready_fd)
{
    char number[16];
    snprintf(number, sizeof number, "%d", ready_fd);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execl(getenv("UDXG_TEST_UDXGD"), "udxgd", "--socket", socket_path, "--ready-fd", number, "--log-level", "error",
          "--allow-disturbance", (char *)NULL);
    _exit(127);
}

/* Until it says that it listens, or says nothing and is gone: then the test's first call fails. */
static void start(void)
{
    int fds[2];
    char line[256];

    require_true(pipe(fds) == 0);
    fflush(stdout);
    daemon_pid = fork();
    require_true(daemon_pid >= 0);
    if (daemon_pid == 0) {
        close(fds[0]);
        run_daemon(fds[1]);
    }
    close(fds[1]);
    ssize_t length = read(fds[0], line, sizeof line);
    close(fds[0]);
    if (length > 0) return;
    waitpid(daemon_pid, NULL, 0);
    daemon_pid = 0;
}

static bool stop(void)
{
    int status = 0;

    if (!daemon_pid) return true; /* it did not begin: the test has seen that */
    kill(daemon_pid, SIGTERM);
    waitpid(daemon_pid, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS;
}

void endpoint_begin(void)
{
    if (!on_daemon()) return;
    snprintf(folder, sizeof folder, "%s/conformance-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : P_tmpdir);
    require_true(mkdtemp(folder) != NULL);
    snprintf(socket_path, sizeof socket_path, "%s/udxgd", folder);
    setenv("UDXG_SERVER", socket_path, 1);
    start();
}

bool endpoint_end(void)
{
    if (!on_daemon()) return true;
    bool good = stop();
    unlink(socket_path);
    rmdir(folder);
    return good;
}

void endpoint_set(const char *name, const char *value)
{
    static bool settled;

    setenv(name, value, 1);
    if (!on_daemon() || settled) return;
    settled = true; /* a kernel in the process reads it once, too */
    stop();
    unlink(socket_path);
    start();
}
