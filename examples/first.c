/* SPDX-License-Identifier: MIT */
/* The shortest way to 64 KiB of video memory and back: link with libdxg. */
#include <stdio.h>
#include <string.h>
#include <wsl/winadapter.h>
#include <dxg/d3dkmthk.h>
#include <udxg/soft.h>

int main(void)
{
    D3DKMT_ADAPTERINFO adapters[64];
    D3DKMT_ENUMADAPTERS2 list = {.NumAdapters = 64, .pAdapters = adapters};
    if (D3DKMTEnumAdapters2(&list) || !list.NumAdapters) return 1;
    D3DKMT_CREATEDEVICE device = {.hAdapter = adapters[0].hAdapter};
    if (D3DKMTCreateDevice(&device)) return 1;

    struct udxg_soft_allocation data = {UDXG_SOFT_ALLOCATION_MAGIC, UDXG_SOFT_VERSION, .size_bytes = 65536};
    data.flags = UDXG_SOFT_CPU_VISIBLE;
    D3DDDI_ALLOCATIONINFO2 info = {.pPrivateDriverData = &data, .PrivateDriverDataSize = sizeof(data)};
    D3DKMT_CREATEALLOCATION create = {.hDevice = device.hDevice, .NumAllocations = 1, .pAllocationInfo2 = &info};
    if (D3DKMTCreateAllocation2(&create)) return 1;

    D3DKMT_LOCK2 lock = {.hDevice = device.hDevice, .hAllocation = info.hAllocation};
    if (D3DKMTLock2(&lock)) return 1;
    strcpy(lock.pData, "Hello, video memory!");
    printf("allocation 0x%08x at %p says: %s\n", info.hAllocation, lock.pData, (char *)lock.pData);
    D3DKMT_DESTROYALLOCATION2 destroy = {.hDevice = device.hDevice, .phAllocationList = &info.hAllocation};
    destroy.AllocationCount = 1;
    return D3DKMTDestroyAllocation2(&destroy) != 0;
}
