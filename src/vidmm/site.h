/* SPDX-License-Identifier: MIT */
/*
 * A site: a memory file of its own for the homes of allocations that processes elsewhere share. Whoever opens them maps
 * the site, and sees nothing else of their creator's memory. The creator, and each allocation that has its home there,
 * keep it.
 *
 * Who may only read maps it read-only. Before that nobody may be able to map it writable any more, because descriptors
 * can be opened again: so the first such window seals the file. Who has it mapped by then goes on writing.
 */
#ifndef UDXG_VIDMM_SITE_H
#define UDXG_VIDMM_SITE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

struct vidmm_pool;
struct vidmm_site;
struct vidmm_windows;

/* What a site needs for an allocation; 0 where it would be more than there can be. To be added up. */
uint64_t vidmm_site_need(uint64_t size_bytes, uint64_t alignment_bytes);
/* Room for that sum. STATUS_NO_MEMORY. */
udxg_status vidmm_site_create(uint64_t size_bytes, struct vidmm_site **ret) UDXG_MUST_CHECK;
void vidmm_site_ref(struct vidmm_site *site);
/* Takes NULL. */
void vidmm_site_unref(struct vidmm_site *site);

struct vidmm_pool *vidmm_site_pool(const struct vidmm_site *site);

/*
 * Makes it a window, or counts the window that it is. STATUS_ACCESS_DENIED for a new writable one of a file that is
 * sealed. STATUS_NO_MEMORY.
 */
udxg_status vidmm_site_show(const struct vidmm_site *site, struct vidmm_windows *windows,
                            bool writable) UDXG_MUST_CHECK;
void vidmm_site_hide(const struct vidmm_site *site, struct vidmm_windows *windows);

#endif
