/* SPDX-License-Identifier: MIT */
/*
 * D3DKMTShareObjects: what may stand in one NT handle, and how long a handle keeps what it stands for, whatever copy
 * of it is left: dup(), a message of a socket, another process. And queries by NT handle.
 */
#include "opening.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static struct opening opening;
static struct creation creation;

static NTSTATUS share_set(UINT count, const D3DKMT_HANDLE *handles, HANDLE *ret_handle)
{
    return D3DKMTShareObjects(count, handles, NULL, ACCESS_ALL, ret_handle);
}

/* Refused, and the handle is NULL, as nothing was shared. */
static void refused(UINT count, const D3DKMT_HANDLE *handles)
{
    HANDLE handle = (HANDLE)(intptr_t)SENTINEL;
    int before = open_fd_count();
    check_status(STATUS_INVALID_PARAMETER, share_set(count, handles, &handle));
    check_true(handle == NULL);
    check_u64(before, open_fd_count());
}

static void sets(void)
{
    D3DKMT_HANDLE device = create_device(open_adapter());
    udxg_case("a resource") {
        create_shared(&creation, device, 1, SHARE_NT);
        HANDLE handle = share_resource(creation.args.hResource, ACCESS_ALL);
        check_true((intptr_t)handle > 2);
        check_true(fcntl((int)(intptr_t)handle, F_GETFD) & FD_CLOEXEC);
    }
    udxg_case("each call makes another handle") {
        create_shared(&creation, device, 1, SHARE_NT);
        check_true(share_resource(creation.args.hResource, 0) != share_resource(creation.args.hResource, 0));
    }
    udxg_case("a resource that was opened") {
        create_shared(&creation, device, 1, SHARE_NT);
        open_prepare(&opening, OPEN_NT, device, 0, share_resource(creation.args.hResource, ACCESS_ALL));
        open_succeeds(&opening, &creation);
        require_success(destroy_resource(device, creation.args.hResource));
        close_handle(opening.nt.hNtHandle);
        HANDLE handle = share_resource(opening.nt.hResource, ACCESS_ALL);
        open_prepare(&opening, OPEN_NT, device, 0, handle);
        open_succeeds(&opening, &creation);
    }
    udxg_case("one that is shared by number") {
        create_shared(&creation, device, 1, SHARE_GLOBAL);
        refused(1, &creation.args.hResource);
    }
    udxg_case("its number") {
        create_shared(&creation, device, 1, SHARE_GLOBAL);
        refused(1, &creation.args.hGlobalShare);
    }
    udxg_case("one that is not shared") {
        create_shared(&creation, device, 1, CREATE_RESOURCE);
        refused(1, &creation.args.hResource);
    }
    udxg_case("one that is gone") {
        create_shared(&creation, device, 1, SHARE_NT);
        require_success(destroy_resource(device, creation.args.hResource));
        refused(1, &creation.args.hResource);
    }
    udxg_case("an allocation") {
        create_shared(&creation, device, 1, SHARE_NT);
        D3DKMT_HANDLE allocation = creation_handle(&creation, 0);
        refused(1, &allocation);
    }
    udxg_case("a fence that is not shared") {
        D3DKMT_HANDLE fence = create_fence(device, 0).handle;
        refused(1, &fence);
    }
    udxg_case("a device, nothing, everything") {
        const D3DKMT_HANDLE handles[] = {device, 0, UINT32_MAX};
        for (int i = 0; i < 3; i++) refused(1, &handles[i]);
    }
    for (UINT count = 0; count <= 4; count++) {
        if (count == 1) continue;
        udxg_case("%u resources", count) {
            D3DKMT_HANDLE handles[4];
            create_shared(&creation, device, 1, SHARE_NT);
            for (int i = 0; i < 4; i++) handles[i] = creation.args.hResource;
            HANDLE handle = NULL;
            check_status(STATUS_INVALID_PARAMETER, share_set(count, handles, &handle));
            check_true(handle == NULL);
        }
    }
    udxg_case("nowhere to write the handle") {
        create_shared(&creation, device, 1, SHARE_NT);
        check_status(STATUS_INVALID_PARAMETER, share_set(1, &creation.args.hResource, NULL));
    }
}

/* The memory is there, and has its bytes. */
static bool reopens(D3DKMT_HANDLE device, int fd)
{
    open_prepare(&opening, OPEN_NT, device, 0, (HANDLE)(intptr_t)fd);
    open_succeeds(&opening, &creation);
    bool same = *(uint32_t *)lock(device, opened_allocation(&opening, 0)) == 4711;
    return destroy_resource(device, opening.nt.hResource) == STATUS_SUCCESS && same;
}

/* A handle of a resource that nobody has open any more, with a number in its memory. */
static int orphan(D3DKMT_HANDLE device)
{
    create_shared(&creation, device, 1, SHARE_NT);
    *(uint32_t *)lock(device, creation_handle(&creation, 0)) = 4711;
    int fd = (int)(intptr_t)share_resource(creation.args.hResource, ACCESS_ALL);
    require_success(destroy_resource(device, creation.args.hResource));
    return fd;
}

static int sent(int fd)
{
    char byte = 0;
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec part = {&byte, 1};
    struct msghdr message = {0};
    int sockets[2], received;
    memset(&control, 0, sizeof(control));
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.bytes;
    message.msg_controllen = sizeof(control.bytes);
    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    control.header.cmsg_len = CMSG_LEN(sizeof(fd));
    memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
    require_true(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) == 0);
    require_true(sendmsg(sockets[0], &message, 0) == 1);
    close(fd);
    require_true(recvmsg(sockets[1], &message, 0) == 1);
    memcpy(&received, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(received));
    close(sockets[0]);
    close(sockets[1]);
    return received;
}

/* Everything is given back when the last copy is closed, within 100 ms, however it is closed. */
static void all_goes(D3DKMT_HANDLE adapter, int descriptors)
{
    uint64_t usage = 1;
    int count = 0;
    for (int i = 0; i < 100; i++) {
        D3DKMT_QUERYVIDEOMEMORYINFO info = memory_info(adapter, D3DKMT_MEMORY_SEGMENT_GROUP_NON_LOCAL);
        usage = info.CurrentUsage;
        count = open_fd_count();
        if (!usage && count == descriptors) break;
        usleep(1000);
    }
    check_u64(0, usage);
    check_u64(descriptors, count);
}

static void lifetimes(void)
{
    D3DKMT_HANDLE adapter = open_adapter(), device = create_device(adapter);
    udxg_case("the handle alone keeps the memory") {
        int fd = orphan(device);
        check_true(reopens(device, fd));
        check_true(reopens(device, fd));
    }
    udxg_case("its device goes too") {
        D3DKMT_HANDLE own = create_device(adapter);
        int fd = orphan(own);
        D3DKMT_DESTROYDEVICE destroy = {own};
        require_success(D3DKMTDestroyDevice(&destroy));
        check_true(reopens(device, fd));
    }
    udxg_case("a copy by dup") {
        int fd = orphan(device), copy = dup(fd);
        close(fd);
        check_true(reopens(device, copy));
    }
    udxg_case("a copy that came through a socket") {
        int fd = orphan(device), copy = sent(fd);
        check_true(reopens(device, copy));
    }
    udxg_case("a copy in another process") {
        int pipe_fds[2], fd = orphan(device);
        require_true(pipe(pipe_fds) == 0);
        pid_t child = fork();
        if (child == 0) {
            char byte;
            close(pipe_fds[1]);
            _exit(read(pipe_fds[0], &byte, 1) == 0 ? 0 : 1);
        }
        close(pipe_fds[0]);
        int copy = dup(fd);
        close(fd);
        check_true(reopens(device, copy));
        close(copy);
        close(pipe_fds[1]);
        require_true(waitpid(child, NULL, 0) == child);
    }
    udxg_case("closed, it is none") {
        D3DKMT_QUERYRESOURCEINFOFROMNTHANDLE query;
        memset(&query, 0, sizeof(query));
        query.hDevice = device;
        query.hNtHandle = fd_handle(orphan(device));
        close_handle(query.hNtHandle);
        check_status(STATUS_INVALID_HANDLE, D3DKMTQueryResourceInfoFromNtHandle(&query));
    }
    udxg_case("closed, its number is another file's") {
        D3DKMT_QUERYRESOURCEINFOFROMNTHANDLE query;
        int fd = orphan(device);
        memset(&query, 0, sizeof(query));
        query.hDevice = device;
        query.hNtHandle = fd_handle(fd);
        require_true(dup2(create_event(), fd) == fd);
        check_status(STATUS_INVALID_HANDLE, D3DKMTQueryResourceInfoFromNtHandle(&query));
    }
    udxg_case("all goes with the last copy") {
        int warm = orphan(device), copy; /* the thread that watches, and what it needs */
        close(warm);
        int descriptors = open_fd_count();
        int fd = orphan(device);
        copy = dup(fd);
        close(fd);
        close(copy);
        all_goes(adapter, descriptors);
    }
    udxg_case("more handles than descriptors, one after the other") {
        for (int i = 0; i < 5000; i++) {
            create_shared(&creation, device, 1, SHARE_NT);
            HANDLE handle = NULL;
            require_success(try_share(creation.args.hResource, 0, &handle));
            close_handle(handle);
            require_success(destroy_resource(device, creation.args.hResource));
        }
        check_true(true);
    }
}

static void queries(void)
{
    D3DKMT_HANDLE device = create_device(open_adapter());
    for (UINT size = 0; size <= 0x100; size += 0x80) {
        for (int given = 0; given < 2; given++) {
            udxg_case("NT, %s of %u bytes", given ? "a buffer" : "no buffer", size) {
                uint8_t buffer[0x100];
                D3DKMT_QUERYRESOURCEINFOFROMNTHANDLE args;
                memset(buffer, 0xa5, sizeof(buffer));
                memset(&args, 0xff, sizeof(args));
                create_shared(&creation, device, 3, SHARE_NT);
                args.hDevice = device;
                args.hNtHandle = share_resource(creation.args.hResource, 0);
                args.pPrivateRuntimeData = given ? buffer : NULL;
                args.PrivateRuntimeDataSize = size;
                check_status(STATUS_SUCCESS, D3DKMTQueryResourceInfoFromNtHandle(&args));
                check_u64(RUNTIME_BYTES, args.PrivateRuntimeDataSize);
                check_u64(3 * sizeof(struct udxg_soft_allocation), args.TotalPrivateDriverDataSize);
                check_u64(sizeof(struct udxg_soft_resource), args.ResourcePrivateDriverDataSize);
                check_u64(3, args.NumAllocations);
                check_true(filled_with(buffer, sizeof(buffer), 0xa5));
            }
            udxg_case("global, %s of %u bytes", given ? "a buffer" : "no buffer", size) {
                uint8_t buffer[0x100];
                D3DKMT_QUERYRESOURCEINFO args;
                memset(buffer, 0xa5, sizeof(buffer));
                memset(&args, 0xff, sizeof(args));
                create_shared(&creation, device, 2, SHARE_GLOBAL);
                args.hDevice = device;
                args.hGlobalShare = creation.args.hGlobalShare;
                args.pPrivateRuntimeData = given ? buffer : NULL;
                args.PrivateRuntimeDataSize = size;
                check_status(STATUS_SUCCESS, D3DKMTQueryResourceInfo(&args));
                check_u64(RUNTIME_BYTES, args.PrivateRuntimeDataSize);
                check_u64(2 * sizeof(struct udxg_soft_allocation), args.TotalPrivateDriverDataSize);
                check_u64(sizeof(struct udxg_soft_resource), args.ResourcePrivateDriverDataSize);
                check_u64(2, args.NumAllocations);
                check_u64(creation.args.hGlobalShare, args.hGlobalShare);
                check_true(filled_with(buffer, sizeof(buffer), 0xa5));
            }
        }
    }
}

int main(int argc, char **argv)
{
    static const struct udxg_test tests[] = {
        {"sets", ON_EACH, sets},
        {"lifetimes", ON_UMA, lifetimes},
        {"queries", ON_DISCRETE, queries},
    };
    return conformance_main(argc, argv, tests, LENGTH_OF(tests));
}
