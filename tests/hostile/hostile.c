/* SPDX-License-Identifier: MIT */
/* The runner; see hostile.h. Arguments, if there are any, are the names of the tests to run. */
#include "hostile.h"

#include <dirent.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "raw.h"

#define ONCE 4 /* descriptors that the kernel may make at any time, and keeps */
#define TEST_S 120u
#define SETTLE_MS 5000u
#define SLOW_NS 3000000000u /* on a machine with much else to do */
#define GROWTH_KB 262144    /* of the daemon's memory from the first test to the last; sanitizers keep what was freed */

/* What a client sees that has nothing to do with the tests. */
struct bystander {
    atomic_uint calls, failures;
    _Atomic uint64_t worst_ns;
};

struct counts {
    long threads, descriptors, resident_kb;
};

static char folder[64], path[96];
static pid_t daemon_pid;
static struct bystander *bystander;

/* ---- small things ---- */

uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

int open_memory(int which)
{
    int fd =
        which == O_MEM ? open("/proc/self/mem", O_RDWR | O_CLOEXEC) : open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    NEED(fd >= 0);
    return fd;
}

const char *daemon_path(void)
{
    return path;
}

int daemon_number(void)
{
    return daemon_pid;
}

/* ---- the daemon ---- */

static void start(const char *socket_path, const char *option)
{
    const char *program = getenv("UDXG_TEST_UDXGD");
    const char *level = getenv("UDXG_HOSTILE_LOG");
    char number[16], line[256];
    int fds[2];

    NEED(program != NULL && pipe(fds) == 0);
    fflush(stdout);
    daemon_pid = fork();
    NEED(daemon_pid >= 0);
    if (!daemon_pid) {
        close(fds[0]);
        snprintf(number, sizeof number, "%d", fds[1]);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execl(program, "udxgd", "--socket", socket_path, "--ready-fd", number, "--log-level", level ? level : "error",
              "--adapter", "soft-discrete", option, (char *)NULL);
        _exit(127);
    }
    close(fds[1]);
    NEED(read(fds[0], line, sizeof line) > 0);
    close(fds[0]);
}

void daemon_own(const char *option)
{
    static char own[112];
    snprintf(own, sizeof own, "%s.own", path);
    strcpy(path, own);
    start(path, option);
}

bool daemon_ends(int timeout_ms)
{
    uint64_t end = now_ns() + (uint64_t)timeout_ms * 1000000u;
    int status = 0;

    kill(daemon_pid, SIGTERM);
    while (now_ns() < end) {
        if (waitpid(daemon_pid, &status, WNOHANG) == daemon_pid) return WIFEXITED(status) && !WEXITSTATUS(status);
        usleep(1000);
    }
    kill(daemon_pid, SIGKILL);
    return false;
}

static bool daemon_lives(void)
{
    int status;
    return waitpid(daemon_pid, &status, WNOHANG) == 0;
}

/* Of sessions and links; what the kernel has of its own comes and stays. */
static long count_threads(void)
{
    char name[320], text[32];
    long count = 0;

    snprintf(name, sizeof name, "/proc/%d/task", daemon_pid);
    DIR *entries = opendir(name);
    if (!entries) return 0;
    for (struct dirent *entry; (entry = readdir(entries));) {
        snprintf(name, sizeof name, "/proc/%d/task/%s/comm", daemon_pid, entry->d_name);
        FILE *file = fopen(name, "r");
        if (!file) continue;
        if (fgets(text, sizeof text, file) && (!strncmp(text, "udxg-link", 9) || !strncmp(text, "udxgd-session", 13)))
            count++;
        fclose(file);
    }
    closedir(entries);
    return count;
}

/* -1 where the system does not let us look. */
static long count_descriptors(void)
{
    char name[64];
    long count = 0;

    snprintf(name, sizeof name, "/proc/%d/fd", daemon_pid);
    DIR *entries = opendir(name);
    if (!entries) return -1;
    while (readdir(entries)) count++;
    closedir(entries);
    return count;
}

static struct counts count(void)
{
    struct counts counts = {.threads = count_threads(), .descriptors = count_descriptors()};
    char name[64], line[256];

    snprintf(name, sizeof name, "/proc/%d/status", daemon_pid);
    FILE *file = fopen(name, "r");
    if (!file) return counts;
    while (fgets(line, sizeof line, file)) {
        sscanf(line, "VmRSS: %ld", &counts.resident_kb);
    }
    fclose(file);
    return counts;
}

/* ---- the bystander ---- */

/* Creates and destroys a fence again and again, in a process that ends with the suite. */
static void stand_by(void)
{
    struct raw_world world;

    raw_make(&world);
    for (;;) {
        D3DKMT_CREATESYNCHRONIZATIONOBJECT2 fence = {.hDevice = world.device, .Info.Type = D3DDDI_MONITORED_FENCE};
        uint64_t begin = now_ns();
        NTSTATUS status = RAW_CALL(&world.link, CreateSynchronizationObject2, &fence);
        if (status == STATUS_SUCCESS) {
            D3DKMT_DESTROYSYNCHRONIZATIONOBJECT destroy = {fence.hSyncObject};
            status = RAW_CALL(&world.link, DestroySynchronizationObject, &destroy);
        }
        uint64_t took = now_ns() - begin;
        if (status != STATUS_SUCCESS) atomic_fetch_add(&bystander->failures, 1);
        if (status == RAW_OVER) _exit(1);
        if (took > atomic_load(&bystander->worst_ns)) atomic_store(&bystander->worst_ns, took);
        atomic_fetch_add(&bystander->calls, 1);
        usleep(2000);
    }
}

static pid_t start_bystander(void)
{
    pid_t pid;

    fflush(stdout);
    pid = fork();
    if (pid) return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    stand_by();
    _exit(0);
}

/* The bystander makes COUNT more calls in the time; then it is well. */
static bool bystander_is_well(void)
{
    unsigned wanted = atomic_load(&bystander->calls) + 5;
    uint64_t end = now_ns() + SLOW_NS;

    while (atomic_load(&bystander->calls) < wanted && now_ns() < end) usleep(1000);
    return atomic_load(&bystander->calls) >= wanted && !atomic_load(&bystander->failures) &&
           atomic_load(&bystander->worst_ns) < SLOW_NS;
}

/* ---- tests ---- */

static bool run(const struct hostile_test *test)
{
    int status;
    pid_t pid;

    fflush(stdout);
    pid = fork();
    if (!pid) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        alarm(TEST_S);
        test->run();
        fflush(stdout);
        _exit(0);
    }
    waitpid(pid, &status, 0);
    if (WIFEXITED(status) && !WEXITSTATUS(status)) return true;
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) return true; /* some end so on purpose */
    printf("# ended with %#x\n", (unsigned)status);
    return false;
}

/* What the test's client had is gone after a moment. */
static bool daemon_is_as_before(const struct counts *before)
{
    uint64_t end = now_ns() + (uint64_t)SETTLE_MS * 1000000u;
    struct counts after;

    do {
        if (!daemon_lives()) {
            printf("# the daemon has died\n");
            return false;
        }
        after = count();
        if (after.threads <= before->threads && after.descriptors <= before->descriptors + ONCE &&
            after.resident_kb <= before->resident_kb + GROWTH_KB)
            return true;
        usleep(10000);
    } while (now_ns() < end);
    printf("# threads %ld, were %ld; descriptors %ld, were %ld; KiB %ld, were %ld\n", after.threads, before->threads,
           after.descriptors, before->descriptors, after.resident_kb, before->resident_kb);
    return false;
}

static bool is_wanted(const char *name, int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (!strcmp(argv[i], name)) return true;
    return argc == 1;
}

/* The counts before the first test are those with everything there that daemons make once. */
static struct counts warm_up(void)
{
    struct raw_world world;
    pid_t pid;

    fflush(stdout);
    pid = fork();
    if (!pid) {
        raw_make(&world);
        raw_make_resident(&world, world.allocation);
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    usleep(300000);
    return count();
}

int main(int argc, char **argv)
{
    const struct hostile_test *const lists[] = {call_tests, wire_tests, share_tests};
    unsigned number = 0, failed = 0;
    pid_t bystander_pid;

    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGPIPE, SIG_IGN);
    snprintf(folder, sizeof folder, "/tmp/udxg-hostile-XXXXXX");
    NEED(mkdtemp(folder) != NULL);
    snprintf(path, sizeof path, "%s/udxgd", folder);
    bystander = mmap(NULL, sizeof *bystander, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    NEED(bystander != MAP_FAILED);
    start(path, NULL);
    bystander_pid = start_bystander();
    NEED(bystander_is_well());
    struct counts before = warm_up();

    for (unsigned i = 0; i < sizeof lists / sizeof *lists; i++) {
        for (const struct hostile_test *test = lists[i]; test->name; test++) {
            if (!is_wanted(test->name, argc, argv)) continue;
            bool good = run(test);
            good = daemon_is_as_before(&before) && good;
            if (good && !bystander_is_well()) {
                printf("# the bystander: %u failures, worst %.1f ms\n", atomic_load(&bystander->failures),
                       (double)atomic_load(&bystander->worst_ns) / 1e6);
                good = false;
            }
            printf("%sok %u - %s%.0d %s\n", good ? "" : "not ", ++number, test->number ? "class " : "wire",
                   test->number, test->name);
            failed += !good;
            if (!daemon_lives()) goto end;
        }
    }
    printf("# the bystander's worst call: %.2f ms of %u\n", (double)atomic_load(&bystander->worst_ns) / 1e6,
           atomic_load(&bystander->calls));
    kill(bystander_pid, SIGKILL);
    if (!daemon_ends(10000)) {
        printf("# the daemon did not end well\n");
        failed++;
    }
    printf("%sok %u - it ends\n", failed ? "not " : "", ++number);
end:
    printf("1..%u\n", number);
    unlink(path);
    rmdir(folder);
    return failed ? 1 : 0;
}
