/* What the generated code takes from <math.h>: this library imports nothing. */
#ifndef EDGEBUILD_MATH_H
#define EDGEBUILD_MATH_H

#include <stdint.h>

/* To the nearest integer, halves away from zero.  From 2^23 on every float is an integer. */
static inline float roundf(float x)
{
    if (!(__builtin_fabsf(x) < 8388608.0f)) {
        return x;
    }
    float whole = (float)(int32_t)x;
    const float rest = x - whole;
    if (rest >= 0.5f) {
        whole += 1.0f;
    } else if (rest <= -0.5f) {
        whole -= 1.0f;
    }
    return __builtin_copysignf(whole, x);
}

#endif
