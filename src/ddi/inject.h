/* SPDX-License-Identifier: MIT */
/*
 * What is to go wrong, as text: rules with commas between, in the manner of strace.
 *
 *   CALL:status=NAME[:when=WHEN]     the call, a D3DKMT name without the prefix or * for every call, fails with that
 *                                    status (NO_MEMORY, STATUS_NO_MEMORY or 0xc0000017) before it does anything
 *   engine:fault[:when=WHEN]         a packet ends with a page fault instead of being executed
 *   engine:hang[:when=WHEN]          a packet is executed only when it has been told to stop, or the rules change
 *   engine:stuck[:when=WHEN]         the same, but being told to stop does not help
 *   adapter:remove:when=N            the adapter is taken away before the N-th call
 *   adapter:remove:after=MS          the same, so many milliseconds from now
 *
 * WHEN is N (the N-th call or packet, counted from 1), N+ (that and all after it) or N+M (that and every M-th after
 * it); without it, all. A call counts once its arguments were found in shape.
 */
#ifndef UDXG_DDI_INJECT_H
#define UDXG_DDI_INJECT_H

#include <stdint.h>

#include "base/status.h"

#define UDXG_INJECT_RULES 32u
#define UDXG_INJECT_TEXT 1024u /* bytes of a text, its zero included */
#define UDXG_INJECT_ALL UINT32_MAX

enum udxg_inject_kind {
    UDXG_INJECT_CALL,
    UDXG_INJECT_FAULT,
    UDXG_INJECT_HANG,
    UDXG_INJECT_STUCK,
    UDXG_INJECT_REMOVE,
};

struct udxg_inject_rule {
    enum udxg_inject_kind kind;
    uint32_t adapter;     /* index, or UDXG_INJECT_ALL; not of a CALL */
    uint32_t thunk;       /* CALL: enum udxg_thunk_id, or UDXG_INJECT_ALL */
    udxg_status status;   /* CALL */
    uint64_t first, step; /* which: first, and every step-th after it; 0: no other */
    uint64_t after_ms;    /* REMOVE: then, when first is 0 */
};

struct udxg_inject_rules {
    uint32_t count;
    struct udxg_inject_rule rules[UDXG_INJECT_RULES];
};

/* Adds what TEXT says to RULES, for one adapter or all. NULL, or the rule of the text that is broken; then nothing is
 * added. */
const char *udxg_inject_parse(const char *text, uint32_t adapter, struct udxg_inject_rules *rules);

#endif
