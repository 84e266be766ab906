/* SPDX-License-Identifier: MIT */
/*
 * ExistingSection: a standard allocation over a memory file, whose descriptor is the section handle. The caller may
 * close its descriptor as soon as the call is back.
 */
#include "endpoint.h"
#include "gate.h"

#include "creation.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define BYTES CREATION_BYTES

/* Reads or writes the file itself, past every mapping. */
static bool file_filled_with(int fd, uint64_t offset, uint64_t size_bytes, uint8_t byte)
{
    uint8_t *bytes = (uint8_t *)malloc(size_bytes);
    bool good = bytes != NULL && pread(fd, bytes, size_bytes, (off_t)offset) == (ssize_t)size_bytes &&
                filled_with(bytes, size_bytes, byte);
    free(bytes);
    return good;
}

static void fill_file(int fd, uint64_t size_bytes, uint8_t byte)
{
    uint8_t *bytes = (uint8_t *)malloc(size_bytes);
    require_true(bytes != NULL);
    memset(bytes, byte, size_bytes);
    require_true(pwrite(fd, bytes, size_bytes, 0) == (ssize_t)size_bytes);
    free(bytes);
}

static void add_flags(struct creation *creation, UINT flags)
{
    creation_set_flags(creation, creation_flags(creation) | flags);
}

/* --------------------------------------------------------------------------------------------- which files */

static int memory_file(void)
{
    return create_memory_file(BYTES);
}

/* FD opened anew with other rights. */
static int reopen(int fd, int flags)
{
    char path[40];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    int again = open(path, flags | O_CLOEXEC);
    require_true(again > 0);
    close(fd);
    return again;
}

static int seal(int fd, int seals)
{
    require_true(fcntl(fd, F_ADD_SEALS, seals) == 0);
    return fd;
}

/* Through such a descriptor a daemon cannot seal the file against shrinking: it takes only what is sealed already. */
static int read_only(void)
{
    return reopen(seal(memory_file(), F_SEAL_SHRINK), O_RDONLY);
}

static int read_only_unsealed(void)
{
    return reopen(memory_file(), O_RDONLY);
}

static int write_only(void)
{
    return reopen(memory_file(), O_WRONLY);
}

static int sealed_size(void)
{
    return seal(memory_file(), F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL);
}

static int sealed_write(void)
{
    return seal(memory_file(), F_SEAL_WRITE);
}

static int sealed_future_write(void)
{
    return seal(memory_file(), F_SEAL_FUTURE_WRITE);
}

static int empty_file(void)
{
    return create_memory_file(0);
}

static int huge_pages(void)
{
    int fd = memfd_create("huge", MFD_CLOEXEC | MFD_HUGETLB | MFD_ALLOW_SEALING);
    if (fd < 0) return empty_file(); /* a system without them; refused as well */
    require_true(ftruncate(fd, 2 << 20) == 0);
    return fd;
}

static int one_page_short(void)
{
    return create_memory_file(BYTES - PAGE_BYTES);
}

static int one_byte_short(void)
{
    return create_memory_file(BYTES - 1);
}

static int larger(void)
{
    return create_memory_file(BYTES + 1);
}

static int pipe_end(void)
{
    int ends[2];
    require_true(pipe(ends) == 0);
    return ends[1];
}

static int socket_end(void)
{
    return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static int event(void)
{
    return eventfd(0, EFD_CLOEXEC);
}

static int folder(void)
{
    return open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int device_file(void)
{
    return open("/dev/zero", O_RDWR | O_CLOEXEC);
}

static int path_only(void)
{
    return reopen(memory_file(), O_PATH);
}

static int closed(void)
{
    int fd = memory_file();
    close(fd);
    return fd;
}

static int far_too_high(void)
{
    return 0x7ffffff0;
}

static int minus_1(void)
{
    return -1;
}

static const struct {
    const char *name;
    int (*make)(void);
    NTSTATUS want, want_read_only;
} files[] = {
    {"memory file", memory_file, STATUS_SUCCESS, STATUS_SUCCESS},
    {"larger than Size", larger, STATUS_SUCCESS, STATUS_SUCCESS},
    {"sealed in its size", sealed_size, STATUS_SUCCESS, STATUS_SUCCESS},
    {"opened read-only", read_only, STATUS_INVALID_PARAMETER, STATUS_SUCCESS},
    {"opened read-only, and not sealed", read_only_unsealed, STATUS_INVALID_PARAMETER, STATUS_SUCCESS},
    {"opened write-only", write_only, STATUS_INVALID_PARAMETER, STATUS_INVALID_PARAMETER},
    {"opened as a path", path_only, STATUS_INVALID_PARAMETER, STATUS_INVALID_PARAMETER},
    {"sealed against writing", sealed_write, STATUS_INVALID_PARAMETER, STATUS_SUCCESS},
    {"sealed against new writers", sealed_future_write, STATUS_INVALID_PARAMETER, STATUS_SUCCESS},
    {"of huge pages", huge_pages, STATUS_INVALID_PARAMETER, STATUS_INVALID_PARAMETER},
    {"empty", empty_file, STATUS_INVALID_PARAMETER, STATUS_INVALID_PARAMETER},
    {"one page short", one_page_short, STATUS_INVALID_PARAMETER, STATUS_INVALID_PARAMETER},
    {"one byte short", one_byte_short, STATUS_INVALID_PARAMETER, STATUS_INVALID_PARAMETER},
    {"pipe", pipe_end, STATUS_INVALID_PARAMETER, STATUS_INVALID_PARAMETER},
    {"socket", socket_end, STATUS_INVALID_PARAMETER, STATUS_INVALID_PARAMETER},
    {"event", event, STATUS_INVALID_PARAMETER, STATUS_INVALID_PARAMETER},
    {"folder", folder, STATUS_INVALID_PARAMETER, STATUS_INVALID_PARAMETER},
    {"device", device_file, STATUS_INVALID_PARAMETER, STATUS_INVALID_PARAMETER},
    {"closed", closed, STATUS_INVALID_HANDLE, STATUS_INVALID_HANDLE},
    {"far too high", far_too_high, STATUS_INVALID_HANDLE, STATUS_INVALID_HANDLE},
    {"-1", minus_1, STATUS_INVALID_HANDLE, STATUS_INVALID_HANDLE},
};

static void which_files(void)
{
    D3DKMT_HANDLE device = create_device(open_adapter());
    for (int version = 1; version <= 2; version++) {
        for (size_t i = 0; i < LENGTH_OF(files); i++) {
            for (int flag = 0; flag <= 1; flag++) {
                udxg_case("v%d/%s%s", version, files[i].name, flag ? ", ReadOnly" : "") {
                    struct creation creation;
                    int fd = files[i].make();
                    bool unsealed = on_daemon() && files[i].make == read_only_unsealed;
                    NTSTATUS want = flag && !unsealed ? files[i].want_read_only : files[i].want;
                    creation_section(&creation, version, device, fd_handle(fd), BYTES);
                    if (flag) add_flags(&creation, READ_ONLY);
                    if (want == STATUS_SUCCESS)
                        creation_succeeds(&creation);
                    else
                        creation_refused(&creation, want);
                }
            }
        }
        udxg_case("v%d/no integer", version) {
            struct creation creation;
            creation_section(&creation, version, device, (HANDLE)(uintptr_t)0x100000003ull, BYTES);
            creation_refused(&creation, STATUS_INVALID_HANDLE);
        }
    }
}

/* ------------------------------------------------------------------------------------------- the other fields */

static void size_0(struct creation *creation)
{
    creation->standard.ExistingHeapData.Size = 0;
}

static void size_odd(struct creation *creation)
{
    creation->standard.ExistingHeapData.Size = BYTES - 1;
}

static void size_wraps(struct creation *creation)
{
    creation->standard.ExistingHeapData.Size = ~(uint64_t)0 & ~(PAGE_BYTES - 1);
}

static void size_truncated(struct creation *creation)
{
    creation->standard.ExistingHeapData.Size = ((uint64_t)1 << 32) + BYTES;
}

static void type_0(struct creation *creation)
{
    creation->standard.Type = (D3DKMT_STANDARDALLOCATIONTYPE)0;
}

static void type_2(struct creation *creation)
{
    creation->standard.Type = D3DKMT_STANDARDALLOCATIONTYPE_INTERNALBACKINGSTORE;
}

static void both(struct creation *creation)
{
    add_flags(creation, EXISTING_SYS_MEM);
}

static void two(struct creation *creation)
{
    creation->args.NumAllocations = 2;
}

static void none(struct creation *creation)
{
    creation->args.NumAllocations = 0;
}

static void driver_data(struct creation *creation)
{
    creation->args.PrivateDriverDataSize = 8;
}

static void watched(struct creation *creation)
{
    add_flags(creation, WRITE_WATCH);
}

static void existing_resource(struct creation *creation)
{
    creation->args.hResource = create_resource(creation->args.hDevice, 1, false, NULL);
}

static const struct {
    const char *name;
    void (*spoil)(struct creation *creation);
} wrongs[] = {
    {"Size 0", size_0},
    {"Size not in pages", size_odd},
    {"Size wraps around", size_wraps},
    {"Size beyond 4 GiB", size_truncated},
    {"type 0", type_0},
    {"type 2", type_2},
    {"ExistingSysMem too", both},
    {"NumAllocations 2", two},
    {"NumAllocations 0", none},
    {"PrivateDriverDataSize", driver_data},
    {"WriteWatch", watched},
    {"added to a resource", existing_resource},
};

static void other_fields(void)
{
    D3DKMT_HANDLE device = create_device(open_adapter());
    for (int version = 1; version <= 2; version++) {
        for (size_t i = 0; i < LENGTH_OF(wrongs); i++) {
            udxg_case("v%d/%s", version, wrongs[i].name) {
                struct creation creation;
                int fd = memory_file();
                int fds = open_fd_count();
                creation_section(&creation, version, device, fd_handle(fd), BYTES);
                /* The second element is as good as the first. */
                creation_set_memory(&creation, 1, fd_handle(fd));
                wrongs[i].spoil(&creation);
                creation_refused(&creation, STATUS_INVALID_PARAMETER);
                check_u64(fds, open_fd_count());
            }
        }
        udxg_case("v%d/in a new resource, with runtime data", version) {
            struct creation creation;
            creation_section(&creation, version, device, fd_handle(memory_file()), BYTES);
            add_flags(&creation, CREATE_RESOURCE);
            creation.args.pPrivateRuntimeData = "rtd";
            creation.args.PrivateRuntimeDataSize = 4;
            creation_succeeds(&creation);
            creation_undo(&creation);
        }
    }
}

/* ------------------------------------------------------------------------------------------------------ in use */

static struct gpu_buffer reach(const struct gpu *gpu, D3DKMT_HANDLE allocation, uint64_t size_bytes)
{
    struct gpu_buffer buffer;
    buffer.allocation = allocation;
    buffer.size_bytes = size_bytes;
    buffer.va = map(&gpu->queue, allocation, size_bytes);
    make_resident(&gpu->queue, allocation);
    return buffer;
}

static D3DKMT_HANDLE section(const struct gpu *gpu, int fd, uint64_t size_bytes, UINT flags)
{
    struct creation creation;
    creation_section(&creation, 2, gpu->device, fd_handle(fd), size_bytes);
    add_flags(&creation, flags);
    require_success(creation_issue(&creation));
    return creation.info2[0].hAllocation;
}

static void in_use(void)
{
    struct gpu gpu;
    gpu_open(&gpu);
    udxg_case("Lock2 gives the file's bytes, both ways") {
        int fd = memory_file();
        fill_file(fd, BYTES, 0x1c);
        D3DKMT_HANDLE allocation = section(&gpu, fd, BYTES, 0);
        void *data = lock(gpu.device, allocation);
        check_true(filled_with(data, BYTES, 0x1c));
        memset(data, 0x2d, BYTES);
        check_true(file_filled_with(fd, 0, BYTES, 0x2d));
        fill_file(fd, BYTES, 0x3e);
        check_true(filled_with(data, BYTES, 0x3e));
        check_true(lock(gpu.device, allocation) == data);
    }
    udxg_case("the caller closes its descriptor") {
        int fd = memory_file();
        int other = dup(fd);
        D3DKMT_HANDLE allocation = section(&gpu, fd, BYTES, 0);
        close(fd);
        memset(lock(gpu.device, allocation), 0x4f, BYTES);
        check_true(file_filled_with(other, 0, BYTES, 0x4f));
    }
    udxg_case("what the GPU writes is in the file, and nothing behind Size") {
        int fd = create_memory_file(2 * BYTES);
        struct gpu_buffer buffer = reach(&gpu, section(&gpu, fd, BYTES, 0), BYTES);
        struct udxg_soft_fill fill = udxg_soft_fill_command(buffer.va, BYTES, 0x51515151);
        require_success(submit(&gpu, &fill, sizeof(fill)));
        gpu_finish(&gpu);
        check_true(file_filled_with(fd, 0, BYTES, 0x51));
        check_true(file_filled_with(fd, BYTES, BYTES, 0));
    }
    udxg_case("two allocations of one file") {
        int fd = memory_file();
        D3DKMT_HANDLE one = section(&gpu, fd, BYTES, 0);
        D3DKMT_HANDLE two = section(&gpu, fd, BYTES, 0);
        memset(lock(gpu.device, one), 0x62, BYTES);
        check_true(filled_with(lock(gpu.device, two), BYTES, 0x62));
        require_success(destroy_allocation(gpu.device, one));
        check_true(filled_with(lock(gpu.device, two), BYTES, 0x62));
    }
    udxg_case("evicted and made resident: not a byte changes") {
        int fd = memory_file();
        struct gpu_buffer buffer = reach(&gpu, section(&gpu, fd, BYTES, 0), BYTES);
        for (int i = 1; i <= 10; i++) {
            require_success(evict(gpu.device, buffer.allocation));
            fill_file(fd, BYTES, (uint8_t)i);
            make_resident(&gpu.queue, buffer.allocation);
            check_true(file_filled_with(fd, 0, BYTES, (uint8_t)i));
        }
    }
    udxg_case("destroyed: the file keeps its bytes, and no descriptor is left") {
        int fd = memory_file();
        int fds = open_fd_count();
        for (int i = 0; i < 50; i++) {
            D3DKMT_HANDLE allocation = section(&gpu, fd, BYTES, 0);
            memset(lock(gpu.device, allocation), 0x70 + i, BYTES);
            require_success(destroy_allocation(gpu.device, allocation));
            require_true(file_filled_with(fd, 0, BYTES, (uint8_t)(0x70 + i)));
        }
        gpu_finish(&gpu);
        check_u64(fds, open_fd_count());
    }
    udxg_case("what Lock2 gave of it is not the caller's memory, in whole or in part, until it is gone") {
        uint8_t *address;
        struct creation creation;
        D3DKMT_HANDLE allocation = section(&gpu, memory_file(), BYTES, 0);
        address = (uint8_t *)lock(gpu.device, allocation);
        creation_heap(&creation, 2, gpu.device, address, BYTES);
        creation_refused(&creation, STATUS_INVALID_PARAMETER);
        creation_heap(&creation, 2, gpu.device, address + BYTES - PAGE_BYTES, PAGE_BYTES);
        creation_refused(&creation, STATUS_INVALID_PARAMETER);
        require_success(unlock(gpu.device, allocation));
        creation_heap(&creation, 2, create_device(gpu.adapter), address, PAGE_BYTES);
        creation_refused(&creation, STATUS_INVALID_PARAMETER);
        require_success(destroy_allocation(gpu.device, allocation));
        gpu_finish(&gpu);
        require_true(mmap(address, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
                     address);
        creation_heap(&creation, 2, gpu.device, address, BYTES);
        creation_succeeds(&creation);
    }
    udxg_case("ReadOnly: the CPU reads and cannot write") {
        int fd = memory_file();
        fill_file(fd, BYTES, 0x2b);
        D3DKMT_HANDLE allocation = section(&gpu, reopen(dup(seal(fd, F_SEAL_SHRINK)), O_RDONLY), BYTES, READ_ONLY);
        uint64_t *data = (uint64_t *)lock(gpu.device, allocation);
        check_true(filled_with(data, BYTES, 0x2b));
        check_true(!is_writable(data));
        check_true(file_filled_with(fd, 0, BYTES, 0x2b));
    }
    udxg_case("4 GiB and 64 KiB: the last byte is reached, and no other instead") {
        const uint64_t four = (uint64_t)4 << 30;
        int fd = create_memory_file(four + BYTES);
        struct gpu_buffer buffer = reach(&gpu, section(&gpu, fd, four + BYTES, 0), four + BYTES);
        struct udxg_soft_fill fill = udxg_soft_fill_command(buffer.va + four, BYTES, 0x83838383);
        require_success(submit(&gpu, &fill, sizeof(fill)));
        gpu_finish(&gpu);
        check_true(file_filled_with(fd, four, BYTES, 0x83));
        check_true(file_filled_with(fd, 0, BYTES, 0));
        require_success(destroy_allocation(gpu.device, buffer.allocation));
    }
    udxg_case("shared: what one process writes another's mapping shows") {
        int fd = memory_file();
        struct creation creation;
        void *mine = mmap(NULL, BYTES, PROT_READ, MAP_SHARED, fd, 0);
        require_true(mine != MAP_FAILED);
        creation_section(&creation, 2, gpu.device, fd_handle(fd), BYTES);
        add_flags(&creation, CREATE_RESOURCE | CREATE_SHARED | NT_SECURITY_SHARING);
        creation_succeeds(&creation);
        memset(lock(gpu.device, creation.info2[0].hAllocation), 0x17, BYTES);
        check_true(filled_with(mine, BYTES, 0x17));
    }
    if (on_daemon()) {
        udxg_case("the file cannot be cut while it is in use") {
            int fd = memory_file();
            D3DKMT_HANDLE allocation = section(&gpu, fd, BYTES, 0);
            check_true(ftruncate(fd, 0) != 0);
            check_status(STATUS_SUCCESS, destroy_allocation(gpu.device, allocation));
        }
        return;
    }
    udxg_case("the file is cut while it is in use: a fault, not a crash") {
        struct gpu own;
        struct gate gate;
        gpu_open_on(&own, gpu.adapter);
        int fd = memory_file();
        struct gpu_buffer buffer = reach(&own, section(&own, fd, BYTES, 0), BYTES);
        gate_busy(&gate, &own, &buffer, 0x61616161);
        require_true(ftruncate(fd, 0) == 0);
        gate_open(&gate);
        check_u64(D3DKMT_DEVICEEXECUTION_ERROR_DMAPAGEFAULT, wait_for_error(own.device));
        check_status(STATUS_SUCCESS, destroy_allocation(own.device, buffer.allocation));
    }
    udxg_case("the file is cut: evicting, locking and destroying touch no byte of it") {
        int fd = memory_file();
        struct gpu_buffer buffer = reach(&gpu, section(&gpu, fd, BYTES, 0), BYTES);
        require_true(ftruncate(fd, 0) == 0);
        check_status(STATUS_SUCCESS, evict(gpu.device, buffer.allocation));
        make_resident(&gpu.queue, buffer.allocation);
        check_true(lock(gpu.device, buffer.allocation) != NULL);
        check_status(STATUS_SUCCESS, destroy_allocation(gpu.device, buffer.allocation));
    }
}

int main(int argc, char **argv)
{
    static const struct udxg_test tests[] = {
        {"file", ON_EACH, which_files},
        {"field", ON_EACH, other_fields},
        {"in use", ON_EACH, in_use},
    };
    return conformance_main(argc, argv, tests, LENGTH_OF(tests));
}
