/* SPDX-License-Identifier: MIT */
/* Names of NTSTATUS values, and the check that the headers in use agree on their numbers. */
#include "conformance.h"

#define CHECK_VALUE(name, value)                                                                                       \
    static_assert((uint32_t)(STATUS_##name) == (uint32_t)(value), "STATUS_" #name " has another value in the "         \
                                                                  "headers");
UDXG_CONFORMANCE_STATUSES(CHECK_VALUE)

const char *status_name(NTSTATUS status)
{
#define CASE(name, value)                                                                                              \
    case (int32_t)(value):                                                                                             \
        return "STATUS_" #name;
    switch ((int32_t)status) {
        UDXG_CONFORMANCE_STATUSES(CASE)
    default:
        return "an unnamed status";
    }
#undef CASE
}
