/* SPDX-License-Identifier: MIT */
/* Texts of ours as the wide strings of the ABI, where a WCHAR is a wchar_t on Linux. */
#ifndef UDXG_DDI_WIDE_H
#define UDXG_DDI_WIDE_H

#include <dxg/d3dukmdt.h>

#include <stddef.h>

/* TEXT (UTF-8) as at most CAPACITY wide characters, the terminator among them; what does not fit is cut off. */
void udxg_wide(WCHAR *destination, size_t capacity, const char *text);

#endif
