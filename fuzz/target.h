/* SPDX-License-Identifier: MIT */
/*
 * A target of the fuzzer: one program each, built twice. With -Dfuzz=enabled (clang) it is a fuzzer that looks for new
 * paths; otherwise fuzz/replay.c drives it over the files of fuzz/corpus, as a test. What is wrong ends the program.
 */
#ifndef UDXG_FUZZ_TARGET_H
#define UDXG_FUZZ_TARGET_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

#define FUZZ_NEED(condition)                                                                                           \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);                                    \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

/* An input as it is used up; behind its end there are zeros. */
struct fuzz_input {
    const uint8_t *bytes;
    size_t left;
};

static inline size_t fuzz_copy(struct fuzz_input *input, void *to, size_t size)
{
    size_t there = size < input->left ? size : input->left;
    memset(to, 0, size);
    if (there) memcpy(to, input->bytes, there);
    input->bytes += there;
    input->left -= there;
    return there;
}

static inline uint8_t fuzz_byte(struct fuzz_input *input)
{
    uint8_t value;
    fuzz_copy(input, &value, sizeof value);
    return value;
}

static inline uint32_t fuzz_word(struct fuzz_input *input)
{
    uint32_t value;
    fuzz_copy(input, &value, sizeof value);
    return value;
}

#endif
