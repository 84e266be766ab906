/* SPDX-License-Identifier: MIT */
/*
 * Level Zero as its users use it, with every byte checked: host, device and shared memory, copies and fills
 * in command lists, fences, events, images, sharing by IPC handle. An ordinary Level Zero program; it knows
 * nothing of udxg.
 *
 *     level_zero_matrix [--leak] [--ipc] [--two] [SIZE...]    sizes are 4096, 64K, 1M, 1G
 *     level_zero_matrix --ipc-peer HANDLE                     the other process of --two
 *
 * Command lists are those of the copy engine where there is one, and what needs them is skipped where there
 * is none, since there copies are shader kernels. With --leak nothing is released before the process exits,
 * with --ipc memory is also opened by an IPC handle, and exported and imported.
 */
#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <level_zero/ze_api.h>

#include "tap.h"

#define MAX_GROUPS 16
#define FOREVER UINT64_MAX

static struct {
    ze_driver_handle_t driver;
    ze_device_handle_t device;
    ze_context_handle_t context;
    ze_command_queue_handle_t queue; /* of the copy engine where there is one */
    uint32_t group;
    bool copies;     /* the group is the copy engine's */
    bool one_memory; /* the device has none of its own */
    bool leak;
    bool ipc;
    bool two;           /* with another process; they need a daemon */
    const char *failed; /* the first call or comparison of a check that failed */
    ze_result_t error;
    char reason[160];
} ze;

static bool good(ze_result_t result, const char *what)
{
    if (result == ZE_RESULT_SUCCESS) return true;
    if (!ze.failed) {
        ze.failed = what;
        ze.error = result;
    }
    return false;
}

#define CALL(function, ...) good(function(__VA_ARGS__), #function)

static bool expect(bool condition, const char *what)
{
    if (!condition && !ze.failed) {
        ze.failed = what;
        ze.error = 0;
    }
    return condition;
}

static void report(const char *check, size_t bytes)
{
    char name[96];

    if (bytes)
        snprintf(name, sizeof(name), "%s %zu", check, bytes);
    else
        snprintf(name, sizeof(name), "%s", check);
    if (ze.failed) snprintf(ze.reason, sizeof(ze.reason), "%s (0x%x)", ze.failed, (unsigned)ze.error);
    tap_line(!ze.failed, name, ze.reason);
    ze.failed = NULL;
}

/* ---- memory ---- */

static uint64_t mix(uint64_t i)
{
    i = (i + 0x9e3779b97f4a7c15u) * 0xbf58476d1ce4e5b9u;
    return i ^ i >> 29;
}

static void paint(void *memory, size_t bytes, uint64_t seed)
{
    uint64_t *words = memory;

    for (size_t i = 0; memory && i < bytes / 8; i++) words[i] = mix(seed + i);
}

static bool painted(const void *memory, size_t bytes, uint64_t seed)
{
    const uint64_t *words = memory;

    for (size_t i = 0; i < bytes / 8; i++)
        if (words[i] != mix(seed + i)) return false;
    return memory != NULL;
}

static void *host_memory(size_t bytes)
{
    ze_host_mem_alloc_desc_t description = {.stype = ZE_STRUCTURE_TYPE_HOST_MEM_ALLOC_DESC};
    void *memory = NULL;

    CALL(zeMemAllocHost, ze.context, &description, bytes, 64, &memory);
    return memory;
}

static void *device_memory(size_t bytes)
{
    ze_device_mem_alloc_desc_t description = {.stype = ZE_STRUCTURE_TYPE_DEVICE_MEM_ALLOC_DESC};
    void *memory = NULL;

    CALL(zeMemAllocDevice, ze.context, &description, bytes, 64, ze.device, &memory);
    return memory;
}

static void *shared_memory(size_t bytes)
{
    ze_device_mem_alloc_desc_t on_device = {.stype = ZE_STRUCTURE_TYPE_DEVICE_MEM_ALLOC_DESC};
    ze_host_mem_alloc_desc_t on_host = {.stype = ZE_STRUCTURE_TYPE_HOST_MEM_ALLOC_DESC};
    void *memory = NULL;

    CALL(zeMemAllocShared, ze.context, &on_device, &on_host, bytes, 64, ze.device, &memory);
    return memory;
}

static void release(void *memory)
{
    if (memory && !ze.leak) CALL(zeMemFree, ze.context, memory);
}

/* ---- command lists ---- */

static ze_command_list_handle_t new_list(void)
{
    ze_command_list_desc_t description = {.stype = ZE_STRUCTURE_TYPE_COMMAND_LIST_DESC,
                                          .commandQueueGroupOrdinal = ze.group};
    ze_command_list_handle_t list = NULL;

    CALL(zeCommandListCreate, ze.context, ze.device, &description, &list);
    return list;
}

static void execute(ze_command_list_handle_t list)
{
    CALL(zeCommandQueueExecuteCommandLists, ze.queue, 1, &list, NULL);
    CALL(zeCommandQueueSynchronize, ze.queue, FOREVER);
}

static void finish(ze_command_list_handle_t list)
{
    CALL(zeCommandListClose, list);
    execute(list);
    if (!ze.leak) CALL(zeCommandListDestroy, list);
}

static void copy(ze_command_list_handle_t list, void *to, const void *from, size_t bytes)
{
    if (!expect(to && from, "there is no memory to copy")) return;
    CALL(zeCommandListAppendMemoryCopy, list, to, from, bytes, NULL, 0, NULL);
    CALL(zeCommandListAppendBarrier, list, NULL, 0, NULL);
}

/* ---- checks with a size ---- */

static void memory_is_what_it_says(size_t bytes)
{
    void *memories[3] = {host_memory(bytes), device_memory(bytes), shared_memory(bytes)};
    static const ze_memory_type_t types[3] = {ZE_MEMORY_TYPE_HOST, ZE_MEMORY_TYPE_DEVICE, ZE_MEMORY_TYPE_SHARED};

    for (int i = 0; i < 3; i++) {
        ze_memory_allocation_properties_t properties = {.stype = ZE_STRUCTURE_TYPE_MEMORY_ALLOCATION_PROPERTIES};
        ze_device_handle_t device = NULL;
        void *base = NULL;
        size_t size = 0;

        CALL(zeMemGetAllocProperties, ze.context, memories[i], &properties, &device);
        expect(properties.type == types[i], "memory of another type");
        CALL(zeMemGetAddressRange, ze.context, memories[i], &base, &size);
        expect(base == memories[i] && size >= bytes, "another address range");
    }
    paint(memories[0], bytes, 1);
    paint(memories[2], bytes, 2);
    expect(painted(memories[0], bytes, 1), "host memory does not hold its bytes");
    expect(painted(memories[2], bytes, 2), "shared memory does not hold its bytes");
    for (int i = 0; i < 3; i++) release(memories[i]);
    report("host, device and shared memory", bytes);
}

/* Shared memory of a device with memory of its own comes back to the CPU by kernels: then it ends in host memory. */
static void copies_go_round(size_t bytes)
{
    void *host = host_memory(bytes), *device = device_memory(bytes), *other = device_memory(bytes),
         *last = ze.one_memory ? shared_memory(bytes) : host_memory(bytes);
    ze_command_list_handle_t list = new_list();

    paint(host, bytes, 3);
    if (last) memset(last, 0, bytes);
    copy(list, device, host, bytes);
    copy(list, other, device, bytes);
    copy(list, last, other, bytes);
    finish(list);
    expect(painted(last, bytes, 3), "other bytes came back");
    release(host);
    release(device);
    release(other);
    release(last);
    report(ze.one_memory ? "copies host, device, device, shared" : "copies host, device, device, host", bytes);
}

static void copies_of_ordinary_memory(size_t bytes)
{
    uint64_t *from = malloc(bytes), *to = calloc(1, bytes);
    void *device = device_memory(bytes);
    ze_command_list_handle_t list = new_list();

    if (expect(from && to, "malloc")) {
        paint(from, bytes, 4);
        copy(list, device, from, bytes);
        copy(list, to, device, bytes);
        finish(list);
        expect(painted(to, bytes, 4), "other bytes came back");
    }
    release(device);
    if (!ze.leak) {
        free(from);
        free(to);
    }
    report("copies of memory from malloc", bytes);
}

static void immediate_list_copies(size_t bytes)
{
    ze_command_queue_desc_t description = {
        .stype = ZE_STRUCTURE_TYPE_COMMAND_QUEUE_DESC,
        .ordinal = ze.group,
        .mode = ZE_COMMAND_QUEUE_MODE_SYNCHRONOUS,
    };
    void *host = host_memory(bytes), *device = device_memory(bytes), *back = host_memory(bytes);
    ze_command_list_handle_t list = NULL;

    paint(host, bytes, 5);
    if (back) memset(back, 0, bytes);
    if (CALL(zeCommandListCreateImmediate, ze.context, ze.device, &description, &list)) {
        copy(list, device, host, bytes);
        copy(list, back, device, bytes);
        expect(painted(back, bytes, 5), "other bytes came back");
        if (!ze.leak) CALL(zeCommandListDestroy, list);
    }
    release(host);
    release(device);
    release(back);
    report("immediate command list", bytes);
}

static void fills_repeat(size_t bytes)
{
    static const uint8_t patterns[2][4] = {{0xa5}, {0x01, 0x23, 0x45, 0x67}};
    static const size_t lengths[2] = {1, 4};
    uint8_t *host = host_memory(bytes);
    void *device = device_memory(bytes);

    for (int i = 0; i < 2; i++) {
        ze_command_list_handle_t list = new_list();
        bool same = host != NULL;

        if (expect(device != NULL, "there is no memory to fill"))
            CALL(zeCommandListAppendMemoryFill, list, device, patterns[i], lengths[i], bytes, NULL, 0, NULL);
        CALL(zeCommandListAppendBarrier, list, NULL, 0, NULL);
        copy(list, host, device, bytes);
        finish(list);
        for (size_t at = 0; same && at < bytes; at++) same = host[at] == patterns[i][at % lengths[i]];
        expect(same, "the fill differs");
    }
    release(host);
    release(device);
    report("memory fill", bytes);
}

/* ---- checks without a size ---- */

static void region_copies(void)
{
    enum { PITCH = 512, ROWS = 64 };
    uint8_t *from = host_memory(PITCH * ROWS), *to = host_memory(PITCH * ROWS);
    ze_copy_region_t source = {.originX = 5, .originY = 3, .width = 200, .height = 20, .depth = 1};
    ze_copy_region_t target = {.originX = 77, .originY = 9, .width = 200, .height = 20, .depth = 1};
    ze_command_list_handle_t list = new_list();
    bool same = true;

    if (expect(from && to, "zeMemAllocHost")) {
        paint(from, PITCH * ROWS, 6);
        memset(to, 0x33, PITCH * ROWS);
        CALL(zeCommandListAppendMemoryCopyRegion, list, to, &target, PITCH, 0, from, &source, PITCH, 0, NULL, 0, NULL);
        finish(list);
        for (int row = 0; row < 20; row++)
            same &= memcmp(to + (row + 9) * PITCH + 77, from + (row + 3) * PITCH + 5, 200) == 0;
        expect(same, "the region differs");
        expect(to[9 * PITCH + 76] == 0x33 && to[9 * PITCH + 277] == 0x33 && to[29 * PITCH + 77] == 0x33,
               "a neighbour changed");
    }
    release(from);
    release(to);
    report("region copy", 0);
}

static void lists_run_again(void)
{
    uint64_t *counter = host_memory(4096), *shadow = host_memory(4096);
    ze_command_list_handle_t list = new_list();
    bool same = true;

    if (expect(counter && shadow, "zeMemAllocHost")) {
        copy(list, shadow, counter, 4096);
        CALL(zeCommandListClose, list);
        for (uint64_t round = 1; round <= 50; round++) {
            counter[0] = counter[511] = round;
            execute(list);
            same &= shadow[0] == round && shadow[511] == round;
        }
        expect(same, "a round copied old bytes");
        CALL(zeCommandListReset, list);
        counter[7] = 4711;
        copy(list, counter + 8, counter + 7, 8);
        finish(list);
        expect(counter[8] == 4711, "the list did not run after its reset");
    }
    release(counter);
    release(shadow);
    report("a list runs many times, and after a reset", 0);
}

static void fences_signal(void)
{
    ze_fence_desc_t description = {.stype = ZE_STRUCTURE_TYPE_FENCE_DESC};
    uint64_t *from = host_memory(1 << 20), *to = host_memory(1 << 20);
    ze_command_list_handle_t list = new_list();
    ze_fence_handle_t fence = NULL;

    paint(from, 1 << 20, 8);
    copy(list, to, from, 1 << 20);
    CALL(zeCommandListClose, list);
    if (CALL(zeFenceCreate, ze.queue, &description, &fence)) {
        expect(zeFenceQueryStatus(fence) == ZE_RESULT_NOT_READY, "a new fence is signalled");
        CALL(zeCommandQueueExecuteCommandLists, ze.queue, 1, &list, fence);
        CALL(zeFenceHostSynchronize, fence, FOREVER);
        expect(zeFenceQueryStatus(fence) == ZE_RESULT_SUCCESS, "a waited-for fence is not signalled");
        expect(painted(to, 1 << 20, 8), "the copy was not done when the fence was");
        CALL(zeFenceReset, fence);
        expect(zeFenceQueryStatus(fence) == ZE_RESULT_NOT_READY, "a reset fence is signalled");
        if (!ze.leak) CALL(zeFenceDestroy, fence);
    }
    if (!ze.leak) CALL(zeCommandListDestroy, list);
    release(from);
    release(to);
    report("fences", 0);
}

static ze_event_handle_t new_event(ze_event_pool_handle_t pool, uint32_t index)
{
    ze_event_desc_t description = {
        .stype = ZE_STRUCTURE_TYPE_EVENT_DESC,
        .index = index,
        .signal = ZE_EVENT_SCOPE_FLAG_HOST,
        .wait = ZE_EVENT_SCOPE_FLAG_HOST,
    };
    ze_event_handle_t event = NULL;

    CALL(zeEventCreate, pool, &description, &event);
    return event;
}

static ze_event_pool_handle_t new_pool(ze_event_pool_flags_t flags)
{
    ze_event_pool_desc_t description = {
        .stype = ZE_STRUCTURE_TYPE_EVENT_POOL_DESC,
        .flags = ZE_EVENT_POOL_FLAG_HOST_VISIBLE | flags,
        .count = 2,
    };
    ze_event_pool_handle_t pool = NULL;

    CALL(zeEventPoolCreate, ze.context, &description, 1, &ze.device, &pool);
    return pool;
}

static void drop_events(ze_event_pool_handle_t pool, ze_event_handle_t a, ze_event_handle_t b)
{
    if (ze.leak) return;
    CALL(zeEventDestroy, a);
    CALL(zeEventDestroy, b);
    CALL(zeEventPoolDestroy, pool);
}

/* The device waits for an event that the host signals later, and signals another after its copy. */
static void events_order(void)
{
    ze_event_pool_handle_t pool = new_pool(0);
    ze_event_handle_t gate = new_event(pool, 0), done = new_event(pool, 1);
    uint64_t *from = host_memory(65536), *to = host_memory(65536);
    ze_command_list_handle_t list = new_list();

    if (expect(gate && done && from && to, "zeEventCreate")) {
        memset(to, 0, 65536);
        CALL(zeCommandListAppendWaitOnEvents, list, 1, &gate);
        CALL(zeCommandListAppendMemoryCopy, list, to, from, 65536, done, 0, NULL);
        CALL(zeCommandListClose, list);
        CALL(zeCommandQueueExecuteCommandLists, ze.queue, 1, &list, NULL);
        paint(from, 65536, 9);
        usleep(20000);
        expect(zeEventQueryStatus(done) == ZE_RESULT_NOT_READY, "the copy did not wait for its gate");
        CALL(zeEventHostSignal, gate);
        CALL(zeEventHostSynchronize, done, FOREVER);
        expect(painted(to, 65536, 9), "the copy was not done when its event was");
        CALL(zeCommandQueueSynchronize, ze.queue, FOREVER);
        CALL(zeEventHostReset, done);
        expect(zeEventQueryStatus(done) == ZE_RESULT_NOT_READY, "a reset event is signalled");
        if (!ze.leak) CALL(zeCommandListDestroy, list);
    }
    drop_events(pool, gate, done);
    release(from);
    release(to);
    report("events: gate, copy, signal", 0);
}

static void timestamps_advance(void)
{
    ze_event_pool_handle_t pool = new_pool(ZE_EVENT_POOL_FLAG_KERNEL_TIMESTAMP);
    ze_event_handle_t event = new_event(pool, 0), other = new_event(pool, 1);
    ze_kernel_timestamp_result_t result = {{0, 0}, {0, 0}};
    uint64_t *words = host_memory(4096);
    ze_command_list_handle_t list = new_list();
    uint64_t host[2] = {0, 0}, device[2] = {0, 0};

    CALL(zeDeviceGetGlobalTimestamps, ze.device, &host[0], &device[0]);
    if (expect(event && other && words, "zeEventCreate")) {
        words[0] = words[1] = 0;
        CALL(zeCommandListAppendWriteGlobalTimestamp, list, &words[0], NULL, 0, NULL);
        CALL(zeCommandListAppendBarrier, list, NULL, 0, NULL);
        CALL(zeCommandListAppendMemoryCopy, list, &words[100], &words[200], 8, event, 0, NULL);
        CALL(zeCommandListAppendBarrier, list, NULL, 0, NULL);
        CALL(zeCommandListAppendWriteGlobalTimestamp, list, &words[1], NULL, 0, NULL);
        finish(list);
        expect(words[0] != 0 && words[0] <= words[1], "device time stands still or runs backwards");
        CALL(zeEventHostSynchronize, event, FOREVER);
        CALL(zeEventQueryKernelTimestamp, event, &result);
        expect(result.global.kernelStart <= result.global.kernelEnd, "a copy ended before it started");
    }
    CALL(zeDeviceGetGlobalTimestamps, ze.device, &host[1], &device[1]);
    expect(host[0] < host[1] && device[0] < device[1], "global time stands still");
    expect(words && words[0] >= device[0] && words[1] <= device[1], "two clocks of the device disagree");
    drop_events(pool, event, other);
    release(words);
    report("time stamps", 0);
}

static void images_round_trip(void)
{
    enum { WIDTH = 320, HEIGHT = 100, BYTES = WIDTH * HEIGHT * 4 };
    ze_image_desc_t description = {
        .stype = ZE_STRUCTURE_TYPE_IMAGE_DESC,
        .type = ZE_IMAGE_TYPE_2D,
        .format = {.layout = ZE_IMAGE_FORMAT_LAYOUT_8_8_8_8, .type = ZE_IMAGE_FORMAT_TYPE_UINT},
        .width = WIDTH,
        .height = HEIGHT,
        .depth = 1,
    };
    uint64_t *from = host_memory(BYTES), *to = host_memory(BYTES);
    ze_image_handle_t first = NULL, second = NULL;
    ze_command_list_handle_t list = new_list();

    paint(from, BYTES, 10);
    CALL(zeImageCreate, ze.context, ze.device, &description, &first);
    CALL(zeImageCreate, ze.context, ze.device, &description, &second);
    if (expect(from && to && first && second, "zeImageCreate")) {
        memset(to, 0, BYTES);
        CALL(zeCommandListAppendImageCopyFromMemory, list, first, from, NULL, NULL, 0, NULL);
        CALL(zeCommandListAppendBarrier, list, NULL, 0, NULL);
        CALL(zeCommandListAppendImageCopy, list, second, first, NULL, 0, NULL);
        CALL(zeCommandListAppendBarrier, list, NULL, 0, NULL);
        CALL(zeCommandListAppendImageCopyToMemory, list, to, second, NULL, NULL, 0, NULL);
        finish(list);
        expect(painted(to, BYTES, 10), "other bytes came back");
    }
    if (!ze.leak) {
        if (first) CALL(zeImageDestroy, first);
        if (second) CALL(zeImageDestroy, second);
    }
    release(from);
    release(to);
    report("2D image: write, copy, read", 0);
}

static void ipc_shows_the_same_bytes(void)
{
    void *mine = device_memory(65536), *theirs = NULL;
    uint64_t *host = host_memory(65536), *back = host_memory(65536);
    ze_command_list_handle_t list = new_list();
    ze_ipc_mem_handle_t handle = {{0}};

    paint(host, 65536, 11);
    if (CALL(zeMemGetIpcHandle, ze.context, mine, &handle) &&
        CALL(zeMemOpenIpcHandle, ze.context, ze.device, handle, 0, &theirs)) {
        copy(list, mine, host, 65536);
        copy(list, back, theirs, 65536);
        finish(list);
        expect(painted(back, 65536, 11), "the other opening shows other bytes");
        if (!ze.leak) CALL(zeMemCloseIpcHandle, ze.context, theirs);
    }
    release(mine);
    release(host);
    release(back);
    report("memory shared by IPC handle", 0);
}

/* ---- between two processes ---- */

/*
 * An IPC handle names a descriptor of its maker's, which programs hand on beside it; here it is inherited. The other
 * process gets the handle's bytes as digits.
 */
static void write_handle(const ze_ipc_mem_handle_t *handle, char digits[2 * sizeof *handle + 1])
{
    for (size_t i = 0; i < sizeof *handle; i++) snprintf(digits + 2 * i, 3, "%02x", (unsigned char)handle->data[i]);
}

static void read_handle(const char *digits, ze_ipc_mem_handle_t *handle)
{
    for (size_t i = 0; i < sizeof *handle; i++) {
        unsigned byte = 0;
        if (sscanf(digits + 2 * i, "%2x", &byte) != 1) return;
        handle->data[i] = (char)byte;
    }
}

static int descriptor_of(const ze_ipc_mem_handle_t *handle)
{
    int fd;
    memcpy(&fd, handle->data, sizeof fd);
    return fd;
}

/* The other process: what is there is pattern 21, what it leaves is pattern 22. */
static void open_and_answer(const char *digits)
{
    ze_ipc_mem_handle_t handle = {{0}};
    uint64_t *host = host_memory(65536), *back = host_memory(65536);
    ze_command_list_handle_t list = new_list(), answer = new_list();
    void *theirs = NULL;

    read_handle(digits, &handle);
    paint(host, 65536, 22);
    if (CALL(zeMemOpenIpcHandle, ze.context, ze.device, handle, 0, &theirs)) {
        copy(list, back, theirs, 65536);
        finish(list);
        expect(painted(back, 65536, 21), "the other process sees other bytes");
        copy(answer, theirs, host, 65536);
        finish(answer);
        CALL(zeMemCloseIpcHandle, ze.context, theirs);
    }
    release(host);
    release(back);
    report("memory of another process, by IPC handle", 0);
}

static bool run_other(const ze_ipc_mem_handle_t *handle)
{
    char digits[2 * sizeof *handle + 1];
    char *const arguments[] = {"level_zero_matrix", "--ipc-peer", digits, NULL};
    posix_spawn_file_actions_t actions;
    int status = -1;
    pid_t child;

    write_handle(handle, digits);
    fcntl(descriptor_of(handle), F_SETFD, 0);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO); /* its TAP is not ours */
    if (posix_spawn(&child, "/proc/self/exe", &actions, NULL, arguments, environ) == 0) waitpid(child, &status, 0);
    posix_spawn_file_actions_destroy(&actions);
    return status == 0;
}

static void two_processes_share(void)
{
    void *mine = device_memory(65536);
    uint64_t *host = host_memory(65536), *back = host_memory(65536);
    ze_command_list_handle_t list = new_list(), again = new_list();
    ze_ipc_mem_handle_t handle = {{0}};

    paint(host, 65536, 21);
    copy(list, mine, host, 65536);
    finish(list);
    if (CALL(zeMemGetIpcHandle, ze.context, mine, &handle)) {
        expect(run_other(&handle), "the other process has failed");
        copy(again, back, mine, 65536);
        finish(again);
        expect(painted(back, 65536, 22), "what the other process wrote is not there");
    }
    release(mine);
    release(host);
    release(back);
    report("memory shared with another process by IPC handle", 0);
}

/* Device memory that can be exported, and what says how. */
static void *exportable_memory(size_t bytes, ze_external_memory_type_flags_t type)
{
    ze_external_memory_export_desc_t export_as = {.stype = ZE_STRUCTURE_TYPE_EXTERNAL_MEMORY_EXPORT_DESC,
                                                  .flags = type};
    ze_device_mem_alloc_desc_t description = {.stype = ZE_STRUCTURE_TYPE_DEVICE_MEM_ALLOC_DESC, .pNext = &export_as};
    void *memory = NULL;

    CALL(zeMemAllocDevice, ze.context, &description, bytes, 64, ze.device, &memory);
    return memory;
}

/* The descriptor of MEMORY, or -1. */
static int exported(const void *memory, ze_external_memory_type_flags_t type)
{
    ze_external_memory_export_fd_t export_fd = {.stype = ZE_STRUCTURE_TYPE_EXTERNAL_MEMORY_EXPORT_FD,
                                                .flags = type,
                                                .fd = -1};
    ze_memory_allocation_properties_t properties = {.stype = ZE_STRUCTURE_TYPE_MEMORY_ALLOCATION_PROPERTIES,
                                                    .pNext = &export_fd};

    return CALL(zeMemGetAllocProperties, ze.context, memory, &properties, NULL) ? export_fd.fd : -1;
}

static void *imported(int fd, size_t bytes, ze_external_memory_type_flags_t type)
{
    ze_external_memory_import_fd_t import_fd = {.stype = ZE_STRUCTURE_TYPE_EXTERNAL_MEMORY_IMPORT_FD,
                                                .flags = type,
                                                .fd = fd};
    ze_device_mem_alloc_desc_t description = {.stype = ZE_STRUCTURE_TYPE_DEVICE_MEM_ALLOC_DESC, .pNext = &import_fd};
    void *memory = NULL;

    CALL(zeMemAllocDevice, ze.context, &description, bytes, 64, ze.device, &memory);
    return memory;
}

static void imports_show_the_same_bytes(void)
{
    const ze_external_memory_type_flags_t type = ZE_EXTERNAL_MEMORY_TYPE_FLAG_DMA_BUF;
    void *mine = exportable_memory(65536, type), *theirs = NULL;
    uint64_t *host = host_memory(65536), *back = host_memory(65536);
    ze_command_list_handle_t list = new_list();
    int fd = mine ? exported(mine, type) : -1;

    paint(host, 65536, 12);
    if (expect(fd >= 0, "no descriptor")) theirs = imported(fd, 65536, type);
    if (theirs) {
        copy(list, mine, host, 65536);
        copy(list, back, theirs, 65536);
        finish(list);
        expect(painted(back, 65536, 12), "the import shows other bytes");
    }
    release(theirs);
    release(mine);
    release(host);
    release(back);
    report("memory exported and imported by descriptor", 0);
}

static void many_allocations(void)
{
    enum { COUNT = 300 };
    static uint64_t *memories[COUNT];
    bool same = true;

    for (uint64_t i = 0; i < COUNT; i++) {
        memories[i] = i % 2 ? host_memory(4096 + 64 * i) : shared_memory(4096 + 64 * i);
        if (memories[i]) memories[i][500] = mix(i);
    }
    for (uint64_t i = 0; i < COUNT; i++) same &= memories[i] && memories[i][500] == mix(i);
    expect(same, "memory holds another one's bytes");
    for (uint64_t i = 0; i < COUNT; i++) release(memories[i * 7 % COUNT]);
    report("300 allocations at once", 0);
}

/* ---- the run ---- */

static void choose_group(void)
{
    ze_command_queue_group_properties_t groups[MAX_GROUPS] = {0};
    uint32_t count = MAX_GROUPS;

    for (uint32_t i = 0; i < MAX_GROUPS; i++) groups[i].stype = ZE_STRUCTURE_TYPE_COMMAND_QUEUE_GROUP_PROPERTIES;
    if (zeDeviceGetCommandQueueGroupProperties(ze.device, &count, groups) != ZE_RESULT_SUCCESS) return;
    for (uint32_t i = 0; i < count && !ze.copies; i++) {
        ze.copies = groups[i].flags & ZE_COMMAND_QUEUE_GROUP_PROPERTY_FLAG_COPY &&
                    !(groups[i].flags & ZE_COMMAND_QUEUE_GROUP_PROPERTY_FLAG_COMPUTE);
        if (ze.copies) ze.group = i;
    }
}

static bool has_one_memory(void)
{
    ze_device_properties_t properties = {.stype = ZE_STRUCTURE_TYPE_DEVICE_PROPERTIES};

    CALL(zeDeviceGetProperties, ze.device, &properties);
    return properties.flags & ZE_DEVICE_PROPERTY_FLAG_INTEGRATED;
}

static bool open_device(void)
{
    ze_context_desc_t context = {.stype = ZE_STRUCTURE_TYPE_CONTEXT_DESC};
    ze_command_queue_desc_t queue = {.stype = ZE_STRUCTURE_TYPE_COMMAND_QUEUE_DESC,
                                     .mode = ZE_COMMAND_QUEUE_MODE_ASYNCHRONOUS};
    uint32_t one = 1;

    if (zeInit(ZE_INIT_FLAG_GPU_ONLY) != ZE_RESULT_SUCCESS) return false;
    if (zeDriverGet(&one, &ze.driver) != ZE_RESULT_SUCCESS || one == 0) return false;
    one = 1;
    if (zeDeviceGet(ze.driver, &one, &ze.device) != ZE_RESULT_SUCCESS || one == 0) return false;
    if (zeContextCreate(ze.driver, &context, &ze.context) != ZE_RESULT_SUCCESS) return false;
    choose_group();
    ze.one_memory = has_one_memory();
    queue.ordinal = ze.group;
    return zeCommandQueueCreate(ze.context, ze.device, &queue, &ze.queue) == ZE_RESULT_SUCCESS;
}

static void with_size(size_t bytes)
{
    static void (*const by_device[])(size_t) = {copies_go_round, copies_of_ordinary_memory, immediate_list_copies,
                                                fills_repeat};

    memory_is_what_it_says(bytes);
    for (size_t i = 0; i < sizeof(by_device) / sizeof(by_device[0]); i++) {
        if (ze.copies)
            by_device[i](bytes);
        else
            tap_skip("copies on the device", "no queue for the copy engine");
    }
}

static void without_size(void)
{
    static void (*const by_device[])(void) = {
        region_copies, lists_run_again, fences_signal, events_order, timestamps_advance, images_round_trip,
    };

    many_allocations();
    for (size_t i = 0; i < sizeof(by_device) / sizeof(by_device[0]); i++) {
        if (ze.copies)
            by_device[i]();
        else
            tap_skip("lists on the device", "no queue for the copy engine");
    }
    if (ze.ipc) {
        ipc_shows_the_same_bytes();
        imports_show_the_same_bytes();
    }
    if (ze.two) two_processes_share();
}

static void close_device(void)
{
    if (ze.leak) return;
    CALL(zeCommandQueueDestroy, ze.queue);
    CALL(zeContextDestroy, ze.context);
    report("queue and context are released", 0);
}

int main(int argc, char **argv)
{
    bool any_size = false;

    tap_start(600);
    for (int i = 1; i < argc; i++) {
        ze.leak |= strcmp(argv[i], "--leak") == 0;
        ze.ipc |= strcmp(argv[i], "--ipc") == 0;
        ze.two |= strcmp(argv[i], "--two") == 0;
    }
    if (!open_device()) {
        printf("1..0 # SKIP no Level Zero GPU device\n");
        return 0;
    }
    if (argc == 3 && strcmp(argv[1], "--ipc-peer") == 0) {
        open_and_answer(argv[2]);
        close_device();
        return tap_finish();
    }
    for (int i = 1; i < argc; i++) {
        size_t bytes = tap_size(argv[i]);

        if (argv[i][0] == '-') continue;
        if (bytes < 4096) {
            fprintf(stderr, "level_zero_matrix: '%s' is no size of 4096 bytes or more\n", argv[i]);
            return 2;
        }
        with_size(bytes);
        any_size = true;
    }
    if (!any_size) {
        with_size(4096);
        with_size(1 << 20);
        without_size();
    }
    close_device();
    return tap_finish();
}
