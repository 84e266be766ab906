/* SPDX-License-Identifier: MIT */
/*
 * What the leak checker of a sanitized build has to be told: it looks for pointers in the heap and in globals, and
 * what we map ourselves is neither. Nothing in other builds.
 */
#ifndef UDXG_BASE_LEAK_CHECK_H
#define UDXG_BASE_LEAK_CHECK_H

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define UDXG_LOOK_FOR_POINTERS
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(UDXG_LOOK_FOR_POINTERS)
#include <sanitizer/lsan_interface.h>
#define UDXG_POINTERS_MAPPED(memory, bytes) __lsan_register_root_region(memory, bytes)
#define UDXG_POINTERS_UNMAPPED(memory, bytes) __lsan_unregister_root_region(memory, bytes)
#else
#define UDXG_POINTERS_MAPPED(memory, bytes) ((void)(memory), (void)(bytes))
#define UDXG_POINTERS_UNMAPPED(memory, bytes) ((void)(memory), (void)(bytes))
#endif

#endif
