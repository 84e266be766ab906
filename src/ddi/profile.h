/* SPDX-License-Identifier: MIT */
/*
 * Profiles: adapters as data, in text like this, all of it in profiles/:
 *
 *   [adapter]      description, miniport, wddm, gpu_va_bits, clock; vendor_id, device_id, sub_vendor_id,
 *                  sub_system_id, revision_id, hardware, driver_version, aperture_commit_limit,
 *                  system_commit_limit, tdr_delay_ms, tdr_reset_delay_ms, inject may be left out
 *   [segment.1]    size; flags and commit_limit may be left out; segment.2 follows, and so on
 *   [node.0]       type and name; node.1 follows, and so on
 *
 * Sizes are `4 GiB`, `64KiB`, or bytes; numbers are decimal or 0x; commit limits may be 0. A profile is named
 * after its file. What is wrong with one is told by file, line, key and rule.
 */
#ifndef UDXG_DDI_PROFILE_H
#define UDXG_DDI_PROFILE_H

#include <stddef.h>

#include <udxg/miniport.h>

#include "base/status.h"

/* What UDXG_ADAPTERS stands for where it is not set. */
#define UDXG_PROFILE_DEFAULT_LIST "soft-discrete,soft-uma,intel-tgl"

/* The profiles that the build embeds; the array is generated from profiles/ and ends with a NULL name. */
struct udxg_profile_text {
    const char *name, *text;
};
extern const struct udxg_profile_text udxg_profile_texts[];

/* The text of a built-in profile, NULL for a name that is none. */
const char *udxg_profile_builtin(const char *name);

/*
 * Parses TEXT into *ret_caps. FILE is what messages call it, NAME what the adapter is called. On failure, which
 * is STATUS_INVALID_PARAMETER, ERROR holds one line "file:line: [section] key: rule".
 */
udxg_status udxg_profile_parse(const char *text, const char *file, const char *name, struct udxg_adapter_caps *ret_caps,
                               char *error, size_t error_bytes) UDXG_MUST_CHECK;

/*
 * Loads a comma list of built-in names and paths that end in ".ini", in this order; NULL or an empty one is the
 * default list. Fails as a whole: STATUS_INVALID_PARAMETER for a bad profile or more than MAX of them,
 * STATUS_OBJECT_NAME_NOT_FOUND for a name or file that is not there; ERROR says which, RET_CAPS then holds nothing.
 */
udxg_status udxg_profile_load(const char *list, struct udxg_adapter_caps *ret_caps, uint32_t max, uint32_t *ret_count,
                              char *error, size_t error_bytes) UDXG_MUST_CHECK;

#endif
