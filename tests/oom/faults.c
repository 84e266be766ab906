/* SPDX-License-Identifier: MIT */
/*
 * The wrappers. Each counts a point, fails with the errno that the system would give, or passes the call on and
 * keeps the count of what is held. Blocks are kept in a list with the address they were asked for at, so that a
 * leak has a name.
 *
 * Lock: one for the list; the rest is atomic. Nothing here allocates but through the real functions.
 */
#include "faults.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>

#define PAGE_BYTES 4096u
#define SURPLUS_SHOWN 8

static atomic_bool on, blocked;
static _Atomic uint64_t points, fired, fail_at;
static atomic_bool and_after;
static const char *first_name; /* of the point that failed first; written by whoever fired first */
static const void *first_site;

static _Atomic int64_t live_blocks, live_mapped_bytes, live_threads;

extern const char __executable_start[]; /* the linker's */

void faults_plan(uint64_t plan_fail_at, bool plan_and_after)
{
    atomic_store(&points, 0);
    atomic_store(&fired, 0);
    atomic_store(&fail_at, plan_fail_at);
    atomic_store(&and_after, plan_and_after);
    first_name = NULL;
}

void faults_on(void)
{
    atomic_store(&on, true);
}

void faults_off(void)
{
    atomic_store(&on, false);
}

void faults_block(bool block)
{
    atomic_store(&blocked, block);
}

uint64_t faults_points(void)
{
    return atomic_load(&points);
}

uint64_t faults_fired(void)
{
    return atomic_load(&fired);
}

static unsigned long offset_of(const void *site)
{
    return (unsigned long)((const char *)site - __executable_start);
}

const char *faults_first(void)
{
    static char text[64];
    if (!first_name) return "nothing";
    snprintf(text, sizeof text, "%s at %#lx", first_name, offset_of(first_site));
    return text;
}

static bool fails(const char *name, const void *site)
{
    uint64_t number, wanted = atomic_load(&fail_at);
    if (atomic_load(&blocked)) return true;
    if (!atomic_load(&on)) return false;
    number = atomic_fetch_add(&points, 1) + 1;
    if (!wanted || number < wanted || (number > wanted && !atomic_load(&and_after))) return false;
    if (atomic_fetch_add(&fired, 1) == 0) {
        first_name = name;
        first_site = site;
    }
    return true;
}

#define FAILS(name) fails(name, __builtin_return_address(0))

/* ---- the heap ---- */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
char *__real_strdup(const char *text);
void __real_free(void *block);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);
char *__wrap_strdup(const char *text);
void __wrap_free(void *block);

struct held {
    struct held *next;
    const void *block, *site;
};

#define BUCKETS 1024u
static pthread_mutex_t held_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct held *held[BUCKETS]; /* with held_mutex */

static struct held **bucket_of(const void *block)
{
    return &held[((uintptr_t)block >> 4) % BUCKETS];
}

static void *hold(void *block, const void *site)
{
    struct held *entry;
    if (!block) return NULL;
    entry = __real_malloc(sizeof *entry);
    if (!entry) abort();
    pthread_mutex_lock(&held_mutex);
    *entry = (struct held){.next = *bucket_of(block), .block = block, .site = site};
    *bucket_of(block) = entry;
    pthread_mutex_unlock(&held_mutex);
    atomic_fetch_add(&live_blocks, 1);
    return block;
}

/* Blocks that libc took for itself and gave to us are not known, and not counted. */
static void let_go(const void *block)
{
    struct held **link, *entry;
    pthread_mutex_lock(&held_mutex);
    for (link = bucket_of(block); *link && (*link)->block != block;) link = &(*link)->next;
    entry = *link;
    if (entry) *link = entry->next;
    pthread_mutex_unlock(&held_mutex);
    if (!entry) return;
    __real_free(entry);
    atomic_fetch_sub(&live_blocks, 1);
}

void *__wrap_malloc(size_t size)
{
    if (FAILS("malloc")) {
        errno = ENOMEM;
        return NULL;
    }
    return hold(__real_malloc(size), __builtin_return_address(0));
}

void *__wrap_calloc(size_t count, size_t size)
{
    if (FAILS("calloc")) {
        errno = ENOMEM;
        return NULL;
    }
    return hold(__real_calloc(count, size), __builtin_return_address(0));
}

void *__wrap_realloc(void *block, size_t size)
{
    void *larger = NULL;
    if (!FAILS("realloc")) larger = __real_realloc(block, size);
    if (!larger) {
        errno = ENOMEM;
        return NULL;
    }
    if (block) let_go(block);
    return hold(larger, __builtin_return_address(0));
}

char *__wrap_strdup(const char *text)
{
    if (FAILS("strdup")) {
        errno = ENOMEM;
        return NULL;
    }
    return hold(__real_strdup(text), __builtin_return_address(0));
}

void __wrap_free(void *block)
{
    if (block) let_go(block);
    __real_free(block);
}

/* ---- address space ---- */

void *__real_mmap64(void *address, size_t size, int protection, int flags, int fd, off64_t offset);
int __real_munmap(void *address, size_t size);
int __real_madvise(void *address, size_t size, int advice);
void *__wrap_mmap64(void *address, size_t size, int protection, int flags, int fd, off64_t offset);
int __wrap_munmap(void *address, size_t size);
int __wrap_madvise(void *address, size_t size, int advice);

static int64_t in_pages(size_t size)
{
    return (int64_t)((size + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES);
}

/* What is mapped MAP_FIXED replaces what had been counted. */
void *__wrap_mmap64(void *address, size_t size, int protection, int flags, int fd, off64_t offset)
{
    void *mapped;
    if (FAILS("mmap")) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    mapped = __real_mmap64(address, size, protection, flags, fd, offset);
    if (mapped != MAP_FAILED && !(flags & MAP_FIXED)) atomic_fetch_add(&live_mapped_bytes, in_pages(size));
    return mapped;
}

int __wrap_munmap(void *address, size_t size)
{
    int failed = __real_munmap(address, size);
    if (!failed) atomic_fetch_sub(&live_mapped_bytes, in_pages(size));
    return failed;
}

int __wrap_madvise(void *address, size_t size, int advice)
{
    if (FAILS("madvise")) {
        errno = ENOMEM;
        return -1;
    }
    return __real_madvise(address, size, advice);
}

/* ---- files and descriptors ---- */

/* Declares both names of a function that returns a descriptor, or an error, as an int. */
#define FALLIBLE(name, error, parameters, arguments)                                                                   \
    int __real_##name parameters;                                                                                      \
    int __wrap_##name parameters;                                                                                      \
    int __wrap_##name parameters                                                                                       \
    {                                                                                                                  \
        if (FAILS(#name)) {                                                                                            \
            errno = (error);                                                                                           \
            return -1;                                                                                                 \
        }                                                                                                              \
        return __real_##name arguments;                                                                                \
    }

FALLIBLE(memfd_create, EMFILE, (const char *name, unsigned flags), (name, flags))
FALLIBLE(ftruncate64, ENOSPC, (int fd, off64_t size), (fd, size))
FALLIBLE(fallocate64, ENOSPC, (int fd, int mode, off64_t offset, off64_t size), (fd, mode, offset, size))
FALLIBLE(eventfd, EMFILE, (unsigned value, int flags), (value, flags))
FALLIBLE(pipe2, EMFILE, (int fds[2], int flags), (fds, flags))
FALLIBLE(socketpair, EMFILE, (int domain, int type, int protocol, int fds[2]), (domain, type, protocol, fds))
FALLIBLE(epoll_create1, EMFILE, (int flags), (flags))
FALLIBLE(epoll_ctl, ENOMEM, (int epoll_fd, int op, int fd, struct epoll_event *event), (epoll_fd, op, fd, event))

int __real_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);
int __real_fcntl64(int fd, int command, ...);
int __wrap_fcntl64(int fd, int command, ...);
FILE *__real_fopen64(const char *path, const char *mode);
FILE *__wrap_fopen64(const char *path, const char *mode);

/* The library creates no files. */
int __wrap_open64(const char *path, int flags, ...)
{
    if (FAILS("open")) {
        errno = EMFILE;
        return -1;
    }
    return __real_open64(path, flags);
}

/* Duplicating needs a descriptor, sealing needs memory; questions need nothing. */
int __wrap_fcntl64(int fd, int command, ...)
{
    va_list arguments;
    long argument;
    va_start(arguments, command);
    argument = va_arg(arguments, long);
    va_end(arguments);
    if ((command == F_DUPFD_CLOEXEC || command == F_ADD_SEALS) && FAILS("fcntl")) {
        errno = command == F_DUPFD_CLOEXEC ? EMFILE : ENOMEM;
        return -1;
    }
    return __real_fcntl64(fd, command, argument);
}

FILE *__wrap_fopen64(const char *path, const char *mode)
{
    if (FAILS("fopen")) {
        errno = ENOMEM;
        return NULL;
    }
    return __real_fopen64(path, mode);
}

static int64_t count_descriptors(void)
{
    int64_t count = -3; /* ".", "..", and the folder's own */
    DIR *folder = opendir("/proc/self/fd");
    if (!folder) abort();
    while (readdir(folder)) count++;
    closedir(folder);
    return count;
}

/* Of the calls that have no function of their own, one makes a descriptor; it has one argument, the others six. */
long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);

long __wrap_syscall(long number, ...)
{
    long arguments[6] = {0};
    va_list list;
    va_start(list, number);
    for (int i = 0; i < (number == SYS_userfaultfd ? 1 : 6); i++) arguments[i] = va_arg(list, long);
    va_end(list);
    if (number == SYS_userfaultfd && FAILS("userfaultfd")) {
        errno = EMFILE;
        return -1;
    }
    return __real_syscall(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4], arguments[5]);
}

/* ---- threads ---- */

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*main)(void *), void *argument);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*main)(void *), void *argument);
int __real_pthread_join(pthread_t thread, void **result);
int __wrap_pthread_join(pthread_t thread, void **result);
int __real_pthread_detach(pthread_t thread);
int __wrap_pthread_detach(pthread_t thread);
int __real_pthread_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void));
int __wrap_pthread_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void));

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*main)(void *), void *argument)
{
    int error = FAILS("pthread_create") ? EAGAIN : __real_pthread_create(thread, attributes, main, argument);
    if (!error) atomic_fetch_add(&live_threads, 1);
    return error;
}

int __wrap_pthread_join(pthread_t thread, void **result)
{
    int error = __real_pthread_join(thread, result);
    if (!error) atomic_fetch_sub(&live_threads, 1);
    return error;
}

int __wrap_pthread_detach(pthread_t thread)
{
    int error = __real_pthread_detach(thread);
    if (!error) atomic_fetch_sub(&live_threads, 1);
    return error;
}

int __wrap_pthread_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void))
{
    return FAILS("pthread_atfork") ? ENOMEM : __real_pthread_atfork(prepare, parent, child);
}

/* ---- what is held ---- */

struct faults_live faults_live(void)
{
    return (struct faults_live){
        .blocks = atomic_load(&live_blocks),
        .mapped_bytes = atomic_load(&live_mapped_bytes),
        .threads = atomic_load(&live_threads),
        .descriptors = count_descriptors(),
    };
}

bool faults_live_equal(const struct faults_live *a, const struct faults_live *b)
{
    return a->blocks == b->blocks && a->mapped_bytes == b->mapped_bytes && a->threads == b->threads &&
           a->descriptors == b->descriptors;
}

void faults_print_surplus(const struct faults_live *before)
{
    struct faults_live now = faults_live();
    int shown = 0;
    printf("# held more than before: %lld blocks, %lld bytes mapped, %lld threads, %lld descriptors\n",
           (long long)(now.blocks - before->blocks), (long long)(now.mapped_bytes - before->mapped_bytes),
           (long long)(now.threads - before->threads), (long long)(now.descriptors - before->descriptors));
    pthread_mutex_lock(&held_mutex);
    for (unsigned i = 0; i < BUCKETS; i++)
        for (const struct held *entry = held[i]; entry && shown < SURPLUS_SHOWN; entry = entry->next, shown++)
            printf("#   a block asked for at %#lx\n", offset_of(entry->site));
    pthread_mutex_unlock(&held_mutex);
}
