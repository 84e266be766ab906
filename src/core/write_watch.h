/* SPDX-License-Identifier: MIT */
/*
 * Write watch: which pages of a home the CPU has written. Where the system can tell (userfaultfd's asynchronous
 * write protection and PAGEMAP_SCAN, Linux 6.7) it does, without a signal and without a fault handler; where it
 * cannot, as for the writes of a process elsewhere, a copy is kept and compared, which misses a write of the same
 * bytes. What an engine or paging writes into the home counts as written too.
 */
#ifndef UDXG_CORE_WRITE_WATCH_H
#define UDXG_CORE_WRITE_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

struct udxg_write_watch;

/* Watches the SIZE_BYTES (whole pages) at ADDRESS from now on. HERE: all who write it are here. STATUS_NO_MEMORY. */
udxg_status udxg_write_watch_create(void *address, uint64_t size_bytes, bool here,
                                    struct udxg_write_watch **ret_watch) UDXG_MUST_CHECK;
/* Takes NULL. */
void udxg_write_watch_destroy(struct udxg_write_watch *watch);

/*
 * Offsets in bytes of written pages, ascending, at most *count of them; *count becomes their number. With RESET
 * these pages, and no others, are watched afresh.
 */
udxg_status udxg_write_watch_read(struct udxg_write_watch *watch, bool reset, uint64_t *pages,
                                  uint32_t *count) UDXG_MUST_CHECK;

#endif
