/* SPDX-License-Identifier: MIT */
/*
 * Sections: our mappings of clients' memory files (ExistingSection). Lock2 gives their addresses to the client, but
 * they are not his memory: who knows an address can ask whether it lies in one of them. A client elsewhere has the
 * file, and not our mapping of it: that is a window of his.
 */
#ifndef UDXG_CORE_SECTION_H
#define UDXG_CORE_SECTION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/lock.h"
#include "base/status.h"
#include "range/tree.h"

struct udxg_account;
struct vidmm_windows;

/* Embeddable: those of a process on an adapter. Zero it, but for the lock. */
struct udxg_sections {
    struct udxg_account *account; /* that they are charged to; borrowed; constant; NULL: none */
    struct udxg_mutex_SECTION lock;
    struct udxg_range_tree mapped UDXG_GUARDED_BY(SECTION); /* struct udxg_section */
};

struct udxg_section {
    struct udxg_sections *sections; /* constant */
    struct vidmm_windows *windows;  /* where it is one; NULL: no more; of who makes it, then of who hides it */
    struct udxg_range_node range;   /* start and size are constant; the rest: SECTION */
};

/* ACCOUNT is borrowed until the end; NULL: none. */
void udxg_sections_init(struct udxg_sections *sections, struct udxg_account *account);
/* Nothing may be mapped. */
void udxg_sections_fini(struct udxg_sections *sections);

/* As udxg_os_map_section(), whose statuses it has. The file of a client elsewhere is sealed, and WINDOWS show it. */
udxg_status udxg_section_create(struct udxg_sections *sections, struct vidmm_windows *windows, intptr_t fd,
                                uint64_t size_bytes, bool read_only, struct udxg_section **ret_section) UDXG_MUST_CHECK;
/* It is no window any more, as long as the windows are still there; once. */
void udxg_section_hide(struct udxg_section *section);
/* Hides it, too, if nobody has. Takes NULL. */
void udxg_section_destroy(struct udxg_section *section);
static inline void *udxg_section_address(const struct udxg_section *section)
{
    return (void *)(uintptr_t)section->range.start;
}

/* Whether a byte of [ADDRESS, ADDRESS + SIZE_BYTES) is in one. */
bool udxg_sections_own(struct udxg_sections *sections, const void *address, uint64_t size_bytes);

#endif
