/* SPDX-License-Identifier: MIT */
/* What each of the four build systems builds: asks for the adapters, and says how many there may be. */
#include <wsl/winadapter.h>
#include <dxg/d3dkmthk.h>

#include <stdio.h>

int main(void)
{
    D3DKMT_ENUMADAPTERS2 args = {0};
    NTSTATUS status = D3DKMTEnumAdapters2(&args);
    printf("status %d, adapters %u\n", (int)status, (unsigned)args.NumAdapters);
    return status != 0 || args.NumAdapters == 0;
}
