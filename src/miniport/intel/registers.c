/* SPDX-License-Identifier: MIT */
/* A command streamer's registers and ALU; what is there and what is not stands in registers.h. */
#include "miniport/intel/registers.h"

#include <stdbool.h>

/* Offsets inside an engine's 4 KiB block. */
enum {
    REG_BLOCK_MASK = 0xfff,
    REG_TIMESTAMP_LOW = 0x358,
    REG_TIMESTAMP_HIGH = 0x35c,
    REG_CONTEXT_TIME_LOW = 0x3a8,
    REG_CONTEXT_TIME_HIGH = 0x3ac,
    REG_GPR_FIRST = 0x600,
    REG_GPR_LAST = 0x67c,
};

static bool is_engine_block(uint32_t offset)
{
    uint32_t block = offset & ~(uint32_t)REG_BLOCK_MASK;

    return block == 0x2000 || block == 0x1a000 || block == 0x22000; /* render, compute, copy */
}

uint32_t udxg_intel_register_read(const struct udxg_intel_registers *registers, uint32_t offset)
{
    uint32_t reg = offset & REG_BLOCK_MASK;

    if (!is_engine_block(offset)) return 0;
    if (reg >= REG_GPR_FIRST && reg <= REG_GPR_LAST) {
        uint64_t value = registers->gpr[(reg - REG_GPR_FIRST) / 8];

        return (uint32_t)(reg & 4 ? value >> 32 : value);
    }
    switch (reg) {
    case REG_TIMESTAMP_LOW:
    case REG_CONTEXT_TIME_LOW:
        return (uint32_t)registers->ticks(registers->ticks_context);
    case REG_TIMESTAMP_HIGH:
    case REG_CONTEXT_TIME_HIGH:
        return (uint32_t)(registers->ticks(registers->ticks_context) >> 32);
    default:
        return 0;
    }
}

void udxg_intel_register_write(struct udxg_intel_registers *registers, uint32_t offset, uint32_t value)
{
    uint32_t reg = offset & REG_BLOCK_MASK;
    uint64_t *gpr;

    if (!is_engine_block(offset) || reg < REG_GPR_FIRST || reg > REG_GPR_LAST) return;
    gpr = &registers->gpr[(reg - REG_GPR_FIRST) / 8];
    if (reg & 4)
        *gpr = (uint32_t)*gpr | (uint64_t)value << 32;
    else
        *gpr = (*gpr & ~(uint64_t)UINT32_MAX) | value;
}

/* One ALU instruction: opcode in bits 31..20, operands in 19..10 and 9..0. */
enum {
    ALU_LOAD = 0x080,
    ALU_LOAD_ZERO = 0x081,
    ALU_LOAD_INVERTED = 0x480,
    ALU_LOAD_ONE = 0x481,
    ALU_ADD = 0x100,
    ALU_SUB = 0x101,
    ALU_AND = 0x102,
    ALU_OR = 0x103,
    ALU_XOR = 0x104,
    ALU_STORE = 0x180,
    ALU_STORE_INVERTED = 0x580,

    ALU_SOURCE_A = 0x20,
    ALU_SOURCE_B = 0x21,
    ALU_ACCUMULATOR = 0x31,
    ALU_ZERO_FLAG = 0x32,
    ALU_CARRY_FLAG = 0x33,
};

struct alu {
    uint64_t source[2];
    uint64_t accumulator;
    bool zero;
    bool carry;
};

static uint64_t alu_operand(const struct udxg_intel_registers *registers, const struct alu *alu, uint32_t operand)
{
    if (operand < 16) return registers->gpr[operand];
    switch (operand) {
    case ALU_SOURCE_A:
        return alu->source[0];
    case ALU_SOURCE_B:
        return alu->source[1];
    case ALU_ACCUMULATOR:
        return alu->accumulator;
    case ALU_ZERO_FLAG:
        return alu->zero ? UINT64_MAX : 0;
    case ALU_CARRY_FLAG:
        return alu->carry ? UINT64_MAX : 0;
    default:
        return 0;
    }
}

static void alu_load(struct alu *alu, uint32_t destination, uint64_t value)
{
    if (destination == ALU_SOURCE_A) alu->source[0] = value;
    if (destination == ALU_SOURCE_B) alu->source[1] = value;
}

static void alu_compute(struct alu *alu, uint32_t opcode)
{
    uint64_t a = alu->source[0], b = alu->source[1], result = 0;

    alu->carry = false;
    switch (opcode) {
    case ALU_ADD:
        alu->carry = __builtin_add_overflow(a, b, &result);
        break;
    case ALU_SUB:
        alu->carry = __builtin_sub_overflow(a, b, &result);
        break;
    case ALU_AND:
        result = a & b;
        break;
    case ALU_OR:
        result = a | b;
        break;
    case ALU_XOR:
        result = a ^ b;
        break;
    default:
        return;
    }
    alu->accumulator = result;
    alu->zero = result == 0;
}

void udxg_intel_alu_run(struct udxg_intel_registers *registers, const uint32_t *instructions, uint32_t count)
{
    struct alu alu = {.zero = false};

    for (uint32_t i = 0; i < count; i++) {
        uint32_t opcode = instructions[i] >> 20;
        uint32_t first = instructions[i] >> 10 & 0x3ff;
        uint32_t second = instructions[i] & 0x3ff;

        switch (opcode) {
        case ALU_LOAD:
            alu_load(&alu, first, alu_operand(registers, &alu, second));
            break;
        case ALU_LOAD_INVERTED:
            alu_load(&alu, first, ~alu_operand(registers, &alu, second));
            break;
        case ALU_LOAD_ZERO:
            alu_load(&alu, first, 0);
            break;
        case ALU_LOAD_ONE:
            alu_load(&alu, first, UINT64_MAX);
            break;
        case ALU_STORE:
            if (first < 16) registers->gpr[first] = alu_operand(registers, &alu, second);
            break;
        case ALU_STORE_INVERTED:
            if (first < 16) registers->gpr[first] = ~alu_operand(registers, &alu, second);
            break;
        default:
            alu_compute(&alu, opcode);
            break;
        }
    }
}
