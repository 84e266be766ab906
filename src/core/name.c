/* SPDX-License-Identifier: MIT */
/*
 * Names. There are no folders to open, so a name is absolute; of a session's own folder the number is part of the
 * name. Upper case is taken for Latin, Greek and Cyrillic letters, which is where names come from; Windows has a
 * table of all of Unicode's, and letters of other scripts that have cases (Armenian, Georgian) differ here.
 */
#include "core/name.h"

#define OBJ_DEFINED 0x1ff2u /* all that ntdef.h names */

static uint16_t upper(uint16_t unit)
{
    if (unit >= 'a' && unit <= 'z') return (uint16_t)(unit - 32);
    if (unit < 0xb5) return unit;
    if ((unit >= 0xe0 && unit <= 0xfe && unit != 0xf7)) return (uint16_t)(unit - 32);
    if (unit == 0xff) return 0x178;
    if ((unit >= 0x100 && unit <= 0x137 && unit != 0x131) || (unit >= 0x14a && unit <= 0x177)) return unit & ~1u;
    if ((unit >= 0x139 && unit <= 0x148) || (unit >= 0x179 && unit <= 0x17e))
        return (uint16_t)(unit & 1 ? unit : unit - 1);
    if (unit >= 0x3b1 && unit <= 0x3cb && unit != 0x3c2) return (uint16_t)(unit - 32);
    if (unit >= 0x430 && unit <= 0x44f) return (uint16_t)(unit - 32);
    if (unit >= 0x450 && unit <= 0x45f) return (uint16_t)(unit - 80);
    return unit;
}

/* Steps over TEXT, in whatever case; NULL when it is not there. */
static const uint16_t *skip(const uint16_t *units, const uint16_t *end, const char *text)
{
    for (; *text; text++, units++)
        if (units == end || upper(*units) != upper((uint16_t)*text)) return NULL;
    return units;
}

/* What stands after the folder; NULL when it is not a folder that there is. */
static const uint16_t *skip_folder(const uint16_t *units, const uint16_t *end)
{
    const uint16_t *session = skip(units, end, "\\Sessions\\");
    const uint16_t *at = session;

    if (!session) return skip(units, end, "\\BaseNamedObjects\\");
    while (at < end && *at >= '0' && *at <= '9') at++;
    return at == session ? NULL : skip(at, end, "\\BaseNamedObjects\\");
}

static udxg_status read_string(const UNICODE_STRING *string, struct udxg_name *ret_name)
{
    const uint16_t *start = string->Buffer, *end, *leaf;

    if (string->Length % sizeof *start || string->Length / sizeof *start > UDXG_NAME_UNITS)
        return STATUS_OBJECT_NAME_INVALID;
    if (!string->Length) return STATUS_SUCCESS; /* as good as none */
    end = start + string->Length / sizeof *start;
    leaf = skip_folder(start, end);
    if (!leaf || leaf == end) return STATUS_OBJECT_NAME_INVALID;
    for (const uint16_t *unit = leaf; unit < end; unit++)
        if (*unit == '\\') return STATUS_OBJECT_NAME_INVALID;
    while (start < end) ret_name->units[ret_name->count++] = upper(*start++);
    return STATUS_SUCCESS;
}

udxg_status udxg_name_read(uint32_t owner, const OBJECT_ATTRIBUTES *attributes, struct udxg_name *ret_name,
                           bool *ret_inherit)
{
    ret_name->owner = owner;
    ret_name->count = 0;
    *ret_inherit = false;
    if (!attributes) return STATUS_SUCCESS;
    if (attributes->Length != sizeof *attributes || attributes->Attributes & ~OBJ_DEFINED)
        return STATUS_INVALID_PARAMETER;
    if (attributes->RootDirectory) return STATUS_INVALID_HANDLE;
    *ret_inherit = attributes->Attributes & OBJ_INHERIT;
    return attributes->ObjectName ? read_string(attributes->ObjectName, ret_name) : STATUS_SUCCESS;
}
