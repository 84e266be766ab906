/* SPDX-License-Identifier: MIT */
/*
 * The rules that adapters and allocations keep, whoever describes them: a profile, a miniport. Each check
 * returns NULL, or the rule that is broken as "ID: what it says". Nothing is kept, nothing is locked.
 */
#ifndef UDXG_DDI_VALIDATE_H
#define UDXG_DDI_VALIDATE_H

#include <udxg/miniport.h>

#define UDXG_MIN_GPU_VA_BITS 32u
#define UDXG_MAX_GPU_VA_BITS 57u
#define UDXG_MAX_CLOCK_HZ UINT64_C(10000000000)
/* A preference names a segment in five bits. */
#define UDXG_MAX_SEGMENT_ID 31u

/* What an adapter says of itself: before and after miniport.start(). */
const char *udxg_validate_caps(const struct udxg_adapter_caps *caps);

/* What a miniport answered for one allocation. CAPS have passed udxg_validate_caps(). */
const char *udxg_validate_allocation(const struct udxg_adapter_caps *caps, const struct udxg_allocation_info *info);

#endif
