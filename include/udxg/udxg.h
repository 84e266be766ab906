/* SPDX-License-Identifier: MIT */
/*
 * libudxg: what udxg offers beyond the names of WDDM. Programs that only speak D3DKMT or DXCore do not need
 * it. It is a library of its own because its symbols carry versions and those of libdxg must not.
 */
#ifndef UDXG_UDXG_H
#define UDXG_UDXG_H

#include <stdint.h>

#include <dxg/d3dkmthk.h>

#include <stdint.h>

#include <dxg/d3dkmthk.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version of the library that is loaded, "0.1.0". The string is static. */
const char *udxg_version(void);

/*
 * Stops an adapter for good, as surprise removal does: from here on calls that may say so return
 * STATUS_DEVICE_REMOVED, while destroying and closing still work. STATUS_INVALID_PARAMETER for a LUID that is
 * none. For tests of what a client does then.
 */
NTSTATUS udxg_stop_adapter(LUID adapter);

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

#ifdef __cplusplus
}
#endif
#endif
