/* SPDX-License-Identifier: MIT */
/*
 * The one door to the operating system: every system call of the library is here, and errno becomes a
 * status here and nowhere else. Nothing in this file keeps state but the cache of checked pages.
 */
#ifndef UDXG_BASE_OS_H
#define UDXG_BASE_OS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

#define UDXG_PAGE_SIZE 4096u

static inline uint64_t udxg_align_up(uint64_t value, uint64_t power_of_two)
{
    return (value + power_of_two - 1) & ~(power_of_two - 1);
}

/* The status that an errno of a system call stands for: ENOMEM is NO_MEMORY, EMFILE too, ... */
udxg_status udxg_os_status(int error);

/* A memory file of SIZE bytes, all zero and sparse; closed on exec. The caller owns *ret_fd. */
udxg_status udxg_os_memfd(const char *name, uint64_t size_bytes, int *ret_fd) UDXG_MUST_CHECK;

/*
 * Maps SIZE bytes of a memory file, shared; read-only when WRITE is false. Not inherited over fork, not dumped.
 * The address is a multiple of 64 KiB, and of 2 MiB where SIZE is at least that.
 */
udxg_status udxg_os_map(int fd, uint64_t offset, uint64_t size_bytes, bool write, void **ret_address) UDXG_MUST_CHECK;
/* Maps the first SIZE bytes of a file that exists and is that large, writable and shared. */
udxg_status udxg_os_map_file(const char *path, uint64_t size_bytes, void **ret_address) UDXG_MUST_CHECK;
void udxg_os_unmap(void *address, uint64_t size_bytes);

/* Anonymous, private, zero, lazily backed, without a charge for what is not touched. */
udxg_status udxg_os_map_anonymous(uint64_t size_bytes, void **ret_address) UDXG_MUST_CHECK;
/* The same, of a multiple of 2 MiB at one, in large pages if the system has some: the first touch may take 2 MiB. */
udxg_status udxg_os_map_large(uint64_t size_bytes, void **ret_address) UDXG_MUST_CHECK;

/* Seals a memory file: it cannot shrink, and no mapping made from now on can be writable. */
udxg_status udxg_os_seal_readonly(int fd) UDXG_MUST_CHECK;

bool udxg_os_is_sealed_readonly(int fd);

/*
 * Seals a memory file: its size stays as it is, so that nobody who has it mapped dies of a SIGBUS. Asks for no more
 * where it is so already. STATUS_INVALID_PARAMETER for what has no seals, STATUS_ACCESS_DENIED for what takes none.
 */
udxg_status udxg_os_seal_size(int fd) UDXG_MUST_CHECK;

/* Gives the pages of [offset, offset + size) of a memory file back; on success they read zero afterwards. */
udxg_status udxg_os_punch(int fd, uint64_t offset, uint64_t size_bytes) UDXG_MUST_CHECK;

/* The number of this process. */
uint32_t udxg_os_pid(void);
/* The RAM of the machine, in bytes. */
uint64_t udxg_os_ram_bytes(void);

/* How many processors this process may use; at least 1. */
unsigned udxg_os_cpu_count(void);

/* CLOCK_MONOTONIC in nanoseconds. */
uint64_t udxg_os_now_ns(void);
/* CLOCK_MONOTONIC_RAW in nanoseconds: the clock that profiling clients read. */
uint64_t udxg_os_now_raw_ns(void);
/* Sleeps for about that long; may return early. */
void udxg_os_nap_ns(uint64_t duration_ns);

/* A condition variable whose timed waits go by CLOCK_MONOTONIC, and such a wait; it may return early. */
void udxg_os_cond_init(pthread_cond_t *cond);
void udxg_os_cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *mutex, uint64_t deadline_ns);

/* Sleeps while *WORD is VALUE, or returns for no reason. */
void udxg_os_futex_wait(_Atomic uint32_t *word, uint32_t value);
/* The same until a point in time; false when that has passed. REALTIME: of CLOCK_REALTIME, else of CLOCK_MONOTONIC. */
bool udxg_os_futex_wait_until(_Atomic uint32_t *word, uint32_t value, uint64_t deadline_ns, bool realtime);
/* Wakes one that sleeps on WORD. */
void udxg_os_futex_wake(_Atomic uint32_t *word);
/* The same on a word in memory that processes share; at most TIMEOUT_MS, -1: no limit. May return for no reason. */
void udxg_os_shared_futex_wait(_Atomic uint32_t *word, uint32_t value, int timeout_ms);
void udxg_os_shared_futex_wake(_Atomic uint32_t *word);
/* The processor that the caller runs on, as of now. */
unsigned udxg_os_cpu(void);

/* Adds 1 to an eventfd of ours; never blocks, a full counter stays as it is. */
void udxg_os_event_signal(int fd);
/* A descriptor of our own for a client's eventfd; STATUS_INVALID_HANDLE when FD is none. The caller closes it. */
udxg_status udxg_os_event_dup(intptr_t fd, int *ret_fd) UDXG_MUST_CHECK;

void udxg_os_close(int fd);
/* FD, or where that is 0, 1 or 2, another in its place: there a handle would look absent. -1: there is none left. */
int udxg_os_above_standard(int fd);
/* Another descriptor of the same file, closed on exec, none of 0, 1 and 2. */
udxg_status udxg_os_dup(int fd, int *ret_fd) UDXG_MUST_CHECK;
/* A pipe, closed on exec, neither end 0, 1 or 2: there a handle would look absent. Ours do not block. */
udxg_status udxg_os_pipe(int *ret_read, int *ret_write) UDXG_MUST_CHECK;
/* Whether FD is open at all. */
bool udxg_os_is_descriptor(int fd);
/* Descriptors by which another process can reach our memory, and read what is mapped in it; false: we may not. */
bool udxg_os_open_own_memory(int *ret_mem_fd, int *ret_maps_fd) UDXG_MUST_CHECK;
/* What the system calls this process, cut to ROOM and filled with zeroes; all zeroes when it does not say. */
void udxg_os_own_name(char *ret_name, size_t room);
/* The number of the process that a descriptor of pidfd_open() is for. False: it is none, or that process is gone. */
bool udxg_os_pidfd_pid(intptr_t fd, uint32_t *ret_pid) UDXG_MUST_CHECK;
/* FD stays open over an exec. */
void udxg_os_make_inheritable(int fd);
/*
 * What the system says of an end of a pipe, the same for every copy of its descriptor. The number of a pipe may come
 * again while it exists; the stamp is what tells two such pipes apart, once one of them has been given a new one.
 */
struct udxg_os_pipe_end {
    uint64_t device, inode;
    int64_t stamp; /* when it was last written to: the whole seconds */
    bool writes;   /* which end */
};
/*
 * False when FD is no descriptor, or none of a pipe. A named pipe is one, of another device. Never blocks, whatever
 * FD is and whatever others do with it: no file system is asked, and no lock taken that is held while a pipe is used.
 */
bool udxg_os_pipe_end(intptr_t fd, struct udxg_os_pipe_end *ret) UDXG_MUST_CHECK;
bool udxg_os_same_pipe_end(const struct udxg_os_pipe_end *a, const struct udxg_os_pipe_end *b);
/* Gives a pipe that we have made a stamp that nobody foresees, and nobody reads who has no descriptor of it. */
bool udxg_os_pipe_stamp(int fd, int64_t *ret_stamp) UDXG_MUST_CHECK;
/* Whether the other end of a pipe has hung up. */
bool udxg_os_has_hung_up(int fd);
/* Puts a byte into a pipe of ours, at its writing end; nothing happens when it is full or has no reader. */
void udxg_os_pipe_mark(int fd);

/* SIZE_BYTES (up to 256) that nobody can foresee; false where the system has none. */
bool udxg_os_random(void *bytes, size_t size_bytes) UDXG_MUST_CHECK;
/* An epoll, and an eventfd that is registered with it under NULL. */
udxg_status udxg_os_epoll_create(int *ret_epoll_fd, int *ret_stop_fd) UDXG_MUST_CHECK;
/* Registers FD for its hang-up, once. */
udxg_status udxg_os_epoll_add(int epoll_fd, int fd, void *user) UDXG_MUST_CHECK;
#define UDXG_OS_EVENTS 64u
/* Sleeps until something has happened; false when the client has closed EPOLL_FD. */
bool udxg_os_epoll_wait(int epoll_fd) UDXG_MUST_CHECK;
/*
 * Takes what has happened, as it was registered, at most UDXG_OS_EVENTS at a time; does not sleep. False when EPOLL_FD
 * is none any more.
 */
bool udxg_os_epoll_take(int epoll_fd, void **ret_users, unsigned *ret_count) UDXG_MUST_CHECK;

/* A joinable thread with all signals blocked: they are the client's. False when the system gives none. */
bool udxg_os_thread_create(pthread_t *ret_thread, const char *name, void *(*main)(void *),
                           void *argument) UDXG_MUST_CHECK;

/*
 * Copies from and to memory of the client that may not be there: STATUS_INVALID_PARAMETER instead of a
 * signal, with nothing or a prefix copied. Pages seen good before are copied with memcpy: a client that
 * unmaps under our feet in-process hurts itself, as with any C function.
 */
udxg_status udxg_os_copy_in(void *destination, const void *client, size_t size_bytes) UDXG_MUST_CHECK;
udxg_status udxg_os_copy_out(void *client, const void *source, size_t size_bytes) UDXG_MUST_CHECK;

/* In the child of a fork: what we have mapped is not there any more, so nothing counts as seen. */
void udxg_os_forget_pages(void);

/*
 * The same without any cache, for memory that the client may unmap at any time (pSystemMem): each call asks
 * the kernel. *ret_copied, where not NULL, says how many bytes went before the first bad page.
 */
udxg_status udxg_os_read_foreign(void *destination, const void *client, size_t size_bytes,
                                 size_t *ret_copied) UDXG_MUST_CHECK;
udxg_status udxg_os_write_foreign(void *client, const void *source, size_t size_bytes,
                                  size_t *ret_copied) UDXG_MUST_CHECK;

/* STATUS_SUCCESS when every page of the range is mapped and readable (and writable, if WRITE), without changing it,
 * as of now: no cache. Up to 256 KiB the pages are populated, above that they are not touched. */
udxg_status udxg_os_probe(const void *client, uint64_t size_bytes, bool write) UDXG_MUST_CHECK;
/* The same with the cache of copy_in and copy_out, for the arguments of a call: outputs before there is any. */
udxg_status udxg_os_probe_argument(const void *client, uint64_t size_bytes, bool write) UDXG_MUST_CHECK;

/*
 * The same three for the memory of a process elsewhere, base/os_foreign.c: through its /proc/self/mem, and by its
 * /proc/self/maps, which it has opened and sent. They reach the memory that the process had when it opened them, and
 * nothing once it has ended or begun another program. Page protections are not looked at in a transfer.
 */
udxg_status udxg_os_read_memory(int mem_fd, void *destination, uint64_t address, size_t size_bytes,
                                size_t *ret_copied) UDXG_MUST_CHECK;
udxg_status udxg_os_write_memory(int mem_fd, uint64_t address, const void *source, size_t size_bytes,
                                 size_t *ret_copied) UDXG_MUST_CHECK;
udxg_status udxg_os_probe_memory(int maps_fd, uint64_t address, uint64_t size_bytes, bool write) UDXG_MUST_CHECK;
/* Whether the lines of a maps file say so of the pages [FIRST, LAST]. */
bool udxg_os_maps_cover(int maps_fd, uint64_t first, uint64_t last, bool write);
/* Whether FD is a file NAME of the system's folder about a process: what a client says is one may be anything. */
bool udxg_os_is_proc_file(int fd, const char *name);

/*
 * A client's memory file as a section: FD must be one of at least SIZE_BYTES, and writable unless READ_ONLY. Maps
 * its first SIZE_BYTES, which stay when the client closes FD. STATUS_INVALID_HANDLE when FD is no descriptor,
 * STATUS_INVALID_PARAMETER when it is not such a file. With SEAL it must be one that cannot become smaller, or that can
 * be sealed against it, which is done.
 */
udxg_status udxg_os_map_section(intptr_t fd, uint64_t size_bytes, bool read_only, bool seal,
                                void **ret_address) UDXG_MUST_CHECK;

/*
 * Tracks writes to whole pages of a shared mapping of ours, base/os_track.c. STATUS_NOT_SUPPORTED where the
 * system cannot (before Linux 6.7, or forbidden).
 */
udxg_status udxg_os_track_begin(void *address, uint64_t size_bytes) UDXG_MUST_CHECK;
void udxg_os_track_end(void *address, uint64_t size_bytes);
/* In the child of a fork, before anything else: what is open tracks the parent's memory, even from here. */
void udxg_os_track_forget(void);
/*
 * Offsets in bytes of pages written since tracking began or they were last reset, ascending, at most *count;
 * *count becomes their number. With RESET these pages are tracked afresh, and no write in between is lost.
 */
udxg_status udxg_os_track_read(void *address, uint64_t size_bytes, bool reset, uint64_t *pages,
                               uint32_t *count) UDXG_MUST_CHECK;

#endif
