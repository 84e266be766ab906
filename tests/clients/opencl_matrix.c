/* SPDX-License-Identifier: MIT */
/*
 * OpenCL as its users use it, with every byte checked: buffers of the sizes given, host pointers, mappings,
 * shared virtual memory, images, sub-buffers, events. An ordinary OpenCL program; it knows nothing of udxg.
 *
 *     opencl_matrix [--leak] [SIZE...]        sizes are 4096, 64K, 1M, 1G
 *
 * Copies are done on the queue of the copy engine where there is one, and skipped where there is none, since
 * there they are shader kernels. What the driver can only do with kernels must still complete: that is
 * checked without looking at the result. With --leak nothing is released before the process exits.
 */
#define CL_TARGET_OPENCL_VERSION 300
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include <CL/cl.h>
#include <CL/cl_ext.h>

#include "tap.h"

static struct {
    cl_device_id device;
    cl_context context;
    cl_command_queue queue; /* runs kernels */
    cl_command_queue copy;  /* of the copy engine, or NULL */
    cl_command_queue data;  /* on which contents are read, written and mapped */
    bool one_memory;        /* the device has none of its own */
    bool leak;
    const char *failed; /* the first call or comparison of a check that failed */
    cl_int error;
    char reason[160];
} cl;

static bool good(cl_int error, const char *what)
{
    if (error == CL_SUCCESS) return true;
    if (!cl.failed) {
        cl.failed = what;
        cl.error = error;
    }
    return false;
}

#define CALL(function, ...) good(function(__VA_ARGS__), #function)

static bool expect(bool condition, const char *what)
{
    if (!condition && !cl.failed) {
        cl.failed = what;
        cl.error = 0;
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
    if (cl.failed) snprintf(cl.reason, sizeof(cl.reason), "%s (%d)", cl.failed, cl.error);
    tap_line(!cl.failed, name, cl.reason);
    cl.failed = NULL;
}

/* ---- bytes ---- */

static uint64_t mix(uint64_t i)
{
    i = (i + 0x9e3779b97f4a7c15u) * 0xbf58476d1ce4e5b9u;
    return i ^ i >> 29;
}

static void paint(void *memory, size_t bytes, uint64_t seed)
{
    uint8_t *at = memory;

    for (size_t i = 0; i + 8 <= bytes; i += 8) {
        uint64_t word = mix(seed + i);

        memcpy(at + i, &word, 8);
    }
    for (size_t i = bytes & ~(size_t)7; i < bytes; i++) at[i] = (uint8_t)mix(seed + i);
}

static bool painted(const void *memory, size_t bytes, uint64_t seed)
{
    const uint8_t *at = memory;

    for (size_t i = 0; i + 8 <= bytes; i += 8) {
        uint64_t word = mix(seed + i);

        if (memcmp(at + i, &word, 8) != 0) return false;
    }
    for (size_t i = bytes & ~(size_t)7; i < bytes; i++)
        if (at[i] != (uint8_t)mix(seed + i)) return false;
    return true;
}

/* Memory of the last checks, used again: fresh pages are what most of the time would go into. */
static struct {
    void *memory;
    size_t bytes;
} spare[4];

static void *page_memory(size_t bytes)
{
    void *memory = NULL;

    bytes = bytes ? (bytes + 4095) & ~(size_t)4095 : 4096;
    for (size_t i = 0; i < sizeof(spare) / sizeof(spare[0]); i++) {
        if (!spare[i].memory || spare[i].bytes != bytes) continue;
        memory = spare[i].memory;
        spare[i].memory = NULL;
        return memory;
    }
    if (posix_memalign(&memory, 4096, bytes)) {
        printf("Bail out! no memory\n");
        exit(1);
    }
    return memory;
}

/* Gives BYTES from page_memory() back. */
static void drop(void *memory, size_t bytes)
{
    bytes = bytes ? (bytes + 4095) & ~(size_t)4095 : 4096;
    if (cl.leak) return;
    for (size_t i = 0; i < sizeof(spare) / sizeof(spare[0]); i++) {
        if (spare[i].memory) continue;
        spare[i].memory = memory;
        spare[i].bytes = bytes;
        return;
    }
    free(memory);
}

static void release(cl_mem memory)
{
    if (memory && !cl.leak) CALL(clReleaseMemObject, memory);
}

static cl_mem buffer(cl_mem_flags flags, size_t bytes, void *host)
{
    cl_int error;
    cl_mem memory = clCreateBuffer(cl.context, flags, bytes, host, &error);

    good(error, "clCreateBuffer");
    return memory;
}

/* The bytes of a buffer, read through a queue and checked. */
static void check_through(cl_command_queue queue, cl_mem memory, size_t offset, size_t bytes, uint64_t seed,
                          const char *what)
{
    void *back = page_memory(bytes);

    memset(back, 0xee, bytes);
    if (CALL(clEnqueueReadBuffer, queue, memory, CL_TRUE, offset, bytes, back, 0, NULL, NULL))
        expect(painted(back, bytes, seed), what);
    drop(back, bytes);
}

static void check_contents(cl_mem memory, size_t offset, size_t bytes, uint64_t seed, const char *what)
{
    check_through(cl.data, memory, offset, bytes, seed, what);
}

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

/* A queue of the copy engine, or NULL. */
static cl_command_queue copy_queue(void)
{
    int family = copy_family();
    const cl_queue_properties properties[] = {CL_QUEUE_FAMILY_INTEL, (cl_queue_properties)family, CL_QUEUE_INDEX_INTEL,
                                              0, 0};

    return family < 0 ? NULL : clCreateCommandQueueWithProperties(cl.context, cl.device, properties, NULL);
}

/* ---- buffers ---- */

static void buffer_write_read(size_t bytes)
{
    cl_mem memory = buffer(CL_MEM_READ_WRITE, bytes, NULL);
    void *words = page_memory(bytes);

    paint(words, bytes, 1);
    CALL(clEnqueueWriteBuffer, cl.data, memory, CL_TRUE, 0, bytes, words, 0, NULL, NULL);
    check_contents(memory, 0, bytes, 1, "other bytes came back");
    release(memory);
    drop(words, bytes);
    report("buffer write and read", bytes);
}

static void buffer_copy(size_t bytes)
{
    cl_mem from = buffer(CL_MEM_READ_WRITE, bytes, NULL), to = buffer(CL_MEM_READ_WRITE, bytes, NULL);
    void *words = page_memory(bytes);

    paint(words, bytes, 2);
    CALL(clEnqueueWriteBuffer, cl.data, from, CL_TRUE, 0, bytes, words, 0, NULL, NULL);
    memset(words, 0, bytes);
    CALL(clEnqueueWriteBuffer, cl.data, to, CL_TRUE, 0, bytes, words, 0, NULL, NULL);
    CALL(clEnqueueCopyBuffer, cl.copy, from, to, 0, 0, bytes, 0, NULL, NULL);
    CALL(clFinish, cl.copy);
    check_contents(to, 0, bytes, 2, "the copy differs");
    check_contents(from, 0, bytes, 2, "the source changed");
    release(from);
    release(to);
    drop(words, bytes);
    report("buffer copy on the device", bytes);
}

/* An odd stretch from one odd place to another, with its neighbours left alone. */
static void buffer_copy_odd(size_t bytes)
{
    cl_mem from = buffer(CL_MEM_READ_WRITE, bytes, NULL), to = buffer(CL_MEM_READ_WRITE, bytes, NULL);
    uint8_t *words = page_memory(bytes), *back = page_memory(bytes);
    size_t length = bytes / 2 - 77;

    paint(words, bytes, 3);
    CALL(clEnqueueWriteBuffer, cl.data, from, CL_TRUE, 0, bytes, words, 0, NULL, NULL);
    memset(back, 0x11, bytes);
    CALL(clEnqueueWriteBuffer, cl.data, to, CL_TRUE, 0, bytes, back, 0, NULL, NULL);
    CALL(clEnqueueCopyBuffer, cl.copy, from, to, 13, 1031, length, 0, NULL, NULL);
    CALL(clFinish, cl.copy);
    CALL(clEnqueueReadBuffer, cl.data, to, CL_TRUE, 0, bytes, back, 0, NULL, NULL);
    expect(memcmp(back + 1031, words + 13, length) == 0, "the copy differs");
    expect(back[1030] == 0x11 && back[1031 + length] == 0x11 && back[0] == 0x11 && back[bytes - 1] == 0x11,
           "a neighbour changed");
    release(from);
    release(to);
    drop(words, bytes);
    drop(back, bytes);
    report("buffer copy at odd offsets", bytes);
}

static void buffer_transfer_on_device(size_t bytes)
{
    cl_mem memory = buffer(CL_MEM_READ_WRITE, bytes, NULL);
    uint8_t *words = page_memory(bytes), *back = page_memory(bytes);

    paint(words, bytes, 4);
    memset(back, 0, bytes);
    CALL(clEnqueueWriteBuffer, cl.copy, memory, CL_FALSE, 0, bytes, words, 0, NULL, NULL);
    CALL(clEnqueueReadBuffer, cl.copy, memory, CL_FALSE, 0, bytes, back, 0, NULL, NULL);
    CALL(clFinish, cl.copy);
    expect(painted(back, bytes, 4), "other bytes came back");
    release(memory);
    drop(words, bytes);
    drop(back, bytes);
    report("buffer write and read, not blocking", bytes);
}

static void buffer_rectangle(size_t bytes)
{
    enum { PITCH = 256, ROWS = 8 };
    cl_mem from = buffer(CL_MEM_READ_WRITE, bytes, NULL), to = buffer(CL_MEM_READ_WRITE, bytes, NULL);
    const size_t from_origin[3] = {3, 1, 0}, to_origin[3] = {40, 2, 0}, region[3] = {101, 5, 1};
    uint8_t *words = page_memory(bytes), *back = page_memory(bytes);
    bool same = true;

    paint(words, bytes, 5);
    memset(back, 0x22, bytes);
    CALL(clEnqueueWriteBuffer, cl.data, from, CL_TRUE, 0, bytes, words, 0, NULL, NULL);
    CALL(clEnqueueWriteBuffer, cl.data, to, CL_TRUE, 0, bytes, back, 0, NULL, NULL);
    CALL(clEnqueueCopyBufferRect, cl.copy, from, to, from_origin, to_origin, region, PITCH, PITCH * ROWS, PITCH,
         PITCH * ROWS, 0, NULL, NULL);
    CALL(clFinish, cl.copy);
    CALL(clEnqueueReadBuffer, cl.data, to, CL_TRUE, 0, bytes, back, 0, NULL, NULL);
    for (size_t row = 0; row < region[1]; row++)
        same &= memcmp(back + (row + 2) * PITCH + 40, words + (row + 1) * PITCH + 3, region[0]) == 0;
    expect(same, "the rectangle differs");
    expect(back[2 * PITCH + 39] == 0x22 && back[2 * PITCH + 141] == 0x22 && back[7 * PITCH + 40] == 0x22,
           "a neighbour changed");
    release(from);
    release(to);
    drop(words, bytes);
    drop(back, bytes);
    report("buffer rectangle copy", bytes);
}

static void buffer_map(size_t bytes)
{
    cl_mem memory = buffer(CL_MEM_READ_WRITE | CL_MEM_ALLOC_HOST_PTR, bytes, NULL);
    cl_int error;
    void *mapped =
        clEnqueueMapBuffer(cl.data, memory, CL_TRUE, CL_MAP_WRITE_INVALIDATE_REGION, 0, bytes, 0, NULL, NULL, &error);

    if (good(error, "clEnqueueMapBuffer")) {
        paint(mapped, bytes, 6);
        CALL(clEnqueueUnmapMemObject, cl.data, memory, mapped, 0, NULL, NULL);
        CALL(clFinish, cl.data);
        check_contents(memory, 0, bytes, 6, "what was written to the mapping is not there");
        mapped = clEnqueueMapBuffer(cl.data, memory, CL_TRUE, CL_MAP_READ, 0, bytes, 0, NULL, NULL, &error);
        if (good(error, "clEnqueueMapBuffer")) {
            expect(painted(mapped, bytes, 6), "the second mapping differs");
            CALL(clEnqueueUnmapMemObject, cl.data, memory, mapped, 0, NULL, NULL);
        }
        CALL(clFinish, cl.data);
    }
    release(memory);
    report("buffer map and unmap", bytes);
}

static void use_host(cl_command_queue queue, size_t bytes, size_t misaligned)
{
    uint8_t *base = page_memory(bytes + misaligned), *host = base + misaligned;
    cl_mem memory;
    cl_int error;
    void *mapped;

    paint(host, bytes, 7);
    memory = buffer(CL_MEM_READ_WRITE | CL_MEM_USE_HOST_PTR, bytes, host);
    check_through(queue, memory, 0, bytes, 7, "the host's bytes are not in the buffer");
    mapped = clEnqueueMapBuffer(queue, memory, CL_TRUE, CL_MAP_READ | CL_MAP_WRITE, 0, bytes, 0, NULL, NULL, &error);
    if (good(error, "clEnqueueMapBuffer")) {
        expect(mapped == host, "mapped elsewhere than the host's memory");
        expect(painted(mapped, bytes, 7), "the mapping differs");
        paint(mapped, bytes, 8);
        CALL(clEnqueueUnmapMemObject, queue, memory, mapped, 0, NULL, NULL);
        CALL(clFinish, queue);
        check_through(queue, memory, 0, bytes, 8, "what was written through the host's memory is not there");
    }
    release(memory);
    if (!cl.leak) expect(painted(host, bytes, 8), "the host's memory changed on release");
    drop(base, bytes + misaligned);
}

static void buffer_use_host(size_t bytes)
{
    use_host(cl.data, bytes, 0);
    report("USE_HOST_PTR", bytes);
}

/* The driver then keeps the buffer elsewhere, and every access to it is a copy. */
static void buffer_use_host_misaligned(size_t bytes)
{
    use_host(cl.copy, bytes, 56);
    report("USE_HOST_PTR, misaligned", bytes);
}

static void buffer_use_host_on_device(size_t bytes)
{
    uint8_t *host = page_memory(bytes), *words = page_memory(bytes);
    cl_mem memory = buffer(CL_MEM_READ_WRITE | CL_MEM_USE_HOST_PTR, bytes, host),
           from = buffer(CL_MEM_READ_WRITE, bytes, NULL);
    cl_int error;
    void *mapped;

    paint(words, bytes, 9);
    CALL(clEnqueueWriteBuffer, cl.data, from, CL_TRUE, 0, bytes, words, 0, NULL, NULL);
    CALL(clEnqueueCopyBuffer, cl.copy, from, memory, 0, 0, bytes, 0, NULL, NULL);
    CALL(clFinish, cl.copy);
    mapped = clEnqueueMapBuffer(cl.copy, memory, CL_TRUE, CL_MAP_READ, 0, bytes, 0, NULL, NULL, &error);
    if (good(error, "clEnqueueMapBuffer")) {
        expect(painted(host, bytes, 9), "the device did not write to the host's memory");
        CALL(clEnqueueUnmapMemObject, cl.copy, memory, mapped, 0, NULL, NULL);
        CALL(clFinish, cl.copy);
    }
    release(memory);
    release(from);
    drop(host, bytes);
    drop(words, bytes);
    report("USE_HOST_PTR, written by the device", bytes);
}

static void buffer_copy_host(size_t bytes)
{
    void *host = page_memory(bytes);
    cl_mem memory;

    paint(host, bytes, 10);
    memory = buffer(CL_MEM_READ_WRITE | CL_MEM_COPY_HOST_PTR, bytes, host);
    memset(host, 0, bytes);
    check_contents(memory, 0, bytes, 10, "the host's bytes were not copied");
    release(memory);
    drop(host, bytes);
    report("COPY_HOST_PTR", bytes);
}

static void sub_buffer(size_t bytes)
{
    cl_mem parent = buffer(CL_MEM_READ_WRITE, bytes, NULL), child;
    cl_buffer_region region = {bytes / 2, bytes / 4};
    void *words = page_memory(bytes);
    cl_int error;

    paint(words, bytes, 11);
    CALL(clEnqueueWriteBuffer, cl.data, parent, CL_TRUE, 0, bytes, words, 0, NULL, NULL);
    child = clCreateSubBuffer(parent, CL_MEM_READ_WRITE, CL_BUFFER_CREATE_TYPE_REGION, &region, &error);
    if (good(error, "clCreateSubBuffer")) {
        paint(words, region.size, 12);
        CALL(clEnqueueWriteBuffer, cl.data, child, CL_TRUE, 0, region.size, words, 0, NULL, NULL);
        check_contents(parent, region.origin, region.size, 12, "the parent does not show it");
        check_contents(parent, 0, region.origin, 11, "it wrote outside of its region");
        release(child);
    }
    release(parent);
    drop(words, bytes);
    report("sub-buffer", bytes);
}

static void sub_buffer_on_device(size_t bytes)
{
    cl_mem parent = buffer(CL_MEM_READ_WRITE, bytes, NULL), child;
    cl_buffer_region region = {bytes / 2, bytes / 2};
    void *words = page_memory(bytes);
    cl_int error;

    paint(words, bytes / 2, 13);
    CALL(clEnqueueWriteBuffer, cl.data, parent, CL_TRUE, 0, bytes / 2, words, 0, NULL, NULL);
    child = clCreateSubBuffer(parent, CL_MEM_READ_WRITE, CL_BUFFER_CREATE_TYPE_REGION, &region, &error);
    if (good(error, "clCreateSubBuffer")) {
        CALL(clEnqueueCopyBuffer, cl.copy, parent, child, 0, 0, region.size, 0, NULL, NULL);
        CALL(clFinish, cl.copy);
        check_contents(parent, region.origin, region.size, 13, "the copy into it differs");
        release(child);
    }
    release(parent);
    drop(words, bytes);
    report("sub-buffer as target of a copy", bytes);
}

/* ---- shared virtual memory ---- */

static bool has_svm(cl_device_svm_capabilities wanted)
{
    cl_device_svm_capabilities svm = 0;

    return clGetDeviceInfo(cl.device, CL_DEVICE_SVM_CAPABILITIES, sizeof(svm), &svm, NULL) == CL_SUCCESS &&
           svm & wanted;
}

static void svm_coarse(size_t bytes)
{
    void *from = clSVMAlloc(cl.context, CL_MEM_READ_WRITE, bytes, 0),
         *to = clSVMAlloc(cl.context, CL_MEM_READ_WRITE, bytes, 0);

    if (expect(from && to, "clSVMAlloc")) {
        CALL(clEnqueueSVMMap, cl.data, CL_TRUE, CL_MAP_WRITE, from, bytes, 0, NULL, NULL);
        paint(from, bytes, 14);
        CALL(clEnqueueSVMUnmap, cl.data, from, 0, NULL, NULL);
        CALL(clFinish, cl.data);
        if (cl.copy) {
            CALL(clEnqueueSVMMemcpy, cl.copy, CL_TRUE, to, from, bytes, 0, NULL, NULL);
            CALL(clEnqueueSVMMap, cl.data, CL_TRUE, CL_MAP_READ, to, bytes, 0, NULL, NULL);
            expect(painted(to, bytes, 14), "the copy differs");
            CALL(clEnqueueSVMUnmap, cl.data, to, 0, NULL, NULL);
        }
        CALL(clEnqueueSVMMap, cl.data, CL_TRUE, CL_MAP_READ, from, bytes, 0, NULL, NULL);
        expect(painted(from, bytes, 14), "the source changed");
        CALL(clEnqueueSVMUnmap, cl.data, from, 0, NULL, NULL);
        CALL(clFinish, cl.data);
    }
    if (!cl.leak) {
        clSVMFree(cl.context, from);
        clSVMFree(cl.context, to);
    }
    report("SVM, coarse grained", bytes);
}

static void svm_fine(size_t bytes)
{
    cl_svm_mem_flags flags = CL_MEM_READ_WRITE | CL_MEM_SVM_FINE_GRAIN_BUFFER;
    void *from, *to;

    if (!has_svm(CL_DEVICE_SVM_FINE_GRAIN_BUFFER) || !cl.copy) {
        tap_skip("SVM, fine grained", "not supported, or no queue for the copy engine");
        return;
    }
    from = clSVMAlloc(cl.context, flags, bytes, 0);
    to = clSVMAlloc(cl.context, flags, bytes, 0);
    if (expect(from && to, "clSVMAlloc")) {
        paint(from, bytes, 15);
        memset(to, 0, bytes);
        CALL(clEnqueueSVMMemcpy, cl.copy, CL_FALSE, to, from, bytes, 0, NULL, NULL);
        CALL(clFinish, cl.copy);
        expect(painted(to, bytes, 15), "the copy differs");
    }
    if (!cl.leak) {
        clSVMFree(cl.context, from);
        clSVMFree(cl.context, to);
    }
    report("SVM, fine grained", bytes);
}

/* ---- images ---- */

static const cl_image_format rgba8 = {CL_RGBA, CL_UNSIGNED_INT8};

static cl_mem image(const cl_image_desc *description, cl_mem_flags flags, void *host)
{
    cl_int error;
    cl_mem memory = clCreateImage(cl.context, flags, &rgba8, description, host, &error);

    good(error, "clCreateImage");
    return memory;
}

/* Maps all of an image on the queue and paints or checks each row of it. */
static void image_rows(cl_command_queue queue, cl_mem memory, const cl_image_desc *description, bool write,
                       uint64_t seed)
{
    const size_t origin[3] = {0, 0, 0};
    size_t rows = description->image_height ? description->image_height : 1;
    const size_t region[3] = {description->image_width, rows, 1};
    size_t pitch = 0, row_bytes = description->image_width * 4;
    cl_int error;
    uint8_t *mapped = clEnqueueMapImage(queue, memory, CL_TRUE, write ? CL_MAP_WRITE : CL_MAP_READ, origin, region,
                                        &pitch, NULL, 0, NULL, NULL, &error);

    if (!good(error, "clEnqueueMapImage")) return;
    for (size_t row = 0; row < rows; row++) {
        if (write)
            paint(mapped + row * pitch, row_bytes, seed + row);
        else
            expect(painted(mapped + row * pitch, row_bytes, seed + row), "a row differs");
    }
    CALL(clEnqueueUnmapMemObject, queue, memory, mapped, 0, NULL, NULL);
    CALL(clFinish, queue);
}

static void image_of_one_dimension(void)
{
    cl_image_desc description = {.image_type = CL_MEM_OBJECT_IMAGE1D, .image_width = 4096};
    cl_mem memory = image(&description, CL_MEM_READ_WRITE, NULL);

    image_rows(cl.data, memory, &description, true, 20);
    image_rows(cl.data, memory, &description, false, 20);
    release(memory);
    report("1D image map and unmap", 0);
}

/* An image over a buffer is linear, so what is in the one must be in the other. */
static void image_of_buffer(void)
{
    size_t bytes = 256 * 1024;
    cl_mem memory = buffer(CL_MEM_READ_WRITE, bytes, NULL), other = buffer(CL_MEM_READ_WRITE, bytes, NULL), view;
    cl_image_desc description = {.image_type = CL_MEM_OBJECT_IMAGE2D,
                                 .image_width = 256,
                                 .image_height = 256,
                                 .image_row_pitch = 1024};
    uint8_t *words = page_memory(bytes);

    for (size_t row = 0; row < 256; row++) paint(words + row * 1024, 1024, 30 + row);
    CALL(clEnqueueWriteBuffer, cl.data, other, CL_TRUE, 0, bytes, words, 0, NULL, NULL);
    CALL(clEnqueueCopyBuffer, cl.copy, other, memory, 0, 0, bytes, 0, NULL, NULL);
    CALL(clFinish, cl.copy);
    description.mem_object = memory;
    view = image(&description, CL_MEM_READ_WRITE, NULL);
    image_rows(cl.data, view, &description, false, 30);
    image_rows(cl.data, view, &description, true, 50);
    CALL(clEnqueueReadBuffer, cl.data, memory, CL_TRUE, 0, bytes, words, 0, NULL, NULL);
    for (size_t row = 0; row < 256; row++)
        expect(painted(words + row * 1024, 1024, 50 + row), "the buffer does not show a row");
    release(view);
    release(memory);
    release(other);
    drop(words, bytes);
    report("2D image over a buffer", 0);
}

/* Written and read through mappings on the copy engine's queue. */
static void image_of_two_dimensions(void)
{
    cl_image_desc description = {.image_type = CL_MEM_OBJECT_IMAGE2D, .image_width = 200, .image_height = 100};
    cl_mem memory = image(&description, CL_MEM_READ_WRITE, NULL);

    image_rows(cl.copy, memory, &description, true, 60);
    image_rows(cl.copy, memory, &description, false, 60);
    release(memory);
    report("2D image map and unmap", 0);
}

/* On the queue that runs kernels these are kernels: they must come to an end. */
static void image_transfers_complete(void)
{
    cl_image_desc description = {.image_type = CL_MEM_OBJECT_IMAGE2D, .image_width = 512, .image_height = 256};
    const size_t origin[3] = {0, 0, 0}, region[3] = {512, 256, 1};
    cl_mem from = image(&description, CL_MEM_READ_WRITE, NULL), to = image(&description, CL_MEM_READ_WRITE, NULL);
    size_t bytes = 512 * 256 * 4;
    void *words = page_memory(bytes);

    paint(words, bytes, 70);
    CALL(clEnqueueWriteImage, cl.queue, from, CL_TRUE, origin, region, 0, 0, words, 0, NULL, NULL);
    CALL(clEnqueueCopyImage, cl.queue, from, to, origin, origin, region, 0, NULL, NULL);
    CALL(clEnqueueReadImage, cl.queue, to, CL_TRUE, origin, region, 0, 0, words, 0, NULL, NULL);
    CALL(clFinish, cl.queue);
    release(from);
    release(to);
    drop(words, bytes);
    report("2D image write, copy and read complete", 0);
}

/* ---- events and kernels ---- */

static cl_int status_of(cl_event event)
{
    cl_int status = -1;

    CALL(clGetEventInfo, event, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof(status), &status, NULL);
    return status;
}

static void CL_CALLBACK on_complete(cl_event event, cl_int status, void *data)
{
    (void)event;
    atomic_store((atomic_int *)data, status == CL_COMPLETE ? 1 : -1);
}

static void forget(cl_event event)
{
    if (event && !cl.leak) CALL(clReleaseEvent, event);
}

/* A copy that waits for a user event, and a second one that waits for the first, on the other queue. */
static void events_order_commands(void)
{
    size_t bytes = 1 << 20;
    cl_mem a = buffer(CL_MEM_READ_WRITE, bytes, NULL), b = buffer(CL_MEM_READ_WRITE, bytes, NULL),
           c = buffer(CL_MEM_READ_WRITE, bytes, NULL);
    void *words = page_memory(bytes);
    atomic_int called = 0;
    cl_event gate, first = NULL, second = NULL;
    cl_int error;

    paint(words, bytes, 80);
    CALL(clEnqueueWriteBuffer, cl.data, a, CL_TRUE, 0, bytes, words, 0, NULL, NULL);
    gate = clCreateUserEvent(cl.context, &error);
    good(error, "clCreateUserEvent");
    CALL(clEnqueueCopyBuffer, cl.copy, a, b, 0, 0, bytes, 1, &gate, &first);
    CALL(clEnqueueCopyBuffer, cl.copy, b, c, 0, 0, bytes, 1, &first, &second);
    CALL(clSetEventCallback, second, CL_COMPLETE, on_complete, &called);
    CALL(clFlush, cl.copy);
    expect(status_of(first) > CL_COMPLETE && status_of(second) > CL_COMPLETE, "a command ran before its gate opened");
    CALL(clSetUserEventStatus, gate, CL_COMPLETE);
    CALL(clWaitForEvents, 1, &second);
    expect(status_of(first) == CL_COMPLETE && status_of(second) == CL_COMPLETE, "a finished command does not say so");
    for (int i = 0; i < 2000 && atomic_load(&called) == 0; i++) usleep(1000);
    expect(atomic_load(&called) == 1, "the callback was not called");
    check_contents(c, 0, bytes, 80, "the second copy did not wait for the first");
    forget(gate);
    forget(first);
    forget(second);
    release(a);
    release(b);
    release(c);
    drop(words, bytes);
    report("events: gate, order, callback", 0);
}

static void events_profile(void)
{
    static const cl_profiling_info moments[4] = {CL_PROFILING_COMMAND_QUEUED, CL_PROFILING_COMMAND_SUBMIT,
                                                 CL_PROFILING_COMMAND_START, CL_PROFILING_COMMAND_END};
    const cl_queue_properties properties[] = {CL_QUEUE_PROPERTIES, CL_QUEUE_PROFILING_ENABLE, 0};
    cl_ulong times[4] = {0};
    cl_int error;
    cl_event event = NULL;
    cl_command_queue queue = clCreateCommandQueueWithProperties(cl.context, cl.device, properties, &error);

    if (good(error, "clCreateCommandQueueWithProperties") &&
        CALL(clEnqueueMarkerWithWaitList, queue, 0, NULL, &event)) {
        CALL(clFinish, queue);
        for (int i = 0; i < 4; i++) CALL(clGetEventProfilingInfo, event, moments[i], sizeof(times[i]), &times[i], NULL);
        expect(times[0] != 0 && times[0] <= times[1], "submitted before queued");
        expect(times[2] <= times[3], "ended before started");
        forget(event);
    }
    if (!cl.leak) CALL(clReleaseCommandQueue, queue);
    report("events: profiling", 0);
}

static void queues_empty(void)
{
    cl_event event = NULL;

    CALL(clEnqueueMarkerWithWaitList, cl.queue, 0, NULL, &event);
    CALL(clEnqueueBarrierWithWaitList, cl.queue, 0, NULL, NULL);
    CALL(clFlush, cl.queue);
    CALL(clFinish, cl.queue);
    expect(event && status_of(event) == CL_COMPLETE, "a marker is not complete after clFinish");
    forget(event);
    report("marker, barrier, flush and finish", 0);
}

static void kernels_complete(void)
{
    static const char *source = "kernel void twice(global uint *x) { x[get_global_id(0)] *= 2; }";
    cl_mem memory = buffer(CL_MEM_READ_WRITE, 4096, NULL);
    size_t items = 1024;
    cl_event event = NULL;
    cl_int error;
    cl_program program = clCreateProgramWithSource(cl.context, 1, &source, NULL, &error);
    cl_kernel kernel = NULL;

    good(error, "clCreateProgramWithSource");
    if (CALL(clBuildProgram, program, 1, &cl.device, NULL, NULL, NULL)) {
        kernel = clCreateKernel(program, "twice", &error);
        good(error, "clCreateKernel");
        CALL(clSetKernelArg, kernel, 0, sizeof(memory), &memory);
        CALL(clEnqueueNDRangeKernel, cl.queue, kernel, 1, NULL, &items, NULL, 0, NULL, &event);
        CALL(clFinish, cl.queue);
        expect(event && status_of(event) == CL_COMPLETE, "the kernel is not complete after clFinish");
        forget(event);
        if (!cl.leak) CALL(clReleaseKernel, kernel);
    }
    if (!cl.leak) CALL(clReleaseProgram, program);
    release(memory);
    report("a kernel is built and completes", 0);
}

static void fill_completes(void)
{
    const uint32_t value = 0x12345678;
    cl_mem memory = buffer(CL_MEM_READ_WRITE, 65536, NULL);

    CALL(clEnqueueFillBuffer, cl.queue, memory, &value, sizeof(value), 0, 65536, 0, NULL, NULL);
    CALL(clFinish, cl.queue);
    release(memory);
    report("a buffer fill completes", 0);
}

/* Many small buffers at once, released in another order than made. */
static void many_buffers(void)
{
    enum { COUNT = 500 };
    static cl_mem memories[COUNT];
    uint64_t word;

    for (uint64_t i = 0; i < COUNT; i++) {
        memories[i] = buffer(CL_MEM_READ_WRITE, 4096 + 64 * i, NULL);
        word = mix(i);
        CALL(clEnqueueWriteBuffer, cl.data, memories[i], CL_TRUE, 4088, 8, &word, 0, NULL, NULL);
    }
    for (uint64_t i = 0; i < COUNT; i++) {
        CALL(clEnqueueReadBuffer, cl.data, memories[i], CL_TRUE, 4088, 8, &word, 0, NULL, NULL);
        expect(word == mix(i), "a buffer holds another one's bytes");
    }
    for (uint64_t i = 0; i < COUNT; i++) release(memories[i * 7 % COUNT]);
    report("500 buffers at once", 0);
}

/* What one of several threads does: buffers of its own, copied on a queue of its own. */
static bool work_alone(cl_command_queue queue, uint64_t seed)
{
    size_t bytes = 65536 + 4096 * (seed % 7);
    void *words = malloc(bytes), *back = malloc(bytes);
    cl_mem from = clCreateBuffer(cl.context, CL_MEM_READ_WRITE, bytes, NULL, NULL);
    cl_mem to = clCreateBuffer(cl.context, CL_MEM_READ_WRITE, bytes, NULL, NULL);
    bool right = from && to && words && back;

    if (words) paint(words, bytes, seed);
    right &= clEnqueueWriteBuffer(queue, from, CL_FALSE, 0, bytes, words, 0, NULL, NULL) == CL_SUCCESS;
    right &= clEnqueueCopyBuffer(queue, from, to, 0, 0, bytes, 0, NULL, NULL) == CL_SUCCESS;
    right &= clEnqueueReadBuffer(queue, to, CL_TRUE, 0, bytes, back, 0, NULL, NULL) == CL_SUCCESS;
    right = right && painted(back, bytes, seed);
    clReleaseMemObject(from);
    clReleaseMemObject(to);
    free(words);
    free(back);
    return right;
}

static void *thread_main(void *argument)
{
    uint64_t number = (uintptr_t)argument, wrong = 0;
    cl_command_queue queue = copy_queue();

    for (uint64_t round = 0; queue && round < 40; round++) wrong += !work_alone(queue, number * 1000 + round);
    if (queue) clReleaseCommandQueue(queue);
    return (void *)(uintptr_t)(queue ? wrong : 1);
}

static void threads_work_apart(void)
{
    enum { COUNT = 4 };
    pthread_t threads[COUNT];
    void *wrong;

    for (uintptr_t i = 0; i < COUNT; i++)
        if (!expect(pthread_create(&threads[i], NULL, thread_main, (void *)i) == 0, "pthread_create")) exit(1);
    for (int i = 0; i < COUNT; i++) {
        pthread_join(threads[i], &wrong);
        expect(!wrong, "a thread read other bytes than it wrote");
    }
    report("four threads at once", 0);
}

/* ---- the run ---- */

/* On such a device the driver moves contents with the CPU, on any queue; otherwise the device does. */
static bool has_one_memory(void)
{
    cl_bool unified = CL_TRUE;

    CALL(clGetDeviceInfo, cl.device, CL_DEVICE_HOST_UNIFIED_MEMORY, sizeof(unified), &unified, NULL);
    return unified;
}

static bool open_device(void)
{
    cl_platform_id platforms[16];
    cl_uint count = 0;
    cl_int error;

    if (clGetPlatformIDs(16, platforms, &count) != CL_SUCCESS) return false;
    for (cl_uint i = 0; i < count && i < 16 && !cl.device; i++)
        if (clGetDeviceIDs(platforms[i], CL_DEVICE_TYPE_GPU, 1, &cl.device, NULL) != CL_SUCCESS) cl.device = NULL;
    if (!cl.device) return false;
    cl.context = clCreateContext(NULL, 1, &cl.device, NULL, NULL, &error);
    if (error != CL_SUCCESS) return false;
    cl.queue = clCreateCommandQueueWithProperties(cl.context, cl.device, NULL, &error);
    if (error != CL_SUCCESS) return false;
    cl.copy = copy_queue();
    cl.one_memory = has_one_memory();
    cl.data = cl.copy && !cl.one_memory ? cl.copy : cl.queue;
    return true;
}

static void with_size(size_t bytes)
{
    static void (*const by_device[])(size_t) = {
        buffer_copy,          buffer_copy_odd,           buffer_transfer_on_device,
        buffer_rectangle,     buffer_use_host_on_device, buffer_use_host_misaligned,
        sub_buffer_on_device,
    };

    buffer_write_read(bytes);
    buffer_map(bytes);
    buffer_use_host(bytes);
    buffer_copy_host(bytes);
    sub_buffer(bytes);
    svm_coarse(bytes);
    if (cl.one_memory) svm_fine(bytes); /* the runtime moves a card's with kernels when the CPU looks at it */
    for (size_t i = 0; i < sizeof(by_device) / sizeof(by_device[0]); i++) {
        if (cl.copy)
            by_device[i](bytes);
        else
            tap_skip("copies on the device", "no queue for the copy engine");
    }
}

static void without_size(void)
{
    image_of_one_dimension();
    image_transfers_complete();
    events_profile();
    queues_empty();
    kernels_complete();
    fill_completes();
    many_buffers();
    if (cl.copy) {
        image_of_buffer();
        image_of_two_dimensions();
        events_order_commands();
        threads_work_apart();
    } else {
        tap_skip("images and events on the device", "no queue for the copy engine");
    }
}

static void close_device(void)
{
    if (cl.leak) return;
    if (cl.copy) CALL(clReleaseCommandQueue, cl.copy);
    CALL(clReleaseCommandQueue, cl.queue);
    CALL(clReleaseContext, cl.context);
    report("queues and context are released", 0);
}

int main(int argc, char **argv)
{
    bool any_size = false;

    tap_start(600);
    for (int i = 1; i < argc; i++) cl.leak |= strcmp(argv[i], "--leak") == 0;
    if (!open_device()) {
        printf("1..0 # SKIP no OpenCL GPU device\n");
        return 0;
    }
    for (int i = 1; i < argc; i++) {
        size_t bytes = tap_size(argv[i]);

        if (strcmp(argv[i], "--leak") == 0) continue;
        if (bytes < 4096) {
            fprintf(stderr, "opencl_matrix: '%s' is no size of 4096 bytes or more\n", argv[i]);
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
