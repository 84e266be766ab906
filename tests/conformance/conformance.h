/* SPDX-License-Identifier: MIT */
/*
 * The harness of the conformance tests: small programs that use nothing but the public D3DKMT calls and judge
 * what comes back. They print TAP.
 *
 * A program has a table of tests. Each test runs in a process of its own, once for every adapter it asks for,
 * with a time limit. Inside a test stand cases:
 *
 *     udxg_case("count %u", count) {
 *         check_status(STATUS_INVALID_PARAMETER, D3DKMTCreateDevice(&args));
 *     }
 *
 * Each case is one line of TAP. A case that crashes, hangs, or fails a require_...() fails alone: the test is
 * run again in a new process that skips the cases up to and including that one. What stands before a case is
 * therefore executed again, and a case must not depend on what an earlier one did.
 *
 * udxg_todo() inside a case marks a known difference: the case may fail, and it fails the program as soon as
 * it passes.
 *
 * It does not: look into the library, run two tests at once, or keep anything between processes.
 */
#ifndef UDXG_CONFORMANCE_H
#define UDXG_CONFORMANCE_H

#include <assert.h> /* Microsoft's headers use static_assert and do not include it */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <wsl/winadapter.h>

#include <dxg/d3dkmthk.h>

#include "status.h"

#ifdef __cplusplus
extern "C" {
#endif

#define LENGTH_OF(array) (sizeof(array) / sizeof((array)[0]))

/* What out parameters hold before a call, to see whether it wrote them. */
#define SENTINEL 0x1eadbeedu
#define SENTINEL64 0x1eadbeed1eadbeedull
/* A value that is not, and looks unlike, any handle of ours: low six bits set. */
#define BAD_HANDLE 0xdeadbeefu

#define PAGE_BYTES 4096ull
#define KIB(n) ((uint64_t)(n) << 10)
#define MIB(n) ((uint64_t)(n) << 20)

enum udxg_adapters {
    ON_DISCRETE = 1, /* soft-discrete alone: local video memory and an aperture */
    ON_UMA = 2,      /* soft-uma alone: only an aperture */
    ON_EACH = 3,     /* twice, once on either */
    ON_BOTH = 4,     /* once, with both present */
};

struct udxg_test {
    const char *name;
    unsigned adapters; /* enum udxg_adapters */
    void (*run)(void);
};

/* Runs TESTS, prints TAP, returns the exit status for main(). ARGV[1] selects cases whose name contains it. */
int conformance_main(int argc, char **argv, const struct udxg_test *tests, size_t count);

/* True while the running test is the one for soft-discrete. */
bool on_discrete(void);

/* ------------------------------------------------------------------------------------------------- cases */

bool udxg_case_begin(const char *format, ...) __attribute__((format(printf, 1, 2)));
bool udxg_case_end(void);

#define udxg_case(...)                                                                                                 \
    for (bool udxg_case_runs = udxg_case_begin(__VA_ARGS__); udxg_case_runs; udxg_case_runs = udxg_case_end())

void udxg_todo(const char *reason);

/* ------------------------------------------------------------------------------------------------ checks */

#define CHECK_ARGS const char *file, int line, bool fatal
#define CHECK_HERE __FILE__, __LINE__, false
#define REQUIRE_HERE __FILE__, __LINE__, true

NTSTATUS check_status_at(CHECK_ARGS, const char *what, NTSTATUS want, NTSTATUS got);
bool check_u64_at(CHECK_ARGS, const char *what, uint64_t want, uint64_t got);
bool check_true_at(CHECK_ARGS, const char *what, bool got);

#define check_status(want, call) check_status_at(CHECK_HERE, #call, want, call)
#define check_u64(want, value) check_u64_at(CHECK_HERE, #value, (uint64_t)(want), (uint64_t)(value))
#define check_true(condition) check_true_at(CHECK_HERE, #condition, condition)
/* A local handle, windows-observed section 2. */
#define check_local(handle) check_true_at(CHECK_HERE, #handle " is a local handle", is_local(handle))
#define check_global(handle) check_true_at(CHECK_HERE, #handle " is a global handle", is_global(handle))

/* The same, but a failure ends the case. */
#define require_status(want, call) check_status_at(REQUIRE_HERE, #call, want, call)
#define require_success(call) check_status_at(REQUIRE_HERE, #call, STATUS_SUCCESS, call)
#define require_u64(want, value) check_u64_at(REQUIRE_HERE, #value, (uint64_t)(want), (uint64_t)(value))
#define require_true(condition) check_true_at(REQUIRE_HERE, #condition, condition)

/* A comment line of TAP. */
void note(const char *format, ...) __attribute__((format(printf, 1, 2)));

static inline bool is_local(D3DKMT_HANDLE handle)
{
    return (handle & 0xC0000000u) != 0 && (handle & 0x3Fu) == 0;
}

static inline bool is_global(D3DKMT_HANDLE handle)
{
    return (handle & 0xC0000000u) != 0 && (handle & 0x3Fu) == 2;
}

#ifdef __cplusplus
}
#endif
#endif
