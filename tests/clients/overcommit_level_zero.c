/* SPDX-License-Identifier: MIT */
/*
 * Level Zero with twice the memory that the device has, in device memory, written, copied and read on the copy engine.
 * An ordinary Level Zero program; it knows nothing of udxg.
 *
 *     overcommit_level_zero [SIZE]        in all; 128M when not given
 */
#include <level_zero/ze_api.h>

#include "overcommit.h"

#define MAX_GROUPS 16

static struct {
    ze_driver_handle_t driver;
    ze_device_handle_t device;
    ze_context_handle_t context;
    ze_command_list_handle_t list; /* immediate, of the copy engine: each command has ended when its call returns */
    void *pieces[PIECE_LIMIT];
} ze;

static bool good(ze_result_t result, const char *what)
{
    if (result != ZE_RESULT_SUCCESS) printf("# %s: 0x%x\n", what, (unsigned)result);
    return result == ZE_RESULT_SUCCESS;
}

#define CALL(function, ...) good(function(__VA_ARGS__), #function)

static bool device_make(unsigned piece)
{
    ze_device_mem_alloc_desc_t description = {.stype = ZE_STRUCTURE_TYPE_DEVICE_MEM_ALLOC_DESC};

    return CALL(zeMemAllocDevice, ze.context, &description, PIECE_BYTES, 4096, ze.device, &ze.pieces[piece]);
}

static bool copy(void *to, const void *from)
{
    return CALL(zeCommandListAppendMemoryCopy, ze.list, to, from, PIECE_BYTES, NULL, 0, NULL);
}

static bool device_write(unsigned piece, const void *from)
{
    return copy(ze.pieces[piece], from);
}

static bool device_read(unsigned piece, void *to)
{
    return copy(to, ze.pieces[piece]);
}

static bool device_copy(unsigned to, unsigned from)
{
    return copy(ze.pieces[to], ze.pieces[from]);
}

static bool wait(void)
{
    return true; /* the list is synchronous */
}

static bool device_release(unsigned piece)
{
    return CALL(zeMemFree, ze.context, ze.pieces[piece]);
}

static const struct overcommit_memory device_memory = {
    "device memory", device_make, device_write, device_read, device_copy, wait, device_release,
};

/* The group that copies and does not compute. */
static bool find_group(uint32_t *ret_group)
{
    ze_command_queue_group_properties_t groups[MAX_GROUPS] = {0};
    uint32_t count = MAX_GROUPS;

    for (int i = 0; i < MAX_GROUPS; i++) groups[i].stype = ZE_STRUCTURE_TYPE_COMMAND_QUEUE_GROUP_PROPERTIES;
    if (zeDeviceGetCommandQueueGroupProperties(ze.device, &count, groups) != ZE_RESULT_SUCCESS) return false;
    for (uint32_t i = 0; i < count; i++) {
        ze_command_queue_group_property_flags_t flags = groups[i].flags;

        *ret_group = i;
        if (flags & ZE_COMMAND_QUEUE_GROUP_PROPERTY_FLAG_COPY &&
            !(flags & ZE_COMMAND_QUEUE_GROUP_PROPERTY_FLAG_COMPUTE))
            return true;
    }
    return false;
}

static bool open_device(void)
{
    ze_context_desc_t context = {.stype = ZE_STRUCTURE_TYPE_CONTEXT_DESC};
    ze_command_queue_desc_t queue = {.stype = ZE_STRUCTURE_TYPE_COMMAND_QUEUE_DESC,
                                     .mode = ZE_COMMAND_QUEUE_MODE_SYNCHRONOUS};
    uint32_t one = 1;

    if (zeInit(ZE_INIT_FLAG_GPU_ONLY) != ZE_RESULT_SUCCESS) return false;
    if (zeDriverGet(&one, &ze.driver) != ZE_RESULT_SUCCESS || one == 0) return false;
    one = 1;
    if (zeDeviceGet(ze.driver, &one, &ze.device) != ZE_RESULT_SUCCESS || one == 0) return false;
    if (zeContextCreate(ze.driver, &context, &ze.context) != ZE_RESULT_SUCCESS) return false;
    if (!find_group(&queue.ordinal)) return false;
    return zeCommandListCreateImmediate(ze.context, ze.device, &queue, &ze.list) == ZE_RESULT_SUCCESS;
}

int main(int argc, char **argv)
{
    unsigned pieces = overcommit_pieces(argc, argv);

    if (!pieces) return 2;
    tap_start(300);
    if (!open_device()) {
        printf("1..0 # SKIP no Level Zero GPU device with a copy engine\n");
        return 0;
    }
    overcommit_run(&device_memory, pieces);
    tap_line(CALL(zeCommandListDestroy, ze.list) && CALL(zeContextDestroy, ze.context), "the end", "a call failed");
    return tap_finish();
}
