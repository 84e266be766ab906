/* SPDX-License-Identifier: MIT */
/*
 * Client memory: bytes at an address that a client gave (pSystemMem), which may go at any time. A client elsewhere is
 * reached through descriptors of its own; a client here by the ways of base/os.h. Nothing else dereferences such an
 * address. What is not there is a status, never a signal.
 */
#ifndef UDXG_BASE_FOREIGN_H
#define UDXG_BASE_FOREIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* Embeddable. Both -1: this very process. */
struct udxg_foreign {
    int mem_fd;  /* of the client's /proc/self/mem, opened by it for reading and writing */
    int maps_fd; /* of its /proc/self/maps */
};

#define UDXG_FOREIGN_HERE ((struct udxg_foreign){-1, -1})
/* A client elsewhere whose memory cannot be reached: every address leads nowhere. */
#define UDXG_FOREIGN_NONE ((struct udxg_foreign){-2, -2})

/* Whether the two are what they should be, as far as can be seen. For what a client has sent. */
bool udxg_foreign_is_valid(const struct udxg_foreign *foreign);
/* Descriptors of our own; udxg_foreign_close() closes them. */
udxg_status udxg_foreign_dup(const struct udxg_foreign *foreign, struct udxg_foreign *ret) UDXG_MUST_CHECK;
void udxg_foreign_close(struct udxg_foreign *foreign);

/*
 * STATUS_INVALID_PARAMETER where a page is not there; *ret_copied, where not NULL, says how many bytes went before it.
 * A client elsewhere cannot take a page's protection back once it has been probed: a write to a page that has become
 * read-only is made, to its own copy of it.
 */
udxg_status udxg_foreign_read(const struct udxg_foreign *foreign, void *destination, const void *client,
                              size_t size_bytes, size_t *ret_copied) UDXG_MUST_CHECK;
udxg_status udxg_foreign_write(const struct udxg_foreign *foreign, void *client, const void *source, size_t size_bytes,
                               size_t *ret_copied) UDXG_MUST_CHECK;
/* STATUS_SUCCESS when every page is mapped and readable (and writable, if WRITE) as of now. */
udxg_status udxg_foreign_probe(const struct udxg_foreign *foreign, const void *client, uint64_t size_bytes,
                               bool write) UDXG_MUST_CHECK;

#endif
