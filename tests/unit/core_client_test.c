/* SPDX-License-Identifier: MIT */
/*
 * What a kernel keeps apart, and within limits, when its processes live elsewhere: they have endpoints here that reach
 * nobody.
 */
#include "core_fixture.h"

static void drop(const struct udxg_endpoint *endpoint, const struct udxg_notification *notification)
{
    (void)endpoint;
    (void)notification;
}

static struct udxg_endpoint endpoint_of(uint32_t uid)
{
    static uint32_t last_pid = 1000;

    return (struct udxg_endpoint){.memory = UDXG_FOREIGN_NONE, .pid = ++last_pid, .uid = uid, .notify = drop};
}

static struct udxg_process *make_client(struct udxg_kernel *kernel, const struct udxg_endpoint *endpoint)
{
    struct udxg_process *process;

    assert_int_equal(udxg_process_create(kernel, endpoint, &process), STATUS_SUCCESS);
    udxg_process_introduce(process, endpoint->uid, "client");
    return process;
}

/* ---- users ---- */

static D3DKMT_HANDLE share_fence(const struct gpu *g, bool nt, D3DKMT_HANDLE *ret_global)
{
    D3DKMT_CREATESYNCHRONIZATIONOBJECT2 args = {.hDevice = g->device};

    args.Info.Type = D3DDDI_MONITORED_FENCE;
    args.Info.Flags.Shared = 1;
    args.Info.Flags.NtSecuritySharing = nt;
    if (!nt) args.Info.Type = D3DDDI_FENCE;
    DO(g->process, CreateSynchronizationObject2, &args);
    *ret_global = args.Info.SharedHandle;
    return args.hSyncObject;
}

static udxg_status share_named(const struct gpu *g, D3DKMT_HANDLE object, int *ret_fd)
{
    static const uint16_t text[] = u"\\BaseNamedObjects\\one of two";
    UNICODE_STRING name = {sizeof text - 2, sizeof text, (uint16_t *)text};
    OBJECT_ATTRIBUTES attributes = {.Length = sizeof attributes, .ObjectName = &name};
    HANDLE handle;
    D3DKMT_SHAREOBJECTS args = {.ObjectCount = 1,
                                .ObjectHandleArray = &object,
                                .pObjectAttributes = &attributes,
                                .DesiredAccess = GENERIC_ALL,
                                .pSharedNtHandle = &handle};
    udxg_status status = CALL(g->process, ShareObjects, &args);

    if (!udxg_failed(status)) *ret_fd = (int)(intptr_t)handle;
    return status;
}

static udxg_status open_named(struct udxg_process *process, int *ret_fd)
{
    static const uint16_t text[] = u"\\BaseNamedObjects\\ONE of two";
    UNICODE_STRING name = {sizeof text - 2, sizeof text, (uint16_t *)text};
    OBJECT_ATTRIBUTES attributes = {.Length = sizeof attributes, .ObjectName = &name};
    D3DKMT_OPENSYNCOBJECTNTHANDLEFROMNAME args = {.dwDesiredAccess = GENERIC_ALL, .pObjAttrib = &attributes};
    udxg_status status = CALL(process, OpenSyncObjectNtHandleFromName, &args);

    if (!udxg_failed(status)) *ret_fd = (int)(intptr_t)args.hNtHandle;
    return status;
}

/* One user's processes share a namespace, in which nobody else's are. */
static void names_belong_to_a_user(void **state)
{
    const struct udxg_endpoint at[] = {endpoint_of(1), endpoint_of(2), endpoint_of(1)};
    struct udxg_kernel *kernel = make_kernel("soft-discrete");
    struct udxg_process *mine = make_client(kernel, &at[0]), *theirs = make_client(kernel, &at[1]),
                        *too = make_client(kernel, &at[2]), *here = make_process(kernel);
    struct gpu g = open_gpu(mine), h = open_gpu(theirs);
    D3DKMT_HANDLE global;
    int fd, other, again;

    (void)state;
    assert_int_equal(share_named(&g, share_fence(&g, true, &global), &fd), STATUS_SUCCESS);
    assert_int_equal(open_named(theirs, &other), STATUS_OBJECT_NAME_NOT_FOUND);
    assert_int_equal(open_named(here, &other), STATUS_OBJECT_NAME_NOT_FOUND);
    assert_int_equal(open_named(too, &other), STATUS_SUCCESS);
    close(other);
    assert_int_equal(share_named(&h, share_fence(&h, true, &global), &other), STATUS_SUCCESS); /* no collision */
    assert_int_equal(share_named(&g, share_fence(&g, true, &global), &again), STATUS_OBJECT_NAME_COLLISION);
    close(fd);
    assert_int_equal(open_named(too, &again), STATUS_OBJECT_NAME_NOT_FOUND);
    assert_int_equal(open_named(theirs, &again), STATUS_SUCCESS);
    close(again);
    close(other);
    udxg_process_destroy(mine);
    udxg_process_destroy(theirs);
    udxg_process_destroy(too);
    udxg_process_destroy(here);
    udxg_kernel_destroy(kernel);
}

static void global_handles_belong_to_a_user(void **state)
{
    const struct udxg_endpoint at[] = {endpoint_of(1), endpoint_of(2), endpoint_of(1)};
    struct udxg_kernel *kernel = make_kernel("soft-discrete");
    struct udxg_process *mine = make_client(kernel, &at[0]), *theirs = make_client(kernel, &at[1]),
                        *too = make_client(kernel, &at[2]);
    struct gpu g = open_gpu(mine);
    D3DKMT_OPENSYNCHRONIZATIONOBJECT open = {0};

    (void)state;
    (void)share_fence(&g, false, &open.hSharedHandle);
    assert_int_not_equal(open.hSharedHandle, 0);
    assert_int_equal(CALL(theirs, OpenSynchronizationObject, &open), STATUS_INVALID_PARAMETER);
    assert_int_equal(CALL(too, OpenSynchronizationObject, &open), STATUS_SUCCESS);
    udxg_process_destroy(mine);
    udxg_process_destroy(theirs);
    udxg_process_destroy(too);
    udxg_kernel_destroy(kernel);
}

/* A descriptor is a right by itself, whoever has it. */
static void descriptors_cross(void **state)
{
    const struct udxg_endpoint at[] = {endpoint_of(1), endpoint_of(2)};
    struct udxg_kernel *kernel = make_kernel("soft-discrete");
    struct udxg_process *mine = make_client(kernel, &at[0]), *theirs = make_client(kernel, &at[1]);
    struct gpu g = open_gpu(mine), h = open_gpu(theirs);
    D3DKMT_OPENSYNCOBJECTFROMNTHANDLE2 open = {.hDevice = h.device};
    D3DKMT_HANDLE global;
    int fd;

    (void)state;
    assert_int_equal(share_named(&g, share_fence(&g, true, &global), &fd), STATUS_SUCCESS);
    open.hNtHandle = (HANDLE)(intptr_t)fd;
    DO(theirs, OpenSyncObjectFromNtHandle2, &open);
    close(fd);
    udxg_process_destroy(mine);
    udxg_process_destroy(theirs);
    udxg_kernel_destroy(kernel);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_belong_to_a_user),
        cmocka_unit_test(global_handles_belong_to_a_user),
        cmocka_unit_test(descriptors_cross),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
