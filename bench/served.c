/* SPDX-License-Identifier: MIT */
#include "served.h"

#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "measure.h"

static pid_t daemon_pid;
static char folder[] = "/tmp/udxg-bench-XXXXXX", socket_path[sizeof folder + 8];

/* Beside the folder of this program. */
static void find_daemon(char path[static PATH_MAX])
{
    ssize_t length = readlink("/proc/self/exe", path, PATH_MAX - 16);
    if (length < 0) measure_die("/proc/self/exe cannot be read");
    path[length] = 0;
    for (int i = 0; i < 2 && strrchr(path, '/'); i++) *strrchr(path, '/') = 0;
    strcat(path, "/udxgd");
}

static _Noreturn void run_daemon(int cpu, int ready_fd)
{
    char path[PATH_MAX], number[16];
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    CPU_SET(cpu, &cpus);
    sched_setaffinity(0, sizeof cpus, &cpus);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    find_daemon(path);
    snprintf(number, sizeof number, "%d", ready_fd);
    execl(path, "udxgd", "--socket", socket_path, "--ready-fd", number, "--log-level", "error", (char *)NULL);
    _exit(127);
}

int served_start(int cpu)
{
    int fds[2];
    char line[256];
    if (!mkdtemp(folder) || pipe(fds)) measure_die("cannot make a folder for a socket");
    snprintf(socket_path, sizeof socket_path, "%s/udxgd", folder);
    daemon_pid = fork();
    if (daemon_pid < 0) measure_die("cannot fork");
    if (daemon_pid == 0) {
        close(fds[0]);
        run_daemon(cpu, fds[1]);
    }
    close(fds[1]);
    ssize_t length = read(fds[0], line, sizeof line);
    close(fds[0]);
    setenv("UDXG_SERVER", socket_path, 1);
    return length > 0;
}

void served_stop(void)
{
    setenv("UDXG_SERVER", "", 1);
    kill(daemon_pid, SIGTERM);
    waitpid(daemon_pid, NULL, 0);
    unlink(socket_path);
    rmdir(folder);
}
