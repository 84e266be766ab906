/* SPDX-License-Identifier: MIT */
/*
 * The registers of a command streamer that a batch can see: sixteen 64-bit general purpose registers with
 * their ALU, and the time stamps. Every other register reads zero and forgets what is written.
 *
 * A register is named by its MMIO offset; render, compute and copy engines have theirs at different bases
 * and alias each other here, because a batch only means its own engine. One batch owns one register file.
 */
#ifndef UDXG_MINIPORT_INTEL_REGISTERS_H
#define UDXG_MINIPORT_INTEL_REGISTERS_H

#include <stdint.h>

struct udxg_intel_registers {
    uint64_t gpr[16];
    uint64_t (*ticks)(void *context); /* GPU time */
    void *ticks_context;
};

uint32_t udxg_intel_register_read(const struct udxg_intel_registers *registers, uint32_t offset);
void udxg_intel_register_write(struct udxg_intel_registers *registers, uint32_t offset, uint32_t value);

/* Runs COUNT ALU instructions of an MI_MATH; those it does not know do nothing. */
void udxg_intel_alu_run(struct udxg_intel_registers *registers, const uint32_t *instructions, uint32_t count);

#endif
