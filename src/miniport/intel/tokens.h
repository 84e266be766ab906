/* SPDX-License-Identifier: MIT */
/*
 * The token stream of Intel's compute runtime: a self-describing list of numbers, nested.
 *
 * A token is one dword, { u16 id, u8 payload dwords, u8 flags }, and its payload: none (the value is bit 0
 * of the flags), one dword, two (low first), or an array. With flag bit 4 it is a container and is followed
 * by three dwords { array element, payload bytes, payload dwords with padding } and by the tokens inside.
 * Ids that a reader does not know are passed over. A zero dword is an empty token, so that a stream may be
 * padded with zeroes.
 *
 * Readers never leave their range and writers never exceed their capacity, whatever the bytes say.
 * Nothing here allocates or keeps state.
 */
#ifndef UDXG_MINIPORT_INTEL_TOKENS_H
#define UDXG_MINIPORT_INTEL_TOKENS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Dwords not yet read. */
struct udxg_tokens {
    const uint32_t *at;
    const uint32_t *end;
};

struct udxg_token {
    uint16_t id;
    uint8_t flags;
    bool is_container;
    uint32_t element;        /* of a container in an array */
    struct udxg_tokens body; /* payload, or the tokens inside */
};

enum udxg_token_next { UDXG_TOKEN_END, UDXG_TOKEN_FOUND, UDXG_TOKEN_BROKEN };

/* [begin, end) as a range; empty when the pointers make none. */
struct udxg_tokens udxg_tokens_range(const void *begin, const void *end);

/* Takes the next token off the range. */
enum udxg_token_next udxg_tokens_next(struct udxg_tokens *tokens, struct udxg_token *ret_token);

/* True when the range, and every container in it to a sane depth, is well formed. */
bool udxg_tokens_valid(struct udxg_tokens tokens);

/* The inside of the first container ID among the siblings in the range; empty when there is none. */
struct udxg_tokens udxg_tokens_inside(struct udxg_tokens tokens, uint16_t id);

/* The inside of container ID at ELEMENT of an array of them. */
struct udxg_tokens udxg_tokens_inside_element(struct udxg_tokens tokens, uint16_t id, uint32_t element);

/* The number of the first token ID among the siblings in the range, or 0. */
uint64_t udxg_tokens_number(struct udxg_tokens tokens, uint16_t id);

struct udxg_token_writer {
    uint32_t *begin;
    uint32_t *at;
    uint32_t *end;
    bool overflow; /* something did not fit; what is there is useless */
};

/* Writes into CAPACITY_BYTES at DESTINATION (borrowed), rounded down to dwords. */
void udxg_token_writer_init(struct udxg_token_writer *writer, void *destination, size_t capacity_bytes);
void udxg_token_put_u32(struct udxg_token_writer *writer, uint16_t id, uint32_t value);
void udxg_token_put_u64(struct udxg_token_writer *writer, uint16_t id, uint64_t value);
/* Opens a container and returns the mark that closes it. */
size_t udxg_token_open(struct udxg_token_writer *writer, uint16_t id, uint32_t element);
void udxg_token_close(struct udxg_token_writer *writer, size_t mark);
/* Fills the rest with empty tokens. False when something did not fit. */
bool udxg_token_writer_finish(struct udxg_token_writer *writer);

#endif
