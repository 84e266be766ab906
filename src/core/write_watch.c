/* SPDX-License-Identifier: MIT */
/* Write watch; core/write_watch.h. Lock: WATCH, held while pages are looked at, which is what a query does. */
#include "core/write_watch.h"

#include <stdlib.h>
#include <string.h>

#include "base/lock.h"
#include "base/os.h"

struct udxg_write_watch {
    char *address;       /* constant */
    uint64_t size_bytes; /* constant */
    bool tracked;        /* the system helps; constant */
    struct udxg_mutex_WATCH lock;
    char *copy UDXG_GUARDED_BY(WATCH); /* without help: what the pages held when they were last clean */
};

void udxg_write_watch_destroy(struct udxg_write_watch *watch) UDXG_NO_TSA
{
    if (!watch) return;
    if (watch->tracked) udxg_os_track_end(watch->address, watch->size_bytes);
    if (watch->copy) udxg_os_unmap(watch->copy, watch->size_bytes);
    udxg_mutex_fini_WATCH(&watch->lock);
    free(watch);
}

udxg_status udxg_write_watch_create(void *address, uint64_t size_bytes, bool here,
                                    struct udxg_write_watch **ret_watch) UDXG_NO_TSA
{
    struct udxg_write_watch *watch = calloc(1, sizeof *watch);
    udxg_status status = STATUS_SUCCESS;
    void *copy;

    if (!watch) return STATUS_NO_MEMORY;
    udxg_mutex_init_WATCH(&watch->lock);
    watch->address = address;
    watch->size_bytes = size_bytes;
    watch->tracked = here && !udxg_failed(udxg_os_track_begin(address, size_bytes));
    if (!watch->tracked) {
        status = udxg_os_map_anonymous(size_bytes, &copy);
        if (!udxg_failed(status)) watch->copy = memcpy(copy, address, size_bytes);
    }
    if (udxg_failed(status)) {
        udxg_write_watch_destroy(watch);
        return status;
    }
    *ret_watch = watch;
    return STATUS_SUCCESS;
}

/* Compares with the copy, page by page. */
static uint32_t read_by_copy_locked(struct udxg_write_watch *watch, bool reset, uint64_t *pages, uint32_t room)
    UDXG_REQUIRES(WATCH)
{
    uint32_t count = 0;

    for (uint64_t offset = 0; offset < watch->size_bytes && count < room; offset += UDXG_PAGE_SIZE) {
        if (!memcmp(watch->copy + offset, watch->address + offset, UDXG_PAGE_SIZE)) continue;
        if (reset) memcpy(watch->copy + offset, watch->address + offset, UDXG_PAGE_SIZE);
        pages[count++] = offset;
    }
    return count;
}

udxg_status udxg_write_watch_read(struct udxg_write_watch *watch, bool reset, uint64_t *pages, uint32_t *count)
{
    udxg_status status = STATUS_SUCCESS;

    udxg_lock(WATCH, &watch->lock);
    if (watch->tracked)
        status = udxg_os_track_read(watch->address, watch->size_bytes, reset, pages, count);
    else
        *count = read_by_copy_locked(watch, reset, pages, *count);
    udxg_unlock(WATCH, &watch->lock);
    return status;
}
