/* SPDX-License-Identifier: MIT */
/* Gives a target the files of the folder in its argument, in the order of their names: what was found once stays found.
 */
#include <dirent.h>

#include "target.h"

#define FILE_BYTES 65536u

static void replay(const char *folder, const char *name)
{
    static unsigned char bytes[FILE_BYTES];
    char path[4096];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    FUZZ_NEED(file);
    size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    unsigned char *exact = malloc(size + 1); /* a byte too far is seen */
    FUZZ_NEED(exact);
    memcpy(exact, bytes, size);
    fprintf(stderr, "# %s\n", name); /* the last one, when it ends here */
    LLVMFuzzerTestOneInput(exact, size);
    free(exact);
}

int main(int argc, char **argv)
{
    struct dirent **entries;
    unsigned done = 0;

    FUZZ_NEED(argc == 2);
    int count = scandir(argv[1], &entries, NULL, alphasort);
    FUZZ_NEED(count > 0);
    for (int i = 0; i < count; i++) {
        if (entries[i]->d_name[0] != '.') {
            replay(argv[1], entries[i]->d_name);
            done++;
        }
        free(entries[i]);
    }
    free(entries);
    FUZZ_NEED(done > 0);
    printf("%u inputs\n", done);
    return 0;
}
