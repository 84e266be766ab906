/* SPDX-License-Identifier: MIT */
/*
 * Copies 64 MiB from host memory to device memory, there to other device memory, and back, in one Level Zero
 * command list, and checks every byte: an ordinary Level Zero program that knows nothing of udxg. Where the
 * device has a copy engine its queue is used, because on the others copies are shader kernels.
 * Exit status: 0 the bytes are right, 1 they are not, 2 a call failed, 77 there is no device.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <level_zero/ze_api.h>

#define MIB (1024.0 * 1024.0)
#define BYTES ((size_t)64 << 20)
#define WORDS (BYTES / sizeof(uint64_t))
#define MAX_GROUPS 16

struct device {
    ze_driver_handle_t driver;
    ze_device_handle_t handle;
    ze_context_handle_t context;
    uint32_t group;
    int is_copy_engine;
};

static void check(ze_result_t result, const char *call)
{
    if (result == ZE_RESULT_SUCCESS) return;
    fprintf(stderr, "level_zero_copy: %s failed: 0x%x\n", call, (unsigned)result);
    exit(2);
}

static double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* The queue group that only copies, or the first one. */
static void choose_group(struct device *device)
{
    ze_command_queue_group_properties_t groups[MAX_GROUPS] = {0};
    uint32_t count = MAX_GROUPS;

    for (uint32_t i = 0; i < MAX_GROUPS; i++) groups[i].stype = ZE_STRUCTURE_TYPE_COMMAND_QUEUE_GROUP_PROPERTIES;
    check(zeDeviceGetCommandQueueGroupProperties(device->handle, &count, groups),
          "zeDeviceGetCommandQueueGroupProperties");
    for (uint32_t i = 0; i < count; i++) {
        if (!(groups[i].flags & ZE_COMMAND_QUEUE_GROUP_PROPERTY_FLAG_COPY)) continue;
        if (groups[i].flags & ZE_COMMAND_QUEUE_GROUP_PROPERTY_FLAG_COMPUTE) continue;
        device->group = i;
        device->is_copy_engine = 1;
        return;
    }
}

static struct device open_device(void)
{
    ze_device_properties_t properties = {.stype = ZE_STRUCTURE_TYPE_DEVICE_PROPERTIES};
    ze_context_desc_t description = {.stype = ZE_STRUCTURE_TYPE_CONTEXT_DESC};
    struct device device = {.group = 0};
    uint32_t one = 1;

    if (zeInit(ZE_INIT_FLAG_GPU_ONLY) != ZE_RESULT_SUCCESS || zeDriverGet(&one, &device.driver) != ZE_RESULT_SUCCESS ||
        one == 0) {
        fprintf(stderr, "level_zero_copy: no Level Zero GPU device\n");
        exit(77);
    }
    one = 1;
    check(zeDeviceGet(device.driver, &one, &device.handle), "zeDeviceGet");
    check(zeDeviceGetProperties(device.handle, &properties), "zeDeviceGetProperties");
    check(zeContextCreate(device.driver, &description, &device.context), "zeContextCreate");
    choose_group(&device);
    printf("device:       %s\n", properties.name);
    printf("queue:        %s\n", device.is_copy_engine ? "copy engine" : "compute (copies are shader kernels)");
    return device;
}

static void *device_memory(const struct device *device)
{
    ze_device_mem_alloc_desc_t description = {.stype = ZE_STRUCTURE_TYPE_DEVICE_MEM_ALLOC_DESC};
    void *memory = NULL;

    check(zeMemAllocDevice(device->context, &description, BYTES, 4096, device->handle, &memory), "zeMemAllocDevice");
    return memory;
}

static uint64_t *host_memory(const struct device *device)
{
    ze_host_mem_alloc_desc_t description = {.stype = ZE_STRUCTURE_TYPE_HOST_MEM_ALLOC_DESC};
    void *memory = NULL;

    check(zeMemAllocHost(device->context, &description, BYTES, 4096, &memory), "zeMemAllocHost");
    return memory;
}

static void append(ze_command_list_handle_t list, void *to, const void *from)
{
    check(zeCommandListAppendMemoryCopy(list, to, from, BYTES, NULL, 0, NULL), "zeCommandListAppendMemoryCopy");
    check(zeCommandListAppendBarrier(list, NULL, 0, NULL), "zeCommandListAppendBarrier");
}

static void run(const struct device *device, ze_command_list_handle_t list)
{
    ze_command_queue_desc_t description = {
        .stype = ZE_STRUCTURE_TYPE_COMMAND_QUEUE_DESC,
        .ordinal = device->group,
        .mode = ZE_COMMAND_QUEUE_MODE_ASYNCHRONOUS,
    };
    ze_command_queue_handle_t queue;
    double started = seconds(), took;

    check(zeCommandQueueCreate(device->context, device->handle, &description, &queue), "zeCommandQueueCreate");
    check(zeCommandQueueExecuteCommandLists(queue, 1, &list, NULL), "zeCommandQueueExecuteCommandLists");
    check(zeCommandQueueSynchronize(queue, UINT64_MAX), "zeCommandQueueSynchronize");
    took = seconds() - started;
    printf("three copies: %.0f MiB in %.1f ms (%.0f MiB/s)\n", 3 * (double)BYTES / MIB, took * 1e3,
           3 * (double)BYTES / MIB / took);
    check(zeCommandQueueDestroy(queue), "zeCommandQueueDestroy");
}

/* The value of word I: no two pages look alike, so bytes in the wrong place show. */
static uint64_t pattern(size_t i)
{
    return (i + 1) * 0x9e3779b97f4a7c15u;
}

static size_t count_wrong(const uint64_t *words, size_t *ret_first)
{
    size_t wrong = 0;

    for (size_t i = WORDS; i-- > 0;)
        if (words[i] != pattern(i)) {
            wrong++;
            *ret_first = i;
        }
    return wrong;
}

int main(void)
{
    struct device device = open_device();
    ze_command_list_desc_t description = {.stype = ZE_STRUCTURE_TYPE_COMMAND_LIST_DESC,
                                          .commandQueueGroupOrdinal = device.group};
    uint64_t *from = host_memory(&device), *back = host_memory(&device);
    void *first_memory = device_memory(&device), *second_memory = device_memory(&device);
    ze_command_list_handle_t list;
    size_t wrong, first = 0;

    for (size_t i = 0; i < WORDS; i++) {
        from[i] = pattern(i);
        back[i] = 0;
    }
    check(zeCommandListCreate(device.context, device.handle, &description, &list), "zeCommandListCreate");
    append(list, first_memory, from);
    append(list, second_memory, first_memory);
    append(list, back, second_memory);
    check(zeCommandListClose(list), "zeCommandListClose");
    run(&device, list);

    wrong = count_wrong(back, &first);
    if (wrong)
        printf("result:       %zu of %zu words are wrong, the first at byte %zu\n", wrong, WORDS,
               first * sizeof(uint64_t));
    else
        printf("result:       all %zu words are right\n", WORDS);

    check(zeCommandListDestroy(list), "zeCommandListDestroy");
    check(zeMemFree(device.context, first_memory), "zeMemFree");
    check(zeMemFree(device.context, second_memory), "zeMemFree");
    check(zeMemFree(device.context, from), "zeMemFree");
    check(zeMemFree(device.context, back), "zeMemFree");
    check(zeContextDestroy(device.context), "zeContextDestroy");
    return wrong ? 1 : 0;
}
