/* SPDX-License-Identifier: MIT */
/*
 * The NTSTATUS values that the conformance tests assert. Microsoft's headers for Linux define only some, so
 * each name is defined here where it is missing; where a header has it, the compiler checks in status.c that
 * both mean the same number.
 */
#ifndef UDXG_CONFORMANCE_STATUS_H
#define UDXG_CONFORMANCE_STATUS_H

/* X(name without STATUS_, value) */
#define UDXG_CONFORMANCE_STATUSES(X)                                                                                   \
    X(SUCCESS, 0x00000000)                                                                                             \
    X(ABANDONED, 0x00000080)                                                                                           \
    X(TIMEOUT, 0x00000102)                                                                                             \
    X(PENDING, 0x00000103)                                                                                             \
    X(UNSUCCESSFUL, 0xC0000001)                                                                                        \
    X(NOT_IMPLEMENTED, 0xC0000002)                                                                                     \
    X(ACCESS_VIOLATION, 0xC0000005)                                                                                    \
    X(INVALID_HANDLE, 0xC0000008)                                                                                      \
    X(INVALID_PARAMETER, 0xC000000D)                                                                                   \
    X(NO_MEMORY, 0xC0000017)                                                                                           \
    X(ILLEGAL_INSTRUCTION, 0xC000001D)                                                                                 \
    X(ACCESS_DENIED, 0xC0000022)                                                                                       \
    X(BUFFER_TOO_SMALL, 0xC0000023)                                                                                    \
    X(OBJECT_TYPE_MISMATCH, 0xC0000024)                                                                                \
    X(OBJECT_NAME_INVALID, 0xC0000033)                                                                                 \
    X(OBJECT_NAME_NOT_FOUND, 0xC0000034)                                                                               \
    X(OBJECT_NAME_COLLISION, 0xC0000035)                                                                               \
    X(INTEGER_OVERFLOW, 0xC0000095)                                                                                    \
    X(PRIVILEGED_INSTRUCTION, 0xC0000096)                                                                              \
    X(NOT_SUPPORTED, 0xC00000BB)                                                                                       \
    X(DEVICE_REMOVED, 0xC00002B6)                                                                                      \
    X(GRAPHICS_ADAPTER_WAS_RESET, 0xC01E0003)                                                                          \
    X(GRAPHICS_DRIVER_MISMATCH, 0xC01E0009)                                                                            \
    X(GRAPHICS_NO_VIDEO_MEMORY, 0xC01E0100)                                                                            \
    X(GRAPHICS_CANT_LOCK_MEMORY, 0xC01E0101)                                                                           \
    X(GRAPHICS_ALLOCATION_BUSY, 0xC01E0102)                                                                            \
    X(GRAPHICS_TOO_MANY_REFERENCES, 0xC01E0103)                                                                        \
    X(GRAPHICS_CANT_EVICT_PINNED_ALLOCATION, 0xC01E0109)                                                               \
    X(GRAPHICS_WRONG_ALLOCATION_DEVICE, 0xC01E0115)                                                                    \
    X(GRAPHICS_GPU_EXCEPTION_ON_DEVICE, 0xC01E0200)

#define UDXG_CONFORMANCE_STATUS_ENUM(name, value) UDXG_WANT_STATUS_##name = (int32_t)(value),
enum udxg_conformance_status { UDXG_CONFORMANCE_STATUSES(UDXG_CONFORMANCE_STATUS_ENUM) };
#undef UDXG_CONFORMANCE_STATUS_ENUM

#ifndef STATUS_SUCCESS
#define STATUS_SUCCESS ((NTSTATUS)UDXG_WANT_STATUS_SUCCESS)
#endif
#ifndef STATUS_ABANDONED
#define STATUS_ABANDONED ((NTSTATUS)UDXG_WANT_STATUS_ABANDONED)
#endif
#ifndef STATUS_TIMEOUT
#define STATUS_TIMEOUT ((NTSTATUS)UDXG_WANT_STATUS_TIMEOUT)
#endif
#ifndef STATUS_PENDING
#define STATUS_PENDING ((NTSTATUS)UDXG_WANT_STATUS_PENDING)
#endif
#ifndef STATUS_UNSUCCESSFUL
#define STATUS_UNSUCCESSFUL ((NTSTATUS)UDXG_WANT_STATUS_UNSUCCESSFUL)
#endif
#ifndef STATUS_NOT_IMPLEMENTED
#define STATUS_NOT_IMPLEMENTED ((NTSTATUS)UDXG_WANT_STATUS_NOT_IMPLEMENTED)
#endif
#ifndef STATUS_ACCESS_VIOLATION
#define STATUS_ACCESS_VIOLATION ((NTSTATUS)UDXG_WANT_STATUS_ACCESS_VIOLATION)
#endif
#ifndef STATUS_INVALID_HANDLE
#define STATUS_INVALID_HANDLE ((NTSTATUS)UDXG_WANT_STATUS_INVALID_HANDLE)
#endif
#ifndef STATUS_INVALID_PARAMETER
#define STATUS_INVALID_PARAMETER ((NTSTATUS)UDXG_WANT_STATUS_INVALID_PARAMETER)
#endif
#ifndef STATUS_NO_MEMORY
#define STATUS_NO_MEMORY ((NTSTATUS)UDXG_WANT_STATUS_NO_MEMORY)
#endif
#ifndef STATUS_ILLEGAL_INSTRUCTION
#define STATUS_ILLEGAL_INSTRUCTION ((NTSTATUS)UDXG_WANT_STATUS_ILLEGAL_INSTRUCTION)
#endif
#ifndef STATUS_ACCESS_DENIED
#define STATUS_ACCESS_DENIED ((NTSTATUS)UDXG_WANT_STATUS_ACCESS_DENIED)
#endif
#ifndef STATUS_BUFFER_TOO_SMALL
#define STATUS_BUFFER_TOO_SMALL ((NTSTATUS)UDXG_WANT_STATUS_BUFFER_TOO_SMALL)
#endif
#ifndef STATUS_OBJECT_TYPE_MISMATCH
#define STATUS_OBJECT_TYPE_MISMATCH ((NTSTATUS)UDXG_WANT_STATUS_OBJECT_TYPE_MISMATCH)
#endif
#ifndef STATUS_INTEGER_OVERFLOW
#define STATUS_INTEGER_OVERFLOW ((NTSTATUS)UDXG_WANT_STATUS_INTEGER_OVERFLOW)
#endif
#ifndef STATUS_PRIVILEGED_INSTRUCTION
#define STATUS_PRIVILEGED_INSTRUCTION ((NTSTATUS)UDXG_WANT_STATUS_PRIVILEGED_INSTRUCTION)
#endif
#ifndef STATUS_NOT_SUPPORTED
#define STATUS_NOT_SUPPORTED ((NTSTATUS)UDXG_WANT_STATUS_NOT_SUPPORTED)
#endif
#ifndef STATUS_DEVICE_REMOVED
#define STATUS_DEVICE_REMOVED ((NTSTATUS)UDXG_WANT_STATUS_DEVICE_REMOVED)
#endif
#ifndef STATUS_GRAPHICS_ADAPTER_WAS_RESET
#define STATUS_GRAPHICS_ADAPTER_WAS_RESET ((NTSTATUS)UDXG_WANT_STATUS_GRAPHICS_ADAPTER_WAS_RESET)
#endif
#ifndef STATUS_GRAPHICS_DRIVER_MISMATCH
#define STATUS_GRAPHICS_DRIVER_MISMATCH ((NTSTATUS)UDXG_WANT_STATUS_GRAPHICS_DRIVER_MISMATCH)
#endif
#ifndef STATUS_GRAPHICS_NO_VIDEO_MEMORY
#define STATUS_GRAPHICS_NO_VIDEO_MEMORY ((NTSTATUS)UDXG_WANT_STATUS_GRAPHICS_NO_VIDEO_MEMORY)
#endif
#ifndef STATUS_GRAPHICS_CANT_LOCK_MEMORY
#define STATUS_GRAPHICS_CANT_LOCK_MEMORY ((NTSTATUS)UDXG_WANT_STATUS_GRAPHICS_CANT_LOCK_MEMORY)
#endif
#ifndef STATUS_GRAPHICS_ALLOCATION_BUSY
#define STATUS_GRAPHICS_ALLOCATION_BUSY ((NTSTATUS)UDXG_WANT_STATUS_GRAPHICS_ALLOCATION_BUSY)
#endif
#ifndef STATUS_GRAPHICS_TOO_MANY_REFERENCES
#define STATUS_GRAPHICS_TOO_MANY_REFERENCES ((NTSTATUS)UDXG_WANT_STATUS_GRAPHICS_TOO_MANY_REFERENCES)
#endif
#ifndef STATUS_GRAPHICS_CANT_EVICT_PINNED_ALLOCATION
#define STATUS_GRAPHICS_CANT_EVICT_PINNED_ALLOCATION ((NTSTATUS)UDXG_WANT_STATUS_GRAPHICS_CANT_EVICT_PINNED_ALLOCATION)
#endif
#ifndef STATUS_GRAPHICS_WRONG_ALLOCATION_DEVICE
#define STATUS_GRAPHICS_WRONG_ALLOCATION_DEVICE ((NTSTATUS)UDXG_WANT_STATUS_GRAPHICS_WRONG_ALLOCATION_DEVICE)
#endif
#ifndef STATUS_GRAPHICS_GPU_EXCEPTION_ON_DEVICE
#define STATUS_GRAPHICS_GPU_EXCEPTION_ON_DEVICE ((NTSTATUS)UDXG_WANT_STATUS_GRAPHICS_GPU_EXCEPTION_ON_DEVICE)
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* "STATUS_NO_MEMORY", or "an unnamed status". */
const char *status_name(NTSTATUS status);

#ifdef __cplusplus
}
#endif
#endif
