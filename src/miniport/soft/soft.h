/* SPDX-License-Identifier: MIT */
/*
 * The soft miniport: a GPU without hardware, driven by the documented private data and commands of
 * <udxg/soft.h>. This is its inside; the core knows udxg_miniport_soft alone.
 */
#ifndef UDXG_MINIPORT_SOFT_SOFT_H
#define UDXG_MINIPORT_SOFT_SOFT_H

#include <stdint.h>

#include <udxg/miniport.h>

extern const struct udxg_miniport udxg_miniport_soft;

/* What start() works out of the caps, all constant. Segment masks have bit 0 for segment 1. */
struct soft_adapter {
    uint64_t clock_hz;
    uint64_t va_mask;     /* the bits of a GPU address that count */
    uint64_t local_bytes; /* all memory segments together */
    uint32_t segment_count, node_count;
    uint32_t all_segments;
    uint32_t segments_64k;  /* those with 64 KiB pages */
    uint8_t local_segment;  /* what UDXG_SOFT_SEGMENT_LOCAL is */
    uint8_t system_segment; /* the aperture */
};

/* Runs one command buffer to its end; udxg_miniport.execute says how. */
NTSTATUS soft_execute(const struct soft_adapter *adapter, const struct udxg_submission *submission,
                      struct udxg_submit_fault *ret_fault);

#endif
