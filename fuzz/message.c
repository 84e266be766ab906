/* SPDX-License-Identifier: MIT */
/*
 * Calls as messages, into a kernel whose client lives elsewhere and cannot be reached, after one of each kind of object
 * was made (tests/sweep/world.c, whose calls take the same way). An input is a sequence of
 *
 *     row, how                     a byte each; how: bit 0 the size is as given, not as the row wants it
 *     size                         two bytes, only with bit 0
 *     the message                  as far as the row reads
 *
 * In fields that are handles, small numbers mean (fuzz/names.h) the objects that there are; so are descriptors. Calls
 * that sleep are ended by cancelling the process after SEQUENCE_MS.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "abi/carry.h"
#include "abi/shape.h"
#include "base/os.h"
#include "client/client.h"
#include "core/dispatch.h"
#include "core/kernel.h"
#include "core/process.h"
#include "miniport/miniports.h"
#include "names.h"
#include "target.h"

#define MESSAGE_BYTES 32768u
#define SEQUENCE_MS 50u
#define CALLS_AT_MOST 24u

struct stage {
    struct udxg_kernel *kernel;
    struct udxg_process *process;
    struct udxg_endpoint endpoint;
    struct world world;
    struct fuzz_names names;
    int descriptors[8];
};

static struct stage stage;

/* ---- the client that makes the world, and what calls carry ---- */

static udxg_status carry_for_world(void *user, enum udxg_cargo cargo, uint64_t *value)
{
    (void)user, (void)cargo, (void)value; /* it lives here: everything is what it says */
    return STATUS_SUCCESS;
}

static udxg_status carry_for_input(void *user, enum udxg_cargo cargo, uint64_t *value)
{
    (void)user;
    if (cargo == UDXG_CARGO_GIVEN) *value = (uint64_t)stage.descriptors[*value % 8];
    if (cargo == UDXG_CARGO_MADE) close((int)*value);
    return STATUS_SUCCESS;
}

/* The exported names end here (client/exports.c). */
udxg_status udxg_call(enum udxg_thunk_id id, const void *args)
{
    static _Alignas(16) unsigned char bytes[MESSAGE_BYTES];
    static const struct udxg_courier courier = {carry_for_world, NULL};
    static struct udxg_frame frame;
    struct udxg_message message = {bytes, 0};
    void *copy;
    udxg_status status = udxg_thunk_enter(id, args, &frame, &copy);

    if (udxg_failed(status)) return status;
    message.size_bytes = udxg_thunk_message_bytes(&frame);
    FUZZ_NEED(message.size_bytes <= sizeof bytes);
    udxg_thunk_put_message(&frame, bytes);
    status = udxg_dispatch_message(stage.process, id, &message, &courier);
    udxg_thunk_take_message(&frame, bytes);
    return udxg_thunk_leave(&frame, status);
}

/* ---- the end of what sleeps ---- */

static pthread_mutex_t watch_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t watch_changed;
static uint64_t watch_deadline; /* 0: nobody is to be cancelled; with watch_lock */

static void *watch(void *argument)
{
    (void)argument;
    pthread_mutex_lock(&watch_lock);
    for (;;) {
        if (!watch_deadline || udxg_os_now_ns() < watch_deadline) {
            udxg_os_cond_wait_until(&watch_changed, &watch_lock,
                                    watch_deadline ? watch_deadline : udxg_os_now_ns() + 1000000000u);
            continue;
        }
        udxg_process_cancel(stage.process);
        watch_deadline = 0;
    }
    return NULL;
}

static void set_watch(uint64_t deadline)
{
    pthread_mutex_lock(&watch_lock);
    watch_deadline = deadline;
    pthread_cond_signal(&watch_changed);
    pthread_mutex_unlock(&watch_lock);
}

/* ---- the stage ---- */

static void notify(const struct udxg_endpoint *endpoint, const struct udxg_notification *notification)
{
    (void)endpoint, (void)notification;
}

static void set_up_once(void)
{
    char error[256];
    pthread_t thread;

    if (stage.kernel) return;
    if (udxg_failed(
            udxg_kernel_create("soft-discrete,intel-tgl", udxg_miniports, error, sizeof error, &stage.kernel))) {
        fprintf(stderr, "%s\n", error);
        abort();
    }
    udxg_os_cond_init(&watch_changed);
    FUZZ_NEED(pthread_create(&thread, NULL, watch, NULL) == 0);
}

static void begin(void)
{
    stage.endpoint = (struct udxg_endpoint){.memory = UDXG_FOREIGN_NONE, .pid = 77, .uid = 1000, .notify = notify};
    FUZZ_NEED(!udxg_failed(udxg_process_create(stage.kernel, &stage.endpoint, &stage.process)));
    world_make(&stage.world);
    fuzz_names_of_world(&stage.world, &stage.names);
    stage.descriptors[0] = -1;
    stage.descriptors[1] = stage.world.event;
    stage.descriptors[2] = (int)(intptr_t)stage.world.nt_sync;
    stage.descriptors[3] = (int)(intptr_t)stage.world.nt_native;
    stage.descriptors[4] = stage.world.sync_file;
    FUZZ_NEED(!udxg_failed(udxg_os_memfd("fuzz", 65536, &stage.descriptors[5])));
    stage.descriptors[6] = open("/dev/null", O_RDWR | O_CLOEXEC);
    stage.descriptors[7] = open("/", O_RDONLY | O_CLOEXEC);
}

static void drop_pages(void *start, size_t bytes)
{
    munmap((char *)start - PAGE, bytes + 2 * PAGE);
}

static void end(void)
{
    udxg_process_cancel(stage.process);
    udxg_process_destroy(stage.process);
    for (unsigned i = 1; i < 8; i++) close(stage.descriptors[i]);
    drop_pages(stage.world.arena, ARENA_BYTES);
    drop_pages(stage.world.room, ROOM_BYTES);
    drop_pages(stage.world.read_only, PAGE);
    drop_pages(stage.world.no_rights, PAGE);
}

/* ---- messages ---- */

static unsigned char *bytes_of_span(const struct udxg_span *span)
{
    return span->out;
}

/* Of the objects, into the message; by the walk's own spans. Returns how much of the message the row reads. */
static uint32_t put_names(enum udxg_thunk_id id, const struct udxg_message *message)
{
    static struct udxg_frame frame;
    struct udxg_message exact = *message;
    void *copy;

    frame.read = 0;
    if (!udxg_failed(udxg_thunk_enter_message(id, &exact, &frame, &copy)))
        (void)!udxg_thunk_leave(&frame, STATUS_NO_MEMORY);
    exact.size_bytes = frame.read;
    if (udxg_failed(udxg_thunk_enter_message(id, &exact, &frame, &copy))) return frame.read;
    fuzz_names_visit(&stage.names, &frame, bytes_of_span, fuzz_name_to_handle);
    (void)!udxg_thunk_leave(&frame, STATUS_NO_MEMORY);
    return exact.size_bytes;
}

static void call(struct fuzz_input *input)
{
    static unsigned char bytes[MESSAGE_BYTES];
    static const struct udxg_courier courier = {carry_for_input, NULL};
    enum udxg_thunk_id id = (enum udxg_thunk_id)(fuzz_byte(input) % (UDXG_THUNK_COUNT + 1));
    uint8_t how = fuzz_byte(input);
    uint32_t size = how & 1 ? (fuzz_word(input) & 0x7fff) : MESSAGE_BYTES;
    struct fuzz_input rest = *input;
    struct udxg_message message = {bytes, size};

    if (id == UDXG_THUNK_StopAdapter || id == UDXG_THUNK_StartAdapter || id == UDXG_THUNK_Inject) return;
    fuzz_copy(&rest, bytes, size);
    if (!(how & 1)) size = put_names(id, &message);
    input->bytes += size < input->left ? size : input->left;
    input->left -= size < input->left ? size : input->left;
    if (id < UDXG_THUNK_COUNT && !udxg_thunks[id].implemented) return;

    unsigned char *exact = malloc(size + 16); /* a byte too far is seen */
    FUZZ_NEED(exact);
    memcpy(exact, bytes, size);
    message = (struct udxg_message){exact, size};
    (void)!udxg_dispatch_message(stage.process, id, &message, &courier);
    free(exact);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct fuzz_input input = {bytes, size};

    if (size > MESSAGE_BYTES) return -1;
    set_up_once();
    begin();
    set_watch(udxg_os_now_ns() + SEQUENCE_MS * 1000000u);
    for (unsigned i = 0; i < CALLS_AT_MOST && input.left; i++) call(&input);
    set_watch(0);
    end();
    return 0;
}
