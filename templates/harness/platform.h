/* What the harness asks of the machine it runs on. */
#ifndef HARNESS_PLATFORM_H
#define HARNESS_PLATFORM_H

#include <stdbool.h>
#include <stdint.h>

#include "exchange.h"

/* The arena and the guard bytes that touch it on both sides. */
struct place {
    uint8_t *guard_below;
    uint8_t *arena;
    uint8_t *guard_above;
};

extern struct record harness_record;

/* Runs every vector of the inputs; fills in the record. */
void harness_run(const struct place *place);

bool platform_read(void *buffer, uint32_t bytes);
bool platform_write(const void *buffer, uint32_t bytes);

/* One inference whose input is pushed row by row; only then. */
void harness_infer(void *arena);

/* One inference.  The guards may be made untouchable while it runs. */
void platform_infer(const struct place *place);

#endif
