/* SPDX-License-Identifier: MIT */
/*
 * Reads profiles. inih splits the lines; what a key may be stands in three tables, one for each kind of
 * section, and every value is judged when it is read, so that the message can name its line. What takes more
 * than one line to judge is udxg_validate_caps()'s business.
 *
 * There is no state between calls and no lock. Nothing here starts an adapter.
 */
#include "ddi/profile.h"

#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "ddi/inject.h"
#include "ddi/validate.h"

#define PROFILE_MAX_BYTES 65536u
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- values ---- */

struct word {
    const char *name;
    uint64_t value;
};

static const struct word size_units[] = {
    {"", 1},
    {"KiB", UINT64_C(1) << 10},
    {"MiB", UINT64_C(1) << 20},
    {"GiB", UINT64_C(1) << 30},
    {"TiB", UINT64_C(1) << 40},
    {NULL, 0},
};

static const struct word clock_units[] = {
    {"Hz", 1}, {"kHz", 1000}, {"MHz", 1000000}, {"GHz", 1000000000}, {NULL, 0},
};

static const struct word truths[] = {{"no", 0}, {"yes", 1}, {NULL, 0}};

static const struct word engines[] = {
    {"other", DXGK_ENGINE_TYPE_OTHER},
    {"3d", DXGK_ENGINE_TYPE_3D},
    {"video_decode", DXGK_ENGINE_TYPE_VIDEO_DECODE},
    {"video_encode", DXGK_ENGINE_TYPE_VIDEO_ENCODE},
    {"video_processing", DXGK_ENGINE_TYPE_VIDEO_PROCESSING},
    {"scene_assembly", DXGK_ENGINE_TYPE_SCENE_ASSEMBLY},
    {"copy", DXGK_ENGINE_TYPE_COPY},
    {"overlay", DXGK_ENGINE_TYPE_OVERLAY},
    {"crypto", DXGK_ENGINE_TYPE_CRYPTO},
    {NULL, 0},
};

static const struct word segment_flags[] = {
    {"aperture", UDXG_SEGMENT_APERTURE},
    {"cpu_visible", UDXG_SEGMENT_CPU_VISIBLE},
    {"cache_coherent", UDXG_SEGMENT_CACHE_COHERENT},
    {"populated_from_system_memory", UDXG_SEGMENT_POPULATED_FROM_SYSTEM_MEMORY},
    {"use_64kb_pages", UDXG_SEGMENT_USE_64KB_PAGES},
    {"application_target", UDXG_SEGMENT_APPLICATION_TARGET},
    {"local_budget_group", UDXG_SEGMENT_LOCAL_BUDGET_GROUP},
    {"non_local_budget_group", UDXG_SEGMENT_NON_LOCAL_BUDGET_GROUP},
    {NULL, 0},
};

/* Each reader returns NULL or the rule that the text breaks. */

static const struct word *find_word(const struct word *words, const char *text, size_t length)
{
    for (; words->name; words++) {
        if (strlen(words->name) == length && memcmp(words->name, text, length) == 0) return words;
    }
    return NULL;
}

static const char *read_number(const char *text, const char **ret_rest, uint64_t *ret_value)
{
    bool hexadecimal = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    const char *digits = hexadecimal ? text + 2 : text;
    char *rest;
    if (!isxdigit((unsigned char)digits[0])) return "not a number";
    errno = 0;
    unsigned long long value = strtoull(digits, &rest, hexadecimal ? 16 : 10);
    if (rest == digits) return "not a number";
    if (errno == ERANGE) return "the number is above 2^64 - 1";
    *ret_rest = rest;
    *ret_value = value;
    return NULL;
}

static const char *read_plain(const char *text, uint64_t *ret_value)
{
    const char *rest, *broken = read_number(text, &rest, ret_value);
    if (broken) return broken;
    return *rest ? "something follows the number" : NULL;
}

static const char *read_quantity(const char *text, const struct word *units, const char *unknown, uint64_t *ret_value)
{
    const char *rest, *broken = read_number(text, &rest, ret_value);
    if (broken) return broken;
    while (*rest == ' ') rest++;
    const struct word *unit = find_word(units, rest, strlen(rest));
    if (!unit) return unknown;
    if (__builtin_mul_overflow(*ret_value, unit->value, ret_value)) return "the number is above 2^64 - 1";
    return NULL;
}

static const char *read_word(const char *text, const struct word *words, const char *unknown, uint64_t *ret_value)
{
    const struct word *word = find_word(words, text, strlen(text));
    if (!word) return unknown;
    *ret_value = word->value;
    return NULL;
}

static const char *read_flags(const char *text, uint64_t *ret_value)
{
    *ret_value = 0;
    while (*text) {
        size_t length = strcspn(text, ", ");
        const struct word *word = find_word(segment_flags, text, length);
        if (!word) return "a segment has no such flag";
        *ret_value |= word->value;
        text += length;
        text += strspn(text, ", ");
    }
    return NULL;
}

/* Four parts of 16 bits, the first one on top. */
static const char *read_version(const char *text, uint64_t *ret_value)
{
    static const char rule[] = "a driver version is four numbers up to 65535 with dots between";
    *ret_value = 0;
    for (int i = 0; i < 4; i++) {
        uint64_t part;
        const char *rest;
        if (read_number(text, &rest, &part) || part > UINT16_MAX || *rest != (i < 3 ? '.' : 0)) return rule;
        *ret_value = *ret_value << 16 | part;
        text = rest + 1;
    }
    return NULL;
}

/* ---- keys ---- */

enum kind {
    KIND_TEXT,
    KIND_NUMBER,
    KIND_SIZE,
    KIND_CLOCK,
    KIND_TRUTH,
    KIND_VERSION,
    KIND_FLAGS,
    KIND_ENGINE,
    KIND_INJECT,
};

struct key {
    const char *name;
    enum kind kind;
    bool required;
    size_t offset, bytes; /* of the field in the section's object */
};

#define FIELD(type, field) offsetof(struct type, field), sizeof(((struct type *)0)->field)

static const struct key adapter_keys[] = {
    {"description", KIND_TEXT, true, FIELD(udxg_adapter_caps, description)},
    {"miniport", KIND_TEXT, true, FIELD(udxg_adapter_caps, miniport)},
    {"wddm", KIND_NUMBER, true, FIELD(udxg_adapter_caps, wddm_version)},
    {"gpu_va_bits", KIND_NUMBER, true, FIELD(udxg_adapter_caps, gpu_va_bits)},
    {"clock", KIND_CLOCK, true, FIELD(udxg_adapter_caps, clock_hz)},
    {"vendor_id", KIND_NUMBER, false, FIELD(udxg_adapter_caps, vendor_id)},
    {"device_id", KIND_NUMBER, false, FIELD(udxg_adapter_caps, device_id)},
    {"sub_vendor_id", KIND_NUMBER, false, FIELD(udxg_adapter_caps, sub_vendor_id)},
    {"sub_system_id", KIND_NUMBER, false, FIELD(udxg_adapter_caps, sub_system_id)},
    {"revision_id", KIND_NUMBER, false, FIELD(udxg_adapter_caps, revision_id)},
    {"hardware", KIND_TRUTH, false, FIELD(udxg_adapter_caps, is_hardware)},
    {"driver_version", KIND_VERSION, false, FIELD(udxg_adapter_caps, driver_version)},
    {"aperture_commit_limit", KIND_SIZE, false, FIELD(udxg_adapter_caps, aperture_commit_limit_bytes)},
    {"system_commit_limit", KIND_SIZE, false, FIELD(udxg_adapter_caps, system_commit_limit_bytes)},
    {"inject", KIND_INJECT, false, FIELD(udxg_adapter_caps, inject)},
    {"tdr_delay_ms", KIND_NUMBER, false, FIELD(udxg_adapter_caps, tdr_delay_ms)},
    {"tdr_reset_delay_ms", KIND_NUMBER, false, FIELD(udxg_adapter_caps, tdr_reset_delay_ms)},
};

static const struct key segment_keys[] = {
    {"size", KIND_SIZE, true, FIELD(udxg_segment, size_bytes)},
    {"flags", KIND_FLAGS, false, FIELD(udxg_segment, flags)},
    {"commit_limit", KIND_SIZE, false, FIELD(udxg_segment, commit_limit_bytes)},
};

static const struct key node_keys[] = {
    {"type", KIND_ENGINE, true, FIELD(udxg_node, engine_type)},
    {"name", KIND_TEXT, true, FIELD(udxg_node, name)},
};

static const char *store_text(char *field, size_t field_bytes, const char *text)
{
    size_t length = strlen(text);
    if (!length) return "the text is empty";
    if (length >= field_bytes) return "the text is too long";
    memcpy(field, text, length + 1);
    return NULL;
}

static const char *store_number(void *field, size_t field_bytes, uint64_t value)
{
    if (field_bytes < 8 && value >> (8 * field_bytes)) return "the number does not fit its field";
    memcpy(field, &value, field_bytes); /* little endian, as all that we run on */
    return NULL;
}

static const char *store(const struct key *key, void *object, const char *text)
{
    char *field = (char *)object + key->offset;
    const char *broken = NULL;
    uint64_t value = 0;
    struct udxg_inject_rules rules = {0};
    switch (key->kind) {
    case KIND_INJECT:
        broken = udxg_inject_parse(text, UDXG_INJECT_ALL, &rules);
        return broken ? broken : store_text(field, key->bytes, text);
    case KIND_TEXT:
        return store_text(field, key->bytes, text);
    case KIND_NUMBER:
        broken = read_plain(text, &value);
        break;
    case KIND_SIZE:
        broken = read_quantity(text, size_units, "a size is in bytes, KiB, MiB, GiB or TiB", &value);
        break;
    case KIND_CLOCK:
        broken = read_quantity(text, clock_units, "a clock is in Hz, kHz, MHz or GHz", &value);
        break;
    case KIND_TRUTH:
        broken = read_word(text, truths, "say yes or no", &value);
        break;
    case KIND_VERSION:
        broken = read_version(text, &value);
        break;
    case KIND_FLAGS:
        broken = read_flags(text, &value);
        break;
    case KIND_ENGINE:
        broken = read_word(text, engines, "there is no such engine type", &value);
        break;
    }
    return broken ? broken : store_number(field, key->bytes, value);
}

/* ---- sections ---- */

struct parse {
    const char *file, *next; /* the text that has not been read */
    int line;
    struct udxg_adapter_caps *caps;
    /* Bit i of each: key i of the section's table was given. */
    uint32_t seen_adapter, seen_segments[UDXG_MAX_SEGMENTS], seen_nodes[UDXG_MAX_NODES];
    char *error;
    size_t error_bytes;
    bool failed; /* the first error is told, the rest is not read */
};

struct section {
    const struct key *keys;
    size_t key_count;
    void *object;
    uint32_t *seen;
};

__attribute__((format(printf, 2, 3))) static int fail(struct parse *parse, const char *format, ...)
{
    if (!parse->failed) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(parse->error, parse->error_bytes, format, arguments);
        va_end(arguments);
    }
    parse->failed = true;
    return 0; /* inih's word for an error */
}

/* The number behind "segment." or "node."; it may be of a section seen before or the next one. */
static bool section_index(const char *name, const char *prefix, uint32_t first, uint32_t max, uint32_t *count,
                          uint32_t *ret_index)
{
    uint64_t number;
    size_t length = strlen(prefix);
    if (strncmp(name, prefix, length) || read_plain(name + length, &number)) return false;
    if (number < first || number - first > *count || number - first >= max) return false;
    *ret_index = (uint32_t)number - first;
    if (*ret_index == *count) ++*count;
    return true;
}

static bool find_section(struct parse *parse, const char *name, struct section *ret)
{
    struct udxg_adapter_caps *caps = parse->caps;
    uint32_t i;
    if (strcmp(name, "adapter") == 0) {
        *ret = (struct section){adapter_keys, COUNT(adapter_keys), caps, &parse->seen_adapter};
        return true;
    }
    if (section_index(name, "segment.", 1, UDXG_MAX_SEGMENT_ID, &caps->segment_count, &i)) {
        *ret = (struct section){segment_keys, COUNT(segment_keys), &caps->segments[i], &parse->seen_segments[i]};
        return true;
    }
    if (section_index(name, "node.", 0, UDXG_MAX_NODES, &caps->node_count, &i)) {
        *ret = (struct section){node_keys, COUNT(node_keys), &caps->nodes[i], &parse->seen_nodes[i]};
        return true;
    }
    return false;
}

static int on_value(void *user, const char *section_name, const char *name, const char *value)
{
    struct parse *parse = user;
    struct section section;
    if (parse->failed) return 0;
    if (!find_section(parse, section_name, &section))
        return fail(parse, "%s:%d: [%s]: a section is adapter, segment.1 to segment.31 or node.0 to node.15, in order",
                    parse->file, parse->line, section_name);
    for (size_t i = 0; i < section.key_count; i++) {
        if (strcmp(section.keys[i].name, name)) continue;
        const char *broken = *section.seen >> i & 1 ? "is given twice" : store(&section.keys[i], section.object, value);
        if (broken) return fail(parse, "%s:%d: [%s] %s: %s", parse->file, parse->line, section_name, name, broken);
        *section.seen |= 1u << i;
        return 1;
    }
    return fail(parse, "%s:%d: [%s] %s: there is no such key", parse->file, parse->line, section_name, name);
}

static void check_required(struct parse *parse, const struct key *keys, size_t key_count, uint32_t seen,
                           const char *section)
{
    for (size_t i = 0; i < key_count && !parse->failed; i++) {
        if (keys[i].required && !(seen >> i & 1))
            fail(parse, "%s: [%s] %s: is missing", parse->file, section, keys[i].name);
    }
}

static void check_complete(struct parse *parse)
{
    char section[24];
    check_required(parse, adapter_keys, COUNT(adapter_keys), parse->seen_adapter, "adapter");
    for (uint32_t i = 0; i < parse->caps->segment_count; i++) {
        snprintf(section, sizeof(section), "segment.%u", i + 1);
        check_required(parse, segment_keys, COUNT(segment_keys), parse->seen_segments[i], section);
    }
    for (uint32_t i = 0; i < parse->caps->node_count; i++) {
        snprintf(section, sizeof(section), "node.%u", i);
        check_required(parse, node_keys, COUNT(node_keys), parse->seen_nodes[i], section);
    }
}

/* fgets() over the text: it counts the lines, because inih does not tell them to the handler. */
static char *next_line(char *buffer, int buffer_bytes, void *user)
{
    struct parse *parse = user;
    size_t length = strcspn(parse->next, "\n");
    bool newline = parse->next[length] == '\n';
    if (!*parse->next || parse->failed) return NULL;
    parse->line++;
    if (length + newline >= (size_t)buffer_bytes) {
        fail(parse, "%s:%d: a line has at most %d bytes", parse->file, parse->line, buffer_bytes - 2);
        return NULL;
    }
    memcpy(buffer, parse->next, length + newline);
    buffer[length + newline] = 0;
    parse->next += length + newline;
    return buffer;
}

udxg_status udxg_profile_parse(const char *text, const char *file, const char *name, struct udxg_adapter_caps *ret_caps,
                               char *error, size_t error_bytes)
{
    struct udxg_adapter_caps caps = {0};
    struct parse parse = {.file = file, .next = text, .caps = &caps, .error = error, .error_bytes = error_bytes};

    int line = ini_parse_stream(next_line, &parse, on_value, &parse);
    if (line < 0) return STATUS_NO_MEMORY;
    if (line && (!parse.failed || line < parse.line)) { /* inih goes on after a line that it cannot read */
        parse.failed = false;
        fail(&parse, "%s:%d: a line is [section], key = value or ; comment", file, line);
    }
    if (parse.failed) return STATUS_INVALID_PARAMETER;
    if (store_text(caps.name, sizeof(caps.name), name))
        fail(&parse, "%s: a profile's name has 1 to %zu bytes", file, sizeof(caps.name) - 1);
    if (!parse.failed) check_complete(&parse);
    const char *broken = parse.failed ? NULL : udxg_validate_caps(&caps);
    if (broken) fail(&parse, "%s: %s", file, broken);
    if (parse.failed) return STATUS_INVALID_PARAMETER;
    *ret_caps = caps;
    return STATUS_SUCCESS;
}

/* ---- loading ---- */

const char *udxg_profile_builtin(const char *name)
{
    for (const struct udxg_profile_text *profile = udxg_profile_texts; profile->name; profile++) {
        if (strcmp(profile->name, name) == 0) return profile->text;
    }
    return NULL;
}

static udxg_status load_builtin(const char *name, struct udxg_adapter_caps *ret_caps, char *error, size_t error_bytes)
{
    const char *text = udxg_profile_builtin(name);
    if (text) return udxg_profile_parse(text, name, name, ret_caps, error, error_bytes);
    int used = snprintf(error, error_bytes, "%s: no profile has this name; there are", name);
    for (const struct udxg_profile_text *profile = udxg_profile_texts; profile->name; profile++) {
        if (used < 0 || (size_t)used >= error_bytes) break;
        used += snprintf(error + used, error_bytes - (size_t)used, " %s", profile->name);
    }
    return STATUS_OBJECT_NAME_NOT_FOUND;
}

static udxg_status read_file(const char *path, char **ret_text, char *error, size_t error_bytes)
{
    FILE *file = fopen(path, "re");
    if (!file) {
        snprintf(error, error_bytes, "%s: %s", path, strerror(errno));
        return STATUS_OBJECT_NAME_NOT_FOUND;
    }
    char *text = malloc(PROFILE_MAX_BYTES + 1);
    size_t length = text ? fread(text, 1, PROFILE_MAX_BYTES + 1, file) : 0;
    bool bad = text && (ferror(file) || length > PROFILE_MAX_BYTES || memchr(text, 0, length));
    fclose(file);
    if (!text) return STATUS_NO_MEMORY;
    if (bad) {
        snprintf(error, error_bytes, "%s: a profile is text of at most %u bytes", path, PROFILE_MAX_BYTES);
        free(text);
        return STATUS_INVALID_PARAMETER;
    }
    text[length] = 0;
    *ret_text = text;
    return STATUS_SUCCESS;
}

static udxg_status load_file(const char *path, struct udxg_adapter_caps *ret_caps, char *error, size_t error_bytes)
{
    const char *base = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
    char name[sizeof(ret_caps->name)] = "";
    size_t length = strlen(base) - strlen(".ini");
    if (length < sizeof(name)) memcpy(name, base, length); /* a longer one stays empty and is refused below */
    UDXG_AUTO_FREE char *text = NULL;
    udxg_status status = read_file(path, &text, error, error_bytes);
    if (udxg_failed(status)) return status;
    return udxg_profile_parse(text, path, name, ret_caps, error, error_bytes);
}

static bool is_path(const char *element)
{
    size_t length = strlen(element);
    return length > 4 && strcmp(element + length - 4, ".ini") == 0;
}

/* Cuts the next element off the list, without the spaces around it. */
static char *next_element(char **list)
{
    char *element = *list + strspn(*list, " ");
    char *end = element + strcspn(element, ",");
    *list = *end ? end + 1 : NULL;
    while (end > element && end[-1] == ' ') end--;
    *end = 0;
    return element;
}

udxg_status udxg_profile_load(const char *list, struct udxg_adapter_caps *ret_caps, uint32_t max, uint32_t *ret_count,
                              char *error, size_t error_bytes)
{
    UDXG_AUTO_FREE char *copy = strdup(list && *list ? list : UDXG_PROFILE_DEFAULT_LIST);
    if (!copy) return STATUS_NO_MEMORY;
    uint32_t count = 0;
    for (char *rest = copy; rest; count++) {
        const char *element = next_element(&rest);
        if (count == max) {
            snprintf(error, error_bytes, "%s: there are at most %u adapters", element, max);
            return STATUS_INVALID_PARAMETER;
        }
        udxg_status status = is_path(element) ? load_file(element, &ret_caps[count], error, error_bytes)
                                              : load_builtin(element, &ret_caps[count], error, error_bytes);
        if (udxg_failed(status)) return status;
    }
    *ret_count = count;
    return STATUS_SUCCESS;
}
