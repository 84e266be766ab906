/* SPDX-License-Identifier: MIT */
/*
 * Global handles of resources: numbers of their own, alive as long as somebody has a local handle. Where a resource
 * is from, by either kind of handle, and who may open a restricted one.
 */
#include "opening.h"

#include <unistd.h>

static struct opening opening;
static struct creation creation;

static bool is_known(D3DKMT_HANDLE device, D3DKMT_HANDLE global)
{
    D3DKMT_QUERYRESOURCEINFO args;
    memset(&args, 0, sizeof(args));
    args.hDevice = device;
    args.hGlobalShare = global;
    return D3DKMTQueryResourceInfo(&args) == STATUS_SUCCESS;
}

static void numbers(void)
{
    D3DKMT_HANDLE adapter = open_adapter(), device = create_device(adapter), other = create_device(adapter);
    udxg_case("are not found by counting") {
        D3DKMT_HANDLE handles[64];
        int near = 0;
        for (int i = 0; i < 64; i++) {
            create_shared(&creation, device, 1, SHARE_GLOBAL);
            handles[i] = creation.args.hGlobalShare;
            require_true(is_global(handles[i]));
            for (int k = 0; k < i; k++) {
                require_true(handles[i] != handles[k]);
                near += (handles[i] > handles[k] ? handles[i] - handles[k] : handles[k] - handles[i]) <= 0x1000;
            }
        }
        check_true(near < 8);
    }
    udxg_case("cost no local number") {
        create_shared(&creation, device, 1, SHARE_GLOBAL);
        D3DKMT_HANDLE last = creation_handle(&creation, 0);
        create_shared(&creation, device, 1, SHARE_GLOBAL);
        check_u64(last + 0x40, creation.args.hResource);
    }
    udxg_case("go with the creator") {
        create_shared(&creation, device, 1, SHARE_GLOBAL);
        check_true(is_known(other, creation.args.hGlobalShare));
        require_success(destroy_resource(device, creation.args.hResource));
        check_true(!is_known(other, creation.args.hGlobalShare));
    }
    udxg_case("stay for an opener") {
        create_shared(&creation, device, 1, SHARE_GLOBAL);
        open_prepare(&opening, OPEN_RESOURCE, other, creation.args.hGlobalShare, NULL);
        open_succeeds(&opening, &creation);
        require_success(destroy_resource(device, creation.args.hResource));
        check_true(is_known(device, creation.args.hGlobalShare));
        require_success(destroy_resource(other, opening.args.hResource));
        check_true(!is_known(device, creation.args.hGlobalShare));
    }
    udxg_case("go with the device") {
        D3DKMT_HANDLE own = create_device(adapter);
        D3DKMT_DESTROYDEVICE destroy = {own};
        create_shared(&creation, own, 1, SHARE_GLOBAL);
        require_success(D3DKMTDestroyDevice(&destroy));
        check_true(!is_known(other, creation.args.hGlobalShare));
    }
    udxg_case("go at once, whatever the GPU still does") {
        struct gpu gpu;
        gpu_open(&gpu);
        create_shared(&creation, gpu.device, 1, SHARE_GLOBAL);
        struct fence gate = create_fence(gpu.device, 0);
        require_success(wait_gpu(gpu.context, gate.handle, 1));
        require_success(signal_gpu(gpu.context, gpu.done.handle, 1));
        require_success(destroy_resource(gpu.device, creation.args.hResource));
        check_true(!is_known(device, creation.args.hGlobalShare));
        require_success(signal_cpu(gpu.device, gate.handle, 1, 0));
    }
    udxg_case("destroy nothing") {
        create_shared(&creation, device, 1, SHARE_GLOBAL);
        check_status(STATUS_INVALID_PARAMETER, destroy_resource(device, creation.args.hGlobalShare));
        check_status(STATUS_INVALID_PARAMETER, destroy_allocation(device, creation.args.hGlobalShare));
        check_true(is_known(device, creation.args.hGlobalShare));
    }
    udxg_case("a resource without allocations cannot be opened") {
        create_shared(&creation, device, 0, SHARE_GLOBAL);
        check_global(creation.args.hGlobalShare);
        open_prepare(&opening, OPEN_RESOURCE, device, creation.args.hGlobalShare, NULL);
        open_fails(&opening, STATUS_INVALID_PARAMETER);
    }
}

static NTSTATUS adapter_of(D3DKMT_HANDLE global, HANDLE nt, LUID *ret_luid)
{
    D3DKMT_GETSHAREDRESOURCEADAPTERLUID args;
    memset(&args, 0, sizeof(args));
    args.hGlobalShare = global;
    args.hNtHandle = nt;
    NTSTATUS status = D3DKMTGetSharedResourceAdapterLuid(&args);
    *ret_luid = args.AdapterLuid;
    return status;
}

static void origins(void)
{
    D3DKMT_HANDLE device = create_device(open_adapter());
    LUID luid, want = first_luid();
    udxg_case("by number") {
        create_shared(&creation, device, 1, SHARE_GLOBAL);
        check_status(STATUS_SUCCESS, adapter_of(creation.args.hGlobalShare, NULL, &luid));
        check_true(memcmp(&luid, &want, sizeof(luid)) == 0);
    }
    udxg_case("by NT handle") {
        create_shared(&creation, device, 1, SHARE_NT);
        check_status(STATUS_SUCCESS, adapter_of(0, share_resource(creation.args.hResource, 0), &luid));
        check_true(memcmp(&luid, &want, sizeof(luid)) == 0);
    }
    udxg_case("by nothing") {
        check_status(STATUS_INVALID_PARAMETER, adapter_of(0, NULL, &luid));
    }
    udxg_case("by a local handle") {
        create_shared(&creation, device, 1, SHARE_GLOBAL);
        check_status(STATUS_INVALID_PARAMETER, adapter_of(creation.args.hResource, NULL, &luid));
    }
    udxg_case("by an event") {
        check_status(STATUS_INVALID_HANDLE, adapter_of(0, fd_handle(create_event()), &luid));
    }
}

static NTSTATUS configure(D3DKMT_HANDLE device, D3DKMT_HANDLE resource, BOOLEAN allow, HANDLE process)
{
    D3DKMT_CONFIGURESHAREDRESOURCE args;
    memset(&args, 0, sizeof(args));
    args.hDevice = device;
    args.hResource = resource;
    args.hProcess = process;
    args.AllowAccess = allow;
    return D3DKMTConfigureSharedResource(&args);
}

static NTSTATUS may_open(D3DKMT_HANDLE resource, UINT pid)
{
    D3DKMT_CHECKSHAREDRESOURCEACCESS args = {resource, pid};
    return D3DKMTCheckSharedResourceAccess(&args);
}

static void restriction(void)
{
    static struct opening second;
    D3DKMT_HANDLE adapter = open_adapter(), device = create_device(adapter), other = create_device(adapter);
    UINT own = (UINT)getpid();
    for (int nt = 0; nt < 2; nt++) {
        UINT flags = (nt ? SHARE_NT : SHARE_GLOBAL) | RESTRICT_SHARED_ACCESS;
        enum open_call call = nt ? OPEN_NT : OPEN_RESOURCE;
        udxg_case("%s/the creator's process may", nt ? "NT" : "global") {
            create_shared(&creation, device, 1, flags);
            check_status(STATUS_SUCCESS, may_open(creation.args.hResource, own));
            check_status(STATUS_ACCESS_DENIED, may_open(creation.args.hResource, own + 1));
            open_prepare(&opening, call, other, creation.args.hGlobalShare,
                         nt ? share_resource(creation.args.hResource, ACCESS_ALL) : NULL);
            open_succeeds(&opening, &creation);
        }
        udxg_case("%s/until it may not, and again", nt ? "NT" : "global") {
            create_shared(&creation, device, 1, flags);
            open_prepare(&opening, call, other, creation.args.hGlobalShare,
                         nt ? share_resource(creation.args.hResource, ACCESS_ALL) : NULL);
            for (int i = 0; i < 2; i++)
                check_status(STATUS_SUCCESS, configure(device, creation.args.hResource, 0, NULL));
            check_status(STATUS_ACCESS_DENIED, may_open(creation.args.hResource, own));
            open_fails(&opening, STATUS_ACCESS_DENIED);
            for (int i = 0; i < 2; i++)
                check_status(STATUS_SUCCESS, configure(device, creation.args.hResource, 1, NULL));
            check_status(STATUS_SUCCESS, may_open(creation.args.hResource, own));
            open_succeeds(&opening, &creation);
        }
        udxg_case("%s/an opener lets nobody in", nt ? "NT" : "global") {
            create_shared(&creation, device, 1, flags);
            open_prepare(&second, call, other, creation.args.hGlobalShare,
                         nt ? share_resource(creation.args.hResource, ACCESS_ALL) : NULL);
            open_succeeds(&second, &creation);
            check_status(STATUS_INVALID_PARAMETER, configure(other, *fields_of(&second).resource, 1, NULL));
        }
    }
    udxg_case("not restricted, anybody may, and nothing is to be said") {
        create_shared(&creation, device, 1, SHARE_NT);
        check_status(STATUS_SUCCESS, may_open(creation.args.hResource, own + 1));
        check_status(STATUS_INVALID_PARAMETER, configure(device, creation.args.hResource, 0, NULL));
    }
    udxg_case("not shared at all") {
        create_shared(&creation, device, 1, CREATE_RESOURCE);
        check_status(STATUS_INVALID_PARAMETER, may_open(creation.args.hResource, own));
        check_status(STATUS_INVALID_PARAMETER, configure(device, creation.args.hResource, 1, NULL));
    }
    udxg_case("of another device, of no process") {
        create_shared(&creation, device, 1, SHARE_NT | RESTRICT_SHARED_ACCESS);
        check_status(STATUS_INVALID_PARAMETER, configure(other, creation.args.hResource, 1, NULL));
        check_status(STATUS_INVALID_HANDLE, configure(device, creation.args.hResource, 1, fd_handle(create_event())));
        check_status(STATUS_INVALID_PARAMETER, may_open(creation_handle(&creation, 0), own));
        check_status(STATUS_INVALID_PARAMETER, may_open(0, own));
    }
}

int main(int argc, char **argv)
{
    static const struct udxg_test tests[] = {
        {"numbers", ON_EACH, numbers},
        {"origins", ON_EACH, origins},
        {"restriction", ON_DISCRETE, restriction},
    };
    return conformance_main(argc, argv, tests, LENGTH_OF(tests));
}
