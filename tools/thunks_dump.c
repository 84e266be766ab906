/* SPDX-License-Identifier: MIT */
/*
 * Prints the table of calls as JSON (schema udxg.thunks/1), as the page docs/thunks.md, or as the plain list of
 * the names that our libraries export: thunks_dump json|markdown|names|wire. It reads the same constant data as the
 * library, so what it prints is what the library does.
 */
#include <stdio.h>
#include <string.h>

#include "abi/carry.h"
#include "abi/shape.h"
#include "abi/thunk.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static const char *const kind_names[] = {
    [UDXG_KIND_VALUE] = "value",         [UDXG_KIND_COUNT] = "count",     [UDXG_KIND_FLAGS] = "flags",
    [UDXG_KIND_HINTS] = "hints",         [UDXG_KIND_RESERVED] = "reserved", [UDXG_KIND_IGNORED] = "ignored",
    [UDXG_KIND_REST] = "rest",           [UDXG_KIND_HANDLE] = "handle",   [UDXG_KIND_NT_HANDLE] = "descriptor",
    [UDXG_KIND_ADDRESS] = "address",     [UDXG_KIND_HANDLES] = "handles", [UDXG_KIND_POINTER] = "pointer",
    [UDXG_KIND_CALLBACK] = "callback",   [UDXG_KIND_WITHIN] = "within",
    [UDXG_KIND_PROCESS] = "process",     [UDXG_KIND_MAPPED] = "mapped",
};

static const char *const handle_names[UDXG_HANDLE_KIND_COUNT] = {
    [UDXG_IS_ADAPTER] = "adapter",
    [UDXG_IS_DEVICE] = "device",
    [UDXG_IS_RESOURCE] = "resource",
    [UDXG_IS_ALLOCATION] = "allocation",
    [UDXG_IS_CONTEXT] = "context",
    [UDXG_IS_HW_QUEUE] = "hardware queue",
    [UDXG_IS_PAGING_QUEUE] = "paging queue",
    [UDXG_IS_PAGING_QUEUE_OR_ADAPTER] = "paging queue or adapter",
    [UDXG_IS_SYNC] = "synchronisation object",
    [UDXG_IS_KEYED_MUTEX] = "keyed mutex",
    [UDXG_IS_GLOBAL] = "global",
};

static const char *direction_name(unsigned direction)
{
    switch (direction) {
    case UDXG_IN:
        return "in";
    case UDXG_OUT:
        return "out";
    case UDXG_OUT | UDXG_ALWAYS:
        return "out, always";
    case UDXG_IN | UDXG_OUT:
        return "in, out";
    case UDXG_IN | UDXG_OUT | UDXG_ALWAYS:
        return "in, out, always";
    default:
        return "";
    }
}

static const char *name_of_count(const struct udxg_shape *shape, const struct udxg_field *field)
{
    for (uint32_t i = 0; i < shape->field_count; i++) {
        const struct udxg_field *other = &shape->fields[i];
        if (other->offset == field->count_offset && other->kind == UDXG_KIND_COUNT) return other->name;
    }
    return NULL;
}

static bool is_counted(const struct udxg_field *field)
{
    bool array = field->kind == UDXG_KIND_POINTER || field->kind == UDXG_KIND_HANDLES;
    return array && field->count_offset != UDXG_NO_COUNT;
}

/* The shapes that rows point to, each once, in the order in which rows need them. */
static size_t element_shapes(const struct udxg_shape *shapes[], size_t capacity)
{
    size_t count = 0;
    for (size_t i = 0; i < UDXG_THUNK_COUNT; i++) {
        const struct udxg_shape *shape = udxg_thunks[i].shape;
        for (uint32_t j = 0; shape && j < shape->field_count; j++) {
            const struct udxg_shape *element = shape->fields[j].element;
            bool known = !element || count == capacity;
            for (size_t k = 0; k < count; k++) known |= shapes[k] == element;
            if (!known) shapes[count++] = element;
        }
    }
    return count;
}

/* ---- JSON ---- */

static void json_string(const char *name, const char *value)
{
    printf("\"%s\": \"", name);
    for (const char *c = value; *c; c++) {
        if (*c == '"' || *c == '\\') putchar('\\');
        putchar(*c);
    }
    putchar('"');
}

static void json_optional(const char *name, const char *value)
{
    if (!value) return;
    fputs(", ", stdout);
    json_string(name, value);
}

static void json_field(const struct udxg_shape *shape, const struct udxg_field *field)
{
    putchar('{');
    json_string("name", field->name);
    printf(", \"offset\": %u, \"size\": %u", field->offset, field->size);
    json_optional("kind", kind_names[field->kind]);
    json_optional("direction", direction_name(field->direction));
    if (field->handle) json_optional("handle", handle_names[field->handle]);
    if (field->mask) printf(", \"mask\": %llu", (unsigned long long)field->mask);
    if (field->minimum) printf(", \"minimum\": %u", field->minimum);
    if (field->element_size) printf(", \"element_size\": %u, \"maximum\": %u", field->element_size, field->maximum);
    if (field->element) json_optional("element", field->element->name);
    if (is_counted(field)) json_optional("count", name_of_count(shape, field));
    if (field->optional) printf(", \"optional\": true");
    json_optional("when", field->condition);
    json_optional("note", field->note);
    putchar('}');
}

static void json_fields(const struct udxg_shape *shape)
{
    printf(", \"fields\": [");
    for (uint32_t i = 0; i < shape->field_count; i++) {
        fputs(i ? ",\n    " : "\n    ", stdout);
        json_field(shape, &shape->fields[i]);
    }
    putchar(']');
}

static void print_json(void)
{
    const struct udxg_shape *shapes[64];
    size_t count = element_shapes(shapes, COUNT_OF(shapes));
    printf("{\"schema\": \"udxg.thunks/1\", \"structs\": [");
    for (size_t i = 0; i < count; i++) {
        fputs(i ? ",\n  {" : "\n  {", stdout);
        json_string("name", shapes[i]->name);
        printf(", \"size\": %u", shapes[i]->size);
        json_fields(shapes[i]);
        putchar('}');
    }
    printf("],\n\"calls\": [");
    for (size_t i = 0; i < UDXG_THUNK_COUNT; i++) {
        const struct udxg_thunk *thunk = &udxg_thunks[i];
        fputs(i ? ",\n  {" : "\n  {", stdout);
        json_string("name", thunk->name);
        printf(", \"number\": %u, \"implemented\": %s", thunk->number, thunk->implemented ? "true" : "false");
        json_optional("struct", thunk->type);
        if (thunk->size) printf(", \"size\": %u", thunk->size);
        json_optional("local", thunk->local);
        if (thunk->shape) json_fields(thunk->shape);
        putchar('}');
    }
    printf("]}\n");
}

/* ---- Markdown ---- */

static void markdown_elements(const struct udxg_shape *shape, const struct udxg_field *field)
{
    const char *count = is_counted(field) ? name_of_count(shape, field) : NULL;
    printf("%s", field->kind == UDXG_KIND_POINTER ? "leads to " : "");
    if (field->element_size == 1)
        printf("`%s` bytes, at most %u", count, field->maximum);
    else if (count)
        printf("`%s` ", count);
    else
        printf("one ");
    if (field->element_size == 1) return;
    if (field->element)
        printf("`%s`", field->element->name);
    else if (field->handle)
        printf("%s handle%s", handle_names[field->handle], count ? "s" : "");
    else
        printf("number%s of %u bytes", count ? "s" : "", field->element_size);
    if (count) printf(", at most %u", field->maximum);
}

static void markdown_what(const struct udxg_shape *shape, const struct udxg_field *field)
{
    switch ((enum udxg_field_kind)field->kind) {
    case UDXG_KIND_VALUE:
        break;
    case UDXG_KIND_COUNT:
        printf("count%s", field->minimum ? ", at least 1" : "");
        break;
    case UDXG_KIND_FLAGS:
        printf("flags, of %#llx", (unsigned long long)field->mask);
        break;
    case UDXG_KIND_HINTS:
        printf("flags, of %#llx; others are not looked at", (unsigned long long)field->mask);
        break;
    case UDXG_KIND_RESERVED:
        printf("must be 0");
        break;
    case UDXG_KIND_IGNORED:
        printf("not looked at");
        break;
    case UDXG_KIND_REST:
        printf("the rest of a union, not looked at");
        break;
    case UDXG_KIND_HANDLE:
        printf("%s handle%s", handle_names[field->handle], field->optional ? " or 0" : "");
        break;
    case UDXG_KIND_NT_HANDLE:
        printf("file descriptor");
        break;
    case UDXG_KIND_ADDRESS:
        printf("address");
        break;
    case UDXG_KIND_CALLBACK:
        printf("function%s", field->optional ? " or NULL" : "");
        break;
    case UDXG_KIND_POINTER:
        markdown_elements(shape, field);
        if (field->optional) printf("; may be NULL");
        if (field->recount) printf("; the count afterwards says how many are written");
        break;
    case UDXG_KIND_HANDLES:
        markdown_elements(shape, field);
        break;
    case UDXG_KIND_PROCESS:
        printf("process");
        break;
    case UDXG_KIND_MAPPED:
        printf("address of ours");
        break;
    case UDXG_KIND_WITHIN:
        printf("address in another field's memory, or NULL");
        break;
    }
}

static void markdown_fields(const struct udxg_shape *shape)
{
    printf("| field | at | bytes | direction | what |\n|---|---|---|---|---|\n");
    for (uint32_t i = 0; i < shape->field_count; i++) {
        const struct udxg_field *field = &shape->fields[i];
        printf("| `%s` | %u | %u | %s | ", field->name, field->offset, field->size, direction_name(field->direction));
        markdown_what(shape, field);
        bool plain = field->kind == UDXG_KIND_VALUE;
        if (field->condition) printf("%sonly when %s", plain ? "" : "; ", field->condition);
        if (field->note) printf("%s%s", plain && !field->condition ? "" : "; ", field->note);
        printf(" |\n");
    }
    putchar('\n');
}

static void markdown_number(const struct udxg_thunk *thunk)
{
    if (thunk->number) printf("%#04x", thunk->number);
}

static void markdown_implemented(void)
{
    const struct udxg_shape *shapes[64];
    size_t count = element_shapes(shapes, COUNT_OF(shapes));
    printf("## Implemented\n\n");
    for (size_t i = 0; i < UDXG_THUNK_COUNT; i++) {
        const struct udxg_thunk *thunk = &udxg_thunks[i];
        if (!thunk->implemented) continue;
        printf("### %s%s\n\n`%s`, %u bytes", thunk->control ? "udxg: " : "D3DKMT", thunk->name, thunk->type,
               thunk->size);
        if (thunk->number) printf("; ioctl %#04x in WSL", thunk->number);
        printf("\n\n");
        markdown_fields(thunk->shape);
    }
    printf("## Structs that these point to\n\n");
    for (size_t i = 0; i < count; i++) {
        printf("### %s\n\n%u bytes\n\n", shapes[i]->name, shapes[i]->size);
        markdown_fields(shapes[i]);
    }
}

static void markdown_not_yet(void)
{
    printf("## Exported, not there yet\n\n"
           "They return STATUS_NOT_SUPPORTED, or STATUS_INVALID_PARAMETER for NULL. A struct without a size is one\n"
           "of those that our headers only name.\n\n"
           "| call | argument struct | bytes | ioctl in WSL |\n|---|---|---|---|\n");
    for (size_t i = 0; i < UDXG_THUNK_COUNT; i++) {
        const struct udxg_thunk *thunk = &udxg_thunks[i];
        if (thunk->implemented || thunk->local) continue;
        printf("| D3DKMT%s | ", thunk->name);
        if (thunk->type)
            printf("`%s` | ", thunk->type);
        else
            printf("parameters of its own | ");
        if (thunk->size) printf("%u", thunk->size);
        printf(" | ");
        markdown_number(thunk);
        printf(" |\n");
    }
    printf("\n## Answered by the library alone\n\n| call | answer |\n|---|---|\n");
    for (size_t i = 0; i < UDXG_THUNK_COUNT; i++) {
        if (udxg_thunks[i].local) printf("| D3DKMT%s | %s |\n", udxg_thunks[i].name, udxg_thunks[i].local);
    }
}

static void print_markdown(void)
{
    unsigned names = 0, implemented = 0;
    for (size_t i = 0; i < UDXG_THUNK_COUNT; i++) {
        names += !udxg_thunks[i].control;
        implemented += !udxg_thunks[i].control && udxg_thunks[i].implemented;
    }
    printf("<!-- Made by tools/thunks_dump from src/abi/thunks.def. A test compares the two: change the table, then\n"
           "     run `make docs`. -->\n"
           "# The D3DKMT calls\n\n"
           "%u names are exported, %u of them are implemented.\n\n"
           "A call copies its arguments in once, checks them, runs, and copies the outputs back. What breaks a rule\n"
           "below is STATUS_INVALID_PARAMETER before anything happens: counts over their limits, flags that are not\n"
           "named, a NULL pointer with a count, memory that is not there or cannot be written. *out* fields are\n"
           "written when the call succeeds (STATUS_PENDING and STATUS_TIMEOUT are successes) and left alone when it\n"
           "fails; those that say *always* are written in both cases, unless the arguments were refused. Bytes that\n"
           "no line mentions are padding.\n\n",
           names, implemented);
    markdown_implemented();
    markdown_not_yet();
}

/* ---- the wire ---- */

static void wire_carries(enum udxg_thunk_id id)
{
    static const char *const names[UDXG_CARGO_COUNT] = {
        [UDXG_CARGO_GIVEN] = "descriptors in",
        [UDXG_CARGO_MADE] = "descriptors out",
        [UDXG_CARGO_MAPPED] = "addresses out",
        [UDXG_CARGO_PROCESS] = "a process",
    };
    const char *comma = "";
    for (int cargo = 0; cargo < UDXG_CARGO_COUNT; cargo++) {
        if (!udxg_thunk_carries(id, (enum udxg_cargo)cargo)) continue;
        printf("%s%s", comma, names[cargo]);
        comma = ", ";
    }
}

/* The spans that follow the struct, in the order in which the walk meets them. */
static void wire_spans(const struct udxg_shape *shape, const char *before)
{
    for (uint32_t i = 0; i < shape->field_count; i++) {
        const struct udxg_field *field = &shape->fields[i];
        if (field->kind != UDXG_KIND_POINTER) continue;
        printf("%s%s", before, field->name);
        if (field->element) wire_spans(field->element, " with each ");
        before = ", ";
    }
}

static void print_wire(void)
{
    printf("<!-- Made by tools/thunks_dump from src/abi/thunks.def. A test compares the two: change the table, then\n"
           "     run `make docs`. -->\n"
           "# Calls on the wire\n\n"
           "How a call travels is in [daemon.md](daemon.md). A message begins with the argument struct; the memory that\n"
           "its pointers lead to follows in the order given here, each part at a multiple of %u bytes. What a part is, its\n"
           "limits and which fields come back are in [thunks.md](thunks.md). Another table has another signature, and\n"
           "client and daemon of different tables do not talk: this one has 0x%016llx.\n\n"
           "| number | call | struct, bytes | then | carries |\n|---|---|---|---|---|\n",
           UDXG_MESSAGE_ALIGNMENT, (unsigned long long)udxg_thunk_signature());
    for (int id = 0; id < UDXG_THUNK_COUNT; id++) {
        const struct udxg_thunk *thunk = &udxg_thunks[id];
        if (!thunk->implemented) continue;
        printf("| %d | %s | %u | ", id, thunk->name, thunk->size);
        wire_spans(thunk->shape, "");
        printf(" | ");
        wire_carries((enum udxg_thunk_id)id);
        printf(" |\n");
    }
}

static void print_names(void)
{
    for (size_t i = 0; i < UDXG_THUNK_COUNT; i++) {
        if (!udxg_thunks[i].control) printf("D3DKMT%s\n", udxg_thunks[i].name);
    }
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*print)(void);
    } formats[] = {{"json", print_json}, {"markdown", print_markdown}, {"names", print_names}, {"wire", print_wire}};
    for (size_t i = 0; argc == 2 && i < COUNT_OF(formats); i++) {
        if (strcmp(argv[1], formats[i].name) != 0) continue;
        formats[i].print();
        return ferror(stdout) || fflush(stdout) ? 1 : 0;
    }
    fprintf(stderr, "usage: thunks_dump json|markdown|names|wire\n");
    return 2;
}
