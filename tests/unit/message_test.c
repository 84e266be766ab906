/* SPDX-License-Identifier: MIT */
/*
 * Calls as messages: what is put into one comes out on the other side as the same arguments, outputs find their way
 * back, and a message that is anything else than its row says is refused whole, wherever it is wrong.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "abi/carry.h"
#include "base/os.h"

#define MESSAGE_BYTES 65536u

/* A client's frame, the message that it makes, and the kernel's frame. */
struct passage {
    struct udxg_frame client, kernel;
    void *client_args, *kernel_args;
    struct udxg_message message;
    _Alignas(16) unsigned char bytes[MESSAGE_BYTES];
};

static void send(struct passage *passage, enum udxg_thunk_id id, const void *args)
{
    assert_int_equal(udxg_thunk_enter(id, args, &passage->client, &passage->client_args), STATUS_SUCCESS);
    passage->message = (struct udxg_message){passage->bytes, udxg_thunk_message_bytes(&passage->client)};
    assert_true(passage->message.size_bytes <= MESSAGE_BYTES);
    memset(passage->bytes, 0xa5, sizeof passage->bytes); /* what an earlier call left */
    udxg_thunk_put_message(&passage->client, passage->bytes);
    assert_int_equal(udxg_thunk_enter_message(id, &passage->message, &passage->kernel, &passage->kernel_args),
                     STATUS_SUCCESS);
}

static void reply(struct passage *passage, udxg_status status)
{
    assert_int_equal(udxg_thunk_leave(&passage->kernel, status), status);
    udxg_thunk_take_message(&passage->client, passage->bytes);
    assert_int_equal(udxg_thunk_leave(&passage->client, status), status);
}

struct creation {
    D3DKMT_CREATEALLOCATION args;
    D3DDDI_ALLOCATIONINFO2 infos[3];
    char runtime[5], driver[7], data[3][40];
};

static void fill(struct creation *c)
{
    memset(c, 0, sizeof *c);
    c->args.hDevice = 0x40000040;
    c->args.NumAllocations = 3;
    c->args.pAllocationInfo2 = c->infos;
    c->args.pPrivateRuntimeData = c->runtime;
    c->args.PrivateRuntimeDataSize = sizeof c->runtime;
    c->args.pPrivateDriverData = c->driver;
    c->args.PrivateDriverDataSize = sizeof c->driver;
    memcpy(c->runtime, "abcde", sizeof c->runtime);
    memcpy(c->driver, "ABCDEFG", sizeof c->driver);
    for (unsigned i = 0; i < 3; i++) {
        c->infos[i].pPrivateDriverData = c->data[i];
        c->infos[i].PrivateDriverDataSize = 10 * (i + 1);
        memset(c->data[i], 'a' + (int)i, sizeof c->data[i]);
    }
}

static void arguments_arrive_and_outputs_return(void **state)
{
    (void)state;
    static struct passage passage;
    struct creation c;
    fill(&c);
    send(&passage, UDXG_THUNK_CreateAllocation2, &c.args);

    D3DKMT_CREATEALLOCATION *seen = passage.kernel_args;
    assert_int_equal(seen->hDevice, c.args.hDevice);
    assert_int_equal(seen->NumAllocations, 3);
    assert_memory_equal(seen->pPrivateRuntimeData, "abcde", 5);
    assert_memory_equal(seen->pPrivateDriverData, "ABCDEFG", 7);
    for (unsigned i = 0; i < 3; i++) {
        assert_memory_equal(seen->pAllocationInfo2[i].pPrivateDriverData, c.data[i], 10 * (i + 1));
        seen->pAllocationInfo2[i].hAllocation = 0x80000000u + 64 * i;
        memset(seen->pAllocationInfo2[i].pPrivateDriverData, 'x', 10 * (i + 1));
    }
    seen->hResource = 0xc0000040;
    reply(&passage, STATUS_SUCCESS);
    assert_int_equal(c.args.hResource, 0xc0000040);
    assert_ptr_equal(c.args.pAllocationInfo2, c.infos);
    assert_ptr_equal(c.args.pPrivateRuntimeData, c.runtime);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(c.infos[i].hAllocation, 0x80000000u + 64 * i);
        assert_ptr_equal(c.infos[i].pPrivateDriverData, c.data[i]);
        for (unsigned j = 0; j < sizeof c.data[i]; j++)
            assert_int_equal(c.data[i][j], j < 10 * (i + 1) ? 'x' : 'a' + i);
    }
}

static void a_failure_writes_nothing(void **state)
{
    (void)state;
    static struct passage passage;
    struct creation c, before;
    fill(&c);
    memcpy(&before, &c, sizeof c);
    before.args.pAllocationInfo2 = c.infos;
    send(&passage, UDXG_THUNK_CreateAllocation2, &c.args);
    ((D3DKMT_CREATEALLOCATION *)passage.kernel_args)->hResource = 0xc0000040;
    reply(&passage, STATUS_NO_MEMORY);
    assert_memory_equal(&c, &before, sizeof c);
}

/* The kernel's own addresses stay with it: what it writes into the message are outputs alone. */
static void no_address_of_the_kernel_leaves(void **state)
{
    (void)state;
    static struct passage passage;
    struct creation c;
    fill(&c);
    send(&passage, UDXG_THUNK_CreateAllocation2, &c.args);
    uintptr_t low = (uintptr_t)&passage.kernel, high = low + sizeof passage.kernel;
    assert_int_equal(udxg_thunk_leave(&passage.kernel, STATUS_SUCCESS), STATUS_SUCCESS);
    for (uint32_t at = 0; at + 8 <= passage.message.size_bytes; at += 8) {
        uint64_t value;
        memcpy(&value, passage.bytes + at, 8);
        assert_false(value >= low && value < high);
    }
    assert_int_equal(udxg_thunk_leave(&passage.client, STATUS_NO_MEMORY), STATUS_NO_MEMORY);
}

static void addresses_inside_of_a_buffer(void **state)
{
    (void)state;
    static struct passage passage;
    char total[64] = {0};
    D3DDDI_OPENALLOCATIONINFO2 info = {0};
    D3DKMT_OPENRESOURCE args = {.hDevice = 0x40000040,
                                .hGlobalShare = 0x40000082,
                                .NumAllocations = 1,
                                .pOpenAllocationInfo2 = &info,
                                .TotalPrivateDriverDataBufferSize = sizeof total,
                                .pTotalPrivateDriverDataBuffer = total};
    send(&passage, UDXG_THUNK_OpenResource2, &args);
    D3DKMT_OPENRESOURCE *seen = passage.kernel_args;
    seen->pOpenAllocationInfo2[0].pPrivateDriverData = (char *)seen->pTotalPrivateDriverDataBuffer + 24;
    seen->pOpenAllocationInfo2[0].PrivateDriverDataSize = 8;
    reply(&passage, STATUS_SUCCESS);
    assert_ptr_equal(info.pPrivateDriverData, total + 24);
}

/* What is only written is zero before: neither the sender's bytes nor what was in our memory. */
static void outputs_begin_as_zeros(void **state)
{
    (void)state;
    static struct passage passage;
    D3DDDI_OPENALLOCATIONINFO2 infos[3] = {0}, zeros[3];
    D3DKMT_OPENRESOURCE args = {.hDevice = 0x40000040,
                                .hGlobalShare = 0x40000082,
                                .NumAllocations = 3,
                                .pOpenAllocationInfo2 = infos};
    memset(&passage, 0x77, sizeof passage);
    memset(zeros, 0, sizeof zeros);
    send(&passage, UDXG_THUNK_OpenResource2, &args);
    const D3DKMT_OPENRESOURCE *seen = passage.kernel_args;
    assert_memory_equal(seen->pOpenAllocationInfo2, zeros, sizeof zeros);
    reply(&passage, STATUS_NO_MEMORY);
}

/* Every size but the right one is refused, whatever the bytes are. */
static void sizes_are_exact(void **state)
{
    (void)state;
    static struct passage passage;
    static struct udxg_frame frame;
    struct creation c;
    void *args;
    fill(&c);
    send(&passage, UDXG_THUNK_CreateAllocation2, &c.args);
    assert_int_equal(udxg_thunk_leave(&passage.kernel, STATUS_NO_MEMORY), STATUS_NO_MEMORY);
    for (uint32_t size = 0; size < passage.message.size_bytes + 64; size++) {
        /* At the end of memory of its own, so that a byte too far is seen. */
        unsigned char *exact = malloc(size + 1);
        struct udxg_message message = {exact, size};
        uint32_t there = size < passage.message.size_bytes ? size : passage.message.size_bytes;
        memset(exact, 0, size + 1);
        memcpy(exact, passage.bytes, there);
        udxg_status status = udxg_thunk_enter_message(UDXG_THUNK_CreateAllocation2, &message, &frame, &args);
        assert_int_equal(status, size == passage.message.size_bytes ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER);
        if (!udxg_failed(status)) assert_int_equal(udxg_thunk_leave(&frame, STATUS_NO_MEMORY), STATUS_NO_MEMORY);
        free(exact);
    }
    assert_int_equal(udxg_thunk_leave(&passage.client, STATUS_NO_MEMORY), STATUS_NO_MEMORY);
}

/* A message may say anything; it may not make the walk leave it. Under a sanitizer that is seen. */
static void any_bytes_are_safe(void **state)
{
    (void)state;
    static struct udxg_frame frame;
    uint64_t random = 88172645463325252u;
    for (unsigned round = 0; round < 200000; round++) {
        enum udxg_thunk_id id = (enum udxg_thunk_id)(round % UDXG_THUNK_COUNT);
        if (!udxg_thunks[id].implemented) continue;
        uint32_t size = (udxg_thunks[id].size + 15) / 16 * 16 + round / 997 % 8 * 16;
        unsigned char *bytes = malloc(size);
        struct udxg_message message = {bytes, size};
        void *args;
        for (uint32_t i = 0; i < size; i++) {
            random ^= random << 13, random ^= random >> 7, random ^= random << 17;
            bytes[i] = random & 0x300 ? (unsigned char)(random >> 20 & 3) * (random >> 30 & 1) : (unsigned char)random;
        }
        udxg_status status = udxg_thunk_enter_message(id, &message, &frame, &args);
        if (!udxg_failed(status)) assert_int_equal(udxg_thunk_leave(&frame, STATUS_SUCCESS), STATUS_SUCCESS);
        free(bytes);
    }
}

static void rows_that_are_not_there(void **state)
{
    (void)state;
    static struct udxg_frame frame;
    unsigned char bytes[16] = {0};
    struct udxg_message message = {bytes, sizeof bytes};
    void *args;
    assert_int_equal(udxg_thunk_enter_message(UDXG_THUNK_COUNT, &message, &frame, &args), STATUS_INVALID_PARAMETER);
    assert_int_equal(udxg_thunk_enter_message((enum udxg_thunk_id) - 1, &message, &frame, &args),
                     STATUS_INVALID_PARAMETER);
    for (int id = 0; id < UDXG_THUNK_COUNT; id++) {
        if (udxg_thunks[id].implemented) continue;
        assert_int_equal(udxg_thunk_enter_message((enum udxg_thunk_id)id, &message, &frame, &args),
                         STATUS_NOT_SUPPORTED);
    }
}

/* A number that is no address travels beside a NULL. */
static void a_value_in_place_of_an_address(void **state)
{
    (void)state;
    static struct passage passage;
    D3DKMT_HANDLE object = 0x40000040, contexts[1] = {0x40000080};
    D3DKMT_SIGNALSYNCHRONIZATIONOBJECT2 args = {.hContext = contexts[0], .ObjectCount = 1};
    args.ObjectHandleArray[0] = object;
    args.Fence.FenceValue = 7;
    send(&passage, UDXG_THUNK_SignalSynchronizationObject2, &args);
    assert_int_equal(((D3DKMT_SIGNALSYNCHRONIZATIONOBJECT2 *)passage.kernel_args)->Fence.FenceValue, 7);
    reply(&passage, STATUS_SUCCESS);
}

/* ---- what it carries ---- */

static udxg_status count_and_replace(void *user, enum udxg_cargo cargo, uint64_t *value)
{
    unsigned *count = user;
    (void)cargo;
    *value += 1000;
    (*count)++;
    return STATUS_SUCCESS;
}

static void descriptors_and_addresses_are_named(void **state)
{
    (void)state;
    static struct passage passage;
    unsigned count = 0;
    D3DKMT_LOCK2 lock = {.hDevice = 0x40000040, .hAllocation = 0x40000080};
    assert_true(udxg_thunk_carries(UDXG_THUNK_Lock2, UDXG_CARGO_MAPPED));
    assert_false(udxg_thunk_carries(UDXG_THUNK_Lock2, UDXG_CARGO_GIVEN));
    assert_false(udxg_thunk_carries(UDXG_THUNK_DestroyAllocation2, UDXG_CARGO_MADE));
    send(&passage, UDXG_THUNK_Lock2, &lock);
    assert_int_equal(udxg_thunk_carry(&passage.kernel, UDXG_CARGO_MAPPED, count_and_replace, &count), STATUS_SUCCESS);
    assert_int_equal(count, 0); /* NULL is nothing */
    ((D3DKMT_LOCK2 *)passage.kernel_args)->pData = (void *)24;
    assert_int_equal(udxg_thunk_carry(&passage.kernel, UDXG_CARGO_MAPPED, count_and_replace, &count), STATUS_SUCCESS);
    assert_int_equal(count, 1);
    reply(&passage, STATUS_SUCCESS);
    assert_ptr_equal(lock.pData, (void *)1024);
}

static void sections_are_descriptors(void **state)
{
    (void)state;
    static struct passage passage;
    unsigned count = 0;
    struct creation c;
    D3DKMT_CREATESTANDARDALLOCATION standard = {.Type = D3DKMT_STANDARDALLOCATIONTYPE_EXISTINGHEAP};
    fill(&c);
    for (unsigned i = 0; i < 3; i++) c.infos[i].pSystemMem = (void *)(uintptr_t)(i + 5);
    send(&passage, UDXG_THUNK_CreateAllocation2, &c.args);
    assert_int_equal(udxg_thunk_carry(&passage.kernel, UDXG_CARGO_GIVEN, count_and_replace, &count), STATUS_SUCCESS);
    assert_int_equal(count, 0);
    reply(&passage, STATUS_NO_MEMORY);

    c.args.Flags.StandardAllocation = c.args.Flags.ExistingSection = 1;
    c.args.PrivateDriverDataSize = 0;
    c.args.pStandardAllocation = &standard;
    send(&passage, UDXG_THUNK_CreateAllocation2, &c.args);
    assert_int_equal(udxg_thunk_carry(&passage.kernel, UDXG_CARGO_GIVEN, count_and_replace, &count), STATUS_SUCCESS);
    assert_int_equal(count, 3);
    assert_ptr_equal(((D3DKMT_CREATEALLOCATION *)passage.kernel_args)->pAllocationInfo2[2].pSystemMem, (void *)1007);
    reply(&passage, STATUS_NO_MEMORY);

    /* The elements of the first version are descriptors just as well. */
    D3DDDI_ALLOCATIONINFO first = {.pSystemMem = (void *)9};
    c.args.NumAllocations = 1;
    c.args.pAllocationInfo = &first;
    count = 0;
    send(&passage, UDXG_THUNK_CreateAllocation, &c.args);
    assert_int_equal(udxg_thunk_carry(&passage.kernel, UDXG_CARGO_GIVEN, count_and_replace, &count), STATUS_SUCCESS);
    assert_int_equal(count, 1);
    assert_true(udxg_thunk_carries(UDXG_THUNK_CreateAllocation, UDXG_CARGO_GIVEN));
    assert_int_not_equal((uintptr_t)((D3DKMT_CREATEALLOCATION *)passage.kernel_args)->pAllocationInfo[0].pSystemMem, 9);
    reply(&passage, STATUS_NO_MEMORY);
}

static void the_signature_is_a_number(void **state)
{
    (void)state;
    assert_int_equal(udxg_thunk_signature(), udxg_thunk_signature());
    assert_int_not_equal(udxg_thunk_signature(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arguments_arrive_and_outputs_return),
        cmocka_unit_test(a_failure_writes_nothing),
        cmocka_unit_test(no_address_of_the_kernel_leaves),
        cmocka_unit_test(addresses_inside_of_a_buffer),
        cmocka_unit_test(outputs_begin_as_zeros),
        cmocka_unit_test(sizes_are_exact),
        cmocka_unit_test(any_bytes_are_safe),
        cmocka_unit_test(rows_that_are_not_there),
        cmocka_unit_test(a_value_in_place_of_an_address),
        cmocka_unit_test(descriptors_and_addresses_are_named),
        cmocka_unit_test(sections_are_descriptors),
        cmocka_unit_test(the_signature_is_a_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
