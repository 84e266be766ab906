/* SPDX-License-Identifier: MIT */
/*
 * Three kinds of system calls (docs/decisions/0021-what-udxgd-may-do.md says why):
 *
 *   on the list below      happen
 *   made by attacks alone  end the daemon: another program, another process, another process's memory
 *   any other              fail with ENOSYS, as on a kernel that does not have them
 *
 * Opening fails with EPERM instead, because that is the truth and libraries have ways to go on. Nothing is opened after
 * the start: descriptors come from clients or are made here. The list is what the conformance tests were seen to use,
 * and what sessions need beyond that.
 *
 * A sanitizer has calls of its own, so a build with one has no filter.
 */
#include "daemon/filter.h"

#include "daemon/build.h"

#if defined(UDXG_SANITIZED)

const char *udxg_filter_install(void)
{
    return "this is a build with a sanitizer";
}

#elif !defined(UDXG_HAVE_SECCOMP)

const char *udxg_filter_install(void)
{
    return "this is a build without libseccomp";
}

#else

#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static const int allowed[] = {
    /* memory */
    SCMP_SYS(brk), SCMP_SYS(fallocate), SCMP_SYS(ftruncate), SCMP_SYS(madvise), SCMP_SYS(memfd_create),
    SCMP_SYS(mremap), SCMP_SYS(munmap),
    /* descriptors */
    SCMP_SYS(close), SCMP_SYS(dup), SCMP_SYS(epoll_create1), SCMP_SYS(epoll_ctl), SCMP_SYS(epoll_pwait),
    SCMP_SYS(epoll_pwait2), SCMP_SYS(epoll_wait), SCMP_SYS(eventfd2), SCMP_SYS(fcntl), SCMP_SYS(fstat),
    SCMP_SYS(fstatfs), SCMP_SYS(lseek), SCMP_SYS(newfstatat), SCMP_SYS(pipe2), SCMP_SYS(poll), SCMP_SYS(ppoll),
    SCMP_SYS(pread64), SCMP_SYS(preadv), SCMP_SYS(pwrite64), SCMP_SYS(pwritev), SCMP_SYS(read),
    SCMP_SYS(readlink), /* of /proc/self/fd: what kind of descriptor a client has sent */
    SCMP_SYS(readv), SCMP_SYS(statx), SCMP_SYS(timerfd_create), SCMP_SYS(timerfd_gettime), SCMP_SYS(timerfd_settime),
    SCMP_SYS(unlink), SCMP_SYS(unlinkat), SCMP_SYS(utimensat), SCMP_SYS(write), SCMP_SYS(writev),
    /* sockets that are there; none are made but pairs */
    SCMP_SYS(accept4), SCMP_SYS(getpeername), SCMP_SYS(getsockname), SCMP_SYS(getsockopt), SCMP_SYS(recvfrom),
    SCMP_SYS(recvmmsg), SCMP_SYS(recvmsg), SCMP_SYS(sendmmsg), SCMP_SYS(sendmsg), SCMP_SYS(sendto),
    SCMP_SYS(setsockopt), SCMP_SYS(shutdown), SCMP_SYS(socketpair),
    /* threads and signals */
    SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(futex), SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(membarrier),
    SCMP_SYS(restart_syscall), SCMP_SYS(rseq), SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn),
    SCMP_SYS(rt_sigtimedwait), SCMP_SYS(sched_getaffinity), SCMP_SYS(sched_yield), SCMP_SYS(set_robust_list),
    SCMP_SYS(sigaltstack),
    /* time, numbers */
    SCMP_SYS(clock_getres), SCMP_SYS(clock_gettime), SCMP_SYS(clock_nanosleep), SCMP_SYS(getcpu), SCMP_SYS(getegid),
    SCMP_SYS(geteuid), SCMP_SYS(getgid), SCMP_SYS(getrandom), SCMP_SYS(getrusage), SCMP_SYS(gettimeofday),
    SCMP_SYS(getuid), SCMP_SYS(nanosleep), SCMP_SYS(sysinfo), SCMP_SYS(time), SCMP_SYS(uname)};

static const int hostile[] = {SCMP_SYS(execve),     SCMP_SYS(execveat),          SCMP_SYS(fork),        SCMP_SYS(vfork),
                              SCMP_SYS(ptrace),     SCMP_SYS(process_vm_writev), SCMP_SYS(bpf),         SCMP_SYS(mount),
                              SCMP_SYS(kexec_load), SCMP_SYS(init_module),       SCMP_SYS(finit_module)};

static const int opening[] = {SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(openat2), SCMP_SYS(creat)};

static bool add_all(scmp_filter_ctx filter, uint32_t action, const int *calls, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (seccomp_rule_add(filter, action, calls[i], 0)) return false;
    return true;
}

/* What depends on arguments: no code, no process but threads, no signal but to ourselves, no name but a thread's. */
static bool add_narrow(scmp_filter_ctx filter)
{
    const uint64_t thread = CLONE_THREAD | CLONE_VM;
    const struct {
        int call;
        uint32_t action;
        struct scmp_arg_cmp argument;
    } rules[] = {
        {SCMP_SYS(mmap), SCMP_ACT_ALLOW, {2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0}},
        {SCMP_SYS(mprotect), SCMP_ACT_ALLOW, {2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0}},
        {SCMP_SYS(clone), SCMP_ACT_ALLOW, {0, SCMP_CMP_MASKED_EQ, thread, thread}},
        {SCMP_SYS(clone), SCMP_ACT_KILL_PROCESS, {0, SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0}},
        {SCMP_SYS(tgkill), SCMP_ACT_ALLOW, {0, SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0}},
        {SCMP_SYS(prctl), SCMP_ACT_ALLOW, {0, SCMP_CMP_EQ, PR_SET_NAME, 0}},
        {SCMP_SYS(prlimit64), SCMP_ACT_ALLOW, {2, SCMP_CMP_EQ, 0, 0}}, /* to ask, not to set */
    };

    for (size_t i = 0; i < COUNT(rules); i++)
        if (seccomp_rule_add_array(filter, rules[i].action, rules[i].call, 1, &rules[i].argument)) return false;
    return true;
}

const char *udxg_filter_install(void)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS)); /* clone3 too: glibc then takes clone */
    if (!filter) return "libseccomp has no memory";
    seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a tree: what is called often is not far down a list */
    int error = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
    bool whole = !error && add_all(filter, SCMP_ACT_ALLOW, allowed, COUNT(allowed)) &&
                 add_all(filter, SCMP_ACT_KILL_PROCESS, hostile, COUNT(hostile)) &&
                 add_all(filter, SCMP_ACT_ERRNO(EPERM), opening, COUNT(opening)) && add_narrow(filter);
    if (whole) error = seccomp_load(filter);
    seccomp_release(filter);
    return !whole ? "libseccomp does not take the rules" : error ? strerror(-error) : NULL;
}

#endif
