/* SPDX-License-Identifier: MIT */
/* Which sanitizer watches this build, 1 or 0 each: gcc and clang say it in different ways. */
#ifndef UDXG_TESTS_SANITIZER_H
#define UDXG_TESTS_SANITIZER_H

#if defined(__has_feature)
#define UDXG_TESTS_FEATURE(name) __has_feature(name)
#else
#define UDXG_TESTS_FEATURE(name) 0
#endif

#if defined(__SANITIZE_ADDRESS__) || UDXG_TESTS_FEATURE(address_sanitizer)
#define WITH_ASAN 1
#else
#define WITH_ASAN 0
#endif

#if defined(__SANITIZE_THREAD__) || UDXG_TESTS_FEATURE(thread_sanitizer)
#define WITH_TSAN 1
#else
#define WITH_TSAN 0
#endif

#if UDXG_TESTS_FEATURE(memory_sanitizer)
#define WITH_MSAN 1
#else
#define WITH_MSAN 0
#endif

#define WITH_SANITIZER (WITH_ASAN || WITH_TSAN || WITH_MSAN)

#endif
