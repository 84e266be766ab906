/* SPDX-License-Identifier: MIT */
/*
 * The engine of the soft miniport: walks one command buffer of <udxg/soft.h> and does what it says.
 *
 * It reaches memory only through udxg_submission.memory, the command buffer too: nothing here trusts a byte or
 * an address of the client. Each command is copied once and judged from the copy, so that a client that writes
 * into the buffer while it runs changes later commands at most. Long commands work in pieces and ask between
 * them whether the engine is to stop. There is no state between submissions and no lock.
 */
#include "miniport/soft/soft.h"

#include <stddef.h>

#include <udxg/soft.h>

#include "base/os.h"

/* The most that is copied or filled between two questions whether to stop. */
#define SOFT_PIECE_BYTES (UINT64_C(1) << 20)
/* The most immediate data that is on the stack at once. */
#define SOFT_DATA_BYTES 4096u
#define SOFT_WAIT_SPINS 64u
#define SOFT_WAIT_SLEEP_NS 20000u

struct run {
    const struct soft_adapter *adapter;
    const struct udxg_submission *submission;
    uint64_t command_va; /* of the command that runs */
    struct udxg_submit_fault *fault;
};

union command {
    struct udxg_soft_command header;
    struct udxg_soft_fill fill;
    struct udxg_soft_copy copy;
    struct udxg_soft_write write;
    struct udxg_soft_atomic_add atomic_add;
    struct udxg_soft_wait wait;
    struct udxg_soft_timestamp timestamp;
    struct udxg_soft_fault fault;
    struct udxg_soft_spin spin;
};

_Static_assert(sizeof(struct udxg_soft_command) == 8, "documented in udxg/soft.h");
_Static_assert(sizeof(struct udxg_soft_fill) == 32, "documented in udxg/soft.h");
_Static_assert(sizeof(struct udxg_soft_copy) == 32, "documented in udxg/soft.h");
_Static_assert(sizeof(struct udxg_soft_write) == 24, "documented in udxg/soft.h");
_Static_assert(sizeof(struct udxg_soft_atomic_add) == 40, "documented in udxg/soft.h");
_Static_assert(sizeof(struct udxg_soft_wait) == 32, "documented in udxg/soft.h");
_Static_assert(sizeof(struct udxg_soft_timestamp) == 16, "documented in udxg/soft.h");
_Static_assert(sizeof(struct udxg_soft_fault) == 24, "documented in udxg/soft.h");
_Static_assert(sizeof(struct udxg_soft_spin) == 16, "documented in udxg/soft.h");

/* ---- failing ---- */

static NTSTATUS illegal(struct run *run)
{
    run->fault->va = run->command_va;
    run->fault->write = false;
    run->fault->error_code = UDXG_SOFT_ERROR_COMMAND;
    return STATUS_ILLEGAL_INSTRUCTION;
}

/* Completes the record of an access whose fault address memory has set, and hands its status on. */
static NTSTATUS accessed(struct run *run, NTSTATUS status, bool write)
{
    if (status == STATUS_SUCCESS) return STATUS_SUCCESS;
    run->fault->write = write;
    run->fault->error_code = UDXG_SOFT_ERROR_ACCESS;
    return status;
}

static NTSTATUS stop_wanted(struct run *run)
{
    if (!run->submission->cancelled(run->submission->cancelled_context)) return STATUS_SUCCESS;
    run->fault->va = run->command_va;
    run->fault->write = false;
    run->fault->error_code = UDXG_SOFT_ERROR_CANCELLED;
    return STATUS_UNSUCCESSFUL;
}

/* ---- reaching memory ---- */

static uint64_t masked(const struct run *run, uint64_t va)
{
    return va & run->adapter->va_mask;
}

static NTSTATUS read_memory(struct run *run, uint64_t va, void *buffer, uint64_t size_bytes)
{
    const struct udxg_gpu_memory *memory = run->submission->memory;
    return accessed(run, memory->read(memory->context, masked(run, va), buffer, size_bytes, &run->fault->va), false);
}

static NTSTATUS write_memory(struct run *run, uint64_t va, const void *buffer, uint64_t size_bytes)
{
    const struct udxg_gpu_memory *memory = run->submission->memory;
    return accessed(run, memory->write(memory->context, masked(run, va), buffer, size_bytes, &run->fault->va), true);
}

/* ---- the commands ---- */

static uint64_t piece(uint64_t left_bytes)
{
    return left_bytes < SOFT_PIECE_BYTES ? left_bytes : SOFT_PIECE_BYTES;
}

static NTSTATUS do_fill(struct run *run, const struct udxg_soft_fill *fill)
{
    const struct udxg_gpu_memory *memory = run->submission->memory;
    if (fill->reserved || (fill->va | fill->size_bytes) % 4) return illegal(run);
    for (uint64_t done = 0; done < fill->size_bytes; done += piece(fill->size_bytes - done)) {
        NTSTATUS status = stop_wanted(run);
        if (status != STATUS_SUCCESS) return status;
        status = memory->fill(memory->context, masked(run, fill->va + done), fill->pattern,
                              piece(fill->size_bytes - done), &run->fault->va);
        if (status != STATUS_SUCCESS) return accessed(run, status, true);
    }
    return STATUS_SUCCESS;
}

/* A copy that faults does not say on which side: the record's address inside the target's range tells. */
static bool fault_is_in(const struct run *run, uint64_t va, uint64_t size_bytes)
{
    return run->fault->va - masked(run, va) < size_bytes;
}

static NTSTATUS do_copy(struct run *run, const struct udxg_soft_copy *copy)
{
    const struct udxg_gpu_memory *memory = run->submission->memory;
    for (uint64_t done = 0; done < copy->size_bytes; done += piece(copy->size_bytes - done)) {
        NTSTATUS status = stop_wanted(run);
        if (status != STATUS_SUCCESS) return status;
        uint64_t size_bytes = piece(copy->size_bytes - done);
        status = memory->copy(memory->context, masked(run, copy->to_va + done), masked(run, copy->from_va + done),
                              size_bytes, &run->fault->va);
        if (status != STATUS_SUCCESS) return accessed(run, status, fault_is_in(run, copy->to_va + done, size_bytes));
    }
    return STATUS_SUCCESS;
}

static NTSTATUS do_write(struct run *run, const struct udxg_soft_write *write)
{
    uint8_t data[SOFT_DATA_BYTES];
    uint64_t padded_bytes = udxg_align_up(write->data_bytes, 8);
    if (write->reserved || !write->data_bytes) return illegal(run);
    if (write->header.size_bytes != sizeof(*write) + padded_bytes) return illegal(run);
    for (uint64_t done = 0; done < write->data_bytes;) {
        uint64_t left_bytes = write->data_bytes - done;
        uint64_t size_bytes = left_bytes < sizeof(data) ? left_bytes : sizeof(data);
        NTSTATUS status = stop_wanted(run);
        if (status == STATUS_SUCCESS)
            status = read_memory(run, run->command_va + sizeof(*write) + done, data, size_bytes);
        if (status == STATUS_SUCCESS) status = write_memory(run, write->va + done, data, size_bytes);
        if (status != STATUS_SUCCESS) return status;
        done += size_bytes;
    }
    return STATUS_SUCCESS;
}

static bool is_operand(uint64_t va, uint32_t operand_bytes)
{
    return (operand_bytes == 4 || operand_bytes == 8) && va % operand_bytes == 0;
}

static NTSTATUS do_atomic_add(struct run *run, const struct udxg_soft_atomic_add *add)
{
    const struct udxg_gpu_memory *memory = run->submission->memory;
    uint64_t old = 0;
    if (add->reserved || !is_operand(add->va, add->operand_bytes)) return illegal(run);
    NTSTATUS status =
        memory->fetch_add(memory->context, masked(run, add->va), add->value, add->operand_bytes, &old, &run->fault->va);
    if (status != STATUS_SUCCESS) return accessed(run, status, true);
    if (!add->old_va) return STATUS_SUCCESS;
    return write_memory(run, add->old_va, &old, add->operand_bytes);
}

static bool compares(const struct udxg_soft_wait *wait, uint64_t value)
{
    switch (wait->compare) {
    case UDXG_SOFT_COMPARE_GREATER_EQUAL:
        return value >= wait->value;
    case UDXG_SOFT_COMPARE_EQUAL:
        return value == wait->value;
    default:
        return value != wait->value;
    }
}

static NTSTATUS do_wait(struct run *run, const struct udxg_soft_wait *wait)
{
    if (!is_operand(wait->va, wait->operand_bytes) || wait->compare > UDXG_SOFT_COMPARE_NOT_EQUAL) return illegal(run);
    for (uint32_t polls = 0;; polls++) {
        uint64_t value = 0;
        NTSTATUS status = stop_wanted(run);
        if (status == STATUS_SUCCESS) status = read_memory(run, wait->va, &value, wait->operand_bytes);
        if (status != STATUS_SUCCESS || compares(wait, value)) return status;
        if (polls > SOFT_WAIT_SPINS) {
            udxg_os_nap_ns(SOFT_WAIT_SLEEP_NS);
            polls = SOFT_WAIT_SPINS;
        }
    }
}

static NTSTATUS do_timestamp(struct run *run, const struct udxg_soft_timestamp *timestamp)
{
    if (timestamp->va % 8) return illegal(run);
    uint64_t now_ns = udxg_os_now_ns();
    uint64_t seconds = now_ns / 1000000000u, rest_ns = now_ns % 1000000000u;
    uint64_t hz = run->adapter->clock_hz;
    uint64_t ticks = seconds * hz + rest_ns * hz / 1000000000u; /* hz is at most UDXG_MAX_CLOCK_HZ: no overflow */
    return write_memory(run, timestamp->va, &ticks, sizeof(ticks));
}

static NTSTATUS do_fault(struct run *run, const struct udxg_soft_fault *fault)
{
    if (fault->write > 1 || fault->error_code > UDXG_SOFT_MAX_ERROR_CODE) return illegal(run);
    run->fault->va = masked(run, fault->va);
    run->fault->write = fault->write;
    run->fault->error_code = fault->error_code;
    return STATUS_ACCESS_VIOLATION; /* as memory says: the core takes it for a page fault */
}

static NTSTATUS do_spin(struct run *run, const struct udxg_soft_spin *spin)
{
    uint64_t begin_ns = udxg_os_now_ns();
    for (;;) {
        NTSTATUS status = stop_wanted(run);
        uint64_t done_ns = udxg_os_now_ns() - begin_ns;
        if (status != STATUS_SUCCESS || done_ns >= spin->duration_ns) return status;
        uint64_t left_ns = spin->duration_ns - done_ns;
        udxg_os_nap_ns(left_ns < SOFT_WAIT_SLEEP_NS ? left_ns : SOFT_WAIT_SLEEP_NS);
    }
}

/* ---- the walk ---- */

/* The size of the fixed part of a command, 0 for an opcode that is none. */
static uint32_t fixed_bytes(uint32_t opcode)
{
    static const uint8_t bytes[] = {
        [UDXG_SOFT_OP_NOP] = sizeof(struct udxg_soft_command),
        [UDXG_SOFT_OP_FILL] = sizeof(struct udxg_soft_fill),
        [UDXG_SOFT_OP_COPY] = sizeof(struct udxg_soft_copy),
        [UDXG_SOFT_OP_WRITE] = sizeof(struct udxg_soft_write),
        [UDXG_SOFT_OP_ATOMIC_ADD] = sizeof(struct udxg_soft_atomic_add),
        [UDXG_SOFT_OP_WAIT] = sizeof(struct udxg_soft_wait),
        [UDXG_SOFT_OP_TIMESTAMP] = sizeof(struct udxg_soft_timestamp),
        [UDXG_SOFT_OP_FAULT] = sizeof(struct udxg_soft_fault),
        [UDXG_SOFT_OP_SPIN] = sizeof(struct udxg_soft_spin),
    };
    return opcode < sizeof(bytes) ? bytes[opcode] : 0;
}

static bool has_fixed_size(uint32_t opcode)
{
    return opcode != UDXG_SOFT_OP_NOP && opcode != UDXG_SOFT_OP_WRITE;
}

static NTSTATUS dispatch(struct run *run, const union command *command)
{
    switch (command->header.opcode) {
    case UDXG_SOFT_OP_NOP:
        return STATUS_SUCCESS;
    case UDXG_SOFT_OP_FILL:
        return do_fill(run, &command->fill);
    case UDXG_SOFT_OP_COPY:
        return do_copy(run, &command->copy);
    case UDXG_SOFT_OP_WRITE:
        return do_write(run, &command->write);
    case UDXG_SOFT_OP_ATOMIC_ADD:
        return do_atomic_add(run, &command->atomic_add);
    case UDXG_SOFT_OP_WAIT:
        return do_wait(run, &command->wait);
    case UDXG_SOFT_OP_TIMESTAMP:
        return do_timestamp(run, &command->timestamp);
    case UDXG_SOFT_OP_FAULT:
        return do_fault(run, &command->fault);
    case UDXG_SOFT_OP_SPIN:
        return do_spin(run, &command->spin);
    default:
        return illegal(run);
    }
}

/* Copies and judges the command at run->command_va, of which LEFT bytes remain in the buffer. */
static NTSTATUS fetch(struct run *run, uint64_t left_bytes, union command *ret_command)
{
    NTSTATUS status = read_memory(run, run->command_va, &ret_command->header, sizeof(ret_command->header));
    if (status != STATUS_SUCCESS) return status;

    struct udxg_soft_command header = ret_command->header;
    uint32_t least_bytes = fixed_bytes(header.opcode);
    if (!least_bytes || header.size_bytes < least_bytes || header.size_bytes > left_bytes || header.size_bytes % 8)
        return illegal(run);
    if (has_fixed_size(header.opcode) && header.size_bytes != least_bytes) return illegal(run);
    if (least_bytes == sizeof(header)) return STATUS_SUCCESS;
    return read_memory(run, run->command_va + sizeof(header), (char *)ret_command + sizeof(header),
                       least_bytes - sizeof(header));
}

NTSTATUS soft_execute(const struct soft_adapter *adapter, const struct udxg_submission *submission,
                      struct udxg_submit_fault *ret_fault)
{
    struct run run = {adapter, submission, submission->commands_va & adapter->va_mask, ret_fault};
    ret_fault->sequence_number = 0;
    for (uint64_t left_bytes = submission->commands_bytes; left_bytes;) {
        union command command;
        ret_fault->sequence_number++;
        NTSTATUS status = stop_wanted(&run);
        if (status == STATUS_SUCCESS) status = fetch(&run, left_bytes, &command);
        if (status == STATUS_SUCCESS) status = dispatch(&run, &command);
        if (status != STATUS_SUCCESS) return status;
        left_bytes -= command.header.size_bytes;
        run.command_va += command.header.size_bytes;
    }
    return STATUS_SUCCESS;
}
