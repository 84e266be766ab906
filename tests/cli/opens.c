/* SPDX-License-Identifier: MIT */
/* opens NAME: opens a library, says which file that was, and whether it has D3DKMT calls and how they do. */
#include <dxg/d3dkmthk.h>

#include <dlfcn.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    void *library = argc == 2 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : NULL;
    if (!library) {
        fprintf(stderr, "%s\n", argc == 2 ? dlerror() : "usage: opens NAME");
        return 1;
    }
    Dl_info info;
    void *symbol = dlsym(library, "D3DKMTEnumAdapters2");
    if (!symbol || !dladdr(symbol, &info)) return 1;
    NTSTATUS (*enumerate)(const D3DKMT_ENUMADAPTERS2 *) = (NTSTATUS(*)(const D3DKMT_ENUMADAPTERS2 *))symbol;
    D3DKMT_ADAPTERINFO adapters[64];
    D3DKMT_ENUMADAPTERS2 args = {.NumAdapters = 64, .pAdapters = adapters};
    NTSTATUS status = enumerate(&args);
    printf("%s: status %d, %u adapters\n", info.dli_fname, (int)status, (unsigned)args.NumAdapters);
    return status != 0;
}
