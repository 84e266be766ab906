/* SPDX-License-Identifier: MIT */
/* See heap.h. The linker's --wrap puts this file between the library's objects and the heap. */
#include "heap.h"

#include <stddef.h>

static _Thread_local int fails_at; /* the request that fails, from now; 0: none */
static _Thread_local bool failed;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);

static bool fails(void)
{
    if (!fails_at || --fails_at) return false;
    failed = true;
    return true;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *block, size_t size)
{
    return fails() ? NULL : __real_realloc(block, size);
}

void heap_starve(int number)
{
    fails_at = number;
}

bool heap_feed(void)
{
    bool was = failed;
    fails_at = 0;
    failed = false;
    return was;
}
