/* The functions that compilers call without being asked. */

#include <stddef.h>
#include <stdint.h>

/* Otherwise the compiler would recognise each loop and call the function that it stands in. */
#define PLAIN(name) __attribute__((no_builtin(name)))

static int aligned(const void *a, const void *b)
{
    return (((uintptr_t)a | (uintptr_t)b) & 3) == 0;
}

PLAIN("memcpy") void *memcpy(void *restrict to, const void *restrict from, size_t bytes)
{
    uint8_t *d = to;
    const uint8_t *s = from;
    if (aligned(d, s))
        for (; bytes >= 4; bytes -= 4, d += 4, s += 4)
            *(uint32_t *)(void *)d = *(const uint32_t *)(const void *)s;
    for (; bytes; bytes--)
        *d++ = *s++;
    return to;
}

PLAIN("memmove") void *memmove(void *to, const void *from, size_t bytes)
{
    uint8_t *d = to;
    const uint8_t *s = from;
    if (d < s) {
        for (size_t i = 0; i < bytes; i++)
            d[i] = s[i];
    } else {
        while (bytes--)
            d[bytes] = s[bytes];
    }
    return to;
}

PLAIN("memset") void *memset(void *to, int value, size_t bytes)
{
    uint8_t *d = to;
    const uint32_t word = (uint8_t)value * 0x01010101u;
    if (aligned(d, d))
        for (; bytes >= 4; bytes -= 4, d += 4)
            *(uint32_t *)(void *)d = word;
    for (; bytes; bytes--)
        *d++ = (uint8_t)value;
    return to;
}

PLAIN("memcmp") int memcmp(const void *left, const void *right, size_t bytes)
{
    const uint8_t *a = left, *b = right;
    for (size_t i = 0; i < bytes; i++)
        if (a[i] != b[i])
            return a[i] < b[i] ? -1 : 1;
    return 0;
}
