/* SPDX-License-Identifier: MIT */
/* What kind of build this is. */
#ifndef UDXG_DAEMON_BUILD_H
#define UDXG_DAEMON_BUILD_H

/* gcc has a macro for each sanitizer, clang a question; both know of UBSan nothing, which needs nothing either. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define UDXG_SANITIZED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define UDXG_SANITIZED
#endif
#endif

#endif
