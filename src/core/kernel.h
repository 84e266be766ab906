/* SPDX-License-Identifier: MIT */
/*
 * The kernel: the adapters, and whatever else is one of its kind. In-process there is one, made at the first
 * call and never torn down, because clients call from their static destructors; a daemon has one too.
 */
#ifndef UDXG_CORE_KERNEL_H
#define UDXG_CORE_KERNEL_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "core/inject.h"
#include "core/nt_handle.h"
#include "core/registry.h"

struct udxg_adapter;
struct udxg_miniport;

#define UDXG_KERNEL_ADAPTERS 16u /* D3DKMTEnumAdapters returns no more */

struct udxg_kernel {
    uint32_t adapter_count;                              /* constant */
    struct udxg_adapter *adapters[UDXG_KERNEL_ADAPTERS]; /* constant */
    const char *libraries; /* where libwsl_compute_helper.so lies; NULL: beside our code; set before clients come */
    struct udxg_nt_handles nt_handles;                   /* locks for itself */
    struct udxg_inject inject;                           /* locks for itself */
    struct udxg_globals globals;                         /* locks for itself */
    struct udxg_registry registry;                       /* locks for itself */
    bool clients_disturb; /* those elsewhere may do what all feel: udxg_process_may_disturb(); set before they come */
};

/*
 * Starts every adapter that ADAPTERS names: a comma list of built-in profiles and paths of profiles, NULL for
 * the default. A profile names one of MINIPORTS, a list that NULL ends and that stays. On failure ERROR holds one
 * line that says what, where and which rule.
 */
udxg_status udxg_kernel_create(const char *adapters, const struct udxg_miniport *const *miniports, char *error,
                               size_t error_bytes, struct udxg_kernel **ret_kernel) UDXG_MUST_CHECK;
/*
 * What is to go wrong from now on: what the profiles say, and what TEXT (ddi/inject.h) adds; NULL adds nothing. On
 * failure ERROR holds one line, and nothing has changed.
 */
udxg_status udxg_kernel_inject(struct udxg_kernel *kernel, const char *text, char *error,
                               size_t error_bytes) UDXG_MUST_CHECK;
/* Every process must be gone. Ends what outlived its process: running packets, NT handles. */
void udxg_kernel_destroy(struct udxg_kernel *kernel);

#endif
