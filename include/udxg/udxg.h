/* SPDX-License-Identifier: MIT */
/*
 * libudxg: what udxg offers beyond the names of WDDM. Programs that only speak D3DKMT or DXCore do not need
 * it. It is a library of its own because its symbols carry versions and those of libdxg must not.
 */
#ifndef UDXG_UDXG_H
#define UDXG_UDXG_H

#include <stdint.h>

#include <dxg/d3dkmthk.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version of the library that is loaded, "0.1.0". The string is static. */
const char *udxg_version(void);

/*
 * Takes an adapter away, as surprise removal does: from here on calls that may say so return STATUS_DEVICE_REMOVED,
 * while destroying and closing still work. Every device of it, of whatever process, is D3DKMT_DEVICEEXECUTION_STOPPED,
 * and video memory loses its contents. STATUS_INVALID_PARAMETER for a LUID that is none. For tests of what a client
 * does then: a udxgd takes this call and the next two only with --allow-disturbance, and answers STATUS_ACCESS_DENIED
 * otherwise.
 */
NTSTATUS udxg_stop_adapter(LUID adapter);

/*
 * Brings it back. Handles of the adapter and devices from before stay removed: open the adapter anew and create other
 * devices. Nothing happens to an adapter that is there. STATUS_INVALID_PARAMETER, STATUS_NO_MEMORY.
 */
NTSTATUS udxg_start_adapter(LUID adapter);

/*
 * Makes things go wrong on purpose, for tests: RULES replaces all rules there were, those of profiles and of the
 * environment variable UDXG_INJECT too; NULL or "" is none. Rules have commas between:
 *
 *   CALL:status=NAME[:when=WHEN]   the call, a D3DKMT name without the prefix or * for every call, fails with that
 *                                  status: NO_MEMORY, STATUS_NO_MEMORY, 0xc0000017
 *   engine:fault[:when=WHEN]       a packet ends with a page fault instead of being executed
 *   engine:hang[:when=WHEN]        a packet does not end before it is told to stop, or the rules change
 *   engine:stuck[:when=WHEN]       the same, but being told to stop does not help
 *   adapter:remove:when=N          all adapters are taken away before the N-th call, as by udxg_stop_adapter()
 *   adapter:remove:after=MS        the same, so many milliseconds from now
 *
 * WHEN is N (the N-th call or packet from now, the first is 1), N+ (that and all after it) or N+M (that and every
 * M-th after it). In a profile the rules for engines and adapters are for its adapter alone. No call of this header
 * fails by a rule. STATUS_INVALID_PARAMETER for rules that are not as said; then nothing has changed.
 */
NTSTATUS udxg_inject(const char *rules);

enum udxg_write_watch_flags {
    UDXG_WRITE_WATCH_RESET = 1 /* the next query starts from here */
};

/*
 * The pages of an allocation created with WriteWatch that the CPU has written through Lock2's address since it
 * was created, or since the last query with UDXG_WRITE_WATCH_RESET. PAGES receives their offsets in bytes,
 * ascending, multiples of *ret_page_bytes; *count is the room in PAGES and becomes the number written. Pages that
 * did not fit are told by the next query. STATUS_INVALID_PARAMETER for an allocation that is not of the device or
 * not watched, a NULL pointer, an undefined flag.
 */
NTSTATUS udxg_get_write_watch(D3DKMT_HANDLE device, D3DKMT_HANDLE allocation, uint32_t flags, uint64_t *pages,
                              uint32_t *count, uint32_t *ret_page_bytes);

enum udxg_part_state {
    UDXG_PART_LISTED,  /* a device requires it there */
    UDXG_PART_KEPT,    /* evicted, and left until the room is needed */
    UDXG_PART_LEAVING, /* to be taken home */
    UDXG_PART_OFFERED  /* its contents may be dropped */
};

/* A contiguous piece of an allocation in a memory segment. */
struct udxg_segment_part {
    uint64_t offset_bytes, size_bytes; /* in the segment */
    uint32_t process;                  /* the creator's number; 1 is the first process of the adapter */
    uint32_t device;                   /* the handle of a device that lists it; 0: none does */
    uint32_t state;                    /* enum udxg_part_state */
    uint32_t priority;                 /* D3DDDI_ALLOCATIONPRIORITY_*, or between */
};

/*
 * Who lives where in a memory segment, at one moment, ascending by offset. What is on the move is left out. *count
 * is the room in PARTS and becomes the number there are; the first that fit are written. STATUS_INVALID_PARAMETER
 * for a LUID or a segment that is none, for an aperture, which has no addresses, and for NULL. It looks at every
 * allocation in the segment: for tools, not for every frame.
 */
NTSTATUS udxg_get_segment_map(LUID adapter, uint32_t segment_id, struct udxg_segment_part *parts, uint32_t *count);

#ifdef __cplusplus
}
#endif
#endif
