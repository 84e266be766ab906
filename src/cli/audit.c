/* SPDX-License-Identifier: MIT */
/*
 * udxg-audit.so: loaded by ld.so when LD_AUDIT names it (see rtld-audit(7)). It answers every request for
 * libdxcore.so or libdxg.so, by bare name or by any path, with the library of that name in its own folder, so
 * that a program which opens /usr/lib/wsl/lib/libdxcore.so reaches us without a file there.
 *
 * It runs inside of every program below udxg run: it needs nothing but libc, allocates nothing, starts nothing,
 * and leaves every other request alone. Its strings are written in la_version, before there is a second thread.
 */
#include <dlfcn.h>
#include <limits.h>
#include <link.h>
#include <stdio.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

static const struct {
    const char *requested, *ours;
} redirections[] = {
    {"libdxcore.so", "libdxcore.so"},
    {"libdxg.so", "libdxg.so.1"},
    {"libdxg.so.1", "libdxg.so.1"},
};

#define REDIRECTION_COUNT (sizeof(redirections) / sizeof(redirections[0]))

static char targets[REDIRECTION_COUNT][PATH_MAX]; /* empty where a redirection cannot be made */

EXPORT unsigned la_version(unsigned version)
{
    Dl_info self;
    const char *slash = dladdr(targets, &self) && self.dli_fname ? strrchr(self.dli_fname, '/') : NULL;
    for (size_t i = 0; slash && i < REDIRECTION_COUNT; i++) {
        int folder_length = (int)(slash - self.dli_fname);
        int length = snprintf(targets[i], PATH_MAX, "%.*s/%s", folder_length, self.dli_fname, redirections[i].ours);
        if (length >= PATH_MAX) targets[i][0] = '\0';
    }
    return version < LAV_CURRENT ? version : LAV_CURRENT;
}

EXPORT char *la_objsearch(const char *name, uintptr_t *cookie, unsigned flag)
{
    (void)cookie;
    if (flag != LA_SER_ORIG) return (char *)name;
    const char *slash = strrchr(name, '/');
    const char *base = slash ? slash + 1 : name;
    for (size_t i = 0; i < REDIRECTION_COUNT; i++)
        if (strcmp(base, redirections[i].requested) == 0 && targets[i][0]) return targets[i];
    return (char *)name;
}
