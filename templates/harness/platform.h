/* What the harness asks of the machine it runs on. */
#ifndef HARNESS_PLATFORM_H
#define HARNESS_PLATFORM_H

#include <stdbool.h>
#include <stdint.h>

#include "exchange.h"

/* The arena, or a piece of it, and the guard bytes that touch it on both sides. */
struct place {
    uint8_t *guard_below;
    uint8_t *arena;
    uint8_t *guard_above;
};

extern struct record harness_record;

/* Runs every vector of the inputs; fills in the record. places: one for each piece of the arena. */
void harness_run(const struct place *places);

bool platform_read(void *buffer, uint32_t bytes);
bool platform_write(const void *buffer, uint32_t bytes);

/* One inference whose input is pushed row by row, or whose arena comes in pieces; only then. */
void harness_infer(void *arena);

/* One inference.  arena: the model's only buffer, or the struct of them. */
void platform_infer(void *arena);

#endif
