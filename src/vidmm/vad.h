/* SPDX-License-Identifier: MIT */
/* What a process has reserved and mapped, for whoever looks from outside: the VIDMM escape. */
#ifndef UDXG_VIDMM_VAD_H
#define UDXG_VIDMM_VAD_H

#include "vidmm/vidmm.h"

struct vidmm_vad {
    uint64_t start, end;
    bool reserved;        /* by Reserve; otherwise Map made it */
    uint32_t range_count; /* what is mapped in it; of one that Map made, 1 */
    uint32_t protection;  /* VIDMM_VA_WRITE, ... */
};

uint32_t vidmm_vad_count(struct vidmm_process *process);
/* By ascending addresses. STATUS_INVALID_PARAMETER from the count on. */
udxg_status vidmm_vad_by_index(struct vidmm_process *process, uint32_t index, struct vidmm_vad *ret) UDXG_MUST_CHECK;
/* The one that VA lies in. STATUS_INVALID_PARAMETER where nothing is. */
udxg_status vidmm_vad_by_address(struct vidmm_process *process, uint64_t va, struct vidmm_vad *ret) UDXG_MUST_CHECK;

struct vidmm_vad_range {
    uint64_t start, end;                 /* inside its VAD */
    uint64_t owner;                      /* tells allocations apart, is no address to use; 0: none */
    uint64_t offset_bytes, window_bytes; /* in the owner, at START; window: that repeats, or 0 */
    uint32_t protection;
};

/* Range INDEX of the VAD that VA lies in. STATUS_INVALID_PARAMETER when there is none. */
udxg_status vidmm_vad_range(struct vidmm_process *process, uint64_t va, uint32_t index,
                            struct vidmm_vad_range *ret) UDXG_MUST_CHECK;

/* What a page table would have for the 4 KiB page of VA. */
struct vidmm_pte {
    bool valid;          /* of an allocation that is resident */
    bool zero;           /* reads zero */
    uint32_t segment_id; /* of the allocation; 0: in system memory, in no segment */
    uint64_t address;    /* in the memory segment; in an aperture or no segment, in the process */
    uint32_t protection; /* 0 where nothing is */
};
void vidmm_va_pte(struct vidmm_process *process, uint64_t va, struct vidmm_pte *ret);

#endif
