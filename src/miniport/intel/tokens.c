/* SPDX-License-Identifier: MIT */
/* Reading and writing token streams; the format and the promises are in tokens.h. */
#include "miniport/intel/tokens.h"

#include <string.h>

#define CONTAINER_FLAG 0x10u
#define CONTAINER_HEADER_DWORDS 4u
/* The deepest stream seen is six deep. */
#define MAX_DEPTH 32

struct udxg_tokens udxg_tokens_range(const void *begin, const void *end)
{
    struct udxg_tokens tokens = {begin, begin};
    uintptr_t from = (uintptr_t)begin;
    uintptr_t to = (uintptr_t)end;

    if (begin && to > from && from % sizeof(uint32_t) == 0) tokens.end += (to - from) / sizeof(uint32_t);
    return tokens;
}

static enum udxg_token_next next_container(struct udxg_tokens *tokens, struct udxg_token *token, size_t left)
{
    const uint32_t *header = tokens->at;
    uint32_t padded;

    if (left < CONTAINER_HEADER_DWORDS) return UDXG_TOKEN_BROKEN;
    padded = header[3];
    if (padded > left - CONTAINER_HEADER_DWORDS || header[2] / sizeof(uint32_t) > padded) return UDXG_TOKEN_BROKEN;
    token->is_container = true;
    token->element = header[1];
    token->body.at = header + CONTAINER_HEADER_DWORDS;
    token->body.end = token->body.at + header[2] / sizeof(uint32_t);
    tokens->at += CONTAINER_HEADER_DWORDS + padded;
    return UDXG_TOKEN_FOUND;
}

enum udxg_token_next udxg_tokens_next(struct udxg_tokens *tokens, struct udxg_token *ret_token)
{
    size_t left = (size_t)(tokens->end - tokens->at);
    struct udxg_token token = {0};
    uint32_t dword, payload;
    enum udxg_token_next found = UDXG_TOKEN_FOUND;

    if (left == 0) return UDXG_TOKEN_END;
    dword = *tokens->at;
    token.id = (uint16_t)dword;
    token.flags = (uint8_t)(dword >> 24);
    if (token.flags & CONTAINER_FLAG) {
        found = next_container(tokens, &token, left);
    } else {
        payload = (dword >> 16) & 0xff;
        if (payload >= left) return UDXG_TOKEN_BROKEN;
        token.body.at = tokens->at + 1;
        token.body.end = token.body.at + payload;
        tokens->at += 1 + payload;
    }
    if (found == UDXG_TOKEN_FOUND) *ret_token = token;
    return found;
}

static bool valid_to_depth(struct udxg_tokens tokens, int depth)
{
    struct udxg_token token;
    enum udxg_token_next next;

    while ((next = udxg_tokens_next(&tokens, &token)) == UDXG_TOKEN_FOUND) {
        if (!token.is_container) continue;
        if (depth == 0 || !valid_to_depth(token.body, depth - 1)) return false;
    }
    return next == UDXG_TOKEN_END;
}

bool udxg_tokens_valid(struct udxg_tokens tokens)
{
    return valid_to_depth(tokens, MAX_DEPTH);
}

static bool find(struct udxg_tokens tokens, uint16_t id, bool container, const uint32_t *element,
                 struct udxg_token *ret_token)
{
    struct udxg_token token;

    while (udxg_tokens_next(&tokens, &token) == UDXG_TOKEN_FOUND) {
        if (token.id != id || token.is_container != container) continue;
        if (element && token.element != *element) continue;
        *ret_token = token;
        return true;
    }
    return false;
}

struct udxg_tokens udxg_tokens_inside(struct udxg_tokens tokens, uint16_t id)
{
    struct udxg_token token = {0};

    find(tokens, id, true, NULL, &token);
    return token.body;
}

struct udxg_tokens udxg_tokens_inside_element(struct udxg_tokens tokens, uint16_t id, uint32_t element)
{
    struct udxg_token token = {0};

    find(tokens, id, true, &element, &token);
    return token.body;
}

uint64_t udxg_tokens_number(struct udxg_tokens tokens, uint16_t id)
{
    struct udxg_token token;
    size_t payload;

    if (!find(tokens, id, false, NULL, &token)) return 0;
    payload = (size_t)(token.body.end - token.body.at);
    if (payload == 0) return token.flags & 1u;
    if (payload == 1) return token.body.at[0];
    return token.body.at[0] | (uint64_t)token.body.at[1] << 32;
}

void udxg_token_writer_init(struct udxg_token_writer *writer, void *destination, size_t capacity_bytes)
{
    writer->begin = destination;
    writer->at = destination;
    writer->end = writer->at + capacity_bytes / sizeof(uint32_t);
    writer->overflow = false;
}

static uint32_t *take(struct udxg_token_writer *writer, size_t dwords)
{
    uint32_t *taken = writer->at;

    if (writer->overflow || (size_t)(writer->end - writer->at) < dwords) {
        writer->overflow = true;
        return NULL;
    }
    writer->at += dwords;
    return taken;
}

void udxg_token_put_u32(struct udxg_token_writer *writer, uint16_t id, uint32_t value)
{
    uint32_t *token = take(writer, 2);

    if (!token) return;
    token[0] = id | 1u << 16;
    token[1] = value;
}

void udxg_token_put_u64(struct udxg_token_writer *writer, uint16_t id, uint64_t value)
{
    uint32_t *token = take(writer, 3);

    if (!token) return;
    token[0] = id | 2u << 16;
    token[1] = (uint32_t)value;
    token[2] = (uint32_t)(value >> 32);
}

size_t udxg_token_open(struct udxg_token_writer *writer, uint16_t id, uint32_t element)
{
    size_t mark = (size_t)(writer->at - writer->begin);
    uint32_t *token = take(writer, CONTAINER_HEADER_DWORDS);

    if (!token) return mark;
    token[0] = id | CONTAINER_FLAG << 24;
    token[1] = element;
    token[2] = 0;
    token[3] = 0;
    return mark;
}

void udxg_token_close(struct udxg_token_writer *writer, size_t mark)
{
    uint32_t *token = writer->begin + mark;
    size_t dwords;

    if (writer->overflow) return;
    dwords = (size_t)(writer->at - token) - CONTAINER_HEADER_DWORDS;
    token[2] = (uint32_t)(dwords * sizeof(uint32_t));
    token[3] = (uint32_t)dwords;
}

bool udxg_token_writer_finish(struct udxg_token_writer *writer)
{
    if (writer->overflow) return false;
    memset(writer->at, 0, (size_t)(writer->end - writer->at) * sizeof(uint32_t));
    return true;
}
