/* SPDX-License-Identifier: MIT */
/*
 * OpenCL with twice the memory that the device has, in buffers and in device memory of
 * cl_intel_unified_shared_memory, which the driver keeps away from the CPU. All copies are on the copy engine's queue.
 * An ordinary OpenCL program; it knows nothing of udxg.
 *
 *     overcommit_opencl [SIZE]        in all; 128M when not given
 */
#define CL_TARGET_OPENCL_VERSION 300
#include <CL/cl.h>
#include <CL/cl_ext.h>

#include "overcommit.h"

static struct {
    cl_platform_id platform;
    cl_device_id device;
    cl_context context;
    cl_command_queue queue; /* of the copy engine */
    cl_mem buffers[PIECE_LIMIT];
    void *shared[PIECE_LIMIT];
    clDeviceMemAllocINTEL_fn device_alloc;
    clMemBlockingFreeINTEL_fn device_free;
    clEnqueueMemcpyINTEL_fn memcpy;
} cl;

static bool good(cl_int error, const char *what)
{
    if (error != CL_SUCCESS) printf("# %s: %d\n", what, error);
    return error == CL_SUCCESS;
}

#define CALL(function, ...) good(function(__VA_ARGS__), #function)

/* ---- buffers ---- */

static bool buffer_make(unsigned piece)
{
    cl_int error;

    cl.buffers[piece] = clCreateBuffer(cl.context, CL_MEM_READ_WRITE, PIECE_BYTES, NULL, &error);
    return good(error, "clCreateBuffer");
}

static bool buffer_write(unsigned piece, const void *from)
{
    return CALL(clEnqueueWriteBuffer, cl.queue, cl.buffers[piece], CL_TRUE, 0, PIECE_BYTES, from, 0, NULL, NULL);
}

static bool buffer_read(unsigned piece, void *to)
{
    return CALL(clEnqueueReadBuffer, cl.queue, cl.buffers[piece], CL_TRUE, 0, PIECE_BYTES, to, 0, NULL, NULL);
}

static bool buffer_copy(unsigned to, unsigned from)
{
    return CALL(clEnqueueCopyBuffer, cl.queue, cl.buffers[from], cl.buffers[to], 0, 0, PIECE_BYTES, 0, NULL, NULL);
}

static bool wait(void)
{
    return CALL(clFinish, cl.queue);
}

static bool buffer_release(unsigned piece)
{
    return CALL(clReleaseMemObject, cl.buffers[piece]);
}

static const struct overcommit_memory buffers = {
    "buffers", buffer_make, buffer_write, buffer_read, buffer_copy, wait, buffer_release,
};

/* Made with contents, buffers are listed before the CPU has written them: each goes in, out to be locked, and in again.
 */
static void filled_buffers(unsigned pieces)
{
    uint64_t *words = aligned_alloc(4096, PIECE_BYTES);
    bool right = words != NULL;
    cl_int error;

    for (unsigned i = 0; right && i < pieces; i++) {
        overcommit_paint(words, i);
        cl.buffers[i] =
            clCreateBuffer(cl.context, CL_MEM_READ_WRITE | CL_MEM_COPY_HOST_PTR, PIECE_BYTES, words, &error);
        right = good(error, "clCreateBuffer");
    }
    right = right && overcommit_check(&buffers, pieces, 0, words);
    for (unsigned i = 0; right && i < pieces; i++) right = buffer_release(i);
    tap_line(right, "buffers: made with contents", "a call failed or bytes differ");
    free(words);
}

/* ---- device memory of unified shared memory ---- */

static bool device_make(unsigned piece)
{
    cl_int error;

    cl.shared[piece] = cl.device_alloc(cl.context, cl.device, NULL, PIECE_BYTES, 4096, &error);
    return good(error, "clDeviceMemAllocINTEL");
}

static bool device_write(unsigned piece, const void *from)
{
    return good(cl.memcpy(cl.queue, CL_TRUE, cl.shared[piece], from, PIECE_BYTES, 0, NULL, NULL), "memcpy");
}

static bool device_read(unsigned piece, void *to)
{
    return good(cl.memcpy(cl.queue, CL_TRUE, to, cl.shared[piece], PIECE_BYTES, 0, NULL, NULL), "memcpy");
}

static bool device_copy(unsigned to, unsigned from)
{
    return good(cl.memcpy(cl.queue, CL_FALSE, cl.shared[to], cl.shared[from], PIECE_BYTES, 0, NULL, NULL), "memcpy");
}

static bool device_release(unsigned piece)
{
    return good(cl.device_free(cl.context, cl.shared[piece]), "clMemBlockingFreeINTEL");
}

static const struct overcommit_memory device_memory = {
    "device memory", device_make, device_write, device_read, device_copy, wait, device_release,
};

static bool find_functions(void)
{
    cl.device_alloc = clGetExtensionFunctionAddressForPlatform(cl.platform, "clDeviceMemAllocINTEL");
    cl.device_free = clGetExtensionFunctionAddressForPlatform(cl.platform, "clMemBlockingFreeINTEL");
    cl.memcpy = clGetExtensionFunctionAddressForPlatform(cl.platform, "clEnqueueMemcpyINTEL");
    return cl.device_alloc && cl.device_free && cl.memcpy;
}

/* ---- the run ---- */

static int copy_family(void)
{
    cl_queue_family_properties_intel families[16];
    size_t bytes = 0;

    if (clGetDeviceInfo(cl.device, CL_DEVICE_QUEUE_FAMILY_PROPERTIES_INTEL, sizeof(families), families, &bytes) !=
        CL_SUCCESS)
        return -1;
    for (size_t i = 0; i < bytes / sizeof(families[0]); i++) {
        cl_command_queue_capabilities_intel can = families[i].capabilities;

        if (can & CL_QUEUE_CAPABILITY_TRANSFER_BUFFER_INTEL && !(can & CL_QUEUE_CAPABILITY_KERNEL_INTEL)) return (int)i;
    }
    return -1;
}

static bool open_queue(void)
{
    int family = copy_family();
    const cl_queue_properties properties[] = {CL_QUEUE_FAMILY_INTEL, (cl_queue_properties)family, CL_QUEUE_INDEX_INTEL,
                                              0, 0};
    cl_int error;

    if (family < 0) return false;
    cl.context = clCreateContext(NULL, 1, &cl.device, NULL, NULL, &error);
    if (error != CL_SUCCESS) return false;
    cl.queue = clCreateCommandQueueWithProperties(cl.context, cl.device, properties, &error);
    return error == CL_SUCCESS;
}

static bool open_device(void)
{
    cl_platform_id platforms[16];
    cl_uint count = 0;

    if (clGetPlatformIDs(16, platforms, &count) != CL_SUCCESS) return false;
    for (cl_uint i = 0; i < count && i < 16; i++) {
        cl.platform = platforms[i];
        if (clGetDeviceIDs(cl.platform, CL_DEVICE_TYPE_GPU, 1, &cl.device, NULL) == CL_SUCCESS) return open_queue();
    }
    return false;
}

int main(int argc, char **argv)
{
    unsigned pieces = overcommit_pieces(argc, argv);

    if (!pieces) return 2;
    tap_start(300);
    if (!open_device()) {
        printf("1..0 # SKIP no OpenCL GPU device with a copy engine\n");
        return 0;
    }
    filled_buffers(pieces);
    overcommit_run(&buffers, pieces);
    if (find_functions())
        overcommit_run(&device_memory, pieces);
    else
        tap_skip("device memory", "no cl_intel_unified_shared_memory");
    tap_line(CALL(clReleaseCommandQueue, cl.queue) && CALL(clReleaseContext, cl.context), "the end", "a call failed");
    return tap_finish();
}
