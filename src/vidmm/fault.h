/* SPDX-License-Identifier: MIT */
/*
 * Faults that can be provoked, for tests: each has the value of its bit in D3DKMT_VIDMM_ESCAPE.SetFault, and one
 * place that asks for it. No lock: whoever sets a fault sees it in the calls it makes after.
 */
#ifndef UDXG_VIDMM_FAULT_H
#define UDXG_VIDMM_FAULT_H

#include <stdbool.h>
#include <stdint.h>

enum vidmm_fault {
    VIDMM_FAULT_PROBE_AND_LOCK = 1u << 0,     /* the caller's memory cannot be locked: creation */
    VIDMM_FAULT_NO_DEMOTION = 1u << 2,        /* nobody gets another segment than the first choice: MakeResident */
    VIDMM_FAULT_PREPARATION = 1u << 11,       /* what should be paged in cannot be: the paging thread */
    VIDMM_FAULT_USER_MODE_MAPPING = 1u << 12, /* nothing can be mapped for the CPU: Lock, Lock2 */
    VIDMM_FAULTS =
        VIDMM_FAULT_PROBE_AND_LOCK | VIDMM_FAULT_NO_DEMOTION | VIDMM_FAULT_PREPARATION | VIDMM_FAULT_USER_MODE_MAPPING,
};

#endif
