/* SPDX-License-Identifier: MIT */
/* Sync files: when they can be read, what waits for them, what is opened from them, and how long they keep their fence.
 */
#include "fixture.h"

#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

static int create_file(D3DKMT_HANDLE device, D3DKMT_HANDLE fence, UINT64 value)
{
    D3DKMT_CREATESYNCFILE args = {0};
    args.hDevice = device;
    args.hMonitoredFence = fence;
    args.FenceValue = value;
    require_success(D3DKMTCreateSyncFile(&args));
    require_true(args.hSyncFile > 2);
    return (int)args.hSyncFile;
}

static bool is_ready(int fd, int timeout_ms)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    return poll(&poll_fd, 1, timeout_ms) == 1 && poll_fd.revents & POLLIN;
}

static NTSTATUS destroy(D3DKMT_HANDLE fence)
{
    D3DKMT_DESTROYSYNCHRONIZATIONOBJECT args = {fence};
    return D3DKMTDestroySynchronizationObject(&args);
}

static void files(void)
{
    struct gpu gpu;
    gpu_open(&gpu);
    udxg_case("ready when the fence has reached the value, in every copy") {
        struct fence fence = create_fence(gpu.device, 0);
        int file = create_file(gpu.device, fence.handle, 2), copy = dup(file);
        check_true(!is_ready(file, 0));
        require_success(signal_cpu(gpu.device, fence.handle, 1, 0));
        check_true(!is_ready(file, 20));
        require_success(signal_gpu(gpu.context, fence.handle, 2));
        check_true(is_ready(file, 5000));
        check_true(is_ready(copy, 0));
        check_true(is_ready(file, 0));
    }
    udxg_case("ready at once") {
        struct fence fence = create_fence(gpu.device, 3);
        check_true(is_ready(create_file(gpu.device, fence.handle, 3), 0));
    }
    udxg_case("a context waits for it") {
        struct fence fence = create_fence(gpu.device, 0), after = create_fence(gpu.device, 0);
        D3DKMT_WAITSYNCFILE args = {0};
        args.hSyncFile = (UINT64)create_file(gpu.device, fence.handle, 1);
        args.hContext = gpu.context;
        check_status(STATUS_SUCCESS, D3DKMTWaitSyncFile(&args));
        require_success(signal_gpu(gpu.context, after.handle, 1));
        usleep(50000);
        check_u64(0, *after.value);
        require_success(signal_cpu(gpu.device, fence.handle, 1, 0));
        check_status(STATUS_SUCCESS, wait_cpu(gpu.device, after.handle, 1, -1));
    }
    udxg_case("the fence is opened from it, for waits alone") {
        struct fence fence = create_fence(gpu.device, 0);
        D3DKMT_OPENSYNCOBJECTFROMSYNCFILE args = {0};
        args.hSyncFile = (UINT64)dup(create_file(gpu.device, fence.handle, 7));
        args.hDevice = create_device(gpu.adapter);
        require_success(D3DKMTOpenSyncObjectFromSyncFile(&args));
        check_local(args.hSyncObject);
        check_u64(7, args.FenceValue);
        check_true(args.FenceValueGPUVirtualAddress != 0);
        check_status(STATUS_ACCESS_DENIED, signal_cpu(args.hDevice, args.hSyncObject, 7, 0));
        require_success(signal_cpu(gpu.device, fence.handle, 7, 0));
        check_status(STATUS_SUCCESS, wait_cpu(args.hDevice, args.hSyncObject, 7, -1));
        check_u64(7, *(const volatile UINT64 *)args.FenceValueCPUVirtualAddress);
    }
    udxg_case("it keeps its fence, and the GPU still signals it") {
        struct fence fence = create_fence(gpu.device, 0), gate = create_fence(gpu.device, 0);
        int file = create_file(gpu.device, fence.handle, 1);
        require_success(wait_gpu(gpu.context, gate.handle, 1));
        require_success(signal_gpu(gpu.context, fence.handle, 1));
        require_success(destroy(fence.handle));
        check_true(!is_ready(file, 50));
        require_success(signal_cpu(gpu.device, gate.handle, 1, 0));
        check_true(is_ready(file, 5000));
    }
    udxg_case("its fence goes with its device, and what was queued with it: it will never be signalled") {
        D3DKMT_HANDLE device = create_device(gpu.adapter), context = create_context(device, 0);
        struct fence fence = create_fence(device, 0), gate = create_fence(gpu.device, 0);
        D3DKMT_DESTROYDEVICE end = {device};
        int file = create_file(gpu.device, fence.handle, 1);
        require_success(wait_gpu(context, gate.handle, 1));
        require_success(signal_gpu(context, fence.handle, 1));
        check_true(!is_ready(file, 50));
        require_success(D3DKMTDestroyDevice(&end));
        check_true(is_ready(file, 5000));
    }
    udxg_case("closed before the fence is signalled: nothing happens, and no descriptor stays") {
        struct fence fence = create_fence(gpu.device, 0);
        close(create_file(gpu.device, fence.handle, 1));
        int before = open_fd_count();
        for (int i = 0; i < 50; i++) close(create_file(gpu.device, fence.handle, 1));
        check_u64(before, open_fd_count());
        check_status(STATUS_SUCCESS, signal_cpu(gpu.device, fence.handle, 1, 0));
    }
    udxg_case("made of the last descriptor, which was closed a moment ago") {
        struct fence fence = create_fence(gpu.device, 0);
        D3DKMT_CREATESYNCFILE args = {0};
        struct rlimit before, few;
        int files[64], count = 0;
        args.hDevice = gpu.device;
        args.hMonitoredFence = fence.handle;
        args.FenceValue = 1;
        require_true(getrlimit(RLIMIT_NOFILE, &before) == 0);
        few = before;
        few.rlim_cur = (rlim_t)open_fd_count() + 40;
        require_true(setrlimit(RLIMIT_NOFILE, &few) == 0);
        while (count < 64 && D3DKMTCreateSyncFile(&args) == STATUS_SUCCESS) files[count++] = (int)args.hSyncFile;
        require_true(count > 1 && count < 64);
        close(files[--count]);
        NTSTATUS status = D3DKMTCreateSyncFile(&args);
        require_true(setrlimit(RLIMIT_NOFILE, &before) == 0);
        require_status(STATUS_SUCCESS, status);
        require_success(signal_cpu(gpu.device, fence.handle, 1, 0));
        check_true(is_ready((int)args.hSyncFile, 5000));
        while (count) check_true(is_ready(files[--count], 5000));
    }
    udxg_case("wrong arguments") {
        D3DKMT_CREATESYNCFILE create = {0};
        D3DKMT_WAITSYNCFILE wait = {0};
        D3DKMT_OPENSYNCOBJECTFROMSYNCFILE open = {0};
        struct fence fence = create_fence(gpu.device, 0);
        check_status(STATUS_INVALID_PARAMETER, D3DKMTCreateSyncFile(NULL));
        create.hMonitoredFence = fence.handle;
        check_status(STATUS_INVALID_PARAMETER, D3DKMTCreateSyncFile(&create));
        create.hDevice = gpu.device;
        create.hMonitoredFence = gpu.device;
        check_status(STATUS_INVALID_PARAMETER, D3DKMTCreateSyncFile(&create));
        wait.hContext = gpu.context;
        wait.hSyncFile = (UINT64)create_event();
        check_status(STATUS_INVALID_PARAMETER, D3DKMTWaitSyncFile(&wait));
        wait.hSyncFile = 0x123456789a;
        check_status(STATUS_INVALID_PARAMETER, D3DKMTWaitSyncFile(&wait));
        wait.hSyncFile = (UINT64)create_file(gpu.device, fence.handle, 0);
        wait.hContext = 0;
        check_status(STATUS_INVALID_PARAMETER, D3DKMTWaitSyncFile(&wait));
        open.hDevice = gpu.device;
        open.hSyncFile = (UINT64)create_event();
        check_status(STATUS_INVALID_PARAMETER, D3DKMTOpenSyncObjectFromSyncFile(&open));
        check_u64(0, open.hSyncObject);
    }
}

int main(int argc, char **argv)
{
    static const struct udxg_test tests[] = {{"file", ON_EACH, files}};
    return conformance_main(argc, argv, tests, LENGTH_OF(tests));
}
