/* SPDX-License-Identifier: MIT */
/*
 * One kernel in a process, whatever is loaded how: an adapter handle from the linked libdxg.so.1 is a live one
 * for a libdxcore.so that came by dlopen, with RTLD_LOCAL, with RTLD_DEEPBIND, and after dlclose. Also that
 * loading alone starts no thread and opens no descriptor. Prints TAP.
 */
#include <wsl/winadapter.h>
#include <dxg/d3dkmthk.h>

#include <dirent.h>
#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "../sanitizer.h"

static unsigned points;
static bool failed;

static void point(bool good, const char *title)
{
    printf("%s %u - %s\n", good ? "ok" : "not ok", ++points, title);
    failed |= !good;
}

static unsigned entries(const char *folder)
{
    unsigned count = 0;
    DIR *directory = opendir(folder);
    while (directory && readdir(directory)) count++;
    if (directory) closedir(directory);
    return count;
}

typedef NTSTATUS open_from_luid(D3DKMT_OPENADAPTERFROMLUID *);
typedef NTSTATUS close_adapter(const D3DKMT_CLOSEADAPTER *);

/* An adapter is opened through the linked library and closed through the other one, and the other way round. */
static bool shares_handles(void *library, LUID luid)
{
    open_from_luid *open_there = (open_from_luid *)dlsym(library, "D3DKMTOpenAdapterFromLuid");
    close_adapter *close_there = (close_adapter *)dlsym(library, "D3DKMTCloseAdapter");
    if (!open_there || !close_there || (void *)open_there == (void *)D3DKMTOpenAdapterFromLuid) return false;

    D3DKMT_OPENADAPTERFROMLUID here = {.AdapterLuid = luid}, there = {.AdapterLuid = luid};
    if (D3DKMTOpenAdapterFromLuid(&here) || open_there(&there) || here.hAdapter == there.hAdapter) return false;
    D3DKMT_CLOSEADAPTER close_here_args = {.hAdapter = there.hAdapter}, close_there_args = {.hAdapter = here.hAdapter};
    bool good = D3DKMTCloseAdapter(&close_here_args) == 0 && close_there(&close_there_args) == 0;
    return good && close_there(&close_here_args) != 0 && D3DKMTCloseAdapter(&close_there_args) != 0;
}

int main(int argc, char **argv)
{
    static const struct {
        int flags;
        const char *title;
    } ways[] = {
        {RTLD_NOW | RTLD_LOCAL, "RTLD_LOCAL shares the handles"},
        {RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND, "RTLD_DEEPBIND shares the handles"},
        {RTLD_LAZY | RTLD_GLOBAL, "RTLD_GLOBAL shares the handles"},
    };
    if (argc != 2) return 2;
    puts("1..7");

    unsigned threads = entries("/proc/self/task"), files = entries("/proc/self/fd");
    void *library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        printf("Bail out! %s\n", dlerror());
        return 1;
    }
    point(entries("/proc/self/task") == threads, "loading starts no thread");
    point(entries("/proc/self/fd") == files, "loading opens no descriptor");

    D3DKMT_ADAPTERINFO infos[64];
    D3DKMT_ENUMADAPTERS2 enumeration = {.NumAdapters = 64, .pAdapters = infos};
    point(D3DKMTEnumAdapters2(&enumeration) == 0 && enumeration.NumAdapters > 0, "there is an adapter");
    LUID luid = infos[0].AdapterLuid;
    close_adapter *close_there = (close_adapter *)dlsym(library, "D3DKMTCloseAdapter");
    for (unsigned i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
#if WITH_ASAN
        int flags = ways[i].flags & ~RTLD_DEEPBIND; /* which AddressSanitizer does not allow */
#else
        int flags = ways[i].flags;
#endif
        void *again = dlopen(argv[1], flags);
        point(again && shares_handles(again, luid), ways[i].title);
        if (again) dlclose(again);
    }
    dlclose(library);
    D3DKMT_CLOSEADAPTER args = {.hAdapter = infos[0].hAdapter};
    point(close_there && close_there(&args) == 0, "after dlclose its functions are still there and know the handles");
    return failed;
}
