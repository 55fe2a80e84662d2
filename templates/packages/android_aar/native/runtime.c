/* What the compiler and the generated code call and libc would bring: this library imports nothing.
 * Every symbol is hidden: the app's own memcpy is not touched.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stddef.h>
#include <stdint.h>

#include "string.h"

/* Words at any address; the builtin becomes one load or store. */
static uint64_t load(const uint8_t *from)
{
    uint64_t word;
    __builtin_memcpy(&word, from, sizeof word);
    return word;
}

static void store(uint8_t *to, uint64_t word)
{
    __builtin_memcpy(to, &word, sizeof word);
}

static void forwards(uint8_t *to, const uint8_t *from, size_t bytes)
{
    for (; bytes >= 8; bytes -= 8, to += 8, from += 8) {
        store(to, load(from));
    }
    while (bytes-- != 0) {
        *to++ = *from++;
    }
}

static void backwards(uint8_t *to, const uint8_t *from, size_t bytes)
{
    for (to += bytes, from += bytes; bytes >= 8; bytes -= 8) {
        to -= 8;
        from -= 8;
        store(to, load(from));
    }
    while (bytes-- != 0) {
        *--to = *--from;
    }
}

void *memcpy(void *destination, const void *source, size_t bytes)
{
    forwards(destination, source, bytes);
    return destination;
}

void *memmove(void *destination, const void *source, size_t bytes)
{
    if ((uintptr_t)destination <= (uintptr_t)source) {
        forwards(destination, source, bytes);
    } else {
        backwards(destination, source, bytes);
    }
    return destination;
}

void *memset(void *destination, int value, size_t bytes)
{
    uint8_t *to = destination;
    const uint64_t word = UINT64_C(0x0101010101010101) * (uint8_t)value;
    for (; bytes >= 8; bytes -= 8, to += 8) {
        store(to, word);
    }
    while (bytes-- != 0) {
        *to++ = (uint8_t)value;
    }
    return destination;
}

#ifdef __arm__
/* Armv7-A promises no divide instruction.  The names are those of Arm's Run-time ABI (RTABI), sections 4.3.1 and
 * 4.3.4; the pairs of quotient and remainder come back in r0 and r1, which is what a 64-bit result is. */
void __aeabi_memcpy(void *destination, const void *source, size_t bytes);
void __aeabi_memcpy4(void *destination, const void *source, size_t bytes);
void __aeabi_memcpy8(void *destination, const void *source, size_t bytes);
void __aeabi_memmove(void *destination, const void *source, size_t bytes);
void __aeabi_memmove4(void *destination, const void *source, size_t bytes);
void __aeabi_memmove8(void *destination, const void *source, size_t bytes);
void __aeabi_memset(void *destination, size_t bytes, int value);
void __aeabi_memset4(void *destination, size_t bytes, int value);
void __aeabi_memset8(void *destination, size_t bytes, int value);
void __aeabi_memclr(void *destination, size_t bytes);
void __aeabi_memclr4(void *destination, size_t bytes);
void __aeabi_memclr8(void *destination, size_t bytes);
uint64_t __aeabi_uidivmod(uint32_t numerator, uint32_t denominator);
uint64_t __aeabi_idivmod(int32_t numerator, int32_t denominator);
uint32_t __aeabi_uidiv(uint32_t numerator, uint32_t denominator);
int32_t __aeabi_idiv(int32_t numerator, int32_t denominator);

void __aeabi_memcpy(void *destination, const void *source, size_t bytes)
{
    forwards(destination, source, bytes);
}

void __aeabi_memcpy4(void *destination, const void *source, size_t bytes)
{
    forwards(destination, source, bytes);
}

void __aeabi_memcpy8(void *destination, const void *source, size_t bytes)
{
    forwards(destination, source, bytes);
}

void __aeabi_memmove(void *destination, const void *source, size_t bytes)
{
    memmove(destination, source, bytes);
}

void __aeabi_memmove4(void *destination, const void *source, size_t bytes)
{
    memmove(destination, source, bytes);
}

void __aeabi_memmove8(void *destination, const void *source, size_t bytes)
{
    memmove(destination, source, bytes);
}

void __aeabi_memset(void *destination, size_t bytes, int value)
{
    memset(destination, value, bytes);
}

void __aeabi_memset4(void *destination, size_t bytes, int value)
{
    memset(destination, value, bytes);
}

void __aeabi_memset8(void *destination, size_t bytes, int value)
{
    memset(destination, value, bytes);
}

void __aeabi_memclr(void *destination, size_t bytes)
{
    memset(destination, 0, bytes);
}

void __aeabi_memclr4(void *destination, size_t bytes)
{
    memset(destination, 0, bytes);
}

void __aeabi_memclr8(void *destination, size_t bytes)
{
    memset(destination, 0, bytes);
}

/* Quotient in the low half, remainder in the high one.  Zero divided by is zero: nothing here can trap. */
uint64_t __aeabi_uidivmod(uint32_t numerator, uint32_t denominator)
{
    uint32_t quotient = 0;
    uint32_t rest = numerator;
    if (denominator != 0 && numerator >= denominator) {
        int shift = __builtin_clz(denominator) - __builtin_clz(numerator);
        for (; shift >= 0; shift--) {
            const uint32_t part = denominator << shift;
            if (rest >= part) {
                rest -= part;
                quotient |= UINT32_C(1) << shift;
            }
        }
    }
    return (uint64_t)rest << 32 | quotient;
}

uint64_t __aeabi_idivmod(int32_t numerator, int32_t denominator)
{
    const uint32_t up = numerator < 0 ? 0u - (uint32_t)numerator : (uint32_t)numerator;
    const uint32_t down = denominator < 0 ? 0u - (uint32_t)denominator : (uint32_t)denominator;
    const uint64_t both = __aeabi_uidivmod(up, down);
    const uint32_t quotient = (uint32_t)both;
    const uint32_t rest = (uint32_t)(both >> 32);
    const uint32_t signed_quotient = (numerator < 0) != (denominator < 0) ? 0u - quotient : quotient;
    const uint32_t signed_rest = numerator < 0 ? 0u - rest : rest;
    return (uint64_t)signed_rest << 32 | signed_quotient;
}

uint32_t __aeabi_uidiv(uint32_t numerator, uint32_t denominator)
{
    return (uint32_t)__aeabi_uidivmod(numerator, denominator);
}

int32_t __aeabi_idiv(int32_t numerator, int32_t denominator)
{
    return (int32_t)(uint32_t)__aeabi_idivmod(numerator, denominator);
}
#endif
