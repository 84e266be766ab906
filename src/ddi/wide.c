/* SPDX-License-Identifier: MIT */
#include "ddi/wide.h"

/* One character of UTF-8; a byte that starts none stands for itself. Never reads past a terminator. */
static wchar_t next_character(const unsigned char **text)
{
    const unsigned char *at = *text;
    unsigned lead = *at++;
    int more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : lead >= 0xc0 ? 1 : 0;
    unsigned value = more ? lead & (0x3fu >> more) : lead;

    for (; more && (*at & 0xc0) == 0x80; more--) value = value << 6 | (*at++ & 0x3f);
    *text = at;
    return (wchar_t)value;
}

void udxg_wide(WCHAR *destination, size_t capacity, const char *text)
{
    const unsigned char *at = (const unsigned char *)text;
    size_t length = 0;

    while (*at && length + 1 < capacity) destination[length++] = next_character(&at);
    destination[length] = 0;
}
