/* SPDX-License-Identifier: MIT */
/*
 * The walker of batch.h. One struct batch is one run; a handler executes one decoded command and returns
 * the status of a fault, which it has described in batch->result. Blits are in blit.c.
 */
#include "miniport/intel/batch.h"

#include <string.h>

#include "miniport/intel/blit.h"
#include "miniport/intel/registers.h"

#define PAGE_BYTES 4096u
#define WINDOW_DWORDS 512u
#define MAX_LEVELS 3u /* batch buffers nest to the third level in hardware */
#define CANCEL_INTERVAL 1024u

struct batch {
    const struct udxg_batch_env *env;
    struct udxg_batch_result *result;
    uint64_t pc; /* of the command being executed */
    uint64_t next_pc;
    uint64_t return_pc[MAX_LEVELS];
    unsigned level;
    bool ended;
    uint64_t window_va; /* what of the batch has been read ahead */
    uint32_t window_dwords;
    uint32_t window[WINDOW_DWORDS];
    struct udxg_intel_registers registers;
};

/* Bits 31..29 of a command's first dword. */
enum command_client { CLIENT_MI = 0, CLIENT_BLIT = 2, CLIENT_GFX = 3 };

/* Bits 28..23 of an MI command. Those below 0x10 are one dword long. */
enum mi_opcode {
    MI_BATCH_BUFFER_END = 0x0a,
    MI_FIRST_LONG = 0x10,
    MI_MATH = 0x1a,
    MI_SEMAPHORE_WAIT = 0x1c,
    MI_STORE_DATA_IMM = 0x20,
    MI_LOAD_REGISTER_IMM = 0x22,
    MI_STORE_REGISTER_MEM = 0x24,
    MI_FLUSH_DW = 0x26,
    MI_LOAD_REGISTER_MEM = 0x29,
    MI_LOAD_REGISTER_REG = 0x2a,
    MI_COPY_MEM_MEM = 0x2e,
    MI_ATOMIC = 0x2f,
    MI_BATCH_BUFFER_START = 0x31,
};

/* Bits 31..16 of a GFX command. Bits 28..27 of 1 mean a single dword. */
enum gfx_command {
    GFX_PIPE_CONTROL = 0x7a00,
    GFX_GPGPU_WALKER = 0x7105,
    GFX_COMPUTE_WALKER = 0x7208,
};

enum post_sync { POST_SYNC_NONE, POST_SYNC_IMMEDIATE, POST_SYNC_DEPTH_COUNT, POST_SYNC_TIMESTAMP };

static uint64_t gpu_ticks(void *context)
{
    const struct batch *batch = context;

    return udxg_intel_ticks(batch->env->now_ns(), batch->env->clock_hz);
}

static NTSTATUS fault(struct batch *batch, enum udxg_batch_fault fault_code)
{
    batch->result->fault = fault_code;
    batch->result->fault_va = batch->pc;
    batch->result->fault_write = false;
    return (NTSTATUS)STATUS_GRAPHICS_GPU_EXCEPTION_ON_DEVICE;
}

static NTSTATUS memory_result(struct batch *batch, NTSTATUS status, bool write, uint64_t fault_va)
{
    if (status == STATUS_SUCCESS) return status;
    batch->result->fault = UDXG_BATCH_FAULT_MEMORY;
    batch->result->fault_va = fault_va;
    batch->result->fault_write = write;
    return status;
}

static NTSTATUS gpu_read(struct batch *batch, uint64_t va, void *buffer, uint64_t bytes)
{
    const struct udxg_gpu_memory *memory = batch->env->memory;
    uint64_t fault_va = va;

    return memory_result(batch, memory->read(memory->context, va, buffer, bytes, &fault_va), false, fault_va);
}

static NTSTATUS gpu_write(struct batch *batch, uint64_t va, const void *buffer, uint64_t bytes)
{
    const struct udxg_gpu_memory *memory = batch->env->memory;
    uint64_t fault_va = va;

    return memory_result(batch, memory->write(memory->context, va, buffer, bytes, &fault_va), true, fault_va);
}

static bool cancelled(const struct batch *batch)
{
    return batch->env->cancelled && batch->env->cancelled(batch->env->cancelled_context);
}

/* Two dwords of a command as a 48-bit address, 4-byte aligned. */
static uint64_t address_at(const uint32_t *command, unsigned index)
{
    return udxg_intel_va((command[index] & ~3u) | (uint64_t)command[index + 1] << 32);
}

/* Points *ret_command at DWORDS of the batch from the current command on. */
static NTSTATUS fetch(struct batch *batch, uint32_t dwords, const uint32_t **ret_command)
{
    uint64_t skipped = (batch->pc - batch->window_va) / sizeof(uint32_t);
    uint64_t bytes = PAGE_BYTES - batch->pc % PAGE_BYTES;
    NTSTATUS status;

    if (dwords > WINDOW_DWORDS) return fault(batch, UDXG_BATCH_FAULT_COMMAND);
    if (batch->pc < batch->window_va || skipped + dwords > batch->window_dwords) {
        if (bytes > sizeof(batch->window)) bytes = sizeof(batch->window);
        if (bytes < dwords * sizeof(uint32_t)) bytes = dwords * sizeof(uint32_t);
        batch->window_dwords = 0;
        status = gpu_read(batch, batch->pc, batch->window, bytes);
        if (status != STATUS_SUCCESS) return status;
        batch->window_va = batch->pc;
        batch->window_dwords = (uint32_t)(bytes / sizeof(uint32_t));
        skipped = 0;
    }
    *ret_command = batch->window + skipped;
    return STATUS_SUCCESS;
}

/* What the batch says may have changed under us: read it again. */
static void forget_window(struct batch *batch)
{
    batch->window_dwords = 0;
}

static NTSTATUS batch_start(struct batch *batch, const uint32_t *command)
{
    bool second_level = command[0] >> 22 & 1;

    if (second_level) {
        if (batch->level == MAX_LEVELS) return fault(batch, UDXG_BATCH_FAULT_DEPTH);
        batch->return_pc[batch->level++] = batch->next_pc;
    }
    batch->next_pc = address_at(command, 1);
    return STATUS_SUCCESS;
}

static void batch_end(struct batch *batch)
{
    if (batch->level == 0)
        batch->ended = true;
    else
        batch->next_pc = batch->return_pc[--batch->level];
}

static NTSTATUS store_data(struct batch *batch, const uint32_t *command, uint32_t dwords)
{
    return gpu_write(batch, address_at(command, 1), command + 3, (dwords - 3) * sizeof(uint32_t));
}

static NTSTATUS post_sync_write(struct batch *batch, enum post_sync operation, uint64_t va, const void *data,
                                uint32_t bytes)
{
    uint64_t ticks;

    switch (operation) {
    case POST_SYNC_IMMEDIATE:
        return gpu_write(batch, va, data, bytes);
    case POST_SYNC_TIMESTAMP:
        ticks = gpu_ticks(batch);
        return gpu_write(batch, va, &ticks, sizeof(ticks));
    default:
        return STATUS_SUCCESS;
    }
}

static NTSTATUS flush_dw(struct batch *batch, const uint32_t *command, uint32_t dwords)
{
    bool to_status_page = command[0] >> 21 & 1;
    uint64_t va = address_at(command, 1) & ~7ull;
    uint32_t bytes = dwords < 5 ? sizeof(uint32_t) : sizeof(uint64_t);

    if (to_status_page) return STATUS_SUCCESS;
    return post_sync_write(batch, (enum post_sync)(command[0] >> 14 & 3), va, command + 3, bytes);
}

static NTSTATUS pipe_control(struct batch *batch, const uint32_t *command)
{
    bool to_status_page = command[1] >> 21 & 1;
    bool to_register = command[1] >> 23 & 1;

    if (to_status_page || to_register) return STATUS_SUCCESS;
    return post_sync_write(batch, (enum post_sync)(command[1] >> 14 & 3), address_at(command, 2), command + 4,
                           sizeof(uint64_t));
}

static bool semaphore_passes(uint32_t comparison, uint32_t in_memory, uint32_t in_command)
{
    switch (comparison) {
    case 0:
        return in_memory > in_command;
    case 1:
        return in_memory >= in_command;
    case 2:
        return in_memory < in_command;
    case 3:
        return in_memory <= in_command;
    case 4:
        return in_memory == in_command;
    case 5:
        return in_memory != in_command;
    default:
        return true;
    }
}

static NTSTATUS semaphore_wait(struct batch *batch, const uint32_t *command)
{
    bool of_register = command[0] >> 16 & 1;
    uint32_t comparison = command[0] >> 12 & 7;
    uint32_t wanted = command[1];
    uint64_t va = address_at(command, 2);
    uint32_t value;
    NTSTATUS status;

    if (of_register) return STATUS_SUCCESS;
    for (uint64_t naps = 0;; naps++) {
        status = gpu_read(batch, va, &value, sizeof(value));
        if (status != STATUS_SUCCESS) return status;
        if (semaphore_passes(comparison, value, wanted)) break;
        if (cancelled(batch)) return fault(batch, UDXG_BATCH_FAULT_CANCELLED);
        if (naps == batch->env->nap_limit) return fault(batch, UDXG_BATCH_FAULT_WAIT);
        batch->env->nap();
    }
    forget_window(batch);
    return STATUS_SUCCESS;
}

static NTSTATUS atomic_add(struct batch *batch, uint64_t va, uint64_t value, uint32_t bytes)
{
    const struct udxg_gpu_memory *memory = batch->env->memory;
    uint64_t fault_va = va, old;

    return memory_result(batch, memory->fetch_add(memory->context, va, value, bytes, &old, &fault_va), true, fault_va);
}

static NTSTATUS atomic(struct batch *batch, const uint32_t *command, uint32_t dwords)
{
    uint32_t bytes = command[0] >> 19 & 1 ? sizeof(uint64_t) : sizeof(uint32_t);
    uint32_t operation = command[0] >> 8 & 0x1f; /* the bit above it says 8 bytes once more */
    bool is_inline = command[0] >> 18 & 1;
    uint64_t va = address_at(command, 1);
    uint64_t operand = batch->registers.gpr[0];

    if (is_inline && dwords < 6) return fault(batch, UDXG_BATCH_FAULT_COMMAND);
    if (is_inline) operand = command[3] | (uint64_t)command[5] << 32;
    if (va % bytes) return fault(batch, UDXG_BATCH_FAULT_COMMAND);
    switch (operation) {
    case 4:
        return gpu_write(batch, va, &operand, bytes); /* move */
    case 5:
        return atomic_add(batch, va, 1, bytes);
    case 6:
        return atomic_add(batch, va, UINT64_MAX, bytes);
    case 7:
        return atomic_add(batch, va, operand, bytes);
    case 8:
        return atomic_add(batch, va, 0 - operand, bytes);
    default:
        return fault(batch, UDXG_BATCH_FAULT_UNSUPPORTED);
    }
}

static void load_registers(struct batch *batch, const uint32_t *command, uint32_t dwords)
{
    for (uint32_t i = 1; i + 1 < dwords; i += 2)
        udxg_intel_register_write(&batch->registers, command[i] & 0x7ffffc, command[i + 1]);
}

static NTSTATUS store_register(struct batch *batch, const uint32_t *command)
{
    uint32_t value = udxg_intel_register_read(&batch->registers, command[1] & 0x7ffffc);

    return gpu_write(batch, address_at(command, 2), &value, sizeof(value));
}

static NTSTATUS load_register(struct batch *batch, const uint32_t *command)
{
    uint32_t value = 0;
    NTSTATUS status = gpu_read(batch, address_at(command, 2), &value, sizeof(value));

    if (status == STATUS_SUCCESS) udxg_intel_register_write(&batch->registers, command[1] & 0x7ffffc, value);
    return status;
}

static NTSTATUS copy_dword(struct batch *batch, const uint32_t *command)
{
    uint32_t value = 0;
    NTSTATUS status = gpu_read(batch, address_at(command, 3), &value, sizeof(value));

    return status == STATUS_SUCCESS ? gpu_write(batch, address_at(command, 1), &value, sizeof(value)) : status;
}

/* The dwords that an MI command needs to mean anything, or 0 for one that is passed over. */
static uint32_t mi_minimum(uint32_t opcode)
{
    switch (opcode) {
    case MI_BATCH_BUFFER_END:
        return 1;
    case MI_MATH:
        return 2;
    case MI_LOAD_REGISTER_IMM:
    case MI_LOAD_REGISTER_REG:
    case MI_BATCH_BUFFER_START:
    case MI_ATOMIC:
        return 3;
    case MI_SEMAPHORE_WAIT:
    case MI_STORE_DATA_IMM:
    case MI_STORE_REGISTER_MEM:
    case MI_LOAD_REGISTER_MEM:
    case MI_FLUSH_DW:
        return 4;
    case MI_COPY_MEM_MEM:
        return 5;
    default:
        return 0;
    }
}

static NTSTATUS execute_mi(struct batch *batch, uint32_t opcode, const uint32_t *command, uint32_t dwords)
{
    switch (opcode) {
    case MI_BATCH_BUFFER_END:
        batch_end(batch);
        return STATUS_SUCCESS;
    case MI_BATCH_BUFFER_START:
        return batch_start(batch, command);
    case MI_STORE_DATA_IMM:
        return store_data(batch, command, dwords);
    case MI_FLUSH_DW:
        return flush_dw(batch, command, dwords);
    case MI_SEMAPHORE_WAIT:
        return semaphore_wait(batch, command);
    case MI_ATOMIC:
        return atomic(batch, command, dwords);
    case MI_STORE_REGISTER_MEM:
        return store_register(batch, command);
    case MI_LOAD_REGISTER_MEM:
        return load_register(batch, command);
    case MI_COPY_MEM_MEM:
        return copy_dword(batch, command);
    case MI_LOAD_REGISTER_IMM:
        load_registers(batch, command, dwords);
        return STATUS_SUCCESS;
    case MI_LOAD_REGISTER_REG:
        udxg_intel_register_write(&batch->registers, command[2] & 0x7ffffc,
                                  udxg_intel_register_read(&batch->registers, command[1] & 0x7ffffc));
        return STATUS_SUCCESS;
    case MI_MATH:
        udxg_intel_alu_run(&batch->registers, command + 1, dwords - 1);
        return STATUS_SUCCESS;
    default:
        return STATUS_SUCCESS;
    }
}

static NTSTATUS run_mi(struct batch *batch, uint32_t first)
{
    uint32_t opcode = first >> 23 & 0x3f;
    uint32_t length_mask = opcode == MI_STORE_DATA_IMM ? 0x3ff : opcode == MI_FLUSH_DW ? 0x3f : 0xff;
    uint32_t dwords = opcode < MI_FIRST_LONG ? 1 : (first & length_mask) + 2;
    uint32_t minimum = mi_minimum(opcode);
    const uint32_t *command;
    NTSTATUS status;

    batch->next_pc = batch->pc + dwords * sizeof(uint32_t);
    if (minimum == 0) return STATUS_SUCCESS;
    if (dwords < minimum) return fault(batch, UDXG_BATCH_FAULT_COMMAND);
    status = fetch(batch, dwords, &command);
    return status == STATUS_SUCCESS ? execute_mi(batch, opcode, command, dwords) : status;
}

static NTSTATUS run_gfx(struct batch *batch, uint32_t first)
{
    bool single = (first >> 27 & 3) == 1;
    uint32_t dwords = single ? 1 : (first & 0xff) + 2;
    const uint32_t *command;
    NTSTATUS status;

    batch->next_pc = batch->pc + dwords * sizeof(uint32_t);
    switch (first >> 16) {
    case GFX_GPGPU_WALKER:
    case GFX_COMPUTE_WALKER:
        batch->result->kernels_skipped++;
        return STATUS_SUCCESS;
    case GFX_PIPE_CONTROL:
        if (dwords < 6) return fault(batch, UDXG_BATCH_FAULT_COMMAND);
        status = fetch(batch, dwords, &command);
        return status == STATUS_SUCCESS ? pipe_control(batch, command) : status;
    default:
        return STATUS_SUCCESS;
    }
}

static NTSTATUS blit_result(struct batch *batch, const struct udxg_blit_memory *memory, NTSTATUS status)
{
    batch->result->bytes_moved += memory->bytes_moved;
    if (status == STATUS_SUCCESS) return status;
    if (memory->cancelled) return fault(batch, UDXG_BATCH_FAULT_CANCELLED);
    return memory_result(batch, status, memory->fault_write, memory->fault_va);
}

static NTSTATUS run_blit(struct batch *batch, uint32_t first)
{
    struct udxg_blit_memory memory = {
        .memory = batch->env->memory,
        .stop = batch->env->cancelled,
        .stop_context = batch->env->cancelled_context,
    };
    uint32_t dwords = (first & 0xff) + 2;
    struct udxg_blit blit;
    const uint32_t *command;
    NTSTATUS status;

    batch->next_pc = batch->pc + dwords * sizeof(uint32_t);
    status = fetch(batch, dwords, &command);
    if (status != STATUS_SUCCESS) return status;
    switch (udxg_blit_decode(command, dwords, &blit)) {
    case UDXG_BLIT_OTHER:
        return STATUS_SUCCESS;
    case UDXG_BLIT_BROKEN:
        return fault(batch, UDXG_BATCH_FAULT_COMMAND);
    case UDXG_BLIT_UNSUPPORTED:
        return fault(batch, UDXG_BATCH_FAULT_UNSUPPORTED);
    case UDXG_BLIT_COPY:
        return blit_result(batch, &memory, udxg_blit_copy(&blit, &memory));
    case UDXG_BLIT_FILL:
        return blit_result(batch, &memory, udxg_blit_fill(&blit, &memory));
    }
    return fault(batch, UDXG_BATCH_FAULT_COMMAND);
}

static NTSTATUS step(struct batch *batch)
{
    const uint32_t *command;
    NTSTATUS status = fetch(batch, 1, &command);

    if (status != STATUS_SUCCESS) return status;
    switch (command[0] >> 29) {
    case CLIENT_MI:
        return run_mi(batch, command[0]);
    case CLIENT_BLIT:
        return run_blit(batch, command[0]);
    case CLIENT_GFX:
        return run_gfx(batch, command[0]);
    default:
        return fault(batch, UDXG_BATCH_FAULT_COMMAND);
    }
}

NTSTATUS udxg_batch_run(const struct udxg_batch_env *env, uint64_t va, struct udxg_batch_result *ret_result)
{
    struct batch batch = {.env = env, .result = ret_result, .pc = udxg_intel_va(va)};
    NTSTATUS status = STATUS_SUCCESS;

    memset(ret_result, 0, sizeof(*ret_result));
    batch.registers.ticks = gpu_ticks;
    batch.registers.ticks_context = &batch;
    if (va % sizeof(uint32_t)) return fault(&batch, UDXG_BATCH_FAULT_COMMAND);
    while (!batch.ended && status == STATUS_SUCCESS) {
        if (ret_result->commands == UDXG_BATCH_COMMAND_LIMIT) return fault(&batch, UDXG_BATCH_FAULT_BUDGET);
        if (ret_result->commands % CANCEL_INTERVAL == 0 && cancelled(&batch))
            return fault(&batch, UDXG_BATCH_FAULT_CANCELLED);
        ret_result->commands++;
        status = step(&batch);
        batch.pc = udxg_intel_va(batch.next_pc);
    }
    return status;
}
