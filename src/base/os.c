/* SPDX-License-Identifier: MIT */
/*
 * System calls. Only Linux, from 5.1 on.
 *
 * Memory of the client is reached in three ways, because each has a price:
 *
 *   copy_in, copy_out     the arguments of every call: must cost no system call. A page that the kernel once
 *                         told us is good is copied with memcpy from then on.
 *   read_foreign, write_  memory that may go at any time: process_vm_readv() on ourselves, each time.
 *   probe                 a question without a copy. Up to PROBE_PAGES_LIMIT pages, each page is asked for:
 *                         readable by process_vm_readv() of one byte a page, all in one call; writable by a
 *                         FUTEX_WAKE_OP that ORs nothing into the page's first word, an atomic access that
 *                         faults like a store and changes nothing. Above that, /proc/self/maps is read: its
 *                         price does not depend on the size, and it does not populate what it asks about.
 *                         Measured: 0.4 us a page, to read or to write; 18 us for the maps of a small process,
 *                         and 0.25 us more for each mapping.
 *
 * Where a sandbox forbids process_vm_readv(), pointers are trusted, as any C library trusts them: there is no
 * other way that needs no signal handler, and we install none in a process that is not ours.
 *
 * Locks: none. The cache of checked pages is a table of atomic words; a lost update costs one system call.
 */
#include "base/os.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <linux/magic.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#if defined(__has_feature)
#if __has_feature(memory_sanitizer)
#include <sanitizer/msan_interface.h>
#define KERNEL_WROTE(address, size) __msan_unpoison(address, size)
#endif
#endif
#ifndef KERNEL_WROTE
#define KERNEL_WROTE(address, size) ((void)(address), (void)(size))
#endif

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008u
#endif

#define LARGE_PAGE_BYTES (UINT64_C(64) << 10) /* of GPUs */
#define HUGE_PAGE_BYTES (UINT64_C(2) << 20)
#define PROBE_PAGES_LIMIT 64u
#define PROBE_BATCH 64u

udxg_status udxg_os_status(int error)
{
    switch (error) {
    case 0:
        return STATUS_SUCCESS;
    case ENOMEM:
    case EMFILE:
    case ENFILE:
    case ENOSPC:
    case EAGAIN:
    case EDQUOT:
        return STATUS_NO_MEMORY;
    case EBADF:
        return STATUS_INVALID_HANDLE;
    case EINVAL:
    case EFAULT:
    case EDOM:
        return STATUS_INVALID_PARAMETER;
    case EPERM:
    case EACCES:
    case EROFS:
        return STATUS_ACCESS_DENIED;
    case ENOSYS:
    case EOPNOTSUPP:
        return STATUS_NOT_SUPPORTED;
    case EEXIST:
        return STATUS_OBJECT_NAME_COLLISION;
    case ENOENT:
        return STATUS_OBJECT_NAME_NOT_FOUND;
    case EOVERFLOW:
        return STATUS_INTEGER_OVERFLOW;
    case ENODEV:
    case ENXIO:
    case EPIPE:
    case ECONNRESET:
        return STATUS_DEVICE_REMOVED;
    default:
        return STATUS_UNSUCCESSFUL;
    }
}

/* ---- memory ---- */

udxg_status udxg_os_memfd(const char *name, uint64_t size_bytes, int *ret_fd)
{
    if (size_bytes > INT64_MAX) return STATUS_NO_MEMORY;
    /* Systems may demand the flag (vm.memfd_noexec); kernels before 6.3 do not know it. */
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
    if (fd < 0 && errno == EINVAL) fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0) return udxg_os_status(errno);
    if (ftruncate(fd, (off_t)size_bytes) != 0) {
        int error = errno;
        close(fd);
        return error == EINVAL || error == EFBIG ? STATUS_NO_MEMORY : udxg_os_status(error);
    }
    *ret_fd = fd;
    return STATUS_SUCCESS;
}

/* Address space of SIZE that begins at a multiple of ALIGNMENT, still without access. MAP_FAILED: none. */
static char *reserve_aligned(uint64_t size_bytes, uint64_t alignment)
{
    uint64_t reserved = udxg_align_up(size_bytes, UDXG_PAGE_SIZE) + alignment;
    if (reserved < size_bytes) return MAP_FAILED;
    char *start = mmap(NULL, reserved, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (start == MAP_FAILED) return MAP_FAILED;
    uint64_t before = udxg_align_up((uintptr_t)start, alignment) - (uintptr_t)start;
    if (before) munmap(start, before);
    munmap(start + before + reserved - alignment, alignment - before);
    return start + before;
}

udxg_status udxg_os_map(int fd, uint64_t offset, uint64_t size_bytes, bool write, void **ret_address)
{
    int protection = write ? PROT_READ | PROT_WRITE : PROT_READ;
    char *address = reserve_aligned(size_bytes, size_bytes < HUGE_PAGE_BYTES ? LARGE_PAGE_BYTES : HUGE_PAGE_BYTES);
    if (address == MAP_FAILED) return STATUS_NO_MEMORY;

    int flags = MAP_SHARED | MAP_NORESERVE | MAP_FIXED;
    bool failed = mmap(address, size_bytes, protection, flags, fd, (off_t)offset) == MAP_FAILED ||
                  madvise(address, size_bytes, MADV_DONTFORK) != 0;
    if (failed) {
        int error = errno;
        munmap(address, size_bytes);
        return udxg_os_status(error);
    }
    madvise(address, size_bytes, MADV_DONTDUMP); /* for the size of core files only */
    *ret_address = address;
    return STATUS_SUCCESS;
}

udxg_status udxg_os_map_file(const char *path, uint64_t size_bytes, void **ret_address)
{
    struct stat file;
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    udxg_status status;

    if (fd < 0) return path ? udxg_os_status(errno) : STATUS_INVALID_PARAMETER;
    if (fstat(fd, &file) != 0 || (uint64_t)file.st_size < size_bytes)
        status = STATUS_INVALID_PARAMETER;
    else
        status = udxg_os_map(fd, 0, size_bytes, true, ret_address);
    close(fd);
    return status;
}

/*
 * Whether FD is a memory file: only these have seals. One of huge pages is none to us: it can be mapped without there
 * being any, and then its first touch is a signal.
 */
static bool is_memory_file(int fd)
{
    struct statfs system;

    return fcntl(fd, F_GET_SEALS) >= 0 && fstatfs(fd, &system) == 0 && system.f_type == TMPFS_MAGIC;
}

static bool may_write(int fd)
{
    return (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDWR &&
           !(fcntl(fd, F_GET_SEALS) & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE));
}

static bool cannot_shrink(int fd)
{
    return fcntl(fd, F_GET_SEALS) & F_SEAL_SHRINK || fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK) == 0;
}

udxg_status udxg_os_map_section(intptr_t fd, uint64_t size_bytes, bool read_only, bool seal, void **ret_address)
{
    struct stat file;

    if (fd < 0 || fd > INT_MAX || fstat((int)fd, &file) != 0) return STATUS_INVALID_HANDLE;
    if (!is_memory_file((int)fd) || (uint64_t)file.st_size < size_bytes) return STATUS_INVALID_PARAMETER;
    if ((fcntl((int)fd, F_GETFL) & O_ACCMODE) == O_WRONLY) return STATUS_INVALID_PARAMETER;
    if (!read_only && !may_write((int)fd)) return STATUS_INVALID_PARAMETER;
    /* It may have become smaller since it was looked at, but not after that. */
    if (seal && (!cannot_shrink((int)fd) || fstat((int)fd, &file) != 0 || (uint64_t)file.st_size < size_bytes))
        return STATUS_INVALID_PARAMETER;
    return udxg_os_map((int)fd, 0, size_bytes, !read_only, ret_address);
}

void udxg_os_unmap(void *address, uint64_t size_bytes)
{
    munmap(address, size_bytes);
}

udxg_status udxg_os_map_anonymous(uint64_t size_bytes, void **ret_address)
{
    void *address = mmap(NULL, size_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (address == MAP_FAILED) return udxg_os_status(errno);
    *ret_address = address;
    return STATUS_SUCCESS;
}

udxg_status udxg_os_map_large(uint64_t size_bytes, void **ret_address)
{
    char *address = reserve_aligned(size_bytes, HUGE_PAGE_BYTES);
    if (address == MAP_FAILED) return STATUS_NO_MEMORY;
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED;
    if (mmap(address, size_bytes, PROT_READ | PROT_WRITE, flags, -1, 0) == MAP_FAILED) {
        int error = errno;
        munmap(address, size_bytes);
        return udxg_os_status(error);
    }
    madvise(address, size_bytes, MADV_HUGEPAGE); /* refused where the system has none: small pages do as well */
    *ret_address = address;
    return STATUS_SUCCESS;
}

bool udxg_os_is_sealed_readonly(int fd)
{
    return fcntl(fd, F_GET_SEALS) & F_SEAL_FUTURE_WRITE;
}

udxg_status udxg_os_seal_readonly(int fd)
{
    if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE) != 0) return udxg_os_status(errno);
    return STATUS_SUCCESS;
}

udxg_status udxg_os_seal_size(int fd)
{
    int seals = fcntl(fd, F_GET_SEALS);

    if (seals < 0) return STATUS_INVALID_PARAMETER;
    if (seals & F_SEAL_SHRINK && seals & F_SEAL_GROW) return STATUS_SUCCESS;
    if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) != 0) return udxg_os_status(errno);
    return STATUS_SUCCESS;
}

udxg_status udxg_os_punch(int fd, uint64_t offset, uint64_t size_bytes)
{
    int failed;
    do {
        failed = fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)size_bytes);
    } while (failed && errno == EINTR);
    return failed ? udxg_os_status(errno) : STATUS_SUCCESS;
}

uint32_t udxg_os_pid(void)
{
    return (uint32_t)getpid();
}

uint64_t udxg_os_ram_bytes(void)
{
    return (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* ---- time and events ---- */

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

unsigned udxg_os_cpu_count(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) ? 1 : (unsigned)CPU_COUNT(&set);
}

void udxg_os_cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &attributes);
    pthread_condattr_destroy(&attributes);
}

void udxg_os_cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *mutex, uint64_t deadline_ns)
{
    struct timespec deadline = {.tv_sec = (time_t)(deadline_ns / 1000000000u),
                                .tv_nsec = (long)(deadline_ns % 1000000000u)};
    pthread_cond_timedwait(cond, mutex, &deadline);
}

uint64_t udxg_os_now_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

uint64_t udxg_os_now_raw_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC_RAW);
}

void udxg_os_nap_ns(uint64_t duration_ns)
{
    struct timespec duration = {(time_t)(duration_ns / 1000000000u), (long)(duration_ns % 1000000000u)};
    nanosleep(&duration, NULL);
}

void udxg_os_futex_wait(_Atomic uint32_t *word, uint32_t value)
{
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}

bool udxg_os_futex_wait_until(_Atomic uint32_t *word, uint32_t value, uint64_t deadline_ns, bool realtime)
{
    struct timespec deadline = {(time_t)(deadline_ns / 1000000000u), (long)(deadline_ns % 1000000000u)};
    int operation = FUTEX_WAIT_BITSET_PRIVATE | (realtime ? FUTEX_CLOCK_REALTIME : 0);

    return syscall(SYS_futex, word, operation, value, &deadline, NULL, FUTEX_BITSET_MATCH_ANY) == 0 ||
           errno != ETIMEDOUT;
}

void udxg_os_futex_wake(_Atomic uint32_t *word)
{
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

void udxg_os_shared_futex_wait(_Atomic uint32_t *word, uint32_t value, int timeout_ms)
{
    struct timespec timeout = {timeout_ms / 1000, timeout_ms % 1000 * 1000000L};

    syscall(SYS_futex, word, FUTEX_WAIT, value, timeout_ms < 0 ? NULL : &timeout, NULL, 0);
}

void udxg_os_shared_futex_wake(_Atomic uint32_t *word)
{
    syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

unsigned udxg_os_cpu(void)
{
    int cpu = sched_getcpu();

    return cpu < 0 ? 0 : (unsigned)cpu;
}

void udxg_os_event_signal(int fd)
{
    /* A full counter blocks the writer; it has been signalled often enough then. */
    struct pollfd writable = {.fd = fd, .events = POLLOUT};
    uint64_t one = 1;
    ssize_t written;

    if (poll(&writable, 1, 0) != 1 || !(writable.revents & POLLOUT)) return;
    do {
        written = write(fd, &one, sizeof(one));
    } while (written < 0 && errno == EINTR);
}

static bool is_eventfd(int fd)
{
    static const char eventfd[] = "anon_inode:[eventfd]";
    char path[32], target[sizeof(eventfd)];

    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    ssize_t length = readlink(path, target, sizeof(target));
    return length == (ssize_t)sizeof(eventfd) - 1 && memcmp(target, eventfd, sizeof(eventfd) - 1) == 0;
}

udxg_status udxg_os_event_dup(intptr_t fd, int *ret_fd)
{
    int copy;

    if (fd < 0 || fd > INT_MAX) return STATUS_INVALID_HANDLE;
    copy = fcntl((int)fd, F_DUPFD_CLOEXEC, 0);
    if (copy < 0) return errno == EBADF ? STATUS_INVALID_HANDLE : udxg_os_status(errno);
    if (!is_eventfd(copy)) {
        close(copy);
        return STATUS_INVALID_HANDLE;
    }
    *ret_fd = copy;
    return STATUS_SUCCESS;
}

/* ---- descriptors ---- */

void udxg_os_close(int fd)
{
    if (fd >= 0) close(fd);
}

udxg_status udxg_os_dup(int fd, int *ret_fd)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);

    if (copy < 0) return udxg_os_status(errno == EINVAL ? EMFILE : errno);
    *ret_fd = copy;
    return STATUS_SUCCESS;
}

/* The same descriptor with a number above the standard ones; takes FD. */
int udxg_os_above_standard(int fd)
{
    int copy;

    if (fd < 0 || fd > STDERR_FILENO) return fd;
    copy = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    close(fd);
    return copy;
}

udxg_status udxg_os_pipe(int *ret_read, int *ret_write)
{
    int fds[2];

    if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) != 0) return udxg_os_status(errno);
    fds[0] = udxg_os_above_standard(fds[0]);
    fds[1] = udxg_os_above_standard(fds[1]);
    if (fds[0] < 0 || fds[1] < 0) {
        udxg_os_close(fds[0]);
        udxg_os_close(fds[1]);
        return STATUS_NO_MEMORY;
    }
    *ret_read = fds[0];
    *ret_write = fds[1];
    return STATUS_SUCCESS;
}

bool udxg_os_is_descriptor(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

void udxg_os_own_name(char *ret_name, size_t room)
{
    int fd = open("/proc/self/comm", O_RDONLY | O_CLOEXEC);
    ssize_t bytes = fd < 0 ? 0 : read(fd, ret_name, room);

    if (fd >= 0) close(fd);
    if (bytes < 0) bytes = 0;
    if (bytes && ret_name[bytes - 1] == '\n') bytes--;
    memset(ret_name + bytes, 0, room - (size_t)bytes);
}

bool udxg_os_open_own_memory(int *ret_mem_fd, int *ret_maps_fd)
{
    *ret_mem_fd = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
    *ret_maps_fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    if (*ret_mem_fd >= 0 && *ret_maps_fd >= 0) return true;
    if (*ret_mem_fd >= 0) udxg_os_close(*ret_mem_fd);
    if (*ret_maps_fd >= 0) udxg_os_close(*ret_maps_fd);
    return false;
}

void udxg_os_make_inheritable(int fd)
{
    (void)fcntl(fd, F_SETFD, 0);
}

/*
 * Not by F_GETPIPE_SZ, which only pipes answer: it waits for the lock of the pipe, and who writes from memory that is
 * slow to come (of his own FUSE file system) holds that as long as he likes. STATX_DONT_SYNC is what keeps FUSE from
 * asking its server.
 */
bool udxg_os_pipe_end(intptr_t fd, struct udxg_os_pipe_end *ret)
{
    const unsigned wanted = STATX_TYPE | STATX_INO | STATX_MTIME;
    struct statx file;
    int flags;

    if (fd < 0 || fd > INT_MAX) return false;
    flags = fcntl((int)fd, F_GETFL);
    if (flags < 0 || flags & O_PATH || statx((int)fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, wanted, &file) != 0)
        return false;
    if (~file.stx_mask & wanted || !S_ISFIFO(file.stx_mode) || (flags & O_ACCMODE) == O_RDWR) return false;
    *ret = (struct udxg_os_pipe_end){.device = (uint64_t)file.stx_dev_major << 32 | file.stx_dev_minor,
                                     .inode = file.stx_ino,
                                     .stamp = file.stx_mtime.tv_sec,
                                     .writes = (flags & O_ACCMODE) == O_WRONLY};
    return true;
}

bool udxg_os_same_pipe_end(const struct udxg_os_pipe_end *a, const struct udxg_os_pipe_end *b)
{
    return a->device == b->device && a->inode == b->inode && a->stamp == b->stamp && a->writes == b->writes;
}

bool udxg_os_pipe_stamp(int fd, int64_t *ret_stamp)
{
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {0}};

    if (!udxg_os_random(ret_stamp, sizeof *ret_stamp)) return false;
    times[1].tv_sec = *ret_stamp;
    return futimens(fd, times) == 0;
}

bool udxg_os_has_hung_up(int fd)
{
    struct pollfd poll_fd = {.fd = fd};

    return poll(&poll_fd, 1, 0) == 1 && poll_fd.revents & (POLLHUP | POLLERR);
}

/* What the system says of a descriptor begins a line with "Pid:" for these alone; -1 is a process that is gone. */
bool udxg_os_pidfd_pid(intptr_t fd, uint32_t *ret_pid)
{
    char path[48], text[512];
    int info;
    ssize_t got;
    long pid;

    if (fd < 0 || fd > INT_MAX) return false;
    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", (int)fd);
    info = open(path, O_RDONLY | O_CLOEXEC);
    if (info < 0) return false;
    got = read(info, text, sizeof text - 1);
    close(info);
    if (got <= 0) return false;
    text[got] = 0;
    const char *line = strstr(text, "\nPid:");
    pid = line ? strtol(line + 5, NULL, 10) : 0;
    if (pid <= 0) return false;
    *ret_pid = (uint32_t)pid;
    return true;
}

/* SIGPIPE of a pipe without a reader would be the client's death: it is held back, and taken out. */
void udxg_os_pipe_mark(int fd)
{
    static const struct timespec at_once;
    sigset_t pipe_signal, former;

    sigemptyset(&pipe_signal);
    sigaddset(&pipe_signal, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_signal, &former);
    if (write(fd, "", 1) < 0 && errno == EPIPE && !sigismember(&former, SIGPIPE))
        sigtimedwait(&pipe_signal, NULL, &at_once);
    pthread_sigmask(SIG_SETMASK, &former, NULL);
}

bool udxg_os_random(void *bytes, size_t size_bytes)
{
    return getrandom(bytes, size_bytes, 0) == (ssize_t)size_bytes;
}

static udxg_status epoll_register(int epoll_fd, int fd, uint32_t events, void *user)
{
    struct epoll_event event = {.events = events, .data.ptr = user};

    return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0 ? STATUS_SUCCESS : udxg_os_status(errno);
}

udxg_status udxg_os_epoll_create(int *ret_epoll_fd, int *ret_stop_fd)
{
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC), stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    udxg_status status =
        epoll_fd < 0 || stop_fd < 0 ? udxg_os_status(errno) : epoll_register(epoll_fd, stop_fd, EPOLLIN, NULL);

    if (udxg_failed(status)) {
        udxg_os_close(epoll_fd);
        udxg_os_close(stop_fd);
        return status;
    }
    *ret_epoll_fd = epoll_fd;
    *ret_stop_fd = stop_fd;
    return STATUS_SUCCESS;
}

udxg_status udxg_os_epoll_add(int epoll_fd, int fd, void *user)
{
    return epoll_register(epoll_fd, fd, EPOLLHUP | EPOLLONESHOT, user);
}

bool udxg_os_epoll_wait(int epoll_fd)
{
    struct pollfd poll_fd = {.fd = epoll_fd, .events = POLLIN};
    int count;

    /* Signals are blocked, but a debugger may interrupt. Anything else will not get better by itself. */
    do {
        count = poll(&poll_fd, 1, -1);
    } while (count < 0 && errno == EINTR);
    return count == 1 && !(poll_fd.revents & POLLNVAL);
}

bool udxg_os_epoll_take(int epoll_fd, void **ret_users, unsigned *ret_count)
{
    struct epoll_event events[UDXG_OS_EVENTS];
    int count = epoll_wait(epoll_fd, events, UDXG_OS_EVENTS, 0);

    for (int i = 0; i < count; i++) ret_users[i] = events[i].data.ptr;
    *ret_count = count > 0 ? (unsigned)count : 0;
    return count >= 0;
}

/* ---- threads ---- */

struct start {
    void *(*main)(void *);
    void *argument;
    char name[16]; /* as long as the system's */
};

/* A thread names itself: who names another has to open a file, and the daemon opens none. */
static void *begin(void *argument)
{
    struct start start = *(struct start *)argument;

    free(argument);
    prctl(PR_SET_NAME, start.name);
    return start.main(start.argument);
}

bool udxg_os_thread_create(pthread_t *ret_thread, const char *name, void *(*main)(void *), void *argument)
{
    struct start *start = malloc(sizeof(*start));
    sigset_t all, former;
    int error;

    if (!start) return false;
    *start = (struct start){.main = main, .argument = argument};
    snprintf(start->name, sizeof(start->name), "%s", name);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &former);
    error = pthread_create(ret_thread, NULL, begin, start);
    pthread_sigmask(SIG_SETMASK, &former, NULL);
    if (error) free(start);
    return !error;
}

/* ---- pages that were seen good ---- */

enum { SEEN_READABLE = 1, SEEN_WRITABLE = 2, SEEN_BOTH = 3 };

#define SEEN_PAGES 1024u

/*
 * Page number << 2 | flags. A page has two places, side by side, which its number leads to in no simple way: the
 * stacks of threads are a power of two apart, and the same calls use the same pages of each.
 */
static _Atomic uint64_t seen_pages[SEEN_PAGES];

static _Atomic uint64_t *seen_places(uint64_t page)
{
    return &seen_pages[(page * UINT64_C(0x9e3779b97f4a7c15) >> 32) % SEEN_PAGES & ~UINT64_C(1)];
}

static uint64_t page_of(uint64_t address)
{
    return address / UDXG_PAGE_SIZE;
}

/* False when the range would wrap around. Otherwise [first, last] are its pages; SIZE is not 0. */
static bool page_span(const void *client, uint64_t size_bytes, uint64_t *ret_first, uint64_t *ret_last)
{
    uint64_t start = (uint64_t)(uintptr_t)client;
    if (size_bytes - 1 > UINT64_MAX - start) return false;
    *ret_first = page_of(start);
    *ret_last = page_of(start + size_bytes - 1);
    return true;
}

/*
 * Ranges longer than this are asked about each time and never remembered: the question costs little beside the
 * copy, and large blocks are what malloc unmaps behind the table's back.
 */
#define SEEN_SPAN 8u

static bool page_seen(uint64_t page, unsigned flag)
{
    const _Atomic uint64_t *places = seen_places(page);
    uint64_t tag = atomic_load_explicit(&places[0], memory_order_relaxed);
    if (tag >> 2 != page) tag = atomic_load_explicit(&places[1], memory_order_relaxed);
    return tag >> 2 == page && tag & flag;
}

static bool pages_seen(uint64_t first, uint64_t last, unsigned flag)
{
    if (last - first >= SEEN_SPAN) return false;
    for (uint64_t page = first; page <= last; page++)
        if (!page_seen(page, flag)) return false;
    return true;
}

/* What the first place held moves to the second. */
static void page_mark_seen(uint64_t page, unsigned flags)
{
    _Atomic uint64_t *places = seen_places(page);
    uint64_t first = atomic_load_explicit(&places[0], memory_order_relaxed);
    uint64_t second = atomic_load_explicit(&places[1], memory_order_relaxed);
    uint64_t former = first >> 2 == page ? first : second >> 2 == page ? second : 0;
    if (first >> 2 != page) atomic_store_explicit(&places[1], first, memory_order_relaxed);
    atomic_store_explicit(&places[0], page << 2 | (former & 3) | flags, memory_order_relaxed);
}

static void pages_mark_seen(uint64_t first, uint64_t last, unsigned flags)
{
    if (last - first >= SEEN_SPAN) return;
    for (uint64_t page = first; page <= last; page++) page_mark_seen(page, flags);
}

void udxg_os_forget_pages(void)
{
    for (unsigned i = 0; i < SEEN_PAGES; i++) atomic_store_explicit(&seen_pages[i], 0, memory_order_relaxed);
}

/* ---- copies that the kernel makes for us ---- */

static atomic_bool foreign_forbidden; /* a sandbox refused process_vm_readv() */

/* One system call; what it copied, or -errno. It always stops at the first bad page of the client. */
static ssize_t foreign_copy(void *ours, void *client, size_t size_bytes, bool write)
{
    struct iovec local = {ours, size_bytes}, remote = {client, size_bytes};
    long number = write ? SYS_process_vm_writev : SYS_process_vm_readv;
    long copied = syscall(number, getpid(), &local, 1ul, &remote, 1ul, 0ul);
    if (copied < 0) return -errno;
    if (!write) KERNEL_WROTE(ours, (size_t)copied);
    return copied;
}

static bool is_forbidden(ssize_t negative_errno)
{
    return negative_errno == -ENOSYS || negative_errno == -EPERM;
}

static udxg_status foreign_transfer(void *ours, void *client, size_t size_bytes, bool write, size_t *ret_copied)
{
    size_t done = 0;
    ssize_t step = 0;
    bool forbidden = atomic_load_explicit(&foreign_forbidden, memory_order_relaxed);
    while (done < size_bytes && !forbidden) {
        step = foreign_copy((char *)ours + done, (char *)client + done, size_bytes - done, write);
        if (step <= 0) break;
        done += (size_t)step;
    }
    if (forbidden || is_forbidden(step)) {
        atomic_store_explicit(&foreign_forbidden, true, memory_order_relaxed);
        memcpy(write ? client : ours, write ? ours : client, size_bytes);
        done = size_bytes;
    }
    if (ret_copied) *ret_copied = done;
    if (done == size_bytes) return STATUS_SUCCESS;
    return step == -ENOMEM ? STATUS_NO_MEMORY : STATUS_INVALID_PARAMETER;
}

udxg_status udxg_os_read_foreign(void *destination, const void *client, size_t size_bytes, size_t *ret_copied)
{
    return foreign_transfer(destination, (void *)(uintptr_t)client, size_bytes, false, ret_copied);
}

udxg_status udxg_os_write_foreign(void *client, const void *source, size_t size_bytes, size_t *ret_copied)
{
    return foreign_transfer((void *)(uintptr_t)source, client, size_bytes, true, ret_copied);
}

udxg_status udxg_os_copy_in(void *destination, const void *client, size_t size_bytes)
{
    uint64_t first, last;
    if (!size_bytes) return STATUS_SUCCESS;
    if (!page_span(client, size_bytes, &first, &last)) return STATUS_INVALID_PARAMETER;
    if (pages_seen(first, last, SEEN_READABLE)) {
        memcpy(destination, client, size_bytes);
        return STATUS_SUCCESS;
    }
    udxg_status status = udxg_os_read_foreign(destination, client, size_bytes, NULL);
    if (!udxg_failed(status)) pages_mark_seen(first, last, SEEN_READABLE);
    return status;
}

udxg_status udxg_os_copy_out(void *client, const void *source, size_t size_bytes)
{
    uint64_t first, last;
    if (!size_bytes) return STATUS_SUCCESS;
    if (!page_span(client, size_bytes, &first, &last)) return STATUS_INVALID_PARAMETER;
    if (pages_seen(first, last, SEEN_WRITABLE)) {
        memcpy(client, source, size_bytes);
        return STATUS_SUCCESS;
    }
    udxg_status status = udxg_os_write_foreign(client, source, size_bytes, NULL);
    if (!udxg_failed(status)) pages_mark_seen(first, last, SEEN_BOTH);
    return status;
}

/* ---- probes ---- */

enum probe_result { PROBE_GOOD, PROBE_BAD, PROBE_UNKNOWN };

static enum probe_result probe_readable(uint64_t first, uint64_t last)
{
    struct iovec remote[PROBE_BATCH];
    char bytes[PROBE_BATCH];
    struct iovec local = {bytes, sizeof(bytes)};
    while (first <= last) {
        unsigned long count = last - first + 1 < PROBE_BATCH ? last - first + 1 : PROBE_BATCH;
        for (unsigned long i = 0; i < count; i++) {
            remote[i] = (struct iovec){(void *)(uintptr_t)((first + i) * UDXG_PAGE_SIZE), 1};
        }
        local.iov_len = count;
        long read = syscall(SYS_process_vm_readv, getpid(), &local, 1ul, remote, count, 0ul);
        if (read < 0 && is_forbidden(-errno)) return PROBE_UNKNOWN;
        if (read != (long)count) return PROBE_BAD;
        first += count;
    }
    return PROBE_GOOD;
}

static enum probe_result probe_writable(uint64_t first, uint64_t last)
{
    /* Who waits on such a word may wake, as waiters of a futex must expect. The comparison makes it unlikely. */
    const unsigned or_nothing = FUTEX_OP(FUTEX_OP_OR, 0, FUTEX_OP_CMP_EQ, 0x5a5);
    for (; first <= last; first++) {
        uint32_t ours = 0;
        void *page = (void *)(uintptr_t)(first * UDXG_PAGE_SIZE);
        if (syscall(SYS_futex, &ours, FUTEX_WAKE_OP | FUTEX_PRIVATE_FLAG, 0, 0ul, page, or_nothing) >= 0) continue;
        return errno == ENOSYS ? PROBE_UNKNOWN : PROBE_BAD;
    }
    return PROBE_GOOD;
}

static enum probe_result probe_maps(uint64_t first, uint64_t last, bool write)
{
    int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return PROBE_UNKNOWN;
    bool good = udxg_os_maps_cover(fd, first, last, write);
    close(fd);
    return good ? PROBE_GOOD : PROBE_BAD;
}

static enum probe_result probe_pages(uint64_t first, uint64_t last, bool write)
{
    return write ? probe_writable(first, last) : probe_readable(first, last);
}

udxg_status udxg_os_probe(const void *client, uint64_t size_bytes, bool write)
{
    uint64_t first, last;
    if (!size_bytes) return STATUS_SUCCESS;
    if (!page_span(client, size_bytes, &first, &last)) return STATUS_INVALID_PARAMETER;

    bool small = last - first < PROBE_PAGES_LIMIT;
    enum probe_result result = small ? probe_pages(first, last, write) : probe_maps(first, last, write);
    if (result == PROBE_UNKNOWN) {
        result = small ? probe_maps(first, last, write) : probe_pages(first, last, write);
    }
    return result == PROBE_BAD ? STATUS_INVALID_PARAMETER : STATUS_SUCCESS;
}

udxg_status udxg_os_probe_argument(const void *client, uint64_t size_bytes, bool write)
{
    uint64_t first, last;
    if (!size_bytes) return STATUS_SUCCESS;
    if (!page_span(client, size_bytes, &first, &last)) return STATUS_INVALID_PARAMETER;
    if (pages_seen(first, last, write ? SEEN_WRITABLE : SEEN_READABLE)) return STATUS_SUCCESS;
    udxg_status status = udxg_os_probe(client, size_bytes, write);
    if (!udxg_failed(status)) pages_mark_seen(first, last, write ? SEEN_BOTH : SEEN_READABLE);
    return status;
}
