/* SPDX-License-Identifier: MIT */
/*
 * libudxg: what udxg offers beyond the names of WDDM. Programs that only speak D3DKMT or DXCore do not need
 * it. It is a library of its own because its symbols carry versions and those of libdxg must not.
 */
#ifndef UDXG_UDXG_H
#define UDXG_UDXG_H

#ifdef __cplusplus
extern "C" {
#endif

/* The version of the library that is loaded, "0.1.0". The string is static. */
const char *udxg_version(void);

#ifdef __cplusplus
}
#endif
#endif
