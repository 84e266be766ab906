/* SPDX-License-Identifier: MIT */
/*
 * Memory, descriptors and references that end with their scope. Declare and set such a variable in one
 * statement, return early, and hand it on with udxg_steal(). Never together with goto (style guide 17, 18).
 */
#ifndef UDXG_BASE_CLEANUP_H
#define UDXG_BASE_CLEANUP_H

#include <stdlib.h>
#include <unistd.h>

#define UDXG_AUTO(function) __attribute__((cleanup(function)))

/* Defines udxg_auto_NAME(), which destroys what a TYPE variable holds when its scope ends. */
#define UDXG_DEFINE_AUTO(name, type, destroy, none)     \
    static inline void udxg_auto_##name(type *value)    \
    {                                                   \
        if (*value != (none)) destroy(*value);          \
    }

UDXG_DEFINE_AUTO(free, void *, free, NULL)
UDXG_DEFINE_AUTO(close, int, close, -1)

static inline void udxg_auto_free_any(void *pointer_to_pointer)
{
    udxg_auto_free((void **)pointer_to_pointer);
}

#define UDXG_AUTO_FREE UDXG_AUTO(udxg_auto_free_any)
#define UDXG_AUTO_CLOSE UDXG_AUTO(udxg_auto_close)

/* Takes the value out of an automatic variable, which then holds nothing. */
#define udxg_steal(variable)                    \
    ({                                          \
        __typeof__(variable) stolen_ = (variable); \
        (variable) = NULL;                      \
        stolen_;                                \
    })

static inline int udxg_steal_fd(int *fd)
{
    int stolen = *fd;
    *fd = -1;
    return stolen;
}

#endif
