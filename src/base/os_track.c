/* SPDX-License-Identifier: MIT */
/*
 * Which pages were written: userfaultfd's asynchronous write protection marks them, the PAGEMAP_SCAN call of
 * /proc/self/pagemap reads and resets the marks in one step (Linux 6.7). No signal, no thread, one descriptor
 * each for the process, opened at the first use and kept. Both stay those of the address space they were opened in.
 *
 * The numbers of the interface stand here because Debian 12's headers are older than it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/ioctl.h>
#include <linux/userfaultfd.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/os.h"

#define FEATURE_WP_SHMEM (1u << 12)
#define FEATURE_WP_UNPOPULATED (1u << 13)
#define FEATURE_WP_ASYNC (1u << 15)
#define USER_MODE_ONLY 1

#define PAGE_IS_WRITTEN (1u << 1)
#define SCAN_WRITE_PROTECT_MATCHING (1u << 0)
#define SCAN_CHECK_ASYNC (1u << 1)

struct page_region {
    uint64_t start, end, categories;
};

struct scan_argument {
    uint64_t size, flags, start, end, walk_end, regions, region_count, max_pages;
    uint64_t category_inverted, category_mask, category_any_of_mask, return_mask;
};

#define PAGEMAP_SCAN_ _IOWR('f', 16, struct scan_argument)

static pthread_once_t opened = PTHREAD_ONCE_INIT;
static int fault_fd = -1, pagemap_fd = -1; /* set by opened; -1: not there */

static int open_fault_fd(void)
{
    struct uffdio_api api = {.api = UFFD_API, .features = FEATURE_WP_SHMEM | FEATURE_WP_UNPOPULATED | FEATURE_WP_ASYNC};
    int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | USER_MODE_ONLY);

    if (fd >= 0 && ioctl(fd, UFFDIO_API, &api) == 0) return fd;
    if (fd >= 0) close(fd);
    return -1;
}

static void open_both(void)
{
    fault_fd = open_fault_fd();
    if (fault_fd >= 0) pagemap_fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
}

static bool write_protect(void *address, uint64_t size_bytes)
{
    struct uffdio_writeprotect protect = {
        .range = {(uintptr_t)address, size_bytes},
        .mode = UFFDIO_WRITEPROTECT_MODE_WP,
    };
    return ioctl(fault_fd, UFFDIO_WRITEPROTECT, &protect) == 0;
}

void udxg_os_track_forget(void)
{
    udxg_os_close(pagemap_fd);
    udxg_os_close(fault_fd);
    fault_fd = pagemap_fd = -1;
    opened = (pthread_once_t)PTHREAD_ONCE_INIT;
}

udxg_status udxg_os_track_begin(void *address, uint64_t size_bytes)
{
    struct uffdio_register range = {
        .range = {(uintptr_t)address, size_bytes},
        .mode = UFFDIO_REGISTER_MODE_WP,
    };

    pthread_once(&opened, open_both);
    if (pagemap_fd < 0 || ioctl(fault_fd, UFFDIO_REGISTER, &range) != 0) return STATUS_NOT_SUPPORTED;
    if (write_protect(address, size_bytes)) return STATUS_SUCCESS;
    udxg_os_track_end(address, size_bytes);
    return STATUS_NOT_SUPPORTED;
}

void udxg_os_track_end(void *address, uint64_t size_bytes)
{
    struct uffdio_range range = {(uintptr_t)address, size_bytes};

    (void)ioctl(fault_fd, UFFDIO_UNREGISTER, &range); /* it was registered: nothing can go wrong that we could mend */
}

/* The pages of one region, as offsets from BASE. */
static uint32_t spread(const struct page_region *region, uint64_t base, uint64_t *pages)
{
    uint32_t count = 0;

    for (uint64_t at = region->start; at < region->end; at += UDXG_PAGE_SIZE) pages[count++] = at - base;
    return count;
}

udxg_status udxg_os_track_read(void *address, uint64_t size_bytes, bool reset, uint64_t *pages, uint32_t *count)
{
    uint64_t base = (uintptr_t)address, at = base, end = base + size_bytes;
    uint32_t room = *count, found = 0;
    struct page_region regions[64];

    while (at < end && found < room) {
        struct scan_argument scan = {
            .size = sizeof scan,
            .flags = SCAN_CHECK_ASYNC | (reset ? SCAN_WRITE_PROTECT_MATCHING : 0),
            .start = at,
            .end = end,
            .regions = (uintptr_t)regions,
            .region_count = sizeof regions / sizeof *regions,
            .max_pages = room - found,
            .category_mask = PAGE_IS_WRITTEN,
            .return_mask = PAGE_IS_WRITTEN,
        };
        int got = ioctl(pagemap_fd, PAGEMAP_SCAN_, &scan);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return udxg_os_status(errno);
        for (int i = 0; i < got; i++) found += spread(&regions[i], base, pages + found);
        at = scan.walk_end;
    }
    *count = found;
    return STATUS_SUCCESS;
}
