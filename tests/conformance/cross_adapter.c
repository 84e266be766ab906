/* SPDX-License-Identifier: MIT */
/*
 * Cross-adapter resources: created on one adapter, opened on the other, whose miniport makes an allocation of its own
 * over the same pages. Both have them in use, and whoever is left keeps them.
 */
#include "opening.h"

#include <unistd.h>

static struct opening opening;
static struct creation creation;

struct both {
    D3DKMT_HANDLE adapters[2];
    struct gpu gpus[2];
};

static void open_both(struct both *both)
{
    D3DKMT_ADAPTERINFO infos[8];
    D3DKMT_ENUMADAPTERS2 args;
    memset(&args, 0, sizeof(args));
    args.NumAdapters = LENGTH_OF(infos);
    args.pAdapters = infos;
    require_success(D3DKMTEnumAdapters2(&args));
    require_u64(2, args.NumAdapters);
    for (int i = 0; i < 2; i++) {
        both->adapters[i] = infos[i].hAdapter;
        gpu_open_on(&both->gpus[i], infos[i].hAdapter);
    }
}

static void create_cross_with(D3DKMT_HANDLE device, UINT flags)
{
    creation_buffers(&creation, 2, device, 1);
    creation.soft[0].preferred[0] = UDXG_SOFT_SEGMENT_SYSTEM;
    creation.soft[0].flags = UDXG_SOFT_CPU_VISIBLE | UDXG_SOFT_ONLY_PREFERRED;
    creation_set_flags(&creation, flags | CROSS_ADAPTER);
    require_success(creation_issue(&creation));
}

static HANDLE create_cross(D3DKMT_HANDLE device)
{
    create_cross_with(device, SHARE_NT);
    return share_resource(creation.args.hResource, ACCESS_ALL);
}

static void copy(struct gpu *gpu, D3DKMT_HANDLE to, D3DKMT_HANDLE from)
{
    make_resident(&gpu->queue, to);
    make_resident(&gpu->queue, from);
    struct udxg_soft_copy command = udxg_soft_copy_command(map(&gpu->queue, to, CREATION_BYTES),
                                                           map(&gpu->queue, from, CREATION_BYTES), CREATION_BYTES);
    require_success(submit(gpu, &command, sizeof(command)));
    gpu_finish(gpu);
}

static void crossing(void)
{
    static struct both both;
    open_both(&both);
    for (int i = 0; i < 2; i++) {
        struct gpu *mine = &both.gpus[i], *theirs = &both.gpus[!i];
        udxg_case("%d/the same bytes for both CPUs' eyes", i) {
            HANDLE nt = create_cross(mine->device);
            open_prepare(&opening, OPEN_NT, theirs->device, 0, nt);
            require_success(open_issue(&opening));
            uint8_t *here = (uint8_t *)lock(mine->device, creation_handle(&creation, 0));
            uint8_t *there = (uint8_t *)lock(theirs->device, opened_allocation(&opening, 0));
            check_true(filled_with(there, CREATION_BYTES, 0));
            memset(here, 0x5a, CREATION_BYTES);
            check_true(filled_with(there, CREATION_BYTES, 0x5a));
        }
        udxg_case("%d/the same bytes for both GPUs", i) {
            HANDLE nt = create_cross(mine->device);
            struct gpu_buffer from = create_gpu_buffer(mine, CREATION_BYTES);
            struct gpu_buffer to = create_gpu_buffer(theirs, CREATION_BYTES);
            open_prepare(&opening, OPEN_NT, theirs->device, 0, nt);
            require_success(open_issue(&opening));
            memset(lock(mine->device, from.allocation), 0x77, CREATION_BYTES);
            require_success(unlock(mine->device, from.allocation));
            copy(mine, creation_handle(&creation, 0), from.allocation);
            copy(theirs, to.allocation, opened_allocation(&opening, 0));
            check_true(filled_with(lock(theirs->device, to.allocation), CREATION_BYTES, 0x77));
        }
        udxg_case("%d/private data are the other miniport's", i) {
            HANDLE nt = create_cross(mine->device);
            open_prepare(&opening, OPEN_NT, theirs->device, 0, nt);
            require_success(open_issue(&opening));
            const struct udxg_soft_allocation *data = (const struct udxg_soft_allocation *)opening.total;
            check_u64(sizeof(*data), opening.nt.TotalPrivateDriverDataBufferSize);
            check_u64(UDXG_SOFT_ALLOCATION_MAGIC, data->magic);
            check_u64(CREATION_BYTES, data->size_bytes);
            check_u64(UDXG_SOFT_CPU_VISIBLE | UDXG_SOFT_CACHED, data->flags);
        }
        udxg_case("%d/the creator goes, the opener keeps the pages", i) {
            D3DKMT_HANDLE own = create_device(both.adapters[i]);
            HANDLE nt = create_cross(own);
            open_prepare(&opening, OPEN_NT, theirs->device, 0, nt);
            require_success(open_issue(&opening));
            memset(lock(own, creation_handle(&creation, 0)), 0x11, CREATION_BYTES);
            D3DKMT_DESTROYDEVICE destroy = {own};
            require_success(D3DKMTDestroyDevice(&destroy));
            close_handle(nt);
            usleep(20000);
            for (int k = 0; k < 8; k++) /* who gets its pages now would show */
                memset(lock(mine->device, create_buffer(mine->device, CREATION_BYTES)), 0xee, CREATION_BYTES);
            check_true(filled_with(lock(theirs->device, opened_allocation(&opening, 0)), CREATION_BYTES, 0x11));
        }
        udxg_case("%d/the opener goes, the creator keeps them", i) {
            HANDLE nt = create_cross(mine->device);
            open_prepare(&opening, OPEN_NT, theirs->device, 0, nt);
            require_success(open_issue(&opening));
            memset(lock(theirs->device, opened_allocation(&opening, 0)), 0x22, CREATION_BYTES);
            require_success(destroy_resource(theirs->device, opening.nt.hResource));
            check_true(filled_with(lock(mine->device, creation_handle(&creation, 0)), CREATION_BYTES, 0x22));
        }
        udxg_case("%d/a heap crosses too", i) {
            void *heap = map_pages(CREATION_BYTES / PAGE_BYTES);
            creation_heap(&creation, 2, mine->device, heap, CREATION_BYTES);
            creation_set_flags(&creation, creation_flags(&creation) | SHARE_NT | CROSS_ADAPTER);
            require_success(creation_issue(&creation));
            open_prepare(&opening, OPEN_NT, theirs->device, 0, share_resource(creation.args.hResource, ACCESS_ALL));
            require_success(open_issue(&opening));
            check_true(lock(theirs->device, opened_allocation(&opening, 0)) == heap);
        }
        udxg_case("%d/costs the other adapter nothing", i) {
            HANDLE nt = create_cross(mine->device);
            UINT64 before = memory_info(both.adapters[!i], D3DKMT_MEMORY_SEGMENT_GROUP_NON_LOCAL).CurrentUsage;
            open_prepare(&opening, OPEN_NT, theirs->device, 0, nt);
            require_success(open_issue(&opening));
            check_u64(before, memory_info(both.adapters[!i], D3DKMT_MEMORY_SEGMENT_GROUP_NON_LOCAL).CurrentUsage);
        }
        udxg_case("%d/without CrossAdapter nothing crosses", i) {
            create_shared(&creation, mine->device, 1, SHARE_NT);
            HANDLE nt = share_resource(creation.args.hResource, ACCESS_ALL);
            open_prepare(&opening, OPEN_NT, mine->device, 0, nt);
            opening.nt.hDevice = theirs->device;
            open_fails(&opening, STATUS_INVALID_PARAMETER);
        }
        udxg_case("%d/with it, by number too", i) {
            create_cross_with(mine->device, SHARE_GLOBAL);
            open_prepare(&opening, OPEN_RESOURCE2, theirs->device, creation.args.hGlobalShare, NULL);
            require_success(open_issue(&opening));
            memset(lock(mine->device, creation_handle(&creation, 0)), 0x44, CREATION_BYTES);
            check_true(filled_with(lock(theirs->device, opened_allocation(&opening, 0)), CREATION_BYTES, 0x44));
        }
        udxg_case("%d/without it, not by number either", i) {
            create_shared(&creation, mine->device, 1, SHARE_GLOBAL);
            open_prepare(&opening, OPEN_RESOURCE, mine->device, creation.args.hGlobalShare, NULL);
            opening.args.hDevice = theirs->device;
            open_fails(&opening, STATUS_INVALID_PARAMETER);
        }
        udxg_case("%d/sizes are as exact as elsewhere", i) {
            HANDLE nt = create_cross(mine->device);
            open_prepare(&opening, OPEN_NT, theirs->device, 0, nt);
            opening.nt.TotalPrivateDriverDataBufferSize = sizeof(struct udxg_soft_allocation) - 1;
            open_fails(&opening, STATUS_NO_MEMORY);
            opening.nt.TotalPrivateDriverDataBufferSize++;
            opening.nt.ResourcePrivateDriverDataSize++;
            open_fails(&opening, STATUS_INVALID_PARAMETER);
        }
    }
}

int main(int argc, char **argv)
{
    static const struct udxg_test tests[] = {{"crossing", ON_BOTH, crossing}};
    return conformance_main(argc, argv, tests, LENGTH_OF(tests));
}
