/* SPDX-License-Identifier: MIT */
/* Writes an input of fuzz/message.c for each valid call that the sweep knows into the folder of its argument. */
#include <fcntl.h>
#include <unistd.h>

#include "cases.h"
#include "names.h"
#include "target.h"

static unsigned char message[65536];
static const struct udxg_frame *current;

/* Its place in the message: the spans before it say. */
static unsigned char *place_of(const struct udxg_span *span)
{
    uint32_t at = 0;

    for (const struct udxg_span *before = current->spans; before != span; before++)
        at += (before->bytes + UDXG_MESSAGE_ALIGNMENT - 1) / UDXG_MESSAGE_ALIGNMENT * UDXG_MESSAGE_ALIGNMENT;
    return message + at;
}

static void write_seed(const char *folder, unsigned number, const struct sweep_case *test, struct world *world)
{
    static struct udxg_frame frame;
    struct fuzz_names names;
    char path[4096];
    unsigned char head[2] = {(unsigned char)test->id, 0};
    void *args = world_take(world, udxg_thunks[test->id].size), *copy;

    test->set_up(world, args);
    if (udxg_failed(udxg_thunk_enter(test->id, args, &frame, &copy))) return;
    current = &frame;
    memset(message, 0, sizeof message);
    udxg_thunk_put_message(&frame, message);
    fuzz_names_of_world(world, &names);
    fuzz_names_visit(&names, &frame, place_of, fuzz_handle_to_name);
    snprintf(path, sizeof path, "%s/case-%03u", folder, number);
    FILE *file = fopen(path, "wb");
    FUZZ_NEED(file);
    FUZZ_NEED(fwrite(head, sizeof head, 1, file) == 1);
    FUZZ_NEED(fwrite(message, udxg_thunk_message_bytes(&frame), 1, file) == 1);
    fclose(file);
    (void)!udxg_thunk_leave(&frame, STATUS_NO_MEMORY);
}

int main(int argc, char **argv)
{
    FUZZ_NEED(argc == 2);
    for (unsigned i = 0; i < sweep_case_count; i++) {
        struct world world;
        world_make(&world);
        if (udxg_thunks[sweep_cases[i].id].implemented) write_seed(argv[1], i, &sweep_cases[i], &world);
    }
    return 0;
}
