/* SPDX-License-Identifier: MIT */
/*
 * Our mappings of clients' files, by address. Invariant: a section is in the tree exactly while its pages are mapped,
 * as far as others can see. Lock: SECTION, not while anything is mapped or unmapped.
 */
#include "core/section.h"

#include <stdlib.h>

#include "base/os.h"
#include "core/account.h"
#include "vidmm/window.h"

void udxg_sections_init(struct udxg_sections *sections, struct udxg_account *account) UDXG_NO_TSA
{
    sections->account = account;
    udxg_mutex_init_SECTION(&sections->lock);
    sections->mapped = (struct udxg_range_tree){0};
}

void udxg_sections_fini(struct udxg_sections *sections) UDXG_NO_TSA
{
    udxg_mutex_fini_SECTION(&sections->lock);
}

static bool enter(struct udxg_section *section)
{
    struct udxg_sections *sections = section->sections;
    bool entered;

    udxg_lock(SECTION, &sections->lock);
    entered = udxg_range_tree_insert(&sections->mapped, &section->range);
    udxg_unlock(SECTION, &sections->lock);
    return entered;
}

static udxg_status map(intptr_t fd, uint64_t size_bytes, bool read_only, struct vidmm_windows *windows,
                       void **ret_address)
{
    udxg_status status = udxg_os_map_section(fd, size_bytes, read_only, vidmm_windows_are_remote(windows), ret_address);

    if (udxg_failed(status)) return status;
    status = vidmm_window_add(windows, *ret_address, size_bytes, (int)fd, !read_only);
    if (udxg_failed(status)) udxg_os_unmap(*ret_address, size_bytes);
    return status;
}

udxg_status udxg_section_create(struct udxg_sections *sections, struct vidmm_windows *windows, intptr_t fd,
                                uint64_t size_bytes, bool read_only, struct udxg_section **ret_section)
{
    struct udxg_section *section = calloc(1, sizeof *section);
    void *address;
    udxg_status status = section ? udxg_account_charge(sections->account, UDXG_CHARGE_SECTIONS, 1) : STATUS_NO_MEMORY;

    if (!udxg_failed(status)) {
        status = map(fd, size_bytes, read_only, windows, &address);
        if (udxg_failed(status)) udxg_account_discharge(sections->account, UDXG_CHARGE_SECTIONS, 1);
    }
    if (udxg_failed(status)) {
        free(section);
        return status;
    }
    section->sections = sections;
    section->windows = windows;
    section->range.start = (uintptr_t)address;
    section->range.size = size_bytes;
    if (enter(section)) {
        *ret_section = section;
        return STATUS_SUCCESS;
    }
    udxg_section_hide(section);
    udxg_account_discharge(sections->account, UDXG_CHARGE_SECTIONS, 1);
    udxg_os_unmap(address, size_bytes); /* somebody has unmapped what is not his, and the place was given again */
    free(section);
    return STATUS_NO_MEMORY;
}

void udxg_section_hide(struct udxg_section *section)
{
    if (section->windows) vidmm_window_remove(section->windows, udxg_section_address(section));
    section->windows = NULL;
}

void udxg_section_destroy(struct udxg_section *section)
{
    struct udxg_sections *sections;

    if (!section) return;
    udxg_section_hide(section);
    sections = section->sections;
    udxg_lock(SECTION, &sections->lock);
    udxg_range_tree_remove(&sections->mapped, &section->range);
    udxg_unlock(SECTION, &sections->lock);
    udxg_os_unmap(udxg_section_address(section), section->range.size);
    udxg_account_discharge(sections->account, UDXG_CHARGE_SECTIONS, 1);
    free(section);
}

bool udxg_sections_own(struct udxg_sections *sections, const void *address, uint64_t size_bytes)
{
    uint64_t start = (uintptr_t)address;
    const struct udxg_range_node *range;
    bool own;

    udxg_lock(SECTION, &sections->lock);
    range = udxg_range_tree_lower_bound(&sections->mapped, start);
    own = range && (range->start <= start || range->start - start < size_bytes);
    udxg_unlock(SECTION, &sections->lock);
    return own;
}
