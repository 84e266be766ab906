/* SPDX-License-Identifier: MIT */
/*
 * The names of the statuses. A status that a handler returns belongs on this list, so that no trace and no
 * error message shows a bare number.
 */
#include "base/status.h"

#include <stddef.h>
#include <string.h>

#define STATUSES(X)                                     \
    X(STATUS_SUCCESS)                                   \
    X(STATUS_ABANDONED)                                 \
    X(STATUS_TIMEOUT)                                   \
    X(STATUS_PENDING)                                   \
    X(STATUS_UNSUCCESSFUL)                              \
    X(STATUS_NOT_IMPLEMENTED)                           \
    X(STATUS_ACCESS_VIOLATION)                          \
    X(STATUS_INVALID_HANDLE)                            \
    X(STATUS_INVALID_PARAMETER)                         \
    X(STATUS_NO_MEMORY)                                 \
    X(STATUS_ILLEGAL_INSTRUCTION)                       \
    X(STATUS_ACCESS_DENIED)                             \
    X(STATUS_BUFFER_TOO_SMALL)                          \
    X(STATUS_OBJECT_TYPE_MISMATCH)                      \
    X(STATUS_OBJECT_NAME_INVALID)                       \
    X(STATUS_OBJECT_NAME_NOT_FOUND)                     \
    X(STATUS_OBJECT_NAME_COLLISION)                     \
    X(STATUS_INTEGER_OVERFLOW)                          \
    X(STATUS_PRIVILEGED_INSTRUCTION)                    \
    X(STATUS_INSUFFICIENT_RESOURCES)                    \
    X(STATUS_NOT_SUPPORTED)                             \
    X(STATUS_DEVICE_REMOVED)                            \
    X(STATUS_GRAPHICS_INSUFFICIENT_DMA_BUFFER)          \
    X(STATUS_GRAPHICS_ADAPTER_WAS_RESET)                \
    X(STATUS_GRAPHICS_PRESENT_OCCLUDED)                 \
    X(STATUS_GRAPHICS_DRIVER_MISMATCH)                  \
    X(STATUS_GRAPHICS_PRESENT_UNOCCLUDED)               \
    X(STATUS_GRAPHICS_NO_VIDEO_MEMORY)                  \
    X(STATUS_GRAPHICS_CANT_LOCK_MEMORY)                 \
    X(STATUS_GRAPHICS_ALLOCATION_BUSY)                  \
    X(STATUS_GRAPHICS_TOO_MANY_REFERENCES)              \
    X(STATUS_GRAPHICS_TRY_AGAIN_LATER)                  \
    X(STATUS_GRAPHICS_TRY_AGAIN_NOW)                    \
    X(STATUS_GRAPHICS_ALLOCATION_INVALID)               \
    X(STATUS_GRAPHICS_UNSWIZZLING_APERTURE_UNAVAILABLE) \
    X(STATUS_GRAPHICS_UNSWIZZLING_APERTURE_UNSUPPORTED) \
    X(STATUS_GRAPHICS_CANT_EVICT_PINNED_ALLOCATION)     \
    X(STATUS_GRAPHICS_INVALID_ALLOCATION_USAGE)         \
    X(STATUS_GRAPHICS_CANT_RENDER_LOCKED_ALLOCATION)    \
    X(STATUS_GRAPHICS_ALLOCATION_CLOSED)                \
    X(STATUS_GRAPHICS_INVALID_ALLOCATION_INSTANCE)      \
    X(STATUS_GRAPHICS_INVALID_ALLOCATION_HANDLE)        \
    X(STATUS_GRAPHICS_WRONG_ALLOCATION_DEVICE)          \
    X(STATUS_GRAPHICS_ALLOCATION_CONTENT_LOST)          \
    X(STATUS_GRAPHICS_GPU_EXCEPTION_ON_DEVICE)          \
    X(STATUS_GRAPHICS_VIDPN_SOURCE_IN_USE)

#define NAME_CASE(status) \
    case status:          \
        return #status;

const char *udxg_status_name(udxg_status status)
{
    switch (status) {
        STATUSES(NAME_CASE)
    default:
        return NULL;
    }
}

#define NAMED(status) {#status, status},

bool udxg_status_by_name(const char *name, udxg_status *ret_status)
{
    static const struct {
        const char *name;
        udxg_status status;
    } named[] = {STATUSES(NAMED)};
    static const char *const prefixes[] = {"", "STATUS_", "STATUS_GRAPHICS_"};

    for (size_t i = 0; i < sizeof named / sizeof *named; i++) {
        for (size_t p = 0; p < sizeof prefixes / sizeof *prefixes; p++) {
            size_t length = strlen(prefixes[p]);
            if (strncmp(named[i].name, prefixes[p], length) || strcmp(named[i].name + length, name)) continue;
            *ret_status = named[i].status;
            return true;
        }
    }
    return false;
}
