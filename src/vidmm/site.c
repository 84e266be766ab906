/* SPDX-License-Identifier: MIT */
/* Sites. Locks: none; whether a file is sealed, the file itself knows. */
#include "vidmm/site.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/os.h"
#include "vidmm/pool.h"
#include "vidmm/window.h"

#define LARGE_BYTES (UINT64_C(64) << 10) /* to more than that only large pools are aligned */
#define HUGE_BYTES (UINT64_C(2) << 20)

struct vidmm_site {
    atomic_uint refs;
    struct vidmm_pool *pool; /* constant */
};

uint64_t vidmm_site_need(uint64_t size_bytes, uint64_t alignment_bytes)
{
    uint64_t least = alignment_bytes > LARGE_BYTES ? HUGE_BYTES : UDXG_PAGE_SIZE;

    if (alignment_bytes < least) alignment_bytes = least;
    if (size_bytes > INT64_MAX - alignment_bytes) return 0;
    return udxg_align_up(size_bytes, alignment_bytes);
}

udxg_status vidmm_site_create(uint64_t size_bytes, struct vidmm_site **ret)
{
    struct vidmm_pool_desc desc = {.name = "udxg-shared", .size_bytes = size_bytes, .keep_bytes = VIDMM_POOL_KEEP_ALL};
    struct vidmm_site *site = calloc(1, sizeof *site);
    udxg_status status;

    if (!site) return STATUS_NO_MEMORY;
    atomic_init(&site->refs, 1);
    status = vidmm_pool_create(&desc, &site->pool);
    if (udxg_failed(status)) {
        free(site);
        return status;
    }
    *ret = site;
    return STATUS_SUCCESS;
}

void vidmm_site_ref(struct vidmm_site *site)
{
    atomic_fetch_add(&site->refs, 1);
}

void vidmm_site_unref(struct vidmm_site *site)
{
    if (!site || atomic_fetch_sub(&site->refs, 1) != 1) return;
    vidmm_pool_destroy(site->pool);
    free(site);
}

struct vidmm_pool *vidmm_site_pool(const struct vidmm_site *site)
{
    return site->pool;
}

udxg_status vidmm_site_show(const struct vidmm_site *site, struct vidmm_windows *windows, bool writable)
{
    int fd = vidmm_pool_fd(site->pool);
    udxg_status status = STATUS_SUCCESS;

    if (!vidmm_windows_are_remote(windows)) return STATUS_SUCCESS;
    if (!writable)
        status = udxg_os_seal_readonly(fd);
    else if (vidmm_window_add_use(windows, vidmm_pool_base(site->pool)))
        return STATUS_SUCCESS;
    else if (udxg_os_is_sealed_readonly(fd))
        status = STATUS_ACCESS_DENIED;
    if (udxg_failed(status)) return status;
    return vidmm_window_add(windows, vidmm_pool_base(site->pool), vidmm_pool_bytes(site->pool), fd, writable);
}

void vidmm_site_hide(const struct vidmm_site *site, struct vidmm_windows *windows)
{
    vidmm_window_remove(windows, vidmm_pool_base(site->pool));
}
