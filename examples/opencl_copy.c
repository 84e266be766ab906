/* SPDX-License-Identifier: MIT */
/*
 * Copies 64 MiB from one OpenCL buffer to another on a queue of the device and checks every byte: an
 * ordinary OpenCL program that knows nothing of udxg. Where the device has a queue for its copy engine
 * (cl_intel_command_queue_families) that one is used, because on the others copies are shader kernels.
 * Exit status: 0 the bytes are right, 1 they are not, 2 a call failed, 77 there is no device.
 */
#define CL_TARGET_OPENCL_VERSION 300
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <CL/cl.h>
#include <CL/cl_ext.h>

#define MIB (1024.0 * 1024.0)
#define BYTES ((size_t)64 << 20)
#define WORDS (BYTES / sizeof(uint64_t))

static void check(cl_int error, const char *call)
{
    if (error == CL_SUCCESS) return;
    fprintf(stderr, "opencl_copy: %s failed: %d\n", call, error);
    exit(2);
}

static double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static cl_device_id first_gpu(void)
{
    cl_platform_id platforms[16];
    cl_uint count = 0;
    cl_device_id device;

    if (clGetPlatformIDs(16, platforms, &count) == CL_SUCCESS)
        for (cl_uint i = 0; i < count && i < 16; i++)
            if (clGetDeviceIDs(platforms[i], CL_DEVICE_TYPE_GPU, 1, &device, NULL) == CL_SUCCESS) return device;
    fprintf(stderr, "opencl_copy: no OpenCL GPU device\n");
    exit(77);
}

static void describe(cl_device_id device)
{
    char name[256] = "", driver[256] = "";
    cl_ulong bytes = 0;

    clGetDeviceInfo(device, CL_DEVICE_NAME, sizeof(name), name, NULL);
    clGetDeviceInfo(device, CL_DRIVER_VERSION, sizeof(driver), driver, NULL);
    clGetDeviceInfo(device, CL_DEVICE_GLOBAL_MEM_SIZE, sizeof(bytes), &bytes, NULL);
    printf("device:       %s, driver %s, %.1f GiB\n", name, driver, (double)bytes / (1024 * MIB));
}

/* The index of a queue family that copies and runs no kernels, or -1. */
static int copy_family(cl_device_id device)
{
    cl_queue_family_properties_intel families[16];
    size_t bytes = 0;

    if (clGetDeviceInfo(device, CL_DEVICE_QUEUE_FAMILY_PROPERTIES_INTEL, sizeof(families), families, &bytes) !=
        CL_SUCCESS)
        return -1;
    for (size_t i = 0; i < bytes / sizeof(families[0]); i++) {
        cl_command_queue_capabilities_intel can = families[i].capabilities;

        if (can & CL_QUEUE_CAPABILITY_TRANSFER_BUFFER_INTEL && !(can & CL_QUEUE_CAPABILITY_KERNEL_INTEL)) return (int)i;
    }
    return -1;
}

static cl_command_queue create_queue(cl_context context, cl_device_id device)
{
    int family = copy_family(device);
    cl_queue_properties of_family[] = {CL_QUEUE_FAMILY_INTEL, (cl_queue_properties)family, CL_QUEUE_INDEX_INTEL, 0, 0};
    cl_command_queue queue;
    cl_int error;

    queue = clCreateCommandQueueWithProperties(context, device, family < 0 ? NULL : of_family, &error);
    check(error, "clCreateCommandQueueWithProperties");
    printf("queue:        %s\n", family < 0 ? "default (copies are shader kernels)" : "copy engine");
    return queue;
}

static void report(const char *what, double started)
{
    double took = seconds() - started;

    printf("%-13s %.0f MiB in %.1f ms (%.0f MiB/s)\n", what, (double)BYTES / MIB, took * 1e3,
           (double)BYTES / MIB / took);
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
    cl_device_id device = first_gpu();
    size_t wrong, first = 0;
    cl_int error;
    double started;

    describe(device);
    cl_context context = clCreateContext(NULL, 1, &device, NULL, NULL, &error);
    check(error, "clCreateContext");
    cl_command_queue queue = create_queue(context, device);
    cl_mem source = clCreateBuffer(context, CL_MEM_READ_WRITE, BYTES, NULL, &error);
    check(error, "clCreateBuffer");
    cl_mem target = clCreateBuffer(context, CL_MEM_READ_WRITE, BYTES, NULL, &error);
    check(error, "clCreateBuffer");

    uint64_t *words = malloc(BYTES);
    uint64_t *back = calloc(1, BYTES);
    if (!words || !back) check(CL_OUT_OF_HOST_MEMORY, "malloc");
    for (size_t i = 0; i < WORDS; i++) words[i] = pattern(i);

    started = seconds();
    check(clEnqueueWriteBuffer(queue, source, CL_TRUE, 0, BYTES, words, 0, NULL, NULL), "clEnqueueWriteBuffer");
    report("write:", started);
    check(clEnqueueWriteBuffer(queue, target, CL_TRUE, 0, BYTES, back, 0, NULL, NULL), "clEnqueueWriteBuffer");
    started = seconds();
    check(clEnqueueCopyBuffer(queue, source, target, 0, 0, BYTES, 0, NULL, NULL), "clEnqueueCopyBuffer");
    check(clFinish(queue), "clFinish");
    report("device copy:", started);
    started = seconds();
    check(clEnqueueReadBuffer(queue, target, CL_TRUE, 0, BYTES, back, 0, NULL, NULL), "clEnqueueReadBuffer");
    report("read:", started);

    wrong = count_wrong(back, &first);
    if (wrong)
        printf("result:       %zu of %zu words are wrong, the first at byte %zu\n", wrong, WORDS,
               first * sizeof(uint64_t));
    else
        printf("result:       all %zu words are right\n", WORDS);

    clReleaseMemObject(source);
    clReleaseMemObject(target);
    clReleaseCommandQueue(queue);
    clReleaseContext(context);
    free(words);
    free(back);
    return wrong ? 1 : 0;
}
