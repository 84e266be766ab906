/* SPDX-License-Identifier: MIT */
/*
 * SVG by hand: a document of rectangles and lines of text needs no library. Colour says whose an allocation is,
 * pattern what it is there for; parts too small to be seen are drawn together with their like.
 */
#include "cli/map.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "cli/cli.h"

#define MARGIN 24
#define WIDTH 960.0
#define ROW_HEIGHT 20.0
#define ROW_GAP 3.0
#define MEMORY_ROWS 8u
#define HEADING 30.0
#define LEGEND_LINE 20.0
#define OWNERS_PER_LINE 3u
#define VISIBLE_BYTES_PER_ROW 480u /* half a pixel: less than this part of a row is not drawn by itself */

/* Told apart by people who see colours differently as well (Okabe and Ito's set). */
static const char *const colours[] = {"#0072b2", "#e69f00", "#009e73", "#d55e00", "#56b4e9", "#cc79a7", "#b8a900"};
#define COLOUR_COUNT (sizeof(colours) / sizeof(colours[0]))
#define NOBODY "#9a9a9a"

static const struct {
    const char *pattern, *words; /* no pattern: plain colour */
} states[] = {
    [UDXG_PART_LISTED] = {NULL, "listed by its device"},
    [UDXG_PART_KEPT] = {"kept", "evicted, kept until room is needed"},
    [UDXG_PART_LEAVING] = {"leaving", "leaving"},
    [UDXG_PART_OFFERED] = {"offered", "offered"},
};
#define STATE_COUNT (sizeof(states) / sizeof(states[0]))

/* ---- owners ---- */

/* NULL when it is nobody's, or there are too many to be told apart. */
static struct udxg_map_owner *find_owner(struct udxg_map *map, const struct udxg_segment_part *part)
{
    if (!part->device) return NULL;
    for (uint32_t i = 0; i < map->owner_count; i++)
        if (map->owners[i].process == part->process && map->owners[i].device == part->device) return &map->owners[i];
    if (map->owner_count == UDXG_MAP_OWNERS) return NULL;
    struct udxg_map_owner *owner = &map->owners[map->owner_count++];
    *owner = (struct udxg_map_owner){.process = part->process, .device = part->device};
    return owner;
}

static const char *colour_of(const struct udxg_map *map, const struct udxg_segment_part *part)
{
    for (uint32_t i = 0; part->device && i < map->owner_count; i++)
        if (map->owners[i].process == part->process && map->owners[i].device == part->device)
            return colours[i % COLOUR_COUNT];
    return NOBODY;
}

/* ---- questions ---- */

static NTSTATUS query_parts(LUID luid, struct udxg_map_segment *segment)
{
    uint32_t room = 0, count = 0;
    do {
        room = count + count / 8; /* others go on meanwhile */
        free(segment->parts);
        segment->parts = calloc(room + 1, sizeof(*segment->parts));
        if (!segment->parts) return STATUS_NO_MEMORY;
        count = room;
        NTSTATUS status = udxg_get_segment_map(luid, segment->caps.SegmentId, segment->parts, &count);
        if (udxg_failed(status)) return status;
    } while (count > room);
    segment->part_count = count;
    return STATUS_SUCCESS;
}

static void count_owners(struct udxg_map *map, const struct udxg_map_segment *segment)
{
    for (uint32_t i = 0; i < segment->part_count; i++) {
        struct udxg_map_owner *owner = find_owner(map, &segment->parts[i]);
        if (owner) owner->bytes += segment->parts[i].size_bytes;
    }
}

static NTSTATUS query_resident(LUID luid, struct udxg_map_segment *segment)
{
    D3DKMT_QUERYSTATISTICS *query = calloc(1, sizeof(*query));
    if (!query) return STATUS_NO_MEMORY;
    query->Type = D3DKMT_QUERYSTATISTICS_SEGMENT;
    query->AdapterLuid = luid;
    query->QuerySegment.SegmentId = segment->caps.SegmentId - 1; /* statistics number them from 0 */
    NTSTATUS status = D3DKMTQueryStatistics(query);
    segment->resident_bytes = query->QueryResult.SegmentInformation.BytesResident;
    free(query);
    return status;
}

NTSTATUS udxg_map_query(const struct udxg_query_adapter *adapter, struct udxg_map *ret_map)
{
    *ret_map = (struct udxg_map){.adapter = adapter, .segment_count = adapter->segment_count};
    for (uint32_t i = 0; i < adapter->segment_count; i++) {
        struct udxg_map_segment *segment = &ret_map->segments[i];
        segment->caps = adapter->segments[i];
        NTSTATUS status = query_resident(adapter->luid, segment);
        if (!udxg_failed(status) && !segment->caps.bAperture) status = query_parts(adapter->luid, segment);
        if (udxg_failed(status)) return status;
        count_owners(ret_map, segment);
    }
    return STATUS_SUCCESS;
}

void udxg_map_free(struct udxg_map *map)
{
    for (uint32_t i = 0; i < map->segment_count; i++) free(map->segments[i].parts);
}

/* ---- drawing ---- */

static uint32_t rows_of(const struct udxg_map_segment *segment)
{
    return segment->caps.bAperture ? 1 : MEMORY_ROWS;
}

static uint32_t owner_lines(const struct udxg_map *map)
{
    return (map->owner_count + OWNERS_PER_LINE - 1) / OWNERS_PER_LINE;
}

static double height_of(const struct udxg_map *map)
{
    double height = HEADING + (owner_lines(map) + 2) * LEGEND_LINE;
    for (uint32_t i = 0; i < map->segment_count; i++)
        height += HEADING + rows_of(&map->segments[i]) * (ROW_HEIGHT + ROW_GAP);
    return height;
}

static void draw_text(FILE *out, double y, int size, const char *text)
{
    fprintf(out, "<text x=\"%d\" y=\"%.1f\" font-size=\"%d\">", MARGIN, y, size);
    for (; *text; text++) {
        if (*text == '&')
            fputs("&amp;", out);
        else if (*text == '<')
            fputs("&lt;", out);
        else
            fputc(*text, out);
    }
    fputs("</text>\n", out);
}

static void draw_rect(FILE *out, double x, double y, double width, double height, const char *fill)
{
    fprintf(out, "<rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\" fill=\"%s\"/>\n", x, y, width, height,
            fill);
}

/* A part's colour, and its pattern over it. */
static void draw_box(FILE *out, double x, double y, double width, const struct udxg_map *map,
                     const struct udxg_segment_part *part)
{
    char fill[32];
    draw_rect(out, x, y, width, ROW_HEIGHT, colour_of(map, part));
    if (part->state >= STATE_COUNT || !states[part->state].pattern) return;
    snprintf(fill, sizeof(fill), "url(#%s)", states[part->state].pattern);
    draw_rect(out, x, y, width, ROW_HEIGHT, fill);
}

/* A part may begin in one row and end in another. */
static void draw_part(FILE *out, double top, uint64_t row_bytes, const struct udxg_map *map,
                      const struct udxg_segment_part *part)
{
    uint64_t offset = part->offset_bytes, left = part->size_bytes;
    while (left) {
        uint64_t row = offset / row_bytes, in_row = offset % row_bytes;
        uint64_t size = row_bytes - in_row < left ? row_bytes - in_row : left;
        double scale = WIDTH / (double)row_bytes, width = (double)size * scale;
        /* A hair of background keeps neighbours apart. */
        draw_box(out, MARGIN + (double)in_row * scale, top + (double)row * (ROW_HEIGHT + ROW_GAP),
                 width > 3 ? width - 0.6 : width, map, part);
        offset += size;
        left -= size;
    }
}

static bool can_join(const struct udxg_segment_part *a, const struct udxg_segment_part *b, uint64_t visible_bytes)
{
    if (a->process != b->process || a->device != b->device || a->state != b->state) return false;
    if (a->offset_bytes + a->size_bytes != b->offset_bytes) return false;
    return a->size_bytes < visible_bytes || b->size_bytes < visible_bytes;
}

static void draw_parts(FILE *out, double top, uint64_t row_bytes, const struct udxg_map *map,
                       const struct udxg_map_segment *segment)
{
    for (uint32_t i = 0; i < segment->part_count;) {
        struct udxg_segment_part part = segment->parts[i++];
        while (i < segment->part_count && can_join(&part, &segment->parts[i], row_bytes / VISIBLE_BYTES_PER_ROW))
            part.size_bytes += segment->parts[i++].size_bytes;
        draw_part(out, top, row_bytes, map, &part);
    }
}

static void draw_heading(FILE *out, double y, const struct udxg_map_segment *segment)
{
    char text[160], size[UDXG_SIZE_CHARS], used[UDXG_SIZE_CHARS];
    snprintf(text, sizeof(text), "Segment %u: %s of %s, %s resident", (unsigned)segment->caps.SegmentId,
             segment->caps.bAperture ? "aperture" : "memory", udxg_size_text(segment->caps.Size, size),
             udxg_size_text(segment->resident_bytes, used));
    draw_text(out, y, 14, text);
}

static double draw_segment(FILE *out, double y, const struct udxg_map *map, const struct udxg_map_segment *segment)
{
    uint32_t rows = rows_of(segment);
    uint64_t row_bytes = (segment->caps.Size + rows - 1) / rows;
    double top = y + HEADING - 8;
    draw_heading(out, y + 14, segment);
    for (uint32_t row = 0; row < rows; row++)
        draw_rect(out, MARGIN, top + row * (ROW_HEIGHT + ROW_GAP), WIDTH, ROW_HEIGHT, "#ececec");
    if (segment->caps.bAperture)
        draw_rect(out, MARGIN, top, WIDTH * (double)segment->resident_bytes / (double)row_bytes, ROW_HEIGHT, NOBODY);
    else
        draw_parts(out, top, row_bytes, map, segment);
    return y + HEADING + rows * (ROW_HEIGHT + ROW_GAP);
}

/* ---- legend ---- */

static void draw_owners(FILE *out, double y, const struct udxg_map *map)
{
    for (uint32_t i = 0; i < map->owner_count; i++) {
        const struct udxg_map_owner *owner = &map->owners[i];
        double x = MARGIN + i % OWNERS_PER_LINE * (WIDTH / OWNERS_PER_LINE);
        char size[UDXG_SIZE_CHARS];
        if (i && i % OWNERS_PER_LINE == 0) y += LEGEND_LINE;
        draw_rect(out, x, y - 10, 12, 12, colours[i % COLOUR_COUNT]);
        fprintf(out,
                "<text x=\"%.1f\" y=\"%.1f\" font-size=\"12\">process %" PRIu32 ", device 0x%08" PRIx32 ": %s</text>\n",
                x + 17, y, owner->process, owner->device, udxg_size_text(owner->bytes, size));
    }
}

static void draw_states(FILE *out, double y)
{
    double x = MARGIN;
    for (uint32_t state = 0; state < STATE_COUNT; state++) {
        char fill[32];
        draw_rect(out, x, y - 10, 12, 12, "#777777");
        snprintf(fill, sizeof(fill), "url(#%s)", states[state].pattern ? states[state].pattern : "");
        if (states[state].pattern) draw_rect(out, x, y - 10, 12, 12, fill);
        fprintf(out, "<text x=\"%.1f\" y=\"%.1f\" font-size=\"12\">%s</text>\n", x + 17, y, states[state].words);
        x += 44 + 6.2 * (double)strlen(states[state].words);
    }
}

static double draw_adapter(FILE *out, double y, const struct udxg_map *map)
{
    const char *name = map->adapter->description;
    draw_text(out, y + 18, 17, *name ? name : "(no description)");
    y += HEADING;
    for (uint32_t i = 0; i < map->segment_count; i++) y = draw_segment(out, y, map, &map->segments[i]);
    draw_owners(out, y + 14, map);
    y += owner_lines(map) * LEGEND_LINE;
    draw_states(out, y + 14);
    return y + 2 * LEGEND_LINE;
}

static const char patterns[] =
    "<defs>\n"
    "<pattern id=\"kept\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\">"
    "<rect width=\"3\" height=\"6\" fill=\"#ffffff\" fill-opacity=\"0.55\"/></pattern>\n"
    "<pattern id=\"leaving\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\">"
    "<rect width=\"6\" height=\"3\" fill=\"#ffffff\" fill-opacity=\"0.75\"/></pattern>\n"
    "<pattern id=\"offered\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\">"
    "<circle cx=\"3\" cy=\"3\" r=\"1.8\" fill=\"#ffffff\"/></pattern>\n"
    "</defs>\n";

bool udxg_map_draw(const struct udxg_map *maps, size_t count, FILE *out)
{
    double height = MARGIN, y = MARGIN / 2.0;
    for (size_t i = 0; i < count; i++) height += height_of(&maps[i]);
    fprintf(out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" font-family=\"sans-serif\">\n"
            "<rect width=\"100%%\" height=\"100%%\" fill=\"#ffffff\"/>\n%s",
            WIDTH + 2 * MARGIN, height, patterns);
    for (size_t i = 0; i < count; i++) y = draw_adapter(out, y, &maps[i]);
    fputs("</svg>\n", out);
    return !fflush(out) && !ferror(out);
}
