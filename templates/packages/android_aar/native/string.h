/* What the generated code takes from <string.h>: this library imports nothing. */
#ifndef EDGEBUILD_STRING_H
#define EDGEBUILD_STRING_H

#include <stddef.h>

void *memcpy(void *destination, const void *source, size_t bytes);
void *memmove(void *destination, const void *source, size_t bytes);
void *memset(void *destination, int value, size_t bytes);

#endif
