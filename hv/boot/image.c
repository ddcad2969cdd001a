// SPDX-License-Identifier: BSD-2-Clause
// Checks a kernel before anything is built on it. Called by main.c and guest.c on the boot pcpu, no
// lock. Pure: also built on the host.
#include "boot/image.h"

#include "lib/string.h"

#define HEADER_SIZE 64u
#define TEXT_OFFSET 8u
#define IMAGE_SIZE 16u
#define FLAGS 24u
#define MAGIC 56u
#define FLAG_BIG_ENDIAN 1u
#define SIZE_MAX_SANE (1ull << 32)

static uint64_t little(const uint8_t *p, unsigned bytes)
{
    uint64_t value = 0;

    for (unsigned i = bytes; i > 0; i--) {
        value = value << 8 | p[i - 1];
    }
    return value;
}

// Files that people give by mistake, by what they begin with.
static const struct {
    unsigned at;
    const char *magic;
    unsigned length;
    const char *what;
} mistakes[] = {
    {0, "\x1f\x8b", 2, "is compressed with gzip: decompress it with gunzip"},
    {0, "\x28\xb5\x2f\xfd", 4, "is compressed with zstd: decompress it with unzstd"},
    {0, "\xfd" "7zXZ", 5, "is compressed with xz: decompress it with unxz"},
    {4, "zimg", 4, "is a compressed EFI image: give the plain arm64 Image"},
    {0, "\x7f" "ELF", 4, "is an ELF file: give arch/arm64/boot/Image, not vmlinux"},
};

static bool say_no_image(const char *whose, const uint8_t *p, size_t size, struct fault *f)
{
    for (unsigned i = 0; i < ARRAY_COUNT(mistakes); i++) {
        if (size >= mistakes[i].at + mistakes[i].length &&
            memcmp(p + mistakes[i].at, mistakes[i].magic, mistakes[i].length) == 0) {
            return fault_say(f, "%s kernel: %s", whose, mistakes[i].what);
        }
    }
    return fault_say(f, "%s kernel: is not an arm64 Image (no \"ARM\\x64\" at byte 56 of %lu): "
                     "give an uncompressed arm64 Linux kernel as the first module", whose,
                     (unsigned long)size);
}

// An Image with an EFI stub is a PE file too, and its section table tells how long the file must be
// (Microsoft PE/COFF specification: section count at 6 and optional header's size at 20 of the PE
// header, sections of 40 bytes, SizeOfRawData at 16, PointerToRawData at 20).
static uint64_t pe_file_size(const uint8_t *p, size_t size)
{
    uint64_t at = little(p + 60, 4);
    uint64_t end = 0;

    if (p[0] != 'M' || p[1] != 'Z' || at > size || size - at < 24 ||
        memcmp(p + at, "PE\0\0", 4) != 0) {
        return 0;
    }
    uint64_t sections = little(p + at + 6, 2);

    at += 24 + little(p + at + 20, 2);
    for (; sections > 0 && at + 40 <= size; sections--, at += 40) {
        end = MAX(end, little(p + at + 16, 4) + little(p + at + 20, 4));
    }
    return end;
}

bool image_read(struct image *out, const char *whose, const void *data, size_t size,
                struct fault *f)
{
    const uint8_t *p = data;

    if (size < HEADER_SIZE || memcmp(p + MAGIC, "ARM\x64", 4) != 0) {
        return say_no_image(whose, p, size, f);
    }
    if (little(p + FLAGS, 8) & FLAG_BIG_ENDIAN) {
        return fault_say(f, "%s kernel: is big-endian: give a little-endian arm64 Image", whose);
    }
    out->text_offset = little(p + TEXT_OFFSET, 8);
    out->size = little(p + IMAGE_SIZE, 8);
    if (out->size == 0 || out->size > SIZE_MAX_SANE || out->text_offset >= IMAGE_ALIGN) {
        return fault_say(f, "%s kernel: its header gives text_offset 0x%llx and size 0x%llx: "
                         "give an undamaged arm64 Image of Linux 3.17 or later", whose,
                         (unsigned long long)out->text_offset, (unsigned long long)out->size);
    }
    if (pe_file_size(p, size) > size) {
        return fault_say(f, "%s kernel: is cut short (%lu bytes of %llu): load the whole file",
                         whose, (unsigned long)size, (unsigned long long)pe_file_size(p, size));
    }
    out->size = MAX(out->size, size);
    return true;
}
