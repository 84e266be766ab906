/* SPDX-License-Identifier: MIT */
/*
 * libudxg.so.0: our own API, of which there is only the version so far. It keeps no state; what it will
 * ask the kernel for goes through libudxg-kernel.so.0 like every other call.
 */
#include <udxg/udxg.h>

#define EXPORT __attribute__((visibility("default")))

EXPORT const char *udxg_version(void)
{
    return UDXG_VERSION;
}
